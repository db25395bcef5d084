"""What a look at the data found, as plain values: `data/audit.json` of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from finetune.errors import RunFolderError

if TYPE_CHECKING:
    from finetune.artifacts.run_folder import RunFolder

FILE = "data/audit.json"
VERSION = 1
"""Of the structure below; a change that a reader would notice raises it."""
SEVERITIES = ("problem", "warning", "note")
"""Of findings, worst first."""


@dataclass(frozen=True)
class DataAudit:
    """The raw splits and the prepared rows, column by column and together.

    Words that hold everywhere:

    - A *row* is named by the raw split that it comes from and its index there, from 0: ``"train:12"``. Lists of rows
      are cut (at 20, label errors at 100); the counts beside them are not.
    - A *share* is in [0, 1]. A number that does not exist (the mean of no values) is null.
    - `sampled` is null where all rows were looked at, else `{"rows": n, "of": m}`: n of m rows, drawn evenly.
    - Every *part* has `measured`. Where that is false, `reason` is a sentence and no other key is there.
    - `quantiles` have the keys `p01 p05 p25 p50 p75 p95 p99`.
    - A *histogram* is `{"edges": [k + 1 ascending], "counts": [k], "below": rows under the first edge, "above": rows
      over the last}`; the edges span the middle 99%, so that one far value does not flatten all others.
    - Values of the data (examples, categories, label names) are cut at 200 characters, and personal data in them is
      replaced by its kind. Of a column that is mostly personal data, no values are listed at all.
    - *basis* is `"prepared"` where a part looked at the rows after cleaning and splitting, else `"raw"`.

    Attributes:
        version: Of this structure.
        name: The data set, as the recipe names it.
        task: The task's name, or null.
        settings: `{"sample", "seed", "near_threshold", "max_length"}`: what the figures depend on. `seed` is that of
            samples and folds; `max_length` is in tokens, or null.
        rows: `{"raw": {split: rows}, "prepared": {split: rows} or null}`.
        columns: One entry per raw column, in the data's order:

            - `name`; `type`: as stored (`string`, `int64`, `ClassLabel`, `Image` …).
            - `kind`: `text`, `number`, `category`, `time`, `id`, `boolean`, `list`, `image`, `audio` or `other`: what
              the values are, so a number written as text is a `number`.
            - `roles`: any of `input`, `target`, `feature`, `group`, `id`, `time`, `split`; `canonical`: the task's
              column that it fills, or null.
            - `missing`: split -> `{"count", "share"}`; null, NaN and blank texts are missing. `placeholders`: text that
              stands for a missing value (`NA`, `null`, `?` …) -> rows.
            - `distinct`: `{"count", "exact"}`; with `exact` false there are at least so many. Null for lists, files and
              other values that are not single ones.
            - `constant`: whether every row has the same value, missing ones included.
            - `personal`: whether most values are personal data.
            - `numbers`: of kind `number`, else null: `{"count", "min", "max", "mean", "std", "quantiles", "histogram",
              "outliers": {"iqr": {"low", "high", "count", "rows"}, "mad": the same}, "infinite", "sampled"}`. `std`
              divides by the number of values. Quantiles, histogram and bounds are those of the sample where there are
              more rows; all counts are over all rows. `iqr` and `mad` are null where the middle values are all equal.
            - `times`: of kind `time`, else null: `{"min", "max", "quantiles", "sampled"}` as ISO 8601.
            - `stored`: of texts that are numbers or dates, else null: `{"as": "number" or "time", "parseable": share,
              "ambiguous": share, "formats": [{"format", "count", "example"}], "rows": rows that cannot be read as it,
              "sampled"}`.
            - `texts`: of kind `text`, and of lists of texts that the model reads (joined by blanks), else null:
              `{"characters": {"min", "max", "mean", "quantiles", "histogram"}, "words": the same, "classes": {class:
              share of all characters}, "empty": rows, "damaged": {"count", "rows"}, "outliers": {"length": {"low",
              "high", "count", "rows"}, "classes": {"count", "rows", "bounds": {class: {"low", "high"}}}}, "sampled":
              of classes}`.
            - `categories`: of kind `category` or `boolean`, else null: `{"top": [{"value", "count", "share"}] (at most
              20), "spellings": [{"stands_for", "values": [{"value", "count"}]}], "exact"}`; `spellings` are groups of
              values that differ in case, blanks, punctuation or accents only.
            - `images`: of kind `image`, else null, a part: `{"width", "height": {"min", "max", "quantiles"}, "sizes":
              [{"width", "height", "count"}] (the most frequent), "modes", "formats": {name: rows}, "unreadable":
              {"count", "rows"}, "sampled"}`.
            - `audio`: of kind `audio`, else null, a part: `{"seconds": {"min", "max", "mean", "total", "quantiles",
              "histogram"}, "rates", "channels": {value: rows}, "silence": {"mean": share of the time, "silent": rows
              that are nothing else, "rows"}, "clipping": {"mean": share of the samples, "clipped": rows with more than
              0.1%, "rows"}, "unreadable": {"count", "rows"}, "sampled"}`.
        head: The first five rows: `[{"row", "values": {column: text or null}}]`.
        target: A part: `{"basis", "kind", "counts": {split: {label: rows}}, "classes", "entropy": bits,
            "normalized_entropy": share of the most it could be, "imbalance": smallest class / largest, "per_row": mean
            labels of a row (multi-label) or null}`; for numbers `{"basis", "kind": "regression", "numbers": {split:
            {"count", "min", "max", "mean", "std", "quantiles"}}}`. `kind` is the task's (`single_label` …), or `raw`.
        duplicates: `{"exact", "near"}`, each a part. Exact: `{"basis", "columns": compared, "splits": {split: {"rows":
            rows, "duplicates": rows beyond the first of their group, "groups", "share", "conflicting": groups whose
            targets differ, "examples": [[row, row …]], "conflicts": [[row, row …]]}}}`. Near: `{"basis", "threshold",
            "splits": the same without conflicts, "sampled"}`, exact ones left out.
        leakage: `{"exact", "near", "group", "id", "key"}`, each a part: `{"basis", "columns" (what was compared),
            "pairs": [{"split": the held-out one, "against", "rows": held-out rows that leak, "share": of the held-out
            split, "examples": [row]}], "sampled"}`. `group` and `id` have `values` in each pair: how many values stand
            on both sides. `key` compares what the task says must not part (`by`: in words).
        target_leakage: A part: `{"metric": "balanced accuracy" or "r2", "chance", "columns": [{"column", "score",
            "one_to_one", "leaks"}] by score, "order": {"score", "leaks"} (the row's place in its split), "tokens":
            [{"token", "label", "rows", "share": of the rows with it, "coverage": of the rows of the label}],
            "sampled"}`. Scores are cross-validated on the training split.
        tokens: A part: `{"basis", "min", "max", "mean", "quantiles", "histogram", "max_length", "longer": share of
            rows with more tokens than the model takes, "truncated": share that the task cuts (not reads in windows),
            "sampled"}`; both shares are null where `max_length` is.
        languages: A part: `{"basis", "shares": {ISO 639-1 code or "unknown": share}, "counts", "sampled"}`.
        personal: A part: `{"columns": {column: {kind: {"rows", "values"}}}, "total": {kind: {"rows", "values"}},
            "rows": column -> kind -> [row]}`. Counts and places, never values.
        label_errors: A part: `{"basis", "count", "share", "rows": [{"row", "text", "given", "suggested", "score": the
            model's probability of the given label, "confidence": of the suggested one}] least likely first, "accuracy":
            of the out-of-fold predictions, "excluded": rows of classes too small to judge, "sampled"}`.
        identity_terms: A part: `{"basis", "overall": {label: {"value", "low", "high"}}, "axes": {axis: rows},
            "terms": [{"term", "axis", "group", "rows", "share", "rates": {label: {"value", "low", "high"}}}] by rows,
            "sampled"}`. `rates` are P(label | the row has the term), with Wilson's 95% intervals.
        findings: `[{"severity": "problem", "warning" or "note", "kind", "column" or null, "sentence", "rows": at most
            20}]`, worst first: what to read when there is time for one paragraph.
    """

    version: int = VERSION
    name: str = ""
    task: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)
    columns: list[dict[str, Any]] = field(default_factory=list)
    head: list[dict[str, Any]] = field(default_factory=list)
    target: dict[str, Any] = field(default_factory=dict)
    duplicates: dict[str, Any] = field(default_factory=dict)
    leakage: dict[str, Any] = field(default_factory=dict)
    target_leakage: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)
    languages: dict[str, Any] = field(default_factory=dict)
    personal: dict[str, Any] = field(default_factory=dict)
    label_errors: dict[str, Any] = field(default_factory=dict)
    identity_terms: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def problems(self) -> list[dict[str, Any]]:
        """The findings that make results wrong unless they are dealt with."""
        return [finding for finding in self.findings if finding["severity"] == "problem"]

    def column(self, name: str) -> dict[str, Any]:
        """The entry of a raw column.

        Raises:
            KeyError: There is none of that name.
        """
        for entry in self.columns:
            if entry["name"] == name:
                return entry
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            RunFolderError: Another version wrote it.
        """
        if values.get("version") != VERSION:
            raise RunFolderError(
                f"The audit has version {values.get('version')}; this version of finetune reads {VERSION}.",
                "Make it again with: finetune data RECIPE",
            )
        return cls(**values)

    def save(self, run: RunFolder) -> None:
        """Write `data/audit.json`."""
        run.write_json(FILE, self.to_dict())

    @classmethod
    def load(cls, run: RunFolder) -> Self:
        """Read what `save` wrote.

        Raises:
            RunFolderError: The run has no audit, or another version wrote it.
        """
        return cls.from_dict(run.read_json(FILE))
