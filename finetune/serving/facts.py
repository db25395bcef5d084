"""What is told of a model beside its answers: its name, its score, its card, and test rows to try it with."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import FinetuneError
from finetune.views import Field

if TYPE_CHECKING:
    from finetune.artifacts import TrainedModel
    from finetune.task import Task

log = logging.getLogger(__name__)

CARD, EVALUATION, EXAMPLES, PREDICTIONS = "README.md", "evaluation.json", "examples.json", "predictions/test.parquet"
_LOOKED_AT = 256
"""Test rows that examples are chosen from."""
_SHORT = 400
"""Characters of an example that is easy to take in."""
_SEARCHED = 6
"""Texts to search in an example."""
_HEAD = re.compile(r"\A---\n(.*?)\n---\n", re.S)
_HEADING = re.compile(r"\A\s*# ([^\n]+)\n")


class Facts:
    """Files of a run, or of a published model, that say what the model is.

    Args:
        model: The model.
        folder: Where its card, `evaluation.json` and test rows are, as far as they exist; None where it has none.
    """

    def __init__(self, model: TrainedModel, folder: Path | None) -> None:
        self.model, self.folder = model, folder

    @cached_property
    def title(self) -> str:
        """The heading of the card, else the recipe's name, else the task's."""
        heading = _HEADING.match(self.card)
        name = self.model.recipe.name if self.model.recipe else None
        return heading[1].replace("\\", "").strip() if heading else name or self.model.task.name

    @cached_property
    def card(self) -> str:
        """The model card without its YAML head."""
        return _HEAD.sub("", self._text(CARD)).lstrip()

    @cached_property
    def description(self) -> str:
        """One or two sentences: what the model does, and how well."""
        stated = (self.model.recipe.description if self.model.recipe else None) or ""
        task = self.model.task.name.replace("-", " ")
        what = stated.rstrip(".") or f"A model for {task}, fine-tuned from {self.model.base.name}"
        return " ".join(filter(None, (f"{what}.", self._score)))

    @property
    def _score(self) -> str:
        """The headline score with its interval; empty where the model was not evaluated."""
        evaluation = json.loads(self._text(EVALUATION) or "{}")
        name = evaluation.get("headline")
        score = evaluation.get("systems", {}).get("model", {}).get("scores", {}).get(name)
        if not score or score.get("value") is None:
            return ""
        shown = f"{self._score_title(name, score['value'])} {_number(score['value'])}"
        if score.get("low") is not None and score.get("high") is not None:
            level = score.get("confidence", evaluation.get("confidence", 0.95))
            shown += f" ({level:.0%} interval {_number(score['low'])} to {_number(score['high'])})"
        better = ", lower is better" if score.get("direction") == "lower" else ""
        return f"{shown} on {evaluation['rows']:,} test rows{better}."

    def _score_title(self, name: str, value: float) -> str:
        """What the card calls the score."""
        import yaml

        head = _HEAD.match(self._text(CARD))
        entries = (yaml.safe_load(head[1]) or {}).get("model-index", []) if head else []
        metrics = [metric for entry in entries for result in entry["results"] for metric in result["metrics"]]
        titles = (metric.get("name") for metric in metrics if metric.get("value") == value)
        return next(filter(None, titles), name.replace("_", " ").capitalize())

    def test_rows(self) -> list[dict[str, Any]]:
        """A few hundred test rows at most, with `reference`; those that were published with the model where there is
        no run."""
        if self.folder is None:
            return []
        if (self.folder / PREDICTIONS).exists():
            import pyarrow.parquet as pq

            batch = next(pq.ParquetFile(self.folder / PREDICTIONS).iter_batches(batch_size=_LOOKED_AT), None)
            return batch.to_pylist() if batch is not None else []
        return list(json.loads(self._text(EXAMPLES) or "[]"))

    def _text(self, name: str) -> str:
        path = self.folder / name if self.folder else None
        return path.read_text(encoding="utf-8") if path and path.exists() else ""


def pick_examples(
    task: Task, fields: Sequence[Field], rows: Sequence[Mapping[str, Any]], limit: int
) -> list[dict[str, Any]]:
    """Inputs by the names of the fields, made of test rows: short ones first, and those with different right answers.

    Args:
        task: Whose rows.
        fields: What there is to fill in.
        rows: Inputs by the task's columns, or by the fields; `reference` is the right answer.
        limit: How many.
    """
    searched = list(dict.fromkeys(text for row in rows for text in _right_texts(row)))
    found = [(row.get("reference"), example) for row in rows if (example := _example(task, fields, row, searched))]
    short = [pair for pair in found if len(str(pair[1])) <= _SHORT]
    return [example for _, example in _varied(short or found)][:limit]


def _example(
    task: Task, fields: Sequence[Field], row: Mapping[str, Any], searched: Sequence[str]
) -> dict[str, Any] | None:
    """The row as an input; None where it lacks something."""
    own = _own_names(row)
    if not all(field.name in own for field in fields):
        own = _canonical(task, row) | own
    for field in fields:
        if field.kind == "texts" and field.name not in own:
            others = [text for text in searched if text not in _right_texts(row)]
            own[field.name] = sorted([*_right_texts(row), *others[: _SEARCHED - 1]])
    if any(field.required and not own.get(field.name) for field in fields):
        return None
    return {field.name: _as_written(own[field.name]) for field in fields if own.get(field.name) is not None} or None


def _right_texts(row: Mapping[str, Any]) -> list[str]:
    """Texts that are the right answer of a row, where a row is answered by texts."""
    right = row.get("reference")
    return [text for text in (right if isinstance(right, list) else [right]) if isinstance(text, str)]


def _as_written(value: Any) -> Any:
    """Numbers of a table as a person would write them."""
    return f"{value:.15g}" if isinstance(value, int | float) else value


def _own_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of the data's columns where the row is one of a table."""
    return {name.removeprefix("feature:").removeprefix("template:"): value for name, value in row.items()}


def _canonical(task: Task, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as the task reads it, where it can."""
    target = task.target_column().name
    given = {name: value for name, value in row.items() if value is not None}
    try:
        return dict(task.rows_from([{target: given.get("reference"), **given}])[0])
    except FinetuneError as error:
        log.debug("A test row is no example: %s", error.cause)
        return {}


def _varied(pairs: Iterable[tuple[Any, dict[str, Any]]]) -> list[tuple[Any, dict[str, Any]]]:
    """The same pairs, the first of every right answer before further ones."""
    seen: dict[str, int] = {}
    turns = []
    for pair in pairs:
        key = str(pair[0])
        turns.append((seen.setdefault(key, 0), pair))
        seen[key] += 1
    return [pair for _, pair in sorted(turns, key=lambda turn: turn[0])]


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.4g}"
