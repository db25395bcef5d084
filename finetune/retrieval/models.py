"""sentence-transformers' models: loading them around a pretrained checkpoint, and saving what an adapter leaves out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import SourceError, UsageError
from finetune.models import core, dropout_settings, load_pretrained, loading, longest_input, replace_core

if TYPE_CHECKING:
    from finetune.sources import ModelSource

log = logging.getLogger(__name__)


def load_embedder(
    source: ModelSource, pooling: str | None = None, prompts: Mapping[str, str] | None = None, dimensions: int = 0
) -> tuple[Any, Any]:
    """A `SentenceTransformer` and its tokenizer; a plain encoder gets a pooling layer on top.

    Args:
        source: Where the model is.
        pooling: `mean`, `cls`, `lasttoken` …; None for what the checkpoint says, `mean` where it says nothing.
        prompts: What is put before texts, by the library's names `query` and `document`; saved with the model.
        dimensions: How many its embeddings need to have.

    Raises:
        SourceError: It cannot be loaded.
        UsageError: It has no pooling layer that `pooling` could change, leaves prompts out of the embedding, or has
            fewer dimensions.
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
    size = model.get_embedding_dimension()
    if size is not None and dimensions > size:
        raise UsageError(
            f"options.matryoshka_dims has {dimensions}; the embeddings of {source.name} have {size} dimensions.",
            f"Give numbers from 1 to {size}.",
        )
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
