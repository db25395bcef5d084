"""Storage of the loopback Hub: repositories of immutable revisions in plain folders.

``root/models/<org>/<name>/`` (or ``datasets``, ``spaces``) holds one repository: ``repository.json``
with its flags, refs and commits, and ``blobs/``, the contents, each stored once under its hash. A
commit is a mapping of paths to blobs and is never changed, so a revision keeps answering the same
bytes after later commits, which is what pinning a revision relies on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

from .runtime import Runtime

RepoType: TypeAlias = Literal["model", "dataset", "space"]
REPO_TYPES: tuple[RepoType, ...] = ("model", "dataset", "space")

# Files of at least this size go to LFS, as on the Hub; smaller ones do so by their suffix.
LFS_THRESHOLD = 10 * 1024 * 1024
LFS_SUFFIXES = (".safetensors", ".parquet", ".bin", ".arrow", ".gguf", ".pt", ".npz", ".zip", ".gz")

# Commits are dated from here on, one minute apart: shas and answers must not depend on the clock.
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Blob:
    """The content of one file: its git oid and, for an LFS file, its SHA-256."""

    oid: str
    size: int
    sha256: str | None = None

    @property
    def etag(self) -> str:
        """What the Hub's ETag names: the SHA-256 of an LFS file, the git oid of any other."""
        return self.sha256 or self.oid

    @property
    def pointer_size(self) -> int:
        """Bytes of the LFS pointer that git itself stores in place of the file."""
        return len(lfs_pointer(self.sha256, self.size)) if self.sha256 else 0


@dataclass(frozen=True)
class Commit:
    """One immutable revision."""

    sha: str
    title: str
    parent: str | None
    number: int
    files: Mapping[str, Blob] = field(repr=False)

    @property
    def date(self) -> str:
        """ISO date as the API writes it."""
        return (EPOCH + timedelta(minutes=self.number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def folders(self) -> dict[str, str]:
        """Every folder of the tree with an oid that changes when anything below it does."""
        below: dict[str, list[str]] = {}
        for path, blob in sorted(self.files.items()):
            parts = path.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                below.setdefault("/".join(parts[:depth]), []).append(f"{path} {blob.oid}")
        return {path: git_oid("tree", "\n".join(lines).encode()) for path, lines in below.items()}


class Repository:
    """One repository on disk; ``commit`` is its only way to change content."""

    def __init__(
        self, folder: Path, repo_type: RepoType, repo_id: str, files: Mapping[str, bytes] | None = None
    ) -> None:
        """Open the repository in ``folder``, or start one there with ``files`` in its first commit."""
        self.folder = folder
        self.repo_type = repo_type
        self.repo_id = repo_id
        self.private = False
        self.gated = False
        self.gated_by: Literal["manual", "auto"] = "manual"
        # Full ref names ("refs/heads/main", "refs/tags/v1", "refs/pr/1") to commit shas.
        self.refs: dict[str, str] = {}
        self.commits: dict[str, Commit] = {}
        self.granted: set[str] = set()
        self.space = Runtime()
        self._state = folder / "repository.json"
        (folder / "blobs").mkdir(parents=True, exist_ok=True)
        if self._state.exists():
            self._load()
        else:
            blobs = {path: self.write_blob(path, content) for path, content in (files or {}).items()}
            self.commit(blobs, title="initial commit")

    @property
    def namespace(self) -> str:
        """The user or organization that owns the repository."""
        return self.repo_id.split("/")[0] if "/" in self.repo_id else ""

    @property
    def gated_how(self) -> Literal["manual", "auto", False]:
        """How people are let in, as the API says it; False where everybody may read."""
        return self.gated_by if self.gated else False

    def resolve(self, revision: str) -> Commit | None:
        """The commit that a branch, tag, full ref or sha names."""
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        return self.commits.get(revision)

    def blob_path(self, blob: Blob) -> Path:
        """Where the content of ``blob`` lies."""
        return self.folder / "blobs" / blob.etag

    def lfs_objects(self) -> list[Path]:
        """The stored LFS files, also those that no commit uses."""
        return [path for path in (self.folder / "blobs").iterdir() if len(path.name) == 64]

    def write_blob(self, path: str, content: bytes, lfs: bool | None = None) -> Blob:
        """Store the content of ``path``; ``lfs`` overrides the rule by suffix and size."""
        if lfs is None:
            lfs = path.endswith(LFS_SUFFIXES) or len(content) >= LFS_THRESHOLD
        if lfs:
            sha256 = hashlib.sha256(content).hexdigest()
            oid = git_oid("blob", lfs_pointer(sha256, len(content)))
            blob = Blob(oid=oid, size=len(content), sha256=sha256)
        else:
            blob = Blob(oid=git_oid("blob", content), size=len(content))
        target = self.blob_path(blob)
        if not target.exists():
            target.write_bytes(content)
        return blob

    def commit(
        self,
        changes: Mapping[str, Blob | None],
        title: str,
        *,
        ref: str = "refs/heads/main",
        replace: bool = False,
    ) -> Commit:
        """Apply ``changes`` (None deletes) to the head of ``ref``; ``replace`` starts from no files.

        A new ref starts from ``main``. A commit that changes nothing is none: the head is returned,
        as the Hub does.
        """
        head = self.resolve(ref) or self.resolve("main")
        files = {} if replace or head is None else dict(head.files)
        for path, blob in changes.items():
            files.pop(path, None)
            if blob is not None:
                files[path] = blob
        files = dict(sorted(files.items()))
        if head is not None and files == head.files:
            self.refs[ref] = head.sha
            self.save()
            return head
        listing = [f"{path} {blob.oid}" for path, blob in files.items()]
        parent = head.sha if head else None
        number = len(self.commits)
        sha = git_oid("commit", "\n".join([self.repo_type, self.repo_id, str(parent), title, *listing]).encode())
        self.commits[sha] = Commit(sha=sha, title=title, parent=parent, number=number, files=files)
        self.refs[ref] = sha
        self.save()
        return self.commits[sha]

    def commit_folder(self, source: Path, title: str, *, ref: str = "refs/heads/main") -> Commit:
        """Commit the files of ``source`` as the whole content of the new revision."""
        paths = sorted(path for path in source.rglob("*") if path.is_file())
        names = {path.relative_to(source).as_posix(): path for path in paths}
        changes = {name: self.write_blob(name, path.read_bytes()) for name, path in names.items()}
        return self.commit(changes, title, ref=ref, replace=True)

    def history(self, commit: Commit) -> Iterator[Commit]:
        """The commit and its ancestors, newest first."""
        current: Commit | None = commit
        while current is not None:
            yield current
            current = self.commits[current.parent] if current.parent else None

    def relocate(self, folder: Path, repo_id: str) -> None:
        """Go on under another id from another folder."""
        self.folder, self.repo_id, self._state = folder, repo_id, folder / "repository.json"
        self.save()

    def save(self) -> None:
        """Write flags, refs and commits; a hub opened on the same root later finds them."""
        state = {
            "repo_type": self.repo_type,
            "repo_id": self.repo_id,
            "private": self.private,
            "gated": self.gated,
            "gated_by": self.gated_by,
            "granted": sorted(self.granted),
            "refs": self.refs,
            "commits": [asdict(commit) for commit in self.commits.values()],
        }
        self._state.write_text(json.dumps(state, indent=1), encoding="utf-8")

    def _load(self) -> None:
        state: dict[str, Any] = json.loads(self._state.read_text(encoding="utf-8"))
        self.private, self.gated = state["private"], state["gated"]
        self.gated_by = state.get("gated_by", "manual")
        self.granted, self.refs = set(state["granted"]), state["refs"]
        for entry in state["commits"]:
            files = {path: Blob(**blob) for path, blob in entry.pop("files").items()}
            self.commits[entry["sha"]] = Commit(files=files, **entry)


def git_oid(kind: str, content: bytes) -> str:
    """Git's object id: SHA-1 over a header with kind and length, and the content."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def lfs_pointer(sha256: str | None, size: int) -> bytes:
    """The small text that git stores in place of an LFS file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
