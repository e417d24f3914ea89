"""Sentences of 06 on the target list, from finished numbers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from abmlib.pages.say import count, day, joined, one_line, share, short_money
from abmlib.pages.say_sizes import is_known

DRAFT = "DRAFT: "
NO_PAY, NO_SEAT = "does not pay for its hours in any tier", "no seat, group or hours left"
OF_LISTS = {  # columns of `worth.past_lists`, for readers
    "day": "list_of", "promised": "money_promised", "came": "money_came", "share_of_all": "of_all_that_came", "in_top": "among_the_best",
    "in_top_expected": "among_the_best_expected", "may_come_low": "might_come_least", "may_come_high": "might_come_most",
}  # fmt: skip
OF_TIERS = {
    "adds": "added_by_attention",
    "hours": "hours_a_month",
    "cost": "cost_of_attention",
    "gain": "added_by_seat",
}
OF_STATES = {
    "rate": "rate_in_state",
    "rate_others": "rate_of_others",
    "times": "times_as_often",
    "times_low": "times_as_often_low",
    "times_high": "times_as_often_high",
}


def draft(agreed: bool) -> str:
    """Head of what is said of a list that nobody agreed on; empty where they did."""
    return "" if agreed else DRAFT


def the_list(
    tiers: pd.DataFrame,
    names: Sequence[str],
    counts: str,
    does: str,
    horizon_days: int,
    agreed: bool,
    may_enter: int,
    most: float,
    pays: float,
    currency: str,
) -> str:
    """Say how many accounts enter each tier and what they are worth; the headline.

    Parameters
    ----------
    tiers : DataFrame of `target_list.by_tier`
    names : of the first accounts
    counts : ``margin`` or ``revenue``, what worth counts; else what accounts are ranked by, in words
    does : what accounts do that counts, such as sign in new deals
    may_enter : accounts that nothing keeps off
    most : worth of the account worth most that may enter; missing where nobody can say
    pays : worth from which on a tier pays for its hours; 0 where hours are not set against worth
    """
    n = int(tiers["accounts"].sum())
    if not n and not may_enter:
        return "No account enters the list: all of them are kept off it."
    if not n and not np.isfinite(pays):
        return "No account enters the list: no tier is taken to add anything (rise_by_tier)."
    if not n and most <= 0:
        return f"No account enters the list: none that may enter has a worth above 0 {currency}, as its margin or its chance is not."
    if not n and most > 0:
        low = (
            f": the account worth most of those that may enter is worth {short_money(most, currency)}, and a tier pays from {short_money(pays, currency)} on"
            * bool(most < pays)
        )
        return f"No account enters the list{low}. To get one, take an hour_cost of 0 or another rise_by_tier."
    if not n:
        return "No account enters the list: nobody can say what accounts are worth, and no agreed criterion ranks them."
    each = ", ".join(f"{row.accounts:,.0f} in tier {row.tier}" for row in tiers.itertuples())
    heads = f"{draft(agreed)}{count(n, 'account')} on the target list: {each}. First {joined([one_line(name) for name in names])}."
    if counts not in ("margin", "revenue"):
        return f"{heads} They are ranked by {counts}, as nobody can say what they are worth."
    worth, part = tiers["worth"].sum(), tiers["share_of_worth"].sum()
    none = "" if tiers["accounts"].iloc[:2].any() else " None is worth the hours of tier 1 or 2."
    return f"{heads} They are expected to {does} within {horizon_days:,} days {short_money(worth, currency)} of {counts}, {share(part)} of all.{none}"


def tier_line(
    tiers: pd.DataFrame, team_hours: float, seats: Sequence[int], is_solved: bool, pays: bool, currency: str
) -> str:
    """Say the hours that the list takes of those there are, and what attention is taken to add; the finding.

    Parameters
    ----------
    tiers : DataFrame of `target_list.by_tier`
    team_hours : a month; infinite where nobody entered any
    seats : most accounts of each tier
    is_solved : False where the simple rule stands, as the solver failed
    pays : worth is margin, against which hours are set
    """
    hours, adds, cost = (tiers[c].sum() for c in ("hours", "adds", "cost"))
    of = f" of {team_hours:,.0f} there are" if np.isfinite(team_hours) else ""
    simple = "" if is_solved else " The solver found nothing better than a simple rule, which stands."
    money = (
        f"; attention is taken to add {short_money(adds, currency)} and costs {short_money(cost, currency)}"
        if cost > 0
        else ""
    )
    most = pd.Series(list(seats)[: len(tiers)], tiers.index)
    full = tiers.loc[(tiers["accounts"] >= most) & (most > 0), "tier"].tolist()
    simple = simple if pays else f" Its hours are not set against worth, as no cost is known.{simple}"
    limit = (
        f" Of {joined(['tier ' + t for t in full])} all seats are taken." if full and tiers["accounts"].sum() else ""
    )
    return f"The list takes {hours:,.0f} hours a month{of}{money}.{limit}{simple}"


def in_top(lists: pd.DataFrame) -> str:
    """Say how many accounts of past lists were among those that brought most, and how the interval is meant; empty without lists."""
    if lists.empty:
        return ""
    n, got, due = (lists[c].sum() for c in ("accounts", "in_top", "in_top_expected"))
    return f"Of {n:,.0f} accounts on these lists {got:,.0f} were among as many that brought most; {due:,.0f} were to be expected. Might come: 95 of 100 draws, each account for itself; a good or bad season of all is not in it."


def decile_title(bands: pd.DataFrame) -> str:
    """Head the figure of tenths: what share of all that came the tenth of most worth brought."""
    came = bands["came"].sum()
    return (
        f"The tenth worth most brought {share(bands['came'].iloc[0] / came)} of what came"
        if came > 0
        else "What came had no margin above zero"
    )


def votes(
    overlap: tuple[float, float, float, int],
    kappa: tuple[float, float, float, int],
    differ: pd.Series,
    needed: float,
    old: int,
) -> list[str]:
    """Say how far the votes of the two teams agree, beyond chance too; the finding first.

    Parameters
    ----------
    overlap, kappa : value, low, high, n
    differ : accounts by the kind of difference, empty text where they agree
    old : accounts whose votes no longer count
    """
    lapsed = (
        f"Votes on {count(old, 'account')} no longer count: they are too old, or older than a signature." if old else ""
    )
    if pd.isna(overlap[0]):
        return ["Nobody knows if the teams agree: no account that either wants was voted on by both.", lapsed]
    apart = int(differ.get("in and out", 0))
    heads = f"The lists of the teams overlap by {share(overlap[0])} ({share(overlap[1])} to {share(overlap[2])}, n = {overlap[3]:,.0f}); {share(needed)} is needed. On {count(apart, 'account')} one says in and the other out."
    told = (
        f"Beyond what chance alone gives they agree by {kappa[0]:.2f} of 1 (kappa; {kappa[1]:.2f} to {kappa[2]:.2f})."
    )
    return [
        heads,
        told if pd.notna(kappa[0]) else "Agreement beyond chance cannot be said, as one team votes alike on all.",
        lapsed,
    ]


def errors(many: int) -> str:
    """Say what valuable means in the table of wrong choices."""
    return f"Valuable: among the {many:,} accounts that brought most."


def why_not(table: pd.DataFrame, words: dict[str, str], pays_from: float) -> pd.Series:
    """Say why an account is on no tier: what keeps it off, or that it does not pay, or that nothing is left for it.

    Parameters
    ----------
    table : rows of ``06_target_accounts``
    pays_from : worth from which on a tier pays
    """
    plain = pd.Series(np.where(table["worth"].fillna(0) < pays_from, NO_PAY, NO_SEAT), table.index)
    return table["state"].map(words).fillna(plain)


def realised(
    lists: pd.DataFrame,
    own: tuple[float, float, float, int],
    whole: tuple[float, float, float, int],
    promised: float,
    counts: str,
    currency: str,
) -> str:
    """Say what lists of past days were to bring and brought, and what that makes of today's.

    Parameters
    ----------
    lists : DataFrame of `worth.past_lists`
    own, whole : what came for one promised: of the lists, and of all accounts
    promised : of today's list of that length
    """
    if lists.empty:
        return "No earlier list could be tested: there is too little past."
    first = lists.iloc[0]
    part = first["share_of_all"]
    of_all = f", {share(part)} of what all accounts brought" if pd.notna(part) else ""
    came_of = f", by {first['signed']:,.0f} of them" if "signed" in first else ""
    heads = (
        f"The {first['accounts']:,.0f} accounts worth most on {count(len(lists), 'past day')}: those of {day(first['day'])} were to bring {short_money(first['promised'], currency)} of {counts} and brought "
        f"{short_money(first['came'], currency)}{came_of}{of_all}."
    )
    if pd.isna(own[1]) or not is_known(own):
        return f"{heads} How much such lists bring for what they promise cannot be told."
    said = f"All such lists brought {own[0]:.2f} for 1.00 promised ({own[1]:.2f} to {own[2]:.2f})"
    if own[2] < 1:
        today = (
            f" At that rate the {short_money(promised, currency)} of tiers 1 and 2 would bring about {short_money(promised * own[0], currency)}; the next period may differ."
            * bool(promised > 0)
        )
        lost = " (the largest of many estimates are the luckiest)" if own[0] < whole[0] else ""
        return f"{heads} {said}: too much was promised{lost}.{today}"
    if own[1] > 1:
        return f"{heads} {said}: more than promised, which the next period need not repeat."
    return f"{heads} {said}: luck or error, {'these lists' if len(lists) > 1 else 'one list'} cannot tell."


def agreed(passed: bool, lacking: str, wanted: int, listed: int, missing: int, signed: bool, by: str) -> str:
    """Say if sales and marketing agree, what is lacking, and what to do.

    Parameters
    ----------
    lacking : of `say.lacking`
    wanted, listed, missing : accounts of tiers 1 and 2: both teams want, all, and without a vote of one of the teams that counts
    signed : both teams signed the criteria
    by : day until when
    """
    if passed:
        rest = (
            f" {count(listed - wanted, 'account')} of these tiers {'is' if listed - wanted == 1 else 'are'} only proposed, as not both want them."
            if listed > wanted
            else ""
        )
        return f"Agreed: both teams signed the criteria and want {wanted:,} of {count(listed, 'account')} of tiers 1 and 2.{rest}"
    if not listed:
        return "No account is in tier 1 or 2, so there is nothing to vote on."
    first = "" if signed else " First both teams sign the criteria (page 02); votes before that do not count."
    votes = f" Vote on {count(missing, 'account')} of tiers 1 and 2 by {by}." if missing else ""
    return f"Not agreed: {lacking}. Until then the list is a draft, on every page and file.{first}{votes}"


def vote(signed: bool) -> str:
    """Order the vote, after the signatures where they are missing."""
    return f"{'V' if signed else 'Once both teams have signed the criteria (page 02), v'}ote on these accounts of tiers 1 and 2, sales and marketing each (programme/list_votes.csv)"


def persuadable(rises: pd.DataFrame, listed: pd.Series, assumed: float) -> str:
    """Say whether the worth of the list is what attention adds, or only what is likely.

    Parameters
    ----------
    rises : DataFrame of `worth.rises`
    listed : bool per account, index as `rises`
    """
    found, capped = rises[rises["by"] != ""], rises[(rises["by"] == "") & (rises["rise"] < assumed)]
    if len(found):
        low, high, n = found["rise"].min(), found["rise"].max(), int((listed & (rises["by"] != "")).sum())
        of = share(low) if low == high else f"{share(low)} to {share(high)}"
        return f"An evaluation found what attention adds at {count(len(found), 'account')}: {of} of their worth ({joined(sorted(one_line(i) for i in found['by'].unique()))}); {n:,} of them on the list of {count(int(listed.sum()), 'account')}."
    if len(capped):
        return f"Likely, not persuadable: an evaluation could not tell from chance what our work adds; it is {share(capped['rise'].max())} at most, which is taken here for {count(len(capped), 'account')} in place of the {share(assumed)} assumed."
    return f"Likely, not persuadable: no evaluation is recorded that found what our work adds. That attention of tier 1 adds {share(assumed)} is an assumption; it decides how many enter a tier, not their order."


def lists_beside(choices: pd.DataFrame, on: pd.Timestamp, currency: str) -> str:
    """Say if the list by worth brought more than simple lists of the same length; the finding.

    Parameters
    ----------
    choices : DataFrame of `gate_trial.compare_choices`, the list by worth first
    """
    if choices.empty or not choices["accounts"].any():
        return "No list of the past could be compared."
    rivals = choices.iloc[1:]
    if rivals.empty:
        return "No simple list could be made on that day."
    better, worse = (rivals.loc[flags, "choice"].tolist() for flags in (rivals["low"] > 0, rivals["high"] < 0))
    if worse:
        return f"On {day(on)} the list by worth chose worse than {joined(worse)}: do not use it before you know why."
    if len(better) == len(rivals):
        return f"On {day(on)} the list by worth brought more than each simple list of the same length, beyond luck."
    tail = f"; than {joined(better)} it surely brought more" * bool(better)
    best = rivals.sort_values("brought", ascending=False, kind="stable").iloc[0]
    more = choices["brought"].iloc[0] - best["brought"]
    by = f"{short_money(abs(more), currency)} {'more' if more > 0 else 'less'}" if more else "as much"
    ends = (
        f" ({short_money(best['low'], currency)} to {short_money(best['high'], currency)})"
        if pd.notna(best["low"])
        else ""
    )
    return f"Whether the list by worth beats the best simple list ({best['choice']}) cannot be told: it brought {by}{ends} after {day(on)}{tail}."


def beside_force(choices: pd.DataFrame, counts: str, currency: str) -> str:
    """Say what the tiers in force on a past day brought beside as many accounts by worth; empty where none was in force.

    Parameters
    ----------
    choices : DataFrame of `gate_trial.compare_choices`: by worth, and in force
    """
    if len(choices) < 2:
        return ""
    by, force = choices.iloc[0], choices.iloc[1]
    clear = " beyond luck" if force["low"] > 0 or force["high"] < 0 else " within luck"
    return f"{count(int(force['accounts']), 'account')} in tiers on that day brought {short_money(force['brought'], currency)} of {counts}; as many by worth {short_money(by['brought'], currency)},{clear}."


def states(judged: pd.DataFrame, kept: pd.Series) -> list[str]:
    """Say how many accounts are kept off, then of each belief what the past says of it.

    Parameters
    ----------
    judged : DataFrame of `exclusions.tested`
    kept : accounts kept off by state
    """
    parts = joined([f"{n:,} {s.replace('_', ' ')}" for s, n in kept.items()])
    heads = (
        f"{count(int(kept.sum()), 'account')} kept off the list: {parts}."
        if len(kept)
        else "No account is kept off the list."
    )
    of = {v: rows["state"].str.replace("_", " ").tolist() for v, rows in judged.groupby("verdict")}
    times = dict(zip(judged["state"].str.replace("_", " "), judged["times"], strict=True))
    said = [f"The past bears out that these buy less often: {joined(of['holds'])}."] if "holds" in of else []
    if "contradicted" in of:
        said.append(
            f"It contradicts: {joined([f'{s} ({times[s]:.1f} times as often as others)' if pd.notna(times[s]) else s for s in of['contradicted']])}."
        )
    said += [f"It cannot tell: {joined(of['cannot tell'])}."] if "cannot tell" in of else []
    said += [f"Too few to ask: {joined(of['too few'])}."] if "too few" in of else []
    stay = [
        s
        for v in ("contradicted", "cannot tell", "too few")
        for s in of.get(v, [])
        if s.replace(" ", "_") not in kept.index
    ]
    said += [f"Accounts of {joined(stay)} stay, and are marked."] if stay else []
    return [heads, *said]


def disagreement(named: pd.Series, listed: int) -> str:
    """Say on how many accounts the scorecard and the worth of the model name the same; the finding."""
    counts = named.value_counts()
    both, model, card = (int(counts.get(which, 0)) for which in ("both", "worth only", "scorecard only"))
    if not both + card:
        return "There is no scorecard: no agreed criterion with a weight names a feature that is measured."
    return f"The model names {both + model:,} and the scorecard {both + card:,} accounts, up to {listed:,} each; {both:,} are the same."


def one_more(gains: pd.DataFrame, currency: str) -> str:
    """Say what one more seat would add; the finding.

    Parameters
    ----------
    gains : DataFrame ``tier, gain`` (money)
    """
    if gains.empty or not (gains["gain"] > 0).any():
        return "No further seat would pay for its hours: the list is as long as the worth of accounts allows."
    best = gains.sort_values("gain", ascending=False, kind="stable").iloc[0]
    return f"One more seat in tier {best['tier']} would add {short_money(best['gain'], currency)}, if attention adds what is assumed."


def reasons(rows: pd.DataFrame, counts: str, currency: str, words: dict[str, str]) -> pd.Series:
    """Say why each account is on the list, or what keeps it off.

    Parameters
    ----------
    rows : rows of ``06_target_accounts`` with ``chance, size_quarter, size_three_quarters``
    words : what each state means
    """
    said = []
    for r in rows.assign(deals_open=rows["deals_open"].fillna(0)).itertuples():
        if r.state:
            said.append(f"kept off: {words[r.state]}")
            continue
        parts = [
            f"chance {share(r.chance)}" * bool(pd.notna(r.chance)),
            f"if so, about half of the times {short_money(r.size_quarter, currency)} to {short_money(r.size_three_quarters, currency)}"
            * bool(pd.notna(r.size_quarter)),
            f"margin {share(r.margin_rate)}" * bool(counts == "margin" and pd.notna(r.margin_rate)),
            f"scorecard {r.scorecard:.0f} of 100" * bool(pd.notna(r.scorecard)),
            f"mind: {r.marks}" * bool(r.marks),
            count(int(r.deals_open), "open deal") * bool(r.deals_open > 0),
        ]
        said.append("; ".join(p for p in parts if p))
    return pd.Series(said, rows.index, dtype="str")


def changed(change: pd.Series, because: pd.Series) -> list[str]:
    """Say how the list differs from the tiers in force; then why accounts moved since the report before.

    Parameters
    ----------
    change : of `target_list.change`
    because : of `target_list.why`; empty texts where nothing moved, or there was no report before
    """
    counts = change.value_counts()
    parts = [
        f"{counts[c]:,} {words}"
        for c, words in (
            ("enters", "enter"),
            ("up", "move up"),
            ("down", "move down"),
            ("leaves", "leave"),
            ("stays", "stay"),
        )
        if c in counts
    ]
    heads = f"Beside the tiers in force: {joined(parts)}." if parts else "No tier is in force, and none is proposed."
    why = because[because != ""].value_counts()
    return (
        [
            heads,
            f"Since the report before, {int(why.sum()):,} moved: {joined([f'{n:,} {words}' for words, n in why.items()])}.",
        ]
        if len(why)
        else [heads]
    )


def tier_words(before: pd.Series, now: pd.Series) -> pd.Series:
    """Say from which tier an account moves to which."""
    return "tier " + before + " to " + now


def call_lists(calls: int, on_list: int, without_deal: int, listed: int) -> str:
    """Say how the list differs from the call list of 04, which holds accounts to open a deal with.

    Parameters
    ----------
    calls, on_list : accounts that 04 calls first, and of these those on the target list
    without_deal, listed : accounts of the target list without an open deal, and all
    """
    heads = f"Without an open deal: {without_deal:,} of {count(listed, 'account')} on the list." if listed else ""
    more = (
        f" Whom to call first for a new deal is another list, on page 04: {on_list:,} of its {calls:,} accounts are on this one."
        if calls
        else ""
    )
    return f"{heads}{more}"


def large_left_out(names: Sequence[str], of: int) -> str:
    """Say that large customers are not on the list, as worth counts what is new; empty where none is left out."""
    if not names:
        return ""
    return f"Of {count(of, 'account')} that bought most in 12 months {len(names):,} {'is' if len(names) == 1 else 'are'} not on the list ({joined([one_line(n) for n in names[:3]])}{' and more' if len(names) > 3 else ''}): worth counts what they are expected to sign anew, not running business. Look after them by page 03."


def files(counts: dict[str, int]) -> str:
    """Say which files other systems take, and how many accounts they may not find.

    Parameters
    ----------
    counts : of `company_lists.unaddressed`
    """
    if not counts["listed"]:
        return ""
    return (
        f"For other systems, in the folder lists of a run: 06_salesforce.csv, 06_hubspot.csv, 06_ad_platforms.csv, and 06_ad_platforms_exclude.csv (their names begin with DRAFT_ until the list is agreed). "
        f"Of {count(counts['listed'], 'account')} {counts['without_id']:,} have no id of the CRM and {counts['without_domain']:,} no domain."
    )


def marks(beliefs: pd.Series, was_held: pd.Series) -> pd.Series:
    """Join what is believed of an account with whether an experiment held it back until now.

    Parameters
    ----------
    beliefs : of `exclusions.marks`
    was_held : bool, held back in an experiment that is over
    """
    held = pd.Series(np.where(was_held, "held back by an experiment until now (14)", ""), beliefs.index)
    return beliefs + np.where((beliefs != "") & was_held, ", ", "") + held
