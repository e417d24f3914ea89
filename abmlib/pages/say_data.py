"""Sentences of the page on account data: whom it can judge, what is left out, what to correct."""

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from abmlib.pages.say import Words, count, day, joined, named, one_line, share, words

CHANGING = {
    "stage": "stage",
    "amount": "amount",
    "close_date": "closing day",
    "probability": "probability",
}  # of a deal
NO_PAST = (  # what a history of deals is exported for
    "the pipeline of a past day, moved stages and postponed deals cannot be shown. Export the history of deals "
    "(Salesforce: OpportunityHistory; HubSpot: deal property history)."
)
JUDGED = ("customer", "prospect")  # statuses in which people are sought
HALF = 0.5  # share of contacts with a role, below which roles count as not entered
FIELDS = {"org_type": "type of organisation", "tech_stack": "technology used"}  # of accounts, as readers say them
ENDED = ("former customers", "lost deals", "people who left")  # without them, the past looks better than it was
RECORDS = {  # measures that name what is wrong, and what they count
    "unmatched_share_of_contacts": ("contact", "contacts"),
    "unmatched_share_of_opportunities": ("deal", "deals"),
    "unmatched_share_of_activities": ("activity", "activities"),
    "unmatched_share_of_web_sessions": ("web session", "web sessions"),
    (TWICE := "accounts_nearly_alike"): ("account", "accounts"),
}


def can_judge(counts: pd.DataFrame, min_records: int, stale_days: int) -> str:
    """Say how many accounts can be judged, by status, and what the others lack.

    Parameters
    ----------
    counts : accounts by status and verdict, of `data_quality.verdict_counts`
    """
    total, usable = counts.sum(axis=1), counts["usable"]
    whom = joined([_of(int(usable[s]), int(total[s]), _people(str(s))) for s in counts.index])
    lack = f"fewer than {count(min_records, 'record')}, or none of the last {count(stale_days, 'day')}"
    others = f"; the others have {lack}" if usable.any() else f": they have {lack}"
    return f"We can judge {whom}{others * bool(usable.sum() < total.sum())}."


def _of(part: int, whole: int, noun: str) -> str:
    """Count a part of a whole."""
    share_of = {whole: "all", 0: "none of"} if whole > 1 else {}
    return f"{share_of.get(part, f'{part:,} of')} {count(whole, noun)}"


def _people(status: str) -> str:
    """What an account of a status is called."""
    return "former customer" if status == "former" else status


def soundness(checks: int, broken: int, left_out: int, newest: pd.Timestamp, as_of: pd.Timestamp) -> str:
    """Say whether the checks hold, how many rows are left out, and how new the newest record is.

    Parameters
    ----------
    newest : day of the newest record of an account; missing where none is dated
    """
    whole = count(checks, "check")
    holds = f"{broken:,} of {whole} {_be(broken)} broken" if broken else f"All {whole} hold"
    lost = f"{count(left_out, 'row')} of the export {_be(left_out)} left out" if left_out else "no row is left out"
    age = 0 if pd.isna(newest) else (as_of - newest).days
    old = f" ({count(age, 'day')} before this report)" if age else ""
    dated = "no record is dated" if pd.isna(newest) else f"the newest record is of {day(newest)}{old}"
    return f"{holds}, {lost}, and {dated}."


def _be(n: int) -> str:
    """The verb of a count."""
    return "is" if n == 1 else "are"


def _have(n: int) -> str:
    """The verb of a count."""
    return "has" if n == 1 else "have"


def silent(statuses: Iterable[str]) -> str:
    """Order to ask about accounts without recent records, by what they are."""
    whom = joined([f"{_people(status)}s" for status in sorted(set(statuses))])
    return f"Find out what happened to {whom} without recent records"


def in_words(names: str) -> str:
    """Name tables, and columns given as table.column, as readers say them.

    Parameters
    ----------
    names : joined by commas

    Examples
    --------
    >>> in_words("account_tiers, transactions.cogs")
    'account tiers, cost in transactions'
    """
    parts = [" in ".join(reversed(name.split("."))) for name in names.split(", ")]
    return ", ".join(parts).replace("cogs", "cost").replace("_", " ")


def limits(
    lacking: int, customers: int, floor: float, matched: pd.DataFrame, past_stages: pd.DataFrame, pages: str = ""
) -> str:
    """Say what limits the later pages; empty where nothing does.

    Parameters
    ----------
    lacking : customers reached in a smaller share of the roles than `floor`
    matched : DataFrame of `data_quality.match_rates`
    past_stages : row of ``measures``, of `data_quality.stage_history_row`
    pages : of `unanswered`
    """
    known, deals = past_stages[["value", "n"]].iloc[0]
    without = 0 if pd.isna(known) else round((1 - known) * deals)
    undated = f"{without:,} of {count(int(deals), 'deal')} {_have(without)}" if without < deals else "the deals have"
    parts = [
        pages.removesuffix("."),
        f"{lacking:,} of {count(customers, 'customer')} can be reached in less than {floor:.0%} of the roles needed"
        * bool(lacking),
        *_unmatched(matched),
        f"{undated} no stage history" * bool(without),
    ]
    return f"This limits the later pages: {'; '.join(filter(None, parts))}." if any(parts) else ""


def to_compare(deals: pd.DataFrame, currency: str) -> str:
    """Say how many deals were won, lost or are open, with their sums, to be compared with the CRM; empty without a deal.

    Parameters
    ----------
    deals : DataFrame ``is_closed, is_won, amount`` (the last two may be absent)
    """
    if deals.empty:
        return ""
    deals = deals.reindex(columns=["is_closed", "is_won", "amount"]).astype({"is_won": "boolean"})
    state = deals["is_won"].map({True: "won", False: "lost"}).fillna("closed without a result")
    state = state.where(deals["is_closed"].astype(bool), "open")
    sums = deals["amount"].groupby(state).sum(min_count=1)
    counts = state.value_counts().reindex(["won", "lost", "open", "closed without a result"]).dropna().astype(int)
    code = f" {currency}" * (len(currency) == 3)  # else none is named
    each = [f"{n:,} {s}" + f" ({sums[s]:,.0f}{code})" * bool(pd.notna(sums[s])) for s, n in counts.items()]
    return f"Deals: {', '.join(each)}. Compare these counts and sums with your CRM first."


def unknown_past(lacking: pd.Series, deals: int, as_of: pd.Timestamp, is_latest: bool) -> str:
    """Say what of past days no report can show, and what to export for it; empty where all is known.

    Parameters
    ----------
    lacking : deals by what is not known, of `data_quality.unknown_past`
    deals : all of them
    """
    fields = lacking.reindex([*CHANGING]).dropna()
    fields = fields[fields > 0].astype(int)
    same = fields.index.to_series().map(CHANGING).groupby(fields, sort=False).agg(lambda c: joined([*c]))
    of = [f"the {what} of {n:,} of {count(deals, 'deal')}" for n, what in same.items()]
    when = f"on days before {day(as_of)}" if is_latest else "on this day and before"
    undated, closed, won = (int(lacking[c]) for c in ("created_at", "closed_at", "won"))
    said = [
        f"The data does not say {joined(of)} {when}, while they were open: {NO_PAST}" * bool(of),
        "A report of the newest day knows those of today: run it without an earlier day."
        * (bool(of) and not is_latest),
        f"{count(undated, 'deal')} without an opening or closing day {'is' if undated == 1 else 'are'} in no report of an earlier day."
        * bool(undated),
        f"{count(closed, 'closed deal')} ({won:,} won) without a closing day {'is' if closed == 1 else 'are'} in no win rate, "
        "in no quarter and in no report of an earlier day." * bool(closed),
    ]
    return " ".join(filter(None, said))


def _unmatched(matched: pd.DataFrame) -> list[str]:
    """Say which records belong to no account, and which accounts may be entered twice, a phrase each."""
    found = matched[(matched["rows"] > 0) & matched["definition_id"].isin(list(RECORDS))]
    part = {
        r.definition_id: f"{r.rows:,} of {count(int(r.n), *RECORDS[str(r.definition_id)])}" for r in found.itertuples()
    }
    twice = part.pop(TWICE, "")
    one = found.loc[found["definition_id"] != TWICE, "rows"].sum() == 1
    phrases = [f"{joined([*part.values()])} {'belongs' if one else 'belong'} to no account" * bool(part)]
    return [*filter(None, [*phrases, f"{twice} may be entered twice" * bool(twice)])]


def unanswered(answers: pd.DataFrame) -> str:
    """Say how many pages of the workbook cannot be made, and for lack of which data; empty where none is lacking.

    Parameters
    ----------
    answers : DataFrame of `data_quality.answerable`
    """
    here = answers[answers["built"] == "yes"]
    lacking = here.loc[here["answer"] == "no", "needed"]
    wanted = sorted({in_words(name) for needed in lacking for name in needed.split(", ")})
    pages = f"{len(lacking):,} of {count(len(here), 'page')} cannot be made"
    return f"{pages}, as this data has no {joined(wanted)}." if wanted else ""


def checks(run: int, lines: Sequence[str]) -> Words:
    """Say which load-time checks are broken, a line each; nothing where all hold."""
    return words(f"{len(lines):,} of {count(run, 'check')} {_be(len(lines))} broken", *lines) if lines else words()


def too_little(counts: pd.DataFrame) -> Words:
    """Say how many accounts have too little data, by status, the most first.

    Parameters
    ----------
    counts : accounts by status and verdict, of `data_quality.verdict_counts`
    """
    total, weak = int(counts.to_numpy().sum()), (counts.sum(axis=1) - counts["usable"]).sort_values(ascending=False)
    if not weak.any():
        return words(f"We can judge {_of(total, total, 'account')}")
    each = joined([count(int(n), _people(str(status))) for status, n in weak.items() if n])
    return words(f"{int(weak.sum()):,} of {count(total, 'account')} {_have(int(weak.sum()))} too little data: {each}")


def silent_owners(sellers: pd.DataFrame) -> str:
    """Say how many sellers with open deals opened or closed none of late, so that the newest deal tells nothing of theirs.

    Empty where none is silent.

    Parameters
    ----------
    sellers : DataFrame of `sellers.silent`
    """
    quiet, held = sellers[sellers["silent"]], sellers["open_deals"].sum()
    if quiet.empty:
        return ""
    whose = f"{len(quiet):,} of {count(len(sellers), 'seller')} with open deals opened or closed none in 90 days"
    return f"{whose}, and hold {quiet['open_deals'].sum():,} of {count(int(held), 'open deal')}: {named(quiet['owner_id'])}."


def freshness(facts: pd.DataFrame, days: int) -> Words:
    """Say which tables have no row of the last days.

    Parameters
    ----------
    facts : rows of `data_quality.freshness`
    """
    old, month = facts[facts["days_old"] > days], f"record of the last {count(days, 'day')}"
    if facts.empty:
        return words()
    if len(old) == len(facts):
        return words(f"There is no {month}: the newest is {count(int(old['days_old'].min()), 'day')} old")
    if old.empty:
        one = f"There are {month.replace('record', 'records')}"
        return words(f"Every table has a {month}" if len(facts) > 1 else one)
    which = named([f"{str(r.table).replace('_', ' ')} ({r.days_old:,.0f} days old)" for r in old.itertuples()])
    return words(f"{len(old):,} of {count(len(facts), 'table')} {_have(len(old))} no {month}: {which}")


def roles(rows: pd.DataFrame) -> Words:
    """Say in which share of the roles needed customers and prospects can be reached.

    Parameters
    ----------
    rows : rows of ``measures``, of `data_quality.role_rows`
    """
    known = rows[rows["value"].notna()].set_index("definition_id")["value"]
    if (bare := known.get("contacts_without_role", 0)) > HALF:
        return words(
            f"Roles are not entered: {share(bare)} of the contacts have none, so nobody can say whom we reach in a role"
        )
    each = [(status, known.get(f"role_coverage_of_{status}s_mean")) for status in JUDGED]
    parts = [f"{status}s in {share(value)}" for status, value in each if value is not None]
    if not parts:
        return words()
    return words(", ".join([f"We can reach {parts[0]} of the roles a play needs", *parts[1:]]))


def hardest_to_reach(reached: pd.DataFrame) -> str:
    """Say which role is reached at the smallest share of accounts.

    Parameters
    ----------
    reached : one or more rows of `data_quality.roles_reached`
    """
    least = reached.loc[reached["share"].idxmin()]
    role = str(least["role"]).replace("_", " ")
    return f"Hardest to reach: the {role}, at {share(least['share'])} of {least['status']}s"


def matching(matched: pd.DataFrame) -> Words:
    """Say which records belong to no account, and how many accounts may be entered twice; empty where neither can be.

    Parameters
    ----------
    matched : DataFrame of `data_quality.match_rates`
    """
    said = "; ".join(_unmatched(matched))
    there = matched.loc[(matched["n"] > 0) & (matched["definition_id"] != TWICE), "definition_id"]
    whole = joined([RECORDS[name][0] for name in there if name in RECORDS])
    return words(said[:1].upper() + said[1:] or f"Every {whole} belongs to an account" * bool(whole))


def completeness(table: pd.DataFrame, fields: Collection[str], cold: pd.DataFrame, lacking: pd.Series) -> Words:
    """Say which field is filled least, by status, which data no account has, and what stands in where nothing was bought.

    Parameters
    ----------
    table : DataFrame of `missingness.completeness`
    fields : kinds of data in it that describe an account
    cold : rows of ``measures``, of `missingness.cold_start_rows`
    lacking : prospects without a value, by field that customers like them are found by
    """
    best = table.groupby("kind")["share"].max()
    none, described = [k for k in table["kind"].unique() if best[k] == 0], table[table["kind"].isin(fields)]
    least = described[described["share"].between(0, 1, inclusive="neither")].sort_values("share", kind="stable")
    least = least.drop_duplicates("status")
    whom = [f"{_people(str(r.status))}s {share(r.share)}" for r in least.itertuples()]
    each = pd.Series(whom, least.index, dtype=object).groupby(least["kind"], sort=False)
    parts = [f"{kind} ({', '.join(shares)})" for kind, shares in each]
    said = [
        f"Filled least: {joined(parts)}" * bool(parts),
        f"No account has {joined(none)}" * bool(none),
        *_cold(cold.set_index("definition_id"), lacking),
    ]
    first, *more = [line for line in said if line] or [""]
    return words(first, *(f"{line}." for line in more))


def _cold(rows: pd.DataFrame, lacking: pd.Series) -> list[str]:
    """Say for how many accounts that never bought there are customers like them, and how well these foretell what is bought."""
    n, known = int(rows["n"].iloc[1]), rows["value"].iloc[1]
    if not n or pd.isna(known):
        return []
    gaps = [f"{field(name)} of {k:,}" for name, k in lacking.items() if k]
    fill = f": fill in {joined(gaps)} to look for more" if gaps and known < 1 else ""
    alike, plain = rows.loc["line_foretold_by_alike"], rows.loc["line_foretold_by_all"]
    tried = (
        f"Tried on {count(int(alike['n']), 'customer')}: {share(alike['value'])} bought the line that most customers like them buy, "
        f"{share(plain['value'])} the line that most of all customers buy"
        f"{', so customers like them foretell no better' * bool(alike['value'] <= plain['value'])}"
    )
    return [
        f"{count(n, 'account')} {_have(n)} never bought, so nothing of their own shows how they buy; "
        f"for {round(known * n) or 'none'} of them five customers or more of their industry and size can show it{fill}",
        tried * bool(alike["n"]),
    ]


def buying_groups(rows: pd.DataFrame, known: float) -> Words:
    """Say at how many accounts with an open deal we reach every role needed, and which role lacks most; nothing without one.

    Parameters
    ----------
    rows : rows of ``measures``, of `buying_groups.group_rows`
    known : share of contacts whose role is known
    """
    whole = rows.iloc[0]
    if pd.isna(whole["value"]):
        return words()
    if known < HALF:
        return words(
            f"Nobody can say whether buying groups are whole: only {share(known)} of the contacts have a part in buying entered"
        )
    n, k = int(whole["n"]), round(whole["value"] * whole["n"])
    between = f"{share(whole['low'])} to {share(whole['high'])}"
    said = f"At {k:,} of {count(n, 'account')} with an open deal ({share(whole['value'])}, 95% interval {between}) "
    said += "we can reach a person in every role needed"
    roles_ = rows.iloc[1:].sort_values("value", kind="stable")
    least = roles_.iloc[0]
    role, lacks = str(least["group"]).replace("_", " "), round((1 - least["value"]) * least["n"])
    return words(said + f"; the {role} is missing most, at {lacks:,}" * bool(lacks))


def buying_map(groups: pd.DataFrame, deals: pd.DataFrame, names: pd.Series, required: Sequence[str]) -> pd.DataFrame:
    """Lay buying groups out one row per account and one column per role: people we reach of those known, and their level.

    Parameters
    ----------
    groups : DataFrame to the spec of ``00_buying_groups``
    deals : DataFrame, indexed by account id in the order wanted: ``open_amount``
    names : name by account id
    required : roles a play needs; the newest touch of anybody in one of them has a column
    """
    rows = groups[groups["account_id"].isin(deals.index)]
    text = [
        "nobody" if not r.people else f"{r.reachable} of {r.people}" + ", senior" * bool(r.senior)
        for r in rows.itertuples()
    ]
    rows = rows.assign(text=text, words=rows["role"].str.replace("_", " "))
    needed = rows[rows["role"].isin(required)]
    wide = needed.pivot(index="account_id", columns="role", values="text").reindex(deals.index, columns=list(required))
    wide.columns = [role.replace("_", " ").capitalize() for role in required]
    newest = needed.groupby("account_id")["last_touch"].max().reindex(deals.index)
    in_order = rows[rows["missing"]].sort_values("role", key=lambda role: role.map([*required].index), kind="stable")
    gaps = in_order.groupby("account_id")["words"].agg(", ".join).reindex(deals.index)
    first = pd.DataFrame(
        {"account_name": names.reindex(deals.index), "open_amount": deals["open_amount"], "missing_roles": gaps}
    )
    return first.join(wide).assign(**{"Last touch by them": newest}).reset_index(drop=True)


def sources(systems: pd.DataFrame, fields: pd.DataFrame) -> Words:
    """Say which source of data about accounts is oldest, and which field nobody has looked at for longest.

    Parameters
    ----------
    systems : DataFrame of `resources.by_source`
    fields : DataFrame of `resources.field_ages`
    """
    said, dated = [], systems.dropna(subset="days_old")
    if len(dated):
        old = dated.loc[dated["days_old"].idxmax()]
        said.append(
            f"{count(len(systems), 'source describes', 'sources describe')} accounts; "
            f"{'silent longest: ' * (len(systems) > 1)}{one_line(old['source'])} "
            f"({field(old['table'])}), its newest row is {count(int(old['days_old']), 'day')} old"
        )
    if len(fields):
        old = fields.loc[fields["median_days"].idxmax()]
        said.append(
            f"Longest unchanged: {field(old['field'])} of {old['table']}, {old['median_days']:,.0f} days in the median."
        )
    return words(*said)


def field(name: object) -> str:
    """Name of a field as readers say it."""
    return FIELDS.get(str(name), str(name).removesuffix("_id").replace("_", " "))


def ended(deleted: Sequence[str], held: Iterable[str]) -> Words:
    """Say whether the source keeps what ended.

    Parameters
    ----------
    deleted : of `missingness.possibly_deleted`
    held : what there is, in the words of `missingness.survivorship`
    """
    if deleted:
        return words(f"There are no {joined(deleted)} in this data: the CRM may delete them")
    kept = [name for name in (what.partition(",")[0] for what in held) if name in ENDED]
    return words(f"The CRM keeps {joined(kept)}" * bool(kept))


def gaps(fields: Sequence[str], buyers: int, accounts: int, too_early: bool) -> str:
    """Say which gaps are related to later buying; empty where no account could buy since."""
    if not accounts:
        return ""
    whom = f"Of {count(accounts, 'account')} that had not bought a year ago, {buyers:,} bought since"
    if too_early:
        return f"{whom}: too few, on one side, to say whether gaps are related to buying."
    if not fields:
        return f"{whom}. No gap is related to buying, as far as so many accounts can tell."
    return f"{whom}. Gaps are related to buying in: {joined([field(f) for f in fields])}. Keep these gaps out of every model."


def evidence(states: pd.Series) -> str:
    """Say how many claims have a test in this workbook.

    Parameters
    ----------
    states : Series of the states of `catalogue.claims`
    """
    kinds = states.str.split().str[0].value_counts()
    return (
        f"Of {len(states)} claims {kinds.get('test', 0)} have a test in this workbook (its page says if the data are enough); "
        f"{kinds.get('later:', 0)} wait for a later page or test, and {kinds.get('on', 0)} cannot be tested on one company's data."
    )
