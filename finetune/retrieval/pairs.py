"""Pairs of texts to learn from: pairs with a score, and texts that belong together, as raw and as canonical rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from finetune.errors import LabelError, UsageError
from finetune.labels import RowError, parse_number

_LEARNS_FROM = {"multiple-negatives": "texts that belong together", "cosent": "scores", "cosine": "scores"}


@dataclass(frozen=True)
class Pairs:
    """What is learned of the target.

    Attributes:
        form: `scores` (a number per pair) or `texts` (the text that belongs to the first).
        low: The lowest score.
        high: The highest.
    """

    form: str
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def learn(cls, values: Sequence[Any]) -> Self:
        """The form of raw targets: scores where all that are there are numbers, also those written as texts.

        Raises:
            LabelError: None is there.
        """
        present = [value for value in values if not _is_missing(value)]
        if not present:
            raise LabelError("No row has a target.", "Name its column: data.columns: {target: …}, a score or a text.")
        scores = [number for number in map(_number, present) if number is not None]
        return cls("scores", min(scores), max(scores)) if len(scores) == len(present) else cls("texts")

    @property
    def scored(self) -> bool:
        """Whether the targets are scores."""
        return self.form == "scores"

    def scaled(self, score: float) -> float:
        """A score as a part of the range of those learned from; in [0, 1] within it."""
        return (score - self.low) / max(self.high - self.low, 1e-12)

    def check_options(self, loss: str | None, hard_negatives: int) -> None:
        """Refuse options that would do nothing with this form of target, or something else than they say.

        Raises:
            LabelError: The loss learns from the other form, or wrong answers are wanted where none is right.
        """
        if loss and self.scored != (_LEARNS_FROM[loss] == "scores"):
            raise LabelError(
                f"The targets are {self.form}; the loss {loss!r} learns from {_LEARNS_FROM[loss]}.",
                "Drop options.loss, or name another column as the target under data.columns.",
            )
        if self.scored and hard_negatives:
            raise LabelError(
                "The targets are scores; options.hard_negatives are wrong answers beside a right text.",
                "Drop options.hard_negatives, or name the column of the right texts as the target under data.columns.",
            )

    def parse(self, value: Any) -> float | str | list[str]:
        """A raw target as a finite score, a text, or a list of texts.

        Raises:
            RowError: It is missing, empty, or no number where the targets are scores.
        """
        if _is_missing(value):
            raise RowError("missing target")
        if self.scored:
            return parse_number(value)
        texts = [str(text) for text in value] if isinstance(value, list) else [str(value)]
        if not all(text.strip() for text in texts):
            raise RowError("empty target")
        return texts if isinstance(value, list) else texts[0]

    def compared(self, row: Mapping[str, Any], query_prompt: str, document_prompt: str) -> list[str]:
        """The texts of a row with their prompts: the one that is looked up, the one that belongs to it or is scored
        with it, and wrong ones. Scored texts are alike, so both have the query's prompt."""
        if self.scored:
            return [query_prompt + row["text"], query_prompt + row["text_pair"]]
        right = [row["target"]] if row.get("target") is not None else []
        return [
            query_prompt + row["text"],
            *(document_prompt + text for text in (*right, *(row.get("negative") or ()))),
        ]

    def check_row(self, row: dict[str, Any]) -> None:
        """Bring `text_pair`, `negative` and `target` of a row into agreement with the form.

        Raises:
            RowError: A score without a second text, a target beside two texts, or several texts as one target.
        """
        if self.scored:
            if row.get("text_pair") is None:
                raise RowError("a score without a second text (data.columns: {text_pair: …})")
            row.pop("negative", None)
            return
        if row.get("text_pair") is not None:
            raise RowError("two texts and a third as the target (data.columns: {target: …} says which one belongs)")
        if isinstance(row["target"], list):
            if len(row["target"]) > 1:
                raise RowError(f"{len(row['target'])} texts as one target; give each a row of its own")
            row["target"] = row["target"][0]
        if "negative" in row:
            row["negative"] = texts_in(row["negative"])


def row_from(value: Any) -> dict[str, str]:
    """A row with `text`, and `text_pair` where there is one, from what a user gives: a text, or a pair in some form.

    Raises:
        UsageError: Another form.
    """
    if isinstance(value, str):
        value = {"text": value}
    if isinstance(value, list | tuple) and len(value) == 2 and value[1] is not None:
        value = {"text": value[0], "text_pair": value[1]}
    given = value if isinstance(value, Mapping) else {}
    row = {key: given[key] for key in ("text", "text_pair") if given.get(key) is not None}
    if "text" in row and all(isinstance(text, str) for text in row.values()):
        return row
    raise UsageError(
        f"Cannot embed {type(value).__name__} {str(value)[:60]!r}.",
        "Give a text (for its embedding), or a pair of texts or {'text': …, 'text_pair': …} (for their cosine).",
    )


def texts_in(value: Any) -> list[str]:
    """Texts of a column that holds one, several, or none in some rows; blank ones are none."""
    several = [value] if isinstance(value, str) else [] if _is_missing(value) else value
    return [str(text) for text in several if not _is_missing(text) and str(text).strip()]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list) and not value) or (
        isinstance(value, float) and math.isnan(value)
    )  # fmt: skip


def _number(value: Any) -> float | None:
    """The value as a finite number where it is one, also one that is written as a text."""
    try:
        return parse_number(value)
    except RowError:
        return None
