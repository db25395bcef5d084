"""Spans: the forms in which data sets give answers, and where those stand. How windows use them: question answering."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

from finetune.text import spans
from finetune.text.spans import locate_answers, read_answers

CONTEXT = "In Oslo Rome or Oslo."


def test_examples_run() -> None:
    found = doctest.testmod(spans)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("given", "texts", "starts"),
    [
        ({"text": ["Oslo"], "answer_start": [3]}, ["Oslo"], [3]),
        ({"text": np.array(["Oslo", "in Oslo"]), "answer_start": np.array([3, 0])}, ["Oslo", "in Oslo"], [3, 0]),
        ({"text": "Oslo", "answer_start": 3}, ["Oslo"], [3]),
        ([{"text": "Oslo", "answer_start": 3}, {"text": "in Oslo"}], ["Oslo", "in Oslo"], [3, -1]),
        ("Oslo", ["Oslo"], [-1]),
        (["Oslo", "in Oslo"], ["Oslo", "in Oslo"], [-1, -1]),
        ({"text": ["Oslo"]}, ["Oslo"], [-1]),
        ({"text": [" Oslo\n"], "answer_start": [2]}, ["Oslo"], [3]),
        ({"text": ["", "Oslo"], "answer_start": [0, 3]}, ["Oslo"], [3]),
        ({"text": [], "answer_start": []}, [], []),
        ({"text": [" "], "answer_start": [0]}, [], []),
        ([], [], []),
    ],
)
def test_answers_come_in_many_forms(given: Any, texts: list[str], starts: list[int]) -> None:
    assert read_answers(given) == (texts, starts)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "missing"), (float("nan"), "missing"), ({"text": None, "answer_start": None}, "missing"),
        ("  ", "empty"), (7, "neither"), ({"answer": "Oslo"}, "neither"), ([7], "no text"),
        ({"text": ["a", "b"], "answer_start": [0]}, "2 answers but 1"),
        ({"text": ["a"], "answer_start": ["0"]}, "whole number"),
        ({"text": ["a"], "answer_start": [0.5]}, "whole number"),
        ({"text": ["a"], "answer_start": [float("nan")]}, "whole number"),
    ],
)  # fmt: skip
def test_unreadable_answers_are_refused(given: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_answers(given)


@pytest.mark.parametrize(
    ("given", "start", "located"),
    [
        ({"text": ["Oslo"], "answer_start": [16]}, 16, "stated"),
        ({"text": ["Oslo"], "answer_start": [3]}, 3, "stated"),
        ({"text": ["Rome"], "answer_start": [9]}, 8, "moved"),  # one off, and there is but one place
        ({"text": ["Rome"], "answer_start": [900]}, 8, "moved"),
        ("Rome", 8, "found"),
        ("Oslo", 3, "first"),
        (["nowhere", "Rome"], 8, "found"),
    ],
)
def test_answers_are_located(given: Any, start: int, located: str) -> None:
    texts, stated = read_answers(given)
    starts, how = locate_answers(texts, stated, CONTEXT)
    assert how == located
    assert [place for place in starts if place >= 0] == [start]
    assert CONTEXT.startswith(texts[starts.index(start)], start)
    assert locate_answers(texts, starts, CONTEXT)[0] == starts


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"text": ["Oslo"], "answer_start": [4]}, "missing answer: .*several other places"),
        ({"text": ["Lima"], "answer_start": [3]}, "missing answer: it does not stand in the context"),
        ("oslo", "missing answer: it does not stand in the context"),
    ],
)
def test_answers_that_stand_nowhere_or_anywhere_are_refused(given: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        locate_answers(*read_answers(given), CONTEXT)
