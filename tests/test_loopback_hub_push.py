"""The loopback Hub takes what the real client libraries publish, as the Hub does, and fails when it is told to."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback_hub import Fault, LoopbackHub, tiny_bert
from loopback_hub.faults import KINDS
from loopback_hub.probe import run_probe
from test_loopback_hub import HTTP_ERROR, REPOSITORY_NOT_FOUND, check_error

OWNER, READER, GUEST, FINE, NARROW, BAD = "hf_owner", "hf_reader", "hf_guest", "hf_fine", "hf_narrow", "hf_bad"
SECRET = "hf_" + "s" * 34
LARGE = 2_500_000  # three parts of a million bytes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is uploaded: text, a folder, an empty file, a binary file, and one large file."""
    root = tmp_path_factory.mktemp("content")
    (root / "sub").mkdir()
    (root / "README.md").write_text("---\nlicense: mit\n---\n\n# Hello\n", encoding="utf-8")
    (root / "sub" / "notes.txt").write_text("notes", encoding="utf-8")
    (root / "sub" / "empty.txt").touch()
    (root / "long.txt").write_text("word " * 300_000, encoding="utf-8")  # its commit is kept on disk
    (root / "picture").write_bytes(b"\0\1\2")
    (root / "weights.safetensors").write_bytes(bytes(range(250)) * (LARGE // 250))
    return root


def start(root: Path, *, tls: bool = False) -> LoopbackHub:
    """A hub with tokens of every kind."""
    hub = LoopbackHub(root, tls=tls, page_size=3)
    hub.policy.part_size = 1_000_000
    hub.policy.space_stages = ("BUILDING", "APP_STARTING", "RUNNING")
    hub.free_plan = True
    hub.add_token(OWNER, "bob", "write", orgs=("acme",))
    hub.add_token(READER, "alice", "read", orgs=("acme",))
    hub.add_token(GUEST, "carol", "write")
    hub.add_token(FINE, "bob", "fineGrained", orgs=("acme",), scopes=("acme",))
    hub.add_token(NARROW, "bob", "fineGrained", orgs=("acme",), scopes=("acme/open",))
    return hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[LoopbackHub]:
    """A hub over http, on which some commits are going to fail."""
    with start(tmp_path_factory.mktemp("hub")) as running:
        running.add_model("acme/open", folder)
        running.add_model("acme/hidden", folder, private=True)
        for kind in KINDS:
            running.faults.add(Fault(kind, path=f"acme/{kind.replace('_', '-')}/commit/", method="POST", seconds=0.01))
        yield running


@pytest.fixture(scope="module")
def done(hub: LoopbackHub, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one client process reports."""
    root = tmp_path_factory.mktemp("client")
    tiny_bert(root / "model", ["a good film", "a bad film"], 2)
    roles = {"owner": OWNER, "reader": READER, "guest": GUEST, "fine": FINE, "narrow": NARROW, "bad": BAD}
    calls = {
        "repositories": {"folder": str(folder)}, "requests": {"other": GUEST}, "access": {"tokens": roles},
        "spaces": {"secret": SECRET}, "libraries": {"model": str(root / "model")}, "faults": {"kinds": list(KINDS)},
    }  # fmt: skip
    return run_probe("several", hub.environment(root / "home", token=OWNER), script="push_probe", calls=calls)


def check_repositories(found: dict[str, Any], hub: LoopbackHub, folder: Path) -> None:
    """One repository's whole life."""
    assert found["created"] == found["exist_ok"] == f"{hub.endpoint}/acme/made"
    check_error(found["again"], HTTP_ERROR, 409, "You already created this model repo")
    assert (found["still private"], found["no-op"], found["head"], found["deleted"]) == (True, True, True, True)
    for name in ("tag again", "branch again"):
        check_error(found[name], HTTP_ERROR, 409, "Reference already exists")
    assert found["branch files"] == [".gitattributes", "README.md", "long.txt", "new.txt", "picture",
                                     "weights.safetensors"]  # fmt: skip
    assert {"sub/notes.txt", "sub/empty.txt"} <= set(found["main files"])
    check_error(found["stale"], HTTP_ERROR, 412, "A commit has happened since")
    check_error(found["delete what is not there"], "huggingface_hub.errors.RemoteEntryNotFoundError", 404)
    check_error(found["commit to a tag"], "huggingface_hub.errors.BadRequestError", 400, "which is no branch")
    weights = (folder / "weights.safetensors").read_bytes()
    assert found["weights"] == [LARGE, hashlib.sha256(weights).hexdigest()]
    assert found["history"] == ["Late", "All files", "initial commit"]
    assert len(found["downloaded"]) == 6
    assert all(found["downloaded"].values())
    assert (found["refs"], found["settings"], found["moved"]) == ([["main"], []], [False, "auto"], [False, True])


def test_a_repositorys_life(done: dict[str, Any], hub: LoopbackHub, folder: Path) -> None:
    check_repositories(done["repositories"], hub, folder)
    shown = [each.visibility for each in hub.policy.visibilities if each.repo_id == "acme/made"]
    assert shown == ["private", "public"]


def test_large_files_go_to_the_storage_in_parts_and_without_the_token(done: dict[str, Any], hub: LoopbackHub) -> None:
    parts = [
        r.query for r in hub.storage_requests if "/acme/made/" in r.path and r.method == "PUT" and "part" in r.query
    ]
    assert parts == [f"signature=upload&part={number}" for number in (1, 2, 3)]
    assert not any(request.had_auth for request in hub.storage_requests)
    assert hub.unknown == []


def test_pull_requests(done: dict[str, Any]) -> None:
    found = done["requests"]
    assert found["opened"] == [1, "refs/pr/1", False]
    assert found["on its ref"] == [".gitattributes", "a.txt"]
    assert found["merged"] == ["merged", True]
    assert found["draft"] == ["draft", []]
    for name, status in (("merged again", "merged"), ("merge a draft", "draft")):
        check_error(found[name], "huggingface_hub.errors.BadRequestError", 400, f"is no open pull request: {status}")
    assert found["conflict"] == ["a.txt"]
    check_error(found["merge a conflict"], HTTP_ERROR, 409, "There are conflicts in a.txt")
    for name in ("guest merges", "guest commits"):
        check_error(found[name], HTTP_ERROR, 403, "You don't have the rights to write")
    assert found["listed"] == [[3, "merged", "carol"], [2, "closed", "bob"], [1, "merged", "bob"]]
    titles = ["Upload b.txt with huggingface_hub (#3)", "Upload a.txt with huggingface_hub",
              "Upload a.txt with huggingface_hub (#1)", "initial commit"]  # fmt: skip
    assert found["history"] == titles


def test_who_may_write(done: dict[str, Any]) -> None:
    found = done["access"]
    assert [found[name]["role"].get("value") for name in ("owner", "reader", "fine")] == [
        "write",
        "read",
        "fineGrained",
    ]
    for name in ("owner", "fine"):
        assert all("value" in found[name][step] for step in ("create", "check", "upload", "hidden"))
    assert "value" in found["narrow"]["upload"]
    check_error(found["narrow"]["create"], HTTP_ERROR, 403, "rights to create a model under the namespace acme")
    for step in ("create", "check", "upload", "settings"):
        check_error(found["reader"][step], HTTP_ERROR, 403, "You don't have the rights")
    assert found["reader"]["exist_ok"]["value"] == "acme/open"


def test_what_is_private_does_not_exist_for_others(done: dict[str, Any]) -> None:
    found = done["access"]
    # The owner has made it private before the guest comes, so for the guest it is not there.
    check_error(found["guest"]["check"], REPOSITORY_NOT_FOUND, 404)
    check_error(found["guest"]["hidden"], REPOSITORY_NOT_FOUND, 404)
    for step, result in found["bad"].items():
        text = "Invalid user token" if step == "role" else "Invalid credentials in Authorization header"
        check_error(result, HTTP_ERROR, 401, text)


def test_spaces(done: dict[str, Any], hub: LoopbackHub) -> None:
    found = done["spaces"]
    check_error(found["free plan"], HTTP_ERROR, 402, "A paid plan is required")
    check_error(found["paid hardware"], HTTP_ERROR, 402, "A paid plan is required")
    check_error(found["no such hardware"], "huggingface_hub.errors.BadRequestError", 400, "Invalid hardware")
    assert (found["empty"], found["stages"]) == ("NO_APP_FILE", ["BUILDING", "APP_STARTING", "RUNNING"])
    assert (found["hardware"], found["info"]) == (["zero-a10g", "zero-a10g"], ["gradio", "RUNNING"])
    assert found["variables"] == {"MODEL": "acme/m", "DATA": "acme/d"}
    assert (found["secrets"], found["paused"]) == (["OTHER"], "PAUSED")
    assert found["protected"] == {"value": None}
    assert [each.visibility for each in hub.policy.visibilities if each.repo_id == "acme/demo"] == [
        "private",
        "protected",
    ]


def test_the_libraries_push(done: dict[str, Any], hub: LoopbackHub) -> None:
    found = done["libraries"]
    assert found["weights"]
    assert found["words"] == ["a", "good", "film"]
    assert found["rows"] == [{"text": "good", "label": 1}, {"text": "bad", "label": 0}]
    assert "/acme/pushed/" in found["card"]["value"]
    check_error(found["bad card"], "ValueError")
    for field in ("license", "base_model"):
        assert f'\\"{field}\\" ' in found["bad card"]["message"]
    assert found["tags"] == ["test"]
    assert hub.repository("acme/pushed").private


def test_faults(done: dict[str, Any]) -> None:
    found = done["faults"]
    assert [kind for kind in KINDS if found[kind]["applied"]] == ["cut_after", "stall"]
    for kind in ("402", "403", "429", "500", "503"):
        check_error(found[kind], HTTP_ERROR, int(kind))
    assert "rate limit" in found["429"]["message"]
    check_error(found["stale_parent"], HTTP_ERROR, 412, "A commit has happened since")
    for kind in ("cut", "cut_after"):
        check_error(found[kind], "httpx2.RemoteProtocolError", None, "disconnected")
    assert "value" in found["stall"]


def test_every_body_is_on_record(done: dict[str, Any], hub: LoopbackHub) -> None:
    where = {request.path for request in hub.sightings(SECRET)}
    assert where == {"/api/repos/create"}
    assert hub.sightings(OWNER) == []
    # In base64 inside a commit, in the middle of a large file's part, and in an address.
    assert any("/commit/" in request.path for request in hub.sightings("# Hello"))
    assert any("/storage/" in request.path for request in hub.sightings(bytes(range(65, 90)).decode()))
    assert any("/tag/" in request.path for request in hub.sightings("the first"))
    assert any(body.file is not None for _, body in hub.bodies)


def test_over_tls(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with start(tmp_path / "hub", tls=True) as secure, caplog.at_level(logging.ERROR):
        for kind in ("cut", "cut_after"):
            secure.faults.add(Fault(kind, path=f"acme/{kind.replace('_', '-')}/commit/"))
        calls = {"repositories": {"folder": str(folder)}, "faults": {"kinds": ["cut", "cut_after"]}}
        environment = secure.environment(tmp_path / "home", token=OWNER)
        found = run_probe("several", environment, script="push_probe", calls=calls)
        check_repositories(found["repositories"], secure, folder)
        assert [found["faults"][kind]["applied"] for kind in ("cut", "cut_after")] == [False, True]
        assert secure.unknown == []
    assert caplog.records == []


def test_quota_and_rate_limit(folder: Path, tmp_path: Path) -> None:
    with start(tmp_path / "hub") as hub:
        hub.policy.storage_quota = LARGE - 1
        calls: dict[str, Any] = {"repositories": {"folder": str(folder)}}
        with pytest.raises(AssertionError, match="Private repository storage limit reached"):
            run_probe("several", hub.environment(tmp_path / "home", token=OWNER), script="push_probe", calls=calls)
        assert not any(request.method == "PUT" for request in hub.storage_requests)
        hub.policy.rate_limit = 2
        address = f"{hub.endpoint}/api/models/acme/made/auth-check"
        answers = [httpx.get(address, headers={"Authorization": f"Bearer {OWNER}"}, trust_env=False) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["RateLimit"] == '"api";r=1;t=300'
    assert (answers[2].headers["Retry-After"], answers[2].headers["RateLimit"]) == ("300", '"api";r=0;t=300')
