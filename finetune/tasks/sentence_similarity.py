"""Sentence similarity: embedding models from scored pairs, from pairs that belong together, or from triplets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from finetune import processes
from finetune.errors import LabelError, UsageError
from finetune.labels import RowError, number_summary, parse_number
from finetune.models import Collator, tiny_text_encoder
from finetune.retrieval import BM25, TfidfCosine, best_first
from finetune.sentence_models import load_embedder
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

FOUND = 10
"""Texts that a search returns."""
_FAR = 0.3
"""A cosine this far from the scaled truth is listed as a mistake."""


class SentenceSimilarityOptions(TaskOptions):
    """Settings of sentence similarity."""

    loss: Literal["multiple-negatives", "cosent", "cosine"] | None = None
    """Default: multiple-negatives for texts that belong together (the other rows of a batch are wrong answers, so large
    batches teach more), cosent for scored pairs. Several processes compare the rows of all of them in the first, of
    each its own in the second."""
    scale: float = Field(default=20.0, gt=0)
    """Inverse temperature that cosines are multiplied by in multiple-negatives and cosent."""
    matryoshka_dims: tuple[int, ...] = ()
    """Also train the first so many dimensions to work alone (Matryoshka, Kusupati et al. 2022), largest first."""
    hard_negatives: int = Field(default=0, ge=0)
    """Wrong answers to find for each row among the right answers of others, by BM25, beside those the data has."""
    pooling: Literal["mean", "cls", "max", "lasttoken"] | None = None
    """How token vectors become one. Default: as the checkpoint says; mean for a plain encoder."""
    query_prompt: str = ""
    """What to put before each text, for models that were trained with one (E5: "query: ")."""
    document_prompt: str = ""
    """The same for the texts that are searched (E5: "passage: ")."""


@dataclass(frozen=True)
class Pairs:
    """What is learned of the target.

    Attributes:
        form: `scores` (a number per pair) or `texts` (the text that belongs to the first).
        low: The lowest score.
        high: The highest.
    """

    form: str
    low: float = 0.0
    high: float = 1.0


class SentenceSimilarity(Task):
    """Embeddings whose cosine says how alike two texts are, or that find the text that belongs to another."""

    name = "sentence-similarity"
    auto_class = "AutoModel"
    library = "sentence-transformers"
    answers_untouched = True
    whole_batches = True
    Options = SentenceSimilarityOptions
    options: SentenceSimilarityOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", aliases=("text", "anchor", "query", "question", "sentence1", "premise", "sentence_a")),
        Column("text_pair", "text", required=False, aliases=("text_pair", "sentence2", "sentence_b")),
        Column("negative", "texts", required=False, aliases=("negative", "negatives", "contradiction")),
        Column("target", "target", aliases=("target", "score", "similarity_score", "label", "positive", "answer",
                                            "response", "entailment", "context", "document", "passage")),
    )  # fmt: skip

    def __init__(self, options: TaskOptions | None = None, pairs: Pairs | None = None) -> None:
        super().__init__(options)
        self._pairs = pairs
        self._corpus: tuple[str, ...] = ()
        self._right: dict[str, list[str]] = {}

    @property
    def pairs(self) -> Pairs:
        """What `learn` found."""
        if self._pairs is None:
            raise UsageError("The task does not know its target yet.", "Call learn() with training targets first.")
        return self._pairs

    # -- what is to be learned

    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        present = [value for value in values if value is not None and value != ""]
        if not present:
            raise LabelError("No row has a target.", "Name its column: data.columns: {target: …}, a score or a text.")
        if all(isinstance(value, int | float) for value in present):
            return type(self)(self.options, Pairs("scores", float(min(present)), float(max(present))))
        if self.options.loss not in (None, "multiple-negatives"):
            raise LabelError(
                f"The target is a text, which the loss {self.options.loss!r} cannot learn from: it needs scores.",
                "Drop options.loss, or name the column of the scores under data.columns.",
            )
        return type(self)(self.options, Pairs("texts"))

    def parse_target(self, value: Any) -> Any:
        if value is None or value == "":
            raise RowError("missing target")
        if self.pairs.form == "scores":
            return parse_number(value)
        return [str(text) for text in value] if isinstance(value, list) else str(value)

    def check_row(self, row: dict[str, Any]) -> None:
        if self.pairs.form == "scores" and row.get("text_pair") is None:
            raise RowError("a score without a second text (data.columns: {text_pair: …})")
        if "negative" in row:
            negative = row["negative"]
            row["negative"] = [negative] if isinstance(negative, str) else [str(text) for text in negative]

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        if len(set(targets)) < 2:
            raise LabelError("Every training row has the same target.", "Check the target column.")

    def strata(self, targets: Sequence[Any]) -> np.ndarray | None:
        if self.pairs.form == "texts":
            return None
        values = np.asarray(targets, dtype=float)
        return np.searchsorted(np.quantile(values, np.linspace(0, 1, 11)[1:-1]), values)

    def split_key(self, row: Row) -> str:
        """Texts that are searched for stay on one side: finding one again that was trained on would prove little."""
        return " ".join(str(row["target"]).lower().split()) if self.pairs.form == "texts" else super().split_key(row)

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        if self.pairs.form == "scores":
            return number_summary(targets)
        return {"pairs": len(targets), "different texts to find": len(set(targets))}

    # -- the model

    def load(self, source: ModelSource) -> tuple[Any, Any]:
        model, processor = load_embedder(source, self.options.pooling)
        size = model.get_embedding_dimension()
        if any(not 0 < wanted <= size for wanted in self.options.matryoshka_dims):
            raise UsageError(
                f"options.matryoshka_dims has {max(self.options.matryoshka_dims)}; {source.name} gives {size} numbers.",
                f"Give numbers from 1 to {size}.",
            )
        return model, processor

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        texts = [self._texts(row) for row in rows]
        flat = [text for several in texts for text in several]
        ids = iter(processor(flat, truncation=False, verbose=False)["input_ids"])
        cut = processor(flat, truncation=max_length is not None, max_length=max_length, verbose=False)
        places = iter(range(len(flat)))
        features = []
        for row, several in zip(rows, texts, strict=True):
            length = max(len(next(ids)) for _ in several)
            columns = [{"input_ids": cut["input_ids"][i]} for i in (next(places) for _ in several)]
            feature = {"columns": columns, "length": length, "truncated": bool(max_length and length > max_length)}
            if self.pairs.form == "scores" and row.get("target") is not None:
                feature["score"] = self._scaled(row["target"])
            features.append(feature)
        return features

    def training_features(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        return self.encode(self._with_negatives(rows), processor, max_length)

    def _texts(self, row: Row) -> list[str]:
        """What a row compares: the text, the one that belongs to it or is scored with it, and wrong ones."""
        query, document = self.options.query_prompt, self.options.document_prompt
        if self.pairs.form == "scores":
            return [query + row["text"], query + row["text_pair"]]
        right = [row["target"]] if row.get("target") is not None else []
        return [query + row["text"], *(document + text for text in (*right, *(row.get("negative") or ())))]

    def _with_negatives(self, rows: Sequence[Row]) -> list[Row]:
        """Rows with texts that look right by their words but belong to other rows."""
        wanted = self.options.hard_negatives
        if not wanted or self.pairs.form == "scores" or not self._corpus:
            return list(rows)
        ranked = BM25(self._corpus).rank([row["text"] for row in rows], wanted + FOUND)
        found: list[Row] = []
        for row, order in zip(rows, ranked, strict=True):
            right = {*self._right.get(row["text"], ()), row["target"], *(row.get("negative") or ())}
            wrong = [self._corpus[i] for i in order if self._corpus[i] not in right][:wanted]
            found.append({**row, "negative": [*(row.get("negative") or ()), *wrong]})
        return found

    def _scaled(self, score: float) -> float:
        return (score - self.pairs.low) / max(self.pairs.high - self.pairs.low, 1e-12)

    def collator(self, processor: Any) -> Collator:
        def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
            import torch

            # Rows may have different numbers of wrong answers: only what all have makes a column.
            count = min(len(feature["columns"]) for feature in features)
            batch: dict[str, Any] = {}
            for place in range(count):
                padded = processor.pad([feature["columns"][place] for feature in features], return_tensors="pt")
                batch |= {f"text{place}_{key}": value for key, value in padded.items()}
            if "score" in features[0]:
                batch["label"] = torch.tensor([feature["score"] for feature in features])
            return batch

        return collate

    def keep_apart(self, rows: Sequence[Row]) -> list[str] | None:
        return [str(row["target"]) for row in rows] if self.pairs.form == "texts" else None

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        raise UsageError("This loss compares whole batches; it is the trainer's own.", "Use trainer_settings().")

    def trainer(self) -> type[Any]:
        from sentence_transformers import SentenceTransformerTrainer

        return SentenceTransformerTrainer

    def trainer_settings(self, model: Any, rows_at_once: int | None) -> dict[str, Any]:
        return {"loss": self._loss(model, rows_at_once, processes.count() > 1)}

    def training_loss(self, model: Any, batch: dict[str, Any], rows_at_once: int | None) -> torch.Tensor:
        loss: torch.Tensor = self._loss(model, rows_at_once)(_parts(batch), batch.get("label"))
        return loss

    def _loss(self, model: Any, rows_at_once: int | None, everywhere: bool = False) -> Any:
        from sentence_transformers.sentence_transformer import losses

        scale = self.options.scale
        name = self.options.loss or ("cosent" if self.pairs.form == "scores" else "multiple-negatives")
        if name == "cosent":
            loss = losses.CoSENTLoss(model, scale=scale)
        elif name == "cosine":
            loss = losses.CosineSimilarityLoss(model)
        elif rows_at_once is None:
            loss = losses.MultipleNegativesRankingLoss(model, scale=scale, gather_across_devices=everywhere)
        else:
            loss = losses.CachedMultipleNegativesRankingLoss(
                model, scale=scale, mini_batch_size=rows_at_once, gather_across_devices=everywhere
            )
        if self.options.matryoshka_dims:
            loss = losses.MatryoshkaLoss(model, loss, list(self.options.matryoshka_dims))
        return loss

    # -- answers

    def facing(self, rows: Sequence[Row]) -> Self:
        """A copy that searches the texts of these rows, right and wrong ones, and knows which belong to which."""
        if self.pairs.form == "scores":
            return self
        copy = type(self)(self.options, self.pairs)
        corpus: dict[str, None] = {}
        for row in rows:
            corpus |= dict.fromkeys([row["target"], *(row.get("negative") or ())])
            known = copy._right.setdefault(row["text"], [])
            if row["target"] not in known:
                known.append(row["target"])
        copy._corpus = tuple(corpus)
        return copy

    def references(self, rows: Sequence[Row]) -> list[Any]:
        """Scores; or all texts that belong to the row's text, also those that other rows name for it."""
        if self.pairs.form == "scores":
            return super().references(rows)
        return [list(self._right.get(row["text"], ())) or [row["target"]] for row in rows]

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        raise UsageError("Embeddings are compared, not decoded.", "Use predict().")

    def answer(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> Answers:
        """Cosines of pairs, the nearest texts where there are some to search (`facing`), else embeddings."""
        if max_length:
            model.max_seq_length = max_length
        if not rows:
            return Answers([], 0.0, 0)
        if all(row.get("text_pair") is not None for row in rows):
            predictions = self._compare(rows, model, batch_size)
        elif self._corpus:
            predictions = self._search(rows, model, batch_size)
        else:
            found = self._embed(model, [row["text"] for row in rows], self.options.query_prompt, batch_size)
            predictions = [{"prediction": vector.tolist()} for vector in found]
        loss = self._validation_loss(rows, model, processor, batch_size, max_length)
        return Answers(predictions, loss * len(rows), len(rows))

    def _compare(self, rows: Sequence[Row], model: Any, batch_size: int) -> list[Prediction]:
        prompt = self.options.query_prompt
        left, right = (
            self._embed(model, [row[side] for row in rows], prompt, batch_size) for side in ("text", "text_pair")
        )
        found = [{"prediction": float(c)} for c in _cosines(left, right)]
        for size in self.options.matryoshka_dims:
            for answer, cosine in zip(found, _cosines(left[:, :size], right[:, :size]), strict=True):
                answer[f"at {size}"] = float(cosine)
        return found

    def _search(self, rows: Sequence[Row], model: Any, batch_size: int) -> list[Prediction]:
        queries = self._embed(model, [row["text"] for row in rows], self.options.query_prompt, batch_size)
        texts = self._embed(model, self._corpus, self.options.document_prompt, batch_size)
        found: list[Prediction] = [{} for _ in rows]
        for name, size in (("prediction", None), *((f"at {size}", size) for size in self.options.matryoshka_dims)):
            near = _unit(queries[:, :size]) @ _unit(texts[:, :size]).T
            for answer, order in zip(found, best_first(near, FOUND), strict=True):
                answer[name] = [self._corpus[i] for i in order]
        return found

    @staticmethod
    def _embed(model: Any, texts: Sequence[str], prompt: str, batch_size: int) -> np.ndarray:
        encoded: np.ndarray = model.encode(
            list(texts), prompt=prompt, batch_size=batch_size, convert_to_numpy=True, show_progress_bar=False
        )
        return encoded.astype(np.float64)

    def _validation_loss(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> float:
        """The mean training loss of rows with targets, over batches in their order; 0 where they have none."""
        import torch

        from finetune.models import model_inputs

        if rows[0].get("target") is None:
            return 0.0
        features = self.encode(rows, processor, max_length)
        collate, total = self.collator(processor), 0.0
        was_training = model.training
        model.eval()
        with torch.no_grad():
            for start in range(0, len(features), batch_size):
                chosen = range(start, min(start + batch_size, len(features)))
                batch = {key: value.to(model.device) for key, value in collate(model_inputs(features, chosen)).items()}
                total += float(self.training_loss(model, batch, None)) * len(chosen)
        model.train(was_training)
        return total / len(features)

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [self._row_from(value) for value in inputs]

    @staticmethod
    def _row_from(value: Any) -> Row:
        if isinstance(value, str):
            return {"text": value}
        if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
            return {"text": value[0], "text_pair": value[1]}
        if isinstance(value, Mapping) and isinstance(value.get("text"), str):
            pair = value.get("text_pair")
            return {"text": value["text"]} | ({"text_pair": pair} if pair is not None else {})
        raise UsageError(
            f"Cannot embed {type(value).__name__} {str(value)[:60]!r}.",
            "Give a text (for its embedding), or a pair of texts (for their cosine).",
        )

    # -- scores

    @property
    def kind(self) -> str:
        return "similarity" if self.pairs.form == "scores" else "ranking"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("spearman", "pearson") if self.pairs.form == "scores" else ("mrr", "ndcg", "recall_at")

    @property
    def baselines(self) -> tuple[str, ...]:
        words = ("tfidf-cosine",) if self.pairs.form == "scores" else ("bm25", "tfidf-cosine")
        return (*words, "untouched")

    def own_baselines(self) -> Mapping[str, tuple[str, FitBaseline]]:
        found: dict[str, tuple[str, FitBaseline]] = {"tfidf-cosine": ("TF-IDF cosine", self._tfidf)}
        return found if self.pairs.form == "scores" else found | {"bm25": ("BM25", self._bm25)}

    def _tfidf(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        if self.pairs.form == "texts":
            return self._ranked(TfidfCosine(self._corpus)), "weights from the texts that are searched"
        model = TfidfCosine([row[side] for row in train for side in ("text", "text_pair")])

        def predict(rows: Sequence[Row]) -> list[Prediction]:
            found = model.pairs([row["text"] for row in rows], [row["text_pair"] for row in rows])
            return [{"prediction": float(cosine)} for cosine in found]

        return predict, "weights from the training texts"

    def _bm25(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        return self._ranked(BM25(self._corpus)), "k1 = 1.2, b = 0.75"

    def _ranked(self, ranker: BM25 | TfidfCosine) -> Baseline:
        def predict(rows: Sequence[Row]) -> list[Prediction]:
            ranked = ranker.rank([row["text"] for row in rows], FOUND)
            return [{"prediction": [self._corpus[i] for i in order]} for order in ranked]

        return predict

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        make = _numbers if self.pairs.form == "scores" else object_array
        more = [key for key in (predictions[0] if predictions else ()) if key.startswith("at ")]
        wanted = references if self.pairs.form == "scores" else [r if isinstance(r, list) else [r] for r in references]
        return {
            "predictions": make([p["prediction"] for p in predictions]), "references": make(wanted),
            **{key: make([p[key] for p in predictions]) for key in more},
        }  # fmt: skip

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        if self.pairs.form == "scores":
            return [{"prediction": self._scaled(value)} for value in references]
        return [{"prediction": r if isinstance(r, list) else [r]} for r in references]

    def details(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Scores of the first dimensions alone, where they were trained to work alone."""
        from finetune.metrics import load_metric

        sizes = [key for key in arrays if key.startswith("at ")]
        if not sizes:
            return {}
        rows = []
        scores: dict[str, float] = {}
        for key, name in [("predictions", "all"), *((key, key.removeprefix("at ")) for key in sizes)]:
            scores = {}
            for metric in self.metrics:
                scores |= load_metric(metric).measure(arrays[key], arrays["references"])
            rows.append([name, *scores.values()])
        return {"tables": [{"title": "Scores of the first dimensions alone.", "columns": ["Dimensions", *scores],
                            "rows": rows}]}  # fmt: skip

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        if self.pairs.form == "scores":
            wanted, given = self._scaled(float(reference)), float(answer["prediction"])
            if abs(given - wanted) <= _FAR:
                return None
            return Mistake(
                abs(given - wanted), f"cosine {given:.2f}", f"{float(reference):g} ({wanted:.2f} of the range)"
            )
        found, right = list(answer["prediction"]), set(reference)
        rank = next((place for place, text in enumerate(found, 1) if text in right), None)
        if rank == 1:
            return None
        note = f"the right one stands in place {rank}" if rank else f"the right one is not among the first {len(found)}"
        return Mistake(rank or FOUND + 1, found[0] if found else "(nothing)", str(reference[0]), note)

    def text_of(self, row: Row) -> str:
        return "\n".join(str(row[key]) for key in ("text", "text_pair") if row.get(key))

    # -- self-description

    @classmethod
    def examples(cls) -> dict[str, Example]:
        things = ("cat", "dog", "bird", "fish", "horse", "mouse", "sheep", "goat")
        places = ("house", "garden", "river", "field", "barn", "wood")
        rows = [(f"where is the {t} of the {p}", f"{t} lives near {p}", t, p) for t in things for p in places]
        pairs = [{"anchor": q, "positive": a} for q, a, _, _ in rows]
        others = [a for _, a, _, _ in rows]
        triplets = [{**pair, "negative": others[(i + 7) % len(others)]} for i, pair in enumerate(pairs)]
        scored = [
            {"sentence1": q, "sentence2": others[j], "score": (t in others[j].split()) * 2.0 + (p in others[j].split())}
            for i, (q, _, t, p) in enumerate(rows) for j in (i, (i + 1) % len(others), (i + 13) % len(others))
        ]  # fmt: skip
        texts = [text for q, a, _, _ in rows for text in (q, a)]
        variants: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
            "scored": (scored, {}), "pairs": (pairs, {"matryoshka_dims": (32, 8)}), "triplets": (triplets, {}),
            "mined": (pairs, {"hard_negatives": 2}),
        }  # fmt: skip
        return {
            name: Example(rows, options, lambda folder: tiny_text_encoder(folder, texts))
            for name, (rows, options) in variants.items()
        }

    def state(self) -> dict[str, Any]:
        return asdict(self.pairs)

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options, Pairs(**state))


def _parts(batch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The texts of a batch side by side: `text0_input_ids` … -> [{input_ids …}, …]."""
    count = sum(key.endswith("_input_ids") for key in batch)
    return [
        {key.removeprefix(f"text{i}_"): value for key, value in batch.items() if key.startswith(f"text{i}_")}
        for i in range(count)
    ]


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return np.array(values, dtype=float)


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def _cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    found: np.ndarray = (_unit(left) * _unit(right)).sum(axis=1)
    return found
