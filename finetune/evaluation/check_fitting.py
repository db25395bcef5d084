"""Which stated behaviours a task can be checked for, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from finetune.errors import RecipeError, did_you_mean
from finetune.evaluation.check_cases import text_columns
from finetune.recipe.examination import Check
from finetune.task import Task

LABELS = ("single_label", "multi_label")
NUMBERS = ("regression", "similarity")
WORDS = ("answers",)
CHOICES = ("choice",)
KNOWN = (*LABELS, *NUMBERS, *WORDS, *CHOICES)
"""Kinds of which two answers to one question are the same or not, or lie further apart or less."""


def check_checks(checks: Sequence[Check], task: Task) -> None:
    """Refuse checks that this task cannot be put to.

    Args:
        checks: Of the recipe; each is possible in itself.
        task: Knows its target.

    Raises:
        RecipeError: Names the check, what is wrong and what to do.
    """
    names = [check.name for check in checks]
    for name in {name for name in names if names.count(name) > 1}:
        raise RecipeError(f"Two checks are called {name!r}.", "Give each of evaluation.checks a name of its own.")
    for check in checks:
        for cause, remedy in chain(_of_kind(check, task), _of_columns(check, task), _of_labels(check, task)):
            raise RecipeError(f"evaluation.checks: {check.name!r} {cause}", remedy)


def label_names(task: Task) -> list[str]:
    """The labels that the task has learned."""
    return [str(name) for name in task.state().get("names", ())]


def _of_kind(check: Check, task: Task) -> Iterator[tuple[str, str]]:
    kind = task.kind.replace("_", "-")
    if task.kind not in KNOWN:
        known = ", ".join(sorted(name.replace("_", "-") for name in KNOWN))
        yield f"cannot be put to a {kind} target.", f"Checks know targets of the kinds {known}."
    elif check.kind == "direction" and task.kind not in (*LABELS, *NUMBERS):
        yield f"wants something to move, and the answers of a {kind} target do not.", "State an invariance."
    elif check.kind == "direction" and task.kind in LABELS and check.label is None:
        yield "does not say whose probability has to move.", f"Add label, one of: {', '.join(label_names(task))}."
    elif check.label is not None and task.kind not in LABELS:
        yield f"names a label, and a {kind} target has none.", "Drop label."


def _of_columns(check: Check, task: Task) -> Iterator[tuple[str, str]]:
    texts = text_columns(task)
    if not texts:
        yield f"needs a column of text, which {task.name} has none of.", "Drop it."
    elif check.column is not None and check.column not in texts:
        yield f"names the column {check.column!r}, which is none of text.", did_you_mean(check.column, texts)
    elif check.template is not None:
        given = {check.column or texts[0], *check.inputs}
        for name in check.inputs.keys() - set(texts):
            yield f"gives the input {name!r}, which is no column of text.", did_you_mean(name, texts)
        for column in task.input_columns():
            if column.required and column.name not in given:
                yield f"has no {column.name!r}, which every input needs.", f"Add inputs: {{{column.name}: …}}."
        if task.kind in CHOICES:
            yield "has a template, which cannot give a row its choices.", "Use test_rows: true instead."


def _of_labels(check: Check, task: Task) -> Iterator[tuple[str, str]]:
    names = label_names(task)
    if check.label is not None and check.label not in names:
        yield f"names the label {check.label!r}, which the data does not have.", did_you_mean(check.label, names)
    if check.kind != "minimum_functionality":
        return
    wanted = check.expect
    if task.kind == "single_label" and wanted not in names:
        yield f"expects {wanted!r}, which is no label.", did_you_mean(str(wanted), names)
    elif task.kind == "multi_label":
        for name in wanted if isinstance(wanted, list | tuple) else [wanted]:
            if name not in names:
                yield f"expects {name!r}, which is no label.", did_you_mean(str(name), names)
    elif task.kind in NUMBERS and (isinstance(wanted, bool) or not isinstance(wanted, int | float)):
        yield f"expects {wanted!r}, which is no number.", "Give the number, and how far off it may be as tolerance."
    elif task.kind in WORDS and not isinstance(wanted, str):
        yield f"expects {wanted!r}, which is no text.", 'Give the answer in words, or "" for none.'
