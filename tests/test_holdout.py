"""Accounts to hold back: who can be drawn, with whom, what it would show, and that a draw is entered once."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import detectable, holdout, readout
from abmlib.pages import forms, say, say_holdout
from abmlib.stats import power, randomised
from abmlib.tables import Book
from tests.conftest import as_read, entries

NOON = pd.Timestamp("2026-07-01T12:00:00Z")


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


NOBODY = pd.Index([], dtype="str")


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
    assert holdout.candidates(pd.Index(["a", "b", "c", "e"]), NOBODY, found, day(as_of), accounts).tolist() == free
    first = f"Do not look at X1 before {say.day(day(next_look))}." if next_look == "2025-12-31" else None
    later = "Next look at X1: 30 June 2026." if next_look else "All looks are reached: X1 on 30 June 2026."
    assert say_holdout.looks(table) == (first or later)


def test_a_plan_made_after_the_draw_is_said_and_without_one_a_year_is_waited():
    late = ran(plan("X1", 3, "3", "2025-01-02", "2025-01-02"), WAVES, day("2026-01-01"))[1]
    assert late[["frozen", "horizon_months", "running"]].values.tolist() == [["after the draw", 3, False]]
    draft = ran(plan("X1", 3, "3", None, "2024-12-01"), WAVES, day("2026-01-01"))[1]
    assert draft["frozen"].tolist() == ["never frozen"]
    none = ran(as_read("experiment_plans"), WAVES, day("2026-01-01"))[1]
    assert none[["measure_id", "frozen", "horizon_months", "running"]].values.tolist() == [
        ["revenue", "no plan", 12, True]
    ]


def test_a_book_in_which_nobody_can_be_drawn_has_an_order_all_the_same():
    columns = ["accounts_list", "accounts", "horizon_months", "design", "smallest_detectable", "status"]
    said = say_holdout.advice(pd.DataFrame(columns=columns), 0, 0, 30, 12, "pairs", 2.0)
    assert said == "Vote on accounts to add, and draw who of them is held back before anything is done to them"


def test_where_nothing_was_drawn_everybody_wanted_is_free():
    accounts = pd.Index(["b", "a"])
    found, table = ran(as_read("experiment_plans"), as_read("experiments"), day("2026-01-01"))
    assert table.empty and say_holdout.looks(table) == ""
    assert holdout.candidates(accounts, NOBODY, found, day("2026-01-01"), accounts).tolist() == ["a", "b"]


def test_nobody_is_drawn_to_whom_the_programme_did_anything_before():
    tiers = entries("account_tiers", "account_id tier valid_from", [
        ("in_tier", "2", "2025-01-01", "2025-01-01"), ("later", "1", "2026-02-01", "2025-01-01"), ("never", "none", "2025-01-01", "2025-01-01"),
    ], set_by="joint", reason="none")  # fmt: skip
    named = entries("campaign_accounts", "campaign_id account_id added_at", [
        ("C1", "in_campaign", "2025-05-01", "2025-01-01"), ("C1", "soon", "2026-05-01", "2025-01-01"),
    ])  # fmt: skip
    everybody = pd.Index(["a", "b", "c", "in_campaign", "in_tier", "later", "never", "soon"])
    found = readout.experiments(WAVES, as_read("experiment_plans"), everybody)
    touched = holdout.in_programme(tiers, named, found, day("2026-01-01"))
    assert sorted(touched) == ["a", "in_campaign", "in_tier"]
    over = day("2026-06-30")  # of the experiment; b was held back in it
    assert holdout.candidates(everybody, touched, found, over, everybody).tolist() == [
        "b",
        "c",
        "later",
        "never",
        "soon",
    ]
    nothing = holdout.in_programme(as_read("account_tiers"), as_read("campaign_accounts"), [], over)
    assert holdout.candidates(everybody, nothing, [], over, everybody).equals(everybody.sort_values())


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
    with pytest.raises(ValueError, match="too early to show anything"):
        holdout.last_level([3, 12], 12)


def test_size_is_revenue_of_a_year_or_employees_where_nobody_bought():
    bought = pd.DataFrame(
        {"account_id": ["a", "a"], "day": [day("2025-06-30"), day("2025-07-01")], "amount": [7.0, 5.0]}
    )
    staff, accounts = pd.Series([3, None], ["a", "b"]), pd.Index(["a", "b"])
    assert holdout.sizes(bought, staff, accounts, day("2026-06-30")).tolist() == [5, 0]
    assert holdout.sizes(bought.iloc[:0], staff, accounts, day("2026-06-30")).tolist() == [3, 0]
    assert holdout.by_size(bought, staff, pd.Index(["c", "b", "a"]), day("2026-06-30")).tolist() == ["a", "b", "c"]


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


def test_longer_lists_take_further_accounts_in_order_and_a_book_without_them_says_so(monkeypatch):
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
    assert set(asked[-1]) - set(listed) == set(more) - {"b15"}
    assert got["power"].iloc[0] == 0.2
    assert np.isnan(got["smallest_detectable"].iloc[3])
    own = holdout.of_design(got.reset_index(), 12, "strata")
    said = say_holdout.promise(got.reset_index(), "Deals", 12, "strata", 0.8, 2.0)
    assert said == (
        "With a chance of 80%, 30 accounts find a rise of about 45% in deals in 12 months (among neighbours: about 45%); 45 accounts hardly help"
    )
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


LIST = "69 of the 98 on the list are already in the programme: to draw them would test what stopping does. "
LACK = "wanted by both teams and not yet in the programme; a draw needs 30"
COUNTED = ". What a draw would find is counted for"
UNTOUCHED = "that the programme never touched"


@pytest.mark.parametrize(
    ("listed", "running", "free", "counted", "says"),
    [
        (0, 0, 0, 20, f"No account is {LACK}{COUNTED} the 20 largest {UNTOUCHED}"),
        (0, 0, 0, 0, f"No account is {LACK}"),
        (98, 69, 23, 100, f"{LIST}6 accounts are held back in an experiment that runs. 23 are {LACK}{COUNTED} these and the 77 largest others "
            f"{UNTOUCHED}, 100 in all"),
        (1, 0, 1, 1, f"1 is {LACK}"),
        (98, 98, 0, 0, f"{LIST.replace('69', '98')}No account is {LACK}"),
        (98, 69, 29, 29, f"{LIST}29 are {LACK}"),
        (30, 0, 30, 30, "30 accounts can be drawn"),
        (250, 0, 250, 250, "250 accounts can be drawn; with so many, chance alone makes both sides alike, and no neighbours are needed"),
    ],
)  # fmt: skip
def test_it_is_said_who_can_be_drawn_why_others_cannot_and_how_many_are_needed(listed, running, free, counted, says):
    assert say_holdout.candidates(listed, running, free, counted, 30, holdout.ENOUGH) == says


def designs(own=1.03, strata=0.93, waiting=0.95, longer=0.54, longest=0.55) -> pd.DataFrame:
    rows = [
        ("this list", 100, 12, "pairs", own), ("this list", 100, 12, "strata", strata), ("this list", 98, 24, "pairs", waiting),
        ("1.5 × the list", 150, 12, "pairs", longer), ("2 × the list", 200, 12, "pairs", longest),
    ]  # fmt: skip
    columns = ["accounts_list", "accounts", "horizon_months", "design", "smallest_detectable"]
    return pd.DataFrame(rows, columns=columns).assign(status="ok")


FIRST = "100 accounts find a rise of about 105% in 12 months (within strata: about 95%); "


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (designs(waiting=0.9), FIRST + "waiting 24 months finds about 90%, 150 accounts find about 55%, 200 accounts hardly help further"),
        (designs(), FIRST + "waiting 24 months hardly helps, 150 accounts find about 55%, 200 accounts hardly help further"),
        (designs(waiting=1.4, longer=1.2, longest=0.8), FIRST + "waiting 24 months hardly helps, 200 accounts find about 80%"),
        (designs(longer=1.0, longest=0.95), FIRST + "waiting 24 months hardly helps, 200 accounts hardly help"),
        (designs(0.7, 0.95, 0.75, 0.65, 0.6), FIRST.replace("105", "70") + "waiting 24 months hardly helps, 200 accounts find about 60%"),
        (designs(np.nan, np.nan, np.nan, np.nan, 1.9), "100 accounts find no rise up to 200% in 12 months (within strata: none up to 200%); "
            "waiting 24 months hardly helps, 200 accounts find about 190%"),
        (designs()[:1], "100 accounts find a rise of about 105% in 12 months"),
    ],
)  # fmt: skip
def test_a_longer_list_or_wait_is_named_with_its_rise_only_if_it_helps(found, says):
    assert say_holdout.outlook(found, 12, "pairs", 2.0) == says


def test_the_caption_never_says_that_a_longer_list_finds_a_larger_rise():
    own = designs().query("design == 'pairs'")
    assert (
        say_holdout.title(own, 12, "Deals", 2.0)
        == "Deals, after 12 months: 100 accounts find about 105%; 200 accounts find about 55%"
    )
    larger = own.assign(smallest_detectable=[0.5, 0.5, 0.5, 0.6])
    assert say_holdout.title(larger, 12, "Deals", 2.0).endswith("100 accounts find about 50%; 200 accounts hardly help")


def test_nobody_is_told_to_draw_too_few_or_what_only_a_doubling_would_show():
    def told(found, free):
        given = (30, 12, "pairs", 2.0)
        return say_holdout.advice(found, 15, free, *given), say_holdout.reason(found, free, *given)

    text, why = told(designs(0.6), 30)
    assert text.startswith("Hold back 15 of 30 accounts")
    assert why == "smallest rise found in 12 months: about 60% among neighbours and about 95% within strata"
    text, why = told(designs(), 30)
    assert text.startswith(
        f"Vote on more accounts before any are drawn to be held back, as only more than a doubling would be found: {FIRST}"
    )
    text, why = told(designs(0.6), 29)
    assert text.startswith(
        "Vote on accounts to add, and draw who of them is held back before anything is done to them: 100 accounts find"
    )
    assert why == f"29 accounts are {LACK}"
    assert told(designs(), 0)[1] == f"no account is {LACK}"
    assert len(told(designs(np.nan, np.nan), 30)[1]) <= say.LONGEST_REASON
    assert say_holdout.too_few(23, 30) == (
        "Nobody is drawn: at least 30 accounts that are not yet in the programme have to be wanted by both teams first, now 23"
    )


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
    assert holdout.candidates(arms.index, NOBODY, found, book.as_of, arms.index).empty


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
    assert holdout.next_id(as_read("experiments")) == "X1"
    assert holdout.next_id(WAVES) == "X2"  # a plan without a draw is planned anew
