"""What was known on a day does not change afterwards: small CRMs are lived through, exported twice, and read as of earlier days.

A book takes seconds, whatever its size, so each export lays many lives side by side; ids tell whose a row is.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from abmlib.tables import Book, schema

START = pd.Timestamp("2026-01-01", tz="UTC")
END = 120  # days lived through
STAGES = ["Prospect", "Qualify", "Propose", "Commit"]
READ = [
    "accounts", "contacts", "opportunities", "opportunity_stage_history", "opportunity_contacts", "activities",
    "transactions", "surveys", "cases", "web_sessions", "attribute_history", "account_insights", "contracts",
]  # fmt: skip


def at(day: int, hour: int = 12) -> pd.Timestamp:
    return START + pd.Timedelta(days=day, hours=hour)


def iso(day: int) -> str:
    return (START + pd.Timedelta(days=day)).date().isoformat()


@dataclass
class Crm:
    """A CRM as it stands today: it overwrites, deletes, and remembers only what its history tables say."""

    who: str = ""  # begins every id
    tables: dict[str, list[dict]] = field(default_factory=lambda: {name: [] for name in READ})
    stood: dict[int, dict[str, tuple]] = field(
        default_factory=dict
    )  # day -> deal -> stage, amount, close_date, is_closed

    def live(self, day: int, kind: str, a: int, b: int) -> None:
        """Let one thing happen; what has no one to happen to does not."""
        t = self.tables
        row = f"{self.who}{kind}-{day}-{a}-{b}-{sum(map(len, t.values()))}"
        account = f"{self.who}A{a % 4}"
        deal = t["opportunities"][b % len(t["opportunities"])] if t["opportunities"] else None
        contact = t["contacts"][b % len(t["contacts"])] if t["contacts"] else None
        case = t["cases"][b % len(t["cases"])] if t["cases"] else None
        match kind:
            case "account":
                t["accounts"].append({"account_id": row, "name": f"New {row}", "created_at": at(day), "employees": a})
            case "contact":
                t["contacts"].append(
                    {"contact_id": row, "account_id": account, "created_at": at(day), "department": "Buying"}
                )
            case "departs" if contact and not contact.get("valid_to"):
                contact["valid_to"] = at(day)
            case "promoted" if contact:
                contact["department"] = f"Department {a}"
                t["attribute_history"].append(
                    {
                        "table": "contacts",
                        "row_id": contact["contact_id"],
                        "field": "department",
                        "value": f"Department {a}",
                        "known_from": at(day, a),
                    }
                )
            case "grows":
                next(r for r in t["accounts"] if r["account_id"] == account).update(
                    employees=100 + b, owner_id=f"seller {b}"
                )
            case "deal":
                new = {"opportunity_id": row, "account_id": account, "created_at": at(day), "stage": STAGES[0], "amount": 100.0 + b,
                       "close_date": iso(day + 30), "is_closed": False, "is_won": None, "closed_at": None, "loss_reason": None}  # fmt: skip
                t["opportunities"].append(new)
                self.note(day, new, "created")
            case "moves" if deal and not deal["is_closed"]:
                deal["stage"] = STAGES[a % 4]
                self.note(day, deal, "stage")
            case "amount" if deal and not deal["is_closed"]:
                deal["amount"] = float(a * 10 + b)
                self.note(day, deal, "amount")
            case "pushed" if deal and not deal["is_closed"]:
                deal["close_date"] = iso(day + 10 + a)
                self.note(day, deal, "close_date")
            case "closes" if deal and not deal["is_closed"]:
                deal |= {"is_closed": True, "is_won": a % 2 == 0, "closed_at": at(day), "stage": "Won" if a % 2 == 0 else "Lost",
                         "close_date": iso(day), "loss_reason": None if a % 2 == 0 else "price"}  # fmt: skip
                self.note(day, deal, "stage")
            case "joins" if deal and contact:
                key = (deal["opportunity_id"], contact["contact_id"])
                if key not in {(r["opportunity_id"], r["contact_id"]) for r in t["opportunity_contacts"]}:
                    t["opportunity_contacts"].append(
                        {"opportunity_id": key[0], "contact_id": key[1], "role": "champion", "added_at": at(day)}
                    )
            case "touch" | "late touch":
                happened = at(max(day - b, 0)) if kind == "late touch" else at(day)
                t["activities"].append(
                    {"activity_id": row, "account_id": account, "contact_id": contact and contact["contact_id"], "occurred_at": happened,
                     "direction": "inbound", "channel": "web", "known_at": at(day)}
                )  # fmt: skip
            case "buys" | "buys late":
                booked = iso(max(day - b, 0)) if kind == "buys late" else iso(day)
                t["transactions"].append(
                    {
                        "transaction_id": row,
                        "account_id": account,
                        "booked_at": booked,
                        "revenue": 10.0 + b,
                        "kind": "purchase",
                        "known_at": at(day),
                    }
                )
            case "answers":
                t["surveys"].append(
                    {"response_id": row, "account_id": account, "wave": "w", "survey_type": "nps", "item": "i", "scale_min": 0,
                     "scale_max": 10, "score": b % 11, "responded_at": at(day)}
                )  # fmt: skip
            case "complains":
                t["cases"].append(
                    {"case_id": row, "account_id": account, "opened_at": at(day), "closed_at": None, "priority": "low"}
                )
            case "settled" if case and not case["closed_at"]:
                case |= {"closed_at": at(day), "priority": "high"}
            case "visits":
                t["web_sessions"].append({"session_id": row, "account_id": account, "started_at": at(day), "pages": b})
            case "noted":
                t["account_insights"].append(
                    {
                        "insight_id": row,
                        "account_id": account,
                        "kind": "goal",
                        "source": "call",
                        "observed_at": at(day),
                        "confidence": 0.5,
                        "text": "x",
                    }
                )

    def note(self, day: int, deal: dict, field: str) -> None:
        """Write a line of the deal's history."""
        self.tables["opportunity_stage_history"].append(
            {"opportunity_id": deal["opportunity_id"], "entered_at": at(day), "seq": len(self.tables["opportunity_stage_history"]),
             "stage": deal["stage"], "amount": deal["amount"], "close_date": deal["close_date"], "changed_field": field}
        )  # fmt: skip

    def stands(self, day: int) -> None:
        """Remember how deals stand at the end of a day."""
        self.stood[day] = {
            d["opportunity_id"]: (d["stage"], d["amount"], d["close_date"], d["is_closed"])
            for d in self.tables["opportunities"]
        }

    def tidied(self, day: int) -> "Crm":
        """Delete some of what was entered after a day and nothing else refers to."""
        for name, when in (
            ("activities", "known_at"),
            ("transactions", "known_at"),
            ("surveys", "responded_at"),
            ("cases", "opened_at"),
        ):
            self.tables[name] = [r for n, r in enumerate(self.tables[name]) if n % 2 or r[when] < at(day + 1, 0)]
        return self


def export(crms: list[Crm], folder: Path) -> Path:
    """Write lives side by side, and one more touch at the very end, so that no day before is the latest day of the data."""
    clock = {
        "activity_id": "clock",
        "account_id": "0-A0",
        "occurred_at": at(END + 1),
        "direction": "inbound",
        "channel": "web",
        "known_at": at(END + 1),
    }
    (folder / "workbook.yml").write_text("time_zone: UTC\n", "utf-8")
    for name in READ:
        if rows := [*(r for crm in crms for r in crm.tables[name]), *([clock] if name == "activities" else [])]:
            pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return folder


KINDS = [
    "account", "contact", "departs", "promoted", "grows", "deal", "moves", "amount", "pushed", "closes", "joins", "touch",
    "late touch", "buys", "buys late", "answers", "complains", "settled", "visits", "noted",
]  # fmt: skip
LIVES = 40


def lives(seed: int) -> list[list[tuple[int, str, int, int]]]:
    """Many lives, each a list of things that happen."""
    chance = random.Random(seed)
    lot = chance.randint
    return [
        [(lot(0, END), chance.choice(KINDS), lot(0, 9), lot(0, 30)) for _ in range(lot(5, 60))] for _ in range(LIVES)
    ]


def lived(life: list[tuple[int, str, int, int]], until: int, who: str) -> Crm:
    """A CRM with four accounts, a contact and a deal from the start, after all that happened to the end of a day."""
    crm = Crm(f"{who}-")
    for n in range(4):
        crm.tables["accounts"].append(
            {
                "account_id": f"{crm.who}A{n}",
                "name": f"Firm {who} {n}",
                "created_at": at(-30),
                "employees": 10,
                "owner_id": "seller",
            }
        )
    crm.live(0, "contact", 0, 0)
    crm.live(0, "deal", 1, 1)
    ordered = sorted(life, key=lambda e: e[0])
    for day in range(END + 1):
        for event in ordered:
            if event[0] == day <= until:
                crm.live(*event)
        crm.stands(day)
    return crm


def lived_all(seed: int, until: int) -> list[Crm]:
    return [lived(life, until, str(n)) for n, life in enumerate(lives(seed))]


def seen(folder: Path, day: int) -> dict[str, pd.DataFrame]:
    """Everything a book tells of a day."""
    book = Book.open(folder, as_of=iso(day))
    found = {name: book.read(name) for name in READ if book.has(name)}
    overview = book.overview().query("rows > 0").reset_index(drop=True)
    counted = {"features": book.features(), "weeks": book.panel("activities", ["contact_id"], "week")}
    counted["line features"] = book.features(by_line=True)
    return {n: f for n, f in found.items() if len(f)} | {"overview": overview, "records": book.fact_counts()} | counted


def same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    assert one.keys() == other.keys()
    for name, frame in one.items():
        assert_frame_equal(frame, other[name], obj=name)


@dataclass(frozen=True)
class Told:
    """Lives and a day of them, the export of all that happened, and what a book of it tells of the day."""

    seed: int
    day: int
    crms: list[Crm]
    folder: Path
    known: dict[str, pd.DataFrame]


MORE = [pytest.param((seed, day), marks=pytest.mark.slow) for seed, day in ((2, 20), (3, 38), (4, 71), (5, 90))]


@pytest.fixture(scope="module", params=[(1, 55), *MORE], ids=lambda p: f"seed {p[0]}, day {p[1]}")
def told(request, tmp_path_factory) -> Told:
    seed, day = request.param
    crms = lived_all(seed, END)
    folder = export(crms, tmp_path_factory.mktemp("crm"))
    return Told(seed, day, crms, folder, seen(folder, day))


def test_nothing_that_happens_after_a_day_changes_what_was_known_on_it(told, tmp_path):
    for name, crms in {
        "then": lived_all(told.seed, told.day),
        "tidied": [crm.tidied(told.day) for crm in lived_all(told.seed, END)],
    }.items():
        (tmp_path / name).mkdir()
        same(told.known, seen(export(crms, tmp_path / name), told.day))
    assert len(told.known["opportunities"]) > LIVES


def test_a_deal_has_the_stage_amount_and_closing_day_it_had_at_the_end_of_each_day(told):
    got = {
        d.opportunity_id: (d.stage, d.amount, d.close_date.date().isoformat(), d.is_closed)
        for d in told.known["opportunities"].itertuples()
    }
    assert got == {deal: stood for crm in told.crms for deal, stood in crm.stood[told.day].items()}


def test_a_later_day_loses_no_earlier_fact(told):
    before, after = told.known, seen(told.folder, told.day + 12)
    for name in set(before) & set(READ):
        key = schema.key(name)
        fixed = [c for c, d in schema.spec(name).columns.items() if d.when == "fixed"]
        kept = before[name][key].merge(after[name], on=key, how="left")
        assert_frame_equal(kept[fixed], before[name][fixed], obj=name)


def test_a_book_of_a_later_day_reads_a_table_as_a_book_of_an_earlier_one(told):
    later = Book.open(told.folder, as_of=iso(told.day + 12))
    for name in ("accounts", "opportunities"):
        assert_frame_equal(later.read(name, on=pd.Timestamp(iso(told.day))), told.known[name], obj=name)


def test_a_value_known_only_as_it_is_now_reaches_no_earlier_day(told):
    known = told.known
    for name in set(known) & set(READ):
        columns = [c for c, d in schema.spec(name).columns.items() if d.when == "current_only"]
        defaults = {c: schema.spec(name).columns[c].default for c in columns}
        dated = {("contacts", "department")}  # by attribute_history
        for column in [c for c in columns if (name, c) not in dated]:
            shown = known[name][column].dropna().unique().tolist()
            assert shown in ([], [defaults[column]]), f"{name}.{column}"
