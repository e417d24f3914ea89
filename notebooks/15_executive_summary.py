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
# **Needs** accounts. **Reads** the decisions and measures of all notebooks before it. **Writes** `15_executive_summary`.
# **Run** monthly.

# %% tags=["parameters"]
data: str = "../data/sample"  # folder or DuckDB file with the canonical tables
as_of: str = "2026-06-30"  # what was known at the end of this day
tables: str = "../reports/lab/tables"  # where notebooks leave tables for each other
most_decisions: int = 8  # decisions shown: most money first, then by due day

# %%
import numpy as np
import pandas as pd

from abmlib.method import changes, data_quality, deals, periods, summary
from abmlib.pages import catalogue, say, say_changes, show
from abmlib.stats.power import POWER
from abmlib.tables import Book

# %% [markdown]
# ## Load and check
# The decisions and measures of this run, and the deals and purchases of the book.

# %%
book = Book.open(data, as_of=as_of, tables=tables)
book.need("accounts", writes=["15_executive_summary"])
names = book.read("accounts").set_index("account_id")["name"]
opportunities = deals.with_days(book.read("opportunities"), book.as_of)
transactions = book.read("transactions")
say.absent(summary.missing_notebooks(catalogue.frame("notebooks.yml"), book.finished_notebooks(), this="15"))

# %% [markdown]
# ## Compute
# One quarter beside the same days of the quarters before it. The noise is what accounts vary and what those quarters varied.

# %%
flows = changes.flows(opportunities, transactions)
totals = book.measure(changes.totals(flows, periods.trailing(book.as_of, 12)))
measures = pd.concat([book.earlier("measures"), totals], ignore_index=True)
happened = changes.outcome_days(opportunities, transactions)
compared = changes.quarters_compared(happened, book.as_of, book.settings.fiscal_year_starts)
headlines = summary.with_changes(summary.headlines(measures), changes.judge(flows, compared), compared[0])

win_rate = deals.closed_in(opportunities, compared[0])["is_won"].astype("float64").mean()
judged_rate = headlines.loc[headlines["definition_id"] == "win_rate_by_count", "quarter_value"]
assert np.allclose(judged_rate, win_rate, equal_nan=True), "two win rates of the quarter"

# %% [markdown]
# ## Answer

# %% tags=["answer"]
texts, waits = show.change_texts(headlines, book.currency), compared[0].end < book.as_of
say_changes.changed(texts, headlines, str(compared[0]), waits, POWER)

# %% [markdown]
# ## What changed
# Expected of sums and counts: the trend of the earlier quarters, continued, so that steady growth is no change. Expected of
# shares and medians: the value of all earlier quarters together. A headline is too variable to judge where neither a halving
# nor a doubling would most likely show. Headlines without a change are not judged: their past is not known, or they move with
# another headline.

# %%
open_deals = opportunities[~opportunities["is_closed"].astype(bool)]
note = say_changes.undated(int(open_deals["created_day"].isna().sum()))
show.changes(headlines, "Headlines", book.currency, note=note)

# %% [markdown]
# ## What could not be answered
# Each line says what is missing and what it would answer: a table or field to export, a file to fill in, or something that has
# not happened yet.

# %%
answers = data_quality.answerable(catalogue.frame("notebooks.yml"), data_quality.available_data(book.fields()))
open_questions = summary.unanswered(measures, answers, book.noted_by())
show.table(open_questions.rename(columns={"export": "needed"}), "What would answer it", rows=12)

# %% [markdown]
# ## What to decide
# Decisions that the notebooks propose: the most money first, then by the day they are due. The money of an account that several
# decisions name is counted once, in the first of them. Each page gives the reasons of each account.

# %%
proposed = book.earlier("decisions")
decisions = summary.top_decisions(proposed, most_decisions)
each = proposed.drop_duplicates(["notebook", "slug"])
chores = each.loc[each["kind"] == "data", "text"].tolist()
say.words(say_changes.listed(decisions.groupby(["notebook", "slug"]).ngroups, len(each) - len(chores), chores))

# %% tags=["decide"]
show.decisions(decisions, book.currency, names)

# %%
book.write("15_executive_summary", headlines)
