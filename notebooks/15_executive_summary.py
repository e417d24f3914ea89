# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 15 Executive summary: what should leadership decide this period, and what changed since the last?
#
# **Decision.** Which proposed decisions to take, and which changes to ask about.
#
# **Needs** accounts. **Reads** the decisions and measures of all notebooks before it, and the tables of an earlier run.
# **Writes** `15_executive_summary`, `15_accounts`, `15_kpis`, `15_decision_states`, `15_bridge`. **Run** monthly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
previous: str = ""  # folder of the tables of an earlier run, for what changed since
most_decisions: int = 5  # decisions shown: the gate, then most money first, then by due day

# %%
import numpy as np
import pandas as pd

from abmlib.method import (
    account_pack,
    breakdowns,
    bridge,
    changes,
    cycle_effort,
    data_quality,
    deals,
    forecast,
    kpis,
    periods,
    sellers,
    since,
    summary,
)
from abmlib.pages import catalogue, say, say_changes, say_open, say_pipeline, show
from abmlib.stats.intervals import LEVEL
from abmlib.stats.power import POWER
from abmlib.tables import Book, past_run, schema

# %% [markdown]
# ## Load and check
# The decisions and measures of this run, the deals and purchases of the book, and what an earlier run left.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", writes=["15_executive_summary", "15_accounts", "15_kpis", "15_decision_states", "15_bridge"])
accounts = book.read("accounts").set_index("account_id")
names = accounts["name"]
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
transactions = book.read("transactions")
last, left = (past_run.load(folder, since.COMPARED) for folder in (previous, tables))
say.absent(summary.missing_notebooks(catalogue.frame("notebooks.yml"), book.finished_notebooks(), this="15"))

# %% [markdown]
# ## Compute
# One quarter beside the same days of the quarters before it. The noise is what accounts vary and what those quarters varied.

# %%
flows = changes.flows(opportunities, transactions)
totals = book.measure(changes.totals(flows, periods.trailing(book.as_of, 12)))
book.measure(changes.by_month(flows, book.as_of, 12))
measures = pd.concat([book.earlier("measures"), totals], ignore_index=True)
happened = changes.outcome_days(opportunities, transactions)
compared = changes.quarters_compared(happened, book.as_of, book.settings.fiscal_year_starts)
headlines = summary.with_changes(summary.headlines(measures), changes.judge(flows, compared), compared[0])

win_rate = deals.closed_in(opportunities, compared[0])["is_won"].astype("float64").mean()
judged_rate = headlines.loc[headlines["definition_id"] == "win_rate_by_count", "quarter_value"]
assert np.allclose(judged_rate, win_rate, equal_nan=True), "two win rates of the quarter"

# %% [markdown]
# What became of each decision: what people entered in programme/decision_status.csv holds as long as reports go on to propose it.

# %%
proposed = book.earlier("decisions")
unlike = since.not_compared(proposed, last["decisions"], last.is_latest == book.is_latest, last.notebooks)
states = since.decision_states(
    proposed, last["decisions"], last["15_decision_states"], book.read("decision_status"), book.as_of, last.day,
    book.finished_notebooks(), unlike,
)  # fmt: skip
by_decision, moves = since.by_decision(states), since.moved(left.tables, last.tables, bridge.results(opportunities))

# %% [markdown]
# The bridge leads from the open pipeline of the last report, or else of the start of the quarter judged, to that of today.

# %%
start = last.day if last else compared[0].start - pd.Timedelta(days=1)
then = last["12_opportunity_flags"]
if "12_opportunity_flags" not in last.tables:
    then = deals.open_deals(book.read("opportunities", on=start))
history = book.read("opportunity_stage_history")
steps = bridge.bridge(then, opportunities, history, start, book.as_of)
behind = bridge.behind(then, opportunities, history, start, book.as_of)

open_deals = deals.open_deals(opportunities)
end = steps["amount"].iloc[-1]
assert np.isnan(end) or np.isclose(end, open_deals["amount"].sum(), atol=0.01), "two pipelines"

# %% [markdown]
# One row per account with what all pages know of it.

# %%
known = past_run.load(tables, (*account_pack.LEFT, "02_framework")).tables
features, year = book.features(account_pack.FEATURES).set_index("account_id"), periods.trailing(book.as_of, 12)
spent = cycle_effort.shared_spend(
    book.read("campaign_spend"), book.read("campaign_accounts"), book.read("activities"), year
)
tiers = book.read("account_tiers")
pack = account_pack.account_pack(accounts, features, opportunities, tiers, known, proposed, year, spent)
roles = book.read("contacts")["buying_role"].replace("unknown", pd.NA)

# %% [markdown]
# ## Answer

# %% tags=["answer"]
year_starts, ahead = book.settings.fiscal_year_starts, summary.outlook(measures)
texts, waits = show.change_texts(headlines, book.currency, year_starts), compared[0].end < book.as_of
of_now, (coming, goal) = forecast.target_periods(book.read("targets"), book.as_of, year_starts)
fallen = changes.collapsed(opportunities, book.as_of, year_starts)
overdue = open_deals[open_deals["close_date"] < book.as_of]
say_changes.changed(
    texts,
    headlines["verdict"],
    say.span(compared[0].start, compared[0].end, year_starts),
    waits,
    say_changes.reached(
        ahead,
        book.as_of,
        year_starts,
        say_pipeline.hangs_on(*forecast.without_largest(opportunities, *of_now), names, book.currency),
    ),
    say_changes.expected(
        ahead, forecast.verdict(ahead), goal, say.span(coming.start, coming.end, year_starts), book.currency
    ),
    say_open.collapse(fallen, year_starts, LEVEL, book.currency),
    say_open.silence(sellers.silent(opportunities, book.as_of), len(overdue)),
)

# %% [markdown]
# ## Since the last report

# %% tags=["finding"]
newer = (
    say_changes.newer_data(book.as_of if last.is_latest else last.day)
    if unlike and last.is_latest != book.is_latest
    else ""
)
came = say_changes.came(since.forecast_and_won(last["measures"], then, opportunities, book.as_of), book.currency)
say_changes.since(by_decision, last["15_executive_summary"], headlines, moves, last.day, came, newer)

# %%
states_of = list(since.STATES)
other = by_decision[by_decision["repeated"] < by_decision[states_of].sum(axis=1)] if last else by_decision.head(0)
other = other.rename(columns={"text": "decision"}).replace(0, np.nan)
show.table(other[["decision", "state", *states_of]], "Decisions that are not as they were, and their accounts", rows=10)

# %%
moved = say_changes.moves_table(moves, names, accounts["owner_id"])
note = "The largest revenue or amount first; abm compare lists all of them." * bool(len(moved))
show.table(moved, "Accounts that moved, and what changed there", book.currency, note=note)

# %% [markdown]
# ## Open pipeline

# %% tags=["finding"]
say.words(
    say_changes.bridge(steps, behind, names, book.currency),
    say_changes.one_account(
        say.one_account(open_deals, names), say.one_account(overdue, names, "overdue"), roles, pack["missing_roles"]
    ),
)

# %%
dayless = bridge.closed_without_day(then, opportunities, start)
note = say_changes.bridge_note(steps, int(open_deals["amount"].isna().sum()), dayless)
show.table(say_changes.bridge_table(steps), "From the one day to the other", book.currency, note=note)

# %% [markdown]
# ## Headlines
# Expected of sums and counts: the trend of the earlier quarters, continued, so that steady growth is no change. Expected of
# shares and medians: the value of all earlier quarters together. A headline is too variable to judge where neither a halving
# nor a doubling would most likely show. Headlines without a change are not judged: their past is not known, or they move with
# another headline.

# %%
called, quiet = headlines["verdict"].isin(["up", "down"]), headlines["verdict"] == "within noise"
about = say_changes.about_changes(LEVEL)
show.table(say_changes.headline_table(texts[called]), "Changed beyond noise", note=about * bool(called.any()))

# %%
show.table(say_changes.headline_table(texts[quiet]), "Changed within noise", note=about * bool(quiet.any()))

# %%
wild = say_changes.too_variable(texts, POWER)
tried = headlines["verdict"] != "not judged"
show.table(say_changes.headline_table(texts[~called & ~quiet & tried]), "Not judged", note=wild)

# %% [markdown]
# ## Four families of KPIs
# Engagement and satisfaction of the last 12 months, beside the 12 months before: every season counts once in both, and accounts
# that are in both count against themselves. Bots are left out, and a visit counts no longer than half an hour. Pipeline and
# scale are headlines: their change is that of the quarter judged; of velocity and contract value that against the baseline, of
# contract value with the baseline's mix of deals.

# %%
years = periods.trailing(book.as_of, 12), periods.trailing(book.as_of - pd.DateOffset(months=12), 12)
steered = kpis.engagement(book.read("activities"), book.read("web_sessions")) + kpis.satisfaction(book.read("surveys"))
noted = pd.concat([book.measure(kpis.kpi_rows(steered, years[0])), measures], ignore_index=True)
families = kpis.by_family(noted, kpis.changes(steered, *years), headlines)

# %% tags=["finding"]
apart = book.measure(kpis.rate_without_aside(opportunities, year))
answered = families[families["value"].notna() & (families["track"] == "all")]
say_changes.kpis(answered, say_changes.without_undated(apart, breakdowns.aside(opportunities, year), LEVEL))

# %%
show.kpis(answered, "KPIs by family", book.currency, note=say_changes.about_kpis(answered, LEVEL))

# %%
tracked = measures[measures["definition_id"].isin(answered["definition_id"]) & (measures["group_by"] == "track")]
tracked = tracked.head(len(tracked) * (tracked["group"].nunique() > 1))
show.grouped(tracked, "track", "First sales to prospects, expansion and renewal with customers", book.currency)

# %% [markdown] tags=["fold"]
# ## What each headline rests on

# %%
note = say_changes.undated(int(open_deals["created_day"].isna().sum()))
columns = ["headline", "value", "n", "quarter", "year_ago", "visible"]
show.table(texts.reindex(columns=columns), "All headlines", note=note)

# %% [markdown]
# ## Account by account

# %% tags=["finding"]
say_changes.pack(
    account_pack.largest(pack, roles, book.as_of, open_deals["amount"].sum()), len(pack), len(book.read("leads"))
)

# %%
columns = ["account_name", "deal_owners", "open_amount", "won_12m", "campaign_spend_12m", "last_touch", "advice"]
shown = say_changes.pack_table(pack, names)[columns]
note, title = say_changes.about_pack(pack), say_changes.title_of_pack(pack)
show.table(
    shown,
    title,
    book.currency,
    rows=account_pack.LARGEST,
    file="15_accounts",
    note=note,
)

# %% [markdown]
# ## What could not be answered
# Each line says what is missing and what it would answer: a table or field to export, a file to fill in, or something that has
# not happened yet.

# %%
answers = data_quality.answerable(catalogue.frame("notebooks.yml"), data_quality.available_data(book.fields()))
unknown = data_quality.unknown_past(opportunities, history).get("stage", 0)
left_open = say_changes.not_judged(
    known.get("12_opportunity_flags", schema.empty("12_opportunity_flags")), unknown if unknown < len(opportunities) else 0,
    known.get("02_framework", schema.empty("02_framework")), book.currency,
)  # fmt: skip
open_questions = pd.concat([left_open, summary.unanswered(measures, answers, book.noted_by())])
show.table(open_questions.rename(columns={"export": "needed"}), "What would answer it", rows=12)

# %% [markdown]
# ## What to decide
# The rules for choosing accounts first, then the most money, then by due day. The money of an account counts once, with the
# first decision that names it, so a decision may show less here than on its own page. What people entered as done, declined or
# later is left out.

# %%
remaining = since.still_to_decide(proposed, states)
decisions = summary.top_decisions(remaining, most_decisions)
each = remaining.drop_duplicates(["notebook", "slug"])
chores = int((each["kind"] == "data").sum())
say.words(say_changes.listed(decisions.groupby(["notebook", "slug"]).ngroups, len(each) - chores, chores))

# %% tags=["decide"]
pages = {name.split("_")[0]: name for name in catalogue.frame("notebooks.yml")["notebook"]}
show.decisions(decisions, book.currency, names, pages)

# %%
book.write("15_executive_summary", headlines)
book.write("15_accounts", pack)
book.write("15_kpis", families)
book.write("15_decision_states", states)
book.write("15_bridge", steps)
