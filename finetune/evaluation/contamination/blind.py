"""What tells test texts from reference texts without asking any model.

A difference of subject, time or length makes one set likelier than the other for reasons that have nothing to do with
having been read (Duan et al. 2024, "Do Membership Inference Attacks Work on Large Language Models?"; Das et al. 2025,
"Blind Baselines Beat Membership Inference Attacks for Foundation Models"). Where texts can be told apart blindly, a
membership test says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.evaluation.contamination.discrimination import separation

_FOLDS = 5


def tell_apart_blindly(texts: Sequence[str], others: Sequence[str], confidence: float) -> dict[str, dict[str, Any]]:
    """How well words and lengths tell two sets of texts apart.

    Args:
        texts: n test texts, at least ten.
        others: m reference texts, at least ten.
        confidence: Level of the intervals.

    Returns:
        `words` (a classifier of words, cross-validated) and `length` -> `{value, low, high, differs}`: the area under
        the ROC curve with its interval, and whether that leaves 0.5 out.
    """
    labels = np.repeat([1, 0], [len(texts), len(others)])
    both = [*texts, *others]
    words = separation(_word_scores(both, labels), labels, confidence)
    lengths = separation(np.array([len(text.split()) for text in both], float), labels, confidence)
    # Cross-validation on texts that are alike errs below 0.5, which is no sign of a difference.
    return {"words": words | {"differs": words["low"] > 0.5},
            "length": lengths | {"differs": not lengths["low"] <= 0.5 <= lengths["high"]}}  # fmt: skip


def _word_scores(texts: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """(n,) how much each text looks like a test text to a classifier that was fitted without it."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(analyzer="word", ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced"),
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    scores: np.ndarray = cross_val_predict(model, list(texts), labels, cv=folds, method="decision_function")
    return scores
