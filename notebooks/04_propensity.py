# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 Propensity: who is likely to buy, grow, cross-buy or leave next?
#
# **Decision.** Whom to call first, whom to keep, and which scores and criteria not to use, as the past says they tell nothing.
#
# **Needs** accounts. **Reads** nothing earlier. **Writes** `04_propensity`, `04_back_test`. **Run** monthly.
#
# A score is worth what it would have told us. So the page begins with a test: scores given on past days, with what was known then, and
# what came afterwards.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
horizon_days: int = 182  # days within which an account does it or not
growth: float = 0.2  # rise of revenue from which on an account grows, share
can_work: int = 30  # accounts that the team can work within the horizon, on each list
required_roles: list[str] = ["decision_maker", "budget_holder", "champion", "end_user"]  # roles the play needs

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import (
    buying_groups,
    coverage,
    deal_openings,
    deals,
    orders,
    outcomes,
    predictors,
    propensity,
    propensity_report,
    readout,
    telling,
    won_from_lost,
)
from abmlib.pages import plots, say, say_propensity, say_won_from_lost, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book, programme

plots.style()

# %% [markdown]
# ## Load
# One row per account, deal, line bought and contract, as known on the day.

# %%
book = Book.open(
    data, as_of=as_of, tables=tables, horizon_days=horizon_days, can_work=can_work, required_roles=required_roles
)
book.need("accounts", writes=["04_propensity", "04_back_test"])
accounts = book.read("accounts").set_index("account_id")
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
transactions = book.read("transactions")
lines = orders.with_product_line(transactions, book.read("products"))
late = outcomes.lateness_days(
    (transactions["booked_at"], transactions["known_day"]), (opportunities["created_day"], opportunities["known_day"])
)

# %% [markdown]
# ## How the answer is made
# Each question is a yes or no within the horizon. It is asked of accounts as they were on past days, half a horizon apart, and answered
# by what came after. The days stand in three blocks, and no outcome of a block reaches into the next: on the first the candidates
# learn, on the second one of them is **chosen**, on the last it is **reported**, once.

# %%
questions = outcomes.asked(opportunities, lines, book.read("contracts"), horizon_days, growth)
planned = propensity.plan(questions, accounts.reset_index(), book.as_of, horizon_days, late)
past_days = propensity.days_of(planned)
features = book.features()
history = book.history(past_days, label={q.name: q.label for q in questions}) if past_days else features.iloc[:0]
first_days = book.overview().set_index("table")["first_day"].dropna()
for table, days in (("transactions", transactions["booked_at"]), ("opportunities", opportunities["created_day"])):
    first_days[table] = outcomes.first_of(days)  # a few days are mistyped
tests = propensity.back_tests(planned, history, features, first_days, book.as_of)

# %% [markdown]
# **Candidates**, the simplest first: a rule fixed beforehand (for growth: growth so far, which learns from the past how far it falls
# back), the one best feature, a logistic model, boosted trees. The simplest within one standard error of the best is chosen.
# All give probabilities calibrated on accounts they had not seen. **Signal**: in the block that reports, models that have not seen the
# account rank it; the interval of their area under the curve lies above one half, and the area is large enough to act on.

# %%
measured = book.measure([row for test in tests for row in propensity_report.report_rows(test, can_work)])
overview = propensity_report.overview(tests, measured)
bands = [propensity_report.bands(test).assign(does=test.question.does) for test in tests]
bands = pd.concat(bands, ignore_index=True) if bands else pd.DataFrame(columns=["does", "band"])
scored = propensity_report.scored(tests)
checked = propensity_report.back_tested(tests)
for test in tests:
    if test.rows is not None:
        own = checked[checked["question"] == test.question.name]
        rate = overview.set_index("name").loc[test.question.name, "base_rate"]
        assert np.isclose(own["came"].mean(), rate), "two rates of what came"

# %% [markdown]
# ## Answer

# %% tags=["answer"]
say.words(
    say_propensity.told(overview, LEVEL),
    *say_propensity.named_then(overview, can_work, horizon_days),
    say_propensity.not_told(overview),
    say_propensity.not_asked(overview["name"].tolist()),
)

# %% [markdown]
# ## Would it have told us?
# Accounts in the order of the scores they had on past days, in up to five bands. What was promised is the mean score of a band.

# %% tags=["finding"]
days = checked["day"]
rests = say_propensity.rests_on(days.min(), days.max(), horizon_days)
say.words(say_propensity.at_word(overview), say_propensity.off_level(overview), say_propensity.plainly(overview), rests)

# %%
names = {
    "does": "what_accounts_do",
    "counts": "what_counts",
    "rows": "past_rows",
    "n_effective": "independent_accounts",
}
show.table(
    overview[list(names)].rename(columns=names).replace({"past_rows": {0: pd.NA}}).round({"independent_accounts": 0}),
    "What is asked",
    note="Independent accounts: what the rows are worth, as an account has a row on each past day."
    * bool(len(checked)),
)

# %%
rows, labels, promised = say_propensity.bands_figure(overview, bands)
if len(rows):
    fig, ax = plt.subplots()
    plots.title(ax, "What came in each band of scores, on days that no choice had seen")
    plots.intervals(rows, labels, ax, "share that did it", promised, ("came, with its interval", "promised"))

# %%
curves = {does: own for does, own in rows.groupby("does", sort=False) if len(own) > 1} if len(rows) else {}
if curves:
    fig, ax = plt.subplots(figsize=(7.2, 4.2))
    plots.title(ax, "Promised and come: a point on the line is a promise kept")
    plots.reliability(curves, ax)

# %%
answered = measured[measured["status"] != "not_answerable"]
show.grouped(answered, "question", "How well scores told", book.currency)

# %% [markdown]
# ## Whom the score names
# The accounts scored highest today. A score says who is likely, not who can be persuaded.

# %% tags=["finding"]
groups = buying_groups.buying_groups(
    coverage.contact_states(book.read("contacts"), book.as_of),
    book.read("opportunity_contacts"),
    deals.open_deals(opportunities),
    pd.DataFrame({"contact_id": pd.Series(dtype="str"), "day": pd.Series(dtype="datetime64[us]")}),
    accounts.index,
    required_roles,
)
lacks = groups[groups["missing"]].groupby("account_id")["role"].agg(list).map(say_propensity.missing)
experiments = readout.experiments(book.read("experiments"), book.read("experiment_plans"), accounts.index)
held = readout.held_back(readout.running(experiments, book.as_of), book.as_of).set_index("account_id")["until"]
free = scored[~scored["account_id"].isin(held.index)]
ends = [(q.does, *propensity_report.tied(free[free["question"] == q.name], can_work)) for q in questions]
say.words(
    say_propensity.capacity(overview, can_work),
    say_propensity.left_alone(held) * bool(len(scored)),
    say_propensity.ties(ends),
)

# %%
place = {q.name: nth for nth, q in enumerate(questions)}
likely = free[free["rank"].notna()].assign(place=free["question"].map(place)).sort_values(["place", "rank"])
likely = likely.groupby("place").head(can_work).join(accounts[["name", "owner_id"]], on="account_id")
likely = likely.assign(what_accounts_do=likely["question"].map({q.name: q.does for q in questions}))
likely = likely.assign(missing_roles=likely["account_id"].map(lacks), likelihood=likely["score"])
columns = [
    "what_accounts_do",
    "name",
    "owner_id",
    "likelihood",
    "observed",
    "observed_low",
    "observed_high",
    "reasons",
    "against",
]
note = "Observed: what came of accounts whose past score lay in the same band. Reasons: what raises the log-odds above those of the mean "
note += "account, and by how much; they add up, and +0.7 doubles the odds."
show.table(likely[[*columns, "missing_roles"]], "Most likely next", rows=show.LISTED, note=note * bool(len(likely)))

# %% [markdown] tags=["fold"]
# ## A simple rule, or a model?
# What each candidate lost on the days of the choice. A model that is cleverer and no better beyond noise is not used.

# %%
compared = [
    t.compared.assign(
        what_accounts_do=t.question.does, rests_on=predictors.names_of(t.compared["rests_on"], t.predictors.of)
    )
    for t in tests
    if t.compared is not None
]
compared = pd.concat(compared, ignore_index=True) if compared else pd.DataFrame(columns=["what_accounts_do"])
columns = {"kind": "candidate", "rests_on": "feature_name", "error": "standard_error", "chosen": "used_as_score"}
show.table(
    compared[["what_accounts_do", *compared.columns.drop("what_accounts_do")]].rename(columns=columns),
    "Candidates on the days of the choice",
    rows=40,
)

# %% [markdown]
# ## Which criteria kept their promise
# Sales and marketing choose accounts by criteria (02). Each that names a feature is tested on the past alone, on all past days.

# %% tags=["finding"]
alone = telling.alone(tests)
entered = programme.latest_entries("criteria", book.read("criteria"))
judged = telling.criteria(entered, alone)
book.measure(telling.criteria_rows(judged))
say.words(say_propensity.criteria(judged))

# %%
names = {
    "name": "criterion",
    "does": "what_accounts_do",
    "auc": "criterion_auc",
    "weight": "points",
    "feature": "measured_by",
}
show.table(
    judged.drop(columns=["criterion_id"]).rename(columns=names),
    "Criteria on the past",
    rows=40,
    note="Favoured: accounts on the side of the middle that the criterion favours. AUC above one half: the criterion points the right way."
    * bool(len(judged)),
)

# %% [markdown]
# ## What goes against belief
# Every feature has a belief: more engagement goes with buying, more complaints with leaving. What the past says otherwise, beyond
# noise with all looks counted and among accounts that bought about as often too, is a question to ask, not yet a cause.

# %% tags=["finding"]
odd = telling.against_belief(alone)
book.measure(telling.surprise_rows(odd, int((alone["belief"] != 0).sum())))
say.words(say_propensity.surprises(odd, int((alone["belief"] != 0).sum())))

# %%
show.table(
    odd[["words", "does", "auc", "low", "high", "rate_high", "rate_low", "n"]].rename(
        columns={"words": "feature_name", "does": "what_accounts_do", "auc": "criterion_auc"}
    ),
    "Against belief",
)

# %% [markdown]
# ## What tells deals won from deals lost
# Renewals aside. Of each deal only what was known on the day it was opened, and of the columns of your own export those that are
# declared as fixed.

# %% tags=["finding"]
sold = opportunities[opportunities["type"] != "renewal"]
declared, changes = book.read("attributes"), book.read("attribute_history")
stages = book.read("opportunity_stage_history")
opened = deal_openings.opened(sold, accounts.reset_index(), declared, stages, changes)
of_deals = won_from_lost.back_test(opened, book.as_of)
by_itself = of_deals.features if of_deals.features is not None else pd.DataFrame(columns=["auc", "p"])
book.measure(won_from_lost.report_rows(of_deals))
how = (
    of_deals.is_out_of_time,
    of_deals.wait_days,
    of_deals.recent,
    of_deals.undated,
    of_deals.left_open,
    of_deals.rounds,
)
area = won_from_lost.area(of_deals.rows) if of_deals.rows is not None else (np.nan, np.nan, np.nan, 0)
say.words(
    say_won_from_lost.answer(
        of_deals.verdict, of_deals.why, area[:3], area[3], LEVEL, of_deals.rests_on, of_deals.chosen
    ),
    say_won_from_lost.how_judged(*how) * (of_deals.rows is not None),
)

# %%
say_won_from_lost.features(by_itself, LEVEL) if len(by_itself) else None

# %%
if len(by_itself):
    book.measure(won_from_lost.feature_rows(by_itself))
show.table(
    by_itself.rename(columns={"feature": "known_at_opening", "auc": "criterion_auc"}),
    "What tells won from lost by itself",
    note=say_won_from_lost.left_out(of_deals.left_out) if of_deals.left_out is not None else "",
)

# %% [markdown] tags=["fold"]
# ## What the test cannot see
# Only what we worked may have labels, features move, and some are known today and were not then.

# %% tags=["finding"]
touched = [
    (t.question.does, *propensity_report.worked_only(t)) for t in tests if t.rows is not None and not t.question.is_loss
]
used = [t.predictors.used for t in tests if t.predictors is not None][:1]
used = pd.concat(used) if used else pd.DataFrame({"why": []})
say.words(
    say_propensity.worked(touched), say_propensity.drifted(overview), say_propensity.left_out(used) * bool(len(used))
)

# %%
order = used.sort_values(["why", "drift"], ascending=[False, False]) if len(used) else used
names = {"words": "feature_name", "drift": "stability_index", "why": "not_used"}
first_asked = [f"Of accounts that are asked who {t.question.does}." for t in tests if t.predictors is not None][:1]
show.table(
    order.drop(columns="feature", errors="ignore").rename(columns=names),
    "Features, past and today",
    rows=80,
    note="".join(first_asked),
)

# %% [markdown]
# ## What to decide

# %%
week, two_weeks, quarter = (str((book.as_of + pd.Timedelta(days=d)).date()) for d in (7, 14, 91))
base, does = overview.set_index("name")["base_rate"], overview.set_index("name")["does"]
# The top of its list did it oftener than all, beyond noise; who may stop is chosen by band, from the whole of it.
better = overview.loc[(overview["lift_at_capacity_low"] > 1) | (overview["name"] == "stops"), "name"]
rows = {
    name: free[(free["question"] == name) & free["rank"].notna() & (name in better.tolist())]
    for name in propensity_report.NAMES
}
top = {name: own.nsmallest(can_work, "rank").set_index("account_id", drop=False) for name, own in rows.items()}
known = features.set_index("account_id")
what = "margin" if known.loc[known["revenue_12m"] > 0, "margin_12m"].notna().any() else "revenue"
money = known[f"{what}_12m"].astype(float).clip(lower=0) * horizon_days / 365
is_quiet = rows["stops"]["account_id"].map(known["days_since_purchase"]).astype(float) > horizon_days
quiet, thin = (
    propensity_report.at_stake(own, money, base.get("stops", np.nan), can_work)
    for own in (rows["stops"][is_quiet], rows["stops"][~is_quiet])
)
lists = {
    name: top[name] for name in ("opens", "grows", "not_renewed")
}  # who is offered another line, and which, is on 05
why = {name: say_propensity.why(own, lacks, does.get(name, "")) for name, own in lists.items()}
stake = f"share that stopped × {what} of {horizon_days:,} days of the last year"
no_more = "a back-test in which the score tells nothing"

# %% tags=["decide"]
book.decide(
    "call_first", kind="sell", accounts=lists["opens"].index, owner=accounts["owner_id"], due=two_weeks, reason=why["opens"],
    text="Call these accounts first: the likeliest to open a deal of those that have none open", would_change=no_more,
)  # fmt: skip
book.decide(
    "keep_these", kind="sell", accounts=thin.index, owner=accounts["owner_id"], due=two_weeks, basis=stake, moves=thin["moves"],
    text="Ask these customers what they need: they still buy, and many like them stopped", moves_low=thin["moves_low"],
    moves_high=thin["moves_high"], reason=say_propensity.why(thin, lacks, "stops buying"), would_change=no_more,
)  # fmt: skip
book.decide(
    "ask_gone_quiet", kind="sell", accounts=quiet.index, owner=accounts["owner_id"], due=two_weeks, basis=stake, moves=quiet["moves"],
    text=f"Ask these customers why they have bought nothing for {horizon_days:,} days", moves_low=quiet["moves_low"],
    moves_high=quiet["moves_high"], reason=say_propensity.why(quiet, lacks, "stops buying"), would_change=no_more,
)  # fmt: skip
book.decide(
    "renew_these", kind="sell", accounts=lists["not_renewed"].index, owner=accounts["owner_id"], due=two_weeks,
    text="Speak to these customers about the contract that ends", reason=why["not_renewed"], would_change=no_more,
)  # fmt: skip
book.decide(
    "plan_growth", kind="sell", accounts=lists["grows"].index, owner=accounts["owner_id"], due=quarter, reason=why["grows"],
    text="Plan more with these customers: the likeliest to grow", would_change=no_more,
)  # fmt: skip
book.decide(
    "do_not_rank", kind="programme", text=say_propensity.no_rank(overview), due=two_weeks, owner="heads of sales and marketing",
    only_if=bool(say_propensity.no_rank(overview)), reason="no signal in the back-test", would_change="a back-test that finds a signal",
)  # fmt: skip
weak = say_propensity.weak(judged)
book.decide(
    "weigh_criteria_again", kind="programme", text=say_propensity.weigh_again(weak), due=week, owner="heads of sales and marketing",
    only_if=len(weak) > 0, reason=say.joined([f"{name}: {what}" for name, what in weak.items()]),
    would_change="later days on which they tell accounts apart",
)  # fmt: skip
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("04_propensity", scored)
book.write("04_back_test", checked)
