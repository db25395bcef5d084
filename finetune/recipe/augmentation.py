"""Section on further training rows."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from finetune.recipe.section import Section

Method = Literal[
    "aeda", "eda", "synonyms", "random_insertion", "random_swap", "random_deletion", "keyboard", "ocr", "case",
    "punctuation", "contractions", "identity_swap", "back_translation", "masked_model", "entity_swap", "oversample",
]  # fmt: skip


class Transform(Section):
    """One way to make further rows out of the training rows. The labels of a row stay what they are."""

    method: Method
    """`aeda` inserts punctuation (Karimi et al. 2021); `eda` does one of `synonyms`, `random_insertion`, `random_swap`
    and `random_deletion` at a time (Wei and Zou 2019), negations excepted; `keyboard`, `ocr`, `case`, `punctuation` and
    `contractions` write as people and machines do; `identity_swap` exchanges words for groups of people;
    `back_translation` and `masked_model` let a model rewrite; `entity_swap` puts another entity of the same type (token
    classification); `oversample` repeats the rows of rare labels."""
    copies: int = Field(default=1, ge=1, le=100)
    """Further rows per chosen row; of `oversample` the most repeats of a row (100 where not stated)."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the training rows that get copies, chosen anew in each epoch."""
    strength: float = Field(default=0.1, gt=0, le=1)
    """Share of a text's words (or characters) that is changed. `aeda` inserts marks at up to a third of the words, as
    published; `identity_swap`, `back_translation` and `oversample` do not use it."""
    labels: tuple[str, ...] | None = None
    """Only rows with one of these labels. Default: all."""
    lexicon: str | None = None
    """Folder of WordNet's database files (`index.sense`, `data.*`) for synonyms. Default: where systems keep them, else
    a small list of our own; the log says which."""
    models: tuple[str, ...] = ()
    """Models that rewrite: one masked language model, or two that translate there and back; named as `model.name`."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"method": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _models_fit(self) -> Self:
        needed = {"back_translation": 2, "masked_model": 1}.get(self.method, 0)
        if self.lexicon is not None and self.method not in ("eda", "synonyms", "random_insertion"):
            raise ValueError(f"method {self.method} reads no lexicon")
        if len(self.models) != needed:
            raise ValueError(f"method {self.method} takes {needed} models, {len(self.models)} are named")
        return self


def check_transforms(transforms: tuple[Transform, ...]) -> tuple[Transform, ...]:
    """Refuse more than one `oversample`, which would repeat what was repeated."""
    if sum(transform.method == "oversample" for transform in transforms) > 1:
        raise ValueError("oversample may be named once")
    return transforms
