"""Whether probabilities are shown to be off, and which way: said alike in the report and on the card."""

from __future__ import annotations

from typing import Any

from finetune.cards.wording import is_number

MIXED = "too sure in places and not sure enough in others"
Entry = dict[str, Any]


def measured_as_is(found: Entry) -> Entry:
    """What was measured of the probabilities that the model states; empty where nothing was.

    Args:
        found: `Evaluation.calibration`.
    """
    return dict(found[found["as_is"]]) if "as_is" in found else {}


def shown_off(found: Entry) -> bool | None:
    """Whether the test rows show its probabilities to be off; None where that was not or cannot be told."""
    p_value = measured_as_is(found).get("ece", {}).get("p_value")
    return bool(p_value <= 1 - found["confidence"]) if is_number(p_value) else None


def gain(found: Entry, score: str = "ece") -> str:
    """What temperature scaling does to an error: `lower`, `higher` or `inconclusive`.

    An error that chance explains has nothing to lose, whatever its resamples say.
    """
    moved, before = found["difference"][score], found["before"][score]
    if not (is_number(moved["low"]) and is_number(moved["high"])) or moved["low"] <= 0 <= moved["high"]:
        return "inconclusive"
    explained = is_number(before.get("p_value")) and before["p_value"] > 1 - found["confidence"]
    return "higher" if moved["low"] > 0 else "inconclusive" if explained else "lower"


def trend(found: Entry) -> str:
    """Which way they are off, to follow "it is"."""
    measured = measured_as_is(found)
    gap = measured["mean_confidence"] - measured["mean_outcome"]
    # Labels may be overrated at one end and underrated at the other: then the mean says nothing.
    if abs(gap) < measured["ece"]["value"] / 3:
        return MIXED
    return "too sure of itself" if gap > 0 else "less sure than it could be"
