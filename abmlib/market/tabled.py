"""People, deals and touches of a block as canonical tables, with ids and timestamps.

Rows of what is given keep their position in the full block as index, so that `*_id` arrays hold the ids of all of it.
"""

import numpy as np
import pandas as pd

from abmlib.market import buyers as buying
from abmlib.market import catalogue, clock, companies, deals, people, sales
from abmlib.market.companies import SELLERS
from abmlib.market.sales import LINES
from abmlib.market.switches import CYCLES
from abmlib.tables import schema

TITLES = tuple(
    f"{line.capitalize()}, {what}" for line, what in zip(LINES, ("engagement", "seats", "standing order"), strict=True)
)


def ids(letter: str, account_id: pd.Series, account: pd.Series | np.ndarray, digits: int = 2) -> np.ndarray:
    """Ids made of a letter, the digits of the account, and a number within it; rows of an account may stand anywhere.

    Examples
    --------
    >>> ids("O", pd.Series(["A00001", "A00002"]), pd.Series([0, 0, 1]), 2).tolist()
    ['O00001-01', 'O00001-02', 'O00002-01']
    """
    number = pd.Series(np.asarray(account)).groupby(np.asarray(account)).cumcount() + 1
    owner = account_id.to_numpy()[account]
    return np.array([f"{letter}{a[1:]}-{n:0{digits}d}" for a, n in zip(owner, number, strict=True)], dtype=object)


def contacts(persons: pd.DataFrame, person_id: np.ndarray, firms: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """The contacts table; leads have no account."""
    own = person_id[persons.index]
    twin = persons["twin"].to_numpy()
    mail = np.where(twin < 0, own, person_id[twin])
    account, lead = persons["account"].to_numpy(), persons["is_lead"].to_numpy()
    described = [
        "full_name",
        "title",
        "department",
        "seniority",
        "buying_role",
        "is_lead",
        "opted_out",
        "email_bounced",
        "persona_id",
    ]
    rows = persons[described].assign(
        contact_id=own,
        account_id=np.where(lead, None, firms["account_id"].to_numpy()[account]),
        email_hash=[people.hashed(c) for c in mail],
        email_domain=np.where(persons["stray"], people.STRAY_DOMAIN, firms["domain"].to_numpy()[account]),
        valid_from=clock.stamps(window, np.floor(persons["created"].to_numpy())),
        valid_to=clock.stamps(window, persons["left"].to_numpy()),
        created_at=clock.stamps(window, persons["created"].to_numpy()),
    )
    return schema.cast("contacts", rows)


def stage_history(noted: pd.DataFrame, deal_id: np.ndarray, window: sales.Window) -> pd.DataFrame:
    """The stage history of the deals; changes of one second are numbered."""
    place = noted["stage_order"].to_numpy().astype(int) - 1
    closed = place == len(deals.STAGES)
    stage = np.where(closed, np.where(noted["won"], deals.WON, deals.LOST), np.array([*deals.STAGES, ""])[place])
    rows = noted[["changed_field", "stage_order", "amount"]].assign(
        opportunity_id=deal_id[noted["deal"]],
        entered_at=clock.stamps(window, noted["at"].to_numpy()),
        stage=stage,
        close_date=clock.days(window, noted["forecast"].to_numpy()),
        probability=np.where(closed, noted["won"], np.array([*deals.CRM, 0.0])[place]).astype(float),
    )
    rows = rows.assign(seq=rows.groupby(["opportunity_id", "entered_at"]).cumcount())
    return schema.cast("opportunity_stage_history", rows)


def opportunities(
    found: pd.DataFrame,
    noted: pd.DataFrame,
    history: pd.DataFrame,
    deal_id: np.ndarray,
    account_id: pd.Series,
    window: sales.Window,
) -> pd.DataFrame:
    """The opportunities table: each deal as its last row of history leaves it."""
    last = history.drop_duplicates("opportunity_id", keep="last")
    lacks = noted.drop_duplicates("deal", keep="last")
    amount, term = last["amount"].to_numpy(), found["term_months"].to_numpy()
    closed = last["stage"].isin([deals.WON, deals.LOST]).to_numpy()
    created = clock.stamps(window, np.where(lacks["no created_at"], np.nan, found["opens"]))
    described = ["type", "sales_model", "term_months", "competitor", "campaign_id", "lead_source"]
    rows = found[described].assign(
        name=np.array(TITLES, dtype=object)[found["line"]],
        product_line=np.array(LINES, dtype=object)[found["line"]],
        discount_rate=np.round(1 - np.clip(found["amount 2"] / found["amount 1"], 0, 1), 3)
        .where(found["in 3"] < clock.length(window))
        .to_numpy(),
        incumbent=np.where(found["type"] == "new", found["competitor"], None),
        opportunity_id=deal_id[found.index],
        account_id=np.where(lacks["no account_id"], None, account_id.to_numpy()[found["account"]]),
        stage=last["stage"].to_numpy(),
        amount=amount,
        acv=np.round(amount / (term / 12), 2),
        probability=last["probability"].to_numpy(),
        created_at=created,
        close_date=last["close_date"].to_numpy(),
        closed_at=pd.DatetimeIndex(last["entered_at"]).where(closed),
        is_closed=closed,
        is_won=pd.array(last["stage"] == deals.WON, dtype="boolean"),
        loss_reason=found["loss_reason"].where(closed),
        win_reason=found["win_reason"].where(closed),
        owner_id=[f"S{s + 1:02d}" for s in found["seller"]],
    )
    rows["is_won"] = rows["is_won"].where(closed)
    return schema.cast("opportunities", rows)


def opportunity_contacts(
    parts: pd.DataFrame, deal_id: np.ndarray, person_id: np.ndarray, window: sales.Window
) -> pd.DataFrame:
    """The table of who takes part in which deal."""
    rows = parts[["role", "is_primary"]].assign(
        opportunity_id=deal_id[parts["deal"]],
        contact_id=person_id[parts["person"]],
        added_at=clock.stamps(window, parts["added"].to_numpy()),
    )
    return schema.cast("opportunity_contacts", rows)


def activities(
    seen: pd.DataFrame,
    touch_id: np.ndarray,
    account_id: pd.Series,
    deal_id: np.ndarray,
    person_id: np.ndarray,
    main: np.ndarray,
    window: sales.Window,
) -> pd.DataFrame:
    """The activities table; `main` is the main line of each account."""
    described = ["direction", "channel", "activity_type", "duration_min", "page_class", "is_conversion", "outcome"]
    at = pd.Series(clock.stamps(window, seen["at"].to_numpy()))
    code = seen["code"].to_numpy(dtype=object)
    code = np.where(code == "ABM", np.array(catalogue.ABM, dtype=object)[main[seen["account"]]], code)
    piece = seen["content"].to_numpy()
    rows = seen[[*described, "is_bot", "team", "person_hours"]].assign(
        campaign_id=catalogue.campaign_id(code, at),
        content_id=np.where(piece < 0, None, np.array([f"D{k + 1:02d}" for k in range(24)], dtype=object)[piece]),
        activity_id=touch_id[seen.index],
        account_id=account_id.to_numpy()[seen["account"]],
        contact_id=pd.Series(person_id).reindex(seen["person"]).to_numpy(),
        opportunity_id=pd.Series(deal_id).reindex(seen["deal"]).to_numpy(),
        occurred_at=at.to_numpy(),
    )
    return schema.cast("activities", rows)


NEW_OWNER = 0.06  # share of accounts that another looked after before


def attribute_history(
    rng: np.random.Generator,
    accounts: pd.DataFrame,
    firms: pd.DataFrame,
    contacts: pd.DataFrame,
    persons: pd.DataFrame,
    window: sales.Window,
) -> pd.DataFrame:
    """What was known of accounts and of the part their people play, since they were entered and from each change on."""
    lot, when, other = rng.random((len(accounts), 3)).T
    created = accounts["created_at"]
    last = pd.Timestamp(window.start + window.days).tz_localize("UTC")
    owner = pd.Series([f"S{int(SELLERS * x) + 1:02d}" for x in other], index=accounts.index)
    moved = (created + when * (last - created)).dt.floor("s").where(lot < NEW_OWNER)
    parts = [_taken("accounts", accounts["account_id"], "owner_id", created, accounts["owner_id"], owner, moved)]
    for field in companies.CHANGING:
        since = catalogue.stamp(firms[f"{field} since"], window, 7)
        was = firms[f"{field} was"]
        parts.append(_taken("accounts", accounts["account_id"], field, created, accounts[field], was, since))
    since = pd.Series(clock.stamps(window, persons["role since"].to_numpy()))
    own = contacts.reset_index(drop=True)
    was = persons["role was"].reset_index(drop=True)
    parts.append(
        _taken("contacts", own["contact_id"], "buying_role", own["created_at"], own["buying_role"], was, since)
    )
    rows = pd.concat(parts)
    return schema.cast("attribute_history", rows.sort_values(["table", "row_id", "field", "known_from"]))


def _taken(
    table: str, key: pd.Series, field: str, created: pd.Series, now: pd.Series, was: pd.Series, since: pd.Series
) -> pd.DataFrame:
    """One row of history for each value known when the row was entered, and one for each change since."""
    changed = since > created
    first = now.astype("str").mask(changed, was.astype("str"))
    rows = pd.DataFrame({"row_id": key, "value": first, "known_from": created})
    again = pd.DataFrame({"row_id": key, "value": now.astype("str"), "known_from": since})[changed]
    known = now.notna()
    return pd.concat([rows[known], again[known[changed]]]).assign(table=table, field=field)


def at_prices(tables: dict[str, pd.DataFrame], level: float) -> dict[str, pd.DataFrame]:
    """The tables with all our money multiplied; what buyers earn themselves stays."""
    if level == 1:
        return tables
    out = dict(tables)
    for name, table in tables.items():
        money = [c for c, d in schema.spec(name).columns.items() if d.kind == "money" and name != "accounts"]
        out[name] = table.assign(**{c: (table[c] * level).round(2) for c in money})
    return out


def accounts(firms: pd.DataFrame, buyers: pd.DataFrame, first: np.ndarray, window: sales.Window) -> pd.DataFrame:
    """The accounts table; `first` is the day of the first purchase in the window, missing where there is none."""
    day = window.dates(buyers["created"].to_numpy()).astype("datetime64[s]")
    created = pd.Series(day + buyers["created_second"].to_numpy().astype("timedelta64[s]")).dt.tz_localize("UTC")
    status = np.where(np.isnan(first), "prospect", "customer")
    won = pd.Series(window.dates(first)).dt.tz_localize("UTC")
    rows = firms.drop(columns=[f"{c} {of}" for c in companies.CHANGING for of in ("was", "since")])
    rows = rows.assign(created_at=created, status=status, first_won_at=won)
    return schema.cast("accounts", rows.assign(tech_stack=rows["tech_stack"].where(rows["tech_stack"] != "")))


def transactions(account_id: np.ndarray, sold: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """The transactions table; lines are numbered within their account."""
    account, day, months = (sold[c].to_numpy() for c in ("account", "day", "months"))
    booked = window.dates(day)
    number = sold.groupby("account").cumcount() + 1
    own = account_id[account]
    paid_to = sales.add_months(booked, months) - np.timedelta64(1, "D")
    lines = sold[["quantity", "revenue", "cogs", "discount", "kind", "promotion_id"]].assign(
        transaction_id=[f"T{a[1:]}-{n:04d}" for a, n in zip(own, number, strict=True)],
        account_id=own,
        product_id=sales.PRODUCTS["product_id"].to_numpy()[sold["product"]],
        booked_at=booked,
        period_start=np.where(months > 0, booked, np.datetime64("NaT", "D")),
        period_end=np.where(months > 0, paid_to, np.datetime64("NaT", "D")),
    )
    return schema.cast("transactions", lines)


def account_truth(firms: pd.DataFrame, buyers: pd.DataFrame, held: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """What was planted in each account; the columns are said in `simulate`."""
    line = np.array(LINES, dtype=object)[buyers["main"]]
    average = pd.Series(line).map(sales.PRODUCTS.groupby("product_line")["gross_margin_rate"].mean()).to_numpy()
    rhythm = np.select([buyers["main"] == 1, buyers["main"] == 2], [buyers["months"] * 30.4, buyers["rhythm"]], np.nan)
    main = np.arange(len(buyers)), buyers["main"].to_numpy()
    until = held[[f"until {k}" for k in range(len(LINES))]].to_numpy()[main]
    days = {
        "starts": held["begun"], "stops": np.where((until < window.days) & held["begun"].notna(), until, np.nan),
        "falls": buyers["falls"], "since": buyers["since"], "entry": buyers["entry"], "exposed": buyers["exposed"],
    }  # fmt: skip
    out = pd.DataFrame(
        {
            "account_id": firms["account_id"].astype("str"),
            "product_line": pd.Series(line, dtype="str"),
            "cycle": pd.Series(np.array(CYCLES, dtype=object)[buyers["main"]], dtype="str"),
            "size": buyers["size"].round(4),
            "latent": buyers["latent"].round(4),
            "rhythm_days": rhythm,
            "margin_rate": (average * buyers["margin_factor"]).round(4),
            "opening": buying.opening(buyers, *main, np.full(len(buyers), np.inf)).round(4),
            "interested": buyers["keen"],
            "luck": buyers["luck"].round(4),
            "declining": buyers["falls"].notna(),
            "flag": buyers["flag"].astype("str"),
            "picked": buyers["picked"],
            "held_back": buyers["held_back"],
            "tier": buyers["tier"].astype("str"),
            "currency": buyers["currency"].astype("str"),
        }
    )
    return out.assign(**{c: window.dates(np.asarray(v, dtype=float)).astype("datetime64[us]") for c, v in days.items()})


def line_truth(firms: pd.DataFrame, buyers: pd.DataFrame, price_level: float) -> pd.DataFrame:
    """The cycle in which each account buys each line, or would, and the amount of a typical deal that opens on the last day."""
    like = buyers[[f"like {k}" for k in range(len(LINES))]].to_numpy().astype(int)
    every = np.arange(len(buyers))
    driven = np.exp(buying.amount(buyers, every, np.full(len(buyers), np.inf))) * buyers["scale"].to_numpy()
    out = pd.DataFrame({
        "account_id": np.repeat(firms["account_id"].to_numpy(), len(LINES)), "product_line": LINES * len(firms),
        "cycle": np.array(CYCLES, dtype=object)[like.ravel()],
    }).astype("str")  # fmt: skip
    return out.assign(typical_amount=(price_level * deals.VALUE[like] * driven[:, None]).ravel().round(2))


def deal_truth(
    found: pd.DataFrame, noted: pd.DataFrame, deal_id: np.ndarray, account_id: pd.Series, window: sales.Window
) -> pd.DataFrame:
    """What was planted in each deal; the columns are said in `simulate`."""
    pushed = noted[noted["changed_field"] == "close_date"].groupby("deal").size()
    renewal = (found["type"] == "renewal").to_numpy()
    return pd.DataFrame({
        "opportunity_id": deal_id[found.index],
        "account_id": account_id.to_numpy()[found["account"]],
        "product_line": np.array(LINES, dtype=object)[found["line"]],
        "type": found["type"].to_numpy(),
        "win_probability": found["p"].round(4).to_numpy(),
        "win_probability_without": found["p without"].round(4).to_numpy(),
        "caused": found["caused"].to_numpy(dtype=bool),
        "size_factor": found["size factor"].round(4).to_numpy(),
        "cycle_scale": found["cycle"].round(1).to_numpy(),
        "stalled": found["stalled"].to_numpy(dtype=bool),
        "too_fast": found["too_fast"].to_numpy(dtype=bool),
        "pushes": pushed.reindex(found.index, fill_value=0).to_numpy(),
        "opens_at": clock.stamps(window, found["opens"].to_numpy()),
        "closes_at": clock.stamps(window, found["closes"].to_numpy()),
        "ends_won": found["won"].to_numpy(dtype=bool),
        **{name: np.where(renewal, found[f"trouble {k}"].eq(True), False) for k, name in enumerate(deals.TROUBLES)},
    }).astype(dict.fromkeys(("opportunity_id", "account_id", "product_line", "type"), "str"))  # fmt: skip
