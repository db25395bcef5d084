"""The folder of one run: atomic writes by rank 0, and clear words when it cannot be written."""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from finetune import processes
from finetune.errors import RunFolderError, did_you_mean

RECIPE = "recipe.yaml"


@dataclass(frozen=True)
class RunFolder:
    """A run's results on disk.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, parent: str | Path, name: str, run: str | None = None) -> RunFolder:
        """Make the folder of a new run; all processes agree on it.

        Args:
            parent: Folder that holds the runs.
            name: The recipe's name; the time is put behind it.
            run: A name to use instead; must not exist yet.

        Raises:
            RunFolderError: It exists already, or cannot be made.
        """
        cls.refuse_existing(parent, run)
        folder = cls(Path(parent) / (run or processes.share(f"{name}-{datetime.now():%Y%m%d-%H%M%S}")))
        processes.wait_for_all()  # nobody may find the folder that rank 0 makes next
        if processes.is_main():
            with _writing(folder.path):
                folder.path.mkdir(parents=True)
        processes.wait_for_all()
        return folder

    @staticmethod
    def refuse_existing(parent: str | Path, run: str | None) -> None:
        """Refuse a name that is taken, before any work is done.

        Raises:
            RunFolderError: The folder exists already.
        """
        if run and (Path(parent) / run).exists():
            raise RunFolderError(
                f"The run folder {Path(parent) / run} exists already; runs are never overwritten.",
                "Choose another output.run, continue it with --resume, or move it away.",
            )

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run.

        Raises:
            RunFolderError: There is no run at that path.
        """
        folder = Path(path)
        if not (folder / RECIPE).exists():
            runs = sorted(p.parent.name for p in folder.parent.glob(f"*/{RECIPE}")) if folder.parent.is_dir() else []
            what = "holds no run (no recipe.yaml)" if folder.is_dir() else "does not exist"
            hint = did_you_mean(folder.name, runs) or "Name a folder that `finetune run` wrote."
            raise RunFolderError(f"The run folder {folder} {what}.", hint)
        return cls(folder)

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.path / "model"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints that a run can be resumed from."""
        return self.path / "checkpoints"

    @property
    def logs(self) -> Path:
        """Curves for TensorBoard."""
        return self.path / "logs"

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).exists()

    def write_text(self, name: str, text: str) -> None:
        """Write a UTF-8 text file whole or not at all."""
        with self.replacing(name) as temporary:
            if temporary is not None:
                temporary.write_text(text, encoding="utf-8")

    def write_json(self, name: str, values: Any) -> None:
        """Write plain values as JSON; numbers that are not finite become null."""
        self.write_text(name, json.dumps(_finite(values), indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def write_table(self, name: str, columns: dict[str, list[Any]]) -> None:
        """Write columns of equal length as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self.replacing(name) as temporary:
            if temporary is not None:
                pq.write_table(pa.table(columns), temporary)

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run.

        Raises:
            RunFolderError: The run has not come so far.
        """
        self._need(name)
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def read_table(self, name: str) -> dict[str, list[Any]]:
        """Read a Parquet file of the run as columns."""
        import pyarrow.parquet as pq

        self._need(name)
        return pq.read_table(self.path / name).to_pydict()  # type: ignore[no-any-return]

    def _need(self, name: str) -> None:
        if not self.has(name):
            raise RunFolderError(
                f"The run {self.path} has no {name}: it has not come so far.",
                f"Finish it with: finetune run --resume {self.path}",
            )

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path | None]:
        """A temporary path that takes the place of `name` when the block ends well; None where this is not rank 0."""
        if not processes.is_main():
            yield None
            return
        target = self.path / name
        with _writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
            os.close(handle)
            try:
                yield Path(temporary)
                with open(temporary, "rb") as stream:
                    os.fsync(stream.fileno())
                os.chmod(temporary, 0o644)
                os.replace(temporary, target)
            finally:
                Path(temporary).unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise explain_write_error(error, path) from error


def find_write_error(error: Exception) -> RunFolderError | None:
    """A full or unwritable disk, whichever library met it; None for any other error.

    safetensors and torch do not raise OSError when they cannot write.
    """
    if isinstance(error, OSError):
        known = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)
        return explain_write_error(error) if known else None
    text = str(error)
    ours = ("inline_container.cc" in text and "unexpected pos" in text) or "iostream error" in text  # torch's words
    full = "No space left on device" in text or ours
    return explain_write_error(OSError(errno.ENOSPC, text)) if full else None


def explain_write_error(error: OSError, path: Path | None = None) -> RunFolderError:
    """What went wrong when writing, and what to do about it."""
    where = path or error.filename or "the run folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunFolderError(
            f"No space is left on the disk for {where}.",
            "Free some, or set output.folder to another disk; then continue with --resume.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RunFolderError(
            f"{where} cannot be written: {error.strerror}.", "Set output.folder to a writable folder."
        )
    return RunFolderError(f"{where} cannot be written: {error.strerror or error}.", "Check output.folder.")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):  # numpy's and torch's scalars
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
