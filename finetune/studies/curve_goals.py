"""How many training rows a goal needs, by a learning curve; and why that cannot be said, where it cannot."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from finetune.errors import RecipeError, UsageError
from finetune.metrics import direction
from finetune.recipe import Recipe, parse_goal
from finetune.statistics.extrapolation import Curve

FAR = 1000.0
"""Multiples of the largest measured size beyond which a goal counts as out of reach: nobody measured anything there."""
_GOAL = re.compile(r"^\s*([^\s<>=]+)\s*([<>=]=?.*)$")


@dataclass(frozen=True)
class CurveGoal:
    """A score to reach.

    Attributes:
        score: Its name.
        comparison: As a recipe writes it, such as `>= 0.8`.
        value: The number in it.
    """

    score: str
    comparison: str
    value: float

    @property
    def sign(self) -> int:
        """1 where the score has to rise, -1 where it has to fall."""
        return 1 if self.comparison.lstrip().startswith(">") else -1

    def holds(self, score: float) -> bool:
        """Whether a score reaches it; one that has to be above the number is taken to reach it there."""
        return self.sign * (score - self.value) >= 0

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def choose_goal(recipe: Recipe, stated: str | None) -> CurveGoal | None:
    """The goal that is stated, or the recipe's first for a score; None where there is none.

    Raises:
        UsageError: The stated one cannot be read, is not for a score, or asks for the worse.
    """
    if stated is not None:
        return _stated(stated)
    for name, comparison in recipe.goals.items():
        if isinstance(comparison, str) and "." not in name and not comparison.lstrip().startswith("=="):
            return _goal(name, comparison)
    return None


def _stated(text: str) -> CurveGoal:
    match = _GOAL.match(text)
    if match is not None and "." in match[1]:  # would be found out after all runs only
        raise UsageError(
            f"The goal {text!r} is for {match[1]}, which has no curve; accepted: a score, without an end.",
            "Write it like --goal 'f1>=0.8'.",
        )
    try:
        if match is None or match[2].startswith("=="):
            raise RecipeError("", "")
        return _goal(match[1], match[2])
    except RecipeError:
        raise UsageError(
            f"The goal {text!r} cannot be read; accepted: a score, >=, >, <= or <, and a number.",
            "Write it like --goal 'f1>=0.8'.",
        ) from None


def _goal(score: str, comparison: str) -> CurveGoal:
    sign, value = parse_goal(comparison)
    goal = CurveGoal(score, f"{sign} {value:g}", value)
    try:
        better = 1 if direction(score) == "higher" else -1
    except RecipeError:  # a score of a metric that is not built in: its run says what it measures
        return goal
    if goal.sign != better:
        raise UsageError(
            f"The goal {score} {goal.comparison} asks for a worse score than there may be.",
            f"A {'higher' if better > 0 else 'lower'} {score} is better: write {'>=' if better > 0 else '<='}.",
        )
    return goal


def answer(curve: Curve, goal: CurveGoal | None, everything: int) -> dict[str, Any]:
    """How many rows the goal needs.

    Args:
        curve: The measured scores and their law.
        goal: What is to be reached.
        everything: Training rows that the data has.

    Returns:
        `verdict` and `sentence`; where the law reaches the goal, or may, `rows`, `low`, `high` (None: no such end) and
        `out_of_reach` (share of resamples in which it never does).
    """
    if goal is None:
        return {"verdict": "no goal", "sentence": "No goal was stated: --goal f1>=0.8 asks how many rows it needs."}
    stated, largest = f"{goal.score} {goal.comparison}", int(curve.rows[-1])
    if goal.holds(float(curve.scores[-1])):
        return _reached(curve, goal, stated)
    if curve.problem:
        unsure = f"Whether more rows would reach {stated} cannot be said. {say_fit(curve, goal.score)}"
        return {"verdict": "cannot be said", "sentence": unsure}
    found = plain(curve.rows_for(goal.value), most=FAR * largest)
    if found["value"] is None:
        return _out_of_reach(curve, goal, found)
    return _more(found, stated, largest, everything, curve.confidence)


def _reached(curve: Curve, goal: CurveGoal, stated: str) -> dict[str, Any]:
    holding = [goal.holds(float(score)) for score in curve.scores]
    first = len(holding) - holding[::-1].index(False) if False in holding else 0
    return {
        "verdict": "already reached",
        "rows": int(curve.rows[first]),
        "sentence": f"{stated} is reached already: by the mean over seeds from {curve.rows[first]:,.0f} rows on, with "
        f"{curve.scores[-1]:.3f} at {curve.rows[-1]:,.0f}.",
    }


def _out_of_reach(curve: Curve, goal: CurveGoal, found: dict[str, Any]) -> dict[str, Any]:
    level = float(curve.law.a[0])
    ends = (
        f"levels off at {level:.3f}"
        if not goal.holds(level)
        else f"needs more than {FAR:,.0f} times the measured rows for it"
    )
    more = ""
    if found["low"] is not None:
        more = (
            f" In {1 - found['out_of_reach']:.0%} of the resamples it would be reached at some size, at the earliest "
            f"({curve.confidence:.0%} interval) from {_rounded(found['low'])} rows on."
        )
    sentence = (
        f"{goal.score} {goal.comparison} is out of reach on this curve, which {ends}.{more} Look for cleaner labels, a "
        "larger model or another recipe rather than for more rows alone."
    )
    return {"verdict": "out of reach on this curve", "rows": None, **_ends(found), "sentence": sentence}


def _more(found: dict[str, Any], stated: str, largest: int, everything: int, confidence: float) -> dict[str, Any]:
    needed = found["value"]
    high = f"{_rounded(found['high'])}" if found["high"] is not None else "no upper end"
    between = f"[{_rounded(found['low'])}, {high}]" if found["low"] is not None else "no interval"
    have = (
        f"the data has {everything:,}" if needed <= everything
        else f"{_rounded(needed - everything)} more than the {everything:,} of the data"
    )  # fmt: skip
    far = " That is far beyond what was measured: take it for an order of magnitude." if needed > 10 * largest else ""
    share = f"{found['out_of_reach']:.0%}"
    never = f" In {share} of the resamples it is never reached." if share != "0%" else ""
    return {"verdict": "more rows", "rows": needed, **_ends(found),
            "sentence": f"{stated} needs about {_rounded(needed)} training rows ({confidence:.0%} interval {between}); "
            f"{have}.{never}{far}"}  # fmt: skip


def _ends(found: dict[str, Any]) -> dict[str, Any]:
    return {key: found[key] for key in ("low", "high", "out_of_reach")}


def _rounded(rows: float) -> str:
    """Two significant digits: an extrapolation has no more."""
    digits = max(0, math.floor(math.log10(max(rows, 1))) - 1)
    return f"{round(rows / 10**digits) * 10**digits:,.0f}"


def plain(entry: dict[str, float], most: float = math.inf) -> dict[str, Any]:
    """Numbers for JSON: None for what is infinite, or a number of rows above `most`."""
    return {
        key: None if not math.isfinite(value) or (key in ("value", "low", "high") and value > most) else value
        for key, value in entry.items()
    }


_PROBLEMS = {
    "flat": "That {score} grows from {few} to {many} training rows was not shown ({first:.3f} and {last:.3f}), so no "
    "law can be fitted: either these rows are enough, or the noise hides what they bring. More seeds would tell.",
    "falling": "From {few} to {many} training rows {score} gets worse ({first:.3f} and {last:.3f}), so no law of "
    "growth fits: look at the schedule and at the quality of the rows.",
    "irregular": "The values of {score} lie too far from any power law to fit one (from {first:.3f} at {few} to "
    "{last:.3f} at {many} training rows). More seeds may smooth them; a jump may also be real.",
}


def say_fit(curve: Curve, score: str) -> str:
    """The law in a sentence, or why there is none."""
    few, many = (f"{size:,.0f}" for size in (curve.rows[0], curve.rows[-1]))
    if curve.problem:
        first, last = float(curve.scores[0]), float(curve.scores[-1])
        return _PROBLEMS[curve.problem].format(score=score, few=few, many=many, first=first, last=last)
    law = curve.law
    a, b, c = float(law.a[0]), float(law.b[0]), float(law.c[0])
    return (
        f"From {few} to {many} training rows, {score} follows {a:.3f} {'−' if curve.sign > 0 else '+'} {b:.3f} "
        f"(n / {law.unit:,.0f})^(−{c:.2f}), which explains {curve.explained:.0%} of its variance. A power law is a "
        "description of these rows, and what it says about more rows holds as long as they are of the same kind."
    )
