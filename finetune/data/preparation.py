"""Canonical rows in three splits, with an account of everything that was dropped, changed, inferred or decided."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.artifacts import DataReport, PreparedData
from finetune.artifacts.prepared_data import CLUSTER, GROUP, SLICE, iterate
from finetune.data.canonical import CARRIED, NUMBER, RowReader, Split, read_canonical
from finetune.data.cleaning import Cleaner
from finetune.data.columns import Place, feature_at, heads, map_columns, pick, target_hints
from finetune.data.features import FEATURE, TEMPLATE, FeatureReader
from finetune.data.leakage import drop_duplicates, guard_leakage
from finetune.data.partition import complete, thin_out
from finetune.data.reading import RawData, read
from finetune.data.splitting import choose_splits
from finetune.data.storage import store, table_of, values_of
from finetune.errors import RecipeError
from finetune.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from datasets import Dataset

    from finetune.recipe import Recipe

log = logging.getLogger(__name__)
HIDDEN = -1
"""What many test sets on the Hub hold in place of labels that are kept secret."""


def prepare(recipe: Recipe, task: Task, raw: RawData | None = None) -> PreparedData:
    """Read, map, clean, parse and split the recipe's data.

    Args:
        recipe: Says where the data is, what its columns mean, and what is to be mended.
        task: The kind of task; a copy that has learned the target comes back in the result.
        raw: The data, where it has been read already.

    Raises:
        SourceError: The data is not to be had. DataError: It cannot be learned from.
    """
    raw = raw or read(recipe.data)
    report = DataReport(source=raw.source, malformed={"count": raw.malformed.count, "lines": raw.malformed.lines})
    report.notes += raw.notes
    tables, features = choose_tables(raw, recipe, task, report)
    target = report.columns[task.target_column().name]
    texts = _text_columns(task, tables["train"], report, features)
    cleaner = Cleaner(recipe.cleaning, text_columns=texts, target_column=target if isinstance(target, str) else None)
    _check_fitted(cleaner, task, report)
    cleaned = {name: cleaner.clean(name, _numbered(table)) for name, table in tables.items()}
    task = _learn(task, cleaned, target, recipe, report)
    _check_offsets(task, recipe)
    kept = {stored: column for _, stored, column in _kept(recipe)}
    reader = RowReader(task, report.columns, kept, recipe.data.split, features,
                       _carried(cleaner, features), recipe.data.id, cleaner)  # fmt: skip
    splits = {name: read_canonical(table, name, reader, report) for name, table in cleaned.items()}
    splits = {name: drop_duplicates(name, split, task, recipe.cleaning, report, cleaner)
              for name, split in splits.items()}  # fmt: skip
    splits = guard_leakage(complete(splits, task, recipe, report), recipe.data.leakage, report)
    splits = thin_out(splits, task, recipe, report)
    report.content = {name: _content(split) for name, split in splits.items()}
    rows = _finished(splits, cleaner, features, task, reader)
    targets = {name: list(values_of(split, task.target_column().name)) for name, split in rows.items()}
    task = task.weighed(targets["train"])
    _account(splits, targets, task, report)
    report.cleaning = [entry.to_dict() for entry in cleaner.log]
    task.check_training_rows(targets["train"])
    for sentence in report.sentences():
        log.info(sentence)
    inputs = {"places": dict(report.columns), "columns": tables["train"].column_names, "text_columns": texts,
              "cleaning": cleaner.state()}  # fmt: skip
    return PreparedData(task, rows["train"], rows["validation"], rows["test"], report, tables=tables, inputs=inputs)


def choose_tables(
    raw: RawData, recipe: Recipe, task: Task | type[Task], report: DataReport
) -> tuple[dict[str, Dataset], FeatureReader | None]:
    """The raw splits that a run reads; which column means what goes to the report.

    Raises:
        ColumnError, NotFoundError: What the recipe names is not there.
    """
    section = recipe.data
    chosen, report.origins, notes = choose_splits(raw.splits, section.splits)
    report.notes += notes
    columns = chosen["train"].column_names
    features = FeatureReader(recipe.features) if recipe.features != type(recipe.features)() else None
    if features is not None:
        features = features.check(columns)
    written = _written(recipe, task)
    named = {name: getattr(section.split, name) for name in ("group", "time", "column")}
    named_columns = [(f"data.split.{key}", name) for key, name in named.items() if name]
    named_columns += [("data.id", section.id)] if section.id else []
    named_columns += [(key, column) for key, _, column in _kept(recipe)]
    report.columns, notes = map_columns(task, chosen["train"], section.columns, written=written, named=named_columns)
    report.notes += notes
    if written:
        report.notes.append(f"The column {written} is written by features.template.")
    return _without_hidden(chosen, report.columns[task.target_column().name], report), features


def _kept(recipe: Recipe) -> list[tuple[str, str, str]]:
    """What scores of parts of the rows need: key of the recipe, name among the canonical columns, the data's column."""
    section = recipe.evaluation
    clusters = (section.clusters,) if section.clusters else ()
    wanted = (
        ("bias.groups", GROUP, recipe.bias.groups),
        ("evaluation.slices.columns", SLICE, section.slices.columns),
        ("evaluation.clusters", CLUSTER, clusters),
    )
    return [(key, f"{prefix}{column}", column) for key, prefix, columns in wanted for column in columns]


def _written(recipe: Recipe, task: Task | type[Task]) -> str | None:
    """The canonical column that a template fills."""
    if recipe.features.template is None:
        return None
    if not any(column.name == "text" for column in task.columns):
        raise RecipeError(
            f"features.template writes a text, and {task.name} has no column text.",
            "Remove it, or choose another task.",
        )
    if "text" in recipe.data.columns:
        raise RecipeError(
            "features.template and data.columns both say what the text is.", "Name the column in the template instead."
        )
    return "text"


def _text_columns(task: Task, rows: Dataset, report: DataReport, features: FeatureReader | None) -> list[str]:
    """Columns of the data that hold the task's texts, which the cleaning of texts acts on."""
    texts = [place for column in task.input_columns() if column.kind in ("text", "texts", "tokens")
             for place in _parts(report.columns.get(column.name)) if place in rows.column_names]  # fmt: skip
    if features is not None and features.template is not None:
        known = set(features.section.columns)
        texts += [name for name in features.columns if name not in known and _is_text(rows.features[name])]
    return list(dict.fromkeys(texts))


def _parts(place: Place | None) -> tuple[str, ...]:
    return () if place is None else (place,) if isinstance(place, str) else place


def _is_text(feature: Any) -> bool:
    return getattr(feature, "dtype", None) in ("string", "large_string")


def _check_fitted(cleaner: Cleaner, task: Task, report: DataReport) -> None:
    """Refuse steps that are fitted on the training rows for what the model reads as it is."""
    read = {place for column in task.input_columns() for place in _parts(report.columns.get(column.name))}
    if wrong := [name for name in cleaner.fitted_columns if name in read]:
        raise RecipeError(
            f"cleaning.categories, missing and outliers are fitted on features, and {wrong[0]!r} is a text that the "
            "model reads.",
            "Fill it with a constant, drop such rows, or make the text of columns by features.template.",
        )


def _check_offsets(task: Task, recipe: Recipe) -> None:
    """Refuse cleaning that would move what targets point at."""
    section = recipe.cleaning
    if task.offsets_into and (section.normalize or section.personal):
        raise RecipeError(
            f"The targets of {task.name} point into {', '.join(task.offsets_into)} by character; "
            "cleaning.normalize and cleaning.personal would move what they point at.",
            "Remove these steps, or clean the data and its targets before.",
        )


def _carried(cleaner: Cleaner, features: FeatureReader | None) -> tuple[str, ...]:
    known = set(features.columns) if features else set()
    return tuple(name for name in cleaner.fitted_columns if name not in known)


def _numbered(table: Dataset) -> Dataset:
    """The rows with their places in the split as it was read."""
    return table.add_column(NUMBER, np.arange(len(table)))


def _without_hidden(chosen: dict[str, Dataset], target: Place, report: DataReport) -> dict[str, Dataset]:
    """Leave out splits whose labels are withheld; they cannot score anything."""
    kept = {}
    for name, split in chosen.items():
        there = heads(target, split) <= set(split.column_names)
        values = _values(split, target) if there else iter([HIDDEN])
        if name != "train" and all(value in (HIDDEN, None, "") for value in values):
            report.notes.append(f"The split {name} has no labels and is left out.")
        else:
            kept[name] = split
    return kept


def _values(rows: Dataset, place: Place) -> Iterator[Any]:
    """The values at a place, one by one."""
    if isinstance(place, str) and place in rows.column_names:
        return values_of(rows, place)
    return (pick(row, place) for row in iterate(rows.select_columns(sorted(heads(place, rows)))))


def _learn(task: Task, chosen: Mapping[str, Dataset], target: Place, recipe: Recipe, report: DataReport) -> Task:
    feature = feature_at(chosen["train"], target)
    # Names come from all splits: a class that is rare in training must still have an output.
    values = [value for split in chosen.values() for value in _values(split, target)]
    learned = task.learn(values, target_hints(feature, recipe.data.labels))
    report.target = learned.state()
    if "problem_type" in type(task.options).model_fields and getattr(task.options, "problem_type", None) is None:
        report.notes.append(f"The target is read as {learned.kind.replace('_', '-')} (inferred from its values).")
    return learned


def _finished(
    splits: dict[str, Split], cleaner: Cleaner, features: FeatureReader | None, task: Task, reader: RowReader
) -> dict[str, Dataset]:
    """What is fitted on the training rows, and what rows take from the other rows of their split."""
    rows = {name: split.rows for name, split in splits.items()}
    if cleaner.fitted_columns:
        own = {name: f"{FEATURE}{name.partition(':')[2]}" for name in rows["train"].column_names
               if name.startswith((TEMPLATE, CARRIED))}  # fmt: skip
        rows = {name: split.rename_columns(own) for name, split in rows.items()}
        cleaner.fit(rows["train"])
        rows = {name: cleaner.finish(name, split).rename_columns({new: old for old, new in own.items()})
                .remove_columns([old for old in own if old.startswith(CARRIED)])
                for name, split in rows.items()}  # fmt: skip
        if features is not None and reader.written:
            rows = {name: _rendered(split, features, reader.written) for name, split in rows.items()}
    return {name: _enriched(split, task, training=name == "train") for name, split in rows.items()}


def _rendered(rows: Dataset, features: FeatureReader, column: str) -> Dataset:
    """The template's text again, from values that were filled in."""

    def batches() -> Iterator[pa.Table]:
        for batch in rows.iter(10_000):
            rows_of = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
            yield table_of({**batch, column: [features.render(features.stored(row)) for row in rows_of]})

    return store(batches())


def _enriched(rows: Dataset, task: Task, *, training: bool) -> Dataset:
    """Let rows take from the other rows of their split, never from another split's."""
    from datasets import Dataset

    if type(task).enrich is Task.enrich:
        return rows
    found = task.enrich(list(iterate(rows)), training=training)
    return rows if found is None else Dataset.from_list([dict(row) for row in found])


def _content(split: Split) -> str:
    """A hash of inputs and targets in their order: equal data has equal ones, wherever it was read from."""
    return hashlib.sha256(split.whole.astype("<u8").tobytes()).hexdigest()


def _account(splits: Mapping[str, Split], targets: Mapping[str, list[Any]], task: Task, report: DataReport) -> None:
    report.splits = {name: len(values) for name, values in targets.items()}
    known = splits["train"].keys
    for name, split in splits.items():
        report.label_counts[name] = task.summarize(targets[name])
        twins = int(np.isin(split.keys, known).sum()) if name != "train" else 0
        same_input = report.leakage.get(f"{name} in train", {}).get("rows", 0)
        if twins > same_input:
            report.notes.append(
                f"{twins} of {len(split.keys)} rows of {name} have the same {task.split_by} as training rows."
            )
        if name != "train" and "group" in split.marks:
            shared = int(np.isin(split.marks["group"], splits["train"].marks["group"]).sum())
            if shared:
                report.notes.append(
                    f"{shared} of {len(split.keys)} rows of {name} are of groups that training rows have."
                )
