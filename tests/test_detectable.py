"""What could be seen, from the past of forty accounts of which every other one did something."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import detectable
from abmlib.stats import power
from abmlib.tables import schema
from tests.conftest import as_read, entries


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


# -- baselines and verdicts -----------------------------------------------------------------------------------------------

IDS = pd.Index([f"a{i:02d}" for i in range(40)])
START = day("2026-01-01")
KNOWN = pd.Series(day("2020-01-01"), IDS)


def happened(outcome: str, rows: list[tuple]) -> dict[str, pd.DataFrame]:
    """Facts of one outcome; the others were never recorded."""
    none = pd.DataFrame({"account_id": pd.Series(dtype=str), "day": pd.Series(dtype="datetime64[us]"), "amount": []})
    told = pd.DataFrame(rows, columns=["account_id", "day", "amount"]).astype(
        {"day": "datetime64[us]", "amount": float}
    )
    return dict.fromkeys(detectable.OUTCOMES, none) | {outcome: told}


def half(outcome: str) -> dict[str, pd.DataFrame]:
    """Every other account did it once in 2025; records reach back to 2024."""
    rows = [(a, "2025-11-01", 1) for a in IDS[::2]] + [("else", "2024-01-01", 1), (IDS[1], "2026-03-01", 99)]
    return happened(outcome, rows)


GROUPS = detectable.Comparison("experiment", 30, 10, IDS, START)


def one(seen: pd.DataFrame, outcome: str, months: int) -> pd.Series:
    return seen[(seen["outcome"] == outcome) & (seen["horizon_months"] == months)].iloc[0]


def test_the_baseline_is_the_accounts_own_past_before_anything_was_done():
    got = one(detectable.effects(half("accounts_won"), GROUPS, KNOWN, [3, 6], 0.2), "accounts_won", 3)
    assert (got["window_start"], got["window_end"]) == (day("2025-10-01"), day("2025-12-31"))
    assert (got["base"], got["accounts"], got["status"]) == (0.5, 40, "ok")
    curve = power.curve_of_shares(0.5, 30, 10)
    assert (got["power"], got["mde"]) == (curve(0.6), power.smallest_effect(curve, 0.5, 1.0) - 0.5)
    assert got["mde_relative"] == pytest.approx(got["mde"] / 0.5)


def test_a_rate_and_a_mean_vary_as_the_accounts_own_values_did():
    own = pd.Series([1.0, 0.0] * 20)
    for outcome, counts in (("opportunities_opened", True), ("revenue", False)):
        curve = power.curve_of_means(own, 0 * own, 30, 10, detectable.SEED, counts=counts)
        seen = detectable.effects(half(outcome), GROUPS, KNOWN, [3], 0.2)
        assert one(seen, outcome, 3)["power"] == curve(0.6)


@pytest.mark.parametrize("outcome", ["opportunities_opened", "revenue"])
def test_what_repeats_itself_needs_a_smaller_effect_and_its_correlation_is_estimated(outcome):
    random = np.random.default_rng(0)
    usual = dict(zip(IDS, random.lognormal(5, 1, len(IDS)), strict=True))
    months = pd.date_range("2025-01-01", periods=12, freq="MS")
    rows = [(a, m, size * random.uniform(0.9, 1.1)) for a, size in usual.items() for m in months]
    short = [row for row in rows if row[1] >= day("2025-07-01")]  # half the history: nothing to adjust by
    long_, bare = (
        one(detectable.effects(happened(outcome, r), GROUPS, KNOWN, [6], 0.2), outcome, 6) for r in (rows, short)
    )
    assert 0.95 < long_["correlation_low"] <= long_["correlation"] <= long_["correlation_high"] <= 1
    assert np.isnan(bare["correlation"])
    assert long_["mde"] < bare["mde"] / 2
    assert long_["base"] == pytest.approx(bare["base"])


@pytest.mark.parametrize(
    ("facts", "created", "status", "verdict"),
    [
        (happened("accounts_won", [("a00", "2025-12-01", 1)]), KNOWN, "too_early", "too little history"),  # records too young
        (happened("accounts_won", [("else", "2024-01-01", 1)]), KNOWN, "too_early", "too little history"),  # none of them
        (half("accounts_won"), KNOWN.where(IDS < "a11", day("2025-12-01")), "too_early", "too little history"),  # eleven old ones
        (half("revenue"), KNOWN, "not_answerable", "not answerable"),  # no deal in the source
        (happened("accounts_won", [(a, "2025-11-01", 1) for a in IDS] + [("else", "2024-01-01", 1)]), KNOWN, "ok",
         "cannot be seen"),  # all of them already do it
    ],
)  # fmt: skip
def test_what_the_past_cannot_tell_is_said_and_not_guessed(facts, created, status, verdict):
    got = one(detectable.effects(facts, GROUPS, created, [3], 0.2), "accounts_won", 3)
    assert (got["status"], got["verdict"]) == (status, verdict)
    assert np.isnan(got["mde"])


@pytest.mark.parametrize(("treated", "held", "effect", "verdict"), [
    (400, 400, 0.2, "could be seen"), (100, 100, 0.2, "only a large effect"), (8, 8, 0.2, "cannot be seen"),
    (30, 1, 0.2, "not answerable"),
])  # fmt: skip
def test_the_verdict_goes_by_power_and_by_what_can_be_hoped_for(treated, held, effect, verdict):
    groups = detectable.Comparison("experiment", treated, held, IDS, START)
    assert (
        one(detectable.effects(half("accounts_won"), groups, KNOWN, [3], effect), "accounts_won", 3)["verdict"]
        == verdict
    )


def test_measures_keep_status_window_and_count():
    rows = detectable.effect_rows(detectable.effects(half("accounts_won"), GROUPS, KNOWN, [3], 0.2))
    got = schema.conform("measures", rows.assign(as_of=day("2026-06-30")))
    assert len(got) == 2 * len(detectable.OUTCOMES)
    won = got[got["definition_id"] == "power_to_see_rise_of_accounts_won"].iloc[0]
    assert (won["measure_id"], won["n"], won["group"], won["status"]) == ("C-55", 40, "3 months", "ok")
    assert set(got.loc[~got["definition_id"].str.contains("accounts_won"), "status"]) == {"not_answerable"}


def drawn(*rows: tuple) -> pd.DataFrame:
    return entries(
        "experiments",
        "account_id experiment_id arm assigned_at",
        [(*r, r[-1]) for r in rows],
        pre_registered_metric="won",
    )


def test_the_newest_experiment_with_two_arms_is_compared_and_else_tiers_and_else_a_list_to_be():
    tiers = entries(
        "account_tiers", "account_id valid_from tier",
        [("old", "2025-01-31", "3", "2025-01-01"), ("new", "2026-05-31", "2", "2026-05-31"), ("out", "2025-01-01", "none", "2025-01-01")],
        set_by="joint", reason="fit",
    )  # fmt: skip
    accounts = pd.Index([*IDS, "old", "new", "left", "soon"])
    none, as_of = drawn(), day("2026-06-30")
    trial = drawn(
        ("a00", "X1", "treated", "2025-01-01"), ("a01", "X1", "holdout", "2025-01-01"),
        ("a02", "X2", "treated", "2025-03-01"), ("a03", "X2", "holdout", "2025-02-01"),
        ("a04", "X2", "holdout", "2025-03-01"), ("gone", "X2", "holdout", "2025-03-01"),  # not in the book
        ("a05", "X3", "treated", "2026-01-01"),  # one arm: compares nothing
    )  # fmt: skip
    got = detectable.compared_groups(trial, tiers, accounts, as_of, 20)
    assert (got.basis, got.treated, got.held, got.start) == ("experiment", 1, 2, day("2025-02-01"))
    got = detectable.compared_groups(none, tiers, accounts, as_of, 20)
    assert (got.basis, got.treated, got.held, got.start) == ("tiers", 2, 42, day("2025-01-31"))
    got = detectable.compared_groups(none, tiers.iloc[:0], accounts, as_of, 21)
    assert (got.basis, got.treated, got.held, got.start) == ("planned", 11, 10, day("2026-07-01"))
    assert len(got.baseline) == 44
    assert not got.own_past


def test_a_list_too_short_to_have_a_past_of_its_own_is_given_that_of_all_accounts():
    few, many = (
        drawn(*((a, "X1", "treated" if a < "a10" else "holdout", "2025-01-01") for a in IDS[:n])) for n in (29, 30)
    )
    none = as_read("account_tiers")
    short, long_ = (detectable.compared_groups(d, none, IDS, day("2026-06-30"), 20) for d in (few, many))
    assert (len(short.baseline), short.own_past, short.treated, short.held) == (40, False, 10, 19)
    assert (len(long_.baseline), long_.own_past) == (30, True)


def test_facts_leave_out_our_own_touches_and_what_nobody_can_place():
    deals = pd.DataFrame({
        "account_id": ["a", None, "b"], "created_day": [day("2025-01-01")] * 3, "closed_day": [day("2025-02-01")] * 3,
        "is_won": pd.array([True, True, None], dtype="boolean"), "amount": [7.0, 8.0, 9.0],
    })  # fmt: skip
    touched = pd.DataFrame({
        "account_id": ["a", "a"], "direction": ["inbound", "outbound"], "day": [day("2025-01-01")] * 2, "rows": [3, 9]
    })  # fmt: skip
    bought = pd.DataFrame({"account_id": ["a"], "day": [day("2025-01-01")], "revenue": [5.0]})
    got = detectable.outcome_facts(deals, bought, touched)
    assert {name: fact["amount"].sum() for name, fact in got.items()} == {
        "touches_in": 3, "opportunities_opened": 2, "accounts_opening_a_deal": 2, "accounts_won": 1, "revenue": 5,
        "won_value": 7,
    }  # fmt: skip
