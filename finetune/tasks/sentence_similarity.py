"""Sentence similarity: embedding models from scored pairs, from pairs that belong together, or from triplets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from finetune import processes
from finetune.errors import LabelError, UsageError
from finetune.labels import RowError, number_summary, parse_number
from finetune.models import Collator, model_inputs, tiny_text_encoder
from finetune.retrieval import BM25, Corpus, TfidfCosine, rank
from finetune.sentence_models import in_parts, load_embedder, of_all_processes
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
    batches teach more), cosent for scored pairs. Both compare all rows of a batch, also those of other processes."""
    scale: float = Field(default=20.0, gt=0)
    """Inverse temperature that cosines are multiplied by in multiple-negatives and cosent."""
    matryoshka_dims: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Beside the whole embedding, also train its first so many dimensions to work alone (Matryoshka, Kusupati et al.
    2022)."""
    hard_negatives: int = Field(default=0, ge=0)
    """Wrong answers to find for each training row among the texts of the others, by BM25, beside those the data has."""
    pooling: Literal["mean", "cls", "max", "lasttoken"] | None = None
    """How token vectors become one. Default: as the checkpoint says; mean for a plain encoder."""
    query_prompt: str = ""
    """What to put before each text, for models that were trained with one (E5: "query: "). Saved with the model, where
    it is called `query`."""
    document_prompt: str = ""
    """The same for the texts that are searched (E5: "passage: "); scored pairs have none."""


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
    split_by = "text to find (or pair)"
    answers_untouched = True
    whole_batches = True
    Options = SentenceSimilarityOptions
    options: SentenceSimilarityOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", aliases=("text", "anchor", "query", "question", "sentence1", "premise", "sentence_a")),
        Column("text_pair", "text", required=False, aliases=("text_pair", "sentence2", "sentence_b")),
        Column("negative", "texts", required=False, nullable=True,
               aliases=("negative", "negatives", "contradiction")),
        Column("target", "target", aliases=("target", "score", "similarity_score", "label", "positive", "answer",
                                            "response", "entailment", "context", "document", "passage")),
    )  # fmt: skip

    def __init__(self, options: TaskOptions | None = None, pairs: Pairs | None = None) -> None:
        super().__init__(options)
        self._pairs = pairs
        self._corpus: Corpus | None = None
        self._wrong = 0

    @property
    def pairs(self) -> Pairs:
        """What `learn` found."""
        if self._pairs is None:
            raise UsageError("The task does not know its target yet.", "Call learn() with training targets first.")
        return self._pairs

    # -- what is to be learned

    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        present = [value for value in values if not _is_missing(value)]
        if not present:
            raise LabelError("No row has a target.", "Name its column: data.columns: {target: …}, a score or a text.")
        numbers = [_number(value) for value in present]
        scores = [number for number in numbers if number is not None]
        if len(scores) == len(present):
            self._check_options("scores", "texts that belong together", self.options.loss == "multiple-negatives")
            return type(self)(self.options, Pairs("scores", min(scores), max(scores)))
        self._check_options("texts", "scores", self.options.loss in ("cosent", "cosine"))
        return type(self)(self.options, Pairs("texts"))

    def _check_options(self, form: str, needed: str, unfit: bool) -> None:
        """Refuse options that would do nothing with this form of target, or something else than they say."""
        if unfit:
            raise LabelError(
                f"The targets are {form}; the loss {self.options.loss!r} learns from {needed}.",
                "Drop options.loss, or name another column as the target under data.columns.",
            )
        if form == "scores" and self.options.hard_negatives:
            raise LabelError(
                "The targets are scores; options.hard_negatives are wrong answers beside a right text.",
                "Drop options.hard_negatives, or name the column of the right texts as the target under data.columns.",
            )

    def parse_target(self, value: Any) -> Any:
        if _is_missing(value):
            raise RowError("missing target")
        if self.pairs.form == "scores":
            return parse_number(value)
        texts = [str(text) for text in value] if isinstance(value, list) else [str(value)]
        if not all(text.strip() for text in texts):
            raise RowError("empty target")
        return texts if isinstance(value, list) else texts[0]

    def check_row(self, row: dict[str, Any]) -> None:
        if self.pairs.form == "scores":
            if row.get("text_pair") is None:
                raise RowError("a score without a second text (data.columns: {text_pair: …})")
            row.pop("negative", None)
            return
        if row.get("text_pair") is not None:
            raise RowError("two texts and a third as the target (data.columns: {target: …} says which one belongs)")
        if isinstance(row["target"], list):
            if len(row["target"]) > 1:
                raise RowError(f"{len(row['target'])} texts as one target; give each a row of its own")
            row["target"] = row["target"][0]
        if "negative" in row:
            row["negative"] = _texts(row["negative"])

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        different = len(set(targets))
        if different < 2:
            raise LabelError("Every training row has the same target.", "Check the target column.")
        if self.options.hard_negatives >= different:
            raise LabelError(
                f"options.hard_negatives is {self.options.hard_negatives}; the training rows have {different} texts.",
                f"Lower it to {different - 1} or less.",
            )

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
        prompts = {"query": self.options.query_prompt, "document": self.options.document_prompt}
        model, processor = load_embedder(source, self.options.pooling, prompts)
        size, largest = model.get_embedding_dimension(), max(self.options.matryoshka_dims, default=0)
        if largest > size:
            raise UsageError(
                f"options.matryoshka_dims has {largest}; the embeddings of {source.name} have {size} dimensions.",
                f"Give numbers from 1 to {size}.",
            )
        return model, processor

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        texts = [self._texts(row) for row in rows]
        tokens = iter(_tokens([text for several in texts for text in several], processor, max_length))
        features = []
        for row, several in zip(rows, texts, strict=True):
            columns, lengths = zip(*(next(tokens) for _ in several), strict=True)
            length = max(lengths)
            feature = {"columns": list(columns), "length": length,
                       "truncated": bool(max_length and length > max_length)}  # fmt: skip
            if self.pairs.form == "scores" and row.get("target") is not None:
                feature["score"] = self._scaled(row["target"])
            features.append(feature)
        return features

    def training_features(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        """Features of rows with all the wrong answers that training compares: every row has as many."""
        return self.encode(self._with_negatives(rows), processor, max_length)

    def _texts(self, row: Row) -> list[str]:
        """What a row compares: the text, the one that belongs to it or is scored with it, and wrong ones."""
        query, document = self.options.query_prompt, self.options.document_prompt
        if self.pairs.form == "scores":
            return [query + row["text"], query + row["text_pair"]]
        right = [row["target"]] if row.get("target") is not None else []
        return [query + row["text"], *(document + text for text in (*right, *(row.get("negative") or ())))]

    def _with_negatives(self, rows: Sequence[Row]) -> list[Row]:
        """Rows with texts that look right by their words but belong to other rows: as many as the options ask for, and
        where the data has more for some rows than for others, as many again as those have."""
        if self._corpus is None or not self._wrong:
            return list(rows)
        own = [row.get("negative") or [] for row in rows]
        wanted = [self._wrong - len(given) for given in own]
        if not any(wanted):
            return list(rows)
        mined = self._corpus.wrong([row["text"] for row in rows], max(wanted), own)
        return [{**row, "negative": [*given, *more[:missing]]}
                for row, given, more, missing in zip(rows, own, mined, wanted, strict=True)]  # fmt: skip

    def _scaled(self, score: float) -> float:
        return (score - self.pairs.low) / max(self.pairs.high - self.pairs.low, 1e-12)

    def training_collator(self, processor: Any) -> Collator:
        collate = self.collator(processor)

        def checked(features: list[dict[str, Any]]) -> dict[str, Any]:
            counts = {len(feature["columns"]) for feature in features}
            if len(counts) > 1:
                raise LabelError(
                    f"Some training rows have {min(counts) - 2} wrong answers and some {max(counts) - 2}; there are "
                    "too few other texts to give all as many.",
                    "Lower options.hard_negatives, or add rows.",
                )
            return collate(features)

        return checked

    def collator(self, processor: Any) -> Collator:
        def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
            import torch

            # Held-out rows may have different numbers of wrong answers: their loss is of those that all have.
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

        cached = self.pairs.form == "texts" and rows_at_once is not None
        if cached:
            loss: Any = losses.CachedMultipleNegativesRankingLoss(
                model, scale=self.options.scale, mini_batch_size=rows_at_once or 1, gather_across_devices=everywhere
            )
        elif self.pairs.form == "texts":
            loss = losses.MultipleNegativesRankingLoss(
                model, scale=self.options.scale, gather_across_devices=everywhere
            )
        elif self.options.loss == "cosine":
            loss = losses.CosineSimilarityLoss(model)
        else:
            loss = losses.CoSENTLoss(model, scale=self.options.scale)
            loss = of_all_processes(loss) if everywhere else loss
        if self.options.matryoshka_dims:
            # The whole embedding among them: dimensions behind the last would get no gradient.
            every = {*self.options.matryoshka_dims, model.get_embedding_dimension()}
            loss = losses.MatryoshkaLoss(model, loss, sorted(every, reverse=True))
        if rows_at_once is None or cached:
            return loss
        return in_parts(loss, model, "sentence_embedding", lambda inputs: rows_at_once)

    # -- answers

    def facing(self, rows: Sequence[Row]) -> Self:
        """A copy that searches the texts of these rows, right and wrong ones, and knows which belong to which."""
        if self.pairs.form == "scores":
            return self
        copy = type(self)(self.options, self.pairs)
        given = [(row["text"], [row["target"]], row.get("negative") or []) for row in rows]
        copy._corpus = Corpus(given)
        copy._wrong = max((len(wrong) for _, _, wrong in given), default=0) + self.options.hard_negatives
        return copy

    def references(self, rows: Sequence[Row]) -> list[Any]:
        """Scores; or all texts that belong to the row's text, also those that other rows name for it."""
        if self.pairs.form == "scores":
            return super().references(rows)
        return [(self._corpus.right(row["text"]) if self._corpus else []) or [row["target"]] for row in rows]

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        raise UsageError("Embeddings are compared, not decoded.", "Use predict().")

    def answer(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> Answers:
        """Cosines of pairs; of single texts the nearest ones where there are some to search (`facing`), else their
        embeddings."""
        if max_length:
            model.max_seq_length = max_length
        pairs = [place for place, row in enumerate(rows) if row.get("text_pair") is not None]
        alone = [place for place, row in enumerate(rows) if row.get("text_pair") is None]
        found: dict[int, Prediction] = {}
        for places, ask in ((pairs, self._compare), (alone, self._search if self._corpus else self._vectors)):
            if places:
                answers = ask([rows[place] for place in places], model, batch_size)
                found |= dict(zip(places, answers, strict=True))
        loss = self._validation_loss(rows, model, processor, batch_size, max_length)
        return Answers([found[place] for place in range(len(rows))], loss, len(rows))

    def _vectors(self, rows: Sequence[Row], model: Any, batch_size: int) -> list[Prediction]:
        found = self._embed(model, [row["text"] for row in rows], self.options.query_prompt, batch_size)
        return [{"prediction": vector.tolist()} for vector in found]

    def _compare(self, rows: Sequence[Row], model: Any, batch_size: int) -> list[Prediction]:
        second = self.options.query_prompt if self.pairs.form == "scores" else self.options.document_prompt
        sides = (("text", self.options.query_prompt), ("text_pair", second))
        left, right = (self._embed(model, [row[key] for row in rows], prompt, batch_size) for key, prompt in sides)
        found = [{"prediction": float(c)} for c in _cosines(left, right)]
        for size in self.options.matryoshka_dims:
            for answer, cosine in zip(found, _cosines(left[:, :size], right[:, :size]), strict=True):
                answer[f"at {size}"] = float(cosine)
        return found

    def _search(self, rows: Sequence[Row], model: Any, batch_size: int) -> list[Prediction]:
        corpus = self._searched
        queries = self._embed(model, [row["text"] for row in rows], self.options.query_prompt, batch_size)
        texts = self._embed(model, corpus.texts, self.options.document_prompt, batch_size)
        found: list[Prediction] = [{} for _ in rows]
        for name, size in (("prediction", None), *((f"at {size}", size) for size in self.options.matryoshka_dims)):
            orders = _nearest(queries[:, :size], texts[:, :size])
            for answer, row, order in zip(found, rows, orders, strict=True):
                answer[name] = corpus.first(row["text"], order, FOUND)
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
        """The training loss of rows with targets, summed: batches as in training, each by its number of rows."""
        import torch

        if not rows or rows[0].get("target") is None:
            return 0.0
        features = self.encode(rows, processor, max_length)
        collate, total = self.collator(processor), 0.0
        was_training = model.training
        model.eval()
        with torch.no_grad():
            for chosen in _batches(self.keep_apart(rows) or range(len(rows)), batch_size):
                batch = {key: value.to(model.device) for key, value in collate(model_inputs(features, chosen)).items()}
                total += float(self.training_loss(model, batch, None)) * len(chosen)
        model.train(was_training)
        return total

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
            if pair is None or isinstance(pair, str):
                return {"text": value["text"]} | ({"text_pair": pair} if pair is not None else {})
        raise UsageError(
            f"Cannot embed {type(value).__name__} {str(value)[:60]!r}.",
            "Give a text (for its embedding), or a pair of texts or {'text': …, 'text_pair': …} (for their cosine).",
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
            texts = self._searched.texts
            return self._ranked(TfidfCosine(texts)), "weights from the texts that are searched"
        model = TfidfCosine([row[side] for row in train for side in ("text", "text_pair")])

        def predict(rows: Sequence[Row]) -> list[Prediction]:
            found = model.pairs([row["text"] for row in rows], [row["text_pair"] for row in rows])
            return [{"prediction": float(cosine)} for cosine in found]

        return predict, "weights from the training texts"

    def _bm25(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        return self._ranked(self._searched.bm25), "k1 = 1.2, b = 0.75, weights from the texts that are searched"

    @property
    def _searched(self) -> Corpus:
        if self._corpus is None:
            raise UsageError("There are no texts to search yet.", "Call facing() with the rows that are answered.")
        return self._corpus

    def _ranked(self, ranker: BM25 | TfidfCosine) -> Baseline:
        def predict(rows: Sequence[Row]) -> list[Prediction]:
            queries = [row["text"] for row in rows]
            orders = ranker.rank(queries, FOUND + 1)
            return [{"prediction": self._searched.first(q, o, FOUND)} for q, o in zip(queries, orders, strict=True)]

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

    def details(self, arrays: Mapping[str, np.ndarray], rows: Sequence[Row]) -> dict[str, Any]:
        """Scores of the first dimensions alone, where they were trained to work alone."""
        from finetune.metrics import load_metric

        sizes = [key for key in arrays if key.startswith("at ")]
        if not sizes:
            return {}
        table = []
        scores: dict[str, float] = {}
        for key, name in [("predictions", "all"), *((key, key.removeprefix("at ")) for key in sizes)]:
            scores = {}
            for metric in self.metrics:
                scores |= load_metric(metric).measure(arrays[key], arrays["references"])
            table.append([name, *scores.values()])
        return {"tables": [{"title": "Scores of the first dimensions alone.", "columns": ["Dimensions", *scores],
                            "rows": table}]}  # fmt: skip

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


def _batches(keys: Iterable[Hashable], size: int) -> list[list[int]]:
    """Rows in their order, but never two with one key together: each would be a wrong answer to the other."""
    met: Counter[Hashable] = Counter()
    rounds: dict[int, list[int]] = {}
    for place, key in enumerate(keys):
        rounds.setdefault(met[key], []).append(place)
        met[key] += 1
    return [some[start : start + size] for some in rounds.values() for start in range(0, len(some), size)]


def _tokens(texts: Sequence[str], processor: Any, max_length: int | None) -> list[tuple[dict[str, list[int]], int]]:
    """Of each text what the model reads, and how many tokens the whole text has."""
    whole = processor(list(texts), truncation=False, verbose=False)["input_ids"] if texts else []
    found = [({"input_ids": ids}, len(ids)) for ids in whole]
    long = [i for i, (_, length) in enumerate(found) if max_length and length > max_length]
    if long:
        cut = processor([texts[i] for i in long], truncation=True, max_length=max_length, verbose=False)
        for i, ids in zip(long, cut["input_ids"], strict=True):
            found[i] = ({"input_ids": ids}, found[i][1])
    return found


def _texts(value: Any) -> list[str]:
    """Texts of a column that holds one, several, or none in some rows."""
    several = [value] if isinstance(value, str) else value or []
    return [str(text) for text in several if not _is_missing(text) and str(text).strip()]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list) and not value) or (
        isinstance(value, float) and math.isnan(value)
    )  # fmt: skip


def _number(value: Any) -> float | None:
    """The value as a finite number where it is one, also one that is written as a text."""
    try:
        number = parse_number(value)
    except RowError:
        return None
    return number


def _nearest(queries: np.ndarray, texts: np.ndarray) -> list[list[int]]:
    """For each query the indices of the nearest texts by cosine, one more than is shown: it may be the query."""
    every = _unit(texts).T
    return rank(lambda some: _unit(some) @ every, queries, FOUND + 1, len(texts))  # type: ignore[arg-type]


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return np.array(values, dtype=float)


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def _cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    found: np.ndarray = (_unit(left) * _unit(right)).sum(axis=1)
    return found
