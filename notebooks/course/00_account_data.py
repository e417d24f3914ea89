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
# ABM treats each company as a market of its own, so every table must roll up to the account. Marketing knows people and leads,
# sales knows companies, and the two do not fit together by themselves. As much as possible should be known of each account. You
# match people to accounts, find companies that were entered twice, count gaps, ask what was known on a day, and see what happens to
# a number when those who left are not in it.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look at the outcome

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day, cleaned. In this lesson you do some of the cleaning yourself, so you also
# read the *export*: the rows as the CRM holds them.

# %%
import itertools
from difflib import SequenceMatcher

import pandas as pd

from abmlib.pages.course import check, name_mistake, off
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
# `lonely.map(by_domain)` looks each domain up in the index of `by_domain`, and gives a missing value where there is no account.

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
    if not isinstance(found, pd.Series):
        raise TypeError("a Series is asked for")
    assert set(found.index) <= set(lonely.index), "The index has the contact_id of people in `lonely`."
    assert found.notna().all(), "For somebody in it no account was found. They stay without one."
    assert not found.isin(accounts["name"]).any(), "These are names of accounts. The answer has their ids."
    assert found.isin(accounts["account_id"]).all(), "A domain is not an account. Anybody may have an address at a free mail provider."  # fmt: skip
    assert (by_domain.reindex(lonely.reindex(found.index)).to_numpy() == found.to_numpy()).all(), "Somebody is at an account that has another domain."  # fmt: skip
    assert len(found) == lonely.isin(by_domain.index).sum(), "Somebody whose domain is that of an account is missing."

# %% [markdown]
# ## Companies entered twice
# Two sellers enter one company, one of them with a slip. The CRM knows some of these: `is_duplicate_of` names the account they were
# merged into. Here are pairs of names in one country, the most alike first: 1 is equal, letter by letter.

# %%
# SequenceMatcher(…).ratio() says how much two texts are alike. combinations(…, 2) gives every pair of a list, the first one being
# the older entry here; zip joins columns to rows (strict: all must be of equal length).
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
with check("Exercise 2", twins, "A lower bound finds pairs that are alike by chance, so a person decides before two are merged."):  # fmt: skip
    newer = set(same["newer"])
    if not isinstance(twins, set):
        raise TypeError("a set is asked for")
    assert twins <= set(accounts["account_id"]), "Something in your set is not the id of an account."
    assert twins <= newer | set(same["older"]), "One of yours has a name that is less alike than the exercise asks for."
    assert twins <= newer, "One of yours is the older entry of its pair, the one that is kept."
    assert not same["merged"].any() or twins != set(same.loc[same["merged"], "newer"]) or twins == newer, "These are only the ones that the CRM has merged already."  # fmt: skip
    assert twins == newer, "An entry is missing that has nearly the name of another. People slip when they type, so look for names that are alike."  # fmt: skip

# %% [markdown]
# Until both are merged, what one entry holds is missing in the other. Here are the deals under each id, in the export. `same` has the
# pairs as the check computed them; below, other names come from a check too.

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
# Which share of the rows of `filled` has **every** field filled? Companies entered twice count twice here. Put it into `complete`.

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
with check("Exercise 3", complete, "An account needs all of its fields. How well each is filled on average does not show how many have them all."):  # fmt: skip
    whole = filled.all(axis=1).mean()
    off(complete, whole)  # refuses what is no number
    assert 0 <= complete <= 1, "A share is between 0 and 1."
    mistakes = {
        "This is how well the fields are filled on average. An account that lacks one of them is not complete.": filled.mean().mean(),
        "This would hold if a gap in one field had nothing to do with a gap in another. Count the accounts instead.": filled.mean().prod(),
        "This is the share of accounts that lack something.": 1 - whole,
        "This is the share of accounts that have something.": filled.any(axis=1).mean(),
    }  # fmt: skip
    name_mistake(complete, whole, 0.0051, mistakes)
    assert off(complete, whole) < 0.0051, "This is not the share of accounts in which all fields are filled."

# %% [markdown]
# ## What was known on the day?
# Some purchases are entered weeks after they happened. `known_day` is the day of entry where it was late; else it is missing, and the row
# was known at once. These are the purchases of the three months up to `as_of`, in the data of the later day.

# %%
lines = Book.open(data, as_of=later).read("transactions")
first = day + pd.Timedelta(days=1) - pd.DateOffset(months=3)  # of the three months, the first day
quarter = lines[lines["booked_at"].between(first, day)]
quarter.loc[quarter["known_day"].notna(), ["account_id", "booked_at", "known_day", "revenue"]].tail(4)

# %% [markdown] tags=["exercise"]
# ### Exercise 4: what could nobody know?
# How much revenue of `quarter` was not yet known at the end of `day`? Put the sum into `unseen`.

# %% tags=["answer"]
unseen = ...

# %% [markdown] tags=["hint"]
# Which rows have a `known_day` after `day`? `quarter["known_day"] > day` is false where the day is missing, and that is what you want.

# %% tags=["solution"]
unseen = quarter.loc[quarter["known_day"] > day, "revenue"].sum()

# %% tags=["wrong"]
# Some of these were late and still known by the day.
unseen = quarter.loc[quarter["known_day"].notna(), "revenue"].sum()

# %% tags=["wrong"]
# Rows without a day of entry are in it. They were known at once.
unseen = quarter.loc[~(quarter["known_day"] <= day), "revenue"].sum()

# %% tags=["check"]
with check("Exercise 4", unseen, "A test of a past forecast may use only what was known then, be the difference large or small."):  # fmt: skip
    revenue, unknown, late = quarter["revenue"], quarter["known_day"] > day, quarter["known_day"].notna()
    right = revenue[unknown].sum()
    mistakes = {
        "Some of these were late and still known by the day.": revenue[late].sum(),
        "Rows without a day of entry are in it. They were known at once.": revenue[unknown | ~late].sum(),
        "This is all that was known by the day. Look for the rest.": revenue[~unknown].sum(),
        "This is all revenue of the three months. Most of it was known.": revenue.sum(),
        "These are rows. Add up their revenue.": unknown.sum(),
    }  # fmt: skip
    off(unseen, right)  # refuses what is no number
    assert right < 1 or not 0 < unseen < 1, "This is a share. The exercise asks for a sum of money."
    name_mistake(unseen, right, 1, mistakes)
    assert off(unseen, right) <= 1, "This is not the revenue of the rows that were entered after the day."

# %% [markdown]
# The book of `as_of` leaves these rows out, and page 00 counts them. Its revenue is what a report of that day could show.

# %%
then = book.read("transactions")
shown = then.loc[then["booked_at"] >= first, "revenue"].sum()
whole = quarter["revenue"].sum()
print(f"Known on the day: {shown:,.0f} {book.currency}. Known later for the same three months: {whole:,.0f}.")
print(f"What came in late is {1 - shown / whole:.2%} of it.")

# %% [markdown]
# ## One way it fails: those who left are not in the list
# A list of today's customers has no customer who left. Whoever measures growth on this list measures the survivors
# (*survivorship*). Here is the revenue of each account in the last twelve months, and in the twelve before.

# %%
a_year = pd.DateOffset(years=1)  # goes by the calendar, leap years too
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
with check("Exercise 5", growth, "Fix the group on the day before the story begins, and keep in it whoever was in it then."):  # fmt: skip
    before = last_year.sum()
    right = this_year[both].sum() / before - 1
    each = this_year.reindex(last_year.index, fill_value=0) / last_year - 1
    mistakes = {
        "Those who left are missing in last year's revenue too. They were customers then.": survivors,
        "Accounts are in it that bought nothing last year. They are new customers, and no growth of the old ones.": this_year.sum() / before - 1,
        "This is the mean of the accounts' own changes: a small account counts as much as a large one.": each.mean(),
        "These are per cent. Give a share: 0.1 is ten per cent more.": 100 * right,
        "This is the ratio of the two years. How much is it above 1, or below?": right + 1,
        "The sign is the other way round: a rise is positive, a fall negative.": -right,
        "This is money. Divide it by what they brought last year.": right * before,
    }  # fmt: skip
    name_mistake(growth, right, max(0.0006, abs(right) / 100), mistakes)
    assert off(growth, right) < 0.0051, "This is not this year's revenue of last year's customers, as a change of what they brought last year."  # fmt: skip

# %% [markdown]
# ## Now see what really happened
# **Entered twice.** The truth names each twin. Were the names enough?

# %%
planted = pd.read_csv(f"{truth}/duplicates.csv")
planted = planted[planted["account_id"].isin(accounts["account_id"])]
company = planted.set_index("account_id")["original_id"]
one = pairs["older"].replace(company) == pairs["newer"].replace(company)  # both entries of the pair are one company
close = pairs["alike"] >= 0.9
hits = planted["account_id"].isin(pairs.loc[one & close, ["older", "newer"]].stack()).sum()
print(
    f"{len(planted)} twins are in the export; names at least 0.9 alike find {hits}, and {(close & ~one).sum()} pairs of different companies. "
    f"{int(planted['merged'].sum())} are known to the CRM as merged."
)
print(
    f"{(~close).sum()} more pairs are at least 0.8 alike; one company entered twice: {(one & ~close).sum()} of these."
)

# %% [markdown]
# **Gaps.** Are gaps spread by chance? Here is the share of fields missing, by what the truth says of each account: if it was no
# customer when the data begin, and of the customers the size.

# %%
market = pd.read_csv(f"{truth}/accounts.csv").set_index("account_id")
early = pd.to_datetime(market["starts"]) <= lines["booked_at"].min()
place = market.loc[early, "size"].rank(pct=True)  # 0 to 1, from the smallest to the largest
third = pd.cut(place, [0, 1 / 3, 2 / 3, 1], labels=["small", "medium", "large"])  # cut: by bounds
kind = third.astype("str").reindex(market.index).fillna("no customer when the data begin")
missing = (~filled).mean(axis=1).reindex(market.index).dropna()
gaps = missing.groupby(kind).agg(["size", "mean", "sem"])  # sem: the error of the mean
worst, best = gaps["mean"].idxmax(), gaps["mean"].idxmin()
far = gaps.loc[worst, "mean"] - gaps.loc[best, "mean"] > 3 * (gaps.loc[[worst, best], "sem"] ** 2).sum() ** 0.5
print(
    f"Most is missing in accounts of the kind: {worst}; least: {best}. {'That is more than luck.' if far else 'That may be luck.'}"
)
gaps.drop(columns="sem").set_axis(["accounts", "share of fields missing"], axis=1).style.format(precision=2)

# %% [markdown]
# **Who left.** An account without a purchase in a year may be lost, or it may buy seldom.

# %%
gone = last_year.index.difference(this_year.index)  # who is in the first index and not in the second
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
