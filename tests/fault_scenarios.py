"""What the fault campaign publishes, and what must hold of every repository afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any

from loopback_hub import LoopbackHub, Repository

if TYPE_CHECKING:
    from finetune.publishing import Patience, Upload

MESSAGE = "Put a model where it can be tried"
BORN_WITH = {".gitattributes", "README.md"}  # what the Hub puts into a new repository by itself


@dataclass(frozen=True)
class Scenario:
    """One kind of publication.

    Attributes:
        folders: What was staged, oldest first; only the last one meets faults.
        pull_request: Whether it goes by a pull request.
        checked: Whether access is checked before, as a recipe's run does; sending asks most of it once more.
    """

    name: str
    repo_type: Any
    folders: tuple[Path, ...]
    pull_request: bool = False
    checked: bool = False

    def prepare(self, hub: LoopbackHub, repo: str) -> None:
        """Let ``repo`` be what it was before the publication: absent, or holding the earlier versions."""
        for number, folder in enumerate(self.folders[:-1], start=1):
            hub.add(self.repo_type, repo, folder, private=True)
            hub.add_revision(repo, repo_type=self.repo_type, tag=f"v{number}")

    def publish(self, place: Path, repo: str, patience: Patience) -> None:
        """Send, with the receipt below ``place``."""
        from finetune.publishing import Receipt, check_access, send

        upload = self._upload(repo)
        if self.checked:
            check_access([upload], patience=patience)
        send(upload, Receipt.open(place / "receipt.json"), patience)

    def problems(self, hub: LoopbackHub, place: Path, repo: str) -> list[str]:
        """What is not as it must be."""
        return find_problems(hub, place / "receipt.json", self._upload(repo), self.folders)

    def _upload(self, repo: str) -> Upload:
        from finetune.publishing import Upload

        hardware = "zero-a10g" if self.repo_type == "space" else None
        return Upload(
            self.repo_type, repo, private=True, folder=self.folders[-1], message=MESSAGE,
            tag=f"v{len(self.folders)}", pull_request=self.pull_request, hardware=hardware,
        )  # fmt: skip


@dataclass(frozen=True)
class ReleaseScenario:
    """Model, data set and Space of one run, as the command sends them: one after the other, with one receipt."""

    name: str
    folders: dict[str, Path]

    def prepare(self, hub: LoopbackHub, repo: str) -> None:
        """There is nothing on the Hub."""

    def publish(self, place: Path, repo: str, patience: Patience) -> None:
        """Begin, or go on with what is below ``place``; the command has its own patience."""
        from finetune.artifacts import DataTarget, Publication, RunFolder, SpaceTarget
        from finetune.release import PLAN, reopen_release, send_release

        run = RunFolder(place)
        if not run.has("publish/parts"):
            for part, folder in self.folders.items():
                copytree(folder, place / "publish" / "parts" / part)
            space = SpaceTarget(f"{repo}-demo", private=True, hardware="zero-a10g", package="finetune-recipes")
            data = DataTarget(f"{repo}-data", private=True, rows=True)
            run.write_json(PLAN, asdict(Publication(repo, True, "merged", "v1", space=space, data=data)))
        send_release(reopen_release(run))

    def problems(self, hub: LoopbackHub, place: Path, repo: str) -> list[str]:
        """What is not as it must be, in any of the three."""
        from finetune.publishing import Upload

        kinds: dict[str, tuple[Any, str]] = {
            "model": ("model", repo), "data": ("dataset", f"{repo}-data"), "space": ("space", f"{repo}-demo")
        }  # fmt: skip
        found = []
        for part, (kind, name) in kinds.items():
            folder = self.folders[part]
            tag = hub.repository(name, kind).refs.keys() & {"refs/tags/v1"}
            upload = Upload(kind, name, private=True, folder=folder, message="", tag="v1" if tag else None)
            found += find_problems(hub, place / "publish" / "receipt.json", upload, (folder,))
        found += [] if "refs/tags/v1" in hub.repository(repo).refs else ["the model has no tag"]
        return found


def find_problems(hub: LoopbackHub, receipt: Path, upload: Upload, folders: tuple[Path, ...]) -> list[str]:
    """What is not as it must be in one repository, and on its receipt."""
    repository = hub.repository(upload.repo, upload.repo_type)
    versions = [read_folder(folder) for folder in folders]
    head = repository.resolve("main")
    assert head is not None
    found = [] if _files(repository, head) == versions[-1] else ["main is not what was staged"]
    if upload.tag is not None and repository.resolve(upload.tag) != head:
        found.append("the tag is not on main's head")
    found += partial_commits(repository, versions)
    seen = {each.visibility for each in hub.policy.visibilities if each[:2] == (upload.repo_type, upload.repo)}
    found += [] if seen == {"private"} else [f"it was {sorted(seen)}"]
    entries = json.loads(receipt.read_text(encoding="utf-8"))["repositories"]
    entry = next(entry for entry in entries if entry["repo"] == upload.repo)
    whole = entry["verified"] and entry["finished"] and entry["commit"] == head.sha
    return found + ([] if whole and set(entry["files"]) == set(versions[-1]) else ["the receipt does not say so"])


def partial_commits(repository: Repository, versions: list[dict[str, bytes]]) -> Iterator[str]:
    """Commits of main that hold neither nothing nor one whole version; and versions that were committed twice."""
    head = repository.resolve("main")
    assert head is not None
    history = list(repository.history(head))
    for commit in history:
        files = _files(repository, commit)
        if set(files) - BORN_WITH and files not in versions:
            yield f"main held a part: {sorted(files)}"
    if len(history) != 1 + len(versions):
        yield f"main has {len(history)} commits"


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every file by its place in the repository."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stage(folder: Path) -> list[Scenario | ReleaseScenario]:
    """Write what is published: small files, one large-file upload per model, and parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = _model(folder / "first", 2, ("vocab.txt", "a\nb\n"), (".eval_results/test.yaml", "accuracy: 0.9\n"))
    second = _model(folder / "second", 3, ("tokenizer.json", "{}"))
    rows = _write(folder / "rows", "license: mit")
    pq.write_table(pa.table({"text": ["good", "bad"], "label": [1, 0]}), rows / "train.parquet")
    space = _write(folder / "space", "title: Try it\nsdk: gradio\napp_file: app.py", ("app.py", "print('hello')\n"),
                   ("requirements.txt", "gradio\n"))  # fmt: skip
    return [
        Scenario("model", "model", (first,), checked=True),
        Scenario("pull request", "model", (first,), pull_request=True),
        Scenario("second version", "model", (first, second)),
        Scenario("data set", "dataset", (rows,)),
        Scenario("Space", "space", (space,)),
        ReleaseScenario("release", {"model": first, "data": rows, "space": space}),
    ]


def _files(repository: Repository, commit: Any) -> dict[str, bytes]:
    found = {path: repository.blob_path(blob).read_bytes() for path, blob in commit.files.items()}
    return {path: content for path, content in found.items() if path != ".gitattributes"}


def _write(folder: Path, card: str, *more: tuple[str, str]) -> Path:
    for path, text in (("README.md", f"---\n{card}\n---\n\n# {folder.name}\n"), *more):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def _model(folder: Path, rank: int, *more: tuple[str, str]) -> Path:
    import numpy as np
    from safetensors.numpy import save_file

    _write(folder, "license: mit", ("config.json", f'{{"rank": {rank}}}'), *more)
    save_file({"weight": np.full((64, rank), rank, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "finetune.json").write_text('{"task": "text-classification"}\n', encoding="utf-8")
    return folder
