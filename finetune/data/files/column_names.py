"""Column names as a header writes them, made usable: trimmed, visible, all different."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from finetune.errors import DataError

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u00ad"  # zero width, direction marks, soft hyphen


def clean_names(header: list[str], path: Path) -> tuple[list[str], list[str]]:
    """Names without what nobody can see or type; columns without a name are called after their place.

    Args:
        header: The fields of the header line.
        path: For the message.

    Returns:
        The names, and those of them that were made up: `Unnamed: 0` for the first column, as pandas has it.

    Raises:
        DataError: A name stands there twice.
    """
    names = [_visible(name) or f"Unnamed: {place}" for place, name in enumerate(header)]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(
            f"{path} names the column {twice[0]!r} {Counter(names)[twice[0]]} times in its header.",
            "Rename the columns in the file.",
        )
    return names, [name for name, written in zip(names, header, strict=True) if not _visible(written)]


def _visible(name: str) -> str:
    """Without invisible characters at the ends; runs of line breaks and no-break spaces as one blank."""
    name = name.strip().strip(_INVISIBLE).strip().replace("\ufeff", "").replace("\u200b", "")
    return re.sub(r"\s*[^\S ]\s*", " ", name)


def name_notes(header: list[str], names: list[str], unnamed: list[str]) -> list[str]:
    """What was done to the names, and what looks odd about them, in sentences."""
    notes = [
        f"The column name {written.strip()!a} is read as {name!r}."
        for written, name in zip(header, names, strict=True)
        if name not in unnamed and written.strip() != name
    ]
    for lowered, times in Counter(name.lower() for name in names).items():
        if times > 1:
            same = " and ".join(repr(name) for name in names if name.lower() == lowered)
            notes.append(f"The column names {same} differ only in case.")
    numbers = sum(bool(re.fullmatch(r"-?\d+([.,]\d+)?", name)) for name in names)
    if numbers:
        notes.append(
            f"{numbers} of {len(names)} column names are numbers: if the file has no header, set data.reader.header."
        )
    return notes
