"""In which buying cycle each account buys each line of business: early, mid or full, from evidence a person can read.

Early: few, large and strategic purchases; mid: expensive products in a known market; full: small and frequent orders. A
rule file, ``cycles.yml``, says which evidence points to which cycle, and a person may set an account by hand.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from abmlib.method import orders
from abmlib.method.deals import won_flag
from abmlib.method.measures import measure_row, measure_rows
from abmlib.stats import pooling
from abmlib.tables import programme
from abmlib.tables.days import MOST_DAYS
from abmlib.tables.errors import FIRST, from_pydantic, shown
from abmlib.tables.settings import each_once

CYCLES = ("early", "mid", "full")
ELEMENTS = ("customer_knowledge", "data", "messaging", "tactics", "sales_commitment")
EVIDENCE = {  # kinds of evidence for a cycle, and their units
    "deal_value": "currency",
    "cycle_days": "days",
    "orders_per_year": "orders a year",
    "buyers": "people",
    "buyer_level": "level",
}
SUITS = ("deal_value", "cycle_days", "buyers", "top_fifth_share", "lines")
LEVELS = {"individual": 0.0, "manager": 1.0, "director": 2.0, "vp": 3.0, "c_level": 4.0}
KEYS = ["account_id", "product_line"]
ALL = "all"  # line of rows that name none
YEAR_DAYS = 365.0
LEAST_YEARS = 0.25  # since the first order; less is too short for a rate
ALIKE = 10  # accounts of a size band; with fewer, all accounts stand for it
LEAST_SCATTER = 0.05  # of the days that deals take; less would trust too few deals too much
BANDS = 4  # of equally many accounts by number of employees
MORE_IS_EARLY = ("{:,g} or more", "{:,g} or more", "below {:,g}")  # the bounds of early, mid and full in words
FEWER_IS_EARLY = ("{:,g} or fewer", "up to {:,g}", "more than {:,g}")


# -- the rule file ----------------------------------------------------------------------------------------------------


def _in_order(given: Any, names: Iterable[str]) -> Any:
    """Put the names of a part of the rule file in order; refuse a part that lacks a name or has one too many."""
    if not isinstance(given, Mapping):
        return given
    names = list(names)
    differ = {
        "lacks": [n for n in names if n not in given],
        "has unknown": [shown(n) for n in given if n not in names][:FIRST],
    }
    if any(differ.values()):
        wrong = " and ".join(f"{verb} {those}" for verb, those in differ.items() if those)
        raise ValueError(f"{wrong}. It must have {names}.")
    return {name: given[name] for name in names}


def _each_of(names: Iterable[str]) -> BeforeValidator:
    return BeforeValidator(lambda given: _in_order(given, names))


class Part(BaseModel):
    """A part of the rule file; a misspelt name or a value of another type is refused."""

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_its_names(cls, given: Any) -> Any:
        return _in_order(given, cls.model_fields)


Number = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=1, le=MOST_DAYS)]


class Bound(Part):
    """From where on one kind of evidence points to early and to mid, and its weight beside the others."""

    weight: Number
    early: Number
    mid: Number

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.early == self.mid:
            raise ValueError(f"early and mid are both {self.mid:g}. Set them apart.")
        return self


class Timing(Part):
    """What differs by cycle: how far back and ahead counts, who acts when, and how success is measured."""

    window_days: Days
    horizon_days: Days
    response_hours: Number
    hand_over: str
    measures: Annotated[list[str], Field(min_length=1), AfterValidator(each_once)]


class Cell(Part):
    """What a cycle asks of an element, the share of accounts that should have it, and the next step."""

    asks: str
    target: Annotated[float, Field(ge=0, le=1)]
    next: str


def _weighted(evidence: dict[str, Bound]) -> dict[str, Bound]:
    if not any(bound.weight for bound in evidence.values()):
        raise ValueError("has no weight above 0. Give at least one kind of evidence some weight.")
    return evidence


class Rules(Part):
    """The rule file: which evidence points to which cycle, what suits the method, and what each cycle asks."""

    evidence: Annotated[dict[str, Bound], _each_of(EVIDENCE), AfterValidator(_weighted)]
    suitability: Annotated[dict[str, Number], _each_of(SUITS)]
    cycles: Annotated[dict[str, Timing], _each_of(CYCLES)]
    cells: Annotated[dict[str, Annotated[dict[str, Cell], _each_of(CYCLES)]], _each_of(ELEMENTS)]

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Self:
        """Check what a rule file says.

        Raises
        ------
        TableError
            If a part is missing or unknown, a number is none or negative, or no evidence has any weight.
        """
        try:
            return cls.model_validate(dict(given))
        except ValidationError as wrong:
            raise from_pydantic(wrong, "cycles.yml") from wrong

    def table(self) -> pd.DataFrame:
        """List the evidence as a person reads it: ``evidence, unit, early, mid, full, weight`` (share of all weight)."""
        total = sum(bound.weight for bound in self.evidence.values())
        rows = []
        for name, bound in self.evidence.items():
            words = MORE_IS_EARLY if bound.early > bound.mid else FEWER_IS_EARLY
            limits = (w.format(x) for w, x in zip(words, (bound.early, bound.mid, bound.mid), strict=True))
            rows.append((name, EVIDENCE[name], *limits, bound.weight / total))
        return pd.DataFrame(rows, columns=["evidence", "unit", *CYCLES, "weight"])


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
    """People on each deal, and the mean of their levels."""
    level = contacts.drop_duplicates("contact_id").set_index("contact_id")["seniority"].map(LEVELS).astype(float)
    on = links[["opportunity_id", "contact_id"]].drop_duplicates()
    on = on.assign(level=on["contact_id"].map(level).astype(float)).groupby("opportunity_id")
    people = on.agg(buyers=("contact_id", "size"), buyer_level=("level", "mean"))
    by = deals[["opportunity_id", *KEYS]].join(people, on="opportunity_id", how="inner")
    return by.melt(KEYS, ["buyers", "buyer_level"], "evidence").dropna(subset="value")


# -- what it points to ------------------------------------------------------------------------------------------------


def score_evidence(seen: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Chances that each kind of evidence points to each cycle, for every account and line with anything seen.

    What is usual for an account is pulled towards its line as far as its own observations are few; where it has none of a
    kind, its line stands for it. The three numbers are the chances that what is usual lies within the bounds of each cycle.
    Evidence of which a line knows nothing has no row.

    Parameters
    ----------
    seen : DataFrame of `buying_evidence`

    Returns
    -------
    DataFrame, one row per account, line and kind of evidence, and per line as a whole (``account_id`` missing):
    ``account_id, product_line, evidence, value`` (what is usual; its unit is in `EVIDENCE`), ``n`` (own observations),
    ``early, mid, full`` (sum to 1), ``weight`` (share of all weight)

    References
    ----------
    S2-1, S2-4, S2-6a to S2-6c. House definition; README, glossary entry "cycle".
    """
    total = sum(bound.weight for bound in rules.evidence.values())
    columns = [*KEYS, "evidence", "value", "n", *CYCLES, "weight"]
    parts = [pd.DataFrame(columns=columns)]
    for (line, name), rows in seen.groupby(["product_line", "evidence"]):
        bound = rules.evidence[str(name)]
        if bound.weight == 0:
            continue
        accounts = seen.loc[seen["product_line"] == line, "account_id"].unique()
        units = pd.Index([*sorted(accounts), ""], dtype="str", name="account_id")  # nobody's own: the line as a whole
        usual = _usual(str(name), rows, units, *sorted((bound.early, bound.mid)))
        ends = {"more": "early", "less": "full"} if bound.early > bound.mid else {"less": "early", "more": "full"}
        usual = usual.rename(columns=ends).assign(mid=(1 - usual["less"] - usual["more"]).clip(lower=0))
        parts.append(usual.assign(product_line=line, evidence=name, weight=bound.weight / total).reset_index())
    scored = pd.concat(parts[1:] or parts).dropna(subset="early")
    scored = scored.assign(order=scored["evidence"].map(list(EVIDENCE).index))
    scored = scored.assign(account_id=scored["account_id"].replace("", pd.NA))
    return scored.sort_values(["product_line", "order"], kind="stable", ignore_index=True)[columns]


def _usual(name: str, rows: pd.DataFrame, units: pd.Index, low: float, high: float) -> pd.DataFrame:
    """What is usual for each unit, ``value`` and ``n``, and the chances that it is below `low` and from `high` on."""
    if name in ("cycle_days", "orders_per_year"):
        by = rows.groupby("account_id")[["value", "time"]].sum()
        closed, scatter = rows.loc[rows["value"] > 0, "time"], 1.0
        if name == "cycle_days" and len(closed) > 1:
            scatter = float(np.clip(closed.var() / closed.mean() ** 2, LEAST_SCATTER, 1))
        pooled = pooling.counts(by["value"], by["time"], units, scatter)
        value, below = pooled["shape"] / pooled["rate"], partial(pooling.rate_below, pooled)
    else:
        values = np.log(rows["value"]) if name == "deal_value" else rows["value"]
        pooled = pooling.means(values, rows["account_id"], units)
        value, below = pooled["mean"], partial(pooling.mean_below, pooled)
    if name == "cycle_days":  # a deal that closes at a higher rate takes fewer days
        value, less, more = 1 / value, 1 - below(1 / low if low else np.inf), below(1 / high)
    elif name == "deal_value":
        value, less, more = np.exp(value), below(np.log(low) if low else -np.inf), 1 - below(np.log(high))
    else:
        less, more = below(low), 1 - below(high)
    return pd.DataFrame({"value": value, "n": pooled["n"].astype(int), "less": less, "more": more}, units)


def assign_cycles(scored: pd.DataFrame) -> pd.DataFrame:
    """Cycle of each account and line: the one to which most weight of the evidence points.

    ``confidence`` is the share of all weight that points to it: missing evidence points to none, so that an assignment on
    little evidence is never a sure one. Between equal cycles the earlier one holds.

    Parameters
    ----------
    scored : DataFrame of `score_evidence`

    Returns
    -------
    DataFrame, one row per account and line, and per line as a whole (``account_id`` missing): ``account_id, product_line,
    cycle, confidence``, ``known`` (share of all weight there is evidence for), ``against`` (evidence that points most to
    another cycle), ``missing`` (evidence there is none of), ``basis`` (``own``, or ``line`` where nothing of it is the
    account's own)
    """
    chances = scored[list(CYCLES)].astype(float)
    by = pd.concat([scored[KEYS], chances.mul(scored["weight"], axis=0)], axis=1).groupby(KEYS, dropna=False)
    sums = by[list(CYCLES)].transform("sum").astype(float)
    rows = scored.assign(cycle=_largest(sums), confidence=sums.max(axis=1))
    by = rows.groupby(KEYS, dropna=False)
    out = by.agg(cycle=("cycle", "first"), confidence=("confidence", "first"), known=("weight", "sum"), n=("n", "sum"))
    other = rows[_largest(chances) != rows["cycle"]].groupby(KEYS, dropna=False)["evidence"]
    out["against"] = other.agg(", ".join).reindex(out.index).fillna("")
    out["missing"] = [", ".join(e for e in EVIDENCE if e not in there) for there in by["evidence"].agg(set)]
    out["basis"] = np.where(out["n"] > 0, "own", "line")
    return out.drop(columns="n").astype({"cycle": "str"}).reset_index()


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
    DataFrame of the columns of `assign_cycles`, one row per account without a row in `assigned`; ``confidence`` is the share
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
    confidence = votes.max(axis=1) / votes.sum(axis=1)
    out = pd.DataFrame({"account_id": others, "product_line": ALL, "cycle": _largest(votes), "confidence": confidence})
    out = out.assign(known=0.0, against="", missing=", ".join(EVIDENCE), basis="look-alike")
    return out.reset_index(drop=True)


def with_overrides(rows: pd.DataFrame, overrides: pd.DataFrame) -> pd.DataFrame:
    """Replace the rule's cycle where people set it by hand. No row is dropped, and none is made.

    Of several entries for an account and line the last holds; one for line ``all`` holds for every line that has none of
    its own.

    Parameters
    ----------
    rows : DataFrame of `assign_cycles` and `look_alikes`
    overrides : ``tables.schema.CYCLE_OVERRIDES``

    Returns
    -------
    DataFrame, as `rows`, with ``rule_cycle`` (what the rule says), ``set_by`` (``rule`` or ``override``) and ``reason`` (of
    the person; empty for the rule). ``confidence`` is missing where a person set the cycle.
    """
    last = programme.latest_entries("cycle_overrides", overrides)[[*KEYS, "cycle", "reason"]]
    exact = rows[KEYS].merge(last, how="left", on=KEYS).set_axis(rows.index)
    of_all_lines = last[last["product_line"] == ALL].drop(columns="product_line")
    whole = rows[["account_id"]].merge(of_all_lines, how="left", on="account_id").set_axis(rows.index)
    by_hand = exact.fillna(whole)
    is_set = by_hand["cycle"].notna()
    return rows.assign(
        rule_cycle=rows["cycle"], cycle=by_hand["cycle"].fillna(rows["cycle"]).astype("str"),
        confidence=rows["confidence"].mask(is_set), set_by=np.where(is_set, "override", "rule"),
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
    """Rows of `measures`: accounts and lines by cycle, and the rule's confidence in those with business.

    Parameters
    ----------
    rows : DataFrame of `with_overrides`
    """
    business = rows[rows["basis"] == "own"]
    confidence, by_hand = business["confidence"].dropna(), rows["set_by"] == "override"
    counts = business["cycle"].value_counts().reindex(CYCLES, fill_value=0).astype(float)
    where = {"n": len(business), "group_by": "cycle", "group": counts.index}
    spread = measure_rows("S2-1", "placings_of_accounts_and_lines", counts, "placings", **where)
    sure = measure_row("S2-1", "confidence_of_placing_median", float(confidence.median()), "share", len(confidence))
    hand = measure_row("S2-1", "placings_set_by_hand", float(by_hand.sum()), "placings", len(rows))
    return pd.concat([spread, pd.DataFrame([sure, hand]).assign(group_by="all", group="all")], ignore_index=True)


def largest_first(rows: pd.DataFrame, money: pd.Series) -> pd.DataFrame:
    """Sort rows by the money of their account and line, most first; equal ones by account and line."""
    amount = money.reindex(pd.MultiIndex.from_frame(rows[KEYS])).fillna(0).to_numpy()
    order = rows[KEYS].assign(money=-amount).sort_values(["money", *KEYS])
    return rows.loc[order.index].reset_index(drop=True)


def cycles_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Cycles of accounts and lines, as the table ``01_cycles``."""
    return rows[[*KEYS, "cycle", "confidence", "set_by"]].reset_index(drop=True)
