"""Section on how thoroughly the data is looked at."""

from __future__ import annotations

from pydantic import Field

from finetune.recipe.section import Section


class InspectionSection(Section):
    """How thoroughly the data is looked at: counts are over all rows, what is slow is measured on a sample."""

    sample: int = Field(default=20_000, ge=100)
    """Rows at most, drawn evenly, for what is slow: languages, tokens, near duplicates, label errors, embeddings."""
    label_errors: bool = True
    """Look for labels that are probably wrong, by out-of-fold probabilities of the TF-IDF baseline."""
    in_runs: bool = True
    """Whether a run looks at its data too, and leaves what it found in its folder; `finetune data` always does."""
