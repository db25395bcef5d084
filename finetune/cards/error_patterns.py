"""What wrong answers have in common: words, baselines that fail as well, how sure the model was; and close calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from finetune.cards.blocks import Block, Cell, Table, Text, Value
from finetune.cards.error_rows import Part, Rows
from finetune.cards.error_summary import counted, interval_of
from finetune.cards.wording import count, number, p_value, share, shorten

Values = dict[str, Any]
_HARD, _AROUND, _LABEL = 20, 60, 80
_UNITS = {"rows": "rows", "labels": "labels of rows", "entities": "marked words or entities"}


def words_part(rows: Rows, errors: Values) -> Iterator[Part]:
    """Words that stand in wrong rows more often than in right ones."""
    found = errors["words"]
    if not found.get("terms"):
        return
    shown = found["shown"]
    said = (
        f"Of {count(found['tested'])} words and pairs of words that stand in at least {count(found['min_rows'])} rows, "
        f"{counted(shown, 'stands', 'stand') if shown else 'none is shown to stand'} in wrong rows more often than in "
        f"right ones, at a false discovery rate of {share(found['level'], 0)} (Benjamini and Hochberg 1995)."
    )
    if not shown:
        said += " The first below are where to look if you suspect one; each of them may be chance."
    yield Part("words", "Words that go with errors", "Words", [Text(said), _word_table(rows, found)])


def _word_table(rows: Rows, found: Values) -> Table:
    table = [_word(rows, entry, found["level"]) for entry in found["terms"]]
    titles = ("Word", "Rows with it", "Wrong with it", "Wrong without", "Odds ratio", "q", "Where it stands")
    caption = (
        "Share of wrong rows among those with the word, with its interval, and among all others; q is the corrected p."
    )
    return Table(caption, titles, table, frozenset({1, 2, 3, 4, 5}))


def _word(rows: Rows, entry: Values, level: float) -> list[Value]:
    text, start, end = rows.text(entry["index"]), entry["start"], entry["end"]
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    around = (
        ("same", f"{'…' if start > _AROUND else ''}{before}"), ("new", text[start:end]),
        ("same", f"{after}{'…' if end + _AROUND < len(text) else ''}"),
    )  # fmt: skip
    told = "shown" if entry["q_value"] <= level else "not shown"
    return [
        shorten(" ".join(text[start:end].casefold().split()), _LABEL), count(entry["with"]),
        Cell(share(entry["share"]), interval_of(entry)), share(entry["without"]), number(entry["odds_ratio"], 1),
        Cell(p_value(entry["q_value"]), told), Cell(pieces=tuple(part for part in around if part[1])),
    ]  # fmt: skip


def agreement_part(rows: Rows, errors: Values) -> Iterator[Part]:
    """Who gets which rows right, and rows that nobody does."""
    found = errors["agreement"]
    if not found.get("baselines"):
        return
    nobody, systems = found["nobody"], rows.evaluation.systems
    table: list[list[Value]] = [
        [shorten(systems[e["name"]]["title"], _LABEL), *(count(e[key]) for key in _AGREEMENT)]
        for e in found["baselines"]
    ]
    caption = "Test rows by who gets them right. A row that only a baseline gets right is worth reading."
    titles = ("Baseline", "Both right", "Only the model", "Only the baseline", "Neither")
    shown = nobody["rows"][:_HARD]
    said = "Every row is right with the model or with a baseline."
    if nobody["count"]:
        said = (
            f"Nobody gets {counted(nobody['count'], 'row')} right: hard, ambiguous, or labelled wrong "
            f"({count(nobody['suspected'])} of them are suspected above)."
        )
    groups = [("Nobody gets these right", [rows.entry(row["index"]) for row in shown])] if shown else []
    groups += [
        (f"Wrong here, right with: {shorten(systems[e['name']]['title'], _LABEL)}",
         [rows.entry(row["index"]) for row in e["rows"][:3]])
        for e in found["baselines"] if e["rows"]
    ]  # fmt: skip
    blocks: list[Block] = [Table(caption, titles, table, frozenset({1, 2, 3, 4}), wide=False), Text(said)]
    yield Part("nobody", "Hard for everybody", "Hard for everybody", blocks, groups)


_AGREEMENT = ("both", "only_model", "only_baseline", "neither")


def bands_part(rows: Rows, errors: Values) -> Iterator[Part]:
    """How many answers are wrong by their probability."""
    found = errors["bands"]
    if not found:
        return
    table: list[list[Value]] = [
        [f"{share(e['from'], 0)} to {share(e['to'], 0)}", count(e["count"]), count(e["wrong"]),
         Cell(share(e["share"]), interval_of(e), e["share"])]
        for e in found["bands"]
    ]  # fmt: skip
    unit = _UNITS[found["unit"]]
    caption = (
        f"Answers ({unit}) by their probability. Where it means what it says, the wrong ones are its rest to 100%."
    )
    titles = ("The model is sure to", "Answers", "Wrong", "Share wrong")
    yield Part("bands", "Errors by how sure the model is", "By sureness",
               [Table(caption, titles, table, frozenset({1, 2, 3}), wide=False)])  # fmt: skip


def close_part(rows: Rows, errors: Values) -> Iterator[Part]:
    """Right rows that were nearest to another answer."""
    if errors["close"]:
        said = "Rows that are answered right, but where little more would have given another answer."
        entries = [rows.entry(entry["index"]) for entry in errors["close"]]
        yield Part("close", "Right, but near the border", "Near the border", [Text(said)], [("", entries)])
