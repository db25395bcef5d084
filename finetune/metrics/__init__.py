"""Metrics: one `evaluate.Metric` per module; the file name is the metric's name.

A recipe names a metric in one of three ways: a built-in name (`f1`), a local path to a metric script or to the folder
that holds it (`./metrics/kappa`), or `hub:NAME[@REVISION]` for a metric on the Hub, whose code then runs here.
The built-in ones work without a connection. Importing this package imports neither evaluate nor torch.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from finetune.errors import FinetuneError, MissingExtraError, NotFoundError, OfflineError, RecipeError, did_you_mean
from finetune.metrics.facts import FACTS, Direction, Facts, Kind

__all__ = ["Direction", "Facts", "Kind", "direction", "load_metric", "metric_facts", "metric_names", "metric_outputs"]

_SHARED = {  # modules of this folder that are no metric
    "__init__", "additive", "answers", "confusion", "entities", "facts", "measure", "ranking",
}  # fmt: skip
_HUB = "hub:"


def metric_names() -> tuple[str, ...]:
    """Names of the built-in metrics, sorted; each is a module of this package.

    Example:
        >>> "f1" in metric_names()
        True
    """
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("*.py") if file.stem not in _SHARED))


def metric_facts(name: str) -> Facts | None:
    """What is known of the metric `name` without loading it; None for a path or `hub:` name.

    Raises:
        RecipeError: `name` is neither built in nor a path nor a `hub:` name.
    """
    if name in FACTS:
        return FACTS[name]
    if _is_hub(name) or _is_path(name):
        return None
    raise RecipeError(
        f"Unknown metric {name!r}.",
        f"{did_you_mean(name, metric_names())} A path loads a local metric, hub:NAME one from the Hub.".strip(),
    )


def metric_outputs(name: str) -> tuple[str, ...]:
    """Names of the scores that the metric `name` yields, the headline score first.

    Empty for a path or `hub:` name: only computing such a metric shows what it yields.

    Raises:
        RecipeError: The metric is unknown.

    Example:
        >>> metric_outputs("f1")
        ('f1', 'f1_micro', 'f1_weighted')
    """
    facts = metric_facts(name)
    return facts.outputs if facts else ()


def direction(score_name: str) -> Direction:
    """Whether a `higher` or a `lower` value of a built-in score is the better one.

    Raises:
        RecipeError: No built-in metric yields this score, or it is a table.

    Example:
        >>> direction("rmse")
        'lower'
    """
    known = {output: facts.direction for facts in FACTS.values() for output in facts.outputs}
    if (found := known.get(score_name)) is not None:
        return found
    ordered = [name for name, value in known.items() if value is not None]
    if score_name in known:
        raise RecipeError(f"{score_name!r} is a table: no value of it is better than another.", "Choose a score.")
    raise RecipeError(f"Unknown score {score_name!r}.", did_you_mean(score_name, ordered, limit=len(ordered)))


def load_metric(name: str, config_name: str | None = None) -> Any:
    """The metric that a recipe names.

    Args:
        name: A built-in name (which wins over a file of the same name), a local path, or `hub:NAME[@REVISION]`.
        config_name: The metric's configuration for `compute`: `multilabel` for (n, L) targets, `multiclass` for
            `auc` with scores (n, C); None for (n,) inputs.

    Returns:
        A `finetune.metrics.measure.Measure` for a built-in name, else what `evaluate.load` gives.

    Raises:
        RecipeError: The name is unknown.
        NotFoundError: There is no such path, or no such metric on the Hub.
        OfflineError: The Hub cannot be reached and the metric is not in the cache.
        MissingExtraError: The metric needs a package that is not installed.
    """
    if metric_facts(name) is not None:
        return _class_of(importlib.import_module(f"{__name__}.{name}"))(config_name)
    if _is_hub(name):
        path, _, revision = name.removeprefix(_HUB).partition("@")
        return _load(path, config_name, revision or None)
    if not Path(name).expanduser().exists():
        raise NotFoundError(f"There is no metric script or folder at {name!r}.", "Check the path in the recipe.")
    return _load(str(Path(name).expanduser().absolute()), config_name, None)


def _class_of(module: Any) -> Any:
    """The metric class that `module` defines (not one that it imports)."""
    from finetune.metrics.measure import Measure

    defined = (item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__)
    return next(item for item in defined if issubclass(item, Measure))


def _is_hub(name: str) -> bool:
    return name.startswith(_HUB) and len(name) > len(_HUB)


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or os.sep in name or bool(name and Path(name).exists())


def _load(path: str, config_name: str | None, revision: str | None) -> Any:
    """`evaluate.load`, with its errors turned into ours."""
    import evaluate

    try:
        return evaluate.load(path, config_name, revision=revision)
    except FileNotFoundError as error:  # also what evaluate raises where it has no connection
        raise _absent(path) from error
    except ConnectionError as error:
        raise _offline(path) from error
    except ImportError as error:
        raise MissingExtraError(f"The metric {path!r} cannot be imported: {error}", "Install what it names.") from error


def _absent(path: str) -> FinetuneError:
    """Why `evaluate.load` found nothing at `path`: it does not exist, or the Hub is out of reach."""
    if os.path.isabs(path):
        cause = f"The folder {path!r} holds no metric: it needs a script named like the folder, with the ending .py."
        return NotFoundError(cause, "Name the script itself, or rename it.")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        HfApi().repo_info(path if "/" in path else f"evaluate-metric/{path}", repo_type="space", timeout=10)
    except RepositoryNotFoundError:
        return NotFoundError(f"There is no metric {path!r} on the Hub.", did_you_mean(path, metric_names()))
    except Exception:  # offline mode, no route, a proxy's answer: in each case the Hub did not say
        return _offline(path)
    return NotFoundError(f"The Space of the metric {path!r} has no script for it.", "Check the name and the revision.")


def _offline(path: str) -> OfflineError:
    return OfflineError(
        f"The metric {path!r} is not in the cache and the Hub cannot be reached.",
        f"Connect once, or use a metric that is built in: {', '.join(metric_names())}.",
    )
