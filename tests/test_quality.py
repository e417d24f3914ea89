"""Whether the data can be trusted: verdicts per account, questions per export, and what the checks say."""

from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abmlib.method import quality
from abmlib.tables import checks, schema

tables = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure

AS_OF = pd.Timestamp("2026-06-30")
STALE_DAYS, MIN_RECORDS = 365, 3


def as_accounts(rows: list[tuple]) -> pd.DataFrame:
    """Accounts to spec from (account, status, country)."""
    frame = pd.DataFrame(rows, columns=["account_id", "status", "country"])
    frame = frame.assign(name=frame["account_id"].str.title(), created_at=pd.Timestamp("2020-01-01", tz="UTC"))
    return schema.conform("accounts", frame)


def as_records(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "table", "rows", "first_day", "last_day"])
    return frame.astype({"rows": "int64", "first_day": "datetime64[us]", "last_day": "datetime64[us]"})


@pytest.fixture
def accounts() -> pd.DataFrame:
    return as_accounts(
        [
            ("usable", "customer", "FR"),
            ("edge", "customer", None),
            ("stale", "former", None),
            ("thin", "customer", None),
            ("none", "customer", None),
            ("lead", "prospect", None),
        ]
    )


@pytest.fixture
def records() -> pd.DataFrame:
    return as_records(
        [
            ("usable", "transactions", 1, "2025-01-01", "2025-02-01"),  # old alone; the newest of all tables counts
            ("usable", "activities", 2, "2025-06-01", "2026-06-20"),  # 1 + 2 records: exactly enough together
            ("edge", "transactions", 3, "2025-06-30", "2025-06-30"),  # 365 days old: not yet stale
            ("stale", "transactions", 1, "2025-06-29", "2025-06-29"),  # 366 days old; thin as well: stale comes first
            ("thin", "activities", 2, "2026-06-01", "2026-06-30"),
            ("lead", "activities", 1, "2020-01-01", "2020-01-01"),  # a stale prospect: judged, but not listed as weak
            ("gone", "activities", 9, "2026-06-01", "2026-06-30"),  # no such account: must not appear
        ]
    )


@pytest.fixture
def judged(accounts, records) -> pd.DataFrame:
    return quality.account_data(accounts, records, AS_OF, STALE_DAYS, MIN_RECORDS)


# -- account by account -----------------------------------------------------------------------------------------------


def test_the_first_verdict_that_fits_holds(judged):
    assert judged.set_index("account_id")["verdict"].to_dict() == {
        "usable": "usable",
        "edge": "usable",
        "stale": "stale",
        "thin": "thin",
        "none": "no record",
        "lead": "stale",
    }


def test_records_of_all_tables_are_put_together(judged):
    got = judged.set_index("account_id")
    assert got.loc["usable", ["records", "sources", "days_since_last"]].tolist() == [3, 2, 10]
    assert got.loc["usable", "first_seen"] == pd.Timestamp("2025-01-01")
    assert got.loc["none", ["records", "sources"]].tolist() == [0, 0]
    assert got.loc["none", ["first_seen", "last_seen", "days_since_last"]].isna().all()


def test_filled_share_counts_the_descriptive_fields_only(judged):
    got = judged.set_index("account_id")["filled_share"]
    assert got["edge"] == 1 / 8  # name alone; source, status and dates describe nothing
    assert got["usable"] == 2 / 8  # and the country


def test_the_judgement_is_to_spec_and_in_the_order_of_the_accounts(accounts, judged):
    assert schema.conform("00_account_data", judged)["account_id"].tolist() == accounts["account_id"].tolist()


def test_a_source_without_records_knows_nothing_of_anybody(accounts, records):
    got = quality.account_data(accounts, records.iloc[:0], AS_OF, STALE_DAYS, MIN_RECORDS)
    assert set(got["verdict"]) == {"no record"}
    assert len(schema.conform("00_account_data", got)) == len(accounts)
    nobody = quality.account_data(accounts.iloc[:0], records, AS_OF, STALE_DAYS, MIN_RECORDS)
    assert quality.verdict_counts(nobody).to_numpy().sum() == 0


ACCOUNT = st.tuples(st.sampled_from(schema.STATUS), st.integers(0, 5), st.integers(0, 800))


@tables
@given(st.lists(ACCOUNT, max_size=8), st.integers(0, 400), st.integers(0, 5))
def test_every_account_has_one_verdict_and_weak_customers_never_list_prospects(rows, stale_days, min_records):
    accounts = as_accounts([(f"a{i}", s, None) for i, (s, _, _) in enumerate(rows)])
    seen = [(f"a{i}", n, AS_OF - pd.Timedelta(days=d)) for i, (_, n, d) in enumerate(rows) if n]
    judged = quality.account_data(
        accounts, as_records([(a, "activities", n, d, d) for a, n, d in seen]), AS_OF, stale_days, min_records
    )
    assert judged["account_id"].tolist() == accounts["account_id"].tolist()
    for (_, n, days), verdict in zip(rows, judged["verdict"], strict=True):
        fits = [n == 0, days > stale_days, n < min_records, True]
        assert verdict == ["no record", "stale", "thin", "usable"][fits.index(True)]
    counts = quality.verdict_counts(judged)
    assert counts.columns.tolist() == list(quality.VERDICTS)
    assert counts.sum(axis=1).to_dict() == judged["status"].value_counts().to_dict()
    weak = quality.weak_customers(judged, accounts)
    assert "prospect" not in set(weak["status"])
    assert len(weak) == (judged["status"].ne("prospect") & judged["verdict"].ne("usable")).sum()
    assert set(quality.silent(judged)) <= set(weak["account_id"])


def test_weak_customers_come_with_the_longest_silent_first(accounts, judged):
    got = quality.weak_customers(judged, accounts)
    assert got["account_id"].tolist() == ["none", "stale", "thin"]  # never heard of comes before long silent
    assert got["name"].tolist() == ["None", "Stale", "Thin"]


def test_the_silent_are_customers_that_are_stale_or_without_a_record(judged):
    assert quality.silent(judged).tolist() == ["stale", "none"]  # thin still speaks; lead is a prospect


def test_filled_is_the_share_of_accounts_with_a_value(accounts):
    got = quality.filled(accounts)
    assert got.index.tolist() == quality.DESCRIBES
    assert got[["name", "country", "industry"]].tolist() == [1, 1 / 6, 0]
    assert quality.filled(accounts.iloc[:0]).isna().all()


# -- table by table ---------------------------------------------------------------------------------------------------


@pytest.fixture
def overview() -> pd.DataFrame:
    rows = [
        ("accounts", 4, 4, None),  # nothing dates it: days are missing
        ("transactions", 9, 1, pd.Timestamp("2026-06-20")),
        ("products", 3, None, None),  # no account: the share is missing, not 0
        ("surveys", 0, 0, None),  # exported, but empty on the day
    ]
    frame = pd.DataFrame(rows, columns=["table", "rows", "accounts", "last_day"])
    return frame.astype({"accounts": "Int64", "last_day": "datetime64[us]"})


def test_freshness_gives_the_reach_and_the_age_of_each_table(overview):
    got = quality.freshness(overview, AS_OF, 4).set_index("table")
    assert got["account_share"].drop("products").to_dict() == {"accounts": 1, "transactions": 0.25, "surveys": 0}
    assert got["days_old"]["transactions"] == 10
    assert pd.isna(got["account_share"]["products"])
    assert got["days_old"].drop("transactions").isna().all()
    assert quality.freshness(overview, AS_OF, 0)["account_share"].isna().all()


def test_a_table_is_present_with_a_row_and_a_column_with_a_value():
    rows = [
        ("transactions", "revenue", 9, 9),
        ("transactions", "cogs", 1, 9),  # one value is a value
        ("transactions", "discount", 0, 9),  # a column without a value: absent, though its table is present
        ("surveys", "score", 0, 0),  # exported, but no row on the day: absent
    ]
    fields = pd.DataFrame(rows, columns=["table", "column", "filled", "rows"])
    assert quality.present(fields) == {"transactions", "transactions.revenue", "transactions.cogs"}
    assert quality.present(fields.iloc[:0]) == set()


@pytest.fixture
def catalogue() -> pd.DataFrame:
    rows = [
        ("00", [], [], True),  # needs nothing: yes
        ("01", ["accounts"], ["products"], True),  # all there: yes
        ("02", ["accounts"], ["surveys", "products"], True),  # a wish is missing: in part
        ("03", ["activities"], ["products"], False),  # a need is missing: no
        ("04", ["accounts", "activities"], ["surveys"], True),  # a need and a wish are missing: no
    ]
    frame = pd.DataFrame(rows, columns=["notebook", "needs", "uses", "built"])
    return frame.assign(question="?" + frame["notebook"])


def test_a_question_is_answered_by_what_it_needs_and_completed_by_what_it_uses(catalogue):
    got = quality.answerable(catalogue, {"accounts", "products"}).set_index("notebook")
    assert got["answer"].to_dict() == {"00": "yes", "01": "yes", "02": "in part", "03": "no", "04": "no"}
    assert got["needed"].to_dict() == {"00": "", "01": "", "02": "", "03": "activities", "04": "activities"}
    assert got["wished"].to_dict() == {"00": "", "01": "", "02": "surveys", "03": "", "04": "surveys"}
    assert got["built"].to_dict() == {"00": "yes", "01": "yes", "02": "yes", "03": "later", "04": "yes"}


def test_a_single_column_can_be_what_is_missing():
    row = {"notebook": "03", "question": "?", "needs": ["transactions"], "uses": ["transactions.cogs"], "built": True}
    got = quality.answerable(pd.DataFrame([row]), {"transactions", "transactions.revenue"})
    assert got[["answer", "wished"]].to_numpy().tolist() == [["in part", "transactions.cogs"]]
    assert quality.next_export(got).to_numpy().tolist() == [["transactions.cogs", 0, 1]]


def test_more_data_never_takes_an_answer_away(catalogue):
    rank = {"no": 0, "in part": 1, "yes": 2}
    grown = [set(), {"accounts"}, {"accounts", "products"}, {"accounts", "products", "activities"}]
    answers = [quality.answerable(catalogue, p)["answer"].map(rank) for p in [*grown, set(schema.CANONICAL)]]
    for less, more in pairwise(answers):
        assert (more >= less).all()
    assert (answers[-1] == rank["yes"]).all()


def test_the_next_export_is_the_one_most_questions_wait_for():
    answers = pd.DataFrame(
        [
            ("activities", ""),
            ("activities, transactions", "surveys"),  # both are needed: counts for each; surveys alone open nothing
            ("", "surveys"),
            ("", "activities"),
            ("", "contacts"),
            ("", "contacts"),  # as useful as surveys: then by name
            ("", ""),  # nothing to export: must not make a table of its own
        ],
        columns=["needed", "wished"],
    )
    assert quality.next_export(answers).to_numpy().tolist() == [
        ["activities", 2, 1],
        ["transactions", 1, 0],
        ["contacts", 0, 2],  # many made fuller never outweigh one that is needed
        ["surveys", 0, 2],
    ]
    assert quality.next_export(answers.tail(1)).empty


# -- checks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def audit() -> pd.DataFrame:
    rows = [
        ("contacts", "account_id is found in accounts", "warn", 1200, 5000, "c1, c2", "Export the missing accounts."),
        ("surveys", "not score off its scale", "fail", 2, 9, "r1, r2", "Correct score."),
        ("accounts", "one row per account_id", "fail", 0, 4, "", "Keep one row per key."),  # holds: not listed
        ("products", "name is filled", "fail", 7, 7, "", "Fill name."),  # no case to name
        ("activities", "not negative duration", "warn", 0, 3, "", "Correct duration_min."),  # holds: not listed
        ("campaigns", "not backwards", "fail", 2, 3, "k1", "Correct end."),  # as many as surveys: order of the audit
    ]
    return pd.DataFrame(rows, columns=["table", "check", "severity", "bad", "rows", "first", "remedy"])


def test_broken_checks_come_failures_first_then_the_most_rows(audit):
    assert checks.broken(audit)["table"].tolist() == ["products", "surveys", "campaigns", "contacts"]
    assert checks.to_mend(audit)["table"].tolist() == ["products", "surveys", "campaigns"]
    assert checks.to_mend(audit, most=1)["table"].tolist() == ["products"]
    assert checks.counts(audit) == (6, 3, 1)


def test_a_broken_check_reads_as_a_line_with_its_remedy(audit):
    got = checks.sentences(audit)
    assert got[0] == "products: name is filled: broken in 7 of 7 rows. Fill name."
    assert got[1] == "surveys: not score off its scale: broken in 2 of 9 rows (first: r1, r2). Correct score."
    assert "broken in 1,200 of 5,000 rows" in got[3]


def test_absent_columns_are_told_in_the_words_of_their_error_alone():
    error = "products: missing column(s) ['name']; the table has ['id']. Rename them in the export."
    row = ("products", "columns present", "fail", 1, 1, "", error)
    audit = pd.DataFrame([row], columns=["table", "check", "severity", "bad", "rows", "first", "remedy"])
    assert checks.sentences(audit) == [error]  # "1 of 1 rows" would be a count of nothing


def test_a_sound_source_has_no_failure_and_nothing_to_say(audit):
    sound = audit.assign(bad=0)
    assert (checks.failure(sound), checks.sentences(sound), checks.counts(sound)) == ("", [], (6, 0, 0))
    assert checks.failure(audit[audit["severity"] == "warn"]) == ""  # a warning stops nothing
    assert checks.failure(audit.iloc[:0]) == ""


def test_a_failure_has_a_line_for_each_failing_check_and_none_for_a_warning(audit):
    lines = checks.failure(audit).splitlines()
    assert [line.split(":")[0] for line in lines] == ["products", "surveys", "campaigns"]
    assert lines == checks.sentences(audit)[:3]


def test_losses_keep_every_step_that_lost_rows_and_count_the_others():
    rows = [
        ("import", "contacts", 10, 7, 3, "no account"),
        ("import", "accounts", 5, 5, 0, ""),
        ("group", "activities", 9, 3, 0, ""),  # fewer rows, none lost
        ("as of", "contacts", 7, 6, 1, "known only later"),
    ]
    ledger = pd.DataFrame(rows, columns=["step", "table", "rows_in", "rows_out", "rows_lost", "why"])
    got = checks.losses(ledger)
    assert got["rows_lost"].tolist() == [3, 1, 0]
    assert got["rows_lost"].sum() == ledger["rows_lost"].sum()
    assert got.iloc[-1][["step", "table", "why"]].tolist() == ["all others", "2 steps", "nothing was lost"]
    assert checks.losses(ledger[ledger["rows_lost"] > 0])["step"].tolist() == ["import", "as of"]
    assert checks.losses(ledger.iloc[:0]).empty
