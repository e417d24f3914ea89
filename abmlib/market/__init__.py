"""The synthetic market with known truth."""

from abmlib.market.files import write
from abmlib.market.simulate import Market, Switches, blocks, simulate

__all__ = ["Market", "Switches", "blocks", "simulate", "write"]
