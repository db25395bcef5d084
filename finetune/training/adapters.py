"""What is trained: LoRA updates of chosen modules and the whole head, or every weight."""

from __future__ import annotations

import re
from typing import Any

from finetune.errors import RecipeError, did_you_mean
from finetune.models import new_modules
from finetune.recipe import AdapterSection

_LAYER = re.compile(r"\.(\d+)\.")
_PEFT_TYPES = {
    "AutoModelForSequenceClassification": "SEQ_CLS",
    "AutoModelForTokenClassification": "TOKEN_CLS",
    "AutoModelForQuestionAnswering": "QUESTION_ANS",
    "AutoModelForCausalLM": "CAUSAL_LM",
    "AutoModelForSeq2SeqLM": "SEQ_2_SEQ_LM",
}


def attach(model: Any, adapter: AdapterSection, auto_class: str, *, with_head: bool = True) -> Any:
    """Wrap the model so that only the adapter and the head are trained; with `method: none`, return it as it is.

    The head's modules (and a pooler that the checkpoint lacks) are trained whole and saved with the adapter: without
    them a reloaded model answers at random. A head that comes pretrained (`with_head=False`) stays as it is.

    Raises:
        RecipeError: No module of the model fits `target_modules` and `layers`.
    """
    if adapter.method == "none":
        return model
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=adapter.r, lora_alpha=adapter.lora_alpha, lora_dropout=adapter.lora_dropout, use_rslora=adapter.use_rslora,
        use_dora=adapter.use_dora, target_modules=choose_modules(model, adapter),
        modules_to_save=(with_head and new_modules(model)) or None, task_type=_PEFT_TYPES.get(auto_class),
    )  # fmt: skip
    return get_peft_model(model, config)


def choose_modules(model: Any, adapter: AdapterSection) -> list[str]:
    """Full names of the modules that get an adapter.

    Raises:
        RecipeError: None fits.
    """
    heads = tuple(f"{name}." for name in new_modules(model))
    linear = [
        name for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D") and not f"{name}.".startswith(heads)
    ]  # fmt: skip
    wanted = adapter.target_modules
    if wanted == "all-linear":
        chosen = linear
    elif isinstance(wanted, str):
        chosen = [name for name in linear if re.fullmatch(wanted, name)]
    else:
        chosen = [name for name in linear if any(name == w or name.endswith(f".{w}") for w in wanted)]
    if adapter.layers is not None:
        chosen = _in_layers(chosen, linear, adapter.layers)
    if not chosen:
        ends = sorted({name.rsplit(".", 1)[-1] for name in linear})
        first = wanted if isinstance(wanted, str) else wanted[0]
        raise RecipeError(
            f"adapter.target_modules {wanted!r} (layers {adapter.layers or 'all'}) fits no linear module of the model.",
            did_you_mean(first, ends),
        )
    return chosen


def _in_layers(chosen: list[str], linear: list[str], layers: tuple[int, ...]) -> list[str]:
    numbers = [int(match[1]) for name in linear if (match := _LAYER.search(name))]
    total = max(numbers, default=-1) + 1
    outside = [layer for layer in layers if not -total <= layer < total]
    if outside:
        raise RecipeError(
            f"adapter.layers names {outside[0]}; the model has {total} layers.", f"Use {-total}..{total - 1}."
        )
    kept = {layer % total for layer in layers}
    return [name for name in chosen if (match := _LAYER.search(name)) and int(match[1]) in kept]


def count_parameters(model: Any) -> dict[str, int]:
    """Trainable and total parameters."""
    return {
        "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "total": sum(p.numel() for p in model.parameters()),
    }
