"""Past days in blocks, the choice, the report, the scores of today: on tables with a planted signal, and with none."""

import dataclasses
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from abmlib.method import propensity, propensity_report, telling
from abmlib.method.outcomes import Question
from abmlib.method.periods import DAY
from abmlib.method.predictors import Predictors, prepare
from abmlib.stats import models
from abmlib.stats.intervals import FLOOR_OUTCOMES

SINCE, AS_OF, H = pd.Timestamp("2023-07-01"), pd.Timestamp("2026-06-30"), 182
QUESTION = Question(
    "opens", "opens a deal", "a deal is opened", lambda day, ids: pd.Series(0.0, ids), SINCE, "deals_opened_12m", H
)
FIRST = pd.Series(dict.fromkeys(("transactions", "activities", "opportunities", "contacts"), SINCE))
FEATURES = ["deals_opened_12m", "revenue_12m", "touches_in_90d", "contacts", "deals_open"]


def ended(days: list[pd.Timestamp]) -> pd.Timestamp:
    """Last day of the outcomes of a block."""
    return days[-1] + H * DAY


@pytest.mark.parametrize("months", [25, 30, 36, 48, 72])
@pytest.mark.parametrize("horizon", [91, 182])
def test_no_outcome_of_a_block_reaches_into_the_next_nor_beyond_today(months, horizon):
    laid = propensity.blocks(AS_OF - pd.DateOffset(months=months), AS_OF, horizon, late_days=10)
    parts = [laid.fit, laid.choose, laid.report]
    assert all(parts)
    assert all(one[-1] + horizon * DAY <= two[0] for one, two in pairwise(parts))
    assert laid.report[-1] + (horizon + 10) * DAY == AS_OF
    assert laid.before[-1] + horizon * DAY <= laid.report[0]
    assert len(laid.days) <= propensity.MOST_DAYS
    assert laid.days[0] >= AS_OF - pd.DateOffset(months=months) + (propensity.LOOKBACKS[-1] - propensity.SLACK) * DAY


def test_a_long_history_leaves_a_year_before_the_first_day():
    assert propensity.blocks(SINCE, AS_OF, H).days[0] >= SINCE + (365 - propensity.SLACK) * DAY


def test_history_too_short_for_three_blocks_is_refused_with_what_it_takes():
    needed = propensity.days_needed(H, 0)
    assert propensity.blocks(AS_OF - needed * DAY, AS_OF, H) is not None
    short = QUESTION.__class__(**{**QUESTION.__dict__, "since": AS_OF - (needed - 1) * DAY})
    (found,) = propensity.plan([short], pd.DataFrame({"account_id": ["a"], "created_day": [SINCE]}), AS_OF, H, 0)
    assert found.why.startswith(f"{needed:,} days of facts, where there are {needed - 1:,}")
    assert propensity.days_of([found]) == []


def planted(n: int, strength: float, seed: int, shuffled: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Past rows with a label, and features of today, of n accounts whose engagement lasts and moves their odds."""
    rng, laid = np.random.default_rng(seed), propensity.blocks(SINCE, AS_OF, H)
    lasting, parts = rng.standard_normal(n), []
    for day in [*laid.days, AS_OF]:
        touches = np.floor(np.exp(1 + 0.7 * lasting + 0.7 * rng.standard_normal(n)))
        rows = pd.DataFrame({"day": day, "account_id": [f"a{i:04d}" for i in range(n)], "touches_in_90d": touches})
        rows[["deals_opened_12m", "revenue_12m", "contacts"]] = rng.poisson(3, (n, 3)).astype(float)
        rows["deals_open"], rows["touches_out_90d"] = rng.poisson(1, n), 1.0
        rows["opens"] = (rng.random(n) < 1 / (1 + np.exp(1.6 - strength * (np.log1p(touches) - 1)))).astype(float)
        parts.append(rows)
    every = pd.concat(parts, ignore_index=True)
    return every[every["day"] < AS_OF].reset_index(drop=True), every[every["day"] == AS_OF].drop(
        columns=["day", "opens"]
    ).reset_index(drop=True)


def judged_market(n: int = 300, strength: float = 1.5, seed: int = 1) -> propensity.Tested:
    """The back-test of one planted market."""
    history, today = planted(n, strength, seed)
    laid = propensity.blocks(SINCE, AS_OF, H)
    plan = propensity.Tested(QUESTION, blocks=laid)
    return propensity.back_tests([plan], history, today, FIRST, AS_OF)[0]


@pytest.fixture(scope="module")
def strong() -> propensity.Tested:
    return judged_market()


@pytest.fixture(scope="module")
def empty() -> propensity.Tested:
    return judged_market(strength=0.0, seed=2)


def test_a_planted_signal_is_found_on_days_no_choice_had_seen(strong):
    assert strong.verdict == propensity.SIGNAL
    assert set(strong.rows["day"]) == set(strong.blocks.report)
    assert strong.compared.query("chosen")["auc"].iloc[0] > 0.6


def test_the_simplest_within_a_standard_error_of_the_best_is_chosen(strong):
    table = strong.compared
    best = table[table["kind"] != models.BASE]["log_loss"].min()
    within = table[(table["kind"] != models.BASE) & (table["worse_by"] <= table["error"])]
    assert within["kind"].iloc[0] == strong.chosen == table.loc[table["chosen"], "kind"].iloc[0]
    assert np.isclose(table.loc[table["log_loss"] == best, "worse_by"].iloc[0], 0)


def test_where_nothing_tells_accounts_apart_it_says_so_and_every_account_has_the_base_rate(empty):
    assert empty.verdict == propensity.NONE
    scored = propensity_report.today(empty)
    assert scored["score"].nunique() == 1 and scored["rank"].isna().all()
    assert np.isclose(scored["score"].iloc[0], empty.labelled["came"].mean())


def test_what_happens_after_a_day_never_moves_its_score():
    history, today = planted(200, 1.5, 3)
    laid, plan = (
        propensity.blocks(SINCE, AS_OF, H),
        propensity.Tested(QUESTION, blocks=propensity.blocks(SINCE, AS_OF, H)),
    )
    changed = history.copy()
    last = changed["day"].isin(laid.report)
    changed.loc[last, "opens"] = 1 - changed.loc[last, "opens"]
    one, two = (propensity.back_tests([plan], h, today, FIRST, AS_OF)[0] for h in (history, changed))
    assert one.chosen == two.chosen and np.allclose(one.rows["score"], two.rows["score"])
    assert np.allclose(one.rows["came"], 1 - two.rows["came"])


def test_bands_hold_all_rows_and_sum_to_what_came(strong):
    bands = propensity_report.bands(strong)
    assert bands["n"].sum() == len(strong.rows)
    assert np.isclose((bands["share"] * bands["n"]).sum(), strong.rows["came"].sum())
    assert bands["promised"].is_monotonic_decreasing and bands["band"].tolist() == sorted(bands["band"], reverse=True)


def test_scores_of_today_are_ranked_and_carry_what_their_band_did(strong):
    scored = propensity_report.scored([strong])
    assert scored["rank"].tolist() == list(range(1, 301)) and scored["score"].is_monotonic_decreasing
    bands = propensity_report.bands(strong).set_index("band")
    assert np.allclose(scored["observed"], bands["share"].reindex(scored["band"].astype(int)))


def test_reasons_name_the_feature_with_its_value_and_how_far_it_moves(strong):
    first = propensity_report.today(strong).iloc[0]
    touches = strong.predictors.raw.loc[first["account_id"], "touches_in_90d"]
    assert first["reasons"].startswith(f"touches by the account, 90 days {touches:,.0f} (+")


def test_parts_about_the_mean_account_add_up(strong):
    x = strong.predictors.now
    parts, p = propensity_report.parts_of(strong, x), strong.model.predict(x)
    odds = np.log(p / (1 - p))
    assert np.allclose(parts.sum(axis=1), odds - odds.mean())


def test_the_top_of_a_day_breaks_ties_by_id():
    rows = pd.DataFrame({"day": [1, 1, 1, 2], "account_id": ["b", "a", "c", "z"], "score": [0.5, 0.5, 0.9, 0.1]})
    assert propensity_report.top_of(rows, 2).tolist() == [False, True, True, True]


def test_rows_with_the_last_score_share_what_is_left_of_the_top():
    rows = pd.DataFrame({"day": [1, 1, 1, 1, 2], "account_id": list("bacdz"), "score": [0.5, 0.5, 0.9, 0.1, 0.1]})
    assert propensity_report.top_shares(rows, 2).tolist() == [0.5, 0.5, 1.0, 0.0, 1.0]


def test_a_top_that_did_it_whole_is_not_certain_to(strong):
    rows = strong.rows.assign(score=strong.rows["came"] + 0.001 * strong.rows["score"])  # as if it had known
    found = pd.DataFrame(propensity_report.report_rows(dataclasses.replace(strong, rows=rows), 10)).set_index(
        "definition_id"
    )
    best = found.loc["propensity_rate_at_capacity"]
    assert best["value"] == best["high"] == 1 and 0.7 < best["low"] < 0.95


def test_measures_hold_every_definition_of_a_question_and_say_what_is_missing(strong):
    rows = pd.DataFrame(propensity_report.report_rows(strong, 30))
    assert set(propensity_report.KINDS) <= set(rows["definition_id"])
    assert (rows["window_end"] == strong.blocks.report[-1] + H * DAY).all()
    without = pd.DataFrame(propensity_report.report_rows(propensity.Tested(QUESTION, "a thousand days"), 30))
    assert (without["status"] == "not_answerable").all() and (without["why"] == "a thousand days").all()


def test_too_few_outcomes_are_said_before_any_model():
    laid = propensity.blocks(SINCE, AS_OF, H)
    labelled = pd.DataFrame(
        [(d, f"a{i}", float(i < 10)) for d in laid.days for i in range(80)], columns=["day", "account_id", "came"]
    )
    assert propensity.too_few(labelled, laid.report) == f"{FLOOR_OUTCOMES} accounts that did, where there are 10"
    assert propensity.too_few(labelled[labelled["account_id"] < "a4"], laid.report).startswith(
        "50 accounts of which it can be asked"
    )
    enough = labelled.assign(came=(labelled["account_id"].str[1:].astype(int) < 40).astype(float))
    assert propensity.too_few(enough, laid.report) == ""
    late = enough.assign(came=enough["came"].where(~enough["day"].isin(laid.report), 0.0))
    assert propensity.too_few(late, laid.report).startswith("15 accounts that did in the latest period")


def test_drift_is_none_where_today_is_as_then_and_some_where_it_is_not(strong):
    assert propensity_report.drift(strong) < 0.2
    p = strong.predictors
    moved = strong.__class__(
        **{**strong.__dict__, "predictors": Predictors(p.past, p.now + 1.0, p.raw, p.known, p.of, p.used)}
    )
    assert propensity_report.drift(moved) > 0.25


def test_what_came_is_counted_apart_for_accounts_we_touched(strong):
    came = int(strong.rows["came"].sum())
    assert propensity_report.worked_only(strong) == (came, len(strong.rows), 0, 0)


# -- what each feature tells --------------------------------------------------------------------------------------------


def test_a_feature_that_tells_is_found_and_others_are_not(strong):
    told = telling.alone([strong]).set_index("column")
    assert told["p"].idxmin() == "touches_in_90d" and told.loc["touches_in_90d", "auc"] > 0.6
    assert (told.drop("touches_in_90d")["p"] > 0.05).all()


def criterion(feature: str | None, direction: str) -> pd.DataFrame:
    """One criterion of 02."""
    return pd.DataFrame(
        {"criterion_id": ["k"], "name": ["engaged"], "weight": [10.0], "direction": [direction], "feature": [feature]}
    )


@pytest.mark.parametrize(
    ("feature", "direction", "verdict"),
    [
        ("touches_in_90d", "higher", telling.TOLD), ("touches_in_90d", "lower", telling.AGAINST), ("contacts", "higher", telling.NOTHING),
        (None, "higher", telling.UNMEASURED), ("gut feeling", "higher", telling.UNMEASURED),
    ],
)  # fmt: skip
def test_a_criterion_keeps_its_promise_points_the_other_way_or_tells_nothing(strong, feature, direction, verdict):
    judged = telling.criteria(criterion(feature, direction), telling.alone([strong])).iloc[0]
    assert judged["verdict"] == verdict
    if verdict == telling.TOLD:
        assert judged["rate_favoured"] > judged["rate_others"] and judged["low"] > 0.5


def test_for_leaving_a_criterion_keeps_its_promise_where_it_favours_who_stays(strong):
    leaving = strong.__class__(**{**strong.__dict__, "question": Question(**{**QUESTION.__dict__, "is_loss": True})})
    judged = telling.criteria(criterion("touches_in_90d", "higher"), telling.alone([leaving])).iloc[0]
    assert judged["verdict"] == telling.AGAINST and judged["high"] < 0.5


def test_only_what_goes_against_belief_is_a_surprise(strong, monkeypatch):
    told = telling.alone([strong])
    assert telling.against_belief(told).empty  # more touches, more deals: as people think
    odd = telling.against_belief(told.assign(belief=-told["belief"]))
    assert odd["column"].tolist() == ["touches_in_90d"]


def test_rows_of_measures_count_what_was_looked_at(strong):
    told = telling.alone([strong])
    rows = telling.surprise_rows(telling.against_belief(told), len(told))
    assert rows["value"].tolist() == [0.0] and rows["n"].tolist() == [len(told)]
    assert telling.criteria_rows(telling.criteria(criterion(None, "higher"), told)).empty


def test_prepare_takes_the_features_of_the_tests():
    history, today = planted(60, 0.0, 4)
    assert set(prepare(history, today, FIRST).past) >= set(FEATURES) - {"deals_open"}


@pytest.mark.parametrize(
    ("score", "edges"),
    [
        ([x / 10 for x in range(10)], [0.4, 0.6, 0.8, 0.9]), ([0.1] * 6 + [0.2] * 2 + [0.3] * 2, [0.2, 0.3]),
        ([0.1] * 3 + [0.2] * 7, []), ([0.1] * 7 + [0.2, 0.3, 0.4], [0.2, 0.3, 0.4]), ([0.1] * 5, []),
    ],
    ids=["all differ", "many equal", "most on top", "few on top", "all equal"],
)  # fmt: skip
def test_bands_are_finer_at_the_top_and_never_part_equal_scores(score, edges):
    assert propensity_report.band_edges(pd.Series(score)).tolist() == edges


def test_reasons_take_all_columns_of_a_feature_as_one_and_say_its_own_value():
    parts = pd.DataFrame({"country: Spain": [0.5], "country: France": [-0.2], "contacts: no value": [0.1]}, ["a"])
    of = {"country: Spain": "country", "country: France": "country", "contacts: no value": "contacts"}
    raw = pd.DataFrame({"country": ["Norway"], "contacts": [np.nan]}, ["a"])
    up, down = propensity_report.told(parts, of, raw)
    assert (up["a"], down["a"]) == ("country Norway (+0.3)", "")  # a tenth is too little to name
    unknown = propensity_report.told(parts, of, raw.assign(country=None))[0]
    assert unknown["a"] == ""  # what was lent says nothing of the account


def test_most_money_is_at_stake_first_of_those_likelier_than_all():
    rows = pd.DataFrame(
        {"account_id": list("abcd"), "observed": [0.5, 0.5, 0.1, 0.5], "observed_low": 0.4, "observed_high": 0.6}
    )
    found = propensity_report.at_stake(rows, pd.Series({"a": 10.0, "b": 30.0, "c": 900.0, "d": 0.0}), 0.2, 5)
    assert found["moves"].to_dict() == {"b": 15.0, "a": 5.0}
    assert propensity_report.at_stake(rows, pd.Series({"a": 10.0, "b": 30.0}), 0.2, 1).index.tolist() == ["b"]


def test_accounts_with_the_last_score_that_is_listed_are_counted():
    rows = pd.DataFrame({"score": [0.9, 0.5, 0.5, 0.5], "rank": [1, 2, 3, 4]})
    assert propensity_report.tied(rows, 3) == (2, 3)
    assert propensity_report.tied(rows, 4) == (0, 0)


def test_an_overview_of_no_question_has_its_columns_and_one_of_a_test_its_numbers(strong):
    none = propensity_report.overview([], pd.DataFrame(columns=["group_by", "group", "definition_id"]))
    assert none.empty and list(none) == propensity_report.OVERVIEW
    measured = pd.DataFrame(propensity_report.report_rows(strong, 30))
    one = propensity_report.overview([strong], measured).iloc[0]
    assert one["base_rate"] == strong.rows["came"].mean() and one["accounts"] == 300
