"""What the loopback Hub allows: the plan of its accounts, quotas, rate limits, sizes."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from .access import HubError
from .faults import rate_limit_headers
from .repository import RepoType
from .storage import Storage

Visibility: TypeAlias = Literal["public", "private", "protected"]


class VisibilityChange(NamedTuple):
    """A repository came to be, or changed who sees it."""

    repo_type: RepoType
    repo_id: str
    visibility: Visibility


@dataclass
class Policy:
    """Settings of a hub; a test changes them at any time.

    Attributes:
        free_plan: Whether accounts are free ones, which run Gradio and Docker Spaces on ZeroGPU only (402).
        storage_quota: Bytes of LFS files per namespace; None sets no limit.
        quota_status: How an upload beyond the quota is refused: 403 as for private storage, or 402.
        rate_limit: Requests per window; None sets no limit.
        rate_window: Length of that window in seconds.
        part_size: LFS files larger than this are uploaded in parts of this many bytes.
        space_stages: What a Space with an app reports, one after the other, after each commit.
        visibilities: Every visibility that any repository ever had, in order.
    """

    free_plan: bool = False
    storage_quota: int | None = None
    quota_status: Literal[402, 403] = 403
    rate_limit: int | None = None
    rate_window: float = 300.0
    part_size: int = 5 * 1024**3
    space_stages: tuple[str, ...] = ("RUNNING",)
    visibilities: list[VisibilityChange] = field(default_factory=list)
    _recent: deque[float] = field(default_factory=deque, repr=False)

    def check_plan(self, sdk: str, hardware: str | None) -> None:
        """Refuse a Space that the plan does not pay for."""
        if self.free_plan and sdk != "static" and hardware != "zero-a10g":
            wanted = hardware or "cpu-basic"
            message = f"A paid plan is required to run a {sdk} Space on {wanted}. Please upgrade to PRO or use ZeroGPU."
            raise HubError(402, message)

    def check_storage(self, storage: Storage, namespace: str, more: int) -> None:
        """Refuse ``more`` bytes of LFS files where the namespace has no room for them."""
        if self.storage_quota is None:
            return
        used = sum(path.stat().st_size for each in storage.owned(namespace) for path in each.lfs_objects())
        if used + more > self.storage_quota:
            message = "Private repository storage limit reached, please upgrade your plan to increase your limit."
            raise HubError(self.quota_status, message)

    def count_request(self) -> dict[str, str]:
        """Count one request; returns the rate limit's headers, which have ``Retry-After`` once it is exceeded."""
        if self.rate_limit is None:
            return {}
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - self.rate_window:
            self._recent.popleft()
        if len(self._recent) >= self.rate_limit:
            reset = max(0, round(self._recent[0] + self.rate_window - now))
            return rate_limit_headers(0, reset, self.rate_limit, round(self.rate_window))
        self._recent.append(now)
        # The last request within the limit is answered: not 0, which would ask its client to wait.
        left = max(1, self.rate_limit - len(self._recent))
        return rate_limit_headers(left, round(self.rate_window), self.rate_limit, round(self.rate_window))
