"""The receipt of a publication: what is on the Hub, written down after every step, so that it can be gone on with."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from finetune.errors import PublishError


@dataclass
class Entry:
    """One repository.

    Attributes:
        repo_type: `model`, `dataset` or `space`.
        repo: `org/name`.
        url: Its page.
        visibility: `private` or `public`, as the Hub said before anything was sent.
        before: The commit that the publication was put on.
        commit: The commit that holds it; None until one does.
        tag: The tag of that commit; None until it is set.
        pull_request: Number of the pull request that it went up by.
        files: Path → size in bytes and `sha256` (large files) or git's `oid`.
        deleted: Files of an earlier publication that this one removed; they stay in the history, at `before`.
        verified: Whether every file was compared with the local one by its hash.
        finished: Whether nothing is left to do.
    """

    repo_type: str
    repo: str
    url: str = ""
    visibility: str = ""
    before: str | None = None
    commit: str | None = None
    tag: str | None = None
    pull_request: int | None = None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    verified: bool = False
    finished: bool = False


@dataclass
class Receipt:
    """All repositories of one publication; never holds a token."""

    path: Path
    entries: list[Entry] = field(default_factory=list)

    @classmethod
    def open(cls, path: str | Path) -> Receipt:
        """The receipt at `path`, or an empty one where there is none yet.

        Raises:
            PublishError: The file is no receipt.
        """
        path = Path(path)
        if not path.exists():
            return cls(path)
        known = {each.name for each in fields(Entry)}
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))["repositories"]
            return cls(path, [Entry(**{key: row[key] for key in row if key in known}) for row in rows])
        except (ValueError, KeyError, TypeError) as error:
            raise PublishError(
                f"{path} is not a receipt of a publication ({type(error).__name__}).",
                "Move it away and publish again: what is on the Hub already is recognized.",
            ) from error

    def entry(self, repo_type: str, repo: str) -> Entry:
        """The entry of a repository, begun where there is none."""
        for found in self.entries:
            if (found.repo_type, found.repo) == (repo_type, repo):
                return found
        self.entries.append(Entry(repo_type, repo))
        return self.entries[-1]

    def save(self) -> None:
        """Write it whole or not at all."""
        text = json.dumps({"repositories": [asdict(entry) for entry in self.entries]}, indent=2) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, self.path)
        finally:
            Path(temporary).unlink(missing_ok=True)

    @property
    def finished(self) -> bool:
        """Whether every repository that was begun is finished."""
        return bool(self.entries) and all(entry.finished for entry in self.entries)

    @property
    def sentence(self) -> str:
        """What is where, in one sentence."""
        done = [f"{entry.url} ({entry.visibility})" for entry in self.entries if entry.finished]
        open_ones = [entry.repo for entry in self.entries if not entry.finished]
        parts = [
            f"Published: {', '.join(done)}." if done else "",
            f"Unfinished: {', '.join(open_ones)}." * bool(open_ones),
        ]
        return " ".join(part for part in parts if part) or "Nothing was published."
