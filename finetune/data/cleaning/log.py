"""What a step of the cleaning did: rows before and after, values changed, examples without personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from finetune.artifacts.prepared_data import MAX_LISTED_ROWS

EXAMPLES = 5
SHOWN = 200  # characters of a text
RowId = int | str
"""A row's number in its split as read, or `split:number` once the splits are made."""


@dataclass
class StepLog:
    """One step on one column of one split.

    Attributes:
        step: Field of the recipe's section.
        split: Split that it acted on.
        column: Column of the data; None for a step on whole rows.
        before: Rows that came in.
        after: Rows that were left.
        changed: Values that are different now.
        flagged: Values that stayed as they were although the step names them: `count`, `reasons` (reason -> count),
            `rows` (the first 1,000) and `values` (some of them).
        dropped: `count` and `rows` (the first 1,000; the numbers missing from the result's `__row__` are all).
        examples: Up to five of `row`, `before`, `after`.
        detail: What was learned, decided or noticed, in words.
    """

    step: str
    split: str
    column: str | None = None
    before: int = 0
    after: int = 0
    changed: int = 0
    flagged: dict[str, Any] = field(default_factory=lambda: {"count": 0, "reasons": {}, "rows": [], "values": []})
    dropped: dict[str, Any] = field(default_factory=lambda: {"count": 0, "rows": []})
    examples: list[dict[str, Any]] = field(default_factory=list)
    detail: str = ""

    def change(self, row: RowId, before: Any, after: Any) -> None:
        """Count one value; personal data never shows up in what is kept of it."""
        self.changed += 1
        if len(self.examples) < EXAMPLES:
            shown = None if self.step == "personal" else show(before)
            self.examples.append({"row": row, "before": shown, "after": show(after)})

    def flag(self, row: RowId, reason: str, value: Any) -> None:
        """Count one value that stays as it is."""
        reasons = self.flagged["reasons"]
        reasons[reason] = reasons.get(reason, 0) + 1
        self.flagged["count"] += 1
        _list(self.flagged["rows"], row)
        if len(self.flagged["values"]) < EXAMPLES and (shown := show(value)) not in self.flagged["values"]:
            self.flagged["values"].append(shown)

    def drop(self, row: RowId, value: Any) -> None:
        """Count one row that goes."""
        self.dropped["count"] += 1
        _list(self.dropped["rows"], row)
        if len(self.examples) < EXAMPLES:
            self.examples.append({"row": row, "before": show(value), "after": None})

    def note(self, sentence: str) -> None:
        """Add to the detail."""
        if sentence:
            self.detail = f"{self.detail} {sentence}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**values)


def show(value: Any) -> Any:
    """A value as a log may keep it: personal data replaced by its kind, texts cut to 200 characters."""
    from finetune.text.personal import redact

    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        return [show(item) for item in value[:EXAMPLES]]
    # Cut last: half an address is not recognised as one.
    text = redact(value if isinstance(value, str) else str(value))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def counted(counts: Counter[str] | dict[str, int], limit: int = 12) -> str:
    """Names and how often each was met, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{show(name)} {count}" for name, count in ordered[:limit])
    return f"{shown}, … ({len(ordered)} in all)" if len(ordered) > limit else shown


def _list(rows: list[RowId], row: RowId) -> None:
    if len(rows) < MAX_LISTED_ROWS:
        rows.append(row)


def row_ids(values: Sequence[Any]) -> list[RowId]:
    """Row numbers as they are listed."""
    return [value if isinstance(value, str) else int(value) for value in values]
