"""How much accounts sign or buy: what counts, when, what was learnt of it, and what is expected."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import opportunity_size as size_of
from abmlib.method import outcomes, propensity
from abmlib.method.opportunity_size import QUANTILES
from abmlib.method.periods import DAY
from abmlib.stats import sizes
from abmlib.stats.sizes import ALIKE, BANDS, TREES
from abmlib.tables import schema
from tests.conftest import as_read
from tests.test_pipeline import deals
from tests.test_propensity import AS_OF, FIRST, SINCE, H

LAID = propensity.blocks(SINCE, AS_OF, H)
D = pd.Timestamp("2025-01-01")
NO_LINES = pd.DataFrame({"account_id": [], "product_line": [], "booked_at": pd.to_datetime([]), "revenue": []})
NO_DEALS = deals([("none", None, 1.0)], account_id=["a"], type=["new"], product_line=["x"]).iloc[:0]


def came(*rows: tuple) -> pd.DataFrame:
    """Events of (account, days after D, amount, line)."""
    frame = pd.DataFrame([(*r, "x")[:4] for r in rows], columns=["account_id", "after", "amount", "product_line"])
    return frame.assign(day=D + frame["after"].astype(float) * DAY, amount=frame["amount"].astype(float))


# -- what counts ----------------------------------------------------------------------------------------------------------


def test_of_deals_what_was_won_counts_renewals_and_gaps_aside():
    rows = [("won", True, 10), ("renewed", True, 20), ("lost", False, 30), ("open", None, 40), ("no amount", True, None),
            ("nobody's", True, 60), ("no kind", True, 70)]  # fmt: skip
    made = deals(
        [(*r, "2025-01-01", "2025-02-01" if r[1] is not None else None) for r in rows],
        account_id=["a", "a", "a", "a", "a", None, "b"],
        type=["new", "renewal", "new", "new", "new", "new", None],
        product_line=["x", "x", "x", "x", "x", "x", None],
    )
    found = size_of.events(made, NO_LINES, "wins")
    assert found[["account_id", "product_line", "amount"]].to_numpy().tolist() == [["a", "x", 10.0], ["b", "all", 70.0]]
    assert found["day"].eq(pd.Timestamp("2025-02-01")).all()


def test_of_purchases_returns_count_against_them():
    lines = pd.DataFrame(
        {"account_id": ["a", "a", None], "product_line": "x", "booked_at": D + DAY, "revenue": [10, -4, 9.0]}
    )
    found = size_of.events(NO_DEALS, lines, "buys")
    assert found["amount"].tolist() == [10, -4]
    assert size_of.amounts(found, pd.DataFrame({"day": [D], "account_id": ["a"]}), H).tolist() == [6]


def test_no_deal_and_no_purchase_are_no_events():
    for basis in size_of.BASIS:
        none = size_of.events(NO_DEALS, NO_LINES, basis)
        assert none.empty and list(none) == ["account_id", "product_line", "day", "amount"]
        assert size_of.amounts(none, pd.DataFrame({"day": [D], "account_id": ["a"]}), H).tolist() == [0]


def test_amounts_are_of_the_days_after_up_to_the_horizon():
    found = came(("a", 0, 1), ("a", 1, 10), ("a", H, 100), ("a", H + 1, 1_000), ("b", 1, 7), ("a", -1, 10_000))
    rows = pd.DataFrame({"day": [D, D, D, D + DAY], "account_id": ["b", "a", "quiet", "a"]}, index=[5, 5, 9, 1])
    assert size_of.amounts(found, rows, H).tolist() == [7, 110, 0, 1_100]


def test_amounts_by_line_count_that_line():
    found = came(("a", 1, 1, "x"), ("a", 1, 20, "y"), ("b", 1, 300, "x"))
    rows = pd.DataFrame({"day": D, "account_id": ["a", "a", "a"], "product_line": ["y", "x", "z"]})
    assert size_of.amounts(found, rows, H, ["account_id", "product_line"]).tolist() == [20, 1, 0]


def test_sizes_so_far_are_of_an_account_a_line_and_a_day():
    found = size_of.so_far(came(("a", 1, 10), ("a", 1, 20), ("b", 1, 50), ("b", 9, -5), ("a", 2, 7, "y")))
    assert found[["product_line", "sizes", "accounts", "size_middle", "size_mean"]].to_numpy().tolist() == [
        ["x", 2, 2, 40, 40], ["y", 1, 1, 7, 7],
    ]  # fmt: skip
    assert size_of.so_far(came()).empty


def test_what_04_could_ask_is_sized_and_signing_only_where_a_deal_was_won():
    def basis(*row: object, kind: str = "new", asked: str = "grows") -> str:
        scored = pd.DataFrame({"question": [asked]})
        return size_of.basis_of(scored, deals([row], account_id=["a"], type=[kind]))

    won, lost = (("d", is_won, 1.0, "2025-01-01", "2025-02-01") for is_won in (True, False))
    assert [basis(*won), basis(*won, kind="renewal"), basis(*lost)] == ["wins", "buys", "buys"]
    assert [basis(*won, asked="buys"), basis(*lost, asked="wins")] == ["buys", "wins"]
    assert size_of.basis_of(pd.DataFrame({"question": []}), NO_DEALS) == "buys"


def test_facts_begin_with_the_first_deal_that_is_sold_or_the_first_purchase():
    made = deals([("r", True, 1.0, "2020-01-01", "2020-02-01"), ("n", True, 1.0, None, "2021-02-01"), ("o", None, 1.0, "2022-01-01")],
                 type=["renewal", "new", "new"], account_id=["a", "a", "a"])  # fmt: skip
    lines = pd.DataFrame({"account_id": "a", "revenue": [-1.0, 5.0], "booked_at": [D, D + DAY]})
    assert size_of.since(made, lines, "wins") == pd.Timestamp("2021-02-01")
    assert size_of.since(made, lines, "buys") == D + DAY
    assert pd.isna(size_of.since(NO_DEALS, NO_LINES, "wins")) and pd.isna(size_of.since(NO_DEALS, NO_LINES, "buys"))


def test_facts_begin_on_the_day_that_the_chance_takes_so_that_past_days_are_the_same():
    """A stray order of many lines is one purchase, long before all others."""
    days = [pd.Timestamp("1990-01-01")] * 50 + [D + k * DAY for k in range(200)]
    lines = pd.DataFrame(
        {"account_id": "a", "product_line": "x", "booked_at": days, "revenue": 1.0, "period_end": pd.NaT}
    )
    found = outcomes.asked(NO_DEALS, lines, as_read("contracts"), H, 0.2)
    assert [q.since for q in found if q.name == "buys"] == [size_of.since(NO_DEALS, lines, "buys")]


# -- what was learnt ------------------------------------------------------------------------------------------------------


def planted(many: int, pull: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Past rows and today's of accounts whose revenue lasts and moves what half of them buy after each day; and what they buy."""
    rng, ids = np.random.default_rng(seed), np.array([f"a{i:03}" for i in range(many)])
    lasting, rows, events = rng.standard_normal(many), [], []
    for day in [*LAID.days, AS_OF]:
        revenue = np.exp(8 + lasting + 0.3 * rng.standard_normal(many))
        known = {"day": day, "account_id": ids, "revenue_12m": revenue, "contacts": rng.poisson(4, many) + 0.0}
        known["employees"] = np.where(np.arange(many) % 3, 10.0 + np.arange(many), np.nan)  # where missing, lent
        rows.append(pd.DataFrame(known))
        buys = rng.random(many) < 0.5
        amount = np.exp(7 + pull * np.log(revenue / np.exp(8)) + 0.6 * rng.standard_normal(many))[buys]
        events.append(pd.DataFrame({"account_id": ids[buys], "product_line": "x", "day": day + DAY, "amount": amount}))
    every, bought = pd.concat(rows, ignore_index=True), pd.concat(events[:-1], ignore_index=True)
    now = every[every["day"] == AS_OF].drop(columns="day").reset_index(drop=True)
    return every[every["day"] < AS_OF].reset_index(drop=True), now, bought


def asked(history: pd.DataFrame, now: pd.DataFrame, bought: pd.DataFrame):
    return size_of.ask("buys", history, now, FIRST, bought, LAID, 30)  # shorter than the days lie apart


@pytest.fixture(scope="module")
def book():
    return planted(200, 1.0, 1)


@pytest.fixture(scope="module")
def told(book):
    return asked(*book)


@pytest.fixture(scope="module")
def noise():
    return asked(*planted(200, 0.0, 2))


def test_sizes_that_a_feature_moves_are_told_apart_on_later_days(told):
    sized, _ = told
    assert sized.is_told and sized.verdict == propensity.SIGNAL and sized.chosen != ALIKE
    assert set(sized.rows["day"]) == set(LAID.report)
    rows = pd.DataFrame(size_of.measured(sized)).set_index("definition_id")
    assert 0.9 < rows.loc["size_interval_held", "value"] < 0.99 and 0.4 < rows.loc["size_half_held", "value"] < 0.6
    assert rows.loc["size_loss_saved", "low"] > 0.1 and rows.loc["size_score_saved", "low"] > 0
    assert rows.loc["size_came_per_promised", "value"] == pytest.approx(
        sized.rows["size"].sum() / sized.rows["mean"].sum()
    )


def test_sizes_of_pure_noise_are_all_alike(noise):
    sized, numbers = noise
    assert (sized.verdict, sized.chosen) == (propensity.NONE, ALIKE)
    said = sized.model.quantiles(numbers.now)
    assert (said == said[0]).all()
    rows = pd.DataFrame(size_of.measured(sized)).set_index("definition_id")
    assert 0.9 < rows.loc["size_interval_held", "value"] < 0.99
    assert rows.loc["size_loss_saved", ["value", "low", "high"]].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("off", "chosen"),
    [((1, 0.95, 0.95), ALIKE), ((1, 0.5, 0.6), BANDS), ((1, 0.6, 0.5), TREES), ((1, 0.5, 0.5), TREES), ((1, 2, 3), ALIKE)],
    ids=["a twentieth saved", "bands best", "trees best", "both as good: the finer", "worse"],
)  # fmt: skip
def test_what_is_chosen_saves_a_tenth_of_the_loss_of_all_alike(off, chosen):
    """Each model says of all sizes one that is too high by so much on the scale of logarithms: its loss is half of that."""
    size, account = np.arange(1.0, 41), np.arange(40)
    said = [size[:, None] * np.full(len(sizes.LEVELS), np.exp(by)) for by in off]
    models = {k: sizes.Sizes(k, (), learnt=account, unseen=q) for k, q in zip(sizes.KINDS, said, strict=True)}
    compared, kind = size_of.choose(models, size, account)
    assert kind == chosen == compared.loc[compared["chosen"], "kind"].item()
    assert compared["loss"].tolist() == pytest.approx([by / 2 for by in off[: len(compared)]])


def test_what_comes_later_moves_neither_what_is_learnt_nor_what_is_said(book, told):
    """Sizes of the report are judged by models that did not know them, and what is known then is lent to nobody before."""
    history, now, bought = book
    late, on = bought["day"] > LAID.report[0], history["day"].isin(LAID.report)
    _, numbers = asked(history.assign(employees=history["employees"].where(~on, 7 * history["employees"])), now, bought)
    assert numbers.past[~on].equals(told[1].past[~on])
    after, _ = asked(history, now, bought.assign(amount=bought["amount"].where(~late, 1.5 * bought["amount"])))
    assert after.chosen == told[0].chosen and np.allclose(after.rows[QUANTILES], told[0].rows[QUANTILES])
    assert np.allclose(after.rows["size"], 1.5 * told[0].rows["size"])


def test_rows_without_a_size_above_0_are_not_learnt_from(book, told):
    history, now, bought = book
    quiet = history["account_id"].unique()[:3]
    returns = pd.DataFrame({"account_id": quiet, "product_line": "x", "day": LAID.days[0] + DAY, "amount": -1e9})
    after, _ = asked(history, now, pd.concat([bought, returns], ignore_index=True))
    lost = bought["account_id"].isin(quiet) & (bought["day"] == LAID.days[0] + DAY)
    assert len(after.model.learnt) == len(told[0].model.learnt) - int(lost.sum())


@pytest.mark.parametrize(
    ("keep", "says"),
    [
        (lambda r: r["account_id"] < "a049", "50 accounts with a size, where there are 49"),
        (lambda r: r["day"].isin(LAID.report), "30 sizes before the latest period, where there are 0"),
        (lambda r: r["day"].isin(LAID.before), "15 sizes in the latest period, on which they are judged, where there are 0"),
    ],
)  # fmt: skip
def test_too_few_sizes_are_said_before_any_model(keep, says):
    rows = pd.DataFrame(
        [(day, f"a{i:03}", 5.0) for day in LAID.days for i in range(60)], columns=["day", "account_id", "size"]
    )
    rows = rows[keep(rows)].reset_index(drop=True)
    found = size_of.back_test("buys", rows, pd.DataFrame({"x": np.arange(len(rows)) + 0.0}), LAID)
    assert (found.why, found.verdict, found.model) == (says, propensity.FEW, None)
    lacks = pd.DataFrame(size_of.measured(found))
    assert set(lacks["definition_id"]) == set(size_of.KINDS_OF)
    assert lacks["status"].eq("not_answerable").all() and lacks["why"].eq(says).all()


def test_without_past_days_nothing_is_learnt_and_no_account_has_a_size(book):
    history, now, bought = book
    found, numbers = size_of.ask("buys", history.iloc[:0], now, FIRST, bought, None, H)
    assert found.why.startswith(f"{propensity.days_needed(H, 0):,} days of facts") and numbers is None
    scored = pd.DataFrame({"question": "buys", "account_id": ["a001"], "score": [0.5]})
    sized = size_of.today(found, numbers, pd.Index(["a001", "a000"]), scored, "buys", H)
    assert sized["chance"].tolist()[0] == 0.5 and np.isnan(sized["chance"].iloc[1])
    assert sized[[*QUANTILES, "value", "rank"]].isna().all(axis=None) and sized["verdict"].eq("too few").all()
    assert size_of.promised(found, numbers, history, scored, bought, H).empty


# -- what is expected -----------------------------------------------------------------------------------------------------


def test_expected_is_the_chance_times_the_mean_and_may_begin_at_nothing():
    q = np.array([[1.0, 10, 100, 1_000, 10_000]] * 3)
    found = size_of.expected(np.array([0.1, 1.0, 0.0]), q, np.full(3, 200.0))
    assert found["value"].tolist() == [20, 200, 0]
    assert found["value_low"].tolist() == pytest.approx([0, 1, 0])
    assert found["value_high"].tolist() == pytest.approx([1_000, 10_000, 0])


def test_accounts_of_today_come_with_the_most_expected_first_and_the_unknown_last(book, told):
    ids = pd.Index(book[1]["account_id"])
    scored = pd.DataFrame({"question": "buys", "account_id": ids[1:], "score": 0.5})
    other = scored.assign(question="grows", score=1.0)
    found = size_of.today(*told, ids, pd.concat([other, scored]), "buys", 30)
    schema.conform(
        "05_opportunity_size", found.assign(expected_share=np.nan, hours_12m=np.nan, hours_share=np.nan, resourced="")
    )
    assert found["account_id"].iloc[-1] == ids[0] and found["rank"].isna().tolist() == [False] * 199 + [True]
    known = found.iloc[:-1]
    assert known["value"].is_monotonic_decreasing and np.allclose(known["value"], 0.5 * known["size_mean"])
    most = book[1].set_index("account_id")["revenue_12m"]
    assert known["value"].corr(most.reindex(known["account_id"]).set_axis(known.index), method="spearman") > 0.8


def test_what_was_promised_stands_beside_what_came_of_the_same_account_and_day(book, told):
    history, _, bought = book
    sized, numbers = told
    past = history.loc[history["day"].isin(LAID.report), ["day", "account_id"]].assign(score=0.5, question="buys")
    past = past.sample(50, random_state=1).reset_index(drop=True)
    unknown = past.iloc[:1].assign(account_id="gone")
    found = size_of.promised(sized, numbers, history, pd.concat([past, unknown]), bought, 30)
    assert len(found) == 50
    mean = pd.Series(sized.reporting.mean(numbers.past), pd.MultiIndex.from_frame(history[["day", "account_id"]]))
    keys = pd.MultiIndex.from_frame(found[["day", "account_id"]])
    assert np.allclose(found["value"], 0.5 * mean.reindex(keys))
    own = bought.assign(day=bought["day"] - DAY).set_index(["day", "account_id"])["amount"]
    assert np.allclose(found["came"], own.reindex(keys).fillna(0))
    assert size_of.promised(sized, numbers, history, past.iloc[:0], bought, 30).empty


def test_bands_of_what_was_expected_by_hand():
    rows = pd.DataFrame({"account_id": list("abcd"), "value": [1.0, 2, 10, 20], "came": [0.0, 6, 0, 15]})
    found = size_of.by_band(rows, 2)
    assert found[["band", "rows", "promised", "came", "per_promised"]].to_numpy().tolist() == [
        [2, 2, 30, 15, 0.5], [1, 2, 3, 6, 2],
    ]  # fmt: skip
    assert size_of.came_per_promised(rows)[0] == pytest.approx(21 / 33)


def test_what_came_lies_within_what_may_come_nothing_among_it():
    rows = pd.DataFrame(
        {"account_id": list("abcd"), "day": D, "value": 10.0, "value_low": [0, 0, 5, 5], "value_high": 30.0}
    )
    found = pd.DataFrame(size_of.expected_rows(rows.assign(came=[0.0, 31, 4, 25]))).set_index("definition_id")
    assert found["value"].to_dict() == {"expected_came_per_promised": 60 / 40, "expected_interval_held": 2 / 4}
    none = size_of.promised(size_of.Sized("buys"), None, rows, rows, rows, H)
    assert pd.DataFrame(size_of.expected_rows(none))["status"].eq("not_answerable").all()


def test_equal_values_are_in_one_band_and_no_row_in_none():
    rows = pd.DataFrame({"account_id": list("abcd"), "value": 2.0, "came": 1.0})
    assert size_of.by_band(rows)["rows"].tolist() == [4]
    none = size_of.promised(size_of.Sized("buys"), None, rows, rows, rows, H)
    assert size_of.by_band(none).empty and np.isnan(size_of.came_per_promised(none)[0])


def test_who_is_called_first_begins_with_those_that_carry_half_and_have_no_open_deal():
    sizes = pd.DataFrame({"account_id": [*"abcde"], "value": [9.0, 6.0, 3.0, 2.0, 1.0]})
    rank = pd.Series([1, 2, 3, 4], dtype="Int64")
    scored = pd.DataFrame({"question": "opens", "account_id": [*"bcde"], "rank": rank})
    open_deals = pd.Series({"a": 1.0, "b": 0.0})  # of the others nobody knows of one
    assert [*size_of.to_begin_with(sizes, scored, open_deals, 3).index] == ["b"]  # b carries 6 of 11
    assert [*size_of.to_begin_with(sizes.assign(value=1.0), scored, open_deals, 3).index] == ["b", "c"]
    assert size_of.to_begin_with(sizes, scored.assign(rank=rank.mask(rank > 0)), open_deals, 3).empty
    assert size_of.to_begin_with(sizes.assign(value=np.nan), scored, open_deals, 3).empty


def test_error_saved_of_some_accounts_is_that_of_their_rows_alone():
    rows = pd.DataFrame({"account_id": [f"a{k}" for k in range(40)], "loss": [1.0, 2.0] * 20, "loss_alike": 2.0})
    found = size_of.Sized("x", verdict="signal", rows=rows)
    history = pd.DataFrame(index=range(50))
    assert size_of.told_of(found, history, pd.Series([True, False] * 25))[::3] == (0.5, 20)
    assert np.isnan(size_of.told_of(found, history, pd.Series([True] * 14 + [False] * 36))[0])  # too few
    assert np.isnan(size_of.told_of(size_of.Sized("x", rows=rows), history, pd.Series([True] * 50))[0])  # nothing told
