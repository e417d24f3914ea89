# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 Opportunity size: how big could each account be, by line of business?
#
# **Decision.** Which accounts to work for their size, which line to offer to whom, and where hours go that size does not justify.
#
# **Needs** accounts. **Reads** `04_propensity`, `04_back_test`. **Writes** `05_opportunity_size`, `05_white_space`, `05_back_test`. **Run** monthly.
#
# Sizes are skewed: a few are many times the rest. So each comes as a middle, a mean and an interval, and the page begins with how
# often such intervals held.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
horizon_days: int = 182  # days within which an account does it or not
can_work: int = 30  # accounts that the team can work within the horizon, on each list

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import (
    cycle_effort,
    deals,
    look_alikes,
    opportunity_size,
    orders,
    outcomes,
    periods,
    predictors,
    propensity,
    readout,
    resourcing,
    white_space,
)
from abmlib.pages import plots, say, say_sizes, show
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load
# One row per account, deal and line bought, as known on the day; and what 04 says of the chance that an account signs, or buys
# where there are no deals.

# %%
book = Book.open(data, as_of=as_of, tables=tables, horizon_days=horizon_days, can_work=can_work)
book.need("accounts", writes=["05_opportunity_size", "05_white_space", "05_back_test"])
accounts = book.read("accounts").set_index("account_id")
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
transactions = book.read("transactions")
lines = orders.with_product_line(transactions, book.read("products"))
scored, past_scores = book.earlier("04_propensity"), book.earlier("04_back_test")

# %% [markdown]
# ## How the answer is made
# **Size** is what an account signs (deals won, renewals aside) or buys within the horizon, if it does. It is learnt on past days, with
# what was known then, and judged on later ones. **Candidates**, the simplest first: all accounts alike, up to four bands of the one
# best feature, boosted quantiles. Unless one saves a tenth of the error on accounts it has not seen, and something beyond noise on
# the later days, all are taken as alike. Of models that are as good within noise the finest is used, as bands give many accounts one size.

# %%
basis, line_basis = opportunity_size.basis_of(scored, opportunities), white_space.basis_of(lines, opportunities)
signed, taken = (opportunity_size.events(opportunities, lines, of) for of in (basis, line_basis))
late = outcomes.lateness_days(
    (transactions["booked_at"], transactions["known_day"]), (opportunities["created_day"], opportunities["known_day"])
)
laid, laid_lines = (
    propensity.blocks(opportunity_size.since(opportunities, lines, of), book.as_of, horizon_days, late)
    for of in (basis, line_basis)
)
past_days = sorted({day for blocks in (laid, laid_lines) if blocks for day in blocks.days})
features = book.features()
history = book.history(past_days) if past_days else features.iloc[:0]
first_days = book.overview().set_index("table")["first_day"].dropna()

# %%
does, one = say_sizes.DOES[basis], say_sizes.EACH[basis]
sized, numbers = opportunity_size.ask(one, history, features, first_days, signed, laid, horizon_days)
sizes = opportunity_size.today(sized, numbers, accounts.index, scored, basis, horizon_days)
past = opportunity_size.promised(
    sized, numbers, history, past_scores[past_scores["question"] == basis], signed, horizon_days
)
measured = book.measure(opportunity_size.measured(sized))
kept = opportunity_size.came_per_promised(past)
measured_too = book.measure(opportunity_size.expected_rows(past))
new_told = opportunity_size.told_of(sized, history, history.get("deals_open", pd.Series(dtype=float)).fillna(0) == 0)

# %% [markdown]
# **Expected**: the chance that 04 gives, times the mean size. **White space**: a line that an account never bought and has no
# deal open for. Its chance and its size are learnt in the same way from lines that were taken up. **Look-alikes** are the customers most like an
# account by what they are, not by what they buy; what each description counts is learnt from customers' spend.

# %%
by_line = book.features(by_line=True)
names = white_space.largest(by_line, line_basis)
cells = white_space.by_line_today(by_line, accounts.index, names, line_basis)
past_lines = book.history(past_days, by_line=True) if past_days else by_line.iloc[:0]
space = white_space.ask(history, past_lines, features, cells, first_days, taken, laid_lines, horizon_days, line_basis)
kept_lines = white_space.kept_promise(space.past)
book.measure(white_space.measured(space, kept_lines))
described = accounts[[c for c in look_alikes.DESCRIPTIONS if c in accounts]]
alike = look_alikes.demand(described, white_space.spend(cells, names))
of_alike = book.measure(look_alikes.judged(alike, white_space.spend(cells, names)))
matrix = white_space.matrix(cells, space.now, alike, book.read("wallet_estimates"))

# %% [markdown]
# ## Answer

# %% tags=["answer"]
by_definition = measured.set_index("definition_id")
saved = by_definition.loc["size_loss_saved"] if sized.rows is not None else None
assert sized.rows is None or np.isclose(
    sized.rows["size"].sum() / sized.rows["mean"].sum(), by_definition.loc["size_came_per_promised", "value"]
)
of_names = sizes.head(3)["account_id"].map(accounts["name"])
say.words(
    say_sizes.expected(sizes, of_names.tolist(), sized.why, horizon_days, kept, book.currency),
    say_sizes.size(sizes, basis, horizon_days, sized.verdict, saved, book.currency),
    say_sizes.white_space(space.now, space.why, horizon_days, kept_lines, book.currency),
)

# %% [markdown]
# ## Would the sizes have been right?
# On past days each account was given a size, with what was known then. This is what those that did it brought afterwards.

# %% tags=["finding"]
did_it = sized.rows["account_id"].nunique() if sized.rows is not None else 0
say.words(*say_sizes.held(by_definition, did_it) if sized.rows is not None else "")

# %%
if sized.rows is not None:
    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    plots.title(ax, "What came, on what was said")
    plots.sizes_held(sized.rows, ax, f"size ({book.currency})")

# %%
told = pd.concat([measured, measured_too], ignore_index=True)
show.measures(told[told["status"] == "ok"], "How well sizes were told", book.currency)

# %%
bands = opportunity_size.by_band(past)
bands.insert(0, "expected_band", say_sizes.bands(bands.pop("band")))
names_of = {"promised": "money_promised", "came": "money_came", "per_promised": "observed_per_promised"}
names_of |= {f"per_promised_{end}": f"observed_per_promised_{end}" for end in ("low", "high")}
show.table(bands.rename(columns=names_of), "Expected and come, by how much was expected", book.currency)

# %% [markdown] tags=["fold"]
# ## Alike, in bands, or boosted?

# %%
compared = sized.compared if sized.compared is not None else pd.DataFrame({"kind": []})
compared = (
    compared.assign(rests_on=predictors.names_of(compared["rests_on"], numbers.of)) if len(compared) else compared
)
columns = {"kind": "candidate", "rests_on": "feature_name", "held": "interval_held", "chosen": "used_as_size"}
columns |= {"loss": "quantile_loss", "worse_by": "loss_above", "error": "loss_noise"}
compared = compared.assign(
    **{c: compared[c].map("{:.3f}".format) for c in ("loss", "worse_by", "error") if c in compared}
)
show.table(compared.rename(columns=columns), "Candidates on accounts they had not seen")

# %% [markdown]
# ## How big each account could be
# Quarter, middle and three quarters: of such sizes a quarter, half and three quarters lie below. The mean is larger than the middle, as a few
# are many times the rest. Upper end: of 100 such accounts about 97 stay below it, those that bring nothing among them. Ends do not add up.

# %%
largest = sizes[sizes["value"] > 0].join(accounts[["name", "owner_id"]], on="account_id")
columns = [
    "name",
    "owner_id",
    "chance",
    "size_quarter",
    "size_middle",
    "size_three_quarters",
    "size_mean",
    "expected_value",
    "may_come_high",
]
show.table(
    largest.rename(columns={"value": "expected_value", "value_high": "may_come_high"})[columns],
    "Largest by what is expected",
    book.currency,
    rows=show.LISTED,
    note=say_sizes.likely(basis) * bool(len(largest)),
)

# %%
show.table(opportunity_size.so_far(signed), f"What one account {does} on one day, so far", book.currency)

# %% [markdown]
# ## By line of business
# White space is a line that an account never bought and has no deal open for; whoever stopped buying a line is on 04. It is worth an offer
# where the chance is not below that of the line, and some look-alike buys it if there are look-alikes.

# %%
of_lines = white_space.by_line(matrix, taken, book.as_of)
book.measure(white_space.split_rows(of_lines))
show.table(
    of_lines, "Lines: who buys, from whom revenue comes, and what is expected of those that never bought", book.currency
)

# %%
customers = cells.groupby("account_id")["bought_12m"].sum()
experiments = readout.experiments(book.read("experiments"), book.read("experiment_plans"), accounts.index)
held = readout.held_back(readout.running(experiments, book.as_of), book.as_of)["account_id"]
likely = scored[scored["question"] == "adds_line"]
offers = white_space.offers(space, alike, customers, likely, say_sizes.is_kept(kept_lines))
offers = offers[~offers["account_id"].isin(held)]
columns = [
    "name",
    "owner_id",
    "product_line",
    "chance",
    "rate_of_line",
    "size_quarter",
    "size_three_quarters",
    "expected_value",
]
columns += ["adds_line", "alike_buying", "alike_quarter", "alike_middle", "alike_three_quarters"]
names_of = {"value": "expected_value", "rate": "rate_of_line", "alike_share": "alike_buying"}
shown = offers.join(accounts[["name", "owner_id"]]).rename(columns=names_of)
show.table(shown[columns], "Lines to offer to customers", book.currency, rows=show.LISTED)

# %% [markdown]
# ## What look-alikes spend, and our share of the wallet
# A wallet is what an account spends on a line in a year with all suppliers, as somebody estimates it.

# %% tags=["finding"]
headroom, p_headroom = look_alikes.growth_by_headroom(space.bought, taken, horizon_days)
estimated = matrix[matrix["wallet_mid"].notna()]
say.words(
    *say_sizes.look_alikes(of_alike),
    say_sizes.headroom(headroom, p_headroom),
    say_sizes.wallet(estimated, book.currency),
)

# %%
shown = (
    matrix[matrix["bought_12m"] > 0]
    .sort_values("wallet_mid", ascending=False)
    .join(accounts[["name", "owner_id"]], on="account_id")
)
columns = [
    "name",
    "owner_id",
    "product_line",
    "bought_12m",
    "alike_middle",
    "wallet_mid",
    "wallet_by",
    "share_of_wallet",
    "share_of_wallet_low",
    "share_of_wallet_high",
]
show.table(shown[columns], "What they buy, what look-alikes spend, and the wallet", book.currency, rows=show.LISTED)

# %% [markdown]
# ## Does effort go where size is?

# %% tags=["finding"]
facts = sizes.set_index("account_id")[["value"]].assign(
    own_revenue=accounts["annual_revenue"], revenue_12m=features.set_index("account_id")["revenue_12m"]
)
facts["hours_12m"] = cycle_effort.hours_spent(book.read("activities"), facts.index, book.as_of)
year = periods.trailing(book.as_of, 12)
spent = cycle_effort.shared_spend(
    book.read("campaign_spend"), book.read("campaign_accounts"), book.read("activities"), year
)
facts["spend_12m"] = spent.groupby("account_id")["spend"].sum().reindex(facts.index) if len(spent) else np.nan
effort = facts.join(resourcing.resourced(facts))
follows = book.measure(resourcing.follow_rows(facts))
with_hours = sizes.merge(
    effort[["expected_share", "hours_12m", "hours_share", "resourced"]], left_on="account_id", right_index=True
)
say.words(*say_sizes.resourced(effort, follows))

# %%
if effort[["expected_share", "hours_share"]].notna().any().all():
    fig, ax = plt.subplots(figsize=(7.2, 4.6))
    plots.title(ax, "Hours beside what is expected")
    marks = effort["resourced"].map({"": "", "under": "too few hours", "over": "too many hours"})
    plots.shares_beside(
        effort["expected_share"], effort["hours_share"], marks, ax, ("share of what is expected", "share of the hours")
    )

# %%
show.grouped(follows, "effort and size", "How far effort follows size", book.currency)

# %%
off = (
    effort[effort["resourced"] != ""]
    .join(accounts[["name", "owner_id"]])
    .sort_values("hours_off", key=abs, ascending=False)
)
columns = ["name", "owner_id", "resourced", "hours_12m", "hours_share", "expected_share", "revenue_share", "hours_off"]
note = "Above: than its share of what is expected or of the revenue, the larger, would get. Below: than its share of what is expected would."
show.table(
    off[columns],
    "Hours that size does not justify, and hours it lacks",
    book.currency,
    rows=show.LISTED,
    note=note * bool(len(off)),
)

# %% [markdown]
# ## What to decide

# %%
two_weeks, quarter = (str((book.as_of + pd.Timedelta(days=d)).date()) for d in (14, 91))
free = largest[~largest["account_id"].isin(held)]
first = opportunity_size.to_begin_with(free, scored, features.set_index("account_id")["deals_open"], can_work)
first = first.head(can_work if new_told[1] > 0 else 0)
best = offers.head(can_work)
give, move = (effort[effort["resourced"] == which].join(accounts["owner_id"]) for which in ("under", "over"))
give = give[~give.index.isin(held)].sort_values("hours_off").head(can_work)
move = (
    move[~move.index.isin([*first.index, *best.index, *held])].sort_values("hours_off", ascending=False).head(can_work)
)
basis_words = f"chance × mean size, within {horizon_days:,} days"
again = matrix[matrix["wallet_high"] < matrix["bought_12m"]].drop_duplicates("account_id")["account_id"]

# %% tags=["decide"]
book.decide(
    "begin_with_the_largest", kind="sell", accounts=first.index, owner=accounts["owner_id"], due=two_weeks, basis=basis_words,
    text="Begin with these of the accounts to call first (04): of those without an open deal they carry half of what is expected",
    moves=first["value"] if say_sizes.is_kept(kept) else None, reason=say_sizes.size_why(first, book.currency),
    would_change="later days on which sizes of accounts without an open deal cannot be told apart",
)  # fmt: skip
book.decide(
    "offer_a_line", kind="sell", accounts=best.index, group=best["product_line"], owner=accounts["owner_id"], due=quarter, basis=basis_words if best["value"].notna().any() else None,
    text="Offer these customers this line, which they never bought", moves=best["value"], reason=say_sizes.cell_why(best, book.currency),
    would_change="later days on which nobody could tell who takes up a line",
)  # fmt: skip
book.decide(
    "check_too_few_hours", kind="programme", accounts=give.index, owner=accounts["owner_id"], due=two_weeks, reason=say_sizes.hours_why(give),
    text="Ask the owners if these accounts get the time they need: much is expected of them, and less than half their share of the hours is noted",
    would_change="hours that were spent and are not noted",
)  # fmt: skip
book.decide(
    "check_too_many_hours", kind="programme", accounts=move.index, owner=accounts["owner_id"], due=two_weeks, reason=say_sizes.hours_why(move),
    text="Ask the owners what these accounts get the hours for: more than twice what their size and revenue justify",
    would_change="a plan for the account that explains the hours",
)  # fmt: skip
book.decide(
    "estimate_wallets_again", kind="data", accounts=again, owner=accounts["owner_id"], due=quarter, reason="we sold more than the wallet at most",
    text="Estimate the wallets of these accounts again: we sold them more than they are said to spend at most", would_change="newer estimates",
)  # fmt: skip
book.decide(
    "do_not_size", kind="programme", text="Plan with one size for all accounts: the past could not tell big from small", due=two_weeks,
    owner="heads of sales and marketing", only_if=sized.verdict == propensity.NONE, reason="no signal in the back-test",
    would_change="a back-test that finds a signal",
)  # fmt: skip
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("05_opportunity_size", with_hours)
book.write("05_white_space", matrix)
book.write("05_back_test", past)
