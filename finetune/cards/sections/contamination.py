"""Whether the test rows were learned from: by the fine-tuning, and by the pretrained model before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune.cards.blocks import Block, Cell, Heading, Points, Section, Table, Text, Value
from finetune.cards.record import Record, short_name
from finetune.cards.wording import (
    NOTHING,
    count,
    interval,
    is_number,
    metric_in_sentence,
    number,
    p_value,
    public,
    share,
    shorten,
    signed,
)

Values = Mapping[str, Any]
_KINDS = {"exact": "the same", "near": "nearly the same", "runs": "shares a run of words"}
_PARTS = {"all": "All test rows", "clean": "Rows without overlap", "overlapping": "Rows with overlap"}
_TAGS = {"evidence of exposure": "bad", "inconclusive": "plain", "not measured": "plain"}
_LOOKS = {
    "likelihood": "Mean log-likelihood",
    "min_k": "Min-K% Prob",
    "min_k_plus_plus": "Min-K%++",
    "words": "No model: words",
    "length": "No model: length",
}
_SHOWN = 10
_LONGEST = 160


def section(record: Record) -> Section | None:
    """The part of the report; None for runs from before there was one."""
    found = record.evaluation.contamination
    if not found:
        return None
    blocks: list[Block] = [Text(sentence) for sentence in sentences(found, record.evaluation.kind)]
    if told := _told_by_the_data(record):
        blocks.append(Text(told, soft=True))
    blocks += _effect(found.get("effect", {}), record.evaluation.kind)
    blocks += _pairs(found.get("overlap", {}), record)
    blocks += _exposure(found.get("exposure", {}))
    return Section("contamination", "Was the test data learned from?", blocks, nav="Contamination")


def sentences(found: Values, kind: str = "single_label") -> list[str]:
    """What was found in a few sentences, the verdict first."""
    said = [_overlap(found.get("overlap", {})), _lift(found.get("effect", {}), kind), _exposed(found.get("exposure"))]
    return [sentence for sentence in said if sentence]


def _overlap(found: Values) -> str:
    if not found:
        return ""
    if "because" in found:
        return f"Overlap of test and training rows: not measured, because {found['because']}."
    rows = count(found["rows"])
    if not found["overlapping"]:
        first = (
            f"No overlap found: none of {rows} test rows is the same or nearly the same as one of "
            f"{count(found['train_rows'])} training rows, or shares a run of {found['ngram']} words with one."
        )
    else:
        first = (
            f"Overlap found: {count(found['overlapping'])} of {rows} test rows ({share(found['share'])}) repeat "
            f"training rows. {count(found['exact'])} are the same but for case and blanks, {count(found['near'])} "
            f"nearly the same, {count(found['runs'])} share a run of {found['ngram']} words."
        )
    return " ".join(part for part in (first, _unseen(found)) if part)


def _unseen(found: Values) -> str:
    """What this search passes over."""
    said = []
    if found["short"]:
        said.append(
            f"{count(found['short'])} test rows have fewer than {found['ngram']} words: of these only (nearly) whole "
            "copies were looked for."
        )
    if found["template"]:
        said.append(
            f"{count(found['template'])} share only runs that more than {found['template_rows']} training rows have, "
            "as templates do; they are not counted."
        )
    return " ".join(said)


def _lift(found: Values, kind: str) -> str:
    if not found:
        return ""
    score = metric_in_sentence(found["score"], kind)
    if "difference" not in found:
        return (
            f"What that does to the {score} is not measured: {count(found['rows']['overlapping'])} rows overlap and "
            f"{count(found['rows']['clean'])} do not; {found['min_rows']} of each are needed."
        )
    difference, lift = found["difference"], found["lift"]
    ends = f"{signed(difference['value'])}, {interval(difference['low'], difference['high'], sign=True)}"
    without = (
        f"Without these rows it is {number(found['scores']['clean']['value'])} instead of "
        f"{number(found['scores']['all']['value'])} ({signed(lift['value'])})."
    )
    if found["verdict"] == "inconclusive":
        return (
            f"Whether rows with overlap score differently is inconclusive: {score} {ends} against the rest. {without}"
        )
    word = "better" if "better" in found["verdict"] else "worse"
    return (
        f"Rows with overlap score {word}: {score} {ends} against the rest. {without} That overlap is the cause is not "
        "shown by this: such rows may be easier or harder in other ways."
    )


def _exposed(found: Values | None) -> str:
    if not found:
        return (
            "Whether the pretrained model had read the test rows before: not measured. `finetune contamination` asks "
            "language models."
        )
    asked = f"Whether {short_name(public(found['model']))} had read the test rows before:"
    if "because" in found:
        return f"{asked} not measured, because {found['because']}."
    return f"{asked} {found['verdict']}. {_why(found)}".strip()


def _why(found: Values) -> str:
    order, membership = found["order"], found["membership"]
    said = []
    if order["verdict"] == "evidence of exposure":
        said.append("It finds the published order of the rows likelier than other orders.")
    if order.get("ordered"):
        said.append(
            f"Neighbouring rows are alike in {' and '.join(order['ordered'])} without any model, so that their order "
            "tells nothing."
        )
    if membership["verdict"] == "evidence of exposure":
        said.append("It finds the test texts more familiar than the reference texts.")
    if any(entry["differs"] for entry in membership.get("blind", {}).values()):
        said.append(
            "Test and reference texts can be told apart without the model, so that what it finds familiar says nothing."
        )
    return " ".join(said)


def _told_by_the_data(record: Record) -> str:
    """What the preparation of the data had found before, and what it did about it."""
    told = []
    for name, entry in record.data.get("leakage", {}).items():
        done = {"drop": "dropped from what is learned from", "allow": "left in, as the recipe allows"}
        told.append(f"{count(entry['rows'])} rows of {name} ({done.get(entry['choice'], 'told')})")
    return f"The preparation of the data found equal inputs: {'; '.join(told)}." if told else ""


def _effect(found: Values, kind: str) -> list[Block]:
    if "scores" not in found:
        return []
    rows: list[list[Value]] = [
        [title, count(found["rows"][name]), number(found["scores"][name]["value"]),
         interval(found["scores"][name]["low"], found["scores"][name]["high"])]
        for name, title in _PARTS.items()
    ]  # fmt: skip
    for name, title in (("difference", "With minus without"), ("lift", "All minus without")):
        entry = found[name]
        rows.append([title, "", signed(entry["value"]), interval(entry["low"], entry["high"], sign=True)])
    title = metric_in_sentence(found["score"], kind)
    level = share(found["difference"]["confidence"], 0)
    caption = f"The {title} with and without test rows that repeat training rows; {level} intervals."
    return [Table(caption, ("", "Rows", "Score", "Interval"), rows, numbers=frozenset({1, 2, 3}))]


def _pairs(found: Values, record: Record) -> list[Block]:
    if not found.get("pairs"):
        return []
    shown = found["pairs"][:_SHOWN]
    texts = _texts({pair["row"] for pair in shown}, record)
    rows = [[Cell(shorten(texts.get(pair["row"], ""), _LONGEST), soft=pair["row"]), _KINDS[pair["kind"]],
             pair["train_row"], number(pair["similarity"], 2), share(pair["share"], 0)] for pair in shown]  # fmt: skip
    columns = ("Test row", "How", "Training row", "Similarity", "Words in shared runs")
    return [
        Table("Test rows that repeat training rows, the most alike first.", columns, rows, numbers=frozenset({3, 4}),
              folded="Which rows", total=found["overlapping"])
    ]  # fmt: skip


def _texts(wanted: set[str], record: Record) -> dict[str, str]:
    table, task = record.evaluation.predictions, record.evaluation.load_task()
    own = task.target_column() in task.input_columns()  # a text that is its own reference stands in that column
    found = {}
    for place, name in enumerate(table.get("row", ())):
        if name in wanted:
            row = {column: values[place] for column, values in table.items()}
            found[name] = task.text_of(row | ({task.target_column().name: row["reference"]} if own else {}))
    return found


def _exposure(found: Values) -> list[Block]:
    if not found or "because" in found:
        return []
    blocks: list[Block] = [Heading("What the pretrained model had read"), _order(found["order"])]
    if "scores" in found["membership"]:
        blocks.append(_membership(found["membership"], share(found["confidence"], 0)))
    elif "because" in found["membership"]:
        blocks.append(Text(f"Against other texts: not measured, because {found['membership']['because']}."))
    return [*blocks, Text("What this cannot show:", soft=True), Points(found["limits"])]


def _order(found: Values) -> Block:
    if "because" in found:
        return Text(f"By the order of the rows: not measured, because {found['because']}.")
    cut = f" {count(found['cut_rows'])} rows were cut to fit." if found["cut_rows"] else ""
    return Text(
        f"By the order of the rows: {found['verdict']} (p {p_value(found['p_value'], 1 / (found['draws'] + 1))}, with "
        f"all looks corrected together {p_value(found['p_value_holm'])}). {count(found['rows'])} rows in "
        f"{count(found['shards'])} parts, each read in its own and in {count(found['shuffles'])} shuffled orders; the "
        f"own order is {signed(found['advantage'], 2)} nats likelier on average.{cut}"
    )


def _membership(found: Values, level: str) -> Table:
    rows: list[list[Value]] = []
    for name, title in _LOOKS.items():
        entry = found["scores"].get(name) or found["blind"].get(name)
        tested = entry.get("p_value_holm") if is_number(entry.get("p_value_holm")) else None
        rows.append([
            title, number(entry["value"]), interval(entry["low"], entry["high"]),
            NOTHING if tested is None else p_value(tested),
        ])  # fmt: skip
    caption = (
        f"How well each tells {count(found['rows'])} test texts from {count(found['reference_rows'])} reference texts: "
        f"area under the ROC curve (0.5 is not at all), {level} intervals. The looks without a model have to fail for "
        f"the others to mean anything. Verdict: {found['verdict']}."
    )
    return Table(caption, ("Look", "Area", "Interval", "p, corrected"), rows, numbers=frozenset({1, 2, 3}))
