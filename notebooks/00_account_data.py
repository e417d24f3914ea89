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
# **Decision.** Which data is mended or exported next, which accounts can be judged now, and which questions wait.
#
# **Needs** accounts. **Reads** nothing earlier. **Writes** `00_account_data`. **Run** before every report.
#
# The account is the unit of everything that follows: each company is treated as a market of its own. A company of
# which little is known, or nothing of late, cannot be judged fairly, and this page says which ones they are.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
stale_days: int = 365  # days without any record after which an account counts as stale
min_records: int = 3  # records below which an account counts as thin
required_roles: list[str] = ["decision_maker", "budget_holder", "champion", "end_user"]  # roles the play needs
role_floor: float = 0.5  # share of the required roles below which a customer lacks people, 0 to 1
missing_by: str = "region"  # column of accounts by which missing fields are counted
half_life_days: float = 30.0  # days in which a touch halves in worth
account: str = ""  # account whose timeline is drawn; empty: the customer with most records

# %%
import matplotlib.pyplot as plt
import pandas as pd

from abmlib.method import coverage, data_quality, missingness, orders, periods, views
from abmlib.method.deals import closed_in, with_days
from abmlib.pages import catalogue, plots, say, show
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book, checks

plots.style()

# %% [markdown]
# ## Load and check
# Every table of the source is checked as a whole, inside the engine, before anything is computed from it.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", writes=["00_account_data"])
accounts = book.read("accounts")
names = accounts.set_index("account_id")["name"]
contacts = coverage.contact_states(book.read("contacts"), book.as_of)
deals = with_days(book.read("opportunities"), book.as_of)
overview, fields = book.overview(), book.fields()
present = data_quality.available_data(fields)

# %%
audit = book.audit()
say.checks(*checks.counts(audit), checks.sentences(audit))

# %% [markdown]
# ## How far each table reaches
# A question can only be answered for the accounts and the days that a table covers.

# %%
reach = data_quality.freshness(overview, book.as_of, len(accounts))
show.table(reach, "Tables of this source", rows=len(reach))

# %% [markdown]
# Read the last column first: a table whose newest row is old makes every later page look calmer than the business is.

# %% [markdown]
# ## What was lost on the way
# Every row that was in the export and is not in this report, with the reason.

# %%
show.table(checks.losses(book.ledger), "Rows in, rows out and why")

# %% [markdown]
# ## Who is matched, and to whom
# Marketing speaks to people and sales to companies: what cannot be put to an account is lost to both. How many accounts
# are the same company, how many people and touches found theirs, and how many did not.

# %%
matched = data_quality.match_rates(len(accounts), book.same_company, book.lead_matches, fields)
book.measure(pd.DataFrame(data_quality.match_rows(matched)))
show.table(matched.drop(columns="definition_id"), "Put together, and belonging to nobody", rows=len(matched))

# %% [markdown]
# Touches without an account are in no score of any account. A dash means that the source has no such table, or that there
# was nobody to match.

# %% [markdown]
# ## Who can be reached in which role
# For each role the play needs: the share of accounts with a person in it who has not left, bounced or opted out.
# Customers and prospects stay apart, and former customers aside.

# %%
roles = data_quality.roles_reached(contacts, accounts, required_roles)

fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.3 * max(len(roles), 3)))
labels = (roles["role"] + ", " + roles["status"] + "s").tolist()
plots.intervals(roles, labels, ax, "accounts with such a person (share)")

# %%
known_roles = book.measure(pd.DataFrame(data_quality.role_rows(contacts, accounts, required_roles)))
show.measures(known_roles, "Role coverage", book.currency)

# %% [markdown]
# A role that few accounts have may be one that nobody enters: look at the share of contacts without a role first. In a
# report on an earlier day nobody knows the roles of that day, unless the source keeps their history.

# %% [markdown]
# ## Who may be spoken to
# Every contact once, in the first state that holds, from the top. They are counted and not named.

# %%
show.table(data_quality.contacts_by_state(contacts), "Contacts by state", note=catalogue.lacking(present, "contacts"))

# %% [markdown]
# Only those in the last line count as reachable anywhere in this workbook.

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
# They are never blended: a prospect without records is normal, a customer without records is a hole in the data. The
# list holds the customers that cannot be judged well, the longest silent first.

# %%
weak = data_quality.weak_customers(judged, accounts)
show.table(weak, "Customers that cannot be judged well", rows=15)

# %% [markdown]
# ## How deep the history is
# Months from the first to the last record of each account. What happens once a year cannot be seen in less than two.

# %%
depth = data_quality.history_depth(judged)

fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.45 * len(depth)))
plots.grid(depth, ax, "months between first and last record", "accounts")

# %%
kept = book.measure(pd.DataFrame([data_quality.stage_history_row(deals, book.read("opportunity_stage_history"))]))
show.measures(kept, "Deals whose past stages are known", book.currency)

# %% [markdown]
# Of a deal without a stage history nobody can tell today in which stage it was last quarter: reports on an earlier day
# leave its stage open.

# %% [markdown]
# ## What is known of them
# The share of accounts for which each describing field is filled. Fields that nobody fills cannot tell accounts
# apart, and cold accounts without a purchase can be judged by nothing else.

# %%
filled = missingness.filled_share(accounts)

fig, ax = plt.subplots(figsize=(7.2, 2.8))
plots.shares(filled, ax, "accounts with a value (share)")

# %% [markdown]
# ## Where it is missing
# The same by segment: a gap that sits in one segment is a gap in how that segment is worked or exported.

# %%
gaps = missingness.filled_by_segment(accounts, missing_by)
show.table(gaps, "Filled, by segment", rows=15, values="share")

# %% [markdown]
# ## Whether what is missing goes with what happened
# Each field among accounts that bought or had a deal won in the last twelve months, and among the others.

# %%
closed = closed_in(deals, periods.trailing(book.as_of, 12))
bought = book.features(["buying_days_12m"]).set_index("account_id")["buying_days_12m"]
active = missingness.bought_or_won(bought, closed)
uneven = missingness.filled_by_outcome(accounts, active)
show.table(
    uneven,
    "Filled, with and without a purchase or win",
    rows=len(uneven),
    note=f"Intervals at {LEVEL:.0%}, each for itself; p is adjusted for testing several fields.",
)

# %%
together = book.measure(pd.DataFrame([missingness.fill_difference_row(accounts, active)]))
show.measures(together, "All fields together", book.currency)

# %%
gap_fields = uneven.loc[uneven["verdict"] == "related to outcome", "field"].tolist()
say.words(
    f"Filled unevenly: {say.named(gap_fields)}. A model would learn who is looked after, and call it who buys."
    if gap_fields
    else "No single field was seen to be filled unevenly, or there is too little to judge it by."
)

# %% [markdown]
# Such a field may be filled because somebody bought, so it says nothing of who will. Fill it for the others, or keep it
# out of every model. Where no field alone stands out but the interval of all together lies on one side of zero, small
# gaps point the same way: the number of gaps goes with buying, and a model that sees what is missing would learn that.

# %% [markdown]
# ## Does the source keep what is over
# Where former customers, lost deals or people who left are deleted, what remains looks better than what was.

# %%
after_days = book.settings.former_after_days
ended = missingness.survivorship(accounts, book.same_company, deals, contacts, book.as_of, after_days)
show.table(ended, "What is over")

# %% [markdown]
# "None" of many is seldom luck: ask who cleans the source, and when. A report on an earlier day would leave out whoever
# has been deleted since.

# %% [markdown]
# ## The lead view beside the account view
# The same touches, twice: each account by its most engaged person, as a list of leads would have it, and by all people
# together. What the accounts did, or did with us, counts; touches halve in worth as they age.

# %%
touched = book.panel("activities", ["contact_id", "direction"], per="day")
touched = touched[touched["direction"] != "outbound"]
both_views = views.leads_and_accounts(touched, names.index, book.as_of, half_life_days)
show.table(
    views.side_by_side(both_views, names, top=10),
    "First by lead, and first by account",
    note=catalogue.lacking(present, "activities", "contacts"),
)

# %%
agreed = book.measure(pd.DataFrame(views.agreement(both_views, top=10)))
show.measures(agreed, "Do the two views agree?", book.currency)

# %% [markdown]
# An account far down by its best lead and high as an account is one in which several people stir and none stands out:
# a list of leads would leave it waiting. A touch of nobody known is another reason: it counts for the account and for no
# lead. Where both views agree fully, each account has one person, or only one is known.

# %% [markdown]
# ## One account, one timeline
# All that is known of one account, whichever team or channel it came from, month by month. Machines are left out.

# %%
which = views.chosen(account, judged)
touches = book.panel("activities", ["channel"], per="month")
purchases = orders.with_product_line(
    book.panel("transactions", ["product_id"], per="month"), book.read("products"), unknown="purchases"
)
sources = {"cases": "cases", "survey answers": "surveys", "contracts entered": "contracts"}
others = {lane: book.panel(table, per="month") for lane, table in sources.items()}
events = views.timeline(which, touches, purchases, deals, others)

fig, ax = plt.subplots(figsize=(7.2, 1.4 + 0.26 * events["lane"].nunique()))
ax.set_title(plots.plain(names[which]), pad=24)
plots.timeline(events, ax)
# %%
mix = views.touch_mix(touches, which)
show.table(mix, "Its touches by channel, beside those of all accounts", note=catalogue.lacking(present, "activities"))

# %% [markdown]
# A lane that stops while others go on is a question to whoever owns the account; a channel on which all others are spoken
# to and this one is not may be a gap, or its wish.

# %% [markdown]
# ## Which questions this data can answer
# Each later notebook needs some tables and is fuller with others. Notebooks marked later are not in this version yet;
# their data can be exported already.

# %%
answers = data_quality.answerable(catalogue.frame("notebooks.yml"), present)
show.table(answers, "Questions and data", rows=len(answers))

# %%
exports = data_quality.next_export(answers)
show.table(exports, "What to export next")

# %% [markdown]
# ## Evidence
# What the method claims, and where this workbook holds it against the reader's own data. A claim counts as tested only
# where its notebook is here today and tests it; the others are taken on trust until then.

# %%
claims = catalogue.claims("claims.yml")
tested = claims["state"].str.split().str[0].value_counts()
say.words(
    f"Of {len(claims)} claims {tested.get('tested', 0)} are tested today, {tested.get('later:', 0)} wait for a later "
    f"notebook or test, and {tested.get('on', 0)} cannot be tested on one company's data."
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
# A claim on trust is a reason to measure, never one to spend.

# %% [markdown]
# ## What to decide

# %%
for row in checks.worst(audit).itertuples():
    book.decide(
        say.slug("fix", row.table, row.check),
        text=f"Mend {row.table}: {row.remedy}",
        would_change=f"a new export in which {row.check}",
    )
for row in exports.head(2).itertuples():
    book.decide(
        say.slug("export", row.export),
        text=f"Export {row.export}",
        would_change=f"deciding that {row.needed_by + row.makes_fuller} questions can wait",
    )
book.decide(
    "ask_about_silent_customers",
    text="Find out what happened to customers that are stale or without a record",
    accounts=data_quality.silent_customers(judged),
    would_change=f"a limit other than {stale_days} days",
)

# %%
book.decide(
    "export_stage_history",
    text="Add a stage history to the export of deals",
    only_if=bool(kept["value"].lt(0.5).any()),
    would_change="deciding that no report on an earlier day is needed",
)
book.decide(
    "find_missing_roles",
    text="Find the missing roles",
    accounts=data_quality.customers_without_roles(contacts, accounts, required_roles, role_floor),
    would_change=f"another list of roles than {say.named(required_roles)}, or a floor other than {role_floor:.0%}",
)

# %% tags=["decide"]
book.decide(
    "keep_out_of_models",
    text=f"Keep out of models, or fill for all accounts: {say.named(gap_fields)}",
    only_if=bool(gap_fields),
    would_change="a new export in which they are filled alike",
)
book.decide(
    "ask_about_deleted_rows",
    text="Ask whether the source deletes " + say.named(missingness.possibly_deleted(ended)),
    only_if=bool(missingness.possibly_deleted(ended)),
    would_change="an answer that there were none",
)
say.decide(book.decisions, book.currency, names)

# %%
book.write("00_account_data", judged)
