"""Whether a causal language model knows the order of the rows, which only the published file has.

Oren et al. (2024), "Proving Test Set Contamination in Black Box Language Models": if the order of the rows is
arbitrary, a model that never read the file finds the published order no likelier than any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from finetune.evaluation.contamination.language_models import LanguageModel
from finetune.evaluation.contamination.token_scores import score_tokens, token_ids
from finetune.evaluation.contamination.verdicts import NOT_MEASURED

SHARD = 10
"""Rows that are read at once, where so many fit into the model's window."""
SHUFFLES = 20
"""Other orders that each shard is read in."""
DRAWS = 9999
"""Combinations of those behind the p-value, whose smallest value is 1 / (draws + 1)."""
MIN_SHARDS = 4
"""Fewer shards are not tested: neither would they show anything."""
_LEVEL = 0.05
Alike = Callable[[Any, Any], float]
_FREE_SHUFFLES = 200  # of words alone, which cost nothing


def examine_order(
    model: LanguageModel, texts: Sequence[str], *, shuffles: int = SHUFFLES, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any]:
    """Test whether the order of the rows is likelier to the model than other orders.

    The rows are cut into shards of neighbours that fit into the model's window. Each is read in its own order and in
    `shuffles` random ones; the statistic is the sum over shards of ln p of the own order. Where rows can be exchanged,
    each shard's own order is one of its `shuffles` + 1 at random, so that drawing one for each shard gives the exact
    distribution of the statistic: p = (1 + #{drawn ≥ own}) / (1 + draws). The paper's sharded test compares the shards'
    means with a t-test instead, which is exact only for many shards.

    Args:
        model: A causal one.
        texts: The rows in the order of the published file.
        shuffles: Other orders of each shard.
        draws: Combinations behind the p-value.
        seed: Of the shuffles and the draws.

    Returns:
        `p_value`, `advantage` (mean nats by which a shard's own order is likelier), `shards`, `rows`, `cut_rows` (of
        which only the beginning fits), `ordered` (what speaks against rows that can be exchanged; empty where nothing
        does); `verdict` `not measured` with `because` where it cannot be tested.
    """
    if model.kind != "causal":
        return _untested("a masked language model reads a text all at once, so that order costs it nothing")
    ids, cut = _fitting(model, texts)
    shards = _shards(ids, model.window - len(model.start), len(_separator(model)))
    if len(shards) < MIN_SHARDS:
        return _untested(f"{len(texts)} rows make {len(shards)} parts to shuffle; {MIN_SHARDS} are needed")
    generator = np.random.default_rng(seed)
    orders = [_orders(len(shard), shuffles, generator) for shard in shards]
    values = _likelihoods(model, [[ids[i] for i in shard] for shard in shards], orders)
    p_value = _p_value(values, draws, generator)
    return {
        "p_value": p_value, "advantage": float((values[:, 0] - values[:, 1:].mean(axis=1)).mean()),
        "shards": len(shards), "rows": sum(map(len, shards)), "shuffles": shuffles, "draws": draws, "cut_rows": cut,
        "ordered": _signs_of_order([[texts[i] for i in shard] for shard in shards], draws, generator),
    }  # fmt: skip


def _untested(reason: str) -> dict[str, Any]:
    return {"verdict": NOT_MEASURED, "because": reason}


def _separator(model: LanguageModel) -> list[int]:
    return token_ids(model, ["\n"])[0]


def _fitting(model: LanguageModel, texts: Sequence[str]) -> tuple[list[list[int]], int]:
    """The tokens of each row, at most so many that two rows fit into a window, and how many rows had more."""
    room = (model.window - len(model.start) - len(_separator(model))) // 2
    ids = token_ids(model, texts)
    return [tokens[:room] for tokens in ids], sum(len(tokens) > room for tokens in ids)


def _shards(ids: Sequence[Sequence[int]], window: int, gap: int) -> list[list[int]]:
    """Neighbouring rows, as many as fit, at most `SHARD`; a row alone cannot be shuffled and is left out."""
    shards: list[list[int]] = [[]]
    used = 0
    for row, tokens in enumerate(ids):
        needed = len(tokens) + gap
        if len(shards[-1]) == SHARD or used + needed > window + gap:
            shards.append([])
            used = 0
        shards[-1].append(row)
        used += needed
    return [shard for shard in shards if len(shard) > 1]


def _orders(size: int, shuffles: int, generator: np.random.Generator) -> list[np.ndarray]:
    """The own order first. A shuffle may give it again: only uniform ones make the test exact."""
    return [np.arange(size), *(generator.permutation(size) for _ in range(shuffles))]


def _likelihoods(
    model: LanguageModel, shards: Sequence[Sequence[Sequence[int]]], orders: Sequence[Sequence[np.ndarray]]
) -> np.ndarray:
    """(shards, orders) float64: ln p of each shard in each order. Rows keep their tokens in every order."""
    gap = _separator(model)
    sequences = []
    for shard, own in zip(shards, orders, strict=True):
        for order in own:
            joined = [token for i in order for token in (*gap, *shard[i])]
            sequences.append(joined[len(gap) :])
    totals = [found.total for found in score_tokens(model, sequences)]
    return np.array(totals).reshape(len(shards), -1)


def _p_value(values: np.ndarray, draws: int, generator: np.random.Generator) -> float:
    """How often a random choice of an order for each shard, (shards, orders), does as well as the first ones."""
    centred = values - values.mean(axis=1, keepdims=True)
    picked = generator.integers(0, values.shape[1], size=(draws, len(values)))
    sums = centred[np.arange(len(values)), picked].sum(axis=1)
    own = centred[:, 0].sum()
    tolerance = 1e-9 * max(1.0, float(np.abs(centred).max()))  # equal orders may differ in the last bit
    return float((1 + (sums >= own - tolerance).sum()) / (1 + draws))


def _signs_of_order(shards: Sequence[Sequence[str]], draws: int, generator: np.random.Generator) -> list[str]:
    """What tells the order of the rows from a random one without any model: then the test's assumption fails."""
    words = [[frozenset(text.lower().split()) for text in shard] for shard in shards]
    lengths = [[float(np.log1p(len(text))) for text in shard] for shard in shards]
    found = []
    looks: tuple[tuple[str, Sequence[Sequence[Any]], Alike], ...] = (
        ("words", words, _jaccard), ("length", lengths, _closeness)
    )  # fmt: skip
    for name, parts, alike in looks:
        tables = [np.array([[alike(a, b) for b in part] for a in part]) for part in parts]
        orders = [_orders(len(part), _FREE_SHUFFLES, generator) for part in parts]
        values = np.array([[table[o[:-1], o[1:]].sum() for o in own]
                           for table, own in zip(tables, orders, strict=True)])  # fmt: skip
        if _p_value(values, draws, generator) < _LEVEL:
            found.append(name)
    return found


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(1, len(a | b))


def _closeness(a: float, b: float) -> float:
    return -abs(a - b)
