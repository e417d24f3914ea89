"""In which buying cycle each account buys each line of business: early, mid or full, from evidence a person can read.

Early: few, large and strategic purchases; mid: expensive products in a known market; full: small and frequent orders. A
rule file, ``cycles.yml``, says which evidence points to which cycle, and a person may set an account by hand.
"""

from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.method import orders
from abmlib.method.cycle_rules import CYCLES, EVIDENCE, Rules
from abmlib.method.deals import won_flag
from abmlib.method.measures import measure_row, measure_rows
from abmlib.tables import programme

LEVELS = {"individual": 0.0, "manager": 1.0, "director": 2.0, "vp": 3.0, "c_level": 4.0}
KEYS = ["account_id", "product_line"]
ALL = "all"  # line of rows that name none
YEAR_DAYS = 365.0
LEAST_YEARS = 0.25  # since the first order; less is too short for a rate
ALIKE = 10  # accounts of a size band; with fewer, all accounts stand for it
LEAST_SCATTER = 0.05  # of the days that deals take; less would trust too few deals too much
LEAST_SPREAD = 0.02  # variance; less would trust too few accounts too much
LEAST_CHANCE = 1e-4  # no one kind of evidence rules out a cycle
ELSEWHERE = 0.05  # chance, before its own evidence, that an account buys a line in another cycle than the line's
LOGGED, RATES = ("deal_value", "cycle_days", "orders_per_year", "buyers"), ("cycle_days", "orders_per_year")
TINY = 1e-12  # stands for 0 where a logarithm is taken
MAD_TO_SD = 1.4826  # of a normal distribution
BANDS = 4  # of equally many accounts by number of employees


# -- what is seen -----------------------------------------------------------------------------------------------------


def buying_evidence(
    deals: pd.DataFrame,
    links: pd.DataFrame,
    contacts: pd.DataFrame,
    lines: pd.DataFrame,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """List what is seen of each account's buying, line by line. Rows without an account are left out.

    ``deal_value``: the amount of each deal that has one, and each plain order. Where a line is paid for by period and not
    sold by deals, a year of it. ``cycle_days``: days each deal has taken, renewals aside; open deals count with their days
    so far. ``orders_per_year``: orders since the first one, and the years since, at least `LEAST_YEARS`. ``buyers`` and
    ``buyer_level``: of each deal that has people. Rows that name no line are of line ``all``.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    links, contacts : ``tables.schema.OPPORTUNITY_CONTACTS``, ``CONTACTS``; may be empty
    lines : DataFrame of `orders.with_product_line`

    Returns
    -------
    DataFrame, one row per observation: ``account_id, product_line, evidence, value``, ``time`` (days or years watched;
    missing where it is no rate)

    References
    ----------
    S2-4, S2-6; metric dictionary C-5 (open deals are censored). House definition; README, glossary entry "cycle".
    """
    deals = deals[deals["account_id"].notna()].fillna({"product_line": ALL})
    lines = lines[lines["account_id"].notna()]
    won, plain = deals[won_flag(deals)], orders.plain_purchases(lines)
    sold_plainly = set(lines.loc[plain, "product_line"])
    sold_by_deal = orders.lines_sold_by_deal(lines, won) | (set(won["product_line"]) - sold_plainly)
    parts = [
        _values(deals, lines, plain & ~lines["product_line"].isin(sold_by_deal)).assign(evidence="deal_value"),
        _durations(deals).assign(evidence="cycle_days"),
        _frequencies(orders.order_days(lines, won, sold_by_deal), as_of).assign(evidence="orders_per_year"),
        _people(deals, links, contacts),
    ]
    every = pd.concat([p.reindex(columns=[*KEYS, "evidence", "value", "time"]) for p in parts], ignore_index=True)
    return every.astype({"account_id": "str", "product_line": "str", "value": float, "time": float})


def _values(deals: pd.DataFrame, lines: pd.DataFrame, plain: pd.Series) -> pd.DataFrame:
    """Money of each deal, each plain order and each year of what is paid for by period."""
    signed = deals.loc[deals["amount"] > 0, [*KEYS, "amount"]].set_axis([*KEYS, "value"], axis=1)
    paid = lines["period_start"].notna() & (lines["revenue"] > 0) & ~lines["product_line"].isin(signed["product_line"])
    days = lines["booked_at"]
    ordered = lines[plain].groupby([*KEYS, days[plain]])["revenue"].sum().rename("value").reset_index()
    yearly = lines[paid].groupby([*KEYS, days[paid].dt.year])["revenue"].sum().rename("value").reset_index()
    return pd.concat([signed, ordered, yearly], ignore_index=True)


def _durations(deals: pd.DataFrame) -> pd.DataFrame:
    """Days each deal has taken, and whether it is closed."""
    aged = deals[(deals["age_days"] >= 0) & (deals["type"] != "renewal")]
    return aged[KEYS].assign(value=aged["is_closed"].astype(float), time=aged["age_days"].clip(lower=0.5))


def _frequencies(ordered: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Orders after the first one, and the years since it; of accounts that first ordered long enough ago."""
    by = ordered.groupby(KEYS)["day"].agg(["size", "min"]).reset_index()
    years = ((as_of - by["min"]).dt.days + 1) / YEAR_DAYS
    return by[KEYS].assign(value=by["size"] - 1.0, time=years)[years >= LEAST_YEARS]


def _people(deals: pd.DataFrame, links: pd.DataFrame, contacts: pd.DataFrame) -> pd.DataFrame:
    """People on each deal, and the mean of their levels; how many is not known where no deal names a second person."""
    level = contacts.drop_duplicates("contact_id").set_index("contact_id")["seniority"].map(LEVELS).astype(float)
    on = links[["opportunity_id", "contact_id"]].drop_duplicates()
    on = on.assign(level=on["contact_id"].map(level).astype(float)).groupby("opportunity_id")
    people = on.agg(buyers=("contact_id", "size"), buyer_level=("level", "mean"))
    if (people["buyers"] <= 1).all():  # the source has one place for a contact
        people["buyers"] = np.nan
    by = deals[["opportunity_id", *KEYS]].join(people, on="opportunity_id", how="inner")
    return by.melt(KEYS, ["buyers", "buyer_level"], "evidence").dropna(subset="value")


# -- what it points to ------------------------------------------------------------------------------------------------


def typical_values(seen: pd.DataFrame) -> pd.DataFrame:
    """What is typical of each account and line, for each kind of evidence, on a scale where steps compare.

    Money, days and rates are on the scale of their logarithm. An account whose deals are all open, or that has not ordered
    again, counts as half an event.

    Parameters
    ----------
    seen : DataFrame of `buying_evidence`

    Returns
    -------
    DataFrame, one row per account, line and kind of evidence: ``account_id, product_line, evidence``, ``value`` (its unit is
    in `EVIDENCE`), ``n`` (observations; of days the closed deals, of orders those after the first), ``x`` (value on that
    scale), ``noise`` (variance of ``x`` by chance), ``spread`` (variance of ``x`` between accounts of a line, the same in
    all lines)

    References
    ----------
    Variance between accounts: Bühlmann and Gisler (2005), A Course in Credibility Theory, chapter 4, with the median absolute
    deviation in place of the variance (Rousseeuw and Croux (1993), JASA 88, p. 1273), which few odd accounts do not move.
    """
    columns = [*KEYS, "evidence", "value", "n", "x", "noise", "spread"]
    parts = [_typical(str(name), rows) for name, rows in seen.groupby("evidence")]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _typical(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `typical_values` of one kind of evidence."""
    by = rows.groupby(KEYS)
    if name in RATES:
        sums = by[["value", "time"]].sum()
        events = sums["value"].clip(lower=0.5)
        value = events / sums["time"] if name == "orders_per_year" else sums["time"] / events
        closed = rows.loc[rows["value"] > 0].groupby("product_line")["time"]
        scatter = (closed.var() / closed.mean() ** 2).clip(LEAST_SCATTER, 1).mean() if name == "cycle_days" else 1.0
        x, noise, n = np.log(value), (1.0 if np.isnan(scatter) else scatter) / events, sums["value"]
    else:
        scaled = _scaled(name, rows["value"]).groupby([rows[k] for k in KEYS])
        x, n, spare = scaled.mean(), scaled.size(), len(rows) - by.ngroups
        within = float((scaled.var(ddof=0) * n).sum()) / spare if spare else float(x.var()) / 2
        value, noise = np.exp(x) if name in LOGGED else x, max(np.nan_to_num(within), LEAST_SPREAD) / n
    apart = (x - x.groupby("product_line").transform("median")).abs().groupby("product_line").median()
    spread = max((MAD_TO_SD * apart.mean()) ** 2 - float(noise.median()), LEAST_SPREAD)
    out = pd.DataFrame({"value": value, "n": n.astype(int), "x": x, "noise": noise}).reset_index()
    return out.assign(evidence=name, spread=spread)


def _scaled(name: str, value: Any) -> Any:
    """A value, or values, on the scale of `typical_values`; no money, time or rate at all lies below all others."""
    return np.log(np.maximum(value, TINY)) if name in LOGGED else value


def score_evidence(seen: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Chances that each kind of evidence points to each cycle, for every account and line with anything seen.

    The three numbers are the chances that an account that buys like this one lies within the bounds of each cycle: the fewer
    its own observations, and the more accounts of a line differ, the more even they are.

    Parameters
    ----------
    seen : DataFrame of `buying_evidence`

    Returns
    -------
    DataFrame, one row per account, line and kind of evidence it has, and per line as a whole (``account_id`` missing, the
    median account): ``account_id, product_line, evidence, value`` (what is typical; its unit is in `EVIDENCE`), ``n`` (own
    observations; of a line its accounts), ``early, mid, full`` (sum to 1), ``weight`` (share of all weight)

    References
    ----------
    S2-1, S2-4, S2-6a to S2-6c. House definition; README, glossary entry "cycle".
    """
    typical = typical_values(seen)
    by = typical.assign(noise=typical["noise"] + typical["spread"]).groupby(["product_line", "evidence"])
    lines = by[["value", "x", "noise", "spread"]].median().assign(n=by.size()).reset_index()
    lines = lines.assign(account_id=pd.NA, noise=lines["noise"] / lines["n"], spread=0.0)
    every = pd.concat([typical, lines], ignore_index=True) if len(lines) else typical
    bounds = every["evidence"].map(rules.evidence)
    sign = np.array([1.0 if b.early > b.mid else -1.0 for b in bounds])
    early, mid = (
        np.array([_scaled(name, getattr(b, end)) for name, b in zip(every["evidence"], bounds, strict=True)])
        for end in ("early", "mid")
    )
    sd = np.sqrt((every["noise"] + every["spread"]).to_numpy(float))
    x = every["x"].to_numpy(float)
    points_early, points_full = (scipy.special.ndtr(z / sd) for z in (sign * (x - early), sign * (mid - x)))
    total = sum(bound.weight for bound in rules.evidence.values())
    scored = every.assign(early=points_early, full=points_full, weight=[b.weight / total for b in bounds])
    scored = scored.assign(mid=(1 - scored["early"] - scored["full"]).clip(lower=0))
    scored = scored.assign(order=scored["evidence"].map(list(EVIDENCE).index), line=scored["account_id"].isna())
    scored = scored.sort_values(["product_line", "order", "line", "account_id"], kind="stable", ignore_index=True)
    return scored[[*KEYS, "evidence", "value", "n", *CYCLES, "weight"]]


def assign_cycles(scored: pd.DataFrame) -> pd.DataFrame:
    """Cycle of each account and line: that of its line, unless its own evidence clearly points to another.

    Beforehand an account buys a line in the line's own cycle but for a chance of `ELSEWHERE`. Each kind of evidence changes
    that by the chances of `score_evidence`, the one of most weight in full, others by their weight beside it. Between equal
    cycles the earlier one holds. ``evidence_share`` is the share of all weight that points to the cycle. It is no probability: missing
    evidence points to none.

    Parameters
    ----------
    scored : DataFrame of `score_evidence`

    Returns
    -------
    DataFrame, one row per account and line, and per line as a whole (``account_id`` missing): ``account_id, product_line,
    cycle, evidence_share``, ``known`` (share of all weight there is evidence for), ``against`` (evidence that points most to
    another cycle), ``missing`` (evidence there is none of), ``basis`` (``own``, or ``line`` where no deal or order of it is
    over)

    References
    ----------
    Logarithmic pool of opinions, Genest and Zidek (1986), Statistical Science 1, p. 114.
    House definition; README, glossary entry "cycle".
    """
    chances = scored[list(CYCLES)].astype(float)
    keys = [scored["account_id"].fillna(""), scored["product_line"]]
    power = scored["weight"] / scored["weight"].max()
    pooled = np.log(chances.clip(lower=LEAST_CHANCE)).mul(power, axis=0).groupby(keys).sum()
    of_line = _shares(pooled[pooled.index.get_level_values(0) == ""].droplevel(0))
    before = (1 - ELSEWHERE) * of_line + ELSEWHERE * (1 - of_line) / (len(CYCLES) - 1)
    before = before.reindex(pooled.index.get_level_values(1)).set_axis(pooled.index)
    cycle = _largest(pooled + np.log(before))
    at = pd.MultiIndex.from_arrays(keys)
    rows = scored.assign(cycle=cycle.reindex(at).to_numpy())
    points = chances.to_numpy()[np.arange(len(rows)), [CYCLES.index(c) for c in rows["cycle"]]]
    by = rows.assign(evidence_share=points * scored["weight"]).groupby(keys)
    out = by.agg(evidence_share=("evidence_share", "sum"), known=("weight", "sum"), n=("n", "sum"))
    out.insert(0, "cycle", cycle)
    other = (_largest(chances) != rows["cycle"]) & (rows["weight"] > 0)
    out["against"] = rows["evidence"][other].groupby([k[other] for k in keys]).agg(", ".join)
    out["against"] = out["against"].fillna("")
    out["missing"] = [", ".join(e for e in EVIDENCE if e not in there) for there in by["evidence"].agg(set)]
    out["basis"] = np.where(out["n"] > 0, "own", "line")
    out = out.drop(columns="n").astype({"cycle": "str"}).reset_index()
    return out.assign(account_id=out["account_id"].replace("", pd.NA))


def _shares(logs: pd.DataFrame) -> pd.DataFrame:
    """Logarithms of parts as shares of their row's whole."""
    parts = np.exp(logs.sub(logs.max(axis=1), axis=0))
    return parts.div(parts.sum(axis=1), axis=0)


def _largest(chances: pd.DataFrame) -> pd.Series:
    """The cycle with the largest number of each row, the earlier one of equal ones."""
    return pd.Series(np.array(CYCLES)[chances.to_numpy(float).argmax(axis=1)], chances.index, dtype="str")


def look_alikes(assigned: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Cycle of each account without any buying seen: that of most accounts of its size, on line ``all``.

    Size: one of `BANDS` bands of employees with equally many accounts; for a band with fewer than `ALIKE` assigned accounts,
    and for accounts of unknown size, all accounts count. Each assigned account counts once, shared among its lines. Where
    none is assigned, there is no row.

    Parameters
    ----------
    assigned : DataFrame of `assign_cycles`, accounts only
    accounts : ``tables.schema.ACCOUNTS``

    Returns
    -------
    DataFrame of the columns of `assign_cycles`, one row per account without a row in `assigned`; ``evidence_share`` is the share
    of look-alikes in the cycle, ``basis`` is ``look-alike``
    """
    others = accounts.loc[~accounts["account_id"].isin(assigned["account_id"]), "account_id"]
    if assigned.empty or others.empty:
        return assigned.iloc[:0]
    size = accounts.set_index("account_id")["employees"].astype(float)
    band = pd.qcut(size, BANDS, labels=False, duplicates="drop") if size.nunique() > 1 else size * np.nan
    part = 1 / assigned.groupby("account_id")["cycle"].transform("size")
    every = part.groupby(assigned["cycle"]).sum().reindex(CYCLES).fillna(0)
    by = [assigned["account_id"].map(band), assigned["cycle"]]
    in_band = part.groupby(by).sum().unstack().reindex(columns=CYCLES)
    enough = in_band.fillna(0)[in_band.sum(axis=1) >= ALIKE]
    votes = enough.reindex(band.reindex(others)).fillna(every).set_axis(others.index)
    share = votes.max(axis=1) / votes.sum(axis=1)
    out = pd.DataFrame({"account_id": others, "product_line": ALL, "cycle": _largest(votes), "evidence_share": share})
    out = out.assign(known=0.0, against="", missing=", ".join(EVIDENCE), basis="look-alike")
    return out.reset_index(drop=True)


def with_overrides(rows: pd.DataFrame, overrides: pd.DataFrame) -> pd.DataFrame:
    """Replace the rule's cycle where people set it by hand.

    Of several entries for an account and line the last holds; one for line ``all`` holds for every line that has none of
    its own. An entry for a line in which the account has no row makes one, and takes the place of its row as a look-alike.
    Entries for other accounts than those of `rows` make none.

    Parameters
    ----------
    rows : DataFrame of `assign_cycles` and `look_alikes`
    overrides : ``tables.schema.CYCLE_OVERRIDES``

    Returns
    -------
    DataFrame, as `rows`, with ``rule_cycle`` (what the rule says; empty where it says nothing of the line), ``set_by``
    (``rule`` or ``override``) and ``reason`` (of the person; empty for the rule). ``evidence_share`` is missing where a person
    set the cycle.
    """
    last = programme.latest_entries("cycle_overrides", overrides)[[*KEYS, "cycle", "reason"]]
    new = last[last["account_id"].isin(rows["account_id"]) & (last["product_line"] != ALL)].merge(
        rows[KEYS], "left", indicator=True
    )
    new = new.loc[new["_merge"] == "left_only", KEYS].assign(
        cycle="", known=0.0, against="", missing=", ".join(EVIDENCE), basis="person"
    )
    told = rows["account_id"].isin(new["account_id"]) & (rows["product_line"] == ALL)
    rows = pd.concat([rows[~told], new.reindex(columns=rows.columns)], ignore_index=True)
    exact = rows[KEYS].merge(last, how="left", on=KEYS).set_axis(rows.index)
    of_all_lines = last[last["product_line"] == ALL].drop(columns="product_line")
    whole = rows[["account_id"]].merge(of_all_lines, how="left", on="account_id").set_axis(rows.index)
    by_hand = exact.fillna(whole)
    is_set = by_hand["cycle"].notna()
    return rows.assign(
        rule_cycle=rows["cycle"], cycle=by_hand["cycle"].fillna(rows["cycle"]).astype("str"),
        evidence_share=rows["evidence_share"].mask(is_set), set_by=np.where(is_set, "override", "rule"),
        reason=by_hand["reason"].fillna(""),
    )  # fmt: skip


def main_line(rows: pd.DataFrame, money: pd.Series) -> pd.DataFrame:
    """Keep of each account the line with most money: its cycle stands for the account.

    Parameters
    ----------
    rows : DataFrame with ``account_id, product_line, cycle``
    money : Series by account and line; missing counts as nothing; equal lines are taken by name
    """
    ranked = largest_first(rows, money).drop_duplicates("account_id")
    return ranked.sort_values("account_id", ignore_index=True)


def money_by_line(deals: pd.DataFrame, lines: pd.DataFrame) -> pd.Series:
    """Money of each account and line: revenue where there is any in the line, else the amounts of all deals."""
    billed = lines.groupby(KEYS)["revenue"].sum()
    offered = deals.fillna({"product_line": ALL}).groupby(KEYS)["amount"].sum()
    return billed.where(billed > 0).combine_first(offered).rename("money")


# -- what a reader sees -----------------------------------------------------------------------------------------------


def evidence_table(scored: pd.DataFrame) -> pd.DataFrame:
    """Scores of the accounts' evidence, as the table ``01_evidence``."""
    columns = [*KEYS, "evidence", "value", "unit", "n", *CYCLES, "weight"]
    rows = scored[scored["account_id"].notna()].reset_index(drop=True)
    return rows.assign(unit=rows["evidence"].map(EVIDENCE).astype("str"))[columns]


def with_evidence(rows: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Add a column for each kind of evidence; missing where there is none. No row is dropped.

    Parameters
    ----------
    rows : DataFrame with ``account_id, product_line``; `assign_cycles` gives lines as a whole too, with ``account_id``
        missing
    scored : DataFrame of `score_evidence`
    """
    named = scored.fillna({"account_id": ""})
    wide = named["value"].astype(float).groupby([named[k] for k in (*KEYS, "evidence")]).first().unstack()
    at = pd.MultiIndex.from_frame(rows[KEYS].fillna({"account_id": ""}))
    return pd.concat([rows, wide.reindex(index=at, columns=list(EVIDENCE)).set_axis(rows.index)], axis=1)


def contrary_evidence(assigned: pd.DataFrame) -> pd.DataFrame:
    """Count, by line, the assignments that each kind of evidence contradicts.

    Parameters
    ----------
    assigned : DataFrame of `assign_cycles`, accounts only

    Returns
    -------
    DataFrame, one row per line: ``product_line, accounts``, and a count for each kind of evidence
    """
    against = assigned["against"].str.get_dummies(", ").reindex(columns=list(EVIDENCE), fill_value=0)
    against.insert(0, "accounts", 1)
    return against.groupby(assigned["product_line"]).sum().reset_index()


def cycle_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: accounts and lines by cycle, and the median share of evidence for them.

    Parameters
    ----------
    rows : DataFrame of `with_overrides`
    """
    business = rows[rows["basis"] == "own"]
    share, by_hand = business["evidence_share"].dropna(), rows["set_by"] == "override"
    counts = business["cycle"].value_counts().reindex(CYCLES, fill_value=0).astype(float)
    where = {"n": len(business), "group_by": "cycle", "group": counts.index}
    spread = measure_rows("S2-1", "placings_of_accounts_and_lines", counts, "placings", **where)
    sure = measure_row("S2-1", "evidence_share_median", float(share.median()), "share", len(share))
    hand = measure_row("S2-1", "placings_set_by_hand", float(by_hand.sum()), "placings", len(rows))
    return pd.concat([spread, pd.DataFrame([sure, hand]).assign(group_by="all", group="all")], ignore_index=True)


def largest_first(rows: pd.DataFrame, money: pd.Series) -> pd.DataFrame:
    """Sort rows by the money of their account and line, most first; equal ones by account and line."""
    amount = money.reindex(pd.MultiIndex.from_frame(rows[KEYS])).fillna(0).to_numpy()
    order = rows[KEYS].assign(money=-amount).sort_values(["money", *KEYS])
    return rows.loc[order.index].reset_index(drop=True)


def cycles_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Cycles of accounts and lines, as the table ``01_cycles``; its ``confidence`` is the evidence share."""
    named = rows.rename(columns={"evidence_share": "confidence"})
    return named[[*KEYS, "cycle", "confidence", "set_by"]].reset_index(drop=True)
