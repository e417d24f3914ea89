# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
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

# %%
import matplotlib.pyplot as plt

from abmlib.method import quality
from abmlib.pages import catalogue, plots, say, show
from abmlib.tables import Book, checks

plots.style()

# %% [markdown]
# ## Load and check
# Every table of the source is checked as a whole, inside the engine, before anything is computed from it.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", writes=["00_account_data"])
accounts = book.read("accounts")
overview = book.overview()

# %%
audit = book.audit()
say.checks(*checks.counts(audit), checks.sentences(audit))

# %% [markdown]
# ## How far each table reaches
# A question can only be answered for the accounts and the days that a table covers.

# %%
reach = quality.freshness(overview, book.as_of, len(accounts))
show.table(
    reach,
    "Tables of this source",
    count=["rows", "accounts", "days_old"],
    share=["account_share"],
    day=["first_day", "last_day"],
    units={"days_old": "days"},
    rows=len(reach),
    missing="–",
)

# %% [markdown]
# Read the last column first: a table whose newest row is old makes every later page look calmer than the business is.

# %% [markdown]
# ## What was lost on the way
# Every row that was in the export and is not in this report, with the reason.

# %%
show.table(
    checks.losses(book.ledger), "Rows in, rows out and why", count=["rows_in", "rows_out", "rows_lost"], missing="–"
)

# %% [markdown]
# ## Account by account
# Each account gets one verdict: no record at all, stale, thin, or usable.

# %%
judged = quality.account_data(accounts, book.records(), book.as_of, stale_days, min_records)
counts = quality.verdict_counts(judged)

fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.45 * len(counts)))
plots.stacked(counts, ax, "accounts")

# %% [markdown]
# ## Prospects and customers
# They are never blended: a prospect without records is normal, a customer without records is a hole in the data. The
# list holds the customers that cannot be judged well, the longest silent first.

# %%
weak = quality.weak_customers(judged, accounts)
show.table(
    weak,
    "Customers that cannot be judged well",
    day=["last_seen"],
    count=["records", "days_since_last"],
    units={"days_since_last": "days"},
    share=["filled_share"],
    rows=15,
)

# %% [markdown]
# ## What is known of them
# The share of accounts for which each describing field is filled. Fields that nobody fills cannot tell accounts
# apart, and cold accounts without a purchase can be judged by nothing else.

# %%
filled = quality.filled(accounts)

fig, ax = plt.subplots(figsize=(7.2, 2.8))
plots.shares(filled, ax, "accounts with a value (share)")

# %% [markdown]
# ## Which questions this data can answer
# Each later notebook needs some tables and is fuller with others. Notebooks marked later are not in this version yet;
# their data can be exported already.

# %%
answers = quality.answerable(catalogue.frame("notebooks.yml"), quality.present(book.fields()))
show.table(answers, "Questions and data", rows=len(answers), missing="")

# %%
exports = quality.next_export(answers)
show.table(
    exports,
    "What to export next",
    count=["needed_by", "makes_fuller"],
    units={"needed_by": "questions", "makes_fuller": "questions"},
)

# %% [markdown]
# ## What to decide

# %%
for row in checks.to_mend(audit).itertuples():
    book.decide(f"Mend {row.table}: {row.remedy}", would_change=f"a new export in which {row.check}")
for row in exports.head(2).itertuples():
    book.decide(
        f"Export {row.export}", would_change=f"deciding that {row.needed_by + row.makes_fuller} questions can wait"
    )
book.decide(
    "Find out what happened to customers that are stale or without a record",
    accounts=quality.silent(judged),
    would_change=f"a limit other than {stale_days} days",
)
say.decide(book.decisions, book.currency, accounts.set_index("account_id")["name"])

# %%
book.write("00_account_data", judged)
