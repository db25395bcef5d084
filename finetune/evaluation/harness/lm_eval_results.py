"""Results of lm-evaluation-harness (0.4): `results` by task, metrics as `name,filter`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.evaluation.harness.scores import BenchmarkScore, interval_of

NAME = "lm-eval"
_NOT_METRICS = ("alias", "name", "sample_len", "sample_count", "samples")
_ERROR = "_stderr"


def is_lm_eval(values: Mapping[str, Any]) -> bool:
    """Whether the file was written by it."""
    return "results" in values and ("n-shot" in values or "lm_eval_version" in values)


def scores_of_lm_eval(values: Mapping[str, Any], confidence: float) -> list[BenchmarkScore]:
    """All metrics of all tasks and groups."""
    return [score for task, metrics in {**values["results"], **values.get("groups", {})}.items()
            for score in _scores(task, metrics, values, confidence)]  # fmt: skip


def _scores(
    task: str, metrics: Mapping[str, Any], values: Mapping[str, Any], confidence: float
) -> Iterator[BenchmarkScore]:
    rows, total = _rows(task, metrics, values)
    for key, value in metrics.items():
        metric, _, chosen = key.partition(",")
        if key in _NOT_METRICS or metric.endswith(_ERROR) or not isinstance(value, int | float):
            continue
        error = metrics.get(f"{metric}{_ERROR},{chosen}")
        error = float(error) if isinstance(error, int | float) else None  # "N/A" where it has none
        low, high, method = interval_of(float(value), error, rows, confidence)
        higher = values.get("higher_is_better", {}).get(task, {}).get(metric)
        version, shots = values.get("versions", {}).get(task), values.get("n-shot", {}).get(task)
        yield BenchmarkScore(
            harness=NAME, harness_version=values.get("lm_eval_version"), task=task,
            task_version=None if version is None else str(version), metric=metric,
            filter="" if chosen == "none" else chosen, value=float(value), standard_error=error, low=low, high=high,
            confidence=confidence, method=method, rows=rows, total=total, examples=shots,
            direction={True: "higher", False: "lower"}.get(higher, "unknown"), model=_model(values),
            revision=values.get("config", {}).get("model_sha") or None,
        )  # fmt: skip


def _rows(task: str, metrics: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[int | None, int | None]:
    counted = values.get("n-samples", {}).get(task)
    if counted:
        return int(counted["effective"]), int(counted["original"])
    parts = [values.get("n-samples", {}).get(part) for part in values.get("group_subtasks", {}).get(task, ())]
    if parts and all(parts):
        return sum(part["effective"] for part in parts), sum(part["original"] for part in parts)
    return metrics.get("sample_len"), None


def _model(values: Mapping[str, Any]) -> str:
    """The model's name; in files of the harness's own command it stands among the arguments."""
    config = values.get("config", {})
    arguments = config.get("model_args")
    if isinstance(arguments, Mapping):
        named = arguments.get("pretrained")
    else:
        pairs = dict(part.split("=", 1) for part in str(arguments or "").split(",") if "=" in part)
        named = pairs.get("pretrained")
    return str(named or values.get("model_name") or config.get("model") or "unknown")
