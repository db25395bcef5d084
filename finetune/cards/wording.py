"""Values as a reader wants to see them: safe text, numbers with fitting decimals, times and sizes in everyday units."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import TypeGuard

NOTHING = "–"
"""Stands where there is no number."""
_MINUS = "\N{MINUS SIGN}"
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s'\"]+@")
_TOKENS = re.compile(r"\b(hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{16,})\b")
_FOLDERS = re.compile(r"(?:(?<![\w.:/\\@…-])~?/|(?<=:///)/?|(?<!\w)[A-Za-z]:[\\/])(?:[^/\\\s'\",;:]+[/\\])+")
_HOME = re.compile(r"(?:/home|/Users|[A-Za-z]:[\\/]Users)[/\\][^/\\\s'\",;:]+")
_PATH = re.compile(r"(?:~?/|[A-Za-z]:[\\/])[^\n]*")
_TITLES = {
    "f1": "Macro F1",
    "f1_micro": "Micro F1",
    "f1_weighted": "Weighted F1",
    "accuracy": "Accuracy",
    "precision": "Macro precision",
    "precision_micro": "Micro precision",
    "precision_weighted": "Weighted precision",
    "recall": "Macro recall",
    "recall_micro": "Micro recall",
    "recall_weighted": "Weighted recall",
    "mcc": "Matthews correlation",
    "auc": "Area under ROC curve",
    "rmse": "Root mean squared error",
    "mae": "Mean absolute error",
    "mse": "Mean squared error",
    "r2": "R²",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "entity_f1": "Entity F1",
    "entity_precision": "Entity precision",
    "entity_recall": "Entity recall",
    "token_accuracy": "Token accuracy",
    "exact_match": "Exact match",
    "answer_f1": "Answer F1",
    "mrr@10": "MRR@10",
    "ndcg@10": "NDCG@10",
    "recall@1": "Recall@1",
    "recall@5": "Recall@5",
    "recall@10": "Recall@10",
    "pseudo_perplexity": "Pseudo-perplexity",
}
_MEANINGS = {
    "f1": "Balance of precision and recall per label (their harmonic mean), every label counting the same.",
    "accuracy": "Share of rows that are answered right.",
    "precision": "Of the rows that the model gives a label, the share that has it.",
    "recall": "Of the rows that have a label, the share that the model finds.",
    "mcc": "Correlation of prediction and truth: 1 is perfect, 0 is chance; fair to unequal labels.",
    "auc": "Chance that a row with the label gets a higher score for it than one without: 0.5 is guessing.",
    "rmse": "Typical size of an error, in the unit of the target; large errors weigh more.",
    "mae": "Mean size of an error, in the unit of the target.",
    "mse": "Mean squared error, in the squared unit of the target.",
    "r2": "Share of the target's variance that is explained: 1 is perfect, 0 is always answering the mean.",
    "pearson": "Linear correlation of prediction and truth: 1 is perfect, 0 is none.",
    "spearman": "Agreement in the order of the rows, whatever the scale: 1 is perfect, 0 is none.",
    "entity_f1": "Balance of precision and recall over entities; one counts only with its exact words and type.",
    "entity_precision": "Of the entities that the model names, the share that is right in words and type.",
    "entity_recall": "Of the entities in the text, the share that the model names with exact words and type.",
    "token_accuracy": "Share of words with the right tag.",
    "exact_match": "Share of questions answered word for word, but for case, punctuation and articles.",
    "answer_f1": "Overlap of the words of the answer with those of the reference, averaged over questions.",
    "mrr@10": "Mean of 1/rank of the first right item: 1 where it always stands first, 0 where not among the first 10.",
    "ndcg@10": "How near the order of the first 10 is to the best one, early places weighing more: 1 is perfect.",
    "recall@1": "Share of right items that stand in first place.",
    "recall@5": "Share of right items among the first 5.",
    "recall@10": "Share of right items among the first 10.",
    "pseudo_perplexity": "How surprised the model is by a held-out token it cannot see, as if choosing among so many.",
}


def clean(text: object) -> str:
    """Text without what could upset a page: control characters are shown as symbols, broken code points replaced."""
    return "".join(_visible(character) for character in str(text))


def _visible(character: str) -> str:
    if character in "\n\t" or character.isprintable():
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    kind = unicodedata.category(character)
    # Zs and Zl are spaces; Cf holds joiners, which scripts need, and marks of direction, which turn the page around.
    if kind in ("Zs", "Zl", "Zp"):
        return " "
    if kind == "Cf" and not 0x202A <= code <= 0x202E and not 0x2066 <= code <= 0x2069:
        return character
    return "\N{REPLACEMENT CHARACTER}"


def shorten(text: object, limit: int = 300) -> str:
    """The start of a text, and how long it is, where it is longer than `limit` characters."""
    whole = str(text)
    return whole if len(whole) <= limit else f"{whole[:limit].rstrip()} … ({len(whole):,} characters)"


def is_path(text: str) -> bool:
    """Whether the whole text is an absolute path."""
    return _PATH.fullmatch(text) is not None


def public(text: object) -> str:
    """Text without folders of this machine, user names, passwords in addresses and access tokens.

    >>> public("read /home/ada/data/reviews.csv")
    'read …/reviews.csv'
    """
    safe = _CREDENTIALS.sub("***@", _TOKENS.sub("***", str(text)))
    if is_path(safe):
        return "…/" + re.split(r"[/\\]", _HOME.sub("~", safe).rstrip("/"))[-1]
    return _FOLDERS.sub("…/", _HOME.sub("~", safe))


def metric_title(name: str, kind: str = "single_label") -> str:
    """What a reader calls a score."""
    return "Accuracy, all labels right" if (name, kind) == ("accuracy", "multi_label") else _TITLES.get(name, name)


def metric_in_sentence(name: str, kind: str = "single_label") -> str:
    """The same inside a sentence: `accuracy`, but `F1` and `Spearman correlation`."""
    title = metric_title(name, kind)
    keeps = title.startswith(("Matthews", "Pearson", "Spearman")) or not title[1:2].islower()
    return title if keeps else title[:1].lower() + title[1:]


def metric_meaning(name: str) -> str:
    """A sentence on what a score says; empty for one that is not built in."""
    return _MEANINGS.get(name, "")


def decimals_for(values: Sequence[float | None]) -> int:
    """Decimals that give every number of a row the same form: 3 up to ten, fewer for large and more for tiny ones."""
    largest = max((abs(v) for v in values if is_number(v) and v is not None), default=0.0)
    if largest == 0 or 0.01 <= largest < 10:
        return 3
    return max(0, min(8, 3 - math.floor(math.log10(largest))))


def is_number(value: object) -> TypeGuard[float]:
    """Whether there is a finite number to show."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: float | None, decimals: int = 3) -> str:
    """A number with fixed decimals and thousands separators; a dash where there is none."""
    if value is None or not is_number(value):
        return NOTHING
    return f"{value:,.{decimals}f}".replace("-", _MINUS)


def signed(value: float | None, decimals: int = 3) -> str:
    """A number with its sign; a tiny one keeps a digit that is not zero."""
    if value is None or not is_number(value):
        return NOTHING
    if value != 0 and abs(value) < 0.5 * 10**-decimals:
        decimals = min(8, math.ceil(-math.log10(abs(value))))
    return f"{value:+,.{decimals}f}".replace("-", _MINUS)


def interval(low: float | None, high: float | None, decimals: int = 3, *, sign: bool = False) -> str:
    """`[low, high]`; a dash where there is none."""
    form = signed if sign else number
    if not (is_number(low) and is_number(high)):
        return NOTHING
    return f"[{form(low, decimals)}, {form(high, decimals)}]"


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return number(value, 0)


def share(value: float | None, decimals: int = 1) -> str:
    """A share as a percentage."""
    return NOTHING if value is None or not is_number(value) else f"{100 * value:.{decimals}f}%"


def p_value(value: float | None, floor: float = 0.0) -> str:
    """A p-value; `floor` is the smallest that its method can give."""
    if value is None or not is_number(value):
        return NOTHING
    if floor and value <= floor * 1.0001:
        return f"≤ {floor:.1g}"
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def duration(seconds: float | None) -> str:
    """A time span in the units that one would say it in."""
    if seconds is None or not is_number(seconds):
        return NOTHING
    if seconds < 1:
        return f"{max(1, round(1000 * seconds))} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def memory(mib: float | None) -> str:
    """A size that was measured in MiB."""
    if mib is None or not is_number(mib):
        return NOTHING
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"
