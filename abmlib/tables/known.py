"""Known: a source as it was known at the end of one day. Time rules, who is the same company, and people's rights."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from abmlib.tables import identity, people, schema
from abmlib.tables.days import LONGEST_DAYS, end_of
from abmlib.tables.engine import as_view, ask, count
from abmlib.tables.kinds import cast, ibis_type, in_zone
from abmlib.tables.source import PLANNED, Source

SAME_COMPANY = "same company"  # step of the ledger
BY_DOMAIN = "e-mail domain"  # match_method of a lead found by `Known.lead_matches`
OF_THEIR_PERSON = ("activities", "web_sessions")  # rows without an account belong to that of their contact


@dataclass(frozen=True)
class Moment:
    """The day of a report, and what "known by then" means for a timestamp."""

    as_of: dt.date
    cutoff: dt.datetime  # first UTC instant after the day, without a zone, as the engine keeps timestamps
    is_latest: bool  # no fact of the source is dated later


class Known:
    """The tables of a source as known at the end of a day."""

    def __init__(
        self, source: Source, day: dt.date, latest: dt.date | None, companies: pd.DataFrame | None = None
    ) -> None:
        """Look at a source from a day.

        `latest` is the day of its newest dated fact, `companies` are those found before.
        """
        self.source = source
        self.moment = Moment(day, end_of(day, source.settings.time_zone), latest is None or day >= latest)
        self._views: dict[str, ir.Table] = {}
        if companies is not None:
            self.companies = companies

    def has(self, name: str) -> bool:
        """Say whether the source has a table."""
        return name in self.source.names

    def table(self, name: str) -> ir.Table:
        """A table as known on the day, accounts of one company as one.

        `public` adds the status, which takes long.
        """
        if name not in self._views:
            self._views[name] = self._rolled_up() if name == "accounts" else self._by_company(name)
        return self._views[name]

    def entered(self, name: str) -> ir.Table:
        """A table as known on the day, each row under its own account."""
        if (label := f"entered {name}") not in self._views:
            self._views[label] = self._keep(label, name, self._as_known(name))
        return self._views[label]

    def _keep(self, label: str, name: str, query: ir.Table) -> ir.Table:
        """Let the engine keep a query, and its rows too where they fit into memory."""
        return as_view(self.source.con, f"{label} by {self.moment.as_of}", query, keep=self.source.is_small(name))

    def plans(self, name: str) -> int:
        """Count the rows known on the day whose event lies after it; no other table or count holds them."""
        if name not in PLANNED:
            return 0
        typed = self.source.typed(name)
        ahead = typed.filter(known_by(typed, name, self.moment) & is_plan(typed, name, self.moment))
        return int(ahead.count().to_pyarrow().as_py())

    def _as_known(self, name: str) -> ir.Table:
        """The query of `entered`."""
        moment, typed = self.moment, self.source.typed(name)
        known = typed.filter(known_by(typed, name, moment) & ~is_plan(typed, name, moment))
        if not moment.is_latest:
            known = self._back_dated(known, name)
        if name == "opportunities":
            known = self._as_deals_were(known)
        for column, definition in schema.spec(name).columns.items():
            since = definition.since
            if since and definition.when == "dated":
                has_it, value = has_come(known[since], moment), known[column]
                known = known.mutate(**{column: ibis.ifelse(has_it, value, ibis.null(value.type()))})
        return known.select(list(schema.spec(name).columns))

    # -- who is the same company --------------------------------------------------------------------------------------

    @cached_property
    def same_company(self) -> pd.DataFrame:
        """Accounts known on the day that are counted with another, as `identity.companies` finds them.

        One row each: ``account_id, company_id, rule``. In every table `company_id` takes their place, and among accounts
        they are one row, in which a missing value is taken from the others. What the source merged holds on
        every date.
        """
        known = self._entered.loc[self._entered["known"], "account_id"]
        return self.companies[self.companies["account_id"].isin(known)].reset_index(drop=True)

    @cached_property
    def companies(self) -> pd.DataFrame:
        """Accounts of the source that are counted with another.

        A merge of the source holds on every date.
        """
        return identity.companies(self._entered, self.source.settings.same_company)

    @cached_property
    def _entered(self) -> pd.DataFrame:
        """Every account of the source, as `identity.companies` asks for it.

        One row each, also where an id repeats.
        """
        t = self.source.typed("accounts")
        columns = ["name", "domain", "country", "region", "parent_account_id", "is_duplicate_of", "created_at"]
        frame = t.select("account_id", *columns, known=known_by(t, "accounts", self.moment)).to_pyarrow().to_pandas()
        return frame.dropna(subset="account_id").drop_duplicates("account_id")

    @cached_property
    def lead_matches(self) -> pd.DataFrame:
        """Companies of the e-mail domains of contacts without an account.

        As `identity.leads` finds them; no domain is given.

        One row per domain: ``company_id, companies`` (that have it), ``contacts`` (leads that have it). Where ``same_company``
        of ``workbook.yml`` does not name the domain, there is none.
        """
        return self._led_by.drop(columns="email_domain")

    @cached_property
    def _led_by(self) -> pd.DataFrame:
        """The same with ``email_domain``, which may be a person's own."""
        columns = ["email_domain", "company_id", "companies", "contacts"]
        if not self.has("contacts") or "domain" not in self.source.settings.same_company:
            return pd.DataFrame({c: pd.Series(dtype="str" if c in columns[:2] else int) for c in columns})
        c = self.entered("contacts")
        c = c.filter(c.account_id.isnull() & c.email_domain.notnull())
        domains = c.group_by("email_domain").agg(contacts=c.count()).order_by("email_domain").to_pyarrow().to_pandas()
        accounts = self._entered.query("known")
        company_of = self.companies.set_index("account_id")["company_id"]
        accounts = accounts.assign(company_id=accounts["account_id"].replace(company_of))
        matched = identity.leads(domains["email_domain"].astype("str"), accounts)
        return matched.assign(contacts=domains["contacts"].to_numpy())

    def _lookup(self, what: str, frame: pd.DataFrame) -> ir.Table | None:
        """A small table for the engine to look things up in.

        None where it has no row.
        """
        if frame.empty:
            return None
        return self.source.con.create_table(f"{what} by {self.moment.as_of}", frame, temp=True, overwrite=True)

    @cached_property
    def _moved(self) -> ir.Table | None:
        """One row per account counted with another: ``_from``, ``_to``."""
        pairs = self.companies[["account_id", "company_id"]]
        return self._lookup("same company", pairs.set_axis(["_from", "_to"], axis=1))

    @cached_property
    def _led(self) -> ir.Table | None:
        """One row per e-mail domain that is a company's: ``_domain``, ``_company``."""
        pairs = self._led_by.dropna(subset="company_id")[["email_domain", "company_id"]]
        return self._lookup("leads", pairs.set_axis(["_domain", "_company"], axis=1))

    def _rolled_up(self) -> ir.Table:
        """Accounts as known on the day, one row per company.

        A value its first row lacks is taken from the others.
        """
        known = self.entered("accounts")
        if (moved := self._moved) is None:
            return known
        accounts = known.left_join(moved, known.account_id == moved["_from"])
        accounts = accounts.mutate(_unit=ibis.coalesce(accounts["_to"], accounts.account_id)).drop("_from", "_to")
        several = moved.select(_several=moved["_to"]).distinct()
        accounts = accounts.left_join(several, accounts["_unit"] == several["_several"])
        parts, columns = accounts.filter(accounts["_several"].notnull()), list(schema.spec("accounts").columns)
        order = [(parts.account_id == parts["_unit"]).desc(), parts.created_at, parts.account_id]
        others = [c for c in columns if c not in ("account_id", "is_duplicate_of", "created_at")]
        taken = {c: parts[c].first(where=parts[c].notnull(), order_by=order) for c in others}
        one = parts.group_by("_unit").agg(created_at=parts.created_at.min(), **taken)
        one = one.mutate(account_id=one["_unit"], is_duplicate_of=ibis.null("string")).select(columns)
        whole = ibis.union(accounts.filter(accounts["_several"].isnull()).select(columns), one)
        parent = whole.left_join(moved, whole.parent_account_id == moved["_from"])
        owner = ibis.coalesce(parent["_to"], parent.parent_account_id)
        accounts = parent.mutate(parent_account_id=owner.nullif(parent.account_id)).select(columns)
        return self._keep("accounts", "accounts", accounts)

    def _by_company(self, name: str) -> ir.Table:
        """A table as known on the day, each row with its company.

        Of rows that then have one key, the first stays.
        """
        entered = known = self.entered(name)
        columns = list(schema.spec(name).columns)
        for column in _accounts_of(name):
            if (moved := self._moved) is None:
                break
            same = [known[column] == moved["_from"]]
            same += [known["table"] == "accounts"] if name == "attributes" else []
            joined = known.left_join(moved, same)
            changed = {column: ibis.coalesce(joined["_to"], joined[column])}
            if column in schema.key(name):
                changed["_first"] = joined["_from"].isnull()
            known = joined.mutate(**changed).drop("_from", "_to")
        if "_first" in known.columns:
            order = [known["_first"].desc(), *(known[c] for c in columns if c not in schema.key(name))]
            nth = ibis.row_number().over(group_by=schema.key(name), order_by=order)
            known = known.mutate(_nth=nth).filter(ibis._["_nth"] == 0)
        if name == "contacts" and (led := self._led) is not None:
            joined = known.left_join(led, (known.email_domain == led["_domain"]) & known.account_id.isnull())
            how = ibis.ifelse(joined["_company"].notnull(), BY_DOMAIN, joined.match_method)
            known = joined.mutate(account_id=ibis.coalesce(joined.account_id, joined["_company"]), match_method=how)
        if name in OF_THEIR_PERSON and self.has("contacts") and self._lacks_account(name):
            c = self.table("contacts")
            c = c.filter(c.account_id.notnull()).select(_who=c.contact_id, _where=c.account_id)
            joined = known.left_join(c, (known.contact_id == c["_who"]) & known.account_id.isnull())
            known = joined.mutate(account_id=ibis.coalesce(joined.account_id, joined["_where"]))
        return entered if known is entered else self._keep(name, name, known.select(columns))

    def _lacks_account(self, name: str) -> bool:
        """Say whether a row of a person has no account."""
        orphans = "WHERE account_id IS NULL AND contact_id IS NOT NULL LIMIT 1"
        return ask(self.entered(name), "1", orphans).fetchone() is not None

    def merged(self, name: str, rows: int) -> tuple[int, str]:
        """How many rows are left by company, and a note for the ledger.

        The note is empty where nothing changed.
        """
        if name == "accounts" and len(self.same_company):
            rules = self.same_company["rule"].value_counts().sort_index()
            by_rule = ", ".join(f"{n} {rule}" for rule, n in rules.items())
            return count(self.table(name)), f"counted with another account of the same company: {by_rule}"
        if name == "contacts" and len(leads := self.lead_matches):
            matched, several = leads["company_id"].notna(), leads["companies"] > 1
            found, unclear = (int(leads.loc[which, "contacts"].sum()) for which in (matched, several & ~matched))
            more = f"; the domain of {unclear} belongs to several" if unclear else ""
            every = int(leads["contacts"].sum())
            return rows, f"{found} of {every} leads without an account matched by e-mail domain{more}"
        if name in OF_THEIR_PERSON and (before := count(self.entered(name), "account_id")) < rows:
            put = count(self.table(name), "account_id") - before
            return rows, f"{put} rows without an account put under that of their contact" if put else ""
        if self._moved is not None and {*_accounts_of(name)} & {*schema.key(name)}:
            after = count(self.table(name))
            return after, f"{rows - after} rows had the key of another row of the same company" if after < rows else ""
        return rows, ""

    def public(self, name: str) -> ir.Table:
        """A table as known on the day, with derived columns and stand-ins.

        Names of people are there.

        Who has opted out since, whenever that was, keeps every row, in all tables under one stand-in for the contact_id, and has
        no name, e-mail or title.
        """
        known, columns, about = self.table(name), list(schema.spec(name).columns), people.ABOUT.get(name)
        if name == "accounts":
            known = self._with_status(known)
        if (opted := self.source.opted_out) is not None:
            for person in ["row_id"] if about else schema.persons(name):
                theirs = [known[person] == opted["_person"]]
                known = known.left_join(opted, [*theirs, known[about[0]].isin(about[1])] if about else theirs)
                opted_out = known["_stand_in"].notnull()
                hidden = ["value"] if about else people.HIDDEN if name == "contacts" else schema.personal(name)
                values: dict[str, Any] = {c: ibis.ifelse(opted_out, ibis.null("string"), known[c]) for c in hidden}
                values |= {"opted_out": opted_out} if name == "contacts" else {}
                values[person] = ibis.coalesce(known["_stand_in"], known[person])
                known = known.mutate(**values).select(columns)
        return known.select(columns)

    def _back_dated(self, known: ir.Table, name: str) -> ir.Table:
        """Make values that are known as they are now missing on an earlier day, or give them their default.

        They stay where they were entered, or are dated by a day or by attribute_history. So do opt-outs here, as the day knew
        them; whoever is shown has the newest (`public`).
        """
        (key, *more) = schema.key(name)
        for column, definition in schema.spec(name).columns.items():
            if definition.when not in ("current_only", "latest"):
                continue
            kind, default = definition.kind, definition.default
            value = ibis.null(ibis_type(kind)) if default is None else ibis.literal(default, type=ibis_type(kind))
            if since := definition.since:
                value = ibis.ifelse(has_come(known[since], self.moment), known[column], value)
            if name in schema.PROGRAMME:  # an entry says what held when it was entered
                value = ibis.ifelse(known.entered_by == schema.SOURCE, value, known[column])
            if more or not self.has("attribute_history"):
                known = known.mutate(**{column: value})
                continue
            past = self.table("attribute_history")
            past = past.filter((past["table"] == name) & (past.field == column))
            past = past.group_by("row_id").agg(_past=past.value.argmax(past.known_from))
            known = known.left_join(past, known[key] == past.row_id).drop("row_id")
            known = known.mutate(**{column: ibis.coalesce(cast(known["_past"], kind), value)}).drop("_past")
        return known

    def _as_deals_were(self, deals: ir.Table) -> ir.Table:
        """Rebuild stage, amount, closing day and probability of deals as they were; undo later closings.

        A closing `LONGEST_DAYS` ahead is none of a day: the deal counts as closed without one. Such a deal is left out on an
        earlier day, when nobody knows whether it was open, unless its history says more.
        """
        cutoff = ibis.literal(self.moment.cutoff)
        possible = deals.closed_at < ibis.literal(self.moment.cutoff + dt.timedelta(days=LONGEST_DAYS))
        nobody_knows = ibis.null(deals.closed_at.type())
        deals = deals.mutate(closed_at=ibis.ifelse(possible, deals.closed_at, nobody_knows))
        if not self.moment.is_latest:
            said = ~deals.is_closed.fill_null(False) | deals.closed_at.notnull()
            if self.has("opportunity_stage_history"):
                said |= deals.opportunity_id.isin(self.table("opportunity_stage_history").opportunity_id)
            deals = deals.filter(said)
        undated = deals.closed_at.isnull() & self.moment.is_latest
        own = ((deals.closed_at < cutoff) | undated).fill_null(False) & deals.is_closed
        deals = deals.mutate(_own=own, _won=deals.is_won, _closed=own, _since=deals.closed_at)
        if not self.moment.is_latest:
            deals = self._from_history(deals, ["stage", "amount", "close_date", "probability"])
        own, reasons = deals["_own"], ("loss_reason", "win_reason")
        ends = {
            "is_won": deals["_won"],
            "closed_at": deals["_since"],
            **{n: own.ifelse(deals[n], None) for n in reasons},
        }
        ended = {n: ibis.ifelse(deals["_closed"], value, ibis.null(value.type())) for n, value in ends.items()}
        return deals.mutate(stage=deals.stage.fill_null("unknown"), is_closed=deals["_closed"], **ended)

    def _from_history(self, deals: ir.Table, changing: list[str]) -> ir.Table:
        """Take the last known value of each changing column; a deal closed by then keeps its own.

        Where the history of a deal holds a stage of closed deals, it says whether the deal was closed on the day, and how: the
        deal may have been reopened since, or closed otherwise.
        """
        past = {c: ibis.null(deals[c].type()) for c in changing}
        if self.has("opportunity_stage_history"):
            h = self.table("opportunity_stage_history")
            order = {"group_by": h.opportunity_id, "order_by": [h.entered_at, h.seq]}
            h = h.mutate(_n=ibis.row_number().over(**order), _before=h.stage.lag().over(**order))
            moved = h["_before"].isnull() | (h["_before"] != h.stage)
            latest = {f"_{c}": h[c].argmax(h["_n"], where=h[c].notnull()) for c in changing}
            last = h.group_by("opportunity_id").agg(_moved=h.entered_at.max(where=moved), **latest)
            last = last.rename(_deal="opportunity_id")
            deals = deals.left_join(last, deals.opportunity_id == last["_deal"]).drop("_deal")
            past = {c: deals[f"_{c}"] for c in changing}
            if closing := self.source.closing_stages:
                every = self.source.typed("opportunity_stage_history")
                told = every.filter(every.stage.isin([*closing])).select(_told=every.opportunity_id).distinct()
                deals = deals.left_join(told, deals.opportunity_id == told["_told"])
                then = past["stage"]
                told = deals["_told"].notnull() & then.notnull()
                own = deals["_own"] & (~told | (then == deals.stage)).fill_null(False)
                won = then.isin([stage for stage, is_won in closing.items() if is_won])
                deals = deals.mutate(
                    _own=own,
                    _closed=own | (told & then.isin([*closing])),
                    _won=ibis.ifelse(own, deals["_won"], won),
                    _since=ibis.ifelse(own, deals["_since"], deals["_moved"]),
                )
        return deals.mutate(**{c: ibis.ifelse(deals["_own"], deals[c], past[c]) for c in changing})

    def _with_status(self, accounts: ir.Table) -> ir.Table:
        """Derive status and first_won_at from purchases and won deals known on the day."""
        facts, settings = [], self.source.settings
        if self.has("transactions"):
            t = self.table("transactions")
            end = ibis.greatest(t.booked_at, ibis.coalesce(t.period_end, t.booked_at))
            days = t.group_by("account_id").agg(at=t.booked_at.min(), until=end.max())
            zone, clock = settings.time_zone, {c: days[c].cast("timestamp") for c in ("at", "until")}
            facts.append(days.mutate(**{c: in_zone(zone, day).cast("timestamp") for c, day in clock.items()}))
        if self.has("opportunities"):
            o = self.table("opportunities")
            o = o.filter(o.is_won & o.closed_at.notnull())
            facts.append(o.select("account_id", at=o.closed_at, until=o.closed_at))
        accounts = accounts.drop("status", "first_won_at")
        if not facts:
            return accounts.mutate(status=ibis.literal("prospect"), first_won_at=ibis.null("timestamp"))
        f = ibis.union(*facts) if len(facts) > 1 else facts[0]
        f = f.group_by("account_id").agg(first_won_at=f["at"].min(), _until=f.until.max()).rename(_who="account_id")
        joined = accounts.left_join(f, accounts.account_id == f["_who"])
        left = end_of(self.moment.as_of - dt.timedelta(days=settings.former_after_days + 1), settings.time_zone)
        is_former = joined["_until"] < ibis.literal(left)
        status = ibis.cases((joined.first_won_at.isnull(), "prospect"), (is_former, "former"), else_="customer")
        return joined.mutate(status=status)


def _accounts_of(name: str) -> list[str]:
    """The columns of a table that hold an account's id; of attributes the rows about accounts do."""
    return ["row_id"] if name == "attributes" else schema.companies(name)


def has_come(when: ir.Value, moment: Moment) -> ir.BooleanValue:
    """Say where a day or time had come by the end of the day.

    A missing one had not.
    """
    until = when <= ibis.literal(moment.as_of) if when.type().is_date() else when < ibis.literal(moment.cutoff)
    return until.fill_null(False)


def is_plan(t: ir.Table, name: str, moment: Moment) -> ir.BooleanValue:
    """Say which rows lie after the day, such as a meeting booked for next week or an invoice dated ahead."""
    when = t[str(schema.spec(name).known)] if name in PLANNED else None
    return ibis.literal(False) if when is None else when.notnull() & ~has_come(when, moment)


def known_by(t: ir.Table, name: str, moment: Moment) -> ir.BooleanValue:
    """Say which rows were known at the end of the day.

    A row without a date is known on the latest day only; a closed deal without an opening day since it was closed.
    """
    known = schema.spec(name).known
    if known is None:
        return ibis.literal(True)
    event = t[known].fill_null(t.closed_at) if name == "opportunities" else t[known]
    by_event = has_come(event, moment) | (event.isnull() & moment.is_latest)
    return ibis.ifelse(t.known_at.isnull(), by_event, t.known_at < ibis.literal(moment.cutoff))
