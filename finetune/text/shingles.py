"""Sets of word shingles: what texts are compared by (Broder 1997)."""

from __future__ import annotations

import itertools
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import xxhash

_WORD = re.compile(r"\w+")
_KNOWN_TOKENS = 1 << 18  # in about 40 MB; natural texts repeat most of theirs
_AT_ONCE = 1 << 19  # shingles, about 60 MB as Python sets
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, odd


class _Tokens(dict[str, int]):
    """Number of what stands between blanks, given as it is met: `fox,` holds one word, `it's` two and `--` none.

    Most tokens of a text were met before, and looking them up takes half the time of finding the words again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hashes = array("Q")
        self._ends = array("q", [0])

    def __missing__(self, token: str) -> int:
        self._hashes.extend(map(hash_string, _WORD.findall(token)))
        self._ends.append(len(self._hashes))
        self[token] = number = len(self)
        return number

    def words(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(words,) uint64, the hashes of the words of m tokens one behind the other, and (m,) how many each has."""
        ends = np.asarray(self._ends)
        starts, counts = ends[numbers], ends[numbers + 1] - ends[numbers]
        return np.asarray(self._hashes)[np.repeat(starts, counts) + ramp(counts)], counts


def hash_string(text: str) -> int:
    """The 64-bit XXH3 of a text, the same on every machine; lone surrogates, which JSON may hold, are hashed too."""
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Shingles:
    """The word shingles of n texts, text after text."""

    hashes: np.ndarray
    """(m,) uint64; one that a text repeats stands here as often."""
    counts: np.ndarray
    """(n,) int64, how many belong to each text; 0 for a text without words."""
    keys: np.ndarray
    """(n,) uint64, equal for texts with the same words in the same order."""

    def sets(self) -> Shingles:
        """The same with each text's hashes sorted and each of them once."""
        owner = np.repeat(np.arange(len(self.counts)), self.counts)
        order = np.lexsort((self.hashes, owner))
        hashes, owner = self.hashes[order], owner[order]
        new = np.ones(len(hashes), bool)
        new[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
        return Shingles(hashes[new], np.bincount(owner[new], minlength=len(self.counts)), self.keys)


class Shingler:
    """Finds the shingles of texts: runs of `size` lowercased words, where a word is a run of letters, digits and `_`.

    A text with fewer words is one shingle of all of them. Scripts without blanks between words give long words, so that
    texts in them are near duplicates only where whole clauses are the same.
    """

    def __init__(self, size: int = 3) -> None:
        self.size = size
        self._tokens = _Tokens()

    def find(self, texts: Sequence[str]) -> Shingles:
        """The shingles of some texts.

        Example:
            >>> Shingler(3).find(["A red fox ran", "a fox!", "..."]).counts.tolist()
            [2, 1, 0]
        """
        words, lengths = self._words(texts)
        starts = np.cumsum(lengths) - lengths
        counts = np.where(lengths < self.size, np.minimum(lengths, 1), lengths - self.size + 1)
        places = np.repeat(starts, counts) + ramp(counts)
        hashes = self._join(words, places, np.repeat(np.minimum(lengths, self.size), counts))
        return Shingles(hashes, counts, _sums(mix(words ^ mix(ramp(lengths).astype(np.uint64))), lengths))

    def _words(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The hashes of the words of all texts one behind the other, and how many each text has."""
        if len(self._tokens) > _KNOWN_TOKENS:
            self._tokens = _Tokens()
        tokens = [text.lower().split() for text in texts]
        lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
        numbers = map(self._tokens.__getitem__, itertools.chain.from_iterable(tokens))
        words, counts = self._tokens.words(np.fromiter(numbers, np.int64, int(lengths.sum())))
        return words, _sums(counts, lengths)

    def _join(self, words: np.ndarray, places: np.ndarray, widths: np.ndarray) -> np.ndarray:
        """One hash of the `widths` words from each of the `places` on: a polynomial, so that order counts."""
        padded = np.concatenate([words, np.zeros(self.size, np.uint64)])
        value = np.zeros(len(places), np.uint64)
        for offset in range(self.size):
            longer = value * _MULTIPLIER + padded[places + offset]
            value = np.where(offset < widths, longer, value)
        return mix(value)


class SetFile:
    """Sets of shingles in a file, and how similar pairs of them are.

    Args:
        file: Open for reading and writing bytes, empty.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._counts = [np.empty(0, np.int64)]

    def append(self, shingles: Shingles) -> None:
        """Put the sets of some texts behind those that are there."""
        sets = shingles.sets()
        self._file.seek(0, 2)
        self._file.write(sets.hashes.tobytes())
        self._counts.append(sets.counts)

    def similarities(self, pairs: np.ndarray) -> np.ndarray:
        """(m,) float64, the Jaccard similarity of pairs (m, 2) of indices of sets that are not empty.

        A bounded number of sets is in memory at a time.
        """
        counts = np.concatenate(self._counts)
        ends = np.cumsum(counts)
        total = counts[pairs].sum(axis=1)
        result = np.empty(len(pairs))
        for begin, end in itertools.pairwise([*run_starts(np.cumsum(total) // _AT_ONCE), len(pairs)]):
            part = pairs[begin:end]
            sets = {index: self._read(int(ends[index]), int(counts[index])) for index in np.unique(part).tolist()}
            both = np.array([len(sets[left] & sets[right]) for left, right in part.tolist()])
            result[begin:end] = both / (total[begin:end] - both)
        return result

    def _read(self, end: int, count: int) -> frozenset[int]:
        self._file.seek((end - count) * 8)
        return frozenset(np.frombuffer(self._file.read(count * 8), np.uint64).tolist())


def ramp(counts: np.ndarray) -> np.ndarray:
    """0 … count - 1 for each of the counts, one behind the other."""
    ends = np.cumsum(counts)
    result: np.ndarray = np.arange(int(counts.sum())) - np.repeat(ends - counts, counts)
    return result


def _sums(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The sum of each run of values; 0 of an empty one. Integers wrap around, so that differences are exact."""
    totals = np.concatenate([np.zeros(1, values.dtype), np.cumsum(values)])
    ends = np.cumsum(lengths)
    result: np.ndarray = totals[ends] - totals[ends - lengths]
    return result


def mix(values: np.ndarray) -> np.ndarray:
    """Spread 64-bit numbers evenly, one to one: each bit depends on all (the finalizer of MurmurHash3, Appleby)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    result: np.ndarray = values ^ (values >> np.uint64(33))
    return result


def run_starts(ordered: np.ndarray) -> np.ndarray:
    """Where runs of equal values begin."""
    new = np.ones(len(ordered), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(new)
