"""Findings on single columns of the raw data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.data.auditing.wording import count, finding, have, listed, percent

Finding = dict[str, Any]
Column = Mapping[str, Any]
MUCH_MISSING = 0.05
RARE_FORMAT = 0.005
"""Share of the values from which a format is one of the column's, not a slip."""


def column_findings(found: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings on each column in turn."""
    for column in found["columns"]:
        for rule in (_missing, _placeholders, _formats, _far_numbers, _spellings, _damage, _odd_texts, _media):
            yield from rule(column)
    yield from _personal(found)


def _missing(column: Column) -> Iterator[Finding]:
    name, counts = column["name"], column["missing"].values()
    missing, worst = sum(entry["count"] for entry in counts), max((entry["share"] or 0 for entry in counts), default=0)
    if column["constant"]:
        what = "has no value in any row" if worst == 1 else "has the same value in every row"
        severity = "warning" if set(column["roles"]) & {"input", "target", "feature"} else "note"
        yield finding(severity, "constant column", f"The column {name!r} {what}; it tells nothing.", (), name)
    elif missing and set(column["roles"]) & {"input", "target"}:
        what = "target" if "target" in column["roles"] else "input"
        sentence = f"{have(missing)} no value in {name!r}, the {what}; a run drops them unless cleaning fills them."
        if what == "input" and column["canonical"] is None:  # one of those that a template reads
            sentence = f"{have(missing)} no value in {name!r}; the template writes features.missing_text in its place."
        yield finding("warning", "missing values", sentence, (), name)
    elif missing:
        severity = "warning" if worst >= MUCH_MISSING else "note"
        sentence = f"{have(missing)} no value in {name!r} (up to {percent(worst)} of a split)."
        yield finding(severity, "missing values", sentence, (), name)


def _placeholders(column: Column) -> Iterator[Finding]:
    rows = sum(column["placeholders"].values())
    if rows and column["kind"] != "text":
        written = listed([repr(text) for text in column["placeholders"]])
        sentence = (
            f"{have(rows)} {written} in {column['name']!r}, which may stand for a missing value (data.reader.missing)."
        )
        yield finding("warning", "placeholders", sentence, (), column["name"])


def _formats(column: Column) -> Iterator[Finding]:
    stored, name = column["stored"], column["name"]
    if stored is None:
        return
    what = "dates" if stored["as"] == "time" else "numbers"
    total = sum(entry["count"] for entry in stored["formats"])
    often = [entry for entry in stored["formats"] if entry["count"] >= max(2, RARE_FORMAT * total)]
    if len(often) > 1:
        shown = listed([f"{entry['format']} ({count(entry['count'], 'value')})" for entry in often])
        sentence = f"The {what} in {name!r} are written in {len(often)} formats: {shown}."
        yield finding("warning", "mixed formats", sentence, (), name)
    if stored["ambiguous"]:
        sentence = f"{percent(stored['ambiguous'])} of the {what} in {name!r} can be read in more than one way."
        yield finding("warning", "ambiguous values", sentence, (), name)
    if stored["rows"]:
        share = percent(1 - stored["parseable"])
        yield finding(
            "warning", "unreadable values", f"{share} of the values in {name!r} are no {what}.", stored["rows"], name
        )


def _far_numbers(column: Column) -> Iterator[Finding]:
    numbers, name = column["numbers"], column["name"]
    if numbers is None:
        return
    if numbers["infinite"]:
        yield finding(
            "warning", "infinite numbers", f"{have(numbers['infinite'])} no finite number in {name!r}.", (), name
        )
    fences = numbers["outliers"]["iqr"]
    if fences is None or not fences["count"]:
        return
    step = (fences["high"] - fences["low"]) / 4  # the distance of the quartiles
    far = numbers["max"] > fences["high"] + 1.5 * step or numbers["min"] < fences["low"] - 1.5 * step
    sentence = (
        f"{have(fences['count'])} a value in {name!r} far from the others (outside of {fences['low']:g} to "
        f"{fences['high']:g}; the range is {numbers['min']:g} to {numbers['max']:g})."
    )
    yield finding("warning" if far else "note", "outliers", sentence, fences["rows"], name)


def _spellings(column: Column) -> Iterator[Finding]:
    groups = column["categories"]["spellings"] if column["categories"] else []
    if groups:
        first = listed([repr(entry["value"]) for entry in groups[0]["values"]], 3)
        more = f", and {count(len(groups) - 1, 'other')}" if len(groups) > 1 else ""
        sentence = f"Values of {column['name']!r} differ in spelling only: {first}{more}."
        yield finding("warning", "spellings", sentence, (), column["name"])


def _damage(column: Column) -> Iterator[Finding]:
    damaged = column["texts"]["damaged"] if column["texts"] else None
    if damaged is not None and damaged["count"]:
        sentence = (
            f"{have(damaged['count'])} a text in {column['name']!r} that was decoded wrongly; "
            "cleaning.normalize: [encoding] mends what can be mended."
        )
        yield finding("warning", "encoding", sentence, damaged["rows"], column["name"])


def _odd_texts(column: Column) -> Iterator[Finding]:
    if column["texts"] is None:
        return
    name, outliers = column["name"], column["texts"]["outliers"]
    if outliers["length"]["count"]:
        low, high = max(0, round(outliers["length"]["low"])), round(outliers["length"]["high"])
        sentence = (
            f"{have(outliers['length']['count'])} an unusually short or long text in {name!r} (outside of {low:,} to "
            f"{high:,} characters)."
        )
        yield finding("note", "text length", sentence, outliers["length"]["rows"], name)
    if outliers["classes"]["count"]:
        sentence = (
            f"{have(outliers['classes']['count'])} a text in {name!r} that is made of other characters than most."
        )
        yield finding("note", "characters", sentence, outliers["classes"]["rows"], name)


def _media(column: Column) -> Iterator[Finding]:
    name = column["name"]
    for kind, noun in (("images", "image"), ("audio", "sound")):
        part = column[kind]
        if part is None or not part["measured"]:
            continue
        broken = part["unreadable"]
        if broken["count"]:
            sentence = f"{count(broken['count'], noun)} in {name!r} cannot be read."
            yield finding("problem", "unreadable files", sentence, broken["rows"], name)
    audio = column["audio"]
    if audio and audio["measured"]:
        yield from _sounds(name, audio)


def _sounds(name: str, audio: Mapping[str, Any]) -> Iterator[Finding]:
    if audio["silence"]["silent"]:
        sentence = f"{have(audio['silence']['silent'])} nothing but silence in {name!r}."
        yield finding("warning", "silence", sentence, audio["silence"]["rows"], name)
    if audio["clipping"]["clipped"]:
        sentence = f"{have(audio['clipping']['clipped'])} a sound in {name!r} that is clipped."
        yield finding("warning", "clipping", sentence, audio["clipping"]["rows"], name)
    if len(audio["rates"]) > 1:
        sentence = (
            f"The sounds in {name!r} have {len(audio['rates'])} sampling rates: {listed(list(audio['rates']))} Hz."
        )
        yield finding("note", "sampling rates", sentence, (), name)


def _personal(found: Mapping[str, Any]) -> Iterator[Finding]:
    for name, kinds in found["personal"]["columns"].items():
        what = listed([f"{kind.replace('_', ' ')} ({count(entry['rows'], 'row')})" for kind, entry in kinds.items()], 8)
        rows = [row for places in found["personal"]["rows"][name].values() for row in places]
        sentence = f"The column {name!r} holds personal data: {what}; cleaning.personal: redact replaces it in texts."
        yield finding("warning", "personal data", sentence, list(dict.fromkeys(rows)), name)
