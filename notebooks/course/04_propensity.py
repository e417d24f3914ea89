# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 04. Who is likely to open a deal next, and may we believe the score?
#
# The method asks which accounts are likely to buy, so that sales call those first. Tools answer with a score. A score can fail in four
# ways: it promises too much, it has seen the future, it is chance, or people say more of it than it says. You test a score for
# each of them on half years that are over. Then you see what became of the accounts with a high score today.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look at the outcome

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day. The question is: does an account without an open deal open one within the
# `horizon`, half a year in days, renewals aside? The workbook goes back to earlier days. It learns from the first ones what went with a deal, and
# then scores the accounts on the last ones, whose outcomes it has not seen. The first time takes about half a minute.

# %%
import numpy as np
import pandas as pd

from abmlib.method import deals, orders, outcomes, predictors, propensity, propensity_report
from abmlib.pages.course import check, name_mistake, off
from abmlib.stats import intervals, models, scores
from abmlib.tables import Book

book, horizon = Book.open(data, as_of=as_of), 182
book.read("opportunities")[["account_id", "created_day", "type", "is_won"]].head(3)

# %% [markdown]
# `plan` lays out the past days, so that no outcome reaches into the next period. `history` has the features of each account as they
# were known on those days, and `back_tests` learns and scores.

# %%
lines = orders.with_product_line(book.read("transactions"), book.read("products"))
asked = outcomes.asked(deals.with_days(book.read("opportunities"), book.as_of), lines, book.read("contracts"), horizon, 0.2)  # fmt: skip
asked = [question for question in asked if question.name == "opens"]
planned = propensity.plan(asked, book.read("accounts"), book.as_of, horizon, 0)  # which past days
history = book.history(propensity.days_of(planned), None, {question.name: question.label for question in asked})
first_days = book.overview().set_index("table")["first_day"].dropna()
(tested,) = propensity.back_tests(planned, history, book.features(), first_days, book.as_of)
assert tested.rows is not None, f"This market cannot be asked who opens a deal: it takes {tested.why}."

# %% [markdown]
# `rows` has one row for each account and past day: the `score` that it had on that day, and whether it opened a deal in the half year
# after (`came`, 1 or 0). An account has a row on each day, so its rows are alike. `worked` says whether we had touched the account in
# the three months before.

# %%
rows = tested.rows.reset_index(drop=True)
print(f"{len(rows)} rows, of {rows['account_id'].nunique()} accounts on {rows['day'].nunique()} days. The score was chosen on earlier days: {tested.chosen}.")  # fmt: skip
print(f"A deal came in {rows['came'].mean():.0%} of the rows.")
rows.head(3)

# %% [markdown]
# ## Is a score a promise?
# A score of 0.3 promises: of a hundred such accounts, about thirty open a deal. One account cannot keep or break it; a **band** of
# scores can. Set the mean score of the band beside the share that came. The interval, from `low` to `high`, holds what luck explains,
# with accounts as the unit. A promise outside of it is **broken**. With few rows the interval is wide: then nobody can tell.

# %%
bounds, names = [0, 0.2, 0.4, 0.6, 0.8, 1], ["0 to 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 to 1"]
band = pd.cut(rows["score"], bounds, labels=names, include_lowest=True).astype(str)
# One row per band: share that came, low, high, n.
score_table = intervals.shares(rows["came"], rows["account_id"], band)
score_table.insert(0, "promised", rows["score"].groupby(band).mean())
score_table[["promised", "share", "low", "high", "n"]].style.format("{:.0%}", subset=["promised", "share", "low", "high"], na_rep="").format("{:.0f}", subset=["n"])  # fmt: skip

# %% [markdown]
# Now a vendor sells the same list. Its brochure leaves low scores as they are and adds a quarter to every score from three tenths on (we
# made this up). The order of the accounts stays the same, and the list looks better.

# %%
rows["brochure"] = (rows["score"] + 0.25 * (rows["score"] >= 0.3)).clip(upper=1)
brochure_band = pd.cut(rows["brochure"], bounds, labels=names, include_lowest=True).astype(str)
rows[["account_id", "score", "brochure", "came"]].drop_duplicates("score").head(4).style.format("{:.2f}", subset=["score", "brochure"])  # fmt: skip

# %% [markdown] tags=["exercise"]
# ### Exercise 1: which promise is broken?
# For each `brochure_band`, compare the mean of `brochure` with what came. In which bands is the promise outside the interval? Put
# their names into `broken`, as a set. A band without an interval (one account only) has broken nothing.

# %% tags=["answer"]
broken = ...

# %% [markdown] tags=["hint"]
# Make the table as above, with `brochure_band` and `rows["brochure"]`. `set(table.query("promised < low or promised > high").index)`
# gives the names of the bands whose promise is outside.

# %% tags=["solution"]
of_brochure = intervals.shares(rows["came"], rows["account_id"], brochure_band)
of_brochure["promised"] = rows["brochure"].groupby(brochure_band).mean()
broken = set(of_brochure.query("promised < low or promised > high").index)

# %% tags=["wrong"]
# In one of your bands promise and outcome differ by no more than luck explains. Compare the promise with both ends of the interval.
broken = set(brochure_band)

# %% tags=["wrong"]
# A broken band is missing. Its promise is outside the interval of what came.
broken = set()

# %% tags=["check"]
brochure_table = intervals.shares(rows["came"], rows["account_id"], brochure_band)
brochure_table.insert(0, "promised", rows["brochure"].groupby(brochure_band).mean())
outside = set(brochure_table.query("promised < low or promised > high").index)
with check("Exercise 1", broken, "A good order and a kept promise are two things. Ask each tool for both, with the number of cases."):  # fmt: skip
    if not isinstance(broken, set):
        raise TypeError("a set is asked for")
    assert broken <= set(names), "Something in your set is not the name of a band."
    assert broken <= set(brochure_table.index), "One of your bands has no row."
    assert broken <= outside, "In one of your bands promise and outcome differ by no more than luck explains. Compare the promise with both ends of the interval."  # fmt: skip
    assert outside <= broken, "A broken band is missing. Its promise is outside the interval of what came."

# %%
of_score = set(score_table.query("promised < low or promised > high").index)
print(f"Bands that break their promise: of the score {', '.join(sorted(of_score)) or 'none'}; of the brochure {', '.join(sorted(outside)) or 'none'}.")  # fmt: skip
print(f"Rows in which a deal came: {rows['came'].sum():.0f}. The score promised {rows['score'].sum():.0f}, the brochure {rows['brochure'].sum():.0f}.")  # fmt: skip
brochure_table[["promised", "share", "low", "high", "n"]].style.format("{:.0%}", subset=["promised", "share", "low", "high"], na_rep="").format("{:.0f}", subset=["n"])  # fmt: skip

# %% [markdown]
# ## How well does a score rank?
# Take one account that opened a deal and one that did not. Does the first have the higher score? The share of all such **pairs** in
# which it has is the **AUC** (area under the curve). Equal scores count half. All pairs right is 1, and a coin gets one half. Here are
# six accounts, made up so that you can count them by hand.

# %%
six = pd.DataFrame({"account": list("UVWXYZ"), "score": [0.8, 0.6, 0.5, 0.5, 0.3, 0.2], "came": [1, 0, 1, 0, 1, 0]})
six

# %% [markdown] tags=["exercise"]
# ### Exercise 2: count the pairs
# Count by hand: in which share of the pairs of an account that came and one that did not has the first the higher score? Put the AUC
# into `by_hand`.

# %% tags=["answer"]
by_hand = ...

# %% [markdown] tags=["hint"]
# U, W and Y came; V, X and Z did not. Take U first: how many of V, X and Z are below it? Do the same for W and for Y, where equal scores
# count half. Add up, and divide by the number of pairs.

# %% tags=["solution"]
by_hand = (3 + 1.5 + 1) / (3 * 3)  # U is above all three, W above Z and level with X, Y above Z

# %% tags=["wrong"]
# Equal scores count half, and you count them as lost.
by_hand = (3 + 1 + 1) / (3 * 3)

# %% tags=["wrong"]
# You divide by all pairs of six accounts. Only pairs of one that came and one that did not count.
by_hand = (3 + 1.5 + 1) / 15

# %% tags=["check"]
yes, no = (six.loc[six["came"] == came, "score"].to_numpy() for came in (1, 0))
above, level, pairs = (yes[:, None] > no).sum(), (yes[:, None] == no).sum(), len(yes) * len(no)
with check("Exercise 2", by_hand, "AUC looks at the order only. That is why score and brochure have the same."):
    mistakes = {
        "Equal scores count half, and you count them as lost.": above / pairs,
        "Equal scores count half, and you count them as won.": (above + level) / pairs,
        "You divide by all pairs of six accounts. Only pairs of one that came and one that did not count.": (above + level / 2) / 15,
        "This is the number of pairs. Divide it by all pairs.": above + level / 2,
        "This is in percent. Give a share: 0.05, not 5.": 100 * (above + level / 2) / pairs,
    }  # fmt: skip
    name_mistake(by_hand, (above + level / 2) / pairs, 0.0006, mistakes)
    assert off(by_hand, (above + level / 2) / pairs) < 0.0051, "Compare each of the three that came with each of the three that did not."  # fmt: skip

# %%
for name in ("score", "brochure"):
    area, low, high, n = scores.auc(rows[name].to_numpy(), rows["came"].to_numpy(), rows["account_id"].to_numpy())
    print(f"AUC of {name}: {area:.2f}, from {low:.2f} to {high:.2f} ({n} rows)")

# %% [markdown]
# ## The leak
# `table` has what a model may learn from: one row per account and past day, one column per feature. We add a column that
# we made up: `notes`, the number of notes in the account's file, **exported today**. People write notes when a deal opens, so we draw
# more of them where a deal came. The model learns from the early days and is tested on the last ones, as above. `notes_then`
# are the notes that were in the file on the day itself.

# %%
table, came = tested.predictors.past.copy(), tested.labelled["came"].to_numpy()
account = tested.labelled["account_id"].to_numpy()
early = tested.labelled["day"].isin(tested.blocks.before).to_numpy()
last_days = tested.labelled["day"].isin(tested.blocks.report).to_numpy()
random = np.random.default_rng(4)
notes_then = random.poisson(2, len(table)).astype(float)
notes = notes_then + random.poisson(5, len(table)) * came
table["notes"] = notes
leaked = models.fit("logistic", table[early], came[early], account[early])
promise, _, _, n = scores.auc(leaked.predict(table[last_days]), came[last_days], account[last_days])
print(f"AUC of the model on the last days: {promise:.2f} ({n} rows, {table.shape[1]} columns)")
alone = pd.Series({c: scores.auc(table[c].to_numpy(), came, account)[0] for c in table}, name="AUC alone")
alone.sort_values(ascending=False).head(5).to_frame().style.format("{:.2f}")

# %% [markdown] tags=["exercise"]
# ### Exercise 3: what is left without the leak?
# Fit the model again on the early days, without `notes`. Put its AUC on the last days into `left`.

# %% tags=["answer"]
left = ...

# %% [markdown] tags=["hint"]
# `table.drop(columns="notes")` gives the table without the column. Then do what the cell above does: `models.fit` on `early`, `predict` and
# `scores.auc` on `last_days`; `[0]` takes the first of the four numbers that it gives.

# %% tags=["solution"]
clean = table.drop(columns="notes")
honest = models.fit("logistic", clean[early], came[early], account[early])
left = scores.auc(honest.predict(clean[last_days]), came[last_days], account[last_days])[0]

# %% tags=["wrong"]
# This model still learns from the notes of today.
left = scores.auc(leaked.predict(table[last_days]), came[last_days], account[last_days])[0]

# %% tags=["wrong"]
# You test it on the days that it learnt from. It knows their outcomes; the last days are new to it.
clean = table.drop(columns="notes")
honest = models.fit("logistic", clean[early], came[early], account[early])
left = scores.auc(honest.predict(clean[early]), came[early], account[early])[0]

# %% tags=["wrong"]
# This model learns from the last days too, and so it knows the outcomes on which you test it.
clean = table.drop(columns="notes")
left = scores.auc(models.fit("logistic", clean, came, account).predict(clean[last_days]), came[last_days], account[last_days])[0]  # fmt: skip

# %% tags=["check"]
without = table.drop(columns="notes", errors="ignore")
plain, peeking = (
    models.fit("logistic", without[part], came[part], account[part]) for part in (early, np.ones_like(early))
)
fair, seen_before, peeked = (
    scores.auc(model.predict(without[on]), came[on], account[on])[0]
    for model, on in ((plain, last_days), (plain, early), (peeking, last_days))
)
with check("Exercise 3", left, "A score that is too good asks one question: was this column known on that day?"):
    mistakes = {
        "This model still learns from the notes of today.": promise,
        "You test it on the days that it learnt from. It knows their outcomes; the last days are new to it.": seen_before,
        "This model learns from the last days too, and so it knows the outcomes on which you test it.": peeked,
        "This is in percent. Give a share: 0.05, not 5.": 100 * fair,
    }  # fmt: skip
    name_mistake(left, fair, 0.0006, mistakes)
    assert off(left, fair) < 0.0051, "Fit the logistic model on the early days without `notes`, and test it on the last days."  # fmt: skip

# %% [markdown]
# And if nobody finds the leak? On the day on which the list is made, no note of a future deal is in any file. The model that
# learnt from `notes` then gets `notes_then`.

# %%
in_use = scores.auc(leaked.predict(table.assign(notes=notes_then)[last_days]), came[last_days], account[last_days])[0]
print(f"With the leak: AUC {promise:.2f} in the test, {in_use:.2f} in use. Without the column: {fair:.2f}.")
entered = pd.DataFrame({"account_id": account, "notes": notes})
why = predictors.leaks(entered, pd.Series(came), more=["notes"]).get("notes", "nothing, so nobody would be warned")
print(f"The workbook says of notes: {why}")

# %% [markdown]
# The workbook asks this of each column that people enter. It cannot find every leak: a column that saw a little of the future looks
# merely good. So export what was known **then** (a history of changes), and ask who fills in a column, and when.

# %% [markdown]
# ## Would chance have done it?
# Among few accounts any order may look good. So take the last day, with one row per account, and **shuffle** who opened a deal: a world in which
# no score can tell anything. Beside the score of the workbook we rank by two things that nobody would believe in: how long the
# account's name is, and how short. `real` has the AUC of each; `shuffled` has it for each shuffle, one per row.

# %%
last = rows[rows["day"] == rows["day"].max()].set_index("account_id")
letters = book.read("accounts").set_index("account_id")["name"].reindex(last.index).fillna("").str.len()
ranks = pd.DataFrame({"score": last["score"], "long name": letters, "short name": -letters}).rank()
did = last["came"].to_numpy() > 0
random = np.random.default_rng(5)
fake = np.array([random.permutation(did) for _ in range(1_000)])  # mixes who did and who did not anew
n_did, n_not = did.sum(), (~did).sum()
# The pairs that are won, from the sum of the ranks of those that did: the same as counting pairs.
real = (ranks[did].sum() - n_did * (n_did + 1) / 2) / (n_did * n_not)
shuffled = pd.DataFrame((fake @ ranks.to_numpy() - n_did * (n_did + 1) / 2) / (n_did * n_not), columns=ranks.columns)
print(f"{len(last)} accounts, {n_did} opened a deal. AUC: " + ", ".join(f"{area:.2f} ({of})" for of, area in real.items()))  # fmt: skip
shuffled.head(3).style.format("{:.2f}")

# %% [markdown] tags=["exercise"]
# ### Exercise 4: signal or no signal?
# In which share of the shuffles is the AUC of a score as high as its real one, or higher? Below 5 % we say *signal*, otherwise *no signal*.
# Put the names of the scores with a signal into `signals`, as a set. It may be empty: “no signal” is an answer.

# %% tags=["answer"]
signals = ...

# %% [markdown] tags=["hint"]
# `shuffled >= real` compares each column with its own number. The mean of true and false is a share, one for each score. `set(real.index[…])`
# gives the names for which it is below 0.05.

# %% tags=["solution"]
as_high = (shuffled >= real).mean()
signals = set(real.index[as_high < 0.05])

# %% tags=["wrong"]
# One of yours is matched by shuffles too often. Being above one half is not enough: about half of all shuffles are.
signals = set(real.index[real > 0.5])

# %% tags=["wrong"]
# You left out a score that hardly any shuffle matches.
as_high = (shuffled >= real).mean()
signals = set(real.index[as_high > 0.95])

# %% tags=["check"]
matched = (shuffled >= real).mean()
with_signal = set(real.index[matched < 0.05])
with check("Exercise 4", signals, "“No signal” is an answer: order the list by something else, or wait until there is more past."):  # fmt: skip
    if not isinstance(signals, set):
        raise TypeError("a set is asked for")
    assert signals <= set(real.index), "Something in your set is not the name of a score."
    known = set(real.index[real > 0.5])
    assert signals == with_signal or signals != known, "One of yours is matched by shuffles too often. Being above one half is not enough: about half of all shuffles are."  # fmt: skip
    assert signals <= with_signal, "One of yours is matched by shuffles in 5 % of them or more."
    assert with_signal <= signals, "You left out a score that hardly any shuffle matches."

# %%
for of, share in matched.items():
    print(f"{of}: {'signal' if of in with_signal else 'no signal'}. AUC {real[of]:.2f}, matched in {share:.1%} of shuffles; the best twentieth of them begins at {shuffled[of].quantile(0.95):.2f}.")  # fmt: skip
if silly := with_signal - {"score"}:
    print(f"{' and '.join(sorted(silly))}: luck. One senseless score in twenty passes this test.")
print("Long and short are opposite orders, so one of them is always above one half; their AUC add up to 1.")
print(f"The workbook, which wants the whole interval above one half on all rows, says: {tested.verdict}.")

# %% [markdown]
# One senseless score in twenty passes. Who tries twenty and shows the best one has found luck. So decide what you test before you look,
# and test it on days that nobody has looked at.

# %% [markdown]
# ## Whom to call
# Sales can call `capacity` accounts in the half year. `top` says which have the highest scores on the last day. **Lift** is the share that
# came among them, divided by the share that came among **all** accounts. Below are sentences for the meeting.

# %%
capacity, n = 30, len(last)
top = pd.Series(propensity_report.top_of(last.reset_index(), capacity), last.index)
hits, every = int(last.loc[top, "came"].sum()), int(last["came"].sum())
touched = last[top].groupby(last.loc[top, "worked"].astype(bool))["came"].agg(["sum", "size"]).reindex([True, False], fill_value=0)  # fmt: skip
print(f"{n} accounts, {every} opened a deal. On the list {capacity} accounts, {hits} opened a deal.\n")
sentences = {
    "A": f"Of the {capacity} accounts on the list {hits} opened a deal; of as many drawn by lot about {capacity * every / n:.0f} would have.",
    "B": f"If we call these {capacity}, our calls make {hits} deals.",
    "C": f"Accounts on the list opened a deal {hits / capacity / ((every - hits) / (n - capacity)):.2f} times as often as all accounts: this is the lift.",
    "D": f"Accounts on the list opened a deal {hits / capacity / (every / n):.2f} times as often as all accounts: this is the lift.",
    "E": "Nobody needs to call the accounts that are not on the list: they open no deal.",
    "F": "Even if the list tells who is likely to open a deal, it does not tell whom a call would persuade.",
    "G": f"On the list {touched.loc[True, 'sum']:.0f} of {touched.loc[True, 'size']:.0f} accounts that we had touched opened a deal, and {touched.loc[False, 'sum']:.0f} of {touched.loc[False, 'size']:.0f} others: this shows what our touches do.",
}  # fmt: skip
print("\n".join(f"{letter}  {words}" for letter, words in sentences.items()))

# %% [markdown] tags=["exercise"]
# ### Exercise 5: what may be said?
# Which sentences follow from these counts, or say rightly what they leave open? Put their letters into `may_say`, as a set.

# %% tags=["answer"]
may_say = ...

# %% [markdown] tags=["hint"]
# Compute the lift from the counts: `hits / capacity / (every / n)`. Then ask of each sentence: do the counts say this, or does it claim a cause?
# What would these accounts have done without us?

# %% tags=["solution"]
may_say = {"A", "D", "F"}

# %% tags=["wrong"]
# One of yours says that calls make the deals. These accounts opened them without this list; only accounts held back by lot show what a call adds.
may_say = {"A", "B", "D", "F"}

# %% tags=["wrong"]
# One of yours has a wrong lift. Divide by the share of all accounts, and not by that of the accounts off the list.
may_say = {"A", "C", "F"}

# %% tags=["wrong"]
# One of yours takes touched accounts as drawn by lot. We touch those that look promising, so they differ before any touch.
may_say = {"A", "D", "F", "G"}

# %% tags=["wrong"]
# A sentence is missing: one that counts, or one that says what the list leaves open.
may_say = {"A", "D"}

# %% tags=["check"]
refuted = {
    "B": "One of yours says that calls make the deals. These accounts opened them without this list; only accounts held back by lot show what a call adds.",
    "C": "One of yours has a wrong lift. Divide by the share of all accounts, and not by that of the accounts off the list.",
    "E": "One of yours says that the others open nothing. A low score is no zero: count them.",
    "G": "One of yours takes touched accounts as drawn by lot. We touch those that look promising, so they differ before any touch.",
}  # fmt: skip
with check("Exercise 5", may_say, "Likely is not persuadable: who will open a deal anyway needs no programme for it."):
    if not isinstance(may_say, set):
        raise TypeError("a set is asked for")
    assert may_say <= set(sentences), "Something in your set is not the letter of a sentence."
    for letter, words in refuted.items():
        assert letter not in may_say, words
    assert set(sentences) - set(refuted) <= may_say, "A sentence is missing: one that counts, or one that says what the list leaves open."  # fmt: skip

# %%
lift, low, high, _ = scores.lift(last["score"].to_numpy(), last["came"].to_numpy(), last.index.to_numpy(), top.to_numpy(), seed=4)  # fmt: skip
print(f"The lift of the list is {lift:.2f}, from {low:.2f} to {high:.2f} (n = {capacity}).")
print(f"Off the list {every - hits} of {n - capacity} accounts opened a deal: {'more deals than on it' if every - hits > hits else 'fewer than on it'}, from more accounts.")  # fmt: skip

# %% [markdown]
# ## Now see what really happened
# First the promises of today. `now` has the score of each account at the end of `as_of`, and whether it opened a deal in the half year
# after, as the book of `later` knows it.

# %%
now = propensity_report.today(tested).set_index("account_id")
then = Book.open(data, as_of=later).read("opportunities")
since = then["created_day"].between(book.as_of + pd.Timedelta(days=1), book.as_of + pd.Timedelta(days=horizon))
opened = then[since & (then["type"] != "renewal")]
now["came"] = now.index.isin(opened["account_id"]).astype(float)
today_band = pd.cut(now["score"], bounds, labels=names, include_lowest=True).astype(str)
came_of = intervals.shares(now["came"], None, today_band)
came_of.insert(0, "promised", now["score"].groupby(today_band).mean())
came_of[["promised", "share", "low", "high", "n"]].style.format("{:.0%}", subset=["promised", "share", "low", "high"], na_rep="").format("{:.0f}", subset=["n"])  # fmt: skip

# %%
on_top = now.index[:capacity]  # the highest scores
if not tested.is_signal:
    print("Without a signal the workbook gives every account the same score: the order below is as good as any.")
print(f"Of the {capacity} accounts with the highest score today {now.loc[on_top, 'came'].sum():.0f} opened a deal, of all {len(now)} accounts {now['came'].mean():.0%}.")  # fmt: skip
area, low, high, n = scores.auc(now["score"].to_numpy(), now["came"].to_numpy(), now.index.to_numpy())
print(f"AUC {area:.2f}, from {low:.2f} to {high:.2f} (n = {n}).")

# %% [markdown]
# Now the calls. The truth says for each deal whether the programme **caused** it. The others would have opened without it.

# %%
planted = pd.read_csv(f"{truth}/opportunities.csv").set_index("opportunity_id")
new_deals = opened.join(planted["caused"], on="opportunity_id").dropna(subset=["caused"])
on_list = new_deals["account_id"].isin(on_top)
caused = new_deals["caused"].astype(bool).groupby(on_list).agg(["sum", "size"]).reindex([True, False], fill_value=0)
print(f"Deals opened by the accounts on today's list: {caused.loc[True, 'size']}, caused by the programme {caused.loc[True, 'sum']}.")  # fmt: skip
print(f"Deals opened by all others: {caused.loc[False, 'size']}, caused by the programme {caused.loc[False, 'sum']}.")

# %% [markdown]
# Take along: ask of each score what it promised, what came and of how many; ask of each column if it was known on that day; shuffle before you
# believe; and say “likely”, not “persuadable”. A list by score serves to be there in time. Whom a programme moves, only lots can
# tell: that is lesson 14. In the workbook, page 04 makes these tests for each question that your data can answer, and
# says “no signal” where there is none.
