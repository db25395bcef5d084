"""sentence-transformers' models: loading them around a pretrained checkpoint, training them with a bounded memory, and
saving what an adapter leaves out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune import processes
from finetune.errors import SourceError, UsageError
from finetune.models import core, dropout_settings, load_pretrained, loading, longest_input, replace_core

if TYPE_CHECKING:
    from finetune.sources import ModelSource

log = logging.getLogger(__name__)


def load_embedder(
    source: ModelSource, pooling: str | None = None, prompts: Mapping[str, str] | None = None
) -> tuple[Any, Any]:
    """A `SentenceTransformer` and its tokenizer; a plain encoder gets a pooling layer on top.

    Args:
        source: Where the model is.
        pooling: `mean`, `cls`, `lasttoken` …; None for what the checkpoint says, `mean` where it says nothing.
        prompts: What is put before texts, by the library's names `query` and `document`; saved with the model.

    Raises:
        SourceError: It cannot be loaded.
        UsageError: It has no pooling layer that `pooling` could change, or leaves prompts out of the embedding.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.model_card import SentenceTransformerModelCardData

    with loading(source):
        # Without the card's data the library looks up the name on the Hub, also a folder's.
        card = SentenceTransformerModelCardData(local_files_only=True)
        model = SentenceTransformer(source.path, model_card_data=card, **_settings(source))
    _check_core(model, source)
    _set_pooling(model, source, pooling, prompts or {})
    _set_prompts(model, source, prompts or {})
    return _finished(model, source)


def load_cross_encoder(source: ModelSource) -> tuple[Any, Any]:
    """A `CrossEncoder` with one output, and its tokenizer.

    Raises:
        SourceError: It cannot be loaded.
    """
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder.model_card import CrossEncoderModelCardData

    settings = _settings(source)
    settings["model_kwargs"]["ignore_mismatched_sizes"] = True  # a head for other labels is replaced
    with loading(source):
        card = CrossEncoderModelCardData(local_files_only=True)
        model = CrossEncoder(source.path, num_labels=1, model_card_data=card, **settings)
    # Loaded once more by our own rules, which say what the checkpoint lacks and has to be trained and saved whole.
    inner, _ = load_pretrained("AutoModelForSequenceClassification", source, {"num_labels": 1}, replace_head=True)
    return _finished(replace_core(model, inner), source)


def save_modules(model: Any, folder: Path) -> None:
    """Write what surrounds the core of a sentence-transformers model (`modules.json`, pooling, prompts), not its
    weights: with an adapter beside them the folder loads as `SentenceTransformer(folder)`."""
    adapted = core(model)
    # The library saves the core along with the rest, and peft's saving then asks the Hub about the base model.
    adapted.save_pretrained = lambda *args, **kwargs: None
    try:
        model.save_pretrained(str(folder), create_model_card=False)
    finally:
        del adapted.save_pretrained


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


def _settings(source: ModelSource) -> dict[str, Any]:
    return {
        "revision": source.revision,
        "trust_remote_code": source.trust_remote_code,
        "device": "cpu",  # the Trainer moves it
        "model_kwargs": {"dtype": source.dtype, "use_safetensors": True},
        "config_kwargs": dropout_settings(source),
    }


def _check_core(model: Any, source: ModelSource) -> None:
    """Refuse a checkpoint that lacks weights of the encoder, and take away what no embedding needs.

    Raises:
        SourceError: Weights are missing; the library would draw them at random without a word.
    """
    from sentence_transformers.util import load_file_path

    inner = core(model)
    if inner is model or load_file_path(source.path, "config.json", revision=source.revision) is None:
        return  # word vectors, or an encoder that lies in a folder of its own
    settings = _settings(source)["model_kwargs"] | {"trust_remote_code": source.trust_remote_code}
    with loading(source):
        _, report = type(inner).from_pretrained(
            source.path, config=inner.config, revision=source.revision, output_loading_info=True, **settings
        )
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key.split("."))
    if missing:
        raise SourceError(
            f"The checkpoint {source.name} lacks weights of the encoder ({len(missing)}, such as {missing[0]}).",
            f"It was saved from another architecture than {type(inner).__name__}; choose a matching checkpoint.",
        )
    if getattr(inner, "pooler", None) is not None:
        # Embeddings are made of the token vectors: weights that get no gradient would stop a run of several processes.
        inner.pooler = None
    for parameter in inner.parameters():
        # They are views of the file, not aligned as those that are computed are: sums would differ in the last bit.
        parameter.data = parameter.data.clone()


def _set_pooling(model: Any, source: ModelSource, pooling: str | None, prompts: Mapping[str, str]) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    place = next((i for i, module in enumerate(model) if isinstance(module, Pooling)), None)
    if place is None:
        if pooling:
            raise UsageError(f"{source.name} has no pooling layer to change.", "Drop options.pooling.")
        return
    if pooling:
        model[place] = Pooling(model[place].embedding_dimension, pooling_mode=pooling)
    elif not model[place].include_prompt and any(prompts.values()):
        raise UsageError(
            f"{source.name} leaves prompts out of the embedding, which training here does not.",
            "Set options.pooling (mean, for instance) to embed them too, or leave the prompts away.",
        )


def _set_prompts(model: Any, source: ModelSource, prompts: Mapping[str, str]) -> None:
    """What is put before texts here is what the saved model puts there."""
    unused = {name: text for name, text in model.prompts.items() if text and text not in prompts.values()}
    if unused:
        log.warning("%s comes with prompts that are not used: %s; see options.query_prompt.", source.name, unused)
    model.prompts = {"query": "", "document": "", **prompts}
    model.default_prompt_name = None


def _finished(model: Any, source: ModelSource) -> tuple[Any, Any]:
    first, processor = model[0], model.tokenizer
    if "message" in getattr(first, "modality_config", {}):  # texts are read as they are, in no chat's form
        del first.modality_config["message"]
        first.input_formatter.supported_modalities = list(first.modality_config)
    # The checkpoint's own limit is often below what its positions allow, and sometimes above.
    limit = source.max_length or longest_input(model, processor)
    if limit:
        model.max_seq_length = limit
    return model, processor
