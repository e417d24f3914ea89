"""What an account could spend on each line of business, by what the customers most like it spend.

Alike is who a company is (industry, size, place), never what it buys from us: whoever is compared by own revenue finds own revenue.
How much each description counts is learnt, line by line, from what it tells of customers' spend.
"""

import numpy as np
import pandas as pd

from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.opportunity_size import amounts
from abmlib.method.outcomes import YEAR_DAYS
from abmlib.method.periods import DAY
from abmlib.method.propensity import SEED
from abmlib.stats import intervals, models, scores, sizes
from abmlib.stats.sizes import FEWEST, HIGH, LOW

NUMBERS = ("employees", "annual_revenue")
LISTS = ("tech_stack",)
DESCRIPTIONS = ("industry", "sub_industry", "country", "region", "org_type", "growth_outlook", *NUMBERS, *LISTS)
ALIKE = 40  # customers an account is compared with, more where they are equally alike; fewer have no interval at the level of the house
MOST_PARTS = 40  # of lists, the most frequent
MOST = 1_000  # customers that are compared with; of more, some by their id
LEAST_KNOWN = 0.2  # share of customers with a description below which it is not used
DEALT = 400  # random deals of look-alikes
BELOW = (
    "less than half of its look-alikes",
    "half of them to as much",
    "as much or more",
)  # bands of what an account buys of a line
QUANTILES = [f"alike_{name}" for name in ("low", "quarter", "middle", "three_quarters", "high")]
COLUMNS = ["account_id", "product_line", "alike_customers", "alike_share", "alike_buyers", *QUANTILES, "alike_mean"]


def demand(about: pd.DataFrame, spend: pd.DataFrame) -> pd.DataFrame:
    """Give of each account and line what its look-alikes do: which part of the customers most like it buys, and what those that buy spend.

    An account is never compared with itself. A line with fewer than `FEWEST` buyers has no look-alikes; where no description
    tells anything of a line, all its customers are alike. Without any description nobody has look-alikes.

    Parameters
    ----------
    about : DataFrame, index: account id; `DESCRIPTIONS`, those that there are
    spend : DataFrame, index: account id, those of `about` in any order; a column per line: money of a year, 0 or less without a purchase

    Returns
    -------
    DataFrame, a row per account and line: `COLUMNS`; ``alike_customers, alike_buyers`` count whom it is compared with, ``alike_share`` is the
    part of the customers that buys, the rest is money of a year of those that buy

    References
    ----------
    C-50; S3-12. Gower (1971), Biometrics 27, p. 857, weighted.
    """
    ids, parts, table = about.index, list[pd.DataFrame](), spend.reindex(about.index).to_numpy(float)
    fields, customers = _fields(about), (table > 0).any(axis=1)
    for k, line in enumerate(spend.columns):
        own, buys = table[:, k], table[:, k] > 0
        out = np.full((len(ids), len(COLUMNS) - 2), np.nan)
        if buys.sum() >= FEWEST:
            among, buyers, logs = _some(ids, customers), _some(ids, buys), np.log(np.where(buys, own, 1.0))
            weights = _weights(fields, buys[customers].astype(float), customers)
            for i, near in enumerate(_nearest(fields, weights, among)):
                out[i, :2] = len(near), buys[near].mean()
            for i, near in enumerate(_nearest(fields, _weights(fields, logs[buys], buys), buyers)):
                out[i, 2:] = len(near), *sizes.quantiles_of(logs[near]), own[near].mean()
            out[:, 3:8] = np.exp(out[:, 3:8])
        parts.append(
            pd.DataFrame(out, columns=COLUMNS[2:]).assign(account_id=ids.astype("str"), product_line=str(line))
        )
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def judged(found: pd.DataFrame, spend: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of `measures`: for accounts that buy a line, how much nearer their look-alikes come to their spend than all other buyers do, and if the interval held.

    Parameters
    ----------
    found : DataFrame of `demand`
    spend : as there

    References
    ----------
    C-50; S3-12.
    """
    own = (
        spend.rename_axis("account_id")
        .melt(ignore_index=False, var_name="product_line", value_name="spent")
        .reset_index()
    )
    both = found.merge(own.astype({"product_line": "str"}), on=["account_id", "product_line"])
    both, out = both[(both["spent"] > 0) & both["alike_middle"].notna()], list[dict[str, object]]()
    for line in dict.fromkeys(found["product_line"]):
        rows, where = both[both["product_line"] == line], {"group_by": "product line", "group": line}
        if rows.empty:
            why = {"status": "not_answerable", "why": f"{FEWEST} customers that buy the line"}
            out += [
                measure_row("C-50", d, np.nan, "share", 0, **where, **why)
                for d in ("look_alike_error_saved", "look_alike_held")
            ]
            continue
        y, account = np.log(rows["spent"].to_numpy(float)), rows["account_id"]
        off = np.abs(y - np.log(rows["alike_middle"].to_numpy(float)))
        plain = np.abs(y - _middle_of_others(y))
        held = rows["spent"].between(rows[QUANTILES[LOW]], rows[QUANTILES[HIGH]])
        saved = scores.gain(off, plain, account.to_numpy(), SEED)
        out.append(estimate_row("C-50", "look_alike_error_saved", saved, "share", **where))
        out.append(estimate_row("C-50", "look_alike_held", intervals.share(held, account), "share", **where))
    return out


def wallets(bought: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    """Give the wallet of each account and line, what it spends in a year with all suppliers, as somebody estimated it; and our share of it.

    Where we sold more than the wallet is estimated at, we have all of it, and the estimate is wrong. Without an estimate it is missing:
    look-alikes say what others spend with us, not what this account spends elsewhere.

    Parameters
    ----------
    bought : DataFrame ``account_id, product_line, bought_12m``
    estimates : ``tables.schema.WALLET_ESTIMATES``; rows of other accounts or lines do not count

    Returns
    -------
    DataFrame, rows as `bought`: ``wallet_low, wallet_mid, wallet_high, wallet_by, share_of_wallet`` with ``_low`` and ``_high``, at most 1

    References
    ----------
    C-36; S0-4.
    """
    by = ["account_id", "product_line"]
    own = bought[by].merge(estimates[[*by, "low", "mid", "high", "method"]], on=by, how="left").set_axis(bought.index)
    sold = bought["bought_12m"].astype(float).clip(lower=0)
    ends = {end: own[end].astype(float).fillna(own["mid"].astype(float)) for end in ("low", "mid", "high")}
    out = pd.DataFrame({f"wallet_{end}": x for end, x in ends.items()}).assign(wallet_by=own["method"].astype("str"))
    names = {"share_of_wallet": "mid", "share_of_wallet_low": "high", "share_of_wallet_high": "low"}
    return out.assign(**{name: (sold / ends[end].where(ends[end] > 0)).clip(upper=1.0) for name, end in names.items()})


def growth_by_headroom(bought: pd.DataFrame, found: pd.DataFrame, horizon_days: int) -> tuple[pd.DataFrame, float]:
    """Say how accounts below and above their look-alikes went on: what they bought within the horizon, over the same days a year before.

    Only accounts that had bought the line in the year before that too: who has just begun has bought little yet. Whoever is far below is there by
    luck as well, and draws back to its own middle; so the difference between lowest and highest band is compared with that of look-alikes
    dealt at random among the accounts of a line.

    Parameters
    ----------
    bought : DataFrame ``day, account_id, product_line, bought_12m, line_prior, alike_middle``: of past days, lines that were bought
    found : DataFrame of `opportunity_size.events`
    horizon_days : up to a year

    Returns
    -------
    DataFrame, one row per band: ``band, rows, accounts, before, after, ratio, ratio_low, ratio_high``; and the share of `DEALT` random deals of look-alikes in
    which the lowest band outgrew the highest by as much, missing where a band is empty

    References
    ----------
    C-50: headroom is a promise only where it came. Galton (1886), regression towards mediocrity.
    """
    rows = bought[bought["alike_middle"].notna() & (bought["line_prior"] > 0)].reset_index(drop=True)
    by = ["account_id", "product_line"]
    after, before = (
        amounts(found, rows.assign(day=rows["day"] - back * DAY), horizon_days, by) for back in (0, YEAR_DAYS)
    )
    own, middle = rows["bought_12m"].to_numpy(float), rows["alike_middle"].to_numpy(float)
    band, out = _band(own, middle), []
    for k, name in enumerate(BELOW):
        of = band == k
        value, low, high, n = intervals.ratio(
            pd.Series(after[of]), pd.Series(before[of]), SEED, rows.loc[of, "account_id"].reset_index(drop=True)
        )
        out.append((name, n, rows.loc[of, "account_id"].nunique(), before[of].sum(), after[of].sum(), value, low, high))
    table = pd.DataFrame(
        out, columns=["band", "rows", "accounts", "before", "after", "ratio", "ratio_low", "ratio_high"]
    )
    random, places = np.random.default_rng(SEED), list(rows.groupby(["day", "product_line"]).indices.values())
    dealt, apart = middle.copy(), list[float]()
    for _ in range(DEALT):
        for place in places:
            dealt[place] = middle[random.permutation(place)]
        apart.append(_apart(_band(own, dealt), before, after))
    real = _apart(band, before, after)
    return table, float("nan") if np.isnan(real) else float(np.mean([not draw < real for draw in apart]))


# -- parts ------------------------------------------------------------------------------------------------------------


def _fields(about: pd.DataFrame) -> dict[str, np.ndarray]:
    """Descriptions as numbers: ranks from 0 to 1, codes of kinds, and of lists a column of 1 and 0 per part; missing where unknown."""
    out = dict[str, np.ndarray]()
    for name in [c for c in DESCRIPTIONS if c in about and about[c].notna().mean() >= LEAST_KNOWN]:
        values = about[name]
        if name in NUMBERS:
            out[name] = values.astype(float).rank(pct=True).to_numpy()[:, None]
        elif name in LISTS:
            parts = values.astype("str").str.get_dummies(";").astype(float)
            parts = parts[parts.sum().nlargest(MOST_PARTS).index]
            out[name] = parts.where(values.notna(), np.nan).to_numpy()
        else:
            out[name] = np.where(values.notna(), pd.factorize(values)[0].astype(float), np.nan)[:, None]
    return {
        name: x
        for name, x in out.items()
        if (x.shape[1] and np.nanmin(x) < np.nanmax(x)) or (x.shape[1] > 1 and np.nanstd(x) > 0)
    }


def _weights(fields: dict[str, np.ndarray], y: np.ndarray, of: np.ndarray) -> dict[str, float]:
    """How much of the spread of ranks of a number each description tells, less what it would by chance; those above 0."""
    out, ranks = dict[str, float](), pd.Series(y).rank()
    for name, every in fields.items():
        x = every[of]
        known = ~np.isnan(x[:, 0])
        if known.sum() < FEWEST or ranks[known].nunique() < 2:
            continue
        own, n = ranks[known].to_numpy(), int(known.sum())
        whole = float(((own - own.mean()) ** 2).sum())
        if name in NUMBERS or name in LISTS:
            columns = np.column_stack(
                [np.ones(n), x[known] if name in LISTS else pd.Series(x[known, 0]).rank().to_numpy()]
            )
            fitted = columns @ np.linalg.lstsq(columns, own, rcond=None)[0]
            many = int(np.linalg.matrix_rank(columns))
        else:
            kinds = pd.Series(own).groupby(x[known, 0])
            fitted, many = kinds.transform("mean").to_numpy(), kinds.ngroups
        if n - many < FEWEST:  # nearly as many kinds as accounts tell nothing
            continue
        rest = float(((own - fitted) ** 2).sum())
        told = 1 - rest / max(n - many, 1) / (whole / (n - 1))
        if told > 0:
            out[name] = told
    return out


def _nearest(fields: dict[str, np.ndarray], weights: dict[str, float], among: np.ndarray):  # type: ignore[no-untyped-def]
    """Give of each account the places of the `ALIKE` most like it, more where they are equally alike; all where nothing tells."""
    n = len(next(iter(fields.values()))) if fields else 0
    for first in range(0, n, 500):
        rows = np.arange(first, min(first + 500, n))
        apart, known = np.zeros((len(rows), len(among))), np.zeros((len(rows), len(among)))
        for name, weight in weights.items():
            a, b = fields[name][rows][:, None, :], fields[name][among][None]
            off = np.abs(a - b) if name in NUMBERS else (a != b).astype(float)
            both = ~(np.isnan(a[..., 0]) | np.isnan(b[..., 0]))
            apart += np.where(both, off.mean(axis=2), 0.0) * weight
            known += both * weight
        far = np.where(known > 0, apart / np.where(known > 0, known, 1.0), np.inf if weights else 0.0)
        far[rows[:, None] == among[None]] = np.nan
        for row in far:
            place = np.flatnonzero(~np.isnan(row))
            edge = np.partition(row[place], min(ALIKE, len(place)) - 1)[min(ALIKE, len(place)) - 1]
            yield among[place[row[place] <= edge + 1e-12]]


def _some(ids: pd.Index, of: np.ndarray) -> np.ndarray:
    """Places of those that are compared with: all, or some by their id, so that there are about `MOST`."""
    return np.flatnonzero(of & models.some_of(ids.to_numpy(object), int(of.sum()), MOST))


def _middle_of_others(y: np.ndarray) -> np.ndarray:
    """Median of all other values, for each."""
    order, n = np.sort(y), len(y)
    place = np.searchsorted(order, y)
    half = (n - 1) // 2

    def at(k: int) -> np.ndarray:
        return order[np.where(place <= k, k + 1, k)]

    return at(half) if (n - 1) % 2 else (at(half - 1) + at(half)) / 2


def _band(own: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Place in `BELOW` of each row."""
    return np.select([own < middle / 2, own < middle], [0, 1], 2)


def _apart(band: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    """Growth of the lowest band over that of the highest, as a logarithm; missing where there is none."""
    sums = [(after[band == k].sum(), before[band == k].sum()) for k in (0, len(BELOW) - 1)]
    if min(min(pair) for pair in sums) <= 0:
        return float("nan")
    low, high = (np.log(a / b) for a, b in sums)
    return float(low - high)
