"""The steps that a recipe's section asks for, in the order of its fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from finetune.artifacts.prepared_data import FEATURE
from finetune.data.cleaning.cells import Outcome
from finetune.data.cleaning.changes import (
    DateChange,
    FillChange,
    LabelChange,
    NumberChange,
    TextChange,
    floating,
    written_as,
)
from finetune.data.cleaning.filters import JudgedFilter, LanguageFilter, LengthFilter, PresentFilter
from finetune.data.cleaning.fitted import clipped, number_of, outlier_reason, respelled
from finetune.data.cleaning.learned import Learned
from finetune.data.cleaning.log import show
from finetune.data.cleaning.steps import Step, ValueStep
from finetune.data.values import NumberReader
from finetune.recipe import CleaningSection


class Plan:
    """Makes the steps; new ones each time, for they count.

    Args:
        section: The recipe's.
        texts: Columns that hold texts.
        target: Column that holds the target.
        learned: What steps have to know.
    """

    def __init__(self, section: CleaningSection, texts: Sequence[str], target: str | None, learned: Learned) -> None:
        self.section = section
        self.texts = tuple(texts)
        self.target = target
        self.learned = learned

    def reader(self, column: str) -> NumberReader | None:
        """How the numbers of a column are read; None where the recipe does not name it."""
        step = self.section.numbers.get(column)
        if step is None:
            return None
        return NumberReader(step.decimal, stated=True) if step.decimal else NumberReader(self.learned.marks.get(column))

    def number(self, column: str) -> Callable[[Any], float | None]:
        """A function that reads the cleaned values of a column as numbers."""
        return partial(number_of, reader=self.reader(column))

    # -- before the split

    def raw_values(self) -> list[ValueStep]:
        """Steps that change values of raw rows, without those on rows."""
        return [*self._before_filters(), *self._personal(), *self._constants()]

    def raw(self) -> list[Step]:
        """All steps on raw rows. Constants come after the filters by length and language: they are no text."""
        section = self.section
        filters: list[Step] = []
        if section.length is not None and self.texts:
            filters.append(LengthFilter(self.texts, section))
        if section.languages and self.texts:
            filters.append(LanguageFilter(self.texts, section))
        present = [PresentFilter(name) for name, step in section.missing.items() if step.strategy == "drop"]
        return [*self._before_filters(), *filters, *self._personal(), *self._constants(), *present]

    def _before_filters(self) -> list[ValueStep]:
        steps = self._normalize()
        for column in self.section.numbers:
            reader = self.reader(column)
            assert reader is not None
            number = NumberChange(reader)
            steps.append(ValueStep("numbers", column, number, number.detail))
        for column, step in self.section.dates.items():
            date = DateChange(step)
            steps.append(ValueStep("dates", column, date, date.detail))
        if self.section.labels and self.target is not None:
            label = LabelChange(self.section.labels, self.learned.names)
            steps.append(ValueStep("labels", self.target, label, label.detail, kind="string"))
        return steps

    def _normalize(self) -> list[ValueStep]:
        kinds = self.section.normalize
        if not kinds:
            return []
        from finetune.text.repair import normalize

        change = TextChange(lambda text: normalize(text, kinds), f"{', '.join(kinds)}.")
        return [ValueStep("normalize", name, change, change.detail, kind="string") for name in self.texts]

    def _personal(self) -> list[ValueStep]:
        wanted = self.section.personal
        if not wanted:
            return []
        from finetune.text.personal import KINDS, redact

        kinds = tuple(KINDS) if wanted == "redact" else tuple(wanted)
        change = TextChange(lambda text: redact(text, kinds), f"{', '.join(kinds)}.")
        return [ValueStep("personal", name, change, change.detail, kind="string") for name in self.texts]

    def _constants(self) -> list[ValueStep]:
        steps = []
        for column, step in self.section.missing.items():
            if step.strategy == "constant":
                assert step.value is not None
                default = "text" if isinstance(step.value, str) else "number"
                value = written_as(step.value, self.learned.kinds.get(column, default))  # type: ignore[arg-type]
                fill = FillChange(value, f"Missing values become {show(value)!r}.")
                steps.append(ValueStep("missing", column, self._sized(column, fill), fill.detail, fills=True,
                                       kind=self._kind(column)))  # fmt: skip
        return steps

    # -- after the split

    def fitted_values(self, prefix: str = "", split: str = "train") -> list[ValueStep]:
        """Steps that change values of canonical rows; reports of outliers change none."""
        steps = [self._spelling(name) for name in self.section.categories]
        steps += [self._fill(name) for name, step in self.section.missing.items()
                  if step.strategy not in ("drop", "constant")]  # fmt: skip
        for column, step in self.section.outliers.items():
            if step.action != "drop" or split != "train":
                steps.append(self._outliers(column, clip=step.action == "clip"))
        for one in steps:
            one.prefix = prefix
        return steps

    def fitted(self, split: str) -> list[Step]:
        """All steps on canonical rows; only training rows are ever dropped."""
        filters = []
        for column, step in self.section.outliers.items():
            if step.action == "drop" and split == "train":
                bounds, number = self.learned.bounds[column], self.number(column)
                filters.append(JudgedFilter(
                    "outliers", column, partial(_is_inside, number=number, bounds=bounds), self._bounds(column), FEATURE
                ))  # fmt: skip
        return [*self.fitted_values(FEATURE, split), *filters]

    def _spelling(self, column: str) -> ValueStep:
        spellings = self.learned.spellings[column]
        words = f"{len(spellings)} categories in the training rows."
        return ValueStep("categories", column, lambda value: Outcome(respelled(value, spellings)), lambda: words)

    def _fill(self, column: str) -> ValueStep:
        value, strategy = self.learned.fills[column], self.section.missing[column].strategy
        change = FillChange(value, f"Missing values become {show(value)!r}, the {strategy.replace('_', ' ')} of the "
                                   "training rows.")  # fmt: skip
        return ValueStep("missing", column, self._sized(column, change), change.detail, fills=True,
                         kind=self._kind(column))  # fmt: skip

    def _outliers(self, column: str, *, clip: bool) -> ValueStep:
        bounds, number = self.learned.bounds[column], self.number(column)

        def change(value: Any) -> Outcome:
            return clipped(value, number, bounds) if clip else Outcome(value, outlier_reason(value, number, bounds))

        words = self._bounds(column)
        return ValueStep("outliers", column, self._sized(column, change), lambda: words, kind=self._kind(column))

    def _bounds(self, column: str) -> str:
        bounds, step = self.learned.bounds[column], self.section.outliers[column]
        if bounds is None:
            return "No bounds: there are no numbers, or more than half of the training values are equal."
        return f"Bounds: {bounds[0]:.6g} to {bounds[1]:.6g} ({step.method}, from the training rows)."

    def _sized(self, column: str, change: Callable[[Any], Outcome]) -> Callable[[Any], Outcome]:
        return floating(change) if column in self.learned.floats else change

    def _kind(self, column: str) -> Literal["float64"] | None:
        return "float64" if column in self.learned.floats else None


def _is_inside(value: Any, number: Callable[[Any], float | None], bounds: list[float] | None) -> bool:
    return outlier_reason(value, number, bounds) in ("", "no number")
