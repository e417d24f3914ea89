"""Five elements in three cycles: what the method asks of each, and the share of accounts for which the data show it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method import framework
from abmlib.method.cycle_rules import CYCLES, ELEMENTS, Rules
from abmlib.method.deals import won_flag
from abmlib.method.measures import measure_rows
from abmlib.tables import programme, schema

DAY = pd.Timedelta(days=1)
TOP = 0.2  # share of the buying accounts that are worth a person of their own
UNKNOWN = "not_answerable"
RECORDS = ("customer_knowledge", "data")  # elements whose next step is to record something: a chore about data


@dataclass(frozen=True)
class Scope:
    """The tables, and the accounts of one cycle, that a cell is counted on."""

    tables: Mapping[str, pd.DataFrame]
    cycle: str
    accounts: pd.Index
    since: pd.Timestamp  # touches after it count
    as_of: pd.Timestamp

    def having(self, *ids: pd.Series, among: pd.Index | None = None) -> tuple[int, int]:
        """Count the accounts named in any of some columns, and all; `among` keeps some accounts only."""
        accounts = self.accounts if among is None else self.accounts.intersection(among)
        return int(accounts.isin(pd.concat(ids)).sum()), len(accounts)

    def recent(self, table: str, day: str) -> pd.DataFrame:
        """Rows of the window that no machine made."""
        rows = self.tables[table]
        return rows[(rows[day] > self.since) & ~rows["is_bot"].fillna(False).astype(bool)]

    def touched(self, *channels: str) -> pd.Series:
        """Account of each touch by a person in one of some channels."""
        touches = self.recent("activities", "occurred_day")
        return touches.loc[touches["channel"].isin(channels), "account_id"]

    def noted(self, *kinds: str) -> pd.Series:
        """Account of each insight of some kinds that is not out of date."""
        notes = self.tables["account_insights"]
        fresh = notes["expires_at"].isna() | (notes["expires_day"] > self.as_of)
        return notes.loc[notes["kind"].isin(kinds) & fresh, "account_id"]


Counting = Callable[[Scope], tuple[int, int]]


def _touched(*channels: str) -> Counting:
    return lambda scope: scope.having(scope.touched(*channels))


def _noted(*kinds: str) -> Counting:
    return lambda scope: scope.having(scope.noted(*kinds))


def _usage_or_intent(scope: Scope) -> tuple[int, int]:
    signals = scope.tables["intent_signals"]
    recent = signals.loc[signals["week"] > scope.since, "account_id"]
    return scope.having(scope.noted("usage", "trigger", "pain"), recent)


def _visited(scope: Scope) -> tuple[int, int]:
    return scope.having(scope.touched("ecommerce", "web"), scope.recent("web_sessions", "started_day")["account_id"])


def _executives(scope: Scope) -> tuple[int, int]:
    people = scope.tables["contacts"]
    high = people["seniority"].isin(["vp", "c_level"]) & people["valid_to"].isna()
    return scope.having(people.loc[high, "account_id"])


def _market_state(scope: Scope) -> tuple[int, int]:
    deals = scope.tables["opportunities"]
    facts = (scope.tables["contracts"], scope.tables["transactions"], deals[won_flag(deals)])
    return scope.having(*(table["account_id"] for table in facts))


def _described(scope: Scope) -> tuple[int, int]:
    accounts = scope.tables["accounts"]
    filled = accounts[["industry", "employees", "region", "tech_stack"]].notna().all(axis=1)
    buyers = pd.Index(scope.tables["transactions"]["account_id"].unique())
    return scope.having(accounts.loc[filled, "account_id"], among=buyers)


def _messages(scope: Scope) -> tuple[int, int]:
    messages = programme.latest_entries("messages", scope.tables["messages"])
    whole = messages[["promise", "proof", "pain"]].ne("").all(axis=1) & (messages["cycle"] == scope.cycle)
    personas = programme.latest_entries("personas", scope.tables["personas"])["persona_id"]
    return int(personas.isin(messages.loc[whole, "persona_id"]).sum()), len(personas)


def _worked(scope: Scope) -> tuple[int, int]:
    touches = scope.recent("activities", "occurred_day")
    ours = touches["team"].eq("sales").fillna(False) & touches["direction"].ne("inbound")
    listed = framework.tiers_on(scope.tables["account_tiers"], scope.as_of).index
    return scope.having(touches.loc[ours, "account_id"], among=listed if len(listed) else None)


def _taken_over(scope: Scope) -> tuple[int, int]:
    sent = programme.latest_entries("hand_overs", scope.tables["hand_overs"])
    sent = sent[sent["account_id"].isin(scope.accounts) & (sent["sent_day"] > scope.since)]
    return int((sent["accepted_at"].notna() & sent["brief_read"].fillna(False).astype(bool)).sum()), len(sent)


def _owned(scope: Scope) -> tuple[int, int]:
    bought, accounts = scope.tables["transactions"], scope.tables["accounts"]
    bought = bought[bought["account_id"].isin(scope.accounts) & (bought["booked_at"] > scope.since)]
    worth = bought.groupby("account_id")["revenue"].sum()
    worth = worth[worth > 0].nlargest(max(round(TOP * (worth > 0).sum()), 1))
    return scope.having(accounts.loc[accounts["owner_id"].notna(), "account_id"], among=pd.Index(worth.index))


@dataclass(frozen=True)
class Count:
    """What a cell counts, in words; the tables and columns it needs; and the count: found, and of how many."""

    words: str
    needs: tuple[str, ...]
    of: Counting


TOUCHES, DESCRIPTION = (
    ("activities",),
    ("accounts.industry", "accounts.employees", "accounts.region", "accounts.tech_stack"),
)
MESSAGES = Count("personas with a message for this cycle", ("messages",), _messages)
COUNTS = {
    ("customer_knowledge", "early"): Count(
        "accounts with an issue, goal, politics or decision process noted", ("account_insights",),
        _noted("issue", "politics", "decision_process", "goal", "situation"),
    ),
    ("customer_knowledge", "mid"): Count(
        "accounts with usage, trigger or pain noted, or an intent signal", ("account_insights", "intent_signals"), _usage_or_intent
    ),
    ("customer_knowledge", "full"): Count(
        "accounts whose visits to site or shop are seen", ("web_sessions", "activities"), _visited
    ),
    ("data", "early"): Count("accounts with a vice president or chief officer known", ("contacts.seniority",), _executives),
    ("data", "mid"): Count(
        "accounts with a contract, purchase or won deal known", ("contracts", "transactions", "opportunities"), _market_state
    ),
    ("data", "full"): Count(
        "buying accounts with industry, size, region and technology known", ("transactions", *DESCRIPTION), _described
    ),
    **{("messaging", cycle): MESSAGES for cycle in CYCLES},
    ("tactics", "early"): Count("accounts met, or at an event", TOUCHES, _touched("meeting", "event", "sponsorship")),
    ("tactics", "mid"): Count("accounts at a webinar, roadshow or event", TOUCHES, _touched("webinar", "roadshow", "event")),
    ("tactics", "full"): Count("accounts with a shop touch or e-mail", TOUCHES, _touched("ecommerce", "email")),
    ("sales_commitment", "early"): Count("listed accounts that sales touched", TOUCHES, _worked),
    ("sales_commitment", "mid"): Count("hand-overs accepted with the brief read", ("hand_overs",), _taken_over),
    ("sales_commitment", "full"): Count(
        "accounts of the top fifth by revenue with an owner", ("transactions", "accounts.owner_id"), _owned
    ),
}  # fmt: skip


def cells(tables: Mapping[str, pd.DataFrame], main: pd.DataFrame, rules: Rules, as_of: pd.Timestamp) -> pd.DataFrame:
    """Compare what the method asks of each element in each cycle with what the data show: 15 cells.

    Each cell is the share of the accounts of its cycle (or of the personas, or hand-overs) for which what is asked is there.
    All of them are counted, so the share needs no interval.

    Parameters
    ----------
    tables : ``tables.schema`` tables by name, as known on the day; empty ones where the source has none
    main : DataFrame of `cycle.main_line`, one row per account
    rules : the rule file: what is asked, targets and next steps

    Returns
    -------
    DataFrame, one row per cell: ``element, cycle, asks, evidence`` (what was counted), ``k, n, target, share``,
    ``verdict`` (``in place``: at the target or above; ``gap``: below; ``not_answerable``: the tables are empty, a column
    is filled nowhere, as on an earlier day one without a history is, or there is nobody to count), ``next_step`` (empty
    where it is in place, or no account is in the cycle; an export where the count lacks tables of the CRM), ``kind`` of
    decision that the next step is

    References
    ----------
    S2-5, S2-8 to S2-25. House definition; README, glossary entry "five elements".
    """
    ids = {cycle: pd.Index(main.loc[main["cycle"] == cycle, "account_id"]) for cycle in CYCLES}
    since = {cycle: as_of - timing.window_days * DAY for cycle, timing in rules.cycles.items()}
    rows = []
    for element, cycle in ((e, c) for e in ELEMENTS for c in CYCLES):
        count, cell = COUNTS[element, cycle], rules.cells[element][cycle]
        scope = Scope(tables, cycle, ids[cycle], since[cycle], as_of)
        k, n = count.of(scope) if _is_recorded(tables, count.needs) else (0, 0)
        lacks = [
            t
            for t in dict.fromkeys(need.split(".")[0] for need in count.needs)
            if tables[t].empty and t not in schema.PROGRAMME
        ]
        step = f"export {' or '.join(lacks)}, which would show {count.words}" if n == 0 and lacks else cell.next
        rows.append((element, cycle, cell.asks, count.words, k, n, cell.target, step))
    out = pd.DataFrame(rows, columns=["element", "cycle", "asks", "evidence", "k", "n", "target", "next_step"])
    out["share"] = out["k"] / out["n"].where(out["n"] > 0)
    verdict = np.select([out["n"] == 0, out["share"] >= out["target"]], [UNKNOWN, "in place"], "gap")
    idle = (verdict == "in place") | out["cycle"].map({cycle: ids[cycle].empty for cycle in CYCLES})
    kind = np.where(out["element"].isin(RECORDS) | out["next_step"].str.startswith("export "), "data", "programme")
    return out.assign(verdict=verdict, next_step=out["next_step"].mask(idle, ""), kind=kind)


def addressed(main: pd.DataFrame, not_suited: Collection[str]) -> pd.DataFrame:
    """Keep the accounts that the method is advised for.

    An account of the early or mid cycle whose line is not suited is left out: marketing to all accounts at once is advised there.
    Nobody of the full cycle is left out, for that is how the full cycle works.

    Parameters
    ----------
    main : DataFrame of `cycle.main_line`
    not_suited : lines of business that are not suited
    """
    return main[(main["cycle"] == "full") | ~main["product_line"].isin(not_suited)]


def _is_recorded(tables: Mapping[str, pd.DataFrame], needs: tuple[str, ...]) -> bool:
    """Has one of the tables needed a row, and each column needed, as table.column, a value anywhere."""
    rows = [len(tables[name]) > 0 for name in needs if "." not in name]
    columns = [tables[name][column] for name, dot, column in (n.partition(".") for n in needs) if dot]
    return (any(rows) or not rows) and all(bool((c.notna() & c.ne("unknown")).any()) for c in columns)


def cell_rows(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` with the cells."""
    where = {"group_by": "cycle", "group": found["cycle"]}
    return measure_rows("S2-5", "element_" + found["element"], found["share"], "share", n=found["n"], **where)


def as_grid(found: pd.DataFrame, column: str) -> pd.DataFrame:
    """Lay one column of `cells` out as elements × cycles."""
    return found.pivot(index="element", columns="cycle", values=column).loc[list(ELEMENTS), list(CYCLES)]


def largest_gaps(found: pd.DataFrame, many: int = 5) -> pd.DataFrame:
    """Keep the cells furthest below their target, then those that cannot be judged; those without a next step are left out."""
    short = (found["target"] - found["share"]).where(found["verdict"] == "gap")
    order = short.sort_values(ascending=False, kind="stable").dropna().index
    return pd.concat([found.loc[order], found[(found["verdict"] == UNKNOWN) & found["next_step"].ne("")]]).head(many)
