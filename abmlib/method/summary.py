"""The director's page: headline measures against the previous report and against targets, and what is not answered."""

from collections.abc import Collection

import numpy as np
import pandas as pd

HEADLINES = (
    ("C-38", "total_revenue"),
    ("C-38", "total_margin"),
    ("C-38", "share_of_accounts_for_80pc_of_revenue"),
    ("C-38", "largest_10_share_of_revenue"),
    ("C-38", "retention_of_A_by_revenue"),
    ("C-4", "won_value"),
    ("C-10", "accounts_won"),
    ("C-2", "win_rate_by_count"),
    ("C-4", "deal_size_mean"),
    ("C-5", "days_to_close_median_open_censored"),
    ("C-8", "open_value"),
    ("C-8", "weighted_by_own_stage_share"),
    ("C-9", "won_of_target"),
    ("C-9", "coverage"),
    ("C-9", "coverage_needed"),
    ("C-11", "slip_rate"),
    ("C-1", "velocity_open_deals"),
)
KEY = ["measure_id", "definition_id"]
ANSWERS = {  # what to export, or to enter, for a definition that could not be answered
    "won_value": "opportunities.amount of won deals",
    "deal_size_mean": "opportunities.amount of won deals",
    "deal_size_median": "opportunities.amount of won deals",
    "deal_size_geometric_mean": "opportunities.amount of won deals",
    "velocity_open_deals": "opportunities.amount, created_at and closed_at of won deals",
    "days_to_won_mean": "opportunities.created_at and closed_at of won deals",
    "days_to_won_median": "opportunities.created_at and closed_at of won deals",
    "accounts_won": "opportunities.account_id",
    "accounts_won_of_accounts_closed": "opportunities.account_id",
    "win_rate_by_amount": "opportunities.amount of lost deals",
    "coverage_needed": "opportunities.amount of lost deals",
    "acv_mean": "opportunities.acv or opportunities.term_months",
    "open_value": "opportunities.amount of open deals",
    "weighted_by_win_rate": "opportunities.amount of open deals",
    "weighted_by_own_stage_share": "opportunity_stage_history, and opportunities.amount of open deals",
    "weighted_by_crm_probability": "opportunities.probability, and opportunities.amount of open deals",
    "open_value_at_list_price": "products.list_price, and opportunities.product_line",
    "weighted_at_list_price_by_win_rate": "products.list_price, and opportunities.product_line",
    "objectives_frozen_in_time": "programme/objectives.csv",
    "criteria_signed_by_both": "programme/criteria.csv",
    "list_overlap": "programme/list_votes.csv",
    "vote_kappa": "programme/list_votes.csv",
    "accounts_voted_on_by_one_team": "programme/list_votes.csv",
    "goals_owned_together": "programme/account_goals.csv",
    "listed_accounts_with_a_joint_goal": "programme/account_goals.csv, and programme/account_tiers.csv",
    "hand_overs_accepted": "programme/hand_overs.csv",
    "briefs_read_of_accepted": "programme/hand_overs.csv",
    "hand_overs_too_early_to_judge": "programme/hand_overs.csv",
    "hours_to_acceptance_median": "programme/hand_overs.csv",
    "hours_to_first_touch_median": "programme/hand_overs.csv",
    "target": "programme/targets.csv",
    "won_of_target": "programme/targets.csv",
    "coverage": "programme/targets.csv",
    "slip_rate": "opportunity_stage_history with close_date",
    "unmatched_share_of_contacts": "contacts",
    "unmatched_share_of_opportunities": "opportunities",
    "unmatched_share_of_activities": "activities",
    "unmatched_share_of_web_sessions": "web_sessions",
    "leads_matched_by_domain": "contacts.email_domain, and accounts.domain",
    "contacts_without_role": "contacts",
    "deals_with_stage_history": "opportunity_stage_history",
    "role_coverage_of_customers_mean": "contacts.buying_role",
    "role_coverage_of_prospects_mean": "contacts.buying_role",
    "lead_and_account_overlap_of_top": "activities.contact_id",
    "lead_and_account_rank_correlation": "activities.contact_id",
}
COSTS = "transactions.cogs"


def headlines(measures: pd.DataFrame) -> pd.DataFrame:
    """Keep the headline measures, not split by group, in the order a director reads them.

    Measures that no notebook of the run made have no row.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``
    """
    whole = measures[measures["group_by"] == "all"].drop_duplicates(KEY, keep="last")
    place = {name: i for i, name in enumerate(HEADLINES)}
    rank = pd.Series(
        [place.get(pair, -1) for pair in zip(whole["measure_id"], whole["definition_id"], strict=True)], whole.index
    )
    ranked = whole.assign(rank=rank)
    return ranked[rank >= 0].sort_values("rank").drop(columns="rank").reset_index(drop=True)


def against_previous(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Set measures beside those of the previous report, and say of each change whether it is beyond noise.

    A change between two estimates is beyond noise if it exceeds what their intervals allow together, √(h₁² + h₂²) with h the
    half-width towards the other. Where the windows of the two reports overlap this errs on the side of noise. Counts without an
    interval are no estimates: their change is a fact. An estimate that lacks the end towards the other is within noise.

    Parameters
    ----------
    now, before : DataFrame of `headlines`; `before` may be empty

    Returns
    -------
    DataFrame to the spec of ``15_executive_summary``, rows as `now`

    References
    ----------
    House definition; README, glossary entry "beyond noise".
    """
    old = before.set_index(KEY)[["value", "low", "high", "level", "as_of"]].add_prefix("previous_")
    both = now.join(old, on=KEY)
    change = both["value"] - both["previous_value"]
    up = change > 0
    mine = np.where(up, both["value"] - both["low"], both["high"] - both["value"])
    theirs = np.where(up, both["previous_high"] - both["previous_value"], both["previous_value"] - both["previous_low"])
    estimated = (
        both[["level", "low", "high", "previous_level", "previous_low", "previous_high"]].notna().any(axis=1).to_numpy()
    )
    allowed = np.sqrt(mine.astype(float) ** 2 + theirs.astype(float) ** 2)
    allowed = np.where(np.isnan(allowed) & estimated, np.inf, allowed)
    said = np.select(
        [both["previous_value"].isna() | both["value"].isna(), change == 0, np.isnan(allowed), change.abs() > allowed],
        ["no previous", "unchanged", "counted", "beyond noise"],
        "within noise",
    )
    kept = [
        "measure_id",
        "definition_id",
        "value",
        "unit",
        "low",
        "high",
        "n",
        "status",
        "previous_value",
        "previous_as_of",
    ]
    return both[kept].assign(change=change, judged=said)


def unanswered(measures: pd.DataFrame, questions: pd.DataFrame | None = None) -> pd.DataFrame:
    """List what could not be answered or is too early to judge, by what would answer it.

    Measures split by group are left out. What a measure itself says it lacks comes before the usual remedy of its
    definition; one without either points to its notebook's page.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``
    questions : DataFrame of `data_quality.answerable`; those of this version's notebooks without an answer come first

    Returns
    -------
    DataFrame, the remedy that answers most first: ``export, answers`` (definitions, joined), ``status``
    """
    bad = measures[(measures["status"] != "ok") & (measures["group_by"] == "all")]
    bad = bad[["definition_id", "status", "why"]].drop_duplicates(["definition_id", "status"])
    usual = [COSTS if "margin" in d else ANSWERS.get(d, "see the page") for d in bad["definition_id"]]
    remedy = bad["why"].where(bad["why"] != "", usual)
    said = bad.assign(export=remedy, answers=bad["definition_id"].str.replace("_", " "))
    out = said.groupby(["export", "status"], sort=True)["answers"].agg([", ".join, "size"]).reset_index()
    out = out.rename(columns={"join": "answers"}).sort_values(
        ["size", "export"], ascending=[False, True], ignore_index=True
    )
    out = out[["export", "answers", "status"]].assign(status=out["status"].str.replace("_", " "))
    if questions is None:
        return out
    whole = questions[(questions["answer"] == "no") & (questions["built"] == "yes")]
    first = pd.DataFrame({"export": whole["needed"], "answers": whole["question"], "status": "not answerable"})
    return pd.concat([first, out], ignore_index=True)


def absent(catalogue: pd.DataFrame, left: Collection[str], own: str) -> list[str]:
    """Name the notebooks before this one that are in this version and left nothing: they failed, or were not run.

    Parameters
    ----------
    catalogue : DataFrame, one row per notebook: ``notebook, built``
    left : numbers of the notebooks that left their decisions
    own : number of the notebook that asks
    """
    names = catalogue.loc[catalogue["built"].astype(bool), "notebook"]
    return [n for n in names if n[:2].isdigit() and n[:2] < own and n[:2] not in left]


def top_decisions(decisions: pd.DataFrame, most: int) -> pd.DataFrame:
    """Keep all rows of the decisions with most money at stake, those without any after them, at most `most` decisions."""
    own = ["notebook", "slug"]
    worth = decisions.groupby(own, sort=False)["expected_value"].sum().sort_values(ascending=False, kind="stable")
    first = worth.head(most).reset_index()[own].reset_index(names="place")
    return decisions.merge(first, on=own).sort_values("place", kind="stable").drop(columns="place")
