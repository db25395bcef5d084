"""How often do 95% intervals cover the truth? By simulation, for each kind of score that intervals are made of.

    python benchmarks/interval_coverage.py [DATA_SETS [CASE …]]

Each case draws data sets from a distribution whose true score is known in closed form, has the library make an interval
from each with its defaults, and counts how often the truth lies inside. The plain percentile bootstrap, from the same
resamples, stands beside it. The Monte-Carlo error is the standard error of the share. Exits with 1 where the coverage
of a case is not between 93% and 97%.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from finetune.evaluation.measured import Measured, Sampling
from finetune.metrics import load_metric
from finetune.statistics.comparison import differences_of
from finetune.statistics.intervals import percentile
from finetune.statistics.resampling import Distribution, distribution

DATA_SETS, ACCEPTED = 2000, (0.93, 0.97)
Generator = np.random.Generator
Ends = tuple[float, float]


class Case(NamedTuple):
    """A score whose truth is known.

    Attributes:
        title: What it is.
        truth: In closed form; or the range from which each data set draws its own, as the generator's first number.
        interval: From a generator to the ends of the library's interval and of the plain percentile interval.
    """

    title: str
    truth: float | Ends
    interval: Callable[[Generator, float], tuple[Ends, Ends]]


def measured(name: str, answers: Any, references: Any, settings: dict[str, Any] | None = None) -> tuple[Ends, Ends]:
    """Both intervals of a built-in metric."""
    metric = load_metric(name)
    found = distribution(lambda rows: metric.measure(answers[rows], references[rows], **settings or {}), len(answers))
    system = Measured(found, metric.row_scores(answers, references), Sampling())
    return _both(system.intervals()[name], found, name)


def _both(made: Any, found: Distribution, name: str) -> tuple[Ends, Ends]:
    return (made.low, made.high), percentile(found.draws[name], 0.95)


def accuracy(rows: int, low: float = 0.70, high: float = 0.99) -> Case:
    """Each row is right by the same chance, which each data set draws anew.

    The coverage of any interval of a share jumps up and down with the share, because few counts are possible (Brown,
    Cai and DasGupta 2001, "Interval estimation for a binomial proportion"): at one share alone it is that of the jumps.
    """

    def interval(generator: Generator, truth: float) -> tuple[Ends, Ends]:
        right = (generator.random(rows) < truth).astype(np.int64)
        return measured("accuracy", right, np.ones(rows, np.int64))

    return Case(f"accuracy, {rows} rows", (low, high), interval)


def macro_f1(rows: int) -> Case:
    """Three labels of 70, 20 and 10 per cent; the truth is F1 of the expected counts."""
    shares = np.array([0.7, 0.2, 0.1])
    joint = shares[:, None] * np.array([[0.90, 0.07, 0.03], [0.20, 0.70, 0.10], [0.20, 0.20, 0.60]])
    truth = float(np.mean(2 * joint.diagonal() / (joint.sum(axis=0) + joint.sum(axis=1))))

    def interval(generator: Generator, _truth: float) -> tuple[Ends, Ends]:
        cells = generator.choice(9, size=rows, p=joint.ravel())
        return measured("f1", cells % 3, cells // 3, {"num_labels": 3})

    return Case(f"macro F1, {rows} rows", truth, interval)


def area(rows: int) -> Case:
    """Normal scores, shifted by 1.5 for the positive 30 per cent: the area is Φ(1.5 / √2)."""

    def interval(generator: Generator, _truth: float) -> tuple[Ends, Ends]:
        positive = (generator.random(rows) < 0.3).astype(np.int64)
        return measured("auc", generator.normal(size=rows) + 1.5 * positive, positive)

    return Case(f"area under the ROC curve, {rows} rows", NormalDist().cdf(1.5 / math.sqrt(2)), interval)


def correlation(rows: int, truth: float = 0.8) -> Case:
    """Two normal variables."""

    def interval(generator: Generator, _truth: float) -> tuple[Ends, Ends]:
        x, noise = generator.normal(size=(2, rows))
        return measured("pearson", truth * x + math.sqrt(1 - truth**2) * noise, x)

    return Case(f"Pearson correlation, {rows} rows", truth, interval)


def paired(rows: int) -> Case:
    """Two systems' accuracies: one alone is right in 14 per cent of rows, the other alone in 6."""

    def interval(generator: Generator, _truth: float) -> tuple[Ends, Ends]:
        kind = generator.choice(4, size=rows, p=[0.14, 0.06, 0.65, 0.15])
        first, second = np.isin(kind, (0, 2)), np.isin(kind, (1, 2))
        found = [distribution(_mean(right.astype(float)), rows) for right in (first, second)]
        made = differences_of(*found)["mean"]
        return (made.low, made.high), percentile(found[0].draws["mean"] - found[1].draws["mean"], 0.95)

    return Case(f"paired difference of accuracies, {rows} rows", 0.08, interval)


def clustered(clusters: int, size: int = 10, shared: float = 0.3) -> Case:
    """Normal values of which a share of the variance belongs to the cluster; their mean is 0."""
    groups = np.repeat(np.arange(clusters), size)

    def interval(generator: Generator, _truth: float) -> tuple[Ends, Ends]:
        own, common = generator.normal(size=len(groups)), generator.normal(size=clusters)[groups]
        found = distribution(
            _mean(math.sqrt(shared) * common + math.sqrt(1 - shared) * own), len(groups), groups=groups
        )
        return _both(Measured(found).intervals()["mean"], found, "mean")

    return Case(f"mean of {clusters} clusters of {size} rows", 0.0, interval)


def _mean(values: np.ndarray) -> Callable[[np.ndarray], dict[str, float]]:
    return lambda rows: {"mean": float(values[rows].mean())}


CASES: dict[str, Callable[[], Case]] = {
    "accuracy": lambda: accuracy(100),
    "macro_f1": lambda: macro_f1(100),
    "auc": lambda: area(100),
    "pearson": lambda: correlation(100),
    "paired": lambda: paired(100),
    "clusters": lambda: clustered(20),
    "few_clusters": lambda: clustered(10),
}


def coverage(case: Case, data_sets: int, seed: int = 0) -> tuple[float, float, float]:
    """Share of the data sets whose interval holds the truth, the share it has with plain percentiles, and the standard
    error of the first."""
    generator = np.random.default_rng(seed)
    ours, plain = np.array([_inside(case, generator) for _ in range(data_sets)]).mean(axis=0)
    return float(ours), float(plain), math.sqrt(max(ours * (1 - ours), 1 / data_sets) / data_sets)


def _inside(case: Case, generator: Generator) -> list[bool]:
    truth = case.truth if isinstance(case.truth, float) else float(generator.uniform(*case.truth))
    return [low <= truth <= high for low, high in case.interval(generator, truth)]


def table(data_sets: int, names: Sequence[str]) -> Iterator[tuple[str, float]]:
    """A line per case, and its coverage."""
    for name in names:
        case = CASES[name]()
        ours, plain, error = coverage(case, data_sets)
        figures = f"{100 * ours:5.1f}% ± {100 * error:.1f}   percentiles {100 * plain:5.1f}%"
        truth = f"{case.truth:.3f}" if isinstance(case.truth, float) else "{:.2f} to {:.2f}".format(*case.truth)
        yield f"{case.title:44} truth {truth:12}   {figures}", ours


def main() -> int:
    """Print the table."""
    data_sets = int(sys.argv[1]) if len(sys.argv) > 1 else DATA_SETS
    low, high = ACCEPTED
    missed = 0
    for line, share in table(data_sets, sys.argv[2:] or list(CASES)):
        missed += not low <= share <= high
        print(line, flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
