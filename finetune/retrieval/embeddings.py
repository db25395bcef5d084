"""Embeddings: what a model reads of several texts per row, cosines of vectors, and the texts nearest to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune.errors import LabelError
from finetune.models import Collator
from finetune.retrieval.lexical import Corpus, rank


def encode_columns(texts: Sequence[Sequence[str]], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
    """A feature per row of texts that are compared: `columns` (what the model reads of each text), `length` (tokens of
    the longest text before it is cut) and `truncated`.

    Args:
        texts: One or more texts per row.
        processor: The tokenizer.
        max_length: Tokens that the model reads of a text; None for all.
    """
    tokens = iter(_tokens([text for several in texts for text in several], processor, max_length))
    features = []
    for several in texts:
        columns, lengths = zip(*(next(tokens) for _ in several), strict=True)
        length = max(lengths)
        features.append({"columns": list(columns), "length": length,
                         "truncated": bool(max_length and length > max_length)})  # fmt: skip
    return features


def _tokens(texts: Sequence[str], processor: Any, max_length: int | None) -> list[tuple[dict[str, list[int]], int]]:
    """Of each text what the model reads, and how many tokens the whole text has."""
    whole = processor(list(texts), truncation=False, verbose=False)["input_ids"] if texts else []
    found = [({"input_ids": ids}, len(ids)) for ids in whole]
    long = [i for i, (_, length) in enumerate(found) if max_length and length > max_length]
    if long:
        cut = processor([texts[i] for i in long], truncation=True, max_length=max_length, verbose=False)
        for i, ids in zip(long, cut["input_ids"], strict=True):
            found[i] = ({"input_ids": ids}, found[i][1])
    return found


def columns_collator(processor: Any) -> Collator:
    """What pads each column of some features by itself: `text0_input_ids`, … and `label` where they have a `score`."""

    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        # Held-out rows may have different numbers of wrong answers: their loss is of those that all have.
        count = min(len(feature["columns"]) for feature in features)
        batch: dict[str, Any] = {}
        for place in range(count):
            padded = processor.pad([feature["columns"][place] for feature in features], return_tensors="pt")
            batch |= {f"text{place}_{key}": value for key, value in padded.items()}
        if "score" in features[0]:
            batch["label"] = torch.tensor([feature["score"] for feature in features])
        return batch

    return collate


def even_columns(collate: Collator) -> Collator:
    """The same collator for training: no text of a row may be left out there.

    Raises:
        LabelError: On a batch whose rows have different numbers of texts.
    """

    def checked(features: list[dict[str, Any]]) -> dict[str, Any]:
        counts = {len(feature["columns"]) for feature in features}
        if len(counts) > 1:
            raise LabelError(
                f"Some training rows have {min(counts) - 2} wrong answers and some {max(counts) - 2}; there are "
                "too few other texts to give all as many.",
                "Lower options.hard_negatives, or add rows.",
            )
        return collate(features)

    return checked


def columns_of(batch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The texts of a collated batch side by side: `text0_input_ids` … -> [{input_ids …}, …]."""
    count = sum(key.endswith("_input_ids") for key in batch)
    return [
        {key.removeprefix(f"text{i}_"): value for key, value in batch.items() if key.startswith(f"text{i}_")}
        for i in range(count)
    ]


@dataclass(frozen=True)
class Embedder:
    """A model that embeds texts, and compares them by all and by the first dimensions.

    Attributes:
        model: A `SentenceTransformer`.
        batch_size: Texts at a time.
        query_prompt: What stands before each text that is looked up.
        document_prompt: What stands before each text that it is compared with.
        dimensions: Numbers of first dimensions that answers are given for too, under `at 8` and so on.
    """

    model: Any
    batch_size: int
    query_prompt: str = ""
    document_prompt: str = ""
    dimensions: tuple[int, ...] = ()

    def answers(self, rows: Sequence[Mapping[str, Any]], corpus: Corpus | None, k: int) -> list[dict[str, Any]]:
        """Per row the cosine of `text` and `text_pair`; without a second text the `k` nearest texts of the corpus, and
        where there is none to search, the embedding."""
        paired = [place for place, row in enumerate(rows) if row.get("text_pair") is not None]
        alone = [place for place, row in enumerate(rows) if row.get("text_pair") is None]
        found: dict[int, dict[str, Any]] = {}
        if paired:
            left, right = ([rows[place][side] for place in paired] for side in ("text", "text_pair"))
            found |= dict(zip(paired, self.compare(left, right), strict=True))
        if alone:
            texts = [rows[place]["text"] for place in alone]
            found |= dict(zip(alone, self.search(corpus, texts, k) if corpus else self.vectors(texts), strict=True))
        return [found[place] for place in range(len(rows))]

    def vectors(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """The embedding of each text as `prediction`."""
        return [{"prediction": vector.tolist()} for vector in self._embed(texts, self.query_prompt)]

    def compare(self, left: Sequence[str], right: Sequence[str]) -> list[dict[str, Any]]:
        """The cosine of each pair of texts side by side."""
        a, b = self._embed(left, self.query_prompt), self._embed(right, self.document_prompt)
        return self._for_all_sizes(len(left), lambda size: cosines(a[:, :size], b[:, :size]).tolist())

    def search(self, corpus: Corpus, queries: Sequence[str], k: int) -> list[dict[str, Any]]:
        """The `k` texts of a corpus that are nearest to each query, nearest first, without the query itself."""
        wanted, texts = self._embed(queries, self.query_prompt), self._embed(corpus.texts, self.document_prompt)

        def found(size: int | None) -> list[list[str]]:
            orders = nearest(wanted[:, :size], texts[:, :size], k + 1)  # one more: it may be the query
            return [corpus.first(query, order, k) for query, order in zip(queries, orders, strict=True)]

        return self._for_all_sizes(len(queries), found)

    def _for_all_sizes(self, count: int, answer: Callable[[int | None], Sequence[Any]]) -> list[dict[str, Any]]:
        found = {"prediction": answer(None)} | {f"at {size}": answer(size) for size in self.dimensions}
        return [{name: values[place] for name, values in found.items()} for place in range(count)]

    def _embed(self, texts: Sequence[str], prompt: str) -> np.ndarray:
        """(n, dimensions) embeddings in double precision."""
        encoded: np.ndarray = self.model.encode(
            list(texts), prompt=prompt, batch_size=self.batch_size, convert_to_numpy=True, show_progress_bar=False
        )
        return encoded.astype(np.float64)


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) cosines of the rows of two (n, dimensions) arrays; 0 where a vector is."""
    found: np.ndarray = (_unit(left) * _unit(right)).sum(axis=1)
    return found


def nearest(queries: np.ndarray, texts: np.ndarray, k: int) -> list[list[int]]:
    """For each row of `queries` the indices of the `k` rows of `texts` with the highest cosine, highest first."""
    every = _unit(texts).T
    return rank(lambda some: _unit(some) @ every, queries, k, len(texts))  # type: ignore[arg-type]


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
