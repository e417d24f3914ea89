"""What is planted in the market, each with a size; 0 turns it off."""
# ruff: noqa: RUF009 -- `planted` gives a field

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

CYCLES = ("early", "mid", "full")


@dataclass(frozen=True)
class ByCycle:
    """A size for each buying cycle."""

    early: float = 0.0
    mid: float = 0.0
    full: float = 0.0


def planted(default: Any, meaning: str, most: float = 1.0, least: float = 0.0) -> Any:
    """A switch: its size in the sample, what the size means, and the largest and smallest allowed."""
    return field(default=default, metadata={"meaning": meaning, "most": most, "least": least})


@dataclass(frozen=True)
class Switches:
    """What is planted. Sizes are shares or chances unless said otherwise; the defaults make the sample."""

    # What account-based marketing does, to accounts exposed to it
    abm_creation: ByCycle = planted(ByCycle(0.50, 0.35, 0.0), "deals opened beyond those without it, as a share", 3.0)
    abm_win: ByCycle = planted(ByCycle(0.10, 0.06, 0.0), "chance to win gained where it was one in two", 0.5)
    abm_size: ByCycle = planted(ByCycle(0.15, 0.0, 0.0), "amount of a deal beyond that without it, as a share", 3.0)
    selected: float = planted(0.30, "accounts sales picks for the programme, at a typical account")
    holdout: float = planted(0.30, "accounts picked that chance holds back")
    unexposed: float = planted(0.05, "accounts picked and not held back that are never reached")

    # What kind of business it is
    rivals: float = planted(0.55, "log-odds to win that rivals take from each deal, renewals aside", 4.0)
    uninterested: float = planted(
        0.35, "accounts with next to no wish to buy: no customers at first, few deals, nearly all of them lost"
    )
    shared_luck: float = planted(
        0.5, "sd over accounts of what moves the log-odds to win of all their deals alike", 3.0
    )
    other_cycle: float = planted(0.08, "accounts that buy a line in another cycle than is usual for it, line by line")
    price_level: float = planted(1.0, "factor on all our prices, amounts and costs; 1 is the sample's", 20.0, 0.05)
    pace: float = planted(1.0, "factor on the days that deals take; 1 is the sample's", 5.0, 0.1)
    buyers_more: float = planted(0.0, "people in each deal beyond the sample's", 3.0)

    # What makes the naive comparison wrong
    confounding_recorded: float = planted(0.8, "log-odds to be picked per standard deviation of size and sales", 3.0)
    confounding_latent: float = planted(
        0.0, "the same of an interest nobody records, which also opens and wins deals", 3.0
    )
    null_channel: float = planted(0.6, "deals led up to by advertisements that do nothing")

    # What drives buying, deal size and leaving
    propensity_drivers: float = planted(0.5, "factor on the logarithm of the opening rate of what a register says", 2.0)
    size_drivers: float = planted(0.5, "the same on the logarithm of the amount", 2.0)
    renewal_drivers: float = planted(1.0, "log-odds to renew that each of three troubles takes", 3.0)
    counter_intuitive: float = planted(
        0.5, "how much oftener struggling companies open software deals, as a share", 3.0
    )
    seller_spread: float = planted(0.15, "chance of the best seller less that of the worst where it is one in two", 0.5)
    stalled: float = planted(0.06, "deals that stall in a stage, renewals aside")
    too_fast: float = planted(0.04, "deals that run ahead of the buyers, renewals aside")
    origins: float = planted(
        1.0,
        "factor on the logarithm of the odds of each source: of its deals to be won, of its leads to become deals",
        2.0,
    )
    drift: float = planted(0.0, "how far the drivers turn into their opposite over the last third of the window")
    heavy_tails: float = planted(0.0, "deals whose amount is drawn from a Pareto tail")
    non_linear: float = planted(0.0, "share of the drivers' effect that comes from thresholds and pairs, not from sums")

    changes: float = planted(
        0.3, "accounts that change in the window, in size, technology and outlook each; people whose role does"
    )

    # The four red flags, and business that goes without one
    elsewhere: float = planted(0.05, "customers whose business goes elsewhere (S1-21a)")
    reorganisation: float = planted(0.04, "customers that reorganise and lose the people we know (S1-21b)")
    no_return: float = planted(0.04, "customers where neither side gets its return (S1-21c)")
    goals_missed: float = planted(0.04, "customers with whom joint goals are missed (S1-21d)")
    declining: float = planted(0.02, "customers that decline without a flag")

    # Dirt
    duplicates: float = planted(0.03, "accounts entered twice, misspelt; half of them known as merged")
    subsidiaries: float = planted(0.06, "accounts that belong to another")
    unmatched_leads: float = planted(0.15, "leads per account that nobody has matched to theirs")
    merged_contacts: float = planted(0.02, "people entered twice")
    departed_contacts: float = planted(0.07, "people who left")
    deal_gaps: float = planted(
        0.04, "open deals without an amount; half as many without account, a quarter without age"
    )
    overdue: float = planted(0.2, "open deals whose closing day has passed, as their seller does not move it")
    missing_history: float = planted(
        0.15, "deals whose stage history is lost, or all but its last row; more of old ones"
    )
    missing_firmographics: float = planted(
        0.12, "descriptive cells missing, more of companies that are no customers at first, and of small customers"
    )
    bots: float = planted(0.04, "web visits made by machines")
    opted_out: float = planted(0.04, "people who asked not to be contacted")
    big_without_margin: float = planted(1.0, "margin the largest customer has bargained away, nearly")
    late_rows: float = planted(0.03, "purchases and touches entered weeks after they happened")
    hostile_names: float = planted(0.025, "accounts with names that break careless code")
    currencies: float = planted(0.10, "accounts that buy in another currency, at the month's rate")
    returns: float = planted(0.03, "office-supply lines returned")
    missing_cost: float = planted(0.0, "purchases with unknown cost")

    # Triggers, persona channels, message variants, promotions, satisfaction and post-sale effort get their switch here
    # with the notebooks that test them; until then their tables are there and nothing follows from them.


def sizes(switches: Switches) -> dict[str, float]:
    """Every size by name; of a switch by cycle as ``name.early`` and so on."""
    out: dict[str, float] = {}
    for f in fields(switches):
        value = getattr(switches, f.name)
        out |= {f"{f.name}.{c}": getattr(value, c) for c in CYCLES} if isinstance(value, ByCycle) else {f.name: value}
    return out


def check(switches: Switches) -> None:
    """Refuse sizes that are negative or beyond what their switch can take.

    Raises
    ------
    ValueError
        Naming each wrong size and its range.
    """
    about = {f.name: (f.metadata["least"], f.metadata["most"]) for f in fields(switches)}
    bounds = {n: about[n.partition(".")[0]] for n in sizes(switches)}
    wrong = {n: v for n, v in sizes(switches).items() if not bounds[n][0] <= v <= bounds[n][1]}
    if wrong:
        ranges = ", ".join(f"{n}={v} ({bounds[n][0]:g} to {bounds[n][1]:g})" for n, v in wrong.items())
        raise ValueError(
            f"switches: {len(wrong)} of {len(sizes(switches))} sizes out of range: {ranges}. Use 0 to turn one off."
        )


def changed(switches: Switches, given: dict[str, float]) -> Switches:
    """Give the switches with some sizes changed; ``abm_win`` sets all cycles, ``abm_win.mid`` one.

    Raises
    ------
    ValueError
        If there is no such switch or a size is out of range.
    """
    names = [f.name for f in fields(switches)]
    unknown = [n for n in given if n not in names and n not in sizes(switches)]
    if unknown:
        raise ValueError(f"switches: there is no {unknown}; there are {sorted(sizes(switches))}.")
    for name, size in given.items():
        own, _, cycle = name.partition(".")
        value: Any = getattr(switches, own)
        whole: Any = size
        if isinstance(value, ByCycle):
            whole = replace(value, **{cycle: size}) if cycle else ByCycle(size, size, size)
        switches = replace(switches, **{own: whole})
    check(switches)
    return switches


DIRT = (
    "duplicates", "subsidiaries", "unmatched_leads", "merged_contacts", "departed_contacts", "deal_gaps",
    "overdue", "missing_history", "missing_firmographics", "bots", "opted_out", "big_without_margin", "late_rows", "hostile_names", "currencies",
    "returns", "missing_cost",
)  # fmt: skip
CLEAN = dict.fromkeys(DIRT, 0.0)
DRAW = {"selected": 0.30, "holdout": 0.30}
BEYOND = {
    "propensity_drivers": 1.0, "size_drivers": 1.0, "drift": 0.7, "heavy_tails": 0.15, "non_linear": 1.0,
    "confounding_latent": 0.8,
}  # fmt: skip
HARD = {
    "rivals": 1.65, "uninterested": 0.55, "shared_luck": 1.0, "other_cycle": 0.2, "stalled": 0.12, "overdue": 0.4,
    "missing_history": 0.35, "duplicates": 0.06, "unmatched_leads": 0.3, "departed_contacts": 0.15, "deal_gaps": 0.1,
    "missing_firmographics": 0.25, "late_rows": 0.06, "missing_cost": 0.05, "bots": 0.1,
}  # fmt: skip
FACTORS = ("price_level", "pace")  # which have no 0
OFF = dict.fromkeys([n for n in sizes(Switches()) if n not in FACTORS], 0.0)
PRESETS = {
    "sample": Switches(),
    "hard": changed(Switches(), HARD),  # few wins and customers, more shared luck, more dirt
    "nothing": changed(Switches(), OFF | DRAW),  # a draw, and nothing to be found
    "clean": changed(Switches(), CLEAN),  # planted as the sample, without dirt
    "outside": changed(Switches(), CLEAN | BEYOND),  # outside the families the estimators assume
}


def preset(name: str, given: dict[str, float]) -> Switches:
    """Give the sizes of a preset, some of them changed as by `changed`.

    Raises
    ------
    ValueError
        If there is no such preset, or as `changed`.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: there is no {name}; there are {list(PRESETS)}.")
    return changed(PRESETS[name], given)


def given(sets: Sequence[str]) -> dict[str, float]:
    """Read sizes written as ``name=size``.

    Raises
    ------
    ValueError
        Naming the first that is not written so.

    Examples
    --------
    >>> given(["holdout=0", "abm_win.early=0.1"])
    {'holdout': 0.0, 'abm_win.early': 0.1}
    """
    out = {}
    for text in sets:
        name, _, size = text.partition("=")
        try:
            out[name.strip()] = float(size)
        except ValueError as wrong:
            raise ValueError(f"--set {text}: must be a switch, = and a size, such as holdout=0.") from wrong
    return out


def listed(switches: Switches) -> list[tuple[str, float, float, str]]:
    """Every switch with its size, the largest allowed, and what the size means."""
    about = {f.name: f.metadata for f in fields(switches)}
    return [
        (name, size, about[own]["most"], about[own]["meaning"])
        for name, size in sizes(switches).items()
        for own in [name.partition(".")[0]]
    ]
