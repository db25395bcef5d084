"""All repositories of the loopback Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from .repository import REPO_TYPES, Repository, RepoType


class Storage:
    """All repositories below one root folder."""

    def __init__(self, root: Path) -> None:
        """Use ``root``, picking up the repositories that an earlier hub left there."""
        self.root = root
        self._open: dict[tuple[RepoType, str], Repository] = {}
        for state in sorted(_states(root)):
            entry = json.loads(state.read_text(encoding="utf-8"))
            self.create(entry["repo_type"], entry["repo_id"])

    def get(self, repo_type: RepoType, repo_id: str) -> Repository | None:
        """The repository, or None."""
        return self._open.get((repo_type, repo_id))

    def create(self, repo_type: RepoType, repo_id: str, files: Mapping[str, bytes] | None = None) -> Repository:
        """Create the repository with ``files``, or return the one that exists."""
        found = self.get(repo_type, repo_id)
        if found is None:
            found = Repository(self.root / f"{repo_type}s" / repo_id, repo_type, repo_id, files)
            self._open[(repo_type, repo_id)] = found
        return found

    def delete(self, repository: Repository) -> None:
        """Forget the repository and remove it from the disk."""
        del self._open[(repository.repo_type, repository.repo_id)]
        shutil.rmtree(repository.folder)

    def move(self, repository: Repository, repo_id: str) -> None:
        """Give the repository another id."""
        del self._open[(repository.repo_type, repository.repo_id)]
        target = self.root / f"{repository.repo_type}s" / repo_id
        target.parent.mkdir(parents=True, exist_ok=True)
        repository.relocate(repository.folder.rename(target), repo_id)
        self._open[(repository.repo_type, repo_id)] = repository

    def owned(self, namespace: str) -> list[Repository]:
        """All repositories of a user or an organization."""
        return [repository for repository in self._open.values() if repository.namespace == namespace]


def _states(root: Path) -> Iterable[Path]:
    for repo_type in REPO_TYPES:
        folder = root / f"{repo_type}s"
        yield from folder.glob("*/repository.json")
        yield from folder.glob("*/*/repository.json")
