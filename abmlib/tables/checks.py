"""What the load-time checks found and what the ledger counted, in forms a page can show."""

import pandas as pd


def broken(audit: pd.DataFrame) -> pd.DataFrame:
    """Keep the checks that rows break: failures first, then warnings, the most rows first.

    Parameters
    ----------
    audit : DataFrame of `Book.audit`
    """
    failing = audit[audit["bad"] > 0].sort_values(["severity", "bad"], ascending=[True, False], kind="stable")
    return failing.reset_index(drop=True)


def counts(audit: pd.DataFrame) -> tuple[int, int, int]:
    """Count all checks, those that fail and those that warn."""
    by_severity = broken(audit)["severity"].value_counts()
    return len(audit), int(by_severity.get("fail", 0)), int(by_severity.get("warn", 0))


def sentences(audit: pd.DataFrame) -> list[str]:
    """Write each broken check as one line.

    It names the table, what should hold, how many rows break it, the first of them, and the remedy.
    """
    lines = []
    for r in broken(audit).itertuples():
        first = f" (first: {r.first})" if r.first else ""
        counted = f"{r.table}: {r.check}: broken in {r.bad:,} of {r.rows:,} rows{first}. {r.remedy}"
        lines.append(r.remedy if r.check == "columns present" else counted)
    return lines


def failure(audit: pd.DataFrame) -> str:
    """Write the checks that fail, a line each; empty where none does."""
    return "\n".join(sentences(audit[audit["severity"] == "fail"]))


def worst(audit: pd.DataFrame, most: int = 3) -> pd.DataFrame:
    """Keep the broken checks to correct first, at most `most`."""
    return broken(audit).head(most)


def losses(ledger: pd.DataFrame) -> pd.DataFrame:
    """Keep the steps of the ledger after which there are fewer rows; the others are counted in one row.

    No count is lost: the last row gives how many steps lost nothing. Rows that are counted as one with another row are no
    loss, and stand here with the reason.

    Parameters
    ----------
    ledger : DataFrame of `Book.ledger`
    """
    losing = (ledger["rows_lost"] > 0) | (ledger["rows_out"] < ledger["rows_in"])
    quiet = int((~losing).sum())
    last = {"step": "all others", "table": f"{quiet} steps", "rows_lost": 0, "why": "nothing was lost"}
    return pd.concat([ledger[losing], pd.DataFrame([last])] if quiet else [ledger[losing]], ignore_index=True)
