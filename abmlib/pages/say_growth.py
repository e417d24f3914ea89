"""Sentences about tracks, leads, the target list and what changed, from finished numbers; and the table of changes."""

import pandas as pd

from abmlib.pages import say_deals, show
from abmlib.pages.say import count, day, differences, joined, one_line, share, short_money
from abmlib.tables.definitions.measures import name as measure_name

ABOUT = (
    "The intervals of the four measures hold together: all are right in 95% of cases. The parts are of the deals of kinds that both "
    "periods have, so their n is smaller."
)
OF_VELOCITY = " Sales velocity is of the mix as it is: it counts open deals, which have no amount won or days to weigh."
CALLED = ("up", "down", "within noise")  # verdicts of what can be judged
PLURAL = {
    "first sale": "first sales",
    "new business with a customer": "new business with customers",
    "expansion": "expansions",
    "renewal": "renewals",
    "unknown": "deals of unknown track",
}
MOVED = {
    "days_to_close": ("slower", "faster"),
    "deal_size": ("larger", "smaller"),
    "acv": ("larger", "smaller"),
    "velocity": ("higher", "lower"),
}  # what up and down mean
SHORT = {
    "velocity_change": "sales velocity",
    "days_to_close_median_change": "the median time to close",
    "deal_size_mean_change": "mean deal size",
    "acv_mean_change": "average annual contract value",
}


def win_rates(tracked: pd.DataFrame, when: str, whole: str) -> list[str]:
    """Say the win rate of each track, and then that of all; of all alone with fewer than two tracks that have one.

    Parameters
    ----------
    tracked : DataFrame of `results.by_track`
    when : in which days deals were decided
    whole : the sentence about all
    """
    known = tracked[tracked["win_share"].notna()]
    if len(known) < 2:
        return [whole]
    rates = [f"{PLURAL[r.track]} {share(r.win_share)} ({r.won:,} of {r.won + r.lost:,})" for r in known.itertuples()]
    return [
        f"Won of the deals decided {when}: {joined(rates)}.",
        f"All tracks together: {whole[:1].lower()}{whole[1:]}",
    ]


def tracks(tracked: pd.DataFrame, judged: pd.DataFrame, currency: str) -> list[str]:
    """Say which part of the amount won each track brought, which deals are open, and whether win rates differ.

    Where there is one track, it says which; empty where no track is known.

    Parameters
    ----------
    tracked : DataFrame of `results.by_track`
    judged : DataFrame of `deals.differences`
    """
    if len(tracked) == 1 and tracked["track"].iloc[0] != "unknown":
        return [f"All deals open or decided are {PLURAL[tracked['track'].iloc[0]]}."]
    won, still = tracked[tracked["won_value"].notna()], tracked[tracked["open"] > 0]
    if len(tracked) < 2:
        return []
    parts = [
        f"{short_money(r.won_value, currency)} with {PLURAL[r.track]} ({count(r.won, 'deal')})"
        for r in won.itertuples()
    ]
    waiting = [f"{r.open:,} {PLURAL[r.track]}" for r in still.itertuples()]
    lines = [f"Won: {joined(parts)}."] * bool(parts) + [f"Still open: {joined(waiting)}."] * bool(waiting)
    return [" ".join(lines), f"{differences(judged)[0]}." if judged["p"].notna().any() else ""]


def known_from(start: pd.Timestamp) -> str:
    """Say from which day on first sales are told, as a note below the tracks; empty where nobody knows."""
    if pd.isna(start):
        return ""
    return (
        f"First sales are told from {day(start)} on. A customer from before the data begin counts as a first sale. "
        "Time to close is of all deals of the book, open ones included."
    )


def stages_by_track(staged: pd.DataFrame, level: float) -> list[str]:
    """Say of each track from which stage the smallest share of deals moves on.

    Parameters
    ----------
    staged : DataFrame of `results.stages_by_track`
    """
    said = {track: say_deals.stages(part, level) for track, part in staged.groupby("track", sort=False)}
    return [f"{PLURAL[str(track)].capitalize()}: {text[:1].lower()}{text[1:]}" for track, text in said.items() if text]


def leads(counted: pd.DataFrame, days: float, told: pd.Timestamp) -> str:
    """Say how many leads came in, how many were won, and of which side the wins are. Empty without a lead.

    Parameters
    ----------
    counted : DataFrame of `funnel.by_side`
    days : of `funnel.horizon`
    told : of `results.told_from`
    """
    if counted.empty:
        return ""
    whole, won = counted.iloc[0], counted.iloc[1:][counted["won"].iloc[1:].gt(0)]
    if pd.isna(whole["leads_won"]):
        rates = ["no lead says which deal it became"]
    else:
        rates = [f"{share(whole['leads_won'])} won so far ({whole['won']:,.0f} of {whole['n_known']:,})"]
    if pd.notna(days) and whole["n_ripe"]:
        rates.append(
            f"{share(whole['won_in_time'])} of the {whole['n_ripe']:,} that are old enough within {days:,.0f} days"
        )
    wins = joined([f"{r.side} {r.won:,.0f}" for r in won.itertuples()])
    sides = f" Wins of leads since {day(told)}, from when tracks are told: {wins}." if wins else ""
    return f"Leads: {whole['converted']:,} of {whole['leads']:,} converted; {', '.join(rates)}.{sides}"


def wins_from(first_win: pd.Timestamp, first_lead: pd.Timestamp) -> str:
    """Say as a note from which day on wins are recorded; empty where no lead came in before.

    Parameters
    ----------
    first_win, first_lead : days of the first deal won and the first lead; missing without any
    """
    if not first_lead < first_win:
        return ""
    return f"Wins are recorded from {day(first_win)} on: early wins of leads that came in before it may be missing, so its quarter is cut."


def unclear_leads(unclear: int, undated: int) -> str:
    """Say how many leads name a deal of which nothing is known, and how many have no day; empty without any."""
    names, has = "names" if unclear == 1 else "name", "has" if undated == 1 else "have"
    parts = (
        f"{count(unclear, 'lead')} {names} a deal that is not in the data, or that ended nobody knows how: in no share won.",
        f"{count(undated, 'lead')} {has} no day: in no quarter and in no share won in time.",
    )
    return " ".join(part for n, part in zip((unclear, undated), parts, strict=True) if n)


def target_list(listed: pd.DataFrame, judged: pd.DataFrame) -> list[str]:
    """Say how many accounts were won on the target list and off it; empty without a list.

    Parameters
    ----------
    listed : DataFrame of `results.target_list`
    judged : DataFrame of `deals.differences`, of the win rates of deals
    """
    if listed.empty:
        return []
    whole, verdict = listed[listed["track"] == "all"], judged["judged"].iloc[0] if len(judged) else ""
    won = [
        f"{r.target_list} {r.accounts_won:,} of {count(r.accounts_decided, 'account')} decided"
        + f" ({share(r.accounts_share)})" * pd.notna(r.accounts_share)
        for r in whole.itertuples()
        if r.accounts_decided
    ]
    new = [
        f"{r.target_list} {r.new_customers:,.0f} of {r.prospects:,.0f} ({share(r.new_share)})"
        for r in whole.itertuples()
        if r.prospects
    ]
    verdicts = {
        "differ": "The win rates of their deals differ beyond chance.",
        "no difference beyond chance": "The win rates of their deals show no difference beyond chance.",
    }
    return [
        f"Accounts won: {joined(won)}. {verdicts.get(verdict, '')}".strip(),
        f"Prospects that became customers, by any purchase or deal: {joined(new)}." * bool(new),
        "Accounts were chosen for the list, so a difference does not show what the list brought.",
    ]


def about_list(listed: pd.DataFrame, n_accounts: int, n_listed: int) -> str:
    """Say as a note how many accounts are on the list, and how many count on both sides of it; empty without a list.

    Parameters
    ----------
    listed : DataFrame of `results.target_list`
    n_accounts : accounts with a deal decided
    n_listed : accounts on the list on the day of the report
    """
    if listed.empty:
        return ""
    twice_told = (
        listed.loc[listed["track"] != "all", "there"].sum() - listed.loc[listed["track"] == "all", "there"].sum()
    )
    new = " Accounts that first bought in the window are among the accounts of both tracks." * bool(twice_told > 0)
    sums = listed.groupby(listed["track"] == "all")["decided_deals"].sum()
    rest = int(sums.get(True, 0) - sums.get(False, sums.get(True, 0)))
    new += f" {count(rest, 'deal')} of unknown track {'is' if rest == 1 else 'are'} in no row of a track." * (rest > 0)
    both = int(listed.loc[listed["track"] == "all", "accounts_decided"].sum()) - n_accounts
    twice = (
        f" {count(both, 'account')} had deals decided on the list and off it, and count{'s' * (both == 1)} on both sides."
        * (both > 0)
    )
    return f"{count(n_listed, 'account')} {'is' if n_listed == 1 else 'are'} on the list.{twice}{new}"


def led(found: pd.DataFrame, names: pd.Series, currency: str, of: str = "") -> str:
    """Say which account brought more than half of what was won in each group; empty where none did.

    Parameters
    ----------
    found : DataFrame of `results.led`
    names : name of each account id
    of : word before a group
    """
    parts = [
        f"{short_money(r.won_value, currency)} of the {short_money(r.whole, currency)} won {of}{r.group} "
        f"is from {one_line(names.get(r.account_id, r.account_id))}; "
        f"without it {short_money(r.whole - r.won_value, currency)}"
        for r in found.itertuples()
    ]
    return f"{'. '.join(parts)}." if parts else ""


def movers(moved: pd.DataFrame, names: pd.Series, currency: str) -> str:
    """Say which account won most more, and which most less, than in the window before; empty without any.

    Parameters
    ----------
    moved : DataFrame of `results.movers`
    names : name of each account id
    """
    parts = []
    for of, text in ((moved["won_change"] > 0, "more"), (moved["won_change"] < 0, "less")):
        if of.any():
            first = moved[of].iloc[0]
            name = one_line(names.get(first["account_id"], first["account_id"]))
            parts.append(f"{short_money(abs(first['won_change']), currency)} {text} with {name}")
    return f"Largest changes to the window before: {joined(parts)}." if parts else ""


def changes(changed: pd.DataFrame, baseline: str, level: float) -> list[str]:
    """Say how far velocity, days to close and sizes changed against the baseline, and what the mix of deals is of it.

    Parameters
    ----------
    changed : DataFrame of `growth.changes`
    baseline : its days, such as ``Q3 2026``
    """
    by_id = changed.set_index("definition_id")
    known = [d for d in SHORT if d in by_id.index and by_id.loc[d, "verdict"] in CALLED]
    moved = [d for d in known if by_id.loc[d, "verdict"] != "within noise"]
    parts = [f"{SHORT[d]} is {verdict(d, by_id.loc[d, 'verdict'])}, {_change(by_id.loc[d])}" for d in moved]
    rest = "; nothing else changed beyond noise" * (len(moved) < len(known))
    lines = [f"Against {baseline}, {joined(parts)}{rest} ({level:.0%} intervals)."] if parts else []
    lines += [f"Nothing changed beyond noise against {baseline}."] * (bool(known) and not parts)
    if "velocity_change" in by_id.index and by_id.loc["velocity_change", "verdict"] == "overdue":
        lines.append(
            "Sales velocity is not compared: most open deals are overdue, and it would count them as business."
        )
    for d in known:
        held, mix = (by_id.loc[f"{d}_{x}"] if f"{d}_{x}" in by_id.index else None for x in ("mix_held", "by_mix"))
        if held is None or mix is None or held["verdict"] not in CALLED:
            continue
        if d in moved or held["verdict"] != "within noise" or mix["verdict"] in CALLED[:2]:
            line = f"With the baseline's mix of deals, {SHORT[d]} is {verdict(d, held['verdict'])}: {_change(held)}"
            by = f"; the mix alone made it {verdict(d, mix['verdict'])} by {_change(mix)}" * (
                mix["verdict"] in CALLED[:2]
            )
            lines.append(f"{line}{by}.")
    return lines


def verdict(definition: str, word: str) -> str:
    """Say what up or down means for a measure; any other verdict is as it is.

    Examples
    --------
    >>> verdict("days_to_close_median_change", "up"), verdict("acv_mean_change", "within noise")
    ('slower', 'within noise')
    """
    words = next((w for start, w in MOVED.items() if definition.startswith(start)), CALLED[:2])
    return dict(zip(CALLED, words, strict=False)).get(word, word)


def _change(row: pd.Series) -> str:
    """Write a change with its interval and the deals of both periods."""
    ends = f"{row['change_low']:+.0%} to {row['change_high']:+.0%}"
    return f"{row['change']:+.0%} ({ends}, n = {row['n_before']:,} and {row['n_now']:,})"


def changes_table(changed: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Write what changed for readers, one row per measure that can be judged; each value in its own unit.

    Parameters
    ----------
    changed : DataFrame of `growth.changes`

    Returns
    -------
    DataFrame: ``measure, baseline, window`` (texts; empty of the parts, as the mix held is in neither),
    ``moved_by, change_low, change_high`` (shares), ``n_baseline, n_window,
    verdict``
    """
    kept = changed[changed["change"].notna()]
    units = show.unit_names(kept["unit"], currency)
    texts = {
        c: [f"{show.amount(v, u)} {u}" for v, u in zip(kept[column], units, strict=True)]
        for c, column in (("baseline", "value_before"), ("window", "value_now"))
    }
    part = (
        kept["definition_id"]
        .str.extract("(mix_held|by_mix)$")[0]
        .map({"mix_held": "of it the rest", "by_mix": "of it the mix"})
    )
    texts = {c: pd.Series(values, kept.index).mask(part.notna(), "").tolist() for c, values in texts.items()}
    names = {"measure": part.fillna(kept["definition_id"].map(measure_name)).tolist()}
    rest = {"moved_by": "change", "n_baseline": "n_before", "n_window": "n_now"}
    rest |= {"change_low": "change_low", "change_high": "change_high"}
    verdicts = {"verdict": [verdict(r.definition_id, r.verdict) for r in kept.itertuples()]}
    return pd.DataFrame(names | texts | {c: kept[column].to_numpy() for c, column in rest.items()} | verdicts)
