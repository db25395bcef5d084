"""What its probabilities could be used for: the thresholds in use, answering less, every other threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from finetune.cards.blocks import Block, Cell, Figures, Heading, Table, Text
from finetune.cards.sections.calibration_plots import coverage_plot, precision_recall_plot, roc_plot
from finetune.cards.wording import NOTHING, count, interval, is_number, number, share, shorten, signed

Entry = dict[str, Any]


def ends_of(entry: Entry, decimals: int = 1) -> str:
    """The interval of a share; a dash where there is none."""
    if not (is_number(entry["low"]) and is_number(entry["high"])):
        return NOTHING
    return f"[{share(entry['low'], decimals)}, {share(entry['high'], decimals)}]"


def value_of(entry: Entry) -> str:
    """A score with its interval."""
    return f"{number(entry['value'])} {interval(entry['low'], entry['high'])}"


def threshold_blocks(found: Entry) -> list[Block]:
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
                value_of(cost) if cost else "",
            ])  # fmt: skip
    priced = any("cost" in entry for entry in found["thresholds"])
    width = 6 if priced else 5
    columns = ["Label", "From", "Rows given it", "Precision", "Recall", "Cost per row"][:width]
    aims = list(dict.fromkeys(entry["aim"] for entry in found["thresholds"] if entry["aim"]))
    aim = f" for {aims[0]}" if aims else ""
    default = (
        "These labels are not answered from the task's threshold on" if found["labels_apart"]
        else "Answers do not follow the likeliest label"
    )  # fmt: skip
    return [
        Heading("The threshold in use"),
        Text(
            f"{default}: the threshold was chosen on validation rows{aim}, and what it yields was measured on test "
            "rows, which the choice has not seen."
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


def abstention_blocks(found: Entry) -> list[Block]:
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
        f"answers are {accuracy} {ends_of(fewer)}, instead of "
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
    return f"{share(entry['value'])} {ends_of(entry)}"


def curve_blocks(found: Entry) -> list[Block]:
    """What every other threshold would yield."""
    curves = found["curves"]
    if not curves:
        return []
    rows = [[shorten(c["label"], 60), count(c["positives"]), value_of(c["auc"]), value_of(c["average_precision"]),
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
