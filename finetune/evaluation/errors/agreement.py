"""Rows that only the model, only a baseline, or nobody gets right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.artifacts import Evaluation
from finetune.evaluation.errors.judged import NUMBERS, Judged, described, errors_of, tags_of
from finetune.text.tags import entity_spans

Array = NDArray[Any]
LISTED = 200
_EACH = 10
"""Rows listed for each baseline."""


def compare_with_baselines(evaluation: Evaluation, judged: Judged, suspects: set[int]) -> dict[str, Any]:
    """`{"baselines", "unjudged", "nobody"}`; {} without baselines.

    Each baseline has `name` and the counts `both`, `only_model`, `only_baseline`, `neither`, with `rows` that it alone
    of the two gets right. `nobody` has `count`, `rows`, and how many of them are `suspected` of a wrong reference.

    Args:
        evaluation: Whose table has the baselines' answers.
        judged: The model's.
        suspects: Rows whose reference is probably wrong.
    """
    names = [name for name in evaluation.systems if f"baseline:{name}" in evaluation.predictions]
    right = {name: _right(judged, name, evaluation.predictions[f"baseline:{name}"]) for name in names}
    known = {name: value for name, value in right.items() if value is not None}
    if not names:
        return {}
    return {
        "baselines": [_beside(judged, name, value) for name, value in known.items()],
        "unjudged": [name for name in names if name not in known],
        "nobody": _nobody(judged, list(known.values()), suspects) if known else {},
    }


def _beside(judged: Judged, name: str, right: Array) -> dict[str, Any]:
    own = ~judged.wrong
    alone = judged.worst[right[judged.worst]]
    return {
        "name": name,
        "both": int((own & right).sum()),
        "only_model": int((own & ~right).sum()),
        "only_baseline": int((~own & right).sum()),
        "neither": int((~own & ~right).sum()),
        "rows": judged.places(alone[:_EACH]),
    }


def _nobody(judged: Judged, right: list[Array], suspects: set[int]) -> dict[str, Any]:
    hard = judged.worst[~np.any(right, axis=0)[judged.worst]]
    suspected = sum(int(row) in suspects for row in hard)
    return {"count": len(hard), "suspected": suspected, "rows": judged.places(hard[:LISTED])}


def _right(judged: Judged, name: str, answers: list[Any]) -> Array | None:
    """(n,) bool, which answers of a baseline are right; None where what is kept of them does not tell."""
    scored, kind = judged.scored, judged.scored.task.kind
    references = described(scored)
    if kind in NUMBERS:
        errors = errors_of(kind, answers, scored.references)
        return np.asarray(errors <= (judged.cut if judged.cut is not None else np.inf))
    if kind == "multi_label":
        pairs = zip(answers, references, strict=True)
        return np.array([set(given or ()) == set(wanted) for given, wanted in pairs], dtype=bool)
    if kind == "tags":
        return np.array([_spans(given) == wanted for given, wanted in zip(answers, _wanted_spans(judged), strict=True)])
    if all(isinstance(value, str) for value in references):
        return np.array([given == wanted for given, wanted in zip(answers, references, strict=True)], dtype=bool)
    mistake = scored.task.mistake
    try:
        triples = zip(scored.rows, answers, references, strict=True)
        return np.array([mistake(row, {"prediction": given}, wanted) is None for row, given, wanted in triples])
    except KeyError:  # the task looks at parts of an answer that are kept of the model's alone
        return _first_is_right(judged, answers) if kind == "ranking" else None


Spans = set[tuple[int, int, str]]


def _spans(found: list[dict[str, Any]]) -> Spans:
    return {(span["start"], span["end"], span["label"]) for span in found}


def _wanted_spans(judged: Judged) -> list[Spans]:
    tags = tags_of(judged.scored)
    pairs = zip(judged.scored.rows, described(judged.scored), strict=True)
    return [_spans(entity_spans(tags.entities(wanted), row["tokens"], row.get("text"))) for row, wanted in pairs]


def _first_is_right(judged: Judged, answers: list[Any]) -> Array | None:
    """Of texts in an order: whether the first of them has a grade above 0."""
    name = next((column.name for column in judged.scored.task.input_columns() if column.kind == "texts"), None)
    if name is None:
        return None
    found = []
    for row, order, grades in zip(judged.scored.rows, answers, judged.scored.references, strict=True):
        relevant = {text for text, grade in zip(row[name], grades, strict=True) if grade > 0}
        found.append(bool(order) and order[0] in relevant)
    return np.array(found, dtype=bool)
