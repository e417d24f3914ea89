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
from abmlib.method.measures import ROW
from abmlib.pages import plots, say, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load
# One row per deal, as it was on the day, and one row per change of its stage, amount or closing day. The closing date of an
# open deal is a forecast.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", "opportunities", writes=["12_opportunity_flags"])
accounts = book.read("accounts").set_index("account_id")
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
history = book.read("opportunity_stage_history")
year_starts = book.settings.fiscal_year_starts
window = periods.trailing(book.as_of, window_months)

# %% [markdown]
# ## How the answer is made
# **Win rate**: deals won, of all deals won or lost in the window. Open deals do not count: they have no result yet.

# %%
is_decided = opportunities["is_closed"] & opportunities["closed_day"].between(window.start, window.end)
decided = opportunities[is_decided]
win_rate = decided["is_won"].sum() / len(decided) if len(decided) else np.nan

won = book.measure(deals.won_measures(opportunities, window)).set_index("definition_id")
assert np.isclose(win_rate, won.loc["win_rate_by_count", "value"], equal_nan=True), "two win rates"

# %% [markdown]
# **Open deals**: all open amounts, and the deals to look at first: overdue, in their stage longer than nine tenths of won
# deals were, or with a closing day moved later again and again.

# %%
open_deals = opportunities[~opportunities["is_closed"]]
open_amount = open_deals["amount"].sum(min_count=1)

visits = stages.stage_visits(opportunities, history, book.as_of)
by_stage = stages.stage_table(visits)
pushed = stages.pushes(history)
flags = stages.flags(opportunities, visits, by_stage, pushed, book.as_of)
listed = stages.listed_deals(flags, book.as_of).join(accounts["name"], on="account_id")
pipeline = forecast.open_measures(opportunities, by_stage, book.read("products"), window)
pipeline = book.measure(pipeline).set_index("definition_id")
assert open_deals.empty or np.isclose(open_amount, pipeline.loc["open_value", "value"], equal_nan=True), "two sums"

# %% [markdown]
# **Target**: the amount won in the period, of the company's target for it.

# %%
period, goal = forecast.target_for(book.read("targets"), book.as_of, year_starts=year_starts)
won_in_period = deals.closed_in(opportunities, period).query("is_won")["amount"].sum()

ahead = forecast.target_coverage(opportunities, goal, period, won.loc["win_rate_by_amount"])
ahead = book.measure(ahead).set_index("definition_id")
won_share = ahead.loc["won_of_target", "value"]
assert np.isnan(won_share) or np.isclose(won_in_period / goal, won_share), "two shares of the target"

# %% [markdown]
# ## Answer

# %% tags=["answer"]
of_window = won.loc["win_rate_by_count", ["value", "low", "high", "n"]]
listed_amount = listed["amount"].sum(min_count=1)
can_tell = flags[["close_date", "days_slow", "pushes"]].notna().any(axis=None)
say.words(
    say.open_pipeline(len(open_deals), open_amount, len(listed), listed_amount, can_tell, book.currency),
    say.win_rate(*of_window, LEVEL, str(window)),
    say.target(goal, won_share, str(period), book.currency),
)

# %% [markdown]
# ## Which deals to look at first
# Ask the seller for a next step agreed with the buyer, or close the deal as lost.

# %%
columns = ["opportunity_id", "name", "owner_id", "stage", "amount", "close_date", "why"]
show.table(listed[columns], "Open deals to look at first", book.currency, rows=40)

# %% [markdown]
# ## What was won

# %%
show.measures(won.reset_index(), f"Deals decided from {window}", book.currency)

# %% [markdown]
# Where the median with open deals included is above the one of won deals, slow deals are still open. Deal sizes are skewed:
# read the median first.

# %% [markdown]
# ## Stage by stage
# Deals that entered each stage, how many went on, how long they stayed, and how many of those decided since were won.

# %%
book.measure(pd.DataFrame(stages.stage_rows(by_stage, visits), columns=ROW))
crm = stages.crm_probabilities(history, by_stage)
if len(crm):
    fig, ax = plt.subplots(figsize=(7.2, 1.2 + 0.4 * len(crm)))
    ax.set_title(say.outside(len(crm), int(crm["outside"].sum())))
    plots.intervals(crm, crm["stage"].tolist(), ax, "deals won of those decided (share)", crm["crm"])
show.table(by_stage, "Stages", note=say.history_known(len(history)))

# %% [markdown]
# In the figure the dot is the share won of the user's own deals, with its interval; the cross is the probability in the CRM.

# %% [markdown]
# ## Forecast and target
# Coverage needed is 1 divided by the win rate by amount, not a rule of thumb.

# %%
due = periods.trailing(book.as_of, slip_months)
before = Book.open(data, as_of=due.start.date() - pd.Timedelta(days=1), tables=tables).read("opportunities")
slips = book.measure(pd.DataFrame([forecast.slippage(before, opportunities, due), stages.push_row(pushed)]))
rows = pd.concat([pipeline.reset_index(), ahead.reset_index(), slips], ignore_index=True)
rows = rows[rows["unit"].ne("deals") | rows["value"].ne(0)]
show.measures(rows, f"Open pipeline, and the target of {period}", book.currency)

# %% [markdown]
# ## Who wins where
# Win rates of small groups jump by chance. The adjusted rate pulls each towards all, the more the fewer its deals.

# %%
groups = deals.all_groups(decided, accounts["industry"], year_starts)
book.measure(pd.DataFrame(deals.group_rows(groups)).assign(window_start=window.start, window_end=window.end))
differ = say.differences(deals.differences(groups))
show.table(groups, f"Win rate by group, {window}", rows=40, note=differ)

# %% [markdown]
# ## Deals by the quarter in which they were opened
# Young quarters hold only the fast deals. Their win rate is too early to judge.

# %%
cohorts = deals.cohorts(opportunities, book.as_of, year_starts)
book.measure(pd.DataFrame(deals.cohort_rows(cohorts), columns=ROW))
show.table(cohorts, "Deals by quarter opened")

# %% [markdown]
# ## What to decide

# %% tags=["decide"]
book.decide(
    "ask_for_next_step",
    text="Ask the seller of each listed deal for a next step agreed with the buyer, or close the deal as lost",
    **stages.accounts_of(listed),
    would_change="a next step agreed with the buyer since",
)
gaps = flags.loc[flags[["no_account", "no_amount"]].any(axis=1), "opportunity_id"]
book.decide(
    "fill_account_and_amount",
    text=f"Fill in the account or amount of {say.named(gaps)} before the next forecast",
    only_if=len(gaps) > 0,
    would_change="a forecast that is allowed to leave them out",
)
book.decide(
    "enter_target",
    text="Enter a target for the period in programme/targets.csv",
    only_if=pd.isna(goal),
    would_change="deciding that pipeline is not steered by a target",
)
say.decide(book.decisions, book.currency, accounts["name"])

# %%
book.write("12_opportunity_flags", flags)
