"""What studies of seeds and learning curves show in a terminal: the sentence first, then every number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune.cards.study_seeds import publish_sentence, seeds_sentence
from finetune.cards.wording import clean, count, metric_title, share
from finetune.cli.console import new_console, number, signed, tell_error

Values = Mapping[str, Any]


def show_seeds(found: Values) -> None:
    """Mean, spread and intervals of every score on standard output, the baselines, the goals, and what to publish.

    Args:
        found: What `finetune.studies.run_seeds` returned.
    """
    console = new_console()
    console.print(clean(seeds_sentence(found)), style="bold", markup=False)
    title = f"{count(found['rows'])} test rows, {count(len(found['seeds']))} seeds"
    level = share(found["confidence"], 0)
    titles = ("score", "mean ± std. dev.", f"rows and seeds [{level}]", "each seed")
    shown = [(n, e) for n, e in found["scores"].items() if not n.endswith(("_micro", "_weighted"))]
    rows = [
        [metric_title(name), f"{number(entry['mean'])} ± {number(entry['std'])}",
         f"[{number(entry['low'])}, {number(entry['high'])}]", " ".join(map(number, entry["each"]))]
        for name, entry in shown
    ]  # fmt: skip
    console.print(_table(title, titles, rows))
    for entry in found["baselines"].values():
        console.print(clean(_against(entry, found)), markup=False)
    for goal in found["goals"]:
        console.print(
            f"goal {'holds' if goal['holds'] else 'MISSED'}  {goal['sentence']} (mean over seeds)", markup=False
        )
    console.print(publish_sentence(found), markup=False)
    _show_end(console, found)


def _against(entry: Values, found: Values) -> str:
    return (
        f"model − {entry['title']}: {entry['score']} {signed(entry['difference'])} "
        f"[{signed(entry['low'])}, {signed(entry['high'])}], better in {entry['beaten']} of {len(found['seeds'])} seeds"
    )


def show_learning_curve(found: Values) -> None:
    """The answer on standard output, then the score of every size, the law, and what it predicts.

    Args:
        found: What `finetune.studies.learning_curve` returned.
    """
    console, level = new_console(), share(found["confidence"], 0)
    console.print(clean(found["answer"]["sentence"]), style="bold", markup=False)
    titles = ("training rows", found["score"], f"rows and seeds [{level}]", "each seed")
    rows = [
        [count(point["rows"]), number(point["mean"]), f"[{number(point['low'])}, {number(point['high'])}]",
         " ".join(map(number, point["each"]))]
        for point in found["points"]
    ]  # fmt: skip
    seeds = f"{count(len(found['seeds']))} seed{'s' * (len(found['seeds']) != 1)}"
    console.print(_table(f"{count(found['rows'])} test rows, {seeds}", titles, rows))
    console.print(clean(found["law"]["sentence"]), markup=False)
    for entry in found["predictions"]:
        bounds = f"[{number(entry['low'])}, {number(entry['high'])}]"
        console.print(f"predicted at {count(entry['rows'])} rows: {number(entry['value'])} {bounds}", markup=False)
    console.print(clean(found["schedule"]), markup=False, style="dim")
    _show_end(console, found)


def _table(title: str, titles: tuple[str, ...], rows: list[list[str]]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for place, name in enumerate(titles):
        table.add_column(
            name, justify="left" if place in (0, len(titles) - 1) else "right", no_wrap=place < len(titles) - 1
        )
    for row in rows:
        table.add_row(*map(clean, row))
    return table


def _show_end(console: Any, found: Values) -> None:
    if "folder" in found:
        console.print(f"folder: {found['folder']}", markup=False, soft_wrap=True)
    publication = found.get("publication")
    if publication and publication["state"] == "published":
        console.print(publication["sentence"], markup=False)
    elif publication:
        tell_error(f"The runs are finished, and none is published: {publication['sentence']}", publication["remedy"])
