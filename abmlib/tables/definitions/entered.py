"""The programme tables: what people enter, row by row, and never change.

One business key may have several entries, for `entered_at` is part of every key. Text about what we do (a goal, an action, a
reason) names no contact; text about the customer's people is personal.
"""

from typing import Any

from abmlib.tables.definitions.columns import (
    CHANNELS,
    PERIOD,
    SENIORITY,
    SLUG,
    Column,
    Rule,
    Table,
    col,
    in_order,
    table,
)

# fmt: off
# A column is one line, so that a table can be seen at once.

ENTRY = {
    "entered_at": col("ts", "when it was written down"),
    "entered_by": col("text", "who wrote it down"),
    "supersedes": col("text", "entered_at of the entry it replaces; of several, joined by ;", null=True),
}
SOURCE = "source"  # entered_by of a row that nobody entered: it is among the canonical tables
CYCLE_NAMES = ("early", "mid", "full")

# Columns that several tables have.
ACCOUNT_ID = col("id", "the account", ref="accounts.account_id")
ACCOUNT = {"account_id": ACCOUNT_ID}
PRODUCT_LINE = col("text", "line of business", default="all")
CYCLE = col("text", "buying cycle", one_of=CYCLE_NAMES)
PERIOD_COLUMN = col("text", "year, quarter or month: 2026, 2026-Q3, 2026-07", matches=PERIOD)
START, END = col("date", "first day"), col("date", "last day", null=True)
OWNER, DUE = col("text", "who answers for it", null=True), col("date", "until when", null=True)
LOOKS = r"[1-9]\d*(;[1-9]\d*)*"  # months joined by ;
ASSIGNED_AT = col("ts", "when it was drawn")


def entries(name: str, meaning: str, key: list[str], columns: dict[str, Column], **more: Any) -> Table:
    """Define a programme table: its own columns, and who entered a row when."""
    return table(name, meaning, [*key, "entered_at"], columns | ENTRY, known="entered_at", **more)


# -- which accounts ---------------------------------------------------------------------------------------------------

ACCOUNT_TIERS = entries("account_tiers", "Which tier an account is in from a day on.", ["account_id", "valid_from"], ACCOUNT | {
    "valid_from": col("date", "first day in this tier"),
    "tier": col("text", "1 is the highest; none: looked at and left out", one_of=("1", "2", "3", "none")),
    "valid_to": col("date", "last day in this tier", null=True, when="current_only", since="valid_to"),
    "set_by": col("text", "who decided", one_of=("sales", "marketing", "joint", "model")),
    "reason": col("text", "why"),
    "exclusion_reason": col("text", "why it was left out", null=True),
}, dates="valid_from", rules=(in_order("valid_from", "valid_to"),))

LIST_VOTES = entries("list_votes", "What a team says of an account on the proposed list.",
    ["account_id", "voter_team", "round"], ACCOUNT | {
    "voter_team": col("text", "the team that votes: sales, marketing …"),
    "round": col("text", "round of voting"),
    "vote": col("text", "its vote", one_of=("in", "out", "unsure")),
    "comment": col("text", "its remark", null=True, personal=True),
})

CRITERIA = entries("criteria", "A criterion by which accounts are chosen, and who signed it.", ["criterion_id"], {
    "criterion_id": col("id", "the criterion"),
    "name": col("text", "its name"),
    "weight": col("number", "how much it counts beside the others", unit="points"),
    "direction": col("text", "which accounts it favours", one_of=("higher", "lower"), default="higher"),
    "sign_off_team": col("text", "the team that signed it", null=True),
    "signed_at": col("ts", "when it was signed", null=True),
    "feature": col("text", "what measures it: a feature of data/features.md, or one with its category, such as industry: retail", null=True),
}, rules=(Rule("negative weight", "weight >= 0", "Give a weight of 0 or more, and say direction: lower."),))

CYCLE_OVERRIDES = entries("cycle_overrides", "A buying cycle set by a person against the rule.",
    ["account_id", "product_line"], ACCOUNT | {
    "product_line": PRODUCT_LINE,
    "cycle": CYCLE,
    "reason": col("text", "why"),
})

DECISION_STATUS = entries("decision_status",
    "What became of a decision of a report: it is done, declined, or waits. It holds while reports propose the decision again.",
    ["slug", "account_id"], {
    "slug": col("text", "the decision, by the name of its list: lists/12_ask_for_next_step.csv has ask_for_next_step", matches=SLUG),
    "account_id": col("id", "the account; missing for all accounts of the decision", null=True, ref="accounts.account_id"),
    "status": col("text", "what became of it", one_of=("done", "declined", "later")),
    "until": col("date", "last day on which that holds", null=True),
})

# -- aims -------------------------------------------------------------------------------------------------------------

OBJECTIVES = entries("objectives",
    "What the programme is for: an aim of sales, what marketing does for it, and the measure that tells.",
    ["objective_id"], {
    "objective_id": col("id", "the objective"),
    "sales_goal": col("text", "what sales want"),
    "tactic": col("text", "what marketing does for it"),
    "measure_id": col("id", "the measure that tells, such as won_value"),
    "baseline": col("number", "its value at the start", null=True, unit="unit of the measure"),
    "target": col("number", "its value to be reached", unit="unit of the measure"),
    "frozen_at": col("ts", "since when nobody changes it; missing while it is a draft", null=True),
})

TARGETS = entries("targets",
    "What is to be reached in a period: one row per entry; of several for one period, owner and measure the last holds.",
    ["period", "owner_id", "measure_id"], {
    "period": PERIOD_COLUMN,
    "owner_id": col("id", "seller it is for; missing for the whole company", null=True),
    "measure_id": col("id", "what is to be reached, such as won_value"),
    "value": col("number", "how much, in the measure's own unit", unit="unit of the measure"),
})

ACCOUNT_GOALS = entries("account_goals", "A goal agreed for an account, ours, theirs or shared.", ["goal_id"], {
    "goal_id": col("id", "the goal"),
    "account_id": ACCOUNT_ID,
    "text": col("text", "the goal; names no contact"),
    "owner_side": col("text", "whose goal it is", one_of=("us", "customer", "joint")),
    "metric": col("text", "what tells whether it is met"),
    "target": col("number", "value to be reached", unit="unit of the metric"),
    "actual": col("number", "value so far", null=True, when="current_only", unit="unit of the metric"),
    "due": col("date", "until when"),
    "status": col("text", "state", null=True, when="current_only", one_of=("open", "met", "missed", "dropped")),
})

READINESS = entries("readiness", "How ready we are, item by item, as a person scores it.", ["item"], {
    "item": col("text", "what must be in place"),
    "score": col("number", "how far it is", unit="points"),
    "note": col("text", "what the score rests on; names no contact", null=True),
})

# -- what we know -----------------------------------------------------------------------------------------------------

ACCOUNT_INSIGHTS = entries("account_insights", "Something learnt of an account or of a person there.", ["insight_id"], {
    "insight_id": col("id", "the insight"),
    "account_id": ACCOUNT_ID,
    "contact_id": col("id", "the person it is about", null=True, ref="contacts.contact_id"),
    "kind": col("text", "what it tells of",
        one_of=("situation", "goal", "issue", "pitfall", "pain", "trigger", "decision_process", "politics",
                "common_ground", "uniqueness", "reorg_event", "usage")),
    "text": col("text", "what was learnt", null=True, personal=True),
    "confidence": col("rate", "how sure it is", null=True),
    "source": col("text", "where it comes from"),
    "observed_at": col("ts", "when it was seen or heard"),
    "expires_at": col("ts", "until when it is worth something", null=True),
}, dates="observed_at", rules=(in_order("observed_at", "expires_at"),))

PERSONAS = entries("personas", "A kind of reader or buyer, no living person.", ["persona_id"], {
    "persona_id": col("id", "the persona"),
    "name": col("text", "what we call it"),
    "seniority": col("text", "level", one_of=SENIORITY, default="unknown"),
    "function": col("text", "what it does in its company"),
    "goals": col("text", "what it wants"),
    "pains": col("text", "what troubles it"),
})

CONTRACTS = entries("contracts", "A contract with a term, and whether it was renewed.", ["contract_id"], {
    "contract_id": col("id", "the contract"),
    "account_id": col("id", "the customer", ref="accounts.account_id"),
    "product_line": PRODUCT_LINE,
    "start": START,
    "end": col("date", "last day"),
    "arr": col("money", "yearly recurring revenue"),
    "auto_renew": col("bool", "goes on unless somebody gives notice"),
    "renewed": col("bool", "was renewed; missing while nobody knows", null=True, when="current_only", since="end"),
    "notice_date": col("date", "day on which notice was given", null=True, when="current_only", since="notice_date" ),
}, dates="start", rules=(in_order("start", "end"),))

RELATIONSHIP_ECONOMICS = entries("relationship_economics",
    "What an account costs us in a period, and what it was promised and got.",
    ["account_id", "period"], ACCOUNT | {
    "period": PERIOD_COLUMN,
    "programme_cost": col("money", "spent on it by the programme, time aside"),
    "cost_to_serve": col("money", "spent on serving it"),
    "hours": col("number", "our time spent", unit="hours"),
    "value_promised": col("money", "value the customer was promised", null=True),
    "value_realised": col("money", "value the customer says it got", null=True),
})

# -- planning ---------------------------------------------------------------------------------------------------------

WORKSHOP_DECISIONS = entries("workshop_decisions", "What a planning workshop decided for an account.",
    ["account_id", "text"], ACCOUNT | {
    "text": col("text", "the decision; names no contact"),
    "owner": OWNER,
    "due": DUE,
    "status": col("text", "state", one_of=("proposed", "accepted", "rejected", "done"), default="proposed"),
})

WORKSHOP_ACTIONS = entries("workshop_actions", "What somebody is to do after a planning workshop.",
    ["account_id", "text"], ACCOUNT | {
    "text": col("text", "what is to be done; names no contact"),
    "owner": col("text", "who is to do it", null=True),
    "due": DUE,
    "status": col("text", "state", one_of=("open", "done", "dropped"), default="open"),
})

PLAN_ITEMS = entries("plan_items", "One thing the plan of an account does, taken from what there is or made new.",
    ["account_id", "item"], ACCOUNT | {
    "item": col("text", "what is done; names no contact"),
    "reuse_or_new": col("text", "is it there already", one_of=("reuse", "new")),
    "channel": col("text", "where", one_of=CHANNELS),
    "start": col("date", "first day", null=True),
    "end": END,
    "owner": OWNER,
    "budget": col("money", "planned to be spent", null=True),
    "objective_id": col("id", "the objective it serves", null=True, ref="objectives.objective_id"),
}, rules=(in_order("start", "end"),))

TEAM = entries("team", "One of our own people, for all accounts or for one.", ["person_id", "account_id"], {
    "person_id": col("id", "our colleague, as owner_id elsewhere"),
    "team": col("text", "the team the person belongs to"),
    "function": col("text", "what the person brings",
        one_of=("creative", "analytics", "technology", "communications", "digital", "sales", "service", "field")),
    "persona_id": col("id", "the persona the person works for", null=True, ref="personas.persona_id"),
    "capacity_hours": col("number", "time the person has for the programme", unit="hours a month"),
    "account_id": col("id", "the account; missing for all of them", null=True, ref="accounts.account_id"),
    "raci": col("text", "part in it: responsible, accountable, consulted or informed", null=True,
        one_of=("R", "A", "C", "I")),
})

# -- words and offers -------------------------------------------------------------------------------------------------

MESSAGES = entries("messages", "What we say to a persona, in a cycle and at a stage: promise and proof against a pain.",
    ["message_id"], {
    "message_id": col("id", "the message"),
    "persona_id": col("id", "the persona it speaks to", ref="personas.persona_id"),
    "cycle": CYCLE,
    "stage": col("text", "stage it is made for"),
    "pain": col("text", "what troubles the persona"),
    "promise": col("text", "what we promise"),
    "proof": col("text", "what proves it"),
    "version": col("text", "which wording"),
    "owner": col("text", "who answers for it"),
})

CONTENT = entries("content", "A piece of content that can be read, seen or heard.", ["content_id"], {
    "content_id": col("id", "the piece"),
    "title": col("text", "its title"),
    "format": col("text", "paper, video, webinar, calculator …"),
    "language": col("text", "language code, such as en"),
    "persona_id": col("id", "persona it speaks to", null=True, ref="personas.persona_id"),
    "depth": col("text", "how near to buying", one_of=("awareness", "education", "solution", "selection")),
    "product_line": col("text", "line of business", null=True),
    "url_path": col("text", "where it is on our site", null=True),
    "created_at": col("ts", "when it was published"),
    "expires_at": col("ts", "until when it may be used", null=True),
}, dates="created_at", rules=(in_order("created_at", "expires_at"),))

PROMOTIONS = entries("promotions", "A special offer.", ["promotion_id"], {
    "promotion_id": col("id", "the offer"),
    "kind": col("text", "what it gives", one_of=("share_off", "amount_off", "other")),
    "value": col("number", "how much", null=True, unit="share, 0 to 1, of share_off; reporting currency of amount_off"),
    "start": START,
    "end": END,
}, dates="start", rules=(
    in_order("start", "end"),
    Rule("share off its range", "kind <> 'share_off' or value is null or value between 0 and 1",
         "Divide value by 100 if it is in percent."),
))

# -- tests and deeds --------------------------------------------------------------------------------------------------

EXPERIMENTS = entries("experiments", "An account drawn for treatment or held out, before anything was done.",
    ["account_id", "experiment_id"], ACCOUNT | {
    "experiment_id": col("id", "the experiment"),
    "arm": col("text", "what was drawn", one_of=("treated", "holdout")),
    "assigned_at": ASSIGNED_AT,
    "stratum": col("text", "the group within which it was drawn", default="all"),
    "exposure_at": col("ts", "when the treatment reached it", null=True, when="dated", since="exposure_at"),
    "pre_registered_metric": col("text", "the measure that will tell, chosen beforehand"),
}, dates="assigned_at", rules=(in_order("assigned_at", "exposure_at"),))

EXPERIMENT_PLANS = entries("experiment_plans",
    "What an experiment will be judged by, written down before anything was done; of several entries the last before the draw holds.",
    ["experiment_id"], {
    "experiment_id": col("id", "the experiment"),
    "measure_id": col("id", "the one measure that decides, such as opportunities_opened"),
    "horizon_months": col("int", "months after its draw for which each account is judged", unit="months"),
    "looks": col("text", "months at which the result is looked at, rising, joined by ;, the last the horizon: 6;12", matches=LOOKS),
    "design": col("text", "how lots are drawn: among neighbours, or within strata", one_of=("pairs", "strata")),
    "held_share": col("rate", "accounts held back of each pair or stratum", unit="share, 0 to 1"),
    "seed": col("int", "of the lots, with which anybody can draw them again; missing where they were drawn elsewhere", null=True, unit="any whole number"),
    "rise": col("number", "rise that the programme hopes for", null=True, unit="share of the baseline"),
    "smallest_rise": col("number", "rise found with a chance of four in five", null=True, unit="share of the baseline"),
    "power": col("rate", "chance to find the rise hoped for", null=True, unit="share, 0 to 1"),
    "analysis": col("text", "how it will be judged, in a sentence"),
    "frozen_at": col("ts", "since when nobody changes it; missing while it is a draft", null=True),
}, rules=(
    Rule("held share of nobody or all", "held_share > 0 and held_share < 1", "Hold some of the accounts back and treat the others."),
    Rule("months to judge", "horizon_months between 1 and 120", "Give the months after which it is judged, at most ten years."),
    Rule("seed below nothing", "seed is null or seed >= 0", "Give a whole number from 0 on."),
))

FINDINGS = entries("findings", "What an evaluation found that the programme adds, as somebody recorded it: the next list counts with it.",
    ["finding_id"], {
    "finding_id": col("id", "the finding"),
    "evaluation": col("text", "what found it, such as the experiment's id"),
    "measure_id": col("id", "the measure that moved, such as opportunities_opened"),
    "group_by": col("text", "what accounts were split by", one_of=("all", "cycle", "industry"), default="all"),
    "group": col("text", "the part it holds for", default="all"),
    "rise": col("number", "what the programme added, over what there would be without it", unit="share of the baseline"),
    "rise_low": col("number", "lower end of its interval", unit="share of the baseline"),
    "rise_high": col("number", "upper end of its interval", unit="share of the baseline"),
    "months": col("int", "months over which it was seen", null=True, unit="months"),
}, rules=(Rule("ends in disorder", "rise_low <= rise and rise <= rise_high", "Give the lower end first, and a rise between the ends."),))

MESSAGE_TESTS = entries("message_tests", "Which message of a test an account was drawn to get.",
    ["test_id", "account_id"], {
    "test_id": col("id", "the test"),
    "message_id": col("id", "the message it gets", ref="messages.message_id"),
    "account_id": ACCOUNT_ID,
    "arm": col("text", "the arm of the test"),
    "assigned_at": ASSIGNED_AT,
}, dates="assigned_at")

CAMPAIGN_ACCOUNTS = entries("campaign_accounts", "An account that a campaign is made for.",
    ["campaign_id", "account_id"], {
    "campaign_id": col("id", "the campaign", ref="campaigns.campaign_id"),
    "account_id": ACCOUNT_ID,
    "added_at": col("ts", "when it was added"),
}, dates="added_at")

HAND_OVERS = entries("hand_overs", "An account that marketing hands over to sales.", ["account_id", "sent_at"], ACCOUNT | {
    "sent_at": col("ts", "when it was handed over"),
    "accepted_at": col("ts", "when sales took it", null=True, when="dated", since="accepted_at"),
    "first_touch_at": col("ts", "when sales first spoke to it", null=True, when="dated", since="first_touch_at"),
    "brief_read": col("bool", "sales read what came with it", null=True, when="current_only"),
}, dates="sent_at", rules=(in_order("sent_at", "accepted_at"), in_order("sent_at", "first_touch_at")))

DOSSIER_DELIVERIES = entries("dossier_deliveries", "The dossier of an account, given to one of our people.",
    ["account_id", "run_id", "delivered_to"], ACCOUNT | {
    "run_id": col("id", "the run it was made by"),
    "delivered_to": col("id", "our colleague who got it"),
    "delivered_at": col("ts", "when"),
}, dates="delivered_at")

FX_RATES = entries("fx_rates", "What one unit of a currency is worth on a day.", ["date", "currency"], {
    "date": col("date", "the day"),
    "currency": col("text", "currency code, such as USD", matches="[A-Z]{3}"),
    "rate": col("number", "worth of one unit", unit="reporting currency for one unit"),
}, dates="date", rules=(Rule("no positive rate", "rate > 0", "Correct rate."),))

# -- people who left --------------------------------------------------------------------------------------------------

FORGOTTEN = table("forgotten",
    "People who asked to be forgotten, one row each. Holds on every date; only `abm forget` writes it.",
    ["person_hash"], {
    "person_hash": col("text", "keyed hash of the contact_id", matches=r"[0-9a-f]{64}"),
    "key_check": col("text", "what the key of the hash is recognised by", null=True, matches=r"[0-9a-f]{16}"),
    "entered_at": ENTRY["entered_at"], "entered_by": ENTRY["entered_by"],
})

ENTERED = {t.name: t for t in (
    OBJECTIVES, TARGETS, CRITERIA, READINESS, ACCOUNT_TIERS, LIST_VOTES, CYCLE_OVERRIDES, DECISION_STATUS, ACCOUNT_INSIGHTS, ACCOUNT_GOALS,
    CONTRACTS, RELATIONSHIP_ECONOMICS, WORKSHOP_DECISIONS, WORKSHOP_ACTIONS, PLAN_ITEMS, TEAM, PERSONAS, MESSAGES, CONTENT,
    PROMOTIONS, CAMPAIGN_ACCOUNTS, EXPERIMENTS, EXPERIMENT_PLANS, FINDINGS, MESSAGE_TESTS, HAND_OVERS, DOSSIER_DELIVERIES, FX_RATES, FORGOTTEN,
)}
