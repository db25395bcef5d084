"""Numbers beyond the scores that a goal may name, such as `calibration.ece`: each look at a model can bring its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.artifacts import Evaluation
from finetune.evaluation import probing, slices
from finetune.evaluation.deciding import states_probabilities
from finetune.recipe import EvaluationSection
from finetune.task import Task

Entries = Mapping[str, Mapping[str, Any]]
"""Name of a number -> `value` and, where it has an interval, `low` and `high`."""


@dataclass(frozen=True)
class GoalNumbers:
    """The numbers of one look.

    Attributes:
        prefix: What stands before the dot in their names.
        names: Those that a run with these settings will have, to refuse others before the training.
        read: Those that an evaluation has.
    """

    prefix: str
    names: Callable[[EvaluationSection, Task], Sequence[str]]
    read: Callable[[Evaluation], Entries]


_OF_CALIBRATION = ("ece", "brier", "nll", "aurc")
_NOTHING: Mapping[str, Any] = {"value": None, "low": None, "high": None}
"""A number that could not be measured: a goal on it does not hold."""


def _calibration_names(settings: EvaluationSection, task: Task) -> Sequence[str]:
    return _OF_CALIBRATION if states_probabilities(task) else ()


def _calibration(evaluation: Evaluation) -> Entries:
    """Of the model as it is: with the temperature where that is applied."""
    found = evaluation.calibration
    if "as_is" not in found:
        return dict.fromkeys(_OF_CALIBRATION, _NOTHING)
    measured = found[found["as_is"]]
    return {name: measured[name] for name in ("ece", "brier", "nll")} | {"aurc": found["abstention"]["area"]}


def _slices(evaluation: Evaluation) -> Entries:
    """The lowest of all parts: low by being chosen among many, so a bound on it is a strict one."""
    return {"worst": slices.worst(evaluation.slices) or _NOTHING}


GOAL_NUMBERS: tuple[GoalNumbers, ...] = (
    GoalNumbers("calibration", _calibration_names, _calibration),
    GoalNumbers("slices", lambda _settings, _task: ("worst",), _slices),
    GoalNumbers("robustness", probing.robustness_goals, probing.robustness_numbers),
    GoalNumbers("checks", probing.check_goals, probing.check_numbers),
)


def goal_names(settings: EvaluationSection, task: Task) -> list[str]:
    """Names of all numbers that a run with these settings will have."""
    return [f"{one.prefix}.{name}" for one in GOAL_NUMBERS for name in one.names(settings, task)]


def goal_entries(evaluation: Evaluation) -> dict[str, Mapping[str, Any]]:
    """All numbers that an evaluation has, by their full names."""
    return {f"{one.prefix}.{name}": entry for one in GOAL_NUMBERS for name, entry in one.read(evaluation).items()}
