# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 Framework: what do we aim for, how do we measure and choose, who agreed, and which effects can we detect?
#
# **Decision.** Whether the programme may proceed: aims frozen, criteria signed, list agreed, teams and hours available. And
# what it may promise: which effects a programme of this size can detect.
#
# **Needs** accounts. **Reads** nothing earlier. **Writes** `02_framework`, `02_checklist`, `02_team`, `02_look_alikes`.
# **Run** before the programme starts, then quarterly.
#
# Most of this page is what people agreed, so people enter it by hand. Which effects can be detected needs no entries: it is
# estimated from past data.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
overlap_needed: float = 0.8  # overlap of the lists of sales and marketing that the programme needs to proceed
response_days: int = 14  # days within which sales answers a hand-over
market_theme: str = "new market"  # theme under which sales notes a market to enter
feedback_months: int = 12  # months of sales feedback that are compared with as many before
load_months: int = 3  # last whole months whose noted hours are counted
score_days: int = 180  # days after which a readiness score is out of date
functions: list[str] = ["creative", "analytics", "technology", "communications", "digital"]  # each persona's team needs
hours_per_account: list[float] = [16.0, 6.0, 1.0]  # hours a month that an account of tier 1, 2 and 3 needs
horizons: list[int] = [3, 6, 12]  # months after which an effect is to be judged
effect: float = 0.2  # rise that the programme hopes for, share of the baseline
edit: bool = False  # in JupyterLab: show a form for one of the files below
form: str = "objectives"  # the file the form is for
entered_by: str = ""  # who fills the form, to begin with; empty: the last one who did
planned: int = 100  # accounts on the future list, where too few are entered yet
held_share: float = 0.5  # accounts to hold back, share of those that can be drawn
design: str = "pairs"  # how lots are drawn: among neighbours (pairs), or within strata
holdout_measure: str = "opportunities_opened"  # the one measure that will judge the accounts drawn
holdout_months: int = 12  # months after the draw for which accounts are judged
looks: list[int] = [6, 12]  # months after the draw at which the result is looked at, the last one holdout_months
draw: bool = False  # draw the accounts now, and enter plan and draw in the programme's files
draw_seed: int = 1  # of the lots, any whole number

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import (
    alignment,
    checklist,
    detectable,
    feedback,
    framework,
    holdout,
    joint_team,
    periods,
    readout,
    tiger_teams,
)
from abmlib.method.deals import with_days
from abmlib.pages import forms, plots, say, say_framework, say_holdout, show
from abmlib.stats.intervals import FLOOR_OUTCOMES, LEVEL
from abmlib.stats.power import DESIGN_DRAWS, POWER, RISES
from abmlib.tables import Book
from abmlib.tables.definitions import measures

plots.style()

# %% [markdown]
# ## Load
# What people have entered for the framework.

# %%
book = Book.open(
    data, as_of=as_of, tables=tables, overlap_needed=overlap_needed, horizons=horizons, hours_per_account=hours_per_account, response_days=response_days,
)  # fmt: skip
book.need("accounts", writes=["02_framework", "02_checklist", "02_team", "02_look_alikes"])
accounts = book.read("accounts").set_index("account_id")
files = framework.inputs(book.overview())
show.table(files, "Entries by file")

# %%
forms.entry(book.programme, form, entered_by=entered_by, edit=edit, as_of=book.as_of, offered=detectable.OUTCOMES)

# %% [markdown]
# ## How the answer is made
# **Agreed**: both teams signed every criterion before they voted on the list, both voted on nearly all of it, and their lists
# overlap enough. **Overlap**: accounts that both want, divided by accounts that at least one wants. Only accounts that both voted
# on count.

# %%
entered, ballots = book.read("criteria"), book.read("list_votes")
rules = framework.criteria(entered, alignment.vote_began(ballots))
both = alignment.newest_round(alignment.votes_by_team(ballots))
agreement = book.measure(alignment.agreement_by_round(alignment.votes_by_team(ballots)))
overlap = tuple(agreement.iloc[0][["value", "low", "high", "n"]])

voted = both.dropna(subset=["sales", "marketing"])
sales_in, marketing_in = voted["sales"] == "in", voted["marketing"] == "in"
either, wanted = (sales_in | marketing_in).sum(), (sales_in & marketing_in).sum()
assert not either or np.isclose(wanted / either, overlap[0]), "two overlaps of the lists"

gate = framework.selection_gate(rules, both, overlap_needed)
gate_rows = book.measure([framework.criteria_row(rules), framework.gate_row(gate)])

# %% [markdown]
# **Objectives**: each can judge the programme only if it was frozen before the first account entered, and not changed since.

# %%
tiers, objectives = book.read("account_tiers"), book.read("objectives")
listed = framework.tiers_on(tiers, book.as_of)
start = framework.programme_start(tiers, book.read("campaign_accounts"))
aims = framework.objectives(objectives, start)
frozen_row = book.measure([framework.objective_row(aims)])

# %% [markdown]
# **Effects**: with this number of accounts and the random variation of the past, which rise is larger than chance? Counts and
# money are compared after taking off what each account's own past predicts, shares as they are.

# %%
deals = with_days(book.read("opportunities"), book.as_of)
bought = book.panel("transactions", per="day", sums=["revenue"])
facts = detectable.outcome_facts(deals, bought, book.panel("activities", ["direction"], per="day"))
groups = detectable.compared_groups(book.read("experiments"), tiers, accounts.index, book.as_of, planned)
effects = detectable.effects(facts, groups, accounts["created_day"], horizons, effect)
book.measure(detectable.effect_rows(effects))

plan = framework.with_effects(aims, effects)
rises = framework.promised_effects(plan, effects)
who = say_framework.compared(groups.basis, groups.treated, groups.held)

# %% [markdown]
# ## Answer

# %% tags=["answer"]
lacks = say.lacking(**vars(gate))
unfrozen, undetected = aims["state"].isin(["draft", "changed"]), plan["could_be_seen"].eq(False).fillna(False)
sign = say_framework.to_sign(gate.criteria, len(both) > 0)
week, two_weeks, month = (book.as_of + pd.Timedelta(days=d) for d in (7, 14, 30))
say.words(
    say_framework.agreed(gate.passed, lacks, gate.criteria, overlap, LEVEL, start, len(listed)),
    say_framework.promises(rises, who),
    say_framework.first_step(gate.passed, sign, len(aims), unfrozen.sum(), undetected.sum(), two_weeks),
)

# %% [markdown]
# ## Not entered yet

# %% tags=["finding"]
say.words(say_framework.missing(files))

# %%
show.table(files.loc[files["entries"] == 0, ["file", "answers"]], "Files without entries, and what each would answer")

# %% [markdown]
# ## Conflicting entries
# Two people entered different values, and neither entry replaces the other. The later entry holds until they have agreed.

# %%
disputed = book.conflicts("objectives", "criteria", "readiness", "account_tiers", "team", "account_goals", "list_votes")
columns = ["table", "key", "column", "earlier", "earlier_by", "later", "later_by"]
show.table(disputed[columns], "Entries that disagree", rows=show.LISTED)

# %% [markdown]
# ## Criteria and signatures
# How accounts are chosen, the weight of each criterion, and who signed it. A signature is valid only for the weight that was
# signed.

# %% tags=["finding"]
say.words(say_framework.signatures(rules, len(both) > 0))

# %%
show.table(
    rules.drop(columns="criterion_id").rename(columns={"name": "criterion", "weight_share": "weight"}),
    "Selection criteria",
)

# %% [markdown]
# ## One list

# %% tags=["finding"]
by_account = alignment.votes_by_account(both, accounts)
say.words(*say_framework.votes(by_account, overlap, overlap_needed, LEVEL))

# %%
if len(voted):
    fig, ax = plt.subplots(figsize=(5, 3.2))
    same = (voted["sales"] == voted["marketing"]).sum()
    plots.title(ax, f"The teams agree on {same:,} of {say.count(len(voted), 'account')}, those on the diagonal")
    plots.grid(alignment.vote_counts(both), ax, "vote of marketing", "vote of sales")

# %%
apart = by_account[by_account["differ"].isin(["in and out", "one is unsure"])]
say.words("The accounts to settle are in the list of that decision; all votes are further down." * (len(apart) > 0))

# %% [markdown]
# ## Objectives
# From the goals of sales to the tactics of marketing and their measures. Baseline, present value and target are in the measure's own
# unit; the present value is that of all accounts of the list, over 12 months.

# %% tags=["finding"]
present = framework.present_values(deals, listed.index, periods.trailing(book.as_of, 12))
of_aims = framework.objectives_table(aims, objectives, present)
say.words(
    say_framework.aims_now(of_aims, aims, present, len(listed)),
    say_framework.aims_frozen(aims["state"]) + "." * (len(aims) > 0),
)

# %%
show.table(of_aims, "Sales goals, tactics and measures", rows=show.LISTED)

# %%
changed = framework.changed_objectives(objectives).drop(columns="objective_id")
note = "A changed objective may be a better one, but it can no longer judge the programme." * (len(changed) > 0)
show.table(changed, "Changed after freezing", rows=show.LISTED, note=note)

# %% [markdown]
# ## Which effects can we detect?
# Before anyone claims an effect: which rise is larger than chance?

# %% tags=["finding"]
named = effects.assign(outcome=effects["outcome"].map(measures.name))
say.words(
    say_framework.smallest(named, effect, who),
    say_framework.comparison(groups.basis, who, groups.own_past, groups.start - detectable.DAY),
)

# %%
note = f"Detected: with a chance of {POWER:.0%} or more. “No” does not mean that there is no effect, but that nobody could tell."
show.table(rises, "Rises that the objectives ask for", rows=show.LISTED, note=note * (len(rises) > 0))

# %%
if (effects["status"] == "ok").any():
    fig, ax = plt.subplots(figsize=(7.2, 3.2))
    judged = named[named["status"] == "ok"]
    plots.title(ax, "The smallest rise that each comparison detects")
    plots.detectable(judged, effect, ax)

# %% [markdown]
# If a mark is right of the dashed line, the comparison would often miss the rise that the programme hopes for.

# %% [markdown]
# ## Hold accounts back
# Whether the programme works can only be told against accounts that chance alone kept out of it, and these have to be drawn before
# anything is done to them. So lots are drawn among accounts that both teams want and that the programme never touched. Where these are
# too few, the largest others that it never touched stand for those that the teams have yet to choose.
#
# Lots are drawn among accounts that were alike, so that luck moves the comparison less. Which rise a draw would find is tried out on
# the accounts' own past: a rise is planted in those drawn, and looked for, again and again. In the next year customers leave, and accounts picked
# because they did much lately do less: a draw then finds somewhat less than stated.

# %%
plans, drawn = book.read("experiment_plans"), book.read("experiments")
known = readout.experiments(drawn, plans, accounts.index)
ran = holdout.experiments(known, book.as_of)
both_want = pd.Index(voted.loc[sales_in & marketing_in, "account_id"])
on_list = listed.index.union(both_want)
on_list = on_list[on_list.isin(accounts.index)]
touched = holdout.in_programme(tiers, book.read("campaign_accounts"), known, book.as_of)
free = holdout.candidates(both_want, touched, known, book.as_of, accounts.index)
can_draw = len(free) >= FLOOR_OUTCOMES

# %% tags=["finding"]
staff, created = accounts["employees"], accounts["created_day"]
others = holdout.candidates(accounts.index.difference(free), touched, known, book.as_of, accounts.index)
others = holdout.by_size(facts["revenue"], staff, others, book.as_of)
add = 0 if can_draw else max(planned - len(free), 0)
tried, more = free.append(others[:add]), others[add:]
say.words(
    say_holdout.looks(ran),
    say_holdout.candidates(
        len(on_list), int(on_list.isin(touched).sum()), len(free), len(tried), FLOOR_OUTCOMES, holdout.ENOUGH
    ),
)

# %%
columns = ["experiment_id", "measure", "drawn_on", "treated", "held_back", "horizon_months", "next_look", "frozen"]
show.table(ran.assign(measure=ran["measure_id"].map(measures.name))[columns], "Experiments drawn", rows=show.LISTED)

# %% tags=["finding"]
waits = sorted({*horizons, holdout_months, 2 * holdout_months})
level = holdout.last_level(looks, holdout_months)
promised = holdout.promises(
    facts, holdout_measure, tried, more, staff, created, book.as_of, waits, design, held_share, effect, level
)
own_list = holdout.of_design(promised, holdout_months, design)
compared = measures.name(holdout_measure)
most = RISES[-1]
say.words(say_holdout.promise(promised, compared, holdout_months, design, POWER, most))

# %%
of_lists = promised[(promised["design"] == design) & (promised["status"] == "ok")]
if (of_lists["horizon_months"] == holdout_months).any():
    fig, ax = plt.subplots(figsize=(7.2, 2.6))
    plots.title(ax, say_holdout.title(of_lists, holdout_months, compared, most))
    by_list = of_lists[of_lists["horizon_months"].isin([holdout_months, of_lists["horizon_months"].max()])].rename(
        columns={"accounts_list": "outcome", "smallest_detectable": "mde_relative"}
    )
    plots.detectable(by_list, effect, ax)

# %%
note = f"Power: of a rise of {effect:.0%}. Smallest rise: found with a chance of {POWER:.0%}, at the level of the last look; tried with "
note += f"up to {DESIGN_DRAWS:,} draws, it is known to about {say_holdout.STEP * 100:.0f} points. Accounts: those created before the months tried."
why = {"too_early": "too little history", "not_answerable": "the source or the book does not hold it"}
of_draw = promised[(promised["status"] == "ok") | (promised["horizon_months"] <= holdout_months)]
of_draw = of_draw.drop(columns="status").assign(why_unknown=of_draw["status"].map(why))
show.table(of_draw, "What a draw would show", rows=show.LISTED, note=note * (len(of_draw) > 0))

# %% [markdown]
# The draw itself: off unless asked for. It enters the plan first, then who is treated and who is held back, and does so once. A report
# that draws has to be made again, without the draw, as the data are no longer those it began with.

# %%
end = book.as_of
past = holdout.past_outcome(facts[holdout_measure], detectable.OUTCOMES[holdout_measure][0], free, end, holdout_months)
neighbours = holdout.strata(past, holdout.sizes(facts["revenue"], staff, free, end), design, held_share)
registered = {
    "experiment_id": holdout.next_id(drawn), "measure_id": holdout_measure, "horizon_months": holdout_months,
    "looks": ";".join(map(str, looks)), "design": design, "held_share": held_share, "seed": draw_seed, "rise": effect,
    "smallest_rise": round(own_list["smallest_detectable"], 3), "power": own_list["power"],
    "analysis": say_holdout.analysis(compared, holdout_months, looks, design, 1 - LEVEL),
}  # fmt: skip
plan_row, lots = holdout.draw(registered, neighbours)
ids = set(drawn["experiment_id"])
to_draw = {"known": ids, "entered_by": entered_by, "as_of": book.as_of}
too_few = say_holdout.too_few(len(free), FLOOR_OUTCOMES)
say.words((forms.draw(book.programme, plan_row, lots, **to_draw) if can_draw else too_few) if draw else "")

# %% [markdown]
# ## After the hand-over
# What sales does with the accounts that marketing hands over.

# %% tags=["finding"]
sent = book.read("hand_overs")
waiting = alignment.unanswered_accounts(alignment.mature_hand_overs(sent, book.as_of, response_days))
days_waiting = (book.as_of - waiting).dt.days
say.words(say_framework.waiting(days_waiting, len(sent)))

# %% [markdown]
# Hand-overs too recent for an answer are a line of their own, and open ones count with their hours so far.

# %%
handed = book.measure(alignment.hand_over_rows(sent, book.as_of, book.settings.time_zone, response_days))
show.measures(handed, "Hand-overs", book.currency) if len(sent) else None

# %% [markdown]
# ## Teams and hours
# One team per persona, with someone from every marketing function. The hours an account needs are a parameter of this page:
# agree them with the team.

# %% tags=["finding"]
team, personas = book.read("team"), book.read("personas")
people = tiger_teams.roster(team, personas)
teams = tiger_teams.matrix(people, personas, functions)
lacking, hours = tiger_teams.gaps(teams, functions), tiger_teams.capacity(people, listed, hours_per_account)
book.measure(tiger_teams.team_rows(teams, hours, functions))
needed, available, used = hours[["hours_needed", "hours_available", "used"]].iloc[-1]
of_personas = int(teams["persona"].ne(tiger_teams.NOBODY).sum())
say.words(say_framework.teams(len(lacking), of_personas, needed, available))

# %%
show.table(lacking, "What each persona's team lacks", values="count")

# %%
of_available = hours.rename(columns={"used": "needed_of_available"})
show.table(of_available, "Hours a month") if len(listed) else None

# %% [markdown]
# ## Who works for which account
# The joint team of sales and marketing: who is accountable (one person) and responsible, the work that waits, and the hours that
# were noted, or how long the touch took. They are the least that was spent: touches without either took time too.

# %% tags=["finding"]
account_teams = joint_team.account_teams(team, listed, accounts["owner_id"])
items, actions = book.read("plan_items"), book.read("workshop_actions")
work = joint_team.roster_of_work(team, account_teams, accounts["owner_id"], items, actions, waiting.index, book.as_of)
touched = book.panel("activities", ["team", "person_hours", "duration_min"], per="month")
touched = touched.assign(
    person_hours=touched["person_hours"].astype(float).fillna(touched["duration_min"].astype(float) / 60)
)
noted = joint_team.noted_hours(touched, work, listed.index, book.as_of, load_months)
joint = book.measure(joint_team.joint_team_rows(account_teams, work, noted))
top = joint[(joint["group_by"] == "tier") & (joint["group"] == account_teams["tier"].min())]
say.words(
    say_framework.account_teams(top, work),
    say_framework.team_hours(noted, load_months) if len(team) else "",
)

# %%
of_team = noted.assign(
    touches=noted["touches"] if touched["team"].notna().any() else np.nan
)  # nobody knows whose touches they are
show.table(of_team, "Hours available and hours noted, by team") if len(team) else None

# %%
columns = ["name", "owner_id", "accountable", "responsible", "also_named", "lacks"]
highest = account_teams[account_teams["tier"] == account_teams["tier"].min()]
highest = highest.join(accounts[["name", "owner_id"]], on="account_id")
show.table(highest[columns], "The team of each account of the highest tier", rows=show.LISTED) if len(team) else None

# %% [markdown]
# ## The five steps of the programme
# What must be in place, who answers for it, how much of it the entries show, and what is missing. Where nobody is accountable, the
# people of the function have to act.

# %% tags=["finding"]
tier_1 = listed.index[listed == "1"]
mature = alignment.mature_hand_overs(sent, book.as_of, response_days)
done = {
    "teams for each persona": (of_personas - len(lacking), of_personas, 1.0),
    "criteria signed": (int((rules["verdict"] == "signed by both").sum()), len(rules), 1.0),
    "agreed account list": (int(wanted), int(either), overlap_needed),
    "message for each persona": (*checklist.covered_personas(personas, "messages", book.read("messages"), book.as_of), 1.0),
    "content for each persona": (*checklist.covered_personas(personas, "content", book.read("content"), book.as_of), 1.0),
    "plan for each top account": (
        int(tier_1.isin(joint_team.running(items, book.as_of)["account_id"]).sum()), len(tier_1), 1.0
    ),
    "hand-overs answered": (int(mature["accepted_at"].notna().sum()), len(mature), 1.0),
    "objectives frozen": (int((aims["state"] == "frozen").sum()), len(aims), 1.0),
    "accounts held back": (int(groups.basis == "experiment"), int(groups.basis == "experiment"), 1.0),
}  # fmt: skip
entered_on = book.overview().set_index("table")["last_day"]
to_agree = "a vote after both teams signed the criteria" * (gate.unsigned + gate.late > 0 and len(both) > 0)
steps = checklist.checklist(book.read("readiness"), team, done, entered_on, book.as_of, score_days, to_agree)
book.measure(checklist.checklist_rows(steps))
expected = steps[steps["item"].isin(list(checklist.ITEMS))]
say.words(say_framework.steps(expected))

# %%
columns = ["step", "item", "acts", "function_hours", "done", "last_entry", "lacks"]
show.table(expected[columns], "The five steps, item by item", rows=show.LISTED)

# %% [markdown] tags=["fold"]
# ## Readiness
# The team scores itself, and only the team can check the scores. Evidence is what was entered beside the score.

# %% tags=["finding"]
scored = steps[steps["score"].notna()]
unknown = steps.loc[steps["score"].isna() & steps["lacks"].str.contains("a score"), "item"].tolist()
say.words(*say_framework.scores(scored, len(framework.CHECKLIST), unknown, score_days))

# %%
columns = ["item", "score", "change", "scored_on", "age_days", "scored_by", "evidence", "owner"]
show.table(scored[columns], "Readiness scores", rows=show.LISTED)

# %% [markdown]
# ## What sales hears from customers
# Sales feedback as a source of new markets: which themes grow, where they come up more often, and which accounts there nobody has
# considered for the list: not listed, not voted on, not left out, and not held back.

# %% tags=["finding"]
heard = book.read("sales_feedback")
newest, themes = feedback.themes(heard, book.as_of, feedback_months)
by_segment = feedback.segments(heard, accounts["industry"], listed.index)
book.measure(feedback.feedback_rows(newest, themes, by_segment)) if len(themes) else None
of_market = by_segment[by_segment["theme"] == market_theme.lower()]
money = book.features(["open_amount", "revenue_12m"]).set_index("account_id")
looked_at = pd.Index(pd.concat([t["account_id"] for t in (tiers, ballots, book.read("experiments"))]).unique())
alike = feedback.look_alikes(of_market, heard, accounts, money, looked_at)
say.words(
    say_framework.stands_out(by_segment[by_segment["more_often"].astype(bool)], LEVEL),
    say_framework.trends(themes, say.during(newest.start, newest.end)),
    say_framework.not_listed(alike, book.currency),
)

# %%
columns = ["theme", "named", "heard", "share", "named_before", "heard_before", "share_before", "trend"]
note = f"Accounts with a note: {say.span(newest.start, newest.end)}, and as many days before."
show.table(themes[columns], "Themes of sales", note=note * (len(themes) > 0))

# %%
columns = ["segment", "accounts", "listed", "heard", "named", "raw", "shrunk", "low", "high", "elsewhere", "of_heard"]
show.table(of_market[columns], f"Accounts by industry where sales noted: {market_theme}", rows=10)

# %%
look = alike.join(accounts[["name", "owner_id"]], on="account_id")
columns = ["name", "owner_id", "industry", "named", "open_amount", "revenue_12m"]
title = "Never considered for the list, in the industry of the new market"
show.table(look[columns], title, book.currency, rows=show.LISTED)

# %% [markdown] tags=["fold"]
# ## Log of hand-overs
# What marketing handed over to sales, the newest first, with the owner of the account today.

# %%
log = alignment.hand_over_log(sent).join(accounts[["name", "owner_id"]], on="account_id")
columns = ["name", "owner_id", "sent_day", "accepted_day", "first_touch_day", "brief_read"]
show.table(log[columns], "Hand-overs, the newest first", rows=show.LISTED)

# %% [markdown] tags=["fold"]
# ## Goals shared with the customer
# A shared goal commits both sides; the customer may not even know a goal that is only ours.

# %% tags=["finding"]
goals = book.measure(alignment.joint_goal_rows(book.read("account_goals"), listed.index))
say.words(say_framework.goals_shared(*(row for _, row in goals.iterrows())))

# %%
show.measures(goals, "Joint goals", book.currency) if goals["value"].notna().any() else None

# %% [markdown] tags=["fold"]
# ## How far the votes agree
# Kappa subtracts the agreement of random votes: if nearly all accounts are voted in, the overlap can be large and kappa small.

# %%
show.measures(agreement[agreement["group_by"] == "all"], "Agreement on the list", book.currency) if len(both) else None

# %%
show.table(by_account[["name", "owner_id", "votes", "differ"]], "All votes", rows=show.LISTED)

# %% [markdown] tags=["fold"]
# ## People and their work
# A person who works for several personas counts in each, with a part of the hours.

# %%
show.table(teams, "People by persona and function", values="count")

# %%
columns = ["person_id", "team", "function", "accountable_for", "plan_items", "actions_open", "actions_overdue"]
columns = [c for c in columns if work[c].astype(bool).any()]
show.table(work[columns], "Each person, with the work that waits", rows=show.LISTED)

# %% [markdown] tags=["fold"]
# ## Power, measure by measure
# Power is the chance to detect the rise that the programme hopes for. The correlation is that of the accounts' months with as
# many months before, which the comparison takes off; a dash: not known, or a share, and nothing is taken off. A rise is in
# proportion: large accounts rise by more.

# %%
note = f"Power: of a rise of {effect:.0%}. Smallest rise: detected with a chance of {POWER:.0%}. Level {LEVEL:.0%}."
show.table(detectable.effects_table(effects, book.currency), "Power, measure by measure", note=note)

# %% [markdown]
# ## What to decide

# %%
heads = "heads of sales and marketing"
book.decide(
    "pass_the_gate",
    kind="programme",
    text=f"{sign[0].upper()}{sign[1:]}; until then every list of accounts is a draft",
    owner=framework.accountable(team, framework.CHECKLIST["criteria signed"]) or heads,
    due=str(two_weeks.date()),
    reason=lacks,
    only_if=not gate.passed,
    would_change="signatures of both teams before the vote"
    + f", votes of both teams on {gate.voted_needed:.0%} of the list or more" * (not gate.heard)
    + f", and an overlap of {overlap_needed:.0%} or more" * (not overlap[0] >= overlap_needed),
)
book.decide(
    "write_down_aims",
    kind="programme",
    text="Write down the objectives of the account-based programme, and freeze them before the first account enters",
    owner=heads,
    due=str(two_weeks.date()),
    only_if=aims.empty,
    would_change="a decision to run it without objectives, and so without a verdict",
)
entered_by_whom = of_aims["entered_by"]
book.decide(
    "freeze_objectives",
    kind="programme",
    text="Freeze each draft objective of the account-based programme; replace each changed one by a new one, with its reason",
    owner=say.named(entered_by_whom[unfrozen].unique()),
    due=str(two_weeks.date()),
    reason=say_framework.aims_frozen(aims["state"]),
    only_if=bool(unfrozen.any()),
    would_change="a programme that nobody will be asked to judge",
)
book.decide(
    "promise_what_can_be_seen",
    kind="programme",
    text="Do not report these rises as proven: judge later, or compare more accounts, half of them held back",
    owner=say.named(entered_by_whom[undetected].unique()),
    due=str(month.date()),
    reason=say_framework.too_small(rises[undetected]) if undetected.any() else "",
    only_if=bool(undetected.any()),
    would_change="a longer horizon, a longer list, or a measure with less random variation",
)

# %%
book.decide(
    "settle_votes",
    kind="programme",
    text=say_framework.in_vote(
        "Settle the accounts on which sales and marketing vote differently", gate.passed, two_weeks
    ),
    accounts=apart["account_id"],
    reason=apart.set_index("account_id")["votes"],
    owner=accounts["owner_id"],
    due=str(two_weeks.date()),
    would_change="one team changing its vote, with a reason",
)
book.decide(
    "answer_hand_overs",
    kind="sell",
    text="Accept or return the accounts that marketing handed over and sales has not answered",
    accounts=waiting.sort_values().index,
    reason="waits for " + days_waiting.astype("str") + " days, since " + waiting.map(say.day).astype("str"),
    owner=accounts["owner_id"],
    due=str(week.date()),
    would_change="an answer that was not entered",
)
book.decide(
    "settle_entries",
    kind="data",
    text="Settle conflicting entries of the programme: enter the agreed value, and name in supersedes the entries it replaces",
    owner=say.named(pd.unique(disputed[["earlier_by", "later_by"]].to_numpy().ravel())),
    reason=f"{say.count(len(disputed), 'value differs', 'values differ')} between entries of two people",
    only_if=len(disputed) > 0,
    due=str(two_weeks.date()),
    would_change="an entry that replaces the others",
)

# %% tags=["decide"]
book.decide(
    "find_people_for_functions",
    kind="programme",
    text="Find people for the marketing functions that the teams for personas lack",
    owner=framework.accountable(team) or heads,
    due=str(month.date()),
    reason=f"{len(lacking):,} of {say.count(of_personas, 'persona team')} lack one or more of {', '.join(functions)}",
    only_if=len(lacking) > 0,
    would_change="a persona that the programme gives up",
)
book.decide(
    "shorten_the_list",
    kind="programme",
    text="Shorten the list of target accounts or find more hours: they need more hours than the teams have",
    owner=heads,
    due=str(month.date()),
    reason=f"{needed:,.0f} hours a month are needed, {available:,.0f} available",
    only_if=bool(used > 1),
    would_change="fewer hours per account, agreed with the team",
)
bare = int(expected["owner"].isna().sum())
book.decide(
    "name_who_is_accountable",
    kind="programme",
    text="Name an accountable person for each item of the five steps of the programme",
    owner=heads,
    due=str(month.date()),
    reason=f"nobody is accountable for {bare:,} of {say.count(len(expected), 'item')}",
    only_if=bare > 0,
    would_change="an item that does not apply here",
)
unled = highest[highest["lacks"].notna() & team["account_id"].notna().any()].set_index("account_id")
book.decide(
    "complete_account_teams",
    kind="programme",
    text="Complete the team of each of these accounts: one accountable person, and people of both sales and marketing",
    accounts=unled.index,
    reason="lacks " + unled["lacks"],
    owner=accounts["owner_id"],
    due=str(two_weeks.date()),
    would_change="a name that was not entered",
)
market = alike.set_index("account_id")
trades = (market[["open_amount", "revenue_12m"]] > 0).any(axis=1)
book.decide(
    "vote_on_new_market",
    kind="programme",
    text=say_framework.in_vote(
        "Vote on these accounts too, as sales hears of a new market in their industry more often than elsewhere",
        gate.passed,
        two_weeks,
    ),
    accounts=market.index,
    reason=market["industry"]
    + np.where(market["named"], ", sales noted it there", np.where(trades, ", trades with us", ", new to us")),
    owner=accounts["owner_id"],
    due=str(two_weeks.date()),
    would_change="an industry that the programme does not want",
)
book.decide(
    "hold_accounts_back",
    kind="programme",
    text=say_holdout.advice(
        promised, int((lots["arm"] == "holdout").sum()), len(free), FLOOR_OUTCOMES, holdout_months, design, most
    ),
    owner=heads,
    due=str(two_weeks.date()),
    reason=say_holdout.reason(promised, len(free), FLOOR_OUTCOMES, holdout_months, design, most),
    only_if=not draw and not ran["running"].any() and own_list["status"] == "ok",
    would_change="a programme of which nobody will ask what it brought",
)
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("02_framework", plan)
book.write("02_checklist", steps)
book.write("02_team", work)
book.write("02_look_alikes", alike)
