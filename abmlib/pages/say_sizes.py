"""Sentences of 05 on how big each account could be, from finished numbers."""

from collections.abc import Sequence

import pandas as pd

from abmlib.pages.say import count, joined, one_line, share, short_money

SIGNAL, FEW = "signal", "too few"
CHANCE = 0.025  # share of random deals that show as much, below which look-alikes say more than luck
WIDEST = 20.0  # times by which the ends of an interval may differ and still say something
SURE = 500  # sizes that were judged, below which a share of 95% is known to no better than about two points
DOES = {"wins": "signs", "buys": "buys"}
EACH = {"wins": "signs a deal", "buys": "buys"}


def size(
    sizes: pd.DataFrame, what: str, horizon_days: int, verdict: str, saved: pd.Series | None, currency: str
) -> str:
    """Say how much an account signs or buys if it does, and if the past could tell big from small; empty where nothing was tested.

    Parameters
    ----------
    sizes : DataFrame of ``05_opportunity_size``
    what : ``wins`` or ``buys``
    saved : row of `measures` of the error saved; None where nothing was tested
    """
    if verdict == FEW or saved is None:
        return ""
    low, middle, high = (short_money(sizes["size_middle"].quantile(q), currency) for q in (0.1, 0.5, 0.9))
    of = f"If an account {DOES[what]} within {horizon_days:,} days, it {DOES[what]} {middle} or more half of the times"
    if verdict != SIGNAL:
        return f"{of}, every account alike: the past could not tell big from small."
    return f"{of}; {low} a small one, {high} a big one (a tenth of accounts is below, a tenth above). Against one size for all, {_estimate(saved)} of the error was saved on later days."


def held(measured: pd.DataFrame, accounts: int) -> list[str]:
    """Say how often the intervals held, and the halves in the middle; and if that is as promised.

    Parameters
    ----------
    measured : rows of `measures` of sizes, index: definition
    accounts : whose sizes these are; one may be judged on several days
    """
    said = list[str]()
    for definition, promised, name in (
        ("size_interval_held", 0.95, "the 95% interval"),
        ("size_half_held", 0.5, "the half in the middle"),
    ):
        value, low, high, n = (measured.loc[definition, c] for c in ("value", "low", "high", "n"))
        heads = (
            f"Of {n:,.0f} sizes of {count(accounts, 'account')} that came, {share(value)} ({share(low)} to {share(high)}) lay in {name}"
            if not said
            else f"In {name} lay {share(value)} ({share(low)} to {share(high)})"
        )
        few = ", as far as so few can tell" * bool(n < SURE)
        verdict = (
            "it was too narrow"
            if high < promised
            else "it was wider than need be"
            if low > promised
            else f"as promised{few}"
        )
        said.append(f"{heads}: {verdict}." if pd.notna(low) else f"{heads}.")
    return said


def bands(band: pd.Series) -> list[str]:
    """Name bands of what was expected of accounts, from their numbers."""
    most = band.max() if len(band) else 0
    return ["most" if b == most else "least" if b == 1 else f"band {b}" for b in band]


def likely(what: str) -> str:
    """Say what is expected means, and how it differs from the forecast of 12."""
    other = " Page 12 foretells deals that are open; here deals not yet opened count too, and renewals do not." * (
        what == "wins"
    )
    return f"Expected is chance times mean size: it says what is likely, not what our work would add.{other}"


def expected(
    sizes: pd.DataFrame,
    names: Sequence[str],
    why: str,
    horizon_days: int,
    kept: tuple[float, float, float, int],
    currency: str,
) -> str:
    """Say what is expected of all accounts, who carries half of it, and what such totals came to in the past; the headline.

    Parameters
    ----------
    sizes : DataFrame of ``05_opportunity_size``, the most expected first
    names : of the first accounts
    why : what is missing, where nothing could be said
    """
    value = sizes["value"].dropna().sort_values(ascending=False)
    if why:
        return f"How big? Nobody can say: it takes {why}."
    if not value.sum() > 0:
        return "What is expected cannot be said: page 04 gives no chance."
    half = int((value.cumsum() < value.sum() / 2).sum()) + 1
    first = joined([one_line(n) for n in names[: min(half, len(names))]])
    of_half = f"{first} and {half - len(names):,} more" if half > len(names) else first
    return f"{total(float(value.sum()), count(len(value), 'account'), horizon_days, kept, currency)} Half of it is of {of_half}."


def total(value: float, of: str, horizon_days: int, kept: tuple[float, float, float, int], currency: str) -> str:
    """Say a total of what is expected, and what came of such totals on past days, which says little of the next.

    Parameters
    ----------
    kept : what came in the past for each one that was expected: value, low, high, n
    """
    times, low, high, _ = kept
    heads = f"Expected of {of} within {horizon_days:,} days: {short_money(value, currency)}"
    if pd.isna(low):
        return f"{heads}; what such totals came to could not be tested."
    if not is_known(kept):
        return f"{heads}; what such totals come to cannot be told, as a few accounts carried nearly all on past days."
    off = " Such totals were too low then" if low > 1 else " Such totals were too high then" if high < 1 else ""
    rest = (
        f"{off}, and the next period may differ again: take the order, not the total."
        if off
        else " The next period may differ again."
    )
    return f"{heads}; on past days {times:.2f} came for 1.00 expected ({low:.2f} to {high:.2f}).{rest}"


def is_known(kept: tuple[float, float, float, int]) -> bool:
    """Say if what came for one that was expected is known well enough to be said."""
    return bool(kept[2] <= WIDEST * kept[1])


def is_kept(kept: tuple[float, float, float, int]) -> bool:
    """Say if the level of what was expected held, within noise."""
    return bool(kept[1] <= 1 <= kept[2]) and is_known(kept)


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
    of = f"{len(cells):,} times an account never bought a line and has no deal open for it"
    if not cells["value"].notna().any():
        return f"White space: {of}. Too few such lines were ever taken up to say what that is worth."
    of += f", {int(fits.sum()):,} of them at least as likely to take it up as the line's mean" * bool(
        cells["fits"].notna().any()
    )
    by = cells.groupby("product_line")["value"].sum().sort_values(ascending=False)
    most = f"Most of it is {one_line(by.index[0])} ({share(by.iloc[0] / by.sum())})." * bool(
        len(by) > 1 and by.sum() > 0
    )
    return f"White space: {of}. {total(float(by.sum()), f'all {len(cells):,}', horizon_days, kept, currency)} {most}".strip()


def look_alikes(measured: pd.DataFrame) -> list[str]:
    """Say of how many lines look-alikes tell what an account spends; then by how much, and how often their interval held."""
    rows = measured[measured["definition_id"] == "look_alike_error_saved"]
    known = rows[rows["status"] == "ok"]
    if known.empty:
        return ["Look-alikes say nothing: no line has enough buyers, or nothing describes the accounts."]
    tell = known[known["low"] > 0]
    inside = measured[(measured["definition_id"] == "look_alike_held") & (measured["status"] == "ok")]["value"]
    heads = f"Customers that are alike spend alike in {len(tell)} of {count(len(known), 'line')} with enough buyers, beyond noise."
    parts = [f"{one_line(r['group'])} {_estimate(r)}" for _, r in tell.iterrows()]
    said = f"Error saved against the middle of all buyers: {joined(parts)}. " * bool(parts)
    return [
        heads,
        f"{said}Of accounts that buy, {share(inside.min())} or more spent within the interval of their look-alikes (95% is promised).",
    ]


def headroom(bands: pd.DataFrame, p: float) -> str:
    """Say if accounts below their look-alikes grew more than those above, and more than if look-alikes had been dealt at random.

    Parameters
    ----------
    bands, p : of `look_alikes.growth_by_headroom`
    """
    known = bands[bands["ratio"].notna() & bands["ratio_low"].notna()]
    if len(known) < 2:
        return ""
    each = [
        f"{r['band']} {r['ratio']:.2f} ({r['ratio_low']:.2f} to {r['ratio_high']:.2f})" for _, r in known.iterrows()
    ]
    heads = (
        "Headroom came: accounts below their look-alikes grew more than those above, beyond noise and by more than look-alikes dealt at random show."
        if p < CHANCE and known["ratio_low"].iloc[0] > known["ratio_high"].iloc[-1]
        else "Headroom did not come: that look-alikes spend more was no sign that an account will. (Whoever bought little in one year buys more in the next by luck alone.)"
    )
    return f"{heads} Bought in a line, over the same days a year before: {'; '.join(each)}."


def wallet(rows: pd.DataFrame, currency: str) -> str:
    """Say our share of the wallets that somebody estimated, and how many are estimated below what we sold.

    Parameters
    ----------
    rows : DataFrame ``bought_12m, wallet_low, wallet_mid, wallet_high``, of accounts and lines with an estimate
    """
    known = rows[(rows["wallet_mid"] > 0) & (rows["wallet_mid"] >= rows["bought_12m"])]
    if known.empty and len(rows):
        return f"Our share of wallet is unknown: {count(len(rows), 'estimate')} of what accounts spend with all suppliers lie below what we sold, and are wrong."
    if known.empty:
        return "Our share of wallet is unknown: nobody estimated what accounts spend with all suppliers (table wallet_estimates). Look-alikes say what others spend with us."
    bought, below = known["bought_12m"].clip(lower=0).sum(), len(rows) - len(known)
    ends = sorted(
        min(bought / known[c].sum(), 1.0) if known[c].sum() > 0 else float("nan") for c in ("wallet_low", "wallet_high")
    )
    said = (
        f"Of {count(len(known), 'wallet')} that somebody estimated we have {share(bought / known['wallet_mid'].sum())} ({share(ends[0])} to {share(ends[1])} "
        f"by the estimates' own ends); {short_money(known['wallet_mid'].sum() - bought, currency)} a year goes elsewhere."
    )
    return f"{said} {count(below, 'further estimate')} lie below what we sold and are wrong." if below else said


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


def cell_why(cells: pd.DataFrame, currency: str) -> pd.Series:
    """Say why a line is offered: its chance beside that of the line and the size, or the score of 04; and its look-alikes.

    Parameters
    ----------
    cells : DataFrame of `white_space.offers`
    """
    return pd.Series(
        [
            "; ".join(filter(None, [
                f"{one_line(r.product_line)}: chance {share(r.chance)} (of the line {share(r.rate)})" if pd.notna(r.value) else f"{one_line(r.product_line)}: chance that it buys another line {share(r.adds_line)} (04)",
                f"about half bring {_half(r.size_quarter, r.size_three_quarters, currency)}" * bool(pd.notna(r.value)),
                f"{share(r.alike_share)} of its look-alikes buy it" * bool(pd.notna(r.alike_share)),
            ]))
            for r in cells.itertuples()
        ],
        cells.index,
        dtype="str",
    )  # fmt: skip


def size_why(rows: pd.DataFrame, currency: str) -> pd.Series:
    """Say why much is expected of an account: its chance, and the half of sizes in the middle."""
    texts = [
        f"chance that it {EACH[r.what]} {share(r.chance)}; if it does, about half of the times {_half(r.size_quarter, r.size_three_quarters, currency)}"
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
