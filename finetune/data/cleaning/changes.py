"""What becomes of single values: numbers, dates, labels, texts, constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from finetune.data.cleaning.cells import Outcome, is_missing
from finetune.data.cleaning.learned import Kind
from finetune.data.values import Ambiguous, Number, NumberReader, is_plain, parse_date, plain_number
from finetune.recipe.cleaning import DateStep

UNREADABLE = "unreadable"


class NumberChange:
    """A number as a plain one; what is plain already stays, digit by digit."""

    def __init__(self, reader: NumberReader) -> None:
        self.reader = reader
        self.units: set[str] = set()

    def __call__(self, value: Any) -> Outcome:
        if is_missing(value) or not isinstance(value, str):
            return Outcome(value)
        found = self.reader.read(value)
        if not isinstance(found, Number):
            return Outcome(value, found.value if isinstance(found, Ambiguous) else UNREADABLE)
        text = value.strip()
        if is_plain(text) and Decimal(text) == found.value:
            return Outcome(text)
        self.units |= {found.unit} - {""}
        return Outcome(plain_number(found.value))

    def detail(self) -> str:
        """The mark, and the units that are gone."""
        mark = self.reader.decimal
        how = "stated" if self.reader.stated else "told by the values"
        known = f"Decimal mark: {mark!r} ({how})." if mark else "Decimal mark: not told by the values."
        shares = " Shares became numbers (12% is 0.12)." if self.units & {"%", "‰"} else ""
        money = sorted(self.units - {"%", "‰"})
        gone = f" Signs left out: {', '.join(money)}; amounts were not converted." if money else ""
        return f"{known}{shares}{gone}"


class DateChange:
    """A date in ISO 8601."""

    def __init__(self, step: DateStep) -> None:
        self.order = step.order

    def __call__(self, value: Any) -> Outcome:
        if is_missing(value) or not isinstance(value, str):
            return Outcome(value)
        found = parse_date(value, self.order)
        if found is None or isinstance(found, Ambiguous):
            return Outcome(value, UNREADABLE if found is None else found.value)
        return Outcome(found.isoformat())

    def detail(self) -> str:
        """The order of the parts."""
        return f"Order: {self.order} (stated)." if self.order else "Order: not stated."


class LabelChange:
    """A target value by the recipe's mapping; all become texts."""

    def __init__(self, mapping: Mapping[str, str], names: Sequence[str] | None) -> None:
        self.mapping = mapping
        self.names = names or ()
        self.met: set[str] = set()

    def __call__(self, value: Any) -> Outcome:
        if is_missing(value):
            return Outcome(value if isinstance(value, str) else None)  # a column of texts holds no NaN
        text = self._text(value)
        self.met.add(text)
        return Outcome(self.mapping.get(text, text))

    def detail(self) -> str:
        """What was mapped, and keys that no value has: probably typing mistakes."""
        done = [f"{key} -> {label}" for key, label in self.mapping.items() if key in self.met]
        never = [key for key in self.mapping if key not in self.met]
        return f"{', '.join(done)}." * bool(done) + f" No value is {', '.join(map(repr, never))}." * bool(never)

    def _text(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(self.names):
            return self.names[value]
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class TextChange:
    """A function of texts; numbers in a column of texts are written out."""

    def __init__(self, rewrite: Callable[[str], str], words: str) -> None:
        self.rewrite = rewrite
        self.words = words

    def __call__(self, value: Any) -> Outcome:
        if is_missing(value):
            return Outcome(value)
        return Outcome(self.rewrite(value if isinstance(value, str) else str(value)))

    def detail(self) -> str:
        """What was asked for."""
        return self.words


class FillChange:
    """A value in the place of missing ones."""

    def __init__(self, fill: str | float | bool, words: str) -> None:
        self.fill = fill
        self.words = words

    def __call__(self, value: Any) -> Outcome:
        return Outcome(self.fill if is_missing(value) else value)

    def detail(self) -> str:
        """What stands in."""
        return self.words


def floating(change: Callable[[Any], Outcome]) -> Callable[[Any], Outcome]:
    """The same on whole numbers as floating-point ones."""
    return lambda value: change(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def written_as(value: str | float, kind: Kind) -> str | float:
    """A value as a column of texts or of numbers holds it.

    Raises:
        ValueError: A text for a column of numbers.
    """
    if kind == "number":
        return float(value)
    return value if isinstance(value, str) else plain_number(Decimal(repr(float(value))))
