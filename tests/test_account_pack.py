"""One row per account with what all notebooks know of it, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import account_pack
from abmlib.method.deals import with_days
from abmlib.method.periods import Period
from abmlib.pages import say_changes
from abmlib.tables import schema
from tests.conftest import as_read, entries

YEAR = Period(pd.Timestamp("2025-07-01"), pd.Timestamp("2026-06-30"))
ACCOUNTS = pd.DataFrame(
    {"status": ["customer", "prospect", "customer"], "owner_id": ["S1", None, "S2"]}, index=list("abc")
)
FEATURES = pd.DataFrame(
    {"revenue_12m": [10.0, 0.0, 50.0], "revenue_growth_12m": [0.5, np.nan, -0.1], "open_amount": [5.0, 90.0, np.nan],
     "deals_open": [1, 2, 1], "days_since_touch_in": [3, np.nan, 200], "contacts_reachable": [2, 0, 1], "margin_12m": 1.0,
     "touches_in_90d": 0, "touches_out_90d": 0},
    index=list("abc"),
)  # fmt: skip
TIERS = entries(
    "account_tiers", "account_id valid_from tier set_by reason", [("a", "2026-01-01", "1", "joint", "x", "2026-01-01")]
)


def deals() -> pd.DataFrame:
    rows = [
        ("o1", "a", 7.0, "2026-01-01", True),
        ("o2", "a", 5.0, "2025-06-30", True),  # a day before the year
        ("o3", "b", 3.0, "2026-01-01", False),
        ("o4", "a", 1.0, None, None),
        ("o5", "a", 4.0, None, None),
    ]
    frame = pd.DataFrame(rows, columns=["opportunity_id", "account_id", "amount", "closed_at", "is_won"])
    frame = frame.assign(stage="x", is_closed=frame["is_won"].notna(), created_at=pd.Timestamp("2025-01-01", tz="UTC"))
    frame["closed_at"] = pd.to_datetime(frame["closed_at"] + "T12:00:00Z")
    frame["owner_id"] = frame["opportunity_id"].map({"o4": "S3", "o5": "S4"})
    return with_days(as_read("opportunities", frame), YEAR.end)


def decided() -> pd.DataFrame:
    rows = [
        ("03", "give_key_status", "a"),
        ("12", "ask_for_next_step", "a"),
        ("12", "ask_for_next_step", "c"),
        ("00", "fix", None),
    ]
    frame = pd.DataFrame(rows, columns=["notebook", "slug", "account_id"])
    texts = {
        "give_key_status": "DRAFT: Give key status; or wait",
        "ask_for_next_step": "Call about 27 deals (2 M EUR), or not",
    }
    text = frame["slug"].map(texts).fillna("t")
    return schema.conform("decisions", frame.assign(kind="sell", text=text, would_change="w", status="proposed"))


SPENT = pd.DataFrame({"account_id": ["a", "a", None], "spend": [2.0, 3.0, 9.0], "touches": 0})


def left() -> dict[str, pd.DataFrame]:
    flags = pd.DataFrame(
        {"account_id": ["a", "a", None], "stalled": [True, True, True], "overdue": [False, True, True]}
    ).assign(close_date=pd.Timestamp("2026-06-01"))
    groups = pd.DataFrame({"account_id": ["a", "a", "c"], "role": ["x", "y", "x"], "missing": [True, True, False]})
    cycles = pd.DataFrame(
        {"account_id": ["a", "a", "a"], "product_line": list("lmn"), "cycle": ["mid", "early", "mid"]}
    )
    return {"12_opportunity_flags": flags, "00_buying_groups": groups, "01_cycles": cycles}


@pytest.fixture
def pack() -> pd.DataFrame:
    return account_pack.account_pack(ACCOUNTS, FEATURES, deals(), TIERS, left(), decided(), YEAR, SPENT)


def test_every_account_has_a_row_with_what_all_notebooks_say_of_it(pack):
    a = pack.set_index("account_id").loc["a"]
    assert a[["deals_won_12m", "deals_decided_12m"]].tolist() == [1, 1]
    assert pack.set_index("account_id").loc["b", ["deals_won_12m", "deals_decided_12m"]].tolist() == [0, 1]
    said = ["tier", "cycle", "won_12m", "stalled", "overdue", "missing_roles", "decisions", "advice"]
    assert a[said].tolist() == [
        "1",
        "early; mid",
        7.0,
        2,
        1,
        "x; y",
        2,
        "Give key status (03); Call about its deals (12)",
    ]
    assert a[["won_12m_before", "roles_filled", "deal_owners", "campaign_spend_12m"]].tolist() == [
        5.0,
        0,
        "S4; S3",
        5.0,
    ]
    assert pack["campaign_touches_12m"].isna().all()  # no touch names a campaign: unknown
    assert pack.set_index("account_id").loc["b", "campaign_spend_12m"] == 0
    assert a["last_touch"] == pd.Timestamp("2026-06-27")
    b = pack.set_index("account_id").loc["b"]
    assert b[["won_12m", "stalled", "decisions"]].tolist() == [0, 0, 0]
    assert b[["tier", "cycle", "advice", "last_touch"]].isna().all()


def test_accounts_with_the_largest_open_amount_come_first(pack):
    assert pack["account_id"].tolist() == ["b", "a", "c"]


def test_a_page_names_the_first_of_each_list(pack):
    table = say_changes.pack_table(pack[pack["account_id"] == "a"].assign(advice="x; y; z"), pd.Series({"a": "Acme"}))
    assert table[["account_name", "advice"]].iloc[0].tolist() == ["Acme", "x and 2 more"]


def test_what_was_won_is_missing_where_a_deal_was_won_on_no_known_day():
    every = deals()
    every.loc[every["opportunity_id"] == "o3", ["is_won", "closed_day"]] = [True, pd.NaT]
    got = account_pack.account_pack(ACCOUNTS, FEATURES, every, TIERS, left(), decided(), YEAR, SPENT).set_index(
        "account_id"
    )
    assert got.loc["b", ["won_12m", "won_12m_before", "deals_won_12m", "deals_decided_12m"]].isna().all()
    assert got.loc["c", ["won_12m", "deals_won_12m"]].tolist() == [0, 0]
    every.loc[every["opportunity_id"] == "o3", "is_won"] = False
    lost = account_pack.account_pack(ACCOUNTS, FEATURES, every, TIERS, left(), decided(), YEAR, SPENT).set_index(
        "account_id"
    )
    assert lost.loc["b", ["won_12m", "deals_won_12m"]].tolist() == [0, 0]
    assert pd.isna(lost.loc["b", "deals_decided_12m"])


def test_an_account_with_a_deal_nobody_can_judge_has_a_number_of_stalled_deals_only_if_another_stalls(pack):
    flags = left()["12_opportunity_flags"].assign(
        stalled=pd.array([False, None, None], "boolean"), account_id=["a", "a", "c"]
    )
    made = {value: flags.assign(stalled=flags["stalled"].mask(flags.index == 0, value)) for value in (False, True)}
    packs = {
        v: account_pack.account_pack(
            ACCOUNTS, FEATURES, deals(), TIERS, {"12_opportunity_flags": f}, decided(), YEAR, SPENT
        )
        for v, f in made.items()
    }
    got = {v: p.set_index("account_id")["stalled"] for v, p in packs.items()}
    assert got[False][["a", "c"]].isna().all()
    assert (got[True]["a"], got[True]["b"]) == (1, 0)


def test_what_no_notebook_left_is_empty_and_never_nought():
    none = as_read("opportunities")
    alone = account_pack.account_pack(
        ACCOUNTS, FEATURES, with_days(none, YEAR.end), TIERS, {}, schema.empty("decisions"), YEAR, SPENT.iloc[:0]
    )
    empty = ["won_12m", "stalled", "overdue", "missing_roles", "cycle", "chosen", "verdict", "campaign_spend_12m"]
    assert alone[empty].isna().all(axis=None)
    assert alone["decisions"].eq(0).all()
    held = account_pack.largest(alone, pd.Series([None]), YEAR.end, 0.0)
    assert np.isnan(held["stalled"])
    assert np.isnan(held["roles"])


def test_the_largest_accounts_are_counted_by_what_is_not_in_order(pack):
    held = account_pack.largest(pack, pd.Series(["x", "y", None]), YEAR.end, 190.0)
    assert held == {
        "accounts": 2, "revenue_share": 1 / 6, "open_share": 0.5, "stalled": 1, "roles": 1, "quiet": 1, "no_decision": 1,
    }  # fmt: skip
    said = repr(say_changes.pack(held, 3, 40))
    assert (
        "1 with a deal that stalls or is overdue, 1 without a role that a play needs, 1 without a touch in 90 days"
        in said
    )
    assert said.endswith("A count of leads would show 40 leads, not 3 accounts.")
    assert "leads" not in repr(say_changes.pack(held, 3, 0))
    assert repr(say_changes.pack(held, 0, 40)) == ""


def test_what_nobody_can_judge_is_missing_and_an_account_without_a_deal_has_none():
    flags = left()["12_opportunity_flags"].assign(stalled=pd.Series([None] * 3, dtype="boolean"))
    got = account_pack.account_pack(
        ACCOUNTS, FEATURES, deals(), TIERS, {"12_opportunity_flags": flags}, decided(), YEAR, SPENT
    )
    got = got.set_index("account_id")
    assert np.isnan(got["stalled"].astype(float)["a"])
    assert got.loc["a", "overdue"] == 1
    assert got.loc["b", "stalled"] == 0
    held = account_pack.largest(got, pd.Series(["x", None, None]), YEAR.end + pd.DateOffset(years=1), 1.0)
    assert np.isnan([held["roles"], held["quiet"]]).all()  # most have no role entered, none a touch within a year
    assert "roles are not entered" in repr(say_changes.pack(held, 3, 0))
