"""The cases of a stated behaviour: texts from a template, test rows, and both with the change that is stated."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune.artifacts import TrainedModel
from finetune.recipe.examination import Check
from finetune.task import Row, Task


@dataclass(frozen=True)
class Case:
    """One input that a behaviour is tried on.

    Attributes:
        place: Which test row it comes from; None for the template's.
        text: The template's text; empty for a test row, whose text stays where it is.
        changed: The same with the change; empty without one.
        before: The input.
        after: The changed one; None without a change.
    """

    place: int | None
    text: str
    changed: str
    before: Row
    after: Row | None


@dataclass(frozen=True)
class Cases:
    """What a check is tried on.

    Attributes:
        chosen: At most as many as the check wants.
        possible: How many there are.
    """

    chosen: Sequence[Case]
    possible: int


def text_columns(task: Task) -> list[str]:
    """The input columns that hold one text."""
    return [column.name for column in task.input_columns() if column.kind == "text"]


def find_cases(check: Check, model: TrainedModel, rows: Sequence[Row]) -> Cases:
    """The cases of a check: combinations first, then test rows; by its seed where there are too many.

    A case that the change leaves as it is, is none.

    Args:
        check: Fits the model's task (`check_checks`).
        model: Knows what a user's inputs have to go through, which a template's texts are.
        rows: All test rows.
    """
    column = check.column or text_columns(model.task)[0]
    own = _from_rows(check, column, rows) if check.from_rows else []
    share = check.rows - min(len(own), check.rows // 2) if own else check.rows
    texts, total = _texts(check, share)
    made = _from_texts(check, column, texts, model)
    kept = _some(own, check.rows - len(made), check.seed)
    return Cases([*made, *kept], total + len(own))


def change(check: Check, text: str) -> str:
    """A text with the change of a check: words replaced, something put in front or added.

    >>> change(Check(name="x", kind="invariance", replace={"good": "fine"}), "Good or not so good")
    'Fine or not so fine'
    """
    if check.replace:
        text = _words(check).sub(lambda found: _like(_new_word(check, found.group()), found.group()), text)
    front = f"{check.prepend} " if check.prepend else ""
    return f"{front}{text}{f' {check.append}' if check.append else ''}"


def _words(check: Check) -> re.Pattern[str]:
    words = sorted(check.replace, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)


def _new_word(check: Check, old: str) -> str:
    exact = check.replace.get(old)
    return exact if exact is not None else next(n for w, n in check.replace.items() if w.lower() == old.lower())


def _like(new: str, old: str) -> str:
    """A capital where the old word had one, unless the new one says otherwise."""
    return new[:1].upper() + new[1:] if old[:1].isupper() and old[1:] == old[1:].lower() else new


def _texts(check: Check, most: int) -> tuple[list[str], int]:
    """Combinations of the template, in order or, where there are more than `most`, drawn; and how many there are."""
    if check.template is None:
        return [], 0
    sizes = [len(words) for words in check.fill.values()]
    total = math.prod(sizes)
    texts = (check.template.format(**values) for values in _combinations(check, sizes, total, most))
    return list(dict.fromkeys(texts)), total


def _combinations(check: Check, sizes: Sequence[int], total: int, most: int) -> Iterator[Mapping[str, str]]:
    if total <= most:
        for words in itertools.product(*check.fill.values()):
            yield dict(zip(check.fill, words, strict=True))
        return
    # Drawn by number: there may be more than fit into memory.
    generator, numbers = np.random.default_rng(check.seed), set[int]()
    while len(numbers) < most:
        numbers.update(generator.integers(0, total, size=most - len(numbers)).tolist())
    for number in sorted(numbers):
        places = np.unravel_index(number, sizes)
        yield {name: words[int(at)] for (name, words), at in zip(check.fill.items(), places, strict=True)}


def _from_texts(check: Check, column: str, texts: Sequence[str], model: TrainedModel) -> list[Case]:
    pairs = [(text, change(check, text) if check.changes else "") for text in texts]
    pairs = [(text, changed) for text, changed in pairs if text != changed]
    inputs: list[Any] = [{**check.inputs, column: text} for pair in pairs for text in pair if text]
    if not inputs:
        return []
    read = model.read_inputs(inputs) if model.read_inputs is not None else inputs
    rows = iter(model.task.rows_from(read))
    return [Case(None, text, changed, next(rows), next(rows) if changed else None) for text, changed in pairs]


def _from_rows(check: Check, column: str, rows: Sequence[Row]) -> list[Case]:
    found = []
    for place, row in enumerate(rows):
        old = row.get(column)
        if not isinstance(old, str) or (check.replace and not _words(check).search(old)):
            continue
        if (new := change(check, old)) != old:
            found.append(Case(place, "", "", row, {**row, column: new}))
    return found


def _some(cases: Sequence[Case], most: int, seed: int) -> list[Case]:
    if len(cases) <= most:
        return list(cases)
    chosen = np.random.default_rng(seed).choice(len(cases), max(0, most), replace=False)
    return [cases[i] for i in sorted(chosen.tolist())]
