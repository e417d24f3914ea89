"""What the red flags say where it is known who shows one: a notebook run at the end of every month, over many markets.

`PROOFS` is for the table of `benchmarks.truth`. Alone it prints recall, precision, lead and false alarms by flag:

    python -m benchmarks.truth_flags --seeds 201 208

Thresholds were set on seeds 101 to 108; what is claimed was measured on others.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from abmlib.market import Market, Switches, simulate
from abmlib.method import lost_business, orders, red_flags
from abmlib.method.deals import with_days
from abmlib.tables.days import beside
from benchmarks.proof import END, MONTHS, NOTHING, Found, Proof, Seen

ZONE = "Europe/Berlin"
LAST = pd.Timestamp(END)
TABLES = (
    "transactions", "contacts", "opportunities", "account_insights", "relationship_economics", "surveys",
    "account_goals", "contracts", "attribute_history",
)  # fmt: skip
KNOWN = {
    "surveys": "responded_at",
    "contacts": "created_at",
    "opportunities": "created_at",
    "attribute_history": "known_from",
}
ASK = pd.date_range("2025-03-31", LAST, freq="ME")  # the ends of months from the first planted flag on
SOON = pd.Timedelta(days=60)  # notice is given before a contract ends, and the flag goes up with it
FLAGGED = Switches()


def known(tables: dict[str, pd.DataFrame], day: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Tables as known at the end of a day, as a book would give them, without reading each of them anew."""
    end = (day + pd.Timedelta(days=1)).tz_localize(ZONE).tz_convert("UTC")
    out = {n: t[~(t[KNOWN.get(n, "entered_at")] >= end)] for n, t in tables.items() if n != "transactions"}
    lines, people, deals = tables["transactions"], out["contacts"], out["opportunities"]
    out["transactions"] = lines[(lines["booked_at"] <= day) & ~(lines["known_at"] >= end)]
    out["contacts"] = people.assign(valid_to=people["valid_to"].where(people["valid_to"] < end))
    closed = deals["is_closed"].astype(bool) & (deals["closed_at"] < end)
    now = {c: deals[c].where(closed) for c in ("is_won", "closed_at", "loss_reason")}
    out["opportunities"] = deals.assign(is_closed=closed, **now)
    terms = out["contracts"]
    terms = terms.assign(renewed=terms["renewed"].where(terms["end"] <= day))
    out["contracts"] = terms.assign(notice_date=terms["notice_date"].where(terms["notice_date"] <= day))
    return {n: beside(t, ZONE) for n, t in out.items()}


def flags(
    tables: dict[str, pd.DataFrame], products: pd.DataFrame, accounts: pd.Index, day: pd.Timestamp
) -> pd.DataFrame:
    """Red flags as raised on a day, one row per account and flag."""
    t = known(tables, day)
    lines = orders.with_product_line(t["transactions"], products)
    deals = with_days(t["opportunities"], day)
    insights, history = t["account_insights"], t["attribute_history"]
    made = [
        lost_business.lost_business_flag(lines, deals, t["contracts"], accounts, day),
        red_flags.reorganisation(t["contacts"], insights, history, accounts, day),
        red_flags.no_return(red_flags.both_sides(t["relationship_economics"], lines, t["surveys"], accounts, day), day),
        red_flags.goals_missed(red_flags.goal_tracker(t["account_goals"], day), accounts, day),
    ]
    return pd.concat(made, ignore_index=True)


def first_raised(
    tables: dict[str, pd.DataFrame], truth: dict[str, pd.DataFrame], days: Sequence[pd.Timestamp]
) -> pd.DataFrame:
    """Day on which each flag was first raised at each account, beside what is true of the account.

    Returns
    -------
    DataFrame, one row per account and flag ever raised: ``account_id, flag, first``, ``last`` (raised on the last day)
    and, of the truth, ``planted`` (its flag), ``began, falls, stops, ended`` (the first renewal it loses), ``weaker``
    (does business fall or stop, or a renewal get lost, by `SOON` after)
    """
    needed = {n: tables[n] for n in TABLES}
    accounts = pd.Index(truth["accounts"]["account_id"])  # an account entered twice is for another notebook to find
    every = pd.concat(flags(needed, tables["products"], accounts, day).assign(first=day) for day in days)
    by = every[every["status"] == red_flags.RAISED].groupby(["account_id", "flag"])["first"]
    first = by.min().reset_index().assign(last=by.max().eq(days[-1]).to_numpy())
    deals = truth["opportunities"]
    lost = deals[(deals["type"] == "renewal") & ~deals["ends_won"]]
    ended = lost.groupby("account_id")["closes_at"].min().dt.tz_localize(None)
    true = truth["accounts"].set_index("account_id").rename(columns={"flag": "planted", "since": "began"})
    out = first.join(true[["planted", "began", "falls", "stops"]], on="account_id")
    out = out.join(ended.rename("ended"), on="account_id")
    ends = out[["falls", "stops", "ended"]].sub(out["first"], axis=0)
    return out.assign(weaker=(ends <= SOON).any(axis=1))


def raised_in_quarters(seen: Seen) -> pd.DataFrame:
    """`first_raised` of the last ends of quarters, of the tables as the book gives them."""
    tables = {n: seen.book.read(n) for n in (*TABLES, "products")}
    return first_raised(tables, seen.truth, list(ASK[::3]))


def raised_share(flag: str, seen: Seen) -> Found:
    """Share of accounts on which a flag is raised at one of the last ends of quarters, beside the share that shows it.

    Called: the share of those that show it on which it is raised once it is up (recall); in a market without flags the
    share of all accounts on which it is raised although their business is no weaker.
    """
    raised = seen.once(raised_in_quarters)
    raised = raised[raised["flag"] == flag]
    true = seen.truth["accounts"]
    shows = int((true["flag"] == flag).sum())
    right = (raised["planted"] == flag) & (raised["first"] >= raised["began"])
    false = ~raised["weaker"] | (flag != "elsewhere")
    called = right.sum() / shows if shows else false.sum() / len(true)
    return Found(len(raised) / len(true), shows / len(true), called=float(called), n=len(true))


NOTES = {
    "elsewhere": "Recall is bounded by what can be seen: business falls evenly over 300 days, services are bought too "
    "seldom for a rhythm, and a software contract shows nothing until it ends. Accounts that lose business without the "
    "flag, stop or lose a renewal are raised too, and rightly; they are no false alarms.",
    "reorganisation": "People known leave within two months of it; some reorganisations are told of that are none.",
    "no_return": "Both sides are known of a third of the customers.",
    "goals_missed": "One goal in four is missed without the flag, so that two of two happens by chance.",
}
POWER = {"elsewhere": 0.25, "reorganisation": 0.7, "no_return": 0.7, "goals_missed": 0.7}
PROOFS = tuple(
    Proof(
        f"red flag: {flag}",
        "C-43" if flag == "elsewhere" else "S1-21",
        partial(raised_share, flag),
        on=FLAGGED,
        off=NOTHING,
        alarms=None,
        power=POWER[flag],
        unit="accounts",
        note="Truth: share of accounts with the flag; estimate: share on which it is raised at one of the last six ends "
        "of quarters. Power: share of planted flags raised since they went up (recall). False alarms: share of all "
        f"accounts on which it is raised where none is planted. {NOTES[flag]}",
    )
    for flag in red_flags.FLAGS
)


def buying_days(market: Market, since: pd.Series) -> pd.Series:
    """Days after `since` on which each account bought something."""
    bought = market.tables["transactions"].join(since.rename("since"), on="account_id")
    bought = bought[orders.plain_purchases(bought) & (bought["booked_at"] > bought["since"])]
    return bought.groupby("account_id")["booked_at"].nunique().reindex(since.index, fill_value=0)


def scan(seed: int, switches: Switches, accounts: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `first_raised` says of one market at the end of every month, and its accounts with their planted flags.

    ``visible``: does an account whose business goes elsewhere buy on fewer days than in the same market where it does not.
    """
    market = simulate(seed, accounts, MONTHS, end=END, switches=switches)
    twin = simulate(seed, accounts, MONTHS, end=END, switches=replace(switches, elsewhere=0.0))
    true = market.truth["accounts"].set_index("account_id")
    going = true.loc[true["flag"] == "elsewhere", "since"]
    fewer = buying_days(market, going) < buying_days(twin, going)
    planted = true[["flag"]].assign(visible=fewer.reindex(true.index, fill_value=False))
    return first_raised(market.tables, market.truth, list(ASK)).assign(seed=seed), planted.assign(
        seed=seed
    ).reset_index()


def report(with_it: pd.DataFrame, without: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """Recall, precision, lead and false alarms by flag, over as many accounts with flags as without.

    Parameters
    ----------
    with_it, without, planted : what `scan` gives, of all markets with flags and without, and of those with flags

    Returns
    -------
    DataFrame, one row per flag and one for all. ``recall_visible``: of those whose business differs from the same market
    without the flag; ``precision_in_substance``: an account that loses business, flag or not, counts as right for
    ``elsewhere``
    """
    n, accounts = planted["flag"].value_counts(), len(planted)
    shows = planted[planted["visible"] | ~planted["flag"].isin(["", "elsewhere"])]
    rows = []
    for flag in (*red_flags.FLAGS, "all"):
        raised = with_it if flag == "all" else with_it[with_it["flag"] == flag]
        right = raised[(raised["planted"] == raised["flag"]) & (raised["first"] >= raised["began"])]
        alarm = without if flag == "all" else without[without["flag"] == flag]
        lead = (right["falls"] - right["first"]).dt.days[right["flag"] != "elsewhere"].dropna()
        substance = ((raised["flag"] == "elsewhere") & raised["weaker"]) | raised.index.isin(right.index)
        seen = shows if flag == "all" else shows[shows["flag"] == flag]
        seen_and_right = seen.merge(right, on=["seed", "account_id"])
        total = int(n.drop("", errors="ignore").sum()) if flag == "all" else int(n.get(flag, 0))
        rows.append(
            {
                "flag": flag, "planted": total, "raised": len(raised), "recall": len(right) / total,
                "visible": len(seen), "recall_visible": len(seen_and_right) / len(seen),
                "precision": len(right) / len(raised),
                "precision_in_substance": substance.mean(),
                "lead_days_median": lead.median(), "lead_60_share": (lead >= 60).mean() if len(lead) else float("nan"),
                "recall_last_day": right["last"].sum() / total,
                "precision_last_day": substance[raised["last"]].mean(),
                "delay_days_median": (right["first"] - right["began"]).dt.days.median(),
                "false_per_100": 100 * len(alarm) / accounts,
                "false_in_substance_per_100": 100 * (~alarm["weaker"] | (alarm["flag"] != "elsewhere")).sum() / accounts,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs=2, default=(201, 208), help="first and last seed")
    parser.add_argument("--accounts", type=int, default=500, help="in each market")
    given = parser.parse_args()
    seeds = range(given.seeds[0], given.seeds[1] + 1)
    on, off = ([scan(seed, switches, given.accounts) for seed in seeds] for switches in (FLAGGED, NOTHING))
    with_it, without = (pd.concat([first for first, _ in markets], ignore_index=True) for markets in (on, off))
    table = report(with_it, without, pd.concat([true for _, true in on]))
    print(table.round(3).to_string(index=False))  # noqa: T201


if __name__ == "__main__":
    main()
