"""`README.md`: the model card, with metadata that the Hub understands; nothing is said that the run does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finetune.artifacts import RunFolder
from finetune.cards import facts, summary, tables
from finetune.cards.markdown import Markdown, block, environment, table
from finetune.cards.metadata import card_data, hub_base
from finetune.cards.record import Record
from finetune.cards.wording import count, metric_title, public, share, shorten

CARD = "README.md"
_MAX_LABELS = 30


def write_card(run: RunFolder) -> Path:
    """Write the model card `README.md` into a finished run's folder, from its files alone.

    Args:
        run: A run that has been evaluated.

    Returns:
        Path of the card; `huggingface_hub.ModelCard.load` reads it.

    Raises:
        RunFolderError: The run has not been evaluated, or its folder cannot be written.
    """
    run.write_text(CARD, render_card(Record.read(run)))
    return run.path / CARD


def render_card(record: Record) -> str:
    """The card as Markdown with its YAML head."""
    body = environment().get_template("card.md").render(**_view(record))
    return f"---\n{card_data(record).to_yaml()}\n---\n\n{body.strip()}\n"


def _view(record: Record) -> dict[str, Any]:
    evaluation, card = record.evaluation, record.recipe.card
    return {
        "record": record,
        "evaluation": evaluation,
        "title": shorten(record.title, 120),
        "description": public(shorten(record.recipe.description or "", 1000)),
        "sentences": [summary.made_of(record), summary.scored(evaluation), summary.compared(evaluation),
                      summary.goals_sentence(evaluation)],
        "base_on_hub": hub_base(record) is not None,
        "intended_use": public(card.intended_use or "Not stated."),
        "limitations": public(card.limitations or "Not stated."),
        "license": card.license or "not stated",
        "languages": ", ".join(card.language) or "not stated",
        "labels": _labels(record),
        "kind": facts.kind_words(evaluation.kind),
        "dropped": [f"{what}: {number}" for what, number, _ in facts.losses(record)],
        "notes": [public(shorten(note, 500)) for note in record.data.get("notes", ())],
        "level": share(evaluation.confidence, 0),
        "resamples": count(evaluation.resamples),
        "rows": count(evaluation.rows),
        "bias_score": metric_title(record.bias.score, evaluation.kind),
    } | _blocks(record)  # fmt: skip


def _blocks(record: Record) -> dict[str, Markdown]:
    """The parts that are tables or code."""
    usage, splits = facts.usage(record), facts.split_rows(record)
    return {
        "data_table": table(("Fact", "Value"), facts.data_facts(record), numbers=False),
        "splits_table": table(("Split", "Rows", "Share"), splits) if splits else Markdown(),
        "score_table": _score_table(record),
        "goal_table": _goal_table(record),
        "bias_table": _bias_table(record),
        "training_table": table(("Setting", "Value"), facts.training_facts(record), numbers=False),
        "machine_table": table(("Part", "Value"), facts.machine_facts(record), numbers=False),
        "shell": block("sh", usage["shell"]),
        "python": block("python", usage["python"]),
    }


def _labels(record: Record) -> str:
    names = record.evaluation.target.get("names") or ()
    shown = ", ".join(shorten(name, 80) for name in names[:_MAX_LABELS])
    return shown + (f", … ({count(len(names))} in all)" if len(names) > _MAX_LABELS else "")


def _score_table(record: Record) -> Markdown:
    titles = [shorten(system["title"], 80) for system in record.evaluation.systems.values()]
    rows = [
        (row["title"] + (" (lower is better)" if row["better"] == "lower" else ""),
         *(Markdown(f"{cell['value']} {cell['interval']}") for cell in row["cells"]))
        for row in tables.score_rows(record.evaluation)
    ]  # fmt: skip
    return table(("Score", *titles), rows)


def _goal_table(record: Record) -> Markdown:
    rows = [
        (g["title"], g["wanted"], g["value"], g["margin"], "holds" if g["holds"] else "missed")
        for g in tables.goal_rows(record.evaluation)
    ]
    return table(("Goal", "Wanted", "Reached", "Margin", "Verdict"), rows) if rows else Markdown()


def _bias_table(record: Record) -> Markdown:
    rows = [
        (f"{group['name']} = {row['name']}", row["rows"], row["value"], row["interval"])
        for group in tables.group_tables(record.bias)
        for row in group["groups"]
    ]
    header = ("Group", "Rows", metric_title(record.bias.score, record.evaluation.kind), "Interval")
    return table(header, rows) if rows else Markdown()
