"""F1 of the words of answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from finetune.metrics.additive import MeanMeasure
from finetune.metrics.answers import normalized_pair
from finetune.metrics.facts import FACTS


class AnswerF1(MeanMeasure):
    """Mean over rows of the F1 between the words of the answer and of the nearest right one, in [0, 1].

    Words are counted with repetition, after normalisation: F1 = 2·common / (predicted + right). The rules of SQuAD
    (Rajpurkar et al. 2016 and 2018; its scripts give per cent), see `finetune.metrics.answers`. Where either side is
    empty, 1 if both are.

    Example:
        >>> AnswerF1().measure(["in July 1969", ""], [["July 1969"], []])
        {'answer_f1': 0.9}
    """

    facts = FACTS["answer_f1"]

    def _score(self, prediction: Any, reference: Any, row: int, /) -> tuple[float, ...]:
        given, wanted = normalized_pair(prediction, reference, row)
        return (max(_overlap(given.split(), answer.split()) for answer in wanted),)


def _overlap(given: list[str], wanted: list[str]) -> float:
    if not given or not wanted:
        return float(given == wanted)
    common = (Counter(given) & Counter(wanted)).total()
    return 2 * common / (len(given) + len(wanted))
