"""What goes up of a finished run, and in what order: everything is written and scanned here before anything is sent."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from finetune.artifacts import DataReport, DataTarget, Evaluation, Publication, RunFolder, SpaceTarget
from finetune.artifacts.run_folder import RECIPE
from finetune.artifacts.trained_model import DESCRIPTION
from finetune.errors import PublishError, UnmetGoalsError, UsageError
from finetune.recipe import PublishSection, Recipe
from finetune.sources import parse_location

if TYPE_CHECKING:
    from finetune.publishing import Receipt, Upload

log = logging.getLogger(__name__)
FOLDER = "publish"
RECEIPT = f"{FOLDER}/receipt.json"
PLAN = f"{FOLDER}/publication.json"


@dataclass(frozen=True)
class Release:
    """What is published of one run.

    Attributes:
        run: The run.
        publication: Where it goes and in what form.
        uploads: One per repository, in the order in which they are sent: nothing links to what is not there yet.
    """

    run: RunFolder
    publication: Publication
    uploads: list[Upload]


def check_before_training(recipe: Recipe) -> None:
    """Refuse what could not be published, before hours are spent: token, rights, visibility, gated sources, the card.

    Raises:
        PublishError: The subclass says what stands in the way.
        UsageError: The data set is to be published and has no card.
    """
    from finetune.publishing import check_access, find_account

    name = find_account().name
    publication = _targets(recipe, recipe.publish, name, weights="adapter", tag=recipe.publish.tag or "run")
    if publication.data is not None:
        _data_card(recipe, publication)
    check_access(_places(publication), _gated(recipe))
    log.info("The model may be published to %s.", publication.repo)


def prepare_release(run: RunFolder, wishes: PublishSection, *, force: bool = False, keep: bool = True) -> Release:
    """Write everything that is to go up into the run's folder `publish/`, and scan it for secrets.

    Args:
        run: A run that has been evaluated.
        wishes: What to publish and where.
        force: Publish although a goal of the recipe does not hold; the card says so.
        keep: Whether the release is meant to be sent; otherwise there is nothing to go on with later.

    Raises:
        UnmetGoalsError: A goal does not hold, and it is not forced.
        SecretFoundError: Something that looks like a secret would go up.
        PublishError: The account is not known, or the weights cannot be published in that form.
    """
    from finetune.publishing import check_access, refuse_secrets

    recipe, evaluation = Recipe.from_yaml(run.path / RECIPE), Evaluation.load(run)
    publication = replace(_resolve(run, recipe, wishes, _unmet(evaluation, force=force)), replace=force)
    if keep:  # before weights are added up and written, which takes long
        check_access(_places(publication))
        (run.path / PLAN).unlink(missing_ok=True)  # it never stands beside parts of another publication
    where = run.path / FOLDER / ("parts" if keep else "preview")
    shutil.rmtree(where, ignore_errors=True)  # of an earlier publication; all of it is derived
    folders = _stage(run, recipe, publication, where)
    for folder in folders.values():
        refuse_secrets(folder)
    if keep:
        _put_aside(run.path / RECEIPT)
        run.write_json(PLAN, asdict(publication))
    return Release(run, publication, _uploads(publication, folders))


def reopen_release(run: RunFolder) -> Release:
    """The release that was prepared and not finished, exactly as it was.

    Raises:
        PublishError: There is none.
    """
    if not run.has(PLAN):
        raise PublishError(
            f"The run {run.path} has no unfinished publication.", f"Begin one: finetune publish {run.path}"
        )
    values = run.read_json(PLAN)
    for name, kind in (("space", SpaceTarget), ("data", DataTarget)):
        values[name] = kind(**values[name]) if values[name] else None
    publication = Publication(**{**values, "unmet": tuple(values["unmet"])})
    wanted = ["model", *(part for part in ("data", "space") if getattr(publication, part) is not None)]
    folders = {part: run.path / FOLDER / "parts" / part for part in wanted}
    if gone := [str(folder) for folder in folders.values() if not folder.is_dir()]:
        raise PublishError(f"What was to go up is gone: {', '.join(gone)}.",
                           f"Begin anew: finetune publish {run.path} --restart")  # fmt: skip
    return Release(run, publication, _uploads(publication, folders))


def send_release(release: Release) -> Receipt:
    """Send what was prepared; each repository is verified before the next one is touched.

    Args:
        release: From `prepare_release`, or from `reopen_release`, whose receipt is gone on with.

    Raises:
        PublishError: Something could not be sent. What was finished stays, and the receipt says what it was.
    """
    from finetune.publishing import Receipt, check_access, send

    receipt = Receipt.open(release.run.path / RECEIPT)
    check_access(_places(release.publication))
    for upload in release.uploads:
        send(upload, receipt)
    (release.run.path / PLAN).unlink(missing_ok=True)  # finished: there is nothing to go on with
    shutil.rmtree(release.run.path / FOLDER / "parts", ignore_errors=True)  # a copy of the weights, now on the Hub
    return receipt


def is_unfinished(run: RunFolder) -> bool:
    """Whether a publication of this run was begun and not finished."""
    return run.has(PLAN)


def _put_aside(path: Path) -> None:
    """Keep the receipt of an earlier publication under another name."""
    if path.exists():
        number = next(n for n in range(1, 10_000) if not path.with_name(f"receipt-{n}.json").exists())
        path.rename(path.with_name(f"receipt-{number}.json"))


def _unmet(evaluation: Evaluation, *, force: bool) -> tuple[str, ...]:
    """The goals that do not hold, as sentences."""
    missed = [goal for goal in evaluation.goals if not goal["holds"]]
    unmet = tuple(goal["sentence"] for goal in missed)
    if unmet and not force:
        raise UnmetGoalsError(
            f"{len(unmet)} of {len(evaluation.goals)} goals of the recipe do not hold. {' '.join(unmet)}",
            "Train a better model, or publish it all the same with --force: its card will then say so.",
        )
    return unmet


def _resolve(run: RunFolder, recipe: Recipe, wishes: PublishSection, unmet: tuple[str, ...]) -> Publication:
    """Every default filled in; the account is asked for only where a name lacks its owner."""
    from finetune.publishing import find_account

    wanted = [wishes.repo, wishes.space.repo if wishes.space else None, wishes.data.repo if wishes.data else None]
    account = find_account().name if any(repo is not None and "/" not in repo for repo in wanted) else ""
    weights = _weights(run, wishes)
    return _targets(recipe, wishes, account, weights=weights, tag=wishes.tag or run.path.resolve().name, unmet=unmet)


def _targets(
    recipe: Recipe, wishes: PublishSection, account: str, *, weights: Literal["adapter", "merged", "both"], tag: str,
    unmet: tuple[str, ...] = (),
) -> Publication:  # fmt: skip
    if wishes.repo is None:
        raise UsageError("There is no repository to publish to.", "Name one: --repo org/name, or publish.repo.")
    from finetune import __version__
    from finetune.publishing import full_name

    if wishes.space is not None and wishes.space.package is None and "dev" in __version__:
        log.warning("The Space will ask for finetune-recipes==%s, a development version that PyPI may not have. Name "
                    "what installs it: --space-package, or publish.space.package.", __version__)  # fmt: skip
    space = None if wishes.space is None else SpaceTarget(
        full_name(wishes.space.repo, account), _either(wishes.space.private, wishes.private), wishes.space.hardware,
        wishes.space.package or f"finetune-recipes=={__version__}",
    )  # fmt: skip
    data = (
        None
        if wishes.data is None
        else DataTarget(
            full_name(wishes.data.repo, account), _either(wishes.data.private, wishes.private), wishes.data.rows
        )
    )
    examples = _is_public(recipe.data.name) if wishes.examples is None else wishes.examples
    return Publication(
        full_name(wishes.repo, account), wishes.private, weights, tag, wishes.pull_request, examples, unmet, space, data
    )


def _either(value: bool | None, default: bool) -> bool:
    return default if value is None else value


def _is_public(name: str) -> bool:
    """Whether anybody can get the data without an account; where that cannot be told, it is taken for private."""
    location = parse_location(name)
    if location.kind != "hub":
        return location.kind == "package"
    from huggingface_hub import HfApi

    try:
        return not HfApi().dataset_info(location.name, token=False, timeout=10).gated
    except Exception as error:  # gone, private, no connection: in each case nobody has said that it is public
        log.warning("No examples go up: whether %s is public cannot be told (%s).", location.name, type(error).__name__)
        return False


def _weights(run: RunFolder, wishes: PublishSection) -> Literal["adapter", "merged", "both"]:
    """What can be published: an adapter is of no use where nobody else has its base."""
    description = run.read_json(f"{run.model.name}/{DESCRIPTION}")
    on_hub = description["base"].get("revision") is not None
    if not description["adapter"]:
        if wishes.weights in ("adapter", "both"):
            raise PublishError("All weights were trained: there is no adapter.", "Publish the weights `merged`.")
        return "merged"
    if wishes.weights in ("adapter", "both") and not on_hub:
        raise PublishError(
            f"The adapter belongs to {description['base']['name']}, which is not on the Hub: nobody could load it.",
            "Publish the weights `merged`.",
        )
    return wishes.weights or ("adapter" if on_hub else "merged")


def _stage(run: RunFolder, recipe: Recipe, publication: Publication, folder: Path) -> dict[str, Path]:
    from finetune import cards, publishing

    found = {}
    if publication.data is not None:
        card, splits = _data_card(recipe, publication), None
        if publication.data.rows:
            splits = _rows_to_publish(run, recipe, card)
        found["data"] = publishing.stage_data(run, publication, card, splits, folder / "data")
    texts = cards.published_texts(run, publication)
    found["model"] = publishing.stage_model(run, publication, texts, folder / "model")
    if publication.space is not None:
        learned = parse_location(recipe.data.name)
        found["space"] = publishing.stage_space(
            publication, recipe.name or recipe.task, recipe.card.license, folder / "space",
            datasets=[learned.name] if learned.kind == "hub" else [], description=recipe.description or "",
        )  # fmt: skip
    return found


def _data_card(recipe: Recipe, publication: Publication) -> str:
    from finetune import cards

    folder = cards.find_card(cards.DATA_CARDS, recipe.data.name)
    if folder is None:
        raise UsageError(
            f"The data set {recipe.data.name} has no card in {cards.DATA_CARDS}, and is not published without one.",
            "Write it with: finetune card data RECIPE",
        )
    return cards.published_data_card(folder, publication)


def _rows_to_publish(run: RunFolder, recipe: Recipe, card: str) -> dict[str, Sequence[Any]]:
    """The cleaned rows of every split, where the licence is known."""
    head = yaml.safe_load(card.split("---\n")[1]) if card.startswith("---\n") else {}
    licence = head.get("license")
    if licence in (None, "unknown", "other", [], ""):
        raise PublishError(
            f"The data card states no licence under which the rows could be passed on (license: {licence}).",
            "State the licence in the card's answers.yaml, or publish the card alone (publish.data.rows: false).",
        )
    from finetune import data
    from finetune.task import load_task

    prepared = data.prepare(recipe, load_task(recipe.task, recipe.options))
    _refuse_other_data(run, prepared.report)
    return {"train": prepared.train, "validation": prepared.validation, "test": prepared.test}


def _refuse_other_data(run: RunFolder, read: DataReport) -> None:
    """What is said to be the rows of the run has to be them."""
    trained = run.read_json("data/report.json").get("content", {})
    if differing := [name for name, content in read.content.items() if trained.get(name) != content]:
        raise PublishError(
            f"The data has changed since the run: its rows of {', '.join(differing)} are others now.",
            "Publish the card alone (without --rows), or run the recipe again.",
        )


def _uploads(publication: Publication, folders: dict[str, Path]) -> list[Upload]:
    from finetune.publishing import Upload

    found = []
    if publication.data is not None:
        found.append(Upload("dataset", publication.data.repo, publication.data.private, folders["data"],
                            f"Data set of {publication.repo}", publication.tag, publication.pull_request))  # fmt: skip
    found.append(Upload("model", publication.repo, publication.private, folders["model"],
                        f"Publish {publication.tag}", publication.tag, publication.pull_request,
                        replace=publication.replace))  # fmt: skip
    if publication.space is not None:
        found.append(Upload("space", publication.space.repo, publication.space.private, folders["space"],
                            f"Demo of {publication.repo}", hardware=publication.space.hardware))  # fmt: skip
    return found


def _places(publication: Publication) -> list[Upload]:
    """The repositories without anything to put there: what rights are asked about."""
    nothing = Path()
    parts = {"data": nothing, "model": nothing, "space": nothing}
    return _uploads(publication, parts)


def _gated(recipe: Recipe) -> list[tuple[Literal["model", "dataset"], str]]:
    """Sources on the Hub, which may be gated."""
    found: list[tuple[Literal["model", "dataset"], str]] = []
    model = parse_location(recipe.model.name, recipe.model.revision, what="model")
    if model.kind == "hub":
        found.append(("model", model.name))
    data = parse_location(recipe.data.name, recipe.data.revision)
    if data.kind == "hub":
        found.append(("dataset", data.name))
    return found
