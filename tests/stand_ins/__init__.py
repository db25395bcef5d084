"""Small stand-ins for models and data sets of the Hub, under their real ids.

A model is tiny and random, of the real one's architecture, and saved with the language-modelling head that the real
checkpoint has. A data set has the real one's configuration, splits, columns, features and label names, and text that
can be learned: the words of a row tell its label. Hidden test labels read -1, as on the Hub.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from loopback_hub import LoopbackHub

Makers = dict[str, Callable[[Path], Path]]
MODELS: Makers = {}
"""Hub id -> writes the model into a folder."""
DATASETS: Makers = {}
"""Hub id -> writes the data set's repository into a folder."""
for _found in pkgutil.iter_modules(__path__):  # each module has those of one task's recipes
    _module = importlib.import_module(f"{__name__}.{_found.name}")
    MODELS |= getattr(_module, "MODELS", {})
    DATASETS |= getattr(_module, "DATASETS", {})


def publish(hub: LoopbackHub, folder: Path) -> dict[str, str]:
    """Put all stand-ins on a hub; returns the commit of each."""
    commits = {name: hub.add_model(name, make(folder / name)) for name, make in MODELS.items()}
    return commits | {name: hub.add_dataset(name, make(folder / name)) for name, make in DATASETS.items()}
