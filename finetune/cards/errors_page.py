"""`errors.html`: the wrong answers of a run and what they have in common; one file, nothing is fetched to show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from finetune.artifacts import Evaluation, RunFolder
from finetune.cards.error_rows import Entry, Rows
from finetune.cards.error_sections import error_parts
from finetune.cards.error_summary import error_tiles, error_verdict, left_out
from finetune.cards.page import write_page
from finetune.cards.record import Record
from finetune.cards.report import TEMPLATES
from finetune.cards.to_check import FILE, write_to_check
from finetune.cards.wording import count, shorten

PAGE = "errors.html"
_MOST_LABELS = 40
"""Labels that the page can be filtered by, the most frequent."""


def write_errors_page(run: RunFolder) -> Path | None:
    """Write `errors.html`, and `predictions/to_check.csv` with the rows to relabel, into a finished run's folder.

    Args:
        run: A run that has been evaluated.

    Returns:
        The page; None for a run whose evaluation did not look at its errors.

    Raises:
        RunFolderError: The run has not been evaluated, or its folder cannot be written.
    """
    record = Record.read(run)
    if not record.evaluation.errors:
        return None
    listed = write_to_check(run, record.evaluation)
    return write_page(run.path / PAGE, "errors.html", **view(record, listed))


def view(record: Record, listed: int) -> dict[str, Any]:
    """Everything that the template shows, by name.

    Args:
        record: The run.
        listed: Rows in the list to check; 0 where there is none.
    """
    evaluation = record.evaluation
    parts = error_parts(Rows(evaluation))
    labels = _labels([entry for part in parts for _, entries in part.groups for entry in entries])
    return {
        "title": shorten(record.title, 120),
        "what": "error analysis",
        "kicker": f"{evaluation.task} · the wrong answers of a fine-tuned model",
        "verdict": error_verdict(evaluation),
        "tiles": error_tiles(evaluation),
        "check": _check(evaluation, listed),
        "parts": parts,
        "labels": labels,
        "asked": "Show rows whose true label is" if evaluation.kind == "single_label" else "Show rows that are about",
        "places": {label: place for place, (label, _) in enumerate(labels)},
        "more_style": more_style(len(labels)),
        "missing": left_out(evaluation),
    }


def _check(evaluation: Evaluation, listed: int) -> str:
    if not listed:
        return ""
    return (
        f"{count(listed)} rows to look at stand in {FILE}, which opens in any spreadsheet, with an empty column for "
        "the right answer. A cell that would run as a formula has an apostrophe before it."
    )


def _labels(entries: Sequence[Entry]) -> list[tuple[str, int]]:
    """Labels of the rows that are shown, with how many rows each has, the most frequent first; none for one alone."""
    counts = Counter(label for entry in entries for label in entry.labels)
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_LABELS]
    return found if len(found) > 1 else []


def more_style(labels: int) -> Markup:
    """The page's own style: the filter works without a script, by rules on which label is chosen.

    Args:
        labels: How many labels there are to choose from.
    """
    rules = [
        f"body:has(#of-{i}:checked) .entry:not(.l{i}) {{ display: none; }}\n"
        f"body:has(#of-{i}:checked) .group:not(:has(.l{i})) > .none {{ display: block; }}"
        for i in range(labels)
    ]
    own = (TEMPLATES / "errors.css").read_text(encoding="utf-8")
    return Markup("\n".join([own, *rules]))  # noqa: S704 - numbers and a file of ours
