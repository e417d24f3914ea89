# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 Framework: what do we aim for, measured how, chosen how, agreed by whom, and what effect could we even see?
#
# **Decision.** Whether the programme may proceed: aims frozen, criteria signed, the list agreed, teams and hours there;
# and what it may promise, given what a programme of this size could ever show.
#
# **Needs** accounts. **Reads** nothing earlier. **Writes** `02_framework`. **Run** before the programme starts, then
# quarterly.
#
# Most of this page is what people agreed, so it is entered and not exported: each section names the file to fill. The
# last section needs no agreement, for it asks the past how much chance alone moves the numbers.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
overlap_needed: float = 0.8  # overlap of the lists of sales and marketing with which the programme may proceed
response_days: int = 14  # days within which sales answers a hand-over
market_theme: str = "new market"  # theme under which sales notes a market to enter
functions: list[str] = ["creative", "analytics", "technology", "communications", "digital"]  # each persona's team needs
hours_per_account: list[float] = [16.0, 6.0, 1.0]  # hours a month that an account of tier 1, 2 and 3 needs
horizons: list[int] = [3, 6, 12]  # months after which an effect is to be judged
effect: float = 0.2  # rise that is hoped for, share of the baseline
edit: bool = False  # in JupyterLab: show a form for one of the files below
form: str = "objectives"  # the file the form is for
entered_by: str = ""  # who fills the form
planned: int = 100  # accounts of the list to be, where none is entered yet

# %%
import matplotlib.pyplot as plt
import pandas as pd

from abmlib.method import alignment, detectable, framework, tiger_teams
from abmlib.method.deals import with_days
from abmlib.pages import forms, plots, say, show
from abmlib.stats.intervals import LEVEL
from abmlib.stats.power import POWER
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load and check
# What people have entered of the framework. A file without entries leaves its section empty, and says so.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", writes=["02_framework"])
accounts = book.read("accounts").set_index("account_id")
files = framework.inputs(book.overview())
show.table(files, "What is entered")

# %%
say.filled(files)

# %%
forms.entry(book.programme, form, entered_by=entered_by, edit=edit)

# %% [markdown]
# Two people who enter different things without saying that one replaces the other disagree. The later entry stands until
# they have talked.

# %%
disputed = book.conflicts("objectives", "criteria", "readiness", "account_tiers", "team", "account_goals", "list_votes")
show.table(
    disputed[["table", "key", "column", "earlier", "earlier_by", "later", "later_by"]],
    "Entered differently",
    note="" if len(disputed) else "No two people have entered different things.",
)

# %%
tiers, aims_entered, votes = book.read("account_tiers"), book.read("objectives"), book.read("list_votes")
listed = framework.tiers_on(tiers, book.as_of)
start = framework.programme_start(tiers, book.read("campaign_accounts"))
say.begun(start, len(listed))

# %% [markdown]
# ## The goal tree
# From what sales want, over what marketing does for it, to the measure that tells. An aim can be judged by only if it was
# frozen before the first account entered, and left alone since. Where its measure is one of the last section, that
# section says whether its rise could be seen.

# %%
aims = framework.objectives(aims_entered, start)
book.measure(pd.DataFrame([framework.objective_row(aims)]))
show.table(aims, "Sales goals, tactics and measures", note=say.to_fill(len(aims), "objectives"))

# %% [markdown]
# A changed aim stands here with what it was before. It may be a better aim, but it can no longer prove the programme.

# %%
moved = framework.changed_objectives(aims_entered)
none = "No frozen objective was changed." if moved.empty else ""
show.table(moved, "Changed after freezing", note=none)

# %% [markdown]
# ## What sales hears
# Sales feedback as a source of new markets: in which industries it was noted, beside how many accounts of them are in the
# programme.

# %%
markets = alignment.market_feedback(book.read("sales_feedback"), accounts["industry"], listed.index, market_theme)
show.table(
    markets,
    f"Accounts of which sales noted: {market_theme}",
    rows=10,
    note="" if len(markets) else "The source has no sales_feedback: export it.",
)

# %% [markdown]
# An industry named often and hardly listed is a question to sales and marketing together. Where the lines of two
# industries overlap, neither is named more often than the other beyond chance.

# %% [markdown]
# ## Criteria and signatures
# How accounts are chosen, what each criterion counts for, and who signed it as it stands. A signature under an earlier
# weight does not hold for a later one.

# %%
rules = framework.criteria(book.read("criteria"), votes["entered_at"].min())
book.measure(pd.DataFrame([framework.criteria_row(rules)]))
show.table(rules, "Selection criteria", note=say.to_fill(len(rules), "criteria"))

# %% [markdown]
# The gate asks for three things: every criterion signed by both teams, no signature younger than the vote, and enough of
# the two lists in common.

# %%
both = alignment.newest_round(alignment.votes_by_team(votes))
agreed = book.measure(alignment.agreement_by_round(alignment.votes_by_team(votes)))
gate = framework.selection_gate(rules, agreed["value"].iloc[0], overlap_needed)
say.gate(gate.passed, gate.criteria, gate.unsigned, gate.late, gate.overlap, gate.overlap_needed)

# %% [markdown]
# ## One list
# Each account by the vote of sales and of marketing in the newest round.

# %%
fig, ax = plt.subplots(figsize=(5, 3.2))
plots.grid(alignment.vote_counts(both), ax, "vote of marketing", "vote of sales")

# %% [markdown]
# What lies on the diagonal is agreed. Each cell also says which share of its row it is.

# %%
show.measures(agreed[agreed["group_by"] == "all"], "Agreement on the list", book.currency)

# %% [markdown]
# Overlap is what both want of what either wants. Kappa takes off what two teams voting at random would agree on: with
# nearly everything voted in, a large overlap can go with a small kappa.

# %%
apart = alignment.disagreements(both, accounts["name"])
show.table(apart, "To be settled", rows=20, note=say.to_fill(len(both), "list_votes"))

# %% [markdown]
# ## Handed over, and then
# What becomes of an account that marketing hands to sales. Those too young to have been answered are counted apart, and
# hours count who still waits as waiting, so that silence does not look fast. Entered in `programme/hand_overs.csv`.

# %%
sent = book.read("hand_overs")
handed = alignment.hand_over_rows(sent, book.as_of, book.settings.time_zone, response_days)
show.measures(book.measure(pd.DataFrame(handed)), "Hand-overs", book.currency)

# %% [markdown]
# ## Goals owned together
# A goal that the customer owns with us binds both; one that is only ours may be news to them. Entered in
# `programme/account_goals.csv`.

# %%
goals = alignment.joint_goal_rows(book.read("account_goals"), listed.index)
show.measures(book.measure(pd.DataFrame(goals)), "Joint goals", book.currency)

# %% [markdown]
# ## Tiger teams
# One team per persona, with someone from every marketing function. Cells count people; who works for several personas
# stands in each, and their hours are shared out.

# %%
personas = book.read("personas")
people = tiger_teams.roster(book.read("team"), personas)
teams = tiger_teams.matrix(people, personas, functions)
show.table(teams, "People by persona and function", note=say.to_fill(len(people), "team", "personas"), values="count")

# %%
lacking = tiger_teams.gaps(teams, functions)
show.table(lacking, "What each team lacks")

# %% [markdown]
# Hours count each person once. What an account needs is a parameter of this page, and worth a talk with the team.

# %%
hours = tiger_teams.capacity(people, listed, hours_per_account)
show.table(hours, "Hours a month")

# %% [markdown]
# ## Ready to grow
# What must be in place before the programme grows, who answers for it, and how old the answer is. Scores are the team's
# own; nobody but the team can check them.

# %%
steps = framework.readiness(book.read("readiness"), book.read("team"), book.as_of)
book.measure(pd.DataFrame(framework.readiness_rows(steps)))
show.table(steps, "Readiness", note=say.to_fill(int(steps["score"].notna().sum()), "readiness"))

# %% [markdown]
# ## How old the programme is
# An account-based programme needs time. Accounts are counted by the months since they entered it, not by the calendar.

# %%
since = framework.entry_days(tiers)
show.table(
    framework.accounts_by_age(since, book.as_of),
    "Accounts by age in the programme",
    note=say.to_fill(len(since), "account_tiers"),
)

# %%
ripe = framework.horizon_status(since, book.as_of, horizons)
book.measure(pd.DataFrame(framework.horizon_rows(ripe)))
show.table(ripe, "May it be judged yet?")

# %% [markdown]
# ## What effect could we even see
# Before anything is claimed: with so many accounts, and numbers that jump as these did before, which rise would be told
# from chance?

# %%
deals = with_days(book.read("opportunities"), book.as_of)
bought = book.panel("transactions", per="day", sums=["revenue"])
happened = detectable.outcome_facts(deals, bought, book.panel("activities", ["direction"], per="day"))
groups = detectable.compared_groups(book.read("experiments"), tiers, accounts.index, book.as_of, planned)
say.comparison(groups.basis, groups.treated, groups.held, groups.own_past, groups.start - detectable.DAY)

# %%
seen = detectable.effects(happened, groups, accounts["created_day"], horizons, effect)
book.measure(detectable.effect_rows(seen))

fig, ax = plt.subplots(figsize=(7.2, 3.2))
plots.detectable(seen[seen["status"] == "ok"], effect, ax)

# %% [markdown]
# A mark is the smallest rise that such a comparison would find, with the chance the next sentence says; the dashed line
# is the rise that is hoped for. Where a mark lies right of it, such a rise would too often go unfound, even if it is there.

# %%
say.seen(seen.groupby("verdict").size().to_dict(), effect, POWER)

# %%
show.table(
    detectable.effects_table(seen, book.currency),
    "Power, measure by measure",
    note=f"Power: to find a rise of {effect:.0%}. Smallest rise: found with a chance of {POWER:.0%}. Level {LEVEL:.0%}. Correlation: of a mean with the months before, where they are known and taken into account.",
)

# %%
plan = framework.with_effects(aims, seen)
show.table(
    framework.promised_effects(plan),
    "What the objectives ask for, beside what could be seen",
    note=say.to_fill(len(plan), "objectives"),
)

# %% [markdown]
# "Cannot be seen" does not say that there is no effect. It says that this programme could not tell it from none, and that
# a report which claims it anyway would be guessing.

# %% [markdown]
# ## What to decide

# %%
book.decide(
    "write_down_aims",
    text="Write down what the programme aims for, and freeze it before the first account enters",
    only_if=aims.empty,
    would_change="a decision to run it without aims, and then without a verdict",
)
book.decide(
    "freeze_objectives",
    text="Freeze each objective that is a draft; enter a new one, with its reason, for each that was changed",
    only_if=bool(aims["state"].isin(["draft", "changed"]).any()),
    would_change="a programme that nobody will be asked to judge",
)
book.decide(
    "promise_what_can_be_seen",
    text="Promise what can be seen: aim higher, hold back more accounts or judge later where an objective asks for less",
    only_if=bool((~plan["could_be_seen"].astype("boolean")).fillna(False).any()),
    would_change="a longer horizon, a longer list, or a measure that jumps less",
)

# %%
book.decide(
    "sign_criteria",
    text="Have both teams sign every criterion, and vote again on what was voted on before",
    only_if=not gate.passed,
    would_change=f"signatures of both teams, and an overlap of {overlap_needed:.0%} or more",
)
book.decide(
    "settle_votes",
    text="Settle the votes that differ before tiers are set",
    accounts=apart["account_id"],
    would_change="one team giving way, with its reason",
)
book.decide(
    "answer_hand_overs",
    text="Take up or send back the hand-overs that nobody has answered",
    accounts=alignment.unanswered_accounts(alignment.mature_hand_overs(sent, book.as_of, response_days)),
    would_change="an answer that was given and not entered",
)

book.decide(
    "settle_entries",
    text="Settle what was entered differently: enter the agreed value, and name in supersedes the entries it replaces",
    only_if=len(disputed) > 0,
    would_change="an entry that replaces the others",
)

# %% tags=["decide"]
book.decide(
    "find_people_for_functions",
    text="Find people for the functions that the teams of the personas lack",
    only_if=len(lacking) > 0,
    would_change="a persona that the programme gives up",
)
book.decide(
    "shorten_the_list",
    text="Shorten the list or find hours: its accounts need more than the teams have",
    only_if=bool(hours["used"].iloc[-1] > 1),
    would_change="fewer hours an account, agreed with who works for it",
)
book.decide(
    "name_who_is_accountable",
    text="Name who is accountable for each step of the checklist",
    only_if=bool(steps.loc[steps["expected"], "owner"].isna().any()),
    would_change="a step that does not apply here",
)
book.decide(
    "wait_before_judging",
    text="Do not judge what is too early: wait until enough accounts have been in the programme long enough",
    only_if=bool((ripe["status"] == "too_early").any()),
    would_change="accounts that entered earlier than was entered here",
)
say.decide(book.decisions, book.currency, accounts["name"])

# %%
book.write("02_framework", plan)
