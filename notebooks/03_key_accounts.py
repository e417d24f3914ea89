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
value_months: int = 12  # months up to as_of over which value counts; 0: all history
period_months: int = 12  # length of the two periods compared; half the history if that is shorter
capacity: int = 25  # key accounts the team can serve
max_decline: float = 0.3  # share of revenue an account may lose between the two periods
min_tenure_days: int = 180  # days since the first purchase
min_buying_days: int = 4  # days with a purchase, in all history
min_margin_rate: float = 0.1  # margin as share of revenue, where the margin is known
outcome_months: int = 6  # last months of history, on which the choice is tested
overlap_needed: float = 0.8  # overlap of the lists of sales and marketing that the programme needs to proceed

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import alignment, coverage, framework, gate_trial, orders, periods, qualification, value
from abmlib.pages import plots, say, say_key_accounts, show
from abmlib.stats import concentration
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load and check
# One row per account, and one row per line bought, as known on the day.

# %%
book = Book.open(data, as_of=as_of, tables=tables, overlap_needed=overlap_needed)
book.need("accounts", "transactions", writes=["03_key_accounts"])
accounts = book.read("accounts").set_index("account_id")
transactions = book.read("transactions")
counted = periods.value_window(transactions, book.as_of, value_months)

# %% [markdown]
# ## How the answer is made
# **Value**: net revenue of each account in the window, with every line, including returns (negative) and services. Margin is
# revenue less the cost of goods; it is unknown where the source gives no cost.

# %%
in_window = transactions[transactions["booked_at"].between(counted.start, counted.end)]
revenue = in_window.groupby("account_id")["revenue"].sum().reindex(accounts.index, fill_value=0)

worth = orders.by_account(transactions, accounts.index, counted)
pareto = value.pareto(worth)
assert np.allclose(revenue, worth["revenue"]), "two revenues of an account"

# %% [markdown]
# **Key accounts**: valuable (class A on revenue or on margin), no part of the gate failed, the largest first, up to the
# capacity. The largest are those of most margin; of most revenue, if the margin of a valuable account is unknown. **The test**: the same choice made with what was known before the last months, judged on what came in them.

# %%
bounds = qualification.Thresholds(max_decline, min_tenure_days, min_buying_days, min_margin_rate)
halves = periods.adjacent_periods(transactions["booked_at"].min(), book.as_of, period_months)
parts = qualification.gate_parts(transactions, accounts.index, counted, halves, bounds)
choice = qualification.choose_key_accounts(pareto, parts, capacity)
ranked_by = qualification.size_rank(pareto)[1]
held_back = qualification.passed_over(choice, capacity)
outcome = periods.value_window(transactions, book.as_of, outcome_months)
trial = gate_trial.back_test(
    transactions, accounts.index, outcome, bounds, capacity, value_months=value_months, period_months=period_months
)

# %% [markdown]
# **Agreed or a draft**: sales and marketing agree on criteria and list first (02). Until then this list is a draft.

# %%
rules, votes = book.read("criteria"), book.read("list_votes")
both = alignment.newest_round(alignment.votes_by_team(votes))
agreed = framework.selection_gate(
    framework.criteria(rules, votes["entered_at"].min()), alignment.list_overlap(both)[0], overlap_needed
)
draft = say_key_accounts.draft(agreed.passed)

# %% [markdown]
# ## Answer

# %% tags=["answer"]
verdict = say.gate(agreed.passed, agreed.criteria, agreed.unsigned, agreed.late, agreed.overlap, overlap_needed)
largest = concentration.largest_first(worth["revenue"]).index[0]
say.words(
    say_key_accounts.not_agreed(agreed.passed, len(rules) + len(votes), str(verdict)),
    say_key_accounts.key_accounts(
        choice["chosen"].astype(bool),
        worth["revenue"],
        int(choice["valuable"].sum()),
        len(held_back),
        ranked_by,
        str(counted),
    ),
    say_key_accounts.dependence(concentration.largest_share(worth["revenue"], 1), accounts["name"][largest]),
    say_key_accounts.gate_tested(trial.parts, str(outcome)),
    say_key_accounts.gate_or_plain(trial.verdict, trial.choices, trial.rival, str(trial.basis), book.currency, LEVEL)
    if capacity
    else "",
)

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
show.measures(measures, f"Concentration of the business, {counted}", book.currency)

# %%
say_key_accounts.value(*value.counts(worth), str(counted), book.currency)

# %% [markdown]
# The Gini index is 0 if all accounts are equal and close to 1 if one account has everything; it counts accounts above zero
# only. These figures count the whole book and are no estimates, so they need no interval.

# %%
show.table(classes, f"Classes by net revenue, {counted}", currency=book.currency)

# %% [markdown]
# ## How many accounts stay on top
# A class is worth acting on only if accounts stay in it. The figure compares two periods of equal length; the later one ends
# on the day of the report.

# %%
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
say_key_accounts.steady(kept["value"], kept["low"], kept["high"], kept["n"], LEVEL, [str(p) for p in halves])

# %% [markdown]
# ## Large revenue, small margin
# An account can have large revenue and a small margin. Unknown costs are not guessed.

# %%
show.table(
    value.margin_surprises(pareto.join(accounts["name"]), min_margin_rate),
    "Large in revenue, small in margin",
    currency=book.currency,
    note=say_key_accounts.margin_known(int(worth["margin"].notna().sum()), len(worth)),
)

# %% [markdown]
# ## The four-part gate
# Revenue history, relationship, margin and viability, each judged alone and never mixed into one score. A question without
# an answer excludes nobody.

# %%
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
# ## Key accounts
# The accounts chosen, the largest first, with what speaks for each.

# %%
reasons = qualification.reasons_for(parts, pareto)
how_ranked = say_key_accounts.ranked_by(ranked_by, str(counted))
ranked = pareto.join(choice).join(accounts[["name", "owner_id"]]).assign(reason=reasons).sort_values("size_rank")
columns = ["account_id", "name", "owner_id", "size_rank", "revenue", "margin"]
show.table(
    ranked[ranked["chosen"]].reset_index()[[*columns, "reason"]],
    f"{draft}Key accounts",
    currency=book.currency,
    rows=capacity,
    note=how_ranked if choice["chosen"].any() else "",
)

# %% [markdown]
# ## Valuable accounts that are not chosen
# A wrong gate would cost most here. Read this list with sales before you decide.

# %%
others = ranked[ranked["valuable"] & ~ranked["chosen"]].reset_index()
show.table(
    others[[*columns, "exclusion_reason"]],
    f"{draft}Valuable accounts not chosen",
    currency=book.currency,
    rows=20,
    note=how_ranked + say_key_accounts.beyond_capacity(capacity, others["qualified"].any()) if len(others) else "",
)

# %% [markdown]
# ## Tested on the past
# The same choice, made with the data before the last months, and what happened in those months. If a part of the gate is a
# signal, accounts that passed it bought again more often than accounts that failed.

# %%
book.measure(gate_trial.part_rows(trial.parts, outcome))
can_tell = trial.parts[trial.parts["verdict"] != "not_answerable"]

fig, ax = plt.subplots(figsize=(7.2, 0.8 + 0.35 * len(can_tell)))
plots.differences(
    can_tell,
    (can_tell["part"] + ": " + can_tell["verdict"]).tolist(),
    ax,
    f"bought again in {outcome}: passed less failed (points)",
)

# %% [markdown]
# A dot is the share of those that passed and bought again, less the share of those that failed and did. If its line, the
# interval, lies right of zero, the part is a signal; if it lies left, the part points the wrong way. A grey dot: too early to judge.

# %%
say_key_accounts.back_test(trial.parts, str(outcome), LEVEL)

# %% [markdown]
# A gate is worth its effort only if it beats the best simple list: the largest accounts by revenue, or by margin where it is
# known. Accounts on both lists cancel.

# %%
tested = trial.verdict != "nobody"
show.table(
    trial.choices.drop(columns=["brought"]),
    "The gate and simple lists",
    currency=book.currency,
    note=f"Chosen on {trial.basis}, judged on {outcome}. Gate less list: of the accounts on one of the two only.",
) if tested else None

# %% [markdown]
# ## What a wrong choice costs
# The choice of the test, and what the accounts were worth in the months after it. Valuable accounts that were not chosen: their
# revenue was at risk. Chosen accounts of little value: the effort was misplaced.

# %%
show.table(trial.errors, f"Choice on {trial.basis}, value in {outcome}", currency=book.currency) if tested else None

# %%
say_key_accounts.errors(*gate_trial.mistakes(trial.errors), str(outcome), book.currency) if tested else None

# %% [markdown]
# ## How much depends on a few accounts
# Revenue that would be lost with the largest accounts.

# %%
risk = value.loss_of_largest(worth["revenue"])
show.table(risk, f"Lost with the largest accounts, revenue of {counted}", currency=book.currency)

# %%
top = worth.join(choice["chosen"]).join(accounts["name"]).nlargest(15, "revenue").set_index("name")

fig, ax = plt.subplots(figsize=(7.2, 4))
plots.bars(
    top["revenue"], ax, f"net revenue ({book.currency})", top["chosen"], ("not chosen", f"{draft}chosen as key account")
)

# %% [markdown]
# ## What to decide

# %%
chosen = ranked.index[ranked["chosen"]]
deciders = coverage.deciders(coverage.contact_states(book.read("contacts"), book.as_of), accounts.index)
alone = qualification.second_sponsor(pareto, choice, deciders, say.LARGE)
at_risk, loss = qualification.margin_at_risk(transactions, accounts.index, book.as_of)
two_weeks, quarter = (str((book.as_of + pd.Timedelta(days=d)).date()) for d in (14, 91))

# %% tags=["decide"]
book.decide(
    "give_key_status",
    kind="sell",
    text=f"{draft}Give key status",
    accounts=chosen,
    owner=accounts["owner_id"],
    due=quarter,
    reason=reasons,
    would_change=f"a capacity other than {capacity}, or a part of the gate that the next period contradicts",
)
book.decide(
    "review_held_back",
    kind="sell",
    text=f"{draft}Review with sales: accounts that the gate excludes and the rank by {ranked_by} alone would choose"
    + say_key_accounts.excluded_by(trial.parts, parts.loc[held_back].eq("fail").any()),
    accounts=held_back,
    owner=accounts["owner_id"],
    due=two_weeks,
    moves=at_risk["moves"],
    moves_low=at_risk["moves_low"],
    moves_high=at_risk["moves_high"],
    basis=say_key_accounts.may_lose(loss.what, loss.share, loss.accounts) if pd.notna(loss.share) else None,
    reason=choice["exclusion_reason"],
    would_change="what sales knows about the reason: a late order, a new buyer, a dispute",
)
book.decide(
    "name_second_sponsor",
    kind="sell",
    text=f"Make sure of {qualification.SPONSORS} sponsors at the largest account",
    accounts=alone,
    owner=accounts["owner_id"],
    due=quarter,
    reason=say_key_accounts.few_sponsors(
        deciders.loc[largest], concentration.largest_share(worth["revenue"], 1), str(counted)
    ),
    would_change=f"{qualification.SPONSORS} people there who decide and can be reached, in the contacts",
)
book.decide(
    "fix_the_gate",
    kind="programme",
    text="Fix the gate before you use it: on past data it chose worse than a simple list",
    due=quarter,
    moves=-trial.rival["gate_less_list"],
    moves_low=-trial.rival["high"],
    moves_high=-trial.rival["low"],
    basis=f"{trial.rival['judged_on']} that the list brought more in {outcome}",
    reason=trial.rival["choice"],
    would_change="a test on another period in which it chose better",
    only_if=trial.verdict == "worse",
)
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("03_key_accounts", value.key_accounts(pareto, parts, choice))
