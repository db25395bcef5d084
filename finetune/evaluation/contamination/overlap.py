"""Which test rows repeat training rows: whole, nearly, or in long runs of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finetune.text.duplicates import first_of_equal, hash_texts, near_groups
from finetune.text.shingles import Shingler, ramp

NEAR = 0.8
"""Jaccard similarity of the sets of three-word runs from which on two texts are nearly the same."""
COMMON = 10
"""A run of words that more training rows than this have is a template's or a licence's, and tells nothing about one
row (GPT-3's report leaves such runs out, too: Brown et al. 2020, appendix C)."""
_CHUNK = 2048
_NONE = -1


@dataclass(frozen=True)
class Overlap:
    """What each of n test texts shares with the training texts.

    Attributes:
        exact: (n,) int64, the first training text that is the same but for case and blanks; -1 where there is none.
        near: (n,) int64, one that is nearly the same; -1 where there is none, or where `exact` has one.
        runs: (n,) int64, one that has a run of `ngram` words of it; -1 where there is none. Runs of templates do not
            count (`COMMON`).
        similarity: (n,) float64, of the text in `near`: `NEAR` to 1; 0 without one.
        share: (n,) float64, of the text's words that stand in such runs: 0 to 1.
        template: (n,) bool, whether it shares runs of templates only.
        short: (n,) bool, whether it has fewer than `ngram` words, so that no run can be looked for.
        ngram: Words in a run.
    """

    exact: np.ndarray
    near: np.ndarray
    runs: np.ndarray
    similarity: np.ndarray
    share: np.ndarray
    template: np.ndarray
    short: np.ndarray
    ngram: int

    @property
    def any(self) -> np.ndarray:
        """(n,) bool: the rows that repeat a training row in any of these ways."""
        found: np.ndarray = (self.exact >= 0) | (self.near >= 0) | (self.runs >= 0)
        return found


def find_overlap(texts: Sequence[str], train: Sequence[str], ngram: int = 13) -> Overlap:
    """Look for test texts among the training texts.

    Args:
        texts: n test texts.
        train: Training texts.
        ngram: Words in a run; runs are compared without case and punctuation. 13 is what Brown et al. (2020) took.

    Example:
        >>> found = find_overlap(["A  red fox", "a blue whale"], ["a red fox"])
        >>> found.exact.tolist(), found.short.tolist()
        ([0, -1], [True, True])
    """
    exact = _equal(texts, train)
    near, similarity = _near(texts, train)
    fresh = exact < 0
    words = Shingler(1).find(texts).counts
    runs = _Runs(texts, words, ngram).against(train)
    return Overlap(
        exact=exact, near=np.where(fresh, near, _NONE), runs=runs.first, similarity=np.where(fresh, similarity, 0.0),
        share=runs.share, template=runs.template, short=words < ngram, ngram=ngram,
    )  # fmt: skip


def _equal(texts: Sequence[str], train: Sequence[str]) -> np.ndarray:
    first = first_of_equal(np.concatenate([hash_texts(train), hash_texts(texts)]))[len(train) :]
    blank = np.array([not text.strip() for text in texts], bool)  # texts of nothing repeat nothing
    return np.where((first < len(train)) & ~blank, first, _NONE)


def _near(texts: Sequence[str], train: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each text a training text that it is most similar to, and how much; -1 and 0 where none is near."""
    known = len(train)
    both = [*train, *texts]
    groups = near_groups(lambda: [both], len(both), threshold=NEAR)
    first, similarity = np.full(len(texts), _NONE), np.zeros(len(texts))
    later, earlier = groups.pairs.T
    across = np.flatnonzero((later >= known) & (earlier < known))
    for place in across[np.argsort(groups.similarity[across], kind="stable")]:  # the most similar one comes last
        row = later[place] - known
        first[row], similarity[row] = earlier[place], groups.similarity[place]
    # Copies among the test texts are compared once; what is near the first of them is near all.
    copies = np.flatnonzero((earlier >= known) & (groups.similarity == 1))
    rows, originals = later[copies] - known, earlier[copies] - known
    first[rows], similarity[rows] = first[originals], similarity[originals]
    return first, similarity


@dataclass(frozen=True)
class _Shared:
    first: np.ndarray
    share: np.ndarray
    template: np.ndarray


class _Runs:
    """The runs of words of some texts, looked for in others."""

    def __init__(self, texts: Sequence[str], words: np.ndarray, ngram: int) -> None:
        self.words, self.ngram = words, ngram
        found = Shingler(ngram).find(texts)
        long = words >= ngram
        self.kept = np.repeat(long, found.counts)  # a text of fewer words is one shingle of all of them
        self.counts = np.where(long, found.counts, 0)
        self.known, self.place = np.unique(found.hashes[self.kept], return_inverse=True)

    def against(self, train: Sequence[str]) -> _Shared:
        """Which of the texts share runs with the training texts, and how much of them that is."""
        rows, first = self._count(train)
        counted, earliest = rows[self.place], first[self.place]
        own = (counted > 0) & (counted <= COMMON)
        owner = np.repeat(np.arange(len(self.words)), self.counts)
        source = np.full(len(self.words), np.iinfo(np.int64).max)
        np.minimum.at(source, owner[own], earliest[own])
        shares = np.bincount(owner[own], minlength=len(self.words)) > 0
        common = np.bincount(owner[counted > COMMON], minlength=len(self.words)) > 0
        return _Shared(np.where(shares, source, _NONE), self._covered(own), common & ~shares)

    def _count(self, train: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """For each known run the number of training texts that have it, and the first of them."""
        rows = np.zeros(len(self.known), np.int64)
        first = np.full(len(self.known), np.iinfo(np.int64).max)
        shingler = Shingler(self.ngram)
        for start in range(0, len(train) if len(self.known) else 0, _CHUNK):
            sets = shingler.find(train[start : start + _CHUNK]).sets()
            owner = start + np.repeat(np.arange(len(sets.counts)), sets.counts)
            place = np.searchsorted(self.known, sets.hashes).clip(max=len(self.known) - 1)
            there = self.known[place] == sets.hashes
            np.add.at(rows, place[there], 1)
            np.minimum.at(first, place[there], owner[there])
        return rows, first

    def _covered(self, own: np.ndarray) -> np.ndarray:
        """(n,) the share of each text's words that stand in a shared run."""
        begins = np.repeat(np.cumsum(self.words) - self.words, self.counts) + ramp(self.counts)
        steps = np.zeros(int(self.words.sum()) + 1, np.int64)
        np.add.at(steps, begins[own], 1)
        np.add.at(steps, begins[own] + self.ngram, -1)
        covered = np.concatenate([[0], np.cumsum(np.cumsum(steps[:-1]) > 0)])
        ends = np.cumsum(self.words)
        inside: np.ndarray = covered[ends] - covered[ends - self.words]
        share: np.ndarray = inside / np.maximum(self.words, 1)
        return share
