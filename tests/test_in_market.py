"""The three states that keep an account out of the market, on accounts a person can follow."""

import pandas as pd
import pytest

from abmlib.method import in_market as im
from abmlib.method import orders
from abmlib.method.deals import with_days
from abmlib.tables import schema
from tests.conftest import as_read

TODAY = pd.Timestamp("2026-06-30")
DAY = pd.Timedelta(days=1)
NO_ACCOUNTS = schema.empty("accounts")
NO_DEALS = with_days(as_read("opportunities"), TODAY)


def table(name: str, rows: list[dict]) -> pd.DataFrame:
    """A table to spec; texts that look like days become days."""
    frame = pd.DataFrame(rows)
    for column, spec in schema.spec(name).columns.items():
        kind = spec.kind
        if column in frame and kind in ("date", "ts"):
            frame[column] = pd.to_datetime(frame[column], utc=kind == "ts", format="ISO8601")
    if name in schema.PROGRAMME and rows:
        usual = {"entered_at": pd.Timestamp("2025-01-01", tz="UTC"), "entered_by": "team"}
        frame = frame.assign(**{c: frame[c].fillna(v) if c in frame else v for c, v in usual.items()})
    return as_read(name, frame if rows else None)


def bought(account: str, days: list[pd.Timestamp], revenue: float = 100.0, **more) -> list[dict]:
    """Purchases of an account, one a day."""
    return [
        {"transaction_id": f"{account}-{i}", "account_id": account, "booked_at": d, "revenue": revenue, "cogs": 60.0, "product_id": "p"}
        | more
        for i, d in enumerate(days)
    ]  # fmt: skip


PRODUCTS = table("products", [{"product_id": "p", "name": "paper", "product_line": "paper"}])


def lines(rows: list[dict]) -> pd.DataFrame:
    """Lines of bills with their line of business."""
    return orders.with_product_line(table("transactions", rows), PRODUCTS)


def rows(*accounts: str) -> pd.DataFrame:
    return im.pairs(pd.Index(accounts), pd.Index(["paper"]))


def won(*deals: tuple[str, int]) -> pd.DataFrame:
    """Won deals for paper from (account, days ago)."""
    made = [
        {"opportunity_id": f"o{i}", "account_id": a, "product_line": "paper", "stage": "Won", "is_closed": True, "is_won": True,
         "created_at": "2023-01-01", "closed_at": str((TODAY - d * DAY).date())}
        for i, (a, d) in enumerate(deals)
    ]  # fmt: skip
    return with_days(table("opportunities", made), TODAY)


def contract(account: str, end: str, **more) -> dict:
    return {"contract_id": f"k{account}", "account_id": account, "product_line": "paper", "start": "2025-01-01", "end": end, "arr": 1.0,
            "auto_renew": False} | more  # fmt: skip


def contracted(*given: dict, of: tuple[str, ...] = ("a",), sold: list[dict] | None = None, **more) -> pd.DataFrame:
    return im.mid_contract(rows(*of), table("contracts", list(given)), lines(sold or []), TODAY, **more)


def outlook(**of: str | None) -> pd.DataFrame:
    made = [
        {"account_id": a, "name": a, "status": "customer", "created_at": "2023-01-01", "growth_outlook": o}
        for a, o in of.items()
    ]
    return table("accounts", made)


# -- just bought ------------------------------------------------------------------------------------------------------


def test_a_won_deal_or_first_purchase_is_just_bought_and_a_repeat_order_is_not():
    sales = bought("first", [TODAY - 10 * DAY]) + bought("repeat", [TODAY - 500 * DAY, TODAY - 10 * DAY])
    got = im.just_bought(
        rows("deal", "first", "repeat", "old", "never"), lines(sales), won(("deal", 20), ("old", 31)), TODAY,
        {"paper": 30},
    )  # fmt: skip
    assert got["state"].tolist() == ["yes", "yes", "no", "no", "no"]
    assert got["evidence"].tolist()[:2] == ["won deal on 2026-06-10", "first purchase on 2026-06-20"]
    assert got["until"].tolist()[:2] == [TODAY + 10 * DAY, TODAY + 20 * DAY]


def test_a_line_without_a_quiet_time_of_its_own_has_that_of_the_house():
    got = im.just_bought(rows("a", "b"), lines([]), won(("a", 179), ("b", 180)), TODAY, {})
    assert got["state"].tolist() == ["yes", "no"]


def test_without_a_sale_in_the_data_nobody_knows_who_has_just_bought():
    got = im.just_bought(rows("a"), lines([]), NO_DEALS, TODAY, {})
    assert got["state"].tolist() == ["unknown"]


def test_quiet_time_is_when_a_tenth_have_bought_again_and_few_deals_tell_none():
    deals = won(*[(f"a{k}", 400) for k in range(60)], *[(f"a{k}", 400 - 10 * (k + 1)) for k in range(30)])
    assert im.quiet_days(deals, TODAY).to_dict() == {"paper": 90}  # the ninth of ninety deals
    assert im.quiet_days(won(*[("a", 10 * k) for k in range(20)]), TODAY).empty


# -- mid-contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"end": "2027-06-30"}, "yes"),
        ({"end": "2026-09-30"}, "no"),  # open to offers by now
        ({"end": "2027-06-30", "notice_date": "2026-06-01"}, "no"),  # under notice: looking
        ({"end": "2027-06-30", "notice_date": "2026-07-01"}, "yes"),  # notice is only to come
        ({"end": "2027-06-30", "start": "2026-07-01"}, "no"),  # begins tomorrow
        ({"end": "2026-06-29"}, "no"),
        ({"end": "2027-06-30", "product_line": "all"}, "yes"),
        ({"end": "2027-06-30", "product_line": "pens"}, "no"),
    ],
)
def test_a_contract_binds_until_talks_about_the_next_begin(given, state):
    got = contracted(contract("a", **given))
    assert got["state"].tolist() == [state]
    if state == "yes":
        assert got["until"].tolist() == [pd.Timestamp("2027-06-30") - 182 * DAY]  # six months


def test_the_last_entry_of_a_contract_holds():
    old = contract("a", "2027-06-30")
    assert contracted(old, contract("a", "2026-07-31", entered_at="2026-01-01T00:00Z"))["state"].tolist() == ["no"]


def test_without_contracts_the_state_is_unknown_but_where_a_period_is_paid_ahead():
    sold = [
        r | {"period_start": TODAY, "period_end": TODAY + 365 * DAY}
        for r in bought("paid", [TODAY], kind="subscription")
    ]
    got = contracted(of=("paid", "dark"), sold=sold)
    assert got["state"].tolist() == ["yes", "unknown"]
    assert got["evidence"].iloc[0] == "paid to 2027-06-30"


def test_more_months_open_before_the_end_bind_fewer():
    assert contracted(contract("a", "2027-06-30"), open_months=12.5)["state"].tolist() == ["no"]
    with pytest.raises(ValueError, match="open_months must be 0 or more, got -1"):
        contracted(contract("a", "2027-06-30"), open_months=-1)


# -- distressed -------------------------------------------------------------------------------------------------------


def test_only_the_outlook_says_yes_or_no_and_shrinking_alone_leaves_it_open():
    got = im.distressed(
        rows("bad", "good", "less", "dark"), outlook(bad="struggling", good="growing", less=None, dark=None), pd.Index(["less", "good"])
    )  # fmt: skip
    assert got["state"].tolist() == ["yes", "no", "unknown", "unknown"]
    assert got["evidence"].fillna("").tolist() == [
        "outlook: struggling",
        "",
        "buys less than usual; no outlook known",
        "",
    ]


# -- together ---------------------------------------------------------------------------------------------------------


def state(*values: str, until: str | None = "2026-12-31") -> pd.DataFrame:
    end = pd.Series([until if v == "yes" else None for v in values], dtype="datetime64[us]")
    return pd.DataFrame({"state": list(values), "evidence": None, "until": end})


def test_one_yes_excludes_and_an_unknown_is_no_no():
    got = im.exclusions(
        rows("a", "b", "c", "d"),
        {
            "just_bought": state("yes", "no", "no", "yes"),
            "mid_contract": state("yes", "unknown", "no", "no", until="2027-01-31"),
            "distressed": state("no", "no", "no", "yes", until=None),
        },
    )
    assert got["excluded"].tolist() == ["yes", "unknown", "no", "yes"]
    assert got["reason"].fillna("").tolist() == ["just_bought; mid_contract", "", "", "just_bought; distressed"]
    assert got["until"].tolist()[0] == pd.Timestamp("2027-01-31")
    assert got["until"].isna().tolist() == [False, True, True, True]  # distress has no known end


def test_empty_tables_leave_every_state_unknown_and_no_account_out():
    got = im.exclusions(
        rows("a", "b"),
        {
            "just_bought": im.just_bought(rows("a", "b"), lines([]), NO_DEALS, TODAY, {}),
            "mid_contract": contracted(of=("a", "b")),
            "distressed": im.distressed(rows("a", "b"), NO_ACCOUNTS, pd.Index([])),
        },
    )
    assert len(got) == 2 and set(got["excluded"]) == {"unknown"}


def test_a_missing_state_and_an_account_given_twice_are_refused():
    with pytest.raises(ValueError, match="2 of 3 missing"):
        im.exclusions(rows("a"), {"just_bought": state("no")})
    with pytest.raises(ValueError, match="1 of 1 ids repeat"):
        rows("a", "a")
