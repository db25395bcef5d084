"""Scores of lm-evaluation-harness and lighteval: read from files that the true harnesses wrote, and run where there.

`stand_ins/harness/` holds what lm-evaluation-harness 0.4.13 and lighteval 0.13.0 wrote for one tiny random model on the
same eight questions; folders and facts about the machine were taken out.
"""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from conftest import finetune
from test_contamination import save_causal_model, some_texts

from finetune import benchmarking, pipeline
from finetune.artifacts import Evaluation, RunFolder
from finetune.cards.record import Record
from finetune.cards.sections import benchmarks as part
from finetune.errors import DataError, MissingExtraError, NotFoundError, UsageError
from finetune.evaluation.harness import Wishes, convert, joined, read_results
from finetune.evaluation.harness.scores import interval_of, rows_of_share
from finetune.statistics.intervals import wilson

FILES = Path(__file__).parent / "stand_ins" / "harness"


def by_name(scores: Any) -> dict[tuple[str, str], Any]:
    return {(score.task, score.metric): score for score in scores}


# -- files


def test_a_file_of_lm_eval_becomes_scores() -> None:
    found = by_name(read_results(FILES / "lm_eval.json"))
    assert set(found) == {
        ("tiny_choice", "acc"), ("tiny_choice", "acc_norm"), ("tiny_both", "acc"),
        ("tiny_copy", "word_perplexity"), ("tiny_copy", "bits_per_byte"),
    }  # fmt: skip
    score = found["tiny_choice", "acc"]
    expected = wilson(6, 8)
    assert (score.value, score.rows, score.total, score.examples) == (0.75, 8, 8, 0)
    assert (score.low, score.high, score.method) == (expected.low, expected.high, "wilson")
    assert (score.harness, score.harness_version, score.task_version) == ("lm-eval", "0.4.13", "1.0")
    assert (score.direction, score.model, score.revision) == ("higher", "model", None)
    assert found["tiny_both", "acc"].rows == 8
    perplexity = found["tiny_copy", "word_perplexity"]
    assert (perplexity.standard_error, perplexity.low, perplexity.method) == (None, None, "none")
    assert perplexity.direction == "lower"


def test_a_file_of_lighteval_becomes_the_same_score() -> None:
    (score,) = read_results(FILES / "lighteval.json")  # without the mean over tasks
    other = by_name(read_results(FILES / "lm_eval.json"))["tiny_choice", "acc"]
    assert (score.task, score.metric, score.examples, score.task_version) == ("tiny_choice", "acc", 0, "3")
    assert (score.value, score.standard_error, score.rows) == (other.value, other.standard_error, 8)
    assert (score.low, score.high, score.direction) == (other.low, other.high, "higher")
    assert (score.harness, score.harness_version, score.total, score.revision) == ("lighteval", None, None, None)


def test_no_folder_of_a_machine_is_kept() -> None:
    for name in ("lm_eval.json", "lighteval.json"):
        assert "/" not in read_results(FILES / name)[0].model
    values = json.loads((FILES / "lm_eval.json").read_text(encoding="utf-8"))
    values["config"]["model_args"] = "pretrained=/home/ada/models/mine,dtype=float32"
    assert convert(values)[0].model == "mine"
    values["config"]["model_args"] = "pretrained=org/name,revision=main"
    values["config"]["model_sha"] = "a" * 40
    assert (convert(values)[0].model, convert(values)[0].revision) == ("org/name", "a" * 40)


def test_a_task_that_was_cut_short_says_so() -> None:
    values = json.loads((FILES / "lm_eval.json").read_text(encoding="utf-8"))
    values["n-samples"]["tiny_choice"]["original"] = 800
    found = by_name(convert(values))
    assert (found["tiny_choice", "acc"].rows, found["tiny_choice", "acc"].total) == (8, 800)
    assert part.line(found["tiny_choice", "acc"].to_dict())[4] == "8 of 800"


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("[]", "not the results"), ('{"results": {}}', "not the results"),
     ('{"results": {}, "n-shot": {}}', "no scores")],
)  # fmt: skip
def test_other_files_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said) as caught:
        read_results(path)
    assert "results.json" in caught.value.cause
    assert "harness" in caught.value.remedy
    with pytest.raises(NotFoundError, match="no file"):
        read_results(tmp_path / "none.json")


# -- intervals


def test_a_share_has_wilsons_interval_also_where_every_row_is_right() -> None:
    assert interval_of(1.0, 0.0, 10, 0.95) == (wilson(10, 10).low, 1.0, "wilson")
    assert interval_of(0.0, 0.0, 10, 0.95)[0] == 0.0
    low, high, method = interval_of(0.31, 0.02, 100, 0.95)  # another standard error than that of a share
    assert method == "normal"
    assert (low, high) == (pytest.approx(0.31 - 1.96 * 0.02, abs=1e-4), pytest.approx(0.31 + 1.96 * 0.02, abs=1e-4))
    assert interval_of(12.0, 0.0, 10, 0.95) == (None, None, "none")
    assert interval_of(12.0, None, 10, 0.95) == (None, None, "none")


@pytest.mark.parametrize(("right", "rows"), [(6, 8), (1, 3), (517, 1000), (9999, 14042)])
def test_rows_are_told_by_the_standard_error_of_a_share(right: int, rows: int) -> None:
    value = right / rows
    assert rows_of_share(value, (value * (1 - value) / (rows - 1)) ** 0.5) == rows
    assert rows_of_share(value, 0.0123) is None
    assert rows_of_share(1.0, 0.0) is None


# -- into a run


def test_a_score_takes_the_place_of_the_same_one_only() -> None:
    first, second = read_results(FILES / "lm_eval.json"), read_results(FILES / "lighteval.json")
    known, replaced = joined({}, first)
    assert replaced == 0
    known, replaced = joined(known, second)
    assert (len(known["scores"]), replaced) == (6, 0)
    again, replaced = joined(known, second)
    assert (again, replaced) == (known, 1)
    assert json.loads(json.dumps(known)) == known


@pytest.fixture(scope="module")
def finished(tiny_model: Path, reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from finetune import Recipe

    folder = tmp_path_factory.mktemp("run")
    pipeline.run(Recipe.from_dict({
        "task": "text-classification", "name": "tiny", "model": {"name": str(tiny_model)},
        "data": {"name": str(reviews), "columns": {"text": "text", "label": "label"}},
        "training": {"max_steps": 1, "bf16": False, "report_to": ["none"]},
        "evaluation": {"resamples": 100, "confidence": 0.9}, "inspection": {"in_runs": False},
        "output": {"folder": str(folder), "run": "run"},
    }))  # fmt: skip
    return folder / "run"


def test_the_verb_joins_files_to_a_run_and_its_report(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    files = [argument for name in ("lm_eval.json", "lighteval.json") for argument in ("--results", FILES / name)]
    done = finetune("benchmark", run, *files)
    assert done.returncode == 0, done.stderr
    kept = Evaluation.load(RunFolder.open(run)).benchmarks
    assert len(kept["scores"]) == 6
    assert {score["confidence"] for score in kept["scores"]} == {0.9}  # the run's own
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Benchmarks of other harnesses" in page
    assert "no baseline beside these scores" in page
    shown = part.section(Record.read(RunFolder.open(run)))
    assert shown is not None
    assert "lm-eval 0.4.13" in str(shown.blocks[1].rows)


def test_a_run_without_them_has_no_such_section(finished: Path) -> None:
    assert part.section(Record.read(RunFolder.open(finished))) is None


def test_the_verb_wants_tasks_or_files() -> None:
    for arguments in ((), ("--tasks", "a", "--results", "b")):
        done = finetune("benchmark", "anything", *arguments)
        assert done.returncode == 2
        assert "either --tasks" in done.stderr


# -- running


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    with pytest.raises(MissingExtraError, match="lm-eval") as caught:
        benchmarking.run_benchmarks(str(tmp_path), Wishes(("tiny_choice",)))
    assert "finetune-recipes[harness]" in caught.value.remedy
    assert caught.value.exit_code == 7


TASK = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
"""


@pytest.fixture
def own_tasks(tmp_path: Path) -> Path:
    """A folder with a task of twelve questions on this machine."""
    texts = some_texts(12, 0)
    rows = [{"question": text, "choices": ["w1", "w2"], "answer": i % 2} for i, text in enumerate(texts)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "own.yaml").write_text(TASK.format(name="own_choice", rows=path), encoding="utf-8")
    return folder


def test_the_true_harness_runs_a_model_on_an_own_task(own_tasks: Path, tmp_path: Path) -> None:
    save_causal_model(tmp_path / "model")
    wishes = Wishes(("own_choice",), limit=10, folder=str(own_tasks))
    results, (score,) = benchmarking.run_benchmarks(str(tmp_path / "model"), wishes)
    assert "samples" not in results
    assert (score.task, score.metric, score.rows, score.total) == ("own_choice", "acc", 10, 12)
    assert (score.model, score.method) == ("model", "wilson")
    assert score.value == pytest.approx(own_score(tmp_path / "model", 10))


def own_score(folder: Path, rows: int) -> float:
    """The same computed by hand: the likelier choice behind each question."""
    from finetune.evaluation.contamination import load_language_model
    from finetune.evaluation.contamination.token_scores import score_tokens, token_ids
    from finetune.sources import resolve_model

    model = load_language_model(resolve_model(str(folder)))
    assert model is not None
    right = 0
    for i, text in enumerate(some_texts(12, 0)[:rows]):
        found = score_tokens(model, token_ids(model, [f"{text} w1", f"{text} w2"]))
        right += int(found[1].log_probs[-1] > found[0].log_probs[-1]) == i % 2
    return right / rows


def test_an_unknown_task_is_told(own_tasks: Path, tmp_path: Path) -> None:
    save_causal_model(tmp_path / "model")
    with pytest.raises(UsageError, match="no task 'own_choise'") as caught:
        benchmarking.run_benchmarks(str(tmp_path / "model"), Wishes(("own_choise",), folder=str(own_tasks)))
    assert "own_choice" in caught.value.remedy
    with pytest.raises(NotFoundError, match="no folder"):
        benchmarking.run_benchmarks(str(tmp_path / "model"), Wishes(("own_choice",), folder=str(tmp_path / "none")))


def test_a_model_that_does_not_generate_is_refused(finished: Path, tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="text-classification"):
        benchmarking.run_benchmarks(str(finished), Wishes(("own_choice",)))
    with pytest.raises(UsageError, match="no language-model head"):
        benchmarking.run_benchmarks(str(tiny_model), Wishes(("own_choice",)))


def test_the_verb_runs_it_and_keeps_the_harness_own_file(own_tasks: Path, tmp_path: Path) -> None:
    save_causal_model(tmp_path / "model")
    arguments = ["--tasks", "own_choice", "--include-path", own_tasks, "--output", tmp_path / "out.json", "--json"]
    done = finetune("benchmark", tmp_path / "model", *arguments)
    assert done.returncode == 0, done.stderr
    (score,) = json.loads(done.stdout)
    assert read_results(tmp_path / "out.json")[0].to_dict() == score
    again = finetune("benchmark", tmp_path / "model", *arguments)
    assert again.returncode == 2
    assert "exists already" in again.stderr
