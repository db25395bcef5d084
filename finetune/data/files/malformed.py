"""Rows of a file that could not be parsed: counted, located, and judged as the recipe says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from finetune.artifacts.prepared_data import MAX_LISTED_ROWS
from finetune.errors import DataError, EmptyDataError
from finetune.recipe import ReaderSection


@dataclass
class Malformed:
    """Lines that could not be parsed.

    Attributes:
        count: How many.
        lines: Their physical line numbers, from 1 (`item 5` in a JSON list, `train.csv:5` where there are several
            files); at most 1,000.
        reasons: What was wrong -> number of lines.
    """

    count: int = 0
    lines: list[int | str] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, line: int | str | None, reason: str) -> None:
        """Count one line."""
        self.count += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if line is not None and len(self.lines) < MAX_LISTED_ROWS:
            self.lines.append(line)

    def join(self, other: Malformed, file: str) -> None:
        """Count another file's lines too."""
        self.count += other.count
        self.reasons = dict(Counter(self.reasons) + Counter(other.reasons))
        room = MAX_LISTED_ROWS - len(self.lines)
        self.lines += [f"{file}:{line}" for line in other.lines[:room]]

    def judge(self, reader: ReaderSection, path: Path, fields: int | None = None) -> None:
        """Stop where the recipe wants no malformed line.

        Args:
            reader: Says whether to drop or to refuse.
            path: The file, for the message.
            fields: Expected number of fields, for delimited text.

        Raises:
            DataError: There are malformed lines, and `reader.malformed` is `refuse`.
        """
        if not self.count or reader.malformed != "refuse":
            return
        expected = f" (expected {fields} fields)" if fields else ""
        first = f"line {self.lines[0]}" if isinstance(self.lines[0], int) else self.lines[0]
        raise DataError(
            f"{path} has {self.count} malformed lines{expected}, the first at {first}: {self.why()}.",
            "Mend them, or set data.reader.malformed: drop to leave them out and count them.",
        )

    def why(self) -> str:
        """The reasons, the commonest first; at most three."""
        common = Counter(self.reasons).most_common()
        more = f" and {len(common) - 3} more reasons" if len(common) > 3 else ""
        return ", ".join(f"{times} × {reason}" for reason, times in common[:3]) + more


def no_rows(path: Path, malformed: Malformed | None = None) -> EmptyDataError:
    """The error for a file without a readable row."""
    if malformed and malformed.count:
        return EmptyDataError(
            f"The file {path} holds {malformed.count} lines, and none can be read: {malformed.why()}.",
            "Check data.reader.format and data.reader.delimiter.",
        )
    return EmptyDataError(f"The file {path} holds no rows.", "Check that it is the file you meant.")
