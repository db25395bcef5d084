"""The drift reference: what the data was like, so that live data can be held against it without the data itself.

`data/reference.json` of a run:

- `version` of this structure; `rows` (split -> rows); `seed` and `sample` of what was drawn evenly.
- `inputs`: canonical input column -> `{"kind": "text", "characters", "words": histogram, "classes": {class: mean share
  of a text's characters}, "missing": share}`; and `feature:NAME` -> `{"kind": "number", "histogram", "mean", "std",
  "missing"}` or `{"kind": "category", "shares": {value: share}, "other": share of the rarer ones, "missing"}`; each
  over the training rows.
- `target`: the same of the training targets, as the task describes them.
- `predictions`: on validation rows, which the model did not learn from: `{"shares": {answer: share}, "confidence":
  histogram of the largest score}` or `{"histogram", "mean", "std"}` for numbers; null for answers that are neither.
- `embeddings`: `{"file", "rows", "dimensions", "of"}`.

A histogram is `{"edges": [k + 1], "counts": [k], "below", "above"}`; its edges are quantiles of the training rows, so
that every bin holds about as many of them, as population stability indices want it (Siddiqi 2006).

`data/reference.parquet` holds `row` and `embedding` of up to 500 validation rows: means of the last hidden states of
the tuned body over the tokens of a row, for two-sample tests (Rabanser et al. 2019). No text is kept in either file.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.artifacts.prepared_data import FEATURE, iterate
from finetune.models import core
from finetune.text.repair import character_classes

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.artifacts import PreparedData, RunFolder, TrainedModel
    from finetune.task import Row

log = logging.getLogger(__name__)
REFERENCE = "data/reference.json"
EMBEDDINGS = "data/reference.parquet"
VERSION = 1
SAMPLE = 5_000
"""Rows at most whose distributions are taken."""
EMBEDDED = 500
BINS = 10
MOST_VALUES = 50
"""Values of a category that are kept by name."""
_WORD = re.compile(r"\w+")


def write_reference(model: TrainedModel, data: PreparedData, folder: RunFolder, *, seed: int = 0) -> None:
    """Leave the drift reference of a finished fit in its run folder.

    Args:
        model: The tuned model.
        data: What it was trained on.
        folder: Of the run.
        seed: Of the rows that are drawn.
    """
    train, held_out = _sample(data.train, SAMPLE, seed), _sample(data.validation, EMBEDDED, seed)
    target = model.task.target_column().name
    texts = [column.name for column in model.task.input_columns() if column.name in train[0]]
    inputs = {name: describe_texts([row[name] for row in train]) for name in texts}
    inputs |= {name: describe([row[name] for row in train]) for name in train[0] if name.startswith(FEATURE)}
    vectors = embed(model, held_out)
    embeddings = None
    if vectors is not None:
        folder.write_table(EMBEDDINGS, {"row": [row["row"] for row in held_out], "embedding": list(vectors)})
        embeddings = {"file": EMBEDDINGS, "rows": len(vectors), "dimensions": int(vectors.shape[1]),
                      "of": "mean of the last hidden states over the tokens of a row"}  # fmt: skip
    folder.write_json(REFERENCE, {
        "version": VERSION, "rows": data.report.splits, "seed": seed, "sample": len(train),
        "inputs": inputs,
        "target": describe([model.task.describe_target(row[target]) for row in train]),
        "predictions": describe_answers(model.predict_rows(held_out)),
        "embeddings": embeddings,
    })  # fmt: skip


def describe(values: Sequence[Any]) -> dict[str, Any] | None:
    """The distribution of numbers or categories; None for values of another kind."""
    known = [value for value in values if value is not None]
    missing = {"missing": 1 - len(known) / max(1, len(values))}
    if not known:
        return {"kind": "missing", **missing}
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return {"kind": "number", **_numbers(np.array(known, float)), **missing}
    if all(isinstance(value, list) and all(isinstance(part, str) for part in value) for value in known):
        return {"kind": "category", **_shares([part for value in known for part in value], len(known)), **missing}
    if not all(isinstance(value, str) for value in known):
        return None
    return {"kind": "category", **_shares(known, len(known)), **missing}


def describe_texts(values: Sequence[Any]) -> dict[str, Any] | None:
    """The distribution of texts, or of lists of them, by their lengths and characters: never by what they say."""
    known = [" ".join(value) if isinstance(value, list) else value for value in values if value is not None]
    if not known or not all(isinstance(value, str) for value in known):
        return None
    return {"kind": "text", **_texts(known), "missing": 1 - len(known) / len(values)}


def describe_answers(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The distribution of predictions; None where they are neither labels nor numbers."""
    given = [answer["prediction"] for answer in answers]
    if not given:
        return None
    if all(isinstance(value, float) for value in given):
        return _numbers(np.array(given))
    labels = [value if isinstance(value, list) else [value] for value in given]
    if not all(isinstance(part, str) for parts in labels for part in parts):
        return None
    found = _shares([part for parts in labels for part in parts], len(given))
    sure = [max(answer["scores"].values()) for answer in answers if answer.get("scores")]
    return found | {"confidence": histogram(np.array(sure)) if sure else None}


def histogram(values: np.ndarray) -> dict[str, Any]:
    """Counts between quantiles of the values themselves: about as many in each of at most ten bins."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)))
    if len(edges) == 1:
        edges = np.array([edges[0], np.nextafter(edges[0], np.inf)])
    counts, _ = np.histogram(values, edges)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "below": 0, "above": 0}


def embed(model: TrainedModel, rows: Sequence[Row]) -> np.ndarray | None:
    """Embeddings of rows, (n, dimensions) float32; None for models without a body that reads tokens.

    The mean of the body's last hidden states over a row's tokens, adapter included; what a row's text is says the task.
    """
    import torch

    whole = core(model.model)
    body = (whole.get_base_model() if hasattr(whole, "get_base_model") else whole).base_model
    found = []
    for start in range(0, len(rows), model.batch_size):
        texts = [model.task.text_of(row) for row in rows[start : start + model.batch_size]]
        batch = model.processor(texts, padding=True, truncation=True, max_length=model.max_length, return_tensors="pt")
        batch = {name: tensor.to(next(body.parameters()).device) for name, tensor in batch.items()}
        with torch.inference_mode():
            hidden = body(**batch)[0].float()
        mask = batch["attention_mask"].unsqueeze(-1).to(hidden)
        found.append(((hidden * mask).sum(1) / mask.sum(1).clamp(min=1)).cpu().numpy())
    return np.concatenate(found).astype(np.float32) if found else None


def _sample(rows: Dataset, most: int, seed: int) -> list[dict[str, Any]]:
    if len(rows) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
        rows = rows.select(chosen)
    return list(iterate(rows))


def _numbers(values: np.ndarray) -> dict[str, Any]:
    return {"histogram": histogram(values), "mean": float(values.mean()), "std": float(values.std())}


def _shares(values: Sequence[str], rows: int) -> dict[str, Any]:
    common = Counter(values).most_common(MOST_VALUES)
    shares = {value: count / rows for value, count in common}
    return {"shares": shares, "other": (len(values) - sum(count for _, count in common)) / rows}


def _texts(texts: Sequence[str]) -> dict[str, Any]:
    classes: Counter[str] = Counter()
    for text in texts:
        counts = character_classes(text)
        for name, count in counts.items():
            classes[name] += count / max(1, len(text)) / len(texts)  # type: ignore[assignment]  # shares, not counts
    return {
        "characters": histogram(np.array([len(text) for text in texts], float)),
        "words": histogram(np.array([len(_WORD.findall(text)) for text in texts], float)),
        "classes": dict(classes),
    }
