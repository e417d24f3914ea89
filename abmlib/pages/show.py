"""Tables for readers: columns named and formatted by unit, hostile text escaped, cut lists saying how many there are."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from great_tables import GT, loc, style

UNKNOWN = "unknown"
NOTHING = "nothing to show."
STATES = {"too_early": "too early", "not_answerable": "not answerable"}  # as tables spell them, as readers do


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


def nothing(title: str, note: str) -> Shown:
    """Say in place of a table without rows that there is nothing, and its note."""
    text = f"{NOTHING} {note}".strip()
    return Shown(f"{title}: {text}", f"<p><b>{html.escape(title)}</b>: {html.escape(text)}</p>")


def table(
    frame: pd.DataFrame,
    title: str,
    *,
    currency: str = "",
    money: Sequence[str] = (),
    share: Sequence[str] = (),
    count: Sequence[str] = (),
    number: Sequence[str] = (),
    day: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    right: Sequence[str] = (),
    words: Sequence[str] = (),
    rows: int = 25,
    missing: str = UNKNOWN,
    note: str = "",
) -> Shown:
    """Format a table.

    The first `rows` rows are shown; the foot says how many there are. Of a table without rows only title and note are.

    Parameters
    ----------
    frame : DataFrame; its index is not shown
    title : stands above the table; unique on its page
    money, share, count, number, day : columns by unit; shares are given from 0 to 1 and printed in percent
    units : unit of further columns, printed in the head
    right : columns of finished text to align like numbers
    words : columns of names written as words, without underscores
    missing : what stands for a missing value
    note : one sentence below
    """
    if frame.empty:
        return nothing(title, note)
    cut = frame.head(rows).replace(STATES)
    cut = cut.assign(**{c: cut[c].astype("str").str.replace("_", " ") for c in words})
    cut = cut.assign(**{c: cut[c].map({True: "yes", False: ""}) for c in cut.select_dtypes(["bool", "boolean"])})
    heads: dict[str, Any] = {
        c: head(c, currency if c in money else (units or {}).get(c, "")) for c in map(str, frame.columns)
    }
    foot = [note] if note else []
    if len(frame) > rows:
        foot.insert(0, f"The first {rows:,} of {len(frame):,} rows.")
    gt = GT(cut, id="t-" + re.sub(r"\W+", "-", title.lower()).strip("-"))
    gt = gt.tab_header(title=title).cols_label(cases=heads).opt_align_table_header("left")
    gt = gt.fmt_number(list(money), decimals=0).fmt_percent(list(share), decimals=1).fmt_number(list(count), decimals=0)
    gt = gt.fmt_number(list(number), decimals=2).fmt_date(list(day), date_style="iso").sub_missing(missing_text=missing)
    gt = gt.tab_options(table_font_size="13px", data_row_padding="3px", heading_title_font_size="14px")
    gt = gt.tab_style(style.text(weight="bold"), loc.title())
    texts = [c for c in heads if c not in {*money, *share, *count, *number, *right}]
    gt = gt.cols_align("left", texts).cols_align("right", list(right)) if right else gt.cols_align("left", texts)
    if foot:
        gt = gt.tab_source_note(" ".join(foot))
    text = cut.rename(columns=heads).to_string(index=False, na_rep=UNKNOWN, max_colwidth=60)
    return Shown(text, gt.as_raw_html())


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


def label(definition_id: str) -> str:
    """Write a definition id as words."""
    return head(definition_id).replace("80pc", "80 %").replace("20pc", "20 %").replace("crm", "CRM")


def unit_names(units: pd.Series, currency: str) -> list[str]:
    """Write units with the currency's name; shares carry theirs in the number."""
    return [u.replace("currency", currency).replace("share", "") for u in units]


def crossed(frame: pd.DataFrame, rows: Sequence[str], column: str, currency: str) -> pd.DataFrame:
    """Lay answers out one row per part and one column per question: each value in its unit, and the verdict behind it.

    Parameters
    ----------
    frame : DataFrame with ``value, unit, verdict``, and the columns `rows` and `column`
    """
    units = unit_names(frame["unit"], currency)
    told = [
        v.replace("_", " ") if pd.isna(x) else f"{amount(x, u)} {name}".strip() + f": {v.replace('_', ' ')}"
        for x, u, name, v in zip(frame["value"], frame["unit"], units, frame["verdict"], strict=True)
    ]
    wide = frame.assign(told=told).pivot(index=list(rows), columns=column, values="told").reset_index()
    order = frame[list(rows)].drop_duplicates()
    return order.merge(wide, on=list(rows))[[*rows, *frame[column].unique()]].rename_axis(columns=None)


def measures(rows: pd.DataFrame, title: str, currency: str) -> Shown:
    """Show rows of `measures`, each in its own unit, with interval and count; what cannot be answered is named below.

    Parameters
    ----------
    rows : DataFrame to the spec of ``measures``
    """
    each = list(rows.itertuples())
    shown = pd.DataFrame(
        {
            "measure": [label(r.definition_id) for r in each],
            "value": [amount(r.value, r.unit) for r in each],
            "interval": [ends(r.low, r.high, r.unit) for r in each],
            "unit": unit_names(rows["unit"], currency),
            "n": rows["n"].to_numpy(),
            "metric": rows["measure_id"].to_numpy(),
        }
    )
    told = (rows["status"] != "not_answerable").to_numpy()
    names = shown.loc[~told, "measure"].str.lower().groupby(rows["why"].to_numpy()[~told], sort=False).agg(", ".join)
    lacking = "; ".join(f"{of} (for lack of {why})" if why else of for why, of in names.items())
    note = f"Not answerable on this data: {lacking}." if lacking else ""
    if rows["level"].notna().any():
        note = f"Intervals at {rows['level'].max():.0%}. {note}".strip()
    kept = shown[told] if rows["low"].notna().any() else shown[told].drop(columns="interval")
    return table(
        kept, title, count=["n"], right=[c for c in ("value", "interval") if c in kept], rows=len(shown), note=note
    )


def changes(rows: pd.DataFrame, title: str, currency: str) -> Shown:
    """Show headline measures beside those of the previous report.

    Parameters
    ----------
    rows : DataFrame to the spec of ``15_executive_summary``
    """
    each = list(rows.itertuples())
    shown = pd.DataFrame(
        {
            "measure": [label(r.definition_id) for r in each],
            "now": [amount(r.value, r.unit) for r in each],
            "interval": [ends(r.low, r.high, r.unit) for r in each],
            "before": [amount(r.previous_value, r.unit).replace(UNKNOWN, "–") for r in each],
            "change": [amount(r.change, r.unit, sign=True).replace(UNKNOWN, "–") for r in each],
            "unit": unit_names(rows["unit"], currency),
            "n": rows["n"].to_numpy(),
            "judged": rows["judged"].to_numpy(),
        }
    )
    return table(shown, title, count=["n"], right=["now", "interval", "before", "change"], rows=len(shown))


def head(column: str, unit: str = "") -> str:
    """Write a column's name as words, with its unit in brackets.

    Examples
    --------
    >>> head("revenue_kept", "EUR")
    'Revenue kept (EUR)'
    """
    words = column.replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}" + (f" ({unit})" if unit else "")
