"""The card of a data set: a folder of five files, of which a person writes one.

answers.yaml     what only a person can say; never overwritten
stats.json       what was measured, for each recipe that reads the data
croissant.json   both, for programs
README.md        both, for people and for the Hub
card.lock        hashes of the answers, and of the data and the recipe that each measurement was made with
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from finetune.cards.data_sets.answers import (
    ANSWERS,
    blank_answers,
    licence_problem,
    new_answers,
    read_answers,
    schema_errors,
)
from finetune.cards.data_sets.croissant import CROISSANT, describe, validate
from finetune.cards.data_sets.data_page import render
from finetune.cards.data_sets.lock import (
    LOCK,
    LOCK_VERSION,
    as_json,
    file_hashes,
    lock_entry,
    measurement_name,
    read_lock,
    read_stats,
    text_of_file,
    write_text,
)
from finetune.cards.data_sets.places import card_folder_name, data_id, find_card, locate
from finetune.cards.data_sets.stats import STATS, differences, measure, not_measured, put_together
from finetune.cards.wording import public
from finetune.errors import FinetuneError, UsageError
from finetune.recipe import Recipe

if TYPE_CHECKING:
    from finetune.artifacts.data_audit import DataAudit
    from finetune.artifacts.prepared_data import DataReport

__all__ = ["Problem", "card_folder_name", "check_data_card", "find_card", "write_data_card"]

PAGE = "README.md"
GENERATED = (STATS, CROISSANT, PAGE, LOCK)
_WRITE = "write it with `finetune card data`"
_AGAIN = "write the card again with `finetune card data`"
Kind = Literal["numbers differ", "blank answer", "no licence", "moved hash", "invalid", "stale"]


@dataclass(frozen=True)
class Problem:
    """What is wrong with a card.

    Attributes:
        kind: `numbers differ`, `blank answer`, `no licence`, `moved hash`, `invalid` (a file is missing or not of its
            form) or `stale` (a file is not what the others make).
        sentence: What it is, with the place and the values.
    """

    kind: Kind
    sentence: str


def write_data_card(
    folder: Path,
    *,
    recipe: Recipe,
    audit: DataAudit | None,
    report: DataReport | None,
    cleaning: Sequence[Mapping[str, Any]] = (),
    data_hash: str | None,
    reason: str | None,
) -> Path:
    """Write the card of the recipe's data, or bring it up to date; what other recipes measured stays.

    Args:
        folder: The card's folder; made where it is not there.
        recipe: Reads the data.
        audit: What a look at the data found; None where it could not be looked at. An earlier measurement then stays.
        report: What was read and dropped.
        cleaning: The steps of the cleaning: `{step, split, column, before, after, changed, flagged}`.
        data_hash: Fingerprint of the data's content.
        reason: Why there is no audit.

    Returns:
        Path of README.md.

    Raises:
        UsageError: `answers.yaml` or a file made earlier has another form.
        RunFolderError: The folder cannot be written.
    """
    if not (folder / ANSWERS).exists():
        write_text(folder / ANSWERS, new_answers(recipe, data_id(recipe.data.name)))
    answers, stats, lock = read_answers(folder / ANSWERS), read_stats(folder), read_lock(folder)
    name, known = measurement_name(recipe), dict(stats["measurements"])
    if audit is not None:
        known[name] = measure(recipe, audit, report, cleaning)
    elif not known.get(name, {}).get("measured"):
        known[name] = not_measured(public(reason or "the data was not looked at"))
    if audit is not None:
        lock["measurements"][name] = lock_entry(recipe, data_hash)
    _write_generated(folder, answers, put_together(known), lock, recipe)
    return folder / PAGE


def check_data_card(
    folder: Path,
    *,
    recipe: Recipe,
    audit: DataAudit | None,
    report: DataReport | None,
    cleaning: Sequence[Mapping[str, Any]] = (),
    data_hash: str | None,
    reason: str | None,
) -> list[Problem]:
    """Compare a card with its data, its recipe and its answers; the arguments are those of `write_data_card`.

    Returns:
        Everything that is wrong; empty where the card holds. Without an audit, numbers are not compared (`reason` says
        why), nor is the data's hash; all else is.
    """
    missing = [name for name in (ANSWERS, *GENERATED) if not (folder / name).is_file()]
    if missing:
        return [Problem("invalid", f"{folder.name} has no {', '.join(missing)}: {_WRITE}")]
    try:
        answers, stats, lock = read_answers(folder / ANSWERS), read_stats(folder), read_lock(folder)
    except FinetuneError as error:
        return [Problem("invalid", error.cause)]
    name = measurement_name(recipe)
    found = measure(recipe, audit, report, cleaning) if audit is not None else None
    problems = [*_answer_problems(answers), *_number_problems(stats, name, found)]
    problems += _lock_problems(folder, lock)
    if stats["measurements"].get(name, {}).get("measured"):
        problems += _moved(name, lock, lock_entry(recipe, data_hash))
    # The page has to show what holds now; stored numbers that do not hold are named above, once.
    current = put_together(stats["measurements"] | ({name: found} if found else {}))
    return problems + _page_problems(folder, answers, current, recipe)


def _answer_problems(answers: Mapping[str, Any]) -> list[Problem]:
    licence = licence_problem(answers)
    blank = [place for place in blank_answers(answers) if place != "card.license"]
    return [
        *(Problem("blank answer", f"{ANSWERS}: {place} is blank; answer it, or say unknown") for place in blank),
        *([Problem("no licence", f"{ANSWERS}: {licence}")] if licence else []),
    ]


def _number_problems(stats: Mapping[str, Any], name: str, found: Mapping[str, Any] | None) -> list[Problem]:
    stored = stats["measurements"].get(name)
    if stored is None:
        return [Problem("stale", f"{STATS} has nothing of the recipe {name}: {_WRITE}")]
    if found is None:
        return []
    if not stored["measured"]:
        return [Problem("stale", f"{STATS}: {name} is not measured, and can be: {_WRITE}")]
    return [
        Problem("numbers differ", f"{STATS}: measurements.{name}.{place} is {old}, recomputed it is {new}")
        for place, old, new in differences(stored, found)
    ]


def _lock_problems(folder: Path, lock: Mapping[str, Any]) -> list[Problem]:
    hashes = file_hashes(folder)
    return [
        Problem("moved hash", f"{file} has changed since the card was written: {_AGAIN}")
        for file, key in ((ANSWERS, "answers"), (STATS, "stats"))
        if lock[key] != hashes[key]
    ]


def _moved(name: str, lock: Mapping[str, Any], now: Mapping[str, Any]) -> list[Problem]:
    """What has another hash than when the recipe's data was measured; the data's, where it is known now."""
    then = lock["measurements"].get(name)
    if then is None:
        return [Problem("moved hash", f"{LOCK} has no entry for {name}: {_AGAIN}")]
    sentences = {
        "recipe": f"the recipe {name} reads or cleans its data in another way than when it was measured",
        "data": f"the data of {name} has changed: {LOCK} has {then['data']}, it is {now['data']}",
        "stats_version": f"the code that measured {name} has changed: {then['stats_version']}, {now['stats_version']}",
    }
    return [
        Problem("moved hash", f"{text}: {_AGAIN}")
        for key, text in sentences.items()
        if now[key] is not None and now[key] != then[key]
    ]


def _page_problems(folder: Path, answers: Mapping[str, Any], stats: Mapping[str, Any], recipe: Recipe) -> list[Problem]:
    described = describe(answers, recipe, locate(recipe.data.name), stats)
    problems = [
        Problem("stale", f"{name} is not what {ANSWERS} and {STATS} make: {_WRITE}")
        for name, text in ((CROISSANT, as_json(described)), (PAGE, render(answers, stats)))
        if text_of_file(folder / name) != text
    ]
    if importlib.util.find_spec("mlcroissant"):
        problems += [Problem("invalid", f"{CROISSANT}: {error}") for error in validate(described)]
    return problems


def _write_generated(
    folder: Path, answers: Mapping[str, Any], stats: dict[str, Any], lock: dict[str, Any], recipe: Recipe
) -> None:
    errors = schema_errors("stats", stats)
    if errors:
        raise UsageError(f"What was measured is not of the form of {STATS}: {errors[0]}.", "Report this as a bug.")
    write_text(folder / STATS, as_json(stats))
    lock |= {"version": LOCK_VERSION, **file_hashes(folder)}
    lock["measurements"] = {name: lock["measurements"][name] for name in sorted(lock["measurements"])}
    write_text(folder / CROISSANT, as_json(describe(answers, recipe, locate(recipe.data.name), stats)))
    write_text(folder / PAGE, render(answers, stats))
    write_text(folder / LOCK, as_json(lock))
