# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 14b KPIs: what moved, on the target list and beside it?
#
# **Decision.** Which measure to ask about first, at which group of accounts, and what to change in what marketing sends.
#
# **Needs** accounts. **Reads** the buying cycles of 01, where they are there. **Writes** `14b_kpis`. **Run** monthly.
#
# This page describes. Whether the programme is the cause, only the comparison drawn at random in 14 can say.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
required_roles: list[str] = ["decision_maker", "budget_holder", "champion", "end_user"]  # roles the play needs
answer_days: int = 14  # days after a marketing touch in which an answer counts

# %%
import numpy as np
import pandas as pd

from abmlib.method import cycle, deals, kpi_report, kpis, orders, periods, responses, results
from abmlib.pages import say, say_kpis, show
from abmlib.stats.intervals import FLOOR_OUTCOMES, LEVEL
from abmlib.tables import Book, past_run

# %% [markdown]
# ## Load
# The last 12 months, and the 12 months before in the same accounts. What is open and whom we can reach is as of the last day of
# each, as known then.

# %%
book = Book.open(data, as_of=as_of, tables=tables, required_roles=required_roles)
book.need("accounts", writes=["14b_kpis"])
accounts = book.read("accounts").set_index("account_id")
now, before = periods.trailing(book.as_of, 12), periods.trailing(book.as_of - pd.DateOffset(months=12), 12)
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
activities, contacts, surveys = book.read("activities"), book.read("contacts"), book.read("surveys")
deals_then = {now: book.read("opportunities"), before: book.read("opportunities", on=before.end)}
contacts_then = {now: contacts, before: book.read("contacts", on=before.end)}

# %% [markdown]
# ## How the answer is made
# A KPI is a sum over a sum, such as meetings held ÷ accounts. Groups are those of today, the same in both periods. A change counts
# accounts that were known in both: each against itself.

# %%
families = {
    "sales value": kpi_report.sales_value(opportunities),
    "pipeline": kpi_report.pipeline(opportunities, deals_then),
    "contact coverage": kpi_report.contact_coverage(contacts_then, accounts, required_roles, activities),
    "perception": kpi_report.perception(surveys, now, before),
    "appointments": kpi_report.appointments(activities, contacts),
    "engagement": kpis.engagement(activities, book.read("web_sessions")),
    "satisfaction": kpis.satisfaction(surveys),
    "scale": kpi_report.scale(opportunities),
}

# %%
lines = orders.with_product_line(book.read("transactions"), book.read("products"))
cycles = past_run.load(tables, ["01_cycles"])["01_cycles"]
main = cycle.main_line(cycles, cycle.money_by_line(opportunities, lines))
groups = kpi_report.groups(accounts, book.read("account_tiers"), main, now, before)
cells = kpi_report.report(families, groups, accounts["created_day"], now, before)

won = opportunities[deals.won_flag(opportunities) & opportunities["closed_day"].between(now.start, now.end)]
by_hand = won.loc[won["account_id"].isin(accounts.index), "amount"].sum() / len(accounts)
of_all = cells[(cells["definition_id"] == "won_value_per_account") & (cells["group"] == kpi_report.ALL)]
assert np.allclose(of_all["value"].astype(float), by_hand), "two amounts won per account"

# %% [markdown]
# Touches made for single accounts beside touches made for all. An **answer** is a touch of the account itself, or a mutual one that took
# place. Moving each touch back shows how many would count as answered without it. Only channels and months count in which both are sent.

# %%
touches = responses.marketing_touches(activities, book.read("campaigns"), book.read("campaign_accounts"))
alike = responses.comparable(touches)
each = responses.answered(alike, activities, book.as_of, answer_days)
answers = responses.side_by_side(each, [responses.TARGETED, responses.GENERAL], ["answered", "moved_back", "beyond"])
visits = responses.visits(activities, touches)
converted = responses.side_by_side(visits, [responses.AFTER, responses.SAME, responses.OTHERS], ["converted"])
arms = responses.message_arms(book.read("message_tests"), activities, book.as_of)
rows = pd.DataFrame(responses.response_rows(answers, converted, arms))
noted = book.measure(pd.concat([rows, kpi_report.kpi_rows(cells, now)]))

# %% [markdown]
# ## Answer

# %% tags=["answer"]
is_listed = (cells["group"] == results.LISTED).any()
first, whom = (results.LISTED, f"accounts {results.LISTED}") if is_listed else (kpi_report.ALL, kpi_report.ALL)
say.words(
    say_kpis.LIST_CHOSEN * bool(is_listed),
    say_kpis.moved(cells, results.LISTED, book.currency),
    say_kpis.moved(cells, results.OTHERS, book.currency),
    say_kpis.moved(cells, kpi_report.ALL, book.currency) * (not is_listed),
    say_kpis.answer(answers, answer_days, LEVEL),
)

# %% [markdown]
# ## What moved

# %% tags=["finding"]
say.words(
    say_kpis.how_many(cells, first),
    say_kpis.same_accounts(cells, before.start, [kpi_report.ALL, results.LISTED]),
    say_kpis.about(cells, LEVEL),
    say_kpis.perception(cells, kpi_report.ALL, book.currency),
)

# %%
own = say_kpis.kpi_table(cells[cells["group"] == first], book.currency)
read = say_kpis.about_table(LEVEL, FLOOR_OUTCOMES) * bool(len(own))
show.table(own, f"KPIs of {whom}", rows=len(own), note=read, searched=False)

# %% [markdown]
# ## Target list and the rest
# A list is chosen, so it differs from the rest for other reasons too.

# %%
how = say_kpis.about_beside(LEVEL, FLOOR_OUTCOMES)
by = dict(list(cells.groupby("group_by")))
five = say_kpis.beside(by.get("target list today", cells.head(0)), say_kpis.FIVE, book.currency)
show.table(
    five, "Sales value, pipeline, contacts, perception and meetings: list and rest", rows=40, note=how * bool(len(five))
)

# %%
other = [family for family in families if family not in say_kpis.FIVE]
rest = say_kpis.beside(by.get("target list today", cells.head(0)), other, book.currency)
show.table(rest, "Engagement, satisfaction and scale: list and rest", rows=40, note=how * bool(len(rest)))

# %% [markdown]
# ## Customers and prospects
# Customers bought before the earlier period began; all others are prospects. So nobody changes side between the periods.

# %%
sides = say_kpis.beside(by.get("customer", cells.head(0)), list(families), book.currency)
show.table(sides, "KPIs of customers and prospects", rows=40, note=how * bool(len(sides)))

# %% [markdown]
# ## By tier

# %%
by_tier = say_kpis.beside(by.get("tier", cells.head(0)), list(families), book.currency)
show.table(by_tier, "KPIs by tier", rows=40, note=how * bool(len(by_tier)))

# %% [markdown]
# ## By buying cycle

# %%
by_cycle = say_kpis.beside(by.get("cycle", cells.head(0)), list(families), book.currency)
show.table(by_cycle, "KPIs by buying cycle of the main line", rows=40, note=how * bool(len(by_cycle)))

# %% [markdown]
# ## Touches made for the account, and touches made for all

# %% tags=["finding"]
say_kpis.responses(answers, answer_days, responses.EARLIER_DAYS, LEVEL)

# %%
show.table(
    say_kpis.rates(answers, ["answered", "moved_back", "beyond"]),
    "Marketing touches and answers",
    note=say_kpis.about_rates(answers, LEVEL),
)

# %% tags=["finding"]
say_kpis.conversions(converted, responses.PERSONAL_DAYS, LEVEL)

# %%
show.table(
    say_kpis.rates(converted, ["converted"]), "Web visits and conversions", note=say_kpis.about_rates(converted, LEVEL)
)

# %% [markdown]
# ## Message tests
# Accounts were drawn to the arms, so a difference here is the effect of the arm: of its message, where no other arm sends that too.

# %% tags=["finding"]
say_kpis.message_tests(arms, responses.CONVERT_DAYS, LEVEL)

# %%
show.table(
    say_kpis.rates(arms, ["converted"]),
    "Message tests, accounts that converted",
    note=say_kpis.about_rates(arms, LEVEL),
)

# %% [markdown] tags=["fold"]
# ## All other groups, and personas

# %%
personas = responses.by_persona(activities, contacts, book.read("personas"), now)
show.table(personas, "People who converted on the web site in 12 months, by persona", rows=30)

# %%
others = say_kpis.kpi_table(cells[cells["group"] != first], book.currency)
show.table(others, "KPIs of all other groups", rows=25)

# %% [markdown]
# ## What to decide

# %%
heads = "heads of sales and marketing"
two_weeks, month = (str((book.as_of + pd.Timedelta(days=d)).date()) for d in (14, 30))
fallen = cells[kpi_report.worse(cells) & (cells["group"] == first)]
book.decide(
    "ask_why_fallen", kind="programme", only_if=len(fallen) > 0, owner=heads, due=two_weeks,
    text=f"Find out why this got worse at {whom}: {say_kpis.named(fallen)}",
    reason=say_kpis.moved(cells, first, book.currency), would_change="a reason that lies in the data: a field no longer filled, a source that ended",
)  # fmt: skip
verdict = say_kpis.touches_advice(answers)
book.decide(
    "change_account_touches", kind="programme", only_if=bool(verdict), text=verdict, owner=heads, due=month,
    reason=say_kpis.answer(answers, answer_days, LEVEL), would_change="a comparison drawn at random that says otherwise",
)  # fmt: skip

# %% tags=["decide"]
won_arm = say_kpis.better_arm(arms)
book.decide(
    "use_better_message", kind="programme", only_if=bool(won_arm), text=won_arm, owner=heads, due=month,
    reason="drawn at random, and more accounts converted", would_change="a second test that says otherwise",
)  # fmt: skip
again, pairs = kpi_report.people_asked(cells, kpi_report.ALL)
book.decide(
    "ask_the_same_people", kind="programme", only_if=again > 0 and pairs < FLOOR_OUTCOMES, owner=heads, due=month,
    text="In the next survey of how accounts see us, ask the people who answered last time again: else nobody can say how a view changed",
    reason=f"of {say.count(again, 'answer')} in 12 months {say.count(pairs, 'person', 'people')} had answered in the 12 months before too",
    would_change="a survey that changes are not to be read from",
)  # fmt: skip
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("14b_kpis", cells)
