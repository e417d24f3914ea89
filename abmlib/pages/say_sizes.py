"""Sentences of 05 on how big each account could be, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count, joined, one_line, share, short_money

SIGNAL, FEW = "signal", "too few"
SURE = 500  # sizes that were judged, below which a share of 95% is known to no better than about two points
DOES = {"wins": "signs", "buys": "buys"}
EACH = {"wins": "signs a deal", "buys": "buys"}
LIKELY = "Expected is chance times size: it says what is likely, not what our work would add."


def size(
    sizes: pd.DataFrame, what: str, horizon_days: int, verdict: str, saved: pd.Series | None, currency: str, why: str
) -> str:
    """Say how much an account signs or buys if it does, and if the past could tell big from small; the headline.

    Parameters
    ----------
    sizes : DataFrame of ``05_opportunity_size``
    what : ``wins`` or ``buys``
    saved : row of `measures` of the error saved; None where nothing was tested
    why : what is missing, where nothing was tested
    """
    if verdict == FEW or saved is None:
        return f"How big? Nobody can say: it takes {why}."
    low, high = sizes["size_middle"].quantile(0.1), sizes["size_middle"].quantile(0.9)
    of = f"If an account {DOES[what]} within {horizon_days:,} days, the middle of what it {DOES[what]}"
    if verdict == SIGNAL:
        spread = f"runs from {short_money(low, currency)} (a tenth of accounts is smaller) to {short_money(high, currency)} (a tenth is bigger)"
        return f"{of} {spread}. The past could tell big from small: {_estimate(saved)} of the error was saved."
    middle = short_money(sizes["size_middle"].median(), currency)
    return f"{of} is {middle} for every account: the past could not tell big from small."


def held(measured: pd.Series) -> str:
    """Say how often the intervals held, and if that is as promised."""
    value, low, high, n = (measured[c] for c in ("value", "low", "high", "n"))
    said = f"Of {n:,.0f} sizes that came later, {share(value)} ({share(low)} to {share(high)}) lay inside intervals that promised 95%"
    if pd.isna(low):
        return said + "."
    if high < 0.95:
        return said + f": they promised too much; read them as {value:.0%} intervals."
    if low > 0.95:
        return said + ": they are wider than need be."
    return said + (": as promised." if n >= SURE else ": as promised, as far as so few can tell.")


def expected(sizes: pd.DataFrame, horizon_days: int, kept: tuple[float, float, float, int], currency: str) -> str:
    """Say what is expected of all accounts, how few carry half of it, and what such totals came to in the past."""
    value = sizes["value"].dropna().sort_values(ascending=False)
    if not len(value) or not value.sum() > 0:
        return ""
    half = int((value.cumsum() < value.sum() / 2).sum()) + 1
    return f"{total(float(value.sum()), count(len(value), 'account'), horizon_days, kept, currency)} Half of it is of {count(half, 'account')}."


def total(value: float, of: str, horizon_days: int, kept: tuple[float, float, float, int], currency: str) -> str:
    """Say a total of what is expected, with the interval that past totals give it, or what it is worth where they were off.

    Parameters
    ----------
    kept : what came in the past for each one that was expected: value, low, high, n
    """
    times, low, high, _ = kept
    heads = f"Expected of {of} within {horizon_days:,} days: {short_money(value, currency)}"
    if pd.isna(low):
        return f"{heads}; what such totals came to could not be tested."
    ends = f"{short_money(value * low, currency)} to {short_money(value * high, currency)}"
    if low <= 1 <= high:
        return f"{heads} ({ends}, as {times:.2f} came for 1.00 expected on past days)."
    off = "low" if low > 1 else "high"
    return f"{heads} by chance and size; that is too {off}, as {times:.2f} ({low:.2f} to {high:.2f}) came for 1.00 expected on past days: so rather {ends}."


def begin(scored: pd.DataFrame, horizon_days: int) -> str:
    """Order where to begin among accounts without an open deal.

    Parameters
    ----------
    scored : rows of ``04_propensity``
    """
    if ((scored["question"] == "opens") & scored["rank"].notna()).any():
        return "Begin with these of the accounts to call first (04): half of what is expected of those is of them"
    return f"Begin with these accounts: of those without an open deal, most is expected of them within {horizon_days:,} days"


def offer(is_ranked: bool) -> str:
    """Order what is done with lines that accounts do not buy."""
    if is_ranked:
        return "Offer these accounts the line they do not buy yet"
    return "Ask these customers about a line that customers like them buy; too few ever took one up to test whom to ask"


def is_kept(kept: tuple[float, float, float, int]) -> bool:
    """Say if the level of what was expected held, within noise."""
    return bool(kept[1] <= 1 <= kept[2])


def white_space(
    cells: pd.DataFrame, why: str, horizon_days: int, kept: tuple[float, float, float, int], currency: str
) -> str:
    """Say how many lines accounts do not buy, how many are worth an offer, and what they are expected to bring.

    Parameters
    ----------
    cells : DataFrame ``product_line, value, fits``, of lines that accounts do not buy
    why : what is missing, where nothing can be said
    """
    if why or cells.empty:
        return f"White space by line: not answered, it takes {why}." if why else "Every account buys every line."
    fits = cells["fits"].fillna(False).astype(bool)
    of = f"{len(cells):,} times an account neither buys a line nor is offered it"
    if not cells["value"].notna().any():
        return f"White space: {of}. Too few such lines were ever taken up to say what that is worth; what look-alikes spend on them is below."
    of += f", {int(fits.sum()):,} of them worth an offer"
    by = cells.groupby("product_line")["value"].sum().sort_values(ascending=False)
    most = f"Most of it is {one_line(by.index[0])} ({share(by.iloc[0] / by.sum())})." * bool(
        len(by) > 1 and by.sum() > 0
    )
    return f"White space: {of}. {total(float(by.sum()), 'all of it', horizon_days, kept, currency)} {most}".strip()


def look_alikes(measured: pd.DataFrame) -> list[str]:
    """Say of how many lines look-alikes tell what an account spends; then by how much, and how often their interval held."""
    rows = measured[measured["definition_id"] == "look_alike_error_saved"]
    known = rows[rows["status"] == "ok"]
    if known.empty:
        return ["Look-alikes say nothing: no line has enough buyers, or nothing describes the accounts."]
    tell = known[known["low"] > 0]
    inside = measured[(measured["definition_id"] == "look_alike_held") & (measured["status"] == "ok")]["value"]
    heads = f"Customers that are alike spend alike in {len(tell)} of {count(len(known), 'line')}, beyond noise."
    parts = [f"{one_line(r['group'])} {_estimate(r)}" for _, r in tell.iterrows()]
    said = f"Error saved against the middle of all buyers: {joined(parts)}. " * bool(parts)
    return [
        heads,
        f"{said}Of accounts that buy, {share(inside.min())} or more spent within the interval of their look-alikes (95% is promised).",
    ]


def headroom(bands: pd.DataFrame) -> str:
    """Say if accounts below their look-alikes grew more than those above."""
    known = bands[bands["ratio"].notna() & bands["ratio_low"].notna()]
    if len(known) < 2:
        return ""
    first, last = known.iloc[0], known.iloc[-1]
    each = [
        f"{r['band']} {r['ratio']:.2f} ({r['ratio_low']:.2f} to {r['ratio_high']:.2f})" for _, r in known.iterrows()
    ]
    heads = (
        "Headroom came: accounts below their look-alikes grew more than those above."
        if first["ratio_low"] > last["ratio_high"]
        else "Headroom did not come: accounts below their look-alikes grew no more than others, beyond noise. That others spend more is no sign that an account will."
    )
    return f"{heads} Bought in a line, over the same days a year before: {'; '.join(each)}."


def wallet(rows: pd.DataFrame, currency: str) -> str:
    """Say our share of the wallets that somebody estimated.

    Parameters
    ----------
    rows : DataFrame ``bought_12m, wallet_low, wallet_mid, wallet_high``, of accounts and lines with an estimate
    """
    if rows.empty or not rows["wallet_mid"].sum() > 0:
        return "Our share of wallet is unknown: nobody estimated what accounts spend with all suppliers (table wallet_estimates). Look-alikes say what others spend with us."
    bought = rows["bought_12m"].clip(lower=0).sum()
    ends = sorted(bought / rows[c].sum() if rows[c].sum() > 0 else float("nan") for c in ("wallet_low", "wallet_high"))
    return (
        f"Of {count(len(rows), 'wallet')} that somebody estimated we have {share(bought / rows['wallet_mid'].sum())} ({share(ends[0])} to {share(ends[1])} "
        f"by the estimates' own ends); {short_money(rows['wallet_mid'].sum() - bought, currency)} a year goes elsewhere."
    )


def resourced(rows: pd.DataFrame, follows: pd.DataFrame) -> list[str]:
    """Say how many accounts have too few or too many hours; then how far effort follows size."""
    known = follows[follows["status"] == "ok"] if len(follows) else follows
    if known.empty:
        return ["Hours and spend are not noted by account, so nobody can say if they go where size is."]
    counts = rows["resourced"].value_counts()
    under, over = (int(counts.get(which, 0)) for which in ("under", "over"))
    freed = rows.loc[rows["resourced"] == "over", "hours_off"].sum()
    heads = f"{count(under, 'account')} of which much is expected get less than half their share of the hours; {over:,} get more than twice theirs, {freed:,.0f} hours a year above it."
    if rows["hours_share"].isna().all() or rows["expected_share"].isna().all():
        heads = "Nobody can say which accounts get too few hours: hours are not noted, or nothing is expected."
    parts = [
        f"{r['group'].replace(': ', ' and ')} {r['value']:+.2f} ({r['low']:+.2f} to {r['high']:+.2f})"
        for _, r in known.iterrows()
    ]
    more = "Scores know how often we touch an account, so hours and what is expected go together by themselves."
    return [heads, f"Rank correlations: {joined(parts)}. {more}"]


def cell_why(cells: pd.DataFrame, is_ranked: bool, currency: str) -> pd.Series:
    """Say why a line is offered: its chance beside that of the line and the size, where the past told them apart; and its look-alikes.

    Parameters
    ----------
    cells : DataFrame of `white_space.offers`
    """
    return pd.Series(
        [
            f"{one_line(r.product_line)}: "
            + f"{share(r.chance)} take it up (of the line {share(r.rate)}); half bring {_half(r.size_quarter, r.size_three_quarters, currency)}; "
            * is_ranked
            + (f"{share(r.alike_share)} of its look-alikes buy it" if pd.notna(r.alike_share) else "no look-alikes")
            + (
                f", half for {_half(r.alike_quarter, r.alike_three_quarters, currency)} a year"
                if pd.notna(r.alike_quarter)
                else ""
            )
            for r in cells.itertuples()
        ],
        cells.index,
        dtype="str",
    )


def size_why(rows: pd.DataFrame, currency: str) -> pd.Series:
    """Say why much is expected of an account: its chance, and the half of sizes in the middle."""
    texts = [
        f"chance that it {EACH[r.what]} {share(r.chance)}; if it does, half of the times {_half(r.size_quarter, r.size_three_quarters, currency)}"
        for r in rows.itertuples()
    ]
    return pd.Series(texts, rows.index, dtype="str")


def hours_why(rows: pd.DataFrame) -> pd.Series:
    """Say the hours of an account beside its shares."""
    texts = [
        f"{r.hours_12m:,.0f} hours in 12 months, {share(r.hours_share)} of all; {share(r.expected_share)} of what is expected, {share(r.revenue_share)} of the revenue"
        for r in rows.itertuples()
    ]
    return pd.Series(texts, rows.index, dtype="str")


def _estimate(row: pd.Series) -> str:
    """A share with its interval."""
    return (
        f"{share(row['value'])} ({share(row['low'])} to {share(row['high'])})"
        if pd.notna(row["low"])
        else share(row["value"])
    )


def _half(low: float, high: float, currency: str) -> str:
    """The half in the middle of sizes."""
    return f"{short_money(low, currency)} to {short_money(high, currency)}"
