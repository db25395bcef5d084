"""The page of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from finetune.cards.blocks import Cell, Section, Table, Text, Value, Whisker
from finetune.cards.tables import mark
from finetune.cards.wording import count, decimals_for, is_number, metric_in_sentence, metric_title, number, shorten

Values = Mapping[str, Any]


def folds_page(found: Values) -> dict[str, Any]:
    """What the template shows of a cross-validation.

    Args:
        found: What `finetune.studies.cross_validate` returned.
    """
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
