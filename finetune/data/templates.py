"""Templates that turn a row into a text: Python's format syntax, without what would reach into Python.

A field is looked up as a name and formatted, nothing else: attributes, indices, conversions and fields inside of
fields, all of which `str.format` follows, are refused, so that a recipe from elsewhere cannot read more than the row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.errors import ColumnError, RecipeError, did_you_mean
from finetune.labels import RowError
from finetune.text.timestamps import PARTS, parse_timestamp, time_parts, weekday_name

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SPEC = re.compile(r"(?:.?[<>=^])?[-+ ]?z?#?0?(?P<width>\d{0,3})[,_]?(?:\.\d{1,2})?[bdeEfFgGosxX%]?", re.ASCII)
"""Python's format specification; widths have three digits at most, and the two types that depend on the machine's
locale (n) or make one letter of a number (c) are left out."""
_NUMBER_TYPES = frozenset("bdeEfFgGoxX%")
WEEKDAY = "weekday"
"""The one part of a time that is a word."""


@dataclass(frozen=True)
class Slot:
    """A place of a template that a value goes to.

    Attributes:
        column: The column of the data.
        part: Of a time column, such as `month`; None for the value itself.
        spec: Format specification behind the colon; of a whole time, that of `strftime`.
    """

    column: str
    part: str | None = None
    spec: str = ""


@dataclass(frozen=True)
class _Field:
    inner: str
    start: int


class Template:
    """A parsed template.

    Args:
        text: Such as `"{title} ({price:.2f}), ordered on a {ordered.weekday}"`; `{{` and `}}` are braces.
        times: Columns of dates or times, which have parts.
        names: Columns that exist; a name with dots, colons or brackets is understood where a column has it.
        missing: What is written for a missing value.

    Raises:
        RecipeError: A stray brace, an empty or nested field, or no field at all; the message quotes the place.
    """

    def __init__(self, text: str, times: Collection[str], names: Collection[str], missing: str) -> None:
        self.text, self.times, self.names, self.missing = text, frozenset(times), frozenset(names), missing
        self.pieces = tuple(_parse(text))
        self._resolved = tuple(piece if isinstance(piece, str) else self._slot(piece) for piece in self.pieces)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What is filled in, in order."""
        return tuple(piece for piece in self._resolved if isinstance(piece, Slot))

    def check(self) -> None:
        """Refuse fields that are no column of `names`, and format specifications that cannot be meant.

        Raises:
            ColumnError: No such column. RecipeError: Python access, an unknown part, a broken format.
        """
        for piece in self.pieces:
            if isinstance(piece, _Field):
                slot = _resolve(piece.inner, self.names, self.times)
                if slot is None:
                    raise self._unknown(piece)
                if not self._is_whole_time(slot) and not _SPEC.fullmatch(slot.spec):
                    raise RecipeError(
                        f"features.template has a format {slot.spec!r} that is none, at {_around(self.text, piece)}.",
                        "Use Python's, such as {price:.2f} or {count:d}; widths go up to 999.",
                    )

    def render(self, values: Mapping[str, Any]) -> str:
        """The text of a row.

        Args:
            values: Column -> number, text, or None where it is missing; times as ISO 8601 texts.

        Raises:
            RowError: A column is not there, or a value does not fit its format.
        """
        return "".join(piece if isinstance(piece, str) else self._fill(piece, values) for piece in self._resolved)

    def _slot(self, field: _Field) -> Slot:
        found = _resolve(field.inner, self.names, self.times)
        name, _, spec = field.inner.partition(":")
        return found or Slot(name, None, spec)

    def _is_whole_time(self, slot: Slot) -> bool:
        return slot.column in self.times and slot.part is None

    def _fill(self, slot: Slot, values: Mapping[str, Any]) -> str:
        if slot.column not in values:
            raise RowError(f"missing column {slot.column!r}")
        value = values[slot.column]
        if value is None:
            return self.missing
        try:
            if slot.column in self.times:
                return _format_time(str(value), slot)
            return _format(value, slot.spec)
        except (ValueError, TypeError, OverflowError):
            wanted = f"format {slot.spec!r}" if slot.spec else "template"
            raise RowError(f"a value of {slot.column!r} does not fit the {wanted}") from None

    def _unknown(self, field: _Field) -> RecipeError | ColumnError:
        name, place = field.inner.partition(":")[0], _around(self.text, field)
        base, dot, part = name.rpartition(".")
        if dot and base in self.times:
            return RecipeError(
                f"features.template asks for {part!r} of a time, at {place}.", did_you_mean(part, (WEEKDAY, *PARTS))
            )
        if dot and base in self.names and part in (WEEKDAY, *PARTS):
            return RecipeError(
                f"features.template takes a part of {base!r}, which is no time, at {place}.",
                f"Name {base!r} under features.time.",
            )
        if re.search(r"[\[\]]|![rsa]?$|(?:^|\.)_|\.", name) and _start(name) in self.names:
            return RecipeError(
                f"features.template reaches into a value, at {place}; only whole columns and parts of times are read.",
                "Write {column}, {column:format} or {column.part} without attributes, indices and conversions.",
            )
        return ColumnError(
            f"features.template names {name!r}, which the data does not have, at {place}.",
            did_you_mean(name, self.names),
        )


def number_text(value: float) -> str:
    """A number as people write it: whole ones without a fraction."""
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < 1e16)
    return str(int(value)) if whole else repr(float(value))


def finite_number(text: str) -> float:
    """A finite number in plain digits.

    Raises:
        ValueError: It is none. Python's own underscores between digits are no plain digits.
    """
    number = float(text)
    if "_" in text or not math.isfinite(number):
        raise ValueError("not a plain number")
    return number


def _parse(text: str) -> list[str | _Field]:
    """Literal pieces and fields, in order."""
    pieces: list[str | _Field] = []
    end = 0
    for token in _TOKEN.finditer(text):
        pieces.append(text[end : token.start()])
        end = token.end()
        if token[0] in ("{{", "}}"):
            pieces.append(token[0][0])
        elif token[1] is None or not token[1].partition(":")[0].strip():
            raise _broken(text, _Field(token[0], token.start()))
        else:
            pieces.append(_Field(token[1], token.start()))
    if not any(isinstance(piece, _Field) for piece in pieces):
        raise RecipeError(
            f"features.template has no field: {text[:60]!r}.", "Name columns of the data in braces, such as {title}."
        )
    return [*pieces, text[end:]]


def _broken(text: str, field: _Field) -> RecipeError:
    place = _around(text, field)
    if len(field.inner) > 1:
        return RecipeError(f"features.template has a field without a name, at {place}.", "Name a column: {title}.")
    return RecipeError(
        f"features.template has a single {field.inner!r}, or a field inside a field, at {place}.",
        "Write {{ and }} for braces that are meant as such.",
    )


def _around(text: str, field: _Field) -> str:
    """The place of a field with what stands around it."""
    return f"character {field.start + 1}: {text[max(0, field.start - 12) : field.start + 24]!r}"


def _resolve(inner: str, names: Collection[str], times: Collection[str]) -> Slot | None:
    """The first reading of a field whose name exists; the whole field is tried as a name first."""
    colons = [match.start() for match in re.finditer(":", inner)]
    for end in (len(inner), *colons):
        name, spec = inner[:end], inner[end + 1 :]
        if name in names:
            return Slot(name, None, spec)
        base, _, part = name.rpartition(".")
        if base in times and part in (WEEKDAY, *PARTS):
            return Slot(base, part, spec)
    return None


def _start(name: str) -> str:
    """What stands before the first sign of Python access."""
    return re.split(r"[.\[!]", name, maxsplit=1)[0]


def _format_time(text: str, slot: Slot) -> str:
    if slot.part is None:
        moment = parse_timestamp(text)  # also without a format: what is no date must not pass for one
        return format(moment, slot.spec) if slot.spec else text
    if slot.part == WEEKDAY:
        return _format(weekday_name(text), slot.spec)
    return _format(time_parts(text)[slot.part], slot.spec)


def _format(value: Any, spec: str) -> str:
    if not _SPEC.fullmatch(spec):
        raise ValueError("not a format specification")
    if spec[-1:] in _NUMBER_TYPES and isinstance(value, str):
        value = finite_number(value)
    if isinstance(value, float):
        if not spec:
            return number_text(value)
        value = int(value) if value.is_integer() and abs(value) < 1e16 else value
    return format(value, spec)


def template_columns(slots: Sequence[Slot]) -> tuple[str, ...]:
    """Columns that a template reads, each once."""
    return tuple(dict.fromkeys(slot.column for slot in slots))
