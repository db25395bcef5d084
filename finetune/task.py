"""The Task interface: all that differs between one kind of task and another. Stages receive a task and name none."""

from __future__ import annotations

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from finetune.errors import RecipeError, UsageError, did_you_mean
from finetune.recipe import task_names

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource

Row = Mapping[str, Any]
"""One canonical example: the task's columns by name; `row` holds where it came from, such as ``train:12``."""
Prediction = dict[str, Any]
"""A final answer: `prediction` (a label name, a list of names, a number, a text, spans …) and, where there are any,
`scores` (name -> probability)."""
Baseline = Callable[[Sequence[Row]], list[Prediction]]
"""A fitted baseline: canonical rows -> predictions of the same form as the model's."""


@dataclass(frozen=True)
class Column:
    """A canonical column of a task.

    Attributes:
        name: What the pipeline calls it.
        kind: What it holds; `target` is the reference answer.
        required: Whether every row needs it.
        aliases: Names in the wild that mean this column, tried in this order (case does not matter).
    """

    name: str
    kind: Literal["text", "image", "audio", "messages", "tokens", "target"]
    required: bool = True
    aliases: tuple[str, ...] = ()


class TaskOptions(BaseModel):
    """Base of a task's own settings: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Task(ABC):
    """One kind of task. A subclass is a module in `finetune/tasks/`; its file name is its name.

    A task object is immutable: `learn` returns a copy that knows the target (labels and their names). Modules of tasks
    import torch and transformers inside functions, so that validation of a recipe stays fast.

    How other tasks fit this interface:

    - *token classification*: columns `tokens` or `text` with spans; `learn` collects the tags; `encode` aligns
      word pieces (labels of continuations are -100) and may return several features for a long row (`row_index` says
      whose they are); `predict` glues the windows and returns spans with character offsets; `arrays` gives object
      arrays of tag sequences; `loss` is the default over all label positions.
    - *question answering*: columns `question`, `context`, target `answers`; windows by stride as above; labels are
      `start_positions` and `end_positions`, so it overrides `loss`; `predict` returns text and offsets.
    - *language models* (causal, sequence-to-sequence, preference): columns `messages` or `prompt`/`completion`;
      `trainer` returns TRL's trainer class; labels of the prompt are -100, so the default `loss` counts answer tokens;
      `predict` generates; `decode` is not used.
    - *images, audio*: columns of kind `image` or `audio`; the processor is an image processor or feature extractor;
      `encode` returns `pixel_values` or `input_values`, `collator` stacks; targets are those of `finetune.labels`.
    - *embeddings, ranking*: `trainer` returns sentence-transformers' trainer; `predict` returns a score per row.
    """

    name: ClassVar[str]
    """The Hub's task name where one exists."""
    columns: ClassVar[tuple[Column, ...]]
    """Canonical columns; the one of kind `target` is the reference answer."""
    Options: ClassVar[type[TaskOptions]] = TaskOptions
    """Schema of the recipe's `options` section."""
    auto_class: ClassVar[str]
    """Name of the transformers Auto class that loads the model."""

    def __init__(self, options: TaskOptions | None = None) -> None:
        self.options = options or self.Options()

    # -- what is to be learned ------------------------------------------------------------------------------------

    @abstractmethod
    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        """A copy of this task that knows its target, from the raw target values of the training rows.

        Raises:
            LabelError: The values cannot be learned from.
        """

    @abstractmethod
    def parse_target(self, value: Any) -> Any:
        """A raw target in canonical form.

        Raises:
            RowError: This row's target cannot be used; it is dropped and counted.
        """

    @abstractmethod
    def check_training_rows(self, targets: Sequence[Any]) -> None:
        """Refuse training targets that teach nothing (one class only, everything masked).

        Raises:
            LabelError: Says what is wrong.
        """

    def strata(self, targets: Sequence[Any]) -> np.ndarray | None:
        """One integer per row by which splits are balanced; None where there is nothing to balance."""
        return None

    # -- the model ------------------------------------------------------------------------------------------------

    @abstractmethod
    def load(self, source: ModelSource) -> tuple[Any, Any]:
        """The pretrained model with a head for this target, and its processor.

        Raises:
            SourceError, LabelError: No such model, or its head does not fit the labels.
        """

    @abstractmethod
    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        """Features for training and prediction.

        Each has the model's inputs, `labels` where the row has a target, `length` (tokens before any cut; of very long
        inputs an estimate) and `truncated` (whether it was cut).
        """

    @abstractmethod
    def collator(self, processor: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """What pads features to a batch of tensors."""

    @abstractmethod
    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        """Sum of the item losses over `num_items_in_batch`, or their mean over this batch where that is None.

        The item count is that of the whole optimizer step, over all micro-batches and processes: only so do gradient
        accumulation and more devices leave the gradient as it was.
        """

    def count_items(self, labels: torch.Tensor) -> torch.Tensor:
        """How many items of a batch the loss sums over; label -100 is none."""
        return (labels != -100).sum()

    def trainer(self) -> type[Any] | None:
        """Another Trainer class to build on; None for transformers' own."""
        return None

    # -- answers ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def decode(self, outputs: np.ndarray) -> list[Prediction]:
        """Final answers from the model's raw outputs, one per row."""

    @abstractmethod
    def predict(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> list[Prediction]:
        """Final answers for canonical rows (targets not needed), in their order.

        The one path that evaluation, bias probes, demo, service and monitoring all use.
        """

    @abstractmethod
    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        """Canonical rows from what a user passes to `model.predict`: texts, dictionaries, pairs …

        Raises:
            UsageError: An input of another form.
        """

    # -- scores ----------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """Default metrics; the first is the headline."""

    @property
    def headline(self) -> str:
        """Name of the first score of the first metric."""
        from finetune.metrics import metric_outputs

        return metric_outputs(self.metrics[0])[0]

    @property
    @abstractmethod
    def baselines(self) -> tuple[str, ...]:
        """Default baselines."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """What metrics have to know of the target: `single_label`, `multi_label`, `regression`, or a task's own."""

    def metric_settings(self) -> dict[str, Any]:
        """Keyword arguments that every metric of this task gets, such as the number of labels."""
        return {}

    def own_baselines(self) -> Mapping[str, Callable[[Sequence[Row], Sequence[Row]], Baseline]]:
        """Baselines that only this task has: name -> fit(training rows, validation rows) -> fitted baseline."""
        return {}

    @abstractmethod
    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        """`predictions`, `references` and, where there are any, `scores`: one entry per row, for the metrics."""

    @abstractmethod
    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        """Predictions that are exactly the canonical references, and sure of it: what the best possible model says."""

    def details(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Tables beside the scores, as plain values: scores per label, a confusion matrix."""
        return {}

    @abstractmethod
    def text_of(self, row: Row) -> str:
        """The row's input as one text, for bag-of-words baselines and for pages that list rows."""

    def describe_target(self, value: Any) -> Any:
        """The reader's form of a canonical target, such as a label's name."""
        return value

    # -- self-description ------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def examples(cls) -> dict[str, Example]:
        """Tiny rows and a tiny random model per variant of the task, made offline: what the contract tests run on."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What `learn` found, as plain values for JSON."""

    @abstractmethod
    def with_state(self, state: Mapping[str, Any]) -> Self:
        """A copy with what `state` returned."""

    @classmethod
    def target_column(cls) -> Column:
        """The column that holds the reference answer."""
        return next(column for column in cls.columns if column.kind == "target")

    @classmethod
    def input_columns(cls) -> tuple[Column, ...]:
        """The columns that the model sees."""
        return tuple(column for column in cls.columns if column.kind != "target")


@dataclass(frozen=True)
class TargetHints:
    """What the data set and the recipe say about the target, before its values are looked at."""

    names: tuple[str, ...] | None = None
    bins: tuple[float, ...] | None = None
    separator: str | None = None


@dataclass(frozen=True)
class Example:
    """One of what `Task.examples` returns: raw rows as a user would have them, options, and a model folder to load."""

    rows: list[dict[str, Any]]
    options: dict[str, Any]
    save_model: Callable[[str], None]
    """Writes a tiny random pretrained model and its processor into a folder."""


def load_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """The task of that name with its checked options.

    Raises:
        RecipeError: Unknown task, or options that it does not know.
    """
    cls = task_class(name)
    try:
        return cls(cls.Options.model_validate(dict(options or {})))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        known = ", ".join(cls.Options.model_fields)
        hint = (
            did_you_mean(key, cls.Options.model_fields) if problem["type"] == "extra_forbidden" else f"Known: {known}."
        )
        said = "unknown option" if problem["type"] == "extra_forbidden" else problem["msg"]
        raise RecipeError(f"options.{key} of {name}: {said}. Received {problem['input']!r}.", hint) from None


def task_class(name: str) -> type[Task]:
    """The class of the task of that name: the only Task subclass in its module.

    Raises:
        UsageError: Unknown task.
    """
    if name not in task_names():
        raise UsageError(f"Unknown task {name!r}.", did_you_mean(name, task_names()))
    # By name, not by import statement: the file name is the registry, and this module stands below the tasks.
    module = importlib.import_module(f"finetune.tasks.{name.replace('-', '_')}")
    return next(
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Task) and member.__module__ == module.__name__
    )
