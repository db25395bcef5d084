"""Baselines on the columns of a table: what classic models make of the features, without any text.

They read the canonical columns `feature:NAME` and nothing else, even where a text stands beside them; the TF-IDF
baseline reads the text and nothing else. So a report shows what each of both is worth.

Everything that is fitted (medians, scales, categories) is fitted on the training rows; the settings of the models are
chosen from a small grid on the validation rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from finetune.errors import ColumnError
from finetune.evaluation.column_inputs import column_kinds, describe_kinds, frame_of, new_encoder
from finetune.evaluation.targets import label_columns, logits_of, targets_of
from finetune.task import Baseline, Prediction, Row, Task

TITLES = {
    "columns-linear": "Linear model on the columns",
    "columns-tree": "Decision tree on the columns",
    "columns-forest": "Random forest on the columns",
    "columns-boosting": "Gradient boosting on the columns",
}
SEED = 0
MANY = 50_000
"""With more training rows only the first two settings of a grid are tried."""
GRIDS: dict[str, list[dict[str, Any]]] = {
    "columns-linear": [{"C": c, "class_weight": w} for w in (None, "balanced") for c in (1.0, 10.0, 0.1, 100.0, 0.01)],
    "columns-tree": [{"max_depth": d, "min_samples_leaf": n} for d in (4, None, 2, 8) for n in (5, 1, 20)],
    "columns-forest": [{"min_samples_leaf": n, "max_features": f} for n in (1, 4) for f in ("sqrt", 0.5)],
    "columns-boosting": [{"learning_rate": r, "max_leaf_nodes": n} for r in (0.1, 0.03) for n in (31, 7)],
}
"""Settings to choose from; the first is the best guess, and stays where several do equally well."""
RIDGE = [{"alpha": alpha} for alpha in (1.0, 10.0, 0.1, 100.0, 0.01)]
"""The grid of the linear model of a number."""
_LINEAR = "columns-linear"


def fit_columns(
    name: str, task: Task, train: Sequence[Row], validation: Sequence[Row], *, seed: int = SEED
) -> tuple[Baseline, str]:
    """Fit a baseline on columns.

    Args:
        name: One of `TITLES`.
        task: Of one label, several labels (one model per label) or a number per row.
        train: Canonical rows with columns `feature:NAME`.
        validation: Rows on which the settings are chosen: by macro F1 and then by the probability of the right label,
            or by the squared error. Without any, the first of the grid is taken.
        seed: Of trees, forests and boosting.

    Raises:
        ColumnError: There are no features, or none has a value in the training rows.
    """
    kinds = column_kinds(train)
    if not kinds:
        raise ColumnError(
            f"The baseline {name} needs columns, and the training rows have none with values.",
            "Name columns of the data in features.numeric, features.categorical or features.time.",
        )
    encoder = new_encoder(kinds)
    inputs = encoder.fit_transform(frame_of(train, kinds))
    held_out = encoder.transform(frame_of(validation, kinds)) if len(validation) else None
    grid = RIDGE if task.kind == "regression" and name == _LINEAR else GRIDS[name]
    candidates = grid[: len(grid) if len(train) <= MANY else 2] if held_out is not None else grid[:1]
    fit = _fit_number if task.kind == "regression" else _fit_labels
    answer, chosen = fit(
        partial(_model, name, task.kind, seed), candidates, task, (inputs, train), (held_out, validation)
    )

    def predict(rows: Sequence[Row]) -> list[Prediction]:
        return task.from_logits(answer(encoder.transform(frame_of(rows, kinds)))) if len(rows) else []

    return predict, f"{describe_kinds(kinds)}, {chosen}"


def _model(name: str, kind: str, seed: int, settings: dict[str, Any]) -> Any:
    """An estimator that is not fitted yet."""
    from sklearn import ensemble, linear_model, tree

    number = kind == "regression"
    if name == _LINEAR:
        return linear_model.Ridge(**settings) if number else linear_model.LogisticRegression(**settings, max_iter=5000)
    if name == "columns-tree":
        return (tree.DecisionTreeRegressor if number else tree.DecisionTreeClassifier)(**settings, random_state=seed)
    if name == "columns-forest":
        forest = ensemble.RandomForestRegressor if number else ensemble.RandomForestClassifier
        return forest(200, **settings, random_state=seed)
    boosting = ensemble.HistGradientBoostingRegressor if number else ensemble.HistGradientBoostingClassifier
    return boosting(max_iter=200, **settings, random_state=seed)


Build = Callable[[dict[str, Any]], Any]
Part = tuple[Any, Sequence[Row]]
"""Inputs and the rows that they were made of."""
Fitted = tuple[Callable[[np.ndarray], np.ndarray], str]


def _fit_number(build: Build, grid: list[dict[str, Any]], task: Task, train: Part, check: Part) -> Fitted:
    inputs, wanted = train[0], np.array(targets_of(task, train[1]), dtype=float)
    models = [build(settings).fit(inputs, wanted) for settings in grid]
    held = np.array(targets_of(task, check[1]), dtype=float)
    best = int(np.argmin([np.mean((m.predict(check[0]) - held) ** 2) for m in models])) if len(models) > 1 else 0
    return lambda given: models[best].predict(given)[:, None], _settled(grid, [best], "squared error")


def _fit_labels(build: Build, grid: list[dict[str, Any]], task: Task, train: Part, check: Part) -> Fitted:
    """One model, or one for each label of several; a label that all or no training rows have needs none."""
    size = task.metric_settings()["num_labels"]
    columns = label_columns(task, targets_of(task, train[1]), size)
    checks = label_columns(task, targets_of(task, check[1]), size)
    models: list[Any] = []
    chosen: list[int] = []
    for column, held in zip(columns, checks, strict=True):
        if len(set(column)) == 1 and task.kind == "multi_label":
            models.append(None)
            continue
        fitted = [build(settings).fit(train[0], column) for settings in grid]
        best = max(range(len(fitted)), key=lambda i: _goodness(fitted[i], check[0], held)) if len(fitted) > 1 else 0
        models.append(fitted[best])
        chosen.append(best)
    return lambda given: logits_of(task, models, columns, given, size), _settled(grid, chosen, "macro F1")


def _goodness(model: Any, inputs: Any, wanted: np.ndarray) -> tuple[float, float]:
    """Macro F1, and the mean log probability of the right labels, which tells equals apart."""
    from sklearn.metrics import f1_score

    place = {label: i for i, label in enumerate(model.classes_)}
    table = model.predict_proba(inputs)
    right = [table[i, place[label]] if label in place else 0.0 for i, label in enumerate(wanted)]
    f1 = f1_score(wanted, model.predict(inputs), average="macro", zero_division=0)
    return float(f1), float(np.mean(np.log(np.clip(right, 1e-6, 1))))


def _settled(grid: list[dict[str, Any]], chosen: list[int], by: str) -> str:
    """What was chosen, in words."""
    if len(chosen) != 1:
        return f"settings chosen by {by} on validation rows for each of {len(chosen)} labels"
    words = ", ".join(f"{key}={value}" for key, value in grid[chosen[0]].items() if value is not None)
    return f"{words} ({f'chosen by {by} on validation rows' if len(grid) > 1 else 'not chosen'})"
