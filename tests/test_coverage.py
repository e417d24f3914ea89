"""Coverage on a handful of contacts: density, roles, the list, reach, penetration, and what we know."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import coverage as c
from abmlib.tables import schema
from tests.conftest import as_read

TODAY = pd.Timestamp("2026-06-30")
ROLES = {"decision_maker": 1, "budget_holder": 1, "champion": 1, "end_user": 1}
LIST = pd.Index(["acme", "beta", "cold"])


def contacts(*rows: tuple) -> pd.DataFrame:
    """Contacts from (id, account, role) and the rest by name, with their states."""
    f = pd.DataFrame(
        [dict(zip(("contact_id", "account_id", "buying_role"), r[:3], strict=True)) | dict(*r[3:]) for r in rows]
    )
    f["created_at"] = pd.Timestamp("2026-01-01", tz="UTC")
    if "valid_to" in f:
        f["valid_to"] = pd.to_datetime(f["valid_to"], utc=True)
    return c.contact_states(as_read("contacts", f), TODAY)


@pytest.fixture
def people() -> pd.DataFrame:
    return contacts(
        ("c1", "acme", "decision_maker"),
        ("c2", "acme", "budget_holder"),
        ("c3", "acme", "champion"),
        ("c4", "acme", "champion"),  # a second champion: fills no other role
        ("c5", "acme", "end_user", {"valid_to": "2026-06-30T12:00Z"}),  # left today
        ("c6", "acme", "unknown"),  # no role
        ("c7", "beta", "decision_maker", {"email_bounced": True}),
        ("c8", "beta", "end_user", {"opted_out": True}),
        ("c9", "beta", "champion", {"valid_to": "2026-07-01T12:00Z"}),  # leaves tomorrow
        ("c10", None, "champion"),  # matched to no account
        ("c11", "gone", "champion"),  # account not asked for
    )


def touches(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["account_id", "contact_id", "direction", "rows"])


NONE = touches().astype({"rows": int})


def measures(rows: list[dict]) -> pd.DataFrame:
    """Rows of `measures` by definition, held against their spec."""
    f = pd.DataFrame(rows)
    schema.conform("measures", f.assign(as_of=TODAY))
    return f.set_index("definition_id")


# -- contacts ---------------------------------------------------------------------------------------------------------


def test_a_contact_is_reachable_unless_it_left_bounces_opted_out_or_has_no_account(people):
    got = people.set_index("contact_id")
    assert got.index[~got["reachable"]].tolist() == ["c5", "c7", "c8", "c10"]
    assert got.index[~got["role_known"]].tolist() == ["c6"]


def test_known_contacts_need_not_be_reachable_and_no_contact_is_zero(people):
    got = c.contact_density(people, LIST)
    assert got.loc["acme"].to_dict() == {"known": 5, "reachable": 5, "with_role": 4, "departed": 1}
    assert got.loc["beta"].to_dict() == {"known": 3, "reachable": 1, "with_role": 1, "departed": 0}
    assert got.loc["cold"].eq(0).all()
    rows = measures(c.density_rows(got))
    assert rows["value"].to_dict() == {
        "known_contacts_per_account": pytest.approx(8 / 3),
        "reachable_contacts_per_account": 2,
    }
    assert rows["n"].tolist() == [3, 3]
    assert (rows["low"] < rows["value"]).all()


def test_an_empty_list_has_no_density(people):
    rows = measures(c.density_rows(c.contact_density(people, LIST[:0])))
    assert rows["status"].tolist() == ["not_answerable"] * 2


def test_an_account_named_twice_is_refused(people):
    with pytest.raises(ValueError, match=r"accounts: 1 of \d ids repeat \(first: \['acme'\]\)"):
        c.contact_density(people, pd.Index(["acme", "acme"]))


# -- roles ------------------------------------------------------------------------------------------------------------


def test_three_of_four_roles_are_three_quarters_however_many_people_hold_one(people):
    got = c.role_coverage(people, LIST, ROLES)
    assert got["role_coverage"].tolist() == [0.75, 0.25, 0]
    assert got["missing_roles"].tolist()[0] == "end_user"
    assert got["missing_roles"].tolist()[2] == ";".join(ROLES)


def test_a_weighted_role_weighs(people):
    got = c.role_coverage(people, LIST, ROLES, {"decision_maker": 5, "budget_holder": 2, "champion": 2, "end_user": 1})
    assert got["role_coverage_weighted"].tolist() == pytest.approx([0.9, 0.2, 0])
    assert got["role_coverage"].tolist() == [0.75, 0.25, 0]


def test_completeness_counts_part_of_a_role_and_coverage_does_not(people):
    got = c.role_coverage(people, LIST, {"decision_maker": 3, "champion": 2}).loc["acme"]
    assert got["completeness"] == pytest.approx((1 / 3 + 1) / 2)  # as the vendor's table: one of three is 33 %
    assert got["role_coverage"] == 0.5
    assert got["roles_filled"] == 1


def test_more_reachable_people_never_lower_coverage(people):
    better = people.assign(reachable=True)
    assert (
        c.role_coverage(better, LIST, ROLES)["role_coverage"] >= c.role_coverage(people, LIST, ROLES)["role_coverage"]
    ).all()


@pytest.mark.parametrize("required", [{}, {"champion": 0}])
def test_roles_that_cannot_be_a_share_are_refused(people, required):
    with pytest.raises(ValueError, match="one person or more of each"):
        c.role_coverage(people, LIST, required)


def test_a_role_without_a_weight_is_refused(people):
    with pytest.raises(ValueError, match="weights must give each"):
        c.role_coverage(people, LIST, ROLES, {"champion": 1})


# -- the list ---------------------------------------------------------------------------------------------------------


def test_the_three_definitions_of_list_coverage_differ(people):
    left = contacts(
        ("x1", "acme", "champion"), ("x2", "beta", None), ("x3", "cold", "champion", {"valid_to": "2026-01-01"})
    )
    panel = touches(("cold", None, "inbound", 1), ("acme", None, "outbound", 0), (None, None, "inbound", 5))
    got = measures(c.list_coverage(left, panel, LIST))
    expected = {"list_with_contact": 2 / 3, "list_with_mapped_role": 1 / 3, "list_with_touch": 1 / 3}
    assert got["value"].to_dict() == pytest.approx(expected)
    assert got["n"].eq(3).all()
    assert measures(c.list_coverage(people, panel, LIST[:0]))["status"].eq("not_answerable").all()


def test_reach_is_outbound(people):
    panel = touches(("acme", "c1", "outbound", 2), ("beta", None, "inbound", 9), ("gone", None, "outbound", 1))
    got = c.reach(panel, LIST)
    assert (got["value"], got["n"]) == (pytest.approx(1 / 3), 3)
    assert [got["low"], got["high"]] == pytest.approx([0.0615, 0.7923], abs=1e-4)  # Wilson
    assert c.reach(NONE, LIST)["value"] == 0


def test_penetration_of_the_list_counts_an_account_once():
    states = pd.DataFrame(
        [(True, True, True), (False, True, False), (False, False, False), (False, False, False)],
        columns=["engaged", "in_pipeline", "customer"],
    )
    assert c.penetration_of_list(states)["value"] == 0.5
    assert c.penetration_of_list(states.iloc[:0])["status"] == "not_answerable"


def test_penetration_of_a_committee_is_its_engaged_share_and_missing_without_one(people):
    panel = touches(("acme", "c1", "inbound", 3), ("acme", "c1", "inbound", 1), ("acme", "c6", "inbound", 1),
                    ("acme", "c5", "inbound", 1), ("beta", None, "inbound", 4))  # fmt: skip
    got = c.penetration_of_committees(people, panel, LIST)
    assert got["committee"].tolist() == [4, 3, 0]  # c5 left, c6 has no role; who bounces or opted out still decides
    assert got["penetration"].tolist() == pytest.approx([0.25, 0, np.nan], nan_ok=True)
    row = c.committee_row(got)
    assert (row["value"], row["n"]) == (0.125, 2)


# -- what we know -----------------------------------------------------------------------------------------------------


@pytest.fixture
def known() -> pd.DataFrame:
    return pd.DataFrame({"industry": ["it", "it", None], "employees": [10, None, 10]}, index=LIST)


def test_information_scope_multiplies_filled_fields_freshness_and_roles(known):
    got = c.information_scope(
        known, {"industry": 3, "employees": 1}, pd.Series({"acme": 180.0, "beta": 0.0}),
        pd.Series({"acme": 0.75, "beta": 1.0, "cold": 1.0}), 180,
    )  # fmt: skip
    assert got["filled"].tolist() == [1, 0.75, 0.25]
    assert got["freshness"].tolist() == [0.5, 1, 0]  # cold has no record
    assert got["information_scope"].tolist() == [0.375, 0.75, 0]


def test_fields_that_cannot_be_weighed_are_refused(known):
    for fields in ({}, {"revenue": 1.0}, {"industry": 0.0}):
        with pytest.raises(ValueError, match="cannot be weighed"):
            c.information_scope(known, fields, pd.Series(dtype=float), pd.Series(dtype=float))
    with pytest.raises(ValueError, match="fresh_days must be above 0"):
        c.information_scope(known, {"industry": 1}, pd.Series(dtype=float), pd.Series(dtype=float), 0)
