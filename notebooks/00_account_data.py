# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 Account data: can we trust this data, account by account?
#
# **Decision.** Which data to fix or export next, which accounts can be judged now, and which questions must wait.
#
# **Needs** accounts. **Reads** nothing earlier. **Writes** `00_account_data`, `00_buying_groups`. **Run** before every report.
#
# Every later page treats each company as a market of its own. With little or no recent data, an account cannot be judged
# fairly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
stale_days: int = 365  # days without a record after which an account counts as stale
min_records: int = 3  # records below which an account counts as thin
required_roles: list[str] = ["decision_maker", "budget_holder", "champion", "end_user"]  # roles the play needs
role_floor: float = 0.5  # share of the required roles below which a customer lacks people, 0 to 1
missing_by: str = "region"  # column of accounts by which missing fields are counted
half_life_days: float = 30.0  # days after which a touch counts half
account: str = ""  # account whose timeline is drawn; empty: the customer with most records

# %%
import matplotlib.pyplot as plt
import pandas as pd

from abmlib.method import (
    buying_groups,
    coverage,
    cycle_effort,
    data_quality,
    framework,
    missingness,
    orders,
    periods,
    resources,
    sellers,
    views,
)
from abmlib.method.deals import open_deals, with_days
from abmlib.pages import catalogue, plots, say, say_data, say_funnel, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book, checks, identity

plots.style()

# %% [markdown]
# ## Load
# One row per account and table. Every table is checked as a whole before anything is computed from it.

# %%
book = Book.open(data, as_of=as_of, tables=tables, required_roles=required_roles)
book.need("accounts", writes=["00_account_data", "00_buying_groups"])
audit, fields, records = book.audit(), book.fields(), book.fact_counts()
accounts = book.read("accounts")
names = accounts.set_index("account_id")["name"]
contacts = coverage.contact_states(book.read("contacts"), book.as_of)
deals = with_days(book.read("opportunities"), book.as_of)
show.table(records, "Records of the first accounts", rows=3)

# %% [markdown]
# ## How the answer is made
# **Records** are deals, purchases, touches and all else that has a day and an account. An account is *usable* if it has enough
# of them, and one is recent. Otherwise it has *no record*, or it is *stale* (none is recent) or *thin* (too few).

# %%
judged = data_quality.account_data(accounts, records, book.as_of, stale_days, min_records)
counts = data_quality.verdict_counts(judged)
book.measure(data_quality.usable_rows(judged))

each = records.groupby("account_id").agg(rows=("rows", "sum"), newest=("last_day", "max")).reindex(names.index)
usable = (each["rows"] >= min_records) & ((book.as_of - each["newest"]).dt.days <= stale_days)
assert usable.sum() == counts["usable"].sum(), "two counts of usable accounts"

# %% [markdown]
# **What limits the later pages**: customers without people in the roles a play needs, records without an account, accounts that
# may be entered twice, and deals whose past stages are unknown.

# %%
lacking = data_quality.customers_without_roles(contacts, accounts, required_roles, role_floor)
alike = identity.nearly_alike(accounts)
matched = data_quality.match_rates(len(accounts), book.same_company, alike, book.lead_matches, fields)
matched_shares = book.measure(data_quality.match_rows(matched))
stage_history = book.read("opportunity_stage_history")
past_stages = book.measure([data_quality.stage_history_row(deals, stage_history)])
left_out = book.ledger.loc[~book.ledger["step"].str.startswith("as of"), "rows_lost"].sum()
answers = data_quality.answerable(catalogue.frame("notebooks.yml"), data_quality.available_data(fields))

# %% [markdown]
# ## Answer

# %% tags=["answer"]
_, failed, warned = checks.counts(audit)
customers = int((accounts["status"] == "customer").sum())
say.words(
    say_data.can_judge(counts, min_records, stale_days),
    say_data.limits(len(lacking), customers, role_floor, matched, past_stages, say_data.unanswered(answers)),
    say_data.soundness(len(audit), failed + warned, int(left_out), records["last_day"].max(), book.as_of),
)

# %% [markdown]
# ## Broken checks

# %% tags=["finding"]
say_data.checks(len(audit), checks.sentences(audit))

# %% [markdown]
# ## Account by account
# For a prospect, little data is normal. For a customer, it is a gap in the data.

# %% tags=["finding"]
say_data.too_little(counts)

# %%
fig, ax = plt.subplots()
plots.title(ax, f"The data is usable for {usable.sum():,} of {say.count(len(names), 'account')}")
plots.stacked(counts.rename({"former": "former customer"}), ax, "accounts")
plt.show()
weak = data_quality.weak_customers(judged, accounts).drop(columns=["account_id", "filled_share"])
show.table(weak, "Customers and former customers with too little data", rows=15)

# %% [markdown]
# ## How recent the data is
# If the newest row of a table is old, every later page shows less activity than there is. A deal counts on the day it opened
# and on the day it closed. A plan makes no table recent.

# %% tags=["finding"]
reach = data_quality.freshness(book.overview(), book.as_of, len(accounts))
reach = reach[["table", "days_old", "last_day", "first_day", "rows", "accounts", "account_share"]]
dated = reach[reach["table"].isin(records["table"])]
say.words(
    *say_data.freshness(dated, data_quality.RECENT).lines, say_data.silent_owners(sellers.silent(deals, book.as_of))
)

# %%
show.table(dated, "Tables whose rows count as records of accounts")

# %% [markdown]
# ## People to reach
# A person can be reached who has not left, bounced or opted out. Where a role is reached at few accounts, perhaps nobody
# enters roles: see the contacts without a role.

# %% tags=["finding"]
roles = data_quality.roles_reached(contacts, accounts, required_roles)
known_roles = book.measure(data_quality.role_rows(contacts, accounts, required_roles))
say_data.roles(known_roles)

# %%
if len(roles):
    fig, ax = plt.subplots()
    plots.title(ax, say_data.hardest_to_reach(roles))
    plots.intervals(roles, (roles["role"] + ", " + roles["status"] + "s").tolist(), ax, "accounts (share)")
    plt.show()
show.measures(known_roles.query("status != 'not_answerable'"), "Roles in which accounts can be reached", book.currency)

# %% [markdown]
# ## Buying groups of open deals
# Marketing talks to people, sales sells to a group of them. Each person counts in the role stated in the account's largest open
# deal, or else in its contacts. A cell says how many of the people known we can reach, and whether one of them is senior (director or
# above).

# %% tags=["finding"]
touched = book.panel("activities", ["contact_id", "direction"], per="day")
touched = touched[touched["direction"] != "outbound"]
pipeline, in_deals = open_deals(deals), book.read("opportunity_contacts")
groups = buying_groups.buying_groups(contacts, in_deals, pipeline, touched, pd.Index(names.index), required_roles)
selling = pipeline.groupby("account_id")[["amount"]].sum(min_count=1).rename(columns={"amount": "open_amount"})
reached = book.measure(buying_groups.group_rows(groups, selling.index, required_roles))
say_data.buying_groups(reached, contacts["role_known"].mean())

# %%
with_people = selling[selling.index.isin(groups.loc[groups["people"] > 0, "account_id"])]
largest = say_data.buying_map(
    groups, with_people.sort_values("open_amount", ascending=False).head(15), names, required_roles
)
show.table(largest, "Buying groups of the accounts with the largest open deals", book.currency, rows=15)

# %% [markdown]
# ## Who brings most, and where the hours go
# Prospects and customers apart. An account counts whole in the stage that holds most of its open amount; the page of open deals has
# the amount deal by deal. Hours are those of sales in the last 12 months, where they are noted; margin is of the last 12 months. Hours
# go first where the share of the margin or of the open amount is furthest above the share of the hours.

# %% tags=["finding"]
facts = book.features(["margin_12m", "revenue_12m", "open_amount", "touches_in_90d"]).set_index("account_id")
of_table = {"transactions": ["margin_12m", "revenue_12m"], "activities": ["touches_in_90d"]}
facts[[c for name, own in of_table.items() if not records["table"].eq(name).any() for c in own]] = float("nan")
ranks = resources.stage_ranks(stage_history, book.settings.stage_order, pipeline)
facts = facts.join(resources.funnel_stages(facts.index, pipeline, facts["touches_in_90d"], ranks))
facts = facts.assign(
    status=judged.set_index("account_id")["status"], margin_rank=resources.profit_rank(facts["margin_12m"])
)
facts["hours_12m"] = cycle_effort.hours_spent(book.read("activities"), facts.index, book.as_of)
of_nobody = pipeline.loc[pipeline["account_id"].isna(), ["amount"]].set_axis(["open_amount"], axis=1)
whole = pd.concat([facts, of_nobody])
facts = facts.join(resources.shares(facts, whole))
by_stage = resources.by_funnel_stage(facts, whole)
book.measure(resources.funnel_rows(by_stage))
largest_one = facts.nlargest(1, "open_amount").index
without = resources.by_funnel_stage(facts.drop(largest_one), whole.drop(largest_one))
say_funnel.funnel(by_stage, facts.join(names), without)

# %%
told = len(by_stage) > 1 and by_stage[list(resources.SHARES)].notna().any(axis=None)
show.table(by_stage if told else by_stage.iloc[:0], "Money and hours by stage of the funnel", book.currency)

# %%
first = [
    "margin_rank",
    "name",
    "status",
    "funnel_stage",
    "margin_12m",
    "revenue_12m",
    "hours_12m",
    "open_amount",
    "priority",
]
ranked = facts.join(names).dropna(subset="margin_rank").sort_values("margin_rank")[first]
show.table(ranked, "Accounts by margin of the last 12 months", book.currency, rows=20)

# %% [markdown]
# ## Matched and unmatched records
# Marketing talks to people, sales talks to companies. A record without an account is lost to both. Accounts with the same
# domain or name, and nothing that speaks against it, are counted as one. Pairs one letter apart stay apart until a person
# has checked them. Other spellings, abbreviations and former names are not looked for.

# %% tags=["finding"]
say_data.matching(matched)

# %%
show.measures(matched_shares.query("status != 'not_answerable'"), "Matched and unmatched records", book.currency)

# %%
pairs = data_quality.alike_pairs(alike, accounts)
show.table(pairs.drop(columns=["account_id", "other_id"]), "Pairs that may be one company", rows=15)

# %% [markdown]
# ## What is known of accounts
# Prospects and customers apart. An empty field cannot tell accounts apart. An account that has never bought can only be judged by
# these fields and by customers like it: of the same industry, and of the smaller or larger half by employees.

# %% tags=["finding"]
known = missingness.completeness(accounts, records)
products, year = book.read("products"), periods.trailing(book.as_of, 12)
sold = book.panel("transactions", ["product_id"], per="day", sums=["revenue"])
sold = orders.with_product_line(sold[sold["day"].between(year.start, year.end)], products, "purchases")
alike_customers = missingness.look_alikes(accounts, sold)
foretold = missingness.foretold_lines(accounts, sold)
cold = book.measure(missingness.cold_start_rows(accounts, alike_customers["look_alikes"], foretold))
book.measure(missingness.completeness_rows(known))
prospects = accounts[accounts["status"] == "prospect"]
say_data.completeness(known, missingness.FIRMOGRAPHICS, cold, prospects[["industry", "employees"]].isna().sum())

# %%
some = known[known.groupby("kind")["known"].transform("sum") > 0]
kinds = some.pivot(index="kind", columns="status", values="share").reindex(some["kind"].unique())
kinds = kinds.rename(columns={"customer": "customers", "former": "Former customers", "prospect": "prospects"})
show.table(kinds.rename_axis(columns=None).reset_index(), "Accounts with each kind of data", values="share")

# %%
new = alike_customers.dropna(subset="alike_line").join(facts["open_amount"]).join(names)
new = new.sort_values(["open_amount", "look_alikes"], ascending=False, kind="stable")
columns = ["name", "open_amount", "look_alikes", "alike_accounts", "alike_line", "alike_share", "alike_value"]
show.table(new[columns], "Accounts that never bought, and what customers like them buy", book.currency, rows=15)

# %% [markdown]
# ## Lost deals and former customers
# If the CRM deletes them, the past looks better than it was. "None" out of many is rarely a coincidence: ask who deletes
# records, and when.

# %% tags=["finding"]
after_days = book.settings.former_after_days
ended = missingness.survivorship(accounts, book.same_company, deals, contacts, book.as_of, after_days)
deleted = missingness.possibly_deleted(ended)
say_data.ended(deleted, ended.loc[ended["verdict"] == "held", "what"])

# %%
show.table(
    ended[ended["of"] > 0].rename(columns={"held": "kept"}).replace({"verdict": {"held": "kept"}}),
    "Records of what ended",
)

# %% [markdown] tags=["fold"]
# ## Sources of what is known, and when it was learnt
# A field without a history is only known as it is now. A field that nobody has looked at for years may be wrong.

# %% tags=["finding"]
learnt = {
    "accounts": accounts.rename(columns={"source_system": "source", "created_day": "day"}),
    "account_insights": book.read("account_insights").rename(columns={"observed_day": "day"}),
    "wallet_estimates": book.read("wallet_estimates").rename(columns={"method": "source", "known_day": "day"}),
    "intent_signals": book.panel("intent_signals", ["provider"], per="day").rename(columns={"provider": "source"}),
}
systems = resources.by_source(learnt, book.as_of)
history = resources.field_ages(book.read("attribute_history"), book.as_of)
say_data.sources(systems, history)

# %%
show.table(systems, "Sources of data about accounts")

# %%
show.table(
    history.assign(field=history["field"].map(say_data.field)),
    "Fields with a history",
    note="Days: from the newest value to this report, median over rows." * bool(len(history)),
)

# %% [markdown] tags=["fold"]
# ## Other tables of the source

# %%
others = reach[~reach["table"].isin(records["table"])]
show.table(others, "Rows, accounts and days of each other table", rows=len(others))

# %% [markdown] tags=["fold"]
# ## Rows left out
# Rows of the export that are not in this report, with the reason. A row that was read can still count for nobody: without an
# account, or made by a machine.

# %%
show.table(checks.losses(book.ledger), "Rows in, rows out and why")

# %% [markdown] tags=["fold"]
# ## Contacts by state
# Each contact counts once, in the first state that applies, from the top. Contacts are counted, not named.

# %%
states = data_quality.contacts_by_state(contacts)
show.table(states[states["contacts"] > 0], "Contacts by state")

# %% [markdown] tags=["fold"]
# ## Length of the history
# A yearly pattern needs two years to show. Without stage history, past stages cannot be reconstructed: reports on an earlier
# day leave the stage of such deals open.

# %% tags=["finding"]
no_past = data_quality.unknown_past(deals, stage_history)
say.words(say_data.unknown_past(no_past, len(deals), book.as_of, book.is_latest))

# %%
depth = data_quality.history_depth(judged).rename({"former": "former customer"})
fig, ax = plt.subplots()
long, whole = int(depth[data_quality.DEPTHS[-1]].sum()), say.count(len(judged), "account")
plots.title(ax, f"{long:,} of {whole} have {data_quality.DEPTHS[-1]} months between first and last record")
plots.grid(depth, ax, "months", "accounts")
plt.show()
show.measures(past_stages.query("status != 'not_answerable'"), "Deals whose past stages are known", book.currency)

# %% [markdown] tags=["fold"]
# ## Filled fields by segment
# A gap in one segment only comes from how that segment is worked or exported.

# %%
segments = missingness.filled_by_segment(accounts, missing_by)
segments = segments.loc[:, segments.ne(0).any()].iloc[: len(segments) if len(segments) > 1 else 0]
show.table(segments.rename(columns={"owner_id": "owner"}), "Accounts with a value, by segment", values="share")

# %% [markdown] tags=["fold"]
# ## Are gaps related to buying?
# A field may be filled because the account bought. A model would learn from it who has bought, not who will. Keep such a gap
# out of every model, and fill the field for the others before you use its value.

# %%
before, buyers = missingness.bought_later(accounts, periods.trailing(book.as_of, 12).start)
related = missingness.foretold_by_gaps(before, buyers)
book.measure([missingness.fill_difference_row(related)])
gap_fields = related.loc[related["verdict"] == missingness.FORETELLS, "field"].tolist()
too_early = related["verdict"].eq("too_early").all()
note = say_data.gaps(gap_fields, len(buyers), len(before), too_early)
note += f" Intervals at {LEVEL:.0%}, for each row alone; p is adjusted for the number of rows." * (not too_early)
related = related.assign(field=related["field"].map(say_data.field))
show.table(
    related if len(before) else related.iloc[:0],
    "Fields filled at accounts that bought since, and at the others",
    note=note,
)

# %% [markdown] tags=["fold"]
# ## Lead view and account view
# The same touches, ranked twice: by the most engaged person of each account, as a lead list does, and by all people of the
# account together. Touches that the account started or shared with us count, older ones less. Where several people are
# active and none stands out, a lead list misses the account. Touches by unknown people count for the account and for no lead.

# %%
both_views = views.leads_and_accounts(touched, names.index, book.as_of, half_life_days)
show.table(views.side_by_side(both_views, names, top=10), "Top accounts by lead and by account")

# %%
agreed = book.measure(views.agreement(both_views, top=10))
show.measures(agreed.query("status != 'not_answerable'"), "Do the two views agree?", book.currency)

# %% [markdown] tags=["fold"]
# ## One account, one timeline
# Everything known about one account, from all teams and channels, month by month. Bots are left out. If one lane stops while
# others go on, ask the account owner why. A channel that reaches all other accounts but not this one may be a gap, or the
# account's wish.

# %%
which = views.chosen(account, judged)
touches = book.panel("activities", ["channel"], per="month")
purchases = orders.with_product_line(book.panel("transactions", ["product_id"], per="month"), products, "purchases")
sources = {"cases": "cases", "survey answers": "surveys", "contracts entered": "contracts"}
others = {lane: book.panel(table, per="month") for lane, table in sources.items()}
met = views.breadth(touches, purchases, facts.index, year.start)
kept = facts[["funnel_stage", "margin_12m", "margin_rank", "hours_12m", "priority"]].join([met, alike_customers])
written = judged.join(kept, on="account_id")
events = views.timeline(which, touches, purchases, deals, others)
if len(events):
    fig, ax = plt.subplots()
    plots.title(ax, f"{names[which]}: {say.count(int(events['rows'].sum()), 'record')}, by month")
    plots.timeline(events, ax)
    plt.show()
show.table(views.touch_mix(touches, which), "Touches by channel, this account and all accounts")

# %% [markdown] tags=["fold"]
# ## Pages that lack data
# `abm doctor` prints this list for every page, and writes a data request.

# %%
lacks = answers[(answers["built"] == "yes") & (answers["answer"] != "yes")]
lacks = lacks.assign(needed=lacks["needed"].map(say_data.in_words), wished=lacks["wished"].map(say_data.in_words))
show.table(lacks.drop(columns=["notebook", "built"]), "Questions without an answer, or with a part of it")

# %%
exports = data_quality.next_export(answers)
show.table(exports.assign(export=exports["export"].map(say_data.in_words)), "What to export next", rows=10)

# %% [markdown] tags=["fold"]
# ## Evidence
# Which claims of the method a page tests. Test claims before spending on them: a short history or few accounts can leave a
# claim untested, and the page says so.

# %%
claims = catalogue.claims("claims.yml")
note = say_data.evidence(claims["state"])
here = ~claims["state"].str.startswith("later")
show.table(claims.loc[here, ["claim", "state"]], "Claims of the method", rows=len(claims), note=note)

# %%
cited = catalogue.references("claims.yml")
show.table(cited[["cited"]], "What the method's sources cite", note="As cited there, not verified again.")

# %% [markdown]
# ## What to decide

# %%
today, keeper = book.is_latest, framework.accountable(book.read("team"), framework.CHECKLIST["data reviewed"])
owners, needed = accounts.set_index("account_id")["owner_id"], [role.replace("_", " ") for role in required_roles]
quiet = data_quality.silent_customers(judged, accounts, book.features(["recurring_revenue", "revenue_12m"]))
two_weeks, month = (str((book.as_of + pd.Timedelta(days=d)).date()) for d in (14, 30))
may_be = pairs.drop_duplicates("other_id").set_index("other_id")["name"]
no_role = 1 - contacts["role_known"].mean()
to_find = (
    lacking
    if no_role > 1 - data_quality.ENTERED
    else buying_groups.people_to_find(lacking, groups, selling["open_amount"], pipeline["amount"].sum(), many=15)
)
say.words("" if today else "The data goes on after this day: no chores are noted, as gaps may have been filled since.")

# %% tags=["decide"]
book.decide(
    "ask_about_silent_customers", kind="sell", text=say_data.silent(quiet["status"]), due=month,
    accounts=quiet.index, moves=quiet["moves"], reason=quiet["reason"], owner=quiet["owner"],
    basis="yearly revenue that may end, of running contracts or the last 12 months:",
    would_change=f"a limit other than {stale_days} days without a record",
)  # fmt: skip
book.decide(
    "find_missing_roles", kind="sell", text="Find people for the roles in which we reach nobody, at the largest open deals first",
    only_if=today, accounts=to_find.index, reason=to_find, owner=owners, due=month,
    would_change=f"another list of roles than {say.joined(needed)}, or a floor other than {role_floor:.0%}",
)  # fmt: skip
book.decide(
    "enter_roles", kind="data", text=f"Enter the part in buying of the contacts there are: {no_role:.0%} of them have none",
    only_if=today and no_role > 1 - data_quality.ENTERED, owner=keeper, due=month,
    would_change="roles entered since for half of the contacts",
)  # fmt: skip
for row in checks.worst(audit).itertuples():
    book.decide(
        say.slug("fix", row.table, row.check), kind="data", text=f"Fix {row.table}: {row.remedy}", only_if=today,
        owner=keeper, due=two_weeks, would_change=f"a new export that passes the check “{row.check}”",
    )  # fmt: skip
for row in exports.head(2).itertuples():
    book.decide(
        say.slug("export", row.export), kind="data", text=f"Export {say_data.in_words(row.export)}", only_if=today, owner=keeper,
        due=month,
        would_change=f"a decision that {row.needed_by + row.makes_fuller} questions can wait",
    )  # fmt: skip
book.decide(
    "check_pairs_of_accounts", kind="data", only_if=today,
    text="Check accounts whose name is one letter from another's, and merge those that are one company",
    accounts=may_be.index, reason="may be " + may_be, owner=owners, due=month,
    would_change="a stated parent, country or domain that tells them apart",
)  # fmt: skip
book.decide(
    "export_stage_history", kind="data", text="Add a stage history to the export of deals", owner=keeper, due=month,
    only_if=today and bool(past_stages["value"].lt(0.5).any()),
    would_change="a decision that no report on an earlier day is needed",
)  # fmt: skip
book.decide(
    "keep_out_of_models", kind="data", owner=keeper, due=month, only_if=bool(gap_fields),
    text=f"Keep these fields of accounts out of models, or fill them for all: {say.named(gap_fields)}",
    would_change="a new export in which they are filled equally for buyers and others",
)  # fmt: skip
book.decide(
    "ask_about_deleted_rows", kind="data", text="Ask whether the CRM deletes " + say.named(deleted), owner=keeper,
    due=two_weeks, only_if=today and bool(deleted), would_change="an answer that there were none",
)  # fmt: skip
show.decisions(book.decisions, book.currency, names)

# %%
book.write("00_account_data", written)
book.write("00_buying_groups", groups)
