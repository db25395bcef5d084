"""How a model's probabilities become its answers, where that was chosen on validation rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from finetune.statistics.temperature import scale
from finetune.task import Prediction, Task

EXCLUSIVE = ("single_label", "choice")
"""Kinds of targets of which one of several alternatives is true; their probabilities sum to 1."""
SEVERAL = ("multi_label",)
"""Kinds with a probability for each label by itself."""


@dataclass(frozen=True)
class Decision:
    """A rule on top of the model: first the temperature, then the thresholds.

    Attributes:
        temperature: What log-probabilities are divided by; None (or 1) leaves them as they are.
        thresholds: Label -> least probability from which on it is answered. With two labels one of them stands here,
            and the other is answered below. Labels of several per row that do not stand here keep the task's own.
    """

    temperature: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return self.temperature not in (None, 1.0) or bool(self.thresholds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> Self:
        """The inverse of `to_dict`; nothing makes the rule that changes nothing."""
        known = values or {}
        return cls(known.get("temperature"), dict(known.get("thresholds") or {}))

    def apply(self, task: Task, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Answers of `Task.predict` by this rule.

        Where a task's answers have no probabilities of all that could be answered, they stay as they are; so do the
        answers themselves where only a temperature is set, which changes how sure they are and not which is likeliest
        (labels of several per row are chosen anew: the probability has to reach the task's threshold afterwards).

        Args:
            task: Knows the kind of the target.
            predictions: With `scores`, as the model made them: a rule is not applied twice.
        """
        if not self or task.kind not in (*EXCLUSIVE, *SEVERAL):
            return list(predictions)
        return [self._decide(task, prediction) for prediction in predictions]

    def _decide(self, task: Task, prediction: Prediction) -> Prediction:
        scores = _scaled(prediction["scores"], self.temperature or 1.0, exclusive=task.kind in EXCLUSIVE)
        answer = prediction["prediction"]
        if task.kind in SEVERAL:
            answer = [name for name, p in scores.items() if p >= self.thresholds.get(name, task.threshold)]
        elif self.thresholds and task.kind == "single_label":
            answer = self._of_two(scores)
        return {**prediction, "prediction": answer, "scores": scores}

    def _of_two(self, scores: Mapping[str, float]) -> str:
        (label, least), *_ = self.thresholds.items()
        other = next(name for name in scores if name != label)
        return label if scores[label] >= least else other


def _scaled(scores: Mapping[str, float | None], temperature: float, *, exclusive: bool) -> dict[str, Any]:
    """The scores at another temperature; None, which stands for an alternative that the row does not have, stays."""
    if temperature == 1:
        return dict(scores)
    given = np.array([[np.nan if value is None else value for value in scores.values()]], dtype=np.float64)
    found = scale(given, temperature, exclusive=exclusive)[0].tolist()
    return {
        name: None if old is None else float(new)
        for (name, old), new in zip(scores.items(), found, strict=True)
    }  # fmt: skip
