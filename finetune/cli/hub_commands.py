"""The verbs that give a model to others: put it on the Hub, let people try it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.cli.commands import finetune

if TYPE_CHECKING:
    from finetune.artifacts import RunFolder
    from finetune.recipe import PublishSection
    from finetune.release import Release

PASSWORD = "FINETUNE_DEMO_PASSWORD"  # noqa: S105 - the name of the variable


@finetune.command()
@click.argument("run_folder", metavar="RUN")
@click.option("--repo", metavar="ORG/NAME", help="Model repository. Default: publish.repo of the recipe, whose Space "
              "and data set are left out if another one is named.")  # fmt: skip
@click.option("--private/--public", default=None, help="Who sees it. Default: private.")
@click.option("--weights", type=click.Choice(["adapter", "merged", "both"]), help="Default: the adapter where its base "
              "model is on the Hub, else the whole model.")  # fmt: skip
@click.option("--tag", help="Tag of the commit. Default: the name of the run's folder.")
@click.option("--pull-request/--no-pull-request", default=None, help="Default: only for very large uploads.")
@click.option(
    "--examples/--no-examples", default=None, help="A few test rows for the demo. Default: if they are public."
)
@click.option("--space", metavar="ORG/NAME", help="A Space with the demo.")
@click.option("--hardware", help="What the Space runs on. Default: zero-a10g.")
@click.option("--dataset", metavar="ORG/NAME", help="A data set repository with the data's card.")
@click.option("--rows", is_flag=True, help="Put the cleaned rows there, too.")
@click.option("--dry-run", is_flag=True, help="Say exactly what would go up, and send nothing.")
@click.option("--force", is_flag=True, help="Publish although goals of the recipe do not hold; the card says so.")
@click.option("--resume", is_flag=True, help="Go on with a publication that was not finished.")
@click.option("--restart", is_flag=True, help="Begin anew although one was not finished.")
def publish(run_folder: str, dry_run: bool, force: bool, resume: bool, restart: bool, **wishes: Any) -> None:
    """Put the model of RUN on the Hub: weights, card, evaluation results; with --space a demo of it.

    The token comes from HF_TOKEN or `hf auth login`. Everything goes up in one commit, is verified file by file and
    tagged; the receipt is publish/receipt.json in the run's folder.
    """
    from finetune import pipeline, release
    from finetune.artifacts import RunFolder
    from finetune.cli.console import quiet_libraries
    from finetune.errors import UsageError

    run = RunFolder.open(run_folder)
    quiet_libraries()
    if resume:
        given = [name for name, value in wishes.items() if value not in (None, False)]
        if given:
            raise UsageError(f"--resume goes on as it was begun; it takes no --{given[0].replace('_', '-')}.",
                             "Leave it away, or begin anew with --restart.")  # fmt: skip
        click.echo(pipeline.publish(run, resume=True).sentence)
        return
    if release.is_unfinished(run) and not (restart or dry_run):
        raise UsageError(
            f"A publication of {run.path} was begun and not finished.",
            f"Go on with it: finetune publish {run.path} --resume; or begin anew with --restart.",
        )
    section = _section(run, wishes)
    if dry_run:
        _show_release(release.prepare_release(run, section, force=force, keep=False))
    else:
        click.echo(pipeline.publish(run, section, force=force).sentence)


def _section(run: RunFolder, wishes: dict[str, Any]) -> PublishSection:
    """The recipe's section with what the command line says in front of it."""
    from pydantic import ValidationError

    from finetune.artifacts.run_folder import RECIPE
    from finetune.errors import UsageError
    from finetune.recipe import PublishSection, Recipe

    values = Recipe.from_yaml(run.path / RECIPE).publish.model_dump(exclude_none=True)
    if wishes["repo"] not in (None, values.get("repo")):  # the recipe's Space and data belong to its own repository
        values = {name: value for name, value in values.items() if name not in ("space", "data", "tag")}
    plain = ("repo", "private", "weights", "tag", "pull_request", "examples")
    values |= {name: wishes[name] for name in plain if wishes[name] is not None}
    for name, given in (("space", {"repo": wishes["space"], "hardware": wishes["hardware"]}),
                        ("data", {"repo": wishes["dataset"], "rows": wishes["rows"] or None})):  # fmt: skip
        stated = {key: value for key, value in given.items() if value is not None}
        if stated:
            values[name] = values.get(name, {}) | stated
    try:
        return PublishSection.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"publish.{place}: {problem['msg'].removeprefix('Value error, ')}.",
                         "finetune publish --help names the options.") from None  # fmt: skip


def _show_release(release: Release) -> None:
    """What would go up, repository by repository, to the byte."""
    from rich.table import Table

    from finetune.cli.console import new_console

    console = new_console()
    for upload in release.uploads:
        files = upload.files
        whole = sum(size for _, size in files)
        visible = "private" if upload.private else "public"
        table = Table("file", "bytes", title=f"{upload.repo_type} {upload.repo} ({visible})", title_justify="left")
        table.columns[1].justify = "right"
        for name, size in files:
            table.add_row(name, f"{size:,}")
        console.print(table)
        tag = f", tagged {upload.tag}" if upload.tag else ""
        way = "by a pull request" if upload.by_pull_request else "in one commit"
        click.echo(f"{len(files)} files, {whole / 1e6:,.1f} MB, {way}{tag}. They lie in {upload.folder}\n")
    click.echo("Nothing was sent: this was a dry run.")


@finetune.command()
@click.argument("model", metavar="RUN")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: the first free one from 7860.")
@click.option("--share", is_flag=True, help="A public address through Gradio's servers, for three days.")
@click.option("--auth", metavar="USER", help=f"Ask for this user's password, which {PASSWORD} or a prompt gives.")
@click.option("--mcp", is_flag=True, help="Offer the model as an MCP tool, too.")
@click.option("--flags", metavar="FILE", type=click.Path(dir_okay=False),
              help="Let people flag answers, kept as rows of this JSON Lines file.")  # fmt: skip
@click.option("--queue-size", type=click.IntRange(1), default=32, show_default=True, help="Waiting requests at most.")
@click.option("--open/--no-open", "open_browser", default=None, help="Open the page. Default: from a terminal.")
def demo(model: str, auth: str | None, flags: str | None, open_browser: bool | None, **settings: Any) -> None:
    """Try the model of RUN, or a published one (org/name), in the browser: at 127.0.0.1, for nobody else."""
    from finetune import pipeline
    from finetune.cli.console import quiet_libraries
    from finetune.serving import DemoSettings

    chosen = DemoSettings(
        auth=(auth, _password(auth)) if auth else None, flags=Path(flags) if flags else None,
        open_browser=sys.stdout.isatty() if open_browser is None else open_browser, **settings,
    )  # fmt: skip
    quiet_libraries()
    pipeline.launch_demo(model, chosen)


def _password(user: str) -> str:
    return os.environ.get(PASSWORD) or click.prompt(f"Password of {user}", hide_input=True, confirmation_prompt=True)
