"""What a sample of the inputs is made of: how many tokens the model has to read, and which languages."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.measuring import unmeasured
from finetune.data.auditing.numbers import rounded
from finetune.data.auditing.rows import PreparedRows, Rows
from finetune.data.auditing.sampling import Sample
from finetune.data.auditing.texts import Counts
from finetune.errors import FinetuneError
from finetune.text.languages import detect_languages

_AT_ONCE = 500
"""Rows that are tokenized together."""


def describe_tokens(rows: Rows, sample: Sample, tokenizer: Any | None, max_length: int | None) -> dict[str, Any]:
    """The part `tokens` of the audit.

    Args:
        rows: Of which the sample is.
        sample: Rows to count.
        tokenizer: Of the pretrained model; None where there is none.
        max_length: Longest input of the model, in tokens; None where it has no limit.
    """
    if tokenizer is None:
        return unmeasured("No tokenizer was given.")
    try:
        lengths, cut = _of_rows(rows, sample, tokenizer, max_length)
    except (FinetuneError, KeyError, TypeError, ValueError) as error:  # a task may refuse what cannot be encoded
        return unmeasured(f"The tokenizer cannot read the rows ({type(error).__name__}).")
    counts = Counts()
    counts.add(lengths)
    longer = lengths > max_length if max_length is not None and len(lengths) else None
    return {
        "measured": True,
        "basis": rows.basis,
        **counts.to_dict(),
        "max_length": max_length,
        "longer": rounded(np.mean(longer)) if longer is not None else None,
        "truncated": rounded(np.mean(cut)) if longer is not None else None,
        "sampled": sample.sampled,
    }


def _of_rows(
    rows: Rows, sample: Sample, tokenizer: Any, max_length: int | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Tokens of each row, and whether the model sees less than the row."""
    lengths, cut = np.zeros(len(sample), np.int64), np.zeros(len(sample), bool)
    for start in range(0, len(sample), _AT_ONCE):
        table = sample.table.slice(start, _AT_ONCE)
        if isinstance(rows, PreparedRows) and rows.task is not None:
            for place, feature in enumerate(rows.task.encode(rows.bare(table), tokenizer, max_length)):
                row = start + feature.get("about", {}).get("row", place)  # several features of a long row
                lengths[row], cut[row] = feature["length"], feature["truncated"]
        else:
            ids = tokenizer(rows.texts(table), truncation=False, verbose=False)["input_ids"]
            lengths[start : start + len(ids)] = list(map(len, ids))
            cut[start : start + len(ids)] = [max_length is not None and len(row) > max_length for row in ids]
    return lengths, cut


def describe_languages(rows: Rows, sample: Sample) -> dict[str, Any]:
    """The part `languages` of the audit; `unknown` are texts that are too short or mixed to tell."""
    texts = [text for text in rows.texts(sample.table) if text.strip()]
    if not texts:
        return unmeasured("There are no texts.")
    counts = Counter(code or "unknown" for code, _ in detect_languages(texts))
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "measured": True,
        "basis": rows.basis,
        "shares": {code: rounded(count / len(texts)) for code, count in order},
        "counts": dict(order),
        "sampled": sample.sampled,
    }
