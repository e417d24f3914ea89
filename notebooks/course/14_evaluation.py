# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 14. Did the programme cause it?
#
# The method asks for proof, and the field offers case studies: one account that did brilliantly. But accounts are chosen because they
# are promising, and promising accounts do well anyway. Only accounts that were **held back by lot** show what would have happened
# without the programme. You test a case study, run a programme that never was, ask how many accounts a proof takes, and read your
# market's own experiment. Then you see what was planted.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-12-31"  # what was known at the end of this day

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day. `plan` is what was written down before the draw: by which measure the
# experiment is judged, and when. `drawn` has one row for each account on the list: whether lots made it `treated` or `holdout`, on which
# day, and when the programme first reached it, if it did.

# %%
import numpy as np
import pandas as pd

from abmlib.pages.course import check, name_mistake, off
from abmlib.stats import randomised
from abmlib.tables import Book

book = Book.open(data, as_of=as_of)
accounts = book.read("accounts").set_index("account_id")
drawn = book.read("experiments").drop_duplicates("account_id").set_index("account_id").sort_index()
drawn["treated"], drawn["reached"] = drawn["arm"] == "treated", drawn["exposure_day"].notna()
plan = book.read("experiment_plans").iloc[0]
print(f"Written down on {plan['frozen_day']:%Y-%m-%d}, before the first draw on {drawn['assigned_day'].min():%Y-%m-%d}: {plan['analysis']}")  # fmt: skip
print(f"{drawn['treated'].sum()} accounts treated, {(~drawn['treated']).sum()} held back, {len(accounts) - len(drawn)} never on the list")  # fmt: skip

# %% [markdown]
# Each account is judged by its own twelve months, which begin on the day of its draw: `after`. `before` are the twelve months up to that
# day. Accounts that were never on the list take the day of the first draw.

# %%
a_year = pd.DateOffset(years=1)  # goes by the calendar, leap years too
start = drawn["assigned_day"].reindex(accounts.index).fillna(drawn["assigned_day"].min())
opened = book.read("opportunities")[["account_id", "created_day"]].dropna()
opened = opened[opened["account_id"].isin(accounts.index)]
opened["start"] = opened["account_id"].map(start)
inside = {
    "before": opened["created_day"].between(opened["start"] - a_year, opened["start"], inclusive="left"),
    "after": opened["created_day"].between(opened["start"], opened["start"] + a_year, inclusive="left"),
}
# An account without a deal is in no group: reindex gives it 0.
counted = {name: opened[rows].groupby("account_id").size().reindex(accounts.index, fill_value=0) for name, rows in inside.items()}  # fmt: skip
before, after = counted.values()
group = drawn["arm"].reindex(accounts.index).fillna("never on the list")
pd.DataFrame(counted).groupby(group).mean().style.format("{:.2f} deals each")

# %% [markdown]
# ## The case study
# Marketing shows one treated account: it opened at least **twice** as many deals as in the year before (and at least two).

# %%
doubled = (after >= 2 * before) & (after >= 2)
star = after[doubled & (group == "treated")].idxmax()
print(f"{star}: deals in the year before {before[star]}, in the year with the programme {after[star]}")

# %% [markdown] tags=["exercise"]
# ### Exercise 1: what does one account prove?
# Nothing was done for the accounts held back. Which share of them can print the same headline? Put it into `same_headline`.

# %% tags=["answer"]
same_headline = ...

# %% [markdown] tags=["hint"]
# `doubled` is true or false for each account, and `group` says which accounts were held back. The mean of true and false is a share.

# %% tags=["solution"]
same_headline = doubled[group == "holdout"].mean()

# %% tags=["wrong"]
# This is a number of accounts. Divide it by the number of accounts held back.
same_headline = doubled[group == "holdout"].sum()

# %% tags=["wrong"]
# This is the share of the treated accounts. The question is what happens where nothing was done.
same_headline = doubled[group == "treated"].mean()

# %% tags=["check"]
headlines = doubled.groupby(group).agg(["sum", "mean"])
with check("Exercise 1", same_headline, "A headline that accounts can print without the programme does not speak for it."):  # fmt: skip
    mistakes = {
        "This is in percent. Give a share: 0.05, not 5.": 100 * headlines.loc["holdout", "mean"],
        "This is a number of accounts. Divide it by the number of accounts held back.": headlines.loc["holdout", "sum"],
        "This is the share of the treated accounts. The question is what happens where nothing was done.": headlines.loc["treated", "mean"],
        "You also count the accounts that were never on the list. They were not chosen, so they are another kind of account.": doubled[group != "treated"].mean(),
        "You divide by all accounts. Divide by those held back.": headlines.loc["holdout", "sum"] / len(doubled),
    }  # fmt: skip
    name_mistake(same_headline, headlines.loc["holdout", "mean"], 0.0006, mistakes)
    assert off(same_headline, headlines.loc["holdout", "mean"]) < 0.0051, "Count the accounts held back that doubled, and divide by all held back."  # fmt: skip

# %%
print("Accounts that can print the headline: " + ", ".join(f"{r['sum']:.0f} ({r['mean']:.0%}) {g}" for g, r in headlines.iterrows()))  # fmt: skip
k, n = headlines.loc["holdout", "sum"], (group == "holdout").sum()
if headlines.loc["treated", "mean"] > headlines.loc["holdout", "mean"]:
    print(
        f"The treated print it more often; but {k:.0f} of {n} held back is too few to tell, and of one account it tells nothing."
    )
print(f"And if the programme does nothing at all, the best of all drawn accounts is a treated one in {drawn['treated'].mean():.0%} of draws: there are more of them.")  # fmt: skip

# %% [markdown]
# ## A programme that never was
# One account proves nothing, so take all: the mean of the treated less the mean of those held back, `gap`. Is it much, or what any two
# groups of these accounts differ by? A **placebo** tells. Take the year before, when nothing was done for anybody, draw lots again, and
# compare. Each row of `fake` is one such draw, with one column for each account of `drawn`.

# %%
treated = drawn["treated"].to_numpy()
deals_after, deals_before = after[drawn.index].to_numpy(), before[drawn.index].to_numpy()
gap = deals_after[treated].mean() - deals_after[~treated].mean()
random = np.random.default_rng(14)
fake = np.array([random.permutation(treated) for _ in range(1_000)])  # mixes true and false anew
print(f"Treated less held back: {gap:+.2f} deals each. Now for {len(fake):,} programmes that never were.")

# %% [markdown] tags=["exercise"]
# ### Exercise 2: how often does nothing look like this?
# For each fake draw, compute the difference of the means of `deals_before`, as `gap` was computed. In which share of them is it as far
# from 0 as `gap` or further, **up or down**? Put the share into `chance`.

# %% tags=["answer"]
chance = ...

# %% [markdown] tags=["hint"]
# `fake @ deals_before` adds up, for each draw, the deals of the accounts that are true. Divide by `fake[0].sum()` for their mean;
# `~fake` swaps true and false. Then compare `np.abs(…)` with `abs(gap)`.

# %% tags=["solution"]
differences = fake @ deals_before / fake[0].sum() - ~fake @ deals_before / (~fake[0]).sum()
chance = (np.abs(differences) >= abs(gap)).mean()

# %% tags=["wrong"]
# This counts one direction only. A programme that never was may look bad as well as good.
differences = fake @ deals_before / fake[0].sum() - ~fake @ deals_before / (~fake[0]).sum()
chance = (differences >= gap).mean()

# %% tags=["check"]
weights = fake / treated.sum() - ~fake / (~treated).sum()  # of each account in each draw's difference
placebo, lots = (np.abs(weights @ deals) for deals in (deals_before, deals_after))
as_far = (placebo >= abs(gap) - 1e-9).mean()
with check("Exercise 2", chance, "The more often nothing looks like this, the less it speaks for a programme."):
    mistakes = {
        "This is in percent. Give a share: 0.05, not 5.": 100 * as_far,
        "This counts one direction only. A programme that never was may look bad as well as good.": (weights @ deals_before >= gap - 1e-9).mean(),
        "This is the share of draws that are nearer to 0 than `gap`. The exercise asks for the others.": 1 - as_far,
        "This takes the year with the programme. A placebo needs a year in which nothing was done.": (lots >= abs(gap) - 1e-9).mean(),
    }  # fmt: skip
    name_mistake(chance, as_far, 0.0006, mistakes)
    assert off(chance, as_far) < 0.0051, "Compare the absolute difference of each draw with that of `gap`."

# %% [markdown]
# Do the same with the deals **after** the draw and you have the **randomisation p-value**: were the programme without any effect, each
# account would have opened these deals in either group. Only the lots differ. Below 5 % we call a difference more than chance.

# %%
p = (lots >= abs(gap) - 1e-9).mean()
print(f"The difference of {gap:+.2f}: a programme that never was shows as much in {as_far:.1%} of draws, lots alone in {p:.1%}.")  # fmt: skip
print(f"Differences beyond ±{np.quantile(lots, 0.95):.2f} would be more than chance.")

# %% [markdown]
# ## How many accounts does a proof take?
# Could the experiment show the rise that the plan hopes for? Plant it: draw two groups of 50 from the accounts' own past, with repeats,
# and let the deals of the first group rise. Each row is one trial, each column one account.

# %%
hoped, trials = float(plan["rise"]), 2_000


def planted_groups(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Deals of two groups of n / 2 accounts each, the first with the rise, in all trials."""
    random = np.random.default_rng(n)
    one, two = random.choice(deals_before, (2, trials, n // 2))
    return one + random.poisson(hoped * one), two


one, two = planted_groups(100)
apart = one.mean(axis=1) - two.mean(axis=1)  # axis=1: over the accounts of each trial
print(f"A rise of {hoped:.0%} on {deals_before.mean():.2f} deals each. Seen in the first trials: {np.round(apart[:4], 2)}")  # fmt: skip

# %% [markdown] tags=["exercise"]
# ### Exercise 3: how often would 100 accounts show it?
# A trial finds the rise if `apart` is more than 1.96 standard errors above 0. The error squared is the variance of each group
# (`var(axis=1, ddof=1)`) divided by its number of accounts, both added up. In which share of the trials is the rise found? Put this **power** into `found`.

# %% tags=["answer"]
found = ...

# %% [markdown] tags=["hint"]
# `one.var(axis=1, ddof=1) / 50` is the first part, one value for each trial. Add the second, take the root, and compare `apart` with it.

# %% tags=["solution"]
error = np.sqrt(one.var(axis=1, ddof=1) / 50 + two.var(axis=1, ddof=1) / 50)
found = (apart > 1.96 * error).mean()

# %% tags=["wrong"]
# This is how often the treated are ahead at all. Without any rise they would be ahead in half of the trials.
found = (apart > 0).mean()

# %% tags=["wrong"]
# This takes deals as independent. Some accounts open many and many open none, so the accounts vary more.
found = (apart > 1.96 * np.sqrt(one.mean(axis=1) / 50 + two.mean(axis=1) / 50)).mean()


# %% tags=["check"]
def share_found(n: int) -> float:
    """Power with n accounts."""
    one, two = planted_groups(n)
    error = np.sqrt((one.var(axis=1, ddof=1) + two.var(axis=1, ddof=1)) / (n // 2))
    return float((one.mean(axis=1) - two.mean(axis=1) > 1.96 * error).mean())


with check("Exercise 3", found, "Ask this before the programme. An experiment that cannot show the rise gives no answer, whatever it costs."):  # fmt: skip
    mistakes = {
        "This is in percent. Give a share: 0.05, not 5.": 100 * share_found(100),
        "This is how often the treated are ahead at all. Without any rise they would be ahead in half of the trials.": (apart > 0).mean(),
        "This takes deals as independent. Some accounts open many and many open none, so the accounts vary more.": (apart > 1.96 * np.sqrt((one.mean(axis=1) + two.mean(axis=1)) / 50)).mean(),
        "This asks for the whole rise that was hoped for. To be found, it need only be more than chance.": (apart > hoped * deals_before.mean()).mean(),
    }  # fmt: skip
    name_mistake(found, share_found(100), 0.0006, mistakes)
    assert off(found, share_found(100)) < 0.0051, (
        "Check the variances (ddof=1), the 50 accounts of each group, the root, and the 1.96."
    )

# %%
by_list = pd.Series({n: share_found(n) for n in (30, 100, 200, 400, 800, 1_600)}, name="power")
enough = by_list.index[by_list >= 0.8]
print(f"80 % is what experiments are planned for. Of these lists, {f'{enough[0]:,} accounts are the first that reach it' if len(enough) else 'none reaches it'}; yours has {len(drawn)}.")  # fmt: skip
print(f"A list as long as yours, half of it held back, finds it in {share_found(len(drawn) // 2 * 2):.0%} of trials. A longer time, each account's own past and a larger effect make do with fewer accounts.")  # fmt: skip
by_list.rename_axis("accounts on the list").to_frame().T.style.format("{:.0%}")

# %% [markdown]
# ## Reading the experiment
# Not every treated account was reached. The programme wants to be judged by those it worked on, `reached`, and compares them with
# all other accounts of the book.

# %%
reached = drawn["reached"].reindex(accounts.index, fill_value=False)
print(f"Reached: {after[reached].mean():.2f} deals each, all others {after[~reached].mean():.2f}. A year earlier, when nothing was done: {before[reached].mean():.2f} and {before[~reached].mean():.2f}.")  # fmt: skip

# %% [markdown] tags=["exercise"]
# ### Exercise 4: what did the programme do?
# Lots make groups alike on average, nothing else does. So count every account in the group it was drawn into, reached or not (*intention to
# treat*). Divide this difference in deals per account by the share of treated accounts that were reached. This is the difference per
# account **reached**, if being drawn does nothing to one that is not. Put it into `on_reached`.

# %% tags=["answer"]
on_reached = ...

# %% [markdown] tags=["hint"]
# You have the difference already. `drawn.loc[drawn["treated"], "reached"].mean()` is the share.

# %% tags=["solution"]
on_reached = gap / drawn.loc[drawn["treated"], "reached"].mean()

# %% tags=["wrong"]
# The others were never chosen. Accounts that are chosen differ from them before anything is done.
on_reached = after[reached].mean() - after[~reached].mean()

# %% tags=["wrong"]
# Who was reached is not left to lots. Compare the groups as they were drawn, then divide by the share reached.
on_reached = after[reached].mean() - after[group == "holdout"].mean()

# %% tags=["check"]
share_reached = drawn.loc[drawn["treated"], "reached"].mean()
complier = gap / share_reached
naive, picked_out = (after[reached].mean() - after[rest].mean() for rest in (~reached, group == "holdout"))
with check(
    "Exercise 4", on_reached, "On average lots make groups alike, also in what nobody records. Choosing does not."
):
    mistakes = {
        "The others were never chosen. Accounts that are chosen differ from them before anything is done.": naive,
        "Who was reached is not left to lots. Compare the groups as they were drawn, then divide by the share reached.": picked_out,
        "This is the difference between the groups as drawn. Part of the treated was not reached.": gap,
        "You multiply by the share. The same difference, made by fewer accounts, is more for each of them.": gap * share_reached,
    }  # fmt: skip
    name_mistake(on_reached, complier, 0.0006, mistakes)
    assert off(on_reached, complier) < 0.0051, "Divide the difference between the groups as drawn by the share of the treated that was reached."  # fmt: skip

# %% [markdown]
# ## Now see what really happened
# First, what the workbook says. It compares accounts only within their stratum, here the product line, and takes off what each account's
# past predicts. Its interval holds every effect that the lots do not contradict, at the stricter level of a last look. Then the
# truth: the file says for each deal whether the programme **caused** it. Without the programme it would not have opened.

# %%
level = randomised.look_levels([int(m) / plan["horizon_months"] for m in plan["looks"].split(";")])[-1]
strata = drawn["stratum"].astype(str).to_numpy()
read = randomised.read(deals_after.astype(float), treated, strata, deals_before.astype(float), seed=14)
low, high = randomised.interval(read, level)
print(f"By hand {gap:+.2f}, by the workbook {read.effect:+.2f}, from {low:+.2f} to {high:+.2f}, p {randomised.p_value(read):.2f}")  # fmt: skip
luck = deals_before[treated].mean() - deals_before[~treated].mean()
print(f"In one draw luck remains: in the year before, the treated opened {luck:+.2f} deals more than those held back. The workbook takes off what that predicts.")  # fmt: skip
planted = pd.read_csv(f"{truth}/opportunities.csv")
day, begins = pd.to_datetime(planted["opens_at"]).dt.tz_localize(None), planted["account_id"].map(start)
in_year = day.between(begins, begins + a_year, inclusive="left")
caused = planted[planted["caused"] & in_year].groupby("account_id").size().reindex(accounts.index, fill_value=0)
seen = pd.Series({
    "caused by the programme": caused[group == "treated"].mean(), "the groups as drawn": gap, "the workbook": read.effect,
    "reached less all others": naive,
})  # fmt: skip
effect = seen.iloc[0]
print(f"The case study: of the {after[star]} deals that {star} opened, the programme caused {caused[star]}.")
print(f"The programme caused {effect:.2f} deals for each treated account, a rise of {effect / (deals_after[treated].mean() - effect):.0%}; the plan hoped for {hoped:.0%}.")  # fmt: skip
print(f"Luck made {gap - effect:+.2f} of the difference between the groups. The interval of the workbook {'holds' if low <= effect <= high else 'misses'} the truth; 19 of 20 such intervals hold it.")  # fmt: skip
if low <= 0 <= high:
    print(
        "It also holds 0. “No effect that can be told from chance” is not “no effect”: the list was too short to tell."
    )
seen.to_frame("deals per treated account").style.format("{:+.2f}")

# %% [markdown]
# Take along: a case study lacks its other half, so ask the accounts held back for theirs. Before the draw, ask how large a rise the list
# can show, and write down what you will measure and when you will look. Then count every account where it was drawn. In the workbook,
# page 02 plans the draw and page 14 reads it.
