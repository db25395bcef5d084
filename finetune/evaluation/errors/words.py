"""Words that stand in wrong rows more often than in right ones.

Of each word (or pair of neighbouring words) only a place is kept where it stands: row, first and last character. What
it says is for pages to look up, so that no text of the data leaves with the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.evaluation.errors.judged import Judged, texts_of
from finetune.evaluation.errors.shares import shares
from finetune.recipe import EvaluationSection
from finetune.text.words import split_words

Array = NDArray[Any]
LEVEL = 0.05
"""Of the false discovery rate."""
_LISTED, _OTHERS = 40, 10
_LONGEST = 5000
"""Characters of a text that are looked at."""


@dataclass(frozen=True)
class Terms:
    """Words and pairs, and where they are.

    Attributes:
        names: (k,) casefolded, words joined by a blank.
        has: (n, k) 0 or 1, sparse: whether a row has the term.
    """

    names: Array
    has: Any


def find_words(judged: Judged, settings: EvaluationSection) -> dict[str, Any]:
    """`{"tested", "min_rows", "level", "shown", "cut", "terms"}`; {} where nothing can be compared.

    Each term has a place (`row`, `index`, `start`, `end`: characters of `Task.text_of`), the rows `with` it, the wrong
    ones among them, their `share` with its interval, the share `without` it, the odds ratio (with ½ added to all four
    counts), the p-value (one-sided: more wrong rows with it than without), and `q_value`, the same corrected for the
    false discovery rate over all terms that were tested (Benjamini and Hochberg 1995). `shown` says how many of them
    are below the level; they stand first.

    Fisher's exact test where rows are independent; where they come in clusters, a score test whose variance is that of
    the clusters' sums.
    """
    wrong = judged.wrong
    if not 5 <= wrong.sum() <= len(wrong) - 5:
        return {}
    texts = [text[:_LONGEST] for text in texts_of(judged.scored)]
    least = 10 if len(wrong) >= 500 else 5
    terms = _terms(texts, least)
    if terms is None:
        return {}
    p_values = _p_values(terms.has, wrong, judged.scored.clusters)
    q_values = _corrected(p_values)
    chosen = _chosen(terms, p_values, q_values)
    entries = _entries(judged, terms, chosen, texts, settings)
    for entry, place in zip(entries, chosen, strict=True):
        entry |= {"p_value": float(p_values[place]), "q_value": float(q_values[place])}
    return {
        "tested": len(terms.names), "min_rows": least, "level": LEVEL,
        "shown": int((q_values[chosen] <= LEVEL).sum()),
        "cut": int(sum(len(text) == _LONGEST for text in texts)), "terms": entries,
    }  # fmt: skip


def _terms(texts: Sequence[str], least: int) -> Terms | None:
    """Words and pairs of neighbouring words of at least `least` rows, and not of nearly all."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        tokenizer=_words, token_pattern=None, lowercase=False, binary=True, ngram_range=(1, 2), min_df=least,
        max_df=max(least, len(texts) - least),
    )  # fmt: skip
    try:
        has = counter.fit_transform(texts)
    except ValueError:  # no term is in enough rows
        return None
    names = counter.get_feature_names_out()
    spoken = np.array([all(any(c.isalnum() for c in word) for word in name.split(" ")) for name in names], dtype=bool)
    return Terms(names[spoken], has[:, np.flatnonzero(spoken)].tocsc()) if spoken.any() else None


def _words(text: str) -> list[str]:
    return [text[start:end].casefold() for start, end in split_words(text)]


def _p_values(has: Any, wrong: Array, clusters: Array | None) -> Array:
    """(k,) one-sided p-values of wrong rows being more frequent with each term."""
    from scipy.stats import hypergeom, norm

    rows, bad = np.asarray(has.sum(axis=0)).ravel(), np.asarray(wrong @ has).ravel()
    if clusters is None:
        return np.asarray(hypergeom.sf(bad - 1, len(wrong), int(wrong.sum()), rows))
    _, groups = np.unique(clusters, return_inverse=True)
    sums = _cluster_sums(has, wrong - wrong.mean(), groups)
    spread = np.sqrt((sums**2).sum(axis=0))
    return np.asarray(norm.sf(np.divide(sums.sum(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)))


def _cluster_sums(has: Any, off: Array, groups: Array) -> Array:
    """(clusters, k) sums of (x - mean of x) times the rows' distance from the mean error."""
    from scipy.sparse import csr_matrix

    n, size = len(off), int(groups.max()) + 1
    weighed = csr_matrix((off, (groups, np.arange(n))), shape=(size, n))
    means = np.asarray(has.mean(axis=0)).ravel()
    found: Array = np.asarray((weighed @ has).todense()) - np.asarray(weighed.sum(axis=1)).reshape(-1, 1) * means
    return found


def _corrected(p_values: Array) -> Array:
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(np.clip(p_values, 0.0, 1.0), method="bh"))


def _chosen(terms: Terms, p_values: Array, q_values: Array) -> Array:
    """Places of the terms to list: those below the level, and a few more; of terms in the same rows the longest."""
    order = np.lexsort((-np.char.str_len(terms.names.astype(str)), p_values))
    shown = int((q_values <= LEVEL).sum())
    seen: set[bytes] = set()
    kept: list[int] = []
    for rank, place in enumerate(order):
        if len(kept) >= _LISTED or (rank >= shown and len(kept) >= _OTHERS):
            break
        rows = np.sort(terms.has.indices[terms.has.indptr[place] : terms.has.indptr[place + 1]]).tobytes()
        if rows not in seen:
            seen.add(rows)
            kept.append(int(place))
    return np.array(kept, dtype=np.int64)


def _entries(
    judged: Judged, terms: Terms, chosen: Array, texts: Sequence[str], settings: EvaluationSection
) -> list[dict[str, Any]]:
    has = np.asarray(terms.has[:, chosen].todense(), dtype=np.int64)
    measured = shares(has * judged.wrong[:, None], has, settings, groups=judged.scored.clusters)
    entries = []
    for place, name in enumerate(terms.names[chosen]):
        with_it = has[:, place] == 1
        bad, rest = int(judged.wrong[with_it].sum()), judged.wrong[~with_it]
        first = int(np.flatnonzero(with_it & judged.wrong)[0]) if bad else int(np.flatnonzero(with_it)[0])
        start, end = _find(texts[first], name)
        odds = (bad + 0.5) * (len(rest) - rest.sum() + 0.5) / ((with_it.sum() - bad + 0.5) * (rest.sum() + 0.5))
        entries.append(
            judged.places([first])[0] | {"start": start, "end": end, "with": int(with_it.sum()), "wrong": bad}
            | measured[place] | {"without": float(rest.mean()), "odds_ratio": float(odds)}
        )  # fmt: skip
    return entries


def _find(text: str, name: str) -> tuple[int, int]:
    """Where a term first stands in a text, by character."""
    places, wanted = split_words(text), name.split(" ")
    words = [text[start:end].casefold() for start, end in places]
    at = next(i for i in range(len(words)) if words[i : i + len(wanted)] == wanted)
    return places[at][0], places[at + len(wanted) - 1][1]
