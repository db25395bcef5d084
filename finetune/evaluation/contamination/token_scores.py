"""How likely a language model finds each token of a text, and what it expected there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune import processes
from finetune.evaluation.contamination.language_models import LanguageModel
from finetune.models import Features, forward_in_batches

PASSES = 8
"""How often a masked model reads a text; every eighth token is masked each time, so that each is predicted once."""
MIN_SHARE = 0.2
"""The share of a text's tokens, the least likely ones, that Min-K% looks at (Shi et al. 2024 recommend 20%)."""
_IGNORED = -100
_BATCH = 8


@dataclass(frozen=True)
class TokenScores:
    """A text's t scored tokens.

    Attributes:
        log_probs: (t,) float64, ln of the probability that the model gave to each, at most 0.
        expected: (t,) float64, the mean of ln p over the model's whole distribution at that place.
        spread: (t,) float64, its standard deviation, at least 0.
    """

    log_probs: np.ndarray
    expected: np.ndarray
    spread: np.ndarray

    @property
    def total(self) -> float:
        """The log-likelihood in nats; of a masked model the pseudo-log-likelihood."""
        return float(self.log_probs.sum())

    def likelihood(self) -> float:
        """Mean of ln p over the tokens: the plain loss attack (Yeom et al. 2018). Higher looks more like seen text."""
        return float(self.log_probs.mean())

    def min_k(self, share: float = MIN_SHARE) -> float:
        """Min-K% (Shi et al. 2024, "Detecting Pretraining Data from Large Language Models"): mean of ln p over the
        least likely tokens. Text that was seen has few tokens that surprise."""
        return _mean_of_least(self.log_probs, share)

    def min_k_plus_plus(self, share: float = MIN_SHARE) -> float:
        """Min-K%++ (Zhang et al. 2025): the same of (ln p - expected) / spread, which asks whether the token stands
        out among all that could have stood there."""
        return _mean_of_least((self.log_probs - self.expected) / np.maximum(self.spread, 1e-6), share)


def _mean_of_least(values: np.ndarray, share: float) -> float:
    count = max(1, int(len(values) * share))
    return float(np.partition(values, count - 1)[:count].mean())


def token_ids(model: LanguageModel, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of texts without special ones; the model's own limit does not apply."""
    return [
        [int(token) for token in model.processor(text, add_special_tokens=False, verbose=False)["input_ids"]]
        for text in texts
    ]


def score_tokens(model: LanguageModel, ids: Sequence[Sequence[int]], batch_size: int = _BATCH) -> list[TokenScores]:
    """Scores of token sequences; every process of the run takes a part of them, and all get all.

    Args:
        model: What is asked.
        ids: Tokens of each text without special ones, cut to the model's window by the caller or here.
        batch_size: Sequences at a time.
    """
    mine = processes.my_part(ids)
    return processes.join((_score_causal if model.kind == "causal" else _score_masked)(model, mine, batch_size))


def _score_causal(model: LanguageModel, ids: Sequence[Sequence[int]], batch_size: int) -> list[TokenScores]:
    start = model.start
    whole = [[*start, *tokens][: model.window] for tokens in ids]
    # The first token follows nothing; behind a token that opens every text it does.
    features = [{"input_ids": tokens, "labels": [*tokens[1:], _IGNORED]} for tokens in whole]
    return [_together([found]) for found in _run(model, features, batch_size)]


def _score_masked(model: LanguageModel, ids: Sequence[Sequence[int]], batch_size: int) -> list[TokenScores]:
    """Pseudo-likelihood (Salazar et al. 2020), every eighth token masked at a time instead of one."""
    features: Features = []
    owners: list[int] = []
    for owner, tokens in enumerate(ids):
        for first in range(PASSES):
            feature = _masked(model, list(tokens), first)
            if feature is not None:
                features.append(feature)
                owners.append(owner)
    parts: list[list[dict[str, np.ndarray]]] = [[] for _ in ids]
    for owner, found in zip(owners, _run(model, features, batch_size), strict=True):
        parts[owner].append(found)
    return [_together(found) for found in parts]


def _masked(model: LanguageModel, tokens: list[int], first: int) -> dict[str, Any] | None:
    """A text with every eighth token masked from `first` on; None where there is none to mask."""
    before, after = _edges(model)
    content = tokens[: model.window - len(before) - len(after)]
    hidden = range(first, len(content), PASSES)
    if not hidden:
        return None
    labels = [_IGNORED] * len(content)
    for place in hidden:
        labels[place], content[place] = content[place], model.processor.mask_token_id
    pad = ([_IGNORED] * len(before), [_IGNORED] * len(after))
    return {"input_ids": [*before, *content, *after], "labels": [*pad[0], *labels, *pad[1]]}


def _edges(model: LanguageModel) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts before a text and behind it."""
    marker = int(model.processor.mask_token_id)
    whole = [int(token) for token in model.processor(model.processor.mask_token)["input_ids"]]
    place = whole.index(marker)
    return whole[:place], whole[place + 1 :]


def _run(model: LanguageModel, features: Features, batch_size: int) -> list[dict[str, np.ndarray]]:
    if not features:
        return []
    pad = model.processor.pad_token_id or 0

    def collate(batch: Features) -> dict[str, Any]:
        import torch

        width = max(len(feature["input_ids"]) for feature in batch)
        return {
            name: torch.tensor([[*_row(feature, name), *[filler] * (width - len(feature["input_ids"]))]
                                for feature in batch])
            for name, filler in (("input_ids", pad), ("attention_mask", 0), ("labels", _IGNORED))
        }  # fmt: skip

    return forward_in_batches(features, model.model, collate, batch_size, keep=_statistics).outputs


def _row(feature: dict[str, Any], name: str) -> list[int]:
    return [1] * len(feature["input_ids"]) if name == "attention_mask" else feature[name]


def _statistics(outputs: Any, labels: Any) -> dict[str, Any]:
    """For each place of each text: ln p of the token there, its mean and its spread; NaN where none is asked for."""
    import torch

    logits = outputs["logits"]
    result = torch.full((3, *labels.shape), torch.nan, dtype=torch.float32, device=logits.device)
    for row, wanted in enumerate(labels):  # one text at a time: a vocabulary's worth of numbers for every token
        places = (wanted != _IGNORED).nonzero()[:, 0]
        values = torch.log_softmax(logits[row, places].float(), dim=-1)
        shares = values.exp()
        mean = (shares * values).nan_to_num().sum(-1)
        square = (shares * values.square()).nan_to_num().sum(-1)
        result[0, row, places] = values.gather(1, wanted[places, None])[:, 0]
        result[1, row, places] = mean
        result[2, row, places] = (square - mean.square()).clamp(min=0).sqrt()
    return {"log_probs": result[0], "expected": result[1], "spread": result[2]}


def _together(parts: Sequence[dict[str, np.ndarray]]) -> TokenScores:
    """The places that were asked for, in all readings of a text."""
    values = {}
    for name in ("log_probs", "expected", "spread"):
        joined = np.concatenate([part[name] for part in parts]) if parts else np.empty(0)
        values[name] = joined[~np.isnan(joined)].astype(np.float64)
    return TokenScores(**values)
