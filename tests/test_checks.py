"""Stated behaviour: which cases are made, who fails them, and what cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

import finetune
from finetune.artifacts import Evaluation, RunFolder
from finetune.cards.record import Record
from finetune.cards.sections import checks as page
from finetune.errors import RecipeError
from finetune.evaluation import checks
from finetune.evaluation.check_cases import change, find_cases
from finetune.evaluation.check_fitting import check_checks
from finetune.recipe.examination import Check
from finetune.task import Prediction, Row, TargetHints, Task, load_task, task_class

NEGATION = {
    "name": "negation", "kind": "direction", "template": "The {what} is {word}.",
    "fill": {"what": ("film", "plot"), "word": ("good", "great", "fine")}, "replace": {"is": "is not"},
    "expect": "down", "label": "positive",
}  # fmt: skip
NAME = {
    "name": "name", "kind": "invariance", "template": "{who} sang, and it was {word}.",
    "fill": {"who": ("Ann", "Eve"), "word": ("good", "bad")}, "replace": {"Ann": "Mary", "Eve": "Ruth"},
}  # fmt: skip
RIGHT = {
    "name": "right", "kind": "minimum_functionality", "template": "It was {word}.", "fill": {"word": ("good", "fine")},
    "expect": "positive",
}  # fmt: skip


class Judge:
    """As much of a trained model as asking it needs: an answer for each row by a rule."""

    read_inputs = None

    def __init__(self, task: Task, rule: Callable[[Row], Prediction]) -> None:
        self.task, self.rule = task, rule

    def predict_together(self, rows: Sequence[Row]) -> list[Prediction]:
        return [self.rule(row) for row in rows]


def labels(*names: str) -> Task:
    return load_task("text-classification").learn(list(names) * 5, TargetHints())


def reader(*, negations: bool = True, names: bool = False) -> Callable[[Row], Prediction]:
    """Answers positive where there is a good word; it may be blind to negations, or biased by a name."""

    def read(row: Row) -> Prediction:
        words = row["text"].replace(".", "").replace(",", "").split()
        good = any(word in ("good", "great", "fine") for word in words)
        if negations and "not" in words:
            good = not good
        if names and "Mary" in words:
            good = False
        share = 0.9 if good else 0.1
        return {"prediction": ("negative", "positive")[good], "scores": {"negative": 1 - share, "positive": share}}

    return read


def run(rule: Callable[[Row], Prediction], *stated: dict[str, Any], rows: Sequence[Row] = (), task: Task | None = None):  # type: ignore[no-untyped-def]
    judge = Judge(task or labels("negative", "positive"), rule)
    wanted = [Check(**values) for values in stated]
    check_checks(wanted, judge.task)
    found = checks.measure(judge.task, checks.answer(judge, rows, wanted))  # type: ignore[arg-type]
    assert json.loads(json.dumps(found)) == found
    return found


# -- cases


def test_all_combinations_or_so_many_by_the_seed() -> None:
    judge = Judge(labels("negative", "positive"), reader())
    many = {"a": tuple(map(str, range(50))), "b": tuple(map(str, range(50))), "c": tuple(map(str, range(50)))}
    check = Check(name="x", kind="invariance", template="{a} {b} {c}", fill=many, append="!", rows=100)
    drawn = find_cases(check, judge, ())  # type: ignore[arg-type]
    assert (len(drawn.chosen), drawn.possible) == (100, 125_000)
    assert len({case.text for case in drawn.chosen}) == 100
    assert find_cases(check, judge, ()) == drawn  # type: ignore[arg-type]
    other = find_cases(check.model_copy(update={"seed": 1}), judge, ())  # type: ignore[arg-type]
    assert {case.text for case in other.chosen} != {case.text for case in drawn.chosen}
    whole = find_cases(Check(**NEGATION), judge, ())  # type: ignore[arg-type]
    assert [case.text for case in whole.chosen][:2] == ["The film is good.", "The film is great."]
    assert [case.changed for case in whole.chosen][:1] == ["The film is not good."]
    assert (len(whole.chosen), whole.possible) == (6, 6)


def test_changes_replace_whole_words_as_they_are_written() -> None:
    check = Check(
        name="x", kind="invariance", replace={"he": "she", "New York": "Rome", "he is": "she was"}, append="ok"
    )
    assert change(check, "He is here; she sees New York and he") == "She was here; she sees Rome and she ok"
    assert change(Check(name="x", kind="invariance", prepend="Well,"), "it rained") == "Well, it rained"


def test_test_rows_that_hold_the_word_are_tried_and_named_by_their_ids() -> None:
    rows = [{"row": f"test:{i}", "text": ("it was good", "it was bad", "Ann was good")[i % 3]} for i in range(30)]
    stated = {"name": "name", "kind": "invariance", "replace": {"Ann": "Mary"}, "test_rows": True}
    found = run(reader(names=True), stated, rows=rows)["name"]
    assert (found["cases"], found["from_rows"], found["failures"]) == (10, 10, 10)
    assert [case["row"] for case in found["worst"]] == [f"test:{i}" for i in (2, 5, 8, 11, 14)]
    assert "Ann was good" not in json.dumps(found)
    both = run(reader(names=True), {**NAME, "test_rows": True, "rows": 8}, rows=rows)["name"]
    assert (both["cases"], both["from_rows"], both["possible"]) == (8, 4, 14)
    nothing = run(reader(), {**stated, "replace": {"Zoe": "Mary"}}, rows=rows)["name"]
    assert (nothing["verdict"], nothing["cases"]) == ("not measured", 0)
    some = run(reader(), {"name": "end", "kind": "invariance", "append": "indeed", "rows": 12}, rows=rows)["end"]
    assert (some["cases"], some["possible"], some["verdict"]) == (12, 30, "no failure found")


# -- who fails


def test_models_are_told_apart_by_what_they_do() -> None:
    good = run(reader(), {**NEGATION, "least": 0.5}, NAME, RIGHT)
    assert {entry["verdict"] for entry in good.values()} == {"no failure found"}
    assert good["negation"]["rate"]["high"] == pytest.approx(0.39, abs=0.01)  # Wilson, of none in six
    blind = run(reader(negations=False, names=True), {**NEGATION, "least": 0.5}, NAME, RIGHT)
    assert [entry["failures"] for entry in blind.values()] == [6, 1, 0]
    assert blind["name"]["worst"][0] == {
        "text": "Ann sang, and it was good.", "changed": "Mary sang, and it was good.", "value": 0.9,
        "before": "positive", "moved": pytest.approx(-0.8), "after": "negative",
    }  # fmt: skip
    # By the paper's rule what does not move against the expectation passes.
    assert run(reader(negations=False), NEGATION)["negation"]["verdict"] == "no failure found"
    assert run(reader(), {**NEGATION, "expect": "up"})["negation"]["failures"] == 6
    wrong = run(lambda row: {"prediction": "negative", "scores": {"negative": 0.7, "positive": 0.3}}, RIGHT)["right"]
    assert (wrong["failures"], wrong["worst"][0]["text"]) == (2, "It was good.")


def test_a_named_label_may_not_move_further_than_the_tolerance() -> None:
    def wavering(row: Row) -> Prediction:
        share = 0.9 if "Ann" in row["text"] else 0.7
        return {"prediction": "positive", "scores": {"negative": 1 - share, "positive": share}}

    stated = {**NAME, "fill": {"who": ("Ann",), "word": ("good",)}}
    assert run(wavering, stated)["name"]["failures"] == 0
    assert run(wavering, {**stated, "label": "positive"})["name"]["failures"] == 1
    assert run(wavering, {**stated, "label": "positive", "tolerance": 0.25})["name"]["failures"] == 0


def test_numbers_answers_several_labels_and_choices() -> None:
    number = load_task("text-classification").learn([0.5, 1.25, 2.75, 3.1], TargetHints())

    def length(row: Row) -> Prediction:
        return {"prediction": float(len(row["text"].split()))}

    up = {
        "name": "up",
        "kind": "direction",
        "template": "{a} b",
        "fill": {"a": ("x",)},
        "append": "c d",
        "expect": "up",
    }
    same = {"name": "same", "kind": "invariance", "template": "{a}", "fill": {"a": ("x",)}, "append": "c"}
    expected = {
        "name": "is",
        "kind": "minimum_functionality",
        "template": "{a}",
        "fill": {"a": ("x", "x y z")},
        "expect": 1,
    }
    found = run(length, {**up, "expect": "up", "least": 2}, same, {**expected, "expect": 1}, task=number)
    assert [entry["failures"] for entry in found.values()] == [0, 1, 1]
    assert run(length, {**same, "tolerance": 1.0}, task=number)["same"]["failures"] == 0

    several = load_task("text-classification").learn([["a"], ["b"], ["a", "b"]] * 3, TargetHints())
    assert several.kind == "multi_label"
    stated = {**RIGHT, "expect": ["b", "a"]}
    assert run(lambda _: {"prediction": ["a", "b"], "scores": {}}, stated, task=several)["right"]["failures"] == 0
    assert run(lambda _: {"prediction": ["a"], "scores": {}}, stated, task=several)["right"]["failures"] == 2

    answers = load_task("question-answering")
    stated = {
        "name": "who", "kind": "minimum_functionality", "column": "context", "template": "{who} built it.",
        "fill": {"who": ("Ada", "Eve")}, "inputs": {"question": "Who built it?"}, "expect": "the Ada",
    }  # fmt: skip
    found = run(lambda row: {"prediction": row["context"].split()[0], "score": 0.9}, stated, task=answers)["who"]
    assert (found["cases"], found["failures"]) == (2, 1)

    choice = load_task("multiple-choice")
    rows = [{"row": "test:0", "question": "Ann sat", "choices": ["a", "b"], "answer": "a"}] * 3
    stated = {"name": "name", "kind": "invariance", "replace": {"Ann": "Eve"}, "column": "question"}
    found = run(lambda row: {"prediction": "ab"["Eve" in row["question"]], "scores": {"1": 1.0, "2": 0.0}}, stated,
                rows=rows, task=choice)["name"]  # fmt: skip
    assert found["failures"] == 3
    assert "before" not in found["worst"][0]  # a choice is a text of the row


# -- what cannot be asked


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({**RIGHT, "expect": None}, "needs expect"),
        ({**RIGHT, "append": "x"}, "no change"),
        ({**RIGHT, "template": None, "fill": {}}, "needs a template"),
        ({**RIGHT, "fill": {}}, "stands in the template and not in fill"),
        ({**RIGHT, "fill": {"word": ("a",), "more": ("b",)}}, "stands in fill and not in the template"),
        ({**RIGHT, "fill": {"word": ()}}, "nothing for the place"),
        ({**RIGHT, "template": "It was {word"}, "cannot be read"),
        ({**RIGHT, "least": 0.1}, "least"),
        ({**NAME, "replace": {}}, "needs a change"),
        ({**NAME, "replace": {"a": "a"}}, "changes nothing"),
        ({**NAME, "expect": "up"}, "leave expect out"),
        ({**NEGATION, "expect": "positive"}, "up or down"),
        ({"name": "x", "kind": "invariance", "append": "x", "fill": {"a": ("b",)}}, "belong to a template"),
        ({"name": "x", "kind": "invariance", "append": "x", "test_rows": False}, "nothing to try it on"),
    ],
)
def test_impossible_combinations_are_refused_with_the_reason(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Check(**values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({**RIGHT, "expect": "positiv"}, "'positiv', which is no label"),
        ({**NEGATION, "label": "up"}, "which the data does not have"),
        ({**NEGATION, "label": None}, "whose probability"),
        ({**RIGHT, "column": "label"}, "none of text"),
        ({**RIGHT, "inputs": {"question": "x"}}, "no column of text"),
    ],
)
def test_what_does_not_fit_the_task_is_refused_early(values: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        check_checks([Check(**values)], labels("negative", "positive"))


def test_kinds_without_comparable_answers_are_refused() -> None:
    for name in ("fill-mask", "text-ranking", "token-classification"):
        with pytest.raises(RecipeError, match="cannot be put to"):
            check_checks([Check(name="x", kind="invariance", append="x")], load_task(name))
    with pytest.raises(RecipeError, match="has a template"):
        check_checks([Check(**{**NAME, "column": "question"})], load_task("multiple-choice"))
    with pytest.raises(RecipeError, match="no 'question'"):
        check_checks([Check(**{**NAME, "column": "context"})], load_task("question-answering"))
    with pytest.raises(RecipeError, match="called 'name'"):
        check_checks([Check(**NAME), Check(**NAME)], labels("a", "b"))
    assert set(task_class("text-ranking").examples())


# -- a run


def test_a_run_states_its_checks_and_judges_goals_on_them(make_recipe: Any) -> None:
    stated = [
        {**RIGHT, "fill": {"word": ["great", "lovely"]}},
        {"name": "number", "kind": "invariance", "replace": {"number": "no."}, "rows": 10},
    ]
    plain = [{**values, "fill": {k: list(v) for k, v in values.get("fill", {}).items()}} for values in stated]
    evaluation = finetune.run(
        make_recipe(evaluation__checks=plain, goals={"checks.right": "<= 1", "checks.number.high": "<= -1"})
    )
    assert isinstance(evaluation, Evaluation)
    assert [entry["cases"] for entry in evaluation.checks.values()] == [2, 10]
    assert {g["name"]: g["holds"] for g in evaluation.goals} == {"checks.right": True, "checks.number.high": False}
    folder = RunFolder.open(str(evaluation.folder))
    saved = folder.read_json("evaluation.json")["checks"]
    assert saved == evaluation.checks
    assert not any(text in json.dumps(saved["number"]) for text in evaluation.predictions["text"])
    section = page.section(Record.read(folder))
    assert section is not None
    html = (folder.path / "report.html").read_text()
    assert "Behaviour that was checked" in html
    assert "“number” → “no.”: the answer stays as it was" in html
