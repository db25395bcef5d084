"""The built-in metrics against scikit-learn and scipy, through evaluate and without it, and the registry."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk

from finetune import metrics
from finetune.errors import DataError, EmptyDataError, LabelError, NotFoundError, OfflineError, RecipeError, UsageError
from finetune.metrics import load_metric, metric_names
from finetune.metrics.confusion import per_label
from finetune.metrics.facts import FACTS, Facts

CASES = 200
SHARED = {"__init__", "additive", "answers", "confusion", "entities", "facts", "measure", "ranking"}
PERFECT = {  # kind of target -> predictions and references that are equal, in its form
    "single_label": ([0, 1, 2], [0, 1, 2]),
    "regression": ([1.0, 2.0, 4.0], [1.0, 2.0, 4.0]),
    "choice": ([3, 0, 1], [3, 0, 1]),
    "similarity": ([0.1, 0.7, -0.2], [0.1, 0.7, -0.2]),
    "tags": ([["B-PER", "I-PER", "O"], ["O"], []], [["B-PER", "I-PER", "O"], ["O"], []]),
    "answers": (["the Nile", ""], [["Amazon", "Nile"], []]),
    "ranking": ([["a", "b"], ["c"]], [{"a": 2.0}, ["c"]]),
    "likelihood": ([[0.0, 3.0], [0.0, 0.0]], None),
}
ROOT = Path(metrics.__file__).parents[2]
AVERAGES = {"": "macro", "_micro": "micro", "_weighted": "weighted"}


def single_label(seed: int):
    """Labels of case `seed`: every fifth case lacks a label, every seventh predicts a constant, some are one row."""
    rng = np.random.default_rng(seed)
    labels, n = int(rng.integers(2, 7)), int(rng.integers(1, 60))
    references = rng.integers(0, labels - 1 if seed % 5 == 0 else labels, n)
    predictions = np.full(n, seed % labels) if seed % 7 == 0 else rng.integers(0, labels, n)
    return predictions, references, labels


def multi_label(seed: int):
    """0/1 matrices of case `seed`: every fifth case has an empty label, every seventh a full one."""
    rng = np.random.default_rng(seed)
    shape = int(rng.integers(1, 60)), int(rng.integers(2, 6))
    predictions, references = (rng.random((2, *shape)) < rng.uniform(0.1, 0.9)).astype(int)
    if seed % 5 == 0:
        references[:, 0] = 0
    if seed % 7 == 0:
        references[:, 1] = predictions[:, 1] = 1
    return predictions, references


def numbers(seed: int):
    """Numbers of case `seed`, some with ties, some with an offset that dwarfs the spread."""
    rng = np.random.default_rng(seed)
    n, offset = int(rng.integers(3, 60)), 1e6 if seed % 5 == 0 else 0.0
    values = rng.integers(0, 4, (2, n)).astype(float) if seed % 3 == 0 else rng.normal(size=(2, n))
    return values[0] + offset, values[1] + offset


def agree(ours: float, theirs: float, seed: int, tolerance: float = 1e-9) -> None:
    assert ours == pytest.approx(theirs, abs=tolerance, nan_ok=True), f"case {seed}"


@pytest.fixture(autouse=True)
def _quiet_peers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn and scipy, about the degenerate cases
        yield


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_averaged_metrics_equal_scikit_learn(name):
    metric, theirs = load_metric(name), getattr(sk, f"{name}_score")
    for seed in range(CASES):
        predictions, references, labels = single_label(seed)
        scores = metric.measure(predictions, references, num_labels=labels)
        several = metric.measure(*multi_label(seed))
        for suffix, average in AVERAGES.items():
            settings = {"average": average, "zero_division": 0}
            agree(scores[name + suffix], theirs(references, predictions, labels=range(labels), **settings), seed)
            agree(several[name + suffix], theirs(*reversed(multi_label(seed)), **settings), seed)


def test_accuracy_mcc_and_confusion_matrix_equal_scikit_learn():
    accuracy, mcc, matrix = (load_metric(name) for name in ("accuracy", "mcc", "confusion_matrix"))
    for seed in range(CASES):
        p, r, labels = single_label(seed)
        agree(accuracy.measure(p, r, num_labels=labels)["accuracy"], sk.accuracy_score(r, p), seed)
        agree(accuracy.measure(*multi_label(seed))["accuracy"], sk.accuracy_score(*multi_label(seed)), seed)
        agree(mcc.measure(p, r, num_labels=labels)["mcc"], sk.matthews_corrcoef(r, p), seed)
        ours = matrix.measure(p, r, num_labels=labels)["confusion_matrix"]
        assert ours == sk.confusion_matrix(r, p, labels=range(labels)).tolist()


def test_per_label_table_equals_scikit_learn():
    for seed in range(CASES):
        p, r, labels = single_label(seed)
        theirs = sk.precision_recall_fscore_support(r, p, labels=range(labels), zero_division=0)
        for ours, column in zip(per_label(p, r, labels).values(), theirs, strict=True):
            np.testing.assert_allclose(ours, column, atol=1e-12)
        theirs = sk.precision_recall_fscore_support(*reversed(multi_label(seed)), zero_division=0)
        for ours, column in zip(per_label(*multi_label(seed)).values(), theirs, strict=True):
            np.testing.assert_allclose(ours, column, atol=1e-12)


def one_vs_rest(positive, scores) -> float:
    """The mean of scikit-learn's binary areas over the columns that hold both classes."""
    pairs = [(p, s) for p, s in zip(positive.T, scores.T, strict=True) if 0 < p.sum() < len(p)]
    return float(np.mean([sk.roc_auc_score(p, s) for p, s in pairs])) if pairs else math.nan


def test_auc_equals_scikit_learn():
    metric = load_metric("auc")
    for seed in range(CASES):
        _, references, labels = single_label(seed)
        scores = np.random.default_rng(seed).random((len(references), max(labels, 3))).round(1 if seed % 2 else 9)
        positive = references[:, None] == np.arange(scores.shape[1])
        agree(metric.measure(scores, references)["auc"], one_vs_rest(positive, scores), seed)
        binary, wanted = references % 2, one_vs_rest(references[:, None] % 2, scores[:, 1:2])
        for shape in (scores[:, 1], scores[:, 1:2], scores[:, :2]):
            agree(metric.measure(shape, binary)["auc"], wanted, seed)
        _, several = multi_label(seed)
        scores = np.random.default_rng(seed).random(several.shape).round(1 if seed % 2 else 9)
        agree(metric.measure(scores, several)["auc"], one_vs_rest(several, scores), seed)


def test_regression_metrics_equal_scikit_learn_and_scipy():
    peers = {
        "mse": sk.mean_squared_error,
        "rmse": sk.root_mean_squared_error,
        "mae": sk.mean_absolute_error,
        "r2": sk.r2_score,
        "pearson": lambda r, p: scipy.stats.pearsonr(r, p).statistic,
        "spearman": lambda r, p: scipy.stats.spearmanr(r, p).statistic,
    }
    for name, peer in peers.items():
        metric = load_metric(name)
        for seed in range(CASES):
            p, r = numbers(seed)
            if name != "r2" or np.ptp(r):
                agree(metric.measure(p, r)[name], peer(r, p), seed, 1e-7 if seed % 5 == 0 else 1e-9)


@pytest.mark.parametrize("name", ["r2", "pearson", "spearman"])
def test_constant_references_leave_correlations_undefined(name):
    assert math.isnan(load_metric(name).measure([1.0, 2.0, 3.0], [0.1, 0.1, 0.1])[name])


def test_undefined_is_nan_not_a_number_that_looks_measured():
    assert math.isnan(load_metric("auc").measure([0.2, 0.3], [1, 1])["auc"])
    assert math.isnan(load_metric("auc").measure([0.2, math.nan], [0, 1])["auc"])
    assert math.isnan(load_metric("spearman").measure([0.2, math.nan, 1.0], [0.0, 1.0, 2.0])["spearman"])
    assert math.isnan(load_metric("pearson").measure([0.5, 0.5], [0.0, 1.0])["pearson"])
    assert load_metric("pearson").measure([1e-200, 3e-200, 2e-200], [1e200, 3e200, 2e200])["pearson"] == 1.0


def test_perfect_predictions_are_perfect():
    for name in metric_names():
        metric = load_metric(name)
        for kind in metric.kinds & set(PERFECT) if metric.direction else ():
            given, references = PERFECT[kind]
            scores = metric.measure(np.eye(3) if metric.needs_scores else given, references)
            assert set(scores.values()) == {FACTS[name].best}, (name, kind)


def test_best_is_derived_from_the_direction():
    assert [FACTS[name].best for name in ("f1", "rmse", "pseudo_perplexity")] == [1.0, 0.0, 1.0]
    assert math.isnan(FACTS["confusion_matrix"].best)
    assert Facts(("a",), frozenset(), best=100.0).best == 100.0


def test_choices_have_no_number_of_labels():
    assert load_metric("accuracy").measure([0, 9, 4, 4], [0, 9, 4, 3])["accuracy"] == 0.75


def test_float_labels_of_multi_label_targets_pass():
    assert load_metric("f1").measure(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]))["f1_micro"] == 1.0


@pytest.mark.parametrize(
    ("name", "predictions", "references", "error", "message"),
    [
        ("mcc", [[0, 1]], [[0, 1]], UsageError, "mcc does not apply to multi-label"),
        ("confusion_matrix", [[0, 1]], [[0, 1]], UsageError, "does not apply to multi-label"),
        ("mse", [[1.0]], [1.0], DataError, r"predictions \(1, 1\), references \(1,\)"),
        ("auc", [[0.1, 0.9]], [[0, 1, 1]], DataError, "shapes do not fit"),
        ("auc", [0.1, 0.9], [0, 2], LabelError, "0 to 1"),
        ("f1", [], [], EmptyDataError, "no rows"),
        ("f1", [0, 3], [0, 1], LabelError, "range from 0 to 3; accepted: 0 to 1"),
        ("accuracy", [0, -1], [0, 1], LabelError, "range from -1 to 1"),
        ("accuracy", [0.5, 1.0], [0, 1], LabelError, "whole numbers"),
        ("accuracy", ["a"], ["a"], LabelError, "whole numbers"),
        ("accuracy", [[0, 2]], [[0, 1]], LabelError, "range from 0 to 2"),
    ],
)
def test_inputs_that_do_not_fit_name_what_was_received(name, predictions, references, error, message):
    with pytest.raises(error, match=message) as caught:
        load_metric(name).measure(predictions, references, num_labels=2)
    assert caught.value.remedy


def test_labels_below_zero_are_refused_without_num_labels():
    with pytest.raises(LabelError, match="from 0 upwards"):
        load_metric("f1").measure([0, -1], [0, 1])


def test_the_file_list_is_the_registry():
    files = {file.stem for file in Path(metrics.__file__).parent.glob("*.py")}
    assert set(metric_names()) == files - SHARED
    assert set(metric_names()) == set(FACTS)
    for name in metric_names():
        metric = load_metric(name)
        assert metric.name == name
        assert (metric.direction, metric.kinds, metric.needs_scores) == (
            FACTS[name].direction,
            FACTS[name].kinds,
            FACTS[name].needs_scores,
        )
        given, references = PERFECT[next(kind for kind in PERFECT if kind in metric.kinds)]
        if name == "auc":
            given, references = [0, 1, 1], [0, 1, 1]
        assert tuple(metric.measure(given, references)) == metrics.metric_outputs(name)


def test_directions():
    assert (metrics.direction("rmse"), metrics.direction("f1_micro")) == ("lower", "higher")
    with pytest.raises(RecipeError, match="is a table"):
        metrics.direction("confusion_matrix")
    with pytest.raises(RecipeError, match="Did you mean 'f1_micro'"):
        metrics.direction("f1_mikro")


def test_unknown_metric_names_the_nearest_and_the_known():
    with pytest.raises(RecipeError) as caught:
        load_metric("acuracy")
    assert "Unknown metric 'acuracy'." in str(caught.value)
    assert "Did you mean 'accuracy'?" in str(caught.value)
    assert "hub:NAME" in str(caught.value)
    for helper in (*SHARED, "hub:", ""):
        with pytest.raises(RecipeError):
            load_metric(helper)


def test_unknown_configuration_names_the_known():
    with pytest.raises(UsageError, match=r"Did you mean 'multilabel'\?"):
        load_metric("f1", "multi_label")
    with pytest.raises(UsageError):
        load_metric("mcc", "multilabel")


def test_absent_paths(tmp_path):
    with pytest.raises(NotFoundError, match="no metric script"):
        load_metric(str(tmp_path / "none.py"))
    with pytest.raises(NotFoundError, match="holds no metric"):
        load_metric(str(tmp_path))
    assert metrics.metric_outputs("hub:glue") == metrics.metric_outputs("./own.py") == ()


def run_offline(code: str, tmp_path: Path):
    """What `code` prints as JSON, in a fresh interpreter that may not reach the Hub and has an empty cache."""
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_EVALUATE_OFFLINE": "1",
        "HF_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_the_package_imports_neither_evaluate_nor_torch(tmp_path):
    code = """
import json, sys
import finetune.metrics as m
m.metric_names(), m.metric_outputs("f1"), m.direction("mse")
print(json.dumps([name for name in ("evaluate", "torch", "sklearn", "datasets", "scipy") if name in sys.modules]))
"""
    assert run_offline(code, tmp_path) == []


OFFLINE = """
import json
from pathlib import Path
import finetune.metrics as m
from finetune.errors import FinetuneError

single = dict(predictions=[0, 1, 2, 1, 0], references=[0, 2, 2, 1, 1])
several = dict(predictions=[[0, 1], [1, 1], [0, 0]], references=[[0, 1], [1, 0], [1, 0]])
number = dict(predictions=[0.1, 2.0, 3.5], references=[0.0, 2.5, 3.25])
chance = dict(prediction_scores=[0.1, 0.8, 0.4], references=[0, 1, 1])
spread = dict(prediction_scores=[[.1, .2, .7], [.5, .3, .2], [.3, .4, .3]], references=[2, 0, 2])
labels = dict(prediction_scores=[[.1, .2], [.5, .3], [.3, .4]], references=[[0, 1], [1, 0], [0, 0]])
more = {
    "tags": dict(predictions=[["I-A", "O"], []], references=[["B-A", "I-A"], []]),
    "answers": dict(predictions=["a cat", ""], references=[["cats", "The cat."], []]),
    "ranking": dict(
        predictions=[["a", "b"], ["c"]],
        references=[[dict(item="b", gain=2.0), dict(item="x", gain=1.0)], [dict(item="c", gain=0.5)]],
    ),
    "likelihood": dict(predictions=[[1.5, 2.0], [0.5, 1.0]], references=None),
}

def both(name, config, inputs, **settings):
    metric = m.load_metric(name, config)
    given, references = inputs.values()
    pure = metric.measure(given, references, **settings)
    first = metric.compute(**inputs, **settings)
    return pure == first == metric.compute(**inputs, **settings)

same = {}
for name in m.metric_names():
    facts = m.metric_facts(name)
    if facts.needs_scores:
        for config, inputs in ((None, chance), ("multiclass", spread), ("multilabel", labels)):
            same[f"{name} {config}"] = both(name, config, inputs)
    elif "regression" in facts.kinds:
        same[name] = both(name, None, number)
    elif not facts.kinds & {"single_label", "multi_label"}:
        same[name] = both(name, None, more[min(facts.kinds)])
    else:
        same[name] = both(name, None, single, num_labels=4)
        if "multi_label" in facts.kinds:
            same[name + " multilabel"] = both(name, "multilabel", several)
files = [str(path) for path in Path(HOME).rglob("*.arrow")]

def refusal(name):
    try:
        m.load_metric(name)
    except FinetuneError as error:
        return [type(error).__name__, str(error)]

own = Path(HOME) / "share" / "share.py"
own.parent.mkdir()
own.write_text(OWN)
script = Path(m.__file__).parent / "accuracy.py"
some = dict(predictions=[1, 0], references=[1, 1])
loaded = [m.load_metric(str(path)).compute(**some) for path in (own, own.parent, script)]
print(json.dumps([same, files, refusal("hub:exact_match"), refusal("hub:org/space@main"), loaded]))
"""

OWN = """
import datasets
import evaluate

class Share(evaluate.Metric):
    def _info(self):
        value = datasets.Value("int64")
        features = datasets.Features({"predictions": value, "references": value})
        return evaluate.MetricInfo(description="", citation="", features=features)

    def _compute(self, predictions, references):
        return {"share": sum(p == r for p, r in zip(predictions, references)) / len(references)}
"""


def test_evaluate_gives_the_same_offline_and_local_metrics_load(tmp_path):
    code = f"HOME, OWN = {str(tmp_path)!r}, {OWN!r}\n{OFFLINE}"
    same, files, bare, community, loaded = run_offline(code, tmp_path)
    assert len(same) == len(metric_names()) + 2 + 4
    assert all(same.values()), same
    assert files == []
    assert bare[0] == community[0] == OfflineError.__name__
    assert "exact_match" in bare[1]
    assert loaded == [{"share": 0.5}, {"share": 0.5}, {"accuracy": 0.5}]
