# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 03. Which accounts carry the business?
#
# ABM spends much on few accounts, so the first question is which. The method says: not every account qualifies as key; apply the
# Pareto principle to find those that matter; look at revenue **and** margin, at the history and at whether the customer will stay.
# You build the Pareto analysis yourself, see how it fails, and look at the six months that followed.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look at the outcome

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day. From here on you work in plain pandas.

# %%
import pandas as pd

from abmlib.pages.course import check
from abmlib.tables import Book

book, day = Book.open(data, as_of=as_of), pd.Timestamp(as_of)
names = book.read("accounts").set_index("account_id")["name"]
lines = book.read("transactions")  # one row per line bought; returns are negative
lines[["account_id", "booked_at", "revenue", "cogs", "kind"]].tail(3)

# %% [markdown]
# ## The formula, built up
# **Revenue of an account**: the sum of its lines over twelve months, returns included. Sorted from the largest, added up and
# divided by the total, it says what share of the business the first *n* accounts bring. This is the Pareto curve.

# %%
a_year = pd.DateOffset(years=1)  # goes by the calendar, leap years too
year = lines[lines["booked_at"] > day - a_year]
revenue = year.groupby("account_id")["revenue"].sum().sort_values(ascending=False)
carried = revenue.cumsum() / revenue.sum()
carried.head(10).rename(names).to_frame("share of revenue so far").style.format("{:.1%}")

# %% [markdown] tags=["exercise"]
# ### Exercise 1: how few carry 80 %?
# How many accounts, the largest first, does it take to bring **at least** 80 % of the revenue? Put the number into `n_vital`.

# %% tags=["answer"]
n_vital = ...

# %% [markdown] tags=["hint"]
# `carried` grows with every account. How many of its values are still below 0.8? One more account gets you there.

# %% tags=["solution"]
n_vital = int((carried < 0.8).sum()) + 1

# %% tags=["wrong"]
# With the largest first, fewer accounts are enough. A fifth or four fifths of all accounts is a rule of thumb; count instead.
n_vital = round(0.8 * len(revenue))

# %% tags=["wrong"]
# These accounts together stay below 80 %. The one that crosses the line is missing.
n_vital = int((carried < 0.8).sum())

# %% tags=["check"]
with check("Exercise 1", n_vital, "Few accounts carry most of the business. This is why ABM can work here."):
    if not pd.api.types.is_number(n_vital):
        raise TypeError("a number is asked for")
    assert n_vital == int(n_vital) and 0 < n_vital <= len(revenue), "A number of accounts is a whole number above 0."
    reached = carried.iloc[int(n_vital) - 1]
    assert reached >= 0.8, "These accounts together stay below 80 %. The one that crosses the line is missing."
    assert n_vital == 1 or carried.iloc[int(n_vital) - 2] < 0.8, (
        "With the largest first, fewer accounts are enough. A fifth or four fifths of all accounts is a rule of thumb; count instead."
    )

# %% [markdown]
# **One number for the whole curve** is the Gini coefficient: 0 if all accounts bring the same, near 1 if one brings
# everything. With revenues $x_1 \le \dots \le x_n$ it is $\sum_i (2i - n - 1)\,x_i \,/\, (n \sum_i x_i)$. It is defined for
# revenues that are not negative, so accounts that returned more than they bought are left out, and counted.

# %%
positive = revenue[revenue > 0].sort_values()
n = len(positive)
rank = pd.Series(range(1, n + 1), index=positive.index)
gini = ((2 * rank - n - 1) * positive).sum() / (n * positive.sum())
print(f"Gini {gini:.2f} over {n} accounts; {len(revenue) - n} left out")

# %% [markdown]
# ## One way it fails: revenue is not margin
# A large customer knows that it is large, and bargains. Margin is revenue less the cost of goods sold (`cogs`).

# %% [markdown] tags=["exercise"]
# ### Exercise 2: who looks larger than they are?
# Which of the ten accounts with most revenue are **not** among the ten with most margin? Put their ids into `flattered`, as a set.

# %% tags=["answer"]
flattered = ...

# %% [markdown] tags=["hint"]
# Build `margin` as `revenue` was built, from `year["revenue"] - year["cogs"]`. `nlargest(10).index` gives the ids of ten;
# `set(a) - set(b)` what is in one and not in the other.

# %% tags=["solution"]
margin = (year["revenue"] - year["cogs"]).groupby(year["account_id"]).sum()
flattered = set(revenue.nlargest(10).index) - set(margin.nlargest(10).index)

# %% tags=["wrong"]
# One of yours is not among the ten with most revenue. You may have taken the difference the other way round.
margin = (year["revenue"] - year["cogs"]).groupby(year["account_id"]).sum()
flattered = set(margin.nlargest(10).index) - set(revenue.nlargest(10).index)

# %% tags=["wrong"]
# One of yours is among the ten with most margin. Compare sums of margin in money, not margin rates.
margin = (year["revenue"] - year["cogs"]).groupby(year["account_id"]).sum()
flattered = set(revenue.nlargest(10).index) - set((margin / revenue).nlargest(10).index)

# %% tags=["check"]
with check("Exercise 2", flattered, "Whoever chooses by revenue alone may spend top effort on accounts that do not earn the most."):  # fmt: skip
    earned = (year["revenue"] - year["cogs"]).groupby(year["account_id"]).sum()
    top = [set(x.nlargest(10).index) for x in (revenue, earned)]
    if not isinstance(flattered, set):
        raise TypeError("a set is asked for")
    assert flattered <= set(names.index), "Something in your set is not the id of an account."
    assert flattered <= top[0], (
        "One of yours is not among the ten with most revenue. You may have taken the difference the other way round."
    )
    by_rate = top[0] - set((earned / revenue).nlargest(10).index)
    assert flattered == top[0] - top[1] or flattered != by_rate, (
        "One of yours is among the ten with most margin. Compare sums of margin in money, not margin rates."
    )
    ever = (lines["revenue"] - lines["cogs"]).groupby(lines["account_id"]).sum()
    assert flattered == top[0] - top[1] or flattered != top[0] - set(ever.nlargest(10).index), (
        "Your margin is that of all years, beside the revenue of one. Take both from `year`."
    )
    assert not flattered & top[1], "One of yours is among the ten with most margin."
    assert len(flattered) == len(top[0] - top[1]), "An account is missing: of most revenue, and not of most margin."

# %% [markdown]
# ## Will they stay?
# The past is known, the accounts are for the future. The workbook asks four questions of each valuable account. One is
# whether its revenue fell, and by how much: that of the year up to `as_of` less that of the year before, as a share of the year before. Without revenue in the
# year before there is no such share. `before` has the revenue of the year before, by account.

# %% [markdown] tags=["exercise"]
# ### Exercise 3: who is falling?
# `vital` has the twenty accounts with most revenue of either year. Which of them bring at least 30 % less than in the year before?
# Put their ids into `falling`, as a set.

# %%
a_year_ago = lines["booked_at"].between(day - 2 * a_year + pd.Timedelta(days=1), day - a_year)  # with both ends
before = lines[a_year_ago].groupby("account_id")["revenue"].sum()
# union: who is in one of the two, or in both
vital = revenue.nlargest(20).index.union(before.nlargest(20).index)

# %% tags=["answer"]
falling = ...

# %% [markdown] tags=["hint"]
# An account that bought in the year before and nothing since is missing in `revenue`. What is its revenue, and what is its change?
# `revenue.reindex(vital, fill_value=0)` keeps it.

# %% tags=["solution"]
change = revenue.reindex(vital, fill_value=0) / before.reindex(vital).where(lambda x: x > 0) - 1
falling = set(change.index[change <= -0.3])

# %% tags=["wrong"]
# One that bought in the year before and nothing since is missing. It fell by all it had.
change = revenue.reindex(vital) / before.reindex(vital) - 1
falling = set(change.index[change <= -0.3])

# %% tags=["wrong"]
# One of yours fell by less than 30 %. A fall is a share of the revenue of the year before.
falling = set(vital[revenue.reindex(vital, fill_value=0) < before.reindex(vital, fill_value=0)])

# %% tags=["check"]
with check("Exercise 3", falling, "A list made from the revenue of one year does not show who has left."):
    now, then = revenue.reindex(vital, fill_value=0), before.reindex(vital)
    is_falling = (then > 0) & (now <= 0.7 * then)
    if not isinstance(falling, set):
        raise TypeError("a set is asked for")
    assert falling <= set(vital), "Something in your set is not the id of an account in `vital`."
    assert not falling - set(vital[is_falling]), (
        "One of yours fell by less than 30 %. A fall is a share of the revenue of the year before."
    )
    assert set(vital[is_falling & (now == 0)]) <= falling, (
        "One that bought in the year before and nothing since is missing. It fell by all it had."
    )
    assert falling == set(vital[is_falling]), "One that fell by 30 % or more is missing."

# %% [markdown]
# ## Now see what really happened
# Your lists are of `as_of`. Here are the months after it, and what was planted in these accounts: a business that had stopped
# by `as_of`, or had begun to decline bit by bit; one that does so later; or neither.

# %%
after = Book.open(data, as_of=later).read("transactions")
came = after[after["booked_at"] > day].groupby("account_id")["revenue"].sum()
now, then = revenue.reindex(vital, fill_value=0), before.reindex(vital, fill_value=0)
planted = pd.read_csv(f"{truth}/accounts.csv").set_index("account_id").reindex(vital)
stops, falls = pd.to_datetime(planted["stops"]), pd.to_datetime(planted["falls"])
what = pd.Series("neither", vital)
what[(stops > day) | (falls > day)] = "later"
what[falls <= day] = "declines"
what[stops <= day] = "stopped"
seen = pd.DataFrame(
    {
        "account": names.reindex(vital),
        "the year before": then,
        "the year up to as_of": now,
        "six months after": came.reindex(vital, fill_value=0),
        "falling by the rule": (then > 0) & (now <= 0.7 * then),
        "planted": what,
    }
).sort_values("the year before", ascending=False)
seen.style.format("{:,.0f}", subset=list(seen.columns[1:4])).hide(axis="index")

# %%
kept = came.reindex(revenue.index[:10], fill_value=0).sum() / came.sum()
print(
    f"Your ten largest brought {carried.iloc[9]:.0%} of the revenue of the year, and {kept:.0%} of the six months after."
)
named = what[seen["falling by the rule"]]
stopped, declines = (named == "stopped").sum(), (named == "declines").sum()
print(f"The rule names {len(named)}: {stopped} had stopped by that day, {declines} had begun to decline, {len(named) - stopped - declines} neither.")  # fmt: skip
if missed := what.isin(["stopped", "declines"]).sum() - stopped - declines:
    print(f"It misses {missed} that stopped or began to decline: the sum of twelve months may still hold good ones.")
if later_ones := (what == "later").sum():
    print(f"Planted for later: {later_ones}. Their revenue could not show it yet.")

# %% [markdown]
# The largest of a year were partly lucky in that year, so on average their share falls in the next: *regression to the mean*.
# In your market it may have risen; one large order is enough. A fall of revenue is a question to the owner, and no verdict. In the
# workbook, page 03 makes this analysis every month, with all four questions, and tests the choice on your own past.
