"""Every request of a publication fails once, in every way: does the publication survive each of them?

``python fault_campaign.py FOLDER`` publishes small folders to a Hub on the loopback interface: a new model, a model by
a pull request, a second version over a first one, a data set and a Space. It counts the requests of a clean
publication; then, for every request and every way of failing, it publishes to a fresh repository with that one fault,
and where that ends in an error, goes on without it. The last line is JSON: the requests, the cells, and what was wrong.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from loopback_hub import Fault, LoopbackHub, Repository
from loopback_hub.recording import spellings

if TYPE_CHECKING:
    from finetune.publishing import Upload

TOKEN = "hf_" + "TheCampaignsOwnToken" + "x" * 14
MESSAGE = "Put a model where it can be tried"
BORN_WITH = {".gitattributes", "README.md"}  # what the Hub puts into a new repository by itself
# What the server does to one request; "down" is 503 from that request on until the publication is resumed.
SERVER_KINDS = ("429", "500", "503", "402", "403", "cut", "cut_after", "down")
# The process ends before the request goes out, or when its answer is in and nothing has been done with it.
CLIENT_KINDS = ("killed", "killed_after")
# Makes sense for commits only: 412 although nobody else committed.
COMMIT_KINDS = ("stale_parent",)
KINDS = (*SERVER_KINDS, *CLIENT_KINDS, *COMMIT_KINDS)
LETTERS = {"retried": "r", "resumed": "R", "refused with advice": "A"}


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Killer:
    """Counts the client's requests, and ends the publication at one of them."""

    def __init__(self) -> None:
        """Counts, and ends nothing."""
        self.count, self.nth, self.after = 0, 0, False

    def arm(self, nth: int = 0, *, after: bool = False) -> None:
        """End the publication at the nth request from now on; 0 for never."""
        self.count, self.nth, self.after = 0, nth, after

    def request(self, _: Any) -> None:
        """A hook of the client, before each request."""
        self.count += 1
        if self.count == self.nth and not self.after:
            raise Killed

    def response(self, _: Any) -> None:
        """A hook of the client, after each answer."""
        if self.count == self.nth and self.after:
            raise Killed

    def client(self) -> Any:
        """The client that huggingface_hub would make, with the hooks."""
        from huggingface_hub.utils._http import default_client_factory

        made = default_client_factory()
        hooks = made.event_hooks
        made.event_hooks = {
            "request": [*hooks["request"], self.request],
            "response": [*hooks["response"], self.response],
        }
        return made


@dataclass(frozen=True)
class Scenario:
    """One kind of publication: the staged folders of it, oldest first; only the last one meets faults."""

    name: str
    repo_type: Any
    folders: tuple[Path, ...]
    pull_request: bool = False

    def upload(self, repo: str, version: int = -1) -> Upload:
        """What is sent."""
        from finetune.publishing import Upload

        number = range(len(self.folders))[version]
        hardware = "zero-a10g" if self.repo_type == "space" else None
        return Upload(
            self.repo_type, repo, private=True, folder=self.folders[number], message=MESSAGE, tag=f"v{number + 1}",
            pull_request=self.pull_request, hardware=hardware,
        )  # fmt: skip


class Campaign:
    """A hub, a client whose waits are short, and what came of it."""

    def __init__(self, folder: Path, hub: LoopbackHub) -> None:
        """``folder`` takes all files."""
        from huggingface_hub import set_client_factory
        from huggingface_hub.utils import _http

        self.folder, self.hub, self.killer = folder, hub, Killer()
        set_client_factory(self.killer.client)
        # The client's own waits between tries last a second at least, and have no setting.
        _http.time = SimpleNamespace(sleep=lambda _: None, time=time.time, monotonic=time.monotonic)
        self.requests: dict[str, list[tuple[str, str]]] = {}
        self.cells: list[tuple[str, int, str, str]] = []

    def publish(self, upload: Upload) -> None:
        """Check the access, and send; as the command does it."""
        from finetune.publishing import Patience, Receipt, check_access, send

        patience = Patience(attempts=3, first_wait=0.001, longest_wait=0.002)
        check_access([upload], patience=patience)
        send(upload, Receipt.open(self._receipt(upload)), patience)

    def count(self, scenario: Scenario, attempt: str) -> None:
        """Publish without any fault and keep the list of requests."""
        upload = self._prepare(scenario, f"clean-{attempt}")
        before = len(self.hub.log)
        self.killer.arm()
        self.publish(upload)
        self.requests[scenario.name] = [(request.method, request.path) for request in self.hub.log[before:]]
        assert self.killer.count == len(self.requests[scenario.name])
        self._refuse(self.problems(scenario, upload))

    def run(self, scenario: Scenario) -> None:
        """Every request, every way of failing."""
        for number, (_, path) in enumerate(self.requests[scenario.name], start=1):
            for kind in KINDS:
                if kind not in COMMIT_KINDS or "/commit/" in path:
                    self.cells.append((scenario.name, number, kind, self._cell(scenario, number, kind)))

    def problems(self, scenario: Scenario, upload: Upload) -> list[str]:
        """What is not as it must be in a repository and on its receipt."""
        repository = self.hub.repository(upload.repo, upload.repo_type)
        versions = [_contents(folder) for folder in scenario.folders]
        head, tag = repository.resolve("main"), repository.resolve(upload.tag or "")
        assert head is not None
        found = [] if _files(repository, head) == versions[-1] else ["main is not what was staged"]
        found += [] if tag == head else ["the tag is not on main's head"]
        found += _partial_commits(repository, versions)
        seen = {each.visibility for each in self.hub.policy.visibilities if each.repo_id == upload.repo}
        found += [] if seen == {"private"} else [f"it was {sorted(seen)}"]
        entries = json.loads(self._receipt(upload).read_text(encoding="utf-8"))["repositories"]
        entry = next(entry for entry in entries if entry["repo"] == upload.repo)
        whole = entry["verified"] and entry["finished"] and entry["commit"] == head.sha
        found += [] if whole and set(entry["files"]) == set(versions[-1]) else ["the receipt does not say so"]
        return found

    def _cell(self, scenario: Scenario, number: int, kind: str) -> str:
        """How one publication with one fault ended."""
        upload = self._prepare(scenario, f"{number}-{kind}")
        fault = self._arm(number, kind)
        try:
            ended = self._attempt(upload)
        finally:
            self.hub.faults.clear()
            reached = bool(fault.hits) if fault else self.killer.count >= number
            self.killer.arm()
        if not reached:
            return "BAD: the fault was never met"
        if ended != "retried":
            try:
                self.publish(upload)
            except Exception as error:
                logging.exception("resumed")
                return f"BAD: cannot be resumed: {type(error).__name__}: {error}"
        return "; ".join(f"BAD: {each}" for each in self.problems(scenario, upload)) or ended

    def _attempt(self, upload: Upload) -> str:
        from finetune.errors import PlanError, PublishError

        try:
            self.publish(upload)
        except PublishError as error:
            logging.exception("first attempt")  # whatever an error says must be fit for a log
            if not error.remedy:
                return f"BAD: no advice: {error}"
            return "refused with advice" if isinstance(error, PlanError) or _is_final(error) else "resumed"
        except Killed:
            return "resumed"
        except Exception as error:
            logging.exception("first attempt")
            return f"BAD: {type(error).__name__}: {error}"
        return "retried"

    def _arm(self, number: int, kind: str) -> Fault | None:
        if kind in CLIENT_KINDS:
            self.killer.arm(number, after=kind == "killed_after")
            return None
        self.killer.arm()
        return self.hub.faults.add(Fault("503", nth=number, times=10**9) if kind == "down" else Fault(kind, nth=number))

    def _prepare(self, scenario: Scenario, attempt: str) -> Upload:
        """A fresh repository's upload, whose earlier versions are there already."""
        repo = f"acme/{scenario.name.replace(' ', '-')}-{attempt}".replace("_", "-")
        for version in range(len(scenario.folders) - 1):
            self.publish(scenario.upload(repo, version))
        return scenario.upload(repo)

    def _receipt(self, upload: Upload) -> Path:
        return self.folder / "receipts" / f"{upload.repo.replace('/', '--')}.json"

    def _refuse(self, problems: list[str]) -> None:
        if problems:
            raise AssertionError(problems)


def _is_final(error: Exception) -> bool:
    from finetune.errors import AccessError

    return isinstance(error, AccessError)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _files(repository: Repository, commit: Any) -> dict[str, bytes]:
    found = {path: repository.blob_path(blob).read_bytes() for path, blob in commit.files.items()}
    return {path: content for path, content in found.items() if path != ".gitattributes"}


def _partial_commits(repository: Repository, versions: list[dict[str, bytes]]) -> Iterator[str]:
    """Each commit of main holds one whole version or nothing, and no version was committed twice."""
    head = repository.resolve("main")
    assert head is not None
    history = list(repository.history(head))
    for commit in history:
        files = _files(repository, commit)
        if set(files) - BORN_WITH and files not in versions:
            yield f"main held a part: {sorted(files)}"
    if len(history) != 1 + len(versions):
        yield f"main has {len(history)} commits"


def stage(folder: Path) -> list[Scenario]:
    """Write what is published: small files, one large-file upload per model, and parquet."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from safetensors.numpy import save_file

    def write(name: str, card: str, *more: tuple[str, str]) -> Path:
        place = folder / "staged" / name
        for path, text in (("README.md", f"---\n{card}\n---\n\n# {name}\n"), *more):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text, encoding="utf-8")
        return place

    def model(name: str, rank: int, *more: tuple[str, str]) -> Path:
        place = write(name, "license: mit", ("config.json", f'{{"rank": {rank}}}'), *more)
        save_file({"weight": np.full((64, rank), rank, dtype=np.float32)}, place / "model.safetensors")
        return place

    first = model("first", 2, ("vocab.txt", "a\nb\n"), (".eval_results/test.yaml", "accuracy: 0.9\n"))
    second = model("second", 3, ("tokenizer.json", "{}"))
    rows = write("rows", "license: mit")
    pq.write_table(pa.table({"text": ["good", "bad"], "label": [1, 0]}), rows / "train.parquet")
    space = write("space", "title: Try it\nsdk: gradio\napp_file: app.py", ("app.py", "print('hello')\n"),
                  ("requirements.txt", "gradio\n"))  # fmt: skip
    return [
        Scenario("model", "model", (first,)),
        Scenario("pull request", "model", (first,), pull_request=True),
        Scenario("second version", "model", (first, second)),
        Scenario("data set", "dataset", (rows,)),
        Scenario("Space", "space", (space,)),
    ]


def leaks(folder: Path, hub: LoopbackHub, secret: str) -> list[str]:
    """Where ``secret`` is: in a request beside its own header, or in any file that anybody wrote."""
    found = [f"{request.method} {request.path}" for request in hub.sightings(secret)]
    needles = spellings(secret)
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found += [str(path.relative_to(folder))] if any(needle in content for needle in needles) else []
    return found


def table(campaign: Campaign) -> str:
    """Requests down, faults across."""
    ends = {cell[:3]: LETTERS.get(cell[3], "BAD") for cell in campaign.cells}
    lines = [f"{'':66}{''.join(f'{kind:>13}' for kind in KINDS)}"]
    for name, requests in campaign.requests.items():
        for number, (method, path) in enumerate(requests, start=1):
            shown = path.split("?")[0].replace(f"{name.replace(' ', '-')}-clean-counted", "…")
            row = "".join(f"{ends.get((name, number, kind), '-'):>13}" for kind in KINDS)
            lines.append(f"{name + ' ' + str(number):>18} {method:6} {shown[-40:]:40}{row}")
    legend = ", ".join(f"{letter} {end}" for end, letter in LETTERS.items())
    return "\n".join([*lines, f"{legend}; every refusal was resumed, too"])


def main(folder: Path, write: Callable[[str], Any] = print) -> None:
    """Run all of it below ``folder``, a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    with LoopbackHub(folder / "hub") as hub:
        hub.add_token(TOKEN, "lovelace", "write", orgs=("acme",))
        # Before huggingface_hub is imported, which reads all of it once.
        os.environ.update(hub.environment(folder / "home", token=TOKEN))
        logging.basicConfig(filename=folder / "client.log", level=logging.DEBUG, force=True)
        campaign, scenarios, begun = Campaign(folder, hub), stage(folder), time.monotonic()
        for scenario in scenarios:
            for attempt in ("warm", "counted"):  # the client remembers some answers for as long as it lives
                campaign.count(scenario, attempt)
        for scenario in scenarios:
            campaign.run(scenario)
        write(table(campaign))
        answer = {
            "requests": campaign.requests, "cells": campaign.cells, "leaks": leaks(folder, hub, TOKEN),
            # What is known to be in requests and files: the search finds what there is to find.
            "control": leaks(folder, hub, MESSAGE), "unknown": [request.path for request in hub.unknown],
            "authorized": sum(request.had_auth for request in hub.requests), "seconds": time.monotonic() - begun,
        }  # fmt: skip
    write(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
