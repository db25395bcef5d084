"""The section of an audit's page on images and recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.artifacts import DataAudit
from finetune.cards.audit.columns import NAME, rows_listed, sampled
from finetune.cards.audit.plots import quantity, seconds_drawing
from finetune.cards.blocks import Block, Facts, Figures, Heading, Section, Table, Text
from finetune.cards.wording import count, duration, share, shorten

Values = Mapping[str, Any]


def media_sections(audit: DataAudit) -> list[Section]:
    """One for all columns of files; none where there are no such columns."""
    blocks: list[Block] = []
    for place, column in enumerate(audit.columns):
        for part, look in (("images", _images), ("audio", _audio)):
            found = column[part]
            if found:
                blocks.append(Heading(shorten(column["name"], NAME)))
                blocks += look(place, column["name"], found) if found.get("measured", True) else [_unmeasured(found)]
    return [Section("media", "Images and recordings", blocks)] if blocks else []


def _unmeasured(found: Values) -> Text:
    return Text(f"Not measured: {found.get('reason')}")


def _images(_: int, name: str, found: Values) -> Iterator[Block]:
    if remark := sampled(found):
        yield Text(remark, soft=True)
    yield Facts([
        ("Width, pixels", _span(found["width"])), ("Height, pixels", _span(found["height"])),
        ("Modes", _counted(found["modes"])), ("Formats", _counted(found["formats"])), _unreadable(found),
    ])  # fmt: skip
    sizes = [[f"{count(e['width'])} × {count(e['height'])}", count(e["count"])] for e in found["sizes"]]
    if sizes:
        title = f"The most frequent sizes of {shorten(name, NAME)}"
        yield Table(f"{title}.", ("Width × height", "Images"), sizes, frozenset({1}), folded=title, wide=False)


def _audio(place: int, name: str, found: Values) -> Iterator[Block]:
    if remark := sampled(found):
        yield Text(remark, soft=True)
    seconds, silence, clipping = found["seconds"], found["silence"], found["clipping"]
    if drawing := seconds_drawing(place, name, seconds):
        yield Figures([drawing])
    yield Facts([
        ("In all", duration(seconds["total"])), ("Seconds of one", _span(seconds)),
        ("Samples per second", _counted(found["rates"])), ("Channels", _counted(found["channels"])),
        ("Silence", f"{share(silence['mean'])} of the time; {count(silence['silent'])} are nothing else"),
        ("Clipping", f"{share(clipping['mean'], 2)} of the samples; {count(clipping['clipped'])} with more than 0.1%"),
        _unreadable(found),
    ])  # fmt: skip


def _span(entry: Values) -> str:
    low, middle, high = quantity([entry["min"], (entry["quantiles"] or {}).get("p50"), entry["max"]])
    return f"{low} to {high}, median {middle}"


def _counted(counts: Mapping[Any, float]) -> str:
    return ", ".join(f"{shorten(name, 40)} ({count(rows)})" for name, rows in list(counts.items())[:8])


def _unreadable(found: Values) -> tuple[str, str]:
    entry = found["unreadable"]
    which = f": {rows_listed(entry['rows'])}" if entry["count"] else ""
    return "Unreadable", f"{count(entry['count'])}{which}"
