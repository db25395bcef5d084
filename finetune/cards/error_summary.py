"""The errors of a run in sentences, for somebody who has to decide what to do about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from finetune.artifacts import Evaluation
from finetune.cards.wording import (
    NOTHING,
    count,
    decimals_for,
    is_number,
    metric_in_sentence,
    number,
    share,
    shorten,
)

Values = dict[str, Any]
SURE = 0.95
LEVEL = 0.05
_LABEL = 60


def counted(value: int, noun: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{count(value)} {noun if value == 1 else plural or noun + 's'}"


def error_verdict(evaluation: Evaluation) -> list[str]:
    """What is known, a sentence or two each."""
    return [f"{sentence}." for sentence in _sentences(evaluation, evaluation.errors)]


def _sentences(evaluation: Evaluation, errors: Values) -> Iterator[str]:
    yield _wrong(evaluation, errors)
    for say in (_label_errors, _confusions, _words, _nobody):
        if said := say(evaluation, errors):
            yield said


def _wrong(evaluation: Evaluation, errors: Values) -> str:
    rows = count(errors["rows"])
    if errors.get("cut") is not None:
        digits = decimals_for([errors["cut"]])
        what = "are off by" if evaluation.kind == "regression" else "surprise the model by"
        cut = number(errors["cut"], digits)
        more = f"The tenth of the {rows} test rows with the largest errors {what} more than {cut}"
        return f"{more}; on this page these count as wrong" if errors["wrong"] else f"All {rows} errors are alike"
    verb = "is" if errors["wrong"] == 1 else "are"
    part = share(errors["wrong"] / errors["rows"])
    return f"{count(errors['wrong'])} of {rows} test rows ({part}) {verb} answered wrong"


def _label_errors(evaluation: Evaluation, errors: Values) -> str:
    found = errors["label_errors"]
    if not found.get("measured"):
        return ""
    if found["method"] == "outlying_residuals":
        many = counted(found["count"], "row stands", "rows stand")
        return f"{many} out by the distance of answer and truth: a wrong truth, or something the model cannot know"
    if not found["count"]:
        return "No reference looks wrong by the model's own probabilities, which does not show that all are right"
    said = f"{counted(found['count'], 'label')} of the test set may be wrong, not the model"
    look = "Look before you change any: the model's own confident mistakes look the same"
    return f"{said}{_what_if(found.get('what_if') or {})}. {look}"


def _what_if(values: Values) -> str:
    before, after = values.get("as_labelled"), values.get("if_suggested")
    if not (is_number(before) and is_number(after)):
        return ""
    digits = decimals_for([before, after])
    name = metric_in_sentence(values["score"])
    return (
        f"; if every one of them were, {name} would be {number(after, digits)} instead of {number(before, digits)}, "
        "which is an upper end and no result"
    )


def _confusions(evaluation: Evaluation, errors: Values) -> str:
    found = errors["confusions"]
    if not found.get("pairs"):
        return ""
    top, unit = found["pairs"][0], found["unit"]
    said = (
        f"What is confused most: {shorten(top['reference'], _LABEL)} is taken for {shorten(top['prediction'], _LABEL)} "
        f"in {count(top['count'])} of {count(top['of'])} {unit} ({share(top['share'])} "
        f"{interval_of(top)})"
    )
    one_sided = [entry for entry in found["asymmetries"] if entry["p_value_holm"] <= LEVEL]
    if one_sided:
        many = counted(len(one_sided), "pair of labels is", "pairs of labels are")
        return f"{said}; {many} mixed up in one direction more than in the other"
    return f"{said}; that any two labels are mixed up in one direction more than in the other is not shown"


def interval_of(entry: Values) -> str:
    """The ends of a share as `[a% to b%]`."""
    low, high = share(entry.get("low")), share(entry.get("high"))
    return NOTHING if NOTHING in (low, high) else f"[{low} to {high}]"


def _words(evaluation: Evaluation, errors: Values) -> str:
    found = errors["words"]
    if not found:
        return ""
    if found["shown"]:
        many = counted(found["shown"], "word or pair of words stands", "words or pairs of words stand")
        return f"{many} in wrong rows more often than chance explains, of {count(found['tested'])} that were tested"
    return f"That any word goes with errors is not shown ({count(found['tested'])} were tested)"


def _nobody(evaluation: Evaluation, errors: Values) -> str:
    found = errors["agreement"].get("nobody") or {}
    if not found.get("count"):
        return ""
    many = counted(found["count"], "row is", "rows are")
    said = f"{many} answered wrong by the model and by every baseline"
    return f"{said}; {count(found['suspected'])} of them may be labelled wrong" if found["suspected"] else said


def error_tiles(evaluation: Evaluation) -> list[Values]:
    """The figures to see first."""
    errors = evaluation.errors
    part = f"{share(errors['wrong'] / errors['rows'])} of {count(errors['rows'])}"
    tiles = [("Wrong rows" if errors.get("cut") is None else "Rows far off", count(errors["wrong"]), part)]
    suspects = errors["label_errors"]
    if suspects.get("measured"):
        title = "Numbers that stand out" if suspects["method"] == "outlying_residuals" else "May be labelled wrong"
        tiles.append((title, count(suspects["count"]), "suspected; to be looked at"))
    nobody = errors["agreement"].get("nobody") or {}
    if nobody:
        tiles.append(("Nobody gets right", count(nobody["count"]), "neither the model nor a baseline"))
    if (sure := _surely_wrong(errors["bands"])) is not None:
        tiles.append(
            ("Wrong though sure", share(sure[0] / sure[1]), f"of {count(sure[1])} answers with {SURE:.0%} or more")
        )
    return [{"label": label, "value": value, "notes": [note]} for label, value, note in tiles]


def _surely_wrong(bands: Values) -> tuple[int, int] | None:
    """Wrong answers and all answers of which the model is sure."""
    chosen = [band for band in bands.get("bands", ()) if band["from"] >= SURE]
    total = sum(band["count"] for band in chosen)
    return (sum(band["wrong"] for band in chosen), total) if total else None


def left_out(evaluation: Evaluation) -> list[str]:
    """What was not looked at, and why."""
    errors = evaluation.errors
    found = []
    if not errors["label_errors"].get("measured"):
        found.append(f"Likely wrong labels: {errors['label_errors'].get('reason', 'the evaluation does not say why.')}")
    if not errors["confusions"]:
        found.append("Confusions: the answers are no labels.")
    if not errors["words"]:
        found.append("Words that go with errors: too few rows are wrong or right, or no word is in enough of them.")
    elif errors["words"].get("cut"):
        found.append(f"Words: of {counted(errors['words']['cut'], 'long text')} the begin was looked at only.")
    if not errors["bands"]:
        found.append("Errors by how sure the model is: it gives no probabilities.")
    if not errors["agreement"]:
        found.append("Rows that nobody gets right: there are no baselines.")
    titles = [shorten(evaluation.systems[name]["title"], 80) for name in errors["agreement"].get("unjudged", ())]
    if titles:
        found.append(f"Which rows are right with {', '.join(titles)}: too little is kept of its answers.")
    return found
