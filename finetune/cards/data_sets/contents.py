"""What was measured of the contents of texts: lengths, languages, personal data, labels, words for groups of people."""

from __future__ import annotations

from finetune.cards.data_sets.paragraphs import Values, lines, missing, sampled
from finetune.cards.markdown import Markdown, code, table
from finetune.cards.wording import NOTHING, count, interval, number, share, shorten

_MAX_TERMS = 20


def lengths(entry: Values) -> list[Markdown]:
    """Characters and words of every text column, tokens of the input."""
    rows = []
    for column in entry["columns"]:
        for unit in ("characters", "words"):
            if column.get("texts"):
                rows.append((Markdown(f"{code(column['name'])}, {unit}"), *_percentiles(column["texts"][unit])))
    tokens, notes = entry["tokens"], []
    if (absent := missing(tokens)) is not None:
        notes.append(f"Tokens: {absent[0]}")
    else:
        rows.append(("The task's input, tokens", *_percentiles(tokens)))
        notes += [_truncation(tokens), sampled(tokens)]
    header = ("Length of", "Smallest", "5%", "Median", "95%", "Largest")
    return [table(header, rows) if rows else Markdown(), lines(*notes)]


def _percentiles(found: Values) -> tuple[str, ...]:
    quantiles = found.get("quantiles") or {}
    values = (found.get("min"), quantiles.get("p05"), quantiles.get("p50"), quantiles.get("p95"), found.get("max"))
    return tuple(count(value) for value in values)


def _truncation(tokens: Values) -> str:
    if tokens.get("max_length") is None:
        return "The model has no limit of length."
    return (
        f"Longer than the model's {count(tokens['max_length'])} tokens: {share(tokens['longer'])} of the rows; "
        f"cut: {share(tokens['truncated'])}."
    )


def languages(entry: Values) -> list[Markdown]:
    """Languages of the input."""
    part = entry["languages"]
    if (absent := missing(part)) is not None:
        return absent
    rows = [(name, count(part["counts"].get(name)), share(value)) for name, value in part["shares"].items()]
    return [table(("Language", "Rows", "Share"), rows) if rows else Markdown(), lines(sampled(part))]


def personal(entry: Values) -> list[Markdown]:
    """Personal data by kind."""
    part = entry["personal"]
    if (absent := missing(part)) is not None:
        return absent
    rows = [(kind, count(found["rows"]), count(found["values"])) for kind, found in part["total"].items()]
    if not rows:
        return [Markdown("None of the kinds that are looked for was found.")]
    return [table(("Kind", "Rows", "Values"), rows)]


def label_errors(entry: Values) -> list[Markdown]:
    """Labels that are probably wrong."""
    part = entry["label_errors"]
    if (absent := missing(part)) is not None:
        return absent
    return [lines(
        f"Labels that are probably wrong: {count(part['count'])} ({share(part['share'])} of the rows), an estimate "
        f"from a model that is right in {share(part['accuracy'])} of the rows it has not seen.", sampled(part),
    )]  # fmt: skip


def identity(entry: Values) -> list[Markdown]:
    """Words for groups of people, and how often their rows have a label."""
    part = entry["identity_terms"]
    if (absent := missing(part)) is not None:
        return absent
    labels = list(part["overall"])
    # The last label of two says it all.
    shown = labels[-1:] if len(labels) == 2 else labels[:3]
    rows = [
        (
            term["term"],
            f"{term['axis']}: {term['group']}",
            count(term["rows"]),
            *(_rate(term["rates"], x) for x in shown),
        )
        for term in part["terms"][:_MAX_TERMS]
    ]
    rows = [("all rows", NOTHING, NOTHING, *(_rate(part["overall"], label) for label in shown)), *rows]
    header = ("Term", "Group", "Rows", *(f"Share of {shorten(label, 40)}" for label in shown))
    more = len(part["terms"]) - _MAX_TERMS
    left = [f"{count(more)} more terms are in stats.json."] if more > 0 else []
    return [table(header, rows), lines("Brackets are 95% intervals (Wilson).", *left, sampled(part))]


def _rate(rates: Values, label: str) -> str:
    rate = rates.get(label)
    return f"{number(rate['value'])} {interval(rate['low'], rate['high'])}" if rate else NOTHING
