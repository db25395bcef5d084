"""Seconds and peak memory of cleaning, splitting and auditing 1 and 10 million rows, and how both grow.

    python benchmarks/data_at_scale.py [ROWS [MORE_ROWS]] [--exact-only]

The rows are written to Parquet files in a temporary folder: a text of some 20 words of Zipf's distribution, a label, a
number, a category and a date; 1% of them repeat an earlier row, 0.5% nearly do, 0.1% hold an address of e-mail, and a
few values are missing. A process per size then reads the file, cleans (normalize, dates, missing, duplicates, near
duplicates unless `--exact-only`), splits and audits it with the functions that `finetune data` calls. The baseline is
what a script would do with pandas on the same file: read it, count the labels, look for equal texts, and measure texts.

Memory is the process's largest resident size without what it had after its imports. Pages of memory-mapped files count
in it, which the system takes back when others need room; `held` is the largest size without them.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 50_000
_SHARES = np.cumsum(1 / np.arange(1, 50_001))
_TOWNS = np.array(["Aarhus", "Bergen", "Cork", "Delft", "Essen", "Faro", "Ghent", "Hull"], dtype=object)
_SIGNS = ("b", "ch", "d", "f", "gr", "k", "l", "m", "n", "pr", "s", "t", "v")
_WORDS = np.array(
    [f"{_SIGNS[n % 13]}{'aeiou'[n // 13 % 5]}{_SIGNS[n // 65 % 13]}{'aeiou'[n // 845 % 5]}{_SIGNS[n // 4225 % 13]}"
     for n in range(50_000)], dtype=object
)  # fmt: skip
FORMATS = ("%Y-%m-%d", "%d %b %Y", "%B %d, %Y")


def tables(rows: int) -> Iterator[Any]:
    """Tables of at most `CHUNK` rows, each a function of its number."""
    import pyarrow as pa

    for start in range(0, rows, CHUNK):
        random, count = np.random.default_rng(start), min(CHUNK, rows - start)
        drawn = _WORDS[np.searchsorted(_SHARES, random.random((count, 21)) * _SHARES[-1])]
        lengths = random.integers(15, 22, count)
        texts = [" ".join(words[:length]) for words, length in zip(drawn.tolist(), lengths.tolist(), strict=True)]
        labels = np.where(random.random(count) < 0.9, lengths % 2, random.integers(0, 2, count))
        for row in np.flatnonzero(random.random(count) < 0.001).tolist():
            texts[row] += f" mail {drawn[row, 0]}{row}@example.org"
        for share, ending in ((0.01, ""), (0.005, " again")):
            for row in np.flatnonzero(random.random(count) < share).tolist():
                texts[row], labels[row] = texts[row // 2] + ending, labels[row // 2]
        days = random.integers(0, 3000, count).astype("datetime64[D]").astype(object)
        forms = random.integers(0, 3, count)
        numbers = np.round(random.lognormal(3, 0.5, count), 2)
        yield pa.table({
            "text": texts,
            "label": np.array(["no", "yes"], dtype=object)[labels],
            "number": pa.array(numbers, mask=random.random(count) < 0.01),
            "town": pa.array(_TOWNS[random.integers(0, 8, count)], mask=random.random(count) < 0.005),
            "day": [day.strftime(FORMATS[form]) for day, form in zip(days, forms, strict=True)],
        })  # fmt: skip


def write_rows(path: Path, rows: int) -> None:
    """Write the rows table by table."""
    import pyarrow.parquet as pq

    writer = None
    for table in tables(rows):
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def recipe_values(path: Path, *, near: bool) -> dict[str, Any]:
    """What is asked of the data."""
    return {
        "task": "text-classification",
        "model": {"name": "none"},
        "data": {"name": str(path), "columns": {"text": "text", "label": "label"}},
        "features": {"numeric": ["number"], "categorical": ["town"], "time": ["day"]},
        "cleaning": {
            "normalize": ["encoding", "unicode", "whitespace"], "dates": {"day": {}}, "personal": "redact",
            "missing": {"number": "median", "town": {"strategy": "constant", "value": "elsewhere"}},
            "duplicates": "drop", "near_duplicates": "drop" if near else "keep",
        },
    }  # fmt: skip


def ours(path: Path, *, near: bool) -> dict[str, float]:
    """Seconds of each stage."""
    from finetune import Recipe
    from finetune.data import audit_prepared, prepare, read
    from finetune.pipeline import validate

    recipe = Recipe.from_dict(recipe_values(path, near=near))
    ends = [time.perf_counter()]
    raw = read(recipe.data)
    ends.append(time.perf_counter())
    data = prepare(recipe, validate(recipe), raw)
    ends.append(time.perf_counter())
    found = audit_prepared(recipe, data, None, None)
    ends.append(time.perf_counter())
    assert found.duplicates["exact"]["splits"]["train"]["duplicates"] == 0  # they were dropped
    return dict(zip(("read", "clean and split", "audit"), np.diff(ends).tolist(), strict=True))


def pandas(path: Path, *, near: bool) -> dict[str, float]:
    """Seconds of what a script would do."""
    from pandas import read_parquet

    started = time.perf_counter()
    rows = read_parquet(path)
    for column in rows:
        rows[column].value_counts()
        rows[column].isna().sum()
    rows.duplicated(["text"]).sum()
    rows["text"].str.len().describe()
    rows["number"].describe()
    return {"all": time.perf_counter() - started}


CASES: dict[str, Callable[..., dict[str, float]]] = {"ours": ours, "pandas": pandas}


class Watch:
    """The most memory that this process has held since, without pages of files, in bytes; None off Linux."""

    def __init__(self) -> None:
        self.before, self.most = self._now(), 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            self.most = max(self.most, self._now())
            time.sleep(0.05)

    @staticmethod
    def _now() -> int:
        status = Path("/proc/self/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

    @property
    def bytes(self) -> int:
        """Above what was held at first."""
        return max(0, self.most - self.before)


def measure(case: str, path: Path, *, near: bool) -> dict[str, Any]:
    """Seconds and bytes of one case, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "few.parquet"
        write_rows(small, 400)
        CASES[case](small, near=near)  # imports
    watch, before = Watch(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = CASES[case](path, near=near)
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "resident": (peak - before) * unit, "held": watch.bytes}


def in_a_process(case: str, path: Path, *, near: bool) -> dict[str, Any]:
    """The same in a process of its own, which keeps what it caches beside the file."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(path.parent / "cache"),
                   "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TMPDIR": str(path.parent)}  # fmt: skip
    command = [sys.executable, __file__, "--measure", case, str(path), *([] if near else ["--exact-only"])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout))


def compare(sizes: Sequence[int], *, near: bool) -> Iterator[str]:
    """One line per measurement, and the growth from the first size to the last."""
    found: dict[str, list[tuple[float, int, int]]] = {}
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="finetune-scale-") as folder:
            path = Path(folder) / "rows.parquet"
            write_rows(path, rows)
            for case in CASES:
                measured = in_a_process(case, path, near=near)
                seconds = sum(measured["seconds"].values())
                found.setdefault(case, []).append((seconds, measured["resident"], measured["held"]))
                stages = ", ".join(f"{name} {value:.1f} s" for name, value in measured["seconds"].items())
                yield (
                    f"{case:6} {rows:>10,} rows {seconds:8.1f} s {rows / seconds:10,.0f} rows/s "
                    f"{measured['resident'] / 1e6:7,.0f} MB resident {measured['held'] / 1e6:7,.0f} MB held  ({stages})"
                )
    for case, all_of_it in found.items():
        first, last = all_of_it[0], all_of_it[-1]
        ratios = ", ".join(f"{name} × {b / max(a, 1e-9):.2f}" for name, a, b in
                           zip(("seconds", "resident", "held"), first, last, strict=True))  # fmt: skip
        yield f"{case:6} rows × {sizes[-1] / sizes[0]:g}: {ratios}"


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> None:
    near = "--exact-only" not in arguments
    given = [argument for argument in arguments if argument != "--exact-only"]
    if given and given[0] == "--measure":
        print(json.dumps(measure(given[1], Path(given[2]), near=near)))
        return
    for line in compare([int(size) for size in given] or [1_000_000, 10_000_000], near=near):
        print(line, flush=True)


if __name__ == "__main__":
    main()
