# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12b Results: what did we win and lose, from where, through whom, and why?
#
# **Decision.** Which sources, campaigns and kinds of deals get more or less of our time, and whose deals to look at first.
#
# **Needs** accounts, opportunities. **Reads** nothing earlier. **Writes** `12b_won`. **Run** monthly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
window_months: int = 12  # months up to as_of whose closed deals count

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import deals, framework, periods, results, stages
from abmlib.pages import plots, say, say_deals, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load
# One row per deal, as known on the day. Deals of all years are read; the window says which of them count.

# %%
book = Book.open(data, as_of=as_of, tables=tables, window_months=window_months)
book.need("accounts", "opportunities", writes=["12b_won"])
accounts = book.read("accounts").set_index("account_id")
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
history = book.read("opportunity_stage_history")
year_starts, currency = book.settings.fiscal_year_starts, book.currency
window = periods.trailing(book.as_of, window_months)

# %% [markdown]
# ## How the answer is made
# **Win rate**: deals won, divided by deals decided (won or lost) in the window. Open deals have no result yet and do not count.
# Where most closed deals have no closing day, all deals ever decided count. Without a lost deal there is no rate.

# %%
has_days = not deals.dateless(opportunities)
is_known = opportunities["is_closed"] & opportunities["is_won"].notna()
decided = opportunities[is_known & (opportunities["closed_day"].between(window.start, window.end) | (not has_days))]
win_rate = np.nan if decided["is_won"].all() else decided["is_won"].mean()

won = book.measure(deals.won_measures(opportunities, window)).set_index("definition_id")
assert np.isclose(win_rate, won.loc["win_rate_by_count", "value"], equal_nan=True), "two win rates"
# %% [markdown]
# ## Answer

# %% tags=["answer"]
of_window, wins = won.loc["win_rate_by_count"], int(decided["is_won"].sum())
when = say.during(window.start, window.end, year_starts) if has_days else "ever, as most closing days are unknown"
say.words(
    say.win_rate(
        *of_window[["value", "low", "high", "n"]], LEVEL, when, won.loc["win_rate_by_amount", "value"], of_window["why"]
    ),
)

# %% [markdown]
# ## What was won
# Sales velocity gives the open deals the win rate of decided ones. That is too high, so it is no forecast.

# %% tags=["finding"]
say.words(say_deals.sizes(wins, deals.MEAN_HELD, LEVEL))

# %%
show.measures(won.reset_index(), f"Deals decided {when}", currency)

# %% [markdown]
# ## Created and won by month

# %% tags=["finding"]
months = deals.by_month(opportunities, window)
say.words(say_deals.months(months, currency))

# %%
if len(months):
    fig, ax = plt.subplots()
    plots.title(ax, say_deals.best_month(months, currency))
    plots.pipeline_by_month(months, ax, f"amount a month ({currency})")

# %% [markdown]
# ## Stage by stage
# Of the deals that left a stage, the share that went on to a later stage or was won, and how long they stayed. Deals may skip
# stages.

# %% tags=["finding"]
visits = stages.stage_visits(opportunities, history, book.as_of)
by_stage = stages.stage_table(visits)
book.measure(stages.stage_rows(by_stage, visits))
say.words(say_deals.stages(by_stage, LEVEL))

# %%
show.table(by_stage, "Stages", note=say_deals.about_stages(len(history)))

# %% [markdown]
# ## Who wins where
# Small groups vary by chance. The adjusted rate moves them closer to the average.

# %% tags=["finding"]
groups = deals.all_groups(decided, accounts["industry"], year_starts)
book.measure(deals.group_rows(groups).assign(**of_window[["window_start", "window_end"]]))
differ = deals.differences(groups)
say.words(*say_deals.who_wins(differ, groups))

# %%
ways = differ.loc[differ["judged"] == "differ", "group_by"]
show.table(groups[groups["group_by"].isin(ways)], "Win rates that differ", rows=40)

# %% [markdown] tags=["fold"]
# ## Win rates of all groups

# %%
show.table(groups, "Win rate by quarter, type, product line, segment and owner", rows=100)

# %% [markdown] tags=["fold"]
# ## Deals by the quarter in which they were opened
# Of young quarters only the fast deals are decided. It is too early to judge their win rate.

# %%
cohorts = deals.cohorts(opportunities, book.as_of, year_starts)
book.measure(deals.cohort_rows(cohorts))
show.table(cohorts, "Deals by quarter opened")

# %% [markdown] tags=["fold"]
# ## Won by account

# %%
before = periods.trailing(window.start - pd.Timedelta(days=1), window_months)
tier = framework.tiers_on(book.read("account_tiers"), book.as_of)
by_account = results.won_by_account(opportunities, tier, window, before)
shown = by_account.join(accounts[["name", "owner_id"]], on="account_id")
columns = ["name", "owner_id", "tier", "won_value", "won_value_before", "won_deals", "decided_deals", "acv"]
show.table(shown[columns], f"Won {when}, the most first", currency, rows=show.LISTED)

# %% [markdown]
# ## What to decide

# %% tags=["decide"]
show.decisions(book.decisions, currency, accounts["name"])

# %%
book.write("12b_won", by_account)
