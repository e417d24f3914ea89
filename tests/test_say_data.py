"""Sentences of the page on account data, from small tables."""

import pandas as pd
import pytest

from abmlib.pages import say_data, say_funnel

VERDICTS = ["usable", "stale", "thin", "no record"]


def counts(**rows: list[int]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index", columns=VERDICTS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (counts(customer=[3, 0, 0, 0], prospect=[1, 0, 1, 0]),
         "We can judge all 3 customers and 1 of 2 prospects; the others have fewer than 2 records, or none of the last 90 days."),
        (counts(customer=[3, 0, 0, 0], former=[8, 1, 0, 0]),
         "We can judge all 3 customers and 8 of 9 former customers; the others have fewer than 2 records, or none of the last 90 days."),
        (counts(former=[1, 0, 0, 0]), "We can judge 1 of 1 former customer."),
        (counts(customer=[0, 1, 1, 0]), "We can judge none of 2 customers: they have fewer than 2 records, or none of the last 90 days."),
    ],
)  # fmt: skip
def test_the_answer_counts_accounts_by_status_and_says_what_the_others_lack(given, said):
    assert say_data.can_judge(given, min_records=2, stale_days=90) == said


def test_accounts_with_too_little_data_are_counted_by_status_the_most_first():
    assert repr(say_data.too_little(counts(former=[1, 1, 0, 0], prospect=[1, 0, 1, 2]))) == (
        "4 of 6 accounts have too little data: 3 prospects and 1 former customer"
    )
    assert repr(say_data.too_little(counts(customer=[2, 0, 0, 0]))) == "We can judge all 2 accounts"


def matched(**rows: tuple[int, int]) -> pd.DataFrame:
    return pd.DataFrame([(name, *n) for name, n in rows.items()], columns=["definition_id", "rows", "n"])


def stages(known: float, deals: int) -> pd.DataFrame:
    return pd.DataFrame({"value": [known], "n": [deals]})


def test_what_limits_later_pages_is_said_with_its_counts_and_nothing_where_nothing_does():
    found = matched(
        unmatched_share_of_contacts=(2, 9), unmatched_share_of_opportunities=(0, 4), accounts_nearly_alike=(1, 7)
    )
    said = say_data.limits(3, 5, 0.5, found, stages(0.75, 4))
    assert said == (
        "This limits the later pages: 3 of 5 customers can be reached in less than 50% of the roles needed; "
        "2 of 9 contacts belong to no account; 1 of 7 accounts may be entered twice; 1 of 4 deals has no stage history."
    )
    assert say_data.limits(0, 5, 0.5, found.assign(rows=0), stages(1.0, 4)) == ""
    assert say_data.limits(0, 5, 0.5, found.assign(rows=0), stages(float("nan"), 0)) == ""  # no deal, so no gap
    assert "the deals have no stage history" in say_data.limits(0, 5, 0.5, found, stages(0.0, 4))
    assert repr(say_data.matching(found.assign(rows=0))) == "Every contact and deal belongs to an account"
    assert repr(say_data.matching(found.assign(rows=0, n=0))) == ""  # no such records: nothing can be said of them


def test_pages_that_cannot_be_made_are_counted_with_what_they_need_and_later_ones_are_not():
    rows = [
        ("no", "opportunities, account_tiers", "yes"),
        ("no", "opportunities", "yes"),
        ("in part", "", "yes"),
        ("no", "surveys", "later"),
    ]
    answers = pd.DataFrame(rows, columns=["answer", "needed", "built"])
    said = say_data.unanswered(answers)
    assert said == "2 of 3 pages cannot be made, as this data has no account tiers and opportunities."
    whole = say_data.limits(0, 5, 0.5, matched(), stages(1.0, 4), said)
    assert whole == f"This limits the later pages: {said}"
    assert say_data.unanswered(answers.iloc[2:]) == ""


@pytest.mark.parametrize(
    ("broken", "left_out", "newest", "said"),
    [
        (0, 0, "2026-06-30", "All 9 checks hold, no row is left out, and the newest record is of 30 June 2026."),
        (1, 2_000, "2026-06-03", "1 of 9 checks is broken, 2,000 rows of the export are left out, and the newest record is of "
         "3 June 2026 (27 days before this report)."),
        (2, 1, None, "2 of 9 checks are broken, 1 row of the export is left out, and no record is dated."),
    ],
)  # fmt: skip
def test_the_state_of_the_data_is_one_sentence(broken, left_out, newest, said):
    assert say_data.soundness(9, broken, left_out, pd.Timestamp(newest or pd.NaT), pd.Timestamp("2026-06-30")) == said


@pytest.mark.parametrize(
    ("days_old", "said"),
    [
        ([0, 40], "1 of 2 tables has no record of the last 31 days: b c (40 days old)"),
        ([0, 31], "Every table has a record of the last 31 days"),
        ([50, 40], "There is no record of the last 31 days: the newest is 40 days old"),
        ([2], "There are records of the last 31 days"),
        ([], ""),
    ],
)
def test_tables_without_a_recent_record_are_named(days_old, said):
    facts = pd.DataFrame({"table": ["a", "b_c"][: len(days_old)], "days_old": pd.Series(days_old, dtype="Int64")})
    assert repr(say_data.freshness(facts, 31)) == said


def test_fields_filled_least_data_of_nobody_and_what_stands_in_for_purchases_are_said():
    rows = [("industry", "customer", 0.5), ("industry", "prospect", 0.25), ("web visits", "customer", 0.0)]
    table = pd.DataFrame(rows, columns=["kind", "status", "share"])
    ids = ["cold_start_accounts", "cold_start_accounts_with_look_alikes", "line_foretold_by_alike", "line_foretold_by_all"]  # fmt: skip
    cold = pd.DataFrame({"definition_id": ids, "value": [0.5, 0.25, 0.6, 0.7], "n": [8, 4, 10, 10]})
    said = say_data.completeness(table, ["industry"], cold, pd.Series({"industry": 1, "employees": 0}))
    assert said.lines == [
        "Filled least: industry (prospects 25.0%, customers 50.0%)",
        "No account has web visits.",
        "4 accounts have never bought, so nothing of their own shows how they buy; "
        "for 1 of them five customers or more of their industry and size can show it: fill in industry of 1 to look for more.",
        "Tried on 10 customers: 60.0% bought the line that most customers like them buy, "
        "70.0% the line that most of all customers buy, so customers like them foretell no better.",
    ]
    whole = say_data.completeness(
        table.assign(share=1.0), ["industry"], cold.assign(n=[8, 0, 0, 0]), pd.Series(dtype=int)
    )
    assert repr(whole) == ""


def test_hours_go_first_where_more_of_the_money_than_of_the_hours_is_and_that_is_said():
    rows = [
        ("customer", "open deals, most in Offer", 0.2, 0.6, 1.0, 5, 1), ("customer", "no open deal", 0.7, 0.1, 0.0, 9, None),
        ("customer", "no open deal, quiet", 0.1, 0.3, 0.0, 4, 2),
    ]  # fmt: skip
    columns = ["status", "funnel_stage", "hours_share", "margin_share", "open_share", "accounts", "priority"]
    table = pd.DataFrame(rows, columns=columns)
    each = table.assign(name=["Acme", "Beta", "Cold"], open_amount=1.0).iloc[:1]
    assert say_funnel.funnel(table, each, table).lines == [
        "Hours first, where more of the money than of the hours is: customers with open deals, most in Offer, "
        "then customers without an open deal, quiet",
        "First stage: 20.0% of the hours of sales, 60.0% of the margin and 100.0% of the open amount (n = 5 accounts). "
        "Account by account, first Acme (20.0% of the hours of sales, 60.0% of the margin and 100.0% of the open amount). "
        "This is where the money is, not what a further hour would bring.",
    ]
    blind = say_funnel.funnel(table.assign(hours_share=float("nan")), each, table)
    assert blind.lines[0].startswith("Hours first, by the money alone, as no hours are noted: ")
    assert repr(say_funnel.funnel(table.assign(priority=None), each, table)) == ""
    alone = say_funnel.funnel(table, each, table.iloc[[2]])
    assert (
        " (n = 5 accounts). Without Acme, customers without an open deal, quiet come first. Account" in alone.lines[1]
    )


def test_the_source_that_is_silent_longest_and_the_field_unchanged_longest_are_said():
    rows = [("accounts", "crm", 30), ("intent_signals", "Acme", 2), ("wallet_estimates", "analyst", None)]
    systems = pd.DataFrame(rows, columns=["table", "source", "days_old"])
    fields = pd.DataFrame({"table": "accounts", "field": ["tech_stack", "employees"], "median_days": [900.0, 20.0]})
    assert say_data.sources(systems, fields).lines == [
        "3 sources describe accounts; silent longest: crm (accounts), its newest row is 30 days old",
        "Longest unchanged: technology used of accounts, 900 days in the median.",
    ]
    assert repr(say_data.sources(systems.iloc[2:], fields.iloc[:0])) == ""


def test_owners_whose_deals_stand_still_are_named_beside_the_newest_deal():
    sellers = pd.DataFrame({"owner_id": ["s1", "s2"], "open_deals": [3, 1], "silent": [True, False]})
    said = "1 of 2 sellers with open deals opened or closed none in 90 days, and hold 3 of 4 open deals: s1."
    assert say_data.silent_owners(sellers) == said and say_data.silent_owners(sellers.iloc[1:]) == ""


def test_what_a_crm_may_delete_is_said_before_what_it_keeps():
    held = ["lost deals, of those closed", "closed deals", "accounts merged into another"]
    assert repr(say_data.ended([], held)) == "The CRM keeps lost deals"
    assert (
        repr(say_data.ended(["people who left"], held))
        == "There are no people who left in this data: the CRM may delete them"
    )
    assert repr(say_data.ended([], held[1:])) == ""


def test_roles_are_said_of_whom_they_are_known():
    ids = ["role_coverage_of_customers_mean", "role_coverage_of_prospects_mean", "contacts_without_role"]
    rows = pd.DataFrame({"definition_id": ids, "value": [0.5, float("nan"), 0.2]})
    assert repr(say_data.roles(rows)) == "We can reach customers in 50.0% of the roles a play needs"
    assert repr(say_data.roles(rows.fillna(0.1))) == (
        "We can reach customers in 50.0% of the roles a play needs, prospects in 10.0%"
    )
    assert repr(say_data.roles(rows.assign(value=float("nan")))) == ""
    assert "so nobody can say" in repr(say_data.roles(rows.assign(value=[0.01, 0.01, 0.9])))


def test_a_title_names_the_role_reached_least():
    reached = pd.DataFrame({"role": ["champion", "end_user"], "status": ["customer", "prospect"], "share": [0.5, 0.25]})
    assert say_data.hardest_to_reach(reached) == "Hardest to reach: the end user, at 25.0% of prospects"


def test_an_order_about_silent_accounts_says_whether_they_are_former_customers():
    assert say_data.silent(["former", "former"]) == "Find out what happened to former customers without recent records"
    assert "to customers and former customers without" in say_data.silent(["former", "customer"])


def test_an_import_says_how_its_deals_ended_so_that_a_person_compares_it_with_the_crm():
    deals = pd.DataFrame({"is_closed": [True, True, False], "is_won": [True, False, None], "amount": [5.0, None, 7.0]})
    assert say_data.to_compare(deals, "EUR") == (
        "Deals: 1 won (5 EUR), 1 lost, 1 open (7 EUR). Compare these counts and sums with your CRM first."
    )
    assert say_data.to_compare(deals[["is_closed"]], "EUR").startswith("Deals: 1 open, 2 closed without a result.")
    assert say_data.to_compare(deals.iloc[:0], "EUR") == ""
