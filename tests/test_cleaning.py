"""Cleaning: what is mended, flagged, left out and logged; fitted on training rows only; the same for single rows."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value, load_dataset
from hypothesis import HealthCheck, settings
from hypothesis import given as each
from hypothesis import strategies as st

from finetune.data.cleaning import Cleaner, StepLog
from finetune.errors import ColumnError, DataError, EmptyDataError, RunFolderError, UsageError
from finetune.recipe.cleaning import CleaningSection

Rows = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    return tmp_path / "finetune-cleaning"


def numbered(rows: Rows | dict[str, list[Any]], features: Features | None = None) -> Dataset:
    table = Dataset.from_list(rows, features) if isinstance(rows, list) else Dataset.from_dict(rows, features)
    return table.add_column("__row__", np.arange(len(table)))


def cleaner(section: dict[str, Any], texts: tuple[str, ...] = (), target: str | None = None) -> Cleaner:
    return Cleaner(CleaningSection.model_validate(section), text_columns=texts, target_column=target)


def clean(
    section: dict[str, Any], columns: dict[str, list[Any]], texts: tuple[str, ...] = (), target: str | None = None
) -> tuple[dict[str, list[Any]], list[StepLog]]:
    one = cleaner(section, texts, target)
    found = one.clean("train", numbered(columns))
    return {name: list(found[name]) for name in found.column_names}, one.log


def features_of(rows: Dataset, *columns: str, split: str = "train") -> Dataset:
    """Canonical rows as the pipeline makes them of raw ones."""
    named = {f"feature:{name}": list(rows[name]) for name in columns}
    return Dataset.from_dict({"row": [f"{split}:{number}" for number in rows["__row__"]], **named})


# -- steps before the split


def test_numbers_become_plain_and_doubtful_ones_are_flagged() -> None:
    found, (log,) = clean({"numbers": {"price": {}}}, {"price": ["1.234,50 EUR", "7", None, "1,234", "cheap", "0.5"]})
    assert found["price"] == ["1234.5", "7", None, "1,234", "cheap", "0.5"]
    assert (log.step, log.column, log.before, log.after, log.changed) == ("numbers", "price", 6, 6, 1)
    assert log.flagged["count"] == 2
    assert log.flagged["rows"] == [3, 4]
    assert log.flagged["reasons"] == {"ambiguous": 1, "unreadable": 1}
    assert log.examples == [{"row": 0, "before": "1.234,50 EUR", "after": "1234.5"}]
    assert "not told" in log.detail
    assert "EUR" in log.detail


def test_a_column_tells_its_mark() -> None:
    found, (log,) = clean({"numbers": {"price": {}}}, {"price": ["1,234", "12,5", "12%"]})
    assert [float(text) for text in found["price"]] == [1.234, 12.5, 0.12]
    assert "','" in log.detail
    assert "12% is 0.12" in log.detail
    found, _ = clean({"numbers": {"price": {"decimal": "."}}}, {"price": ["1,234", "12,5"]})
    assert found["price"] == ["1234", "12,5"]


def test_other_splits_are_read_as_the_training_rows() -> None:
    one = cleaner({"numbers": {"price": {}}})
    with pytest.raises(UsageError, match="train"):
        one.clean("test", numbered({"price": ["1,234"]}))
    one.clean("train", numbered({"price": ["0,5"]}))
    assert one.clean("test", numbered({"price": ["1,234", "0.5"]}))["price"][:] == ["1.2340", "0.5"]


def test_dates_become_iso_and_ambiguous_ones_stay() -> None:
    given = ["13/04/2025", "03/04/2025", "April 3, 2025", "soon", "", "2025-04-03 12:30Z"]
    found, (log,) = clean({"dates": {"day": {}}}, {"day": given})
    # 13/04 shows that days come first, and is still no proof for the row below it.
    assert found["day"] == ["2025-04-13", "03/04/2025", "2025-04-03", "soon", "", "2025-04-03T12:30:00+00:00"]
    assert log.flagged["reasons"] == {"ambiguous": 1, "unreadable": 1}
    assert log.flagged["rows"] == [1, 3]
    found, _ = clean({"dates": {"day": {"order": "day-first"}}}, {"day": given})
    assert found["day"][1] == "2025-04-03"


def test_labels_are_mapped_whatever_their_type() -> None:
    section = {"labels": {"pos": "positive", "1": "positive", "never": "x"}}
    found, (log,) = clean(section, {"label": ["pos", "neg", None]}, target="label")
    assert found["label"] == ["positive", "neg", None]
    assert log.changed == 1
    assert "'1', 'never'" in log.detail
    assert clean(section, {"label": [0, 1, None]}, target="label")[0]["label"] == ["0", "positive", None]
    assert clean(section, {"label": [0.0, 1.0, 0.5]}, target="label")[0]["label"] == ["0", "positive", "0.5"]
    assert clean(section, {"label": [["pos", "neg"], []]}, target="label")[0]["label"] == [["positive", "neg"], []]
    for feature, value, wanted in ((ClassLabel(names=["neg", "pos"]), 1, "positive"),
                                   (List(ClassLabel(names=["neg", "pos"])), [0, 1], ["neg", "positive"])):  # fmt: skip
        one = cleaner(section, target="label")
        rows = one.clean("train", numbered([{"label": value}], Features(label=feature)))
        assert rows["label"][:] == [wanted]
        assert rows.features["label"] == (Value("string") if wanted == "positive" else List(Value("string")))


def test_texts_are_normalized_item_by_item() -> None:
    columns = {"text": ["<b>cafÃ©</b>  x", None, "plain"], "options": [["a  b", "c"], [], None], "number": [1, 2, 3]}
    section = {"normalize": ["encoding", "html", "whitespace"]}
    found, logs = clean(section, columns, ("text", "options", "number"))
    assert found["text"] == ["café x", None, "plain"]
    assert found["options"] == [["a b", "c"], [], None]
    assert found["number"] == ["1", "2", "3"]
    assert [(log.column, log.changed) for log in logs] == [("text", 1), ("options", 1), ("number", 0)]


SECRETS = ("ada.lovelace@example.org", "+44 20 7946 0958", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00")


def test_personal_data_is_replaced_and_never_logged(cache: Path) -> None:
    texts = [f"write  to {secret} please" for secret in SECRETS]
    section = {"personal": "redact", "normalize": ["whitespace"], "length": {"max": 45}, "numbers": {"price": {}}}
    one = cleaner(section, ("text",))
    found = one.clean("train", numbered({"text": [*texts, "x" * 50 + SECRETS[0]], "price": [*SECRETS, "1"]}))
    assert found["text"][0] == "write to <email> please"
    written = json.dumps([entry.to_dict() for entry in one.log]) + "".join(p.read_text() for p in cache.glob("*.json"))
    for secret in SECRETS:
        assert secret not in "".join(found["text"])
        assert secret not in written
    personal = next(entry for entry in one.log if entry.step == "personal")
    assert personal.changed == len(SECRETS)
    assert all(example["before"] is None for example in personal.examples)
    one = cleaner({"personal": ["email"]}, ("text",))
    assert SECRETS[1] in one.clean("train", numbered({"text": texts}))["text"][1]


def test_length_filters_count_all_texts_of_a_row() -> None:
    columns = {"a": ["one two", "one", None, "one, two!"], "b": ["three", "", None, "x y z"]}
    found, (log,) = clean({"length": {"min": 3, "max": 4, "unit": "words"}}, columns, ("a", "b"))
    assert found["__row__"] == [0, 2]  # the row without texts is left to the step on missing values
    assert log.dropped == {"count": 2, "rows": [1, 3]}
    assert (log.before, log.after) == (4, 2)
    assert log.detail == "Too short: 1, too long: 1 (words)."
    assert clean({"length": {"max": 3}}, {"a": ["abc", "abcd"]}, ("a",))[0]["a"] == ["abc"]


def test_languages_are_kept_or_left_out_and_short_texts_stay() -> None:
    texts = ["This is an English sentence about the weather.", "Das ist ein deutscher Satz über das Wetter.", "ok"]
    found, (log,) = clean({"languages": ["en"]}, {"text": texts}, ("text",))
    assert found["text"] == [texts[0], "ok"]
    assert log.dropped["rows"] == [1]
    assert log.flagged["rows"] == [2]
    assert log.detail == "Kept: en. Left out: de 1."


def test_missing_values_are_dropped_or_filled_and_placeholders_are_not_missing() -> None:
    section = {"missing": {"a": "drop", "b": {"strategy": "constant", "value": "none"},
                           "c": {"strategy": "constant", "value": 0.5}}}  # fmt: skip
    columns = {"a": ["x", " ", None, "NA", "null"], "b": [None, "y", "", "-", "z"], "c": [1, None, 2, 3, None]}
    found, logs = clean(section, columns)
    assert found == {"a": ["x", "NA", "null"], "b": ["none", "-", "z"], "c": [1.0, 3.0, 0.5], "__row__": [0, 3, 4]}
    dropped = next(log for log in logs if log.column == "a")
    assert dropped.dropped == {"count": 2, "rows": [1, 2]}
    assert dropped.detail.startswith("2 values are a text such as NA")
    assert clean({"missing": {"a": "drop"}}, {"a": [1.0, math.nan, None]})[0]["a"] == [1.0]
    assert clean({"missing": {"a": "drop"}}, {"a": [[1], None, []]})[0]["a"] == [[1], []]


def test_steps_are_done_in_the_order_of_the_section() -> None:
    section = {"missing": {"text": "drop"}, "personal": "redact", "languages": ["en"], "length": {"min": 1},
               "labels": {"a": "b"}, "dates": {"day": {}}, "numbers": {"price": {}}, "normalize": ["html"]}  # fmt: skip
    columns = {"text": ["<br>", "fine"], "day": ["2025-01-01"] * 2, "price": ["1"] * 2, "label": ["a"] * 2}
    found, logs = clean(section, columns, ("text",), "label")
    assert [log.step for log in logs] == [name for name in CleaningSection.model_fields if name in section]
    assert found["text"] == ["fine"]  # nothing was left of the tag
    for before, after in itertools.pairwise(logs):
        assert after.before == before.after


def test_other_columns_come_through_untouched() -> None:
    features = Features(text=Value("string"), label=ClassLabel(names=["n", "p"]), more={"x": List(Value("int32"))})
    rows = numbered([{"text": " a ", "label": 1, "more": {"x": [1, 2]}}, {"text": "b", "label": 0, "more": {"x": []}}],
                    features)  # fmt: skip
    found = cleaner({"normalize": ["whitespace"]}, ("text",)).clean("train", rows)
    assert found.features == rows.features
    assert found[0] == {"text": "a", "label": 1, "more": {"x": [1, 2]}, "__row__": 0}


def test_nothing_to_do_gives_the_rows_back(cache: Path) -> None:
    rows = numbered({"text": ["a"]})
    one = cleaner({"outliers": {"text": "report"}, "duplicates": "drop"}, ("text",))
    assert one.clean("train", rows) is rows
    assert one.log == []
    assert not cache.exists()


# -- what is refused


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"numbers": {"prize": {}}}, "price"), ({"dates": {"prise": {}}}, "price"),
        ({"missing": {"pric": "drop"}}, "price"), ({"categories": ["prices"]}, "price"),
        ({"outliers": {"prce": "clip"}}, "price"),
    ],
)  # fmt: skip
def test_unknown_columns_are_refused_with_the_nearest(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ColumnError, match=f"Did you mean '{said}'"):
        clean(section, {"price": ["1"], "text": ["x"]})


@pytest.mark.parametrize(
    "section",
    [{"categories": ["label"]}, {"missing": {"label": "most_frequent"}}, {"outliers": {"label": "clip"}}],
)
def test_the_target_is_not_changed_after_it_is_learned(section: dict[str, Any]) -> None:
    with pytest.raises(ColumnError, match="label"):
        cleaner(section, target="label")


def test_columns_without_any_value_are_filled() -> None:
    section = {"missing": {"a": {"strategy": "constant", "value": "x"}, "b": {"strategy": "constant", "value": 1.5},
                           "c": "median", "d": "most_frequent"}}  # fmt: skip
    one = cleaner(section)
    train = one.clean("train", numbered({"a": [None, None], "b": [None, None], "c": [1, 2], "d": ["p", None]}))
    test = one.clean("test", numbered({"a": ["y"], "b": [None], "c": [None], "d": [None]}))
    one.fit(features_of(train, "c", "d"))
    finished = one.finish("test", features_of(test, "c", "d", split="test"))
    assert (train["a"][:], train["b"][:]) == (["x", "x"], [1.5, 1.5])
    assert (test["a"][:], test["b"][:]) == (["y"], [1.5])
    assert finished[0] == {"row": "test:0", "feature:c": 1.5, "feature:d": "p"}
    assert one.apply([{}]) == [{"a": "x", "b": 1.5, "c": 1.5, "d": "p"}]


def test_columns_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(ColumnError, match="int64"):
        clean({"dates": {"day": {}}}, {"day": [1712102400]})
    with pytest.raises(ColumnError, match="struct"):
        clean({"personal": "redact"}, {"messages": [[{"role": "user", "content": "x"}]]}, ("messages",))
    with pytest.raises(ColumnError, match="Name a number"):
        clean({"missing": {"price": {"strategy": "constant", "value": "none"}}}, {"price": [1, None]})
    with pytest.raises(ColumnError, match="no single column"):
        cleaner({"labels": {"a": "b"}})
    with pytest.raises(ColumnError, match="__row__"):
        cleaner({"missing": {"a": "drop"}}).clean("train", Dataset.from_dict({"a": ["x"]}))


def test_a_split_without_rows_left_is_refused_and_says_why() -> None:
    for _ in range(2):  # the second one reads the cache
        with pytest.raises(EmptyDataError, match="length 2"):
            clean({"length": {"min": 9}}, {"text": ["a", "b"]}, ("text",))


def test_a_test_split_may_come_without_its_target() -> None:
    one = cleaner({"labels": {"a": "b"}, "missing": {"label": "drop"}}, target="label")
    one.clean("train", numbered({"label": ["a"], "text": ["x"]}))
    assert one.clean("test", numbered({"text": ["x"]}))["text"][:] == ["x"]


# -- the cache


def test_a_large_file_is_streamed_to_a_memory_mapped_one(tmp_path: Path) -> None:
    count = 20_000
    source = Dataset.from_dict({"text": [f"row  {i}" for i in range(count)], "price": [f"{i},5" for i in range(count)]})
    source.to_parquet(tmp_path / "rows.parquet")
    rows = load_dataset("parquet", data_files=str(tmp_path / "rows.parquet"), cache_dir=str(tmp_path))["train"]
    rows = rows.add_column("__row__", np.arange(count))
    one = cleaner({"normalize": ["whitespace"], "numbers": {"price": {}}, "length": {"min": 6}}, ("text",))
    found = one.clean("train", rows)
    assert found.cache_files
    assert len(found.data.table.to_batches()) >= 2
    assert len(found) == count - 10
    assert found[-1] == {"text": f"row {count - 1}", "price": f"{count - 1}.5", "__row__": count - 1}
    assert [log.changed for log in one.log] == [count, count, 0]
    assert one.log[2].dropped == {"count": 10, "rows": list(range(10))}


def test_selected_rows_keep_their_numbers() -> None:
    rows = numbered({"text": [f" {i}" for i in range(50)]}).select([40, 3, 7])
    found = cleaner({"normalize": ["whitespace"]}, ("text",)).clean("train", rows)
    assert found["text"][:] == ["40", "3", "7"]
    assert found["__row__"][:] == [40, 3, 7]


SECTION = {"normalize": ["whitespace"], "numbers": {"price": {}}, "length": {"min": 2}}


def run(
    section: dict[str, Any] = SECTION, texts: tuple[str, ...] = ("text",), price: str = "1,5"
) -> tuple[Any, Cleaner]:
    one = cleaner(section, texts)
    return one.clean("train", numbered({"text": ["a  b", "c", "d e"], "price": [price, "2", "x"]})), one


def test_a_second_call_reads_the_cache(cache: Path) -> None:
    first, one = run()
    (file,) = cache.glob("*.arrow")
    written = file.stat().st_mtime_ns
    second, other = run()
    assert file.stat().st_mtime_ns == written
    assert second.to_list() == first.to_list()
    assert second._fingerprint == first._fingerprint
    assert other.log == one.log
    assert other.state() == one.state()
    assert sorted(path.suffix for path in cache.iterdir()) == [".arrow", ".json"]


def test_another_section_column_or_value_is_another_entry(cache: Path) -> None:
    run()
    run(SECTION | {"length": {"min": 3}})
    run(texts=("text", "price"))
    run(price="2,5")
    assert len(list(cache.glob("*.arrow"))) == 4
    run(SECTION | {"duplicates": "drop"})  # done elsewhere
    assert len(list(cache.glob("*.arrow"))) == 4


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("suffix", ["arrow", "json"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"junk"), halve, flip],
                         ids=["gone", "junk", "half", "flipped"])  # fmt: skip
def test_a_damaged_entry_is_built_again(cache: Path, suffix: str, damage: Any) -> None:
    first, one = run()
    expected = first.to_list()
    (file,) = cache.glob(f"*.{suffix}")
    damage(file)
    second, other = run()
    assert second.to_list() == expected
    assert other.log == one.log
    assert run()[0].to_list() == expected


def test_an_interrupted_write_leaves_nothing_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import finetune.text.repair

    def interrupted(text: str, steps: Any) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(finetune.text.repair, "normalize", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert list(cache.iterdir()) == []
    assert run()[0]["text"][:] == ["a b", "d e"]


def test_a_cache_that_cannot_be_written_is_said(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(RunFolderError, match="HF_DATASETS_CACHE"):
        run()


# -- what is fitted

FITTED = {
    "numbers": {"price": {}}, "categories": ["city"],
    "missing": {"price": "median", "city": "most_frequent", "age": "mean"},
    "outliers": {"price": {"action": "clip", "method": "mad"}, "age": "drop", "size": "report"},
}  # fmt: skip


def people(count: int = 40) -> Rows:
    cities = ("Berlin", "berlin ", "Berlin", "Bonn", None)
    rows = [
        {"price": f"{i % 7},5", "city": cities[i % 5], "age": 20 + i % 30, "size": float(i % 9)} for i in range(count)
    ]
    rows[1] |= {"price": "9.999,5", "age": 200, "size": 1000.0}
    rows[2] |= {"price": None, "age": None, "size": None}
    return rows


def fitted(train: Rows, test: Rows, section: dict[str, Any] = FITTED) -> tuple[Cleaner, Dataset, Dataset]:
    one = cleaner(section)
    raw = {"train": numbered(train), "test": numbered(test)}
    splits = {name: features_of(one.clean(name, rows), *one.fitted_columns, split=name) for name, rows in raw.items()}
    one.fit(splits["train"])
    return one, one.finish("train", splits["train"]), one.finish("test", splits["test"])


def test_fitted_steps() -> None:
    one, train, test = fitted(people(), people(5))
    assert one.fitted_columns == ("city", "price", "age", "size")
    assert "train:1" not in train["row"][:]  # an age of 200
    assert len(train) == 39
    assert set(train["feature:city"]) == {"Berlin", "Bonn"}
    filled = train.filter(lambda row: row["row"] == "train:2")[0]
    ages = [row["age"] for row in people() if row["age"] not in (None, 200)]
    assert filled["feature:age"] == pytest.approx(np.mean(ages))
    prices = [i % 7 + 0.5 for i in range(40) if i not in (1, 2)]
    assert float(filled["feature:price"]) == np.median([*prices, 9999.5])
    assert filled["feature:size"] is None
    centre = np.median([*prices, 9999.5])
    reach = 3.5 * np.median(np.abs(np.array([*prices, 9999.5]) - centre)) / 0.6744897501960817
    assert float(test["feature:price"][1]) == pytest.approx(centre + reach)
    assert len(test) == 5  # held-out rows are never dropped
    logs = {(log.step, log.split, log.column): log for log in one.log}
    assert logs["outliers", "train", "age"].dropped == {"count": 1, "rows": ["train:1"]}
    assert logs["outliers", "test", "age"].flagged["rows"] == ["test:1"]
    assert logs["outliers", "train", "size"].flagged["reasons"] == {"above the bounds": 1}
    assert logs["categories", "train", "city"].changed == 8
    assert "Missing values become" in logs["missing", "train", "price"].detail
    assert "mad" in logs["outliers", "train", "price"].detail


def test_quartiles_are_those_of_tukey() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 100.0]
    one, _, _ = fitted([{"x": value} for value in values], [{"x": 0.0}], {"outliers": {"x": "report"}})
    low, high = np.percentile(values, [25, 75])
    assert one.state()["bounds"]["x"] == pytest.approx([low - 1.5 * (high - low), high + 1.5 * (high - low)])


def test_equal_values_give_no_bounds() -> None:
    rows = [{"x": 1.0}] * 9 + [{"x": 5.0}]
    for method in ("iqr", "mad"):
        one, train, _ = fitted(rows, rows, {"outliers": {"x": {"action": "drop", "method": method}}})
        assert len(train) == 10
        assert "No bounds" in one.log[-1].detail


def test_fill_in_values_are_computed_without_outliers() -> None:
    rows = [{"x": float(i)} for i in range(10)] + [{"x": 1e6}, {"x": None}]
    for action, expected in (("drop", 4.5), ("report", (45 + 1e6) / 11)):
        one, _, _ = fitted(rows, rows, {"outliers": {"x": action}, "missing": {"x": "mean"}})
        assert one.state()["fills"]["x"] == pytest.approx(expected)
    one, train, _ = fitted(rows, rows, {"outliers": {"x": "clip"}, "missing": {"x": "mean"}})
    assert max(train["feature:x"]) == one.state()["bounds"]["x"][1]


def test_a_flagged_number_is_never_counted_as_one() -> None:
    rows = [{"x": text} for text in ("0.5", "2,5", "1,234", "1.234", None)]
    one, train, _ = fitted(rows, rows, {"numbers": {"x": {}}, "missing": {"x": "mean"}, "outliers": {"x": "report"}})
    assert one.state()["fills"]["x"] == "1.5"
    assert train["feature:x"][:] == ["0.5", "2.5", "1,234", "1.234", "1.5"]
    assert one.number("x", "1.234") is None
    assert one.number("x", "2.5") == 2.5


cell = st.none() | st.sampled_from(["1,5", "2.5", "1.234", "", "x", "1e9", "-7"])
city = st.none() | st.sampled_from(["a", "A ", "b", "É", "e"])
row = st.fixed_dictionaries(
    {"price": cell, "city": city, "age": st.none() | st.integers(-5, 300), "size": st.none() | st.floats(-9, 9)}
)
QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TYPES = Features(price=Value("string"), city=Value("string"), age=Value("int64"), size=Value("float64"))


@QUICK
@each(st.lists(row, min_size=1, max_size=6))
def test_only_training_rows_are_learned_from(test: Rows) -> None:
    one = cleaner(FITTED)
    train = one.clean("train", numbered(people(), TYPES))
    held = one.clean("test", numbered(test, TYPES))
    one.fit(features_of(train, *one.fitted_columns))
    expected, _, _ = fitted(people(), people(3))
    assert one.state() == expected.state()
    before = json.dumps(one.state())
    one.finish("test", features_of(held, *one.fitted_columns, split="test"))
    assert json.dumps(one.state()) == before


@QUICK
@each(st.lists(row, min_size=1, max_size=12))
def test_single_rows_become_what_the_whole_became(rows: Rows) -> None:
    one = cleaner(
        FITTED | {"outliers": {"price": {"action": "clip", "method": "mad"}, "age": "clip", "size": "report"}}
    )
    train = one.clean("train", numbered([*people(), *rows], TYPES))
    canonical = features_of(train, *one.fitted_columns)
    one.fit(canonical)
    finished = one.finish("train", canonical)
    other = cleaner(one.section.model_dump(exclude_defaults=True))
    other.load_state(json.loads(json.dumps(one.state())))
    applied = other.apply([*people(), *rows])
    for name in one.fitted_columns:
        alone = [row[name] for row in applied]
        assert alone == list(finished[f"feature:{name}"])
        assert [type(value) for value in alone] == [type(value) for value in finished[f"feature:{name}"]]


def test_single_rows_go_through_all_steps() -> None:
    section = {
        "normalize": ["html", "whitespace"], "personal": "redact", "numbers": {"price": {}}, "dates": {"day": {}},
        "labels": {"p": "positive"}, "categories": ["city"], "length": {"min": 3},
        "missing": {"city": "most_frequent", "day": {"strategy": "constant", "value": "never"}, "text": "drop"},
    }  # fmt: skip
    columns = {
        "text": ["<p>mail ada@example.org  now</p>", "fine text", "also fine"], "price": ["1.234,5", "0,5", "x"],
        "day": ["13/04/2025", None, "03/04/2025"], "label": ["p", "n", "p"], "city": ["Bonn", "bonn", None],
    }  # fmt: skip
    one = cleaner(section, ("text",), "label")
    rows = one.clean("train", numbered(columns))
    canonical = features_of(rows, "city")
    one.fit(canonical)
    finished = one.finish("train", canonical)
    raw = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    applied = one.apply(raw)
    assert applied == [
        {**{name: rows[i][name] for name in columns}, "city": finished[i]["feature:city"]} for i in range(3)
    ]
    assert raw[0]["price"] == "1.234,5"
    assert one.apply([{"text": "x"}]) == [{"text": "x", "day": "never", "city": "Bonn"}]


def test_fitting_comes_first() -> None:
    one = cleaner(FITTED)
    rows = features_of(one.clean("train", numbered(people())), *one.fitted_columns)
    with pytest.raises(UsageError, match="fitted"):
        one.finish("train", rows)
    with pytest.raises(UsageError, match="fitted"):
        one.apply([{}])
    with pytest.raises(ColumnError, match="feature:city"):
        one.fit(rows.remove_columns(["feature:city"]))


def test_nothing_to_learn_from_is_refused() -> None:
    for strategy in ("mean", "most_frequent"):
        rows = numbered({"x": [None, ""]})
        one = cleaner({"missing": {"x": strategy}})
        with pytest.raises(ColumnError, match="No training row"):
            one.fit(features_of(one.clean("train", rows), "x"))
    one = cleaner({"outliers": {"x": "clip"}})
    with pytest.raises(ColumnError, match="list"):
        one.fit(Dataset.from_dict({"feature:x": [[1], [2]]}))


def test_a_state_of_something_else_is_refused() -> None:
    one, _, _ = fitted(people(), people(3))
    with pytest.raises(DataError, match="columns"):
        cleaner({"categories": ["city"]}).load_state(one.state())
    with pytest.raises(DataError, match="version"):
        cleaner({}).load_state({"version": 99})
    with pytest.raises(DataError, match="cannot be read"):
        cleaner({}).load_state(one.state() | {"other": 1})


# -- the whole

PARTS = ("<b>", "a", "é", "cafÃ©", " ", "  ", "&amp;", "@ada", "https://example.org/x", "\u200b", "ada@example.org",
         "+44 20 7946 0958", "3", ".", "\n")  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), max_size=8).map(" ".join)
NUMBERS = st.sampled_from(["1,234", "1.234", "0.5", "0,5", "1.234,567", "$5", "12%", "1e3", "x", "", "(3)", "7"])
DATES = st.sampled_from(["03/04/2025", "13/04/2025", "3 Apr 2025", "2025-04-03T12:00:00Z", "x", "", "3.4.25"])


@QUICK
@each(st.lists(st.fixed_dictionaries({"text": TEXTS, "price": NUMBERS, "day": DATES}), min_size=1, max_size=10))
def test_cleaning_the_cleaned_changes_nothing(rows: Rows) -> None:
    section = {
        "normalize": ["encoding", "html", "unicode", "users", "urls", "whitespace"], "personal": "redact",
        "numbers": {"price": {}}, "dates": {"day": {}}, "missing": {"price": {"strategy": "constant", "value": 0}},
    }  # fmt: skip
    first, again = cleaner(section, ("text",)), cleaner(section, ("text",))
    once = first.clean("train", numbered([*rows, {"text": "x", "price": "1", "day": ""}]))
    twice = again.clean("train", once)
    # Numbers that could not be read are told a mark by those that could, once these are plain.
    doubtful = next(log for log in first.log if log.step == "numbers").flagged["reasons"].get("ambiguous")
    compared = ["text", "day"] if doubtful else once.column_names
    assert twice.select_columns(compared).to_list() == once.select_columns(compared).to_list()
    assert sum(log.changed for log in again.log if log.column in compared) == 0


@pytest.mark.parametrize("decimal", [None, ".", ","])
def test_a_cleaned_number_is_never_read_as_another(decimal: str | None) -> None:
    section = {"numbers": {"price": {"decimal": decimal}}}
    once = cleaner(section).clean("train", numbered({"price": ["1,234", "12,5", "1.234,5", "1.234.567", "7"]}))
    twice = cleaner(section).clean("train", once)
    assert twice["price"][:] == once["price"][:]


def test_finishing_the_finished_changes_nothing() -> None:
    one, train, test = fitted(people(), people(9))
    one.log.clear()
    assert one.finish("train", train).to_list() == train.to_list()
    assert one.finish("test", test).to_list() == test.to_list()
    assert sum(log.changed + log.dropped["count"] for log in one.log) == 0


def test_steps_done_elsewhere_are_logged_alike() -> None:
    one = cleaner({})
    one.record("duplicates", "train", None, before=10, after=8, dropped=[3, 5],
               examples=[{"row": 3, "before": f"mail {SECRETS[0]}", "after": "like 1"}])  # fmt: skip
    entry = one.log[0].to_dict()
    assert entry["dropped"] == {"count": 2, "rows": [3, 5]}
    assert entry["examples"] == [{"row": 3, "before": "mail <email>", "after": "like 1"}]
    assert StepLog.from_dict(json.loads(json.dumps(entry))) == one.log[0]


def test_many_rows_are_counted_in_full_and_listed_in_part() -> None:
    _, (log,) = clean({"missing": {"a": "drop"}}, {"a": [None] * 1500 + ["x"]})
    assert log.dropped["count"] == 1500
    assert log.dropped["rows"] == list(range(1000))
    assert len(log.examples) == 5


def test_long_texts_are_cut_in_the_log() -> None:
    _, (log,) = clean({"normalize": ["whitespace"]}, {"text": ["a  " * 500]}, ("text",))
    assert all(len(log.examples[0][side]) == 200 for side in ("before", "after"))
