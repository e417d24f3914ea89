"""Features of accounts, and of accounts by product line, as known on a date, each reduced inside the engine from one table.

A feature is an Ibis expression with its unit, its source in the method and its definition. Those of one table are computed
in one pass over it. ``data/features.md`` lists them.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from abmlib.tables.days import end_of, months_before
from abmlib.tables.definitions.columns import DECIDE

DAY_SECONDS = 86_400
NOISE = 6  # decimals kept of a sum of money, as in `method.orders`
MUTUAL_OR_IN = ("inbound", "mutual")  # what the account did, or did with us
JOINED = ("contacts", "products")  # tables that views look things up in
LINE_KEYS = ("account_id", "product_line")
UNKNOWN_LINE = "all"  # line of a row without a known one, as in `method.orders.with_product_line`
HALF_LIVES = (14, 30, 90)
GROUPS = {
    "web": ("web", "ecommerce", "chat"), "email": ("email", "direct_mail"), "meetings": ("meeting", "phone"),
    "events": ("event", "webinar", "roadshow", "sponsorship"),
}  # fmt: skip


def seconds(moment: dt.datetime) -> int:
    """Seconds from 1970 to a moment in UTC without a zone."""
    return int(moment.replace(tzinfo=dt.UTC).timestamp())


@dataclass(frozen=True)
class Facts:
    """Rows of one table as known on the day, and the day."""

    rows: ir.Table
    as_of: pd.Timestamp
    zone: str

    def __getattr__(self, column: str) -> Any:
        """A column."""
        return self.rows[column]

    def edge(self, *, months: int = 0, days: int = 0) -> pd.Timestamp:
        """The last day that no longer counts in a window up to the day."""
        return months_before(self.as_of, months) - pd.Timedelta(days=days)

    def within(self, when: ir.Value, *, months: int = 0, days: int = 0, after: int = 0) -> ir.BooleanValue:
        """Say which rows lie in a window that ends with the day, or `after` days or months (the window's own unit) before it."""
        first = self.edge(months=months + (after if months else 0), days=days + (after if days else 0))
        last = self.edge(months=after if months else 0, days=after if days else 0)
        if when.type().is_date():
            return (when > ibis.literal(first.date())) & (when <= ibis.literal(last.date()))
        begin, end = (ibis.literal(end_of(day.date(), self.zone)) for day in (first, last))
        return (when >= begin) & (when < end)

    def age_days(self, when: ir.Value) -> ir.Value:
        """Whole days from a day or time to the end of the day."""
        last = self.as_of.date()
        if when.type().is_date():
            until = dt.datetime.combine(last, dt.time())
            return (ibis.literal(seconds(until)) - when.cast("timestamp").epoch_seconds()) // DAY_SECONDS
        return (ibis.literal(seconds(end_of(last, self.zone)) - 1) - when.epoch_seconds()) // DAY_SECONDS


Build = Callable[[Facts], ir.Value]


@dataclass(frozen=True)
class Feature:
    """One column of a table of features: where it comes from, what it is measured in, and what it means."""

    table: str  # the canonical table it is reduced from
    view: str  # what is made of the table before that, one of `VIEWS`; empty: nothing
    name: str
    unit: str
    item: str  # of the method
    meaning: str
    build: Build
    absent: int | None = None  # its value without a row: 0 for what is counted, missing for the rest
    needs: str = ""  # column, as table.column: where no row of it has a value, nobody knows and the feature is missing


# -- what is made of a table first ------------------------------------------------------------------------------------


def human(touches: ir.Table) -> ir.Table:
    """Touches that no machine made."""
    return touches.filter(~touches.is_bot.fill_null(False))


def weighed(facts: Facts, others: Mapping[str, ir.Table]) -> ir.Table:
    """Touches that no machine made, with whether it was the account's doing, and what it counts by each half-life; made once for all features."""
    t = human(facts.rows)
    t = t.mutate(theirs=t.direction.isin(MUTUAL_OR_IN), age=facts.age_days(t.occurred_at).cast("float64"))
    weight = {f"weight_{h}": ibis.ifelse(t.theirs, ibis.literal(0.5).pow(t.age / h), 0.0) for h in HALF_LIVES}
    return t.mutate(**weight)


def people_of_90_days(facts: Facts, others: Mapping[str, ir.Table]) -> ir.Table:
    """One row per account and person that touched us within 90 days: how often, and the buying role where it is known."""
    t = human(facts.rows)
    t = t.filter(facts.within(t.occurred_at, days=90) & t.contact_id.notnull() & t.direction.isin(MUTUAL_OR_IN))
    one = t.group_by("account_id", "contact_id").agg(touches=t.count())
    if "contacts" not in others:
        return one.mutate(buying_role=ibis.null("string"))
    c = others["contacts"].select("contact_id", "buying_role").rename(_who="contact_id")
    return one.left_join(c, one.contact_id == c["_who"]).drop("_who")


def standing(facts: Facts, others: Mapping[str, ir.Table]) -> ir.Table:
    """Contracts, each as it was entered last."""
    t = facts.rows
    newest = ibis.row_number().over(group_by=t.contract_id, order_by=t.entered_at.desc())
    return t.mutate(_newest=newest).filter(ibis._["_newest"] == 0)


def with_product_line(facts: Facts, others: Mapping[str, ir.Table]) -> ir.Table:
    """Rows with their product line: a deal's own, or that of the product. A product listed in two lines is of unknown line."""
    t = facts.rows
    if "product_line" in t.columns:
        return t.mutate(product_line=t.product_line.fill_null(UNKNOWN_LINE))
    if "products" not in others:
        return t.mutate(product_line=ibis.literal(UNKNOWN_LINE))
    line = others["products"].product_line
    listed = others["products"].group_by(_what="product_id").agg(_line=line.min(), _last=line.max())
    listed = listed.filter(listed["_line"] == listed["_last"])
    joined = t.left_join(listed, t.product_id == listed["_what"])
    return joined.mutate(product_line=joined["_line"].fill_null(UNKNOWN_LINE))


View = Callable[[Facts, Mapping[str, ir.Table]], ir.Table]
VIEWS: dict[str, View] = {
    "weighed": weighed, "people": people_of_90_days, "standing": standing, "lines": with_product_line,
}  # fmt: skip


# -- the features -----------------------------------------------------------------------------------------------------


def _sum(f: Facts, value: ir.Value, where: ir.BooleanValue) -> ir.Value:
    """Sum money where something holds, without the noise of floats."""
    return ibis.ifelse(where, value, 0.0).sum().round(NOISE)


def _count(where: Callable[[Facts], ir.BooleanValue]) -> Build:
    """Count the rows where something holds."""
    return lambda f: f.rows.count(where=where(f))


def _share(part: ir.Value, whole: ir.Value) -> ir.Value:
    """Divide; missing where there is nothing to divide by."""
    return part.cast("float64") / whole.nullif(0)


def _column(name: str) -> Build:
    return lambda f: f.rows[name].first()


def _bought(f: Facts) -> ir.BooleanValue:
    """Lines of positive revenue, as in `method.orders.by_account`."""
    return f.revenue > 0


def _different(f: Facts, value: ir.Value, where: ir.BooleanValue) -> ir.Value:
    """Count different values where something holds."""
    return ibis.ifelse(where, value, ibis.null(value.type())).nunique()


def _revenue(months: int, after: int = 0) -> Build:
    return lambda f: _sum(f, f.revenue, f.within(f.booked_at, months=months, after=after))


def _growth(months: int) -> Build:
    def build(f: Facts) -> ir.Value:
        before = _revenue(months, months)(f)
        return ibis.ifelse(before > 0, _revenue(months)(f) / before - 1, ibis.null("float64"))

    return build


def _margin(f: Facts) -> ir.Value:
    """Revenue less cost; missing where a line with revenue has no cost."""
    now = f.within(f.booked_at, months=12)
    unknown = (now & (f.revenue != 0) & f.cogs.isnull()).any()
    return ibis.ifelse(unknown, ibis.null("float64"), _sum(f, f.revenue - f.cogs.fill_null(0.0), now))


def _margin_rate(f: Facts) -> ir.Value:
    revenue = _revenue(12)(f)
    return ibis.ifelse(revenue > 0, _margin(f) / revenue, ibis.null("float64"))


def _returned_share(f: Facts) -> ir.Value:
    now = f.within(f.booked_at, months=12)
    returned = f.kind == "return"
    return _share(_sum(f, f.revenue, now & returned).abs(), _sum(f, f.revenue, now & ~returned))


def _buying_days(f: Facts) -> ir.Value:
    return _different(f, f.booked_at, _bought(f))


def _mean_gap(f: Facts) -> ir.Value:
    last, first = (f.booked_at.max(where=_bought(f)), f.booked_at.min(where=_bought(f)))
    return _share(f.age_days(first) - f.age_days(last), _buying_days(f) - 1)


def _theirs(f: Facts) -> ir.BooleanValue:
    """What the account did, or did with us."""
    return f.theirs


def _decayed(half_life_days: int, channels: Sequence[str] = ()) -> Build:
    """Count touches of the account, each halved with every half-life of its age."""
    name = f"weight_{half_life_days}"
    return lambda f: f.rows[name].sum(where=f.channel.isin(channels) if channels else None).fill_null(0.0)


def _momentum(days: int, before: int) -> Build:
    """Touches of the last days over their mean in the periods of as many days before, less one."""

    def build(f: Facts) -> ir.Value:
        now = f.rows.count(where=f.within(f.occurred_at, days=days) & f.theirs)
        past = f.rows.count(where=f.within(f.occurred_at, days=days * before, after=days) & f.theirs)
        return _share(now * before, past) - 1

    return build


def _effective_people(f: Facts) -> ir.Value:
    """exp of the entropy of people's shares of touches."""
    n = f.touches.cast("float64")
    return (n.sum().ln() - (n * n.ln()).sum() / n.sum()).exp()


def _open_amount(f: Facts) -> ir.Value:
    """Amount of open deals; missing where there are some and none has an amount."""
    unknown = (~f.is_closed).any() & ~(~f.is_closed & f.amount.notnull()).any()
    return ibis.ifelse(unknown, ibis.null("float64"), _sum(f, f.amount, ~f.is_closed))


def _won(f: Facts, months: int) -> ir.BooleanValue:
    """Deals won within some months."""
    return f.is_won.fill_null(False) & f.within(f.closed_at, months=months).fill_null(False)


def _nps(f: Facts) -> ir.Value:
    asked = (f.survey_type == "nps") & f.within(f.responded_at, months=24)
    up, down = (f.rows.count(where=asked & held) for held in (f.score >= 9, f.score <= 6))
    return 100.0 * _share(up - down, f.rows.count(where=asked))


def _running(f: Facts) -> ir.BooleanValue:
    """Contracts that run on the day."""
    today = ibis.literal(f.as_of.date())
    return (f.start <= today) & (f.end >= today)


def _since(when: str, where: Callable[[Facts], ir.BooleanValue | None] = lambda f: None, first: bool = False) -> Build:
    """Days since the newest (or first) of the rows where something holds."""
    return lambda f: f.age_days((f.rows[when].min if first else f.rows[when].max)(where=where(f)))


def _touches(days: int, where: Callable[[Facts], ir.BooleanValue]) -> Build:
    return _count(lambda f: f.within(f.occurred_at, days=days) & where(f))


FIRMOGRAPHICS = (
    ("industry", "text", "S2-22", "what it does", _column("industry")),
    ("country", "text", "S2-22", "where it is", _column("country")),
    ("employees", "people", "S2-22", "people it employs; on the latest date only, unless it has a history", _column("employees")),
    ("annual_revenue", "money", "S2-22", "its own yearly revenue; as employees", _column("annual_revenue")),
    ("org_type", "text", "S2-22", "public, private, government", _column("org_type")),
    ("tech_stack", "list", "S2-22", "technology it uses; as employees", _column("tech_stack")),
    ("growth_outlook", "text", "S3-13", "what outsiders expect of it; as employees", _column("growth_outlook")),
    ("known_days", "days", "S2-22", "since the account entered the source", _since("created_at")),
)  # fmt: skip
SALES = (
    ("revenue_12m", "money", "S2-22", "net revenue of the last 12 months", _revenue(12), 0),
    ("revenue_prior_12m", "money", "S2-22", "net revenue of the 12 months before those", _revenue(12, 12), 0),
    ("revenue_3m", "money", "S2-22", "net revenue of the last 3 months", _revenue(3), 0),
    ("revenue_growth_12m", "share", "S2-22",
     "revenue_12m over revenue_prior_12m, less one; missing where that is not above zero", _growth(12)),
    ("revenue_growth_6m", "share", "S2-22", "the same of 6 months and the 6 before, which feels the season", _growth(6)),
    ("margin_12m", "money", "S0-16",
     "revenue less cost of the last 12 months; missing where a line with revenue has no cost", _margin, 0),
    ("margin_rate_12m", "share", "S0-16", "margin_12m over revenue_12m; missing where that is not above zero", _margin_rate),
    ("returned_share_12m", "share", "S2-22", "value returned over value bought, last 12 months", _returned_share),
    ("buying_days_12m", "days", "S2-22", "days with a purchase (a line of positive revenue) in the last 12 months",
     lambda f: _different(f, f.booked_at, f.within(f.booked_at, months=12) & _bought(f)), 0),
    ("products_12m", "products", "S1-24a", "different products bought in the last 12 months",
     lambda f: _different(f, f.product_id, f.within(f.booked_at, months=12) & _bought(f)), 0, "transactions.product_id"),
    ("days_since_purchase", "days", "C-43", "since the last purchase", _since("booked_at", _bought)),
    ("customer_days", "days", "S1-8", "since the first purchase", _since("booked_at", _bought, first=True)),
    ("buying_days", "days", "S1-8", "days with a purchase, ever", _buying_days, 0),
    ("mean_gap_days", "days", "C-43", "mean time between buying days; missing below two of them", _mean_gap),
)  # fmt: skip
TOUCHES = (
    ("touches_in_30d", "touches", "C-22", "what the account did, or did with us, in 30 days; machines left out", _touches(30, _theirs), 0),
    ("touches_in_90d", "touches", "C-22", "the same in 90 days", _touches(90, _theirs), 0),
    ("touches_out_90d", "touches", "C-20", "what we did towards the account in 90 days", _touches(90, lambda f: f.direction == "outbound"), 0),
    *((f"engagement_{h}d", "touches", "C-14", f"touches of the account, each halved with every {h} days of its age", _decayed(h), 0)
      for h in HALF_LIVES),
    *((f"engagement_{g}_30d", "touches", "C-14", f"engagement_30d of {', '.join(c)} alone", _decayed(30, c), 0)
      for g, c in GROUPS.items()),
    ("meetings_90d", "meetings", "C-26", "meetings in 90 days that nobody missed",
     _touches(90, lambda f: (f.channel == "meeting") & (f.outcome != "no_show").fill_null(True)), 0),
    ("key_pages_90d", "touches", "S3-22a", "touches on key pages in 90 days", _touches(90, lambda f: f.page_class == "key"), 0, "activities.page_class"),
    ("conversions_365d", "conversions", "S3-22c", "conversions in 365 days", _touches(365, lambda f: f.is_conversion), 0, "activities.is_conversion"),
    ("days_since_touch_in", "days", "C-58", "since the account last did something", _since("occurred_at", _theirs)),
    ("momentum_3w", "share", "C-15",
     "touches of the account in the last 7 days over their weekly mean in the 3 weeks before, less one; missing where that is 0", _momentum(7, 3)),
    ("momentum_4w", "share", "C-15", "the same with the 4 weeks before", _momentum(7, 4)),
    ("momentum_90d", "share", "C-15", "the same of 90 days and the four times 90 days before", _momentum(90, 4)),
)  # fmt: skip
BREADTH = (
    ("people_90d", "people", "C-16", "people of the account who touched us in 90 days", lambda f: f.contact_id.nunique(), 0, "activities.contact_id"),
    ("effective_people_90d", "people", "C-16",
     "number of equally active people with the same entropy of touches; missing without any", _effective_people),
    ("roles_90d", "roles", "C-16", "buying roles among them; on the latest date only, unless roles have a history",
     lambda f: f.buying_role.nullif("unknown").nunique(), 0, "contacts.buying_role"),
    ("touches_deciders_90d", "touches", "C-12", "touches of decision makers, budget holders and sponsors; as roles_90d",
     lambda f: ibis.ifelse(f.buying_role.isin(DECIDE), f.touches, 0).sum(), 0, "contacts.buying_role"),
)  # fmt: skip
COVERAGE = (
    ("contacts", "people", "C-17", "people known who have not left", _count(lambda f: f.valid_to.isnull()), 0),
    ("contacts_reachable", "people", "C-17", "of these, with an address that takes mail, and not opted out by what was known then",
     _count(lambda f: f.valid_to.isnull() & ~f.opted_out & ~f.email_bounced), 0),
    ("roles_known", "roles", "C-18", "buying roles among people who have not left; as roles_90d",
     lambda f: _different(f, f.buying_role.nullif("unknown"), f.valid_to.isnull()), 0, "contacts.buying_role"),
    ("left_12m", "people", "S1-21b", "people who left in 12 months", _count(lambda f: f.within(f.valid_to, months=12)), 0, "contacts.valid_to"),
)  # fmt: skip
PIPELINE = (
    ("deals_open", "deals", "C-8", "open deals", _count(lambda f: ~f.is_closed), 0),
    ("open_amount", "money", "C-8", "amount of open deals; missing where there are some and none has an amount", _open_amount, 0),
    ("deals_opened_12m", "deals", "S3-10", "deals opened in 12 months", _count(lambda f: f.within(f.created_at, months=12)), 0),
    ("deals_won", "deals", "C-2", "deals won, ever", _count(lambda f: f.is_won), 0),
    ("deals_lost", "deals", "C-2", "deals lost, ever", _count(lambda f: f.is_closed & ~f.is_won.fill_null(False)), 0),
    ("won_amount_24m", "money", "S2-22", "amount of deals won in 24 months", lambda f: _sum(f, f.amount, _won(f, 24)), 0),
    ("days_since_won", "days", "S2-16", "since the last deal won", _since("closed_at", lambda f: f.is_won)),
    ("days_since_opened", "days", "S3-10", "since the last deal was opened", _since("created_at")),
)  # fmt: skip
CONTRACTS = (
    ("contracts_running", "contracts", "S2-16", "contracts that run", _count(_running), 0),
    ("recurring_revenue", "money", "S2-16", "yearly revenue of contracts that run", lambda f: _sum(f, f.arr, _running(f)), 0),
    ("days_to_contract_end", "days", "S2-16", "to the end of the running contract that ends first", lambda f: -f.age_days(f.end.min(where=_running(f)))),
    ("notices_given", "contracts", "S1-23d", "running contracts of which notice was given", _count(lambda f: _running(f) & (f.notice_date <= ibis.literal(f.as_of.date()))), 0),
)  # fmt: skip
ANSWERS = (
    ("nps_24m", "points", "C-39", "net promoter score of the account's answers in 24 months, −100 to 100", _nps),
    ("nps_answers_24m", "answers", "C-39", "answers behind it",
     _count(lambda f: (f.survey_type == "nps") & f.within(f.responded_at, months=24)), 0),
)  # fmt: skip
SERVICE = (
    ("cases_12m", "cases", "S3-23", "cases opened in 12 months", _count(lambda f: f.within(f.opened_at, months=12)), 0),
    ("cases_open", "cases", "S3-23", "cases not settled", _count(lambda f: f.closed_at.isnull()), 0),
)
FEATURES = tuple(
    Feature(table, view, *row)
    for table, view, rows in (
        ("accounts", "", FIRMOGRAPHICS), ("transactions", "", SALES), ("activities", "weighed", TOUCHES),
        ("activities", "people", BREADTH), ("contacts", "", COVERAGE), ("opportunities", "", PIPELINE),
        ("contracts", "standing", CONTRACTS), ("surveys", "", ANSWERS), ("cases", "", SERVICE),
    )
    for row in rows
)  # fmt: skip

ALSO_BY_LINE = ("revenue_12m", "revenue_prior_12m", "margin_12m", "buying_days_12m", "days_since_purchase",
                "deals_open", "open_amount", "days_since_won")  # fmt: skip
LINE_FEATURES = (
    *(replace(f, view="lines") for f in FEATURES if f.name in ALSO_BY_LINE),
    Feature("opportunities", "lines", "won_amount_12m", "money", "S2-22", "amount of deals won in 12 months, renewals left out",
            lambda f: _sum(f, f.amount, _won(f, 12) & (f.type != "renewal")), 0),
)  # fmt: skip


def reduced(
    features: Sequence[Feature], facts: Facts, others: Mapping[str, ir.Table], keys: Sequence[str] = ("account_id",)
) -> ir.Table:
    """One row per value of the keys with a row, rows of no account too, of features that share a table and a view."""
    view = features[0].view
    rows = VIEWS[view](facts, others) if view else facts.rows
    return rows.group_by(*keys).agg(**{f.name: f.build(replace(facts, rows=rows)) for f in features})
