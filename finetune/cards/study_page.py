"""`study.html`: what several runs of one recipe say together, an ablation or a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.cards.blocks import Cell, Points, Section, Table, Text, Value, Whisker
from finetune.cards.page import write_page
from finetune.cards.tables import Mark, mark
from finetune.cards.wording import (
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
from finetune.errors import UsageError

Values = Mapping[str, Any]
_VERDICTS = {"helped": "good", "hurt": "bad"}
_PUBLISHED = (
    "EDA (synonyms, insertions, swaps, deletions) with recurrent and convolutional networks: +3.0 points of accuracy "
    "with 500 training rows and +0.8 with all of them, means over five classification tasks. Wei and Zou, “EDA: "
    "Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks”, EMNLP 2019, "
    "arXiv:1901.11196.",
    "EDA and back-translation with pretrained transformers (BERT, XLNet, RoBERTa): no consistent improvement, also "
    "with few rows. Longpre, Wang and DuBois, “How Effective is Task-Agnostic Data Augmentation for Pretrained "
    "Transformers?”, Findings of EMNLP 2020, arXiv:2010.01764.",
)
"""What papers report on augmenting texts."""


def write_study_page(found: Mapping[str, Any], path: Path) -> Path:
    """Write the page of a study.

    Args:
        found: What `finetune.studies.ablate` or `finetune.studies.cross_validate` returned.
        path: The HTML file; its folder is made, and it is written whole or not at all.

    Returns:
        `path`.

    Raises:
        UsageError: It is neither.
        RunFolderError: The file cannot be written.
    """
    if "differences" in found:
        return write_page(path, "study.html", **_ablation(found))
    if "systems" in found:
        return write_page(path, "study.html", **_folds(found))
    raise UsageError(
        f"A study with {', '.join(map(str, found)) or 'nothing'} is neither an ablation nor a cross-validation.",
        "Pass what ablate or cross_validate returned.",
    )


# -- with and without a section


def _ablation(found: Values) -> dict[str, Any]:
    headline = found["differences"][found["headline"]]
    sections = [
        Section("scores", "Scores", [_differences(found), Text(_reading(found), soft=True)]),
        Section("seeds", "Each seed", [_seed_table(found)]),
    ]
    if found["section"] == "augmentation":
        opening = Text(
            "Published figures, on other data and other models; they say what to expect, not what holds here."
        )
        sections.append(Section("published", "What papers report", [opening, Points(_PUBLISHED)], "Papers"))
    return {
        "title": f"With and without {found['section']}",
        "what": "ablation",
        "kicker": "an ablation: the same recipe, seeds and test rows",
        "tag": (found["verdict"], _VERDICTS.get(found["verdict"], "plain")),
        "verdict": shorten(found["sentence"], 500),
        "tiles": _ablation_tiles(found, headline),
        "sections": sections,
        "file": "ablation.json",
    }


def _ablation_tiles(found: Values, headline: Values) -> list[dict[str, Any]]:
    title = metric_title(found["headline"])
    difference = f"{interval(headline['low'], headline['high'], sign=True)}"
    return [
        {"label": f"{title} without", "value": number(headline["first"]), "notes": [f"mean of {_seeds(found)}"]},
        {"label": f"{title} with", "value": number(headline["second"]), "notes": [f"mean of {_seeds(found)}"]},
        {"label": "Difference", "value": signed(headline["value"]), "notes": [difference]},
        {"label": "Test rows", "value": count(found["rows"]), "notes": ["the same in every run"]},
    ]


def _seeds(found: Values) -> str:
    return f"{count(found['seeds'])} seed{'s' * (found['seeds'] != 1)}"


def _reading(found: Values) -> str:
    few = " With so few seeds it says little about other seeds: look at each." if found["seeds"] < 5 else ""
    return (
        f"Differences are with minus without. The intervals ({100 * found['confidence']:.0f}%) resample test rows and "
        f"seeds alike, so they cover what either would have changed.{few} The filled dot is the mean, its whisker the "
        "interval; the outlined ones below are the seeds."
    )


def _differences(found: Values) -> Table:
    widest = _widest(found["differences"].values())
    rows = [_difference(name, entry, widest) for name, entry in found["differences"].items()]
    titles = ("Score", "Without", "With", "Difference", "Interval", "p", "Drawn (dashed: none)")
    caption = f"Means over {_seeds(found)} on the same {count(found['rows'])} test rows."
    return Table(caption, titles, rows, frozenset({1, 2, 3, 4, 5}))


def _seed_table(found: Values) -> Table:
    first, scores = found.get("first_seed", 0), found["differences"]
    rows: list[list[Value]] = [
        [f"{first + place}", *(signed(entry["each"][place]) for entry in scores.values())]
        for place in range(found["seeds"])
    ]
    titles = ("Seed", *(metric_title(name) for name in scores))
    return Table("The difference of each seed.", titles, rows, frozenset(range(1, len(titles))), wide=False)


def _widest(entries: Any) -> float:
    """How far the drawings reach to both sides: all scores between 0 and 1 share one scale."""
    ends = [abs(x) for e in entries for x in (e["value"], e["low"], e["high"], *e["each"]) if is_number(x)]
    inside = [x for x in ends if x <= 1]
    return 1.1 * max(inside, default=1.0) or 1.0


def _difference(name: str, entry: Values, widest: float) -> list[Value]:
    ends = [abs(x) for x in (entry["value"], entry["low"], entry["high"], *entry["each"]) if is_number(x)]
    reach = widest if max(ends, default=0.0) <= widest else 1.1 * max(ends)
    digits = decimals_for([entry["first"], entry["second"]])
    bounds = interval(entry["low"], entry["high"], digits, sign=True)
    label = f"{metric_title(name)}: {signed(entry['value'], digits)} {bounds}"
    drawn = Whisker(_marks(entry, (-reach, reach)), label, 50.0, (signed(-reach, 2), signed(reach, 2)))
    return [
        metric_title(name), number(entry["first"], digits), number(entry["second"], digits),
        signed(entry["value"], digits), bounds, p_value(entry.get("p_value")), Cell(whisker=drawn),
    ]  # fmt: skip


def _marks(entry: Values, domain: tuple[float, float]) -> tuple[Mark, ...]:
    seeds = (mark({"value": value}, domain, 4) for value in entry["each"])
    return tuple(found for found in (mark(dict(entry), domain), *seeds) if found)


# -- folds


def _folds(found: Values) -> dict[str, Any]:
    model = found["systems"]["model"]["scores"][found["headline"]]
    sections = [
        Section("means", "Means over folds", [_means(found), Text(_SPREAD, soft=True)], "Means"),
        Section("folds", "Each fold", [_each(found)]),
    ]
    return {
        "title": "Cross-validation",
        "what": "cross-validation",
        "kicker": f"{count(found['folds'])} folds: every row is a test row once",
        "tag": None,
        "verdict": fold_sentence(found),
        "tiles": _fold_tiles(found, model),
        "sections": sections,
        "file": "folds.json",
    }


_SPREAD = (
    "The spread is the standard deviation between folds. Folds share training rows, so it tells how much the score "
    "varies between them, and is no standard error of the mean (Bengio and Grandvalet 2004)."
)


def fold_sentence(found: Values) -> str:
    """The verdict on folds: mean and spread of the headline score, and the baselines that were beaten.

    Args:
        found: What `cross_validate` returned.
    """
    entry = found["systems"]["model"]["scores"][found["headline"]]
    spread = f", standard deviation {number(entry['std'])}" if is_number(entry["std"]) else ""
    score, folds = metric_in_sentence(found["headline"]), count(found["folds"])
    said = f"The mean {score} of {folds} folds is {number(entry['mean'])}{spread}"
    beaten = [
        f"{shorten(found['systems'][name]['title'], 80)} in {count(times)} of {folds}"
        for name, times in found["beaten"].items()
    ]
    return f"{said}. It is better than {', '.join(beaten)}." if beaten else f"{said}."


def _fold_tiles(found: Values, model: Values) -> list[dict[str, Any]]:
    known = [value for value in model["each"] if is_number(value)]
    span = f"{number(min(known, default=None))} to {number(max(known, default=None))}"
    return [
        {"label": metric_title(found["headline"]), "value": number(model["mean"]), "notes": ["mean over folds"]},
        {"label": "Spread", "value": number(model["std"]), "notes": [span]},
        {"label": "Rows", "value": count(found["rows"]), "notes": [f"in {count(found['folds'])} folds"]},
    ]


def _means(found: Values) -> Table:
    systems = found["systems"]
    titles = ("Score", *(shorten(system["title"], 80) for system in systems.values()))
    rows = [[metric_title(name), *(_mean(system["scores"].get(name)) for system in systems.values())]
            for name in systems["model"]["scores"]]  # fmt: skip
    return Table("Mean, and standard deviation between folds.", titles, rows, frozenset(range(1, len(titles))))


def _mean(entry: Values | None) -> Value:
    if entry is None:
        return Cell()
    digits = decimals_for([entry["mean"]])
    return Cell(number(entry["mean"], digits), f"± {number(entry['std'], digits)}" if is_number(entry["std"]) else "")


def _each(found: Values) -> Table:
    name, systems = found["headline"], list(found["systems"].values())
    each: list[Sequence[float | None]] = [system["scores"][name]["each"] for system in systems]
    digits = decimals_for([value for values in each for value in values])
    domain = _domain(each)
    rows = [_fold(place, [values[place] for values in each], digits, domain) for place in range(found["folds"])]
    caption = (
        f"{metric_title(name)} of each fold. Drawn: the model (filled) and the baselines in the order of the columns."
    )
    titles = ("Fold", *(shorten(system["title"], 80) for system in systems), "Drawn")
    return Table(caption, titles, rows, frozenset(range(1, len(titles) - 1)))


def _domain(each: Sequence[Sequence[float | None]]) -> tuple[float, float]:
    known = [value for values in each for value in values if is_number(value)]
    return min(0.0, *known, 0.0), max(1.0, *known, 1.0)


def _fold(place: int, values: list[float | None], digits: int, domain: tuple[float, float]) -> list[Value]:
    found = [mark({"value": value}, domain, (i - 1) % 4 + 1 if i else 0) for i, value in enumerate(values)]
    shown = [number(value, digits) for value in values]
    ends = (number(domain[0], 0), number(domain[1], 0))
    whisker = Whisker(tuple(m for m in found if m), f"Fold {place + 1}: {', '.join(shown)}", ends=ends)
    return [str(place + 1), *shown, Cell(whisker=whisker)]
