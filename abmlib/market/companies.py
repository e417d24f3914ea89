"""Fictional companies: names, web addresses and what a register would say of them."""

import numpy as np
import pandas as pd

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
AWKWARD = ("{} & Söhne", "{} D'Arcy", "{} Énergie Zürich", "{} 東京", "$mart {}", "{}, Brothers and Partners")
AWKWARD_EVERY = 40  # accounts from one awkward name to the next
WITH_LEGAL_FORM = 0.6  # share of names that carry their legal form
SELLERS = 9

_WORDS = [(industry, word) for industry, words in TRADES.items() for word in words]
_SHAPE = (len(_WORDS), len(ONSETS), len(MIDDLES), len(ENDINGS))
MOST = int(np.prod(_SHAPE))  # names before one repeats
_STRIDE = 988_829  # shares no factor with MOST, so that counting in these steps meets every name once


def companies(rng: np.random.Generator, first: int, size: np.ndarray, shift: float) -> pd.DataFrame:
    """Make up one company for each value of `size`, with a name no other company has.

    Parameters
    ----------
    first : number of the first company in the whole market, counted from 0; with `shift` it fixes the names.
    size : array of float, shape (n,); latent size, 0 is typical, 1 is about four times that.
    shift : share from 0 to 1; where in the list of names the market starts.

    Returns
    -------
    DataFrame, n rows
        ``account_id`` and the descriptive columns of ``tables.schema.ACCOUNTS``; annual_revenue in the reporting
        currency.
    """
    number = first + np.arange(len(size))
    word, onset, middle, ending = np.unravel_index((number * _STRIDE + int(shift * MOST)) % MOST, _SHAPE)
    parts = zip(word, onset, middle, ending, strict=True)
    plain = [f"{ONSETS[o]}{MIDDLES[m]}{ENDINGS[e]} {_WORDS[w][1]}" for w, o, m, e in parts]
    country = pick(rng.random(len(size)), np.array([share for _, share, _ in COUNTRIES.values()]))
    regions, _, forms = zip(*COUNTRIES.values(), strict=True)
    formal = rng.random(len(size)) < WITH_LEGAL_FORM
    employees = np.ceil(np.exp(np.log(160) + 1.3 * size + 0.4 * rng.standard_normal(len(size))))
    per_head = np.exp(np.log(140_000) + 0.35 * rng.standard_normal(len(size)))
    return pd.DataFrame({
        "account_id": [f"A{n + 1:05d}" for n in number],
        "name": [
            _name(p, int(n), forms[c] if f else "") for p, n, c, f in zip(plain, number, country, formal, strict=True)
        ],
        "domain": [p.lower().replace(" ", "-") + ".example" for p in plain],
        "industry": [_WORDS[w][0] for w in word],
        "country": np.array(list(COUNTRIES))[country],
        "region": np.array(regions)[country],
        "employees": employees.astype(int),
        "annual_revenue": np.round(employees * per_head, -3),
        "owner_id": [f"S{s + 1:02d}" for s in (rng.random(len(size)) * SELLERS).astype(int)],
        "source_system": "crm",
    })  # fmt: skip


def _name(plain: str, number: int, form: str) -> str:
    """Dress a plain name: a legal form, or on every 40th company something legal that breaks careless code."""
    if number % AWKWARD_EVERY == AWKWARD_EVERY // 2:
        return AWKWARD[number // AWKWARD_EVERY % len(AWKWARD)].format(plain)
    return f"{plain} {form}".rstrip()


def pick(chance: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Turn even chances from 0 to 1 into positions drawn with `weights`."""
    return np.minimum(np.searchsorted(np.cumsum(weights) / weights.sum(), chance, side="right"), len(weights) - 1)
