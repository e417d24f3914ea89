# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 02. What do we aim for, who agreed, and which effects could we even detect?
#
# The method says: do not proceed until sales and marketing have agreed on the criteria and on the list of accounts. Write the
# objectives down and freeze them before the programme starts. And ABM needs time to grow, so do not judge it too early. You measure
# how far the two teams agree, find out which effect a programme of this size could detect, and judge it so far. Then you see what
# was planted.

# %% tags=["parameters"]
data: str = "data"  # folder of the market
truth: str = "truth"  # folder of what was planted in it; no analyst has this
as_of: str = "2026-06-30"  # what was known at the end of this day
later: str = "2026-12-31"  # the day on which we look at the outcome

# %% [markdown]
# ## Load
# A *book* is the data as it was known at the end of a day. From here on you work in plain pandas and numpy. Each row of `votes`
# is the vote of one team on one account. `drawn` says which accounts of the list were drawn at random for the programme
# (`treated`), which were held back (`holdout`), and on which day.

# %%
import numpy as np
import pandas as pd

from abmlib.pages.course import check, name_mistake
from abmlib.tables import Book

book = Book.open(data, as_of=as_of)
votes, criteria, objectives = (book.read(name) for name in ("list_votes", "criteria", "objectives"))
drawn = book.read("experiments").drop_duplicates("account_id").set_index("account_id")[["arm", "assigned_day"]]
objectives[["sales_goal", "tactic", "measure_id", "baseline", "target", "frozen_day"]]

# %% [markdown]
# ## Who agreed?
# Were the objectives frozen before the first account entered? The same day is still in time. And the criteria: a signature counts
# if it was given **before** the vote: rules that are signed after the choice only describe the choice.

# %%
first_entry = book.read("account_tiers")["valid_from"].min()
frozen = objectives["frozen_day"].max()
print(
    f"The last objective was frozen on {frozen:%Y-%m-%d}; first account entered on {first_entry:%Y-%m-%d}: "
    f"{'in time' if frozen <= first_entry else 'late'}."
)
first_vote = votes["entered_at"].min()
valid = criteria[criteria["signed_at"] < first_vote].groupby("criterion_id")["sign_off_team"].nunique()
print(
    f"First vote on {first_vote.date()}. Of {criteria['criterion_id'].nunique()} criteria, {criteria['signed_at'].notna().sum()} "
    f"carry a signature, and {(valid >= 2).sum()} were signed by both teams before the vote."
)
criteria[["name", "weight", "sign_off_team", "signed_day"]]

# %% [markdown]
# **Overlap of the lists** (Jaccard): accounts that both want in, divided by accounts that at least one wants in. `pivot` puts the
# votes of the two teams side by side.

# %%
newest = votes[votes["round"] == votes.sort_values("entered_at")["round"].iloc[-1]].sort_values("entered_at")
newest = newest.drop_duplicates(["account_id", "voter_team"], keep="last")
# one row per account, one column per team
ballots = newest.pivot(index="account_id", columns="voter_team", values="vote")[["sales", "marketing"]].dropna()
wanted = ballots == "in"
overlap = wanted.all(axis=1).sum() / wanted.any(axis=1).sum()
print(f"Both want {wanted.all(axis=1).sum()} of {wanted.any(axis=1).sum()} accounts: overlap {overlap:.0%}")
kinds = ["in", "unsure", "out"]
# crosstab counts each pair of votes, here as a share of all; reindex puts them in the order of `kinds`
share = pd.crosstab(ballots["sales"], ballots["marketing"], normalize="all").reindex(
    index=kinds, columns=kinds, fill_value=0
)
share.style.format("{:.0%}")

# %% [markdown]
# If both teams want nearly everything, their lists overlap even where nobody looked at the accounts. **Cohen's kappa** takes off the
# agreement that chance gives: (agreed − by chance) ÷ (1 − by chance). It is 1 if the teams agree on everything, and 0 if
# they agree as often as by chance. Chance gives both teams "in" in a share that is the product of their shares of "in", and so on for
# each kind of vote.

# %% [markdown] tags=["exercise"]
# ### Exercise 1: how far do they agree beyond chance?
# `agreed` is the share of accounts with equal votes. Put Cohen's kappa into `kappa`.

# %%
agreed = (ballots["sales"] == ballots["marketing"]).mean()
print(f"equal votes: {agreed:.0%}")

# %% tags=["answer"]
kappa = ...

# %% [markdown] tags=["hint"]
# `share.sum(axis=1)` gives how often sales votes in, unsure and out, and `share.sum(axis=0)` the same of marketing. Multiply the two:
# pandas matches the kinds of vote by name. Their sum is the agreement by chance.

# %% tags=["solution"]
by_chance = (share.sum(axis=1) * share.sum(axis=0)).sum()
kappa = (agreed - by_chance) / (1 - by_chance)

# %% tags=["wrong"]
# This is the share of equal votes. Some of them would be equal by chance.
kappa = agreed

# %% tags=["wrong"]
# Two teams that agree on every account must get 1. By this formula they would get less.
kappa = agreed - (share.sum(axis=1) * share.sum(axis=0)).sum()

# %% tags=["wrong"]
# This takes each of the three votes as equally common. Teams that give one vote most of the time agree more often by chance.
kappa = (agreed - 1 / 3) / (1 - 1 / 3)


# %% tags=["check"]
with check(
    "Exercise 1",
    kappa,
    "Overlap can be large where kappa is small. The accounts on which they differ are worth a meeting.",
):
    chance = (share.to_numpy().sum(axis=0) * share.to_numpy().sum(axis=1)).sum()
    right = (agreed - chance) / (1 - chance)
    mistakes = {
        "This is the share of equal votes. Some of them would be equal by chance.": agreed,
        "Two teams that agree on every account must get 1. By this formula they would get less.": agreed - chance,
        "This takes each of the three votes as equally common. Teams that give one vote most of the time agree more often by chance.": (agreed - 1 / 3) / (1 - 1 / 3),
        "This is the overlap of the lists. Use all three kinds of vote.": overlap,
        "This is the agreement by chance alone.": chance,
    }  # fmt: skip
    name_mistake(kappa, right, 0.0051, mistakes)
    assert not abs(kappa) > 1, "Cohen's kappa is never above 1."
    assert abs(kappa - right) < 0.0051 or not np.isclose(kappa, round(right, 1)), (
        "Rounded too far. Give two decimals or more."
    )
    assert abs(kappa - right) < 0.0051 or bool(np.isnan(kappa) and np.isnan(right)), (
        "This is not the agreement beyond chance, divided by what chance leaves over."
    )

# %% [markdown]
# ## Which effect could we detect?
# One of the objectives is about deals opened. Before anybody promises it: how large is a rise that we could tell from luck? Your
# own past says how much luck there is. Here are the deals that each drawn account opened in the year before the programme, renewals
# aside. Accounts that were created during that year have no such year, and are left out.
#
# The objective asks for a share on top of a baseline, and names the accounts it is meant for. We ask the same share of **all**
# drawn accounts, on top of what they opened. The entered baseline does not say for how long it counts: see how far it is from that.

# %%
start = drawn["assigned_day"].min()


def opened(of: Book) -> pd.DataFrame:
    """Deals of the drawn accounts, renewals aside, with their arm and the day of the draw."""
    deals = of.read("opportunities")
    return deals[deals["type"] != "renewal"].merge(drawn.reset_index(), on="account_id")


before = opened(book)
before = before[before["created_day"].between(start - pd.DateOffset(years=1), start, inclusive="left")]
created = book.read("accounts").set_index("account_id")["created_day"].reindex(drawn.index)
old = drawn.index[~(created > start - pd.DateOffset(years=1))]
past = before.groupby("account_id").size().reindex(old, fill_value=0)
treated, held = (int((drawn["arm"] == arm).sum()) for arm in ("treated", "holdout"))
goal = objectives[objectives["measure_id"] == "opportunities_opened"].iloc[0]
aim = goal["target"] / goal["baseline"] - 1
print(
    f"{treated} accounts treated, {held} held back. The objective “{goal['sales_goal']}” asks for {goal['target']:g} instead of "
    f"{goal['baseline']:g}, a rise of {aim:.0%}. The {len(past)} accounts opened {past.mean():.2f} deals each in the year before."
)
past.value_counts().sort_index().rename_axis("deals in the year").to_frame("accounts").T

# %% [markdown]
# **Simulate the programme before it runs.** Draw two groups from these accounts, with repeats. Let the deals of the treated rise. Then
# compare the two means as you would in real life: is the difference larger than 1.96 standard errors? Do this two thousand times. The
# share of trials that detect the rise is the **power**. A rise that is detected in 80 % of trials or more counts as detectable.
# At a rise of 0 the power is how often luck alone is called a rise. On paper this is 2.5 %; with few accounts, of which some open
# many deals, it can be more.
#
# Accounts are drawn, not deals. Deals of one account come together: some open many, and many open none.


# %%
def detected(rise: float, treated: int, held: int, trials: int = 2_000) -> np.ndarray:
    """In which of the trials is a rise (0.5: half as many more) detected."""
    random = np.random.default_rng(2)
    with_it = random.choice(past.to_numpy(), (trials, treated))  # one row per trial, one column per account
    with_it = with_it + random.poisson(rise * with_it)  # the deals that come on top
    without = random.choice(past.to_numpy(), (trials, held))
    error = np.sqrt(with_it.var(axis=1, ddof=1) / treated + without.var(axis=1, ddof=1) / held)
    return with_it.mean(axis=1) - without.mean(axis=1) > 1.96 * error


power = pd.Series({rise / 10: detected(rise / 10, treated, held).mean() for rise in range(61)}, name="power")
power.iloc[::5].rename_axis("rise").to_frame().T.style.format("{:.0%}").format_index("{:.0%}", axis=1)

# %% [markdown] tags=["exercise"]
# ### Exercise 2: what is the smallest rise that counts as detectable?
# Put it into `smallest`, as a share: 0.5 means half as many deals more.

# %% tags=["answer"]
smallest = ...

# %% [markdown] tags=["hint"]
# The rises are the index of `power`. `power.index[condition]` gives those for which a condition is true. You want the smallest of them.

# %% tags=["solution"]
smallest = power.index[power >= 0.8].min()

# %% tags=["wrong"]
# This is the rise you hope for. Your own past does not know what you hope for.
smallest = aim

# %% tags=["wrong"]
# A programme with this rise would be missed too often to call the rise detectable.
smallest = power.index[power >= 0.5].min()

# %% tags=["wrong"]
# A smaller rise is detected often enough too. 95 % is the level of the interval; the power asked for is another figure.
smallest = power.index[power >= 0.95].min()

# %% tags=["check"]
with check(
    "Exercise 2",
    smallest,
    "Of such an effect, 80 of 100 programmes would be told from luck. A smaller one may exist, and is missed more often.",
):
    if isinstance(smallest, str):
        raise TypeError("a number is asked for")
    given = float(smallest)
    expected = power.index[power >= 0.8].min()
    is_right = abs(given - expected) < 1e-9 or bool(pd.isna(expected) and pd.isna(given))
    assert is_right or pd.isna(given) == pd.isna(expected), (
        "Which rises in `power` are detected so often? There may be none."
    )
    assert is_right or not given > power.index.max(), "A share is asked for: 0.5 means half as many deals more."
    assert is_right or not np.isclose(given, aim, atol=0.0051), (
        "This is the rise you hope for. Your own past does not know what you hope for."
    )
    assert is_right or not (
        0.8 <= given <= 1 and np.isclose(power, given, atol=0.0006).any() and given not in power.index
    ), "This is a power. The exercise asks for the rise."
    assert is_right or not given < expected, (
        "A programme with this rise would be missed too often to call the rise detectable."
    )
    assert is_right or given != power.index[power >= 0.95].min(), (
        "A smaller rise is detected often enough too. 95 % is the level of the interval; the power asked for is another figure."
    )
    assert is_right, "A smaller rise is detected often enough too."

# %% [markdown]
# What if the programme were larger? Here is the power for the rise that you ask for, with 2, 4 and 8 times the accounts.
# To see half the effect takes about four times the accounts: luck falls with the square root of their number.

# %%
several = {f"{k} × the accounts": detected(aim, k * treated, k * held).mean() for k in (1, 2, 4, 8)}
pd.Series(several).to_frame(f"power for a rise of {aim:.0%}").T.style.format("{:.0%}")

# %% [markdown]
# ## One way it fails: judging the programme by one number
# Somebody asks for the result. Here are deals opened since the draw, per account and year; accounts that entered later were watched
# for a shorter time.


# %%
def since_draw(of: Book) -> pd.DataFrame:
    """Deals opened since the draw, years watched and deals per year, by account."""
    new = opened(of)
    new = new[new["created_day"] > new["assigned_day"]].groupby("account_id").size().reindex(drawn.index, fill_value=0)
    years = (of.as_of - drawn["assigned_day"]).dt.days / 365
    return drawn.assign(deals=new, years=years, per_year=new / years)


since = since_draw(book)
by_arm = since.groupby("arm")["per_year"]
gap = by_arm.mean()["treated"] - by_arm.mean()["holdout"]
print(
    f"Accounts were watched for {since['years'].min():.2f} to {since['years'].max():.2f} years. "
    f"Treated accounts open {abs(gap):.2f} {'more' if gap > 0 else 'fewer'} deals a year than those held back."
)
by_arm.agg(["size", "mean", "var"]).style.format("{:.2f}", subset=["mean", "var"])

# %% [markdown] tags=["exercise"]
# ### Exercise 3: how sure is this?
# The 95 % interval of `gap` reaches 1.96 standard errors to each side. Put this length into `half`.

# %% tags=["answer"]
half = ...

# %% [markdown] tags=["hint"]
# Look at `error` in `detected`: the variance of each group, divided by its number of accounts, both added, then the square root.
# `by_arm.var()` and `by_arm.size()` have one figure per arm.

# %% tags=["solution"]
half = 1.96 * np.sqrt((by_arm.var() / by_arm.size()).sum())

# %% tags=["wrong"]
# Too narrow. Deals of one account come together, so there are fewer independent cases than deals.
sums = since.groupby("arm")[["deals", "years"]].sum()
half = 1.96 * np.sqrt((sums["deals"] / sums["years"] ** 2).sum())

# %% tags=["wrong"]
# Too wide. This is how much single accounts differ; the mean of a group varies less.
half = 1.96 * np.sqrt(by_arm.var().sum())

# %% tags=["check"]
with check("Exercise 3", half, "The unit is the account, as accounts were drawn. Counting deals makes you too sure."):
    own_error = 1.96 * np.sqrt(sum(x.var(ddof=1) / len(x) for _, x in by_arm))
    low, high, aimed = gap - own_error, gap + own_error, aim * past.mean()
    verdict_due = "reached" if low >= aimed else "missed" if high < aimed else "too early to judge"
    sums = since.groupby("arm")[["deals", "years"]].sum()
    mistakes = {
        "Too narrow. Deals of one account come together, so there are fewer independent cases than deals.": 1.96 * np.sqrt((sums["deals"] / sums["years"] ** 2).sum()),
        "Too wide. This is how much single accounts differ; the mean of a group varies less.": 1.96 * np.sqrt(by_arm.var().sum()),
        "This is one standard error. The interval reaches 1.96 of them.": own_error / 1.96,
        "This is the whole width. The exercise asks for the length to one side.": 2 * own_error,
        "You take the standard deviation in place of the variance.": 1.96 * np.sqrt((by_arm.std() / by_arm.size()).sum()),
        "This is a variance. Take the root before you multiply.": (own_error / 1.96) ** 2,
    }  # fmt: skip
    name_mistake(half, own_error, 0.01 * own_error, mistakes)
    assert abs(half - own_error) < 0.03 * own_error, "Check each part: variances, numbers of accounts, sum, root."

# %% [markdown] tags=["exercise"]
# ### Exercise 4: what do you report?
# `aimed` is the rise that you ask for: `aim` times the deals per account in the year before. `low` and `high` are the ends of the
# interval of `gap`, as the check of Exercise 3 computed it: run that check first. What may be said of the objective? Put one of
# `"reached"`, `"missed"` and `"too early to judge"` into `verdict`.

# %%
print(f"gap {gap:+.2f}, interval from {low:+.2f} to {high:+.2f}, aimed at {aimed:+.2f}")

# %% tags=["answer"]
verdict = ...

# %% [markdown] tags=["hint"]
# All figures in the interval go with what you saw. Which verdict do they allow if some are above `aimed` and others below?

# %% tags=["solution"]
verdict = "reached" if low >= aimed else "missed" if high < aimed else "too early to judge"

# %% tags=["wrong"]
# The interval has figures for which this is true, and figures for which it is not.
verdict = "reached" if gap >= aimed else "missed"

# %% tags=["check"]
with check("Exercise 4", verdict, "“Too early to judge” is an answer: it says to wait, or to compare more accounts."):
    verdict_given = verdict.lower() if isinstance(verdict, str) else verdict
    if verdict_given not in ("reached", "missed", "too early to judge"):
        raise TypeError("one of the three words is asked for")
    assert {verdict_given, verdict_due} != {"reached", "missed"}, "The whole interval contradicts this."
    assert verdict_given in (verdict_due, "too early to judge"), (
        "The interval has figures for which this is true, and figures for which it is not."
    )
    assert verdict_given == verdict_due, "All of the interval is on one side of the aim. You can say more."

# %% [markdown]
# ## Now see what really happened
# The truth file says for each deal whether the programme **caused** it: without the programme it would not have opened. So it
# knows what the groups would have done without any programme, and how large the effect was.

# %%
planted = pd.read_csv(f"{truth}/opportunities.csv")
after = opened(Book.open(data, as_of=later))
after = after[after["created_day"] > after["assigned_day"]].merge(
    planted, on="opportunity_id", how="left", suffixes=("", "_planted")
)
after = after.assign(caused=after["caused"].eq(True), known=after["created_day"] <= pd.Timestamp(as_of))
first, both = since, since_draw(Book.open(data, as_of=later))


def per_year(deals: pd.Series, watched: pd.DataFrame) -> pd.Series:
    """Mean of deals per account and year, by arm."""
    return (deals.reindex(drawn.index, fill_value=0) / watched["years"]).groupby(drawn["arm"]).mean()


caused, caused_first = (x.groupby("account_id")["caused"].sum() for x in (after, after[after["known"]]))
seen = pd.DataFrame({
    "year before": past.groupby(drawn["arm"]).mean(),
    "seen at `as_of`": per_year(first["deals"], first),
    "caused by the programme": per_year(caused_first, first),
    "seen at `later`": per_year(both["deals"], both),
    "caused by the programme, at `later`": per_year(caused, both),
}).T  # fmt: skip
gaps = seen["treated"] - seen["holdout"]
of_treated = after[after["arm"] == "treated"]
rises = {
    day: x["caused"].sum() / (~x["caused"]).sum()
    for day, x in (("as_of", of_treated[of_treated["known"]]), ("later", of_treated))
}
made, year_before = gaps["caused by the programme"], gaps["year before"]
luck = gaps["seen at `as_of`"] - made
print(
    f"You saw a gap of {gaps['seen at `as_of`']:+.2f}: the programme made {made:+.2f}, and luck {luck:+.2f}. "
    f"Luck was the {'larger' if abs(luck) > abs(made) else 'smaller'} part. "
    f"In the year before, when nothing was done, the gap was {year_before:+.2f}"
    f"{': luck went the same way' if luck * year_before > 0 else ''}."
)
smallest_found = power.index[power >= 0.8].min()
detectable = "none of the rises in `power` counts" if pd.isna(smallest_found) else f"{smallest_found:.0%} counts"
print(
    f"The programme raised the deals of treated accounts by {rises['as_of']:.0%} up to `as_of`, and by {rises['later']:.0%} up to `later`. "
    f"You asked for {aim:.0%}. By this simple comparison, {detectable} as detectable."
)
chances = of_treated[["win_probability_without", "win_probability"]].mean()
print(
    f"Chance to win a deal of a treated account: {chances['win_probability_without']:.1%} without the programme, "
    f"{chances['win_probability']:.1%} with it."
)
by_arm_later = both.groupby("arm")["per_year"]
gap_later = by_arm_later.mean()["treated"] - by_arm_later.mean()["holdout"]
half_later = 1.96 * np.sqrt((by_arm_later.var() / by_arm_later.size()).sum())
print(
    f"Interval of the gap at `as_of`: {low:+.2f} to {high:+.2f}. At `later`: {gap_later - half_later:+.2f} to {gap_later + half_later:+.2f}."
)
seen.assign(gap=gaps).style.format("{:.2f}")

# %% [markdown]
# How large the effect was made, by buying cycle, once it has its full size: deals on top (`abm_creation`, a share), chance to win
# gained where it was one in two (`abm_win`), and amount on top (`abm_size`, a share). It grows over 90 days, and not every
# account is reached. So the rise over all treated accounts is no single line of this table.

# %%
switches = pd.read_csv(f"{truth}/switches.csv").set_index("name")["size"]
switches[switches.index.str.startswith("abm_")].to_frame()

# %% [markdown]
# An interval is not always right: 5 of 100 miss the truth, and more where accounts are few. And where only a large effect can be
# detected, the results that look proven are the lucky ones, so they are exaggerated on average. Therefore: find out what can be
# detected **before** the programme, hold accounts back by chance, compare each account with its own past, and report the
# interval.
#
# **Take along.** Sign, then vote. Report kappa beside the overlap. Count accounts, not deals. "Too early to judge" is no failure
# and no success; it names what is missing: more accounts, more time, or a measure with less luck. In the workbook, page 02 does
# this (`abm run --only 02`), for more measures and horizons, and it takes off what each account's own past predicts.
