"""Behaviour that the recipe expects of the model, and how often the model shows it.

Marco Tulio Ribeiro, Tongshuang Wu, Carlos Guestrin and Sameer Singh (2020), "Beyond Accuracy: Behavioral Testing of NLP
Models with CheckList", ACL: tests of minimum functionality, of invariance and of direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from finetune.artifacts import TrainedModel
from finetune.evaluation.agreement import NUMBERS, same_answer
from finetune.evaluation.check_cases import Case, Cases, find_cases
from finetune.recipe.examination import Check
from finetune.statistics.intervals import wilson
from finetune.task import Prediction, Row, Task

MOST_SHOWN = 5
"""Failing cases that are kept for each check."""
HOLDS, FAILS, NOT_MEASURED = "no failure found", "fails", "not measured"
"""Verdicts."""


@dataclass(frozen=True)
class Checked:
    """A check and the answers to its cases.

    Attributes:
        check: Of the recipe.
        cases: What it was tried on.
        answers: To each case as it is, and changed (None without a change).
    """

    check: Check
    cases: Cases
    answers: Sequence[tuple[Prediction, Prediction | None]]

    def decided(self, decide: Callable[[Sequence[Prediction]], list[Prediction]]) -> Checked:
        """The same, its answers by a rule that was chosen after they were given."""
        given = [one for pair in self.answers for one in pair if one is not None]
        return replace(self, answers=_paired(self.cases, decide(given)))


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        failed: Whether the model did not do what was expected.
        size: By how much; what the worst cases are ordered by.
    """

    failed: bool
    size: float


def answer(model: TrainedModel, rows: Sequence[Row], checks: Sequence[Check]) -> list[Checked]:
    """Ask the model about the cases of all checks, together; on all processes of a run.

    Args:
        model: Its task has seen all rows that are answered together (`Task.facing`).
        rows: All test rows.
        checks: Fit the task (`check_checks`).
    """
    found = [find_cases(check, model, rows) for check in checks]
    asked = [row for cases in found for case in cases.chosen for row in _inputs(case)]
    answers = iter(model.predict_together(asked) if asked else ())
    return [
        Checked(check, cases, _paired(cases, [next(answers) for case in cases.chosen for _ in _inputs(case)]))
        for check, cases in zip(checks, found, strict=True)
    ]


def measure(task: Task, checked: Sequence[Checked], confidence: float = 0.95) -> dict[str, Any]:
    """How often the model does not do what is expected; on rank 0.

    Args:
        task: Knows the kind of the target.
        checked: From `answer`.
        confidence: Level of the intervals.

    Returns:
        Name -> `kind`, `statement`, `cases`, `possible`, `from_rows`, `failures`, `rate` (share of failures, Wilson),
        `verdict`, `reason` (why nothing was measured) and `worst`: up to five failing cases, the worst first, each with
        `row` (a test row's id) or `text` and `changed` (of the template), `before` and `after` (labels or numbers),
        `value` and `moved` (the probability or number that counts, and how far it moved).
    """
    return {one.check.name: _measure_one(task, one, confidence) for one in checked}


def _measure_one(task: Task, checked: Checked, confidence: float) -> dict[str, Any]:
    check, cases = checked.check, checked.cases.chosen
    found = {
        "kind": check.kind, "statement": statement(check), "cases": len(cases), "possible": checked.cases.possible,
        "from_rows": sum(case.place is not None for case in cases),
    }  # fmt: skip
    if not cases:
        return {**found, "verdict": NOT_MEASURED, "reason": "no test row holds what it changes", "worst": []}
    outcomes = [judge_case(task.kind, check, *pair) for pair in checked.answers]
    failures = [i for i, outcome in enumerate(outcomes) if outcome.failed]
    worst = sorted(failures, key=lambda i: (-outcomes[i].size, i))[:MOST_SHOWN]
    return {
        **found, "failures": len(failures), "rate": wilson(len(failures), len(cases), confidence).to_dict(),
        "verdict": FAILS if failures else HOLDS,
        "worst": [_told(task.kind, check, cases[i], *checked.answers[i]) for i in worst],
    }  # fmt: skip


def judge_case(kind: str, check: Check, before: Prediction, after: Prediction | None) -> Outcome:
    """Whether a case fails, by the kind of the target and of the check."""
    if after is None:
        return _as_expected(kind, check, before)
    moved = _moved(kind, check, before, after)
    if check.kind == "direction":
        against = -moved if check.expect == "up" else moved
        return Outcome(against > (check.tolerance if check.least is None else -check.least), against)
    if kind in NUMBERS:
        return Outcome(abs(moved) > check.tolerance, abs(moved))
    other = not same_answer(kind, before, after)
    return Outcome(other or (check.label is not None and abs(moved) > check.tolerance), abs(moved) + other)


def statement(check: Check) -> str:
    """What is expected, in a sentence's end: `“good” → “fine” leaves the answer as it was`."""
    if check.kind == "minimum_functionality":
        wanted = check.expect
        return f"the answer is {', '.join(map(str, wanted)) if isinstance(wanted, list | tuple) else wanted}"
    changes = [f"“{old}” → “{new}”" for old, new in check.replace.items()]
    changes = [*changes[:3], "…"] if len(changes) > 3 else changes
    changes += [f"“{check.prepend}” in front"] if check.prepend else []
    changes += [f"“{check.append}” at the end"] if check.append else []
    if check.kind == "invariance":
        return f"{', '.join(changes)}: the answer stays as it was"
    what = f"the probability of {check.label}" if check.label is not None else "the number"
    far = f" by at least {check.least:g}" if check.least else ""
    return f"{', '.join(changes)}: {what} goes {check.expect}{far}"


def _as_expected(kind: str, check: Check, answer: Prediction) -> Outcome:
    given, wanted = answer["prediction"], check.expect
    if kind in NUMBERS:
        return Outcome(abs(given - wanted) > check.tolerance, abs(given - wanted))
    if kind == "multi_label":
        wanted = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
        return Outcome(set(given) != set(wanted), float(len(set(given) ^ set(wanted))))
    if not same_answer(kind, answer, {"prediction": wanted}):
        return Outcome(True, float((answer.get("scores") or {}).get(given, 1.0)))
    return Outcome(False, 0.0)


def _value(kind: str, check: Check, answer: Prediction) -> float | None:
    """The number that counts: the answer itself, or the probability of the label that is named or answered."""
    if kind in NUMBERS:
        return float(answer["prediction"])
    scores = answer.get("scores") or {}
    name = check.label if check.label is not None else answer["prediction"]
    return scores.get(name) if isinstance(name, str) else None


def _moved(kind: str, check: Check, before: Prediction, after: Prediction) -> float:
    """How far what counts moved: of a label that is not named, the probability of the one that was answered."""
    if check.label is None and kind not in NUMBERS and isinstance(before["prediction"], str):
        first, second = ((answer.get("scores") or {}).get(before["prediction"]) for answer in (before, after))
    else:
        first, second = _value(kind, check, before), _value(kind, check, after)
    return 0.0 if first is None or second is None else float(second - first)


def _told(kind: str, check: Check, case: Case, before: Prediction, after: Prediction | None) -> dict[str, Any]:
    """A case for the record: words of test rows stay out of it, answers taken from them too."""
    source = (
        {"text": case.text, "changed": case.changed} if case.place is None else {"row": str(case.before.get("row"))}
    )
    hidden = case.place is not None and kind in ("answers", "choice")
    told = {**source, "value": _value(kind, check, before)}
    told |= {} if hidden else {"before": before["prediction"]}
    if after is not None:
        told |= {"moved": _moved(kind, check, before, after)} | ({} if hidden else {"after": after["prediction"]})
    return told


def _inputs(case: Case) -> list[Row]:
    return [case.before] if case.after is None else [case.before, case.after]


def _paired(cases: Cases, answers: Sequence[Prediction]) -> list[tuple[Prediction, Prediction | None]]:
    given = iter(answers)
    return [(next(given), None if case.after is None else next(given)) for case in cases.chosen]
