"""sentence-transformers' models: loading them around a pretrained checkpoint, and saving what an adapter leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.models import core, dropout_settings, load_pretrained, loading, replace_core

if TYPE_CHECKING:
    from finetune.sources import ModelSource


def load_embedder(source: ModelSource, pooling: str | None = None) -> tuple[Any, Any]:
    """A `SentenceTransformer` and its tokenizer; a plain encoder gets a pooling layer on top.

    Args:
        source: Where the model is.
        pooling: `mean`, `cls`, `lasttoken` …; None for what the checkpoint says, `mean` where it says nothing.

    Raises:
        SourceError: It cannot be loaded.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    with loading(source):
        model = SentenceTransformer(source.path, **_settings(source))
    if pooling:
        place = next((i for i, module in enumerate(model) if isinstance(module, Pooling)), None)
        if place is not None:
            model[place] = Pooling(model[place].embedding_dimension, pooling_mode=pooling)
    return _finished(model, source)


def load_cross_encoder(source: ModelSource) -> tuple[Any, Any]:
    """A `CrossEncoder` with one output, and its tokenizer.

    Raises:
        SourceError: It cannot be loaded.
    """
    from sentence_transformers import CrossEncoder

    with loading(source):
        model = CrossEncoder(source.path, num_labels=1, **_settings(source))
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


def _settings(source: ModelSource) -> dict[str, Any]:
    return {
        "revision": source.revision,
        "trust_remote_code": source.trust_remote_code,
        "device": "cpu",  # the Trainer moves it
        "model_kwargs": {"dtype": source.dtype, "use_safetensors": True},
        "config_kwargs": dropout_settings(source),
    }


def _finished(model: Any, source: ModelSource) -> tuple[Any, Any]:
    if source.max_length:
        model.max_seq_length = source.max_length
    processor = model.tokenizer
    if model.max_seq_length:  # the checkpoint's own limit, which is often below what its positions allow
        processor.model_max_length = model.max_seq_length
    return model, processor
