"""Tables and decisions for readers: columns named and formatted by unit, hostile text escaped, lists saying how many there are.

A table has no colours of its own, so that JupyterLab's light and dark theme and the report's page each give it theirs.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from abmlib.pages import say
from abmlib.stats.intervals import LEVEL
from abmlib.tables.decisions import by_account, is_made
from abmlib.tables.definitions import formats
from abmlib.tables.definitions.formats import Format
from abmlib.tables.definitions.measures import entries as dictionary
from abmlib.tables.definitions.measures import name as measure_name

UNKNOWN, MISSING = "unknown", "–"
WHOLE = 17  # letters up to which the cells of a column are not broken into lines
ORDER = (
    "early",
    "mid",
    "full",
    "first sale",
    "expansion",
    "renewal",
)  # of cycles and tracks, as columns; others go by name
LONG = 10  # rows above which a page lets readers sort and search a table
TALL = 15  # rows above which a table on a page has its own scroll bar
LISTED = 500  # accounts of a decision on its page; its file has all


class Shown:
    """A table as HTML for a page and as plain text for everything else."""

    def __init__(self, text: str, html: str) -> None:
        """Keep both forms."""
        self._text, self._html = text, html

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        """Give the plain text."""
        return self._text


def table(
    frame: pd.DataFrame,
    title: str,
    currency: str = "",
    values: str = "",
    rows: int = 25,
    note: str = "",
    searched: bool = True,
    file: str = "",
) -> Shown:
    """Format a table as its columns' definitions say (`definitions.formats`).

    The first `rows` rows are shown; the foot says how many there are. Columns without a value, or without a yes, are left out. Of a table
    without rows only the note is shown. A number with an interval shows it in brackets.

    Parameters
    ----------
    frame : DataFrame; its index is not shown
    title : stands above the table; unique on its page
    currency : of columns of money
    values : kind of all numbers but counts of accounts, where columns are named after something else
    note : one sentence below
    searched : a long table can be sorted, searched and scrolled on a page; what is to be printed stands whole
    file : list of the run that has all rows and columns, without its ending
    """
    if frame.empty:
        return Shown(note, f"<p>{html.escape(note)}</p>" if note else "")
    frame, known = _without_made_ids(frame), {c: formats.of(str(c)) for c in frame}
    if values:
        known |= {c: Format(values, str(c)) for c in frame.select_dtypes("number") if c != "accounts"}
    kinds = {c: _kind(frame[c], known[c].kind) for c in frame}
    ends = {c: f.ends for c, f in known.items() if f.ends and set(f.ends) <= set(frame)}
    left_out = {end for pair in ends.values() for end in pair} | {
        c
        for c in frame
        if (frame[c].eq(False) if kinds[c] == "bool" else frame[c].isna() | frame[c].eq("")).fillna(False).all()
        or frame[c].isna().all()
    }
    cut, cells, heads = frame.head(rows), {}, {}
    for c in (c for c in frame if c not in left_out):
        cells[c] = [_cell(value, kinds[c]) for value in cut[c]]
        if c in ends:
            low, high = ([_cell(value, kinds[c]) for value in cut[end]] for end in ends[c])
            cells[c] = [f"{v} ({a} to {b})" * (a != b) or v for v, a, b in zip(cells[c], low, high, strict=True)]
        heads[c] = head(known[c].name or head(str(c)), currency if kinds[c] == "money" else known[c].unit)
    foot = [f"The first {rows:,} of {len(frame):,} rows."] * (len(frame) > rows) + [note] * bool(note)
    foot += [f"In brackets: {LEVEL:.0%} interval."] * any(
        c in cells and frame[list(e)].notna().any(axis=None) for c, e in ends.items()
    )
    numbers = [c for c in cells if kinds[c] in formats.NUMBERS]
    is_list = searched and len(cut) > LONG
    out = _laid_out(pd.DataFrame(cells), heads, numbers, title, " ".join(foot), None, is_list, not searched)
    return Shown(repr(out), out._repr_html_() + _link(file)) if file else out


def _link(file: str) -> str:
    """Point at a list of the run; a page of a report shows it."""
    return f'<p class="csv" hidden><a href="../lists/{file}.csv">All of them as a CSV file</a></p>'


def _without_made_ids(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the id of a deal that an import made of its title, as `is_made` finds it: the title says it."""
    if not {"opportunity_id", "title"} <= set(frame):
        return frame
    made = is_made(frame["opportunity_id"], frame["title"])
    return frame.assign(opportunity_id=frame["opportunity_id"].mask(made))


def _laid_out(
    cells: pd.DataFrame,
    heads: dict[str, Any],
    right: list[str],
    title: str,
    foot: str,
    about: Mapping[str, str] | None = None,
    is_list: bool = False,
    is_whole: bool = False,
) -> Shown:
    """Set finished text as a table; everything given is escaped. Days, codes and numbers are not broken into lines.

    `about` explains a text of the first column to who points at it; a list can be sorted and searched on a page, and a table of
    more than `TALL` rows scrolls in its own box, unless it is to be seen whole.
    """
    columns = [_column(cells[c].tolist(), c in right, formats.of(str(c)).kind == "name") for c in cells]
    if about and columns:
        columns[0] = [
            _explained(cell, about.get(text)) for cell, text in zip(columns[0], cells.iloc[:, 0], strict=True)
        ]
    left = ' style="text-align:left"'
    top = "".join(f'<th scope="col"{"" if c in right else left}>{html.escape(str(heads[c]))}</th>' for c in cells)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*columns, strict=True))
    name, note = html.escape(title), f"<p class='note'>{html.escape(foot)}</p>" * bool(foot)
    page = (
        f'<figure class="abm mathjax_ignore{" long" * is_list}{" tall" * (len(cells) > TALL and not is_whole)}" '
        f'id="{_anchor(title)}"><figcaption>{name}</figcaption>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{name}">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>{note}</figure>"
    )
    text = cells.set_axis(list(heads.values()), axis=1).to_string(index=False, max_colwidth=60)
    return Shown(f"{title}\n{text}" + f"\n{foot}" * bool(foot), page)


def _column(texts: list[str], right: bool, is_name: bool) -> list[str]:
    """Write the cells of one column; a long name is cut, and is whole for who points at it."""
    side = "" if right else ' style="text-align:left"'
    side += ' class="w"' if max(map(len, texts), default=0) <= WHOLE else ""
    shown = [say.one_line(text) if is_name else text for text in texts]
    whole = [
        f' title="{html.escape(t)}"' if is_name and s.endswith("…") else "" for t, s in zip(texts, shown, strict=True)
    ]
    return [f"<td{side}{title}>{html.escape(text)}</td>" for text, title in zip(shown, whole, strict=True)]


def _explained(cell: str, words: str | None) -> str:
    """Give a cell words that appear to who points at it."""
    return cell.replace("<td", f'<td title="{html.escape(words)}"', 1) if words else cell


def _anchor(title: str) -> str:
    """Name of a table within its page."""
    return "t-" + re.sub(r"\W+", "-", title.lower()).strip("-")


def _kind(values: pd.Series, defined: str) -> str:
    """Kind of a column: as defined, or after its type where nothing is defined or its values are of another type."""
    types = pd.api.types
    if types.is_bool_dtype(values):
        return "bool"
    if types.is_datetime64_any_dtype(values):
        return "day"
    if types.is_numeric_dtype(values):
        whole = (values.dropna() % 1 == 0).all()
        return defined if defined in formats.NUMBERS else "count" if whole else "number"
    return defined if defined in {"words", "name"} else "text"


def _cell(value: Any, kind: str) -> str:
    """Write one value."""
    if pd.isna(value):
        return MISSING
    if kind in formats.NUMBERS:
        return format(value, formats.NUMBERS[kind])
    if kind == "bool":
        return "yes" if value else ""
    text = say.day(value) if kind == "day" else str(value)
    return ("" if text == "ok" else text.replace("_", " ")) if kind == "words" else text


def amount(value: float, unit: str, sign: bool = False) -> str:
    """Write a number in its own unit; shares in percent.

    Examples
    --------
    >>> amount(0.1234, "share"), amount(1234.5, "days"), amount(0.05, "share", sign=True)
    ('12.3%', '1,234.5', '+5.0%')
    """
    if pd.isna(value):
        return UNKNOWN
    form = {"share": ".1%", "index": ".3f", "times": ".2f"}.get(unit, ",.0f" if abs(value) >= 10_000 else ",.1f")
    return format(value, ("+" if sign else "") + form).removesuffix(".0")


def ends(low: float, high: float, unit: str) -> str:
    """Write an interval; empty where there is none."""
    return "" if pd.isna(low) and pd.isna(high) else f"{amount(low, unit)} to {amount(high, unit)}"


def unit_names(units: pd.Series, currency: str) -> list[str]:
    """Write units with the currency's name; shares carry theirs in the number."""
    plain = units.replace({"share": "", "index": ""})
    return [u.replace("currency", currency) for u in plain]


def crossed(frame: pd.DataFrame, rows: Sequence[str], column: str, currency: str) -> pd.DataFrame:
    """Lay answers out one row per part and one column per question: each value in its unit, and the verdict behind it.

    Parameters
    ----------
    frame : DataFrame with ``value, unit, verdict``, and the columns `rows` and `column`
    """
    units = unit_names(frame["unit"], currency)
    texts = [
        v.replace("_", " ") if pd.isna(x) else f"{amount(x, u)} {name}".strip() + f": {v.replace('_', ' ')}"
        for x, u, name, v in zip(frame["value"], frame["unit"], units, frame["verdict"], strict=True)
    ]
    wide = frame.assign(texts=texts).pivot(index=list(rows), columns=column, values="texts").reset_index()
    order = frame[list(rows)].drop_duplicates()
    return order.merge(wide, on=list(rows))[[*rows, *frame[column].unique()]].rename_axis(columns=None)


def measures(rows: pd.DataFrame, title: str, currency: str) -> Shown:
    """Show rows of `measures`, each in its own unit, with interval and count; what cannot be answered is named below.

    Parameters
    ----------
    rows : DataFrame to the spec of ``measures``
    """
    answered = (rows["status"] != "not_answerable").to_numpy()
    names = pd.Series([measure_name(d) for d in rows["definition_id"]], rows.index)
    foot = _unanswered(rows)
    if not answered.any():
        return Shown(foot, f"<p>{html.escape(foot)}</p>" if foot else "")
    kept = list(rows[answered].itertuples())
    cells = pd.DataFrame(
        {
            "measure": names[answered].to_numpy(),
            "value": _with_units([amount(r.value, r.unit) for r in kept], rows.loc[answered, "unit"], currency),
            "interval": [ends(r.low, r.high, r.unit) for r in kept],
            "n": [f"{r.n:,}" for r in kept],
        }
    )
    heads = {"measure": "Measure", "value": "Value", "interval": f"{LEVEL:.0%} interval", "n": "n"}
    heads = {c: name for c, name in heads.items() if c != "interval" or cells["interval"].any()}
    formulas = {
        name: str(dictionary().get(r.definition_id, {}).get("formula", ""))
        for name, r in zip(cells["measure"], kept, strict=True)
    }
    return _laid_out(cells[list(heads)], heads, [c for c in heads if c != "measure"], title, foot, formulas)


def _unanswered(rows: pd.DataFrame) -> str:
    """Name the rows of `measures` that cannot be answered, and what each lacks; empty if all can."""
    open_ = rows[rows["status"] == "not_answerable"]
    if open_.empty:
        return ""
    names = pd.Series([measure_name(d) for d in open_["definition_id"]], open_.index, dtype="str")
    lacking = names.groupby(open_["why"], sort=False).agg(lambda which: ", ".join(dict.fromkeys(which)))
    gaps = "; ".join(f"{which} (for lack of {why})" if why else which for why, which in lacking.items())
    return f"Not answerable on this data: {gaps}."


def grouped(rows: pd.DataFrame, by: str, title: str, currency: str) -> Shown:
    """Show rows of `measures` side by side: one row per measure, one column per group; what cannot be answered is named below.

    Rows of two ways of grouping, such as ``cycle and stage``, have one row per label of the second.

    Parameters
    ----------
    rows : DataFrame to the spec of ``measures``
    by : their ``group_by``
    """
    kept = rows[(rows["group_by"] == by) & rows["value"].notna()]
    _, _, second = by.partition(" and ")
    pairs = [str(group).partition(": ") for group in kept["group"]]
    label = [last for _, _, last in pairs] if second else [measure_name(d) for d in kept["definition_id"]]
    column = [first for first, _, _ in pairs] if second else kept["group"].tolist()
    values = _with_units([amount(r.value, r.unit) for r in kept.itertuples()], kept["unit"], currency)
    texts = [
        v + f" ({ends(r.low, r.high, r.unit)})" * bool(pd.notna(r.low)) + f", n = {r.n:,}" * bool(r.n != r.value)
        for v, r in zip(values, kept.itertuples(), strict=True)
    ]
    wide = pd.DataFrame({"label": label, "column": column, "text": texts}).pivot_table(
        index="label", columns="column", values="text", aggfunc="first", sort=False
    )
    gaps = _unanswered(rows)
    foot = " ".join(
        part for part in (f"In brackets: {LEVEL:.0%} interval." * bool(kept["low"].notna().any()), gaps) if part
    )
    if wide.empty:
        return Shown(gaps, f"<p>{html.escape(gaps)}</p>" if gaps else "")
    order = [c for c in ORDER if c in wide] or sorted(wide)
    wide = wide[order + [c for c in wide if c not in order]].fillna("").reset_index()
    heads = {c: head(str(c))[:1].upper() + head(str(c))[1:] for c in wide} | {"label": head(second or "measure")}
    formulas = {
        measure_name(d): str(dictionary().get(d, {}).get("formula", "")) for d in kept["definition_id"].unique()
    }
    return _laid_out(wide, heads, [], title, foot, formulas)


def _with_units(values: list[str], units: pd.Series, currency: str) -> list[str]:
    """Write each value with its unit behind it; what is unknown has none."""
    pairs = zip(values, unit_names(units, currency), strict=True)
    return [v if v == UNKNOWN else f"{v} {u.removesuffix('s') if v == '1' else u}".strip() for v, u in pairs]


def change_texts(rows: pd.DataFrame, currency: str, year_starts: int = 1) -> pd.DataFrame:
    """Write headlines and their changes as text, one row each; shares change by points, all else by percent.

    Parameters
    ----------
    rows : DataFrame to the spec of ``15_executive_summary``

    Returns
    -------
    DataFrame of text: ``headline, value, interval, n, quarter, expected, year_ago, change, verdict, visible``; empty where
    a headline has none
    """
    out = []
    for r, unit in zip(rows.itertuples(), unit_names(rows["unit"], currency), strict=True):
        known, steps = pd.notna(r.expected), (r.visible_fall, r.visible_rise)
        form, what = ("{:+,.1f}", " points") if r.unit == "share" else ("{:+,.0f}", " %")
        percent = [form.format(100 * x) for x in (r.change, r.change_low, r.change_high)]
        seen = " or ".join(form.format(100 * x) for x in steps if pd.notna(x))
        row = {
            "headline": measure_name(r.definition_id) + f", {window(r.window, year_starts)}" * bool(r.window),
            "value": amount(r.value, r.unit) + f" {unit}" * (bool(unit) and pd.notna(r.value)),
            "interval": ends(r.low, r.high, r.unit),
            "n": f"{r.n:,}",
            "quarter": f"{amount(r.quarter_value, r.unit)} (n = {r.quarter_n:,})" if pd.notna(r.quarter_value) else "",
            "expected": amount(r.expected, r.unit) if known else "",
            "year_ago": amount(r.year_ago, r.unit) if pd.notna(r.year_ago) else "",
            "change": f"{percent[0]}{what} ({percent[1]} to {percent[2]})" if known else "",
            "verdict": "" if r.verdict == "not judged" else r.verdict,
            "visible": seen + what * bool(seen),
        }
        out.append(row)
    return pd.DataFrame(out)


def window(named: str, year_starts: int) -> str:
    """Write the days a headline is of: its months up to the day, or the period by its name."""
    ends = [pd.Timestamp(day) for day in named.split(" to ")] if " to " in named else []
    return say.span(ends[0], ends[1], year_starts) if ends else named


def kpis(rows: pd.DataFrame, title: str, currency: str, note: str = "") -> Shown:
    """Show KPIs by family: value with interval, n, change with interval and what it is against.

    Parameters
    ----------
    rows : DataFrame to the spec of ``15_kpis``
    """
    out = []
    for r, unit in zip(rows.itertuples(), unit_names(rows["unit"], currency), strict=True):
        relative, named = (
            r.compared_with in {"the quarters before", "the baseline"} and r.unit != "share",
            f" {unit}" * bool(unit),
        )
        steps = [100 * x if relative or r.unit == "share" else x for x in (r.change, r.change_low, r.change_high)]
        end = " %" if relative else " points" if r.unit == "share" else named
        texts = [f"{x:+,.1f}".removesuffix(".0") for x in steps]
        interval = ends(r.low, r.high, r.unit)
        is_known, is_judged = pd.notna(r.value), pd.notna(r.change)
        row = {
            "family": r.family,
            "KPI": measure_name(r.definition_id),
            "value": (amount(r.value, r.unit) + named + f" ({interval})" * bool(interval)) if is_known else "",
            "n": f"{r.n:,}",
            "change": f"{texts[0]}{end} ({texts[1]} to {texts[2]})" if is_judged else "",
            "Compared with": r.compared_with if is_judged else "",
            "verdict": r.verdict if is_known else r.status.replace("_", " "),
        }
        out.append(row)
    return table(pd.DataFrame(out), title, currency, note=note)


def head(name: str, unit: str = "") -> str:
    """Write a column's name as words, with its unit in brackets if they lack it; a reader's name stays as it is.

    Examples
    --------
    >>> head("revenue_kept", "EUR"), head("n"), head("hours", "hours")
    ('Revenue kept (EUR)', 'n', 'Hours')
    """
    words = name if " " in name or len(name) == 1 else name[:1].upper() + name[1:].replace("_", " ")
    words = words.replace("Kpis", "KPIs")
    return words + (f" ({unit})" if unit and unit.lower() not in words.lower().split() else "")


def decisions(
    rows: pd.DataFrame,
    currency: str,
    names: Mapping[str, str] | pd.Series | None = None,
    pages: Mapping[str, str] | None = None,
    listed: int = LISTED,
) -> Shown:
    """Show each decision: the order, its money, who acts by when, why, what would change it, and all its accounts.

    The accounts are in a folded table; the first `listed` of them, while the list file of a run has all.

    Parameters
    ----------
    rows : DataFrame of `Book.decisions`
    names : name of each account id; an account without one goes by its id
    pages : notebook of each number, for a link to the page that explains a decision
    """
    known = dict(names) if names is not None else {}
    each = [own for _, own in rows.groupby(["notebook", "slug"], sort=False)]
    text = repr(say.decide(rows, currency, known))
    if not each:
        return Shown(text, f"<p>{html.escape(text)}</p>")
    cards = "".join(
        _card(own, say.decision(own, currency, known), by_account(own, known), currency, pages or {}, listed)
        for own in each
    )
    return Shown(text, f'<div class="decisions mathjax_ignore">{cards}</div>')


def _card(
    rows: pd.DataFrame,
    said: Mapping[str, str],
    listed: pd.DataFrame,
    currency: str,
    pages: Mapping[str, str],
    many: int,
) -> str:
    """Write one decision."""
    safe = {name: html.escape(words) for name, words in said.items()}
    worth = f"{safe['basis']} <b>{safe['worth']}</b>" if said["worth"] else ""
    facts = " · ".join(part for part in (worth, safe["owner"], f"by {safe['due']}" * bool(said["due"])) if part)
    why = f"Why: {safe['reason']}. " * bool(said["reason"])
    slug, number = str(rows["slug"].iloc[0]), str(rows["notebook"].iloc[0])
    whom = ""
    if len(listed):
        shown_as = {"account": "account_name", "money": "moves", "money_low": "moves_low", "money_high": "moves_high"}
        states = [] if (listed["status"] != "proposed").any() else ["status"]
        cut = listed.pop("reason").map(lambda text: say.one_line(text, say.LONGEST_REASON), na_action="ignore")
        listed = listed.assign(owner=listed["owner"].map(say.few, na_action="ignore"), why=cut)
        shown = table(
            listed.drop(columns=["account_id", *states]).rename(columns=shown_as),
            f"Accounts: {say.one_line(said['text'])}",
            currency,
            rows=many,
        )
        file = f"{number}_{slug}" * bool(number)
        whom = f"<details><summary>{safe['whom']}</summary>{shown._repr_html_()}{_link(file) * bool(file)}</details>"
    page = html.escape(pages.get(number, ""))
    name = html.escape(head(page.partition("_")[2]))
    link = f'<p class="csv" hidden><a href="{page}.html#decision-{slug}">More on the page {name}</a></p>' * bool(page)
    return (
        f'<div class="decision" id="decision-{slug}"><p class="order"><strong>{safe["text"]}</strong></p>'
        + f'<p class="facts">{facts}</p>' * bool(facts)
        + f'{whom}{link}<p class="why">{why}What would change this: {safe["would_change"]}.</p></div>'
    )
