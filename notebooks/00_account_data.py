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
# **Needs** accounts. **Reads** nothing earlier. **Writes** `00_account_data`. **Run** before every report.
#
# Every later page works account by account: it treats each company as a market of its own. With little or no recent data,
# an account cannot be judged fairly. This page says which accounts those are.

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

from abmlib.method import coverage, data_quality, framework, missingness, orders, periods, views
from abmlib.method.deals import with_days
from abmlib.pages import catalogue, plots, say, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book, checks, identity

plots.style()

# %% [markdown]
# ## Load and check
# Every table is checked as a whole before anything is computed from it.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", writes=["00_account_data"])
accounts = book.read("accounts")
names = accounts.set_index("account_id")["name"]
contacts = coverage.contact_states(book.read("contacts"), book.as_of)
deals = with_days(book.read("opportunities"), book.as_of)
overview, fields = book.overview(), book.fields()
available = data_quality.available_data(fields)

# %%
audit = book.audit()
say.checks(*checks.counts(audit), checks.sentences(audit))

# %% [markdown]
# ## Which accounts and days each table covers
# A question can only be answered for the accounts and the days that a table covers.

# %%
reach = data_quality.freshness(overview, book.as_of, len(accounts))
show.table(reach, "Tables of this source", rows=len(reach))

# %% [markdown]
# Read the last column first. If the newest row of a table is old, every later page shows less activity than there is. A deal
# counts on the day it opened and on the day it closed. What is only planned makes no table fresh.

# %% [markdown]
# ## Rows left out
# Every row that was in the export and was not read into this report, with the reason. A row that was read can still count for
# nobody: without an account (next section), or made by a machine.

# %%
show.table(checks.losses(book.ledger), "Rows in, rows out and why")

# %% [markdown]
# ## Matched and unmatched records
# Marketing talks to people, sales talks to companies. A record without an account is lost to both. The table counts the
# accounts that are the same company, those that may be, and the records with and without an account.

# %%
alike = identity.nearly_alike(accounts)
matched = data_quality.match_rates(len(accounts), book.same_company, alike, book.lead_matches, fields)
book.measure(data_quality.match_rows(matched))
show.table(matched.drop(columns="definition_id"), "Matched and unmatched records", rows=len(matched))

# %% [markdown]
# No score counts touches without an account. A dash means that the source has no such table, or that there was nothing to
# match. Only accounts with the same domain or name, and nothing that speaks against it, are counted as one. Pairs one letter
# apart are listed for a person to check and stay apart until then. Other spellings, abbreviations and former names are not
# looked for, so there may be more.

# %%
pairs = data_quality.alike_pairs(alike, accounts)
show.table(pairs, "Pairs that may be one company", rows=15)

# %% [markdown]
# ## How many accounts have a person to reach in each role
# For each role the play needs: the share of accounts with a person who has not left, bounced or opted out. Customers and
# prospects are counted separately, former customers not at all.

# %%
roles = data_quality.roles_reached(contacts, accounts, required_roles)

fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.3 * max(len(roles), 3)))
labels = (roles["role"] + ", " + roles["status"] + "s").tolist()
plots.intervals(roles, labels, ax, "accounts with such a person (share)")

# %%
known_roles = book.measure(data_quality.role_rows(contacts, accounts, required_roles))
show.measures(known_roles, "Role coverage", book.currency)

# %% [markdown]
# If few accounts have a role, perhaps nobody enters it: look at the share of contacts without a role first. In a report on
# an earlier day the roles of that day are unknown, unless the source keeps their history.

# %% [markdown]
# ## How many contacts may be contacted
# Each contact counts once, in the first state that applies, from the top. Contacts are counted, not named.

# %%
show.table(data_quality.contacts_by_state(contacts), "Contacts by state", note=catalogue.lacking(available, "contacts"))

# %% [markdown]
# Only contacts in the last line count as reachable in this workbook.

# %% [markdown]
# ## Account by account
# Each account gets one verdict: no record at all, stale, thin, or usable.

# %%
judged = data_quality.account_data(accounts, book.fact_counts(), book.as_of, stale_days, min_records)
counts = data_quality.verdict_counts(judged)

fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.45 * len(counts)))
plots.stacked(counts, ax, "accounts")

# %% [markdown]
# ## Prospects and customers
# A prospect without records is normal; a customer without records is a gap in the data. So both are counted separately. The
# list shows the customers with too little data, the longest silent first.

# %%
weak = data_quality.weak_customers(judged, accounts)
show.table(weak, "Customers with too little data", rows=15)

# %% [markdown]
# ## How long the history is
# Months from the first to the last record of each account. A yearly pattern needs two years to show.

# %%
depth = data_quality.history_depth(judged)

fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.45 * len(depth)))
plots.grid(depth, ax, "months between first and last record", "accounts")

# %%
kept = book.measure([data_quality.stage_history_row(deals, book.read("opportunity_stage_history"))])
show.measures(kept, "Deals whose past stages are known", book.currency)

# %% [markdown]
# Without stage history, past stages cannot be reconstructed: reports on an earlier day leave the stage of such deals open.

# %% [markdown]
# ## Which fields are filled
# The share of accounts with a value in each field. An empty field cannot tell accounts apart, and accounts without a
# purchase can only be judged by these fields.

# %%
filled = missingness.filled_share(accounts)

fig, ax = plt.subplots(figsize=(7.2, 2.8))
plots.shares(filled, ax, "accounts with a value (share)")

# %% [markdown]
# ## Where values are missing
# The same by segment. A gap in one segment only comes from how that segment is worked or exported.

# %%
gaps = missingness.filled_by_segment(accounts, missing_by)
show.table(gaps, "Filled, by segment", rows=15, values="share")

# %% [markdown]
# ## Do gaps foretell who buys?
# Accounts that had not bought a year ago: each field where they bought since, and where they did not.

# %%
before, buyers = missingness.bought_later(accounts, periods.trailing(book.as_of, 12).start)
gaps_and_buying = missingness.foretold_by_gaps(before, buyers)
book.measure([missingness.fill_difference_row(gaps_and_buying)])
show.table(
    gaps_and_buying,
    "Fields filled, later buyers and others",
    rows=len(gaps_and_buying),
    note=f"Intervals at {LEVEL:.0%}, for each row alone; p is adjusted for the number of rows.",
)

# %%
gap_fields = gaps_and_buying.loc[gaps_and_buying["verdict"] == missingness.FORETELLS, "field"].tolist()
say.gaps(gap_fields, len(buyers), len(before), gaps_and_buying["verdict"].eq("too_early").all())

# %% [markdown]
# Such a field may be filled because the account bought. A model would learn from it who has bought, not who will. Keep the
# gap itself out of every model, and fill the field for the others before you use its value.

# %% [markdown]
# ## Does the CRM keep lost deals and former customers?
# If the CRM deletes former customers, lost deals or people who left, the past looks better than it was.

# %%
after_days = book.settings.former_after_days
ended = missingness.survivorship(accounts, book.same_company, deals, contacts, book.as_of, after_days)
show.table(ended, "Records of what ended")

# %% [markdown]
# "None" out of many is rarely a coincidence: ask who deletes records, and when. A report on an earlier day would leave out
# everything that was deleted since.

# %% [markdown]
# ## Lead view and account view
# The same touches, ranked twice: by the most engaged person of each account, as a lead list does, and by all people of the
# account together. Touches that the account started or shared with us count, older ones less.

# %%
touched = book.panel("activities", ["contact_id", "direction"], per="day")
touched = touched[touched["direction"] != "outbound"]
both_views = views.leads_and_accounts(touched, names.index, book.as_of, half_life_days)
show.table(
    views.side_by_side(both_views, names, top=10),
    "Top accounts by lead and by account",
    note=catalogue.lacking(available, "activities", "contacts"),
)

# %%
agreed = book.measure(views.agreement(both_views, top=10))
show.measures(agreed, "Do the two views agree?", book.currency)

# %% [markdown]
# Some accounts rank low by their best lead and high as an account: several people are active and none stands out. A lead
# list would miss them. Touches by unknown people are another reason: they count for the account and for no lead. If both
# views agree fully, each account has only one known person.

# %% [markdown]
# ## One account, one timeline
# Everything known about one account, from all teams and channels, month by month. Bots are left out.

# %%
which = views.chosen(account, judged)
touches = book.panel("activities", ["channel"], per="month")
purchases = orders.with_product_line(
    book.panel("transactions", ["product_id"], per="month"), book.read("products"), unknown="purchases"
)
sources = {"cases": "cases", "survey answers": "surveys", "contracts entered": "contracts"}
others = {lane: book.panel(table, per="month") for lane, table in sources.items()}
events = views.timeline(which, touches, purchases, deals, others)

fig, ax = plt.subplots()
plots.title(ax, plots.plain(names[which]))
plots.timeline(events, ax)
# %%
mix = views.touch_mix(touches, which)
show.table(mix, "Touches by channel, this account and all accounts", note=catalogue.lacking(available, "activities"))

# %% [markdown]
# If one lane stops while others go on, ask the account owner why. If a channel reaches all other accounts but not this one,
# that may be a gap, or the account's wish.

# %% [markdown]
# ## Which questions this data can answer
# Each later notebook needs some tables and says more with others. Notebooks marked "later" are not in this version yet, but
# their data can be exported already.

# %%
answers = data_quality.answerable(catalogue.frame("notebooks.yml"), available)
show.table(answers, "Questions and data", rows=len(answers))

# %%
exports = data_quality.next_export(answers)
show.table(exports, "What to export next")

# %% [markdown]
# ## Evidence
# What the method claims, and which notebook of this version has a test of it. Whether your data are enough for a test, its
# notebook says: a short history or few accounts can leave a claim untested.

# %%
claims = catalogue.claims("claims.yml")
kinds = claims["state"].str.split().str[0].value_counts()
say.words(
    f"Of {len(claims)} claims {kinds.get('test', 0)} have a test in this workbook (its page says if the data are enough); "
    f"{kinds.get('later:', 0)} wait for a later notebook or test, and {kinds.get('on', 0)} cannot be tested on one company's data."
)

# %%
show.table(claims, "Claims", rows=len(claims))

# %%
show.table(
    catalogue.references("claims.yml"),
    "What the method's sources cite",
    rows=20,
    note="As cited in the seed, not re-verified.",
)

# %% [markdown]
# Test claims before spending on them.

# %% [markdown]
# ## What to decide
# Chores about data are noted on the latest day of the data only. On an earlier day a value can be missing because it was
# entered later.

# %%
quiet = data_quality.silent_customers(judged, accounts, book.features(["recurring_revenue", "revenue_12m"]))
lacking = data_quality.customers_without_roles(contacts, accounts, required_roles, role_floor)
owners = accounts.set_index("account_id")["owner_id"]
book.decide(
    "ask_about_silent_customers",
    kind="sell",
    text="Find out what happened to customers without recent records",
    accounts=quiet.index,
    moves=quiet["moves"],
    basis="yearly revenue that may end, of running contracts or the last 12 months:",
    reason=quiet["reason"],
    owner=quiet["owner"],
    would_change=f"a limit other than {stale_days} days",
)
book.decide(
    "find_missing_roles",
    kind="sell",
    text="Find people for the missing roles",
    accounts=lacking.index,
    reason=lacking,
    owner=owners,
    only_if=book.is_latest,
    would_change=f"another list of roles than {say.named(required_roles)}, or a floor other than {role_floor:.0%}",
)

# %%
today, keeper = book.is_latest, framework.accountable(book.read("team"), framework.CHECKLIST["data reviewed"])
for row in checks.worst(audit).itertuples():
    book.decide(
        say.slug("fix", row.table, row.check),
        kind="data",
        text=f"Fix {row.table}: {row.remedy}",
        owner=keeper,
        only_if=today,
        would_change=f"a new export in which {row.check}",
    )
for row in exports.head(2).itertuples():
    book.decide(
        say.slug("export", row.export),
        kind="data",
        text=f"Export {row.export}",
        owner=keeper,
        only_if=today,
        would_change=f"a decision that {row.needed_by + row.makes_fuller} questions can wait",
    )

# %%
may_be = pairs.drop_duplicates("other_id").set_index("other_id")["name"]
book.decide(
    "check_pairs_of_accounts",
    kind="data",
    text="Check accounts whose name is one letter from another's, and merge those that are one company",
    accounts=may_be.index,
    reason="may be " + may_be,
    owner=owners,
    only_if=today,
    would_change="a stated parent, country or domain that tells them apart",
)
book.decide(
    "export_stage_history",
    kind="data",
    text="Add a stage history to the export of deals",
    owner=keeper,
    only_if=today and bool(kept["value"].lt(0.5).any()),
    would_change="a decision that no report on an earlier day is needed",
)

# %%
say.words("" if today else "The data goes on after this day: no chores are noted, as gaps may have been filled since.")

# %% tags=["decide"]
book.decide(
    "keep_out_of_models",
    kind="data",
    text=f"Keep out of models, or fill for all accounts: {say.named(gap_fields)}",
    only_if=bool(gap_fields),
    would_change="a new export in which they are filled equally for buyers and others",
)
book.decide(
    "ask_about_deleted_rows",
    kind="data",
    text="Ask whether the source deletes " + say.named(missingness.possibly_deleted(ended)),
    owner=keeper,
    only_if=today and bool(missingness.possibly_deleted(ended)),
    would_change="an answer that there were none",
)
show.decisions(book.decisions, book.currency, names)

# %%
book.write("00_account_data", judged)
