"""The demo of every kind of task, served for real and asked by the client libraries that people use."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from test_task_contract import IDS, VARIANTS, example, tiny_recipe

import finetune
from finetune.artifacts import RunFolder
from finetune.errors import DataError, MissingExtraError, UsageError
from finetune.recipe import Recipe
from finetune.serving import Answerer, DemoSettings, launching, space_demo, start
from finetune.serving.endpoint import make_endpoint, parameter_names
from finetune.serving.outputs import Outputs
from finetune.serving.reading import read_values
from finetune.serving.spaces import borrow_gpu, load_answerer
from finetune.views import Bars, Field, Marked, Quantity, Ranked, Words

FIRST = ("text-classification", "single-label")
SERVED = [*dict(reversed(VARIANTS)).items(), ("sentence-similarity", "pairs"), ("text-classification", "pair")]
"""Of every task the first variant, and those that ask for something else."""


def finished_run(name: str, variant: str, folder: Path) -> Path:
    """A run of two steps on a tiny model, evaluated."""
    recipe = tiny_recipe(name, example(name, variant), folder, training={"max_steps": 2, "num_train_epochs": 1})
    values = json.loads(recipe.model_dump_json(exclude_unset=True))
    finetune.run(Recipe.from_dict(values | {"inspection": {"in_runs": False}, "description": "Tells what is what."}))
    return folder / "run"


@pytest.fixture(scope="module")
def answerer_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Answerer]:
    @cache
    def make(name: str, variant: str) -> Answerer:
        run = finished_run(name, variant, tmp_path_factory.mktemp("demo"))
        return Answerer(finetune.load(run), run=RunFolder.open(run))

    return make


@pytest.fixture(params=VARIANTS, ids=IDS)
def answerer(request: pytest.FixtureRequest, answerer_of: Any) -> Answerer:
    found: Answerer = answerer_of(*request.param)
    return found


@pytest.fixture
def reviewer(answerer_of: Any) -> Answerer:
    """A copy that a test may spoil."""
    return Answerer(answerer_of(*FIRST).model)


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Starts demos and stops them after the test."""
    running = []

    def begin(answerer: Answerer, **settings: Any) -> Any:
        running.append(start(answerer, DemoSettings(**settings)))
        return running[-1]

    yield begin
    for demo in running:
        demo.close()


def connect(demo: Any, **settings: Any) -> Client:
    return Client(demo.url, verbose=False, analytics_enabled=False, **settings)


# -- every kind of task


@pytest.mark.parametrize("asked_of", SERVED, ids="-".join)
def test_a_program_gets_what_the_model_predicts(asked_of: tuple[str, str], answerer_of: Any, serve: Any) -> None:
    answerer = answerer_of(*asked_of)
    client = connect(serve(answerer))
    assert list(client.view_api(return_format="dict", print_info=False)["named_endpoints"]) == ["/predict"]
    for asked in answerer.examples(2):
        assert client.predict(**asked, api_name="/predict") == json.loads(json.dumps(predicted(answerer, asked)))
    required = next(field for field in answerer.fields if field.required)
    blank = {**answerer.examples(1)[0], required.name: [] if required.kind == "texts" else " "}
    with pytest.raises(AppError, match=f"{required.label} is empty"):
        client.predict(**blank, api_name="/predict")


def test_the_endpoint_of_every_variant_answers_its_examples(answerer: Answerer) -> None:
    examples = answerer.examples(3)
    assert examples
    for asked in examples:
        assert make_endpoint(answerer)(**asked) == predicted(answerer, asked)


def predicted(answerer: Answerer, asked: dict[str, Any]) -> dict[str, Any]:
    """What the model says to it without a demo; texts that are searched are compared one by one."""
    if not isinstance(asked.get("text_pair"), list):
        return answerer.model.predict([asked])[0]
    texts = asked["text_pair"]
    cosines = [p["prediction"] for p in answerer.model.predict([(asked["text"], text) for text in texts])]
    scores = dict(zip(texts, cosines, strict=True))
    return {"prediction": sorted(texts, key=lambda text: -scores[text]), "scores": scores}


def test_an_answer_is_shown_as_the_task_says(answerer: Answerer) -> None:
    outputs = Outputs(answerer.model.task.shows)
    for asked in answerer.examples():
        answer = answerer.answer(asked)
        assert tuple(type(view) for view in answer.views) == answerer.model.task.shows
        updates = outputs.draw(answer.views)
        assert len(updates) == len(outputs.components) == len(outputs.clear())
        for component, update in zip(outputs.components, updates, strict=True):
            component.postprocess(update.get("value"))  # what the page does with it
        for view in answer.views:
            check_view(view, asked, answer.prediction)


def check_view(view: Any, asked: dict[str, Any], prediction: dict[str, Any]) -> None:
    said = prediction["prediction"]
    if isinstance(view, Bars) and view.scores:
        shares = list(view.scores.values())
        assert shares == sorted(shares, reverse=True)
        assert set(view.chosen) <= set(view.scores)
        if isinstance(said, list):
            assert list(view.chosen) == said
        elif said in view.scores:
            assert list(view.chosen) == [said]
    elif isinstance(view, Marked):
        assert view.text in asked.values()
        named = [(span["start"], span["end"], span["label"]) for span in said] if isinstance(said, list) else []
        assert list(view.spans) == (named if isinstance(said, list) else spans_of(prediction))
    elif isinstance(view, Ranked):
        assert list(view.texts) == said
        assert list(view.scores) == sorted(view.scores, reverse=True)
        assert len(view.scores) == len(view.texts)
    elif isinstance(view, Quantity):
        assert view.value == said
    elif isinstance(view, Words):
        assert view.text


def spans_of(prediction: dict[str, Any]) -> list[tuple[int, int, str]]:
    return [(prediction["start"], prediction["end"], "answer")] if prediction["prediction"] else []


def test_too_long_an_input_gets_a_sentence(answerer: Answerer) -> None:
    asked = answerer.examples(1)[0]
    field = answerer.fields[0]
    with pytest.raises(UsageError, match=rf"{field.label} has 20,001 characters; at most 20,000"):
        answerer.answer({**asked, field.name: "x" * 20_001})
    longest = {**asked, field.name: "a long tale " * 1_600}
    if answerer.model.task.name == "question-answering":  # a question of that length leaves no room for its context
        with pytest.raises(UsageError) as caught:
            answerer.answer(longest)
        assert isinstance(caught.value.__cause__, DataError)
        return
    notes = answerer.answer(longest).notes
    assert bool(notes) != (answerer.model.task.name in ("token-classification", "fill-mask"))  # these read all of it
    assert all("Only the first 64 tokens were read" in note for note in notes)


def test_an_endpoint_describes_itself(answerer: Answerer) -> None:
    endpoint = make_endpoint(answerer)
    told = endpoint.__doc__ or ""
    assert answerer.title in told
    for name in parameter_names(answerer.fields):
        assert f"    {name}: " in told
    if answerer.model.task.kind in ("single_label", "multi_label"):
        assert all(label in told for label in answerer.model.task.state()["names"])


# -- what goes wrong


def test_an_error_in_the_model_is_a_sentence_with_a_reference(
    reviewer: Answerer, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(rows: Any) -> Any:
        raise RuntimeError("shape mismatch at /some/where")

    reviewer.compute = fail
    client = connect(serve(reviewer))
    with caplog.at_level(logging.ERROR), pytest.raises(AppError) as caught:
        client.predict(text="a great film", api_name="/predict")
    said = str(caught.value)
    assert "Something went wrong with this input" in said
    assert "shape mismatch" not in said
    reference = said.split("reference ")[1][:8]
    assert any(reference in record.message and record.exc_info for record in caplog.records)
    assert "a great film" not in caplog.text


def test_an_error_of_ours_is_told_as_it_is(reviewer: Answerer) -> None:
    reviewer.compute = lambda rows: DataError("The question leaves no room.", "Ask shorter.")
    with pytest.raises(UsageError, match="The question leaves no room"):
        reviewer.answer({"text": "a great film"})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"text": None}, "Text is empty"),
        ({"text": "a", "txt": "b"}, "no field 'txt'"),
        ({"text": {"a": 1}}, "takes a text, not a dict"),
        ({}, "Text is empty"),
    ],
)
def test_what_cannot_be_read_is_refused(reviewer: Answerer, values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        reviewer.answer(values)


def test_values_are_read_as_people_write_them() -> None:
    texts, text = Field("t", "texts", "Texts"), Field("n", "text", "Number", required=False)
    assert read_values([texts, text], {"t": " a \n\n b\n", "n": 2.5}, 10) == {"t": ["a", "b"], "n": "2.5"}
    assert read_values([texts, text], {"t": ["a", ""], "n": " "}, 10) == {"t": ["a"]}
    assert read_values([text], {"n": "half \ud83d a pair"}, 20) == {"n": "half ? a pair"}
    with pytest.raises(UsageError, match="Texts has 12 characters"):
        read_values([texts], {"t": ["abcdef", "ghijkl"]}, 10)
    with pytest.raises(UsageError, match="All fields are empty"):
        read_values([text], {}, 10)


def test_one_choice_is_not_enough_and_the_sentence_is_for_people(answerer_of: Any) -> None:
    with pytest.raises(UsageError, match="cannot be answered as it is") as caught:
        answerer_of("multiple-choice", "list").answer({"question": "why", "choices": "it was great"})
    assert "two or more" in caught.value.remedy
    assert "{" not in str(caught.value)


def test_more_people_than_the_queue_holds_are_told_so(reviewer: Answerer, serve: Any) -> None:
    started, go_on, answer = threading.Event(), threading.Event(), reviewer.compute

    def wait(rows: Any) -> Any:
        started.set()
        assert go_on.wait(30)
        return answer(rows)

    reviewer.compute = wait
    demo = serve(reviewer, queue_size=1)
    client = connect(demo)
    first = client.submit(text="a great film", api_name="/predict")
    assert started.wait(30)
    second = client.submit(text="a dull film", api_name="/predict")
    while len(demo.page._queue) < 1:
        time.sleep(0.01)
    with pytest.raises(Exception, match=r"(?i)queue is full"):
        client.predict(text="a poor film", api_name="/predict")
    go_on.set()
    assert {first.result(30)["prediction"], second.result(30)["prediction"]} <= {"good", "bad"}


def test_answers_do_not_mix_when_many_ask_at_once(reviewer: Answerer) -> None:
    texts = [f"a {word} film" for word in ("great", "dull", "lovely", "awful", "superb", "poor")] * 4
    alone = [reviewer.answer({"text": text}).prediction for text in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: reviewer.answer({"text": text}).prediction, texts))
    assert together == alone


# -- serving


def test_it_listens_on_this_machine_only(reviewer: Answerer, serve: Any) -> None:
    port = int(serve(reviewer).url.rsplit(":", 1)[1].strip("/"))
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("sockets are listed under /proc on Linux only")
    entries = [line.split() for path in (table, Path("/proc/net/tcp6")) if path.exists()
               for line in path.read_text().splitlines()[1:]]  # fmt: skip
    listening = [local for _, local, _, state, *_ in entries if state == "0A" and local.endswith(f":{port:04X}")]
    assert listening == [f"0100007F:{port:04X}"]


def test_nobody_is_answered_without_the_password(
    reviewer: Answerer, serve: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    demo = serve(reviewer, auth=("ada", "s3cret-word"))
    assert httpx.get(f"{demo.url}config").status_code == 401
    assert httpx.post(f"{demo.url}gradio_api/call/predict", json={"data": ["x"]}).status_code == 401
    with pytest.raises(Exception, match=r"(?i)auth|login|credentials|401"):
        connect(demo)
    with pytest.raises(Exception, match=r"(?i)auth|login|credentials|401"):
        connect(demo, auth=("ada", "wrong"))
    client = connect(demo, auth=("ada", "s3cret-word"))
    assert client.predict(text="a great film", api_name="/predict")["prediction"] in ("good", "bad")
    out, err = capfd.readouterr()
    assert "s3cret-word" not in out + err + caplog.text


def test_clients_of_mcp_find_a_described_tool_and_call_it(reviewer: Answerer, serve: Any) -> None:
    import asyncio

    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    demo = serve(reviewer, mcp=True)

    async def ask() -> tuple[Any, Any, Any]:
        async with (
            streamablehttp_client(demo.mcp_url) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            good = await session.call_tool(tools[0].name, {"text": "a great film"})
            return tools, good, await session.call_tool(tools[0].name, {"text": " "})

    tools, good, bad = asyncio.run(ask())
    assert [tool.name for tool in tools] == ["predict"]
    assert "labels: bad, good" in tools[0].description
    assert tools[0].inputSchema["properties"]["text"]["description"].startswith("Text. ")
    assert json.loads(good.content[0].text) == reviewer.model.predict(["a great film"])[0]
    assert bad.isError
    assert "Text is empty" in bad.content[0].text


def test_a_port_that_is_taken_is_said_to_be(reviewer: Answerer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} is in use"):
            start(reviewer, DemoSettings(port=port))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"port": 70_000}, "no port 70000"),
        ({"host": "192.0.2.1"}, "no address of this machine"),
        ({"auth": ("ada", "")}, "password is empty"),
        ({"auth": ("ada", "word"), "mcp": True}, "cannot be asked of MCP clients"),
    ],
)
def test_settings_that_cannot_be_served_are_refused(reviewer: Answerer, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        start(reviewer, DemoSettings(**settings))


def test_mcp_needs_its_package(reviewer: Answerer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"finetune-recipes\[mcp\]"):
        start(reviewer, DemoSettings(mcp=True))


def test_the_page_takes_nothing_from_elsewhere_and_keeps_nothing(reviewer: Answerer, serve: Any) -> None:
    demo = serve(reviewer)
    config = httpx.get(f"{demo.url}config").json()
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    assert "http" not in (config["css"] or "")
    assert not [url for url in config["stylesheets"] if url.startswith("http")]
    assert httpx.get(f"{demo.url}theme.css").text.count("url(http") == 0


def test_what_people_flag_is_no_matter_of_programs(reviewer: Answerer, serve: Any, tmp_path: Path) -> None:
    client = connect(serve(reviewer, flags=tmp_path / "flags.jsonl"))
    assert list(client.view_api(return_format="dict", print_info=False)["named_endpoints"]) == ["/predict"]
    client.predict(text="a great film", api_name="/predict")
    assert list(tmp_path.iterdir()) == []


# -- what is told of a model


def test_the_page_says_what_the_model_is_and_how_good(answerer_of: Any) -> None:
    known = answerer_of(*FIRST)
    assert known.title == "contract"
    assert known.description.startswith("Tells what is what. Macro F1 0.")
    assert "95% interval" in known.description
    assert known.description.endswith("test rows.")
    assert known.card.startswith("# contract")


def test_without_a_run_the_model_still_answers(answerer_of: Any) -> None:
    bare = Answerer(answerer_of(*FIRST).model)
    assert (bare.card, bare.examples()) == ("", [])
    assert bare.description.startswith("Tells what is what.")
    assert bare.answer({"text": "a great film"}).prediction["prediction"] in ("good", "bad")


@pytest.mark.parametrize("name", ["sentence-similarity", "fill-mask"])
def test_before_the_fit_the_pretrained_model_answers(answerer_of: Any, name: str) -> None:
    variant = {"sentence-similarity": "scored", "fill-mask": "short"}[name]
    tuned = answerer_of(name, variant)
    asked = tuned.examples(1)[0]
    after = tuned.answer(asked).prediction
    untouched = tuned.untouched()
    before = untouched.answer(asked).prediction
    pretrained, processor = tuned.model.task.load(replace(tuned.model.base, dropout=None))
    device = next(tuned.model.model.parameters()).device
    plain = replace(tuned.model, model=pretrained.to(device).eval(), processor=processor)
    assert before["prediction"] == pytest.approx(plain.predict([asked])[0]["prediction"], abs=1e-5)
    assert before["prediction"] != after["prediction"]
    assert tuned.answer(asked).prediction == after


def test_a_model_with_a_new_head_has_no_before(reviewer: Answerer) -> None:
    assert reviewer.untouched() is None


# -- tables


def test_columns_of_a_table_are_asked_for_one_by_one(tmp_path: Path, tiny_model: Path, serve: Any) -> None:
    from datasets import Dataset

    rows = [{"name": f"a {word} film", "net weight (g)": float(i), "label": label}
            for i in range(12) for word, label in (("great", "good"), ("dull", "bad"))]  # fmt: skip
    Dataset.from_list(rows).to_parquet(tmp_path / "rows.parquet")
    finetune.run(Recipe.from_dict({
        "task": "text-classification", "name": "table", "model": {"name": str(tiny_model)},
        "data": {"name": str(tmp_path / "rows.parquet"), "columns": {"label": "label"}},
        "features": {"numeric": ["net weight (g)"], "template": "{name}, {net weight (g):.1f} grams"},
        "training": {"max_steps": 2, "bf16": False, "report_to": ["none"]}, "adapter": {"r": 4},
        "evaluation": {"resamples": 100}, "inspection": {"in_runs": False},
        "output": {"folder": str(tmp_path), "run": "run"},
    }))  # fmt: skip
    answerer = Answerer(finetune.load(tmp_path / "run"), run=RunFolder.open(tmp_path / "run"))
    assert [field.name for field in answerer.fields] == ["name", "net weight (g)"]
    assert answerer.answer({"name": "a great film", "net weight (g)": "3"}).row["text"] == "a great film, 3.0 grams"
    assert answerer.answer({"name": "a great film"}).row["text"] == "a great film, unknown grams"
    with pytest.raises(UsageError, match="no plain number"):
        answerer.answer({"name": "a great film", "net weight (g)": "heavy"})
    asked = answerer.examples(1)[0]
    given = connect(serve(answerer)).predict(
        name=asked["name"], net_weight_g=asked["net weight (g)"], api_name="/predict"
    )
    assert given == answerer.model.predict([asked])[0]


# -- Spaces


def test_a_space_shows_a_model_or_says_why_not(answerer_of: Any, tmp_path: Path) -> None:
    answerer_of(*FIRST)
    for named in ("", "nobody/nothing", str(tmp_path)):
        page = space_demo(named)
        texts = [block.value for block in page.blocks.values() if isinstance(block, gr.Markdown)]
        assert texts[0].startswith("# This demo cannot start")
        page.launch(prevent_thread_lock=True, quiet=True)
        page.close(verbose=False)


def test_a_space_answers_as_the_run_does(tmp_path: Path) -> None:
    run = finished_run(*FIRST, tmp_path)
    answerer = load_answerer(str(run))
    asked = answerer.examples(1)[0]
    assert answerer.answer(asked).prediction == finetune.load(run).predict([asked])[0]
    page = space_demo(str(run))
    page.launch(prevent_thread_lock=True, quiet=True)
    client = Client(page.local_url, verbose=False)
    assert client.predict(**asked, api_name="/predict") == finetune.load(run).predict([asked])[0]
    page.close(verbose=False)


def test_where_no_gpu_is_lent_the_model_runs_as_it_is(reviewer: Answerer) -> None:
    before = reviewer.compute
    borrow_gpu(reviewer)
    assert reviewer.compute == before


def test_where_gpus_are_lent_both_models_run_inside_of_such_calls(answerer_of: Any) -> None:
    calls = []

    def lend(compute: Any) -> Any:
        return lambda rows: calls.append(len(rows)) or compute(rows)

    tuned = Answerer(answerer_of("fill-mask", "short").model)
    tuned.run_within(lend)
    tuned.answer({"text": "the film was great"})
    tuned.untouched().answer({"text": "the film was great"})
    assert calls == [1, 1]
