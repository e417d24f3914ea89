# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 Suitability and cycle: is ABM right for us, and in which buying cycle is each account?
#
# **Decision.** For which segments account-based marketing is worth its effort, how to treat each account, and what to add
# first.
#
# **Needs** accounts. **Reads** nothing earlier. **Writes** `01_cycles`, `01_evidence`, `01_plan`, `01_elements`,
# `01_account_elements`, `01_campaigns`. **Run** monthly; decide yearly, and whenever the rule file changes.
#
# There are three methods, one for each buying cycle. Early: few companies make large, strategic purchases, and marketing
# opens the door. Mid: buyers inform themselves, and marketing goes deeper. Full: many small purchases follow each other, and
# marketing closes the sale. The wrong method wastes effort or loses the deal.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
rules: str = "cycles.yml"  # rule file of the cycles, beside this notebook
segment: str = "industry"  # column of accounts by which suitability is judged
hour_cost: float = 80.0  # of an hour of sales or marketing, in the reporting currency
gain: float = 0.1  # share of a year's margin that effort on an account would have to add
default_margin: float = 0.0  # margin as share of revenue where no cost is known; 0: leave it unknown

# %%
import functools

import matplotlib.pyplot as plt
import pandas as pd

from abmlib.method import (
    cycle,
    cycle_bounds,
    cycle_deals,
    cycle_effort,
    cycle_plan,
    cycle_rules,
    data_quality,
    elements,
    framework,
    orders,
    periods,
    readout,
    suitability,
)
from abmlib.method.deals import with_days
from abmlib.pages import catalogue, plots, say, say_cycle_plan, say_cycles, show, what_if
from abmlib.stats import intervals
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load and check
# One row per account, with its deals, the people on them and its purchases.

# %%
book = Book.open(data, as_of=as_of, tables=tables, hour_cost=hour_cost, default_margin=default_margin)
book.need(
    "accounts",
    writes=["01_cycles", "01_evidence", "01_plan", "01_elements", "01_account_elements", "01_campaigns"],
)
accounts = book.read("accounts")
about = accounts.set_index("account_id")[["name", "owner_id"]]
deals = with_days(book.read("opportunities"), book.as_of)
transactions, activities = book.read("transactions"), book.read("activities")
contracts = book.read("contracts")
lines = orders.with_product_line(transactions, book.read("products"))
rule_file = cycle_rules.Rules.checked(catalogue.rules(rules))

# %% [markdown]
# ## How the answer is made
# **Cycle**: five kinds of evidence point to a cycle. Bounds that suit one business do not suit another, so your own lines of
# business propose them: half-way between neighbouring groups of lines. They are used until a person confirms others.

# %%
seen = cycle.buying_evidence(deals, book.read("opportunity_contacts"), book.read("contacts"), lines, book.as_of)
proposed = cycle_bounds.proposals(seen, rule_file)
rule = cycle_bounds.in_force(rule_file, proposed)
scored = cycle.score_evidence(seen, rule)
assigned = cycle.assign_cycles(scored)

# %% [markdown]
# Each account gets a cycle in each line of business: that of the line, unless its own evidence clearly points to another.
# An account without history is treated like accounts of its size. A cycle that a person has set stays. The line with most
# money, the main line, stands for the account.

# %%
own = assigned[assigned["account_id"].notna()]
cycles = cycle.with_overrides(
    pd.concat([own, cycle.look_alikes(own, accounts)], ignore_index=True), book.read("cycle_overrides")
)
money = cycle.money_by_line(deals, lines)
book.measure(cycle.cycle_rows(cycles))
main = cycle.main_line(cycles, money)

# %% [markdown]
# **Suited**: six criteria for each line of business, and for each segment within each line. Lines are never mixed: the typical
# purchase of an account that buys services and pens is neither. A criterion says yes or no only if that stands after all
# comparisons on this page are taken together.

# %%
of_segment = data_quality.segments(accounts, segment)
in_year = suitability.bought_in_year(deals, lines, book.as_of)
judged = suitability.criteria(seen, deals, in_year, of_segment, rule)
book.measure(suitability.criteria_rows(judged))
book.measure(suitability.met_rows(judged))
verdicts = suitability.verdicts(judged)
begin = suitability.may_begin(verdicts)

# %% [markdown]
# **Effort**: a year's margin of each account, its break-even hours and those that sales logged. What a campaign cost is shared
# equally among the accounts that it names; where it names none, among those it touched, by touches.

# %%
last_year = periods.trailing(book.as_of, 12)
year = periods.Period(book.as_of - pd.Timedelta(days=suitability.YEAR - 1), book.as_of)
of_year = orders.by_account(transactions, pd.Index(accounts["account_id"]), year)
hours = cycle_effort.hours_spent(activities, of_year.index, book.as_of)
of_main = main.set_index("account_id")["cycle"]
effort = cycle_effort.effort(of_year, hours, of_main, hour_cost, gain, default_margin)
margin_rate = cycle_effort.margin_rates(lines, year, default_margin)
tiers, members = book.read("account_tiers"), book.read("campaign_accounts")
shared = cycle_effort.shared_spend(book.read("campaign_spend"), members, activities, last_year, tiers)
spend = book.measure(cycle_effort.spend_rows(shared, main, last_year))

# %% [markdown]
# **Elements**: what the method asks of each of five elements in each cycle, and the accounts, records and people behind it. Of all
# this comes the plan for each cycle.

# %%
tables_by_name = {
    "accounts": accounts,
    "contacts": book.read("contacts"),
    "opportunities": deals,
    "transactions": transactions,
    "activities": activities,
    "account_insights": book.read("account_insights"),
    "intent_signals": book.read("intent_signals"),
    "web_sessions": book.read("web_sessions"),
    "contracts": contracts,
    "messages": book.read("messages"),
    "personas": book.read("personas"),
    "hand_overs": book.read("hand_overs"),
    "account_tiers": tiers,
}

# %%
no_abm = verdicts.loc[(verdicts["segment"] == "all") & (verdicts["verdict"] == suitability.NOT_SUITED), "product_line"]
asked = cycle.largest_first(elements.addressed(main, no_abm.tolist()), money)
team = book.read("team")
cells = elements.cells(tables_by_name, asked, rule, team, book.as_of)
short_names = about["name"].map(say.one_line)
of_elements = elements.elements_table(cells, short_names)
deal_cycle = cycle_deals.cycle_of(deals, cycles, main)
course = cycle_deals.course_rows(deals, deal_cycle, contracts, cycle_deals.cycle_of(contracts, cycles, main))
course = book.measure(pd.concat([cycle_plan.profile_rows(cycle.typical_values(seen), cycles), course]))
history = book.read("opportunity_stage_history")
sales = cycle_deals.sales_rows(deals, deal_cycle, activities, history, margin_rate, hour_cost, last_year)
sales = book.measure(sales)
is_meeting = sales["definition_id"] == "meetings_per_deal"
counted = cycle_deals.whole_quarters(book.as_of, book.settings.fiscal_year_starts)
dossiers = book.read("dossier_deliveries")
starts = book.measure(cycle_deals.started_rows(deals, deal_cycle, activities, dossiers, main, counted))

# %%
spent = spend[spend["definition_id"] == "campaign_spend"].set_index("group")["value"]
measured = pd.concat([course, starts, book.measure(elements.cell_rows(cells))])
listed = framework.tiers_on(tiers, book.as_of).index
aims = cycle_plan.aims_of(
    book.read("objectives"), book.read("plan_items"), main, framework.present_values(deals, listed, last_year)
)
due = book.as_of + pd.Timedelta(days=30)
plan = cycle_plan.plan(rule, main, deals, effort, spent, cells, measured, team, accounts, aims, due)
foreign = proposed["bounds"].astype("str").str.startswith(say_cycles.DEFAULT).any()  # bounds of another business
plan = plan.iloc[: 0 if foreign else len(plan)]

# %% [markdown]
# ## Answer

# %% tags=["answer"]
say.words(
    say_cycles.where_suited(verdicts),
    say_cycles.cycles_of(main, len(accounts)),
    say_cycles.bounds(proposed),
)

# %% [markdown]
# ## The plan for each cycle
# One page to print and hang up: what to do in each cycle, for whom, with which effort, and when sales takes over. Measures, asks and
# rules are of `cycles.yml`; the rest is counted in the data.

# %% tags=["finding"]
say_cycle_plan.planned(plan, book.currency)

# %%
sheet = say_cycle_plan.sheet(plan, book.currency)
show.table(sheet, "The plan for each cycle", rows=len(sheet) + 1, searched=False)

# %% [markdown]
# ## Where account-based marketing is suited
# "Not suited" does not mean bad business: such a line is better served by marketing to all its accounts at once. A mixed line
# can be split if its segments have verdicts of their own.

# %% tags=["finding"]
of_revenue = suitability.class_a_revenue(in_year, of_segment, verdicts)
say_cycles.suited_revenue(of_revenue)

# %%
by_part = judged[judged["by"] != segment]
show.table(
    show.crossed(by_part, ["product_line"], "criterion", book.currency),
    "Lines of business and the criteria",
    rows=len(by_part),
    note=say_cycles.rules_of_suitability(rule.suitability, int(judged["p"].notna().sum())),
)

# %% [markdown]
# ## Which segments suit
# The suitability index of a segment is the share of its accounts that meet more than half of what is known of them: what they
# buy in a year, how long their deals take, how many people are on them, and how many lines they buy.

# %% tags=["finding"]
fitting = suitability.fits(cycle.typical_values(seen), main, in_year, rule)
index = suitability.index_by_segment(fitting, of_segment)
book.measure(suitability.index_rows(index))
several = index if len(index) > 1 else index.iloc[:0]
say_cycles.by_segment(index)

# %%
show.table(
    several.drop(columns=["group_by", "n_effective", "k"]).rename(columns={"group": segment}),
    "Suitability index by segment, and the share of accounts that meets each criterion",
    note="Adjusted: pulled towards all segments, as the best of many small ones is best by chance in part."
    * (len(several) > 0),
)

# %% [markdown]
# ## How accounts of each cycle buy
# What is usual in each line of business, and in each cycle. A deal that is still open counts as not closed yet, with its days so
# far: to leave out the slow ones would make the days too few. Meetings are those of deals decided in a year.

# %% tags=["finding"]
by_line = cycle.with_evidence(assigned[assigned["account_id"].isna()], scored)
say.words(say_cycles.how_long(course), say_cycles.line_cycles(by_line), say_cycles.terms(course))

# %%
show.grouped(pd.concat([course, sales[is_meeting]]), "cycle", "How accounts of each cycle buy", book.currency)

# %%
by_term = course[course["definition_id"] == "contract_term_share"]
show.grouped(by_term, "cycle and term", "Contracts by term: the part of those of each cycle", book.currency)

# %% [markdown]
# ## Five elements in three cycles
# What the method asks of each element in each cycle, and the share of accounts for which the data show it. An account of the
# early or mid cycle whose main line is not suited does not count: there, market to all accounts at once. The share counts
# records in the data, not their quality; what nobody records is unknown, not missing. People enter notes on an account in
# `programme/account_insights.csv`; visits come from an export, `web_sessions`.

# %% tags=["finding"]
gaps = elements.largest_gaps(cells)
tests = readout.experiments(book.read("experiments"), book.read("experiment_plans"), about.index)
alone = readout.held_back(readout.running(tests, book.as_of), book.as_of)
say.words(
    say_cycles.elements_ready(cells, gaps),
    say_cycles.outside(len(main) - len(asked), len(main)),
    say_cycles.left_alone(alone),
)

# %%
known = cells["verdict"] != "not_answerable"
if known.any():
    fig, ax = plt.subplots(figsize=(7.2, 3.8))
    plots.title(ax, say_cycles.in_place(cells))
    plots.scorecard(elements.as_grid(cells, "share"), elements.as_grid(cells, "verdict"), ax)

# %%
steps = of_elements.assign(
    share_asked=of_elements["target"],
    owner=say_cycles.named_as(of_elements),
    next_step=of_elements["next_step"].where(known & begin, ""),
)[known]
columns = ["cycle", "element", "found", "share_asked", "lacking", "owner", "next_step"]
show.table(
    steps.sort_values("verdict", kind="stable")[columns],
    "Each element in each cycle: what was found, what lacks, and who acts, the gaps first",
)

# %%
each_element = elements.account_elements(cells, about["owner_id"])
states = each_element.assign(state=say_cycles.states(each_element, book.as_of - elements.OLD * elements.DAY)).pivot(
    index="account_id", columns="element", values="state"
)
of_account = asked.set_index("account_id")[["cycle"]].join(about).join(states, how="inner")
show.table(
    of_account[["name", "owner_id", "cycle", *states]],
    "The elements of each account, the most money first",
    rows=show.TALL,
    note="All accounts are in the table 01_account_elements. –: not asked there, or nobody records it."
    * (len(of_account) > 0),
)

# %% [markdown]
# ## What each cycle gets
# Spend and touches of campaigns, and hours of sales. Break-even hours cost as much as the margin that effort would have to add in
# a year. They are no plan.

# %% tags=["finding"]
gets = pd.concat([spend, sales[~is_meeting], book.measure(cycle_effort.effort_rows(effort))])
break_even = f"Break-even: hours that cost {gain:.0%} of a year's margin, at {say.short_money(hour_cost, book.currency)} an hour."
say.words(
    *say_cycles.what_cycles_get(gets, book.currency).lines, break_even * bool(effort["break_even_hours"].notna().any())
)

# %%
show.grouped(gets, "cycle", "Spend, touches and hours by cycle, in a year", book.currency)

# %%
campaigns = cycle_effort.campaign_table(shared, book.read("campaigns"), members, short_names)
columns = ["campaign", "meant_for", "hit", "touches", "on_list", "on_target_list", "spend", "on_target"]
show.table(
    campaigns[columns],
    "Campaigns of the year: whom each was for, and what hit them",
    currency=book.currency,
    rows=show.TALL,
    note=say_cycles.aimed(campaigns, book.currency),
)

# %%
stages = gets[gets["definition_id"] == "first_sales_touch_share"]
show.grouped(stages, "cycle and stage", "Stage at the first touch of sales, of deals decided in a year", book.currency)

# %% [markdown]
# ## What was started
# In the early cycle marketing does not close: it starts the sales cycle, brings sales into a conversation and hands sales the
# dossier before the meeting. Renewals are left out; a deal without an account counts in its quarter, and in no cycle.

# %% tags=["finding"]
say_cycles.started(starts, dossiers["delivered_day"].min())

# %%
show.grouped(starts, "quarter", "Started in each quarter", book.currency)

# %% [markdown]
# ## What if
# In JupyterLab, sliders stand below: other bounds for each kind of evidence that counts, and which accounts would change
# their cycle. A slider shows from where on an account is early; the bound of full moves in proportion. To keep bounds, write
# them into `cycles.yml`, mark them as confirmed and run the page again.

# %% tags=["what-if"]
what_if.sliders(
    functools.partial(cycle_bounds.cycles_with, seen, rule, accounts, book.read("cycle_overrides")),
    functools.partial(what_if.cycles, cycles, about["name"]),
    **cycle_bounds.choices(rule),
)

# %% [markdown] tags=["fold"]
# ## Hours account by account

# %%
each = effort[(effort["revenue"] > 0) & effort["spare_hours"].notna()].join(about)
each = each.assign(above=each["spare_hours"] < 0).sort_values(
    ["above", "margin", "name"], ascending=[False, False, True]
)
show.table(
    each[["name", "owner_id", "cycle", "revenue", "margin", "break_even_hours", "hours"]],
    "Hours by account: more than the break-even first, then the most margin",
    currency=book.currency,
    rows=show.TALL,
    note=break_even * bool(len(each)),
)

# %% [markdown] tags=["fold"]
# ## Who is in each cycle
# The accounts with the most money in each cycle; the table `01_cycles` has all. An account that buys in another cycle than its
# line needs other marketing: the decision to ask its owner lists them.

# %%
usual = by_line.set_index("product_line")["cycle"]
placed = cycle.with_evidence(cycles, scored).join(about, on="account_id")
bought = money.reindex(pd.MultiIndex.from_frame(placed[cycle.KEYS]))
placed = placed.assign(
    usual_cycle=placed["product_line"].map(usual).astype("str"), bought=bought.mask(bought <= 0).to_numpy()
)
placed = cycle.largest_first(placed, money)
by_rule = placed[(placed["basis"] == "own") & (placed["set_by"] == "rule")]
apart = by_rule[by_rule["cycle"] != by_rule["usual_cycle"]]
say_cycles.unlike(len(apart), len(by_rule))

# %%
rests_on = placed["basis"].mask(placed["set_by"] == "override", "person").map(say_cycles.BASES)
listed = placed.assign(rests_on=rests_on, order=placed["cycle"].map(cycle.CYCLES.index)).sort_values(
    "order", kind="stable"
)
columns = ["cycle", "name", "owner_id", "product_line", "bought", "evidence_share", "rests_on"]
largest = listed.groupby("cycle").head(show.TALL // max(listed["cycle"].nunique(), 1))
show.table(largest[columns], "The accounts and lines with the most money in each cycle", book.currency)

# %%
by_hand = placed[placed["set_by"] == "override"]
show.table(
    by_hand[["name", "owner_id", "product_line", "rule_cycle", "cycle", "reason"]],
    "Set by a person",
    rows=show.LISTED,
    note="Set or withdrawn in programme/cycle_overrides.csv." * (len(by_hand) > 0),
)

# %% [markdown] tags=["fold"]
# ## The rules
# Discuss these bounds with sales for an hour, write them into `cycles.yml` and mark them as confirmed. Until then the proposed
# bounds are used.

# %%
file_only = cycle.assign_cycles(cycle.score_evidence(seen, rule_file))
say_cycles.by_file(*cycle_bounds.moved(assigned, file_only))

# %%
show.table(rule.table().merge(proposed[["evidence", "bounds"]]), "Which evidence points to which cycle")

# %%
show.table(proposed.drop(columns="bounds"), "Bounds of the rule file beside proposed ones")

# %% [markdown] tags=["fold"]
# ## Criteria and segments in full

# %%
show.table(
    by_part[["product_line", "criterion", "value", "low", "high", "n", "asked", "p", "verdict"]],
    "Criteria by line, with interval, accounts and rule",
    rows=len(by_part),
)

# %%
show.table(
    of_revenue,
    "A year's revenue by verdict, and that of class A accounts",
    currency=book.currency,
    note=say_cycles.counted_twice(of_revenue, in_year.index.get_level_values("account_id").nunique()),
)

# %%
judged_ones = verdicts[verdicts["verdict"] != "too little is known"]
show.table(
    judged_ones.drop(columns="verdict"),
    "Verdict by line, and by segment in each line, where enough is known",
    rows=len(verdicts),
    note=say_cycles.not_judged(len(verdicts) - len(judged_ones)),
)

# %% [markdown] tags=["fold"]
# ## Lines of business, and where the evidence disagrees
# For how many accounts each kind of evidence contradicts the cycle. A high number in one line means that the bound does not
# fit this business, or that the line has two kinds of purchase.

# %%
show.table(
    by_line.drop(columns=["account_id", "basis", "known"]),
    "Lines of business and their cycle",
    currency=book.currency,
    rows=len(by_line),
    note="Evidence share: the part of all evidence that points to the cycle. It is no probability."
    * (len(by_line) > 0),
)

# %%
against = cycle.contrary_evidence(own)
show.table(against, "Cycles contradicted by evidence", rows=len(against))

# %% [markdown] tags=["fold"]
# ## What famous deals prove
# The idea is not new: treat each account as a market of its own, so that sales and marketing work as one. Whether they do here
# is counted on the page of the framework. Stories are famous: an aerospace company won a deal worth two billion, an oil company
# one worth thirteen million. Bev Burgess and ITSMA gave the method its name with Fujitsu, BT, HP and Accenture, and each of its
# users has such a story. The next sentence says what one win out of one deal tells about the next deal.

# %%
say.one_story(intervals.wilson(pd.Series([1]), pd.Series([1])).iloc[0], LEVEL)

# %% [markdown]
# ## What to decide

# %%
heads = "heads of sales and marketing"
lead = framework.accountable(team, "sales") or heads
month = str(due.date())

# %% tags=["decide"]
book.decide(
    "begin_where_suited",
    kind="programme",
    text=say_cycles.suited(verdicts),
    owner=lead,
    due=month,
    would_change="an interval that moves to the other side of a rule, or another rule",
    only_if=len(verdicts) > 1,
)
for row in elements.leave_out(gaps, alone["account_id"]).itertuples():
    why = row.lacking[row.lacking.index.isin(about.index)]  # none where personas are asked
    book.decide(
        say.slug(row.element, row.cycle),
        kind=row.kind,
        text=say.next_step(row.element, row.cycle, row.next_step),
        accounts=why.index if len(why) else None,
        group=row.cycle,
        owner=about["owner_id"].fillna(row.owner) if row.function == "sales" and len(why) else row.owner,
        due=month,
        only_if=begin and pd.notna(row.owner),
        reason=why if len(why) else None,
        would_change=say.cell_change(row.evidence, row.k, row.n, row.target),
    )
book.decide(
    "confirm_bounds",
    kind="programme",
    text="Agree the bounds of the cycles with sales, and mark them as confirmed",
    owner=lead,
    due=month,
    reason=say_cycles.unconfirmed(proposed),
    would_change="bounds that a person has confirmed in cycles.yml",
    only_if=bool((proposed["bounds"] != cycle_bounds.CONFIRMED).any()),
)
ask = apart.drop_duplicates("account_id").set_index("account_id")
book.decide(
    "check_cycles",
    kind="programme",
    text="Ask the owners if these accounts buy in another cycle than is usual in their line; correct the cycle if not",
    accounts=ask.index,
    owner=about["owner_id"],
    due=month,
    reason=ask["product_line"] + ": " + ask["cycle"] + ", not " + ask["usual_cycle"],
    would_change="what the owner knows of how the account buys, entered in programme/cycle_overrides.csv",
    only_if=not foreign,
)
show.decisions(book.decisions, book.currency, about["name"], listed=show.TALL)

# %%
book.write("01_cycles", cycle.cycles_table(cycles))
book.write("01_evidence", cycle.evidence_table(scored))
book.write("01_plan", plan)
book.write("01_elements", of_elements)
book.write("01_account_elements", each_element)
book.write("01_campaigns", campaigns)
