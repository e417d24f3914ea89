"""Sales models by segment, and the focus areas of a list, on tables a person can follow."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import coverage, focus, motions
from abmlib.method.periods import Period
from abmlib.pages import say_motions
from abmlib.tables import schema
from tests.conftest import as_read
from tests.test_pipeline import TODAY, day, won_and_lost

LEVEL = 0.95


def worked(**models: tuple[int, int]) -> pd.DataFrame:
    """Deals of as many accounts: of each model as many won and lost."""
    flags = {name: [True] * won + [False] * lost for name, (won, lost) in models.items()}
    rows = [(won, 100) for each in flags.values() for won in each]
    model = [name for name, each in flags.items() for _ in each]
    return won_and_lost(*rows, sales_model=model, account_id=[f"a{i}" for i in range(len(rows))])


def in_one(closed: pd.DataFrame, segment: str = "Retail", way: str = "industry") -> pd.DataFrame:
    return pd.DataFrame({way: segment}, closed.index, dtype="str")


def led(closed: pd.DataFrame, labels: pd.DataFrame | None = None) -> list[str]:
    cells = motions.performance(closed, in_one(closed) if labels is None else labels)
    return motions.verdicts(cells)["leading_model"].tolist()


# -- which deals count ------------------------------------------------------------------------------------------------


def test_renewals_open_deals_and_deals_without_a_model_do_not_count():
    every = won_and_lost(
        *[(w, 1) for w in (True, False, True, None)],
        sales_model=["field", None, "field", "field"],
        type=["new", "new", "renewal", "new"],
    )
    assert motions.comparable(every)["opportunity_id"].tolist() == ["d0"]


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ({}, "the sales model of deals won and lost"),
        ({"field": (1, 1)}, "a second sales model"),
        ({"field": (1, 0), "inside": (2, 0)}, "a deal lost"),
        ({"field": (0, 1), "inside": (0, 2)}, "a deal won"),
        ({"field": (1, 0), "inside": (0, 2)}, ""),
    ],
)
def test_it_says_what_is_lacking_and_then_measures_nothing(models, why):
    closed = motions.comparable(worked(**models or {"field": (1, 1)})).iloc[: None if models else 0]
    cells = motions.performance(closed, in_one(closed))
    assert motions.lacking(closed) == why and cells.empty == bool(why)
    assert len(motions.verdicts(cells)) == (not why)
    assert (why in say_motions.models(cells, why, LEVEL)) and len(motions.motion_rows(cells)) == 3 * len(cells)


def test_a_deal_takes_the_chance_said_before_it_was_opened_and_not_too_long_before():
    past = pd.DataFrame({
        "question": ["wins"] * 4 + ["grows"], "day": [day("2026-01-31")] * 2 + [day("2026-03-31")] * 2 + [day("2025-01-31")],
        "account_id": ["a", "b", "a", "b", "a"], "score": [0.9, 0.1, 0.1, 0.9, 0.9],
    })  # fmt: skip
    opened = ["2026-01-31", "2026-02-01", "2026-03-31", "2026-04-01", "2026-04-30", "2026-05-01", None]
    deals = pd.DataFrame({"account_id": "a", "created_day": pd.to_datetime(pd.Series(opened))})
    got = motions.chance_before(deals, past, horizon_days=30).fillna("-").tolist()
    likely, other = motions.HALVES.values()
    assert got == ["-", likely, "-", other, other, "-", "-"]  # 31 March is 59 days after the first day


def test_ways_of_which_nothing_is_known_are_left_out():
    deals = worked(field=(1, 1))
    accounts = pd.DataFrame({"industry": None, "employees": [5.0, 50.0]}, ["a0", "a1"])
    track = pd.Series(["first sale", "unknown"])
    nothing = pd.Series(None, deals.index, dtype="str")
    got = motions.ways(deals, accounts, nothing, track, schema.empty("04_back_test"), 30)
    assert got.columns.tolist() == [motions.ALL, "size", "customer before"]
    assert got["size"].tolist() == ["middle third", "largest third"]


# -- who won where ----------------------------------------------------------------------------------------------------


def test_each_cell_counts_its_deals_accounts_and_the_amount_won_of_all_decided():
    closed = worked(field=(3, 1), inside=(1, 3))
    cells = motions.performance(closed, in_one(closed)).set_index("sales_model")
    assert cells[["won", "decided_deals", "accounts"]].to_numpy().tolist() == [[3, 4, 4], [1, 4, 4]]
    assert (
        cells["won_per_deal"].tolist() == [75, 25] and cells["won_per_deal_low"].isna().all()
    )  # three won are too few
    rows = motions.motion_rows(cells.reset_index()).assign(as_of=TODAY)
    assert schema.conform("measures", rows)["group"].iloc[0] == "industry: Retail, field"


def test_the_adjusted_rate_is_drawn_to_the_same_model_elsewhere():
    closed = worked(field=(18, 2), inside=(2, 18))
    segment = pd.DataFrame({"industry": ["big"] * 19 + ["small"] + ["big"] * 19 + ["small"]}, closed.index)
    small = motions.performance(closed, segment).query("segment == 'small'").set_index("sales_model")
    assert small["raw"].tolist() == [0, 0]
    assert small.loc["field", "shrunk"] > small.loc["inside", "shrunk"] + 0.2


def test_a_model_leads_only_when_it_is_ahead_of_each_other_beyond_noise():
    assert led(worked(field=(28, 2), inside=(5, 25))) == ["field"]
    assert led(worked(field=(28, 2), inside=(5, 25), web=(27, 3))) == [motions.NOT_TOLD]
    assert led(worked(field=(16, 14), inside=(14, 16))) == [motions.NOT_TOLD]


def test_a_model_with_deals_of_nine_accounts_is_not_compared():
    assert led(worked(field=(10, 0), inside=(0, 9))) == [motions.FEW]
    assert led(worked(field=(10, 0), inside=(0, 10))) == ["field"]
    assert led(worked(field=(28, 2), inside=(5, 25), web=(9, 0))) == ["field"]


def test_many_deals_of_few_accounts_are_no_proof():
    closed = worked(field=(28, 2), inside=(5, 25))
    few = closed.assign(account_id=[f"{x}{i % 9}" for x in "xy" for i in range(30)])
    assert led(few) == [motions.FEW]
    closed = worked(field=(140, 60), inside=(100, 100))
    assert led(closed) == ["field"]
    whole = closed.assign(
        account_id=[f"{x}{i // 20}" for x in "xy" for i in range(200)]
    )  # each won or lost all it decided
    assert led(whole) == [motions.NOT_TOLD]


def test_more_segments_looked_at_ask_for_more_proof():
    closed = worked(field=(15, 5), inside=(7, 13))
    assert led(closed) == ["field"]
    more = pd.concat([closed, *[worked(field=(10, 10), inside=(10, 10)) for _ in range(9)]], ignore_index=True)
    more["account_id"] = [f"b{i}" for i in range(len(more))]
    segments = pd.DataFrame({"industry": [f"s{i}" for i in range(10) for _ in range(40)]})
    assert led(more, segments) == [motions.NOT_TOLD] * 10


def test_deals_without_a_segment_are_counted_and_advise_nothing():
    closed = worked(field=(28, 2), inside=(5, 25))
    labels = pd.DataFrame({"industry": [None] * 60}, closed.index, dtype="str")
    cells = motions.performance(closed, labels)
    assert cells["segment"].tolist() == [motions.UNKNOWN] * 2 and motions.verdicts(cells).empty


def test_the_sentence_names_who_leads_and_never_says_why():
    closed = worked(field=(28, 2), inside=(5, 25))
    cells = motions.performance(closed, in_one(closed).assign(**{motions.ALL: motions.ALL}))
    found, then = say_motions.leading(motions.verdicts(cells), LEVEL)
    assert "field in Retail (industry), 76.7 points" in found and "ahead of inside" in found and "no proof" in then
    assert "because" not in found + then
    assert say_motions.models(cells, "", LEVEL).startswith(
        "Deals won of those decided, by sales model, renewals left out (95% intervals): field 28 of 30 (93.3%, "
    )
    closed = worked(field=(16, 14), inside=(14, 16))
    found, then = say_motions.leading(motions.verdicts(motions.performance(closed, in_one(closed))), LEVEL)
    assert (
        found.startswith("No sales model") and found.endswith("looked at: 1 segment by industry.") and "by lot" in then
    )
    closed = worked(field=(1, 1), inside=(1, 1))
    few = motions.performance(closed, in_one(closed))
    assert say_motions.leading(motions.verdicts(few), LEVEL)[0].startswith("No segment has two")
    assert say_motions.leading(motions.verdicts(cells.iloc[:0]), LEVEL) == ("", "")


# -- focus areas ------------------------------------------------------------------------------------------------------

YEAR = Period(day("2025-07-01"), TODAY)


def listed(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["account_id", "tier", "worth"])


def space(*rows: tuple) -> pd.DataFrame:
    names = ["account_id", "product_line", "state", "value", "alike_share", "alike_middle"]
    return schema.empty("05_white_space").reindex(range(len(rows))).assign(**pd.DataFrame(rows, columns=names))


def people(*rows: tuple, personas: tuple = ("p1", "p2")) -> pd.DataFrame:
    f = pd.DataFrame(rows, columns=["contact_id", "account_id", "persona_id", "opted_out"]).assign(
        buying_role="end_user"
    )
    named = pd.DataFrame(
        {
            "persona_id": list(personas),
            "name": [p.upper() for p in personas],
            "entered_at": pd.Timestamp("2024-01-01", tz="UTC"),
            "supersedes": None,
        }
    )
    return focus.with_personas(coverage.contact_states(as_read("contacts", f), TODAY), named)


def touches(*rows: tuple) -> pd.DataFrame:
    f = pd.DataFrame(rows, columns=["contact_id", "occurred_at", "outcome", "is_bot"]).assign(
        direction="outbound", channel="email", account_id="a"
    )
    f["occurred_at"] = pd.to_datetime(f["occurred_at"], utc=True)
    return as_read("activities", f.assign(activity_id=[f"t{i}" for i in range(len(f))]))


def test_small_segments_of_a_tier_are_gathered_and_accounts_in_no_tier_left_out():
    rows = listed(*[(f"a{i}", "1", 1.0) for i in range(5)], ("b", "none", 9.0))
    industry = pd.Series({"a0": "X", "a1": "X", "a2": "X", "a3": "Y", "a4": None, "b": "X"})
    got = focus.areas(rows, industry)
    assert got["segment"].tolist() == ["X"] * 3 + [focus.OTHERS] * 2
    found = focus.focus_areas(got.assign(worth=[1, 1, 1, 5, 5]), space(), touches(), people(), YEAR)
    assert found["segment"].tolist() == ["X", focus.OTHERS] and found["worth_share"].tolist() == pytest.approx(
        [3 / 13, 10 / 13]
    )
    assert found[["focus_line", "persona_met"]].isna().all(axis=None)


def area(cells: pd.DataFrame = None, done: pd.DataFrame = None, who: pd.DataFrame = None) -> pd.Series:
    placed = focus.areas(listed(("a", "1", 10.0), ("b", "1", np.nan), ("c", "1", 5.0)), pd.Series("X", list("abc")))
    none = (space(), touches(), people())
    given = [n if g is None else g for g, n in zip((cells, done, who), none, strict=True)]
    return focus.focus_areas(placed, *given, YEAR).iloc[0]


def test_the_line_is_that_of_most_expected_value_else_of_look_alikes_else_of_most_accounts():
    none = (np.nan, np.nan)
    told = area(
        space(("a", "L", "never", 9.0, 0.1, 10.0), ("b", "M", "never", 5.0, 0.9, 90.0), ("c", "M", "buys", 99.0, *none))
    )
    assert told[["focus_line", "line_accounts", "line_value", "line_alike"]].tolist() == ["L", 1, 9, 1]
    alike = area(space(("a", "L", "never", np.nan, 0.1, 10.0), ("b", "M", "never", np.nan, 0.9, 90.0)))
    assert alike["focus_line"] == "M" and alike["line_alike"] == 81 and np.isnan(alike["line_value"])
    bare = area(
        space(
            ("a", "L", "never", np.nan, *none), ("a", "M", "never", np.nan, *none), ("b", "M", "never", np.nan, *none)
        )
    )
    assert bare[["focus_line", "line_accounts"]].tolist() == ["M", 2] and np.isnan(bare["line_alike"])


def test_the_persona_met_most_counts_no_machine_no_missed_meeting_and_nothing_older():
    who = people(("c1", "a", "p1", False), ("c2", "a", "p2", False), ("c3", "a", "p2", True), ("c4", "a", "p2", False))
    done = touches(
        ("c1", "2026-06-01", None, None), ("c1", "2026-06-02", None, None), ("c2", "2026-06-01", None, None),
        ("c2", "2026-06-02", "no_show", None), ("c2", "2026-06-03", "booked", None), ("c2", "2026-06-04", None, True), ("c2", "2025-06-30", None, None),
    )  # fmt: skip
    got = area(None, done, who)
    assert got["persona_met"] == "P1" and got["persona_touches"] == 2
    assert got["persona_share"] == pytest.approx(1 / 3)  # the third person of P2 has opted out


def test_without_personas_the_part_in_buying_counts():
    who = people(("c1", "a", None, False))
    assert who["persona"].tolist() == ["end user"]
    assert area(None, touches(("c1", "2026-06-01", None, None)), who)["persona_met"] == "end user"


def test_the_sentence_names_an_area_with_a_segment_even_where_others_are_worth_more():
    rows = listed(*[(f"a{i}", "1", 1.0) for i in range(3)], ("b", "1", 9.0))
    placed = focus.areas(rows, pd.Series({"a0": "X", "a1": "X", "a2": "X", "b": "Y"}))
    areas = focus.focus_areas(placed, space(), touches(), people(), YEAR)
    assert "tier 1, X: 3 EUR of 12 EUR (25.0%)" in say_motions.focus(areas, "EUR")[0]


def test_the_sentence_on_focus_says_worth_line_and_persona():
    cells = space(("a", "L", "never", np.nan, 0.5, 10.0))
    who, done = people(("c1", "a", "p1", False)), touches(("c1", "2026-06-01", None, None))
    found, then = say_motions.focus(area(cells, done, who).to_frame().T, "EUR")
    assert found == "Of the areas of the list, most worth is in tier 1, X: 15 EUR of 15 EUR (100.0%) at 3 accounts."
    assert (
        then.startswith("There, offer L first (1 account never bought it, 5 EUR if they buy as their look-alikes do")
        and "P1 (1 touch in 12 months" in then
    )
    assert say_motions.focus(
        focus.focus_areas(focus.areas(listed(), pd.Series(dtype="str")), space(), touches(), people(), YEAR), "EUR"
    ) == ("", "")
