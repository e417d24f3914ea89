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
# **Decision.** Which accounts get key status this period, which valuable accounts do not and why, and how much of the business
# depends on a few accounts.
#
# **Needs** accounts, transactions. **Reads** nothing earlier. **Writes** `03_key_accounts`. **Run** monthly; decide
# quarterly.
#
# Not every account qualifies as key, and a bad choice risks a valuable customer. So this page first measures value (Pareto on
# revenue and on margin), then asks four questions about each valuable account, and at last tests the choice on the past.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
value_months: int = 0  # months up to as_of over which value counts, 0 = all history
period_months: int = 12  # length of the two periods compared; half the history if that is shorter
capacity: int = 25  # key accounts the team can serve
max_decline: float = 0.3  # share of revenue an account may lose between the two periods
min_tenure_days: int = 180  # days since the first purchase
min_buying_days: int = 4  # days with a purchase, in all history
min_margin_rate: float = 0.1  # margin as share of revenue, where the margin is known
outcome_months: int = 6  # last months of history, on which the choice is tested

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
# One row per account, and one row per line bought, as known on the day.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", "transactions", writes=["03_key_accounts"])
accounts = book.read("accounts").set_index("account_id")
transactions = book.read("transactions")

# %% [markdown]
# ## Value of each account
# Net revenue counts every line, including returns (negative) and services. Margin is revenue less the cost of goods; it is
# unknown where the source gives no cost.

# %%
counted = periods.value_window(transactions, book.as_of, value_months)
worth = orders.by_account(transactions, accounts.index, counted)
pareto = value.pareto(worth)
say.value(*value.counts(worth), str(counted), book.currency)

# %% [markdown]
# ## Which accounts carry the business
# Class A is the smallest set of accounts that together reach four fifths of net revenue.

# %%
curves = {"net revenue": concentration.lorenz(worth["revenue"])}
curves |= {"margin": concentration.lorenz(worth["margin"].dropna())} if worth["margin"].notna().any() else {}
classes = value.class_summary(pareto)

fig, ax = plt.subplots()
plots.concentration(curves, ax, {"class A": tuple(classes.loc[0, ["share_of_accounts", "share_of_revenue"]])})

# %% [markdown]
# Read from the left: the steeper the start, the fewer accounts carry the business. The grey line is a business where all
# accounts are equal. Above the top of the scale: accounts that returned more than they bought.

# %%
measures = book.measure(
    pd.concat([value.concentration_measures(worth[what], what, counted) for what in ("revenue", "margin")])
)
show.measures(measures, "Concentration of the business", book.currency)

# %% [markdown]
# The Gini index is 0 if all accounts are equal and close to 1 if one account has everything; it counts accounts above zero
# only. These figures count the whole book and are no estimates, so they need no interval.

# %%
show.table(classes, "Classes by net revenue", currency=book.currency)

# %% [markdown]
# ## How many accounts stay on top
# A class is worth acting on only if accounts stay in it. The figure compares two periods of equal length; the later one ends
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
# Each row is a class of the earlier period; its cells show where those accounts are now. Accounts that leave class A are
# business to win back. Accounts that enter class A are future key accounts.

# %%
kept = book.measure(value.top_retention(moves, halves[1])).iloc[0]
say.steady(kept["value"], kept["low"], kept["high"], kept["n"], LEVEL, [str(p) for p in halves])

# %% [markdown]
# ## Large revenue, small margin
# An account can have large revenue and a small margin. Unknown costs are not guessed.

# %%
show.table(
    value.margin_surprises(pareto.join(accounts["name"]), min_margin_rate),
    "Large in revenue, small in margin",
    currency=book.currency,
    note=say.margin_known(int(worth["margin"].notna().sum()), len(worth)),
)

# %% [markdown]
# ## The four-part gate
# Revenue history, relationship, margin and viability, each judged alone and never mixed into one score. A question without
# an answer excludes nobody.

# %%
bounds = qualification.Thresholds(max_decline, min_tenure_days, min_buying_days, min_margin_rate)
parts = qualification.gate_parts(transactions, accounts.index, counted, halves, bounds)
choice = qualification.choose_key_accounts(pareto, parts, capacity)

fig, ax = plt.subplots(figsize=(7.2, 2.6))
plots.stacked(
    qualification.part_counts(parts[choice["valuable"]]), ax, "valuable accounts (class A on revenue or margin)"
)

# %% [markdown]
# Each bar is one question about all valuable accounts. If a bar has no verdict, export more data: costs for profitability, a
# longer history for the others.

# %%
show.table(
    qualification.exclusions(choice, worth["revenue"]), "Why accounts are not chosen", currency=book.currency, rows=15
)

# %% [markdown]
# ## What a wrong choice costs
# First, today's choice and today's value. Valuable accounts without key status: their revenue is at risk. Chosen accounts of
# little value: the effort is misplaced.

# %%
latest = value.pareto_class(later["revenue"]) == "A"
errors = qualification.cost_of_error(choice["chosen"], latest, later["revenue"], later["margin"])
show.table(errors, f"Choice and value in {halves[1]}", currency=book.currency)

# %%
say.errors(*qualification.mistakes(errors), str(halves[1]), book.currency)

# %% [markdown]
# ## Valuable accounts that are not chosen
# A wrong gate would cost most here. Read this list with sales before you decide.

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
# ## Tested on the past
# The same choice, made with the data before the last months, and what happened in those months. If a part of the gate is a
# signal, accounts that passed it bought again more often than accounts that failed.

# %%
outcome = periods.value_window(transactions, book.as_of, outcome_months)
trial = qualification.back_test(transactions, accounts.index, outcome, bounds, capacity)
outcomes = trial.parts[trial.parts["verdict"] != "not_answerable"]

fig, ax = plt.subplots(figsize=(7.2, 0.8 + 0.35 * len(outcomes)))
plots.intervals(
    outcomes, (outcomes["part"] + ": " + outcomes["verdict"]).tolist(), ax, f"bought again in {outcome} (share)"
)

# %% [markdown]
# A dot is the share that bought again, its line the interval. If the two lines of a part do not overlap, the part is a
# signal.

# %%
say.back_test(qualification.part_signals(trial.parts), str(trial.outcome))

# %% [markdown]
# A gate is worth its effort only if it beats a simple list of the largest accounts, judged on margin where it is known.

# %%
show.table(
    trial.choices.drop(columns=["brought"]),
    "The gate and the ranking by revenue",
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
# ## How much depends on a few accounts
# Revenue that would be lost with the largest accounts.

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
held_back = qualification.passed_over(pareto, choice, capacity)
book.decide(
    "give_key_status",
    kind="sell",
    text="Give key status",
    accounts=chosen,
    moves=worth["revenue"],
    basis=f"revenue of {counted}",
    would_change=f"a capacity other than {capacity}, or a part of the gate that the next period contradicts",
)
book.decide(
    "review_held_back",
    kind="sell",
    text="Review with sales: accounts large enough for key status that the gate excludes",
    accounts=held_back,
    moves=worth["revenue"],
    basis=f"revenue of {counted}",
    would_change="what sales knows about the reason: a late order, a new buyer, a dispute",
)
book.decide(
    "name_second_sponsor",
    kind="sell",
    text="Name a second sponsor for the largest account",
    accounts=worth.nlargest(1, "revenue").index,
    moves=worth["revenue"],
    basis=f"revenue of {counted}",
    would_change="a share of net revenue no larger than that of the next accounts",
)
book.decide(
    "fix_the_gate",
    kind="programme",
    text="Fix the gate before you use it: on past data it chose worse than the ranking by revenue",
    moves=-more.value,
    basis="worse by",
    would_change="a test on another period in which it chose better",
    only_if=more.verdict == "worse",
)
say.decide(book.decisions, book.currency, accounts["name"])

# %%
book.write("03_key_accounts", value.key_accounts(pareto, parts, choice))
