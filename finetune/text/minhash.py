"""MinHash (Broder 1997): short signatures of texts that agree as often as the texts' sets of word shingles overlap.

datasketch has the same with one Python object per row, and an in-memory index that needs about 20 GB for 10 million
rows. Here signatures are arrays, of one batch at a time, and nothing is kept of them but keys of their bands.
"""

from __future__ import annotations

import math

import numpy as np

from finetune.errors import UsageError
from finetune.text.shingles import Shingles, mix, ramp, run_starts

MAX_MISS = 0.01
"""Share of the pairs exactly at the threshold that banding may miss; of more similar pairs it misses fewer."""
SMALL = 8
"""Rows in a bucket up to which each is compared with each."""
HEADS = 3
"""In a larger bucket each row is compared with this many first ones and with the one before it."""
HALF = np.uint64(32)
"""By how many bits the later row of a pair stands to the left of the earlier one, in one number."""
_PIECE = 32
_BLOCK = 256  # pieces x 128 permutations x 4 bytes, twice: what a core's second-level cache holds


class MinHash:
    """Signatures: the smallest value of each of several random permutations over a text's shingles.

    Two signatures agree at any one place with the probability of the Jaccard similarity of the two sets. The
    permutations are x -> a x + b modulo 2**32 with an odd a, over shingles that are hashed already (universal hashing,
    Carter and Wegman 1979, in place of the random permutations that Broder's proof asks for).
    """

    def __init__(self, permutations: int = 128, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self._factor = random.integers(0, 2**32, permutations, np.uint32) | np.uint32(1)
        self._term = random.integers(0, 2**32, permutations, np.uint32)

    def signatures(self, shingles: Shingles) -> np.ndarray:
        """(n, permutations) uint32; the largest number throughout for a text without words."""
        values = (shingles.hashes >> np.uint64(32)).astype(np.uint32)
        result = np.full((len(shingles.counts), len(self._factor)), 0xFFFFFFFF, np.uint32)
        # Texts are cut into pieces, so that a very long one among short ones costs no more than its shingles.
        pieces = -(-shingles.counts // _PIECE)
        owner, inside = np.repeat(np.arange(len(pieces)), pieces), ramp(pieces) * _PIECE
        starts = np.repeat(np.cumsum(shingles.counts) - shingles.counts, pieces) + inside
        lengths = np.minimum(np.repeat(shingles.counts, pieces) - inside, _PIECE)
        for first in range(0, len(owner), _BLOCK):
            block = slice(first, first + _BLOCK)
            rows, heads = np.unique(owner[block], return_index=True)
            least = np.minimum.reduceat(self._smallest(values, starts[block], lengths[block]), heads, axis=0)
            result[rows] = np.minimum(result[rows], least)
        return result

    def _smallest(self, values: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(pieces, permutations): position by position, with the longest pieces first, so that each step is one array.

        The inner loop then runs over all permutations; in a segmented minimum it would be as short as a text.
        """
        order = np.argsort(-lengths, kind="stable")
        starts, lengths = starts[order], lengths[order]
        best = np.full((len(order), len(self._factor)), 0xFFFFFFFF, np.uint32)
        scratch = np.empty_like(best)
        for position in range(int(lengths[0])):
            active = int(np.searchsorted(-lengths, -position))
            hashed = np.multiply(values[starts[:active] + position, None], self._factor, out=scratch[:active])
            hashed += self._term
            np.minimum(best[:active], hashed, out=best[:active])
        result = np.empty_like(best)
        result[order] = best
        return result


def miss_probability(similarity: float, bands: int, width: int) -> float:
    """How likely two texts of this Jaccard similarity s agree in none of b bands of r places: (1 - s^r)^b."""
    return float((1 - similarity**width) ** bands)


def choose_bands(threshold: float, permutations: int) -> tuple[int, int]:
    """How many bands of how many places to cut signatures into.

    A pair becomes a candidate when it agrees in all r places of one of the b bands, which happens with probability
    1 - (1 - s^r)^b. Wide bands make few false candidates, many bands miss few true ones: chosen are the widest that
    miss a pair at the threshold with a probability of at most `MAX_MISS`.

    Raises:
        UsageError: No width finds pairs as different as this with so few permutations.

    Example:
        >>> choose_bands(0.8, 128), round(miss_probability(0.8, 21, 6), 4)
        ((21, 6), 0.0017)
    """
    for width in range(permutations, 0, -1):
        if miss_probability(threshold, permutations // width, width) <= MAX_MISS:
            return permutations // width, width
    needed = math.ceil(math.log(MAX_MISS) / math.log1p(-threshold))
    raise UsageError(
        f"A similarity of {threshold:g} is too low to be found with {permutations} permutations.",
        f"Raise the threshold, or the permutations to {needed}.",
    )


def band_keys(signatures: np.ndarray, bands: int, width: int) -> np.ndarray:
    """(bands, n) uint64: one number for the places of each band; different places share one with a chance of 2**-64."""
    factors = mix(np.arange(1, width + 1, dtype=np.uint64)) | np.uint64(1)
    keys = np.zeros((bands, len(signatures)), np.uint64)
    for place in range(width):
        keys = mix(keys + signatures[:, place : bands * width : width].T * factors[place])
    return keys


def bucket_pairs(keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Pairs of rows with the same key: all pairs of a small bucket, and a few for each row of a large one.

    Args:
        keys: (m,) of one band.
        rows: (m,) ascending indices below 2^32, the rows that the keys belong to.

    Returns:
        Sorted unique uint64: later row * 2^32 + earlier row; at most `SMALL` / 2 or `HEADS` + 1 for each row.
    """
    order = np.argsort(keys, kind="stable")
    starts = run_starts(keys[order])
    sizes = np.diff(starts, append=len(keys))
    kept = np.repeat(sizes > 1, sizes)  # most rows are alone, and what follows is about the others
    members, sizes = rows[order[kept]].astype(np.uint64), sizes[sizes > 1]
    place = ramp(sizes)
    small = np.repeat(sizes <= SMALL, sizes)
    pairs = []
    for back in range(1, SMALL):
        here = np.flatnonzero((place >= back) & (small | (back == 1)))
        pairs.append((members[here] << HALF) | members[here - back])
    for head in range(HEADS):
        here = np.flatnonzero((place > head) & ~small)
        pairs.append((members[here] << HALF) | members[here - place[here] + head])
    return np.unique(np.concatenate(pairs))
