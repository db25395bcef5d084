"""Drawings as inline SVG: text stays text in the page's own font, and colours are the page's, for dark mode too."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup, escape

from finetune.artifacts import Evaluation
from finetune.cards.wording import clean, is_number, metric_title

# matplotlib wants hex colours; these stand for colours of the page and are replaced in the SVG.
INK, FAINT, FIRST, SECOND = "#010203", "#010204", "#010205", "#010206"
_COLOURS = {INK: "var(--ink)", FAINT: "var(--line)", FIRST: "var(--first)", SECOND: "var(--second)"}
_MAX_POINTS = 1000
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "finetune",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "path.simplify": True,
}


def draw(name: str, label: str, paint: Callable[[Any], None], size: tuple[float, float] = (4.6, 2.9)) -> Markup:
    """An SVG of what `paint` draws on a pair of axes.

    Args:
        name: Unique in the page; goes before every id.
        label: What the drawing shows, for those who cannot see it.
        paint: Draws on matplotlib's axes.
        size: Width and height in inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        paint(axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(stream.getvalue(), name, label)


def _inline(svg: str, name: str, label: str) -> Markup:
    """Strip what only a file of its own needs, and make ids unique and colours the page's."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>\*\{[^<]*</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r' id="(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|legend|PathCollection)_\d+"', "", svg
    )
    svg = re.sub(r'(\sid="|url\(#|href="#)', rf"\g<1>{name}-", svg).replace("xlink:href", "href")
    svg = re.sub(r"font-family: [^;\"]*;?|font: [^;\"]*?(?=[\d.]+px)", "", svg)
    svg = re.sub(r"(style=\")([\d.]+px) [^;\"]*", r"\1font-size: \2", svg)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, variable)
    opening = f'<svg class="plot" role="img" aria-label="{escape(label)}" viewBox="{_view_box(svg)}"'
    svg = re.sub(r"<svg\b[^>]*>", lambda _: f"{opening}>", svg, count=1)
    return Markup(re.sub(r">\s+<", "><", svg).strip())  # noqa: S704  # matplotlib escapes what it writes


def _view_box(svg: str) -> str:
    found = re.search(r'viewBox="([\d.\s]+)"', svg)
    return found[1] if found else "0 0 331 209"


def loss_curves(training: dict[str, Any]) -> Markup | None:
    """Training loss by epoch, and the loss on validation rows; None where nothing was logged."""
    steps = _points(training.get("history", ()), "loss")
    checks = _points(training.get("validations", ()), "validation_loss")
    if not steps and not checks:
        return None

    def paint(axes: Any) -> None:
        if steps:
            axes.plot(*zip(*steps, strict=True), color=FIRST, linewidth=1.2, label="training rows (each batch)")
        if checks:
            axes.plot(
                *zip(*checks, strict=True), "s--", color=SECOND, linewidth=1.6, markersize=5, label="validation rows"
            )
        finish(axes, "epoch", "loss")

    ends = [
        f"{what} loss from {p[0][1]:.3f} to {p[-1][1]:.3f}"
        for what, p in (("training", steps), ("validation", checks))
        if p
    ]
    return draw("loss", f"Line chart over epochs: {', '.join(ends)}", paint)


def score_curves(training: dict[str, Any], headline: str, kind: str) -> Markup | None:
    """The headline score on training and on validation rows by epoch; None without validations."""
    validations = training.get("validations", ())
    seen, checks = _points(validations, f"train_{headline}"), _points(validations, f"validation_{headline}")
    if not checks:
        return None
    title = clean(metric_title(headline, kind))

    def paint(axes: Any) -> None:
        if seen:
            axes.plot(
                *zip(*seen, strict=True), "o-", color=FIRST, linewidth=1.6, markersize=5, label="training rows (sample)"
            )
        axes.plot(*zip(*checks, strict=True), "s--", color=SECOND, linewidth=1.6, markersize=5, label="validation rows")
        finish(axes, "epoch", title)

    ends = [f"{p[-1][1]:.3f} on {what} rows" for what, p in (("training", seen), ("validation", checks)) if p]
    return draw("score", f"Line chart over epochs: {title} ends at {' and '.join(ends)}", paint)


def lengths_histogram(lengths: dict[str, Any]) -> Markup | None:
    """How long the training rows are, in tokens; None where that was not measured."""
    entry = lengths.get("splits", {}).get("train")
    if not entry or not entry.get("histogram", {}).get("counts"):
        return None
    edges, counts, limit = entry["histogram"]["edges"], entry["histogram"]["counts"], lengths.get("max_length")

    def paint(axes: Any) -> None:
        axes.stairs(counts, edges, fill=True, color=FIRST, alpha=0.75, label="training rows")
        if limit and limit <= 1.5 * edges[-1]:
            axes.axvline(limit, color=SECOND, linestyle="--", linewidth=1.6, label=f"limit of {limit:,} tokens")
        finish(axes, "tokens", "rows")

    middle, longest = entry["percentiles"].get("50"), entry["percentiles"].get("100")
    return draw("lengths", f"Histogram of tokens per training row: median {middle}, longest {longest}", paint)


NUMBERS = ("regression", "similarity")
"""Kinds whose predictions and references are numbers."""


def answers_scatter(evaluation: Evaluation) -> list[Markup]:
    """Predictions against references, and errors against predictions; empty where the target is no number."""
    pairs = number_pairs(evaluation)
    if evaluation.kind not in NUMBERS or not pairs:
        return []
    references, predictions = zip(*pairs, strict=True)
    ends = (min(*references, *predictions), max(*references, *predictions)) if len(pairs) > 1 else (references[0],) * 2

    def against(axes: Any) -> None:
        if evaluation.kind != "similarity":
            axes.plot(ends, ends, "--", color=SECOND, linewidth=1.4, label="prediction = truth")
        _dots(axes, references, predictions)
        finish(axes, "truth", "prediction")

    def residuals(axes: Any) -> None:
        axes.axhline(0, color=SECOND, linestyle="--", linewidth=1.4, label="no error")
        _dots(axes, predictions, [p - r for r, p in pairs])
        finish(axes, "prediction", "error (prediction − truth)")

    size = (4.6, 3.4)
    shown = f"{len(pairs):,} test rows"
    plots = [draw("scatter", f"Scatter plot of predictions against true values, {shown}", against, size)]
    if evaluation.kind == "similarity":  # on another scale than the truth: there is no error to draw
        return plots
    return [*plots, draw("residuals", f"Scatter plot of errors against predictions, {shown}", residuals, size)]


def number_pairs(evaluation: Evaluation) -> list[tuple[float, float]]:
    """Reference and prediction of at most 1,000 evenly spaced test rows."""
    table = evaluation.predictions
    pairs = [p for p in zip(table["reference"], table["prediction"], strict=True) if all(map(is_number, p))]
    step = max(1, -(-len(pairs) // _MAX_POINTS))
    return pairs[::step]


def _points(entries: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float]]:
    return [(e["epoch"], e[key]) for e in entries if is_number(e.get(key)) and is_number(e.get("epoch"))]


def _dots(axes: Any, x: Sequence[float], y: Sequence[float]) -> None:
    axes.plot(x, y, "o", color=FIRST, markersize=3.2, alpha=0.45, markeredgewidth=0)


def finish(axes: Any, across: str, up: str) -> None:
    """Name the axes of a drawing, and put its legend above it."""
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.margins(x=0.03)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=9, handlelength=1.8)
