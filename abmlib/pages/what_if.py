"""What-if in JupyterLab: sliders that compute a part of a page anew, and say how that differs from the page."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from abmlib.pages.say import Words, count, named, share, short_money, words

MOST = 20  # accounts named before the rest is counted
CYCLES = ("early", "mid", "full")
AS_THERE = "as on the page"  # names a value that no step of its slider has


def sliders(compute: Callable[..., Any], say: Callable[[Any], Words], **ranges: tuple[Any, ...]) -> Any:
    """Give a slider for each range, and below them what is computed with their values.

    Only where a person sits at the notebook: what runs notebooks by itself gets None, and the page stays as it is.

    Parameters
    ----------
    compute : takes the sliders' values by the names of `ranges`
    say : compares what `compute` gives with the page
    ranges : the page's value first, then lowest, highest and step; or a mapping of labels to values
    """
    if not is_attended():
        return None
    import ipywidgets as widgets
    from IPython.display import display

    inputs = {name: slider(name.replace("_", " "), *values) for name, values in ranges.items()}
    below = widgets.interactive_output(lambda **values: display(say(compute(**values))), inputs)
    return widgets.VBox([*inputs.values(), below])


def is_attended() -> bool:
    """Say whether a person sits at the notebook: who runs it without people answers no question of a cell."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin"))


def slider(name: str, start: Any, *values: Any) -> Any:
    """Give one slider, which stands on the page's value."""
    import ipywidgets as widgets

    like = {"description": name, "continuous_update": False, "layout": {"width": "38em"}}
    like["style"] = {"description_width": "14em"}
    if isinstance(values[0], Mapping):
        other = [] if start in values[0].values() else [(AS_THERE, start)]
        return widgets.SelectionSlider(options=[*other, *values[0].items()], value=start, **like)
    low, high, step = values
    ends = {"value": start, "min": min(low, start), "max": max(high, start), "step": step}
    if isinstance(step, float):
        return widgets.FloatSlider(readout_format=".0%" if high <= 1 else ".2f", **ends, **like)
    return widgets.IntSlider(**ends, **like)


def key_accounts(page: pd.DataFrame, revenue: pd.Series, names: pd.Series, new: pd.DataFrame) -> Words:
    """Say how many accounts are chosen with other values, with which revenue, and who enters and leaves.

    Parameters
    ----------
    page, new : one row per account: ``valuable, chosen``
    revenue, names : of each account
    """
    before, now = (choice["chosen"].astype(bool) for choice in (page, new))
    total = revenue.sum() if revenue.sum() > 0 else float("nan")
    lines = [
        f"Chosen: {now.sum():,} of {count(int(new['valuable'].sum()), 'valuable account')}, with "
        f"{share(revenue[now].sum() / total)} of net revenue; on the page {before.sum():,}, with {share(revenue[before].sum() / total)}."
    ]
    for verb, which in (("Enter", now & ~before), ("Leave", before & ~now)):
        who = names.reindex(revenue[which].sort_values(ascending=False, kind="stable").index)
        lines += [f"{verb} ({len(who):,}): {named(who, MOST)}."] * (len(who) > 0)
    return words(*lines)


def target_list(page: pd.Series, worth: pd.Series, names: pd.Series, new: pd.Series) -> Words:
    """Say how many accounts are in each tier with other settings, and who enters, leaves or moves.

    Parameters
    ----------
    page, new : tier of each account, ``none`` among them
    worth : of each account; by it accounts are named, the most first
    names : of each account
    """
    page = page.reindex(new.index)
    order = worth.reindex(new.index).sort_values(ascending=False).index
    was, now = page[order], new[order]
    kinds = {"enter": (was == "none") & (now != "none"), "leave": (was != "none") & (now == "none")}
    kinds["move"] = (was != now) & (was != "none") & (now != "none")
    sizes = "; ".join(f"tier {t}: {int((now == t).sum()):,} (page: {int((was == t).sum()):,})" for t in ("1", "2", "3"))
    lines = [f"{sizes}."]
    for kind, flags in kinds.items():
        who = [names[i] for i in order[flags]]
        lines += (
            [f"{count(len(who), 'account')} {kind}{'s' if len(who) == 1 else ''}: {named(who, MOST)}."] if who else []
        )
    return words(*lines)


def cycles(page: pd.DataFrame, names: pd.Series, new: pd.DataFrame) -> Words:
    """Say how many accounts and lines are in each cycle with other bounds, and which change it.

    Parameters
    ----------
    page, new : one row per account and line: ``account_id, product_line, cycle``
    names : of each account
    """
    now, before = (frame["cycle"].value_counts() for frame in (new, page))
    both = page.merge(new, on=["account_id", "product_line"], suffixes=("", "_new"))
    moved = both[both["cycle"] != both["cycle_new"]]
    who = [f"{names[r.account_id]}, {r.product_line}: {r.cycle} to {r.cycle_new}" for r in moved.itertuples()]
    whom = count(len(both), "account and line", "accounts and lines")
    lines = [
        "; ".join(f"{c} {now.get(c, 0):,} (page: {before.get(c, 0):,})" for c in CYCLES).capitalize() + ".",
        f"{len(moved):,} of {whom} change their cycle" + (":" if who else "."),
    ]
    return Words([*lines, *who[:MOST], *[f"and {len(who) - MOST:,} more"] * (len(who) > MOST)], "ul")


def pipeline(page: Any, level: float, currency: str, new: Any) -> Words:
    """Say what the open deals are expected to bring within another horizon.

    Parameters
    ----------
    page, new : with ``wins, money`` (value, low, high, n) and ``why`` the past cannot tell
    """
    lines = []
    for where, outlook in (("Expected", new), ("On the page", page)):
        (wins, low, high, n), money = outlook.wins, [short_money(x, currency) for x in outlook.money[:3]]
        said = f"unknown, for lack of {outlook.why}"
        if not outlook.why:
            said = f"{count(round(wins), 'won deal')} ({level:.0%} interval {low:,.0f} to {high:,.0f}, n = {n:,})"
            bring = f", {money[0]} ({money[1]} to {money[2]}, n = {outlook.money[3]:,})"
            said += bring * bool(pd.notna(outlook.money[0]))
        lines.append(f"{where}: {said}.")
    return words(*lines)
