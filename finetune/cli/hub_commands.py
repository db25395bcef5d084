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
@click.option("--private/--public", default=None, help="Who sees it. Default: as the recipe says, else private.")
@click.option("--weights", type=click.Choice(["adapter", "merged", "both"]), help="Default: the adapter where its base "
              "model is on the Hub, else the whole model.")  # fmt: skip
@click.option("--tag", help="Tag of the commit. Default: the name of the run's folder.")
@click.option("--pull-request/--no-pull-request", default=None, help="Default: only for very large uploads.")
@click.option(
    "--examples/--no-examples", default=None, help="A few test rows for the demo. Default: if they are public."
)
@click.option("--space", metavar="ORG/NAME", help="A Space with the demo.")
@click.option("--hardware", help="What the Space runs on. Default: zero-a10g.")
@click.option("--space-package", metavar="REQUIREMENT", help="What installs this library in the Space. Default: this "
              "version from PyPI.")  # fmt: skip
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

    if not Path(run_folder).exists() and "/" in run_folder:
        raise UsageError(f"There is no run folder {run_folder} on this machine.",
                         f"RUN is a folder that a run left; a repository is named by --repo {run_folder}.")  # fmt: skip
    run = RunFolder.open(run_folder)
    quiet_libraries()
    if resume:
        _refuse_wishes(wishes | {"force": force, "restart": restart})
        if dry_run:
            _show_release(release.reopen_release(run))
        else:
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


def _refuse_wishes(wishes: dict[str, Any]) -> None:
    """What was begun is gone on with as it was begun."""
    from finetune.errors import UsageError

    given = [name for name, value in wishes.items() if value not in (None, False)]
    if given:
        option = "public" if given[0] == "private" else given[0].replace("_", "-")
        raise UsageError(f"--resume goes on as it was begun; it takes no --{option}.",
                         "Leave it away, or begin anew with --restart.")  # fmt: skip


def _section(run: RunFolder, wishes: dict[str, Any]) -> PublishSection:
    """The recipe's section with what the command line says in front of it."""
    from pydantic import ValidationError

    from finetune.artifacts.run_folder import RECIPE
    from finetune.errors import UsageError
    from finetune.recipe import PublishSection, Recipe

    values = Recipe.from_yaml(run.path / RECIPE).publish.model_dump(exclude_none=True)
    if wishes["repo"] not in (None, values.get("repo")):  # the recipe's other statements belong to its own repository
        values = {name: values[name] for name in ("weights", "pull_request", "examples") if name in values}
    plain = ("repo", "private", "weights", "tag", "pull_request", "examples")
    values |= {name: wishes[name] for name in plain if wishes[name] is not None}
    package = wishes["space_package"]
    for name, given in (
        ("space", {"repo": wishes["space"], "hardware": wishes["hardware"], "package": package}),
        ("data", {"repo": wishes["dataset"], "rows": wishes["rows"] or None}),
    ):
        if part := _part(values.get(name, {}), given, visibility_stated=wishes["private"] is not None):
            values[name] = part
        if part and "repo" not in part:
            raise UsageError(*_NEEDS[name])
    try:
        return PublishSection.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"publish.{place}: {problem['msg'].removeprefix('Value error, ')}.",
                         "finetune publish --help names the options.") from None  # fmt: skip


_NEEDS = {
    "space": ("--hardware and --space-package are for a Space.", "Name it: --space org/name."),
    "data": ("--rows are for a data set repository.", "Name it: --dataset org/name."),
}


def _part(stated: dict[str, Any], given: dict[str, Any], *, visibility_stated: bool) -> dict[str, Any]:
    """What the recipe says of a Space or data set, with the command line in front; who sees another one than the
    recipe's, or any where the command line says who, is not the recipe's to say."""
    given = {key: value for key, value in given.items() if value is not None}
    if given.get("repo") not in (None, stated.get("repo")):
        stated = {key: value for key, value in stated.items() if key == "package"}
    if visibility_stated:
        stated = {key: value for key, value in stated.items() if key != "private"}
    return stated | given


def _show_release(release: Release) -> None:
    """What would go up, repository by repository, to the byte."""
    from rich.table import Table

    from finetune.cli.console import new_console
    from finetune.publishing.uploads import count_files, file_size

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
        click.echo(f"{count_files(len(files))}, {file_size(whole)}, {way}{tag}. They lie in {upload.folder}\n")
    click.echo("Nothing was sent: this was a dry run.")


@finetune.command()
@click.argument("model", metavar="RUN")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: the first free one from 7860.")
@click.option("--share", is_flag=True, help="A public address through Gradio's servers, for about a week.")
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
        auth=(auth, _password(auth)) if auth is not None else None, flags=Path(flags) if flags else None,
        open_browser=sys.stdout.isatty() if open_browser is None else open_browser, **settings,
    )  # fmt: skip
    quiet_libraries()
    pipeline.launch_demo(model, chosen)


def _password(user: str) -> str:
    from finetune.errors import UsageError

    if not user.strip():
        raise UsageError("--auth names no user.", "Give a name, or leave --auth away to ask for no password.")
    return os.environ.get(PASSWORD) or click.prompt(f"Password of {user}", hide_input=True, confirmation_prompt=True)
