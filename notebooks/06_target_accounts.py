# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 Target accounts: which accounts enter which tier, and do sales and marketing agree?
#
# **Decision.** Who is worked alone, in small groups and with many; on whom the teams must still agree; whom to leave.
#
# **Needs** accounts. **Reads** `01_cycles`, `04_propensity`, `04_back_test`, `05_opportunity_size`, `05_white_space`, `05_back_test`. **Writes**
# `06_target_accounts`. **Run** monthly.
#
# The list stays a draft on every page and in every file until sales and marketing agree on criteria and accounts.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
previous: str = ""  # folder of the tables of an earlier run, for what changed since
horizon_days: int = 182  # days within which an account does it or not
can_work: int = 30  # accounts that the team can work within the horizon, on each list
default_margin: float = 0.0  # margin as share of revenue where no cost is known; 0: leave it unknown
hour_cost: float = 80.0  # of an hour of sales or marketing, in the reporting currency
overlap_needed: float = 0.8  # overlap of the lists of sales and marketing that the programme needs to proceed
seats: list[int] = [10, 40, 100]  # most accounts of tier 1, 2 and 3
hours_per_account: list[float] = [16.0, 6.0, 1.0]  # hours a month that an account of tier 1, 2 and 3 needs
rise_by_tier: list[float] = [0.3, 0.15, 0.03]  # share of its worth that attention of each tier is assumed to add
hours_per_group: float = 12.0  # hours a month for the common work of one group of tier 2
fewest_in_group: int = 3  # accounts of an industry that make a group of tier 2
seats_per_owner: int = 4  # accounts of tier 1 that one owner can hold
team_hours: float = 0.0  # hours a month for the accounts of the list; 0: what the team table holds
spend_per_account: list[float] = [0.0, 0.0, 0.0]  # money within the horizon for an account of tier 1, 2 and 3
response_days: int = 14  # days within which sales answers a hand-over
budget: float = 0.0  # money within the horizon for all of them; 0: no limit
vote_days: int = 365  # days for which a vote on an account counts
just_bought_days: int = 90  # days after a deal signed in which an account counts as just bought
exclude: list[str] = []  # states such as just_bought that keep accounts off whatever the past says

# %%
import functools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import (
    alignment,
    coverage,
    cycle,
    cycle_deals,
    deals,
    exclusions,
    focus,
    framework,
    gate_trial,
    missed,
    motions,
    opportunity_size,
    orders,
    periods,
    readout,
    results,
    scorecard,
    target_list,
    worth,
)
from abmlib.pages import company_lists, plots, say, say_motions, say_targets, show, what_if
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book, past_run, programme

plots.style()

# %% [markdown]
# ## Load
# One row per account, as known on the day, with its chance and size of 05; the criteria, the votes, and the tiers in force.

# %%
book = Book.open(
    data, as_of=as_of, tables=tables, horizon_days=horizon_days, default_margin=default_margin, hour_cost=hour_cost,
    overlap_needed=overlap_needed, hours_per_account=hours_per_account, response_days=response_days, can_work=can_work,
)  # fmt: skip
book.need("accounts", writes=["06_target_accounts"])
accounts = book.read("accounts").set_index("account_id")
transactions, opportunities = book.read("transactions"), deals.with_days(book.read("opportunities"), book.as_of)
sized, back_test = book.earlier("05_opportunity_size").set_index("account_id"), book.earlier("05_back_test")
features = book.features().set_index("account_id").reindex(accounts.index)
criteria, ballots, tiers = book.read("criteria"), book.read("list_votes"), book.read("account_tiers")
last = past_run.load(previous, ["06_target_accounts"])["06_target_accounts"].set_index("account_id")
last = last[
    : len(last) if 2 * last.index.isin(accounts.index).sum() > len(last) else 0
]  # a run of other data is no earlier list

# %% [markdown]
# ## How the answer is made
# **Worth**: what is expected of an account within the horizon (chance × mean size, page 05), times its margin. The margin is the account's own,
# pulled towards that of all where it bought little. **Tiers** take the mean of its worth today and on past days: worth of one day is mostly of deals that are open
# then, and attention adds deals that are not open yet. Where nobody can say what accounts are worth, the scorecard ranks them; without one, what they brought so far.

# %%
rates, counts = worth.margin_rates(transactions, accounts.index, book.as_of, default_margin)
sized = sized.reindex(accounts.index)
worths = (sized["value"] * rates).rename("worth")
is_signed = bool(sized["what"].eq("wins").any())
bought_days = 0 if is_signed else horizon_days
of_past = worth.on_past_days(back_test, transactions, default_margin, counts, bought_days)
agreed_on = programme.latest_entries("criteria", criteria)
cards = scorecard.score(agreed_on, features)
steady = worth.steady(worths, of_past)
ranking, ranked_by = worth.ranked(steady, cards, features)
is_worth = ranked_by == "worth"

# %% [markdown]
# **Kept off**: accounts that just bought, are under a contract beyond the horizon, are expected to struggle, or show a red flag. Each is a belief about who
# does not buy: it keeps accounts off where the past bears it out, or where `exclude` says so; otherwise it is marked. Always off: whoever opted out, is held back in an experiment,
# or was voted out by both teams.

# %%
signed = framework.criteria(criteria, pd.NaT)
since = pd.Series([framework.signed_on(signed), book.as_of - pd.Timedelta(days=vote_days)]).max()
votes = alignment.standing_votes(ballots[ballots["account_id"].isin(accounts.index)], since)
both = votes.set_index("account_id").reindex(accounts.index)
on_day = features.reset_index().assign(day=book.as_of)
states = exclusions.known_states(on_day, exclusions.silence(transactions, on_day), just_bought_days, horizon_days)
states = states.set_index(accounts.index)
experiments = readout.experiments(book.read("experiments"), book.read("experiment_plans"), accounts.index)
held = readout.held_back(readout.running(experiments, book.as_of), book.as_of)["account_id"]
contacts = coverage.contact_states(book.read("contacts"), book.as_of)
states["opted_out"] = exclusions.opted_out(contacts, accounts.index)
states["held_back"], states["voted_out"] = (
    accounts.index.isin(held),
    (both[["sales", "marketing"]] == "out").all(axis=1),
)

then = book.history(sorted(of_past["day"].unique())) if len(of_past) else on_day.iloc[:0]
past = of_past.merge(then[["day", "account_id", *exclusions.FEATURES]], on=["day", "account_id"])
were = exclusions.known_states(past, exclusions.silence(transactions, past), just_bought_days, horizon_days)
judged = exclusions.tested(past, were, past["came"] > 0)
book.measure(exclusions.state_rows(judged))
kept_off = exclusions.first_state(states, judged, exclude)

# %% [markdown]
# **Tiers**: the choice in which all accounts together add most, after the cost of their hours, within the seats, the hours of the team, the budget and the
# seats of each owner. An account enters a tier only where it pays for its own hours. Tier 2 is worked in groups of one industry, which share their common work. A solver finds it; every limit is checked again,
# and the total is never below that of a simple rule.

# %%
team = programme.latest_entries("team", book.read("team")).drop_duplicates("person_id")
team_hours_there = team["capacity_hours"].sum() if len(team) else np.inf
cycles, lines = book.earlier("01_cycles"), orders.with_product_line(transactions, book.read("products"))
main = cycle.main_line(cycles, cycle.money_by_line(opportunities, lines))
of_cycle = main.set_index("account_id")["cycle"].reindex(accounts.index)
findings = programme.latest_entries("findings", book.read("findings"))
rises = worth.rises(findings, {"cycle": of_cycle, "industry": accounts["industry"]}, max(rise_by_tier))
candidates = pd.DataFrame({
    "worth": ranking, "rise": rises["rise"], "owner_id": accounts["owner_id"],
    "group": accounts["industry"] if accounts["industry"].notna().any() else "all",
})  # fmt: skip
rules = target_list.Rules(
    seats, hours_per_account, rise_by_tier, hours_per_group, fewest_in_group, seats_per_owner, team_hours or team_hours_there,
    hour_cost, horizon_days, budget or np.inf, spend_per_account, is_worth and counts == "margin",
)  # fmt: skip
may_enter = candidates[kept_off == ""]
tier, found = target_list.choose(may_enter, rules)
tier = tier.reindex(accounts.index, fill_value=target_list.NONE)
by_tier = target_list.by_tier(candidates.assign(worth=worths if is_worth else ranking), tier, rules)

# %% [markdown]
# **Agreed**: both teams signed every criterion, then voted on at least half of tiers 1 and 2, and want the same accounts. The last vote of each team on an
# account counts, of whatever round, until it is older than `vote_days` or than a signature. What both do not want stays a proposal. Tier 3 is not voted on.

# %%
worked = tier.index[tier.isin(["1", "2"])]
gate = framework.selection_gate(signed, votes, overlap_needed, worked, framework.LISTED_NEEDED)
wanted = (both[["sales", "marketing"]] == "in").all(axis=1)
in_force = framework.tiers_on(tiers, book.as_of).reindex(accounts.index).fillna(target_list.NONE)

# %% [markdown]
# ## Answer

# %% tags=["answer"]
listed = tier != target_list.NONE
order = candidates["worth"].where(listed).sort_values(ascending=False, kind="stable").dropna().index
many = max(len(worked), 10)  # accounts on the lists that are compared
lists = worth.past_lists(past, many)
own, whole = worth.curse(past, many)
does = "sign in new deals" if is_signed else "buy"
two_weeks, quarter = (str((book.as_of + pd.Timedelta(days=d)).date()) for d in (14, 91))
lacking = say.lacking(**vars(gate))
unvoted = worked[both.loc[worked, ["sales", "marketing"]].isna().any(axis=1) | (not gate.signed)]
promised = worths[worked].sum()
say.words(
    say_targets.the_list(
        by_tier,
        accounts["name"][order[:3]].tolist(),
        counts if is_worth else ranked_by,
        does,
        horizon_days,
        gate.passed,
        len(may_enter),
        may_enter["worth"].max(),
        rules.pays_from,
        book.currency,
    ),
    say_targets.realised(lists, own, whole, promised, counts, book.currency) * is_worth,
    say_targets.agreed(
        gate.passed,
        lacking,
        int(wanted[worked].sum()),
        len(worked),
        len(unvoted),
        gate.signed,
        say.day(pd.Timestamp(two_weeks)),
    ),
    say_targets.persuadable(rises, listed, max(rise_by_tier)) * is_worth,
)

# %%
drawn = book.read("experiments")
was_held = pd.Series(
    accounts.index.isin(drawn.loc[drawn["arm"] == "holdout", "account_id"]) & (kept_off == ""), accounts.index
)
marks = say_targets.marks(exclusions.marks(states, kept_off), was_held)
in_top = worth.draws(sized, worths, many)[1]
table = pd.DataFrame({
    "tier": tier, "list_state": "agreed" if gate.passed else "draft", "worth": worths, "worth_mean": steady, "worth_low": sized["value_low"] * rates, "worth_high": sized["value_high"] * rates, "worth_counts": counts, "margin_rate": rates, "rise": rises["rise"],
    "rise_by": rises["by"], "in_top": in_top.where(worths.notna()), "scorecard": cards, "named_by": scorecard.disagreements(steady, cards, many), "state": kept_off, "marks": marks,
    "deals_open": features["deals_open"], "group": candidates["group"].where(tier == "2"), "vote_sales": both["sales"], "vote_marketing": both["marketing"],
    "agreed": gate.passed & (wanted | (tier == "3")) & (tier != target_list.NONE), "tier_before": in_force, "change": target_list.change(in_force, tier), "owner_id": accounts["owner_id"], "set_on": book.as_of,
})  # fmt: skip
table["rank"] = steady.where(steady > 0).rank(ascending=False, method="first").astype("Int64")
by_mean = [rows.assign(worth=rows["worth_mean"]) for rows in (table, last)]
table["because"] = target_list.why(*by_mean) if len(last) else ""
table["tier_last_run"] = last["tier"].reindex(table.index) if len(last) else None
words = {s: w.format(days=just_bought_days) for s, w in (exclusions.STATES | exclusions.ALWAYS).items()}
table["reason"] = say_targets.reasons(
    table.join(sized[["chance", "size_quarter", "size_three_quarters"]]), counts, book.currency, words
)
assert not is_worth or np.isclose(by_tier["worth"].sum(), table.loc[listed, "worth"].sum()), "two worths of the list"

# %% [markdown]
# ## The list
# In the order of worth. Among the best: in how many of the ways it may come the account is among those that bring most, as many as tiers 1 and 2 hold.

# %% tags=["finding"]
say.words(
    say_targets.tier_line(
        by_tier, rules.team_hours, seats, found.by == "solver", rules.is_margin or not is_worth, book.currency
    )
)

# %%
columns = (
    list(by_tier)
    if rules.is_margin
    else ["tier", "accounts", "worth", "share_of_worth", "hours"]
    if is_worth
    else ["tier", "accounts", "hours"]
)
shown = by_tier[columns]
show.table(
    shown.rename(columns=say_targets.OF_TIERS),
    "The tiers: worth, what attention is taken to add, hours a month and cost",
    book.currency,
)

# %%
chance_name = "chance_to_sign" if is_signed else "chance_to_buy"
shown = table.loc[order].join(accounts["name"]).join(sized["chance"])
columns = [
    "name",
    "owner_id",
    "tier",
    "change",
    "worth_mean",
    "worth",
    "chance",
    "in_top",
    "deals_open",
    "scorecard",
    "vote_sales",
    "vote_marketing",
]
show.table(
    shown[columns].rename(columns={"in_top": "among_best", "chance": chance_name}),
    f"{say_targets.draft(gate.passed)}The target list",
    book.currency,
    rows=show.LISTED,
    file="06_target_accounts",
)

# %%
scored = book.earlier("04_propensity")
calls = scored[(scored["question"] == "opens") & (scored["rank"] <= can_work)]["account_id"]
say.words(
    say_targets.call_lists(
        len(calls),
        int(listed.reindex(calls).sum()),
        int((features.loc[order, "deals_open"].fillna(0) == 0).sum()),
        len(order),
    ),
    say_targets.files(
        company_lists.unaddressed(table[table["agreed"] | (not gate.passed)].reset_index(names="account_id"), accounts)
    ),
)

# %% [markdown]
# ## Would the list have been right?
# On past days, with what was known then: what the accounts worth most on that day were to bring, and what they brought. Without states, groups and seats.

# %% tags=["finding"]
start = lists["day"].min()
on_start = past[past["day"] == start].set_index("account_id", drop=False).rename_axis(None)
known = then[then["day"] == start].set_index("account_id").reindex(on_start.index)
simple = {
    "worth": on_start["worth"],
    "largest by revenue": known.get("revenue_12m"),
    "most expected, without margin": on_start["value"],
    "highest chance": on_start["chance"].rank(method="dense") + on_start["worth"].rank(pct=True) / 2,
    "scorecard": scorecard.score(agreed_on, known),
}
picks = worth.named_lists(on_start, simple, many)
after = pd.DataFrame({"revenue": on_start["came"], "margin": on_start["worth_came"]})
choices = gate_trial.compare_choices(picks, after) if "worth" in picks else pd.DataFrame({"accounts": []})
held_then = drawn.loc[(drawn["arm"] == "holdout") & (drawn["assigned_day"] <= start), "account_id"]
free = on_start[~on_start["account_id"].isin(held_then)]  # accounts held back by lot could be in no tier
forced = pd.Series(free.index.isin(framework.tiers_on(tiers, start).index), free.index)
rival = worth.named_lists(free, {"worth": free["worth"]}, int(forced.sum())) | {"tiers in force": forced}
in_force_then = (
    gate_trial.compare_choices(rival, after.loc[free.index])
    if len(rival) > 1 and forced.any()
    else pd.DataFrame({"accounts": []})
)
say.words(
    say_targets.lists_beside(choices, start, book.currency),
    say_targets.beside_force(in_force_then, counts, book.currency),
)

# %%
book.measure(worth.worth_rows(lists, own, whole))
show.table(
    lists.rename(columns=say_targets.OF_LISTS),
    "Lists of past days: promised and brought",
    book.currency,
    note=say_targets.in_top(lists),
)

# %%
names_of = {"choice": "list", "gate_less_list": "worth_less_list"}
kept = [
    "choice",
    "accounts",
    "revenue",
    *(["margin"] if counts == "margin" else []),
    "share_of_revenue",
    "gate_less_list",
    "low",
    "high",
]
show.table(
    choices.reindex(columns=kept).rename(columns=names_of), "Lists of the same length, on that day", book.currency
)

# %%
show.table(
    in_force_then.reindex(columns=kept).rename(columns=names_of),
    "The tiers in force on that day, beside as many accounts by worth",
    book.currency,
)

# %%
bands = opportunity_size.by_band(past.assign(value=past["worth"], came=past["worth_came"]), 10)
if len(bands):
    fig, ax = plt.subplots(figsize=(7.2, 3.8))
    plots.title(ax, say_targets.decile_title(bands))
    plots.promised_and_came(bands, ax, f"worth, all of a tenth of the accounts ({book.currency})")

# %% [markdown]
# ## Do sales and marketing agree?

# %% tags=["finding"]
agreement = pd.DataFrame(alignment.agreement_rows(votes))
overlap, kappa = (tuple(agreement.iloc[k][["value", "low", "high", "n"]]) for k in (0, 1))
differ = alignment.votes_by_account(votes, accounts[["name", "owner_id"]])
say.words(
    *say_targets.votes(
        overlap,
        kappa,
        differ["differ"].value_counts(),
        overlap_needed,
        len(set(ballots.loc[ballots["voter_team"].isin(alignment.TEAMS), "account_id"]) - set(votes["account_id"])),
    )
)

# %%
disputed = differ[differ["differ"] != ""].merge(
    table[["tier", "worth", "reason"]], left_on="account_id", right_index=True
)
show.table(
    disputed[["name", "owner_id", "votes", "tier", "worth", "reason"]],
    "Accounts on which the teams differ",
    book.currency,
    rows=show.LISTED,
)

# %% [markdown]
# ## The scorecard beside the model
# Scorecard: the agreed criteria by their weights, from 0 to 100. Neither is right by itself; where they differ, ask the owner.

# %% tags=["finding"]
say.words(say_targets.disagreement(table["named_by"], many))

# %%
apart = table[table["named_by"].isin(["worth only", "scorecard only"] if cards.notna().any() else [])].join(
    accounts["name"]
)
apart = apart.sort_values(["named_by", "worth"], ascending=False)
columns = ["name", "owner_id", "named_by", "scorecard", "worth", "tier", "reason"]
show.table(apart[columns], "Accounts that only one of the two names", book.currency, rows=show.LISTED)

# %% [markdown]
# ## Who is kept off, and what that costs

# %% tags=["finding"]
say.words(*say_targets.states(judged, kept_off[kept_off != ""].value_counts()))

# %%
beliefs = judged.assign(
    accounts=judged["state"].map(states.sum()),
    worth=[worths[states[s]].sum() for s in judged["state"]],
    state=judged["state"].str.replace("_", " ") + ": " + judged["state"].map(words),
)
show.table(beliefs.rename(columns=say_targets.OF_STATES), "States, and what the past says of them", book.currency)

# %%
pays_from = rules.pays_from if rules.is_margin else 0.0
why_not = say_targets.why_not(table.assign(worth=table["worth_mean"]), words, pays_from)
left = (
    table[(table["tier"] == target_list.NONE) & (table["worth_mean"] > 0)].assign(reason=why_not).join(accounts["name"])
)
left = left.sort_values("worth_mean", ascending=False).head(20)
show.table(
    left[["name", "owner_id", "worth_mean", "worth", "reason"]],
    "Worth most on average, of those that are not on the list",
    book.currency,
)

# %%
bought = features["revenue_12m"].astype(float)
large = bought[bought > 0].sort_values(ascending=False, kind="stable").index[:many]
out = table.loc[large[~listed[large]]].assign(reason=why_not, revenue_12m=bought).join(accounts["name"])
say.words(say_targets.large_left_out(out["name"].tolist(), len(large)) if is_worth else "")

# %%
show.table(
    out[["name", "owner_id", "revenue_12m", "worth_mean", "worth", "reason"]].head(20),
    "Large customers that are not on the list",
    book.currency,
)

# %%
best = worth.named_lists(on_start, {"best": on_start["worth_came"]}, many)
errors = (
    gate_trial.cost_of_error(picks["worth"], best["best"], after["revenue"], after["margin"])
    if best and "worth" in picks
    else pd.DataFrame()
)
show.table(
    errors.rename(columns={"worth": "turned_out"}),
    "What wrong choices cost on the first of those days",
    book.currency,
    note=say_targets.errors(many) * bool(len(errors)),
)

# %% [markdown]
# ## What one more seat brings

# %% tags=["finding"]
gains = target_list.one_more(may_enter, rules) if rules.is_margin else pd.DataFrame()
say.words(say_targets.one_more(gains, book.currency) if rules.is_margin else "")

# %%
show.table(gains.rename(columns=say_targets.OF_TIERS), "One more seat, with the hours it needs", book.currency)

# %% [markdown]
# ## Which way of selling did well where
# Nobody drew by lot which deal is worked by which sales model, so this says what went together.

# %% tags=["finding"]
track = results.tracks(opportunities, accounts["first_won_day"])
ways = motions.ways(
    opportunities,
    accounts,
    cycle_deals.cycle_of(opportunities, cycles, main),
    track,
    book.earlier("04_back_test"),
    horizon_days,
)
closed = motions.comparable(opportunities)
cells = motions.performance(closed, ways)
book.measure(motions.motion_rows(cells))
led = motions.verdicts(cells)
found_model, follows = say_motions.leading(led, LEVEL)
say.words(found_model, say_motions.models(cells, motions.lacking(closed), LEVEL), follows)

# %%
columns = [
    "way",
    "segment",
    "sales_model",
    "decided_deals",
    "accounts",
    "won",
    "raw",
    "shrunk",
    "low",
    "high",
    "won_per_deal",
    "won_per_deal_low",
    "won_per_deal_high",
]
show.table(cells.reindex(columns=columns), "Sales models by segment", book.currency, rows=show.LISTED)

# %% [markdown]
# ## Focus areas
# Areas of the list by tier and industry: what to offer first there, and who is met most. People are counted, none is named.

# %% tags=["finding"]
areas = focus.areas(table.reset_index(names="account_id"), accounts["industry"])
people = focus.with_personas(contacts, book.read("personas"))
activities, space = book.read("activities"), book.earlier("05_white_space")
by_area = focus.focus_areas(areas, space, activities, people, periods.trailing(book.as_of, 12))
say.words(*say_motions.focus(by_area, book.currency))

# %%
show.table(by_area, "Focus areas of the list", book.currency, rows=show.LISTED)

# %% [markdown]
# ## What waits at the accounts worth most

# %% tags=["finding"]
top = order[: len(worked)]
hand_overs = book.read("hand_overs")
waits_of = missed.waiting(top, activities, hand_overs, space, opportunities, book.as_of, response_days)
money = worths if is_worth else ranking
waits = missed.by_account(waits_of, money, book.as_of)
table["waits"] = waits.set_index("account_id")["what_waits"].reindex(table.index).fillna("")
lacks = missed.lacking(top, activities, hand_overs, space)
book.measure(missed.waiting_rows(waits_of, lacks, len(top)))
say.words(
    *say_motions.waiting(waits, waits_of["kind"].value_counts(), lacks, money[top], accounts["name"], book.currency)
)

# %%
shown = waits.join(accounts[["name", "owner_id"]], on="account_id").reindex(
    columns=["name", "owner_id", "what_waits", "days_waiting", "worth"]
)
show.table(shown, "What waits", book.currency, rows=show.LISTED)

# %% [markdown]
# ## What changed

# %% tags=["finding"]
say.words(*say_targets.changed(table["change"], table["because"]))

# %%
moved = table[~table["change"].isin(["", "stays"]) | (table["because"] != "")].join(accounts["name"])
moved = moved.sort_values(["change", "worth"], ascending=[True, False])
columns = ["name", "owner_id", "tier_before", "tier", "change", "tier_last_run", "because", "worth", "reason"]
show.table(moved[columns], "Accounts that enter, leave or move", book.currency, rows=show.LISTED)

# %% [markdown]
# ## What if
# In JupyterLab, sliders stand below: other seats, hours and assumptions, and who would enter or leave. To keep values, write them into the parameters
# above and run the page again.

# %% tags=["what-if"]
what_if.sliders(
    functools.partial(target_list.choose_with, may_enter, rules, cards), functools.partial(what_if.target_list, tier, candidates["worth"], accounts["name"]),
    seats_1=(seats[0], 0, 60, 1), seats_2=(seats[1], 0, 200, 5), seats_3=(seats[2], 0, 500, 10),
    hours_a_month=(int(min(rules.team_hours, 10_000)), 0, 10_000, 20), rise_assumed=(max(rise_by_tier), 0.0, 1.0, 0.05), scorecard_share=(0.0, 0.0, 1.0, 0.1),
)  # fmt: skip

# %% [markdown]
# ## What to decide

# %%
basis = f"expected {counts}, likely and not persuadable, within {horizon_days:,} days" if is_worth else None
entering, leaving = (
    table.index[table["change"].isin(which) & table[column].isin(["1", "2"])]
    for which, column in ((["enters", "up"], "tier"), (["leaves"], "tier_before"))
)
least = table.loc[table["tier"] == "2", "worth"].median()
costly = table[~table["state"].isin(["", *exclusions.ALWAYS]) & (table["worth"] > rules.pays_from)]
costly = costly.sort_values("worth", ascending=False).index[: seats[0]]
heads = framework.accountable(book.read("team")) or "heads of sales and marketing"
nameless = table.index[(table["tier"] == "3") & accounts["industry"].isna() & (table["worth"] > least)]

# %% tags=["decide"]
book.decide(
    "vote_on_the_list", kind="programme", accounts=unvoted, owner=heads, due=two_weeks, reason=table["reason"],
    text=say_targets.vote(gate.signed), would_change="votes of both teams",
)  # fmt: skip
book.decide(
    "put_on_the_list", kind="sell", accounts=entering[entering.isin(table.index[table["agreed"]])], owner=accounts["owner_id"], due=two_weeks, moves=worths, basis=basis, only_if=gate.passed,
    text="Draw who of these is held back (page 02), enter the others in tier 1 or 2 (programme/account_tiers.csv), and begin", reason=say_targets.tier_words(in_force, tier) + ": " + table["reason"], would_change="another vote, or what the owner knows",
)  # fmt: skip
book.decide(
    "take_off_the_list", kind="sell", accounts=leaving[~leaving.isin(held)], owner=accounts["owner_id"], due=quarter, reason=why_not,
    text="Ask the owners if these accounts can leave tier 1 or 2, and free their hours", only_if=gate.passed, would_change="a plan for the account, or a deal near its close",
)  # fmt: skip
book.decide(
    "answer_what_waits", kind="sell", accounts=waits["account_id"], owner=accounts["owner_id"], due=two_weeks, moves=worths, basis=basis,
    text="Answer what waits at these accounts, which are worth most", reason=waits.set_index("account_id")["what_waits"], would_change="a touch that is not noted",
)  # fmt: skip
book.decide(
    "review_kept_off", kind="sell", accounts=costly, owner=accounts["owner_id"], due=two_weeks, moves=worths, basis=basis, reason=kept_off.map(words),
    text="Ask the owners if these valuable accounts are rightly kept off the list", would_change="what the owner knows of the account",
)  # fmt: skip
book.decide(
    "fill_in_the_industry", kind="data", accounts=nameless, owner=accounts["owner_id"], due=two_weeks, reason="no industry",
    text="Enter the industry of these accounts: without it they stand in no group of tier 2, whose worth they have", would_change="an industry that is not entered yet",
)  # fmt: skip
show.decisions(book.decisions, book.currency, accounts["name"])

# %%
book.write("06_target_accounts", table.reset_index(names="account_id"))
