"""Putting folders on the Hub: the true client library against a Hub on the loopback interface.

The client reads its address when it is imported, so it runs in a process of its own, which is told what to do line by
line; one process serves all tests. Started with an address as its first argument, this file is that process.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if __name__ != "__main__":
    from loopback_hub import LoopbackHub
    from loopback_hub.faults import Fault

from finetune.errors import FinetuneError, PublishError, SecretFoundError
from finetune.publishing import Patience, Receipt, Target, Upload, find_secrets, full_name, refuse_secrets
from finetune.publishing.retries import asked_wait, is_passing
from finetune.publishing.stale import stale_files
from finetune.publishing.verification import LocalFile

TOKEN, READER, STRANGER = "hf_" + "w" * 34, "hf_" + "r" * 34, "hf_" + "s" * 34
QUICK = {"attempts": 5, "first_wait": 0.01, "longest_wait": 0.05, "timeout": 10.0}
BORN = {".gitattributes"}


# The process that publishes.


def serve() -> None:
    """Do what each line of the input says; write its outcome as a line."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    for line in sys.stdin:
        order = json.loads(line)
        os.environ["HF_TOKEN"] = order.pop("token")
        try:
            outcome = {"value": DEEDS[order.pop("deed")](**order)}
        except FinetuneError as error:
            outcome = {"error": type(error).__name__, "cause": error.cause, "remedy": error.remedy}
        print(json.dumps(outcome), flush=True)


def do_find_account(patience: dict[str, Any]) -> Any:
    from finetune.publishing import find_account

    account = find_account(Patience(**patience))
    return [account.name, list(account.organizations), account.role]


def do_check_access(targets: list[dict[str, Any]], gated: list[Any], patience: dict[str, Any]) -> Any:
    from finetune.publishing import check_access

    return check_access([Target(**each) for each in targets], gated, Patience(**patience)).name


def do_send(upload: dict[str, Any], receipt: str, patience: dict[str, Any]) -> Any:
    from finetune.publishing import send

    opened = Receipt.open(receipt)
    send(Upload(**{**upload, "folder": Path(upload["folder"])}), opened, Patience(**patience))
    return opened.sentence


DEEDS: dict[str, Callable[..., Any]] = {
    "find_account": do_find_account, "check_access": do_check_access, "send": do_send
}  # fmt: skip


class Client:
    """A process that publishes to one hub."""

    def __init__(self, hub: LoopbackHub, folder: Path, **environment: str) -> None:
        self.folder, self.log = folder, folder / "client.log"
        folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, __file__, "serve"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            env={**os.environ, **hub.environment(folder / "home"), "OMP_NUM_THREADS": "1", **environment},
        )  # fmt: skip

    def ask(self, deed: str, token: str = TOKEN, **arguments: Any) -> dict[str, Any]:
        """The outcome of one deed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"deed": deed, "token": token, "patience": QUICK, **arguments}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        outcome: dict[str, Any] = json.loads(line)
        return outcome

    def send(self, repo: str, folder: Path, token: str = TOKEN, **more: Any) -> dict[str, Any]:
        """Send a folder to a repository, with a receipt of its own."""
        patience = more.pop("patience", QUICK)
        upload = {"repo_type": "model", "repo": repo, "private": True, "folder": str(folder), "message": "Publish v1"}
        return self.ask("send", token, upload={**upload, **more}, receipt=str(self.receipt(repo)), patience=patience)

    def receipt(self, repo: str) -> Path:
        return self.folder / "receipts" / f"{repo.replace('/', '-')}.json"

    def entry(self, repo: str) -> dict[str, Any]:
        """What the receipt says of a repository."""
        (found,) = json.loads(self.receipt(repo).read_text())["repositories"]
        return dict(found)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    """Small pages, so that the listing of many files comes in several."""
    with LoopbackHub(tmp_path_factory.mktemp("hub"), page_size=50) as running:
        running.add_token(TOKEN, "lovelace", "write", orgs=("acme",))
        running.add_token(READER, "lovelace", "read", orgs=("acme",))
        running.add_token(STRANGER, "eve", "write")
        yield running


@pytest.fixture(scope="module")
def client(hub: LoopbackHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    running = Client(hub, tmp_path_factory.mktemp("client"))
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _calm(request: pytest.FixtureRequest) -> Iterator[None]:
    """No fault and no limit outlives its test."""
    yield
    if "hub" in request.fixturenames:
        running = request.getfixturevalue("hub")
        running.faults.clear()
        running.policy.storage_quota, running.policy.free_plan = None, False


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as large models and small cards make it: LFS files, text, a subfolder."""
    return write_files(tmp_path / "model", {
        "README.md": "---\nlicense: mit\n---\n# A model\n", "config.json": "{}", "model.safetensors": b"\0\1" * 5000,
        "tokenizer.json": '{"vocab": {}}', ".eval_results/data.yaml": "- value: 0.5\n", "finetune.json": "{}",
    })  # fmt: skip


def write_files(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def files_of(hub: LoopbackHub, repo: str, revision: str = "main", repo_type: str = "model") -> dict[str, bytes]:
    repository = hub.repository(repo, repo_type)
    commit = repository.resolve(revision)
    assert commit is not None
    return {path: repository.blob_path(blob).read_bytes() for path, blob in commit.files.items()}


def ours(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def titles(hub: LoopbackHub, repo: str) -> list[str]:
    repository = hub.repository(repo)
    head = repository.resolve("main")
    assert head is not None
    return [commit.title for commit in repository.history(head)]


# Who publishes, and where to.


def test_whose_token_it_is(client: Client) -> None:
    assert client.ask("find_account") == {"value": ["lovelace", ["acme"], "write"]}


@pytest.mark.parametrize(
    ("token", "words"), [("", "no access token"), ("hf_unknown", "not accept"), (READER, "only read")]
)
def test_a_token_that_cannot_publish(client: Client, token: str, words: str) -> None:
    found = client.ask("find_account", token)
    assert found["error"] == "AccessError"
    assert words in found["cause"]
    assert "HF_TOKEN" in found["remedy"]
    assert not token or token not in str(found)


def test_offline_is_said(hub: LoopbackHub, tmp_path: Path) -> None:
    offline = Client(hub, tmp_path, HF_HUB_OFFLINE="1")
    found = offline.ask("find_account")
    offline.close()
    assert found["error"] == "AccessError"
    assert "HF_HUB_OFFLINE" in found["cause"]


def test_a_name_without_an_owner_is_ones_own() -> None:
    assert full_name("mood", "lovelace") == "lovelace/mood"
    assert full_name("acme/mood", "lovelace") == "acme/mood"


def check(client: Client, repo: str, token: str = TOKEN, gated: Any = (), **more: Any) -> dict[str, Any]:
    target = {"repo_type": "model", "repo": repo, "private": True, **more}
    return client.ask("check_access", token, targets=[target], gated=list(gated))


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("repo_type", ["model", "dataset", "space"])
def test_a_missing_repository_is_created_as_asked(
    client: Client, hub: LoopbackHub, repo_type: str, private: bool
) -> None:
    repo = f"acme/made-{repo_type}-{private}"
    assert check(client, repo, repo_type=repo_type, private=private) == {"value": "lovelace"}
    assert hub.repository(repo, repo_type).private is private
    assert check(client, repo, repo_type=repo_type, private=private) == {"value": "lovelace"}


def test_a_namespace_of_others(client: Client, hub: LoopbackHub) -> None:
    found = check(client, "google/mine")
    assert found["error"] == "AccessError"
    assert "'google'" in found["cause"]
    assert "lovelace, acme" in found["remedy"]
    with pytest.raises(KeyError):
        hub.repository("google/mine")


def test_an_empty_public_repository_becomes_private(client: Client, hub: LoopbackHub) -> None:
    check(client, "acme/empty", private=False)
    assert check(client, "acme/empty") == {"value": "lovelace"}
    assert hub.repository("acme/empty").private


def test_the_visibility_of_what_holds_something_is_left_alone(client: Client, hub: LoopbackHub, model: Path) -> None:
    hub.add_model("acme/seen", model)
    hub.add_model("acme/hidden", model, private=True)
    for repo, private, remedy in (("acme/seen", True, "--public"), ("acme/hidden", False, "--private")):
        found = check(client, repo, private=private)
        assert found["error"] == "AccessError"
        assert remedy in found["remedy"]
        assert hub.endpoint + f"/{repo}/settings" in found["remedy"]
        assert hub.repository(repo).private is not private
        assert client.send(repo, model, private=private)["error"] == "AccessError"
    assert titles(hub, "acme/seen") == ["Add files", "initial commit"]


def test_others_private_and_public_repositories(client: Client, hub: LoopbackHub, model: Path) -> None:
    hub.add_model("acme/open", model)
    found = check(client, "acme/open", STRANGER, private=False)
    assert found["error"] == "AccessError"
    assert "eve" in found["remedy"]


def test_gated_sources_are_asked_about(client: Client, hub: LoopbackHub, model: Path) -> None:
    hub.add_model("big/base", model, gated=True)
    hub.add_dataset("big/data", model, gated=True)
    for source in (["model", "big/base"], ["dataset", "big/data"]):
        found = check(client, "acme/early", gated=[source])
        assert found["error"] == "AccessError"
        assert "gated" in found["cause"]
        assert source[1] in found["cause"]
    hub.grant("big/base", "lovelace")
    assert check(client, "acme/early", gated=[["model", "big/base"]]) == {"value": "lovelace"}
    assert check(client, "acme/early", gated=[["model", "big/none"]])["error"] == "AccessError"


def test_a_space_that_the_plan_does_not_pay_for(client: Client, hub: LoopbackHub) -> None:
    hub.policy.free_plan = True
    found = check(client, "acme/demo", repo_type="space", hardware="cpu-basic")
    assert found["error"] == "PlanError"
    assert "paid plan" in found["cause"]
    assert "zero-a10g" in found["remedy"]
    assert check(client, "acme/demo", repo_type="space", hardware="zero-a10g") == {"value": "lovelace"}


# Sending.


def test_one_commit_verified_and_tagged(client: Client, hub: LoopbackHub, model: Path) -> None:
    repo = "acme/plain"
    done = client.send(repo, model, tag="runs/v1")
    assert done == {"value": f"Published: {hub.endpoint}/{repo} (private)."}
    assert titles(hub, repo) == ["Publish v1", "initial commit"]
    assert {**files_of(hub, repo), ".gitattributes": b""} == {**ours(model), ".gitattributes": b""}
    repository, entry = hub.repository(repo), client.entry(repo)
    assert repository.refs["refs/tags/runs/v1"] == entry["commit"] == repository.refs["refs/heads/main"]
    assert (entry["verified"], entry["finished"], entry["visibility"]) == (True, True, "private")
    assert (entry["tag"], entry["pull_request"], entry["deleted"]) == ("runs/v1", None, [])
    head = repository.resolve("main")
    assert head is not None
    assert set(entry["files"]) == set(ours(model))
    for path, kept in entry["files"].items():
        assert kept["size"] == (model / path).stat().st_size
        blob = head.files[path]
        assert kept.get("sha256", kept.get("oid")) == (blob.sha256 or blob.oid)


def test_the_second_time_nothing_is_sent(client: Client, hub: LoopbackHub, model: Path) -> None:
    assert "value" in client.send("acme/twice", model, tag="v1")
    for forget in (False, True):
        if forget:
            client.receipt("acme/twice").unlink()
        before = len(hub.requests)
        assert "value" in client.send("acme/twice", model, tag="v1")
        assert {request.method for request in hub.requests[before:]} == {"GET"}
    assert client.entry("acme/twice")["finished"]


def test_what_was_changed_on_the_hub_is_restored(client: Client, hub: LoopbackHub, model: Path) -> None:
    assert "value" in client.send("acme/edited", model)
    repository = hub.repository("acme/edited")
    repository.refs["refs/heads/main"] = repository.commits[repository.refs["refs/heads/main"]].parent or ""
    del repository.commits[client.entry("acme/edited")["commit"]]
    assert "value" in client.send("acme/edited", model)
    assert ours(model).items() <= files_of(hub, "acme/edited").items()


@pytest.mark.parametrize("kind", ["429", "500", "503", "cut", "cut_after", "stale_parent"])
@pytest.mark.parametrize("path", ["/repos/create", "/commit/", "/tag/"])
def test_a_failure_that_passes(client: Client, hub: LoopbackHub, model: Path, kind: Any, path: str) -> None:
    repo = f"acme/shaky-{kind}{path.replace('/', '-').rstrip('-')}".replace("_", "-")
    fault = hub.faults.add(Fault(kind, path=path, method="POST"))
    assert "value" in client.send(repo, model, tag="v1")
    assert len(fault.hits) == 1
    assert titles(hub, repo) == ["Publish v1", "initial commit"]
    assert client.entry(repo)["finished"]
    assert hub.repository(repo).private


@pytest.mark.parametrize(("kind", "error"), [("402", "PlanError"), ("403", "PlanError")])
def test_a_refusal_is_not_asked_again(client: Client, hub: LoopbackHub, model: Path, kind: Any, error: str) -> None:
    fault = hub.faults.add(Fault(kind, path="/commit/", times=9))
    found = client.send(f"acme/refused-{kind}", model)
    assert found["error"] == error
    assert "--resume" in found["remedy"]
    assert len(fault.hits) == 1
    assert titles(hub, f"acme/refused-{kind}") == ["initial commit"]
    assert not client.entry(f"acme/refused-{kind}")["finished"]
    hub.faults.clear()
    assert "value" in client.send(f"acme/refused-{kind}", model)


@pytest.mark.parametrize(
    ("kind", "error"), [("429", "PlanError"), ("503", "PublishError"), ("stale_parent", "PublishError")]
)
def test_patience_ends(client: Client, hub: LoopbackHub, model: Path, kind: Any, error: str) -> None:
    repo = f"acme/endless-{kind}".replace("_", "-")
    fault = hub.faults.add(Fault(kind, path="/commit/", times=99, retry_after=3600))
    found = client.send(repo, model, patience={**QUICK, "attempts": 3})
    assert found["error"] == error
    assert len(fault.hits) == 3
    assert titles(hub, repo) == ["initial commit"]


def test_a_silent_hub_is_not_waited_for(client: Client, hub: LoopbackHub, model: Path) -> None:
    """The first commit lands while the second try is under way already: still one commit."""
    hub.faults.add(Fault("stall", path="/commit/", seconds=1.5))
    assert "value" in client.send("acme/silent", model, patience={**QUICK, "timeout": 0.5, "longest_wait": 2.0})
    assert titles(hub, "acme/silent") == ["Publish v1", "initial commit"]
    assert client.entry("acme/silent")["finished"]


def test_a_quota_of_the_storage(client: Client, hub: LoopbackHub, model: Path) -> None:
    hub.policy.storage_quota = 100
    found = client.send("lovelace/full", model)
    assert found["error"] == "PlanError"
    assert "storage" in found["cause"]
    assert titles(hub, "lovelace/full") == ["initial commit"]


def test_somebody_else_commits_in_between(client: Client, hub: LoopbackHub, model: Path) -> None:
    check(client, "acme/busy")
    repository = hub.repository("acme/busy")
    stall = hub.faults.add(Fault("stall", path="/preupload/", seconds=1.0))
    outcome: list[dict[str, Any]] = []
    sending = threading.Thread(target=lambda: outcome.append(client.send("acme/busy", model)))
    sending.start()
    deadline = time.monotonic() + 20
    while not stall.hits and time.monotonic() < deadline:
        time.sleep(0.01)
    repository.commit({"LICENSE": repository.write_blob("LICENSE", b"MIT")}, "Somebody's")
    sending.join(timeout=60)
    assert "value" in outcome[0]
    assert titles(hub, "acme/busy") == ["Publish v1", "Somebody's", "initial commit"]
    assert files_of(hub, "acme/busy")["LICENSE"] == b"MIT"


def test_old_model_files_go_and_others_stay(client: Client, hub: LoopbackHub, model: Path, tmp_path: Path) -> None:
    repo = "acme/changed"
    assert "value" in client.send(repo, model)
    repository = hub.repository(repo)
    theirs = {"LICENSE": b"MIT", "pictures/plot.png": b"\x89PNG", "model.onnx": b"onnx"}
    repository.commit({name: repository.write_blob(name, content) for name, content in theirs.items()}, "Theirs")
    before = repository.refs["refs/heads/main"]
    adapter = {"README.md": "# Adapter\n", "adapter_config.json": "{}", "adapter_model.safetensors": b"\0" * 99}
    assert "value" in client.send(repo, write_files(tmp_path / "adapter", dict(adapter)))
    assert set(files_of(hub, repo)) == {*adapter, *theirs, *BORN}
    gone = sorted(set(ours(model)) - {"README.md"})
    assert client.entry(repo)["deleted"] == gone
    assert client.entry(repo)["before"] == before
    assert set(gone) <= set(files_of(hub, repo, before))
    assert "model.safetensors" in client.log.read_text()


def test_another_model_is_not_deleted_unasked(client: Client, hub: LoopbackHub, model: Path) -> None:
    repo = "acme/anothers"
    client.ask("check_access", TOKEN, targets=[{"repo_type": "model", "repo": repo, "private": True}], gated=[],
               patience=QUICK)  # fmt: skip
    repository = hub.repository(repo)
    theirs = {"README.md": b"# Theirs", "pytorch_model.bin": b"weights"}
    repository.commit({name: repository.write_blob(name, content) for name, content in theirs.items()}, "Theirs")
    refused = client.send(repo, model)
    assert refused["error"] == "PublishError"
    assert "pytorch_model.bin" in refused["cause"]
    assert set(files_of(hub, repo)) >= set(theirs)
    assert "value" in client.send(repo, model, replace=True)
    assert "pytorch_model.bin" not in files_of(hub, repo)


def test_a_tag_is_never_moved(client: Client, hub: LoopbackHub, model: Path) -> None:
    assert "value" in client.send("acme/tagged", model, tag="v1")
    before = hub.repository("acme/tagged").refs["refs/heads/main"]
    (model / "README.md").write_text("# Another\n")
    found = client.send("acme/tagged", model, tag="v1")
    assert found["error"] == "PublishError"
    assert "'v1'" in found["cause"]
    assert hub.repository("acme/tagged").refs["refs/heads/main"] == before
    assert "value" in client.send("acme/tagged", model, tag="v2")
    assert hub.repository("acme/tagged").refs["refs/tags/v1"] == before


def test_a_file_that_the_repository_ignores_is_missed(client: Client, hub: LoopbackHub, model: Path) -> None:
    check(client, "acme/ignoring")
    repository = hub.repository("acme/ignoring")
    repository.commit({".gitignore": repository.write_blob(".gitignore", b"*.json\n")}, "Ignore")
    found = client.send("acme/ignoring", model, tag="v1")
    assert found["error"] == "VerificationError"
    assert "config.json (missing)" in found["cause"]
    assert ".gitignore" in found["remedy"]
    assert not client.entry("acme/ignoring")["verified"]
    assert "refs/tags/v1" not in repository.refs


def test_a_card_that_the_hub_does_not_take(client: Client, hub: LoopbackHub, model: Path) -> None:
    (model / "README.md").write_text("---\nlicense: [unclosed\n---\n")
    found = client.send("acme/badcard", model)
    assert found["error"] == "PublishError"
    assert "README.md" in found["cause"]
    assert titles(hub, "acme/badcard") == ["initial commit"]


def test_data_sets_and_spaces(client: Client, hub: LoopbackHub, tmp_path: Path) -> None:
    rows = write_files(tmp_path / "rows", {"README.md": "# Rows\n", "data/train-0.parquet": b"PAR1\0"})
    assert "value" in client.send("acme/rows", rows, repo_type="dataset", private=False)
    (rows / "data" / "train-0.parquet").rename(rows / "data" / "train-00000.parquet")
    assert "value" in client.send("acme/rows", rows, repo_type="dataset", private=False)
    assert set(files_of(hub, "acme/rows", repo_type="dataset")) == {"README.md", "data/train-00000.parquet", *BORN}
    head = "---\ntitle: Demo\nsdk: gradio\napp_file: app.py\n---\n"
    demo = write_files(tmp_path / "demo", {"README.md": head, "app.py": "print(1)\n"})
    assert "value" in client.send("acme/shown", demo, repo_type="space", hardware="zero-a10g")
    assert files_of(hub, "acme/shown", repo_type="space")["app.py"] == b"print(1)\n"
    assert client.entry("acme/shown")["url"] == f"{hub.endpoint}/spaces/acme/shown"


def test_large_files_go_up_in_parts(client: Client, hub: LoopbackHub, model: Path) -> None:
    hub.policy.part_size = 4000
    hub.faults.add(Fault("503", path="/storage/", method="PUT", nth=2))
    done = client.send("acme/parts", model)
    hub.policy.part_size = 5 * 1024**3
    assert "value" in done
    assert files_of(hub, "acme/parts")["model.safetensors"] == (model / "model.safetensors").read_bytes()


def test_folders_that_cannot_be_sent(client: Client, tmp_path: Path) -> None:
    for files, words in (({}, "nothing"), ({".git/config": "x", "a": "b"}, ".git/config")):
        folder = tmp_path / words.replace("/", "-")
        folder.mkdir()
        found = client.send("acme/odd", write_files(folder, dict(files)))
        assert found["error"] == "PublishError"
        assert words in found["cause"]


# Large publications.


def test_many_files_go_by_a_pull_request(client: Client, hub: LoopbackHub, tmp_path: Path) -> None:
    many = write_files(tmp_path / "many", {f"part/{number:03}.txt": f"row {number}\n" for number in range(230)})
    assert "value" in client.send("acme/many", many, tag="v1")
    entry = client.entry("acme/many")
    assert entry["pull_request"] == 1
    assert titles(hub, "acme/many") == ["Publish v1 (#1)", "initial commit"]
    repository = hub.repository("acme/many")
    request = repository.resolve("refs/pr/1")
    assert request is not None
    assert len(list(repository.history(request))) == 4  # of 100 files each, on the first
    assert entry["commit"] == repository.refs["refs/tags/v1"] == repository.refs["refs/heads/main"]
    assert len(entry["files"]) == 230
    before = len(hub.requests)
    assert "value" in client.send("acme/many", many, tag="v1")
    assert {each.method for each in hub.requests[before:]} == {"GET"}


@pytest.mark.parametrize("path", [r"/discussions$", "/commit/", "/status$", "/merge$"])
@pytest.mark.parametrize("kind", ["503", "cut_after"])
def test_a_pull_request_survives_failures(client: Client, hub: LoopbackHub, model: Path, path: str, kind: Any) -> None:
    repo = f"acme/request-{kind}-{path.strip('/$')}".replace("_", "-")
    hub.faults.add(Fault(kind, path=path, method="POST"))
    assert "value" in client.send(repo, model, pull_request=True, tag="v1")
    assert titles(hub, repo) == ["Publish v1 (#1)", "initial commit"]
    assert client.entry(repo)["finished"]


def test_an_interrupted_pull_request_is_gone_on_with(client: Client, hub: LoopbackHub, model: Path) -> None:
    fault = hub.faults.add(Fault("503", path="/merge$", times=99))
    assert client.send("acme/stopped", model, pull_request=True)["error"] == "PublishError"
    assert titles(hub, "acme/stopped") == ["initial commit"]
    assert client.entry("acme/stopped")["pull_request"] == 1
    hub.faults.clear()
    assert "value" in client.send("acme/stopped", model, pull_request=True)
    assert len(fault.hits) == QUICK["attempts"]
    assert titles(hub, "acme/stopped") == ["Publish v1 (#1)", "initial commit"]


def test_a_pull_request_that_conflicts_is_not_forced(client: Client, hub: LoopbackHub, model: Path) -> None:
    hub.faults.add(Fault("503", path="/merge$", times=99))
    client.send("acme/conflict", model, pull_request=True)
    hub.faults.clear()
    repository = hub.repository("acme/conflict")
    repository.commit({"config.json": repository.write_blob("config.json", b'{"a": 1}')}, "Theirs")
    found = client.send("acme/conflict", model, pull_request=True)
    assert found["error"] == "PublishError"
    assert "conflicts" in found["cause"]
    assert titles(hub, "acme/conflict") == ["Theirs", "initial commit"]


# Secrets.

PLANTED = {
    "own token": (TOKEN, "access token"),
    "another token": ("hf_" + "AbCdEfGhIjKlMnOpQr" * 2, "Hugging Face"),
    "AWS": ("AKIA" + "IOSFODNN7EXAMPLE", "AWS"),
    "GitHub": ("ghp_" + "a1B2" * 9, "GitHub"),
    "Slack": ("xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx", "Slack"),
    "password in an address": ("https://me:hunter2@example.org/x", "Basic Auth"),
    "private key": ("-----BEGIN RSA PRIVATE KEY-----", "Private key"),
    "OpenSSH key": ("-----BEGIN OPENSSH PRIVATE KEY-----", "Private key"),
    "bot": ("110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1", "Telegram"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_secrets_are_found(name: str, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    secret, kind = PLANTED[name]
    write_files(model, {"notes.txt": f"first\nsecond\n{secret}\n"})
    (found,) = find_secrets(model)
    assert (found.path, found.line) == ("notes.txt", 3)
    assert kind in found.kind
    with pytest.raises(SecretFoundError) as refused:
        refuse_secrets(model)
    assert secret not in str(refused.value)
    assert "notes.txt, line 3" in refused.value.cause


@pytest.mark.parametrize("before", [10, (8 << 20) - 20, 9_000_000])
def test_the_own_token_is_found_in_any_bytes(before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    write_files(tmp_path, {"weights.safetensors": b"\0" * before + TOKEN.encode() + b"\0" * 1000})
    assert [str(found) for found in find_secrets(tmp_path)] == ["weights.safetensors: Your own access token"]


def test_a_token_of_another_shape_and_in_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "unusual-token")
    write_files(tmp_path, {"a.txt": "x unusual-token y", "of-unusual-token.txt": "nothing"})
    assert [found.path for found in find_secrets(tmp_path)] == ["a.txt", "(a file's name)"]


def test_a_large_text_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    write_files(tmp_path, {"rows.csv": "a,b\n" * 600_000 + PLANTED["another token"][0]})
    assert [found.kind for found in find_secrets(tmp_path)] == ["Hugging Face access token"]


def test_ordinary_folders_give_no_alarm(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert find_secrets(tiny_model) == []
    assert find_secrets(Path(__file__).parents[1] / "recipes") == []
    assert find_secrets(Path(__file__).parents[1] / "data_cards") == []
    hashes = {f"file{number}": f"{number:064x}" for number in range(50)} | {"commit": "3f" * 20}
    write_files(tmp_path, {
        "evaluation.json": json.dumps({"sha256": hashes, "accuracy": 0.93, "p": 1e-12, "goals": ["f1 >= 0.7"]}),
        "README.md": "Set `HF_TOKEN`; `hf_hub_download(...)`, hf_transfer, https://huggingface.co/acme/mood@v1.\n",
        "tokenizer_config.json": '{"cls_token": "[CLS]", "password_token": null, "auth": "none", "key": "value"}',
        "requirements.txt": "finetune-recipes @ git+https://example.org/a.git@" + "ab" * 20 + "\n",
    })  # fmt: skip
    assert find_secrets(tmp_path) == []


def test_a_folder_with_a_secret_is_not_sent(client: Client, hub: LoopbackHub, model: Path) -> None:
    write_files(model, {"recipe.yaml": f"token: {TOKEN}\n"})
    before = len(hub.requests)
    found = client.send("acme/leaky", model)
    assert found["error"] == "SecretFoundError"
    assert TOKEN not in str(found)
    assert len(hub.requests) == before


def test_the_token_goes_to_the_hub_alone(client: Client, hub: LoopbackHub, model: Path) -> None:
    assert "value" in client.send("acme/quiet", model)
    assert any(request.method == "PUT" for request in hub.storage_requests)
    assert not any(request.had_auth for request in hub.storage_requests)
    assert hub.sightings(TOKEN) == []
    assert TOKEN not in client.log.read_text()
    assert "signature" not in client.log.read_text()
    assert not any(TOKEN.encode() in path.read_bytes() for path in client.folder.rglob("*") if path.is_file())
    assert hub.unknown == []


def test_never_public_where_private_was_asked(client: Client, hub: LoopbackHub, model: Path) -> None:
    assert "value" in client.send("acme/discreet", model)
    shown = [change.visibility for change in hub.policy.visibilities if change.repo_id == "acme/discreet"]
    assert shown == ["private"]


def test_over_tls(model: Path, tmp_path: Path) -> None:
    with LoopbackHub(tmp_path / "hub", tls=True) as secure:
        secure.add_token(TOKEN, "lovelace", "write")
        client = Client(secure, tmp_path / "client")
        assert "value" in client.send("lovelace/safe", model, tag="v1")
        assert client.ask("find_account", "hf_unknown")["error"] == "AccessError"
        client.close()
        assert titles(secure, "lovelace/safe") == ["Publish v1", "initial commit"]


def test_a_hub_without_xet_storage(hub: LoopbackHub, model: Path, tmp_path: Path) -> None:
    """The library for it is installed and tried first; the loopback Hub has no route for it."""
    client = Client(hub, tmp_path / "client", HF_HUB_DISABLE_XET="0")
    assert "value" in client.send("acme/older", model, tag="v1")
    client.close()
    tried = [each.path for each in hub.unknown]
    assert tried == ["/api/models/acme/older/xet-write-token/main"]
    hub.unknown.clear()
    assert "Xet storage failed" in client.log.read_text()
    assert titles(hub, "acme/older") == ["Publish v1", "initial commit"]
    assert ours(model).items() <= files_of(hub, "acme/older").items()


def test_a_hub_that_is_not_there(tmp_path: Path, model: Path) -> None:
    with LoopbackHub(tmp_path / "hub") as gone:
        client = Client(gone, tmp_path / "client")
    found = client.send("acme/lost", model)
    client.close()
    assert found["error"] == "PublishError"
    assert "could not be reached" in found["cause"]


# The parts.


def test_patience_waits_longer_each_time_and_never_too_long() -> None:
    patience = Patience(first_wait=1.0, longest_wait=6.0)
    for tries, most in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 6.0), (9, 6.0)):
        assert most / 2 <= patience.wait(tries) <= most
    assert patience.wait(1, asked=3.0) == 3.0
    assert patience.wait(1, asked=3600.0) == 6.0


@pytest.mark.parametrize(("headers", "seconds"), [
    ({"Retry-After": "7"}, 7.0), ({"RateLimit": '"api";r=0;t=55'}, 55.0), ({"RateLimit": '"api";r=3;t=55'}, None),
    ({}, None),
    ({"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0.0), ({"Retry-After": "soon"}, None),
])  # fmt: skip
def test_what_the_hub_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(refusal(429, headers)) == seconds


@pytest.mark.parametrize(("status", "passing"), [
    (400, False), (401, False), (402, False), (403, False), (404, False), (409, False), (408, True), (412, True),
    (429, True), (500, True), (503, True), (504, True),
])  # fmt: skip
def test_what_is_tried_again(status: int, passing: bool) -> None:
    assert is_passing(refusal(status, {})) is passing


def refusal(status: int, headers: dict[str, str]) -> Exception:
    import httpx2
    from huggingface_hub.utils import hf_raise_for_status

    request = httpx2.Request("POST", "https://example.org/api/models/acme/mood/commit/main")
    try:
        hf_raise_for_status(httpx2.Response(status, headers=headers, request=request, json={"error": "no"}))
    except Exception as error:
        return error
    raise AssertionError(status)


def test_hashes_are_those_of_git(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"what is up, doc?")
    file = LocalFile("file", path, 16)
    assert file.oid == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"  # the example of the Git book
    assert len(file.sha256) == 64


def test_what_is_stale() -> None:
    there = [
        "model.safetensors",
        "README.md",
        ".gitattributes",
        "adapter/adapter_config.json",
        "LICENSE",
        "config.json",
    ]
    assert stale_files("model", there, ["README.md", "config.json"]) == [
        "adapter/adapter_config.json",
        "model.safetensors",
    ]
    assert stale_files("space", there, []) == []


def test_a_receipt_is_read_back(tmp_path: Path) -> None:
    receipt = Receipt.open(tmp_path / "new" / "receipt.json")
    assert receipt.sentence == "Nothing was published."
    entry = receipt.entry("model", "acme/mood")
    entry.url, entry.visibility = "https://example.org/acme/mood", "private"
    receipt.save()
    assert Receipt.open(receipt.path).sentence == "Unfinished: acme/mood."
    entry.finished = True
    receipt.save()
    again = Receipt.open(receipt.path)
    assert again.finished
    assert again.entry("model", "acme/mood") == entry
    assert again.sentence == "Published: https://example.org/acme/mood (private)."
    receipt.path.write_text("[1")
    with pytest.raises(PublishError, match="not a receipt"):
        Receipt.open(receipt.path)


def test_what_would_go_up_is_known_beforehand(model: Path) -> None:
    upload = Upload("model", "acme/mood", True, model, "Publish")
    assert upload.files == [(path, len(content)) for path, content in sorted(ours(model).items())]
    assert not upload.by_pull_request
    assert Upload("model", "acme/mood", True, model, "Publish", pull_request=True).by_pull_request


if __name__ == "__main__":
    serve()
