"""A benchmark's score as another harness gave it, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from finetune.statistics.intervals import wilson

CAVEATS = (
    "These scores were computed by another harness on tasks of its own. They compare only with scores of the same "
    "harness, the same version of the task, and the same number of examples shown before the question.",
    "Whether the model had read the benchmark's rows before is not known from them.",
)
_TOLERANCE, _EXACT = 1e-3, 1e-9


@dataclass(frozen=True)
class BenchmarkScore:
    """One metric of one task.

    Attributes:
        harness: `lm-eval` or `lighteval`.
        harness_version: Its version or commit; None where the file does not say.
        task: The task's name.
        task_version: Its version there; None where it has none.
        metric: The metric's name.
        filter: What the answers went through before they were scored; empty where nothing.
        value: The score.
        standard_error: As the harness gave it; None where it gave none.
        low: Lower end of the interval; None without one.
        high: Upper end.
        confidence: Its level, in (0, 1).
        method: `wilson` where the score is a share of rows, `normal` for value ± z standard errors, else `none`.
        rows: Rows that were scored; None where the file does not say.
        total: Rows that the task has; more than `rows` where it was cut short.
        examples: Examples shown before each question.
        direction: Whether `higher` or `lower` is better; `unknown` where the harness does not say.
        model: What the file calls the model.
        revision: Its commit, where the file names one.
    """

    harness: str
    harness_version: str | None
    task: str
    task_version: str | None
    metric: str
    filter: str
    value: float
    standard_error: float | None
    low: float | None
    high: float | None
    confidence: float
    method: str
    rows: int | None
    total: int | None
    examples: int | None
    direction: str
    model: str
    revision: str | None

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes it another measurement rather than the same one made anew."""
        return (self.harness, self.task, self.task_version, self.metric, self.filter, self.examples, self.rows,
                self.model, self.revision)  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def interval_of(
    value: float, standard_error: float | None, rows: int | None, confidence: float
) -> tuple[float | None, float | None, str]:
    """The interval of a score of which only the standard error is known, and how it was made.

    A share of rows is told by its standard error, √(v (1 - v) / (n - 1)): its interval is Wilson's, since the normal
    one has no width where every row is right and leaves [0, 1] near the ends.

    Example:
        >>> interval_of(1.0, 0.0, 10, 0.95)[2], interval_of(12.5, None, 10, 0.95)
        ('wilson', (None, None, 'none'))
    """
    if rows and rows > 1 and standard_error is not None and _is_share(value, standard_error, rows):
        found = wilson(round(value * rows), rows, confidence)
        return found.low, found.high, "wilson"
    if standard_error is None or standard_error == 0:
        return None, None, "none"
    half = NormalDist().inv_cdf((1 + confidence) / 2) * standard_error
    return value - half, value + half, "normal"


def rows_of_share(value: float, standard_error: float | None) -> int | None:
    """How many rows a score was measured on, where it can only be a share of rows: n = v (1 - v) / s² + 1.

    None where that is no whole number, or v n is none.

    Example:
        >>> rows_of_share(0.75, 0.16366341767699427), rows_of_share(0.75, 0.16)
        (8, None)
    """
    if standard_error is None or standard_error <= 0 or not 0 < value < 1:
        return None
    rows = value * (1 - value) / standard_error**2 + 1
    found = round(rows)
    whole = abs(rows - found) <= _EXACT * rows and abs(value * found - round(value * found)) <= _EXACT * rows
    return found if whole and found > 1 else None


def _is_share(value: float, standard_error: float, rows: int) -> bool:
    if not 0 <= value <= 1 or abs(value * rows - round(value * rows)) > _TOLERANCE:
        return False
    expected = math.sqrt(value * (1 - value) / (rows - 1))
    return abs(standard_error - expected) <= _TOLERANCE * max(expected, _TOLERANCE)


def joined(known: dict[str, Any], scores: Sequence[BenchmarkScore]) -> tuple[dict[str, Any], int]:
    """What `Evaluation.benchmarks` holds with these scores added, and how many older ones they take the place of."""
    keys = {score.key for score in scores}
    before = [BenchmarkScore(**entry) for entry in known.get("scores", ())]
    kept = [score for score in before if score.key not in keys]
    entries = sorted([*kept, *scores], key=lambda score: (score.harness, score.task, score.metric, score.filter))
    return {"scores": [score.to_dict() for score in entries], "caveats": list(CAVEATS)}, len(before) - len(kept)
