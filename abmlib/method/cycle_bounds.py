"""Bounds between the buying cycles that a business's own lines propose, for a person to confirm in ``cycles.yml``."""

import numpy as np
import pandas as pd
import scipy

from abmlib.method import cycle
from abmlib.method.cycle_rules import CYCLES, EVIDENCE, Bound, Rules

LEAST_ACCOUNTS = 20  # of a line, for its middle to count
APART = 0.35  # standard deviations of accounts between groups of lines, mean over evidence; less is no break
LEAST_KINDS = 2  # of evidence that must tell groups of lines apart
DIGITS = 3  # figures of a proposed bound
CONFIRMED, PROPOSED = "confirmed", "proposed"
ALIKE, NO_BREAK = "does not count: it does not tell the lines apart", "default: the data show no break"
ABSENT, FEW = (
    "does not count: the data have no such evidence",
    "does not count: too few accounts of a line have such evidence",
)
TIMES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)  # other bounds that a person can try
NO_WEIGHT = (ALIKE, ABSENT, FEW)


def line_groups(seen: pd.DataFrame, rules: Rules) -> pd.Series:
    """Cycle of each line of business by how it differs from the others, not by any bound.

    Lines are set along one scale: how far their median account is towards early, in standard deviations of accounts, the
    mean over all kinds of evidence by weight. The scale is cut at its widest gaps into at most three groups, and nowhere where
    a gap is less than `APART`. Three groups are early, mid and full. Which cycles two groups are the data cannot tell: the
    bounds of `rules` say it, and where they see no difference there is no break.

    Parameters
    ----------
    seen : DataFrame of `cycle.buying_evidence`

    Returns
    -------
    Series of cycles by line, without lines of fewer than `LEAST_ACCOUNTS` accounts; empty where there is no break

    References
    ----------
    Average linkage: Sokal and Michener (1958), University of Kansas Science Bulletin 38, p. 1409. House definition; README,
    glossary entry "cycle".
    """
    centre, sd = _centres(seen)
    bounds = {name: rules.evidence[name] for name in centre}
    toward = pd.Series({name: b.weight if b.early > b.mid else -b.weight for name, b in bounds.items()}, dtype=float)
    compared = centre.notna() & (centre.notna().sum() > 1)
    total = compared.mul(toward.abs()).sum(axis=1)
    position = ((centre - centre.mean()) / sd * toward).where(compared).sum(axis=1)[total > 0] / total[total > 0]
    none = pd.Series(dtype="str")
    if len(position) < 2:
        return none
    linked = scipy.cluster.hierarchy.linkage(position.to_numpy()[:, None], "average")
    many = min(1 + int((linked[:, 2] >= APART).sum()), len(CYCLES))
    label = pd.Series(scipy.cluster.hierarchy.fcluster(linked, many, "maxclust"), position.index)
    label = label.map(position.groupby(label).mean().rank(ascending=False).astype(int) - 1)
    if many == len(CYCLES):
        return label.map(dict(enumerate(CYCLES)))
    placed = cycle.assign_cycles(cycle.score_evidence(seen, rules))
    by_file = placed[placed["account_id"].isna()].set_index("product_line")["cycle"].map(CYCLES.index)
    ranks = by_file.reindex(label.index).groupby(label).median().round().astype(int)
    return label.map(ranks).map(dict(enumerate(CYCLES))) if many == 2 and ranks[0] < ranks[1] else none


def _centres(seen: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Median account of each line by kind of evidence, and the standard deviation of accounts of a line."""
    typical = cycle.typical_values(seen)
    by = typical.groupby(["product_line", "evidence"])["x"]
    centre = by.median().where(by.size() >= LEAST_ACCOUNTS).unstack()
    kinds = typical.groupby("evidence")
    return centre, np.sqrt(kinds["spread"].first() + kinds["noise"].median())


def proposals(seen: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Bounds that the data propose for each kind of evidence, beside those of the rule file.

    A bound is half-way between the middles of two neighbouring groups of `line_groups`, on the scale of
    `cycle.typical_values`; each line counts once. Two groups out of order count as equal, so that such evidence does not tell
    them apart. Of two groups the third is taken to be one such step further, or half-way. A kind of evidence in which the
    first and the last group are less than `APART` apart proposes nothing. Nothing is proposed at all where fewer than
    `LEAST_KINDS` kinds tell the groups apart: a difference in price alone is no other way of buying.

    Parameters
    ----------
    seen : DataFrame of `cycle.buying_evidence`

    Returns
    -------
    DataFrame, one row per kind of evidence: ``evidence, unit, file_early, file_mid`` (of the rule file), ``proposed_early, proposed_mid``
    (missing where the data propose none), ``bounds``: ``confirmed`` (a person has confirmed the file's), ``proposed``, or why
    the kind does not count or the file's bounds stand
    """
    groups, (centre, sd) = line_groups(seen, rules), _centres(seen)
    middle = centre.reindex(groups.index).groupby(groups.map(CYCLES.index)).mean()
    found = {}
    for name, bound in rules.evidence.items():
        known = middle[name].dropna() if name in middle else pd.Series(dtype=float)
        if len(known) == groups.nunique() and len(known) > 1:
            falls = bound.early > bound.mid
            known = pd.Series(scipy.optimize.isotonic_regression(known, increasing=not falls).x, known.index)
            if abs(known.iloc[0] - known.iloc[-1]) >= APART * sd[name]:
                found[name] = _between(name, known)
    found = found if len(found) >= LEAST_KINDS else {}
    rows = []
    for name, bound in rules.evidence.items():
        status = PROPOSED if name in found else _why_not(name, seen, middle) if found else NO_BREAK
        proposed = found.get(name, (np.nan, np.nan))
        rows.append((name, EVIDENCE[name], bound.early, bound.mid, *proposed, CONFIRMED if bound.confirmed else status))
    columns = ["evidence", "unit", "file_early", "file_mid", "proposed_early", "proposed_mid", "bounds"]
    return pd.DataFrame(rows, columns=columns)


def _why_not(name: str, seen: pd.DataFrame, middle: pd.DataFrame) -> str:
    """Say why a kind of evidence proposes no bounds, where others do."""
    if not seen["evidence"].eq(name).any():
        return ABSENT
    return ALIKE if name in middle and middle[name].notna().all() else FEW


def _between(name: str, middle: pd.Series) -> list[float]:
    """Bounds half-way between the middles of early, mid and full, of which one may be missing."""
    first, last = middle.index[0], middle.index[-1]
    step = (middle.iloc[-1] - middle.iloc[0]) / (last - first)
    three = [middle.get(k, middle.iloc[0] + (k - first) * step) for k in range(len(CYCLES))]
    halves = [(three[0] + three[1]) / 2, (three[1] + three[2]) / 2]
    values = np.exp(halves) if name in cycle.LOGGED else np.clip(halves, 0, None)
    return [float(f"{v:.{DIGITS}g}") for v in values]


def in_force(rules: Rules, proposed: pd.DataFrame) -> Rules:
    """Rules with the bounds that stand: a person's, else proposed ones, else those of the file.

    Kinds of evidence that nobody confirmed, and that are absent or in which the lines are alike, have no weight; if there is no
    other, all keep their bounds and weight.

    Parameters
    ----------
    proposed : DataFrame of `proposals`
    """
    rows = proposed.set_index("evidence")
    evidence = {}
    for name, bound in rules.evidence.items():
        row = rows.loc[name]
        new = {"early": row["proposed_early"], "mid": row["proposed_mid"]} if row["bounds"] == PROPOSED else {}
        evidence[name] = bound.model_copy(update={"weight": 0.0} if row["bounds"] in NO_WEIGHT else new)
    if not any(bound.weight for bound in evidence.values()):
        return rules
    return rules.model_copy(update={"evidence": evidence})


def moved(proposed: pd.DataFrame, by_file: pd.DataFrame) -> tuple[int, int]:
    """Count the placings of accounts that differ between two sets of bounds, and all.

    Parameters
    ----------
    proposed, by_file : DataFrames of `cycle.assign_cycles` on the same evidence
    """
    keys = ["account_id", "product_line"]
    both = proposed.dropna(subset="account_id").merge(by_file, on=keys, suffixes=("", "_file"))
    return int((both["cycle"] != both["cycle_file"]).sum()), len(both)


def choices(rules: Rules) -> dict[str, tuple[Bound, dict[str, Bound]]]:
    """Offer other bounds to try, for each kind of evidence that counts.

    Both bounds of a kind move in proportion, `TIMES` as high as those in force.

    Returns
    -------
    dict of kind of evidence to the bound in force, and to those offered by what points to early, in words
    """
    offered = {}
    for name, bound in rules.evidence.items():
        if bound.weight:
            each = [bound.model_copy(update={"early": x * bound.early, "mid": x * bound.mid}) for x in TIMES]
            offered[name] = bound, {b.words()[0]: b for b in each}
    return offered


def cycles_with(
    seen: pd.DataFrame, rules: Rules, accounts: pd.DataFrame, overrides: pd.DataFrame, **bounds: Bound
) -> pd.DataFrame:
    """Give each account's cycle, line by line, as other bounds would place it.

    Accounts without history and what a person has set are treated as in `cycle.look_alikes` and `cycle.with_overrides`.

    Parameters
    ----------
    seen : DataFrame of `cycle.buying_evidence`
    accounts, overrides : ``tables.schema.ACCOUNTS``, ``CYCLE_OVERRIDES``
    bounds : in place of those of `rules`, by kind of evidence

    Returns
    -------
    DataFrame of `cycle.with_overrides`, one row per account and line
    """
    rules = rules.model_copy(update={"evidence": rules.evidence | bounds})
    assigned = cycle.assign_cycles(cycle.score_evidence(seen, rules))
    own = assigned[assigned["account_id"].notna()]
    return cycle.with_overrides(pd.concat([own, cycle.look_alikes(own, accounts)], ignore_index=True), overrides)
