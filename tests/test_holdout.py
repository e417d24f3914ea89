"""Accounts to hold back: who can be drawn, with whom, what it would show, and that a draw is entered once."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import detectable, holdout, readout
from abmlib.pages import forms, say_holdout
from abmlib.stats import power, randomised
from abmlib.tables import Book
from tests.conftest import as_read, entries

NOON = pd.Timestamp("2026-07-01T12:00:00Z")


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


# -- what runs, and who is free -------------------------------------------------------------------------------------------


def drawn(*rows: tuple) -> pd.DataFrame:
    told = [(*r, f"{r[-1]}T09:00Z", f"{r[-1]}T09:00Z") for r in rows]
    named = [(a, x, arm, at, entered) for a, x, arm, _, at, entered in told]
    columns = "account_id experiment_id arm assigned_at"
    return entries("experiments", columns, named, pre_registered_metric="revenue")


def plan(name: str, months: int, looks: str, frozen: str | None, entered: str) -> pd.DataFrame:
    return entries(
        "experiment_plans", "experiment_id horizon_months looks frozen_at", [(name, months, looks, frozen, entered)],
        measure_id="opportunities_opened", design="pairs", held_share=0.5, analysis="as agreed",
    )  # fmt: skip


def ran(
    plans: pd.DataFrame, rows: pd.DataFrame, as_of: pd.Timestamp, accounts: str = "a b c d"
) -> tuple[list, pd.DataFrame]:
    found = readout.experiments(rows, plans, pd.Index(accounts.split()))
    return found, holdout.experiments(found, as_of)


WAVES = drawn(
    ("a", "X1", "treated", "2025-01-01"), ("b", "X1", "holdout", "2025-07-01"), ("gone", "X1", "holdout", "2025-07-01")
)


@pytest.mark.parametrize(
    ("as_of", "free", "next_look"),
    [
        ("2025-12-30", ["c"], "2025-12-31"),
        ("2025-12-31", ["c"], "2026-06-30"),
        ("2026-06-29", ["c"], "2026-06-30"),
        ("2026-06-30", ["a", "b", "c"], None),  # the year of the account drawn last is whole
    ],
)
def test_accounts_of_an_experiment_are_free_once_its_last_look_is_reached(as_of, free, next_look):
    accounts, ahead = pd.Index(["d", "c", "b", "a"]), plan("X1", 12, "6;12", "2024-12-31", "2024-12-31")
    found, table = ran(ahead, WAVES, day(as_of))
    got = table.iloc[0]
    assert got[["measure_id", "treated", "held_back", "frozen"]].tolist() == [
        "opportunities_opened",
        1,
        1,
        "before the draw",
    ]
    assert (got["drawn_on"], got["last_look"]) == (day("2025-01-01"), day("2026-06-30"))
    assert got["next_look"] is pd.NaT if next_look is None else got["next_look"] == day(next_look)
    assert holdout.candidates(pd.Index(["a", "b", "c", "e"]), found, day(as_of), accounts).tolist() == free
    waits = "Do not look at X1 before" in say_holdout.looks(table)
    assert waits == (next_look is not None)


def test_a_plan_made_after_the_draw_is_said_and_without_one_a_year_is_waited():
    late = ran(plan("X1", 3, "3", "2025-01-02", "2025-01-02"), WAVES, day("2026-01-01"))[1]
    assert late[["frozen", "horizon_months", "running"]].values.tolist() == [["after the draw", 3, False]]
    draft = ran(plan("X1", 3, "3", None, "2024-12-01"), WAVES, day("2026-01-01"))[1]
    assert draft["frozen"].tolist() == ["after the draw"]
    none = ran(as_read("experiment_plans"), WAVES, day("2026-01-01"))[1]
    assert none[["measure_id", "frozen", "horizon_months", "running"]].values.tolist() == [
        ["revenue", "no plan", 12, True]
    ]


def test_where_nothing_was_drawn_everybody_wanted_is_free():
    accounts = pd.Index(["b", "a"])
    found, table = ran(as_read("experiment_plans"), as_read("experiments"), day("2026-01-01"))
    assert table.empty and say_holdout.looks(table) == ""
    assert holdout.candidates(accounts, found, day("2026-01-01"), accounts).tolist() == ["a", "b"]


# -- neighbours -------------------------------------------------------------------------------------------------------

PAST = pd.Series([0, 5, 0, 4, 0, 9, 5], list("abcdefg"), dtype=float)
SIZE = pd.Series([9, 1, 8, 1, 9, 1, 2], list("abcdefg"), dtype=float)


def test_neighbours_are_alike_in_the_past_then_in_size_and_the_rest_joins_the_last_group():
    got = holdout.strata(PAST, SIZE, "pairs", 0.5)
    assert got.to_dict() == {  # in order: c a | e d | b g f
        "c": "group 1", "a": "group 1", "e": "group 2", "d": "group 2", "b": "group 3", "g": "group 3", "f": "group 3",
    }  # fmt: skip
    assert holdout.strata(PAST[::-1], SIZE[::-1], "pairs", 0.5).to_dict() == got.to_dict()


@pytest.mark.parametrize(("held_share", "largest"), [(0.5, 2), (0.3, 3), (0.7, 3), (0.25, 4), (0.2, 5), (0.4, 5)])
def test_a_group_is_as_small_as_the_share_held_back_allows(held_share, largest):
    many = pd.Series(np.arange(600.0))
    groups = holdout.strata(many, many, "pairs", held_share)
    assert groups.value_counts().max() == largest
    held = 1 - randomised.draw(groups, held_share, 1).mean()
    assert abs(held - held_share) <= holdout.NEAR


def test_strata_are_above_the_median_or_not():
    got = holdout.strata(PAST, SIZE, "strata", 0.5)  # medians 4 and 2
    assert got["a"] == "past up to median, size above median"
    assert got["b"] == got["f"] == got["g"] == "past above median, size up to median"
    assert got["d"] == "past up to median, size up to median"


def test_it_refuses_a_design_or_a_share_that_does_not_exist():
    with pytest.raises(ValueError, match="there is no thirds. Give one of pairs, strata"):
        holdout.strata(PAST, SIZE, "thirds", 0.5)
    with pytest.raises(ValueError, match="between 0 and 1, got 1"):
        holdout.strata(PAST, SIZE, "pairs", 1)
    with pytest.raises(ValueError, match=r"rise to holdout_months \(12\), got \[12, 6\]"):
        holdout.last_level([12, 6], 12)


def test_size_is_revenue_of_a_year_or_employees_where_nobody_bought():
    bought = pd.DataFrame(
        {"account_id": ["a", "a"], "day": [day("2025-06-30"), day("2025-07-01")], "amount": [7.0, 5.0]}
    )
    staff, accounts = pd.Series([3, None], ["a", "b"]), pd.Index(["a", "b"])
    assert holdout.sizes(bought, staff, accounts, day("2026-06-30")).tolist() == [5, 0]
    assert holdout.sizes(bought.iloc[:0], staff, accounts, day("2026-06-30")).tolist() == [3, 0]


# -- what it would show -----------------------------------------------------------------------------------------------

AS_OF = day("2025-12-31")


def history(accounts: pd.Index) -> dict[str, pd.DataFrame]:
    """Deals and revenue in 2024 and 2025: of each account as many as its place divided by five leaves."""
    counts = [i % 5 for i in range(len(accounts))]
    days = [d for year in (2024, 2025) for d in pd.date_range(f"{year}-01-01", periods=4, freq="QS")]
    rows = [(a, d, 1.0) for a, n in zip(accounts, counts, strict=True) for d in days if n > d.quarter - 1]
    fact = pd.DataFrame([("else", day("2023-01-01"), 1.0), *rows], columns=["account_id", "day", "amount"])
    return dict.fromkeys(detectable.OUTCOMES, fact)


def test_a_past_that_records_do_not_reach_is_nobodys():
    facts, ids = history(pd.Index(list("abcde"))), pd.Index(["e"])
    late = facts["revenue"][facts["revenue"]["day"] > day("2024-03-01")]
    assert holdout.past_outcome(facts["revenue"], "mean", ids, day("2024-12-31"), 12).tolist() == [4]
    assert holdout.past_outcome(facts["revenue"], "share", ids, day("2024-12-31"), 12).tolist() == [1]
    assert holdout.past_outcome(late, "mean", ids, day("2024-12-31"), 12).tolist() == [0]


def test_longer_lists_are_of_those_next_by_size_and_a_book_without_them_says_so(monkeypatch):
    asked = []
    monkeypatch.setattr(
        power,
        "chances_of_design",
        lambda values, *a: asked.append(list(values.index)) or np.array([0.1, 0.2, 0.9, 1, 1]),
    )
    listed, more = pd.Index([f"a{i:02d}" for i in range(30)]), pd.Index([f"b{i:02d}" for i in range(16)])
    facts, none = history(listed.append(more)), pd.Series(dtype="datetime64[us]")
    given = (listed, more, pd.Series(dtype=float), none, AS_OF, [12], "strata", 0.5, 0.2, 0.049)
    got = holdout.promises(facts, "opportunities_opened", *given).set_index(["accounts_list", "design"])
    assert got["accounts"].tolist() == [30, 30, 45, 46]
    assert got["status"].tolist() == ["ok", "ok", "ok", "not_answerable"]  # twice the list asks for 30 further ones
    assert set(asked[-1]) - set(listed) == set(more) - {"b15"}  # of those without revenue the last by id
    assert got["power"].iloc[0] == 0.2
    assert np.isnan(got["smallest_detectable"].iloc[3])
    own = holdout.of_design(got.reset_index(), 12, "strata")
    said = say_holdout.promise(got.reset_index(), "Deals", 12, "strata", 0.8, 2.0)
    assert said.startswith("With 30 accounts and after 12 months, a rise of ") and "with 45 accounts" in said
    assert own["status"] == "ok" and holdout.of_design(got.reset_index(), 6, "strata").isna().all()
    few = holdout.promises(facts, "opportunities_opened", listed[:29], *given[1:])
    assert few.empty and say_holdout.promise(few, "Deals", 12, "strata", 0.8, 2.0) == ""


def test_a_design_is_tried_on_the_months_before_the_page_with_groups_made_before_them(monkeypatch):
    seen = {}

    def chances(values, past, stratum, *given):
        seen.update(values=values, past=past, stratum=stratum, level=given[-1])
        return np.full(5, 0.5)

    monkeypatch.setattr(power, "chances_of_design", chances)
    listed = pd.Index([f"a{i:02d}" for i in range(30)])
    facts = history(listed)
    now = facts["revenue"].assign(amount=lambda f: f["amount"].where(f["day"] < day("2025-01-01"), 10.0))
    given = (
        listed,
        listed[:0],
        pd.Series(dtype=float),
        pd.Series(dtype="datetime64[us]"),
        AS_OF,
        [12],
        "pairs",
        0.5,
        0.2,
        0.049,
    )
    holdout.promises(facts | {"revenue": now}, "revenue", *given)
    assert (seen["values"] == 10 * seen["past"]).all() and seen["past"]["a04"] == 4
    assert seen["level"] == 0.049
    early = holdout.sizes(now, pd.Series(dtype=float), listed, day("2024-12-31"))
    assert seen["stratum"].equals(holdout.strata(seen["past"], early, "strata", 0.5))  # the design tried last
    with pytest.raises(ValueError, match="there is no won_deals. Give one of touches_in"):
        holdout.promises(facts, "won_deals", *given)


@pytest.mark.parametrize(
    ("wanted", "free", "says"),
    [
        (0, 0, "Nobody can be drawn yet: no account is in a tier or wanted by both teams, and 30 are needed"),
        (
            98,
            29,
            "29 of 98 accounts on the list can be drawn; the others are in an experiment that runs. At least 30 are needed",
        ),
        (12, 12, "12 of 12 accounts on the list can be drawn. At least 30 are needed"),
        (98, 98, "98 accounts can be drawn"),
        (250, 250, "250 accounts can be drawn; with so many, chance alone makes both sides alike"),
    ],
)
def test_it_is_said_who_can_be_drawn_and_how_many_are_needed(wanted, free, says):
    assert say_holdout.candidates(wanted, free, 30, holdout.ENOUGH).startswith(says)


def test_nobody_is_told_to_draw_what_only_a_doubling_would_show():
    for least, words in ((0.6, "Hold back 15 of 30 accounts"), (1.01, "Do not draw"), (np.nan, "Do not draw")):
        assert say_holdout.advice(pd.Series({"smallest_detectable": least}), 15, 30, 12).startswith(words)


# -- the draw ---------------------------------------------------------------------------------------------------------

PLAN = {
    "experiment_id": "X1", "measure_id": "opportunities_opened", "horizon_months": 12, "looks": "6;12", "design": "pairs",
    "held_share": 0.5, "seed": 7, "rise": 0.2, "smallest_rise": np.nan, "power": 0.09, "analysis": "deals, treated less held back",
}  # fmt: skip
GROUPS = pd.Series(["group 1", "group 1"], pd.Index(["acme", "beta"]))


def entered(folder, known=(), by="Ada", now=NOON, **more) -> str:
    return forms.draw(folder, *holdout.draw(PLAN, GROUPS), known=known, entered_by=by, now=lambda: now, **more)


def test_plan_and_draw_are_entered_together_and_pass_the_checks_of_their_tables(small):
    said = entered(small / "programme", as_of=day("2026-06-30"))
    assert "Drawn as X1" in said and "1 accounts treated and 1 held back" in said
    assert said.endswith("counts in reports from today (2026-07-01) on.")
    book = Book.open(small, "2026-07-31")
    (row,), arms = book.read("experiment_plans").to_dict("records"), book.read("experiments").set_index("account_id")
    assert (row["looks"], row["seed"], row["frozen_at"], row["entered_by"]) == ("6;12", 7, NOON, "Ada")
    assert pd.isna(row["smallest_rise"])
    assert (arms["assigned_at"] == NOON).all() and arms["pre_registered_metric"].eq("opportunities_opened").all()
    again = randomised.draw(arms["stratum"], row["held_share"], row["seed"])  # as anybody can
    assert (arms["arm"] == np.where(again, "treated", "holdout")).all()
    found, table = ran(book.read("experiment_plans"), book.read("experiments"), book.as_of, "acme beta")
    assert table[["frozen", "running"]].values.tolist() == [["before the draw", True]]
    assert holdout.candidates(arms.index, found, book.as_of, arms.index).empty


def test_a_draw_that_the_page_does_not_know_of_is_not_drawn_again(tmp_path):
    entered(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.glob("*.csv")}
    said = entered(tmp_path, now=NOON + pd.Timedelta("1h"), as_of=day("2026-06-30"))
    assert (
        said
        == "Nothing is drawn: X1 was entered after 2026-06-30, the day of this page. Run the page for a later day first."
    )
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*.csv")} == before
    assert sorted(before) == ["experiment_plans.csv", "experiments.csv"]


@pytest.mark.parametrize(("by", "folder"), [(" ", True), ("Ada", False)])
def test_nothing_is_drawn_without_a_name_or_a_folder(tmp_path, by, folder):
    with pytest.raises(ValueError, match="entered_by is empty" if folder else "no programme folder"):
        entered(tmp_path if folder else None, by=by)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("there", [True, False])
def test_where_the_draw_is_refused_the_plan_is_taken_back(tmp_path, there):
    if there:
        entered(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.glob("*.csv")}
    row, lots = holdout.draw(PLAN | {"experiment_id": "X2"}, GROUPS)
    with pytest.raises(ValueError, match="experiments: "):
        forms.draw(tmp_path, row, lots.assign(arm="both"), known=["X1"], entered_by="Ada", now=lambda: NOON)
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*.csv")} == before


def test_the_next_experiment_has_the_first_free_number():
    assert holdout.next_id(as_read("experiment_plans"), as_read("experiments")) == "X1"
    assert holdout.next_id(plan("X2", 12, "12", None, "2026-01-01"), WAVES) == "X3"
