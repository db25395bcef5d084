"""Edits that leave in place what an answer points at."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from finetune.metrics.entities import entities
from finetune.task import TargetHints, load_task
from finetune.text.rewriting import collect_mentions, rewrite_around, rewrite_each, rewrite_outside, swap_mention


@given(
    st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=4), st.text(max_size=3)
)
def test_spans_keep_their_texts(text: str, places: list[tuple[int, int]], inserted: str) -> None:
    spans = [(start, min(len(text), start + size)) for start, size in places if start < len(text)]
    edited, starts = rewrite_around(text, spans, lambda part: inserted + part[::-1] + inserted)
    for (start, end), now in zip(spans, starts, strict=True):
        assert edited[now : now + end - start] == text[start:end]


def test_answers_are_found_again() -> None:
    task = load_task("question-answering")
    answers = {"text": ["Rome", "Rome"], "answer_start": [13, 13], "located": "stated"}
    row = {"question": "Where?", "context": "It rained in Rome. Rome was wet.", "answers": answers}
    found = task.rewrite(row, lambda text: f"; {text}", conservative=False)
    assert found is not None
    assert found["question"] == "Where?"
    assert all(found["context"][start:].startswith("Rome") for start in found["answers"]["answer_start"])
    assert found["context"] != row["context"]
    cannot = row | {"answers": answers | {"answer_start": [-1, -1]}}
    assert task.rewrite(cannot, str.upper, conservative=True) is None


TAGGED = [
    (["Ada", "Lovelace", "lives", "in", "London", "."], ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]),
    (["Bo", "likes", "Rome"], ["B-PER", "O", "B-LOC"]),
]


def test_entities_survive_what_happens_around_them() -> None:
    words, tags = rewrite_outside(*TAGGED[0], lambda text: f"well , {text}")
    assert words == ["Ada", "Lovelace", "well", ",", "lives", "in", "London", "well", ",", "."]
    assert [words[e.start : e.end] for e in entities(tags)] == [["Ada", "Lovelace"], ["London"]]


def test_a_word_stays_one_word() -> None:
    assert rewrite_each(["a", "bc"], lambda word: f"{word} {word}" if word == "a" else word.upper()) == ["a", "BC"]


def test_an_entity_gives_way_to_another_of_its_type() -> None:
    known = collect_mentions(TAGGED)
    assert known["PER"] == [(("Ada", "Lovelace"), ("B-PER", "I-PER")), (("Bo",), ("B-PER",))]
    seen = set()
    for seed in range(20):
        swapped = swap_mention(*TAGGED[0], known, random.Random(seed))
        assert swapped is not None
        words, tags = swapped
        assert len(words) == len(tags)
        assert [e.type for e in entities(tags)] == ["PER", "LOC"]
        seen.add(" ".join(words))
    assert seen == {"Bo lives in London .", "Ada Lovelace lives in Rome ."}
    assert swap_mention(["no", "names"], ["O", "O"], known, random.Random(0)) is None


def test_tokens_and_tags_agree_after_every_rewrite() -> None:
    task = load_task("token-classification").learn([tags for _, tags in TAGGED], TargetHints())
    row = {"tokens": TAGGED[0][0], "tags": task.parse_target(TAGGED[0][1])}
    found = task.rewrite(row, lambda text: f"{text} indeed", conservative=False)
    assert found is not None
    assert len(found["tokens"]) == len(found["tags"]) == 8
    swap = task.own_transforms([{"tokens": w, "tags": task.parse_target(t)} for w, t in TAGGED])["entity_swap"]
    assert swap(row, random.Random(0)) is not None


def test_pairs_and_numbers_take_conservative_edits_only() -> None:
    pairs = load_task("text-classification").learn(["a", "b"], TargetHints())
    row = {"text": "one", "text_pair": "two", "label": 0}
    assert pairs.rewrite(row, str.upper, conservative=False) is None
    assert pairs.rewrite(row, str.upper, conservative=True) == row | {"text": "ONE", "text_pair": "TWO"}
    assert pairs.rewrite({"text": "one", "label": 1}, str.upper, conservative=False) == {"text": "ONE", "label": 1}
    number = load_task("text-classification").learn([0.5, 1.25], TargetHints())
    assert number.rewrite({"text": "one", "label": 0.5}, str.upper, conservative=False) is None
