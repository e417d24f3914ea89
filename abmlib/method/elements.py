"""Five elements in three cycles: what is asked, what is there, and who acts."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from abmlib.method import framework
from abmlib.method.cycle_effort import are_logged
from abmlib.method.cycle_rules import CYCLES, ELEMENTS, Rules
from abmlib.method.deals import won_flag
from abmlib.method.measures import measure_rows
from abmlib.tables import programme, schema

DAY = pd.Timedelta(days=1)
OLD = 730  # days after which records may not hold any more
TOP = 0.2  # share of the buying accounts that are worth a person of their own
UNKNOWN = "not_answerable"
RECORDS = ("customer_knowledge", "data")  # elements whose next step is to record something: a chore about data
LACKING = 2  # accounts named that lack an element
DAYS = {  # day of each record that is evidence; a table that is not here has none
    "account_insights": "observed_day", "intent_signals": "week", "activities": "occurred_day", "web_sessions": "started_day",
    "contacts": "created_day", "contracts": "start", "transactions": "booked_at", "opportunities": "created_day",
    "messages": "entered_day", "hand_overs": "sent_day",
}  # fmt: skip
FILLED = {"industry": "industry", "employees": "employees", "region": "region", "tech_stack": "technology"}
FUNCTIONS = {  # whose work each element is, in the words of the table team
    "customer_knowledge": "sales", "data": "analytics", "messaging": "creative", "tactics": "field", "sales_commitment": "sales",
}  # fmt: skip


class Found(NamedTuple):
    """Accounts (or personas, or hand-overs) that have what is asked, all asked, the records that show it, and who lacks it."""

    k: int
    n: int
    records: Mapping[str, pd.DataFrame]
    lacking: pd.Series  # by id, why each lacks it


NOTHING = Found(0, 0, {}, pd.Series(dtype="str"))


@dataclass(frozen=True)
class Scope:
    """The tables, and the accounts of one cycle, that a cell is counted on."""

    tables: Mapping[str, pd.DataFrame]
    cycle: str
    accounts: pd.Index
    since: pd.Timestamp  # touches after it count
    as_of: pd.Timestamp

    def having(self, among: pd.Index | None = None, **records: pd.DataFrame) -> Found:
        """Count the accounts with any of some records, by the name of their table; `among` keeps some accounts only."""
        accounts = self.accounts if among is None else self.accounts.intersection(among)
        own = {name: rows[rows["account_id"].isin(accounts)] for name, rows in records.items()}
        has = accounts.isin(pd.concat([rows["account_id"] for rows in own.values()]))
        return Found(int(has.sum()), len(accounts), own, pd.Series("", accounts[~has], dtype="str"))

    def recent(self, table: str, day: str) -> pd.DataFrame:
        """Rows of the window that no machine made."""
        rows = self.tables[table]
        return rows[(rows[day] > self.since) & ~rows["is_bot"].fillna(False).astype(bool)]

    def touched(self, *channels: str) -> pd.DataFrame:
        """Touches by a person in one of some channels."""
        touches = self.recent("activities", "occurred_day")
        return touches[touches["channel"].isin(channels)]

    def noted(self, *kinds: str) -> pd.DataFrame:
        """Insights of some kinds that are not out of date."""
        notes = self.tables["account_insights"]
        fresh = notes["expires_at"].isna() | (notes["expires_day"] > self.as_of)
        return notes[notes["kind"].isin(kinds) & fresh]


Counting = Callable[[Scope], Found]


def _touched(*channels: str) -> Counting:
    return lambda scope: scope.having(activities=scope.touched(*channels))


def _noted(*kinds: str) -> Counting:
    return lambda scope: scope.having(account_insights=scope.noted(*kinds))


def _usage_or_intent(scope: Scope) -> Found:
    signals = scope.tables["intent_signals"]
    recent = signals[signals["week"] > scope.since]
    return scope.having(account_insights=scope.noted("usage", "trigger", "pain"), intent_signals=recent)


def _visited(scope: Scope) -> Found:
    visits = scope.recent("web_sessions", "started_day")
    return scope.having(activities=scope.touched("ecommerce", "web"), web_sessions=visits)


def _executives(scope: Scope) -> Found:
    people = scope.tables["contacts"]
    return scope.having(contacts=people[people["seniority"].isin(["vp", "c_level"]) & people["valid_to"].isna()])


def _market_state(scope: Scope) -> Found:
    deals = scope.tables["opportunities"]
    facts = {name: scope.tables[name] for name in ("contracts", "transactions")}
    return scope.having(**facts, opportunities=deals[won_flag(deals)])


def _described(scope: Scope) -> Found:
    accounts = scope.tables["accounts"]
    known = accounts.set_index("account_id")[list(FILLED)].notna()
    buyers = pd.Index(scope.tables["transactions"]["account_id"].unique())
    found = scope.having(accounts=accounts[known.all(axis=1).to_numpy()], among=buyers)
    gaps = known.reindex(found.lacking.index, fill_value=False)
    why = [
        "no " + ", ".join(name for name, there in zip(FILLED.values(), row, strict=True) if not there)
        for row in gaps.to_numpy()
    ]
    return found._replace(lacking=pd.Series(why, gaps.index, dtype="str"))


def _messages(scope: Scope) -> Found:
    messages = programme.latest_entries("messages", scope.tables["messages"])
    whole = messages[messages[["promise", "proof", "pain"]].ne("").all(axis=1) & (messages["cycle"] == scope.cycle)]
    personas = programme.latest_entries("personas", scope.tables["personas"])["persona_id"]
    has = personas.isin(whole["persona_id"])
    return Found(int(has.sum()), len(personas), {"messages": whole}, pd.Series("", personas[~has], dtype="str"))


def _worked(scope: Scope) -> Found:
    touches = scope.recent("activities", "occurred_day")
    ours = touches[touches["team"].eq("sales").fillna(False) & touches["direction"].ne("inbound")]
    listed = framework.tiers_on(scope.tables["account_tiers"], scope.as_of).index
    return scope.having(activities=ours, among=listed if len(listed) else None)


def _taken_over(scope: Scope) -> Found:
    sent = programme.latest_entries("hand_overs", scope.tables["hand_overs"]).sort_values("sent_at", ascending=False)
    sent = sent[sent["account_id"].isin(scope.accounts) & (sent["sent_day"] > scope.since)]
    done = sent["accepted_at"].notna() & sent["brief_read"].fillna(False).astype(bool)
    open_ones = sent[~done].drop_duplicates("account_id").set_index("account_id")
    taken = open_ones["accepted_at"].notna()
    day = (
        open_ones["accepted_day"].where(taken, open_ones["sent_day"]).map(_day).astype("str")
    )  # without a row, a day stays one
    why = ("accepted " + day + ", brief not read").where(taken, "sent " + day + ", not accepted")
    ids = scope.accounts[scope.accounts.isin(why.index)]
    return Found(int(done.sum()), len(sent), {"hand_overs": sent[done]}, why.reindex(ids))


def _owned(scope: Scope) -> Found:
    bought, accounts = scope.tables["transactions"], scope.tables["accounts"]
    bought = bought[bought["account_id"].isin(scope.accounts) & (bought["booked_at"] > scope.since)]
    worth = bought.groupby("account_id")["revenue"].sum()
    worth = worth[worth > 0].nlargest(max(round(TOP * (worth > 0).sum()), 1))
    return scope.having(accounts=accounts[accounts["owner_id"].notna()], among=pd.Index(worth.index))


@dataclass(frozen=True)
class Count:
    """What a cell counts, in words; the tables and columns it needs; and the count: found, and of how many."""

    words: str
    needs: tuple[str, ...]
    of: Counting
    lacks: str = ""  # what an account without it lacks


TOUCHES = ("activities",)
MESSAGES = Count(
    "personas with a message for this cycle", ("messages",), _messages, "no message with promise, proof and pain"
)
COUNTS = {
    ("customer_knowledge", "early"): Count(
        "accounts with an issue, goal, politics or decision process noted", ("account_insights",),
        _noted("issue", "politics", "decision_process", "goal", "situation"), "no issue, goal, politics or decision process noted",
    ),
    ("customer_knowledge", "mid"): Count(
        "accounts with usage, trigger or pain noted, or an intent signal", ("account_insights", "intent_signals"), _usage_or_intent,
        "no usage, trigger or pain noted, and no intent signal",
    ),
    ("customer_knowledge", "full"): Count(
        "accounts whose visits to site or shop are seen", ("web_sessions", "activities"), _visited, "no visit seen",
    ),
    ("data", "early"): Count("accounts with a vice president or chief officer known", ("contacts.seniority",), _executives,
        "no vice president or chief officer known",
    ),
    ("data", "mid"): Count(
        "accounts with a contract, purchase or won deal known", ("contracts", "transactions", "opportunities"), _market_state,
        "no contract, purchase or won deal known",
    ),
    ("data", "full"): Count(
        "buying accounts with industry, size, region and technology known",
        ("transactions", *(f"accounts.{c}" for c in FILLED)), _described, "one of these not known",
    ),
    **{("messaging", cycle): MESSAGES for cycle in CYCLES},
    ("tactics", "early"): Count(
        "accounts met, or at an event", TOUCHES, _touched("meeting", "event", "sponsorship"), "no meeting or event",
    ),
    ("tactics", "mid"): Count(
        "accounts at a webinar, roadshow or event", TOUCHES, _touched("webinar", "roadshow", "event"),
        "no webinar, roadshow or event",
    ),
    ("tactics", "full"): Count("accounts with a shop touch or e-mail", TOUCHES, _touched("ecommerce", "email"), "no shop touch or e-mail"),
    ("sales_commitment", "early"): Count("listed accounts that sales touched", TOUCHES, _worked, "not touched by sales"),
    ("sales_commitment", "mid"): Count(
        "hand-overs accepted with the brief read", ("hand_overs",), _taken_over, "not accepted, or brief not read",
    ),
    ("sales_commitment", "full"): Count(
        "accounts of the top fifth by revenue with an owner", ("transactions", "accounts.owner_id"), _owned, "no owner",
    ),
}  # fmt: skip


def cells(
    tables: Mapping[str, pd.DataFrame], main: pd.DataFrame, rules: Rules, team: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Compare what the method asks of each element in each cycle with what the data show: 15 cells.

    Each cell is the share of the accounts of its cycle (or of the personas, or hand-overs) for which what is asked is there.
    All of them are counted, so the share needs no interval.

    Parameters
    ----------
    tables : ``tables.schema`` tables by name, as known on the day; empty ones where the source has none
    main : DataFrame of `cycle.main_line`, one row per account, those with most money first where accounts are to be named so
    rules : the rule file: what is asked, targets and next steps
    team : ``tables.schema.TEAM``

    Returns
    -------
    DataFrame, one row per cell: ``element, cycle, asks, evidence`` (what was counted), ``k, n, target, share``,
    ``verdict`` (``in place``: at the target or above; ``gap``: below; ``not_answerable``: the tables are empty, a column
    is filled nowhere, as on an earlier day one without a history is, touches are hardly logged (`cycle_effort.are_logged`), or
    there is nobody to count), ``records`` (those that
    show it, by table), ``newest`` (day of the newest), ``old`` (that is more than `OLD` days ago), ``held`` (DataFrame ``records, newest`` of each account that has it),
    ``lacks`` (what those without it lack), ``lacking`` (Series: why each account or persona without it lacks it; empty where the
    next step is an export), ``function`` (whose work it is), ``owner, owner_as`` (`owner_of`), ``next_step`` (empty where it is
    in place, or no account is in the cycle; an export where the count lacks tables of the CRM), ``kind`` of decision that the
    next step is

    References
    ----------
    S2-5, S2-8 to S2-25. House definition; README, glossary entry "five elements".
    """
    ids = {cycle: pd.Index(main.loc[main["cycle"] == cycle, "account_id"]) for cycle in CYCLES}
    since = {cycle: as_of - timing.window_days * DAY for cycle, timing in rules.cycles.items()}
    newest, logged = _newest_touch(tables["activities"]), are_logged(tables["activities"], main["account_id"])
    rows = []
    for element, cycle in ((e, c) for e in ELEMENTS for c in CYCLES):
        count, cell = COUNTS[element, cycle], rules.cells[element][cycle]
        scope = Scope(tables, cycle, ids[cycle], since[cycle], as_of)
        lacks = _to_export(tables, count.needs)
        is_known = _is_recorded(tables, count.needs) and (logged or "activities" not in count.needs)
        found = count.of(scope) if is_known else NOTHING
        step = f"export {' or '.join(lacks)}, which would show {count.words}" if found.n == 0 and lacks else cell.next
        if not logged and "activities" in count.needs and len(tables["activities"]):
            step = f"export the touches of all accounts, as too few have any to show {count.words}"
        is_export = step.startswith("export ")
        why = found.lacking.iloc[:0] if is_export else found.lacking.mask(found.lacking == "", count.lacks)
        if count.needs == TOUCHES:
            why = why + why.index.to_series().map(newest).astype("str").fillna("; no touch by a person known")
        function = "analytics" if is_export else FUNCTIONS[element]
        who = owner_of(function, team, tables["accounts"], why.index if len(why) else ids[cycle])
        records = ", ".join(
            f"{len(of):,} {name.replace('_', ' ')}"
            for name, of in found.records.items()
            if len(of) and name != "accounts"
        )
        days = pd.Series(
            [of[DAYS[name]].max() for name, of in found.records.items() if name in DAYS], dtype="datetime64[us]"
        )
        told = (records, days.max(), _held(found.records), count.lacks, why, function, *who)
        rows.append((element, cycle, cell.asks, count.words, found.k, found.n, cell.target, step, *told))
    columns = ["element", "cycle", "asks", "evidence", "k", "n", "target", "next_step", "records", "newest", "held", "lacks",
               "lacking", "function"]  # fmt: skip
    out = pd.DataFrame(rows, columns=[*columns, "owner", "owner_as"])
    out["share"] = out["k"] / out["n"].where(out["n"] > 0)
    verdict = np.select([out["n"] == 0, out["share"] >= out["target"]], [UNKNOWN, "in place"], "gap")
    idle = (verdict == "in place") | out["cycle"].map({cycle: ids[cycle].empty for cycle in CYCLES})
    kind = np.where(out["element"].isin(RECORDS) | out["next_step"].str.startswith("export "), "data", "programme")
    return out.assign(
        verdict=verdict, old=out["newest"] < as_of - OLD * DAY, next_step=out["next_step"].mask(idle, ""), kind=kind
    )


def _held(records: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Count the records of each account, and take the day of the newest: ``records, newest`` by account id."""
    none = pd.DataFrame({"account_id": pd.Series(dtype="str"), "day": pd.Series(dtype="datetime64[us]")})
    days = [
        of[["account_id"]].assign(day=of[DAYS[name]] if name in DAYS else pd.NaT)
        for name, of in records.items()
        if "account_id" in of and len(of)
    ]
    of_account = pd.concat(days or [none]).groupby("account_id")["day"]
    return of_account.agg(records="size", newest="max")


def owner_of(function: str, team: pd.DataFrame, accounts: pd.DataFrame, ids: pd.Index) -> tuple[str | None, str]:
    """Who would do the work of a function, and as what.

    The first that is known: who the team names as accountable (A) for the function at all accounts (``accountable``); as
    responsible (R) for it at most of these accounts, or at all (``responsible``); for sales the owner of the most of these accounts
    (``owner with the most of them``); the people of the function (``in the function``); nobody (``nobody named``).

    Parameters
    ----------
    team, accounts : ``tables.schema.TEAM``, ``ACCOUNTS``
    ids : accounts the work is about

    References
    ----------
    RACI; S2-5, S3-6.
    """
    people = programme.latest_entries("team", team)
    people = people[people["function"] == function]
    owners = accounts.loc[accounts["account_id"].isin(ids), "owner_id"].value_counts() if function == "sales" else []
    here = people["account_id"].isna() | people["account_id"].isin(ids)
    responsible = people.loc[here & (people["raci"] == "R"), "person_id"].value_counts().index
    known = {
        "accountable": framework.accountable(team, function),
        "responsible": str(responsible[0]) if len(responsible) else "",
        "owner with the most of them": str(pd.Series(owners).index[0]) if len(owners) else "",
        "in the function": ", ".join(sorted(people["person_id"].unique())),
    }
    return next(((who, by) for by, who in known.items() if who), (None, "nobody named"))


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


def _to_export(tables: Mapping[str, pd.DataFrame], needs: tuple[str, ...]) -> list[str]:
    """Tables of the CRM that a count needs and that are empty."""
    names = dict.fromkeys(need.split(".")[0] for need in needs)
    return [t for t in names if tables[t].empty and t not in schema.PROGRAMME]


def _newest_touch(activities: pd.DataFrame) -> pd.Series:
    """Say when and how each account was last touched by a person, by account id."""
    last = activities[~activities["is_bot"].fillna(False).astype(bool)].sort_values("occurred_at")
    last = last.dropna(subset="account_id").drop_duplicates("account_id", keep="last").set_index("account_id")
    return (
        "; last touch of any kind "
        + last["occurred_day"].map(_day).astype("str")
        + " ("
        + last["channel"].astype("str")
        + ")"
    )


def _day(when: pd.Timestamp) -> str:
    """Write a day as a person says it."""
    return f"{when.day} {when:%B %Y}"


def _is_recorded(tables: Mapping[str, pd.DataFrame], needs: tuple[str, ...]) -> bool:
    """Has one of the tables needed a row, and each column needed, as table.column, a value anywhere."""
    rows = [len(tables[name]) > 0 for name in needs if "." not in name]
    columns = [tables[name][column] for name, dot, column in (n.partition(".") for n in needs) if dot]
    return (any(rows) or not rows) and all(bool((c.notna() & c.ne("unknown")).any()) for c in columns)


def cell_rows(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` with the cells."""
    where = {"group_by": "cycle", "group": found["cycle"]}
    return measure_rows("S2-5", "element_" + found["element"], found["share"], "share", n=found["n"], **where)


def elements_table(found: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Cells as the table ``01_elements``: what was found, and what lacks, in words.

    Of who lacks an element the first `LACKING` are named.

    Parameters
    ----------
    found : DataFrame of `cells`
    names : name of each account id
    """
    there, gaps = [], []
    for c in found.itertuples():
        newest = f", the newest of {_day(c.newest)}" + ": old" * c.old if pd.notna(c.newest) else ""
        shown = f"; {c.records}{newest}" if c.records else ""
        there.append(f"{c.k:,} of {c.n:,} {c.evidence}{shown}" if c.n else f"not recorded: {c.evidence}")
        first = ", ".join(str(names.get(i, i)) for i in c.lacking.index[:LACKING])
        more = f" and {len(c.lacking) - LACKING:,} more" * (len(c.lacking) > LACKING)
        gaps.append(f"{c.n - c.k:,}: {c.lacks}" + f" ({first}{more})" * bool(first) if c.n > c.k else "")
    columns = [
        "element",
        "cycle",
        "asks",
        "k",
        "n",
        "target",
        "share",
        "verdict",
        "newest",
        "owner",
        "owner_as",
        "next_step",
    ]
    return found[columns].assign(found=there, lacking=gaps)


def account_elements(found: pd.DataFrame, owner: pd.Series) -> pd.DataFrame:
    """Elements of each account as the table ``01_account_elements``: the records that show one, or what lacks, and who acts.

    Messages are for personas, so they are not here; nor is an element whose evidence nobody records.

    Parameters
    ----------
    found : DataFrame of `cells`
    owner : of each account id, who does the work of sales there

    References
    ----------
    S2-5. House definition; README, glossary entry "five elements".
    """
    parts = [schema.empty("01_account_elements")]
    for c in found[(found["element"] != "messaging") & (found["verdict"] != UNKNOWN)].itertuples():
        short = pd.DataFrame({"records": 0, "lacks": c.lacking, "next_step": c.next_step})
        there = c.held[~c.held.index.isin(short.index)].assign(lacks="", next_step="")
        rows = pd.concat([there, short]).rename_axis("account_id").reset_index()
        who = rows["account_id"].map(owner).fillna(c.owner) if c.function == "sales" else c.owner
        parts.append(rows.assign(element=c.element, cycle=c.cycle, owner=who))
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def as_grid(found: pd.DataFrame, column: str) -> pd.DataFrame:
    """Lay one column of `cells` out as elements × cycles."""
    return found.pivot(index="element", columns="cycle", values=column).loc[list(ELEMENTS), list(CYCLES)]


def largest_gaps(found: pd.DataFrame, many: int = 5) -> pd.DataFrame:
    """Keep the cells furthest below their target, then those that cannot be judged; those without a next step are left out."""
    short = (found["target"] - found["share"]).where(found["verdict"] == "gap")
    order = short.sort_values(ascending=False, kind="stable").dropna().index
    return pd.concat([found.loc[order], found[(found["verdict"] == UNKNOWN) & found["next_step"].ne("")]]).head(many)


def leave_out(gaps: pd.DataFrame, accounts: Collection[str]) -> pd.DataFrame:
    """Take accounts out of those that lack an element; a gap that only they have is dropped.

    Parameters
    ----------
    gaps : of `largest_gaps`
    accounts : to be left alone, such as those that lots hold back
    """
    lacking = [why[~why.index.isin(accounts)] for why in gaps["lacking"]]
    kept = [len(now) > 0 or not len(before) for now, before in zip(lacking, gaps["lacking"], strict=True)]
    return gaps.assign(lacking=pd.Series(lacking, gaps.index, dtype=object))[kept]
