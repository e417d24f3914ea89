"""Where accounts stand in the funnel, what they bring, and which hours they get; how new what is known of them is."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method.measures import measure_rows

FUNNEL = "status and funnel stage"
ENGAGED, QUIET, NO_DEAL = "no open deal, active in 90 days", "no open deal, quiet for 90 days", "no open deal"
UNORDERED = "stages of unknown order"
STATUSES = ("customer", "prospect", "former")
SHARES = {"hours_share": "hours_12m", "margin_share": "margin_12m", "open_share": "open_amount"}


def stage_ranks(history: pd.DataFrame, order: tuple[str, ...], open_deals: pd.DataFrame) -> dict[str, float]:
    """Place of each stage: as the settings say, else as the stage history counts them, else the less likely first.

    Empty where nothing tells.

    Parameters
    ----------
    history : ``tables.schema.OPPORTUNITY_STAGE_HISTORY``
    order : stages, first to last; may be empty
    open_deals : DataFrame ``stage, probability``
    """
    counted = history.groupby("stage")["stage_order"].median().dropna().astype(float)
    likely = open_deals["probability"].astype(float).groupby(open_deals["stage"]).mean().dropna()
    known = counted if len(counted) else likely.rank()
    return {str(stage): float(k) for k, stage in enumerate(order)} or {str(s): float(k) for s, k in known.items()}


def funnel_stages(
    accounts: pd.Index, open_deals: pd.DataFrame, touches: pd.Series, ranks: dict[str, float]
) -> pd.DataFrame:
    """Stage of the funnel of each account: that of most of its open amount, or else whether it is active.

    Parameters
    ----------
    open_deals : ``tables.schema.OPPORTUNITIES``, the open ones; of stages with as much, or where no amount is known, the furthest counts
    touches : touches of the account in 90 days, by account id; missing where the source has none
    ranks : of `stage_ranks`; a stage without a rank comes before all others; without any rank, stages are not told apart

    Returns
    -------
    DataFrame, indexed by `accounts`: ``funnel_stage``, ``place`` (the higher, the nearer to a sale)

    References
    ----------
    S3-3.
    """
    deals = open_deals.assign(place=1 + open_deals["stage"].map(ranks).fillna(-1.0).astype(float))
    deals = deals if ranks else deals.assign(stage=UNORDERED)
    worth = deals.groupby(["account_id", "stage", "place"])["amount"].sum().reset_index()
    most = worth.sort_values(["amount", "place"], kind="stable").drop_duplicates("account_id", keep="last")
    stage = most.set_index("account_id")[["stage", "place"]].reindex(accounts)
    count = touches.reindex(accounts).astype("Float64").astype(float)
    without = pd.Series(np.select([count.isna(), count > 0], [NO_DEAL, ENGAGED], QUIET), accounts)
    place = stage["place"].fillna(pd.Series(np.where(count > 0, -1.0, -2.0), accounts))
    named = stage["stage"].astype(object).map("open deals, most in {}".format, na_action="ignore")
    return pd.DataFrame({"funnel_stage": named.where(named.notna(), without).astype("str"), "place": place})


def profit_rank(margin: pd.Series) -> pd.Series:
    """Rank of accounts by margin, 1 the most; missing where the margin is unknown or there is no purchase to rank by.

    Parameters
    ----------
    margin : money by account; 0 without a purchase

    References
    ----------
    S3-3.
    """
    return margin.where(margin != 0).rank(ascending=False, method="min").astype("Int64")


def shares(of: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """Share of the hours, the margin and the open amount of all accounts, and who gets hours first.

    Hours first go where the money is and the hours are not: 1 is the row whose share of the margin or of the open amount, the larger,
    is furthest above its share of the hours; missing where it is not above. Where no hours are noted, the money alone ranks.

    Parameters
    ----------
    of : DataFrame ``hours_12m, margin_12m, open_amount``
    whole : the same of all there is, so also of deals without an account

    Returns
    -------
    DataFrame with the index of `of`: ``hours_share, margin_share, open_share`` (missing where the whole is not positive), ``priority``

    References
    ----------
    S3-3.
    """
    sums = whole[list(SHARES.values())].astype(float).sum()
    out = pd.DataFrame(
        {share: of[c].astype(float) / (sums[c] if sums[c] > 0 else np.nan) for share, c in SHARES.items()}
    )
    more = out[["margin_share", "open_share"]].max(axis=1) - out["hours_share"].fillna(0)
    return out.assign(priority=more.where(more > 0).rank(ascending=False, method="min").astype("Int64"))


def by_funnel_stage(facts: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """What accounts bring and which hours they get, by status and stage of the funnel; statuses are never mixed.

    Parameters
    ----------
    facts : DataFrame, one row per account: ``status, funnel_stage, place, margin_12m, open_amount, hours_12m`` (missing: unknown)
    whole : as in `shares`

    Returns
    -------
    DataFrame, one row per status and stage with an account, nearest to a sale first: ``status, funnel_stage, accounts,
    margin_12m, open_amount, hours_12m`` (sums of what is known; missing where none is), and the columns of `shares`

    References
    ----------
    S3-3.
    """
    money = list(SHARES.values())
    by = facts.groupby(["status", "funnel_stage"], sort=False)
    table = by[money].sum(min_count=1).astype(float).assign(accounts=by.size(), place=by["place"].max()).reset_index()
    table = table.join(shares(table, whole)).assign(status=pd.Categorical(table["status"], STATUSES))
    table = table.sort_values(["status", "place"], ascending=[True, False], kind="stable", ignore_index=True)
    return table[["status", "funnel_stage", "accounts", *money, *SHARES, "priority"]].astype({"status": "str"})


def funnel_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: share of the hours, of the margin and of the open amount by status and stage of the funnel.

    Counts of all there is, so without an interval; n counts accounts.

    Parameters
    ----------
    table : DataFrame of `by_funnel_stage`

    References
    ----------
    S3-3.
    """
    group = table["status"] + ", " + table["funnel_stage"]
    return pd.concat(
        [
            measure_rows(
                "S3-3",
                f"{share}_of_funnel_stage",
                table[share],
                "share",
                n=table["accounts"],
                group_by=FUNNEL,
                group=group,
            )
            for share in SHARES
        ],
        ignore_index=True,
    )


def field_ages(history: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """How long ago each field with a history was learnt, of accounts and people.

    Parameters
    ----------
    history : ``tables.schema.ATTRIBUTE_HISTORY``, as read

    Returns
    -------
    DataFrame, one row per field: ``table, field, rows`` (with a value), ``share_changed`` (those that had another value before), ``newest``
    (day), ``median_days`` (since the newest value of a row was learnt)

    References
    ----------
    S3-3, enrichment.
    """
    known = history[history["value"].notna()].sort_values("known_from", kind="stable")
    by = known.groupby(["table", "field", "row_id"])["known_from_day"]
    each = pd.DataFrame({"last": by.last(), "values": by.size()}).reset_index()
    each = each.assign(days=(as_of - each["last"]).dt.days, changed=each["values"] > 1)
    fields = each.groupby(["table", "field"]).agg(
        rows=("row_id", "size"),
        share_changed=("changed", "mean"),
        newest=("last", "max"),
        median_days=("days", "median"),
    )
    return fields.reset_index()


def by_source(rows: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Which source describes accounts, in which table, how many, and how old the newest of it is.

    Rows whose source is not known do not count.

    Parameters
    ----------
    rows : of each table: ``account_id, source, day``

    Returns
    -------
    DataFrame, by table the largest source first: ``table, source, accounts, newest`` (day), ``days_old``

    References
    ----------
    S3-3, enrichment.
    """
    parts = pd.concat([own[["account_id", "source", "day"]].assign(table=name) for name, own in rows.items()])
    by = parts[parts["source"].fillna("unknown") != "unknown"].groupby(["table", "source"])
    found = by.agg(accounts=("account_id", "nunique"), newest=("day", "max")).reset_index()
    found = found.assign(days_old=(as_of - found["newest"]).dt.days)
    return found.sort_values(["table", "accounts"], ascending=[True, False], kind="stable", ignore_index=True)
