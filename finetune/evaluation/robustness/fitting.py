"""What fits a task: by its columns, by whether it rewrites rows at all, and by what it rewrites of some."""

from __future__ import annotations

from collections.abc import Sequence

from finetune.errors import RecipeError, did_you_mean
from finetune.evaluation.robustness.perturbations import EDITS, MEDIA
from finetune.task import Row, Task
from finetune.text.rewriting import edited_texts

_LOOKED_AT = 50
"""Rows, the first ones, by which it is decided whether a task takes an edit."""


def fitting_perturbations(task: type[Task] | Task, rows: Sequence[Row] | None = None) -> tuple[str, ...]:
    """The perturbations that a task takes, in the recipe's order.

    Args:
        task: A task, or its class.
        rows: Some of its rows with targets. With a task they say more than its columns: a pair of texts bears no
            synonyms, a question whose answer has no place no edit at all.
    """
    kinds: set[str] = {column.kind for column in task.input_columns()}
    return tuple(name for name in (*EDITS, *MEDIA) if not why_not(name, task, kinds, rows))


def why_not(name: str, task: type[Task] | Task, kinds: set[str], rows: Sequence[Row] | None = None) -> str:
    """Why a perturbation does not fit a task; empty where it does."""
    if name in MEDIA:
        return "" if MEDIA[name] in kinds else f"there is no column of kind {MEDIA[name]}"
    cls = task if isinstance(task, type) else type(task)
    if cls.rewrite is Task.rewrite or not kinds & EDITS[name].kinds:
        return "the task does not say how its texts may be edited"
    if rows is None or not isinstance(task, Task):
        return ""
    conservative = EDITS[name].conservative
    for row in rows[:_LOOKED_AT]:
        if edited_texts(lambda edit, row=row: task.rewrite(row, edit, conservative=conservative)):  # type: ignore[misc]
            return ""
    return "its target could change with such an edit" if not conservative else "it allows no edits of these rows"


def check_perturbations(names: Sequence[str], task: Task, rows: Sequence[Row] | None = None) -> None:
    """Refuse what does not fit, before anything is trained.

    Args:
        names: Of the recipe.
        task: Knows its target.
        rows: Some training rows with targets.

    Raises:
        RecipeError: Says why one does not fit, and which do.
    """
    kinds: set[str] = {column.kind for column in task.input_columns()}
    few = None if rows is None else [rows[i] for i in range(min(len(rows), _LOOKED_AT))]
    for name in names:
        if reason := why_not(name, task, kinds, few):
            fitting = fitting_perturbations(task, few)
            raise RecipeError(
                f"evaluation.robustness.perturbations names {name!r}, which does not fit {task.name}: {reason}.",
                did_you_mean(name, fitting) if fitting else "None does; leave evaluation.robustness out.",
            )
