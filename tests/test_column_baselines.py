"""Baselines on columns: they learn, from the training rows only, and no cell of a test row stops them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from finetune.errors import ColumnError, RecipeError
from finetune.evaluation.baselines import baseline_names, chosen_baselines, fit_baseline
from finetune.evaluation.column_inputs import column_kinds, feature_columns, frame_of, new_encoder
from finetune.evaluation.columns import TITLES, fit_columns
from finetune.recipe import EvaluationSection
from finetune.recipe.evaluation import ZeroShotSection
from finetune.task import Row, TargetHints, Task, load_task

KINDS = ("single_label", "multi_label", "regression")
LABELS = {"single_label": ("no", "yes"), "multi_label": ("a", "b", "c"), "regression": None}


def table(kind: str, count: int = 240, seed: int = 0) -> list[dict[str, Any]]:
    """Rows whose number, category and month each say something about the target, with gaps in all of them."""
    draw = random.Random(seed)
    rows = []
    for index in range(count):
        size, color, month = draw.gauss(0, 1), draw.choice(["red", "green", "blue"]), draw.randint(1, 12)
        value = 2 * size + 2 * (color == "red") + (month in (12, 1, 2)) + draw.gauss(0, 0.3)
        flags = [value > 1, color == "red"]
        label: Any = {
            "single_label": int(flags[0]),
            "multi_label": [i for i in (0, 1) if flags[i]],
            "regression": value,
        }
        seen = [None if draw.random() < 0.05 else v for v in (size, color, f"2024-{month:02d}-15")]
        rows.append({
            "row": f"train:{index}", "text": "same words", "label": label[kind], "feature:size": seen[0],
            "feature:color": seen[1], "feature:day": seen[2], "feature:empty": None, "template:title": f"t{index}",
        })  # fmt: skip
    return rows


def learned(kind: str, rows: list[dict[str, Any]]) -> Task:
    task = load_task("text-classification", {"problem_type": kind})
    return task.learn([row["label"] for row in rows], TargetHints(LABELS[kind]))


def error(task: Task, answers: list[dict[str, Any]], rows: list[dict[str, Any]]) -> float:
    arrays = task.arrays(answers, [row["label"] for row in rows])
    return float(np.mean((arrays["predictions"] - arrays["references"]) ** 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TITLES)
def test_they_beat_a_constant_answer_and_are_sure_in_the_right_form(name: str, kind: str) -> None:
    rows = table(kind)
    train, validation, test = rows[:140], rows[140:180], rows[180:]
    task = learned(kind, rows)
    fitted = fit_baseline(name, task, train, validation)
    answers = fitted.predict(test)
    constant = fit_baseline(task.baselines[0], task, train, validation).predict(test)
    assert error(task, answers, test) < 0.6 * error(task, constant, test)
    assert fitted.title == TITLES[name]
    assert fitted.detail.startswith("1 numeric, 1 categorical, 1 time, ")
    if kind == "single_label":
        assert [sum(a["scores"].values()) for a in answers] == pytest.approx([1.0] * len(test))
    elif kind == "multi_label":
        chances = np.array([list(a["scores"].values()) for a in answers])
        assert ((chances >= 0) & (chances <= 1)).all()
        assert chances[:, 2].max() < 1e-6, "no training row has the third label"


@pytest.mark.parametrize("name", TITLES)
def test_unseen_categories_and_gaps_where_there_were_none_are_answered(name: str) -> None:
    rows = [row for row in table("single_label") if None not in (row["feature:size"], row["feature:color"])]
    task = learned("single_label", rows)
    fitted = fit_baseline(name, task, rows[:120], rows[120:160])
    strange = [
        {**rows[0], "feature:size": None, "feature:color": "violet", "feature:day": None},
        {**rows[0], "feature:size": float("nan"), "feature:color": None, "feature:day": "once upon a time"},
        {**rows[0], "feature:size": 1e300, "feature:empty": "filled", "feature:day": "9999-12-31T23:59:59"},
        {"row": "x", "text": "a row without any column"},
    ]
    for answer in fitted.predict(strange):
        assert answer["prediction"] in LABELS["single_label"]
        assert np.isfinite(list(answer["scores"].values())).all()
    assert fitted.predict([]) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TITLES)
def test_the_same_seed_gives_the_same_answers_one_row_at_a_time_too(name: str, kind: str) -> None:
    rows = table(kind, 120)
    task = learned(kind, rows)
    once, again = (fit_columns(name, task, rows[:80], rows[80:100], seed=3)[0] for _ in range(2))
    assert once(rows[100:]) == again(rows[100:])
    # Other rows beside a row change nothing about it: nothing is fitted on what is answered.
    alone = [once([row])[0]["prediction"] for row in rows[100:105]]
    together = [answer["prediction"] for answer in once([*rows[100:105], *table(kind, 30, seed=9)])[:5]]
    assert alone == (pytest.approx(together) if kind == "regression" else together)


@pytest.mark.parametrize("name", TITLES)
def test_a_number_beyond_all_measure_stops_no_fit(name: str) -> None:
    rows = table("single_label", 120)
    rows[3]["feature:size"] = rows[90]["feature:size"] = 1e300
    task = learned("single_label", rows)
    answers = fit_baseline(name, task, rows[:80], rows[80:100]).predict(rows[100:])
    assert np.isfinite([list(answer["scores"].values()) for answer in answers]).all()


def test_what_is_fitted_is_fitted_on_the_training_rows() -> None:
    train = [{"feature:n": n, "feature:c": c} for n, c in [(1.0, "a"), (3.0, "a"), (None, "b"), (8.0, None)]]
    kinds = column_kinds(train)
    encoder = new_encoder(kinds)
    inputs = encoder.fit_transform(frame_of(train, kinds))
    filled = np.array([1.0, 3.0, 3.0, 8.0])  # 3 is the median of 1, 3 and 8
    assert inputs[:, 0] == pytest.approx((filled - filled.mean()) / filled.std())
    assert inputs[:, 1] == pytest.approx(np.array([-1, -1, 3, -1]) / np.sqrt(3)), "the flag of a gap, scaled"
    assert inputs[:, 2:].tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], "a gap is a category of its own"
    other = encoder.transform(frame_of([{"feature:n": None, "feature:c": "z"}] * 5, kinds))
    assert other[0, 0] == pytest.approx((3 - filled.mean()) / filled.std())
    assert other[0, 2:].tolist() == [0, 0, 0]


def test_validation_rows_choose_and_nothing_else() -> None:
    rows = table("single_label", 200)
    task = learned("single_label", rows)
    plain, _ = fit_columns("columns-linear", task, rows[:150], [])
    moved = [{**row, "feature:size": 1000.0, "feature:color": "violet"} for row in rows[150:]]
    chosen, detail = fit_columns("columns-linear", task, rows[:150], moved)
    first, second = (fit_columns("columns-tree", task, rows[:150], given)[1] for given in ([], moved))
    assert "not chosen" in first
    assert "chosen by macro F1" in detail
    assert "chosen by macro F1" in second
    assert len(plain(moved)) == len(chosen(moved)) == 50


def test_rare_categories_share_an_input_with_unseen_ones() -> None:
    train = [{"feature:c": c} for c in ["common"] * 300 + ["usual"] * 200 + ["once", "twice", "twice"]]
    kinds = column_kinds(train)
    encoder = new_encoder(kinds)
    encoder.fit(frame_of(train, kinds))
    codes = encoder.transform(frame_of([{"feature:c": c} for c in ("once", "twice", "new", "common")], kinds))
    assert (codes[0] == codes[1]).all()
    assert (codes[0] == codes[2]).all()
    assert (codes[0] != codes[3]).any()
    many = [{"feature:c": f"id{i}"} for i in range(5000)]
    assert new_encoder(kinds).fit_transform(frame_of(many, kinds)).shape[1] <= 101


def test_kinds_follow_from_the_training_values() -> None:
    rows: list[Row] = [
        {"feature:n": 1, "feature:c": "2024", "feature:t": "2024-01-02", "feature:mixed": "2024-01-02",
         "feature:digits": "20240102", "feature:none": None, "template:title": "x", "text": "y"},
        {"feature:n": 2.5, "feature:c": "x", "feature:t": None, "feature:mixed": "late", "feature:digits": "20240103",
         "feature:none": None, "template:title": "x", "text": "y"},
    ]  # fmt: skip
    wanted = {"n": "numeric", "c": "categorical", "t": "time", "mixed": "categorical", "digits": "categorical"}
    assert column_kinds(rows) == {f"feature:{name}": kind for name, kind in wanted.items()}
    data = Dataset.from_list([dict(row) for row in rows])
    assert column_kinds(data) == column_kinds(rows)
    assert feature_columns(data) == feature_columns(rows)


def test_a_data_set_and_a_list_of_rows_give_the_same_answers() -> None:
    rows = table("single_label", 100)
    task = learned("single_label", rows)
    data = Dataset.from_list(rows)
    from_list = fit_columns("columns-tree", task, rows[:70], rows[70:90])[0](rows[90:])
    from_data = fit_columns("columns-tree", task, data.select(range(70)), data.select(range(70, 90)))[0](
        data.select(range(90, 100))
    )
    assert from_list == from_data


# -- which of them a run has


def test_a_run_has_them_where_there_are_columns_and_no_list_of_its_own() -> None:
    for kind in KINDS:
        rows = table(kind, 20)
        task = learned(kind, rows)
        bare = [{name: value for name, value in row.items() if not name.startswith("feature:")} for row in rows]
        assert chosen_baselines(EvaluationSection(), task, rows) == (*task.baselines, *TITLES)
        assert chosen_baselines(EvaluationSection(), task, bare) == task.baselines
        assert chosen_baselines(EvaluationSection(), task) == task.baselines
        named = EvaluationSection(baselines=("columns-tree",))
        assert chosen_baselines(named, task, rows) == ("columns-tree",)
        assert set(TITLES) <= set(baseline_names(task, rows))
        assert not set(TITLES) & set(baseline_names(task, bare))
    shown = EvaluationSection(zero_shot=ZeroShotSection(model="m"))
    assert chosen_baselines(shown, learned("single_label", table("single_label", 20)), table("single_label", 20)) == (
        "majority", "tfidf-logreg", *TITLES, "zero-shot",
    )  # fmt: skip


def test_asking_for_them_without_columns_says_what_is_missing() -> None:
    rows = table("single_label", 20)
    task = learned("single_label", rows)
    bare = [{"text": row["text"], "label": row["label"]} for row in rows]
    with pytest.raises(RecipeError, match="needs columns") as caught:
        fit_baseline("columns-tree", task, bare, bare)
    assert "features.numeric" in caught.value.remedy
    with pytest.raises(RecipeError, match="'columns-tre'") as near:
        fit_baseline("columns-tre", task, rows, rows)
    assert "'columns-tree'" in near.value.remedy
    with pytest.raises(ColumnError, match="none with values"):
        fit_columns("columns-tree", task, [{**row, "feature:x": None} for row in bare], [])


# -- a real table


def test_the_linear_one_knows_breast_cancer() -> None:
    """569 biopsies with 30 measurements, part of scikit-learn; a linear model is known to be right in 95 of 100."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(data.target))
    rows = [
        {"label": int(data.target[i]), "text": "", **{f"feature:{n}": float(v) for n, v in zip(
            data.feature_names, data.data[i], strict=True)}}
        for i in order
    ]  # fmt: skip
    task = load_task("text-classification").learn([0, 1], TargetHints(tuple(data.target_names)))
    train, validation, test = rows[:340], rows[340:420], rows[420:]
    right = {}
    for name in ("columns-linear", "columns-tree"):
        answers = fit_baseline(name, task, train, validation).predict(test)
        arrays = task.arrays(answers, [row["label"] for row in test])
        right[name] = float((arrays["predictions"] == arrays["references"]).mean())
    assert right["columns-linear"] > 0.93
    assert right["columns-tree"] > 0.85
