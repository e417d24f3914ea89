"""Sentences about closed deals."""


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
