"""`stats.json`: what was measured of a data set, an entry per recipe; measuring again gives an equal one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finetune.recipe import Recipe

if TYPE_CHECKING:
    from finetune.artifacts.data_audit import DataAudit
    from finetune.artifacts.prepared_data import DataReport

STATS = "stats.json"
VERSION = 1
"""Of the structure of `stats.json`."""
STATS_VERSION = 1
"""Of the code that measures; raise it where the same data would give other numbers."""
DIGITS = 6
"""Significant digits that are kept of a number that is not whole."""
_LISTS_OF_ROWS = ("rows", "examples", "conflicts")
_PARTS = ("target", "tokens", "languages", "identity_terms")
_OF_A_STEP = ("step", "split", "column", "before", "after", "changed", "flagged")
"""What is kept of a step of the cleaning: its examples and details hold values of the data."""
_MISSING = object()


def measure(
    recipe: Recipe, audit: DataAudit, report: DataReport | None, cleaning: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The entry of one recipe: the audit's figures without any row, value, time, path or drawing.

    Args:
        recipe: The recipe that the data was read with.
        audit: What a look at the data found.
        report: What was read and dropped.
        cleaning: The steps of the cleaning in their order, each with rows before and after.

    Returns:
        Plain values for JSON. Numbers that are not whole have 6 significant digits; those that are not finite are null.
    """
    found = audit.to_dict()
    entry = {
        "measured": True,
        "task": recipe.task,
        "configuration": recipe.data.config,
        "settings": found["settings"],
        "rows": found["rows"],
        "read": _reading(report),
        "columns": [_column(column) for column in found["columns"]],
        **{part: found[part] for part in _PARTS},
        "duplicates": found["duplicates"],
        "leakage": found["leakage"],
        "target_leakage": _without(found["target_leakage"], "tokens"),
        "personal": _without(found["personal"], "rows"),
        "label_errors": _without(found["label_errors"], "rows"),
        "findings": [{key: f.get(key) for key in ("severity", "kind", "column")} for f in found["findings"]],
        "cleaning": [_step(step) for step in cleaning],
    }
    return dict(_plain(entry))


def not_measured(reason: str) -> dict[str, Any]:
    """The entry of a recipe whose data could not be looked at."""
    return {"measured": False, "reason": reason}


def put_together(measurements: Mapping[str, Any]) -> dict[str, Any]:
    """The whole of `stats.json` from the entries of all recipes on one data set."""
    ordered = {name: measurements[name] for name in sorted(measurements)}
    measured = any(entry["measured"] for entry in ordered.values())
    reasons = dict.fromkeys(entry["reason"] for entry in ordered.values() if not entry["measured"])
    reason = {} if measured else {"reason": "; ".join(reasons)}
    return {"version": VERSION, "measured": measured, **reason, "measurements": ordered}


def differences(stored: Any, found: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    """Places where two plain values differ: the dotted place, what is stored, what was found now.

    Numbers that are not whole may differ by one in their last digit: that much depends on the machine.
    """
    if isinstance(stored, dict) and isinstance(found, dict):
        for key in dict.fromkeys([*stored, *found]):
            inner = f"{place}.{key}" if place else str(key)
            yield from differences(stored.get(key, _MISSING), found.get(key, _MISSING), inner)
    elif isinstance(stored, list) and isinstance(found, list):
        yield from _list_differences(stored, found, place)
    elif not _equal(stored, found):
        yield place, _shown(stored), _shown(found)


def _list_differences(stored: list[Any], found: list[Any], place: str) -> Iterator[tuple[str, str, str]]:
    for i in range(max(len(stored), len(found))):
        left = stored[i] if i < len(stored) else _MISSING
        right = found[i] if i < len(found) else _MISSING
        yield from differences(left, right, f"{place}[{_item_name(left, right) or i}]")


def _item_name(left: Any, right: Any) -> str | None:
    """What an item of a list is about, where both say the same."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in ("name", "column", "term", "value", "step"):
            if key in left and left[key] == right.get(key):
                return str(left[key])
    return None


def _equal(stored: Any, found: Any) -> bool:
    if isinstance(stored, float) and isinstance(found, float):
        return math.isclose(stored, found, rel_tol=1.001 * 10 ** (1 - DIGITS))
    return type(stored) is type(found) and bool(stored == found)


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _reading(report: DataReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    dropped = {
        split: {reason: entry["count"] for reason, entry in reasons.items()}
        for split, reasons in report.dropped.items()
    }
    return {
        "revision": report.source.get("revision"),
        "sha256": report.source.get("sha256"),
        "malformed": report.malformed["count"],
        "dropped": dropped,
        "origins": report.origins,
    }


def _column(column: Mapping[str, Any]) -> dict[str, Any]:
    """A column's entry without its categories, which can be names; of personal data, nothing that came from a value."""
    entry = _without(column, "categories")
    if entry.get("personal"):
        entry |= {"numbers": None, "times": None, "placeholders": {}}
    return entry


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step of the cleaning, of what it flagged the count alone."""
    entry = {key: step.get(key) for key in _OF_A_STEP}
    flagged = entry["flagged"]
    return entry | {"flagged": flagged.get("count") if isinstance(flagged, Mapping) else flagged}


def _without(part: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != key}


def _plain(value: Any) -> Any:
    """A deep copy as JSON has it, rounded, without lists of rows, histograms and examples."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items() if not _is_detail(str(key), inner)}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):  # numpy's scalars
        value = value.item()
    return _rounded(value) if isinstance(value, float) else value


def _is_detail(key: str, value: Any) -> bool:
    """Whether an entry is left out; told by its form too, as a key can be the data's own word: a label `rows`."""
    if key in _LISTS_OF_ROWS and isinstance(value, list | tuple):
        return True
    return (key == "example" and isinstance(value, str)) or (
        key == "histogram" and (value is None or (isinstance(value, Mapping) and "edges" in value))
    )


def _rounded(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
