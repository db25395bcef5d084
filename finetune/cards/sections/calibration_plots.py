"""Drawings of what probabilities say: reliability, accuracy against coverage, ROC and precision-recall curves."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from finetune.cards.plots import FIRST, INK, SECOND, draw, finish
from finetune.cards.wording import clean, number, share

LINES = ("-", "--", "-.", ":")
LETTERS = 18
"""Of a label in a legend."""
NAMED = 4
"""Curves with a name of their own in a drawing; more would hide one another, and the table has them all."""
SQUARE = (4.4, 3.6)


def reliability_plot(found: dict[str, Any]) -> Markup:
    """What was said against what came true, as the model is and with (or without) the temperature."""
    own, other = found[found["as_is"]], found["after" if found["as_is"] == "before" else "before"]
    filled = [entry for entry in own["reliability"] if entry["rows"]]
    start = min(entry["low"] for entry in filled)
    temperature = found["temperature"]["value"]
    names = {"before": "as the model says", "after": f"with temperature {number(temperature, 2)}"}
    second = names["after" if found["as_is"] == "before" else "before"]

    def paint(axes: Any) -> None:
        axes.plot([start, 1], [start, 1], "--", color=INK, linewidth=1, alpha=0.6, label="right as often as stated")
        if other:
            line = [entry for entry in other["reliability"] if entry["rows"]]
            axes.plot([e["confidence"] for e in line], [e["accuracy"] for e in line], "s-", color=SECOND,
                      markersize=3.5, linewidth=1, alpha=0.8, label=second)  # fmt: skip
        axes.errorbar([e["confidence"] for e in filled], [e["accuracy"] for e in filled],
                      yerr=_bars(filled, "accuracy"), fmt="o-", color=FIRST, markersize=5, linewidth=1.6,
                      elinewidth=1.2, capsize=2.5, label=names[found["as_is"]])  # fmt: skip
        axes.set_xlim(start - 0.02, 1.02)
        axes.set_ylim(-0.02, 1.03)
        _percent(axes, "xy")
        finish(axes, "stated probability", "came true")

    label = "; ".join(f"{share(e['confidence'], 0)} said, {share(e['accuracy'], 0)} true" for e in filled)
    return draw("reliability", f"Reliability plot: {label}", paint, SQUARE)


def statements_plot(found: dict[str, Any]) -> Markup:
    """How many statements of each probability there are, those that came true below the others."""
    filled = [entry for entry in found[found["as_is"]]["reliability"] if entry["rows"]]
    left = [entry["low"] for entry in filled]
    width = [entry["high"] - entry["low"] for entry in filled]
    true = [entry["rows"] * entry["accuracy"] for entry in filled]
    false = [entry["rows"] - right for entry, right in zip(filled, true, strict=True)]

    def paint(axes: Any) -> None:
        shared = {"align": "edge", "edgecolor": "none"}
        axes.bar(left, true, width, color=FIRST, alpha=0.8, label="came true", **shared)
        axes.bar(left, false, width, bottom=true, color=SECOND, alpha=0.8, label="did not", **shared)
        axes.set_xlim(min(left) - 0.02, 1.02)
        _percent(axes, "x")
        finish(axes, "stated probability", "statements")

    label = "; ".join(f"{share(e['low'], 0)} to {share(e['high'], 0)}: {e['rows']:,}" for e in filled)
    return draw("statements", f"Histogram of stated probabilities: {label}", paint, SQUARE)


def _percent(axes: Any, which: str) -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in which:
        getattr(axes, f"{axis}axis").set_major_formatter(PercentFormatter(1.0, decimals=None))


def _bars(entries: list[dict[str, Any]], value: str) -> list[list[float]]:
    low, high = (f"{value}_low", f"{value}_high") if value != "value" else ("low", "high")
    # No whisker where there is no interval: all rows are of one cluster.
    known = [e[low] is not None and e[high] is not None for e in entries]
    below = [max(0.0, e[value] - e[low]) if there else 0.0 for e, there in zip(entries, known, strict=True)]
    above = [max(0.0, e[high] - e[value]) if there else 0.0 for e, there in zip(entries, known, strict=True)]
    return [below, above]


def coverage_plot(found: dict[str, Any]) -> Markup:
    """Accuracy of the answers against the share of rows that are answered."""
    abstention = found["abstention"]
    points = [point for point in abstention["points"] if point["rows"]]
    # The first rows alone are right or wrong by chance: the line starts where it says something.
    x, y = zip(*(point for point in abstention["curve"] if point[0] >= 0.05), strict=True)

    def paint(axes: Any) -> None:
        axes.plot(x, y, color=FIRST, linewidth=1.6)
        axes.errorbar([p["coverage"] for p in points], [p["value"] for p in points], yerr=_bars(points, "value"),
                      fmt="o", color=FIRST, markersize=5, elinewidth=1.2, capsize=2.5)  # fmt: skip
        axes.set_ylim(max(0.0, min(*y, *(p["low"] or 0.0 for p in points)) - 0.02), 1.01)
        _percent(axes, "xy")
        finish(axes, "rows answered", "answers that are right")
        axes.set_xlim(0, 1.02)

    ends = "; ".join(f"{share(p['coverage'], 0)} answered, {share(p['value'])} right" for p in points)
    return draw("coverage", f"Accuracy against coverage: {ends}", paint, (6.2, 3.2))


def roc_plot(curves: list[dict[str, Any]]) -> Markup:
    """True against false positives."""

    def paint(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], "--", color=INK, linewidth=1, alpha=0.6)
        _lines(axes, curves, "roc", "auc")
        _unit(axes)
        finish(axes, "false positive rate", "true positive rate")

    ends = "; ".join(f"{c['label']}: area {number(c['auc']['value'])}" for c in curves)
    return draw("roc", clean(f"ROC curves. {ends}"), paint, SQUARE)


def precision_recall_plot(curves: list[dict[str, Any]]) -> Markup:
    """Precision against recall."""

    def paint(axes: Any) -> None:
        if len(curves) == 1:
            axes.axhline(curves[0]["share"], linestyle="--", color=INK, linewidth=1, alpha=0.6)
        _lines(axes, curves, "precision_recall", "average_precision")
        _unit(axes)
        finish(axes, "recall", "precision")

    ends = "; ".join(f"{c['label']}: average precision {number(c['average_precision']['value'])}" for c in curves)
    return draw("precision-recall", clean(f"Precision-recall curves. {ends}"), paint, SQUARE)


def _lines(axes: Any, curves: list[dict[str, Any]], points: str, area: str) -> None:
    """The best and the worst curves by name, the others faint behind them."""
    order = sorted(range(len(curves)), key=lambda i: -(curves[i][area]["value"] or 0))
    named = order if len(order) <= NAMED else [*order[: NAMED // 2], *order[-(NAMED // 2) :]]
    for i in set(order) - set(named):
        axes.plot(*zip(*curves[i][points], strict=True), color=INK, linewidth=0.8, alpha=0.3)
    for place, i in enumerate(named):
        name = f"{_short(curves[i]['label'])} ({number(curves[i][area]['value'], 2)})"
        axes.plot(*zip(*curves[i][points], strict=True), color=(FIRST, SECOND)[place % 2], linewidth=1.6,
                  linestyle=LINES[place // 2], label=name)  # fmt: skip


def _short(label: str) -> str:
    """As much of a label as a legend has room for."""
    text = clean(label)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1].rstrip()}…"


def _unit(axes: Any) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.03)
