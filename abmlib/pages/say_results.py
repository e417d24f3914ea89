"""Sentences about deals by source, campaign and seller, why they were lost, and what moves a headline, from finished numbers."""

from collections.abc import Mapping, Sequence

import pandas as pd

from abmlib.pages.say import count, day, joined, named, one_line, p_value, share, short_money

FEWEST = 30  # deals decided, with and without a label, to compare them
STATUSES, STATUS_SHARE = (
    ("cancel", "lost", "closed", "won"),
    0.8,
)  # words that are no reason, and the share that makes one worth saying
FEW = 2  # sellers below the target of the period alone who are named
REVIEWED = 5  # sellers with their numbers in the reason of a decision
MOST = 0.5  # part of the deals without a closing day that is worth the name of the group that holds it
READERS = {"owner": "seller"}  # ways of grouping that readers call otherwise
SILENT = 0.2  # share of deals without a source or campaign that is worth a sentence
HEADLINES = {  # what one group may hold most of
    "won_value": "the amount won", "created_value": "the amount created", "deals_opened": "the deals opened",
    "open_value": "the open amount",
}  # fmt: skip


def of_way(table: pd.DataFrame, differ: pd.DataFrame, way: str, currency: str) -> tuple[str, str, str]:
    """Say whether win rates differ, from which group most was won, and how many deals name none; empty without groups.

    Parameters
    ----------
    table : DataFrame of `breakdowns.stand_out`
    differ : DataFrame of `deals.differences`
    way : such as ``source``
    """
    rows, noun = table[table["group_by"] == way], READERS.get(way, way)
    if rows.empty:
        return "", "", ""
    known, judged = rows[rows["group"] != "unknown"], differ[(differ["group_by"] == way) & differ["p"].notna()]
    verdict = ""
    if len(judged):
        p = p_value(judged["p"].iloc[0])
        high, low = (rows[rows["clear"] == side] for side in ("high", "low"))
        parts = [f"clearest high {_rate(high.loc[high['low'].idxmax()])}"] if len(high) else []
        parts += [f"clearest low {_rate(low.loc[low['high'].idxmin()])}"] if len(low) else []
        verdict = f"Win rates differ by {noun} (p {p}): {', '.join(parts) or f'no single {noun} stands out'}."
        young = rows[rows["clear"] == "early"]
        if len(young):
            first = young.loc[young["high"].idxmin()]
            verdict += (
                f" Too early to say of {one_line(first['group'])}: {first['won']:,.0f} of "
                f"{first['won'] + first['lost']:,.0f} won, but {first['waiting']:,.0f} still open."
            )
        if judged["judged"].iloc[0] != "differ":
            about = f"n = {int(judged['n'].iloc[0]):,}, p {p}"
            groups = count(int(judged["groups"].iloc[0]), noun)
            verdict = f"Win rates show no difference beyond chance between {groups} ({about})."
    return verdict, _largest(rows, known, noun, currency), _silent(rows, noun)


def only(labels: pd.Series, noun: str) -> str:
    """Say that no deal names a group, or all name the same; empty where groups can be told apart.

    Parameters
    ----------
    labels : of each deal
    noun : such as ``source``
    """
    if labels.isna().all():
        return f"This data names no {noun} of deals."
    return f"All deals name one {noun}, {one_line(labels.iloc[0])}." * bool(
        labels.notna().all() and labels.nunique() == 1
    )


def _largest(rows: pd.DataFrame, known: pd.DataFrame, noun: str, currency: str) -> str:
    """Say which group brought the largest part of what was won; empty where nothing was."""
    value = "won_value" if known["won_value"].sum() > 0 else "won"
    if not known[value].sum() > 0:
        return ""
    top, whole = known.loc[known[value].idxmax()], known[value].sum()
    what = short_money(top[value], currency) if value == "won_value" else count(int(top[value]), "deal")
    of = f" by deals that name a {noun}" * bool(rows[value].sum() > whole)
    one = "; one deal is more than half of it" * bool(value == "won_value" and top["largest_won"] > top[value] / 2)
    return f"The {noun} {one_line(top['group'])} brought the largest part of what was won{of}: {what}, {share(top[value] / whole)}{one}."


def _rate(row: pd.Series) -> str:
    """Name a group with its deals won."""
    return f"{one_line(row['group'])} ({row['won']:,.0f} of {row['won'] + row['lost']:,.0f} won, adjusted {share(row['shrunk'])})"


def _silent(rows: pd.DataFrame, noun: str) -> str:
    """Say how many deals name no group; empty where few do not."""
    deals = rows[["opened", "won", "lost", "open"]].sum(axis=1) if rows["opened"].isna().all() else rows["opened"]
    none = deals[rows["group"] == "unknown"].sum()
    if not none > SILENT * deals.sum():
        return ""
    most = "Most" if none > deals.sum() / 2 else "Many"
    said = f"{most} deals name no {noun}: {none:,.0f} of {deals.sum():,.0f} opened."
    won, other = (
        rows.loc[of, ["won", "lost"]].sum() for of in (rows["group"] == "unknown", rows["group"] != "unknown")
    )
    if min(won.sum(), other.sum()) < FEWEST or rows["raw"].isna().all():
        return said
    late = rows.loc[rows["group"] == "unknown", ["won_undated", "lost_undated"]].sum().sum()
    more = f"; {late:,.0f} more that name none were decided on a day nobody knows" * bool(late)
    of_none, of_others = (f"of {n.sum():,.0f}" for n in (won, other))
    of_none += f" decided are won ({share(won['won'] / won.sum())})"
    of_others += f" ({share(other['won'] / other.sum())})"
    return f"{said} Of them {won['won']:,.0f} {of_none}, of those that name one {other['won']:,.0f} {of_others}{more}."


def undated(won: int, lost: int, rate: float, table: pd.DataFrame) -> str:
    """Say how many deals were decided on a day nobody knows, the win rate with them, and which groups hold most of them.

    Parameters
    ----------
    won, lost : such deals
    rate : win rate with them
    table : DataFrame of `breakdowns.by_ways`
    """
    if not won + lost:
        return ""
    some = table[table["partial"].astype(bool) & table["group_by"].isin(["owner", "campaign", "source"])]
    most = some[some["won_undated"] + some["lost_undated"] > MOST * (won + lost)]
    parts = [
        f"{_whom(r.group_by, r.group, {})} ({_ends(r.won, r.lost)} with a day, {_ends(r.won_undated, r.lost_undated)} without one)"
        for r in most.itertuples()
    ]
    groups = (
        f" Left out of all rates of other groups, as many of their deals have no day: {joined(parts)}." if parts else ""
    )
    ends, has = _ends(won, lost), "has" if won + lost == 1 else "have"
    ends = f"({ends})" if won and lost else ends.split()[-1]
    return f"{count(won + lost, 'more deal')} {ends} {has} no closing day: with them the win rate is {share(rate)}.{groups}"


def _ends(won: float, lost: float) -> str:
    """Count deals won and lost, of which there are any."""
    return joined([f"{n:,.0f} {word}" for n, word in ((won, "won"), (lost, "lost")) if n > 0]) or "none"


def without_rate(table: pd.DataFrame, aside: Sequence[str] = ()) -> str:
    """Say as a note why groups have no win rate, and whose deals are left out; empty where nothing is lacking.

    Parameters
    ----------
    table : DataFrame of `breakdowns.by_ways`, or rows of it
    aside : of `breakdowns.aside`
    """
    if table.empty:
        return ""
    none = "No win rate is given where a tenth or more of a group's decided deals have no closing day."
    left = f"Without the deals of {named([one_line(a) for a in aside])}." if len(aside) else ""
    return " ".join(text for text in (none * bool(table["partial"].eq(True).any()), left) if text)


def reasons(table: pd.DataFrame, outcome: str, level: float, currency: str) -> tuple[str, str]:
    """Say which reason stands out and how many deals have none; empty without a reason.

    Parameters
    ----------
    table : DataFrame of `reasons.by_reason`
    outcome : ``lost`` or ``won``
    level : of the intervals
    """
    if table.empty:
        return "", ""
    n, none = int(table["deals"].sum()), int(table.loc[table["reason"] == "not entered", "deals"].sum())
    real = table[~table["reason"].isin(["other", "not entered"])]
    has = "every one has a reason" if none == 0 else f"{share(none / n)} ({none:,}) have no reason entered"
    about = f"Of the {count(n, f'deal {outcome}', f'deals {outcome}')} {has}."
    if real.empty:
        return f"No reason is shared by several deals {outcome}.", about
    lines = []
    for by in [by for by in ("amount", "deals") if real[by].gt(0).any()]:
        top = real.loc[real[by].idxmax()]
        ends = f", {level:.0%} interval {share(top['low'])} to {share(top['high'])}" * pd.notna(top["low"])
        money = f", {short_money(top['amount'], currency)} of {short_money(table['amount'].sum(), currency)}" * bool(
            top["amount"] > 0
        )
        lines.append(
            (one_line(top["reason"]), f"{count(int(top['deals']), 'deal')} ({share(top['share'])}{ends}){money}")
        )
        word = top["reason"].casefold()
        if top["share"] >= STATUS_SHARE and any(s in word for s in STATUSES):
            return (
                f"“{lines[-1][0]}” is entered for {lines[-1][1]}: that says how a deal ended, and is no reason.",
                about,
            )
    if len({reason for reason, _ in lines}) == 1:
        both = "money and most deals are" if len(lines) > 1 else "deals are"
        return f"Most {both} {outcome} for “{lines[0][0]}”: {lines[0][1]}.", about
    text = "; ".join(
        f"most {what} {outcome} for “{reason}”: {facts}"
        for what, (reason, facts) in zip(("money is", "deals are"), lines, strict=True)
    )
    return f"M{text[1:]}.", about


def changed(judged: pd.DataFrame, outcome: str, has_reasons: bool) -> str:
    """Say of which reasons the share of the deals with a reason moved since the window before.

    Parameters
    ----------
    judged : DataFrame of `reasons.changed`; without a row there were too few
    has_reasons : whether any reason is entered
    """
    if judged.empty:
        return f"Too few deals {outcome} with a reason to compare them with the window before." * has_reasons
    moved = judged[judged["judged"] == "differ"]
    parts = [
        f"“{one_line(r.reason)}” ({share(r.share_before)} before, {share(r.share)} now, p {p_value(r.p)})"
        for r in moved.itertuples()
    ]
    if not parts:
        return (
            f"No reason's share differs from the window before beyond chance ({count(len(judged), 'reason')} compared)."
        )
    return f"Beyond chance, these reasons differ from the window before: {joined(parts)}."


def competitors(groups: pd.DataFrame, judged: pd.DataFrame, named_in: pd.Series) -> str:
    """Say whether win rates differ between competitors, and how many deals lost and won name one; empty without two.

    Parameters
    ----------
    groups : DataFrame of `reasons.against`
    judged : DataFrame of `deals.differences`
    named_in : share of the deals lost (False) and won (True) that name a competitor
    """
    if groups.empty:
        return ""
    rows = groups.sort_values("shrunk", kind="stable")
    low, high = (
        f"{one_line(r['group'])} ({r['won']:,} of {r['n']:,} won, adjusted {share(r['shrunk'])})"
        for r in (rows.iloc[0], rows.iloc[-1])
    )
    fill = (
        f"A competitor is named in {share(named_in[False])} of the deals lost and {share(named_in[True])} of those won"
    )
    if (judged["judged"] == "differ").any():
        return f"Win rates differ by competitor (p {p_value(judged['p'].iloc[0])}): lowest against {low}, highest against {high}. {fill}."
    return f"Win rates against {count(len(groups), 'competitor')} show no difference beyond chance. {fill}."


def sellers(
    table: pd.DataFrame, period: str, ended: bool, currency: str, elsewhere: Sequence[str] = ()
) -> tuple[str, str]:
    """Say how many sellers reached their target and who misses most, and who has most overdue; empty where unknown.

    Parameters
    ----------
    table : DataFrame of `sellers.by_seller`
    period : in words
    elsewhere : sellers whose targets do not fill the period
    """
    aims, target = table[table["won_of_target"].notna()], ""
    nobody, aims = aims.loc[aims["deals_known"] == 0, "owner_id"], aims[aims["deals_known"] > 0]
    if len(aims):
        met = int((aims["won_of_target"] >= 1).sum())
        target = f"{met:,} of {count(len(aims), 'seller')} reached the target of {period}"
        least = aims.iloc[0]
        if len(aims) > 1 and not aims["won_value"].gt(0).any():
            target += f"; none of them {'' if ended else 'has '}won anything in it"
        elif least["missing_to_target"] > 0:
            verb = "missed" if ended else "misses"
            missing = f"{short_money(least['missing_to_target'], currency)}, {share(least['won_of_target'])} won"
            target += f"; {one_line(least['owner_id'])} {verb} most: {missing}"
        target += "."
        by_one = aims.loc[(aims["won_of_target"] >= 1) & (aims["without_largest"] < 1), "owner_id"]
        if len(by_one):
            target += (
                f" One deal decides it for {named([one_line(o) for o in by_one])}: without it the target is missed."
            )
    for who, text in (
        (nobody, "No deal of the data is owned by {}, who {} a target."),
        (table.loc[table["own_target"] <= 0, "owner_id"], "{} {} a target of zero or below, and cannot be judged."),
        (elsewhere, f"{{}} {{}} targets of other periods alone, that do not fill {period}, and cannot be judged."),
    ):
        if len(who):
            target += " " + text.format(named([one_line(o) for o in who]), "has" if len(who) == 1 else "have")
    target = target.strip()
    late = table[table["overdue_deals"].fillna(0) > 0]
    if late.empty:
        return target, ""
    by = "overdue_value" if late["overdue_value"].gt(0).any() else "overdue_deals"
    most, hold = late.loc[late[by].idxmax()], "holds" if len(late) == 1 else "hold"
    deals = count(int(most["overdue_deals"]), "deal")
    what = f"{short_money(most['overdue_value'], currency)} in {deals}" if by == "overdue_value" else deals
    return target, f"{count(len(late), 'seller')} {hold} overdue deals, {one_line(most['owner_id'])} most: {what}."


def review_sellers(behind: pd.DataFrame, team: pd.DataFrame, ended: bool, currency: str) -> dict[str, object]:
    """Write the decision to review the sellers furthest below target, as `Book.decide` takes it.

    A period that has ended has no money left to move.

    Parameters
    ----------
    behind : DataFrame of `sellers.behind`
    team : DataFrame of `sellers.by_seller`
    """
    facts = [
        f"{one_line(r.owner_id)} won {short_money(r.won_value, currency)} of {short_money(r.own_target, currency)} "
        f"({share(r.year_won / r.year_target)} of the target of the year to date), {r.open_deals:,.0f} open "
        f"({short_money(r.open_value, currency)}), {r.overdue_deals:,.0f} overdue"
        for r in behind.head(REVIEWED).fillna({"open_deals": 0, "overdue_deals": 0}).itertuples()
    ]
    missing = behind[["missing_to_target", "open_value"]].min(axis=1, skipna=False)
    spared = team[(team["missing_to_target"] > 0) & (team["year_of_target"] >= 1)]
    but = [f"{one_line(r.owner_id)}, at {share(r.year_of_target)} of the year to date" for r in spared.itertuples()]
    who = named([one_line(o) for o in behind["owner_id"]]) + f"; not {joined(but)}" * (0 < len(but) <= FEW)
    asked: dict[str, object] = {
        "text": f"Review deals and plan with the sellers below both targets, of the period and of the year to date ({who})",
        "reason": "; ".join(facts),
    }
    money: dict[str, object] = {
        "moves": missing.sum(min_count=1),
        "basis": "what they miss to the target of the period, each up to the own open amount:",
    }
    return asked if ended else asked | money


def stopped(quiet: pd.DataFrame) -> dict[str, object]:
    """Write the decision to ask whether selling stopped, as `Book.decide` takes it: where half of the sellers are silent.

    Parameters
    ----------
    quiet : DataFrame of `sellers.silent`
    """
    some = quiet[quiet["silent"]]
    n, since = int(some["open_deals"].sum()), day(some["last_day"].max()) if len(some) else ""
    return {
        "text": "Find out whether selling stopped or the CRM is not kept: "
        f"ask the {count(len(some), 'seller')} who hold{'s' * (len(some) == 1)} {count(n, 'open deal')}",
        "reason": f"none of them opened or closed a deal since {since}: {named([one_line(o) for o in some['owner_id']])}",
        "moves": some["open_value"].sum(min_count=1), "basis": "their open amount:",
        "only_if": has_stopped(quiet),
    }  # fmt: skip


def has_stopped(quiet: pd.DataFrame) -> bool:
    """Say whether half or more of the sellers with open deals are silent.

    Parameters
    ----------
    quiet : DataFrame of `sellers.silent`
    """
    return bool(len(quiet) and 2 * quiet["silent"].sum() >= len(quiet))


def spend(table: pd.DataFrame, currency: str) -> str:
    """Say what campaigns cost that no deal names; empty without spend.

    Parameters
    ----------
    table : DataFrame of `breakdowns.with_spend`
    """
    total, rest = table["spend"].sum(), table[table["opened"].isna() & table["spend"].gt(0)]
    if not total > 0:
        return ""
    who, money = named([f"“{one_line(c)}”" for c in rest["campaign"]]), short_money(rest["spend"].sum(), currency)
    none = (
        f", {money} of it ({share(rest['spend'].sum() / total)}) on campaigns that no deal names (notebook 01): {who}"
        * (len(rest) > 0)
    )
    return f"Campaigns cost {short_money(total, currency)} in these months{none}."


def marketing(table: pd.DataFrame, spent: pd.DataFrame, leads: pd.DataFrame) -> dict[str, object]:
    """Write the decision which sources and campaigns get less and more, as `Book.decide` takes it.

    Parameters
    ----------
    table : DataFrame of `breakdowns.stand_out`
    spent : DataFrame of `breakdowns.with_spend`
    leads : DataFrame of `funnel.by_source`
    """
    some = table[table["group_by"].isin(["source", "campaign"]) & table["clear"].isin(["low", "high"])]
    asked, judged = leads.set_index("group"), some.assign(name=some["group"].map(one_line))
    low, high = (judged.loc[judged["clear"] == side, "name"] for side in ("low", "high"))
    orders = [f"Hold the next budget and hours of {named(low)} until somebody says what they are for"] * (len(low) > 0)
    orders += [f"{'try' if orders else 'Try'} more of {named(high)}"] * (len(high) > 0)
    facts = [
        f"{r.name} {r.won:,.0f} of {r.won + r.lost:,.0f} deals won"
        + (f" and {asked['won'][r.group]:,} of {asked['n'][r.group]:,} leads" if r.group in asked.index else "")
        for r in judged.itertuples(index=False)
    ]
    cost = spent.loc[spent["clear"] == "low", "spend"].sum(min_count=1)
    lacking = {"source": True, "campaign": not spent["spend"].gt(0).any()}  # no table holds spend by source
    unknown = [
        f"spend by {way}" for way, is_lacking in lacking.items() if is_lacking and (some["group_by"] == way).any()
    ]
    return {
        "text": "; ".join(orders), "only_if": len(orders) > 0, "moves": cost,
        "reason": f"not known: {joined(unknown)}; " * (len(unknown) > 0) + f"beyond chance {'; '.join(facts)}",
        "basis": "what the campaigns to hold cost in the window:",
    }  # fmt: skip


def ever(won: int, n: int, n_window: int, backwards: int) -> str:
    """Say how many deals were ever won, where few were decided in the window; empty where many were, or no others.

    Parameters
    ----------
    won, n : deals won and decided ever
    n_window : deals decided in the window
    backwards : deals closed before they were created
    """
    if n_window >= FEWEST or n <= n_window:
        return ""
    odd = f" {count(backwards, 'deal')} closed before {'it was' if backwards == 1 else 'they were'} created." * bool(
        backwards
    )
    return f"Few deals were decided in the window. Of all {n:,} ever decided {won:,} are won ({share(won / n)}).{odd}"


def silent(table: pd.DataFrame) -> str:
    """Say which sellers with open deals opened and closed none for long, and who did; empty where none is silent.

    Parameters
    ----------
    table : DataFrame of `sellers.silent`
    """
    quiet, rest = table[table["silent"]], table[~table["silent"]]
    if quiet.empty:
        return ""
    n, last = int(quiet["open_deals"].sum()), quiet["last_day"].max()
    of, deals = f"{len(quiet):,} of {count(len(table), 'seller')} with open deals", count(n, "open deal")
    if len(rest) and len(rest) <= 2 < len(quiet):
        only = joined([one_line(o) for o in rest["owner_id"]])
        return f"Since {day(last)} only {only} opened or closed a deal: {of} did neither, and hold {deals}."
    who = named([f"{one_line(r.owner_id)} ({r.open_deals:,})" for r in quiet.itertuples()])
    return f"{of} opened and closed none since {day(last)} or longer: {who}, {deals} in all."


def without_one(moved: pd.DataFrame, names: Mapping[str, str] | pd.Series, currency: str) -> list[str]:
    """Say which one group moves each headline; nothing of a headline that none does.

    Parameters
    ----------
    moved : DataFrame of `breakdowns.without_one`
    names : name of each account id
    """
    said, held = [], moved[moved["definition_id"] != "win_rate_by_count"]
    rates = moved[moved["definition_id"] == "win_rate_by_count"]
    parts = [
        f"{'also ' * bool(r.value != rates['value'].iloc[0])}without {_whom(r.group_by, r.group, names)} "
        f"({r.won:,.0f} of {r.n:,} won) {'it' if i else 'the win rate'} is {share(r.without)}"
        for i, r in enumerate(rates.itertuples())
    ]
    if parts:
        said.append(f"W{joined(parts)[1:]}, instead of {share(rates['value'].iloc[0])}.")
    for (way, group), rows in held.groupby(["group_by", "group"], sort=False):
        parts = [
            f"{share(1 - r.without / r.value)} of {HEADLINES[r.definition_id]} "
            f"({short_money(r.value, currency) if r.definition_id != 'deals_opened' else f'{r.value:,.0f}'})"
            for r in rows.itertuples()
        ]
        said.append(f"The {_whom(way, group, names)} holds {joined(parts)}.")
    return said


def _whom(way: str, group: str, names: Mapping[str, str] | pd.Series) -> str:
    """Name a group with what it is."""
    if group == "unknown" and way in ("source", "campaign"):
        return f"the deals that name no {way}"
    return f"{READERS.get(way, way)} {one_line(names.get(group, group) if way == 'account' else group)}"
