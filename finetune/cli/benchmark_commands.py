"""The verbs that ask whether a score can be trusted beyond its own test rows: contamination, benchmarks elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.cli.commands import finetune, read_recipe

if TYPE_CHECKING:
    from finetune.artifacts import RunFolder
    from finetune.evaluation.harness import BenchmarkScore
    from finetune.recipe import Recipe


@finetune.command()
@click.argument("recipe_or_run", metavar="RECIPE_OR_RUN")
@click.argument("overrides", nargs=-1)
@click.option("--model", help="Pretrained language model to ask instead of the recipe's.")
@click.option("--reference", metavar="DATA", help="Texts that it cannot have seen: a file or a Hub id.")
@click.option("--column", help="Their text column.")
@click.option("--rows", type=click.IntRange(min=20), help="Most rows of each. Default: 200. "
              "Minutes on a CPU with a model of 100 million parameters.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def contamination(
    recipe_or_run: str, overrides: tuple[str, ...], model: str | None, as_json: bool, **membership: Any
) -> None:  # fmt: skip
    """Look for the test rows of RECIPE_OR_RUN among its training rows, and in what a language model has read.

    Of a run, what is found goes into its evaluation.json, and the report is written anew.
    """
    from finetune import benchmarking, pipeline
    from finetune.artifacts import RunFolder
    from finetune.cli.console import quiet_libraries
    from finetune.errors import UsageError

    run = RunFolder.open(recipe_or_run) if benchmarking.is_run(recipe_or_run) else None
    if run is not None and overrides:
        raise UsageError("A run has its own recipe; it takes no changes.", "Leave them away, or name a recipe.")
    path = str(run.path / "recipe.yaml") if run is not None else recipe_or_run
    recipe = _with_membership(read_recipe(path, overrides), membership)
    pipeline.validate(recipe)
    quiet_libraries()
    found = _look(recipe, model, run)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _show_contamination(found)
        if run is not None:
            click.echo(f"report: {pipeline.report(run)}")


def _with_membership(recipe: Recipe, wishes: dict[str, Any]) -> Recipe:
    from finetune.recipe import MembershipSection

    given = {name: value for name, value in wishes.items() if value is not None}
    before = recipe.evaluation.contamination.membership or MembershipSection()
    section = MembershipSection.model_validate(before.model_dump() | given)
    looks = recipe.evaluation.contamination.model_copy(update={"membership": section})
    scores = recipe.evaluation.model_copy(update={"contamination": looks})
    return recipe.model_copy(update={"evaluation": scores})


def _look(recipe: Recipe, model: str | None, run: RunFolder | None) -> dict[str, Any]:
    from finetune import exposure, pipeline
    from finetune.artifacts import Evaluation
    from finetune.artifacts.prepared_data import iterate
    from finetune.evaluation.contamination import examine_training_rows, look_for_rows

    evaluation = Evaluation.load(run) if run is not None else None
    data = pipeline.prepare(recipe)
    train, test = list(iterate(data.train)), list(iterate(data.test))
    if evaluation is None:
        found = {"overlap": look_for_rows(data.task, test, train, recipe.evaluation.contamination.ngram)[0]}
    else:
        found = examine_training_rows(evaluation, train, recipe.evaluation)
    found["exposure"] = exposure.examine(recipe, data.task, test, model=model)
    if run is not None and evaluation is not None:
        before = evaluation.contamination.get("exposure")
        if before and "because" in found["exposure"]:  # what another model said before is worth more than nothing
            found["exposure"] = before
        evaluation.contamination = found
        evaluation.save(run)
    return found


def _show_contamination(found: dict[str, Any]) -> None:
    from finetune.cards.sections.contamination import sentences

    for sentence in sentences(found):
        click.echo(sentence)


@finetune.command()
@click.argument("model_or_run", metavar="MODEL_OR_RUN")
@click.option("--harness", type=click.Choice(["lm-eval"]), default="lm-eval", show_default=True, help="Which one runs.")
@click.option("--tasks", help="Its tasks or groups, with commas between them.")
@click.option("--results", type=click.Path(dir_okay=False), multiple=True, help="Read a file of results that lm-eval "
              "or lighteval wrote, instead of running.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="The first rows of each task only.")
@click.option("--include-path", type=click.Path(file_okay=False), help="Folder with own task files. They may name "
              "Python functions, which are run.")  # fmt: skip
@click.option("--examples", type=click.IntRange(min=0), help="Examples before each question. Default: the task's.")
@click.option("--output", type=click.Path(dir_okay=False), help="Write the harness's own results to a file, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def benchmark(
    model_or_run: str, harness: str, tasks: str | None, results: tuple[str, ...], output: str | None, as_json: bool,
    **wishes: Any,
) -> None:  # fmt: skip
    """Score a language model on the tasks of another harness, or read scores that it wrote elsewhere.

    Of a run, the scores go into its evaluation.json, and the report is written anew.
    """
    from finetune import benchmarking, pipeline
    from finetune.artifacts import RunFolder
    from finetune.cli.console import quiet_libraries
    from finetune.errors import UsageError

    if (tasks is None) == (not results):
        raise UsageError("Give either --tasks to run or --results to read.", "finetune benchmark --help says more.")
    if output and Path(output).exists():
        raise UsageError(f"{output} exists already.", "Name another file; nothing is overwritten.")
    run = RunFolder.open(model_or_run) if benchmarking.is_run(model_or_run) else None
    level = read_recipe(str(run.path / "recipe.yaml"), ()).evaluation.confidence if run is not None else 0.95
    quiet_libraries()
    scores = _read(results, level) if results else _run(model_or_run, tasks or "", wishes, level, output)
    if run is not None:
        benchmarking.add_benchmarks(run, scores)
    if as_json:
        click.echo(json.dumps([score.to_dict() for score in scores], indent=2, ensure_ascii=False))
        return
    _show_scores(scores)
    if run is not None:
        click.echo(f"report: {pipeline.report(run)}")


def _read(results: tuple[str, ...], level: float) -> list[BenchmarkScore]:
    from finetune.evaluation.harness import read_results

    return [score for path in results for score in read_results(path, level)]


def _run(name: str, tasks: str, wishes: dict[str, Any], level: float, output: str | None) -> list[BenchmarkScore]:
    from finetune import benchmarking
    from finetune.evaluation.harness import Wishes

    chosen = tuple(task.strip() for task in tasks.split(",") if task.strip())
    asked = Wishes(chosen, wishes["limit"], wishes["include_path"], wishes["examples"])
    results, scores = benchmarking.run_benchmarks(name, asked, level)
    if output:
        Path(output).write_text(json.dumps(results, indent=2, default=str) + "\n", encoding="utf-8")
    return scores


def _show_scores(scores: list[BenchmarkScore]) -> None:
    from rich.table import Table

    from finetune.cards.sections.benchmarks import COLUMNS, line
    from finetune.cli.console import new_console

    table = Table(title="Benchmarks", title_justify="left")
    for name in COLUMNS:
        table.add_column(name, overflow="fold")
    for score in scores:
        table.add_row(*line(score.to_dict()))
    new_console().print(table)
