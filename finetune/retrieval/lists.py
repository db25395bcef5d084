"""Lists of documents with grades: what a query's documents are in raw and in canonical rows, wrong ones that are found
beside right ones, and scores of a list by its words."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from finetune.errors import UsageError
from finetune.labels import RowError, parse_number
from finetune.retrieval.lexical import BM25, Corpus, TfidfCosine
from finetune.retrieval.pairs import texts_in


def parse_grades(value: Any) -> list[Any]:
    """A raw target as grades of documents; or as the right ones, to which `complete` gives their places among others.

    Raises:
        RowError: It is missing, or neither.
    """
    if value is None or (isinstance(value, str | list) and not value):
        raise RowError("missing target")
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple | np.ndarray):
        texts = [item for item in value if isinstance(item, str)]
        return texts if len(texts) == len(value) else [parse_number(grade) for grade in value]
    raise RowError(
        f"target {value!r}: needs the grades of a list of documents, or the right document (single pairs with a "
        "label are text-classification)"
    )


def complete(row: dict[str, Any]) -> None:
    """Bring `documents`, `negative` and `relevance` of a row into one list of documents and one of their grades.

    Raises:
        RowError: There are grades without documents or of another number, or no document is relevant.
    """
    wrong, documents = texts_in(row.pop("negative", None)), row.get("documents")
    if isinstance(row["relevance"][0], str):
        right = texts_in(row["relevance"])
        documents = list(dict.fromkeys([*right, *texts_in(documents), *wrong]))
        row["relevance"] = [float(text in right) for text in documents]
    elif documents is None:
        raise RowError("grades without documents (data.columns: {documents: …})")
    elif len(documents) != len(row["relevance"]):
        raise RowError(f"{len(documents)} documents but {len(row['relevance'])} grades")
    else:
        documents, row["relevance"] = [*documents, *wrong], [*row["relevance"], *[0.0] * len(wrong)]
    if not any(grade > 0 for grade in row["relevance"]):
        raise RowError("missing relevant document")
    row["documents"], row["relevance"] = _shuffled(row["query"], documents, row["relevance"])


def with_wrong_documents(rows: Sequence[Mapping[str, Any]], k: int) -> list[Mapping[str, Any]] | None:
    """Rows where those that have only right documents get `k` wrong ones beside them, those of all rows that BM25 ranks
    highest for the query; None where no row needs any."""
    bare = [place for place, row in enumerate(rows) if min(row["relevance"]) > 0]
    if not bare:
        return None
    corpus = Corpus((row["query"], _right(row), row["documents"]) for row in rows)
    found = corpus.wrong([rows[place]["query"] for place in bare], k)
    made = list(rows)
    for place, wrong in zip(bare, found, strict=True):
        row = rows[place]
        documents, grades = _shuffled(
            row["query"], [*row["documents"], *wrong], [*row["relevance"], *[0.0] * len(wrong)]
        )
        made[place] = {**row, "documents": documents, "relevance": grades}
    return made


def row_from(value: Any) -> Mapping[str, Any]:
    """A row from what a user gives: a query and a list of documents, as a mapping or a pair.

    Raises:
        UsageError: Another form.
    """
    if isinstance(value, list | tuple) and len(value) == 2:
        value = {"query": value[0], "documents": value[1]}
    given = value if isinstance(value, Mapping) else {}
    query, documents = given.get("query"), given.get("documents")
    texts = list(documents) if isinstance(documents, list | tuple) else []
    if isinstance(query, str) and texts and all(isinstance(text, str) for text in texts):
        return {"query": query, "documents": texts}
    raise UsageError(
        f"Cannot rank {type(value).__name__} {str(value)[:60]!r}.",
        "Give {'query': …, 'documents': [text, …]}, or a pair of a query and a list of texts.",
    )


def encode_lists(rows: Sequence[Mapping[str, Any]], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
    """A feature per row: its texts as they are, which the loss reads, the grades as `label`, and the tokens of the
    longest pair of query and document as `length`."""
    queries = [row["query"] for row in rows for _ in row["documents"]]
    documents = [text for row in rows for text in row["documents"]]
    ids = iter(processor(queries, documents, truncation=False, verbose=False)["input_ids"] if documents else ())
    features = []
    for row in rows:
        length = max(len(next(ids)) for _ in row["documents"])
        feature = {"query": row["query"], "documents": list(row["documents"]), "length": length,
                   "truncated": bool(max_length and length > max_length)}  # fmt: skip
        if row.get("relevance") is not None:
            feature["label"] = list(row["relevance"])
        features.append(feature)
    return features


def scores_of_lists(ranker: type[BM25 | TfidfCosine], lists: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
    """For each query the scores of its own list of texts, with weights from the texts of all lists."""
    places = {text: place for place, text in enumerate(dict.fromkeys(text for _, texts in lists for text in texts))}
    known = ranker(list(places))
    found = []
    for query, texts in lists:
        every = known.scores([query])[0]
        found.append([float(every[places[text]]) for text in texts])
    return found


def _shuffled(query: str, texts: Sequence[str], grades: Sequence[float]) -> tuple[list[str], list[float]]:
    """A query's texts and their grades in an order that says nothing: among equal scores the earlier text wins, and in
    data the right one often stands first. The same query has the same order in every run."""
    order = np.random.default_rng(zlib.crc32(query.encode())).permutation(len(texts))
    return [str(texts[i]) for i in order], [grades[i] for i in order]


def _right(row: Mapping[str, Any]) -> list[str]:
    return [text for text, grade in zip(row["documents"], row["relevance"], strict=True) if grade > 0]
