"""How fast touches should be forgotten: half-lives and windows judged by who opens an opportunity next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from abmlib.method.engagement import DAY, Memory, age_days
from abmlib.method.orders import account_positions
from abmlib.stats.intervals import DRAWS, FLOOR_ACCOUNTS, FLOOR_OUTCOMES, LEVEL

SEED = 22  # of the bootstrap
BUNDLES = 2_000  # accounts are drawn in so many bundles where there are more of them
TEST_SHARE = 1 / 3  # of the snapshots, the latest, judge; the others train
CANDIDATES = (
    *(Memory("half-life", days) for days in (7, 14, 30, 60, 90, 180)),
    Memory("window", 30),  # AJO
    Memory("window", 91),  # three months: Demandbase
    Memory("no decay"),
)


def compare(
    panel: pd.DataFrame,
    openings: pd.DataFrame,
    accounts: pd.DataFrame,
    as_of: pd.Timestamp,
    horizon_days: int,
    candidates: Sequence[Memory] = CANDIDATES,
    value: str = "rows",
) -> pd.DataFrame:
    """Judge each way of forgetting by how well engagement on a day predicts who opens an opportunity within the horizon.

    History is cut into windows of `horizon_days`, the last ending at `as_of`, so that no two overlap and each opening is the
    outcome of one. Before each window, all accounts known then are scored with what was known then. The earlier windows train
    a logistic model of opening on log(1 + engagement), less its mean over accounts on that day; the latest third judges it.
    Beside the candidates stand the base rate of
    the earlier windows, and the account's own past opening (has it had one, and how long ago). A candidate is judged
    against the base rate.

    Parameters
    ----------
    panel : DataFrame with ``account_id, day`` and `value`
    openings : DataFrame, one row per opportunity opened: ``account_id, day``
    accounts : DataFrame, one row per account: ``account_id, created_day`` (since when it is known)
    horizon_days : length of a window

    Returns
    -------
    DataFrame, the base rate, recency and one row per candidate
        ``memory, kind, days``; ``accounts, n`` (accounts, and accounts times windows, in the windows that judge),
        ``outcomes`` (of them followed by an opening), ``log_loss``, ``difference`` (from the base rate's; below 0 is
        better), ``low, high`` (intervals that hold for all rows together), ``level``; ``status`` (``too_early``: fewer than
        `FLOOR_OUTCOMES` with or without an opening to train or to judge, or fewer than `FLOOR_ACCOUNTS` accounts;
        ``not_answerable``: history too short for two windows), ``verdict`` (``baseline``; ``better than the base rate``;
        ``no signal``, where the interval holds 0; ``worse than the base rate``; missing where status is not ok)

    Raises
    ------
    ValueError
        If `horizon_days` is less than 1, or `accounts` repeats an id.

    References
    ----------
    Metric dictionary C-14, C-44, C-46. Bootstrap over accounts, simultaneous over rows: Romano and Wolf (2005),
    Econometrica 73, p. 1237. House definition of the windows; README, glossary entry "half-life of engagement".
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days must be 1 or more, got {horizon_days}.")
    rows = [("base rate", "baseline", np.nan), ("recency of own opening", "baseline", np.nan)]
    rows += [(str(m), m.kind, m.days) for m in candidates]
    out = pd.DataFrame(rows, columns=["memory", "kind", "days"])
    ends = _snapshots(panel, as_of, horizon_days)
    if len(ends) < 2 or openings.empty:
        return _unjudged(out, "not_answerable", 0, 0, 0)
    past = _Past.of(panel, openings, accounts.sort_values("account_id"), ends, value)
    y, test = past.opened, np.arange(len(ends)) >= len(ends) - int(np.ceil(TEST_SHARE * len(ends)))
    n, outcomes = int(past.known[test].sum()), int(y[test].sum())
    judging = past.known[test].any(axis=0)
    if judging.sum() < FLOOR_ACCOUNTS or min(_rarest(past, test), _rarest(past, ~test)) < FLOOR_OUTCOMES:
        return _unjudged(out, "too_early", int(judging.sum()), n, outcomes)
    features = [past.nothing(), past.recency(), *(np.log1p(past.levels(m))[..., None] for m in candidates)]
    losses = np.stack([_losses(x, y, past.known, test) for x in features], axis=1)[judging]
    table = _against_first(losses, past.known[test].sum(axis=0)[judging])
    verdict = np.select(
        [out.index == 0, table["high"] < 0, table["low"] > 0],
        ["baseline", "better than the base rate", "worse than the base rate"],
        "no signal",
    )
    return pd.concat([out.assign(accounts=int(judging.sum()), n=n, outcomes=outcomes), table], axis=1).assign(
        level=LEVEL, status="ok", verdict=verdict
    )


def best(compared: pd.DataFrame) -> Memory | None:
    """Name the way of forgetting with the lowest log-loss that beats the base rate; None where there is no signal.

    Parameters
    ----------
    compared : DataFrame of `compare`
    """
    able = compared[(compared["verdict"] == "better than the base rate") & (compared["kind"] != "baseline")]
    if able.empty:
        return None
    row = able.loc[able["log_loss"].idxmin()]
    return Memory(row["kind"], float(row["days"]))


@dataclass(frozen=True)
class _Past:
    """What was known at the beginning of each window, and who opened in it; arrays of windows × accounts."""

    ends: np.ndarray  # last day known before each window, ascending, as days from the first of them
    place: np.ndarray
    day: np.ndarray
    worth: np.ndarray
    known: np.ndarray
    opened: np.ndarray
    since: np.ndarray  # days since the account's last opening; missing = none yet

    @classmethod
    def of(
        cls, panel: pd.DataFrame, openings: pd.DataFrame, accounts: pd.DataFrame, ends: pd.DatetimeIndex, value: str
    ) -> "_Past":
        """Look back from each of `ends`; accounts in the order given."""
        index, n = pd.Index(accounts["account_id"]), len(accounts)
        step, first = (ends[1] - ends[0]).days, ends[0]
        at = np.arange(len(ends)) * step
        place, opener = account_positions(panel, index), account_positions(openings, index)
        day, opens = (-age_days(t, first) for t in (panel, openings))
        known = -(first - accounts["created_day"]).dt.days.to_numpy()[None, :] <= at[:, None]
        opened, since = np.zeros((len(ends), n), bool), np.full((len(ends), n), np.nan)
        for k, end in enumerate(at):
            opened[k, opener[(opener >= 0) & (opens > end) & (opens <= end + step)]] = True
            before = (opener >= 0) & (opens <= end)
            last = np.full(n, -np.inf)
            np.maximum.at(last, opener[before], opens[before])
            since[k] = np.where(np.isfinite(last), end - last, np.nan)
        ours = (place >= 0) & (day <= at[-1])
        worth = panel[value].to_numpy(float)[ours]
        return cls(at, place[ours], day[ours], worth, known, opened & known, since)

    def levels(self, memory: Memory) -> np.ndarray:
        """Engagement of each account before each window."""
        n = self.known.shape[1]
        out: list[np.ndarray] = []
        for end in self.ends:
            age = end - self.day
            new = age >= 0
            if memory.kind != "window" and out:  # what was there fades as one
                new &= age < self.ends[1] - self.ends[0]
            level = np.bincount(self.place[new], self.worth[new] * memory.weight(age[new]), minlength=n)
            if memory.kind != "window" and out:
                level = level + out[-1] * (
                    np.exp2(-(self.ends[1] - self.ends[0]) / memory.days) if memory.kind == "half-life" else 1.0
                )
            out.append(level)
        return np.array(out)

    def nothing(self) -> np.ndarray:
        """No feature: the base rate."""
        return np.zeros((*self.known.shape, 0))

    def recency(self) -> np.ndarray:
        """Has the account opened before, and how long ago, in logarithm."""
        ever = ~np.isnan(self.since)
        return np.stack([ever.astype(float), np.where(ever, np.log1p(np.nan_to_num(self.since)), 0.0)], axis=-1)


def _snapshots(panel: pd.DataFrame, as_of: pd.Timestamp, horizon: int) -> pd.DatetimeIndex:
    """Days before each window of history, ascending; before the first lies one window of touches at least."""
    if panel.empty:
        return pd.DatetimeIndex([])
    windows = int(((as_of - panel["day"].min()).days + 1) // horizon) - 1
    return pd.DatetimeIndex([as_of - k * horizon * DAY for k in range(max(windows, 0), 0, -1)])


def _rarest(past: _Past, which: np.ndarray) -> int:
    """Count the outcomes of the rarer kind in some windows."""
    yes, n = int(past.opened[which].sum()), int(past.known[which].sum())
    return min(yes, n - yes)


def _unjudged(rows: pd.DataFrame, status: str, accounts: int, n: int, outcomes: int) -> pd.DataFrame:
    """Rows of `compare` without a judgement."""
    blank = dict.fromkeys(["log_loss", "difference", "low", "high", "level"], np.nan)
    return rows.assign(accounts=accounts, n=n, outcomes=outcomes, **blank, status=status, verdict=None)


def _losses(x: np.ndarray, y: np.ndarray, known: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Log-loss of each account, summed over the windows that judge, of a logistic model trained on the others."""
    train = known & ~test[:, None]
    centre = (x * known[..., None]).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1), 1)[:, None, None]
    x = x - centre  # a rise of all accounts alike tells nothing of any of them
    width = x[train].std(axis=0)
    x = x / np.where(width > 0, width, 1.0)
    coefficients = _logistic(np.column_stack([np.ones(train.sum()), x[train]]), y[train].astype(float))
    z = coefficients[0] + x[test] @ coefficients[1:]
    return np.where(known[test], np.logaddexp(0, z) - y[test] * z, 0.0).sum(axis=0)


def _logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients of a logistic model by Newton's method; slopes have a standard normal prior, so that they are finite."""
    prior = np.diag([0.0] + [1.0] * (x.shape[1] - 1))
    b = np.zeros(x.shape[1])
    b[0] = np.log(y.mean() / (1 - y.mean()))
    for _ in range(25):
        p = scipy.special.expit(x @ b)
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + prior, x.T @ (y - p) - prior @ b)
        b = b + step
        if np.abs(step).max() < 1e-9:
            break
    return b


def _against_first(losses: np.ndarray, n: np.ndarray) -> pd.DataFrame:
    """Mean loss of each column, and its difference from that of the first with its simultaneous interval."""
    bundle = np.arange(len(n)) % BUNDLES
    size = int(bundle.max()) + 1
    apart = np.stack([np.bincount(bundle, d) for d in (losses - losses[:, :1]).T], axis=1)
    often = np.random.default_rng(SEED).multinomial(size, np.full(size, 1 / size), DRAWS).astype(float)
    drawn = (often @ apart) / (often @ np.bincount(bundle, n))[:, None]
    found = apart.sum(axis=0) / n.sum()
    error = drawn.std(axis=0, ddof=1)
    far = np.abs(drawn - found) / np.where(error > 0, error, np.inf)
    half = np.quantile(far.max(axis=1), LEVEL) * error
    return pd.DataFrame(
        {"log_loss": losses.sum(axis=0) / n.sum(), "difference": found, "low": found - half, "high": found + half}
    )
