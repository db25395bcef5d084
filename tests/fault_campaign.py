"""Every request of a publication fails once, in every way: does the publication survive each of them?

``python fault_campaign.py FOLDER`` publishes small folders to a Hub on the loopback interface: a new model, a model by
a pull request, a second version over a first one, a data set, a Space, and the three of one run together. It counts
the requests of a clean publication; then, for every request and every way of failing, it publishes to a fresh
repository with that one fault, and where that ends in an error, goes on without it. The last line is JSON: the
requests, the cells, and where the access token was found.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

from fault_scenarios import MESSAGE, ReleaseScenario, Scenario, stage
from loopback_hub import Fault, LoopbackHub
from loopback_hub.recording import spellings

TOKEN = "hf_" + "TheCampaignsOwnToken" + "x" * 14
# What the server does to one request; "down" is 503 from that request on until the publication is resumed.
SERVER_KINDS = ("429", "500", "503", "402", "403", "cut", "cut_after", "down")
# The process ends before the request goes out, or when its answer is in and nothing has been done with it.
CLIENT_KINDS = ("killed", "killed_after")
# 412 although nobody else committed: what only a commit is answered.
COMMIT_KINDS = ("stale_parent",)
KINDS = (*SERVER_KINDS, *CLIENT_KINDS, *COMMIT_KINDS)
# Each part of a release meets all the others above; here the question is whether the three go on together.
RELEASE_KINDS = ("killed",)
LETTERS = {"retried": "r", "resumed": "R", "refused with advice": "A"}

AnyScenario: TypeAlias = Scenario | ReleaseScenario


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
        hooks = {"request": [self.request], "response": [self.response]}
        made.event_hooks = {name: [*made.event_hooks[name], *more] for name, more in hooks.items()}
        return made


class Campaign:
    """A hub, a client whose waits are short, and what came of it."""

    def __init__(self, folder: Path, hub: LoopbackHub) -> None:
        """``folder`` takes all files."""
        from huggingface_hub import set_client_factory
        from huggingface_hub.utils import _http

        from finetune.publishing import Patience, retries

        self.folder, self.hub, self.killer = folder, hub, Killer()
        self.patience = Patience(attempts=3, first_wait=0.001, longest_wait=0.002)
        set_client_factory(self.killer.client)
        # The client's own waits last a second at least and have no setting; those of a release are the command's.
        _http.time = retries.time = SimpleNamespace(sleep=lambda _: None)
        self.requests: dict[str, list[tuple[str, str]]] = {}
        self.cells: list[tuple[str, int, str, str]] = []

    def count(self, scenario: AnyScenario, attempt: str) -> None:
        """Publish without any fault and keep the list of requests."""
        place, repo = self._prepare(scenario, f"clean-{attempt}")
        before = len(self.hub.log)
        self.killer.arm()
        scenario.publish(place, repo, self.patience)
        self.requests[scenario.name] = [(request.method, request.path) for request in self.hub.log[before:]]
        problems = scenario.problems(self.hub, place, repo)
        if problems or self.killer.count != len(self.requests[scenario.name]):
            raise AssertionError((self.killer.count, problems))

    def run(self, scenario: AnyScenario) -> None:
        """Every request, every way of failing."""
        kinds = KINDS if isinstance(scenario, Scenario) else RELEASE_KINDS
        for number, (_, path) in enumerate(self.requests[scenario.name], start=1):
            for kind in kinds:
                if kind not in COMMIT_KINDS or "/commit/" in path:
                    self.cells.append((scenario.name, number, kind, self._cell(scenario, number, kind)))

    def _cell(self, scenario: AnyScenario, number: int, kind: str) -> str:
        """How one publication with one fault ended."""
        place, repo = self._prepare(scenario, f"{number}-{kind}")
        fault = self._arm(number, kind)
        ended = self._attempt(scenario, place, repo)
        reached = bool(fault.hits) if fault else self.killer.count >= number
        self.hub.faults.clear()
        self.killer.arm()
        if not reached:
            return "BAD: the fault was never met"
        if ended != "retried":
            try:
                scenario.publish(place, repo, self.patience)
            except Exception as error:
                logging.exception("resumed")
                return f"BAD: cannot be resumed: {type(error).__name__}: {error}"
        return "; ".join(f"BAD: {each}" for each in scenario.problems(self.hub, place, repo)) or ended

    def _attempt(self, scenario: AnyScenario, place: Path, repo: str) -> str:
        from finetune.errors import AccessError, PlanError, PublishError

        try:
            scenario.publish(place, repo, self.patience)
        except PublishError as error:
            logging.exception("first attempt")  # whatever an error says must be fit for a log
            if not error.remedy:
                return f"BAD: no advice: {error}"
            return "refused with advice" if isinstance(error, PlanError | AccessError) else "resumed"
        except Killed:
            return "resumed"
        except Exception as error:
            logging.exception("first attempt")
            return f"BAD: {type(error).__name__}: {error}"
        return "retried"

    def _arm(self, number: int, kind: Any) -> Fault | None:
        self.killer.arm()
        if kind in CLIENT_KINDS:
            self.killer.arm(number, after=kind == "killed_after")
            return None
        return self.hub.faults.add(Fault("503", nth=number, times=10**9) if kind == "down" else Fault(kind, nth=number))

    def _prepare(self, scenario: AnyScenario, attempt: str) -> tuple[Path, str]:
        """A fresh folder and a fresh repository."""
        name = f"{scenario.name.replace(' ', '-')}-{attempt.replace('_', '-')}"
        scenario.prepare(self.hub, f"acme/{name}")
        place = self.folder / "runs" / name
        place.mkdir(parents=True)
        return place, f"acme/{name}"


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
            parts = path.replace(f"{name.replace(' ', '-')}-clean-counted", "…").split("/")
            shown = "/".join(part if len(part) < 40 else f"{part[:6]}…" for part in parts)
            row = "".join(f"{ends.get((name, number, kind), '-'):>13}" for kind in KINDS)
            lines.append(f"{name + ' ' + str(number):>18} {method:6} {shown[-40:]:40}{row}")
    legend = ", ".join(f"{letter} {end}" for end, letter in LETTERS.items())
    return "\n".join([*lines, f"{legend}; every refusal was resumed, too; - does not apply"])


def main(folder: Path, write: Callable[[str], Any] = print) -> None:
    """Run all of it below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with LoopbackHub(folder / "hub") as hub:
        hub.add_token(TOKEN, "lovelace", "write", orgs=("acme",))
        # Before huggingface_hub is imported, which reads all of it once.
        os.environ.update(hub.environment(folder / "home", token=TOKEN))
        logging.basicConfig(filename=folder / "client.log", level=logging.DEBUG, force=True)
        logging.getLogger("httpcore2").setLevel(logging.INFO)  # below that, every byte's way through the sockets
        campaign, scenarios, begun = Campaign(folder, hub), stage(folder / "staged"), time.monotonic()
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
