"""Text classification: one label, several labels, or a number, for a text or a pair of texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from finetune.errors import RecipeError, UsageError
from finetune.labels import Target, check_learnable, learn_target, number_summary
from finetune.metrics.confusion import label_tables
from finetune.models import Collator, load_pretrained, tiny_text_encoder
from finetune.task import Column, Example, Prediction, Row, TargetHints, Task, TaskOptions
from finetune.views import Bars, Quantity, View
from finetune.views import Field as InputField

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource


_READ = 64
"""Characters of a text that are read for each token that the model takes; few languages need more than ten."""
SAMPLE = "A small, quiet triumph."
"""What `usage` asks."""


class TextClassificationOptions(TaskOptions):
    """Settings of text classification."""

    problem_type: Literal["single_label", "multi_label", "regression"] | None = None
    """What the target is. Default: inferred from its values, and said so."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Multi-label: labels whose probability is at least this are predicted."""
    class_weights: Literal["none", "balanced"] = "none"
    """Single-label: weigh rows by the inverse of how many training rows have their label, 1 on average."""
    new_head: bool = False
    """Replace the head of a model that was trained for other labels."""


class TextClassification(Task):
    """Single-label, multi-label and pair classification, and regression (`num_labels=1`)."""

    name = "text-classification"
    auto_class = "AutoModelForSequenceClassification"
    Options = TextClassificationOptions
    options: TextClassificationOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", aliases=("text", "sentence", "sentence1", "premise", "question1", "tweet", "review",
                                        "content", "comment", "message", "document", "body", "snippet")),
        Column("text_pair", "text", required=False, aliases=("text_pair", "sentence2", "hypothesis", "question2")),
        Column("label", "target", aliases=("label", "labels", "target", "class", "category", "sentiment", "emotion",
                                           "stars", "rating", "score", "y")),
    )  # fmt: skip

    def __init__(
        self, options: TaskOptions | None = None, target: Target | None = None, weights: tuple[float, ...] | None = None
    ) -> None:
        super().__init__(options)
        self._target = target
        self._weights = weights

    @property
    def target(self) -> Target:
        """What `learn` found."""
        if self._target is None:
            raise UsageError("The task does not know its labels yet.", "Call learn() with training targets first.")
        return self._target

    # -- what is to be learned

    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        target = learn_target(
            values, kind=self.options.problem_type, names=hints.names, bins=hints.bins, separator=hints.separator
        )
        return type(self)(self.options, target)

    def parse_target(self, value: Any) -> int | list[int] | float:
        return self.target.parse(value)

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        check_learnable(self.target, targets, len(targets))

    def weighed(self, targets: Sequence[Any]) -> Self:
        if self.options.class_weights == "none":
            return self
        if self.kind != "single_label":
            raise RecipeError(
                f"options.class_weights is balanced, and the target is {self.kind.replace('_', '-')}.",
                "Only rows with one label each can be weighed; remove it.",
            )
        counts = np.bincount(targets, minlength=self.target.num_labels)
        known = np.count_nonzero(counts)
        weights = np.divide(len(targets), known * counts, out=np.zeros(len(counts)), where=counts > 0)
        return type(self)(self.options, self.target, tuple(float(w) for w in weights))

    def rewrite(self, row: Row, edit: Callable[[str], str], *, conservative: bool) -> Row | None:
        """Any edit of a single text; what two texts have in common, or a number, bears conservative ones only."""
        pair = row.get("text_pair")
        if not conservative and (pair is not None or self.kind == "regression"):
            return None
        changed = {**row, "text": edit(row["text"])}
        return changed if pair is None else {**changed, "text_pair": edit(pair)}

    def strata(self, targets: Sequence[Any]) -> np.ndarray | None:
        if self.kind == "single_label":
            return np.asarray(targets, dtype=int)
        if self.kind == "regression":
            bounds = np.quantile(np.asarray(targets, dtype=float), np.linspace(0, 1, 11)[1:-1])
            return np.searchsorted(bounds, np.asarray(targets, dtype=float))
        # Several labels a row: balance by the row's rarest label, which is the one that could go missing.
        counts = np.bincount([i for t in targets for i in t], minlength=self.target.num_labels)
        return np.array([min(t, key=lambda i: counts[i]) if t else self.target.num_labels for t in targets])

    # -- the model

    def load(self, source: ModelSource) -> tuple[Any, Any]:
        names = list(self.target.names) or ["value"]
        labels = {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
        problem = {"single_label": "single_label_classification", "multi_label": "multi_label_classification"}
        settings = {
            "num_labels": self.target.num_labels,
            "problem_type": problem.get(self.kind, "regression"),
            **labels,
        }
        return load_pretrained(self.auto_class, source, settings, replace_head=self.options.new_head)

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        pairs = [row["text_pair"] for row in rows] if rows and rows[0].get("text_pair") is not None else None
        texts = [row["text"] if pairs else _beginning(row["text"], processor, max_length) for row in rows]
        whole = processor(texts, pairs, truncation=False, verbose=False)
        lengths = [
            round(len(ids) * len(row["text"]) / max(1, len(text)))
            for ids, row, text in zip(whole["input_ids"], rows, texts, strict=True)
        ]
        features: list[dict[str, Any]] = []
        for index, row in enumerate(rows):
            cut = max_length is not None and lengths[index] > max_length
            encoded = {key: whole[key][index] for key in whole}
            if cut:
                pair = (texts[index], pairs[index]) if pairs else (texts[index],)
                encoded = dict(processor(*pair, truncation=True, max_length=max_length))
            encoded |= {"length": lengths[index], "truncated": cut}
            if row.get("label") is not None:
                encoded["labels"] = self._training_target(row["label"])
            features.append(encoded)
        return features

    def _training_target(self, value: Any) -> int | float | list[float]:
        if self.kind != "multi_label":
            return value if self.kind == "regression" else int(value)
        return [1.0 if i in set(value) else 0.0 for i in range(self.target.num_labels)]

    def collator(self, processor: Any) -> Collator:
        from transformers import DataCollatorWithPadding

        collate: Collator = DataCollatorWithPadding(processor)
        return collate

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        import torch
        from torch.nn import functional

        logits = outputs["logits"].float()
        items: torch.Tensor
        if self.kind == "single_label":
            weight = None if self._weights is None else torch.tensor(self._weights, device=logits.device)
            items = functional.cross_entropy(logits, labels.view(-1), weight=weight, reduction="sum")
        elif self.kind == "multi_label":
            items = functional.binary_cross_entropy_with_logits(logits, labels.float(), reduction="sum")
        else:
            items = functional.mse_loss(logits.view(-1), labels.float().view(-1), reduction="sum")
        return items / (num_items_in_batch if num_items_in_batch is not None else torch.numel(labels))

    def count_items(self, labels: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.tensor(labels.numel(), device=labels.device)  # -100 is a legitimate regression target

    # -- answers

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        return self.from_logits(np.stack([kept["logits"] for kept in outputs])) if outputs else []

    def from_logits(self, logits: np.ndarray) -> list[Prediction]:
        logits = np.asarray(logits, dtype=np.float64)
        names = self.target.names
        if self.kind == "regression":
            return [{"prediction": float(value)} for value in logits.reshape(len(logits))]
        if self.kind == "multi_label":
            probabilities = 1 / (1 + np.exp(-logits))
            chosen = [[names[i] for i in np.flatnonzero(row >= self.options.threshold)] for row in probabilities]
            return [_answer(c, names, row) for c, row in zip(chosen, probabilities, strict=True)]
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponents / exponents.sum(axis=1, keepdims=True)
        return [_answer(names[int(row.argmax())], names, row) for row in probabilities]

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [self._row_from(value) for value in inputs]

    @staticmethod
    def _row_from(value: Any) -> Row:
        if isinstance(value, str):
            return {"text": value}
        if isinstance(value, Mapping) and isinstance(value.get("text"), str):
            return {"text": value["text"], "text_pair": value.get("text_pair")}
        if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
            return {"text": value[0], "text_pair": value[1]}
        raise UsageError(
            f"Cannot classify {type(value).__name__} {str(value)[:60]!r}.",
            "Give a text, a pair of texts, or {'text': …, 'text_pair': …}.",
        )

    # -- scores

    @property
    def kind(self) -> str:
        return self.target.kind

    @property
    def metrics(self) -> tuple[str, ...]:
        return {
            "single_label": ("f1", "accuracy", "precision", "recall", "mcc", "auc"),
            "multi_label": ("f1", "accuracy", "precision", "recall", "auc"),
            "regression": ("spearman", "pearson", "rmse", "mae", "mse", "r2"),
        }[self.kind]

    @property
    def baselines(self) -> tuple[str, ...]:
        return ("mean", "tfidf-ridge") if self.kind == "regression" else ("majority", "tfidf-logreg")

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        return number_summary(targets) if self.kind == "regression" else super().summarize(targets)

    def metric_settings(self) -> dict[str, Any]:
        return {} if self.kind == "regression" else {"num_labels": self.target.num_labels}

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        answers = [p["prediction"] for p in predictions]
        if self.kind == "regression":
            return {"predictions": np.array(answers, dtype=float), "references": np.array(references, dtype=float)}
        ids = {name: i for i, name in enumerate(self.target.names)}
        scores = np.array([[p["scores"][name] for name in self.target.names] for p in predictions], dtype=float)
        if self.kind == "multi_label":
            chosen = [[ids[name] for name in answer] for answer in answers]
            return {"predictions": self._many_hot(chosen), "references": self._many_hot(references), "scores": scores}
        chosen_ids = np.array([ids[answer] for answer in answers], dtype=int)
        return {"predictions": chosen_ids, "references": np.array(references, dtype=int), "scores": scores}

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        if self.kind == "regression":
            return self.from_logits(np.asarray(references, dtype=float)[:, None])
        hot = self._many_hot([value if isinstance(value, list) else [value] for value in references])
        return self.from_logits((2 * hot - 1) * 50.0)

    def details(self, arrays: Mapping[str, np.ndarray], rows: Sequence[Row]) -> dict[str, Any]:
        if self.kind == "regression":
            return {}
        return label_tables(arrays["predictions"], arrays["references"], self.target.names)

    def _many_hot(self, labels: Sequence[Sequence[int]]) -> np.ndarray:
        matrix = np.zeros((len(labels), self.target.num_labels), dtype=int)
        for row, ids in enumerate(labels):
            matrix[row, list(ids)] = 1
        return matrix

    def text_of(self, row: Row) -> str:
        return f"{row['text']}\n{row['text_pair']}" if row.get("text_pair") else str(row["text"])

    def describe_target(self, value: Any) -> Any:
        return self.target.describe(value)

    # -- for people

    def fields(self) -> tuple[InputField, ...]:
        return (
            InputField("text", "text", "Text", lines=4, hint="Write or paste a text"),
            InputField("text_pair", "text", "Second text", required=False, lines=4, hint="The text to read with it"),
        )

    @property
    def shows(self) -> tuple[type[View], ...]:
        return (Quantity,) if self.kind == "regression" else (Bars,)

    def views(self, row: Row, answer: Prediction) -> tuple[View, ...]:
        given = answer["prediction"]
        if self.kind == "regression":
            return (Quantity(float(given), name="Predicted value"),)
        scores = dict(sorted(answer["scores"].items(), key=lambda item: -item[1]))
        return (Bars(scores, [given] if self.kind == "single_label" else given),)

    def usage(self, repository: str, *, adapter: bool) -> str:
        # An adapter's folder does not say which labels there are, nor does the base model.
        labels = f"labels = {dict(enumerate(self.target.names or ('value',)))!r}\n" if adapter else ""
        head = ', "ignore_mismatched_sizes": True' if self.options.new_head else ""
        more = f', model_kwargs={{"id2label": labels{head}}}' if adapter else ""
        form = {"single_label": "softmax", "multi_label": "sigmoid"}.get(self.kind, "none")
        said = {
            "single_label": "The likeliest label comes first",
            "multi_label": f"Labels from {self.options.threshold:g} up are predicted",
        }
        return (
            f"from transformers import pipeline\n\n{labels}"
            f'classifier = pipeline("text-classification", model={json.dumps(repository)}{more})\n'
            f'print(classifier("{SAMPLE}", truncation=True, top_k=None, function_to_apply="{form}"))\n'
            f"# {said.get(self.kind, 'The score is the number')}; two texts go in as "
            '{"text": ..., "text_pair": ...}\n'
        )

    # -- self-description

    @classmethod
    def examples(cls) -> dict[str, Example]:
        words = {"good": ("great", "lovely", "superb", "warm"), "bad": ("dull", "awful", "poor", "cold")}
        things = ("film", "book", "meal", "song", "play", "talk", "game", "show")
        said = [(f"a {word} {thing}", label, thing) for thing in things for label in words for word in words[label]]
        variants: dict[str, list[dict[str, Any]]] = {
            "single-label": [{"text": text, "label": label} for text, label, _ in said],
            "multi-label": [{"text": text, "labels": [label] + ["art"] * (t in things[:4])} for text, label, t in said],
            "pair": [{"text": f"a {t}", "text_pair": text, "label": label} for text, label, t in said],
            "regression": [{"text": text, "score": float(label == "good") + len(t) / 10} for text, label, t in said],
        }
        texts = [text for text, _, _ in said]
        return {
            name: Example(rows, {}, lambda folder: tiny_text_encoder(folder, texts)) for name, rows in variants.items()
        }

    def state(self) -> dict[str, Any]:
        return self.target.to_dict()

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options, Target.from_dict(dict(state)))


def _beginning(text: str, processor: Any, max_length: int | None) -> str:
    """What a model can see of a very long text; its whole length is then estimated, in proportion."""
    if max_length is None or len(text) <= _READ * max_length:
        return text
    head = (text[: _READ * max_length].rsplit(maxsplit=1) or [""])[0]  # no word is cut in two
    return head if len(processor(head, verbose=False)["input_ids"]) > max_length else text


def _answer(prediction: Any, names: Sequence[str], probabilities: np.ndarray) -> Prediction:
    scores = {name: float(p) for name, p in zip(names, probabilities, strict=True)}
    return {"prediction": prediction, "scores": scores}
