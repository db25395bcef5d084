"""A Space: its files are valid whatever a title holds, its requirements install, and it answers or says why not."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import review_rows
from gradio_client import Client
from loopback_hub import LoopbackHub
from packaging.requirements import Requirement
from tiny_runs import tiny_recipe

import finetune
from finetune.artifacts import DataTarget, Publication, RunFolder, SpaceTarget
from finetune.errors import UsageError
from finetune.publishing import stage_model, stage_space

ROOT = Path(__file__).parents[1]
PACKAGE = f"finetune-recipes=={finetune.__version__}"
SPACE = SpaceTarget("acme/demo", False, "zero-a10g", PACKAGE)
PLAN = Publication("acme/reviews", False, "merged", "v1", examples=True, space=SPACE)
TEXTS = ["a great lovely film", "a dull awful meal"]
TOKEN = "hf_" + "s" * 34


def head_of(folder: Path) -> dict[str, Any]:
    start, head, *_ = (folder / "README.md").read_text(encoding="utf-8").split("---\n")
    assert start == ""
    return dict(yaml.safe_load(head))


# -- the files


def test_the_front_matter_says_what_the_hub_needs(tmp_path: Path) -> None:
    import gradio

    publication = replace(PLAN, data=DataTarget("acme/rows", False, False))
    folder = stage_space(publication, "Reviews", "apache-2.0", tmp_path / "space", datasets=["other/rows"])
    assert {path.name for path in folder.iterdir()} == {"README.md", "app.py", "requirements.txt"}
    assert head_of(folder) == {
        "title": "Reviews", "emoji": "🔎", "colorFrom": "indigo", "colorTo": "gray", "sdk": "gradio",
        "sdk_version": gradio.__version__, "python_version": "3.12", "app_file": "app.py", "pinned": False,
        "models": ["acme/reviews"], "datasets": ["other/rows", "acme/rows"], "license": "apache-2.0",
        "short_description": "Try Reviews", "suggested_hardware": "zero-a10g", "tags": ["finetune-recipes"],
    }  # fmt: skip
    text = (folder / "README.md").read_text(encoding="utf-8")
    for link in ("https://huggingface.co/acme/reviews", "https://huggingface.co/datasets/acme/rows"):
        assert f"({link})" in text
    assert "finetune demo acme/reviews" in text
    assert "$" not in text
    assert (folder / "app.py").read_text().count('MODEL = "acme/reviews"\n') == 1


@pytest.mark.parametrize(
    "title", ["a: 'b' \"c\" # d", "two\nlines\n---\nevil: yes", "$head ${model} 100%", "émoji 🎬", "- x"]
)
def test_a_title_cannot_break_the_page(title: str, tmp_path: Path) -> None:
    folder = stage_space(PLAN, title, None, tmp_path / "space")
    head = head_of(folder)
    assert head["title"] == " ".join(title.split())
    assert "evil" not in head
    assert "license" not in head
    assert "datasets" not in head
    assert f"\n# {head['title']}\n" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("description", ["word " * 30, "x" * 200, "Short."])
def test_a_description_is_no_longer_than_the_hub_takes(description: str, tmp_path: Path) -> None:
    shown = head_of(stage_space(PLAN, "T", None, tmp_path / "space", description=description))["short_description"]
    assert 0 < len(shown) <= 60
    assert shown == "Short." or shown[:4] == description[:4]


def test_a_private_model_needs_a_secret_and_the_page_says_so(tmp_path: Path) -> None:
    private = stage_space(replace(PLAN, private=True), "T", None, tmp_path / "private")
    public = stage_space(PLAN, "T", None, tmp_path / "public")
    assert "`HF_TOKEN`" in (private / "README.md").read_text()
    assert "HF_TOKEN" not in (public / "README.md").read_text()


def test_the_requirement_is_one_and_never_torch(tmp_path: Path) -> None:
    for package in (PACKAGE, "finetune-recipes @ git+https://example.org/finetune.git@v1"):
        folder = stage_space(replace(PLAN, space=replace(SPACE, package=package)), "T", None, tmp_path / package[-3:])
        lines = (folder / "requirements.txt").read_text().splitlines()
        assert [Requirement(line).name for line in lines] == ["finetune-recipes"]
    for package in ("torch==2.9", "torch", "a\nb", "", "--index-url x"):
        with pytest.raises(UsageError):
            stage_space(replace(PLAN, space=replace(SPACE, package=package)), "T", None, tmp_path / "bad")
    with pytest.raises(UsageError, match="no Space"):
        stage_space(replace(PLAN, space=None), "T", None, tmp_path / "bad")
    with pytest.raises(UsageError, match="not empty"):
        stage_space(PLAN, "T", None, folder)
    assert not (tmp_path / "bad").exists()


# -- the page


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and what is published of it beside it."""
    folder = tmp_path_factory.mktemp("model")
    recipe = tiny_recipe(
        "text-classification", folder, review_rows(60), {}, words=[r["text"] for r in review_rows(400)]
    )
    finetune.run(recipe)
    texts = {"recipe.yaml": recipe.to_yaml().replace(str(folder), "here"), "README.md": "# Film reviews\n\nA model."}
    stage_model(RunFolder.open(folder / "run"), PLAN, texts, folder / "staged")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The Space in an empty folder, and its requirements installed in another one, from a wheel of this tree."""
    folder = tmp_path_factory.mktemp("space")
    tree, space = folder / "tree", stage_space(PLAN, "Film reviews", "mit", folder / "space")
    tree.mkdir()
    for name in ("finetune", "space"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"]
    pip("wheel", *quiet, "--no-build-isolation", "--wheel-dir", folder / "wheels", tree)
    pip("install", *quiet, "--no-index", "--find-links", folder / "wheels", "--target", folder / "site",
        "--requirement", space / "requirements.txt")  # fmt: skip
    return space, folder / "site"


def pip(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def serving(folder: Path, environment: dict[str, str], *arguments: str | Path) -> Iterator[str]:
    """`python app.py` in a folder, once it listens; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {**os.environ, **environment, "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "0"}
    log = folder.with_name(f"{folder.name}-{port}.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", *arguments], cwd=folder, env=given, stdout=output, stderr=output
        )
        try:
            while not listens(port):
                assert process.poll() is None, log.read_text()[-3000:]
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def page_of(client: Client) -> str:
    """Every text on the page."""
    return json.dumps([part.get("props", {}).get("value") for part in client.config["components"]], ensure_ascii=False)


def test_the_space_starts_from_its_requirements_and_answers(model: Path, installed: Any, tmp_path: Path) -> None:
    space, site = installed
    assert (site / "finetune" / "publishing" / "space" / "app.py").exists()  # a Space can be staged from the wheel too
    with LoopbackHub(tmp_path / "hub") as hub:
        hub.add_model("acme/reviews", model / "staged")
        environment = hub.environment(tmp_path / "home") | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
        show = [sys.executable, "-c", "import finetune; print(finetune.__file__)"]
        where = subprocess.run(
            show, text=True, capture_output=True, check=True, cwd=space, env=os.environ | environment
        )
        assert Path(where.stdout.strip()).is_relative_to(site)
        with serving(space, environment) as url:
            client = Client(url, verbose=False)
            answers = [client.predict(text, api_name="/predict") for text in TEXTS]
            page = page_of(client)
    assert "Film reviews" in page
    for answer, wanted in zip(answers, finetune.load(model / "staged").predict(TEXTS), strict=True):
        assert answer["prediction"] == wanted["prediction"]
        assert answer["scores"] == pytest.approx(wanted["scores"], rel=1e-5)


def test_without_its_model_the_page_says_what_to_do(model: Path, tmp_path: Path) -> None:
    space = stage_space(replace(PLAN, private=True), "Film reviews", "mit", tmp_path / "space")
    with LoopbackHub(tmp_path / "hub") as hub:
        hub.add_token(TOKEN, "reader", "read", orgs=("acme",))
        hub.add("model", "acme/reviews", model / "staged", private=True)
        environment = hub.environment(tmp_path / "home") | {"OMP_NUM_THREADS": "1"}
        with serving(space, environment) as url:
            page = page_of(Client(url, verbose=False))
    assert "acme/reviews" in page
    assert "HF_TOKEN" in page
    assert "Traceback" not in page


def test_the_template_shows_a_run_of_this_machine(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", str(model / "run")])
    page = runpy.run_path(str(ROOT / "space" / "app.py"))["demo"]
    try:
        _, url, _ = page.launch(prevent_thread_lock=True, quiet=True)
        assert url.startswith("http://127.0.0.1:")
        answer = Client(url, verbose=False).predict(TEXTS[0], api_name="/predict")
    finally:
        page.close(verbose=False)
    assert answer["prediction"] == finetune.load(model / "run").predict(TEXTS[:1])[0]["prediction"]
