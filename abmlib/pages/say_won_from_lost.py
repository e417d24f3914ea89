"""Sentences on what tells deals won from deals lost, from finished numbers."""

import pandas as pd

from abmlib.pages.say import Words, count, joined, one_line, share, words

NAMED = 3  # features that are named
KINDS = {
    "base rate": "the share won of all deals", "one column": "a model of one column", "logistic": "a logistic model of all columns",
    "trees": "a model of trees",
}  # fmt: skip


def answer(
    verdict: str, why: str, auc: tuple[float, float, float], n: int, level: float, rests_on: str, chosen: str
) -> str:
    """Say if what was known at the opening told won from lost.

    Parameters
    ----------
    verdict : signal, no signal or too few
    why : what is missing where it could not be tested
    auc : value, low, high; the chance that a deal won scored higher than a deal lost
    n : deals on which it is judged
    rests_on : the column, where the model rests on one
    chosen : kind of model

    Examples
    --------
    >>> answer("no signal", "", (0.508, 0.485, 0.531), 1050, 0.95, "", "logistic")
    'No signal: what was known when a deal was opened did not tell deals won from deals lost. A deal won had the higher score in 50.8% of pairs (95% interval 48.5% to 53.1%, 1,050 deals); chance has 50%.'
    >>> answer("too few", "30 accounts with a deal won, where there are 4", (0, 0, 0), 0, 0.95, "", "")
    'Too few to say what tells deals won from deals lost. It takes 30 accounts with a deal won, where there are 4.'
    """
    if verdict == "too few":
        return f"Too few to say what tells deals won from deals lost. It takes {why}."
    pairs = f"A deal won had the higher score in {share(auc[0])} of pairs ({level:.0%} interval {share(auc[1])} to {share(auc[2])}, {count(n, 'deal')}); chance has 50%."
    if verdict != "signal":
        return f"No signal: what was known when a deal was opened did not tell deals won from deals lost. {pairs}"
    on = f"{KINDS[chosen]}, {one_line(rests_on)}" if rests_on else KINDS.get(chosen, chosen)
    return f"Signal: what was known when a deal was opened told deals won from deals lost, by {on}. {pairs}"


def how_judged(is_out_of_time: bool, wait_days: int, recent: int, undated: int, left_open: int, rounds: int) -> str:
    """Say on which deals it was judged, and which were left out.

    Parameters
    ----------
    wait_days : by which nine in ten deals are decided
    recent, undated : decided deals left out, as opened too lately and for lack of a day
    left_open : deals of the same opening days that are still open
    rounds : parts of the accounts, where deals have no day

    Examples
    --------
    >>> how_judged(False, 0, 0, 0, 0, 5)
    'Deals have no day, so this is not out of time: it was judged in 5 rounds, each on accounts that the model had not seen. Next year may differ.'
    """
    if not is_out_of_time:
        parts = "on accounts" if rounds == 1 else f"in {rounds} rounds, each on accounts"
        return f"Deals have no day, so this is not out of time: it was judged {parts} that the model had not seen. Next year may differ."
    text = f"Judged on deals opened after all that the model learnt from was decided, and {count(wait_days, 'day')} or more ago, by when nine in ten are decided."
    if recent:
        text += f" {count(recent, 'deal')} opened later {'is' if recent == 1 else 'are'} left out: only the quick ones are decided."
    if undated:
        text += f" {count(undated, 'deal')} without a day {'is' if undated == 1 else 'are'} left out too."
    if left_open:
        text += f" Of the same days {count(left_open, 'deal')} {'is' if left_open == 1 else 'are'} still open, and in no share."
    return text


def features(table: pd.DataFrame, level: float) -> Words:
    """Name what tells won from lost by itself beyond noise, with the share won where it holds and where not.

    Parameters
    ----------
    table : DataFrame of `won_from_lost.alone`
    """
    if table.empty:
        return words()
    of = f"{count(len(table), 'column')} looked at; p counts all of them. Nothing says that one brings the other about."
    clear = table[table["p"] < 1 - level].drop_duplicates(["feature"])
    if clear.empty:
        return words("Nothing tells won from lost by itself beyond noise", of)
    parts = [f"{one_line(r['feature'])} ({_holds(r)})" for _, r in clear.head(NAMED).iterrows()]
    return words(f"By itself {joined(parts)} {'tells' if len(parts) == 1 else 'tell'} won from lost", of)


def _holds(row: "pd.Series[object]") -> str:
    """Share won where a column holds, and where not."""
    return f"{one_line(row['holds'])}: {share(float(str(row['share_where'])))} won, else {share(float(str(row['share_else'])))}"


def left_out(table: pd.DataFrame) -> str:
    """Say which features are not used, reason by reason; empty without one.

    Parameters
    ----------
    table : DataFrame ``feature, why``

    Examples
    --------
    >>> left_out(pd.DataFrame({"feature": ["Rating", "discount"], "why": ["known only at close", "known only as it is now"]}))
    'Not used: Rating (known only at close); discount (known only as it is now).'
    """
    if table.empty:
        return ""
    parts = [
        f"{joined([one_line(f) for f in rows['feature']])} ({why})" for why, rows in table.groupby("why", sort=False)
    ]
    return f"Not used: {'; '.join(parts)}."
