"""Can its probabilities be trusted? What it says against what comes true; answering less; other thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from finetune.cards.blocks import Block, Cell, Figures, Heading, Section, Table, Text
from finetune.cards.record import Record
from finetune.cards.sections.calibration_plots import (
    coverage_plot,
    precision_recall_plot,
    reliability_plot,
    roc_plot,
    statements_plot,
)
from finetune.cards.wording import count, interval, is_number, number, p_value, share, shorten, signed

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
    if "before" not in found:
        return None
    blocks: list[Block] = [*_trust(found), *_thresholds(found), *_abstention(found), *_curves(found)]
    return Section("calibration", "Can its probabilities be trusted?", blocks, "Probabilities")


def verdict(found: Entry) -> str:
    """The answer in a sentence or two, in plain words."""
    measured, level = found[found["as_is"]], share(found["confidence"], 0)
    error = measured["ece"]
    quoted = _quoted(measured, apart=found["labels_apart"], level=level)
    size = f"calibration error {number(error['value'])} {interval(error['low'], error['high'])}"
    chance = f"rows as few as these give {number(error['by_chance'])} by chance alone"
    if error["p_value"] > 1 - found["confidence"]:
        most = share(error["high"]) if is_number(error["high"]) else "an unknown amount"
        return (
            f"{quoted}The test rows do not show its probabilities to be off; they could hide an error of up to {most} "
            f"({size}; {chance})."
        )
    gap = measured["mean_confidence"] - measured["mean_outcome"]
    trend = "too sure of itself" if gap > 0 else "less sure than it could be"
    # Labels may be overrated at one end and underrated at the other: then the mean says nothing.
    if abs(gap) < error["value"] / 3:
        trend = "too sure in places and not sure enough in others"
    return f"{quoted}It is {trend}: {size}; {chance}."


def _quoted(measured: Entry, *, apart: bool, level: str) -> str:
    """What came true where it said about 90%, or the nearest to that of which there is enough."""
    known = [entry for entry in measured["said"] if entry["rows"] >= ENOUGH]
    if not known:
        return ""
    entry = min(known, key=lambda entry: abs(entry["around"] - 0.9))
    came = "the label is there" if apart else "it is right"
    return (
        f"When it says about {share(entry['around'], 0)}, {came} {share(entry['accuracy'], 0)} of the time "
        f"[{share(entry['low'], 0)}, {share(entry['high'], 0)}] ({count(entry['rows'])} cases, {level} interval). "
    )


def _trust(found: Entry) -> list[Block]:
    bars = f"whiskers: {share(found['confidence'], 0)} intervals (Wilson)"
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
    moved = found["difference"]["ece"]
    rows = f"fitted to {count(fitted['rows'])} validation rows" if fitted["rows"] else "chosen earlier"
    effect = f"{signed(moved['value'])} {interval(moved['low'], moved['high'], sign=True)}"
    if not (is_number(moved["low"]) and is_number(moved["high"])) or moved["low"] <= 0 <= moved["high"]:
        said = f"whether that lowers the calibration error is inconclusive ({effect})"
    else:
        said = f"that {'lowers' if moved['value'] < 0 else 'raises'} the calibration error ({effect})"
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
        row: list[str | Cell] = [Cell(title, meaning), _value(found["before"][name])]
        if both:
            moved = found["difference"][name]
            change = f"{signed(moved['value'])} {interval(moved['low'], moved['high'], sign=True)}"
            row += [_value(found["after"][name]), change, p_value(moved["p_value"], 2 / (moved["resamples"] + 1))]
        rows.append(row)
    caption = (
        f"On {count(found['rows'])} test rows, with {share(found['confidence'], 0)} bootstrap intervals; lower is "
        f"better. The calibration error has {found['bins']} bins of equal width (with equally full ones it is "
        f"{number(found[found['as_is']]['ece_mass'])}); its intervals take off what chance adds to it, so the value "
        "stands near their upper end."
    )
    return Table(caption, columns, rows, frozenset(range(1, len(columns))))


def _value(entry: Entry) -> str:
    return f"{number(entry['value'])} {interval(entry['low'], entry['high'])}"


def _per_label(found: Entry) -> list[Block]:
    if len(found["per_label"]) < 2:
        return []
    rows = [[shorten(e["label"], 60), number(e["ece"]), share(e["mean_probability"]), share(e["share"])]
            for e in found["per_label"]]  # fmt: skip
    return [Table("Calibration error of each label, the largest first.",
                  ["Label", "Error", "Said on average", "True"], rows, frozenset({1, 2, 3}),
                  folded="Label by label")]  # fmt: skip


def _thresholds(found: Entry) -> list[Block]:
    """Thresholds that are in use, beside the default."""
    if not found["thresholds"]:
        return []
    rows: list[Sequence[str | Cell]] = []
    for entry in found["thresholds"]:
        for which, title in (("chosen", "chosen"), ("default", "default")):
            point, cost = entry[which], entry.get("cost", {}).get(which)
            rows.append([
                Cell(shorten(entry["label"], 60), title), number(point["threshold"]), count(point["given"]),
                _percent(point["precision"]), _percent(point["recall"]),
                _value(cost) if cost else "",
            ])  # fmt: skip
    priced = any("cost" in entry for entry in found["thresholds"])
    width = 6 if priced else 5
    columns = ["Label", "From", "Rows given it", "Precision", "Recall", "Cost per row"][:width]
    aims = list(dict.fromkeys(entry["aim"] for entry in found["thresholds"] if entry["aim"]))
    aim = f" for {aims[0]}" if aims else ""
    return [
        Heading("The threshold in use"),
        Text(
            f"Answers do not follow the likeliest label: the threshold was chosen on validation rows{aim}, and what it "
            "yields was measured on test rows, which the choice has not seen."
        ),
        *[Text(_saved(entry)) for entry in found["thresholds"] if "cost_difference" in entry],
        Table(
            f"Chosen and default thresholds on {count(found['rows'])} test rows, with "
            f"{share(found['confidence'], 0)} intervals.",
            columns,
            [row[:width] for row in rows],
            frozenset(range(1, width)),
        ),
    ]


def _saved(entry: Entry) -> str:
    moved = entry["cost_difference"]
    ends = f"{signed(moved['value'])} {interval(moved['low'], moved['high'], sign=True)} per row"
    if not is_number(moved["low"]) or moved["low"] <= 0 <= moved["high"]:
        return f"Whether it costs less than the default on {shorten(entry['label'], 60)} is inconclusive: {ends}."
    trend = "less" if moved["value"] < 0 else "more"
    return f"It costs {trend} than the default on {shorten(entry['label'], 60)}: {ends}."


def _abstention(found: Entry) -> list[Block]:
    """Answering only where it is sure."""
    abstention = found["abstention"]
    points = {point["wanted"]: point for point in abstention["points"]}
    all_rows, fewer = points.get(1.0), points.get(0.8)
    if not all_rows or not fewer or not is_number(fewer["value"]):
        return []
    accuracy = "all labels of a row right" if found["labels_apart"] else "right"
    chosen = (
        "thresholds chosen on validation rows" if abstention["chosen_on"] == "validation"
        else "thresholds set on the test rows themselves, for want of validation rows"
    )  # fmt: skip
    sentence = (
        f"If it answers only the {share(fewer['wanted'], 0)} of rows it is surest of, {share(fewer['value'])} of its "
        f"answers are {accuracy} [{share(fewer['low'])}, {share(fewer['high'])}], instead of "
        f"{share(all_rows['value'])} of all; the others would go to a person."
    )
    rows = [
        [share(p["wanted"], 0), number(p["threshold"]) if p["wanted"] < 1 else "any", share(p["coverage"]),
         count(p["rows"]), _percent(p)]
        for p in abstention["points"]
    ]  # fmt: skip
    return [
        Heading("Answering only when it is sure"),
        Text(sentence),
        Figures([(coverage_plot(found), f"Share of answers that are {accuracy} against the share of rows answered; "
                  "dots: the table's rows, with intervals.")]),
        Table(f"{share(found['confidence'], 0)} intervals; {chosen}, so that the share answered of the test rows "
              "differs a little from the one that was wanted.",
              ["Rows to answer", "Confidence from", "Test rows answered", "Rows", "Right"], rows,
              frozenset({1, 2, 3, 4})),
    ]  # fmt: skip


def _percent(entry: Entry) -> str:
    if not is_number(entry["value"]):
        return "–"
    return f"{share(entry['value'])} [{share(entry['low'])}, {share(entry['high'])}]"


def _curves(found: Entry) -> list[Block]:
    """What every other threshold would yield."""
    curves = found["curves"]
    if not curves:
        return []
    rows = [[shorten(c["label"], 60), count(c["positives"]), _value(c["auc"]), _value(c["average_precision"]),
             number(c["share"])] for c in curves]  # fmt: skip
    return [
        Heading("Every other threshold"),
        Figures([
            (roc_plot(curves), "ROC curve: of the rows with the label, the share that is found, against the share of "
             "others that is taken for it. The dashed line is guessing."),
            (precision_recall_plot(curves), "Precision-recall curve: how many of the rows given the label have it, "
             "against how many of those that have it are found."),
        ]),
        Table(f"Areas under the curves, with {share(found['confidence'], 0)} bootstrap intervals. Guessing has 0.5 "
              "under the ROC curve, and as average precision the label's share of the rows.",
              ["Label", "Rows with it", "Area under ROC curve", "Average precision", "Guessing"], rows,
              frozenset({1, 2, 3, 4})),
    ]  # fmt: skip
