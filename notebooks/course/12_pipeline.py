# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 12. Which open deals will be won, and which are stalled?
#
# The pipeline is what the business may still win, so the method measures it: the potential revenue in it (S1-23b), and how
# deals pass its stages (S3-24). It also warns that badly run deals stall (S3-27), and that others start too fast (S3-28). You
# compute a win rate and say how sure it is, test the probabilities of the CRM, compare young deals with old ones, and find the deals that
# have waited too long. Then you see how the open deals ended.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look what came of it

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day. A deal is *decided* if it is won or lost. `history` has one row for
# each change of a deal: of its stage, its amount or its closing day. The last stages, won and lost, are left out of it here.

# %%
import pandas as pd

from abmlib.pages.course import check
from abmlib.stats import intervals
from abmlib.tables import Book

book = Book.open(data, as_of=as_of)
day = pd.Timestamp(as_of)
deals = book.read("opportunities")
deals["closed"] = deals["is_closed"].astype(bool)
deals["won"] = deals["is_won"].fillna(False).astype(bool)
deals["days"] = (deals["closed_day"] - deals["created_day"]).dt.days  # from opening to closing; missing while open
decided, open_deals = deals[deals["is_won"].notna()], deals[~deals["closed"]]
history = book.read("opportunity_stage_history")
history = history[history["probability"].between(0, 1, inclusive="neither")]
crm = (
    history.sort_values("stage_order").groupby("stage", sort=False)["probability"].first()
)  # what the CRM says of a stage
stages = crm.index
history[["opportunity_id", "entered_day", "stage", "amount", "close_date", "probability", "changed_field"]].head(3)

# %% [markdown]
# ## The win rate, and how sure it is
# **Win rate**: deals won, divided by deals won or lost. Open deals are in neither number. Two deals of one account are not two
# independent tries: the same people decide. So an honest interval takes the **accounts** as the unit, not the deals.

# %%
rate = decided["won"].mean()
by_account = decided.groupby("account_id")["won"].agg(won="sum", decided="size")
print(f"Win rate {rate:.1%}: {decided['won'].sum():,} of {len(decided):,} deals, in {len(by_account):,} accounts")
by_account.sort_values("decided").tail(3)

# %% [markdown]
# How far may the rate be off? Ask of each account how many deals it won beyond what the rate would give it. The error of the rate
# is the root of the sum of their squares, divided by the number of decided deals:
# $\sqrt{\sum_a (w_a - r\,n_a)^2} \,/\, \sum_a n_a$. The interval at 95 % is about the rate ± two errors.

# %% [markdown] tags=["exercise"]
# ### Exercise 1: how sure is the rate?
# Compute this error from `by_account` and `rate`. Put the number into `error`.

# %% tags=["answer"]
error = ...

# %% [markdown] tags=["hint"]
# First `beyond = by_account["won"] - rate * by_account["decided"]`, one value for each account. `** 0.5` is the root.

# %% tags=["solution"]
beyond = by_account["won"] - rate * by_account["decided"]
error = (beyond**2).sum() ** 0.5 / by_account["decided"].sum()

# %% tags=["wrong"]
# This is the error if all deals were independent of each other. Deals of one account are not.
error = (rate * (1 - rate) / len(decided)) ** 0.5

# %% tags=["wrong"]
# This is the error of the mean of the accounts' own rates. There an account with one deal counts as much as one with ten.
error = (by_account["won"] / by_account["decided"]).sem()

# %% tags=["check"]
independent = (rate * (1 - rate) / len(decided)) ** 0.5
clustered = ((by_account["won"] - rate * by_account["decided"]) ** 2).sum() ** 0.5 / by_account["decided"].sum()
with check("Exercise 1", error, "More deals of the same accounts tell less than as many deals of other accounts."):
    own = (by_account["won"] / by_account["decided"]).sem()
    assert 0 < float(error) < 1, "An error of a share lies between 0 and 1."
    assert abs(error - independent) > 1e-9, (
        "This is the error if all deals were independent of each other. Deals of one account are not."
    )
    assert abs(error - own) > 1e-9, (
        "This is the error of the mean of the accounts' own rates. There an account with one deal counts as much as one with ten."
    )
    assert abs(error - clustered) < 0.01 * clustered, (
        "The square root, the squares or the number you divide by is another."
    )

# %% [markdown]
# The workbook's function also takes the accounts as the unit. It never claims to know more than independent deals would tell.

# %%
_, low, high, _ = intervals.share(decided["won"], decided["account_id"])
print(f"By hand {rate - 2 * clustered:.1%} to {rate + 2 * clustered:.1%}, by the workbook {low:.1%} to {high:.1%}.")
print(f"If all deals were independent: {rate - 2 * independent:.1%} to {rate + 2 * independent:.1%}.")

# %% [markdown]
# ## The chance of a stage
# The CRM gives every stage a probability, typed in when it was set up. The data can say what became of the deals that reached the stage.

# %%
noted = history.merge(deals[["opportunity_id", "closed", "won"]], on="opportunity_id")

# %% [markdown] tags=["exercise"]
# ### Exercise 2: what is a stage worth?
# Of the decided deals that ever were in a stage, which share was won? Put the shares into `won_from`, a Series by stage.

# %% tags=["answer"]
won_from = ...

# %% [markdown] tags=["hint"]
# Look at the rows of one deal in `noted`. How often is it there for one stage? `drop_duplicates(["opportunity_id", "stage"])`
# keeps the first row of each deal and stage.

# %% tags=["solution"]
reached = noted[noted["closed"]].drop_duplicates(["opportunity_id", "stage"])
won_from = reached.groupby("stage")["won"].mean()

# %% tags=["wrong"]
# A deal counts once for a stage. The history has a row for every change of its amount or closing day too.
won_from = noted[noted["closed"]].groupby("stage")["won"].mean()

# %% tags=["wrong"]
# Open deals count here as if they were lost. Nobody knows yet how they end.
won_from = noted.drop_duplicates(["opportunity_id", "stage"]).groupby("stage")["won"].mean()

# %% tags=["check"]
once = noted.drop_duplicates(["opportunity_id", "stage"])
from_stage = once[once["closed"]].groupby("stage")["won"].mean().reindex(stages)


def same(one, other):
    """Say whether two Series hold the same shares of the same rows."""
    return set(one.dropna().index) == set(other.dropna().index) and (one - other).abs().fillna(0).max() < 1e-6


with check("Exercise 2", won_from, "The past of your own deals checks the probabilities that somebody typed in."):
    right = same(won_from, from_stage)
    assert set(won_from.index) <= set(stages), "A share for each stage in which a deal can be open, and for no other."
    assert right or not same(won_from, noted[noted["closed"]].groupby("stage")["won"].mean()), (
        "A deal counts once for a stage. The history has a row for every change of its amount or closing day too."
    )
    assert right or not same(won_from, once.groupby("stage")["won"].mean()), (
        "Open deals count here as if they were lost. Nobody knows yet how they end."
    )
    assert right, "These are not the shares won of the decided deals that were in each stage."

# %% [markdown]
# **Open deals are not like all deals.** A deal that goes well moves on to the next stage. Today's open deals are those that have
# not moved on. So ask again: of the deals that were *open in the stage* at the end of a past quarter, which share was won? These
# quarters end a year ago or before, to give the deals time to be decided.

# %%
quarter_ends = pd.date_range(deals["created_day"].min(), day - pd.DateOffset(years=1), freq="QE")
last = [
    history[history["entered_day"] <= end].drop_duplicates("opportunity_id", keep="last").assign(end=end)
    for end in quarter_ends
]
sitting = pd.concat(last).merge(deals[["opportunity_id", "closed_day", "won"]], on="opportunity_id")
sitting = sitting[~(sitting["closed_day"] <= sitting["end"])]
from_sitting = sitting.groupby("stage")["won"].mean().reindex(stages)
chances = pd.DataFrame({"CRM": crm, "of all that reached it": from_stage, "of those open in it": from_sitting})
in_stage = open_deals[open_deals["stage"].isin(stages)]
wins = {name: in_stage["stage"].map(chance).sum() for name, chance in chances.items()}
print(f"Wins to expect from {len(in_stage)} open deals: " + ", ".join(f"{n:.0f} ({name})" for name, n in wins.items()))
print(f"{len(open_deals) - len(in_stage)} more are open; their stage on {day:%d %B %Y} is not known.")
chances.style.format("{:.0%}")

# %% [markdown]
# ## One way it fails: young deals have had no time
# Here are the deals by the quarter in which they were opened (a *cohort*), with the share won so far. Do the last rows
# show a collapse?

# %%
deals["quarter"] = deals["created_day"].dt.to_period("Q")
deals["quarter_end"] = deals["quarter"].dt.end_time.dt.normalize()
deals.groupby("quarter").agg(opened=("won", "size"), decided=("closed", "sum"), won=("won", "sum")).assign(
    so_far=lambda x: x["won"] / x["opened"], of_decided=lambda x: x["won"] / x["decided"]
).tail(8).style.format("{:.0%}", subset=["so_far", "of_decided"])

# %% [markdown]
# `so_far` counts open deals as lost, and young cohorts have more of them. `of_decided` leaves them out; then a young cohort shows only
# its fast deals, and those may be won more often than slow ones, or less often. Young cohorts are *censored*: part of their
# outcome is after the day on which we look. A fair comparison gives every cohort the same time.

# %% [markdown] tags=["exercise"]
# ### Exercise 3: is it really a collapse?
# For each quarter, which share of its deals was won **within 90 days** of opening? Leave out the quarters whose last day is less
# than 90 days before `day`. Put the shares into `within_90`, a Series by quarter.

# %% tags=["answer"]
within_90 = ...

# %% [markdown] tags=["hint"]
# `deals["won"] & (deals["days"] <= 90)` is true for a win in time; an open deal is false, as it should be. A quarter is old enough if
# `deals["quarter_end"] + pd.Timedelta(days=90) <= day`.

# %% tags=["solution"]
old_enough = deals[deals["quarter_end"] + pd.Timedelta(days=90) <= day]
within_90 = (old_enough["won"] & (old_enough["days"] <= 90)).groupby(old_enough["quarter"]).mean()

# %% tags=["wrong"]
# Old quarters have had more time to win than young ones. Count only the wins within 90 days.
within_90 = deals.groupby("quarter")["won"].mean()

# %% tags=["wrong"]
# The deals that are still open are missing from the number you divide by.
some = deals[deals["closed"] & (deals["quarter_end"] + pd.Timedelta(days=90) <= day)]
within_90 = (some["won"] & (some["days"] <= 90)).groupby(some["quarter"]).mean()

# %% tags=["wrong"]
# Not every deal of your last quarter has had its 90 days yet.
within_90 = (deals["won"] & (deals["days"] <= 90)).groupby(deals["quarter"]).mean()

# %% tags=["check"]
with check(
    "Exercise 3", within_90, "Compare young with old only at the same age. What is too young to compare has to wait."
):
    ripe = deals[deals["quarter_end"] + pd.Timedelta(days=90) <= day]
    soon = (ripe["won"] & (ripe["days"] <= 90)).groupby(ripe["quarter"]).mean()
    right = same(within_90, soon)
    assert set(soon.index) <= set(within_90.index), (
        "A quarter that is old enough is missing, or the index is not the quarter."
    )
    old = within_90.reindex(soon.index)
    assert right or not same(old, ripe.groupby("quarter")["won"].mean()), (
        "Old quarters have had more time to win than young ones. Count only the wins within 90 days."
    )
    ended = ripe[ripe["closed"]]
    assert right or not same(old, (ended["won"] & (ended["days"] <= 90)).groupby(ended["quarter"]).mean()), (
        "The deals that are still open are missing from the number you divide by."
    )
    assert set(within_90.index) == set(soon.index), "Not every deal of your last quarter has had its 90 days yet."
    assert right, "These are not the wins within 90 days, divided by all deals opened in the quarter."

# %% [markdown]
# **Sales velocity** is a popular number that hides this: open deals × mean amount of won deals × win rate ÷ mean days to win. It
# reads like money per day. But the days are those of won deals that have ended, the open deals include those that are stuck,
# and every open deal counts as average, in any stage. It is no forecast; the last section shows what came.

# %%
year = decided[decided["closed_day"] > day - pd.DateOffset(years=1)]
won_deals = year[year["won"]]
velocity = len(open_deals) * won_deals["amount"].mean() * year["won"].mean() / won_deals["days"].mean()
print(f"Sales velocity: {velocity:,.0f} {book.currency} a day")

# %% [markdown]
# ## Deals that wait
# **Overdue**: the closing day is past. **Slow**: longer in its stage than nine of ten won deals of its product line were. The
# workbook calls a slow deal **stalled** if the buyer is silent too, or its closing day was moved twice.

# %%
stays = history.drop_duplicates(["opportunity_id", "stage"])[["opportunity_id", "stage", "entered_day"]]
of_deal = deals[["opportunity_id", "product_line", "created_day", "closed_day", "close_date", "closed", "won"]]
stays = stays.merge(of_deal, on="opportunity_id")
left = stays.groupby("opportunity_id")["entered_day"].shift(-1)  # the day on which the deal entered its next stage
stays["days"] = (left.fillna(stays["closed_day"]).fillna(day) - stays["entered_day"]).dt.days
now = stays[left.isna() & ~stays["closed"]]  # one row per open deal: the stage in which it is
overdue = set(open_deals.loc[open_deals["close_date"] < day, "opportunity_id"])
now[["opportunity_id", "product_line", "stage", "entered_day", "days"]].head(3)

# %% [markdown] tags=["exercise"]
# ### Exercise 4: which deals are slow?
# Which deals in `now` are longer in their stage than nine of ten **won** deals of the same product line were in that stage? Put their
# ids into `slow`, as a set.

# %% tags=["answer"]
slow = ...

# %% [markdown] tags=["hint"]
# `stays[stays["won"]].groupby([…])["days"].quantile(0.9).rename("limit")` gives a limit for each group, and
# `now.join(limit, on=[…])` puts it beside each open deal.

# %% tags=["solution"]
limit = stays[stays["won"]].groupby(["product_line", "stage"])["days"].quantile(0.9).rename("limit")
beside = now.join(limit, on=["product_line", "stage"])
slow = set(beside.loc[beside["days"] > beside["limit"], "opportunity_id"])

# %% tags=["wrong"]
# These deals are overdue. A closing day is a seller's guess; time in the stage is a fact.
slow = set(now.loc[now["close_date"] < day, "opportunity_id"])

# %% tags=["wrong"]
# One of yours is not slow for its own product line. Each line takes its own time.
limit = stays[stays["won"]].groupby("stage")["days"].quantile(0.9)
slow = set(now.loc[now["days"] > now["stage"].map(limit), "opportunity_id"])

# %% tags=["check"]
usual = stays[stays["won"]].groupby(["product_line", "stage"])["days"].quantile(0.9).rename("usual")
waiting = now.join(usual, on=["product_line", "stage"])
waits = set(waiting.loc[waiting["days"] > waiting["usual"], "opportunity_id"])
with check(
    "Exercise 4", slow, "Slow is always slow for something: the same line, the same stage, and deals that were won."
):
    assert isinstance(slow, set) and slow <= set(now["opportunity_id"]), "Ids of open deals of `now` in a set."
    assert slow == waits or slow != overdue & set(now["opportunity_id"]), (
        "These deals are overdue. A closing day is a seller's guess; time in the stage is a fact."
    )
    assert slow <= waits, "One of yours is not slow for its own product line. Each line takes its own time."
    assert slow == waits, "A slow deal is missing. The limit is that of won deals alone."

# %% [markdown]
# ## Now see what really happened
# First the stages. `planted` is the true chance of all deals that reach a stage. Beside it stands how the deals that are open
# on `as_of` end, also after `later`: the truth knows.

# %%
planted = pd.read_csv(f"{truth}/stages.csv").query("product_line == 'all'").set_index("stage")["win_probability"]
planted_deals = pd.read_csv(f"{truth}/opportunities.csv").set_index("opportunity_id")
outcome = in_stage.join(planted_deals["ends_won"], on="opportunity_id").groupby("stage")["ends_won"]
seen = chances.assign(planted=planted, **{"open deals that win": outcome.mean(), "open deals": outcome.size()})
print(
    f"Of {len(in_stage)} open deals, {int(outcome.sum().sum())} are won in the end; expected were "
    + ", ".join(f"{n:.0f} ({name})" for name, n in wins.items())
    + "."
)
seen.style.format("{:.0%}", subset=list(seen.columns[:-1]), na_rep="").format(
    "{:.0f}", subset=["open deals"], na_rep=""
)

# %% [markdown]
# Now the deals that wait. `planted chance` is the chance that each deal had when it was opened; `planted stalled` counts the deals
# that were made to get stuck.

# %%
after = Book.open(data, as_of=later).read("opportunities").set_index("opportunity_id")
came = open_deals.set_index("opportunity_id")[["account_id", "stage", "amount"]].join(
    planted_deals[["win_probability", "stalled", "ends_won"]]
)
came["open"] = ~after["is_closed"].reindex(came.index).fillna(False).astype(bool)
came["won"] = after["is_won"].reindex(came.index).fillna(False).astype(bool)
mark = came.index.isin(waits).astype(int) + 2 * came.index.isin(overdue)
came["mark"] = pd.Series(mark, came.index).map({0: "neither", 1: "slow", 2: "overdue", 3: "slow and overdue"})
came.loc[~came.index.isin(now["opportunity_id"]), "mark"] = "stage not known"
table = came.groupby("mark").agg(
    deals=("won", "size"), won=("won", "sum"), still_open=("open", "sum"), won_in_the_end=("ends_won", "sum"),
    planted_chance=("win_probability", "mean"), planted_stalled=("stalled", "sum"),
)  # fmt: skip
table.style.format("{:.0%}", subset=["planted_chance"])

# %%
known = came[came.index.isin(now["opportunity_id"])]
stuck, free = (known[known.index.isin(waits) == is_slow] for is_slow in (True, False))
print(
    f"Of {len(stuck)} slow deals {int(stuck['ends_won'].sum())} are won in the end, of {len(free)} others {int(free['ends_won'].sum())}. "
    f"Of {int(known['stalled'].sum())} deals planted as stalled, {int(stuck['stalled'].sum())} are slow."
)
new_wins = after[after["is_won"].fillna(False).astype(bool) & (after["closed_day"] > day)]
total, young = new_wins["amount"].sum(), new_wins.loc[new_wins["created_day"] > day, "amount"].sum()
print(
    f"Velocity times {(pd.Timestamp(later) - day).days} days: {velocity * (pd.Timestamp(later) - day).days:,.0f} {book.currency}. "
    f"Won in these days: {total:,.0f}, of which {young:,.0f} from deals that were not even open."
)

# %% [markdown]
# A chance is about many deals. One deal ends one way, and the numbers of a small pipeline move by luck: read the counts beside the
# shares. A sum can also be right by luck while its parts are wrong, so compare stage by stage. Take along: only decided deals make a
# win rate, and accounts are its unit; ask what became of deals that were open in the same stage; compare cohorts at the same age;
# call a deal slow only beside won deals of its own line. In the workbook, page 12 (`abm run`) does this every week with intervals,
# tests each forecast on your own past, and lists stalled and overdue deals with a next step.
