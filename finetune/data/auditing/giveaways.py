"""Target leakage: columns, words, or the order of the rows, that tell the target by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.columns import ColumnScan
from finetune.data.auditing.measuring import sampled, unmeasured
from finetune.data.auditing.numbers import rounded
from finetune.data.auditing.rows import Rows, origins
from finetune.data.auditing.sampling import join, plain_array, take
from finetune.data.auditing.times import as_moment
from finetune.data.auditing.values import is_missing, numbers_of, show

if TYPE_CHECKING:
    from datasets import Dataset

Array = NDArray[Any]
LEAKS = 0.95
"""Score from which a column is said to give the target away."""
FOLDS = 5
_LEAST_ROWS = 50
_LEAF, _LEAVES = 5, 256
TOKENS, TOKEN_ROWS, TOKEN_PURITY, TOKEN_COVERAGE = 20, 20, 0.99, 0.9
"""At most so many words are listed: in at least so many rows, at least so many of them of one label, which are at least
so many of the rows of that label."""
_DIGITS = re.compile(r"\d+")
_WORD = r"(?u)\S+"


def describe_target_leakage(
    rows: Rows, tables: Mapping[str, Dataset], columns: Sequence[ColumnScan], size: int, seed: int
) -> dict[str, Any]:
    """The part `target_leakage` of the audit.

    Args:
        rows: Prepared rows.
        tables: The raw splits.
        columns: Raw columns to look at, without the target and the texts that the model reads.
        size: At most so many training rows are looked at.
        seed: Of their choice, and of the folds.
    """
    if rows.kind not in ("single_label", "regression"):
        return unmeasured("Only where the target is one label a row, or a number.")
    indices, table = rows.draw_split("train", size, seed)
    splits, places = origins(rows.names("train", indices))
    targets = rows.targets(table) or []
    wanted = np.array(targets, dtype=np.float64 if rows.kind == "regression" else str)
    kept = enough(wanted) if rows.kind == "single_label" else np.ones(len(wanted), dtype=bool)
    if kept.sum() < _LEAST_ROWS or len(np.unique(wanted[kept])) < 2:
        return unmeasured(f"Fewer than {_LEAST_ROWS} training rows, or a single value.")
    judge = Judge(wanted[kept], seed, numeric=rows.kind == "regression")
    drawn = _raw(tables, splits[kept], places[kept], [column.name for column in columns])
    found = [_column(column, drawn[column.name], judge) for column in columns]
    return {
        "measured": True,
        "metric": judge.metric,
        "chance": rounded(judge.chance),
        "columns": sorted(found, key=lambda entry: (-(entry["score"] or 0), entry["column"])),
        "order": _order(splits[kept], places[kept], judge),
        "tokens": telling_tokens(rows.texts(table), wanted) if rows.kind == "single_label" else [],
        "sampled": sampled(len(indices), len(rows.splits["train"])),
    }


def enough(labels: Array) -> Array:
    """(n,) bool, rows whose label has a row for each fold."""
    _, ids, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    found: Array = sizes[ids] >= FOLDS
    return found


class Judge:
    """How well a single feature tells the target, by cross-validated predictions.

    Args:
        targets: (n,) labels or numbers.
        seed: Of the folds.
        numeric: Whether they are numbers.
    """

    def __init__(self, targets: Array, seed: int, *, numeric: bool) -> None:
        self.numeric, self.seed = numeric, seed
        self.targets = targets if numeric else np.unique(targets, return_inverse=True)[1]
        self.metric = "r2" if numeric else "balanced accuracy"
        self.chance = 0.0 if numeric else 1 / len(np.unique(targets))

    def score(self, values: Array) -> float:
        """Balanced accuracy or R² of out-of-fold predictions.

        Args:
            values: (n,) float64, NaN where missing, by a decision tree; or (n,) of any other type, each value by the
                targets of the other rows with it.
        """
        from sklearn.metrics import balanced_accuracy_score, r2_score
        from sklearn.model_selection import KFold, StratifiedKFold

        kind = KFold if self.numeric else StratifiedKFold
        folds = kind(FOLDS, shuffle=True, random_state=self.seed)
        predict = self._by_tree if values.dtype == np.float64 else self._by_value
        ids = values if values.dtype == np.float64 else np.unique(values.astype(str), return_inverse=True)[1]
        guesses = np.zeros(len(values))
        for known, asked in folds.split(ids, self.targets):
            guesses[asked] = predict(ids, known, asked)
        return float((r2_score if self.numeric else balanced_accuracy_score)(self.targets, guesses))

    def _by_tree(self, values: Array, known: Array, asked: Array) -> Array:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        settings: dict[str, Any] = {"min_samples_leaf": _LEAF, "max_leaf_nodes": _LEAVES, "random_state": self.seed}
        tree = DecisionTreeRegressor(**settings) if self.numeric else DecisionTreeClassifier(
            class_weight="balanced", **settings
        )  # fmt: skip
        guesses: Array = tree.fit(values[known, None], self.targets[known]).predict(values[asked, None])
        return guesses

    def _by_value(self, ids: Array, known: Array, asked: Array) -> Array:
        """The mean of the value's targets, or its likeliest label if labels were equally frequent."""
        size, targets = int(ids.max()) + 1, self.targets[known]
        times = np.bincount(ids[known], minlength=size)
        if self.numeric:
            mean = targets.mean()
            # One row's worth of the overall mean, so that a value that is seen once says little.
            means: Array = (np.bincount(ids[known], targets, minlength=size) + mean) / (times + 1)
            return means[ids[asked]]
        counts = np.zeros((size, int(self.targets.max()) + 1))
        np.add.at(counts, (ids[known], targets), 1.0)
        found: Array = (counts / counts.sum(axis=0)).argmax(axis=1)
        return found[ids[asked]]


def _column(column: ColumnScan, array: Any, judge: Judge) -> dict[str, Any]:
    """The best that the column says in any form: as a number, or as a name."""
    forms = _forms(column, array)
    scores = [judge.score(values) for values in forms if len(np.unique(values.astype(str))) > 1]
    score = max([judge.chance, *scores])
    same = not judge.numeric and one_to_one(forms[-1], judge.targets, is_missing(array))
    return {"column": column.name, "score": rounded(score), "one_to_one": same, "leaks": bool(score > LEAKS or same)}


def _forms(column: ColumnScan, array: Any) -> list[Array]:
    """The values as numbers, where they are some, and last as texts."""
    names = np.array(["" if value is None else str(value) for value in array.to_pylist()], dtype=object)
    if column.kind == "number":
        return [numbers_of(array, column.reader), names]
    if column.kind == "time":
        moments = [as_moment(value) for value in array.to_pylist()]
        return [np.array([moment[0] if moment else np.nan for moment in moments]), names]
    if column.kind == "id":  # numbered in the order of the labels
        digits = [_DIGITS.findall(name) for name in names]
        return [np.array([float(found[-1][-15:]) if found else np.nan for found in digits]), names]
    return [names]


def one_to_one(values: Array, targets: Array, missing: Array) -> bool:
    """Whether each value stands for one target and the other way round, in nearly all rows."""
    if missing.mean() > 0.05:
        return False
    kept = ~missing
    pairs = set(zip(values[kept].tolist(), targets[kept].tolist(), strict=True))
    return len(pairs) == len({value for value, _ in pairs}) == len({target for _, target in pairs}) > 1


def _order(splits: Array, places: Array, judge: Judge) -> dict[str, Any]:
    """Rows sorted by the target: a slice of such data is of one class, and shuffling is what saves a split."""
    if len(set(splits.tolist())) > 1:
        return {"score": None, "leaks": False}
    score = judge.score(places.astype(np.float64))
    return {"score": rounded(max(score, judge.chance)), "leaks": bool(score > LEAKS)}


def _raw(tables: Mapping[str, Dataset], splits: Array, places: Array, names: list[str]) -> dict[str, Any]:
    """The raw columns of some rows, in their order."""
    import pyarrow as pa

    parts, order = [], []
    for split in dict.fromkeys(splits.tolist()):
        ours = np.flatnonzero(splits == split)
        there = [name for name in names if name in tables[split].column_names]
        parts.append(take(tables[split].select_columns(there), places[ours]) if there else pa.table({}))
        order.append(ours)
    if not names:
        return {}
    whole = join(parts)
    back = np.argsort(np.concatenate(order), kind="stable")
    return {name: plain_array(whole[name]).take(pa.array(back)) for name in names}


def telling_tokens(texts: Sequence[str], labels: Array) -> list[dict[str, Any]]:
    """Words that stand in rows of one label only, and in most of those: a signature, a source, the label itself."""
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(binary=True, min_df=TOKEN_ROWS, token_pattern=_WORD, dtype=np.int32)
    if len(texts) < TOKEN_ROWS or not any(text.strip() for text in texts):
        return []
    try:
        there = vectorizer.fit_transform(texts).tocsc()
    except ValueError:  # no word is frequent enough
        return []
    names, ids, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    hot = np.eye(len(names), dtype=np.int64)[ids]
    counts = there.T @ hot  # (words, labels)
    rows, best = counts.sum(axis=1), counts.argmax(axis=1)
    most = counts.max(axis=1)
    told = np.flatnonzero((most >= TOKEN_PURITY * rows) & (most >= TOKEN_COVERAGE * sizes[best]))
    words = vectorizer.get_feature_names_out()
    order = sorted(told.tolist(), key=lambda i: (-int(most[i]), str(words[i])))[:TOKENS]
    return [{"token": show(str(words[i])), "label": show(str(names[best[i]])), "rows": int(rows[i]),
             "share": rounded(most[i] / rows[i]), "coverage": rounded(most[i] / sizes[best[i]])}
            for i in order]  # fmt: skip
