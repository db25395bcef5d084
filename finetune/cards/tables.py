"""Scores, differences, goals and groups as rows of ready texts, with the places of their dot-and-whisker marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune.artifacts import BiasAudit, Evaluation
from finetune.cards.summary import judge_difference
from finetune.cards.wording import (
    count,
    decimals_for,
    interval,
    is_number,
    metric_meaning,
    metric_title,
    number,
    p_value,
    shorten,
    signed,
)

_UNIT = (0.0, 1.0)
_SHAPES = 4
"""Baselines take turns with this many outlines."""


@dataclass(frozen=True)
class Mark:
    """A dot with its whisker, placed in percent of the drawing's width.

    Attributes:
        shape: 0 is the model's filled dot; baselines have outlines 1 to 4.
        low: Left end of the whisker.
        value: The dot.
        high: Right end.
    """

    shape: int
    low: float
    value: float
    high: float


def mark(entry: dict[str, Any], domain: tuple[float, float], shape: int = 0) -> Mark | None:
    """Where an estimate with its interval lies in `domain`; None where it has no value."""
    value = entry.get("value", entry.get("difference"))
    if not is_number(value):
        return None
    low, high = (entry[end] if is_number(entry.get(end)) else value for end in ("low", "high"))
    return Mark(shape, *(_percent(x, domain) for x in (low, value, high)))


def _percent(value: float, domain: tuple[float, float]) -> float:
    low, high = domain
    return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2) if high > low else 50.0


def _domain(entries: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """0 to 1 where everything lies in it, else from 0 (or the lowest end) to the highest end."""
    keys = ("value", "low", "high", "difference")
    ends = [entry[key] for entry in entries for key in keys if is_number(entry.get(key))]
    if not ends or (min(ends) >= 0 and max(ends) <= 1):
        return _UNIT
    return min(0.0, *ends), max(0.0, *ends)


def shape_of(index: int) -> int:
    """The outline of the system at this place; the model stands first."""
    return 0 if index == 0 else (index - 1) % _SHAPES + 1


def score_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row per score: `{name, title, better, cells: [{value, interval}], marks, low, high, label}`."""
    return [_score_row(evaluation, name) for name in evaluation.systems["model"]["scores"]]


def _score_row(evaluation: Evaluation, name: str) -> dict[str, Any]:
    entries = [system["scores"].get(name, {}) for system in evaluation.systems.values()]
    digits = decimals_for([entry.get("value") for entry in entries])
    domain = _domain(entries)
    cells = [_cell(entry, digits) for entry in entries]
    titles = [system["title"] for system in evaluation.systems.values()]
    marks = [mark(entry, domain, shape_of(i)) for i, entry in enumerate(entries)]
    return {
        "name": name,
        "title": metric_title(name, evaluation.kind),
        "better": entries[0].get("direction", "higher"),
        "cells": cells,
        "marks": [m for m in marks if m],
        "low": number(domain[0], 0 if domain == _UNIT else digits),
        "high": number(domain[1], 0 if domain == _UNIT else digits),
        "label": "; ".join(f"{t}: {c['value']} {c['interval']}" for t, c in zip(titles, cells, strict=True)),
    }


def _cell(entry: dict[str, Any], digits: int) -> dict[str, str]:
    low, high = entry.get("low"), entry.get("high")
    return {"value": number(entry.get("value"), digits), "interval": interval(low, high, digits)}


def undefined_notes(evaluation: Evaluation) -> list[str]:
    """A sentence for each score that some resamples left undefined."""
    return [
        f"{metric_title(name, evaluation.kind)} of {system['title']}: undefined in {count(entry['undefined'])} of "
        f"{count(entry['resamples'])} resamples, which are left out of its interval."
        for system in evaluation.systems.values()
        for name, entry in system["scores"].items()
        if entry.get("undefined")
    ]


def difference_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row per paired difference, model minus baseline; those against one baseline stand together."""
    by_score: dict[str, list[dict[str, Any]]] = {}
    for contrast in evaluation.comparisons:
        by_score.setdefault(contrast["score"], []).append(contrast)
    return [_difference_row(evaluation, c, by_score[c["score"]]) for c in evaluation.comparisons]


def _difference_row(evaluation: Evaluation, contrast: dict[str, Any], group: list[dict[str, Any]]) -> dict[str, Any]:
    digits = min(4, decimals_for([c["difference"] for c in group]))
    domain = _symmetric(group)
    found = mark(contrast, domain)
    test = contrast.get("mcnemar")
    effect = contrast.get("minimum_detectable_effect")
    return {
        "title": metric_title(contrast["score"], evaluation.kind),
        "main": contrast["score"] == evaluation.headline,
        "against": evaluation.systems.get(contrast["against"], {}).get("title", contrast["against"]),
        "difference": signed(contrast["difference"], digits),
        "interval": interval(contrast["low"], contrast["high"], digits, sign=True),
        "verdict": judge_difference(contrast, lower=contrast.get("direction") == "lower"),
        "p_value": p_value(contrast.get("p_value"), _floor(contrast)),
        "p_value_holm": p_value(contrast.get("p_value_holm")),
        "marks": [found] if found else [],
        "mcnemar": {
            "p_value": p_value(test["p_value"]),
            "model": count(test["only_model_right"]),
            "other": count(test["only_other_right"]),
        }
        if test
        else None,
        "effect": number(effect, 3) if is_number(effect) else "",
    }


def _symmetric(contrasts: list[dict[str, Any]]) -> tuple[float, float]:
    """Zero in the middle, wide enough for all."""
    low, high = _domain(contrasts)
    ends = [c[key] for c in contrasts for key in ("difference", "low", "high") if is_number(c.get(key))]
    widest = max((abs(e) for e in ends), default=max(abs(low), abs(high))) or 1.0
    return -widest * 1.1, widest * 1.1


def _floor(contrast: dict[str, Any]) -> float:
    """The smallest p-value that the bootstrap can give with this many resamples; 0 for other methods."""
    resamples = contrast.get("resamples") or 0
    return 2 / (resamples + 1) if contrast.get("method") == "paired-bootstrap" and resamples else 0.0


def goal_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row per goal of the recipe."""
    return [_goal_row(evaluation, goal) for goal in evaluation.goals]


def _goal_row(evaluation: Evaluation, goal: dict[str, Any]) -> dict[str, Any]:
    if isinstance(goal["value"], bool) or goal["name"] == "beats_baselines":
        wanted = "better than every baseline" if goal["goal"] == "true" else "need not beat the baselines"
        margin = signed(goal["margin"])
        return {"title": "Beats baselines", "wanted": wanted, "value": "yes" if goal["value"] else "no",
                "interval": "", "margin": margin, "holds": goal["holds"]}  # fmt: skip
    name, _, end = goal["name"].partition(".")
    entry = evaluation.systems["model"]["scores"].get(name, {})
    digits = decimals_for([goal["value"]])
    suffix = {"low": " (lower end of its interval)", "high": " (upper end of its interval)"}.get(end, "")
    return {
        "title": metric_title(name, evaluation.kind) + suffix,
        "wanted": _in_words(goal["goal"]),
        "value": number(goal["value"], digits),
        "interval": interval(entry.get("low"), entry.get("high"), digits),
        "margin": signed(goal["margin"], digits),
        "holds": goal["holds"],
    }


def _in_words(goal: str) -> str:
    for sign, words in (
        (">=", "at least"),
        ("<=", "at most"),
        ("==", "exactly"),
        (">", "more than"),
        ("<", "less than"),
    ):
        if goal.strip().startswith(sign):
            return f"{words} {goal.strip().removeprefix(sign).strip()}".replace("-", "\N{MINUS SIGN}")
    return goal


def group_tables(bias: BiasAudit) -> list[dict[str, Any]]:
    """Per group column: its verdict, the score of each group, and the contrasts between them."""
    return [
        {
            "name": shorten(name, 80),
            "verdict": bias.verdicts.get(f"groups.{name}", bias.verdicts.get(name, "not measured")),
            "groups": _group_rows(column.get("scores", {})),
            "contrasts": [_group_contrast(c) for c in column.get("contrasts", ())],
        }
        for name, column in bias.groups.items()
    ]


def _group_rows(scores: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    digits, domain = decimals_for([s.get("value") for s in scores.values()]), _domain(list(scores.values()))
    found = {name: mark(entry, domain) for name, entry in scores.items()}
    return [
        {"name": shorten(name, 80), "rows": count(entry.get("rows")), "marks": [m] if (m := found[name]) else [],
         **_cell(entry, digits)}
        for name, entry in scores.items()
    ]  # fmt: skip


def _group_contrast(contrast: dict[str, Any]) -> dict[str, Any]:
    digits = decimals_for([contrast["difference"]])
    return {
        "between": f"{shorten(contrast['a'], 80)} − {shorten(contrast['b'], 80)}",
        "difference": signed(contrast["difference"], digits),
        "interval": interval(contrast["low"], contrast["high"], digits, sign=True),
        "p_value": p_value(contrast.get("p_value_holm", contrast.get("p_value"))),
        "verdict": contrast["verdict"],
    }


def glossary(evaluation: Evaluation) -> list[tuple[str, str]]:
    """What the scores of this run mean, each metric once."""
    names = [name for name in evaluation.systems["model"]["scores"] if metric_meaning(name)]
    found = [(metric_title(name, evaluation.kind), metric_meaning(name)) for name in names]
    if any(name.endswith(("_micro", "_weighted")) for name in evaluation.systems["model"]["scores"]):
        found.append(
            ("Macro, micro, weighted", "The mean over labels; over all rows pooled; over labels by their rows.")
        )
    return found
