"""Words for groups of people: how many rows have each, and how the labels of those rows differ from all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from finetune.data.auditing.measuring import UNPREPARED, unmeasured
from finetune.data.auditing.numbers import rounded
from finetune.data.auditing.rows import Rows
from finetune.data.auditing.sampling import batches
from finetune.data.auditing.values import show_each
from finetune.lexicons.identities import load_identities
from finetune.statistics.intervals import wilson

KINDS = ("single_label", "multi_label")
Term = tuple[str, str, str]
"""Axis, group and term."""


def describe_terms(rows: Rows) -> dict[str, Any]:
    """The part `identity_terms` of the audit. A row with a term several times counts once."""
    if rows.kind not in KINDS:
        return unmeasured(UNPREPARED if rows.kind is None else "Only where the target is labels.")
    with_term: Counter[Term] = Counter()
    with_axis: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    of_term: dict[Term, Counter[str]] = defaultdict(Counter)
    find = load_identities().find
    for split in rows.splits:
        for _, table in batches(rows.splits[split]):
            for text, target in zip(rows.texts(table), rows.targets(table) or [], strict=True):
                given = list(map(str, target if isinstance(target, list) else [target]))
                labels.update(given)
                terms = {(match.axis, match.group, match.term) for match in find(text)}
                with_term.update(terms)
                with_axis.update({axis for axis, _, _ in terms})
                for term in terms:
                    of_term[term].update(given)
    shown = show_each(label for label, _ in labels.most_common())
    return {
        "measured": True,
        "basis": rows.basis,
        "overall": {shown[label]: rate(labels[label], rows.total) for label in shown},
        "axes": dict(with_axis.most_common()),
        "terms": [_term(term, count, of_term[term], shown, rows.total)
                  for term, count in sorted(with_term.items(), key=lambda item: (-item[1], item[0]))],
        "sampled": None,
    }  # fmt: skip


def _term(term: Term, count: int, given: Counter[str], shown: Mapping[str, str], total: int) -> dict[str, Any]:
    axis, group, text = term
    rates = {name: rate(given[label], count) for label, name in shown.items()}
    return {"term": text, "axis": axis, "group": group, "rows": count, "share": rounded(count / total), "rates": rates}


def rate(count: int, rows: int) -> dict[str, float | None]:
    """A share with Wilson's 95% interval."""
    found = wilson(count, rows)
    return {"value": rounded(found.value), "low": rounded(found.low), "high": rounded(found.high)}
