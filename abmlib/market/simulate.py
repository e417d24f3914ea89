"""A synthetic market with known truth: a vendor of advisory services, business software and office supplies."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.market import buyers as buying
from abmlib.market import (
    catalogue,
    clock,
    crm,
    deals,
    dirt,
    origins,
    people,
    programme,
    relations,
    sales,
    tabled,
    touches,
)
from abmlib.market.buyers import BLOCK
from abmlib.market.chance import Chance
from abmlib.market.companies import MOST
from abmlib.market.switches import Switches, check, sizes
from abmlib.tables import schema

PLANTED = Switches()
END = "2026-06-30"
MOST_DENSE = 50.0  # most touches, as a multiple of the sample's


@dataclass(frozen=True)
class Market:
    """Canonical tables, to spec, and the truth behind them, for tests and teaching only."""

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]


def simulate(
    seed: int,
    n_accounts: int,
    months: int,
    *,
    end: str = END,
    switches: Switches = PLANTED,
    density: float = 1.0,
) -> Market:
    """Simulate a whole market: the blocks of `blocks`, one below the other, and what belongs to no account.

    Accounts come in order of their id, lines in order of account and day, all else in order of account.

    Parameters
    ----------
    seed : same seed, same market.
    n_accounts : accounts, prospects included and twins not; >= 1. A larger market holds the smaller one's accounts
        unchanged.
    months : length of the window; >= 1.
    end : ISO date; the last day of the window.
    switches : what is planted.
    density : touches, as a multiple of the sample's.

    Returns
    -------
    Market
        ``tables``: every table of ``tables.schema`` that a source or a programme folder may hold, but ``forgotten``.

        ``truth["accounts"]``: account_id, product_line and cycle (of its main line), size and latent (0 is typical; nobody
        records latent), opening (logarithm of what drives its rate of deals), rhythm_days (from order to order or bill to
        bill; missing for services), starts and stops (first and last day of business in the main line; missing = never),
        declining and falls (since when), flag and since (red flag), margin_rate (at its main line's average product),
        picked, held_back, tier, entry and exposed (to the programme), currency (empty = the reporting currency). A
        `starts` may lie before the window. `cycle` is the usual one of the line, `opening` what holds on the last day;
        interested is False where an account has next to no wish to buy, luck moves the log-odds to win of all its deals.

        ``truth["account_lines"]``: account_id, product_line, the cycle in which this account buys that line, or would, and
        typical_amount, of a deal that opens on the last day (of software by the year; without the programme; half of them
        are larger where amounts have no heavy tail).

        ``truth["opportunities"]``: opportunity_id, account_id (also where the deal lacks it), product_line, type,
        win_probability (true, at opening, with all that is planted, the account's luck too) and win_probability_without (the programme), caused
        (opened by the programme), size_factor (of the programme), cycle_scale (typical days to a win), stalled, too_fast,
        pushes (how often its closing day was moved within the window), opens_at, closes_at and ends_won
        (its true end, also after the window), and of renewals the troubles escalation, sponsor_left, low_value.

        ``truth["duplicates"]``: account_id of the twin, original_id, merged. ``truth["stages"]``: `crm.stage_truth`.
        ``truth["origins"]``: `origins.truth`. ``truth["drivers"]``: `buyers.DRIVERS` with ``planted``, the weight that was
        at work. ``truth["switches"]``: name, size.

    Raises
    ------
    ValueError
        If `n_accounts` or `months` is below 1, there are not so many names, or a size or `density` is out of range.
    """
    whole = together(list(blocks(seed, n_accounts, months, end=end, switches=switches, density=density)))
    return with_shared(whole, seed, n_accounts, months, end=end, switches=switches)


def together(parts: list[Market]) -> Market:
    """Put blocks one below the other, and check every table against its spec."""
    whole = stacked(parts)
    for name, table in whole.tables.items():
        schema.check(name, table)
    return whole


def stacked(parts: list[Market]) -> Market:
    """Put parts of a market one below the other."""
    tables = {n: pd.concat([p.tables[n] for p in parts], ignore_index=True) for n in parts[0].tables}
    return Market(tables, {n: pd.concat([p.truth[n] for p in parts], ignore_index=True) for n in parts[0].truth})


def looked_at(market: Market) -> Market:
    """What `with_shared` looks at: of deals, and of the accounts of the first tier."""
    tiers, accounts = market.tables["account_tiers"], market.tables["accounts"]
    tiers = tiers.loc[tiers["tier"] == "1", ["account_id", "tier", "entered_at"]]
    tables = {
        "opportunities": market.tables["opportunities"][["is_won", "closed_at", "amount", "owner_id"]],
        "account_tiers": tiers,
        "accounts": accounts.loc[accounts["account_id"].isin(tiers["account_id"]), ["account_id", "owner_id"]],
    }
    truth = market.truth["opportunities"][["product_line", "type", "win_probability"]]
    return Market(tables, {"opportunities": truth})


def with_shared(
    market: Market, seed: int, n_accounts: int, months: int, *, end: str = END, switches: Switches = PLANTED
) -> Market:
    """Add the tables that belong to no account, and the truth of the whole."""
    window = window_of(months, end)
    tables = tabled.at_prices(catalogue.tables(Chance(seed, -1), window, n_accounts), switches.price_level)
    seen = looked_at(market).tables
    tables["targets"] = programme.targets(seen["opportunities"], end)
    tables["team"] = programme.with_account_teams(tables["team"], seen["account_tiers"], seen["accounts"])
    drawn = switches.selected > 0 and switches.holdout > 0
    tables["experiment_plans"] = catalogue.plan(window, switches.holdout).head(int(drawn))
    drivers = buying.DRIVERS.assign(
        planted=lambda d: d["weight"] * d["of"].map({
            "opening": switches.propensity_drivers * (1 - switches.non_linear), "amount": switches.size_drivers,
        })
    )  # fmt: skip
    truth = {"stages": crm.stage_truth(market.truth["opportunities"]), "drivers": drivers}
    truth["origins"] = origins.truth(market.truth["opportunities"], switches.origins)
    truth["switches"] = pd.DataFrame({"name": list(sizes(switches)), "size": list(sizes(switches).values())})
    return Market(market.tables | tables, market.truth | truth)


def blocks(
    seed: int,
    n_accounts: int,
    months: int,
    *,
    end: str = END,
    switches: Switches = PLANTED,
    density: float = 1.0,
    only: range | None = None,
) -> Iterator[Market]:
    """Simulate the market of `simulate` in blocks of accounts, so that memory does not grow with it.

    Each block has its own accounts and what belongs to them. `only` names the blocks wanted. Parameters and errors as
    `simulate`.
    """
    if not 1 <= n_accounts <= MOST:
        raise ValueError(f"n_accounts must be from 1 to {MOST}, got {n_accounts}. Ask for a market of that size.")
    if months < 1:
        raise ValueError(f"months must be 1 or more, got {months}. Ask for at least one month.")
    if not 0 < density <= MOST_DENSE:
        raise ValueError(f"density must be above 0 and up to {MOST_DENSE:g}, got {density}. Use 1 for the sample's.")
    check(switches)
    window = window_of(months, end)
    wanted = only if only is not None else range(-(-n_accounts // BLOCK))
    return (_block(Chance(seed, b), min(BLOCK, n_accounts - b * BLOCK), window, switches, density) for b in wanted)


def window_of(months: int, end: str) -> sales.Window:
    """The days simulated: so many months up to and with the last day."""
    try:
        after = pd.Timestamp(dt.date.fromisoformat(end)) + pd.Timedelta(days=1)
    except ValueError as wrong:
        raise ValueError(f"end must be a day such as {END}, got {end!r}.") from wrong
    start = after - pd.DateOffset(months=months)
    return sales.Window(np.datetime64(start.date()), (after - start).days)


def _block(chance: Chance, count: int, window: sales.Window, switches: Switches, density: float) -> Market:
    """Draw a full block and keep its first `count` accounts, so that an account never depends on how many follow."""
    buyers, firms = buying.buyers(chance, window, switches)
    found, held, terms = deals.deals(chance, buyers, firms, window, switches)
    sold = _sold(chance, buyers, held, found, window, switches)
    renewals = found[found["type"] == "renewal"].astype({f"trouble {k}": bool for k in range(3)})
    seen = found[(found["opens"] >= 0) & (found["opens"] < clock.length(window))].reset_index(drop=True)
    seen = origins.with_origins(chance, seen, window, switches.origins)

    known = clock.working(window, buyers["created"].to_numpy()) + 1
    persons = people.people(chance.of("people"), buyers, renewals, known, window, switches)
    parts = people.parts_in_deals(chance.of("parts"), seen, persons, clock.length(window), switches.buyers_more)
    touched = touches.touches(chance, buyers, seen, persons, parts, window, switches, density)
    noted = crm.history(chance.of("crm"), seen, window, switches.deal_gaps, switches.overdue)

    account_id = firms["account_id"]
    deal_id, person_id, touch_id = (
        tabled.ids(letter, account_id, table["account"], digits)
        for letter, table, digits in (("O", seen, 2), ("C", persons, 2), ("V", touched, 4))
    )
    own = {"buyers": buyers, "held": held, "found": found, "sold": sold, "terms": terms, "renewals": renewals}
    tables = relations_of(chance, own, persons, person_id, account_id, window)
    tables = {name: table[_of_first(table, account_id, count)].reset_index(drop=True) for name, table in tables.items()}
    primary = origins.primary(seen, parts, persons, person_id)
    within = (seen["account"] < count).to_numpy()
    noted, parts = noted[within[noted["deal"]]], parts[within[parts["deal"]]]
    persons, touched = persons[persons["account"] < count], touched[touched["account"] < count]
    first = sold.groupby("account")["day"].min().reindex(range(BLOCK)).to_numpy(dtype=float)[:count]
    history = tabled.stage_history(noted, deal_id, window)
    kept = crm.imported(noted, seen, window, switches.missing_history).index
    tables |= {
        "accounts": tabled.accounts(firms[:count], buyers[:count], first, window),
        "transactions": tabled.transactions(account_id.to_numpy(), sold[sold["account"] < count], window),
        "contacts": tabled.contacts(persons, person_id, firms, window),
        "opportunities": tabled.opportunities(seen[within], noted, history, deal_id, account_id, window),
        "opportunity_stage_history": history.loc[kept].reset_index(drop=True),
        "opportunity_contacts": tabled.opportunity_contacts(parts, deal_id, person_id, window),
        "activities": tabled.activities(
            touched, touch_id, account_id, deal_id, person_id, buyers["main"].to_numpy(), window
        ),
    }
    tables["attribute_history"] = tabled.attribute_history(
        chance.of("attributes"), tables["accounts"], firms[:count], tables["contacts"], persons, window
    )
    customer = (held["begun"] < 0).to_numpy()
    tables, doubled = dirt.dirty(chance, tables, buyers, customer, BLOCK, window, switches)
    tables = tabled.at_prices(tables, switches.price_level)
    tables["leads"] = origins.leads(
        chance, seen, primary, tables["opportunities"], deal_id, account_id, known, window, switches.origins, count
    )
    tables["web_sessions"] = relations.web_sessions(tables["activities"], window)
    truth = {
        "accounts": tabled.account_truth(firms[:count], buyers[:count], held[:count], window),
        "account_lines": tabled.line_truth(firms[:count], buyers[:count], switches.price_level),
        "opportunities": tabled.deal_truth(seen[within], noted, deal_id, account_id, window),
        "duplicates": doubled,
    }
    return Market(tables, truth)


def _sold(
    chance: Chance,
    buyers: pd.DataFrame,
    held: pd.DataFrame,
    found: pd.DataFrame,
    window: sales.Window,
    switches: Switches,
) -> pd.DataFrame:
    """All lines of a full block, returns and currencies included, by account and day; with the ``line`` of each."""
    won = found[found["won"] & (found["type"] != "renewal")]
    won = pd.DataFrame({
        "account": won["account"], "line": won["line"], "type": won["type"], "amount": won["amount 2"],
        "term_months": won["term_months"], "lot": won["lost to"],
        "day": deals.calendar_day(window, won["closes"].to_numpy()),
    })  # fmt: skip
    sold = sales.lines(chance, buyers, held, won, lambda a, d: buying.business_left(buyers, a, d), window)
    rng = chance.of("after sale")
    unknown = rng.random(len(sold)) < switches.missing_cost
    sold = sold.assign(cogs=sold["cogs"].mask(unknown))
    back = sales.returned(rng.random((3, len(sold))), sold, switches.returns, window.days)
    sold = sales.promoted(rng.random(len(sold) + len(back)), pd.concat([sold, back]), window).sort_values(
        ["account", "day"], kind="stable", ignore_index=True
    )
    rates = catalogue.rates(Chance(chance.seed, -1), window)
    return dirt.in_currency(sold, buyers["currency"].to_numpy(), rates, window)


def relations_of(
    chance: Chance,
    own: dict[str, pd.DataFrame],
    persons: pd.DataFrame,
    person_id: np.ndarray,
    account_id: pd.Series,
    window: sales.Window,
) -> dict[str, pd.DataFrame]:
    """The tables of `relations` for a full block."""
    buyers, held, found, sold, terms, renewals = own.values()
    auto = chance.of("auto renew").random(len(buyers)) < 0.5
    feeds = relations.feeds(chance, buyers, found, sold, account_id, window)
    return feeds | programme.tables(chance, buyers, found, account_id, window) | {
        "contracts": relations.contracts(terms, account_id, window, auto),
        "cases": relations.cases(chance, held, renewals, account_id, window),
        "surveys": relations.surveys(chance, buyers, held, renewals, persons, person_id, account_id, window),
        "account_goals": relations.goals(chance, buyers, account_id, window),
        "account_insights": relations.insights(chance, buyers, account_id, window),
        "relationship_economics": relations.economics(chance, buyers, sold, account_id, window),
    }  # fmt: skip


def _of_first(table: pd.DataFrame, account_id: pd.Series, count: int) -> np.ndarray:
    """Which rows belong to the first `count` accounts of a block."""
    return table["account_id"].isin(account_id[:count]).to_numpy()
