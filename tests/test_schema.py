"""The data dictionary keeps its own promises, and a table that breaks one is refused with its cases."""

import ast
import re
from pathlib import Path

import pandas as pd
import pytest

import abmlib
from abmlib.tables import TableError, schema

TABLES = schema.CANONICAL | schema.RESULTS
# a decision may be about all accounts, and a measure may rest on no window; missing then counts as one value of the key
KEYS_THAT_MAY_BE_MISSING = {("decisions", "account_id"), ("measures", "window_start"), ("measures", "window_end")}

# order numbers, points on a survey's scale, and a share that may leave 0 to 1
WITHOUT_UNIT = {"seq", "stage_order", "scale_min", "scale_max", "score", "cumulative_revenue_share"}

every_table = pytest.mark.parametrize("name", TABLES)


def columns(name: str) -> list[tuple[str, dict]]:
    """Each column of a table with what `schema.col` recorded of it."""
    return [(c, dict(schema.meta(d))) for c, d in TABLES[name].columns.items()]


# -- the dictionary ---------------------------------------------------------------------------------------------------


@every_table
def test_an_empty_table_conforms_to_its_own_spec(name):
    empty = schema.empty(name)
    assert empty.columns.tolist() == list(TABLES[name].columns)
    assert schema.check(name, empty) is empty
    pd.testing.assert_frame_equal(schema.conform(name, empty), empty)


@every_table
def test_every_table_says_what_a_row_is_and_has_a_key_of_its_own_columns(name):
    assert re.fullmatch(r"\S.*\.", TABLES[name].description)
    key = schema.key(name)
    assert key
    assert len(set(key)) == len(key)
    assert set(key) <= set(TABLES[name].columns)
    assert TABLES[name].unique == key


def test_a_key_column_is_always_filled_but_for_the_named_exceptions():
    found = {(t, c) for t, spec in TABLES.items() for c in schema.key(t) if spec.columns[c].nullable}
    assert found == KEYS_THAT_MAY_BE_MISSING


@every_table
def test_the_column_that_dates_a_row_is_a_day_or_a_moment_of_the_table(name):
    known = TABLES[name].metadata["known"]
    assert (known is not None) == ("known_at" in TABLES[name].columns)
    if known is not None:
        assert dict(columns(name))[known]["kind"] in ("ts", "date")


@every_table
def test_every_column_has_a_meaning_a_type_and_a_rule_for_back_dating(name):
    for column, said in columns(name):
        assert TABLES[name].columns[column].description.strip(), column
        assert said["kind"] in schema.DTYPES, column
        assert said["when"] in schema.WHEN_MEANS, column


@every_table
def test_units_are_fixed_by_kind_and_every_quantity_has_one(name):
    for column, said in columns(name):
        if said["kind"] == "money":
            assert said["unit"] == "reporting currency", column
        if said["kind"] == "rate":
            assert said["unit"] == "share, 0 to 1", column
        if said["kind"] in ("int", "number"):
            assert said["unit"] or column in WITHOUT_UNIT, column


@every_table
def test_a_reference_points_to_a_key_that_exists(name):
    for column, said in columns(name):
        if said["ref"] is not None:
            there, field = said["ref"].split(".")
            assert schema.key(there) == [field], column
            assert dict(columns(there))[field]["kind"] == said["kind"], column


@every_table
def test_a_default_is_an_allowed_value(name):
    for column, said in columns(name):
        if said["default"] is not None and said["one_of"]:
            assert said["default"] in said["one_of"], column


@every_table
def test_row_rules_say_what_to_do(name):
    for rule in TABLES[name].metadata["rules"]:
        assert rule.severity in ("fail", "warn")
        assert re.fullmatch(r"\S.*\.", rule.remedy), rule.name


def test_no_docstring_and_no_meaning_is_left_to_do():
    named = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted(Path(abmlib.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, named):
                assert "TODO" not in (ast.get_docstring(node) or ""), f"{path.name}: {getattr(node, 'name', 'module')}"
    for name, spec in TABLES.items():
        assert "TODO" not in " ".join([str(spec.description), *(str(d.description) for d in spec.columns.values())]), (
            name
        )


def test_shared_tables_are_found_under_the_number_of_any_notebook():
    assert schema.spec("07_decisions") is schema.DECISIONS
    assert schema.spec("00_measures") is schema.MEASURES
    assert schema.spec("accounts") is schema.ACCOUNTS


@pytest.mark.parametrize("name", ["account", "07_key_accounts", "xx_decisions", ""])
def test_a_table_that_does_not_exist_is_refused_with_those_that_do(name):
    with pytest.raises(ValueError, match=rf"^{name}: no such table; there are \['accounts', .*'decisions'"):
        schema.spec(name)


# -- conform ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def products() -> pd.DataFrame:
    rows = [
        ("p1", "Pump", 0.0),  # both ends of a rate are allowed
        ("p2", "Pipe", 1.0),
        ("p3", "Pipe", None),  # a name may repeat, only the key may not; a margin may be missing
    ]
    return pd.DataFrame(rows, columns=["product_id", "name", "gross_margin_rate"], index=[7, 7, 9])


def test_conform_fills_columns_in_order_and_loses_no_row(products):
    got = schema.conform("products", products[["gross_margin_rate", "name", "product_id"]])
    assert got.columns.tolist() == list(schema.PRODUCTS.columns)
    assert got["product_id"].tolist() == ["p1", "p2", "p3"]
    assert got.index.tolist() == [0, 1, 2]  # a repeated index must not repeat or mix rows
    assert got["product_line"].tolist() == ["all"] * 3  # the default
    assert got["list_price"].isna().all()  # no default, and missing is allowed
    assert {c: str(t) for c, t in got.dtypes.items()} == {c: str(t) for c, t in schema.empty("products").dtypes.items()}
    assert "list_price" not in products.columns  # the given table is not touched


def test_conform_brought_twice_changes_nothing(products):
    once = schema.conform("products", products)
    pd.testing.assert_frame_equal(schema.conform("products", once), once)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p: p.assign(colour="red", size=1),
            r"^products: unknown column\(s\) \['colour', 'size'\]; the table has \['product_id', .*Drop or rename",
        ),
        (
            lambda p: p.drop(columns="name"),
            r"^products: missing column\(s\) \['name'\]; the table has \['product_id', 'gross_margin_rate'\]\. Add",
        ),
        (
            lambda p: p.assign(product_id=["p1", "p2", "p1"]),  # both rows of the pair are counted and named
            r"^products: 2 of 3 rows share a key \['product_id'\] \(first: \[0, 2\]\)\. Keep one row per key",
        ),
        (
            lambda p: p.assign(gross_margin_rate=[50.0, -0.1, 0.5]),  # percent, and below 0
            r"^products: gross_margin_rate: 2 of 3 values break in_range\(0, 1\) \(first: \[50\.0, -0\.1\]\)",
        ),
        (
            lambda p: p.assign(name=["Pump", None, "Pipe"]),
            r"^products: name is missing in 1 of 3 rows \(first: \[1\]\)",
        ),
        (
            lambda p: p.assign(list_price=["1", "2", "free"]),
            r"^products: list_price does not read as money: .*'free'",
        ),
    ],
    ids=["unknown column", "missing column", "repeated key", "rate", "missing value", "type"],
)
def test_conform_refuses_what_breaks_the_spec_and_names_it(products, change, message):
    with pytest.raises(TableError, match=message):
        schema.conform("products", change(products))


def test_conform_refuses_values_off_the_list_and_names_the_first_three():
    months = pd.date_range("2026-01-01", periods=5, freq="MS")
    spend = pd.DataFrame({"campaign_id": "c", "month": months, "channel": ["web", "tv", "fax", "tv", "post"], "spend": 1.0})  # fmt: skip
    with pytest.raises(
        TableError, match=r"^campaign_spend: channel: 4 of 5 values break isin\(.*\(first: \['tv', 'fax', 'tv'\]\)"
    ):
        schema.conform("campaign_spend", spend)
    assert len(schema.conform("campaign_spend", spend.assign(channel="web"))) == 5


def test_a_whole_number_column_refuses_a_fraction():
    judged = pd.DataFrame({"account_id": ["a"], "status": "customer", "filled_share": 1.0, "records": 1.5, "sources": 1, "verdict": "usable"})  # fmt: skip
    with pytest.raises(TableError, match="00_account_data: records does not read as int"):
        schema.conform("00_account_data", judged)


def test_a_missing_part_of_a_key_still_may_not_repeat():
    decision = {"notebook": "03", "decision_id": "03-1", "text": "Do.", "would_change": "x", "status": "proposed"}
    two = pd.DataFrame([decision, decision])  # about all accounts, twice
    with pytest.raises(TableError, match=r"decisions: 2 of 2 rows share a key"):
        schema.conform("decisions", two)
    measure = {"measure_id": "C-38", "definition_id": "gini", "as_of": pd.Timestamp("2026-06-30"), "unit": "index", "n": 1, "status": "ok"}  # fmt: skip
    with pytest.raises(TableError, match=r"measures: 2 of 2 rows share a key"):
        schema.conform("measures", pd.DataFrame([measure, measure]))
    assert len(schema.conform("decisions", two.assign(account_id=["a", None]))) == 2
