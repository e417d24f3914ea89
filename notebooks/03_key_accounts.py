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
# Not every account qualifies as key, and a bad choice risks a valuable customer. So value comes first (Pareto on revenue and
# on margin), then four questions about each valuable account, and at last a test of the choice on the past.

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
import functools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import alignment, coverage, framework, gate_trial, orders, periods, qualification, value
from abmlib.pages import plots, say, say_key_accounts, show, what_if
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
about = accounts[["name", "owner_id"]].rename(columns={"owner_id": "account_owner"})
transactions = book.read("transactions")
counted = periods.value_window(transactions, book.as_of, value_months)
year_starts = book.settings.fiscal_year_starts
year = say.span(counted.start, counted.end, year_starts)

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

# %%
outcome = periods.value_window(transactions, book.as_of, outcome_months)
trial = gate_trial.back_test(
    transactions, accounts.index, outcome, bounds, capacity, value_months=value_months, period_months=period_months
)
basis, judged = (say.span(p.start, p.end, year_starts) for p in (trial.basis, outcome))

# %% [markdown]
# **Agreed or a draft**: sales and marketing agree on criteria and list first (page 02). Until then this list is a draft.

# %%
rules, votes = book.read("criteria"), book.read("list_votes")
both = alignment.newest_round(alignment.votes_by_team(votes))
own = choice.index[choice["chosen"].astype(bool)]  # votes on other lists do not agree this one
agreed = framework.selection_gate(framework.criteria(rules, alignment.vote_began(votes)), both, overlap_needed, own)
draft = say_key_accounts.draft(agreed.passed)
two_weeks, quarter = (book.as_of + pd.Timedelta(days=d) for d in (14, 91))

# %% [markdown]
# ## Answer

# %% tags=["answer"]
verdict = say.gate(agreed.passed, say.lacking(**vars(agreed)))
largest = concentration.largest_first(worth["revenue"]).index[0]
n_valuable = int(choice["valuable"].sum())
say.words(
    draft * (n_valuable > 0)
    + say_key_accounts.key_accounts(
        choice["chosen"].astype(bool), worth["revenue"], n_valuable, year, accounts["name"][largest], book.currency
    ),
    say_key_accounts.not_agreed(
        agreed.passed or not n_valuable, len(rules) + len(votes), str(verdict), say.day(two_weeks)
    ),
    say_key_accounts.gate_or_plain(
        trial.verdict, trial.choices, trial.rival, basis, book.currency, LEVEL, len(held_back), ranked_by
    )
    if capacity
    else "",
)

# %% [markdown]
# ## The four-part gate
# Revenue history, relationship, margin and viability, each judged alone and never mixed into one score. A question without
# an answer excludes nobody. A wrong gate costs most here: read this list with the owners before you decide.

# %% tags=["finding"]
ranked = pareto.join(choice).join(about).sort_values("size_rank")
stopped = ranked[ranked["valuable"] & ~ranked["qualified"]]
say_key_accounts.excluded(len(stopped), n_valuable, len(held_back), ranked_by)

# %%
how_ranked = say_key_accounts.ranked_by(ranked_by, year)
columns = ["size_rank", "name", "account_owner", "revenue", "margin"]
show.table(
    stopped[[*columns, "exclusion_reason"]],
    "Valuable accounts that the gate excludes",
    currency=book.currency,
    rows=show.LISTED,
    note=how_ranked if len(stopped) else "",
)

# %%
fig, ax = plt.subplots(figsize=(7.2, 2.8))
answers = qualification.part_counts(parts[choice["valuable"]])
plots.title(ax, say_key_accounts.failed_most(answers["fail"], n_valuable))
plots.stacked(answers, ax, "valuable accounts (class A on revenue or margin)")

# %% [markdown]
# If a question has no answer, export more data: costs for profitability, a longer history for the others.

# %% [markdown] tags=["fold"]
# ## Beyond capacity

# %% tags=["finding"]
beyond = ranked[ranked["qualified"] & ~ranked["chosen"]]
say_key_accounts.beyond_capacity(capacity, len(beyond))

# %%
show.table(beyond[columns], f"{draft}Accounts that qualify, beyond capacity", book.currency, rows=show.LISTED)

# %% [markdown]
# ## Who carries the business
# Class A is the smallest set of accounts that together reach four fifths of net revenue.

# %% tags=["finding"]
classes = value.class_summary(pareto)
say_key_accounts.carry(classes, *value.counts(worth)[:3], year, book.currency)

# %%
curves = {"net revenue": concentration.lorenz(worth["revenue"])}
curves |= {"margin": concentration.lorenz(worth["margin"].dropna())} if worth["margin"].notna().any() else {}

fig, ax = plt.subplots()
plots.title(
    ax, say_key_accounts.top_fifth(*(concentration.top_share(worth[w].dropna(), 0.2) for w in ("revenue", "margin")))
)
plots.concentration(curves, ax, {"class A": tuple(classes.loc[0, ["share_of_accounts", "share_of_revenue"]])})

# %% [markdown]
# The steeper the start, the fewer accounts carry the business.

# %%
above = say_key_accounts.above_scale(curves.values())
show.table(classes, f"Classes by net revenue, {year}", currency=book.currency, note=above)

# %% [markdown]
# ## Who stays on top
# A class is worth acting on only if accounts stay in it. Accounts that left class A are business to win back; accounts that
# entered it are future key accounts.

# %% tags=["finding"]
earlier, later = (orders.by_account(transactions, accounts.index, p) for p in halves)
was, now = value.class_in(earlier), value.class_in(later)
moves = value.class_moves(was, now)
kept = book.measure(value.top_retention(moves, halves[1])).iloc[0]
stayed = int((now[was == "A"] == "A").sum())
assert np.isclose(stayed / max(kept["n"], 1), np.nan_to_num(kept["value"])), "two shares that stayed"
spans = [say.span(p.start, p.end, year_starts) for p in halves]
say_key_accounts.stayed(stayed, *kept[["value", "low", "high", "n"]], LEVEL, spans[0])

# %%
moved = value.changed_class(earlier, later).join(about)
left, entered = moved[moved["class_before"] == "A"], moved[moved["class_now"] == "A"]
titles = say_key_accounts.left_and_entered(len(left), len(entered))

fig, ax = plt.subplots(figsize=(7.2, 3.8))
plots.title(ax, f"{titles[0]}, {titles[1]}")
plots.grid(moves, ax, f"class now, {spans[1]}", f"class before, {spans[0]}")

# %%
columns_moved = [
    "name",
    "account_owner",
    "class_before",
    "class_now",
    "revenue_before",
    "revenue_now",
    "revenue_change",
]
show.table(left[columns_moved].drop(columns="class_before"), titles[0], book.currency, rows=show.LISTED)

# %%
show.table(entered[columns_moved].drop(columns="class_now"), titles[1], book.currency, rows=show.LISTED)

# %% [markdown]
# ## Large revenue, small margin
# Unknown costs are not guessed.

# %% tags=["finding"]
odd = value.margin_surprises(pareto.join(accounts[["name", "owner_id"]]), min_margin_rate)
with_margin = int(worth["margin"].notna().sum())
say_key_accounts.small_margin(odd, int(classes["accounts"].iloc[0]), with_margin > 0, book.currency)

# %%
show.table(
    odd.drop(columns="account_id").rename(columns={"owner_id": "account_owner"}),
    "Large in revenue, small in margin",
    currency=book.currency,
    rows=show.LISTED,
    note=say_key_accounts.margin_known(with_margin, len(worth)),
)

# %% [markdown]
# ## How much depends on a few accounts
# Revenue that would be lost with the largest accounts.

# %% tags=["finding"]
risk = value.loss_of_largest(worth["revenue"])
say_key_accounts.depends(risk)

# %%
show.table(risk, f"Lost with the largest accounts, revenue of {year}", currency=book.currency)

# %%
top = worth.join(choice["chosen"]).join(accounts["name"]).nlargest(15, "revenue").set_index("name")

fig, ax = plt.subplots(figsize=(7.2, 4.4))
plots.title(ax, f"Chosen as key accounts: {top['chosen'].sum():,} of the {len(top)} of most net revenue, {year}")
plots.bars(
    top["revenue"], ax, f"net revenue ({book.currency})", top["chosen"], ("not chosen", f"{draft}chosen as key account")
)

# %% [markdown]
# ## What if
# In JupyterLab, sliders stand below: another capacity or other bounds of the gate, and who would enter or leave. To keep
# values, write them into the parameters above and run the page again.

# %% tags=["what-if"]
what_if.sliders(
    functools.partial(qualification.choose_with, transactions, counted, halves, pareto),
    functools.partial(what_if.key_accounts, choice, worth["revenue"], accounts["name"]),
    capacity=(capacity, 0, 60, 1),
    max_decline=(max_decline, 0.0, 1.0, 0.05),
    min_tenure_days=(min_tenure_days, 0, 730, 30),
    min_buying_days=(min_buying_days, 1, 24, 1),
    min_margin_rate=(min_margin_rate, 0.0, 0.6, 0.02),
)

# %% [markdown] tags=["fold"]
# ## All accounts that changed class
# Who is behind the cells of the grid above. Search for a name, an owner or a class.

# %%
show.table(moved[columns_moved], "Accounts that changed class", book.currency, rows=show.LISTED)

# %% [markdown] tags=["fold"]
# ## Tested on the past
# The same choice, made with the data before the last months, and what happened in those months. If a part of the gate is a
# signal, accounts that passed it bought again more often than accounts that failed.

# %%
book.measure(gate_trial.part_rows(trial.parts, outcome))
can_tell = trial.parts[trial.parts["verdict"] != "not_answerable"]

fig, ax = plt.subplots(figsize=(7.2, 1.1 + 0.35 * len(can_tell)))
plots.title(ax, say_key_accounts.parts_that_tell(can_tell["verdict"]))
plots.differences(
    can_tell,
    (can_tell["part"] + ": " + can_tell["verdict"]).tolist(),
    ax,
    f"difference of the shares that bought again in {judged} (points)",
)

# %% [markdown]
# If the line, the interval, is right of zero, the part is a signal; if it is left of zero, the part points the wrong way. A
# grey dot: too early to judge.

# %%
say.words(say_key_accounts.gate_tested(trial.parts, judged))

# %%
say_key_accounts.back_test(trial.parts, judged, LEVEL)

# %% [markdown]
# A gate is worth its effort only if it beats the best simple list: the largest accounts by revenue, or by margin where it is
# known. Accounts on both lists cancel.

# %%
tested = trial.verdict != "nobody"
show.table(
    trial.choices.drop(columns=["brought"]),
    "The gate and simple lists",
    currency=book.currency,
    note=f"Chosen on {basis}, judged on {judged}. Gate less list: of the accounts on one of the two only.",
) if tested else None

# %% [markdown] tags=["fold"]
# ## What a wrong choice costs
# The choice of the test, and what the accounts were worth in the months after it. Valuable accounts that were not chosen: their
# revenue was at risk. Chosen accounts of little value: the effort was misplaced.

# %%
say_key_accounts.errors(*gate_trial.mistakes(trial.errors), judged, book.currency) if tested else None

# %%
if tested:
    book.measure(gate_trial.error_rows(trial.errors, outcome))
show.table(trial.errors, f"Choice on {basis}, value in {judged}", currency=book.currency) if tested else None

# %% [markdown] tags=["fold"]
# ## All measures of concentration
# The Gini index is 0 if all accounts are equal and close to 1 if one account has everything; it counts accounts above zero
# only. These figures count the whole book and are no estimates, so they need no interval.

# %%
measures = book.measure(
    pd.concat([value.concentration_measures(worth[what], what, counted) for what in ("revenue", "margin")])
)
show.measures(measures, f"Concentration of the business, {year}", book.currency)

# %%
show.table(qualification.exclusions(choice, worth["revenue"]), "Why accounts are not chosen", book.currency, rows=15)

# %% [markdown]
# ## What to decide

# %%
chosen = ranked.index[ranked["chosen"]]
deciders = coverage.deciders(coverage.contact_states(book.read("contacts"), book.as_of), accounts.index)
alone = qualification.second_sponsor(pareto, choice, deciders, say.LARGE)
at_risk, loss = qualification.margin_at_risk(transactions, accounts.index, book.as_of)
reasons = say_key_accounts.with_money(qualification.reasons_for(parts, pareto), worth, year, book.currency)
bought = qualification.gaps(transactions, left.index[left["revenue_now"] <= 0])
lost = bought[~(bought["paid_until"] >= book.as_of)]

# %% tags=["decide"]
book.decide(
    "give_key_status",
    kind="sell",
    text=say_key_accounts.give(agreed.passed),
    accounts=chosen,
    owner=accounts["owner_id"],
    due=str((quarter if agreed.passed else two_weeks).date()),
    reason=reasons,
    would_change=f"a capacity other than {capacity}, or a part of the gate that the next period contradicts",
)
book.decide(
    "ask_lost_top_accounts",
    kind="sell",
    text="Ask why former top accounts stopped buying",
    accounts=lost.index,
    owner=accounts["owner_id"],
    due=str(two_weeks.date()),
    reason=say_key_accounts.lost(left["revenue_before"][lost.index], lost["last_day"], spans[0], book.currency),
    would_change="what the owner knows: an order on its way, a merger, or business that moved to another account",
)
book.decide(
    "review_held_back",
    kind="sell",
    text=f"{draft}Ask the owners if the gate is right to exclude accounts that the rank by {ranked_by} alone would choose",
    accounts=held_back,
    owner=accounts["owner_id"],
    due=str(two_weeks.date()),
    moves=at_risk["moves"],
    moves_low=at_risk["moves_low"],
    moves_high=at_risk["moves_high"],
    basis=say_key_accounts.may_lose(loss.what, loss.share, loss.accounts) if pd.notna(loss.share) else None,
    reason=choice["exclusion_reason"],
    would_change="what the owner knows of the reason: a late order, a new buyer, a dispute"
    + say_key_accounts.excluded_by(trial.parts, parts.loc[held_back].eq("fail").any()),
)
book.decide(
    "name_second_sponsor",
    kind="sell",
    text=f"Make sure of {qualification.SPONSORS} sponsors at the largest account",
    accounts=alone,
    owner=accounts["owner_id"],
    due=str(quarter.date()),
    reason=say_key_accounts.few_sponsors(deciders.loc[largest], concentration.largest_share(worth["revenue"], 1), year),
    would_change=f"{qualification.SPONSORS} people there who decide and can be reached, in the contacts",
)
book.decide(
    "fix_the_gate",
    kind="programme",
    text="Fix the gate before you use it: on past data it chose worse than a simple list",
    due=str(quarter.date()),
    moves=-trial.rival["gate_less_list"],
    moves_low=-trial.rival["high"],
    moves_high=-trial.rival["low"],
    basis=f"{trial.rival['judged_on']} that the list brought more in {judged}",
    reason=trial.rival["choice"],
    would_change="a test on another period in which it chose better",
    only_if=trial.verdict == "worse",
)
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("03_key_accounts", value.key_accounts(pareto, parts, choice))
