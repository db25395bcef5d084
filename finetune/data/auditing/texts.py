"""Texts: how long they are, what characters they are made of, which were decoded wrongly or look unlike the others."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.numbers import QUANTILES, histogram, name_quantiles, rounded
from finetune.data.auditing.sampling import RowList, Sample
from finetune.data.auditing.values import as_array, is_blank, mask
from finetune.text.repair import character_classes, is_damaged

Array = NDArray[Any]
LENGTH_FACTOR = 3.0
"""Quartile distances of log(1 + characters), on either side, beyond which a text is far from the others: lengths are
skewed, and Tukey's own 1.5 on the plain ones would name every tenth text of a natural corpus."""
_LEAST_SPREAD = 0.2
"""Of these logarithms: texts of nearly one length are no reason to name one that has a fifth more characters."""
CLASS_DISTANCE = 0.35
"""Share of characters by which a text has to differ from the median text, at least."""
CLASS_FACTOR = 6.0
"""And so many scaled median absolute deviations."""


class Counts:
    """Exact distribution of whole numbers that come in batches."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add(self, values: Array) -> None:
        """Take a batch of integers."""
        found, times = np.unique(values, return_counts=True)
        for value, count in zip(found.tolist(), times.tolist(), strict=True):
            self.counts[value] += count

    def arrays(self) -> tuple[Array, Array]:
        """The values in ascending order, and how often each stands."""
        values = sorted(self.counts)
        return np.array(values, dtype=np.float64), np.array([self.counts[v] for v in values], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """`min, max, mean, quantiles, histogram`; nulls where nothing was counted."""
        values, times = self.arrays()
        return {
            "min": rounded(values[0]) if len(values) else None,
            "max": rounded(values[-1]) if len(values) else None,
            "mean": rounded(np.dot(values, times) / times.sum()) if len(values) else None,
            "quantiles": name_quantiles(self._quantiles(values, times)),
            "histogram": histogram(values, times),
        }

    @staticmethod
    def _quantiles(values: Array, times: Array) -> Array:
        """As numpy's, without the values one by one."""
        if not len(values):
            return np.full(len(QUANTILES), np.nan)
        ends = np.cumsum(times)
        places = np.array(QUANTILES) * (ends[-1] - 1)
        low = values[np.searchsorted(ends, np.floor(places), side="right")]
        high = values[np.searchsorted(ends, np.ceil(places), side="right")]
        found: Array = low + (high - low) * (places - np.floor(places))
        return found


class TextColumn:
    """Summary of a column of texts.

    Args:
        array: The texts of the sample's rows, of Arrow.
        sample: Rows whose texts bound what is usual.
    """

    def __init__(self, array: Any, sample: Sample) -> None:
        self.sample, self.drawn = sample, [(row, text) for row, text in zip(sample.rows, array.to_pylist(), strict=True)
                                           if text and not text.isspace()]  # fmt: skip
        self.bounds = length_bounds(np.array([len(text) for _, text in self.drawn]))
        self.characters, self.words = Counts(), Counts()
        self.empty = 0
        self.damaged, self.far = RowList(), RowList()

    def add(self, split: str, rows: Array, array: Any) -> None:
        """Take a batch: (n,) indices in the split, their texts as an Arrow array."""
        import pyarrow.compute as pc

        blank = as_array(is_blank(array).fill_null(False))
        there = ~blank & as_array(array.is_valid())
        self.empty += int(blank.sum())
        texts, rows = array.filter(mask(there)), rows[there]
        lengths = as_array(pc.utf8_length(texts))
        words = pc.list_value_length(pc.utf8_split_whitespace(pc.utf8_trim_whitespace(texts)))
        self.characters.add(lengths)
        self.words.add(as_array(words))
        if self.bounds is not None:
            self.far.add(split, rows[(lengths < self.bounds[0]) | (lengths > self.bounds[1])])
        self._look_for_damage(split, rows, texts)

    def _look_for_damage(self, split: str, rows: Array, texts: Any) -> None:
        """Only texts beyond ASCII can be damaged; each of them is looked at in Python."""
        import pyarrow.compute as pc

        foreign = ~as_array(pc.string_is_ascii(texts))
        suspects = texts.filter(mask(foreign)).to_pylist()
        wrong = np.array([is_damaged(text) for text in suspects], dtype=bool)
        self.damaged.add(split, rows[foreign][wrong])

    def to_dict(self) -> dict[str, Any]:
        """The entry `texts` of the audit."""
        low, high = self.bounds or (None, None)
        shares = class_shares([text for _, text in self.drawn])
        return {
            "characters": self.characters.to_dict(),
            "words": self.words.to_dict(),
            "classes": {name: rounded(share) for name, share in shares["all"].items()},
            "empty": self.empty,
            "damaged": self.damaged.to_dict(),
            "outliers": {
                "length": {"low": rounded(low) if low is not None else None,
                           "high": rounded(high) if high is not None else None, **self.far.to_dict()},
                "classes": class_outliers([row for row, _ in self.drawn], shares["each"]),
            },
            "sampled": self.sample.sampled,
        }  # fmt: skip


def length_bounds(lengths: Array) -> tuple[float, float] | None:
    """Characters under and over which a text is far from the others; None where there are no texts."""
    if not len(lengths):
        return None
    low, high = np.quantile(np.log1p(lengths), [0.25, 0.75])
    reach = LENGTH_FACTOR * max(high - low, _LEAST_SPREAD)
    return float(np.expm1(low - reach)), float(np.expm1(high + reach))


def class_shares(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Of each character class its share of all characters (`all`), and of each text's (`each`, (n,))."""
    found = [character_classes(text) for text in texts]
    names = list(found[0]) if found else []
    counts = np.array([[classes.get(name, 0) for name in names] for classes in found], dtype=np.float64)
    sizes = np.array([max(1, len(text)) for text in texts], dtype=np.float64)
    if not names:
        return {"all": {}, "each": {}}
    total = counts.sum(axis=0) / counts.sum()
    return {
        "all": dict(zip(names, total.tolist(), strict=True)),
        "each": {name: counts[:, i] / sizes for i, name in enumerate(names)},
    }


def class_outliers(rows: list[str], shares: dict[str, Array]) -> dict[str, Any]:
    """Texts that are made of other characters than most: rows of symbols, of digits, in another alphabet."""
    beyond, bounds = np.zeros(len(rows), dtype=bool), {}
    for name, share in shares.items():
        middle = float(np.median(share))
        spread = float(np.median(np.abs(share - middle))) / 0.6745
        reach = max(CLASS_DISTANCE, CLASS_FACTOR * spread)
        beyond |= np.abs(share - middle) > reach
        bounds[name] = {"low": rounded(max(0.0, middle - reach)), "high": rounded(min(1.0, middle + reach))}
    found = RowList()
    found.add_named([row for row, far in zip(rows, beyond, strict=True) if far])
    return {**found.to_dict(), "bounds": bounds}
