"""Systems measured and held against each other: methods of intervals, tests, corrections, verdicts, comparing runs."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
from click.testing import CliRunner
from conftest import review_rows, write_csv
from markupsafe import escape

import finetune
from finetune.artifacts import Evaluation, RunFolder
from finetune.cards.contrasts import difference_rows
from finetune.cli.commands import finetune as command
from finetune.errors import DataError, UsageError
from finetune.evaluation.contrasts import contrast, judge
from finetune.evaluation.measured import FEW, Measured, Sampling, sampling_notes
from finetune.recipe import Recipe
from finetune.statistics.intervals import Method, wilson
from finetune.statistics.power import detectable_difference, minimum_detectable_effect
from finetune.statistics.resampling import distribution

BY_ROW = Sampling(resamples=200)


def measured(values: Any, sampling: Sampling = BY_ROW, name: str = "accuracy") -> Measured:
    """A score that is the mean of a value per row."""
    values = np.asarray(values, float)
    found = distribution(
        lambda rows: {name: float(values[rows].mean())}, len(values), resamples=sampling.resamples,
        groups=sampling.clusters,
    )  # fmt: skip
    return Measured(found, {name: values}, sampling)


# -- intervals -----------------------------------------------------------------------------------------------------


def test_shares_of_independent_rows_have_wilsons_interval() -> None:
    interval = measured([1] * 18 + [0] * 6).intervals()["accuracy"]
    assert (interval.low, interval.high) == (wilson(18, 24).low, wilson(18, 24).high)
    assert (interval.method, interval.resamples, interval.clusters) == ("wilson", 0, None)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_a_stated_method_is_used(method: Method) -> None:
    assert measured([1, 0] * 20, Sampling(None, 100, 0.95, method)).intervals()["accuracy"].method == method


def test_all_right_is_not_certain() -> None:
    for sampling in (Sampling(resamples=50), Sampling(None, 50, 0.95, "percentile")):
        assert measured(np.ones(24), sampling).intervals()["accuracy"].low == pytest.approx(wilson(24, 24).low)
    clusters = Sampling(np.repeat(np.arange(6), 4), 50)
    interval = measured(np.ones(24), clusters).intervals()["accuracy"]
    assert (interval.method, interval.clusters) == ("wilson", 6)
    assert interval.low == pytest.approx(wilson(6, 6).low), "six clusters, not twenty-four rows"


def test_clusters_widen_the_interval_and_are_told() -> None:
    values = np.repeat([1.0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1], 10)
    alone, together = (measured(values, Sampling(c, 500)) for c in (None, np.repeat(np.arange(12), 10)))
    narrow, wide = (each.intervals()["accuracy"] for each in (alone, together))
    assert (wide.method, wide.clusters) == ("bca", 12)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert together.scores()["accuracy"]["clusters"] == 12
    assert sampling_notes(alone) == []
    (note,) = sampling_notes(together)
    assert "rest on 12 clusters" in note


def test_notes_on_few_rows_and_on_intervals_without_width() -> None:
    flat = Measured(distribution(lambda rows: {"f1": 1.0, "mcc": 1.0}, FEW - 1, resamples=20))
    few, constant = sampling_notes(flat)
    assert f"rest on {FEW - 1} rows" in few
    assert "same f1 and mcc" in constant


# -- contrasts -----------------------------------------------------------------------------------------------------


def test_a_clear_difference_is_shown_by_all_tests() -> None:
    rng = np.random.default_rng(0)
    worse = rng.random(200) < 0.6
    better = worse | (rng.random(200) < 0.4)
    entry = contrast(measured(better), measured(worse), names=("model", "other"))["accuracy"]
    judge([entry], 0.95)
    assert entry["verdict"] == "better"
    counts = entry["mcnemar"]["only_model_right"], entry["mcnemar"]["only_other_right"]
    assert counts == (int((better & ~worse).sum()), 0)
    assert entry["mcnemar"]["p_value"] == pytest.approx(scipy.stats.binomtest(0, counts[0]).pvalue)
    assert entry["permutation"]["p_value"] == pytest.approx(1 / 10_001)
    assert entry["minimum_detectable_effect"] == pytest.approx(minimum_detectable_effect(200, counts[0] / 200))
    json.dumps(entry, allow_nan=False)
    back = contrast(measured(worse), measured(better), names=("model", "other"))["accuracy"]
    judge([back], 0.95)
    assert back["verdict"] == "worse"


def test_lower_errors_are_better() -> None:
    rng = np.random.default_rng(0)
    errors = rng.exponential(size=100)
    entry = contrast(measured(errors, name="mae"), measured(errors + 0.2, name="mae"), names=("a", "b"))["mae"]
    judge([entry], 0.95)
    assert (entry["direction"], entry["verdict"]) == ("lower", "better")
    assert "mcnemar" not in entry
    assert entry["permutation"]["p_value"] < 0.001


def test_many_comparisons_are_corrected_in_p_verdict_and_smallest_difference() -> None:
    rng = np.random.default_rng(2)
    first = measured(rng.normal(0.23, 1, 100), name="score")
    second = measured(np.zeros(100), name="score")
    alone = contrast(first, second, names=("a", "b"))["score"]
    many = [dict(alone) for _ in range(10)]
    judge([alone], 0.95)
    judge(many, 0.95)
    assert (alone["verdict"], alone["p_value_holm"]) == ("better", alone["p_value"])
    assert all(entry["verdict"] == "not shown" for entry in many)
    assert many[0]["p_value_holm"] == pytest.approx(10 * alone["p_value"])
    for entry, level in ((alone, 0.05), (many[0], 0.005)):
        wanted = detectable_difference(entry["standard_error"], significance=level, units=100)
        assert entry["minimum_detectable_effect"] == pytest.approx(wanted)


def test_clusters_leave_out_the_test_that_needs_independent_rows() -> None:
    rng = np.random.default_rng(0)
    sampling = Sampling(np.repeat(np.arange(10), 5), 200)
    rights = rng.random((2, 50)) < 0.7
    entry = contrast(*(measured(right, sampling) for right in rights), names=("a", "b"))["accuracy"]
    judge([entry], 0.95)
    assert "mcnemar" not in entry
    assert entry["permutation"]["resamples"] <= 1024
    assert entry["clusters"] == 10
    wanted = detectable_difference(entry["standard_error"], units=10)
    assert entry["minimum_detectable_effect"] == pytest.approx(wanted)


def test_equal_answers_are_not_called_equal_systems() -> None:
    same = measured([1, 0, 1, 1] * 25)
    entry = contrast(same, same, names=("a", "b"))["accuracy"]
    judge([entry], 0.95)
    assert (entry["value"], entry["low"], entry["high"], entry["p_value"]) == (0, 0, 0, 1)
    assert entry["verdict"] == "not shown"
    assert 0.05 < entry["minimum_detectable_effect"] < 0.1, "what a hundred rows could have shown"


def test_an_undefined_difference_has_no_verdict() -> None:
    nowhere = Measured(distribution(lambda rows: {"r2": math.nan}, 30, resamples=20))
    entry = contrast(nowhere, nowhere, names=("a", "b"))["r2"]
    judge([entry], 0.95)
    assert (entry["verdict"], entry["p_value_holm"], entry["minimum_detectable_effect"]) == ("not shown", None, None)
    json.dumps(entry, allow_nan=False)


# -- runs ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> list[Path]:
    """A run whose rows come in clusters, one that answers some rows otherwise, one that answers nearly all wrong."""
    base = tmp_path_factory.mktemp("contrasts")
    rows = [row | {"author": f"a{i % 24}"} for i, row in enumerate(review_rows(300))]
    recipe = Recipe.from_dict({
        "task": "text-classification", "model": {"name": str(tiny_model)},
        "data": {"name": str(write_csv(base / "rows.csv", rows)), "columns": {"text": "text", "label": "label"}},
        "training": {"learning_rate": 5e-3, "bf16": False, "report_to": ["none"], "max_steps": 20},
        "evaluation": {"resamples": 200, "clusters": "author"}, "output": {"folder": str(base), "run": "first"},
    })  # fmt: skip
    folder = finetune.run(recipe).folder
    assert folder is not None
    return [folder, _otherwise(folder, "some", 5), _otherwise(folder, "most", 1)]


def _otherwise(folder: Path, name: str, every: int) -> Path:
    """A copy of a run that answers every such row with the other label."""
    copy = Path(shutil.copytree(folder, folder.parent / name))
    path = copy / "predictions/test.parquet"
    table = pq.read_table(path).to_pydict()
    names = [column.removeprefix("score:") for column in table if column.startswith("score:")]
    for i in range(0, len(table["row"]), every):
        table["prediction"][i] = next(n for n in names if n != table["prediction"][i])
    pq.write_table(pa.table(table), path)
    return copy


def test_a_recipes_clusters_reach_scores_and_comparisons(runs: list[Path]) -> None:
    evaluation = Evaluation.load(RunFolder.open(runs[0]))
    clusters = len(set(evaluation.predictions["cluster:author"]))
    entries = [e for s in evaluation.systems.values() for e in s["scores"].values()] + evaluation.comparisons
    assert {entry["clusters"] for entry in entries} == {clusters}
    assert all("mcnemar" not in entry for entry in evaluation.comparisons)
    page = (runs[0] / "report.html").read_text()
    assert f"The rows come in {clusters} clusters" in page
    sentences = [row["sentence"] for row in difference_rows(evaluation) if row["main"]]
    assert len(sentences) == len(evaluation.systems) - 1
    assert all(f"<li>{escape(sentence)}</li>" in page for sentence in sentences), sentences


def test_runs_are_compared_with_the_first_or_all_pairs(runs: list[Path]) -> None:
    result = finetune.compare(*runs)
    assert [(pair["first"], pair["second"]) for pair in result["pairs"]] == [(0, 1), (0, 2)]
    every = finetune.compare(*runs, every_pair=True)
    assert [(pair["first"], pair["second"]) for pair in every["pairs"]] == [(0, 1), (0, 2), (1, 2)]
    assert result["clusters"] == len(set(Evaluation.load(RunFolder.open(runs[0])).predictions["cluster:author"]))
    assert "differences" not in result
    worst = result["pairs"][1]["differences"]["accuracy"]
    assert worst["value"] == pytest.approx(worst["second"] - worst["first"])
    assert not any(name.endswith("_micro") for name in result["pairs"][0]["differences"])
    # more looks, larger corrected p-values
    for pair, wider in zip(result["pairs"], every["pairs"], strict=False):
        for name, entry in pair["differences"].items():
            assert wider["differences"][name]["p_value_holm"] >= entry["p_value_holm"]
    json.dumps(every, allow_nan=False)


def test_the_command_prints_a_table_with_what_could_be_shown(runs: list[Path]) -> None:
    done = CliRunner().invoke(command, ["compare", *map(str, runs), "--all"])
    assert done.exit_code == 0, done.output
    for words in ("first → some", "first → most", "some → most", "could show", "p (Holm)", "clusters"):
        assert words in done.output
    plain = CliRunner().invoke(command, ["compare", *map(str, runs[:2]), "--json"])
    result = json.loads(plain.stdout)
    assert result["differences"] == result["pairs"][0]["differences"]


def test_one_run_and_other_rows_are_refused(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 run to compare"):
        finetune.compare(runs[0])
    other = Path(shutil.copytree(runs[0], tmp_path / "other"))
    table = pq.read_table(other / "predictions/test.parquet")
    pq.write_table(table.slice(1), other / "predictions/test.parquet")
    with pytest.raises(DataError, match="different test rows"):
        finetune.compare(runs[0], runs[1], other)


def test_the_page_says_that_not_shown_is_not_no_difference(runs: list[Path]) -> None:
    evaluation = Evaluation.load(RunFolder.open(runs[0]))
    headline = next(e for e in evaluation.comparisons if e["score"] == evaluation.headline)
    headline |= {"verdict": "not shown", "difference": 0.01, "minimum_detectable_effect": 0.05}
    row = next(row for row in difference_rows(evaluation) if row["sentence"])
    assert "would show one of 0.050 four times in five" in row["sentence"]
    assert "about 25 times as many" in row["sentence"]
    assert (row["verdict"], row["effect"]) == ("not shown", "0.050")
