"""What the CRM kept of the deals: one row for each change of stage, amount or closing day.

Times are working time (`clock`).
"""

import numpy as np
import pandas as pd

from abmlib.market import clock, sales
from abmlib.market.chance import pick
from abmlib.market.deals import CRM, LOST_IN, PUSHES, STAGES

NEGLECT = np.array([0.3, 1.6, 0.5, 1.9, 1.0, 0.2, 1.4, 0.6, 1.5])  # of the sellers: overdue deals, about 1
PASSED = 0.5  # share of the deals neglected, among those open on a day, whose closing day has passed by then
WITHOUT = {"account_id": 0.5, "amount": 1.0, "created_at": 0.25}  # of the switch: open deals that lack it


def history(
    rng: np.random.Generator, found: pd.DataFrame, window: sales.Window, gaps: float, overdue: float
) -> pd.DataFrame:
    """What the CRM noted of each deal until the window's end: one row per change, with all values from then on.

    Rows come by deal and time. Of the deals still open, the share `gaps` lacks its amount, and fewer their account or
    opening, as `WITHOUT` says; a deal without its opening lacks the row of it too. The closing day of about the share
    `overdue` of them has passed, and their seller has not moved it.

    Returns
    -------
    DataFrame
        ``deal`` (position in `found`), ``at``, ``changed_field``, ``stage_order`` (from 1; 5 = closed), ``amount`` and
        ``forecast`` (working time of the closing day) from then on, and of the deal ``won`` and the bool columns
        ``no account_id`` and ``no created_at``.
    """
    deal = np.arange(len(found))
    pushed, forecast = _pushes(found, overdue)
    first = {"changed_field": "created", "stage_order": 1.0, "amount": found["amount 0"], "forecast": forecast[:, 0]}
    closed = {"changed_field": "stage", "stage_order": 5.0, "forecast": found["closes"]}
    parts = [pd.DataFrame({"deal": deal, "at": found["opens"]} | first)]
    for k in range(1, len(STAGES)):
        parts.append(
            pd.DataFrame({"deal": deal, "at": found[f"in {k}"], "changed_field": "stage", "stage_order": k + 1.0})
        )
    for k, stage in ((1, 2), (2, 3)):
        new = found[f"amount {k}"].where(found[f"amount {k}"] != found[f"amount {k - 1}"])
        at = found[f"in {stage}"].where(new.notna())
        parts.append(pd.DataFrame({"deal": deal, "at": at, "changed_field": "amount", "amount": new}))
    for k in range(pushed.shape[1]):
        parts.append(
            pd.DataFrame(
                {"deal": deal, "at": pushed[:, k], "changed_field": "close_date", "forecast": forecast[:, k + 1]}
            )
        )
    parts.append(pd.DataFrame({"deal": deal, "at": found["closes"]} | closed))
    noted = pd.concat([p[p["at"] < clock.length(window)] for p in parts], ignore_index=True)
    noted = noted.sort_values(["deal", "at"], kind="stable", ignore_index=True)
    noted["won"] = found["won"].to_numpy()[noted["deal"]]
    values = ["stage_order", "amount", "forecast"]
    noted[values] = noted.groupby("deal")[values].ffill()
    return _with_gaps(rng, noted, gaps)


def _pushes(found: pd.DataFrame, overdue: float) -> tuple[np.ndarray, np.ndarray]:
    """When the closing day is pushed, shape (n, 4), and the day forecast at first and after each push, shape (n, 5).

    Who neglects a deal stops to push it at some time, and its forecast passes.
    """
    most = len(PUSHES["won"]) - 1
    opens = found["opens"].to_numpy()[:, None]
    life = np.maximum(found["closes"].to_numpy()[:, None] - opens, 0.01)
    stalled, chance = found["stalled"].to_numpy(), found["pushed"].to_numpy()
    fair = found[[f"fair {k}" for k in range(1, most + 1)]].to_numpy()
    draws = {name: pick(chance, np.array(shares)) for name, shares in PUSHES.items()}
    count = np.where(stalled, draws["stalled"], np.where(found["won"], draws["won"], draws["lost"]))
    count = np.minimum(count, (life[:, 0] / 3).astype(int))[:, None]
    neglected = (found["neglect"] < overdue * NEGLECT[found["seller"]] / PASSED).to_numpy()[:, None]
    long = found[["how long"]].to_numpy()
    noted = np.where(neglected, np.floor(long * count), count)
    nth = np.arange(1, most + 1)
    pushed = opens + life * (nth - 0.3 + 0.6 * fair) / (count + 1)
    pushed = np.where(nth <= count, pushed, np.nan)
    soon = pushed + 1 + 0.04 * life * fair[:, ::-1]  # it was forecast for shortly after the push
    final = opens + life * np.exp(0.15 * found[["final"]].to_numpy())
    last_push = np.max(np.where(nth <= count, pushed, opens), axis=1, keepdims=True)
    final = np.maximum(final, last_push + 2)
    forecast = np.where(np.arange(most + 1) < count, np.hstack([soon, final]), final)
    forecast = np.where(neglected & (count == 0), opens + 0.8 * long * life, forecast)
    for k in range(1, most + 1):
        forecast[:, k] = np.maximum(forecast[:, k], forecast[:, k - 1] + 2)
    return np.where(nth <= noted, pushed, np.nan), forecast


def imported(noted: pd.DataFrame, found: pd.DataFrame, window: sales.Window, share: float) -> pd.DataFrame:
    """The rows that an earlier CRM passed on: none of some deals, and only the last of others; more of the older ones."""
    older = 1.5 - found["opens"] / clock.length(window)  # 1 in the middle of the window
    lacks = (found["imported"] < share * older).to_numpy()[noted["deal"]]
    last = ~noted["deal"].duplicated(keep="last").to_numpy()
    return noted[~lacks | (last & (found["left"] < 0.5).to_numpy()[noted["deal"]])]


def _with_gaps(rng: np.random.Generator, noted: pd.DataFrame, gaps: float) -> pd.DataFrame:
    """Take from a few open deals their account, their amount or their opening."""
    last = noted.drop_duplicates("deal", keep="last").set_index("deal")
    still = (last["stage_order"] < 5).to_numpy()
    more = noted.groupby("deal").size().to_numpy() > 1
    able = {"account_id": still, "amount": still, "created_at": still & more}
    lacks = {c: able[c] & (rng.random(len(last)) < gaps * part) for c, part in WITHOUT.items()}
    of = noted["deal"].map(pd.Series(np.arange(len(last)), index=last.index)).to_numpy()
    hidden = lacks["amount"][of] & (noted["changed_field"] == "amount")
    hidden |= lacks["created_at"][of] & (noted["changed_field"] == "created")
    out = noted.assign(amount=noted["amount"].mask(lacks["amount"][of]))
    out = out.assign(**{f"no {c}": lacks[c][of] for c in ("account_id", "created_at")})
    return out[~hidden].reset_index(drop=True)


def stage_truth(truth: pd.DataFrame) -> pd.DataFrame:
    """The true probability to win from each stage, as it follows from the true chances of the deals at opening.

    Of all deals that reach a stage or pass it: the won ones, and those of the lost that are not lost before it.

    Parameters
    ----------
    truth : one row per deal, with ``product_line`` and ``win_probability``.

    Returns
    -------
    DataFrame, one row per line and stage; the line "all" is every deal
        ``product_line``, ``stage``, ``stage_order``, ``crm_probability``, ``win_probability`` (missing without deals).
    """
    left = 1 - np.concatenate([[0.0], np.cumsum(LOST_IN)[:-1]])
    rows = []
    for line in ("all", *sales.LINES):
        p = truth["win_probability"][(truth["product_line"] == line) | (line == "all")].mean()
        for k, stage in enumerate(STAGES):
            rows.append((line, stage, k + 1, CRM[k], round(p / (p + (1 - p) * left[k]), 4)))
    columns = ["product_line", "stage", "stage_order", "crm_probability", "win_probability"]
    return pd.DataFrame(rows, columns=columns)
