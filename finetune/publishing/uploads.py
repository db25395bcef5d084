"""Put a folder on the Hub: one commit or a pull request, every hash verified, a tag, and each step on the receipt."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from finetune.errors import PublishError
from finetune.publishing.clients import Hub
from finetune.publishing.commits import Change, Step, commit
from finetune.publishing.pull_requests import PART, commit_by_request
from finetune.publishing.receipts import Entry, Receipt
from finetune.publishing.refusals import RepoType
from finetune.publishing.repositories import ensure_repository, subject_of
from finetune.publishing.retries import Patience
from finetune.publishing.secrets import refuse_secrets
from finetune.publishing.verification import LocalFile, Tree, check_tree, differing, read_tree, record

log = logging.getLogger(__name__)
DEFAULT = Patience()
MOST_FILES, MOST_BYTES = 200, 5_000_000_000
"""What goes up in one commit; more than either goes by a pull request."""
_FORBIDDEN = {".git", ".cache"}  # folders that the Hub takes nothing for


@dataclass(frozen=True)
class Upload:
    """A folder that is to become the content of a repository.

    Attributes:
        repo_type: `model`, `dataset` or `space`.
        repo: `org/name`.
        private: Whether only its owners may see it.
        folder: What goes up: every file below it.
        message: First line of the commit.
        tag: Tag of the commit; None for none.
        pull_request: Whether to go by a pull request; None decides by number and size of the files.
        hardware: What a new Space runs on, as the Hub names it.
        replace: Whether a model that is there and was not published from a run may be deleted.
    """

    repo_type: RepoType
    repo: str
    private: bool
    folder: Path
    message: str
    tag: str | None = None
    pull_request: bool | None = None
    hardware: str | None = None
    replace: bool = False

    @property
    def files(self) -> list[tuple[str, int]]:
        """Place in the repository and bytes of every file, in order."""
        return [(file.path, file.size) for file in self.local_files()]

    @property
    def by_pull_request(self) -> bool:
        """Whether it goes up by a pull request."""
        if self.pull_request is not None:
            return self.pull_request
        sizes = [size for _, size in self.files]
        return len(sizes) > MOST_FILES or sum(sizes) > MOST_BYTES

    def local_files(self) -> list[LocalFile]:
        """The files with their hashes, which are computed when they are first asked for."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [LocalFile(path.relative_to(self.folder).as_posix(), path, path.stat().st_size) for path in paths]


def send(upload: Upload, receipt: Receipt, patience: Patience = DEFAULT) -> None:
    """Bring a repository to hold a folder, whatever part of the way an earlier try came.

    The repository is made where there is none, and nothing is sent before its visibility is read back. Files of an
    earlier publication that loaders would still find are deleted in the same commit. Doing it twice does nothing the
    second time.

    Args:
        upload: What goes where.
        receipt: Is written after every step.
        patience: How often each step is tried.

    Raises:
        SecretFoundError: A file holds what looks like a secret; nothing was sent.
        VerificationError: The Hub holds other bytes than were sent.
        PublishError: Of which AccessError and PlanError say what the account may not do.
    """
    refuse_secrets(upload.folder)
    files = upload.local_files()
    _check_files(upload, files)
    hub = Hub.connect(patience, subject_of(upload))
    entry = receipt.entry(upload.repo_type, upload.repo)
    entry.url = ensure_repository(hub, upload)
    entry.visibility = "private" if upload.private else "public"
    if _is_finished(hub, upload, entry, files):
        log.info("%s is published already; verified again.", upload.repo)
        receipt.save()
        return
    entry.commit, entry.verified, entry.finished = None, False, False
    receipt.save()
    _check_tag(hub, upload, files)
    _commit(hub, upload, files, entry, receipt)
    _verify(hub, upload, files, entry, receipt)
    _tag(hub, upload, files, entry)
    entry.finished = True
    receipt.save()


def _check_files(upload: Upload, files: Sequence[LocalFile]) -> None:
    if not files:
        raise PublishError(f"There is nothing in {upload.folder} to publish to {upload.repo}.", "Publish again.")
    taken = next((file.path for file in files if _FORBIDDEN & set(file.path.split("/"))), None)
    if taken is not None:
        raise PublishError(f"The Hub takes no file like {taken}.", f"Remove it from {upload.folder}.")


def _is_finished(hub: Hub, upload: Upload, entry: Entry, files: Sequence[LocalFile]) -> bool:
    """Whether the receipt's commit and tag still stand for exactly these files."""
    if not entry.finished or entry.commit is None or entry.tag != upload.tag:
        return False
    found = [_resolve(hub, upload, revision) for revision in (entry.commit, entry.tag) if revision]
    return all(each is not None and not differing(files, _tree(hub, upload, each)) for each in dict.fromkeys(found))


def _commit(hub: Hub, upload: Upload, files: Sequence[LocalFile], entry: Entry, receipt: Receipt) -> None:
    """All files on main, the commit on the receipt."""

    def announce(step: Step) -> None:
        where = f"{upload.repo} ({entry.visibility})"
        _refuse_to_replace(upload, entry, step)
        sent = file_size(sum(file.size for file in step.missing))
        log.info("Uploading %s, %s to %s …", count_files(len(step.missing)), sent, where)
        if step.stale:
            log.warning("Deleting files that were there before: %s.", ", ".join(step.stale))
        entry.before = entry.before if entry.pull_request else step.head
        entry.deleted = sorted({*entry.deleted, *step.stale})
        receipt.save()

    def opened(number: int, before: str) -> None:
        entry.pull_request, entry.before = number, before
        receipt.save()

    if upload.by_pull_request:
        change = Change(upload.repo_type, upload.repo, files, upload.message, PART)
        entry.commit = commit_by_request(hub, change, announce, entry.pull_request, opened)
    else:
        entry.commit = commit(hub, Change(upload.repo_type, upload.repo, files, upload.message), announce)
    receipt.save()


def _verify(hub: Hub, upload: Upload, files: Sequence[LocalFile], entry: Entry, receipt: Receipt) -> None:
    """Compare every hash on the Hub with the local one."""
    assert entry.commit is not None
    tree = _tree(hub, upload, entry.commit)
    check_tree(files, tree, upload.repo)
    entry.files, entry.verified = record(files, tree), True
    entry.deleted = [path for path in entry.deleted if path not in tree]
    receipt.save()
    log.info("Verified %d files of %s at %s.", len(files), upload.repo, entry.commit[:12])


def _check_tag(hub: Hub, upload: Upload, files: Sequence[LocalFile]) -> None:
    """Refuse a tag that stands for something else before anything is sent, not after."""
    if upload.tag is None:
        return
    tagged = _resolve(hub, upload, upload.tag)
    if tagged is not None and differing(files, _tree(hub, upload, tagged)):
        raise _taken(upload, tagged)


def _tag(hub: Hub, upload: Upload, files: Sequence[LocalFile], entry: Entry) -> None:
    """Tag the commit; a tag that stands for the same files already is fine."""
    if upload.tag is None:
        return
    found = hub.call(f"Tagging {upload.repo}", partial(_tag_once, upload=upload, commit=str(entry.commit)))
    if found != entry.commit and (found is None or differing(files, _tree(hub, upload, found))):
        raise _taken(upload, str(found))
    entry.tag = upload.tag


def _tag_once(api: Any, upload: Upload, commit: str) -> str | None:
    """Where the tag points; it is made where there is none."""
    found = _find_revision(api, upload, upload.tag or "")
    if found is None:
        api.create_tag(upload.repo, tag=upload.tag, revision=commit, repo_type=upload.repo_type, exist_ok=True)
        found = _find_revision(api, upload, upload.tag or "")
    return found


def _taken(upload: Upload, commit: str) -> PublishError:
    return PublishError(
        f"The tag {upload.tag!r} of {upload.repo} marks another publication ({commit[:12]}).",
        "Choose another tag (--restart --tag NAME), or delete that one on the Hub if nobody relies on it.",
    )


def _resolve(hub: Hub, upload: Upload, revision: str) -> str | None:
    """The commit behind a tag or commit; None where there is none."""
    return hub.call(f"Looking for {revision} of {upload.repo}", lambda api: _find_revision(api, upload, revision))


def _find_revision(api: Any, upload: Upload, revision: str) -> str | None:
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        return str(api.repo_info(upload.repo, repo_type=upload.repo_type, revision=revision).sha)
    except RevisionNotFoundError:
        return None


def _tree(hub: Hub, upload: Upload, revision: str) -> Tree:
    what = f"Reading the files of {upload.repo}"
    return hub.call(what, lambda api: read_tree(api, upload.repo_type, upload.repo, revision))


def _refuse_to_replace(upload: Upload, entry: Entry, step: Step) -> None:
    """Whatever else is in a repository, other weights than ours are not deleted unless that is said."""
    foreign = upload.repo_type == "model" and step.stale and not step.ours and entry.before is None
    if foreign and not upload.replace:
        listed = ", ".join(step.stale[:5]) + (", …" if len(step.stale) > 5 else "")
        raise PublishError(
            f"There is another model in {upload.repo}, of which publishing would take away {listed}.",
            "Choose another repository (--restart --repo org/name), or replace that model: --restart --force.",
        )


def count_files(number: int) -> str:
    """`1 file`, `2 files`."""
    return f"{number} file{'s' * (number != 1)}"


def file_size(size: int) -> str:
    """Bytes in the unit that fits.

    >>> file_size(90_900_000), file_size(2_400)
    ('90.9 MB', '2.4 kB')
    """
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
