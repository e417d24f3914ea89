"""The data dictionary keeps its own promises, and a table that breaks one is refused with its cases."""

import ast
import re
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

import abmlib
from abmlib.tables import TableError, schema

TABLES = schema.CANONICAL | schema.PROGRAMME | schema.RESULTS
# a decision, a target or a colleague may be for all, and a measure may rest on no window; missing then counts as one value
KEYS_THAT_MAY_BE_MISSING = {
    ("decisions", "account_id"),
    ("decision_status", "account_id"),
    ("15_decision_states", "account_id"),
    ("measures", "window_start"),
    ("measures", "window_end"),
    ("targets", "owner_id"),
    ("team", "account_id"),
}

# order numbers, points on a survey's scale, and a share that may leave 0 to 1
WITHOUT_UNIT = {"seq", "stage_order", "scale_min", "scale_max", "score", "cumulative_revenue_share"}

every_table = pytest.mark.parametrize("name", TABLES)


def columns(name: str) -> list[tuple[str, dict]]:
    """Each column of a table with what `schema.col` recorded of it."""
    return [(c, asdict(d)) for c, d in TABLES[name].columns.items()]


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
    assert TABLES[name].name == name


def test_a_key_column_is_always_filled_but_for_the_named_exceptions():
    found = {(t, c) for t, spec in TABLES.items() for c in schema.key(t) if spec.columns[c].null}
    assert found == KEYS_THAT_MAY_BE_MISSING


@every_table
def test_the_column_that_dates_a_row_is_a_day_or_a_moment_of_the_table(name):
    known = TABLES[name].known
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
            assert [c for c in schema.key(there) if c != "entered_at"] == [field], column
            assert dict(columns(there))[field]["kind"] == said["kind"], column


@every_table
def test_a_value_that_is_known_since_a_day_has_that_day_in_its_row(name):
    for column, said in columns(name):
        if said["since"] is not None:
            assert said["when"] in ("dated", "current_only"), column
            assert dict(columns(name))[said["since"]]["kind"] in ("ts", "date"), column


@every_table
def test_a_value_that_a_back_dated_report_hides_may_be_missing_or_has_a_default(name):
    for column, said in columns(name):
        if said["when"] == "current_only":
            assert TABLES[name].columns[column].null or said["default"] is not None, column


@every_table
def test_a_default_is_an_allowed_value(name):
    for column, said in columns(name):
        if said["default"] is not None and said["one_of"]:
            assert said["default"] in said["one_of"], column


@every_table
def test_row_rules_say_what_to_do(name):
    for rule in TABLES[name].rules:
        assert rule.severity in ("fail", "warn")
        assert re.fullmatch(r"\S.*\.", rule.remedy), rule.name


# -- the tables of the method, E.3 ------------------------------------------------------------------------------------

# an ellipsis stands for further columns, which the list leaves open
E3_CANONICAL = {
    "accounts": "account_id name domain parent_account_id industry sub_industry country region employees annual_revenue "
    "org_type tech_stack customer_base status owner_id created_at first_won_at source_system is_duplicate_of growth_outlook",
    "contacts": "contact_id account_id email_hash email_domain full_name title department seniority buying_role persona_id "
    "is_lead match_method match_score opted_out email_bounced valid_from valid_to created_at",
    "opportunities": "opportunity_id account_id name type product_line sales_model stage amount term_months acv discount_rate "
    "probability created_at close_date closed_at is_closed is_won loss_reason win_reason competitor incumbent campaign_id "
    "lead_source owner_id",
    "opportunity_stage_history": "opportunity_id entered_at seq stage stage_order amount close_date probability changed_field",
    "opportunity_contacts": "opportunity_id contact_id role is_primary added_at",
    "activities": "activity_id account_id contact_id opportunity_id occurred_at direction channel activity_type campaign_id "
    "content_id duration_min page_class is_conversion outcome is_bot team person_hours",
    "transactions": "transaction_id account_id contact_id product_id booked_at quantity revenue cogs discount promotion_id "
    "kind period_start period_end",
    "surveys": "response_id account_id contact_id wave survey_type item scale_min scale_max score responded_at invited_n",
    "products": "product_id name product_line list_price gross_margin_rate lifecycle",
    "campaigns": "campaign_id name type parent_id persona_id stage_target start end objective is_account_specific",
    "campaign_spend": "campaign_id month channel spend budget person_hours",
    "attribute_history": "table row_id field value known_from",
    "leads": "lead_id created_at source campaign_id status owner_id account_id contact_id opportunity_id converted_at",
    "attributes": "table row_id name value known_from declared",
    "intent_signals": "account_id topic week score provider",
    "web_sessions": "session_id account_id contact_id started_at duration_min pages key_pages is_bot source",
    "cases": "case_id account_id contact_id opened_at closed_at priority escalated",
    "reviews_mentions": "mention_id account_id source score date ...",
    "sales_feedback": "feedback_id account_id date theme text",
    "wallet_estimates": "account_id product_line low mid high method",
}
E3_PROGRAMME = {
    "account_tiers": "account_id valid_from tier valid_to set_by reason exclusion_reason",
    "list_votes": "account_id voter_team round vote comment",
    "account_goals": "goal_id account_id text owner_side metric target actual due status",
    "account_insights": "insight_id account_id contact_id kind text confidence source observed_at expires_at",
    "relationship_economics": "account_id period programme_cost cost_to_serve hours value_promised value_realised",
    "contracts": "contract_id account_id product_line start end arr auto_renew renewed notice_date",
    "experiments": "account_id experiment_id arm assigned_at stratum exposure_at pre_registered_metric",
    "personas": "persona_id name seniority function goals pains",
    "messages": "message_id persona_id cycle stage pain promise proof version owner",
    "content": "content_id title format language persona_id depth product_line url_path created_at expires_at",
    "team": "person_id team function persona_id capacity_hours account_id raci",
    "objectives": "objective_id sales_goal tactic measure_id baseline target frozen_at",
    "criteria": "criterion_id name weight direction sign_off_team signed_at feature",
    "readiness": "item score note",
    "workshop_decisions": "account_id text owner due status",
    "workshop_actions": "account_id text owner due status",
    "plan_items": "account_id item reuse_or_new channel start end owner budget objective_id",
    "hand_overs": "account_id sent_at accepted_at first_touch_at brief_read",
    "message_tests": "test_id message_id account_id arm assigned_at",
    "promotions": "promotion_id kind value start end",
    "targets": "period owner_id measure_id value",
    "fx_rates": "date currency rate",
    "cycle_overrides": "account_id product_line cycle reason",
    "decision_status": "slug account_id status until",
    "experiment_plans": "experiment_id measure_id horizon_months looks design held_share seed rise smallest_rise power analysis frozen_at",
    "findings": "finding_id evaluation measure_id group_by group rise rise_low rise_high months",
    "dossier_deliveries": "account_id run_id delivered_to delivered_at",
    "campaign_accounts": "campaign_id account_id added_at",
}
ENTRY = ["entered_at", "entered_by", "supersedes", "known_at"]


@pytest.mark.parametrize(("name", "wanted"), E3_CANONICAL.items())
def test_a_canonical_table_has_the_columns_of_the_method(name, wanted):
    own, listed = [c for c in schema.CANONICAL[name].columns if c != "known_at"], wanted.split()
    if listed[-1] == "...":
        assert set(listed[:-1]) < set(own)
    else:
        assert own == listed


@pytest.mark.parametrize(("name", "wanted"), E3_PROGRAMME.items())
def test_a_programme_table_has_the_columns_of_the_method_and_those_of_an_entry(name, wanted):
    assert list(schema.PROGRAMME[name].columns) == wanted.split() + ENTRY
    assert schema.key(name)[-1] == "entered_at"
    assert schema.PROGRAMME[name].known == "entered_at"


def test_there_are_the_tables_of_the_method_and_no_others():
    assert set(schema.CANONICAL) == set(E3_CANONICAL)
    assert set(schema.PROGRAMME) == {*E3_PROGRAMME, "forgotten"}
    assert set(schema.importable()) == {*E3_CANONICAL, *E3_PROGRAMME}  # who was forgotten no source may say


def test_what_stands_in_for_the_time_of_entry_is_a_day_or_time_that_is_always_there():
    found = {name: day for name in E3_PROGRAMME if (day := schema.spec(name).dates)}
    assert found["contracts"] == "start"
    assert found["account_tiers"] == "valid_from"
    for name, day in found.items():
        assert dict(columns(name))[day]["kind"] in ("ts", "date"), name
        assert not TABLES[name].columns[day].null, name


def test_a_source_needs_no_column_that_book_fills():
    assert schema.needed("contracts") == ["contract_id", "account_id", "start", "end", "arr", "auto_renew"]
    assert schema.needed("targets") == ["period", "measure_id", "value", "entered_at"]  # nothing else dates it
    assert schema.needed("cases") == ["case_id", "account_id", "opened_at"]


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
            r"^products: gross_margin_rate: 2 of 3 values are not between 0 and 1 \(first: \[50\.0, -0\.1\]\)",
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
        TableError, match=r"^campaign_spend: channel: 4 of 5 values are none of web, .*\(first: \['tv', 'fax', 'tv'\]\)"
    ):
        schema.conform("campaign_spend", spend)
    assert len(schema.conform("campaign_spend", spend.assign(channel="web"))) == 5


def test_a_whole_number_column_refuses_a_fraction():
    judged = pd.DataFrame({"account_id": ["a"], "status": "customer", "filled_share": 1.0, "records": 1.5, "sources": 1, "verdict": "usable"})  # fmt: skip
    with pytest.raises(TableError, match="00_account_data: records does not read as int"):
        schema.conform("00_account_data", judged)


def test_a_missing_part_of_a_key_still_may_not_repeat():
    decision = {
        "notebook": "03",
        "slug": "act",
        "kind": "sell",
        "text": "Do.",
        "would_change": "x",
        "status": "proposed",
    }
    two = pd.DataFrame([decision, decision])  # about all accounts, twice
    with pytest.raises(TableError, match=r"decisions: 2 of 2 rows share a key"):
        schema.conform("decisions", two)
    measure = {"measure_id": "C-38", "definition_id": "gini", "as_of": pd.Timestamp("2026-06-30"), "unit": "index", "n": 1, "status": "ok"}  # fmt: skip
    with pytest.raises(TableError, match=r"measures: 2 of 2 rows share a key"):
        schema.conform("measures", pd.DataFrame([measure, measure]))
    assert len(schema.conform("decisions", two.assign(account_id=["a", None]))) == 2
