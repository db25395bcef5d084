"""A small run of benchmarks/interval_coverage.py, whose full table has a thousand data sets per case."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def benchmark() -> Any:
    path = Path(__file__).parents[1] / "benchmarks/interval_coverage.py"
    spec = importlib.util.spec_from_file_location("interval_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["macro_f1", "auc", "paired"])
def test_intervals_cover_the_truth_as_often_as_they_say(benchmark: Any, name: str) -> None:
    share, _, _ = benchmark.coverage(benchmark.CASES[name](), 80)
    assert abs(share - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 80)


def test_few_clusters_are_covered_where_plain_percentiles_are_too_short(benchmark: Any) -> None:
    ours, plain, _ = benchmark.coverage(benchmark.clustered(6, size=4), 150)
    assert ours >= 0.91
    assert plain < ours - 0.03


def test_the_table_has_a_line_per_case(benchmark: Any) -> None:
    lines = dict(benchmark.table(3, ["accuracy", "pearson"]))
    assert [line.split()[0].rstrip(",") for line in lines] == ["accuracy", "Pearson"]
    assert all(0 <= share <= 1 for share in lines.values())
