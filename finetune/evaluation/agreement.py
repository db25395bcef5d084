"""Whether two answers to a row say the same, by the kind of target."""

from __future__ import annotations

from typing import Any

from finetune.metrics.answers import normalize_answer
from finetune.task import Prediction

NUMBERS = ("regression", "similarity", "likelihood")
"""Kinds whose answers are numbers: they move, and a share of changed ones says little."""


def same_answer(kind: str, first: Prediction, second: Prediction) -> bool:
    """Whether two answers say the same.

    Labels and choices: the same name (several: the same set). Answers in words: equal as the metric `exact_match` has
    it, so case and articles do not count. Tags: the same tag of every word; where words came or went, the same
    labels in the same order. Rankings: the same item in first place.

    Args:
        kind: Of the target, not one of `NUMBERS`.
        first: From `Task.predict`.
        second: To the same row, or to one that differs by an edit.
    """
    one, other = first["prediction"], second["prediction"]
    if kind == "multi_label":
        return set(one) == set(other)
    if kind == "answers":
        return normalize_answer(one) == normalize_answer(other)
    if kind == "tags":
        return _same_tags(first, second)
    if kind == "ranking":
        return bool(list(one)[:1] == list(other)[:1])
    return bool(one == other)


def _same_tags(first: Prediction, second: Prediction) -> bool:
    if len(first["tags"]) == len(second["tags"]):
        return list(first["tags"]) == list(second["tags"])
    labels: list[list[Any]] = [[span["label"] for span in answer["prediction"]] for answer in (first, second)]
    return labels[0] == labels[1]
