"""Every metric against a reference on 500 seeded cases each, degenerate ones included.

A metric has a maker of cases, a reference (scikit-learn, scipy, seqeval, or a few lines of the definition) and, where
the reference is not defined, the answer that its docstring documents. A metric without an entry fails the first test.
"""

from __future__ import annotations

import collections
import itertools
import math
import random
import re
import string
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.stats
import seqeval.metrics
import sklearn.metrics as sk

from finetune.errors import DataError
from finetune.metrics import load_metric, metric_names
from finetune.metrics.facts import FACTS

CASES = 500
Scores = dict[str, Any]


class Case(NamedTuple):
    """Predictions, references, and what the metric is told beside them."""

    predictions: Any
    references: Any
    settings: Mapping[str, Any] = MappingProxyType({})


@pytest.fixture(autouse=True)
def _quiet_peers() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the references, about the degenerate cases
        yield


def test_every_metric_has_a_reference() -> None:
    assert {name for name, *_ in REFERENCES} == set(metric_names())


# -- cases: the seed chooses which of them is degenerate, and how ----------------------------------------------------


def labels_of(seed: int) -> Case:
    """One label per row. Of ten cases one each lacks a label, predicts a constant, has one row, one true label, is all
    right, is all wrong; four are ordinary."""
    rng, form = np.random.default_rng(seed), seed % 10
    size, rows = int(rng.integers(2, 7)), 1 if form == 2 else int(rng.integers(2, 50))
    references = rng.integers(0, size - (form == 0), rows)
    predictions = np.where(rng.random(rows) < 0.5, references, rng.integers(0, size, rows))
    if form == 1:
        predictions = np.full(rows, rng.integers(0, size))
    if form == 3:
        references = np.full(rows, rng.integers(0, size))
    if form == 4:
        predictions = references.copy()
    if form == 5:
        predictions = (references + 1) % size
    return Case(predictions, references, {"num_labels": size})


def sets_of(seed: int) -> Case:
    """Several labels per row. Of ten cases one each has a label that no row has, one that all have, no answer at all,
    one row, rows without any label; five are ordinary."""
    rng, form = np.random.default_rng(seed), seed % 10
    shape = 1 if form == 3 else int(rng.integers(2, 50)), int(rng.integers(2, 6))
    references, predictions = (rng.random((2, *shape)) < rng.uniform(0.1, 0.9)).astype(int)
    if form == 0:
        references[:, 0] = 0
    if form == 1:
        references[:, 0] = 1
    if form == 2:
        predictions[:] = 0
    if form == 4:
        references[:] = 0
    return Case(predictions, references)


def chances_of(seed: int) -> Case:
    """Scores of two labels. Of ten cases one each has all scores tied, many ties, one class, one row."""
    rng, form = np.random.default_rng(seed), seed % 10
    rows = 1 if form == 3 else int(rng.integers(2, 50))
    references = np.ones(rows, int) if form == 2 else rng.integers(0, 2, rows)
    scores = np.full(rows, 0.5) if form == 0 else rng.random(rows) + 0.3 * references
    return Case(scores.round(1) if form == 1 else scores, references)


def chances_of_many(seed: int) -> Case:
    """Scores of three to six labels, of which some cases lack one, or tie."""
    rng = np.random.default_rng(seed)
    size, rows = int(rng.integers(3, 7)), int(rng.integers(1, 50))
    scores = rng.random((rows, size)).round(1 if seed % 3 == 0 else 9)
    return Case(scores, rng.integers(0, size - (seed % 5 == 0), rows))


def chances_of_sets(seed: int) -> Case:
    """Scores of several labels per row, with the degenerate references of `sets_of`."""
    _, references, _ = sets_of(seed)
    return Case(np.random.default_rng(seed).random(references.shape).round(1 if seed % 3 == 0 else 9), references)


def numbers_of(seed: int) -> Case:
    """Of ten cases one each has constant references, constant predictions, one row, many ties, equal sides, a spread
    that an offset dwarfs."""
    rng, form = np.random.default_rng(seed), seed % 10
    rows = 1 if form == 2 else int(rng.integers(2, 50))
    predictions, references = rng.normal(size=(2, rows))
    if form == 0:
        references = np.full(rows, rng.normal())
    if form == 1:
        predictions = np.full(rows, rng.normal())
    if form == 3:
        predictions, references = predictions.round(), references.round()
    if form == 4:
        predictions = references.copy()
    return Case(predictions, references) if form != 5 else Case(predictions + 1e6, references + 1e6)


def tags_of(seed: int) -> Case:
    """Tags per word in any order. Of ten cases one each is all O on both sides, all O in the predictions, one empty
    row, one row; rows may be empty in all."""
    rng, form = random.Random(seed), seed % 10
    kinds = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG", "S-PER", "E-LOC"]
    lengths = [0] if form == 2 else [rng.choice([0, 1, 4, 9]) for _ in range(1 if form == 3 else rng.randint(1, 6))]
    references = [[rng.choice(kinds) for _ in range(length)] for length in lengths]
    predictions = [[tag if rng.random() < 0.7 else rng.choice(kinds) for tag in row] for row in references]
    if form in (0, 1):
        predictions = [["O"] * length for length in lengths]
    return Case(predictions, predictions if form == 0 else references)


def answers_of(seed: int) -> Case:
    """Answers of a few words. Empty texts, articles alone, punctuation alone and rows without an answer occur in all
    cases; in one of ten each all predictions are empty, and there is one row."""
    rng, form = random.Random(seed), seed % 10
    words = ["", "", "the", "An", "river", "River.", "nile", "NILE", "!", "u.s.", "us", "Ωmega", "1,5", "—", "a"]

    def text() -> str:
        return rng.choice([" ", "  ", "\t"]).join(rng.choice(words) for _ in range(rng.randint(0, 4)))

    rows = 1 if form == 1 else rng.randint(1, 8)
    references = [[text() for _ in range(rng.choice([0, 1, 1, 3]))] for _ in range(rows)]
    return Case(["" if form == 0 else rng.choice([*right, text()]) for right in references], references)


def rankings_of(seed: int) -> Case:
    """Rankings of some of 30 items. Of ten cases one each has empty rankings, none of the relevant items, all of them
    first, one row."""
    rng, form = random.Random(seed), seed % 10
    items, predictions, references = list(range(30)), [], []
    for _ in range(1 if form == 3 else rng.randint(1, 6)):
        gains = {item: rng.choice([0.5, 1.0, 3.0]) for item in rng.sample(items, rng.choice([1, 2, 12]))}
        others = [item for item in rng.sample(items, 30) if item not in gains]
        best = sorted(gains, key=lambda item: -gains[item])
        mixed = rng.sample(items, rng.choice([1, 5, 30]))
        predictions.append({0: [], 1: others, 2: best + others}.get(form, mixed))
        references.append(gains)
    return Case(predictions, references)


def likelihoods_of(seed: int) -> Case:
    """Nats and tokens per row. Of ten cases one each has no tokens at all, certain tokens only, one row."""
    rng, form = np.random.default_rng(seed), seed % 10
    tokens = rng.integers(0, 9, 1 if form == 2 else int(rng.integers(1, 9))) * (form != 0)
    return Case(np.stack([tokens * rng.exponential(2.0, len(tokens)) * (form != 1), tokens], axis=1), None)


# -- references ----------------------------------------------------------------------------------------------------


def accuracy(case: Case) -> Scores:
    return {"accuracy": sk.accuracy_score(case.references, case.predictions)}


def averages(name: str) -> Callable[[Case], Scores]:
    place = ("precision", "recall", "f1").index(name)

    def reference(case: Case) -> Scores:
        given = {"labels": range(case.settings["num_labels"])} if case.settings else {}
        return {
            name + suffix: sk.precision_recall_fscore_support(
                case.references, case.predictions, average=average, zero_division=0, **given
            )[place]
            for suffix, average in (("", "macro"), ("_micro", "micro"), ("_weighted", "weighted"))
        }

    return reference


def mcc(case: Case) -> Scores:
    return {"mcc": sk.matthews_corrcoef(case.references, case.predictions)}


def confusion_matrix(case: Case) -> Scores:
    labels = range(case.settings["num_labels"])
    return {"confusion_matrix": sk.confusion_matrix(case.references, case.predictions, labels=labels).tolist()}


def one_area(scores: np.ndarray, positive: np.ndarray) -> float:
    """scikit-learn's; by counting pairs too, because its curve is another road to the same area."""
    if positive.all() or not positive.any():
        return math.nan
    pairs = [(a > b) + (a == b) / 2 for a, b in itertools.product(scores[positive], scores[~positive])]
    area = sk.roc_auc_score(positive, scores)
    assert area == pytest.approx(np.mean(pairs))
    return float(area)


def auc(case: Case) -> Scores:
    """Labels that all rows have, or none has, are left out of the mean: documented, scikit-learn refuses them."""
    if case.predictions.ndim == 1:
        return {"auc": one_area(case.predictions, case.references == 1)}
    columns = case.predictions.shape[1]
    positive = case.references if case.references.ndim == 2 else case.references[:, None] == np.arange(columns)
    areas = [one_area(case.predictions[:, i], positive[:, i].astype(bool)) for i in range(columns)]
    defined = [area for area in areas if not math.isnan(area)]
    return {"auc": float(np.mean(defined)) if defined else math.nan}


def errors(case: Case) -> Scores:
    given = case.references, case.predictions
    mse, mae = sk.mean_squared_error(*given), sk.mean_absolute_error(*given)
    return {"mse": mse, "rmse": sk.root_mean_squared_error(*given), "mae": mae}


def r2(case: Case) -> Scores:
    """Undefined for equal references: documented, scikit-learn gives 0 or 1."""
    return {"r2": sk.r2_score(case.references, case.predictions) if np.ptp(case.references) else math.nan}


def correlations(case: Case) -> Scores:
    """Undefined for constant sides and a single row: documented, scipy gives NaN or refuses."""
    if np.ptp(case.references) == 0 or np.ptp(case.predictions) == 0:
        return {"pearson": math.nan, "spearman": math.nan}
    given = case.predictions, case.references
    return {"pearson": scipy.stats.pearsonr(*given).statistic, "spearman": scipy.stats.spearmanr(*given).statistic}


def entities(case: Case) -> Scores:
    given = case.references, case.predictions
    names = ("precision", "recall", "f1")
    return {f"entity_{name}": getattr(seqeval.metrics, f"{name}_score")(*given, zero_division=0) for name in names}


def token_accuracy(case: Case) -> Scores:
    """Undefined without words: documented, the package divides by zero."""
    if not any(case.references):
        return {"token_accuracy": math.nan}
    return {"token_accuracy": seqeval.metrics.accuracy_score(case.references, case.predictions)}


def bare(text: str) -> list[str]:
    """Words of a text by the rules of SQuAD."""
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def overlap(given: list[str], right: list[str]) -> float:
    if not given or not right:
        return float(given == right)
    left, common = collections.Counter(right), 0
    for word in given:
        common, left[word] = common + (left[word] > 0), left[word] - 1
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(right)
    return 2 / (1 / precision + 1 / recall)


def answers(case: Case) -> Scores:
    exact, words = [], []
    for given, texts in zip(case.predictions, case.references, strict=True):
        right = [found for found in map(bare, texts) if found] or [[]]
        exact.append(bare(given) in right)
        words.append(max(overlap(bare(given), found) for found in right))
    return {"exact_match": np.mean(exact), "answer_f1": np.mean(words)}


def discounted(gains: list[float]) -> float:
    return float(np.sum(np.array(gains[:10]) / np.log2(np.arange(2, len(gains[:10]) + 2))))


def rankings(case: Case) -> Scores:
    found = collections.defaultdict(list)
    for ranking, gains in zip(case.predictions, case.references, strict=True):
        places = [place for place, item in enumerate(ranking, 1) if item in gains]
        found["mrr@10"].append(1 / places[0] if places and places[0] <= 10 else 0.0)
        best = discounted(sorted(gains.values(), reverse=True))
        found["ndcg@10"].append(discounted([gains.get(item, 0.0) for item in ranking]) / best)
        for k in (1, 5, 10):
            found[f"recall@{k}"].append(sum(place <= k for place in places) / len(gains))
    return {name: float(np.mean(values)) for name, values in found.items()}


def pseudo_perplexity(case: Case) -> Scores:
    """Undefined without tokens: documented."""
    nats, tokens = case.predictions.sum(axis=0)
    return {"pseudo_perplexity": np.exp(nats / tokens) if tokens else math.nan}


REFERENCES = [
    ("accuracy", labels_of, accuracy),
    ("accuracy", sets_of, accuracy),
    *((name, cases, averages(name)) for name in ("precision", "recall", "f1") for cases in (labels_of, sets_of)),
    ("mcc", labels_of, mcc),
    ("confusion_matrix", labels_of, confusion_matrix),
    *(("auc", cases, auc) for cases in (chances_of, chances_of_many, chances_of_sets)),
    *((name, numbers_of, errors) for name in ("mse", "rmse", "mae")),
    ("r2", numbers_of, r2),
    *((name, numbers_of, correlations) for name in ("pearson", "spearman")),
    ("seqeval", tags_of, entities),
    ("token_accuracy", tags_of, token_accuracy),
    *((name, answers_of, answers) for name in ("exact_match", "answer_f1")),
    *((name, rankings_of, rankings) for name in ("mrr", "ndcg", "recall_at")),
    ("pseudo_perplexity", likelihoods_of, pseudo_perplexity),
]


@pytest.mark.parametrize(
    ("name", "cases", "reference"), REFERENCES, ids=[f"{name}-{cases.__name__}" for name, cases, _ in REFERENCES]
)
def test_it_equals_its_reference(name: str, cases: Callable[[int], Case], reference: Callable[[Case], Scores]) -> None:
    metric, undefined = load_metric(name), 0
    for seed in range(CASES):
        case = cases(seed)
        ours, theirs = metric.measure(case.predictions, case.references, **case.settings), reference(case)
        assert tuple(ours) == FACTS[name].outputs
        if name == "confusion_matrix":
            assert ours == theirs, seed
            continue
        tolerance = 1e-6 if cases is numbers_of and seed % 10 == 5 else 1e-9
        wanted = {score: theirs[score] for score in ours}
        assert ours == pytest.approx(wanted, abs=tolerance, nan_ok=True), seed
        undefined += any(math.isnan(value) for value in ours.values())
    assert undefined < CASES / 2, "most cases have to test something"


@pytest.mark.parametrize(
    ("name", "cases"), [("accuracy", labels_of), ("accuracy", sets_of), ("mae", numbers_of), ("mse", numbers_of),
                        ("exact_match", answers_of), ("answer_f1", answers_of), ("mrr", rankings_of),
                        ("ndcg", rankings_of), ("recall_at", rankings_of)],
)  # fmt: skip
def test_scores_per_row_have_the_metric_for_their_mean(name: str, cases: Callable[[int], Case]) -> None:
    metric = load_metric(name)
    for seed in range(60):
        case = cases(seed)
        rows = metric.row_scores(case.predictions, case.references)
        assert all(values.shape == (len(case.predictions),) for values in rows.values())
        means = {score: values.mean() for score, values in rows.items()}
        assert means == pytest.approx(metric.measure(case.predictions, case.references, **case.settings)), seed


def test_metrics_that_are_no_means_have_no_scores_per_row() -> None:
    for name, cases in (("f1", labels_of), ("auc", chances_of), ("seqeval", tags_of), ("r2", numbers_of)):
        case = cases(7)
        assert load_metric(name).row_scores(case.predictions, case.references) == {}


@pytest.mark.parametrize("name", ["mrr", "ndcg", "recall_at"])
@pytest.mark.parametrize("nothing", [[], {}, {"a": 0.0}, {"a": -1.0}])
def test_a_query_without_a_relevant_item_is_refused_by_name(name: str, nothing: Any) -> None:
    with pytest.raises(DataError, match="Row 1: no item is relevant") as caught:
        load_metric(name).measure([["a"], ["b"]], [["a"], nothing])
    assert caught.value.remedy
    assert "no relevant item" in (load_metric(name).__doc__ or "")
