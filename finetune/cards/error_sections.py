"""The sections of the page of errors: the worst rows, likely wrong labels, confusions; and all others in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from finetune.cards.blocks import Block, Cell, Table, Text, Value
from finetune.cards.error_patterns import agreement_part, bands_part, close_part, words_part
from finetune.cards.error_rows import Entry, Part, Rows
from finetune.cards.error_summary import LEVEL, counted, interval_of
from finetune.cards.wording import count, p_value, share, shorten, signed

Values = dict[str, Any]
_CONFIDENT, _SUSPECTS = 20, 40
_PAIRS = 10
"""Pairs of labels of which rows are shown; the table has all that are listed."""
_LABEL = 80


def error_parts(rows: Rows) -> list[Part]:
    """Those that there is something for."""
    errors = rows.evaluation.errors
    makers = (_confident, _label_errors, _confusions, words_part, agreement_part, bands_part, close_part)
    return [part for make in makers for part in make(rows, errors)]


def _confident(rows: Rows, errors: Values) -> Iterator[Part]:
    title = {"confidence": "Most confidently wrong", "error": "The largest errors"}.get(
        errors["by"], "The worst answers"
    )
    shown = errors["confident"][:_CONFIDENT]
    said = "No test row is answered wrong."
    if shown:
        order = {"confidence": "of whose wrong answer the model is most sure", "error": "that are furthest off"}
        which = order.get(errors["by"], "that are worst")
        said = f"The {counted(len(shown), 'wrong row')} {which}, of {count(errors['wrong'])}."
    yield Part("confident", title, title, [Text(said)], [("", [rows.entry(entry["index"]) for entry in shown])])


# -- labels


def _label_errors(rows: Rows, errors: Values) -> Iterator[Part]:
    found = errors["label_errors"]
    if not found.get("measured") or not found["count"]:
        return
    shown = found["rows"][:_SUSPECTS]
    entries = [_suspect(rows, entry) for entry in shown]
    left = f" Shown: the first {count(len(shown))} of {count(found['count'])}." if len(shown) < found["count"] else ""
    blocks: list[Block] = [Text(_METHODS[found["method"]] + left)]
    if len(found["labels"]) > 1:
        blocks.append(_suspected_pairs(found["labels"]))
    title = "May be labelled wrong" if found["method"] != "outlying_residuals" else "Numbers that stand out"
    yield Part("labels", title, title, blocks, [("", entries)])


_METHODS = {
    "confident_learning": (
        "Rows whose label the model, which never learned from them, finds unlikely, as many of each label as its "
        "probabilities say are wrong (confident learning, Northcutt et al. 2021). A model's own confident mistakes "
        "look the same, so not all of these are wrong, and not every wrong label is here. Read before you change any."
    ),
    "confident_disagreement": (
        "Wrong answers of which the model is as sure as it usually is of right ones. Its own confident mistakes look "
        "the same, so not all of these are wrong, and not every wrong label is here. Read before changing anything."
    ),
    "outlying_residuals": (
        "Rows whose truth is further from the answer than 3.5 robust standard deviations (Iglewicz and Hoaglin 1993): "
        "a wrong number, another unit, or a case that the model cannot know."
    ),
}


def _suspect(rows: Rows, entry: Values) -> Entry:
    found, said = rows.entry(entry["index"]), []
    if "suggested" in entry:
        said.append(("suggested", f"{shorten(entry['suggested'], _LABEL)} ({share(entry['confidence'])})"))
        if "given_probability" in entry:
            chance = f"{shorten(entry['given'], _LABEL)} ({share(entry['given_probability'])})"
            said.insert(0, ("labelled", chance))
        return found.with_more(*said) if "first_word" in entry else _as_labelled(found, said)
    if "deviation" in entry:
        said.append(("off by", f"{signed(entry['deviation'], 1)} standard deviations"))
    elif "confidence" in entry:
        said.append(("sure", share(entry["confidence"])))
    return found.with_more(*said)


def _as_labelled(found: Entry, said: list[tuple[str, str]]) -> Entry:
    """Label and suggestion in place of truth and answer, which they repeat."""
    kept = [pair for pair in found.said if pair[0] not in ("true", "answered", "sure")]
    return Entry(found.row, found.inputs, [*said, *kept], "", found.baselines, found.labels)


def _suspected_pairs(pairs: Sequence[Values]) -> Table:
    rows: list[list[Value]] = [
        [shorten(e["given"], _LABEL), shorten(e["suggested"], _LABEL), count(e["count"])] for e in pairs
    ]
    return Table("What they are labelled, and what the model suggests.", ("Labelled", "Suggested", "Rows"), rows,
                 frozenset({2}), wide=False, limit=15)  # fmt: skip


# -- confusions


def _confusions(rows: Rows, errors: Values) -> Iterator[Part]:
    found = errors["confusions"]
    if not found.get("pairs"):
        return
    unit = found["unit"].capitalize()
    table: list[list[Value]] = [
        [shorten(e["reference"], _LABEL), shorten(e["prediction"], _LABEL), count(e["count"]), count(e["of"]),
         Cell(share(e["share"]), interval_of(e), e["share"])]
        for e in found["pairs"]
    ]  # fmt: skip
    titles = ("True label", "Answered", unit, "of the label's", "Share")
    caption = (
        f"What is taken for what: {counted(found['different'], 'different pair')}. In brackets: the interval of the "
        f"share at {share(rows.evaluation.confidence, 0)}."
    )
    blocks: list[Block] = [Table(caption, titles, table, frozenset({2, 3, 4}), wide=False, limit=30,
                                 total=found["different"])]  # fmt: skip
    blocks += [_directions(found["asymmetries"])] if found["asymmetries"] else []
    groups = [
        (f"{shorten(e['reference'], _LABEL)} taken for {shorten(e['prediction'], _LABEL)}",
         [rows.entry(row["index"]) for row in e["rows"]])
        for e in found["pairs"][:_PAIRS]
    ]  # fmt: skip
    yield Part("confusions", "What is confused with what", "Confusions", blocks, groups)


def _directions(pairs: Sequence[Values]) -> Table:
    rows: list[list[Value]] = [
        [f"{shorten(e['first'], _LABEL)} and {shorten(e['second'], _LABEL)}", count(e["first_as_second"]),
         count(e["second_as_first"]), p_value(e["p_value_holm"]), _direction(e)]
        for e in pairs
    ]  # fmt: skip
    caption = (
        "Whether one of two labels takes from the other more than it gives: exact test of both directions being "
        "equally likely, corrected for looking at all of these pairs (Holm)."
    )
    titles = ("Labels", "First taken for second", "Second taken for first", "p, corrected", "Direction")
    return Table(caption, titles, rows, frozenset({1, 2, 3}), limit=15)


def _direction(entry: Values) -> Cell:
    if entry["p_value_holm"] > LEVEL:
        return Cell("not shown", tag="plain")
    more = "first" if entry["first_as_second"] > entry["second_as_first"] else "second"
    other = "second" if more == "first" else "first"
    return Cell(f"towards {shorten(entry[other], _LABEL)}", tag="warn")
