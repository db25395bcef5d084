"""What a run would train and cost, from the data, the model and a few timed steps."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from finetune import hardware, processes
from finetune.models import feature_size
from finetune.training.adapters import count_parameters
from finetune.training.arguments import uses_bf16
from finetune.training.batching import StepSampler, plan_batches
from finetune.training.fitting import encode_training, load_for_training, model_inputs_only, model_source
from finetune.training.further import FurtherFeatures

if TYPE_CHECKING:
    from finetune.artifacts import PreparedData
    from finetune.recipe import Recipe

TIMED_STEPS = 4


def plan(recipe: Recipe, data: PreparedData) -> dict[str, Any]:
    """Rows, lengths, truncation, parameters, steps; memory and time from a few real steps. Nothing is kept.

    Returns:
        The figures, `lines` (name, text) to print, and `notes`.
    """
    section = recipe.training
    if section.threads:
        torch.set_num_threads(section.threads)
    model, processor, max_length = load_for_training(recipe, data, model_source(recipe))
    train, lengths = encode_training(recipe, data, processor, max_length)
    if data.further is not None:
        encode = partial(data.task.training_features, processor=processor, max_length=max_length)
        train = FurtherFeatures(train, data.further, encode).features
    batches = plan_batches(section.train_batch_size, processes.count(), section.micro_batch_size,
                           whole=data.task.whole_batches)  # fmt: skip
    per_epoch = batches.steps_per_epoch(len(train))
    steps = section.max_steps or round(per_epoch * section.num_train_epochs)
    seconds = _timed(recipe, data, model, processor, train)
    parameters = count_parameters(model)
    figures: dict[str, Any] = {
        "rows": data.report.splits,
        "augmented_rows": 0 if data.further is None else len(data.further),
        "lengths": lengths,
        "parameters": parameters,
        "batch": {"size": batches.size, "loaded": batches.loaded, "micro": batches.micro,
                  "accumulation": batches.accumulation, "processes": batches.processes},
        "steps": steps,
        "seconds_per_step": seconds,
        "training_seconds": seconds * steps,
        "peak_memory_mib": hardware.peak_memory(),
        "notes": data.report.sentences(),
    }  # fmt: skip
    figures["lines"] = _lines(figures, recipe, data, steps, per_epoch)
    return figures


def _timed(recipe: Recipe, data: PreparedData, model: Any, processor: Any, features: list[dict[str, Any]]) -> float:
    """Seconds per optimizer step: forward, backward and update of a few steps that the run would take."""
    device = "cpu" if hardware.uses_cpu() else str(torch.accelerator.current_accelerator())
    model.to(device).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6)
    collate = model_inputs_only(data.task.training_collator(processor))
    batches = plan_batches(recipe.training.train_batch_size, 1, recipe.training.micro_batch_size,
                           whole=data.task.whole_batches)  # fmt: skip
    sizes = [feature_size(f) for f in features]
    order = list(StepSampler(sizes, batches.size, 0, group=recipe.training.group_by_length))
    times = []
    for step in range(min(TIMED_STEPS, len(order) // batches.size)):
        started = time.perf_counter()
        rows = order[step * batches.size : (step + 1) * batches.size]
        for begin in range(0, batches.size, batches.loaded):
            batch = collate([features[i] for i in rows[begin : begin + batches.loaded]])
            batch = {k: v.to(device) if hasattr(v, "to") else v for k, v in batch.items()}
            with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=uses_bf16(recipe)):
                loss = data.task.training_loss(model, batch, batches.part)
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - started)
    # The first step pays for memory and kernels that the others find ready.
    return sum(times[1:]) / len(times[1:]) if len(times) > 1 else times[0]


def _lines(
    figures: dict[str, Any], recipe: Recipe, data: PreparedData, steps: int, per_epoch: int
) -> list[tuple[str, str]]:
    parameters, batch = figures["parameters"], figures["batch"]
    share = parameters["trainable"] / parameters["total"]
    lines = [
        ("task", f"{data.task.name}, {data.task.kind.replace('_', '-')}"),
        ("rows", ", ".join(f"{name} {count:,}" for name, count in figures["rows"].items())),
        *([("augmented rows", f"{figures['augmented_rows']:,} an epoch")] if figures["augmented_rows"] else []),
    ]
    for split, entry in figures["lengths"]["splits"].items():
        p = entry["percentiles"]
        lines.append((
            f"tokens of {split}",
            f"median {p['50']}, 95% ≤ {p['95']}, longest {p['100']}; {entry['truncated']:,} of "
            f"{figures['rows'][split]:,} cut at {figures['lengths']['max_length']} ({entry['truncated_share']:.1%})",
        ))  # fmt: skip
    return [
        *lines,
        ("parameters", f"{parameters['trainable']:,} of {parameters['total']:,} trained ({share:.2%})"),
        ("batch", f"{batch['size']} = {batch['processes']} process × {batch['loaded']} rows × {batch['accumulation']}"),
        ("steps", f"{steps:,} ({per_epoch:,} an epoch)"),
        ("compute", "bfloat16" if uses_bf16(recipe) else "float32"),
        ("peak memory", ", ".join(f"{name} {mib:,.0f} MiB" for name, mib in figures["peak_memory_mib"].items())
         + " (after a few steps)"),
        ("time", f"about {_duration(figures['training_seconds'])} of training on this machine "
         f"({figures['seconds_per_step']:.2f} s a step, validation not counted)"),
    ]  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
