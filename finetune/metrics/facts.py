"""What is known about each built-in metric before anything is imported: its scores, their direction, its targets.

Validating a recipe and printing help need no more than this; the computations live in one module per metric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]
Kind = Literal[
    "single_label", "multi_label", "regression",
    "tags", "answers", "ranking", "choice", "similarity", "likelihood",
]  # fmt: skip

_LABELS: frozenset[Kind] = frozenset({"single_label", "multi_label"})
_CLASSES: frozenset[Kind] = frozenset({"single_label"})
_NUMBERS: frozenset[Kind] = frozenset({"regression"})
_TAGS: frozenset[Kind] = frozenset({"tags"})
_ANSWERS: frozenset[Kind] = frozenset({"answers"})
_RANKING: frozenset[Kind] = frozenset({"ranking"})


@dataclass(frozen=True)
class Facts:
    """Facts about one metric.

    Args:
        outputs: Names of the scores that it yields, the headline score first.
        kinds: Target kinds that it applies to, with the form of predictions and references:

                single_label  (n,) int, ids of labels
                multi_label   (n, L) of 0 and 1
                regression    (n,) float
                similarity    (n,) float, of pairs
                choice        (n,) int, positions of options, of which each row may have another number
                tags          per row a list of tags, one per word
                answers       predictions: a text per row, "" for none; references: per row a list of right texts,
                              [] where there is no answer
                ranking       predictions: per row a list of items, best first; references: per row a mapping from
                              item to gain (> 0: relevant), or a list or set of relevant items
                likelihood    predictions: (n, 2) float, negative log-likelihood in nats and tokens; no references

        direction: `higher` or `lower`, whichever is better; None for a table, which has no order.
        needs_scores: Whether it reads scores per label (n, C) rather than final predictions.
        best: The score of perfect predictions; not given, it is 1 where higher is better, 0 where lower is, NaN for a
            table.
    """

    outputs: tuple[str, ...]
    kinds: frozenset[Kind]
    direction: Direction | None = "higher"
    needs_scores: bool = False
    best: float = math.nan

    def __post_init__(self) -> None:
        if self.direction is not None and math.isnan(self.best):
            object.__setattr__(self, "best", 1.0 if self.direction == "higher" else 0.0)


def _averaged(name: str) -> Facts:
    """Facts of a metric per label: the plain name is the macro average."""
    return Facts((name, f"{name}_micro", f"{name}_weighted"), _LABELS)


FACTS: dict[str, Facts] = {
    "accuracy": Facts(("accuracy",), _LABELS | {"choice"}),
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
    "pearson": Facts(("pearson",), _NUMBERS | {"similarity"}),
    "spearman": Facts(("spearman",), _NUMBERS | {"similarity"}),
    "seqeval": Facts(("entity_f1", "entity_precision", "entity_recall"), _TAGS),
    "token_accuracy": Facts(("token_accuracy",), _TAGS),
    "exact_match": Facts(("exact_match",), _ANSWERS),
    "answer_f1": Facts(("answer_f1",), _ANSWERS),
    "mrr": Facts(("mrr@10",), _RANKING),
    "ndcg": Facts(("ndcg@10",), _RANKING),
    "recall_at": Facts(("recall@1", "recall@5", "recall@10"), _RANKING),
    "pseudo_perplexity": Facts(("pseudo_perplexity",), frozenset({"likelihood"}), "lower", best=1.0),
}
