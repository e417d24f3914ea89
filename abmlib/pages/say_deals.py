"""Sentences about closed deals and stages, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count, differences, joined, one_line, share, short_money

FEWEST = 5  # deals of a group, to be called the highest or lowest


def sizes(n: int, won: float, median: float, currency: str) -> str:
    """Say how much was won in how many deals, and the size below which half of them are; empty without a deal won.

    Parameters
    ----------
    won, median : amounts; missing where unknown

    Examples
    --------
    >>> sizes(154, 57_200_000, 63_260, "EUR"), sizes(3, float("nan"), float("nan"), "EUR")
    ('57.2 M EUR won in 154 deals; half of them are below 63,260 EUR.', '3 deals won.')
    """
    if n == 0:
        return ""
    if pd.isna(won):
        return f"{count(n, 'deal')} won."
    return f"{short_money(won, currency)} won in {count(n, 'deal')}; half of them are below {short_money(median, currency)}."


def about_sizes(held: float, level: float) -> str:
    """Say why the median size is read before the mean, as a note.

    Parameters
    ----------
    held : share of markets of known truth in which the intervals of mean size and velocity held them; 0 to 1
    level : what the interval promises
    """
    return (
        "Read the median: a few large deals move the mean. "
        f"With 100 accounts the {level:.0%} intervals of mean size and velocity hold the truth in {held:.0%} of cases."
    )


def who_wins(judged: pd.DataFrame, groups: pd.DataFrame) -> tuple[str, str]:
    """Say by what win rates differ beyond chance, which groups of `FEWEST` or more are highest and lowest, and what does not.

    Parameters
    ----------
    judged : DataFrame of `deals.differences`
    groups : DataFrame of `deals.all_groups`
    """
    if judged["p"].isna().all():
        return "", ""
    finding, alike = differences(judged)
    apart = judged.loc[judged["judged"] == "differ", "group_by"]
    if apart.empty:
        return f"{finding}.", alike
    rows = groups[(groups["group_by"] == apart.iloc[0]) & (groups["n"] >= FEWEST)].sort_values("shrunk")
    if len(rows) < 2:
        return f"{finding}.", alike
    low, high = (f"{one_line(r['group'])} ({r['won']:,} of {r['n']:,} won)" for r in (rows.iloc[0], rows.iloc[-1]))
    return f"{finding}: highest for {high}, lowest for {low}.", alike


def months(by_month: pd.DataFrame, currency: str) -> str:
    """Say how much was created and won over some months; empty without a month.

    Parameters
    ----------
    by_month : DataFrame of `deals.by_month`
    """
    sums = [f"{short_money(by_month[c].sum(), currency)} {c}" for c in by_month if c != "month"]
    return f"{joined(sums)} in {count(len(by_month), 'whole month')}." if len(by_month) else ""


def best_month(by_month: pd.DataFrame, currency: str) -> str:
    """Say in which month most was won, as a title of the figure of months.

    Parameters
    ----------
    by_month : DataFrame of `deals.by_month`, not empty
    """
    of = "won" if "won" in by_month else "created"
    most = by_month.loc[by_month[of].idxmax()]
    return f"Most was {of} in {most['month']:%B %Y}: {short_money(most[of], currency)}"


def stages(by_stage: pd.DataFrame, level: float) -> str:
    """Say from which stage the smallest share of deals moves on; empty with fewer than two stages that deals left, or if all do.

    Parameters
    ----------
    by_stage : DataFrame of `stages.stage_table`
    """
    known = by_stage[by_stage["conversion"].notna()].sort_values("conversion", kind="stable")
    if len(known) < 2 or known["conversion"].min() == 1:
        return ""
    least, others = known.iloc[0], known.iloc[1:]
    left = int(least["moved_on"] + least["lost"])
    ends = f"{level:.0%} interval {share(least['low'])} to {share(least['high'])}, " if pd.notna(least["low"]) else ""
    near = [
        f"{one_line(r.stage)} ({share(r.conversion)})" for r in others.itertuples() if r.conversion <= least["high"]
    ]
    also = f"; {joined(near)} may be as low" if near else ""
    return f"Fewest deals move on from {one_line(least['stage'])}: {share(least['conversion'])} ({ends}n = {left:,}){also}."


def crm_by_stage(crm: pd.DataFrame, months: int) -> str:
    """Say in which stages the CRM's probability is outside the interval of the share won, as a title of the figure.

    Parameters
    ----------
    crm : DataFrame of `chances.stage_shares`
    months : of the horizon
    """
    known = crm.dropna(subset=["crm", "low"])
    if known.empty:
        return f"Won within {months} months of the deals open in a stage"
    low, high = (
        known.loc[outside, "stage"].map(one_line)
        for outside in (known["crm"] < known["low"], known["crm"] > known["high"])
    )
    parts = [f"too {side} in {joined(list(names))}" for names, side in ((low, "low"), (high, "high")) if len(names)]
    return f"The CRM's probability is {' and '.join(parts) or 'within the interval of every stage'}"


def about_stages(changes: int) -> str:
    """Say what to export to have the stages; empty where they are known.

    Parameters
    ----------
    changes : rows of stage history
    """
    if changes:
        return ""
    return "No stages, slow or postponed deals are known: the source has no stage history. Export opportunity_stage_history."
