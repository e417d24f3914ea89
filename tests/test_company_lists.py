"""The target list for other systems, and the mark of a draft, on a list that a person can check."""

import re
import zipfile

import pandas as pd
import pytest

from abmlib.pages import company_lists, draft_mark, export, forget, mentions
from abmlib.pages.kernels import Outcome
from tests.conftest import ACCOUNTS, DECIDE, OPEN, TRANSACTIONS, abm, notebook, put

DONE, FAILED = Outcome("done", 0.0, ""), Outcome("failed", 0.0, "no")
ROWS = [  # account_id, tier, rank, state, name, domain
    ("001A", "1", 1, "", "Acme", "acme.example"),
    ("001B", "2", 2, "", "=Beta()", None),  # a formula, and no domain
    ("001C", "3", 3, "", "Gamma", "gamma.example"),  # drawn to be held back
    ("Delta", "3", 4, "", "Delta", "delta.example"),  # its id was made of its name
    ("Echo", "3", 5, "", "Echo", None),  # the same, and nothing says which company it is
    ("@1", "3", 6, "", "Fox", "fox.example"),  # an id that a spreadsheet would compute
    ("001G", "none", 7, "just bought", "Golf", "golf.example"),
    ("001H", "none", 8, "", "Hotel", "hotel.example"),  # in no tier, and free to be met anywhere
]


def listed(rows: list[tuple] = ROWS, state: str = "agreed") -> pd.DataFrame:
    """A target list as 06 leaves it."""
    columns = ["account_id", "tier", "rank", "state", "name", "domain"]
    frame = pd.DataFrame(rows, columns=columns).drop(columns=["name", "domain"])
    frame = frame.assign(agreed=(state == "agreed") & (frame["tier"] != "none"), change="")
    return frame.assign(list_state=state, reason="=large", owner="Ann", set_on=pd.Timestamp("2026-06-30"))


def accounts(rows: list[tuple] = ROWS) -> pd.DataFrame:
    return pd.DataFrame([(r[0], *r[4:]) for r in rows], columns=["account_id", "name", "domain"]).set_index(
        "account_id"
    )


def lists(draft: bool = False, held_back: tuple[str, ...] = ("001C",)) -> dict[str, pd.DataFrame]:
    return company_lists.company_lists(listed(), accounts(), pd.Index(held_back, dtype="str"), draft)


# -- company lists ----------------------------------------------------------------------------------------------------


def test_salesforce_gets_the_ids_of_the_source_unchanged_and_none_that_was_made():
    rows = lists()["06_salesforce.csv"]
    assert rows["Id"].tolist() == ["001A", "001B", "001C"]
    assert rows["ABM_Tier__c"].tolist() == ["1", "2", "3"]
    assert rows["ABM_Set_On__c"].dt.date.astype(str).unique().tolist() == ["2026-06-30"]


def test_hubspot_gets_who_can_be_found_by_id_or_domain_with_its_own_names_of_tiers():
    rows = lists()["06_hubspot.csv"]
    assert rows["Company name"].tolist() == ["Acme", "'=Beta()", "Gamma", "Delta", "Fox"]
    assert rows["Record ID"].fillna("").tolist() == ["001A", "001B", "001C", "", ""]
    assert rows["Ideal Customer Profile Tier"].tolist() == ["Tier 1", "Tier 2", "Tier 3", "Tier 3", "Tier 3"]
    assert set(rows["Target Account"]) == {"true"}


def test_advertising_leaves_out_and_excludes_who_is_held_back_or_has_a_state():
    shown, kept_out = lists()["06_ad_platforms.csv"], lists()["06_ad_platforms_exclude.csv"]
    assert shown["companyname"].tolist() == ["Acme", "'=Beta()", "Delta", "Echo", "Fox"]
    assert kept_out["companyname"].tolist() == ["Gamma", "Golf"]
    assert [*shown] == [*kept_out] == company_lists.LINKEDIN
    assert kept_out["companywebsite"].tolist() == ["gamma.example", "golf.example"]


def test_without_trial_or_state_nobody_is_excluded_and_there_is_no_such_file():
    free = listed(ROWS[:1])
    got = company_lists.company_lists(free, accounts(), pd.Index([], dtype="str"), draft=False)
    assert [*got] == ["06_salesforce.csv", "06_hubspot.csv", "06_ad_platforms.csv"]
    assert (
        company_lists.company_lists(free.assign(tier="none"), accounts(), pd.Index([], dtype="str"), draft=True) == {}
    )


def test_an_agreed_list_leaves_out_what_is_only_proposed_and_a_draft_holds_all_of_tiers_1_to_3():
    targets, nobody = listed().assign(agreed=lambda rows: ~rows["account_id"].isin(["001B", "001G", "001H"])), pd.Index([], dtype="str")  # fmt: skip
    agreed, draft = (company_lists.company_lists(targets, accounts(), nobody, draft) for draft in (False, True))
    assert agreed["06_salesforce.csv"]["Id"].tolist() == ["001A", "001C"]
    assert draft["DRAFT_06_salesforce.csv"]["Id"].tolist() == ["001A", "001B", "001C"]
    for name in company_lists.NAMES[1:3]:
        assert len(draft[f"DRAFT_{name}"]) == len(agreed[name]) + 1


def test_who_leaves_the_list_loses_the_tier_in_other_systems_and_is_shown_no_ad():
    targets = listed().assign(change=lambda rows: rows["account_id"].map({"001H": "leaves"}).fillna(""))
    for draft in (False, True):
        found = company_lists.company_lists(targets, accounts(), pd.Index([], dtype="str"), draft)
        salesforce, hubspot, shown = ([*found.values()][k].iloc[-1] for k in range(3))
        assert (salesforce["Id"], salesforce["ABM_Tier__c"]) == ("001H", "none")
        assert (hubspot["Record ID"], hubspot["Target Account"], hubspot["Ideal Customer Profile Tier"]) == ("001H", "false", "")  # fmt: skip
        assert shown["companyname"] != "Hotel"


def test_no_file_names_an_owner_and_each_name_says_if_the_list_is_a_draft():
    assert [*lists()] == [*company_lists.NAMES]
    assert [*lists(draft=True)] == [f"DRAFT_{name}" for name in company_lists.NAMES]
    assert not any(frame.eq("Ann").any(axis=None) for frame in lists().values())


def test_text_that_a_spreadsheet_would_compute_is_defused_in_every_file():
    for name, frame in lists().items():
        texts = frame.select_dtypes(["str", "object"]).stack().dropna().astype(str)
        assert not texts.str.match(r"\s*[=+\-@]").any(), name


def test_who_cannot_be_found_is_counted():
    counts = {"listed": 6, "without_id": 3, "without_domain": 2, "without_both": 1}
    assert company_lists.unaddressed(listed(), accounts()) == counts
    assert set(company_lists.unaddressed(listed(ROWS[6:]), accounts()).values()) == {0}


# -- the mark ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "draft"),
    [
        (listed(state="draft"), True),
        (pd.concat([listed(), listed(state="draft")]), True),  # not agreed of all
        (listed(state=""), True),
        (listed(ROWS[6:], state="draft"), False),  # nobody is in a tier
        (listed(), False),
        (listed(state="draft").iloc[:0], False),
        (pd.DataFrame(), False),
    ],
)
def test_a_list_is_a_draft_until_it_says_of_all_that_it_is_agreed(frame, draft):
    assert draft_mark.is_draft(frame) is draft


def test_a_list_counts_only_if_its_notebook_ran_in_this_run_and_gave_a_result(tmp_path):
    listed(state="draft").to_parquet(tmp_path / "06_target_accounts.parquet")
    assert len(draft_mark.targets(tmp_path, {"06_target_accounts": DONE})) == len(ROWS)
    assert draft_mark.targets(tmp_path, {"06_target_accounts": FAILED}).empty
    assert draft_mark.targets(tmp_path, {"05_opportunity_size": DONE}).empty
    assert draft_mark.targets(tmp_path / "none", {"06_target_accounts": DONE}).empty


def test_lists_of_06_and_later_are_marked_first_and_earlier_ones_not_at_all():
    frame = pd.DataFrame({"account_id": ["a"]})
    assert [*draft_mark.marked("12b_call.csv", frame)] == [draft_mark.COLUMN, "account_id"]
    assert draft_mark.marked("06_call.csv", frame)["target_list"].tolist() == ["DRAFT"]
    assert draft_mark.marked("05_call.csv", frame) is frame


# -- a run ------------------------------------------------------------------------------------------------------------

TARGETS = """import pandas as pd
rows = [("acme", "1", 1, ""), ("beta", "2", 2, ""), ("late", "none", 3, "just bought")]
frame = pd.DataFrame(rows, columns=["account_id", "tier", "rank", "state"])
frame = frame.assign(list_state="{state}", agreed="{state}" == "agreed", change="", reason="large", set_on=pd.Timestamp("2026-06-30"))
frame.to_parquet(f"{{tables}}/06_target_accounts.parquet")"""
HELD = """account_id,experiment_id,arm,assigned_at,pre_registered_metric,entered_at,entered_by
beta,X1,holdout,2026-05-01T00:00:00Z,opportunities_opened,2026-05-01T00:00:00Z,Bo
acme,X1,treated,2026-05-01T00:00:00Z,opportunities_opened,2026-05-01T00:00:00Z,Bo
"""
LISTS = {"06_target_accounts.csv", *(f"{number}_call.csv" for number in ("05", "06", "12b"))}


def a_run(place, *cells):
    """A run of small notebooks before, of and after the target list."""
    data = put(place / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    put(place / "programme", experiments=HELD)
    (place / "workbook.yml").write_text("data: d\n")
    for name in ("05_before", "06_target_accounts", "12b_after"):
        leaving = f'book.write("{name[: name.index("_")]}_decisions", book.decisions)'
        notebook(place / "n", name, OPEN, DECIDE, leaving, *(cells if name.startswith("06") else ()))
    abm(
        "run",
        "--data",
        place / "workbook.yml",
        "--as-of",
        "2026-06-30",
        "--out",
        place / "out",
        "--notebooks",
        place / "n",
    )
    assert data.is_dir()
    return (place / "out" / "latest").resolve()


@pytest.fixture(scope="module", params=["draft", "agreed", "failed", "none"])
def marks(request, tmp_path_factory):
    """The state of the list, and the run with it."""
    cells = {"none": [], "failed": [TARGETS.format(state="draft"), "1 / 0"]}
    place = tmp_path_factory.mktemp(request.param)
    return request.param, a_run(place, *cells.get(request.param, [TARGETS.format(state=request.param)]))


def test_what_follows_from_a_draft_says_so_and_nothing_else_does(marks):
    state, run = marks
    says = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.suffix in {".html", ".md"} and draft_mark.SAID in p.read_text()}  # fmt: skip
    marked = {"index.html", "summary.md", "html/06_target_accounts.html", "html/12b_after.html"}
    assert says == (marked if state == "draft" else set())
    links = re.findall(r'class="draft">.*?href="([^"]+)"', "".join((run / p).read_text() for p in sorted(says)))
    assert links == (["06_target_accounts.html"] * 2 + ["html/06_target_accounts.html"]) * (state == "draft")


def test_each_list_after_a_draft_begins_with_the_mark_and_company_lists_are_named_for_it(marks):
    state, run = marks
    files = {p.name: p for p in (run / "lists").iterdir()}
    first = {name: pd.read_csv(files[name], encoding="utf-8-sig").columns[0] for name in LISTS & {*files}}
    after = "target_list" if state == "draft" else "account_id"
    has_list = state in {"draft", "agreed"}
    whole = {"06_target_accounts.csv": after} if has_list else {}
    assert first == {"05_call.csv": "account_id", "06_call.csv": after, "12b_call.csv": after} | whole
    companies = {*company_lists.NAMES} if has_list else set()
    assert {*files} - LISTS == {"DRAFT_" * (state == "draft") + name for name in companies}


def test_company_lists_of_a_run_heed_its_trial_and_begin_with_the_name_of_the_first_column(marks):
    state, run = marks
    if state != "agreed":
        return
    read = {name: pd.read_csv(run / "lists" / name) for name in company_lists.NAMES}
    assert (run / "lists" / "06_salesforce.csv").read_bytes().startswith(b"Id,")
    assert read["06_salesforce.csv"]["Id"].tolist() == ["acme", "beta"]
    assert read["06_salesforce.csv"]["ABM_Set_On__c"].tolist() == ["2026-06-30"] * 2
    assert read["06_ad_platforms.csv"]["companyname"].tolist() == ["Acme"]
    assert read["06_ad_platforms_exclude.csv"]["companyname"].tolist() == ["Beta", "Late"]


def test_a_zip_takes_company_lists_along_and_forgetting_deletes_the_one_that_holds_the_person(marks, tmp_path):
    state, run = marks
    if state != "agreed":
        return
    with zipfile.ZipFile(export.as_zip(run, tmp_path / "r.zip")) as packed:
        assert {f"{run.name}/lists/{name}" for name in company_lists.NAMES} <= {*packed.namelist()}
    assert ".csv" in forget.PAGES
    assert mentions.holds(run / "lists" / "06_hubspot.csv", mentions.Person("c9", frozenset({"Beta"})))
