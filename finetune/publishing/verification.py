"""Whether a repository holds, byte for byte, the files that were meant for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from finetune.errors import VerificationError

_CHUNK = 1 << 20


@dataclass(frozen=True)
class LocalFile:
    """A file that goes up.

    Attributes:
        path: Its place in the repository, with `/`.
        source: Where it lies.
        size: Bytes.
    """

    path: str
    source: Path
    size: int

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the content: what the Hub keeps of a large file. Read once."""
        with self.source.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @cached_property
    def oid(self) -> str:
        """Git's id of the content as a blob: what the Hub keeps of a small file."""
        digest = hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)
        with self.source.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository at one commit; `sha256` where it is a large one, else `oid` is of the content."""

    size: int
    oid: str
    sha256: str | None

    def equals(self, local: LocalFile) -> bool:
        """Whether it is the same content."""
        if self.size != local.size:
            return False
        return self.sha256 == local.sha256 if self.sha256 else self.oid == local.oid


Tree = Mapping[str, RemoteFile]


def read_tree(api: Any, repo_type: str, repo: str, revision: str) -> Tree:
    """Every file of a repository at `revision` (best a commit: a branch may move between two pages)."""
    from huggingface_hub.hf_api import RepoFile

    entries = api.list_repo_tree(repo, recursive=True, revision=revision, repo_type=repo_type)
    return {
        entry.path: RemoteFile(entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
        for entry in entries
        if isinstance(entry, RepoFile)
    }


def differing(files: Sequence[LocalFile], tree: Tree) -> list[LocalFile]:
    """The files that the tree lacks or has with another content."""
    return [file for file in files if file.path not in tree or not tree[file.path].equals(file)]


def check_tree(files: Sequence[LocalFile], tree: Tree, name: str) -> None:
    """Refuse a tree that is not what was sent.

    Raises:
        VerificationError: Names the first files that differ.
    """
    wrong = differing(files, tree)
    if not wrong:
        return
    shown = ", ".join(f"{file.path} ({_fault(file, tree)})" for file in wrong[:5])
    raise VerificationError(
        f"{len(wrong)} of {len(files)} files are not on the Hub as they were sent to {name}: {shown}.",
        "Send them again with --resume; if it says so again, look at the repository's .gitignore and history.",
    )


def _fault(file: LocalFile, tree: Tree) -> str:
    if file.path not in tree:
        return "missing"
    size = tree[file.path].size
    return f"{size:,} bytes instead of {file.size:,}" if size != file.size else "another content of the same size"


def record(files: Sequence[LocalFile], tree: Tree) -> dict[str, dict[str, Any]]:
    """Size and hash of each file as the Hub keeps them, for the receipt."""
    return {
        file.path: {
            "size": file.size, **({"sha256": found.sha256} if (found := tree[file.path]).sha256 else {"oid": found.oid})
        }
        for file in files
    }  # fmt: skip
