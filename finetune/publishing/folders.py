"""Folders that are filled whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from finetune.artifacts.run_folder import explain_write_error
from finetune.errors import UsageError


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`, which takes its place when the block ends well and is removed otherwise.

    Args:
        folder: A new or an empty folder.

    Raises:
        UsageError: There is something in the folder already.
        RunFolderError: It cannot be written: no space, no rights.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty; nothing is overwritten.", "Name another folder, or empty this one.")
    partial: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        yield partial
        partial.chmod(0o755)  # temporary folders are made for their owner alone
        os.replace(partial, folder)  # an empty folder may be in the way
    except OSError as error:
        raise explain_write_error(error, folder) from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def write_texts(texts: Mapping[str, str], folder: Path) -> None:
    """Write small files into a folder, by their relative path.

    Raises:
        UsageError: A path leads out of the folder, or such a file is there already.
    """
    for name, text in texts.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise UsageError(f"{name!r} is no path inside a repository.", "Give relative paths with forward slashes.")
        target = folder / path
        if target.exists():
            raise UsageError(f"{name} would be written twice into {folder.name}.", "Give the text another name.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
