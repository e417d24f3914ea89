"""The four-part gate, the choice, its cost and its trial on the past, on accounts a person can follow."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abmlib.method import orders, periods, value
from abmlib.method import qualification as q
from abmlib.method.periods import Period
from abmlib.tables import schema
from tests.conftest import as_read

tables = settings(max_examples=25, deadline=None)  # no deadline: a busy machine is no failure

PASS, FAIL, UNKNOWN = q.PASS, q.FAIL, q.UNKNOWN
GATE = q.Thresholds(max_decline=0.3, min_tenure_days=180, min_buying_days=3, min_margin_rate=0.1)
HISTORY = Period(pd.Timestamp("2024-07-01"), pd.Timestamp("2026-06-30"))
HALVES = periods.adjacent_periods(HISTORY.start, HISTORY.end, 12)
SAID = st.sampled_from([PASS, FAIL, UNKNOWN])


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def lines(rows: list[tuple]) -> pd.DataFrame:
    """Transactions to spec from (account, day, revenue) and, where given, cogs and the last day paid for."""
    frame = pd.DataFrame(
        [(*r, None, None)[:5] for r in rows], columns=["account_id", "booked_at", "revenue", "cogs", "period_end"]
    )
    frame["transaction_id"] = [f"t{i}" for i in range(len(frame))]
    return as_read("transactions", frame)


# -- the parts --------------------------------------------------------------------------------------------------------


def test_revenue_history_allows_the_decline_and_no_more():
    rows = [
        ("at", 100, 70, PASS),  # exactly what may be lost
        ("below", 100, 69.99, FAIL),
        ("grew", 100, 300, PASS),
        ("new", 0, 50, UNKNOWN),  # nothing to compare with: neither pass nor fail
        ("returns", -10, 50, UNKNOWN),  # a negative base would turn the comparison round
        ("lost", 100, 0, FAIL),
    ]
    f = pd.DataFrame(rows, columns=["id", "earlier", "later", "said"]).set_index("id")
    assert q.revenue_history(f["earlier"], f["later"], 0.3).to_dict() == f["said"].to_dict()


@tables
@given(st.integers(-50, 500), st.integers(-50, 500), st.integers(0, 500), st.sampled_from([0.0, 0.2, 0.3, 1.0]))
def test_more_revenue_never_turns_pass_into_fail(earlier, later, more, decline):
    got = q.revenue_history(pd.Series([earlier] * 2), pd.Series([later, later + more]), decline)
    assert got.tolist() != [PASS, FAIL]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2025-07-05", [PASS, FAIL, FAIL, FAIL]),  # 360 days: twice the tenure, so time is judged
        ("2025-07-06", [PASS, PASS, FAIL, FAIL]),  # 359 days: an old customer may look new, so it is not
    ],
)
def test_time_is_judged_only_where_history_is_twice_the_tenure(start, expected):
    rows = [
        ("old", "2026-01-01", 3),  # 180 days: exactly enough
        ("young", "2026-01-02", 9),  # 179 days
        ("rare", "2026-01-01", 2),  # long enough, but too few buying days
        ("never", None, 0),  # never bought: fails, is not missing
    ]
    worth = pd.DataFrame(rows, columns=["id", "first_day", "buying_days"]).set_index("id")
    worth["first_day"] = pd.to_datetime(worth["first_day"])
    assert q.relationship(worth, Period(day(start), day("2026-06-30")), 180, 3).tolist() == expected


@pytest.mark.parametrize("start", ["2020-01-01", "2026-05-01"])
def test_an_account_that_never_bought_has_no_relationship_even_if_no_day_is_asked_for(start):
    worth = pd.DataFrame({"first_day": pd.to_datetime([None]), "buying_days": [0]})
    assert q.relationship(worth, Period(day(start), day("2026-06-30")), 180, 0).tolist() == [FAIL]


def test_profitability_is_judged_only_on_a_known_margin_of_positive_revenue():
    rows = [
        ("at", 100, 10, PASS),
        ("below", 100, 9.99, FAIL),
        ("loss", 100, -5, FAIL),
        ("dark", 100, None, UNKNOWN),  # unknown cost is no low margin
        ("nothing", 0, 0, UNKNOWN),  # 0 >= 0.1 * 0 is true, and means nothing
        ("returns", -100, -5, UNKNOWN),  # -5 >= -10 is true, and means nothing
    ]
    f = pd.DataFrame(rows, columns=["id", "revenue", "margin", "said"]).set_index("id")
    assert q.profitability(f, 0.1).to_dict() == f["said"].to_dict()


def test_a_margin_exactly_at_the_floor_passes_although_tenths_are_not_exact():
    # 0.1 * 23 is 2.3000000000000003 in binary
    assert q.profitability(pd.DataFrame({"revenue": [23.0], "margin": [2.3]}), 0.1).tolist() == [PASS]


@pytest.fixture
def rhythms() -> pd.DataFrame:
    return lines(
        [
            ("steady", "2026-01-01", 5),
            ("steady", "2026-01-31", 5),
            ("steady", "2026-02-10", 5),  # gaps 30 and 10: the longest counts, not the last or the mean
            ("steady", "2026-02-10", 5),  # same day: no gap of 0, and not a fourth day
            ("steady", "2026-03-05", -5),  # a return is no purchase: must not end the silence
            ("twice", "2026-01-01", 5),
            ("twice", "2026-01-11", 5),  # one gap is not a rhythm
            ("paid", "2025-07-01", 5, None, "2026-06-30"),  # one day, but paid for: viable
            ("paid out", "2025-01-01", 5, None, "2025-12-31"),  # paid for no longer, and no rhythm
            ("returned", "2026-03-01", -5, None, "2027-01-01"),  # paid back: no purchase, nothing paid for
        ]
    )


def test_gaps_are_between_buying_days(rhythms):
    got = q.gaps(rhythms, pd.Index(["paid", "paid out", "steady", "twice", "cold"]))
    assert got.index.tolist() == ["paid", "paid out", "steady", "twice", "cold"]
    assert got.loc["cold"].isna().all()
    assert got.loc["steady", ["longest_gap_days", "last_day"]].tolist() == [30, day("2026-02-10")]
    assert got["longest_gap_days"].drop("steady").isna().all()
    assert got["paid_until"]["paid"] == day("2026-06-30")


@pytest.mark.parametrize(
    ("as_of", "steady", "paid"),
    [
        ("2026-03-12", PASS, PASS),  # silent for 30 days: as long as ever before
        ("2026-03-13", FAIL, PASS),  # a day longer
        ("2026-06-30", FAIL, PASS),  # last day paid for
        ("2026-07-01", FAIL, UNKNOWN),
    ],
)
def test_an_account_is_viable_until_it_is_silent_longer_than_ever_before(rhythms, as_of, steady, paid):
    asked = pd.Index(["returned", "steady", "twice", "paid", "paid out", "cold"])
    got = q.viability(rhythms, asked, day(as_of))
    assert got.tolist() == [UNKNOWN, steady, UNKNOWN, paid, UNKNOWN, UNKNOWN]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "gone"]),
        st.dates(HISTORY.start.date(), HISTORY.end.date()),
        st.integers(-50, 100),
        st.none() | st.integers(0, 50),
    ),
    max_size=10,
)


@tables
@given(ROWS, st.permutations(["a", "b", "cold"]))
def test_the_gate_judges_every_account_on_every_part(rows, accounts):
    parts = q.gate_parts(lines(rows), pd.Index(accounts), HISTORY, HALVES, GATE)
    assert parts.index.tolist() == accounts
    assert parts.columns.tolist() == list(q.PARTS)
    assert parts.isin([PASS, FAIL, UNKNOWN]).all(axis=None)
    assert q.part_counts(parts).sum(axis=1).tolist() == [3, 3, 3, 3]
    assert parts.loc["cold"].tolist() == [UNKNOWN, FAIL, UNKNOWN, UNKNOWN]


# -- the choice -------------------------------------------------------------------------------------------------------


@pytest.fixture
def judged() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [
        # account, revenue, margin, classes, then the four parts
        ("big", 50, 5, "A", "B", PASS, PASS, PASS, PASS),
        ("rich", 10, 30, "B", "A", PASS, UNKNOWN, PASS, PASS),  # A on margin only; unknown excludes nobody
        ("next", 20, 4, "A", "C", PASS, PASS, PASS, UNKNOWN),  # larger than rich in revenue, smaller in margin
        ("weak", 40, 20, "A", "A", FAIL, PASS, FAIL, PASS),  # two reasons, both given
        ("small", 5, 1, "C", "C", PASS, PASS, PASS, PASS),  # passes all and is not valuable
        ("poor", 6, 1, "C", "C", FAIL, PASS, PASS, PASS),  # little value comes before the parts
        ("back", -5, -1, "C", "C", PASS, PASS, PASS, PASS),
    ]
    columns = ["id", "revenue", "margin", "pareto_class", "margin_class", *q.PARTS]
    frame = pd.DataFrame(rows, columns=columns).set_index("id")
    return frame[columns[1:5]], frame[list(q.PARTS)]


def test_key_accounts_are_the_largest_by_margin_of_the_valuable_that_fail_nothing(judged):
    got = q.choose_key_accounts(*judged, capacity=2)
    assert got.index[got["chosen"]].tolist() == ["big", "rich"]
    assert got.index[got["qualified"]].tolist() == ["big", "rich", "next"]
    assert got.index[got["valuable"]].tolist() == ["big", "rich", "next", "weak"]


def test_each_account_left_out_has_its_reason_and_the_chosen_have_none(judged):
    got = q.choose_key_accounts(*judged, capacity=2)["exclusion_reason"]
    assert got[["big", "rich"]].isna().all()
    assert got.drop(["big", "rich"]).to_dict() == {
        "next": "qualified, but beyond capacity",
        "weak": "revenue fell; margin below the floor",
        "small": "not among the accounts that carry the business",
        "poor": "not among the accounts that carry the business",
        "back": "net revenue is zero or less",
    }


def test_one_unknown_margin_among_the_valuable_makes_revenue_decide(judged):
    pareto, parts = judged
    for unknown in ("big", "weak"):  # weak is valuable and not qualified: it has the same rank as all others
        dark = pareto.assign(margin=pareto["margin"].mask(pareto.index == unknown))
        assert q.choose_key_accounts(dark, parts, 2)["chosen"][["big", "next"]].all()  # not rich
    elsewhere = pareto.assign(margin=pareto["margin"].mask(pareto.index == "small"))  # small is not valuable
    assert q.choose_key_accounts(elsewhere, parts, 2)["chosen"][["big", "rich"]].all()


def test_a_team_without_capacity_chooses_nobody_and_a_book_without_accounts_gives_none(judged):
    assert not q.choose_key_accounts(*judged, capacity=0)["chosen"].any()
    assert q.choose_key_accounts(*(t.iloc[:0] for t in judged), capacity=5).empty


def test_choose_refuses_negative_capacity(judged):
    with pytest.raises(ValueError, match="capacity must be 0 or more accounts, got -1"):
        q.choose_key_accounts(*judged, capacity=-1)


BOOK = st.lists(st.tuples(st.integers(-50, 500), st.none() | st.integers(-50, 500), SAID, SAID, SAID, SAID), max_size=8)


@tables
@given(BOOK, st.integers(0, 9))
def test_chosen_are_qualified_and_qualified_are_valuable_and_capacity_holds(rows, capacity):
    frame = pd.DataFrame(rows, columns=["revenue", "margin", *q.PARTS]).astype({"revenue": float, "margin": float})
    pareto, parts = value.pareto(frame), frame[list(q.PARTS)]
    got = q.choose_key_accounts(pareto, parts, capacity)
    assert got.index.equals(frame.index)
    assert got["chosen"].sum() == min(capacity, got["qualified"].sum())
    assert (got["qualified"] | ~got["chosen"]).all()
    assert (got["valuable"] | ~got["qualified"]).all()
    assert not (got["qualified"] & (parts == FAIL).any(axis=1)).any()
    assert got["exclusion_reason"].isna().equals(got["chosen"].astype(bool))
    if got["chosen"].any():
        left = got["qualified"] & ~got["chosen"]
        known = frame.loc[got["valuable"], "margin"].notna().all()
        size = frame["margin"] if known else frame["revenue"]
        assert not left.any() or size[got["chosen"]].min() >= size[left].max()
    out = q.exclusions(got, frame["revenue"])
    assert out["accounts"].sum() + got["chosen"].sum() == len(frame)
    assert out["revenue"].sum() + frame.loc[got["chosen"], "revenue"].sum() == frame["revenue"].sum()
    assert out["valuable"].sum() + got["chosen"].sum() == got["valuable"].sum()


def test_exclusions_put_the_most_revenue_first(judged):
    pareto, parts = judged
    got = q.exclusions(q.choose_key_accounts(pareto, parts, 2), pareto["revenue"])
    assert got["revenue"].tolist() == [40, 20, 11, -5]
    assert got["accounts"].tolist() == [1, 1, 2, 1]
    assert got["valuable"].tolist() == [1, 1, 0, 0]


def test_the_table_of_key_accounts_is_to_spec_with_the_largest_first():
    transactions = lines([("a", "2026-01-01", 10, 5), ("b", "2026-01-02", 90, None), ("b", "2024-07-01", 1, 0)])
    accounts = pd.Index(["cold", "a", "b"], name="account_id")
    pareto = value.pareto(orders.by_account(transactions, accounts, HISTORY))
    parts = q.gate_parts(transactions, accounts, HISTORY, HALVES, GATE)
    got = schema.conform("03_key_accounts", value.key_accounts(pareto, parts, q.choose_key_accounts(pareto, parts, 1)))
    assert got["account_id"].tolist() == ["b", "a", "cold"]


def test_held_back_are_accounts_that_the_gate_excludes_and_the_rank_of_the_choice_would_choose(judged):
    pareto, parts = judged  # by margin: rich, weak, big, next; by revenue: big, weak, next, rich
    for capacity, expected in ((2, ["weak"]), (1, []), (0, []), (99, ["weak"])):
        assert q.passed_over(q.choose_key_accounts(pareto, parts, capacity), capacity).tolist() == expected
    by_revenue = q.choose_key_accounts(pareto.assign(margin=np.nan), parts.assign(profitability=UNKNOWN), 1)
    assert by_revenue["size_rank"].dropna().to_dict() == {"big": 1, "weak": 2, "next": 3, "rich": 4}
    assert q.size_rank(pareto)[0].dropna().to_dict() == {"rich": 1, "weak": 2, "big": 3, "next": 4}
    assert (q.size_rank(pareto)[1], q.size_rank(pareto.assign(margin=np.nan))[1]) == ("margin", "revenue")


@pytest.mark.parametrize(
    ("reachable", "large", "margin", "verdict", "asked"),
    [
        (0, 0.9, 5, PASS, True),  # its only decider left
        (1, 0.9, 5, PASS, True),
        (2, 0.2, 5, PASS, False),  # two are enough, however large it is
        (0, 0.2, 5, FAIL, False),  # the gate excludes it
        (0, 0.2, -5, UNKNOWN, False),  # it brings a loss
        (None, 0.2, 5, PASS, True),  # nobody's role is known: 50 of 126 is a large share
        (None, 0.4, 5, PASS, False),
    ],
)
def test_a_second_sponsor_is_asked_for_only_where_the_largest_account_rests_on_too_few(
    judged, reachable, large, margin, verdict, asked
):
    pareto, parts = (t.copy() for t in judged)
    pareto.loc["big", "margin"] = margin
    parts.loc["big", "viability"] = verdict
    counts = pd.DataFrame({"reachable": pd.array([reachable] * len(pareto), "Int64")}, pareto.index)
    got = q.second_sponsor(pareto, q.choose_key_accounts(pareto, parts, 9), counts, large)
    assert got.tolist() == ["big"] * asked


def two_years(accounts: int, first: str = "2024-07-01") -> list[tuple]:
    """As many large accounts, alike: margin of 8 in the year before; then every other one 4, the others 16 and twice it."""
    rows = [("small", "2024-09-01", 1, 0), ("small", first, 0, 0)]  # class B or C, and lost: must not count
    for i in range(accounts):
        rows += [(f"{i:02}", "2024-09-01", 10, 2), (f"{i:02}", "2025-09-01", *((5, 1) if i % 2 else (20, 4)))]
    return rows


def at_risk(rows: list[tuple]) -> tuple[dict, q.Loss]:
    asked = pd.Index(["cold", "loss", "small", *(f"{i:02}" for i in range(80))])
    rows = [*rows, ("loss", "2026-01-01", 5, 9)]
    money, loss = q.margin_at_risk(lines(rows), asked, day("2026-06-30"))
    assert money.index.equals(asked)
    return money.dropna().T.to_dict(), loss


def test_money_at_risk_is_the_share_of_margin_that_class_a_accounts_lost_from_one_year_to_the_next():
    money, loss = at_risk(two_years(80))
    # 80 accounts reach four fifths of 641 with 65 of them: 00 to 64, of which 32 lost 4 of their 8
    assert (loss.what, loss.share, loss.accounts) == ("margin", pytest.approx(32 * 4 / (65 * 8)), 65)
    assert money["00"]["moves"] == pytest.approx(16 * loss.share) and money["01"]["moves"] == pytest.approx(
        4 * loss.share
    )
    assert 0 < money["00"]["moves_low"] < money["00"]["moves"] < money["00"]["moves_high"] < 16
    assert not {"cold", "loss", "small"} & set(money)  # nothing, or a loss, in the last year: nothing to lose


def test_one_unknown_margin_puts_revenue_at_risk_for_all():
    money, loss = at_risk([*two_years(80), ("small", "2026-02-01", 8, None)])
    assert (loss.what, loss.share) == ("revenue", pytest.approx(32 * 5 / (65 * 10)))
    assert money["small"]["moves"] == pytest.approx(8 * loss.share)


@pytest.mark.parametrize(
    ("accounts", "first", "known"),
    [(62, "2024-07-01", True), (61, "2024-07-01", False), (62, "2024-07-02", False)],  # of 62 there are 50 in class A
)
def test_no_money_is_at_risk_where_few_accounts_or_a_short_history_cannot_say_how_much(accounts, first, known):
    assert bool(at_risk(two_years(accounts, first))[0]) == known


def test_the_reason_for_key_status_names_the_rank_the_classes_and_the_parts(judged):
    pareto, parts = judged
    got = q.reasons_for(parts, pareto)
    assert got["rich"] == (
        "number 1 by margin; class A on margin; passes revenue history, profitability, viability; not answerable: relationship"
    )
    assert got["big"] == "number 3 by margin; class A on revenue; passes all parts of the gate"
    assert got.index[got.isna()].tolist() == ["small", "poor", "back"]
