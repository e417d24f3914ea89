"""The notebooks: they show what is committed, and no book and no day makes one fail."""

import copy
import functools
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, coalesce_streams

from abmlib.market import Market, simulate, write
from abmlib.pages import catalogue
from tests import twins_in_process
from tests.conftest import ACCOUNTS, NOTEBOOKS, put

BUILT = [e.notebook for e in catalogue.load(NOTEBOOKS / catalogue.FILE) if e.built]

# -- what is committed -----------------------------------------------------------------------------------------------


def committed(name: str, request: pytest.FixtureRequest) -> list[IPyNbCell]:
    """The code cells of a committed notebook, as nbval would run and compare them."""
    file = IPyNbFile.from_parent(request.session, path=NOTEBOOKS / f"{name}.ipynb")
    file.setup_sanitize_files()
    return list(file.collect())


def difference(cell: IPyNbCell, outputs: list) -> str:
    """Say how outputs differ from those of a committed cell by nbval's own rules, and in their kinds, figures too."""
    there, new = coalesce_streams(copy.deepcopy(cell.cell.outputs)), coalesce_streams(copy.deepcopy(outputs))
    if not cell.compare_outputs(new, there):
        return "\n".join(cell.comparison_traceback)
    kinds, expected = ([(o.output_type, sorted(o.get("data", {}))) for o in found] for found in (new, there))
    return "" if kinds == expected else f"outputs {kinds}, committed {expected}"


@pytest.mark.parametrize("name", BUILT)
def test_a_report_on_the_sample_shows_what_is_committed(name, sample_report, request):
    ran = nbformat.read(sample_report / "notebooks" / f"{name}.ipynb", as_version=4)
    ours = [c for c in ran.cells if c.cell_type == "code" and "injected-parameters" not in c.metadata.get("tags", [])]
    cells = committed(name, request)
    assert [c.source for c in ours] == [c.cell.source for c in cells], "Run: make notebooks"
    for new, cell in zip(ours, cells, strict=True):
        assert not difference(cell, new.outputs), difference(cell, new.outputs)


def without(kind: str, outputs: list) -> list:
    """Outputs without what they hold of a kind."""
    for output in outputs:
        output.get("data", {}).pop(kind, None)
    return outputs


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda outputs: outputs, ""),
        (lambda outputs: outputs[:-1], "Missing output|dissimilar number of outputs"),
        (lambda outputs: [*outputs, nbformat.v4.new_output("stream", text="a warning")], "Unexpected output"),
        (lambda outputs: without("image/png", outputs), "image/png"),  # nbval itself passes over figures
        (lambda outputs: [nbformat.from_dict(o | {"data": {k: v.replace("F", "f") for k, v in o.data.items()}})
                          for o in outputs], "mismatch"),
    ],
    ids=["none", "output gone", "more", "figure gone", "other words"],
)  # fmt: skip
def test_a_difference_from_what_is_committed_is_found(change, says, request):
    cell = next(c for c in committed("03_key_accounts", request) if any("image/png" in o.data for o in c.cell.outputs))
    assert re.search(says, difference(cell, change(copy.deepcopy(cell.cell.outputs)))) is not None
    assert bool(difference(cell, change(copy.deepcopy(cell.cell.outputs)))) == bool(says)


# -- days and books at the edge ---------------------------------------------------------------------------------------


WINDOWS = {"window_months": 1, "value_months": 1}
OF_DEALS = (  # with each further table a snapshot takes longer; one that is absent reads as one without a row
    "accounts", "contacts", "products", "transactions", "activities", "opportunities", "opportunity_stage_history",
    "opportunity_contacts",
)  # fmt: skip


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Callable[[tuple[str, ...]], Path]:
    """A market from July 2024 to June 2026, whole or with some tables."""
    made = simulate(7, 40, 24)

    @functools.cache
    def market(names: tuple[str, ...]) -> Path:
        folder = tmp_path_factory.mktemp("market")
        write(Market({n: made.tables[n] for n in names or made.tables}, made.truth), folder)
        return folder

    return market


@pytest.mark.parametrize(
    ("as_of", "only", "given", "names"),
    [("2024-07-08", [], {}, OF_DEALS), ("2026-10-31", ["03", "12"], WINDOWS, OF_DEALS),
     pytest.param("2024-07-08", [], {}, (), marks=pytest.mark.slow),
     pytest.param("2026-10-31", [], WINDOWS, (), marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_day_with_almost_nothing_before_it_or_long_after_it_is_no_failure(
    as_of, only, given, names, market, tmp_path
):
    ran = twins_in_process.run(market(names), as_of, tmp_path, only, **given)
    assert set(ran) >= set(only or [n[:2] for n in BUILT])


HEAD = "transaction_id,account_id,booked_at,revenue,cogs\n"
TWO = "account_id,name,created_at\na,A,2025-01-01\nb,B,2025-01-01\n"


@pytest.mark.parametrize(
    ("lines", "as_of", "status"),
    [
        ("t,a,2025-02-01,10,\n", "2025-02-01", "done"),  # one account, one line, one day of history
        ("t,a,2025-02-01,-10,\nu,b,2025-02-01,-1,0\n", "2025-02-01", "done"),  # nothing but returns
        ("t,a,2025-02-01,0,\nu,b,2025-06-01,0,\n", "2025-06-01", "done"),  # a total of zero
        ("t,a,2025-02-01,10,\n", "2025-01-15", "not_answerable"),  # before the first line
    ],
)
def test_the_smallest_books_give_a_page_too(tmp_path, lines, as_of, status):
    data = put(tmp_path / "d", accounts=TWO, transactions=HEAD + lines)
    assert twins_in_process.run(data, as_of, tmp_path / "t", ["03"])["03"].status == status


def test_what_data_cannot_answer_is_a_page_that_says_what_to_export(tmp_path):
    activities = "activity_id,account_id,occurred_at,direction,channel\na,acme,2026-06-30T00:00:00Z,inbound,web\n"
    data = put(tmp_path / "d", accounts=ACCOUNTS, activities=activities)
    ran = twins_in_process.run(data, "2026-06-30", tmp_path / "t", ["03"])["03"]
    assert ran.status == "not_answerable"
    assert "Export transactions" in ran.page
    assert "What to decide" not in ran.page
    assert "Traceback" not in ran.page
    assert pd.read_parquet(tmp_path / "t" / "03_key_accounts.parquet").empty


# -- warnings ---------------------------------------------------------------------------------------------------------


def test_a_warning_would_stand_on_the_page():
    with twins_in_process.as_in_a_kernel():
        outputs = twins_in_process.outputs("import warnings\nwarnings.warn('x')")
    cell = nbformat.v4.new_code_cell("", outputs=outputs)
    assert "stderr" in twins_in_process.Ran(nbformat.v4.new_notebook(cells=[cell]), "done", "").page
