"""Tables for readers: columns named and formatted by unit, hostile text escaped, cut lists saying how many there are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from great_tables import GT, loc, style

UNKNOWN = "unknown"


class Shown:
    """A table as HTML for a page and as plain text for everything else."""

    def __init__(self, frame: pd.DataFrame, html: str) -> None:
        """Keep both forms."""
        self._frame, self._html = frame, html

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        """Give the plain text."""
        return self._frame.to_string(index=False, na_rep=UNKNOWN, max_colwidth=60)


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
    rows: int = 25,
    missing: str = UNKNOWN,
    note: str = "",
) -> Shown:
    """Format a table.

    The first `rows` rows are shown; the foot says how many there are.

    Parameters
    ----------
    frame : DataFrame; its index is not shown
    title : stands above the table; unique on its page
    money, share, count, number, day : columns by unit; shares are given from 0 to 1 and printed in percent
    units : unit of further columns, printed in the head
    right : columns of finished text to align like numbers
    missing : what stands for a missing value
    note : one sentence below
    """
    cut = frame.head(rows)
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
    return Shown(cut.rename(columns=heads), gt.as_raw_html())


def measures(rows: pd.DataFrame, title: str, currency: str) -> Shown:
    """Show rows of `measures`, each value in its own unit, with its count; what cannot be answered is named below.

    Parameters
    ----------
    rows : DataFrame to the spec of ``measures``
    """
    said = [
        UNKNOWN
        if pd.isna(v)
        else f"{v:.1%}"
        if u == "share"
        else f"{v:.3f}"
        if u == "index"
        else f"{v:,.1f}".removesuffix(".0")
        for v, u in zip(rows["value"], rows["unit"], strict=True)
    ]
    unit = rows["unit"].replace({"currency": currency, "share": ""})
    shown = pd.DataFrame(
        {
            "measure": [head(d).replace("80pc", "80 %").replace("20pc", "20 %") for d in rows["definition_id"]],
            "value": said,
            "unit": unit,
            "n": rows["n"],
            "metric": rows["measure_id"],
            "judged": rows["status"].str.replace("_", " "),
        }
    )
    told = (rows["status"] != "not_answerable").to_numpy()
    note = f"Not answerable on this data: {', '.join(shown.loc[~told, 'measure']).lower()}." if not told.all() else ""
    return table(shown[told], title, count=["n"], right=["value"], rows=len(shown), note=note)


def head(column: str, unit: str = "") -> str:
    """Write a column's name as words, with its unit in brackets.

    Examples
    --------
    >>> head("revenue_kept", "EUR")
    'Revenue kept (EUR)'
    """
    words = column.replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}" + (f" ({unit})" if unit else "")
