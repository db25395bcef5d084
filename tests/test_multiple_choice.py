"""Multiple choice: how choices and answers are read, padded, scored and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

import finetune
from finetune.errors import ColumnError, LabelError, UsageError
from finetune.models import model_inputs, tiny_text_encoder
from finetune.recipe import Recipe
from finetune.sources import resolve_model
from finetune.task import load_task, task_class

EXAMPLES = task_class("multiple-choice").examples()
QUESTION = "why see the film"
CHOICES = ["it was great", "it was dull and long", "it was cold"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("choice")
    words = [text for row in EXAMPLES["list"].rows for text in (row["question"], *row["choices"])]
    tiny_text_encoder(str(folder), [*words, "and long they said so"])
    return folder


@pytest.fixture(scope="module")
def loaded(base: Path) -> tuple[Any, Any]:
    return load_task("multiple-choice").load(resolve_model(str(base)))


def recipe(folder: Path, base: Path, rows: list[dict[str, Any]], **sections: Any) -> Recipe:
    Dataset.from_list(rows).to_parquet(folder / "rows.parquet")
    values = {
        "task": "multiple-choice", "name": "choice", "model": {"name": str(base)}, "adapter": {"r": 4},
        "data": {"name": str(folder / "rows.parquet")}, "evaluation": {"resamples": 100},
        "training": {"learning_rate": 5e-3, "num_train_epochs": 10, "train_batch_size": 8, "bf16": False,
                     "report_to": ["none"]},
        "output": {"folder": str(folder), "run": "choice"},
    }  # fmt: skip
    return Recipe.from_dict(values | sections)


def prepared(folder: Path, rows: list[dict[str, Any]], **sections: Any) -> list[dict[str, Any]]:
    """The canonical rows that the pipeline makes, in the order of the data."""
    data = finetune.prepare(recipe(folder, folder, rows, **sections))
    found = [row for split in data.splits.values() for row in split]
    return sorted(found, key=lambda row: int(row["row"].split(":")[1]))


def ten(**columns: Any) -> list[dict[str, Any]]:
    """Ten rows that differ in their question alone."""
    return [{"question": f"{QUESTION} {number}", **columns} for number in range(10)]


# -- how answers are read


@pytest.mark.parametrize(
    ("options", "answer"),
    [({}, 1), ({}, 1.0), ({}, "1"), ({}, "B"), ({}, CHOICES[1]), ({}, f" {CHOICES[1]} "),
     ({"first_position": 1}, 2), ({"first_position": 1}, "2"), ({"first_position": 1}, "B"),
     ({"answer_form": "letter"}, "B"), ({"answer_form": "text"}, CHOICES[1]), ({"answer_form": "position"}, "1")],
)  # fmt: skip
def test_an_answer_is_a_position_a_letter_or_a_text(tmp_path: Path, options: dict[str, Any], answer: Any) -> None:
    rows = prepared(tmp_path, ten(choices=CHOICES, answer=answer), options=options)
    assert {row["answer"] for row in rows} == {CHOICES[1]}


@pytest.mark.parametrize(("named", "answer"), [(["A", "B", "C"], "B"), (["1", "2", "3"], "2"), (["x", "y", "z"], "y")])
@pytest.mark.parametrize("form", ["columns", "pairs"])
def test_names_of_choices_come_from_the_data(tmp_path: Path, named: list[str], answer: str, form: str) -> None:
    pairs = [{"text": text, "label": name} for text, name in zip(CHOICES, named, strict=True)]
    choices = {"text": CHOICES, "label": named} if form == "columns" else pairs
    rows = prepared(tmp_path, ten(choices=choices, answerKey=answer), options={"answer_form": "letter"})
    assert {row["answer"] for row in rows} == {CHOICES[1]}
    assert all(row["choices"] == CHOICES for row in rows)


def test_an_answer_that_fits_two_choices_is_refused_until_its_form_is_stated(tmp_path: Path) -> None:
    given = ten(choices=["2", "4", "8"], answer="2")
    with pytest.raises(LabelError, match=r"may mean several choices.*answer_form"):
        prepared(tmp_path, given)
    assert {row["answer"] for row in prepared(tmp_path, given, options={"answer_form": "text"})} == {"2"}
    assert {row["answer"] for row in prepared(tmp_path, given, options={"answer_form": "position"})} == {"8"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [(3, "no position of 3 choices counted from 0"), (-2, "no position"), ("D", "none of 3 choices"),
     ("it was", "none of 3 choices"), (0.5, "neither a position"), (True, "neither a position")],
)  # fmt: skip
def test_an_answer_that_is_no_choice_is_refused(tmp_path: Path, answer: Any, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        prepared(tmp_path, ten(choices=CHOICES, answer=answer))


def test_one_choice_is_none(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="there are 1 choices"):
        prepared(tmp_path, ten(choices=CHOICES[:1], answer=0))


def test_rows_without_an_answer_or_with_an_empty_choice_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = ten(choices=CHOICES, answer=0)
    rows[2]["answer"], rows[5]["answer"], rows[7]["choices"] = -1, None, [*CHOICES[:2], " "]
    report = finetune.prepare(recipe(tmp_path, tmp_path, rows)).report
    assert {reason: entry["rows"] for reason, entry in report.dropped["train"].items()} == {
        "missing answer": [2, 5], "empty choice": [7],
    }  # fmt: skip


def test_a_data_set_without_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="No row has an answer"):
        prepared(tmp_path, ten(choices=CHOICES, answer=-1))


# -- how choices are read


@pytest.mark.parametrize(
    "names",
    [("ending0", "ending1", "ending2"), ("choice1", "choice2", "choice3"), ("answerA", "answerB", "answerC"),
     ("option1", "option2", "option3"), ("answer0", "answer1", "answer2")],
)  # fmt: skip
def test_choices_may_stand_in_a_column_each(tmp_path: Path, names: tuple[str, ...]) -> None:
    rows = prepared(tmp_path, ten(**dict(zip(names, CHOICES, strict=True)), label=2))
    assert [row["answer"] for row in rows] == CHOICES[2:] * 10
    assert [[row[f"choice{number}"] for number in (1, 2, 3)] for row in rows] == [CHOICES] * 10


def test_data_without_choices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="holds the choices"):
        prepared(tmp_path, ten(label=0))
    with pytest.raises(ColumnError, match="not a list"):
        prepared(tmp_path, ten(choices="a, b", label=0))


def test_a_user_may_ask_in_several_forms() -> None:
    task = load_task("multiple-choice")
    row = {"question": QUESTION, "choices": CHOICES}
    columns = {f"choice{number}": text for number, text in enumerate(CHOICES, 1)}
    same = [row, (QUESTION, CHOICES), {"question": QUESTION, **columns},
            {"question": QUESTION, "choices": {"text": CHOICES, "label": ["A", "B", "C"]}}]  # fmt: skip
    assert task.rows_from(same) == [row] * len(same)
    assert task.rows_from([row | {"context": "they said so"}]) == [row | {"context": "they said so"}]


@pytest.mark.parametrize("given", ["a", 7, (QUESTION, "abc"), (QUESTION, CHOICES[:1]), {"choices": CHOICES}, {}])
def test_other_forms_are_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="question"):
        load_task("multiple-choice").rows_from([given])


# -- what the model sees


def ragged() -> list[dict[str, Any]]:
    """Rows of two to five choices."""
    return [{"question": row["question"], "choices": row["choices"],
             "answer": row["choices"]["ABCDE".index(row["answer"])]} for row in EXAMPLES["list"].rows]  # fmt: skip


def test_choices_that_a_row_has_not_take_no_part(loaded: tuple[Any, Any]) -> None:
    import torch

    model, tokenizer = loaded
    task = load_task("multiple-choice")
    rows = ragged()[:4]
    assert len({len(row["choices"]) for row in rows}) == 4
    collate = task.collator(tokenizer)
    features = task.encode(rows, tokenizer, 64)
    with torch.no_grad():
        batch = collate(model_inputs(features))
        labels = batch.pop("labels")
        loss = task.loss(model(**batch), labels, None)
        alone = []
        for row in rows:  # each choice in a batch of its own, without this project's padding
            pairs = [tokenizer(row["question"], choice, return_tensors="pt") for choice in row["choices"]]
            scores = torch.stack([model(**{k: v[None] for k, v in pair.items()})["logits"][0, 0] for pair in pairs])
            alone.append((scores.softmax(0), -scores.log_softmax(0)[row["choices"].index(row["answer"])]))
    assert float(loss) == pytest.approx(float(sum(nats for _, nats in alone)) / len(rows), rel=1e-5)
    assert int(task.count_items(labels)) == len(rows)
    answers = task.predict(rows, model, tokenizer, 4, 64)
    for answer, (shares, _), row in zip(answers, alone, rows, strict=True):
        assert list(answer["scores"].values()) == pytest.approx(shares.tolist(), rel=1e-5)
        assert answer["prediction"] == row["choices"][int(shares.argmax())]


def test_a_batch_has_a_gradient_everywhere_and_no_nan(loaded: tuple[Any, Any]) -> None:
    import torch

    model, tokenizer = loaded
    task = load_task("multiple-choice")
    batch = task.collator(tokenizer)(model_inputs(task.encode(ragged()[:4], tokenizer, 64)))
    task.loss(model(**{k: v for k, v in batch.items() if k != "labels"}), batch["labels"], None).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    assert model.classifier.weight.grad.any()
    model.zero_grad()


def test_all_answers_have_the_same_scores_when_rows_are_answered_together(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    rows = ragged()[:4]
    task = load_task("multiple-choice").facing(rows)
    for row, answer in zip(rows, task.predict(rows[:2], model, tokenizer, 4, 64), strict=False):
        present = [value for value in answer["scores"].values() if value is not None]
        assert list(answer["scores"]) == ["1", "2", "3", "4", "5"]
        assert len(present) == len(row["choices"])
        assert sum(present) == pytest.approx(1)


def test_the_question_is_cut_before_a_choice_and_counted(loaded: tuple[Any, Any]) -> None:
    _, tokenizer = loaded
    task = load_task("multiple-choice")
    row = {"question": "why see the film " * 10, "choices": CHOICES}
    (whole,), (cut,) = task.encode([row], tokenizer, None), task.encode([row], tokenizer, 20)
    longest = max(len(tokenizer(row["question"], choice)["input_ids"]) for choice in CHOICES)
    assert (whole["length"], whole["truncated"], cut["length"], cut["truncated"]) == (longest, False, longest, True)
    for ids, choice in zip(cut["input_ids"], CHOICES, strict=True):
        assert len(ids) == 20
        assert ids[-1 - len(choice.split()) : -1] == tokenizer(choice, add_special_tokens=False)["input_ids"]
        assert ids[1:4] == tokenizer("why see the", add_special_tokens=False)["input_ids"]


def test_a_passage_is_cut_before_the_question(loaded: tuple[Any, Any]) -> None:
    _, tokenizer = loaded
    row = {"context": "they said so " * 20, "question": QUESTION, "choices": CHOICES}
    (feature,) = load_task("multiple-choice").encode([row], tokenizer, 20)
    for ids, choice in zip(feature["input_ids"], CHOICES, strict=True):
        wanted = tokenizer(f"{QUESTION} {choice}", add_special_tokens=False)["input_ids"]
        assert ids[-1 - len(wanted) : -1] == wanted


def test_a_choice_that_alone_is_too_long_is_cut_and_counted(loaded: tuple[Any, Any]) -> None:
    _, tokenizer = loaded
    row = {"question": QUESTION, "choices": ["it was great " * 20, "it was dull"]}
    (feature,) = load_task("multiple-choice").encode([row], tokenizer, 12)
    assert [len(ids) for ids in feature["input_ids"]] == [12, 3 + len(QUESTION.split()) + 3]
    assert feature["truncated"]


def test_a_head_for_labels_is_replaced_only_where_that_is_asked_for(base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    AutoModelForSequenceClassification.from_pretrained(base, num_labels=3).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path)
    with pytest.raises(LabelError, match="new_head"):
        load_task("multiple-choice").load(resolve_model(str(tmp_path)))
    model, _ = load_task("multiple-choice", {"new_head": True}).load(resolve_model(str(tmp_path)))
    assert model.new_modules == ["classifier"]


# -- scores


def test_baselines_are_the_most_frequent_place_and_the_longest_choice() -> None:
    train = [{"question": QUESTION, "choices": CHOICES, "answer": CHOICES[place]} for place in (2, 2, 0, 2, 1, 0)]
    asked = [{"question": QUESTION, "choices": choices} for choices in (CHOICES, CHOICES[:2], ["a", "a b c", "bb"])]
    task = load_task("multiple-choice").facing(asked)
    found = {}
    for name, (_, fit) in task.own_baselines().items():
        predict, detail = fit(train, [])
        found[name] = predict(asked)
        assert detail
    assert [a["prediction"] for a in found["majority"]] == [CHOICES[2], CHOICES[0], "bb"]  # two choices: the next best
    assert [a["prediction"] for a in found["longest-answer"]] == [CHOICES[1], CHOICES[1], "a b c"]
    assert list(found["majority"][0]["scores"].values()) == pytest.approx([2 / 6, 1 / 6, 3 / 6])
    assert found["majority"][1]["scores"]["3"] is None


def test_tables_count_every_row_once() -> None:
    task = load_task("multiple-choice")
    shares = ([0.6, 0.4], [0.95, 0.05], [0.4, 0.35, 0.25], [0.2, 0.8])
    answers = [
        {"prediction": str(int(np.argmax(s))), "scores": {str(i): v for i, v in enumerate(s, 1)}} for s in shares
    ]
    arrays = task.arrays(answers, ["0", "1", "0", "1"])
    by_sureness, by_size = task.details(arrays, [])["tables"]
    assert [row[1:] for row in by_sureness["rows"]] == [[1, 1.0], [1, 1.0], [1, 1.0], [1, 0.0]]
    assert by_size["rows"] == [["2", 3, 2 / 3], ["3", 1, 1.0]]


def test_a_run_learns_and_its_pages_show_what_was_chosen(base: Path, tmp_path: Path) -> None:
    evaluation = finetune.run(recipe(tmp_path, base, EXAMPLES["list"].rows * 3))
    rows = evaluation.rows
    right = sum(a == b for a, b in zip(evaluation.predictions["prediction"], evaluation.predictions["reference"],
                                       strict=True))  # fmt: skip
    assert evaluation.scores["accuracy"] == right / rows > 0.9
    for name in ("majority", "longest-answer"):
        given = evaluation.predictions[f"baseline:{name}"]
        shown = sum(a == b for a, b in zip(given, evaluation.predictions["reference"], strict=True)) / rows
        assert evaluation.systems[name]["scores"]["accuracy"]["value"] == shown
    model = finetune.load(tmp_path / "choice")
    asked = [(row["question"], row["choices"]) for row in EXAMPLES["list"].rows]
    wanted = [row["choices"]["ABCDE".index(row["answer"])] for row in EXAMPLES["list"].rows]
    answers = model.predict(asked)
    assert np.mean([a["prediction"] == text for a, text in zip(answers, wanted, strict=True)]) > 0.9
    mistake = model.task.mistake({"question": asked[1][0], "choices": asked[1][1]}, answers[1], asked[1][1][0])
    assert mistake is not None
    assert (mistake.given, mistake.wanted) == (wanted[1], asked[1][1][0])
    assert mistake.size == max(answers[1]["scores"].values())
