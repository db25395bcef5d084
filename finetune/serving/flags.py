"""Answers that a person has flagged, in a file that a recipe can train on: one JSON object per line.

Its columns are those of the task (`text`, `label`, …), the target being what the person says is right, and beside them
`prediction`, `note`, `time` and `model`. `data: {name: flags.jsonl}` reads it; rows without a target are left out there
and counted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import RunFolderError, UsageError

if TYPE_CHECKING:
    from finetune.serving.answering import Answer

ABOUT = ("prediction", "note", "time", "model")
"""Columns beside those of the task."""
LONGEST_NOTE = 2_000
"""Characters of a note."""


def append_flag(
    path: Path,
    values: Mapping[str, Any],
    answer: Answer,
    correction: Mapping[str, Any],
    note: str = "",
    *,
    model: str = "",
) -> None:
    """Add one flagged answer to the end of a file, whole or not at all, also when several people do at a time.

    The file is made, readable by its owner alone, where it is not there.

    Args:
        path: A JSON Lines file.
        values: What was asked, by field.
        answer: What the model made of it.
        correction: Columns that say what is right, as `read_correction` gives them: the target, None where the person
            does not say it, and inputs that have another form with it. What those replace is kept as `given_NAME`.
        note: What else the person says; at most 2,000 characters.
        model: Which model answered.

    Raises:
        UsageError: The note is too long, the input cannot be written as JSON, or the file holds flags of another task.
        RunFolderError: The file cannot be written.
    """
    if len(note) > LONGEST_NOTE:
        raise UsageError(
            f"The note has {len(note):,} characters; at most {LONGEST_NOTE:,} are kept.", "Shorten it, please."
        )
    try:
        line = json.dumps(_columns(values, answer, correction, note, model), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"This answer cannot be kept as text: {error}.", "Flag answers to texts only.") from None
    _append(path, line, correction)


def _columns(
    values: Mapping[str, Any], answer: Answer, correction: Mapping[str, Any], note: str, model: str
) -> dict[str, Any]:
    inputs = _inputs(values, answer.row)
    replaced = {f"given_{name}": value for name, value in inputs.items() if name in correction}
    prediction = answer.prediction["prediction"]
    plain = isinstance(prediction, str | int | float)
    return {
        **{name: value for name, value in inputs.items() if not {name, f"given_{name}"} & set(correction)},
        **correction,
        **replaced,
        # Always of one type, whatever was found: readers of the file infer a column's type from its rows.
        "prediction": prediction if plain else json.dumps(prediction, ensure_ascii=False),
        "note": note.strip(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": model,
    }


def _inputs(values: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs under the names that a recipe reads: those of the row, texts as they were typed; or, of a model that
    makes one text of a table's columns, these columns. Optional ones that are empty are left out: elsewhere a gap in
    a column drops the row."""
    known = {name: value for name, value in row.items() if value is not None and name != "row"}
    if not set(values) <= set(row):
        known = {name: value for name, value in values.items() if value not in (None, "")}
    typed = {
        name: value for name, value in values.items() if isinstance(value, str) and isinstance(known.get(name), str)
    }
    return known | typed


def _append(path: Path, line: str, correction: Mapping[str, Any]) -> None:
    with _opened(path) as file:
        size = os.fstat(file).st_size
        if size:
            _refuse_other_columns(path, correction)
            # A line that was cut off long ago must not swallow this one.
            line = line if os.pread(file, 1, size - 1) == b"\n" else "\n" + line
        data = (line + "\n").encode(errors="backslashreplace")
        if os.write(file, data) != len(data):
            os.ftruncate(file, size)
            raise RunFolderError(f"{path} cannot be written: the disk is full.", "Make room; nothing was kept.")


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file for this writer alone, until it is closed."""
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        os.close(file)


def _unwritable(path: Path, error: OSError) -> RunFolderError:
    return RunFolderError(f"{path} cannot be written: {error.strerror}.", "Name another file for flagged answers.")


def _refuse_other_columns(path: Path, correction: Mapping[str, Any]) -> None:
    with path.open(encoding="utf-8", errors="replace") as stream:
        first = stream.readline()
    try:
        known = json.loads(first)
    except ValueError:
        known = None
    wanted = {*ABOUT, *(name for name in correction if not name.startswith("given_"))}
    if not isinstance(known, dict) or not wanted <= set(known):
        raise UsageError(
            f"{path} holds something else than flagged answers of this task.", "Name another file; it was not touched."
        )
