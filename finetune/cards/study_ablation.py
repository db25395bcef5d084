"""The page of an ablation: with and without a part of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune.cards.blocks import Cell, Points, Section, Table, Text, Value, Whisker
from finetune.cards.tables import Mark, mark
from finetune.cards.wording import (
    count,
    decimals_for,
    interval,
    is_number,
    metric_title,
    number,
    p_value,
    shorten,
    signed,
)

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


def ablation_page(found: Values) -> dict[str, Any]:
    """What the template shows of an ablation.

    Args:
        found: What `finetune.studies.ablate` returned.
    """
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


def _corrected(found: Values) -> bool:
    """Whether p-values are corrected; in studies of before they are not."""
    return all("p_value_holm" in entry for entry in found["differences"].values())


def _reading(found: Values) -> str:
    few = " With so few seeds it says little about other seeds: look at each." if found["seeds"] < 5 else ""
    holm = f" p is corrected by Holm's method for all {count(len(found['differences']))} scores together."
    tested = holm if _corrected(found) else ""
    return (
        f"Differences are with minus without. The intervals ({100 * found['confidence']:.0f}%) resample test rows and "
        f"seeds alike, so they cover what either would have changed.{few}{tested} The filled dot is the mean, its "
        "whisker the interval; the outlined ones below are the seeds."
    )


def _differences(found: Values) -> Table:
    widest = _widest(found["differences"].values())
    rows = [_difference(name, entry, widest) for name, entry in found["differences"].items()]
    tested = "p, corrected" if _corrected(found) else "p"
    titles = ("Score", "Without", "With", "Difference", "Interval", tested, "Drawn (dashed: none)")
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
        signed(entry["value"], digits), bounds, p_value(entry.get("p_value_holm", entry.get("p_value"))),
        Cell(whisker=drawn),
    ]  # fmt: skip


def _marks(entry: Values, domain: tuple[float, float]) -> tuple[Mark, ...]:
    seeds = (mark({"value": value}, domain, 4) for value in entry["each"])
    return tuple(found for found in (mark(dict(entry), domain), *seeds) if found)
