"""Whether two answers are the same but for the last bits, which another batch or thread changes."""

from __future__ import annotations

from typing import Any

import pytest


def assert_close(one: Any, other: Any, tolerance: float = 1e-5) -> None:
    """Equal in every part; numbers to a tolerance."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key], tolerance)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for mine, its in zip(one, other, strict=True):
            assert_close(mine, its, tolerance)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=tolerance, rel=tolerance)
    else:
        assert one == other
