"""Who can be reached, and in which roles, on a handful of contacts."""

import pandas as pd
import pytest

from abmlib.method import coverage as c
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


# -- contacts ---------------------------------------------------------------------------------------------------------


def test_a_contact_is_reachable_unless_it_left_bounces_opted_out_or_has_no_account(people):
    got = people.set_index("contact_id")
    assert got.index[~got["reachable"]].tolist() == ["c5", "c7", "c8", "c10"]
    assert got.index[~got["role_known"]].tolist() == ["c6"]


def test_an_account_named_twice_is_refused(people):
    with pytest.raises(ValueError, match=r"accounts: 1 of \d ids repeat \(first: \['acme'\]\)"):
        c.role_coverage(people, pd.Index(["acme", "acme"]), ROLES)


def test_who_decides_is_counted_and_unknown_where_no_role_is(people):
    more = [("c12", "acme", "executive_sponsor", {"valid_to": "2026-03-09T12:00Z"}), ("c13", "acme", "end_user")]
    got = c.deciders(pd.concat([people, contacts(*more)]), LIST)
    assert got.loc["acme"].to_dict() == {"known": 3, "departed": 1, "reachable": 2}
    assert got.loc["beta"].to_dict() == {"known": 1, "departed": 0, "reachable": 0}  # the address bounces
    assert got.loc["cold"].tolist() == [0, 0, 0]
    assert c.deciders(contacts(("c1", "acme", None)), LIST).isna().all(axis=None)


# -- roles ------------------------------------------------------------------------------------------------------------


def test_three_of_four_roles_are_three_quarters_however_many_people_hold_one(people):
    got = c.role_coverage(people, LIST, ROLES)
    assert got["role_coverage"].tolist() == [0.75, 0.25, 0]
    assert got["missing_roles"].tolist()[0] == "end_user"
    assert got["missing_roles"].tolist()[2] == ";".join(ROLES)


def test_a_role_that_needs_two_people_is_not_filled_by_one(people):
    got = c.role_coverage(people, LIST, {"decision_maker": 2, "champion": 2}).loc["acme"]
    assert (got["roles_filled"], got["role_coverage"], got["missing_roles"]) == (1, 0.5, "decision_maker")


def test_more_reachable_people_never_lower_coverage(people):
    better = people.assign(reachable=True)
    assert (
        c.role_coverage(better, LIST, ROLES)["role_coverage"] >= c.role_coverage(people, LIST, ROLES)["role_coverage"]
    ).all()


@pytest.mark.parametrize("required", [{}, {"champion": 0}])
def test_roles_that_cannot_be_a_share_are_refused(people, required):
    with pytest.raises(ValueError, match="one person or more of each"):
        c.role_coverage(people, LIST, required)
