"""The audit: planted faults of every kind are found where they are, clean data gives no problem, figures are right."""

from __future__ import annotations

import importlib.util
import io
import json
import random
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Audio, ClassLabel, Dataset, Features, Image, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.artifacts import DataAudit, PreparedData, RunFolder
from finetune.data.auditing import audit, find_label_errors, sampling
from finetune.data.auditing.numbers import QUANTILES, Moments, iqr_bounds, mad_bounds
from finetune.data.auditing.personal import _SIGNS, PersonalCounts
from finetune.data.auditing.stored import date_format, number_format
from finetune.data.auditing.texts import Counts
from finetune.data.preparation import prepare
from finetune.data.reading import RawData
from finetune.errors import DataError, EmptyDataError, RunFolderError
from finetune.recipe import Recipe, task_names
from finetune.task import load_task, task_class
from finetune.text.personal import count_personal, find_personal

NAMES = [f"p{round(q * 100):02d}" for q in QUANTILES]
VOCABULARY = [a + b for a in ("ba", "do", "fi", "ga", "he", "ku", "lo", "mi", "ne", "po")
              for b in ("ram", "sel", "tin", "vor", "wub", "xan", "yel", "zod")]  # fmt: skip
PERSONAL = ["ada.lovelace@example.org", "+44 20 7946 0958", "4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32"]


def clean_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Texts of random words, in which four words for each label stand more often; beside them an age and a city."""
    rng = random.Random(seed)
    rows = []
    for index in range(count):
        label = ("calm", "loud")[rng.random() < 0.5]
        own = VOCABULARY[:4] if label == "calm" else VOCABULARY[4:8]
        words = [rng.choice(VOCABULARY[8:]) for _ in range(rng.randint(11, 17))] + rng.choices(own, k=2)
        rng.shuffle(words)
        rows.append({
            "text": " ".join(words), "label": label, "age": str(rng.randint(20, 69)),
            "city": rng.choice(["Oslo", "Rome", "Kyoto"]),
            "day": f"2025-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            "name": f"{seed}-{index:05d}",
        })  # fmt: skip
    return rows


def recipe_of(task: str = "text-classification", **sections: Any) -> Recipe:
    data = {"name": "rows.csv", "leakage": "allow", **sections.pop("data", {})}
    return Recipe.from_dict({"task": task, "model": {"name": "m"}, "data": data, **sections})


def prepared_of(recipe: Recipe, splits: dict[str, Any]) -> PreparedData:
    tables = {name: rows if isinstance(rows, Dataset) else Dataset.from_list(rows) for name, rows in splits.items()}
    return prepare(recipe, load_task(recipe.task, recipe.options), RawData(tables))


def look(splits: dict[str, Any], recipe: Recipe | None = None, **more: Any) -> DataAudit:
    recipe = recipe or recipe_of()
    prepared = prepared_of(recipe, splits)
    return audit(
        prepared.tables, places=prepared.report.columns, task=prepared.task, prepared=prepared, recipe=recipe, **more
    )


def look_raw(splits: dict[str, Any], places: dict[str, Any] | None = None, recipe: Recipe | None = None) -> DataAudit:
    """As where the preparation failed."""
    tables = {name: rows if isinstance(rows, Dataset) else Dataset.from_list(rows) for name, rows in splits.items()}
    return audit(tables, places=places or {}, task=None, prepared=None, recipe=recipe or recipe_of())


def kinds_of(found: DataAudit, severity: str | None = None) -> Counter[str]:
    return Counter(f["kind"] for f in found.findings if severity in (None, f["severity"]))


def finding(found: DataAudit, kind: str, column: str | None = None) -> dict[str, Any]:
    some = [f for f in found.findings if f["kind"] == kind and column in (None, f["column"])]
    assert len(some) == 1, f"{kind}: {[f['kind'] for f in found.findings]}"
    return some[0]


@pytest.fixture(scope="module")
def clean() -> DataAudit:
    return look({"train": clean_rows(700, 1), "validation": clean_rows(120, 2), "test": clean_rows(150, 3)})


@pytest.fixture(scope="module")
def faulty() -> DataAudit:
    """One audit of rows with a fault of each kind; the tests below say which."""
    train, validation, test = clean_rows(700, 1), clean_rows(120, 2), clean_rows(150, 3)
    for row in (*train, *validation, *test):
        row["leak"] = {"calm": "A", "loud": "B"}[row["label"]]
        row["customer"] = f"{row['name'][0]}{row['name'][-2:]}"
    # Rows that repeat others: exactly (but for case), with another label, nearly, and across splits.
    train[10]["text"], train[10]["label"] = train[11]["text"].upper(), train[11]["label"]
    train[20] |= {"text": train[21]["text"], "label": "calm"}
    train[21]["label"] = "loud"
    train[30]["text"], train[30]["label"] = train[31]["text"] + " extra", train[31]["label"]
    test[0]["text"] = train[40]["text"]
    test[1]["text"] = f"{train[41]['text']} extra"
    test[2]["name"] = train[42]["name"]
    test[3]["customer"] = train[43]["customer"]
    # Values.
    train[50]["age"], train[51]["age"], train[52]["age"] = "200", "", "n/a"
    for index in range(100, 300):
        year, month, day = train[index]["day"].split("-")
        train[index]["day"] = f"{28 - index % 10}/{month}/{year}" if index < 200 else f"May {int(day)}, {year}"
    train[60]["day"] = "03/04/2025"
    train[61]["city"] = "oslo "
    train[70]["text"] = "cafÃ© " + train[70]["text"]
    train[71]["text"] = "!!! ??? ... *** ---- !!! $$$ %%% ((( )))"
    train[72]["text"] = train[72]["text"] * 60
    for index, value in enumerate(PERSONAL):
        train[80 + index]["text"] += f" {value}"
    recipe = recipe_of(data={"id": "name", "split": {"group": "customer"}})
    return look({"train": train, "validation": validation, "test": test}, recipe)


def test_clean_data_gives_no_problem_and_no_warning(clean: DataAudit) -> None:
    assert clean.problems == []
    assert not kinds_of(clean, "warning"), [f["sentence"] for f in clean.findings]
    assert clean.duplicates["exact"]["splits"]["train"]["duplicates"] == 0
    assert clean.duplicates["near"]["splits"]["train"]["duplicates"] == 0
    assert clean.personal["columns"] == {}
    assert clean.label_errors["count"] <= 0.01 * 970
    assert not any(entry["leaks"] for entry in clean.target_leakage["columns"])
    assert max(entry["score"] for entry in clean.target_leakage["columns"]) < 0.6  # chance is 0.5


def test_kinds_of_columns_and_their_roles(faulty: DataAudit) -> None:
    kinds = {column["name"]: column["kind"] for column in faulty.columns}
    assert kinds == {"text": "text", "label": "category", "age": "number", "city": "category", "day": "time",
                     "name": "id", "leak": "category", "customer": "id"} | {"customer": kinds["customer"]}  # fmt: skip
    roles = {column["name"]: column["roles"] for column in faulty.columns}
    assert roles["text"] == ["input"]
    assert roles["label"] == ["target"]
    assert roles["name"] == ["id"]
    assert roles["customer"] == ["group"]
    assert faulty.column("text")["canonical"] == "text"
    with pytest.raises(KeyError):
        faulty.column("nowhere")


def test_repeated_rows_are_found_in_their_split(faulty: DataAudit) -> None:
    exact = faulty.duplicates["exact"]["splits"]["train"]
    assert (exact["duplicates"], exact["groups"], exact["conflicting"]) == (2, 2, 1)
    assert sorted(exact["examples"]) == [["train:10", "train:11"], ["train:20", "train:21"]]
    assert exact["conflicts"] == [["train:20", "train:21"]]
    assert exact["share"] == pytest.approx(2 / 700)
    near = faulty.duplicates["near"]["splits"]["train"]
    assert (near["duplicates"], near["examples"]) == (1, [["train:30", "train:31"]])
    assert finding(faulty, "conflicting targets")["rows"] == ["train:20", "train:21"]


def test_rows_shared_between_splits_are_found(faulty: DataAudit) -> None:
    def pair(kind: str) -> dict[str, Any]:
        pairs = faulty.leakage[kind]["pairs"]
        others = [p["rows"] for p in pairs if (p["split"], p["against"]) != ("test", "train")]
        assert others == [0, 0], kind
        return next(p for p in pairs if (p["split"], p["against"]) == ("test", "train"))

    assert (pair("exact")["rows"], pair("exact")["examples"]) == (1, ["test:0"])
    assert pair("exact")["share"] == pytest.approx(1 / 150)
    assert (pair("near")["rows"], pair("near")["examples"]) == (1, ["test:1"])
    assert (pair("id")["rows"], pair("id")["values"], pair("id")["examples"]) == (1, 1, ["test:2"])
    assert (pair("group")["rows"], pair("group")["values"], pair("group")["examples"]) == (1, 1, ["test:3"])
    for kind in ("exact", "id", "group"):
        assert finding(faulty, f"{kind} leakage")["severity"] == "problem"
    assert finding(faulty, "near leakage")["severity"] == "warning"


def test_a_column_that_is_the_label_by_another_name_is_a_problem(faulty: DataAudit) -> None:
    entry = faulty.target_leakage["columns"][0]
    assert entry == {"column": "leak", "score": pytest.approx(1.0, abs=0.01), "one_to_one": False, "leaks": True}
    assert finding(faulty, "target leakage")["column"] == "leak"


def test_faulty_values_are_found_where_they_are(faulty: DataAudit) -> None:
    age = faulty.column("age")
    assert age["missing"]["train"] == {"count": 1, "share": pytest.approx(1 / 700)}
    assert age["placeholders"] == {"n/a": 1}
    assert age["numbers"]["max"] == 200
    assert age["numbers"]["outliers"]["iqr"]["rows"] == ["train:50"]
    assert age["numbers"]["outliers"]["mad"]["rows"] == ["train:50"]
    assert finding(faulty, "outliers", "age")["severity"] == "warning"
    day = faulty.column("day")["stored"]
    assert {entry["format"] for entry in day["formats"]} == {"0000-00-00", "00/00/0000", "Mon 00, 0000"}
    assert {entry["count"] for entry in day["formats"]} == {970 - 201, 101, 100}
    assert day["ambiguous"] == pytest.approx(1 / 970)
    assert "3 formats" in finding(faulty, "mixed formats")["sentence"]
    (spelling,) = faulty.column("city")["categories"]["spellings"]
    assert spelling["stands_for"] == "Oslo"
    assert [entry["value"] for entry in spelling["values"]] == ["Oslo", "oslo "]
    assert spelling["values"][1]["count"] == 1


def test_odd_texts_are_found_where_they_are(faulty: DataAudit) -> None:
    texts = faulty.column("text")["texts"]
    assert texts["damaged"] == {"count": 1, "rows": ["train:70"]}
    assert texts["outliers"]["classes"]["rows"] == ["train:71"]
    assert "train:72" in texts["outliers"]["length"]["rows"]


def test_personal_data_is_counted_and_never_shown(faulty: DataAudit) -> None:
    kinds = {"email": 80, "phone": 81, "credit_card": 82, "iban": 83}
    assert faulty.personal["columns"] == {"text": {kind: {"rows": 1, "values": 1} for kind in kinds}} | {
        name: found for name, found in faulty.personal["columns"].items() if name != "text"
    }
    assert faulty.personal["rows"]["text"] == {kind: [f"train:{row}"] for kind, row in kinds.items()}
    assert set(finding(faulty, "personal data", "text")["rows"]) == {f"train:{row}" for row in kinds.values()}


def test_no_personal_value_stands_anywhere_in_the_json() -> None:
    """Planted where values are listed: the first rows, categories, label names, examples of formats, ids."""
    rows = clean_rows(200, 5)
    mails = [f"writer{number}@example.org" for number in range(4)]
    for index, row in enumerate(rows):
        row["text"] += f" {PERSONAL[index % 4]}"
        row["label"] = mails[index % 4]
        row["city"] = PERSONAL[index % 4]
        row["age"] = int("4111111111111111") if index == 0 else 30 + index % 9
        row["phone"] = f"+44 20 7946 0{100 + index}"
        row["day"] = f"call +44 20 7946 0958 {index}" if index == 7 else row["day"]
    found = look({"train": rows})
    written = json.dumps(found.to_dict(), ensure_ascii=False) + json.dumps(look_raw({"train": rows}).to_dict())
    for value in (*PERSONAL, *mails, "4111111111111111", "example.org", "20 7946"):
        assert value not in written
    assert found.column("phone")["personal"]
    assert found.head[0]["values"]["phone"] == "<personal>"
    assert sum(found.target["counts"]["train"].values()) == 140  # four labels that look alike stay four
    assert len(found.target["counts"]["train"]) == 4


def test_numbers_agree_with_numpy() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(1e6, 3.0, 997), [1e6 + 400, np.nan, np.inf]])
    rows = Dataset.from_dict({"text": [f"{VOCABULARY[i % 80]} {i}" for i in range(1000)], "x": values.tolist()})
    numbers = look_raw({"train": rows}).column("x")["numbers"]
    finite = values[np.isfinite(values)]
    assert numbers["count"] == 998
    assert numbers["infinite"] == 1
    for name, wanted in {"min": finite.min(), "max": finite.max(), "mean": finite.mean(), "std": finite.std()}.items():
        assert numbers[name] == pytest.approx(wanted, rel=1e-9), name
    assert [numbers["quantiles"][name] for name in NAMES] == pytest.approx(np.quantile(finite, QUANTILES), rel=1e-9)
    first, third = np.quantile(finite, [0.25, 0.75])
    low, high = first - 1.5 * (third - first), third + 1.5 * (third - first)
    iqr = numbers["outliers"]["iqr"]
    assert (iqr["low"], iqr["high"]) == pytest.approx((low, high), rel=1e-9)
    # Infinity lies beyond any bound.
    assert iqr["count"] == int(((values < low) | (values > high)).sum())
    median = np.median(finite)
    reach = 3.5 * np.median(np.abs(finite - median)) / 0.67448975
    assert numbers["outliers"]["mad"]["high"] == pytest.approx(median + reach, rel=1e-8)
    histogram = numbers["histogram"]
    assert sum(histogram["counts"]) + histogram["below"] + histogram["above"] == 998


def test_bounds_do_not_exist_where_the_middle_values_are_equal() -> None:
    same = np.array([1.0] * 90 + [5.0] * 10)
    assert iqr_bounds(same) is None
    assert mad_bounds(same) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=20), min_size=1, max_size=8))
def test_moments_of_batches_are_those_of_all(parts: list[list[float]]) -> None:
    moments = Moments()
    for part in parts:
        moments.add(np.array(part, dtype=np.float64))
    whole = np.array([value for part in parts for value in part], dtype=np.float64)
    found = moments.to_dict()
    assert found["count"] == len(whole)
    if len(whole):
        assert found["mean"] == pytest.approx(whole.mean(), rel=1e-9, abs=1e-6)
        assert found["std"] == pytest.approx(whole.std(), rel=1e-6, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=80), st.integers(1, 9))
def test_exact_quantiles_of_counts_are_numpys(values: list[int], size: int) -> None:
    counts = Counts()
    for start in range(0, len(values), size):
        counts.add(np.array(values[start : start + size]))
    found = counts.to_dict()
    assert [found["quantiles"][name] for name in NAMES] == pytest.approx(np.quantile(values, QUANTILES), abs=1e-7)
    assert (found["min"], found["max"]) == (min(values), max(values))
    assert found["mean"] == pytest.approx(np.mean(values))


def test_lengths_of_texts_are_those_that_python_counts() -> None:
    texts = ["a", "  ", "zwei Wörter", "日本語 の 文", "", "x " * 40, None, "tab\tand\nline"]
    rows = Dataset.from_dict(
        {"text": texts, "note": [None] * 8}, features=Features({"text": Value("string"), "note": Value("string")})
    )
    found = look_raw({"train": rows}, {"text": "text"})
    column = found.column("text")["texts"]
    there = [text for text in texts if text and text.strip()]
    assert column["empty"] == 2
    assert found.column("text")["missing"]["train"]["count"] == 3
    assert column["characters"]["mean"] == pytest.approx(np.mean([len(text) for text in there]))
    assert column["words"]["max"] == max(len(text.split()) for text in there) == 40
    assert column["words"]["mean"] == pytest.approx(np.mean([len(text.split()) for text in there]))
    assert sum(column["classes"].values()) == pytest.approx(1)
    assert found.column("note")["constant"]
    assert finding(found, "constant column", "note")["severity"] == "note"


def test_the_size_of_the_batches_does_not_show(monkeypatch: pytest.MonkeyPatch, faulty: DataAudit) -> None:
    rows = {"train": clean_rows(400, 1), "test": clean_rows(90, 2)}
    rows["train"][3]["age"] = "1.234,5"
    rows["test"][5]["text"] = rows["train"][5]["text"]
    whole = look(rows).to_dict()
    monkeypatch.setattr(sampling, "BATCH", 7)
    assert look(rows).to_dict() == whole


def test_a_sample_says_that_it_is_one_and_counts_stay_exact() -> None:
    rows = clean_rows(600, 1)
    rows[599] |= {"age": "180", "text": rows[0]["text"]}
    found = look({"train": rows}, recipe_of(inspection={"sample": 100}))
    assert found.languages["sampled"] == {"rows": 100, "of": 600}
    assert found.label_errors["sampled"] == {"rows": 100, "of": 600}
    assert found.target_leakage["sampled"] == {"rows": 100, "of": 420}
    age = found.column("age")["numbers"]
    assert age["sampled"] == {"rows": 100, "of": 600}
    assert (age["count"], age["max"]) == (600, 180)
    assert age["outliers"]["iqr"]["rows"] == ["train:599"]
    assert found.duplicates["exact"]["splits"]["train"]["rows"] == found.rows["prepared"]["train"]
    near = found.duplicates["near"]
    assert near["sampled"] == {"rows": 100, "of": 600}
    assert near["splits"]["train"]["rows"] == 50  # held-out rows get half of the places
    assert look({"train": rows}, recipe_of(inspection={"sample": 100})) == found


def digits_with_flips() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Given labels of sklearn's digits, which of them were flipped, and out-of-fold probabilities."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    flipped = np.zeros(len(labels), dtype=bool)
    flipped[rng.choice(len(labels), round(0.05 * len(labels)), replace=False)] = True
    given_labels = labels.copy()
    given_labels[flipped] = (labels[flipped] + rng.integers(1, 10, flipped.sum())) % 10
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, C=0.01))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return given_labels, flipped, cross_val_predict(model, images, given_labels, cv=folds, method="predict_proba")


def test_label_errors_of_digits_with_known_flips() -> None:
    """Measured elsewhere for cleanlab's low_self_confidence: precision 0.973, recall 0.820."""
    labels, flipped, probabilities = digits_with_flips()
    found = find_label_errors(labels, probabilities)
    precision, recall = flipped[found].mean(), flipped[found].sum() / flipped.sum()
    assert precision == pytest.approx(0.973, abs=0.04)
    assert recall == pytest.approx(0.82, abs=0.08)
    confidence = probabilities[found, labels[found]]
    assert (np.diff(confidence) >= 0).all()


@pytest.mark.parametrize(
    ("labels", "shape"), [([0, 1], (3, 2)), ([0, 0, 2], (3, 3)), ([0, 1, 2], (3, 2)), ([0, 1, 0], (3,))]
)
def test_label_errors_refuse_what_does_not_fit(labels: list[int], shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError):
        find_label_errors(labels, np.full(shape, 0.5))


def test_flipped_labels_are_suspected_and_nothing_is_removed() -> None:
    rows, rng = clean_rows(800, 1), random.Random(0)
    flipped = set(rng.sample(range(800), 40))
    for index in flipped:
        rows[index]["label"] = {"calm": "loud", "loud": "calm"}[rows[index]["label"]]
    found = look({"train": rows}).label_errors
    suspected = {int(entry["row"].removeprefix("train:")) for entry in found["rows"]}
    assert len(suspected & flipped) / len(suspected) > 0.8
    assert len(suspected & flipped) / len(flipped) > 0.6
    assert all(entry["given"] != entry["suggested"] for entry in found["rows"])
    scores = [entry["score"] for entry in found["rows"]]
    assert scores == sorted(scores)


def test_label_balance_is_computed_as_by_hand() -> None:
    rows = clean_rows(400, 1)
    for row, label in zip(rows, ["a"] * 200 + ["b"] * 100 + ["c"] * 96 + ["d"] * 4, strict=True):
        row["label"] = label
    random.Random(0).shuffle(rows)
    found = look({"train": rows})
    shares = np.array([200, 100, 96, 4]) / 400
    assert found.target["entropy"] == pytest.approx(-(shares * np.log2(shares)).sum())
    assert found.target["normalized_entropy"] == pytest.approx(-(shares * np.log2(shares)).sum() / 2)
    assert found.target["imbalance"] == pytest.approx(4 / 200)
    assert sum(counts["a"] for counts in found.target["counts"].values()) == 200
    assert finding(found, "imbalance")["severity"] == "warning"
    assert finding(found, "rare labels")["severity"] == "warning"


def test_a_number_as_target_is_summarized() -> None:
    rows = clean_rows(300, 1)
    rng = np.random.default_rng(0)
    for row in rows:
        row["label"] = float(rng.normal())
        row["twin"] = str(2 * row["label"] + 1)
    found = look({"train": rows})
    train = found.target["numbers"]["train"]
    assert found.target["kind"] == "regression"
    assert train["count"] == 210
    leak = found.target_leakage
    assert leak["metric"] == "r2"
    assert leak["columns"][0]["column"] == "twin"
    assert leak["columns"][0]["leaks"]
    assert not any(entry["leaks"] for entry in leak["columns"][1:])
    assert not found.label_errors["measured"]


def test_ids_in_the_order_of_the_labels_and_sorted_rows_are_told() -> None:
    rows = sorted(clean_rows(400, 1), key=lambda row: row["label"])
    for index, row in enumerate(rows):
        row["name"] = f"case-{index:06d}"
    found = look({"train": rows})
    assert found.target_leakage["order"]["leaks"]
    assert finding(found, "sorted rows")["severity"] == "warning"
    assert finding(found, "target leakage")["column"] == "name"


def test_a_word_that_gives_the_label_away_is_told() -> None:
    rows = clean_rows(400, 1)
    for row in rows:
        row["text"] = ("(wire) " if row["label"] == "calm" else "") + row["text"]
    found = look({"train": rows})
    assert [(entry["token"], entry["label"]) for entry in found.target_leakage["tokens"]] == [("(wire)", "calm")]
    assert found.target_leakage["tokens"][0]["coverage"] == 1


def test_terms_for_people_have_rates_with_intervals() -> None:
    from finetune.statistics.intervals import wilson

    rows = clean_rows(400, 1)
    women = [row for index, row in enumerate(rows) if index % 4 == 0]
    for index, row in enumerate(women):
        row["text"] += " said a woman to the woman"
        row["label"] = "loud" if index % 10 else "calm"
    found = look({"train": rows}).identity_terms
    entry = next(entry for entry in found["terms"] if entry["term"] == "woman")
    assert (entry["rows"], entry["axis"]) == (100, "gender")
    wanted = wilson(90, 100)
    assert entry["rates"]["loud"] == {
        "value": 0.9,
        "low": pytest.approx(wanted.low),
        "high": pytest.approx(wanted.high),
    }
    loud = sum(row["label"] == "loud" for row in rows)
    assert found["overall"]["loud"]["value"] == pytest.approx(loud / 400)
    assert found["axes"]["gender"] == 100


def test_terms_are_compared_with_the_rate_of_all_rows() -> None:
    rows = clean_rows(400, 1)
    for index, row in enumerate(rows[::4]):
        row |= {"text": row["text"] + " said a woman", "label": "loud" if index % 10 else "calm"}
    assert "woman" in finding(look({"train": rows}), "identity terms")["sentence"]


def test_languages_are_shares_of_the_texts() -> None:
    english = ["The weather was fine and we walked along the river all day.", "Nobody knew where the old key was kept."]
    german = [
        "Der Zug nach Hamburg hatte wieder einmal große Verspätung.",
        "Wir haben gestern lange im Garten gesessen.",
    ]
    rows = [{"text": f"{(german if i % 4 == 0 else english)[i % 2]} {VOCABULARY[i % 80]}", "label": "ab"[i % 3 == 0]}
            for i in range(200)]  # fmt: skip
    found = look({"train": rows})
    assert found.languages["shares"]["en"] == pytest.approx(0.75, abs=0.03)
    assert found.languages["shares"]["de"] == pytest.approx(0.25, abs=0.03)
    assert "de" in finding(found, "languages")["sentence"]


def test_tokens_are_those_that_the_task_feeds_the_model(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = [{"text": " ".join(["great film"] * (1 + i % 30)), "label": ("a", "b")[i % 2]} for i in range(120)]
    for index, row in enumerate(rows):
        row["text"] += f" {index}"
    found = look({"train": rows}, tokenizer=tokenizer, max_length=32).tokens
    lengths = [len(tokenizer(row["text"])["input_ids"]) for row in rows]
    assert (found["min"], found["max"]) == (min(lengths), max(lengths))
    assert found["mean"] == pytest.approx(np.mean(lengths))
    assert found["longer"] == found["truncated"] == pytest.approx(np.mean(np.array(lengths) > 32))
    assert look({"train": rows}).tokens["measured"] is False


def test_numbers_and_dates_as_texts() -> None:
    values = ["1.234,50 EUR", "12,5", "7", "1.000", "3,25"] * 20
    rows = Dataset.from_dict({"text": [f"{VOCABULARY[i % 80]} {i}" for i in range(100)], "price": values})
    price = look_raw({"train": rows}).column("price")
    assert price["kind"] == "number"
    # The column's other values say that the comma is the decimal mark, so 1.000 is a thousand.
    assert price["numbers"]["mean"] == pytest.approx(np.mean([1234.5, 12.5, 7, 1000, 3.25]))
    assert {entry["format"]: entry["count"] for entry in price["stored"]["formats"]} == {
        "0.0,0 EUR": 20, "0,0": 40, "plain": 40
    }  # fmt: skip
    assert number_format("1.234.567,50 EUR") == "0.0,0 EUR"
    assert date_format("Thu, 3 Apr 2025") == "Day, 00 Mon 0000"


def test_raw_columns_are_told_of_where_the_data_could_not_be_prepared() -> None:
    train, test = clean_rows(200, 1), clean_rows(50, 2)
    test[4]["text"] = train[9]["text"]
    train[5]["text"] = train[6]["text"]
    found = look_raw({"train": train, "test": test}, {"text": "text", "label": "label"})
    assert found.rows == {"raw": {"train": 200, "test": 50}, "prepared": None}
    assert found.duplicates["exact"]["basis"] == "raw"
    assert found.duplicates["exact"]["splits"]["train"]["examples"] == [["train:5", "train:6"]]
    assert found.leakage["exact"]["pairs"][0]["examples"] == ["test:4"]
    assert found.target["kind"] == "raw"
    assert found.target["counts"]["train"] == Counter(row["label"] for row in train)
    assert {part for part in ("target_leakage", "tokens", "label_errors", "identity_terms")
            if getattr(found, part)["measured"]} == set()  # fmt: skip
    with pytest.raises(EmptyDataError):
        look_raw({"train": Dataset.from_dict({"text": []})})


def test_splits_of_other_types_do_not_stop_the_audit() -> None:
    train = Dataset.from_dict({"text": [f"row {i}" for i in range(30)], "label": list(range(30)), "only": [1] * 30})
    test = Dataset.from_dict({"text": [f"other {i}" for i in range(10)], "label": [f"n{i}" for i in range(10)]})
    found = look_raw({"train": train, "test": test}, {"text": "text", "label": "label"})
    assert found.column("label")["distinct"] == {"count": 40, "exact": True}
    assert found.column("only")["missing"] == {"train": {"count": 0, "share": 0.0}}


def test_columns_of_every_type_have_an_entry() -> None:
    import datetime
    import decimal

    import pyarrow as pa

    moment = datetime.datetime(2024, 5, 1, 12, 30)
    columns = {
        "flag": pa.array([True, False, None] * 10),
        "when": pa.array([moment + datetime.timedelta(days=i) for i in range(30)], pa.timestamp("us")),
        "date": pa.array([moment.date()] * 30, pa.date32()),
        "price": pa.array([decimal.Decimal("1.50") * i for i in range(30)], pa.decimal128(10, 2)),
        "code": pa.array(["a", "b", None] * 10).dictionary_encode(),
        "long": pa.array([f"text number {i} of many" for i in range(30)], pa.large_string()),
        "blob": pa.array([b"x"] * 30, pa.binary()),
        "nothing": pa.nulls(30),
        "pair": pa.array([{"a": 1, "b": "x"}] * 30),
        "list": pa.array([[1, 2], [], None] * 10),
        "empty": pa.array([" ", "", None] * 10),
        "unsigned": pa.array([255, 254, 0] * 10, pa.uint8()),
        "minus": pa.array([-1, -2, 0] * 10),
        "row": pa.array([f"mine:{i}" for i in range(30)]),
    }
    found = look_raw({"train": Dataset(pa.table(columns))})
    kinds = {column["name"]: column["kind"] for column in found.columns}
    assert kinds == {
        "flag": "boolean", "when": "time", "date": "time", "price": "number", "code": "category", "long": "text",
        "blob": "other", "nothing": "text", "pair": "other", "list": "list", "empty": "text", "unsigned": "number",
        "minus": "number", "row": "id",
    }  # fmt: skip
    assert found.column("when")["times"]["max"] == "2024-05-30T12:30:00"
    assert found.column("price")["numbers"]["max"] == 43.5
    assert found.column("minus")["distinct"] == {"count": 3, "exact": True}
    assert [name for name in columns if found.column(name)["constant"]] == ["date", "nothing", "empty"]
    assert [entry["row"] for entry in found.head] == [f"train:{i}" for i in range(5)]
    json.dumps(found.to_dict(), allow_nan=False)


def test_pictures_alone_are_looked_at_too() -> None:
    rows = {"image": [{"bytes": picture((8, 6)), "path": None}] * 250}
    found = look_raw({"train": Dataset.from_dict(rows).cast_column("image", Image()), "test": clean_rows(5)})
    assert found.column("image")["images"]["sizes"] == [{"width": 8, "height": 6, "count": 250}]
    assert found.rows["raw"] == {"train": 250, "test": 5}


def test_names_of_class_labels_and_lists_of_words() -> None:
    features = Features({"tokens": List(Value("string")), "tags": List(ClassLabel(names=["O", "B-X"]))})
    rows = [{"tokens": [*VOCABULARY[i : i + 5], "ada@example.org"], "tags": [0, 1, 0, 0, 0, 0]} for i in range(60)]
    found = look({"train": Dataset.from_list(rows, features=features)}, recipe_of("token-classification"))
    assert found.column("tokens")["type"] == "List(string)"
    assert found.column("tokens")["texts"]["words"]["max"] == 6
    assert found.personal["columns"]["tokens"]["email"] == {"rows": 60, "values": 60}
    labelled = Dataset.from_dict(
        {"text": [f"{VOCABULARY[i % 80]} {i}" for i in range(60)], "label": [i % 2 for i in range(60)]},
        features=Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])}),
    )
    found = look({"train": labelled})
    assert [entry["value"] for entry in found.column("label")["categories"]["top"]] == ["no", "yes"]
    assert found.target["counts"]["train"] == {"no": 21, "yes": 21}


def picture(size: tuple[int, int], mode: str = "RGB") -> bytes:
    from PIL import Image as Pillow

    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], len(mode)), dtype=np.uint8)
    Pillow.fromarray(noise.squeeze(), mode).save(stream, "PNG")
    return stream.getvalue()


def test_images_are_measured_and_broken_ones_named() -> None:
    pytest.importorskip("PIL")
    files = [picture((8, 6))] * 5 + [picture((4, 4), "L")] * 2 + [b"no image", picture((80, 60))[:9000], None]
    rows = Dataset.from_dict(
        {"image": [None if f is None else {"bytes": f, "path": None} for f in files], "label": list("ababababab")},
        features=Features({"image": Image(decode=False), "label": Value("string")}),
    )
    found = look_raw({"train": rows})
    images = found.column("image")["images"]
    assert found.column("image")["kind"] == "image"
    assert images["sizes"] == [{"width": 8, "height": 6, "count": 5}, {"width": 4, "height": 4, "count": 2}]
    assert images["modes"] == {"RGB": 5, "L": 2}
    assert images["formats"] == {"PNG": 7}
    assert (images["width"]["min"], images["height"]["max"]) == (4, 6)
    assert images["unreadable"] == {"count": 2, "rows": ["train:7", "train:8"]}
    assert found.column("image")["missing"]["train"]["count"] == 1
    assert finding(found, "unreadable files")["severity"] == "problem"
    assert "bytes>" in found.head[0]["values"]["image"]


def sound_rows() -> Dataset:
    """A second of a tone, a tone whose second half is silent, silence, a clipped tone in stereo, and no sound."""
    import wave

    rate = 8000
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    waves = [0.5 * tone, np.concatenate([0.5 * tone[: rate // 2], np.zeros(rate // 2)]), np.zeros(rate),
             np.stack([np.clip(3 * tone, -1, 1)] * 2, axis=1)]  # fmt: skip
    files: list[bytes] = []
    for samples in waves:
        stream = io.BytesIO()
        with wave.open(stream, "wb") as file:
            file.setnchannels(samples.ndim)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((samples * 32767).astype("<i2").tobytes())
        files.append(stream.getvalue())
    rows = {"audio": [{"bytes": file, "path": None} for file in [*files, b"no sound"]], "label": list("ababa")}
    return Dataset.from_dict(rows).cast_column("audio", Audio(decode=False))  # written without decoding, as it is read


def test_sounds_are_measured_or_it_is_said_why_not() -> None:
    found = look_raw({"train": sound_rows()})
    audio = found.column("audio")["audio"]
    assert found.column("audio")["kind"] == "audio"
    if importlib.util.find_spec("soundfile") is None:
        assert audio["measured"] is False
        assert "soundfile" in audio["reason"]
        return
    assert audio["seconds"]["total"] == pytest.approx(4)
    assert audio["rates"] == {"8000": 4}
    assert audio["channels"] == {"1": 3, "2": 1}
    assert audio["silence"]["mean"] == pytest.approx((0 + 0.5 + 1 + 0) / 4)
    assert (audio["silence"]["silent"], audio["silence"]["rows"]) == (1, ["train:2"])
    assert (audio["clipping"]["clipped"], audio["clipping"]["rows"]) == (1, ["train:3"])
    assert audio["unreadable"] == {"count": 1, "rows": ["train:4"]}


def every_part(values: Any) -> list[dict[str, Any]]:
    if isinstance(values, dict):
        return [values] * ("measured" in values) + [part for value in values.values() for part in every_part(value)]
    return [part for value in values for part in every_part(value)] if isinstance(values, list) else []


@pytest.mark.parametrize("name", task_names())
def test_the_data_of_every_task_can_be_audited(name: str, tmp_path: Path) -> None:
    for variant, example in task_class(name).examples().items():
        found = look({"train": Dataset.from_list(example.rows)}, recipe_of(name, options=example.options))
        raw = look_raw({"train": Dataset.from_list(example.rows)}, recipe=recipe_of(name))
        for one in (found, raw):
            parts = every_part(one.to_dict())
            assert len(parts) >= 13, variant
            for part in parts:
                assert part["measured"] is True or (set(part) == {"measured", "reason"} and part["reason"]), variant
            written = json.loads(json.dumps(one.to_dict(), allow_nan=False))
            assert DataAudit.from_dict(written) == one
    run = RunFolder(tmp_path)
    found.save(run)
    assert DataAudit.load(run) == found
    with pytest.raises(RunFolderError):
        DataAudit.from_dict({**found.to_dict(), "version": 99})


def test_keys_of_a_task_that_parts_rows_by_a_part_of_the_input() -> None:
    """Questions on one context must not stand on both sides, although no input is the same."""

    def rows(contexts: range) -> list[dict[str, Any]]:
        return [
            {
                "question": f"who is {q} in {c}",
                "context": f"place {c} has Ada",
                "answers": {"text": ["Ada"], "answer_start": [len(f"place {c} has ")]},
            }
            for c in contexts
            for q in range(2)
        ]

    found = look({"train": rows(range(20)), "test": rows(range(18, 24)), "validation": rows(range(30, 34))},
                 recipe_of("question-answering"))  # fmt: skip
    assert found.leakage["exact"]["pairs"][0]["rows"] == 4
    key = found.leakage["key"]
    assert (key["pairs"][0]["split"], key["pairs"][0]["rows"], key["by"]) == ("test", 4, "context")


SUSPECTS = [
    "mail ada@example.org", "call +44 20 7946 0958 now", "card 4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32",
    "ssn 078-05-1120", "from 8.8.8.8 and 2001:4860:4860::8888", "https://ada:secret@example.org/x", "(555) 123-4567",
    "hf_" + "a" * 34, "AKIA" + "A" * 16, "ghp_" + "a1" * 20, "sk-" + "a1" * 20, "phone 5551234567", "no data at all",
    "+٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨", "-----BEGIN PRIVATE KEY-----\nabc", "10:20:30 and 3.14 and 12345", "xoxb-1234567890-abc",
]  # fmt: skip


def test_personal_data_is_counted_as_by_looking_at_every_text() -> None:
    import pyarrow as pa

    counts = PersonalCounts()
    counts.add("train", np.arange(len(SUSPECTS)), pa.array(SUSPECTS))
    wanted = count_personal(SUSPECTS)
    assert {kind: (counts.rows[kind].count, counts.values[kind]) for kind in wanted} == wanted
    assert sum(rows for rows, _ in wanted.values()) >= 12


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="0123456789 -.:@()+/abcdefAKIZhf_\u00a0\u2011\u0664", max_size=60))
def test_what_is_not_looked_at_holds_no_personal_data(text: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.match_substring_regex(pa.array([text]), _SIGNS)[0].as_py():
        assert find_personal(text) == []


def test_many_rows_are_audited_in_bounded_memory(tmp_path: Path) -> None:
    """300,000 rows of about 100 bytes in a file that is mapped, not read: memory grows by less than 300 MB."""
    script = """
        import resource, sys
        import numpy as np, pyarrow as pa
        from datasets import Dataset
        import cleanlab.filter, sklearn.linear_model, scipy.stats
        from finetune.data.auditing import audit
        from finetune.recipe import Recipe

        rng, words = np.random.default_rng(0), np.array([f"word{i}" for i in range(3000)])
        schema = pa.schema({"text": pa.string(), "label": pa.string(), "age": pa.int64()})
        with pa.OSFile(sys.argv[1], "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            for start in range(0, 300_000, 20_000):
                labels = np.array(["a", "b"])[rng.integers(0, 2, 20_000)]
                texts = [" ".join(row) for row in words[rng.integers(0, 3000, (20_000, 12))]]
                writer.write_table(pa.table({"text": texts, "label": labels, "age": rng.integers(18, 80, 20_000)}))
        rows = Dataset.from_file(sys.argv[1])
        recipe = Recipe.from_dict({"task": "text-classification", "model": {"name": "m"}, "data": {"name": "d"},
                                   "inspection": {"sample": 2000}})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        places = {"text": "text", "label": "label"}
        found = audit({"train": rows}, places=places, task=None, prepared=None, recipe=recipe)
        assert found.rows["raw"]["train"] == 300_000 and found.column("age")["numbers"]["count"] == 300_000
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "rows.arrow")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert float(done.stdout.split()[-1]) < 300
