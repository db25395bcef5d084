"""What a person says would have been right: how they are asked for it, and what it is as a target to train on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from finetune.errors import UsageError
from finetune.labels import RowError
from finetune.task import Row, Task
from finetune.text.tags import tag_words

NOTHING = "-"
"""What a person writes where nothing is to be found."""
NONE_OF_THEM = "(none of them)"
"""What a person chooses where no label fits; to choose nothing says nothing."""


@dataclass(frozen=True)
class Question:
    """How to ask what is right.

    Attributes:
        kind: One label, any number of them, a number, or words.
        hint: What to write.
        names: Labels to choose from.
    """

    kind: Literal["label", "labels", "number", "words"]
    hint: str
    names: tuple[str, ...] = ()


_WORDS = {
    "tags": "One part of the text per line, a colon, its label: “Oslo: LOC”. Nothing to mark: a dash (-). Where every "
            "word has a tag: the tags, with blanks between them.",
    "answers": "The right answer, letter by letter as the text has it. The text has none: a dash (-).",
    "ranking": "The text that should come first.",
    "choice": "The right choice, word by word, or its number (1 for the first).",
    "likelihood": "The whole text as it should read.",
}  # fmt: skip
_KINDS: dict[str, Literal["label", "labels", "number"]] = {
    "single_label": "label", "multi_label": "labels", "regression": "number", "similarity": "number",
}  # fmt: skip


def question_of(task: Task) -> Question:
    """How to ask a person what the answer should have been."""
    kind = _KINDS.get(task.kind)
    if kind in ("label", "labels"):
        names = tuple(task.state().get("names", ()))
        hint = "The right label." if kind == "label" else "All labels that are right."
        return Question(kind, f"{hint} Leave it empty if you are not sure.", names)
    if kind == "number":
        return Question(kind, "The right number. Leave it empty if you are not sure.")
    hint = _WORDS.get(task.kind, "What should have been answered.")
    return Question("words", f"{hint} Leave it empty if you are not sure.")


def read_correction(task: Task, row: Row, given: Any) -> dict[str, Any]:
    """What a person gave, as columns to train on: the target, and inputs that have another form with it.

    Args:
        task: Knows its target.
        row: What was asked, as canonical columns.
        given: A label, labels, a number or words, as `question_of` asked; what is empty says nothing.

    Returns:
        The target's column -> its raw value, None where nothing was said. An input that has no place beside the
        target is called `given_NAME`.

    Raises:
        UsageError: It cannot be the target of this row.
    """
    name = task.target_column().name
    listed = _listed_texts(task, row)
    aside = {f"given_{key}": row[key] for key in listed}
    if given in (None, "", []):
        return {**aside, name: None}
    try:
        columns = _columns(task.kind, name, row, given)
        target = task.parse_target(columns[name])
        if task.kind != "tags":  # these are a tag per word already, also where the task learned from spans of a text
            kept = {key: value for key, value in {**row, **columns}.items() if value is not None and key not in listed}
            # As the data stage will read it: a row that could not be learned from is refused here, not lost there.
            task.check_row({**kept, name: target})
    except RowError as error:
        raise UsageError(f"“What is right” cannot be used: {error}.", question_of(task).hint) from None
    return {**aside, **columns}


def _listed_texts(task: Task, row: Row) -> list[str]:
    """Inputs that a page takes several texts for where a row to train on has one: what is right says which."""
    kinds = {column.name: column.kind for column in task.input_columns()}
    return [name for name, value in row.items() if isinstance(value, list) and kinds.get(name) == "text"]


def _columns(kind: str, name: str, row: Row, given: Any) -> dict[str, Any]:
    if isinstance(given, list):
        return {name: _labels(given)}
    if not isinstance(given, str):
        return {name: given}
    given = given.strip()
    if kind == "answers":
        return {name: [] if given == NOTHING else [given]}
    if kind == "choice":
        return {name: _choice(row.get("choices") or (), given)}
    return _tags(name, row, given) if kind == "tags" else {name: given}


def _labels(given: Sequence[str]) -> list[str]:
    if NONE_OF_THEM in given and len(given) > 1:
        raise RowError(f"“{NONE_OF_THEM}” stands beside a label")
    return [] if NONE_OF_THEM in given else list(given)


def _choice(choices: Sequence[str], given: str) -> str:
    """The text of a choice that is given by its number, counted from 1, as the page counts."""
    if given in choices or not given.isdecimal():
        return given
    if not 1 <= int(given) <= len(choices):
        raise RowError(f"there is no choice {given}")
    return choices[int(given) - 1]


def _tags(name: str, row: Row, given: str) -> dict[str, Any]:
    words, text = list(row["tokens"]), row.get("text") or " ".join(row["tokens"])
    tags = given.split()
    if given != NOTHING and ":" not in given and len(tags) == len(words):
        return {"tokens": words, name: tags}
    words, tags = tag_words(text, [] if given == NOTHING else _spans(text, given.splitlines()))
    return {"tokens": words, name: tags}


def _spans(text: str, lines: Sequence[str]) -> list[Mapping[str, Any]]:
    """Where the parts stand that lines of "words: LABEL" name; the second line with the same words means the second
    place that has them."""
    spans: list[Mapping[str, Any]] = []
    after: dict[str, int] = {}
    for line in filter(None, map(str.strip, lines)):
        part, colon, label = (piece.strip() for piece in line.rpartition(":"))
        if not (part and colon and label):
            raise RowError(f"“{line}” is not a part of the text, a colon and a label")
        start = text.find(part, after.get(part, 0))
        if start < 0:
            raise RowError(f"“{part}” does not stand in the text")
        after[part] = start + len(part)
        spans.append({"start": start, "end": after[part], "label": label, "text": part})
    return spans
