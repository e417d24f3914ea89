"""The pipeline on deals a person can follow: rates, sizes, cycles, stages, what is open, and what stands in its way."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from abmlib.method import breakdowns, periods
from abmlib.method import deals as dl
from abmlib.method import forecast as fc
from abmlib.method import stages as stg
from abmlib.method.chances import Outlook
from abmlib.method.periods import Period
from abmlib.pages import say_pipeline
from abmlib.tables import schema
from tests.conftest import as_read

tables = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


TODAY = day("2026-06-30")
YEAR = Period(day("2025-07-01"), TODAY)
COLUMNS = ["opportunity_id", "is_won", "amount", "created_at", "closed_at"]


def raw(rows: list[dict], time_zone: str = "UTC") -> pd.DataFrame:
    """Deals to spec; a deal is closed where `is_won` is given."""
    f = pd.DataFrame([{"stage": "Lead", "is_won": None, "amount": None, "is_closed": None} | r for r in rows])
    f["is_closed"] = [bool(w is not None) if c is None else c for w, c in zip(f["is_won"], f["is_closed"], strict=True)]
    for c in set(f.columns) & {"created_at", "closed_at"}:
        f[c] = pd.to_datetime(f[c], utc=True, format="ISO8601")
    if "close_date" in f:
        f["close_date"] = pd.to_datetime(f["close_date"])
    f["opportunity_id"] = f["opportunity_id"] if "opportunity_id" in f else [f"d{i}" for i in range(len(f))]
    return as_read("opportunities", f, time_zone)


def deals(rows: list[tuple], time_zone: str = "UTC", **more: list) -> pd.DataFrame:
    """Deals from (id, won or None while open, amount, created, closed), and further columns by name."""
    dicts = [dict(zip(COLUMNS, (*r, None, None, None)[:5], strict=True)) for r in rows]
    for name, values in more.items():
        dicts = [d | {name: v} for d, v in zip(dicts, values, strict=True)]
    return dl.with_days(raw(dicts, time_zone), TODAY)


def won_and_lost(*rows: tuple, **more: list) -> pd.DataFrame:
    """Closed deals of this year from (won, amount)."""
    return deals([(f"d{i}", w, a, "2026-01-01", "2026-02-01") for i, (w, a) in enumerate(rows)], **more)


def by(rows: list[dict]) -> pd.DataFrame:
    """Rows of `measures` by definition, held against their spec."""
    f = pd.DataFrame(rows)
    schema.conform("measures", f.assign(as_of=TODAY))
    return f.set_index("definition_id")


def test_sums_are_0_without_a_row_and_missing_without_a_known_amount():
    assert dl.known_sum(pd.Series(dtype=float)) == 0
    assert dl.known_sum(pd.Series([5.0, np.nan])) == 5
    assert math.isnan(dl.known_sum(pd.Series([np.nan, np.nan])))


# -- which deals count ------------------------------------------------------------------------------------------------


def test_days_are_days_of_the_reporting_time_zone_and_open_deals_age_to_the_report():
    rows = [
        ("night", True, 1, "2026-03-31T22:30Z", "2026-04-10T21:59Z"),  # in Berlin 1 April to 10 April
        ("open", None, 1, "2026-06-20"),  # ten days to the report
        ("dark", None, 1),  # nobody knows when it began: missing, not 0
        ("undated", False, 1, "2026-01-01"),  # closed, nobody knows when: must not age to the report
    ]
    got = deals(rows, "Europe/Berlin").set_index("opportunity_id")
    assert got["created_day"].iloc[0] == day("2026-04-01")
    assert got["closed_day"].iloc[0] == day("2026-04-10")
    assert got["age_days"].tolist() == pytest.approx([9, 10, np.nan, np.nan], nan_ok=True)


def test_closed_in_keeps_first_and_last_day_and_no_open_or_undated_deal():
    rows = [
        ("first", True, 1, None, "2025-07-01T00:00Z"),
        ("last", False, 1, None, "2026-06-30T23:59Z"),
        ("before", True, 1, None, "2025-06-30T23:59Z"),
        ("after", True, 1, None, "2026-07-01T00:00Z"),
        ("undated", True, 1),  # closed without a day: in no window
        ("open", None, 1),
    ]
    got = dl.closed_in(deals(rows, close_date=["2026-01-01"] * 6), YEAR)  # a close_date alone counts for nothing
    assert got["opportunity_id"].tolist() == ["first", "last"]


def test_trailing_months_end_on_the_day_and_begin_after_the_same_day_before():
    assert str(periods.trailing(TODAY, 12)) == "2025-07-01 to 2026-06-30"
    assert str(periods.trailing(day("2026-02-28"), 3)) == "2025-12-01 to 2026-02-28"


def test_amounts_created_and_won_are_summed_over_whole_months():
    rows = [
        ("a", True, 10, "2026-04-30", "2026-06-01"),
        ("b", False, 30, "2026-04-01", "2026-06-01"),  # lost: created, not won
        ("c", None, 5, "2026-06-02"),
        ("c2", None, 1, "2026-06-02"),
        ("d", None, None, "2026-06-02"),  # no amount
        ("e", True, 7, "2026-03-31", "2026-03-31"),  # its month is not whole
    ]
    spring = Period(day("2026-03-15"), TODAY)
    got = dl.by_month(deals(rows), spring)
    assert got["month"].dt.month.tolist() == [4, 5, 6]
    assert (got["created"].tolist(), got["won"].tolist()) == ([40, 0, 6], [0, 0, 10])
    assert dl.by_month(deals(rows[1:3]), spring).columns.tolist() == ["month", "created"]
    emptied = [
        rows[0],
        ("b", False, 0, "2026-04-01", "2026-06-01"),
    ]  # a CRM that empties lost deals would halve what is created
    assert dl.by_month(deals(emptied), spring).columns.tolist() == ["month", "won"]
    assert dl.by_month(deals([("x", True, 1, "2026-04-01")]), spring).empty  # nobody knows when it was won
    assert dl.by_month(deals([("x", None, None, "2026-04-01")]), spring).empty


# -- win rates --------------------------------------------------------------------------------------------------------


def test_win_rates_divide_by_won_and_lost_and_by_nothing_else():
    rows = [
        ("won", True, 300, None, "2026-01-01"),
        ("lost", False, 100, None, "2026-01-01"),
        ("lost too", False, 200, None, "2026-01-01"),
        ("lost to", False, 0, None, "2026-01-01"),  # for nothing: counts as a deal, and adds no amount
        ("odd", None, 700, None, "2026-01-01"),  # closed, won or lost unknown: neither
        ("open", None, 900),  # must not be in a denominator: 1 of 5, 300 of 1,500
        ("undated", False, 900),  # closed, in no window
    ]
    every = deals(rows, is_closed=[True, True, True, True, True, False, True])
    got = by(dl.win_rates(dl.closed_in(every, YEAR)))
    assert got["value"].to_dict() == {"win_rate_by_count": 0.25, "win_rate_by_amount": 0.5}
    assert got["n"].tolist() == [4, 4]
    assert got.loc["win_rate_by_count", ["low", "high"]].tolist() == pytest.approx([0.0456, 0.6994], abs=1e-4)  # Wilson


@pytest.mark.parametrize(
    ("rows", "expected", "n"),
    [
        ([(True, 300), (False, 100), (False, 200)], 0.5, 3),
        ([(True, 300), (False, 100), (False, 200), (False, None)], 0.5, 3),  # most are known; the other does not count
        ([(True, 300), (False, 100), (False, None), (False, None)], np.nan, 4),  # 0.75 if answered
        ([(True, 300), (False, 100), (False, 0), (False, 0)], np.nan, 4),  # emptied to 0 is as good as missing
        ([(True, 300), (True, None)], np.nan, 2),  # nothing lost: a CRM that keeps won deals only would say 1
        ([(True, None), (False, 100)], 0, 1),
        ([], np.nan, 0),
    ],
)
def test_win_rate_by_amount_is_answered_only_where_most_lost_deals_carry_an_amount(rows, expected, n):
    got = by(dl.win_rates(won_and_lost(*rows) if rows else won_and_lost((True, 1)).iloc[:0])).loc["win_rate_by_amount"]
    assert got["value"] == pytest.approx(expected, nan_ok=True)
    assert got["status"] == ("ok" if expected == expected else "not_answerable")
    assert got["n"] == n


def test_a_win_rate_by_amount_has_no_interval_where_no_deal_was_won():
    got = by(dl.win_rates(won_and_lost(*[(False, a) for a in (10, 20, 30)])))
    assert got["value"].tolist() == [0, 0]
    assert got["low"].isna().to_dict() == {"win_rate_by_count": False, "win_rate_by_amount": True}  # Wilson's says more


def test_where_no_deal_was_lost_nothing_is_said_of_winning_and_why():
    won = [("a", True, 10, "2026-01-01", "2026-02-01"), ("b", True, 20, "2026-01-01", "2026-03-01")]
    lost_before = ("c", False, 30, "2020-01-01", "2020-02-01")
    for rows, why in [
        (won, "lost deals: the data hold deals won and no deal lost"),
        ([*won, lost_before], "a deal lost in these months"),
    ]:
        every = deals(rows)
        got = by(dl.won_measures(every, YEAR))
        rates = got.loc[["win_rate_by_count", "win_rate_by_amount"]]
        assert rates[["status", "why"]].drop_duplicates().values.tolist() == [["not_answerable", why]]
        assert got.loc["deal_size_mean", "value"] == 15  # sizes need no lost deal
        assert dl.velocity_row(dl.closed_in(every, YEAR), 3)["status"] == "not_answerable"
        assert breakdowns.all_groups(dl.closed_in(every, YEAR), every[["type"]]).empty
    cohorts = dl.cohorts(deals(won), TODAY)
    assert cohorts["win_share"].isna().all()
    assert dl.cohort_rows(cohorts)["status"].tolist() == ["not_answerable"]


def test_where_most_closed_deals_have_no_closing_day_all_decided_deals_are_measured_without_a_window():
    rows = [(f"w{i}", True, 10, "2026-01-01") for i in range(3)] + [("l", False, 30, "2026-01-01")]
    every = deals(
        [*rows, ("dated", True, 10, "2026-01-01", "2026-02-01"), ("open", None, 9)], account_id=list("abcdef")
    )
    got = by(dl.won_measures(every, YEAR))
    assert got.loc["win_rate_by_count", ["value", "n"]].tolist() == [0.8, 5]
    assert got.loc["accounts_won", "value"] == 4  # 1 if only the dated one counted
    assert got[["window_start", "window_end"]].isna().all(axis=None)
    none = by(dl.won_measures(every[every["closed_day"].isna()], YEAR)).loc["days_to_won_mean"]
    assert none[["status", "why"]].tolist() == ["not_answerable", "the day each deal was closed"]


def test_a_credit_is_in_the_sum_and_in_the_count_and_turns_no_rate_or_size_around():
    closed = won_and_lost((True, 100), (False, 300), (True, -350))  # by amount −250 ÷ 50 if it counted
    got = by([*dl.win_rates(closed), *dl.deal_sizes(closed)])
    expected = {"win_rate_by_count": 2 / 3, "win_rate_by_amount": 0.25, "won_value": -250, "deal_size_mean": 100}
    assert got["value"][list(expected)].to_dict() == pytest.approx(expected)


def test_intervals_of_deals_rest_on_accounts_not_on_deals():
    one = [
        (w, a) for w, a in [(True, 10), (False, 20), (True, 30), (False, 15), (True, 70), (False, 60), (True, 25)] * 2
    ]
    alone, tripled = won_and_lost(*one), won_and_lost(*one * 3, account_id=[f"a{i}" for i in range(14)] * 3)
    for measure in (dl.win_rates, dl.deal_sizes, lambda d: [dl.velocity_row(d, 4)]):
        got, expected = by(measure(tripled)), by(measure(alone))
        ends = got.index[got["low"].notna()] if "low" in got else []
        assert len(ends)
        for end in ("low", "high"):  # three deals alike in each account say no more than one
            assert got.loc[ends, end].tolist() == pytest.approx(expected.loc[ends, end].tolist(), rel=0.02)


def test_odd_deals_are_counted_aloud_and_left_out_of_what_they_would_spoil():
    rows = [
        ("fine", True, 10, "2026-01-01", "2026-01-11"),  # 10 days
        ("backward", True, 10, "2026-02-01", "2026-01-01"),  # closed before it was created: won, and of no duration
        ("ancient", True, 10, "1900-01-01", "2026-01-01"),  # 46,021 days
        ("unknown", None, 10, "2026-01-01", "2026-02-01"),  # neither won nor lost
        ("undated", False, 10, "2026-01-01"),
        ("credit", False, -5, "2026-01-01", "2026-01-21"),
        ("open", None, 10, "2026-06-20"),
    ]
    every = deals(rows, is_closed=[True] * 6 + [False])
    got = dl.oddities(every, TODAY)
    assert got["deals"].tolist() == [1] * 5
    assert got["oddity"].str.split().str[-1].tolist() == ["day", "unknown", "created", "day", "zero"]
    closed = dl.closed_in(every, YEAR)
    assert dl.win_rates(closed)[0]["value"] == 0.75
    lengths = by(dl.cycle_lengths(closed, every))
    assert lengths.loc["days_to_won_mean", ["value", "n"]].tolist() == [10, 1]
    assert lengths.loc["days_to_close_median_open_censored", "n"] == 4  # fine, unknown, credit and open
    assert dl.oddities(every.iloc[:1], TODAY).empty


CLOSED = st.lists(st.tuples(st.booleans(), st.integers(1, 500)), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None)
@given(CLOSED, st.integers(0, 5))
def test_open_deals_never_change_a_win_rate(rows, more):
    closed = [(f"d{i}", w, a, None, "2026-01-01") for i, (w, a) in enumerate(rows)]
    plain, mixed = (deals(closed + [(f"o{i}", None, 999) for i in range(k)]) for k in (0, more))
    pd.testing.assert_frame_equal(
        by(dl.win_rates(dl.closed_in(mixed, YEAR))), by(dl.win_rates(dl.closed_in(plain, YEAR)))
    )


def test_accounts_won_counts_each_account_once_and_deals_without_one_never():
    rows = [(True, 1), (True, 1), (False, 1), (False, 1), (True, 1)]
    # a won twice and lost once: one account, won; b lost; the last has no account
    got = by(dl.accounts_won(won_and_lost(*rows, account_id=["a", "a", "a", "b", None])))
    assert got["value"].to_dict() == {"accounts_won": 1, "accounts_won_of_accounts_closed": 0.5}
    assert got["n"].tolist() == [2, 2]
    alone = by(dl.accounts_won(won_and_lost((True, 1), account_id=["a"])))
    assert alone["value"].fillna(-1).to_dict() == {"accounts_won": 1, "accounts_won_of_accounts_closed": -1}


def test_without_a_closed_deal_no_account_was_seen_to_win_or_not():
    got = by(dl.accounts_won(won_and_lost((True, 1)).iloc[:0]))
    assert (got["status"] == "not_answerable").all()
    lost = by(dl.accounts_won(won_and_lost((False, 1), account_id=["a"])))
    assert lost["value"].tolist() == [0, 0]  # closed and not won: that is known


@pytest.mark.parametrize(
    ("rows", "lacking"),
    [
        ([("open", None, 1, "2026-01-01")], "a deal closed in these months"),
        ([("old", True, 1, "2020-01-01", "2020-02-01")], "a deal closed in these months"),
        ([("dark", True, 1), ("old", True, 1, None, "2020-02-01")], "a deal closed in these months"),  # days are known
        ([("lost", False, 1, "2026-01-01", "2026-02-01")], "a deal won in these months"),
        (
            [("won", True, None, "2026-01-01", "2026-02-01"), ("lost", False, 1, "2026-01-01", "2026-02-01")],
            "",
        ),  # the amount is
    ],
)
def test_what_closed_deals_leave_unanswered_says_what_is_lacking(rows, lacking):
    every = deals(rows)
    got = by(dl.won_measures(every, YEAR))
    assert got.loc["deal_size_mean", ["status", "why"]].tolist() == ["not_answerable", lacking]
    answered = got["status"] == "ok"
    assert (got.loc[answered, "why"] == "").all()
    assert answered["win_rate_by_count"] == (lacking in ("", "a deal won in these months"))


# -- sizes and cycles -------------------------------------------------------------------------------------------------


def test_deal_sizes_by_hand():
    rows = [
        (True, 10, None, 12),  # over one year: ACV 10
        (True, 1000, None, 24),  # over two: 500
        (True, 100, 30, 12),  # its own ACV wins over amount ÷ years
        (True, 0, None, None),  # in the mean and median, not in the geometric mean; no term: no ACV
        (True, None, None, 12),  # no amount: in nothing
        (False, 9999, 9999, 12),  # lost: in nothing
    ]
    won, amount, acv, term = zip(*rows, strict=True)
    got = by(dl.deal_sizes(won_and_lost(*zip(won, amount, strict=True), acv=list(acv), term_months=list(term))))
    assert got["value"].to_dict() == {
        "won_value": 1110,
        "deal_size_mean": 277.5,
        "deal_size_median": 55,
        "deal_size_geometric_mean": pytest.approx(100),  # ∛(10 · 1,000 · 100)
        "acv_mean": 180,  # (10 + 500 + 30) ÷ 3
    }
    assert got["n"].tolist() == [4, 4, 4, 3, 3]
    assert (got["low"].dropna() <= got["value"][got["low"].notna()]).all()


def test_a_term_of_no_months_gives_no_annual_value():
    got = by(dl.deal_sizes(won_and_lost((True, 100), (True, 50), term_months=[0, 12]))).loc["acv_mean"]
    assert (got["value"], got["n"]) == (50, 1)


def test_without_won_deals_sizes_are_missing_and_never_0():
    got = by(dl.deal_sizes(won_and_lost((False, 10))))
    assert (got["status"] == "not_answerable").all()
    assert (got["n"] == 0).all()


def test_cycles_look_at_won_deals_and_beside_them_at_all_with_open_ones_running():
    rows = [
        ("fast", True, 1, "2026-01-01", "2026-01-11"),  # 10 days
        ("slow", True, 1, "2026-01-01", "2026-02-10"),  # 40
        ("lost", False, 1, "2026-01-01", "2026-01-31"),  # 30: not in the mean of won deals
        ("open", None, 1, "2026-06-10"),  # 20 so far
        ("open long", None, 1, "2025-06-30"),  # 365 so far
        ("dark", True, 1, None, "2026-02-10"),  # no creation day: in none
    ]
    every = deals(rows)
    got = by(dl.cycle_lengths(dl.closed_in(every, YEAR), every))
    assert got.loc["days_to_won_mean", ["value", "n"]].tolist() == [25, 2]
    assert got.loc["days_to_won_median", ["value", "n"]].tolist() == [25, 2]
    # ⅘ after 10 days, ⅘·⅔ = 0.53 after 30, 0.53·½ = 0.27 after 40; without the open ones it would be 30
    assert got.loc["days_to_close_median_open_censored", ["value", "n"]].tolist() == [40, 5]


def test_the_interval_of_days_to_close_draws_accounts_not_deals():
    rows = [(f"d{i}", True, 1, "2026-01-01", f"2026-03-{1 + i // 3:02d}") for i in range(60)]  # three alike in a row
    alone = deals(rows, account_id=[None] * 60)
    grouped = deals(rows, account_id=[f"a{i // 3}" for i in range(60)])
    once = deals(rows[::3], account_id=[None] * 20)
    one, of_accounts, single = (
        by(dl.cycle_lengths(d, d)).loc["days_to_close_median_open_censored"] for d in (alone, grouped, once)
    )
    assert one["value"] == of_accounts["value"]
    assert (
        of_accounts[["low", "high"]].tolist() == single[["low", "high"]].tolist()
    )  # as wide as of a third of the deals
    assert of_accounts["high"] - of_accounts["low"] > one["high"] - one["low"]


@pytest.mark.parametrize(
    ("rows", "lacking"),
    [
        ([("a", True, 1, None, "2026-02-10")], "the day each deal was opened"),
        ([("a", None, 1, "2026-01-01")], "more closed deals: too few of all are over"),
        ([("a", True, 1, "2026-01-01", "2026-02-10")], ""),
    ],
)
def test_days_to_close_say_what_they_lack(rows, lacking):
    got = by(dl.cycle_lengths(deals(rows), deals(rows))).loc["days_to_close_median_open_censored"]
    assert (got["why"], got["status"]) == (lacking, "not_answerable" if lacking else "ok")


# -- velocity ---------------------------------------------------------------------------------------------------------


def velocity(n_open: int, size: float, won: int, lost: int, days: int) -> float:
    """Velocity of open deals, where all won deals are of one size and took as many days."""
    end = str(day("2025-01-01").date() + pd.Timedelta(days=days))
    rows = [(f"w{i}", True, size, "2025-01-01", end) for i in range(won)]
    rows += [(f"l{i}", False, 1, "2025-01-01", "2025-02-01") for i in range(lost)]
    return dl.velocity_row(deals(rows), n_open)["value"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((40, 25_000, 1, 3, 90), 2777.78),
        ((18, 42_000, 6, 19, 78), 2326.15),
        ((0, 25_000, 1, 3, 90), 0),
        ((40, 25_000, 1, 3, 0), np.nan),  # no cycle: no velocity, and no division by 0
        ((40, np.nan, 1, 3, 90), np.nan),
    ],
)
def test_velocity_of_the_metric_dictionary(parts, expected):
    assert round(velocity(*parts), 2) == pytest.approx(expected, nan_ok=True)


def test_a_cycle_a_fifth_shorter_gives_a_quarter_more_and_any_other_lever_a_fifth():
    base = velocity(40, 25_000, 5, 15, 90)
    assert velocity(40, 25_000, 5, 15, 72) / base == pytest.approx(1.25)
    for more in [(48, 25_000, 5, 15, 90), (40, 30_000, 5, 15, 90), (40, 25_000, 6, 14, 90)]:
        assert velocity(*more) / base == pytest.approx(1.2)


def test_velocity_takes_deals_open_now_and_the_rest_from_closed_ones():
    rows = [
        ("won", True, 200, "2026-01-01", "2026-01-11"),  # 10 days
        ("won dear", True, 400, "2026-01-01", "2026-01-31"),  # 30 days
        ("won dark", True, None, None, "2026-01-31"),  # counts in the win rate alone
        ("lost", False, 9999, "2026-01-01", "2026-03-31"),  # neither in the size nor in the cycle
    ]
    got = dl.velocity_row(deals(rows), 8)
    assert got["value"] == pytest.approx(8 * 300 * 0.75 / 20) == pytest.approx(90)
    assert (got["n"], got["unit"]) == (8, "currency per day")
    assert got["low"] <= 90 <= got["high"]


@pytest.mark.parametrize("rows", [[], [("lost", False, 10, "2026-01-01", "2026-01-11")]])
def test_velocity_without_a_won_deal_is_not_answerable(rows):
    closed = deals(rows) if rows else deals([("x", True, 1, "2026-01-01", "2026-01-11")]).iloc[:0]
    assert dl.velocity_row(closed, 8)["status"] == "not_answerable"


def test_velocity_of_deals_won_on_the_day_they_were_opened_is_missing():
    assert dl.velocity_row(deals([("d", True, 10, "2026-01-01", "2026-01-01")]), 8)["status"] == "not_answerable"


# -- stages -----------------------------------------------------------------------------------------------------------

ORDER = {"Lead": 1, "Demo": 2, "Offer": 3, "Won": 4, "Lost": 5}


def history(rows: list[tuple]) -> pd.DataFrame:
    """Stage history to spec from (deal, day, stage) and, where given, forecast closing day, amount and probability."""
    f = pd.DataFrame(
        [(*r, None, None, None)[:6] for r in rows],
        columns=["opportunity_id", "entered_at", "stage", "close_date", "amount", "probability"],
    )
    f["entered_at"], f["close_date"] = pd.to_datetime(f["entered_at"], utc=True), pd.to_datetime(f["close_date"])
    seq = f.groupby(["opportunity_id", "entered_at"]).cumcount()
    return as_read("opportunity_stage_history", f.assign(stage_order=f["stage"].map(ORDER), seq=seq))


@pytest.fixture
def told() -> tuple[pd.DataFrame, pd.DataFrame]:
    moves = [
        ("plain", "2026-01-01", "Lead"), ("plain", "2026-01-11", "Demo"), ("plain", "2026-01-31", "Offer"),
        ("plain", "2026-02-10", "Won"),  # the closing row is no stay of its own
        ("skips", "2026-01-01", "Lead"), ("skips", "2026-01-21", "Offer"),  # moved on from Lead, never entered Demo
        ("skips", "2026-01-31", "Lost"),
        ("back", "2026-01-01", "Lead"), ("back", "2026-01-06", "Demo"),
        ("back", "2026-01-16", "Lead"),  # a regression: Lead is entered once, not twice, and Demo did not move on
        ("back", "2026-01-26", "Lost"),
        ("changes", "2026-06-01", "Lead", "2026-07-01", 10),
        ("changes", "2026-06-10", "Lead", "2026-07-01", 20),  # a new amount is no new stay
        ("changes", "2026-06-15", "Lead", "2026-08-01", 20),  # nor is a later closing day
        ("changes", "2026-06-21", "Demo", "2026-08-01", 20),  # still there: nine days to the day of the report
        ("stays", "2026-06-21", "Lead"),
        ("gone", "2026-01-01", "Lead"), ("gone", "2026-01-02", "Demo"),  # a deal nobody knows: not counted
    ]  # fmt: skip
    rows = [
        ("plain", True, 1, "2026-01-01", "2026-02-10"),
        ("skips", False, 1, "2026-01-01", "2026-01-31"),
        ("back", False, 1, "2026-01-01", "2026-01-26"),
        ("changes", None, 1, "2026-06-01"),
        ("stays", None, 1, "2026-06-21"),
        ("unheard", None, 1, "2026-06-01"),  # no history: no stay
    ]
    f = deals(rows, stage=["Won", "Lost", "Lost", "Demo", "Lead", "Lead"])
    return f, history(moves[::-1])  # the file need not be in order


def test_stays_run_from_stage_to_stage_and_the_last_to_the_close_or_the_report(told):
    got = stg.stage_visits(*told, TODAY)
    rows = [(v.opportunity_id, v.stage, v.days, v.over) for v in got.itertuples()]
    assert rows == [
        ("back", "Lead", 5, True), ("back", "Demo", 10, True), ("back", "Lead", 10, True),
        ("changes", "Lead", 20, True), ("changes", "Demo", 9, False),
        ("plain", "Lead", 10, True), ("plain", "Demo", 20, True), ("plain", "Offer", 10, True),
        ("skips", "Lead", 20, True), ("skips", "Offer", 10, True),
        ("stays", "Lead", 9, False),
    ]  # fmt: skip
    assert got.groupby("opportunity_id")["won"].first().to_dict()["plain"]
    assert got.loc[got["opportunity_id"] == "stays", "won"].isna().all()


def test_stage_table_by_hand(told):
    got = stg.stage_table(stg.stage_visits(*told, TODAY)).set_index("stage")
    assert got.index.tolist() == ["Lead", "Demo", "Offer"]  # in their order, closing stages left out
    assert got["entered"].tolist() == [5, 3, 2]
    assert got["moved_on"].tolist() == [4, 1, 1]  # Lead: all but the one that stays; Offer: won counts as moving on
    assert got["lost"].tolist() == [0, 1, 1]
    assert got["still_there"].tolist() == [1, 1, 0]
    assert got["conversion"].tolist() == pytest.approx([1, 1 / 2, 1 / 2])  # of those that left
    # Lead: over after 5, 10, 10, 20, 20 and one running since 9; Demo: 10, 20 and one running since 9
    assert got["days_median"].tolist() == [10, 10, 10]


def test_deals_still_in_a_stage_are_no_failures_and_count_as_long_as_they_are_known():
    began = [("quick", "2026-01-01"), ("lost", "2026-01-01"), ("still", "2026-06-10")]
    moves = [(d, b, "Lead") for d, b in began] + [("quick", "2026-01-11", "Demo"), ("lost", "2026-01-31", "Lost")]
    rows = [
        ("quick", None, 1, "2026-01-01"),
        ("lost", False, 1, "2026-01-01", "2026-01-31"),
        ("still", None, 1, "2026-06-10"),
    ]
    f = deals(rows, stage=["Demo", "Lost", "Lead"], account_id=["a", "b", "c"])
    lead = stg.stage_table(stg.stage_visits(f, history(moves), TODAY)).set_index("stage").loc["Lead"]
    # after 10 days one of three moved on; after 20 the third is out of sight; of what is left all is lost: not 1 of 3, nor 1 of 2
    assert lead["conversion"] == pytest.approx(1 / 3)
    assert lead[["entered", "moved_on", "lost", "still_there"]].tolist() == [3, 1, 1, 1]


def test_a_deal_that_fell_back_into_a_stage_it_had_skipped_has_not_moved_on_from_it():
    moves = [("d", "2026-01-01", "Lead"), ("d", "2026-01-05", "Offer"), ("d", "2026-01-09", "Demo"),
             ("d", "2026-01-20", "Lost")]  # fmt: skip
    f = deals([("d", False, 1, "2026-01-01", "2026-01-20")], stage=["Lost"])
    got = stg.stage_table(stg.stage_visits(f, history(moves), TODAY)).set_index("stage")
    assert got["moved_on"].to_dict() == {"Lead": 1, "Demo": 0, "Offer": 0}  # from Demo it went nowhere


@pytest.mark.parametrize("stage", ["Lost", "Demo"])
def test_a_close_without_a_row_of_its_own_ends_the_last_stay(stage):
    # where won and lost are a status beside the stage, the deal still names the stage it was lost in
    f = deals([("d", False, 1, "2026-01-01", "2026-01-20")], stage=[stage])
    moves = [("d", "2026-01-01", "Lead"), ("d", "2026-01-10", "Demo")]
    got = stg.stage_visits(f, history(moves), TODAY)
    assert [(v.stage, v.days, v.over) for v in got.itertuples()] == [("Lead", 9, True), ("Demo", 10, True)]


def test_without_history_there_are_no_stages():
    visits = stg.stage_visits(deals([("d", None, 1)]), as_read("opportunity_stage_history"), TODAY)
    assert visits.empty
    assert stg.stage_table(visits).empty


PATHS = st.lists(st.lists(st.sampled_from(["Lead", "Demo", "Offer"]), min_size=1, max_size=6), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None)
@given(PATHS)
def test_each_day_of_an_open_deal_is_in_one_stay_and_no_more_move_on_than_entered(paths):
    moves = [
        (f"d{i}", day("2026-06-01") + k * periods.DAY, stage)
        for i, path in enumerate(paths)
        for k, stage in enumerate(path)
    ]
    f = deals([(f"d{i}", None, 1) for i in range(len(paths))], stage=[path[-1] for path in paths])
    visits = stg.stage_visits(f, history(moves), TODAY)
    assert visits.groupby("opportunity_id")["days"].sum().tolist() == [29] * len(paths)  # from 1 to 30 June
    assert (~visits["over"]).groupby(visits["opportunity_id"]).sum().tolist() == [1] * len(paths)
    stages = stg.stage_table(visits)
    assert (stages["moved_on"] <= stages["entered"]).all()
    assert stages["entered"].tolist() == [sum(s in path for path in paths) for s in stages["stage"]]
    assert (stages["lost"] == 0).all()
    assert (stages["moved_on"] + stages["still_there"] == stages["entered"]).all()


# -- what is open -----------------------------------------------------------------------------------------------------


@pytest.fixture
def live() -> pd.DataFrame:
    rows = [
        ("a", None, 100, "2026-01-01"),
        ("b", None, None, "2026-01-01"),  # no amount: counted, and in no sum but the one at list price
        ("c", None, 200, None),  # no account and no age; nobody decided in its stage, its line has no price
        ("done", True, 999, "2026-01-01", "2026-02-01"),  # closed: in nothing
    ]
    return deals(
        rows,
        stage=["Lead", "Lead", "Offer", "Lead"],
        account_id=["x", "y", None, "x"],
        product_line=["X", "X", "Y", "X"],
        probability=[0.5, 0.2, None, 1.0],
    )


PRODUCTS = pd.DataFrame({"product_line": ["X", "X", "X", "Y"], "list_price": [10.0, 20.0, 90.0, None]})
AHEAD = Period(day("2026-07-01"), day("2027-06-30"))
LIKELY = Outlook(pd.Series(dtype=float), (1.5, 1.0, 3.0, 3), (30.0, 10.0, 90.0, 2))


def test_open_pipeline_by_hand(live):
    lost = live[live["is_closed"]].assign(opportunity_id="lost", is_won=False)
    got = by(fc.open_measures(pd.concat([live, lost]), LIKELY, PRODUCTS, AHEAD))
    assert got["value"].to_dict() == {
        "open_deals": 3,
        "open_deals_without_account": 1,
        "open_deals_without_amount": 1,
        "open_deals_without_age": 1,
        "open_value": 300,
        "weighted_by_crm_probability": 50,
        "wins_foretold": 1.5,
        "won_value_foretold": 30,
    }
    assert got["n"].tolist() == [3, 3, 3, 3, 2, 1, 3, 2]
    assert got.loc["won_value_foretold", ["low", "high", "window_start", "window_end"]].tolist() == [
        10,
        90,
        AHEAD.start,
        AHEAD.end,
    ]


def test_what_the_past_lacks_to_foretell_is_the_reason(live):
    nothing = (np.nan, np.nan, np.nan, 0)
    got = by(fc.open_measures(live, Outlook(pd.Series(dtype=float), nothing, nothing, "30 deals"), PRODUCTS, AHEAD))
    assert got.loc[["wins_foretold", "won_value_foretold"], "why"].tolist() == ["30 deals", "30 deals"]


def test_list_prices_stand_in_where_most_open_deals_have_no_amount(live):
    got = by(fc.open_measures(live.assign(amount=[100, None, None, 999]), LIKELY, PRODUCTS, AHEAD))
    assert got["value"]["open_value_at_list_price"] == 40  # a and b at the median of their line, not the mean of 40
    assert got["n"]["open_value_at_list_price"] == 2  # the line of c has no price


def test_what_no_open_deal_can_answer_is_missing_and_never_0(live):
    none = live.assign(amount=np.nan, probability=np.nan)
    got = by(fc.open_measures(none, LIKELY, PRODUCTS.iloc[:0], AHEAD))
    sums = ["open_value", "weighted_by_crm_probability", "open_value_at_list_price"]
    assert (got.loc[sums, "status"] == "not_answerable").all()
    assert (got.loc[sums, "n"] == 0).all()
    closed = live[live["is_closed"]]
    assert by(fc.open_measures(closed, LIKELY, PRODUCTS, AHEAD)).loc[
        ["open_deals", "open_value"], "value"
    ].tolist() == [0, 0]


# -- later and later --------------------------------------------------------------------------------------------------


def test_only_moves_to_a_later_day_are_pushes():
    rows = [
        ("twice", "2026-01-01", "Lead", "2026-03-01"),
        ("twice", "2026-01-02", "Lead", "2026-04-01"),  # later
        ("twice", "2026-01-03", "Demo", "2026-03-15"),  # earlier: no push
        ("twice", "2026-01-04", "Demo", "2026-03-16"),  # later than before, though not than the latest ever
        ("never", "2026-01-01", "Lead", "2026-09-01"),  # the first day of a deal is no move from another deal's last
        ("never", "2026-01-02", "Demo", "2026-09-01"),  # another change
        ("gap", "2026-01-01", "Lead", "2026-03-01"),
        ("gap", "2026-01-02", "Lead", None),  # a row without a day neither hides the move after it nor is one
        ("gap", "2026-01-03", "Lead", "2026-04-01"),
    ]
    every = deals([("twice", None, 1), ("never", None, 1), ("gap", None, 1)])
    assert stg.pushes(history(rows[::-1]), every).to_dict() == {"twice": 2, "never": 0, "gap": 1}
    assert stg.pushes(as_read("opportunity_stage_history"), every).empty


def test_the_day_on_which_a_deal_is_closed_is_no_push():
    rows = [
        ("late", "2026-01-01", "Lead", "2026-03-01"),
        ("late", "2026-02-01", "Lead", "2026-04-01"),  # a push
        ("late", "2026-05-01", "Won", "2026-05-01"),  # closed later than forecast: the deal was not open any more
    ]
    closed = deals([("late", True, 1, "2026-01-01", "2026-05-01")])
    assert stg.pushes(history(rows), closed).to_dict() == {"late": 1}


def test_a_stage_of_closed_deals_alone_is_none_to_convert_from_however_long_before_its_closing_it_was_entered():
    f = deals([("won", True, 1, "2026-01-01", "2026-05-01"), ("open", None, 1, "2026-01-01")], stage=["Won", "Lead"])
    moves = [("won", "2026-01-01", "Lead", None, None, 0.1), ("won", "2026-02-01", "Won", None, None, 1.0),
             ("open", "2026-01-01", "Lead", None, None, 0.1)]  # fmt: skip
    assert stg.stage_visits(f, history(moves), TODAY)["stage"].tolist() == ["Lead", "Lead"]
    unsure = [(*m[:5], 0.9 if m[2] == "Won" else 0.1) for m in moves]  # a stage in which a deal could still be lost
    assert set(stg.stage_visits(f, history(unsure), TODAY)["stage"]) == {"Lead", "Won"}


def test_slippage_by_hand():
    rows = [
        ("won", None, "2026-04-01"),  # due on the first day, closed
        ("lost", None, "2026-06-30"),  # due on the last day, closed: lost is no slip
        ("slipped", None, "2026-05-01"),
        ("vanished", None, "2026-05-01"),  # no longer in the source: not closed
        ("next", None, "2026-07-01"),  # due later: not counted
        ("overdue", None, "2026-03-31"),  # was due before the period: not counted
        ("undated", None, None),
        ("closed", True, "2026-05-01"),  # closed already then: not due
    ]
    then = raw([{"opportunity_id": d, "is_won": w, "close_date": c} for d, w, c in rows])
    later = [(d, {"won": True, "lost": False}.get(d), 1) for d, _, _ in rows if d != "vanished"]
    got = fc.slippage(then, deals(later), Period(day("2026-04-01"), TODAY))
    assert (got["value"], got["n"], got["window_end"]) == (0.5, 4, TODAY)
    one = fc.slippage(then.assign(account_id="acme"), deals(later), Period(day("2026-04-01"), TODAY))
    assert one["value"] == 0.5 and pd.isna(one["low"]) and got["low"] < 0.5  # deals of one account say no more than one
    dark = fc.slippage(then[then["opportunity_id"] == "undated"], deals(later), YEAR)
    assert (dark["status"], dark["why"]) == ("not_answerable", "a history of the closing days of deals")
    none = fc.slippage(then.iloc[:0], deals(later), YEAR)
    assert (none["status"], none["why"]) == ("not_answerable", "a deal due to close in these months")  # none was open
    later_only = fc.slippage(then[then["opportunity_id"] == "next"], deals(later), Period(day("2026-04-01"), TODAY))
    assert later_only["why"] == "a deal due to close in these months"  # closing days are known, none lies here


# -- groups -----------------------------------------------------------------------------------------------------------


def test_win_rate_by_group_keeps_every_deal_and_calls_missing_labels_unknown():
    closed = won_and_lost((True, 1), (False, 1), (True, 1), (True, 1), (False, 1), (False, 1))
    labels = pd.Series(["b", "b", "b", None, None, "a"], index=closed.index)
    got = dl.by_group(closed, labels, "segment")
    assert got["group"].tolist() == ["b", "unknown", "a"]  # the most deals first
    assert got["won"].tolist() == [2, 1, 0]
    assert got["n"].tolist() == [3, 2, 1]
    assert got["raw"].tolist() == pytest.approx([2 / 3, 1 / 2, 0])
    assert got["group_by"].unique().tolist() == ["segment"]
    assert dl.by_group(closed, pd.Series(np.nan, index=closed.index), "x")["group"].tolist() == ["unknown"]


def test_a_small_group_is_pulled_towards_all_and_keeps_its_raw_rate_beside_it():
    wins = [True] * 3 + [True] * 30 + [False] * 70 + [True] * 60 + [False] * 40
    closed = won_and_lost(*((w, 1) for w in wins))
    labels = pd.Series(["new"] * 3 + ["north"] * 100 + ["south"] * 100, index=closed.index)
    got = dl.by_group(closed, labels, "owner").set_index("group")
    assert got.loc["new", "raw"] == 1
    assert got.loc["new", "shrunk"] < 0.9
    assert got.loc["south", "shrunk"] == pytest.approx(0.6, abs=0.02)
    rows = by(dl.group_rows(got.reset_index()))
    assert len(rows) == 6
    new = rows[rows["group"] == "new"]
    assert new.loc["win_rate_by_count", "low"] == pytest.approx(0.4385, abs=1e-4)  # Wilson of 3 of 3, for the raw rate
    assert new.loc["win_rate_shrunken", "value"] == got.loc["new", "shrunk"]


def grouped(way: str, *counts: tuple[int, int], design_effect: float = 1.0) -> pd.DataFrame:
    f = pd.DataFrame(counts, columns=["won", "n"]).assign(group_by=way)
    return f.assign(raw=f["won"] / f["n"], n_effective=f["n"] / design_effect)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([(30, 100), (60, 100)], "differ"),
        ([(30, 100), (31, 100), (29, 100)], "no difference beyond chance"),
        ([(3, 10), (6, 10)], "no difference beyond chance"),  # the shares of the first case on a tenth of the deals
        ([(30, 100)], "one group"),
        ([(10, 10), (20, 20)], "one outcome"),  # nobody lost: nothing to compare
    ],
)
def test_groups_differ_only_beyond_chance(groups, expected):
    got = dl.differences(grouped("owner", *groups))
    assert got[["group_by", "groups", "judged"]].values.tolist() == [["owner", len(groups), expected]]
    assert got["p"].isna().tolist() == [expected in ("one group", "one outcome")]


def test_the_chance_of_a_difference_is_that_of_pearsons_test():
    counts = [(3, 10), (6, 10), (9, 30)]
    there = scipy.stats.chi2_contingency([[w for w, _ in counts], [n - w for w, n in counts]], correction=False)
    assert dl.differences(grouped("owner", *counts))["p"].tolist() == pytest.approx([there.pvalue])


def test_deals_worth_fewer_make_a_difference_less_sure():
    counts = [(30, 100), (50, 100)]
    plain, clustered = (dl.differences(grouped("owner", *counts, design_effect=e)) for e in (1, 3))
    assert (plain["judged"].tolist(), clustered["judged"].tolist()) == (["differ"], ["no difference beyond chance"])
    assert scipy.special.chdtri(1, clustered["p"][0]) == pytest.approx(scipy.special.chdtri(1, plain["p"][0]) / 3)


def test_a_difference_among_many_ways_has_to_be_larger():
    doubtful = grouped("doubtful", (36, 100), (51, 100))
    others = [grouped(f"way {i}", (40, 100), (41, 100)) for i in range(9)]
    assert dl.differences(doubtful)["judged"].tolist() == ["differ"]
    assert "differ" not in dl.differences(pd.concat([doubtful, *others]))["judged"].tolist()


# -- cohorts ----------------------------------------------------------------------------------------------------------


def cohort(start: str, won: int, still: int, days: int = 30) -> list[tuple]:
    began = day(start)
    closed = [(f"{start} {i}", i < won, 1, began, began + days * periods.DAY) for i in range(10)]
    return closed + [(f"{start} open {i}", None, 1, began) for i in range(still)]


def test_a_quarter_is_too_early_while_its_deals_had_no_time_to_close():
    rows = [*cohort("2025-02-01", 4, 1), *cohort("2026-06-20", 9, 3, days=5), ("dark", None, 1)]
    got = dl.cohorts(deals(rows), TODAY).set_index("cohort")
    assert got.index.tolist() == ["2025Q1", "2026Q2"]  # a deal of unknown age is in none
    assert got["status"].tolist() == ["ok", "too_early"]
    assert got[["opened", "open", "won", "decided"]].to_numpy().tolist() == [[11, 1, 4, 10], [13, 3, 9, 10]]
    assert got["win_share"].tolist() == [0.4, 0.9]  # of decided deals; open ones are no losses


def test_while_fewer_than_nine_tenths_ever_close_an_open_quarter_is_never_ripe():
    got = dl.cohorts(deals(cohort("2020-01-01", 4, 10)), TODAY)
    assert got["status"].tolist() == ["too_early"]
    done = dl.cohorts(deals(cohort("2020-01-01", 4, 0)), TODAY)
    assert done["status"].tolist() == ["ok"]  # all decided: nothing to wait for


def test_the_newest_deal_of_a_quarter_and_not_its_last_day_says_how_old_it_is():
    # nine tenths are closed after 30 days; the newest deal of the quarter is 98 days old, its last day is 10
    rows = [*cohort("2025-02-01", 4, 0), *cohort("2026-01-02", 5, 1)]
    got = dl.cohorts(deals(rows), day("2026-04-10")).set_index("cohort")
    assert got["status"].to_dict() == {"2025Q1": "ok", "2026Q1": "ok"}


# -- coverage and targets ---------------------------------------------------------------------------------------------

QUARTER = Period(day("2026-04-01"), TODAY)
DUE = [
    ("due", None, 90, "2026-01-01", None, "2026-04-01"),  # on the first day
    ("due too", None, 30, "2026-01-01", None, "2026-06-30"),  # on the last
    ("next", None, 500, "2026-01-01", None, "2026-07-01"),
    ("overdue", None, 500, "2026-01-01", None, "2026-03-31"),
    ("undated", None, 500, "2026-01-01", None, None),
    ("unknown", None, None, "2026-01-01", None, "2026-05-01"),  # no amount: not in the sum, nor in n
    ("won", True, 40, "2026-01-01", "2026-05-01", "2026-05-01"),
    ("lost", False, 70, "2026-01-01", "2026-05-01", "2026-05-01"),  # not won: does not close the gap
]


def covered(
    target: float, rate: float = 0.25, rows: list[tuple] = DUE, as_of: str = "2026-04-01", why: str = "", wins: int = 30
) -> pd.DataFrame:
    f = deals([r[:5] for r in rows], close_date=[r[5] for r in rows])
    by_amount = {"value": rate, "low": rate / 2, "high": rate * 2, "n": 50, "why": why}
    return by(fc.target_coverage(f, QUARTER, target, day(as_of), by_amount, wins))


def reached(target: float, rows: list[tuple] = DUE) -> pd.DataFrame:
    return by(fc.won_of_target(deals([r[:5] for r in rows]), QUARTER, target))


def test_coverage_by_hand():
    got = covered(100)
    assert got["value"].to_dict() == {
        "open_due_in_period": 120,
        "open_overdue": 500,  # apart from what is due
        "coverage": 2,  # 120 ÷ (100 − 40)
        "coverage_needed": 4,  # a quarter of the amount is won
    }
    assert got.loc[["open_due_in_period", "coverage", "open_overdue"], "n"].tolist() == [2, 2, 1]
    assert got.loc["coverage_needed", ["low", "high", "n"]].tolist() == [2, 8, 50]  # the ends change places
    assert (got["window_start"] == QUARTER.start).all()
    assert reached(100)["value"].to_dict() == {"target": 100, "won_of_target": 0.4}


def test_a_deal_whose_closing_day_is_past_is_overdue_and_no_longer_due():
    got = covered(100, as_of="2026-06-30")["value"]
    assert got[["open_due_in_period", "open_overdue"]].tolist() == [30, 590]


@pytest.mark.parametrize("target", [40, 30])
def test_a_target_already_won_is_met_and_has_no_coverage(target):
    got = covered(target)
    assert "coverage" not in got.index
    assert reached(target)["value"]["won_of_target"] == 40 / target


@pytest.mark.parametrize(
    ("target", "without", "said"), [(100, 0.4, "without Big (80 EUR) it is 40.0%"), (30, np.nan, ""), (150, np.nan, "")]
)
def test_a_target_that_one_account_meets_is_said_to_hang_on_it(target, without, said):
    rows = [("x", True, 80.0, "2026-01-01", "2026-04-02"), ("y", True, 40.0, "2026-01-01", "2026-04-02")]
    got = fc.without_largest(deals(rows, account_id=["b", "s"]), QUARTER, target)
    assert got[0] == without or np.isnan(got[0]) == np.isnan(without)
    assert say_pipeline.hangs_on(*got, pd.Series({"b": "Big"}), "EUR") == said


def test_what_is_expected_of_each_deal_adds_up_to_what_is_expected_of_all():
    assert fc.parts(pd.Series([1.0, 3.0, np.nan]), 8.0).tolist()[:2] == [2, 6]
    assert fc.parts(pd.Series([0.0]), np.nan).isna().all()


def test_without_a_target_what_is_due_and_needed_is_said_all_the_same():
    got = covered(np.nan)
    assert got.index[got["status"] == "not_answerable"].tolist() == ["coverage"]
    assert (got["value"]["open_due_in_period"], got["value"]["coverage_needed"], got["why"]["coverage"]) == (120, 4, "")
    assert reached(np.nan)["status"].tolist() == ["not_answerable"] * 2


@pytest.mark.parametrize("target", [0, -5])
def test_a_target_of_nothing_is_the_reason_that_nothing_is_compared(target):
    assert covered(target).loc["coverage", "why"] == "a target above 0"
    assert reached(target).loc["won_of_target", "why"] == "a target above 0"


@pytest.mark.parametrize(
    ("rate", "why", "expected"),
    [(0.0, "", "a deal won in these months"), (np.nan, "a deal lost in these months", "a deal lost in these months")],
)
def test_coverage_needed_is_missing_without_a_win_rate_by_amount_and_says_why(rate, why, expected):
    got = covered(100, rate, why=why, wins=0)
    assert got.loc["coverage_needed", ["status", "why"]].tolist() == ["not_answerable", expected]


def test_coverage_needed_is_missing_where_few_deals_were_won():
    assert covered(100, wins=29).loc["coverage_needed", ["status", "why"]].tolist() == [
        "not_answerable", "30 deals won: 29 are too few",
    ]  # fmt: skip


def test_no_sum_of_deals_due_or_overdue_is_0_where_nobody_knows_it():
    undated = covered(100, rows=[r for r in DUE if r[0] == "undated"])
    assert undated["why"][["open_due_in_period", "open_overdue"]].eq("the closing day of open deals").all()
    assert undated["value"][["open_due_in_period", "open_overdue"]].isna().all()
    late = covered(100, rows=[("late", None, None, "2026-01-01", None, "2026-03-01"), *DUE[:1]])
    assert late["why"][["open_due_in_period", "open_overdue"]].tolist() == ["", "the amount of open deals"]


def test_a_deal_due_on_the_day_of_the_report_is_due_in_the_period_that_begins_the_next_day():
    rows = deals([(d, None, 1, "2026-01-01") for d in "ab"], close_date=["2026-06-30", "2026-07-01"])
    coming = Period(day("2026-07-01"), day("2026-09-30"))
    assert fc.due_in(rows, coming, TODAY)["opportunity_id"].tolist() == ["a", "b"]  # it is not overdue either
    assert fc.due_in(rows, coming, TODAY - periods.DAY)["opportunity_id"].tolist() == ["b"]


def test_due_deals_without_any_amount_make_coverage_unknown_and_not_0():
    got = covered(100, rows=[r for r in DUE if r[0] in {"unknown", "won"}])
    assert got["status"][["open_due_in_period", "coverage"]].tolist() == ["not_answerable"] * 2
    nothing_due = covered(100, rows=[r for r in DUE if r[0] in {"next", "won"}])
    assert nothing_due["value"]["coverage"] == 0  # nothing is due: that is known


@pytest.mark.parametrize(
    ("rows", "lacking"),
    [
        ([("won", True, None, None, "2026-05-01", None)], "the amount of won deals"),
        ([("won", True, 40, None, None, None)], "the day each deal was closed"),  # when, nobody knows
        ([("due", None, 90, None, None, None)], "the closing day of open deals"),
        ([("due", None, None, None, None, "2026-05-01")], "the amount of open deals"),
    ],
)
def test_what_deals_do_not_say_is_no_0_of_the_target(rows, lacking):
    got = covered(100, rows=rows).loc["coverage", ["status", "why"]].tolist()
    assert got == ["not_answerable", lacking]
    if rows[0][1]:
        assert reached(100, rows).loc["won_of_target", "why"] == lacking


PERIODS = pd.DataFrame(
    {"period": ["2026-Q2", "2026-Q3"], "owner_id": [None, None], "measure_id": ["won_value"] * 2, "value": [10.0, 20.0],
     "entered_at": pd.to_datetime(["2026-01-01"] * 2, utc=True)}
)  # fmt: skip


@pytest.mark.parametrize(
    ("as_of", "entered", "expected"),
    [
        ("2026-05-15", 2, [("2026-04-01", 10.0), ("2026-04-01", 10.0)]),
        ("2026-06-25", 2, [("2026-04-01", 10.0), ("2026-07-01", 20.0)]),  # the last days
        ("2026-06-30", 2, [("2026-04-01", 10.0), ("2026-07-01", 20.0)]),
        ("2026-06-30", 1, [("2026-04-01", 10.0), ("2026-07-01", np.nan)]),  # not entered yet: the quarter all the same
    ],
)
def test_at_the_end_of_a_period_the_next_is_prepared_for(as_of, entered, expected):
    got = fc.target_periods(PERIODS.iloc[:entered], day(as_of))
    assert [str(p.start.date()) for p, _ in got] == [start for start, _ in expected]
    assert [v for _, v in got] == pytest.approx([v for _, v in expected], nan_ok=True)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("2026", "2026-01-01 to 2026-12-31"),
        ("2026-Q1", "2026-01-01 to 2026-03-31"),
        ("2024-02", "2024-02-01 to 2024-02-29"),
        ("2026-12", "2026-12-01 to 2026-12-31"),
    ],
)
def test_a_period_is_a_year_a_quarter_or_a_month(label, expected):
    assert str(periods.period_of(label)) == expected


@pytest.mark.parametrize("months", [0, -3])
def test_no_months_are_no_period(months):
    with pytest.raises(ValueError, match="months must be 1 or more"):
        periods.trailing(TODAY, months)


@pytest.mark.parametrize(
    "label", ["", "NaT", "nan", "soon", "Q3", "26", "07", "2026-Q5", "2026-13", "2026-H1", "2026-W27", "2026-07-15"]
)
def test_what_is_no_period_is_refused(label):
    with pytest.raises(ValueError, match="is no year, quarter or month. Write 2026, 2026-Q3 or 2026-07"):
        periods.period_of(label)


@tables
@given(st.dates(day("2000-01-01").date(), day("2099-12-31").date()), st.sampled_from(["Y", "Q", "M"]))
def test_a_day_lies_in_the_period_named_after_it(when, kind):
    label = {"Y": f"{when:%Y}", "Q": f"{when:%Y}-Q{(when.month + 2) // 3}", "M": f"{when:%Y-%m}"}[kind]
    got = periods.period_of(label)
    assert got.start <= pd.Timestamp(when) <= got.end


def test_stages_and_cohorts_become_measures_with_what_is_too_early_marked():
    stages = pd.DataFrame({"stage": ["Offer"], "entered": [4], "conversion": [0.75], "low": [0.5], "high": [0.9],
                           "days_median": [5.0], "days_low": [2.0], "days_high": [np.nan]})  # fmt: skip
    visits = pd.DataFrame({"stage": ["Offer"] * 5 + ["Lead"]})  # one deal came back: five stays of four deals
    rows = stg.stage_rows(stages, visits)
    assert rows["definition_id"].tolist() == ["forward_of_left", "days_in_stage_median_open_censored"]
    assert rows["value"].tolist() == [0.75, 5]
    assert rows["n"].tolist() == [4, 5]
    found = pd.DataFrame({"cohort": ["2026Q1", "2026Q2", "2026Q3"], "decided": [4, 2, 0], "win_share": [0.5, 0.5, np.nan],
                          "win_low": 0.1, "win_high": 0.9, "status": ["ok", "too_early", "too_early"]})  # fmt: skip
    rows = dl.cohort_rows(found)
    assert rows["status"].tolist() == ["ok", "too_early", "not_answerable"]
    assert rows["value"].tolist()[:2] == [0.5, 0.5]
    assert rows["group"].tolist() == ["2026Q1", "2026Q2", "2026Q3"]


def test_pushes_are_averaged_over_deals_that_have_a_history_of_them():
    known = deals([(d, None, 1, "2026-01-01") for d in "abcd"]).assign(account_id=list("xyzz"))  # "d" has no history
    got = stg.push_row(pd.Series([0, 0, 3], list("abc")), known)
    assert (got["value"], got["n"], got["unit"]) == (1.0, 3, "times")
    one = stg.push_row(pd.Series([0, 0, 3], list("abc")), known.assign(account_id="x"))
    assert one["value"] == 1 and pd.isna(one["low"])
    assert pd.isna(stg.push_row(pd.Series([0, 0, 0], list("abc")), known)["low"])  # all alike
    assert stg.push_row(pd.Series([], dtype="int64"), known)["status"] == "not_answerable"


def test_quarters_and_targets_follow_the_fiscal_year():
    # a fiscal year from July: its third quarter is January to March of the year it is named after
    targets = pd.DataFrame(
        {"period": ["2026-Q3", "2026-Q1"], "owner_id": [None, None], "measure_id": ["won_value", "won_value"],
         "value": [10.0, 20.0], "entered_at": pd.to_datetime(["2026-01-01", "2026-01-01"], utc=True)}
    )  # fmt: skip
    period, value = fc.target_for(targets, pd.Timestamp("2026-02-15"), year_starts=7)
    assert (str(period), value) == ("2026-01-01 to 2026-03-31", 10.0)
    period, value = fc.target_for(targets, pd.Timestamp("2026-02-15"))
    assert (str(period), value) == ("2026-01-01 to 2026-03-31", 20.0)
    period, value = fc.target_for(targets.iloc[:0], pd.Timestamp("2026-02-15"), year_starts=2)
    assert str(period) == "2026-02-01 to 2026-04-30"
    assert math.isnan(value)
