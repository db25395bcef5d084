"""Rows a second of one core, and peak memory, of our search for near duplicates against datasketch on the same texts.

    python benchmarks/near_duplicates.py [ROWS [MORE_ROWS]]

Texts have 20 words of a vocabulary with Zipf's distribution, and a tenth of them are earlier ones with one word
changed. datasketch indexes the smaller size with as many permutations and is asked for each row's neighbours. Both
choose their own bands for the threshold and compare candidates in full, so more pairs found is better recall. Every
measurement has a process of its own; memory is the largest resident size above that of the same process before it
starts, so the growth between the two sizes is what rows cost.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np

from finetune.text.duplicates import near_groups

THRESHOLD, PERMUTATIONS, BATCH = 0.8, 128, 1000
_WORDS = np.array([f"w{number}" for number in range(50_000)])
_SHARES = np.cumsum(1 / np.arange(1, len(_WORDS) + 1))


def batches(rows: int) -> Iterator[list[str]]:
    """Made anew at each call, so that the texts take no memory: each batch is a function of its number."""
    for start in range(0, rows, BATCH):
        random = np.random.default_rng(start)
        drawn = _WORDS[np.searchsorted(_SHARES, random.random((min(BATCH, rows - start), 20)) * _SHARES[-1])]
        for row in range(1, len(drawn), 10):
            drawn[row] = drawn[row - 1]
            drawn[row, -1] = f"new{start + row}"
        yield [" ".join(words) for words in drawn]


def ours(rows: int) -> int:
    """Near duplicates found."""
    return len(near_groups(lambda: batches(rows), rows, threshold=THRESHOLD, permutations=PERMUTATIONS).pairs)


def datasketch(rows: int) -> int:
    """Near duplicates found."""
    from datasketch import MinHash, MinHashLSH

    index, sets, found = MinHashLSH(THRESHOLD, PERMUTATIONS), [], 0
    for text in (text for batch in batches(rows) for text in batch):
        words = text.split()
        sets.append({" ".join(words[place : place + 3]).encode() for place in range(len(words) - 2)})
        signature = MinHash(PERMUTATIONS)
        signature.update_batch(sets[-1])
        near = index.query(signature)
        found += sum(len(sets[row] & sets[-1]) / len(sets[row] | sets[-1]) >= THRESHOLD for row in near)
        index.insert(len(sets) - 1, signature)
    return found


def reading(rows: int) -> int:
    """What making the texts alone takes, which is taken off: once for datasketch, twice for ours."""
    return sum(map(len, batches(rows)))


CASES = {"datasketch": datasketch, "ours": ours, "reading": reading}


def measure(case: str, rows: int) -> dict[str, float]:
    """Seconds of a core, megabytes and pairs of one case, in this process."""
    CASES[case](BATCH)  # imports and caches
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = CASES[case](rows)
    seconds = time.process_time() - started
    unit = 1e6 if sys.platform == "darwin" else 1e3  # macOS counts bytes, Linux kilobytes
    return {
        "seconds": seconds,
        "mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit,
        "found": found,
    }


def in_a_process(case: str, rows: int) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, case, str(rows)], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def compare(few: int, many: int) -> Iterator[str]:
    """One line per measurement."""
    speeds: list[float] = []
    for case, rows in (("datasketch", few), ("ours", few), ("ours", many)):
        measured = in_a_process(case, rows)
        texts = in_a_process("reading", rows)["seconds"] * (2 if case == "ours" else 1)
        speeds.append(rows / max(measured["seconds"] - texts, 1e-9))
        yield (
            f"{case:10} {rows:>9,} rows {speeds[-1]:9,.0f} rows/s  {speeds[-1] / speeds[0]:6.2f} × datasketch  "
            f"{measured['mb']:7.0f} MB  {measured['found']:8,.0f} pairs"
        )


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> None:
    if arguments and arguments[0] in CASES:
        print(json.dumps(measure(arguments[0], int(arguments[1]))))
        return
    few = int(arguments[0]) if arguments else 20_000
    for line in compare(few, int(arguments[1]) if len(arguments) > 1 else 20 * few):
        print(line, flush=True)


if __name__ == "__main__":
    main()
