"""Experiments drawn by lot, read by hand on forty accounts."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import readout, readout_checks, readout_worth
from abmlib.pages import say_readout
from abmlib.stats import randomised
from abmlib.tables import programme, schema
from abmlib.tables.days import beside, local_days
from tests.conftest import ROOT

DRAW, END = pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31")
IDS = [f"a{i:02}" for i in range(40)]  # even ones treated; the first twenty in stratum small
STRATUM = ["small"] * 20 + ["large"] * 20
PLAN = {"experiment_id": "X1", "measure_id": "opportunities_opened", "horizon_months": 12, "looks": "6;12", "design": "strata",
        "held_share": 0.5, "seed": None, "analysis": "deals", "frozen_at": "2024-12-01T09:00Z", "entered_at": "2024-12-01T09:00Z"}  # fmt: skip


def table(name: str, rows: list[dict]) -> pd.DataFrame:
    """Rows of a programme table, typed, with their days."""
    frame = pd.DataFrame(rows).assign(entered_by="Ada")
    times = [c for c in frame if c.endswith("_at")]
    frame[times] = frame[times].apply(pd.to_datetime, utc=True)
    return beside(schema.cast(name, frame.reindex(columns=list(schema.spec(name).columns))), "UTC")


def entries(**changed: object) -> pd.DataFrame:
    """The draw of forty accounts, one row each."""
    rows = {"account_id": IDS, "experiment_id": "X1", "arm": ["treated", "holdout"] * 20, "stratum": STRATUM,
            "assigned_at": "2025-01-01T09:00Z", "entered_at": "2025-01-01T09:00Z", "exposure_at": None,
            "pre_registered_metric": "revenue"}  # fmt: skip
    return table("experiments", pd.DataFrame(rows | changed).to_dict("records"))


def plans(*changes: dict) -> pd.DataFrame:
    return table("experiment_plans", [PLAN | c for c in changes])


def one(rows: pd.DataFrame, *changes: dict) -> readout.Experiment:
    (found,) = readout.experiments(rows, plans(*(changes or [{}])), pd.Index(IDS))
    return found


def deals(counts: list[int], day: str = "2025-03-01") -> pd.DataFrame:
    """As many deals of each account."""
    return pd.DataFrame({"account_id": np.repeat(IDS, counts), "day": pd.Timestamp(day), "amount": 1.0})


def facts(**given: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {name: deals([0] * 40) for name in readout.FULL} | given


# every treated account opens two deals more than its stratum's held-back ones but for a little noise
COUNTS = [(3 if i % 2 == 0 else 1) + (i >= 20) + (i % 5 == 0) for i in range(40)]


# -- what was registered ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "registered", "months", "altered"),
    [
        ([{}, {"horizon_months": 6, "looks": "6", "entered_at": "2024-12-15T09:00Z"}], "before the draw", 6, False),
        ([{}, {"measure_id": "revenue", "entered_at": "2025-05-01T09:00Z"}], "before the draw", 12, True),
        ([{"frozen_at": None}], "never frozen", 12, False),  # a draft
        ([{"frozen_at": "2025-05-01T09:00Z", "entered_at": "2025-05-01T09:00Z"}], "after the draw", 12, False),
        ([{"horizon_months": 0}], "no plan", 12, False),  # cannot be kept, and must not stop the page
        ([{"horizon_months": 1_000_000}], "no plan", 12, False),
        ([{"held_share": 0.0}], "no plan", 12, False),
        ([{"seed": -5}], "no plan", 12, False),
        ([{"experiment_id": "X9"}], "no plan", 12, False),
    ],
)
def test_the_last_plan_frozen_before_the_draw_holds(changes, registered, months, altered):
    found = one(entries(), *changes)
    assert (found.registered, found.months, found.altered) == (registered, months, altered)
    assert found.measure == ("revenue" if registered == "no plan" else "opportunities_opened")


@pytest.mark.parametrize(("looks", "read"), [("6", (6, 12)), ("12;6;18", (6, 12))])
def test_the_horizon_is_the_last_look_whatever_was_entered(looks, read):
    assert one(entries(), {"looks": looks}).looks == read


def test_an_account_that_left_the_book_is_counted_and_not_read():
    (found,) = readout.experiments(entries(), plans({}), pd.Index(IDS[:38]))
    assert (len(found.entries), found.counts) == (40, (19, 19))


def test_a_look_waits_for_the_account_drawn_last():
    found = one(entries(assigned_at=["2025-01-01T09:00Z"] * 39 + ["2025-02-01T09:00Z"]))
    at = readout.looks(found, pd.Timestamp("2025-07-31"))
    assert at["over_on"].dt.strftime("%Y-%m-%d").tolist() == ["2025-07-31", "2026-01-31"]
    assert at["reached"].tolist() == [True, False]
    assert not readout.looks(found, pd.Timestamp("2025-07-30"))["reached"].any()


@pytest.mark.parametrize(("days", "lots"), [(2, 4), (20, 2)])
def test_a_wave_has_lots_of_its_own_and_a_trickle_has_none(days, lots):
    when = [str((DRAW + pd.Timedelta(days=i // 2 % days)).date()) + "T09:00Z" for i in range(40)]
    assert one(entries(assigned_at=when)).drawn["lot"].nunique() == lots


def test_days_that_drew_a_stratum_for_one_arm_only_were_drawn_together():
    when = ["2025-01-01T09:00Z"] * 30 + ["2025-02-01T09:00Z"] * 10
    arms = ["treated", "holdout"] * 15 + ["treated"] * 10
    assert one(entries(assigned_at=when, arm=arms)).drawn["lot"].nunique() == len(set(STRATUM))


# -- what came of it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "after", "before"),
    [("2024-12-31", 0, 1), ("2025-01-01", 1, 0), ("2025-12-31", 1, 0), ("2026-01-01", 0, 0), ("2023-12-31", 0, 0)],
)
def test_the_months_begin_on_the_day_of_the_draw(day, after, before):
    drawn, fact = one(entries()).drawn, deals([1] + [0] * 39, day)
    old = deals([0] * 39 + [1], "2023-01-01")  # records reach back
    both = pd.concat([fact, old])
    assert readout.within(both, drawn, 12)["a00"] == after
    assert readout.earlier(both, drawn, 12)["a00"] == before


def test_the_effect_is_the_difference_within_strata_weighted_by_what_they_tell():
    found = one(entries(stratum=["small"] * 10 + ["large"] * 30))
    read = readout.readout([found], facts(opportunities_opened=deals(COUNTS)), END).query("registered").iloc[-1]
    rows = found.drawn.assign(y=pd.Series(COUNTS, IDS, dtype=float))
    by = [
        (len(s) * s["treated"].mean() * (1 - s["treated"].mean()), s.groupby("treated")["y"].mean())
        for _, s in rows.groupby("stratum")
    ]
    assert read["effect"] == pytest.approx(sum(w * (m[True] - m[False]) for w, m in by) / sum(w for w, _ in by))
    assert (read["verdict"], read["treated"], read["held"]) == ("more", 20, 20)
    assert read["low"] < read["effect"] < read["high"]
    assert read["relative"] == pytest.approx(read["effect"] / read["held_mean"])


def test_the_sample_reads_as_its_raw_files_say():
    folder = ROOT / "data" / "sample"
    rows = beside(programme.read(folder / "programme", "experiments"), "Europe/Berlin")
    plan = beside(programme.read(folder / "programme", "experiment_plans"), "Europe/Berlin")
    opened = pd.read_csv(folder / "opportunities.csv", usecols=["account_id", "created_at"], parse_dates=["created_at"])
    fact = pd.DataFrame(
        {"account_id": opened["account_id"], "day": local_days(opened["created_at"], "Europe/Berlin"), "amount": 1.0}
    )
    (found,) = readout.experiments(rows, plan, pd.Index(rows["account_id"].unique()))
    read = readout.readout([found], facts(opportunities_opened=fact), pd.Timestamp("2026-06-30")).query("registered")
    joined = found.drawn.join(fact.set_index("account_id")["day"].rename("at"))
    since = (joined["at"] >= joined["day"]) & (joined["at"] < joined["day"] + pd.DateOffset(months=12))
    before = (joined["at"] < joined["day"]) & (joined["at"] >= joined["day"] - pd.DateOffset(months=12))
    own = found.drawn.assign(y=since.groupby(level=0).sum(), x=before.groupby(level=0).sum()).astype({"treated": float})
    dummies = pd.get_dummies(
        own["stratum"], dtype=float
    )  # a day drew one line for one arm only, so days were drawn together
    by_hand = np.linalg.lstsq(
        np.column_stack([own[["treated", "x"]].to_numpy(float), dummies]), own["y"].to_numpy(float)
    )[0][0]
    assert read["effect"].iloc[-1] == pytest.approx(by_hand)
    assert read["treated"].tolist() == [69, 69]
    assert set(read["verdict"]) == {readout.NOTHING}


def test_nothing_is_read_before_its_look():
    read = readout.readout([one(entries())], facts(opportunities_opened=deals(COUNTS)), pd.Timestamp("2025-06-29"))
    assert read["verdict"].tolist() == ["not reached", "not reached"]
    assert read[["treated_mean", "effect", "p"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("ids", "counts", "verdict"),
    [(IDS[:28], COUNTS, "too early"), (IDS, [1] * 40, "all alike"), (IDS[::2], COUNTS, "too early")],
)
def test_too_few_accounts_one_arm_and_no_difference_are_not_judged(ids, counts, verdict):
    (found,) = readout.experiments(entries(), plans({}), pd.Index(ids))
    read = readout.readout([found], facts(opportunities_opened=deals(counts)), END).query("registered")
    assert read["verdict"].iloc[-1] == verdict
    assert np.isnan(read["effect"].iloc[-1])


def test_only_the_measures_that_nobody_registered_share_their_p_values():
    given = facts(
        opportunities_opened=deals(COUNTS), revenue=deals(COUNTS), touches_in=deals([i % 3 for i in range(40)])
    )
    given |= {
        name: fact.head(0)
        for name, fact in given.items()
        if name not in {"opportunities_opened", "revenue", "touches_in"}
    }
    read = readout.readout([one(entries())], given, END).set_index(["definition_id", "months"])
    assert read["p_adjusted"].isna().tolist() == [True, True, False, False]
    revenue = read.loc[("revenue", 12)]
    assert revenue["p_adjusted"] == pytest.approx(min(1, 2 * revenue["p"]))
    assert schema.conform("14_readout", read.reset_index()) is not None


def test_a_measure_that_is_not_read_is_named():
    read = readout.readout([one(entries(), {"measure_id": "win_rate"})], facts(), END)
    names = dict.fromkeys(readout.FULL, "Deals")
    assert read.query("registered")["verdict"].tolist() == ["not answerable", "not answerable"]
    assert "judged by win rate, which is not read here" in say_readout.answer(read, readout.FULL, names, "EUR", 0.95)


def test_half_reached_means_twice_the_effect_on_those_reached():
    exposed = ["2025-02-01T09:00Z" if i % 4 == 0 else None for i in range(40)]
    found, given = one(entries(exposure_at=exposed)), facts(opportunities_opened=deals(COUNTS))
    look = readout.looks(found, END).iloc[-1]
    reached = readout.on_reached(found, readout.units(found, given, look), look)
    effect = readout.readout([found], given, END).query("registered")["effect"].iloc[-1]
    assert reached[["share_treated", "share_held"]].tolist() == [0.5, 0.0]
    assert reached["effect"] == pytest.approx(2 * effect)


@pytest.mark.parametrize("when", [None, "2025-02-01T09:00Z", "2026-02-01T09:00Z"], ids=["unknown", "all", "too late"])
def test_no_effect_on_those_reached_where_the_draw_says_it_all_or_nobody_knows(when):
    found, given = one(entries(exposure_at=[when, None] * 20)), facts(opportunities_opened=deals(COUNTS))
    look = readout.looks(found, END).iloc[-1]
    assert readout.on_reached(found, readout.units(found, given, look), look) is None


def test_who_is_held_back_and_who_waits_is_known_until_the_last_look():
    found = [one(entries(exposure_at=["2025-02-01T09:00Z"] + [None] * 39))]
    assert readout.running(found, END) == []
    runs = readout.running(found, pd.Timestamp("2025-07-01"))
    assert readout.held_back(runs, END)["account_id"].tolist() == IDS[1::2]
    assert readout.not_reached(runs)["account_id"].tolist() == IDS[2::2]


# -- whether it was kept to -------------------------------------------------------------------------------------------


def test_held_back_accounts_that_the_programme_touched_are_listed():
    placed = {"account_id": ["a01", "a03", "a05", "a07", "a00"], "tier": ["2", "none", "1", "1", "1"], "set_by": "joint", "reason": "x",
              "valid_from": pd.to_datetime(["2025-02-01", "2025-02-01", "2024-12-01", "2026-02-01", "2025-02-01"]),
              "entered_at": "2025-02-01T09:00Z"}  # fmt: skip
    tiers = table("account_tiers", pd.DataFrame(placed).to_dict("records"))
    members = beside(schema.empty("campaign_accounts"), "UTC")
    found = readout_checks.touched([one(entries())], members, tiers, pd.Timestamp("2026-06-30"))
    assert found[["account_id", "how"]].to_numpy().tolist() == [
        ["a05", "in a tier when drawn"],
        ["a01", "put into a tier"],
    ]


def kept(experiment: readout.Experiment, *others: readout.Experiment) -> pd.DataFrame:
    broken = pd.DataFrame({"account_id": [], "how": [], "day": []})
    balanced = readout_checks.balance(experiment, facts(), pd.Series(dtype=float))
    return readout_checks.checks(experiment, broken, balanced, others).set_index("check")


def test_looks_shares_and_draws_that_are_not_as_planned_are_named():
    early = kept(one(entries(), {"looks": "3;6;12"}))  # a third of the time: not even 4,000 draws could tell
    assert early.loc["looks as registered", "kept"] == "no"
    assert kept(one(entries())).loc["looks as registered", "kept"] == "yes"
    assert kept(one(entries(), {"held_share": 0.2})).loc["share held back as registered", "kept"] == "no"
    reached = ["2024-06-01T09:00Z"] + [None] * 39
    assert kept(one(entries(exposure_at=reached))).loc["nobody reached before the draw", "k"] == 1
    days = ["2025-01-01T09:00Z"] * 30 + ["2025-02-01T09:00Z"] * 10
    arms = ["treated", "holdout"] * 15 + ["treated"] * 10
    together = kept(one(entries(assigned_at=days, arm=arms))).loc["both arms on every day of the draw"]
    assert (together["kept"], together["k"]) == ("no", 10)


def test_accounts_in_two_experiments_at_one_time_are_counted():
    own = one(entries())
    assert kept(own, own).loc["accounts in one experiment at a time", "kept"] == "yes"
    (other,) = readout.experiments(entries(experiment_id="X2").head(5), plans({"experiment_id": "X2"}), pd.Index(IDS))
    assert kept(own, own, other).loc["accounts in one experiment at a time", "k"] == 5


def test_why_margin_cannot_be_read_is_said():
    assert "no purchase" in say_readout.no_margin(0, anything=False)
    assert "1 line of a bill has no cost" in say_readout.no_margin(1, anything=True)
    assert say_readout.no_margin(0, anything=True) == ""


def test_lots_that_the_seed_does_not_draw_are_seen():
    drawn = randomised.draw(pd.Series(STRATUM, IDS), 0.5, 3)
    arms = np.where(drawn, "treated", "holdout")
    name = "arms as the registered seed draws them"
    assert kept(one(entries(arm=arms), {"seed": 3})).loc[name, "kept"] == "yes"
    assert kept(one(entries(arm=arms[::-1]), {"seed": 3})).loc[name, "k"] == (arms != arms[::-1]).sum()
    assert kept(one(entries(arm=arms))).loc[name, "kept"] == "cannot be checked"


def test_arms_that_changed_and_entries_made_late_are_counted():
    late = entries(entered_at="2025-01-09T09:00Z", arm=["holdout", "holdout"] + ["treated", "holdout"] * 19)
    found = kept(one(pd.concat([entries(), late], ignore_index=True)))
    assert found.loc["no account changed arms", ["kept", "k"]].tolist() == ["no", 1]
    assert found.loc["draw entered on its day", ["kept", "k"]].tolist() == ["no", 40]


def test_arms_that_differ_before_the_draw_by_more_than_chance_are_named():
    given = facts(opportunities_opened=deals(COUNTS, "2024-06-01"))
    given["opportunities_opened"].loc[len(given["opportunities_opened"])] = ["other", pd.Timestamp("2020-01-01"), 1.0]
    found = readout_checks.balance(one(entries()), given, pd.Series(np.arange(40) // 2, IDS)).set_index("what")
    assert found["verdict"].to_dict() == {
        "opportunities_opened": "more than chance",
        "employees": "as chance would have it",
    }
    assert found.loc["opportunities_opened", "smd"] > 1


# -- what it was worth ------------------------------------------------------------------------------------------------


def worth(margin: list[float], cost: float, cogs: float = 0.0, default: float = 0.0) -> pd.Series | None:
    """Treated accounts bring `margin` and cost `cost` each; accounts held back bring nothing."""
    found = one(entries())
    lines = pd.DataFrame({"account_id": IDS, "booked_at": pd.Timestamp("2025-05-01"), "revenue": margin, "cogs": cogs})
    look, spend = readout.looks(found, END).iloc[-1], pd.Series([cost, 0.0] * 20, IDS)
    hours = pd.Series(np.nan, IDS)
    return readout_worth.worth(found, look, readout_worth.margin_facts(lines, default), spend, hours, 80.0)


SALES = [100.0 + i % 7 if i % 2 == 0 else float(i % 5) for i in range(40)]


@pytest.mark.parametrize(("cost", "verdict"), [(50.0, "worth it"), (150.0, "not worth it"), (101.0, "cannot tell")])
def test_the_verdict_follows_the_interval_of_the_net(cost, verdict):
    found = worth(SALES, cost)
    extra = sum(SALES[::2]) - sum(SALES[1::2])
    assert (found["verdict"], found["accounts"]) == (verdict, 20)
    assert found["margin"] == pytest.approx(extra)
    assert found["actual"] - found["counterfactual"] == pytest.approx(extra)
    assert found["net"] == pytest.approx(extra - 20 * cost)
    assert found["net_low"] < found["net"] < found["net_high"]


def test_margin_without_a_cost_needs_a_default_and_a_programme_without_one_has_no_net_worth():
    assert worth(SALES, 50.0, cogs=np.nan) is None
    half = worth(SALES, 50.0, cogs=np.nan, default=0.5)
    assert (half["estimated"], half["margin"]) == (1.0, pytest.approx(worth(SALES, 50.0)["margin"] / 2))
    free = worth(SALES, np.nan)
    assert np.isnan([free["cost"], free["net"]]).all()
    assert free["verdict"] == "cannot tell"
    assert "cost is unknown" in say_readout.worth(free, {}, "EUR")


# -- words ------------------------------------------------------------------------------------------------------------


def test_the_answer_waits_reads_or_says_that_nothing_was_drawn():
    names, given = dict.fromkeys(readout.FULL, "Deals opened"), facts(opportunities_opened=deals(COUNTS))
    ask = [
        readout.readout(found, given, pd.Timestamp(day))
        for found, day in (([], END), ([one(entries())], "2025-03-01"), ([one(entries())], END))
    ]
    nothing, early, late = (say_readout.answer(read, readout.FULL, names, "EUR", 0.95) for read in ask)
    assert nothing == say_readout.NONE
    assert (
        early
        == "Too early to judge X1 (20 accounts treated, 20 held back): the first look is on 30 June 2025; nothing is read before."
    )
    assert "the 20 treated accounts opened 2.00 more deals per account than the 20 held back" in late
    assert "a rise that chance does not explain" in late


def test_an_early_look_says_what_it_asks_for():
    names, found = dict.fromkeys(readout.FULL, "Deals opened"), [one(entries())]
    read = readout.readout(found, facts(opportunities_opened=deals(COUNTS)), pd.Timestamp("2025-06-30"))
    said = say_readout.answer(read, readout.FULL, names, "EUR", 0.95)
    assert "and a look this early asks for 3)" in said
    assert "The next look is on 31 December 2025." in said


def test_without_an_experiment_nothing_is_read_and_nothing_fails():
    found, look = readout.to_judge([], END)
    units = readout.units(found, facts(), look)
    assert units.empty
    assert readout.on_reached(found, units, look) is None
    assert readout.readout([], facts(), END).empty
    assert readout_checks.balance(found, facts(), pd.Series(dtype=float)).empty
