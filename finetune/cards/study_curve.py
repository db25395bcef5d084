"""The page of a learning curve: what more training rows bring, and how many the goal needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from finetune.cards.blocks import Block, Figures, Section, Table, Text, Value
from finetune.cards.plots import FIRST, INK, SECOND, draw, finish
from finetune.cards.wording import (
    clean,
    count,
    decimals_for,
    interval,
    is_number,
    metric_title,
    number,
    share,
    shorten,
)

Values = Mapping[str, Any]
_TAGS = {"already reached": "good", "more rows": "warn", "out of reach on this curve": "bad"}


def curve_page(found: Values) -> dict[str, Any]:
    """What the template shows of a learning curve.

    Args:
        found: What `finetune.studies.learning_curve` returned.
    """
    title = metric_title(found["score"], found["kind"])
    asked = found["answer"]["verdict"] != "no goal"
    return {
        "title": "Learning curve",
        "what": "learning curve",
        "kicker": f"{title} on growing shares of the training rows; the same test rows throughout",
        "tag": (found["answer"]["verdict"], _TAGS.get(found["answer"]["verdict"], "plain")) if asked else None,
        "verdict": shorten(found["answer"]["sentence"] if asked else found["law"]["sentence"], 600),
        "tiles": _tiles(found, title),
        "sections": [
            Section("curve", "The curve", [Figures([(_drawn(found, title), _caption(found))]), *_law(found)]),
            Section("sizes", "Each size", [_points(found, title), Text(found["schedule"], soft=True)]),
            *([Section("ahead", "With more rows", _ahead(found, title))] if found["predictions"] else []),
        ],
        "file": "learning-curve.json",
    }


def _tiles(found: Values, title: str) -> list[dict[str, Any]]:
    last, reply, law = found["points"][-1], found["answer"], found["law"]
    needed = reply.get("rows")
    level = f"{number(law['a'])}" if law["fits"] else "no law fits"
    return [
        {"label": f"{title} at {count(last['rows'])} rows", "value": number(last["mean"]),
         "notes": [interval(last["low"], last["high"])]},
        {"label": "Rows for the goal", "value": _rounded(needed) if needed else "–",
         "notes": [_between(reply) if needed and "low" in reply else reply["verdict"]]},
        {"label": "Levels off at", "value": level,
         "notes": ["with endless rows, by the law" if law["fits"] else law["problem"]]},
        {"label": "Test rows", "value": count(found["rows"]), "notes": ["the same in every run"]},
    ]  # fmt: skip


def _rounded(rows: float) -> str:
    return count(float(f"{rows:.2g}"))


def _between(reply: Values) -> str:
    low, high = reply["low"], reply["high"]
    return f"[{_rounded(low) if low else '–'}, {_rounded(high) if high else 'no upper end'}]"


def _drawn(found: Values, title: str) -> Markup:
    points, band, goal = found["points"], found["band"], found["goal"]

    def paint(axes: Any) -> None:
        if band:
            axes.fill_between(band["rows"], band["low"], band["high"], color=FIRST, alpha=0.15, linewidth=0)
            axes.plot(band["rows"], band["value"], color=FIRST, linewidth=1.6, label="power law and its interval")
        _paint_points(axes, points)
        if goal:
            axes.axhline(goal["value"], color=SECOND, linestyle="--", linewidth=1.4, label=f"goal {goal['comparison']}")
        axes.set_xscale("log")
        axes.set_ylim(*_limits(found))
        ticks = [point["rows"] for point in points] + ([round(band["rows"][-1])] if band else [])
        axes.set_xticks(ticks, [count(tick) for tick in ticks], rotation=45 if len(ticks) > 5 else 0, minor=False)
        axes.set_xticks([], minor=True)
        finish(axes, "training rows (logarithmic)", clean(title))

    ends = f"{title} from {points[0]['mean']:.3f} at {count(points[0]['rows'])} rows to {points[-1]['mean']:.3f} at "
    return draw("curve", f"Learning curve: {ends}{count(points[-1]['rows'])} rows", paint, (6.4, 3.8))


def _paint_points(axes: Any, points: Any) -> None:
    rows, means = [point["rows"] for point in points], [point["mean"] for point in points]
    below = [max(0.0, point["mean"] - point["low"]) for point in points]
    above = [max(0.0, point["high"] - point["mean"]) for point in points]
    axes.errorbar(rows, means, yerr=[below, above], fmt="o", color=INK, markersize=5, capsize=3, linewidth=1.2,
                  label="mean over seeds with interval")  # fmt: skip
    seeds = [(point["rows"], value) for point in points for value in point["each"]]
    if len(seeds) > len(points):
        axes.plot(*zip(*seeds, strict=True), "x", color=INK, markersize=4, alpha=0.5, label="one seed")


def _limits(found: Values) -> tuple[float, float]:
    """What is measured, the goal, and the law in full; its band may leave the picture."""
    values = [value for point in found["points"] for value in (point["low"], point["high"], *point["each"])]
    values += [found["goal"]["value"]] if found["goal"] else []
    values += found["band"].get("value", [])
    low, high = min(values), max(values)
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room


def _caption(found: Values) -> str:
    level = share(found["confidence"], 0)
    return (
        f"Dots: mean over {_seeds(found)}, whiskers: its {level} interval over test rows and seeds; the band is "
        "that of the fitted law, which does not hold the noise of a single run."
    )


def _seeds(found: Values) -> str:
    return f"{count(len(found['seeds']))} seed{'s' * (len(found['seeds']) != 1)}"


def _law(found: Values) -> list[Block]:
    law = found["law"]
    noise = (
        f"A single run's {metric_title(found['score'], found['kind'])} has a noise of {number(found['noise'], 4)} "
        f"(standard deviation between seeds, pooled over sizes, with {count(found['freedom'])} degrees of freedom)."
    )
    if law["fits"]:
        noise += f" Chance alone puts scores as far from a power law as these in {share(law['misfit'], 0)} of cases."
    return [Text(law["sentence"]), Text(noise, soft=True)]


def _points(found: Values, title: str) -> Table:
    names = found["baselines"]
    titles = ["Training rows", "Share", title, "Interval", "Each seed", "Steps"]
    titles += [shorten(name, 60) for name in names.values()]
    rows = [_point(point, list(names)) for point in found["points"]]
    caption = f"{title} by training rows, means over {_seeds(found)}; baselines learn from the same rows."
    return Table(caption, titles, rows, frozenset(range(1, len(titles))) - {4})


def _point(point: Values, baselines: list[str]) -> list[Value]:
    digits = decimals_for([point["mean"]])
    few, many = min(point["steps"]), max(point["steps"])
    return [
        count(point["rows"]), share(point["share"], 0), number(point["mean"], digits),
        interval(point["low"], point["high"], digits), " ".join(number(value, digits) for value in point["each"]),
        count(few) if few == many else f"{count(few)} to {count(many)}",
        *(number(point["baselines"].get(name), digits) for name in baselines),
    ]  # fmt: skip


def _ahead(found: Values, title: str) -> list[Block]:
    rows: list[list[Value]] = [
        [
            count(entry["rows"]),
            _what(entry["rows"], found),
            number(entry["value"]),
            interval(entry["low"], entry["high"]),
        ]
        for entry in found["predictions"]
    ]
    titles = ("Training rows", "", title, f"{share(found['confidence'], 0)} prediction interval")
    note = (
        "Predictions for a single run, with the noise of its seed and of the test rows. The farther from what was "
        "measured, the more they rest on the law alone."
    )
    return [Table("What the law predicts.", titles, rows, frozenset({2, 3}), wide=False), Text(note, soft=True)]


def _what(rows: float, found: Values) -> str:
    if rows == found["train_rows"]:
        return "all training rows of the data"
    times = rows / found["points"][-1]["rows"]
    return f"{times:.3g} times the largest measured" if is_number(times) else ""
