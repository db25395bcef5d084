"""The benchmarks run; what they measure is not tested."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_it_says_what_it_measures_and_imports(path: Path) -> None:
    module = load(path)
    assert callable(module.main)
    assert f"python benchmarks/{path.name}" in module.__doc__


def test_near_duplicates_can_be_compared() -> None:
    lines = list(load(FOLDER / "near_duplicates.py").compare(300, 600))
    assert [line.split()[0] for line in lines] == ["datasketch", "ours", "ours"]


def test_data_at_scale_can_be_measured() -> None:
    lines = list(load(FOLDER / "data_at_scale.py").compare([1000, 2000], near=True))
    assert len(lines) == 6


def test_publishing_can_be_timed() -> None:
    assert len(list(load(FOLDER / "publish_speed.py").compare(1))) == 2


@pytest.mark.parametrize("ours", [True, False])
def test_the_fit_and_its_baseline_can_be_timed(make_recipe: Callable[..., Any], ours: bool) -> None:
    module = load(FOLDER / "training_speed.py")
    assert module.rows_per_second(make_recipe(), 32, ours=ours, group=ours, bf16=False) > 0
