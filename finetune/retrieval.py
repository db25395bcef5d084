"""Ranking texts for a query by the words that they share: BM25 and TF-IDF cosine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

CHUNK = 1024
"""Queries that are scored at a time: queries × texts numbers are held."""
_WORD = r"(?u)\b\w+\b"


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
        return _rank_in_chunks(self.scores, queries, k)


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
        return _rank_in_chunks(self.scores, queries, k)

    def pairs(self, left: Sequence[str], right: Sequence[str]) -> np.ndarray:
        """(n,) cosines of texts side by side."""
        if self.texts is None:
            return np.zeros(len(left))
        product = self.vectorizer.transform(left).multiply(self.vectorizer.transform(right))
        return np.asarray(product.sum(axis=1)).ravel()


def best_first(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns of the k largest scores of every row, largest first; ties in the order of the columns.

    Args:
        scores: (n, m).
        k: How many; all where there are fewer.
    """
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def _rank_in_chunks(score: Any, queries: Sequence[str], k: int) -> list[list[int]]:
    starts = range(0, len(queries), CHUNK)
    return [row for s in starts for row in best_first(score(queries[s : s + CHUNK]), k).tolist()]
