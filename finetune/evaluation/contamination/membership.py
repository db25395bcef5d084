"""Whether test texts look to a model like texts that it was trained on, beside texts that it cannot have seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.evaluation.contamination.blind import tell_apart_blindly
from finetune.evaluation.contamination.discrimination import higher_by_chance, separation
from finetune.evaluation.contamination.language_models import LanguageModel
from finetune.evaluation.contamination.token_scores import MIN_SHARE, score_tokens, token_ids
from finetune.evaluation.contamination.verdicts import NOT_MEASURED

MIN_TEXTS = 20
"""Of each kind; fewer show nothing."""
ATTACKS = {
    "likelihood": "mean log-likelihood of the tokens",
    "min_k": f"Min-K% Prob, the {MIN_SHARE:.0%} least likely tokens",
    "min_k_plus_plus": f"Min-K%++, the {MIN_SHARE:.0%} that stand out least",
}


def examine_membership(
    model: LanguageModel, texts: Sequence[str], reference: Sequence[str], *, confidence: float = 0.95
) -> dict[str, Any]:
    """Compare test texts with reference texts by three scores of membership.

    Args:
        model: What is asked.
        texts: Test texts.
        reference: Texts of the same kind that the model cannot have seen.
        confidence: Level of the intervals.

    Returns:
        `scores`: name -> `{value, low, high, p_value}`, the area under the ROC curve of test against reference texts
        (0.5: they look alike; 1: every test text looks more familiar) and the one-sided Mann-Whitney p-value;
        `blind`: what tells the two apart without the model; `rows`, `reference_rows`. `verdict` `not measured` with
        `because` where there are too few texts.
    """
    sets = [_scored(model, part) for part in (texts, reference)]
    counts = {"rows": len(sets[0]), "reference_rows": len(sets[1])}
    if min(counts.values()) < MIN_TEXTS:
        fewest = "test" if counts["rows"] < MIN_TEXTS else "reference"
        return {**counts, "verdict": NOT_MEASURED,
                "because": f"fewer than {MIN_TEXTS} {fewest} texts have tokens to score"}  # fmt: skip
    labels = np.repeat([1, 0], [len(part) for part in sets])
    both = [found for part in sets for _, found in part]
    scores = {}
    for name in ATTACKS:
        values = np.array([getattr(found, name)() for found in both])
        scores[name] = separation(values, labels, confidence) | {"p_value": higher_by_chance(values, labels)}
    blind = tell_apart_blindly([text for text, _ in sets[0]], [text for text, _ in sets[1]], confidence)
    return {**counts, "scores": scores, "blind": blind, "share": MIN_SHARE}


def _scored(model: LanguageModel, texts: Sequence[str]) -> list[tuple[str, Any]]:
    found = score_tokens(model, token_ids(model, texts))
    return [(text, scores) for text, scores in zip(texts, found, strict=True) if len(scores.log_probs)]
