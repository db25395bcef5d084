"""What is looked at beyond the scores, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from finetune.artifacts import Evaluation
from finetune.evaluation import calibration, errors, slices
from finetune.recipe import EvaluationSection


@dataclass(frozen=True)
class Examination:
    """One look at the predictions.

    Attributes:
        fills: The attribute of `Evaluation` that takes what was found.
        examine: Reads the evaluation (its tables and its scores), not the model.
    """

    fills: str
    examine: Callable[[Evaluation, EvaluationSection], dict[str, object]]


EXAMINATIONS: tuple[Examination, ...] = (
    Examination("calibration", calibration.examine),
    Examination("slices", slices.examine),
    Examination("errors", errors.examine),
)


def examine(evaluation: Evaluation, settings: EvaluationSection) -> None:
    """Fill in what the predictions alone can tell; on rank 0."""
    for examination in EXAMINATIONS:
        setattr(evaluation, examination.fills, examination.examine(evaluation, settings))
