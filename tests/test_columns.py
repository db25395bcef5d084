"""Where values stand in the data: a column, a field inside one, or several columns that make a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import finetune
from finetune.artifacts import PreparedData
from finetune.data.columns import pick, read_column
from finetune.errors import ColumnError
from finetune.recipe import Recipe

WORDS = ("red", "green", "blue", "grey")


def prepared(rows: list[dict[str, Any]], folder: Path, task: str, columns: dict[str, Any]) -> PreparedData:
    Dataset.from_list(rows).to_parquet(folder / "rows.parquet")
    return finetune.prepare(Recipe.from_dict({
        "task": task, "model": {"name": "unused"},
        "data": {"name": str(folder / "rows.parquet"), "columns": columns},
    }))  # fmt: skip


def searches(count: int = 40) -> list[dict[str, Any]]:
    return [
        {"q": f"question {i}", "passages": {"text": [f"wrong {i}", f"right {i}"], "is_selected": [0, 1]}}
        for i in range(count)
    ]


def test_a_field_inside_a_column(tmp_path: Path) -> None:
    columns = {"query": "q", "documents": "passages.text", "relevance": "passages.is_selected"}
    data = prepared(searches(), tmp_path, "text-ranking", columns)
    row = data.train[0]
    number = row["query"].split()[1]
    assert row["documents"] == [f"wrong {number}", f"right {number}"]
    assert row["relevance"] == [0.0, 1.0]
    assert data.report.columns == columns


def test_columns_that_make_a_list(tmp_path: Path) -> None:
    rows = [{"sent": f"say {WORDS[i % 4]} {i}", "a": "red", "b": "green", "c": "blue", "d": "grey", "right": i % 4}
            for i in range(40)]  # fmt: skip
    columns = {"question": "sent", "choices": ["a", "b", "c", "d"], "answer": "right"}
    data = prepared(rows, tmp_path, "multiple-choice", columns)
    assert all(row["choices"] == list(WORDS) for row in data.train)
    assert all(row["answer"] in row["question"] for row in data.train)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"query": "q", "documents": "passages.txt", "relevance": "passages.is_selected"}, "'passages.text'"),
        ({"query": "q", "documents": "pasages", "relevance": "passages.is_selected"}, "'passages'"),
        ({"query": "q", "documents": ["q", "r"], "relevance": "passages.is_selected"}, ", q."),
    ],
)
def test_a_place_that_is_not_there_names_the_nearest(columns: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ColumnError) as caught:
        prepared(searches(), tmp_path, "text-ranking", columns)
    assert said in caught.value.remedy


def test_values_are_picked_through_lists_and_gaps() -> None:
    row = {"a": {"b": 1}, "c": [{"d": 1}, {"d": 2}], "e": None, "f.g": "a column with a dot"}
    assert pick(row, "a.b") == 1
    assert pick(row, "c.d") == [1, 2]
    assert pick(row, "e.x") is None
    assert pick(row, "f.g") == "a column with a dot"
    assert pick(row, ("a.b", "e")) == [1, None]
    assert read_column(Dataset.from_list([{"a": {"b": 1}}, {"a": {"b": 2}}]), "a.b") == [1, 2]
