"""Metrics that are functions of sums over rows, and scores of subsets of rows.

A resample of a bootstrap then costs a sum of numbers per row: texts, tags and rankings are read once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import datasets
import numpy as np
from numpy.typing import NDArray

from finetune.errors import DataError, EmptyDataError
from finetune.metrics.facts import Kind
from finetune.metrics.measure import Array, Measure

_TEXT, _NUMBER = datasets.Value("string"), datasets.Value("float64")
_TEXTS = datasets.Sequence(_TEXT)
# Of evaluate's table. It has no mappings, hence the records; items of rankings are compared as strings there.
_COLUMNS: dict[Kind, dict[str, Any]] = {
    "tags": {"predictions": _TEXTS, "references": _TEXTS},
    "answers": {"predictions": _TEXT, "references": _TEXTS},
    "ranking": {"predictions": _TEXTS, "references": [{"item": _TEXT, "gain": _NUMBER}]},
    "likelihood": {"predictions": datasets.Sequence(_NUMBER)},
}


class AdditiveMeasure(Measure):
    """A metric whose value is a function of sums over rows.

    A subclass sets `facts`, writes `_per_row` (the k summands of every row) and `_combine` (the scores of their sums).
    The forms of predictions and references are those of its kind, see `finetune.metrics.facts.Facts`.
    """

    def measure(self, predictions: Any, references: Any = None, **_settings: Any) -> dict[str, Any]:
        """The metric of some rows, without files.

        Args:
            predictions: One per row, in a sequence or an object array; the form of each is that of the metric's kind.
            references: Likewise; not read where the kind is `likelihood`.
            _settings: What a task gives to all its metrics; metrics of this form need none of it.

        Returns:
            `facts.outputs` to its value; NaN where the metric is undefined on these rows.

        Raises:
            DataError: Predictions or references are not of that form; names the row (EmptyDataError: no rows).
        """
        return self._measure(*self._lists(predictions, references), None)

    def per_row(self, predictions: Any, references: Any = None) -> Array:
        """The summands: (n, k) float64; takes and raises what `measure` does."""
        return self._per_row(*self._lists(predictions, references))

    def row_scores(self, predictions: Any, references: Any = None) -> dict[str, Array]:
        """Per score that is a mean over rows, its value in each row: (n,) float64; {} where none is."""
        return {}

    def combine(self, totals: Array) -> dict[str, float]:
        """The scores, from the sums (k,) of the summands over the rows to be scored."""
        return self._combine(totals)

    @abstractmethod
    def _per_row(self, predictions: Sequence[Any], references: Sequence[Any], /) -> Array:
        """(n, k) float64 for n > 0 predictions and references."""

    @abstractmethod
    def _combine(self, totals: Array, /) -> dict[str, float]:
        """Scores by name from the (k,) sums of `_per_row`."""

    def _measure(self, predictions: Any, references: Any, _num_labels: int | None, /) -> dict[str, Any]:
        return self._combine(self._per_row(predictions, references).sum(axis=0))

    def _lists(self, predictions: Any, references: Any) -> tuple[list[Any], list[Any]]:
        """Both as lists, not arrays: numpy would make a matrix of rows that happen to be equally long."""
        name, given = self.facts.outputs[0], list(predictions)
        wanted = given if "likelihood" in self.kinds else list(() if references is None else references)
        if len(given) != len(wanted):
            cause = f"{name}: there are {len(given)} predictions and {len(wanted)} references."
            raise DataError(cause, "Give one prediction per reference.")
        if not given:
            raise EmptyDataError(f"{name}: there are no rows.", "Check the filters and the split.")
        return given, wanted

    def _features(self) -> dict[str, Any]:
        (kind,) = self.kinds
        return _COLUMNS[kind]


class MeanMeasure(AdditiveMeasure):
    """A metric that is the mean over rows of a score per row. A subclass sets `facts` and writes `_score`."""

    @abstractmethod
    def _score(self, prediction: Any, reference: Any, row: int, /) -> tuple[float, ...]:
        """One score per name in `facts.outputs`; `row` is for messages."""

    def _per_row(self, predictions: Sequence[Any], references: Sequence[Any], /) -> Array:
        pairs = enumerate(zip(predictions, references, strict=True))
        return np.array([(*self._score(given, wanted, row), 1.0) for row, (given, wanted) in pairs], np.float64)

    def row_scores(self, predictions: Any, references: Any = None) -> dict[str, Array]:
        """The score of each row by name, (n,) float64; takes and raises what `measure` does."""
        return dict(zip(self.facts.outputs, self.per_row(predictions, references)[:, :-1].T, strict=True))

    def _combine(self, totals: Array, /) -> dict[str, float]:
        means = totals[:-1] / totals[-1]
        return dict(zip(self.facts.outputs, means.tolist(), strict=True))


def score_function(
    metric: Any, answers: Any, references: Any, settings: Mapping[str, Any] | None = None
) -> Callable[[NDArray[np.int64]], dict[str, float]]:
    """The scores of any of the rows, as a function of their indices.

    Args:
        metric: What `finetune.metrics.load_metric` gives: built in, or any `evaluate` metric.
        answers: (n, ...) predictions, or scores where the metric needs them; a sequence or an array.
        references: (n, ...) references, likewise.
        settings: Keyword arguments of `measure`, such as `num_labels`; metrics that are not built in get none.

    Returns:
        A function from row indices (m,) int64, in any order and with repetitions, to scores by name. What is not a
        number (tables) is left out.

    Raises:
        DataError: The rows do not fit the metric; for an `AdditiveMeasure` now, for others when the function is called.

    Example:
        >>> from finetune.metrics import load_metric
        >>> scores = score_function(load_metric("exact_match"), ["yes", "no"], [["Yes."], []])
        >>> scores(np.array([0, 0, 1, 1]))
        {'exact_match': 0.5}
    """
    if isinstance(metric, AdditiveMeasure):
        summands = metric.per_row(answers, references)
        return lambda rows: metric.combine(summands[rows].sum(axis=0))
    if hasattr(metric, "measure"):
        given, wanted = np.asarray(answers), np.asarray(references)
        return lambda rows: _numbers(metric.measure(given[rows], wanted[rows], **(settings or {})))
    return lambda rows: _numbers(metric.compute(predictions=_some(answers, rows), references=_some(references, rows)))


def _some(values: Any, rows: NDArray[np.int64]) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among `values`; numpy's and torch's have the shape ()."""
    kept = {name: v for name, v in values.items() if isinstance(v, Real) or getattr(v, "shape", None) == ()}
    return {name: float(value) for name, value in kept.items()}
