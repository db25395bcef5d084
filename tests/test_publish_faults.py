"""No single failure of the Hub, the network or the process spoils a publication."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fault_campaign import COMMIT_KINDS, KINDS, LETTERS, RELEASE_KINDS, leaks
from fault_scenarios import partial_commits
from loopback_hub import LoopbackHub

TESTS = Path(__file__).parent
STEPS = ("/whoami-v2", "/repos/create", "/auth-check/write", "/validate-yaml", "/preupload/", "/objects/batch",
         "/storage/", "/objects/verify", "/commit/", "/tree/", "/tag/")  # fmt: skip
SCENARIOS = {"model", "pull request", "second version", "data set", "Space", "release"}


@pytest.fixture(scope="module")
def campaign() -> dict[str, Any]:
    """What the campaign reports; its many small files go to memory where there is such a place."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        done = subprocess.run(
            [sys.executable, TESTS / "fault_campaign.py", Path(folder) / "campaign"],
            env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=folder, capture_output=True, text=True, timeout=900,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *table, answer = done.stdout.splitlines()
    return {**json.loads(answer), "table": "\n".join(table)}


def test_every_publication_ends_complete(campaign: dict[str, Any]) -> None:
    requests = campaign["requests"]
    bad = [(*cell, requests[cell[0]][cell[1] - 1]) for cell in campaign["cells"] if cell[3] not in LETTERS]
    assert bad == [], campaign["table"]


def test_every_request_failed_in_every_way(campaign: dict[str, Any]) -> None:
    requests = campaign["requests"]
    expected = {
        (name, number, kind)
        for name, sent in requests.items()
        for number, (_, path) in enumerate(sent, start=1)
        for kind in (RELEASE_KINDS if name == "release" else KINDS)
        if kind not in COMMIT_KINDS or "/commit/" in path
    }
    cells = [tuple(cell[:3]) for cell in campaign["cells"]]
    assert (set(cells), len(cells)) == (expected, len(expected))
    assert requests.keys() == SCENARIOS
    for step in STEPS:  # or a publication that stopped taking a step would pass with fewer cells
        assert any(step in path for _, path in requests["model"]), step
    assert any(path.endswith("/merge") for _, path in requests["pull request"])
    assert campaign["unknown"] == []


def test_what_passes_is_tried_again_and_what_does_not_is_explained(campaign: dict[str, Any]) -> None:
    ends: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for _, _, kind, end in campaign["cells"]:
        ends[kind][end] += 1
    for kind in ("429", "500", "503", "cut", "cut_after", "stale_parent"):
        assert set(ends[kind]) == {"retried"}, kind
    for kind in ("killed", "killed_after", "down"):
        assert set(ends[kind]) == {"resumed"}, kind
    for kind in ("402", "403"):
        assert set(ends[kind]) == {"refused with advice"}, kind


def test_the_token_is_nowhere(campaign: dict[str, Any]) -> None:
    assert campaign["leaks"] == []
    # The same search finds the commit's message, which is in the bodies of requests and in the hub's files.
    assert any("/commit/" in place for place in campaign["control"])
    assert any(place.endswith("repository.json") for place in campaign["control"])
    assert campaign["authorized"] > len(campaign["cells"])


def test_the_judge_sees_a_part_of_a_model(tmp_path: Path) -> None:
    whole = {"config.json": b"{}", "model.safetensors": b"weights"}
    hub = LoopbackHub(tmp_path)
    repository = hub.storage.create("model", "acme/half")
    for number in range(1, len(whole) + 1):
        blobs = {path: repository.write_blob(path, content) for path, content in list(whole.items())[:number]}
        repository.commit(blobs, f"part {number}")
    assert list(partial_commits(repository, [whole])) == ["main held a part: ['config.json']", "main has 3 commits"]


def test_the_search_finds_a_token_in_a_file(tmp_path: Path) -> None:
    hub = LoopbackHub(tmp_path / "hub")
    (tmp_path / "plain.log").write_text("said hf_" + "z" * 34, encoding="utf-8")
    (tmp_path / "clean.log").write_text("said nothing", encoding="utf-8")
    assert leaks(tmp_path, hub, "hf_" + "z" * 34) == ["plain.log"]
