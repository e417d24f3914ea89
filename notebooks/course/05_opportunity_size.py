# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 05. How big could an account be, and what does an interval promise?
#
# The method asks for the size of each opportunity, so that effort goes where size is. Sizes are **skewed**: a few are many times the
# rest. Then the mean is no typical size, most intervals that people draw are wrong, and a customer that buys little looks like one
# that could buy more. You try each of these on deals and customers whose outcome is known. Then you see what came after your forecast.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look at the outcome

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day. The size of a deal is its amount when it was won. Renewals are left out: they
# repeat what is known.

# %%
import numpy as np
import pandas as pd

from abmlib.pages.course import check, name_mistake, off
from abmlib.stats import intervals
from abmlib.tables import Book

book, day = Book.open(data, as_of=as_of), pd.Timestamp(as_of)
a_year, half_year = pd.DateOffset(years=1), pd.Timedelta(days=182)
accounts = book.read("accounts").set_index("account_id")
lines = book.read("transactions")  # one row per line bought; returns are negative
deals = book.read("opportunities").query("type != 'renewal'").dropna(subset=["account_id"])
won = deals[deals["is_won"].fillna(False)].dropna(subset=["amount", "closed_day"]).sort_values("closed_day")
won[["account_id", "product_line", "closed_day", "amount"]].tail(3).style.format({"closed_day": "{:%Y-%m-%d}", "amount": "{:,.0f}"})  # fmt: skip

# %% [markdown]
# ## The middle and the mean
# Half of the deals are smaller than the **middle** (the median), half are bigger. The **mean** is the sum over the number. Which is a typical deal?

# %%
amounts = won["amount"].astype(float)
middle, mean = amounts.median(), amounts.mean()
print(f"{len(amounts)} deals won. Middle {middle:,.0f}, mean {mean:,.0f} {book.currency}. The largest is {amounts.max():,.0f}.")  # fmt: skip
print(f"{(amounts < mean).sum()} of them ({(amounts < mean).mean():.0%}) are smaller than the mean.")

# %% [markdown]
# So the mean is no typical deal. Sales will win 30 deals next, and finance asks what they bring. Somebody says: take the typical
# deal, times 30. We draw `lists` of 30 deals from those above, with repeats: one row per list, one column per deal.

# %%
random = np.random.default_rng(5)
lists = random.choice(amounts.to_numpy(), (1_000, 30))
pd.DataFrame(lists).iloc[:3, :6].style.format("{:,.0f}")

# %% [markdown] tags=["exercise"]
# ### Exercise 1: a budget by the middle
# The budget is 30 × `middle`. In which share of the lists does the **total** come to more than this budget? Put it into `above_budget`.

# %% tags=["answer"]
above_budget = ...

# %% [markdown] tags=["hint"]
# `lists.sum(axis=1)` adds up each list. Compare it with the budget; the mean of true and false is a share.

# %% tags=["solution"]
above_budget = (lists.sum(axis=1) > 30 * middle).mean()

# %% tags=["wrong"]
# You compare single deals with the middle. Add up each list first, and compare the total with 30 times the middle.
above_budget = (lists > middle).mean()

# %% tags=["wrong"]
# This budget is made of the mean. The exercise asks for the one made of the middle.
above_budget = (lists.sum(axis=1) > 30 * mean).mean()

# %% tags=["check"]
totals = lists.sum(axis=1)
above = (totals > 30 * middle).mean()
with check("Exercise 1", above_budget, "The middle is a typical deal, and 30 of them are no typical list: most lists hold a large one."):  # fmt: skip
    mistakes = {
        "This is in percent. Give a share: 0.05, not 5.": 100 * above,
        "This is the share of the lists that stay below the budget.": 1 - above,
        "You compare single deals with the middle. Add up each list first, and compare the total with 30 times the middle.": (lists > middle).mean(),
        "This budget is made of the mean. The exercise asks for the one made of the middle.": (totals > 30 * mean).mean(),
    }  # fmt: skip
    name_mistake(above_budget, above, 0.0006, mistakes)
    assert off(above_budget, above) < 0.0051, "Add up each of the lists, and compare each total with 30 times the middle."  # fmt: skip

# %%
print(f"On average a list brings {totals.mean() / 30 / middle:.1f} times the budget by the middle, and {totals.mean() / 30 / mean:.2f} times the one by the mean.")  # fmt: skip
print(f"But {(totals < 30 * mean).mean():.0%} of the lists stay below the budget by the mean: the large deals are in the others.")  # fmt: skip

# %% [markdown]
# Say the **middle** of one deal, and the **mean** of what is added up: a total that is planned with middles is too low.
#
# ## What an interval promises
# An interval of 95 % promises: of a hundred sizes that come, about 95 are inside. So count them. We make the interval from the
# `earlier` deals, and ask how many of the `later_deals`, those of the last year, are inside. First two intervals that are often seen.

# %%
is_later = won["closed_day"] > day - a_year
earlier, later_deals = amounts[~is_later], amounts[is_later]
n, centre = len(earlier), earlier.mean()
print(f"{n} earlier deals, {len(later_deals)} later ones")
for of, width in {"standard deviations": 1.96 * earlier.std(), "standard errors": 1.96 * earlier.std() / n**0.5}.items():  # fmt: skip
    inside = later_deals.between(centre - width, centre + width).mean()
    print(f"mean ± 1.96 {of}: from {centre - width:,.0f} to {centre + width:,.0f}, {inside:.0%} of the later deals inside")  # fmt: skip

# %% [markdown]
# The first goes below zero, where no deal is. The second says where the mean of many deals is, not where one deal is: it gets narrower with
# every deal we know, and deals do not.
#
# The size of a deal varies in **factors**: half as much, twice as much. Logarithms turn factors into distances, so there mean ± 1.96
# standard deviations fits better. The way: take `np.log` of the earlier deals, make the interval there, and go back with `np.exp`.

# %% [markdown] tags=["exercise"]
# ### Exercise 2: count what the interval promised
# Make the interval from the logarithms of `earlier`. Which share of `later_deals` is inside? Put it into `held`.

# %% tags=["answer"]
held = ...

# %% [markdown] tags=["hint"]
# `logs = np.log(earlier)`. The ends are `np.exp(logs.mean() - 1.96 * logs.std())` and the same with plus. `later_deals.between(low, high)` gives
# true or false for each deal.

# %% tags=["solution"]
logs = np.log(earlier)
low, high = np.exp(logs.mean() - 1.96 * logs.std()), np.exp(logs.mean() + 1.96 * logs.std())
held = later_deals.between(low, high).mean()

# %% tags=["wrong"]
# These are the deals that the interval was made of. A promise is about deals that came later.
logs = np.log(earlier)
held = earlier.between(np.exp(logs.mean() - 1.96 * logs.std()), np.exp(logs.mean() + 1.96 * logs.std())).mean()

# %% tags=["wrong"]
# This is the interval of the mean: you divided by the root of n. One deal varies as much as deals do.
logs = np.log(earlier)
error = logs.std() / len(logs) ** 0.5
held = later_deals.between(np.exp(logs.mean() - 1.96 * error), np.exp(logs.mean() + 1.96 * error)).mean()

# %% tags=["check"]
log = np.log(earlier)
spread = {"sd": log.std(), "sd of all": log.std(ddof=0), "one sd": log.std() / 1.96, "error": log.std() / n**0.5}
ends = {of: np.exp([log.mean() - 1.96 * s, log.mean() + 1.96 * s]) for of, s in spread.items()}
within = {of: later_deals.between(*both).mean() for of, both in ends.items()}
with check("Exercise 2", held, "Count it on later sizes: an interval that fits the sizes it was made of has promised nothing yet."):  # fmt: skip
    if off(held, within["sd of all"]) > 1e-9:  # with or without the 1 that n is less: both are right
        mistakes = {
            "This is in percent. Give a share: 0.05, not 5.": 100 * within["sd"],
            "These are the deals that the interval was made of. A promise is about deals that came later.": earlier.between(*ends["sd"]).mean(),
            "This is the interval of the mean: you divided by the root of n. One deal varies as much as deals do.": within["error"],
            "The interval is still on the scale of logarithms. Go back with `np.exp` before you compare it with money.": 0.0,
            "This is one standard deviation on either side. It takes 1.96 of them.": within["one sd"],
        }  # fmt: skip
        name_mistake(held, within["sd"], 0.0006, mistakes)
        assert off(held, within["sd"]) < 0.0051, "Make both ends from the logarithms of the earlier deals, and count the later ones between them."  # fmt: skip

# %%
low_end, high_end = ends["sd"]
share, at_least, at_most, n_later = intervals.share(later_deals.between(low_end, high_end), won.loc[is_later, "account_id"])  # fmt: skip
print(f"On logarithms: from {low_end:,.0f} to {high_end:,.0f}. Of {n_later} later deals {share:.0%} are inside ({at_least:.0%} to {at_most:.0%}), {(later_deals < low_end).sum()} below and {(later_deals > high_end).sum()} above; of the earlier ones {earlier.between(low_end, high_end).mean():.0%} are inside.")  # fmt: skip
if at_most < 0.95:
    print("Fewer than promised: the later deals are others, or the shape does not fit (then many of the earlier ones are outside, too), or it was luck.")  # fmt: skip

# %% [markdown]
# It is wide, and so are deals. A narrower one takes something that tells big from small, and a test on later deals that it does.
#
# ## Chance times size
# What will each account sign in the next half year? Most sign nothing. So there are two questions: does it sign (lesson 04), and how much
# if it does. We take three groups that everybody can see, and count what came after four earlier days. You only need to know: `group_on` gives the
# group of each account on a day, `signed_after` what it signed in the half year after, and `past` has both, a row per account and day. A last
# group is made up: of 50 accounts one signs.


# %%
def group_on(when: pd.Timestamp) -> pd.Series:
    """Group of each account that was known at the end of a day."""
    ids = accounts.index[~(accounts["created_day"] > when)]
    is_open = (deals["created_day"] <= when) & ~(deals["closed_day"] <= when)
    bought = lines["booked_at"].between(when - a_year, when, inclusive="right") & (lines["revenue"] > 0)
    of_group = [ids.isin(deals.loc[is_open, "account_id"]), ids.isin(lines.loc[bought, "account_id"])]
    return pd.Series(np.select(of_group, ["open deal", "customer"], "neither"), ids)


def signed_after(when: pd.Timestamp, of: pd.DataFrame, ids: pd.Index) -> pd.Series:
    """Money signed by each account in the half year after a day; 0 where nothing was."""
    inside = (of["closed_day"] > when) & (of["closed_day"] <= when + half_year)
    return of[inside].groupby("account_id")["amount"].sum().reindex(ids, fill_value=0.0).astype(float)


# %%
groups = {when: group_on(when) for when in [day - k * half_year for k in (4, 3, 2, 1)]}
past = [pd.DataFrame({"group": g, "came": signed_after(when, won, g.index)}) for when, g in groups.items()]
past = pd.concat([*past, pd.DataFrame({"group": "made up", "came": [0.0] * 49 + [100_000.0]})])
by_group, sizes = (rows.groupby("group")["came"] for rows in (past, past[past["came"] > 0]))
worth = pd.DataFrame({"rows": by_group.size(), "chance": by_group.agg(lambda c: (c > 0).mean()), "mean size": sizes.mean()})  # fmt: skip
worth["expected"] = (worth["chance"] * worth["mean size"]).fillna(0.0)  # 0 where none has signed
worth[["low", "middle", "high"]] = by_group.quantile([0.025, 0.5, 0.975]).unstack()
worth.style.format("{:,.0f}").format("{:.1%}", subset=["chance"])

# %% [markdown]
# **Expected** is chance times mean size: what such an account brings on average. Hardly any account brings just that: it signs nothing, or a size. The
# last three columns are quantiles of all rows of the group, the zeros too. An account has up to four of these rows, so the ends are less sure than
# so many rows would make them. Where more than 2.5 % sign nothing, what may come **begins at 0**; where the chance is below one half, the middle
# is 0 as well: nothing is the most likely. And where it is below 2.5 %, as in the made-up group, even the upper end is 0.
#
# Now all accounts of today. You only need to know: `worlds` has a row per half year that might come and a column per account, drawn from the past
# rows of its group, each account for itself; `upper` has the upper end of each account. So no half year is bad for all, and no deal is larger than
# those that came. Means may be added up: on average all accounts together bring the sum of `expected`. Middles may not.

# %%
today, random = group_on(day), np.random.default_rng(6)
worlds = np.column_stack([random.choice(past.loc[past["group"] == g, "came"], 2_000) for g in today])
expected, upper = today.map(worth["expected"]), np.quantile(worlds, 0.975, axis=0)  # axis=0: of each account
print(f"{worlds.shape[0]:,} half years of {worlds.shape[1]} accounts. In the first one {(worlds[0] > 0).sum()} accounts sign {worlds[0].sum():,.0f}.")  # fmt: skip
print(f"Added up: {expected.sum():,.0f} expected; the middles of all accounts: {np.median(worlds, axis=0).sum():,.0f}.")

# %% [markdown] tags=["exercise"]
# ### Exercise 3: what may come of all
# The head of sales wants to know what all accounts together bring at the upper end of a 95 % interval: 2.5 % of the half years that
# might come are above it. Put this amount into `total_high`.

# %% tags=["answer"]
total_high = ...

# %% [markdown] tags=["hint"]
# First ask what all accounts bring in each half year: `worlds.sum(axis=1)`. Then take the quantile of these totals: `np.quantile(…, 0.975)`.

# %% tags=["solution"]
total_high = np.quantile(worlds.sum(axis=1), 0.975)

# %% tags=["wrong"]
# You added up the upper ends. All accounts are never at their upper end in the same half year.
total_high = upper.sum()

# %% tags=["wrong"]
# 5 % of the half years are above this. An interval of 95 % leaves half of that on either side.
total_high = np.quantile(worlds.sum(axis=1), 0.95)

# %% tags=["check"]
of_all = worlds.sum(axis=1)
low_total, high_total = np.quantile(of_all, [0.025, 0.975])
with check("Exercise 3", total_high, "Means may be added up, and ends of intervals may not."):
    mistakes = {
        "You added up the upper ends. All accounts are never at their upper end in the same half year.": upper.sum(),
        "5 % of the half years are above this. An interval of 95 % leaves half of that on either side.": np.quantile(of_all, 0.95),
        "This is the mean of the totals, and half years may bring much more. The upper end is asked for.": of_all.mean(),
        "This is the lower end of the interval. The upper one is asked for.": low_total,
    }  # fmt: skip
    name_mistake(total_high, high_total, 0.0006 * high_total, mistakes)
    assert off(total_high, high_total) < 0.0051 * high_total, "Add up each of the half years, and take the amount that 2.5 % of the totals exceed."  # fmt: skip

# %%
print(f"All accounts together: {low_total:,.0f} to {high_total:,.0f}, expected {expected.sum():,.0f}. The upper ends add up to {upper.sum():,.0f}, {upper.sum() / high_total:.1f} times as much.")  # fmt: skip
of_each, near_total = expected.to_numpy(), (np.abs(of_all / expected.sum() - 1) < 0.5).mean()
print(f"The total is within half of what was expected in {near_total:.0%} of the half years, a single account in {(np.abs(worlds - of_each) < 0.5 * of_each).mean():.0%}.")  # fmt: skip

# %% [markdown]
# So use the total of the list and its order, and not what it says of one account. At the end you see what came.
#
# ## Look-alikes
# How much **could** a customer buy? Often people answer with customers like it. `spend` is what each customer bought in the last year. How far two
# accounts are `apart` is counted in doublings: of the employees of one, until it has as many as the other; another industry counts as one
# doubling more. The error is counted in doublings as well: an error of 1 is half, or twice as much.


# %%
def year_up_to(when: pd.Timestamp) -> pd.Series:
    """Revenue of each account in the year up to a day, of those that bought and whose employees are known."""
    inside = lines["booked_at"].between(when - a_year, when, inclusive="right")
    sums = lines[inside].groupby("account_id")["revenue"].sum()
    return sums[(sums > 0) & sums.index.isin(accounts.index[accounts["employees"].notna()])]


def apart_of(ids: pd.Index) -> pd.DataFrame:
    """How far the accounts lie apart: a row and a column per account."""
    doublings = np.log2(accounts.loc[ids, "employees"].astype(float)).to_numpy()
    industry = accounts.loc[ids, "industry"].fillna(pd.Series(ids, ids)).to_numpy()  # an unknown one is like no other
    return pd.DataFrame(np.abs(doublings[:, None] - doublings) + (industry[:, None] != industry), ids, ids)


def middle_of_nearest(apart: pd.DataFrame, spend: pd.Series) -> pd.Series:
    """Give of each account the middle of what the ten nearest spend."""
    nearest = np.argsort(apart.to_numpy(), axis=1, kind="stable")[:, :10]
    return pd.Series(np.median(spend.to_numpy()[nearest], axis=1), apart.index)


def far_below(spend: pd.Series) -> pd.Index:
    """Accounts that bought something, and less than half of what the others like them bought."""
    bought = spend[spend > 0]
    apart = apart_of(bought.index)
    return bought.index[bought < 0.5 * middle_of_nearest(apart.mask(np.eye(len(apart)) > 0, np.inf), bought)]


# %%
spend = year_up_to(day)
apart = apart_of(spend.index)
error = np.abs(np.log2(spend / middle_of_nearest(apart, spend))).mean()
others = pd.Series({a: spend.drop(a).median() for a in spend.index})  # the same for all: the middle of all others
error_all_alike = np.abs(np.log2(spend / others)).mean()
print(f"{len(spend)} customers. The employees of {accounts['employees'].isna().sum()} of {len(accounts)} accounts are not known: these are left out.")  # fmt: skip
print(f"Mean error: {error:.2f} doublings by look-alikes, {error_all_alike:.2f} if all are taken as alike.")
one = accounts.loc[spend.index, "industry"].dropna().index[0]  # the first whose industry is known
alike = accounts.loc[apart.loc[one].nsmallest(4).index, ["industry", "employees"]]
alike.assign(apart=apart.loc[one], spend=spend).style.format({"apart": "{:.2f}", "spend": "{:,.0f}"})

# %% [markdown] tags=["exercise"]
# ### Exercise 4: without itself
# “Look-alikes know what a customer spends”, says the slide with these two numbers. Look at the table: who is most like the first account?
# Compute the error by look-alikes again, so that no account is among its own ten nearest. Put it into `honest_error`.

# %% tags=["answer"]
honest_error = ...

# %% [markdown] tags=["hint"]
# `np.eye(len(apart)) > 0` is true where an account meets itself. `apart.mask(…, np.inf)` puts infinitely far apart what is true. Then do what the
# cell above does for `error`.

# %% tags=["solution"]
without_itself = apart.mask(np.eye(len(apart)) > 0, np.inf)
honest_error = np.abs(np.log2(spend / middle_of_nearest(without_itself, spend))).mean()

# %% tags=["wrong"]
# Every account is still among its own look-alikes, so it is told what it spends.
honest_error = np.abs(np.log2(spend / middle_of_nearest(apart.mask(np.eye(len(apart)) > 0, 0), spend))).mean()

# %% tags=["wrong"]
# You look for accounts that spend alike. An account that is compared by its revenue finds its own revenue.
by_revenue = np.abs(np.log2(spend.to_numpy()[:, None] / spend.to_numpy()))
by_revenue = pd.DataFrame(by_revenue, spend.index, spend.index).mask(np.eye(len(spend)) > 0, np.inf)
honest_error = np.abs(np.log2(spend / middle_of_nearest(by_revenue, spend))).mean()

# %% tags=["check"]
itself = np.eye(len(spend)) > 0
money_apart = pd.DataFrame(np.abs(np.log2(spend.to_numpy()[:, None] / spend.to_numpy())), spend.index, spend.index)
far = {"without itself": apart.mask(itself, np.inf), "by own revenue": money_apart.mask(itself, np.inf)}
errors = {of: np.abs(np.log2(spend / middle_of_nearest(a, spend))).mean() for of, a in far.items()}
honest = errors["without itself"]
with check("Exercise 4", honest_error, "Before you believe a comparison, ask whether the answer was in the question."):
    mistakes = {
        "Every account is still among its own look-alikes, so it is told what it spends.": error,
        "You look for accounts that spend alike. An account that is compared by its revenue finds its own revenue.": errors["by own revenue"],
        "This is the error if all are taken as alike. Take the ten nearest.": error_all_alike,
        "This error is not in doublings. Take `np.log2`.": honest * np.log(2),
    }  # fmt: skip
    name_mistake(honest_error, honest, 0.0006, mistakes)
    assert off(honest_error, honest) < 0.0051, "Put each account infinitely far from itself, and compute the error as above."  # fmt: skip

# %%
for words, value in ({"left in": error} | errors).items():
    print(f"{words}: the mean error is a factor of {2**value:.1f}; saved against taking all as alike: {1 - value / error_all_alike:.0%}")  # fmt: skip
if honest >= 0.9 * error_all_alike:
    print("Without itself the look-alikes save less than a tenth: here they describe, and do not predict.")

# %% [markdown]
# By own revenue the error is smallest, and the answer is worth nothing: if it only finds customers that buy as little, nobody has any
# headroom. Compare what a company **is**, not what it buys from us. And “all alike” is the forecast that any clever one must beat.
#
# ## Does headroom come?
# A customer that buys less than half of what its look-alikes buy has **headroom**, people say: it will catch up. So take customers that bought before
# the last two years began, look who was far below the look-alikes in the `first` year, and what they bought in the `second`. You only need
# to know: `far_below` takes what each customer bought in a year, and gives those that bought less than half of what their look-alikes bought.

# %%
before = lines[(lines["revenue"] > 0) & (lines["booked_at"] <= day - 2 * a_year)]
years = pd.DataFrame({"first": year_up_to(day - a_year), "second": year_up_to(day)})
years = years[years.index.isin(before["account_id"])].fillna(0.0)  # nothing bought: 0
below_first = far_below(years["first"])
caught_up = (years["second"] > years["first"])[below_first].mean()
print(f"{len(below_first)} of {len(years)} customers were far below in the first year. In the second {caught_up:.0%} of them bought more.")  # fmt: skip
years.loc[below_first].head(4).style.format("{:,.0f}")

# %% [markdown] tags=["exercise"]
# ### Exercise 5: run time backwards
# Is this headroom, or chance? An unusually low year is followed by a usual one; and there was one before it, too. Headroom works forward only: it
# cannot have made the year **before** larger. So look back.
# Which customers were far below their look-alikes in the `second` year? Which share of these had bought **more** in the `first` year than in the
# second? Put it into `backwards`.

# %% tags=["answer"]
backwards = ...

# %% [markdown] tags=["hint"]
# Choose by `far_below(years["second"])`. `(years["first"] > years["second"])[…].mean()` gives the share among those you chose.

# %% tags=["solution"]
below_second = far_below(years["second"])
backwards = (years["first"] > years["second"])[below_second].mean()

# %% tags=["wrong"]
# These were far below in the first year. Choose by the second.
backwards = (years["first"] > years["second"])[below_first].mean()

# %% tags=["check"]
low_second, more_before, more_after = far_below(years["second"]), years["first"] > years["second"], years["second"] > years["first"]  # fmt: skip
looking_back = more_before[low_second].mean()
with check("Exercise 5", backwards, "Accounts that are chosen for a low year tend to have better years on both sides of it: regression to the mean."):  # fmt: skip
    mistakes = {
        "This is in percent. Give a share: 0.05, not 5.": 100 * looking_back,
        "These were far below in the first year. Choose by the second.": more_before[below_first].mean(),
        "You counted those that bought more in the second year. Run time backwards: the first year beside the second.": more_after[low_second].mean(),
        "This is the look forward, of those far below in the first year.": caught_up,
        "These are all customers. Take those far below in the second year.": more_before.mean(),
    }  # fmt: skip
    name_mistake(backwards, looking_back, 0.0006, mistakes)
    assert off(backwards, looking_back) < 0.0051, "Choose by the second year, and count among these who bought more in the first."  # fmt: skip

# %%
stayed = (years > 0).all(axis=1)  # customers that left would lower the look forward only
looks = [(below_first, more_after[stayed]), (low_second, more_before[stayed])]
counts = [more.groupby(~more.index.isin(ids)).agg(["sum", "size"]) for ids, more in looks]  # those far below first
more_of, all_of = (pd.DataFrame([c[column].to_list() for c in counts]) for column in ("sum", "size"))
ahead, back = 100 * intervals.difference(more_of, all_of).to_numpy()  # points more than all others, low, high
print(f"Share of those who stayed that bought more, far below against all others: forward {ahead[0]:+.0f} points ({ahead[1]:.0f} to {ahead[2]:.0f}), back {back[0]:+.0f} ({back[1]:.0f} to {back[2]:.0f}).")  # fmt: skip
if ahead[0] - back[0] > np.hypot(ahead[0] - ahead[1], back[2] - back[0]):  # more than both intervals allow
    print("The look forward has clearly more than the look back: here it may be headroom.")
elif back[1] > 0:
    print("The look back shows a lead, which no headroom can make, and the look forward shows no clearly larger one: here the middle draws back.")  # fmt: skip
else:
    print("The look back shows no clear lead, and the look forward no clearly larger one: so few customers do not tell headroom from the middle.")  # fmt: skip

# %% [markdown]
# A campaign at customers far below can show that many grew, and that shows no more. Accounts held back by lot would tell (lesson 14).
#
# ## Now see what really happened
# First the forecast of all accounts, half a year later.

# %%
after = Book.open(data, as_of=later)
new_deals = after.read("opportunities").query("type != 'renewal'").dropna(subset=["account_id"])
came = signed_after(day, new_deals[new_deals["is_won"].fillna(False)], today.index)
where = "inside" if low_total <= came.sum() <= high_total else "outside"
print(f"Expected {expected.sum():,.0f}, came {came.sum():,.0f}: {where} the interval from {low_total:,.0f} to {high_total:,.0f}.")  # fmt: skip
if where == "outside":
    print("One half year is one draw; and the worlds knew only what had come before, and took accounts as independent.")
print(f"Of {len(came)} accounts {(came > 0).sum()} signed, {came.between(0.5 * expected, 1.5 * expected).sum()} within half of what was expected of them; {(came > upper).sum()} signed more than their upper end.")  # fmt: skip

# %% [markdown]
# Now the customers that were far below in the last year: did they buy more in the half year after than in the same half year one year before?
# That one is part of the low year, so by chance alone more of them than of the others should buy more.

# %%
bought = after.read("transactions").rename(columns={"booked_at": "closed_day", "revenue": "amount"})
rose = signed_after(day, bought, years.index) > signed_after(day - a_year, bought, years.index)
for name, part in (("far below", rose[low_second]), ("all others", rose.drop(low_second))):
    value, least, most, _ = intervals.share(part)
    print(f"Customers {name}: {value:.0%} bought more ({least:.0%} to {most:.0%}, n = {len(part)}).")

# %% [markdown]
# Take along: middle for one, mean for the sum; count on later sizes what an interval promised; add up means and never ends; compare nobody with
# itself; and look back before you believe in headroom. In the workbook, page 05 makes sizes and intervals for each account and line, says how
# often they held, and keeps all accounts alike where the past could not tell big from small.
