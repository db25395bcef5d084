"""`preview.html`: training rows beside what augmentation makes of them, for somebody who knows what the labels mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.cards.blocks import Cell, Comparison, Comparisons, Section, Table, Value
from finetune.cards.page import write_page
from finetune.cards.word_changes import word_changes
from finetune.cards.wording import count, public, share, shorten
from finetune.recipe import Recipe, Transform

Entry = Mapping[str, Any]
_LABEL = 80


def write_preview_page(entries: Sequence[Mapping[str, Any]], recipe: Recipe, path: Path) -> Path:
    """Write the page of an augmentation's preview.

    Args:
        entries: What `finetune.augmentation.preview` gives: `method`, `row`, `parent_id`, `original`, `result`, `label`
            and `changed` of each example.
        recipe: Whose augmentation it is.
        path: The HTML file; its folder is made, and it is written whole or not at all.

    Returns:
        `path`.

    Raises:
        RunFolderError: The file cannot be written.
    """
    return write_page(path, "preview.html", **_view(entries, recipe))


def _view(entries: Sequence[Entry], recipe: Recipe) -> dict[str, Any]:
    changed = sum(bool(entry["changed"]) for entry in entries)
    methods = list(dict.fromkeys(entry["method"] for entry in entries))
    return {
        "title": public(shorten(recipe.name or recipe.task, 120)),
        "what": "augmentation",
        "first": "What to look for",
        "kicker": f"{recipe.task} · originals and augmented rows",
        "verdict": "Each pair has the same label. Is it still right for the new text, and would somebody write it so?",
        "reading": "What is gone is struck out, what is new is underlined. The rows are drawn from those that the "
        "first epoch of a run with this recipe's seed would add to the training rows; validation and test rows are "
        "never touched.",
        "tiles": _tiles(len(entries), changed, len(methods)),
        "sections": [_overview(entries, recipe), *(_of_method(method, entries) for method in methods)],
    }  # fmt: skip


def _tiles(rows: int, changed: int, methods: int) -> list[dict[str, Any]]:
    part = share(changed / rows if rows else None)
    return [
        {"label": "Examples", "value": count(rows), "notes": [f"of {count(methods)} method{'s' * (methods != 1)}"]},
        {"label": "Changed", "value": count(changed), "notes": [f"{part} of them"]},
        {"label": "Unchanged", "value": count(rows - changed), "notes": ["repeated as they were"]},
    ]


def _overview(entries: Sequence[Entry], recipe: Recipe) -> Section:
    rows = [_transform(transform, entries) for transform in recipe.augmentation]
    caption = "The recipe's transforms. Where a method cannot change a row, the row is repeated as it was and counted."
    titles = ("Method", "Copies", "Share of the rows", "Other settings", "Examples", "of which changed")
    return Section("methods", "Methods", [Table(caption, titles, rows, frozenset({1, 2, 4, 5}))])


def _transform(transform: Transform, entries: Sequence[Entry]) -> list[Value]:
    others = transform.model_dump(mode="json", exclude={"method", "copies", "share"}, exclude_none=True)
    settings = ", ".join(f"{name} {_setting(value)}" for name, value in others.items() if value not in ([], ()))
    own = [bool(entry["changed"]) for entry in entries if entry["method"] == transform.method]
    return [
        transform.method, count(transform.copies), share(transform.share, 0), public(shorten(settings, 300)),
        count(len(own)), Cell(count(sum(own)), width=sum(own) / len(own) if own else None),
    ]  # fmt: skip


def _setting(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _of_method(method: str, entries: Sequence[Entry]) -> Section:
    own = [_comparison(entry) for entry in entries if entry["method"] == method]
    words = method.replace("_", " ")
    return Section(f"method-{method.replace('_', '-')}", words, [Comparisons(("original", "augmented"), own)])


def _comparison(entry: Entry) -> Comparison:
    from finetune.text.personal import redact

    before, after = word_changes(redact(entry["original"]), redact(entry["result"]))
    about = [("label", shorten(_label(entry["label"]), _LABEL)), ("row", shorten(entry["row"], _LABEL))]
    return Comparison(about, ("changed", "good") if entry["changed"] else ("unchanged", "plain"), before, after)


def _label(label: Any) -> str:
    return ", ".join(map(str, label)) if isinstance(label, list | tuple) else str(label)
