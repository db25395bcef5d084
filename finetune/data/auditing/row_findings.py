"""Findings on whole rows: leakage, the target, duplicates, labels, lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.data.auditing.wording import count, finding, have, listed, percent, sampled

Finding = dict[str, Any]
FEW_ROWS, FEW_OF_A_CLASS = 100, 10
IMBALANCED = 0.1
MANY_DUPLICATES = 0.01
MANY_TRUNCATED = 0.05
SECOND_LANGUAGE = 0.05
MOST_TERMS = 5
TRUSTED = 0.8
"""Share of the labels that a bag of words has to tell before its doubts are worth a warning."""


def row_findings(found: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings in the order of how much they can spoil a result."""
    for rule in (_leakage, _target_leakage, _target, _duplicates, _label_errors, _tokens, _languages, _size, _terms):
        yield from rule(found)


def _agree(said: str, rows: int) -> str:
    """The verb for one row: "has", "is a near copy"."""
    if rows != 1:
        return said
    return (
        said.replace("have", "has", 1)
        .replace("are near copies of rows", "is a near copy of a row")
        .replace("are", "is", 1)
    )


_SHARED = {
    "exact": "have the same input as rows of {against}",
    "near": "are near copies of rows of {against}",
    "group": "are of a {columns} that {against} has too",
    "id": "have a {columns} that {against} has too",
    "key": "have the same {columns} as rows of {against}",
}


def _leakage(found: Mapping[str, Any]) -> Iterator[Finding]:
    for kind, part in found["leakage"].items():
        for pair in part["pairs"] if part["measured"] else ():
            if not pair["rows"]:
                continue
            worst = kind in ("exact", "group", "id") and pair["against"] == "train"
            shared = _SHARED[kind].format(against=pair["against"], columns=listed(part["columns"]))
            rows = f"{count(pair['rows'], 'row')} of {pair['split']} ({percent(pair['share'])})"
            told = f"{rows} {_agree(shared, pair['rows'])}{sampled(part)}"
            sentence = f"{told}: a score on them counts what was learned by heart."
            yield finding("problem" if worst else "warning", f"{kind} leakage", sentence, pair["examples"])


def _target_leakage(found: Mapping[str, Any]) -> Iterator[Finding]:
    part = found["target_leakage"]
    if not part["measured"]:
        return
    for entry in part["columns"]:
        if entry["leaks"]:
            how = "is another name of the target" if entry["one_to_one"] else (
                f"tells the target by itself ({part['metric']} {entry['score']:.3f})"
            )  # fmt: skip
            sentence = f"The column {entry['column']!r} {how}: is it known before the target is?"
            yield finding("problem", "target leakage", sentence, (), entry["column"])
    if part["order"]["leaks"]:
        told = f"{part['metric']} {part['order']['score']:.3f} from the place alone"
        sentence = f"The rows are sorted by the target ({told}): a slice of them is not like the whole."
        yield finding("warning", "sorted rows", sentence)
    for entry in part["tokens"]:
        sentence = (
            f"The word {entry['token']!r} gives the label {entry['label']!r} away: {percent(entry['share'])} of the "
            f"{count(entry['rows'], 'row')} with it, {percent(entry['coverage'])} of the rows of that label."
        )
        yield finding("warning", "telling word", sentence)


def _target(found: Mapping[str, Any]) -> Iterator[Finding]:
    part = found["target"]
    if not part["measured"] or part["kind"] not in ("single_label", "multi_label"):
        return
    imbalance, train = part["imbalance"], part["counts"].get("train", {})
    if imbalance is not None and imbalance < IMBALANCED:
        sentence = (
            f"The labels are far from balanced: the rarest of {part['classes']} has {percent(imbalance)} of the rows "
            "of the most frequent."
        )
        yield finding("warning", "imbalance", sentence)
    few = [label for label, rows in train.items() if rows < FEW_OF_A_CLASS]
    if few:
        sentence = f"{have(len(few), 'label')} fewer than {FEW_OF_A_CLASS} training rows: {listed(few)}."
        yield finding("warning", "rare labels", sentence)
    for split, counts in part["counts"].items():
        lacking = [label for label in train if label not in counts]
        if lacking:
            yield finding("warning", "absent labels", f"No row of {split} has the label {listed(lacking)}.")
        unlearned = [label for label in counts if label not in train]
        if unlearned and train:
            yield finding("warning", "unlearned labels", f"No training row has the label {listed(unlearned)}.")


def _duplicates(found: Mapping[str, Any]) -> Iterator[Finding]:
    exact, near = found["duplicates"]["exact"], found["duplicates"]["near"]
    for split, entry in exact["splits"].items():
        if found["target"].get("kind") != "ranking":  # there, a text may well have several right answers
            yield from _conflicts(split, entry)
        yield from _repeated("duplicates", split, entry, "{verb} the input of an earlier one")
    for split, entry in near["splits"].items() if near["measured"] else ():
        said = f"nearly {{verb}} the words of an earlier one{sampled(near)}"
        yield from _repeated("near duplicates", split, entry, said)


def _conflicts(split: str, entry: Mapping[str, Any]) -> Iterator[Finding]:
    if entry["conflicting"]:
        sentence = f"{have(entry['conflicting'], 'input')} different targets in {split}: at most one of them is right."
        yield finding("warning", "conflicting targets", sentence, [row for rows in entry["conflicts"] for row in rows])


def _repeated(kind: str, split: str, entry: Mapping[str, Any], said: str) -> Iterator[Finding]:
    if not entry["duplicates"]:
        return
    verb = "repeats" if entry["duplicates"] == 1 else "repeat"
    rows = f"{count(entry['duplicates'], 'row')} of {split} ({percent(entry['share'])})"
    severity = "warning" if entry["share"] >= MANY_DUPLICATES else "note"
    listed_rows = [row for group in entry["examples"] for row in group]
    yield finding(severity, kind, f"{rows} {said.format(verb=verb)}.", listed_rows)


def _label_errors(found: Mapping[str, Any]) -> Iterator[Finding]:
    part = found["label_errors"]
    if part["measured"] and part["count"]:
        # A model that is often wrong itself says little of single labels.
        severity = "warning" if part["accuracy"] >= TRUSTED else "note"
        sentence = (
            f"{have(part['count'])} a label that may be wrong ({percent(part['share'])}{sampled(part)}), by a bag of "
            f"words that agrees with {percent(part['accuracy'])} of the labels. Look before anything is changed."
        )
        yield finding(severity, "label errors", sentence, [entry["row"] for entry in part["rows"]])


def _tokens(found: Mapping[str, Any]) -> Iterator[Finding]:
    part = found["tokens"]
    if not part["measured"] or not part["longer"]:
        return
    how = "cut off" if part["truncated"] else "read in windows"
    severity = "warning" if part["truncated"] and part["truncated"] >= MANY_TRUNCATED else "note"
    sentence = (
        f"{percent(part['longer'])} of the rows are longer than the {part['max_length']:,} tokens that the model takes "
        f"and are {how}{sampled(part)}."
    )
    yield finding(severity, "long rows", sentence)


def _languages(found: Mapping[str, Any]) -> Iterator[Finding]:
    part = found["languages"]
    known = {code: share for code, share in part["shares"].items() if code != "unknown"} if part["measured"] else {}
    often = [code for code, share in known.items() if share >= SECOND_LANGUAGE]
    if len(often) > 1:
        shown = listed([f"{code} {percent(known[code])}" for code in often])
        yield finding("note", "languages", f"The texts are in {len(often)} languages: {shown}{sampled(part)}.")


def _size(found: Mapping[str, Any]) -> Iterator[Finding]:
    rows = found["rows"]["prepared"] or {}
    if rows.get("test", FEW_ROWS) < FEW_ROWS:
        sentence = f"The test split has {count(rows['test'], 'row')}; a score on so few is uncertain."
        yield finding("note", "few rows", sentence)


def _terms(found: Mapping[str, Any]) -> Iterator[Finding]:
    """Terms whose interval lies beside the rate of all rows; of many terms some do by chance."""
    part = found["identity_terms"]
    if not part["measured"]:
        return
    overall = {label: rate["value"] for label, rate in part["overall"].items()}
    apart = [told for entry in part["terms"] if (told := _apart(entry, overall))]
    if apart:
        sentence = (
            f"The labels of rows with words for groups of people differ from the others': {listed(apart, MOST_TERMS)}. "
            "Of many words, one in twenty does so by chance."
        )
        yield finding("note", "identity terms", sentence)


def _apart(entry: Mapping[str, Any], overall: Mapping[str, float]) -> str | None:
    """The first label whose rate among the rows with a term is surely another than among all."""
    for label, rate in entry["rates"].items():
        if not rate["low"] <= overall[label] <= rate["high"]:
            rates = f"{percent(rate['value'])} {label}, overall {percent(overall[label])}"
            return f"{entry['term']!r} ({count(entry['rows'], 'row')}, {rates})"
    return None
