"""Text ranking: a cross-encoder that puts the documents which answer a query before those that do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from finetune import processes
from finetune.errors import LabelError, UsageError
from finetune.models import Collator, tiny_text_encoder
from finetune.retrieval.lexical import BM25, TfidfCosine, first_place
from finetune.retrieval.lists import (
    complete,
    encode_lists,
    parse_grades,
    row_from,
    scores_of_lists,
    with_wrong_documents,
)
from finetune.retrieval.losses import batches_of, list_loss, validation_loss
from finetune.retrieval.models import load_cross_encoder
from finetune.task import (
    Answers,
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
from finetune.views import Field as InputField
from finetune.views import Ranked, View

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource

SAMPLE = ("How do I reset my password?", ["Opening hours of the shop", "Steps to choose a new password"])
"""What `usage` asks."""


class TextRankingOptions(TaskOptions):
    """Settings of text ranking."""

    loss: Literal["lambda", "list-net", "rank-net", "binary-cross-entropy"] = "lambda"
    """Lists as a whole (LambdaLoss, Wang et al. 2018; ListNet), pairs of a list (RankNet), or every document alone (a
    grade above 0 is right)."""
    candidates: int = Field(default=20, ge=2)
    """Where the data names only the right document: how many BM25 puts before the model in validation and test, the
    right one always among them."""
    negatives: int = Field(default=7, ge=1)
    """Likewise in training: wrong documents beside the right one."""


class TextRanking(Task):
    """The order of documents for a query, best first, by reading each pair of query and document."""

    name = "text-ranking"
    auto_class = "AutoModelForSequenceClassification"
    library = "sentence-transformers"
    split_by = "query"
    whole_batches = True
    Options = TextRankingOptions
    options: TextRankingOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("query", "text", aliases=("query", "question", "text", "anchor", "sentence1")),
        Column("documents", "texts", required=False, aliases=("documents", "docs", "passages", "candidates")),
        Column("negative", "texts", required=False, nullable=True, aliases=("negative", "negatives")),
        Column("relevance", "target", aliases=("relevance", "labels", "is_selected", "label", "positive", "answer",
                                               "document", "passage", "context")),
    )  # fmt: skip

    # -- what is to be learned

    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        if not any(value is not None for value in values):
            raise LabelError(
                "No row has a target.", "Name its column: data.columns: {relevance: …}, grades or the right document."
            )
        return type(self)(self.options)

    def parse_target(self, value: Any) -> list[Any]:
        return parse_grades(value)

    def check_row(self, row: dict[str, Any]) -> None:
        complete(row)

    def rewrite(self, row: Row, edit: Callable[[str], str], *, conservative: bool) -> Row | None:
        """Conservative edits of the query; the documents stay as they were graded."""
        return {**row, "query": edit(row["query"])} if conservative else None

    def enrich(self, rows: Sequence[Row], *, training: bool) -> list[Row] | None:
        """Wrong documents for rows that have only right ones: those of the split that BM25 ranks highest."""
        return with_wrong_documents(rows, self.options.negatives if training else self.options.candidates - 1)

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        if not any(min(grades) < max(grades) for grades in targets):
            raise LabelError(
                "No training row has a document that is better than another.", "Check the column of the grades."
            )

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        documents = sum(len(grades) for grades in targets)
        right = sum(grade > 0 for grades in targets for grade in grades)
        return {"queries": len(targets), "documents": documents, "relevant documents": right}

    def split_key(self, row: Row) -> str:
        return " ".join(row["query"].lower().split())

    # -- the model

    def load(self, source: ModelSource) -> tuple[Any, Any]:
        return load_cross_encoder(source)

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        return encode_lists(rows, processor, max_length)

    def collator(self, processor: Any) -> Collator:
        def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
            import torch

            return {
                "query": [feature["query"] for feature in features],
                "documents": [feature["documents"] for feature in features],
                "label": [torch.tensor(feature["label"]) for feature in features],
            }

        return collate

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        raise UsageError("This loss compares whole lists; it is the trainer's own.", "Use trainer_settings().")

    def trainer(self) -> type[Any]:
        from sentence_transformers.cross_encoder import CrossEncoderTrainer

        return CrossEncoderTrainer

    def trainer_settings(self, model: Any, rows_at_once: int | None) -> dict[str, Any]:
        return {
            "loss": list_loss(self.options.loss, model, rows_at_once=rows_at_once, everywhere=processes.count() > 1)
        }

    def training_loss(self, model: Any, batch: dict[str, Any], rows_at_once: int | None) -> torch.Tensor:
        grades = [some.to(model.device) for some in batch["label"]]
        whole = list_loss(self.options.loss, model, rows_at_once=rows_at_once)
        loss: torch.Tensor = whole([batch["query"], batch["documents"]], grades)
        return loss

    # -- answers

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        raise UsageError("Pairs of a query and its documents are scored together.", "Use predict().")

    def answer(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> Answers:
        if max_length:
            model.max_seq_length = max_length
        predictions = self._rank(rows, model, batch_size) if rows else []
        if not rows or rows[0].get("relevance") is None:
            return Answers(predictions, 0.0, 0)
        return Answers(predictions, self._validation_loss(rows, model, processor, batch_size, max_length), len(rows))

    def _rank(self, rows: Sequence[Row], model: Any, batch_size: int) -> list[Prediction]:
        import torch

        pairs = [(row["query"], text) for row in rows for text in row["documents"]]
        # Ordered before the model's activation: sigmoids of high scores are all 1.
        scores = model.predict(pairs, batch_size=batch_size, show_progress_bar=False, activation_fn=torch.nn.Identity())
        shown = iter(model.activation_fn(torch.tensor(scores)).tolist())
        every = iter(scores.tolist())
        return [
            self._ordered(row, [next(every) for _ in row["documents"]], [next(shown) for _ in row["documents"]])
            for row in rows
        ]

    @staticmethod
    def _ordered(row: Row, scores: Sequence[float], shown: Sequence[float]) -> Prediction:
        order = np.argsort(-np.array(scores), kind="stable").tolist()
        return {"prediction": [row["documents"][i] for i in order], "order": order,
                "relevance": [shown[i] for i in order]}  # fmt: skip

    def _validation_loss(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> float:
        """The training loss of rows, summed, with as many pairs at a time as in `_rank`."""

        def loss(batch: dict[str, Any]) -> torch.Tensor:
            return self.training_loss(model, batch, max(1, batch_size // max(map(len, batch["documents"]))))

        return validation_loss(
            self.encode(rows, processor, max_length), self.collator(processor), model,
            batches_of(len(rows), batch_size), loss,
        )  # fmt: skip

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [row_from(value) for value in inputs]

    # -- scores

    @property
    def kind(self) -> str:
        return "ranking"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("mrr", "ndcg", "recall_at")

    @property
    def baselines(self) -> tuple[str, ...]:
        return ("bm25", "tfidf-cosine")

    def own_baselines(self) -> Mapping[str, tuple[str, FitBaseline]]:
        return {"bm25": ("BM25", self._bm25), "tfidf-cosine": ("TF-IDF cosine", self._tfidf)}

    def _bm25(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        return self._by_words(BM25), "k1 = 1.2, b = 0.75, weights from the documents that are ranked"

    def _tfidf(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        return self._by_words(TfidfCosine), "weights from the documents that are ranked"

    def _by_words(self, kind: type[BM25 | TfidfCosine]) -> Baseline:
        def predict(rows: Sequence[Row]) -> list[Prediction]:
            scores = scores_of_lists(kind, [(row["query"], row["documents"]) for row in rows])
            return [self._ordered(row, some, some) for row, some in zip(rows, scores, strict=True)]

        return predict

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        gains = [{i: grade for i, grade in enumerate(grades) if grade > 0} for grades in references]
        return {"predictions": object_array([list(p["order"]) for p in predictions]), "references": object_array(gains)}

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        orders = [np.argsort(-np.array(grades), kind="stable").tolist() for grades in references]
        return [{"prediction": [], "order": order} for order in orders]

    def details(self, arrays: Mapping[str, np.ndarray], rows: Sequence[Row]) -> dict[str, Any]:
        """How often the first relevant document stands where."""
        ranks = [first_place(*pair) or 0 for pair in zip(arrays["predictions"], arrays["references"], strict=True)]
        bounds = (("1", 1, 1), ("2 to 3", 2, 3), ("4 to 10", 4, 10), ("below", 11, 10**9))
        table = [[name, sum(low <= rank <= high for rank in ranks)] for name, low, high in bounds]
        return {"tables": [{"title": "Where the first relevant document stands.", "columns": ["Place", "Queries"],
                            "rows": table}]}  # fmt: skip

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        order = list(answer["order"])
        rank = next(place for place, item in enumerate(order, 1) if reference[item] > 0)
        if rank == 1:
            return None
        documents = row["documents"]
        return Mistake(rank, documents[order[0]], documents[order[rank - 1]], f"the right one stands in place {rank}")

    def text_of(self, row: Row) -> str:
        return "\n".join([row["query"], *(row.get("documents") or ())])

    # -- for people

    def fields(self) -> tuple[InputField, ...]:
        return (
            InputField("query", "text", "Query", lines=2, hint="What to look for"),
            InputField("documents", "texts", "Documents", lines=6, hint="One document per line"),
        )

    @property
    def shows(self) -> tuple[type[View], ...]:
        return (Ranked,)

    def views(self, row: Row, answer: Prediction) -> tuple[View, ...]:
        return (Ranked(answer["prediction"], answer["relevance"]),)

    def usage(self, repository: str, *, adapter: bool) -> str:
        # The base model may have a head for other labels, which the adapter brings anew.
        more = ', num_labels=1, model_kwargs={"ignore_mismatched_sizes": True}' if adapter else ""
        return (
            "from sentence_transformers import CrossEncoder\n\n"
            f"model = CrossEncoder({json.dumps(repository)}{more})\n"
            f'query, documents = "{SAMPLE[0]}", {json.dumps(SAMPLE[1])}\n'
            "print(model.rank(query, documents, return_documents=True))\n"
        )

    # -- self-description

    @classmethod
    def examples(cls) -> dict[str, Example]:
        things = ("cat", "dog", "bird", "fish", "horse", "mouse", "sheep", "goat")
        places = ("house", "garden", "river", "field", "barn", "wood")
        told = [(f"which {t} lives in the {p}", f"good {t} {p}", f"bad {t} {p}") for t in things for p in places]
        lists = [
            {"query": q, "documents": [wrong, right, wrong], "relevance": [0, 2, 0]}
            if i % 2 else {"query": q, "documents": [right, wrong], "relevance": [1, 0]}
            for i, (q, right, wrong) in enumerate(told)
        ]  # fmt: skip
        pairs = [{"query": q, "positive": right, "negative": [wrong]} for q, right, wrong in told]
        texts = [text for parts in told for text in parts]
        variants: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
            "lists": (lists, {}), "triplets": (pairs, {"loss": "binary-cross-entropy"}),
        }  # fmt: skip
        return {
            name: Example(rows, options, lambda folder: tiny_text_encoder(folder, texts))
            for name, (rows, options) in variants.items()
        }

    def state(self) -> dict[str, Any]:
        return {}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options)
