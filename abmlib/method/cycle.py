"""In which buying cycle each account buys each line of business: early, mid or full, from evidence a person can read.

Early: few, large and strategic purchases; mid: expensive products in a known market; full: small and frequent orders. What
speaks for which cycle is said by a rule file, ``cycles.yml``, and a person may set an account by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method import orders
from abmlib.method.deals import won_flag
from abmlib.method.measures import measure_row
from abmlib.stats import pooling
from abmlib.tables import programme

CYCLES = ("early", "mid", "full")
ELEMENTS = ("customer_knowledge", "data", "messaging", "tactics", "sales_commitment")
EVIDENCE = {  # what speaks for a cycle, and its unit
    "deal_value": "currency",
    "cycle_days": "days",
    "orders_per_year": "orders a year",
    "buyers": "people",
    "buyer_level": "level",
}
SUITS = ("deal_value", "cycle_days", "buyers", "top_fifth_share", "lines")
IN_DAYS = ("window_days", "horizon_days", "response_hours")  # numbers that differ by cycle
LEVELS = {"individual": 0.0, "manager": 1.0, "director": 2.0, "vp": 3.0, "c_level": 4.0}
ALL = "all"  # line of what names none
YEAR_DAYS = 365.0
LEAST_YEARS = 0.25  # since the first order, for a rate to be told
ALIKE = 10  # accounts of a size band below which all accounts are looked at instead
LEAST_SCATTER = 0.05  # of the days deals take; fewer would be believed of too few deals
BANDS = 4  # of equally many accounts by number of employees


@dataclass(frozen=True)
class Bound:
    """From where on one kind of evidence speaks for early and for mid, and how much it counts beside the others."""

    weight: float
    early: float
    mid: float


@dataclass(frozen=True)
class Rules:
    """The rule file: what speaks for which cycle, what suits the method, and what each cycle asks."""

    evidence: dict[str, Bound]
    suitability: dict[str, float]
    cycles: dict[str, dict[str, Any]]
    cells: dict[str, dict[str, dict[str, Any]]]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Rules":
        """Check what a rule file says.

        Raises
        ------
        ValueError
            If a part is missing or unknown, a number is none or negative, or no evidence has any weight.
        """
        _named("cycles.yml", given, [f.name for f in fields(cls)])
        _named("evidence", given["evidence"], list(EVIDENCE))
        for name, bound in given["evidence"].items():
            _named(f"evidence, {name}", bound, [f.name for f in fields(Bound)])
            _numbers(f"evidence, {name}", bound)
            if bound["early"] == bound["mid"]:
                raise ValueError(
                    f"cycles.yml: evidence, {name}: early and mid are both {bound['mid']}. Set them apart."
                )
        if not sum(bound["weight"] for bound in given["evidence"].values()) > 0:
            raise ValueError("cycles.yml: evidence: every weight is 0. Give at least one kind of evidence some weight.")
        _named("suitability", given["suitability"], list(SUITS))
        _numbers("suitability", given["suitability"])
        _named("cycles", given["cycles"], list(CYCLES))
        for name, of in given["cycles"].items():
            _named(f"cycles, {name}", of, [*IN_DAYS, "hand_over", "measures"])
            _numbers(f"cycles, {name}", {n: of[n] for n in IN_DAYS})
        _named("cells", given["cells"], list(ELEMENTS))
        for element, row in given["cells"].items():
            _named(f"cells, {element}", row, list(CYCLES))
            for name, cell in row.items():
                _named(f"cells, {element}, {name}", cell, ["asks", "target", "next"])
                _numbers(f"cells, {element}, {name}", {"target": cell["target"]}, most=1.0)
        evidence = {name: Bound(**given["evidence"][name]) for name in EVIDENCE}
        return cls(evidence, dict(given["suitability"]), dict(given["cycles"]), dict(given["cells"]))

    def table(self) -> pd.DataFrame:
        """List the evidence as a person reads it: ``evidence, unit, early, mid, full, weight`` (share of all weight)."""
        whole = sum(b.weight for b in self.evidence.values())
        rows = []
        for name, b in self.evidence.items():
            more = b.early > b.mid
            said = (f"{b.early:,g} or more", f"{b.mid:,g} or more", f"below {b.mid:,g}")
            less = (f"{b.early:,g} or fewer", f"up to {b.mid:,g}", f"more than {b.mid:,g}")
            rows.append((name, EVIDENCE[name], *(said if more else less), b.weight / whole))
        return pd.DataFrame(rows, columns=["evidence", "unit", *CYCLES, "weight"])


def _named(place: str, given: Any, wanted: list[str]) -> None:
    """Refuse a part of the rule file that lacks a name or has one too many."""
    names = sorted(given) if isinstance(given, Mapping) else []
    if names != sorted(wanted):
        raise ValueError(
            f"cycles.yml: {place}: missing {sorted(set(wanted) - set(names))}, unknown {sorted(set(names) - set(wanted))}. "
            f"It must have {wanted}."
        )


def _numbers(place: str, given: Mapping[str, Any], most: float = float("inf")) -> None:
    """Refuse what is no number from 0 on."""
    wrong = [
        n for n, v in given.items() if isinstance(v, bool) or not isinstance(v, (int, float)) or not 0 <= v <= most
    ]
    if wrong:
        raise ValueError(f"cycles.yml: {place}: {wrong[0]} is {given[wrong[0]]!r}. Give a number from 0 to {most:g}.")


# -- what is seen -----------------------------------------------------------------------------------------------------


def observed(
    deals: pd.DataFrame,
    links: pd.DataFrame,
    contacts: pd.DataFrame,
    lines: pd.DataFrame,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """List what is seen of each account's buying, line by line. Rows without an account are left out.

    ``deal_value``: the amount of each deal that has one, and each plain order. Where a line is paid for by period and not
    sold by deals, a year of it. ``cycle_days``: days each deal has taken, renewals aside; time passes for open deals too.
    ``orders_per_year``: orders since the first one, and the years since, at least `LEAST_YEARS`. ``buyers`` and ``buyer_level``: of each deal that
    has people. What names no line is of line ``all``.

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
    deals = deals[deals["account_id"].notna()]
    deals = deals.assign(product_line=deals["product_line"].fillna(ALL))
    lines = lines[lines["account_id"].notna()]
    dealt = _dealt(deals, lines)
    parts = [
        _values(deals, lines, dealt).assign(evidence="deal_value"),
        _durations(deals).assign(evidence="cycle_days"),
        _frequencies(deals, lines, dealt, as_of).assign(evidence="orders_per_year"),
        *_people(deals, links, contacts),
    ]
    columns = ["account_id", "product_line", "evidence", "value", "time"]
    every = pd.concat([p.reindex(columns=columns) for p in parts], ignore_index=True)
    return every.astype({"account_id": "str", "product_line": "str", "value": float, "time": float})


def _dealt(deals: pd.DataFrame, lines: pd.DataFrame) -> set[str]:
    """Name the lines bought by deal: won deals make up much of what is sold, or nothing is sold as a plain purchase."""
    won = deals[won_flag(deals)]
    plain = set(lines.loc[orders.plain_purchases(lines), "product_line"])
    return orders.lines_sold_by_deal(lines, won) | (set(won["product_line"]) - plain)


def _values(deals: pd.DataFrame, lines: pd.DataFrame, dealt: set[str]) -> pd.DataFrame:
    """Money in each deal and each order."""
    signed = deals.loc[deals["amount"] > 0, ["account_id", "product_line", "amount"]].rename(
        columns={"amount": "value"}
    )
    bought = lines[orders.plain_purchases(lines) & ~lines["product_line"].isin(dealt)]
    bought = bought.groupby(["account_id", "product_line", "booked_at"], as_index=False)["revenue"].sum()
    paid = lines[
        lines["period_start"].notna() & (lines["revenue"] > 0) & ~lines["product_line"].isin(signed["product_line"])
    ]
    year = paid.assign(year=paid["booked_at"].dt.year)
    year = year.groupby(["account_id", "product_line", "year"], as_index=False)["revenue"].sum()
    return pd.concat([signed, *(x.rename(columns={"revenue": "value"}) for x in (bought, year))], ignore_index=True)


def _durations(deals: pd.DataFrame) -> pd.DataFrame:
    """Days each deal has taken, and whether they are over."""
    aged = deals[(deals["age_days"] >= 0) & (deals["type"] != "renewal")]
    over = aged["is_closed"].astype(bool).astype(float)
    return aged[["account_id", "product_line"]].assign(value=over, time=aged["age_days"].clip(lower=0.5))


def _frequencies(deals: pd.DataFrame, lines: pd.DataFrame, dealt: set[str], as_of: pd.Timestamp) -> pd.DataFrame:
    """Orders after the first one, and the years since it; of accounts that ordered long enough ago to tell."""
    won = deals[won_flag(deals)]
    ordered = orders.order_days(lines, won, dealt)
    by = ordered.groupby(["account_id", "product_line"])["day"].agg(["size", "min"]).reset_index()
    years = ((as_of - by["min"]).dt.days + 1) / YEAR_DAYS
    every = by[["account_id", "product_line"]].assign(value=by["size"] - 1.0, time=years)
    return every[years >= LEAST_YEARS]


def _people(deals: pd.DataFrame, links: pd.DataFrame, contacts: pd.DataFrame) -> list[pd.DataFrame]:
    """Count the people on each deal and take the mean of their levels."""
    on = links[["opportunity_id", "contact_id"]].drop_duplicates()
    level = contacts.set_index("contact_id")["seniority"].map(LEVELS).astype(float)
    on = on.assign(level=on["contact_id"].map(level[~level.index.duplicated()]).astype(float))
    by = on.groupby("opportunity_id").agg(buyers=("contact_id", "size"), buyer_level=("level", "mean")).reset_index()
    by = deals[["opportunity_id", "account_id", "product_line"]].merge(by, on="opportunity_id")
    return [
        by.rename(columns={name: "value"})
        .dropna(subset="value")
        .assign(evidence=name)[["account_id", "product_line", "evidence", "value"]]
        for name in ("buyers", "buyer_level")
    ]


# -- what it speaks for -----------------------------------------------------------------------------------------------


def spoken(seen: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Say how far each kind of evidence speaks for each cycle, for every account and line with anything seen.

    What is usual for an account is pulled towards its line as far as its own observations are few; where it has none of a
    kind, its line speaks for it. The three numbers are the chances that what is usual lies within the bounds of each cycle.
    Evidence of which a line knows nothing has no row.

    Parameters
    ----------
    seen : DataFrame of `observed`

    Returns
    -------
    DataFrame, one row per account, line and kind of evidence, and per line as a whole (``account_id`` missing):
    ``account_id, product_line, evidence, value`` (what is usual; its unit is in `EVIDENCE`), ``n`` (own observations),
    ``early, mid, full`` (sum to 1), ``weight`` (share of all weight)

    References
    ----------
    S2-1, S2-4, S2-6a to S2-6c. House definition; README, glossary entry "cycle".
    """
    whole = sum(b.weight for b in rules.evidence.values())
    parts = []
    for line, of in seen.groupby("product_line", sort=True):
        units = pd.Index(of["account_id"].unique(), dtype="str").sort_values().append(pd.Index([""], dtype="str"))
        for name, bound in rules.evidence.items():
            mine = of[of["evidence"] == name]
            if mine.empty or bound.weight == 0:
                continue
            value, n, below = _usual(name, mine, units)
            low, high = (below(min(bound.early, bound.mid)), below(max(bound.early, bound.mid)))
            less, more = low, 1 - high
            early, full = (more, less) if bound.early > bound.mid else (less, more)
            part = pd.DataFrame(
                {
                    "value": value,
                    "n": n.astype(int),
                    "early": early,
                    "mid": (1 - early - full).clip(lower=0),
                    "full": full,
                },
                index=units,
            )
            parts.append(part.assign(product_line=line, evidence=name, weight=bound.weight / whole))
    columns = ["account_id", "product_line", "evidence", "value", "n", *CYCLES, "weight"]
    if not parts:
        return pd.DataFrame(columns=columns)
    every = pd.concat(parts).rename_axis("account_id").reset_index().dropna(subset="early")
    return every.assign(account_id=every["account_id"].replace("", pd.NA))[columns].reset_index(drop=True)


def _usual(name: str, mine: pd.DataFrame, units: pd.Index) -> tuple[pd.Series, pd.Series, Any]:
    """What is usual for each unit, its own observations, and the chance that it lies below a bound."""
    if name in ("cycle_days", "orders_per_year"):
        by = mine.groupby("account_id")[["value", "time"]].sum()
        over = mine.loc[mine["value"] > 0, "time"]  # of deals that are over: their days
        scatter = over.var() / over.mean() ** 2 if name == "cycle_days" and len(over) > 1 else 1.0
        found = pooling.counts(by["value"], by["time"], units, float(np.clip(scatter, LEAST_SCATTER, 1)))
        rate = found["shape"] / found["rate"]
        if name == "orders_per_year":
            return rate, found["n"], lambda bound: pooling.rate_below(found, bound)
        return 1 / rate, found["n"], lambda bound: 1 - pooling.rate_below(found, 1 / bound if bound else np.inf)
    worth = np.log(mine["value"]) if name == "deal_value" else mine["value"]
    found = pooling.means(worth, mine["account_id"], units)
    if name == "deal_value":
        return (
            np.exp(found["mean"]),
            found["n"],
            lambda bound: pooling.mean_below(found, np.log(bound) if bound else -np.inf),
        )
    return found["mean"], found["n"], lambda bound: pooling.mean_below(found, bound)


def placed(said: pd.DataFrame) -> pd.DataFrame:
    """Place each account and line in the cycle that the weight of the evidence speaks for most.

    ``confidence`` is the share of all weight that speaks for it: evidence that is missing speaks for none, so that a placing
    on little evidence is never a sure one. Between cycles that are level, the earlier one holds.

    Parameters
    ----------
    said : DataFrame of `spoken`

    Returns
    -------
    DataFrame, one row per account and line, and per line as a whole (``account_id`` missing): ``account_id, product_line,
    cycle, confidence``, ``known`` (share of all weight there is evidence for), ``against`` (evidence that speaks most for
    another cycle), ``missing`` (evidence there is none of), ``basis`` (``own``, or ``line`` where nothing of it is the
    account's own)
    """
    keys = ["account_id", "product_line"]
    votes = said.assign(**{c: said[c] * said["weight"] for c in CYCLES})
    by = votes.groupby(keys, dropna=False, sort=True)
    sums = by[[*CYCLES, "weight"]].sum()
    best = sums[list(CYCLES)].to_numpy()
    cycle = pd.Series(np.array(CYCLES, dtype=object)[best.argmax(axis=1)], sums.index, dtype="str")
    out = pd.DataFrame({"cycle": cycle, "confidence": best.max(axis=1) if len(best) else 0.0, "known": sums["weight"]})
    out["basis"] = np.where(by["n"].sum() > 0, "own", "line")
    top = pd.Series(np.array(CYCLES, dtype=object)[said[list(CYCLES)].to_numpy(float).argmax(axis=1)], said.index)
    at = pd.MultiIndex.from_frame(said[keys])
    other = said[top.to_numpy() != cycle.reindex(at).to_numpy()]
    out["against"] = other.groupby(keys, dropna=False)["evidence"].agg(", ".join).reindex(out.index).fillna("")
    there = said.groupby(keys, dropna=False)["evidence"].agg(set)
    out["missing"] = [", ".join(e for e in EVIDENCE if e not in of) for of in there.reindex(out.index)]
    return out.reset_index()[[*keys, "cycle", "confidence", "known", "against", "missing", "basis"]]


def look_alike(own: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Place accounts of which no buying is seen as most accounts of their size are placed, on line ``all``.

    Size: one of `BANDS` bands of employees with equally many accounts; a band with fewer than `ALIKE` placed accounts, and
    accounts whose size nobody knows, look at all accounts. Each placed account counts once, shared among its lines. Where
    none is placed there is nothing to go by, and no row.

    Parameters
    ----------
    own : DataFrame of `placed`, accounts only
    accounts : ``tables.schema.ACCOUNTS``

    Returns
    -------
    DataFrame of the columns of `placed`, one row per account without a row in `own`; ``confidence`` is the share of
    look-alikes in the cycle, ``basis`` is ``look-alike``
    """
    ids = accounts["account_id"]
    others = accounts.loc[~ids.isin(own["account_id"]), "account_id"]
    if own.empty or others.empty:
        return own.iloc[:0]
    size = accounts.set_index("account_id")["employees"].astype(float)
    band = pd.qcut(size, BANDS, labels=False, duplicates="drop") if size.nunique() > 1 else size * np.nan
    part = 1 / own.groupby("account_id")["cycle"].transform("size")
    table = pd.crosstab(own["account_id"].map(band), own["cycle"], values=part, aggfunc="sum").reindex(columns=CYCLES)
    every = part.groupby(own["cycle"]).sum().reindex(CYCLES).fillna(0)
    table = table.fillna(0)
    table = table[table.sum(axis=1) >= ALIKE]
    votes = table.reindex(band.reindex(others)).to_numpy()
    votes = np.where(np.isnan(votes).any(axis=1)[:, None], every.to_numpy(), votes)
    return pd.DataFrame(
        {
            "account_id": others.to_numpy(), "product_line": ALL,
            "cycle": np.array(CYCLES, dtype=object)[votes.argmax(axis=1)], "confidence": votes.max(axis=1) / votes.sum(axis=1),
            "known": 0.0, "against": "", "missing": ", ".join(EVIDENCE), "basis": "look-alike",
        }
    )  # fmt: skip


def overridden(rows: pd.DataFrame, overrides: pd.DataFrame) -> pd.DataFrame:
    """Let what people set by hand stand before the rule. No row is dropped, and none is made.

    Of several entries for an account and line the last holds; one for line ``all`` holds for every line that has none of
    its own.

    Parameters
    ----------
    rows : DataFrame of `placed` and `look_alike`
    overrides : ``tables.schema.CYCLE_OVERRIDES``

    Returns
    -------
    DataFrame, as `rows`, with ``rule_cycle`` (what the rule says), ``set_by`` (``rule`` or ``override``) and ``reason`` (of
    the person; empty for the rule). ``confidence`` is missing where a person set the cycle.
    """
    last = programme.latest_entries("cycle_overrides", overrides)
    own = last.set_index(["account_id", "product_line"])[["cycle", "reason"]]
    at = pd.MultiIndex.from_frame(rows[["account_id", "product_line"]])
    wide = last[last["product_line"] == ALL].set_index("account_id")[["cycle", "reason"]]
    found = {
        c: pd.Series(own[c].reindex(at).to_numpy(), rows.index).fillna(rows["account_id"].map(wide[c])) for c in own
    }
    hand = found["cycle"].notna()
    return rows.assign(
        rule_cycle=rows["cycle"], cycle=found["cycle"].fillna(rows["cycle"]).astype("str"),
        confidence=rows["confidence"].mask(hand), set_by=np.where(hand, "override", "rule"), reason=found["reason"].fillna(""),
    )  # fmt: skip


def main_line(rows: pd.DataFrame, money: pd.Series) -> pd.DataFrame:
    """Keep of each account the line with most money: the cycle it is spoken of in, where it has one word only.

    Parameters
    ----------
    rows : DataFrame with ``account_id, product_line, cycle``
    money : Series by account and line; missing counts as nothing; level lines are taken by name
    """
    ranked = largest_first(rows, money).drop_duplicates("account_id")
    return ranked.sort_values("account_id", ignore_index=True)


def money_by_line(deals: pd.DataFrame, lines: pd.DataFrame) -> pd.Series:
    """Money of each account and line: revenue where there is any in the line, else the amounts of all deals."""
    billed = lines.groupby(["account_id", "product_line"])["revenue"].sum()
    asked = deals.assign(product_line=deals["product_line"].fillna(ALL))
    asked = asked.groupby(["account_id", "product_line"])["amount"].sum()
    return billed.where(billed > 0).combine_first(asked).rename("money")


# -- what a reader sees -----------------------------------------------------------------------------------------------


def evidence(said: pd.DataFrame) -> pd.DataFrame:
    """Give `spoken` of the accounts as the table ``01_evidence``."""
    own = said[said["account_id"].notna()]
    columns = ["account_id", "product_line", "evidence", "value", "unit", "n", *CYCLES, "weight"]
    return own.assign(unit=own["evidence"].map(EVIDENCE).astype("str"))[columns].reset_index(drop=True)


def side_by_side(rows: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    """Put the evidence beside each placing, a column a kind; missing where there is none. No row is dropped.

    Parameters
    ----------
    rows : DataFrame with ``account_id, product_line``; `placed` gives lines as a whole too, with ``account_id`` missing
    said : DataFrame of `spoken`
    """
    keys = ["account_id", "product_line"]
    key = said["account_id"].fillna(""), said["product_line"], said["evidence"]
    wide = said["value"].astype(float).groupby(list(key)).first().unstack().reindex(columns=list(EVIDENCE))
    at = pd.MultiIndex.from_arrays([rows["account_id"].fillna(""), rows["product_line"]], names=keys)
    return pd.concat([rows, wide.reindex(at).set_axis(rows.index)], axis=1)


def dissent(rows: pd.DataFrame) -> pd.DataFrame:
    """Count, by line, the placings that each kind of evidence speaks against.

    Parameters
    ----------
    rows : DataFrame of `placed`, accounts only

    Returns
    -------
    DataFrame, one row per line: ``product_line, accounts``, and a count for each kind of evidence
    """
    by = rows.groupby("product_line")
    out = pd.DataFrame({"accounts": by.size()})
    for name in EVIDENCE:
        out[name] = (
            rows["against"].str.split(", ").map(lambda of, name=name: name in of).groupby(rows["product_line"]).sum()
        )
    return out.reset_index()


def cycle_rows(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Measure how accounts and lines spread over the cycles, and how sure the rule is of those with business.

    Parameters
    ----------
    rows : DataFrame of `overridden`
    """
    own = rows[rows["basis"] == "own"]
    sure = own["confidence"].dropna()
    n = len(own)
    parts = [measure_row("S2-1", "placings_of_accounts_and_lines", float((own["cycle"] == c).sum()), "placings", n,
                         group_by="cycle", group=c) for c in CYCLES]  # fmt: skip
    return [
        *parts,
        measure_row("S2-1", "confidence_of_placing_median", float(sure.median()), "share", len(sure)),
        measure_row("S2-1", "placings_set_by_hand", float((rows["set_by"] == "override").sum()), "placings", len(rows)),
    ]


def largest_first(rows: pd.DataFrame, money: pd.Series) -> pd.DataFrame:
    """Order placings by the money of their account and line, most first; level ones by account and line."""
    at = pd.MultiIndex.from_frame(rows[["account_id", "product_line"]])
    ranked = rows.assign(_money=money.reindex(at).fillna(0).to_numpy())
    ranked = ranked.sort_values(["_money", "account_id", "product_line"], ascending=[False, True, True])
    return ranked.drop(columns="_money").reset_index(drop=True)


def result(rows: pd.DataFrame) -> pd.DataFrame:
    """Give `overridden` as the table ``01_cycles``."""
    return rows[["account_id", "product_line", "cycle", "confidence", "set_by"]].reset_index(drop=True)
