"""Where the cards of data sets stand, and how a card names its data set."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from finetune.cards.data_sets.answers import ANSWERS, read_answers
from finetune.errors import NotFoundError, UsageError
from finetune.sources import Location, parse_location


def find_card(cards: Path, data_name: str) -> Path | None:
    """The folder in `cards` whose answers name this data set; None where there is none.

    A card whose answers cannot be read is known by its folder's name, so that its check can say what is wrong.
    """
    wanted = data_id(data_name)
    paths = sorted(cards.glob(f"*/{ANSWERS}"))
    named = {path.parent: _data_set_of(path) for path in paths}
    found = next((folder for folder, name in named.items() if name and data_id(name) == wanted), None)
    broken = (folder for folder, name in named.items() if name is None and folder.name == card_folder_name(data_name))
    return found or next(broken, None)


def _data_set_of(path: Path) -> str | None:
    try:
        return str(read_answers(path)["card"]["dataset"])
    except UsageError:
        return None


def card_folder_name(data_name: str) -> str:
    """The name of a new card's folder.

    >>> card_folder_name("cardiffnlp/tweet_eval@main")
    'cardiffnlp--tweet_eval'
    >>> card_folder_name("pypi:vader==3.3.2/data.tar.gz/movie reviews.txt")
    'vader--movie-reviews'
    """
    location = locate(data_name)
    if location.kind == "hub":
        return location.name.replace("/", "--")
    last = PurePosixPath(location.inside or location.text.split("?")[0]).stem.removesuffix(".tar")
    parts = [location.name, last] if location.kind == "package" else [last]
    return "--".join(re.sub(r"[^\w.-]+", "-", part, flags=re.ASCII).strip("-.").lower() or "data" for part in parts)


def data_id(data_name: str) -> str:
    """A data set as cards name it: without a revision, a folder of this machine, or a password."""
    location = locate(data_name)
    return {"hub": location.name, "local": PurePosixPath(location.text).name}.get(location.kind, location.text)


def locate(data_name: str) -> Location:
    """Where a data set lives; a file need not be there."""
    try:
        return parse_location(data_name)
    except NotFoundError:
        return Location("local", data_name, text=data_name)
