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
# **Decision.** Which open deals get attention this week, whether the pipeline covers the coming target, and which forecast
# numbers can be trusted.
#
# **Needs** accounts, opportunities. **Reads** nothing earlier. **Writes** `12_opportunity_flags`, `12_bridge`. **Run** weekly;
# decide monthly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
window_months: int = 12  # months up to as_of whose closed deals count
slip_months: int = 3  # months up to as_of in which deals were due to close
ahead_months: int = 12  # months after as_of within which a deal is won or not

# %%
import functools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import (
    bridge,
    buying_groups,
    chances,
    changes,
    coverage,
    data_quality,
    deals,
    forecast,
    past_pipeline,
    periods,
    results,
    sellers,
    stages,
    stalled,
)
from abmlib.method import engagement_by_stage as engagement
from abmlib.method import forecast_months as monthly
from abmlib.pages import (
    plots,
    say,
    say_changes,
    say_data,
    say_deals,
    say_forecast,
    say_open,
    say_pipeline,
    show,
    what_if,
)
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book
from abmlib.tables.decisions import is_made

plots.style()

# %% [markdown]
# ## Load
# One row per deal, as known on the day, and one row per change of its stage, amount or closing day. The closing date of an
# open deal is a forecast.

# %%
book = Book.open(data, as_of=as_of, tables=tables, window_months=window_months)
book.need("accounts", "opportunities", writes=["12_opportunity_flags", "12_bridge"])
accounts = book.read("accounts").set_index("account_id")
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
history = book.read("opportunity_stage_history")
year_starts, currency = book.settings.fiscal_year_starts, book.currency
window, ahead = periods.trailing(book.as_of, window_months), periods.coming(book.as_of, ahead_months)
horizon, until = (ahead.end - book.as_of).days, say.day(ahead.end)
columns = ["opportunity_id", "title", "stage", "amount", "created_day", "close_date", "closed_day", "is_won"]
show.table(opportunities.assign(title=opportunities["name"])[columns], "The first deals", currency, rows=3)

# %%
show.table(deals.oddities(opportunities, book.as_of), "Deals whose data cannot be taken as they are")

# %% [markdown]
# ## How the answer is made
# **Open deals**: the sum of their amounts. **Expected to be won**: each deal's amount, times its chance. The chance is the share
# won of the deals of its product line that were as long in the same stage at past month ends, large and small deals apart. It is
# asked twice: for the months ahead, and until the end of the period to prepare for. The CRM's own weighting takes the
# probability that the CRM gives a deal; it names no day.

# %%
open_deals = opportunities[~opportunities["is_closed"]]
open_amount = open_deals["amount"].sum(min_count=1)

(period, goal), (coming, next_goal) = forecast.target_periods(book.read("targets"), book.as_of, year_starts)
won = deals.won_measures(opportunities, window).set_index("definition_id")
past = past_pipeline.followed(opportunities, history, book.as_of)
today = past_pipeline.open_now(opportunities, history, book.as_of)
outlook = chances.outlook(past, today, book.as_of, horizon)
days_left, period_end = (coming.end - book.as_of).days, say.day(coming.end)
of_period = chances.outlook(past, today, book.as_of, days_left)
aheads = [ahead.end - book.as_of, forecast.time_to(coming.end, book.as_of), *monthly.AHEAD]
tested, of_quarters, *of_months = chances.back_tests(past, book.as_of, aheads, year_starts)
of_quarters = of_quarters.drop(columns="crm")  # the CRM names no day

judged = open_deals[open_deals["opportunity_id"].map(outlook.chance).notna()]
crm_weighted = judged["amount"] * judged["probability"]

pipeline = book.measure(forecast.open_measures(opportunities, outlook, book.read("products"), ahead))
pipeline = pipeline.set_index("definition_id")
assert open_deals.empty or np.isclose(open_amount, pipeline.loc["open_value", "value"], equal_nan=True), "two sums"
assert np.isclose(outlook.chance.sum(min_count=1), outlook.wins[0], equal_nan=True) or open_deals.empty, "two counts"

# %% [markdown]
# **Stalled**: longer in its stage than nine of ten won deals of its product line were, and either without a touch from the buyer
# for some weeks or postponed at least twice. **Overdue**: its closing day is past. **Due too early**: its closing day comes
# sooner after it entered its stage than nine of ten won deals needed from there to the win.

# %%
visits = stages.stage_visits(opportunities, history, book.as_of)
touches = book.panel("activities", by=["direction", "opportunity_id"], per="day")
people = book.read("opportunity_contacts")
marks = stalled.past_of(opportunities, visits, touches, people)
contacts = coverage.contact_states(book.read("contacts"), book.as_of)
record = stalled.record(past, marks, horizon, year_starts)
flags = stalled.flags(opportunities, stalled.marked(today, marks), outlook.chance)
slow = flags["days_in_stage"] > flags["days_slow"]
assert (flags["stalled"] == slow & (flags["quiet"] | (flags["pushes"] >= stalled.PUSHES).fillna(False))).all()

ids, titles = opportunities["opportunity_id"], opportunities["name"]  # a title that most deals share names none
tells = bool(is_made(ids, titles).any()) or titles.nunique() * 2 > len(titles)
deal = ["opportunity_id", *["title"] * tells, "account_name", "deal_owner"]
account_name = accounts["name"].rename("account_name")
named = flags.assign(title=flags["name"], deal_owner=flags["owner_id"]).join(account_name, on="account_id")
listed = stalled.reasons(named, book.as_of)
stuck, late, early = (listed[listed[mark]] for mark in ("stalled", "overdue", "due_too_early"))

# %% [markdown]
# ## Answer

# %% tags=["answer"]
foretold = book.measure(forecast.period_foretold(opportunities, of_period, coming, next_goal, book.as_of))
foretold = foretold.set_index("definition_id")
verdict, quarter = forecast.verdict(foretold), say.span(coming.start, coming.end, year_starts)
weighted = say_pipeline.crm_check(
    crm_weighted.sum(min_count=1), crm_weighted.count(), outlook.money, tested, until, LEVEL, currency
)
tried = book.measure(monthly.newest_rows(of_quarters)).set_index("definition_id")
doubt = say_forecast.doubt(tried)
ahead_of_us = say_pipeline.period_ahead(foretold, next_goal, quarter, period_end, verdict, LEVEL, currency)
say.words(
    say_open.collapse(changes.collapsed(opportunities, book.as_of, year_starts), year_starts, LEVEL, currency),
    say_open.silence(sellers.silent(opportunities, book.as_of), int(flags["overdue"].sum())),
    f"{ahead_of_us} {doubt or say_forecast.direction(tried)}".strip(),
    weighted * (doubt == ""),
    say_pipeline.attention(flags, len(history) > 0, currency),
)

# %% [markdown]
# ## The coming target

# %% tags=["finding"]
wins = int(deals.won_flag(deals.counted(opportunities, window)).sum())
reached = book.measure(forecast.won_of_target(opportunities, period, goal)).set_index("definition_id")
won_share = reached.loc["won_of_target", "value"]
won_in_period = deals.closed_in(opportunities, period).query("is_won")["amount"].sum()
assert np.isnan(won_share) or np.isclose(won_in_period / goal, won_share), "two shares of the target"
due = forecast.due_in(named, coming, book.as_of)
cover = book.measure(
    forecast.target_coverage(opportunities, coming, next_goal, book.as_of, won.loc["win_rate_by_amount"], wins)
)
cover = cover.set_index("definition_id")
say.words(
    say_pipeline.due(due, cover["value"].get("coverage"), period_end, currency),
    say_pipeline.rule_of_thumb(cover.loc["coverage_needed"], LEVEL),
    say_pipeline.new_deals(foretold, currency),
    say_pipeline.target(
        goal,
        won_share,
        say.span(period.start, period.end, year_starts),
        period.end <= book.as_of,
        currency,
        say_pipeline.hangs_on(*forecast.without_largest(opportunities, period, goal), accounts["name"], currency),
    ),
)

# %%
rows = pd.concat([foretold.reset_index(), cover.reset_index()], ignore_index=True)
show.measures(rows, f"What is expected by {period_end}, and the target of {quarter}", currency)

# %%
chance = f"Chance to win by {period_end}"
bring = named.assign(**{chance: named["opportunity_id"].map(of_period.chance).astype("float64")})
bring["money_expected"] = forecast.parts(bring["amount"] * bring[chance], of_period.money[0])
bring = bring.sort_values(["money_expected", "amount"], ascending=False, kind="stable")
note = say_pipeline.about_chance(period_end, bring[chance], chances.FEWEST, record, chances.known_by(past)) * (
    len(bring) > 0
)
columns = [*deal, "stage", "amount", "close_date", "overdue", chance, "money_expected"]
title = f"Open deals that bring the most of what is expected by {period_end}"
title = title if bring["money_expected"].notna().any() else "Open deals, the largest first"
show.table(bring[columns], title, currency, rows=10, note=note)

# %% [markdown] tags=["fold"]
# ## All open deals, by what they are expected to bring

# %%
show.table(bring[columns], f"Open deals, and what each is expected to bring by {period_end}", currency, rows=1000)

# %% [markdown]
# ## Forecast by month
# What is expected by a month's end, less what is expected by the end of the month before, beside the deals whose closing day in
# the CRM lies in it.

# %% tags=["finding"]
last = max(ahead.end, coming.end)
months = monthly.by_month(opportunities, past, today, book.read("targets"), book.as_of, last, year_starts)
by_end = months.set_index("month")["cumulated"].get(coming.end, np.nan)
assert np.isclose(by_end, of_period.money[0], equal_nan=True) or months.empty, "two forecasts of the period"
book.measure(monthly.rows(months, book.as_of))
record_of_months = monthly.record(of_months)
book.measure(monthly.record_rows(record_of_months))
say.words(
    *say_open.months(months, record_of_months, doubt, LEVEL, currency),
    say_forecast.direction(tried),
    say_open.tested_months(record_of_months),
)

# %%
columns = [*monthly.COLUMNS[1:6], *monthly.COLUMNS[7:9]]
named_months = months.assign(Month=[f"{m:%B %Y}" for m in months["month"]])
show.table(named_months[["Month", *columns]], "Expected by month", currency, note=say_open.about_months(months))

# %%
if months["money_expected"].notna().any():
    fig, ax = plt.subplots()
    plots.title(ax, "Expected in each month, and due by the CRM's closing days")
    lines = {"money_expected": "expected", "money_due": "due by the CRM"}
    plots.pipeline_by_month(months[["month", *lines]].rename(columns=lines), ax, f"amount a month ({currency})")

# %% [markdown]
# ## How good the forecast was

# %% tags=["finding"]
say.words(*say_forecast.trusted(of_quarters, currency), weighted * (doubt != ""))

# %%
tested = pd.concat([of_quarters, tested], ignore_index=True).drop_duplicates(["day", "horizon_days"], keep="last")
show.table(
    tested.drop(columns="judged_by"),
    "Foretold at past quarter ends, and what came",
    currency,
    note=say_forecast.about_tests(tested),
)

# %%
crm = chances.stage_shares(past, book.as_of, horizon, stages.in_order(visits))
if len(crm):
    fig, ax = plt.subplots()
    plots.title(ax, say_deals.crm_by_stage(crm, ahead_months))
    key = ("won of past deals, with its interval", "CRM's probability")
    plots.intervals(crm, crm["stage"].tolist(), ax, f"won within {ahead_months} months (share)", crm["crm"], key)

# %% [markdown]
# ## Stalled deals

# %% tags=["finding"]
say.words(
    say_pipeline.of_mark("stalled", stuck, record, currency),
    say_pipeline.in_the_past("stalled", record, ahead_months, LEVEL) * (len(stuck) > 0),
    say_pipeline.without_account(stuck),
    say_pipeline.unjudged(flags, currency),
)

# %%
title = f"Stalled deals, the largest first: {len(stuck):,} of {say.count(len(open_deals), 'open deal')}"
columns = [*deal, "amount", "next_step", "why"]
show.table(stuck[columns], title, currency, rows=50, note=say_pipeline.owners(stuck, currency))

# %% [markdown]
# ## Overdue deals

# %% tags=["finding"]
say.words(
    say_pipeline.of_mark("overdue", late, record, currency),
    say_pipeline.in_the_past("overdue", record, ahead_months, LEVEL) * (len(late) > 0),
    say_pipeline.without_account(late),
)

# %%
title = f"Overdue deals, the largest first: {len(late):,} of {say.count(len(open_deals), 'open deal')}"
columns = [*deal, "amount", "close_date", "days_overdue", "stalled", *["next_step"] * (late["next_step"].nunique() > 1)]
show.table(
    late.sort_values("amount", ascending=False)[columns],
    title,
    currency,
    rows=50,
    note=say_pipeline.owners(late, currency),
)

# %% [markdown]
# ## Ahead of themselves

# %% tags=["finding"]
say.words(
    say_pipeline.of_mark("due_too_early", early, record, currency),
    say_pipeline.in_the_past("due_too_early", record, ahead_months, LEVEL) * (len(early) > 0),
    say_pipeline.without_account(early),
    say_pipeline.unjudged(flags, currency) * (len(early) > 0),
    *(
        say_pipeline.ahead(mark, flags[flags[mark]], record, ahead_months, LEVEL, currency)
        for mark in stalled.AHEAD
        if len(flags)
    ),
)

# %%
title = "Deals due sooner than nine of ten won deals needed from their stage"
note = "Planned: from entering the stage to the closing day. Needed: from there to the win, for the fastest tenth of won deals."
columns = [*deal, "stage", "amount", "close_date", "days_planned", "days_needed"]
show.table(
    early.sort_values("amount", ascending=False)[columns], title, currency, rows=50, note=note * (len(early) > 0)
)

# %% [markdown]
# ## Open pipeline

# %% tags=["finding"]
fill, lacking = say_pipeline.gaps(flags)
whose = "; ".join(flags.loc[flags["no_account"] | flags["no_amount"], "owner_id"].dropna().unique()) or None
crm_weights = (pipeline.loc["weighted_by_crm_probability", "value"], crm_weighted.sum(min_count=1))
say.words(
    say_pipeline.open_deals(open_deals, say.one_account(open_deals, accounts["name"]), currency),
    say_pipeline.expected(
        flags, outlook.wins, outlook.money, LEVEL, until, outlook.why, currency, outlook.is_young, crm_weights
    ),
    say_pipeline.of_an_earlier_day(fill, book.is_latest),
    say_data.unknown_past(
        data_quality.unknown_past(opportunities, history), len(opportunities), book.as_of, book.is_latest
    ),
)

# %%
track = results.tracks(opportunities, accounts["first_won_day"])
by_track = book.measure(forecast.open_by_track(opportunities, track, past, today, book.as_of, ahead))
show.grouped(by_track, "track", f"Open deals and what they bring by {until}, by track", currency)

# %%
slip = periods.trailing(book.as_of, slip_months)
before = book.read("opportunities", on=slip.start - periods.DAY)
pushed = stages.pushes(history, opportunities)
slips = [forecast.slippage(before, opportunities, slip), stages.push_row(pushed, opportunities)]
rows = pd.concat([pipeline.reset_index(), book.measure(slips)], ignore_index=True)
rows = rows[rows["unit"].ne("deals") | rows["value"].ne(0)]
show.measures(
    rows,
    f"Open deals, what they bring by {until}, and deals due {say.during(slip.start, slip.end, year_starts)}",
    currency,
)

# %% [markdown]
# ## How the open pipeline came about
# From the pipeline open before the quarter judged to that of today, as in the executive summary. What happened in between stands
# apart from what was dated before and only learnt since.

# %% tags=["finding"]
happened = changes.outcome_days(opportunities, book.read("transactions"))
start = changes.quarters_compared(happened, book.as_of, year_starts)[0].start - periods.DAY
then = deals.open_deals(book.read("opportunities", on=start))
steps = bridge.bridge(then, opportunities, history, start, book.as_of)
behind = bridge.behind(then, opportunities, history, start, book.as_of)
assert (
    np.isclose(steps["amount"].iloc[-1], deals.known_sum(open_deals["amount"]), equal_nan=True)
    or steps["amount"].isna().all()
)

quarter_then = periods.quarter_of(start + periods.DAY, year_starts)
moved = bridge.postponed(then, opportunities, history, start)
pushed_out = bridge.pushed_out(moved, quarter_then)
book.measure(bridge.rows(steps, moved, quarter_then))
of_quarter = say.span(quarter_then.start, quarter_then.end, year_starts)
say.words(
    say_changes.bridge(steps, behind, accounts["name"], currency),
    say_open.postponed(moved, pushed_out, of_quarter, currency),
)

# %%
dayless = bridge.closed_without_day(then, opportunities, start)
note = say_changes.bridge_note(steps, int(open_deals["amount"].isna().sum()), dayless)
show.table(say_changes.bridge_table(steps), "From the one day to the other", currency, note=note)

# %%
named_moves = moved.assign(title=moved["name"], deal_owner=moved["owner_id"]).join(account_name, on="account_id")
columns = [*deal, "amount", "from_day", "to_day", "split"]
show.table(named_moves[columns], "Moved to a later closing day, the largest first", currency, rows=50)

# %% [markdown] tags=["fold"]
# ## The deals behind each step

# %%
named_steps = behind.assign(title=behind["name"], deal_owner=behind["owner_id"]).join(account_name, on="account_id")
columns = ["step", "split", *deal, "amount"]
show.table(
    named_steps[columns].head(500 * named_steps["amount"].notna().any()), "Deals behind the steps", currency, rows=500
)

# %% [markdown]
# ## Engagement by stage
# Touches per deal and month of the deals that were in the stage in the window. A touch that names a deal counts for that deal,
# one that names none for each deal its account had open.

# %% tags=["finding"]
in_order = stages.in_order(visits, opportunities)
by_stage = engagement.by_stage(opportunities, visits, touches, window, in_order)
lagged = engagement.then_pipeline(book.read("accounts"), opportunities, touches, book.as_of, year_starts)
book.measure(engagement.rows(by_stage, lagged))
say.words(
    say_open.in_touch(by_stage, engagement.LATELY),
    say_open.then_pipeline(lagged.correlation, lagged.accounts, lagged.touched, lagged.untouched, LEVEL),
)

# %%
about = "Touches per deal and month, of all deals that were in the stage in the window." * bool(
    by_stage["deals_seen"].notna().any()
)
show.table(by_stage, "Open deals and touches by stage", currency, note=about)
# %% [markdown]
# ## What if
# In JupyterLab, a slider stands below: another horizon, and what the open deals are expected to bring until then. To keep
# it, write it into `ahead_months` above and run the page again.

# %% tags=["what-if"]
what_if.sliders(
    functools.partial(chances.outlook, past, today, book.as_of),
    functools.partial(what_if.pipeline, outlook, LEVEL, book.currency),
    horizon=(
        horizon,
        {say.count(m, "month"): (periods.coming(book.as_of, m).end - book.as_of).days for m in range(1, 25)},
    ),
)

# %% [markdown] tags=["fold"]
# ## Stalled, overdue and early deals in the past

# %%
show.table(record, "What became of deals with each mark, and of the others", note=say_pipeline.flag_record(record))

# %% [markdown]
# ## What to decide

# %% tags=["decide"]
next_step = "Ask the owner of each stalled deal for a next step agreed with the buyer; close it if the buyer names none"
week = str((book.as_of + pd.Timedelta(days=7)).date())
agreed = "a next step that was agreed since"
at_risk = stalled.in_doubt(record)
book.decide(
    "ask_for_next_step",
    kind="sell",
    text=next_step,
    **stalled.to_decide(stuck, currency, at_risk),
    due=week,
    would_change=agreed,
)
book.decide(
    "ask_without_account", kind="sell", text=next_step, due=week, would_change=agreed,
    only_if=stuck["account_id"].isna().any(), **stalled.to_decide_without_account(stuck, at_risk),
)  # fmt: skip
undecided = buying_groups.without_decider(contacts, people, open_deals, say.LARGE)
book.decide(
    "find_decision_maker", kind="sell", text="Find the decision maker at "
    + say.joined([say.one_line(accounts["name"].get(i, i)) for i in undecided.index]),
    accounts=undecided.index, owner=accounts["owner_id"], moves=undecided, basis="open amount there:", only_if=book.is_latest, due=week,
    reason="nobody we reach there is known to decide", would_change="a person who decides, entered since",
)  # fmt: skip
book.decide(
    "fill_the_coming_period", kind="sell", due=str(coming.end.date()), only_if=verdict == "short",
    text=f"{'Open' if due.empty else f'Move the deals due in {quarter} forward and open'} new deals: "
    "the target is out of reach of what is expected",
    **forecast.to_decide(due, foretold, currency), would_change="large deals won early, or more from new deals than in past periods",
)  # fmt: skip
missed = period.end <= book.as_of and won_share < 1
book.decide(
    "make_up_for_the_target", kind="programme",
    text=f"Decide how the amount missed in {say.span(period.start, period.end, year_starts)} is made up for, or lower the year's goal",
    only_if=missed, moves=goal * (1 - won_share), basis="missing to the target", due=week, would_change="deals of the period entered late",
)  # fmt: skip
book.decide(
    "set_closing_days", kind="sell", text=say_pipeline.ask_for_days(late, currency), **stalled.to_decide(late, currency),
    due=week, would_change="a closing day entered since",
)  # fmt: skip
book.decide(
    "check_closing_days", kind="data", text="Ask the buyers of deals due too early for their stage for the day of signing, and enter it",
    **stalled.to_decide(early, currency), only_if="due_too_early" in set(record.loc[record["verdict"] == "signal", "mark"]),
    due=week, would_change="a day that the buyer has confirmed",
)  # fmt: skip
only_if = book.is_latest and fill != ""
book.decide(
    "fill_account_and_amount", kind="data", text=fill, only_if=only_if, reason=lacking, owner=whose, due=week,
    would_change="an account or amount entered since, or a deal closed",
)  # fmt: skip
book.decide(
    "enter_target", kind="data", text=f"Enter a target for {quarter} in programme/targets.csv", only_if=pd.isna(next_goal),
    due=week, would_change=f"a target of another period that holds {say.day(coming.start)}",
)  # fmt: skip
show.decisions(book.decisions, currency, accounts["name"])

# %%
book.write("12_opportunity_flags", flags)
book.write("12_bridge", behind)
