"""Losses that compare the rows of a batch: those of sentence-transformers by name, with a bounded memory, over several
processes, and of rows that are only looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from finetune import processes
from finetune.models import Collator, model_inputs

if TYPE_CHECKING:
    import torch


def embedding_loss(
    name: str,
    model: Any,
    *,
    scale: float = 20.0,
    dimensions: Sequence[int] = (),
    rows_at_once: int | None = None,
    everywhere: bool = False,
) -> Any:
    """A loss of a `SentenceTransformer`: from features of texts side by side, and scores where it learns from them.

    Args:
        name: `multiple-negatives` (texts that belong together), `cosent` or `cosine` (scored pairs).
        model: What it trains.
        scale: What cosines are multiplied by; `cosine` has none.
        dimensions: The loss is also that of the first so many dimensions alone (Matryoshka, Kusupati et al. 2022).
        rows_at_once: The most rows whose activations are held at a time; None for all.
        everywhere: Whether rows are compared with those of the other processes too.
    """  # fmt: skip
    from sentence_transformers.sentence_transformer import losses

    cached = name == "multiple-negatives" and rows_at_once is not None
    if cached:
        loss: Any = losses.CachedMultipleNegativesRankingLoss(
            model, scale=scale, mini_batch_size=rows_at_once or 1, gather_across_devices=everywhere
        )
    elif name == "multiple-negatives":
        loss = losses.MultipleNegativesRankingLoss(model, scale=scale, gather_across_devices=everywhere)
    elif name == "cosine":
        loss = losses.CosineSimilarityLoss(model)
    else:
        loss = losses.CoSENTLoss(model, scale=scale)
        loss = of_all_processes(loss) if everywhere else loss
    if dimensions:
        # The whole embedding among them: dimensions behind the last would get no gradient.
        loss = losses.MatryoshkaLoss(model, loss, sorted({*dimensions, model.get_embedding_dimension()}, reverse=True))
    if rows_at_once is None or cached:
        return loss
    return in_parts(loss, model, "sentence_embedding", lambda inputs: rows_at_once)


def list_loss(name: str, model: Any, *, rows_at_once: int | None = None, everywhere: bool = False) -> Any:
    """A loss of a `CrossEncoder` on lists: from queries and their documents, and grades of the documents.

    Args:
        name: `lambda`, `list-net`, `rank-net`, or `binary-cross-entropy` (a grade above 0 is right).
        model: What it trains.
        rows_at_once: The most lists whose activations are held at a time; None for all.
        everywhere: Whether the mean is that over the lists of all processes.
    """
    from sentence_transformers.cross_encoder import losses

    if name == "binary-cross-entropy":
        loss = _of_pairs(losses.BinaryCrossEntropyLoss(model))
    else:
        kinds = {"lambda": losses.LambdaLoss, "list-net": losses.ListNetLoss, "rank-net": losses.RankNetLoss}
        loss = kinds[name](model, mini_batch_size=-1)  # all pairs of a batch in one pass
    if everywhere:
        loss = by_items(loss, lambda grades: _items(name, grades))
    if rows_at_once is None:
        return loss
    return in_parts(loss, model, "scores", lambda inputs: rows_at_once * max(map(len, inputs[1])))


def validation_loss(
    features: Sequence[dict[str, Any]],
    collate: Collator,
    model: Any,
    batches: Iterable[Sequence[int]],
    loss: Callable[[dict[str, Any]], torch.Tensor],
) -> float:
    """The loss of rows that are only looked at, summed: each batch's mean by its number of rows.

    Args:
        features: One per row.
        collate: What makes a batch of some.
        model: It answers without dropout, and is left as it was.
        batches: Places of the features that are compared with each other.
        loss: From a batch, on the model's device, to its mean loss.
    """  # fmt: skip
    import torch

    total, was_training = 0.0, model.training
    model.eval()
    with torch.no_grad():
        for chosen in batches:
            batch = collate(model_inputs(features, chosen))
            batch = {key: value.to(model.device) if hasattr(value, "to") else value for key, value in batch.items()}
            total += float(loss(batch)) * len(chosen)
    model.train(was_training)
    return total


def batches_of(rows: int, size: int, apart: Sequence[frozenset[str]] | None = None) -> list[list[int]]:
    """Places of rows in their order, at most `size` together, and never two that share a key."""
    rounds: dict[int, list[int]] = {}
    next_round: dict[str, int] = {}
    for place, keys in enumerate(apart or [frozenset[str]()] * rows):
        free = max((next_round.get(key, 0) for key in keys), default=0)
        next_round |= dict.fromkeys(keys, free + 1)
        rounds.setdefault(free, []).append(place)
    return [some[start : start + size] for _, some in sorted(rounds.items()) for start in range(0, len(some), size)]


def in_parts(loss: Any, model: Any, output: str, rows: Callable[[Any], int]) -> Any:
    """The same loss with the memory of a part of its batch: the model takes some rows at a time, and computes them
    again in the backward pass instead of keeping what lies between (Chen et al. 2016, "Training deep nets with
    sublinear memory cost").

    For losses that have no such way of their own; value and gradients are the same but for rounding and dropout.

    Args:
        loss: One of sentence-transformers' losses; it is changed in place.
        model: What it trains.
        output: What the loss reads of the model's output: `sentence_embedding` or `scores`.
        rows: From the loss's inputs to the number of rows that the model may take at a time.
    """
    whole = loss.forward

    def forward(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = list(inputs)
        with _recomputed(model, output, rows(inputs)):
            return whole(inputs, *args, **kwargs)

    loss.forward = forward
    return loss


def of_all_processes(loss: Any) -> Any:
    """The same loss over the rows of all processes instead of each one's own, for those that compare embeddings.

    Every process then has the loss of the whole batch; the mean of their gradients is its gradient, because gathering
    hands each process the sum of what all of them want changed in its rows.
    """
    own = loss.compute_loss_from_embeddings

    def forward(embeddings: Sequence[Any], labels: Any) -> Any:
        from sentence_transformers.util.distributed import all_gather, all_gather_with_grad

        return own([all_gather_with_grad(some) for some in embeddings], all_gather(labels))

    loss.compute_loss_from_embeddings = forward
    return loss


def by_items(loss: Any, items: Callable[[Any], int]) -> Any:
    """A mean over items, of which each process has another number, as the mean over those of all.

    The Trainer takes the mean of the processes' losses: each is weighed by its share of the items.

    Args:
        loss: One of sentence-transformers' losses; it is changed in place.
        items: From the labels to the number of items that the loss is the mean of.
    """
    own = loss.forward

    def forward(inputs: Any, labels: Any, **kwargs: Any) -> Any:
        import torch
        from sentence_transformers.util.distributed import all_gather

        counts = all_gather(torch.tensor([float(items(labels))], device=labels[0].device))
        return own(inputs, labels, **kwargs) * counts[processes.rank()] / counts.mean().clamp(min=1e-12)

    loss.forward = forward
    return loss


@contextmanager
def _recomputed(model: Any, output: str, rows: int) -> Iterator[None]:
    import torch
    from torch.utils.checkpoint import checkpoint

    whole = model.forward

    def forward(features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        def compute(part: dict[str, Any]) -> Any:
            return whole(dict(part), **kwargs)[output]

        parts = [_some(features, slice(start, start + rows)) for start in range(0, len(features["input_ids"]), rows)]
        if "cu_seq_lens_q" in features:  # flash attention: all sequences laid end to end, which have no rows
            parts = [features]
        return {output: torch.cat([checkpoint(compute, part, use_reentrant=False) for part in parts])}

    model.forward = forward  # also what a wrapper for several processes calls
    try:
        yield
    finally:
        model.forward = whole


def _some(features: Mapping[str, Any], rows: slice) -> dict[str, Any]:
    """Some rows of a batch; what is no tensor belongs to all of them."""
    return {key: value[rows] if hasattr(value, "shape") else value for key, value in features.items()}


def _of_pairs(loss: Any) -> Any:
    """A loss of pairs for lists: every document of a list is a pair, right where its grade is above 0."""
    whole = loss.forward

    def forward(inputs: Any, labels: Any, **kwargs: Any) -> Any:
        import torch

        queries, documents = inputs
        flat = [[query for query, texts in zip(queries, documents, strict=True) for _ in texts],
                [text for texts in documents for text in texts]]  # fmt: skip
        return whole(flat, (torch.cat(list(labels)) > 0).float(), **kwargs)

    loss.forward = forward
    return loss


def _items(name: str, grades: Sequence[torch.Tensor]) -> int:
    """What the loss of some lists is the mean of: lists, documents, or pairs of a better and a worse document."""
    if name == "list-net":
        return len(grades)
    if name == "binary-cross-entropy":
        return sum(len(some) for some in grades)
    return sum(int((some[:, None] > some[None, :]).sum()) for some in grades)
