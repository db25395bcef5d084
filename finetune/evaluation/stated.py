"""Probabilities beside what came true: what the looks at calibration, thresholds and abstention read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune.artifacts import Evaluation
from finetune.evaluation.scored import Scored
from finetune.recipe import EvaluationSection
from finetune.statistics.intervals import bootstrap, wilson
from finetune.statistics.temperature import scale

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Stated:
    """The probabilities of a table's rows, by the rule that was scored.

    Attributes:
        names: What the columns stand for.
        labelled: Whether these are labels, the same in every row; not where each row has alternatives of its own.
        probabilities: (n, k), NaN for what a row does not have.
        truth: (n,) the column that is true; or (n, k) of 0 and 1 where several may be.
        right: (n,) bool, whether the answer is right (of several labels: all of them).
        confidence: (n,) how sure the answer is: its probability. Of several labels the product over all labels of the
            probability that this one is decided right, which takes them as independent.
        clusters: (n,) what makes rows depend on each other; None where nothing does.
    """

    names: list[str]
    labelled: bool
    probabilities: Array
    truth: Array
    right: Array
    confidence: Array
    clusters: Array | None

    @classmethod
    def of(cls, evaluation: Evaluation, *, validation: bool = False) -> Stated | None:
        """Of the test rows, or of the validation rows; None where there are no rows, or answers state nothing."""
        table = evaluation.validation if validation else evaluation.predictions
        if not table or not table.get("reference") or not any(name.startswith("score:") for name in table):
            return None
        scored = Scored.of(evaluation, validation=validation)
        found = scored.task.outcomes(scored.rows, scored.predictions, scored.references)
        if found is None:
            return None
        probabilities, truth = found
        right, given = _right(scored.arrays)
        names = list(scored.predictions[0]["scores"])
        labelled = names == [str(name) for name in scored.task.state().get("names", ())]
        sure = _confidence(probabilities, truth, given if labelled else None)
        return cls(names, labelled, probabilities, truth, right, sure, scored.clusters)

    @property
    def exclusive(self) -> bool:
        """Whether exactly one column is true in each row."""
        return self.truth.ndim == 1

    def at(self, temperature: float) -> Array:
        """The probabilities (n, k) at another temperature, on top of that which they have already."""
        return scale(self.probabilities, temperature, exclusive=self.exclusive)

    def positive(self, column: int) -> Array:
        """(n,) bool, whether that label is true."""
        return np.asarray(self.truth == column if self.exclusive else self.truth[:, column] == 1)


def _right(arrays: dict[str, Array]) -> tuple[Array, Array]:
    same = arrays["predictions"] == arrays["references"]
    return np.asarray(same.all(axis=1) if same.ndim == 2 else same, dtype=bool), arrays["predictions"]


def _confidence(probabilities: Array, truth: Array, given: Array | None) -> Array:
    if truth.ndim == 2:
        return np.asarray(np.where(given == 1, probabilities, 1 - probabilities).prod(axis=1))
    if given is None:
        return np.asarray(np.nanmax(probabilities, axis=1))
    return np.asarray(probabilities[np.arange(len(given)), given])


def share_with_interval(hits: Array, settings: EvaluationSection, clusters: Array | None = None) -> dict[str, Any]:
    """The share of rows with a 1 and its interval: Wilson's; by the bootstrap over clusters where rows depend on each
    other. Without rows all is None.

    Args:
        hits: (n,) bool.
        settings: Level and number of resamples.
        clusters: (n,) of the same rows.
    """
    if not len(hits):
        return {"value": None, "low": None, "high": None, "rows": 0}
    found = wilson(int(hits.sum()), len(hits), settings.confidence)
    if clusters is not None and len(np.unique(clusters)) > 1:
        drawn = bootstrap(lambda rows: {"share": hits[rows].mean()}, len(hits), resamples=settings.resamples,
                          confidence=settings.confidence, groups=clusters)["share"]  # fmt: skip
        found = drawn if math.isfinite(drawn.low) and drawn.low < drawn.high else found
    return {"value": found.value, "low": found.low, "high": found.high, "rows": len(hits)}


def plain(value: Any) -> Any:
    """The same with None for what JSON has no number for, and Python's own numbers."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
