"""What damaged inputs do to the score: a drop for each kind of damage, and a row that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from finetune.cards.blocks import Block, Cell, Comparison, Comparisons, Heading, Section, Table, Text, Value, Whisker
from finetune.cards.record import Record
from finetune.cards.tables import mark
from finetune.cards.word_changes import word_changes
from finetune.cards.wording import (
    NOTHING,
    count,
    decimals_for,
    interval,
    is_number,
    metric_in_sentence,
    number,
    p_value,
    share,
    shorten,
    signed,
)

Values = Mapping[str, Any]
TITLES = {
    "typos": "Typing errors", "ocr": "Errors of text recognition", "lowercase": "All in small letters",
    "uppercase": "All in capitals", "punctuation": "Punctuation dropped or added",
    "contractions": "Contractions opened or made", "synonyms": "Synonyms", "longer": "Longer, by neutral sentences",
    "scripts": "Letters of other scripts", "blur": "Blur", "noise": "Noise", "brightness": "Other brightness",
    "background_noise": "Background noise",
}  # fmt: skip
_VERDICTS = {
    "the score falls": ("falls", "bad"), "the score rises": ("rises", "warn"), "not shown": ("not shown", "plain"),
    "no answer changed": ("same answers", "good"), "not measured": ("not measured", "plain"),
}  # fmt: skip
"""Verdict -> a shorter word for the table, and its colour."""
_LONGEST = 400
"""Characters of an example that are shown."""


def section(record: Record) -> Section | None:
    """The part of the report; None for runs whose inputs were not damaged."""
    found = record.evaluation.robustness
    if not found:
        return None
    kind, damaged = record.evaluation.kind, record.evaluation.damaged
    entries: Values = found["perturbations"]
    blocks: list[Block] = [Text(_verdict(found, kind)), _table(found, kind), Text(_reading(found), soft=True)]
    if examples := _examples(entries, damaged):
        blocks += [Heading("A row of each"), Comparisons(("As it is", "Damaged"), examples)]
    return Section("robustness", "What damaged inputs do to it", blocks, nav="Damaged inputs")


def title_of(name: str) -> str:
    """What a reader calls a perturbation."""
    return TITLES.get(name, name)


def _verdict(found: Values, kind: str) -> str:
    entries: Values = found["perturbations"]
    falls = [(name, e) for name, e in entries.items() if e["verdict"] == "the score falls"]
    falls.sort(key=lambda pair: -pair[1]["drop"]["value"])
    open_ = [(name, e) for name, e in entries.items() if e["verdict"] == "not shown"]
    score = metric_in_sentence(found["score"], kind)
    worse = "rises" if found["direction"] == "lower" else "falls"
    if falls:
        named = "; ".join(f"{title_of(name).lower()}, {_change(e)}" for name, e in falls)
        first = f"Its {score} {worse} when inputs are damaged in ways that readers see through: {named}."
    else:
        first = f"None of {count(len(entries))} kinds of damage is shown to make its {score} worse."
    return " ".join(part for part in (first, _open(open_), _same(entries)) if part)


def _change(entry: Values) -> str:
    digits = decimals_for([entry["clean"], entry["damaged"]])
    return f"from {number(entry['clean'], digits)} to {number(entry['damaged'], digits)}"


def _open(entries: Sequence[tuple[str, Values]]) -> str:
    """What these rows cannot rule out, so that silence is not taken for strength."""
    bounded = [(name, e) for name, e in entries if is_number(e["drop"]["high"])]
    if not bounded:
        return ""
    digits = decimals_for([e["drop"]["high"] for _, e in bounded])
    named = "; ".join(f"{title_of(name).lower()}, up to {number(e['drop']['high'], digits)}" for name, e in bounded)
    return f"Not shown either way, a drop cannot be ruled out: {named}."


def _same(entries: Values) -> str:
    same = [title_of(name).lower() for name, e in entries.items() if e["verdict"] == "no answer changed"]
    return f"Not one answer changed: {', '.join(same)}." if same else ""


def _table(found: Values, kind: str) -> Table:
    entries: Values = found["perturbations"]
    drops = [e["drop"] for e in entries.values() if "drop" in e]
    moved = any(e.get("moved") for e in entries.values())
    columns = ("Damage", "Before and after", "Drop", "", "Answers moved by" if moved else "Answers changed", "Verdict")
    score = metric_in_sentence(found["score"], kind)
    caption = (
        f"The same test rows as they are and damaged ({score}); a drop is positive where the score gets worse. "
        f"Whiskers: {share(found['confidence'], 0)} intervals of the drop; the line is no drop."
    )
    rows = [_row(name, entry, _domain(drops)) for name, entry in entries.items()]
    return Table(caption, columns, rows, numbers=frozenset({1, 2, 4}))


def _domain(drops: Sequence[Values]) -> tuple[float, float]:
    """A range that holds every interval, and zero."""
    ends = [0.0, *(d[end] for d in drops for end in ("value", "low", "high") if is_number(d[end]))]
    room = (max(ends) - min(ends)) * 0.04 or 1.0
    return min(ends) - room, max(ends) + room


def _row(name: str, entry: Values, domain: tuple[float, float]) -> list[Value]:
    left = f", {count(entry['unchanged'])} could not be changed" if entry["unchanged"] else ""
    title = Cell(title_of(name), soft=f"{count(entry['rows'])} rows{left}")
    if "drop" not in entry:
        return [title, *[NOTHING] * 4, Cell("not measured", soft=entry.get("reason", ""), tag="plain")]
    drop = entry["drop"]
    digits = decimals_for([entry["clean"], entry["damaged"], drop["value"]])
    dot = mark(drop, domain)
    label = f"{title_of(name)}: drop {number(drop['value'], digits)}"
    whisker = Whisker((dot,) if dot else (), label, 100 * -domain[0] / (domain[1] - domain[0]))
    word, colour = _VERDICTS[entry["verdict"]]
    verdict = Cell(word, soft=f"p {_p(drop)}", tag=colour)
    return [
        title, f"{number(entry['clean'], digits)} → {number(entry['damaged'], digits)}",
        Cell(signed(drop["value"], digits), soft=interval(drop["low"], drop["high"], digits, sign=True)),
        Cell(whisker=whisker), _answers(entry), verdict,
    ]  # fmt: skip


def _p(drop: Values) -> str:
    """With a sign of equality, unless it is only known to be smaller."""
    words = p_value(drop["p_value_holm"])
    return words if words.startswith("<") else f"= {words}"


def _answers(entry: Values) -> Cell:
    changed, moved = entry.get("changed"), entry.get("moved")
    if changed:
        return Cell(share(changed["value"]), soft=f"[{share(changed['low'])}, {share(changed['high'])}]")
    if moved:
        digits = decimals_for([moved["value"]])
        return Cell(number(moved["value"], digits), soft=interval(moved["low"], moved["high"], digits))
    return Cell(NOTHING)


def _reading(found: Values) -> str:
    names = found["perturbations"]
    parts = [f"Strength {found['strength']:g}, seed {found['seed']}, {count(found['drawn'])} test rows drawn."]
    if "background_noise" in names:
        parts.append(f"The background noise is {found['snr']:g} dB below the recording.")
    parts.append(
        "Rows that a damage left as they are do not count. The p-values are paired and corrected for looking at "
        f"{count(len(names))} kinds of damage (Holm). Damage is made by rules, for English first: it resembles what "
        "people and machines do to inputs, and is not a sample of it."
    )
    return " ".join(parts)


def _examples(entries: Values, damaged: Mapping[str, Sequence[Any]]) -> list[Comparison]:
    """The row that each perturbation names, before and after; none for pictures and sounds."""
    places = {key: i for i, key in enumerate(zip(damaged.get("perturbation", ()), damaged.get("row", ()), strict=True))}
    found = []
    for name, entry in entries.items():
        place = places.get((name, entry.get("example")))
        if place is None or damaged["before"][place] == damaged["after"][place]:
            continue
        old, new, was, now = (damaged[key][place] for key in ("before", "after", "answer", "answer_after"))
        before, after = word_changes(shorten(old, _LONGEST), shorten(new, _LONGEST))
        about = (("", title_of(name)), ("row", str(entry["example"])), ("answer", shorten(was, 80)))
        tag = ("same answer", "plain") if was == now else (f"now: {shorten(now, 80)}", "warn")
        found.append(Comparison(about, tag, before, after))
    return found
