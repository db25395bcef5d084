"""Sections on what is looked at beyond the scores: probabilities, parts of the data, damage, stated behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from finetune.recipe.section import Section

Perturbation = Literal[
    "typos", "ocr", "lowercase", "uppercase", "punctuation", "contractions", "synonyms", "longer", "scripts",
    "blur", "noise", "brightness", "background_noise",
]  # fmt: skip


class CalibrationSection(Section):
    """Whether the probabilities mean what they say."""

    bins: int = Field(default=15, ge=2, le=100)
    """Bins of the reliability plot and of the calibration error."""
    temperature: bool = False
    """Divide the model's log-probabilities by the temperature that fits the validation rows best, in everything that
    the model answers from then on. The report says in any case what that would change."""


class Costs(Section):
    """What a wrong answer costs, in any one unit."""

    false_positive: float = Field(gt=0)
    """Of answering the label where it is not true."""
    false_negative: float = Field(gt=0)
    """Of missing the label where it is."""


class ThresholdSection(Section):
    """From which probability on a label is answered: chosen on the validation rows, applied to all others.

    Exactly one of `costs`, `precision` and `recall` says what for. For two labels, or several labels per row.
    """

    label: str | None = None
    """The label that it is about; of two labels, the other one is answered below it. Default: every label of several
    per row; the second of two."""
    costs: Costs | None = None
    """Least expected cost."""
    precision: float | None = Field(default=None, gt=0, lt=1)
    """At least this precision, with the highest recall that goes with it."""
    recall: float | None = Field(default=None, gt=0, lt=1)
    """At least this recall, with the highest precision that goes with it."""

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        given = [name for name in ("costs", "precision", "recall") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"states {' and '.join(given) or 'no aim'}: give exactly one of costs, precision, recall")
        return self


class SlicesSection(Section):
    """Parts of the test rows that are scored by themselves."""

    columns: tuple[str, ...] = ()
    """Columns of the data: their values (numbers in ranges) make the parts. Lengths, languages and labels are looked at
    in any case."""
    find: bool = True
    """Search for weak parts by short rules over all of that."""
    min_rows: int = Field(default=30, ge=5)
    """Parts with fewer test rows are not measured."""


class RobustnessSection(Section):
    """How much the score falls when inputs are damaged in ways that should not matter."""

    perturbations: tuple[Perturbation, ...] = ()
    """What is done to the inputs; nothing, unless it is stated. `finetune tasks` lists what fits a task."""
    strength: float = Field(default=0.1, gt=0, le=1)
    """How much: of `typos`, `ocr` and `scripts` the share of characters, of `punctuation`, `contractions` and
    `synonyms` the share of words, `longer` the share of 500 words that are added; `noise` its standard deviation and
    `brightness` the shift, both as a share of the range of values; `blur` the standard deviation as a share of a tenth
    of the shorter side. A change of case is always whole."""
    snr: float = Field(default=10.0, ge=-20, le=60)
    """Signal-to-noise ratio of `background_noise`, in dB."""
    rows: int = Field(default=500, ge=10)
    """Most test rows that are damaged; drawn by chance where there are more."""
    seed: int = Field(default=0, ge=0)
    """Of the draw and of the damage."""


class Check(Section):
    """A behaviour that the recipe expects of the model (CheckList, Ribeiro et al. 2020).

    Inputs come from a template with lists to fill in, from test rows, or from both.
    """

    name: str = Field(min_length=1)
    """What it is called in the report, and behind `checks.` among the goals."""
    kind: Literal["minimum_functionality", "invariance", "direction"]
    """`minimum_functionality`: the answer is `expect`; `invariance`: the change leaves the answer as it was;
    `direction`: the change moves the probability of `label` (or the number) where `expect` says, `up` or `down`."""
    template: str | None = None
    """A text with places: `The {dish} was {judgement}.`"""
    fill: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Place -> what to put there, in all combinations."""
    test_rows: bool | None = None
    """Whether the change is made to test rows; of those, with `replace`, the ones that hold one of its words. Default:
    where there is no template."""
    replace: dict[str, str] = Field(default_factory=dict)
    """The change: a word (or several) -> what stands in its place, wherever it stands whole, however it is written."""
    append: str | None = None
    """The change: what is added at the end, behind a blank."""
    prepend: str | None = None
    """The change: what is put in front, before a blank."""
    expect: Any = None
    """The right answer (a label, a list of labels, a number, a text), or `up` or `down`."""
    label: str | None = None
    """Whose probability has to move, or, of an invariance, to stay."""
    tolerance: float = Field(default=0.1, ge=0)
    """How far a probability (or number) may move against the expectation before the case fails; of a number that is
    expected, how far from it the answer may lie."""
    least: float | None = Field(default=None, gt=0)
    """How far a `direction` has to go at least; without it a case holds also where nothing moves."""
    column: str | None = None
    """The text column that is changed or filled. Default: the first."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """Other columns of the input, where a task needs them beside the template."""
    rows: int = Field(default=500, ge=1)
    """Most cases; drawn by chance where there are more."""
    seed: int = Field(default=0, ge=0)
    """Of the draw."""

    @property
    def changes(self) -> bool:
        """Whether it states a change."""
        return bool(self.replace) or self.append is not None or self.prepend is not None

    @property
    def from_rows(self) -> bool:
        """Whether it is made of test rows."""
        return self.template is None if self.test_rows is None else self.test_rows

    @model_validator(mode="after")
    def _possible(self) -> Self:
        reasons = (*_template_faults(self), *_kind_faults(self), *_change_faults(self))
        for reason in reasons:
            raise ValueError(f"check {self.name!r}: {reason}")
        return self


def _template_faults(check: Check) -> Iterator[str]:
    if check.template is None:
        if check.fill or check.inputs:
            yield "fill and inputs belong to a template, and there is none"
        if check.test_rows is False:
            yield "there is neither a template nor test_rows: nothing to try it on"
        return
    try:
        places = {name for _, name, _, _ in Formatter().parse(check.template) if name is not None}
    except ValueError as error:
        yield f"the template cannot be read: {error}; write {{{{ and }}}} for braces that are no place"
        return
    for place in sorted(places ^ set(check.fill)):
        where = (
            "stands in the template and not in fill" if place in places else "stands in fill and not in the template"
        )
        yield f"the place {place!r} {where}"
    for place in [place for place, words in check.fill.items() if not words]:
        yield f"fill has nothing for the place {place!r}"


def _kind_faults(check: Check) -> Iterator[str]:
    if check.kind == "minimum_functionality":
        if check.template is None or check.from_rows:
            yield "minimum_functionality needs a template, and no test_rows: of those the scores tell"
        if check.expect is None:
            yield "minimum_functionality needs expect, the right answer"
        if check.changes or check.label is not None:
            yield "minimum_functionality has no change and no label: write all into the template"
        return
    if not check.changes:
        yield f"{check.kind} needs a change: replace, append or prepend"
    if check.kind == "invariance" and check.expect is not None:
        yield "invariance expects that the answer stays: leave expect out"
    if check.kind == "direction" and check.expect not in ("up", "down"):
        yield f"direction expects up or down, not {check.expect!r}"


def _change_faults(check: Check) -> Iterator[str]:
    if check.least is not None and check.kind != "direction":
        yield "least is how far a direction has to go; give tolerance"
    for old, new in check.replace.items():
        if not old.strip() or old == new:
            yield f"replace has {old!r} -> {new!r}, which changes nothing"


class MembershipSection(Section):
    """Whether a language model has seen the test rows before, by how likely it finds them."""

    reference: str | None = None
    """Texts of the same kind that it cannot have seen, such as newer ones: a file or a Hub id, named as `data.name`
    is. Without it only the order of the rows is tested."""
    column: str | None = None
    """Their text column."""
    rows: int = Field(default=200, ge=20)
    """Most rows of each."""


class ContaminationSection(Section):
    """Whether the test rows were learned from."""

    ngram: int = Field(default=13, ge=3)
    """Words in a row that a test row has to share with a training row to be told."""
    membership: MembershipSection | None = None
    """Ask the pretrained model itself; for language models."""
