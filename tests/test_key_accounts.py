"""The page of 03: what it says of the gate, what it calls a draft, and which money its decisions move."""

import re

import nbformat
import pandas as pd
import pytest

from abmlib.pages import say_key_accounts
from tests import twins_in_process
from tests.conftest import SAMPLE, put

DAY = "2026-06-30"
SIGNED = """criterion_id,name,weight,direction,sign_off_team,signed_at,entered_at,entered_by,supersedes
c1,size,1,higher,joint,2026-01-01T09:00:00Z,2026-01-01T09:00:00Z,lead,
"""
VOTES = """account_id,voter_team,round,vote,comment,entered_at,entered_by,supersedes
acme,sales,1,in,,2026-02-01T09:00:00Z,lead,
acme,marketing,1,{},,2026-02-01T09:00:00Z,lead,
beta,sales,1,in,,2026-02-01T09:00:00Z,lead,
beta,marketing,1,in,,2026-02-01T09:00:00Z,lead,
"""


@pytest.fixture(scope="module")
def sample(sample_report):
    """The page on the sample, its decisions and its measures."""
    node = nbformat.read(sample_report / "notebooks" / "03_key_accounts.ipynb", as_version=4)
    tables = (pd.read_parquet(sample_report / "tables" / f"03_{name}.parquet") for name in ("decisions", "measures"))
    return twins_in_process.Ran(node, "done", ""), *tables


@pytest.fixture
def run(tmp_path):
    """Run the page on lines of accounts; give what it shows and its decisions."""

    def run(rows, paid_until=None, **given):
        lines = pd.DataFrame(rows, columns=["account_id", "booked_at", "revenue", "cogs"])
        lines = lines.assign(period_end=paid_until, transaction_id=range(len(lines)), product_id="p", kind="purchase")
        ids = pd.DataFrame({"account_id": lines["account_id"].unique(), "created_at": "2023-01-01T00:00:00Z"})
        tables = {"accounts": ids.assign(name=ids["account_id"]), "transactions": lines}
        data = put(tmp_path / "data", **{n: t.to_csv(index=False) for n, t in tables.items()})
        text = twins_in_process.run(data, DAY, tmp_path / "t", ["03"], **given)["03"].text
        return text, pd.read_parquet(tmp_path / "t" / "03_decisions.parquet")

    return run


def test_the_money_of_accounts_held_back_is_the_share_that_large_ones_lost_and_never_their_whole_year(run):
    rows = [("first", "2024-07-01", 0, 0)]
    for i in range(70):  # alike in the year before; then every other one brings half, the others as much as before
        rows += [(f"a{i:02}", f"2024-{m:02}-01", 100, 50) for m in (8, 10, 12)]
        rows += [(f"a{i:02}", f"2025-{m:02}-01", *((50, 25) if i % 2 else (100, 50))) for m in (8, 10, 12)]
    text, decisions = run(rows, capacity=60)
    held = decisions[decisions["slug"] == "review_held_back"]
    lost = (28 * 75) / (56 * 150)  # of the 56 in class A half lost a half
    assert held["account_id"].str[1:].astype(int).mod(2).eq(1).all()
    assert len(held) == 14  # 35 of 150 and 14 of 75 reach four fifths of the margin
    assert held["moves"].to_numpy() == pytest.approx(75 * lost)
    assert ((held["moves_low"] < held["moves"]) & (held["moves"] < held["moves_high"])).all()
    basis = "margin that such accounts lose in a year on average (margin of the last 12 months × 25.0%, which 56 class A accounts lost"
    assert held["basis"].str.startswith(basis).all() and basis in text


def test_no_money_stands_where_too_few_large_accounts_say_how_much_may_be_lost(sample):
    assert len(sample[1]) and sample[1]["moves"].isna().all()  # 40 in class A of the earlier year


def test_with_one_quarter_nothing_could_be_chosen_before_it_so_the_choice_is_not_tested(run):
    text, _ = run([(a, f"2026-{m:02}-01", 100, 50) for a in "abc" for m in (4, 5, 6)])
    assert "neither it nor a simple list could choose an account on the history of 2025: too little history" in text
    assert "the same accounts" not in text and "simple lists\n" not in text and "Not chosen, but class A" not in text


def test_a_book_of_one_account_is_too_early_for_the_test_and_its_name_keeps_its_full_stop(run):
    text, _ = run(
        [("Bolt Sp. z o.o.", f"2025-{m:02}-01", 100, 50) for m in (7, 12)]
        + [("Bolt Sp. z o.o.", "2026-05-01", 100, 50)],
        min_buying_days=3,
    )
    assert "1 of 1 valuable account qualifies for key status" in text
    assert "; one account, Bolt Sp. z o.o., brings 100.0% of it all." in text
    assert "it is too early to say whether it or the best simple list (largest by revenue) chose better" in text
    assert (
        "Margin is known for the one account." in text
        and "no interval" not in text
        and "0 accounts without" not in text
    )


def test_where_every_amount_is_zero_nobody_gets_key_status_and_no_cost_is_missing(run):
    text, decisions = run([(a, f"{y}-{m:02}-01", 0, 0) for a in "abc" for y in (2024, 2025) for m in (3, 9, 12)])
    assert "No account has net revenue above zero (1 July 2025 to 30 June 2026), so none can get key status." in text
    assert "0 of 0" not in text and "unknown (n = 0)" not in text and "with the largest accounts" not in text
    assert "for lack of a total margin above zero" in text and "cogs" not in text
    assert decisions.empty


@pytest.mark.parametrize(
    ("chosen", "revenue", "said"),
    [
        (
            [True, False],
            [60, 40],
            "1 of 2 valuable accounts qualifies for key status within capacity, with 60 EUR (60.0%)",
        ),
        ([True, True], [60, 40], "2 of 2 valuable accounts qualify"),
        ([False, False], [60, 40], "0 of 2 valuable accounts qualify"),
        ([False, False], [60, -70], "The accounts together have no net revenue above zero (May), so none can"),
    ],
)
def test_the_number_of_key_accounts_agrees_with_its_verb(chosen, revenue, said):
    money = pd.Series(revenue)
    valuable = 2 if money.sum() > 0 else 0
    assert say_key_accounts.key_accounts(pd.Series(chosen), money, valuable, "May", "acme", "EUR").startswith(said)


def test_key_status_moves_no_money_that_anybody_measured(sample):
    chosen = sample[1][sample[1]["slug"] == "give_key_status"]
    assert len(chosen) == 25
    assert chosen["moves"].isna().all()


def test_each_account_of_a_decision_has_its_owner_its_reason_and_a_day(sample):
    owner = pd.read_csv(SAMPLE / "accounts.csv").set_index("account_id")["owner_id"]
    rows = sample[1]
    assert (rows["kind"] == "sell").all()
    assert rows["owner"].tolist() == owner[rows["account_id"]].tolist()
    assert rows[["reason", "due"]].notna().all(axis=None)
    assert (rows["due"] > pd.Timestamp(DAY)).all()


def test_a_gate_no_part_of_which_can_be_judged_is_called_not_tested(sample):
    ran, decisions, measures = sample
    assert "The gate is not tested: no part of it can be judged" in ran.text
    assert "revenue history, relationship, profitability, viability" in ran.text
    assert "a signal." not in ran.text
    held_back = decisions.loc[decisions["slug"] == "review_held_back", "would_change"].iloc[0]
    assert (
        "a test on the past, not possible yet for revenue history, relationship, viability" in held_back
    )  # that exclude one
    tested = measures[measures["measure_id"] == "S0-16"]
    assert len(tested) == 5 and set(tested["status"]) == {"too_early"}


def test_value_is_that_of_the_last_twelve_months(sample):
    lines = pd.read_csv(SAMPLE / "transactions.csv")
    recent = lines.loc[lines["booked_at"].between("2025-07-01", "2026-06-30"), "revenue"].sum()
    total = sample[2].set_index("definition_id").loc["total_revenue"]
    assert total["value"] == pytest.approx(recent)
    assert [str(total[c].date()) for c in ("window_start", "window_end")] == ["2025-07-01", DAY]


@pytest.mark.parametrize(
    ("programme", "draft"),
    [
        pytest.param(
            {},
            "DRAFT means that sales and marketing have not agreed criteria and list: correct it",  # nothing is entered
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"criteria": SIGNED},
            "have not agreed criteria and list (both teams voted on none of 1 account): correct it",
            marks=pytest.mark.slow,
        ),
        (
            {"criteria": SIGNED, "list_votes": VOTES.format("out")},
            "list (no account is wanted by both teams):",  # of those chosen: that both want beta agrees nothing
        ),
        ({"criteria": SIGNED, "list_votes": VOTES.format("in")}, ""),
    ],
)
def test_the_list_is_a_draft_until_sales_and_marketing_agree(small, tmp_path, programme, draft):
    put(small / "programme", **programme)
    ran = twins_in_process.run(small, DAY, tmp_path / "t", ["03"], min_buying_days=1, max_decline=1.0)["03"]
    decisions = pd.read_parquet(tmp_path / "t" / "03_decisions.parquet").set_index("slug")
    assert draft in ran.text
    assert ("DRAFT" in ran.text) == ("tell no customer" in ran.text) == bool(draft)
    given = decisions.loc[["give_key_status"]]
    assert given["text"].str.startswith("DRAFT: Correct the list of key accounts").all() == bool(draft)
    assert (
        given["due"].eq(pd.Timestamp("2026-07-14" if draft else "2026-09-29")).all()
    )  # a draft: when criteria are due


def test_the_second_sponsor_of_the_largest_account_has_a_reason_from_the_contacts_and_no_money(sample):
    row = sample[1].set_index("slug").loc["name_second_sponsor"]
    people = pd.read_csv(SAMPLE / "contacts.csv")
    deciders = people[
        (people["account_id"] == row["account_id"])
        & people["buying_role"].isin(["decision_maker", "budget_holder", "executive_sponsor"])
    ]
    left = deciders["valid_to"].notna().sum()
    assert len(deciders) - left < 2
    assert row["reason"].startswith(f"{len(deciders) - left} of {len(deciders)} known ")
    assert f"{left} left" in row["reason"] and "of the net revenue" in row["reason"]
    assert pd.isna(row["moves"])


def test_each_chosen_account_stands_once_on_the_page_with_rank_revenue_and_margin(sample):
    ran, decisions, _ = sample
    chosen = decisions[decisions["slug"] == "give_key_status"]
    lines = pd.read_csv(SAMPLE / "transactions.csv")
    year = lines[lines["booked_at"].between("2025-07-01", "2026-06-30")]
    revenue = year.groupby("account_id")["revenue"].sum()
    for row in chosen.itertuples():
        money = rf"revenue {revenue[row.account_id]:,.0f} EUR, margin [\d,]+ EUR \(1 July 2025 to 30 June 2026\); number \d+ by margin; "
        assert re.match(money, row.reason)
    page = str([o for c in ran.node.cells for o in c.get("outputs", [])])
    assert page.count("number 1 by margin") == 1


def test_former_top_accounts_that_stopped_buying_are_named_with_last_years_revenue_and_no_money(run):
    rows = [(a, f"2024-{m:02}-01", 100, 50) for a in ("kept", "gone", "silent") for m in (7, 10, 12)]
    rows += [("tiny", "2024-08-01", 1, 0), ("kept", "2025-08-01", 100, 50), ("gone", "2025-08-01", -20, 0)]
    text, decisions = run(rows)
    assert "DRAFT means that sales and marketing have not agreed criteria and list: correct it" in text
    asked = decisions.set_index("slug").loc[["ask_lost_top_accounts"]]
    assert asked["account_id"].tolist() == ["gone", "silent"]  # a return is no purchase
    assert (
        asked["reason"]
        .eq(
            "300 currency not named net revenue of 1 July 2024 to 30 June 2025, none since; last purchase 1 December 2024"
        )
        .all()
    )
    assert asked["moves"].isna().all() and asked["due"].eq(pd.Timestamp("2026-07-14")).all()


def test_a_former_top_account_whose_subscription_is_paid_for_has_not_stopped_buying(run):
    rows = [(a, f"2024-{m}-01", 100, 50) for a in ("plan", "gone") for m in ("08", "09")]
    rows.append(("kept", "2025-08-01", 100, 50))
    _, asked = run(rows, paid_until=["2026-12-31"] * 2 + [None] * 3)
    assert asked.loc[asked["slug"].eq("ask_lost_top_accounts"), "account_id"].tolist() == ["gone"]


def test_a_difference_whose_interval_holds_zero_is_no_proof_that_there_is_none():
    lists = pd.DataFrame({"choice": ["gate", "a", "b"], "brought": [6.8e6, 12.9e6, 1e6]})
    rival = pd.Series({
        "choice": "a", "judged_on": "margin", "brought": 12.9e6, "gate_less_list": -6.1e6, "low": -25.2e6, "high": 12.9e6, "on_one_list": 8,
    })  # fmt: skip
    got = say_key_accounts.gate_or_plain("cannot tell", lists, rival, "May", "EUR", 0.95, 0, "margin")
    assert got.startswith("The gate, four questions on ") and "holds back no account that the rank by margin" in got
    assert "; a test on the past cannot tell whether it or the best simple list (a) chooses better: " in got
    assert (
        "the gate's accounts brought 6.1 M EUR less margin (95% interval -25.2 M EUR to 12.9 M EUR for 2 lists" in got
    )
    assert "n = 8 accounts on only one of the two" in got
    assert "no difference" not in got


@pytest.mark.parametrize(
    ("known", "departed", "reachable", "said"),
    [
        (None, None, None, "25.0% of the net revenue of May; the data do not say who decides there"),
        (0, 0, 0, "nobody who decides there is known; 25.0% of the net revenue of May"),
        (1, 1, 0, "0 of 1 known person who decides can be reached, 1 left; 25.0% of the net revenue of May"),
        (3, 0, 1, "1 of 3 known people who decide can be reached; 25.0% of the net revenue of May"),
    ],
)
def test_the_reason_for_a_second_sponsor_counts_the_people_known(known, departed, reachable, said):
    people = pd.Series([known, departed, reachable], ["known", "departed", "reachable"], dtype="Int64")
    assert say_key_accounts.few_sponsors(people, 0.25, "May") == said


def test_the_lists_below_the_grid_are_the_cells_that_leave_and_enter_class_a(sample):
    shown = [str(o["data"]["text/plain"]) for c in sample[0].node.cells for o in c.get("outputs", []) if "data" in o]
    (left,), (entered,) = (
        [t for t in shown if re.match(rf"\d+ accounts? {verb} class A\n", t)] for verb in ("left", "entered")
    )
    lines = pd.read_csv(SAMPLE / "transactions.csv")
    by = [
        lines[lines["booked_at"].between(*days)].groupby("account_id")["revenue"].sum().sort_values(ascending=False)
        for days in (("2024-07-01", "2025-06-30"), ("2025-07-01", "2026-06-30"))
    ]
    was, now = ({a for a, before in (r.cumsum() - r).items() if before < 0.8 * r.sum()} for r in by)
    names = pd.read_csv(SAMPLE / "accounts.csv").set_index("account_id")["name"]
    assert left.startswith(f"{len(was - now)} ") and all(name in left for name in names[list(was - now)])
    assert entered.startswith(f"{len(now - was)} ") and all(name in entered for name in names[list(now - was)])


@pytest.mark.parametrize(
    ("kept", "n", "said"),
    [(3, 4, "3 of 4 class A accounts of May stayed in class A: 75.0% (95% interval 30.1% to 95.4%, n = 4)"),
     (0, 0, "No account was in class A in May, so nobody knows how many stay on top")],
)  # fmt: skip
def test_a_class_that_nobody_was_in_has_no_share_that_stayed(kept, n, said):
    assert str(say_key_accounts.stayed(kept, kept / max(n, 1), 0.301, 0.954, n, 0.95, "May")) == said


def test_findings_about_nothing_are_not_said():
    none = pd.DataFrame({"revenue": [], "margin": []})
    risk = pd.DataFrame({"accounts": [], "share": []})
    said = [
        say_key_accounts.beyond_capacity(5, 0), say_key_accounts.excluded(0, 0, 0, "margin"),
        say_key_accounts.depends(risk),
        say_key_accounts.small_margin(none, 5, known=False, currency="EUR"),
    ]  # fmt: skip
    assert not any(s.lines for s in said)
    assert str(say_key_accounts.excluded(0, 3, 0, "margin")) == "The gate excludes none of 3 valuable accounts"


def test_a_curve_is_explained_only_where_it_is_above_the_scale():
    flat, above = (pd.DataFrame({"value_share": [0.0, top, 1.0]}) for top in (1.0, 1.2))
    assert say_key_accounts.above_scale([flat]) == ""
    assert say_key_accounts.above_scale([flat, above]).startswith("A curve above 100%")


def test_the_title_of_the_gate_names_the_parts_that_exclude_most():
    failed = pd.Series({"revenue_history": 3, "relationship": 2, "profitability": 3})
    said = say_key_accounts.failed_most(failed, 9)
    assert said == "Accounts fail most often on revenue history and profitability: 3 of 9 valuable accounts each"
    none = say_key_accounts.failed_most(failed * 0, 9)
    assert none == "No part of the gate excludes any of 9 valuable accounts"


def test_the_title_of_the_test_on_the_past_counts_signals_among_the_parts_tested():
    verdicts = pd.Series(["signal", "no signal", "too early to judge"])
    assert say_key_accounts.parts_that_tell(verdicts).startswith("1 of 2 tested parts of the gate foretold")
    assert say_key_accounts.parts_that_tell(verdicts.iloc[2:]).startswith("Too early to judge")
