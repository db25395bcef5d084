"""`audit.html`: what a look at the data found, the worst first; one file, nothing is fetched to show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.artifacts import DataAudit, DataReport
from finetune.cards.audit.cleaning import cleaning_sections
from finetune.cards.audit.columns import NAME, column_sections, head_section, rows_listed
from finetune.cards.audit.labels import label_sections
from finetune.cards.audit.media import media_sections
from finetune.cards.audit.rows import LEAKS, row_sections
from finetune.cards.audit.values import value_sections
from finetune.cards.blocks import Block, Facts, Section, Table, Text, Value
from finetune.cards.page import write_page
from finetune.cards.record import short_name
from finetune.cards.wording import NOTHING, count, public, share, shorten

Values = Mapping[str, Any]
_TITLES = {"problem": ("Problems", "bad"), "warning": ("Warnings", "warn"), "note": ("Notes", "plain")}
_SHOWN = 12
"""Findings of a severity that are shown unfolded."""
_PARTS = ("target", "target_leakage", "tokens", "languages", "personal", "label_errors", "identity_terms")


def write_audit_page(audit: DataAudit, report: DataReport | None, path: Path) -> Path:
    """Write the page of an audit.

    Args:
        audit: What was found.
        report: How the data was prepared, with what cleaning did; None where it could not be.
        path: The HTML file; its folder is made, and it is written whole or not at all.

    Returns:
        `path`.

    Raises:
        RunFolderError: The file cannot be written.
    """
    return write_page(path, "audit.html", **view(audit, report))


def view(audit: DataAudit, report: DataReport | None) -> dict[str, Any]:
    """Everything that the template shows, by name."""
    title = shorten(public(short_name(audit.name)), 120) or "Data"
    return {
        "title": title,
        "what": "data audit",
        "kicker": " · ".join(part for part in (audit.task, "a look at the data") if part),
        "verdict": verdict(audit),
        "tiles": tiles(audit),
        "findings": [_group(severity, audit.findings) for severity in _TITLES if _of(severity, audit.findings)],
        "sections": _sections(audit, report),
    }


def _sections(audit: DataAudit, report: DataReport | None) -> list[Section]:
    columns, values = column_sections(audit), value_sections(audit)
    sections = [Section("rows", "Rows", list(_rows(audit))), *columns, head_section(audit), *values]
    sections += [*label_sections(audit), *row_sections(audit), *media_sections(audit), *cleaning_sections(report)]
    return [*sections, Section("not-measured", "Not measured", list(_not_measured(audit)))]


def _of(severity: str, findings: Sequence[Values]) -> list[Values]:
    return [finding for finding in findings if finding["severity"] == severity]


def _group(severity: str, findings: Sequence[Values]) -> dict[str, Any]:
    title, tag = _TITLES[severity]
    entries = [_finding(finding, tag) for finding in _of(severity, findings)]
    return {"title": f"{title} ({count(len(entries))})", "shown": entries[:_SHOWN], "more": entries[_SHOWN:]}


def _finding(finding: Values, tag: str) -> dict[str, str]:
    sentence = public(shorten(finding["sentence"], 1000))
    return {"severity": finding["severity"], "tag": tag, "sentence": sentence, "rows": rows_listed(finding["rows"])}


def verdict(audit: DataAudit) -> str:
    """The findings in a sentence or two."""
    problems, warnings, notes = (len(_of(severity, audit.findings)) for severity in _TITLES)
    if problems:
        makes, them = ("makes", "it is") if problems == 1 else ("make", "they are")
        said = f"{_counted(problems, 'problem')} {makes} results wrong unless {them} dealt with"
        said += f"; {_counted(warnings, 'warning')} on top." if warnings else "."
    elif warnings:
        verb = "is" if warnings == 1 else "are"
        said = f"No problem was found; {_counted(warnings, 'warning')} {verb} worth a look before training."
    else:
        more = f"; {_counted(notes, 'note')} below" if notes else ""
        said = f"Nothing was found that speaks against learning from this data{more}."
    return said if audit.rows.get("prepared") else f"{said} The data could not be prepared, so these are its raw rows."


def _counted(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def tiles(audit: DataAudit) -> list[dict[str, Any]]:
    """The figures to see first."""
    raw = audit.rows.get("raw") or {}
    found = [
        ("Rows", count(sum(raw.values())), [f"{_counted(len(audit.columns), 'column')}, {_counted(len(raw), 'split')}"])
    ]
    found += [tile for make in (_duplicate_tile, _leak_tile, _label_tile, _token_tile) for tile in make(audit)]
    return [{"label": label, "value": value, "notes": notes} for label, value, notes in found]


Tile = tuple[str, str, list[str]]


def _duplicate_tile(audit: DataAudit) -> Iterator[Tile]:
    part = audit.duplicates.get("exact", {})
    if part.get("measured"):
        repeats, rows = (sum(e[key] for e in part["splits"].values()) for key in ("duplicates", "rows"))
        yield "Repeated inputs", count(repeats), [f"{share(repeats / rows if rows else None)} of the rows"]


def _leak_tile(audit: DataAudit) -> Iterator[Tile]:
    pairs = [
        (kind, pair) for kind, part in audit.leakage.items() if part.get("measured") for pair in part["pairs"]
        if pair["split"] == "test" and pair["against"] == "train"
    ]  # fmt: skip
    if pairs:
        kind, worst = max(pairs, key=lambda item: item[1]["rows"])
        note = LEAKS[kind] if worst["rows"] else "of any kind that was looked for"
        yield "Test rows also in training", count(worst["rows"]), [f"{share(worst['share'])}: {note}"]


def _label_tile(audit: DataAudit) -> Iterator[Tile]:
    part = audit.label_errors
    if part.get("measured"):
        yield "Likely label errors", count(part["count"]), [f"{share(part['share'])} of the rows, suspected"]


def _token_tile(audit: DataAudit) -> Iterator[Tile]:
    part = audit.tokens
    if part.get("measured") and part.get("max_length"):
        yield "Longer than the model takes", share(part["longer"]), [f"limit: {count(part['max_length'])} tokens"]


def _rows(audit: DataAudit) -> Iterator[Block]:
    raw, prepared = audit.rows.get("raw") or {}, audit.rows.get("prepared") or {}
    settings = audit.settings
    yield Facts([(name, value) for name, value in (
        ("Data set", public(shorten(audit.name, 300))), ("Task", audit.task or NOTHING),
        ("Rows looked at where it is slow", f"up to {count(settings.get('sample'))}"),
        ("Seed of the sample", str(settings.get("seed", NOTHING))),
    ) if value])  # fmt: skip
    splits = list(dict.fromkeys([*raw, *prepared]))
    total = sum(prepared.values())
    rows: list[list[Value]] = [
        [
            split,
            count(raw.get(split)),
            count(prepared.get(split)),
            share(prepared[split] / total if total else None) if split in prepared else NOTHING,
        ]
        for split in splits
    ]
    caption = "Rows as they were read, and after cleaning and splitting."
    yield Table(caption, ("Split", "Read", "Prepared", "Share"), rows, frozenset({1, 2, 3}), wide=False)


def _not_measured(audit: DataAudit) -> Iterator[Block]:
    rows: list[list[Value]] = [[what, public(shorten(reason, 500))] for what, reason in _gaps(audit)]
    if rows:
        yield Table("What was not looked at, and why.", ("What", "Why"), rows, wide=False, limit=200)
    else:
        yield Text("Everything that this page knows of was measured.")


def _gaps(audit: DataAudit) -> Iterator[tuple[str, str]]:
    parts = {name.replace("_", " "): getattr(audit, name) for name in _PARTS}
    parts |= {f"duplicates: {kind}": audit.duplicates.get(kind, {}) for kind in ("exact", "near")}
    parts |= {f"leakage: {words}": audit.leakage.get(kind, {}) for kind, words in LEAKS.items()}
    for column in audit.columns:
        name = shorten(column["name"], NAME)
        parts |= {f"{name}: {part}": column[part] for part in ("images", "audio") if column.get(part)}
    for name, part in parts.items():
        if not part.get("measured", False):
            yield name, part.get("reason") or "The audit does not say."
