"""What is done to a row, by name: nothing that should change the answer."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from finetune.evaluation.robustness.media import PAINTS, damage_image, damage_sound
from finetune.recipe import RobustnessSection
from finetune.task import Row, Task
from finetune.text.edits.contractions import Contractions
from finetune.text.edits.edit import Edit
from finetune.text.edits.letters import Lowercase, OtherScript, Uppercase
from finetune.text.edits.padding import Padding
from finetune.text.edits.punctuation import Punctuation
from finetune.text.edits.spelling import Ocr, Typos
from finetune.text.edits.synonyms import ReplaceWords
from finetune.text.rewriting import edited_texts, is_whole

EDITS: Mapping[str, type[Edit]] = {
    "typos": Typos, "ocr": Ocr, "lowercase": Lowercase, "uppercase": Uppercase, "punctuation": Punctuation,
    "contractions": Contractions, "synonyms": ReplaceWords, "longer": Padding, "scripts": OtherScript,
}  # fmt: skip
"""Perturbations of texts."""
SOUNDS = ("background_noise",)
MEDIA: Mapping[str, str] = dict.fromkeys(PAINTS, "image") | dict.fromkeys(SOUNDS, "audio")
"""Perturbations of other columns -> the kind of column."""


def perturb(task: Task, row: Row, name: str, settings: RobustnessSection) -> Row | None:
    """A row with damaged inputs; None where it allows no such damage, or where nothing of it could be changed.

    What becomes of it follows from the seed, the name and the row's id alone.

    Args:
        task: Says which of the row's texts may be edited, and keeps the target right.
        row: A canonical row with its target.
        name: From `EDITS` or `MEDIA`.
        settings: Strength, ratio and seed.
    """
    chance = f"{settings.seed}:{name}:{row.get('row')}"
    if name in MEDIA:
        return _perturb_media(task, row, name, settings, np.random.default_rng(zlib.crc32(chance.encode())))
    edit = EDITS[name](settings.strength)
    rng = random.Random(chance)  # noqa: S311 - no secret
    made = _pad(task, row, edit, rng) if isinstance(edit, Padding) else _edit(task, row, edit, rng)
    texts = (column.name for column in task.input_columns() if column.kind in edit.kinds)
    return made if made is not None and any(made.get(name) != row.get(name) for name in texts) else None


def _edit(task: Task, row: Row, edit: Edit, rng: random.Random) -> Row | None:
    return task.rewrite(row, lambda text: edit(text, rng, whole=is_whole(text, row)), conservative=edit.conservative)


def _pad(task: Task, row: Row, edit: Padding, rng: random.Random) -> Row | None:
    """Sentences before the first text that the task wants edited and after the last: not between its parts."""
    texts = edited_texts(lambda collect: task.rewrite(row, collect, conservative=edit.conservative))
    places = iter(range(len(texts)))
    last = len(texts) - 1

    def pad(text: str) -> str:
        place = next(places)
        first = place == 0 and _stands_at(text, row, end=False)
        ends = place == last and _stands_at(text, row, end=True)
        return replace(edit, before=first, after=ends)(text, rng) if first or ends else text

    return task.rewrite(row, pad, conservative=edit.conservative)


def _stands_at(text: str, row: Row, *, end: bool) -> bool:
    """Whether a text is the beginning (or the end) of a column; words of a list are parted by blanks."""
    for value in row.values():
        whole = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
        if isinstance(whole, str) and (whole.endswith(text) if end else whole.startswith(text)):
            return True
    return False


def _perturb_media(
    task: Task, row: Row, name: str, settings: RobustnessSection, generator: np.random.Generator
) -> Row | None:
    made: dict[str, Any] = {}
    for column in task.input_columns():
        if column.kind != MEDIA[name] or row.get(column.name) is None:
            continue
        value = row[column.name]
        if name in SOUNDS:
            made[column.name] = damage_sound(value, generator, settings.snr)
        else:
            made[column.name] = damage_image(value, name, generator, settings.strength)
    changed = {column: value for column, value in made.items() if value is not None}
    return {**row, **changed} if changed else None
