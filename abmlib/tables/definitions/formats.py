"""How columns are shown to readers: their kind, name, unit and interval, declared once for all pages."""

from dataclasses import dataclass
from functools import cache

from abmlib.tables.definitions.columns import FORMATS, Table
from abmlib.tables.definitions.core import CORE
from abmlib.tables.definitions.entered import ENTERED
from abmlib.tables.definitions.feeds import FEEDS
from abmlib.tables.definitions.results import RESULTS

NUMBERS = {
    "money": ",.0f",
    "share": ".1%",
    "count": ",.0f",
    "number": ",.2f",
    "hours": ",.1f",
}  # how each kind of number is written
GENERAL = {  # units that a column's name says already
    "see unit", "rank", "count", "rows", "times", "observations", "tables", "unit of the measure",
}  # fmt: skip


@dataclass(frozen=True)
class Format:
    """How one column is shown; an empty kind follows the type of its values."""

    kind: str = (
        ""  # one of `NUMBERS`, or day, bool, text, name (cut where long), words (a name without its underscores)
    )
    name: str = ""  # what readers call it; empty: the column's name as words
    unit: str = ""
    ends: tuple[str, str] | None = None  # columns of its interval, shown with it


SHARE, WORDS = Format("share"), Format("words")
PAGES: dict[str, Format] = {  # columns of tables that are shown and not kept
    "opportunity_id": Format("name", "Deal"), "owner_id": Format("name", "Owner"), "owner": Format("name", "Owner"),
    "name": Format("name", "Account"), "account_name": Format("name", "Account"), "other_name": Format("name", "Other account"),
    "title": Format("name"), "moves": Format("money", "Money", ends=("moves_low", "moves_high")),
    "account_share": Format("share", "Accounts with a row"),
    "deals_change": Format("count", "Open deals"), "revenue_or_amount": Format("money", "Revenue or amount"),
    "cumulative_revenue_share": Format("share"),
    "filled_buyers": Format("share", "Filled, later buyers"),
    "filled_others": Format("share", "Filled, others"),
    "n_buyers": Format("count", "Later buyers"),
    "n_others": Format("count", "Others"),
    "difference": Format("share", ends=("low", "high")),
    "share": Format("share", ends=("low", "high")),
    "days_old": Format("count", unit="days"),
    "best_lead": Format(unit="touches"),
    "account": Format(unit="touches"),
    "needed": Format("text", "Not answered without"),
    "wished": Format("text", "Fuller with"),
    "needed_by": Format("count", unit="questions"),
    "makes_fuller": Format("count", unit="questions"),
    "weight": SHARE, "confidence": SHARE, "evidence_share": SHARE, "used": SHARE, "power": SHARE, "weight_share": SHARE,
    "share_of_all": SHARE, "share_of_accounts": SHARE, "share_of_revenue": SHARE, "share_of_class_A_revenue": SHARE, "share_of_base": SHARE,
    "margin_rate": SHARE, "rise_asked": SHARE, "rise_detectable": SHARE,
    "correlation": Format("number", ends=("correlation_low", "correlation_high")),
    "deal_value": Format("money"), "revenue": Format("money"), "margin": Format("money"),
    "break_even_hours": Format("hours", "Break-even hours", "a year"),
    "spare_hours": Format("hours", unit="a year"), "hours": Format("hours", "Hours spent"),
    "evidence": WORDS, "against": WORDS, "missing": WORDS, "speaks_for": WORDS, "speaks_against": WORDS, "element": WORDS,
    "field": WORDS, "table": WORDS, "status": WORDS, "verdict": WORDS,
    "horizon_months": Format("count", "Horizon", "months"),
    "age_days": Format("count", "Age", "days"),
    # 00
    "open_amount": Format("money", "Open amount"),
    "hours_12m": Format("hours", "Hours of sales, 12 months"), "margin_12m": Format("money", "Margin, 12 months"),
    "revenue_12m": Format("money", "Net revenue, 12 months"), "margin_rank": Format("count", "Rank by margin"),
    "priority": Format("count", "Hours first"), "share_changed": Format("share", "Changed since"),
    "hours_share": SHARE, "margin_share": SHARE, "open_share": Format("share", "Share of the open amount"),
    "alike_accounts": Format("text", "First of them"), "alike_line": Format("text", "Bought most often"),
    "alike_share": Format("share", "Share that does"), "alike_value": Format("money", "Typical of these in 12 months"),
    "look_alikes": Format("count", "Customers like it"),
    "newest": Format("day"), "median_days": Format("count", "Median age", "days"),
    # 01
    "hit": Format("count", "Listed accounts hit"), "on_list": Format("count", "Touches on the list"),
    "on_target_list": Format("count", "Touches of other target accounts"), "on_target": Format("share", "Spend on target"),
    "meant_for": Format("text", "Meant for"),
    "file_early": Format("number", "Early, rule file"),
    "file_mid": Format("number", "Mid, rule file"),
    "proposed_early": Format("number", "Early, proposed"),
    "proposed_mid": Format("number", "Mid, proposed"),
    "criterion": WORDS,
    "p": Format("number", "p"),
    "share_asked": Format("share", "Asked"),
    "cycle_days": Format("count"),
    "met_account_value": Format("share", "Value of a year"), "met_cycle_days": Format("share", "Days to decide"),
    "met_buyers": Format("share", "People on a deal"), "met_lines": Format("share", "Lines"),
    "owner_as": Format("text", "Known as"),
    "usual_cycle": Format("words", "Usual in its line"),
    "bought": Format("money", "Bought, or else offered"),
    "rests_on": Format("text"),
    "rule_cycle": Format("words", "By the rules"),
    # 02
    "sales_signed_at": Format("day", "Sales signed"), "marketing_signed_at": Format("day", "Marketing signed"),
    "after_vote": Format("bool", "After the vote"), "direction": Format("words", "Favours"),
    "frozen_at": Format("day", "Frozen on"), "changed_at": Format("day", "Changed on"),
    "smallest_detectable": Format("share"), "could_be_seen": Format("text", "Can be detected"),
    "why_unknown": Format("text", "Why not judged"), "days_waiting": Format("count", "Waiting", "days"),
    "function_hours": Format("count", "Hours of the function", "a month"), "acts": Format("text", "Has to act"),
    "done": Format("text"), "sent_day": Format("day", "Handed over"), "accepted_day": Format("day", "Accepted"),
    "first_touch_day": Format("day", "First touch of sales"), "needed_of_available": SHARE, "which": Format("text", "Group"), "noted_share": Format("share", "Touches with hours"),
    "hours_noted": Format("hours", "Hours noted", "a month"), "hours_available": Format("count", "Hours available", "a month"),
    "elsewhere": Format("share", "All other accounts"), "of_heard": Format("share", "Of those heard"),
    "trend": Format("text"),
    "experiment_id": Format("text", "Experiment"), "accounts_list": Format("text", "List"), "held_back": Format("count", "Held back"),
    "drawn_on": Format("day", "Drawn from"), "next_look": Format("day", "Next look"), "frozen": Format("text", "Plan frozen"),
    "won_value_a_month": Format("money", "Amount won", ends=("won_value_a_month_low", "won_value_a_month_high")),
    "opportunities_opened_a_month": Format(
        "number", "Deals opened", ends=("opportunities_opened_a_month_low", "opportunities_opened_a_month_high")
    ),
    "touches_in_a_month": Format("number", "Touches the buyer took part in", ends=("touches_in_a_month_low", "touches_in_a_month_high")),
    # 03
    "size_rank": Format("count", "Rank"),
    "gate_less_list": Format("money", "Gate less list", ends=("low", "high")),
    "on_one_list": Format("count", "Accounts on one of the two only"),
    "pareto_class": Format("text", "Class"), "exclusion_reason": Format("text", "Why not"),
    "class_before": Format("text"), "class_now": Format("text"),
    "revenue_before": Format("money"), "revenue_now": Format("money"), "revenue_change": Format("money", "Change"),
    # 04
    "what_accounts_do": Format("text", "What accounts do"), "score_by": Format("text", "Score by"),
    "auc": Format("share", "AUC", ends=("auc_low", "auc_high")),
    "criterion_auc": Format("share", "AUC", ends=("low", "high")),
    "mean_precision": Format("share", ends=("mean_precision_low", "mean_precision_high")),
    "base_rate": Format("share", "Did it, of all", ends=("base_rate_low", "base_rate_high")),
    "rate_at_capacity": Format("share", "Did it, at capacity", ends=("rate_at_capacity_low", "rate_at_capacity_high")),
    "lift_at_capacity": Format("number", "Lift at capacity", ends=("lift_at_capacity_low", "lift_at_capacity_high")),
    "log_loss_saved": Format("share", ends=("log_loss_saved_low", "log_loss_saved_high")),
    "brier_saved": Format("share", "Squared error saved", ends=("brier_saved_low", "brier_saved_high")),
    "calibration_slope": Format("number", "Slope", ends=("calibration_slope_low", "calibration_slope_high")),
    "observed_per_promised": Format("number", "Came for one promised", ends=("observed_per_promised_low", "observed_per_promised_high")),
    "likelihood": Format("share", "Score"), "observed": Format("share", "Observed in its band", ends=("observed_low", "observed_high")),
    "filled_past": Format("share", "Known on past days"), "filled_now": Format("share", "Known today"),
    "stability_index": Format("number"), "not_used": Format("text", "Why not used"), "feature_name": Format("text", "Feature"),
    "rate_favoured": Format("share", "Did it, favoured"), "rate_others": Format("share", "Did it, others"),
    "rate_high": Format("share", "Did it, where high"), "rate_low": Format("share", "Did it, elsewhere"),
    "share_where": Format("share", "Won, where it holds"), "share_else": Format("share", "Won, elsewhere"),
    "n_where": Format("count", "Deals, where it holds"), "n_else": Format("count", "Deals, elsewhere"),
    "log_loss": Format("number"), "worse_by": Format("number"), "standard_error": Format("number"),
    # 05
    "size_quarter": Format("money", "Quarter"), "size_middle": Format("money", "Middle"), "size_three_quarters": Format("money", "Three quarters"),
    "size_mean": Format("money", "Mean"), "expected_value": Format("money", "Expected"), "may_come_high": Format("money", "Upper end, 95%"),
    "chance": Format("share", "Chance"), "rate_of_line": Format("share", "Chance, all of the line"),
    "interval_held": Format("share", "Within the 95% interval"), "quantile_loss": Format("text", "Error (quantile loss)"), "loss_above": Format("text", "Above the least"),
    "loss_noise": Format("text", "Standard error"), "money_promised": Format("money", "Expected"), "expected_band": Format("text", "Expected of the account"),
    "buying_accounts": Format("count", "Accounts that buy"), "bought_12m": Format("money", "Bought, 12 months"),
    "from_new_customers": Format("share", "From new customers"), "from_new_to_line": Format("share", "From customers new to the line"), "from_the_rest": Format("share", "From the rest"),
    "offered": Format("count", "Offered it now"), "stopped": Format("count", "Stopped buying it"), "never": Format("count", "Never bought it"), "worth_an_offer": Format("count", "Worth an offer"),
    "alike_buying": Format("share", "Look-alikes that buy it"), "alike_quarter": Format("money", "Look-alikes, quarter"), "alike_middle": Format("money", "Look-alikes, middle"),
    "alike_three_quarters": Format("money", "Look-alikes, three quarters"), "wallet_mid": Format("money", "Wallet, a year", ends=("wallet_low", "wallet_high")),
    "wallet_by": Format("text", "Estimated by"), "share_of_wallet": Format("share", ends=("share_of_wallet_low", "share_of_wallet_high")),
    "hours_off": Format("hours", "Hours above or below"), "expected_share": Format("share", "Of what is expected"),
    "revenue_share": Format("share", "Of the revenue"), "resourced": WORDS, "used_as_size": Format("bool"), "sizes": Format("count"),
    "adds_line": Format("share", "Buys another line (04)"),
    # 06
    "list_of": Format("day", "List of"), "among_best": Format("share", "Among the best"),
    "chance_to_sign": Format("share", "Chance to sign"), "chance_to_buy": Format("share", "Chance to buy"), "signed": Format("count", "Brought anything"), "of_all_that_came": Format("share", "Of all that came"),
    "among_the_best": Format("count", "Among the best"), "among_the_best_expected": Format("count", "Expected among the best"),
    "might_come_least": Format("money", "Might come, least"), "might_come_most": Format("money", "Might come, most"),
    "added_by_attention": Format("money", "Taken to add"), "hours_a_month": Format("hours", "Hours", "a month"),
    "cost_of_attention": Format("money", "Cost"), "added_by_seat": Format("money", "Would add, after its cost"),
    "rate_in_state": Format("share", "Did it, in the state"), "rate_of_others": Format("share", "Did it, others"),
    "times_as_often": Format("number", "Times as often", ends=("times_as_often_low", "times_as_often_high")),
    "worth_less_list": Format("money", "Worth less this list", ends=("low", "high")), "share_of_worth": SHARE,
    "past_accounts": Format("count", "Accounts on past days"), "worth_mean": Format("money", "Worth, mean of days"),
    "way": Format("text", "Split by"), "won_per_deal": Format("money", "Won per deal decided", ends=("won_per_deal_low", "won_per_deal_high")),
    "leading_model": Format("text", "Ahead of every other compared"), "ahead_of": Format("text", "Next"),
    "ahead_by": Format("share", "Ahead by", ends=("ahead_by_low", "ahead_by_high")), "models": Format("count", "Models compared"),
    "worth_share": Format("share", "Share of worth"), "focus_line": Format("text", "Line to offer first"),
    "line_accounts": Format("count", "Never bought it"), "line_value": Format("money", "Expected of it"),
    "line_alike": Format("money", "If as look-alikes"), "persona_met": Format("text", "Persona met most"),
    "persona_touches": Format("count", "Its touches, 12 months"), "persona_share": Format("share", "Of people we can reach"),
    "what_waits": Format("text", "What waits"),
    # 12
    "conversion": Format("share", "Share that moved on", ends=("low", "high")),
    "moved_on": Format("count", "Moved on"),
    "days_median": Format("count", "Median stay", "days", ("days_low", "days_high")),
    "days_slow": Format("count", "Slow after", "days"),
    "days_in_stage": Format("count", unit="days"),
    "win_share": Format("share", "Won of decided", ends=("win_low", "win_high")),
    "raw": Format("share", "Observed", ends=("raw_low", "raw_high")),
    "n_effective": Format("count", "Independent deals"),
    "still_there": Format("count", "Still in it"),
    "not_won": Format("share", "Not won"),
    "not_won_others": Format("share", "Not won, others"),
    "marked": Format("count", "Cases with the mark"),
    "others": Format("count", "Other cases"),
    "marked_deals": Format("count", "Deals with the mark"),
    "mark": WORDS,
    "within": Format(name="Looked ahead"),
    "days_overdue": Format("count", unit="days"),
    "days_planned": Format("count", "Planned", "days"),
    "days_needed": Format("count", "Needed", "days"),
    "horizon_days": Format("count", "Ahead", "days"),
    "more": Format("share", "Difference", ends=("more_low", "more_high")),
    "wins": Format("count", "Wins foretold", ends=("wins_low", "wins_high")),
    "wins_came": Format("count", "Wins that came"),
    "held": Format("bool", "Inside the interval"),
    "money": Format("money", "Foretold", ends=("money_low", "money_high")),
    "money_came": Format("money", "Came"),
    "crm": Format("money", "Foretold by the CRM"),
    # 12b
    "created_value": Format("money", "Created"), "open_value": Format("money", "Open amount"), "won": Format("count"),
    "source": Format("name"), "campaign": Format("name"), "reason": Format("name"), "competitor": Format("name"),
    "own_target": Format("money", "Target"), "won_of_target": SHARE, "missing_to_target": Format("money", "Missing"),
    "year_of_target": Format("share", "Won of target, year to date"),
    "due_value": Format("money", "Due"), "overdue_deals": Format("count", "Overdue deals"),
    "overdue_value": Format("money", "Overdue"), "stalled_deals": Format("count", "Stalled deals"),
    "texts": Format("count", "Different texts"), "share_before": Format("share", "Share before"),
    "from_day": Format("day", "Closing day then"),
    "to_day": Format("day", "Closing day now"),
    "wins_expected": Format("number", "Wins expected"), "money_expected": Format("money", "Expected"), "money_due": Format("money", "Due by the CRM"),
    "deals_due": Format("count", "Deals due"),
    "cumulated": Format("money", "By the month's end", ends=("cumulated_low", "cumulated_high")),
    "money_target": Format("money", "Target"), "towards_target": Format("money", "Won and expected towards it"),
    "in_touch": Format("count", "Accounts in touch"),
    "deals_seen": Format("count", "Deals in the window"),
    "inbound_a_month": Format("number", "Inbound a month", ends=("inbound_a_month_low", "inbound_a_month_high")),
    "outbound_a_month": Format("number", "Outbound a month", ends=("outbound_a_month_low", "outbound_a_month_high")),
    "mutual_a_month": Format("number", "Mutual a month", ends=("mutual_a_month_low", "mutual_a_month_high")),
    "rate_moved_on": Format("number", "Touches, moved on"), "rate_lost": Format("number", "Touches, lost"),
    "times_as_many": Format("number", "Moved on ÷ lost", ends=("times_low", "times_high")),
    "track": WORDS, "opened": Format("count", "Opened in the window"),
    "size_median": Format("money", "Median size", ends=("size_low", "size_high")),
    "days_to_close": Format("count", "Median time to close", "days", ("days_to_close_low", "days_to_close_high")),
    "won_change": Format("money", "Change"), "acv": Format("money", "Annual contract value"),
    "n_baseline": Format("count", "n, baseline"), "n_window": Format("count", "n, window"),
    "lead_quarter": Format("text", "Came in"), "lead_source": Format("name", "Source"),
    "leads_won": Format("share", "Won so far", ends=("leads_won_low", "leads_won_high")),
    "won_in_time": Format("share", "Won in time", ends=("won_in_time_low", "won_in_time_high")),
    "n_ripe": Format("count", "Old enough"),
    "days_to_convert": Format("count", "Median time to convert", "days"),
    "days_to_win": Format("count", "Median time to win", "days"),
    "accounts_share": Format("share", "Accounts won of decided", ends=("accounts_low", "accounts_high")),
    "there": Format("count", "All such accounts"),
    "there_share": Format("share", "Accounts won of all", ends=("there_low", "there_high")),
    "moved_by": Format("share", "Change", ends=("change_low", "change_high")),
    # 14
    "moved_back": Format("text", "Answered if moved back"),
    "beyond": Format("text", "Answered beyond that"),
    "converted": Format("share", "Converted", ends=("converted_low", "converted_high")),
    "over_on": Format("day", "Months over on"), "shared": Format("count", "Messages both arms send"), "plain_difference": Format("text", "Plain difference"),
    "treated_mean": Format("number", "Treated"), "held_mean": Format("number", "Held back"),
    "smd": Format("number", "Difference", "standard deviations"), "relative": Format("text", "Of the held-back mean"),
    "meaning": Format("text", "What that means"),
    # 15
    "change": Format("number"),
    "revenue_growth_12m": Format("share", "Change over the 12 months before"), "won_12m": Format("money", "Won, 12 months"),
    "won_12m_before": Format("money", "Won, 12 months before"), "deal_owners": Format("text", "Deal owners"),
    "campaign_spend_12m": Format("money", "Campaign spend"), "campaign_touches_12m": Format("count", "Campaign touches"),
    "missing_roles": Format("words", "Roles to find"), "advice": Format("text", "To do (page)"),
    "chosen": Format("bool", "Key account"), "contacts_reachable": Format("count", "People we can reach"),
    "last_touch": Format("day", "Last touch by the account"),
    "year_ago": Format(name="A year ago"), "visible": Format(name="Smallest change that would show"),
    "first_won": Format("count", "First sales won"), "first_decided": Format("count", "First sales decided"),
    "shrunk": Format("share", "Adjusted for small numbers", ends=("low", "high")),
}  # fmt: skip


@cache
def _kept() -> dict[str, Format]:
    """Formats of columns of tables; a name that means two kinds of number in two tables has none."""
    found: dict[str, set[Format]] = {}
    tables: list[Table] = [t for group in (CORE, FEEDS, ENTERED, RESULTS) for t in group.values()]
    for name, column in ((n, c) for t in tables for n, c in t.columns.items()):
        unit = column.unit if column.kind in {"int", "number"} and column.unit not in GENERAL else ""
        kind = "words" if column.one_of else FORMATS[column.kind]
        found.setdefault(name, set()).add(Format(kind, unit=unit))
    return {name: formats.pop() for name, formats in found.items() if len(formats) == 1}


def of(column: str) -> Format:
    """Give the format of a column by its name; a chance carries the last day it speaks of in its name.

    Examples
    --------
    >>> of("close_date").kind, of("conversion").ends, of("unheard_of").kind
    ('day', ('low', 'high'), '')
    """
    return PAGES.get(column) or _kept().get(column) or (SHARE if column.startswith("Chance to win by ") else Format())
