"""The folder of a data set repository: the card, and the rows where they may be passed on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from finetune.artifacts import Publication, RunFolder
from finetune.artifacts.trained_model import DESCRIPTION
from finetune.errors import UsageError
from finetune.publishing.folders import filling, write_texts
from finetune.publishing.local_paths import refuse_local_paths
from finetune.task import Task, load_task

CARD = "README.md"
_HEAD = re.compile(r"\A---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)
_SPLIT = re.compile(r"\w+(?:\.\w+)*", re.ASCII)


def stage_data(
    run: RunFolder, publication: Publication, card: str, splits: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    folder: Path,
) -> Path:  # fmt: skip
    """Write a data set repository; whole or not at all. With rows, `load_dataset(repo)` gives them split by split.

    Args:
        run: The run that was trained on the data; its task names the labels.
        publication: What is published; has a `data`.
        card: The data card, with its YAML head.
        splits: Split -> canonical rows; None publishes the card alone. Splits without rows are left out.
        folder: A new or empty folder.

    Returns:
        The folder.

    Raises:
        UsageError: The publication has no data set, a split cannot be called so, there are no rows, or the folder is
            not empty.
        PublishError: The card names a folder of this machine.
    """
    if publication.data is None:
        raise UsageError("This publication has no data set.", "Name one: publish.data.repo.")
    filled = {name: rows for name, rows in (splits or {}).items() if len(rows)}
    if splits is not None:
        _check_splits(splits, filled)
        card = _with_configs(card, list(filled))
    with filling(folder) as partial:
        write_texts({CARD: card}, partial)
        if filled:
            _write_rows(_task(run), filled, partial / "data")
        refuse_local_paths(partial, [run.path.resolve()])
    return folder


def _check_splits(splits: Mapping[str, Any], filled: Mapping[str, Any]) -> None:
    if not filled:
        raise UsageError("There are no rows to publish.", "Publish the card alone: publish.data.rows: false.")
    for name in splits:
        if not _SPLIT.fullmatch(name):
            raise UsageError(f"A split cannot be called {name!r}.", "Use letters, digits, '_' and single dots.")


def _with_configs(card: str, splits: Sequence[str]) -> str:
    """The card with its files named in its head; what it says of the files of another repository goes."""
    found = _HEAD.match(card)
    head = dict(yaml.safe_load(found[1]) or {}) if found else {}
    head.pop("dataset_info", None)
    files = [{"split": name, "path": f"data/{name}-*"} for name in splits]
    head["configs"] = [{"config_name": "default", "data_files": files}]
    body = card[found.end() :] if found else f"\n{card}"
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n{body}"


def _write_rows(task: Task, splits: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> None:
    """One Parquet file a split. They are made as one table, so that a column which is empty in one split has the same
    type in all."""
    from datasets import Dataset

    target = task.target_column().name
    rows = [_named(task, target, row) for part in splits.values() for row in part]
    table, start = Dataset.from_list(rows), 0
    folder.mkdir(parents=True)
    for name, part in splits.items():
        chosen = table.select(range(start, start + len(part)))
        chosen.to_parquet(str(folder / f"{name}-00000-of-00001.parquet"))
        start += len(part)


def _named(task: Task, target: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the names of its labels in the place of their numbers, as any reader understands them."""
    values = {name: value for name, value in row.items() if name != "row"}  # where it stood in a file of ours
    return {**values, target: task.describe_target(values[target])} if values.get(target) is not None else values


def _task(run: RunFolder) -> Task:
    """The task as the run learned it."""
    known = run.read_json(f"{run.model.name}/{DESCRIPTION}")
    return load_task(known["task"], known["options"]).with_state(known["target"])
