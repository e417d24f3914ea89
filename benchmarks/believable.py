"""Is the synthetic market believable? Its shape beside that of data sets other people made.

    python -m benchmarks.believable                    # writes benchmarks/believable.md
    python -m benchmarks.believable --sets FOLDER      # where the other data sets lie; ../shared/data beside this checkout

The sets are imported with the mappings in data/mappings, by the project's own importer; two that have no mapping, because they
lack accounts or names, are read as they are. A set that is absent is left out and the page says so. Figures of the sets
stand in the generated page and nowhere else, and nothing is tuned to meet them: the market has the shape of a vendor with
three lines, and each set another.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from abmlib.market import simulate
from abmlib.stats import concentration
from abmlib.tables import Book, schema
from abmlib.tables.importers import mapped
from benchmarks.proof import END, MONTHS, seen

HERE = Path(__file__).parents[1]
SETS = HERE.parent / "shared" / "data"
PAGE = Path(__file__).with_name("believable.md")
MAPPED = {  # column of the page: mapping and folder
    "online retail II": "online_retail_ii",
    "Maven CRM": "maven_crm_sales",
    "AdventureWorks reseller": "adventureworks_reseller",
}
FOLDERS = {"adventureworks_reseller": "adventureworks_dw_reseller"}  # where it is not the mapping's name
READ = ("accounts", "transactions", "opportunities", "contacts", "activities")
SEED = 7
TAIL = 0.05  # share of the largest values that the tail index is fitted to
LEAST = 30  # fewer values make no figure
LAST_DAYS, QUARTER = 8, 91  # last days of a quarter, of so many

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Row:
    """A line of the page: a figure that can be taken of any set which has what it needs."""

    name: str
    of: Callable[[Tables], float | str]
    form: str = "{:.2f}"


def orders(tables: Tables) -> pd.DataFrame:
    """What an account bought on one day: ``account_id, day, value, lines``; days without a purchase are left out."""
    lines = tables["transactions"]
    bought = lines[lines["revenue"] > 0]
    grouped = bought.groupby(["account_id", bought["booked_at"].dt.normalize().rename("day")])["revenue"]
    return grouped.agg(value="sum", lines="size").reset_index()


def won(tables: Tables) -> pd.DataFrame:
    """Won deals."""
    deals = tables["opportunities"]
    return deals[deals["is_won"].fillna(False).astype(bool)]


def revenue(tables: Tables) -> pd.Series:
    """Net revenue of each account that has any above zero."""
    sums = tables["transactions"].groupby("account_id")["revenue"].sum()
    return sums[sums > 0]


def sizes(what: str, tables: Tables) -> pd.Series:
    """Amounts above zero, of won deals or of orders."""
    x = won(tables)["amount"] if what == "deal" else orders(tables)["value"]
    return x[x > 0].dropna()


def quantile_over_median(what: str, q: float, tables: Tables) -> float:
    """A quantile of amounts as a multiple of their median."""
    x = sizes(what, tables)
    return float(x.quantile(q) / x.median()) if len(x) >= LEAST else np.nan


def spread(what: str, tables: Tables) -> float:
    """Standard deviation of the logarithm of amounts."""
    x = sizes(what, tables)
    return float(np.log(x).std()) if len(x) >= LEAST else np.nan


def tail_index(what: str, tables: Tables) -> float:
    """Hill's estimate of the tail index from the largest amounts: the smaller, the heavier the tail.

    References
    ----------
    Hill (1975), A simple general approach to inference about the tail of a distribution, Annals of Statistics 3, p. 1163.
    """
    x = np.sort(sizes(what, tables).to_numpy(float))[::-1]
    k = int(TAIL * len(x))
    excess = np.log(x[:k] / x[k]).mean() if k >= 2 else np.nan
    return float(1 / excess) if k >= LEAST / 2 and excess > 0 else np.nan


def gaps(tables: Tables) -> pd.core.groupby.SeriesGroupBy:
    """Days between the orders of an account, by account."""
    found = orders(tables).sort_values(["account_id", "day"])
    days = found.groupby("account_id")["day"].diff().dt.days
    return days.dropna().groupby(found["account_id"])


def gap(tables: Tables) -> float:
    """Median over accounts of the median days from order to order."""
    return float(gaps(tables).median().median())


def gap_variation(tables: Tables) -> float:
    """Median over accounts with four orders or more of the gaps' coefficient of variation: 0 is a clock, 1 pure chance."""
    by = gaps(tables)
    varied = (by.std() / by.mean())[by.size() >= 3]
    return float(varied.median()) if len(varied) >= LEAST else np.nan


def by_month(tables: Tables) -> pd.Series:
    """Share of revenue of each month of the year, each as long as it was observed."""
    lines = tables["transactions"]
    days = pd.date_range(lines["booked_at"].min(), lines["booked_at"].max())
    seen_days = pd.Series(1, index=days).groupby(days.month).sum()
    a_day = lines.groupby(lines["booked_at"].dt.month)["revenue"].sum() / seen_days
    return a_day / a_day.sum()


def at_quarters_end(day: pd.Series) -> float:
    """Share of days that are among the last of a calendar quarter."""
    known = day.dropna()
    left = (known.dt.to_period("Q").dt.end_time.dt.normalize() - known.dt.normalize()).dt.days
    return float((left < LAST_DAYS).mean()) if len(known) >= LEAST else np.nan


def closings(tables: Tables) -> float:
    """Share of deals closed in the last days of a quarter."""
    return at_quarters_end(tables["opportunities"]["closed_at"].dt.tz_localize(None))


def win_rate(tables: Tables) -> float:
    """Won of closed deals."""
    closed = tables["opportunities"].query("is_closed")
    return len(won(tables)) / len(closed)


def cycle_by_line(tables: Tables) -> str:
    """Median days from opening to won, of the fastest and the slowest line."""
    deals = won(tables)
    by = deals["days"].dropna().groupby(deals["product_line"])
    found = by.median()[by.size() >= LEAST]
    return f"{found.min():.0f} to {found.max():.0f} ({len(found)} lines)" if len(found) else "–"


def deals_per_account(tables: Tables) -> float:
    """Deals of an account that has any, on average."""
    return float(tables["opportunities"].dropna(subset=["account_id"]).groupby("account_id").size().mean())


def bought_once(tables: Tables) -> float:
    """Share of accounts with one order, of those with any."""
    return float((orders(tables).groupby("account_id").size() == 1).mean())


def bought_at_all(tables: Tables) -> float:
    """Share of accounts that ever bought, by a line or a won deal."""
    buyers = {*tables["transactions"]["account_id"], *(won(tables)["account_id"] if "opportunities" in tables else ())}
    return float(tables["accounts"]["account_id"].isin(buyers).mean()) if "accounts" in tables else np.nan


def alike(tables: Tables) -> float:
    """Correlation of the ends of two deals of one account: 0 where an account says nothing of how its deals end.

    References
    ----------
    Donner (1986), A review of inference procedures for the intraclass correlation coefficient, International Statistical
    Review 54, p. 67: the estimator from the analysis of variance.
    """
    closed = tables["opportunities"].query("is_closed").dropna(subset=["account_id"])
    by = closed["is_won"].astype(float).groupby(closed["account_id"]).agg(["size", "mean"])
    by = by[by["size"] > 1]
    if len(by) < LEAST:
        return np.nan
    size, mean, n, k = by["size"], by["mean"], by["size"].sum(), len(by)
    between = (size * (mean - (size * mean).sum() / n) ** 2).sum() / (k - 1)
    within = (size * mean * (1 - mean)).sum() / (n - k)
    typical = (n - (size**2).sum() / n) / (k - 1)
    return float((between - within) / (between + (typical - 1) * within))


def overdue(tables: Tables) -> float:
    """Share of open deals whose closing day has passed."""
    deals = tables["opportunities"]
    still = deals[~deals["is_closed"].fillna(False).astype(bool)]
    day = still["close_date"].dropna() if len(still) else still["closed_at"]
    return float((day <= deals["closed_at"].max().tz_localize(None)).mean()) if len(day) >= LEAST else np.nan


def share_of(table: str, column: str, value: str, tables: Tables) -> float:
    """Share of a table's rows with a value, of those that have any."""
    known = tables[table][column].dropna()
    return float((known == value).mean())


def shares(table: str, column: str, values: Iterable[str], what: str) -> list[Row]:
    """One row per value."""
    return [Row(f"{what}: {v.replace('_', ' ')}", partial(share_of, table, column, v), "{:.3f}") for v in values]


def amounts(what: str, label: str) -> list[Row]:
    """The rows about the size of deals or orders."""
    return [
        Row(f"{label}, median, own currency", lambda t: float(sizes(what, t).median()), "{:,.0f}"),
        Row(f"{label}, 90th percentile over median", partial(quantile_over_median, what, 0.90)),
        Row(f"{label}, 99th percentile over median", partial(quantile_over_median, what, 0.99)),
        Row(f"{label}, sd of logarithm", partial(spread, what)),
        Row(f"{label}, tail index of the largest {TAIL:.0%}", partial(tail_index, what)),
    ]


NEEDS = {  # what a row needs is what its function reads; a set that lacks it gives a dash
    "transactions": [
        Row("accounts that bought", lambda t: float(len(revenue(t))), "{:,.0f}"),
        Row("accounts that bought, share", bought_at_all, "{:.3f}"),
        Row("revenue per account, Gini", lambda t: concentration.gini(revenue(t))),
        Row("revenue per account, share of the top fifth", lambda t: concentration.top_share(revenue(t), 0.2)),
        *amounts("order", "order value"),
        Row("lines per order, mean", lambda t: float(orders(t)["lines"].mean())),
        Row("lines per order, median", lambda t: float(orders(t)["lines"].median()), "{:.0f}"),
        Row("lines per order, 90th percentile", lambda t: float(orders(t)["lines"].quantile(0.9)), "{:.0f}"),
        Row("days from order to order, median of accounts", gap, "{:.0f}"),
        Row("days from order to order, variation within account", gap_variation),
        Row("accounts with one order, share", bought_once, "{:.3f}"),
        Row("revenue of the weakest month, share", lambda t: float(by_month(t).min()), "{:.3f}"),
        Row("revenue of the strongest month, share", lambda t: float(by_month(t).max()), "{:.3f}"),
        Row(
            f"orders in the last {LAST_DAYS} days of a quarter (even: {LAST_DAYS / QUARTER:.3f})",
            lambda t: at_quarters_end(orders(t)["day"]),
            "{:.3f}",
        ),
    ],
    "opportunities": [
        Row("deals", lambda t: float(len(t["opportunities"])), "{:,.0f}"),
        *amounts("deal", "won deal"),
        Row("win rate", win_rate, "{:.3f}"),
        Row("ends of two deals of an account, correlation", alike, "{:.3f}"),
        Row("open deals whose closing day has passed, share", overdue, "{:.3f}"),
        Row("median days to won, by line", cycle_by_line),
        Row("deals per account that has any", deals_per_account, "{:.1f}"),
        Row(
            f"closings in the last {LAST_DAYS} days of a quarter (even: {LAST_DAYS / QUARTER:.3f})", closings, "{:.3f}"
        ),
    ],
    "contacts": [
        Row("contacts per account", lambda t: len(t["contacts"]) / len(t["accounts"]), "{:.1f}"),
        *shares("contacts", "seniority", schema.SENIORITY, "contacts by level"),
        *shares("contacts", "buying_role", schema.ROLES, "contacts by role"),
    ],
    "activities": [
        Row("touches per account", lambda t: len(t["activities"]) / len(t["accounts"]), "{:.1f}"),
        *shares("activities", "channel", schema.CHANNELS, "touches by channel"),
    ],
}


def said(row: Row, needs: str, tables: Tables) -> str:
    """The figure of a row for one set; a dash where the set has no such thing."""
    if needs not in tables or tables[needs].empty:
        return "–"
    found = row.of(tables)
    if isinstance(found, str):
        return found
    return "–" if np.isnan(found) else row.form.format(found)


def table(columns: Mapping[str, Tables]) -> str:
    """Write every row for every set, in Markdown; rows that no set has are left out."""
    lines = [f"| | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]
    for needs, rows in NEEDS.items():
        for row in rows:
            cells = [said(row, needs, tables) for tables in columns.values()]
            if any(cell not in ("–", row.form.format(0.0)) for cell in cells):
                lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def read(book: Book) -> dict[str, pd.DataFrame]:
    """The tables a book has, of those the rows read; deals with their ``days`` from opening to closing."""
    found = {name: book.read(name) for name in READ if book.has(name)}
    if "opportunities" in found:
        deals = found["opportunities"]
        found["opportunities"] = deals.assign(days=(deals["closed_at"] - deals["created_at"]).dt.days)
    return found


def market(accounts: int) -> dict[str, pd.DataFrame]:
    """The market as a notebook reads it."""
    with seen(simulate(SEED, accounts, MONTHS, end=END)) as found:
        return read(found.book)


def imported(mapping: str, sets: Path) -> dict[str, pd.DataFrame]:
    """A set imported with its mapping."""
    with tempfile.TemporaryDirectory(prefix="set-") as place:
        to = Path(place) / "book"
        source = sets / FOLDERS.get(mapping, mapping)
        mapped.run(mapped.load_mapping(HERE / "data" / "mappings" / f"{mapping}.yml"), source, to)
        return read(Book.open(to, as_of="latest-data"))


def purchases(sets: Path) -> dict[str, pd.DataFrame]:
    """CDNOW: customers are taken as accounts."""
    raw = pd.read_csv(sets / "cdnow" / "CDNOW_master_restored.csv")
    booked = pd.to_datetime(raw["date"].astype("str"), format="%Y%m%d")
    return {
        "transactions": pd.DataFrame(
            {"account_id": raw["customer_id"], "booked_at": booked, "revenue": raw["amount_usd"]}
        )
    }


def deals_without_dates(sets: Path) -> dict[str, pd.DataFrame]:
    """IBM: deals that know how many days they took, and neither day nor account."""
    raw = pd.read_csv(sets / "ibm_sales_win_loss" / "WA_Fn-UseC_-Sales-Win-Loss.csv", keep_default_na=False)
    raw = raw.drop_duplicates()
    deals = pd.DataFrame(
        {
            "account_id": pd.Series(pd.NA, index=raw.index, dtype="str"),
            "product_line": raw["Supplies Group"],
            "amount": raw["Opportunity Amount USD"].astype(float),
            "is_closed": True,
            "is_won": raw["Opportunity Result"] == "Won",
            "closed_at": pd.Series(pd.NaT, index=raw.index, dtype="datetime64[us, UTC]"),
            "days": raw["Total Days Identified Through Closing"],
        }
    )
    return {"opportunities": deals}


def others(sets: Path) -> dict[str, dict[str, pd.DataFrame]]:
    """Every set that is there."""
    found = {
        label: imported(mapping, sets)
        for label, mapping in MAPPED.items()
        if (sets / FOLDERS.get(mapping, mapping)).is_dir()
    }
    if (sets / "ibm_sales_win_loss").is_dir():
        found["IBM win-loss"] = deals_without_dates(sets)
    if (sets / "cdnow").is_dir():
        found["CDNOW"] = purchases(sets)
    return found


def page(accounts: int, sets: Path) -> str:
    """Write the page: the market, and what other sets there are."""
    beside = others(sets)
    told = (
        f"The other columns are sets that other people made: {', '.join(beside)}."
        if beside
        else "No other data set lies beside this checkout, so the market stands alone."
    )
    return f"""# The synthetic market beside other data

Made by `make believable`. The market has {accounts:,} accounts and {MONTHS} months. {told} An order is what one account buys on one day. A
dash means that the set has no such thing. Nothing is tuned to meet another column: each vendor is its own.

{table({"market": market(accounts)} | beside)}"""


def main() -> None:
    """Print the page and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=1_000, help="in the market")
    parser.add_argument("--sets", type=Path, default=SETS, help="folder of the other data sets")
    parser.add_argument("--to", default=str(PAGE), help="page to write; - for none")
    given = parser.parse_args()
    text = page(given.accounts, given.sets)
    print(text)  # noqa: T201
    if given.to != "-":
        Path(given.to).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
