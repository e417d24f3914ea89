"""What was known of a deal on the day it was opened, and why the rest may not be used.

What people enter at close tells the outcome and foretells nothing: a model that may see it reads the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method import deals as dl
from abmlib.method.predictors import FEWEST_KNOWN, categories, leaks, lent, signed_log

MOST_KINDS = 40  # categories of a column
OF_DEAL = {
    "type": "kind of business", "product_line": "product line", "sales_model": "sales model",
    "lead_source": "lead source", "incumbent": "incumbent",
}  # fmt: skip
OF_ACCOUNT = {"industry": "industry", "country": "country", "org_type": "type of organisation"}
WITH_HISTORY = {  # known then only where attribute_history says since when
    ("opportunities", "owner_id"): "seller", ("accounts", "employees"): "employees", ("accounts", "growth_outlook"): "outlook",
}  # fmt: skip
CAMPAIGN, MONTH, AMOUNT = "from a campaign", "month of the quarter of opening", "amount first noted"
AT_CLOSE, NOW, LATER = "known only at close", "known only as it is now", "known only after the deal was opened"
ENDS = {
    "age_days": "age at close", "amount": "amount at close", "probability": "probability at close",
    "loss_reason": "reason of the loss", "win_reason": "reason of the win",
}  # fmt: skip
TODAY = {"discount_rate": "discount", "competitor": "competitor", "acv": "annual contract value"}
NO_LINE, NO_DAY, ALIKE = "no history says what it was then", "not noted on the day the deal was opened", "the same for nearly all deals"  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """Decided deals with what was known when they were opened.

    ``deals``: ``opportunity_id, account_id`` (of a deal without one its own id), ``opened, closed`` (days), ``came`` (won 1, lost 0).
    """

    deals: pd.DataFrame
    known: pd.DataFrame  # a column per feature, text or number, index as `deals`
    left_out: pd.DataFrame  # feature, why
    every: pd.DataFrame  # all deals, open ones too: opened, closed, age_days, is_closed

    @property
    def is_dated(self) -> bool:
        """Say whether most decided deals have both days."""
        return is_dated(self.deals)


def is_dated(deals: pd.DataFrame) -> bool:
    """Say whether most deals have the days ``opened`` and ``closed``."""
    return bool(deals[["opened", "closed"]].notna().all(axis=1).mean() > 0.5)


# -- what was known -------------------------------------------------------------------------------------------------


def opened(
    deals: pd.DataFrame,
    accounts: pd.DataFrame,
    attributes: pd.DataFrame,
    stages: pd.DataFrame,
    changed: pd.DataFrame,
    asked: Sequence[str] = (),
) -> Opened:
    """Take of each decided deal what was known when it was opened, and say of the rest why it is not used.

    The amount is the first one, if it was noted by the end of the opening day. What is known only as it is now counts where
    `changed` says what it was. An attribute counts since its ``known_from``; where deals have no days, if it is declared fixed.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    accounts, attributes, stages, changed : ``tables.schema`` ACCOUNTS, ATTRIBUTES, OPPORTUNITY_STAGE_HISTORY, ATTRIBUTE_HISTORY
    asked : features to be used alone, by name; all without it

    Raises
    ------
    ValueError
        If a feature that is asked may not be used or is not there, with its name and the reason.

    References
    ----------
    C-44; complaints D17, D18.
    """
    kept = dl.decided(deals).reset_index(drop=True)
    made = kept[["opportunity_id"]].assign(
        account_id=kept["account_id"].fillna(kept["opportunity_id"]), opened=kept["created_day"],
        closed=kept["closed_day"], came=dl.won_flag(kept).astype(float),
    )  # fmt: skip
    every = deals[["age_days", "is_closed"]].assign(opened=deals["created_day"], closed=deals["closed_day"])
    dated = is_dated(made)
    found, out = _plain(kept, accounts, dated).assign(**{AMOUNT: _first_amount(kept, stages)}), dict[str, str]()
    if found[AMOUNT].isna().all() and kept["amount"].notna().any():
        out[AMOUNT] = NO_DAY if len(stages) else NO_LINE
    for (table, field), words in WITH_HISTORY.items():
        then = changed[(changed["table"] == table) & (changed["field"] == field)]
        key, of = ("opportunity_id", kept) if table == "opportunities" else ("account_id", accounts)
        found[words] = _numbers(_then(then, kept[key], kept["created_at"]))
        if found[words].isna().all() and of[field].notna().any():
            out[words] = NOW
    out |= {words: AT_CLOSE for column, words in ENDS.items() if kept[column].notna().any()}
    out |= {"changes of stage": AT_CLOSE} if len(stages) else {}
    out |= {words: NOW for column, words in TODAY.items() if kept[column].notna().any()}
    own = attributes[(attributes["table"] == "opportunities") & attributes["row_id"].isin(kept["opportunity_id"])]
    for name, rows in own.groupby("name"):
        called = f"{name} (of the export)" if name in found else str(name)
        values, why = _attribute(rows, kept, dated)
        out, found = (out | {called: why}, found) if why else (out, found.assign(**{called: values}))
    found = _asked(found.dropna(axis=1, how="all"), out, asked)
    leaking = leaks(found.assign(account_id=made["account_id"]), made["came"], list(found))
    filled = found.notna().mean()
    few = {
        str(c): f"known of {filled[c]:.0%} of deals only"
        for c in found
        if filled[c] < FEWEST_KNOWN and c not in leaking
    }
    left_out = pd.DataFrame((out | leaking | few).items(), columns=["feature", "why"])
    return Opened(made, found.drop(columns=[*leaking, *few]), left_out, every)


def _plain(kept: pd.DataFrame, accounts: pd.DataFrame, dated: bool) -> pd.DataFrame:
    """What the row of a deal and that of its account say since they were made."""
    found = kept[list(OF_DEAL)].rename(columns=OF_DEAL)
    found[CAMPAIGN] = kept["campaign_id"].notna().map({True: "yes", False: "no"})
    month = (kept["created_day"].dt.month - 1) % 3 + 1
    found[MONTH] = month.astype("Int64").astype("string") if dated else pd.Series(pd.NA, kept.index, dtype="string")
    of_account = accounts.set_index("account_id")[list(OF_ACCOUNT)].reindex(kept["account_id"])
    return found.join(of_account.set_axis(kept.index).rename(columns=OF_ACCOUNT))


def _asked(found: pd.DataFrame, out: dict[str, str], asked: Sequence[str]) -> pd.DataFrame:
    """Keep the features that are asked, all where none is; refuse one that may not be used or is not there."""
    if unknown := [name for name in asked if name not in found]:
        why = out.get(unknown[0], "there is no such feature")
        raise ValueError(f"won from lost: {unknown[0]} cannot be used: {why}. There are {list(found)}.")
    return found[list(asked)] if asked else found


def _attribute(rows: pd.DataFrame, kept: pd.DataFrame, dated: bool) -> tuple[pd.Series, str]:
    """Values of an attribute on the opening day of each deal, and why it cannot be used; empty if it can."""
    if rows["declared"].eq("at_close").any():
        return pd.Series(dtype="string"), AT_CLOSE
    if dated:
        values = _then(rows, kept["opportunity_id"], kept["created_at"])
    else:
        values = kept["opportunity_id"].map(rows[rows["declared"] == "fixed"].set_index("row_id")["value"])
    why = "" if values.notna().any() else LATER if rows["known_from"].notna().any() else NOW
    return _numbers(values), why


def _then(history: pd.DataFrame, ids: pd.Series, when: pd.Series) -> pd.Series:
    """Value of each row's id that was known at a time, the latest; missing where none was."""
    asked = pd.DataFrame({"row_id": ids, "when": when, "place": np.arange(len(ids))})
    both = asked.merge(history[["row_id", "value", "known_from"]], on="row_id")
    both = both[both["known_from"] <= both["when"]].sort_values("known_from", kind="stable")
    values = both.drop_duplicates("place", keep="last").set_index("place")["value"]
    return values.reindex(asked["place"]).set_axis(ids.index)


def _numbers(values: pd.Series) -> pd.Series:
    """Texts as numbers, where all are."""
    made = pd.to_numeric(values, errors="coerce").astype(float)
    return made if made.notna().equals(values.notna()) else values


def _first_amount(kept: pd.DataFrame, stages: pd.DataFrame) -> pd.Series:
    """First amount of each deal, where it was noted by the end of the day on which the deal was opened."""
    noted = stages[stages["amount"].notna()].sort_values(["entered_at", "seq"], kind="stable")
    first = noted.drop_duplicates("opportunity_id").set_index("opportunity_id").reindex(kept["opportunity_id"])
    in_time = (first["entered_day"].to_numpy() <= kept["created_day"].to_numpy()) & kept["created_day"].notna()
    return pd.Series(first["amount"].to_numpy(dtype=float, na_value=np.nan), kept.index).where(in_time)


def table_of(found: Opened) -> tuple[pd.DataFrame, dict[str, str]]:
    """Turn what was known into columns of numbers, none missing: categories as 1 and 0, numbers on the scale of signed logarithms.

    What is missing is lent by another deal, chosen by the deal's id, so that nothing is learnt from the gap.

    Returns
    -------
    DataFrame, index as ``found.known``; and the feature of each column. A feature that is the same for nearly all deals has none
    """
    columns, of, ids = dict[str, np.ndarray](), dict[str, str](), found.deals["opportunity_id"]
    for name, values in found.known.items():
        whole = lent(values, values, ids)
        if pd.api.types.is_numeric_dtype(whole):
            x = whole.to_numpy(float)
            made = {str(name): signed_log(x)} if np.ptp(x) > 0 else {}
        else:
            made = {c: pair[0] for c, pair in categories(str(name), whole, whole, MOST_KINDS).items()}
            if len(made) == 2 and np.all(sum(made.values()) == 1):  # the one says what the other says
                made.pop(next(iter(made)))
        columns, of = columns | made, of | dict.fromkeys(made, str(name))
    return pd.DataFrame(columns, found.known.index), of
