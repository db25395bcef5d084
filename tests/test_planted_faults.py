"""Faults that were planted are found and mended: the benchmark's own way, on fewer and made-up rows."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "planted_faults.py"
ROWS = 1500
SAID = {
    "positive": ("great", "lovely", "superb", "warm", "moving", "witty", "tender", "bright"),
    "negative": ("dull", "awful", "poor", "cold", "tired", "lazy", "clumsy", "grim"),
}
SCENES = tuple(f"{place} {thing}" for place in ("harbour", "garden", "market", "winter", "village", "river", "night")
               for thing in ("chase", "wedding", "dinner", "trial", "dance", "race", "funeral", "song"))  # fmt: skip
PEOPLE = tuple(f"{kind} {name}" for kind in ("actor", "writer", "singer", "painter", "captain", "teacher")
               for name in ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Maple", "Rowan", "Willow"))  # fmt: skip


def reviews(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Sentences of twelve words and more, each of them once, whose words tell the label."""
    chance = random.Random(seed)
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < count:
        label = chance.choice(("negative", "positive"))
        one, two, three = chance.sample(SAID[label], 3)
        text = (f"the {chance.choice(SCENES)} is {one} and the {chance.choice(PEOPLE)} plays a {two} part before the "
                f"{chance.choice(SCENES)} ends with {chance.choice(PEOPLE)} in a {three} way")  # fmt: skip
        rows[text] = {"text": text, "label": label}
    return list(rows.values())


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planted_faults", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def planted(benchmark: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """What was planted, and where it was written."""
    folder = tmp_path_factory.mktemp("planted")
    found = benchmark.plant(reviews(ROWS), seed=0)
    benchmark.write(found, folder)
    return found, folder


@pytest.fixture(scope="module")
def audited(benchmark: ModuleType, planted: tuple[Any, Path], tiny_model: Path) -> tuple[Any, Any, dict[str, Any]]:
    """The audit, the prepared data, and the scores by kind."""
    found, prepared = benchmark.audit(planted[1], {"name": str(tiny_model)})
    rows = benchmark.rows_found(found, prepared)
    return found, prepared, {score.kind: score for score in benchmark.scores(planted[0], found, rows)}


@pytest.fixture(scope="module")
def mended(benchmark: ModuleType, planted: tuple[Any, Path], tiny_model: Path) -> dict[str, Any]:
    """What cleaning did, by kind."""
    prepared = benchmark.clean(planted[1], {"name": str(tiny_model)})
    return {line.kind: line for line in benchmark.outcomes(planted[0], prepared)}


CERTAIN = (
    "duplicates", "copies of training rows in test", "missing texts", "missing ages", "spelling variants",
    "dates like 13 May 2024", "dates like 13/05/2024", "leaking columns",
)  # fmt: skip
PERSONAL = ("email", "phone", "url_login", "ip_address", "credit_card", "iban", "ssn", "secret")


@pytest.mark.parametrize("kind", CERTAIN)
def test_what_can_be_certain_is_found_exactly(audited: tuple[Any, Any, dict[str, Any]], kind: str) -> None:
    score = audited[2][kind]
    assert score.planted > 0
    assert (score.precision, score.recall) == (1, 1), score


@pytest.mark.parametrize("kind", PERSONAL)
def test_personal_data_is_found_and_look_alikes_are_not(audited: tuple[Any, Any, dict[str, Any]], kind: str) -> None:
    score = audited[2][f"personal: {kind}"]
    assert score.precision == 1, score
    assert score.recall >= 0.95, score


@pytest.mark.parametrize(
    ("kind", "precision", "recall"),
    [
        ("near duplicates", 0.95, 0.98),
        ("near copies of training rows in test", 0.95, 0.98),
        ("mojibake or lost characters", 1.0, 0.85),
        ("impossible ages (iqr)", 0.3, 1.0),
        ("impossible ages (mad)", 0.7, 0.6),
        ("flipped labels", 0.9, 0.7),
    ],
)
def test_what_is_judged_is_mostly_right(
    audited: tuple[Any, Any, dict[str, Any]], kind: str, precision: float, recall: float
) -> None:
    score = audited[2][kind]
    assert score.planted >= 12
    assert score.precision >= precision, score
    assert score.recall >= recall, score


def test_label_errors_are_found_far_better_than_by_chance(audited: tuple[Any, Any, dict[str, Any]]) -> None:
    scores = audited[2]
    chance = next(score for kind, score in scores.items() if "random" in kind)
    assert scores["flipped labels"].found == chance.found
    assert scores["flipped labels"].true > 4 * chance.true


def test_findings_name_what_was_planted(audited: tuple[Any, Any, dict[str, Any]]) -> None:
    kinds = {(finding["kind"], finding["column"]) for finding in audited[0].findings}
    assert {("mixed formats", "joined"), ("spellings", "genre"), ("outliers", "age"), ("encoding", "text"),
            ("personal data", "text"), ("missing values", "text"), ("missing values", "age")} <= kinds  # fmt: skip


def test_the_audit_holds_no_personal_value(benchmark: ModuleType, audited: tuple[Any, Any, dict[str, Any]]) -> None:
    from finetune.text.personal import find_personal

    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for item in [*value, *value.values()] for text in texts(item)]
        return [text for item in value for text in texts(item)] if isinstance(value, list) else [str(value)]

    written = [text for part in texts(audited[0].to_dict()) for text in find_personal(part)]
    assert not written


@pytest.mark.parametrize(
    "kind",
    [
        "duplicates", "missing texts", "missing ages", "copies of training rows in test", "dates like 13 May 2024",
        "dates like 13/05/2024", "spelling variants", *(f"personal: {kind}" for kind in PERSONAL),
    ],
)  # fmt: skip
def test_cleaning_mends_it_and_nothing_else(mended: dict[str, Any], kind: str) -> None:
    line = mended[kind]
    assert line.planted > 0
    assert line.mended >= 0.95 * line.planted, line
    assert line.wrong == 0, line


def test_cleaning_mends_most_of_what_is_judged(mended: dict[str, Any]) -> None:
    near, damaged, ages = mended["near duplicates"], mended["mojibake"], mended["impossible ages"]
    assert near.mended >= 0.98 * near.planted, near
    assert near.wrong <= 2, near
    assert damaged.mended >= 0.7 * damaged.planted, damaged
    assert damaged.wrong == 0, damaged
    assert ages.mended == ages.planted > 0, ages
    assert ages.wrong <= 0.02 * ROWS, ages
