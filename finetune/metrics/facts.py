"""What is known about each built-in metric before anything is imported: its scores, their direction, its targets.

Validating a recipe and printing help need no more than this; the computations live in one module per metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]
Kind = Literal["single_label", "multi_label", "regression"]

_LABELS: frozenset[Kind] = frozenset({"single_label", "multi_label"})
_CLASSES: frozenset[Kind] = frozenset({"single_label"})
_NUMBERS: frozenset[Kind] = frozenset({"regression"})


@dataclass(frozen=True)
class Facts:
    """Facts about one metric.

    Args:
        outputs: Names of the scores that it yields, the headline score first.
        kinds: Target kinds that it applies to: `single_label` (n,) int, `multi_label` (n, L) of 0 and 1,
            `regression` (n,) float.
        direction: `higher` or `lower`, whichever is better; None for a table, which has no order.
        needs_scores: Whether it reads scores per label (n, C) rather than final predictions.
    """

    outputs: tuple[str, ...]
    kinds: frozenset[Kind]
    direction: Direction | None = "higher"
    needs_scores: bool = False


def _averaged(name: str) -> Facts:
    """Facts of a metric per label: the plain name is the macro average."""
    return Facts((name, f"{name}_micro", f"{name}_weighted"), _LABELS)


FACTS: dict[str, Facts] = {
    "accuracy": Facts(("accuracy",), _LABELS),
    "precision": _averaged("precision"),
    "recall": _averaged("recall"),
    "f1": _averaged("f1"),
    "mcc": Facts(("mcc",), _CLASSES),
    "auc": Facts(("auc",), _LABELS, needs_scores=True),
    "confusion_matrix": Facts(("confusion_matrix",), _CLASSES, direction=None),
    "mse": Facts(("mse",), _NUMBERS, "lower"),
    "rmse": Facts(("rmse",), _NUMBERS, "lower"),
    "mae": Facts(("mae",), _NUMBERS, "lower"),
    "r2": Facts(("r2",), _NUMBERS),
    "pearson": Facts(("pearson",), _NUMBERS),
    "spearman": Facts(("spearman",), _NUMBERS),
}
