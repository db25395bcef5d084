"""Whether a pretrained language model has read the test rows: two looks, one verdict, and what they cannot show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.evaluation.contamination.language_models import LanguageModel
from finetune.evaluation.contamination.membership import examine_membership
from finetune.evaluation.contamination.ordering import examine_order
from finetune.evaluation.contamination.verdicts import EVIDENCE, INCONCLUSIVE, NOT_MEASURED
from finetune.statistics.comparison import holm

LIMITS = (
    "No test of this kind shows that a model has not seen the rows; no finding here means that they are clean.",
    "A model that has read the rows in another order, in other words or only once or twice is seldom found.",
    "The order test holds where the order of the published rows is arbitrary; it was checked for neighbours that are "
    "alike in words or length, and for nothing else.",
    "Membership scores rise for any reason for which the test rows are more usual texts than the reference ones: "
    "another time, source or style looks like having been read (Duan et al. 2024).",
)


def examine_exposure(
    model: LanguageModel, texts: Sequence[str], reference: Sequence[str] | None, *,
    rows: int = 200, confidence: float = 0.95, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Ask a pretrained language model whether it has read the test rows.

    Args:
        model: As it was before the fine-tuning.
        texts: The test rows in their published order.
        reference: Texts that the model cannot have seen; None where there are none.
        rows: The most rows of each that are looked at: the first ones for their order, others drawn by chance.
        confidence: Level of the intervals; evidence is what is rarer by chance than 1 - `confidence`, after Holm's
            correction for all looks together.
        seed: Of the draw and the shuffles.

    Returns:
        Plain values: `model`, `revision`, `kind`, `order`, `membership`, each with its `verdict`; the `verdict` of
        both, and `limits`.
    """
    order = examine_order(model, texts[:rows], seed=seed)
    if reference is None:
        membership: dict[str, Any] = {"verdict": NOT_MEASURED, "because": "no reference texts are named"}
    else:
        chosen = (_drawn(texts, rows, seed), _drawn(reference, rows, seed))
        membership = examine_membership(model, *chosen, confidence=confidence)
    _judge(order, membership, 1 - confidence)
    return {
        "model": model.name, "revision": model.revision, "kind": model.kind, "confidence": confidence, "seed": seed,
        "order": order, "membership": membership, "verdict": _together(order["verdict"], membership["verdict"]),
        "limits": list(LIMITS),
    }  # fmt: skip


def not_exposed(model: str, reason: str) -> dict[str, Any]:
    """The finding where nothing could be asked."""
    return {"model": model, "verdict": NOT_MEASURED, "because": reason, "limits": list(LIMITS)}


def _drawn(texts: Sequence[str], rows: int, seed: int) -> list[str]:
    if len(texts) <= rows:
        return list(texts)
    return [texts[i] for i in np.sort(np.random.default_rng(seed).choice(len(texts), rows, replace=False))]


def _judge(order: dict[str, Any], membership: dict[str, Any], level: float) -> None:
    """Correct all p-values together, and put the verdicts beside them."""
    entries = [found for found in (order, *membership.get("scores", {}).values()) if "p_value" in found]
    corrected = holm([found["p_value"] for found in entries])
    for found, p_value in zip(entries, corrected, strict=True):
        found["p_value_holm"] = p_value
    if "p_value" in order:
        order["verdict"] = INCONCLUSIVE if order["ordered"] or order["p_value_holm"] >= level else EVIDENCE
    if "scores" in membership:
        smallest = min((found["p_value_holm"] for found in membership["scores"].values()), default=math.nan)
        shifted = any(found["differs"] for found in membership["blind"].values())
        membership["verdict"] = EVIDENCE if smallest < level and not shifted else INCONCLUSIVE


def _together(*verdicts: str) -> str:
    return next((verdict for verdict in (EVIDENCE, INCONCLUSIVE) if verdict in verdicts), NOT_MEASURED)
