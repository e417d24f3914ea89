"""Bounds between the cycles that the data propose: they follow the business, and split nothing that is one."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import cycle, cycle_bounds
from abmlib.method.cycle_rules import CYCLES, Rules
from tests.test_cycle import GIVEN, RULES, changed, deal, seen

TYPICAL = {"plant": (400_000.0, 300), "tools": (60_000.0, 100), "pens": (3_000.0, 20)}  # money and days of a deal


def business(*lines: str, money: float = 1.0, days: float = 1.0, accounts: int = 24) -> list[dict]:
    """Two deals of each account in each line; accounts of a line differ."""
    random, rows = np.random.default_rng(5), []
    for line in lines:
        value, took = TYPICAL[line.split()[0]]
        for a, (size, pace) in enumerate(np.exp(0.7 * random.standard_normal((accounts, 2)))):
            rows += [
                deal(
                    f"{line}{a}{i}", f"{line}{a}", max(round(days * took * pace**0.3), 1), money * value * size, product_line=line
                )
                for i in range(2)
            ]  # fmt: skip
    return rows


def placed(rows: list[dict], rules: Rules = RULES) -> tuple[pd.Series, pd.DataFrame]:
    """Cycle of each line and account under the bounds in force, and the proposals."""
    found = seen(deals=rows)
    proposed = cycle_bounds.proposals(found, rules)
    got = cycle.assign_cycles(cycle.score_evidence(found, cycle_bounds.in_force(rules, proposed)))
    return got.fillna({"account_id": ""}).set_index(["product_line", "account_id"])["cycle"], proposed.set_index(
        "evidence"
    )


@pytest.mark.parametrize(("money", "days"), [(1, 1), (3, 1), (0.2, 1), (1, 2), (10, 0.5)])
def test_a_vendor_of_other_prices_or_pace_has_the_same_cycles(money, days):
    got, proposed = placed(business(*TYPICAL, money=money, days=days))
    assert got.xs("", level="account_id").to_dict() == dict(zip(TYPICAL, CYCLES, strict=True))
    assert (
        proposed.loc["deal_value", "bounds"] == "proposed" and proposed.loc["buyers", "bounds"] == cycle_bounds.ABSENT
    )
    assert 60_000 * money < proposed.loc["deal_value", "proposed_early"] < 400_000 * money
    assert 20 * days < proposed.loc["cycle_days", "proposed_mid"] < 100 * days


def test_the_bounds_of_the_package_misplace_such_a_vendor():
    found = seen(deals=business(*TYPICAL, money=10))
    by_file = cycle.assign_cycles(cycle.score_evidence(found, RULES))
    got = cycle.assign_cycles(
        cycle.score_evidence(found, cycle_bounds.in_force(RULES, cycle_bounds.proposals(found, RULES)))
    )
    differ, placings = cycle_bounds.moved(got, by_file)
    assert placings == 72 and differ > 20


def test_a_line_by_itself_or_cut_in_two_by_chance_has_no_break_and_keeps_the_bounds_of_the_file():
    for lines in (["pens"], ["pens one", "pens two"]):
        got, proposed = placed(business(*lines))
        assert set(proposed["bounds"]) == {cycle_bounds.NO_BREAK} and proposed["proposed_early"].isna().all()
        assert set(got) == {"full"}


def test_six_lines_of_three_kinds_are_three_groups():
    names = [f"{kind} {n}" for kind in TYPICAL for n in (1, 2)]
    groups = cycle_bounds.line_groups(seen(deals=business(*names)), RULES)
    assert [groups[n] for n in names] == ["early", "early", "mid", "mid", "full", "full"]


def test_which_cycles_two_groups_are_the_file_says_and_the_bound_between_them_is_of_the_data():
    for lines, cycles in ((("plant", "tools"), ("early", "mid")), (("plant", "pens"), ("early", "full"))):
        got, proposed = placed(business(*lines))
        assert got.xs("", level="account_id")[list(lines)].tolist() == list(cycles)
        assert proposed.loc["deal_value", "bounds"] == "proposed"
    _, proposed = placed(business("tools", "pens", money=100))  # by the file both lines are early
    assert set(proposed["bounds"]) == {cycle_bounds.NO_BREAK}


def test_lines_that_differ_in_price_alone_are_bought_in_one_way():
    rows = [
        row | {"amount": row["amount"] * times}
        for line, times in (("pens a", 1), ("pens b", 40))
        for row in business(line)
    ]
    _, proposed = placed(rows)
    assert set(proposed["bounds"]) == {cycle_bounds.NO_BREAK}


def test_few_accounts_of_a_line_propose_nothing():
    assert cycle_bounds.line_groups(seen(deals=business(*TYPICAL, accounts=19)), RULES).empty
    assert cycle_bounds.proposals(seen(), RULES)["bounds"].eq(cycle_bounds.NO_BREAK).all()


@pytest.mark.parametrize(
    ("lines", "why"), [([], cycle_bounds.ABSENT), (["plant"], cycle_bounds.FEW), ([*TYPICAL], cycle_bounds.ALIKE)]
)
def test_evidence_that_does_not_count_says_whether_it_is_absent_too_rare_or_alike(lines, why):
    deals = business(*TYPICAL)
    links = [
        {"opportunity_id": d["opportunity_id"], "contact_id": f"{d['account_id']}{n}", "role": "end_user"}
        for d in deals if d["product_line"] in lines for n in range(2)
    ]  # fmt: skip
    people = [{"contact_id": row["contact_id"], "account_id": row["contact_id"][:-1]} for row in links]
    found = seen(deals=deals, links=links, contacts=pd.DataFrame(people).drop_duplicates().to_dict("records"))
    proposed = cycle_bounds.proposals(found, RULES)
    assert proposed.set_index("evidence").loc["buyers", "bounds"] == why
    assert cycle_bounds.in_force(RULES, proposed).evidence["buyers"].weight == 0


def test_bounds_a_person_confirmed_stand_before_the_data():
    rules = Rules.checked(changed("evidence.deal_value.confirmed", value=True))
    found = seen(deals=business(*TYPICAL, money=3))
    proposed = cycle_bounds.proposals(found, rules)
    of_value = cycle_bounds.in_force(rules, proposed).evidence["deal_value"]
    assert of_value.early == GIVEN["evidence"]["deal_value"]["early"] and of_value.weight == 3
    assert proposed.set_index("evidence").loc["deal_value", ["bounds", "proposed_early"]].notna().all()


def test_an_account_that_buys_a_line_in_another_cycle_is_found_and_moves_no_other():
    rows = business(*TYPICAL)
    odd = [deal(f"x{i}", "odd", 280, 500_000.0, product_line="pens") for i in range(3)]
    got, _ = placed(rows + odd)
    assert got["pens", "odd"] == "early"
    assert got.drop([("pens", "odd")]).equals(placed(rows)[0])
