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
# The pipeline is what the business may still win, so the method measures it: the revenue that may come from it, and how deals pass
# its stages. It also warns that badly run deals stall, and that others start too fast. You compute a win rate and say how sure it
# is, test the probabilities of the CRM, compare young deals with old ones, and find the deals that have waited too long. Then you
# see how the open deals ended.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look at the outcome

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day. A deal is *decided* if it is won or lost. `history` has one row for
# each change of a deal: of its stage, its amount or its closing day.

# %%
import pandas as pd
from scipy.stats import fisher_exact

from abmlib.pages.course import check, name_mistake, off
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
history = history.sort_values(["opportunity_id", "entered_at", "seq"])  # the changes of a deal in their order
# Won has the probability 1 and lost has 0. Only what is between them is a stage of an open deal.
history = history[history["probability"].between(0, 1, inclusive="neither")]
# What the CRM says of a stage. sort=False keeps the order of the stages; first() takes the first row of each.
crm = history.sort_values("stage_order").groupby("stage", sort=False)["probability"].first()
stages = crm.index
bare = ~deals["opportunity_id"].isin(history["opportunity_id"])
print(f"{len(deals):,} deals, {len(open_deals)} open. Nobody can say in which stages {bare.sum()} of them were, {(bare & ~deals['closed']).sum()} open ones")  # fmt: skip
print("among them: they are not in the history, so what follows about stages leaves them out.")
history[["opportunity_id", "entered_day", "stage", "amount", "close_date", "probability", "changed_field"]].head(3)

# %% [markdown]
# ## The win rate, and how sure it is
# **Win rate**: deals won, divided by deals won or lost. Open deals are in neither number. Two deals of one account are not two
# independent tries: the same people decide. So an honest interval takes the **accounts** as the unit, not the deals.

# %%
rate = decided["won"].mean()
by_account = decided.groupby("account_id")["won"].agg(won="sum", decided="size")  # two columns: name="what to compute"
print(f"Win rate {rate:.1%}: {decided['won'].sum():,} of {len(decided):,} deals, in {len(by_account):,} accounts")
by_account.sort_values("decided").tail(3)

# %% [markdown]
# How far may the rate be off? Ask of each account how many deals it won beyond what the rate would give it. Add up the squares,
# take the root, then divide by the number of decided deals: $\sqrt{\sum_a (w_a - r\,n_a)^2} \,/\, \sum_a n_a$. This is the error
# of the rate. The interval at 95 % is about the rate ± two errors.

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

# %% tags=["wrong"]
# That is two errors, the half-width of the interval.
error = 2 * ((by_account["won"] - rate * by_account["decided"]) ** 2).sum() ** 0.5 / by_account["decided"].sum()

# %% tags=["check"]
independent = (rate * (1 - rate) / len(decided)) ** 0.5
clustered = ((by_account["won"] - rate * by_account["decided"]) ** 2).sum() ** 0.5 / by_account["decided"].sum()


with check("Exercise 1", error, "More deals of the same accounts tell less than as many deals of other accounts."):
    off(error, clustered)  # refuses what is no number
    assert 0 < error < 1, "An error of a share lies between 0 and 1."
    assert error != round(error, 2), "Two digits are too few to tell. Do not round."
    mistakes = {
        "This is the error if all deals were independent of each other. Deals of one account are not.": independent,
        "This is the error of the mean of the accounts' own rates. There an account with one deal counts as much as one with ten.": (by_account["won"] / by_account["decided"]).sem(),
        "That is two errors, the half-width of the interval.": 2 * clustered,
    }  # fmt: skip
    name_mistake(error, clustered, 0.0006, mistakes)
    assert off(error, clustered) < 0.0006, "The square root, the squares or the number you divide by is another."

# %% [markdown]
# The workbook's function also takes the accounts as the unit. It is never narrower than the interval for independent deals.
# `clustered` is the error as the check computed it; below, other names come from a check too.

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
# keeps the first row of each deal and stage. And which deals are decided?

# %% tags=["solution"]
reached = noted[noted["closed"]].drop_duplicates(["opportunity_id", "stage"])
won_from = reached.groupby("stage")["won"].mean()

# %% tags=["wrong"]
# A deal counts once for a stage. The history has a row for every change of its amount or closing day too.
won_from = noted[noted["closed"]].groupby("stage")["won"].mean()

# %% tags=["wrong"]
# Open deals count here as if they were lost. Nobody knows yet how they end.
won_from = noted.drop_duplicates(["opportunity_id", "stage"]).groupby("stage")["won"].mean()

# %% tags=["wrong"]
# Two mistakes: open deals count here as lost, and a deal counts once for each of its rows.
won_from = noted.groupby("stage")["won"].mean()

# %% tags=["check"]
once = noted.drop_duplicates(["opportunity_id", "stage"])
from_stage = once[once["closed"]].groupby("stage")["won"].mean().reindex(stages)
with check("Exercise 2", won_from, "The past of your own deals checks the probabilities that somebody typed in."):
    off(won_from, from_stage)  # refuses what is no Series
    assert set(won_from.index) <= set(stages), "A share for each stage in which a deal can be open, and for no other."
    assert won_from.dropna().between(0, 1).all(), "A share is between 0 and 1."
    mistakes = {
        "A deal counts once for a stage. The history has a row for every change of its amount or closing day too.": noted[noted["closed"]],
        "Open deals count here as if they were lost. Nobody knows yet how they end.": once,
        "Two mistakes: open deals count here as lost, and a deal counts once for each of its rows.": noted,
        "A deal counts for every stage in which it was, not only for its last one.": noted[noted["closed"]].drop_duplicates("opportunity_id", keep="last"),
    }  # fmt: skip
    mistakes = {words: rows.groupby("stage")["won"].mean() for words, rows in mistakes.items()}
    mistakes["These are the probabilities of the CRM. Ask what became of the deals."] = crm
    name_mistake(won_from, from_stage, 0.0051, mistakes)
    assert off(won_from, from_stage) < 0.0051, "These are not the shares won of the decided deals that were in each stage."  # fmt: skip

# %% [markdown]
# **Open deals are not like all deals.** A deal that goes well moves on to the next stage. Today's open deals are those that have
# not moved on. So ask again: of the deals that were *open in the stage* at the end of a past quarter, which share was won? One deal
# may count at several quarter ends. The quarters end a year ago or before, so nearly all of the deals have had time: one that is
# still open counts as not won.

# %%
a_year = pd.DateOffset(years=1)  # goes by the calendar, leap years too
quarter_ends = pd.date_range(deals["created_day"].min(), day - a_year, freq="QE")  # QE: last days of quarters
sitting = pd.concat([
    # What the history says on the quarter's last day; assign adds the day as a column. The rows are in order, so the last row of a deal is its stage on that day.
    history[history["entered_day"] <= end].drop_duplicates("opportunity_id", keep="last").assign(end=end)
    for end in quarter_ends
]).merge(deals[["opportunity_id", "closed_day", "won"]], on="opportunity_id")  # fmt: skip
sitting = sitting[~(sitting["closed_day"] <= sitting["end"])]  # not closed by then
from_sitting = sitting.groupby("stage")["won"].mean().reindex(stages)  # reindex: in the order of the stages

# %% [markdown]
# The three chances side by side. A sum of chances is the number of wins to expect.

# %%
chances = pd.DataFrame({"CRM": crm, "of all that reached it": from_stage, "of those open in it": from_sitting})
in_stage = open_deals[open_deals["stage"].isin(stages)]
# map looks each stage up in the index of the chances
wins = {name: in_stage["stage"].map(chance).sum() for name, chance in chances.items()}
expected = ", ".join(f"{n:.0f} ({name})" for name, n in wins.items())
print(f"Wins to expect from {len(in_stage)} open deals: {expected}")
chances.style.format("{:.0%}")

# %% [markdown]
# ## One way it fails: young deals have had no time
# Here are the deals by the quarter in which they were opened (a *cohort*), with the share won so far. Does the last row show a collapse?

# %%
deals["quarter"] = deals["created_day"].dt.to_period("Q")  # the quarter in which a day is
deals["quarter_end"] = deals["quarter"].dt.end_time.dt.normalize()
cohorts = deals.groupby("quarter").agg(opened=("won", "size"), decided=("closed", "sum"), won=("won", "sum"))
cohorts["so_far"], cohorts["of_decided"] = cohorts["won"] / cohorts["opened"], cohorts["won"] / cohorts["decided"]
fast = decided["days"] <= decided["days"].quantile(0.25)
fast_rate, slow_rate = decided.loc[fast, "won"].mean(), decided.loc[~fast, "won"].mean()
print(f"Of the fastest quarter of all decided deals {fast_rate:.0%} were won, of the others {slow_rate:.0%}.")
cohorts.tail(8).style.format("{:.0%}", subset=["so_far", "of_decided"])

# %% [markdown]
# `so_far` counts open deals as lost, and young cohorts have more of them. `of_decided` leaves them out; then a young cohort shows only
# its fast deals; the line above the table says if those are won as often as the others. Young cohorts are *censored*: part of their
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
# You divide by the deals closed within 90 days. Divide by all deals of the quarter.
quick = deals[(deals["days"] <= 90) & (deals["quarter_end"] + pd.Timedelta(days=90) <= day)]
within_90 = quick.groupby("quarter")["won"].mean()

# %% tags=["wrong"]
# Not every deal of your last quarter has had its 90 days yet.
within_90 = (deals["won"] & (deals["days"] <= 90)).groupby(deals["quarter"]).mean()

# %% tags=["check"]
ripe = deals[deals["quarter_end"] + pd.Timedelta(days=90) <= day]
in_time = ripe["won"] & (ripe["days"] <= 90)
soon = in_time.groupby(ripe["quarter"]).mean()
with check("Exercise 3", within_90, "Compare young with old only at the same age. What is too young to compare has to wait."):  # fmt: skip
    off(within_90, soon)  # refuses what is no Series
    assert within_90.dropna().between(0, 1).all(), "A share is between 0 and 1."
    assert set(soon.index) <= set(within_90.index), "A quarter that is old enough is missing, or the index is not the quarter."  # fmt: skip
    old = within_90.reindex(soon.index)
    by_quarter = {name: in_time[ripe[name]].groupby(ripe["quarter"]).mean() for name in ("closed", "won")}
    mistakes = {
        "Old quarters have had more time to win than young ones. Count only the wins within 90 days.": ripe.groupby("quarter")["won"].mean(),
        "You divide by the deals closed within 90 days. Divide by all deals of the quarter.": ripe[ripe["days"] <= 90].groupby("quarter")["won"].mean(),
        "The deals that are still open are missing from the number you divide by.": by_quarter["closed"],
        "You divide by the deals won. Divide by all deals of the quarter.": by_quarter["won"],
    }  # fmt: skip
    name_mistake(old, soon, 0.0051, mistakes)
    assert set(within_90.index) == set(soon.index), "Not every deal of your last quarter has had its 90 days yet."
    below_90 = (ripe["won"] & (ripe["days"] < 90)).groupby(ripe["quarter"]).mean()  # may be read so too
    assert min(off(old, soon), off(old, below_90)) < 0.0051, "These are not the wins within 90 days, divided by all deals opened in the quarter."  # fmt: skip

# %%
newest = soon.index[-1]
new = ripe["quarter"] == newest
means = in_time.groupby(new).mean()  # True: the newest quarter; False: those before it
weight = new.map({True: 1 / new.sum(), False: -1 / (~new).sum()})
# The error of the difference, with the accounts as the unit as in exercise 1.
beyond = ((in_time - new.map(means)) * weight).groupby(ripe["account_id"]).sum()
change, luck = means[True] - means[False], 2 * (beyond**2).sum() ** 0.5
print(f"At the same age, {newest} won {means[True]:.0%} of its deals, the quarters before it {means[False]:.0%}. Luck alone moves 19 of 20")  # fmt: skip
print(f"such differences by up to about {100 * luck:.0f} points, so this is {'more than luck usually does' if abs(change) > luck else 'no proof of any change'}.")  # fmt: skip
too_young = cohorts.index.difference(soon.index)  # what is in the first index and not in the second
print("Of these quarters nobody can say yet:", ", ".join(too_young.astype(str)))

# %% [markdown]
# **Sales velocity** is a popular number: open deals × mean amount of won deals × win rate ÷ mean days to win. It reads like money
# per day, and takes the pipeline as steady: for each deal that closes, one opens. But the days are those of won deals only, and every
# open deal counts as average, in any stage, stuck or not. Here it takes the last year. The last section shows what came.

# %%
year = decided[decided["closed_day"] > day - a_year]
won_deals = year[year["won"]]
velocity = len(open_deals) * won_deals["amount"].mean() * year["won"].mean() / won_deals["days"].mean()
print(f"Sales velocity: {velocity:,.0f} {book.currency} a day")

# %% [markdown]
# ## Deals that wait
# **Overdue**: the closing day is past. **Slow**: longer in its stage than nine of ten won deals of its product line were. A
# limit of few deals rests on one or two. Where a line has fewer than 30 won deals in a stage, the workbook takes the limit of all
# lines; a line that needs more time may then look slow. It calls a slow deal **stalled** if the buyer is silent too, or its closing
# day was moved twice.

# %%
stays = history.drop_duplicates(["opportunity_id", "stage"])[["opportunity_id", "stage", "entered_day"]]
of_deal = deals[["opportunity_id", "product_line", "closed_day", "close_date", "closed", "won"]]
stays = stays.merge(of_deal, on="opportunity_id")
left = stays.groupby("opportunity_id")["entered_day"].shift(-1)  # from the next row of the deal: when it left the stage
stays["days"] = (left.fillna(stays["closed_day"]).fillna(day) - stays["entered_day"]).dt.days
won_stays, groups = stays[stays["won"]], ["product_line", "stage"]
now = stays[left.isna() & ~stays["closed"]]  # one row per open deal: the stage in which it is
now = now.join(won_stays.groupby(groups).size().rename("won_deals"), on=groups)  # of the same line, in that stage
now["limit_all"] = now["stage"].map(won_stays.groupby("stage")["days"].quantile(0.9))  # of all lines
now[["opportunity_id", "product_line", "stage", "days", "won_deals", "limit_all"]].head(3)

# %% [markdown] tags=["exercise"]
# ### Exercise 4: which deals are slow?
# Which deals in `now` are longer in their stage than nine of ten **won** deals of the same product line were in that stage? Use the
# 0.9 quantile of `won_stays` as the limit, and `limit_all` where `won_deals` is below 30. Put the ids over it into `slow`, as a set.

# %% tags=["answer"]
slow = ...

# %% [markdown] tags=["hint"]
# `won_stays.groupby(groups)["days"].quantile(0.9).rename("limit")` gives a limit for each group, and `now.join(limit, on=groups)`
# puts it beside each open deal. `a.where(condition, b)` takes `a` where the condition is true, and `b` elsewhere.

# %% tags=["solution"]
beside = now.join(won_stays.groupby(groups)["days"].quantile(0.9).rename("limit"), on=groups)
limit = beside["limit"].where(beside["won_deals"] >= 30, beside["limit_all"])
slow = set(beside.loc[beside["days"] > limit, "opportunity_id"])

# %% tags=["wrong"]
# These deals are overdue. A closing day is a seller's guess; time in the stage is a fact.
slow = set(now.loc[now["close_date"] < day, "opportunity_id"])

# %% tags=["wrong"]
# Some of your limits rest on fewer than 30 won deals. There the exercise takes that of all lines.
beside = now.join(won_stays.groupby(groups)["days"].quantile(0.9).rename("limit"), on=groups)
slow = set(beside.loc[beside["days"] > beside["limit"], "opportunity_id"])

# %% tags=["wrong"]
# Your limit is the mean of the won deals. The exercise asks for the limit that nine of ten keep.
beside = now.join(won_stays.groupby(groups)["days"].mean().rename("limit"), on=groups)
slow = set(beside.loc[beside["days"] > beside["limit"], "opportunity_id"])


# %% tags=["check"]
def over(rows, by, limit=0.9):
    """Open deals over the limit of such rows of the same group: a quantile, or the mean."""
    days = rows.groupby(by)["days"]
    waiting = now.join((days.mean() if limit == "mean" else days.quantile(limit)).rename("bound"), on=by)
    return set(waiting.loc[waiting["days"] > waiting["bound"], "opportunity_id"])


enough, every = set(now.loc[now["won_deals"] >= 30, "opportunity_id"]), over(won_stays, ["stage"])
own = {  # by the limits of the lines: as they are, and where too few won deals tell by that of all lines
    name: (ids, (ids & enough) | (every - enough))
    for name, ids in (
        ("right", over(won_stays, groups)), ("mean", over(won_stays, groups, "mean")),
        ("lost too", over(stays, groups)), ("all stages", over(won_stays, ["product_line"])),
    )
}  # fmt: skip
waits = own["right"][1]
overdue = set(open_deals.loc[open_deals["close_date"] < day, "opportunity_id"])
with check("Exercise 4", slow, "Slow is always slow beside something: won deals, the same stage, and the same line where enough of them tell."):  # fmt: skip
    if not isinstance(slow, set):
        raise TypeError("a set is asked for")
    assert slow <= set(now["opportunity_id"]), "Something in your set is not the id of a deal in `now`."
    mistakes = {
        "These deals are overdue. A closing day is a seller's guess; time in the stage is a fact.": (overdue & set(now["opportunity_id"]),),
        "Some of your limits rest on fewer than 30 won deals. There the exercise takes that of all lines.": own["right"][:1],
        "Your limit is that of all lines everywhere. A line with enough won deals has its own.": (every,),
        "Your limit is that of all stages together. Each stage takes its own time.": own["all stages"],
        "Your limit is the mean of the won deals. The exercise asks for the limit that nine of ten keep.": own["mean"],
        "Your limits of the lines are those of all deals. The exercise asks for won deals.": own["lost too"],
    }  # fmt: skip
    for words, known in mistakes.items():
        assert slow == waits or slow not in known, words
    assert slow <= waits, "One of yours is not over its limit."
    assert slow == waits, "A slow deal is missing. Is your limit from won deals, at nine of ten?"  # fmt: skip

# %% [markdown]
# ## Now see what really happened
# First the stages. `planted` is the true chance of all deals that reach a stage. Beside it stands how the deals that are open
# on `as_of` end, also after `later`: the truth knows.

# %%
planted = pd.read_csv(f"{truth}/stages.csv")
planted = planted.query("product_line == 'all'")  # keeps the rows for which this is true
planted_deals = pd.read_csv(f"{truth}/opportunities.csv").set_index("opportunity_id")
outcome = in_stage.join(planted_deals["ends_won"], on="opportunity_id").groupby("stage")["ends_won"]
# set_axis gives the columns other names
ended = outcome.agg(["mean", "size"]).set_axis(["open deals that win", "open deals"], axis=1)
seen = chances.assign(planted=planted.set_index("stage")["win_probability"]).join(ended)
print(f"Of {len(in_stage)} open deals, {int(outcome.sum().sum())} are won in the end; expected were {expected}.")
shares = [*chances.columns, "planted", "open deals that win"]
seen.style.format("{:.0%}", subset=shares, na_rep="").format("{:.0f}", subset=["open deals"], na_rep="")

# %% [markdown]
# Now the deals that wait. `planted chance` is the chance that each deal had when it was opened; `planted stalled` counts the deals
# that were made to get stuck. `waits` is the set of slow deals as the check computed it. A kind may win less often
# because it waits, or because its chance was low from the start.

# %%
came = now.set_index("opportunity_id").join(planted_deals[["win_probability", "stalled", "ends_won"]])
kind = pd.Series("neither", came.index)
kind[came.index.isin(overdue)], kind[came.index.isin(waits)] = "only overdue", "slow"
table = came.groupby(kind).agg(
    deals=("stalled", "size"), won_in_the_end=("ends_won", "sum"),
    planted_chance=("win_probability", "mean"), planted_stalled=("stalled", "sum"),
)  # fmt: skip
two = table.reindex(["slow", "only overdue"], fill_value=0)[["deals", "won_in_the_end"]].astype(int)
p = fisher_exact([[won, n - won] for n, won in two.to_numpy()]).pvalue
print(f"Won in the end: {two.iloc[0, 1]} of {two.iloc[0, 0]} slow deals, {two.iloc[1, 1]} of {two.iloc[1, 0]} that are only overdue.")  # fmt: skip
print(f"If both kinds won alike, luck would part them so far or further in {p:.1%} of markets (Fisher's test; it takes deals as independent).")  # fmt: skip
table.style.format("{:.0%}", subset=["planted_chance"])

# %%
after = Book.open(data, as_of=later).read("opportunities")
new_wins = after[after["is_won"].fillna(False).astype(bool) & (after["closed_day"] > day)]
total, young = new_wins["amount"].sum(), new_wins.loc[new_wins["created_day"] > day, "amount"].sum()
days = (pd.Timestamp(later) - day).days
print(f"Velocity times {days} days: {velocity * days:,.0f} {book.currency}. Won in these days: {total:,.0f}.")
print(f"Of this, {young:,.0f} came from deals opened in these days; a steady pipeline needs such.")

# %% [markdown]
# A chance is about many deals. One deal ends one way, and the numbers of a small pipeline move by luck: read the counts beside the
# shares. A sum can be near by luck while its parts are wrong. Take along: only decided deals make a win rate, and accounts are its
# unit; ask what became of deals that were open in the same stage; compare cohorts at the same age; call a deal slow only beside enough
# won deals. In the workbook, page 12 (`abm run`) does this every week with intervals, tests each forecast on your own
# past, and lists stalled and overdue deals with a next step.
