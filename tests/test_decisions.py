"""Temperature and thresholds: chosen on validation rows, applied to test rows and to all that is answered later."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import finetune as cli
from tiny_runs import tiny_recipe

import finetune
from finetune.artifacts import Evaluation, RunFolder, TrainedModel
from finetune.artifacts.decision import Decision
from finetune.artifacts.prepared_data import iterate
from finetune.cards import card_tables, limitations, trust
from finetune.cards.record import Record
from finetune.cards.sections import calibration as section_module
from finetune.errors import RecipeError
from finetune.evaluation.calibration import examine
from finetune.evaluation.deciding import decide
from finetune.evaluation.thresholds import Operation, choose_threshold
from finetune.labels import Target
from finetune.recipe import EvaluationSection
from finetune.recipe.examination import Costs, ThresholdSection
from finetune.statistics.calibration import negative_log_likelihood
from finetune.statistics.temperature import scale
from finetune.task import task_class
from finetune.tasks.text_classification import TextClassification

RULE = {"calibration": {"temperature": True}, "threshold": {"costs": {"false_positive": 1, "false_negative": 3}}}


def task_of(kind: str, names: tuple[str, ...], **options: Any) -> TextClassification:
    return TextClassification(TextClassification.Options(**options), Target(kind, names))  # type: ignore[arg-type]


# -- choosing


def brute_force(scores: np.ndarray, positive: np.ndarray, aim: ThresholdSection) -> float:
    """The best that any threshold does: the cost, or the recall (precision) where precision (recall) is wanted."""
    points = [Operation.of(scores, positive, t) for t in (*np.unique(scores), 2.0)]
    if aim.costs is not None:
        return min(point.cost(aim.costs) for point in points)
    found = []
    for point in points:
        given, there = point.true_positives + point.false_positives, point.true_positives + point.false_negatives
        precision, recall = (point.true_positives / n if n else 0.0 for n in (given, there))
        wanted, other = (precision, recall) if aim.precision else (recall, precision)
        if wanted >= (aim.precision or aim.recall or 0) and point.true_positives:
            found.append(other)
    return max(found, default=-1.0)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(
    "aim", [{"costs": {"false_positive": 5, "false_negative": 1}}, {"precision": 0.8}, {"recall": 0.9}],
    ids=["costs", "precision", "recall"],
)  # fmt: skip
def test_the_chosen_threshold_is_the_best_one(aim: dict[str, Any], seed: int) -> None:
    chance = np.random.default_rng(seed)
    section = ThresholdSection.model_validate(aim)
    positive = np.concatenate([[True, False], chance.random(40) < 0.4])
    scores = np.clip(np.round(chance.normal(0.4 + 0.2 * positive, 0.25), 2), 0, 1)
    best, found = brute_force(scores, positive, section), choose_threshold(scores, positive, section)
    if found is None:
        assert best == -1
        return
    point = Operation.of(scores, positive, found)
    if section.costs is not None:
        assert point.cost(section.costs) == pytest.approx(best)
        return
    precision = point.true_positives / (point.true_positives + point.false_positives)
    recall = point.true_positives / positive.sum()
    assert (recall if section.precision else precision) == pytest.approx(best)
    assert (precision if section.precision else recall) >= (section.precision or section.recall or 1)


def test_of_equally_cheap_thresholds_the_one_that_the_costs_imply_is_taken() -> None:
    aim = ThresholdSection(costs=Costs(false_positive=1, false_negative=1))
    found = choose_threshold(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]), aim)
    assert found == 0.5


def test_never_answering_may_be_cheapest() -> None:
    aim = ThresholdSection(costs=Costs(false_positive=100, false_negative=1))
    scores = np.array([0.2, 1.0])
    found = choose_threshold(scores, np.array([True, False]), aim)
    assert found is not None
    assert not (scores >= found).any()


def test_a_label_that_no_row_has_gets_no_threshold() -> None:
    assert choose_threshold(np.array([0.1, 0.2]), np.array([False, False]), ThresholdSection(recall=0.5)) is None


def test_answers_without_probabilities_leave_the_default_rule() -> None:
    task = task_of("single_label", ("negative", "positive"))
    answers = [{"prediction": "positive", "scores": {"negative": 0.2, "positive": 0.8}} for _ in range(10)]
    answers[4] = {"prediction": "positive", "scores": {"negative": math.nan, "positive": math.nan}}
    rows = [{"text": "w", "label": i % 2} for i in range(10)]
    settings = EvaluationSection.model_validate(RULE)
    rule, notes = decide(task, rows, answers, settings)
    assert rule == Decision()
    assert len(notes) == 1
    assert "1 of 10 answers states no probability on the validation rows" in notes[0]
    assert decide(task, rows[5:], answers[5:], settings)[0].thresholds


# -- applying


def test_no_rule_changes_nothing() -> None:
    answers = [{"prediction": "a", "scores": {"a": 0.9, "b": 0.1}}]
    assert not Decision(1.0)
    assert Decision().apply(task_of("single_label", ("a", "b")), answers) == answers
    assert Decision.from_dict(None) == Decision()


def test_of_two_labels_the_other_is_answered_below_the_threshold() -> None:
    rule = Decision(thresholds={"b": 0.2})
    answers = [{"prediction": "a", "scores": {"a": 0.8, "b": 0.2}}, {"prediction": "a", "scores": {"a": 0.9, "b": 0.1}}]
    found = rule.apply(task_of("single_label", ("a", "b")), answers)
    assert [answer["prediction"] for answer in found] == ["b", "a"]
    assert [answer["scores"] for answer in found] == [answer["scores"] for answer in answers]


def test_several_labels_keep_the_threshold_of_the_task_where_none_was_chosen() -> None:
    task = task_of("multi_label", ("a", "b", "c"), threshold=0.3)
    given = [{"prediction": ["a"], "scores": {"a": 0.4, "b": 0.1, "c": 0.2}}]
    assert Decision(thresholds={"b": 0.05}).apply(task, given)[0]["prediction"] == ["a", "b"]
    cooled = Decision(4.0).apply(task, given)[0]
    assert cooled["scores"]["b"] == pytest.approx(1 / (1 + (0.9 / 0.1) ** 0.25))
    assert cooled["prediction"] == ["a", "b", "c"]


def test_a_choice_keeps_its_answer_and_what_it_does_not_have() -> None:
    task = task_class("multiple-choice")()
    found = Decision(2.0).apply(task, [{"prediction": "x", "scores": {"1": 0.8, "2": 0.2, "3": None}}])[0]
    assert found["prediction"] == "x"
    assert found["scores"] == {"1": pytest.approx(2 / 3), "2": pytest.approx(1 / 3), "3": None}


def test_a_rule_comes_back_from_json_as_it_was() -> None:
    rule = Decision(1.2345678901234567, {"b": 0.1 + 0.2})
    assert Decision.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


# -- saying it


def record_of(calibration: dict[str, Any], tables: dict[str, list[Any]]) -> Record:
    names = ("no", "yes")
    evaluation = Evaluation(
        "text-classification", {}, {"kind": "single_label", "names": names, "bins": None, "separator": None},
        "single_label", len(tables["reference"]), "accuracy", 0.95, 100, {}, predictions=tables,
    )  # fmt: skip
    evaluation.calibration = calibration or examine(evaluation, EvaluationSection(resamples=200))
    record = object.__new__(Record)
    object.__setattr__(record, "evaluation", evaluation)
    return record


def table_of_halves() -> dict[str, list[Any]]:
    """Too sure at 0.95 and not sure enough at 0.6: on average as sure as it is right."""
    yes, right = [0.95] * 200 + [0.6] * 200, ([True] * 4 + [False]) * 40 + ([True] * 3 + [False]) * 50
    return {
        "row": list(range(400)), "text": ["w"] * 400, "reference": ["yes" if r else "no" for r in right],
        "prediction": ["yes"] * 400, "score:yes": yes, "score:no": [1 - p for p in yes],
    }  # fmt: skip


def test_card_and_report_say_the_same_of_probabilities() -> None:
    record = record_of({}, table_of_halves())
    card = limitations._sure_and_wrong(record)
    assert trust.MIXED in card[-1]
    assert trust.MIXED in section_module.verdict(record.evaluation.calibration)
    before = record.evaluation.calibration["before"]
    assert f"{before['mean_confidence']:.1%} sure on average and right in {before['mean_outcome']:.1%}" in card[-1]
    assert f"{before['mean_confidence']:.1%} sure on average" in card_tables.calibration(record)


def test_a_temperature_of_one_changes_nothing() -> None:
    found = record_of({}, table_of_halves()).evaluation.calibration
    found["temperature"] = {"value": 0.998, "applied": False, "rows": 374, "reason": ""}
    said = section_module._temperature(found)
    assert said == "Temperature scaling would change nothing (T = 1.00, fitted to 374 validation rows)."


def test_the_report_says_why_probabilities_were_not_looked_at() -> None:
    tables = table_of_halves()
    tables["score:yes"][7] = tables["score:no"][7] = math.nan
    record = record_of({}, tables)
    part = section_module.section(record)
    assert part is not None
    assert "not measured, because 1 of 400 answers states no probability" in str(part.blocks[0])
    assert limitations._sure_and_wrong(record) == []


def test_the_report_draws_what_one_cluster_leaves_open() -> None:
    tables = table_of_halves() | {"cluster:source": ["one"] * 400}
    record = record_of({}, tables)
    part = section_module.section(record)
    assert part is not None
    assert "cannot be told" in section_module.verdict(record.evaluation.calibration)


# -- a whole run


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Evaluation]:
    folder = tmp_path_factory.mktemp("decided")
    recipe = review_recipe(folder, evaluation={"resamples": 100, **RULE}, goals={"calibration.ece": "<= 0.9"})
    evaluation = finetune.run(recipe)
    assert evaluation.folder is not None
    return RunFolder.open(evaluation.folder), evaluation


def review_recipe(folder: Path, **sections: Any) -> Any:
    from conftest import THINGS, WORDS, review_rows

    words = [word for some in WORDS.values() for word in some]
    rows = [{"text": row["text"], "label": row["label"]} for row in review_rows(240)]
    sections.setdefault("training", {"max_steps": 30, "learning_rate": 1e-2})
    return tiny_recipe("text-classification", folder, rows, {}, words=[*words, *THINGS, "a", "number"], **sections)


def test_the_rule_is_scored_saved_and_loaded(decided: tuple[RunFolder, Evaluation]) -> None:
    run, evaluation = decided
    rule = evaluation.decision
    assert rule.temperature not in (None, 1.0)
    assert set(rule.thresholds) == {"positive"}
    assert run.read_json("model/finetune.json")["decision"] == rule.to_dict()
    assert TrainedModel.load(run.path).decision == rule
    assert Evaluation.load(run).decision == rule
    assert [goal["holds"] for goal in evaluation.goals] == [True]


def test_a_loaded_model_answers_bit_for_bit_as_the_saved_predictions(decided: tuple[RunFolder, Evaluation]) -> None:
    run, _ = decided
    model = finetune.load(run.path, with_data=True)
    assert model.data is not None
    saved = Evaluation.load(run)
    assert model.predict_rows(list(iterate(model.data.test))) == saved.answers()
    assert model.predict_rows(list(iterate(model.data.validation))) == saved.answers(validation=True)
    one = model.predict([saved.predictions["text"][0]])[0]
    assert one["prediction"] == saved.predictions["prediction"][0]


def test_the_rule_is_what_the_validation_rows_say(decided: tuple[RunFolder, Evaluation]) -> None:
    run, evaluation = decided
    model = finetune.load(run.path, with_data=True)
    assert model.data is not None
    rule, model.decision = model.decision, Decision()
    rows = list(iterate(model.data.validation))
    bare = model.predict_rows(rows)
    assert rule.apply(model.task, bare) == evaluation.answers(validation=True)
    found = model.task.outcomes(rows, bare, model.task.references(rows))
    assert found is not None
    at = [negative_log_likelihood(scale(found[0], t, exclusive=True), found[1]) for t in (0.9, 1.0, 1.1)]
    best = negative_log_likelihood(scale(found[0], rule.temperature or 1, exclusive=True), found[1])
    assert best <= min(at)
    scores = scale(found[0], rule.temperature or 1, exclusive=True)[:, 1]
    costs = Costs(false_positive=1, false_negative=3)
    cheapest = brute_force(scores, found[1] == 1, ThresholdSection(costs=costs))
    assert Operation.of(scores, found[1] == 1, rule.thresholds["positive"]).cost(costs) == pytest.approx(cheapest)


def test_what_is_examined_is_there(decided: tuple[RunFolder, Evaluation]) -> None:
    found = decided[1].calibration
    json.dumps(found, allow_nan=False)
    assert found["as_is"] == "after"
    assert found["temperature"]["applied"]
    assert {"ece", "brier", "nll"} <= found["before"].keys() & found["after"].keys() & found["difference"].keys()
    point = found["thresholds"][0]
    table = decided[1].predictions
    given = [answer == "positive" for answer in table["prediction"]]
    assert point["chosen"]["given"] == sum(given)
    right = sum(g and truth == "positive" for g, truth in zip(given, table["reference"], strict=True))
    assert point["chosen"]["precision"]["value"] == (pytest.approx(right / sum(given)) if any(given) else None)
    assert point["cost"]["chosen"]["value"] >= 0
    assert [p["wanted"] for p in found["abstention"]["points"]] == [1.0, 0.95, 0.9, 0.8, 0.7, 0.5]
    assert found["abstention"]["points"][0]["value"] == pytest.approx(decided[1].scores["accuracy"])
    text = (decided[0].path / "report.html").read_text(encoding="utf-8")
    assert "Can its probabilities be trusted?" in text
    assert "The threshold in use" in text


def test_evaluating_again_chooses_the_same_rule(decided: tuple[RunFolder, Evaluation]) -> None:
    run, evaluation = decided
    before = (run.path / "model" / "finetune.json").read_bytes()
    done = cli("evaluate", run.path)
    assert done.returncode == 0, done.stderr
    assert (run.path / "model" / "finetune.json").read_bytes() == before
    again = Evaluation.load(run)
    assert again.decision == evaluation.decision
    assert again.answers() == evaluation.answers()


def test_a_resumed_run_comes_to_the_same_answers(decided: tuple[RunFolder, Evaluation]) -> None:
    run, evaluation = decided
    again = finetune.run(finetune.Recipe.from_yaml(run.path / "recipe.yaml"), resume=run.path)
    assert again.decision == evaluation.decision
    assert again.answers() == evaluation.answers()


def test_without_validation_rows_the_model_keeps_its_rule(decided: tuple[RunFolder, Evaluation]) -> None:
    run, evaluation = decided
    data = finetune.load(run.path, with_data=True).data
    assert data is not None
    again = finetune.evaluate(finetune.load(run.path), data.test)
    assert again.answers() == evaluation.answers()
    assert any("chosen earlier" in note for note in again.notes)
    assert again.calibration["validation_rows"] == 0


def test_a_recipe_without_a_rule_leaves_no_trace_of_one(tmp_path: Path) -> None:
    recipe = review_recipe(tmp_path, training={"max_steps": 3})
    evaluation = finetune.run(recipe)
    run = RunFolder.open(tmp_path / "run")
    assert "decision" not in run.read_json("model/finetune.json")
    assert "decision" not in evaluation.calibration
    assert evaluation.calibration["as_is"] == "before"
    assert Evaluation.load(run).answers() == finetune.load(run.path).predict_rows(
        list(iterate(finetune.load(run.path, with_data=True).data.test))  # type: ignore[union-attr]
    )


def test_a_target_out_of_reach_is_told_and_the_default_kept(tmp_path: Path) -> None:
    recipe = review_recipe(
        tmp_path, training={"max_steps": 1, "learning_rate": 1e-9},
        evaluation={"resamples": 100, "threshold": {"precision": 0.999, "label": "negative"}},
    )  # fmt: skip
    evaluation = finetune.run(recipe)
    assert not evaluation.decision
    assert any("stays the default" in note for note in evaluation.notes)


SEVERAL = [
    {"text": f"{first} {second}", "label": [w for w in (first, second) if w in ("w1", "w2")]}
    for first in ("w1", "w3", "w5", "w7") for second in ("w2", "w4", "w6", "w8", "w9", "w10", "w11", "w12")
] * 4  # fmt: skip


def test_several_labels_per_row(tmp_path: Path) -> None:
    rows = [{**row, "text": f"{row['text']} w{20 + i % 20}"} for i, row in enumerate(SEVERAL)]
    recipe = tiny_recipe("text-classification", tmp_path, rows, {},
                         evaluation={"resamples": 100, "threshold": {"recall": 0.9},
                                     "calibration": {"temperature": True}})  # fmt: skip
    evaluation = finetune.run(recipe)
    assert set(evaluation.decision.thresholds) == {"w1", "w2"}
    model = finetune.load(tmp_path / "run", with_data=True)
    assert model.data is not None
    assert model.predict_rows(list(iterate(model.data.test))) == evaluation.answers()
    assert {entry["label"] for entry in evaluation.calibration["per_label"]} == {"w1", "w2"}
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "not answered from the task&#39;s threshold on" in text or "not answered from the task's threshold" in text
    assert "follow the likeliest label" not in text


def test_choices_are_examined(tmp_path: Path) -> None:
    rows = [{"question": f"w{i}", "choices": [f"w{j % 40}" for j in range(i, i + 2 + i % 3)], "answer": "AB"[i % 2]}
            for i in range(40)]  # fmt: skip
    recipe = tiny_recipe("multiple-choice", tmp_path, rows, {},
                         evaluation={"resamples": 100, "calibration": {"temperature": True}})  # fmt: skip
    evaluation = finetune.run(recipe)
    found = evaluation.calibration
    assert found["abstention"]["points"][0]["value"] == pytest.approx(evaluation.scores["accuracy"])
    assert found["curves"] == found["thresholds"] == []
    model = finetune.load(tmp_path / "run", with_data=True)
    assert model.data is not None
    rows_again = list(iterate(model.data.test))
    model.task = model.task.facing(rows_again)
    assert model.predict_rows(rows_again) == evaluation.answers()


@pytest.mark.parametrize(
    ("labels", "sections", "said"),
    [(("a", "b", "c"), {"threshold": {"recall": 0.9}}, "divides two labels"),
     (("a", "b"), {"threshold": {"recall": 0.9, "label": "ab"}}, "no label of the data")],
)  # fmt: skip
def test_thresholds_that_make_no_sense_are_refused_before_the_training(
    tmp_path: Path, labels: tuple[str, ...], sections: dict[str, Any], said: str
) -> None:
    rows = [{"text": f"w{i % 40} w{i // 40}", "label": labels[i % len(labels)]} for i in range(120)]
    with pytest.raises(RecipeError) as caught:
        finetune.run(tiny_recipe("text-classification", tmp_path, rows, {}, evaluation=sections))
    assert said in f"{caught.value.cause} {caught.value.remedy}"
    assert not (tmp_path / "run").exists()


def test_numbers_have_no_temperature(tmp_path: Path) -> None:
    rows = [{"text": f"w{i % 40} w{i // 40}", "score": i / 7} for i in range(60)]
    sections: Callable[..., Any] = lambda **given: tiny_recipe(  # noqa: E731
        "text-classification", tmp_path, rows, {}, evaluation={"resamples": 100, **given}
    )
    with pytest.raises(RecipeError, match="no probabilities"):
        finetune.run(sections(calibration={"temperature": True}))
    with pytest.raises(RecipeError, match="no labels"):
        finetune.run(sections(threshold={"recall": 0.9}))
    evaluation = finetune.run(sections())
    assert evaluation.calibration == {}
    assert evaluation.validation == {}
