"""The batch that one optimizer step sees: the same rows on one device and on eight, accumulated or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch.utils.data import Sampler

from finetune.errors import RecipeError


@dataclass(frozen=True)
class BatchPlan:
    """How the global batch is shared out.

    Attributes:
        size: Rows per optimizer step, over all processes.
        processes: How many there are.
        micro: Rows that one process takes at a time.
        whole: Whether the loss needs a process's whole share at once; `micro` then bounds only what it holds of it.
    """

    size: int
    processes: int
    micro: int
    whole: bool = False

    @property
    def loaded(self) -> int:
        """Rows of the batches that a process loads."""
        return self.size // self.processes if self.whole else self.micro

    @property
    def part(self) -> int | None:
        """Rows of a loaded batch that the loss may hold at a time; None for all."""
        return self.micro if self.micro < self.loaded else None

    @property
    def accumulation(self) -> int:
        """Batches per process and optimizer step."""
        return self.size // (self.processes * self.loaded)

    @property
    def smaller(self) -> BatchPlan | None:
        """The same global batch with the next smaller micro-batch; None at one row."""
        share = self.size // self.processes
        micro = next((m for m in range(self.micro // 2, 0, -1) if share % m == 0), 0)
        return replace(self, micro=micro) if micro else None

    def steps_per_epoch(self, rows: int) -> int:
        """Optimizer steps in one pass over `rows` rows."""
        return max(1, -(-rows // self.size))


def plan_batches(size: int, processes: int, largest_micro: int | None, *, whole: bool = False) -> BatchPlan:
    """Share a global batch out over processes and micro-batches.

    Args:
        size: Rows per optimizer step.
        processes: Number of processes.
        largest_micro: Most rows that one process takes at a time; None for its whole share.
        whole: Whether the loss compares rows with each other, so that a share cannot be taken in parts.

    Raises:
        RecipeError: The batch cannot be shared out evenly.
    """
    share, rest = divmod(size, processes)
    if rest:
        low, high = size - rest, size - rest + processes
        raise RecipeError(
            f"training.train_batch_size is {size} rows in all, which {processes} processes cannot share evenly.",
            f"Use {f'{low} or ' if low else ''}{high}.",
        )
    limit = min(share, largest_micro or share)
    return BatchPlan(size, processes, next(m for m in range(limit, 0, -1) if share % m == 0), whole)


class StepSampler(Sampler[int]):
    """Row indices in the order of training, whole optimizer steps only.

    Rows are shuffled anew each epoch; with `group`, windows of 50 steps are sorted by length, cut into steps, and the
    steps shuffled, so that a step holds rows of similar length. The order depends on the seed, the epoch and the
    global batch size alone, never on the number of processes, so that runs on one and on eight devices see the same
    steps. The last step is filled up with rows from the epoch's start: no row is left out of an epoch.

    Args:
        lengths: Tokens per row.
        size: Rows per optimizer step.
        seed: Seed of the order.
        group: Whether to put rows of similar length together.
        apart: Keys per row; rows that share one come into different steps where that is possible.
    """

    def __init__(
        self, lengths: Sequence[int], size: int, seed: int, *, group: bool,
        apart: Sequence[frozenset[str]] | None = None,
    ) -> None:  # fmt: skip
        self.lengths = np.asarray(lengths)
        self.apart = apart
        self.size, self.seed, self.group = size, seed, group
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (from 0) whose order the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.size) * self.size

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self.seed, self.epoch))
        order = random.permutation(len(self.lengths))
        order = np.resize(order, len(self))  # repeats from the start
        if self.group:
            window = 50 * self.size
            parts = [order[start : start + window] for start in range(0, len(order), window)]
            order = np.concatenate([part[np.argsort(-self.lengths[part], kind="stable")] for part in parts])
            order = random.permutation(order.reshape(-1, self.size)).reshape(-1)
        yield from order.tolist() if self.apart is None else part(order.tolist(), self.apart, self.size)


def part(order: Sequence[int], keys: Sequence[frozenset[str]], size: int) -> list[int]:
    """The same rows, moved so that steps of `size` hold no two that share a key, as long as others are left.

    A row that would meet its like waits for the next step; what still waits at the end is put where it must.
    """
    steps: list[list[int]] = []
    waiting, coming = deque[int](), deque(order)
    while waiting or coming:
        step: list[int] = []
        met: set[str] = set()
        put_off: deque[int] = deque()
        while len(step) < size and (waiting or coming):
            row = (waiting or coming).popleft()
            if keys[row] & met:
                put_off.append(row)
            else:
                step.append(row)
                met |= keys[row]
        while len(step) < size and put_off:  # nothing else is left
            step.append(put_off.popleft())
        waiting = put_off + waiting
        steps.append(step)
    return [row for step in steps for row in step]
