"""YAML as recipes need it: safe, with `5e-5` as a number, duplicate keys refused, and the line of every key known."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from finetune.errors import RecipeError

# YAML 1.1 wants a dot and a signed exponent, so `5e-5` would be a text. This is YAML 1.2's number.
_FLOAT = re.compile(
    r"^[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
)
_PASSWORD = re.compile(r"://[^/@\s:]+:[^/@\s]+@")
_SECRET = re.compile(r"\b(hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{16,})\b")
_INTEGER = re.compile(r"^[-+]?\d[\d_]*$")


class _Loader(yaml.SafeLoader):
    """Safe loader with YAML 1.2's numbers and booleans: `on`, `off`, `yes` and `no` stay texts (`no` is Norwegian)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {name!r} stands twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":float", ":int", ":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
# `add_constructor` would have to know the base of `0o17`; plain decimal is all that a recipe needs.
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(str(node.value).replace("_", "")))


@dataclass(frozen=True)
class Document:
    """A parsed YAML file: its plain values, and where each key stands."""

    values: dict[str, Any]
    path: Path | None = None
    node: yaml.Node | None = None

    def line(self, location: Sequence[str | int]) -> int | None:
        """Line (from 1) of the deepest part of a dotted place that the file has; None when it has none of it."""
        node, found = self.node, None
        for part in location:
            if not isinstance(node, yaml.MappingNode):
                break
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                break
            found, node = pair[0].start_mark.line + 1, pair[1]
        return found


def read_document(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Raises:
        RecipeError: Missing file, not UTF-8, broken YAML (with line and column), a key that stands twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError(
            f"There is no recipe at {path}.", "Check the path, or write one with `finetune init`."
        ) from None
    except (UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"The recipe {path} cannot be read: {error}.", "Save it as a UTF-8 text file.") from None
    values, node = _parse(text, str(path))
    if not isinstance(values, dict):
        held = "is empty" if values is None else f"is a {type(values).__name__}"
        raise RecipeError(
            f"The recipe {path} {held}; it has to be sections (`task:`, `data:`, …).",
            "Start from `finetune init` or a file in recipes/.",
        )
    return Document(values, path, node)


def parse_value(text: str, place: str) -> Any:
    """Read the value of a `key=value` override as YAML; an empty text is null."""
    return _parse(text, place)[0]


def apply_overrides(values: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A copy of nested `values` with `section.key=value` texts applied; values are read as YAML.

    Raises:
        RecipeError: A text of another form, or a section that is no section.
    """
    result = _deep_copy(values)
    for override in overrides:
        place, equals, text = override.partition("=")
        if not equals or not all(place.split(".")):
            raise RecipeError(
                f"Override {override!r} is not of the form section.key=value.", "Example: training.learning_rate=3e-4"
            )
        *sections, key = place.split(".")
        target = result
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise RecipeError(
                    f"Override {override!r}: {section} is {target!r} in the recipe, which has no keys.",
                    f"Change the whole of it, such as {section}=…",
                )
        target[key] = parse_value(text, place)
    return result


def _deep_copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _deep_copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def refuse_secrets(values: Mapping[str, Any], place: str = "") -> None:
    """Refuse nested `values` that hold what looks like a token or a password.

    Raises:
        RecipeError: Names the place, not the secret.
    """
    for key, value in values.items():
        if isinstance(value, Mapping):
            refuse_secrets(value, f"{place}{key}.")
        elif isinstance(value, str) and _PASSWORD.search(value):
            raise RecipeError(
                f"{place}{key} holds a password in an address.",
                "Take it out and let the database's driver find it (~/.pgpass, ~/.my.cnf, PGPASSWORD, …).",
            )
        elif isinstance(value, str) and _SECRET.search(value):
            raise RecipeError(
                f"{place}{key} holds what looks like an access token.",
                "Remove it and set the environment variable HF_TOKEN; recipes are copied into cards and reports.",
            )


def write_document(values: dict[str, Any]) -> str:
    """Plain values as YAML, keys in the order given."""
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)


def _parse(text: str, origin: str) -> tuple[Any, yaml.Node | None]:
    try:
        node = yaml.compose(text, Loader=_Loader)
        return yaml.load(text, Loader=_Loader), node  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise RecipeError(
            f"{origin}{where}: not valid YAML: {problem}.", "Check indentation, colons and quotes at that place."
        ) from None
