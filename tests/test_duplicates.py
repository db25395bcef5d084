"""Exact and near duplicates: against plain loops, against all pairs in full, and against datasketch."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence

import numpy as np
import pytest
from datasketch import MinHash as TheirMinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.errors import DataError, FinetuneError, UsageError
from finetune.text.duplicates import NearGroups, first_of_equal, hash_texts, near_groups, shared_with
from finetune.text.minhash import MinHash, bucket_pairs, choose_bands, miss_probability
from finetune.text.shingles import Shingler

WORDS = [f"word{number}" for number in range(400)]
BLANKS = [" ", "\t", "\n", "  ", "\u00a0", "\u2003"]
SEVERAL = st.lists(st.text("abAB ,.'_é世", max_size=12), max_size=30)


def naive_set(text: str, size: int = 3) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + size]) for i in range(max(1, len(words) - size + 1))} if words else set()


def jaccard(left: set[tuple[str, ...]], right: set[tuple[str, ...]]) -> float:
    return len(left & right) / len(left | right) if left and right else 0.0


def grouped(texts: Sequence[str], size: int = 1000, **options: object) -> NearGroups:
    def batches() -> list[Sequence[str]]:
        return [texts[start : start + size] for start in range(0, len(texts), size)]

    return near_groups(batches, len(texts), **options)


def same(left: NearGroups, right: NearGroups) -> bool:
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in ("first", "pairs", "similarity"))


def planted(rows: int, seed: int) -> list[str]:
    """Random texts of 8 to 60 words; each fifth is an earlier one with one to four words put in other words' place."""
    chance = random.Random(seed)
    texts = [chance.choices(WORDS, k=chance.randint(8, 60)) for _ in range(rows)]
    for row in range(5, rows, 5):
        texts[row] = list(texts[chance.randrange(row)])
        for _ in range(chance.randint(1, 4)):
            texts[row][chance.randrange(len(texts[row]))] = chance.choice(WORDS)
    return [" ".join(text) for text in texts]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return planted(3000, seed=3)


@pytest.fixture(scope="module")
def truth(texts: list[str]) -> dict[tuple[int, int], float]:
    """All pairs that share a shingle, with their similarity."""
    sets = [naive_set(text) for text in texts]
    holders: dict[tuple[str, ...], list[int]] = {}
    for row, members in enumerate(sets):
        for member in members:
            holders.setdefault(member, []).append(row)
    pairs = {(b, a) for rows in holders.values() for a, b in itertools.combinations(rows, 2)}
    return {pair: jaccard(sets[pair[0]], sets[pair[1]]) for pair in pairs}


@given(st.lists(st.text("abc,.", min_size=1, max_size=5), min_size=1, max_size=8), st.data())
def test_case_and_blanks_do_not_change_the_hash(words: list[str], data: st.DataObject) -> None:
    changed = [data.draw(st.sampled_from(BLANKS)) + data.draw(st.sampled_from([w, w.upper()])) for w in words]
    one, other = hash_texts([" ".join(words), "".join(changed)])
    assert one == other


def test_other_texts_have_other_hashes_and_odd_ones_have_any() -> None:
    keys = hash_texts(["a b", "ab", "a, b", "", "\ud800", "\ud801", *(str(number) for number in range(5000))])
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) == len(keys)
    assert hash_texts([]).shape == (0,)


@given(st.lists(st.integers(0, 9)))
def test_the_first_of_equal_keys_is_that_of_a_loop(keys: list[int]) -> None:
    seen: dict[int, int] = {}
    expected = [seen.setdefault(key, row) for row, key in enumerate(keys)]
    found = first_of_equal(np.array(keys, np.uint64))
    assert found.dtype == np.int64
    assert found.tolist() == expected
    assert first_of_equal(np.array([str(key) for key in keys], object)).tolist() == expected


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_shared_keys_are_those_of_a_loop(keys: list[int], others: list[int]) -> None:
    found = shared_with(np.array(keys, np.uint64), np.array(others, np.uint64))
    assert found.tolist() == [key in others for key in keys]


@given(SEVERAL, st.integers(1, 4))
def test_shingles_are_runs_of_words(texts: list[str], size: int) -> None:
    found = Shingler(size).find(texts).sets()
    expected = [naive_set(text, size) for text in texts]
    assert found.counts.tolist() == [len(members) for members in expected]
    rows = np.split(found.hashes, np.cumsum(found.counts)[:-1]) if texts else []
    for (mine, theirs), (other, others) in itertools.combinations(zip(rows, expected, strict=True), 2):
        assert len(set(mine.tolist()) & set(other.tolist())) == len(theirs & others)
    words = [re.findall(r"\w+", text.lower()) for text in texts]
    assert first_of_equal(found.keys).tolist() == [words.index(row) for row in words]


def test_signatures_agree_as_often_as_the_sets_overlap(texts: list[str], truth: dict[tuple[int, int], float]) -> None:
    pairs = [pair for pair in truth if truth[pair] > 0.2][:200]
    signatures = MinHash(512, seed=1).signatures(Shingler(3).find(texts))
    estimated = np.array([np.mean(signatures[left] == signatures[right]) for left, right in pairs])
    true = np.array([truth[pair] for pair in pairs])
    theirs = np.array([their_estimate(texts[left], texts[right], 512) for left, right in pairs])
    # The standard error of a share of 512 places is at most 0.022; of 200 pairs the largest stays within five.
    assert np.abs(estimated - true).max() < 0.11
    assert abs(np.mean(estimated - true)) < 0.01
    assert np.std(estimated - true) < 1.3 * np.std(theirs - true)


def their_estimate(left: str, right: str, permutations: int) -> float:
    hashes = []
    for text in (left, right):
        hashes.append(TheirMinHash(permutations, seed=1))
        hashes[-1].update_batch([" ".join(shingle).encode() for shingle in naive_set(text)])
    return float(hashes[0].jaccard(hashes[1]))


def test_a_long_text_has_the_signature_of_the_smallest_of_its_parts() -> None:
    words = random.Random(0).choices(WORDS, k=20_000)
    whole = MinHash(64).signatures(Shingler(1).find([" ".join(words)]))
    parts = MinHash(64).signatures(
        Shingler(1).find([" ".join(words[start : start + 7]) for start in range(0, 20_000, 7)])
    )
    assert np.array_equal(whole[0], parts.min(axis=0))


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_pairs_are_those_of_comparing_all(
    texts: list[str], truth: dict[tuple[int, int], float], threshold: float
) -> None:
    found = grouped(texts, threshold=threshold)
    expected = {pair for pair, similarity in truth.items() if similarity >= threshold}
    pairs = [(int(row), int(earlier)) for row, earlier in found.pairs]
    assert len(expected) > 100
    assert set(pairs) <= expected
    assert len(pairs) == len(set(pairs)) >= 0.95 * len(expected)
    assert pairs == sorted(pairs)
    assert found.similarity == pytest.approx([truth[pair] for pair in pairs])
    assert found.similarity.dtype == np.float32


def test_groups_follow_the_pairs_to_the_earliest_row(texts: list[str]) -> None:
    found = grouped(texts, threshold=0.5)
    roots = list(range(len(texts)))
    for _ in range(len(texts)):
        before = list(roots)
        for row, earlier in found.pairs:
            roots[row] = roots[earlier] = min(roots[row], roots[earlier])
        if roots == before:
            break
    assert found.first.tolist() == roots
    assert found.first.dtype == np.int64


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(planted(60, seed=1)), max_size=60), st.integers(1, 70), st.integers(0, 5))
def test_the_size_of_batches_changes_nothing(texts: list[str], size: int, seed: int) -> None:
    assert same(grouped(texts, size, seed=seed), grouped(texts, seed=seed))


def test_more_rows_than_are_computed_at_a_time_are_compared_across_chunks() -> None:
    texts = planted(5000, seed=2)
    texts[4999] = texts[0] + " more"
    found = grouped(texts, 700)
    assert same(found, grouped(texts, 5000))
    assert found.first[4999] == 0


@settings(deadline=None, max_examples=20)
@given(st.text("ab ", min_size=1, max_size=20).filter(str.strip), st.integers(1, 40))
def test_identical_texts_are_one_group(text: str, rows: int) -> None:
    found = grouped([text] * rows)
    assert not found.first.any()
    assert found.pairs.tolist() == [[row, 0] for row in range(1, rows)]
    assert (found.similarity == 1).all()


def test_texts_without_words_are_near_nothing() -> None:
    found = grouped(["", "...", "", "one two", "One, two!", "...", "one"])
    assert found.first.tolist() == [0, 1, 2, 3, 3, 5, 6]
    assert grouped([]).first.shape == (0,)


def test_the_threshold_itself_is_near() -> None:
    texts = ["a b c d", "a b c d e"]  # two of three shingles
    assert grouped(texts, threshold=2 / 3).similarity == pytest.approx([2 / 3])
    assert not len(grouped(texts, threshold=0.67).pairs)
    assert grouped(["a b c a b c d", "c a b c d"], threshold=1 / 2).first.tolist() == [0, 0]


def test_another_seed_chooses_other_permutations() -> None:
    shingles = Shingler(3).find(planted(50, seed=0))
    one, again, other = (MinHash(64, seed).signatures(shingles) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert np.mean(one == other) < 0.05


def test_fixed_rows_stand_for_themselves_and_for_their_group() -> None:
    text = " ".join(WORDS[:40])
    texts = [text, "something else here", text + " a", text + " b", text + " c"]
    fixed = np.array([False, False, True, False, True])
    assert grouped(texts).first.tolist() == [0, 1, 0, 0, 0]
    assert grouped(texts, fixed=fixed).first.tolist() == [2, 1, 2, 2, 4]
    assert np.array_equal(grouped(texts, fixed=fixed).pairs, grouped(texts).pairs)
    assert grouped(texts, fixed=np.zeros(5, bool)).first.tolist() == [0, 1, 0, 0, 0]


def test_a_template_filled_in_many_times_costs_as_much_as_its_rows() -> None:
    form = " ".join(WORDS[:60])
    texts = [f"{form} number {row}" for row in range(1500)]
    found = grouped(texts + texts)
    # All 1500 differ and all pairs of them are near: 1.1 million, of which a few for each row are compared.
    assert not found.first.any()
    assert 1500 + 1499 <= len(found.pairs) < 30 * 1500


@given(st.lists(st.integers(0, 6), max_size=60))
def test_buckets_give_all_pairs_or_few_for_each_row(values: list[int]) -> None:
    rows = np.arange(len(values)) * 3 + 5
    pairs = {(int(pair) >> 32, int(pair) & 0xFFFFFFFF) for pair in bucket_pairs(np.array(values, np.uint64), rows)}
    for value in set(values):
        members = [row for row, other in zip(rows.tolist(), values, strict=True) if other == value]
        here = {pair for pair in pairs if pair[0] in members}
        everything = {(b, a) for a, b in itertools.combinations(members, 2)}
        assert here == everything if len(members) <= 8 else here <= everything
        assert len(here) <= 4 * len(members)
        assert {row for row, _ in here} == set(members[1:])


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.9, 1.0])
def test_bands_miss_few_pairs_at_the_threshold(threshold: float) -> None:
    bands, width = choose_bands(threshold, 128)
    assert bands * width <= 128
    assert miss_probability(threshold, bands, width) <= 0.01
    assert width == 128 or miss_probability(threshold, 128 // (width + 1), width + 1) > 0.01
    drawn = np.random.default_rng(0).random((20_000, bands, width)) < threshold
    missed = 1 - drawn.all(axis=2).any(axis=1).mean()
    assert missed == pytest.approx(miss_probability(threshold, bands, width), abs=0.004)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, "threshold of 0.0"),
        ({"threshold": 1.2}, "threshold of 1.2"),
        ({"threshold": 0.02}, "too low to be found with 128 permutations"),
        ({"shingle": 0}, "0 words"),
        ({"fixed": np.array([True])}, r"\(1,\) for 2 rows"),
    ],
)
def test_what_cannot_be_searched_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        grouped(["a", "b"], **options)


def test_the_remedy_for_a_low_threshold_helps() -> None:
    with pytest.raises(UsageError, match="permutations to 228") as caught:
        choose_bands(0.02, 128)
    assert caught.value.remedy
    assert choose_bands(0.02, 228) == (228, 1)


@pytest.mark.parametrize(("rows", "message"), [(2, "More than 2 texts came"), (4, "Only 3 texts came; 4 rows")])
def test_a_wrong_number_of_texts_is_refused(rows: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        near_groups(lambda: [["a", "b"], ["c"]], rows)


def test_too_little_room_for_temporary_files_is_said_before_anything_is_read() -> None:
    with pytest.raises(FinetuneError, match="GB for temporary files") as caught:
        near_groups(lambda: pytest.fail("read"), 1 << 32, permutations=1 << 17, threshold=0.1)
    assert "TMPDIR" in caught.value.remedy
