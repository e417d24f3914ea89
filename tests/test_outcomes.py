"""Questions of propensity: what counts as yes, of whom it is asked, and nothing dated by the day itself."""

import pandas as pd
import pytest

from abmlib.method import deals as dl
from abmlib.method import outcomes
from tests.conftest import as_read

DAY = pd.Timestamp("2025-06-30")
AS_OF = pd.Timestamp("2026-06-30")
IDS = pd.Index(["a", "b", "c", "d"])


def deals(*rows: tuple) -> pd.DataFrame:
    """Deals of account, type, created, closed, won."""
    frame = pd.DataFrame(rows, columns=["account_id", "type", "created_at", "closed_at", "is_won"])
    times = {c: pd.to_datetime(frame[c], utc=True) for c in ("created_at", "closed_at")}
    frame = frame.assign(
        **times, opportunity_id=[f"o{i}" for i in range(len(frame))], stage="x", is_closed=frame["closed_at"].notna()
    )
    return dl.with_days(as_read("opportunities", frame), AS_OF)


def lines(*rows: tuple) -> pd.DataFrame:
    """Lines bought of account, day, revenue, product line."""
    frame = pd.DataFrame(rows, columns=["account_id", "booked_at", "revenue", "product_line"])
    return frame.assign(booked_at=pd.to_datetime(frame["booked_at"]), period_end=pd.NaT)


def contracts(*rows: tuple) -> pd.DataFrame:
    """Contracts of account, start, end, renewed, entered on the day they start."""
    frame = pd.DataFrame(rows, columns=["account_id", "start", "end", "renewed"])
    frame = frame.assign(contract_id=[f"k{i}" for i in range(len(frame))], product_line="soft", arr=1.0, auto_renew=True, entered_by="x",
                         entered_at=pd.to_datetime(frame["start"], utc=True), start=pd.to_datetime(frame["start"]), end=pd.to_datetime(frame["end"]))  # fmt: skip
    return as_read("contracts", frame)


def asked(d: pd.DataFrame | None = None, x: pd.DataFrame | None = None, k: pd.DataFrame | None = None) -> dict:
    """Questions by name."""
    parts = (deals() if d is None else d, lines() if x is None else x, as_read("contracts") if k is None else k)
    return {q.name: q for q in outcomes.asked(*parts, 91, 0.2)}


def said(question: outcomes.Question) -> dict[str, float]:
    """Yes and no by account of which it is asked on the day."""
    return question.label(DAY, IDS).dropna().to_dict()


def test_opens_counts_from_the_day_after_to_the_last_day_of_the_horizon():
    d = deals(("a", "new", "2025-07-01", None, None), ("b", "new", "2025-09-29", None, None), ("c", "new", "2025-09-30", None, None),
              ("d", "renewal", "2025-07-10", None, None))  # fmt: skip
    assert said(asked(d)["opens"]) == {"a": 1, "b": 1, "c": 0, "d": 0}


def test_opens_is_not_asked_of_an_account_with_an_open_deal():
    d = deals(("a", "new", "2025-06-30", None, None), ("b", "new", "2025-05-01", "2025-07-01", True), ("c", "new", "2025-05-01", "2025-06-30", False),
              ("d", "new", "2025-08-01", None, None))  # fmt: skip
    assert said(asked(d)["opens"]) == {"c": 0, "d": 1}


def test_wins_counts_won_deals_by_their_closing_day():
    d = deals(
        ("a", "new", "2025-01-01", "2025-07-01", True),
        ("b", "new", "2025-01-01", "2025-07-01", False),
        ("c", "new", "2025-01-01", "2025-06-30", True),
    )
    assert said(asked(d)["wins"]) == {"a": 1, "b": 0, "c": 0, "d": 0}


def test_where_there_is_no_deal_a_purchase_counts():
    questions = asked(x=lines(("a", "2025-07-01", 10, "p"), ("b", "2025-07-01", -10, "p")))
    assert said(questions["buys"]) == {"a": 1, "b": 0, "c": 0, "d": 0}
    assert "opens" not in questions and "wins" not in questions


def test_growth_is_against_the_last_year_by_the_season_of_all_accounts():
    # of the year before, the coming 91 days had 300 of 1,200: a quarter. a is to bring more than 1.2 × 300, b more than 1.2 × 0
    old = [("d", "2022-12-01", 1, "p")]
    x = lines(*old, ("a", "2024-08-10", 300, "p"), ("a", "2025-05-10", 900, "p"), ("a", "2025-07-10", 361, "p"),
              ("b", "2024-01-10", 100, "p"), ("b", "2025-07-10", 120, "p"), ("c", "2025-05-10", 0, "p"))  # fmt: skip
    assert said(asked(x=x)["grows"]) == {"a": 1}  # b and c bought nothing in the last 12 months
    assert "season of all accounts" in asked(x=x)["grows"].counts
    less = x.assign(revenue=x["revenue"].replace(361, 359))
    assert said(asked(x=less)["grows"]) == {"a": 0}


def test_growth_is_against_the_days_just_before_where_history_is_short():
    x = lines(
        ("a", "2025-05-10", 100, "p"),
        ("a", "2025-07-10", 121, "p"),
        ("b", "2025-05-10", 100, "p"),
        ("c", "2025-01-10", 9, "p"),
    )
    assert said(asked(x=x)["grows"]) == {"a": 1, "b": 0}
    assert "just before" in asked(x=x)["grows"].counts


def test_another_line_is_asked_of_customers_that_lack_one():
    x = lines(("a", "2025-01-10", 9, "p"), ("a", "2025-07-10", 9, "q"), ("b", "2025-01-10", 9, "p"), ("b", "2025-07-10", 9, "p"),
              ("c", "2025-01-10", 9, "p"), ("c", "2025-02-10", 9, "q"), ("d", "2024-01-10", 9, "p"))  # fmt: skip
    assert said(asked(x=x)["adds_line"]) == {"a": 1, "b": 0}  # c has both, d bought nothing for a year


def test_stops_is_asked_of_customers_of_the_year_before():
    x = lines(("a", "2025-01-10", 9, "p"), ("b", "2025-01-10", 9, "p"), ("b", "2025-07-10", 9, "p"), ("c", "2024-06-30", 9, "p"), ("d", "2025-01-10", 9, "p"),
              ("d", "2025-07-10", -9, "p"))  # fmt: skip
    found = asked(x=x)["stops"]
    assert said(found) == {"a": 1, "b": 0, "d": 1}  # a return is no purchase
    assert found.is_loss


def test_stops_is_not_asked_of_who_has_paid_or_signed_beyond_the_horizon():
    x = lines(("a", "2025-01-10", 9, "p"), ("b", "2025-01-10", 9, "p"), ("c", "2025-01-10", 9, "p"))
    x["period_end"] = pd.to_datetime(["2026-01-09", "2025-07-09", None])
    k = contracts(("c", "2024-08-01", "2026-07-31", None))
    assert said(asked(x=x, k=k)["stops"]) == {"b": 1}


def test_a_contract_of_which_notice_was_given_is_not_asked_about(monkeypatch):
    monkeypatch.setattr(outcomes, "FEWEST_ENDED", 1)
    k = contracts(("a", "2024-08-01", "2025-07-31", False), ("b", "2024-08-01", "2025-07-31", False))
    k["notice_date"] = pd.to_datetime(["2025-06-30", "2025-07-01"])
    assert said(asked(k=k)["not_renewed"]) == {"b": 1}


def test_a_contract_that_ends_without_a_next_one_is_not_renewed(monkeypatch):
    monkeypatch.setattr(outcomes, "FEWEST_ENDED", 1)
    k = contracts(("a", "2024-08-01", "2025-07-31", False), ("b", "2024-08-01", "2025-07-31", True), ("c", "2024-08-01", "2025-07-31", None),
                  ("c", "2025-08-01", "2026-07-31", None), ("d", "2024-08-01", "2025-12-31", False))  # fmt: skip
    found = asked(k=k)["not_renewed"]
    assert said(found) == {"a": 1, "b": 0, "c": 0}  # c's next contract says so; d's ends later


def test_who_is_due_is_known_before_the_outcome_is(monkeypatch):
    monkeypatch.setattr(outcomes, "FEWEST_ENDED", 1)
    k = contracts(("a", "2024-08-01", "2025-07-31", None), ("b", "2023-08-01", "2024-07-31", False))
    found = asked(k=k)["not_renewed"]
    assert said(found) == {}
    assert found.eligible(DAY, IDS).tolist() == ["a"]


def test_renewal_is_asked_only_where_enough_contracts_have_ended():
    assert "not_renewed" not in asked(k=contracts(("a", "2024-08-01", "2025-07-31", False)))


@pytest.mark.parametrize(("late", "days"), [([0, 0, 0, 0], 0), ([0, 40, 40, 40], 40)])
def test_lateness_is_what_all_but_few_facts_take_to_be_learnt(late, days):
    when = pd.Series([DAY] * 4)
    assert outcomes.lateness_days((when, when + pd.to_timedelta(late, unit="D"))) == days
    assert outcomes.lateness_days((when, pd.Series([pd.NaT] * 4, dtype="datetime64[us]"))) == 0


def test_a_few_stray_days_do_not_begin_history():
    days = pd.Series(pd.to_datetime(["1990-01-01"] * 3 + ["2023-07-01"] * 97))
    assert outcomes.first_of(days) == pd.Timestamp("2023-07-01")
    assert outcomes.first_of(days.head(5)) == pd.Timestamp("1990-01-01")
    assert pd.isna(outcomes.first_of(days.iloc[:0]))


@pytest.mark.parametrize("horizon", [0, -5, 3_651])
def test_a_horizon_that_is_none_is_refused(horizon):
    with pytest.raises(ValueError, match="horizon_days must be 1 to 3,650"):
        outcomes.asked(deals(), lines(), as_read("contracts"), horizon, 0.2)
