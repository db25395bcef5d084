"""Sentences: where they end, the one that is most like a question, and groups of questions."""

from __future__ import annotations

import doctest
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from finetune.text import sentences as module
from finetune.text.sentences import choose_threshold, find_sentences, group_questions, score_groups, split_sentences


def test_examples_run() -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("told", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        (
            "He met J. R. Smith in the U.S. Army. Then he left.",
            ["He met J. R. Smith in the U.S. Army.", "Then he left."],
        ),
        ('He said "Stop!" Then 3.5 men came.', ['He said "Stop!"', "Then 3.5 men came."]),
        ("彼は来た。彼女は去った。", ["彼は来た。", "彼女は去った。"]),
        ("A title\r\nand a line.\n\n Last", ["A title", "and a line.", "Last"]),
        ("no stop", ["no stop"]),
        (" \n", []),
    ],
)
def test_sentences(told: str, sentences: list[str]) -> None:
    assert [told[start:end] for start, end in split_sentences(told)] == sentences


@each(st.text(alphabet=st.sampled_from("aB .!?。\n\r\t…\"'”U.S😀\u0301"), max_size=60))
def test_sentences_hold_all_of_a_text_but_blanks(told: str) -> None:
    spans = split_sentences(told)
    outside = set(range(len(told))) - {place for start, end in spans for place in range(start, end)}
    assert all(told[place].isspace() for place in outside)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(told[start:end].strip() == told[start:end] != "" for start, end in spans)


def shared_letters(asked: Sequence[str], told: Sequence[str]) -> np.ndarray:
    return np.array([len(set(left) & set(right)) for left, right in zip(asked, told, strict=True)])


def test_each_question_gets_the_sentence_of_its_own_text() -> None:
    texts = ["Abc. Xyz! Def.", "", "Def. Xy.", "Xyz."]
    found = find_sentences(["xyz"] * 4, texts, shared_letters)
    assert [text[slice(*place)] for text, (place, _) in zip(texts, found, strict=True)] == ["Xyz!", "", "Xy.", "Xyz."]
    assert [alike for _, alike in found] == [2, 0, 1, 2]
    strict = find_sentences(["xyz"] * 4, texts, shared_letters, 2)
    assert [text[slice(*place)] for text, (place, _) in zip(texts, strict, strict=True)] == ["Xyz!", "", "", "Xyz."]
    first = find_sentences(["xyz"] * 4, texts)
    assert [text[slice(*place)] for text, (place, _) in zip(texts, first, strict=True)] == ["Abc.", "", "Def.", "Xyz."]


ROWS = st.lists(st.tuples(st.floats(0, 1, width=16), st.floats(0, 1), st.booleans()), min_size=1, max_size=19)


@each(ROWS)
def test_no_threshold_is_better_than_the_chosen_one(rows: list[tuple[float, float, bool]]) -> None:
    """With fewer than twenty answers, every way to part them by score is among the candidates."""
    scores, given, nothing = (np.array(column, dtype=float) for column in zip(*rows, strict=True))

    def worth(threshold: float) -> float:
        return float(np.where(scores >= threshold, given, nothing).mean())

    chosen = worth(choose_threshold(scores.tolist(), given.tolist(), nothing.tolist()))
    assert chosen == pytest.approx(max(map(worth, [0.0, *scores, 2.0])))


def test_questions_are_grouped_by_their_word_and_by_whether_they_have_an_answer() -> None:
    asked = ["Where is it?", "where was it", "In whose?", "How much is it", "Somewhere?"]
    by_answer, by_word = group_questions(asked, [["a"], [], ["a"], ["a"], []])
    assert by_word[2] == ["where", "where", "who", "how much", "other"]
    assert [group.startswith("without") for group in by_answer[2]] == [False, True, False, False, True]


def test_questions_in_other_languages_are_grouped_by_the_length_of_the_answer() -> None:
    sizes = (1, 10, 11, 25, 26, 50, 51)
    *_, (_, _, groups) = group_questions(["Где?"] * 8, [*(["x" * size] for size in sizes), []])
    for size, group in zip(sizes, groups, strict=False):
        low, high = group.replace(" and more", " to 999").split(" to ")
        assert int(low) <= size <= int(high)
    assert len(set(groups)) == 5
    assert groups[-1] == "none"


def test_scores_of_groups_are_means_and_large_groups_come_first() -> None:
    grouping = ("By colour.", "Colour", ["red", "blue", "blue"])
    table = score_groups(grouping, {"F1": np.array([1.0, 0.0, 0.5]), "Match": np.array([1.0, 0.0, 0.0])})
    assert table["columns"] == ["Colour", "Rows", "F1", "Match"]
    assert table["rows"] == [["blue", 2, 0.25, 0.0], ["red", 1, 1.0, 1.0]]
