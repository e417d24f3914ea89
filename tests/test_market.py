"""The synthetic market: the same every time, to spec, believable in shape, and written whole or not at all."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from abmlib.market import Market, Plan, Switches, blocks, changed, make, preset, sales, simulate, write
from abmlib.market.__main__ import SAMPLE as SIZES
from abmlib.market.deals import CRM, LOST, STAGES, WON
from abmlib.market.files import NEVER
from abmlib.market.switches import CYCLES
from abmlib.tables import schema
from abmlib.tables.fingerprint import CACHE
from tests.conftest import SAMPLE, abm

OF_NOBODY = (  # tables that belong to no account
    "products", "campaigns", "campaign_spend", "personas", "content", "messages", "team", "objectives", "criteria",
    "readiness", "promotions", "fx_rates", "targets", "experiment_plans",
)  # fmt: skip
FIRST, LAST = pd.Timestamp("2023-07-01"), pd.Timestamp("2026-06-30")


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate(**SIZES)


@pytest.fixture(scope="module")
def large() -> Market:
    """A market in which rare things happen often enough."""
    return simulate(7, 1_500, 36)


@pytest.fixture(scope="module")
def deals(market) -> pd.DataFrame:
    """Deals with their truth; the account of the truth, as a few deals lack theirs and some stand under a twin."""
    told = market.truth["opportunities"].drop(columns=["product_line", "type"]).rename(columns={"account_id": "of"})
    return market.tables["opportunities"].merge(told, on="opportunity_id", validate="one_to_one")


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    """The stage history as it is before some of it is lost, which moves nothing else."""
    return simulate(**SIZES, switches=Switches(missing_history=0)).tables["opportunity_stage_history"]


def in_bytes(folder: Path) -> dict[str, bytes]:
    """Every file, but the snapshots that a book of it left."""
    files = [f for f in folder.rglob("*") if f.is_file() and CACHE not in f.parts]
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in files}


def written(market: Market, folder: Path) -> dict[str, bytes]:
    write(market, folder)
    return in_bytes(folder)


@cache
def made(accounts: int, months: int) -> Market:
    """A market that several tests look at from outside."""
    return simulate(7, accounts, months)


def days_in_stage(market: Market) -> pd.DataFrame:
    """Days from each stage to the next change of stage, of those that are over, with the truth of the deal."""
    rows = market.tables["opportunity_stage_history"].query("changed_field in ['created', 'stage']")
    left = rows.groupby("opportunity_id")["entered_at"].shift(-1)
    rows = rows.assign(days=(left - rows["entered_at"]).dt.total_seconds() / 86_400).dropna(subset="days")
    return rows.merge(market.truth["opportunities"])


# -- the same every time ----------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones(tmp_path):
    one, same, other = (written(simulate(s, 60, 12), tmp_path / str(k)) for k, s in enumerate((7, 7, 8)))
    assert one == same
    of_accounts = [n for n in one if n.endswith(".csv") and Path(n).stem not in OF_NOBODY and one[n].count(b"\n") > 1]
    assert len(of_accounts) > 15 and not [n for n in of_accounts if one[n] == other[n]]


def test_the_committed_sample_is_what_the_generator_writes(tmp_path):
    make(Plan(**SIZES), tmp_path / "anew")
    assert in_bytes(tmp_path / "anew") == in_bytes(SAMPLE)


def test_the_sample_is_as_large_as_it_should_be(market):
    assert market.tables["transactions"]["account_id"].nunique() > 200
    assert sum(map(len, in_bytes(SAMPLE).values())) < 4_000_000


@pytest.mark.parametrize(("small", "large", "months"), [(500, 520, 3), (30, 240, 12)])
def test_a_larger_market_holds_the_smaller_ones_accounts_unchanged(small, large, months):
    one, two = made(small, months), made(large, months)
    digits = one.tables["accounts"]["account_id"].str[1:6]
    for name in sorted(set(one.tables) - {*OF_NOBODY}):
        key = next(
            c
            for c in ("row_id", "account_id", *schema.key(name))
            if c in schema.key(name) or (c == "row_id" and name == "attribute_history")
        )
        of = two.tables[name][key].str[1:6]  # a lead has no account, but its id has
        theirs = two.tables[name][of.isin(digits)].reset_index(drop=True)
        if name == "surveys":
            theirs, own = theirs.drop(columns="invited_n"), one.tables[name].drop(columns="invited_n")
        else:
            own = one.tables[name]
        pd.testing.assert_frame_equal(own, theirs)


def test_blocks_are_the_market_in_parts():
    parts = list(blocks(7, 520, 3))
    assert [len(p.truth["accounts"]) for p in parts] == [500, 20]
    whole = made(520, 3).tables
    for name in parts[0].tables:
        pd.testing.assert_frame_equal(pd.concat([p.tables[name] for p in parts], ignore_index=True), whole[name])


@pytest.mark.parametrize("form", ["csv", pytest.param("parquet", marks=pytest.mark.slow)])
def test_files_do_not_depend_on_how_many_processes_write_them(tmp_path, form, monkeypatch):
    monkeypatch.setattr("abmlib.market.files.TOGETHER", 1)
    plan = Plan(7, 1_100, 3)
    for jobs in (1, 2):
        make(plan, tmp_path / f"{jobs}", truth=tmp_path / f"{jobs}-truth", form=form, jobs=jobs)
    assert in_bytes(tmp_path / "1") == in_bytes(tmp_path / "2")
    assert in_bytes(tmp_path / "1-truth") == in_bytes(tmp_path / "2-truth")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["1", "1-truth", "2", "2-truth"]


def test_files_made_in_batches_are_those_of_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("abmlib.market.files.TOGETHER", 1)
    make(Plan(7, 520, 3), tmp_path / "parts")
    assert in_bytes(tmp_path / "parts") == written(made(520, 3), tmp_path / "whole")


def test_a_switch_moves_nothing_it_is_not_about(market):
    """Deals of accounts that the programme never touches are the same with and without its effects."""
    without = changed(Switches(), {"abm_creation": 0, "abm_win": 0, "abm_size": 0, "stalled": 0})
    off = simulate(**SIZES, switches=without).truth["opportunities"]
    accounts, told = market.truth["accounts"], market.truth["opportunities"]
    untouched = accounts.loc[accounts["exposed"].isna(), "account_id"]
    calm = told[~told["stalled"] & told["account_id"].isin(untouched)]
    same = off.merge(calm, on=["account_id", "closes_at", "win_probability", "cycle_scale"], suffixes=("", "_on"))
    assert len(same) > 0.95 * len(calm)


# -- to spec ----------------------------------------------------------------------------------------------------------


NOT_MADE = {
    "forgotten",
    "decision_status",
    "attributes",
    "findings",  # nobody recorded one
}  # nobody of a market asked to be forgotten, or read a report


def test_every_table_a_source_or_a_programme_may_hold_is_there_and_to_spec(market):
    assert sorted(market.tables) == sorted({*schema.CANONICAL, *schema.PROGRAMME} - NOT_MADE)
    for name, table in market.tables.items():
        assert len(table), name
        pd.testing.assert_frame_equal(schema.conform(name, table), table)


def test_files_leave_out_what_is_derived_or_never_filled_and_nothing_else(market, tmp_path):
    files = written(market, tmp_path)
    for name, table in market.tables.items():
        place = f"programme/{name}.csv" if name in schema.PROGRAMME else f"{name}.csv"
        heads = files[place].split(b"\n", 1)[0].decode().split(",")
        derived = {c for c, d in schema.spec(name).columns.items() if d.derived}
        assert not derived & set(heads)
        left_out = set(table.columns) - set(heads) - derived
        assert table[[*left_out]].isna().all(axis=None), name
        assert left_out <= {*NEVER.get(name, ()), "known_at"}
    assert b"\r" not in files["transactions.csv"]


@pytest.mark.parametrize("name", sorted({*schema.CANONICAL, *schema.PROGRAMME} - NOT_MADE))
def test_every_reference_is_found(market, name):
    for column, definition in schema.spec(name).columns.items():
        if ref := definition.ref:
            there, key = ref.split(".")
            given = market.tables[name][column].dropna()
            assert given.empty or given.isin(market.tables[there][key]).all(), column


@pytest.mark.parametrize("months", [1, 5, 36])
def test_nothing_is_known_after_the_last_day_or_before_its_account(market, months):
    market = market if months == SIZES["months"] else simulate(7, 300, months)
    since = market.tables["accounts"].set_index("account_id")["created_at"]
    for name, table in market.tables.items():
        for column, definition in schema.spec(name).columns.items():
            if definition.kind == "ts":
                assert not (table[column] >= (LAST + pd.Timedelta(days=1)).tz_localize("UTC")).any(), (name, column)
    for name in ("contacts", "opportunities", "activities", "transactions", "cases"):
        table, known = market.tables[name], schema.spec(name).known
        moment = table[known] if table[known].dt.tz else table[known].dt.tz_localize("UTC") + pd.Timedelta(days=1)
        assert not (moment < table["account_id"].map(since)).any(), name


def test_the_smallest_market_is_one_account_and_one_month(tmp_path):
    write(simulate(7, 1, 1), tmp_path)
    assert (tmp_path / "accounts.csv").read_text("utf-8").count("\n") == 2


@pytest.mark.parametrize("name", ["nothing", "clean", "outside", "hard"])
def test_every_preset_makes_a_market_to_spec(name):
    market = simulate(7, 100, 24, switches=preset(name, {}))
    for table, rows in market.tables.items():
        schema.check(table, rows)


# -- business ---------------------------------------------------------------------------------------------------------


def test_no_line_lies_outside_the_window_or_before_its_business(market):
    lines = market.tables["transactions"]
    assert lines["booked_at"].between(FIRST, LAST).all()
    own = lines.assign(account_id=lines["account_id"].str[:6]).merge(market.truth["accounts"])
    bought = own[own["kind"] != "return"]  # a return may come after the last purchase
    assert (bought["booked_at"] >= bought["starts"]).all()


def test_a_won_deal_is_billed(market, deals):
    """Advisory services are nothing but won deals; what is billed is what was won, less what is billed later."""
    lines = market.tables["transactions"].merge(market.tables["products"][["product_id", "product_line"]])
    home = market.truth["accounts"].query("currency == ''")["account_id"]
    service = lines[(lines["product_line"] == "advisory services") & (lines["kind"] == "purchase")]
    billed = service.groupby(service["account_id"].str[:6])["revenue"].sum()
    early = deals[(deals["product_line"] == "advisory services") & (deals["closed_at"] < "2025-09-01")]
    won = early[early["is_won"].fillna(False).astype(bool)].groupby("of")["amount"].sum()
    won = won[won.index.isin(home)]
    assert len(won) > 20
    assert (billed.reindex(won.index).fillna(0) > 0.9 * won).all()


def test_a_return_takes_back_goods_money_and_cost(market):
    back = market.tables["transactions"].query("kind == 'return'")
    assert len(back) > 0
    assert (back[["quantity", "revenue", "cogs"]] < 0).all(axis=None)


def test_a_subscription_is_paid_for_a_period_from_its_booking(market):
    lines = market.tables["transactions"]
    paid = lines["kind"].isin(["subscription", "renewal"])
    assert (lines["period_start"].notna() == paid).all()
    assert (lines["period_start"] == lines["booked_at"])[paid].all()
    assert (lines["period_end"] > lines["period_start"])[paid].all()


def test_a_contract_that_was_not_renewed_is_billed_no_further(market):
    ended = market.tables["contracts"].query("renewed == False")
    lines = market.tables["transactions"].merge(market.tables["products"][["product_id", "product_line"]])
    soft = lines[lines["product_line"] == "business software"]
    last = soft.groupby(soft["account_id"].str[:6])["booked_at"].max()
    assert len(ended) > 10
    assert not (ended["account_id"].map(last) > ended["end"]).any()


def test_a_deal_renews_each_contract_that_ends_in_the_window(market, deals):
    over = market.tables["contracts"].query("end >= '2024-01-01' and renewed.notna()")
    renewals = deals[(deals["type"] == "renewal") & deals["is_closed"].astype(bool)]
    assert len(over) > 50
    for row in over.itertuples():
        near = renewals[
            (renewals["of"] == row.account_id) & ((row.end - renewals["close_date"]).dt.days.between(-3, 40))
        ]
        assert len(near) == 1 and bool(near["is_won"].iloc[0]) == row.renewed


def test_office_supplies_rest_in_august_and_rise_at_the_years_end(large):
    lines = large.tables["transactions"].merge(large.tables["products"][["product_id", "product_line"]])
    months = lines[lines["product_line"] == "office supplies"]["booked_at"].dt.month.value_counts()
    assert months.idxmin() == 8
    assert months[[10, 11, 12]].mean() > 1.1 * months.mean()


# -- deals ------------------------------------------------------------------------------------------------------------


def test_the_last_row_of_its_history_says_what_the_deal_says(deals, history):
    last = history.groupby("opportunity_id").tail(1).reset_index(drop=True)
    same = ["opportunity_id", "stage", "amount", "close_date", "probability"]
    pd.testing.assert_frame_equal(last[same], deals[same])
    closed = deals["is_closed"].to_numpy(dtype=bool)
    assert (last["entered_at"] == deals["closed_at"])[closed].all()  # so nothing is noted later
    known = deals["created_at"].notna()
    assert (history.groupby("opportunity_id")["entered_at"].first().to_numpy() == deals["created_at"])[known].all()


def test_history_runs_in_order_and_numbers_changes_of_one_moment(history):
    of = history.groupby("opportunity_id")
    assert of["entered_at"].is_monotonic_increasing.all()
    assert of["stage_order"].is_monotonic_increasing.all()
    assert (history["seq"] == history.groupby(["opportunity_id", "entered_at"]).cumcount()).all()
    assert (history["seq"] > 0).any()
    entered = history.query("changed_field in ['created', 'stage'] and stage_order < 5")
    assert (entered.groupby("opportunity_id")["stage_order"].diff() == 2).any()  # some skip a stage


def test_a_push_moves_the_closing_day_later_and_lost_deals_have_more(deals, history):
    before = history.groupby("opportunity_id")["close_date"].shift()
    pushed = history["changed_field"] == "close_date"
    assert (history["close_date"] > before)[pushed & before.notna()].all()  # a deal may lack its first row
    assert deals["pushes"].between(0, 4).all()
    assert pushed.sum() == deals["pushes"].sum()
    by_end = deals[deals["is_closed"]].groupby("is_won")["pushes"].mean()
    assert by_end[False] > 1.5 * by_end[True]


def test_open_and_closed_deals_hold_what_they_should(deals):
    closed, won = deals["is_closed"].astype(bool), deals["is_won"].fillna(False).astype(bool)
    assert (deals["stage"].isin([WON, LOST]) == closed).all()
    assert ((deals["stage"] == WON) == won).all()
    for column in ("closed_at", "is_won"):
        assert (deals[column].notna() == closed).all()
    assert (deals["loss_reason"].notna() == (closed & ~won)).all()
    assert deals.loc[deals["loss_reason"] == "competitor", "competitor"].notna().all()
    assert (deals["closed_at"].dt.tz_localize(None).dt.normalize() == deals["close_date"])[closed].all()
    assert deals.loc[closed, ["account_id", "amount", "created_at"]].notna().all(axis=None)
    software = deals["product_line"] == "business software"
    assert (deals["term_months"].notna() == software).all()
    yearly = deals["amount"] / (deals["term_months"] / 12)
    assert (deals["acv"] - yearly).abs().max() <= 0.005 + 1e-9


def test_the_truth_of_a_closed_deal_is_its_end(deals):
    closed = deals[deals["is_closed"].astype(bool)]
    assert (closed["ends_won"] == closed["is_won"].astype(bool)).all()
    assert (closed["closes_at"] == closed["closed_at"]).all()
    still = deals[~deals["is_closed"].astype(bool)]
    assert (still["closes_at"] >= (LAST + pd.Timedelta(days=1)).tz_localize("UTC")).all()


def test_deals_end_as_often_and_as_late_as_they_should(market, deals):
    closed = deals[deals["is_closed"]]
    assert 0.33 <= closed["is_won"].mean() <= 0.42
    assert 0.08 <= 1 - deals["is_closed"].mean() <= 0.20
    like = market.truth["account_lines"].set_index(["account_id", "product_line"])["cycle"]
    cycle = like.reindex(pd.MultiIndex.from_frame(closed[["of", "product_line"]])).to_numpy()
    closed = closed[cycle == closed["product_line"].map(dict(zip(sales.LINES, CYCLES, strict=True)))]
    won = closed[closed["is_won"].astype(bool) & (closed["type"] != "renewal")]
    days = (won["closed_at"] - won["created_at"]).dt.days.groupby(won["product_line"]).median()
    assert days.to_dict() == pytest.approx(
        {"advisory services": 215, "business software": 105, "office supplies": 27}, rel=0.25
    )
    large = closed.query("product_line == 'advisory services'")["amount"]
    assert large.quantile(0.9) > 1_000_000  # services are sold by the million
    ends = closed["close_date"].dt.to_period("Q").dt.end_time
    assert ((ends - closed["close_date"]).dt.days < 8).mean() > 1.5 * 8 / 91


def test_a_first_win_comes_before_the_first_purchase_and_who_never_wins_buys_nothing(market, deals):
    lines = market.tables["transactions"]
    first = lines.groupby(lines["account_id"].str[:6])["booked_at"].min()
    won = deals[deals["is_won"].fillna(False).astype(bool)]
    news = won[won["type"] == "new"]
    assert len(news) > 20 and news["of"].is_unique
    assert not (news["close_date"] > news["of"].map(first)).any()
    never = market.truth["accounts"].query("starts.isna()")["account_id"]
    assert len(never) > 10 and not first.index.isin(never).any() and not won["of"].isin(never).any()


def test_true_chances_hold_for_the_ends_they_are_the_chances_of(large):
    told = large.truth["opportunities"]
    band = pd.cut(told["win_probability"], [0, 0.3, 0.4, 0.5, 0.6, 0.8, 1])
    seen = told.groupby([band, "type"], observed=True).agg(
        told=("win_probability", "mean"), won=("ends_won", "mean"), n=("ends_won", "size")
    )
    error = np.sqrt(seen["told"] * (1 - seen["told"]) / seen["n"])
    assert len(seen) > 10
    assert ((seen["told"] - seen["won"]).abs() < 4 * error).all(), seen


def test_the_crms_probability_is_wrong_in_every_stage_but_the_true_one_is_not(market, deals, history):
    truth = market.truth["stages"].query("product_line == 'all'").set_index("stage")
    assert list(truth.index) == list(STAGES) and tuple(truth["crm_probability"]) == CRM
    closed = deals[deals["is_closed"]].set_index("opportunity_id")["is_won"].astype(float)
    off = []
    for order, stage in enumerate(STAGES, start=1):
        reached = history.loc[history["stage_order"].between(order, 4), "opportunity_id"].unique()
        won = closed.reindex(reached).mean()
        assert won == pytest.approx(truth["win_probability"][stage], abs=0.06)
        off.append(abs(won - truth["crm_probability"][stage]))
    assert off[0] > 0.1 and max(off) > 0.1


def test_nobody_of_the_account_moves_while_a_deal_stalls(market):
    stays = days_in_stage(market).query("stalled").sort_values("days").drop_duplicates("opportunity_id", keep="last")
    own = market.tables["activities"].query("direction != 'outbound'").merge(stays, on="opportunity_id")
    since = (own["occurred_at"] - own["entered_at"]).dt.total_seconds() / 86_400
    stuck = own["days"] > 2 * own["cycle_scale"]
    assert stuck.any()
    assert not (stuck & (since > 1) & (since < own["days"] - 1)).any()


# -- people and touches -----------------------------------------------------------------------------------------------


def test_people_are_as_many_and_as_well_known_as_they_should_be(market):
    contacts = market.tables["contacts"]
    staff = contacts[~contacts["is_lead"]]
    assert staff["account_id"].str[:6].nunique() == SIZES["n_accounts"]
    assert staff.groupby(staff["account_id"].str[:6])["email_hash"].nunique().between(2, 8).all()
    assert contacts.loc[contacts["is_lead"], "account_id"].isna().all() and contacts["is_lead"].any()
    assert 0.20 <= (contacts["buying_role"].fillna("unknown") == "unknown").mean() <= 0.30
    assert contacts["valid_to"].notna().any() and not (contacts["valid_to"] < contacts["created_at"]).any()
    assert contacts["email_hash"].str.fullmatch("[0-9a-f]{32}").all()


def test_names_and_domains_are_reserved_and_none_looks_like_mail(market, tmp_path):
    accounts = market.tables["accounts"]
    own = accounts[accounts["account_id"].str.len() == 6]
    assert own["name"].is_unique and own["domain"].is_unique and own["domain"].str.endswith(".example").all()
    assert not any(b"@" in content for content in written(market, tmp_path).values())


def test_one_to_five_people_take_part_in_a_deal_and_one_leads(market, deals):
    parts = market.tables["opportunity_contacts"].merge(deals, on="opportunity_id")
    assert parts["opportunity_id"].nunique() > 0.98 * len(deals)  # where all have left there is nobody
    assert parts.groupby("opportunity_id").size().between(1, 5).all()
    assert (parts.groupby("opportunity_id")["is_primary"].sum() == 1).all()
    person = market.tables["contacts"].set_index("contact_id").loc[parts["contact_id"]].reset_index()
    assert (person["account_id"].str[:6] == parts["of"]).all()
    assert (parts["added_at"] >= person["created_at"]).all()
    assert not (parts["added_at"] > person["valid_to"]).any()
    assert not (parts["added_at"] < parts["created_at"]).any() and not (parts["added_at"] > parts["closed_at"]).any()


def test_touches_are_denser_in_deals_and_a_little_more_in_those_won(large):
    touches, deals = large.tables["activities"], large.tables["opportunities"].query("type != 'renewal'")
    in_deals = touches["opportunity_id"].value_counts().reindex(deals["opportunity_id"], fill_value=0).to_numpy()
    closed = deals.assign(n=in_deals)[deals["is_closed"].to_numpy(dtype=bool)]
    by_end = closed.groupby(["product_line", "is_won"])["n"].mean().unstack()
    assert (by_end[True] > by_end[False]).all()
    own = touches.merge(deals[["opportunity_id", "created_at", "closed_at"]], on="opportunity_id")
    assert not (own["occurred_at"] < own["created_at"]).any() and not (own["occurred_at"] > own["closed_at"]).any()


def test_every_channel_is_used_and_says_what_it_can_say(market):
    touches = market.tables["activities"]
    assert set(touches["channel"]) == {*schema.CHANNELS}
    assert set(touches["direction"]) == {"inbound", "outbound", "mutual"}
    met = touches["channel"] == "meeting"
    assert (touches["outcome"].notna() == met).all()
    assert (touches.loc[touches["person_hours"].notna(), "team"] == "sales").all()
    assert touches.loc[touches["is_bot"].fillna(False), "contact_id"].isna().all()


def test_nobody_is_written_to_who_does_not_want_it(market):
    sent = market.tables["activities"].query("direction == 'outbound' and team == 'marketing'")
    sent = sent.merge(market.tables["contacts"], on="contact_id")
    assert len(sent) > 100 and not sent["opted_out"].any()


# -- refusals and the command -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(7, 0, 36), "n_accounts must be from 1 to .*, got 0"),
        (Plan(7, 240, 0), "months must be 1 or more, got 0"),
        (Plan(7, 240, 36, end="2026-13-01"), "end must be a day such as 2026-06-30, got '2026-13-01'"),
        (Plan(7, 240, 36, density=0), "density must be above 0"),
        (Plan(7, 9, 2, switches=Switches(returns=3)), r"switches: 1 of \d+ sizes out of range: returns=3 \(0 to 1\)"),
    ],
)
def test_refuses_what_makes_no_market_and_writes_nothing(plan, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make(plan, tmp_path / "market", truth=tmp_path / "truth")
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_switch_it_does_not_have():
    with pytest.raises(ValueError, match=r"there is no \['abm_wins'\]"):
        changed(Switches(), {"abm_wins": 0.1})


def test_one_size_sets_every_cycle_and_a_dotted_name_one():
    both = changed(changed(Switches(), {"abm_win": 0.2}), {"abm_win.mid": 0.0})
    assert (both.abm_win.early, both.abm_win.mid, both.abm_win.full) == (0.2, 0.0, 0.2)


def test_the_command_makes_a_market_and_keeps_its_truth_apart(tmp_path):
    to = tmp_path / "m"
    code, said = abm("market", "--accounts", 40, "--months", 6, "--seed", 3, "--set", "bots=0", "--out", to)
    assert code == 0 and "40 accounts" in said
    assert not any("truth" in f.name for f in to.rglob("*"))
    assert pd.read_csv(tmp_path / "m-truth" / "switches.csv").set_index("name")["size"]["bots"] == 0
    assert (
        in_bytes(to)["accounts.csv"]
        == written(simulate(3, 40, 6, switches=Switches(bots=0)), tmp_path / "w")["accounts.csv"]
    )
    code, said = abm("market", "--out", to)
    assert code == 2 and "is there already" in said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--preset", "grand"), "preset: there is no grand"),
        (("--set", "bots"), "--set bots: must be a switch, = and a size"),
        (("--format", "xlsx"), "format: must be one of"),
        ((), "nowhere to write to"),
    ],
)
def test_the_command_refuses_what_it_cannot_make(args, message, tmp_path):
    code, said = abm("market", *args, *(("--out", tmp_path / "m") if args else ()))
    assert code == 2 and message in said
    assert list(tmp_path.iterdir()) == []


def test_the_command_lists_what_can_be_planted():
    code, said = abm("market", "--switches")
    assert code == 0 and "abm_creation.early" in said and "outside" in said
