"""The tables that notebooks leave for each other."""

from abmlib.tables.definitions.columns import ROLES, SLUG, STATUS, Table, col, table

# fmt: off
# A column is one line, so that a table can be seen at once.

# Columns that several tables have.
ACCOUNT = {"account_id": col("id", "the account")}
LINE = ACCOUNT | {"product_line": col("text", "line of business")}

DECISIONS = table("decisions", "What a notebook advises: one row per decision and account.",
    ["notebook", "slug", "account_id"], {
    "notebook": col("text", "number of the notebook that advises"),
    "slug": col("id", "the decision, the same in every run: words joined by underscores", matches=SLUG),
    "kind": col("text", "selling, the programme, or a chore about data", one_of=("sell", "programme", "data")),
    "text": col("text", "the advice, as an order"),
    "group": col("text", "the part of the accounts, or the deals, it is about", null=True),
    "account_id": col("id", "account it is about; missing if about all", null=True),
    "owner": col("text", "who is to act; several are joined by ;", null=True),
    "due": col("date", "until when", null=True),
    "moves": col("money", "money that this decision moves within its horizon", null=True),
    "moves_low": col("money", "lower end of the interval of moves", null=True),
    "moves_high": col("money", "upper end of the interval of moves", null=True),
    "basis": col("text", "what that money is, such as open deals of", default="money"),
    "reason": col("text", "why this account", null=True),
    "would_change": col("text", "what would change the advice"),
    "status": col("text", "state", one_of=("proposed", "accepted", "rejected", "done")),
})

MEASURES = table("measures", "One long table of all measures: value, definition, window, interval and count.",
    ["measure_id", "definition_id", "as_of", "window_start", "window_end", "group_by", "group"], {
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
    "why": col("text", "what it lacks where it is not answered, if that is known", default=""),
})

CYCLES = table("01_cycles", "Buying cycle of each account and product line.", ["account_id", "product_line"], LINE | {
    "cycle": col("text", "buying cycle", one_of=("early", "mid", "full")),
    "confidence": col("rate", "evidence share: share of all evidence that points to the cycle; no probability", null=True),
    "set_by": col("text", "rule or person", one_of=("rule", "override")),
})

EVIDENCE = table("01_evidence", "What speaks for which buying cycle, for each account and product line.",
    ["account_id", "product_line", "evidence"], LINE | {
    "evidence": col("text", "kind of evidence",
        one_of=("deal_value", "cycle_days", "orders_per_year", "buyers", "buyer_level")),
    "value": col("number", "what is usual, pulled towards its line where little is seen", unit="see unit"),
    "unit": col("text", "unit of value"),
    "n": col("int", "the account's own observations; 0: its line speaks for it", unit="observations"),
    "early": col("rate", "how far it speaks for early"),
    "mid": col("rate", "how far it speaks for mid"),
    "full": col("rate", "how far it speaks for full"),
    "weight": col("rate", "share of all weight"),
})

OF_CYCLE = {"cycle": col("text", "buying cycle", one_of=("early", "mid", "full"))}

PLAN = table("01_plan", "The plan for each buying cycle that an account is in, on one page.", ["cycle"], OF_CYCLE | {
    "accounts": col("int", "accounts in it by their main line", unit="count"),
    "revenue": col("money", "their net revenue in the last year", null=True),
    "open_amount": col("money", "amount of their open deals", null=True),
    "product_lines": col("text", "their main lines of business, with accounts"),
    "bounds": col("text", "what points to the cycle"),
    "aims": col("text", "objectives that account plans of the cycle serve, from baseline to target", default=""),
    "measures": col("text", "measures that show success: their value now, and the one from which on to act"),
    "window_days": col("int", "how far back touches count", unit="days"),
    "horizon_days": col("int", "until an effect can show", unit="days"),
    "thresholds": col("text", "share of accounts that each element asks for, and has"),
    "knowledge": col("text", "what to know of the customer"),
    "data": col("text", "what data to hold"),
    "messaging": col("text", "what to say"),
    "tactics": col("text", "what to do"),
    "commitment": col("text", "what sales commits to"),
    "hand_over": col("text", "when sales takes over"),
    "response_hours": col("number", "within which sales answers", unit="hours"),
    "hours_spent": col("number", "hours that sales spent on them in the last year, as far as logged", null=True, unit="hours"),
    "campaign_spend": col("money", "what campaigns cost for them in the last year", null=True),
    "next_step": col("text", "for the element furthest below its target", default=""),
    "next_owner": col("text", "who takes the next step", null=True),
    "due": col("date", "day by which it is done, or the plan is looked at again"),
    "owner": col("text", "who would do the work of sales", null=True),
    "owner_as": col("text", "how that is known"),
    "marketing_owner": col("text", "who would do the work of marketing", null=True),
})

ELEMENTS = table("01_elements", "Each of the five elements in each cycle: what is there, by which records, and who acts.",
    ["element", "cycle"], {
    "element": col("text", "element",
        one_of=("customer_knowledge", "data", "messaging", "tactics", "sales_commitment")),
    } | OF_CYCLE | {
    "asks": col("text", "what the method asks"),
    "found": col("text", "what was found: how many of how many, by which records, and the day of the newest"),
    "k": col("int", "accounts, personas or hand-overs that have it", unit="count"),
    "n": col("int", "all that are asked", unit="count"),
    "target": col("rate", "share asked"),
    "share": col("rate", "share that have it", null=True),
    "verdict": col("text", "is it there", one_of=("in place", "gap", "not_answerable")),
    "newest": col("date", "day of the newest record that shows it", null=True),
    "owner": col("text", "who would do the work", null=True),
    "owner_as": col("text", "how that is known"),
    "lacking": col("text", "how many lack what, and the first of them, most money first", default=""),
    "next_step": col("text", "what to do where it is not in place", default=""),
})

ALIKE = {
    "look_alikes": col("int", "customers of its industry and size; missing for who has bought, or where one of the two is unknown",
        unit="accounts", null=True),
    "alike_accounts": col("text", "names of those customers of its industry and size that bought most in the last 12 months", null=True),
    "alike_line": col("text", "line of business that those customers bought most often; missing where they are too few", null=True),
    "alike_share": col("rate", "of those customers, the share that bought it", null=True),
    "alike_value": col("money", "of those that bought it, the median of what they bought in the last 12 months", null=True),
}
ACCOUNT_ELEMENTS = table("01_account_elements", "Each element at each account: the records that show it, or what lacks, and who acts.",
    ["account_id", "element"], ACCOUNT | {
    "element": col("text", "element", one_of=("customer_knowledge", "data", "tactics", "sales_commitment")),
    } | OF_CYCLE | {
    "records": col("int", "records that show it", unit="count"),
    "newest": col("date", "day of the newest of them", null=True),
    "lacks": col("text", "what lacks; empty where it is there", default=""),
    "owner": col("text", "who acts", null=True),
    "next_step": col("text", "what to do, where the element is not in place in the cycle", default=""),
})

CAMPAIGNS = table("01_campaigns", "Campaigns of a year: the accounts each was meant for, and what hit them.", ["campaign_id"], {
    "campaign_id": col("text", "campaign"),
    "campaign": col("text", "its name, else its id"),
    "meant_for": col("text", "the first accounts it names, if any"),
    "accounts": col("int", "accounts it names", unit="count"),
    "hit": col("int", "accounts with a touch of it on a day they were on the list", unit="count"),
    "touches": col("int", "its touches that no machine made", unit="count"),
    "on_list": col("int", "touches of accounts that were on the list on that day, its own or else the target list; missing where none was known", unit="count", null=True),
    "on_target_list": col("int", "touches of accounts that were off its own list and on the target list", unit="count"),
    "spend": col("money", "what it cost"),
    "aimed": col("money", "the part on the list, by touches; missing where that is unknown", null=True),
    "on_target": col("rate", "share of what it cost on the accounts it names", null=True),
})

PARTS = ("pass", "fail", "not_answerable")

ACCOUNT_DATA = table("00_account_data", "What is known of each account, and whether it can be judged.",
    ["account_id"], ACCOUNT | {
    "status": col("text", "prospect, customer or former customer", one_of=STATUS),
    "filled_share": col("rate", "share of the descriptive fields that are filled"),
    "first_seen": col("date", "day of its first record in any table", null=True),
    "last_seen": col("date", "day of its last record in any table", null=True),
    "days_since_last": col("int", "days from its last record to the report's day", null=True, unit="days"),
    "records": col("int", "records in all tables", unit="rows"),
    "sources": col("int", "tables that hold a record of it", unit="tables"),
    "verdict": col("text", "can it be judged", one_of=("usable", "stale", "thin", "no record")),
    "channels": col("int", "channels with a touch in the last 12 months", unit="channels", null=True),
    "product_lines": col("int", "lines of business with a purchase, ever", unit="lines", null=True),
    } | ALIKE | {
    "funnel_stage": col("text", "stage of most of its open amount, or else whether it is active", null=True),
    "margin_12m": col("money", "margin of the last 12 months; missing where a cost is", null=True),
    "margin_rank": col("int", "1 is the account of most margin; missing without a purchase or a cost", unit="rank", null=True),
    "hours_12m": col("number", "hours sales spent on it in the last 12 months, where they are noted", unit="hours", null=True),
    "priority": col("int", "1 gets hours first: more of the margin or the open amount than of the hours; missing for the others", unit="rank", null=True),
})

BUYING_GROUPS = table("00_buying_groups", "Who is known in which role of buying, account by account: people are counted, not named.",
    ["account_id", "role"], ACCOUNT | {
    "role": col("text", "part played in buying", one_of=ROLES),
    "people": col("int", "people known in it who have not left", unit="people"),
    "reachable": col("int", "of these, people we can reach", unit="people"),
    "senior": col("int", "of the people known: directors, vice presidents and C-level", unit="people"),
    "in_largest_deal": col("int", "of the people known: named in the account's largest open deal", unit="people"),
    "last_touch": col("date", "last day one of them did something, or did with us", null=True),
    "missing": col("bool", "a play needs the role and nobody in it can be reached"),
})

KEY_ACCOUNTS = table("03_key_accounts", "Value, qualification and exclusion of each account.", ["account_id"], ACCOUNT | {
    "revenue": col("money", "net revenue in the window"),
    "margin": col("money", "revenue less cost of goods; missing where a cost is", null=True),
    "revenue_rank": col("int", "1 is the largest", unit="rank"),
    "cumulative_revenue_share": col("number", "share of net revenue of this account and all larger ones", null=True ),
    "pareto_class": col("text", "A to 80 %, B to 95 % of net revenue, C the rest", one_of=("A", "B", "C")),
    "margin_class": col("text", "the same on margin", null=True, one_of=("A", "B", "C")),
    "revenue_history": col("text", "part 1: revenue does not shrink", one_of=PARTS),
    "relationship": col("text", "part 2: enough shared history", one_of=PARTS),
    "profitability": col("text", "part 3: margin above the floor", one_of=PARTS),
    "viability": col("text", "part 4: still buying in its own rhythm", one_of=PARTS),
    "valuable": col("bool", "class A on revenue or on margin"),
    "qualified": col("bool", "valuable, and no part fails"),
    "chosen": col("bool", "key account: qualified and within capacity"),
    "size_rank": col("int", "1 is the largest valuable account, by margin where it is known for all, else by revenue", unit="rank", null=True),
    "exclusion_reason": col("text", "why not; missing where chosen", null=True),
})

FRAMEWORK = table("02_framework",
    "Each objective as it is now, whether it was frozen in time, and whether the programme can detect the rise it asks for.",
    ["objective_id"], {
    "objective_id": col("id", "the objective"),
    "sales_goal": col("text", "what sales want"),
    "tactic": col("text", "what marketing does for it"),
    "measure_id": col("id", "the measure that tells"),
    "baseline": col("number", "its value at the start", null=True, unit="unit of the measure"),
    "target": col("number", "its value to be reached", unit="unit of the measure"),
    "frozen_at": col("date", "since when nobody changes it; missing while it is a draft", null=True),
    "state": col("text", "may it be judged by", one_of=("frozen", "frozen late", "changed", "draft")),
    "rise_asked": col("number", "target over baseline, less one; missing where that is no rise", null=True,
        unit="share of the baseline"),
    "rise_detectable": col("number",
        "smallest rise of its measure seen with the power of the house; missing where none is, or nobody knows",
        null=True, unit="share of the baseline"),
    "horizon_months": col("int", "time over which that holds", null=True, unit="months"),
    "could_be_seen": col("bool", "the rise asked is that large; missing where its measure was not judged", null=True),
})

CHECKLIST = table("02_checklist",
    "Each item of the five steps of the programme: who answers for it, on what evidence, and what is missing.", ["item"], {
    "step": col("text", "the step it belongs to"),
    "item": col("text", "what must be in place"),
    "function": col("text", "the function it belongs to; missing for what belongs to all", null=True),
    "owner": col("text", "accountable persons (ids); missing where nobody is named", null=True),
    "acts": col("text", "who has to act: the owner, else people of the function, else the heads"),
    "function_hours": col("number", "hours that people of its function have", null=True, unit="hours a month"),
    "score": col("number", "how far it is, as a person scored it last", null=True, unit="points"),
    "change": col("number", "from the score before", null=True, unit="points"),
    "scored_on": col("date", "day of that score", null=True),
    "age_days": col("int", "age of the score", null=True, unit="days"),
    "scored_by": col("text", "who scored it", null=True),
    "evidence": col("text", "what the score rests on, as entered; nobody checked it", null=True),
    "done": col("text", "how many of how many are done, as the programme's files show", null=True),
    "last_entry": col("date", "day of the last entry about it", null=True),
    "lacks": col("text", "what is missing; empty where nothing is", null=True),
})

TEAM_WORK = table("02_team", "Each person of the joint team, with hours and the work that waits.", ["person_id"], {
    "person_id": col("id", "our colleague; or a team or a person who owns work and is not in the team"),
    "team": col("text", "the team the person belongs to", null=True),
    "function": col("text", "what the person brings", null=True),
    "hours_available": col("number", "time the person has for the programme", null=True, unit="hours a month"),
    "accountable_for": col("int", "accounts of the programme the person answers for", unit="accounts"),
    "responsible_for": col("int", "accounts of the programme the person works for", unit="accounts"),
    "accounts_owned": col("int", "accounts of the programme the person owns in the CRM", unit="accounts"),
    "plan_items": col("int", "items of account plans that have not ended", unit="items"),
    "actions_open": col("int", "open actions of workshops", unit="actions"),
    "actions_overdue": col("int", "those of them that are overdue", unit="actions"),
    "hand_overs_waiting": col("int", "accounts whose hand-over waits for an answer", unit="accounts"),
})

LOOK_ALIKES = table("02_look_alikes",
    "Accounts that are not on the list, of segments in which sales hears of a new market more often than elsewhere.",
    ["account_id", "theme"], ACCOUNT | {
    "theme": col("text", "what sales noted in the segment"),
    "industry": col("text", "the segment"),
    "named": col("bool", "sales noted it at this account"),
    "open_amount": col("money", "open deals", null=True),
    "revenue_12m": col("money", "net revenue of twelve months", null=True),
})

OPPORTUNITY_FLAGS = table("12_opportunity_flags", "What is wrong with each open deal.", ["opportunity_id"], {
    "opportunity_id": col("id", "the deal"),
    "account_id": col("id", "the buyer", null=True),
    "name": col("text", "title of the deal", null=True),
    "owner_id": col("id", "seller", null=True),
    "stage": col("text", "stage on the day"),
    "amount": col("money", "value of the deal", null=True),
    "close_date": col("date", "day it is forecast to close", null=True),
    "days_in_stage": col("number", "time in its stage so far", null=True, unit="days"),
    "days_slow": col("number", "time by which nine tenths of won deals of its product line had left the stage", null=True, unit="days"),
    "days_quiet": col("int", "days since the last touch from its account; missing without one", null=True, unit="days"),
    "days_planned": col("number", "from entering its stage to its closing day; missing where that is past", null=True, unit="days"),
    "days_needed": col("number", "from entering that stage to the win, for the fastest tenth of won deals", null=True, unit="days"),
    "days_to_stage": col("number", "from its opening to its stage", null=True, unit="days"),
    "days_fast": col("number", "from opening to that stage, for the fastest tenth of won deals", null=True, unit="days"),
    "pushes": col("int", "times its closing day was moved later; missing without history", null=True, unit="times"),
    "people": col("int", "people entered for it, if it is in a stage of the second half; missing without one", null=True, unit="people"),
    "chance_to_win": col("rate", "chance to be won within the horizon; missing where the past cannot tell", null=True),
    "stalled": col("bool", "slow, and quiet or pushed; missing where its time in the stage or the limit is unknown", null=True),
    "overdue": col("bool", "its closing day is past"),
    "due_too_early": col("bool", "its closing day comes sooner than nine tenths of won deals were won from its stage", null=True),
    "fast": col("bool", "in its stage sooner than nine tenths of won deals", null=True),
    "skipped": col("bool", "passed over a stage", null=True),
    "alone": col("bool", "in a stage of the second half with one person entered for it", null=True),
    "slow": col("bool", "longer in its stage than nine tenths of won deals of its product line"),
    "quiet": col("bool", "no touch from its account for a quarter of the days a win takes, 14 to 45"),
    "pushed": col("bool", "moved later twice or more"),
    "no_account": col("bool", "belongs to no account"),
    "no_amount": col("bool", "has no amount"),
    "no_age": col("bool", "nobody knows when it was opened"),
})

STEPS = (
    "open at start", "created", "opening day unknown", "reopened", "amount unknown at start", "grown", "won", "lost",
    "closed, result unknown", "shrunk", "no longer in the data", "open at end",
)
OPEN_BRIDGE = table("12_bridge", "The deals behind each step from the pipeline open on one day to that of a later day.",
    ["step", "split", "opportunity_id"], {
    "step": col("text", "what changed the pipeline", one_of=STEPS),
    "split": col("text", "happened after the first day, or dated by it and not known then", one_of=("happened", "learnt")),
    "opportunity_id": col("id", "the deal"),
    "account_id": col("id", "the buyer", null=True),
    "name": col("text", "title of the deal", null=True),
    "owner_id": col("id", "seller", null=True),
    "amount": col("money", "what it adds; falls are negative; missing where the source has no amounts of open deals", null=True),
})

WON = table("12b_won", "What each account decided and won in the window, beside the window before it.", ["account_id"], ACCOUNT | {
    "tier": col("text", "its tier on the day; missing where it is in none", null=True),
    "won_value": col("money", "amount of its deals won; missing where none was won, or none has an amount", null=True),
    "acv": col("money", "annual contract value of its deals won; missing where no term is known", null=True),
    "won_deals": col("int", "its deals won", unit="count"),
    "decided_deals": col("int", "its deals won or lost", unit="count"),
    "won_value_before": col("money", "amount won in the window before", null=True),
    "decided_deals_before": col("int", "its deals won or lost in the window before", unit="count"),
})

EXECUTIVE_SUMMARY = table("15_executive_summary",
    "Headline measures, and how one quarter stands beside the same days of the quarters before it.",
    ["measure_id", "definition_id"], {
    "measure_id": col("id", "the measure"),
    "definition_id": col("id", "the variant used"),
    "window": col("text", "time over which the value counts; empty for what is there on the day", default=""),
    "value": col("number", "the value", null=True, unit="see unit"),
    "unit": col("text", "unit of the numbers"),
    "low": col("number", "lower end of the interval", null=True, unit="see unit"),
    "high": col("number", "upper end of the interval", null=True, unit="see unit"),
    "n": col("int", "what the value rests on", unit="count"),
    "status": col("text", "may it be judged", one_of=("ok", "too_early", "not_answerable")),
    "quarter_start": col("date", "first day of the quarter judged", null=True),
    "quarter_end": col("date", "last day of it that counts", null=True),
    "quarter_value": col("number", "the value of the quarter judged", null=True, unit="see unit"),
    "quarter_n": col("int", "deals or lines it rests on", null=True, unit="count"),
    "earlier_quarters": col("int", "quarters before it that it is compared with, over the same days", null=True, unit="count"),
    "expected": col("number", "the value those lead to expect: of sums and counts their trend continued, else all of them together",
        null=True, unit="see unit"),
    "year_ago": col("number", "the value of the same quarter a year before", null=True, unit="see unit"),
    "change": col("number", "of shares the quarter less what is expected, of all else their ratio less one", null=True, unit="share"),
    "change_low": col("number", "lower end of the interval of the change", null=True, unit="share"),
    "change_high": col("number", "upper end of the interval of the change", null=True, unit="share"),
    "p": col("rate", "chance of any headline changing as much if nothing changed", null=True),
    "visible_fall": col("number", "smallest fall that would be called with the power of the house", null=True, unit="share"),
    "visible_rise": col("number", "smallest rise that would be", null=True, unit="share"),
    "verdict": col("text", "what the change means",
        one_of=("up", "down", "within noise", "too variable", "too few", "too early", "not judged")),
})

KPI_REPORT = table("14b_kpis", "KPIs of each group of accounts in a period, and of the same accounts in the period before.",
    ["definition_id", "item", "group_by", "group"], {
    "family": col("text", "family", one_of=("sales value", "pipeline", "contact coverage", "perception", "appointments",
        "engagement", "satisfaction", "scale")),
    "measure_id": col("id", "the measure"),
    "definition_id": col("id", "the variant used"),
    "item": col("text", "question of a survey", default=""),
    "group_by": col("text", "what accounts are split by; all = not split"),
    "group": col("text", "the part"),
    "value": col("number", "the value at all accounts of the group", null=True, unit="see unit"),
    "unit": col("text", "unit of value, before, change and their intervals"),
    "low": col("number", "lower end of the interval", null=True, unit="see unit"),
    "high": col("number", "upper end of the interval", null=True, unit="see unit"),
    "n": col("int", "what the value rests on: deals, meetings, people, answers, accounts won, accounts on the web site", unit="count"),
    "accounts": col("int", "accounts of the group", unit="count"),
    "same_accounts": col("int", "those of them known before the earlier period began", unit="count"),
    "before": col("number", "the value in the period before, at these", null=True, unit="see unit"),
    "now_same": col("number", "the value in this period, at these", null=True, unit="see unit"),
    "change": col("number", "the value in this period less that in the period before, at these", null=True, unit="see unit"),
    "change_low": col("number", "lower end of the interval of the change", null=True, unit="see unit"),
    "change_high": col("number", "upper end of the interval of the change", null=True, unit="see unit"),
    "verdict": col("text", "what the change means, changes of one way of grouping looked at together", one_of=("up", "down", "within noise", "too early")),
})

VERDICTS = ("more", "less", "no effect that can be told from chance", "too early", "all alike", "not reached", "not answerable")
READOUT = table("14_readout", "What each experiment drawn by lot shows: its registered measure at every look, the others at the last one reached.",
    ["experiment_id", "definition_id", "months"], {
    "experiment_id": col("id", "the experiment"),
    "definition_id": col("id", "the measure"),
    "registered": col("bool", "was it named before the draw; it alone decides"),
    "months": col("int", "months after its draw for which each account is judged", unit="months"),
    "over_on": col("date", "last day of the months of the account drawn last"),
    "treated": col("int", "accounts treated", unit="accounts"),
    "held": col("int", "accounts held back", unit="accounts"),
    "treated_mean": col("number", "mean of the treated", null=True, unit="unit of the measure"),
    "held_mean": col("number", "mean of those held back", null=True, unit="unit of the measure"),
    "effect": col("number", "per account drawn for treatment, strata and own past taken off", null=True, unit="unit of the measure"),
    "low": col("number", "lower end of its interval, which holds over all looks together", null=True, unit="unit of the measure"),
    "high": col("number", "upper end of its interval", null=True, unit="unit of the measure"),
    "relative": col("number", "effect over the mean of those held back", null=True, unit="share"),
    "smallest_rise": col("number", "of the registered measure: rise that these lots find with the power of the house, over the mean of the accounts drawn", null=True, unit="share"),
    "p": col("rate", "share of draws that show as much by chance", null=True),
    "p_adjusted": col("rate", "the same times the measures that are not registered; missing for the one that is", null=True),
    "level": col("rate", "p-value up to which this look is no chance"),
    "verdict": col("text", "what it shows", one_of=VERDICTS),
})

BALANCE = table("14_balance", "How alike the arms of each experiment were before the draw.", ["experiment_id", "what"], {
    "experiment_id": col("id", "the experiment"),
    "what": col("text", "outcome of as many months before the draw, or size"),
    "treated_mean": col("number", "mean of the treated", unit="see what"),
    "held_mean": col("number", "mean of those held back", unit="see what"),
    "smd": col("number", "difference within strata over the standard deviation", null=True, unit="standard deviations"),
    "p": col("rate", "share of draws that differ as much, adjusted for all that is compared"),
    "verdict": col("text", "is the difference one of chance", one_of=("as chance would have it", "more than chance")),
})

KPIS = table("15_kpis", "The four families of KPIs: engagement, satisfaction, pipeline and scale.",
    ["definition_id", "track"], {
    "family": col("text", "family", one_of=("engagement", "satisfaction", "pipeline", "scale")),
    "measure_id": col("id", "the measure"),
    "definition_id": col("id", "the variant used"),
    "track": col("text", "the track; all = not split"),
    "window_start": col("date", "first day counted; missing for what is there on the day", null=True),
    "window_end": col("date", "last day counted", null=True),
    "value": col("number", "the value", null=True, unit="see unit"),
    "unit": col("text", "unit of value and interval"),
    "low": col("number", "lower end of the interval", null=True, unit="see unit"),
    "high": col("number", "upper end of the interval", null=True, unit="see unit"),
    "n": col("int", "what the value rests on", unit="count"),
    "status": col("text", "may it be judged", one_of=("ok", "too_early", "not_answerable")),
    "change": col("number", "against the 12 months before: in its unit; against the quarters before and the baseline: shares as a difference, all else as a ratio less one", null=True, unit="see unit"),
    "change_low": col("number", "lower end of the interval of the change", null=True, unit="see unit"),
    "change_high": col("number", "upper end of the interval of the change", null=True, unit="see unit"),
    "compared_with": col("text", "what the change is against", null=True, one_of=("the 12 months before", "the quarters before", "the baseline")),
    "verdict": col("text", "what the change means",
        one_of=("up", "down", "within noise", "too variable", "too few", "too early", "not judged")),
})

ACCOUNTS_PACK = table("15_accounts", "All that the notebooks know of each account; empty where a notebook or the data is not there.",
    ["account_id"], ACCOUNT | {
    "status": col("text", "prospect, customer or former customer", one_of=STATUS),
    "owner_id": col("id", "who looks after it", null=True),
    "tier": col("text", "tier of the programme it is in", null=True),
    "pareto_class": col("text", "class by net revenue, of 03", null=True),
    "chosen": col("bool", "chosen as key account, by 03", null=True),
    "cycle": col("text", "buying cycles of its lines, of 01", null=True),
    "verdict": col("text", "can its data be judged, of 00", null=True),
    "deal_owners": col("text", "owners of its open deals, those of the largest amount first", null=True),
    "revenue_12m": col("money", "net revenue of the last 12 months", null=True),
    "revenue_growth_12m": col("number", "over the 12 months before, less one", null=True, unit="share"),
    "margin_12m": col("money", "margin of the last 12 months; missing where a cost is", null=True),
    "won_12m": col("money", "amount of the deals won in the last 12 months", null=True),
    "won_12m_before": col("money", "amount of those won in the 12 months before", null=True),
    "campaign_spend_12m": col("money", "what campaigns cost for it in the last 12 months, as 01 shares it", null=True),
    "campaign_touches_12m": col("int", "touches of campaigns in them", null=True, unit="touches"),
    "deals_won_12m": col("int", "deals won in them", null=True, unit="deals"),
    "deals_decided_12m": col("int", "deals won or lost in them", null=True, unit="deals"),
    "touches_in_90d": col("int", "what it did, or did with us, in 90 days", null=True, unit="touches"),
    "touches_out_90d": col("int", "what we did towards it in 90 days", null=True, unit="touches"),
    "open_amount": col("money", "amount of its open deals", null=True),
    "deals_open": col("int", "open deals", null=True, unit="deals"),
    "stalled": col("int", "open deals that stall, of 12", null=True, unit="deals"),
    "overdue": col("int", "open deals whose closing day is past, of 12", null=True, unit="deals"),
    "missing_roles": col("text", "roles a play needs and nobody we reach holds, of 00", null=True),
    "roles_filled": col("int", "those that somebody we reach holds", null=True, unit="roles"),
    "contacts_reachable": col("int", "people we can reach, however many roles they fill", null=True, unit="people"),
    "last_touch": col("date", "last day it did something, or did with us", null=True),
    "decisions": col("int", "decisions that name it", unit="decisions"),
    "advice": col("text", "the first clause of each, with its notebook, in the order of reading", null=True),
})

QUESTION = col("id", "what the account may do: opens, wins, buys, grows, adds_line, stops, not_renewed")
PROPENSITY = table("04_propensity", "How likely each account is to do each thing within the horizon, as far as the past could tell.",
    ["question", "account_id"], {
    "question": QUESTION} | ACCOUNT | {
    "score": col("rate", "calibrated probability; the rate of all accounts where nothing told them apart"),
    "rank": col("int", "place by score, 1 the likeliest; missing where nothing told accounts apart", null=True, unit="rank"),
    "band": col("int", "band of past scores that it falls into, 1 the lowest, at most 5; missing as rank", null=True, unit="rank"),
    "observed": col("rate", "share that did it of accounts that scored in this band on past days", null=True),
    "observed_low": col("rate", "lower end of its interval", null=True),
    "observed_high": col("rate", "upper end of its interval", null=True),
    "reasons": col("text", "features that raise its log-odds most above those of the mean account, with how far: +0.7 doubles the odds", default=""),
    "against": col("text", "features that lower them most", default=""),
    "verdict": col("text", "did scores tell accounts apart on the past", one_of=("signal", "no signal")),
    "model": col("text", "kind of model that was chosen"),
    "horizon_days": col("int", "within which it may happen", unit="days"),
})

BACK_TEST = table("04_back_test", "Scores given on past days that no choice had seen, and what came.",
    ["question", "day", "account_id"], {
    "question": QUESTION,
    "day": col("date", "the past day")} | ACCOUNT | {
    "score": col("rate", "probability given with what was known then"),
    "came": col("bool", "it happened within the horizon"),
    "worked": col("bool", "we had touched the account in the 90 days before"),
})

SIZES = {
    "size_low": col("money", "lower end of the 95 % interval", null=True),
    "size_quarter": col("money", "a quarter of such sizes lies below", null=True),
    "size_middle": col("money", "half of such sizes lies below", null=True),
    "size_three_quarters": col("money", "a quarter of such sizes lies above", null=True),
    "size_high": col("money", "upper end of the 95 % interval", null=True),
    "size_mean": col("money", "mean of such sizes", null=True),
}
EXPECTED = {
    "value": col("money", "expected within the horizon: chance × mean size", null=True),
    "value_low": col("money", "lower end of the interval of what may come", null=True),
    "value_high": col("money", "upper end of the interval of what may come; 0 where the chance is small", null=True),
}

OPPORTUNITY_SIZE = table("05_opportunity_size", "How much each account signs or buys within the horizon if it does, and what that is expected to be.",
    ["account_id"], ACCOUNT | {
    "what": col("text", "what is sized: deals signed, or purchases where there are no deals", one_of=("wins", "buys")),
    "chance": col("rate", "that it does so within the horizon, as 04 scored it", null=True)} | SIZES | EXPECTED | {
    "rank": col("int", "place by value, 1 the largest", null=True, unit="rank"),
    "verdict": col("text", "did the past tell sizes apart; if not, all accounts are alike", one_of=("signal", "no signal", "too few")),
    "horizon_days": col("int", "within which it may happen", unit="days"),
    "expected_share": col("rate", "of what is expected of all accounts", null=True),
    "hours_12m": col("number", "hours of sales in the last 12 months", null=True, unit="hours"),
    "hours_share": col("rate", "of the hours of all accounts", null=True),
    "resourced": col("text", "hours beside what is expected", default="", one_of=("", "under", "over")),
})

SIZES_BACK_TEST = table("05_back_test", "What was expected of accounts on past days by chances and sizes learnt before, and what came.",
    ["day", "account_id"], {
    "day": col("date", "the past day")} | ACCOUNT | {
    "chance": col("rate", "probability that 04 gave on that day")} | SIZES | EXPECTED | {
    "came": col("money", "what it signed or bought within the horizon; 0 where nothing"),
})

TARGET_ACCOUNTS = table("06_target_accounts", "The target list: each account of the book with its tier, or what speaks against one.",
    ["account_id"], ACCOUNT | {
    "tier": col("text", "1 is worked alone, 2 in a small group, 3 with many; none: not on the list", one_of=("1", "2", "3", "none")),
    "list_state": col("text", "have sales and marketing agreed on criteria and list; the same in all rows", one_of=("draft", "agreed")),
    "rank": col("int", "place by worth, 1 the most; missing without a worth above 0", null=True, unit="rank"),
    "worth": col("money", "expected within the horizon, times its margin", null=True),
    "worth_mean": col("money", "mean of its worth today and on past days, by which tiers are chosen", null=True),
    "worth_low": col("money", "lower end of the interval of what may come, times its margin", null=True),
    "worth_high": col("money", "upper end of it", null=True),
    "worth_counts": col("text", "does worth count margin, or revenue where no cost is known", one_of=("margin", "revenue")),
    "margin_rate": col("number", "share of revenue that is margin, pulled towards all accounts; 1 where worth counts revenue", null=True, unit="share"),
    "rise": col("number", "share of its worth that attention of tier 1 adds: assumed, or found", null=True, unit="share"),
    "rise_by": col("text", "id of the recorded finding it rests on; empty: assumed, so worth is likely, not persuadable", default=""),
    "in_top": col("rate", "of what may come: how often it is among as many that bring most as tiers 1 and 2 hold", null=True),
    "scorecard": col("number", "points by the agreed criteria, 0 to 100; missing where too little is known", null=True, unit="points"),
    "named_by": col("text", "which list of that length names it: by worth, by scorecard, or both", default="", one_of=("", "both", "worth only", "scorecard only")),
    "state": col("text", "what keeps it off the list", default=""),
    "marks": col("text", "what is believed of accounts that do not buy, holds here, and does not keep it off, as the past does not bear it out", default=""),
    "deals_open": col("int", "open deals", null=True, unit="count"),
    "group": col("text", "of tier 2: accounts worked together, by industry", null=True),
    "vote_sales": col("text", "last vote of sales that counts", null=True, one_of=("in", "out", "unsure")),
    "vote_marketing": col("text", "last vote of marketing that counts", null=True, one_of=("in", "out", "unsure")),
    "agreed": col("bool", "the list is agreed, and both teams want the account in tier 1 or 2; tier 3 is not voted on"),
    "tier_before": col("text", "tier in force on the day, as entered in account_tiers", one_of=("1", "2", "3", "none")),
    "change": col("text", "from the tier in force", default="", one_of=("", "enters", "up", "down", "leaves", "stays")),
    "tier_last_run": col("text", "tier that the report before proposed", null=True, one_of=("1", "2", "3", "none")),
    "because": col("text", "why that is another now", default=""),
    "waits": col("text", "what waits there, of the accounts worth most: a move or hand-over not answered, a line not offered, no talk with sales", default=""),
    "reason": col("text", "why it is on the list, or what keeps it off", default=""),
    "owner_id": col("text", "owner of the account", null=True),
    "set_on": col("date", "day of the list"),
})

WHITE_SPACE = table("05_white_space", "What each account buys of each line, what it could, and what an offer of a line it lacks is expected to bring.",
    ["account_id", "product_line"], LINE | {
    "bought_12m": col("money", "net revenue of the last 12 months; of deals won where there are no purchases"),
    "state": col("text", "does it buy the line (in 12 months), is it offered it (an open deal), did it stop, or never buy it: white space",
        one_of=("buys", "offered", "stopped", "never")),
    "alike_customers": col("int", "customers most like it, without itself", null=True, unit="count"),
    "alike_share": col("rate", "of these, who buys the line", null=True),
    "alike_low": col("money", "a year: lower end of the interval of what look-alikes that buy the line spend", null=True),
    "alike_middle": col("money", "a year: half of them spend less", null=True),
    "alike_three_quarters": col("money", "a year: a quarter of them spends more", null=True),
    "alike_high": col("money", "a year: upper end of the interval", null=True),
    "wallet_low": col("money", "a year's spend with all suppliers, at least", null=True),
    "wallet_mid": col("money", "a year's spend with all suppliers, most likely", null=True),
    "wallet_high": col("money", "a year's spend with all suppliers, at most", null=True),
    "wallet_by": col("text", "how it was estimated, or who did", null=True),
    "share_of_wallet": col("rate", "bought_12m ÷ wallet_mid, at most 1: we sold more than some wallets are estimated at", null=True),
    "share_of_wallet_low": col("rate", "bought_12m ÷ wallet_high", null=True),
    "share_of_wallet_high": col("rate", "bought_12m ÷ wallet_low", null=True),
    "chance": col("rate", "that it takes up the line within the horizon; of white space", null=True)} | SIZES | EXPECTED | {
    "fits": col("bool", "worth an offer: look-alikes buy it, and the chance is not below that of the line", null=True),
})

DECISION_STATES = table("15_decision_states",
    "What became of each decision of this report and of the one before it: one row per decision and account.",
    ["notebook", "slug", "account_id"], {
    "notebook": col("text", "number of the notebook that advises, or advised"),
    "slug": col("id", "the decision, as in decisions", matches=SLUG),
    "account_id": col("id", "account it is about; missing if about all", null=True),
    "state": col("text", "new: the report before did not propose it; gone: only that one did; else what people entered, or repeated",
        one_of=("new", "repeated", "done", "declined", "later", "gone")),
    "since": col("date", "first day from which every report proposed it, if that is known; what people entered before it no longer holds",
        null=True),
    "text": col("text", "the advice, as an order"),
})

BRIDGE = table("15_bridge", "What led from the pipeline open on one day to that of a later day.", ["step"], {
    "step": col("text", "what changed the pipeline, or its size at one end", one_of=STEPS),
    "start_day": col("date", "day at whose end the bridge begins"),
    "end_day": col("date", "day at whose end it ends"),
    "amount": col("money", "its amount; falls are negative; missing where the source has no amounts of open deals", null=True),
    "happened": col("money", "the part that happened after the first day", null=True),
    "learnt": col("money", "the part dated by the first day and not known then", null=True),
    "deals": col("int", "its deals", unit="count"),
    "deals_happened": col("int", "the part of them that happened after the first day", null=True, unit="count"),
    "deals_learnt": col("int", "the part of them dated by the first day and not known then", null=True, unit="count"),
    "deals_change": col("int", "open deals at an end, or more or fewer of them; missing where only amounts changed", null=True,
        unit="count"),
})

RESULTS = {t.name: t for t in [*globals().values()] if isinstance(t, Table)}
