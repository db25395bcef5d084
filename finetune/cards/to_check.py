"""`predictions/to_check.csv`: the test rows whose reference somebody should look at, for any spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from finetune.artifacts import Evaluation, RunFolder
from finetune.cards.error_rows import Rows
from finetune.cards.mistakes import input_columns
from finetune.cards.wording import clean, shorten

FILE = "predictions/to_check.csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
"""What spreadsheets read as the begin of a formula, also in full width, or skip before they look for one."""
_LONGEST = 30_000
"""Characters of a cell: spreadsheets take 32,767. A longer text says how long it is."""


def write_to_check(run: RunFolder, evaluation: Evaluation) -> int:
    """Write the list beside the predictions, the most suspicious row first; not where there is nothing to check.

    Columns: `row` (where it came from), the inputs, `labelled`, `answered`, `suggested` and `confidence` (where the
    model contradicts the reference), `why`, and `correct`, which is empty and for whoever looks. A text that a
    spreadsheet would take for a formula has an apostrophe before it. UTF-8 with a byte order mark, lines end in CRLF
    (RFC 4180).

    Returns:
        How many rows it has.

    Raises:
        RunFolderError: It cannot be written.
    """
    rows = list(_lines(evaluation))
    if rows:
        stream = io.StringIO(newline="")
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        run.write_text(FILE, "\ufeff" + stream.getvalue())
    return len(rows)


def to_check(evaluation: Evaluation) -> dict[int, dict[str, Any]]:
    """Rows to look at, by their place in the predictions: `{why, suggested, confidence}`, the most suspicious first."""
    found: dict[int, dict[str, Any]] = {}
    errors = evaluation.errors
    for entry in errors.get("label_errors", {}).get("rows", ()):
        earlier = found.setdefault(entry["index"], {"why": "likely wrong label", "suggested": [], "confidence": None})
        earlier["suggested"].append(str(entry.get("suggested", "")))
        earlier["confidence"] = max(entry.get("confidence") or 0.0, earlier["confidence"] or 0.0) or None
    for entry in errors.get("agreement", {}).get("nobody", {}).get("rows", ()):
        if entry["index"] in found:
            found[entry["index"]]["why"] += ", nobody gets it right"
        else:
            found[entry["index"]] = {"why": "nobody gets it right", "suggested": [], "confidence": None}
    return found


def _lines(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    table, rows = evaluation.predictions, Rows(evaluation)
    for index, about in to_check(evaluation).items():
        yield {
            "row": guarded(table["row"][index] if "row" in table else index),
            **{guarded(name): guarded(_plain(table[name][index])) for name in input_columns(table)},
            "labelled": guarded(_plain(table["reference"][index])),
            "answered": guarded(_answer(rows, table["prediction"][index])),
            "suggested": guarded("; ".join(filter(None, about["suggested"]))),
            "confidence": "" if about["confidence"] is None else f"{about['confidence']:.4f}",
            "why": about["why"],
            "correct": "",
        }


def _answer(rows: Rows, value: Any) -> Any:
    """Marked spans and orders in a line; all else as it is."""
    return rows.say(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """A cell as a text or a number: words with blanks between them, several texts with bars."""
    if isinstance(value, Mapping):
        return _plain(next(iter(value.values()), ""))  # of answers the texts stand first, then their places
    if isinstance(value, list):
        parts = [str(part) for part in value]
        return (" | " if any(" " in part for part in parts) else " ").join(parts)
    return value


def guarded(value: Any) -> Any:
    """A cell that no spreadsheet runs: a text that looks like a formula gets an apostrophe; numbers stay numbers.

    >>> guarded("=1+1"), guarded(-1.5)
    ("'=1+1", -1.5)
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = shorten(clean(value), _LONGEST)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
