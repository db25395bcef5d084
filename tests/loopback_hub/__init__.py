"""A Hub on the loopback interface, and small repositories to put on it."""

from .repository import Blob, Commit, Repository, Storage
from .server import LoggedRequest, LoopbackHub
from .tiny import dataset_repository, tiny_adapter, tiny_bert

__all__ = [
    "Blob",
    "Commit",
    "LoggedRequest",
    "LoopbackHub",
    "Repository",
    "Storage",
    "dataset_repository",
    "tiny_adapter",
    "tiny_bert",
]
