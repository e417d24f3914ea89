"""Optional tables a source may have: what third parties and other systems say of accounts."""

from abmlib.tables.definitions.columns import Rule, col, in_order, table

# fmt: off
# A column is one line, so that a table can be seen at once.

INTENT_SIGNALS = table("intent_signals", "One row per account, topic and week that a provider scores.",
    ["account_id", "topic", "week", "provider"], {
    "account_id": col("id", "the company", ref="accounts.account_id"),
    "topic": col("text", "what it seems to read about"),
    "week": col("date", "last day of the week scored"),
    "score": col("number", "how strong, in the provider's own points", unit="points of the provider"),
    "provider": col("text", "who scores"),
}, known="week")

WEB_SESSIONS = table("web_sessions", "One row per visit to our web site, of an account or of nobody known.",
    ["session_id"], {
    "session_id": col("id", "the visit"),
    "account_id": col("id", "the company, if it could be told", null=True, ref="accounts.account_id"),
    "contact_id": col("id", "the person, if it could be told", null=True, ref="contacts.contact_id"),
    "started_at": col("ts", "when it began"),
    "duration_min": col("number", "how long", null=True, unit="minutes"),
    "pages": col("int", "pages seen", null=True, unit="pages"),
    "key_pages": col("int", "of these, pages that speak of buying: prices, products, contact", null=True, unit="pages"),
    "is_bot": col("bool", "made by a machine", null=True),
    "source": col("text", "where the visit came from: search, ad, e-mail …", null=True),
}, known="started_at", rules=(
    Rule("negative duration", "duration_min is null or duration_min >= 0", "Correct duration_min."),
    Rule("more key pages than pages", "key_pages is null or pages is null or key_pages <= pages",
         "Correct pages or key_pages."),
))

CASES = table("cases", "One row per request or complaint to our service.", ["case_id"], {
    "case_id": col("id", "the case"),
    "account_id": col("id", "the company", ref="accounts.account_id"),
    "contact_id": col("id", "the person", null=True, ref="contacts.contact_id"),
    "opened_at": col("ts", "when it came"),
    "closed_at": col("ts", "when it was settled; missing while open", null=True, when="dated", since="closed_at"),
    "priority": col("text", "how urgent, in the source's words", null=True, when="current_only"),
    "escalated": col("bool", "was passed up", null=True, when="current_only"),
}, known="opened_at", rules=(in_order("opened_at", "closed_at"),))

REVIEWS_MENTIONS = table("reviews_mentions", "One row per public review of us or mention of us.", ["mention_id"], {
    "mention_id": col("id", "the review or mention"),
    "account_id": col("id", "the company that speaks or is spoken of, if known", null=True, ref="accounts.account_id"),
    "source": col("text", "where it was published"),
    "kind": col("text", "what it is", one_of=("review", "mention"), default="mention"),
    "score": col("number", "rating, in points of its scale", null=True),
    "scale_min": col("number", "lowest rating possible", null=True),
    "scale_max": col("number", "highest rating possible", null=True),
    "date": col("date", "day it was published"),
    "text": col("text", "what it says", null=True, personal=True),
}, known="date", rules=(
    Rule("score off its scale",
         "score is null or score between coalesce(scale_min, score) and coalesce(scale_max, score)",
         "Correct score, scale_min or scale_max."),
))

SALES_FEEDBACK = table("sales_feedback", "One row per thing that sales heard in the field.", ["feedback_id"], {
    "feedback_id": col("id", "the feedback"),
    "account_id": col("id", "the company, if it is about one", null=True, ref="accounts.account_id"),
    "date": col("date", "day it was noted"),
    "theme": col("text", "what it is about, one of few words"),
    "text": col("text", "what was heard", null=True, personal=True),
}, known="date")

WALLET_ESTIMATES = table("wallet_estimates",
    "One row per account and line of business: what it spends in a year with all suppliers, as somebody estimates it.",
    ["account_id", "product_line"], {
    "account_id": col("id", "the company", ref="accounts.account_id"),
    "product_line": col("text", "line of business"),
    "low": col("money", "yearly spend, at least", null=True),
    "mid": col("money", "yearly spend, most likely"),
    "high": col("money", "yearly spend, at most", null=True),
    "method": col("text", "how it was estimated, or who did"),
}, known="known_at", rules=(
    Rule("estimate out of order", "mid between coalesce(low, mid) and coalesce(high, mid)",
         "Correct low, mid or high."),
))

FEEDS = {t.name: t for t in (
    INTENT_SIGNALS, WEB_SESSIONS, CASES, REVIEWS_MENTIONS, SALES_FEEDBACK, WALLET_ESTIMATES,
)}
