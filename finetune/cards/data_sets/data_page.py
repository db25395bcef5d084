"""The page of a data set, `README.md`: answers and figures under the Hub's headings, each marked for what it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from finetune.cards.data_sets.answers import FRONT_MATTER, QUESTIONS, UNKNOWN, configurations_of, source_of, text_of
from finetune.cards.data_sets.measured import Part, parts
from finetune.cards.markdown import Markdown, code, environment, escape, table
from finetune.cards.wording import clean, count

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_CODE = re.compile(
    r"^ {0,3}(?P<fence>`{3,})[^`\n]*\n.*?^ {0,3}(?P=fence)`*[ \t]*$"
    r"|(?P<mark>`+)(?!`)(?:(?!\n[ \t]*\n).)*?(?<!`)(?P=mark)(?!`)",
    re.DOTALL | re.MULTILINE,
)
"""A block of code, or a code span, which no blank line can be in."""
_BESIDE = Markdown("This page is made of `answers.yaml` and `stats.json` beside it. ")
_HEADING = re.compile(r"^( {0,3})(#{1,6}(?=\s|$)|=+\s*$|-{3,}\s*$)", re.MULTILINE)


def render(answers: Mapping[str, Any], stats: Mapping[str, Any]) -> str:
    """The page as Markdown with its YAML head.

    Args:
        answers: What `answers.yaml` says.
        stats: What `stats.json` says.
    """
    card = answers["card"]
    head = {key: card[key] for key in FRONT_MATTER if card.get(key)}
    top = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None)
    return f"---\n{top}---\n\n{page_body(answers, stats)}\n"


def page_body(answers: Mapping[str, Any], stats: Mapping[str, Any], beside: Markdown = _BESIDE) -> str:
    """The page without its head; the first line is its title. `beside` says what stands beside it."""
    card = answers["card"]
    body = (
        environment()
        .get_template("data_card.md")
        .render(
            title=card.get("pretty_name") or card["dataset"],
            beside=beside,
            answers={key: _answer(key, answers) for key in QUESTIONS},
            measurements=[_measurement(name, entry) for name, entry in stats["measurements"].items()],
        )
    )
    return body.strip()


def prose(text: str) -> Markdown:
    """A person's Markdown that stays in its place: no headings, no HTML, no open fence, nothing invisible.

    >>> prose("# Not a heading <b>")
    '\\\\# Not a heading &lt;b>'
    """
    whole = clean(text).strip()
    fences = _FENCE.findall(whole)
    if len(fences) % 2:
        whole += f"\n{fences[-1]}"
    pieces, last = [], 0
    for found in _CODE.finditer(whole):  # within code, everything is just a character
        pieces += [_tame(whole[last : found.start()]), found[0]]
        last = found.end()
    return Markdown("".join([*pieces, _tame(whole[last:])]))


def _tame(text: str) -> str:
    return _HEADING.sub(r"\1\\\2", text.replace("<", "&lt;"))


def _answer(key: str, answers: Mapping[str, Any]) -> Markdown:
    answer = answers.get(key)
    text = text_of(answer)
    configurations = configurations_of(answers) if key == "columns_and_splits" else {}
    if text in ("", UNKNOWN) and not configurations:
        return Markdown(f"*{UNKNOWN}*" if text else f"*{UNKNOWN}* (not answered yet)")
    blocks = [Markdown("*declared*")]
    if configurations:
        blocks += [_splits(configurations), _columns(configurations)]
    if text not in ("", UNKNOWN):
        blocks.append(prose(text))
    if source_of(answer):
        blocks.append(Markdown(f"Source: {prose(source_of(answer))}"))
    if key == "licence":
        blocks.insert(1, Markdown(f"Licence: {code(answers['card'].get('license') or UNKNOWN)}"))
    return Markdown("\n\n".join(block for block in blocks if block))


def _splits(configurations: Mapping[str, Any]) -> Markdown:
    rows = [
        (code(name), code(split), _count(entry["rows"]), prose(entry["labels"].replace("|", r"\|")))
        for name, configuration in configurations.items()
        for split, entry in (configuration.get("splits") or {}).items()
    ]
    return table(("Configuration", "Split", "Rows", "Labels"), rows, numbers=False) if rows else Markdown()


def _count(rows: Any) -> str:
    return count(rows) if isinstance(rows, int) else str(rows)


def _columns(configurations: Mapping[str, Any]) -> Markdown:
    rows = [
        (code(name), code(column), _type(entry), _cell(entry["meaning"]))
        for name, configuration in configurations.items()
        for column, entry in configuration["columns"].items()
    ]
    return table(("Configuration", "Column", "Type", "Meaning"), rows, numbers=False)


def _cell(text: str | None) -> Markdown:
    """A person's words in a cell: one line, its bars escaped."""
    return Markdown(" ".join(prose(text or UNKNOWN).replace("|", r"\|").split()))


def _type(entry: Mapping[str, Any]) -> Markdown:
    if entry["type"] != "fields":
        return Markdown(escape(entry["type"] or UNKNOWN))
    return Markdown("; ".join(f"{code(name)}: {escape(kind)}" for name, kind in entry["fields"].items()))


def _measurement(recipe: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    if not entry["measured"]:
        mark = Markdown(f"*{UNKNOWN}* (not measured: {escape(entry['reason'])})")
        return {"recipe": recipe, "mark": mark, "parts": list[Part]()}
    return {"recipe": recipe, "mark": Markdown("*measured*"), "parts": parts(entry)}
