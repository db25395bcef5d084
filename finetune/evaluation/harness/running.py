"""lm-evaluation-harness on a model that is in memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from finetune.errors import DataError, MissingExtraError, NotFoundError, UsageError, did_you_mean

_RESAMPLES = 1000
"""For the standard errors that have no formula."""


@dataclass(frozen=True)
class Wishes:
    """What to run.

    Attributes:
        tasks: Names of tasks or groups of the harness.
        limit: The first rows of each task only; None for all.
        folder: Where own task files (YAML) lie. Such files may name Python functions, which are run.
        examples: Examples shown before each question; None for the task's own number.
        batch_size: Rows at a time.
    """

    tasks: tuple[str, ...]
    limit: int | None = None
    folder: str | None = None
    examples: int | None = None
    batch_size: int = 8


def run_lm_eval(model: Any, processor: Any, wishes: Wishes, *, name: str, revision: str | None) -> dict[str, Any]:
    """The harness's own results for a causal (or sequence-to-sequence) language model.

    The model is one that was loaded before, from safetensors alone and without code of its own.

    Args:
        model: A transformers model.
        processor: Its tokenizer.
        wishes: What to run.
        name: What to call the model in the results.
        revision: Its commit, where it has one.

    Returns:
        What `convert` reads, without the rows' texts.

    Raises:
        MissingExtraError: The harness is not installed.
        UsageError: An unknown task.
        NotFoundError: There is no folder of tasks.
        DataError: A task failed.
    """
    check_installed()
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    tasks = _known_tasks(wishes)
    logging.getLogger("lm_eval").setLevel(logging.WARNING)
    try:
        asked = HFLM(pretrained=model, tokenizer=processor, batch_size=wishes.batch_size)
        results = simple_evaluate(
            asked, tasks=list(wishes.tasks), num_fewshot=wishes.examples, limit=wishes.limit, log_samples=False,
            bootstrap_iters=_RESAMPLES, task_manager=tasks,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, ConnectionError) as error:
        raise DataError(
            f"lm-eval could not run {', '.join(wishes.tasks)}: {type(error).__name__}: {str(error)[:300]}",
            "Its data may need the Hub; tasks of files on this machine run without (--include-path).",
        ) from error
    results["config"] |= {"model_args": {"pretrained": name}, "model_sha": revision or ""}
    return dict(results)


def check_installed() -> None:
    """Refuse, and say how to get it, where the harness is absent.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        metadata.version("lm_eval")
    except metadata.PackageNotFoundError:
        raise MissingExtraError.of("lm-eval", "harness", "Running benchmarks") from None


def _known_tasks(wishes: Wishes) -> Any:
    """The harness's tasks, with those of the folder in front.

    Raises:
        NotFoundError: There is no such folder.
        UsageError: A name that is none of them.
    """
    from lm_eval.tasks import TaskManager

    if wishes.folder is not None and not Path(wishes.folder).is_dir():
        raise NotFoundError(f"There is no folder {wishes.folder}.", "--include-path names a folder of task files.")
    if wishes.folder is not None:
        own = TaskManager(include_path=wishes.folder, include_defaults=False)
        if not _unknown(own, wishes):  # to look through the harness's own thousands takes many seconds
            return own
    tasks = TaskManager(include_path=wishes.folder)
    if unknown := _unknown(tasks, wishes):
        raise UsageError(f"lm-eval has no task {unknown[0]!r}.", did_you_mean(unknown[0], tasks.all_tasks))
    return tasks


def _unknown(tasks: Any, wishes: Wishes) -> list[str]:
    return [name for name in wishes.tasks if not tasks.match_tasks([name])]
