"""Where models and data live: the Hub, this machine, a package on PyPI, a database.

locations.py   a name in a recipe -> what kind of place it is
hub.py         the Hub's answers -> our errors; the commit behind a revision
packages.py    what a PyPI package carries: downloaded, checked, never installed
published.py   models that this library published, by their Hub id
"""

from finetune.sources.hub import ModelSource, hub_errors, resolve_dataset_revision, resolve_model
from finetune.sources.locations import Location, parse_location
from finetune.sources.packages import PackageFile, cache_folder, fetch_from_package
from finetune.sources.published import DESCRIPTION, fetch_published, is_repository

__all__ = [
    "DESCRIPTION",
    "Location",
    "ModelSource",
    "PackageFile",
    "cache_folder",
    "fetch_from_package",
    "fetch_published",
    "hub_errors",
    "is_repository",
    "parse_location",
    "resolve_dataset_revision",
    "resolve_model",
]
