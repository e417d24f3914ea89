"""Fictional companies: names, web addresses and what a register would say of them."""

import numpy as np
import pandas as pd

from abmlib.market.chance import choose, pick

ONSETS = (
    "Al", "An", "Ar", "Bel", "Bor", "Bri", "Cal", "Cas", "Cor", "Dal", "Del", "Dor", "El", "Em", "Fal", "Fen", "Fir",
    "Gal", "Gor", "Hal", "Hel", "Il", "Jan", "Jor", "Kal", "Kel", "Kor", "Lam", "Len", "Lor", "Mal", "Mer", "Mon",
    "Nal", "Nor", "Ol", "Or", "Pal", "Per", "Quin", "Ral", "Ros", "Sal", "Ser", "Tal", "Tor", "Ul", "Val", "Ver", "Wel",
)  # fmt: skip
MIDDLES = (
    "a", "ba", "da", "de", "di", "e", "ga", "i", "la", "le", "ma", "mi", "na", "no", "ra", "ri", "ta", "ti", "va", "vi",
)  # fmt: skip
ENDINGS = (
    "berg", "borg", "brook", "cay", "crest", "dale", "den", "field", "ford", "gard", "gate", "grove", "ham", "haven",
    "holm", "hurst", "land", "leigh", "lin", "mark", "mere", "mond", "mont", "more", "nau", "ness", "nor", "quay",
    "rand", "ridge", "sen", "shaw", "stad", "stead", "stone", "ton", "vale", "vik", "wick", "worth",
)  # fmt: skip
TRADES = {
    "construction": ("Construction", "Builders", "Civil Works", "Roofing", "Interiors"),
    "finance": ("Bank", "Insurance", "Leasing", "Capital", "Pensions"),
    "health care": ("Clinics", "Medical", "Care Homes", "Diagnostics", "Pharmacies"),
    "logistics": ("Freight", "Logistics", "Shipping", "Warehousing", "Couriers"),
    "manufacturing": ("Machinery", "Castings", "Components", "Packaging", "Instruments"),
    "public sector": ("Waterworks", "Transit", "Housing Trust", "College", "Libraries"),
    "retail": ("Stores", "Markets", "Home Goods", "Outfitters", "Gardens"),
    "technology": ("Systems", "Networks", "Robotics", "Analytics", "Devices"),
}
COUNTRIES = {  # country: region, share of companies, legal form
    "France": ("West", 0.18, "SA"),
    "Germany": ("Central", 0.34, "GmbH"),
    "Netherlands": ("West", 0.14, "BV"),
    "Poland": ("East", 0.12, "Sp. z o.o."),
    "Spain": ("South", 0.12, "SL"),
    "Sweden": ("North", 0.10, "AB"),
}
AWKWARD = (
    "{} & Söhne", "{} D'Arcy", "{} Énergie Zürich", "{} 東京", "$mart {}", "{}, Brothers and Partners",
    "={}", "{} \"the <b>best</b>\"", "{}; drop table accounts;--", "../{}",
)  # fmt: skip
WITH_LEGAL_FORM = 0.6  # share of names that carry their legal form
SELLERS = 9
OUTLOOK = {"growing": 0.30, "flat": 0.50, "struggling": 0.20}
KINDS = {"private": 0.62, "public": 0.18, "family": 0.12, "government": 0.08}
SERVES = {"companies": 0.55, "consumers": 0.25, "both": 0.20}
TECH = {"erp suite": 0.45, "data warehouse": 0.30, "web shop": 0.25, "service desk": 0.35}  # share that has each

_WORDS = [(industry, word) for industry, words in TRADES.items() for word in words]
_SHAPE = (len(_WORDS), len(ONSETS), len(MIDDLES), len(ENDINGS))
MOST = int(np.prod(_SHAPE))  # names before one repeats
_STRIDE = 988_829  # shares no factor with MOST, so that counting in these steps meets every name once
STAFF_NOISE = 0.4  # sd of the logarithm of employees beyond what size says
TYPICAL_STAFF, STAFF_PER_SIZE = 160, 1.3
CHANGING = ("employees", "tech_stack", "growth_outlook")  # what a register says and may change
GROWTH = 0.35  # sd of the logarithm of employees after a change over those before


def companies(rng: np.random.Generator, first: int, size: np.ndarray, shift: float, awkward: float) -> pd.DataFrame:
    """Make up one company for each value of `size`, with a name no other company has.

    Parameters
    ----------
    first : number of the first company in the whole market, counted from 0; with `shift` it fixes the names.
    size : array of float, shape (n,); latent size, 0 is typical, 1 is about four times that.
    shift : share from 0 to 1; where in the list of names the market starts.
    awkward : share of companies with a legal name that breaks careless code.

    Returns
    -------
    DataFrame, n rows
        ``account_id`` and the descriptive columns of ``tables.schema.ACCOUNTS``; annual_revenue in the reporting
        currency.
    """
    n = len(size)
    number = first + np.arange(n)
    word, onset, middle, ending = np.unravel_index((number * _STRIDE + int(shift * MOST)) % MOST, _SHAPE)
    parts = zip(word, onset, middle, ending, strict=True)
    plain = [f"{ONSETS[o]}{MIDDLES[m]}{ENDINGS[e]} {_WORDS[w][1]}" for w, o, m, e in parts]
    country = pick(rng.random(n), np.array([share for _, share, _ in COUNTRIES.values()]))
    regions, _, forms = zip(*COUNTRIES.values(), strict=True)
    formal = rng.random(n) < WITH_LEGAL_FORM
    employees = np.ceil(np.exp(np.log(TYPICAL_STAFF) + STAFF_PER_SIZE * size + STAFF_NOISE * rng.standard_normal(n)))
    per_head = np.exp(np.log(140_000) + 0.35 * rng.standard_normal(n))
    seller = (rng.random(n) * SELLERS).astype(int)
    odd = np.floor((number + 1) * awkward + 0.5) > np.floor(number * awkward + 0.5)
    form = np.where(formal, np.array(forms)[country], "")
    return pd.DataFrame({
        "account_id": [f"A{k + 1:05d}" for k in number],
        "name": [_name(p, f, int(k) if o else -1) for p, f, k, o in zip(plain, form, number, odd, strict=True)],
        "domain": [p.lower().replace(" ", "-") + ".example" for p in plain],
        "industry": np.array([industry for industry, _ in _WORDS], dtype=object)[word],
        "sub_industry": np.array([w.lower() for _, w in _WORDS], dtype=object)[word],
        "country": np.array(list(COUNTRIES), dtype=object)[country],
        "region": np.array(regions, dtype=object)[country],
        "employees": employees.astype(int),
        "annual_revenue": np.round(employees * per_head, -3),
        "org_type": choose(rng.random(n), KINDS),
        "customer_base": choose(rng.random(n), SERVES),
        "tech_stack": _stack(rng.random((n, len(TECH)))),
        "growth_outlook": choose(rng.random(n), OUTLOOK),
        "owner_id": [f"S{s + 1:02d}" for s in seller],
        "source_system": "crm",
    })  # fmt: skip


def with_past(rng: np.random.Generator, firms: pd.DataFrame, days: int, share: float) -> pd.DataFrame:
    """Add what companies were before they changed within the window, each column of `CHANGING` once at most.

    ``X was``, and ``X since``: the day on which X became what `firms` says; missing where it always was.
    """
    n = len(firms)
    lot, when = rng.random((2, len(CHANGING), n))
    grown, which, turn = rng.standard_normal(n), rng.random(n), rng.random(n)
    names = list(OUTLOOK)
    now = firms["growth_outlook"].map(names.index).to_numpy()
    has = np.stack([firms["tech_stack"].str.contains(t, regex=False).to_numpy() for t in TECH], axis=1)
    had = has ^ (np.floor(which * len(TECH))[:, None] == np.arange(len(TECH)))  # one came or went
    was = {
        "employees": np.ceil(firms["employees"] * np.exp(GROWTH * grown)).astype(int),
        "tech_stack": _joined(had),
        "growth_outlook": np.array(names, dtype=object)[(now + 1 + (turn < 0.5)) % len(names)],
    }
    known = has.any(axis=1) & had.any(axis=1)  # no technology at all is written as nothing is known
    out = {f"{c} was": was[c] for c in CHANGING}
    for k, column in enumerate(CHANGING):
        does = (lot[k] < share) & (known | (column != "tech_stack"))
        out[f"{column} since"] = np.where(does, np.floor(when[k] * days), np.nan)
    return firms.assign(**out)


def on(firms: pd.DataFrame, day: float | np.ndarray) -> pd.DataFrame:
    """The companies of `with_past` as they were on a day: one for all, or one for each."""
    return firms.assign(**{c: firms[c].mask(firms[f"{c} since"] > day, firms[f"{c} was"]) for c in CHANGING})


def _name(plain: str, form: str, awkward: int) -> str:
    """Dress a plain name: a legal form, or the awkward form of that number."""
    return f"{plain} {form}".rstrip() if awkward < 0 else AWKWARD[hash_of(awkward) % len(AWKWARD)].format(plain)


def hash_of(number: int) -> int:
    """Spread numbers, so that neighbours differ; the same on every machine."""
    return number * 2_654_435_761 >> 7


def _stack(chance: np.ndarray) -> list[str]:
    """The technologies of each company, joined by semicolons; an empty text where it has none."""
    return _joined(chance < np.array(list(TECH.values())))


def _joined(has: np.ndarray) -> list[str]:
    """The names of the technologies that each row has."""
    return [";".join(t for t, h in zip(TECH, row, strict=True) if h) for row in has]
