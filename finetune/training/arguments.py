"""The recipe's training section as `transformers.TrainingArguments`."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
from typing import TYPE_CHECKING, Any

import transformers

from finetune import hardware
from finetune.errors import MissingExtraError, RecipeError, did_you_mean

if TYPE_CHECKING:
    from finetune.artifacts import RunFolder
    from finetune.recipe import Recipe
    from finetune.task import Task
    from finetune.training.batching import BatchPlan

NEVER = 10**9
"""Steps: our own schedule says when to validate and save."""
_TRACKERS = {"tensorboard": "tensorboard", "trackio": "trackio", "wandb": "wandb", "mlflow": "mlflow"}
_OURS = frozenset({
    "output_dir", "learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size",
    "per_device_eval_batch_size", "gradient_accumulation_steps", "lr_scheduler_type", "warmup_steps", "weight_decay",
    "max_grad_norm", "seed", "bf16", "gradient_checkpointing", "activation_checkpointing", "eval_strategy",
    "save_strategy", "save_total_limit",
    "logging_steps", "report_to", "load_best_model_at_end", "metric_for_best_model", "greater_is_better",
    "remove_unused_columns", "push_to_hub", "hub_token", "use_cpu", "train_sampling_strategy",
})  # fmt: skip


def training_arguments(
    recipe: Recipe, task: Task, batches: BatchPlan, run: RunFolder, *, higher_is_better: bool
) -> transformers.TrainingArguments:
    """Arguments of the Trainer for one run.

    Raises:
        RecipeError: `training.arguments` names a field that does not exist or that the recipe sets elsewhere.
        MissingExtraError: A tracker in `report_to` is not installed.
    """
    section = recipe.training
    _check_extra(section.arguments)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(run.logs)
    values: dict[str, Any] = {
        "output_dir": str(run.checkpoints),
        "learning_rate": recipe.learning_rate,
        "num_train_epochs": section.num_train_epochs,
        "max_steps": section.max_steps or -1,
        "per_device_train_batch_size": batches.loaded,
        "per_device_eval_batch_size": section.eval_batch_size,
        "gradient_accumulation_steps": batches.accumulation,
        "lr_scheduler_type": section.lr_scheduler_type,
        "warmup_steps": section.warmup_ratio,
        "weight_decay": section.weight_decay,
        "max_grad_norm": section.max_grad_norm,
        "seed": section.seed,
        "bf16": uses_bf16(recipe),
        "use_cpu": hardware.uses_cpu(),
        "eval_strategy": "steps",
        "eval_steps": NEVER,
        "save_strategy": "steps",
        "save_steps": NEVER,
        "save_total_limit": section.save_total_limit,
        "load_best_model_at_end": True,
        "metric_for_best_model": f"eval_validation_{section.best_by}",
        "greater_is_better": higher_is_better,
        "logging_steps": section.logging_steps,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # a NaN must be seen, not averaged away
        "report_to": _trackers(section.report_to),
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "dataloader_pin_memory": not hardware.uses_cpu(),
        "ddp_find_unused_parameters": False,
        "label_names": ["labels"],
    }
    if section.gradient_checkpointing:
        values["activation_checkpointing"] = True  # transformers' newer name for it
    try:
        kind = getattr(task.trainer(), "training_args_class", transformers.TrainingArguments)
        arguments: transformers.TrainingArguments = kind(**(values | section.arguments))
        return arguments
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"The training section is refused by transformers: {error}.", "Correct that field."
        ) from error


def uses_bf16(recipe: Recipe) -> bool:
    """Whether the fit computes in bfloat16."""
    wanted = recipe.training.bf16
    return hardware.fast_bf16() if wanted == "auto" else wanted


def _check_extra(extra: dict[str, Any]) -> None:
    known = {field.name for field in dataclasses.fields(transformers.TrainingArguments)}
    for name in extra:
        if name in _OURS:
            raise RecipeError(
                f"training.arguments.{name} is decided by the recipe's own keys.",
                "Use the key of the training section that `finetune schema` describes.",
            )
        if name not in known:
            raise RecipeError(
                f"training.arguments.{name} is no field of transformers.TrainingArguments.", did_you_mean(name, known)
            )


def _trackers(names: tuple[str, ...]) -> list[str]:
    for name in names:
        if name == "none":
            continue
        if name not in _TRACKERS:
            raise RecipeError(f"training.report_to names {name!r}.", did_you_mean(name, [*_TRACKERS, "none"]))
        if importlib.util.find_spec(_TRACKERS[name]) is None:
            raise MissingExtraError.of(_TRACKERS[name], "tracking", f"training.report_to: {name}")
    return list(names) or ["none"]
