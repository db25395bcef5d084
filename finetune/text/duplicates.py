"""Rows that are there twice, exactly or nearly, in memory that stays small at 10 million rows.

datasketch's index of MinHash signatures would need about 20 GB for as many, in Python objects; that is why this is own
code. Here 8 bytes per row and band lie in a temporary file (1.7 GB for 10 million rows), and one band at a time is
sorted in memory: `benchmarks/near_duplicates.py` shows what a row costs.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from finetune.errors import DataError, FinetuneError, UsageError
from finetune.text.minhash import HALF, MinHash, band_keys, bucket_pairs, choose_bands
from finetune.text.shingles import SetFile, Shingler, hash_string, run_starts

Batches = Callable[[], Iterable[Sequence[str]]]
"""Gives the texts in the order of the rows, the same at every call."""
_CHUNK = 2048


def hash_texts(texts: Iterable[str]) -> np.ndarray:
    """A number per text that is equal for texts which differ in case and blanks only.

    Among 10 million different texts the odds are 3 in a million that any two share one: n² / 2 / 2^64 for XXH3.

    Args:
        texts: Strings; read once.

    Returns:
        (n,) uint64.

    Example:
        >>> keys = hash_texts(["A  fox", "a fox\\n", "foxes"])
        >>> bool(keys[0] == keys[1]), bool(keys[0] == keys[2])
        (True, False)
    """
    return np.fromiter((hash_string(" ".join(text.lower().split())) for text in texts), np.uint64)


def first_of_equal(keys: np.ndarray) -> np.ndarray:
    """For each row the index of the first row with the same key, itself where it is the first.

    Args:
        keys: (n,) numbers or strings; NaN equals nothing.

    Returns:
        (n,) int64.

    Example:
        >>> first_of_equal(np.array([7, 5, 7, 5])).tolist()
        [0, 1, 0, 1]
    """
    order = np.argsort(keys, kind="stable")
    starts = run_starts(keys[order])
    result = np.empty(len(keys), np.int64)
    result[order] = np.repeat(order[starts], np.diff(starts, append=len(keys)))
    return result


def shared_with(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) bool: which of the keys stand among the others too.

    Example:
        >>> shared_with(np.array([7, 5]), np.array([5, 6])).tolist()
        [False, True]
    """
    result: np.ndarray = np.isin(keys, others)
    return result


@dataclass(frozen=True)
class NearGroups:
    """Which rows are near duplicates of which."""

    first: np.ndarray
    """(n,) int64: the row that stands for each row's group, itself where nothing earlier is like it."""
    pairs: np.ndarray
    """(m, 2) int64: a row and an earlier one, every pair compared in full; sorted."""
    similarity: np.ndarray
    """(m,) float32, the Jaccard similarity of each pair: threshold to 1."""


def near_groups(
    batches: Batches,
    rows: int,
    *,
    threshold: float = 0.8,
    shingle: int = 3,
    permutations: int = 128,
    seed: int = 0,
    fixed: np.ndarray | None = None,
) -> NearGroups:
    """Find the rows whose words are nearly those of an earlier row.

    Two rows are near duplicates when the Jaccard similarity |A ∩ B| / |A ∪ B| of their sets of shingles (runs of
    `shingle` lowercased words) is the threshold or more. Candidates come from MinHash and banding (Broder 1997;
    Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3) and are compared in full, on hashes of 64
    bits: none is found falsely. A pair at the threshold is missed with a probability of at most 1%, by
    (1 - s^r)^b with the b bands of r places that `choose_bands` chooses, and more similar ones more rarely.

    Rows with the same words in the same order are joined first, and the first of them stands for all: `pairs` then
    holds (row, first of them). Where more than 8 different rows agree in a band, each is compared with a few of them
    rather than all, so that the cost grows with the rows and not with their square; their groups are found through
    those, but `pairs` does not list every pair.

    Args:
        batches: Gives batches of texts in the order of the rows; called twice where there are candidates.
        rows: How many texts these are in all, at most 2^32.
        threshold: Jaccard similarity, above 0, at most 1.
        shingle: Words in a shingle. A text of fewer is one shingle; one without any word is near nothing.
        permutations: Length of a signature. More find lower similarities; time grows with it.
        seed: The same seed finds the same pairs, whatever the size of the batches.
        fixed: (rows,) bool, rows that are to stay: each stands for itself, and the first fixed row of a group stands
            for the others of the group even when it comes later. Default: the earliest row does.

    Raises:
        UsageError: An argument out of its range. DataError: There are more or fewer texts than `rows`.
        FinetuneError: The folder for temporary files is too small.

    Example:
        >>> texts = ["the quick brown fox jumps over a dog", "It rained.", "The quick brown fox jumps over a dog today"]
        >>> near_groups(lambda: [texts], 3, threshold=0.8).first.tolist()
        [0, 1, 0]
    """
    _check(rows, threshold, shingle, fixed)
    bands = choose_bands(threshold, permutations)
    with tempfile.TemporaryFile() as file:
        same, worded = _write_bands(batches, rows, file, bands, Shingler(shingle), MinHash(permutations, seed))
        copies = np.flatnonzero(same != np.arange(rows))
        different = np.flatnonzero((same == np.arange(rows)) & worded)
        candidates = _candidates(file, bands[0], rows, different)
    pairs, similarity = _verify(batches, rows, candidates, Shingler(shingle), threshold)
    pairs = np.concatenate([pairs, np.stack([copies, same[copies]], axis=1)])
    similarity = np.concatenate([similarity, np.ones(len(copies), np.float32)])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return NearGroups(_roots(pairs, rows, fixed), pairs[order], similarity[order])


def _check(rows: int, threshold: float, shingle: int, fixed: np.ndarray | None) -> None:
    if not 0 < threshold <= 1:
        raise UsageError(f"A similarity threshold of {threshold!r} was given.", "Use one above 0 and at most 1.")
    if shingle < 1:
        raise UsageError(f"Shingles of {shingle!r} words were asked for.", "Use at least 1.")
    if not 0 <= rows <= 1 << 32:
        raise UsageError(f"{rows} rows are to be compared; 0 to 2^32 can be.", "Compare parts of the data.")
    if fixed is not None and (fixed.shape != (rows,) or fixed.dtype != bool):
        raise UsageError(f"fixed holds {fixed.dtype} {fixed.shape} for {rows} rows.", "Give one boolean per row.")


def _chunks(batches: Batches, rows: int) -> Iterator[tuple[int, list[str]]]:
    """The texts again, in lists of one size that suits the computation, each with the index of its first row."""
    texts = itertools.chain.from_iterable(batches())
    start = 0
    while (chunk := list(itertools.islice(texts, _CHUNK))) and start + len(chunk) <= rows:
        yield start, chunk
        start += len(chunk)
    if chunk or start < rows:
        raise DataError(
            f"{'More than' if chunk else 'Only'} {rows if chunk else start} texts came; {rows} rows were announced.",
            "Read the same rows that were counted.",
        )


def _write_bands(
    batches: Batches, rows: int, file: IO[bytes], bands: tuple[int, int], shingler: Shingler, minhash: MinHash
) -> tuple[np.ndarray, np.ndarray]:
    """Put the keys of one band behind those of the other into the file, (bands, rows) uint64.

    Returns:
        For each row the first one with the same words (n,) int64, and whether it has any words (n,) bool.
    """
    _check_room(rows * bands[0] * 8)
    keys, worded = np.zeros(rows, np.uint64), np.zeros(rows, bool)
    for start, texts in _chunks(batches, rows):
        found = shingler.find(texts)
        here = slice(start, start + len(texts))
        keys[here], worded[here] = found.keys, found.counts > 0
        for band, values in enumerate(band_keys(minhash.signatures(found), *bands)):
            file.seek((band * rows + start) * 8)
            file.write(values.tobytes())
    file.flush()
    return np.where(worded, first_of_equal(keys), np.arange(rows)), worded


def _check_room(needed: int) -> None:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FinetuneError(
            f"Near duplicates need {needed / 1e9:.1f} GB for temporary files; {folder} has {free / 1e9:.1f} GB free.",
            "Set the environment variable TMPDIR to a folder with more room.",
        )


def _candidates(file: IO[bytes], bands: int, rows: int, different: np.ndarray) -> np.ndarray:
    """Pairs of rows that agree in a band, as sorted unique numbers row * 2^32 + earlier row (uint64)."""
    result = np.empty(0, np.uint64)
    for band in range(bands):
        file.seek(band * rows * 8)
        keys = np.frombuffer(file.read(rows * 8), np.uint64)[different]
        # Joined band by band, since most pairs that agree in one band agree in others too.
        result = np.union1d(result, bucket_pairs(keys, different))
    return result


def _verify(
    batches: Batches, rows: int, candidates: np.ndarray, shingler: Shingler, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Those of the candidates that are similar enough, (m, 2) int64, and their similarity, (m,) float32."""
    pairs = np.stack([candidates >> HALF, candidates & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)
    if not len(pairs):
        return pairs, np.empty(0, np.float32)
    involved = np.unique(pairs)
    with tempfile.TemporaryFile() as file:
        sets = SetFile(file)
        for start, texts in _chunks(batches, rows):
            low, high = np.searchsorted(involved, [start, start + len(texts)])
            sets.append(shingler.find([texts[row - start] for row in involved[low:high]]))
        similarity = sets.similarities(np.searchsorted(involved, pairs))
    near = similarity >= threshold
    return pairs[near], similarity[near].astype(np.float32)


def _roots(pairs: np.ndarray, rows: int, fixed: np.ndarray | None) -> np.ndarray:
    """The row that stands for each row's group: the earliest, or the earliest fixed one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(rows, rows))
    first = first_of_equal(connected_components(links, directed=False)[1])
    if fixed is None:
        return first
    staying = np.flatnonzero(fixed)
    groups, earliest = np.unique(first[staying], return_index=True)
    stands: np.ndarray = np.arange(rows)
    stands[groups] = staying[earliest]
    stands = stands[first]
    stands[staying] = staying
    return stands
