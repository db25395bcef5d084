"""A Hub on the loopback interface, and small repositories to put on it."""

from .discussions import Discussion
from .faults import Fault
from .policy import Policy, VisibilityChange
from .recording import Body, LoggedRequest
from .repository import Blob, Commit, Repository
from .server import LoopbackHub
from .storage import Storage
from .tiny import dataset_repository, tiny_adapter, tiny_bert

__all__ = [
    "Blob",
    "Body",
    "Commit",
    "Discussion",
    "Fault",
    "LoggedRequest",
    "LoopbackHub",
    "Policy",
    "Repository",
    "Storage",
    "VisibilityChange",
    "dataset_repository",
    "tiny_adapter",
    "tiny_bert",
]
