# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 15 Executive summary: what should leadership decide this period, and what changed since the last?
#
# **Decision.** Which proposed decisions to take, and which changes to ask about.
#
# **Needs** accounts. **Reads** the decisions and measures of all notebooks before it, and those of the previous run.
# **Writes** `15_executive_summary`. **Run** monthly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
previous: str = ""  # tables of the run to compare with, empty where there is none
most_decisions: int = 8  # decisions shown, those with most money first

# %%
from abmlib.method import data_quality, summary
from abmlib.pages import catalogue, say, show
from abmlib.tables import Book

# %% [markdown]
# ## Load and check
# The decisions and measures of this run, and of the previous run.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", writes=["15_executive_summary"])
names = book.read("accounts").set_index("account_id")["name"]
measures = book.earlier("measures")
before = book.earlier("measures", tables=previous)
say.absent(summary.missing_notebooks(catalogue.frame("notebooks.yml"), book.finished_notebooks(), this="15"))

# %% [markdown]
# ## What changed
# Each headline and its value in the previous report. A change within noise is no news. A counted figure is a fact, not an
# estimate.

# %%
headlines = summary.against_previous(summary.headlines(measures), summary.headlines(before))
show.changes(headlines, "Headlines", book.currency)

# %%
say.changed(headlines.groupby("judged").size().to_dict())

# %% [markdown]
# ## What could not be answered
# Each line says what is missing and what it would answer: a table or field to export, a file to fill in, or something that has
# not happened yet.

# %%
answers = data_quality.answerable(catalogue.frame("notebooks.yml"), data_quality.available_data(book.fields()))
open_questions = summary.unanswered(measures, answers)
show.table(open_questions.rename(columns={"export": "needed"}), "What would answer it", rows=12)

# %% [markdown]
# ## What to decide
# Decisions that the notebooks propose, the most money first. Each page gives the reasons; each line says what would change the
# decision.

# %% tags=["decide"]
decisions = summary.top_decisions(book.earlier("decisions"), most_decisions)
say.decide(decisions, book.currency, names)

# %%
book.write("15_executive_summary", headlines)
