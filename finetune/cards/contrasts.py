"""The model against its baselines in words and figures: what was found, and what these rows could have shown."""

from __future__ import annotations

from typing import Any

from finetune.artifacts import Evaluation
from finetune.cards.marks import mark, symmetric_domain
from finetune.cards.summary import judge_difference
from finetune.cards.wording import (
    NOTHING,
    count,
    decimals_for,
    interval,
    is_number,
    metric_in_sentence,
    metric_title,
    number,
    p_value,
    shorten,
    signed,
)

_MANY = 1000
"""More rows than this many times as many are only called many."""


def difference_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row per paired difference, model minus baseline; those against one baseline stand together."""
    by_score: dict[str, list[dict[str, Any]]] = {}
    for contrast in evaluation.comparisons:
        by_score.setdefault(contrast["score"], []).append(contrast)
    return [_difference_row(evaluation, c, by_score[c["score"]]) for c in evaluation.comparisons]


def _difference_row(evaluation: Evaluation, contrast: dict[str, Any], group: list[dict[str, Any]]) -> dict[str, Any]:
    digits = min(4, decimals_for([c["difference"] for c in group]))
    found = mark(contrast, symmetric_domain(group))
    effect = contrast.get("minimum_detectable_effect")
    main = contrast["score"] == evaluation.headline
    row = {
        "title": metric_title(contrast["score"], evaluation.kind),
        "main": main,
        "against": evaluation.systems.get(contrast["against"], {}).get("title", contrast["against"]),
        "difference": signed(contrast["difference"], digits),
        "interval": interval(contrast["low"], contrast["high"], digits, sign=True),
        "verdict": verdict_of(contrast),
        "p_value": p_value(contrast.get("p_value")),
        "p_value_holm": p_value(contrast.get("p_value_holm")),
        "marks": [found] if found else [],
        "effect": number(effect, digits if effect >= 10**-digits else decimals_for([effect]))
        if is_number(effect)
        else NOTHING,
        "tests": _tests(contrast),
    }
    return row | {"sentence": _sentence(evaluation, contrast, row) if main else ""}


def verdict_of(contrast: dict[str, Any]) -> str:
    """`better`, `worse` or `not shown`; runs of earlier versions have no corrected verdict, only an interval."""
    if "verdict" in contrast:
        return str(contrast["verdict"])
    found = judge_difference(contrast, lower=contrast.get("direction") == "lower")
    return found if found in ("better", "worse") else "not shown"


def _tests(contrast: dict[str, Any]) -> dict[str, str] | None:
    """Tests that count rows; None where the score is no mean over rows."""
    flips, exact = contrast.get("permutation"), contrast.get("mcnemar")
    if not flips and not exact:
        return None
    found = dict.fromkeys(("permutation", "mcnemar", "model", "other"), NOTHING)
    if flips:
        found["permutation"] = p_value(flips.get("p_value_holm", flips["p_value"]))
    if exact:
        found |= {
            "mcnemar": p_value(exact.get("p_value_holm", exact["p_value"])),
            "model": count(exact["only_model_right"]), "other": count(exact["only_other_right"]),
        }  # fmt: skip
    return found


def _sentence(evaluation: Evaluation, contrast: dict[str, Any], row: dict[str, Any]) -> str:
    """What the headline score says about one baseline, for somebody who has to decide."""
    other, score = shorten(row["against"], 80), metric_in_sentence(contrast["score"], evaluation.kind)
    if not is_number(contrast["difference"]):
        return f"{other}: {score} is undefined for one of the two, so nothing can be said."
    found = f"({row['difference']}, interval {row['interval']})"
    if row["verdict"] != "not shown":
        return f"{other}: the model is {row['verdict']} {found}."
    if row["effect"] == NOTHING:
        return f"{other}: no difference was shown {found}."
    return (
        f"{other}: a difference was not shown {found}. That is not the same as no difference: these "
        f"{count(evaluation.rows)} rows would show one of {row['effect']} four times in five, and a smaller one less "
        f"often.{_more_rows(contrast)}"
    )


def _more_rows(contrast: dict[str, Any]) -> str:
    """How many rows the difference that was found would need: the standard error falls with their root."""
    effect, found = contrast["minimum_detectable_effect"], contrast["difference"]
    if not found or abs(found) >= effect:
        return ""
    times = (effect / found) ** 2
    if times > _MANY:
        return " Showing one as small as the one found would take more than a thousand times as many."
    return f" Showing one as small as the one found would take about {times:.2g} times as many."
