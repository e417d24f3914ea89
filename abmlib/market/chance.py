"""Streams of chance: each topic of a block has its own, so that a new topic or a switch moves no other."""

from zlib import crc32

import numpy as np


class Chance:
    """The streams of one block of a market; block -1 is what all blocks share."""

    def __init__(self, seed: int, block: int) -> None:
        self.seed, self.block = seed, block

    def of(self, topic: str) -> np.random.Generator:
        """Start the stream of a topic; asked twice, it starts anew."""
        key = (self.block + 1, crc32(topic.encode()))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def pick(chance: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Turn even chances from 0 to 1 into positions drawn with `weights`."""
    return np.minimum(np.searchsorted(np.cumsum(weights) / weights.sum(), chance, side="right"), len(weights) - 1)


def choose(chance: np.ndarray, shares: dict[str, float]) -> np.ndarray:
    """Turn even chances into names drawn with their shares."""
    return np.array(list(shares), dtype=object)[pick(chance, np.array(list(shares.values())))]
