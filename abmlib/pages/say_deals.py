"""Sentences about closed deals."""

import pandas as pd

from abmlib.pages.say import count


def sizes(n: int, held: float, level: float) -> str:
    """Say why the median size is read before the mean; empty without a deal won.

    Parameters
    ----------
    held : share of markets of known truth in which the intervals of mean size and velocity held them; 0 to 1
    level : what the interval promises

    Examples
    --------
    >>> sizes(9, 0.9, 0.95)
    'Read the median: a few large deals move the mean. With 100 accounts the 95% intervals of mean size and velocity hold the truth in 90% of cases.'
    """
    if n == 0:
        return ""
    return (
        "Read the median: a few large deals move the mean. "
        f"With 100 accounts the {level:.0%} intervals of mean size and velocity hold the truth in {held:.0%} of cases."
    )


def odd_deals(oddities: pd.DataFrame) -> str:
    """Say which deals have odd data and what happens to them; empty where none has.

    Parameters
    ----------
    oddities : DataFrame ``oddity, deals, treatment``

    Examples
    --------
    >>> odd = pd.DataFrame({"oddity": ["amount below zero"], "deals": [2], "treatment": ["in sums; in no size"]})
    >>> odd_deals(odd)
    'Odd data: 2 deals: amount below zero (in sums; in no size).'
    """
    each = [f"{count(r.deals, 'deal')}: {r.oddity} ({r.treatment})" for r in oddities.itertuples()]
    return f"Odd data: {'; '.join(each)}." if each else ""
