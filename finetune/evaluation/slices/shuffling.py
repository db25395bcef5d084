"""Tests of whether losses are larger inside of parts than outside, exact for parts of any size.

A bootstrap's p-value cannot fall below 2 over its number of resamples, which Holm's correction over many parts would
never let through, and a normal approximation is too sure of small parts with few errors. Shuffling is neither.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Side = Literal["both", "worse"]

SHUFFLES = 5000
"""The least p-value is then 0.0002, significant also after a correction over 200 parts."""
_LEAST_SHUFFLES = 2000
_MOST_DRAWN = 20_000_000
"""Shuffled losses in all: with more rows there are fewer shuffles, so that the test stays a matter of seconds."""
_AT_ONCE = 2_000_000
_ALIKE = 20
"""Clusters of neighbouring sizes that change places with one another, at least."""


class Shuffle:
    """Losses that change places, as they might have fallen if nothing but chance had placed them.

    Rows by themselves are permuted (Fisher 1935, Pitman 1937). Of rows that depend on each other whole clusters change
    places, among those of about the same size, each with its rows turned around by chance: exact where these sizes are
    equal and the rows of a cluster are alike. A smaller cluster in a larger one's place is repeated, which makes a test
    careful rather than sure.

    Args:
        losses: (n,) float, without NaN, n at least 1.
        clusters: (n,) what makes rows depend on each other; None where nothing does.
    """

    def __init__(self, losses: np.ndarray, clusters: np.ndarray | None = None) -> None:
        self._losses, self._clustered = losses, clusters is not None
        if clusters is None:
            return
        _, names, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
        self._order = np.argsort(names, kind="stable")
        self._sizes, self._starts = sizes, np.cumsum(sizes) - sizes
        self._of = names[self._order]
        self._within = np.arange(len(losses)) - self._starts[self._of]
        self._by_size = np.argsort(sizes, kind="stable")
        self._block = _blocks(sizes[self._by_size])

    def draw(self, chance: np.random.Generator) -> np.ndarray:
        """(n,) the losses in other places."""
        if not self._clustered:
            return chance.permutation(self._losses)
        random = chance.random((2, len(self._sizes)))
        donors = np.empty(len(self._sizes), np.int64)
        donors[self._by_size] = self._by_size[np.argsort(self._block + random[0])]
        turns = (random[1] * self._sizes[donors]).astype(np.int64)
        giver = donors[self._of]
        places = self._starts[giver] + (self._within + turns[self._of]) % self._sizes[giver]
        drawn = np.empty_like(self._losses)
        drawn[self._order] = self._losses[self._order][places]
        return drawn


def _blocks(sizes: np.ndarray) -> np.ndarray:
    """Ascending sizes (G,) -> which change places with which: all of one size, and of as many sizes as it takes."""
    values, counts = np.unique(sizes, return_counts=True)
    blocks, block, inside = [], 0, 0
    for count in counts:
        if inside >= _ALIKE:
            block, inside = block + 1, 0
        blocks.append(block)
        inside += count
    if inside < _ALIKE and block:  # the largest ones join those before them
        blocks = [min(number, block - 1) for number in blocks]
    return np.array(blocks)[np.searchsorted(values, sizes)]


def shuffle_test(
    losses: np.ndarray, masks: np.ndarray, *, clusters: np.ndarray | None = None, side: Side = "both", seed: int = 0,
    shuffles: int | None = None,
) -> np.ndarray:  # fmt: skip
    """p-values of the mean loss inside of each part being that outside.

    They are (k + 1)/(B + 1), with k of B shuffles at least as far from no difference (Davison and Hinkley 1997).

    Args:
        losses: (n,) float, without NaN.
        masks: (n, K) bool, the parts.
        clusters: (n,) what makes rows depend on each other; None where nothing does.
        side: `both`, or `worse` for larger losses inside alone.
        seed: Of the shuffles.
        shuffles: B. Default: 5,000, of very many rows fewer, at least 2,000.

    Returns:
        (K,) p-values in (0, 1]; 1 for a part without rows or with all of them.
    """
    if not len(losses) or not masks.shape[1]:
        return np.ones(masks.shape[1])
    count = shuffles or int(np.clip(_MOST_DRAWN // len(losses), _LEAST_SHUFFLES, SHUFFLES))
    inside = masks - masks.mean(axis=0)  # a draw's own mean does not matter then
    observed, shuffle, chance = losses @ inside, Shuffle(losses, clusters), np.random.default_rng(seed)
    extreme, block = np.zeros(masks.shape[1]), max(1, _AT_ONCE // len(losses))
    for start in range(0, count, block):
        drawn = np.stack([shuffle.draw(chance) for _ in range(min(block, count - start))])
        extreme += _beyond(drawn @ inside, observed, side)
    return np.minimum(1.0, (extreme + 1) / (count + 1))


def _beyond(sums: np.ndarray, observed: np.ndarray, side: Side) -> np.ndarray:
    """How many outcomes (B, K) are as extreme as what was observed; the same sum in another order may differ by an
    ulp."""
    slack = 1e-9 * (1 + np.abs(observed))
    if side == "worse":
        return np.asarray((sums >= observed - slack).sum(axis=0))
    return np.asarray((np.abs(sums) >= np.abs(observed) - slack).sum(axis=0))
