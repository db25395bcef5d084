"""Splits: by chance, by group, by time, by a column, by fold; and what keeps an input out of two of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_csv
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from finetune import prepare
from finetune.artifacts import PreparedData
from finetune.data.splitting import fold_of, hold_out, join_keys, newest
from finetune.data.storage import store, table_of, take
from finetune.errors import ColumnError, DataError, EmptyDataError, LabelError, RecipeError
from finetune.recipe import Recipe


def table(count: int = 200) -> list[dict[str, Any]]:
    """Rows of forty customers over a year, each text once."""
    chance = random.Random(1)
    return [
        {"text": f"order {i} was {('fine', 'late')[i % 2]}", "label": ("good", "bad")[i % 2],
         "customer": f"c{chance.randrange(40)}", "day": f"2025-{1 + i % 12:02d}-{1 + i % 28:02d}",
         "part": ("train", "train", "dev", "test")[i % 4]}
        for i in range(count)
    ]  # fmt: skip


def prepared(folder: Path, rows: list[dict[str, Any]], **sections: Any) -> PreparedData:
    """The rows as a run would have them."""
    data = {"name": str(write_csv(folder / "rows.csv", rows))} | sections.pop("data", {})
    return prepare(
        Recipe.from_dict({"task": "text-classification", "model": {"name": "none"}, "data": data, **sections})
    )


def numbers(data: PreparedData, split: str) -> list[int]:
    """Places in the file of a split's rows."""
    return [int(row.rpartition(":")[2]) for row in data.splits[split]["row"]]


def values(data: PreparedData, rows: list[dict[str, Any]], split: str, column: str) -> list[str]:
    return [rows[number][column] for number in numbers(data, split)]


def test_every_row_is_in_one_split(tmp_path: Path) -> None:
    data = prepared(tmp_path, table())
    every = sorted(number for split in data.splits for number in numbers(data, split))
    assert every == list(range(200))


def test_a_group_is_never_on_both_sides(tmp_path: Path) -> None:
    rows = table()
    data = prepared(tmp_path, rows, data={"split": {"group": "customer", "test": 0.3}})
    sides = [set(values(data, rows, split, "customer")) for split in data.splits]
    assert not any(sides[a] & sides[b] for a, b in ((0, 1), (0, 2), (1, 2)))
    assert 40 <= len(data.test) <= 60


def test_groups_and_equal_texts_stay_together_through_each_other(tmp_path: Path) -> None:
    rows = table()
    rows[1] = rows[0] | {"customer": rows[1]["customer"]}  # one text, two customers: all their rows belong together
    data = prepared(tmp_path, rows, data={"split": {"group": "customer"}})
    joined = {rows[0]["customer"], rows[1]["customer"]}
    assert sum(bool(joined & set(values(data, rows, split, "customer"))) for split in data.splits) == 1


def test_time_puts_the_newest_last(tmp_path: Path) -> None:
    rows = table()
    data = prepared(tmp_path, rows, data={"split": {"time": "day", "test": 0.25, "validation": 0.25}})
    days = {split: values(data, rows, split, "day") for split in data.splits}
    assert max(days["train"]) < min(days["validation"]) <= max(days["validation"]) < min(days["test"])
    assert len(data.test) >= 50


def test_a_column_says_the_split(tmp_path: Path) -> None:
    rows = table()
    data = prepared(tmp_path, rows, data={"split": {"column": "part"}})
    named = {split: set(values(data, rows, split, "part")) for split in data.splits}
    assert named == {"train": {"train"}, "validation": {"dev"}, "test": {"test"}}


@pytest.mark.parametrize(
    ("change", "split", "error", "words"),
    [
        ({"part": "holdout"}, {"column": "part"}, LabelError, "split 'holdout' in part; known: train"),
        ({"day": "03/04/25"}, {"time": "day"}, LabelError, "name day under cleaning.dates"),
        ({}, {"group": "custmer"}, ColumnError, "Did you mean 'customer'"),
        ({}, {"time": "day", "column": "part"}, RecipeError, "exclude each other"),
        ({}, {"time": "day", "group": "customer"}, RecipeError, "exclude each other"),
    ],
)
def test_what_cannot_be_split_is_refused(
    tmp_path: Path, change: dict[str, Any], split: dict[str, str], error: type[Exception], words: str
) -> None:
    rows = table()
    rows[7] |= change
    with pytest.raises(error) as caught:
        prepared(tmp_path, rows, data={"split": split})
    assert words in str(caught.value)


def test_rows_without_a_group_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = table()
    rows[3]["customer"] = ""
    data = prepared(tmp_path, rows, data={"split": {"group": "customer"}})
    assert data.report.dropped["train"]["missing customer"] == {"count": 1, "rows": [3]}


def test_folds_test_every_row_once_and_keep_groups(tmp_path: Path) -> None:
    rows = table()
    seen: list[int] = []
    for fold in (1, 2, 3, 4):
        data = prepared(tmp_path, rows, data={"split": {"group": "customer"}}, evaluation={"folds": 4, "fold": fold})
        seen += numbers(data, "test")
        assert not set(values(data, rows, "test", "customer")) & set(values(data, rows, "train", "customer"))
        assert not set(numbers(data, "validation")) & set(numbers(data, "test"))
    assert sorted(seen) == list(range(200))


def test_fold_has_to_be_one_of_the_folds() -> None:
    base = {"task": "text-classification", "model": {"name": "m"}, "data": {"name": "d"}}
    with pytest.raises(RecipeError, match="one of them"):
        Recipe.from_dict(base | {"evaluation": {"folds": 3, "fold": 4}})


class TestLeakage:
    """Test rows that repeat training rows, in data that brings its own splits."""

    def leaking(self, folder: Path) -> str:
        rows = [{"text": f"text {i}", "label": i % 2} for i in range(40)]
        place = folder / "data"
        place.mkdir()
        write_csv(place / "train.csv", rows[:30])
        write_csv(place / "test.csv", [*rows[30:], {"text": "Text  3", "label": 1}, {"text": "text 4", "label": 1}])
        return str(place)

    def prepare(self, folder: Path, choice: str) -> PreparedData:
        data = {"name": self.leaking(folder), "leakage": choice}
        return prepare(Recipe.from_dict({"task": "text-classification", "model": {"name": "none"}, "data": data}))

    def test_refuses(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            self.prepare(tmp_path, "refuse")
        assert "rows of test have the same input as rows of" in caught.value.cause
        assert "data.leakage: drop" in caught.value.remedy

    def test_drops_the_training_rows_and_keeps_the_test_whole(self, tmp_path: Path) -> None:
        data = self.prepare(tmp_path, "drop")
        kept = {text.lower() for split in ("train", "validation") for text in data.splits[split]["text"]}
        assert len(data.test) == 12
        assert {"text 3", "text 4"}.isdisjoint(kept)
        assert len(data.train) + len(data.validation) == 28
        assert sum(entry["rows"] for entry in data.report.leakage.values()) == 2

    def test_allows_and_says_so(self, tmp_path: Path) -> None:
        data = self.prepare(tmp_path, "allow")
        assert len(data.train) + len(data.validation) == 30
        assert any("the recipe allows it" in note for note in data.report.notes)


def test_duplicates_are_dropped_within_a_split(tmp_path: Path) -> None:
    rows = table(60)
    rows += [rows[5] | {"customer": "other"}, rows[6] | {"text": rows[6]["text"].upper()}, rows[7] | {"label": "good"}]
    data = prepared(tmp_path, rows, cleaning={"duplicates": "drop"})
    assert data.report.dropped["train"]["duplicate"] == {
        "count": 2,
        "rows": [60, 61],
    }  # 62 says otherwise: no duplicate
    step = next(entry for entry in data.report.cleaning if entry["step"] == "duplicates")
    assert (step["before"], step["after"]) == (63, 61)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=40))
def test_joined_keys_are_the_connected_rows(pairs: list[tuple[int, int]]) -> None:
    keys = join_keys(np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]))
    together = list(range(len(pairs)))
    for _ in pairs:  # the slow way: what touches gets the smaller number, until nothing changes
        for i, (a, b) in enumerate(pairs):
            for j, (c, d) in enumerate(pairs):
                if a == c or b == d:
                    together[i] = together[j] = min(together[i], together[j])
    same = [[keys[i] == keys[j] for j in range(len(pairs))] for i in range(len(pairs))]
    assert same == [[together[i] == together[j] for j in range(len(pairs))] for i in range(len(pairs))]


@given(st.lists(st.integers(0, 60), min_size=20, max_size=120), st.integers(0, 5))
def test_hold_out_parts_no_key(keys: list[int], seed: int) -> None:
    try:
        held = hold_out(np.array(keys), None, max(1, len(keys) // 5), seed)
    except EmptyDataError:
        return  # one key alone has more rows than are wanted
    inside = {keys[i] for i in held}
    assert all((keys[i] in inside) == (i in set(held)) for i in range(len(keys)))
    assert len(held) <= max(1, len(keys) // 5)
    assert (held == hold_out(np.array(keys), None, max(1, len(keys) // 5), seed)).all()


def test_equal_times_stay_on_one_side() -> None:
    assert newest(np.array([1.0, 2, 2, 2, 3]), 2).tolist() == [1, 2, 3, 4]
    with pytest.raises(EmptyDataError, match="same time"):
        newest(np.array([2.0, 2, 2]), 1)


def test_folds_are_balanced() -> None:
    strata = np.array([0, 1] * 50)
    folds = fold_of(np.arange(100), strata, 5, seed=0)
    assert np.bincount(folds).tolist() == [20] * 5
    assert [strata[folds == fold].mean() for fold in range(5)] == [0.5] * 5
    with pytest.raises(EmptyDataError, match="too few for 5 folds"):
        fold_of(np.zeros(9), None, 5, seed=0)


def test_many_rows_are_kept_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetune.data.storage.IN_MEMORY", 1000)
    monkeypatch.setattr("finetune.data.storage.BATCH", 50)
    parts = [{"text": [f"row {i}" for i in range(start, start + 50)], "pair": [None] * 50} for start in (0, 50, 100)]
    parts[2]["pair"] = ["late"] * 50  # a column that is all missing at first
    rows = store(table_of(part) for part in parts)
    assert rows.cache_files
    assert rows["text"] == [f"row {i}" for i in range(150)]
    assert rows["pair"] == [None] * 100 + ["late"] * 50
    some = take(rows, np.array([0, 49, 50, 149]))
    assert isinstance(some, Dataset)
    assert some["text"] == ["row 0", "row 49", "row 50", "row 149"]


def test_training_rows_come_first_whatever_the_recipe_says(tmp_path: Path) -> None:
    rows = table(60)
    data = {"splits": {"test": "train[40:]", "train": "train[:40]"}}
    found = prepared(tmp_path, rows, data=data, cleaning={"normalize": ["whitespace"], "numbers": {"customer": {}}})
    assert list(found.tables) == ["train", "test"]
