"""Pictures and sounds: their sizes and lengths, and the files that cannot be opened."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.data.auditing.entries import Role, entry
from finetune.data.auditing.measuring import sampled, unmeasured
from finetune.data.auditing.numbers import histogram, name_quantiles, quantiles, rounded
from finetune.data.auditing.sampling import SEED, RowList, batches, draw_files
from finetune.errors import MissingExtraError

if TYPE_CHECKING:
    from datasets import Dataset

File = tuple[str, Any]
"""The name of a row, and what it holds: `bytes`, or a `path` to them; None where there is nothing."""
MOST_SIZES = 10
SILENCE = 10 ** (-60 / 20)
"""Amplitude under which a sound counts as silence: -60 dB of full scale."""
FRAME = 0.02
"""Seconds that are silent or not as a whole."""
CLIPPED, FULL = 0.001, 0.999
"""Share of samples at the end of the scale (an amplitude of at least `FULL`) from which a sound counts as clipped."""


class MediaScan:
    """A column of pictures or sounds.

    Args:
        name: Of the column.
        feature: Its type in `datasets`.
        role: What it is for.
        splits: Raw splits.
        size: Files to open at most.
    """

    personal, persons, texts = False, None, None
    """As of other columns: nothing is known of what is said or shown."""

    def __init__(self, name: str, feature: Any, role: Role, splits: Mapping[str, Dataset], size: int) -> None:
        self.name, self.feature, self.role, self.size = name, feature, role, size
        self.splits = {split: rows for split, rows in splits.items() if name in rows.column_names}
        self.kind = {"Image": "image", "Audio": "audio"}.get(type(feature).__name__, "other")

    def to_dict(self) -> dict[str, Any]:
        """The entry of the column in the audit."""
        found = entry(self.name, self.feature, self.kind, self.role, self._missing())
        files = draw_files(self.splits, self.name, self.size, SEED)
        total = sum(map(len, self.splits.values()))
        if self.kind == "image":
            found["images"] = describe_images(files, sampled(min(self.size, total), total))
        if self.kind == "audio":
            found["audio"] = describe_audio(files, sampled(min(self.size, total), total))
        return found

    def _missing(self) -> dict[str, list[int]]:
        found = {}
        for split, rows in self.splits.items():
            tables = (table for _, table in batches(rows.select_columns([self.name])))
            found[split] = [sum(table[self.name].null_count for table in tables), len(rows)]
        return found


def describe_images(files: Iterable[File], part: dict[str, int] | None) -> dict[str, Any]:
    """The entry `images` of a column.

    Args:
        files: Rows and their pictures, not decoded yet.
        part: What the audit says of the sample.
    """
    try:
        from PIL import Image
    except ImportError:
        return unmeasured(MissingExtraError.of("pillow", "vision", "Looking at images").cause)

    def look(stream: io.BytesIO) -> tuple[int, int, str, str]:
        with Image.open(stream) as picture:
            picture.load()  # a cut file has a sound header
            return picture.width, picture.height, picture.mode, str(picture.format)

    found, unreadable = _look_at_each(files, look)
    sizes = Counter((width, height) for width, height, _, _ in found)
    return {
        "measured": True,
        "width": _range([width for width, *_ in found]),
        "height": _range([height for _, height, *_ in found]),
        "sizes": [{"width": width, "height": height, "count": count}
                  for (width, height), count in sorted(sizes.items(), key=lambda i: (-i[1], i[0]))[:MOST_SIZES]],
        "modes": _counted([mode for *_, mode, _ in found]),
        "formats": _counted([form for *_, form in found]),
        "unreadable": unreadable.to_dict(),
        "sampled": part,
    }  # fmt: skip


def describe_audio(files: Iterable[File], part: dict[str, int] | None) -> dict[str, Any]:
    """The entry `audio` of a column; the arguments are as those of `describe_images`."""
    try:
        import soundfile
    except (ImportError, OSError):  # the package without its library
        return unmeasured(MissingExtraError.of("soundfile", "audio", "Looking at sounds").cause)
    named: list[tuple[str, float, float]] = []

    def look(stream: io.BytesIO) -> tuple[float, int, int, float, float]:
        waves, rate = soundfile.read(stream, dtype="float32", always_2d=True)
        return len(waves) / rate, rate, waves.shape[1], silent_share(waves, rate), clipped_share(waves)

    found, unreadable = _look_at_each(files, look, lambda row, seen: named.append((row, seen[3], seen[4])))
    seconds = np.array([length for length, *_ in found])
    return {
        "measured": True,
        "seconds": {**_range(seconds), "mean": _mean(seconds), "total": rounded(seconds.sum()),
                    "histogram": histogram(seconds)},
        "rates": _counted([rate for _, rate, *_ in found]),
        "channels": _counted([channels for _, _, channels, *_ in found]),
        "silence": _share([share for *_, share, _ in found], [row for row, share, _ in named if share == 1], "silent"),
        "clipping": _share([share for *_, share in found], [row for row, _, s in named if s > CLIPPED], "clipped"),
        "unreadable": unreadable.to_dict(),
        "sampled": part,
    }  # fmt: skip


def silent_share(waves: Any, rate: int) -> float:
    """Share of the frames of 20 ms in which no channel gets over -60 dB of full scale; 1 of a sound without length."""
    if not len(waves):
        return 1.0
    size = max(1, round(rate * FRAME))
    peaks = np.abs(waves).max(axis=1)
    frames = [peaks[start : start + size].max() for start in range(0, len(peaks), size)]
    return float(np.mean(np.array(frames) < SILENCE))


def clipped_share(waves: Any) -> float:
    """Share of the samples that stand at the end of the scale."""
    return float(np.mean(np.abs(waves) >= FULL)) if len(waves) else 0.0


def _look_at_each(
    files: Iterable[File], look: Callable[[io.BytesIO], Any], then: Callable[[str, Any], None] | None = None
) -> tuple[list[Any], RowList]:
    """What `look` says of each file; the rows whose file it cannot read."""
    found, unreadable = [], RowList()
    for row, value in files:
        if value is None:
            continue
        try:
            content = value["bytes"] if value["bytes"] is not None else Path(value["path"]).read_bytes()
            seen = look(io.BytesIO(content))
        except Exception:  # decoders raise whatever they like on broken files
            unreadable.add_named([row])
            continue
        found.append(seen)
        if then is not None:
            then(row, seen)
    return found, unreadable


def _range(values: Any) -> dict[str, Any]:
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers):
        return {"min": None, "max": None, "quantiles": name_quantiles([np.nan] * 7)}
    return {"min": rounded(numbers.min()), "max": rounded(numbers.max()), "quantiles": quantiles(numbers)}


def _counted(values: list[Any]) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items(), key=lambda i: (-i[1], str(i[0])))}


def _mean(values: Any) -> float | None:
    return rounded(np.mean(values)) if len(values) else None


def _share(shares: list[float], rows: list[str], what: str) -> dict[str, Any]:
    found = RowList()
    found.add_named(rows)
    return {"mean": _mean(shares), what: found.count, "rows": found.rows}
