"""What a demo does that is not drawing: it reads what a person wrote, asks the model, and shows the answer as views."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from finetune.artifacts import RunFolder, TrainedModel
from finetune.artifacts.trained_model import find_base
from finetune.errors import FinetuneError, SourceError, UsageError
from finetune.models import core
from finetune.serving.facts import Facts, pick_examples
from finetune.serving.reading import fields_of, read_values
from finetune.task import Prediction, Row
from finetune.views import Field, View

log = logging.getLogger(__name__)


Compute: TypeAlias = Callable[[Sequence[Row]], list[Prediction] | FinetuneError]


@dataclass(frozen=True)
class Answer:
    """What a model says to an input.

    Attributes:
        row: The canonical row that was answered.
        prediction: As `TrainedModel.predict` gives it.
        views: The same for a person.
        seconds: How long the model took.
        notes: Sentences that a person has to know, such as that the end of the input was not read.
    """

    row: Row
    prediction: Prediction
    views: tuple[View, ...]
    seconds: float
    notes: tuple[str, ...] = ()


class Answerer:
    """A trained model that answers people, one at a time.

    Args:
        model: What answers.
        run: Its run: scores, card and test rows are taken from there.
        published: Likewise the folder of a published model.
        max_characters: The most that one field may hold; longer inputs are refused.

    Attributes:
        title: The model's name.
        description: What it does, and its headline score with its interval where it was evaluated.
        card: The model card as Markdown without its YAML head; empty where there is none.
        fields: What a person fills in.
        compute: Rows -> predictions, or the error that a person can act on. Where the model may only run inside of a
            special call (a GPU that is lent for seconds), `run_within` wraps it; errors are returned, since other
            processes do not hand on what they are.
        lock: Held while the model runs.
    """

    def __init__(
        self, model: TrainedModel, *, run: RunFolder | None = None, published: Path | None = None,
        max_characters: int = 20_000,
    ) -> None:  # fmt: skip
        self.model, self.max_characters = model, max_characters
        self._facts = Facts(model, run.path if run else published)
        self.title, self.description, self.card = self._facts.title, self._facts.description, self._facts.card
        self.fields: tuple[Field, ...] = fields_of(model)
        self.compute: Compute = self._compute
        self._wrap: Callable[[Compute], Compute] = lambda compute: compute
        self.lock = threading.Lock()
        self._mode: Callable[[], AbstractContextManager[Any]] = nullcontext

    def examples(self, limit: int = 5) -> list[dict[str, Any]]:
        """Inputs by the names of the fields, from the test rows; empty where there are none.

        Args:
            limit: The most that are given; short ones with different right answers come first.
        """
        return pick_examples(self.model.task, self.fields, self._facts.test_rows(), limit)

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What a person wrote, checked: texts as they are, lists of texts from lines, without fields left empty.

        Args:
            values: By the names of the fields; lists of texts as lists or one text per line.

        Raises:
            UsageError: A required field is empty, one is too long or of another kind, or there is no such field.
        """
        return read_values(self.fields, values, self.max_characters)

    def answer(self, values: Mapping[str, Any]) -> Answer:
        """Ask the model. Calls from several threads wait for one another.

        Raises:
            UsageError: The input cannot be answered; the sentence is for the person who wrote it.
        """
        asked = self._asked(self.read(values))
        several = self._several(asked)
        rows = self._rows([{**asked, several: text} for text in asked[several]] if several else [asked])
        row = asked if several else rows[0]
        with self.lock:
            started = time.perf_counter()
            found = self.compute(rows)
            seconds = time.perf_counter() - started
        if isinstance(found, FinetuneError):
            raise UsageError(found.cause, found.remedy) from found
        prediction = _ranked(asked[several], found) if several else found[0]
        return Answer(row, prediction, self.model.task.views(row, prediction), seconds, self._notes(rows))

    def run_within(self, wrap: Callable[[Compute], Compute]) -> None:
        """Let the model run inside of special calls only; that of `untouched` as well."""
        self._wrap, self.compute = wrap, wrap(self._compute)

    def untouched(self) -> Answerer | None:
        """One that answers as the pretrained model did before the fit; None where that could not answer, or is not to
        be had."""
        if not self.model.task.answers_untouched:
            return None
        other = copy.copy(self)
        other.compute = self._wrap(other._compute)
        if self.model.is_adapter:
            other._mode = lambda: core(self.model.model).disable_adapter()
            return other
        try:
            other.model = _pretrained(self.model)
        except SourceError as error:
            log.warning("There is nothing to compare with: %s", error.cause)
            return None
        return other

    def _compute(self, rows: Sequence[Row]) -> list[Prediction] | FinetuneError:
        try:
            with self._mode():
                return self.model.predict_rows(rows)
        except FinetuneError as error:
            return error

    def _asked(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values as the model reads them: cleaned, or the text that a template makes of them."""
        read = self.model.read_inputs
        if read is None:
            return values
        columns: Sequence[str] = getattr(read, "columns", ())
        return dict(read([dict.fromkeys(columns) | values])[0])

    def _rows(self, inputs: Sequence[dict[str, Any]]) -> list[Row]:
        try:
            return self.model.task.rows_from(inputs)
        except UsageError as error:  # it speaks to programmers, of dictionaries
            hints = "; ".join(f"{field.label}: {field.hint}" for field in self.fields if field.hint)
            raise UsageError("This input cannot be answered as it is.", f"{hints}.") from error

    def _several(self, row: Mapping[str, Any]) -> str | None:
        """The field that takes several texts where the task reads one at a time."""
        columns = {column.name: column.kind for column in self.model.task.input_columns()}
        listed = (field.name for field in self.fields if field.kind == "texts" and columns.get(field.name) == "text")
        return next((name for name in listed if isinstance(row.get(name), list)), None)

    def _notes(self, rows: Sequence[Row]) -> tuple[str, ...]:
        limit = self.model.max_length
        if limit is None or not any(_may_be_long(row, limit) for row in rows):
            return ()
        features = self.model.task.encode(rows, self.model.processor, limit)
        lengths = [feature["length"] for feature in features if feature["truncated"]]
        if len(rows) > 1:  # of texts that are searched, `encode` sees the query alone
            lengths += [length for length in self._lengths(rows) if length > limit]
        if not lengths:
            return ()
        return (f"Only the first {limit:,} tokens were read, of about {max(lengths):,}.",)

    def _lengths(self, rows: Sequence[Row]) -> list[int]:
        texts = list({text for row in rows for text in row.values() if isinstance(text, str)})
        return [len(ids) for ids in self.model.processor(texts, truncation=False, verbose=False)["input_ids"]]


def _ranked(texts: Sequence[str], found: Sequence[Prediction]) -> Prediction:
    """One answer of several numbers: the texts that they belong to, highest first, and the numbers as `scores`."""
    scores = {text: float(answer["prediction"]) for text, answer in zip(texts, found, strict=True)}
    return {"prediction": sorted(scores, key=lambda text: -scores[text]), "scores": scores}


def _may_be_long(row: Row, limit: int) -> bool:
    """Whether the row may have more tokens than that; no token is less than a byte."""
    texts = [text for value in row.values() for text in (value if isinstance(value, list) else [value])]
    return sum(len(text.encode()) for text in texts if isinstance(text, str)) + 8 > limit


def _pretrained(model: TrainedModel) -> TrainedModel:
    base = model.base
    if base.revision is None and not Path(base.path).exists():
        found = find_base(base.name, base.revision, base.sha256)
        base = replace(base, path=found.path, revision=found.revision)
    device = next(model.model.parameters()).device
    pretrained, processor = model.task.load(replace(base, dropout=None))
    return replace(model, model=pretrained.to(device).eval(), processor=processor)
