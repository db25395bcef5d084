"""The words in which findings on contamination are summed up; never "clean"."""

from __future__ import annotations

FOUND, NOT_FOUND = "overlap found", "no overlap found"
"""Of test rows with training rows: a count, not an estimate."""
EVIDENCE, INCONCLUSIVE, NOT_MEASURED = "evidence of exposure", "inconclusive", "not measured"
"""Of a pretrained model to test rows: statistical, and never proof of the contrary."""
