"""The run in a sentence or two, for somebody who has to decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from finetune.artifacts import Evaluation
from finetune.cards.record import Record, short_name
from finetune.cards.wording import (
    count,
    decimals_for,
    duration,
    interval,
    is_number,
    metric_in_sentence,
    metric_title,
    number,
    share,
    shorten,
    signed,
)


@dataclass(frozen=True)
class Contrast:
    """The model against its best baseline on the headline score.

    Attributes:
        title: The baseline's name.
        value: Its score.
        difference: Model minus baseline.
        low: Lower end of the interval of the difference.
        high: Upper end.
        verdict: `better`, `worse`, or `not shown to differ`.
    """

    title: str
    value: float
    difference: float | None
    low: float | None
    high: float | None
    verdict: str


def best_baseline(evaluation: Evaluation) -> Contrast | None:
    """The baseline with the best headline score, and how far the model is from it; None without any."""
    headline = evaluation.headline
    lower = headline_entry(evaluation).get("direction") == "lower"
    values = {
        name: system["scores"].get(headline, {}).get("value")
        for name, system in evaluation.systems.items()
        if name != "model"
    }
    known = {name: value for name, value in values.items() if is_number(value)}
    if not known:
        return None
    best = (min if lower else max)(known, key=lambda name: known[name])
    found = next((c for c in evaluation.comparisons if (c["against"], c["score"]) == (best, headline)), {})
    return Contrast(
        evaluation.systems[best]["title"], known[best], found.get("difference"), found.get("low"), found.get("high"),
        judge_difference(found, lower=lower),
    )  # fmt: skip


def headline_entry(evaluation: Evaluation) -> dict[str, Any]:
    """The model's headline score with its interval."""
    return dict(evaluation.systems["model"]["scores"][evaluation.headline])


def judge_difference(contrast: dict[str, Any], *, lower: bool) -> str:
    """What a difference allows to say: `better`, `worse`, or `not shown to differ`.

    The evaluation's own verdict, which is corrected for the number of comparisons; in old runs the interval's.
    """
    if stated := contrast.get("verdict"):
        return "not shown to differ" if stated == "not shown" else str(stated)
    low, high = contrast.get("low"), contrast.get("high")
    if low is None or high is None or low <= 0 <= high:
        return "not shown to differ"
    return "better" if (high < 0) == lower else "worse"


def made_of(record: Record) -> str:
    """What was trained on what."""
    rows = record.training.get("rows") or record.data.get("splits", {}).get("train")
    how = "was fine-tuned with a LoRA adapter" if record.is_adapter else "was fine-tuned (all weights)"
    on = f" on {count(rows)} rows" if rows else ""
    return f"{shorten(short_name(record.base_name), 120)} {how}{on} of {shorten(short_name(record.data_name), 120)}."


def scored(evaluation: Evaluation) -> str:
    """The headline score, in a sentence."""
    entry, title = headline_entry(evaluation), metric_in_sentence(evaluation.headline, evaluation.kind)
    if not is_number(entry["value"]):
        return f"Its score ({title}) is undefined on the {count(evaluation.rows)} test rows."
    digits = decimals_for([entry["value"]])
    better = "; lower is better" if entry.get("direction") == "lower" else ""
    return (
        f"On {count(evaluation.rows)} held-out test rows its {title} is {number(entry['value'], digits)} "
        f"({share(evaluation.confidence, 0)} interval {interval(entry['low'], entry['high'], digits)}{better})."
    )


def compared(evaluation: Evaluation) -> str:
    """The best baseline beside it, in a sentence."""
    best = best_baseline(evaluation)
    if best is None:
        return "No baseline was scored, so nothing says whether a simpler method would do as well."
    digits = decimals_for([headline_entry(evaluation)["value"], best.value])
    words = {
        "better": f"That is better than the best baseline, {best.title}",
        "worse": f"That is worse than the best baseline, {best.title}",
        "not shown to differ": f"These rows do not show a difference from the best baseline, {best.title}",
    }[best.verdict]
    ends = interval(best.low, best.high, digits, sign=True)
    return f"{words} ({number(best.value, digits)}): difference {signed(best.difference, digits)}, interval {ends}."


def goals_sentence(evaluation: Evaluation) -> str:
    """Whether the recipe's goals hold, in a sentence."""
    goals = evaluation.goals
    missed = [goal["name"] for goal in goals if not goal["holds"]]
    if not goals:
        return "The recipe sets no goals."
    if not missed:
        return "Its goal holds." if len(goals) == 1 else f"{_all(len(goals))} goals hold."
    if len(missed) == len(goals):
        return "Its goal is missed." if len(goals) == 1 else f"{_all(len(goals))} goals are missed."
    return f"{len(missed)} of {len(goals)} goals {'is' if len(missed) == 1 else 'are'} missed: {', '.join(missed)}."


def _all(number_of_goals: int) -> str:
    return "Both" if number_of_goals == 2 else f"All {number_of_goals}"


def tiles(record: Record) -> list[dict[str, Any]]:
    """The figures that stand at the top: `{label, value, notes}`."""
    evaluation = record.evaluation
    entry, best = headline_entry(evaluation), best_baseline(evaluation)
    digits = decimals_for([entry["value"]])
    level = share(evaluation.confidence, 0)
    shown = [
        {
            "label": metric_title(evaluation.headline, evaluation.kind),
            "value": number(entry["value"], digits),
            "notes": [f"{level} interval", interval(entry["low"], entry["high"], digits)],
        }
    ]
    if best:
        ends = interval(best.low, best.high, digits, sign=True)
        value = signed(best.difference, digits)
        shown.append({"label": "Against best baseline", "value": value, "notes": [best.title, ends]})
    held = sum(bool(goal["holds"]) for goal in evaluation.goals)
    if evaluation.goals:
        shown.append({"label": "Goals", "value": f"{held} of {len(evaluation.goals)}", "notes": ["hold"]})
    seconds = record.training.get("seconds", {}).get("training")
    if seconds:
        epochs = record.training.get("epochs")
        notes = [f"{number(epochs, 1).removesuffix('.0')} epochs"] if is_number(epochs) else []
        shown.append({"label": "Training time", "value": duration(seconds), "notes": notes})
    return shown


def diagnosis_figures(record: Record) -> list[tuple[str, str]]:
    """The figures behind the diagnosis."""
    names = {
        "best_epoch": ("Epoch of the lowest validation loss", 1),
        "best_validation_loss": ("Lowest validation loss", 4),
        "last_validation_loss": ("Last validation loss", 4),
        "first_train_loss": ("First training loss measured beside it", 4),
        "last_train_loss": ("Last training loss measured beside it", 4),
        "train_score": ("Last headline score on training rows (sample)", 3),
        "validation_score": ("Last headline score on validation rows", 3),
    }
    figures = record.evaluation.diagnosis.get("figures", {})
    return [
        (title, number(figures[key], digits)) for key, (title, digits) in names.items() if is_number(figures.get(key))
    ]
