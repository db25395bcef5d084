"""What every entry of a column says, whatever the column holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.data.auditing.numbers import rounded


@dataclass(frozen=True)
class Role:
    """What a raw column is for.

    Attributes:
        roles: Any of `input`, `target`, `feature`, `group`, `id`, `time`, `split`.
        canonical: The task's column that it fills.
        texts: Whether it is an input of texts, which stay texts however short and repeated they are.
    """

    roles: tuple[str, ...] = ()
    canonical: str | None = None
    texts: bool = False


def entry(name: str, feature: Any, kind: str, role: Role, missing: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The entry of a column without a summary of its values.

    Args:
        name: Of the column.
        feature: Its type in `datasets`.
        kind: What it holds.
        role: What it is for.
        missing: Split -> rows without a value, and all rows.
    """
    shares = {split: {"count": count, "share": rounded(count / total) if total else None}
              for split, (count, total) in missing.items()}  # fmt: skip
    nothing = ("distinct", "numbers", "times", "stored", "texts", "categories", "images", "audio")
    return {
        "name": name,
        "type": type_of(feature),
        "kind": kind,
        "roles": list(role.roles),
        "canonical": role.canonical,
        "missing": shares,
        "placeholders": {},
        "constant": all(count == total for count, total in missing.values()),
        "personal": False,
        **dict.fromkeys(nothing),
    }


def type_of(feature: Any) -> str:
    """The stored type in a word: `string`, `int64`, `ClassLabel`, `List(string)` …"""
    name = type(feature).__name__
    if name == "Value":
        return str(feature.dtype)
    inner = getattr(feature, "feature", None)
    return f"{name}({type_of(inner)})" if inner is not None and name != "ClassLabel" else name
