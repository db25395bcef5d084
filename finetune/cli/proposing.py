"""`finetune init`: look at the data, propose a task and its columns, write a commented recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from finetune.errors import UsageError

DEFAULT_MODEL = "distilbert/distilbert-base-uncased"
MULTILINGUAL_MODEL = "FacebookAI/xlm-roberta-base"


def propose(name: str | None, wishes: dict[str, Any], output: Path, *, ask: bool) -> Path:
    """Write a recipe for a data set.

    Args:
        name: The data: a file or a Hub id.
        wishes: `config`, `model`, `text`, `label` where the user gave them.
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
    from finetune.data import map_columns, read
    from finetune.recipe import DataSection
    from finetune.task import task_class

    raw = read(DataSection(name=name, config=wishes["config"]))
    rows = max(raw.splits.values(), key=len)
    click.echo(f"{name}: {', '.join(f'{s} {len(r):,} rows' for s, r in raw.splits.items())}")
    for column, feature in rows.features.items():
        shown = str(rows[0][column]).replace("\n", " ")
        click.echo(f"  {column} ({getattr(feature, 'dtype', type(feature).__name__)}): {shown[:70]}")
    task = task_class("text-classification")
    stated = {key: wishes[key] for key in ("text", "label") if wishes[key]}
    columns, notes = map_columns(task, rows, stated)
    for note in notes:
        click.echo(f"  {note}")
    if ask:
        columns = {key: click.prompt(f"Column for {key}", default=value) for key, value in columns.items()}
    target = _look_at(rows, columns["label"])
    click.echo(f"  {target['sentence']}")
    model = wishes["model"] or _model_for(rows[columns["text"]][:200])
    if ask:
        model = click.prompt("Pretrained model", default=model)
    output.write_text(_recipe(name, wishes["config"], model, columns, target), encoding="utf-8")
    return output


def _look_at(rows: Any, column: str) -> dict[str, Any]:
    from finetune.data.columns import target_hints
    from finetune.labels import learn_target
    from finetune.recipe import LabelSection

    values = rows[column]
    separator = _separator(values)
    hints = target_hints(rows.features[column], LabelSection(separator=separator))
    target = learn_target(values, names=hints.names, separator=separator)
    kind = target.kind.replace("_", "-")
    names = ", ".join(target.names[:8]) + (", …" if len(target.names) > 8 else "")
    listed = f": {len(target.names)} labels ({names})" if target.names else ""
    return {"kind": target.kind, "separator": separator, "sentence": f"The target {column!r} looks {kind}{listed}."}


def _separator(values: list[Any]) -> str | None:
    """A comma or bar that splits the cells of a column into few distinct labels."""
    texts = [value for value in values[:2000] if isinstance(value, str)]
    for separator in ("|", ";", ","):
        several = [text for text in texts if separator in text]
        parts = {part.strip() for text in texts for part in text.split(separator)}
        if len(several) > 0.1 * max(1, len(texts)) and len(parts) < len(set(texts)) and len(parts) <= 100:
            return separator
    return None


def _model_for(texts: list[Any]) -> str:
    """English-looking texts get a small English model, others a multilingual one."""
    joined = "".join(str(text) for text in texts)
    plain = sum(ch.isascii() for ch in joined) / max(1, len(joined))
    return DEFAULT_MODEL if plain > 0.97 else MULTILINGUAL_MODEL


def _recipe(name: str, config: str | None, model: str, columns: dict[str, str], target: dict[str, Any]) -> str:
    from finetune.documents import write_document

    def line(key: str, value: Any) -> str:
        return write_document({key: value}).strip()

    headline = "spearman" if target["kind"] == "regression" else "f1"
    data = [line("name", name)] + ([line("config", config)] if config else [])
    mapping = ["columns:", *(f"  {line(key, value)}" for key, value in columns.items())]
    labels = [f"labels: {{separator: {target['separator']!r}}}"] if target["separator"] else []
    return f"""\
# Written by `finetune init`. Every key is described by `finetune schema`.
# See what it would cost:  finetune plan RECIPE
# Run it:                  finetune run RECIPE
# On several devices:      finetune run RECIPE --num-processes 2

task: text-classification
options:
  problem_type: {target["kind"]}   # {target["sentence"]}

model:
  {line("name", model)}   # a Hub id, a local folder, or pypi:NAME==VERSION/path
  # max_length: 256   # tokens; longer texts are cut and counted. Default: the model's own limit.

data:
{_indent([*data, *mapping, *labels])}
  # Splits that the data lacks are made from its training rows; the test rows never choose the model.
  split: {{validation: 0.1, test: 0.2, seed: 42}}

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
  # {headline}: ">= 0.80"

# What only you can say; it goes into the model card.
card:
  # license: apache-2.0
  # language: [en]
  # intended_use: Who should use this model, and for what.
  limitations: null
"""


def _indent(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
