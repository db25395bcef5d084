"""Fill-mask: adapting an encoder to the language of a domain by masked language modelling, on texts without labels.

The encoder of a finished run is a starting point for other tasks: ``model.name: runs/<that run>``.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from finetune.errors import DataError, LabelError, RecipeError, SourceError, UsageError
from finetune.labels import RowError
from finetune.models import Collator, Features, load_pretrained, tiny_text_encoder
from finetune.task import Column, Example, Mistake, Prediction, Row, TargetHints, Task, TaskOptions, object_array
from finetune.views import Bars, View, Words
from finetune.views import Field as InputField

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource

NOTHING, BLANK = -100, -101
"""Labels of positions that are not asked for, and of masks that stand in the text itself: they have no known token."""
CANDIDATES = 5
"""Fillings of a blank that are offered."""
_LONGEST_EXPONENT = 700.0
"""exp() of more overflows."""
_TOKENS, _CHARACTERS = (16, 64, 256), (100, 1_000, 10_000)
"""Upper bounds of the lengths in tables: of scored tokens, and of characters."""
SAMPLE = "The weather was {filler.tokenizer.mask_token} today."
"""What `usage` asks."""


class FillMaskOptions(TaskOptions):
    """Settings of fill-mask."""

    mlm_probability: float = Field(default=0.15, gt=0, lt=1)
    """Training: share of the tokens that have to be predicted, drawn anew each time a text is seen."""
    whole_word_mask: bool = False
    """Training: mask all tokens of a word together; each by the mask token, where single tokens are also replaced by
    random ones or left as they are (8:1:1)."""
    passes: int | None = Field(default=8, ge=2)
    """Scoring: how often a text is read. With 8, each time another eighth of its tokens is masked, so that every token
    is predicted once. `null` masks each token alone, in one read per token: the exact pseudo-perplexity of Salazar et
    al. (2020). Scores of different settings do not compare, nor do those of different tokenizers."""


class FillMask(Task):
    """Masked language modelling on texts: no labels, the text is its own reference.

    A text that holds the tokenizer's mask token is completed when a user asks (each mask by its likeliest token, all
    at once); every other text, and every row of a data set, is scored. Unknown tokens are neither learned nor scored.
    """

    name = "fill-mask"
    auto_class = "AutoModelForMaskedLM"
    trains_head = False  # the head comes pretrained: to replace or to relearn it would undo that
    answers_untouched = True
    Options = FillMaskOptions
    options: FillMaskOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", aliases=("text", "content", "document", "body", "sentence", "review", "article",
                                        "abstract", "comment", "message", "tweet")),
    )  # fmt: skip
    kind = "likelihood"
    metrics = ("pseudo_perplexity",)
    baselines = ("untouched",)

    # -- what is to be learned

    @classmethod
    def target_column(cls) -> Column:
        return cls.columns[0]

    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        return type(self)(self.options)

    def parse_target(self, value: Any) -> str:
        if value is None:
            raise RowError("missing text")
        if not isinstance(value, str | int | float):
            raise RowError(f"the text is a {type(value).__name__}")
        return str(value)

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        if len(set(targets)) < 2:
            raise LabelError("Every training row has the same text.", "Check data.columns and the training split.")

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        counts = Counter(_bucket(len(text), _CHARACTERS) for text in targets)
        return {f"{name} characters": counts[name] for name in _buckets(_CHARACTERS) if counts[name]}

    # -- the model

    def load(self, source: ModelSource) -> tuple[Any, Any]:
        model, processor = load_pretrained(self.auto_class, source, {})
        other = "Choose a checkpoint that was trained to fill masks: the Hub lists them under fill-mask."
        if model.new_modules:
            listed = ", ".join(model.new_modules)
            raise SourceError(f"{source.name} has no masked-language-model head: {listed} would be random.", other)
        if getattr(processor, "mask_token", None) is None:
            raise SourceError(f"The tokenizer of {source.name} has no mask token.", other)
        if self.options.whole_word_mask and not processor.is_fast:
            cause = f"The tokenizer of {source.name} does not tell which tokens make a word."
            raise SourceError(cause, "Set options.whole_word_mask: false.")
        return model, processor

    def training_features(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> Features:
        """The blocks of every text; all their tokens are there, and masked when a batch is made."""
        features = [block for blocks in self._split(rows, processor, max_length) for block in blocks]
        # One text may be nothing but symbols that the tokenizer does not know; all of them mean a wrong tokenizer.
        if len(rows) > 1 and not any(_scored(feature) for feature in features):
            raise DataError(
                f"None of {len(rows)} texts has a token that the tokenizer knows; one is {rows[0]['text'][:60]!r}.",
                "Check data.columns, or choose a model for this language.",
            )
        return features

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> Features:
        features: Features = []
        for row, blocks in zip(rows, self._split(rows, processor, max_length), strict=True):
            blanks = [_places(block, processor.mask_token_id) for block in blocks]
            # A table needs answers of one form: rows of a data set are scored, also where a mask stands in the text.
            fill = any(blanks) and "row" not in row
            for block, places in zip(blocks, blanks, strict=True):
                found = {"blanks": places, "decode": processor.decode} if fill else {}
                for hidden in [[]] if fill else self._passes(_scored(block)):
                    asked = {"hidden": hidden, "blanks": places if fill else []}
                    features.append(block | asked | {"about": block["about"] | found})
        return features

    def _passes(self, scored: list[int]) -> list[list[int]]:
        """The positions that are masked in each pass; every scored one in exactly one of them."""
        count = max(1, min(len(scored), self.options.passes or len(scored)))
        return [scored[start::count] for start in range(count)]

    def _split(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[Features]:
        """Per text its blocks: as few as `max_length` allows, equally long, each with the special tokens around it."""
        read = processor([row["text"] for row in rows], return_special_tokens_mask=True, verbose=False)
        special = set(processor.all_special_ids)
        texts = []
        for index in range(len(rows)):
            text = {key: read[key][index] for key in read}
            edges = _edges(text["special_tokens_mask"])
            # What the user typed is not marked: masks, and words that became the unknown token.
            text["special_tokens_mask"] = [int(token in special) for token in text["input_ids"]]
            if self.options.whole_word_mask:
                text["offset_mapping"] = _word_places(read.word_ids(index))
            texts.append(_blocks(text, edges, max_length, index))
        return texts

    def training_collator(self, processor: Any) -> Collator:
        from transformers import DataCollatorForLanguageModeling

        together = self.options.whole_word_mask
        collate: Collator = DataCollatorForLanguageModeling(
            processor, mlm_probability=self.options.mlm_probability, whole_word_mask=together,
            mask_replace_prob=1.0 if together else 0.8, random_replace_prob=0.0 if together else 0.1,
        )  # fmt: skip
        return (lambda features: collate(_pad_words(features, processor))) if together else collate

    def collator(self, processor: Any) -> Collator:
        from transformers import DataCollatorForTokenClassification

        pad: Collator = DataCollatorForTokenClassification(processor, label_pad_token_id=NOTHING)
        names = processor.model_input_names
        # Masks are put in here, not in `encode`: so the passes over a text share its tokens in memory.
        return lambda features: pad([_hide(feature, processor.mask_token_id, names) for feature in features])

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        import torch
        from torch.nn import functional

        asked = labels >= 0
        items = functional.cross_entropy(outputs["logits"][asked].float(), labels[asked], reduction="sum")
        count = asked.sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        return items / count.clamp(min=1)  # chance may have masked nothing in a small step: its loss is 0, not 0 / 0

    def count_items(self, labels: torch.Tensor) -> torch.Tensor:
        return (labels >= 0).sum()

    # -- answers

    def keep(self, outputs: Any, labels: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """Per feature `nll` (nats), `tokens`, and of each blank the likeliest `candidates` (ids) with `probabilities`.

        Reduced where the model runs: logits are (features, tokens, vocabulary), far too many to keep for all rows.
        """
        import torch
        from torch.nn import functional

        assert labels is not None
        logits, asked = outputs["logits"], labels >= 0
        surprise = torch.zeros(labels.shape, device=labels.device)
        surprise[asked] = functional.cross_entropy(logits[asked].float(), labels[asked], reduction="none")
        blank = labels == BLANK
        best = logits[blank].float().softmax(-1).topk(min(CANDIDATES, logits.shape[-1]), dim=-1)
        rows, slots = torch.nonzero(blank)[:, 0], (blank.cumsum(1) - 1)[blank]
        kept = {"nll": surprise.sum(1), "tokens": asked.sum(1)}
        for name, values in (("candidates", best.indices), ("probabilities", best.values)):
            kept[name] = values.new_zeros(len(labels), int(blank.sum(1).max()), values.shape[-1])
            kept[name][rows, slots] = values
        return kept

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        parts: list[list[int]] = [[] for _ in rows]
        for index, feature in enumerate(features):
            parts[feature["about"]["row"]].append(index)
        return [
            _filled([features[i] for i in part], [outputs[i] for i in part])
            if "decode" in features[part[0]]["about"]
            else _likelihood(sum(float(outputs[i]["nll"]) for i in part), sum(int(outputs[i]["tokens"]) for i in part))
            for part in parts
        ]

    def predict(
        self, rows: Sequence[Row], model: Any, processor: Any, batch_size: int, max_length: int | None
    ) -> list[Prediction]:
        bare = [{key: row[key] for key in ("row", "text") if key in row} for row in rows]
        return self.answer(bare, model, processor, batch_size, max_length).predictions

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        texts = [value.get("text") if isinstance(value, Mapping) else value for value in inputs]
        for value, text in zip(inputs, texts, strict=True):
            if not isinstance(text, str):
                cause = f"Cannot score or complete {type(value).__name__} {str(value)[:60]!r}."
                raise UsageError(cause, "Give a text or {'text': …}; a text with the mask token is completed.")
        return [{"text": text} for text in texts]

    # -- scores

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        pairs = [(p["scores"]["nll"], p["scores"]["tokens"]) for p in predictions]
        return {"predictions": np.array(pairs, float).reshape(-1, 2), "references": object_array(references)}

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        return [_likelihood(0.0, max(1, len(text.split()))) for text in references]

    def details(self, arrays: Mapping[str, np.ndarray], rows: Sequence[Row]) -> dict[str, Any]:
        scored = arrays["predictions"][arrays["predictions"][:, 1] > 0]
        names = np.array([_bucket(int(tokens), _TOKENS) for tokens in scored[:, 1]], dtype=object)
        groups = [(name, scored[names == name]) for name in _buckets(_TOKENS)]
        table = [[name, len(g), _likelihood(*g.sum(axis=0))["prediction"]] for name, g in groups if len(g)]
        empty = len(arrays["predictions"]) - len(scored)
        table += [["none (not scored)", empty, "–"]] if empty else []
        title = "Pseudo-perplexity by the length of the texts."
        return {"tables": [{"title": title, "columns": ["Tokens", "Texts", "Pseudo-perplexity"], "rows": table}]}

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        size = answer["prediction"]
        if not isinstance(size, float) or size <= 1:
            return None
        return Mistake(size, f"pseudo-perplexity {size:,.1f}", reference, f"{answer['scores']['tokens']:,} tokens")

    def text_of(self, row: Row) -> str:
        return str(row["text"])

    # -- for people

    def fields(self) -> tuple[InputField, ...]:
        return (InputField("text", "text", "Text", lines=4, hint="A text with {mask} where words are to be guessed"),)

    @property
    def shows(self) -> tuple[type[View], ...]:
        return (Words, Bars)

    def views(self, row: Row, answer: Prediction) -> tuple[View, ...]:
        """The text completed, and what may stand in its first blank; of a text without blanks, how likely it is."""
        given = answer["prediction"]
        if isinstance(given, str):
            fillings = dict(sorted(answer["scores"].items(), key=lambda item: -item[1]))
            return Words(given), Bars(fillings, list(fillings)[:1])
        if given is None:
            return Words("No word of this text is known to the model"), Bars({})
        tokens = (
            f"{answer['scores']['tokens']:,} tokens were scored; the lower, the more usual is the text to the model"
        )
        return Words(f"Pseudo-perplexity {given:,.4g}", tokens), Bars({})

    def usage(self, repository: str, *, adapter: bool) -> str:
        return (
            "from transformers import pipeline\n\n"
            f'filler = pipeline("fill-mask", model={json.dumps(repository)})\n'
            f'print(filler(f"{SAMPLE}", top_k={CANDIDATES}))\n'
        )

    # -- self-description

    @classmethod
    def examples(cls) -> dict[str, Example]:
        things, looks = ("film", "book", "meal", "song", "play", "talk", "game", "show"), ("great", "dull", "warm")
        said = [f"the {thing} was {look} and the {thing} was long" for thing in things for look in looks]
        variants: dict[str, tuple[list[str], dict[str, Any]]] = {
            "short": (said, {}),
            "exact": ([text.removesuffix(" was long") for text in said], {"passes": None}),
            # More than the 64 tokens that the tiny model takes: two blocks a text.
            "long": ([" then ".join([text] * 9) for text in said[::2]], {"passes": 4, "whole_word_mask": True}),
        }
        return {
            name: Example(
                [{"text": text} for text in texts], options, lambda folder: _tiny_model(folder, [*said, "then"])
            )
            for name, (texts, options) in variants.items()
        }

    def state(self) -> dict[str, Any]:
        return {}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options)


def _edges(added: list[int]) -> tuple[int, int]:
    """How many special tokens the tokenizer put before a text and after it."""
    before = next((place for place, mark in enumerate(added) if not mark), len(added))
    after = next((place for place, mark in enumerate(reversed(added)) if not mark), 0)
    return before, after


def _blocks(text: dict[str, list[Any]], edges: tuple[int, int], max_length: int | None, row: int) -> Features:
    """A text's features: all of it where it fits, else parts of equal length."""
    total, (before, after) = len(text["input_ids"]), edges
    content = total - before - after
    room = content if max_length is None else max_length - before - after
    if room < min(1, content):
        cause = f"model.max_length is {max_length}; {before + after} of these tokens are the tokenizer's own."
        raise RecipeError(cause, "Raise it.")
    ends, blocks = np.linspace(0, content, max(1, -(-content // max(1, room))) + 1).round().astype(int).tolist(), []
    for start, stop in pairwise(ends):
        places = [*range(before), *range(before + start, before + stop), *range(total - after, total)]
        block: dict[str, Any] = {key: [values[place] for place in places] for key, values in text.items()}
        about = {"row": row, "content": (before, before + stop - start)}
        blocks.append(block | {"length": total, "truncated": False, "about": about})
    return blocks


def _scored(block: Mapping[str, Any]) -> list[int]:
    return [place for place, special in enumerate(block["special_tokens_mask"]) if not special]


def _places(block: Mapping[str, Any], token: int) -> list[int]:
    return [place for place, found in enumerate(block["input_ids"]) if found == token]


def _hide(feature: Mapping[str, Any], mask: int, names: Sequence[str]) -> dict[str, Any]:
    """The model's inputs with some tokens masked, and labels that ask for them."""
    hidden = {key: list(feature[key]) for key in names if key in feature}
    hidden["labels"] = [NOTHING] * len(hidden["input_ids"])
    for place in feature["hidden"]:
        hidden["input_ids"][place], hidden["labels"][place] = mask, hidden["input_ids"][place]
    for place in feature["blanks"]:
        hidden["labels"][place] = BLANK
    return hidden


def _word_places(words: Sequence[int | None]) -> list[tuple[int, int]]:
    """Made-up character offsets that touch within a word and nowhere else.

    The collator tells words by touching offsets. True ones touch at punctuation too, and in scripts without spaces all
    through the text.
    """
    return [(0, 0) if word is None else (place + word, place + word + 1) for place, word in enumerate(words)]


def _pad_words(features: Features, processor: Any) -> Features:
    """Features with `offset_mapping` of one length, which tokenizers do not pad."""
    width = max(len(feature["offset_mapping"]) for feature in features)
    padded = []
    for feature in features:
        own, rest = feature["offset_mapping"], [(0, 0)] * (width - len(feature["offset_mapping"]))
        padded.append(feature | {"offset_mapping": own + rest if processor.padding_side == "right" else rest + own})
    return padded


def _likelihood(nats: float, tokens: int) -> Prediction:
    """The score of a text; no pseudo-perplexity where it has no token to score."""
    value = math.exp(min(_LONGEST_EXPONENT, nats / tokens)) if tokens else None
    return {"prediction": value, "scores": {"nll": float(nats), "tokens": int(tokens)}}


def _filled(features: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, np.ndarray]]) -> Prediction:
    """A text with its blanks filled, and the candidates for the first of them."""
    ids: list[int] = []
    scores: dict[str, float] = {}
    decode = features[0]["about"]["decode"]
    for feature, output in zip(features, outputs, strict=True):
        block, blanks, (start, stop) = (
            list(feature["input_ids"]),
            feature["about"]["blanks"],
            feature["about"]["content"],
        )
        for slot, place in enumerate(blanks):
            block[place] = int(output["candidates"][slot, 0])
        if blanks and not scores:
            for token, share in zip(output["candidates"][0], output["probabilities"][0], strict=True):
                name = decode([int(token)]).strip()  # with and without a space before it, a word is one filling
                scores[name] = scores.get(name, 0.0) + float(share)
        ids += block[start:stop]
    return {"prediction": decode(ids), "scores": scores}


def _bucket(length: int, bounds: Sequence[int]) -> str:
    return _buckets(bounds)[bisect_left(bounds, length)]


def _buckets(bounds: Sequence[int]) -> list[str]:
    middle = [f"{low + 1:,} to {high:,}" for low, high in pairwise(bounds)]
    return [f"up to {bounds[0]:,}", *middle, f"more than {bounds[-1]:,}"]


def _tiny_model(folder: str, texts: Sequence[str]) -> None:
    """As `tiny_text_encoder`, with a masked-language-model head."""
    import torch
    from transformers import AutoConfig, BertForMaskedLM

    tiny_text_encoder(folder, texts)
    torch.manual_seed(0)
    # The head is not trained: with weights as small as usual it could give no token more than a small share.
    BertForMaskedLM(AutoConfig.from_pretrained(folder, initializer_range=0.3)).save_pretrained(folder)
