"""The processes of one run: who writes, who waits, and how answers come together.

Under `accelerate launch` a run is several processes that all do the same; what is shared is written by rank 0 alone.
A run of one process needs none of this, and then torch is not even imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def rank() -> int:
    """This process's number, from 0."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """How many processes run together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this process writes what is shared."""
    return rank() == 0


def wait_for_all() -> None:
    """Return when every process has come here."""
    if count() > 1:
        _state().wait_for_everyone()


def share(value: T) -> T:
    """Rank 0's value, in every process (it must be picklable)."""
    if count() == 1:
        return value
    _state()
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value if is_main() else None])[0]  # type: ignore[no-any-return]


def my_part(items: Sequence[T]) -> Sequence[T]:
    """This process's contiguous part of `items`; parts differ by at most one."""
    base, extra = divmod(len(items), count())
    start = rank() * base + min(rank(), extra)
    return items[start : start + base + (rank() < extra)]


def join(parts: list[T]) -> list[T]:
    """All processes' lists, one behind the other in the order of the ranks, in every process."""
    if count() == 1:
        return parts
    _state()
    from accelerate.utils import gather_object

    return gather_object(parts)  # type: ignore[no-any-return]


@contextmanager
def main_first() -> Iterator[None]:
    """Rank 0 runs the block first, so that the others find its caches warm."""
    if not is_main():
        wait_for_all()
    try:
        yield
    finally:  # also when rank 0 fails: the others then meet the same error instead of waiting for ever
        if is_main():
            wait_for_all()


def _state() -> Any:
    from accelerate import PartialState

    from finetune.hardware import uses_cpu

    # Without `cpu` Accelerate takes processes without a GPU for one process, and its barriers hold nobody back.
    return PartialState(cpu=uses_cpu())
