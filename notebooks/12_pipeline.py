# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 Pipeline: which opportunities move, stall, or run ahead of themselves?
#
# **Decision.** Which open deals get attention this week, whether the pipeline covers the target, and which forecast
# numbers can be trusted.
#
# **Needs** accounts, opportunities. **Reads** nothing earlier. **Writes** `12_opportunity_flags`. **Run** weekly;
# decide monthly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
window_months: int = 12  # months up to as_of whose closed deals count
slip_months: int = 3  # months up to as_of in which deals were due to close

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import deals, forecast, periods, stages
from abmlib.pages import plots, say, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load
# One row per deal, as known on the day, and one row per change of its stage, amount or closing day. The closing date of an
# open deal is a forecast.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", "opportunities", writes=["12_opportunity_flags"])
accounts = book.read("accounts").set_index("account_id")
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
history = book.read("opportunity_stage_history")
year_starts = book.settings.fiscal_year_starts
window = periods.trailing(book.as_of, window_months)
columns = ["opportunity_id", "stage", "amount", "created_day", "close_date", "closed_day", "is_won"]
show.table(opportunities[columns], "The first deals", book.currency, rows=3)

# %% [markdown]
# ## How the answer is made
# **Win rate**: deals won, divided by deals decided (won or lost) in the window. Open deals have no result yet and do not count.

# %%
is_decided = opportunities["is_closed"] & opportunities["closed_day"].between(window.start, window.end)
decided = opportunities[is_decided]
win_rate = decided["is_won"].sum() / len(decided) if len(decided) else np.nan

won = book.measure(deals.won_measures(opportunities, window)).set_index("definition_id")
assert np.isclose(win_rate, won.loc["win_rate_by_count", "value"], equal_nan=True), "two win rates"

# %% [markdown]
# **Open deals**: the sum of their amounts.

# %%
open_deals = opportunities[~opportunities["is_closed"]]
open_amount = open_deals["amount"].sum(min_count=1)

visits = stages.stage_visits(opportunities, history, book.as_of)
by_stage = stages.stage_table(visits)
pipeline = forecast.open_measures(opportunities, by_stage, book.read("products"), window)
pipeline = book.measure(pipeline).set_index("definition_id")
assert open_deals.empty or np.isclose(open_amount, pipeline.loc["open_value", "value"], equal_nan=True), "two sums"

# %% [markdown]
# **Deals to look at first**: overdue; longer in their stage than nine of ten won deals of their product line were; or postponed
# at least twice. **Target**: the amount won in its period, divided by the target; it is computed with the answer.

# %%
pushed = stages.pushes(history, opportunities)
flags = stages.flags(opportunities, visits, pushed, book.as_of)
overdue, slow = flags["close_date"] < book.as_of, flags["days_in_stage"] > flags["days_slow"]
postponed = flags["pushes"] >= stages.PUSHES

listed = stages.listed_deals(flags, book.as_of).join(accounts["name"].rename("account_name"), on="account_id")
assert len(listed) == (overdue | slow | postponed).sum(), "two counts of deals to look at"

# %% [markdown]
# ## Answer

# %% tags=["answer"]
period, goal = forecast.target_for(book.read("targets"), book.as_of, year_starts=year_starts)
ahead = forecast.target_coverage(opportunities, goal, period, won.loc["win_rate_by_amount"])
won_share = book.measure(ahead).set_index("definition_id").loc["won_of_target", "value"]
won_in_period = deals.closed_in(opportunities, period).query("is_won")["amount"].sum()
assert np.isnan(won_share) or np.isclose(won_in_period / goal, won_share), "two shares of the target"

of_window, by_amount = won.loc["win_rate_by_count"], won.loc["win_rate_by_amount", "value"]
can_tell = flags[["close_date", "days_slow", "pushes"]].notna().any(axis=None)
say.words(
    say.open_pipeline(open_deals["amount"], listed["amount"], can_tell, stages.PUSHES, book.currency),
    say.one_account(open_deals, accounts["name"]),
    say.win_rate(*of_window[["value", "low", "high", "n"]], LEVEL, str(window), by_amount),
    say.target(goal, won_share, str(period), period.end <= book.as_of, book.currency),
)

# %% [markdown]
# ## Which deals to look at first

# %%
columns = ["opportunity_id", "account_name", "owner_id", "stage", "amount", "close_date", "why"]
title = f"{len(listed):,} of {say.count(len(open_deals), 'open deal')} to look at first"
show.table(listed[columns], title, book.currency, rows=40, note=say.owners(listed, book.currency))

# %% [markdown]
# ## What was won
# A few very large deals raise the mean: use the median.

# %%
show.measures(won.reset_index(), f"Deals decided from {window}", book.currency)

# %% [markdown]
# ## Stage by stage
# Of the deals that entered a stage, the share that went on to a later stage or was won, how long they stayed, and the share won
# of those decided since. Deals may skip stages.

# %%
book.measure(stages.stage_rows(by_stage, visits))
crm = stages.crm_probabilities(history, by_stage)
if len(crm):
    fig, ax = plt.subplots(figsize=(7.2, 1.2 + 0.4 * len(crm)))
    ax.set_title("Won of all deals that ever entered the stage, and the CRM's probability")
    plots.intervals(crm, crm["stage"].tolist(), ax, "won of the deals decided (share)", crm["crm"])
show.table(by_stage, "Stages", note=say.about_stages(len(history), len(crm)))

# %% [markdown]
# ## Forecast and target
# The target coverage needed is 1 divided by the win rate by amount.

# %%
due = periods.trailing(book.as_of, slip_months)
before = Book.open(data, as_of=due.start.date() - pd.Timedelta(days=1), tables=tables).read("opportunities")
slips = book.measure([forecast.slippage(before, opportunities, due), stages.push_row(pushed)])
rows = pd.concat([pipeline.reset_index(), ahead, slips], ignore_index=True)
rows = rows[rows["unit"].ne("deals") | rows["value"].ne(0)]
show.measures(rows, f"Open pipeline, and the target of {period}", book.currency)

# %% [markdown]
# ## Who wins where
# Small groups vary by chance. The adjusted rate moves them closer to the average.

# %%
groups = deals.all_groups(decided, accounts["industry"], year_starts)
book.measure(deals.group_rows(groups).assign(window_start=window.start, window_end=window.end))
title, note = say.differences(deals.differences(groups))
show.table(groups, title, rows=40, note=note)

# %% [markdown]
# ## Deals by the quarter in which they were opened
# Of young quarters only the fast deals are decided. It is too early to judge their win rate.

# %%
cohorts = deals.cohorts(opportunities, book.as_of, year_starts)
book.measure(deals.cohort_rows(cohorts))
show.table(cohorts, "Deals by quarter opened")

# %% [markdown]
# ## What to decide

# %% tags=["decide"]
gaps = flags.loc[flags[["no_account", "no_amount"]].any(axis=1), "opportunity_id"]
next_step = (
    "Ask the owner of each listed deal for a next step agreed with the buyer; close it only if the buyer names none"
)
fill = f"Fill in the missing account or amount of {say.named(gaps)} before the next forecast"
enter = "Enter a target for the period in programme/targets.csv"
week = str((book.as_of + pd.Timedelta(days=7)).date())
agreed = "a next step that was agreed since"
nobody = listed[listed["account_id"].isna()]
book.decide(
    "ask_for_next_step", kind="sell", text=next_step, **stages.accounts_of(listed), due=week, would_change=agreed
)
book.decide(
    "ask_without_account", kind="sell", text=next_step, **stages.amount_of(nobody), due=week, would_change=agreed
)
book.decide(
    "fill_account_and_amount",
    kind="data",
    text=fill,
    only_if=len(gaps) > 0,
    would_change="a forecast without these deals",
)
book.decide(
    "enter_target",
    kind="programme",
    text=enter,
    only_if=pd.isna(goal),
    would_change="a pipeline steered without a target",
)
say.decide(book.decisions, book.currency, accounts["name"])

# %%
book.write("12_opportunity_flags", flags)
