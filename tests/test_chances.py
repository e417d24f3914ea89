"""What open deals will bring, on pasts a person can follow: which deals were open when, and what became of them."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import chances, forecast, past_pipeline
from abmlib.method.deals import with_days
from abmlib.method.periods import DAY
from abmlib.stats import survival
from abmlib.tables import Book
from tests.conftest import SAMPLE, as_read
from tests.test_pipeline import TODAY, day, deals, history

HORIZON = 365
PAST_DAY = day("2025-03-31")


def past_deals(rows: list[tuple], **more) -> pd.DataFrame:
    """Deals open on `PAST_DAY` from (account, ended, days followed, amount then, final amount)."""
    f = pd.DataFrame(rows, columns=["account_id", "ended", "days_followed", "amount", "final_amount"])
    f = f.assign(opportunity_id=[f"p{i}" for i in range(len(f))], day=PAST_DAY, stage="Lead", days_in_stage=10.0)
    return f.assign(
        probability=0.5, skipped=False, product_line="X", created_day=PAST_DAY - pd.Timedelta(days=40), **more
    )


def open_today(amounts: list, stage: str = "Lead", days: float = 10.0, accounts: list | None = None) -> pd.DataFrame:
    accounts = accounts or [f"n{i}" for i in range(len(amounts))]
    f = pd.DataFrame({"account_id": accounts, "amount": pd.Series(amounts, dtype=float)})
    ids = [f"o{i}" for i in range(len(f))]
    return f.assign(opportunity_id=ids, product_line="X", stage=stage, days_in_stage=days)


def half_won(n: int = 100, growth: float = 1.0) -> pd.DataFrame:
    return past_deals([(f"a{i}", 1 + i % 2, 100, 10.0, 10.0 * growth) for i in range(n)])


def test_incidence_counts_those_still_open_as_long_as_they_are_known():
    alone = survival.draw_clusters(pd.Series(list("abcd")), 0, 1)
    got = survival.incidence(np.array([10, 20, 30, 40]), np.array([1, 0, 2, 1]), 35, alone)
    assert got.tolist() == [0.25]  # one of four after 10; the third is lost, and the fourth comes after the horizon
    assert survival.incidence(np.array([]), np.array([]), 9, alone._replace(cluster=np.array([], int))).tolist() != [0]


def test_draws_of_clusters_take_all_rows_of_an_account_together():
    draws = survival.draw_clusters(pd.Series(["a", "a", "b", None]), 50, 1)
    rows = draws.often[draws.cluster]
    assert (rows[0] == rows[1]).all()
    assert rows[:, 0].tolist() == [1, 1, 1, 1]  # first every row once
    assert (draws.often.sum(axis=0) == 3).all()  # the row without an account is one of its own


def test_a_deal_was_open_from_its_opening_to_the_day_before_its_closing_as_noted_then():
    rows = [
        ("won", True, 99, "2026-01-10", "2026-03-31"),  # closed on the day: not open at its end
        ("early", None, 5, "2026-04-01"),  # not opened yet
        ("dark", False, 5, "2026-01-01"),  # closed, nobody knows when
        ("bare", None, 5, "2026-01-01"),  # no history: its age is its time there, its amount then is unknown
    ]
    moves = [("won", "2026-01-10", "Lead", "2026-02-01", 10), ("won", "2026-02-05", "Demo", "2026-03-01", 20),
             ("won", "2026-02-20", "Demo", "2026-04-01", 30)]  # fmt: skip
    f = deals(rows, stage=["Won", "Lead", "Lead", "Lead"], account_id=list("abcd"))
    got = past_pipeline.open_on(f, history(moves), pd.DatetimeIndex(["2026-01-31", "2026-02-28", "2026-03-31"]))
    won = got[got["opportunity_id"] == "won"]
    assert won["day"].tolist() == [day("2026-01-31"), day("2026-02-28")]
    assert won["stage"].tolist() == ["Lead", "Demo"]
    assert won["amount"].tolist() == [10, 30]
    assert won["pushes"].tolist() == [0, 2]
    assert won["days_in_stage"].tolist() == [21, 23]
    assert won["skipped"].tolist() == [False, False]
    bare = got[got["opportunity_id"] == "bare"]
    assert (bare["stage"].unique().tolist(), bare["days_in_stage"].tolist()) == (["unknown"], [30, 58, 89])
    assert bare["amount"].isna().all()
    assert set(got["opportunity_id"]) == {"won", "bare"}


def test_a_deal_that_passed_over_a_stage_has_skipped_from_that_day_on():
    moves = history([("a", "2026-01-10", "Lead"), ("a", "2026-02-05", "Offer"), ("a", "2026-03-05", "Demo")])
    days = pd.DatetimeIndex(["2026-01-31", "2026-02-28", "2026-03-31"])
    got = past_pipeline.open_on(deals([("a", None, 5, "2026-01-10")]), moves, days)
    assert got["skipped"].tolist() == [False, True, True]


def test_what_is_known_only_later_was_not_known_then():
    f = deals([("a", None, 5, "2026-01-01"), ("b", None, 5, "2026-01-01")], known_at=[None, "2026-03-15"])
    late = history([("a", "2026-01-01", "Lead"), ("a", "2026-01-20", "Demo")])
    late.loc[1, "known_day"] = day("2026-03-01")
    got = past_pipeline.open_on(f, late, pd.DatetimeIndex(["2026-02-28", "2026-03-31"]))
    assert got[["opportunity_id", "stage"]].to_numpy().tolist() == [["a", "Lead"], ["a", "Demo"], ["b", "unknown"]]


def test_past_days_are_rebuilt_as_a_book_opened_on_that_day_has_them():
    today, then = (Book.open(SAMPLE, as_of=d) for d in ("2026-06-30", "2026-03-31"))
    past = past_pipeline.open_on(
        with_days(today.read("opportunities"), TODAY), today.read("opportunity_stage_history"), pd.DatetimeIndex(["2026-03-31"])
    )  # fmt: skip
    book = (
        then.read("opportunities").query("~is_closed and created_day.notna()").set_index("opportunity_id").sort_index()
    )
    columns = ["stage", "amount", "close_date", "probability"]
    pd.testing.assert_frame_equal(past.set_index("opportunity_id")[columns], book[columns], check_dtype=False)


def test_a_followed_deal_ends_on_its_day_and_an_open_one_on_the_day_of_the_report():
    rows = [
        ("won", True, 1, "2026-01-10", "2026-03-10"),
        ("lost", False, 1, "2026-01-10", "2026-06-30"),
        ("open", None, 1, "2026-01-10"),
    ]
    got = past_pipeline.followed(deals(rows), as_read("opportunity_stage_history"), TODAY)
    first = got[got["day"] == day("2026-01-31")].set_index("opportunity_id")
    assert first["ended"].to_dict() == {"won": 1, "lost": 2, "open": 0}
    assert first["days_followed"].to_dict() == {"won": 38, "lost": 150, "open": 150}
    before = past_pipeline.until(got, day("2026-03-09"))  # a day before the win nobody knew of it
    assert before["ended"].tolist() == [0] * len(before)
    assert before["day"].max() == day("2026-02-28")


def test_half_of_the_deals_open_then_were_won_so_half_of_those_open_now_will_be():
    got = chances.outlook(half_won(growth=0.8), open_today([100, 300, None]), TODAY, HORIZON)
    assert got.chance.tolist() == pytest.approx([0.5] * 3)
    assert got.wins[0] == pytest.approx(1.5)
    assert got.wins[3] == 3
    assert got.money[0] == pytest.approx(0.5 * 400 * 0.8)  # amounts fell until they were won
    assert got.money[3] == 2  # the third has no amount


def test_the_interval_holds_the_chance_of_the_deals_and_not_only_of_the_rate():
    got = chances.outlook(half_won(), open_today([1000.0] + [1.0] * 39), TODAY, HORIZON)
    assert (got.money[1], got.money[2]) == (
        pytest.approx(20, abs=12),
        pytest.approx(1020, abs=12),
    )  # with or without the large one
    assert got.wins[2] - got.wins[1] > 2 * 1.9 * np.sqrt(40 / 4)  # at least that of forty fair coins


def test_luck_that_accounts_share_makes_the_interval_wider():
    alike = past_deals(
        [(f"a{i // 4}", 1 + (i // 4) % 2, 100, 10.0, 10.0) for i in range(200)]
    )  # all of an account end alike
    of_ten = [f"n{i // 10}" for i in range(40)]
    got = chances.outlook(alike, open_today([1.0] * 40, accounts=of_ten), TODAY, HORIZON)
    assert got.wins[2] - got.wins[1] > 30  # four coins, not forty
    alone = chances.outlook(half_won(200), open_today([1.0] * 40, accounts=of_ten), TODAY, HORIZON)
    assert alone.wins[2] - alone.wins[1] < 18


def test_long_in_a_stage_is_compared_with_long_in_a_stage():
    # winners leave early, losers linger: of those still there after 200 days none was won
    rows = [(f"a{i}", 1 if i < 100 else 2, 100, 10.0, 10.0) for i in range(200)]
    past = past_deals(rows).assign(days_in_stage=[*range(100), *range(200, 300)])
    assert chances.outlook(past, open_today([1.0], days=250.0), TODAY, HORIZON).chance.tolist() == pytest.approx([0.0])
    assert chances.outlook(past, open_today([1.0], days=5.0), TODAY, HORIZON).chance.tolist() == pytest.approx([1.0])
    assert chances.outlook(past, open_today([1.0], stage="Demo"), TODAY, HORIZON).chance.tolist() == pytest.approx(
        [0.5]
    )  # a new stage: all


def test_large_deals_that_win_less_bring_less():
    rows = [
        (f"a{i}", 2 if i % 4 == 0 else 1, 100, 500.0 if i % 4 == 0 else 5.0, 5.0) for i in range(400)
    ]  # the large are lost
    got = chances.outlook(past_deals(rows), open_today([900.0, 4.0]), TODAY, HORIZON)
    assert got.chance.tolist() == pytest.approx([0.0, 1.0])


def test_credits_do_not_turn_an_interval_round():
    got = chances.outlook(half_won(), open_today([-50.0] * 20), TODAY, HORIZON).money
    assert got[1] < got[0] < got[2] <= 0


@pytest.mark.parametrize(
    ("past", "lacking"),
    [
        (half_won().assign(day=day("2026-01-31")), "deals that were open 365 days ago or earlier"),
        (half_won(28), "30 closed deals"),
        (half_won().iloc[:0], "deals that were open 365 days ago or earlier"),
    ],
)
def test_a_past_too_short_or_too_small_foretells_nothing_and_says_why(past, lacking):
    got = chances.outlook(past, open_today([1.0]), TODAY, HORIZON)
    assert got.why.startswith(lacking)
    assert np.isnan([*got.wins[:3], *got.money[:3], got.chance.iloc[0]]).all()


def test_no_open_deal_brings_nothing():
    got = chances.outlook(half_won(), open_today([]), TODAY, HORIZON)
    assert (got.wins[:3], got.money[:3]) == ((0, 0, 0), (0, 0, 0))


def test_a_back_test_knows_nothing_of_what_came_later():
    early = past_deals(
        [(f"a{i}", 1 + i % 2, 100, 10.0, 10.0) for i in range(100)], is_won=[i % 2 == 0 for i in range(100)]
    )
    early = early.assign(day=day("2023-12-31"), closed_day=day("2024-04-09"))
    late = early.assign(
        opportunity_id=[f"q{i}" for i in range(100)], day=PAST_DAY, closed_day=day("2025-06-30"), is_won=True
    )
    past = past_pipeline.until(pd.concat([early, late]), TODAY)
    columns = ["wins", "wins_came", "money", "money_came", "crm"]
    for days, expected in ((HORIZON, [50, 100, 500, 1000, 500]), (30, [0, 0, 0, 0, 500])):  # none closed within 30 days
        got = chances.back_tests(past, TODAY, [days * DAY])[0]
        assert got[["horizon_days", "day"]].to_numpy().tolist() == [[days, PAST_DAY]]
        assert got[columns].iloc[0].tolist() == pytest.approx(expected)
        assert got[["judged_by", "held"]].to_numpy().tolist() == [["money", days == 30]]
    got = chances.back_tests(past.assign(amount=np.nan), TODAY, [30 * DAY])[0]  # amounts of past days are unknown
    assert got[["money", "money_low", "money_high", "money_came"]].isna().all(axis=None)
    assert got[["wins_came", "judged_by", "held"]].to_numpy().tolist() == [[0, "wins", True]]
    nothing = chances.back_tests(past.iloc[:0], TODAY, [30 * DAY])[0]
    assert pd.concat([got, nothing])["wins"].dtype == float  # or a page writes all digits


def test_without_a_history_a_chance_knows_no_more_than_how_long_a_deal_is_open():
    past = half_won().assign(stage=lambda d: ["Lead", "Offer"] * (len(d) // 2))
    assert chances.known_by(past) == ["stage", "days in it", "amount"]
    assert chances.known_by(past.assign(stage="unknown", amount=np.nan)) == ["days open"]


def test_where_a_crm_keeps_no_lost_deal_no_deal_has_a_chance():
    kept = half_won()
    assert chances.outlook(kept, kept.head(0), TODAY, HORIZON).why == ""
    assert "lost deals" in chances.outlook(kept[kept["ended"] != past_pipeline.LOST], kept.head(0), TODAY, HORIZON).why


def test_a_back_test_in_whole_months_looks_from_a_quarter_end_to_the_next():
    end, last = day("2026-06-30"), day("2026-03-31")
    sets = ((day("2023-12-31"), day("2024-04-09")), (day("2025-12-31"), day("2026-03-01")), (last, end))
    past = pd.concat([half_won().assign(day=d, closed_day=c, is_won=True) for d, c in sets])
    past["opportunity_id"] += past["day"].astype("str")
    past["is_won"] = past["is_won"] & ~(past["day"].eq(sets[0][0]) & past["account_id"].eq(past["account_id"].iloc[0]))
    got = chances.back_tests(past_pipeline.until(past, end), end, [forecast.time_to(day("2026-09-30"), end)])[0]
    assert got[["day", "horizon_days"]].iloc[-2:].to_numpy().tolist() == [[day("2025-12-31"), 90], [last, 91]]
    assert got["wins_came"].iloc[-1] == 100  # on the last day; 92 days would leave this quarter end out
    assert forecast.time_to(day("2026-09-30"), day("2026-07-01")) == 91 * DAY


def test_of_a_deal_of_unknown_age_no_chance_is_known_and_it_is_in_no_sum():
    now = open_today([100.0, 300.0]).assign(days_in_stage=[10.0, np.nan])
    got = chances.outlook(half_won(), now, TODAY, HORIZON)
    assert got.chance.tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert (got.wins[0], got.wins[3], got.money[0], got.money[3]) == (pytest.approx(0.5), 1, pytest.approx(50), 1)
    none = chances.outlook(half_won(), now.assign(days_in_stage=np.nan), TODAY, HORIZON)
    assert (none.why, np.isnan(none.wins[0])) == ("the day open deals were opened", True)


def test_few_deals_that_linger_are_not_given_the_chance_of_the_young():
    # of 90 young deals all were won; 30 deals linger, over several month ends, and none was
    young = past_deals([(f"a{i}", 1, 20, 10.0, 10.0) for i in range(90)])
    old = past_deals([(f"b{i}", 2, 50, 10.0, 10.0) for i in range(30)]).assign(days_in_stage=300.0)
    lingering = [
        old.assign(opportunity_id=[f"q{i}" for i in range(30)], day=PAST_DAY - pd.Timedelta(days=30 * k))
        for k in range(3)
    ]
    got = chances.outlook(pd.concat([young, *lingering], ignore_index=True), open_today([1.0], days=300.0), TODAY, 92)
    assert got.chance.tolist() == [0]


def test_stages_are_compared_with_the_crm_where_deals_were_open_in_them():
    got = chances.stage_shares(half_won(), TODAY, HORIZON, pd.Series(["Lead", "Demo"]))
    assert got[["stage", "n", "crm"]].to_numpy().tolist() == [["Lead", 100, 0.5]]
    assert got["share"].tolist() == pytest.approx([0.5])
    assert (got["low"] < 0.5).all()
    assert (got["high"] > 0.5).all()


def test_nothing_is_foretold_from_a_past_without_a_win_or_of_one_account():
    lost = half_won().assign(ended=2)
    assert (
        chances.outlook(lost, open_today([1.0]), TODAY, HORIZON).why == "a won deal that was open at a past month end"
    )
    one = chances.outlook(half_won().assign(account_id="a"), open_today([1.0]), TODAY, HORIZON)
    assert one.why == "closed deals of more than one account" and np.isnan(one.wins[0])


def test_other_names_of_accounts_foretell_the_same():
    past, now = half_won(), open_today([100.0, 300.0])
    renamed = past.assign(account_id=past["account_id"].str[::-1])
    one, other = (chances.outlook(rows, now, TODAY, HORIZON) for rows in (past, renamed))
    assert (one.wins, one.money) == (other.wins, other.money)


def test_a_past_shorter_than_twice_the_horizon_is_young():
    ages = [chances.outlook(half_won(), open_today([1.0]), TODAY, days).is_young for days in (228, 229)]
    assert ages == [False, True]  # the past day is 456 days ago


def test_several_horizons_at_once_give_what_each_gives_alone():
    now = open_today([100.0, 300.0, None])
    both = chances.outlooks(half_won(), now, TODAY, [50, HORIZON, 9_999])
    assert [one.money for one in both[:2]] == [chances.outlook(half_won(), now, TODAY, h).money for h in (50, HORIZON)]
    assert "9,999 days ago" in both[2].why
