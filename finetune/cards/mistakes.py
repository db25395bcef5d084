"""Where the model is wrong: the confusion matrix, and the rows that it gets most confidently wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from finetune.artifacts import Evaluation
from finetune.artifacts.prepared_data import CLUSTER, FEATURE, GROUP, SLICE
from finetune.cards.wording import count, decimals_for, is_number, metric_title, number, share, shorten, signed

MAX_MATRIX = 20
"""With more labels than this, the most confused pairs are shown in place of the matrix."""
_SHOWN_PAIRS = 20
_SHOWN_ROWS, _SHORT = 15, 5
"""Wrong rows that are shown: of runs without and with a page of their own for them."""
_TEXT = 400
_OWN = ("row", "reference", "prediction")
_TABULAR = ("single_label", "multi_label", "regression")
"""Kinds whose errors the table itself shows; of all others only the task can tell."""
_PREFIXES = ("score:", "answer:", "baseline:", GROUP, SLICE, CLUSTER, FEATURE, "template:")


@dataclass(frozen=True)
class Mistake:
    """A row that the model gets wrong.

    Attributes:
        index: Place in the predictions.
        size: What rows are ordered by: how sure the model was of the wrong answer, or the size of the error.
        label: The label that it is about (multi-label); empty elsewhere.
    """

    index: int
    size: float
    label: str = ""


def matrix(evaluation: Evaluation) -> dict[str, Any] | None:
    """The confusion matrix as `{labels, rows: [{label, total, cells: [{count, share, heat, right}]}]}`."""
    table = evaluation.details.get("confusion_matrix")
    if not table or len(table["labels"]) > MAX_MATRIX:
        return None
    rows = []
    for i, (label, counts) in enumerate(zip(table["labels"], table["counts"], strict=True)):
        total = sum(counts)
        shares = [value / total if total else 0.0 for value in counts]
        cells = [
            {"count": count(v), "share": share(s, 0) if total else "", "heat": f"{s:.3f}", "right": i == j}
            for j, (v, s) in enumerate(zip(counts, shares, strict=True))
        ]
        rows.append({"label": label, "total": count(total), "cells": cells})
    return {"labels": table["labels"], "rows": rows}


def confused_pairs(evaluation: Evaluation) -> list[dict[str, str]]:
    """The most frequent confusions, for more labels than a matrix can show."""
    table = evaluation.details.get("confusion_matrix")
    if not table or len(table["labels"]) <= MAX_MATRIX:
        return []
    labels, counts = table["labels"], table["counts"]
    pairs = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    return [
        {"reference": labels[i], "prediction": labels[j], "count": count(n), "share": share(n / sum(counts[i]))}
        for n, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))[:_SHOWN_PAIRS]
    ]


def label_rows(evaluation: Evaluation) -> list[dict[str, str]]:
    """Precision, recall and F1 of every label."""
    return [
        {"label": row["label"], **{k: number(row[k]) for k in ("precision", "recall", "f1")},
         "support": count(row["support"]), "bar": share(row["f1"])}
        for row in evaluation.details.get("per_label", ())
    ]  # fmt: skip


def wrong_rows(evaluation: Evaluation) -> dict[str, Any]:
    """The worst rows: `{total, rows: [{row, inputs, reference, prediction, score, …}], numeric}`."""
    table = evaluation.predictions
    if evaluation.kind not in _TABULAR:
        return _judged_by_the_task(evaluation)
    found = list(_numeric(table) if evaluation.kind == "regression" else _classified(table, evaluation.target))
    worst = sorted(found, key=lambda mistake: (-mistake.size, mistake.index))[: _shown(evaluation)]
    show = show_number if evaluation.kind == "regression" else show_label
    digits = decimals_for([table["reference"][m.index] for m in worst]) if evaluation.kind == "regression" else 3
    rows = [inputs_of(table, mistake.index) | show(table, mistake, digits) for mistake in worst]
    return {"total": len(found), "rows": rows, "share": share(len(found) / max(1, evaluation.rows))}


def _shown(evaluation: Evaluation) -> int:
    return _SHORT if evaluation.errors else _SHOWN_ROWS


def readable_columns(evaluation: Evaluation) -> dict[str, list[Any]]:
    """The table without what would hide a row's point: the lists of candidates that an answer was chosen from."""
    if evaluation.kind != "ranking":
        return evaluation.predictions
    lists = {column.name for column in evaluation.load_task().input_columns() if column.kind == "texts"}
    return {name: values for name, values in evaluation.predictions.items() if name not in lists}


def _judged_by_the_task(evaluation: Evaluation) -> dict[str, Any]:
    """The rows that the task itself calls wrong, in its words."""
    table, task = evaluation.predictions, evaluation.load_task()
    rows_of = ({name: table[name][i] for name in input_columns(table)} for i in range(len(table["prediction"])))
    triples = zip(rows_of, evaluation.answers(), table["reference"], strict=True)
    judged = ((index, task.mistake(*triple)) for index, triple in enumerate(triples))
    found = [(index, mistake) for index, mistake in judged if mistake is not None]
    shown = readable_columns(evaluation)
    worst = sorted(found, key=lambda pair: (-pair[1].size, pair[0]))[: _shown(evaluation)]
    rows = [
        inputs_of(shown, index)
        | {"reference": shorten(m.wanted, _TEXT), "prediction": shorten(m.given, _TEXT), "sure": "", "note": m.note}
        for index, m in worst
    ]
    return {"total": len(found), "rows": rows, "share": share(len(found) / max(1, evaluation.rows))}


def detail_tables(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The task's own tables, every cell as a text: `{title, columns, rows}`."""
    return [
        {"title": table["title"], "columns": [metric_title(name) for name in table["columns"]],
         "rows": [[_cell(value) for value in row] for row in table["rows"]]}
        for table in evaluation.details.get("tables", ())
    ]  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    return number(value) if isinstance(value, float) else shorten(value, 120)


def _numeric(table: dict[str, list[Any]]) -> Iterator[Mistake]:
    for index, (reference, prediction) in enumerate(zip(table["reference"], table["prediction"], strict=True)):
        if is_number(reference) and is_number(prediction) and reference != prediction:
            yield Mistake(index, abs(prediction - reference))


def _classified(table: dict[str, list[Any]], target: dict[str, Any]) -> Iterator[Mistake]:
    for index, (reference, prediction) in enumerate(zip(table["reference"], table["prediction"], strict=True)):
        if not isinstance(prediction, list):
            if reference != prediction:
                yield Mistake(index, _score(table, prediction, index) or 0.0, "")
        elif set(reference or ()) != set(prediction):
            sizes = dict(wrong_labels(table, index, set(reference or ()), set(prediction)))
            worst = max(sizes, key=lambda name: sizes[name])
            yield Mistake(index, sizes[worst], worst)


def wrong_labels(
    table: dict[str, list[Any]], index: int, wanted: set[str], given: set[str]
) -> Iterator[tuple[str, float]]:
    """Each wrong label with how sure the model was of it: of its presence where it is given, else of its absence."""
    for label in sorted(wanted ^ given):
        score = _score(table, label, index)
        yield label, 0.0 if score is None else score if label in given else 1 - score


def _score(table: dict[str, list[Any]], label: Any, index: int) -> float | None:
    column = table.get(f"score:{label}")
    return column[index] if column and is_number(column[index]) else None


def input_columns(table: dict[str, list[Any]]) -> list[str]:
    """Names of the columns that hold what the model reads."""
    return [name for name in table if name not in _OWN and not name.startswith(_PREFIXES)]


def inputs_of(table: dict[str, list[Any]], index: int) -> dict[str, Any]:
    """What the model read in a row: `{row, inputs: [(name, text)]}`, texts shortened, names where there are several."""
    names = [name for name in input_columns(table) if table[name][index] is not None]
    if {"tokens", "text"} <= set(names):  # the words are those of the text
        names.remove("tokens")
    inputs = [(name, _input(table[name][index])) for name in names]
    shown: dict[str, str] = {}
    for name, text in inputs:  # words, and the text that they make up, read the same
        shown.setdefault(text, name)
    pairs = [(name if len(shown) > 1 else "", text) for text, name in shown.items()]
    return {"row": table["row"][index] if "row" in table else "", "inputs": pairs}


def _input(value: Any) -> str:
    """An input as one text: words joined, several texts numbered."""
    if not isinstance(value, list):
        return shorten(value, _TEXT)
    texts = [str(part) for part in value]
    if len(texts) == 1:
        return shorten(texts[0], _TEXT)
    if any(" " in part.strip() for part in texts):
        return shorten(" ".join(f"({place}) {shorten(part, 120)}" for place, part in enumerate(texts, 1)), _TEXT)
    return shorten(" ".join(texts), _TEXT)


def show_label(table: dict[str, list[Any]], mistake: Mistake, digits: int) -> dict[str, Any]:
    """Truth, answer and how sure the model was, of labels: `{reference, prediction, sure, note}`."""
    reference, prediction = table["reference"][mistake.index], table["prediction"][mistake.index]
    if isinstance(prediction, list):
        added = mistake.label in prediction
        note = f"{shorten(mistake.label, 80)}: {'given' if added else 'left out'}"
        return {
            "reference": names(reference),
            "prediction": names(prediction),
            "sure": share(mistake.size),
            "note": note,
        }
    other = _score(table, reference, mistake.index)
    note = f"{share(other)} for the true label" if other is not None else ""
    sure = share(_score(table, prediction, mistake.index))
    return {"reference": shorten(reference, 80), "prediction": shorten(prediction, 80), "sure": sure, "note": note}


def show_number(table: dict[str, list[Any]], mistake: Mistake, digits: int) -> dict[str, Any]:
    """The same of numbers, with the error in place of sureness."""
    reference, prediction = table["reference"][mistake.index], table["prediction"][mistake.index]
    return {
        "reference": number(reference, digits),
        "prediction": number(prediction, digits),
        "sure": signed(prediction - reference, digits),
        "note": "",
    }


def names(labels: list[str] | None) -> str:
    """Several labels in a cell."""
    return ", ".join(shorten(label, 80) for label in labels or ()) or "(none)"
