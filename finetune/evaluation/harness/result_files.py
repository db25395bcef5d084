"""A file of results -> scores, whichever harness wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from finetune.errors import DataError, NotFoundError
from finetune.evaluation.harness.lighteval_results import is_lighteval, scores_of_lighteval
from finetune.evaluation.harness.lm_eval_results import is_lm_eval, scores_of_lm_eval
from finetune.evaluation.harness.scores import BenchmarkScore

_REMEDY = "Give the results_….json that lm-evaluation-harness (--output_path) or lighteval (--output-dir) wrote."


def read_results(path: str | Path, confidence: float = 0.95) -> list[BenchmarkScore]:
    """The scores in a harness's file of results.

    Args:
        path: A JSON file that lm-evaluation-harness or lighteval wrote.
        confidence: Level of the intervals.

    Raises:
        NotFoundError: There is no such file.
        DataError: It is not a file of results, or holds no scores.
    """
    file = Path(path)
    if not file.is_file():
        raise NotFoundError(f"There is no file {path}.", _REMEDY)
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not JSON: {str(error)[:120]}.", _REMEDY) from error
    try:
        return convert(values, confidence)
    except DataError as error:
        raise DataError(f"{path}: {error.cause}", error.remedy) from error


def convert(values: Any, confidence: float = 0.95) -> list[BenchmarkScore]:
    """The scores in a harness's results.

    Raises:
        DataError: Neither harness writes such values, or they hold no scores.
    """
    if not isinstance(values, Mapping) or not (is_lm_eval(values) or is_lighteval(values)):
        raise DataError("These are not the results of lm-evaluation-harness or lighteval.", _REMEDY)
    found = scores_of_lm_eval(values, confidence) if is_lm_eval(values) else scores_of_lighteval(values, confidence)
    if not found:
        raise DataError("The results hold no scores.", "Look whether the harness finished its tasks.")
    # The scores are published; where a folder lies on one machine is nobody's business.
    return [replace(score, model=_without_folders(score.model)) for score in found]


def _without_folders(name: str) -> str:
    for path in (PurePath(name), PureWindowsPath(name)):
        if path.is_absolute() or name.startswith(("~", "./", "../")):
            return path.name
    return name
