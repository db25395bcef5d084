"""What a person fills in to ask a model, and the check of what they wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from finetune.errors import UsageError, did_you_mean
from finetune.text.words import encodable
from finetune.views import Field

if TYPE_CHECKING:
    from finetune.artifacts import TrainedModel
    from finetune.recipe import FeaturesSection

_HINTS = {"numeric": "A number", "categorical": "A category", "time": "A date, such as 2024-05-31"}


def fields_of(model: TrainedModel) -> tuple[Field, ...]:
    """What a person fills in for this model: one field per column where a template makes the text of a table's
    columns, else those of the task, without the optional ones that the training data had not."""
    columns: Sequence[str] = getattr(model.read_inputs, "columns", ())
    if columns and model.recipe is not None:
        return tuple(_column_field(name, model.recipe.features) for name in columns)
    places = model.inputs.get("places")
    optional = {column.name: column for column in model.task.input_columns() if not column.required}
    fields = []
    for field in model.task.fields():
        if field.required or places is None:
            fields.append(_with_mask(field, model.processor))
        elif field.name in places:
            fields.append(replace(field, required=field.name in optional and not optional[field.name].nullable))
    return tuple(fields)


def _column_field(name: str, features: FeaturesSection) -> Field:
    kind = next((kind for kind in _HINTS if name in getattr(features, kind)), "")
    label = name.replace("_", " ").strip()
    hint = f"{_HINTS[kind]}; empty where it is missing" if kind else "Empty where it is missing"
    return Field(name, "text", label[:1].upper() + label[1:], required=False, hint=hint)


def _with_mask(field: Field, processor: Any) -> Field:
    """The field with the tokenizer's own mask in its hint; they differ from model to model."""
    mask = getattr(processor, "mask_token", None) or "a blank"
    return replace(field, hint=field.hint.replace("{mask}", mask))


def read_values(fields: Sequence[Field], values: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The values of an input, checked.

    Args:
        fields: What there is to fill in.
        values: By their names.
        most: Characters that a field may hold.

    Raises:
        UsageError: As `Answerer.read`.
    """
    known = [field.name for field in fields]
    if others := [name for name in values if name not in known]:
        raise UsageError(f"There is no field {others[0]!r}.", did_you_mean(others[0], known))
    read = {field.name: _value(field, values.get(field.name), most) for field in fields}
    if empty := [field.label for field in fields if field.required and read[field.name] is None]:
        raise UsageError(
            f"{_listed(empty)} {'is' if len(empty) == 1 else 'are'} empty.", "Fill it in to get an answer."
        )
    if all(value is None for value in read.values()):
        raise UsageError("All fields are empty.", "Fill in at least one of them.")
    return {name: value for name, value in read.items() if value is not None}


def _value(field: Field, value: Any, most: int) -> Any:
    if field.kind == "texts":
        return _texts(field, value, most)
    if field.kind in ("text", "tokens") and not isinstance(value, list):
        return _text(field, value, most)
    if field.kind in ("image", "audio"):
        from finetune.serving.media import read_media

        return read_media(field, value)
    return value or None


def _text(field: Field, value: Any, most: int) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:.15g}"
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{field.label} takes a text, not a {type(value).__name__}.", "Write a text.")
    if value is None or not value.strip():
        return None
    _check_length(field, len(value), most)
    return encodable(value)


def _texts(field: Field, value: Any, most: int) -> list[str] | None:
    given = value.splitlines() if isinstance(value, str) else value or []
    if not isinstance(given, list | tuple):
        raise UsageError(f"{field.label} takes texts, not a {type(value).__name__}.", "Write one text per line.")
    texts = [text.strip() for text in (_text(field, item, most) for item in given) if text]
    _check_length(field, sum(map(len, texts)), most)
    return texts or None


def _check_length(field: Field, length: int, most: int) -> None:
    if length > most:
        raise UsageError(
            f"{field.label} has {length:,} characters; at most {most:,} are read.", "Shorten it, or ask in parts."
        )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
