"""Extractive question answering: the part of a context that answers a question, or that there is none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from finetune.errors import DataError, LabelError, SourceError, UsageError
from finetune.labels import RowError, row_errors
from finetune.metrics.answer_f1 import AnswerF1
from finetune.metrics.exact_match import ExactMatch
from finetune.models import Collator, load_pretrained, tiny_text_encoder
from finetune.retrieval.lexical import TfidfCosine
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
    object_array,
)
from finetune.text.rewriting import rewrite_around
from finetune.text.sentences import Likeness, choose_threshold, find_sentences, group_questions, score_groups
from finetune.text.spans import label_windows, locate_answers, read_answers, read_windows
from finetune.text.words import encodable
from finetune.views import Field as InputField
from finetune.views import Marked, View, Words

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource

Target = dict[str, Any]
"""Canonical answers of a row: `text` (the right answers, [] where there is none), `answer_start` (where each begins in
the context, in characters; -1 where it has no place) and `located`, how that is known (see `locate_answers`)."""
NONE = "(no answer)"
SAMPLE = ("Who wrote the notes?", "Ada Lovelace wrote the notes in 1843.")
"""What `usage` asks."""


class QuestionAnsweringOptions(TaskOptions):
    """Settings of question answering."""

    stride: int = Field(default=128, ge=0)
    """Tokens that two windows of a long context share. Every answer of at most so many tokens is whole in a window."""
    max_answer_length: int = Field(default=30, ge=1)
    """The most tokens of an answer; longer ones are never given."""
    null_threshold: float = 0.0
    """Where some questions have no answer: none is given where its score (the sum of two logits) exceeds that of the
    best answer by more than this. Higher: more answers."""


class QuestionAnswering(Task):
    """The span of a context that answers a question; long contexts by overlapping windows, and "" for no answer.

    The model scores every token as the answer's start and as its end (Devlin et al. 2019); the [CLS] token stands for
    there being no answer in a window. An answer of `predict` has `prediction` (the text, "" for none), `start` and
    `end` (its place in the context as it was given, in characters, the end exclusive; both 0 for none), so that
    `context[start:end]` is the text, and `score` in [0, 1]: the model's probability of that start times that of that
    end, in the window that it comes from (for no answer, those of [CLS]).
    """

    name = "question-answering"
    auto_class = "AutoModelForQuestionAnswering"
    split_by = "context"
    Options = QuestionAnsweringOptions
    options: QuestionAnsweringOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("question", "text", aliases=("question", "query")),
        Column("context", "text", aliases=("context", "passage", "paragraph", "document", "article")),
        Column("answers", "target", aliases=("answers", "answer")),
    )
    kind = "answers"
    metrics = ("answer_f1", "exact_match")

    def __init__(self, options: TaskOptions | None = None, *, unanswerable: bool = False) -> None:
        super().__init__(options)
        self.unanswerable = unanswerable
        """Whether some questions have no answer; without such questions, every one gets an answer."""

    # -- what is to be learned

    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        sizes = set()
        for value in values:
            with suppress(RowError):  # refused row by row, with its number
                sizes.add(len(self.parse_target(value)["text"]))
        if not sizes - {0}:
            raise LabelError("No row has an answer.", "Name the column under data.columns, such as {answers: answers}.")
        return type(self)(self.options, unanswerable=0 in sizes)

    def parse_target(self, value: Any) -> Target:
        """Answers in canonical form, from those that `read_answers` takes; `check_row` finds out where they stand."""
        with row_errors():
            texts, starts = read_answers(value)
        located = value.get("located", "stated") if isinstance(value, Mapping) else "stated"
        return {"text": texts, "answer_start": starts, "located": located}

    def check_row(self, row: dict[str, Any]) -> None:
        """See to it that the answers stand where they say (see `locate_answers`); `summarize` counts what was moved."""
        target = row["answers"]
        with row_errors():
            starts, located = locate_answers(target["text"], target["answer_start"], row["context"])
        row["answers"] = {"text": target["text"], "answer_start": starts, "located": located}

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        if not any(target["text"] for target in targets):
            raise LabelError(
                f"None of the {len(targets)} training rows has an answer; there is nothing to learn to find.",
                "Check the slice of the training split.",
            )

    @property
    def offsets_into(self) -> tuple[str, ...]:
        return ("context",)

    def rewrite(self, row: Row, edit: Callable[[str], str], *, conservative: bool) -> Row | None:
        """The context is edited around the answers, whose places are found again; the question conservatively only."""
        answers, context = row["answers"], row["context"]
        if any(start < 0 for start in answers["answer_start"]):
            return None
        places = [
            (start, start + len(text)) for text, start in zip(answers["text"], answers["answer_start"], strict=True)
        ]
        edited, starts = rewrite_around(context, places, edit)
        if any(not edited.startswith(text, start) for text, start in zip(answers["text"], starts, strict=True)):
            raise AssertionError("an edit moved an answer")  # it would teach a wrong place
        question = edit(row["question"]) if conservative else row["question"]
        return {**row, "question": question, "context": edited, "answers": {**answers, "answer_start": starts}}

    def strata(self, targets: Sequence[Any]) -> np.ndarray | None:
        answerable = np.array([int(bool(target["text"])) for target in targets])
        return answerable if len(set(answerable)) > 1 else None

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        kinds = {"first": "answerable, first of several places", "moved": "answerable, place corrected"}
        found = (kinds.get(target["located"], "answerable") if target["text"] else "unanswerable" for target in targets)
        return dict(Counter(found).most_common())

    def split_key(self, row: Row) -> str:
        """The context alone: the answers to its other questions stand in it too, and a test must not know it."""
        return " ".join(row["context"].lower().split())

    # -- the model

    def load(self, source: ModelSource) -> tuple[Any, Any]:
        model, processor = load_pretrained(self.auto_class, source, {"num_labels": 2})  # a start and an end
        if not getattr(processor, "is_fast", False):
            raise SourceError(
                f"The tokenizer of {source.name} cannot say where in a text its tokens stand.",
                "Choose a model with a fast tokenizer (tokenizer.json).",
            )
        return model, processor

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        """One feature per window. `labels` are the first and last token of the answer ([CLS] twice in a window without
        it) and the window's number of tokens, by which `loss` knows padding.

        Raises:
            DataError: A question leaves no room for its context; or an answer is lost to the tokenizer.
            RecipeError: `stride` leaves windows no room to advance, or is too short for an answer.
        """
        questions, contexts = ([encodable(row[name]) for row in rows] for name in ("question", "context"))
        names = [row.get("row", index) for index, row in enumerate(rows)]
        features: list[dict[str, Any]] = []
        for index, whole in enumerate(read_windows(questions, contexts, names, processor)):
            windows = whole.cut(max_length, self.options.stride)
            made = [
                {**window.inputs, "length": len(whole), "truncated": False, "about": {"row": index, "window": window}}
                for window in windows
            ]
            if rows[index].get("answers") is not None:
                for feature, labels in zip(made, label_windows(whole, windows, _span(rows[index])), strict=True):
                    feature["labels"] = labels
            features += made
        return features

    def training_features(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        """As `encode`, without the places of the tokens, which only answers need: they would fill the memory."""
        features = self.encode(rows, processor, max_length)
        return [{**feature, "about": {"row": feature["about"]["row"]}} for feature in features]

    def collator(self, processor: Any) -> Collator:
        # On the right, whatever the tokenizer prefers: labels count tokens from the left.
        return lambda features: dict(processor.pad(features, padding_side="right", return_tensors="pt", verbose=False))

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        """Mean of the cross-entropies of start and end, per window.

        Unlike in Devlin et al. (2019) and transformers' own, padding has no probability: a window's loss would
        otherwise depend on the batch that it comes in.
        """
        import torch
        from torch.nn import functional

        padding = torch.arange(outputs["start_logits"].shape[1], device=labels.device) >= labels[:, 2:]
        total = torch.zeros((), device=labels.device)
        for side, name in enumerate(("start_logits", "end_logits")):
            logits = outputs[name].float().masked_fill(padding, -torch.inf)
            total = total + functional.cross_entropy(logits, labels[:, side], reduction="sum") / 2
        return total / (num_items_in_batch if num_items_in_batch is not None else len(labels))

    def count_items(self, labels: torch.Tensor) -> torch.Tensor:
        """Windows."""
        import torch

        return torch.tensor(len(labels), device=labels.device)

    # -- answers

    def keep(self, outputs: Any, labels: torch.Tensor | None) -> dict[str, torch.Tensor]:
        return {"start": outputs["start_logits"], "end": outputs["end_logits"]}

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        """The best span of every row, over all of its windows.

        Spans of different windows are compared by their odds against [CLS] of their own window. The papers compare
        plain sums of logits, which a window's softmax leaves free up to a constant; in one window that is the same.
        """
        best: dict[int, tuple[float, Prediction]] = {}
        for kept, feature in zip(outputs, features, strict=True):
            row = feature["about"]["row"]
            place, score, nothing = feature["about"]["window"].best_answer(
                kept["start"], kept["end"], self.options.max_answer_length
            )
            if place is None or (self.unanswerable and nothing - score > self.options.null_threshold):
                answer = _answer("", 0, np.exp(nothing))
            else:
                answer = _answer(rows[row]["context"][slice(*place)], place[0], np.exp(score))
            if row not in best or score - nothing > best[row][0]:
                best[row] = score - nothing, answer
        return [best[row][1] for row in range(len(rows))]

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [self._row_from(value) for value in inputs]

    @staticmethod
    def _row_from(value: Any) -> Row:
        pair = (value.get("question"), value.get("context")) if isinstance(value, Mapping) else value
        if isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair):
            return {"question": pair[0], "context": pair[1]}
        raise UsageError(
            f"Cannot answer {type(value).__name__} {str(value)[:60]!r}.",
            "Give {'question': …, 'context': …}, or a pair of a question and a context.",
        )

    # -- scores

    @property
    def baselines(self) -> tuple[str, ...]:
        return ("tfidf-sentence", "no-answer" if self.unanswerable else "first-sentence")

    def own_baselines(self) -> Mapping[str, tuple[str, FitBaseline]]:
        found: dict[str, tuple[str, FitBaseline]] = {
            "tfidf-sentence": ("Best sentence by TF-IDF", self._fit_sentences),
            "first-sentence": ("First sentence", lambda *_: (_sentences, "of every context")),
        }
        if self.unanswerable:  # no sentence is infinitely like the question
            found["no-answer"] = ("No answer", lambda *_: (partial(_sentences, threshold=np.inf), "to any question"))
        return found

    def _fit_sentences(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        """Sentences compared with the question; where some have no answer, only those that are similar enough."""
        contexts = list(dict.fromkeys(row["context"] for row in train))
        likeness, threshold = TfidfCosine(contexts).pairs, 0.0
        detail = f"inverse document frequencies of {len(contexts):,} contexts"
        if self.unanswerable:
            answers, wanted = _sentences(validation, likeness), [row["answers"]["text"] for row in validation]
            given = AnswerF1().per_row([answer["prediction"] for answer in answers], wanted)[:, 0].tolist()
            threshold = choose_threshold([a["score"] for a in answers], given, [not texts for texts in wanted])
            detail += f"; none below a cosine of {threshold:.2f} (chosen by F1 on validation rows)"
        return partial(_sentences, likeness=likeness, threshold=threshold), detail

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        return {
            "predictions": object_array([answer["prediction"] for answer in predictions]),
            "references": object_array([list(target["text"]) for target in references]),
        }

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        firsts = (((target["text"] or [""])[0], (target["answer_start"] or [0])[0]) for target in references)
        return [_answer(text, max(0, start), 1.0) for text, start in firsts]

    def details(self, arrays: Mapping[str, np.ndarray], rows: Sequence[Row]) -> dict[str, Any]:
        scores = {
            name: metric.per_row(arrays["predictions"], arrays["references"])[:, 0]
            for name, metric in {"Exact match": ExactMatch(), "Answer F1": AnswerF1()}.items()
        }
        groupings = group_questions([row["question"] for row in rows], list(arrays["references"]))
        return {"tables": [score_groups(grouping, scores) for grouping in groupings]}

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        given, wanted = answer["prediction"], list(reference["text"])
        if ExactMatch().per_row([given], [wanted])[0, 0]:
            return None
        overlap = float(AnswerF1().per_row([given], [wanted])[0, 0])
        notes = [f"F1 {overlap:.2f}"] if overlap else []
        places = zip(reference["answer_start"], map(len, wanted), strict=True)
        around = [row["context"][max(0, start - 40) : start + size + 40] for start, size in places if start >= 0]
        notes += [f"in: …{' '.join(text.split())}…" for text in around[:1]]
        shown = " / ".join(dict.fromkeys(wanted))
        return Mistake((1 - overlap) * answer.get("score", 1.0), given or NONE, shown or NONE, ", ".join(notes))

    def text_of(self, row: Row) -> str:
        return f"{row['question']}\n{row['context']}"

    # -- for people

    def fields(self) -> tuple[InputField, ...]:
        return (
            InputField("question", "text", "Question", lines=2, hint="What do you want to know?"),
            InputField("context", "text", "Context", lines=8, hint="The text that the answer is looked for in"),
        )

    @property
    def shows(self) -> tuple[type[View], ...]:
        return (Words, Marked)

    def views(self, row: Row, answer: Prediction) -> tuple[View, ...]:
        """The answer, and where it stands."""
        text, sure = answer["prediction"], f"Confidence {answer['score']:.0%}"
        spans = [(answer["start"], answer["end"], "answer")] if text else []
        return Words(text or "No answer in this context", sure), Marked(row["context"], spans)

    def usage(self, repository: str, *, adapter: bool) -> str:
        place, longest = json.dumps(repository), self.options.max_answer_length
        none = (
            "nothing = outputs.start_logits[0, 0] + outputs.end_logits[0, 0]  # the first token stands for no answer\n"
            f'if nothing - scores.max() > {self.options.null_threshold:g}:\n    answer = ""\n'
        )
        return (
            "import torch\nfrom transformers import AutoModelForQuestionAnswering, AutoTokenizer\n\n"
            f"tokenizer = AutoTokenizer.from_pretrained({place})\n"
            f"model = AutoModelForQuestionAnswering.from_pretrained({place}).eval()\n"
            f'question, context = "{SAMPLE[0]}", "{SAMPLE[1]}"\n'
            'inputs = tokenizer(question, context, return_offsets_mapping=True, return_tensors="pt")\n'
            'offsets, usable = inputs.pop("offset_mapping")[0], torch.tensor([s == 1 for s in inputs.sequence_ids()])\n'
            "outputs = model(**inputs)\n"
            "scores = outputs.start_logits[0, :, None] + outputs.end_logits[0, None, :]\n"
            f"spans = torch.ones_like(scores).triu().tril({longest - 1}).bool() & usable[:, None] & usable\n"
            "scores = scores.masked_fill(~spans, -torch.inf)\n"
            "start, end = divmod(int(scores.argmax()), len(offsets))\n"
            "answer = context[offsets[start][0] : offsets[end][1]]\n"
            f"{none if self.unanswerable else ''}print(answer)\n"
        )

    # -- self-description

    @classmethod
    def examples(cls) -> dict[str, Example]:
        asked = [(person, verb) for person in range(12) for verb in ("lives in", "eats")]
        answered = [_example(*question) for question in asked]
        unanswered = [_example(person, "hates") for person in range(12)]
        long = [_example(*question, place) for question in asked for place in (0, 60)]
        variants = {"squad": (answered, {}), "squad-v2": (answered + unanswered, {}), "long": (long, {"stride": 16})}
        texts = [f"{row['question']} {row['context']}" for rows, _ in variants.values() for row in rows]
        return {
            name: Example(rows, options, lambda folder: tiny_text_encoder(folder, texts))
            for name, (rows, options) in variants.items()
        }

    def state(self) -> dict[str, Any]:
        return {"unanswerable": self.unanswerable}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options, unanswerable=bool(state["unanswerable"]))


def _span(row: Row) -> tuple[int, int] | None:
    """Where the answer to learn stands, the first that has a place; None where there is no answer."""
    texts = row["answers"]["text"]
    try:
        starts, _ = locate_answers(texts, row["answers"]["answer_start"], row["context"])
    except ValueError as error:
        raise DataError(
            f"Row {row.get('row', '')}: {error}.", "The context must not be changed after check_row."
        ) from None
    return next(((start, start + len(text)) for text, start in zip(texts, starts, strict=True) if start >= 0), None)


def _answer(text: str, start: int, score: float) -> Prediction:
    return {"prediction": text, "start": start, "end": start + len(text), "score": float(score)}


def _sentences(rows: Sequence[Row], likeness: Likeness | None = None, threshold: float = 0.0) -> list[Prediction]:
    """The sentences most like the questions, the first ones by default; "" where they are less alike than that."""
    contexts = [row["context"] for row in rows]
    found = find_sentences([row["question"] for row in rows], contexts, likeness, threshold)
    return [_answer(text[start:end], start, alike) for text, ((start, end), alike) in zip(contexts, found, strict=True)]


def _example(person: int, verb: str, place: int | None = None) -> dict[str, Any]:
    """A question on what somebody does; nothing tells what they hate. With `place`, the rest is told behind so many
    words of a context that is longer than what a tiny model takes."""
    name = ("ada", "alan", "emmy", "grace", "kurt", "lise", "max", "niels", "otto", "paul", "rosa", "vera")[person]
    home, food = ("paris", "oslo", "rome", "kyoto")[person % 4], ("rice", "soup", "bread", "fish", "cake")[person % 5]
    told = f"{name} lives in {home} and eats {food}"
    words = ("and then it went on and on as such a tale will " * 8).split()
    context = told if place is None else " ".join([*words[:place], told, *words[place:]])
    texts = {"lives in": [home], "eats": [food]}.get(verb, [])
    starts = [context.index(f"{verb} {text}") + len(verb) + 1 for text in texts]
    return {"question": f"{name} {verb} what", "context": context, "answers": {"text": texts, "answer_start": starts}}
