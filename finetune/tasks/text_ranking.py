"""Text ranking: a cross-encoder that puts the documents which answer a query before those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from finetune.errors import LabelError, UsageError
from finetune.labels import RowError, parse_number
from finetune.models import Collator, model_inputs, tiny_text_encoder
from finetune.retrieval import BM25, TfidfCosine
from finetune.sentence_models import load_cross_encoder
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

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource


class TextRankingOptions(TaskOptions):
    """Settings of text ranking."""

    loss: Literal["lambda", "list-net", "rank-net", "binary-cross-entropy"] = "lambda"
    """Lists as a whole (LambdaLoss, Wang et al. 2018; ListNet), pairs of a list (RankNet), or every document alone."""
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
    whole_batches = True
    Options = TextRankingOptions
    options: TextRankingOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("query", "text", aliases=("query", "question", "text", "anchor", "sentence1")),
        Column("documents", "texts", required=False, aliases=("documents", "docs", "passages", "candidates")),
        Column("negative", "texts", required=False, aliases=("negative", "negatives")),
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
        """Grades of the documents; or the right document, to which `check_row` gives its place among others."""
        if value is None or value == "":
            raise RowError("missing target")
        if isinstance(value, str):
            return [value]
        if isinstance(value, list | tuple | np.ndarray):
            return [parse_number(grade) for grade in value]
        raise RowError(
            f"target {value!r}: needs the grades of a list of documents, or the right document (single pairs with a "
            "label are text-classification)"
        )

    def check_row(self, row: dict[str, Any]) -> None:
        if row["relevance"] and isinstance(row["relevance"][0], str):
            wrong = row.get("negative") or []
            row["documents"] = [*row["relevance"], *([wrong] if isinstance(wrong, str) else wrong)]
            row["relevance"] = [1.0] + [0.0] * (len(row["documents"]) - 1)
        row.pop("negative", None)
        documents = row.get("documents")
        if documents is None:
            raise RowError("grades without documents (data.columns: {documents: …})")
        row["documents"] = [str(text) for text in documents]
        if len(documents) != len(row["relevance"]):
            raise RowError(f"{len(documents)} documents but {len(row['relevance'])} grades")
        if not any(grade > 0 for grade in row["relevance"]):
            raise RowError("missing relevant document")

    def enrich(self, rows: Sequence[Row], *, training: bool) -> list[Row] | None:
        """Wrong documents for rows that have only right ones: those of other rows that BM25 ranks highest."""
        if any(min(row["relevance"]) <= 0 for row in rows):
            return None
        corpus = list(dict.fromkeys(text for row in rows for text in row["documents"]))
        wanted = self.options.negatives if training else self.options.candidates - 1
        right: dict[str, set[str]] = {}
        for row in rows:
            right.setdefault(row["query"], set()).update(row["documents"])
        most = max(len(texts) for texts in right.values())
        ranked = BM25(corpus).rank([row["query"] for row in rows], wanted + most)
        return [self._among(row, [corpus[i] for i in order], right[row["query"]], wanted, place)
                for place, (row, order) in enumerate(zip(rows, ranked, strict=True))]  # fmt: skip

    @staticmethod
    def _among(row: Row, found: Sequence[str], right: set[str], wanted: int, seed: int) -> Row:
        wrong = [text for text in found if text not in right][:wanted]
        documents = [*row["documents"], *wrong]
        grades = [*row["relevance"], *[0.0] * len(wrong)]
        order = np.random.default_rng(seed).permutation(len(documents))  # the right one must not always stand first
        return {**row, "documents": [documents[i] for i in order], "relevance": [grades[i] for i in order]}

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
        queries = [row["query"] for row in rows for _ in row["documents"]]
        documents = [text for row in rows for text in row["documents"]]
        ids = iter(processor(queries, documents, truncation=False, verbose=False)["input_ids"] if documents else ())
        features = []
        for row in rows:
            length = max(len(next(ids)) for _ in row["documents"])
            feature = {"query": row["query"], "documents": list(row["documents"]), "length": length,
                       "truncated": bool(max_length and length > max_length)}  # fmt: skip
            if row.get("relevance") is not None:
                feature["label"] = list(row["relevance"])
            features.append(feature)
        return features

    def collator(self, processor: Any) -> Collator:
        def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
            import torch

            queries = [feature["query"] for feature in features]
            documents = [feature["documents"] for feature in features]
            grades = [feature["label"] for feature in features]
            if self.options.loss == "binary-cross-entropy":
                flat = [(q, d, g) for q, ds, gs in zip(queries, documents, grades, strict=True)
                        for d, g in zip(ds, gs, strict=True)]  # fmt: skip
                return {"query": [q for q, _, _ in flat], "document": [d for _, d, _ in flat],
                        "label": torch.tensor([float(g > 0) for _, _, g in flat])}  # fmt: skip
            return {"query": queries, "documents": documents, "label": [torch.tensor(g) for g in grades]}

        return collate

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        raise UsageError("This loss compares whole lists; it is the trainer's own.", "Use trainer_settings().")

    def trainer(self) -> type[Any]:
        from sentence_transformers.cross_encoder import CrossEncoderTrainer

        return CrossEncoderTrainer

    def trainer_settings(self, model: Any, rows_at_once: int | None) -> dict[str, Any]:
        return {"loss": self._loss(model, rows_at_once)}

    def training_loss(self, model: Any, batch: dict[str, Any], rows_at_once: int | None) -> torch.Tensor:
        labels = batch.pop("label")
        loss: torch.Tensor = self._loss(model, rows_at_once)(list(batch.values()), labels)
        return loss

    def _loss(self, model: Any, rows_at_once: int | None) -> Any:
        from sentence_transformers.cross_encoder import losses

        if self.options.loss == "binary-cross-entropy":
            return losses.BinaryCrossEntropyLoss(model)
        kinds = {"lambda": losses.LambdaLoss, "list-net": losses.ListNetLoss, "rank-net": losses.RankNetLoss}
        return kinds[self.options.loss](model, mini_batch_size=rows_at_once)

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
        pairs = [(row["query"], text) for row in rows for text in row["documents"]]
        scores = iter(model.predict(pairs, batch_size=batch_size, show_progress_bar=False).tolist() if pairs else ())
        predictions = [self._ordered(row, [float(next(scores)) for _ in row["documents"]]) for row in rows]
        if not rows or rows[0].get("relevance") is None:
            return Answers(predictions, 0.0, 0)
        return Answers(predictions, self._validation_loss(rows, model, processor, batch_size, max_length), len(rows))

    @staticmethod
    def _ordered(row: Row, scores: list[float]) -> Prediction:
        order = np.argsort(-np.array(scores), kind="stable").tolist()
        return {"prediction": [row["documents"][i] for i in order], "order": order,
                "relevance": [scores[i] for i in order]}  # fmt: skip

    def _validation_loss(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> float:
        """The training loss of rows, summed: batches in their order, each by its number of rows."""
        import torch

        features, total = self.encode(rows, processor, max_length), 0.0
        collate, was_training = self.collator(processor), model.training
        model.eval()
        with torch.no_grad():
            for start in range(0, len(features), batch_size):
                chosen = range(start, min(start + batch_size, len(features)))
                batch = collate(model_inputs(features, chosen))
                label = batch["label"]
                batch["label"] = (
                    [g.to(model.device) for g in label] if isinstance(label, list) else label.to(model.device)
                )
                total += float(self.training_loss(model, batch, None)) * len(chosen)
        model.train(was_training)
        return total

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [self._row_from(value) for value in inputs]

    @staticmethod
    def _row_from(value: Any) -> Row:
        if isinstance(value, list | tuple) and len(value) == 2:
            value = {"query": value[0], "documents": value[1]}
        documents = value.get("documents") if isinstance(value, Mapping) else None
        if documents and isinstance(value["query"], str) and all(isinstance(text, str) for text in documents):
            return {"query": value["query"], "documents": list(documents)}
        raise UsageError(
            f"Cannot rank {type(value).__name__} {str(value)[:60]!r}.",
            "Give {'query': …, 'documents': [text, …]}, or a pair of a query and a list of texts.",
        )

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
            places = {text: i for i, text in enumerate(dict.fromkeys(t for row in rows for t in row["documents"]))}
            ranker = kind(list(places))
            found = []
            for row in rows:
                scores = ranker.scores([row["query"]])[0]
                found.append(self._ordered(row, [float(scores[places[text]]) for text in row["documents"]]))
            return found

        return predict

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        gains = [{i: grade for i, grade in enumerate(grades) if grade > 0} for grades in references]
        return {"predictions": object_array([list(p["order"]) for p in predictions]), "references": object_array(gains)}

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        orders = [np.argsort(-np.array(grades), kind="stable").tolist() for grades in references]
        return [{"prediction": [], "order": order} for order in orders]

    def details(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """How often the first relevant document stands where."""
        ranks = [next((place for place, item in enumerate(order, 1) if item in gains), 0)
                 for order, gains in zip(arrays["predictions"], arrays["references"], strict=True)]  # fmt: skip
        bounds = (("1", 1, 1), ("2 to 3", 2, 3), ("4 to 10", 4, 10), ("below", 11, 10**9))
        rows = [[name, sum(low <= rank <= high for rank in ranks)] for name, low, high in bounds]
        return {"tables": [{"title": "Where the first relevant document stands.", "columns": ["Place", "Queries"],
                            "rows": rows}]}  # fmt: skip

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        order = list(answer["order"])
        rank = next(place for place, item in enumerate(order, 1) if reference[item] > 0)
        if rank == 1:
            return None
        documents = row["documents"]
        return Mistake(rank, documents[order[0]], documents[order[rank - 1]], f"the right one stands in place {rank}")

    def text_of(self, row: Row) -> str:
        return "\n".join([row["query"], *(row.get("documents") or ())])

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
