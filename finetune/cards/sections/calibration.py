"""Can its probabilities be trusted? What it says against what comes true; answering less; other thresholds."""

from __future__ import annotations

from typing import Any

from finetune.cards import trust
from finetune.cards.blocks import Block, Cell, Figures, Section, Table, Text
from finetune.cards.record import Record
from finetune.cards.sections.calibration_plots import reliability_plot, statements_plot
from finetune.cards.sections.operating_points import (
    abstention_blocks,
    curve_blocks,
    ends_of,
    threshold_blocks,
    value_of,
)
from finetune.cards.wording import count, interval, is_number, number, p_value, share, shorten, signed

TITLE = "Can its probabilities be trusted?"
UNCHANGED = 0.005
"""Distance of a temperature from 1 below which it would be written as 1.00."""
ENOUGH = 30
"""Statements behind a sentence that quotes them."""
SCORES = (
    ("ece", "Calibration error (ECE)", "How far stated probabilities are from what comes true, on average."),
    ("brier", "Brier score", "Squared error of the probabilities: 0 is perfect."),
    ("nll", "Negative log-likelihood", "Surprise at the truth, in nats: 0 is perfect."),
)
Entry = dict[str, Any]


def section(record: Record) -> Section | None:
    """The part of the report on probabilities; None where answers state none."""
    found = record.evaluation.calibration
    if "because" in found:
        told = f"Whether its probabilities can be trusted was not measured, because {found['because']}."
        return Section("calibration", TITLE, [Text(told)], "Probabilities")
    if "before" not in found:
        return None
    blocks: list[Block] = [*_trust(found), *threshold_blocks(found), *abstention_blocks(found), *curve_blocks(found)]
    return Section("calibration", TITLE, blocks, "Probabilities")


def verdict(found: Entry) -> str:
    """The answer in a sentence or two, in plain words."""
    measured, level = trust.measured_as_is(found), share(found["confidence"], 0)
    error, off = measured["ece"], trust.shown_off(found)
    quoted = _quoted(measured, apart=found["labels_apart"], level=level)
    size = f"calibration error {number(error['value'])} {interval(error['low'], error['high'])}"
    if off is None:
        return f"{quoted}All test rows are of one cluster: whether its probabilities are off cannot be told ({size})."
    chance = f"rows as few as these give {number(error['by_chance'])} by chance alone{_approximate(found)}"
    if off:
        return f"{quoted}It is {trust.trend(found)}: {size}; {chance}."
    most = share(error["high"]) if is_number(error["high"]) else "an unknown amount"
    return (
        f"{quoted}The test rows do not show its probabilities to be off; they could hide an error of up to {most} "
        f"({size}; {chance})."
    )


def _approximate(found: Entry) -> str:
    """What to add where rows depend on each other."""
    clusters = found.get("clusters")
    return f" (approximate, because the rows are of {count(clusters)} clusters)" if clusters else ""


def _quoted(measured: Entry, *, apart: bool, level: str) -> str:
    """What came true where it said about 90%, or the nearest to that of which there is enough."""
    known = [entry for entry in measured["said"] if entry["rows"] >= ENOUGH]
    if not known:
        return ""
    entry = min(known, key=lambda entry: abs(entry["around"] - 0.9))
    came = "the label is there" if apart else "it is right"
    return (
        f"When it says about {share(entry['around'], 0)}, {came} {share(entry['accuracy'], 0)} of the time "
        f"{ends_of(entry, 0)} ({count(entry['rows'])} cases, {level} interval). "
    )


def _trust(found: Entry) -> list[Block]:
    kind = "approximate, over clusters; none where all are of one" if found.get("clusters") else "Wilson"
    bars = f"whiskers: {share(found['confidence'], 0)} intervals ({kind})"
    what = "each label of each test row" if found["labels_apart"] else "the likeliest answer to each test row"
    caption = f"Stated probability of {what} against how often it was true; {bars}. On the dashed line both agree."
    counted = "How many statements of each probability there are: few ones make long whiskers."
    return [
        Text(verdict(found)),
        Figures([(reliability_plot(found), caption), (statements_plot(found), counted)]),
        Text(_temperature(found)),
        _scores(found),
        *_per_label(found),
    ]


def _temperature(found: Entry) -> str:
    """What temperature scaling does, or would do."""
    fitted = found["temperature"]
    if not is_number(fitted["value"]):
        return f"Temperature scaling was not measured: {fitted['reason']}."
    rows = f"fitted to {count(fitted['rows'])} validation rows" if fitted["rows"] else "chosen earlier"
    if abs(fitted["value"] - 1) < UNCHANGED:
        does = "changes next to" if fitted["applied"] else "would change"
        return f"Temperature scaling {does} nothing (T = {number(fitted['value'], 2)}, {rows})."
    moved = found["difference"]["ece"]
    effect = f"{signed(moved['value'])} {interval(moved['low'], moved['high'], sign=True)}"
    if trust.gain(found) == "inconclusive":
        said = f"whether that lowers the calibration error is inconclusive ({effect})"
    else:
        said = f"that {'lowers' if trust.gain(found) == 'lower' else 'raises'} the calibration error ({effect})"
    if fitted["applied"]:
        return (
            f"All probabilities here are those after temperature scaling (T = {number(fitted['value'], 2)}, {rows}), "
            f"which the recipe asks for: {said}."
        )
    same = "" if found["labels_apart"] else "its answers would stay the same and "
    return (
        f"Temperature scaling is not applied. With T = {number(fitted['value'], 2)}, {rows}, {same}"
        f"its probabilities would be {'less' if fitted['value'] > 1 else 'more'} extreme: {said}. "
        "To apply it, set evaluation.calibration.temperature: true in the recipe."
    )


def _scores(found: Entry) -> Table:
    """The three scores without and with the temperature."""
    both = bool(found["after"])
    columns = ["Score", "As the model says", *(["With the temperature", "Change", "p"] if both else [])]
    rows: list[list[str | Cell]] = []
    for name, title, meaning in SCORES:
        row: list[str | Cell] = [Cell(title, meaning), value_of(found["before"][name])]
        if both:
            moved = found["difference"][name]
            change = f"{signed(moved['value'])} {interval(moved['low'], moved['high'], sign=True)}"
            row += [value_of(found["after"][name]), change, p_value(moved["p_value"], 2 / (moved["resamples"] + 1))]
        rows.append(row)
    caption = (
        f"On {count(found['rows'])} test rows, with {share(found['confidence'], 0)} bootstrap intervals; lower is "
        f"better. The calibration error has {found['bins']} bins of equal width (with equally full ones it is "
        f"{number(found[found['as_is']]['ece_mass'])}); its intervals take off what chance adds to it, so the value "
        "stands near their upper end."
    )
    return Table(caption, columns, rows, frozenset(range(1, len(columns))))


def _per_label(found: Entry) -> list[Block]:
    if len(found["per_label"]) < 2:
        return []
    rows = [[shorten(e["label"], 60), number(e["ece"]), share(e["mean_probability"]), share(e["share"])]
            for e in found["per_label"]]  # fmt: skip
    return [Table("Calibration error of each label, the largest first.",
                  ["Label", "Error", "Said on average", "True"], rows, frozenset({1, 2, 3}),
                  folded="Label by label")]  # fmt: skip
