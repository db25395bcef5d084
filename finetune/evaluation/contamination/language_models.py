"""The language model that is asked, as it was before any fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from finetune.models import load_pretrained, loading, longest_input
from finetune.sources import ModelSource

Kind = Literal["causal", "masked"]
_WINDOW = 1024
"""Tokens that are read at most, where a model names no limit of its own."""


@dataclass(frozen=True)
class LanguageModel:
    """A pretrained model that says how likely a text is.

    Attributes:
        model: The transformers model with its language-model head.
        processor: Its tokenizer.
        kind: `causal` (each token from those before it) or `masked` (from all others).
        name: What it is called.
        revision: Its commit on the Hub; None for a folder.
    """

    model: Any
    processor: Any
    kind: Kind
    name: str
    revision: str | None = None

    @property
    def window(self) -> int:
        """The most tokens that it reads at once, special ones included."""
        return min(longest_input(self.model, self.processor) or _WINDOW, _WINDOW)

    @property
    def start(self) -> list[int]:
        """What stands before a text, so that its first token has something to follow."""
        first = self.processor.bos_token_id
        return [] if first is None else [int(first)]


def load_language_model(source: ModelSource) -> LanguageModel | None:
    """A checkpoint with its language-model head; None where it has none.

    Weights come from safetensors only, as everywhere.

    Raises:
        SourceError: It cannot be loaded.
    """
    kind = language_model_kind(source)
    if kind is None:
        return None
    classes = {"causal": "AutoModelForCausalLM", "masked": "AutoModelForMaskedLM"}
    model, processor = load_pretrained(classes[kind], source, {})
    if model.new_modules or (kind == "masked" and processor.mask_token_id is None):
        return None  # a head drawn at random has read nothing
    return LanguageModel(model.eval(), processor, kind, source.name, source.revision)


def language_model_kind(source: ModelSource) -> Kind | None:
    """What kind of language model a checkpoint was saved as; None for an encoder without a head, a classifier …"""
    from transformers import AutoConfig
    from transformers.models.auto import modeling_auto

    with loading(source):
        config = AutoConfig.from_pretrained(
            source.path, revision=source.revision, trust_remote_code=source.trust_remote_code
        )
    saved = set(config.architectures or ())
    # Encoders have a causal class, too: what the checkpoint was saved as decides.
    if saved & _names(modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES):
        return "masked"
    causal = _names(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) | set(getattr(config, "auto_map", None) or {})
    return "causal" if saved & causal or "AutoModelForCausalLM" in causal else None


def _names(mapping: Any) -> set[str]:
    found: set[str] = set()
    for value in mapping.values():
        found.update([value] if isinstance(value, str) else value)
    return found
