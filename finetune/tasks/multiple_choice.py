"""Multiple choice: which of a few texts answers a question, continues a story, fits a passage."""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from finetune.errors import ColumnError, LabelError, UsageError
from finetune.labels import RowError
from finetune.models import Collator, Features, load_pretrained, tiny_text_encoder
from finetune.task import (
    Baseline,
    Column,
    Example,
    FitBaseline,
    Mistake,
    Prediction,
    Row,
    TargetHints,
    Task,
    TaskOptions,
)
from finetune.views import Bars, Field, View

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource

MOST_COLUMNS = 5
"""Choices that may stand in a column each; of a list there may be any number."""
WRONG, RIGHT, ABSENT = 0, 1, -100
"""Labels of a row's choices, and of the places that a batch has and the row has not."""
SAMPLE = ("She opened the umbrella because", ["it had begun to rain.", "the soup was cold."])
"""What `usage` asks."""


class MultipleChoiceOptions(TaskOptions):
    """Settings of multiple choice."""

    first_position: Literal[0, 1] = 0
    """What the data calls the first choice, where answers are positions."""
    answer_form: Literal["position", "letter", "text"] | None = None
    """How the data names the right choice: by position, by letter (or whatever name the data gives the choices), or by
    its text. Default: whichever fits; a row in which two of them fit different choices is refused."""
    new_head: bool = False
    """Replace the head of a model that was trained for something else."""


def _column_of_choice(number: int) -> Column:
    """The column of one choice, counted from 1; data sets count from 0 or from 1, or by letters."""
    zero, one, letter = str(number - 1), str(number), chr(ord("a") + number - 1)
    stems = ("choice", "ending", "answer", "option", "sol", "solution")
    # Those from 0 first: a data set that counts from 1 has none, and its names are taken one after the other.
    return Column(f"choice{one}", "text", required=False, nullable=True,
                  aliases=tuple(stem + end for end in (zero, letter, one) for stem in stems))  # fmt: skip


class MultipleChoice(Task):
    """The right one of two or more texts, whose number may differ from row to row.

    The model gives each choice a score, beside the question (and the passage, where there is one); the scores of a row
    are compared by softmax, as for SWAG in Devlin et al. (2019), section 4.4.
    """

    name = "multiple-choice"
    auto_class = "AutoModelForMultipleChoice"
    Options = MultipleChoiceOptions
    options: MultipleChoiceOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("context", "text", required=False, aliases=("context", "passage", "article", "premise")),
        Column("question", "text", aliases=("question", "startphrase", "ctx", "sent1", "question_stem", "stem", "goal",
                                            "query", "prompt", "sentence")),
        Column("choices", "texts", required=False, aliases=("choices", "options", "endings", "answers", "candidates")),
        *(_column_of_choice(number) for number in range(1, MOST_COLUMNS + 1)),
        Column("answer", "target", aliases=("answer", "label", "answerkey", "answer_idx", "correct", "gold", "target")),
    )  # fmt: skip
    kind = "choice"
    metrics = ("accuracy",)
    baselines = ("majority", "longest-answer")
    _widest = 0

    # -- what is to be learned

    def rewrite(self, row: Row, edit: Callable[[str], str], *, conservative: bool) -> Row | None:
        """Conservative edits of the question and its context; the choices stay as they are."""
        if not conservative:
            return None
        edited = {name: edit(row[name]) for name in ("context", "question") if row.get(name)}
        return {**row, **edited}

    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        if not any(value not in (None, "", -1) for value in values):
            raise LabelError("No row has an answer.", "Name its column under data.columns, such as {answer: label}.")
        return type(self)(self.options)

    def parse_target(self, value: Any) -> int | str:
        """The answer as the data gives it, a position counted from 0; `check_row` makes it the text of the choice."""
        if value in (None, "", -1) or (isinstance(value, float) and math.isnan(value)):
            raise RowError("missing answer")
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise RowError(f"the answer {value!r} is neither a position nor a letter nor a text")
        return int(value) - self.options.first_position

    def check_row(self, row: dict[str, Any]) -> None:
        choices, names = _choices(row), _names(row)
        if len(choices) < 2:
            raise RowError(f"there are {len(choices)} choices; it takes two or more")
        if not all(choices):
            raise RowError("empty choice")
        row["answer"] = choices[self._position(row["answer"], choices, names)]
        if "choices" in row:
            row["choices"] = choices

    def _position(self, answer: int | str, choices: list[str], names: list[str]) -> int:
        first = self.options.first_position
        if isinstance(answer, int):
            if 0 <= answer < len(choices):
                return answer
            raise RowError(f"the answer {answer + first} is no position of {len(choices)} choices counted from {first} "
                           "(options.first_position)")  # fmt: skip
        letters = names or [chr(ord("A") + place) for place in range(len(choices))]
        numbers = [str(place + first) for place in range(len(choices))]
        forms = {"letter": letters, "text": choices, "position": numbers}
        asked = {form: known for form, known in forms.items() if self.options.answer_form in (None, form)}
        found = {known.index(answer) for known in asked.values() if answer in known}
        if len(found) == 1:
            return found.pop()
        if found:
            raise RowError(f"the answer {answer!r} may mean several choices; say which in options.answer_form")
        raise RowError(f"the answer {answer!r} is none of {len(choices)} choices by {' or '.join(asked)}")

    def describe_target(self, value: Any) -> Any:
        return value + self.options.first_position if isinstance(value, int) else value

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        """Nothing to refuse: choices are scored one by one, so the model cannot learn a place that is always right."""

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        words = [len(text.split()) for text in targets]
        bounds = {"right answer of one word": 1, "of 2 to 5 words": 5, "of 6 to 20 words": 20, "of more words": np.inf}
        counts = Counter(next(name for name, most in bounds.items() if count <= most) for count in words)
        return {name: counts[name] for name in bounds if counts[name]}

    # -- the model

    def load(self, source: ModelSource) -> tuple[Any, Any]:
        return load_pretrained(self.auto_class, source, {"num_labels": 1}, replace_head=self.options.new_head)

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> Features:
        choices = [_choices(row) for row in rows]
        pairs = [_pair(row, choice) for row, texts in zip(rows, choices, strict=True) for choice in texts]
        whole = processor(*map(list, zip(*pairs, strict=True)), truncation=False, verbose=False) if pairs else {}
        features: Features = []
        start = 0
        for row, texts in zip(rows, choices, strict=True):
            part = range(start, start := start + len(texts))
            lengths = [len(whole["input_ids"][i]) for i in part]
            cut = [max_length is not None and length > max_length for length in lengths]
            parts = [
                _shorten(pairs[i], processor, max_length) if short else {key: whole[key][i] for key in whole}
                for i, short in zip(part, cut, strict=True)
            ]
            feature: dict[str, Any] = {key: [values[key] for values in parts] for key in whole}
            feature |= {"length": max(lengths), "truncated": any(cut)}
            if row.get("answer") is not None:
                feature["labels"] = texts.index(row["answer"])
            features.append(feature)
        return features

    def collator(self, processor: Any) -> Collator:
        from transformers import DataCollatorWithPadding

        pad = DataCollatorWithPadding(processor)
        return lambda features: _collate(features, pad)

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        from torch.nn import functional

        logits = outputs["logits"].float().masked_fill(labels == ABSENT, -float("inf"))
        items = functional.cross_entropy(logits, labels.argmax(dim=1), reduction="sum")
        return items / (num_items_in_batch if num_items_in_batch is not None else len(labels))

    def count_items(self, labels: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.tensor(len(labels), device=labels.device)  # rows, however many choices they have

    # -- answers

    def facing(self, rows: Sequence[Row]) -> Self:
        faced = copy.copy(self)
        faced._widest = max((len(_choices(row)) for row in rows), default=0)
        return faced

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        answers = []
        for kept, row in zip(outputs, rows, strict=True):
            choices = _choices(row)
            logits = kept["logits"][: len(choices)].astype(np.float64)
            exponents = np.exp(logits - logits.max())
            answers.append(self._answer(choices, exponents / exponents.sum()))
        return answers

    def _answer(self, choices: Sequence[str], shares: np.ndarray) -> Prediction:
        """The likeliest choice, and all probabilities by their place from 1; None up to the most that any row has."""
        scores: dict[str, float | None] = {str(place): float(share) for place, share in enumerate(shares, 1)}
        scores |= {str(place): None for place in range(len(choices) + 1, self._widest + 1)}
        return {"prediction": choices[int(shares.argmax())], "scores": scores}

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [self._row_from(value) for value in inputs]

    @staticmethod
    def _row_from(value: Any) -> Row:
        row = value if isinstance(value, Mapping) else {}
        if isinstance(value, list | tuple) and len(value) == 2:
            row = {"question": value[0], "choices": value[1]}
        try:
            choices = _choices(row)
        except (ColumnError, TypeError, KeyError):
            choices = []
        if not isinstance(row.get("question"), str) or len(choices) < 2:
            raise UsageError(
                f"Cannot choose for {type(value).__name__} {str(value)[:60]!r}.",
                "Give {'question': …, 'choices': [two or more texts]}, also with 'context', or a question and a list.",
            )
        context = {"context": row["context"]} if row.get("context") else {}
        return context | {"question": row["question"], "choices": choices}

    # -- scores

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        """Positions as if the right choice stood first in every row: 0 is right.

        Accuracy does not depend on the order, and so needs no more than the texts.
        """
        wrong = [int(p["prediction"] != wanted) for p, wanted in zip(predictions, references, strict=True)]
        width = max((len(p["scores"]) for p in predictions), default=0)
        scores = np.full((len(predictions), width), np.nan)
        for row, answer in enumerate(predictions):
            scores[row, : len(answer["scores"])] = [np.nan if v is None else v for v in answer["scores"].values()]
        return {"predictions": np.array(wrong, int), "references": np.zeros(len(wrong), int), "scores": scores}

    def outcomes(
        self, rows: Sequence[Row], predictions: Sequence[Prediction], references: Sequence[Any]
    ) -> tuple[np.ndarray, np.ndarray]:
        places = [_choices(row).index(wanted) for row, wanted in zip(rows, references, strict=True)]
        return self.arrays(predictions, references)["scores"], np.array(places, dtype=int)

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        return [{"prediction": text, "scores": {"1": 1.0}} for text in references]

    def own_baselines(self) -> Mapping[str, tuple[str, FitBaseline]]:
        return {
            "majority": ("Most frequent position", self._fit_majority),
            "longest-answer": ("Longest choice", self._fit_longest),
        }

    def _fit_majority(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        counts = Counter(_choices(row).index(row["answer"]) for row in train)
        best, times = counts.most_common(1)[0]

        def predict(rows: Sequence[Row]) -> list[Prediction]:
            shares = [np.array([counts[place] + 1e-9 for place in range(len(_choices(row)))]) for row in rows]
            return [self._answer(_choices(row), s / s.sum()) for row, s in zip(rows, shares, strict=True)]

        return predict, f"choice {best + 1}, right in {times / len(train):.1%} of the training rows"

    def _fit_longest(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        def predict(rows: Sequence[Row]) -> list[Prediction]:
            lengths = [np.array([len(choice) for choice in _choices(row)]) for row in rows]
            hot = [np.eye(len(length))[length.argmax()] for length in lengths]
            return [self._answer(_choices(row), one) for row, one in zip(rows, hot, strict=True)]

        return predict, "the choice with the most characters"

    def details(self, arrays: Mapping[str, np.ndarray], rows: Sequence[Row]) -> dict[str, Any]:
        right, scores = arrays["predictions"] == arrays["references"], arrays["scores"]
        sure, sizes = np.nanmax(scores, axis=1), (~np.isnan(scores)).sum(axis=1)
        bounds = ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.0))
        by_sureness = [(f"{low:.0%} to {high:.0%}", (sure > low) & (sure <= high)) for low, high in bounds]
        tables = [_accuracy_table("How often it is right, by how sure it is.", "Probability", right, by_sureness)]
        by_size = [(str(size), sizes == size) for size in np.unique(sizes)]
        if len(by_size) > 1:
            tables.append(_accuracy_table("Accuracy by the number of choices.", "Choices", right, by_size))
        return {"tables": tables}

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        if answer["prediction"] == reference:
            return None
        choices = _choices(row)
        given, wanted = (answer["scores"][str(choices.index(text) + 1)] for text in (answer["prediction"], reference))
        return Mistake(given, answer["prediction"], reference, f"{given:.0%} against {wanted:.0%} for the right choice")

    def text_of(self, row: Row) -> str:
        return "\n".join([*([row["context"]] if row.get("context") else []), row["question"], *_choices(row)])

    # -- for people

    def fields(self) -> tuple[Field, ...]:
        return (
            Field(
                "context", "text", "Passage", required=False, lines=6, hint="What the question is about, if anything"
            ),
            Field("question", "text", "Question", lines=2, hint="A question, or a sentence to continue"),
            Field("choices", "texts", "Choices", lines=4, hint="One choice per line, two or more"),
        )

    @property
    def shows(self) -> tuple[type[View], ...]:
        return (Bars,)

    def views(self, row: Row, answer: Prediction) -> tuple[View, ...]:
        shares: dict[str, float] = {}
        for place, text in enumerate(_choices(row), 1):  # equal texts are one choice to a reader
            shares[text] = shares.get(text, 0.0) + answer["scores"][str(place)]
        return (Bars(dict(sorted(shares.items(), key=lambda item: -item[1])), [answer["prediction"]]),)

    def usage(self, repository: str, *, adapter: bool) -> str:
        place = json.dumps(repository)
        more = ", ignore_mismatched_sizes=True" if adapter and self.options.new_head else ""
        return (
            "from transformers import AutoModelForMultipleChoice, AutoTokenizer\n\n"
            f"tokenizer = AutoTokenizer.from_pretrained({place})\n"
            f"model = AutoModelForMultipleChoice.from_pretrained({place}{more}).eval()\n"
            f'question, choices = "{SAMPLE[0]}", {json.dumps(SAMPLE[1])}\n'
            "# Where there is a passage, it takes the question's place, and the question stands before each choice.\n"
            'inputs = tokenizer([question] * len(choices), choices, padding=True, return_tensors="pt")\n'
            "logits = model(**{name: values[None] for name, values in inputs.items()}).logits[0]\n"
            "print(choices[logits.argmax()], logits.softmax(-1).tolist())\n"
        )

    # -- self-description

    @classmethod
    def examples(cls) -> dict[str, Example]:
        ragged, four = _example_rows([2, 3, 4, 5]), _example_rows([4])
        variants: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
            "list": ([{"question": q, "choices": c, "answer": "ABCDE"[right]} for q, c, right in ragged], {}),
            "columns": ([{"startphrase": q, **{f"ending{i}": text for i, text in enumerate(c)}, "label": right + 1}
                         for q, c, right in four], {"first_position": 1}),
            "passage": ([{"passage": f"once {q}", "question": q, "options": c, "answer": c[right]}
                         for q, c, right in ragged], {"answer_form": "text"}),
        }  # fmt: skip
        texts = [f"once {q} {' '.join(c)}" for q, c, _ in (*ragged, *four)]
        return {
            name: Example(given, options, lambda folder: tiny_text_encoder(folder, texts))
            for name, (given, options) in variants.items()
        }

    def state(self) -> dict[str, Any]:
        return {}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options)


def _choices(row: Row) -> list[str]:
    """The choices of a row: a list of texts, `{"text": […], "label": […]}`, a list of such pairs, or a column each."""
    given = row.get("choices")
    if given is None:
        names = [f"choice{number}" for number in range(1, MOST_COLUMNS + 1)]
        given = [row[name] for name in names if row.get(name) is not None]
        if not given:
            cause = "No column of the data holds the choices."
            raise ColumnError(cause, "Name a list as data.columns.choices, or one column each: choice1, choice2, …")
    texts = given["text"] if isinstance(given, Mapping) else given
    if isinstance(texts, str):
        raise ColumnError(f"The choices are one text, {texts[:60]!r}, not a list of texts.", "Name another column.")
    return [str(text["text"] if isinstance(text, Mapping) else text).strip() for text in texts]


def _names(row: Row) -> list[str]:
    """What the data calls the choices, where it says so: `label` beside their texts."""
    given = row.get("choices")
    if isinstance(given, Mapping):
        return [str(name) for name in given.get("label") or ()]
    return [str(one["label"]) for one in given or () if isinstance(one, Mapping) and "label" in one]


def _pair(row: Row, choice: str) -> tuple[str, str]:
    """What the model reads: passage, then question and choice; or question, then choice. The first may be cut."""
    return (row["context"], f"{row['question']} {choice}") if row.get("context") else (row["question"], choice)


def _shorten(pair: tuple[str, str], processor: Any, max_length: int | None) -> dict[str, Any]:
    """A pair cut at the end of its first text; where that is not enough, wherever it is longest."""
    second = len(processor("", pair[1], verbose=False)["input_ids"])
    cut = "only_first" if max_length is not None and second < max_length else "longest_first"
    return dict(processor(*pair, truncation=cut, max_length=max_length, verbose=False))


def _collate(features: Features, pad: Collator) -> dict[str, Any]:
    """A batch (rows, choices, tokens). Missing choices are copies of the row's first: all-padding makes NaN."""
    import torch

    counts = [len(feature["input_ids"]) for feature in features]
    most = max(counts)
    names = [name for name in features[0] if name != "labels"]
    flat = [
        {name: feature[name][place if place < count else 0] for name in names}
        for feature, count in zip(features, counts, strict=True)
        for place in range(most)
    ]
    batch = {name: values.view(len(features), most, -1) for name, values in pad(flat).items()}
    if "labels" in features[0]:
        batch["labels"] = torch.full((len(features), most), ABSENT)
        for row, (feature, count) in enumerate(zip(features, counts, strict=True)):
            batch["labels"][row, :count] = WRONG
            batch["labels"][row, feature["labels"]] = RIGHT
    return batch


def _accuracy_table(
    title: str, column: str, right: np.ndarray, groups: Sequence[tuple[str, np.ndarray]]
) -> dict[str, Any]:
    rows = [[name, int(chosen.sum()), float(right[chosen].mean())] for name, chosen in groups if chosen.any()]
    return {"title": title, "columns": [column, "Rows", "Accuracy"], "rows": rows}


def _example_rows(sizes: Sequence[int]) -> list[tuple[str, list[str], int]]:
    """Questions, choices of which one is kind, and its place; `sizes` are numbers of choices, taken in turn."""
    kind, unkind = ("great", "lovely", "superb"), ("dull", "awful", "poor", "cold")
    rows = []
    for index, thing in enumerate(("film", "book", "meal", "song", "play", "talk", "game", "show") * 3):
        size = sizes[index % len(sizes)]
        choices = [f"it was {unkind[(index + place) % 4]}" for place in range(size)]
        right = index * 7 % size
        choices[right] = f"it was {kind[index % 3]}"
        rows.append((f"why see the {thing}", choices, right))
    return rows
