"""The loopback Hub answers the real client libraries as the Hub does.

Each client runs in a process of its own with fresh caches; one process makes many checks, because
importing the libraries costs more than all requests together.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import LoopbackHub, dataset_repository, tiny_adapter, tiny_bert
from loopback_hub.probe import run_probe

READER, OWNER, BAD = "hf_reader", "hf_owner", "hf_unknown"
REPOSITORY_NOT_FOUND = "huggingface_hub.errors.RepositoryNotFoundError"
REVISION_NOT_FOUND = "huggingface_hub.errors.RevisionNotFoundError"
ENTRY_NOT_FOUND = "huggingface_hub.errors.RemoteEntryNotFoundError"
GATED = "huggingface_hub.errors.GatedRepoError"
HTTP_ERROR = "huggingface_hub.errors.HfHubHTTPError"
DATASET_NOT_FOUND = "datasets.exceptions.DatasetNotFoundError"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contents to publish: two models that differ by seed, an encoder, its adapter, a dataset twice."""
    from datasets import ClassLabel, Features, Value

    root = tmp_path_factory.mktemp("folders")
    texts = ["a good film", "a bad film, really"]
    tiny_bert(root / "first", texts, 3)
    tiny_bert(root / "second", texts, 3, seed=1)
    tiny_adapter(root / "adapter", tiny_bert(root / "encoder", texts), "acme/encoder")
    features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    rows = [{"text": f"film {number}", "label": number % 2} for number in range(6)]
    configs = {"en": {"train": rows, "test": rows[:2]}, "de": {"train": rows[:4]}}
    dataset_repository(root / "reviews", configs, features, card={"license": "mit"})
    dataset_repository(root / "older", {"en": {"train": rows[:1]}, "de": {"train": rows[:1]}}, features)
    return root


def publish(hub: LoopbackHub, folders: Path) -> None:
    """Fill a hub with repositories of every kind of access."""
    hub.add_token(READER, "alice")
    hub.add_token(OWNER, "bob", "write", orgs=("acme",))
    hub.add_model("acme/tiny", folders / "first")
    hub.add_revision("acme/tiny", tag="v1")
    hub.add_revision("acme/tiny", folders / "first", branch="feature/one")
    hub.add_revision("acme/tiny", folders / "second")
    hub.add_model("acme/encoder", folders / "encoder")
    hub.add_model("acme/adapter", folders / "adapter")
    hub.add_dataset("acme/reviews", folders / "older")
    hub.add_revision("acme/reviews", repo_type="dataset", tag="v1")
    hub.add_revision("acme/reviews", folders / "reviews", repo_type="dataset")
    # Nothing of "acme/other" is ever loaded well, so no cache can hide an error on it.
    for name, kind in {"other": {}, "gated": {"gated": True}, "private": {"private": True}}.items():
        hub.add_model(f"acme/{name}", folders / "first", **kind)
        hub.add_dataset(f"acme/{name}", folders / "reviews", **kind)


def errors(name: str, **more: str) -> list[Any]:
    """One call of the probe that tries a repository with every library."""
    return ["errors", {"model": f"acme/{name}", "dataset": f"acme/{name}", "config": "en", **more}]


LOAD = {"model": "acme/tiny", "revision": "v1", "adapter": "acme/adapter", "dataset": "acme/reviews"}


@pytest.fixture(scope="module")
def hub(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    """A hub over http; its small pages make every listing follow links."""
    with LoopbackHub(tmp_path_factory.mktemp("hub"), page_size=2) as running:
        publish(running, folders)
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's HF_HOME, cold at first and warm for the offline test."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def online(hub: LoopbackHub, home: Path) -> dict[str, Any]:
    """What one client process saw with cold caches."""
    calls = {
        "load": ["load", {**LOAD, "configs": ["en", "de"]}],
        "api": ["api", {"model": "acme/tiny", "dataset": "acme/reviews", "token": READER}],
        "missing": errors("none"),
        "missing, known user": errors("none", token=READER),
        "private": errors("private"),
        "private, known user": errors("private", token=READER),
        "private, owner": errors("private", token=OWNER),
        "gated": errors("gated"),
        "gated, known user": errors("gated", token=READER),
        "wrong revision": errors("other", revision="v9"),
        "bad token": errors("other", token=BAD),
        "metric": ["evaluate", {"metric": "accuracy"}],
    }
    return run_probe("several", hub.environment(home), calls=calls)


def check_error(result: dict[str, Any], kind: str, status: int | None = None, text: str = "") -> None:
    """The exact class, the HTTP status if the exception still carries one, and part of the message."""
    assert "error" in result, result
    assert (result["error"], result["status"]) == (kind, status)
    assert text in result["message"]


def check_wrapped(results: dict[str, Any], cause: str, status: int, text: str) -> None:
    """Transformers turns every refusal into a plain OSError that names the client's error as its cause."""
    for part in ("config", "tokenizer", "model"):
        check_error(results[part], "OSError", status, text)
        assert results[part]["cause"] == cause


def check_missing(results: dict[str, Any], status: int) -> None:
    """A repository that is not there, or that the caller must not know about."""
    check_wrapped(results, REPOSITORY_NOT_FOUND, status, "is not a valid model identifier")
    check_error(results["dataset"], DATASET_NOT_FOUND, text="doesn't exist on the Hub or cannot be accessed")
    for part in ("info", "auth_check", "download", "snapshot"):
        check_error(results[part], REPOSITORY_NOT_FOUND, status)


def check_gated(results: dict[str, Any], status: int, text: str) -> None:
    """A gated repository: the metadata is public, the files are not."""
    check_wrapped(results, GATED, status, "You are trying to access a gated repo")
    check_error(results["dataset"], DATASET_NOT_FOUND, text=text)
    assert len(results["info"]["value"]) == 40
    for part in ("auth_check", "download", "snapshot"):
        check_error(results[part], GATED, status)
        assert REPOSITORY_NOT_FOUND in results[part]["bases"]


def check_bad_token(results: dict[str, Any]) -> None:
    """A token that the Hub does not know is a plain HTTP error everywhere, not a missing repository."""
    check_wrapped(results, HTTP_ERROR, 401, "There was a specific connection error when trying to load")
    check_error(results["dataset"], HTTP_ERROR, 401, "Invalid credentials in Authorization header")
    for part in ("info", "auth_check", "download", "snapshot"):
        check_error(results[part], HTTP_ERROR, 401, "Invalid credentials in Authorization header")
    check_error(results["whoami"], HTTP_ERROR, 401, "Invalid user token")


def check_loaded(results: dict[str, Any], hub: LoopbackHub) -> None:
    """The model of both revisions, its adapter, and both configurations of the dataset."""
    repository = hub.repository("acme/tiny")
    for at, ref in {"main": "refs/heads/main", "revision": "refs/tags/v1"}.items():
        assert results[at]["value"]["commit"] == repository.refs[ref]
    assert results["main"]["value"]["logits"] != results["revision"]["value"]["logits"]
    assert results["adapter"]["value"] > 0
    assert results["en"]["value"]["splits"] == {"train": 6, "test": 2}
    assert results["de"]["value"]["splits"] == {"train": 4}
    assert results["de"]["value"]["features"] == {"text": "Value", "label": "ClassLabel"}


def test_loading_by_id_and_revision(online: dict[str, Any], hub: LoopbackHub, folders: Path) -> None:
    check_loaded(online["load"], hub)
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    batch = AutoTokenizer.from_pretrained(folders / "first")("a good film", return_tensors="pt")
    with torch.no_grad():
        expected = AutoModelForSequenceClassification.from_pretrained(folders / "first")(**batch).logits
    assert online["load"]["revision"]["value"]["logits"] == pytest.approx(expected[0].tolist(), abs=1e-6)


def test_what_the_api_tells(online: dict[str, Any], hub: LoopbackHub) -> None:
    api = online["api"]
    repository = hub.repository("acme/tiny")
    head = repository.resolve("main")
    assert head is not None
    assert api["whoami"] == "read"
    assert (api["branches"], api["tags"]) == (["feature/one", "main"], ["v1"])
    assert api["commits"] == ["Revision main", "Add files", "initial commit"]
    assert "en/test-00000-of-00001.parquet" in api["tree"]
    assert "de" in api["tree"]
    assert api["weights"] == [["model.safetensors", head.files["model.safetensors"].sha256]]
    assert api["snapshot"] == sorted(head.files)
    assert api["range"]
    assert api["sibling_sizes"]
    assert api["card"] == "mit"
    assert api["branch"] == repository.refs["refs/heads/feature/one"]
    check_error(api["missing_file"], ENTRY_NOT_FOUND, 404)
    check_error(api["missing_folder"], ENTRY_NOT_FOUND, 404)
    check_error(api["write"], HTTP_ERROR, 403, "You don't have the rights")


def test_missing_and_private_repositories_look_alike(online: dict[str, Any]) -> None:
    for name in ("missing", "private"):
        check_missing(online[name], 401)
        check_missing(online[f"{name}, known user"], 404)
    owner = online["private, owner"]
    assert owner["model"]["value"] == "BertModel"
    assert owner["dataset"]["value"] == 6


def test_gated_repositories(online: dict[str, Any]) -> None:
    check_gated(online["gated"], 401, "You must be authenticated to access it")
    check_gated(online["gated, known user"], 403, "to ask for access")


def test_wrong_revision(online: dict[str, Any]) -> None:
    results = online["wrong revision"]
    check_wrapped(results, REVISION_NOT_FOUND, 404, "v9 is not a valid git identifier")
    check_error(results["dataset"], DATASET_NOT_FOUND, 404, "Revision 'v9' doesn't exist for dataset")
    for part in ("info", "download", "snapshot"):
        check_error(results[part], REVISION_NOT_FOUND, 404)


def test_bad_token(online: dict[str, Any]) -> None:
    check_bad_token(online["bad token"])


def test_a_metric_the_hub_does_not_have(online: dict[str, Any]) -> None:
    check_error(online["metric"], "FileNotFoundError", text="doesn't exist on the Hugging Face Hub either")


def test_no_token_reaches_the_storage_host(online: dict[str, Any], hub: LoopbackHub) -> None:
    resolved = {request for request in hub.requests if request.path.endswith(".safetensors")}
    assert any(request.had_auth for request in resolved)
    assert any("/acme/private/" in request.path for request in hub.storage_requests)
    assert not any(request.had_auth for request in hub.storage_requests)
    assert hub.unknown == []


def test_offline_with_a_warm_cache(online: dict[str, Any], hub: LoopbackHub, home: Path) -> None:
    before = len(hub.requests)
    calls = {"load": ["load", {**LOAD, "configs": ["en", "de"]}], "missing": errors("none")}
    calls["revision"] = ["errors", {"model": "acme/tiny", "dataset": "acme/reviews", "config": "de", "revision": "v1"}]
    results = run_probe("several", hub.environment(home, offline=True), calls=calls)
    check_loaded(results["load"], hub)
    check_error(results["missing"]["model"], "OSError", text="We couldn't connect to")
    check_error(results["missing"]["dataset"], "ConnectionError", text="Couldn't reach 'acme/none' on the Hub")
    assert results["revision"]["model"]["value"] == "BertModel"
    # A trap of the real library: v1 has one row and was never fetched; offline it gets main's four.
    assert results["revision"]["dataset"]["value"] == 4
    assert len(hub.requests) == before


def test_over_tls(folders: Path, tmp_path: Path) -> None:
    with LoopbackHub(tmp_path / "hub", tls=True) as secure:
        publish(secure, folders)
        calls = {
            "load": ["load", {**LOAD, "configs": ["en", "de"]}],
            # Without the error code that http needs: the client's own rule for https does it.
            "missing": errors("none"),
            "gated": errors("gated"),
            "bad token": errors("other", token=BAD),
        }
        results = run_probe("several", secure.environment(tmp_path / "home"), calls=calls)
        check_loaded(results["load"], secure)
        check_missing(results["missing"], 401)
        check_gated(results["gated"], 401, "You must be authenticated to access it")
        check_bad_token(results["bad token"])
        assert secure.unknown == []


def test_revisions_are_immutable_and_survive_a_restart(folders: Path, tmp_path: Path) -> None:
    with LoopbackHub(tmp_path) as first:
        sha = first.add_model("acme/tiny", folders / "first", gated=True)
        first.add_revision("acme/tiny", folders / "second", tag="v2")
        first.grant("acme/tiny", "alice")
    with LoopbackHub(tmp_path) as second:
        again = second.repository("acme/tiny")
    assert (again.gated, again.granted) == (True, {"alice"})
    old, new = again.resolve(sha), again.resolve("v2")
    assert old is not None
    assert new is not None
    assert (new.parent, new.sha) == (sha, again.refs["refs/heads/main"])
    weights = old.files["model.safetensors"]
    assert again.blob_path(weights).read_bytes() == (folders / "first" / "model.safetensors").read_bytes()
    with LoopbackHub(tmp_path / "other") as other:
        assert other.add_model("acme/tiny", folders / "first") == sha


def test_an_unknown_route_is_refused_and_recorded(tmp_path: Path) -> None:
    with LoopbackHub(tmp_path) as hub:
        assert _status(f"{hub.endpoint}/api/collections") == (404, "EntryNotFound")
        assert [request.path for request in hub.unknown] == ["/api/collections"]


def test_the_storage_host_refuses_a_token(folders: Path, tmp_path: Path) -> None:
    with LoopbackHub(tmp_path) as hub:
        hub.add_model("acme/tiny", folders / "first")
        commit = hub.repository("acme/tiny").resolve("main")
        assert commit is not None
        name = f"/storage/models/acme/tiny/{commit.files['model.safetensors'].sha256}?signature=test"
        assert _status(hub.storage_endpoint + name)[0] == 200
        assert _status(hub.storage_endpoint + name, Authorization="Bearer hf_reader")[0] == 400
        assert [request.had_auth for request in hub.storage_requests] == [False, True]
        # The API's own host does not serve it, or nothing would show that a client left the origin.
        assert _status(hub.endpoint + name)[0] == 404


def _status(address: str, **headers: str) -> tuple[int, str | None]:
    """Status and error code of a bare request."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(address, headers=headers)) as response:
            return response.status, None
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("X-Error-Code")
