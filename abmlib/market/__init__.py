"""The synthetic market with known truth."""

from abmlib.market.files import Plan, form, make, write
from abmlib.market.simulate import Market, blocks, simulate
from abmlib.market.switches import PRESETS, ByCycle, Switches, changed, given, listed, preset, sizes

__all__ = [
    "PRESETS",
    "ByCycle",
    "Market",
    "Plan",
    "Switches",
    "blocks",
    "changed",
    "form",
    "given",
    "listed",
    "make",
    "preset",
    "simulate",
    "sizes",
    "write",
]
