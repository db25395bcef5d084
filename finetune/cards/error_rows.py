"""A row as the page of errors shows it: what the model read, what is true, what it and the baselines answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from finetune.artifacts import Evaluation
from finetune.cards.blocks import Block
from finetune.cards.mistakes import (
    Mistake,
    inputs_of,
    names,
    readable_columns,
    show_label,
    show_number,
    wrong_labels,
)
from finetune.cards.wording import decimals_for, is_number, number, share, shorten
from finetune.task import Prediction, Task
from finetune.views import Bars, Marked, Quantity, Ranked, View

_LONG, _SHORT = 300, 120
_TITLES = {"regression": ("true", "answered", "error"), "likelihood": ("text", "surprise", "")}
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Entry:
    """A row of the test set.

    Attributes:
        row: Where it came from.
        inputs: Names (empty where there is one) and shortened texts.
        said: Truth and answer, each a title and a value.
        note: What else helps to understand the mistake.
        baselines: Title and answer of each.
        labels: What the page is filtered by.
    """

    row: str
    inputs: Pairs
    said: Pairs
    note: str = ""
    baselines: Pairs = ()
    labels: tuple[str, ...] = field(default=())

    def with_more(self, *said: tuple[str, str]) -> Entry:
        """The same row with more said of it."""
        return replace(self, said=(*self.said, *said))


@dataclass(frozen=True)
class Part:
    """A section.

    Attributes:
        id: In the page's address.
        title: Above it.
        nav: Its title in the contents.
        blocks: What stands before the rows.
        groups: Rows under a title each; an empty title for none.
    """

    id: str
    title: str
    nav: str
    blocks: Sequence[Block]
    groups: Sequence[tuple[str, Sequence[Entry]]] = field(default=())


@dataclass(frozen=True)
class Rows:
    """The test rows of an evaluation, one by one."""

    evaluation: Evaluation

    @cached_property
    def task(self) -> Task:
        """Knows how its answers are wrong."""
        return self.evaluation.load_task()

    @cached_property
    def answers(self) -> list[Prediction]:
        """The model's."""
        return self.evaluation.answers()

    @cached_property
    def _shown(self) -> dict[str, list[Any]]:
        return readable_columns(self.evaluation)

    @cached_property
    def _digits(self) -> int:
        return decimals_for([v for v in self.evaluation.predictions["reference"] if is_number(v)])

    def canonical(self, index: int) -> Mapping[str, Any]:
        """All columns of a row, as the task knows them; an input that is its own reference is among them."""
        found = {name: values[index] for name, values in self.evaluation.predictions.items()}
        target = self.task.target_column()
        return {**found, target.name: found["reference"]} if target in self.task.input_columns() else found

    def text(self, index: int) -> str:
        """What `Task.text_of` makes of it."""
        return self.task.text_of(self.canonical(index))

    def entry(self, index: int) -> Entry:
        """The row, whether it is answered right or wrong."""
        table, read = self.evaluation.predictions, inputs_of(self._shown, index)
        shown = self._answer(index)
        true, answered, sure = _TITLES.get(self.evaluation.kind, ("true", "answered", "sure"))
        said = [(true, shown["reference"]), (answered, shown["prediction"]), (sure, shown["sure"])]
        baselines = [
            (shorten(system["title"], 80), self.say(table[f"baseline:{name}"][index]))
            for name, system in self.evaluation.systems.items() if f"baseline:{name}" in table
        ]  # fmt: skip
        return Entry(str(read["row"]), read["inputs"], [pair for pair in said if pair[1]], shown["note"], baselines,
                     tuple(self._labels(index)))  # fmt: skip

    def _answer(self, index: int) -> dict[str, Any]:
        """`{reference, prediction, sure, note}`."""
        kind, table = self.evaluation.kind, self.evaluation.predictions
        if kind == "regression":
            return show_number(table, Mistake(index, 0.0), self._digits)
        if kind in ("single_label", "multi_label"):
            shown = show_label(table, self._of_labels(index), self._digits)
            return shown | {"note": ""} if shown["reference"] == shown["prediction"] else shown
        mistake = self.task.mistake(self.canonical(index), self.answers[index], table["reference"][index])
        if mistake is None:
            return {"reference": "", "prediction": self._seen(index), "sure": "", "note": "right"}
        given, wanted = (shorten(" ".join(text.split()), _LONG) for text in (mistake.given, mistake.wanted))
        return {"reference": wanted, "prediction": given, "sure": "", "note": shorten(mistake.note, _LONG)}

    def _of_labels(self, index: int) -> Mistake:
        """Of several labels the one of which the model was most surely wrong."""
        table = self.evaluation.predictions
        given, wanted = table["prediction"][index], table["reference"][index]
        if not isinstance(given, list):
            return Mistake(index, 0.0)
        sizes = dict(wrong_labels(table, index, set(wanted or ()), set(given)))
        worst = max(sizes, key=lambda name: sizes[name], default="")
        return Mistake(index, sizes.get(worst, 0.0), worst)

    def _seen(self, index: int) -> str:
        views = self.task.views(self.canonical(index), self.answers[index])
        return "; ".join(text for view in views[:1] if (text := _in_words(view))) or "(nothing)"

    def say(self, value: Any) -> str:
        """An answer in a line."""
        if isinstance(value, list) and self.evaluation.kind == "ranking":
            return shorten(value[0], _SHORT) if value else "(nothing)"
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            return _spans([(str(part.get("text")), str(part.get("label"))) for part in value])
        if isinstance(value, list):
            return names([str(part) for part in value])
        if is_number(value):
            return number(value, self._digits)
        return shorten(value, _SHORT) if value not in (None, "") else "(nothing)"

    def _labels(self, index: int) -> Iterator[str]:
        """The true label; where a row has several, those that are wrong, and all of a row without a wrong one."""
        table, kind = self.evaluation.predictions, self.evaluation.kind
        wanted, given = (table[name][index] for name in ("reference", "prediction"))
        if kind == "tags":
            yield from self._types(index)
        elif kind == "single_label":
            yield str(wanted)
        elif kind == "multi_label":
            yield from sorted(map(str, set(wanted or ()) ^ set(given or ()) or wanted or ()))

    def _types(self, index: int) -> list[str]:
        """Types of the words whose tag is wrong; of a right row those of all its words."""
        sides = (self.evaluation.predictions["reference"][index], self.answers[index]["tags"])
        pairs = [pair for pair in zip(*sides, strict=True) if pair[0] != pair[1]] or list(zip(*sides, strict=True))
        return sorted({tag[2:] if tag[1:2] == "-" else tag for pair in pairs for tag in pair} - {"O"})


def _in_words(view: View) -> str:
    if isinstance(view, Bars):
        return ", ".join(f"{shorten(name, 80)} ({share(view.scores.get(name), 0)})" for name in view.chosen)
    if isinstance(view, Marked):
        return _spans([(view.text[start:end], label) for start, end, label in view.spans])
    if isinstance(view, Ranked):
        return shorten(view.texts[0], _SHORT) if view.texts else ""
    return number(view.value) if isinstance(view, Quantity) else shorten(view.text, _SHORT)


def _spans(found: Sequence[tuple[str, str]]) -> str:
    return shorten("; ".join(f"{text} → {label}" for text, label in found), _LONG) or "(none)"
