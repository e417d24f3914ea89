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
# **Needs** accounts. **Reads** nothing earlier. **Writes** `02_framework`. **Run** before the programme starts, then
# quarterly.
#
# Most of this page is what people agreed, so people enter it by hand: each section names the file to fill. The last section
# needs no entries: it estimates random variation from past data.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
overlap_needed: float = 0.8  # overlap of the lists of sales and marketing that the programme needs to proceed
response_days: int = 14  # days within which sales answers a hand-over
market_theme: str = "new market"  # theme under which sales notes a market to enter
functions: list[str] = ["creative", "analytics", "technology", "communications", "digital"]  # each persona's team needs
hours_per_account: list[float] = [16.0, 6.0, 1.0]  # hours a month that an account of tier 1, 2 and 3 needs
horizons: list[int] = [3, 6, 12]  # months after which an effect is to be judged
effect: float = 0.2  # rise that the programme hopes for, share of the baseline
edit: bool = False  # in JupyterLab: show a form for one of the files below
form: str = "objectives"  # the file the form is for
entered_by: str = ""  # who fills the form
planned: int = 100  # accounts on the future list, if none is entered yet

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
# What people have entered for the framework. A section without entries says which file to fill.

# %%
book = Book.open(data, as_of=as_of, tables=tables, overlap_needed=overlap_needed)
book.need("accounts", writes=["02_framework"])
accounts = book.read("accounts").set_index("account_id")
files = framework.inputs(book.overview())
show.table(files, "Entries by file")

# %%
say.filled(files)

# %%
forms.entry(book.programme, form, entered_by=entered_by, edit=edit)

# %% [markdown]
# If two people enter different values and neither entry replaces the other, they disagree. The later entry holds until they
# have agreed.

# %%
disputed = book.conflicts("objectives", "criteria", "readiness", "account_tiers", "team", "account_goals", "list_votes")
show.table(
    disputed[["table", "key", "column", "earlier", "earlier_by", "later", "later_by"]],
    "Conflicting entries",
    note="" if len(disputed) else "No entries conflict.",
)

# %%
tiers, aims_entered, votes = book.read("account_tiers"), book.read("objectives"), book.read("list_votes")
listed = framework.tiers_on(tiers, book.as_of)
start = framework.programme_start(tiers, book.read("campaign_accounts"))
say.begun(start, len(listed))

# %% [markdown]
# ## The goal tree
# From the goals of sales to the tactics of marketing and their measures. An aim can judge the programme only if it was
# frozen before the first account entered, and not changed since. The last section says whether its rise can be detected.

# %%
aims = framework.objectives(aims_entered, start)
book.measure([framework.objective_row(aims)])
show.table(aims, "Sales goals, tactics and measures", note=say.to_fill(len(aims), "objectives"))

# %% [markdown]
# A changed aim may be a better aim, but it can no longer prove the programme.

# %%
changed = framework.changed_objectives(aims_entered)
unchanged = "No frozen objective was changed." if changed.empty else ""
show.table(changed, "Changed after freezing", note=unchanged)

# %% [markdown]
# ## What sales hears from customers
# Sales feedback as a source of new markets: the industries it names, and how many accounts of each are in the programme.

# %%
markets = alignment.market_feedback(book.read("sales_feedback"), accounts["industry"], listed.index, market_theme)
show.table(
    markets,
    f"Accounts where sales noted: {market_theme}",
    rows=10,
    note="" if len(markets) else "The source has no sales_feedback: export it.",
)

# %% [markdown]
# If sales names an industry often and the list has few of its accounts, discuss it with sales and marketing. If the
# intervals of two industries overlap, the difference between them may be chance.

# %% [markdown]
# ## Criteria and signatures
# How accounts are chosen, the weight of each criterion, and who signed it. A signature is valid only for the weight that was
# signed.

# %%
rules = framework.criteria(book.read("criteria"), votes["entered_at"].min())
book.measure([framework.criteria_row(rules)])
show.table(rules, "Selection criteria", note=say.to_fill(len(rules), "criteria"))

# %% [markdown]
# The programme may proceed under three conditions: both teams signed every criterion, they signed before the vote, and the two
# lists overlap enough.

# %%
both = alignment.newest_round(alignment.votes_by_team(votes))
agreed = book.measure(alignment.agreement_by_round(alignment.votes_by_team(votes)))
gate = framework.selection_gate(rules, agreed["value"].iloc[0], overlap_needed)
book.measure([framework.gate_row(gate)])
verdict = say.gate(gate.passed, gate.criteria, gate.unsigned, gate.late, gate.overlap, gate.overlap_needed)
verdict

# %% [markdown]
# ## One list
# Accounts by the votes of sales and of marketing in the newest round.

# %%
fig, ax = plt.subplots(figsize=(5, 3.2))
plots.grid(alignment.vote_counts(both), ax, "vote of marketing", "vote of sales")

# %% [markdown]
# On the diagonal the teams agree. Each cell also shows its share of the row.

# %%
show.measures(agreed[agreed["group_by"] == "all"], "Agreement on the list", book.currency)

# %% [markdown]
# Overlap: accounts that both want ÷ accounts that at least one wants. Kappa subtracts the agreement of random votes: if
# nearly all accounts are voted in, the overlap can be large and kappa small.

# %%
apart = alignment.disagreements(both, accounts["name"])
show.table(apart, "Votes to settle", rows=20, note=say.to_fill(len(both), "list_votes"))

# %% [markdown]
# ## After the hand-over
# What sales does with the accounts that marketing hands over. Hand-overs too recent for an answer are a line of their own,
# and open ones count with their hours so far. Entered in `programme/hand_overs.csv`.

# %%
sent = book.read("hand_overs")
handed = alignment.hand_over_rows(sent, book.as_of, book.settings.time_zone, response_days)
show.measures(book.measure(handed), "Hand-overs", book.currency)

# %% [markdown]
# ## Goals shared with the customer
# A shared goal commits both sides; the customer may not even know a goal that is only ours. Entered in
# `programme/account_goals.csv`.

# %%
goals = alignment.joint_goal_rows(book.read("account_goals"), listed.index)
show.measures(book.measure(goals), "Joint goals", book.currency)

# %% [markdown]
# ## Tiger teams
# One team per persona, with someone from every marketing function. Cells count people. A person who works for several
# personas counts in each, with a part of the hours.

# %%
personas = book.read("personas")
people = tiger_teams.roster(book.read("team"), personas)
teams = tiger_teams.matrix(people, personas, functions)
show.table(teams, "People by persona and function", note=say.to_fill(len(people), "team", "personas"), values="count")

# %%
lacking = tiger_teams.gaps(teams, functions)
show.table(lacking, "What each team lacks")

# %% [markdown]
# Hours count each person once. The hours an account needs are a parameter of this page: agree them with the team.

# %%
hours = tiger_teams.capacity(people, listed, hours_per_account)
show.table(hours, "Hours a month")

# %% [markdown]
# ## Ready to grow
# What must be in place before the programme grows, who is accountable, and how old the score is. The team scores itself, and
# only the team can check the scores.

# %%
steps = framework.readiness(book.read("readiness"), book.read("team"), book.as_of)
book.measure(framework.readiness_rows(steps))
show.table(steps, "Readiness", note=say.to_fill(int(steps["score"].notna().sum()), "readiness"))

# %% [markdown]
# ## How old the programme is
# An account-based programme needs time. Accounts are counted by the months since they entered it.

# %%
since = framework.entry_days(tiers)
show.table(
    framework.accounts_by_age(since, book.as_of),
    "Accounts by age in the programme",
    note=say.to_fill(len(since), "account_tiers"),
)

# %%
ready = framework.horizon_status(since, book.as_of, horizons)
book.measure(framework.horizon_rows(ready))
show.table(ready, "Can it be judged yet?")

# %% [markdown]
# ## Which effects can we detect?
# Before anyone claims an effect: with this number of accounts and the random variation of the past, which rise is larger than
# chance? Counts and money are compared after taking off what each account's own past predicts, shares as they are.

# %%
deals = with_days(book.read("opportunities"), book.as_of)
bought = book.panel("transactions", per="day", sums=["revenue"])
facts = detectable.outcome_facts(deals, bought, book.panel("activities", ["direction"], per="day"))
groups = detectable.compared_groups(book.read("experiments"), tiers, accounts.index, book.as_of, planned)
say.comparison(groups.basis, groups.treated, groups.held, groups.own_past, groups.start - detectable.DAY)

# %%
found = detectable.effects(facts, groups, accounts["created_day"], horizons, effect)
book.measure(detectable.effect_rows(found))

fig, ax = plt.subplots(figsize=(7.2, 3.2))
plots.detectable(found[found["status"] == "ok"], effect, ax)

# %% [markdown]
# A mark is the smallest rise that this comparison detects, with the chance in the next sentence. The dashed line is the rise
# that the programme hopes for. If a mark is right of the line, the comparison would often miss such a rise.

# %%
say.seen(found.groupby("verdict").size().to_dict(), effect, POWER)

# %%
show.table(
    detectable.effects_table(found, book.currency),
    "Power, measure by measure",
    note=f"Power: chance to detect a rise of {effect:.0%}. Smallest rise: detected with a chance of {POWER:.0%}. Level {LEVEL:.0%}. "
    "Correlation: of the accounts' months with as many months before, which the comparison takes off; a dash: not known, or a "
    "share, and nothing is taken off. A rise is in proportion: large accounts rise by more.",
)

# %%
plan = framework.with_effects(aims, found)
show.table(
    framework.promised_effects(plan, found),
    "Rises that the objectives ask for, and rises that can be detected",
    note=say.to_fill(len(plan), "objectives"),
)

# %% [markdown]
# "Cannot be seen" does not mean that there is no effect. It means that this programme cannot detect it: a report that claims
# it would be guessing.

# %% [markdown]
# ## What to decide

# %%
team = book.read("team")
undetected = plan.loc[plan["could_be_seen"].eq(False), "objective_id"]
book.decide(
    "pass_the_gate",
    kind="programme",
    text=f"Let both teams sign every criterion, then vote on the list{' again' * (len(votes) > 0)}; until then every list is a draft",
    owner=framework.accountable(team, framework.CHECKLIST["criteria signed"]),
    due=str((book.as_of + pd.Timedelta(days=14)).date()),
    reason=str(verdict),
    only_if=not gate.passed,
    would_change=f"signatures of both teams before the vote, and an overlap of {overlap_needed:.0%} or more",
)
book.decide(
    "write_down_aims",
    kind="programme",
    text="Write down the aims of the programme, and freeze them before the first account enters",
    only_if=aims.empty,
    would_change="a decision to run it without aims, and so without a verdict",
)
book.decide(
    "freeze_objectives",
    kind="programme",
    text="Freeze each draft objective; enter a new one, with its reason, for each changed one",
    only_if=bool(aims["state"].isin(["draft", "changed"]).any()),
    would_change="a programme that nobody will be asked to judge",
)
book.decide(
    "promise_what_can_be_seen",
    kind="programme",
    text="Promise only what can be detected: aim higher, judge later, or compare more accounts, half of them held back",
    reason=f"not detected: {say.named(undetected)}",
    only_if=len(undetected) > 0,
    would_change="a longer horizon, a longer list, or a measure with less random variation",
)

# %%
waiting = alignment.unanswered_accounts(alignment.mature_hand_overs(sent, book.as_of, response_days))
book.decide(
    "settle_votes",
    kind="programme",
    text="Settle the votes that differ before tiers are set",
    accounts=apart["account_id"],
    reason=("sales " + apart["sales"] + ", marketing " + apart["marketing"]).set_axis(apart["account_id"]),
    owner=accounts["owner_id"],
    would_change="one team changing its vote, with a reason",
)
book.decide(
    "answer_hand_overs",
    kind="sell",
    text="Accept or return the hand-overs that nobody has answered",
    accounts=waiting.index,
    reason="handed over on " + waiting.dt.strftime("%Y-%m-%d"),
    owner=accounts["owner_id"],
    would_change="an answer that was not entered",
)

book.decide(
    "settle_entries",
    kind="data",
    text="Settle conflicting entries: enter the agreed value, and name in supersedes the entries it replaces",
    only_if=len(disputed) > 0,
    would_change="an entry that replaces the others",
)

# %% tags=["decide"]
book.decide(
    "find_people_for_functions",
    kind="programme",
    text="Find people for the functions that persona teams lack",
    only_if=len(lacking) > 0,
    would_change="a persona that the programme gives up",
)
book.decide(
    "shorten_the_list",
    kind="programme",
    text="Shorten the list or find more hours: its accounts need more hours than the teams have",
    only_if=bool(hours["used"].iloc[-1] > 1),
    would_change="fewer hours per account, agreed with the team",
)
book.decide(
    "name_who_is_accountable",
    kind="programme",
    text="Name an accountable person for each step of the checklist",
    only_if=bool(steps.loc[steps["expected"], "owner"].isna().any()),
    would_change="a step that does not apply here",
)
book.decide(
    "wait_before_judging",
    kind="programme",
    text="Wait with the judgement until enough accounts have been in the programme long enough",
    only_if=bool((ready["status"] == "too_early").any()),
    would_change="accounts that joined earlier than entered here",
)
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("02_framework", plan)
