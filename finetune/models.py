"""Pretrained models: loading one with the right head, running one over many rows, and making a tiny one for tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune import processes
from finetune.errors import LabelError, NotFoundError, SourceError
from finetune.sources import hub_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finetune.sources import ModelSource

_DROPOUTS = re.compile(r"(^|_)(dropout|dropout_prob|dropout_rate|pdrop)$|_dropout_|^dropout|layerdrop")
Features = list[dict[str, Any]]
Collator = Callable[[Features], dict[str, Any]]
Keep = Callable[[Any, Any], dict[str, Any]]
Loss = Callable[[Any, Any], tuple[Any, Any]]


def load_pretrained(
    auto_class: str, source: ModelSource, settings: dict[str, Any], *, replace_head: bool = False
) -> tuple[Any, Any]:
    """Load a pretrained model with a task head, and its processor.

    Weights come from safetensors only. Where the checkpoint has no head, a new one is drawn (its modules are listed in
    `model.new_modules`); where its head has another shape, that is refused unless `replace_head`.

    Args:
        auto_class: Name of the transformers Auto class.
        source: Where the model is.
        settings: Changes to the model's configuration, such as `num_labels`.
        replace_head: Draw a new head where the checkpoint's does not fit.

    Raises:
        SourceError: It cannot be loaded: no safetensors, unknown architecture, weights of the body missing.
        LabelError: The head was trained for other labels.
    """
    import transformers

    where = {"revision": source.revision, "trust_remote_code": source.trust_remote_code}
    with loading(source):
        config = transformers.AutoConfig.from_pretrained(source.path, **where)
        had_labels = _label_names(source)
        config.update(settings)
        if source.dropout is not None:
            _set_dropout(config, source.dropout)
        model, report = getattr(transformers, auto_class).from_pretrained(
            source.path, config=config, dtype=source.dtype, use_safetensors=True, ignore_mismatched_sizes=True,
            output_loading_info=True, **where,
        )  # fmt: skip
        processor = load_processor(source)
    for parameter in model.parameters():
        # They are views of the file, not aligned as those that are computed are: sums would differ in the last bit.
        parameter.data = parameter.data.clone()
    model.new_modules = _check_weights(model, report, source, had_labels, replace_head)
    if getattr(processor, "pad_token", "") is None:
        processor.pad_token = processor.eos_token
    if config.pad_token_id is None and getattr(processor, "pad_token_id", None) is not None:
        model.config.pad_token_id = processor.pad_token_id
    return model, processor


def load_processor(source: ModelSource) -> Any:
    """The tokenizer that belongs to a model."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(
        source.path, revision=source.revision, trust_remote_code=source.trust_remote_code
    )


def core(model: Any) -> Any:
    """The transformers (or peft) model that is adapted: the model itself, or the one that a sentence-transformers
    model is built around."""
    inner = getattr(model, "transformers_model", None)
    return model if inner is None else inner


def replace_core(model: Any, new: Any) -> Any:
    """The model with another core; a sentence-transformers model is changed in place."""
    old = core(model)
    if old is model:
        return new
    # Not the outermost one: a cross-encoder names its core, too, and would take another for a layer of its own.
    holders = (module for module in model.modules() if module is not model)
    next(module for module in holders if getattr(module, "model", None) is old).model = new
    return model


def head_modules(model: Any) -> list[str]:
    """Names of the top-level modules outside the pretrained body: what has to be trained whole and saved with it."""
    body = model.base_model_prefix
    if not hasattr(model, body):  # a body alone, as embeddings are made with
        return []
    return [name for name, module in model.named_children() if name != body and any(True for _ in module.parameters())]


def new_modules(model: Any) -> list[str]:
    """Modules that have to be trained whole: the head, and what else the checkpoint had no weights for.

    Masked language models come without a pooler, which their classifiers have: drawn at random and not saved, it would
    be another one at every load.
    """
    heads = head_modules(model)
    return [*heads, *(name for name in getattr(model, "new_modules", ()) if name not in heads)]


def longest_input(model: Any, processor: Any) -> int | None:
    """The most tokens that the model takes; None where it names no limit."""
    positions = getattr(model.config, "max_position_embeddings", None)
    if isinstance(positions, int) and getattr(model.config, "model_type", "") in _OFFSET_POSITIONS:
        positions -= 2  # these count positions from behind the padding index
    limits = (getattr(processor, "model_max_length", None), positions)
    # Tokenizers without a limit say 1e30.
    return min((int(limit) for limit in limits if isinstance(limit, int) and 0 < limit < 10**9), default=None)


_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "longformer", "mpnet", "ibert", "data2vec-text")


@dataclass(frozen=True)
class Outputs:
    """What a model said of some features.

    Attributes:
        outputs: One dictionary per feature: name -> float32 array (padding of its batch included).
        loss: Sum of the item losses of the features with labels.
        items: How many items that is.
    """

    outputs: list[dict[str, np.ndarray]]
    loss: float = 0.0
    items: int = 0


def forward_in_batches(
    features: Features, model: Any, collate: Collator, batch_size: int, *, keep: Keep, loss: Loss | None = None
) -> Outputs:
    """The model's outputs for all features, in their order; no gradients, dropout off.

    Features are sorted by size first, so that a batch holds little padding.

    Args:
        features: What the task made of rows.
        model: A transformers model, or a peft model around one.
        collate: Pads features to a batch.
        batch_size: Features at a time.
        keep: From a batch's outputs and its labels to what is kept of it: name -> (features of the batch, …).
        loss: From outputs and labels to the sum of the item losses and the number of items.
    """
    import torch
    from tqdm.auto import tqdm

    order = sorted(range(len(features)), key=lambda i: feature_size(features[i]), reverse=True)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    kept: dict[int, dict[str, np.ndarray]] = {}
    total, items = 0.0, 0
    # A bar where somebody waits: on a terminal, for more than a moment's work. `None` asks tqdm to look for itself.
    quiet = None if len(order) > 20 * batch_size and processes.is_main() else True
    with (
        torch.inference_mode(),
        tqdm(total=len(order), desc="Predicting", unit="row", leave=False, disable=quiet) as bar,
    ):
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = {key: value.to(device) for key, value in collate(model_inputs(features, chosen)).items()}
            labels = batch.pop("labels", None)
            outputs = model(**batch)
            if loss is not None and labels is not None:
                batch_loss, batch_items = loss(outputs, labels)
                total, items = total + float(batch_loss), items + int(batch_items)
            found = {name: value.float().cpu().numpy() for name, value in keep(outputs, labels).items()}
            kept.update({i: {name: found[name][place] for name in found} for place, i in enumerate(chosen)})
            bar.update(len(chosen))
    model.train(was_training)
    return Outputs([kept[i] for i in range(len(features))], total, items)


_FOR_THE_PIPELINE = frozenset({"length", "truncated", "about"})
"""Entries of a feature that no collator and no model takes."""


def model_inputs(features: Sequence[dict[str, Any]], chosen: Iterable[int] | None = None) -> Features:
    """Some features (all by default) without what only the pipeline reads."""
    picked = features if chosen is None else [features[i] for i in chosen]
    return [{key: value for key, value in f.items() if key not in _FOR_THE_PIPELINE} for f in picked]


def feature_size(feature: dict[str, Any]) -> int:
    """Tokens of a feature, of the longest part where it has several; what batches are sorted by."""
    ids = feature.get("input_ids")
    if ids is None:
        return int(feature["length"])
    return max((len(part) for part in ids), default=0) if ids and isinstance(ids[0], list) else len(ids)


def tiny_text_encoder(folder: str, texts: Sequence[str], seed: int = 0) -> None:
    """Write a tiny random BERT (2 layers of width 32) and a word-level tokenizer over `texts` into a folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = sorted({word for text in texts for word in text.lower().split()})
    vocabulary = {word: i for i, word in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a token of a vocabulary
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    torch.manual_seed(seed)
    BertModel(
        BertConfig(
            vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=64,
        )
    ).save_pretrained(folder)  # fmt: skip


def _label_names(source: ModelSource) -> list[str]:
    from transformers import PretrainedConfig

    values, _ = PretrainedConfig.get_config_dict(source.path, revision=source.revision)
    return [str(name) for name in (values.get("id2label") or {}).values()]


def dropout_settings(source: ModelSource) -> dict[str, Any]:
    """Fields of the model's configuration that `model.dropout` sets, with their new value."""
    if source.dropout is None:
        return {}
    from transformers import AutoConfig

    with loading(source):
        config = AutoConfig.from_pretrained(
            source.path, revision=source.revision, trust_remote_code=source.trust_remote_code
        )
    before = config.to_dict()
    _set_dropout(config, source.dropout)
    return {key: value for key, value in config.to_dict().items() if before.get(key) != value}


def _set_dropout(config: Any, probability: float) -> None:
    for key, value in config.to_dict().items():
        if _DROPOUTS.search(key) and isinstance(value, float | int) and not isinstance(value, bool):
            setattr(config, key, probability)
    if hasattr(config, "classifier_dropout"):
        config.classifier_dropout = probability


def _check_weights(
    model: Any, report: dict[str, Any], source: ModelSource, names: list[str], replace: bool
) -> list[str]:
    """Modules that were drawn anew; refuses when that is more than the head."""
    heads = head_modules(model)
    missing = set(report["missing_keys"])
    body = sorted(key for key in missing if key.split(".")[0] not in heads and ".pooler." not in f".{key}")
    if body:
        raise SourceError(
            f"The checkpoint {source.name} lacks weights of the model's body ({len(body)}, such as {body[0]}).",
            f"It was saved from another architecture than {type(model).__name__}; choose a matching checkpoint.",
        )
    mismatched = [key for key, _, _ in report["mismatched_keys"]]
    if mismatched and not replace:
        listed = f" ({', '.join(names[:6])}{', …' if len(names) > 6 else ''})" if names else ""
        outputs = next(shape[0] for _, shape, _ in report["mismatched_keys"])  # the names of two may be left unsaid
        raise LabelError(
            f"The head of {source.name} was trained for {outputs} labels{listed}, the data has "
            f"{model.config.num_labels}.",
            "Set options.new_head: true to replace the head, or map the labels with data.labels.",
        )
    return sorted({_module_of(key, heads) for key in (*missing, *mismatched)})


def _module_of(key: str, heads: list[str]) -> str:
    """The module that a weight makes new: its head, or the pooler inside of the body."""
    parts = key.split(".")
    return parts[0] if parts[0] in heads else ".".join(parts[: parts.index("pooler") + 1])


@contextmanager
def loading(source: ModelSource) -> Iterator[None]:
    """Turn what transformers raises while loading into our errors, and keep its expected notices quiet."""
    from safetensors import SafetensorError
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()  # "some weights were not initialized": `new_modules` says which
    try:
        with hub_errors("model", source.name, source.revision):
            yield
    except (OSError, ValueError, json.JSONDecodeError, SafetensorError) as error:
        raise _explain(error, source) from error
    finally:
        logging.set_verbosity(level)


def _explain(error: Exception, source: ModelSource) -> SourceError:
    text = str(error).split("\n")[0]
    if type(error).__name__ == "SafetensorError":
        return SourceError(f"The weights of {source.name} are damaged: {text}.", "Fetch the model again.")
    if "safetensors" in text:
        return NotFoundError(
            f"{source.name} has no weights in the safetensors format; other formats can run code when loaded.",
            "Choose a revision with safetensors, or convert the checkpoint with its own tools.",
        )
    if "trust_remote_code" in str(error):
        return SourceError(
            f"{source.name} brings its own Python code.", "Read it, then set model.trust_remote_code: true to run it."
        )
    folder = Path(source.path)
    files = f" It holds: {', '.join(sorted(p.name for p in folder.iterdir())[:12])}." if folder.is_dir() else ""
    return SourceError(
        f"{source.name} cannot be loaded: {text[:300]}.{files}", "Check that it is a transformers model."
    )
