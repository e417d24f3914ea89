"""The first pages of a run: the index for a director, the summary for a mail, lists of accounts, the dictionary."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import nbformat
import pandas as pd

from abmlib.pages import draft_mark, kernels, say, say_forecast, show
from abmlib.pages.site import render, text_of
from abmlib.tables import schema
from abmlib.tables.decisions import KEY, SETTLED, by_account, in_order
from abmlib.tables.definitions import measures as dictionary
from abmlib.tables.outputs import defused

LEADERS = "15"  # number of the notebook whose answer is the sentence on the period
MOST = 5  # tiles, and decisions that are not folded
FEWEST = 5  # cases below which the share of a month is no point of a line
MONTHS = 12  # months of a line
WIDE, HIGH = 120, 28  # size of a line, in pixels
KINDS = {
    "sell": ["more on selling"] * 2,
    "programme": ["more on the programme"] * 2,
    "data": ["chore about data", "chores about data"],
}
FORETOLD = "won_value_foretold_in_period"  # the tile that carries a doubt about the forecast
FAILED = ("failed", "skipped")  # outcomes without a result
CENTS = dict.fromkeys(["money", "money_low", "money_high"], 2)


def page_name(notebook: str) -> str:
    """Name a notebook as a reader would.

    Examples
    --------
    >>> page_name("12_pipeline"), page_name("14b_kpis"), page_name("account_dossier")
    ('Pipeline', 'KPIs', 'Account dossier')
    """
    words = show.head(notebook.removeprefix(f"{schema.number_of(notebook)}_"))
    return words[:1].upper() + words[1:]


# -- decisions --------------------------------------------------------------------------------------------------------


def with_states(decisions: pd.DataFrame, states: pd.DataFrame, new: Collection[str] | None) -> pd.DataFrame:
    """Decisions with the state that leaders' notebook found as their ``status``, and ``is_new``; all rows stay.

    Parameters
    ----------
    states : DataFrame to the spec of ``15_decision_states``, without rows where there is none
    new : slugs of the decisions that are new; None where there was no earlier run, and nothing is
    """
    if states.empty:
        return decisions
    known = states if new is not None else states[states["state"] != "new"]
    both = decisions[KEY].merge(known[[*KEY, "state"]].drop_duplicates(KEY), on=KEY, how="left")
    status = both["state"].fillna(decisions["status"].reset_index(drop=True)).to_numpy()
    return decisions.assign(status=status, is_new=decisions["slug"].isin(list(new or [])))


def lists(decisions: pd.DataFrame, names: Mapping[str, str], currency: str) -> dict[str, pd.DataFrame]:
    """Give the accounts of each decision that has some, for files that people open; formulas are defused.

    Parameters
    ----------
    names : name of each account id

    Returns
    -------
    dict by file name ``NN_slug.csv``: DataFrame of `by_account`, and ``decision, due, basis, currency``
    """
    out = {}
    for (number, slug), rows in decisions.groupby(["notebook", "slug"], sort=False):
        first, listed = rows.iloc[0], by_account(rows, names).round(CENTS)
        about = {"decision": first["text"], "due": first["due"], "basis": first["basis"], "currency": currency}
        if len(listed):
            out[f"{number}_{slug}.csv"] = defused(listed.assign(**about))
    return out


def decision_groups(
    decisions: pd.DataFrame, names: Mapping[str, str], notebooks: Mapping[str, str], currency: str
) -> list[dict[str, Any]]:
    """Gather the rows of `decisions` that are not settled into one entry per decision, in the order of `in_order`.

    Parameters
    ----------
    names : name of each account id
    notebooks : name of each notebook by its number

    Returns
    -------
    list of dicts: the texts of `say.decision`, and ``notebook, slug, kind, accounts`` (text), ``list`` (path) and ``is_new``
    """
    open_ones, out = in_order(decisions[~decisions["status"].isin(SETTLED)]), []
    for (number, slug), rows in open_ones.groupby(["notebook", "slug"], sort=False):
        n = int(rows["account_id"].notna().sum())
        about = {"notebook": notebooks[number], "slug": slug, "kind": rows["kind"].iloc[0]}
        where = {"accounts": say.count(n, "account"), "list": f"lists/{number}_{slug}.csv"} if n else {}
        is_new = bool(rows["is_new"].all()) if "is_new" in rows else False
        out.append(say.decision(rows, currency, names) | about | {"accounts": "", "list": "", "is_new": is_new} | where)
    return out


def settled(decisions: pd.DataFrame) -> str:
    """Say how many decisions are not listed, as somebody entered that they are done, declined or for later."""
    each = decisions[decisions["status"].isin(SETTLED)].groupby("status")[["notebook", "slug"]]
    counts = {state: len(rows.drop_duplicates()) for state, rows in each}
    parts = [f"{counts[state]:,} {state}" for state in SETTLED if state in counts]
    return f"Not listed, in whole or for some accounts: {', '.join(parts)}." if parts else ""


# -- tiles ------------------------------------------------------------------------------------------------------------


def tiles(headlines: pd.DataFrame, measures: pd.DataFrame, currency: str, year_starts: int = 1) -> list[dict[str, Any]]:
    """Write the first headlines that the dictionary makes tiles of and that have a value.

    Parameters
    ----------
    headlines : DataFrame to the spec of ``15_executive_summary``, or at least its columns up to ``n``
    measures : DataFrame to the spec of ``measures``; rows by month draw the small lines, all over the same months

    Returns
    -------
    list of dicts: ``id``, the texts ``name, formula, window, value, interval, beside, change, verdict, about`` and ``line``,
    of `line`; empty where a tile has none
    """
    entries, rows = dictionary.entries(), headlines[headlines["value"].notna()]
    rows = rows.assign(place=[entries.get(d, {}).get("tile") for d in rows["definition_id"]]).dropna(subset="place")
    rows = rows.sort_values("place", kind="stable").head(MOST)
    months, out = by_month(measures[measures["definition_id"].isin(rows["definition_id"])]), []
    whole = measures[(measures["group_by"] == "all") & measures["value"].notna()].set_index("definition_id")
    doubt = say_forecast.doubt(whole[~whole.index.duplicated(keep="last")].reindex(say_forecast.RECORD))
    for row in rows.to_dict("records"):
        name, unit, entry = row["definition_id"], row["unit"], entries[row["definition_id"]]
        other = entry.get("beside", "")
        beside = _said(whole.loc[[other], "value"].iloc[-1], unit, currency) if other in whole.index else ""
        verdict = str(row.get("verdict", "not judged"))
        out.append(
            {
                "id": name,
                "name": entry["name"],
                "formula": entry["formula"],
                "window": show.window(row["window"], year_starts),
                "value": _said(row["value"], unit, currency),
                "interval": _between(row["low"], row["high"], unit, currency),
                "beside": doubt * (name == FORETOLD) or f"{dictionary.name(other)}: {beside}" * bool(beside),
                "change": _change(row, verdict),
                "verdict": verdict.replace(" ", "-"),
                "about": _about(row, currency, year_starts),
                "line": line(months[name], entry["name"], unit, currency) if name in months else None,
            }
        )
    return out


def by_month(measures: pd.DataFrame) -> pd.DataFrame:
    """Values by month, a column per definition, over the same months up to the last one; a share of few cases is missing."""
    rows = measures[measures["group_by"] == "month"].drop_duplicates(["definition_id", "group"], keep="last")
    few = (rows["unit"] == "share") & (rows["n"] < FEWEST)
    wide = rows.assign(value=rows["value"].mask(few)).pivot(index="group", columns="definition_id", values="value")
    if wide.empty:
        return wide
    return wide.reindex(pd.period_range(end=wide.index.max(), periods=MONTHS, freq="M").astype(str))


def line(values: pd.Series, name: str, unit: str, currency: str) -> dict[str, Any] | None:
    """Lay a small line out from zero to its highest value, with gaps; None without a value.

    Parameters
    ----------
    values : one per month, index of text such as ``2026-05``

    Returns
    -------
    dict: ``path`` and ``end`` (of the last value) in pixels, ``title`` and ``text`` for readers who cannot see it
    """
    known = values.dropna()
    if known.empty:
        return None
    top, bottom = max(known.max(), 0.0), min(known.min(), 0.0)
    x = {month: 3 + i * (WIDE - 6) / (len(values) - 1) for i, month in enumerate(values.index)}
    y = HIGH - 3 - (known - bottom) / ((top - bottom) or 1) * (HIGH - 6)
    points, is_gap = [], True
    for month, value in values.items():
        points += [] if pd.isna(value) else [f"{'M' if is_gap else 'L'}{x[month]:.1f} {y[month]:.1f}h0"]
        is_gap = pd.isna(value)
    ends = {"lowest": known.idxmin(), "highest": known.idxmax(), "last": known.index[-1]}
    told = [f"{which} {_said(known[month], unit, currency)} in {_month(month)}" for which, month in ends.items()]
    last = known.index[-1]
    return {
        "path": "".join(points),
        "end": (f"{x[last]:.1f}", f"{y[last]:.1f}"),
        "title": f"{name} by month",
        "text": "; ".join(told),
    }


def _said(value: float, unit: str, currency: str) -> str:
    """Write a number with its unit as a person says it."""
    if unit == "currency":
        return say.short_money(value, currency)
    text = show.amount(value, unit)
    return text if unit in {"share", "index"} else f"{text} {unit.removesuffix('s') if text == '1' else unit}"


def _between(low: float, high: float, unit: str, currency: str) -> str:
    """Write an interval; empty where there is none."""
    if pd.isna(low) or pd.isna(high):
        return ""
    short = say.short_money(low, "").strip() if unit == "currency" else show.amount(low, unit)
    return f"{short} to {_said(high, unit, currency)}"


def _month(name: str) -> str:
    """Write a month, such as 2026-05, as a person says it."""
    return f"{pd.Timestamp(name):%B %Y}"


def _change(row: Mapping[str, Any], verdict: str) -> str:
    """Write a change with its verdict; empty where it is not judged."""
    if verdict in {"too variable", "too few", "too early"}:
        return f"change {verdict} to judge"
    if verdict == "not judged" or pd.isna(row["change"]):
        return ""
    size = f"{100 * row['change']:+,.1f} points" if row["unit"] == "share" else f"{100 * row['change']:+,.0f} %"
    if verdict == "within noise":
        return f"change {size}, {verdict}"
    return f"{'▲' if verdict == 'up' else '▼'} {verdict}: {size}"


def _about(row: Mapping[str, Any], currency: str, year_starts: int) -> str:
    """Say what a change compares; empty where nothing is."""
    if pd.isna(row.get("expected")):
        return ""
    now, usual = (_said(row[c], row["unit"], currency) for c in ("quarter_value", "expected"))
    return f"{say.span(row['quarter_start'], row['quarter_end'], year_starts)}: {now}, where {usual} was expected"


def caption(
    shown: Sequence[Mapping[str, Any]],
    headlines: pd.DataFrame,
    measures: pd.DataFrame,
    level: float,
    year_starts: int = 1,
) -> str:
    """Say once what all tiles share: the months of their lines, the quarter judged, the level of their intervals."""
    months = by_month(measures[measures["definition_id"].isin([t["id"] for t in shown if t["line"]])]).index
    said = [f"Lines: by month, {_month(months[0])} to {_month(months[-1])}, from zero."] if len(months) else []
    if any(t["change"] for t in shown):
        days = headlines[["quarter_start", "quarter_end"]].dropna().iloc[0]
        said.append(
            f"Change: {say.span(days.iloc[0], days.iloc[1], year_starts)} against what earlier quarters lead to expect."
        )
    return " ".join([*said, *[f"Ranges: {level:.0%} intervals."] * any(t["interval"] for t in shown)])


# -- pages ------------------------------------------------------------------------------------------------------------


def answer(node: nbformat.NotebookNode) -> str:
    """First sentence of the answer of an executed notebook; empty where it has none."""
    outputs = [o for cell in node.cells if "answer" in cell.metadata.get("tags", []) for o in cell.get("outputs", [])]
    lines = text_of([o for o in outputs if "text/plain" in o.get("data", {})][-1:])
    return lines[0] if lines else ""


def index(
    run: dict[str, Any],
    notebooks: Sequence[dict[str, Any]],
    decisions: Sequence[dict[str, Any]] = (),
    shown: Sequence[dict[str, Any]] = (),
    told: str = "",
    not_listed: str = "",
    draft: str = "",
) -> str:
    """Make the first page of a run: the period, tiles, decisions, then each notebook's answer, then how it was made.

    Chores about data are never among the decisions that are not folded.

    Parameters
    ----------
    notebooks : one per notebook: ``notebook, question, page`` (path or None), ``answer, parameters`` and its outcome
    decisions : of `decision_groups`
    shown, told : tiles of `tiles`, and their `caption`
    not_listed : sentence of `settled`
    draft : what is said of a target list that is a draft
    """
    first = [d for d in decisions if d["kind"] != "data"][:MOST]
    rest = {kind: [d for d in decisions if d["kind"] == kind and d not in first] for kind in KINDS}
    folded = {say.count(len(each), *KINDS[kind]): each for kind, each in rest.items() if each}
    return render("index.html.j2", run=run, notebooks=notebooks, period=period(notebooks), tiles=shown, caption=told, first=first,
                  rest=folded, not_listed=not_listed, draft=draft, wide=WIDE, high=HIGH,
                  failed=[n for n in notebooks if n["status"] in FAILED], page_name=page_name)  # fmt: skip


def period(notebooks: Sequence[Mapping[str, Any]]) -> str:
    """One sentence on the period: the first of the leaders' notebook; empty where it did not run."""
    return next((str(n["answer"]) for n in notebooks if n["notebook"].startswith(LEADERS)), "")


def dictionary_page(run: dict[str, Any], measures: Mapping[str, pd.DataFrame]) -> str:
    """Make the dictionary of a run: each measure it holds, its formula and unit, and the pages with it.

    Parameters
    ----------
    measures : by notebook, DataFrame to the spec of ``measures``
    """
    rows: dict[str, dict[str, Any]] = {}
    for notebook, noted in measures.items():
        for definition, unit in dict(zip(noted.get("definition_id", []), noted.get("unit", []), strict=True)).items():
            entry = dictionary.entries().get(definition, {})
            about = {
                "name": dictionary.name(definition),
                "formula": entry.get("formula", ""),
                "unit": unit,
                "pages": [],
            }
            rows.setdefault(definition, about)["pages"].append(notebook)
    listed = dict(sorted(rows.items(), key=lambda item: item[1]["name"].lower()))
    return render("dictionary.html.j2", run=run, measures=listed, page_name=page_name)


def summary(
    run: dict[str, Any],
    notebooks: Sequence[dict[str, Any]],
    decisions: Sequence[dict[str, Any]] = (),
    not_listed: str = "",
    draft: str = "",
) -> str:
    """Write the run for a mail or chat message, in Markdown; text of the data is one line without active characters.

    Failures come first, so that nobody who stops reading takes the rest for the whole. Arguments as in `index`.
    """
    lines = [f"# {plain(run['title'])}, as of {run['as_of']}", ""]
    if failed := [page_name(n["notebook"]) for n in notebooks if n["status"] in FAILED]:
        lines += [f"**Not complete:** no result from {', '.join(failed)}; the reasons are below.", ""]
    if run["newest_fact"] and run["newest_fact"] < run["as_of"]:
        lines += [f"The newest fact in the data is of {run['newest_fact']}.", ""]
    lines += [f"**{draft}** (page {page_name(draft_mark.TABLE)}).", ""] if draft else []
    lines += [plain(period(notebooks)), ""] if period(notebooks) else []
    lines += ["## To decide", ""]
    for d in decisions:
        whom = f": {plain(d['whom'])}" if d["whom"] else ""
        facts = [f"{d['basis']} {d['worth']}".strip(), d["owner"], f"by {d['due']}" if d["due"] else "",
                 f"why: {d['reason']}" if d["reason"] else "", f"list: {d['list']}" if d["list"] else ""]  # fmt: skip
        lines.append(f"- **{plain(d['text'])}**{whom}" + "".join(f"; {plain(fact)}" for fact in facts if fact))
    lines += [] if decisions else ["- Nothing to decide."]
    lines += ["", not_listed] if not_listed else []
    lines += ["", "## Notebooks", ""]
    for n in notebooks:
        words = "".join(
            f": {plain(n[text])}" for text in ("answer", "words") if n[text] and n[text] != period(notebooks)
        )
        lines.append(f"- {page_name(n['notebook'])}: {n['status'].replace('_', ' ')}{words}")
    return "\n".join(lines) + "\n"


def no_report(day: str, reason: str) -> str:
    """Write a summary that says that there is no report, and why; not where on whose machine."""
    return f"# No report, {day}\n\nNothing was run, or nothing was kept. {plain(kernels.without_places(reason))}\n"


def plain(text: str) -> str:
    """Escape the characters that Markdown or a chat would act on; leave out those that steer, or turn text round."""
    line = "".join(c for c in " ".join(str(text).split()) if c.isprintable())
    return re.sub(r"([\\`*_\[\]<>#|@])", r"\\\1", line)
