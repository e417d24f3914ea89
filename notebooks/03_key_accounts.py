# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 Key accounts: which accounts carry the business, and which deserve key status?
#
# **Decision.** Which accounts get key status this period, which valuable ones stay without it and why, and how much
# of the business hangs on a few of them.
#
# **Needs** accounts, transactions. **Reads** nothing earlier. **Writes** `03_key_accounts`. **Run** monthly; decide
# quarterly.
#
# Not every account qualifies as key, and choosing badly risks losing a valuable customer. So value comes first
# (Pareto on revenue and on margin), then four questions to each valuable account, each shown by itself, and at last
# what a wrong choice would cost, tried out on the past.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
value_months: int = 0  # months up to as_of over which value counts, 0 = all history
period_months: int = 12  # length of the two periods compared, halved history if it is shorter
capacity: int = 25  # key accounts the team can look after
max_decline: float = 0.3  # share of revenue an account may lose between the two periods
min_tenure_days: int = 180  # days since the first purchase
min_buying_days: int = 4  # days with a purchase, in all history
min_margin_rate: float = 0.1  # margin as share of revenue, where the margin is known
outcome_months: int = 6  # months at the end of history on which the choice is tried out

# %%
import matplotlib.pyplot as plt
import pandas as pd

from abmlib.method import orders, periods, qualification, value
from abmlib.pages import plots, say, show
from abmlib.stats import concentration
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load and check
# One row per account, one row per line bought. Book gives both as they were known on the day and checks them.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", "transactions", writes=["03_key_accounts"])
accounts = book.read("accounts").set_index("account_id")
transactions = book.read("transactions")

# %% [markdown]
# ## Value of each account
# Net revenue counts every line, returns with their minus and service lines too. Margin is revenue less the cost of
# goods, and stays unknown where the source gives no cost.

# %%
counted = periods.value_window(transactions, book.as_of, value_months)
worth = orders.by_account(transactions, accounts.index, counted)
pareto = value.pareto(worth)
say.value(*value.counts(worth), str(counted), book.currency)

# %% [markdown]
# ## Who carries the business
# The smallest set of accounts, largest first, that together reach four fifths of net revenue is class A.

# %%
curves = {"net revenue": concentration.lorenz(worth["revenue"])}
curves |= {"margin": concentration.lorenz(worth["margin"].dropna())} if worth["margin"].notna().any() else {}
classes = value.class_summary(pareto)

fig, ax = plt.subplots()
plots.concentration(curves, ax, {"class A": tuple(classes.loc[0, ["share_of_accounts", "share_of_revenue"]])})

# %% [markdown]
# Read it from the left: the steeper the start, the fewer accounts carry the rest. The grey line is a business where
# all accounts are equal. Above the top of the scale lie accounts whose returns exceed their purchases.

# %%
measures = book.measure(
    pd.concat([value.concentration_measures(worth[what], what, counted) for what in ("revenue", "margin")])
)
show.measures(measures, "Concentration of the business", book.currency)

# %% [markdown]
# The Gini index is 0 where all accounts are equal and nears 1 where one holds all; only accounts above zero can
# count in it. These are counts of the whole book and not estimates, so they need no interval.

# %%
show.table(classes, "Classes by net revenue", currency=book.currency)

# %% [markdown]
# ## How steady the top is
# A class is worth acting on if accounts stay in it. Two periods of equal length are compared, the later one ending
# on the day of the report.

# %%
halves = periods.adjacent_periods(transactions["booked_at"].min(), book.as_of, period_months)
earlier, later = (orders.by_account(transactions, accounts.index, p) for p in halves)
moves = value.class_moves(
    *(value.pareto_class(p["revenue"]) for p in (earlier, later)), *(p["lines"] > 0 for p in (earlier, later))
)

fig, ax = plt.subplots(figsize=(6, 3.6))
plots.grid(moves, ax, f"class in {halves[1]}", f"class in {halves[0]}")

# %% [markdown]
# Each row is one class of the earlier period; its cells say where those accounts are now. Leaving A downwards is
# business lost or won back; entering A from below is where tomorrow's key accounts come from.

# %%
kept = book.measure(value.top_retention(moves, halves[1])).iloc[0]
say.steady(kept["value"], kept["low"], kept["high"], kept["n"], LEVEL, [str(p) for p in halves])

# %% [markdown]
# ## Revenue is not margin
# An account can be large in revenue and small in what it leaves. Where no cost is known, nothing is guessed.

# %%
show.table(
    value.margin_surprises(pareto.join(accounts["name"]), min_margin_rate),
    "Large in revenue, small in margin",
    currency=book.currency,
    note=say.margin_known(int(worth["margin"].notna().sum()), len(worth)),
)

# %% [markdown]
# ## The four-part gate
# Revenue history, shared history, margin and viability, each judged by itself and never blended into one score. What
# cannot be answered excludes nobody.

# %%
gate = qualification.Thresholds(max_decline, min_tenure_days, min_buying_days, min_margin_rate)
parts = qualification.gate_parts(transactions, accounts.index, counted, halves, gate)
choice = qualification.choose_key_accounts(pareto, parts, capacity)

fig, ax = plt.subplots(figsize=(7.2, 2.6))
plots.stacked(
    qualification.part_counts(parts[choice["valuable"]]), ax, "valuable accounts (class A on revenue or margin)"
)

# %% [markdown]
# A bar is one question put to all valuable accounts. A bar without any verdict tells which data to export next:
# costs for profitability, a longer history for the rest.

# %%
show.table(
    qualification.exclusions(choice, worth["revenue"]), "Why accounts are not chosen", currency=book.currency, rows=15
)

# %% [markdown]
# ## What a wrong choice costs
# First today's choice against today's value: money in valuable accounts left without key status is at risk, money in
# chosen accounts of little value is care misplaced.

# %%
latest = value.pareto_class(later["revenue"]) == "A"
errors = qualification.cost_of_error(choice["chosen"], latest, later["revenue"], later["margin"])
show.table(errors, f"Choice against value in {halves[1]}", currency=book.currency)

# %%
say.errors(*qualification.mistakes(errors), str(halves[1]), book.currency)

# %% [markdown]
# ## Valuable, and not chosen
# The accounts a wrong gate would cost most, with the reason. Read this list with sales before anything is decided.

# %%
left_out = pareto[choice["valuable"] & ~choice["chosen"]].join(accounts["name"]).join(choice["exclusion_reason"])
show.table(
    left_out.reset_index().sort_values("revenue_rank")[
        ["account_id", "name", "revenue_rank", "revenue", "exclusion_reason"]
    ],
    "Valuable accounts not chosen",
    currency=book.currency,
    rows=20,
)

# %% [markdown]
# ## Tried out on the past
# The same choice, made with what was known before the last months began, against what then happened. If a part of
# the gate carries a signal, accounts that passed it bought again more often than those that failed.

# %%
outcome = periods.value_window(transactions, book.as_of, outcome_months)
trial = qualification.back_test(transactions, accounts.index, outcome, gate, capacity)
outcomes = trial.parts[trial.parts["verdict"] != "not_answerable"]

fig, ax = plt.subplots(figsize=(7.2, 0.8 + 0.35 * len(outcomes)))
plots.intervals(
    outcomes, (outcomes["part"] + ": " + outcomes["verdict"]).tolist(), ax, f"bought again in {outcome} (share)"
)

# %% [markdown]
# A dot is the share that bought again, its line the interval. Two lines of one part that do not overlap are a
# signal; two that do are none.

# %%
say.back_test(qualification.part_signals(trial.parts), str(trial.outcome))

# %% [markdown]
# A gate is only worth its trouble if it beats the plain list of the largest accounts, judged on margin where it is
# known.

# %%
show.table(
    trial.choices.drop(columns=["brought"]),
    "The gate beside the plain ranking",
    currency=book.currency,
    note=f"Chosen on {trial.basis}, judged on {trial.outcome}.",
)

# %%
more = trial.difference
say.gate_or_plain(
    more.verdict, more.value, more.low, more.high, more.n, trial.choices.loc[0, "judged_on"], book.currency, LEVEL
)

# %%
say.errors(*qualification.mistakes(trial.errors), str(trial.outcome), book.currency)

# %% [markdown]
# ## What hangs on a few
# Revenue that would go with the largest accounts, if they went.

# %%
risk = value.loss_of_largest(worth["revenue"])
show.table(risk, "Lost with the largest accounts", currency=book.currency)

# %%
top = worth.join(choice["chosen"]).join(accounts["name"]).nlargest(15, "revenue").set_index("name")

fig, ax = plt.subplots(figsize=(7.2, 4))
plots.bars(top["revenue"], ax, f"net revenue ({book.currency})", top["chosen"], ("not chosen", "chosen as key account"))

# %% [markdown]
# ## What to decide

# %% tags=["decide"]
chosen = pareto[choice["chosen"]].sort_values("revenue_rank").index
doubtful = qualification.passed_over(pareto, choice, capacity)
book.decide(
    "give_key_status",
    text="Give key status",
    accounts=chosen,
    expected_value=worth["revenue"],
    would_change=f"a capacity other than {capacity}, or a part of the gate that the next period proves wrong",
)
book.decide(
    "review_held_back",
    text="Review with sales: large enough for key status, and held back by the gate",
    accounts=doubtful,
    expected_value=worth["revenue"],
    would_change="what sales knows of the reason: a late order, a new buyer, a dispute",
)
book.decide(
    "name_second_sponsor",
    text="Name a second sponsor for the largest account",
    accounts=worth.nlargest(1, "revenue").index,
    expected_value=worth["revenue"],
    would_change="its share of net revenue falling to that of the next ones",
)
book.decide(
    "fix_the_gate",
    text="Mend the gate before trusting it: on the past it chose worse than the plain ranking",
    expected_value=-more.value,
    would_change="a trial on another period in which it chose better",
    only_if=more.verdict == "worse",
)
say.decide(book.decisions, book.currency, accounts["name"])

# %%
book.write("03_key_accounts", value.key_accounts(pareto, parts, choice))
