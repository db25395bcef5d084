"""The metrics of tags, answers, rankings and likelihoods against their peers, and scores of subsets of rows."""

from __future__ import annotations

import collections
import doctest
import importlib
import math
import random
import re
import string
import warnings

import evaluate
import numpy as np
import pytest
import seqeval.metrics as peer
import seqeval.scheme
import sklearn.metrics as sk

from finetune.errors import DataError, EmptyDataError, UsageError
from finetune.metrics import direction, load_metric, metric_names
from finetune.metrics.additive import AdditiveMeasure, score_function
from finetune.metrics.answers import normalize_answer
from finetune.metrics.confusion import label_tables
from finetune.metrics.entities import Entity, entities, entity_tables
from finetune.metrics.facts import FACTS

CASES = 200
ADDITIVE = [name for name in metric_names() if isinstance(load_metric(name), AdditiveMeasure)]
SHARED = ["additive", "answers", "entities", "ranking"]
PREFIXES = {"IOB1": "OBI", "IOB2": "OBI", "BIOES": "OBIES", None: "OBIES"}


@pytest.fixture(autouse=True)
def _quiet_peers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of seqeval, about zero divisions and tags that it does not know
        yield


# -- tags ----------------------------------------------------------------------------------------------------------


def tag_sequence(rng: random.Random, length: int, prefixes: str) -> list[str]:
    """Tags without any order, so that each pair of neighbours occurs: I after O, B after B, an E alone …"""
    types = rng.choice([("PER",), ("PER", "LOC"), ("PER", "LOC", "ORG-Club")])
    letters = [rng.choice(prefixes) for _ in range(length)]
    return [letter if letter == "O" else f"{letter}-{rng.choice(types)}" for letter in letters]


def tag_rows(seed: int, prefixes: str = "OBIES") -> tuple[list[list[str]], list[list[str]]]:
    """Predictions that share most tags with the references; some rows are empty, every seventh case is all O, every
    ninth has the bare prefixes for tags."""
    rng = random.Random(seed)
    prefixes = "O" if seed % 7 == 0 else rng.choice([prefixes, prefixes, "OBI", "OI"])
    references = [tag_sequence(rng, rng.choice([0, 1, 3, 8, 12]), prefixes) for _ in range(rng.randint(1, 6))]
    predictions = [
        [
            tag if rng.random() < 0.7 else other
            for tag, other in zip(row, tag_sequence(rng, len(row), "OBI"), strict=True)
        ]
        for row in references
    ]
    if seed % 9 == 0:
        return [[tag[0] for tag in row] for row in predictions], [[tag[0] for tag in row] for row in references]
    return predictions, references


def bilou(rows: list[list[str]]) -> list[list[str]]:
    return [[tag.replace("E-", "L-").replace("S-", "U-") for tag in row] for row in rows]


def test_seqeval_equals_the_package():
    metric = load_metric("seqeval")
    for seed in range(2 * CASES):
        predictions, references = tag_rows(seed)
        scores = metric.measure(predictions, references)
        for name in ("f1", "precision", "recall"):
            wanted = getattr(peer, f"{name}_score")(references, predictions, zero_division=0)
            assert scores[f"entity_{name}"] == pytest.approx(wanted, abs=1e-12), seed
        assert metric.measure(bilou(predictions), bilou(references)) == scores


def test_table_of_types_equals_the_package():
    for seed in range(CASES):
        predictions, references = tag_rows(seed)
        table = entity_tables(predictions, references)["per_label"]
        try:
            report = peer.classification_report(references, predictions, output_dict=True, zero_division=0)
        except ValueError:  # the package has no table without entities
            assert table == []
            continue
        assert [row["label"] for row in table] == [name for name in report if not name.endswith(" avg")]
        for row in table:
            theirs = report[row["label"]]
            assert row["support"] == theirs["support"]
            for key, other in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
                assert row[key] == pytest.approx(theirs[other], abs=1e-12), seed


def test_table_has_the_form_of_the_table_of_labels():
    labels = label_tables(np.array([0, 1]), np.array([0, 0]), ["no", "yes"])["per_label"]
    (row,) = entity_tables([["B-PER"]], [["B-PER"]])["per_label"]
    assert {key: type(value) for key, value in row.items()} == {key: type(value) for key, value in labels[0].items()}


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
def test_strict_schemes_equal_the_package(scheme):
    theirs = getattr(seqeval.scheme, "IOBES" if scheme == "BIOES" else scheme)
    for seed in range(2 * CASES):
        rng = random.Random(seed)
        tags = tag_sequence(rng, rng.choice([0, 1, 4, 12, 30]), PREFIXES[scheme])
        wanted = [Entity(e.tag, e.start, e.end) for e in seqeval.scheme.Tokens(tags, theirs).entities]
        assert entities(tags, scheme) == wanted, tags
        if scheme == "BIOES":
            (other,) = bilou([tags])
            found = seqeval.scheme.Tokens(other, seqeval.scheme.BILOU).entities
            assert entities(other, scheme) == [Entity(e.tag, e.start, e.end) for e in found]


def test_well_formed_tags_mean_the_same_in_every_reading():
    assert entities(["B-A", "I-A", "B-A", "O"]) == entities(["B-A", "I-A", "B-A", "O"], "IOB2")
    assert entities(["I-A", "I-A", "B-A", "O"]) == entities(["I-A", "I-A", "B-A", "O"], "IOB1")
    assert entities(["B-A", "E-A", "S-A", "O"]) == entities(["B-A", "L-A", "U-A", "O"], "BIOES")
    assert entities(["B-A", "E-A", "S-A", "O"]) == [Entity("A", 0, 2), Entity("A", 2, 3)]


def test_token_accuracy_equals_the_package():
    metric = load_metric("token_accuracy")
    for seed in range(CASES):
        predictions, references = tag_rows(seed)
        if any(references):
            wanted = peer.accuracy_score(references, predictions)
            assert metric.measure(predictions, references)["token_accuracy"] == pytest.approx(wanted, abs=1e-12)
    assert math.isnan(metric.measure([[]], [[]])["token_accuracy"])


# -- answers -------------------------------------------------------------------------------------------------------

WORDS = ["the", "a", "An", "nile", "Nile,", "river", "U.S.", "us", "1,5", "15", "—", "the-end", "THE", "Straße",
         "naïve", "東京", "?", "!", "river", "\u00a0", "x", "it's", "its", "“q”", "\tnile\n"]  # fmt: skip


def answer_rows(seed: int) -> tuple[list[str], list[list[str]]]:
    """Short texts of few words, some empty or of articles only; rows with no, one and several right answers."""
    rng = random.Random(seed)

    def text() -> str:
        return rng.choice([" ", "  "]).join(rng.choice(WORDS) for _ in range(rng.choice([0, 1, 1, 2, 3, 5])))

    references = [[text() for _ in range(rng.choice([0, 1, 1, 3]))] for _ in range(rng.randint(1, 8))]
    predictions = [rng.choice([*row, text(), "", "The"]) for row in references]
    return predictions, references


def plain_normal(text: str) -> str:
    kept = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def plain_f1(wanted: str, given: str) -> float:
    gold, guess = plain_normal(wanted).split(), plain_normal(given).split()
    if len(gold) == 0 or len(guess) == 0:
        return int(gold == guess)
    same = sum((collections.Counter(gold) & collections.Counter(guess)).values())
    if same == 0:
        return 0
    precision, recall = same / len(guess), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def plain_scores(predictions: list[str], references: list[list[str]]) -> tuple[float, float]:
    """The two rules of the script of SQuAD 2.0, step by step."""
    exact, overlap = [], []
    for given, texts in zip(predictions, references, strict=True):
        golds = [text for text in texts if plain_normal(text)] or [""]
        exact.append(max(int(plain_normal(gold) == plain_normal(given)) for gold in golds))
        overlap.append(max(plain_f1(gold, given) for gold in golds))
    return sum(exact) / len(exact), sum(overlap) / len(overlap)


def test_answers_equal_the_rules_of_the_script():
    exact, overlap = load_metric("exact_match"), load_metric("answer_f1")
    for seed in range(2 * CASES):
        predictions, references = answer_rows(seed)
        wanted = plain_scores(predictions, references)
        assert exact.measure(predictions, references)["exact_match"] == pytest.approx(wanted[0], abs=1e-12), seed
        assert overlap.measure(predictions, references)["answer_f1"] == pytest.approx(wanted[1], abs=1e-12), seed


@pytest.mark.parametrize(
    ("prediction", "references", "exact", "overlap"),
    [
        ("The Nile!", ["nile"], 1, 1),
        ("river nile", ["Amazon", "the Nile"], 0, 2 / 3),
        ("nile nile", ["nile"], 0, 2 / 3),
        ("", [], 1, 1),
        ("the", [], 1, 1),
        ("Nile", [], 0, 0),
        ("", ["Nile"], 0, 0),
        ("the", ["A."], 1, 1),
        ("", ["the", "Nile"], 0, 0),
        ("Straße", ["STRASSE"], 0, 0),
        ("don't", ["dont"], 1, 1),
        ("“Nile”", ["Nile"], 0, 0),
    ],
)
def test_answers_by_hand(prediction, references, exact, overlap):
    assert load_metric("exact_match").measure([prediction], [references])["exact_match"] == exact
    assert load_metric("answer_f1").measure([prediction], [references])["answer_f1"] == pytest.approx(overlap)


def test_normalising_keeps_words_that_begin_with_an_article():
    assert normalize_answer(" An  anthem, a\ttheory; THE a-b (A)") == "anthem theory ab"


# -- rankings ------------------------------------------------------------------------------------------------------


def rankings(seed: int) -> tuple[list[list[str]], list[dict[str, float]]]:
    """Rankings of 0 to 30 of 40 items, and 1 to 15 relevant ones, of which the ranking may lack any."""
    rng = random.Random(seed)
    items = [f"d{i:02}" for i in range(40)]
    rows = range(rng.randint(1, 5))
    gains = [
        {item: rng.choice([0.5, 1.0, 2.0, 3.0]) for item in rng.sample(items, rng.choice([1, 2, 15]))} for _ in rows
    ]
    return [rng.sample(items, rng.choice([0, 3, 10, 30])) for _ in rows], gains


def test_rankings_equal_sentence_transformers():
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    for seed in range(CASES):
        predictions, gains = rankings(seed)
        relevant = {f"q{row}": set(found) for row, found in enumerate(gains)}
        corpus = {f"d{i:02}": "" for i in range(40)}
        theirs = InformationRetrievalEvaluator(
            dict.fromkeys(relevant, ""), corpus, relevant, precision_recall_at_k=[1, 5, 10], write_csv=False
        ).compute_metrics(
            [[{"corpus_id": item, "score": -rank} for rank, item in enumerate(row)] for row in predictions]
        )
        references = [form(found) for form, found in zip((set, list, tuple, set, list), gains, strict=False)]
        for name in ("mrr", "ndcg", "recall_at"):
            for score, value in load_metric(name).measure(predictions, references).items():
                family, k = score.split("@")
                assert value == pytest.approx(theirs[f"{family}@k"][int(k)], abs=1e-12), (seed, score)


def test_graded_gains_equal_scikit_learn():
    metric = load_metric("ndcg")
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        rows, items = int(rng.integers(1, 6)), int(rng.integers(2, 30))
        gains = rng.integers(0, 5, (rows, items)) / 2
        gains[:, 0] = 1.5  # every query has a relevant item
        scores = np.stack([rng.permutation(items) for _ in range(rows)]).astype(float)  # without ties
        order = np.argsort(-scores, axis=1)
        ours = metric.measure(order, [dict(enumerate(row)) for row in gains])["ndcg@10"]
        assert ours == pytest.approx(sk.ndcg_score(gains, scores, k=10), abs=1e-12)


def test_forms_of_relevant_items_are_equal():
    forms = [
        ["a", "b"],
        {"a", "b"},
        {"a": 1, "b": 1.0, "c": 0, "d": -1},
        [{"item": "a", "gain": 1}, {"item": "b", "gain": 1}],
    ]
    for name in ("mrr", "ndcg", "recall_at"):
        found = [load_metric(name).measure([["c", "b", "d"]], [form]) for form in forms]
        assert found == [found[0]] * len(forms)


# -- likelihoods ---------------------------------------------------------------------------------------------------


def test_pseudo_perplexity_equals_the_formula():
    metric = load_metric("pseudo_perplexity")
    assert direction("pseudo_perplexity") == "lower"
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        tokens = [rng.uniform(0.001, 1.0, rng.integers(0, 9)) for _ in range(rng.integers(1, 6))]
        pairs = [[-np.log(row).sum(), len(row)] for row in tokens]
        everything = np.concatenate(tokens)
        wanted = np.exp(-np.log(everything).mean()) if len(everything) else math.nan
        for form in (pairs, np.array(pairs), [tuple(pair) for pair in pairs]):
            assert metric.measure(form)["pseudo_perplexity"] == pytest.approx(wanted, rel=1e-12, nan_ok=True)
    assert metric.measure([[0.0, 2], [0.0, 0]])["pseudo_perplexity"] == FACTS["pseudo_perplexity"].best == 1.0
    assert metric.measure([[1e9, 1]])["pseudo_perplexity"] == math.inf
    assert math.isnan(metric.measure([[math.nan, 1]])["pseudo_perplexity"])


# -- all of them ---------------------------------------------------------------------------------------------------


def rows_for(name: str, seed: int):
    """Predictions and references in the form of the metric `name`."""
    rng = np.random.default_rng(seed)
    (kind,) = FACTS[name].kinds
    if kind == "likelihood":
        return rng.uniform(1, 9, (6, 2)), None
    return {"tags": tag_rows, "answers": answer_rows, "ranking": rankings}[kind](seed)


def column(values) -> np.ndarray:
    """An object array (n,), whatever its entries are."""
    return np.fromiter(values, object, len(values))


def test_every_entry_has_a_module_and_every_score_one_metric():
    for name in ADDITIVE:
        assert FACTS[name] == load_metric(name).facts
        assert all(direction(score) == FACTS[name].direction for score in FACTS[name].outputs)
    outputs = [score for facts in FACTS.values() for score in facts.outputs]
    assert len(outputs) == len(set(outputs))
    assert {kind for name in ADDITIVE for kind in FACTS[name].kinds} == {"tags", "answers", "ranking", "likelihood"}


@pytest.mark.parametrize("name", ADDITIVE)
def test_scores_of_subsets_equal_the_metric_of_the_subset(name):
    metric = load_metric(name)
    for seed in range(40):
        predictions, references = rows_for(name, seed)
        answers, wanted = column(list(predictions)), None if references is None else column(references)
        scores = score_function(metric, answers, wanted, {"num_labels": 3})
        for draw in range(5):
            rows = np.random.default_rng(draw).integers(0, len(answers), draw + 1)
            subset = metric.measure(answers[rows], None if wanted is None else wanted[rows])
            assert scores(rows) == pytest.approx(subset, abs=1e-12, nan_ok=True)
        everything = score_function(metric, predictions, references)(np.arange(len(answers)))
        assert everything == pytest.approx(metric.measure(predictions, references), abs=1e-12, nan_ok=True)


class Half(evaluate.Metric):
    """A foreign metric: a score, and what is none."""

    def _info(self):
        import datasets

        features = datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")})
        return evaluate.MetricInfo(description="", citation="", features=features)

    def _compute(self, predictions, references):
        right = np.equal(predictions, references)
        return {"right": right.mean(), "count": int(right.sum()), "table": [[1], [1, 2]], "note": "text", "none": None}


def test_scores_of_subsets_of_other_metrics():
    rows = np.array([0, 0, 2])
    scores = score_function(load_metric("accuracy"), np.array([0, 1, 2]), np.array([0, 1, 1]), {"num_labels": 3})
    assert scores(rows) == {"accuracy": pytest.approx(2 / 3)}
    assert score_function(load_metric("confusion_matrix"), [0, 1, 2], [0, 1, 1])(rows) == {}
    for form in (list, np.array):
        foreign = score_function(Half(keep_in_memory=True), form([0, 1, 2]), form([0, 1, 1]), {"num_labels": 3})
        assert foreign(rows) == {"right": pytest.approx(2 / 3), "count": 2.0}


@pytest.mark.parametrize("name", ADDITIVE)
def test_evaluate_gives_the_same(name):
    metric = load_metric(name)
    for seed in range(5):
        predictions, references = rows_for(name, seed)
        pure = metric.measure(predictions, references)
        if "ranking" in metric.kinds:
            references = [[{"item": item, "gain": gain} for item, gain in row.items()] for row in references]
        assert metric.compute(predictions=predictions, references=references) == pytest.approx(pure, nan_ok=True)
        for row, prediction in enumerate(predictions):
            metric.add(prediction=prediction, reference=None if references is None else references[row])
        assert metric.compute() == pytest.approx(pure, nan_ok=True)


@pytest.mark.parametrize("name", [*ADDITIVE, *SHARED])
def test_examples_run(name):
    module = importlib.import_module(f"finetune.metrics.{name}")
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("name", "predictions", "references", "message"),
    [
        ("seqeval", [["O"], ["O", "O"]], [["O"], ["O"]], "Row 1 has 2 predicted tags for 1 words"),
        ("token_accuracy", [["O"]], [[]], "Row 0 has 1 predicted tags for 0 words"),
        ("token_accuracy", ["O"], [["O"]], "Row 0 holds a text"),
        ("seqeval", [["O"], ["NOUN"]], [["O"], ["O"]], "Row 1: The tag 'NOUN' marks no entity"),
        ("seqeval", [["O-PER"]], [["O"]], "Row 0: The tag 'O-PER'"),
        ("seqeval", [["O"]], [["O"], ["O"]], "entity_f1: there are 1 predictions and 2 references"),
        ("exact_match", ["a", None], [["a"], ["a"]], "Row 1: the predicted answer is None"),
        ("answer_f1", ["a"], ["a"], "Row 0: the right answers are 'a'"),
        ("answer_f1", ["a"], [[1]], r"Row 0: the right answers are \[1\]"),
        ("mrr", [["a"], ["a"]], [["a"], []], "Row 1: no item is relevant"),
        ("ndcg", [["a"]], [{"a": 0.0}], "Row 0: no item is relevant"),
        ("ndcg", [["a"]], [{"a": math.inf}], "Row 0: a gain is not a finite number"),
        ("recall_at", [["a", "b", "a"]], [["a"]], "Row 0: the ranking repeats an item"),
        ("mrr", ["ab"], [["a"]], "Row 0 holds a text"),
        ("mrr", [["ab"]], ["ab"], "Row 0 holds a text"),
        ("pseudo_perplexity", [[1.0, 1.0], [1.0]], None, "Row 1 of the predictions"),
        ("pseudo_perplexity", [[1.0, -1.0]], None, "Row 0 of the predictions"),
    ],
)
def test_rows_that_do_not_fit_are_named(name, predictions, references, message):
    with pytest.raises(DataError, match=message) as caught:
        load_metric(name).measure(predictions, references)
    assert caught.value.remedy
    with pytest.raises(DataError, match=message):
        score_function(load_metric(name), predictions, references)


@pytest.mark.parametrize("name", ADDITIVE)
def test_no_rows_are_refused(name):
    with pytest.raises(EmptyDataError, match="no rows"):
        load_metric(name).measure([], [])


def test_schemes_and_their_prefixes_are_checked():
    with pytest.raises(UsageError, match="no scheme 'IOB3'"):
        entities(["O"], "IOB3")
    with pytest.raises(DataError, match=r"'S-PER' marks no entity; known: O, B-TYPE, I-TYPE\."):
        entities(["S-PER"], "IOB2")
    with pytest.raises(DataError, match="Row 1 has 0 predicted tags"):
        entity_tables([["O"], []], [["O"], ["O"]])
