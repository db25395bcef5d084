"""Labels that are probably wrong: rows whose given label a model that never saw them finds unlikely.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021), by cleanlab.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.measuring import UNPREPARED, unmeasured
from finetune.data.auditing.numbers import rounded
from finetune.data.auditing.rows import Rows
from finetune.data.auditing.sampling import Sample
from finetune.data.auditing.values import show, show_each
from finetune.errors import DataError

Array = NDArray[Any]
FOLDS = 5
LISTED = 100
_WORDS = 20_000
"""Words and word pairs of the bag, the most frequent: more take longer and find no more."""
_STRENGTH = 10.0
"""Inverse of the regularization; the baseline of the evaluation most often chooses it."""


def find_label_errors(labels: Sequence[int] | Array, probabilities: Array) -> Array:
    """Rows whose label is probably wrong, the least likely label first.

    cleanlab's `low_self_confidence`: of each class as many rows as the confident joint says are wrong, those with the
    lowest probability of their given label.

    Args:
        labels: (n,) ids, 0 to classes - 1, each of which some row has.
        probabilities: (n, classes) of a model that was not fitted on the row (out-of-fold).

    Returns:
        Their indices, int64.

    Raises:
        DataError: Labels and probabilities do not fit each other.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or len(labels) != len(probabilities):
        raise DataError(
            f"{labels.shape} labels and {probabilities.shape} probabilities; accepted: (n,) and (n, classes).",
            "Give one row of probabilities for each label.",
        )
    if set(np.unique(labels).tolist()) != set(range(probabilities.shape[1])):
        raise DataError(
            f"Labels {np.unique(labels).tolist()[:20]} for {probabilities.shape[1]} columns of probabilities.",
            "Number the labels from 0 without a gap, and leave out classes that no row has.",
        )
    from cleanlab.filter import find_label_issues

    found: Array = np.asarray(
        find_label_issues(
            labels, probabilities, filter_by="low_self_confidence", return_indices_ranked_by="self_confidence", n_jobs=1
        ),
        dtype=np.int64,
    )
    return found


def out_of_fold_probabilities(texts: Sequence[str], labels: Array, seed: int) -> Array:
    """(n, classes) probabilities of each text's labels, by models that were fitted on four fifths without it.

    Args:
        texts: n texts.
        labels: (n,) ids from 0 without a gap, of each at least `FOLDS` rows.
        seed: Of the folds.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode", max_features=_WORDS)
    model = make_pipeline(words, LogisticRegression(C=_STRENGTH, max_iter=500))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    found: Array = cross_val_predict(model, np.array(texts, dtype=object), labels, cv=folds, method="predict_proba")
    return found


def describe_label_errors(rows: Rows, sample: Sample, seed: int, *, wanted: bool) -> dict[str, Any]:
    """The part `label_errors` of the audit.

    Args:
        rows: Of which the sample is.
        sample: Rows to judge.
        seed: Of the folds.
        wanted: What the recipe says (`inspection.label_errors`).
    """
    if not wanted:
        return unmeasured("The recipe turns it off: inspection.label_errors.")
    if rows.kind != "single_label":
        return unmeasured(UNPREPARED if rows.kind is None else "Only where the target is one label a row.")
    texts, targets = rows.texts(sample.table), rows.targets(sample.table) or []
    names, given = np.unique(np.array(targets, dtype=str), return_inverse=True)
    sizes = np.bincount(given, minlength=len(names))
    kept = np.flatnonzero(sizes[given] >= FOLDS)
    classes, ids = np.unique(given[kept], return_inverse=True)
    if len(classes) < 2:
        return unmeasured(f"Fewer than two classes have {FOLDS} rows or more, one for each fold.")
    try:
        probabilities = out_of_fold_probabilities([texts[place] for place in kept], ids, seed)
    except ValueError as error:  # no words at all
        return unmeasured(f"The texts give a bag of words nothing to learn from: {str(error)[:120]}.")
    suspects = find_label_errors(ids, probabilities)
    named = list(show_each(names[classes].tolist()).values())
    return {
        "measured": True,
        "basis": rows.basis,
        "count": len(suspects),
        "share": rounded(len(suspects) / len(kept)),
        "rows": [{"row": sample.rows[kept[place]], "text": show(texts[kept[place]]),
                  **_row(ids[place], probabilities[place], named)} for place in suspects[:LISTED]],
        "accuracy": rounded(np.mean(probabilities.argmax(axis=1) == ids)),
        "excluded": len(given) - len(kept),
        "sampled": sample.sampled,
    }  # fmt: skip


def _row(given: int, probabilities: Array, names: Sequence[str]) -> dict[str, Any]:
    suggested = int(probabilities.argmax())
    return {
        "given": names[given],
        "suggested": names[suggested],
        "score": rounded(probabilities[given]),
        "confidence": rounded(probabilities[suggested]),
    }
