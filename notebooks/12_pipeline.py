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
#
# A closing date of an open deal is a forecast, and a closed deal is one of the fast ones. So every number here says
# which deals it counts, over which days, and how many they are.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
window_months: int = 12  # months up to as_of whose closed deals count
slip_months: int = 3  # months up to as_of in which deals were due to close

# %%
import matplotlib.pyplot as plt
import pandas as pd

from abmlib.method import periods
from abmlib.method.deals import (
    accounts_won,
    all_groups,
    closed_in,
    cohort_rows,
    cohorts,
    cycle_lengths,
    deal_sizes,
    differences,
    explained,
    group_rows,
    open_deals,
    undated,
    velocity_row,
    win_rates,
    with_days,
)
from abmlib.method.forecast import open_measures, slippage, target_coverage, target_for
from abmlib.method.measures import ROW
from abmlib.method.stages import (
    accounts_at_stake,
    crm_beside_own,
    flags,
    in_trouble,
    push_row,
    pushes,
    stage_rows,
    stage_table,
    stage_visits,
)
from abmlib.pages import plots, say, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load and check
# One row per deal, as it stood on the day; one row per change of stage, amount or closing day, where the source has
# them.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", "opportunities", writes=["12_opportunity_flags"])
accounts = book.read("accounts").set_index("account_id")
deals = with_days(book.read("opportunities"), book.as_of)
history = book.read("opportunity_stage_history")
year_starts = book.settings.fiscal_year_starts

# %%
window = periods.trailing(book.as_of, window_months)
closed = closed_in(deals, window)
undated = undated(deals).sum()
say.deals(len(deals), len(open_deals(deals)), len(closed), str(window), undated)

# %% [markdown]
# ## What is won
# The win rate counts deals that were decided in the window, by number and by amount. Deal sizes are skewed, so the mean
# stands beside the median and the geometric mean.

# %%
rates = win_rates(closed)
won = [*rates, *deal_sizes(closed), *cycle_lengths(closed, deals), *accounts_won(closed)]
won = explained(won, deals, closed)
won_measures = book.measure(won.assign(window_start=window.start, window_end=window.end))
show.measures(won_measures, "Won deals", book.currency)

# %% [markdown]
# Where the median with open deals counted as running lies above the one of won deals, slow deals are still open: the
# lower number flatters.

# %% [markdown]
# ## Stage by stage
# How many deals that entered a stage went on, how long they stayed, and which share of those decided since was won.

# %%
visits = stage_visits(deals, history, book.as_of)
stages = stage_table(visits)
book.measure(pd.DataFrame(stage_rows(stages, visits), columns=ROW))
show.table(
    stages,
    "Stages",
    count=["entered", "moved_on", "decided", "days_median", "days_low", "days_high", "days_slow"],
    share=["conversion", "low", "high", "win_share", "win_low", "win_high"],
    missing="–",
    units={"days_median": "days", "days_low": "days", "days_high": "days", "days_slow": "days"},
    note=say.history_known(len(history)),
)

# %% [markdown]
# ## Own stage shares beside the CRM
# The CRM's probability is what somebody once typed in. The dot is what happened to the user's own deals.

# %%
beside = crm_beside_own(visits, history, stages)

fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.4 * len(beside)))
plots.intervals(beside, beside["stage"].tolist(), ax, "deals won of those decided (share)", beside["crm"])

# %% [markdown]
# A cross outside its line is a stage whose probability in the CRM the past contradicts.

# %% [markdown]
# ## What is open
# Deals without an account, an amount or an age are counted apart. A value at list price is no forecast; it says what the
# open deals would be worth at the price of their product line.

# %%
opened = open_measures(deals, stages, book.read("products"), rates[0])
velocity = velocity_row(closed, len(open_deals(deals)))
opened = explained([*opened, velocity], deals, closed)
show.measures(book.measure(opened), "Open pipeline", book.currency)

# %% [markdown]
# ## Against the target
# Coverage needed is what the win rate by amount asks for, not a rule of thumb.

# %%
period, target = target_for(book.read("targets"), book.as_of, year_starts=year_starts)
cover = target_coverage(deals, closed_in(deals, period), target, period, rates[1])
cover = explained(cover, deals, closed)
show.measures(book.measure(cover), f"Target of {period}", book.currency)

# %% [markdown]
# ## What slips
# Deals that were due to close, as known before the months began, and did not.

# %%
due = periods.trailing(book.as_of, slip_months)
then = Book.open(data, as_of=due.start.date() - pd.Timedelta(days=1), tables=tables).read("opportunities")
pushed = pushes(history)
slipped = book.measure(pd.DataFrame([slippage(then, deals, due), push_row(pushed)])).iloc[0]
say.slipped(slipped["value"], slipped["low"], slipped["high"], slipped["n"], LEVEL, str(due), slipped["why"])

# %% [markdown]
# ## Who wins where
# Win rates of small groups jump by chance. The shrunken rate pulls each towards all, as far as its count is too small to
# speak; where the lines overlap, there is no ranking.

# %%
groups = all_groups(closed, accounts["industry"], year_starts)
book.measure(pd.DataFrame(group_rows(groups)).assign(window_start=window.start, window_end=window.end))
none = "" if len(closed) else f"No deal is known to have closed in {window}."
show.table(groups, "Win rate by group", share=["raw", "shrunk", "low", "high"], count=["won", "n"], rows=40, note=none)

# %% [markdown]
# Before anybody is ranked: do the groups differ at all, beyond what chance alone would do?

# %%
differ = differences(groups)
show.table(differ, "Do win rates differ?", count=["groups", "n"], number=["p"], missing="–", note=none)

# %%
sellers = groups[groups["group_by"] == "owner"].rename(columns={"shrunk": "share"}).head(15)

fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.3 * len(sellers)))
plots.intervals(sellers, sellers["group"].tolist(), ax, "shrunken win rate (share)")

# %% [markdown]
# ## Too early to judge
# Young cohorts hold only the fast deals. Their win rate is shown and not judged.

# %%
cohorts = cohorts(deals, book.as_of, year_starts)
book.measure(pd.DataFrame(cohort_rows(cohorts), columns=ROW))
show.table(
    cohorts, "Deals by quarter opened", count=["opened", "open", "won", "n"], share=["share", "low", "high"], rows=20,
    note="" if len(cohorts) else "Of no deal is known when it was created: export created_at.",
)  # fmt: skip

# %% [markdown]
# ## Open deals in trouble
# Overdue; slower than nine tenths of won deals were in the same stage; pushed again and again; or lacking what a
# forecast needs.

# %%
flags = flags(deals, visits, stages, pushed, book.as_of)
trouble = in_trouble(flags).join(accounts["name"], on="account_id")
show.table(
    trouble[
        [
            "opportunity_id",
            "name",
            "stage",
            "amount",
            "close_date",
            "days_in_stage",
            "pushes",
            "overdue",
            "slow",
            "pushed",
        ]
    ],
    "Deals to look at first",
    currency=book.currency,
    money=["amount"],
    day=["close_date"],
    count=["days_in_stage", "pushes"],
    units={"days_in_stage": "days"},
    rows=20,
    note="" if len(trouble) else "No open deal is known to be overdue, slow or pushed.",
)

# %% [markdown]
# ## What to decide

# %%
book.decide(
    "ask_for_next_step",
    text="Ask the seller of each overdue or slow deal for a next step or a loss",
    **accounts_at_stake(trouble),
    would_change="a next step agreed with the buyer since",
)
book.decide(
    "fill_account_and_amount",
    text="Fill in account and amount of open deals before the next forecast",
    only_if=bool(flags[["no_account", "no_amount"]].any(axis=None)),
    would_change="a forecast that is allowed to leave them out",
)
book.decide(
    "enter_target",
    text="Enter a target for the period in programme/targets.csv",
    only_if=pd.isna(target),
    would_change="deciding that pipeline is not steered by a target",
)
say.decide(book.decisions, book.currency, accounts["name"])

# %%
book.write("12_opportunity_flags", flags)
