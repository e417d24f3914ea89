"""What the vendor has of its own, the same for every account: products, content, campaigns, people, aims, currency rates."""

import numpy as np
import pandas as pd

from abmlib.market import buyers, sales
from abmlib.market.chance import Chance
from abmlib.market.companies import SELLERS
from abmlib.market.switches import CYCLES
from abmlib.tables import schema

MARKETER, SALES_LEAD = "marketing lead", "sales lead"
DEPTHS = ("awareness", "education", "solution", "selection")
TITLES = {
    sales.SERVICES: (
        "Ten boards on what they would do again",
        "How a shared service centre pays",
        "What a merger costs in its first year",
        "References and team",
    ),
    sales.SOFTWARE: (
        "The finance office without paper",
        "Choosing a ledger",
        "A day with the planning module",
        "Prices and rollout plan",
    ),
    sales.OFFICE: ("What an office uses in a year", "Buying once a month", "Standing orders", "Catalogue"),
}
FORMATS = ("paper", "webinar", "video", "calculator")
PERSONAS = [
    ("PE1", "Careful treasurer", "c_level", "Finance", "predictable cost", "surprises at the year's end"),
    ("PE2", "Systems owner", "director", "IT", "few systems that last", "one more integration"),
    ("PE3", "Plant optimiser", "manager", "Operations", "output without overtime", "waiting for others"),
    ("PE4", "Fair buyer", "manager", "Purchasing", "three comparable offers", "contracts nobody reads"),
    ("PE5", "People planner", "director", "Human Resources", "good people who stay", "paper in every process"),
    ("PE6", "House keeper", "individual", "Facilities", "a building that works", "late deliveries"),
]
CAMPAIGNS = {  # code: name, type, channel, cost an account and month, made for named accounts
    "NEWS": ("Newsletter", "nurture", "email", 0.6, False),
    "WEBI": ("Webinar series", "webinar", "webinar", 2.0, False),
    "FAIR": ("Trade fairs", "event", "event", 6.0, False),
    "ROAD": ("Roadshow", "event", "roadshow", 4.0, False),
    "SPON": ("Sailing and chamber music", "sponsorship", "sponsorship", 7.0, False),
    "ADS": ("Display advertising", "advertising", "ad", 9.0, False),
    "ABME": ("Account plays, services", "account-based", "direct_mail", 22.0, True),
    "ABMM": ("Account plays, software", "account-based", "webinar", 14.0, True),
    "ABMF": ("Account plays, office supplies", "account-based", "email", 4.0, True),
}
ABM = ("ABME", "ABMM", "ABMF")  # by position of the line
TOPICS = {sales.SERVICES: "shared services", sales.SOFTWARE: "finance software", sales.OFFICE: "office purchasing"}
OBJECTIVES = [
    ("OB1", "more deals with early-cycle accounts", "executive dialogue", "opportunities_opened", 0.40, 0.60),
    ("OB2", "win more of them", "shared account plans", "win_rate", 0.42, 0.50),
    ("OB3", "larger software contracts", "trial workshops", "acv", 40_000.0, 50_000.0),
]
CRITERIA = [  # the last one nobody has signed
    ("CR1", "company size", 30.0, "higher", "sales", "employees"),
    ("CR2", "revenue with us", 30.0, "higher", "sales", "revenue_12m"),
    ("CR3", "fit of trade and technology", 25.0, "higher", "marketing", "tech_stack: erp suite"),
    ("CR4", "distance from a decision", 15.0, "lower", None, "days_since_opened"),
]
READINESS = [  # item, score, what it rests on, who scored it
    ("agreed account list", 4.0, "list of the first round, with the votes of both teams", "S01"),
    ("shared definitions", 3.0, "one page of definitions, read in both teams", "M02"),
    ("content for each persona", 2.0, "inventory of content by persona", "M01"),
    ("sales time set aside", 2.0, None, "S01"),
    ("data reviewed", 4.0, None, "M02"),
]
FROZEN_BEFORE = (
    8  # days before the programme begins on which the experiment's plan is frozen; lots are drawn a day later
)
ANALYSIS = (
    "deals opened in the 12 months after the draw, treated accounts less those held back, line and own past taken off"
)
RACI = {"S01": "A", "M02": "A", "M01": "R", "M04": "R", "M06": "C", "M07": "I"}  # part in the programme as a whole
FUNCTIONS = ("creative", "analytics", "technology", "communications", "digital", "service", "field")
CURRENCIES = {"PLN": 0.23, "SEK": 0.088, "USD": 0.92}  # worth at the window's first month
FX_STEP = 0.012  # sd of a month's change of its logarithm


def stamp(day: np.ndarray | pd.Series, window: sales.Window, hour: float = 9.0) -> pd.Series:
    """UTC timestamps at an hour of days of the window; a missing day gives a missing time."""
    dates = pd.Series(window.dates(np.asarray(day, dtype=float)).astype("datetime64[s]"))
    return (dates + pd.Timedelta(hours=hour)).dt.tz_localize("UTC")


def entered(name: str, frame: pd.DataFrame, at: pd.Series | pd.Timestamp, by: pd.Series | str) -> pd.DataFrame:
    """Bring rows of a programme table to spec: entered at a time by somebody."""
    return schema.cast(name, frame.assign(entered_at=at, entered_by=by))


def rates(chance: Chance, window: sales.Window) -> pd.DataFrame:
    """Worth of each foreign currency by month of the window, and some before it: ``month``, one column a currency."""
    first = window.start.astype("datetime64[M]")
    months = np.arange(first, (window.start + window.days - 1).astype("datetime64[M]") + 1)
    steps = FX_STEP * chance.of("currencies").standard_normal((len(months), len(CURRENCIES)))
    steps[0] = 0
    worth = np.array(list(CURRENCIES.values())) * np.exp(np.cumsum(steps, axis=0))
    return pd.DataFrame(np.round(worth, 5), columns=list(CURRENCIES)).assign(month=months.astype("datetime64[s]"))


def _campaign(code: str, year: int, half: int) -> str:
    """The id of the campaign of a code in a half-year."""
    return f"K{year % 100:02d}H{half}-{code}"


def campaign_id(code: np.ndarray, at: pd.Series) -> np.ndarray:
    """The campaign of a code that runs at a time: one each half-year; none where there is no code."""
    year, half = at.dt.year.to_numpy(), np.where(at.dt.month.to_numpy() < 7, 1, 2)
    kinds = list(CAMPAIGNS)
    table = {(y, h): [_campaign(c, y, h) for c in kinds] for y in np.unique(year) for h in (1, 2)}
    place = pd.Index(kinds).get_indexer(pd.Index(code))
    out = np.full(len(code), None, dtype=object)
    for (y, h), names in table.items():
        rows = (place >= 0) & (year == y) & (half == h)
        out[rows] = np.array(names, dtype=object)[place[rows]]
    return out


def tables(chance: Chance, window: sales.Window, n_accounts: int) -> dict[str, pd.DataFrame]:
    """Every table that belongs to no account."""
    first = pd.Timestamp(window.start).tz_localize("UTC") + pd.Timedelta(hours=9)
    begins = stamp(np.array([float(buyers.programme_day(window))]), window)[0]
    offers = pd.DataFrame(sales.promotions(window), columns=["promotion_id", "kind", "value", "start", "end"])
    offers = offers.assign(**{c: window.dates(offers[c].to_numpy()) for c in ("start", "end")})
    fx = rates(chance, window).melt("month", var_name="currency", value_name="rate").rename(columns={"month": "date"})
    campaigns, spend = _campaigns(chance, window, n_accounts)
    return _words(first) | _aims(begins) | {
        "products": schema.cast("products", sales.PRODUCTS),
        "campaigns": campaigns,
        "campaign_spend": spend,
        "promotions": entered("promotions", offers, first, MARKETER),
        "fx_rates": entered("fx_rates", fx, first + (fx["date"] - fx["date"].min()), "treasury"),
    }  # fmt: skip


def _words(first: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Whom we speak to, what we say and what can be read, known from the first day on."""
    personas = pd.DataFrame(PERSONAS, columns=["persona_id", "name", "seniority", "function", "goals", "pains"])
    content = pd.DataFrame([
        {
            "content_id": f"D{12 * v + 4 * k + d + 1:02d}", "title": TITLES[line][d] + (", short form" if v else ""),
            "format": FORMATS[(d + v) % 4], "language": "en", "persona_id": f"PE{(k + 2 * d + v) % 6 + 1}",
            "depth": depth, "product_line": line, "url_path": f"/{depth}/{k + 1}{'s' if v else ''}",
        }
        for v in (0, 1) for k, line in enumerate(sales.LINES) for d, depth in enumerate(DEPTHS)
    ])  # fmt: skip
    messages = pd.DataFrame([
        {
            "message_id": f"M{3 * p + c + 1:02d}", "persona_id": row[0], "cycle": cycle, "stage": "Discovery",
            "pain": row[5], "promise": f"{row[4]}, in a year", "proof": "three customers, named", "version": "1",
            "owner": MARKETER,
        }
        for p, row in enumerate(PERSONAS) for c, cycle in enumerate(CYCLES)
    ])  # fmt: skip
    return {
        "personas": entered("personas", personas, first, MARKETER),
        "content": entered("content", content.assign(created_at=first), first, MARKETER),
        "messages": entered("messages", messages, first, MARKETER),
    }


def plan(window: sales.Window, held_share: float) -> pd.DataFrame:
    """What the programme's experiment will be judged by, frozen the day before the first accounts are drawn."""
    at = stamp(np.array([float(buyers.programme_day(window) - FROZEN_BEFORE)]), window)[0]
    row = {
        "experiment_id": "X1", "measure_id": "opportunities_opened", "horizon_months": 12, "looks": "6;12", "design": "strata",
        "held_share": held_share, "rise": 0.5, "analysis": ANALYSIS, "frozen_at": at,
    }  # fmt: skip
    return entered("experiment_plans", pd.DataFrame([row]), at, MARKETER)


def _aims(begins: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """What the programme is for, how accounts are chosen, how ready we are, and who works for it, as it begins."""
    team = pd.DataFrame([
        {"person_id": f"S{k + 1:02d}", "team": "sales", "function": "sales", "persona_id": None, "capacity_hours": 40.0}
        for k in range(SELLERS)
    ] + [
        {"person_id": f"M{k + 1:02d}", "team": "marketing", "function": what, "persona_id": f"PE{k % 6 + 1}", "capacity_hours": 80.0}
        for k, what in enumerate(FUNCTIONS)
    ])  # fmt: skip
    objectives = pd.DataFrame(
        OBJECTIVES, columns=["objective_id", "sales_goal", "tactic", "measure_id", "baseline", "target"]
    )
    criteria = pd.DataFrame(
        CRITERIA, columns=["criterion_id", "name", "weight", "direction", "sign_off_team", "feature"]
    )
    signed = pd.Series(begins, index=criteria.index).where(criteria["sign_off_team"].notna())
    readiness = pd.DataFrame(READINESS, columns=["item", "score", "note", "by"])
    scored_by = readiness.pop("by")
    return {
        "team": entered("team", team.assign(raci=team["person_id"].map(RACI)), begins, SALES_LEAD),
        "objectives": entered("objectives", objectives.assign(frozen_at=begins), begins, SALES_LEAD),
        "criteria": entered("criteria", criteria.assign(signed_at=signed), begins, SALES_LEAD),
        "readiness": entered("readiness", readiness, begins, scored_by),
    }


def _campaigns(chance: Chance, window: sales.Window, n_accounts: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One campaign of each code every half-year, and what each month of it costs."""
    months = pd.period_range(pd.Timestamp(window.start), pd.Timestamp(window.start + window.days - 1), freq="M")
    begins = pd.Period(pd.Timestamp(window.start) + pd.Timedelta(days=buyers.programme_day(window)), "M")
    rng = chance.of("spend")
    rows, spent = [], []
    for code, (name, kind, channel, cost, own) in CAMPAIGNS.items():
        for month, noise, over in zip(months, rng.standard_normal(len(months)), rng.random(len(months)), strict=True):
            if own and month < begins:
                continue
            half = 1 if month.month < 7 else 2
            ident = _campaign(code, month.year, half)
            first = pd.Timestamp(month.year, 6 * half - 5, 1)
            rows.append(
                (ident, f"{name} {month.year}-{half}", kind, first, first + pd.DateOffset(months=6, days=-1), own)
            )
            money = cost * n_accounts * np.exp(0.2 * noise)
            spent.append(
                (
                    ident,
                    month.start_time,
                    channel,
                    round(money, 2),
                    round(money * (0.9 + 0.2 * over), 2),
                    round(money / 90, 1),
                )
            )
    campaigns = pd.DataFrame(rows, columns=["campaign_id", "name", "type", "start", "end", "is_account_specific"])
    spend = pd.DataFrame(spent, columns=["campaign_id", "month", "channel", "spend", "budget", "person_hours"])
    return (
        schema.cast("campaigns", campaigns.drop_duplicates("campaign_id")),
        schema.cast("campaign_spend", spend),
    )
