"""An audit's figures in a few words each, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from finetune.cards.wording import NOTHING, count, number, share, shorten

if TYPE_CHECKING:
    from finetune.artifacts import DataAudit

Values = Mapping[str, Any]


def glance(column: Values) -> str:
    """A column's values at one look; none of a column of personal data."""
    if column["personal"]:
        return "personal data"
    if column["constant"]:
        return "always the same"
    for part, look in _GLANCES.items():
        if column.get(part):
            return look(column[part])
    return NOTHING


def _span(entry: Values, unit: str = "") -> str:
    low, middle, high = map(_short, (entry["min"], entry["quantiles"].get("p50"), entry["max"]))
    return f"{low} to {high}{unit}, median {middle}"


def _short(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.6g}"


_GLANCES: dict[str, Callable[[Values], str]] = {
    "numbers": _span,
    "times": lambda entry: f"{entry['min']} to {entry['max']}",
    "texts": lambda entry: _span(entry["characters"], " characters"),
    "categories": lambda entry: ", ".join(
        f"{shorten(e['value'], 16)} {share(e['share'], 0)}" for e in entry["top"][:3]
    ),
}


def figures(audit: DataAudit) -> Iterator[tuple[str, str]]:
    """The main figures, a line each; a part that was not measured says why."""
    prepared = audit.rows.get("prepared")
    if prepared:
        yield "prepared rows", ", ".join(f"{split} {count(rows)}" for split, rows in prepared.items())
    for name, part, say in (
        ("target", audit.target, _target),
        ("duplicates", audit.duplicates.get("exact", {}), _duplicates),
        ("near duplicates", audit.duplicates.get("near", {}), _duplicates),
        ("tokens", audit.tokens, _tokens),
        ("languages", audit.languages, _languages),
        ("personal data", audit.personal, _personal),
        ("label errors", audit.label_errors, _label_errors),
        ("identity terms", audit.identity_terms, _terms),
    ):
        yield name, say(part) if part.get("measured") else f"not measured: {part.get('reason', 'not said')}"
    yield "leakage", _leaks(audit.leakage)


def _target(part: Values) -> str:
    if "numbers" in part:
        return "; ".join(f"{split}: {_span(entry)}" for split, entry in part["numbers"].items())
    counts: dict[str, int] = {}
    for found in part["counts"].values():
        counts = {label: counts.get(label, 0) + found.get(label, 0) for label in {**counts, **found}}
    total = sum(counts.values())
    most = ", ".join(
        f"{shorten(label, 20)} {share(rows / max(1, total), 0)}" for label, rows in list(counts.items())[:4]
    )
    more = f", … ({count(len(counts))} labels)" if len(counts) > 4 else ""
    return f"{most}{more}; entropy {number(part['entropy'], 2)} bits"


def _duplicates(part: Values) -> str:
    repeats, rows = (sum(entry[key] for entry in part["splits"].values()) for key in ("duplicates", "rows"))
    conflicts = sum(entry.get("conflicting", 0) for entry in part["splits"].values())
    more = f"; {count(conflicts)} inputs with different targets" if conflicts else ""
    return f"{count(repeats)} rows ({share(repeats / max(1, rows))}){more}"


def _leaks(leakage: Mapping[str, Values]) -> str:
    measured = {kind: part for kind, part in leakage.items() if part.get("measured")}
    found = [
        f"{kind}: {count(pair['rows'])} rows of {pair['split']} in {pair['against']}"
        for kind, part in measured.items()
        for pair in part["pairs"]
        if pair["rows"]
    ]
    return "; ".join(found) or (f"none ({', '.join(measured)})" if measured else "not measured")


def _tokens(part: Values) -> str:
    cut = f"; {share(part['longer'])} of the rows longer than {count(part['max_length'])}" if part["max_length"] else ""
    return f"{_span(part)}, 95% {_short(part['quantiles']['p95'])}{cut}"


def _languages(part: Values) -> str:
    found = sorted(part["shares"].items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share(value)}" for name, value in found[:6]) + (", …" if len(found) > 6 else "")


def _personal(part: Values) -> str:
    found = [f"{kind.replace('_', ' ')} in {count(entry['rows'])} rows" for kind, entry in part["total"].items()]
    return ", ".join(found) or "none of the kinds that have a pattern"


def _label_errors(part: Values) -> str:
    return f"{count(part['count'])} suspected ({share(part['share'])}), by a model right in {share(part['accuracy'])}"


def _terms(part: Values) -> str:
    axes = ", ".join(f"{axis.replace('_', ' ')} {count(rows)}" for axis, rows in part["axes"].items())
    return f"{count(len(part['terms']))} words; rows by axis: {axes}" if axes else "none of the lexicon"
