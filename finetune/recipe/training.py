"""Section on the fit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from finetune.recipe.section import Section


class TrainingSection(Section):
    """The fit. Names are those of `transformers.TrainingArguments` where the meaning is the same."""

    learning_rate: float | None = Field(default=None, gt=0, le=1)
    """Peak learning rate. Default: 1e-3 with an adapter, 5e-5 without."""
    num_train_epochs: float = Field(default=3, gt=0)
    """Passes over the training rows."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps; overrides `num_train_epochs`."""
    train_batch_size: int = Field(default=32, ge=1)
    """Rows per optimizer step over all devices together: one device and eight train alike, accumulation is derived."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Most rows that one device takes at a time. Default: its whole share; halved on out-of-memory."""
    eval_batch_size: int = Field(default=64, ge=1)
    """Rows that one device takes at a time when it predicts."""
    lr_scheduler_type: str = "linear"
    """Shape of the learning rate over the steps (a transformers scheduler: linear, cosine, constant, …)."""
    warmup_ratio: float = Field(default=0.06, ge=0, lt=1)
    """Share of the steps over which the learning rate rises from zero."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay of AdamW."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """The gradient is scaled down to this norm where it is larger."""
    seed: int = Field(default=42, ge=0)
    """Seed of the initial head, the adapter, the order of the rows and dropout."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Train once from each of these seeds, and report mean and spread of the scores; goals are held against the mean.
    Data is prepared, and baselines are fitted, once. Default: one run, from `seed`."""
    bf16: bool | Literal["auto"] = "auto"
    """Compute in bfloat16. `auto`: where the hardware does it fast (recent GPUs; CPUs with AVX512-BF16 or AMX)."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third slower."""
    group_by_length: bool = True
    """Put rows of similar length into a batch: less padding, the same expectation."""
    eval_per_epoch: int = Field(default=1, ge=1)
    """How often per epoch to score the validation rows and save a checkpoint."""
    early_stopping_patience: int | None = Field(default=None, ge=1)
    """Stop after this many validations without a better score. Default: never stop early."""
    best_by: str = "loss"
    """Score on the validation rows that chooses the checkpoint to keep: `loss`, or one of the task's metrics."""
    save_total_limit: int = Field(default=2, ge=1)
    """Checkpoints kept on disk (the best one is always among them)."""
    logging_steps: int = Field(default=10, ge=1)
    """Optimizer steps between two logged losses."""
    report_to: tuple[str, ...] = ("tensorboard",)
    """Where the curves go: tensorboard, trackio, wandb, mlflow. The run folder has them in any case."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads per process for tensor operations. Default: PyTorch's own choice (or OMP_NUM_THREADS)."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Any other field of `transformers.TrainingArguments`, checked against it."""

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(seeds) == 1:
            raise ValueError("names a single seed, which shows no spread: give two or more, or set training.seed")
        if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
            raise ValueError(f"names {twice[0]} more than once: runs from one seed are the same run")
        return seeds
