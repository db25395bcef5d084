"""Words of a text: where they are, the forms that they come in, and what can be told of their tags without a model."""

from __future__ import annotations

import doctest
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from finetune.text import words
from finetune.text.words import (
    MostFrequentTag,
    WordFeatures,
    encodable,
    find_words,
    read_list,
    read_words,
    split_words,
    text_of_words,
    word_features,
)

# White space of all kinds, signs of several characters or none, scripts with and without spaces, both directions.
SIGNS = (
    "ada", "B", " ", "  ", "\r\n", "\n", "\t", "\u00a0", "\u3000", "\u2028", "\x85", "\x1c", "é", "e\u0301", "ß", "İ",
    "😀", "👩\u200d🚀", "👍🏽", "🇩🇪", "שלום", "مرحبا", "\u200b", "\u200f", "\ufeff", "\x00", "\x07", "ﬁ", "½", "日本語",
    "か\u3099", "ー", "한국", "각", "สวัสดี", "नि", "。", ".", "'", "$", "\ud800",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(SIGNS) | st.text(max_size=4)).map("".join)


def said(text: str, cuts: Any = ()) -> list[str]:
    return [text[start:end] for start, end in split_words(text, cuts)]


def test_examples_in_the_docstrings() -> None:
    found = doctest.testmod(words)
    assert found.attempted >= 4
    assert found.failed == 0


# -- places


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []), (" \n ", []), ("Hi, Ada!", ["Hi", ",", "Ada", "!"]), ("don't", ["don", "'", "t"]),
        ("a\r\nb\tc\u00a0d", ["a", "b", "c", "d"]), ("U.S.A", ["U", ".", "S", ".", "A"]),
        ("東京はいい", ["東", "京", "は", "い", "い"]), ("か\u3099き", ["か\u3099", "き"]), ("Köln東", ["Köln", "東"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]), ("스물 여섯", ["스물", "여섯"]),
        ("👩\u200d🚀 cafe\u0301", ["👩\u200d🚀", "cafe\u0301"]),
    ],
)  # fmt: skip
def test_words_are_parted_by_space_punctuation_and_script(text: str, expected: list[str]) -> None:
    assert said(text) == expected


@settings(deadline=None)  # other work on the machine is no error
@each(TEXTS, st.sets(st.integers(0, 40)))
def test_words_hold_everything_but_white_space_once_and_in_order(text: str, cuts: set[int]) -> None:
    places = split_words(text, cuts)
    covered = [i for start, end in places for i in range(start, end)]
    assert covered == sorted(set(covered))
    assert all(start < end for start, end in places)
    left = set(range(len(text))) - set(covered)
    assert all(text[i].isspace() for i in left)
    assert not any(start < cut < end for start, end in places for cut in cuts)
    assert find_words(text, [text[start:end] for start, end in places]) == places


@settings(deadline=None)  # other work on the machine is no error
@each(TEXTS, st.sets(st.integers(0, 40)))
def test_cuts_part_words_and_move_none(text: str, cuts: set[int]) -> None:
    uncut = split_words(text)
    ends = {place for pair in uncut for place in pair}
    cut = split_words(text, cuts)
    assert {place for pair in cut for place in pair} - ends <= cuts
    assert len(cut) == len(uncut) + sum(start < place < end for place in cuts for start, end in uncut)


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("a b", ["a", "b"], [(0, 1), (2, 3)]), ("ab", ["a", "b"], [(0, 1), (1, 2)]),
        ("a  a", ["a", "a"], [(0, 1), (3, 4)]),
        ("a  b", ["a", "", "b"], [(0, 1), (1, 1), (3, 4)]), ("a b c", ["a b", "c"], [(0, 3), (4, 5)]), ("x", [], []),
        ("a   b", ["a", " ", "b"], [(0, 1), (1, 2), (4, 5)]),
    ],
)  # fmt: skip
def test_words_are_found_where_they_stand(text: str, given: list[str], expected: list[tuple[int, int]]) -> None:
    assert find_words(text, given) == expected


@pytest.mark.parametrize(
    ("text", "given", "number"),
    [
        ("said a", ["a"], 1),
        ("del", ["de", "el"], 2),
        ("a b", ["a", "c"], 2),
        ("a", ["a", "a"], 2),
        ("a-b", ["a", "b"], 2),
    ],
)
def test_words_with_something_else_between_them_are_not_found(text: str, given: list[str], number: int) -> None:
    with pytest.raises(ValueError, match=f"word {number} does not stand"):
        find_words(text, given)


@settings(deadline=None)  # other work on the machine is no error
@each(st.lists(st.sampled_from(SIGNS) | st.text(max_size=4)))
def test_joined_words_are_found(given: list[str]) -> None:
    text = " ".join(given)
    for word, (start, end) in zip(given, find_words(text, given), strict=True):
        assert text[start:end] == word


def test_halves_of_surrogate_pairs_are_made_encodable() -> None:
    assert encodable("a\ud800b") == "a?b"
    assert encodable("👩\u200d🚀é") == "👩\u200d🚀é"


# -- forms of words


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["Ada", "met"], ["Ada", "met"]), (("Ada",), ["Ada"]), (np.array(["Ada", "met"]), ["Ada", "met"]),
        ([1, "met"], ["1", "met"]), (["", " "], ["", " "]), ([], []), ('["Ada", "met"]', ["Ada", "met"]),
        (" ['Ada', 'met']", ["Ada", "met"]), ("Ada, met!", "Ada, met!"), ("[Ada met", "[Ada met"),
        ("[1] Ada", "[1] Ada"), ("[1, 2]", "[1, 2]"), ("", ""), ("[" * 100_000, "[" * 100_000),
    ],
)  # fmt: skip
def test_words_come_in_many_forms(given: Any, expected: str | list[str]) -> None:
    assert read_words(given) == expected


@pytest.mark.parametrize(
    ("given", "reason"), [(3, "words as int"), (None, "words as NoneType"), (["a", None], "missing")]
)
def test_unreadable_words_are_refused(given: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_words(given)


@pytest.mark.parametrize(
    ("text", "expected"),
    [('["a", null]', ["a", None]), ("['a', None]", ["a", None]), ('{"a": 1}', {"a": 1}), ("[a", "[a"), ("", "")],
)
def test_cells_of_text_files_hold_lists_as_json_or_python_write_them(text: str, expected: Any) -> None:
    assert read_list(text) == expected


def test_words_stand_in_their_own_text_or_in_another() -> None:
    assert text_of_words([]) == ""
    assert text_of_words(["do", "n't", "."]) == "do n't ."
    assert text_of_words(["do", "n't", "."], "don't .") == "don't ."
    with pytest.raises(ValueError, match="word 2 does not stand"):
        text_of_words(["de", "el"], "del")


# -- tags from words alone


def test_most_frequent_tag_of_a_word() -> None:
    tagger = MostFrequentTag([["a", "b", "a"], ["a", "b", "c", "d"]], [[1, 0, 1], [0, 0, 2, 2]], 3)
    assert tagger(["a", "b", "c", "never"]) == [1, 0, 2, tagger.unknown]
    assert tagger.unknown == 0, "the most frequent of all words, the first of equals"
    assert tagger.rare == 2, "the most frequent of words seen once"
    assert tagger([]) == []


def test_without_a_rare_word_the_common_tag_serves() -> None:
    assert MostFrequentTag([["a", "a"]], [[1, 1]], 2).rare == 1


def test_word_features_tell_a_word_and_its_neighbours() -> None:
    first, second, third = map(set, word_features(["McKay7", "met", "Ada"]))
    assert {"w=McKay7", "l=mckay7", "s=XxXxd", "p3=McK", "e2=y7", "-1=<", "-2=<<", "+1=met", "+2=ada"} <= first
    assert {"-1=mckay7", "-2=<", "+1=ada", "+2=>", "-1s=XxXxd", "+1s=Xx"} <= second
    assert {"+1=>", "+2=>>", "-2=mckay7"} <= third
    assert word_features([]) == []


def test_logistic_regression_learns_shapes_and_neighbours() -> None:
    chance = random.Random(0)

    def name(capital: bool) -> str:
        letters = "".join(chance.choice("bcdfgklmnprst") + chance.choice("aeiou") for _ in range(3))
        return letters.title() if capital else letters

    rows = [[name(True), name(False), "in", name(i % 2 == 0)] for i in range(300)]
    tags = [[1, 0, 0, 2 if i % 2 == 0 else 0] for i in range(300)]
    tagger = WordFeatures(rows, tags)
    new = [[name(True), name(False), "in", name(True)] for _ in range(50)]
    right = [tag == wanted for row in new for tag, wanted in zip(tagger(row), (1, 0, 0, 2), strict=True)]
    assert sum(right) > 0.95 * len(right)
    assert WordFeatures(rows, tags)(new[0]) == tagger(new[0]), "the same rows give the same tagger"
