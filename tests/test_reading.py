"""Every source comes out as the same rows, cell by cell as they stand there; splits keep what they promise."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finetune import PreparedData, Recipe, prepare
from finetune.data import RawData, read
from finetune.errors import (
    ColumnError,
    DataError,
    EmptyDataError,
    EncodingError,
    FinetuneError,
    LabelError,
    NotFoundError,
    RecipeError,
)
from finetune.recipe import DataSection

Rows = list[dict[str, Any]]
ROWS: Rows = [
    {"text": "plain", "label": "good"},
    {"text": "with, comma", "label": "bad"},
    {"text": 'with "quotes"', "label": "good"},
    {"text": "with\nline break", "label": "bad"},
    {"text": "ünïcödé – 漢字 🙂", "label": "good"},
    {"text": "NA", "label": "bad"},
    {"text": "null", "label": "007"},
    {"text": "None", "label": "1.50"},
    {"text": "  spaces  ", "label": "true"},
    {"text": "with\ttab", "label": "1e5"},
]


def load(name: str | Path, **settings: Any) -> RawData:
    return read(DataSection.model_validate({"name": str(name), **settings}))


def rows_of(raw: RawData, split: str = "train") -> Rows:
    return [dict(row) for row in raw.splits[split]]


def delimited(rows: Rows, delimiter: str = ",", end: str = "\n") -> str:
    """Written by hand, so that the reader is not held against a writer with its own opinion."""
    lines = [delimiter.join(rows[0])]
    for row in rows:
        lines.append(delimiter.join('"' + str(value).replace('"', '""') + '"' for value in row.values()))
    return end.join(lines) + end


# -- formats ----------------------------------------------------------------------------------------------------------


def _frame(path: Path, save: str, rows: Rows = ROWS) -> Path:
    from datasets import Dataset

    getattr(Dataset.from_list(rows), save)(str(path))
    return path


def _arrow(path: Path) -> Path:
    import pyarrow as pa

    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return path


def _database(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE reviews (text TEXT, label TEXT)")
        connection.executemany("INSERT INTO reviews VALUES (:text, :label)", ROWS)
    return path


def _text(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


LINES = "\n".join(json.dumps(row) for row in ROWS)
FORMATS: dict[str, Callable[[Path], Path]] = {
    "CSV": lambda folder: _text(folder / "reviews.csv", delimited(ROWS)),
    "CSV with CRLF": lambda folder: _text(folder / "reviews.csv", delimited(ROWS, end="\r\n")),
    "CSV with a byte order mark": lambda folder: _text(folder / "reviews.csv", delimited(ROWS), "utf-8-sig"),
    "CSV in capitals": lambda folder: _text(folder / "REVIEWS.CSV", delimited(ROWS)),
    "CSV behind empty lines": lambda folder: _text(folder / "reviews.csv", "\n\n" + delimited(ROWS) + "\n\n"),
    "TSV": lambda folder: _text(folder / "reviews.tsv", delimited(ROWS, "\t")),
    "JSON": lambda folder: _text(folder / "reviews.json", json.dumps(ROWS)),
    "JSON in an object": lambda folder: _text(folder / "reviews.json", json.dumps({"version": 1, "data": ROWS})),
    "JSON with a byte order mark": lambda folder: _text(folder / "reviews.json", json.dumps(ROWS), "utf-8-sig"),
    "JSON Lines": lambda folder: _text(folder / "reviews.jsonl", LINES),
    "JSON Lines with CRLF": lambda folder: _text(folder / "reviews.jsonl", LINES.replace("\n", "\r\n\r\n")),
    "NDJSON": lambda folder: _text(folder / "reviews.ndjson", LINES + "\n\n"),
    "Parquet": lambda folder: _frame(folder / "reviews.parquet", "to_parquet"),
    "Arrow": lambda folder: _arrow(folder / "reviews.arrow"),
    "save_to_disk": lambda folder: _frame(folder / "saved", "save_to_disk"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_the_same_cells(name: str, tmp_path: Path) -> None:
    raw = load(FORMATS[name](tmp_path))
    assert rows_of(raw) == ROWS
    assert raw.malformed.count == 0
    assert raw.source["fingerprint"]


def test_a_database(tmp_path: Path) -> None:
    path = _database(tmp_path / "shop.db")
    raw = load(f"sqlite:///{path}", reader={"query": "SELECT text, label FROM reviews WHERE label = 'bad'"})
    assert rows_of(raw) == [row for row in ROWS if row["label"] == "bad"]
    assert raw.source["query"].startswith("SELECT")


def test_plain_text_is_a_row_per_line(tmp_path: Path) -> None:
    assert rows_of(load(_text(tmp_path / "lines.txt", "one\ntwo, three\n"))) == [
        {"text": "one"},
        {"text": "two, three"},
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig", "UTF8", "shift_jis"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_encodings(encoding: str, form: str, tmp_path: Path) -> None:
    words = "漢字" if encoding == "shift_jis" else "naïve café"
    rows = [{"text": words, "label": "a"}, {"text": "plain", "label": "b"}]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path = _text(tmp_path / f"reviews.{form}", delimited(rows) if form == "csv" else lines, encoding)
    assert rows_of(load(path, reader={"encoding": encoding})) == rows


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "jsonl"])
def test_another_encoding_is_named_with_its_line(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"reviews.{form}"
    path.write_bytes(b"text\nplain\ncaf\xe9\n")
    with pytest.raises(EncodingError, match=r"(?s)line 3: byte 0xe9 is not utf-8 text.*cp1252"):
        load(path)


def test_unknown_encoding(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"reader\.encoding 'utf-9'"):
        load(_text(tmp_path / "reviews.csv", "text\na\n"), reader={"encoding": "utf-9"})


def test_a_folder_of_files_named_like_splits(tmp_path: Path) -> None:
    _text(tmp_path / "train.csv", delimited(ROWS))
    _text(tmp_path / "dev.csv", delimited(ROWS[:3]) + "one,two,three\n")
    _text(tmp_path / "README.md", "# Reviews")
    raw = load(tmp_path)
    assert rows_of(raw) == ROWS
    assert rows_of(raw, "dev") == ROWS[:3]
    assert (raw.malformed.count, raw.malformed.lines) == (1, ["dev.csv:5"])
    assert rows_of(load(tmp_path, reader={"format": "csv"})) == ROWS


def test_a_folder_of_other_files(tmp_path: Path) -> None:
    for name, rows in {"train-00000-of-00002": ROWS[:5], "train-00001-of-00002": ROWS[5:], "test-0": ROWS[:2]}.items():
        _frame(tmp_path / f"{name}.parquet", "to_parquet", rows)
    raw = load(tmp_path)
    assert rows_of(raw) == ROWS
    assert rows_of(raw, "test") == ROWS[:2]


def test_a_saved_dictionary_of_splits(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    DatasetDict({"train": Dataset.from_list(ROWS), "dev": Dataset.from_list(ROWS[:2])}).save_to_disk(tmp_path / "saved")
    raw = load(tmp_path / "saved")
    assert rows_of(raw) == ROWS
    assert rows_of(raw, "dev") == ROWS[:2]


# -- details of delimited text and JSON -------------------------------------------------------------------------------


def test_empty_cells_are_missing(tmp_path: Path) -> None:
    path = _text(tmp_path / "reviews.csv", 'text,label\n,a\n"",b\n" ",c\nd,\n')
    assert rows_of(load(path)) == [
        {"text": None, "label": "a"}, {"text": None, "label": "b"}, {"text": " ", "label": "c"},
        {"text": "d", "label": None},
    ]  # fmt: skip


def test_another_delimiter_and_a_header_from_the_recipe(tmp_path: Path) -> None:
    path = _text(tmp_path / "reviews.data", "a;1\nb;2\n")
    raw = load(path, reader={"format": "csv", "delimiter": ";", "header": ["text", "label"]})
    assert rows_of(raw) == [{"text": "a", "label": "1"}, {"text": "b", "label": "2"}]


def test_quotes_can_be_plain_characters(tmp_path: Path) -> None:
    path = _text(tmp_path / "reviews.tsv", 'text\tlabel\n"open\ta\nwide\tb\n')
    assert rows_of(load(path, reader={"quoting": False})) == [
        {"text": '"open', "label": "a"}, {"text": "wide", "label": "b"},
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"(?s)line 2: a quote is opened and never closed.*quoting: false"):
        load(path)


def test_a_single_quote_character_inside_a_cell_is_one(tmp_path: Path) -> None:
    assert rows_of(load(_text(tmp_path / "reviews.csv", 'text,label\n5" wide,a\n')))[0]["text"] == '5" wide'


@pytest.mark.parametrize("header", [True, False])
def test_malformed_lines_are_counted_by_their_place_in_the_file(header: bool, tmp_path: Path) -> None:
    lines = ["", "text,label"] if header else []
    lines += ["a,1", '"two', 'lines",2', "", "x,y,z", "b,3", "short", "c,4"]
    path = _text(tmp_path / "reviews.csv", "\n".join(lines) + "\n")
    settings: dict[str, Any] = {} if header else {"header": ["text", "label"]}
    raw = load(path, reader=settings)
    assert [row["label"] for row in rows_of(raw)] == ["1", "2", "3", "4"]
    expected = [lines.index("x,y,z") + 1, lines.index("short") + 1]
    assert (raw.malformed.count, raw.malformed.lines) == (2, expected)
    with pytest.raises(DataError, match=rf"2 malformed lines \(expected 2 fields\), the first at line {expected[0]}"):
        load(path, reader={**settings, "malformed": "refuse"})


def test_malformed_json_lines_are_counted_by_their_place(tmp_path: Path) -> None:
    path = _text(tmp_path / "reviews.jsonl", '{"a": 1}\n\n{"a": \n[1, 2]\n{"a": 2}\n"text"\n')
    raw = load(path)
    assert rows_of(raw) == [{"a": 1}, {"a": 2}]
    assert (raw.malformed.count, raw.malformed.lines) == (3, [3, 4, 6])
    with pytest.raises(DataError, match="3 malformed lines, the first at line 3"):
        load(path, reader={"malformed": "refuse"})


def test_nothing_but_malformed_lines(tmp_path: Path) -> None:
    with pytest.raises(EmptyDataError, match=r"(?s)2 lines, and none can be read.*reader\.delimiter"):
        load(_text(tmp_path / "reviews.csv", "text,label\na\nb\n"))
    with pytest.raises(EmptyDataError, match="1 lines, and none can be read"):
        load(_text(tmp_path / "reviews.jsonl", "no\n"))


def test_json_values_keep_their_types(tmp_path: Path) -> None:
    rows = [{"text": "a", "n": 1, "x": 0.5, "many": ["p", "q"]}, {"text": "b", "n": None, "x": 2.0, "many": []}]
    raw = load(_text(tmp_path / "reviews.json", json.dumps(rows)))
    assert rows_of(raw) == rows
    mixed = load(_text(tmp_path / "mixed.json", '[{"label": 1}, {"label": "two"}, {"other": true}]'))
    assert [row["label"] for row in rows_of(mixed)] == ["1", "two", None]


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("reviews.csv", "", EmptyDataError, "holds no rows"),
        ("reviews.csv", "\n\n", EmptyDataError, "holds no rows"),
        ("reviews.csv", "text,label\n", EmptyDataError, "holds no rows"),
        ("reviews.csv", "text,label", EmptyDataError, "holds no rows"),
        ("reviews.csv", "text,text\na,b\n", DataError, "names the column 'text' 2 times"),
        ("reviews.json", "", EmptyDataError, "holds no rows"),
        ("reviews.json", "[]", EmptyDataError, "holds no rows"),
        ("reviews.json", '{"a": 1}\n{"a": 2}\n', DataError, "reader.format: jsonl"),
        ("reviews.jsonl", "\n", EmptyDataError, "holds no rows"),
        ("reviews.parquet", "no", DataError, "cannot be read"),
        ("reviews.xlsx", "no", RecipeError, "Cannot tell the format of reviews.xlsx"),
    ],
)
def test_files_that_cannot_be_read(
    name: str, content: str, kind: type[FinetuneError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        load(_text(tmp_path / name, content))
    assert message in str(caught.value)
    assert caught.value.remedy


def test_databases_that_cannot_be_read(tmp_path: Path) -> None:
    address = f"sqlite:///{_database(tmp_path / 'shop.db')}"
    with pytest.raises(RecipeError, match=r"data\.reader\.query is missing"):
        load(address)
    with pytest.raises(DataError, match="no such table: review"):
        load(address, reader={"query": "SELECT * FROM review"})
    with pytest.raises(EmptyDataError, match="gives no rows"):
        load(address, reader={"query": "SELECT * FROM reviews WHERE label = 'none'"})
    with pytest.raises(NotFoundError, match="There is no database file"):
        load("sqlite:////nowhere/shop.db", reader={"query": "SELECT 1"})
    assert not Path("/nowhere").exists()


# -- splits -----------------------------------------------------------------------------------------------------------


def prepared(data: Path | Rows, tmp_path: Path, **changes: Any) -> PreparedData:
    """Prepare a data set; changes by `section__key=value` arguments."""
    if isinstance(data, list):
        data = _text(tmp_path / "reviews.jsonl", "\n".join(json.dumps(row) for row in data))
    values: dict[str, Any] = {
        "task": "text-classification",
        "model": {"name": "unused"},
        "data": {"name": str(data)},
    }
    for place, value in changes.items():
        section, key = place.split("__")
        values.setdefault(section, {})[key] = value
    return prepare(Recipe.from_dict(values))


def reviews(count: int = 200, rare: float = 0.1) -> Rows:
    return [{"text": f"text {i}", "label": "rare" if i % round(1 / rare) == 0 else "common"} for i in range(count)]


def ids(data: PreparedData) -> dict[str, list[str]]:
    return {name: list(split["row"]) for name, split in data.splits.items()}


def test_shares_and_strata(tmp_path: Path) -> None:
    data = prepared(reviews(), tmp_path)
    assert data.report.splits == {"train": 140, "validation": 20, "test": 40}
    names = data.task.state()["names"]
    for split in data.splits.values():
        counts = Counter(names[i] for i in split["label"])
        assert counts["rare"] / len(split) == pytest.approx(0.1)
    every = [row for split in ids(data).values() for row in split]
    assert sorted(every) == sorted(f"train:{i}" for i in range(200))


def test_stated_shares_without_strata(tmp_path: Path) -> None:
    data = prepared(reviews(), tmp_path, data__split={"validation": 0.25, "test": 0.25, "stratify": False})
    assert data.report.splits == {"train": 100, "validation": 50, "test": 50}


def test_numbers_are_stratified_by_size(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": i**3 / 7} for i in range(200)]
    data = prepared(rows, tmp_path)
    middle = sorted(row["label"] for row in rows)[100]
    for split in (data.validation, data.test):
        assert sum(value < middle for value in split["label"]) == pytest.approx(len(split) / 2, abs=1)


def test_several_labels_are_stratified_by_the_rarest(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": ["a", "b"] if i % 10 == 0 else ["a"]} for i in range(200)]
    data = prepared(rows, tmp_path)
    rare = data.task.state()["names"].index("b")
    assert {name: sum(rare in row for row in split["label"]) for name, split in data.splits.items()} == {
        "train": 14, "validation": 2, "test": 4,
    }  # fmt: skip


def test_equal_texts_stay_on_one_side(tmp_path: Path) -> None:
    rows = [
        {"text": f"text {i % 60}" if i % 2 else f"  TEXT   {i % 60} ", "label": "ab"[i % 3 % 2]} for i in range(180)
    ]
    data = prepared(rows, tmp_path)
    sides = [{" ".join(text.lower().split()) for text in split["text"]} for split in data.splits.values()]
    assert all(not one & other for i, one in enumerate(sides) for other in sides[:i])
    assert sum(map(len, sides)) == 60


def test_the_seed_alone_decides(tmp_path: Path) -> None:
    first = ids(prepared(reviews(), tmp_path))
    assert ids(prepared(reviews(), tmp_path, training__seed=7)) == first
    other = ids(prepared(reviews(), tmp_path, data__split={"seed": 7}))
    assert other["test"] != first["test"]


def test_the_test_rows_never_choose_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, count in {"train": 100, "test": 50}.items():
        rows = [{"text": f"{name} {i}", "label": "ab"[i % 2]} for i in range(count)]
        _text(folder / f"{name}.jsonl", "\n".join(json.dumps(row) for row in rows))
    found = ids(prepared(folder, tmp_path))
    assert found["test"] == [f"test:{i}" for i in range(50)]
    assert len(found["validation"]) == 10
    assert all(row.startswith("train:") for row in found["train"] + found["validation"])
    assert not set(found["train"]) & set(found["validation"])


def _published(tmp_path: Path, **splits: Rows) -> Path:
    from datasets import Dataset, DatasetDict

    path = tmp_path / "saved"
    DatasetDict({name: Dataset.from_list(rows) for name, rows in splits.items()}).save_to_disk(path)
    return path


def test_hidden_labels_are_left_out(tmp_path: Path) -> None:
    train = [{"text": f"text {i}", "label": i % 2} for i in range(100)]
    path = _published(tmp_path, train=train, validation=train[:20], test=[row | {"label": -1} for row in train[:30]])
    data = prepared(path, tmp_path)
    assert "The split test has no labels and is left out." in data.report.notes
    assert data.report.splits == {"train": 80, "validation": 20, "test": 20}
    assert data.task.state()["names"] == ("0", "1")
    assert all(row.startswith("train:") for row in data.test["row"])


def test_rows_of_one_split_that_stand_in_another_are_told(tmp_path: Path) -> None:
    train = [{"text": f"text {i}", "label": i % 2} for i in range(40)]
    splits = _published(tmp_path, train=train, validation=train[:5], test=train[:4])
    data = prepared(splits, tmp_path, data__leakage="allow")
    told = " ".join(data.report.notes)
    assert "4 of 4 rows of test have the same input as rows of train (test:0 = train:0" in told
    assert "5 of 5 rows of validation have the same input as rows of train" in told


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ({"train": "train"}, (72, 8, 20)),
        ({"train": "train[:50]", "test": "train[50:60]"}, (45, 5, 10)),
        ({"train": "train[:80%]", "validation": "train[80%:90%]", "test": "train[90%:]"}, (80, 10, 10)),
        ({"train": "train[:10]+train[90:]", "validation": "dev[:5]", "test": "dev[-5:]"}, (20, 5, 5)),
    ],
)
def test_slices(splits: dict[str, str], expected: tuple[int, ...], tmp_path: Path) -> None:
    train, dev = ([{"text": f"{name} {i}", "label": i % 2} for i in range(100)] for name in ("train", "dev"))
    data = prepared(_published(tmp_path, train=train, dev=dev), tmp_path, data__splits=splits)
    sizes = tuple(len(split) for split in data.splits.values())
    assert sum(sizes) == sum(expected)
    assert sizes == pytest.approx(expected, abs=3)


def test_slices_take_the_rows_that_they_name(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": i % 2} for i in range(100)]
    splits = {"train": "train[10:50]", "validation": "train[50:60]", "test": "train[-3:]"}
    data = prepared(rows, tmp_path, data__splits=splits)
    assert data.train["text"] == [f"text {i}" for i in range(10, 50)]
    assert data.test["text"] == ["text 97", "text 98", "text 99"]


@pytest.mark.parametrize(
    ("splits", "kind", "message"),
    [
        ({"train": "trian"}, NotFoundError, "Did you mean 'train'?"),
        ({"train": "trian[:5]"}, NotFoundError, "Did you mean 'train'?"),
        ({"train": "train[a:b]"}, RecipeError, "Write it like train[:500]"),
        ({"train": "train[:200%]"}, RecipeError, "Write it like train[:500]"),
        ({"train": "train[60:]", "test": "train[60:60]"}, EmptyDataError, "'train[60:60]' holds no rows"),
    ],
)
def test_splits_that_do_not_exist(
    splits: dict[str, str], kind: type[FinetuneError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        prepared(reviews(), tmp_path, data__splits=splits)
    assert message in str(caught.value)


def test_splits_without_a_train(tmp_path: Path) -> None:
    rows = reviews(20)
    with pytest.raises(NotFoundError, match=r"(?s)has the splits one, two, and none is called train.*data\.splits"):
        prepared(_published(tmp_path, one=rows, two=rows), tmp_path)


def test_too_few_rows(tmp_path: Path) -> None:
    same = [{"text": "the same", "label": "ab"[i % 2]} for i in range(30)]
    with pytest.raises(EmptyDataError, match=r"30 rows \(1 where those that .* count once\) are too few to hold out 6"):
        prepared(same, tmp_path)


# -- columns and rows -------------------------------------------------------------------------------------------------


def test_group_columns_come_along(tmp_path: Path) -> None:
    rows = [row | {"site": ("north", "south", None)[i % 3], "year": 2000 + i % 2} for i, row in enumerate(reviews(60))]
    data = prepared(rows, tmp_path, bias__groups=["site", "year"])
    for split in data.splits.values():
        for row in split:
            number = int(row["row"].split(":")[1])
            assert row["group:site"] == rows[number]["site"]
            assert row["group:year"] == str(rows[number]["year"])
    with pytest.raises(ColumnError, match=r"(?s)bias\.groups names 'sites'.*Did you mean 'site'"):
        prepared(rows, tmp_path, bias__groups=["sites"])


def test_rows_that_cannot_be_used_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = reviews(60)
    rows[3]["text"], rows[4]["text"], rows[5]["label"], rows[6]["label"] = None, "  ", None, float("nan")
    data = prepared(rows, tmp_path)
    dropped = data.report.dropped["train"]
    assert {reason: entry["rows"] for reason, entry in dropped.items()} == {
        "missing text": [3], "empty text": [4], "missing target": [5, 6],
    }  # fmt: skip
    assert sum(data.report.splits.values()) == 56


def test_words_that_look_like_missing_values_are_words(tmp_path: Path) -> None:
    words = ["NA", "null", "None", "nan", "N/A", "007", "TRUE"]
    content = "text,label\n" + "".join(f"{word} {i},{words[i % 2]}\n" for i in range(10) for word in words)
    data = prepared(_text(tmp_path / "reviews.csv", content), tmp_path)
    assert data.task.state()["names"] == ("NA", "null")
    assert sum(data.report.splits.values()) == 70
    assert data.report.dropped == {}


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (("a", "b", "c"), {"data__labels": {"names": ["a", "b"]}}, "unknown label 'c'"),
        ((0, 1, 2), {"data__labels": {"names": ["a", "b"]}}, "label 2 is out of range 0..1"),
        ((0, 1, -1), {"data__labels": {"names": ["a", "b"]}}, "label -1 is out of range 0..1"),
        (("a",), {}, "only the label 'a'"),
        ((None,), {}, "No row has a target"),
        ((0.5, "x"), {"options__problem_type": "regression"}, "target 'x' is not a number"),
        ((0.5, "inf"), {"options__problem_type": "regression"}, "infinite target"),
        ((0.5,), {"options__problem_type": "regression"}, "the same target value"),
    ],
)
def test_targets_that_cannot_be_learned(
    values: tuple[Any, ...], settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    rows = [{"text": f"text {i}", "label": values[i % len(values)]} for i in range(60)]
    with pytest.raises(LabelError) as caught:
        prepared(rows, tmp_path, **settings)
    assert message in str(caught.value)
    assert caught.value.remedy


def test_bins_and_separators(tmp_path: Path) -> None:
    stars = [{"text": f"text {i}", "label": str(i % 5 + 1)} for i in range(100)]
    data = prepared(stars, tmp_path, data__labels={"bins": [2, 4], "names": ["low", "middle", "high"]})
    assert sum(count for name, counts in data.report.label_counts.items() for count in counts.values()) == 100
    total = Counter()
    for counts in data.report.label_counts.values():
        total.update(counts)
    assert total == {"low": 40, "middle": 40, "high": 20}
    tags = [{"text": f"text {i}", "label": ("a|b", "b", "")[i % 3]} for i in range(90)]
    several = prepared(tags, tmp_path, data__labels={"separator": "|"})
    assert several.task.kind == "multi_label"
    assert sorted(map(tuple, several.train["label"]))[0] == ()


def test_texts_that_stand_for_missing_values_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('city,code\nOslo,NA\n"NA",n/a\nRome,7\n', encoding="utf-8")
    plain = read(DataSection(name=str(path))).splits["train"]
    assert plain["code"] == ["NA", "n/a", "7"]
    told = read(DataSection.model_validate({"name": str(path), "reader": {"missing": ["NA", "n/a"]}})).splits["train"]
    assert (told["city"], told["code"]) == (["Oslo", None, "Rome"], [None, None, "7"])
