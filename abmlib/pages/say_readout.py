"""Sentences of 14 on experiments drawn by lot, from finished numbers."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from abmlib.pages.say import count, day, joined, money, named, one_line, p_value, share, short_money

NONE = "No comparison drawn at random is known by this day, so nobody can say what the programme caused. 02 Framework draws one: hold accounts back."
VERBS = {"opportunities_opened": "opened", "revenue": "bought for", "won_value": "signed for"}
MEANS = {"more": "a rise that chance does not explain", "less": "a fall that chance does not explain"}
HANGS = 1 / 4  # share of an arm's margin from which one account is named
EARLY = 0.01  # level below which a look says what it asks for, and shares of draws are said in thousands
SHARES = {"accounts_opening_a_deal": "opened a deal", "accounts_won": "had a deal won"}
CHECKS = {  # what a broken check means
    "plan frozen before the draw": "a measure chosen afterwards can be the one that looks best",
    "plan not altered after the draw": "the plan entered before the draw is read, not the altered one",
    "looks as registered": "looks that come too early or after the horizon are not read",
    "share held back as registered": "the draw is not the one that was planned",
    "draw entered on its day": "arms entered later may have been chosen by what happened",
    "no account changed arms": "the last arm entered counts",
    "arms as the registered seed draws them": "arms that no lot drew are not comparable",
    "both arms in every stratum": "accounts of a stratum with one arm tell nothing",
    "both arms on every day of the draw": "all days are read as one draw, within strata",
    "every account still in the book": "accounts that left the book are not read",
    "accounts held back left alone": "the difference is smaller than that of a clean comparison",
    "accounts in one experiment at a time": "what one does is seen in the other",
    "nobody reached before the draw": "who was reached already was not left to lots",
    "treated accounts reached": "the difference is smaller than the effect on accounts reached",
    "arms alike before the draw": "own past is taken off, the rest is chance",
}


def quantity(value: float, outcome: str, unit: str, currency: str, sign: bool = False) -> str:
    """Write a value of a measure per account: shares in percent or points, money whole, counts with two decimals.

    Examples
    --------
    >>> quantity(0.125, "accounts_won", "share of accounts", "EUR", sign=True), quantity(1.5, "touches_in", "touches per account", "EUR")
    ('+12.5 points', '1.50')
    """
    plus = "+" if sign else ""
    if pd.isna(value):
        return "unknown"
    if not np.isfinite(value):
        return "without end"
    if outcome in SHARES:
        return f"{100 * value:+.1f} points" if sign else share(value)
    return f"{value:{plus},.0f} {currency}" if unit.startswith("currency") else f"{value:{plus},.2f}"


def _ends(row: pd.Series, outcome: str, unit: str, currency: str) -> str:
    """Write the interval of an effect, its unit once."""
    first, last = (quantity(row[c], outcome, unit, currency, sign=True) for c in ("low", "high"))
    return f"{first.removesuffix(f' {currency}').removesuffix(' points')} to {last}"


def _luck(p: float, level: float) -> str:
    """Say how often luck alone shows as much; at a look that asks for far less than the last one with what it asks for."""
    of = 100 if min(p, level) >= EARLY else 1_000
    seen = f"in {p * of:,.0f} of {of:,}" if p * of >= 1 else f"in fewer than 1 of {of:,}"
    asks = f", and a look this early asks for {level * of:,.0f}" if level < EARLY else ""
    return f"luck alone shows as much {seen} draws{asks}"


def _more(row: pd.Series, unit: str, currency: str) -> str:
    """Say how treated accounts differ from those held back."""
    outcome, held, which = row["definition_id"], f"{row['held']:,} held back", "more" if row["effect"] >= 0 else "fewer"
    about = f"({_ends(row, outcome, unit, currency)}, {_luck(row['p'], row['level'])})"
    whose = count(row["treated"], "treated account")
    if outcome in SHARES:
        return (
            f"of the {whose} {100 * abs(row['effect']):.1f} points {which} {SHARES[outcome]} than of the {held} {about}"
        )
    what, size = unit.partition(" ")[0], quantity(abs(row["effect"]), outcome, unit, currency)
    what = f"{size} {which} {what}" if what != "currency" else f"{size} {which.replace('fewer', 'less')}"
    return f"the {whose} {VERBS.get(outcome, 'had')} {what} per account than the {held} {about}"


def answer(
    read: pd.DataFrame,
    units: Mapping[str, tuple[str, str]],
    names: Mapping[str, str],
    currency: str,
    level: float,
    hoped: float = np.nan,
) -> str:
    """Say what an experiment shows by its registered measure: at the last look reached, or when the first one is.

    Parameters
    ----------
    read : DataFrame to the spec of ``14_readout``, rows of one experiment; without any, nothing was drawn
    units : kind and unit of each measure that can be read
    names : reader's name of each
    level : at which intervals hold over all looks together
    hoped : rise that its plan hopes for, share of the mean
    """
    own = read[read["registered"].astype(bool)]
    if own.empty:
        return NONE
    name, measure = own.iloc[0][["experiment_id", "definition_id"]]
    if measure not in units:
        able = joined([names[m].lower() for m in units])
        return f"{name} is to be judged by {measure.replace('_', ' ')}, which is not read here. Read are: {able}."
    arms = f"{count(own['treated'].iloc[0], 'account')} treated, {own['held'].iloc[0]:,} held back"
    coming, past = own[own["verdict"] == "not reached"], own[own["verdict"] != "not reached"]
    if past.empty:
        return f"Too early to judge {name} ({arms}): the first look is on {day(coming['over_on'].iloc[0])}; nothing is read before."
    row = past.iloc[-1]
    if row["verdict"] == "not answerable":
        return f"{name} cannot be read: this data does not hold its measure, {names[measure].lower()}."
    later = "".join(f" The next look is on {day(when)}." for when in coming["over_on"].head(1))
    if row["verdict"] in {"too early", "all alike"}:
        why = (
            "no account differs from another" if row["verdict"] == "all alike" else "too few accounts, or an empty arm"
        )
        return f"{name} cannot be judged after {row['months']} months ({arms}): {why}.{later}"
    fits = f" Anything from {row['low'] / row['held_mean']:+.0%} to {row['high'] / row['held_mean']:+.0%} fits." * bool(
        row["held_mean"] > 0
    )
    power = (
        f" Going by what these accounts did, a rise of {row['smallest_rise']:.0%} or more is found four times in five."
        * bool(row["smallest_rise"] > 0)
    )
    missed = f" The plan hoped for {hoped:+.0%}, which so few accounts mostly miss." * bool(
        hoped < row["smallest_rise"]
    )
    return (
        f"{name}, drawn by lot: in the {row['months']} months after the draw {_more(row, units[measure][1], currency)}: "
        f"{MEANS.get(row['verdict'], row['verdict'])}.{fits}{power}{missed}{later} Interval: {level:.0%}, over all looks together."
    )


def registered(plan: pd.Series, when: str, names: Mapping[str, str]) -> str:
    """Say what an experiment is judged by, and when that was written down: before or after the draw, or never."""
    if plan.empty:
        return "No plan was registered: the measure entered with the draw is read, over a year."
    frozen = f"frozen on {day(plan['frozen_day'])}" if pd.notna(plan["frozen_day"]) else "never frozen"
    hoped = f", hoping for a rise of {plan['rise']:.0%}" if pd.notna(plan["rise"]) else ""
    promise = (
        f" A rise of {plan['smallest_rise']:.0%} was to be found four times in five."
        if pd.notna(plan["smallest_rise"])
        else ""
    )
    measure = names.get(plan["measure_id"], str(plan["measure_id"]).replace("_", " "))
    return (
        f"Registered{'' if when == 'never frozen' else f' {when}'} ({frozen}): {measure} over {count(int(plan['horizon_months']), 'month')}, looked at after "
        f"{joined(str(plan['looks']).split(';'))}; {share(plan['held_share'])} held back within {plan['design']}{hoped}. "
        f"Analysis: {plan['analysis']}.{promise}"
    )


def checks_table(checks: pd.DataFrame) -> pd.DataFrame:
    """Checks in words, one row each: ``check, holds, broken_by, meaning`` (of what is broken)."""
    broken = zip(checks["k"], checks["n"], checks["kept"], strict=True)
    counted = [f"{k:,.0f} of {n:,.0f}" if holds == "no" and k > 0 else "" for k, n, holds in broken]
    open_ = (checks["kept"] == "cannot be checked").map({True: "not entered", False: ""})
    meaning = checks["check"].map(CHECKS).where(checks["kept"] == "no", open_)
    return pd.DataFrame({"check": checks["check"], "holds": checks["kept"], "broken_by": counted, "meaning": meaning})


def kept(checks: pd.DataFrame) -> str:
    """Say which checks are broken."""
    broken = checks.loc[checks["kept"] == "no", "check"].tolist()
    checked = int(checks["kept"].ne("cannot be checked").sum())
    return (
        f"{len(broken)} of {checked} checks {'does' if len(broken) == 1 else 'do'} not hold: {'; '.join(broken)}."
        if broken
        else f"All {checked} checks hold."
    )


def readout_table(
    read: pd.DataFrame, units: Mapping[str, tuple[str, str]], names: Mapping[str, str], currency: str
) -> pd.DataFrame:
    """Readings in words, one row each; one that is not reached has its day."""
    rows = []
    for _, r in read[read["definition_id"].isin(list(units))].iterrows():
        outcome, unit = r["definition_id"], units[r["definition_id"]][1]
        p, known = r["p"] if pd.isna(r["p_adjusted"]) else r["p_adjusted"], pd.notna(r["effect"])
        means = {
            c: quantity(r[c], outcome, unit, currency) if pd.notna(r[c]) else "" for c in ("treated_mean", "held_mean")
        }
        effect = f"{quantity(r['effect'], outcome, unit, currency, sign=True)} ({_ends(r, outcome, unit, currency)})"
        plain = quantity(r["treated_mean"] - r["held_mean"], outcome, unit, currency, sign=True) if known else ""
        rows.append({
            "experiment": r["experiment_id"], "measure": names[outcome] + (", share" if outcome in SHARES else " per account"),
            "months": r["months"], "effect": effect if known else "",
            "verdict": r["verdict"] + f" until {day(r['over_on'])}" * bool(r["verdict"] == "not reached"),
            "relative": f"{r['relative']:+.0%}" if pd.notna(r["relative"]) else "",
            "p": (p_value(p).removeprefix("= ") if r["level"] >= EARLY else f"{p:.3f}") if known else "", **means,
            "plain_difference": plain, "registered": bool(r["registered"]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def others(read: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Say what the measures that were not registered show, together."""
    rest = read[~read["registered"].astype(bool) & read["effect"].notna()]
    differ = [f"{names[r.definition_id].lower()} ({r.verdict})" for r in rest.itertuples() if r.verdict in MEANS]
    said = f"differ beyond chance: {joined(differ)}" if differ else "none differs beyond chance"
    line = f"Not registered: {count(len(rest), 'measure')}, of which {said}; p-values and intervals hold for all of them together. They decide nothing."
    return line if len(rest) else ""


def reached(found: pd.Series | None, outcome: str, unit: str, currency: str) -> str:
    """Say what the treatment did to the accounts it reached; empty where that is what the draw says already, or nobody knows."""
    if found is None:
        return ""
    arms = (
        f"The treatment reached {share(found['share_treated'])} of the {found['treated']:,.0f} treated accounts in time, and "
        f"{share(found['share_held'])} of the {found['held']:,.0f} held back"
    )
    if not np.isfinite([found["low"], found["high"]]).all():
        return f"{arms}: exposure too weak to say what it did to those it reached."
    effect = (
        f"{quantity(found['effect'], outcome, unit, currency, sign=True)} ({_ends(found, outcome, unit, currency)})"
    )
    return (
        f"{arms}. Effect per account reached: {effect}, if being drawn did nothing to an account that was not reached."
    )


def _estimate(found: pd.Series, what: str, write: Callable[[float, str], str], currency: str) -> str:
    """Write money with its interval."""
    low, high = (_bound(found[f"{what}_{end}"], write, currency) for end in ("low", "high"))
    return f"{write(found[what], currency)} ({low} to {high})"


def _bound(value: float, write: Callable[[float, str], str], currency: str) -> str:
    """Write an end of an interval of money."""
    return write(value, currency) if np.isfinite(value) else "no limit"


def worth(found: pd.Series | None, names: Mapping[str, str], currency: str) -> str:
    """Say whether the programme brought more margin than it cost, and which account decides that; empty where that cannot be read.

    Parameters
    ----------
    names : of accounts, by id
    """
    if found is None:
        return ""
    ends = " to ".join(_bound(found[end], short_money, currency) for end in ("margin_low", "margin_high"))
    brought = (
        f"in {found['months']} months the treated accounts brought {_size(found['margin'], currency)} margin than the accounts held back "
        f"foretell ({ends})"
    )
    if pd.isna(found["net"]):
        said = f"Nobody knows whether the programme paid, as its cost is unknown for lack of spend or hours: {brought}."
    else:
        tell = {"worth it": "The programme paid", "not worth it": "The programme did not pay"}
        verdict = tell.get(found["verdict"], "Whether the programme paid cannot be told")
        said = f"{verdict}. It cost {_size(found['cost'], currency)} than accounts held back did; {brought}."
    if not found["largest_share"] > HANGS:
        return said
    whose = "the treated accounts" if found["largest_treated"] else "the accounts held back"
    one = f" {one_line(names.get(found['largest'], found['largest']))} alone brought {share(found['largest_share'])} of the margin of {whose}"
    return (
        f"{said}{one}; without it the treated brought {_size(found['margin_without'], currency)}."
        if pd.notna(found["margin_without"])
        else f"{said}{one}."
    )


def _size(value: float, currency: str) -> str:
    """Write how much more or less."""
    return f"{short_money(abs(value), currency)} {'more' if value >= 0 else 'less'}"


def no_margin(unknown: int, anything: bool) -> str:
    """Say why margin cannot be read.

    Parameters
    ----------
    unknown : lines of bills without a known cost
    anything : is there any line of these accounts
    """
    if not anything:
        return "Whether the programme paid cannot be read: no purchase of these accounts is known."
    if unknown:
        which = count(unknown, "line of a bill has", "lines of bills have")
        return f"Whether the programme paid cannot be read: {which} no cost. Set default_margin in this notebook, or export the cost of goods."
    return ""


def money_waits(at: pd.DataFrame) -> str:
    """Say when margin and cost are read; empty where they are already, or nothing was drawn.

    Parameters
    ----------
    at : DataFrame of `readout.looks`
    """
    if at["reached"].all() or not at["reached"].any():
        return ""
    return f"Whether the programme paid is too early to ask: margin and cost are read at the last look, on {day(at['over_on'].iloc[-1])}."


def finance_table(found: pd.Series | None, hour_cost: float, currency: str) -> pd.DataFrame:
    """The block for finance, one row per line: ``line, amount`` (in words), ``how``."""
    if found is None:
        return pd.DataFrame(columns=["line", "amount", "how"])
    lacks = [w for w, c in (("spend of campaigns", "spend"), ("hours of sales", "hours")) if pd.isna(found[c])]
    parts = [("Campaigns", found["spend"], "share of these accounts in the spend of campaigns")]
    parts += [
        (
            "Hours of sales",
            found["hours"] * hour_cost,
            f"{found['hours']:,.0f} hours noted, at {money(hour_cost, currency)}: those not noted cost too",
        )
    ]
    parts = [p for p in parts if pd.notna(p[1])]
    less = sum(p[1] for p in parts) - found["cost"]
    parts += [
        ("Less what accounts held back cost", -less, "campaigns for all accounts, and hours, reached them too")
    ] * bool(parts)
    spent = [(name, money(value, currency), how) for name, value, how in parts]
    cost = f"of what is known; not known: {joined(lacks)}" if lacks else "beyond that of accounts held back"
    assumed = f"; of {share(found['estimated'])} of the revenue the default margin" if found["estimated"] > 0 else ""
    lines = [
        ("Segment", count(found["accounts"], "account"), "accounts drawn for treatment, whatever happened to them since"),
        ("Period", f"{found['months']} months", f"of each account from its draw on, between {day(found['start'])} and {day(found['end'])}"),
        ("Baseline", money(found["baseline"], currency), "their margin in as many months before the draw"),
        ("Counterfactual", money(found["counterfactual"], currency), "margin they would have brought anyway, after the accounts held back"),
        ("Actual", money(found["actual"], currency), f"margin they brought{assumed}"),
        ("Incremental margin", _estimate(found, "margin", money, currency), "actual less counterfactual, with its interval"),
        *spent, ("Cost", money(found["cost"], currency) if pd.notna(found["cost"]) else "unknown", cost),
        ("Net", _estimate(found, "net", money, currency) if pd.notna(found["net"]) else "unknown", "incremental margin less cost, with its interval"),
        ("Verdict", found["verdict"], "worth it only where the whole interval of the net is above nothing"),
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=["line", "amount", "how"])


def net(found: pd.Series | None, currency: str) -> str:
    """Say what the programme was worth, in a line; empty where that cannot be read."""
    if found is None or pd.isna(found["net"]):
        return ""
    ends = _estimate(found, "net", short_money, currency)
    return (
        "Whether it paid cannot be told"
        if found["verdict"] == "cannot tell"
        else f"Net worth of the programme: {ends}, {found['verdict']}"
    )


def assumption(found: pd.Series | None, currency: str) -> str:
    """State the one assumption of the block for finance, and from which margin on the programme pays."""
    if found is None:
        return ""
    taken = "One assumption: what deals of these months bring later is not counted."
    pays = f" The programme pays from {money(found['cost'] / found['accounts'], currency)} of extra margin per treated account on."
    return taken + pays * bool(found["cost"] > 0)


def balance_table(
    balanced: pd.DataFrame, units: Mapping[str, tuple[str, str]], names: Mapping[str, str], currency: str
) -> pd.DataFrame:
    """Arms before the draw in words, one row each; outcomes per account.

    Parameters
    ----------
    balanced : DataFrame to the spec of ``14_balance``
    """
    texts = {
        side: [
            quantity(r[side], r["what"], units.get(r["what"], ("", ""))[1], currency) for _, r in balanced.iterrows()
        ]
        for side in ("treated_mean", "held_mean")
    }
    return balanced.drop(columns="experiment_id").assign(
        what=balanced["what"].replace({**names, "employees": "Employees"}), **texts
    )


def touched(found: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Say which accounts held back the programme touched all the same."""
    each = [f"{names.get(r.account_id, r.account_id)} ({r.how} on {day(r.day)})" for r in found.itertuples()]
    return f"Held back and touched all the same: {named(each)}." if each else ""


def title(read: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Say in a line what the registered measure shows; rows of one look, empty without a reading."""
    rows = read[read["registered"].astype(bool) & read["relative"].notna()].head(1)
    return "".join(
        f"{names[r.definition_id]}: {r.relative:+.0%} against accounts held back, {r.verdict}"
        for r in rows.itertuples()
    )


def chance(p: float, draws: int) -> str:
    """Say how often draws that do nothing show as much."""
    return f"Were there no effect, {share(p)} of {draws:,} other draws (dark) would show as much or more"


def keep_holding_back(alone: pd.DataFrame) -> str:
    """Order who is to be left alone, and until when.

    Parameters
    ----------
    alone : DataFrame ``experiment_id, until``, one row per account
    """
    if alone.empty:
        return ""
    return f"Leave the accounts held back alone until {day(alone['until'].max())}: no campaign, no tier, nothing of the programme"


def end_experiment(registered: pd.DataFrame, is_over: bool, names: Mapping[str, str]) -> str:
    """Order the end of an experiment whose look says more or less, or whose last look is reached; empty while it goes on.

    Parameters
    ----------
    registered : the row of the registered measure at the look judged
    """
    rows = registered[registered["effect"].notna()]
    if rows.empty or not (is_over or rows["verdict"].isin(["more", "less"]).any()):
        return ""
    row = rows.iloc[0]
    what = {
        "more": "its measure rose; decide on cost whether the accounts held back are treated as well",
        "less": "take the treated accounts out, or treat them otherwise",
    }.get(row["verdict"], "these accounts, held back until now, may enter the programme or be drawn again")
    return f"End {row['experiment_id']}: {what}"


def record(registered: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Order to enter what an experiment found, so that the target list counts with it; empty where nothing could be told from chance.

    Parameters
    ----------
    registered : rows of ``14_readout`` of the registered measure
    """
    told = registered["verdict"].isin(["more", "less"])
    known = registered[told & registered["relative"].notna() & (registered["held_mean"] > 0)]
    if known.empty:
        return ""
    row = known.iloc[-1]
    low, high = (row[end] / row["held_mean"] for end in ("low", "high"))
    if not np.isfinite([low, high]).all():
        return ""
    name = names.get(row["definition_id"], row["definition_id"])
    return f"Enter in programme/findings.csv what {row['experiment_id']} found, so that the target list (06) counts with it: {name}, rise {row['relative']:.2f}, rise_low {low:.2f}, rise_high {high:.2f}, months {row['months']:.0f}"


def reason(registered: pd.DataFrame) -> str:
    """Say what the registered measure shows, in a clause."""
    rows = registered[registered["effect"].notna()]
    return "".join(f"{r.verdict}: {_luck(r.p, r.level)}" for r in rows.head(1).itertuples())


def keep_or_stop(found: pd.Series | None) -> str:
    """Order what follows from the net worth of the programme; empty where it is not known."""
    if found is None or pd.isna(found["net"]):
        return ""
    return {
        "worth it": "Plan to keep the programme: its margin is above its cost, though margin was not what the experiment was registered for",
        "not worth it": "Ask whether the programme goes on, or how it gets cheaper: its margin is below its cost, though margin was not what the experiment was registered for",
    }.get(
        found["verdict"],
        "Do not claim that the programme paid, or that it did not: what it brought cannot be told from chance",
    )
