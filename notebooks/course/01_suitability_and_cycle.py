# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 01. Is ABM right for us, and in which buying cycle is each account?
#
# ABM spends much on few accounts. The method says where this pays: where deals are large and slow, and several people decide. It
# also says that ABM is not one method. Accounts buy a line in an **early** cycle (a few very large deals, slow, decided by many), in
# a **full** one (many small orders), or in between (**mid**), and are sold to differently: in the early cycle "the sales cycle is
# almost forever". You build the profile of each product line, count deals that are not over yet, and look for accounts that buy a
# line in another cycle than is usual.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look at the outcome

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day. From here on you work in plain pandas. Renewals are left out: a
# renewal wins no new customer. (Page 01 leaves them out of the days only, so its figures differ.) `days` runs to the close of a
# deal, or to `as_of` where the deal is still open.

# %%
import numpy as np
import pandas as pd

from abmlib.method import suitability
from abmlib.pages import catalogue
from abmlib.pages.course import check
from abmlib.tables import Book

book = Book.open(data, as_of=as_of)
names = book.read("accounts").set_index("account_id")["name"]
people = book.read("opportunity_contacts").groupby("opportunity_id")["contact_id"].nunique()


def new_deals(of: Book) -> pd.DataFrame:
    """Deals of accounts, renewals aside, with days so far, whether closed, and people on them."""
    deals = of.read("opportunities").dropna(subset=["account_id", "product_line", "created_day"])
    closed = deals["is_closed"].astype(bool)
    days = (deals["closed_day"].where(closed, of.as_of) - deals["created_day"]).dt.days
    deals = deals.assign(closed=closed, days=days, people=deals["opportunity_id"].map(people))
    return deals[(deals["type"] != "renewal") & (deals["days"] >= 0)]


deals = new_deals(book)
deals[["account_id", "product_line", "amount", "created_day", "closed", "days", "people"]].tail(3)

# %% [markdown]
# ## The formula, built up
# **The typical account, not the typical deal.** ABM chooses accounts, so each account counts once. First take what is typical of
# each account in a line, then the middle of the accounts. For people on a deal it looks like this:

# %%
of_account = deals.groupby(["product_line", "account_id"])  # one group per account and line
buyers = of_account["people"].mean().groupby("product_line").mean()
buyers.to_frame("people on a deal").style.format("{:.2f}")

# %% [markdown] tags=["exercise"]
# ### Exercise 1: how large is a typical deal?
# For each product line: take the median amount of each account's deals, then the median of the accounts. Put the result into
# `deal_value`, a Series by product line.

# %% tags=["answer"]
deal_value = ...

# %% [markdown] tags=["hint"]
# Follow the line that makes `buyers`, with the column `amount`, and with a median in both places.

# %% tags=["solution"]
deal_value = of_account["amount"].median().groupby("product_line").median()

# %% tags=["wrong"]
# Half of the deals are below this figure, not half of the accounts. An account with many deals counts many times.
deal_value = deals.groupby("product_line")["amount"].median()

# %% tags=["wrong"]
# In a line, this figure is not in the middle. A mean follows the few largest deals.
deal_value = deals.groupby("product_line")["amount"].mean()

# %% tags=["check"]
with check(
    "Exercise 1", deal_value, "Each account counts once, however often it buys, and one giant deal moves nothing."
):
    typical = of_account["amount"].median().dropna()
    if not isinstance(deal_value, pd.Series):
        raise TypeError("a Series is asked for")
    given = deal_value.reindex(typical.index.unique("product_line")).astype(float)

    def in_the_middle(of: pd.Series) -> bool:
        """Is no more than half of it above or below the answer, in every line."""
        line = given[of.index.get_level_values("product_line")].to_numpy()
        sides = pd.DataFrame({"below": of < line, "above": of > line}).groupby(level="product_line").mean()
        return bool((sides <= 0.5).all(axis=None))

    assert given.notna().all(), "A line is missing: the answer has one figure for each product line."

    def is_near(other: pd.Series) -> bool:
        """Is the answer this one, but for rounding."""
        return bool(((given - other).abs() <= 0.5 + 0.0005 * other.abs()).all())

    each_deal = deals.set_index("product_line")["amount"].dropna()
    right = in_the_middle(typical) or is_near(typical.groupby("product_line").median())
    assert right or not (in_the_middle(each_deal) or is_near(each_deal.groupby("product_line").median())), (
        "Half of the deals are below this figure, not half of the accounts. An account with many deals counts many times."
    )
    assert right or not is_near(each_deal.groupby("product_line").mean()), (
        "In a line, this figure is not in the middle. A mean follows the few largest deals."
    )
    assert right or not is_near(of_account["amount"].mean().groupby("product_line").median()), (
        "You take the mean of each account. One large deal moves it."
    )
    assert right or not is_near(of_account["amount"].mean().groupby("product_line").mean()), (
        "You take a mean in both places. The few largest deals move it."
    )
    assert right or not is_near(typical.groupby("product_line").mean()), (
        "You take the mean of the accounts. The few largest move it."
    )
    assert right or not is_near(of_account["amount"].sum().groupby("product_line").median()), (
        "This adds up the deals of an account. The exercise asks how large one deal is."
    )
    assert right, "In a line, this figure is not in the middle of the accounts."

# %% [markdown]
# ## One way it fails: slow deals are not over yet
# Somebody asks: how long do the deals take that we opened in the last year? Quick deals among them are closed by now. Many
# slow ones are open, and their days are not known yet: they are *censored*. All we know is that they take longer than so far.
#
# The Kaplan–Meier curve uses this. For each number of days: how many deals were watched at least so long (`at_risk`), and how
# many of them closed on that day (`ended`)? One less their ratio, multiplied up day by day (`cumprod`), is the share still open.
# `weight` stays 1 until we draw accounts with repeats below.

# %%
day = pd.Timestamp(as_of)
recent = deals[deals["created_day"] > day - pd.DateOffset(years=1)]


def curve(days: pd.Series, closed: pd.Series, weight: float | np.ndarray = 1.0) -> pd.DataFrame:
    """Share of deals still open, by days since they were opened; `weight` says how often each deal counts."""
    rows = pd.DataFrame({"days": days, "ended": closed * weight, "watched": weight}).groupby("days").sum()
    rows["at_risk"] = rows["watched"][::-1].cumsum()[::-1]  # added up from the longest
    return rows.assign(still_open=(1 - rows["ended"] / rows["at_risk"]).cumprod())


def half_closed(by_day: pd.DataFrame) -> float:
    """First day on which no more than half are still open; missing where the curve does not get so far."""
    return float(by_day.index[by_day["still_open"] <= 0.5].min())


halves = {line: half_closed(curve(of["days"], of["closed"])) for line, of in recent.groupby("product_line")}
reached = [line for line, half in halves.items() if half > 0] or list(halves)
slow = (1 - recent.groupby("product_line")["closed"].mean())[reached].idxmax()  # most of its deals are still open
asked_of = recent[recent["product_line"] == slow]
by_day = curve(asked_of["days"], asked_of["closed"])
print(f"{slow}: {len(asked_of)} deals opened in the last year, {int((~asked_of['closed']).sum())} of them still open")
by_day.head(8).style.format({"still_open": "{:.1%}"}, precision=0)

# %% [markdown] tags=["exercise"]
# ### Exercise 2: how long do they take?
# After how many days is half of the deals in `asked_of` closed, when open deals are counted too? Read it from `by_day` and put the
# number into `days_needed`.

# %% tags=["answer"]
days_needed = ...

# %% [markdown] tags=["hint"]
# `by_day["still_open"]` falls with the days, which are the index. `by_day.index[condition]` gives the days for which a condition is
# true. You want the first of them.

# %% tags=["solution"]
days_needed = by_day.index[by_day["still_open"] <= 0.5].min()

# %% tags=["wrong"]
# This counts closed deals only. The deals that take long are the ones it leaves out.
days_needed = asked_of.loc[asked_of["closed"], "days"].mean()

# %% tags=["wrong"]
# This treats an open deal as if it closed on the last day you saw it. It takes longer than that.
days_needed = asked_of["days"].median()

# %% tags=["check"]
with check("Exercise 2", days_needed, "An open deal tells us that it takes at least this long."):
    expected = half_closed(by_day)
    is_right = abs(days_needed - expected) < 1e-9 or bool(pd.isna(expected) and pd.isna(days_needed))
    over = asked_of.loc[asked_of["closed"], "days"]

    def is_near(*others: float) -> bool:
        """Is the answer one of these, but for rounding."""
        return any(abs(days_needed - other) < 0.51 for other in others)

    assert is_right or not is_near(over.mean(), over.median()), (
        "This counts closed deals only. The deals that take long are the ones it leaves out."
    )
    assert is_right or not is_near(asked_of["days"].median(), asked_of["days"].mean()), (
        "This treats an open deal as if it closed on the last day you saw it. It takes longer than that."
    )
    assert is_right, "On that day the share still open is not at one half for the first time."

# %% [markdown]
# ## Suited or not: count the criteria
# The rule file of the workbook, `cycles.yml`, asks five things of a line (a sixth, how few accounts carry the revenue, is for lesson
# 03): median deal (money), median net revenue of a buying account in the last year (money), days to close, mean people on a deal, and
# mean number of lines an account deals in or buys. The first row of the table is what it asks, the others are the profiles. *Repeat
# rate*, the share of customers with two or more won deals, is no criterion, but it says how a line is bought.

# %%
CRITERIA = ["deal_value", "account_value", "cycle_days", "buyers", "lines"]
asked = pd.Series(catalogue.rules("cycles.yml")["suitability"])[CRITERIA]
bought = book.read("transactions").merge(book.read("products")[["product_id", "product_line"]], on="product_id")
in_year = bought[bought["booked_at"] > day - pd.DateOffset(years=1)]
in_year = in_year.groupby(["product_line", "account_id"])["revenue"].sum()
each = pd.DataFrame({
    "deal_value": of_account["amount"].median(),
    "account_value": in_year[in_year > 0],
    "buyers": of_account["people"].mean(),
}).astype(float)  # fmt: skip
# transform puts the size of each group beside every row of it
each["lines"] = each.groupby("account_id")["buyers"].transform("size")  # lines in which the account deals or buys


def profile(line: str, accounts: pd.DataFrame) -> pd.Series:
    """The criteria of a line, of these accounts; one that is named twice counts twice."""
    of = deals[deals["product_line"] == line]
    times = of["account_id"].map(accounts.index.value_counts()).fillna(0).to_numpy(float)
    found = {name: accounts[name].median() for name in ("deal_value", "account_value")}
    found |= {name: accounts[name].mean() for name in ("buyers", "lines")}
    return pd.Series(found | {"cycle_days": half_closed(curve(of["days"], of["closed"], times))})[asked.index]


won = deals[deals["is_won"].fillna(False).astype(bool)].groupby(["product_line", "account_id"]).size()
accounts_of = {line: each.loc[line] for line in deals["product_line"].unique()}
found = pd.DataFrame({line: profile(line, accounts) for line, accounts in accounts_of.items()}).T
shown = found.assign(repeat_rate=(won > 1).groupby("product_line").mean())
pd.concat([asked.to_frame("asked").T, shown]).style.format("{:,.2f}", na_rep="–")

# %% [markdown]
# **How sure is each figure?** Draw as many accounts as there are, with repeats, and compute the profile again: some two hundred
# times. The middle 95 % of these results is the interval from `low` to `high` (the *bootstrap*). With few accounts such an interval
# is too narrow, so criteria of too few accounts are dropped. And the more intervals you look at, the more of them miss the truth:
# each does 5 times in 100 or more. Page 01 allows for that.

# %%
n = pd.DataFrame({line: accounts[asked.index.drop("cycle_days")].count() for line, accounts in accounts_of.items()}).T
n["cycle_days"] = deals.groupby("product_line")["account_id"].nunique()
enough = n[asked.index] >= suitability.FEWEST
drawn = {
    line: pd.DataFrame([profile(line, accounts.sample(frac=1, replace=True, random_state=k)) for k in range(200)])
    for line, accounts in accounts_of.items()
}
low, high = (pd.DataFrame({line: of.quantile(q) for line, of in drawn.items()}).T for q in (0.025, 0.975))
low, high = low.where(enough), high.where(enough)  # where keeps what is true, and makes the rest missing
print(
    f"Criteria of fewer than {suitability.FEWEST} accounts are dropped. Intervals that stay: {low.notna().to_numpy().sum()}."
)
# concat puts one table under the other; swaplevel takes the line before low and high
tables = {"low": low, "high": high, "accounts": n[asked.index]}
pd.concat(tables).swaplevel().sort_index().style.format("{:,.2f}", na_rep="–")

# %% [markdown] tags=["exercise"]
# ### Exercise 3: how many criteria are met in the whole 95 % interval?
# For each line: how many criteria say yes, as the **whole** interval reaches what `asked` asks? Put the counts into `says_yes`, a
# Series by product line.

# %% tags=["answer"]
says_yes = ...

# %% [markdown] tags=["hint"]
# A table compared with `asked` gives true and false, column by column. `sum(axis=1)` counts what is true in each row. Which of `low`,
# `found` and `high` must reach the bound, so that all of the interval does?

# %% tags=["solution"]
says_yes = (low >= asked).sum(axis=1)

# %% tags=["wrong"]
# You count a criterion whose interval also holds values below the bound. The data leave that open.
says_yes = (high >= asked).sum(axis=1)

# %% tags=["wrong"]
# You compare lines with each other. A line can be the largest here and still too small for ABM, so compare with `asked`.
says_yes = (low >= found.mean()).sum(axis=1)

# %% tags=["check"]
with check(
    "Exercise 3",
    says_yes,
    "A criterion says yes, says no, or is left open. Where it is open, get data before you decide.",
):
    if not isinstance(says_yes, pd.Series):
        raise TypeError("a Series is asked for")
    given, certain = says_yes.reindex(low.index).astype(float), (low >= asked).sum(axis=1)
    assert given.between(0, len(asked)).all(), "A count for each product line, none above the number of criteria."
    is_right = bool((given == certain).all())
    relative = [(table >= found.mean()).sum(axis=1) for table in (low, found, high)]
    assert is_right or not any((given == counts).all() for counts in relative), (
        "You compare lines with each other. A line can be the largest here and still too small for ABM, so compare with `asked`."
    )
    assert (given % 1 == 0).all(), "A count is a whole number."
    assert is_right or not (given == (high < asked).sum(axis=1)).all(), "These are the criteria that say no."
    assert (given <= certain).all(), (
        "You count a criterion whose interval also holds values below the bound. The data leave that open."
    )
    assert is_right, "A line has a criterion that is met in the whole interval, and that you do not count."

# %% [markdown]
# **Suited**: most of the known criteria say yes, and deals or accounts are not too small. **Not suited**: most say no. **Mixed**:
# neither, though `suitability.LEAST_JUDGED` or more say yes or no. Else too little is known, as where fewer are known at all. Page 01
# has one criterion more and allows for many comparisons, so its verdict may differ. No truth file holds a verdict: it is a rule.

# %%
below = high < asked
counts = pd.DataFrame({"yes": (low >= asked).sum(axis=1), "no": below.sum(axis=1), "known": low.notna().sum(axis=1)})
most = counts[["yes", "no"]].gt(counts["known"] / 2, axis=0)
worth = ~below[["deal_value", "account_value"]].all(axis=1)
judged = counts["known"] >= suitability.LEAST_JUDGED
some = counts["yes"] + counts["no"] >= suitability.LEAST_JUDGED
counts["verdict"] = np.select(
    [judged & most["no"], judged & most["yes"] & worth, judged & some],
    ["not suited", "suited", "mixed"],
    "too little is known",
)
counts

# %% [markdown]
# ## In which cycle does an account buy?
# Three kinds of evidence, account by account: deal value, days, and people on a deal. The lines are put in order by deal value, and
# the bounds are half-way between neighbouring lines, by ratio. So each kind of evidence points to a cycle: early, mid or full. The
# first guess for an account is the usual cycle of the line.

# %%
CYCLES = ["early", "mid", "full"]
by = deals.groupby(["account_id", "product_line"])
own = pd.DataFrame({
    "deal_value": by["amount"].median(),
    "days": by["days"].sum() / by["closed"].sum().clip(lower=0.5),  # days watched for each close; no close counts as half a close
    "people": by["people"].mean(),
}).astype(float)  # fmt: skip
middle = own.groupby("product_line").agg({"deal_value": "median", "days": "median", "people": "mean"})
middle = middle.sort_values("deal_value", ascending=False)
bounds = np.sqrt(middle * middle.shift(-1)).iloc[:-1]  # shift(-1): the next row; half-way to it by ratio
# zip pairs each line with a cycle (strict: there must be as many of both); map looks each line up
usual = pd.Series(
    own.index.get_level_values("product_line").map(dict(zip(middle.index, CYCLES, strict=True))), own.index
)


def pointed_to(kind: str) -> np.ndarray:
    """Cycle that one kind of evidence points to, for each account and line."""
    above = [own[kind] >= bound for bound in bounds[kind]]  # of the bound of early, then of that of mid
    return np.select(above, CYCLES[:2], CYCLES[2])  # the first that is true, else the last cycle


points = pd.DataFrame({kind: pointed_to(kind) for kind in own}, own.index)
points = points[own.notna().all(axis=1)]  # accounts for which all three are known
usual = usual[points.index]
points.assign(usual=usual).reset_index("product_line").rename(names).tail(5)

# %% [markdown] tags=["exercise"]
# ### Exercise 4: who buys in another way?
# For which account and line do **all three** kinds of evidence point to **one and the same** cycle, and this is not the usual one?
# Put the pairs into `apart`, as a set: `set(points.index[condition])`.

# %% tags=["answer"]
apart = ...

# %% [markdown] tags=["hint"]
# `points.nunique(axis=1)` counts the different cycles in a row. Where it is one, any of the columns gives the cycle, to be compared
# with `usual`. Join two conditions by `&`.

# %% tags=["solution"]
agree = points.nunique(axis=1) == 1
apart = set(points.index[agree & (points["deal_value"] != usual)])

# %% tags=["wrong"]
# One of yours has evidence for the usual cycle too. A small or large deal alone is no other way of buying.
apart = set(points.index[points["deal_value"] != usual])

# %% tags=["wrong"]
# One of yours has evidence for two other cycles, which contradict each other.
apart = set(points.index[points.ne(usual, axis=0).all(axis=1)])

# %% tags=["check"]
with check(
    "Exercise 4",
    apart,
    "Where few accounts buy in another way, weak evidence can name more wrong accounts than right ones.",
):
    unlike, alone = points.ne(usual, axis=0), points.nunique(axis=1) == 1
    if not isinstance(apart, set):
        raise TypeError("a set is asked for")
    assert apart <= set(points.index), (
        "Something in your set is no pair of account and line from the index of `points`."
    )
    assert apart <= set(points.index[unlike.all(axis=1)]), (
        "One of yours has evidence for the usual cycle too. A small or large deal alone is no other way of buying."
    )
    assert apart <= set(points.index[alone]), (
        "One of yours has evidence for two other cycles, which contradict each other."
    )
    assert apart == set(points.index[alone & unlike.all(axis=1)]), "One is missing for which all three say the same."

# %% [markdown]
# ## Now see what really happened
# **Days.** The deals of the last year, as you saw them on `as_of`; the same deals at `later`; and the truth, which knows the close of
# every deal, also of those that are open to this day.

# %%
planted = pd.read_csv(f"{truth}/opportunities.csv", parse_dates=["opens_at", "closes_at"]).set_index("opportunity_id")
took = (planted["closes_at"] - planted["opens_at"]).dt.days
after = new_deals(Book.open(data, as_of=later))
after = after[after["opportunity_id"].isin(recent["opportunity_id"])]
seen = pd.DataFrame({
    "deals": recent.groupby("product_line").size(),
    "still open": (~recent["closed"]).groupby(recent["product_line"]).sum(),
    "closed only, median": recent[recent["closed"]].groupby("product_line")["days"].median(),
    "open counted, median": pd.Series(halves),
    "open counted, at `later`": pd.Series({n: half_closed(curve(of["days"], of["closed"])) for n, of in after.groupby("product_line")}),
    "truth, median": took.reindex(recent["opportunity_id"]).groupby(recent["product_line"].to_numpy()).median(),
})  # fmt: skip
seen.style.format(precision=0)

# %%
row = seen.loc[slow]
print(
    f"{slow}: closed deals alone said {row['closed only, median']:.0f} days, with open deals counted it was "
    f"{row['open counted, median']:.0f}, and the truth is {row['truth, median']:.0f} (medians)."
)

# %% [markdown]
# The curve corrects for what is not over yet, and not for chance: with few deals it can miss the truth by many days.
#
# **Cycles.** Some accounts were made to buy a line in another cycle than is usual for it. Here are two ways to find them: the
# deal value alone, and your rule.

# %%
lines_truth = pd.read_csv(f"{truth}/account_lines.csv").set_index(["account_id", "product_line"])["cycle"]
lines_truth = lines_truth.reindex(points.index)
other = lines_truth.notna() & (lines_truth != usual)
ways = pd.DataFrame({
    "everybody": True,
    "deal value alone": points["deal_value"] != usual,
    "all three say the same": (points.nunique(axis=1) == 1) & (points["deal_value"] != usual),
}, points.index)  # fmt: skip
result = pd.DataFrame({"named": ways.sum(), "right": ways[other].sum(), "missed": other.sum() - ways[other].sum()})
result["right, of those named"] = result["right"] / result["named"].where(result["named"] > 0)
result.style.format({"right, of those named": "{:.0%}"}, na_rep="–")

# %% [markdown]
# The row "everybody" is the base rate: how often you would be right by naming accounts blindly. A stricter rule names fewer
# and misses more. Do not expect a rule to find them all: with one or two deals, an account of a usual cycle can look like another
# by chance. A name on this list is a question to the owner of the account, and no verdict.
#
# **Take along.** Count each account once. Count open deals. Say "too little is known" where it is so. And ask for more than one
# kind of evidence before you treat an account differently. In the workbook, page 01 does all this (`abm run --only 01`), with all
# six criteria, allowing for many comparisons at once, and it weighs each kind of evidence by how much chance moves it.
