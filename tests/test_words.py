"""Words of a text: where they are, what spans make of them, and what can be told of their tags without a model."""

from __future__ import annotations

import doctest
import random
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from finetune import words
from finetune.words import MostFrequentTag, WordFeatures, encodable, find_words, split_words, tag_words, word_features

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
    assert found.attempted >= 3
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


# -- spans


def span(start: int, end: int, label: str = "X", **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, **more}


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        ("Ada met Alan", [span(8, 12), span(0, 3)], "Ada/B-X met/O Alan/B-X"),
        ("Ada King met", [span(0, 8)], "Ada/B-X King/I-X met/O"),
        ("Grandmother", [span(0, 5)], "Grand/B-X mother/O"),
        ("Grandmother", [span(5, 11), span(0, 5)], "Grand/B-X mother/B-X"),
        ("Ada King", [span(0, 4)], "Ada/B-X King/O"),
        ("a  b", [span(1, 4)], "a/O b/B-X"),
        ("Ada 👩\u200d🚀 x", [span(4, 7, "E")], "Ada/O 👩\u200d🚀/B-E x/O"),
        ("in 東京都", [span(3, 5)], "in/O 東/B-X 京/I-X 都/O"),
        ("cafe\u0301 x", [span(0, 4)], "cafe/B-X \u0301/O x/O"),
        ("Ada", [span(0, 3, text="Ada")], "Ada/B-X"),
        ("Ada met", [], "Ada/O met/O"),
        ("", [], ""),
    ],
)
def test_spans_become_tags_of_words(text: str, spans: list[dict[str, Any]], expected: str) -> None:
    assert " ".join(map("/".join, zip(*tag_words(text, spans), strict=True))) == expected


@pytest.mark.parametrize(
    ("spans", "reason"),
    [
        ([span(0, 13)], "0 to 13 in a text of 12"), ([span(-1, 3)], "-1 to 3"), ([span(3, 3)], "3 to 3"),
        ([span(5, 3)], "5 to 3"), ([span(0, 5), span(4, 7)], "overlapping"), ([span(0, 3), span(0, 3)], "overlapping"),
        ([span(3, 4)], "holds no word"), ([span(0, 3, text="Alan")], "characters, not bytes"),
    ],
)  # fmt: skip
def test_spans_that_no_words_can_hold_are_refused(spans: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        tag_words("Ada met Alan", spans)


@settings(deadline=None)  # other work on the machine is no error
@each(TEXTS, st.data())
def test_each_span_is_some_words_whole(text: str, data: Any) -> None:
    ends = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [span(*pair, str(i)) for i, pair in enumerate(zip(ends[::2], ends[1::2], strict=False))]
    spans = [one for one in spans if split_words(text[one["start"] : one["end"]])]
    found, tags = tag_words(text, spans)
    places = find_words(text, found)
    for one in spans:
        mine = [i for i, tag in enumerate(tags) if tag[2:] == one["label"]]
        assert [tags[i][0] for i in mine] == ["B"] + ["I"] * (len(mine) - 1)
        assert mine == list(range(mine[0], mine[-1] + 1))
        outside = text[one["start"] : places[mine[0]][0]] + text[places[mine[-1]][1] : one["end"]]
        assert not outside.strip()
        assert one["start"] <= places[mine[0]][0] < places[mine[-1]][1] <= one["end"]
    assert tags.count("O") == sum(all(not s["start"] <= start < s["end"] for s in spans) for start, _ in places)


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
