"""The benchmarks themselves: a wrong interval is caught, a right one is not, two runs are told apart, and the pages can be made."""

import json
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from abmlib.market import Switches, simulate
from abmlib.stats import concentration, intervals, scores
from abmlib.stats.intervals import LEVEL
from benchmarks import believable, big_propensity, big_snapshot, lines, propensity_real, report_cost, sizes_real
from benchmarks.compare_runs import compare
from benchmarks.proof import END, Found, Proof, Share, measure, seen, summed
from benchmarks.truth import TOP, gini_of_rows, top_share_of_rows
from benchmarks.truth_page import kept, line, page
from tests.conftest import ROOT, SHARED

TRUTH = 0.4


def drawn(seed: int, width: float = 1.0, calls: float | None = None) -> list[Found]:
    """The Wilson interval in 40 markets of 300 deals, its width as given or changed; with calls of that chance."""
    draw = np.random.default_rng(seed)
    wins = pd.Series(draw.binomial(300, TRUTH, 40))
    rows = intervals.wilson(wins, pd.Series(300, index=wins.index))
    called = draw.random(40) < (calls or 0.0)
    return [
        Found(r.share, TRUTH, r.share - width * (r.share - r.low), r.share + width * (r.high - r.share),
              called=float(c) if calls is not None else None)
        for r, c in zip(rows.itertuples(), called, strict=True)
    ]  # fmt: skip


def proof(estimate=lambda seen: Found(), **more) -> Proof:
    return Proof("win rate", "C-2", estimate, **more)


@pytest.mark.parametrize("seed", range(20))
def test_a_right_interval_passes(seed):
    assert summed(proof(), drawn(seed), [], []).broken == []


def test_an_interval_of_half_the_width_is_caught_nearly_always():
    caught = [summed(proof(), drawn(seed, width=0.5), [], []).broken != [] for seed in range(20)]
    assert np.mean(caught) >= 0.9
    assert "covers too seldom" in summed(proof(), drawn(0, width=0.5), [], []).verdict


def test_an_interval_beside_the_truth_is_caught():
    beside = [Found(f.value + 0.1, f.truth, f.low + 0.1, f.high + 0.1) for f in drawn(1)]
    found = summed(proof(), beside, [], [])
    assert found.broken and found.value - found.truth == pytest.approx(0.1, abs=0.02)


def test_an_interval_that_is_too_wide_is_shown_and_breaks_nothing():
    many = [f for seed in range(10) for f in drawn(seed, width=2.0)]
    found = summed(proof(), many, [], [])
    assert "covers too often" in found.verdict and found.broken == []


@pytest.mark.parametrize(("alarms", "caught"), [(0.03, False), (0.4, True)])
def test_false_alarms_are_caught_where_there_are_too_many(alarms, caught):
    found = summed(proof(), drawn(2, calls=0.95), drawn(3, calls=alarms), [])
    assert bool(found.broken) == caught == ("false alarms" in found.verdict)


def test_calls_that_come_as_often_without_the_effect_are_caught():
    found = summed(proof(alarms=None, power=0.4), drawn(2, calls=0.4), drawn(2, calls=0.4), [])
    assert found.broken == ["win rate: called as often without the effect as with it"]


def test_an_effect_that_is_hardly_ever_called_is_caught_where_it_should_be():
    assert summed(proof(power=0.9), drawn(2, calls=0.9), [], []).broken == []
    assert "called" in summed(proof(power=0.9), drawn(2, calls=0.4), [], []).broken[0]


@pytest.mark.parametrize(("covers", "verdict"), [((0.6, 1.0), "ok"), ((0.88, 1.0), "seldom"), ((0.1, 0.2), "often")])
def test_an_estimator_is_held_to_the_coverage_it_promises_itself(covers, verdict):
    found = summed(proof(covers=covers), drawn(0, width=0.5), [], [])
    assert verdict in found.verdict and 0.6 < found.coverage.value < 0.88


@pytest.mark.parametrize(("by", "kept_promise"), [(0.0, True), (0.03, True), (0.08, False)])
def test_a_bias_is_judged_as_a_share_of_the_truth(by, kept_promise):
    found = summed(proof(bias=0.03), [Found(f.value * (1 + by), f.truth) for f in drawn(1)], [], [])
    assert (found.verdict == "ok") == (not found.broken) == kept_promise


def test_a_promise_that_nothing_can_keep_is_a_miss():
    without_calls = summed(proof(power=0.8, covers=(0.9, 0.98), bias=0.03), [Found(1.0)] * 3, [], [])
    assert without_calls.verdict.count(";") == 2


def test_calls_and_estimates_below_what_is_promised_are_shown():
    found = summed(proof(power=0.9, says=(0.5, 1.0)), drawn(2, calls=0.7), [], [])
    assert "called" in found.verdict and "estimate" in found.verdict


def test_a_report_makes_a_call_where_any_of_its_headlines_does():
    quiet, loud = Found(1.0, 1.0, 0.5, 2.0, called=0.0, n=10), Found(3.0, 1.0, 2.0, 4.0, called=1.0, n=30)
    found = summed(proof(), [[quiet, loud, Found()], [quiet, quiet]], [], [])
    assert found.power.values.tolist() == [1.0, 0.0] and found.coverage.values.tolist() == [0.5, 1.0]
    assert (found.value, found.n) == (1.5, 15.0)


def test_a_market_goes_through_a_book_to_its_proofs_and_seeds_take_turns_at_several_switches():
    def deals(seen) -> Found:
        return Found(float(len(seen.deals)), float(len(seen.of_deals)))

    def stalls(seen) -> Found:
        return Found(float(seen.truth["switches"].set_index("name")["size"]["stalled"]), n=len(seen.truth["accounts"]))

    two = tuple(Switches(stalled=size) for size in (0.1, 0.3))
    found, read = measure([proof(estimate=e, on=two, accounts=15) for e in (stalls, deals)], [4, 5], 20)
    assert found.value == pytest.approx(0.2) and found.n == 15 and "seeds 4–5, 15 accounts" in found.markets
    assert read.value == read.truth > 0


def test_a_row_that_is_run_again_replaces_its_like_and_keeps_the_others():
    one, two = (Proof(name, "C-2", Found, note=f"About {name}.") for name in ("one", "two"))
    old = {p.effect: line(summed(p, [Found(1.0)], [], [])) for p in (one, two)}
    new = kept(page([one, two], old)) | {"two": line(summed(two, [Found(2.0)], [], []))}
    assert new["one"] == old["one"] and "2.000" in page([one, two], new) and "About one." in page([one], new)
    assert kept("| effect | other |\n| --- | --- |\n| one | 1 |\n") == {}


def test_markets_without_an_answer_are_left_out_and_counted():
    found = summed(proof(), [*drawn(0), Found()], [], [])
    assert (found.seeds, found.asked, found.coverage.n) == (40, 41, 40)
    assert "40 of 41" in line(found)


def test_an_interval_without_one_end_is_open_to_that_side():
    open_above, nothing = Found(3.0, 9.0, low=1.0), Found(3.0, 9.0)
    found = summed(proof(), [open_above, nothing], [], [])
    assert found.coverage.values.tolist() == [1.0]


def test_the_truth_of_many_markets_is_that_of_all_their_parts_together():
    whole = proof(part=len, whole=lambda parts: float(np.mean(np.concatenate(parts))))
    found = summed(whole, drawn(0), [], [np.array([0.0, 0.2]), np.array([1.0])])
    assert found.truth == pytest.approx(0.4)


def test_the_monte_carlo_error_of_a_share():
    share = Share(np.array([1.0] * 95 + [0.0] * 5))
    assert share.value == 0.95
    assert share.error == pytest.approx(np.sqrt(97 / 104 * 7 / 104 / 104))
    assert Share(np.ones(100)).error > 0.01  # never missed in a hundred is not never
    assert share.apart(LEVEL) == pytest.approx(0.0)
    parts = Share(np.array([0.9, 1.0, 0.95, 0.95]))
    assert parts.error == pytest.approx(parts.values.std(ddof=1) / 2)


def test_a_market_is_seen_on_an_earlier_day_too_and_only_in_the_tables_it_keeps():
    with seen(simulate(3, 20, 12, end=END)) as now:
        then = now.at("2026-03-31")
        assert then is now.at("2026-03-31") and 0 < len(then.deals) < len(now.deals)
        with pytest.raises(LookupError, match="TABLES"):
            now.book.read("leads")


def test_measures_of_many_rows_at_once_are_those_of_one():
    x = np.random.default_rng(5).lognormal(size=(3, 37))
    rows = [pd.Series(r) for r in x]
    np.testing.assert_allclose(gini_of_rows(x), [concentration.gini(r) for r in rows])
    np.testing.assert_allclose(top_share_of_rows(x), [concentration.top_share(r, TOP) for r in rows])


def bought(*rows: tuple[str, str, float]) -> dict[str, pd.DataFrame]:
    frame = pd.DataFrame(rows, columns=["account_id", "booked_at", "revenue"])
    return {"transactions": frame.assign(booked_at=pd.to_datetime(frame["booked_at"]))}


def test_an_order_is_what_an_account_buys_on_a_day():
    sold = bought(
        ("a", "2026-03-01", 10.0), ("a", "2026-03-01", 5.0), ("a", "2026-03-31", 1.0),
        ("a", "2026-04-02", -1.0),  # a return: no order
        ("b", "2026-03-31", 7.0),
    )  # fmt: skip
    found = believable.orders(sold)
    assert found["value"].tolist() == [15.0, 1.0, 7.0] and found["lines"].tolist() == [2, 1, 1]
    assert believable.gap(sold) == 30
    assert believable.bought_once(sold) == 0.5


def test_the_last_days_of_a_quarter_are_eight():
    days = pd.Series(pd.date_range("2026-01-01", "2026-06-30"))
    assert believable.at_quarters_end(days) == pytest.approx(16 / 181)


def test_the_tail_index_of_a_pareto_tail_is_found():
    x = np.random.default_rng(1).pareto(1.5, 20_000) + 1
    deals = {"opportunities": pd.DataFrame({"is_won": True, "amount": x})}
    assert believable.tail_index("deal", deals) == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize(("spread", "expected"), [(0.0, 0.0), (0.2, 0.16)])  # a share's variance over p (1 - p)
def test_ends_of_deals_are_as_alike_as_their_account_makes_them(spread, expected):
    rng = np.random.default_rng(3)
    account = np.repeat(np.arange(2_000), 5)
    p = 0.5 + spread * np.where(np.arange(2_000) % 2, 1, -1)[account]
    deals = pd.DataFrame({"account_id": account, "is_closed": True, "is_won": rng.random(len(account)) < p})
    assert believable.alike({"opportunities": deals}) == pytest.approx(expected, abs=0.02)


def test_the_market_stands_alone_where_no_other_set_lies(tmp_path):
    page = believable.page(60, tmp_path / "nothing")
    assert "stands alone" in page
    assert "| | market |" in page
    assert "revenue per account, Gini | 0." in page


def test_a_set_lacks_what_it_has_not():
    column = believable.table({"other": bought(("a", "2026-03-01", 10.0))})
    assert "accounts that bought | 1" in column and "win rate" not in column


@pytest.mark.parametrize("name", ["ibm_sales_win_loss", "cdnow"])
def test_sets_without_a_mapping_are_read_as_they_are(shared_data, name):
    shared_data(name)
    found = believable.deals_without_dates(SHARED) if name.startswith("ibm") else believable.purchases(SHARED)
    (rows,) = found.values()
    assert len(rows) > 50_000


def run_folder(
    folder: Path, run: str, value: float = 1 / 3, png: str = "aGF0", note: str = "1 account", **facts
) -> Path:
    """A run of one notebook, one table and one page; the id, folders, seconds and versions its own."""
    for part in ("tables", "notebooks", "html"):
        (folder / part).mkdir(parents=True)
    frame = pd.DataFrame({"account_id": ["acme", "beta"], "share": [np.nan, value]})
    frame.to_parquet(folder / "tables" / "03_shares.parquet")
    given = f'data = "../../{run}/data"\nprevious = "../../2026-05-31_{run}/tables"\nfloor = 0.5\n'
    injected = nbformat.v4.new_code_cell(
        given, id=run, metadata={"tags": ["injected-parameters"]}, execution_count=len(run)
    )
    drawn = nbformat.v4.new_output("display_data", {"image/png": png})
    seen = nbformat.v4.new_code_cell("frame", id="03-01", outputs=[drawn])
    nbformat.write(nbformat.v4.new_notebook(cells=[injected, seen]), folder / "notebooks" / "03_shares.ipynb")
    versions = f"<tr><th>Versions</th><td>pandas {run}</td></tr>"
    (folder / "html" / "03_shares.html").write_text(f"<p>run {run}: {note}</p>{versions}<pre>{given}</pre>", "utf-8")
    seconds = {"03_shares": {"status": "done", "seconds": float(int(run[:4]))}}
    own = {"id": run, "versions": {"pandas": run}, "previous": f"2026-05-31_{run}", "outcomes": seconds} | facts
    (folder / "run.json").write_text(json.dumps(own), "utf-8")
    return folder


@pytest.fixture
def a_run(tmp_path):
    return run_folder(tmp_path / "a", "11112222")


def test_two_runs_that_differ_in_place_and_time_only_are_equal(tmp_path, a_run):
    assert compare(a_run, run_folder(tmp_path / "b", "33334444")) == (4, [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": 1 / 3 + 1e-15}, "tables/03_shares.parquet: column share differs in 1 of 2 rows, first in row 1"),
        ({"value": "0.3"}, "tables/03_shares.parquet: column share is float64 and str"),
        ({"png": "aGF1"}, "notebooks/03_shares.ipynb: cell 03-01 outputs[0].data.image/png"),
        ({"note": "2 accounts"}, "html/03_shares.html: line 1"),
        ({"fingerprint": "ab"}, "run.json: fingerprint"),
    ],
)
def test_what_differs_between_two_runs_is_found(tmp_path, a_run, change, said):
    _, found = compare(a_run, run_folder(tmp_path / "b", "33334444", **change))
    assert len(found) == 1 and found[0].startswith(said)
    tables = compare(a_run, tmp_path / "b", "tables/*.parquet")
    assert tables == (1, [f for f in found if f.startswith("tables")])


def test_a_file_that_one_run_lacks_is_found(tmp_path, a_run):
    other = run_folder(tmp_path / "b", "33334444")
    (other / "html" / "03_shares.html").unlink()
    assert compare(a_run, other) == (3, [f"html/03_shares.html: only in {a_run}"])


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_import_cell_of_a_notebook_is_found(notebook):
    assert report_cost.import_cell(notebook).startswith(("import ", "from "))


def test_lines_of_code_are_neither_words_nor_blank():
    text = '"""Of a file."""\n\ndef f():\n    """Say\n    one."""\n    # why\n    return """1\n2"""  # one\n'
    assert lines.code_lines(text) == 3
    assert lines.code_lines("") == 0


def test_each_file_counts_in_one_room(tmp_path):
    for name in (
        "abmlib/tables/importers/a.py",
        "abmlib/tables/b.py",
        "abmlib/market/c.py",
        "abmlib/d.py",
        "notebooks/e.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n", "utf-8")
    assert {files for files, _ in lines.by_room(tmp_path).values()} == {0, 1}
    assert "has 3 lines with 1 notebooks" in lines.page(tmp_path)


def test_a_small_snapshot_holds_the_rows_and_sums_of_a_plain_copy(tmp_path):
    found = big_snapshot.compare(tmp_path, accounts=2_000, lines=10_000, times=1)  # two companies are entered twice
    assert all(seconds > 0 and memory > 0 for runs in found.values() for seconds, _, memory in runs)


def test_the_page_of_propensity_can_be_made_where_no_other_set_lies(tmp_path):
    assert "nothing to show" in propensity_real.page(tmp_path / "nothing", "")


def test_the_page_of_sizes_can_be_made_where_no_other_set_lies(tmp_path):
    assert "nothing to show" in sizes_real.page(tmp_path / "nothing")


def test_a_target_is_missed_by_intervals_that_hold_too_often_too():
    given = {(0.93, 0.1): "met", (0.98, 0.1): "missed: held too often", (0.92, 0.0): "missed: held too seldom and saved too little"}  # fmt: skip
    assert [sizes_real.target(held, saved, 500) for held, saved in given] == list(given.values())
    assert sizes_real.target(0.92, 0.0, 499) == "too few sizes"


def test_sizes_that_nothing_tells_apart_are_all_alike(shared_data, tmp_path):
    shared_data("maven_crm_sales")
    asked = sizes_real.ask(sizes_real.book_of("Maven CRM", SHARED, tmp_path / "book"), 91)
    row = sizes_real.verdict(asked)
    assert asked.basis == "wins" and row[:3] == ["91", "no signal", "all alike"] and row[-1] == "too few sizes"


def test_models_are_judged_on_groups_they_have_not_seen():
    group = np.repeat(np.arange(50), 4)

    def seen_before(learnt: np.ndarray, rest: np.ndarray) -> np.ndarray:
        return np.isin(group[rest], group[learnt]).astype(float)

    assert not propensity_real.in_folds(seen_before, np.zeros(200), group).any()


def test_what_is_known_only_at_close_is_no_column(shared_data):
    shared_data("ibm_sales_win_loss")
    x, won, number = propensity_real.won_or_lost(SHARED)
    assert len(x) == len(won) == len(number) == 77_970 and won.mean() == pytest.approx(0.226, abs=0.001)
    assert not [c for c in x if c.startswith(("Elapsed", "Sales Stage", "Total Days", "Ratio", "Opportunity Result", "Opportunity Number"))]  # fmt: skip


def test_a_weak_signal_of_many_accounts_is_planted_and_found():
    x, came = big_propensity.made(20_000, 4)
    assert came.mean() == pytest.approx(0.053, abs=0.005)
    assert scores.auc(x["f0"].to_numpy(), came, np.arange(len(x)))[0] > 0.55
    assert abs(scores.auc(x["f3"].to_numpy(), came, np.arange(len(x)))[0] - 0.5) < 0.03
