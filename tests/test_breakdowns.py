"""Deals by source, campaign and seller; why they were lost; sellers against their targets; the one group that moves a headline."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import breakdowns, forecast, reasons, sellers
from abmlib.method import deals as dl
from abmlib.method.periods import Period
from abmlib.pages import say_results
from abmlib.stats import pooling
from abmlib.tables import Book, schema
from tests.conftest import SAMPLE
from tests.test_pipeline import TODAY, YEAR, day, deals, won_and_lost

CAMPAIGNS = pd.DataFrame({"campaign_id": ["k1", "k2", "k3"], "name": ["Fair", "Fair", "Web seminar"]})
NO_INDUSTRY = pd.Series(dtype="str")


def labelled(every: pd.DataFrame, campaigns: pd.DataFrame = CAMPAIGNS) -> pd.DataFrame:
    return breakdowns.labels(every, NO_INDUSTRY, campaigns)


def noted(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows held against the spec of `measures`."""
    return schema.conform("measures", rows.assign(as_of=TODAY))


# -- by source, campaign and seller -----------------------------------------------------------------------------------


def test_all_groups_split_the_same_deals_in_every_way_that_has_two_groups():
    closed = won_and_lost(
        (True, 1), (False, 1), (True, 1),
        account_id=["a", "b", None], type=["new", "renewal", "new"], product_line=["X", None, "X"], owner_id=["s", "s", None],
        lead_source=["Web", "Web", None], campaign_id=["k3", "k3", "k3"],
    )  # fmt: skip
    labels = breakdowns.labels(closed, pd.Series({"a": "Retail", "b": None}), CAMPAIGNS)
    got = breakdowns.all_groups(closed, labels)
    assert got.groupby("group_by", sort=False)["n"].sum().to_dict() == dict.fromkeys(
        ["type", "product line", "segment", "source", "owner"],  # one quarter, month and campaign: all together
        3,
    )
    assert got.loc[got["group_by"] == "segment", "group"].tolist() == ["unknown", "Retail"]


def test_a_campaign_goes_by_its_name_and_by_its_id_too_where_two_have_the_name():
    every = won_and_lost(*[(True, 1)] * 5, campaign_id=["k1", "k2", "k3", "gone", None])
    assert labelled(every)["campaign"].fillna("-").tolist() == ["Fair (k1)", "Fair (k2)", "Web seminar", "gone", "-"]


SOURCED = [
    ("a", True, 10, "2026-01-05", "2026-02-01"),
    ("b", True, 20, "2024-01-05", "2026-03-01"),  # opened before the window
    ("c", False, 40, "2026-01-05", "2026-02-01"),
    ("d", None, 5, "2026-06-01"),
    ("e", None, 7, "2026-06-02"),
]
SOURCES = ["Web", "Web", "Fair", None, "Fair"]


def test_deals_are_counted_where_they_were_opened_decided_and_are_open_by_source():
    every = deals(SOURCED, lead_source=SOURCES, account_id=list("vwxyz"))
    labels = labelled(every)
    groups = breakdowns.all_groups(dl.counted(every, YEAR), labels)
    got = breakdowns.by_ways(every, YEAR, labels, groups)
    columns = ["group", "opened", "created_value", "won", "won_value", "lost", "open", "open_value"]
    assert got.loc[got["group_by"] == "source", columns].values.tolist() == [
        ["Fair", 2, 47, 0, 0, 1, 1, 7],
        ["Web", 1, 10, 2, 30, 0, 0, 0],
        ["unknown", 1, 5, 0, 0, 0, 1, 5],
    ]
    raw = got[got["group_by"] == "source"].set_index("group")["raw"]
    assert raw.to_dict() == pytest.approx({"Fair": 0, "Web": 1, "unknown": np.nan}, nan_ok=True)
    months = got[got["group_by"] == "month"].set_index("group")
    assert months["opened"].to_dict() == {"2026-01": 2, "2026-02": 0, "2026-03": 0, "2026-06": 2}
    assert months["won_value"].to_dict() == {"2026-01": 0, "2026-02": 10, "2026-03": 20, "2026-06": 0}
    assert months["open"].isna().all()  # open deals have no month
    rows = noted(breakdowns.sum_rows(got, YEAR)).query("group_by == 'source' and group == 'Web'")
    by = rows.set_index("definition_id")
    assert by.loc[["deals_opened", "created_value", "deals_won", "won_value"], "value"].tolist() == [1, 10, 2, 30]
    assert by.loc["won_value", "n"] == 2
    assert by.loc["open_value", "window_start"] is pd.NaT


def test_what_no_deal_has_is_missing_and_not_0():
    every = deals(
        [("a", True, None, "2026-01-05", "2026-02-01"), ("b", True, None, "2026-01-05", "2026-02-01")],
        owner_id=["s", "t"],
    )
    got = breakdowns.by_ways(every, YEAR, labelled(every), breakdowns.all_groups(every, labelled(every)))
    got = got[got["group_by"] == "owner"]
    assert got[["won", "opened"]].eq(1).all(axis=None)
    assert got[["won_value", "created_value", "lost", "open", "open_value", "raw", "shrunk"]].isna().all(axis=None)


def test_a_book_without_ways_gives_no_group_and_no_row():
    every = deals([("a", True, 1, "2026-01-05", "2026-01-20")])
    got = breakdowns.by_ways(every, YEAR, labelled(every), breakdowns.all_groups(every, labelled(every)))
    assert got.empty
    assert breakdowns.sum_rows(got, YEAR).empty
    rows = breakdowns.compared_rows(dl.differences(got), labelled(every), YEAR)
    assert (
        noted(rows)[["status", "why"]].values.tolist() == [["not_answerable", ""]] * 3
    )  # the definition says what is lacking
    differ = dl.differences(got)
    assert say_results.of_way(breakdowns.stand_out(got, differ), differ, "source", "EUR") == ("", "", "")
    assert say_results.only(labelled(every)["source"], "source") == "This data names no source of deals."
    assert say_results.only(pd.Series(["Web", "Web"]), "source") == "All deals name one source, Web."
    assert say_results.only(pd.Series(["Web", None]), "source") == ""


def test_the_sentence_of_a_way_names_the_largest_part_the_verdict_and_who_names_none():
    n = 100
    rows = [(won, 10) for won in [True] * 70 + [False] * 30 + [True] * 20 + [False] * 80 + [True] * 30 + [False] * 70]
    source = ["Web"] * n + ["Fair"] * n + [None] * n
    every = won_and_lost(*rows, lead_source=source, account_id=[f"a{i}" for i in range(3 * n)])
    labels = labelled(every)
    groups = breakdowns.all_groups(every, labels)
    table = breakdowns.by_ways(every, YEAR, labels, groups)
    known = groups[groups["group"] != "unknown"]
    differ = dl.differences(known)
    marked = breakdowns.stand_out(table, differ)
    verdict, largest, silent = say_results.of_way(marked, differ, "source", "EUR")
    assert verdict.startswith("Win rates differ by source (p < 0.01): clearest high Web (70 of 100 won, adjusted 6")
    assert "clearest low Fair (20 of 100 won" in verdict
    assert (
        largest
        == "The source Web brought the largest part of what was won by deals that name a source: 700 EUR, 77.8%."
    )
    assert silent == (
        "Many deals name no source: 100 of 300 opened. Of them 30 of 100 decided are won (30.0%), of those that name one 90 of 200 (45.0%)."
    )
    young = table.assign(waiting=np.where(table["group"] == "Fair", 101, 0))
    assert breakdowns.stand_out(young, differ).query("group_by == 'source'").set_index("group")["clear"].to_dict() == {
        "Web": "high",
        "unknown": "",
        "Fair": "early",
    }
    assert say_results.of_way(breakdowns.stand_out(young, differ), differ, "source", "EUR")[0].endswith(
        "Too early to say of Fair: 20 of 100 won, but 101 still open."
    )
    alike = breakdowns.stand_out(table.assign(low=0.1, high=0.9), differ)
    assert "no single source stands out" in say_results.of_way(alike, differ, "source", "EUR")[0]


def test_spend_stands_beside_each_campaign_and_apart_for_those_no_deal_names():
    every = won_and_lost(*[(True, 1)] * 2, *[(False, 1)] * 2, campaign_id=["k3", "k1", "k1", "k1"])
    labels = labelled(every)
    table = breakdowns.stand_out(
        breakdowns.by_ways(every, YEAR, labels, breakdowns.all_groups(every, labels)),
        pd.DataFrame(columns=["judged", "group_by"]),
    )
    months = pd.to_datetime(["2026-01-01", "2026-02-01", "2025-06-01", "2026-01-01", "2026-01-01"])
    cost = pd.DataFrame(
        {"campaign_id": ["k1", "k1", "k1", "k3", "k2"], "month": months, "spend": [20.0, 10.0, 99.0, 7.0, 5.0]}
    )
    got = breakdowns.with_spend(table, cost, CAMPAIGNS, YEAR)
    assert got.set_index("campaign")["spend"].to_dict() == {"Fair (k1)": 30, "Web seminar": 7, "Fair (k2)": 5}
    assert say_results.spend(got, "EUR") == (
        "Campaigns cost 42 EUR in these months, 5 EUR of it (11.9%) on campaigns that no deal names (notebook 01): “Fair (k2)”."
    )


def test_campaigns_whose_names_differ_only_by_their_period_are_one():
    names = ["Fair 2025-1", "Fair 2025-2", "Fair, Q1 2026", "Expo 2025", "2025", "Gala 2025", "Gala 1 2025"]
    campaigns = pd.DataFrame({"campaign_id": list("abcdefg"), "name": names})
    every = won_and_lost(*[(True, 1)] * 7, campaign_id=list("abcdefg"))
    assert labelled(every, campaigns)["campaign"].tolist() == ["Fair"] * 3 + names[3:]


def test_what_stands_out_low_is_held_and_what_stands_out_high_gets_more():
    rows = [("source", "Ads", 1, 19, "low"), ("campaign", "Fair", 9, 1, "high"), ("owner", "s", 9, 1, "high")]
    table = pd.DataFrame(rows, columns=["group_by", "group", "won", "lost", "clear"])
    spent = table[table["group_by"] == "campaign"].assign(spend=np.nan)
    got = say_results.marketing(table, spent, pd.DataFrame({"group": ["Ads"], "won": [1], "n": [300]}))
    assert got["text"] == (
        "Hold the next budget and hours of Ads until somebody says what they are for; try more of Fair"
    )
    assert got["reason"] == (
        "not known: spend by source and spend by campaign; "
        "beyond chance Ads 1 of 20 deals won and 1 of 300 leads; Fair 9 of 10 deals won"
    )
    assert pd.isna(got["moves"])
    assert not say_results.marketing(table.iloc[2:], spent, spent)["only_if"]


def test_a_seller_whose_lost_deals_have_no_closing_day_is_not_compared_but_said():
    rows = [(f"w{i}", True, 1, "2026-01-05", "2026-02-01") for i in range(68)]
    rows += [(f"u{i}", False, 1, "2026-01-05", None) for i in range(45)]
    rows += [(f"o{i}", i % 2 == 0, 1, "2026-01-05", "2026-02-01") for i in range(200)]
    every = deals(rows, owner_id=["agent"] * 113 + ["x", "y"] * 100, account_id=[f"a{i}" for i in range(313)])
    labels = labelled(every)
    groups, table = breakdowns.split(every, YEAR, labels, pd.Series("unknown", every.index))
    assert sorted(groups["group"]) == ["x", "y"]
    assert table.set_index("group").loc["agent", ["won", "lost_undated", "raw"]].fillna(-1).tolist() == [68, 45, -1]
    moved = breakdowns.without_one(every, YEAR, labels, table)
    assert say_results.without_one(moved, {}, "EUR")[0].startswith(
        "Without seller agent (68 of 68 won) the win rate is 50.0%"
    )
    won, lost, rate = breakdowns.with_undated(every, YEAR)
    assert (won, lost, rate) == (0, 45, 168 / 313)
    assert say_results.undated(won, lost, rate, table) == (
        "45 more deals lost have no closing day: with them the win rate is 53.7%. Left out of all rates of other groups, as many "
        "of their deals have no day: seller agent (68 won with a day, 45 lost without one)."
    )
    assert say_results.undated(1, 2, 0.5, table.iloc[:0]).startswith("3 more deals (1 won and 2 lost) have no")
    assert say_results.without_rate(table).startswith("No win rate is given")
    assert say_results.without_rate(table[table["group"].isin(["x", "y"])]) == ""


def test_the_deals_of_a_seller_dated_only_when_won_are_in_no_rate_of_a_campaign():
    rows = [(f"w{i}", True, 1, "2026-01-05", "2026-02-01") for i in range(9)]
    rows += [(f"u{i}", False, 1, "2026-01-05", None) for i in range(6)]
    rows += [(f"o{i}", i > 10, 1, "2026-01-05", "2026-02-01") for i in range(26)]
    names = ["k3"] * 15 + ["k3"] * 13 + ["k1"] * 13
    owner = ["agent"] * 15 + ["x", "y"] * 13
    every = deals(rows, owner_id=owner, campaign_id=names, account_id=[f"a{i}" for i in range(41)])
    assert breakdowns.aside(every, YEAR) == ["agent"]
    _, table = breakdowns.split(every, YEAR, labelled(every), pd.Series("unknown", every.index))
    of = table[table["group_by"] == "campaign"].set_index("group")
    assert of.loc["Web seminar", ["won", "lost"]].tolist() == [2, 11]  # not 11 won
    assert table.set_index("group").loc["agent", "won"] == 9
    assert say_results.without_rate(table, ["agent"]).endswith("Without the deals of agent.")
    assert breakdowns.aside(every.assign(owner_id="agent"), YEAR) == []  # all deals are no exception


def test_renewals_are_in_no_source():
    every = won_and_lost(*[(True, 1)] * 3, *[(False, 1)] * 3, lead_source=["Web", "Fair", None] * 2)
    track = pd.Series(["first sale", "first sale", "renewal"] * 2, every.index)
    table = breakdowns.split(every, YEAR, labelled(every), track)[1].query("group_by == 'source'").set_index("group")
    assert table[["won", "lost", "first_won", "first_decided"]].values.tolist() == [[1, 1, 1, 2]] * 2
    assert "unknown" not in table.index


def test_on_the_sample_the_planted_sources_differ_and_paid_search_is_the_clearest_low():
    book = Book.open(SAMPLE, as_of=str(TODAY.date()))
    every = dl.with_days(book.read("opportunities"), TODAY)
    closed, labels = dl.decided(every), breakdowns.labels(every, NO_INDUSTRY, book.read("campaigns"))
    groups = breakdowns.all_groups(closed[closed["type"] != "renewal"], labels)  # renewals come from nowhere
    known = groups[groups["group"] != "unknown"]
    differ = dl.differences(known).set_index("group_by")["judged"]
    assert differ[["source", "campaign"]].eq("differ").all()
    assert differ["owner"] == "no difference beyond chance"
    rates = known[known["group_by"] == "source"].set_index("group")
    assert rates["high"].idxmin() == "Paid search"


# -- the one that moves a headline ------------------------------------------------------------------------------------


def of_sellers(*counts: tuple[str, int, int], amount: float = 1.0) -> pd.DataFrame:
    """Deals of sellers, so many won and so many lost, each of an account of its own."""
    rows = [(w, amount) for _, won, lost in counts for w in [True] * won + [False] * lost]
    owner = [name for name, won, lost in counts for _ in range(won + lost)]
    return won_and_lost(*rows, owner_id=owner, account_id=[f"a{i}" for i in range(len(rows))])


def test_the_seller_who_lifts_the_win_rate_out_of_its_interval_is_named():
    every = of_sellers(("agent", 68, 0), ("x", 60, 100), ("y", 62, 98))
    got = breakdowns.without_one(every, YEAR, labelled(every)).set_index("definition_id").loc["win_rate_by_count"]
    assert got[["group_by", "group", "won", "n", "n_others"]].tolist() == ["owner", "agent", 68, 68, 320]
    assert got["value"] == pytest.approx(190 / 388)
    assert got["without"] == pytest.approx(122 / 320)
    moved = breakdowns.without_one(every, YEAR, labelled(every))
    assert say_results.without_one(moved, {}, "EUR") == [
        "Without seller agent (68 of 68 won) the win rate is 38.1%, instead of 49.0%."
    ]
    (row,) = noted(breakdowns.without_rows(moved, YEAR)).to_dict("records")
    assert [row[c] for c in ("definition_id", "group_by", "group", "n")] == [
        "win_rate_by_count",
        "without owner",
        "agent",
        320,
    ]


def test_sellers_alike_move_no_headline():
    every = of_sellers(("x", 40, 60), ("y", 41, 59), ("z", 38, 62))
    assert breakdowns.without_one(every, YEAR, labelled(every)).empty


def test_a_seller_of_more_than_half_of_the_deals_is_no_exception_but_holds_most_of_the_sums():
    every = of_sellers(("all", 30, 90), ("x", 20, 10))
    got = breakdowns.without_one(every, YEAR, labelled(every))
    assert "win_rate_by_count" not in set(got["definition_id"]) or got.iloc[0]["group"] != "all"
    held = got.set_index("definition_id")
    assert held.loc["deals_opened", ["group", "value", "without"]].tolist() == ["all", 150, 30]
    assert (
        "The seller all holds 60.0% of the amount won (50 EUR), 80.0% of the amount created (150 EUR) and 80.0% of the deals opened (150)."
        in say_results.without_one(got, {}, "EUR")
    )


def test_one_account_of_most_of_the_open_amount_is_named_by_its_name():
    rows = [("acme", None, 82, "2026-01-01")] + [(f"b{i}", None, 2, "2026-01-01") for i in range(9)]
    every = deals(rows, account_id=["acme", *[f"b{i}" for i in range(9)]])
    moved = breakdowns.without_one(every, YEAR, labelled(every))
    assert say_results.without_one(moved, {"acme": "Acme Inc."}, "EUR") == [
        "The account Acme Inc. holds 82.0% of the amount created (100 EUR) and 82.0% of the open amount (100 EUR)."
    ]
    assert breakdowns.without_one(every[:9], YEAR, labelled(every)).empty  # of so few any one may hold most


# -- why deals are lost -----------------------------------------------------------------------------------------------


def test_reasons_are_one_where_only_case_and_spaces_differ_and_texts_of_one_deal_are_not_shown():
    entered = pd.Series(["Price", "price ", "Price", "Jane Doe said no", "timing", "timing", None, "  "])
    got = reasons.grouped(entered)
    assert got.tolist() == ["Price"] * 3 + ["other", "timing", "timing", "not entered", "not entered"]


def test_rare_reasons_are_summed_as_other():
    entered = pd.Series([f"reason {i:02}" for i in range(12) for _ in range(2)])
    got = reasons.grouped(entered).value_counts()
    assert got["other"] == 8  # the eight first of equal ones stay
    assert len(got) == 9


LOST = [(False, 10), (False, 30), (False, 5), (False, 1), (False, 2), (False, 2)]


def test_lost_deals_are_counted_by_reason_with_their_amount_and_the_share_of_all_lost():
    lost = won_and_lost(
        *LOST, loss_reason=["price", "price", "timing", "timing", "once", None], account_id=list("abcdef")
    )
    got = reasons.by_reason(lost, lost["loss_reason"])
    assert got[["reason", "deals", "amount"]].values.tolist() == [
        ["price", 2, 40], ["timing", 2, 6], ["other", 1, 2], ["not entered", 1, 2],
    ]  # fmt: skip
    assert got["share"].tolist() == pytest.approx([2 / 6, 2 / 6, 1 / 6, 1 / 6])
    rows = noted(reasons.reason_rows(lost, lost["loss_reason"], got, "lost"))
    has = rows.set_index("definition_id").loc["lost_with_reason"]
    assert has[["value", "n"]].tolist() == [pytest.approx(5 / 6), 6]
    most, about = say_results.reasons(got, "lost", 0.95, "EUR")
    assert most.startswith("Most money and most deals are lost for “price”: 2 deals (33.3%, 95% interval ")
    assert most.endswith("40 EUR of 50 EUR.")
    assert about == "Of the 6 deals lost 16.7% (1) have no reason entered."


def test_a_status_entered_as_the_reason_of_most_lost_deals_is_called_no_reason():
    lost = won_and_lost(
        *[(False, 10)] * 10, loss_reason=["Canceled"] * 8 + ["Price"] * 2, account_id=list("abcdefghij")
    )
    said = say_results.reasons(reasons.by_reason(lost, lost["loss_reason"]), "lost", 0.95, "EUR")[0]
    assert said.startswith("“Canceled” is entered for 8 deals (80.0%")
    assert said.endswith("that says how a deal ended, and is no reason.")


def test_without_any_reason_nothing_is_shown_and_the_share_is_not_answerable():
    lost = won_and_lost(*LOST)
    table = reasons.by_reason(lost, lost["loss_reason"])
    assert table.empty
    assert noted(reasons.reason_rows(lost, lost["loss_reason"], table, "lost"))["status"].tolist() == ["not_answerable"]
    assert say_results.reasons(table, "lost", 0.95, "EUR") == ("", "")


def of_reasons(price: int, timing: int) -> pd.DataFrame:
    n = price + timing
    return won_and_lost(
        *[(False, 1)] * n, loss_reason=["price"] * price + ["timing"] * timing, account_id=[f"a{i}" for i in range(n)]
    )


def test_a_reason_whose_share_doubled_differs_from_the_window_before_and_few_deals_are_not_compared():
    got = reasons.changed(of_reasons(60, 40), of_reasons(30, 70), "loss_reason").set_index("reason")
    assert got.loc["price", ["share_before", "share", "judged"]].tolist() == [0.3, 0.6, "differ"]
    same = reasons.changed(of_reasons(30, 70), of_reasons(31, 69), "loss_reason")
    assert set(same["judged"]) == {"no difference beyond chance"}
    few = reasons.changed(of_reasons(10, 10), of_reasons(30, 70), "loss_reason")
    assert few.empty
    assert say_results.changed(few, "lost", has_reasons=True).startswith("Too few deals lost")
    assert "“price” (30.0% before, 60.0% now, p < 0.01)" in say_results.changed(
        got.reset_index(), "lost", has_reasons=True
    )


def test_the_win_rate_against_a_competitor_counts_only_deals_that_name_one():
    flags = [True, False, True, True, False, False, True]
    closed = won_and_lost(
        *[(w, 1) for w in flags], competitor=["K", "K", "B", "B", "B", None, None], account_id=list("abcdefg")
    )
    got = reasons.against(closed)
    assert got[["group", "won", "n"]].values.tolist() == [["B", 2, 3], ["K", 1, 2]]
    assert got["shrunk"].tolist() == pytest.approx(
        pooling.rates(pd.Series([2.0, 1.0]), pd.Series([3.0, 2.0]))["shrunk"].tolist()
    )
    only_lost = closed.assign(competitor=closed["competitor"].where(~dl.won_flag(closed)))
    assert reasons.against(only_lost).empty  # the rate would be 0 for want of entries


# -- sellers ----------------------------------------------------------------------------------------------------------


def targets(*rows: tuple[str, str | None, float]) -> pd.DataFrame:
    f = pd.DataFrame(rows, columns=["period", "owner_id", "value"])
    return f.assign(
        measure_id="won_value", entered_at=pd.Timestamp("2025-01-01", tz="UTC"), entered_by="x", supersedes=None
    )


Q2, Q3 = Period(day("2026-04-01"), day("2026-06-30")), Period(day("2026-07-01"), day("2026-09-30"))
BOTH = targets(("2026-Q2", None, 100.0), ("2026-Q3", None, 200.0))


@pytest.mark.parametrize(
    ("as_of", "judged"),
    [("2026-06-30", Q2), ("2026-07-01", Q2), ("2026-07-30", Q2), ("2026-07-31", Q3), ("2026-09-30", Q3)],
)
def test_in_the_first_month_of_a_quarter_the_target_of_the_quarter_before_is_judged(as_of, judged):
    assert forecast.target_to_judge(BOTH, day(as_of))[0] == judged


def test_a_young_quarter_is_judged_where_only_it_has_a_target():
    only = BOTH[BOTH["period"] == "2026-Q3"]
    assert forecast.target_to_judge(only, day("2026-07-02")) == (Q3, 200.0)
    assert (
        forecast.target_to_judge(only.iloc[:0], day("2026-07-02"))[0] == Q2
    )  # no target at all: the quarter that is over


def test_a_sellers_target_is_the_entry_of_the_period_or_the_sum_of_parts_without_a_gap():
    entered = targets(
        ("2026-Q2", "s", 10.0), ("2026-04", "s", 99.0),  # the quarter's own entry holds
        ("2026-04", "t", 1.0), ("2026-05", "t", 2.0), ("2026-06", "t", 3.0),
        ("2026-04", "u", 5.0), ("2026-05", "u", 5.0),  # June is missing: no target
        ("2026-Q2", None, 500.0),
    )  # fmt: skip
    assert forecast.owner_targets(entered, Q2).to_dict() == {"s": 10, "t": 6}
    assert forecast.owner_targets(entered.iloc[:0], Q2).empty
    half = targets(("2026-Q1", "s", 7.0), ("2026-Q2", "s", 10.0))
    assert forecast.owner_targets(half, sellers.year_to(Q2.end)).to_dict() == {"s": 17}
    months = entered[entered["owner_id"] == "t"]
    mixed = pd.concat([months, half.iloc[:1].assign(owner_id="t")])
    assert forecast.owner_targets(mixed, sellers.year_to(Q2.end)).to_dict() == {"t": 13}


def test_targets_of_owners_for_unlike_periods_are_summed_in_a_period_that_all_fill_or_not_at_all():
    months = [(f"2026-{m:02}", "s", 1.0) for m in range(1, 13)]
    got, value = forecast.target_for(targets(*months, ("2026-Q2", "t", 30.0)), TODAY)
    assert (got, value) == (Q2, 33.0)  # June alone would leave t out
    yearly = targets(("2026-Q2", "s", 10.0), ("2026", "t", 100.0))
    assert pd.isna(forecast.target_for(yearly, TODAY)[1])
    assert forecast.owners_elsewhere(yearly, Q2) == ["t"]
    assert forecast.target_for(yearly.iloc[1:], TODAY) == (sellers.year_to(day("2026-12-31")), 100.0)
    assert pd.isna(forecast.target_for(targets(("2026-Q2", "s", 10.0), ("2026-Q2", "t", -1.0)), TODAY)[1])


def test_a_seller_whose_target_is_zero_or_of_another_period_is_named_and_not_judged():
    _, got = team(targets(("2026-Q2", "s", 100.0), ("2026-Q2", "t", 0.0)))
    assert say_results.sellers(got, "Q2 2026", True, "EUR", ["u", "v"])[0] == (
        "0 of 1 seller reached the target of Q2 2026; s missed most: 40 EUR, 60.0% won. "
        "t has a target of zero or below, and cannot be judged. "
        "u, v have targets of other periods alone, that do not fill Q2 2026, and cannot be judged."
    )


OWNED = [
    ("a", True, 60, "2026-01-01", "2026-05-01"),
    ("b", True, 30, "2025-12-01", "2026-02-01"),  # before the quarter, in the year
    ("c", True, 120, "2026-01-01", "2026-06-01"),
    ("d", None, 50, "2026-01-01"),
    ("e", None, 25, "2026-01-01"),
    ("f", None, 8, "2026-01-01"),
]
TEAM = {
    "owner_id": ["s", "s", "t", "s", "s", "t"],
    "account_id": ["acme", "acme", "beta", "acme", "gamma", "beta"],
    "close_date": ["2026-05-01", "2026-02-01", "2026-06-01", "2026-06-10", "2026-08-01", "2026-08-01"],
}
AIMS = targets(("2026-Q2", "s", 100.0), ("2026-Q2", "t", 100.0), ("2026-Q1", "s", 20.0), ("2026-Q1", "t", 20.0))


def team(entered: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    every = deals(OWNED, **TEAM)
    ways = breakdowns.by_ways(every, YEAR, labelled(every), breakdowns.all_groups(every, labelled(every)))
    is_stalled = pd.Series({"d": True, "e": False})
    return every, sellers.by_seller(every, entered, Q2, Q3, TODAY, is_stalled, ways)


def test_a_target_of_nobody_who_owns_a_deal_is_said_and_is_no_seller_behind():
    _, got = team(pd.concat([AIMS, targets(("2026-Q2", "ghost", 900.0), ("2026-Q1", "ghost", 900.0))]))
    assert say_results.sellers(got, "Q2 2026", True, "EUR")[0] == (
        "1 of 2 sellers reached the target of Q2 2026; s missed most: 40 EUR, 60.0% won. "
        "One deal decides it for t: without it the target is missed. No deal of the data is owned by ghost, who has a target."
    )
    assert sellers.behind(got, Q2, TODAY)["owner_id"].tolist() == ["s"]


def test_each_seller_stands_against_the_own_target_and_who_misses_most_comes_first():
    _, got = team(AIMS)
    assert got["owner_id"].tolist() == ["s", "t"]
    s, t = got.to_dict("records")
    known = {
        "own_target": 100, "won_value": 60, "won_of_target": 0.6, "missing_to_target": 40, "year_target": 120, "year_won": 90,
        "open_deals": 2, "open_value": 75, "due_value": 25, "overdue_deals": 1, "overdue_value": 50, "stalled_deals": 1, "won": 2,
    }  # fmt: skip
    assert {name: s[name] for name in known} == known
    assert [t[c] for c in ("won_value", "missing_to_target", "overdue_deals", "overdue_value")] == [120, 0, 0, 0]
    assert say_results.sellers(got, "Q2 2026", True, "EUR") == (
        "1 of 2 sellers reached the target of Q2 2026; s missed most: 40 EUR, 60.0% won. "
        "One deal decides it for t: without it the target is missed.",
        "1 seller holds overdue deals, s most: 50 EUR in 1 deal.",
    )
    rows = noted(sellers.seller_rows(got, Q2)).set_index(["definition_id", "group"])["value"]
    assert rows.loc["won_of_target"].to_dict() == {"s": 0.6, "t": 1.2}


def test_where_nobody_won_anything_no_seller_is_called_the_worst():
    _, got = team(AIMS)
    nothing = got.assign(won_value=0.0, won_of_target=0.0, without_largest=0.0)
    assert say_results.sellers(nothing, "Q2 2026", True, "EUR")[0] == (
        "0 of 2 sellers reached the target of Q2 2026; none of them won anything in it."
    )


def test_sellers_below_both_targets_are_reviewed_and_the_money_is_at_most_what_is_open():
    _, got = team(AIMS)
    behind = sellers.behind(got, Q2, TODAY)
    assert behind["owner_id"].tolist() == ["s"]  # 60 of 100 in the quarter, 90 of 120 in the year
    asked = say_results.review_sellers(behind, got, False, "EUR")
    assert asked["moves"] == 40
    assert asked["reason"] == (
        "s won 60 EUR of 100 EUR (75.0% of the target of the year to date), 2 open (75 EUR), 1 overdue"
    )
    assert say_results.review_sellers(behind.assign(open_value=30.0), got, False, "EUR")["moves"] == 30
    spared = got.assign(owner_id="u", year_of_target=1.2)
    over = say_results.review_sellers(behind, spared, True, "EUR")
    assert "moves" not in over  # no review wins back a quarter that is over
    assert over["text"].endswith("(s; not u, at 120.0% of the year to date)")
    assert sellers.behind(got.assign(year_won=120.0), Q2, TODAY).empty
    assert sellers.behind(got, Q2, day("2026-04-10")).empty  # 60 % won when a ninth of the quarter has passed


def test_where_no_deal_names_its_seller_there_is_no_seller_who_sold_nothing():
    every = deals(OWNED, **TEAM | {"owner_id": [None] * len(OWNED)})
    ways = breakdowns.by_ways(every, YEAR, labelled(every), breakdowns.all_groups(every, labelled(every)))
    none = sellers.by_seller(every, AIMS, Q2, Q3, TODAY, pd.Series(dtype=bool), ways)
    assert none.empty
    assert sellers.seller_rows(none, Q2)["why"].tolist() == ["the seller of each deal"]  # there are targets


def test_without_targets_sellers_are_in_order_of_what_they_won_and_nobody_is_behind():
    _, got = team(AIMS.iloc[:0])
    assert got["owner_id"].tolist() == ["t", "s"]
    assert got[["own_target", "year_target", "won_of_target", "missing_to_target"]].isna().all(axis=None)
    assert sellers.behind(got, Q2, TODAY).empty
    assert sellers.seller_rows(got, Q2)["status"].tolist() == ["not_answerable"]


def test_a_seller_with_open_deals_is_silent_after_90_days_without_one_opened_or_closed():
    every = deals(
        [("a", None, 1, "2026-01-05"), ("b", True, 1, "2025-01-05", "2026-06-01"), ("c", None, 1, "2026-01-05"), ("d", False, 1, "2026-06-01", "2026-06-02")],
        owner_id=["s", "t", "t", "u"],
    )  # fmt: skip
    got = sellers.silent(every, TODAY)
    assert got.values.tolist() == [["s", day("2026-01-05"), 1, 1, True], ["t", day("2026-06-01"), 1, 1, False]]
    asked = say_results.stopped(got)
    assert asked["text"].endswith("the CRM is not kept: ask the 1 seller who holds 1 open deal")
    assert (asked["moves"], asked["only_if"]) == (1, True)
    assert not say_results.has_stopped(got.iloc[1:])
    assert say_results.silent(got) == (
        "1 of 2 sellers with open deals opened and closed none since 5 January 2026 or longer: s (1), 1 open deal in all."
    )
    more = pd.concat([got, got.iloc[:1].assign(owner_id="u"), got.iloc[:1].assign(owner_id="v")])
    assert say_results.silent(more) == (
        "Since 5 January 2026 only t opened or closed a deal: 3 of 4 sellers with open deals did neither, and hold 3 open deals."
    )
