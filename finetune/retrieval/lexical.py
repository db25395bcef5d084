"""Searching texts for a query: what belongs to it, and rankings by shared words (BM25 and TF-IDF cosine)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

HELD = 2**24
"""Scores that are held at a time: queries are ranked some at a time, the fewer the more texts there are."""
_WORD = r"(?u)\b\w+\b"
Scores = Callable[[Any], np.ndarray]
"""Some queries (a slice of a sequence) -> (queries, texts) scores."""


class Corpus:
    """The texts that are searched together, and which of them belong to which query.

    Equal texts are one text, and equal queries one query: all that belongs to either belongs to both.

    Args:
        rows: Per row the query, the texts that belong to it, and other texts that are searched too.
    """

    def __init__(self, rows: Iterable[tuple[str, Sequence[str], Sequence[str]]]) -> None:
        texts: dict[str, None] = {}
        belong: dict[str, dict[str, None]] = {}
        for query, right, others in rows:
            texts |= dict.fromkeys((*right, *others))
            belong.setdefault(query, {}).update(dict.fromkeys(right))
        self.texts = tuple(texts)
        self._right = {query: list(found) for query, found in belong.items()}
        self._most = max(map(len, self._right.values()), default=0)

    def right(self, query: str) -> list[str]:
        """All texts that belong to a query, of whatever row; none for a query that no row has."""
        return self._right.get(query, [])

    def first(self, query: str, order: Iterable[int], k: int) -> list[str]:
        """The first `k` texts of an order, without the query itself: where questions are searched for questions, it is
        among the texts and always nearest, and finds nothing."""
        right = self.right(query)
        found = (self.texts[i] for i in order if self.texts[i] != query or query in right)
        return [text for text, _ in zip(found, range(k), strict=False)]

    def search(self, ranker: BM25 | TfidfCosine, queries: Sequence[str], k: int) -> list[list[str]]:
        """For each query the first `k` texts by a ranker of these texts, without the query itself."""
        orders = ranker.rank(queries, k + 1)
        return [self.first(query, order, k) for query, order in zip(queries, orders, strict=True)]

    def wrong(self, queries: Sequence[str], k: int, known: Sequence[Sequence[str]] = ()) -> list[list[str]]:
        """For each query the `k` texts that look most right by their words (BM25), but do not belong to it.

        Args:
            queries: What is looked up.
            k: How many; fewer where the corpus has no more.
            known: For each query texts that are not wanted again.
        """
        taken = known or [()] * len(queries)
        look = k + self._most + 1 + max(map(len, taken), default=0)
        found = []
        for query, order, not_again in zip(queries, self.bm25.rank(queries, look), taken, strict=True):
            barred = {query, *self.right(query), *not_again}
            found.append([text for text in (self.texts[i] for i in order) if text not in barred][:k])
        return found

    def filled(self, queries: Sequence[str], own: Sequence[Sequence[str]], k: int) -> list[list[str]]:
        """For each query its own wrong texts and as many more (`wrong`) as make them `k`, where the corpus has them."""
        missing = [max(0, k - len(given)) for given in own]
        if not any(missing):
            return [list(given) for given in own]
        mined = self.wrong(queries, max(missing), own)
        return [[*given, *more[:count]] for given, more, count in zip(own, mined, missing, strict=True)]

    @cached_property
    def bm25(self) -> BM25:
        """A ranking of these texts by words."""
        return BM25(self.texts)


class BM25:
    """BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework") over lower-cased words.

    idf(w) = ln(1 + (N - n + 0.5) / (n + 0.5)) for a word in n of N texts; the weight of a word that stands f times in
    a text is idf · f (k1 + 1) / (f + k1 (1 - b + b · length / mean length)).

    Args:
        texts: What is searched.
        k1: How soon further occurrences stop counting.
        b: How far long texts are marked down, 0 to 1.
    """

    def __init__(self, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        self.vectorizer = CountVectorizer(token_pattern=_WORD)
        self.count = len(texts)
        self.weights: Any = None
        try:
            counts = self.vectorizer.fit_transform(texts).astype(np.float64).tocsr()
        except ValueError:  # no text has a word
            return
        found = np.asarray((counts > 0).sum(axis=0)).ravel()
        idf = np.log1p((self.count - found + 0.5) / (found + 0.5))
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        damped = k1 * (1 - b + b * lengths / max(lengths.mean(), 1e-12))
        rows = np.repeat(np.arange(self.count), np.diff(counts.indptr))
        counts.data = idf[counts.indices] * counts.data * (k1 + 1) / (counts.data + damped[rows])
        self.weights = counts.T.tocsr()

    def scores(self, queries: Sequence[str]) -> np.ndarray:
        """(queries, texts) scores, at least 0."""
        if self.weights is None:
            return np.zeros((len(queries), self.count))
        known: np.ndarray = (self.vectorizer.transform(queries) @ self.weights).toarray()
        return known

    def rank(self, queries: Sequence[str], k: int) -> list[list[int]]:
        """Indices of the k best texts for each query, best first; equal scores in the order of the texts."""
        return rank(self.scores, queries, k, self.count)


class TfidfCosine:
    """Cosine of TF-IDF vectors of words (scikit-learn's weighting, sublinear in the count).

    Args:
        texts: Where the weights come from; also what `rank` searches.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectorizer = TfidfVectorizer(token_pattern=_WORD, sublinear_tf=True, strip_accents="unicode")
        try:
            self.texts: Any = self.vectorizer.fit_transform(texts).T.tocsr()
        except ValueError:  # no text has a word
            self.texts = None
        self.count = len(texts)

    def scores(self, queries: Sequence[str]) -> np.ndarray:
        """(queries, texts) cosines in [0, 1]."""
        if self.texts is None:
            return np.zeros((len(queries), self.count))
        found: np.ndarray = (self.vectorizer.transform(queries) @ self.texts).toarray()
        return found

    def rank(self, queries: Sequence[str], k: int) -> list[list[int]]:
        """Indices of the k best texts for each query, best first."""
        return rank(self.scores, queries, k, self.count)

    def pairs(self, left: Sequence[str], right: Sequence[str]) -> np.ndarray:
        """(n,) cosines of texts side by side."""
        if self.texts is None:
            return np.zeros(len(left))
        product = self.vectorizer.transform(left).multiply(self.vectorizer.transform(right))
        return np.asarray(product.sum(axis=1)).ravel()


def first_place(found: Iterable[Any], right: Container[Any]) -> int | None:
    """The place, from 1, of the first that is right; None where none is."""
    return next((place for place, item in enumerate(found, 1) if item in right), None)


def rank(scores: Scores, queries: Sequence[Any], k: int, count: int) -> list[list[int]]:
    """Indices of the k best texts for each query, best first; equal scores in the order of the texts.

    Args:
        scores: Scores some queries against all texts.
        queries: Texts or vectors, one per query.
        k: How many; all where there are fewer.
        count: Number of texts.
    """
    size = max(1, HELD // max(1, count))
    starts = range(0, len(queries), size)
    return [row for s in starts for row in best_first(scores(queries[s : s + size]), k)]


def best_first(scores: np.ndarray, k: int) -> list[list[int]]:
    """Columns of the k largest scores of every row, largest first; ties in the order of the columns.

    Args:
        scores: (n, m).
        k: How many; all where there are fewer.
    """
    if k >= scores.shape[1]:
        order: list[list[int]] = np.argsort(-scores, axis=1, kind="stable").tolist()
        return order
    # Only what reaches the k-th score is sorted, and all that does: which of several equal ones come is not chance.
    least = np.partition(scores, -k, axis=1)[:, -k]
    found = []
    for row, bound in zip(scores, least, strict=True):
        high = np.flatnonzero(row >= bound)
        found.append(high[np.argsort(-row[high], kind="stable")][:k].tolist())
    return found
