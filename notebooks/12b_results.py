# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12b Results: what did we win and lose, from where, through whom, and why?
#
# **Decision.** Which sources, campaigns and kinds of deals get more or less of our time, and whose deals to look at first.
#
# **Needs** accounts, opportunities. **Reads** nothing earlier. **Writes** `12b_won`. **Run** monthly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
window_months: int = 12  # months up to as_of whose closed deals count

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from abmlib.method import (
    breakdowns,
    deals,
    forecast,
    framework,
    funnel,
    growth,
    past_pipeline,
    periods,
    reasons,
    results,
    sellers,
    stages,
    stalled,
)
from abmlib.pages import plots, say, say_deals, say_growth, say_pipeline, say_results, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book

plots.style()

# %% [markdown]
# ## Load
# One row per deal, as known on the day. Deals of all years are read; the window says which of them count.

# %%
book = Book.open(data, as_of=as_of, tables=tables, window_months=window_months)
book.need("accounts", "opportunities", writes=["12b_won"])
accounts = book.read("accounts").set_index("account_id")
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
history = book.read("opportunity_stage_history")
year_starts, currency = book.settings.fiscal_year_starts, book.currency
window = periods.trailing(book.as_of, window_months)
before = periods.trailing(window.start - pd.Timedelta(days=1), window_months)
tiers = book.read("account_tiers")

# %% [markdown]
# ## How the answer is made
# **Win rate**: deals won, divided by deals decided (won or lost) in the window. Open deals have no result yet and do not count.
# Where most closed deals have no closing day, all deals ever decided count; groups are of all years too where few were decided in the
# window. Without a lost deal there is no rate.
# **Track**: a first sale is a deal opened before its account bought anything. All other deals are business with customers, also
# those that the CRM calls an expansion or renewal though no earlier purchase is in the data. The rates of tracks are compared, and
# groups of first sales stand apart from groups of all deals.

# %%
has_days = not deals.dateless(opportunities)
is_known = opportunities["is_closed"] & opportunities["is_won"].notna()
decided = opportunities[is_known & (opportunities["closed_day"].between(window.start, window.end) | (not has_days))]
win_rate = np.nan if decided["is_won"].all() else decided["is_won"].mean()

won = book.measure(deals.won_measures(opportunities, window)).set_index("definition_id")
assert np.isclose(win_rate, won.loc["win_rate_by_count", "value"], equal_nan=True), "two win rates"

track = results.tracks(opportunities, accounts["first_won_day"])
tracked = results.by_track(opportunities, window, track)
by_track = book.measure(results.track_rows(tracked, window if has_days else None))

# %% [markdown]
# **Without one**: the one seller, campaign, source, account or product line without which a headline moves most. It is named
# where the win rate of the other deals is outside the interval of all, or where it holds more than half of a sum.
# **Target**: of the period that holds the day; in the first 31 days of a quarter, of the one before.

# %%
labels = breakdowns.labels(opportunities, accounts["industry"], book.read("campaigns"), year_starts)
ever = deals.decided(opportunities)
is_few = has_days and len(decided) < say_results.FEWEST and len(ever) > len(decided)
wide = periods.Period(ever["closed_day"].min(), window.end) if is_few else window
groups, by_ways = breakdowns.split(opportunities, wide, labels, track, year_starts)
known = groups[groups["group"] != "unknown"]
differ = deals.differences(known)
by_ways = breakdowns.stand_out(by_ways, differ)
left_out = breakdowns.aside(opportunities, wide)
quiet = sellers.silent(opportunities, book.as_of)
moved = breakdowns.without_one(opportunities, window, labels, by_ways, track)
book.measure(breakdowns.without_rows(moved, window))
book.measure(breakdowns.compared_rows(differ, labels, wide))
leads = funnel.followed(book.read("leads"), opportunities, track, accounts["first_won_day"], book.as_of)
days = funnel.horizon(leads)
told = results.told_from(opportunities, accounts["first_won_day"])
sides = funnel.by_side(leads, days, told)
targets = book.read("targets")
period, goal = forecast.target_to_judge(targets, book.as_of, year_starts)
reached = forecast.won_of_target(opportunities, period, goal).set_index("definition_id")["value"]
hangs = say_pipeline.hangs_on(*forecast.without_largest(opportunities, period, goal), accounts["name"], currency)
period_name, is_over = say.span(period.start, period.end, year_starts), period.end <= book.as_of
of_sellers = targets[targets["owner_id"].notna() | targets["owner_id"].isna().all()]
own_period, _ = forecast.target_to_judge(of_sellers, book.as_of, year_starts)

# %% [markdown]
# ## Answer

# %% tags=["answer"]
of_window, wins = won.loc["win_rate_by_count"], int(decided["is_won"].sum())
when = say.during(window.start, window.end, year_starts) if has_days else "ever, as most closing days are unknown"
whole = say.win_rate(
    *of_window[["value", "low", "high", "n"]], LEVEL, when, won.loc["win_rate_by_amount", "value"], of_window["why"]
)
when_wide = say.during(wide.start, wide.end, year_starts) if is_few else when
backwards = int((ever["closed_day"] < ever["created_day"]).sum())
say.words(
    say_growth.leads(sides, days, told) * bool(decided["is_won"].all()),
    *say_growth.win_rates(tracked, when, whole),
    say_results.ever(int(deals.won_flag(ever).sum()), len(ever), len(decided), backwards),
    say_results.undated(*breakdowns.with_undated(opportunities, window), by_ways),
    *say_results.without_one(moved, accounts["name"], currency),
    say_results.silent(quiet) * say_results.has_stopped(quiet),
    say_pipeline.target(goal, reached["won_of_target"], period_name, is_over, currency, hangs),
)

# %% [markdown]
# ## What was won
# Sales velocity gives the open deals the win rate of decided ones. That is too high, so it is no forecast.

# %% tags=["finding"]
say.words(say_deals.sizes(wins, *won.loc[["won_value", "deal_size_median"], "value"], currency))

# %%
show.measures(won.reset_index(), f"Deals decided {when}", currency)

# %%
say.words(say_deals.about_sizes(deals.MEAN_HELD, LEVEL) * bool(won["value"].notna()["deal_size_mean"]))

# %% [markdown]
# ## First sales and business with customers
# First sales need another plan than business with customers. Read each row for itself.

# %% tags=["finding"]
judged = deals.differences(deals.by_group(decided, track[decided.index], "track"))
say.words(*say_growth.tracks(tracked, judged, currency))

# %%
several = tracked.iloc[: None if len(tracked) > 1 else 0].drop(columns=["n_sized", "n_aged"])
show.table(several, f"Tracks, deals decided {when}", currency, note=say_growth.known_from(told) if len(several) else "")

# %% [markdown]
# ## Created and won by month

# %% tags=["finding"]
months = deals.by_month(opportunities, window)
is_cut = window.start.day > 1 or not window.end.is_month_end
by_time = differ[differ["group_by"].isin(["quarter", "month"])]
say.words(
    say_deals.months(months, currency),
    "A month that the window cuts is left out." * (len(months) > 0 and is_cut),
    say_deals.who_wins(by_time, known)[0] * bool(by_time["judged"].eq("differ").any()),
)

# %%
if len(months):
    fig, ax = plt.subplots()
    plots.title(ax, say_deals.best_month(months, currency))
    plots.pipeline_by_month(months, ax, f"amount a month ({currency})")

# %% [markdown]
# ## Stage by stage
# Of the deals of all years that left a stage, the share that went on to a later stage or was won, and how long they stayed. Deals may skip
# stages.

# %% tags=["finding"]
visits = stages.stage_visits(opportunities, history, book.as_of)
by_stage = stages.stage_table(visits)
book.measure(stages.stage_rows(by_stage, visits))
staged, rows = results.stages_by_track(visits, track.set_axis(opportunities["opportunity_id"]))
book.measure(rows)
say.words(*say_growth.stages_by_track(staged, LEVEL))

# %%
show.table(staged, "Stages by track", note=say_deals.about_stages(len(history)))

# %% [markdown]
# ## From lead to win
# Young leads can still be won, so sources are compared on leads that are old enough.

# %% tags=["finding"]
lead_sources = funnel.by_source(leads, days)
book.measure(funnel.rows(sides, "side"))
book.measure(funnel.lacking(leads))
book.measure(funnel.source_rows(lead_sources))
say.words(
    "This data has no leads." * leads.empty, say_growth.leads(sides, days, told),
    say_growth.unclear_leads(int((leads["deal"] & leads["won"].isna()).sum()), int(leads["created_day"].isna().sum())),
    say_deals.who_wins(deals.differences(lead_sources), lead_sources)[0],
)  # fmt: skip

# %%
lead_source = leads["source"].fillna("unknown").rename("lead_source")
by_lead_source = funnel.steps(leads, lead_source, days)
book.measure(funnel.rows(by_lead_source, "lead source"))
pooled = lead_sources.set_index("group")[["shrunk", "low", "high"]].reindex(by_lead_source["lead_source"])
by_lead_source = by_lead_source.join(pooled.reset_index(drop=True)).drop(columns="n_known")
show.table(by_lead_source, "Leads by source, won in any track")

# %%
by_quarter = funnel.cohorts(leads, days, year_starts)
book.measure(funnel.rows(by_quarter, "lead quarter"))
first_win = ever.loc[deals.won_flag(ever), "closed_day"].min()
note = say_growth.wins_from(first_win, leads["created_day"].min())
show.table(by_quarter.drop(columns="n_known"), "Leads by the quarter in which they came in", note=note)

# %% [markdown] tags=["fold"]
# ## Leads by track
# First sales and business with customers are each a share of all leads that came in since tracks are told: of most leads that came
# to nothing, nobody knows the account.

# %%
since_told = leads[leads["created_day"] >= told].iloc[: None if len(sides) > 1 else 0]
to_first, to_customers = (
    funnel.steps(funnel.became(since_told, side), lead_source[since_told.index], days).drop(columns="n_known")
    for side in (funnel.FIRST, funnel.CUSTOMERS)
)
show.table(to_first, "Leads that became first sales, by source")

# %%
show.table(to_customers, "Leads that became business with customers, by source")

# %% [markdown]
# ## Accounts won of the target list
# An account counts on the list with the deals decided while it was on it.

# %% tags=["finding"]
listed = results.target_list(opportunities, accounts, tiers, window, track)
book.measure(results.list_rows(listed, window))
side = results.on_list(decided, tiers).map({True: results.LISTED, False: results.OTHERS})
judged = deals.differences(deals.by_group(decided, side, "target list"))
leader = results.led(decided[decided["is_won"]], side).query("group == @results.LISTED")
say.words(*say_growth.target_list(listed, judged), say_growth.led(leader, accounts["name"], currency))

# %%
about = say_growth.about_list(listed, int(won.loc["accounts_won", "n"]), len(framework.tiers_on(tiers, book.as_of)))
columns = ["won_deals", "decided_deals", "there_won", "prospects", "new_customers", "new_share", "new_low", "new_high"]
show.table(listed.drop(columns=columns), f"Target list and other accounts {when}", currency, note=about)

# %% [markdown]
# ## Faster and larger than before?
# The baseline is the time before the programme, where the data reach so far back, or else the window before. A change of the
# mix of deals moves sizes and days, so they are also given with the baseline's mix of product lines, account sizes and tracks.

# %% tags=["finding"]
started = framework.programme_start(tiers, book.read("campaign_accounts"))
baseline = growth.baseline(opportunities, window, window_months, started)
size_band = opportunities["account_id"].map(growth.size_bands(accounts["employees"]))
kinds = pd.DataFrame({"product_line": opportunities["product_line"], "size_band": size_band, "track": track})
changed = growth.changes(opportunities, kinds, window, baseline, history)
book.measure(growth.change_rows(changed, window))
against = say.span(baseline.start, baseline.end, year_starts) if baseline else ""
say.words(*say_growth.changes(changed, against, LEVEL))

# %%
judged = changed[changed["verdict"] != "too few"]
alone = say_growth.ABOUT * (len(judged) > 0)
has_velocity = judged.loc[judged["change"].notna(), "definition_id"].eq("velocity_change").any()
alone += say_growth.OF_VELOCITY * bool(has_velocity)
show.table(say_growth.changes_table(judged, currency), "Window and baseline", note=alone)

# %% [markdown]
# ## Who wins where
# Small groups vary by chance. The adjusted rate moves them closer to the average.

# %% tags=["finding"]
wide_days = (wide.start, wide.end) if is_few else tuple(of_window[["window_start", "window_end"]])
book.measure(deals.group_rows(groups).assign(window_start=wide_days[0], window_end=wide_days[1]))
book.measure(breakdowns.sum_rows(by_ways, wide))
own_section = {"quarter", "month", "type", "source", "campaign", "owner"}
say.words(*say_deals.who_wins(differ[~differ["group_by"].isin(own_section)], known))

# %%
ways = set(differ.loc[differ["judged"] == "differ", "group_by"]) - own_section
counts = ["opened", "created_value", "won", "lost", "won_value", "raw", "raw_low", "raw_high", "shrunk", "low", "high"]
all_ways = by_ways[["group_by", "group", *counts]]
of_ways = by_ways["group_by"].isin(ways)
show.table(
    all_ways[of_ways], f"Win rates that differ, deals decided {when_wide}", currency, rows=40,
    note=say_results.without_rate(by_ways[of_ways], left_out),
)  # fmt: skip

# %% [markdown]
# ## From which sources

# %% tags=["finding"]
say.words(
    say_results.only(labels["source"], "source"),
    *say_results.of_way(by_ways, differ, "source", currency),
)

# %%
first = ["first_won", "first_decided"] if by_ways["first_decided"].any() else []
of_origin = [*(c for c in counts if not c.startswith("raw")), "open", "open_value", *first]
by_source = by_ways[by_ways["group_by"] == "source"].rename(columns={"group": "source"})
show.table(
    by_source[["source", *of_origin]], f"Deals by source, renewals left out, opened and decided {when_wide}", currency,
    note=say_results.without_rate(by_source, left_out),
)  # fmt: skip

# %% [markdown]
# ## From which campaigns

# %% tags=["finding"]
by_campaign = breakdowns.with_spend(by_ways, book.read("campaign_spend"), book.read("campaigns"), window)
say.words(
    say_results.only(labels["campaign"], "campaign"),
    *say_results.of_way(by_ways, differ, "campaign", currency),
    say_results.spend(by_campaign, currency),
)

# %%
columns = ["campaign", "won", "lost", "shrunk", "low", "high", "open", "spend"]
note = say_results.without_rate(by_campaign, left_out)
show.table(
    by_campaign[columns], f"Deals by campaign, renewals left out, decided {when_wide}", currency, rows=40, note=note
)

# %% [markdown]
# ## Sellers
# What each seller won against their own target, and the deals at hand. Due and overdue deals are open.

# %% tags=["finding"]
touches = book.panel("activities", by=["direction"], per="day")
today = past_pipeline.open_now(opportunities, history, book.as_of)
marks = stalled.marked(today, stalled.past_of(opportunities, visits, touches)).set_index("opportunity_id")
is_stalled = marks["stalled"].where(marks["days_slow"].notna())
coming = forecast.target_periods(targets, book.as_of, year_starts)[1][0]
team = sellers.by_seller(opportunities, targets, own_period, coming, book.as_of, is_stalled, by_ways, year_starts)
book.measure(sellers.seller_rows(team, own_period))
own_name, is_own_over = say.span(own_period.start, own_period.end, year_starts), own_period.end <= book.as_of
elsewhere = forecast.owners_elsewhere(targets, own_period, year_starts)
say.words(
    "No deal names its seller on this day." * bool(opportunities["owner_id"].isna().all()),
    *say_results.sellers(team, own_name, is_own_over, currency, elsewhere),
    say_results.silent(quiet),
    *say_results.of_way(by_ways, differ, "owner", currency),
)

# %%
order = "largest shortfall" if team["missing_to_target"].notna().any() else "most won"
columns = ["owner_id", "own_target", "won_value", "won_of_target", "missing_to_target", "year_of_target"]
columns += ["won"] * bool(team["won_value"].isna().all())
columns += ["open_value", "due_value", "overdue_value", "stalled_deals"]
note = f"Target and amount won: {own_name}; year to date: until its end. " * bool(team["won_value"].notna().any())
note += f"Due by {say.day(coming.end)}." * bool(team["due_value"].notna().any())
show.table(team[columns], f"Sellers, {order} first", currency, rows=50, note=note)

# %% [markdown]
# ## Why deals are lost

# %% tags=["finding"]
is_lost, before = ~deals.won_flag(decided), periods.trailing(window.start - pd.Timedelta(days=1), window_months)
lost, lost_before = decided[is_lost], deals.closed_in(opportunities, before).query("not is_won")
lost_for = reasons.by_reason(lost, lost["loss_reason"])
judged = reasons.changed(lost, lost_before, "loss_reason")
rivals = reasons.against(decided)
rivals_differ = deals.differences(rivals)
book.measure(
    pd.concat([
        reasons.reason_rows(lost, lost["loss_reason"], lost_for, "lost"), deals.group_rows(rivals)
    ]).assign(window_start=window.start, window_end=window.end)
)  # fmt: skip
say.words(
    *say_results.reasons(lost_for, "lost", LEVEL, currency),
    say_results.changed(judged, "lost", len(lost_for) > 0),
    say_results.competitors(rivals, rivals_differ, decided["competitor"].notna().groupby(~is_lost).mean()),
)

# %%
show.table(lost_for, f"Reasons of the deals lost {when}", currency)

# %%
against = rivals.rename(columns={"group": "competitor"}).drop(columns="group_by")
show.table(against, f"Win rate against each competitor, deals decided {when}")

# %% [markdown]
# ## Why deals are won

# %% tags=["finding"]
wins_of = decided[~is_lost]
won_for = reasons.by_reason(wins_of, wins_of["win_reason"])
book.measure(
    reasons.reason_rows(wins_of, wins_of["win_reason"], won_for, "won")
    .assign(window_start=window.start, window_end=window.end)
)  # fmt: skip
wins_before = deals.closed_in(opportunities, before).query("is_won")
win_changes = reasons.changed(wins_of, wins_before, "win_reason")
say.words(
    *say_results.reasons(won_for, "won", LEVEL, currency),
    say_results.changed(win_changes, "won", len(won_for) > 0),
)

# %%
show.table(won_for, f"Reasons of the deals won {when}", currency)

# %% [markdown] tags=["fold"]
# ## Win rates of all groups

# %%
show.table(
    all_ways, "Deals by quarter, month, type, product line, segment, source, campaign and owner", currency, rows=200,
    note=say_results.without_rate(by_ways, left_out),
)  # fmt: skip

# %% [markdown] tags=["fold"]
# ## Deals by the quarter in which they were opened
# Of young quarters only the fast deals are decided. It is too early to judge their win rate.

# %%
cohorts = deals.cohorts(opportunities, book.as_of, year_starts)
book.measure(deals.cohort_rows(cohorts))
show.table(cohorts, "Deals by quarter opened")

# %% [markdown]
# ## Won by tier and account

# %% tags=["finding"]
tier = framework.tiers_on(tiers, book.as_of)
by_account = results.won_by_account(opportunities, tier, window, before)
movers = results.movers(by_account.iloc[: None if by_account["decided_deals_before"].any() else 0])
wins_now = deals.closed_in(opportunities, window).query("is_won")
is_alone = has_days and len(by_account) > 0 and not by_account["decided_deals_before"].any()
say.words(
    say_growth.led(results.led(wins_now, wins_now["account_id"].map(tier)), accounts["name"], currency, "in tier "),
    say_growth.movers(movers, accounts["name"], currency),
    "The data do not hold deals of the whole window before, so nothing is compared with it." * is_alone,
)

# %%
by_tier = results.by_tier(opportunities, tier, window, before)
book.measure(results.won_rows(by_tier, "tier", window, before))
show.table(
    by_tier.drop(columns=["n_value", "n_acv", "acv", "n_value_before"]), f"Won by tier of today, {when}", currency
)

# %%
largest = movers.head(10).join(accounts[["name", "owner_id"]], on="account_id")
columns = ["name", "owner_id", "tier", "won_value_before", "won_value", "won_change"]
show.table(largest[columns], "Largest risers and fallers", currency)

# %% [markdown] tags=["fold"]
# ## All accounts and quarters

# %%
won_by_quarter = results.by_quarter(opportunities, book.as_of, year_starts)
book.measure(results.won_rows(won_by_quarter, "quarter"))
show.table(won_by_quarter.drop(columns=["n_value", "n_acv"]), "Won by quarter", currency)

# %%
won_ever = by_account[by_account[["won_value", "won_value_before", "won_deals"]].gt(0).any(axis=1)]
shown = won_ever.join(accounts[["name", "owner_id"]], on="account_id")
columns = ["name", "owner_id", "tier", "won_value", "won_value_before", "won_deals", "decided_deals", "acv"]
show.table(shown[columns], f"Won {when}, the most first", currency, rows=show.LISTED)

# %% [markdown]
# ## What to decide

# %% tags=["decide"]
people = book.read("team")
head_of_sales = framework.accountable(people, "sales") or "head of sales"
within_a_week = str((book.as_of + pd.Timedelta(days=7)).date())
book.decide(
    "ask_silent_sellers", kind="sell", **say_results.stopped(quiet), owner=head_of_sales, due=within_a_week,
    would_change="deals opened or closed that the CRM does not hold yet",
)  # fmt: skip
is_unowned = ever["owner_id"].isna().mean() > say_results.SILENT  # what sellers won is then not known
behind = sellers.behind(team, own_period, book.as_of, year_starts)
book.decide(
    "review_sellers", kind="sell", only_if=len(behind) > 0 and not (say_results.has_stopped(quiet) or is_unowned),
    **say_results.review_sellers(behind, team, is_own_over, currency), owner=head_of_sales, due=within_a_week,
    would_change="a target that is changed, or large deals won since",
)  # fmt: skip
book.decide(
    "weigh_marketing", kind="programme", **say_results.marketing(by_ways, by_campaign, lead_sources),
    owner=framework.accountable(people, "marketing") or "head of marketing", due=str((book.as_of + pd.Timedelta(days=30)).date()),
    would_change="an aim other than deals, or more or fewer of its deals won",
)  # fmt: skip
show.decisions(book.decisions, currency, accounts["name"])

# %%
book.write("12b_won", by_account)
