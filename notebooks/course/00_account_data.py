# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 00. Can we trust this data, account by account?
#
# ABM treats each company as a market of its own, so every table must roll up to the account (S0-2). Marketing knows people and
# leads, sales knows companies, and the two do not fit together by themselves (S0-11, S0-12). As much as possible should be
# known of each account (S2-22). You match people to accounts, find companies that were entered twice, count gaps, ask what was known
# on a day, and see what happens to a number when those who left are not in it.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look what came of it

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day, cleaned. In this lesson you do some of the cleaning yourself, so you also
# read the *export*: the rows as the CRM holds them.

# %%
import itertools
from difflib import SequenceMatcher

import pandas as pd

from abmlib.pages.course import check
from abmlib.tables import Book

book, day = Book.open(data, as_of=as_of), pd.Timestamp(as_of)


def export(table):
    """Read a table as the CRM gives it, with the rows created by the end of the day; only an empty cell is a missing value."""
    rows = pd.read_csv(f"{data}/{table}.csv", keep_default_na=False, na_values=[""])
    created = pd.to_datetime(rows["created_at"], utc=True).dt.tz_localize(None)
    return rows[created < day + pd.Timedelta(days=1)].reset_index(drop=True)


accounts, contacts = export("accounts"), export("contacts")
accounts[["account_id", "name", "domain", "country", "created_at", "is_duplicate_of"]].head(3)

# %% [markdown]
# ## From people to accounts
# Some people in the CRM have no account: they filled in a form, and nobody looked where they work. The part of the e-mail address
# after the @ can tell. `by_domain` has the account of each web domain.

# %%
lonely = contacts[contacts["account_id"].isna()].set_index("contact_id")["email_domain"]
by_domain = accounts.dropna(subset="domain").drop_duplicates("domain").set_index("domain")["account_id"]
print(f"{len(lonely):,} of {len(contacts):,} people have no account. Their most frequent domains:")
lonely.value_counts().head(3)

# %% [markdown] tags=["exercise"]
# ### Exercise 1: where do they work?
# Find the account of each person in `lonely` by the domain. Put the ids of the accounts into `found`, a Series by `contact_id`, with
# only the people for whom there is an account.

# %% tags=["answer"]
found = ...

# %% [markdown] tags=["hint"]
# `lonely.map(by_domain)` looks each domain up, and gives a missing value where there is no account.

# %% tags=["solution"]
found = lonely.map(by_domain).dropna()

# %% tags=["wrong"]
# For somebody in it no account was found. They stay without one.
found = lonely.map(by_domain)

# %% tags=["wrong"]
# A domain is not an account. Anybody may have an address at a free mail provider.
found = lonely.map(by_domain).fillna(lonely)

# %% tags=["check"]
with check("Exercise 1", found, "A person counts for an account as soon as somebody knows where the person works."):
    assert set(found.index) <= set(lonely.index), "The index has the contact_id of people in `lonely`."
    assert found.notna().all(), "For somebody in it no account was found. They stay without one."
    assert found.isin(accounts["account_id"]).all(), (
        "A domain is not an account. Anybody may have an address at a free mail provider."
    )
    assert (by_domain.reindex(lonely.reindex(found.index)).to_numpy() == found.to_numpy()).all(), (
        "Somebody is at an account that has another domain."
    )
    assert len(found) == lonely.isin(by_domain.index).sum(), "Somebody whose domain is that of an account is missing."

# %% [markdown]
# **Lead view and account view.** A lead list ranks people. Here are the touches of 90 days that the buyer began or shared, counted twice:
# for the most active person of each account, and for all of the account together. A touch by an unknown person counts for the account
# and for no lead.

# %%
touches = book.read("activities")
recent = touches[(touches["direction"] != "outbound") & (touches["occurred_day"] > day - pd.Timedelta(days=90))]
recent = recent[~recent["is_bot"].fillna(False).astype(bool)]
per_person = recent.dropna(subset="contact_id").groupby(["account_id", "contact_id"]).size()
views = pd.DataFrame(
    {"most active person": per_person.groupby("account_id").max(), "whole account": recent.groupby("account_id").size()}
).fillna(0)
views["people"] = per_person.groupby("account_id").size().reindex(views.index, fill_value=0)
by_lead, by_whole = (set(views[c].nlargest(10).index) for c in ("most active person", "whole account"))
print(f"{len(by_lead & by_whole)} accounts are among the first ten of both lists.")
views.join(accounts.set_index("account_id")["name"]).nlargest(5, "whole account").astype({"most active person": int})

# %% [markdown]
# ## Companies entered twice
# Two sellers enter one company, one of them with a slip. The CRM knows some of these: `is_duplicate_of` names the account they were
# merged into. Here are all pairs of names in one country that are much alike: 1 is equal, letter by letter.

# %%
rows = []
for _, group in accounts.sort_values("created_at").groupby("country"):
    ids = zip(group["account_id"], group["name"].str.lower(), group["is_duplicate_of"].notna(), strict=True)
    for (older, one, _), (newer, other, merged) in itertools.combinations(ids, 2):
        rows.append((older, newer, one, other, merged, SequenceMatcher(None, one, other).ratio()))
pairs = pd.DataFrame(rows, columns=["older", "newer", "name", "other name", "merged", "alike"])
pairs = pairs[pairs["alike"] > 0.8].sort_values("alike", ascending=False, ignore_index=True)
pairs.head(12).style.format("{:.2f}", subset=["alike"])

# %% [markdown] tags=["exercise"]
# ### Exercise 2: which entries are no company of their own?
# Take the pairs that are at least 0.9 alike, merged or not. Put the ids of the **newer** entries into `twins`, as a set: these are
# to be counted with the older ones.

# %% tags=["answer"]
twins = ...

# %% [markdown] tags=["hint"]
# `pairs.loc[condition, "newer"]` gives one column of the rows for which the condition is true.

# %% tags=["solution"]
twins = set(pairs.loc[pairs["alike"] >= 0.9, "newer"])

# %% tags=["wrong"]
# An entry is missing that has nearly the name of another. People slip when they type, so look for names that are alike.
twins = set(accounts.loc[accounts["name"].duplicated(), "account_id"])

# %% tags=["wrong"]
# One of yours is the older entry of its pair, the one that is kept.
alike = pairs[pairs["alike"] >= 0.9]
twins = set(alike["older"]) | set(alike["newer"])

# %% tags=["check"]
same = pairs[pairs["alike"] >= 0.9]
with check(
    "Exercise 2", twins, "Names can be alike by chance, so a person decides about each pair before it is merged."
):
    newer = set(same["newer"])
    assert isinstance(twins, set) and twins <= set(accounts["account_id"]), "Ids of accounts in a set."
    assert twins <= newer | set(same["older"]), "One of yours has a name that is less alike than the exercise asks for."
    assert twins <= newer, "One of yours is the older entry of its pair, the one that is kept."
    assert not same["merged"].any() or twins != set(same.loc[same["merged"], "newer"]) or twins == newer, (
        "These are only the ones that the CRM has merged already."
    )
    assert twins == newer, (
        "An entry is missing that has nearly the name of another. People slip when they type, so look for names that are alike."
    )

# %% [markdown]
# Until both are merged, what one entry holds is missing in the other. Here are the deals under each id, in the export.

# %%
deals = export("opportunities").groupby("account_id").size()
split = same[["older", "newer", "name", "merged"]].copy()
split["deals of older"], split["deals of newer"] = (
    split[side].map(deals).fillna(0).astype(int) for side in ("older", "newer")
)
split

# %% [markdown]
# ## How complete is an account?
# A description is used as a whole: to choose accounts that are alike, or to score them. What counts is how many accounts have **all** of
# it, not how well each field is filled.

# %%
fields = ["industry", "employees", "annual_revenue", "org_type", "tech_stack", "customer_base", "growth_outlook"]
filled = accounts.set_index("account_id")[fields].notna()
filled.mean().to_frame("share filled").style.format("{:.0%}")

# %% [markdown] tags=["exercise"]
# ### Exercise 3: how many are complete?
# Which share of the accounts has **every** field filled? Put it into `complete`.

# %% tags=["answer"]
complete = ...

# %% [markdown] tags=["hint"]
# `filled.all(axis=1)` looks along each row, and is true where all fields are.

# %% tags=["solution"]
complete = filled.all(axis=1).mean()

# %% tags=["wrong"]
# This is how well the fields are filled on average. An account that lacks one of them is not complete.
complete = filled.mean().mean()

# %% tags=["wrong"]
# This would hold if a gap in one field had nothing to do with a gap in another. Count the accounts instead.
complete = filled.mean().prod()

# %% tags=["check"]
with check(
    "Exercise 3",
    complete,
    "An account needs all of its fields. How well each is filled on average does not show how many have them all.",
):
    whole = filled.all(axis=1).mean()
    right = abs(float(complete) - whole) < 1e-6
    assert 0 <= complete <= 1, "A share is between 0 and 1."
    assert right or abs(complete - filled.mean().mean()) > 1e-6, (
        "This is how well the fields are filled on average. An account that lacks one of them is not complete."
    )
    assert right or abs(complete - filled.mean().prod()) > 1e-6, (
        "This would hold if a gap in one field had nothing to do with a gap in another. Count the accounts instead."
    )
    assert right, "This is not the share of accounts in which all fields are filled."

# %% [markdown]
# ## What was known on the day?
# Some purchases are entered weeks after they happened. `known_day` is the day of entry where it was late; else it is missing, and the row
# was known at once. These are the purchases of the three months up to `as_of`, in the data of the later day.

# %%
lines = Book.open(data, as_of=later).read("transactions")
quarter = lines[lines["booked_at"].between(day - pd.DateOffset(months=3) + pd.Timedelta(days=1), day)]
quarter.loc[quarter["known_day"].notna(), ["account_id", "booked_at", "known_day", "revenue"]].tail(4)

# %% [markdown] tags=["exercise"]
# ### Exercise 4: what could nobody know?
# How much revenue of `quarter` was not yet known at the end of `day`? Put the sum into `unseen`.

# %% tags=["answer"]
unseen = ...

# %% [markdown] tags=["hint"]
# Which rows have a `known_day` after `day`? A comparison with a missing value is false. Think of what `~` makes of it.

# %% tags=["solution"]
unseen = quarter.loc[quarter["known_day"] > day, "revenue"].sum()

# %% tags=["wrong"]
# Some of these were late and still known by the day.
unseen = quarter.loc[quarter["known_day"].notna(), "revenue"].sum()

# %% tags=["wrong"]
# Rows without a day of entry are in it. They were known at once.
unseen = quarter.loc[~(quarter["known_day"] <= day), "revenue"].sum()

# %% tags=["check"]
with check(
    "Exercise 4",
    unseen,
    "A test of a past forecast may use only what was known then. Else it looks better than it was.",
):
    unknown, any_late = quarter["known_day"] > day, quarter["known_day"].notna()
    sums = [quarter.loc[rows, "revenue"].sum() for rows in (unknown, any_late, unknown | ~any_late)]
    near = [abs(float(unseen) - x) < 0.01 for x in sums]
    assert near[0] or not near[1], "Some of these were late and still known by the day."
    assert near[0] or not near[2], "Rows without a day of entry are in it. They were known at once."
    assert near[0], "This is not the revenue of the rows that were entered after the day."

# %% [markdown]
# The book of `as_of` leaves these rows out, and page 00 counts them. Its revenue is what a report of that day could show.

# %%
then = book.read("transactions")
shown = then.loc[then["booked_at"] > day - pd.DateOffset(months=3), "revenue"].sum()
print(
    f"Known on the day: {shown:,.0f} {book.currency}. Known later for the same three months: {quarter['revenue'].sum():,.0f}."
)

# %% [markdown]
# ## One way it fails: those who left are not in the list
# A list of today's customers has no customer who left. Whoever measures growth on this list measures the survivors
# (*survivorship*). Here is the revenue of each account in the last twelve months, and in the twelve before.

# %%
a_year = pd.DateOffset(years=1)
this_year = then[then["booked_at"] > day - a_year].groupby("account_id")["revenue"].sum()
last_year = then[then["booked_at"].between(day - 2 * a_year + pd.Timedelta(days=1), day - a_year)]
last_year = last_year.groupby("account_id")["revenue"].sum()
print(f"{len(last_year)} accounts bought last year, {len(this_year)} this year.")

# %% [markdown] tags=["exercise"]
# ### Exercise 5: did last year's customers grow?
# By which share did the revenue of **all accounts that bought last year** change, taken together? Put it into `growth`: 0.1 is ten
# per cent more.

# %% tags=["answer"]
growth = ...

# %% [markdown] tags=["hint"]
# `this_year.reindex(last_year.index, fill_value=0)` has this year's revenue of each of last year's customers, and 0 of those who left.

# %% tags=["solution"]
growth = this_year.reindex(last_year.index, fill_value=0).sum() / last_year.sum() - 1

# %% tags=["wrong"]
# Those who left are missing in last year's revenue too. They were customers then.
stayed = last_year.index.intersection(this_year.index)
growth = this_year[stayed].sum() / last_year[stayed].sum() - 1

# %% tags=["wrong"]
# Accounts are in it that bought nothing last year. They are new customers, and no growth of the old ones.
growth = this_year.sum() / last_year.sum() - 1

# %% tags=["check"]
both = last_year.index.intersection(this_year.index)
survivors = this_year[both].sum() / last_year[both].sum() - 1
with check(
    "Exercise 5", growth, "Fix the group on the day before the story begins, and keep in it whoever was in it then."
):
    all_of_them = this_year[both].sum() / last_year.sum() - 1
    right = abs(float(growth) - all_of_them) < 1e-6
    assert growth > -10, "A change is one number, such as 0.1 for ten per cent more."
    assert right or abs(growth - survivors) > 1e-6, (
        "Those who left are missing in last year's revenue too. They were customers then."
    )
    assert right or abs(growth - (this_year.sum() / last_year.sum() - 1)) > 1e-6, (
        "Accounts are in it that bought nothing last year. They are new customers, and no growth of the old ones."
    )
    assert right, (
        "This is not this year's revenue of last year's customers, as a change of what they brought last year."
    )

# %% [markdown]
# ## Now see what really happened
# **Entered twice.** The truth names each twin. Were the names enough?

# %%
planted = pd.read_csv(f"{truth}/duplicates.csv")
planted = planted[planted["account_id"].isin(accounts["account_id"])]
hits = set(planted["account_id"]) & set(same["newer"])
print(
    f"{len(planted)} twins are in the export; names at least 0.9 alike find {len(hits)}, and {len(same) - len(hits)} other pairs. "
    f"{int(planted['merged'].sum())} are known to the CRM as merged."
)

# %% [markdown]
# **Gaps.** In this market the gaps were planted: more in accounts that were no customers when the data begin, and among customers more in
# small ones. Does the export show it?

# %%
market = pd.read_csv(f"{truth}/accounts.csv").set_index("account_id")
early = pd.to_datetime(market["starts"]) <= lines["booked_at"].min()
third = pd.cut(market.loc[early, "size"].rank(pct=True), [0, 1 / 3, 2 / 3, 1], labels=["small", "medium", "large"])
kind = third.astype("str").reindex(market.index).fillna("no customer when the data begin")
gaps = (~filled).mean(axis=1).reindex(market.index).dropna()
gaps.groupby(kind).agg(accounts="size", **{"share of fields missing": "mean"}).style.format(
    "{:.0%}", subset=["share of fields missing"]
)

# %% [markdown]
# **Late rows.** The revenue of the last month before `as_of`, as it was known on that day and on later ones.

# %%
month = lines[lines["booked_at"].between(day - pd.DateOffset(months=1) + pd.Timedelta(days=1), day)]
looks = [day, day + pd.Timedelta(days=20), day + pd.Timedelta(days=40), pd.Timestamp(later)]
known = [month.loc[~(month["known_day"] > look), "revenue"].sum() for look in looks]
pd.DataFrame({"looked at on": looks, "revenue known": known}).style.format(
    {"looked at on": "{:%d %B %Y}", "revenue known": "{:,.0f}"}
).hide(axis="index")

# %% [markdown]
# **Who left.** An account without a purchase in a year may be lost, or it may buy seldom.

# %%
gone = last_year.index.difference(this_year.index)
back = set(lines.loc[lines["booked_at"] > day, "account_id"]) & set(gone)
over = pd.to_datetime(market["stops"]).reindex(gone) <= day
print(
    f"{len(gone)} of {len(last_year)} customers of last year bought nothing this year. Revenue of those who stayed changed by {survivors:+.1%}, "
    f"of all together by {this_year[both].sum() / last_year.sum() - 1:+.1%}."
)
print(
    f"Of those {len(gone)}, the business of {int(over.sum())} was planted to stop; {len(back)} bought again by {later}."
)

# %% [markdown]
# Whether a quiet account comes back is partly luck: see it as a question to the owner. Take along: match people before
# you count them; merge companies before you sum them; ask why a field is empty before you use it; take the data of the day when you
# judge a day; and keep those who left in the group. In the workbook, page 00 (`abm run`) does this for every account and says which can be
# judged; `abm doctor` lists what the data cannot answer, before any report.
