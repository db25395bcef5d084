"""The head of the model card: what the Hub reads, and refuses where it is not of its form."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from finetune.artifacts import Publication
from finetune.cards import energy
from finetune.cards.licenses import license_fields
from finetune.cards.mistakes import input_columns
from finetune.cards.record import Record, short_name
from finetune.cards.wording import clean, is_number, metric_title, public, shorten
from finetune.text.personal import find_personal

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
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?|code|multilingual")
_WIDGET_INPUTS = {("text",): {"text": "text"}, ("question", "context"): {"question": "text", "context": "context"}}
"""Columns of the inputs -> their names in the Hub's widget of such models."""
_WIDGETS, _LONGEST_WIDGET = 3, 200


def card_data(record: Record, publication: Publication | None = None) -> ModelCardData:
    """The metadata of a run's model.

    Args:
        record: The run.
        publication: Where its model goes; None for the run folder's own card.
    """
    base, results = hub_base(record), eval_results(record)
    adapter = record.is_adapter and not (publication and publication.whole)
    return ModelCardData(
        library_name=_library(record, adapter=adapter),
        pipeline_tag=record.evaluation.task,
        base_model=base,
        base_model_relation=("adapter" if adapter else "finetune") if base else None,
        datasets=_datasets(record, publication),
        **license_fields(record.recipe.card.license),
        language=languages(record.recipe.card.language) or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        tags=["finetune-recipes", *(["lora"] if adapter else [])],
        co2_eq_emissions=_emissions(record),
        widget=_widget(record) if publication and publication.examples else None,
        model_name=one_line(record.title) or "model" if results else None,
        eval_results=results or None,
    )


def languages(given: tuple[str, ...]) -> list[str]:
    """Those that the Hub takes for languages; the card's text has them all."""
    return [code for code in given if _LANGUAGE.fullmatch(code)]


def _library(record: Record, *, adapter: bool) -> str:
    """What loads the folder: sentence-transformers reads adapters itself, transformers leaves them to peft."""
    library = record.evaluation.load_task().library
    return "peft" if adapter and library == "transformers" else library


def _datasets(record: Record, publication: Publication | None) -> list[str] | None:
    found = [record.data_id] if record.data_on_hub else []
    if publication and publication.data:
        found.append(publication.data.repo)
    return found or None


def _emissions(record: Record) -> dict[str, Any] | None:
    """The Hub's form of an estimate of carbon; the upper end of it, in grams."""
    intensity, used = record.recipe.card.carbon_intensity, energy.estimate(record.training, record.environment)
    if intensity is None or used is None:
        return None
    return {
        "emissions": float(f"{used.carbon(intensity)[1]:.2g}"),
        "source": "estimate at most: training hours x processors x power x carbon intensity (Lacoste et al. 2019)",
        "training_type": "fine-tuning",
        "hardware_used": one_line(used.processors),
    }


def _widget(record: Record) -> list[dict[str, str]] | None:
    """The first short test rows, in the form of the Hub's widget; None where it has none for such inputs."""
    table = record.evaluation.predictions
    names = _WIDGET_INPUTS.get(tuple(input_columns(table)))
    if not names or record.evaluation.kind == "likelihood":  # that widget wants a text with a blank
        return None
    rows = (dict(zip(names, row, strict=True)) for row in zip(*(table[name] for name in names), strict=True))
    fit = (row for row in rows if all(_is_fit(value) for value in row.values()))
    chosen = [{names[name]: one_line(public(value)) for name, value in row.items()} for row in islice(fit, _WIDGETS)]
    return chosen or None


def _is_fit(value: Any) -> bool:
    """Whether a text may stand in a page's head: a short one, without personal data."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_WIDGET and not find_personal(value)


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
        dataset_name=one_line(short_name(record.data_name)) or record.data_id,
        dataset_config=source.get("config"),
        dataset_split=test_split(record),
        dataset_revision=source.get("revision"),
        metric_type=hub_metric(name),
        metric_name=one_line(metric_title(name, record.evaluation.kind)),
        metric_value=value,
    )


def test_split(record: Record) -> str:
    """The source's own name for the split that the test rows are; `test` for rows that the run held out itself."""
    return "test" if held_out_of(record) else _source_split(record, "test")


def held_out_of(record: Record) -> str:
    """The source's split that the run took its test rows from; empty where the source has a split of them."""
    taken = _source_split(record, "test")
    return taken if taken == _source_split(record, "train") else ""


def _source_split(record: Record, name: str) -> str:
    return str(record.data.get("origins", {}).get(name, name)).split("[")[0]


def hub_metric(score: str) -> str:
    """The Hub's name of the metric that a score comes from.

    >>> hub_metric("f1_micro")
    'f1'
    """
    for ending in _AVERAGES:
        score = score.removesuffix(ending)
    return re.sub(r"[^\w.-]+", "-", _HUB_METRICS.get(score, score).replace("@", "_at_")).strip("-") or "score"


def one_line(text: str) -> str:
    """A text for the metadata: on one line, not too long."""
    return " ".join(clean(shorten(text, 200)).split())
