"""The core tables: companies, people, deals, touches, sales, and what campaigns cost."""

from abmlib.tables.definitions.columns import CHANNELS, HASH, ROLES, SENIORITY, STATUS, Rule, col, in_order, table

# fmt: off
# A column is one line, so that a table can be seen at once.

ACCOUNTS = table("accounts", "One row per company, customer or prospect. The unit of every report.", ["account_id"], {
    "account_id": col("id", "the company's key in its source"),
    "name": col("text", "the name people call it by"),
    "domain": col("text", "web address without www", null=True),
    "parent_account_id": col("id", "the company that owns it", null=True, when="current_only",
        ref="accounts.account_id"),
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
    "created_at": col("ts", "when it entered the source; if missing, its first fact, or else the newest day", null=True),
    "first_won_at": col("ts", "first purchase or won deal", null=True, when="dated", derived=True),
    "source_system": col("text", "where the row comes from", default="unknown"),
    "is_duplicate_of": col("id", "the account it was merged into", null=True, when="latest", ref="accounts.account_id"),
    "growth_outlook": col("text", "what outsiders expect of it", null=True, when="current_only",
        one_of=("growing", "flat", "struggling")),
}, known="created_at", rules=(
    Rule("merged into itself", "is_duplicate_of is null or is_duplicate_of <> account_id",
         "Clear is_duplicate_of on these accounts.", "fail"),
))

CONTACTS = table("contacts", "One row per person, matched to an account or not yet.", ["contact_id"], {
    "contact_id": col("id", "the person's key in its source"),
    "account_id": col("id", "where the person works", null=True, ref="accounts.account_id"),
    "email_hash": col("text", "keyed hash of the e-mail address", null=True, matches=HASH, personal=True),
    "email_domain": col("text", "part of the e-mail address after @", null=True),
    "full_name": col("text", "name; may be left out", null=True, personal=True),
    "title": col("text", "job title", null=True, when="current_only", personal=True),
    "department": col("text", "department", null=True, when="current_only"),
    "seniority": col("text", "level", when="current_only", one_of=SENIORITY, default="unknown"),
    "buying_role": col("text", "part played in buying", null=True, when="current_only", one_of=ROLES),
    "persona_id": col("id", "persona", null=True, when="current_only", ref="personas.persona_id"),
    "is_lead": col("bool", "not yet a contact of an account", default=False),
    "match_method": col("text", "how the account was found", null=True),
    "match_score": col("rate", "how sure the match is", null=True),
    "opted_out": col("bool", "asked not to be contacted", when="latest", default=False),
    "email_bounced": col("bool", "the address does not take mail", when="current_only", default=False),
    "valid_from": col("ts", "in this job since", null=True),
    "valid_to": col("ts", "left this job", null=True, when="dated", since="valid_to"),
    "created_at": col("ts", "when the row entered the source; if missing, known on the newest day only", null=True),
}, known="created_at", rules=(in_order("valid_from", "valid_to"),))

LEADS = table("leads", "One row per lead, converted or not: a person in the funnel before the deal.", ["lead_id"], {
    "lead_id": col("id", "the person's key among the leads of the source"),
    "created_at": col("ts", "when the lead came in; without it the lead is known on the latest date only", null=True),
    "source": col("text", "where it came from, in the source's words", null=True),
    "campaign_id": col("id", "campaign it came from", null=True, ref="campaigns.campaign_id"),
    "status": col("text", "where it stands, in the source's words", null=True, when="current_only"),
    "owner_id": col("id", "who looks after it on our side", null=True, when="current_only"),
    "account_id": col("id", "the account it became or belongs to", null=True, when="current_only",
        since="converted_at", ref="accounts.account_id"),
    "contact_id": col("id", "the contact it became or is", null=True, when="current_only", since="converted_at",
        ref="contacts.contact_id"),
    "opportunity_id": col("id", "the deal it became", null=True, when="current_only", since="converted_at",
        ref="opportunities.opportunity_id"),
    "converted_at": col("ts", "when it became a contact or a deal", null=True, when="dated", since="converted_at"),
}, known="created_at", rules=(in_order("created_at", "converted_at"),))

OPPORTUNITIES = table("opportunities", "One row per deal, open or closed, as known on the day asked.",
    ["opportunity_id"], {
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
    "created_at": col("ts", "opened; missing means age unknown, and known since it was closed", null=True),
    "close_date": col("date", "closing day; a forecast while open", null=True, when="dated"),
    "closed_at": col("ts", "when it was won or lost", null=True, when="dated"),
    "is_closed": col("bool", "won or lost", when="dated"),
    "is_won": col("bool", "won; missing while open", null=True, when="dated"),
    "loss_reason": col("text", "why it was lost", null=True, when="dated"),
    "win_reason": col("text", "why it was won", null=True, when="dated"),
    "competitor": col("text", "who else bid", null=True, when="current_only"),
    "incumbent": col("text", "who had the business before", null=True),
    "campaign_id": col("id", "campaign it came from", null=True, ref="campaigns.campaign_id"),
    "lead_source": col("text", "where it came from, in the source's words", null=True),
    "owner_id": col("id", "seller", null=True, when="current_only"),
}, known="created_at", rules=(
    Rule("won but not closed", "coalesce(is_closed, false) or not coalesce(is_won, false)",
         "Set is_closed on won deals.", "fail"),
    in_order("created_at", "closed_at"),
    Rule("closed without a day", "not coalesce(is_closed, false) or closed_at is not null",
         "Give closed deals their closed_at, or they count as closed on the latest date only."),
))

OPPORTUNITY_STAGE_HISTORY = table("opportunity_stage_history",
    "One row per change of a deal's stage, amount, probability or closing day.",
    ["opportunity_id", "entered_at", "seq"], {
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
}, known="entered_at")

OPPORTUNITY_CONTACTS = table("opportunity_contacts", "One row per person and role in a deal.",
    ["opportunity_id", "contact_id", "role"], {
    "opportunity_id": col("id", "the deal", ref="opportunities.opportunity_id"),
    "contact_id": col("id", "the person", ref="contacts.contact_id"),
    "role": col("text", "part played in this deal", one_of=ROLES, default="unknown"),
    "is_primary": col("bool", "the main contact of the deal", default=False),
    "added_at": col("ts", "when the person was added", null=True),
}, known="added_at")

ACTIVITIES = table("activities", "One row per touch between us and them, in either direction.", ["activity_id"], {
    "activity_id": col("id", "the touch"),
    "account_id": col("id", "the company", null=True, ref="accounts.account_id"),
    "contact_id": col("id", "the person", null=True, ref="contacts.contact_id"),
    "opportunity_id": col("id", "the deal", null=True, ref="opportunities.opportunity_id"),
    "occurred_at": col("ts", "when it happened"),
    "direction": col("text", "who moved", one_of=("inbound", "outbound", "mutual")),
    "channel": col("text", "where", one_of=CHANNELS),
    "activity_type": col("text", "what, in the source's words", default="unknown"),
    "campaign_id": col("id", "campaign it belongs to", null=True, ref="campaigns.campaign_id"),
    "content_id": col("id", "content used", null=True, ref="content.content_id"),
    "duration_min": col("number", "how long", null=True, unit="minutes"),
    "page_class": col("text", "kind of page", null=True, one_of=("key", "brand", "other")),
    "is_conversion": col("bool", "a conversion, as the source defines it", null=True),
    "outcome": col("text", "booked, held, no_show, replied …", null=True),
    "is_bot": col("bool", "made by a machine", null=True),
    "team": col("text", "whose touch", null=True, one_of=("sales", "marketing", "service")),
    "person_hours": col("number", "our time spent", null=True, unit="hours"),
}, known="occurred_at", rules=(
    Rule("negative duration", "duration_min is null or duration_min >= 0", "Correct duration_min."),
))

TRANSACTIONS = table("transactions", "One row per invoice line, order line or billing of a subscription.",
    ["transaction_id"], {
    "transaction_id": col("id", "the line"),
    "account_id": col("id", "who bought", ref="accounts.account_id"),
    "contact_id": col("id", "which person bought", null=True, ref="contacts.contact_id"),
    "product_id": col("id", "what was bought", null=True, ref="products.product_id"),
    "booked_at": col("date", "day it was booked, in the reporting time zone"),
    "quantity": col("number", "units; negative in a return", null=True, unit="units"),
    "revenue": col("money", "net of discount and tax; negative in a return"),
    "cogs": col("money", "cost of goods sold", null=True),
    "discount": col("money", "discount given", null=True),
    "promotion_id": col("id", "promotion used", null=True, ref="promotions.promotion_id"),
    "kind": col("text", "what the line is", default="purchase",
        one_of=("purchase", "subscription", "renewal", "return", "service")),
    "period_start": col("date", "first day paid for", null=True),
    "period_end": col("date", "last day paid for", null=True),
}, known="booked_at", rules=(in_order("period_start", "period_end"),))

SURVEYS = table("surveys", "One row per answer to one item of a survey.", ["response_id"], {
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
}, known="responded_at", rules=(
    Rule("score off its scale", "score between scale_min and scale_max", "Correct score, scale_min or scale_max.",
         "fail"),
))

PRODUCTS = table("products", "One row per thing we sell.", ["product_id"], {
    "product_id": col("id", "the product"),
    "name": col("text", "its name"),
    "product_line": col("text", "line of business", default="all"),
    "list_price": col("money", "list price of one unit", null=True),
    "gross_margin_rate": col("rate", "gross margin at list price", null=True),
    "lifecycle": col("text", "new, mature, ending …", null=True, when="current_only"),
})

CAMPAIGNS = table("campaigns", "One row per campaign or programme.", ["campaign_id"], {
    "campaign_id": col("id", "the campaign"),
    "name": col("text", "its name"),
    "type": col("text", "kind, in the source's words", default="unknown"),
    "parent_id": col("id", "campaign it belongs to", null=True, ref="campaigns.campaign_id"),
    "persona_id": col("id", "persona it speaks to", null=True, ref="personas.persona_id"),
    "stage_target": col("text", "stage it is made for", null=True),
    "start": col("date", "first day; without it the campaign is known on the latest date only", null=True),
    "end": col("date", "last day", null=True),
    "objective": col("text", "what it is for", null=True),
    "is_account_specific": col("bool", "made for named accounts", default=False),
}, known="start")

CAMPAIGN_SPEND = table("campaign_spend", "One row per campaign, month and channel.",
    ["campaign_id", "month", "channel"], {
    "campaign_id": col("id", "the campaign", ref="campaigns.campaign_id"),
    "month": col("date", "first day of the month"),
    "channel": col("text", "where", one_of=CHANNELS),
    "spend": col("money", "spent"),
    "budget": col("money", "planned", null=True),
    "person_hours": col("number", "our time spent", null=True, unit="hours"),
}, known="month")

ATTRIBUTE_HISTORY = table("attribute_history",
    "One row per value a column of another table took; makes a current_only column dated.",
    ["table", "row_id", "field", "known_from"], {
    "table": col("text", "the table changed"),
    "row_id": col("id", "key of the row changed"),
    "field": col("text", "the column changed"),
    "value": col("text", "its value from then on, as text", null=True),
    "known_from": col("ts", "since when it was known"),
}, known="known_from")

ATTRIBUTES = table("attributes",
    "One row per value of a further column of an export, which no other table has a place for.",
    ["table", "row_id", "name"], {
    "table": col("text", "the table whose row has it"),
    "row_id": col("id", "key of that row"),
    "name": col("text", "the column, as the export calls it"),
    "value": col("text", "its value, as text; of contacts and leads given only with people", null=True),
    "known_from": col("ts", "since when it is known; missing means only as it is now", null=True),
    "declared": col("text", "what the mapping says of it: fixed since the row was made, known only when the deal closed, or only as it is today",
        null=True, one_of=("fixed", "at_close", "today")),
}, known="known_from")

CORE = {t.name: t for t in (
    ACCOUNTS, CONTACTS, LEADS, OPPORTUNITIES, OPPORTUNITY_STAGE_HISTORY, OPPORTUNITY_CONTACTS, ACTIVITIES,
    TRANSACTIONS, SURVEYS, PRODUCTS, CAMPAIGNS, CAMPAIGN_SPEND, ATTRIBUTE_HISTORY, ATTRIBUTES,
)}
