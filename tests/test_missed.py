"""What waits at the accounts of most worth, on touches, hand-overs and lines a person can follow."""

import numpy as np
import pandas as pd

from abmlib.method import missed
from abmlib.method.missed import HAND_OVER, KINDS, LINE, MOVE, TALK
from abmlib.pages import say_motions
from abmlib.tables import schema
from tests.conftest import as_read
from tests.test_pipeline import TODAY, day, deals

TOUCH = ["account_id", "occurred_at", "channel", "direction", "team"]
CALL = ("phone", "outbound", "sales")
FORM = ("web", "inbound", None)
A = pd.Index(["a"])


def touches(*rows: tuple) -> pd.DataFrame:
    """Touches from (account, day, channel, direction, team) and further columns as a dict."""
    f = pd.DataFrame([dict(zip(TOUCH, r, strict=False)) | (r[5] if len(r) > 5 else {}) for r in rows], columns=None)
    f = f.reindex(columns=[*TOUCH, "is_conversion", "page_class", "outcome", "is_bot", "activity_type", "campaign_id"])
    f["occurred_at"] = pd.to_datetime(f["occurred_at"], utc=True, format="ISO8601")
    f["activity_type"] = f["activity_type"].astype("str").fillna("touch")
    return as_read("activities", f.assign(activity_id=[f"t{i}" for i in range(len(f))]))


def sent(*rows: tuple) -> pd.DataFrame:
    f = pd.DataFrame(rows, columns=["account_id", "sent_at", "accepted_at"])
    for c in ("sent_at", "accepted_at"):
        f[c] = pd.to_datetime(f[c], utc=True)
    return as_read("hand_overs", f.assign(entered_at=f["sent_at"], entered_by="x"))


def space(*rows: tuple) -> pd.DataFrame:
    given = pd.DataFrame(rows, columns=["account_id", "product_line", "fits", "value"])
    return schema.empty("05_white_space").reindex(range(len(rows))).assign(**given)


def found(
    done: pd.DataFrame = None, handed: pd.DataFrame = None, lines: pd.DataFrame = None, open_at: tuple = (), accounts=A
) -> pd.DataFrame:
    given = [
        touches() if done is None else done,
        sent() if handed is None else handed,
        space() if lines is None else lines,
    ]
    some = deals(
        [(f"d{i}", None, 1, "2026-01-01") for i in range(len(open_at))] + [("e", False, 1, "2026-01-01", "2026-02-01")],
        account_id=[*open_at, "z"],
    )
    return missed.waiting(accounts, *given, some, TODAY, 14)


def kinds(rows: pd.DataFrame) -> list[str]:
    return rows["kind"].tolist()


CALLED = ("a", "2026-05-15", *CALL)  # within the days of a talk


def test_a_move_after_our_last_touch_waits_since_the_first_of_them():
    got = found(
        touches(
            CALLED,
            ("a", "2026-05-10", *FORM, {"is_conversion": True}),
            ("a", "2026-06-10", *FORM, {"page_class": "key"}),
            ("a", "2026-06-20", *FORM, {"is_conversion": True}),
        )
    )
    assert kinds(got) == [MOVE] and got["since"].tolist() == [day("2026-06-10")]
    assert got["what"].tolist() == ["read a key page, converted on the web site, not answered"]


def test_a_move_waits_until_one_of_us_answers_and_a_newsletter_is_no_answer():
    moved = ("a", "2026-06-10T10:00Z", *FORM, {"is_conversion": True})
    later = "2026-06-10T11:00Z"
    assert kinds(found(touches(CALLED, moved, ("a", later, "email", "outbound", "marketing")))) == [MOVE]
    assert kinds(found(touches(CALLED, moved, ("a", later, "email", "outbound", None, {"campaign_id": "k"})))) == [MOVE]
    assert kinds(found(touches(CALLED, moved, ("a", later, "meeting", "mutual", "sales", {"outcome": "no_show"})))) == [
        MOVE
    ]
    assert kinds(found(touches(CALLED, moved, ("a", later, "email", "outbound", "sales")))) == []
    assert kinds(found(touches(CALLED, moved, ("a", later, "email", "outbound", None)))) == []
    assert kinds(found(touches(CALLED, moved, ("a", later, "event", "mutual", "marketing")))) == []


def test_machines_other_pages_opened_mail_and_old_moves_ask_for_no_answer():
    mail = ("email", "inbound", None)
    quiet = [
        ("a", "2026-06-10", *FORM, {"is_conversion": True, "is_bot": True}), ("a", "2026-06-10", *FORM, {"page_class": "other"}),
        ("a", "2026-06-10", *mail, {"activity_type": "Email Opened"}), ("a", "2026-05-01", *FORM, {"is_conversion": True}),
        ("a", "2026-07-01", *FORM, {"is_conversion": True}),
    ]  # fmt: skip
    assert kinds(found(touches(CALLED, *quiet), open_at=("a",))) == []
    assert found(touches(CALLED, ("a", "2026-06-10", *mail, {"activity_type": "e-mail reply"})))["what"].tolist() == [
        "wrote to us, not answered"
    ]


def test_a_hand_over_waits_when_it_is_old_enough_and_the_newest_was_not_accepted():
    assert kinds(found(None, sent(("a", "2026-06-16", None)))) == [HAND_OVER]
    assert kinds(found(None, sent(("a", "2026-06-17", None)))) == []
    assert kinds(found(None, sent(("a", "2026-03-01", None), ("a", "2026-05-01", "2026-05-02")))) == []
    assert kinds(found(None, sent(("b", "2026-03-01", None)))) == []  # not one of the accounts looked at


def test_a_hand_over_followed_by_a_touch_of_ours_does_not_wait():
    handed = sent(("a", "2026-06-10", None))
    newsletter, theirs = ("a", "2026-06-11", "email", "outbound", "marketing"), ("a", "2026-06-11", "email", "inbound", None)  # fmt: skip
    for waits, later in ((False, ("a", "2026-06-11", *CALL)), (True, newsletter), (True, theirs), (True, ("b", "2026-06-11", *CALL)),
                         (True, ("a", "2026-07-01", *CALL))):  # fmt: skip
        got = kinds(found(touches(CALLED, later), handed))
        assert (HAND_OVER in got) == waits, later


def test_a_line_waits_where_no_deal_is_open_and_the_most_valuable_is_named():
    lines = space(("a", "L", True, 5.0), ("a", "M", True, 9.0), ("a", "N", False, 99.0))
    got = found(None, None, lines)
    assert (
        kinds(got) == [LINE]
        and got["what"].tolist() == ["M is worth an offer, no deal is open"]
        and got["since"].isna().all()
    )
    assert kinds(found(None, None, lines, open_at=("a",))) == []
    assert kinds(found(None, None, space(("a", "L", None, np.nan)))) == []


def test_a_talk_waits_after_90_days_where_no_deal_is_open():
    def called(when: str, *, open_at: tuple = ()) -> pd.DataFrame:
        return found(touches(("a", when, *CALL)), open_at=open_at)

    assert kinds(called("2026-04-01")) == [TALK] and called("2026-04-01")["since"].tolist() == [day("2026-04-01")]
    assert kinds(called("2026-04-02")) == [] and kinds(called("2026-04-01", open_at=("a",))) == []
    two = found(touches(CALLED), accounts=pd.Index(["a", "b"]))
    assert two[["account_id", "what"]].to_numpy().tolist() == [["b", "no talk with sales on record, no deal is open"]]


def test_where_touches_are_hardly_logged_silence_is_not_told():
    three = pd.Index(["a", "b", "c"])
    lacks = missed.lacking(three, touches(CALLED), sent(), space())
    assert all(lacks[kind] for kind in KINDS) and found(touches(CALLED), accounts=three).empty
    rows = pd.DataFrame(missed.waiting_rows(found(), lacks, 3)).assign(as_of=TODAY)
    assert schema.conform("measures", rows)["status"].eq("not_answerable").all()


def test_one_row_per_account_the_most_worth_first_with_what_waits_longest():
    handed = sent(("a", "2026-06-10", None), ("b", "2026-06-01", None))
    rows = found(
        touches(("a", "2026-03-02", *CALL), ("b", "2026-05-31", *CALL)), handed, accounts=pd.Index(["a", "b", "c"])
    )
    got = missed.by_account(rows, pd.Series({"a": 5.0, "b": 9.0, "c": 1.0}), TODAY)
    assert got["account_id"].tolist() == ["b", "a", "c"] and got["things"].tolist() == [1, 2, 1]
    assert got["days_waiting"].fillna(-1).tolist() == [29, 120, -1]
    assert (
        got["what_waits"].iloc[1]
        == "handed over to sales, not accepted and not touched since (since 2026-06-10); no talk with sales, no deal is open (since 2026-03-02)"
    )


def test_the_sentence_counts_what_waits_and_says_what_could_not_be_looked_for():
    handed = sent(("a", "2026-06-10", None), ("b", "2026-06-01", None))
    worth, names = pd.Series({"a": 8.0, "b": 1.0, "c": 1.0}), {"a": "Acme", "b": "Bolt"}
    lacks = missed.lacking(worth.index, touches(), handed, space())
    rows = found(None, handed, accounts=worth.index)
    count = rows["kind"].value_counts()
    one, then, blind = say_motions.waiting(missed.by_account(rows, worth, TODAY), count, lacks, worth, names, "EUR")
    assert (
        one.startswith("Something waits at 2 of the 3 accounts of most worth: a hand-over not accepted at 2.")
        and "not what was lost" in one
    )
    assert (
        then
        == "First: Acme, handed over to sales, not accepted and not touched since (since 2026-06-10). Longest: Bolt, 29 days."
    )
    assert blind.startswith("Not looked for: a move not answered (the data lack")
    none = missed.lacking(worth.index, touches(), sent(), space())
    assert say_motions.waiting(missed.by_account(found(), worth, TODAY), {}, none, worth, names, "EUR")[:2] == ("", "")
    calm = missed.by_account(rows.iloc[:0], worth, TODAY)
    assert (
        say_motions.waiting(calm, {}, lacks, worth, names, "EUR")[0] == "Nothing waits at the 3 accounts of most worth."
    )
