"""The parts of the audit that look at whole rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from finetune.data.auditing.columns import ColumnScan
from finetune.data.auditing.duplicates import NearRows, describe_exact, describe_near, find_near, no_texts
from finetune.data.auditing.giveaways import describe_target_leakage
from finetune.data.auditing.labels import describe_target
from finetune.data.auditing.leakage import describe_leakage
from finetune.data.auditing.lengths import describe_languages, describe_tokens
from finetune.data.auditing.measuring import UNPREPARED, unmeasured
from finetune.data.auditing.media import MediaScan
from finetune.data.auditing.mislabels import describe_label_errors
from finetune.data.auditing.roles import Roles
from finetune.data.auditing.rows import Rows
from finetune.data.auditing.sampling import SEED, Sample
from finetune.data.auditing.scanning import scan_marks, scan_rows
from finetune.data.auditing.terms import describe_terms

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.artifacts import PreparedData
    from finetune.recipe import Recipe

NO_TEXTS = "The inputs are no texts."


class Parts:
    """The parts of the audit that look at whole rows.

    Args:
        rows: Prepared ones, or raw ones where there are none.
        splits: Raw splits.
        roles: What the raw columns are for.
        recipe: Says how thoroughly to look.
        worded: Whether inputs are texts.
    """

    def __init__(
        self, rows: Rows, splits: Mapping[str, Dataset], roles: Roles, recipe: Recipe, *, worded: bool
    ) -> None:
        self.rows, self.splits, self.roles, self.recipe, self.worded = rows, splits, roles, recipe, worded
        self.size, self.threshold = recipe.inspection.sample, recipe.cleaning.near_threshold

    @cached_property
    def sample(self) -> Sample:
        """Rows to measure what is slow on."""
        return self.rows.draw(self.size, SEED)

    def of_all_rows(self, prepared: PreparedData | None) -> dict[str, Any]:
        """`target`, `duplicates` and `leakage`: what the pass over all rows tells."""
        named = {mark: column for mark, column in self.roles.marks.items() if column in self._raw_columns}
        marks = scan_marks(self.splits, named)
        scans = scan_rows(self.rows, marks, numeric=self.rows.kind == "regression")
        near = self._near(scans)
        return {
            "target": describe_target(self.rows, scans, prepared, self.size, SEED),
            "duplicates": {
                "exact": describe_exact(self.rows, scans),
                "near": describe_near(self.rows, near, self.threshold) if near else no_texts(),
            },
            "leakage": describe_leakage(self.rows, scans, near, named),
        }

    @property
    def _raw_columns(self) -> set[str]:
        return {name for rows in self.splits.values() for name in rows.column_names}

    def _near(self, scans: Mapping[str, Any]) -> NearRows | None:
        return find_near(self.rows, scans, self.size, self.threshold, SEED) if self.worded else None

    def target_leakage(self, columns: Sequence[ColumnScan | MediaScan]) -> dict[str, Any]:
        """Columns, words or the order of rows that tell the target."""
        if self.rows.basis == "raw":
            return unmeasured(UNPREPARED)
        some = [column for column in columns
                if isinstance(column, ColumnScan) and self.roles.may_leak(column.name, column.kind)]  # fmt: skip
        return describe_target_leakage(self.rows, self.splits, some, self.size, SEED)

    def tokens(self, tokenizer: Any | None, max_length: int | None) -> dict[str, Any]:
        """Lengths of the inputs as the model reads them."""
        if not self.worded:
            return unmeasured(NO_TEXTS)
        return describe_tokens(self.rows, self.sample, tokenizer, max_length)

    def languages(self) -> dict[str, Any]:
        """Of the inputs."""
        return describe_languages(self.rows, self.sample) if self.worded else unmeasured(NO_TEXTS)

    def label_errors(self) -> dict[str, Any]:
        """Rows whose label is probably wrong."""
        if not self.worded:
            return unmeasured(NO_TEXTS)
        wanted = self.recipe.inspection.label_errors
        return describe_label_errors(self.rows, self.sample, SEED, wanted=wanted)

    def identity_terms(self) -> dict[str, Any]:
        """Words for groups of people in the inputs."""
        return describe_terms(self.rows) if self.worded else unmeasured(NO_TEXTS)
