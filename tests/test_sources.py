"""Where models and data live: names, packages from a loopback index, the loopback Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import LoopbackHub, dataset_repository, tiny_bert
from package_index import PackageIndex, sdist, sha256, tarred, wheel, zipped

from finetune.errors import (
    FinetuneError,
    IntegrityError,
    NotFoundError,
    OfflineError,
    RecipeError,
    RevisionError,
    SourceError,
)
from finetune.sources import Location, PackageFile, cache_folder, fetch_from_package, parse_location, resolve_model

# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "revision", "expected"),
    [
        ("gpt2", None, ("hub", "gpt2", None, "")),
        ("org/name", None, ("hub", "org/name", None, "")),
        ("org/name@v1.0", None, ("hub", "org/name", "v1.0", "")),
        ("org/name@refs/pr/3", None, ("hub", "org/name", "refs/pr/3", "")),
        ("org/name", "main", ("hub", "org/name", "main", "")),
        ("org/name@main", "main", ("hub", "org/name", "main", "")),
        ("org/na.me-2_b", None, ("hub", "org/na.me-2_b", None, "")),
        ("pypi:some-data==1.0.2/data/train.csv", None, ("package", "some-data", "1.0.2", "data/train.csv")),
        ("pypi:x==1!2.0+local/a.tar.gz/b/", None, ("package", "x", "1!2.0+local", "a.tar.gz/b")),
        ("sqlite:///shop.db", None, ("database", "sqlite:///shop.db", None, "")),
    ],
)
def test_names(name: str, revision: str | None, expected: tuple[Any, ...]) -> None:
    found = parse_location(name, revision)
    assert (found.kind, found.name, found.revision, found.inside) == expected
    assert found.text == name


def test_what_exists_here_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("org/name", "./org/name", str(tmp_path / "org" / "name"), "~/org/name"):
        assert parse_location(name) == Location("local", str((tmp_path / "org" / "name").resolve()), name)


def test_a_password_is_not_shown() -> None:
    found = parse_location("postgresql://ann:s3cret@host/db")
    assert found.text == "postgresql://ann:***@host/db"
    assert "s3cret" in found.name


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("pypi:words/data.csv", RecipeError, "pypi:NAME==VERSION/path/inside"),
        ("pypi:words==1.0", RecipeError, "pypi:NAME==VERSION/path/inside"),
        ("pypi:words>=1.0/data.csv", RecipeError, "must be exact"),
        ("pypi:words==1.0/../../data.csv", RecipeError, "path"),
        ("reviews.csv", NotFoundError, "local path"),
        ("data/reviews.parquet", NotFoundError, "local path"),
        ("./reviews", NotFoundError, "local path"),
        ("/nowhere/at/all", NotFoundError, "There is no folder /nowhere/at either"),
        ("a/b/c", NotFoundError, "local path"),
        ("org/näme", NotFoundError, "local path"),
    ],
)
def test_names_that_lead_nowhere(name: str, kind: type[FinetuneError], message: str) -> None:
    with pytest.raises(kind) as caught:
        parse_location(name)
    assert message in str(caught.value)
    assert caught.value.remedy


def test_a_misspelt_path_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").touch()
    with pytest.raises(NotFoundError, match=r"reviews\.csv"):
        parse_location(str(tmp_path / "revews.csv"))


def test_two_revisions_contradict_each_other() -> None:
    with pytest.raises(RecipeError, match=r"(?s)'v1'.*'v2'.*Keep one"):
        parse_location("org/name@v1", "v2")


# -- packages ---------------------------------------------------------------------------------------------------------

CSV = "text,label\na fine film,good\n"
MORE = "text,label\na poor film,bad\n"
TRAP = "import pathlib\npathlib.Path({path!r}).write_text('executed')\n"


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """What would exist if anything of a package were executed."""
    return tmp_path / "executed"


@pytest.fixture(params=["json", "html"])
def index(
    request: pytest.FixtureRequest, tmp_path: Path, trap: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PackageIndex]:
    """An index with a package `words`: a wheel, and a source archive that has nested archives and a set-up trap."""
    code = TRAP.format(path=str(trap))
    inner = tarred({"inner/deep/more.csv": MORE, "inner/other.csv": CSV})
    source = {
        "words/train.csv": "from the source archive",
        "data/only_here.csv": MORE,
        "data/inner.tar.gz": inner,
        "data/outer.zip": zipped({"one/inner.tar.gz": inner}),
        "setup.py": code,
        "conftest.py": code,
        "backend.py": code,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    }
    with PackageIndex(as_html=request.param == "html") as running:
        running.add("words", wheel("words", "1.0", {"words/__init__.py": code, "words/train.csv": CSV}))
        running.add("words", sdist("words", "1.0", source), wheel("words", "0.9", {"words/train.csv": "old"}))
        monkeypatch.setenv("PIP_INDEX_URL", running.url)
        monkeypatch.setenv("FINETUNE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


def fetch(inside: str, sha256: str | None = None, version: str = "1.0", name: str = "words") -> PackageFile:
    return fetch_from_package(parse_location(f"pypi:{name}=={version}/{inside}"), sha256)


def test_the_wheel_comes_first(index: PackageIndex) -> None:
    found = fetch("words/train.csv")
    assert found.path.read_text() == CSV
    assert found.archive == "words-1.0-py3-none-any.whl"
    assert found.sha256 == sha256(index.files["words"][found.archive])
    assert found.path.is_relative_to(cache_folder())
    assert index.downloads() == [found.archive]


def test_then_the_source_archive(index: PackageIndex, trap: Path) -> None:
    found = fetch("data/only_here.csv")
    assert found.path.read_text() == MORE
    assert found.archive == "words-1.0.tar.gz"
    assert index.downloads() == ["words-1.0-py3-none-any.whl", "words-1.0.tar.gz"]
    assert not trap.exists(), "the package's code was executed"


@pytest.mark.parametrize(
    "inside",
    [
        "data/inner.tar.gz/deep/more.csv",
        "data/inner.tar.gz/inner/deep/more.csv",
        "words-1.0/data/inner.tar.gz/deep/more.csv",
        "data/outer.zip/one/inner.tar.gz/deep/more.csv",
    ],
)
def test_a_path_goes_through_archives(index: PackageIndex, inside: str, trap: Path) -> None:
    assert fetch(inside).path.read_text() == MORE
    assert not trap.exists()


def test_a_folder_and_an_archive_are_things_to_fetch_too(index: PackageIndex) -> None:
    folder = fetch("data").path
    assert sorted(path.name for path in folder.iterdir()) == ["inner.tar.gz", "only_here.csv", "outer.zip"]
    with tarfile.open(fetch("data/inner.tar.gz").path) as archive:
        assert "inner/other.csv" in archive.getnames()


def test_the_hash_of_the_recipe_chooses_the_archive(index: PackageIndex) -> None:
    source = index.files["words"]["words-1.0.tar.gz"]
    found = fetch("words/train.csv", sha256(source))
    assert found.path.read_text() == "from the source archive"
    assert index.downloads() == ["words-1.0.tar.gz"]


def test_a_wrong_hash_in_the_recipe(index: PackageIndex) -> None:
    fetch("words/train.csv")
    with pytest.raises(IntegrityError, match=r"(?s)No file of words==1\.0 has the SHA-256 0000.*correct the recipe"):
        fetch("words/train.csv", "0" * 64)


@pytest.mark.parametrize("stated", ["0" * 64, None])
def test_a_download_that_is_not_what_the_index_says(index: PackageIndex, stated: str | None) -> None:
    index.stated["words-1.0-py3-none-any.whl"] = stated
    with pytest.raises(IntegrityError, match="did not arrive as the index describes it"):
        fetch("words/train.csv")
    left = [path.name for path in cache_folder().rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == [], "what was not verified must not stay"


def test_a_changed_file_in_the_cache(index: PackageIndex) -> None:
    archive = fetch("words/train.csv").path.parents[2] / "words-1.0-py3-none-any.whl"
    archive.write_bytes(archive.read_bytes()[:-10] + b"0123456789")
    with pytest.raises(IntegrityError, match=r"(?s)has changed since its download.*Delete it"):
        fetch("words/train.csv")
    archive.unlink()
    assert fetch("words/train.csv").path.read_text() == CSV


@pytest.mark.parametrize("damaged", [b"no archive at all", None])
def test_a_damaged_archive(index: PackageIndex, damaged: bytes | None) -> None:
    whole = index.files["words"]["words-1.0.tar.gz"]
    index.add("torn", ("torn-1.0.tar.gz", damaged or whole[: len(whole) // 2]), ("torn-2.0-py3-none-any.whl", b"no"))
    for version in ("1.0", "2.0"):
        with pytest.raises(IntegrityError, match=rf"torn-{version}.*cannot be unpacked"):
            fetch("data/only_here.csv", version=version, name="torn")


def test_an_archive_that_writes_outside_is_refused(index: PackageIndex, tmp_path: Path) -> None:
    index.add("evil", ("evil-1.0.tar.gz", tarred({"evil-1.0/data/../../../../../../outside.csv": CSV})))
    with pytest.raises(IntegrityError, match="cannot be unpacked"):
        fetch("data", name="evil")
    assert not list(tmp_path.rglob("outside.csv"))


def test_no_such_package(index: PackageIndex) -> None:
    with pytest.raises(NotFoundError, match=r"(?s)no package 'wrods'.*spelling"):
        fetch("words/train.csv", name="wrods")


def test_no_such_version(index: PackageIndex) -> None:
    with pytest.raises(RevisionError, match=r"(?s)words has no version 2\.0.*1\.0"):
        fetch("words/train.csv", version="2.0")


def test_versions_are_compared_as_versions(index: PackageIndex) -> None:
    assert fetch("words/train.csv", version="1.0.0").path.read_text() == CSV
    assert fetch("words/train.csv", version="0.9").path.read_text() == "old"


def test_no_such_path(index: PackageIndex) -> None:
    with pytest.raises(
        NotFoundError, match=r"(?s)words==1\.0 has no 'words/tran\.csv'.*Did you mean 'words/train\.csv'"
    ):
        fetch("words/tran.csv")


def test_without_a_connection_the_cache_answers(index: PackageIndex) -> None:
    fetch("words/train.csv")
    fetch("data/inner.tar.gz/deep/more.csv")
    index.stop()
    assert fetch("words/train.csv").path.read_text() == CSV
    assert fetch("data/only_here.csv").path.read_text() == MORE
    with pytest.raises(OfflineError, match=r"(?s)cannot be reached and other==1\.0 is not in the cache.*Connect once"):
        fetch("train.csv", name="other")


def test_an_index_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FINETUNE_CACHE", str(tmp_path))
    monkeypatch.setattr(PackageIndex, "_answer", lambda *_: (403, "text/plain", b"no"))
    with PackageIndex() as broken:
        monkeypatch.setenv("PIP_INDEX_URL", broken.url)
        with pytest.raises(SourceError, match=r"answered with an error \(403\)"):
            fetch("words/train.csv")


def test_two_processes_at_once(index: PackageIndex) -> None:
    code = (
        "from finetune.sources import fetch_from_package, parse_location\n"
        "print(fetch_from_package(parse_location('pypi:words==1.0/data/only_here.csv')).path.read_text())"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == [MORE.strip()] * 2
    assert index.downloads() == ["words-1.0-py3-none-any.whl", "words-1.0.tar.gz"]


def test_a_model_in_a_package(index: PackageIndex) -> None:
    index.add("brain", wheel("brain", "1.0", {"brain/model/config.json": "{}"}))
    source = resolve_model("pypi:brain==1.0/brain/model")
    assert (Path(source.path) / "config.json").exists()
    assert (source.revision, source.name) == (None, "pypi:brain==1.0/brain/model")
    assert source.sha256 == sha256(index.files["brain"]["brain-1.0-py3-none-any.whl"])


# -- the Hub ----------------------------------------------------------------------------------------------------------

READER, UNKNOWN = "hf_reader", "hf_nobody"
ROWS = [{"text": f"film {i}", "label": i % 2} for i in range(6)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    root = tmp_path_factory.mktemp("hub")
    with LoopbackHub(root / "storage") as running:
        model = tiny_bert(root / "model", ["a film"])
        old, new = (
            dataset_repository(root / name, {"default": {"train": ROWS[:rows]}})
            for name, rows in (("old", 4), ("new", 6))
        )
        running.add_token(READER, "alice")
        running.add_model("acme/model", model)
        running.add_revision("acme/model", tag="v1")
        running.add_model("acme/gated", model, gated=True)
        running.add_model("acme/private", model, private=True)
        running.add_model("acme/empty", root / "old")
        running.add_dataset("acme/data", old)
        running.add_revision("acme/data", repo_type="dataset", tag="v1")
        running.add_revision("acme/data", new, repo_type="dataset")
        running.add_dataset("acme/gated", new, gated=True)
        running.add_dataset("acme/granted", new, gated=True)
        running.grant("acme/granted", "alice", "dataset")
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def ask(calls: dict[str, list[Any]], environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What each call came to, in a process that has this environment: the client reads it when it is imported."""
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(calls)], env={**os.environ, **environment}, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answers: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def _serve(calls: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """Each call: `model` or `data`, the arguments, a token."""
    answers: dict[str, dict[str, Any]] = {}
    for name, (what, arguments, token) in calls.items():
        os.environ["HF_TOKEN"] = token or ""
        try:
            answers[name] = _model(**arguments) if what == "model" else _data(**arguments)
        except FinetuneError as error:
            answers[name] = {"error": type(error).__name__, "told": str(error)}
    return answers


def _model(**arguments: Any) -> dict[str, Any]:
    found = resolve_model(**arguments)
    return {"path": found.path, "revision": found.revision, "name": found.name}


def _data(**arguments: Any) -> dict[str, Any]:
    from finetune.data import read
    from finetune.recipe import DataSection

    raw = read(DataSection(**arguments))
    return {"rows": len(raw.splits["train"]), "source": raw.source}


@pytest.fixture(scope="module")
def online(hub: LoopbackHub, home: Path) -> dict[str, dict[str, Any]]:
    calls: dict[str, list[Any]] = {
        "model, bad token": ["model", {"name": "acme/model"}, UNKNOWN],  # before the cache can answer
        "model": ["model", {"name": "acme/model"}, None],
        "no id of a model": ["model", {"name": "acme/mo--del"}, None],
        "no id of data": ["data", {"name": "acme/data-"}, None],
        "model at a tag": ["model", {"name": "acme/model@v1"}, None],
        "missing model": ["model", {"name": "acme/none"}, None],
        "missing model, token": ["model", {"name": "acme/none"}, READER],
        "private model": ["model", {"name": "acme/private"}, READER],
        "gated model": ["model", {"name": "acme/gated"}, None],
        "gated model, token": ["model", {"name": "acme/gated"}, READER],
        "model at no revision": ["model", {"name": "acme/model", "revision": "v9"}, None],
        "no model inside": ["model", {"name": "acme/empty"}, None],
        "data": ["data", {"name": "acme/data"}, None],
        "missing data": ["data", {"name": "acme/none"}, None],
        "gated data": ["data", {"name": "acme/gated"}, None],
        "gated data, token": ["data", {"name": "acme/gated"}, READER],
        "gated data, let in": ["data", {"name": "acme/granted"}, READER],
        "data at no revision": ["data", {"name": "acme/data@v9"}, None],
        "data, bad token": ["data", {"name": "acme/data"}, UNKNOWN],
        "no such configuration": ["data", {"name": "acme/data", "config": "german"}, None],
    }
    return ask(calls, hub.environment(home))


def head(hub: LoopbackHub, name: str, kind: Any = "model", ref: str = "refs/heads/main") -> str:
    return hub.repository(name, kind).refs[ref]


def test_a_model_is_pinned_to_a_commit(online: dict[str, Any], hub: LoopbackHub) -> None:
    assert online["model"] == {"path": "acme/model", "revision": head(hub, "acme/model"), "name": "acme/model"}
    assert online["model at a tag"]["revision"] == head(hub, "acme/model", ref="refs/tags/v1")


def test_data_is_pinned_to_a_commit(online: dict[str, Any], hub: LoopbackHub) -> None:
    assert online["data"]["rows"] == 6
    assert online["data"]["source"]["revision"] == head(hub, "acme/data", "dataset")
    assert online["gated data, let in"]["rows"] == 6


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("missing model", "NotFoundError", "Check the spelling (org/name). No token is set."),
        ("missing model, token", "NotFoundError", "A token is set"),
        ("private model", "NotFoundError", "it is private and your token may not read it"),
        ("gated model", "GatedError", "No token is set."),
        ("gated model, token", "GatedError", "A token is set"),
        ("model at no revision", "RevisionError", "has no revision 'v9'"),
        ("model, bad token", "CredentialsError", "does not accept the access token"),
        ("no id of a model", "NotFoundError", "No model can have the id 'acme/mo--del'"),
        ("no id of data", "NotFoundError", "No dataset can have the id 'acme/data-'"),
        ("no model inside", "NotFoundError", "has no config.json"),
        ("missing data", "NotFoundError", "The Hub has no dataset acme/none"),
        ("gated data", "GatedError", "No token is set."),
        ("gated data, token", "GatedError", "A token is set"),
        ("data at no revision", "RevisionError", "has no revision 'v9'"),
        ("data, bad token", "CredentialsError", "does not accept the access token"),
        ("no such configuration", "NotFoundError", "has no configuration 'german'"),
    ],
)
def test_each_refusal_has_its_own_error(online: dict[str, Any], name: str, error: str, told: str) -> None:
    assert online[name]["error"] == error, online[name]
    assert told in online[name]["told"]
    assert "\n" in online[name]["told"], "no remedy"


def test_offline_with_a_warm_cache(online: dict[str, Any], hub: LoopbackHub, home: Path) -> None:
    commit = head(hub, "acme/data", "dataset")
    old = head(hub, "acme/data", "dataset", "refs/tags/v1")
    before = len(hub.requests)
    calls: dict[str, list[Any]] = {
        "model": ["model", {"name": "acme/model"}, None],
        "model, another revision": ["model", {"name": "acme/model", "revision": "v2"}, None],
        "model, never seen": ["model", {"name": "acme/other"}, None],
        "data": ["data", {"name": "acme/data"}, None],
        "data at its commit": ["data", {"name": "acme/data", "revision": commit}, None],
        "data at a tag": ["data", {"name": "acme/data", "revision": "v1"}, None],
        "data at another commit": ["data", {"name": "acme/data", "revision": old}, None],
        "data, never seen": ["data", {"name": "acme/other"}, None],
    }
    answers = ask(calls, hub.environment(home, offline=True))
    assert answers["model"] == online["model"]
    for name in ("data", "data at its commit"):
        assert answers[name]["rows"] == 6
        assert answers[name]["source"]["revision"] == commit
    for name in ("model, another revision", "model, never seen", "data, never seen"):
        assert answers[name]["error"] == "OfflineError", answers[name]
    for name, wanted in {"data at a tag": "v1", "data at another commit": old}.items():
        assert answers[name]["error"] == "OfflineError", answers[name]
        assert f"The cache holds another revision of acme/data ({commit}), not {wanted}" in answers[name]["told"]
    assert len(hub.requests) == before


def test_the_hub_cannot_be_reached(hub: LoopbackHub, home: Path, online: dict[str, Any]) -> None:
    calls: dict[str, list[Any]] = {
        "model": ["model", {"name": "acme/model"}, None],
        "model, never seen": ["model", {"name": "acme/other"}, None],
        "data": ["data", {"name": "acme/data"}, None],
        "data, never seen": ["data", {"name": "acme/other"}, None],
    }
    answers = ask(calls, hub.environment(home) | {"HF_ENDPOINT": "http://127.0.0.1:9", "IMPATIENT": "1"})
    assert answers["model"] == online["model"]
    assert answers["data"]["rows"] == 6
    for name in ("model, never seen", "data, never seen"):
        assert answers[name]["error"] == "OfflineError", answers[name]


def test_local_models(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"(?s)holds no config\.json.*save_pretrained"):
        resolve_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    source = resolve_model(str(tmp_path))
    assert (source.path, source.revision, source.name) == (str(tmp_path.resolve()), None, str(tmp_path))


if __name__ == "__main__":
    if os.environ.get("IMPATIENT"):
        time.sleep = lambda seconds: None  # the Hub's client waits 23 s between its attempts to connect
    print(json.dumps(_serve(json.loads(sys.argv[1]))))
