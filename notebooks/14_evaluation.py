# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 14 Evaluation: did the programme cause it, and was it worth it?
#
# **Decision.** Whether the account-based programme goes on, and which accounts stay held back until when.
#
# **Needs** accounts. **Reads** nothing earlier. **Writes** `14_readout`, `14_balance`. **Run** monthly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
hour_cost: float = 80.0  # of an hour of sales or marketing, in the reporting currency
horizons: list[int] = [3, 6, 12]  # months after which an effect is to be judged
default_margin: float = 0.0  # margin as share of revenue where no cost is known; 0: leave it unknown

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import deals, detectable, framework, maturity, readout, readout_checks, readout_worth
from abmlib.pages import plots, say, say_readout, say_since_entry, show
from abmlib.stats.intervals import FLOOR_OUTCOMES, LEVEL
from abmlib.tables import Book
from abmlib.tables.definitions import measures

plots.style()

# %% [markdown]
# ## Load
# The accounts that were drawn, what they were to be judged by, and what they did.

# %%
book = Book.open(
    data, as_of=as_of, tables=tables, hour_cost=hour_cost, default_margin=default_margin, horizons=horizons
)
book.need("accounts", writes=["14_readout", "14_balance"])
accounts = book.read("accounts").set_index("account_id")
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
tiers, members = book.read("account_tiers"), book.read("campaign_accounts")
activities = book.read("activities")
bought = book.panel("transactions", per="day", sums=["revenue"])
touched = book.panel("activities", ["direction"], per="day")
facts = detectable.outcome_facts(opportunities, bought, touched)
names = {outcome: measures.name(outcome).removesuffix(" per account") for outcome in readout.FULL}

# %% [markdown]
# ## How the answer is made
# Only lots make two groups alike in everything, also in what nobody measures. So accounts drawn for treatment are compared with those
# held back, each where it was drawn, over the months from its own draw on. The **effect** is the difference within strata (and within
# days, where each day was a draw of its own), after taking off what each account's own past predicts. **Randomisation p**: were the treatment without any effect, the share of other
# draws that would have shown as much. A look counts only when its months are over for every account, and early looks ask for more.

# %%
found = readout.experiments(book.read("experiments"), book.read("experiment_plans"), accounts.index)
read = readout.readout(found, facts, book.as_of)
experiment, look = readout.to_judge(found, book.as_of)
units = readout.units(experiment, facts, look)

inside = units - units.groupby("lot").transform("mean")
by_hand = np.linalg.lstsq(inside[["treated", "past"]], inside["outcome"])[0][0] if len(units) else np.nan

judged = read[read["experiment_id"] == experiment.name]
at_look = judged[judged["months"] == look["months"]]
registered = at_look[at_look["registered"].astype(bool)]
noted = book.measure(readout.readout_rows(read))
assert np.allclose(registered["effect"].astype(float), by_hand, equal_nan=True), "two effects of the registered measure"

# %% [markdown]
# **Worth**: margin that the draw brought, less what the treated accounts cost beyond those held back.

# %%
margins = readout_worth.margin_facts(book.read("transactions"), default_margin)
spend = readout_worth.spend_within(experiment, look["months"], book.read("campaign_spend"), members, activities)
hours = readout_worth.hours_within(experiment, look["months"], activities)
worth = readout_worth.worth(experiment, look, margins, spend, hours, hour_cost)
no_margin = say_readout.no_margin(*readout_worth.without_margin(experiment, margins)) if found and worth is None else ""
noted = book.measure(readout_worth.worth_rows(worth, experiment.name))

# %% [markdown]
# ## Answer

# %% tags=["answer"]
waits = say_readout.money_waits(readout.looks(experiment, book.as_of)) * bool(found)
newest = read[read["experiment_id"] == found[0].name] if found else read
say.words(
    say_readout.answer(judged, readout.FULL, names, book.currency, LEVEL, experiment.plan.get("rise", np.nan)),
    say_readout.worth(worth, accounts["name"], book.currency),
    no_margin,
    waits,
    say_readout.answer(newest, readout.FULL, names, book.currency, LEVEL) * bool(found and found[0] is not experiment),
)

# %% [markdown]
# ## What was registered, and was it kept to?
# A comparison proves as much as its lots: what decides must be written down before the draw, and nobody may change sides.

# %% tags=["finding"]
broken = readout_checks.touched([experiment], members, tiers, book.as_of)
balanced = readout_checks.balance(experiment, facts, accounts["employees"])
checked = readout_checks.checks(experiment, broken, balanced, found)
say.words(
    say_readout.kept(checked) * bool(found),
    say_readout.registered(experiment.plan, experiment.registered, names) * bool(found),
    say_readout.touched(broken, accounts["name"]),
)

# %%
show.table(say_readout.checks_table(checked.iloc[: None if found else 0]), "Checks of the experiment")

# %%
note = "Means; outcomes per account, in as many months before the draw. Some differences are chance; p-values are adjusted for all rows."
compared = say_readout.balance_table(balanced, readout.FULL, names, book.currency)
show.table(compared, "Arms before the draw", note=note * (len(balanced) > 0))

# %% [markdown]
# ## What the experiment shows
# The registered measure decides. The others help to understand it, and decide nothing.

# %% tags=["finding"]
arms_reached = readout.on_reached(experiment, units, look)
of_measure = readout.FULL.get(experiment.measure, ("", ""))[1]
book.measure(readout.reached_rows(arms_reached, experiment.name, look, of_measure))
say.words(
    say_readout.title(at_look, names),
    say_readout.others(at_look, names),
    say_readout.reached(arms_reached, experiment.measure, of_measure, book.currency),
)

# %%
relative = at_look[at_look["effect"].notna() & (at_look["held_mean"] > 0)]
if len(relative):
    fig, ax = plt.subplots()
    plots.title(ax, "Effect of each measure, the registered one first")
    ends = relative[["effect", "low", "high"]].div(relative["held_mean"], axis=0).astype(float)
    plots.effects(
        ends, relative["definition_id"].map(names).tolist(), ax, "effect, share of the mean of accounts held back"
    )

# %%
differences = readout.other_draws(experiment, units)
if len(differences):
    fig, ax = plt.subplots(figsize=(7.2, 3.2))
    plots.title(ax, say_readout.chance(registered["p"].iloc[0], len(differences) - 1))
    plots.draws(differences, ax, f"{names[experiment.measure].lower()} per account, treated less held back")

# %%
texts = say_readout.readout_table(judged, readout.FULL, names, book.currency)
note = f"In brackets: {LEVEL:.0%} interval that holds over all looks together. At this look p counts up to {look['level']:.3f}; of measures "
note += "that were not registered p and interval hold for all of them together. Effect: after taking off stratum and own past, in which the arms "
note += "differed; the plain difference takes off nothing."
note += " Own past is not taken off: records do not reach back so far." * bool(len(units) and not units["past"].any())
show.table(
    texts.drop(columns="experiment", errors="ignore"), "Readings", note=note * bool(judged["effect"].notna().any())
)

# %% [markdown]
# ## Was it worth it?
# The block for finance: margin of all accounts drawn for treatment, and what it would have been had they been held back.

# %% tags=["finding"]
say.words(say_readout.net(worth, book.currency), say_readout.assumption(worth, book.currency), waits)

# %%
show.table(say_readout.finance_table(worth, hour_cost, book.currency), "Block for finance")

# %% [markdown] tags=["fold"]
# ## Before and after accounts entered
# An account-based programme needs time. What accounts did by months since they entered it, per account and month, and beside them
# those held back, or else those that did not enter. Growth of the market, or a return to their usual level, may explain a change of
# accounts that were chosen, so this is no measure of what the programme did: the comparison drawn at random above is.

# %% tags=["finding"]
since = framework.entry_days(tiers)
ready = maturity.horizon_status(since, book.as_of, horizons)
bands = maturity.by_months(facts, since, accounts["created_day"], book.as_of)
held = experiment.drawn.loc[~experiment.drawn["treated"], "day"]
others = "held back" if len(held) else "not entered"
rest = held if len(held) else pd.Series(since.min(), accounts.index.difference(since.index))
aside = rest if len(since) else since
bands_aside = maturity.by_months(facts, aside, accounts["created_day"], book.as_of)
change = maturity.changes(facts, since, accounts["created_day"], book.as_of, horizons)
split = "months since entry"
by_split = {split: bands} | ({f"{split} of accounts {others}": bands_aside} if len(aside) else {})
book.measure(pd.concat([maturity.horizon_rows(ready), maturity.maturity_rows(by_split, change)]))
say.words(
    say_since_entry.ages(ready),
    say_since_entry.before_and_after(change.assign(outcome=change["outcome"].map(maturity.NAMES)), LEVEL),
)

# %%
note = f"Without an interval: fewer than {FLOOR_OUTCOMES} accounts or outcomes, too early to judge. "
note += say_since_entry.same_accounts(change)
from_day = "the day each was drawn" if len(held) else "the first day of the comparison"
note += f" Accounts {others}: from {from_day}." * bool(len(aside))
timeline = maturity.timeline(bands).assign(which="entered")
beside = maturity.timeline(bands_aside).assign(which=others) if len(aside) else None
timeline = pd.concat([timeline, beside])
timeline.insert(0, "which", timeline.pop("which"))
show.table(timeline, "Per account and month, by months since entry", book.currency, note=note) if len(since) else None

# %%
early_words = {"ok": "yes", "too_early": "too early: too few accounts"}
ready_table = ready.drop(columns="status").assign(can_be_judged=ready["status"].map(early_words))
show.table(ready_table, "Can it be judged yet?") if len(since) else None

# %% [markdown] tags=["fold"]
# ## All experiments

# %%
every = say_readout.readout_table(read[read["registered"].astype(bool)], readout.FULL, names, book.currency)
show.table(every.iloc[: None if len(found) > 1 else 0], "Registered measures of all experiments")

# %% [markdown]
# ## What to decide

# %%
heads, two_weeks = "heads of sales and marketing", str((book.as_of + pd.Timedelta(days=14)).date())
runs = readout.running(found, book.as_of)
ended = say_readout.end_experiment(registered, experiment not in runs, names)
alone = readout.held_back([e for e in runs if not (ended and e.name == experiment.name)], book.as_of)
left_alone = alone.set_index("account_id")
book.decide(
    "keep_holding_back", kind="programme", accounts=alone["account_id"], text=say_readout.keep_holding_back(alone),
    owner=heads, due=str(alone["until"].max().date()) if len(alone) else None,
    reason="held back in " + left_alone["experiment_id"], would_change="a look that shows an effect before the last one",
)  # fmt: skip
touched_now = readout_checks.touched(runs, members, tiers, book.as_of).set_index("account_id")
book.decide(
    "stop_contamination", kind="programme", accounts=touched_now.index, owner=heads, due=two_weeks,
    text="Take these held-back accounts out of campaigns and tiers until the experiment is over",
    reason=touched_now["how"], would_change="the end of the experiment",
)  # fmt: skip

# %%
waiting = readout.not_reached(runs)
book.decide(
    "reach_the_treated", kind="programme", accounts=waiting["account_id"], owner=accounts["owner_id"], due=two_weeks,
    text="Reach these accounts, which were drawn for treatment and that nothing has reached yet",
    reason=waiting.set_index("account_id")["experiment_id"].radd("drawn for treatment in "),
    would_change="a day of exposure that is not entered yet",
)  # fmt: skip
unplanned = [e.name for e in runs if e.registered != readout.BEFORE]
book.decide(
    "register_plan", kind="programme", only_if=len(unplanned) > 0, owner=heads, due=two_weeks,
    text=f"Register by which one measure, and when, {say.joined(unplanned)} is judged, before anybody looks at the result",
    reason="no plan was frozen before the draw", would_change="a plan that is not entered yet",
)  # fmt: skip
less = bool(ended) and registered["verdict"].iloc[0] == "less"
freed = experiment.drawn.index[experiment.drawn["treated"].eq(less).to_numpy(bool) & bool(ended)]
book.decide(
    "end_experiment", kind="programme", accounts=freed, text=ended, owner=heads, due=two_weeks,
    reason=say_readout.reason(registered), would_change="a mistake in the draw, or in what is known of these accounts",
)  # fmt: skip

# %%
early = ready.loc[ready["status"] == "too_early", "horizon_months"].astype("str")
book.decide(
    "wait_before_judging",
    kind="programme",
    text="Do not judge the programme until enough accounts have been in it long enough",
    owner="heads of sales and marketing",
    due=str(ready.loc[ready["status"] == "too_early", "all_reached_on"].max().date()) if len(early) else None,
    reason=f"fewer than {FLOOR_OUTCOMES} accounts have been in it for {', '.join(early)} months",
    only_if=len(early) > 0,
    would_change="accounts that joined earlier than entered here",
)

recorded = experiment.name in set(book.read("findings")["evaluation"])
finding = say_readout.record(registered, names) if ended and not recorded else ""
book.decide(
    "record_the_finding", kind="programme", only_if=bool(finding), owner=heads, due=two_weeks, text=finding,
    reason=f"experiment {experiment.name}", would_change="a finding that is entered already, under another name",
)  # fmt: skip

# %% tags=["decide"]
verdict = say_readout.keep_or_stop(worth) if experiment not in runs else ""
book.decide(
    "keep_or_stop_programme", kind="programme", only_if=bool(verdict), text=verdict, owner=heads, due=two_weeks,
    **(readout_worth.moves(worth) if verdict else {}), reason=f"experiment {experiment.name}",
    would_change="margin that deals of these months bring later, or a cost that is not known here",
)  # fmt: skip
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("14_readout", read)
book.write("14_balance", balanced)
