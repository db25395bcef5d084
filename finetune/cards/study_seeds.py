"""The page of a study of seeds: what a score owes to chance in the training, and which run to publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune.cards.blocks import Cell, Section, Table, Text, Value, Whisker
from finetune.cards.tables import Mark, mark
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
    share,
    shorten,
    signed,
)

Values = Mapping[str, Any]


def seeds_page(found: Values) -> dict[str, Any]:
    """What the template shows of a study of seeds.

    Args:
        found: What `finetune.studies.run_seeds` returned.
    """
    level = share(found["confidence"], 0)
    held = Text(_READING.format(level=level, few=_few(found)), soft=True)
    sections = [
        Section("scores", "Scores over seeds", [_scores(found), held], "Scores"),
        Section("seeds", "Each seed", [_each(found), Text(publish_sentence(found))]),
        Section("churn", "Where seeds differ", [Text(_churn_sentence(found)), _pairs(found)], "Churn"),
    ]
    if found["baselines"]:
        sections.insert(1, Section("baselines", "Against the baselines", [_baselines(found), Text(_FITTED, soft=True)],
                                   "Baselines"))  # fmt: skip
    if found["goals"]:
        sections.insert(0, Section("goals", "Goals", [_goals(found)]))
    return {
        "title": "Several seeds",
        "what": "study of seeds",
        "kicker": f"{count(len(found['seeds']))} seeds: the same recipe, data and test rows",
        "tag": _tag(found),
        "verdict": seeds_sentence(found),
        "tiles": _tiles(found),
        "sections": sections,
        "file": "seeds.json",
    }


_READING = (
    "Interval ({level}): of the mean over seeds on other test rows of the same kind and from other seeds. It resamples "
    "rows and seeds together. Seeds alone: Student's interval of the mean on these very test rows.{few}"
)
_FITTED = (
    "Baselines do not depend on the training seed; each was fitted once. The difference is the model's mean minus the "
    "baseline; its interval covers other test rows and other seeds. One that holds zero is inconclusive."
)


def _few(found: Values) -> str:
    k = len(found["seeds"])
    return f" {count(k)} seeds tell their spread roughly: look at each of them too." if k < 5 else ""


def seeds_sentence(found: Values) -> str:
    """The verdict on seeds: mean, spread and interval of the headline score, and how often baselines were beaten.

    Args:
        found: What `run_seeds` returned.
    """
    entry, name, k = found["scores"][found["headline"]], found["headline"], len(found["seeds"])
    said = f"The mean {metric_in_sentence(name, found['kind'])} of {count(k)} seeds is {number(entry['mean'])}"
    if is_number(entry["low"]):
        said += f" {interval(entry['low'], entry['high'])}"
    if is_number(entry["std"]):
        spread = f"{number(entry['min'])} to {number(entry['max'])}"
        said += f"; between seeds its standard deviation is {number(entry['std'])} ({spread})"
    beaten = [f"{shorten(b['title'], 80)} in {count(b['beaten'])} of {count(k)}" for b in found["baselines"].values()]
    return f"{said}. It is better than {', '.join(beaten)}." if beaten else f"{said}."


def publish_sentence(found: Values) -> str:
    """Which run to publish, and why not the best one.

    Args:
        found: What `run_seeds` returned.
    """
    chosen = found["median"]
    value = f" ({metric_in_sentence(chosen['score'], found['kind'])} {number(chosen['value'])})"
    return (
        f"The run to publish is {chosen['run']}, that of the median seed{value}. The best one was found with the test "
        "rows, so its score on them would promise more than it keeps on others."
    )


def _churn_sentence(found: Values) -> str:
    churn = found["churn"]
    if churn["unit"] == "mean distance":
        return (
            f"The answers of two seeds are {number(churn['mean'])} apart, on average over test rows and pairs of seeds."
        )
    return (
        f"Two seeds answer {share(churn['mean'])} of the test rows differently, on average over pairs "
        f"({share(churn['min'])} to {share(churn['max'])}): so much changes for users when one run replaces another, "
        "though their scores may be the same."
    )


def _tag(found: Values) -> tuple[str, str] | None:
    if not found["goals"]:
        return None
    holds = all(goal["holds"] for goal in found["goals"])
    return ("goals hold", "good") if holds else ("goals missed", "bad")


def _tiles(found: Values) -> list[dict[str, Any]]:
    entry, churn = found["scores"][found["headline"]], found["churn"]
    differ = number(churn["mean"]) if churn["unit"] == "mean distance" else share(churn["mean"])
    return [
        {"label": metric_title(found["headline"], found["kind"]), "value": number(entry["mean"]),
         "notes": ["mean over seeds", interval(entry["low"], entry["high"])]},
        {"label": "Spread between seeds", "value": number(entry["std"]),
         "notes": [f"{number(entry['min'])} to {number(entry['max'])}"]},
        {"label": "Answers that differ", "value": differ, "notes": ["between two seeds"]},
        {"label": "To publish", "value": found["median"]["run"], "notes": ["the median, not the best"]},
    ]  # fmt: skip


def _goals(found: Values) -> Table:
    rows = [_goal(goal) for goal in found["goals"]]
    return Table("Goals of the recipe, held against the mean over seeds.", ("Goal", "Verdict", "By how much"), rows)


def _goal(goal: Values) -> list[Value]:
    title = "Beats baselines" if goal["name"] == "beats_baselines" else metric_title(goal["name"])
    verdict = Cell("holds", tag="good") if goal["holds"] else Cell("missed", tag="bad")
    return [title, verdict, shorten(goal["sentence"])]


def _scores(found: Values) -> Table:
    domain = _domain(found["scores"].values())
    rows = [_score(name, entry, found, domain) for name, entry in found["scores"].items()]
    titles = ("Score", "Mean", "Interval", "Std. dev.", "Range", "Seeds alone", "Drawn")
    size = f"{count(len(found['seeds']))} seeds, {count(found['rows'])} test rows"
    caption = f"{size}. Drawn: the mean with its interval (filled), and the seeds."
    return Table(caption, titles, rows, frozenset({1, 2, 3, 4, 5}))


def _score(name: str, entry: Values, found: Values, domain: tuple[float, float]) -> list[Value]:
    digits = decimals_for([entry["mean"]])
    ends = [entry[key] for key in ("low", "high", "min", "max") if is_number(entry[key])]
    own = domain if all(domain[0] <= end <= domain[1] for end in ends) else (min(0.0, *ends), max(ends))
    marks = [mark({"value": entry["mean"], "low": entry["low"], "high": entry["high"]}, own)]
    marks += [mark({"value": value}, own, 4) for value in entry["each"]]
    label = f"{metric_title(name)}: {number(entry['mean'], digits)} {interval(entry['low'], entry['high'], digits)}"
    shown: tuple[Mark, ...] = tuple(found_mark for found_mark in marks if found_mark)
    places = 0 if own == domain else digits
    drawn = Whisker(shown, label, ends=(number(own[0], places), number(own[1], places)))
    return [
        metric_title(name, found["kind"]), number(entry["mean"], digits), interval(entry["low"], entry["high"], digits),
        number(entry["std"], digits), f"{number(entry['min'], digits)} to {number(entry['max'], digits)}",
        interval(entry["mean_low"], entry["mean_high"], digits), Cell(whisker=drawn),
    ]  # fmt: skip


def _domain(entries: Any) -> tuple[float, float]:
    """0 to 1 where scores lie in it; those that do not have a scale of their own."""
    known = [entry["min"] for entry in entries if is_number(entry["min"])]
    return (min(0.0, *known), 1.0) if known and min(known) >= -1 else (0.0, 1.0)


def _baselines(found: Values) -> Table:
    k = len(found["seeds"])
    rows = [_baseline(entry, k, found["kind"]) for entry in found["baselines"].values()]
    titles = ("Baseline", "Score", "Its value", "Beaten in", "Mean difference", "Interval", "p", "Verdict")
    return Table(
        f"The model's mean over {count(k)} seeds against each baseline.", titles, rows, frozenset({2, 4, 5, 6})
    )


def _baseline(entry: Values, seeds: int, kind: str) -> list[Value]:
    return [
        shorten(entry["title"], 80), metric_title(entry["score"], kind), number(entry["scores"].get(entry["score"])),
        f"{count(entry['beaten'])} of {count(seeds)} seeds ({share(entry['share'], 0)})", signed(entry["difference"]),
        interval(entry["low"], entry["high"], sign=True), p_value(entry["p_value"]), _verdict(entry),
    ]  # fmt: skip


def _verdict(entry: Values) -> Cell:
    low, high = entry["low"], entry["high"]
    if not (is_number(low) and is_number(high)):
        return Cell("not measured", tag="plain")
    if low <= 0 <= high:
        return Cell("inconclusive", tag="warn")
    better = (low > 0) == (entry.get("direction", "higher") == "higher")
    return Cell("better", tag="good") if better else Cell("worse", tag="bad")


def _each(found: Values) -> Table:
    scores = found["scores"]
    rows: list[list[Value]] = []
    for place, seed in enumerate(found["seeds"]):
        own = f"seed-{seed}" == found["median"]["run"]
        name: Value = Cell(str(seed), "median") if own else str(seed)
        rows.append([name, *(number(entry["each"][place]) for entry in scores.values())])
    titles = ("Seed", *(metric_title(name, found["kind"]) for name in scores))
    return Table("Scores of each seed's run.", titles, rows, frozenset(range(1, len(titles))))


def _pairs(found: Values) -> Table:
    numbers = found["churn"]["unit"] == "mean distance"
    rows: list[list[Value]] = [
        [f"{pair['a']} and {pair['b']}", number(pair["value"]) if numbers else share(pair["value"])]
        for pair in found["churn"]["pairs"]
    ]
    title = "Mean distance of answers" if numbers else "Rows answered differently"
    return Table("Pairs of seeds on the same test rows.", ("Seeds", title), rows or [[NOTHING, NOTHING]],
                 frozenset({1}), folded="Each pair", wide=False)  # fmt: skip
