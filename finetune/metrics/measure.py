"""The noun that all built-in metrics share: an `evaluate.Metric` whose computation is also a pure numpy method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import DataError, EmptyDataError, LabelError, UsageError, did_you_mean
from finetune.metrics.facts import Direction, Facts, Kind

Array = NDArray[Any]


class Measure(evaluate.Metric, ABC):
    """A metric that works through `evaluate` and as a pure function.

    `measure` reads arrays and touches no file, so a bootstrap can call it thousands of times; `compute`, `add` and
    `add_batch` are evaluate's and give the same numbers. Results are kept in memory and no folder is made unless
    `keep_in_memory=False` is passed or there are several processes (which evaluate synchronises through files).

    A subclass sets `facts` and writes `_measure`; `abc` keeps `evaluate.load` from taking this class for the metric.
    """

    facts: ClassVar[Facts]
    direction: ClassVar[Direction | None]
    kinds: ClassVar[frozenset[Kind]]
    needs_scores: ClassVar[bool]
    configs: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "facts" in vars(cls):
            cls.direction = cls.facts.direction
            cls.kinds = cls.facts.kinds
            cls.needs_scores = cls.facts.needs_scores
            cls.configs = _configs(cls.facts)

    def __init__(self, config_name: str | None = None, **settings: Any) -> None:
        if config_name is not None and config_name not in self.configs:
            name = type(self).__name__
            raise UsageError(
                f"{name} has no configuration {config_name!r}.", did_you_mean(config_name, sorted(self.configs))
            )
        settings.setdefault("keep_in_memory", settings.get("num_process", 1) == 1)
        super().__init__(config_name, **settings)

    def measure(
        self, predictions: ArrayLike, references: ArrayLike, *, num_labels: int | None = None
    ) -> dict[str, Any]:
        """The metric of some rows, without files.

        Args:
            predictions: single_label and choice (n,) int; multi_label (n, L) 0/1; regression and similarity (n,) float.
                Where `needs_scores`: scores (n, C), or (n,) of the label 1.
            references: single_label (n,) int in [0, num_labels); choice (n,) int from 0 upwards; multi_label (n, L)
                0/1; regression and similarity (n,) float.
            num_labels: Number of labels of a single_label target; None takes the largest label seen, plus one, which
                in a bootstrap would change from one resample to the next. Other targets ignore it.

        Returns:
            `facts.outputs` to its value; NaN where the metric is undefined on these rows, or an input is NaN.

        Raises:
            UsageError: The metric does not apply to targets of this kind.
            DataError: The shapes do not fit (EmptyDataError: no rows; LabelError: a value that is no label).
        """
        given, wanted = np.asarray(predictions), np.asarray(references)
        self._check(given, wanted)
        if "regression" in self.kinds:
            return self._measure(given.astype(np.float64, copy=False), wanted.astype(np.float64, copy=False), None)
        wanted = _as_labels(wanted)
        return self._measure(given if self.needs_scores else _as_labels(given), wanted, num_labels)

    def row_scores(self, predictions: Any, references: Any = None) -> dict[str, Array]:
        """What the metric is the mean of, for tests of paired differences per row.

        Args:
            predictions: As `measure` takes them.
            references: Likewise.

        Returns:
            Per score that is a mean over rows, its value in each row: (n,) float64. {} for a metric that is no mean.

        Raises:
            DataError: As `measure` does.
        """
        given, wanted = np.asarray(predictions), np.asarray(references)
        self._check(given, wanted)
        return self._row_scores(given, wanted)

    def _row_scores(self, _predictions: Array, _references: Array, /) -> dict[str, Array]:
        """`row_scores` for arrays that fit each other."""
        return {}

    @abstractmethod
    def _measure(self, predictions: Array, references: Array, num_labels: int | None, /) -> dict[str, Any]:
        """`measure` for checked arrays: labels are int64, numbers float64."""

    def _check(self, predictions: Array, references: Array) -> None:
        name = self.facts.outputs[0]
        if references.ndim == 2 and "multi_label" not in self.kinds:
            raise UsageError(f"{name} does not apply to multi-label targets.", "Choose accuracy, f1 or auc.")
        fits = len(predictions) == len(references) if self.needs_scores else predictions.shape == references.shape
        if references.ndim not in (1, 2) or not fits:
            shapes = f"predictions {predictions.shape}, references {references.shape}"
            raise DataError(f"{name}: the shapes do not fit: {shapes}.", "Give one prediction per reference.")
        if not len(references):
            raise EmptyDataError(f"{name}: there are no rows.", "Check the filters and the split.")

    def _info(self) -> Any:
        return evaluate.MetricInfo(
            description=type(self).__doc__ or "",
            citation="",
            inputs_description=type(self).measure.__doc__ or "",
            features=datasets.Features(self._features()),
        )

    def _features(self) -> dict[str, Any]:
        """Columns of evaluate's table, named and nested as in evaluate's own metrics."""
        number, label = datasets.Value("float64"), datasets.Value("int64")
        if "regression" in self.kinds:
            return {"predictions": number, "references": number}
        given = ("prediction_scores", number) if self.needs_scores else ("predictions", label)
        nested = self.config_name != "default"
        wanted = datasets.Sequence(label) if self.config_name == "multilabel" else label
        return {given[0]: datasets.Sequence(given[1]) if nested else given[1], "references": wanted}

    def _compute(self, *, references: Any = None, **given: Any) -> dict[str, Any]:
        column = given.pop("prediction_scores" if self.needs_scores else "predictions")
        return self.measure(column, references, **given)

    def _build_data_dir(self) -> str:
        # In memory there is nothing to write: an unwritable cache folder must not stop an evaluation.
        return str(self._data_dir_root if self.keep_in_memory else super()._build_data_dir())


def _configs(facts: Facts) -> tuple[str, ...]:
    more = ("multiclass",) if facts.needs_scores else ()
    return ("default", *more, *(("multilabel",) if "multi_label" in facts.kinds else ()))


def _as_labels(values: Array) -> Array:
    """`values` as int64; floats that are whole numbers (0.0 and 1.0 of multi-label targets) pass."""
    if values.dtype.kind in "iub":
        return values.astype(np.int64, copy=False)
    whole = values.astype(np.int64) if values.dtype.kind == "f" and np.isfinite(values).all() else None
    if whole is None or not np.array_equal(whole, values):
        raise LabelError(f"Labels have to be whole numbers, not {values.dtype}.", "Map names to label ids first.")
    return whole
