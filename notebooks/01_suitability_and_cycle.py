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
# **Decision.** For which segments account-based marketing is worth its effort, in which cycle each account is treated,
# and what is missing first.
#
# **Needs** accounts. **Reads** nothing earlier. **Writes** `01_cycles`, `01_evidence`. **Run** monthly; decide yearly,
# and whenever the rule file changes.
#
# There is not one method but three. In the early cycle few companies buy large and strategic things and marketing opens
# the door; in the mid cycle buyers inform themselves and marketing goes deeper; in the full cycle many small purchases
# follow each other and marketing closes. Treating one as the other wastes effort or loses the deal.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
rules: str = "cycles.yml"  # rule file of the cycles, beside this notebook
segment: str = "industry"  # column of accounts by which suitability is judged
sure: float = 0.6  # confidence below which the placing of a large account is checked by a person
hour_cost: float = 80.0  # of an hour of sales or marketing, in the reporting currency
gain: float = 0.1  # share of a year's margin that effort on an account would have to add
default_margin: float = 0.0  # margin as share of revenue where no cost is known; 0 = leave it unknown

# %%
import matplotlib.pyplot as plt
import pandas as pd

from abmlib.method import cycle, data_quality, elements, orders, periods, suitability
from abmlib.method.deals import with_days
from abmlib.pages import catalogue, plots, say, show
from abmlib.stats import intervals
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load and check
# One row per account, with what is known of its deals, the people on them and its purchases.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", writes=["01_cycles", "01_evidence"])
accounts = book.read("accounts")
names = accounts.set_index("account_id")["name"]
deals = with_days(book.read("opportunities"), book.as_of)
transactions = book.read("transactions")
lines = orders.with_product_line(transactions, book.read("products"))
rule = cycle.Rules.checked(catalogue.rules(rules))

# %% [markdown]
# ## The rules
# Five kinds of evidence tell the cycle. Each speaks for the cycle within whose bounds lies what is usual; the bounds are
# the team's own, in `cycles.yml`, and worth an hour with sales.

# %%
show.table(rule.table(), "What speaks for which cycle")

# %% [markdown]
# ## Is it suited
# Five questions, to all accounts, to each line of business and to each segment. An answer counts only where its interval
# lies on one side of the rule.

# %%
seen = cycle.buying_evidence(deals, book.read("opportunity_contacts"), book.read("contacts"), lines, book.as_of)
judged = suitability.criteria(seen, deals, lines, data_quality.segments(accounts, segment), rule)
book.measure(pd.DataFrame(suitability.criteria_rows(judged)))
by_part = judged[judged["by"] != segment]
show.table(
    show.crossed(by_part, ["by", "segment"], "criterion", book.currency),
    "Lines of business against the rules of suitability",
    rows=len(by_part),
    note=say.rules_of_suitability(rule.suitability),
)

# %%
verdicts = suitability.verdicts(judged)
show.table(verdicts.drop(columns="verdict"), "Where account-based marketing is suited", rows=len(verdicts))

# %% [markdown]
# What is not suited is not bad business: it is served better by marketing to all of it at once. What is mixed may be
# split: a segment by line, a line by size.

# %% [markdown]
# ## Each line of business
# What is usual in each line, and the cycle it speaks for. Where pieces of evidence disagree, look at the purchase before
# trusting the rule.

# %%
said = cycle.score_evidence(seen, rule)
every = cycle.assign_cycles(said)
by_line = cycle.with_evidence(every[every["account_id"].isna()], said)
show.table(
    by_line.drop(columns=["account_id", "basis", "known"]),
    "Lines of business and their cycle",
    currency=book.currency,
    rows=len(by_line),
)

# %% [markdown]
# Confidence is the share of all evidence that speaks for the cycle. Evidence that is missing speaks for none, so a line
# without deals, or without purchases, is never placed for sure.

# %% [markdown]
# ## Each account
# An account is placed line by line. Where it has little history of its own, its line speaks for it; where it has none,
# accounts of its size do; and where a person has set it, that stands.

# %%
own = every[every["account_id"].notna()]
placed = cycle.with_overrides(
    pd.concat([own, cycle.look_alikes(own, accounts)], ignore_index=True), book.read("cycle_overrides")
)
spread = pd.crosstab(placed["product_line"], placed["cycle"]).reindex(columns=list(cycle.CYCLES), fill_value=0)

fig, ax = plt.subplots(figsize=(7.2, 2.8))
plots.stacked(spread, ax, "accounts")

# %%
measures = book.measure(pd.DataFrame(cycle.cycle_rows(placed)))
show.measures(measures[measures["group"] == "all"], "How sure the placings are", book.currency)

# %%
money = cycle.money_by_line(deals, lines)
told = cycle.with_evidence(placed, said).assign(name=placed["account_id"].map(names))
largest = cycle.largest_first(told, money)
show.table(
    largest[["name", "product_line", "cycle", "confidence", *cycle.EVIDENCE, "against", "missing"]],
    "The largest accounts and what places them",
    currency=book.currency,
)

# %% [markdown]
# ## Where the evidence disagrees
# Placings that each kind of evidence speaks against. A column that stands out in one line says that its bound does not
# fit this business, or that the line holds two kinds of purchase.

# %%
against = cycle.contrary_evidence(own)
show.table(against, "Placings that evidence speaks against", rows=len(against))

# %%
by_hand = told[told["set_by"] == "override"]
show.table(
    by_hand[["name", "product_line", "rule_cycle", "cycle", "reason"]],
    "Set by a person",
    note="Set or taken back in programme/cycle_overrides.csv.",
)

# %% [markdown]
# ## What effort an account bears
# The hours a year whose cost the account would have to bring back as more margin. It says what effort must bring, not
# what it brings.

# %%
main = cycle.main_line(placed, money)
year = periods.Period(book.as_of - pd.Timedelta(days=suitability.YEAR - 1), book.as_of)
worth = orders.by_account(transactions, pd.Index(accounts["account_id"]), year)
hours = suitability.hours_spent(book.read("activities"), worth.index, book.as_of)
spent = suitability.effort(worth, hours, main.set_index("account_id")["cycle"], hour_cost, gain, default_margin)
show.table(suitability.effort_by_cycle(spent), "Hours a year that accounts bear, and get", currency=book.currency)

# %%
each = spent[spent["revenue"] > 0].join(names).sort_values(["spare_hours", "name"])
show.table(
    each[["name", "cycle", "revenue", "margin", "break_even_hours", "hours", "spare_hours"]],
    "Account by account, least to spare first",
    currency=book.currency,
    rows=15,
)

# %% [markdown]
# Above counts the accounts that get more hours of sales than they can bear. In the mid cycle that is the usual case for
# marketing to go deeper, and sales to come later.

# %% [markdown]
# ## Five elements in three cycles
# What the method asks of each element in each cycle, and the share of accounts for which the data show it.

# %%
held = {
    "accounts": accounts,
    "contacts": book.read("contacts"),
    "opportunities": deals,
    "transactions": transactions,
    "activities": book.read("activities"),
    "account_insights": book.read("account_insights"),
    "intent_signals": book.read("intent_signals"),
    "web_sessions": book.read("web_sessions"),
    "contracts": book.read("contracts"),
    "messages": book.read("messages"),
    "personas": book.read("personas"),
    "hand_overs": book.read("hand_overs"),
    "account_tiers": book.read("account_tiers"),
}
cells = elements.cells(held, main, rule, book.as_of)
book.measure(pd.DataFrame(elements.cell_rows(cells)))

fig, ax = plt.subplots(figsize=(7.2, 3.6))
plots.scorecard(elements.as_grid(cells, "share"), elements.as_grid(cells, "verdict"), ax)

# %%
show.table(
    cells[["element", "cycle", "asks", "evidence", "share", "n", "target", "verdict", "next_step"]],
    "What is asked, what is there, what to do next",
    rows=len(cells),
)

# %% [markdown]
# Read it down a column: a cycle is ready where its five elements are in place. The share counts traces in the data, not
# their quality; an element nobody records counts as unknown and not as missing.

# %% [markdown]
# ## What famous deals prove
# Account-based marketing is told through single deals: an aerospace company that won one worth two billion, an oil company
# one worth thirteen million. Bev Burgess and ITSMA gave the method its name with Fujitsu, BT, HP and Accenture, and each of
# its users has such a story. This is what one deal won out of one says of the chance to win the next.

# %%
say.one_story(intervals.wilson(pd.Series([1]), pd.Series([1])).iloc[0], LEVEL)

# %% [markdown]
# ## What to decide

# %% tags=["decide"]
book.decide(
    "begin_where_suited",
    text=say.suited(verdicts),
    would_change="intervals that move to the other side of a rule, or another rule",
    only_if=len(verdicts) > 1,
)
for row in elements.largest_gaps(cells).itertuples():
    book.decide(
        say.slug(row.element, row.cycle),
        text=say.next_step(row.element, row.cycle, row.next_step),
        group=row.cycle,
        would_change=say.cell_change(row.evidence, row.target),
    )
unsure = cycle.largest_first(
    told[(told["basis"] == "own") & (told["against"] != "") & (told["set_by"] == "rule")], money
)
book.decide(
    "check_cycles",
    text="Check with sales in which cycle this account buys, and set it by hand if the rule is wrong",
    accounts=unsure["account_id"].drop_duplicates().head(10),
    expected_value=money.groupby("account_id").sum(),
    would_change="evidence that agrees, or an entry in cycle_overrides",
)
say.decide(book.decisions, book.currency, names)

# %%
book.write("01_cycles", cycle.cycles_table(placed))
book.write("01_evidence", cycle.evidence_table(said))
