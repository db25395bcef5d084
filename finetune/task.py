"""The Task interface: all that differs between one kind of task and another. Stages receive a task and name none."""

from __future__ import annotations

import importlib
import inspect
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from finetune.errors import RecipeError, UsageError, did_you_mean
from finetune.models import Collator, forward_in_batches
from finetune.recipe import task_names
from finetune.views import Field, View, Words

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
FitBaseline = Callable[[Sequence[Row], Sequence[Row]], tuple[Baseline, str]]
"""Training and validation rows -> a fitted baseline, and what it chose."""


@dataclass(frozen=True)
class Column:
    """A canonical column of a task.

    Attributes:
        name: What the pipeline calls it.
        kind: What it holds; `target` is the reference answer.
        required: Whether every row needs it.
        aliases: Names in the wild that mean this column, tried in this order (case does not matter).
        nullable: Whether a row may lack it although the data has the column; elsewhere such rows are dropped.
    """

    name: str
    kind: Literal["text", "texts", "image", "audio", "messages", "tokens", "target"]
    required: bool = True
    aliases: tuple[str, ...] = ()
    nullable: bool = False


class TaskOptions(BaseModel):
    """Base of a task's own settings: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Task(ABC):
    """One kind of task. A subclass is a module in `finetune/tasks/`; its file name is its name.

    A task object is immutable: `learn` returns a copy that knows the target (labels and their names). Modules of tasks
    import torch and transformers inside functions, so that validation of a recipe stays fast.

    How a row becomes an answer: `encode` makes features of rows (several of a long one), `collator` pads some to a
    batch, the model runs, `keep` takes from its outputs what is needed, `decode` makes answers of that. `answer` does
    all of it, and is what tasks override whose model does not work that way.

    How kinds of tasks fit this interface:

    - *labels or numbers* (text, images, audio): targets are those of `finetune.labels`; `from_logits` is `decode` on
      one array, and serves the general baselines too.
    - *several features per row* (long documents, several passes over a text): `about` of a feature says which row it
      belongs to; `decode` puts the parts together.
    - *no label of its own* (masked language models): the input is its own reference; `target_column` is that column.
    - *cross-row answers* (retrieval): `facing` gives a copy that has seen all rows which are answered together.
    - *other trainers*: `trainer` returns sentence-transformers' or TRL's class, `trainer_settings` what it takes;
      `answer` runs the model in that library's way, and `whole_batches` says that the loss compares rows.
    - *language models* (causal, sequence-to-sequence, preference): columns `messages` or `prompt`/`completion`;
      labels of the prompt are -100, so the default `count_items` counts answer tokens; `answer` generates.
    """

    name: ClassVar[str]
    """The Hub's task name where one exists."""
    columns: ClassVar[tuple[Column, ...]]
    """Canonical columns; the one of kind `target` is the reference answer."""
    Options: ClassVar[type[TaskOptions]] = TaskOptions
    """Schema of the recipe's `options` section."""
    auto_class: ClassVar[str]
    """Name of the transformers Auto class that loads the model."""
    library: ClassVar[str] = "transformers"
    """The Hub's name of the library that loads the saved model."""
    trains_head: ClassVar[bool] = True
    """Whether the modules outside the pretrained body are trained whole beside an adapter; not where they come
    pretrained and only have to be kept."""
    split_by: ClassVar[str] = "text"
    """What `split_key` compares, in words."""
    answers_untouched: ClassVar[bool] = False
    """Whether the pretrained model can answer before any fine-tuning; it is a baseline then (`untouched`)."""
    whole_batches: ClassVar[bool] = False
    """Whether the loss compares the rows of a batch with each other. Then gradients are never accumulated over parts
    of a batch; `micro_batch_size` bounds what the loss holds in memory at a time."""

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

    def check_row(self, row: dict[str, Any]) -> None:  # noqa: B027 - most tasks have nothing to check
        """Bring the columns of a canonical row into agreement, or refuse it: words and tags of unequal number.

        It may change values and add optional columns, the same ones to every row.

        Raises:
            RowError: As `parse_target`.
        """

    def enrich(self, rows: Sequence[Row], *, training: bool) -> list[Row] | None:
        """The rows of a finished split with what they take from one another; None where they take nothing.

        Args:
            rows: Canonical rows of one split.
            training: Whether they are what the model learns from.
        """
        return None

    def rewrite(self, row: Row, edit: Callable[[str], str], *, conservative: bool) -> Row | None:
        """A row with its texts edited and its target still right; None where this task or row allows no such edit.

        Args:
            row: A canonical row with its target.
            edit: Text -> another one; it may be called on parts of a text.
            conservative: Whether the edit keeps words and their order (punctuation, case, spelling), so that also
                targets which depend on fine shades stay right.
        """
        return None

    @property
    def offsets_into(self) -> tuple[str, ...]:
        """Input columns that targets point into by character: cleaning must not change their texts."""
        return ()

    def weighed(self, targets: Sequence[Any]) -> Self:
        """A copy that has seen the training targets, where its loss weighs labels by how many rows they have."""
        return self

    def own_transforms(self, rows: Sequence[Row]) -> Mapping[str, Callable[[Row, random.Random], Row | None]]:
        """Augmentations that only this task has, by method: a row -> another one, None where it allows none.

        Args:
            rows: The training rows, which may lend each other their parts.
        """
        return {}

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        """What the targets of a split are, for the data's account: name -> count, or statistics of numbers."""
        counts: Counter[str] = Counter()
        for value in targets:
            described = self.describe_target(value)
            counts.update(described if isinstance(described, list) else [str(described)])
        return dict(counts.most_common())

    @abstractmethod
    def check_training_rows(self, targets: Sequence[Any]) -> None:
        """Refuse training targets that teach nothing (one class only, everything masked).

        Raises:
            LabelError: Says what is wrong.
        """

    def strata(self, targets: Sequence[Any]) -> np.ndarray | None:
        """One integer per row by which splits are balanced; None where there is nothing to balance."""
        return None

    def split_key(self, row: Row) -> str:
        """Rows with an equal key never part between splits that we make. Default: those with the same input."""
        return " ".join(self.text_of(row).lower().split())

    # -- the model ------------------------------------------------------------------------------------------------

    @abstractmethod
    def load(self, source: ModelSource) -> tuple[Any, Any]:
        """The pretrained model with a head for this target, and its processor.

        Raises:
            SourceError, LabelError: No such model, or its head does not fit the labels.
        """

    @abstractmethod
    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        """Features of rows, those of one row together and in the rows' order.

        Each has the model's inputs, `labels` where the row has a target, `length` (tokens of the whole row; of very
        long inputs an estimate), `truncated` (whether the model sees less than the row), and, where a row has several,
        `about` with `row` (its place in `rows`) and whatever else `decode` needs.
        """

    def training_features(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        """Features to learn from; those to answer from, unless a task says otherwise."""
        return self.encode(rows, processor, max_length)

    @abstractmethod
    def collator(self, processor: Any) -> Collator:
        """What pads features to a batch of tensors."""

    def keep_apart(self, rows: Sequence[Row]) -> list[frozenset[str]] | None:
        """Keys per row such that rows that share one should not meet in one step; None where any may.

        Where the other rows of a batch serve as wrong answers, a row with the same right answer would be a false one.
        """
        return None

    def training_collator(self, processor: Any) -> Collator:
        """The same in training, where it may draw noise."""
        return self.collator(processor)

    @abstractmethod
    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        """Sum of the item losses over `num_items_in_batch`, or their mean over this batch where that is None.

        The item count is that of the whole optimizer step, over all micro-batches and processes: only so do gradient
        accumulation and more devices leave the gradient as it was.
        """

    def count_items(self, labels: torch.Tensor) -> torch.Tensor:
        """How many items of a batch the loss sums over; label -100 is none."""
        return (labels != -100).sum()

    def training_loss(self, model: Any, batch: dict[str, Any], rows_at_once: int | None) -> torch.Tensor:
        """The mean loss of one collated batch, with gradients; for timing a few steps without a Trainer."""
        labels = batch.pop("labels")
        return self.loss(model(**batch), labels, None)

    def trainer(self) -> type[Any] | None:
        """Another Trainer class to build on; None for transformers' own."""
        return None

    def trainer_settings(self, model: Any, rows_at_once: int | None) -> dict[str, Any]:
        """Keyword arguments for that Trainer: where its loss comes from.

        Args:
            model: What is trained.
            rows_at_once: The most rows whose activations are to be held at a time; None for all of a batch.
        """
        return {"compute_loss_func": self.loss}

    # -- answers ---------------------------------------------------------------------------------------------------

    def keep(self, outputs: Any, labels: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """What `decode` needs of a batch's outputs: name -> (rows of the batch, …). Default: the logits."""
        return {"logits": outputs["logits"]}

    @abstractmethod
    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        """Final answers, one per row, from what `keep` kept of each feature (padding of the batch included)."""

    def from_logits(self, logits: np.ndarray) -> list[Prediction]:
        """Final answers of a task of labels or numbers from raw outputs (n, labels); what general baselines speak."""
        raise UsageError(f"Answers of {self.name} do not come from one array of logits.", "Use predict().")

    def answer(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> Answers:
        """Answers for canonical rows, in their order; and the loss, where the rows have targets."""
        features = self.encode(rows, processor, max_length)
        done = forward_in_batches(
            features, model, self.collator(processor), batch_size, keep=self.keep,
            loss=lambda outputs, labels: (self.loss(outputs, labels, 1), self.count_items(labels)),
        )  # fmt: skip
        return Answers(self.decode(done.outputs, features, rows), done.loss, done.items)

    def predict(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> list[Prediction]:
        """Final answers for canonical rows (targets are not looked at), in their order.

        The one path that evaluation, bias probes, demo, service and monitoring all use.
        """
        inputs = {column.name for column in self.input_columns()}
        bare = [{key: value for key, value in row.items() if key in inputs} for row in rows]
        return self.answer(bare, model, processor, batch_size, max_length).predictions

    def facing(self, rows: Sequence[Row]) -> Self:
        """A copy that has seen all rows which are answered together, where an answer depends on the others (their
        texts are what a query is looked up in); each process then answers its own part of them."""
        return self

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

    @property
    def threshold(self) -> float:
        """Of several labels per row: the least probability from which on one is answered, where nothing else was
        decided."""
        return float(getattr(self.options, "threshold", 0.5))

    def metric_settings(self) -> dict[str, Any]:
        """Keyword arguments that every metric of this task gets, such as the number of labels."""
        return {}

    def own_baselines(self) -> Mapping[str, tuple[str, FitBaseline]]:
        """Baselines that only this task has: name -> title, and what fits it."""
        return {}

    def references(self, rows: Sequence[Row]) -> list[Any]:
        """The canonical references of rows."""
        return [row[self.target_column().name] for row in rows]

    @abstractmethod
    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        """`predictions`, `references` and, where there are any, `scores`: one entry per row, for the metrics."""

    def outcomes(
        self, rows: Sequence[Row], predictions: Sequence[Prediction], references: Sequence[Any]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """What the answers' probabilities said, and what came true; None where answers state no probabilities.

        Args:
            rows: The inputs.
            predictions: One per row.
            references: Canonical ones, one per row.

        Returns:
            Probabilities (n, k), NaN for what a row does not have; and (n,) the column of the one that is true or,
            where several may be, (n, k) of 0 and 1. Default: the `scores` of labels, as the metrics read them.
        """
        if self.kind not in ("single_label", "multi_label"):
            return None
        arrays = self.arrays(predictions, references)
        return arrays["scores"], arrays["references"]

    @abstractmethod
    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        """Predictions that are exactly the canonical references, and sure of it: what the best possible model says."""

    def details(self, arrays: Mapping[str, np.ndarray], rows: Sequence[Row]) -> dict[str, Any]:
        """Tables beside the scores, as plain values: `per_label`, `confusion_matrix`, or `tables` of the task's own
        (`{title, columns, rows}`).

        Args:
            arrays: What the metrics got.
            rows: The rows that were scored, in the same order.
        """
        return {}

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        """How an answer is wrong, for pages that list errors; None where it is right.

        Args:
            row: The inputs.
            answer: From `predict`.
            reference: As `describe_target` gives it.
        """
        if answer["prediction"] == reference:
            return None
        return Mistake(1.0, str(answer["prediction"]), str(reference))

    @abstractmethod
    def text_of(self, row: Row) -> str:
        """The row's input as one text, for bag-of-words baselines and for pages that list rows."""

    def describe_target(self, value: Any) -> Any:
        """The reader's form of a canonical target, such as a label's name."""
        return value

    # -- for people ------------------------------------------------------------------------------------------------

    def fields(self) -> tuple[Field, ...]:
        """What a person fills in to ask the model; by name they make an input of `rows_from`."""
        return tuple(
            Field(column.name, column.kind, column.name.replace("_", " ").capitalize(), required=column.required)
            for column in self.input_columns() if column.kind != "target"
        )  # fmt: skip

    @property
    def shows(self) -> tuple[type[View], ...]:
        """The kinds of views that `views` returns, in their order: the same for every answer."""
        return (Words,)

    def views(self, row: Row, answer: Prediction) -> tuple[View, ...]:
        """An answer of `predict` as a person sees it.

        Args:
            row: The canonical row that was answered.
            answer: What `predict` made of it.
        """
        return (Words(str(answer["prediction"])),)

    def usage(self, repository: str, *, adapter: bool) -> str | None:
        """A few lines of Python that use the published model with the libraries of the field alone.

        Args:
            repository: The model's Hub id, or a folder.
            adapter: Whether an adapter was published, not the whole model.

        Returns:
            The code, which prints an answer; None where those libraries cannot answer as this task does.
        """
        return None

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
class Answers:
    """What `Task.answer` returns.

    Attributes:
        predictions: One per row.
        loss: Sum of the item losses; 0 where the rows have no targets.
        items: How many items that is.
    """

    predictions: list[Prediction]
    loss: float
    items: int


@dataclass(frozen=True)
class Mistake:
    """A wrong answer, as a page shows it.

    Attributes:
        size: What mistakes are ordered by, largest first.
        given: The answer.
        wanted: The reference.
        note: What else helps to understand it.
    """

    size: float
    given: str
    wanted: str
    note: str = ""


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


def object_array(values: Sequence[Any]) -> np.ndarray:
    """(n,) array of lists, texts or dictionaries: numpy would make a table of lists that happen to be equally long."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array


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
