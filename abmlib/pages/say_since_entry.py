"""Sentences of 02 on what accounts did before and after they entered the programme, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count, joined


def ages(horizons: pd.DataFrame) -> str:
    """Say how many accounts have been in the programme for the longest horizon, and which are too early to judge.

    Parameters
    ----------
    horizons : DataFrame ``horizon_months, reached, accounts, status``
    """
    if horizons.empty or not horizons["accounts"].iloc[0]:
        return ""
    last, early = horizons.iloc[-1], horizons.loc[horizons["status"] == "too_early", "horizon_months"]
    whose = f"{last['reached']:,} of {count(last['accounts'], 'account')} {'has' if last['accounts'] == 1 else 'have'}"
    line = f"{whose} been in the programme for {last['horizon_months']} months"
    return f"{line}; too early to judge after {', '.join(map(str, early))} months" if len(early) else line


def can_judge(horizons: pd.DataFrame, found: pd.DataFrame, effect: float) -> pd.Series:
    """Say of each horizon whether enough accounts reached it, and which rise could be told from chance there.

    Parameters
    ----------
    horizons : DataFrame ``horizon_months, status``
    found : DataFrame ``outcome`` (reader's name), ``horizon_months, mde_relative, status``
    effect : rise that the programme hopes for
    """
    best = found[found["status"] == "ok"].sort_values("mde_relative").drop_duplicates("horizon_months")
    best = best.dropna(subset="mde_relative").set_index("horizon_months")
    words = {
        horizon: f"{'yes: a' if row['mde_relative'] <= effect else 'only a'} rise of {row['mde_relative']:.0%} or more would show: "
        f"{row['outcome'].lower()}"
        for horizon, row in best.iterrows()
    }
    said = horizons["horizon_months"].map(words).astype(object).fillna("no rise could be told from chance")
    return said.where(horizons["status"] == "ok", "too early: too few accounts")


def same_accounts(found: pd.DataFrame) -> str:
    """Explain why the accounts of the comparison are fewer than those of the table; empty without one.

    Parameters
    ----------
    found : DataFrame ``accounts``, one row per outcome
    """
    n = int(found["accounts"].max()) if len(found) else 0
    both = f"The comparison above is of the {count(n, 'account')} seen in full before and after; the table is of all seen in those months."
    return both if n else ""


def against_held_back(found: pd.DataFrame, level: float) -> str:
    """Say how treated accounts changed against those held back at random; empty without an experiment.

    Parameters
    ----------
    found : DataFrame ``outcome`` (reader's name), ``horizon_months, accounts, held, change, low, high``, one row or more
    """
    each = [f"{r.outcome} {r.change:+,.2f} ({r.low:+,.2f} to {r.high:+,.2f})" for r in found.itertuples()]
    chance = ", nothing beyond chance" * bool((found["low"].le(0) & found["high"].ge(0)).all())
    lines = [
        f"Drawn at random, {r.accounts - r.held:,} treated accounts changed against {r.held:,} held back, per account and month over "
        f"{r.horizon_months} months, by: {joined(each)} ({level:.0%} intervals){chance}"
        for r in found.head(1).itertuples()
    ]
    return "".join(lines)


def before_and_after(found: pd.DataFrame, level: float) -> str:
    """Say how each outcome after entry compares with the months before; empty where none can be compared.

    Parameters
    ----------
    found : DataFrame ``outcome`` (reader's name), ``horizon_months, accounts, before, after, change, low, high, verdict``
    """
    lines = [
        f"{r.outcome}: {r.after:,.2f} in the {count(int(r.horizon_months), 'month')} after entry and {r.before:,.2f} before"
        f" ({r.verdict}: {r.change:+,.2f}, {level:.0%} interval {r.low:+,.2f} to {r.high:+,.2f}, n = {count(r.accounts, 'account')})"
        for r in found[found["verdict"] != "too early to judge"].itertuples()
    ]
    early = [r.outcome for r in found[found["verdict"] == "too early to judge"].itertuples()]
    lines += [f"too early to judge: {joined(early)}"] * (len(early) > 0)
    return f"Per account and month, {'; '.join(lines)}." if len(early) < len(found) else ""
