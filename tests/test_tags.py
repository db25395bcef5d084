"""Tags of words: all their forms, what is learned of them, and spans of a text as tags and back."""

from __future__ import annotations

import doctest
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from finetune.errors import LabelError
from finetune.labels import RowError
from finetune.text import tags
from finetune.text.tags import Tags, entity_spans, learn_tags, read_tags, tag_words
from finetune.text.words import find_words, split_words

TAGS = Tags(("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), "IOB2")
# Words, white space of all kinds, signs of several characters, scripts without spaces.
SIGNS = ("ada", "B", " ", "  ", "\r\n", "\u00a0", "\u3000", "\u2028", "é", "e\u0301", "👩\u200d🚀", "שלום", "\u200b",
         "日本語", "か\u3099", "สวัสดี", "नि", ".", "'", "$")  # fmt: skip
TEXTS = st.lists(st.sampled_from(SIGNS) | st.text(max_size=4)).map("".join)


def span(start: int, end: int, label: str = "X", **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, **more}


def test_examples_in_the_docstrings() -> None:
    found = doctest.testmod(tags)
    assert found.attempted >= 5
    assert found.failed == 0


# -- what is learned


@pytest.mark.parametrize(
    ("rows", "scheme"),
    [
        ([["B-PER", "I-PER", "O"], ["B-LOC", "O"]], "IOB2"),
        ([["I-PER", "I-PER", "O"], ["I-LOC", "B-LOC"]], "IOB1"),
        ([["B-PER", "I-PER"], ["O", "B-LOC"], ["O", "B-LOC"], ["O", "I-LOC"]], "IOB2"),  # a slip of the annotator
        ([["B-PER", "E-PER", "O", "S-LOC"]], "BIOES"),
        ([["B-PER", "L-PER", "O", "U-LOC"]], "BIOES"),
        ([["B", "I", "O", "B"]], "IOB2"),
        ([["I", "I", "O", "I"]], "IOB1"),
        ([["NOUN", "VERB", "O"]], "none"),
        ([["NOUN", "VERB"]], "none"),
        ([["O", "O"]], "none"),
        ([["B-PER", "NOUN", "O"]], "none"),
    ],
)
def test_schemes_are_told_from_tags_and_from_ids_with_names(rows: list[list[str]], scheme: str) -> None:
    names = sorted({tag for row in rows for tag in row})
    ids = [[names.index(tag) for tag in row] for row in rows]
    for learned in (learn_tags(rows), learn_tags(ids, names), learn_tags([np.array(row) for row in rows])):
        assert learned.scheme == scheme
        assert [[learned.names[i] for i in learned.parse(row)] for row in rows] == rows
    assert [learn_tags(ids, names).parse(row) for row in ids] == ids, "ids keep their order"


def test_ids_without_names_keep_their_numbers() -> None:
    learned = learn_tags([[0, 11, 2], [5, 0, 2.0], np.array([7])])
    assert learned.names == ("0", "2", "5", "7", "11")
    assert [learned.names[i] for i in learned.parse([11, 2, 5, 7.0])] == ["11", "2", "5", "7"]
    with pytest.raises(RowError, match="unknown tag '1'"):
        learned.parse([1])


def test_outside_is_the_first_of_inferred_tags() -> None:
    assert learn_tags([["X", "B-A", "O"], None, []]).names == ("O", "B-A", "X")


def test_types_of_spans_are_learned_or_given() -> None:
    values = [[], [span(0, 1, "PER ")], [[2, 3, "LOC"]], {"start": [0], "end": [1], "label": [3.0]}]
    learned = learn_tags(values)
    assert learned == Tags(("O", "B-3", "I-3", "B-LOC", "I-LOC", "B-PER", "I-PER"), "IOB2", spans=True)
    assert learn_tags(values, ("PER", "LOC")).names == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    for value in values:
        found = tag_words("a b c", learned.parse(value))[1]
        assert [learned.names[i] for i in learned.parse(found)] == found


@pytest.mark.parametrize("values", [[], [None, None], [[], []], [3, 4], [float("nan")], ["[broken"]])
def test_no_tags_at_all_are_refused(values: Any) -> None:
    with pytest.raises(LabelError, match="No row has tags"):
        learn_tags(values)


def test_words_are_no_tags() -> None:
    with pytest.raises(LabelError, match="600 different tags"):
        learn_tags([[f"word{i}" for i in range(600)]])
    assert len(learn_tags([["t1", "t2"]], [f"t{i}" for i in range(600)]).names) == 600


def test_every_word_is_marked_where_tags_mark_no_entities() -> None:
    row = ["B-PER", "I-PER", "O", "I-LOC"]
    assert TAGS.entities(row) == [("PER", 0, 2), ("LOC", 3, 4)]
    assert Tags(TAGS.names).entities(row) == [(tag, i, i + 1) for i, tag in enumerate(row)]


# -- forms of tags


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["O", "B-PER"], [0, 1]), ([0, 1], [0, 1]), (np.array([0, 1]), [0, 1]), (["0", 3.0], [0, 3]),
        (("O", "I-LOC"), [0, 4]), ("O B-PER\tO", [0, 1, 0]), ('["O", "B-PER"]', [0, 1]), ("['O', 'B-PER']", [0, 1]),
        ("[0, 1]", [0, 1]), ([], []), ("[]", []),
    ],
)  # fmt: skip
def test_tags_come_in_many_forms(given: Any, expected: list[int]) -> None:
    assert TAGS.parse(given) == expected


def test_tags_in_one_text_are_parted_as_told() -> None:
    assert learn_tags(["O | B-PER", "O"], separator="|").parse("O| B-PER |O") == [0, 1, 0]
    with pytest.raises(RowError, match=r"unknown tag 'O\|B-PER'"):
        TAGS.parse("O|B-PER")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "missing target"), (float("nan"), "missing target"), ("", "missing target"),
        (["O", None], "missing tag"), (["O", float("nan")], "missing tag"), (3, "tags as int"),
        ("[broken", "tags as str"),
        (["O", "B-ORG"], "unknown tag 'B-ORG'"), ([5], "unknown tag '5'"), ([-100], "unknown tag '-100'"),
        ([["O"]], "a span without"), ({"start": 1}, "a span without"), ([{"start": 0, "end": 1}], "a span without"),
        ([{"start": "0", "end": 1, "label": "PER"}], "a span without"),
    ],
)  # fmt: skip
def test_unreadable_tags_are_refused(given: Any, reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        TAGS.parse(given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([span(0, 8)], None), ([[0, 8, "X"]], None), ({"start": [0], "end": [8], "label": ["X"]}, None),
        (span(0, 8), None), (json.dumps([span(0, 8)]), None), (json.dumps([[0, 8, "X"]]), None),
        (str([span(0, 8)]), None), ([span(0, 8, text="Ada King")], "Ada King"),
        ([span(0, 8, text=None, id=3)], None),
    ],
)  # fmt: skip
def test_spans_come_in_many_forms(given: Any, text: str | None) -> None:
    assert read_tags(given) == [span(0, 8, text=text)]
    assert Tags(TAGS.names, "IOB2", spans=True).parse(given) == [span(0, 8, text=text)]
    assert tag_words("Ada King met", read_tags(given)) == (["Ada", "King", "met"], ["B-X", "I-X", "O"])


# -- spans as tags, and back


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
        (["O", "O", "O"], "a tag per word in one row"),
    ],
)  # fmt: skip
def test_spans_that_no_words_can_hold_are_refused(spans: list[Any], reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        tag_words("Ada met Alan", spans)


@settings(deadline=None)  # other work on the machine is no error
@each(TEXTS, st.data())
def test_each_span_is_some_words_whole(text: str, data: Any) -> None:
    ends = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [span(*pair, str(i)) for i, pair in enumerate(zip(ends[::2], ends[1::2], strict=False))]
    spans = [one for one in spans if split_words(text[one["start"] : one["end"]])]
    found, found_tags = tag_words(text, spans)
    places = find_words(text, found)
    for one in spans:
        mine = [i for i, tag in enumerate(found_tags) if tag[2:] == one["label"]]
        assert [found_tags[i][0] for i in mine] == ["B"] + ["I"] * (len(mine) - 1)
        assert mine == list(range(mine[0], mine[-1] + 1))
        outside = text[one["start"] : places[mine[0]][0]] + text[places[mine[-1]][1] : one["end"]]
        assert not outside.strip()
        assert one["start"] <= places[mine[0]][0] < places[mine[-1]][1] <= one["end"]
    assert found_tags.count("O") == sum(all(not s["start"] <= start < s["end"] for s in spans) for start, _ in places)
    back = entity_spans(Tags(tuple(set(found_tags)), "IOB2").entities(found_tags), found, text)
    assert [(one["label"], one["text"]) for one in back] == [(one["label"], said(text, one)) for one in spans]
    assert all(one["text"] == text[one["start"] : one["end"]] for one in back)


def said(text: str, one: dict[str, Any]) -> str:
    """What a span says, from its first word to its last."""
    places = split_words(text, [one["start"], one["end"]])
    inside = [place for place in places if one["start"] <= place[0] and place[1] <= one["end"]]
    return text[inside[0][0] : inside[-1][1]]


def test_scores_of_spans_are_means_of_their_words() -> None:
    marked, words = TAGS.entities(["B-PER", "I-PER", "O", "B-LOC"]), ["Ada", "King", "in", "Rome"]
    places = [span(0, 8, "PER", text="Ada King"), span(12, 16, "LOC", text="Rome")]
    assert entity_spans(marked, words) == places
    scored = entity_spans(marked, words, scores=np.array([0.5, 0.25, 0.9, 0.75]))
    assert scored == [{**places[0], "score": 0.375}, {**places[1], "score": 0.75}]
    assert [one["start"] for one in entity_spans(marked, words, "«Ada King  in\nRome»"[1:-1])] == [0, 13]
    with pytest.raises(ValueError, match="word 4 does not stand"):
        entity_spans(marked, words, "Ada King in Oslo")
