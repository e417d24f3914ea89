"""The director's page: headline measures beside the previous report, and what is not answered."""

from collections.abc import Collection

import numpy as np
import pandas as pd

HEADLINES = (  # in the order a director reads them
    ("C-38", "total_revenue"), ("C-38", "total_margin"), ("C-38", "share_of_accounts_for_80pc_of_revenue"),
    ("C-38", "largest_10_share_of_revenue"), ("C-38", "retention_of_A_by_revenue"), ("C-4", "won_value"),
    ("C-10", "accounts_won"), ("C-2", "win_rate_by_count"), ("C-4", "deal_size_mean"),
    ("C-5", "days_to_close_median_open_censored"), ("C-8", "open_value"), ("C-8", "weighted_by_own_stage_share"),
    ("C-9", "won_of_target"), ("C-9", "coverage"), ("C-9", "coverage_needed"), ("C-11", "slip_rate"),
    ("C-1", "velocity_open_deals"),
)  # fmt: skip
KEY = ["measure_id", "definition_id"]
REMEDIES = {  # what to export, or to enter, and the definitions it answers
    "opportunities.amount of won deals": ("won_value", "deal_size_mean", "deal_size_median", "deal_size_geometric_mean"),
    "opportunities.amount, created_at and closed_at of won deals": ("velocity_open_deals",),
    "opportunities.created_at and closed_at of won deals": ("days_to_won_mean", "days_to_won_median"),
    "opportunities.account_id": ("accounts_won", "accounts_won_of_accounts_closed"),
    "opportunities.amount of lost deals": ("win_rate_by_amount", "coverage_needed"),
    "opportunities.acv or opportunities.term_months": ("acv_mean",),
    "opportunities.amount of open deals": ("open_value", "weighted_by_win_rate"),
    "opportunity_stage_history, and opportunities.amount of open deals": ("weighted_by_own_stage_share",),
    "opportunities.probability, and opportunities.amount of open deals": ("weighted_by_crm_probability",),
    "products.list_price, and opportunities.product_line": ("open_value_at_list_price", "weighted_at_list_price_by_win_rate"),
    "programme/objectives.csv": ("objectives_frozen_in_time",),
    "programme/criteria.csv": ("criteria_signed_by_both",),
    "programme/list_votes.csv": ("list_overlap", "vote_kappa", "accounts_voted_on_by_one_team"),
    "programme/account_goals.csv": ("goals_owned_together",),
    "programme/account_goals.csv, and programme/account_tiers.csv": ("listed_accounts_with_a_joint_goal",),
    "programme/hand_overs.csv": (
        "hand_overs_accepted", "briefs_read_of_accepted", "hand_overs_too_early_to_judge", "hours_to_acceptance_median",
        "hours_to_first_touch_median",
    ),
    "programme/targets.csv": ("target", "won_of_target", "coverage"),
    "opportunity_stage_history with close_date": ("slip_rate",),
    "contacts": ("unmatched_share_of_contacts", "contacts_without_role"),
    "opportunities": ("unmatched_share_of_opportunities",),
    "activities": ("unmatched_share_of_activities",),
    "web_sessions": ("unmatched_share_of_web_sessions",),
    "contacts.email_domain, and accounts.domain": ("leads_matched_by_domain",),
    "opportunity_stage_history": ("deals_with_stage_history",),
    "contacts.buying_role": ("role_coverage_of_customers_mean", "role_coverage_of_prospects_mean"),
    "activities.contact_id": ("lead_and_account_overlap_of_top", "lead_and_account_rank_correlation"),
}  # fmt: skip
REMEDY = {definition: remedy for remedy, definitions in REMEDIES.items() for definition in definitions}
COSTS = "transactions.cogs"


def headlines(measures: pd.DataFrame) -> pd.DataFrame:
    """Headline measures, not split by group, in the order a director reads them.

    Measures that no notebook of the run made have no row.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``
    """
    whole = measures[measures["group_by"] == "all"].drop_duplicates(KEY, keep="last").set_index(KEY)
    order = [key for key in HEADLINES if key in whole.index]
    return whole.loc[order].reset_index()[list(measures.columns)]


def against_previous(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Measures beside those of the previous report, and whether each change is beyond noise.

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
    up, down = both["high"] - both["value"], both["value"] - both["low"]
    up_before, down_before = (
        both["previous_high"] - both["previous_value"],
        both["previous_value"] - both["previous_low"],
    )
    ours, theirs = (np.where(change > 0, *ends).astype(float) for ends in ((down, up), (up_before, down_before)))
    ends = ["level", "low", "high", "previous_level", "previous_low", "previous_high"]
    allowed = np.hypot(ours, theirs)
    allowed = np.where(np.isnan(allowed) & both[ends].notna().any(axis=1), np.inf, allowed)
    verdict = np.select(
        [both["previous_value"].isna() | both["value"].isna(), change == 0, np.isnan(allowed), change.abs() > allowed],
        ["no previous", "unchanged", "counted", "beyond noise"],
        "within noise",
    )
    columns = [*KEY, "value", "unit", "low", "high", "n", "status", "previous_value", "previous_as_of"]
    return both[columns].assign(change=change, judged=verdict)


def unanswered(measures: pd.DataFrame, questions: pd.DataFrame | None = None) -> pd.DataFrame:
    """Questions that could not be answered or are too early to judge, by what would answer them.

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
    usual = [COSTS if "margin" in d else REMEDY.get(d, "see the page") for d in bad["definition_id"]]
    bad = bad.assign(
        export=bad["why"].where(bad["why"] != "", usual), answers=bad["definition_id"].str.replace("_", " ")
    )
    out = bad.groupby(["export", "status"])["answers"].agg(answers=", ".join, size="size").reset_index()
    out = out.sort_values(["size", "export"], ascending=[False, True], ignore_index=True)
    out = out[["export", "answers", "status"]].assign(status=out["status"].str.replace("_", " "))
    if questions is None:
        return out
    whole = questions[(questions["answer"] == "no") & (questions["built"] == "yes")]
    first = pd.DataFrame({"export": whole["needed"], "answers": whole["question"], "status": "not answerable"})
    return pd.concat([first, out], ignore_index=True)


def missing_notebooks(catalogue: pd.DataFrame, finished: Collection[str], this: str) -> list[str]:
    """Notebooks of this version before this one that left nothing: they failed, or were not run.

    Parameters
    ----------
    catalogue : DataFrame, one row per notebook: ``notebook, built``
    finished : numbers of the notebooks that left their decisions
    this : number of the notebook that asks
    """
    names = catalogue.loc[catalogue["built"].astype(bool), "notebook"]
    return [n for n in names if n[:2].isdigit() and n[:2] < this and n[:2] not in finished]


def top_decisions(decisions: pd.DataFrame, most: int) -> pd.DataFrame:
    """All rows of the decisions with most money, those without any after them, at most `most` decisions."""
    key = ["notebook", "slug"]
    worth = decisions.groupby(key, sort=False)["expected_value"].sum().sort_values(ascending=False, kind="stable")
    first = worth.head(most).reset_index()[key].reset_index(names="place")
    return decisions.merge(first, on=key).sort_values("place", kind="stable").drop(columns="place")
