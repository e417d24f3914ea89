"""Intervals, all at the one level of the house.

Rows of one account (deals, contacts, touches, answers) are alike, so they are fewer than they look. `share` and `shares` of
yes and no, `estimate` of means and medians, `ratio` and `product` of sums take the `cluster` of each row, such as its
account, and their intervals rest on clusters. Without `cluster` each row stands for itself, and so does a row whose cluster
is missing. The value is always that of the rows. With fewer than two clusters the ends are missing. Neither the order of
rows nor the names of clusters move a number.
"""

from collections.abc import Callable, Mapping
from statistics import NormalDist

import numpy as np
import pandas as pd
import scipy

LEVEL = 0.95  # every interval of every page; share
Z = 1.959963984540054  # standard deviations of a normal distribution, on either side of its mean, that hold LEVEL of it
DRAWS, BATCH = 2_000, 50  # bootstrap draws, and how many are held at once
ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)  # quantiles of the draws that are the ends of an interval
FLOOR_ACCOUNTS = 50  # fewer accounts with an outcome: description only
FLOOR_OUTCOMES = 30  # fewer outcomes of a kind: description only
FEWEST_DRAWN = 10  # clusters; of fewer, draws tell less than Student's t
MOST_DRAWN = 20_000  # clusters; of more, Student's t tells as much as draws
CELLS = 4_000_000  # numbers held at once while drawing clusters
ALIKE = 1e-12  # squared relative error between clusters, below which there is none but of rounding


def refuse_impossible(successes: np.ndarray, n: np.ndarray) -> None:
    """Pass if every count of successes is between 0 and its n.

    Raises
    ------
    ValueError
        With the first counts.
    """
    if (successes < 0).any() or (successes > n).any():
        raise ValueError(f"successes must lie between 0 and n, got {successes.tolist()[:3]} of {n.tolist()[:3]}.")


def deviations(tests: int) -> float:
    """Standard deviations on either side for an interval that belongs to several, which hold together at `LEVEL`.

    Bonferroni: each of them holds at 1 − (1 − `LEVEL`) ÷ `tests`.

    Examples
    --------
    >>> round(deviations(1), 4), round(deviations(4), 4)
    (1.96, 2.4977)
    """
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / tests)


def wilson(successes: pd.Series, n: pd.Series, z: float = Z) -> pd.DataFrame:
    """Shares with their Wilson interval at `LEVEL`.

    No row is dropped; where `n` is 0 share, low and high are missing.

    Parameters
    ----------
    successes, n : Series of counts with one index
    z : standard deviations on either side

    Returns
    -------
    DataFrame with columns ``share, low, high, n``; unit: share from 0 to 1

    Raises
    ------
    ValueError
        If a count is negative or `successes` exceeds `n`.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22, p. 212.

    Examples
    --------
    >>> wilson(pd.Series([8]), pd.Series([10])).round(3).values.tolist()
    [[0.8, 0.49, 0.943, 10.0]]
    """
    k, total = successes.astype(float), n.astype(float)
    refuse_impossible(k.to_numpy(), total.to_numpy())
    z2 = z**2
    total = total.replace(0, np.nan)
    share = k / total
    centre = (k + z2 / 2) / (total + z2)
    half = z / (total + z2) * np.sqrt(k * (total - k) / total + z2 / 4)
    low, high = (centre - half).clip(0, share), (centre + half).clip(share, 1)  # rounding may take them past the share
    return pd.DataFrame({"share": share, "low": low, "high": high, "n": n})


def adjusted(p: pd.Series) -> pd.Series:
    """P-values adjusted for several tests by Benjamini and Hochberg.

    Of the tests with an adjusted value up to some share, at most that share are expected to be false alarms. A missing
    one stays missing and is no test.

    References
    ----------
    Benjamini and Hochberg (1995), JRSS B 57, p. 289.

    Examples
    --------
    >>> adjusted(pd.Series([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    known = p.dropna().astype(float).sort_values(kind="stable")
    scaled = known * (len(known) / np.arange(1, len(known) + 1))
    return scaled[::-1].cummin().clip(0, 1).reindex(p.index)


def difference(successes: pd.DataFrame, n: pd.DataFrame, tests: int = 1) -> pd.DataFrame:
    """Differences of two independent shares, the first less the second, with Newcombe's interval at `LEVEL`.

    No row is dropped; where either `n` is 0 difference, low and high are missing.

    Parameters
    ----------
    successes, n : DataFrames of counts with one index, the first group in the first column and the second in the second
    tests : differences that are judged together; the intervals of so many hold together at `LEVEL`

    Returns
    -------
    DataFrame with columns ``difference, low, high``; unit: difference of shares, -1 to 1

    Raises
    ------
    ValueError
        If a count is negative or `successes` exceeds `n`.

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in Medicine 17,
    p. 873, method 10.

    Examples
    --------
    >>> difference(pd.DataFrame([[56, 48]]), pd.DataFrame([[70, 80]])).round(4).values.tolist()
    [[0.2, 0.0524, 0.3339]]
    """
    one, two = (wilson(successes.iloc[:, i], n.iloc[:, i], deviations(tests)) for i in (0, 1))
    between = one["share"] - two["share"]
    down = np.hypot(one["share"] - one["low"], two["high"] - two["share"])
    up = np.hypot(one["high"] - one["share"], two["share"] - two["low"])
    return pd.DataFrame({"difference": between, "low": between - down, "high": between + up})


def exact_p(successes: pd.DataFrame, n: pd.DataFrame) -> pd.Series:
    """Two-sided p-values of two shares being one, by Fisher's exact test.

    Parameters
    ----------
    successes, n : as in `difference`

    Examples
    --------
    >>> exact_p(pd.DataFrame([[8, 1]]), pd.DataFrame([[10, 6]])).round(4).tolist()
    [0.035]
    """
    tables = np.stack([successes, n - successes], axis=1)
    return pd.Series(
        [float(scipy.stats.fisher_exact(table).pvalue) for table in tables], successes.index, dtype="float64"
    )


def sums_apart(one: pd.Series, two: pd.Series, tests: int = 1) -> tuple[float, float, float, int]:
    """Sum of one group of units less that of another, with Welch's t interval at `LEVEL`; the units are drawn, their numbers are not.

    Missing values do not count. Without a unit all are missing; where a group has but one unit, so that nobody knows how such
    units vary, low and high are.

    Parameters
    ----------
    tests : differences that are judged together; the intervals of so many hold together at `LEVEL`

    Returns
    -------
    difference, low, high, n (units of both)

    References
    ----------
    Welch (1947), The generalization of Student's problem when several different population variances are involved,
    Biometrika 34, p. 28.

    Examples
    --------
    >>> [round(float(x), 1) for x in sums_apart(pd.Series([5.0, 7.0, 9.0]), pd.Series([1.0, 2.0]))]
    [18.0, 4.3, 31.7, 5.0]
    """
    groups = [g for g in (one.dropna().astype(float), two.dropna().astype(float)) if len(g)]
    n, nothing = sum(map(len, groups)), float("nan")
    apart = float(one.sum() - two.sum()) if n else nothing
    if not n or min(map(len, groups)) < 2:
        return apart, nothing, nothing, n
    variances = [len(g) * float(g.var()) for g in groups]
    if not sum(variances) > 0:
        return apart, apart, apart, n
    freedom = sum(variances) ** 2 / sum(v**2 / (len(g) - 1) for v, g in zip(variances, groups, strict=True))
    half = float(scipy.special.stdtrit(freedom, 1 - (1 - LEVEL) / 2 / tests)) * sum(variances) ** 0.5
    return apart, apart - half, apart + half, n


# -- bootstrap --------------------------------------------------------------------------------------------------------


def bootstrap_ci(
    arrays: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], seed: int
) -> tuple[float, float, float]:
    """Statistic of units with its bootstrap interval at `LEVEL`.

    Units are drawn whole; their order does not matter. Draws on which the statistic is missing are left out of the interval.
    With no unit all are missing, with one the interval is.

    Parameters
    ----------
    arrays : one number per unit each, of one length
    statistic : such as ``numpy.mean``; takes the arrays and ``axis``
    seed : of the draws

    Returns
    -------
    value, low, high

    References
    ----------
    Efron (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7, p. 1; percentile interval.
    """
    nothing, order = float("nan"), np.lexsort(arrays)
    arrays = tuple(a[order] for a in arrays)
    if len(order) == 0:
        return nothing, nothing, nothing
    value = float(statistic(*arrays, axis=-1))
    if len(order) < 2 or np.isnan(value):
        return value, nothing, nothing
    if not any(np.ptp(a) > 0 for a in arrays):
        return value, value, value
    draws = resampled(arrays, statistic, seed)
    known = draws[~np.isnan(draws)]
    low, high = np.quantile(known, ENDS) if len(known) else (nothing, nothing)
    return value, float(low), float(high)


def resampled(arrays: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], seed: int) -> np.ndarray:
    """Statistic of `DRAWS` draws of units, each as many as there are, with replacement.

    Parameters
    ----------
    arrays, statistic, seed : as in `bootstrap_ci`
    """
    n, random = len(arrays[0]), np.random.default_rng(seed)
    picked = (random.integers(n, size=(min(BATCH, DRAWS - done), n)) for done in range(0, DRAWS, BATCH))
    return np.concatenate([statistic(*(a[each] for a in arrays), axis=-1) for each in picked])


# -- over clusters ----------------------------------------------------------------------------------------------------


def share(flags: pd.Series, cluster: pd.Series | None = None) -> tuple[float, float, float, int]:
    """Share of rows with a flag, with an interval over clusters, as `shares`.

    Returns
    -------
    value, low, high, n
    """
    found = shares(flags, cluster, pd.Series("all", flags.index)).reindex(["all"]).iloc[0]
    return float(found["share"]), float(found["low"]), float(found["high"]), int(found.fillna(0)["n"])


def shares(flags: pd.Series, cluster: pd.Series | None, group: pd.Series) -> pd.DataFrame:
    """Share of rows with a flag in each group, with an interval over clusters.

    A Wilson interval at `LEVEL` of as many rows as the rows are worth: n ÷ design effect. The design effect is the variance
    of the share between clusters over that of independent rows, widened by Student's t with one degree of freedom less than
    clusters. It is at least 1 (independent rows) and at most what it is where the rows of a cluster are all alike; that is
    taken where all flags of a group agree, which shows nothing of how alike clusters are.

    Rows with a missing flag do not count; a group without any other row has none in the result.

    Parameters
    ----------
    flags : Series of yes and no, or of 1 and 0
    cluster : Series of labels, such as the account of each deal; index as `flags`; without it each row is one
    group : Series of labels, index as `flags`; rows without one do not count

    Returns
    -------
    DataFrame, indexed by group: ``share, low, high, n`` (rows), ``n_effective`` (independent rows they are worth); ends are
    missing with one cluster

    References
    ----------
    Korn and Graubard (1998), Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data, Survey Methodology 24, p. 193 (with Wilson's interval in place of Clopper and Pearson's); linearised
    variance: Cochran (1977), Sampling Techniques, 3rd ed., section 9.2; Kish (1965), Survey Sampling, section 8.2.

    Examples
    --------
    Ten deals of five accounts, of which each won both or lost both: worth five.

    >>> flags = pd.Series([1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
    >>> shares(flags, pd.Series(list("aabbccddee")), pd.Series("all", flags.index)).round(2).values.tolist()
    [[0.8, 0.38, 0.96, 10.0, 5.0]]
    """
    kept = flags.notna() & group.notna()
    label = _labels(None if cluster is None else cluster[kept], int(kept.sum()))
    rows = pd.DataFrame({"k": flags[kept].astype(float), "group": group[kept], "label": label})
    inside = rows.groupby(["group", "label"], observed=True)["k"].agg(k="sum", n="size").reset_index("label", drop=True)
    k, n = (inside[c].groupby(level="group").sum().astype(float) for c in ("k", "n"))
    clusters, p = inside.groupby(level="group").size(), k / n
    most = (inside["n"] ** 2).groupby(level="group").sum() / n
    apart = ((inside["k"] - inside["n"] * p.reindex(inside.index)) ** 2).groupby(level="group").sum()
    independent = (p * (1 - p) * n).where((k > 0) & (k < n))
    free = (clusters - 1).where(clusters > 1)
    wider = pd.Series(scipy.special.stdtrit(free, ENDS[1]), n.index) / Z
    effect = (apart * clusters / free / independent * wider**2).fillna(most).clip(lower=1, upper=most)
    out = wilson(k / effect, n / effect)
    ends = {end: out[end].where(clusters > 1) for end in ("low", "high")}
    return out.assign(share=p, **ends, n=n.astype(int), n_effective=n / effect)


def estimate(
    values: pd.Series, statistic: Callable[..., np.ndarray], seed: int, cluster: pd.Series | None = None
) -> tuple[float, float, float, int]:
    """Mean, sum or median of rows with an interval over clusters, and the number of rows.

    Missing values do not count. The mean is a `ratio` of the sum and the number of values, the sum that of
    as many clusters as there are. The interval of the median lies
    between values of the rows, as many from either end as the exact binomial interval of one half says of the independent
    rows they are worth (`shares`). Where not even the least and the greatest hold the median as often as `LEVEL`, as of five
    rows, the ends are missing.

    Parameters
    ----------
    statistic : ``numpy.mean``, ``numpy.sum`` or ``numpy.median``
    seed : of the draws for a mean or sum
    cluster : Series of labels, such as the account of each deal; index as `values`; without it each row is one

    Returns
    -------
    value, low, high, n

    Raises
    ------
    ValueError
        If the statistic is another.

    References
    ----------
    Median: Woodruff (1952), Confidence intervals for medians and other position measures, JASA 47, p. 635.
    """
    if statistic is np.mean:
        return ratio(values, pd.Series(1.0, values.index), seed, cluster)
    kept = values.notna()
    known, nothing = values[kept].astype(float), float("nan")
    if statistic is np.sum:
        sums = pd.Series(_sums(known.to_numpy()[:, None], None if cluster is None else cluster[kept])[:, 0])
        value, low, high, units = estimate(sums, np.mean, seed)
        return value * units, low * units, high * units, len(known)
    if statistic is not np.median:
        raise ValueError(f"statistic must be numpy.mean, numpy.sum or numpy.median, got {statistic}.")
    if known.empty:
        return nothing, nothing, nothing, 0
    middle, n = float(known.median()), len(known)
    of_all = pd.Series("all", known.index)
    worth = shares(known <= middle, None if cluster is None else cluster[kept], of_all)["n_effective"].iloc[0]
    if 0.5 ** (worth - 1) > 1 - LEVEL:
        return middle, nothing, nothing, n
    beyond = int(n * scipy.special.betaincinv(worth / 2, worth / 2 + 1, ENDS[0]))  # rows on either side of the interval
    ordered = np.sort(known)
    return middle, float(ordered[beyond]), float(ordered[n - 1 - beyond]), n


def ratio(
    top: pd.Series, bottom: pd.Series, seed: int, cluster: pd.Series | None = None
) -> tuple[float, float, float, int]:
    """Σ top ÷ Σ bottom over rows with an interval over clusters; missing where Σ bottom is not positive.

    Bootstrap-t over clusters, as `product`, on the scale of logarithms, as money is skewed. Where top is part of bottom in each
    row (a share of a whole), on that of log odds: the interval lies between 0 and 1. Where numbers are negative, on the plain
    scale. Where all clusters agree, the ends are the value.

    Parameters
    ----------
    top, bottom : one pair of numbers per row; pairs with a missing number do not count
    seed : of the draws
    cluster : Series of labels, such as the account of each deal; index as `top`; without it each row is one

    Returns
    -------
    value, low, high, n
    """
    known = top.notna() & bottom.notna()
    pairs = np.column_stack([top[known], bottom[known]]).astype(float)
    sums, positive = _sums(pairs, None if cluster is None else cluster[known]), bool((pairs >= 0).all())
    above, below = sums.sum(axis=0)
    if not below > 0:
        return float("nan"), float("nan"), float("nan"), len(pairs)
    if len(sums) > 1 and np.allclose(sums[:, 0] * below, sums[:, 1] * above, rtol=ALIKE, atol=0):
        low = high = float(above / below)
    elif positive and (pairs[:, 0] <= pairs[:, 1]).all():
        of_rest = np.column_stack([sums[:, 0], sums[:, 1] - sums[:, 0]])
        low, high = (odds / (1 + odds) for odds in _bootstrap_t(of_rest, [1, -1], seed))
    else:
        low, high = _bootstrap_t(sums, [1, -1], seed, plain=not positive)
    return float(above / below), low, high, len(pairs)


def product(
    parts: pd.DataFrame, powers: Mapping[str, int], seed: int, cluster: pd.Series | None = None
) -> tuple[float, float, float, int]:
    """Product of powers of sums over rows with an interval over clusters.

    Such as mean size × win rate ÷ mean days: each a sum over a sum. Bootstrap-t on the scale of logarithms: clusters are drawn
    whole, each draw is set in standard errors of its own, by linearisation, and no end lies nearer than Student's t would have
    it. Draws without an answer are left out.

    Parameters
    ----------
    parts : DataFrame of numbers >= 0, one row per deal; a missing one counts as 0
    powers : of the sum of each column, 1 or -1; as many of the one as of the other
    seed : of the draws
    cluster : Series of labels, such as the account of each deal; index as `parts`; without it each row is one

    Returns
    -------
    value (missing where a sum is 0), low, high, n

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 12.5 (bootstrap-t); Davison and Hinkley (1997),
    Bootstrap Methods and their Application, section 3.8 (clusters drawn whole).
    """
    sums = _sums(parts[list(powers)].fillna(0).to_numpy(float), cluster)
    totals, sign = sums.sum(axis=0), np.array(list(powers.values()), float)
    if not (totals > 0).all():
        return float("nan"), float("nan"), float("nan"), len(parts)
    return float(np.prod(totals**sign)), *_bootstrap_t(sums, list(powers.values()), seed), len(parts)


def _labels(cluster: pd.Series | None, n: int) -> np.ndarray:
    """Number of the cluster of each of n rows; a row without one has a number of its own."""
    if cluster is None:
        return np.arange(n)
    label = pd.factorize(cluster)[0]
    return np.where(label < 0, label.max(initial=0) + 1 + np.arange(n), label)


def _sums(parts: np.ndarray, cluster: pd.Series | None) -> np.ndarray:
    """Sums of each column by cluster, clusters in the order of what is in them; shape (clusters, columns)."""
    order = np.lexsort(parts.T)
    label = pd.factorize(_labels(cluster, len(parts))[order])[0]
    sums = np.stack([np.bincount(label, weights=column) for column in parts[order].T], axis=1)
    return sums[np.lexsort(sums.T)]


def _bootstrap_t(sums: np.ndarray, powers: list[int], seed: int, plain: bool = False) -> tuple[float, float]:
    """Ends of the interval of a product of powers of sums of clusters, on the scale of logarithms or a plain one."""
    n, nothing = len(sums), float("nan")
    value, error = (float(x[0]) for x in _linearised(np.ones((1, n)), sums, powers, plain))
    if not np.isfinite([value, error]).all():
        return nothing, nothing
    down = up = float(scipy.special.stdtrit(n - 1, ENDS[1]))
    drawn = _drawn_t(value, sums, powers, seed, plain) if error > 0 and FEWEST_DRAWN <= n <= MOST_DRAWN else np.zeros(0)
    if len(drawn):
        least, most = np.quantile(drawn, ENDS)
        down, up = max(down, most), max(up, -least)
    low, high = value - down * error, value + up * error
    return (low, high) if plain else (float(np.exp(low)), float(np.exp(high)))


def _drawn_t(value: float, sums: np.ndarray, powers: list[int], seed: int, plain: bool) -> np.ndarray:
    """How far draws of clusters lie from the value, each in standard errors of its own; those without an answer left out."""
    n, random, drawn = len(sums), np.random.default_rng(seed), []
    step = max(1, CELLS // n)
    for done in range(0, DRAWS, step):
        size = min(step, DRAWS - done)
        picked = random.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        often = np.bincount(picked.ravel(), minlength=size * n).reshape(size, n)
        values, errors = _linearised(often.astype(float), sums, powers, plain)
        with np.errstate(all="ignore"):
            drawn.append((values - value) / errors)
    every = np.concatenate(drawn)
    return every[np.isfinite(every)]


def _linearised(often: np.ndarray, sums: np.ndarray, powers: list[int], plain: bool) -> tuple[np.ndarray, np.ndarray]:
    """Product of powers of sums with its standard error between clusters, for each row of how often clusters are drawn."""
    n, sign = len(sums), np.array(powers)
    i, j = np.triu_indices(len(sign))
    totals, crossed = often @ sums, often @ (sums[:, i] * sums[:, j])
    with np.errstate(all="ignore"):
        relative = crossed / (totals[:, i] * totals[:, j]) @ (sign[i] * sign[j] * np.where(i == j, 1.0, 2.0))
        error = np.sqrt(np.where(relative < ALIKE, 0 * relative, relative) * n / np.float64(n - 1))
        value = np.prod(totals ** sign.astype(float), axis=1)
        return (value, np.abs(value) * error) if plain else (np.log(value), error)
