"""The sections of an audit's page on the target: its balance, likely errors, what gives it away, words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.artifacts import DataAudit
from finetune.cards.audit.columns import NAME, sampled
from finetune.cards.audit.plots import quantity
from finetune.cards.audit.rows import basis
from finetune.cards.blocks import Block, Cell, Facts, Section, Table, Text, Value, Whisker
from finetune.cards.facts import kind_words
from finetune.cards.tables import mark
from finetune.cards.wording import NOTHING, count, number, share, shorten

Values = Mapping[str, Any]
_FOLDED_FROM, _MOST_LABELS, _MOST_TERMS = 30, 200, 40
_LABEL = 80
_UNIT = (0.0, 1.0)


def label_sections(audit: DataAudit) -> list[Section]:
    """Those parts that were measured."""
    found = [
        Section("target", "Target", list(_target(audit))),
        Section("giveaways", "What gives the target away", list(_giveaways(audit.target_leakage)), "Giveaways"),
        Section("label-errors", "Likely label errors", list(_label_errors(audit.label_errors)), "Label errors"),
        Section(
            "identity-terms",
            "Words for groups of people",
            list(_identity_terms(audit.identity_terms)),
            "Identity terms",
        ),
    ]
    return [section for section in found if section.blocks]


def _target(audit: DataAudit) -> Iterator[Block]:
    target = audit.target
    if not target.get("measured"):
        return
    if "numbers" in target:
        yield _target_numbers(target)
        return
    yield Facts([(name, value) for name, value in _balance_facts(target) if value != NOTHING])
    splits, sizes = list(target["counts"]), audit.rows.get(target.get("basis", ""), None) or {}
    labels = dict.fromkeys(label for split in splits for label in target["counts"][split])
    rows: list[list[Value]] = [
        [shorten(label, _LABEL), *(_portion(target, split, label, sizes) for split in splits)] for label in labels
    ]
    caption = f"How often each label is there, and its share of the split; {basis(target)}."
    folded = f"All {count(len(rows))} labels" if len(rows) > _FOLDED_FROM else ""
    numbers = frozenset(range(1, len(splits) + 1))
    yield Table(caption, ("Label", *splits), rows, numbers, folded=folded, wide=False, limit=_MOST_LABELS)


def _balance_facts(target: Values) -> list[tuple[str, str]]:
    most = share(target["normalized_entropy"], 0)
    entropy = f"{number(target['entropy'], 2)} bits" + (f", {most} of the most it could be" if most != NOTHING else "")
    return [
        ("Kind", "not known; values as they were read" if target["kind"] == "raw" else kind_words(target["kind"])),
        ("Different labels", count(target["classes"])),
        ("Entropy", entropy),
        ("Rarest label by the most frequent", share(target["imbalance"])),
        ("Labels of a row, mean", number(target.get("per_row"), 2)),
    ]  # fmt: skip


def _portion(target: Values, split: str, label: str, sizes: Mapping[str, int]) -> Cell:
    """A label's count; of rows where a row is counted once for it, else of all that is counted."""
    counts = target["counts"][split]
    of_rows = sizes.get(split, 0) if target["kind"] in ("single_label", "multi_label", "raw") else 0
    part = counts.get(label, 0) / max(1, of_rows or sum(counts.values()))
    return Cell(count(counts.get(label, 0)), share(part), part)


def _target_numbers(target: Values) -> Table:
    rows: list[list[Value]] = []
    for split, entry in target["numbers"].items():
        points = entry["quantiles"]
        values = quantity(
            [entry["min"], points["p05"], points["p50"], points["p95"], entry["max"], entry["mean"], entry["std"]]
        )
        rows.append([split, count(entry["count"]), *values])
    titles = ("Split", "Rows", "Least", "5%", "Median", "95%", "Most", "Mean", "Standard deviation")
    return Table(f"The target is a number; {basis(target)}.", titles, rows, frozenset(range(1, 9)))


def _giveaways(part: Values) -> Iterator[Block]:
    if not part.get("measured"):
        return
    yield Text(
        "A column or a word that tells the target by itself is often a copy of it, or known only afterwards. Then the "
        "scores are high and the model is of no use."
    )
    rows = [_giveaway(entry, part) for entry in part["columns"]]
    order = {"column": "(the row's place in its split)", "one_to_one": False, **part["order"]}
    titles = ("Column alone", f"Score ({part['metric']})", "Gives it away")
    caption = (
        "How well each column alone predicts the target, cross-validated on the training split; chance is "
        f"{number(part['chance'])}. {sampled(part)}"
    )
    yield Table(caption, titles, [*rows, _giveaway(order, part)], frozenset({1}), wide=False)
    if part["tokens"]:
        yield _tokens(part["tokens"])


def _giveaway(entry: Values, part: Values) -> list[Value]:
    verdict = "yes, another name of it" if entry["one_to_one"] else "yes"
    tag = Cell(verdict, tag="bad") if entry["leaks"] else Cell("no", tag="plain")
    span = 1 - part["chance"]
    above = max(0.0, ((entry["score"] or 0.0) - part["chance"]) / span) if span > 0 else 0.0
    return [shorten(entry["column"], NAME), Cell(number(entry["score"]), width=above), tag]


def _tokens(tokens: list[Values]) -> Table:
    rows: list[list[Value]] = [
        [
            shorten(e["token"], 60),
            shorten(e["label"], _LABEL),
            count(e["rows"]),
            share(e["share"]),
            share(e["coverage"]),
        ]
        for e in tokens
    ]
    titles = ("Word", "Label", "Rows with it", "of which have the label", "of the label's rows")
    return Table("Words that stand almost only in rows of one label.", titles, rows, frozenset({2, 3, 4}))


def _label_errors(part: Values) -> Iterator[Block]:
    if not part.get("measured"):
        return
    left_out = (
        f" {count(part['excluded'])} rows of classes too small to judge are left out." if part["excluded"] else ""
    )
    yield Text(
        f"{count(part['count'])} rows ({share(part['share'])}) have a label that a bag of words, which never saw them, "
        f"finds unlikely (confident learning, Northcutt et al. 2021). It is right in {share(part['accuracy'])} of the "
        f"rows, so some of these are its own mistakes: look before changing anything.{left_out} {sampled(part)}"
    )
    with_text = any("text" in entry for entry in part["rows"])
    rows = [_suspect(entry, with_text) for entry in part["rows"]]
    if rows:
        titles = ("Row", "Given", "Suggested", "Chance of the given", "Chance of the suggested", *["Text"] * with_text)
        yield Table("The least likely first.", titles, rows, frozenset({3, 4}), wide=with_text, total=part["count"])


def _suspect(entry: Values, with_text: bool) -> list[Value]:
    texts = [shorten(entry.get("text") or NOTHING, 300)] if with_text else []
    labels = shorten(entry["given"], _LABEL), shorten(entry["suggested"], _LABEL)
    return [entry["row"], *labels, share(entry["score"]), share(entry["confidence"]), *texts]


def _identity_terms(part: Values) -> Iterator[Block]:
    if not part.get("measured"):
        return
    if not part["terms"]:
        yield Text("No word for a group of people of the lexicon was found.")
        return
    yield Text(
        "Where a word for a group of people comes with one label more often than other rows, a model may learn the "
        "word instead of what was said. The dashed line is the rate of all rows; of many words, one in twenty lies "
        "beside it by chance. " + sampled(part)
    )
    labels = list(part["overall"])
    shown = labels[-1:] if len(labels) == 2 else labels  # of two labels, each rate is one minus the other
    for place, label in enumerate(shown):
        yield _rates(part, label, folded=place > 0)


def _rates(part: Values, label: str, *, folded: bool) -> Table:
    overall, name = part["overall"][label], shorten(label, _LABEL)
    rows = [_rate(entry, entry["rates"][label], overall) for entry in part["terms"] if label in entry["rates"]]
    titles = ("Word", "Of", "Rows", f"Share of “{name}”", "95% interval", "Drawn from 0 to 1", "Beside the line")
    whole = f"{share(overall['value'])} {_ends(overall)}"
    caption = f"Rate of “{name}” among the rows with a word; of all rows: {whole}. Wilson's intervals."
    title = f"Rates of “{name}”" if folded else ""
    return Table(caption, titles, rows, frozenset({2, 3, 4}), folded=title, limit=_MOST_TERMS)


def _rate(entry: Values, rate: Values, overall: Values) -> list[Value]:
    found = mark(dict(rate), _UNIT)
    value, ends = share(rate["value"]), _ends(rate)
    label = f"{entry['term']}: {value} {ends}; all rows: {share(overall['value'])}"
    whisker = Whisker((found,), label, round(100 * overall["value"], 2)) if found else None
    beside = not rate["low"] <= overall["value"] <= rate["high"]
    of = f"{entry['axis']}, {entry['group']}".replace("_", " ")
    verdict = Cell("yes", tag="warn") if beside else Cell("no", tag="plain")
    return [entry["term"], of, count(entry["rows"]), value, ends, Cell(whisker=whisker), verdict]


def _ends(rate: Values) -> str:
    return f"[{share(rate['low'])}, {share(rate['high'])}]"
