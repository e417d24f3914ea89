"""Engagement on touches a person can follow: points, decay, momentum, surges, breadth, published rules, who qualifies."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import engagement as e
from abmlib.method import journey, memory
from abmlib.stats.surges import Counts, exceedance
from abmlib.tables import schema

TODAY = pd.Timestamp("2026-06-30")
NOBODY = None


def ago(days: float) -> pd.Timestamp:
    return TODAY - pd.Timedelta(days=int(days))


def panel(*rows: tuple, columns: str = "account_id age rows") -> pd.DataFrame:
    """Touches from tuples; `age` is in days before today."""
    f = pd.DataFrame(list(rows), columns=columns.split())
    if "age" in f:
        f["day"] = pd.to_datetime([ago(a) for a in f.pop("age")]).astype("datetime64[us]")
    return f.astype({"rows": int}) if "rows" in f else f


def measures(rows: list[dict]) -> pd.DataFrame:
    """Rows of `measures` by definition, held against their spec."""
    f = pd.DataFrame(rows)
    schema.conform("measures", f.assign(as_of=TODAY))
    return f.set_index("definition_id")


# -- points -----------------------------------------------------------------------------------------------------------

WEB = "account_id contact_id channel page rows"
RULES = pd.DataFrame(
    [("web", None, 1.0), ("web", "features", 2.0), ("web", "solutions", 4.0), (None, "unsubscribe", 0.0)],
    columns=["channel", "page", "points"],
)


def test_rules_add_up_and_a_rule_of_zero_removes_the_touch():
    touches = panel(
        ("a", "p", "web", "home", 1),
        ("a", "p", "web", "features", 1),  # 1 + 2, as the vendor's page has it
        ("a", "p", "web", "solutions", 2),  # (1 + 4) twice
        ("a", "p", "web", "unsubscribe", 1),  # meets the first rule too, and must not count
        ("a", "p", "phone", None, 1),  # meets none
        columns=WEB,
    )
    got = e.scored(touches, RULES)
    assert got["points"].tolist() == [1, 3, 10, 0, 0]
    assert got["judged"].tolist() == ["scored", "scored", "scored", "removed", "no rule"]


def test_factors_of_person_and_account_multiply():
    touches = panel(
        ("a", "cmo", "web", "home", 1), ("a", "clerk", "web", "home", 1), ("b", "cmo", "web", "home", 1), columns=WEB
    )
    factors = [("contact_id", pd.Series({"cmo": 3.0})), ("account_id", pd.Series({"a": 2.0}))]
    assert e.scored(touches, RULES, factors)["points"].tolist() == [6, 2, 3]  # 300 % × 200 % = 600 %


def test_a_factor_of_zero_removes_a_persons_touches_and_says_so():
    touches = panel(("a", "student", "web", "home", 3), ("a", NOBODY, "web", "home", 1), columns=WEB)
    got = e.points(touches, RULES, [("contact_id", pd.Series({"student": 0.0}))])
    assert got.to_dict("records") == [{"account_id": "a", "points": 1.0, "scored": 1, "removed": 3, "no_rule": 0}]


def test_points_by_person_keep_touches_of_nobody_known():
    touches = panel(("a", "p", "web", "home", 1), ("a", NOBODY, "web", "home", 4), columns=WEB)
    got = e.points(touches, RULES, by=["account_id", "contact_id"])
    assert got["points"].tolist() == [1, 4]
    assert got["contact_id"].isna().tolist() == [False, True]


def test_no_touches_have_no_points():
    assert e.points(panel(columns=WEB), RULES).empty


def test_negative_points_and_unknown_columns_are_refused():
    touches = panel(("a", "p", "web", "home", 1), columns=WEB)
    with pytest.raises(ValueError, match="1 of 4 have negative or missing points"):
        e.points(touches, RULES.assign(points=[1, 2, -1, 0]))
    with pytest.raises(ValueError, match=r"the panel lacks \['team'\]"):
        e.points(touches, RULES.assign(team="sales"))
    with pytest.raises(ValueError, match="those of contact_id"):
        e.points(touches, RULES, [("contact_id", pd.Series({"p": -1.0}))])


# -- decay ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (e.Memory("half-life", 10), 1 + 0.5 + 0.125),
        (e.Memory("window", 30), 2),  # the last 30 days, today the first of them: the touch 30 days old is out
        (e.Memory("window", 31), 3),
        (e.Memory("no decay"), 3),
    ],
)
def test_a_touch_counts_less_as_it_ages(memory, expected):
    touches = panel(("a", 0, 1), ("a", 10, 1), ("a", 30, 1), ("a", -1, 9), ("other", 0, 9), (None, 0, 9))
    got = e.engagement(touches, pd.Index(["a", "cold"]), TODAY, memory)
    assert got.to_dict() == {"a": expected, "cold": 0}


def test_one_person_adds_no_more_than_the_cap_and_nobody_known_is_one_person():
    touches = panel(
        ("a", "fan", 0, 9),
        ("a", "fan", 0, 1),
        ("a", "guest", 0, 1),
        ("a", NOBODY, 0, 7),
        columns="account_id contact_id age rows",
    )
    got = e.engagement(touches, pd.Index(["a"]), TODAY, e.Memory("no decay"), person_cap=4)
    assert got["a"] == 4 + 1 + 4


def test_a_factor_multiplies_and_is_one_where_it_is_missing():
    touches = panel(("a", 0, 2), ("b", 0, 2))
    got = e.engagement(touches, pd.Index(["a", "b"]), TODAY, e.Memory("no decay"), factor=pd.Series({"a": 1.5}))
    assert got.tolist() == [3, 2]


def test_engagement_refuses_an_account_named_twice():
    with pytest.raises(ValueError, match=r"1 of 1 ids repeat \(first: \['a'\]\)"):
        e.engagement(panel(("a", 0, 1)), pd.Index(["a", "a"]), TODAY, e.Memory("no decay"))


# -- the half-life ----------------------------------------------------------------------------------------------------

HORIZON = 30


def history(seed: int, lead_days: int | None, n: int = 400, windows: int = 13) -> tuple[pd.DataFrame, ...]:
    """Accounts that open at random; five touches come in the days before each opening, or with None whenever."""
    random = np.random.default_rng(seed)
    days = HORIZON * windows
    opened = random.integers(0, days, random.poisson(0.12 * n * windows))
    opener = random.integers(0, n, len(opened))
    place, age = np.repeat(opener, 5), random.integers(0, days, 5 * len(opened))
    if lead_days is not None:
        age = np.repeat(opened, 5) + 1 + random.integers(0, lead_days, 5 * len(opened))
    else:
        place = random.integers(0, n, len(place))
    ids = np.array([f"a{i:03d}" for i in range(n)])
    touches = pd.DataFrame({"account_id": ids[place], "day": TODAY - pd.to_timedelta(age, "D"), "rows": 1})
    touches = touches[age < days]
    openings = pd.DataFrame({"account_id": ids[opener], "day": TODAY - pd.to_timedelta(opened, "D")})
    return touches, openings, pd.DataFrame({"account_id": ids, "created_day": ago(days)})


def test_a_fast_lead_finds_a_short_memory_and_a_slow_one_a_long():
    fast, slow = (memory.best(memory.compare(*history(1, days), TODAY, HORIZON)) for days in (10, 200))
    assert fast is not None
    assert slow is not None
    assert fast.kind == slow.kind == "half-life"
    assert fast.days <= 14
    assert slow.days >= 60


def test_touches_that_have_nothing_to_do_with_openings_give_no_signal():
    got = memory.compare(*history(2, None), TODAY, HORIZON)
    assert memory.best(got) is None
    assert set(got["verdict"][2:]) <= {"no signal", "worse than the base rate"}
    assert got["status"].eq("ok").all()


def test_growth_of_all_accounts_alike_is_no_signal():
    touches, openings, accounts = history(3, None)
    late = openings[(TODAY - openings["day"]).dt.days < 4 * HORIZON]  # twice as many openings where they judge
    twin = late.assign(account_id=late["account_id"].to_numpy()[::-1])
    got = memory.compare(touches, pd.concat([openings, twin]), accounts, TODAY, HORIZON)
    assert memory.best(got) is None


def test_what_comes_after_the_last_window_begins_changes_no_score_but_outcomes():
    touches, openings, accounts = history(1, 10)
    later = pd.DataFrame({"account_id": "a000", "day": [ago(3)] * 500, "rows": 1})
    plain, more = (
        memory.compare(t, openings, accounts, TODAY, HORIZON) for t in (touches, pd.concat([touches, later]))
    )
    pd.testing.assert_frame_equal(plain, more)


def test_only_accounts_known_on_the_day_count():
    touches, openings, accounts = history(1, 10)
    late = accounts.assign(created_day=accounts["created_day"].mask(accounts.index < 100, ago(1)))
    got = memory.compare(touches, openings, late, TODAY, HORIZON).iloc[0]
    assert (got["accounts"], got["n"]) == (300, 300 * 4)  # a third of 12 windows judges


def test_the_base_rates_loss_is_that_of_the_rate_of_the_windows_before():
    touches, openings, accounts = history(4, 10, windows=7)
    got = memory.compare(touches, openings, accounts, TODAY, HORIZON).iloc[0]
    age = (TODAY - openings["day"]).dt.days // HORIZON
    opened = openings.assign(window=age).drop_duplicates(["account_id", "window"])["window"].value_counts()
    train, judge = opened.reindex(range(2, 6)).sum() / 1600, opened.reindex(range(2)).sum() / 800
    assert got["log_loss"] == pytest.approx(-judge * np.log(train) - (1 - judge) * np.log(1 - train))
    assert got["outcomes"] == judge * 800


def test_the_order_of_rows_moves_nothing():
    touches, openings, accounts = history(1, 10)
    turned = (t.iloc[::-1] for t in (touches, openings, accounts))
    one, two = (
        memory.compare(touches, openings, accounts, TODAY, HORIZON),
        memory.compare(*turned, TODAY, HORIZON),
    )
    pd.testing.assert_frame_equal(one, two)


def test_few_openings_are_too_early_and_none_are_not_answerable():
    touches, openings, accounts = history(1, 10)
    few = memory.compare(touches, openings.iloc[:60], accounts, TODAY, HORIZON)
    none = memory.compare(touches, openings.iloc[:0], accounts, TODAY, HORIZON)
    short = memory.compare(touches, openings, accounts, TODAY, 200)
    empty = memory.compare(touches.iloc[:0], openings, accounts, TODAY, HORIZON)
    assert [t["status"].unique().tolist() for t in (few, none, short, empty)] == [
        ["too_early"],
        *[["not_answerable"]] * 3,
    ]
    assert all(t["verdict"].isna().all() and memory.best(t) is None for t in (few, none, short, empty))


def test_a_horizon_of_no_days_is_refused():
    with pytest.raises(ValueError, match="horizon_days must be 1 or more"):
        memory.compare(*history(1, 10), TODAY, 0)


# -- momentum and surges ----------------------------------------------------------------------------------------------


def test_momentum_compares_the_last_seven_days_with_the_mean_of_the_weeks_before():
    touches = panel(
        ("a", 0, 3), ("a", 6, 3),  # this week: 6
        ("a", 7, 1), ("a", 20, 5),  # 6 in three weeks: 2 a week
        ("a", 28, 3), ("a", 35, 99),  # in the fourth week before, and beyond
        ("new", 0, 5),  # nothing before: no ratio
        ("a", -1, 99),  # after today
    )  # fmt: skip
    accounts = pd.Index(["a", "new", "cold"])
    three, four = (e.momentum(touches, accounts, TODAY, weeks)["momentum"] for weeks in (3, 4))
    assert three.tolist() == pytest.approx([2, np.nan, np.nan], nan_ok=True)  # 6 ÷ 2 − 1
    assert four["a"] == pytest.approx(6 / 2.25 - 1)
    assert e.momentum(panel(("a", 0, 1)), pd.Index([]), TODAY, 3).empty
    with pytest.raises(ValueError, match="weeks must be 1 or more"):
        e.momentum(touches, accounts, TODAY, 0)


def simulated(seed: int, n: int = 300, weeks: int = 40, rate: float = 1.0, scatter: float = 0.8) -> np.ndarray:
    """Counts of accounts × weeks, the current one first: gamma rates, scatter within each, and weeks in common."""
    random = np.random.default_rng(seed)
    mean = random.gamma(1.0, rate, (n, 1)) * random.gamma(16, 1 / 16, weeks + 1)
    return random.poisson(mean * random.gamma(1 / scatter, scatter, mean.shape))


def counted(y: np.ndarray) -> Counts:
    unit, week = np.nonzero(y)
    return Counts(unit, week, y[unit, week], np.full(len(y), y.shape[1] - 1))


def test_p_values_of_units_that_go_on_as_before_are_no_smaller_than_promised():
    p = np.concatenate([exceedance(counted(simulated(seed)))["p"] for seed in range(20)])  # 6,000
    for level in (0.05, 0.01, 0.001):
        assert (p <= level).mean() < level + 3 * np.sqrt(level / len(p))
    assert (p <= 0.05).mean() > 0.02  # and not so large that nothing could be found


def test_the_expected_count_is_the_units_own_rate_times_the_week():
    steady = np.full((200, 41), 4)
    steady[:, 0] = 8  # a campaign: every unit doubles
    got = exceedance(counted(steady))
    assert got["expected"].between(3.5, 8.5).all()
    assert (got["p"] > 0.01).all()
    seasons = np.tile(np.where(np.arange(41) % 2 == 0, 8, 2), (200, 1))  # weeks of 8 and of 2, in turn: this one of 8
    assert exceedance(counted(seasons))["expected"].to_numpy() == pytest.approx(8, rel=0.05)


def test_a_lone_unit_has_a_baseline_and_no_counts_at_all_no_surge():
    one = np.array([[9] + [1, 0, 1, 2] * 6])
    assert exceedance(counted(one))["p"].iloc[0] < 0.01
    assert exceedance(counted(np.zeros((3, 10), int)))["p"].tolist() == [1, 1, 1]
    assert exceedance(counted(np.zeros((0, 1), int))).empty


def as_touches(y: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    unit, week = np.nonzero(y)
    ids = np.array([f"a{i:03d}" for i in range(len(y))])
    touches = pd.DataFrame(
        {"account_id": ids[unit], "day": TODAY - pd.to_timedelta(7 * week, "D"), "rows": y[unit, week]}
    )
    return touches, pd.DataFrame({"account_id": ids, "created_day": ago(7 * y.shape[1] - 1)})


def test_a_planted_surge_is_found_and_nothing_else():
    y = simulated(5)
    y[:3, 0] += 25
    got = e.surges(*as_touches(y), TODAY, 40)
    assert got.index[got["surge"]].tolist() == ["a000", "a001", "a002"]
    assert got["ratio"].equals(got["count"] / got["expected"])
    assert got["weeks"].eq(40).all()


def test_accounts_without_a_touch_are_judged_with_the_others():
    y = simulated(5, n=20)
    y[0, 0] += 40
    touches, accounts = as_touches(y)
    silent = pd.DataFrame({"account_id": [f"s{i}" for i in range(80)], "created_day": accounts["created_day"].iloc[0]})
    got = e.surges(touches, pd.concat([accounts, silent]), TODAY, 40)
    assert got.loc[silent["account_id"], "p"].eq(1).all()
    assert got["q"].min() == pytest.approx(got["p"].min() * 100)  # the smallest of a hundred, not of twenty


def test_too_little_history_is_too_early_and_a_touch_before_creation_lengthens_it():
    accounts = pd.DataFrame({"account_id": ["new", "old"], "created_day": [ago(7 * 8 - 1 + 6), ago(0)]})
    got = e.surges(panel(("new", 0, 50), ("old", 7 * 8, 1), ("old", 0, 1)), accounts, TODAY, 26)
    assert got["weeks"].tolist() == [7, 8]
    assert got["status"].tolist() == ["too_early", "ok"]
    assert np.isnan(got.loc["new", "q"])
    assert not got.loc["new", "surge"]
    assert e.surges(panel(), accounts.iloc[:0], TODAY).empty
    with pytest.raises(ValueError, match="weeks must be 8 or more"):
        e.surges(panel(), accounts, TODAY, 4)


# -- breadth ----------------------------------------------------------------------------------------------------------


def test_breadth_counts_people_and_roles_once_and_one_fan_is_one_person():
    touches = panel(
        ("fan", "p1", 9),
        ("pair", "p2", 5), ("pair", "p3", 4), ("pair", "p3", 1), ("pair", NOBODY, 3),
        ("dark", NOBODY, 2),
        columns="account_id contact_id rows",
    )  # fmt: skip
    roles = pd.Series({"p1": "champion", "p2": "champion", "p3": "champion"})
    got = e.breadth(touches, pd.Index(["fan", "pair", "dark", "cold"]), roles)
    assert got["people"].tolist() == [1, 2, 0, 0]
    assert got["roles"].tolist() == [1, 1, 0, 0]
    assert got["effective_people"].tolist() == pytest.approx([1, 2, np.nan, np.nan], nan_ok=True)  # five touches each
    assert got["unnamed"].tolist() == [0, 3, 2, 0]
    uneven = e.breadth(panel(("a", "x", 9), ("a", "y", 1), columns="account_id contact_id rows"), pd.Index(["a"]))
    assert uneven.loc["a", "effective_people"] == pytest.approx(np.exp(-0.9 * np.log(0.9) - 0.1 * np.log(0.1)))


def test_an_unknown_role_is_no_role():
    touches = panel(("a", "x", 1), ("a", "y", 1), columns="account_id contact_id rows")
    assert e.breadth(touches, pd.Index(["a"]), pd.Series({"x": "unknown", "y": None})).loc["a", "roles"] == 0


# -- published rules --------------------------------------------------------------------------------------------------

LEVELS = {"Decision Maker": "Vital", "Influencer": "Important", "Practitioner": "Normal"}
ROLES = pd.Series({"Adam": "Decision Maker", "Mark": "Decision Maker", "John": "Influencer"}
                  | dict.fromkeys(["Bob", "Paul", "Calvin"], "Practitioner"))  # fmt: skip
EXAMPLE = [  # the vendor's: person, type, yesterday, today
    ("Adam", "visit", 37, 15), ("Adam", "click", 1, 1), ("Mark", "visit", 5, 3), ("Mark", "click", 1, 1),
    ("Mark", "download", 3, 2), ("John", "visit", 19, 9), ("Bob", "click", 1, 1), ("Paul", "click", 1, 1),
    ("Calvin", "click", 1, 1), ("Calvin", "visit", 1, 7), ("Calvin", "download", 1, 2),
]  # fmt: skip
GROUP = "account_id contact_id activity_type age rows"


def test_group_engagement_is_that_of_the_vendors_worked_example():
    rows = [("a", who, what, age, k) for who, what, *two in EXAMPLE for age, k in zip((1, 0), two, strict=True)]
    beyond = [("a", "Adam", "visit", 30, 20), ("a", "stranger", "visit", 0, 9)]  # out of the window; out of the group
    got = e.group_engagement(panel(*rows, *beyond, columns=GROUP), pd.Index(["a", "cold"]), ROLES, LEVELS, TODAY)
    assert got.tolist() == pytest.approx([35.25, 0], abs=0.005)  # 52, 28 and 17 at 41.67, 33.33 and 25 %


def test_a_split_of_one_day_into_rows_does_not_lift_the_daily_cap():
    rows = [("a", "John", "visit", 0, 15), ("a", "John", "visit", 0, 15)]
    got = e.group_engagement(panel(*rows, columns=GROUP), pd.Index(["a"]), ROLES, LEVELS, TODAY, {"visit": 0.5})
    assert got["a"] == pytest.approx(20 * 0.5 * 80 / 240)


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match=r"levels: \['High'\]"):
        e.group_engagement(panel(columns=GROUP), pd.Index(["a"]), ROLES, {"x": "High"}, TODAY)


def test_a_journey_tests_the_last_stage_first():
    names = ["qualification_score", "high_intent_30_days", "engagement_minutes_3_months", "pipeline_predict_score",
             "marketing_minutes_3_months", "open_opportunities", "won_opportunities"]  # fmt: skip
    rows = {
        "nothing": [0, 0, 0, 0, 0, 0, 0],
        "fits": [70, 0, 0, 0, 0, 0, 0],
        "reads": [0, 1, 0, 0, 0, 0, 0],  # without fit: stages need not be passed one by one
        "engaged": [70, 1, 10, 84, 99, 0, 0],
        "predicted": [0, 0, 0, 85, 0, 0, 0],
        "minutes": [0, 0, 0, np.nan, 100, 0, 0],  # either opens the stage; a missing score does not close it
        "open": [99, 1, 200, 99, 200, 1, 0],
        "won and open again": [0, 0, 0, 0, 0, 1, 1],
    }
    got = journey.journey(pd.DataFrame.from_dict(rows, orient="index", columns=names), journey.DEMANDBASE)
    assert got["stage"].tolist() == [
        "All Other",
        "Qualified",
        "Aware",
        "Engaged",
        "MQA",
        "MQA",
        "Opportunity",
        "Customer",
    ]
    assert got["stage_order"].tolist() == [1, 2, 3, 4, 5, 5, 6, 7]


def test_page_views_move_an_account_along_the_other_journey():
    facts = pd.DataFrame({"page_views_30_days": [0, 1, 2, 3, None], "open_opportunities": 0, "won_opportunities": 0})
    got = journey.journey(facts, journey.ROLLWORKS)
    assert got["stage"].tolist()[:4] == ["Unaware", "Aware", "Aware", "Engaged"]
    assert got.iloc[4].isna().all()  # nobody knows its page views: in no stage
    assert journey.journey(facts.iloc[:0], journey.ROLLWORKS).empty
    with pytest.raises(ValueError, match=r"missing column\(s\) \['won_opportunities'\]"):
        journey.journey(facts.drop(columns="won_opportunities"), journey.ROLLWORKS)


# -- the web site -----------------------------------------------------------------------------------------------------


def test_only_key_pages_count_and_clicks_of_nobody_known_have_no_person():
    touches = panel(
        ("a", "p", "key", 3), ("a", "q", "key", 1), ("a", NOBODY, "key", 2), ("a", "r", "brand", 9), ("a", "s", None, 9),
        columns="account_id contact_id page_class rows",
    )  # fmt: skip
    got = journey.key_pages(touches, pd.Index(["a", "cold"]))
    assert got.to_numpy().tolist() == [[6, 2, 2], [0, 0, 0]]


def test_idle_time_is_capped_machines_are_counted_out_and_untimed_visits_have_no_time():
    visits = pd.DataFrame(
        [("a", 10.0, False), ("a", 500.0, None), ("a", np.nan, False), ("a", 99.0, True), ("b", np.nan, False)],
        columns=["account_id", "duration_min", "is_bot"],
    ).astype({"is_bot": "boolean"})
    got = journey.time_on_site(visits, pd.Index(["a", "b", "cold"]), 30)
    assert got.loc["a"].to_dict() == {
        "visits": 3, "bots": 1, "timed": 2, "capped": 1, "minutes_total": 40, "minutes_median": 20,
    }  # fmt: skip
    assert got["minutes_total"].tolist() == [40, 0, 0]
    assert got["minutes_median"].isna().tolist() == [False, True, True]
    with pytest.raises(ValueError, match="idle_limit_min must be above 0"):
        journey.time_on_site(visits, pd.Index(["a"]), 0)


def test_conversions_have_their_count_and_interval_and_none_without_a_touch():
    touches = panel(("a", True, 2), ("a", False, 8), ("a", None, 5), columns="account_id is_conversion rows")
    got = journey.conversions(touches.astype({"is_conversion": "boolean"}), pd.Index(["a", "cold"]))
    assert got.loc["a", ["conversions", "n", "share", "unknown"]].tolist() == [2, 10, 0.2, 5]
    assert got.loc["a", ["low", "high"]].tolist() == pytest.approx([0.0567, 0.5098], abs=1e-4)
    assert got.loc["cold", ["share", "low", "high"]].isna().all()


# -- who qualifies ----------------------------------------------------------------------------------------------------

BANDS = pd.DataFrame({"fit": 0.5, "depth": [100.0, 30.0], "score": 85.0, "breadth": [3, 1]}, index=["large", "small"])


def test_an_account_qualifies_by_fit_depth_or_score_and_breadth_of_its_band():
    rows = [
        ("deep", 0.9, 100, 0, 3, "large"),
        ("scored", 0.9, 0, 85, 3, "large"),
        ("one fan", 0.9, 100, 99, 2, "large"),
        ("no fit", 0.4, 100, 99, 3, "large"),
        ("shallow", 0.9, 99, 84, 3, "large"),
        ("small", 0.9, 30, 0, 1, "small"),
        ("no score", 0.9, 100, np.nan, 3, "large"),
        ("fit unknown", np.nan, 100, 99, 3, "large"),
        ("no band", 0.9, 999, 99, 9, None),
    ]
    facts = pd.DataFrame(rows, columns=["id", "fit", "depth", "score", "breadth", "band"]).set_index("id")
    got = journey.qualified(facts, BANDS)
    assert got.index[got["qualified"]].tolist() == ["deep", "scored", "small", "no score"]
    anyone = journey.qualified(facts, BANDS.assign(fit=-np.inf))
    assert anyone.index[anyone["qualified"]].tolist() == [
        "deep",
        "scored",
        "no fit",
        "small",
        "no score",
        "fit unknown",
    ]
    with pytest.raises(ValueError, match=r"thresholds: missing column\(s\) \['score'\]"):
        journey.qualified(facts, BANDS.drop(columns="score"))


def test_facts_of_a_day_look_back_over_the_window_and_the_first_day_met_counts():
    touches = panel(
        ("a", "p", 40, 30), ("a", "p", 5, 20), ("a", "q", 5, 10), ("a", "q", -3, 99),
        columns="account_id contact_id age rows",
    )  # fmt: skip
    traits = pd.DataFrame({"fit": 1.0, "band": "small"}, index=["a", "cold"])
    assert journey.facts_on(touches, traits, TODAY, 30)[["depth", "breadth"]].to_numpy().tolist() == [[30, 2], [0, 0]]
    found = journey.first_qualified(touches, traits, [TODAY, ago(40), ago(41)], 30, BANDS)
    assert found.to_numpy().tolist() == [["a", ago(40)]]


def test_precision_counts_mature_accounts_that_opened_afterwards_and_within_the_horizon():
    who = pd.DataFrame(
        [("soon", 200), ("late", 200), ("before", 200), ("same day", 200), ("twice", 90), ("new", 89)],
        columns=["account_id", "age"],
    )
    opened = [
        ("soon", 180),
        ("late", 109),
        ("before", 201),
        ("same day", 200),
        ("twice", 50),
        ("twice", 20),
        ("new", 80),
    ]
    found = who.assign(day=[ago(a) for a in who["age"]])
    openings = panel(*opened, columns="account_id age")
    got = measures(journey.qualification_rows(found, openings, TODAY, 90))
    assert got.loc["mqa_opened_within_90_days", ["value", "n"]].tolist() == [0.4, 5]  # soon and twice; late by a day
    assert got.loc["days_from_mqa_to_opening_median", ["value", "n"]].tolist() == [30, 2]  # 20 and 40
    assert got.loc["mqa_too_early_to_judge", "value"] == 1
    nothing = measures(journey.qualification_rows(found.iloc[:0], openings, TODAY, 90))
    assert nothing.loc["mqa_opened_within_90_days", "status"] == "not_answerable"


def test_the_engaged_rate_uses_the_threshold_of_each_band():
    band = pd.Series({"a": "large", "b": "small", "c": "small", "d": None})
    on = journey.engaged(
        pd.Series({"a": 9.0, "b": 5.0, "c": 4.0, "d": 99.0}), pd.Series({"large": 10.0, "small": 5.0}), band
    )
    rows = pd.DataFrame(journey.engaged_rate(on, band)).fillna({"group": "all"}).set_index("group")
    assert rows["value"].to_dict() == {"all": 0.25, "large": 0, "small": 0.5, "unknown": 0}
    assert rows["n"].tolist() == [4, 1, 2, 1]
    assert measures(journey.engaged_rate(on.iloc[:0])).loc["engaged_accounts_of_list", "status"] == "not_answerable"
