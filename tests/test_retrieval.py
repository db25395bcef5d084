"""Rankings by shared words against slow direct formulas, what a corpus finds, and which rows meet in a step."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from finetune.retrieval import lexical
from finetune.retrieval.lexical import BM25, Corpus, TfidfCosine, best_first
from finetune.retrieval.losses import batches_of
from finetune.training.batching import StepSampler, part

WORDS = [f"w{i}" for i in range(30)]


def some_texts(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.randint(1, 12))) for _ in range(count)]


def slow_bm25(query: str, texts: Sequence[str], k1: float, b: float) -> list[float]:
    """The formula word by word, for every occurrence of a word in the query."""
    split = [text.lower().split() for text in texts]
    mean = sum(map(len, split)) / len(split)
    found = []
    for words in split:
        score, counts = 0.0, Counter(words)
        for word in query.lower().split():
            holding = sum(word in other for other in split)
            if not holding:
                continue
            idf = math.log(1 + (len(split) - holding + 0.5) / (holding + 0.5))
            score += idf * counts[word] * (k1 + 1) / (counts[word] + k1 * (1 - b + b * len(words) / mean))
        found.append(score)
    return found


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.9, 0.4), (2.0, 0.0), (1.2, 1.0)])
def test_bm25_is_the_formula(k1: float, b: float) -> None:
    texts, queries = some_texts(60, 0), [*some_texts(40, 1), "W1 w1 W2", "unknown", "w3 unknown w3"]
    scores = BM25(texts, k1, b).scores(queries)
    np.testing.assert_allclose(scores, [slow_bm25(query, texts, k1, b) for query in queries], rtol=1e-12, atol=1e-12)
    assert scores.max() > 1
    assert (scores[queries.index("unknown")] == 0).all()


def test_tfidf_is_scikit_learns_cosine() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics.pairwise import cosine_similarity

    texts, queries = some_texts(50, 2), some_texts(50, 3)
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    whole = cosine_similarity(vectorizer.fit(texts).transform(queries), vectorizer.transform(texts))
    model = TfidfCosine(texts)
    np.testing.assert_allclose(model.scores(queries), whole, atol=1e-12)
    np.testing.assert_allclose(model.pairs(queries, texts), np.diag(whole), atol=1e-12)


@pytest.mark.parametrize("ranker", [BM25, TfidfCosine])
def test_texts_without_words_and_no_texts_at_all(ranker: Callable[[list[str]], BM25 | TfidfCosine]) -> None:
    assert ranker([]).rank(["a b"], 3) == [[]]
    assert ranker([]).scores(["a b"]).shape == (1, 0)
    blank = ranker(["", "...", "?!"])
    assert (blank.scores(["a b", ""]) == 0).all()
    assert blank.rank(["a b"], 2) == [[0, 1]]
    assert ranker(["a b", "", "c"]).rank(["c", ""], 3) == [[2, 0, 1], [0, 1, 2]]
    assert (TfidfCosine(["", "?"]).pairs(["a", "b"], ["a", "b"]) == 0).all()


def test_the_best_come_first_and_equal_ones_in_their_order() -> None:
    generator = np.random.default_rng(0)
    for _ in range(100):
        scores = generator.integers(0, 4, (5, int(generator.integers(1, 12)))).astype(float)
        k = int(generator.integers(1, 14))
        naive = [sorted(range(len(row)), key=lambda i, row=row: (-row[i], i))[:k] for row in scores]
        assert best_first(scores, k) == naive


def test_queries_are_ranked_some_at_a_time_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, queries = some_texts(40, 4), some_texts(25, 5)
    whole = BM25(texts).rank(queries, 7)
    sizes = []
    monkeypatch.setattr(lexical, "HELD", 3 * len(texts))
    ranker = BM25(texts)
    scores = ranker.scores
    monkeypatch.setattr(ranker, "scores", lambda some: sizes.append(len(some)) or scores(some))
    assert ranker.rank(queries, 7) == whole
    assert sizes == [3] * 8 + [1]


def test_what_belongs_to_a_query_belongs_to_it_in_every_row() -> None:
    corpus = Corpus([("q", ["a"], []), ("p", ["b"], ["x"]), ("q", ["c", "a"], ["b"])])
    assert corpus.texts == ("a", "b", "x", "c")
    assert corpus.right("q") == ["a", "c"]
    assert corpus.right("unknown") == []


def test_lookalikes_never_belong_to_the_query() -> None:
    """The ones that BM25 ranks highest of those that are neither right, nor the query, nor known already."""
    texts = list(dict.fromkeys(some_texts(80, 6)))
    chance = random.Random(7)
    queries = [chance.choice([*texts, *some_texts(5, 8)]) for _ in range(60)]
    rows = [(query, chance.sample(texts, chance.randint(1, 4)), []) for query in queries]
    corpus, known = Corpus(rows), [chance.sample(texts, 2) for _ in rows]
    ranker = BM25(corpus.texts)
    assert any(query in corpus.texts for query in queries)
    for query, taken, found in zip(queries, known, corpus.wrong(queries, 5, known), strict=True):
        barred = {query, *taken, *(text for q, right, _ in rows if q == query for text in right)}
        order = np.argsort(-ranker.scores([query])[0], kind="stable")
        assert found == [corpus.texts[i] for i in order if corpus.texts[i] not in barred][:5]
        assert len(found) == 5


def test_a_query_does_not_find_itself_unless_it_belongs_to_itself() -> None:
    corpus = Corpus([("a", ["b"], []), ("b", ["a"], []), ("c", ["c"], [])])
    order = [corpus.texts.index(text) for text in ("a", "b", "c")]
    assert corpus.first("a", order, 2) == ["b", "c"]
    assert corpus.first("c", order, 3) == ["a", "b", "c"]
    assert corpus.first("new", order, 1) == ["a"]


# -- which rows meet in a step


def some_keys(rows: int, kinds: int, chance: random.Random) -> list[frozenset[str]]:
    """One to three keys per row, now and then none."""
    return [frozenset(str(chance.randrange(kinds)) for _ in range(chance.randint(0, 3))) for _ in range(rows)]


def share_a_key(rows: Sequence[int], keys: Sequence[frozenset[str]]) -> bool:
    return any(keys[a] & keys[b] for place, a in enumerate(rows) for b in rows[:place])


@pytest.mark.parametrize("seed", range(40))
def test_rows_with_one_key_come_apart_as_long_as_others_are_left(seed: int) -> None:
    chance = random.Random(seed)
    rows, size, kinds = chance.randint(1, 80), chance.randint(1, 9), chance.randint(1, 30)
    keys = some_keys(rows, kinds, chance)
    order = chance.sample(range(rows), rows)
    moved = part(order, keys, size)
    assert sorted(moved) == sorted(order)
    steps = [moved[start : start + size] for start in range(0, rows, size)]
    for number, step in enumerate(steps):
        if share_a_key(step, keys):
            met = frozenset[str]().union(*(keys[row] for row in step))
            later = [row for following in steps[number + 1 :] for row in following]
            assert all(keys[row] & met for row in later), "a row of other keys was left and should have come first"


@pytest.mark.parametrize("seed", range(40))
def test_rows_that_share_a_key_are_never_in_one_batch(seed: int) -> None:
    chance = random.Random(seed)
    rows, size = chance.randint(1, 60), chance.randint(1, 9)
    keys = some_keys(rows, chance.randint(1, 30), chance)
    batches = batches_of(rows, size, keys)
    assert sorted(row for batch in batches for row in batch) == list(range(rows))
    assert all(batch == sorted(batch) and len(batch) <= size for batch in batches)
    assert not any(share_a_key(batch, keys) for batch in batches)
    whole = batches_of(rows, size)
    assert [row for batch in whole for row in batch] == list(range(rows))
    assert {len(batch) for batch in whole[:-1]} <= {size}


def test_the_sampler_keeps_like_rows_apart_in_every_epoch() -> None:
    keys = [frozenset({str(i // 3)}) for i in range(60)]  # three of each
    sampler = StepSampler([5] * 60, 10, 0, group=True, apart=keys)
    orders = []
    for epoch in range(4):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert sorted(order) == list(range(60))
        orders.append(order)
        early = [order[start : start + 10] for start in range(0, 50, 10)]
        assert all(len({keys[row] for row in step}) == 10 for step in early)
    assert len({tuple(order) for order in orders}) == 4
