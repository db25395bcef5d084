"""Steps that leave rows out: without a value, too long or short, in other languages, outliers."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from finetune.data.cleaning.cells import is_missing, texts_in
from finetune.data.cleaning.log import RowId, counted
from finetune.data.cleaning.steps import Step, count_placeholders, placeholder_note

if TYPE_CHECKING:
    import pyarrow as pa

    from finetune.recipe import CleaningSection


class FilterStep(Step):
    """Leaves rows out."""

    def _run(self, table: pa.Table, rows: list[RowId]) -> pa.Table:
        import pyarrow as pa

        keep, values = self.judge(table, rows)
        for row, kept, value in zip(rows, keep, values, strict=True):
            if not kept:
                self.log.drop(row, value)
        return table if all(keep) else table.filter(pa.array(keep, pa.bool_()))

    @abstractmethod
    def judge(self, table: pa.Table, rows: list[RowId]) -> tuple[Sequence[bool], Sequence[Any]]:
        """Whether each row stays, and what an example shows of it."""


class PresentFilter(FilterStep):
    """Leaves out rows without a value."""

    def __init__(self, column: str) -> None:
        self.name, self.column = "missing", column

    def start(self, split: str) -> None:
        super().start(split)
        self._placeholders = 0

    def detail(self) -> str:
        return placeholder_note(self._placeholders)

    def judge(self, table: pa.Table, rows: list[RowId]) -> tuple[Sequence[bool], Sequence[Any]]:
        values = table[self.column].to_pylist()
        self._placeholders += count_placeholders(table[self.column])
        return [not is_missing(value) for value in values], [None] * len(values)


class JudgedFilter(FilterStep):
    """Leaves out rows by one value."""

    def __init__(self, name: str, column: str, keep: Callable[[Any], bool], says: str, prefix: str) -> None:
        self.name, self.column, self.keep, self.says, self.place = name, column, keep, says, prefix + column

    def detail(self) -> str:
        return self.says

    def judge(self, table: pa.Table, rows: list[RowId]) -> tuple[Sequence[bool], Sequence[Any]]:
        values = table[self.place].to_pylist()
        return [self.keep(value) for value in values], values


class TextFilter(FilterStep):
    """Leaves out rows by all of their texts together; rows without any are left to the step on missing values."""

    column = None

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = [*columns]

    def judge(self, table: pa.Table, rows: list[RowId]) -> tuple[Sequence[bool], Sequence[Any]]:
        parts = zip(*(table[name].to_pylist() for name in self.columns), strict=True)
        texts = [" ".join(texts_in(list(part))) for part in parts]
        present = [index for index, text in enumerate(texts) if text]
        keep = [True] * len(texts)
        for index, kept in zip(present, self.judge_texts([texts[i] for i in present],
                                                         [rows[i] for i in present]), strict=True):  # fmt: skip
            keep[index] = kept
        return keep, texts

    @abstractmethod
    def judge_texts(self, texts: list[str], rows: list[RowId]) -> list[bool]:
        """Whether each row stays."""


class LengthFilter(TextFilter):
    """Leaves out rows whose texts are too short or too long in sum, with a blank between two texts."""

    name = "length"

    def __init__(self, columns: Sequence[str], section: CleaningSection) -> None:
        super().__init__(columns)
        assert section.length is not None
        self.bounds = section.length

    def start(self, split: str) -> None:
        super().start(split)
        self._short = self._long = 0

    def judge_texts(self, texts: list[str], rows: list[RowId]) -> list[bool]:
        lengths = [self._length(text) for text in texts]
        self._short += sum(length < self.bounds.min for length in lengths)
        self._long += sum(self._too_long(length) for length in lengths)
        return [length >= self.bounds.min and not self._too_long(length) for length in lengths]

    def detail(self) -> str:
        return f"Too short: {self._short}, too long: {self._long} ({self.bounds.unit})."

    def _too_long(self, length: int) -> bool:
        return self.bounds.max is not None and length > self.bounds.max

    def _length(self, text: str) -> int:
        from finetune.text.words import split_words

        if self.bounds.unit == "characters":
            return len(text)
        # Punctuation is no word; `split_words` also parts scripts that are written without blanks.
        return sum(any(sign.isalnum() for sign in text[start:end]) for start, end in split_words(text))


class LanguageFilter(TextFilter):
    """Leaves out rows in other languages; those whose language cannot be told stay, flagged."""

    name = "languages"

    def __init__(self, columns: Sequence[str], section: CleaningSection) -> None:
        super().__init__(columns)
        self.kept = {code.lower() for code in section.languages}

    def start(self, split: str) -> None:
        super().start(split)
        self._others: Counter[str] = Counter()

    def judge_texts(self, texts: list[str], rows: list[RowId]) -> list[bool]:
        from finetune.text.languages import detect_languages

        codes = [code for code, _ in detect_languages(texts)]
        self._others.update(code for code in codes if code is not None and code not in self.kept)
        for row, code, text in zip(rows, codes, texts, strict=True):
            if code is None:
                self.log.flag(row, "language not told", text)
        return [code is None or code in self.kept for code in codes]

    def detail(self) -> str:
        others = f" Left out: {counted(self._others)}." if self._others else ""
        return f"Kept: {', '.join(sorted(self.kept))}.{others}"
