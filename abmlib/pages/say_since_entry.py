"""Sentences of 14 on what accounts did before and after they entered the programme, from finished numbers."""

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


def same_accounts(found: pd.DataFrame) -> str:
    """Explain why the accounts of the comparison are fewer than those of the table; empty without one.

    Parameters
    ----------
    found : DataFrame ``accounts``, one row per outcome
    """
    n = int(found["accounts"].max()) if len(found) else 0
    both = f"The comparison above is of the {count(n, 'account')} seen in full before and after; the table is of all seen in those months."
    return both if n else ""


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
