"""Two answers compared, in words and numbers: what changed, whatever kind of answer it is."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from finetune.views import Bars, Marked, Quantity, Ranked, View, Words

if TYPE_CHECKING:
    from finetune.serving.answering import Answer

_LONGEST = 160  # characters of an answer or a text that a sentence repeats
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Change:
    """What is different between two answers.

    Attributes:
        different: Whether the answer itself is another one: a label, a span, an order, a number to three places.
        headline: That in one sentence.
        details: Further sentences, with the numbers.
    """

    different: bool
    headline: str
    details: tuple[str, ...] = ()

    def to_html(self, caveat: str = "") -> str:
        """As a part of a page, every text of it escaped.

        Args:
            caveat: A last sentence, set apart.
        """
        items = "".join(f"<li>{html.escape(detail)}</li>" for detail in self.details)
        listed = f"<ul>{items}</ul>" if items else ""
        said = f"<p><em>{html.escape(caveat)}</em></p>" if caveat else ""
        return f"<p><strong>{html.escape(self.headline)}</strong></p>{listed}{said}"


def compare(before: Answer, after: Answer) -> Change:
    """What changed from one answer of a task to another, in words and numbers.

    Args:
        before: The answer that the other is held against.
        after: The other, of the same task.

    Returns:
        The headline is that of the first view that differs, of the first where none does; numbers that moved without
        changing the answer are details.
    """
    orders = before.prediction.get("order"), after.prediction.get("order")
    pairs = list(zip_longest(before.views, after.views, fillvalue=Words("")))
    if any(isinstance(view, Bars) and view.scores for pair in pairs for view in pair):
        # Words beside candidates repeat the input, which differs because it was edited.
        pairs = [pair for pair in pairs if not all(isinstance(view, Words) for view in pair)]
    else:
        pairs = [pair for pair in pairs if not all(isinstance(view, Bars) for view in pair)]
    if not pairs:
        return Change(False, "There is no answer to compare.")
    found = [_compare_views(one, other, orders) for one, other in pairs]
    first = next((change for change in found if change.different), found[0])
    rest = [change.headline for change in found if change is not first and change.different]
    details = (*first.details, *rest, *(line for change in found if change is not first for line in change.details))
    return Change(first.different, first.headline, tuple(dict.fromkeys(details)))


def _compare_views(before: View, after: View, orders: tuple[Any, Any]) -> Change:
    if type(before) is type(after):
        if isinstance(before, Ranked) and isinstance(after, Ranked):
            return compare_ranked(before, after, *orders)
        for kind, compared in _BY_KIND:
            if isinstance(before, kind):
                return compared(before, after)
    return compare_words(Words(_plain(before)), Words(_plain(after)))


def compare_bars(before: Bars, after: Bars) -> Change:
    """Labels: whether another one is chosen, and how far probabilities moved, in percentage points."""
    one, other = list(before.chosen), list(after.chosen)
    same = set(one) == set(other)
    headline = (
        f"The answer stays {_named(one)}." if same else f"The answer changes from {_named(one)} to {_named(other)}."
    )
    named = list(dict.fromkeys([*one, *other]))
    shared = [name for name in before.scores if name in after.scores and name not in named]
    moved = max(shared, key=lambda name: abs(after.scores[name] - before.scores[name]), default=None)
    if moved is not None and abs(after.scores[moved] - before.scores[moved]) >= 0.05:
        named.append(moved)
    return Change(not same, headline, tuple(_share(name, before.scores, after.scores) for name in named))


def _named(labels: Sequence[str]) -> str:
    quoted = [_quoted(label) for label in labels]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted) or "no label"


def _share(name: str, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    said = f"Probability of {_quoted(name)}"
    if name not in before or name not in after:
        where = "after" if name in after else "before"
        return f"{said}: {(after.get(name) or before.get(name) or 0.0):.1%} {where}, not among those listed otherwise."
    one, other = round(100 * before[name], 1), round(100 * after[name], 1)
    if one == other:
        return f"{said}: {one:.1f}% both times."
    return f"{said}: {one:.1f}% before, {other:.1f}% after ({_signed(other - one, '.1f')} percentage points)."


def compare_quantities(before: Quantity, after: Quantity) -> Change:
    """A number: by how much it moved."""
    name = before.name or "The number"
    places = 3 if max(abs(before.value), abs(after.value)) < 100 else 1
    one, other = (f"{value:,.{places}f}".replace("-", "−") for value in (before.value, after.value))
    if one == other:
        return Change(False, f"{name} stays at {one}.")
    moved = _signed(after.value - before.value, f",.{places}f")
    return Change(True, f"{name} moves from {one} to {other} ({moved}).")


def compare_words(before: Words, after: Words) -> Change:
    """A text: whether it is another one."""
    one, other = before.text.strip(), after.text.strip()
    if one == other:
        return Change(False, f"The answer stays {_quoted(one)}." if one else "There is no answer, both times.")
    return Change(True, f"The answer changes from {_quoted(one)} to {_quoted(other)}.")


def compare_marked(before: Marked, after: Marked) -> Change:
    """Marked spans: which ones appeared, disappeared or have another label; the texts may differ in some words."""
    place = _places_in(before.text, after.text)
    left = list(after.spans)
    details, kept = [], 0
    for start, end, label in before.spans:
        begin, until = place(start, end)
        here = [span for span in left if span[0] < until and begin < span[1]]
        same = next((span for span in here if span[2] == label), here[0] if here else None)
        if same is None:
            details.append(f"{_quoted(before.text[start:end])} ({label}) is no longer marked.")
            continue
        left.remove(same)
        kept += 1
        if line := _span_change((before.text[start:end], label), (after.text[same[0] : same[1]], same[2]),
                                moved=(begin, until) != same[:2]):  # fmt: skip
            details.append(line)
    details += [f"{_quoted(after.text[start:end])} ({label}) is newly marked." for start, end, label in left]
    if details:
        return Change(True, "What is marked changes.", tuple(details))
    marks = f"The same {kept} {'part is' if kept == 1 else 'parts are'} marked both times."
    return Change(False, marks if kept else "Nothing is marked, both times.")


def _span_change(before: tuple[str, str], after: tuple[str, str], *, moved: bool) -> str | None:
    if before[1] != after[1]:
        return f"{_quoted(after[0])} is marked as {after[1]}; before it was {_quoted(before[0])} as {before[1]}."
    if moved and before[0] != after[0]:
        return f"{_quoted(after[0])} ({after[1]}) is marked where {_quoted(before[0])} was."
    return None


def _places_in(before: str, after: str) -> Callable[[int, int], tuple[int, int]]:
    """From places in one text to the places in the other that the same words, or those instead of them, have."""
    one, other = (list(_WORD.finditer(text)) for text in (before, after))
    words = ([match[0] for match in one], [match[0] for match in other])
    pairs: list[tuple[int, int, int, int]] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        if tag == "equal" or i2 - i1 == j2 - j1:
            pairs += [(*one[i].span(), *other[j].span()) for i, j in zip(range(i1, i2), range(j1, j2), strict=True)]
        elif i2 > i1 and j2 > j1:
            pairs += [(*one[i].span(), other[j1].start(), other[j2 - 1].end()) for i in range(i1, i2)]

    def place(start: int, end: int) -> tuple[int, int]:
        touched = [pair[2:] for pair in pairs if pair[0] < end and start < pair[1]]
        return (min(p[0] for p in touched), max(p[1] for p in touched)) if touched else (-1, -1)

    return place


def compare_ranked(
    before: Ranked, after: Ranked, one: Sequence[int] | None = None, other: Sequence[int] | None = None
) -> Change:
    """An order: which texts moved, and which are new.

    Args:
        before: Texts, best first.
        after: Texts, best first.
        one: The place in the input of each text of `before`, where known: then a text that was edited is still itself.
        other: The same for `after`.
    """
    known = one is not None and other is not None and (len(one), len(other)) == (len(before.texts), len(after.texts))
    keys = (list(one or ()), list(other or ())) if known else (list(before.texts), list(after.texts))
    if keys[0] == keys[1]:
        return Change(False, "The order stays the same." if keys[0] else "There is nothing to put in order.")
    first = _quoted(after.texts[0]) if after.texts else "nothing"
    same = bool(keys[0] and keys[1] and keys[0][0] == keys[1][0])
    headline = f"The order changes; {first} stays first." if same else f"The order changes; first is now {first}."
    places = {key: place for place, key in enumerate(keys[0], 1)}
    details = []
    for place, (key, text) in enumerate(zip(keys[1], after.texts, strict=True), 1):
        was = places.get(key)
        if was is None:
            details.append(f"New in place {place}: {_quoted(text)}.")
        elif was != place:
            details.append(f"{_quoted(text)}: from place {was} to place {place}.")
    gone = [text for key, text in zip(keys[0], before.texts, strict=True) if key not in set(keys[1])]
    return Change(True, headline, tuple(details + [f"No longer listed: {_quoted(text)}." for text in gone]))


_BY_KIND: tuple[tuple[type[View], Callable[[Any, Any], Change]], ...] = (
    (Bars, compare_bars), (Quantity, compare_quantities), (Words, compare_words), (Marked, compare_marked),
)  # fmt: skip


def _plain(view: View) -> str:
    """Any view as one text, for a comparison of views of unlike kinds."""
    if isinstance(view, Bars):
        return ", ".join(view.chosen)
    if isinstance(view, Ranked):
        return view.texts[0] if view.texts else ""
    return str(view.value) if isinstance(view, Quantity) else view.text


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return f"“{flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1].rstrip() + '…'}”"


def _signed(value: float, form: str) -> str:
    return f"{value:+{form}}".replace("-", "−")
