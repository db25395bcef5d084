"""Rows a second of our fit against transformers' plain Trainer: same model, rows, LoRA, optimizer and batch size.

    python benchmarks/training_speed.py [ROWS]

The baseline pads every batch of shuffled rows to its longest (`DataCollatorWithPadding`) in float32. Ours groups rows
by length and computes in bfloat16 where the hardware does that fast; the lines between show what each of the two gives.
The quick start's model and data are used, with adapters in all layers; validation is not timed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import transformers
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

from finetune import Recipe, prepare
from finetune.hardware import fast_bf16, uses_cpu
from finetune.training.batching import StepSampler
from finetune.training.encoding import encode
from finetune.training.fitting import load_for_training, model_inputs_only, model_source
from finetune.training.trainer import TaskTrainer

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.yaml"


def arguments(recipe: Recipe, folder: str, *, bf16: bool) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder, per_device_train_batch_size=recipe.training.train_batch_size, num_train_epochs=1, bf16=bf16,
        learning_rate=recipe.learning_rate, report_to="none", save_strategy="no", disable_tqdm=True, use_cpu=uses_cpu(),
        remove_unused_columns=False, logging_strategy="no", dataloader_pin_memory=False,
    )  # fmt: skip


def rows_per_second(recipe: Recipe, rows: int, *, ours: bool, group: bool, bf16: bool) -> float:
    data = prepare(recipe)
    model, processor, max_length = load_for_training(recipe, data, model_source(recipe))
    features = encode(data.train.select(range(rows)), data.task, processor, max_length)
    with tempfile.TemporaryDirectory() as folder:
        shared = {"model": model, "args": arguments(recipe, folder, bf16=bf16), "train_dataset": features,
                  "data_collator": model_inputs_only(DataCollatorWithPadding(processor))}  # fmt: skip
        if ours:
            lengths = [f["length"] for f in features]
            sampler = StepSampler(lengths, recipe.training.train_batch_size, 0, group=group)
            trainer: Trainer = TaskTrainer(task=data.task, sampler=sampler, held_out={}, max_length=max_length,
                                           **data.task.trainer_settings(model, None), **shared)  # fmt: skip
        else:
            trainer = Trainer(**shared)
        trainer.remove_callback(transformers.PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        return rows / (time.perf_counter() - started)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1536
    recipe = Recipe.from_yaml(RECIPE, ["adapter.layers=null"])
    transformers.utils.logging.disable_progress_bar()
    cases = {
        "plain Trainer, float32 (baseline)": {"ours": False, "group": False, "bf16": False},
        "ours, shuffled, float32": {"ours": True, "group": False, "bf16": False},
        "ours, grouped by length, float32": {"ours": True, "group": True, "bf16": False},
        "ours, grouped by length, bfloat16": {"ours": True, "group": True, "bf16": True},
    }
    if not fast_bf16():
        cases.popitem()
    rows_per_second(recipe, 64, **next(iter(cases.values())))  # warm up
    measured = {name: rows_per_second(recipe, rows, **case) for name, case in cases.items()}
    first = next(iter(measured.values()))
    for name, value in measured.items():
        print(f"{name:36} {value:7.1f} rows/s   {value / first:5.2f} × baseline")


if __name__ == "__main__":
    main()
