# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here: account-based marketing by its numbers
#
# Account-based marketing (ABM) treats each customer or prospect company as a market of its own, sales and marketing together.
# Each lesson takes one step of the method: what it says, the formula built up in pandas, one way it fails in real life, and
# exercises. Your class has a market of its own, with some hundred companies that do not exist. What was planted in it
# is known: at the end of each lesson you see what really happened.
#
# **How an exercise works.** Run the cells above it (Shift+Enter). Put your answer in place of the three dots, and run that cell and
# the check below it. The check says one of four things: *right*, *wrong* with what is wrong, *not attempted*, or *cannot be
# checked*, such as a list where a number is asked for. You may try as often as you like. Do not round. Hints open on a click. The check
# also computes the answer, under a name of its own, so that the cells below work even if yours is wrong.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day

# %% [markdown]
# **The market.** A *book* is all data as it was known at the end of a day; a table of it is a pandas DataFrame. The first
# time takes some seconds.

# %%
from abmlib.pages.course import check
from abmlib.tables import Book

book = Book.open(data, as_of=as_of)
accounts = book.read("accounts")  # one row per company
accounts[["account_id", "name", "industry", "country", "employees"]].head()

# %% [markdown] tags=["exercise"]
# ### Try it: how many companies are in technology?
# `industry` says what a company does. How many are in `"technology"`? Put the number into `in_technology`.

# %% tags=["answer"]
in_technology = ...

# %% [markdown] tags=["hint"]
# A comparison gives True or False for each row, and True counts as 1: `(accounts["industry"] == "technology").sum()`.

# %% tags=["solution"]
in_technology = (accounts["industry"] == "technology").sum()

# %% tags=["wrong"]
# That is the number of all companies.
in_technology = len(accounts)

# %% tags=["check"]
with check("Try it", in_technology, "This is how exercises work. On to the first lesson."):
    is_technology = accounts["industry"].eq("technology")
    assert not 0 < in_technology < 1, "This is a share. Count them."
    assert in_technology != len(accounts), "That is the number of all companies."
    assert in_technology >= is_technology.sum(), "There are more: count all rows, not only those shown."
    assert in_technology <= is_technology.sum(), "There are fewer: count only companies whose `industry` is technology."
