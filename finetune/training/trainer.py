"""transformers' Trainer with one loss for all tasks, the same on any number of devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers

from finetune.training.batching import StepSampler

if TYPE_CHECKING:
    from finetune.task import Task


class TaskMethods:
    """What makes a Trainer take its loss, its item count and its scores from the task.

    transformers 5.23 divides by neither the accumulation steps nor the processes when a model's own loss ignores
    `num_items_in_batch`, as every sequence classifier's does: loss and gradient come out too large by that factor.
    Here every task's loss is a sum over the items of the whole optimizer step, so they do not.

    Args:
        task: Gives `loss`, `count_items`, `decode` and `arrays`.
        sampler: Order of the training rows.
    """

    args: transformers.TrainingArguments
    accelerator: Any
    model: Any
    processing_class: Any

    def __init__(self, *, task: Task, sampler: StepSampler, **settings: Any) -> None:
        self.task = task
        self.sampler = sampler
        super().__init__(compute_loss_func=task.loss, compute_metrics=self._score, **settings)  # type: ignore[call-arg]

    def _get_train_sampler(self, train_dataset: Any = None) -> StepSampler:
        return self.sampler

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> tuple[list[Any], Any]:
        """The micro-batches of one optimizer step, and how many items they and those of all other processes hold."""
        batches, _ = super().get_batch_samples(  # type: ignore[misc]
            epoch_iterator, num_batches, device
        )
        items = sum((self.task.count_items(batch["labels"]) for batch in batches), torch.tensor(0))
        return batches, self.accelerator.gather(items.to(device)).sum()

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """As transformers', with the loss over all rows exactly once (its own averages batches, padding rows too)."""
        output = super().evaluation_loop(*args, **kwargs)  # type: ignore[misc]
        prefix = kwargs.get("metric_key_prefix", "eval")
        output.metrics[f"{prefix}_loss"] = output.metrics.pop(f"{prefix}_item_loss")
        return output

    def _score(self, outputs: transformers.EvalPrediction) -> dict[str, float]:
        from finetune.metrics import load_metric

        logits = outputs.predictions[0] if isinstance(outputs.predictions, tuple) else outputs.predictions
        loss = self.task.loss({"logits": torch.from_numpy(logits)}, torch.from_numpy(outputs.label_ids), None)
        scores = {"item_loss": float(loss)}
        arrays = self.task.arrays(self.task.decode(logits), self._references(outputs.label_ids))
        for name in self.task.metrics:
            metric = load_metric(name)
            answers = arrays["scores"] if metric.needs_scores else arrays["predictions"]
            scores |= metric.measure(answers, arrays["references"], **self.task.metric_settings())
        return scores

    def _references(self, labels: np.ndarray) -> list[Any]:
        """Canonical targets from the label tensor."""
        if self.task.kind == "multi_label":
            return [np.flatnonzero(row).tolist() for row in labels]
        return list(labels.reshape(-1).tolist())

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Weights and processor only: no pickled arguments, no question to the Hub about the base model."""
        if not self.args.should_save:
            return
        folder = output_dir or self.args.output_dir
        model = self.accelerator.unwrap_model(self.model)
        extra = {"save_embedding_layers": False} if hasattr(model, "peft_config") else {}
        model.save_pretrained(folder, state_dict=state_dict, **extra)
        if self.processing_class is not None:
            self.processing_class.save_pretrained(folder)


class TaskTrainer(TaskMethods, transformers.Trainer):
    """transformers' Trainer for a task."""


def trainer_class(task: Task) -> type[Any]:
    """The Trainer that a task asks for, with its loss and scores put on top."""
    base = task.trainer()
    return TaskTrainer if base is None else type(f"Task{base.__name__}", (TaskMethods, base), {})
