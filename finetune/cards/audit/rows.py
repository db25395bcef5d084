"""The sections of an audit's page on whole rows: duplicates, leakage, languages, personal data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.artifacts import DataAudit
from finetune.cards.audit.columns import NAME, rows_listed, sampled
from finetune.cards.blocks import Block, Cell, Section, Table, Text, Value
from finetune.cards.wording import NOTHING, count, share, shorten

Values = Mapping[str, Any]
LEAKS = {
    "exact": "same input",
    "near": "nearly the same words",
    "group": "same group",
    "id": "same id",
    "key": "same key",
}
"""Kinds of leakage in words."""


def basis(part: Values) -> str:
    """Which rows a part looked at."""
    raw = "the rows as they were read; the data could not be prepared"
    return raw if part.get("basis") == "raw" else "the rows after cleaning and splitting"


def row_sections(audit: DataAudit) -> list[Section]:
    """Those parts that were measured."""
    found = [
        Section("duplicates", "Duplicates", list(_duplicates(audit.duplicates))),
        Section("leakage", "Leakage across splits", list(_leakage(audit.leakage)), "Leakage"),
        Section("languages", "Languages", list(_languages(audit.languages))),
        Section("personal", "Personal data", list(_personal(audit.personal))),
    ]
    return [section for section in found if section.blocks]


def _duplicates(duplicates: Values) -> Iterator[Block]:
    exact, near = (duplicates.get(kind, {}) for kind in ("exact", "near"))
    if exact.get("measured"):
        columns = ", ".join(shorten(name, NAME) for name in exact["columns"])
        yield Table(f"Rows whose input ({columns}) is that of an earlier row of their split; {basis(exact)}.",
                    _TITLES, [_repeats(name, entry) for name, entry in exact["splits"].items()], _NUMBERS)  # fmt: skip
        yield from _conflicts(exact["splits"])
    if near.get("measured"):
        caption = (
            f"Rows that share at least {share(near['threshold'], 0)} of their three-word sequences (Jaccard) with an "
            f"earlier one, equal ones left out. {sampled(near)}"
        )
        yield Table(caption, _TITLES, [_repeats(name, entry, "≈") for name, entry in near["splits"].items()], _NUMBERS)


_TITLES = ("Split", "Rows", "Repeats", "Share", "Groups", "Groups of rows, some")
_NUMBERS = frozenset({1, 2, 3, 4})


def _repeats(split: str, entry: Values, sign: str = "=") -> list[Value]:
    numbers = count(entry["rows"]), count(entry["duplicates"]), share(entry["share"]), count(entry["groups"])
    return [split, *numbers, groups_listed(entry["examples"], sign)]


def groups_listed(groups: list[list[str]], sign: str = "=") -> str:
    """Some groups of rows."""
    return "; ".join(f" {sign} ".join(group[:4]) for group in groups[:4]) + (" …" if len(groups) > 4 else "") or NOTHING


def _conflicts(splits: Mapping[str, Values]) -> Iterator[Block]:
    rows: list[list[Value]] = [
        [split, count(entry["conflicting"]), groups_listed(entry["conflicts"])]
        for split, entry in splits.items()
        if entry.get("conflicting")
    ]
    if rows:
        caption = "Equal inputs with different targets: of each group at most one target is right."
        yield Table(caption, ("Split", "Groups", "Some of them"), rows, frozenset({1}), wide=False)
    else:
        yield Text("No two rows with the same input have different targets.")


def _leakage(leakage: Values) -> Iterator[Block]:
    measured = {kind: part for kind, part in leakage.items() if part.get("measured")}
    rows = [_pair(kind, part, pair) for kind, part in measured.items() for pair in part["pairs"]]
    if not rows:
        return
    yield Text("A test row that the model has learned from shows what it remembers, not what it can do.")
    titles = ("What is shared", "Held-out split", "With", "Rows", "Share of the split", "Verdict", "Which")
    remarks = " ".join(
        dict.fromkeys(f"{LEAKS[kind]}: {text}" for kind, part in measured.items() if (text := sampled(part)))
    )
    caption = f"Rows of a held-out split that share something with another split. {remarks}"
    yield Table(caption, titles, rows, frozenset({3, 4}))


def _pair(kind: str, part: Values, pair: Values) -> list[Value]:
    shared = part.get("by") or (", ".join(part["columns"]) if kind in ("group", "id") else "")
    values = f"{count(pair['values'])} values on both sides" if pair.get("values") else ""
    verdict = Cell("leaks", tag="bad") if pair["rows"] else Cell("none", tag="good")
    return [
        Cell(LEAKS[kind], shorten(shared, NAME)), pair["split"], pair["against"],
        Cell(count(pair["rows"]), values), share(pair["share"]), verdict, rows_listed(pair["examples"]) or NOTHING,
    ]  # fmt: skip


def _languages(languages: Values) -> Iterator[Block]:
    if not languages.get("measured"):
        return
    counts, shares = languages["counts"], languages["shares"]
    rows: list[list[Value]] = [
        [name, count(counts.get(name)), Cell(share(part), width=part)] for name, part in shares.items()
    ]
    caption = (
        "Languages of the inputs (ISO 639-1), as a model of languages tells them; short texts are often unknown. "
        + sampled(languages)
    )
    yield Table(caption, ("Language", "Rows", "Share"), rows, frozenset({1}), wide=False)


def _personal(personal: Values) -> Iterator[Block]:
    if not personal.get("measured"):
        return
    rows = [
        [Cell(shorten(column, NAME)), kind.replace("_", " "), count(found["rows"]), count(found["values"]),
         rows_listed(personal["rows"].get(column, {}).get(kind, []))]
        for column, kinds in personal["columns"].items()
        for kind, found in kinds.items()
    ]  # fmt: skip
    if not rows:
        yield Text("No personal data of the kinds that have a pattern was found. Names and addresses have none.")
        return
    caption = (
        "Personal data that has a pattern, by column and kind: counts and places, never values. Names and addresses "
        "have no pattern and are not looked for."
    )
    yield Table(caption, ("Column", "Kind", "Rows", "Values", "Which"), rows, frozenset({2, 3}))
