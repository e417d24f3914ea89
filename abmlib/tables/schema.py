"""Canonical tables: one definition of every table, column, type, unit, key and of when a value is known.

Each table is a Pandera schema. What Pandera has no word for stands in ``metadata``: on a column its `kind`, `unit`,
`when` and reference; on a table its key, the column that says when a row came to be known, and its row rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from abmlib.tables.errors import TableError, first_cases

Kind = Literal["id", "text", "list", "int", "number", "money", "rate", "bool", "ts", "date"]
When = Literal["fixed", "dated", "current_only", "latest"]

DTYPES: dict[str, str] = {
    "id": "str",
    "text": "str",
    "list": "str",
    "int": "Int64",
    "number": "float64",
    "money": "float64",
    "rate": "float64",
    "bool": "boolean",
    "ts": "datetime64[us, UTC]",
    "date": "datetime64[us]",
}
UNITS: dict[str, str] = {
    "money": "reporting currency",
    "rate": "share, 0 to 1",
    "ts": "UTC timestamp",
    "date": "day",
    "bool": "true or false",
    "list": "values joined by ;",
}
WHEN_MEANS: dict[str, str] = {
    "fixed": "does not change, so a back-dated report may use it",
    "dated": "rebuilt from dated facts for the day asked",
    "current_only": "known only as it is now: shown at the latest date, missing in a back-dated report",
    "latest": "the newest knowledge holds on every date (opt-outs, deletions, merges)",
}


@dataclass(frozen=True)
class Rule:
    """A condition every row must meet: SQL that is true for a good row, and what to do about a bad one."""

    name: str
    sql: str
    remedy: str
    severity: Literal["fail", "warn"] = "warn"


def col(
    kind: Kind,
    meaning: str,
    *,
    null: bool = False,
    when: When = "fixed",
    unit: str | None = None,
    one_of: tuple[str, ...] | None = None,
    ref: str | None = None,
    default: object = None,
    derived: bool = False,
    matches: str | None = None,
    personal: bool = False,
) -> pa.Column:
    """Define one column.

    Parameters
    ----------
    kind : what a value is; fixes the pandas type (`DTYPES`) and the unit (`UNITS`) unless `unit` says more.
    meaning : one phrase for the data dictionary.
    null : may a value be missing.
    when : `WHEN_MEANS`.
    one_of : the only values allowed.
    ref : ``table.column`` a value must be found in.
    default : value put where the source has no such column or no value.
    derived : computed by Book from facts; a value in the source is not read.
    matches : regular expression a whole value must match.
    personal : names a person or is free text about one: given only where people are asked for, and never printed in a
        check.
    """
    checks = [pa.Check.isin(list(one_of))] if one_of else []
    if kind == "rate":
        checks.append(pa.Check.in_range(0, 1))
    if matches:
        checks.append(pa.Check.str_matches(f"^(?:{matches})$"))
    metadata = {
        "matches": matches,
        "kind": kind,
        "unit": unit or UNITS.get(kind, ""),
        "when": when,
        "one_of": one_of,
        "ref": ref,
        "default": default,
        "derived": derived,
        "personal": personal,
    }
    return pa.Column(DTYPES[kind], checks, nullable=null, description=meaning, metadata=metadata)


def table(
    name: str,
    meaning: str,
    key: list[str],
    columns: dict[str, pa.Column],
    *,
    known: str | None = None,
    rules: tuple[Rule, ...] = (),
) -> pa.DataFrameSchema:
    """Define one table; `known` names the column that dates a row when `known_at` is absent."""
    if known is not None:
        columns = columns | {"known_at": col("ts", "when we learnt of the row, if later than its event", null=True)}
    return pa.DataFrameSchema(
        columns,
        name=name,
        description=meaning,
        unique=key,
        metadata={"key": key, "known": known, "rules": rules},
    )


STATUS = ("prospect", "customer", "former")
SENIORITY = ("c_level", "vp", "director", "manager", "individual", "unknown")
ROLES = (
    "decision_maker", "budget_holder", "champion", "influencer", "end_user", "executive_sponsor",
    "technical_evaluator", "legal_procurement", "blocker", "unknown",
)  # fmt: skip
CHANNELS = (
    "web", "email", "phone", "meeting", "event", "webinar", "roadshow", "sponsorship", "direct_mail", "ad",
    "social", "pr", "chat", "ecommerce", "service", "partner",
)  # fmt: skip

HASH = r"[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}"  # SHA-256, SHA-1 or MD5 in hexadecimal digits
PERIOD = r"\d{4}(-?Q[1-4]|-(0[1-9]|1[0-2]))?"  # a year, quarter or month

ACCOUNTS = table(
    "accounts",
    "One row per company, customer or prospect. The unit of every report.",
    ["account_id"],
    {
        "account_id": col("id", "the company's key in its source"),
        "name": col("text", "the name people call it by"),
        "domain": col("text", "web address without www", null=True),
        "parent_account_id": col("id", "the company that owns it", null=True, when="current_only", ref="accounts.account_id"),
        "industry": col("text", "what it does", null=True),
        "sub_industry": col("text", "what it does, more closely", null=True),
        "country": col("text", "where it is", null=True),
        "region": col("text", "sales region", null=True),
        "employees": col("int", "people it employs", null=True, when="current_only", unit="people"),
        "annual_revenue": col("money", "its own yearly revenue", null=True, when="current_only"),
        "org_type": col("text", "public, private, government …", null=True),
        "tech_stack": col("list", "technology it uses", null=True, when="current_only"),
        "customer_base": col("text", "who it serves", null=True, when="current_only"),
        "status": col("text", "prospect, customer or former customer", when="dated", one_of=STATUS, derived=True),
        "owner_id": col("id", "who looks after it on our side", null=True, when="current_only"),
        "created_at": col("ts", "when it entered the source"),
        "first_won_at": col("ts", "first purchase or won deal", null=True, when="dated", derived=True),
        "source_system": col("text", "where the row comes from", default="unknown"),
        "is_duplicate_of": col("id", "the account it was merged into", null=True, when="latest", ref="accounts.account_id"),
        "growth_outlook": col(
            "text", "what outsiders expect of it", null=True, when="current_only",
            one_of=("growing", "flat", "struggling"),
        ),
    },
    known="created_at",
    rules=(
        Rule("merged into itself", "is_duplicate_of is null or is_duplicate_of <> account_id",
             "Clear is_duplicate_of on these accounts.", "fail"),
    ),
)  # fmt: skip

CONTACTS = table(
    "contacts",
    "One row per person, matched to an account or not yet.",
    ["contact_id"],
    {
        "contact_id": col("id", "the person's key in its source"),
        "account_id": col("id", "where the person works", null=True, ref="accounts.account_id"),
        "email_hash": col("text", "keyed hash of the e-mail address", null=True, matches=HASH, personal=True),
        "email_domain": col("text", "part of the e-mail address after @", null=True),
        "full_name": col("text", "name; may be left out", null=True, personal=True),
        "title": col("text", "job title", null=True, when="current_only", personal=True),
        "department": col("text", "department", null=True, when="current_only"),
        "seniority": col("text", "level", when="current_only", one_of=SENIORITY, default="unknown"),
        "buying_role": col("text", "part played in buying", null=True, when="current_only", one_of=ROLES),
        "persona_id": col("id", "persona", null=True, when="current_only"),
        "is_lead": col("bool", "not yet a contact of an account", default=False),
        "match_method": col("text", "how the account was found", null=True),
        "match_score": col("rate", "how sure the match is", null=True),
        "opted_out": col("bool", "asked not to be contacted", when="latest", default=False),
        "email_bounced": col("bool", "the address does not take mail", when="current_only", default=False),
        "valid_from": col("ts", "in this job since", null=True),
        "valid_to": col("ts", "left this job", null=True, when="dated"),
        "created_at": col("ts", "when the row entered the source"),
    },
    known="created_at",
    rules=(
        Rule("left before arriving", "valid_to is null or valid_from is null or valid_to >= valid_from",
             "Correct valid_from or valid_to."),
    ),
)  # fmt: skip

OPPORTUNITIES = table(
    "opportunities",
    "One row per deal, open or closed, as known on the day asked.",
    ["opportunity_id"],
    {
        "opportunity_id": col("id", "the deal's key in its source"),
        "account_id": col("id", "the buyer; open deals may lack one", null=True, ref="accounts.account_id"),
        "name": col("text", "title of the deal", null=True),
        "type": col("text", "kind of business", one_of=("new", "expansion", "renewal"), default="new"),
        "product_line": col("text", "line of business", null=True),
        "sales_model": col("text", "how it is sold", null=True),
        "stage": col("text", "stage reached", when="dated"),
        "amount": col("money", "value of the deal", null=True, when="dated"),
        "term_months": col("number", "length of the contract", null=True, unit="months"),
        "acv": col("money", "annual contract value", null=True, when="current_only"),
        "discount_rate": col("rate", "discount given", null=True, when="current_only"),
        "probability": col("rate", "the CRM's own probability", null=True, when="dated"),
        "created_at": col("ts", "opened; missing means age unknown", null=True),
        "close_date": col("date", "closing day; a forecast while open", null=True, when="dated"),
        "closed_at": col("ts", "when it was won or lost", null=True, when="dated"),
        "is_closed": col("bool", "won or lost", when="dated"),
        "is_won": col("bool", "won; missing while open", null=True, when="dated"),
        "loss_reason": col("text", "why it was lost", null=True, when="dated"),
        "competitor": col("text", "who else bid", null=True, when="current_only"),
        "incumbent": col("text", "who had the business before", null=True),
        "campaign_id": col("id", "campaign it came from", null=True, ref="campaigns.campaign_id"),
        "owner_id": col("id", "seller", null=True, when="current_only"),
    },
    known="created_at",
    rules=(
        Rule("won but not closed", "coalesce(is_closed, false) or not coalesce(is_won, false)",
             "Set is_closed on won deals.", "fail"),
        Rule("closed before created", "closed_at is null or created_at is null or closed_at >= created_at",
             "Correct created_at or closed_at."),
        Rule("closed without a day", "not coalesce(is_closed, false) or closed_at is not null",
             "Give closed deals their closed_at, or they count as closed on the latest date only."),
    ),
)  # fmt: skip

OPPORTUNITY_STAGE_HISTORY = table(
    "opportunity_stage_history",
    "One row per change of a deal's stage, amount, probability or closing day.",
    ["opportunity_id", "entered_at", "seq"],
    {
        "opportunity_id": col("id", "the deal", ref="opportunities.opportunity_id"),
        "entered_at": col("ts", "when the change was made"),
        "seq": col("int", "order among changes of one moment", default=0),
        "stage": col("text", "stage from then on"),
        "stage_order": col("int", "place of the stage in the user's own order", null=True),
        "amount": col("money", "amount from then on", null=True),
        "close_date": col("date", "closing day from then on", null=True),
        "probability": col("rate", "the CRM's probability from then on", null=True),
        "changed_field": col("text", "what changed", null=True,
                             one_of=("stage", "amount", "close_date", "probability", "created")),
    },
    known="entered_at",
)  # fmt: skip

OPPORTUNITY_CONTACTS = table(
    "opportunity_contacts",
    "One row per person and role in a deal.",
    ["opportunity_id", "contact_id", "role"],
    {
        "opportunity_id": col("id", "the deal", ref="opportunities.opportunity_id"),
        "contact_id": col("id", "the person", ref="contacts.contact_id"),
        "role": col("text", "part played in this deal", one_of=ROLES, default="unknown"),
        "is_primary": col("bool", "the main contact of the deal", default=False),
        "added_at": col("ts", "when the person was added", null=True),
    },
    known="added_at",
)

ACTIVITIES = table(
    "activities",
    "One row per touch between us and them, in either direction.",
    ["activity_id"],
    {
        "activity_id": col("id", "the touch"),
        "account_id": col("id", "the company", null=True, ref="accounts.account_id"),
        "contact_id": col("id", "the person", null=True, ref="contacts.contact_id"),
        "opportunity_id": col("id", "the deal", null=True, ref="opportunities.opportunity_id"),
        "occurred_at": col("ts", "when it happened"),
        "direction": col("text", "who moved", one_of=("inbound", "outbound", "mutual")),
        "channel": col("text", "where", one_of=CHANNELS),
        "activity_type": col("text", "what, in the source's words", default="unknown"),
        "campaign_id": col("id", "campaign it belongs to", null=True, ref="campaigns.campaign_id"),
        "content_id": col("id", "content used", null=True),
        "duration_min": col("number", "how long", null=True, unit="minutes"),
        "page_class": col("text", "kind of page", null=True, one_of=("key", "brand", "other")),
        "is_conversion": col("bool", "a conversion, as the source defines it", null=True),
        "outcome": col("text", "booked, held, no_show, replied …", null=True),
        "is_bot": col("bool", "made by a machine", null=True),
        "team": col("text", "whose touch", null=True, one_of=("sales", "marketing", "service")),
        "person_hours": col("number", "our time spent", null=True, unit="hours"),
    },
    known="occurred_at",
    rules=(Rule("negative duration", "duration_min is null or duration_min >= 0", "Correct duration_min."),),
)

TRANSACTIONS = table(
    "transactions",
    "One row per invoice line, order line or billing of a subscription.",
    ["transaction_id"],
    {
        "transaction_id": col("id", "the line"),
        "account_id": col("id", "who bought", ref="accounts.account_id"),
        "contact_id": col("id", "which person bought", null=True, ref="contacts.contact_id"),
        "product_id": col("id", "what was bought", null=True, ref="products.product_id"),
        "booked_at": col("date", "day it was booked, in the reporting time zone"),
        "quantity": col("number", "units; negative in a return", null=True, unit="units"),
        "revenue": col("money", "net of discount and tax; negative in a return"),
        "cogs": col("money", "cost of goods sold", null=True),
        "discount": col("money", "discount given", null=True),
        "promotion_id": col("id", "promotion used", null=True),
        "kind": col("text", "what the line is", default="purchase",
                    one_of=("purchase", "subscription", "renewal", "return", "service")),
        "period_start": col("date", "first day paid for", null=True),
        "period_end": col("date", "last day paid for", null=True),
    },
    known="booked_at",
    rules=(
        Rule("period ends before it starts", "period_end is null or period_start is null or period_end >= period_start",
             "Correct period_start or period_end."),
    ),
)  # fmt: skip

SURVEYS = table(
    "surveys",
    "One row per answer to one item of a survey.",
    ["response_id"],
    {
        "response_id": col("id", "the answer"),
        "account_id": col("id", "the company", ref="accounts.account_id"),
        "contact_id": col("id", "who answered", null=True, ref="contacts.contact_id"),
        "wave": col("text", "round of the survey"),
        "survey_type": col("text", "kind", one_of=("nps", "csat", "perception", "value_realised", "marketing_rating")),
        "item": col("text", "the question", default=""),
        "scale_min": col("number", "lowest answer possible"),
        "scale_max": col("number", "highest answer possible"),
        "score": col("number", "the answer"),
        "responded_at": col("ts", "when"),
        "invited_n": col("int", "people asked in this wave", null=True, unit="people"),
    },
    known="responded_at",
    rules=(Rule("score off its scale", "score between scale_min and scale_max",
                "Correct score, scale_min or scale_max.", "fail"),),
)  # fmt: skip

PRODUCTS = table(
    "products",
    "One row per thing we sell.",
    ["product_id"],
    {
        "product_id": col("id", "the product"),
        "name": col("text", "its name"),
        "product_line": col("text", "line of business", default="all"),
        "list_price": col("money", "list price of one unit", null=True),
        "gross_margin_rate": col("rate", "gross margin at list price", null=True),
        "lifecycle": col("text", "new, mature, ending …", null=True, when="current_only"),
    },
)

CAMPAIGNS = table(
    "campaigns",
    "One row per campaign or programme.",
    ["campaign_id"],
    {
        "campaign_id": col("id", "the campaign"),
        "name": col("text", "its name"),
        "type": col("text", "kind, in the source's words", default="unknown"),
        "parent_id": col("id", "campaign it belongs to", null=True, ref="campaigns.campaign_id"),
        "persona_id": col("id", "persona it speaks to", null=True),
        "stage_target": col("text", "stage it is made for", null=True),
        "start": col("date", "first day"),
        "end": col("date", "last day", null=True),
        "objective": col("text", "what it is for", null=True),
        "is_account_specific": col("bool", "made for named accounts", default=False),
    },
    known="start",
)

CAMPAIGN_SPEND = table(
    "campaign_spend",
    "One row per campaign, month and channel.",
    ["campaign_id", "month", "channel"],
    {
        "campaign_id": col("id", "the campaign", ref="campaigns.campaign_id"),
        "month": col("date", "first day of the month"),
        "channel": col("text", "where", one_of=CHANNELS),
        "spend": col("money", "spent"),
        "budget": col("money", "planned", null=True),
        "person_hours": col("number", "our time spent", null=True, unit="hours"),
    },
    known="month",
)

ATTRIBUTE_HISTORY = table(
    "attribute_history",
    "One row per value a column of another table took; makes a current_only column dated.",
    ["table", "row_id", "field", "known_from"],
    {
        "table": col("text", "the table changed"),
        "row_id": col("id", "key of the row changed"),
        "field": col("text", "the column changed"),
        "value": col("text", "its value from then on, as text", null=True),
        "known_from": col("ts", "since when it was known"),
    },
    known="known_from",
)

CANONICAL: dict[str, pa.DataFrameSchema] = {
    str(t.name): t
    for t in (
        ACCOUNTS, CONTACTS, OPPORTUNITIES, OPPORTUNITY_STAGE_HISTORY, OPPORTUNITY_CONTACTS, ACTIVITIES,
        TRANSACTIONS, SURVEYS, PRODUCTS, CAMPAIGNS, CAMPAIGN_SPEND, ATTRIBUTE_HISTORY,
    )
}  # fmt: skip

TARGETS = table(
    "targets",
    "What is to be reached in a period: one row per entry; of several for one period, owner and measure the last holds.",
    ["period", "owner_id", "measure_id", "entered_at"],
    {
        "period": col("text", "year, quarter or month: 2026, 2026-Q3, 2026-07", matches=PERIOD),
        "owner_id": col("id", "seller it is for; missing for the whole company", null=True),
        "measure_id": col("id", "what is to be reached, such as won_value"),
        "value": col("number", "how much, in the measure's own unit", unit="unit of the measure"),
        "entered_at": col("ts", "when it was written down"),
        "entered_by": col("text", "who wrote it down"),
        "supersedes": col("text", "entered_at of the entry it replaces", null=True),
    },
    known="entered_at",
)

FORGOTTEN = table(
    "forgotten",
    "People who asked to be forgotten, one row each. Holds on every date; only `abm forget` writes it.",
    ["person_hash"],
    {
        "person_hash": col("text", "keyed hash of the contact_id", matches=r"[0-9a-f]{64}"),
        "entered_at": col("ts", "when it was written down"),
        "entered_by": col("text", "who wrote it down"),
    },
)

PROGRAMME: dict[str, pa.DataFrameSchema] = {str(t.name): t for t in (TARGETS, FORGOTTEN)}

DECISIONS = table(
    "decisions",
    "What a notebook advises: one row per decision and account.",
    ["decision_id", "account_id"],
    {
        "notebook": col("text", "number of the notebook that advises"),
        "decision_id": col("id", "the decision, NN-k"),
        "text": col("text", "the advice, as an order"),
        "group": col("text", "the part of the accounts it is about", null=True),
        "account_id": col("id", "account it is about; missing if about all", null=True),
        "owner": col("text", "who is to act", null=True),
        "due": col("date", "until when", null=True),
        "expected_value": col("money", "value at stake in this row", null=True),
        "would_change": col("text", "what would change the advice"),
        "status": col("text", "state", one_of=("proposed", "accepted", "rejected", "done")),
    },
)

MEASURES = table(
    "measures",
    "One long table of all measures: value, definition, window, interval and count.",
    ["measure_id", "definition_id", "as_of", "window_start", "window_end", "group_by", "group"],
    {
        "measure_id": col("id", "the measure, with the id of the metric dictionary"),
        "definition_id": col("id", "the variant used"),
        "as_of": col("date", "known at the end of this day"),
        "window_start": col("date", "first day counted", null=True),
        "window_end": col("date", "last day counted", null=True),
        "group_by": col("text", "what the rows are split by; all = not split", default="all"),
        "group": col("text", "the part", default="all"),
        "value": col("number", "the value, in `unit`", null=True, unit="see unit"),
        "unit": col("text", "unit of value, low and high"),
        "low": col("number", "lower end of the interval", null=True, unit="see unit"),
        "high": col("number", "upper end of the interval", null=True, unit="see unit"),
        "level": col("rate", "level of the interval", null=True),
        "n": col("int", "what the value rests on", unit="count"),
        "status": col("text", "may it be judged", one_of=("ok", "too_early", "not_answerable")),
    },
)

CYCLES = table(
    "01_cycles",
    "Buying cycle of each account and product line.",
    ["account_id", "product_line"],
    {
        "account_id": col("id", "the account"),
        "product_line": col("text", "line of business"),
        "cycle": col("text", "buying cycle", one_of=("early", "mid", "full")),
        "confidence": col("rate", "how sure the placing is", null=True),
        "set_by": col("text", "rule or person", one_of=("rule", "override")),
    },
)

PARTS = ("pass", "fail", "not_answerable")

ACCOUNT_DATA = table(
    "00_account_data",
    "What is known of each account, and whether it can be judged.",
    ["account_id"],
    {
        "account_id": col("id", "the account"),
        "status": col("text", "prospect, customer or former customer", one_of=STATUS),
        "filled_share": col("rate", "share of the descriptive fields that are filled"),
        "first_seen": col("date", "day of its first record in any table", null=True),
        "last_seen": col("date", "day of its last record in any table", null=True),
        "days_since_last": col("int", "days from its last record to the report's day", null=True, unit="days"),
        "records": col("int", "records in all tables", unit="rows"),
        "sources": col("int", "tables that hold a record of it", unit="tables"),
        "verdict": col("text", "can it be judged", one_of=("usable", "stale", "thin", "no record")),
    },
)

KEY_ACCOUNTS = table(
    "03_key_accounts",
    "Value, qualification and exclusion of each account.",
    ["account_id"],
    {
        "account_id": col("id", "the account"),
        "revenue": col("money", "net revenue in the window"),
        "margin": col("money", "revenue less cost of goods; missing where a cost is", null=True),
        "revenue_rank": col("int", "1 is the largest", unit="rank"),
        "cumulative_revenue_share": col(
            "number", "share of net revenue of this account and all larger ones", null=True
        ),
        "pareto_class": col("text", "A to 80 %, B to 95 % of net revenue, C the rest", one_of=("A", "B", "C")),
        "margin_class": col("text", "the same on margin", null=True, one_of=("A", "B", "C")),
        "revenue_history": col("text", "part 1: revenue does not shrink", one_of=PARTS),
        "relationship": col("text", "part 2: enough shared history", one_of=PARTS),
        "profitability": col("text", "part 3: margin above the floor", one_of=PARTS),
        "viability": col("text", "part 4: still buying in its own rhythm", one_of=PARTS),
        "valuable": col("bool", "class A on revenue or on margin"),
        "qualified": col("bool", "valuable, and no part fails"),
        "chosen": col("bool", "key account: qualified and within capacity"),
        "exclusion_reason": col("text", "why not; missing where chosen", null=True),
    },
)

OPPORTUNITY_FLAGS = table(
    "12_opportunity_flags",
    "What stands in the way of each open deal.",
    ["opportunity_id"],
    {
        "opportunity_id": col("id", "the deal"),
        "account_id": col("id", "the buyer", null=True),
        "owner_id": col("id", "seller", null=True),
        "stage": col("text", "stage on the day"),
        "amount": col("money", "value of the deal", null=True),
        "close_date": col("date", "day it is forecast to close", null=True),
        "days_in_stage": col("number", "time in its stage so far", null=True, unit="days"),
        "days_slow": col("number", "time by which nine tenths of won deals had left the stage", null=True, unit="days"),
        "pushes": col("int", "times its closing day was moved later; missing without history", null=True, unit="times"),
        "overdue": col("bool", "its closing day is past"),
        "slow": col("bool", "longer in its stage than nine tenths of won deals"),
        "pushed": col("bool", "moved later twice or more"),
        "no_account": col("bool", "belongs to no account"),
        "no_amount": col("bool", "has no amount"),
        "no_age": col("bool", "nobody knows when it was opened"),
        "flags": col("int", "how many of these hold", unit="count"),
    },
)

EXECUTIVE_SUMMARY = table(
    "15_executive_summary",
    "Headline measures beside those of the previous report.",
    ["measure_id", "definition_id"],
    {
        "measure_id": col("id", "the measure"),
        "definition_id": col("id", "the variant used"),
        "value": col("number", "the value", null=True, unit="see unit"),
        "unit": col("text", "unit of the numbers"),
        "low": col("number", "lower end of the interval", null=True, unit="see unit"),
        "high": col("number", "upper end of the interval", null=True, unit="see unit"),
        "n": col("int", "what the value rests on", unit="count"),
        "status": col("text", "may it be judged", one_of=("ok", "too_early", "not_answerable")),
        "previous_value": col("number", "the value in the previous report", null=True, unit="see unit"),
        "previous_as_of": col("date", "day of the previous report", null=True),
        "change": col("number", "value less previous value", null=True, unit="see unit"),
        "judged": col("text", "what the change means",
                      one_of=("beyond noise", "within noise", "counted", "unchanged", "no previous")),
    },
)  # fmt: skip

RESULTS: dict[str, pa.DataFrameSchema] = {
    str(t.name): t
    for t in (DECISIONS, MEASURES, CYCLES, ACCOUNT_DATA, KEY_ACCOUNTS, OPPORTUNITY_FLAGS, EXECUTIVE_SUMMARY)
}


def spec(name: str) -> pa.DataFrameSchema:
    """Look up a table by name; ``NN_decisions`` and ``NN_measures`` are the shared tables of notebook NN."""
    shared = name.partition("_")[2]
    found = (
        CANONICAL.get(name)
        or PROGRAMME.get(name)
        or RESULTS.get(name)
        or (RESULTS.get(shared) if name[:2].isdigit() else None)
    )
    if found is None:
        raise ValueError(f"{name}: no such table; there are {sorted(CANONICAL) + sorted(PROGRAMME) + sorted(RESULTS)}.")
    return found


def meta(column: pa.Column) -> Mapping[str, Any]:
    """What `col` recorded of a column."""
    return column.metadata or {}


def key(name: str) -> list[str]:
    """The columns that name one row of a table."""
    return list((spec(name).metadata or {})["key"])


def persons(name: str) -> list[str]:
    """The columns of a table that hold a contact's id."""
    own = "contacts.contact_id"
    return [c for c, d in spec(name).columns.items() if c == "contact_id" or meta(d)["ref"] == own]


def personal(name: str) -> list[str]:
    """The columns of a table that name a person or are free text about one."""
    return [c for c, d in spec(name).columns.items() if meta(d)["personal"]]


def empty(name: str) -> pd.DataFrame:
    """Give a table without rows, to spec: every column, in order, with its type."""
    return pd.DataFrame({c: pd.Series(dtype=DTYPES[meta(d)["kind"]]) for c, d in spec(name).columns.items()})


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Bring a table into its spec's columns, order and types, and check it.

    No row is dropped. Absent columns are filled with their default, or with missing where missing is allowed; columns
    the spec lacks are refused.

    Raises
    ------
    TableError
        If a column is absent or unknown, a type does not fit, a key repeats or a value is not allowed.
    """
    schema = spec(name)
    unknown = [c for c in frame.columns if c not in schema.columns]
    if unknown:
        raise TableError(
            f"{name}: unknown column(s) {unknown}; the table has {list(schema.columns)}. Drop or rename them."
        )
    absent = [c for c in schema.columns if c not in frame.columns]
    needed = [c for c in absent if not schema.columns[c].nullable and meta(schema.columns[c])["default"] is None]
    if needed:
        raise TableError(f"{name}: missing column(s) {needed}; the table has {list(frame.columns)}. Add them.")
    out = {}
    for c, definition in schema.columns.items():
        kind, default = meta(definition)["kind"], meta(definition)["default"]
        values = frame[c] if c in frame.columns else pd.Series([default] * len(frame), index=frame.index, dtype=object)
        if default is not None and values.isna().any():
            values = values.astype(object).where(values.notna(), default)
        try:
            out[c] = values.astype(DTYPES[kind])
        except (ValueError, TypeError) as wrong:
            raise TableError(f"{name}: {c} does not read as {kind}: {wrong}. Correct the values.") from wrong
    return check(name, pd.DataFrame(out, index=frame.index).reset_index(drop=True))


def check(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` unchanged if it meets its spec.

    Raises
    ------
    TableError
        With the count and first cases of the first rule broken.
    """
    schema = spec(name)
    repeated = frame.duplicated(key(name), keep=False) if set(key(name)) <= set(frame.columns) else np.array([False])
    if repeated.any():
        rows = np.flatnonzero(repeated).tolist()
        raise TableError(
            f"{name}: {len(rows)} of {len(frame)} rows share a key {key(name)} {first_cases(rows)}. Keep one row per key."
        )
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as broken:
        cases = broken.failure_cases
        rule, column = cases["check"].iloc[0], cases["column"].iloc[0]
        same = cases[(cases["check"] == rule) & (cases["column"] == column)]
        if rule == "not_nullable":
            raise TableError(
                f"{name}: {column} is missing in {len(same)} of {len(frame)} rows {first_cases(same['index'])}. "
                "Fill it in the source, or leave the rows out."
            ) from broken
        if column in personal(name):  # the rows, not the values, and no chain that would print them
            raise TableError(
                f"{name}: {column}: {len(same)} of {len(frame)} values break {rule} in rows "
                f"{first_cases(same['index'])}. Correct them in the source."
            ) from None
        raise TableError(
            f"{name}: {column}: {len(same)} of {len(frame)} values break {rule} "
            f"{first_cases(same['failure_case'])}. Correct them in the source."
        ) from broken
    return frame
