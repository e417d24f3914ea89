"""Sentences about how good past forecasts were, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count, day, share, short_money
from abmlib.pages.say_pipeline import FEW, money_range, off

HELD = 0.5  # share of past intervals that held what came, up to which the page warns
LOPSIDED = 0.75  # share of past forecasts wrong in one direction, from which the page says so
OVERLAP = 1.5  # days ahead ÷ days between quarter ends, beyond which the page says that they overlap
RECORD = ["past_forecasts_held", "newest_forecasts_held", "newest_forecasts_came"]  # measures that a doubt rests on
SHORT_MONTH = 30  # days; periods of as many months differ by a few days


def trusted(tested: pd.DataFrame, currency: str) -> tuple[str, str]:
    """Say in which direction past forecasts were wrong, and how often their interval held; empty where no past quarter can tell.

    Speaks of money, or else of wins.

    Parameters
    ----------
    tested : DataFrame of `chances.back_tests`
    """
    what, part, held = _held(tested)
    if part.empty:
        return "", ""
    foretold, came, ends = part[what], part[f"{what}_came"], count(len(part), "past quarter end")
    high, low = int((foretold > came).sum()), int((foretold < came).sum())
    way = f"too {'high' if high >= low else 'low'} at {max(high, low):,} of {ends}"
    sums = f"{_amount(foretold.sum(), what, currency)} foretold, {_amount(came.sum(), what, currency)} came in all"
    record = f"What came was inside the interval at {held.sum():,} of {len(part):,}"
    if what == "money" and came.sum() > 0:
        record += f"; the forecast was off by {off(part, what):.0%} of what came"
    if held.all():
        return f"{_days(part)} ahead, the forecast was {way}: {sums}.", f"{record}."
    last = part[~held].iloc[-1]
    was, least, most, brought = (last[c] for c in (what, f"{what}_low", f"{what}_high", f"{what}_came"))
    ends = money_range(least, most, currency) if what == "money" else f"{least:,.0f} to {most:,.0f}"
    missed = f"The last miss: the deals open on {day(last['day'])} brought {_amount(brought, what, currency)}, against {_amount(was, what, currency)} foretold ({ends})."
    return f"{_days(part)} ahead, the forecast was {way}: {sums}.", f"{record}. {missed}"


def doubt(rows: pd.DataFrame) -> str:
    """Warn of forecasts that failed: the newest two, or half of all; empty otherwise.

    Parameters
    ----------
    rows : DataFrame to the spec of ``measures``, by definition, of `forecast_months.newest_rows`
    """
    value, held = rows["value"], rows.loc["past_forecasts_held"]
    came = value["newest_forecasts_came"]
    if value["newest_forecasts_held"] == 0 and came == 0:
        return "Do not rely on it: the last two such forecasts came to nothing."
    if value["newest_forecasts_held"] == 0:
        brought = f": {share(came)} of what they foretold came" * bool(pd.notna(came))
        return f"Do not rely on it: the last two such forecasts both failed{brought}."
    if held["value"] <= HELD:
        return f"Do not rely on it: {share(held['value'])} of {count(int(held['n']), 'past forecast')} held."
    return ""


def direction(rows: pd.DataFrame) -> str:
    """Say that nearly all past forecasts were wrong in one direction; empty where they were not, or are few.

    Parameters
    ----------
    rows : as in `doubt`
    """
    above = rows.loc["past_forecasts_above"]
    if not above["n"] >= FEW or 1 - LOPSIDED < above["value"] < LOPSIDED:
        return ""
    n, less = int(above["n"]), round(above["value"] * above["n"])
    way, often = ("less", less) if above["value"] >= LOPSIDED else ("more", n - less)
    return f"At {often:,} of {n:,} past quarter ends {way} came than foretold."


def _held(tested: pd.DataFrame) -> tuple[str, pd.DataFrame, pd.Series]:
    """What past forecasts can be judged by, money or else wins; those that can; and whether what came was in their interval."""
    part = tested[tested["judged_by"].notna()]
    return next(iter(part["judged_by"]), ""), part, part["held"].astype(bool)


def _days(tested: pd.DataFrame) -> str:
    """Say how many days past forecasts looked ahead."""
    least, most = tested["horizon_days"].min(), tested["horizon_days"].max()
    return f"{least:,} to {most:,} days" if least < most else f"{most:,} days"


def _amount(value: float, what: str, currency: str) -> str:
    """Write money, or wins."""
    return short_money(value, currency) if what == "money" else f"{value:,.0f} wins"


def about_tests(tested: pd.DataFrame) -> str:
    """Say how to read a test of forecasts on past quarters, or why there is none."""
    if tested.empty:
        return "The history is too short to test forecasts on past quarters."
    said = ["Each forecast uses what was known at the quarter end, of the deals open then."]
    for _, part in tested.groupby((tested["horizon_days"] / SHORT_MONTH).round()):
        apart = part["day"].diff().dt.days.iloc[1:]
        if (OVERLAP * apart < part["horizon_days"].iloc[1:]).any():
            said.append(
                f"The {_days(part)} of neighbouring quarter ends overlap, so {len(part):,} ends say less than as many tests."
            )
    return " ".join(said)
