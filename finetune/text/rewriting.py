"""Edits that leave in place what an answer points at: spans of a text, tagged words, entities."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from finetune.metrics.entities import entities
from finetune.text.tags import OUTSIDE

Edit = Callable[[str], str]
"""Text -> another one of the same meaning, as far as the task is concerned."""


def is_whole(text: str, row: Mapping[str, Any]) -> bool:
    """Whether a text that a task wants edited is a whole column of its row."""
    return any(value is text or value == text for value in row.values() if isinstance(value, str))


def edited_texts(rewrite: Callable[[Edit], object]) -> list[str]:
    """The texts that a rewriting of a row wants edited, in the order in which it asks.

    >>> edited_texts(lambda edit: [edit("a question"), edit("its context")])
    ['a question', 'its context']
    """
    found: list[str] = []

    def collect(text: str) -> str:
        found.append(text)
        return text

    rewrite(collect)
    return found


def rewrite_around(text: str, spans: Sequence[tuple[int, int]], edit: Edit) -> tuple[str, list[int]]:
    """A text edited outside of some spans, and where each span begins now.

    Args:
        text: The whole.
        spans: (start, end) in characters, the end exclusive; in any order, they may overlap.
        edit: Called on every part between them.

    >>> rewrite_around("It rained in Rome.", [(13, 17)], str.upper)
    ('IT RAINED IN Rome.', [13])
    """
    parts: list[str] = []
    moved: dict[int, int] = {}
    done = length = 0
    for start, end in _united(spans):
        before = edit(text[done:start])
        moved |= {old: length + len(before) + old - start for old, _ in spans if start <= old < end}
        parts += [before, text[start:end]]
        length += len(before) + end - start
        done = end
    parts.append(edit(text[done:]))
    return "".join(parts), [moved[start] for start, _ in spans]


def _united(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places as spans in order that do not overlap."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def rewrite_outside(words: Sequence[str], tags: Sequence[str], edit: Edit) -> tuple[list[str], list[str]]:
    """Words and tags, the runs of words outside of entities edited; those stay outside."""
    new_words: list[str] = []
    new_tags: list[str] = []
    run: list[str] = []
    for word, tag in [*zip(words, tags, strict=True), (None, None)]:
        if tag == OUTSIDE and word is not None:
            run.append(word)
            continue
        edited = edit(" ".join(run)).split() if run else []
        new_words += edited
        new_tags += [OUTSIDE] * len(edited)
        run = []
        if word is not None and tag is not None:
            new_words.append(word)
            new_tags.append(tag)
    return new_words, new_tags


def rewrite_each(words: Sequence[str], edit: Edit) -> list[str]:
    """Words edited one by one; a word that would become none or several stays."""
    edited = [edit(word) for word in words]
    return [
        new if len(new.split()) == 1 and new == new.strip() else old for old, new in zip(words, edited, strict=True)
    ]


Mention = tuple[tuple[str, ...], tuple[str, ...]]
"""The words of an entity, and their tags."""


def collect_mentions(rows: Sequence[tuple[Sequence[str], Sequence[str]]]) -> dict[str, list[Mention]]:
    """Type -> the different entities of that type in (words, tags) rows, in order of appearance."""
    found: dict[str, dict[Mention, None]] = {}
    for words, tags in rows:
        for entity in entities(tags):
            place = slice(entity.start, entity.end)
            found.setdefault(entity.type, {})[(tuple(words[place]), tuple(tags[place]))] = None
    return {kind: list(mentions) for kind, mentions in found.items()}


def swap_mention(
    words: Sequence[str], tags: Sequence[str], known: Mapping[str, Sequence[Mention]], rng: random.Random
) -> tuple[list[str], list[str]] | None:
    """Words and tags with one entity replaced by another of its type; None where there is none to take.

    Args:
        words: Of a row.
        tags: A tag per word.
        known: From `collect_mentions`.
        rng: Chooses which entity goes and which comes.
    """
    places = [entity for entity in entities(tags) if len(known.get(entity.type, ())) > 1]
    if not places:
        return None
    chosen = rng.choice(places)
    old = tuple(words[chosen.start : chosen.end])
    others = [mention for mention in known[chosen.type] if mention[0] != old]
    if not others:
        return None
    new_words, new_tags = rng.choice(others)
    first = tags[chosen.start]
    if {first[:1], new_tags[0][:1]} == {"B", "I"}:  # IOB1: whether B is written depends on what stands before
        new_tags = (first, *new_tags[1:])
    return (
        [*words[: chosen.start], *new_words, *words[chosen.end :]],
        [*tags[: chosen.start], *new_tags, *tags[chosen.end :]],
    )
