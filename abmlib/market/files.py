"""A market as files, the same bytes for the same market."""

from pathlib import Path

import pandas as pd

from abmlib.market.simulate import Market
from abmlib.tables import programme, schema

WORKBOOK = "title: Sample market (synthetic)\ncurrency: EUR\ntime_zone: Europe/Berlin\n"


def write(market: Market, folder: Path) -> None:
    """Write each table of a market as a CSV file, and the workbook.yml that goes with them.

    Every row is written; columns that are derived or entirely missing are not. Files of the same name are replaced;
    `folder` is made if absent; what people enter goes to its ``programme`` folder. Truth is not written.

    Parameters
    ----------
    market : tables to spec; money is written to 2 decimals, days as YYYY-MM-DD, times as YYYY-MM-DDTHH:MM:SSZ.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in market.tables.items():
        text = _as_text(name, table).to_csv(index=False, lineterminator="\n")
        place = folder / programme.FOLDER if name in schema.PROGRAMME else folder
        place.mkdir(exist_ok=True)
        (place / f"{name}.csv").write_bytes(text.encode("utf-8"))
    (folder / "workbook.yml").write_bytes(WORKBOOK.encode("utf-8"))


def _as_text(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The columns worth writing, each value as the text it has in the file."""
    kinds = {c: schema.meta(d) for c, d in schema.spec(name).columns.items()}
    if name in schema.PROGRAMME:  # as a person finds the file, to be filled further
        return pd.DataFrame({c: _column(table[c], kinds[c]["kind"]) for c in programme.columns(name)})
    kept = [c for c in table.columns if not kinds[c]["derived"] and not (len(table) and table[c].isna().all())]
    return pd.DataFrame({c: _column(table[c], kinds[c]["kind"]) for c in kept})


def _column(values: pd.Series, kind: str) -> pd.Series:
    """One column as text; missing stays missing."""
    if kind == "date":
        return values.dt.strftime("%Y-%m-%d")
    if kind == "ts":
        return values.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind == "bool":
        return values.astype("str").str.lower().where(values.notna())
    form = {"money": "{:.2f}", "number": "{:.10g}", "rate": "{:.10g}"}.get(kind)
    return values.map(form.format, na_action="ignore").astype("str") if form else values
