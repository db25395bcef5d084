"""Answers that a person flags: kept whole, only when asked, and as rows that a recipe trains on."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import stat
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from datasets import Dataset

import finetune
from finetune.artifacts import TrainedModel
from finetune.errors import RunFolderError, UsageError
from finetune.recipe import Recipe, task_names
from finetune.serving.answering import Answer, Answerer
from finetune.serving.corrections import NONE_OF_THEM, question_of, read_correction
from finetune.serving.flagging import add_flagging, keep_flag
from finetune.serving.flags import append_flag
from finetune.serving.inputs import make_inputs
from finetune.sources import resolve_model
from finetune.task import Example, Task, task_class

VARIANTS = [(name, variant) for name in task_names() for variant in task_class(name).examples()]
SAID = Answer({"text": "a dull film"}, {"prediction": "good", "scores": {"good": 0.6, "bad": 0.4}}, (), 0.01)


def flag(path: Path, text: str = "a dull film", label: str | None = "bad", **more: Any) -> None:
    append_flag(path, {"text": text}, SAID, {"label": label}, **more)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class TestTheFile:
    def test_a_line_has_the_columns_of_the_task_and_what_was_said(self, tmp_path: Path):
        flag(tmp_path / "new" / "flags.jsonl", "Ein trüber\nFilm", note=" sarcasm ", model="reviews")
        (line,) = lines(tmp_path / "new" / "flags.jsonl")
        assert list(line) == ["text", "label", "prediction", "note", "time", "model"]
        assert {**line, "time": ""} == {
            "text": "Ein trüber\nFilm", "label": "bad", "prediction": "good", "note": "sarcasm", "time": "",
            "model": "reviews",
        }  # fmt: skip

    def test_its_owner_alone_reads_it(self, tmp_path: Path):
        before = os.umask(0)
        try:
            flag(tmp_path / "flags.jsonl")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "flags.jsonl").stat().st_mode) == 0o600

    def test_many_at_a_time_lose_nothing(self, tmp_path: Path):
        path = tmp_path / "flags.jsonl"
        workers = [multiprocessing.get_context("fork").Process(target=_flag_often, args=(path, i)) for i in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0] * 4
        assert sorted(line["text"][:3] for line in lines(path)) == sorted(
            f"{i}.{n}" for i in range(4) for n in range(9)
        )

    def test_a_line_that_was_cut_off_swallows_no_other(self, tmp_path: Path):
        flag(tmp_path / "flags.jsonl")
        with (tmp_path / "flags.jsonl").open("a") as stream:
            stream.write('{"text": "half')
        flag(tmp_path / "flags.jsonl", "whole")
        assert json.loads((tmp_path / "flags.jsonl").read_text().splitlines()[-1])["text"] == "whole"

    def test_a_full_disk_leaves_no_half_line(self, tmp_path: Path):
        path = tmp_path / "flags.jsonl"
        flag(path)
        before = path.read_bytes()
        child = multiprocessing.get_context("fork").Process(target=_flag_on_a_full_disk, args=(path, len(before) + 20))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert path.read_bytes() == before

    def test_a_file_that_is_something_else_is_not_touched(self, tmp_path: Path):
        for text in ("id,text\n1,a\n", '{"tokens": ["a"], "tags": ["O"]}\n', "[1]\n"):
            (tmp_path / "data.jsonl").write_text(text)
            with pytest.raises(UsageError, match="something else"):
                flag(tmp_path / "data.jsonl")
            assert (tmp_path / "data.jsonl").read_text() == text

    def test_a_file_that_cannot_be_written_says_so(self, tmp_path: Path):
        (tmp_path / "file").write_text("")
        for path in (tmp_path / "file" / "flags.jsonl", tmp_path, Path("/dev/full")):
            with pytest.raises(RunFolderError, match="cannot be written"):
                flag(path)

    def test_a_note_has_an_end(self, tmp_path: Path):
        with pytest.raises(UsageError, match="2,001 characters"):
            flag(tmp_path / "flags.jsonl", note="x" * 2001)
        assert not (tmp_path / "flags.jsonl").exists()

    def test_what_is_no_text_is_refused(self, tmp_path: Path):
        answer = Answer({"image": object()}, {"prediction": "cat"}, (), 0.0)
        with pytest.raises(UsageError, match="cannot be kept"):
            append_flag(tmp_path / "flags.jsonl", {"image": object()}, answer, {"label": "dog"})

    def test_columns_of_a_table_stay_columns(self, tmp_path: Path):
        answer = Answer({"text": "price: 3; place: Oslo"}, {"prediction": 1.5}, (), 0.0)
        append_flag(tmp_path / "flags.jsonl", {"price": "3", "place": "Oslo"}, answer, {"label": 2.0})
        (line,) = lines(tmp_path / "flags.jsonl")
        assert (line["price"], line["place"], line["label"], "text" in line) == ("3", "Oslo", 2.0, False)


def _flag_often(path: Path, worker: int) -> None:
    for number in range(9):
        flag(path, f"{worker}.{number} " + "long " * 3000)


def _flag_on_a_full_disk(path: Path, size: int) -> None:
    """A write that finds room for a part of the line only."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        flag(path)
    except RunFolderError as error:
        os._exit(0 if "disk is full" in error.cause else 1)
    os._exit(2)


@cache
def examples_of(name: str) -> dict[str, Example]:
    return task_class(name).examples()


def untrained(name: str, variant: str, folder: Path) -> tuple[Answerer, list[Mapping[str, Any]]]:
    """A model of that variant before its fit, which answers as well as any for this, and rows to ask it."""
    given = examples_of(name)[variant]
    given.save_model(str(folder / "base"))
    Dataset.from_list(given.rows).to_parquet(folder / "rows.parquet")
    data = finetune.prepare(recipe_of(name, given.options, folder, folder / "rows.parquet"))
    base = resolve_model(str(folder / "base"))
    model, processor = data.task.load(base)
    return Answerer(TrainedModel(data.task, model.eval(), processor, base, max_length=64)), list(data.train)


def recipe_of(name: str, options: Mapping[str, Any], folder: Path, data: Path) -> Recipe:
    training = {"max_steps": 2, "train_batch_size": 4, "bf16": False, "report_to": ["none"]}
    return Recipe.from_dict({
        "task": name, "name": "flagged", "options": options, "model": {"name": str(folder / "base")},
        "data": {"name": str(data)}, "adapter": {"r": 4}, "training": training, "evaluation": {"resamples": 100},
        "inspection": {"in_runs": False}, "output": {"folder": str(folder), "run": "run"},
    })  # fmt: skip


def asked(row: Mapping[str, Any], answerer: Answerer) -> dict[str, Any]:
    """A canonical row as a person writes it."""
    values = {field.name: row.get(field.name) for field in answerer.fields}
    if "tokens" in row:
        values["text"] = " ".join(row["tokens"])
    if "choices" in values:
        values["choices"] = row.get("choices") or [row[key] for key in sorted(row) if key.startswith("choice")]
    if any(field.name == "text_pair" and field.kind == "texts" for field in answerer.fields):
        values["text_pair"] = [row["target"], "something else"]
    return {name: value for name, value in values.items() if value}


def right(task: Task, row: Mapping[str, Any]) -> Any:
    """The row's target as a person says it."""
    target = row[task.target_column().name]
    if task.kind == "tags":
        return " ".join(task.describe_target(target))
    if task.kind == "answers":
        return next(iter(target["text"]), "-")
    if task.kind == "ranking":
        return target if isinstance(target, str) else row["documents"][target.index(max(target))]
    said = task.describe_target(target)
    return (said or [NONE_OF_THEM]) if task.kind == "multi_label" else said


@pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=[f"{name}-{variant}" for name, variant in VARIANTS])
def test_flagged_answers_of_every_task_are_rows_to_train_on(name: str, variant: str, tmp_path: Path):
    answerer, rows = untrained(name, variant, tmp_path)
    path = tmp_path / "flags.jsonl"
    for row in rows:
        values = asked(row, answerer)
        keep_flag(answerer, values, answerer.answer(values), right(answerer.model.task, row), "", path)
    keep_flag(answerer, values, answerer.answer(values), None, "not sure", path)  # says nothing to learn from
    options = {**examples_of(name)[variant].options, **({"first_position": 0} if variant == "columns" else {})}
    data = finetune.prepare(recipe_of(name, options, tmp_path, path))
    kept = sum(len(split) for split in (data.train, data.validation, data.test))
    assert kept == len(rows)
    assert data.task.kind == answerer.model.task.kind


def test_a_recipe_trains_on_flagged_answers(tmp_path: Path):
    answerer, rows = untrained("text-classification", "single-label", tmp_path)
    path = tmp_path / "flags.jsonl"
    for row in rows:
        keep_flag(answerer, {"text": row["text"]}, answerer.answer({"text": row["text"]}),
                  right(answerer.model.task, row), "", path)  # fmt: skip
    result = finetune.run(recipe_of("text-classification", {}, tmp_path, path))
    assert result is not None
    assert finetune.load(tmp_path / "run").predict(["a dull film"])[0]["prediction"] in {"good", "bad"}


class TestWhatIsRight:
    def test_labels_are_chosen_from_those_that_there_are(self, tmp_path: Path):
        answerer, rows = untrained("text-classification", "multi-label", tmp_path)
        task = answerer.model.task
        question = question_of(task)
        assert question.kind == "labels"
        assert set(question.names) == {"good", "bad", "art"}
        assert read_correction(task, rows[0], ["art"]) == {"labels" if "labels" in rows[0] else "label": ["art"]}
        assert next(iter(read_correction(task, rows[0], [NONE_OF_THEM]).values())) == []
        for wrong in (["art", NONE_OF_THEM], ["dog"]):
            with pytest.raises(UsageError, match="cannot be used"):
                read_correction(task, rows[0], wrong)

    def test_entities_are_named_by_their_words(self, tmp_path: Path):
        task, row = self._tagger(tmp_path)
        label = next(tag[2:] for tag in task.state()["names"] if tag.startswith("B-"))
        word = row["tokens"][0]
        columns = read_correction(task, row, f"{word}: {label}")
        assert columns["tags"][0] == f"B-{label}"
        assert set(columns["tags"][1:]) == {"O"}
        assert set(read_correction(task, row, "-")["tags"]) == {"O"}

    @pytest.mark.parametrize("wrong", ["nowhere: PER", "just words", ": PER", "-: -"])
    def test_entities_that_are_not_there_are_refused(self, wrong: str, tmp_path: Path):
        task, row = self._tagger(tmp_path)
        with pytest.raises(UsageError, match="cannot be used"):
            read_correction(task, row, wrong)

    @staticmethod
    def _tagger(folder: Path) -> tuple[Task, Mapping[str, Any]]:
        variant = next(iter(examples_of("token-classification")))
        answerer, rows = untrained("token-classification", variant, folder)
        return answerer.model.task, rows[0]

    def test_an_answer_has_to_stand_in_the_context(self, tmp_path: Path):
        variant = next(iter(examples_of("question-answering")))
        answerer, rows = untrained("question-answering", variant, tmp_path)
        with pytest.raises(UsageError, match="cannot be used"):
            read_correction(answerer.model.task, rows[0], "nowhere to be found")

    def test_a_choice_may_be_given_by_its_number(self, tmp_path: Path):
        answerer, rows = untrained("multiple-choice", "list", tmp_path)
        row = {"question": rows[0]["question"], "choices": ["red", "blue"]}
        assert read_correction(answerer.model.task, row, "2") == {"answer": "blue"}
        with pytest.raises(UsageError, match="no choice 3"):
            read_correction(answerer.model.task, row, "3")


class TestThePage:
    @pytest.fixture(scope="class")
    def answerer(self, tmp_path_factory: pytest.TempPathFactory) -> Answerer:
        return untrained("text-classification", "single-label", tmp_path_factory.mktemp("page"))[0]

    @pytest.fixture
    def press(self, answerer: Answerer, tmp_path: Path) -> Callable[..., list[Any]]:
        """What the button does with: what is right, the note, the text."""
        with gr.Blocks() as page:
            add_flagging(answerer, make_inputs(answerer.fields, 100), tmp_path / "kept.jsonl")
        (event,) = page.fns.values()
        assert event.api_visibility == "private"
        assert event.fn is not None
        return event.fn

    def test_nothing_is_kept_before_the_button(self, press: Any, tmp_path: Path):
        assert not (tmp_path / "kept.jsonl").exists()

    def test_the_button_keeps_one_answer_and_empties_the_form(self, press: Any, tmp_path: Path):
        notice, right, note = press("bad", "was ironic", "a great film", None)
        (line,) = lines(tmp_path / "kept.jsonl")
        assert (line["text"], line["label"], line["note"]) == ("a great film", "bad", "was ironic")
        assert "Kept in kept.jsonl: “a great film”" in notice["value"]
        assert (right["value"], note["value"]) == (None, "")

    @pytest.mark.parametrize(
        ("given", "text", "said"),
        [(None, "a film", "Nothing is said"), ("bad", " ", "empty"), ("dog", "a film", "cannot be used")],
    )
    def test_what_cannot_be_kept_is_said(self, press: Any, tmp_path: Path, given: Any, text: str, said: str):
        notice, *form = press(given, "", text, None)
        assert said in notice["value"]
        assert 'role="alert"' in notice["value"]
        assert not (tmp_path / "kept.jsonl").exists()
        assert all("value" not in update for update in form)

    def test_a_published_space_never_flags(self, answerer: Answerer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("SPACE_ID", "someone/demo")
        with gr.Blocks() as page:
            add_flagging(answerer, make_inputs(answerer.fields, 100), tmp_path / "kept.jsonl")
        assert not page.fns
