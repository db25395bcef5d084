"""Rows rewritten by an edit, a task's own transform, or not at all: one form for all three."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from finetune.augmentation.edits import ModelEdit
from finetune.errors import RecipeError
from finetune.task import Row, Task
from finetune.text.edits.edit import Edit
from finetune.text.rewriting import edited_texts, is_whole

Rewrite = Callable[[Sequence[Row], Sequence[random.Random]], list[Row | None]]
"""Rows and a source of chance for each -> other rows; None where one allows no such change."""


def rewrite_at_once(task: Task, edit: Edit) -> Rewrite:
    """Rows edited one by one."""

    def rewrite(rows: Sequence[Row], generators: Sequence[random.Random]) -> list[Row | None]:
        return [one(row, rng) for row, rng in zip(rows, generators, strict=True)]

    def one(row: Row, rng: random.Random) -> Row | None:
        return task.rewrite(
            row, lambda text: edit(text, rng, whole=is_whole(text, row)), conservative=edit.conservative
        )

    return rewrite


def rewrite_in_batches(task: Task, edit: ModelEdit) -> Rewrite:
    """Rows whose texts are collected first, edited together, and put in their places then."""

    def rewrite(rows: Sequence[Row], generators: Sequence[random.Random]) -> list[Row | None]:
        texts = [texts_of(task, row, conservative=edit.conservative) for row in rows]
        owners = [rng for rng, found in zip(generators, texts, strict=True) for _ in found]
        edited = iter(edit.batch([text for found in texts for text in found], owners))
        # A task asks for the same texts in the same order the second time.
        return [task.rewrite(row, lambda _: next(edited), conservative=edit.conservative) for row in rows]

    return rewrite


def rewrite_by(own: Callable[[Row, random.Random], Row | None]) -> Rewrite:
    """Rows changed by a transform that the task brings."""
    return lambda rows, generators: [own(row, rng) for row, rng in zip(rows, generators, strict=True)]


def repeat(rows: Sequence[Row], generators: Sequence[random.Random]) -> list[Row | None]:
    """The rows as they are."""
    return list(rows)


def texts_of(task: Task, row: Row, *, conservative: bool) -> list[str]:
    """The texts of a row that its task lets an edit have, in the order in which it asks."""
    return edited_texts(lambda edit: task.rewrite(row, edit, conservative=conservative))


@dataclass
class Fit:
    """Which edits fit a task's rows.

    Attributes:
        task: Knows its target.
        rows: Some training rows.
    """

    task: Task
    rows: Sequence[Row]
    _texts: dict[bool, list[str]] = field(default_factory=dict)

    def allows(self, edit: type[Edit]) -> bool:
        """Whether the task takes such an edit for any of the rows, and the edit can do something to its texts."""
        if not any(column.kind in edit.kinds for column in self.task.input_columns()):
            return False
        if edit.conservative not in self._texts:
            lists = [texts_of(self.task, row, conservative=edit.conservative) for row in self.rows]
            self._texts[edit.conservative] = [text for texts in lists for text in texts]
        texts = self._texts[edit.conservative]
        return any(edit.inside_words or len(text.split()) > 1 for text in texts)


def refuse(method: str, task: Task, fitting: Sequence[str]) -> RecipeError:
    """The error for a method that a task does not take."""
    listed = f"Methods that do: {', '.join(fitting)}." if fitting else "No method does yet; leave augmentation out."
    return RecipeError(f"augmentation: {method} does not fit {task.name} with these rows.", listed)
