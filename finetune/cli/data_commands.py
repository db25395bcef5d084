"""The verbs on data: look at it, write its card, see what augmentation makes of it, and whether that helps."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finetune.cli.commands import finetune, read_recipe

if TYPE_CHECKING:
    from finetune.recipe import Recipe

CARDS = "data_cards"


@finetune.command()
@click.argument("recipe", type=click.Path(dir_okay=False))
@click.argument("overrides", nargs=-1)
@click.option(
    "--output", type=click.Path(file_okay=False), help="Folder for the page and the JSON. Default: a new one."
)
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON, and write nothing.")
def data(recipe: str, overrides: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Look at the data of RECIPE: columns, lengths, labels, duplicates, leaks, personal data, likely label errors.

    Exit code 4 where a run would refuse the data.
    """
    from finetune import data_pipeline
    from finetune.cli.console import quiet_libraries
    from finetune.errors import DataError

    checked = read_recipe(recipe, overrides)
    quiet_libraries()
    folder = None if as_json else _new_folder(checked, output, "data")
    audit, prepared = data_pipeline.inspect(checked)
    if folder is None:
        click.echo(json.dumps(audit.to_dict(), indent=2, ensure_ascii=False, default=float))
    else:
        from finetune.cli.audit_summary import show_audit

        page = data_pipeline.save_audit(audit, prepared, folder)
        show_audit(audit, prepared.report if prepared is not None else None)
        click.echo(f"page: {page}")
    if any(finding["kind"] == "refused" for finding in audit.findings):
        raise SystemExit(DataError.exit_code)


@finetune.group()
def card() -> None:
    """Write and check the cards of data sets."""


@card.command("data")
@click.argument("recipe", type=click.Path(dir_okay=False))
@click.argument("overrides", nargs=-1)
@click.option("--cards", default=CARDS, show_default=True, help="Folder that holds the cards.")
def write_card(recipe: str, overrides: tuple[str, ...], cards: str) -> None:
    """Measure the data of RECIPE and write its card; what only a person can say stays in answers.yaml."""
    from finetune import data_pipeline
    from finetune.cli.console import quiet_libraries

    checked = read_recipe(recipe, overrides)
    quiet_libraries()
    folder = data_pipeline.write_data_card(checked, cards)
    click.echo(f"card: {folder}/README.md\nanswers that only you can give: {folder}/answers.yaml")


@card.command("check")
@click.argument("recipes", nargs=-1, type=click.Path(dir_okay=False))
@click.option("--cards", default=CARDS, show_default=True, help="Folder that holds the cards.")
@click.option("--offline", is_flag=True, help="Do not read data of the Hub; what needs it is said to be unchecked.")
def check_card(recipes: tuple[str, ...], cards: str, offline: bool) -> None:
    """Recompute the cards of the data of RECIPES (default: all in recipes/), and fail on what differs or is blank."""
    from finetune import data_pipeline
    from finetune.cli.console import quiet_libraries, tell_error
    from finetune.errors import UsageError

    quiet_libraries()
    chosen = recipes or tuple(str(path) for path in sorted(Path("recipes").rglob("*.yaml")))
    if not chosen:
        raise UsageError("There is no recipe in recipes/ here.", "Name recipes: finetune card check recipe.yaml")
    wrong = 0
    for path in chosen:
        problems, unchecked = data_pipeline.check_data_card(read_recipe(path, ()), cards, offline=offline)
        click.echo(f"{path}: {f'{len(problems)} problems' if problems else 'holds'}{unchecked and f' ({unchecked})'}")
        for problem in problems:
            click.echo(f"  {problem.kind}: {problem.sentence}")
        wrong += bool(problems)
    if wrong:
        tell_error(f"{wrong} of {len(chosen)} cards do not hold.", "Write them again with: finetune card data RECIPE")
        raise SystemExit(4)


@finetune.command()
@click.argument("recipe", type=click.Path(dir_okay=False))
@click.argument("overrides", nargs=-1)
@click.option("--preview", is_flag=True, help="Write a page with training rows and what becomes of them, side by side.")
@click.option("--rows", default=20, show_default=True, type=click.IntRange(1, 1000), help="Training rows to show.")
@click.option("--output", type=click.Path(dir_okay=False), help="The page. Default: a new file.")
def augment(recipe: str, overrides: tuple[str, ...], preview: bool, rows: int, output: str | None) -> None:
    """See what the augmentation of RECIPE makes of its training rows; nothing is trained."""
    from finetune import data_pipeline
    from finetune.cli.console import quiet_libraries
    from finetune.errors import UsageError

    checked = read_recipe(recipe, overrides)
    if not checked.augmentation:
        raise UsageError("The recipe has no augmentation.", "Add some: finetune augment RECIPE 'augmentation=[aeda]'")
    quiet_libraries()
    entries = data_pipeline.preview_augmentation(checked, rows)
    if not preview:
        for entry in entries:
            click.echo(json.dumps(entry, ensure_ascii=False))
        return
    from finetune.cards import write_preview_page

    page = Path(output) if output else _new_folder(checked, None, "augmentation") / "preview.html"
    if page.exists():
        raise UsageError(f"{page} exists already.", "Name another file; nothing is overwritten.")
    click.echo(f"page: {write_preview_page(entries, checked, page)}")


@finetune.command()
@click.argument("recipe", required=False, type=click.Path(dir_okay=False))
@click.argument("section", default="augmentation")
@click.argument("overrides", nargs=-1)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, 100), help="Training seeds.")
@click.option("--resume", metavar="FOLDER", help="Continue an ablation that was begun.")
def ablate(recipe: str, section: str, overrides: tuple[str, ...], seeds: int, resume: str | None) -> None:
    """Train RECIPE with and without SECTION from several seeds, and test the difference."""
    from finetune import studies
    from finetune.cards import write_study_page
    from finetune.cli.audit_summary import show_ablation
    from finetune.cli.console import quiet_libraries
    from finetune.errors import UsageError

    if recipe is None:
        raise UsageError("There is no recipe.", "finetune ablate RECIPE augmentation --seeds 3")
    checked = read_recipe(recipe, overrides)
    quiet_libraries()
    found = studies.ablate(checked, section, seeds=seeds, resume=resume)
    show_ablation(found)
    click.echo(f"page: {write_study_page(found, Path(found['folder']) / 'study.html')}")


def _new_folder(recipe: Recipe, output: str | None, kind: str) -> Path:
    """A folder for results that is not there yet, or is empty."""
    from finetune.errors import RunFolderError

    name = f"{recipe.name or recipe.task}-{kind}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = Path(output) if output else Path(recipe.output.folder) / name
    if folder.exists() and any(folder.iterdir()):
        raise RunFolderError(f"{folder} is not empty; nothing is overwritten.", "Name another folder with --output.")
    return folder
