"""Benchmarks of other harnesses on a run's model or on any language model, and into a run's `evaluation.json`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.artifacts import Evaluation, RunFolder, TrainedModel
from finetune.artifacts.run_folder import RECIPE
from finetune.errors import UsageError

if TYPE_CHECKING:
    from finetune.evaluation.harness import BenchmarkScore, Wishes

log = logging.getLogger(__name__)
_KINDS = ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES")


def is_run(name: str) -> bool:
    """Whether a name is the folder of a run."""
    return (Path(name) / RECIPE).exists()


def run_benchmarks(name: str, wishes: Wishes, confidence: float = 0.95) -> tuple[dict[str, Any], list[BenchmarkScore]]:
    """Run lm-evaluation-harness on a model.

    Args:
        name: A run folder, whose model is asked with its adapter added in; or a model, named as `model.name` is.
        wishes: Tasks and settings.
        confidence: Level of the intervals.

    Returns:
        What the harness gave, and the scores in it.

    Raises:
        MissingExtraError: The harness is not installed.
        UsageError: The model is no language model that generates.
    """
    from finetune.evaluation.harness import convert, run_lm_eval
    from finetune.evaluation.harness.running import check_installed

    check_installed()
    model, processor, revision = _model_of_run(name) if is_run(name) else _model_of_source(name)
    shown = Path(name).resolve().name if is_run(name) else name
    results = run_lm_eval(model, processor, wishes, name=shown, revision=revision)
    return results, convert(results, confidence)


def add_benchmarks(run: RunFolder, scores: Sequence[BenchmarkScore]) -> Evaluation:
    """Put scores into the run's `evaluation.json`, beside those that are there.

    A score of the same harness, task, metric, rows and model takes the place of the older one, which is logged.

    Raises:
        RunFolderError: The run has not been evaluated.
    """
    from finetune.evaluation.harness import joined

    evaluation = Evaluation.load(run)
    before = evaluation.benchmarks
    evaluation.benchmarks, replaced = joined(before, scores)
    if replaced:
        log.info("%d scores were measured again and take the place of the older ones.", replaced)
    evaluation.save(run)
    return evaluation


def _model_of_run(name: str) -> tuple[Any, Any, None]:
    trained = TrainedModel.load(name)
    model = trained.merged()
    if type(model).__name__ not in _generating():
        raise UsageError(
            f"The model of {name} answers {trained.task.name}; a harness asks language models that generate.",
            "Name a run of a language model, or a model; results from elsewhere are read with --results.",
        )
    return model, trained.processor, None


def _model_of_source(name: str) -> tuple[Any, Any, str | None]:
    from finetune.evaluation.contamination import load_language_model
    from finetune.sources import resolve_model

    found = load_language_model(replace(resolve_model(name), dtype="auto"))
    if found is None or found.kind != "causal":
        kind = "is a masked language model" if found else "has no language-model head"
        raise UsageError(f"{name} {kind}; a harness asks language models that generate.", "Name a causal one.")
    return found.model, found.processor, found.revision


def _generating() -> set[str]:
    from transformers.models.auto import modeling_auto

    return {cls for mapping in _KINDS for cls in getattr(modeling_auto, mapping).values() if isinstance(cls, str)}
