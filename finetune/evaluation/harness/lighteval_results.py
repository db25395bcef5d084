"""Results of lighteval (0.6 to 0.13): `results` by `[suite|]task|examples`, each metric with its standard error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.evaluation.harness.scores import BenchmarkScore, interval_of, rows_of_share

NAME = "lighteval"
_ERROR = "_stderr"
_MEAN_OF_TASKS = "all"


def is_lighteval(values: Mapping[str, Any]) -> bool:
    """Whether the file was written by it."""
    return "results" in values and "config_general" in values


def scores_of_lighteval(values: Mapping[str, Any], confidence: float) -> list[BenchmarkScore]:
    """All metrics of all tasks; not the plain mean over tasks, which mixes what does not compare."""
    return [score for task, metrics in values["results"].items() if task != _MEAN_OF_TASKS
            for score in _scores(task, metrics, values, confidence)]  # fmt: skip


def _scores(
    key: str, metrics: Mapping[str, Any], values: Mapping[str, Any], confidence: float
) -> Iterator[BenchmarkScore]:
    general = values["config_general"]
    config = _config(key, values)
    parts = key.split("|")
    shots = next((int(part) for part in parts[1:] if part.isdigit()), config.get("num_fewshots"))
    rows, total = (_counted(config.get(f"{name}_num_docs")) for name in ("effective", "original"))
    version = values.get("versions", {}).get(key, config.get("version"))
    for metric, value in metrics.items():
        if metric.endswith(_ERROR) or not isinstance(value, int | float) or isinstance(value, bool):
            continue
        error = metrics.get(f"{metric}{_ERROR}")
        error = float(error) if isinstance(error, int | float) else None
        counted = rows or rows_of_share(float(value), error)  # most files do not say how many rows there were
        low, high, method = interval_of(float(value), error, counted, confidence)
        yield BenchmarkScore(
            harness=NAME, harness_version=_version(general), task="|".join(p for p in parts if not p.isdigit()),
            task_version=None if version is None else str(version), metric=metric, filter="", value=float(value),
            standard_error=error, low=low, high=high, confidence=confidence, method=method, rows=counted, total=total,
            examples=shots, direction=_direction(metric, config), model=_model(general), revision=_revision(general),
        )  # fmt: skip


def _config(key: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The task's settings; older files name them without the examples."""
    known = values.get("config_tasks", {})
    found: Mapping[str, Any] = known.get(key) or known.get(key.rpartition("|")[0]) or {}
    return found


def _counted(rows: Any) -> int | None:
    return rows if isinstance(rows, int) and rows > 0 else None  # -1 where it was not counted


def _direction(metric: str, config: Mapping[str, Any]) -> str:
    for entry in config.get("metrics") or config.get("metric") or ():
        if isinstance(entry, Mapping) and entry.get("metric_name") == metric:
            higher = entry.get("higher_is_better")
            higher = higher.get(metric) if isinstance(higher, Mapping) else higher
            return {True: "higher", False: "lower"}.get(higher, "unknown")  # type: ignore[arg-type]
    return "unknown"


def _version(general: Mapping[str, Any]) -> str | None:
    commit = general.get("lighteval_sha")
    return None if commit in (None, "", "?") else str(commit)


def _model(general: Mapping[str, Any]) -> str:
    return str(general.get("model_name") or general.get("model_config", {}).get("model_name") or "unknown")


def _revision(general: Mapping[str, Any]) -> str | None:
    """A commit; `main` names none."""
    found = general.get("model_sha") or general.get("model_config", {}).get("revision")
    return str(found) if found and len(str(found)) == 40 else None
