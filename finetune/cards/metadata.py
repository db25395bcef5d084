"""The head of the model card: what the Hub reads, and refuses where it is not of its form."""

from __future__ import annotations

import re
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from finetune.cards.record import Record, short_name
from finetune.cards.wording import clean, is_number, metric_title, shorten

_HUB_METRICS = {
    "auc": "roc_auc",
    "mcc": "matthews_correlation",
    "pearson": "pearsonr",
    "spearman": "spearmanr",
    "entity_f1": "f1",
    "entity_precision": "precision",
    "entity_recall": "recall",
    "token_accuracy": "accuracy",
    "answer_f1": "f1",
    "r2": "r_squared",
}
"""Our name of a metric -> the Hub's, where they differ."""
_AVERAGES = ("_micro", "_weighted")


def card_data(record: Record) -> ModelCardData:
    """The metadata of a run's model."""
    card, base = record.recipe.card, hub_base(record)
    results = eval_results(record)
    return ModelCardData(
        library_name=_library(record),
        pipeline_tag=record.evaluation.task,
        base_model=base,
        base_model_relation=("adapter" if record.is_adapter else "finetune") if base else None,
        datasets=[record.data_id] if record.data_on_hub else None,
        license=_line(card.license) if card.license else None,
        language=[_line(code) for code in card.language] or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        tags=["finetune-recipes", *(["lora"] if record.is_adapter else [])],
        model_name=_line(record.title) if results else None,
        eval_results=results or None,
    )


def _library(record: Record) -> str:
    """What loads the folder: sentence-transformers reads adapters itself, transformers leaves them to peft."""
    library = record.evaluation.load_task().library
    return "peft" if record.is_adapter and library == "transformers" else library


def hub_base(record: Record) -> str | None:
    """The pretrained model's Hub id; None for one from elsewhere, which the Hub would refuse."""
    return record.base_name.partition("@")[0] if record.base_commit else None


def eval_results(record: Record) -> list[EvalResult]:
    """Every score that has a value."""
    scores = record.evaluation.systems["model"]["scores"]
    return [_result(record, name, entry["value"]) for name, entry in scores.items() if is_number(entry["value"])]


def _result(record: Record, name: str, value: float) -> EvalResult:
    source: dict[str, Any] = record.data.get("source", {})
    return EvalResult(
        task_type=record.evaluation.task,
        task_name=record.evaluation.task.replace("-", " ").capitalize(),
        dataset_type=record.data_id,
        dataset_name=_line(short_name(record.data_name)),
        dataset_config=source.get("config"),
        dataset_split=record.data.get("origins", {}).get("test", "test").split("[")[0],  # the source's own name for it
        dataset_revision=source.get("revision"),
        metric_type=hub_metric(name),
        metric_name=_line(metric_title(name, record.evaluation.kind)),
        metric_value=value,
    )


def hub_metric(score: str) -> str:
    """The Hub's name of the metric that a score comes from.

    >>> hub_metric("f1_micro")
    'f1'
    """
    for ending in _AVERAGES:
        score = score.removesuffix(ending)
    return re.sub(r"[^\w.-]+", "-", _HUB_METRICS.get(score, score).replace("@", "_at_")).strip("-") or "score"


def _line(text: str) -> str:
    return " ".join(clean(shorten(text, 200)).split())
