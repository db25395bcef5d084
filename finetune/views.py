"""What a person fills in, and what they are shown: a task says it in these terms, a page or a program draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

FieldKind: TypeAlias = Literal["text", "texts", "tokens", "image", "audio", "messages"]


@dataclass(frozen=True)
class Field:
    """One part of an input.

    Attributes:
        name: Key in the dictionary that `TrainedModel.predict` takes.
        kind: What it holds; `texts` is a list of texts, `tokens` a text that will be split into words.
        label: What a person reads beside it.
        required: Whether it may be left empty.
        lines: How many lines are usual.
        hint: What to write, in a few words.
    """

    name: str
    kind: FieldKind
    label: str
    required: bool = True
    lines: int = 1
    hint: str = ""


@dataclass(frozen=True)
class Bars:
    """Choices with a share each, most likely first: labels and their probabilities.

    Attributes:
        scores: Choice -> 0 to 1.
        chosen: Those that are the answer.
    """

    scores: Mapping[str, float]
    chosen: Sequence[str] = ()


@dataclass(frozen=True)
class Marked:
    """A text with marked spans: entities, an answer in its context.

    Attributes:
        text: All of it.
        spans: (start, end, label) by character, in their order, not overlapping.
    """

    text: str
    spans: Sequence[tuple[int, int, str]] = ()


@dataclass(frozen=True)
class Ranked:
    """Texts in an order.

    Attributes:
        texts: Best first.
        scores: One each, or none at all.
    """

    texts: Sequence[str]
    scores: Sequence[float] = field(default=())


@dataclass(frozen=True)
class Quantity:
    """A number.

    Attributes:
        value: The number.
        low: Least possible or usual value, where there is one.
        high: Greatest.
        name: What it measures.
    """

    value: float
    low: float | None = None
    high: float | None = None
    name: str = ""


@dataclass(frozen=True)
class Words:
    """An answer in words.

    Attributes:
        text: The answer.
        note: A sentence beside it.
    """

    text: str
    note: str = ""


View: TypeAlias = Bars | Marked | Ranked | Quantity | Words
