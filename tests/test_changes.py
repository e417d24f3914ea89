"""What changed in a quarter: which quarters, which headlines, what is called; and noise that is not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind
from statsmodels.stats.multitest import multipletests

from abmlib.method import changes
from abmlib.method.deals import with_days
from abmlib.pages import say_changes, show
from abmlib.stats import departures
from abmlib.tables import schema

LAST = pd.Timestamp("2026-06-30")
NO_SALES = schema.empty("transactions")
MANY = pd.Series(pd.date_range("2023-01-01", LAST, freq="D").repeat(2))  # two outcomes a day


def book(closed: list[int], won: list[float], accounts: int = 10_000, seed: int = 1) -> pd.DataFrame:
    """Deals closed per quarter, the oldest first and the last up to `LAST`, each opened on the first of its quarter."""
    random, rows = np.random.default_rng(seed), []
    for k, (n, share) in enumerate(zip(closed[::-1], won[::-1], strict=True)):
        start = (pd.Period(LAST, "Q") - k).start_time
        wins = np.arange(n) < round(n * share)
        day = start + pd.to_timedelta(random.integers(0, 90, n), unit="D")
        rows.append(pd.DataFrame({"closed_day": day, "is_won": wins, "account_id": random.integers(accounts, size=n)}))
    deals = pd.concat(rows, ignore_index=True)
    deals = deals.assign(created_day=deals["closed_day"].dt.to_period("Q").dt.start_time, is_closed=True, amount=100.0)
    first = deals.iloc[[0]].assign(created_day=pd.Timestamp("2023-01-01"), closed_day=pd.Timestamp("2023-02-01"))
    both = pd.concat([deals, first], ignore_index=True)
    return with_days(both.assign(account_id=both["account_id"].astype("str")), LAST)


def judged(deals: pd.DataFrame, as_of: pd.Timestamp = LAST) -> pd.DataFrame:
    compared = changes.quarters_compared(changes.outcome_days(deals, NO_SALES), as_of, 1)
    return changes.judge(changes.flows(deals, NO_SALES), compared).set_index("definition_id")


# -- which quarters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "starts", "first", "second"),
    [
        ("2026-06-30", 1, "2026-04-01 to 2026-06-30", "2026-01-01 to 2026-03-31"),  # whole, though one has a day more
        ("2026-05-20", 1, "2026-04-01 to 2026-05-20", "2026-01-01 to 2026-02-19"),  # to date: the same fifty days
        ("2026-05-30", 3, "2026-03-01 to 2026-05-30", "2025-12-01 to 2026-02-28"),  # never beyond the earlier one's end
        ("2026-04-05", 1, "2026-01-01 to 2026-03-31", "2025-10-01 to 2025-12-31"),  # ten outcomes: the last whole one
        ("2026-05-20", 2, "2026-02-01 to 2026-04-30", "2025-11-01 to 2026-01-31"),  # fiscal year from February
    ],
)
def test_a_quarter_is_compared_with_the_same_days_of_those_before_it(as_of, starts, first, second):
    days = MANY if starts != 2 else MANY[MANY.dt.month != 5]
    got = changes.quarters_compared(days, pd.Timestamp(as_of), starts)
    assert [str(q) for q in got[:2]] == [first, second]
    assert len(got) == 1 + changes.EARLIER


# -- what is called ---------------------------------------------------------------------------------------------------


def test_a_win_rate_halved_in_one_quarter_is_called_and_the_same_rate_is_not():
    steady = judged(book([30] * 8 + [76], [0.5] * 9)).loc["win_rate_by_count"]
    assert steady["verdict"] == "within noise"
    assert steady[["quarter_value", "expected"]].tolist() == pytest.approx([0.5, 0.5])
    halved = judged(book([30] * 8 + [76], [0.5] * 8 + [0.25])).loc["win_rate_by_count"]
    assert halved["verdict"] == "down"
    assert halved["change"] == pytest.approx(-0.25)
    assert halved["change_low"] < -0.25 < halved["change_high"] < 0
    assert halved["p"] < 0.05


def test_what_earlier_quarters_varied_is_noise():
    wild = [0.2, 0.8] * 4
    assert judged(book([60] * 9, [*wild, 0.2])).loc["win_rate_by_count", "verdict"] == "too variable"
    assert judged(book([60] * 9, [0.5] * 8 + [0.2])).loc["win_rate_by_count", "verdict"] == "down"


def test_deals_of_one_account_that_end_alike_count_for_less():
    rows = book([60] * 9, [0.5] * 9)
    alone, alike = (
        judged(rows.assign(account_id=account)).loc["win_rate_by_count", "visible_fall"]
        for account in (
            rows.index.astype("str"),
            rows["is_won"].astype("str") + (rows.index // 4).astype("str"),  # some four deals each
        )
    )
    assert alike < 1.3 * alone < 0


def test_steady_growth_is_no_change_and_a_break_in_it_is():
    growing = [round(100 * 1.1**k) for k in range(9)]
    assert judged(book(growing, [0.5] * 9)).loc["deals_opened", "verdict"] == "within noise"
    broken = judged(book([*growing[:8], 60], [0.5] * 9)).loc["deals_opened"]
    assert broken["verdict"] == "down"
    assert broken["expected"] == pytest.approx(100 * 1.1**8, rel=0.2)


def test_a_quarter_without_any_is_down_and_not_unknown():
    got = judged(book([60] * 8 + [40], [0.5] * 8 + [0.0]))
    assert got.loc["deals_won", ["quarter_value", "verdict"]].tolist() == [0, "down"]


def test_few_outcomes_and_few_quarters_are_said_and_not_judged():
    assert set(judged(book([8] * 9, [0.5] * 9))["verdict"]) == {"too few"}
    young = judged(book([60] * 3, [0.5] * 3).query("created_day > '2025-01-01'"))
    assert young.loc["win_rate_by_count", "verdict"] == "too early"
    assert young["change"].isna().all()


def test_a_median_is_judged_by_the_rows_above_the_earlier_one():
    deals = book([80] * 9, [1.0] * 9)
    size = np.random.default_rng(5).lognormal(0, 0.5, len(deals)) * 100
    now = deals["closed_day"] >= "2026-04-01"
    assert judged(deals.assign(amount=size)).loc["deal_size_median", "verdict"] == "within noise"
    doubled = judged(deals.assign(amount=np.where(now, 2 * size, size))).loc["deal_size_median"]
    assert doubled["verdict"] == "up"
    assert doubled["change_low"] < doubled["change"] < doubled["change_high"]
    assert doubled["visible_fall"] < 0 < doubled["visible_rise"] < 1


def test_open_deals_are_counted_at_the_same_day_of_each_quarter():
    rows = pd.DataFrame({
        "created_day": pd.to_datetime(["2025-01-01", "2025-05-01", "2026-04-10", "2026-06-30"]),
        "closed_day": pd.to_datetime(["2026-06-29", None, None, None]),  # closed the day before the last
        "is_closed": [True, False, False, False], "is_won": [True, None, None, None], "amount": 1.0, "account_id": "a",
    })  # fmt: skip
    flow = changes.flows(with_days(rows, LAST), NO_SALES)[-1]
    compared = changes.quarters_compared(MANY, LAST, 1)
    assert changes._seen(flow, compared).values[:6].tolist() == [3, 2, 2, 2, 2, 1]


def test_twelve_months_are_added_up_and_nothing_known_is_missing():
    deals = book([10] * 9, [0.5] * 9)
    rows = changes.totals(changes.flows(deals, NO_SALES), changes.Period(pd.Timestamp("2025-07-01"), LAST))
    assert {r["definition_id"]: r["value"] for r in rows}["deals_won"] == 20
    assert {r["definition_id"]: r["status"] for r in rows}["total_revenue"] == "not_answerable"


def test_what_the_source_has_nothing_of_is_not_judged():
    assert "total_revenue" not in judged(book([60] * 9, [0.5] * 9)).index
    none = with_days(book([1], [1.0]).iloc[:0], LAST)
    assert judged(none).empty


def test_where_neither_a_halving_nor_a_doubling_would_show_a_headline_is_too_variable_to_judge():
    size = np.random.default_rng(3).lognormal(10, 2.5, 541)  # a few deals carry nearly all the money
    got = judged(book([60] * 9, [0.5] * 9).assign(amount=size))
    assert got.loc[["won_value", "win_rate_by_count", "deals_opened"], "verdict"].tolist() == [
        "too variable", "within noise", "within noise",
    ]  # fmt: skip
    assert got.loc["won_value", "visible_fall"] < -0.5 and got.loc["won_value", "visible_rise"] > 1


# -- the arithmetic ---------------------------------------------------------------------------------------------------


def test_with_equal_noise_a_departure_is_that_of_a_t_test_with_one_against_many():
    values = np.array([3.0, 1.0, 0.2, -0.4, 0.9, -1.3])
    parts = np.eye(6) * 1e-6  # clusters allow for nearly nothing: the quarters' own variation decides
    got = departures.departure(values, parts, np.ones(6), trend=False)
    assert got.p == pytest.approx(ttest_ind(values[1:], values[:1]).pvalue)


def test_without_variation_between_periods_the_clusters_decide():
    got = departures.departure(np.zeros(5), np.eye(5), np.ones(5), trend=False)
    assert got.error == pytest.approx(np.sqrt(1 + 1 / 4))
    assert got.half == pytest.approx(1.96 * got.error, rel=1e-3)


def test_too_few_periods_have_no_departure():
    assert departures.departure(np.zeros(3), np.eye(3), np.ones(3), trend=False) is None
    assert departures.departure(np.zeros(4), np.eye(4), np.ones(4), trend=True) is None


def test_holm_is_that_of_statsmodels():
    p = [0.01, 0.04, 0.03, 0.005, 0.9]
    expected = multipletests(p, method="holm")[1]
    assert departures.holm(pd.Series(p)).tolist() == pytest.approx(expected.tolist())


# -- sentences --------------------------------------------------------------------------------------------------------


def rows_of(*verdicts: str) -> pd.DataFrame:
    """Headlines to spec: two shares and money, in turn, each changed by more than the one before."""
    about = [
        ("C-2", "win_rate_by_count", "share"),
        ("C-4", "won_value", "currency"),
        ("C-5", "days_to_won_median", "days"),
    ]
    rows = [
        {"measure_id": m, "definition_id": d, "unit": unit, "value": 1.0, "n": 9, "status": "ok", "quarter_value": 0.25,
         "quarter_n": 76, "expected": 0.5, "change": -0.2 - k / 10, "change_low": -0.5, "change_high": -0.1,
         "visible_fall": -0.2, "visible_rise": 0.25, "verdict": verdict}
        for k, ((m, d, unit), verdict) in enumerate(zip(about, verdicts, strict=False))
    ]  # fmt: skip
    return schema.conform("15_executive_summary", pd.DataFrame(rows))


def said(*verdicts: str, waits: bool = False, won: str = "", outlook: str = "") -> list[str]:
    rows = rows_of(*verdicts)
    return say_changes.changed(show.change_texts(rows, "EUR"), rows["verdict"], "Q2 2026", waits, won, outlook).lines


def test_the_first_sentences_say_what_was_won_what_changed_and_what_is_expected():
    assert said("down", "within noise", "not judged") == [
        "In Q2 2026: Win rate down to 25.0% (n = 76) where 50.0% was expected."
    ]
    assert said("within noise", "too variable", won="90.0% is won.", outlook="More by then.") == [
        "90.0% is won. In Q2 2026 no headline changed beyond noise: 1 headline can be judged, 1 varies too much. More by then."
    ]


def test_the_part_of_a_target_that_is_won_names_its_period():
    start, end = pd.Timestamp("2026-04-01"), pd.Timestamp("2026-06-30")
    rows = pd.DataFrame({"value": [1.159], "window_start": [start], "window_end": [end]}, index=["won_of_target"])
    assert say_changes.reached(rows, end, 1) == "115.9% of the target of Q2 2026 is won."
    assert say_changes.reached(rows, start, 1).endswith("is won so far.")
    assert say_changes.reached(rows.assign(value=np.nan), end, 1) == ""


@pytest.mark.parametrize(
    ("gap", "verdict", "ends"),
    [
        (np.nan, "", "n = 7); no target is entered."),
        (0.0, "met", "n = 7); the target is met already."),
        (5e6, "short", "n = 7); the rest of the target of Q3 2026 is 5.0 M EUR: too little even at the upper end."),
    ],
)
def test_what_is_expected_is_set_against_the_target(gap, verdict, ends):
    columns = {"value": [2e6, gap], "low": [1e6, np.nan], "high": [3e6, np.nan], "n": 7, "level": 0.95,
               "window_end": pd.Timestamp("2026-09-30")}  # fmt: skip
    rows = pd.DataFrame(columns, index=["won_value_foretold_in_period", "missing_to_target"])
    rows.loc["past_forecasts_held", ["value", "n"]] = [0.75, 8]
    rows = rows.reindex([*rows.index, "past_forecasts_above", "newest_forecasts_held", "newest_forecasts_came"])
    got = say_changes.expected(rows, verdict, 6e6, "Q3 2026", "EUR")
    assert got.startswith(
        "By 30 September 2026 the open deals are expected to bring 2.0 M EUR (95% interval 1.0 M EUR to 3.0 M EUR"
    )
    assert got.endswith(ends)
    assert say_changes.expected(rows.assign(value=np.nan), "", 6e6, "Q3 2026", "EUR") == ""
    rows.loc["past_forecasts_held", "value"] = 0.25
    assert say_changes.expected(rows, verdict, 6e6, "Q3 2026", "EUR").endswith(
        "Do not rely on it: 25.0% of 8 past forecasts held."
    )


def test_headlines_too_variable_to_judge_are_named_with_their_change_and_span():
    rows = rows_of("within noise", "too variable")
    assert say_changes.too_variable(show.change_texts(rows, "EUR"), 0.8) == (
        "Too variable to judge (a halving or a doubling would be seen with a chance below 80%): "
        "Amount won -30 % (-50 to -10), seen from -20 or +25 %."
    )
    assert "no headline is steady enough" in said("too variable")[0]


def test_open_deals_left_out_of_the_comparison_are_counted():
    assert "leave out 1 deal without an opening day" in say_changes.undated(1)
    assert say_changes.undated(0) == ""


def test_what_cannot_be_judged_says_why():
    assert said("too few", "too early") == [
        "No change can be judged in Q2 2026: there are too few outcomes in a quarter."
    ]
    assert "the last whole quarter is judged" in said("too early", waits=True)[-1]
    assert "no deals and no purchases" in said("not judged")[0]
    none = schema.empty("15_executive_summary")
    words = say_changes.changed(show.change_texts(none, "EUR"), none["verdict"], "q", False).lines
    assert "no deals and no purchases" in words[0]


def test_the_list_says_how_many_of_how_many_it_shows():
    assert say_changes.listed(2, 5, 1) == "2 of 5 decisions listed; 1 chore about data: see the overview."
    assert say_changes.listed(0, 0, 0) == "No decision is proposed."


def test_shares_change_by_points_and_what_is_not_judged_has_no_change():
    known = {
        "measure_id": "C-2",
        "definition_id": "win_rate_by_count",
        "unit": "share",
        "value": 0.5,
        "n": 3,
        "status": "ok",
    }
    unknown = known | {"definition_id": "open_value", "unit": "currency", "value": np.nan, "verdict": "not judged"}
    change = {"quarter_value": 0.3, "quarter_n": 76, "expected": 0.5, "change": -0.2, "change_low": -0.3, "change_high": -0.1,
              "visible_fall": -0.15, "visible_rise": np.nan, "verdict": "down"}  # fmt: skip
    rows = schema.conform("15_executive_summary", pd.DataFrame([known | change, unknown]))
    got = show.change_texts(rows, "EUR")
    assert got["change"].tolist() == ["-20.0 points (-30.0 to -10.0)", ""]
    assert got["quarter"].tolist() == ["30.0% (n = 76)", ""]
    assert got["visible"].tolist() == ["-15.0 points", ""]
    assert got["value"].tolist() == ["50.0%", "unknown"]


def test_totals_are_0_where_nothing_was_won_and_say_what_is_lacking_where_nobody_knows():
    year = changes.Period(pd.Timestamp("2025-07-01"), LAST)

    def told(deals: pd.DataFrame) -> list:
        rows = pd.DataFrame(changes.totals(changes.flows(deals, NO_SALES), year)).set_index("definition_id")
        return rows.loc["deals_won", ["value", "why"]].fillna("unknown").tolist()

    deals = book([5] * 9, [0.4] * 9)
    lost, results = deals[~deals["is_won"].astype(bool)], deals["is_won"].astype("boolean")
    assert told(lost) == [0, ""]
    assert told(lost.assign(is_closed=False, is_won=pd.NA, closed_day=pd.NaT)) == [0, ""]  # none is over
    assert told(deals.assign(is_won=results.mask(results.notna()))) == ["unknown", "which deals were won"]
    assert told(deals.assign(closed_day=pd.NaT)) == ["unknown", "the day each deal was closed"]
    assert told(deals.iloc[:0]) == ["unknown", "deals"]


def test_a_credit_is_no_size_and_without_a_lost_deal_there_is_no_win_rate():
    deals = book([80] * 9, [1.0] * 9)
    credits = deals.assign(amount=np.where(deals.index % 4 == 0, -1.0, 100.0))
    got = judged(credits)
    assert got.loc["deal_size_median", "quarter_value"] == 100
    assert got.loc["deal_size_median", "quarter_n"] == 60
    assert "win_rate_by_count" not in got.index and "deals_won" in got.index


def test_one_account_with_a_large_part_is_named_once_and_who_decides_only_where_roles_are_known():
    of_open, late = (f"{p}% of the {w} amount is with one account, A." for p, w in ((44, "open"), (56, "overdue")))
    missing = pd.Series(["decision_maker; champion", None])
    assert say_changes.one_account(of_open, late, pd.Series(["champion"]), missing) == (
        "44% of the open amount is with one account, A, and 56% of the overdue one. Nobody we reach there is known to decide."
    )
    assert say_changes.one_account(of_open, "", pd.Series([None, None]), missing) == of_open
    assert say_changes.one_account("", late, pd.Series([None]), missing) == late
