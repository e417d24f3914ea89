"""People, deals and touches of a block as canonical tables, with ids and timestamps.

Rows of what is given keep their position in the full block as index, so that `*_id` arrays hold the ids of all of it.
"""

import numpy as np
import pandas as pd

from abmlib.market import clock, deals, people, sales
from abmlib.tables import schema


def ids(letter: str, account_id: pd.Series, account: pd.Series, digits: int) -> np.ndarray:
    """Ids made of a letter, the digits of the account, and a number within it; `account` is sorted.

    Examples
    --------
    >>> ids("O", pd.Series(["A00001", "A00002"]), pd.Series([0, 0, 1]), 2).tolist()
    ['O00001-01', 'O00001-02', 'O00002-01']
    """
    number = account.groupby(account).cumcount() + 1
    owner = account_id.to_numpy()[account]
    return np.array([f"{letter}{a[1:]}-{n:0{digits}d}" for a, n in zip(owner, number, strict=True)], dtype=object)


def contacts(persons: pd.DataFrame, person_id: np.ndarray, firms: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """The contacts table; leads have no account."""
    own = person_id[persons.index]
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
    ]
    rows = persons[described].assign(
        contact_id=own,
        account_id=np.where(lead, None, firms["account_id"].to_numpy()[account]),
        email_hash=[people.hashed(c) for c in own],
        email_domain=np.where(persons["stray"], people.STRAY_DOMAIN, firms["domain"].to_numpy()[account]),
        valid_to=clock.stamps(window, persons["left"].to_numpy()),
        created_at=clock.stamps(window, persons["created"].to_numpy()),
    )
    return schema.conform("contacts", rows)


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
    return schema.conform("opportunity_stage_history", rows)


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
    described = ["type", "product_line", "sales_model", "term_months", "competitor"]
    rows = found[described].assign(
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
        owner_id=[f"S{s + 1:02d}" for s in found["seller"]],
    )
    rows["is_won"] = rows["is_won"].where(closed)
    return schema.conform("opportunities", rows)


def opportunity_contacts(
    parts: pd.DataFrame, deal_id: np.ndarray, person_id: np.ndarray, window: sales.Window
) -> pd.DataFrame:
    """The table of who takes part in which deal."""
    rows = parts[["role", "is_primary"]].assign(
        opportunity_id=deal_id[parts["deal"]],
        contact_id=person_id[parts["person"]],
        added_at=clock.stamps(window, parts["added"].to_numpy()),
    )
    return schema.conform("opportunity_contacts", rows)


def activities(
    seen: pd.DataFrame,
    touch_id: np.ndarray,
    account_id: pd.Series,
    deal_id: np.ndarray,
    person_id: np.ndarray,
    window: sales.Window,
) -> pd.DataFrame:
    """The activities table."""
    described = ["direction", "channel", "activity_type", "duration_min", "page_class", "is_conversion", "outcome"]
    rows = seen[[*described, "is_bot", "team", "person_hours"]].assign(
        activity_id=touch_id[seen.index],
        account_id=account_id.to_numpy()[seen["account"]],
        contact_id=pd.Series(person_id).reindex(seen["person"]).to_numpy(),
        opportunity_id=pd.Series(deal_id).reindex(seen["deal"]).to_numpy(),
        occurred_at=clock.stamps(window, seen["at"].to_numpy()),
    )
    return schema.conform("activities", rows)


def deal_truth(found: pd.DataFrame, noted: pd.DataFrame, deal_id: np.ndarray, account_id: pd.Series) -> pd.DataFrame:
    """What was planted in each deal; the columns are said in `simulate`."""
    pushed = noted[noted["changed_field"] == "close_date"].groupby("deal").size()
    return pd.DataFrame({
        "opportunity_id": deal_id[found.index],
        "account_id": account_id.to_numpy()[found["account"]],
        "product_line": found["product_line"].astype("str").to_numpy(),
        "win_probability": found["p"].round(4).to_numpy(),
        "cycle_scale": found["cycle"].round(1).to_numpy(),
        "stalled": found["stalled"].to_numpy(),
        "too_fast": found["too_fast"].to_numpy(),
        "pushes": pushed.reindex(found.index, fill_value=0).to_numpy(),
    }).astype({"opportunity_id": "str", "account_id": "str"})  # fmt: skip
