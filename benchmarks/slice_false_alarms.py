"""How often the look at parts of the test rows cries wolf on pure noise, and how many planted weak parts it finds.

    python benchmarks/slice_false_alarms.py [DATA_SETS]

Rows have a length, a label of four, a site of eight, a number and a yes or no, and losses (right or wrong, as of a
classifier) that have nothing to do with any of these. A false alarm is a data set in which any part is called weaker or
stronger, or in which the search finds any rule. Then the answers to a tenth of the rows, those with the most frequent
label and a length in the lowest quarter, are wrong 20 points more often: found is a data set in which the rows of a
rule and the planted ones have more in common than not. The search is compared with its usual alternative, rules that
are found on one half of the rows and confirmed on the other, both ways round and with Holm's correction. ± is 1.96
Monte-Carlo standard errors. With clusters, ten rows each, the losses and the lengths of a cluster's rows go together.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from finetune.evaluation.slices.dimensions import Condition, Dimension, categories, ranges
from finetune.evaluation.slices.rules import Rule, Tree
from finetune.evaluation.slices.scores import Setting, corrected
from finetune.evaluation.slices.search import search
from finetune.evaluation.slices.shuffling import shuffle_test
from finetune.statistics.comparison import holm

ERROR_RATE, PLANTED, LEVEL = 0.15, 0.2, 0.05
_OF_CLUSTER = 10
_PROPOSED = 2
"""Rules that each half may propose to the other: more would cost more correction than they gain."""


class DataSet(NamedTuple):
    """One simulated set of test rows.

    Attributes:
        dimensions: Ways to part them.
        setting: With their losses.
        planted: (n,) bool, the weak part; all False where there is none.
    """

    dimensions: list[Dimension]
    setting: Setting
    planted: np.ndarray

    @property
    def conditions(self) -> list[Condition]:
        """Of all dimensions."""
        return [condition for dimension in self.dimensions for condition in dimension.conditions]


def simulate(rows: int, planted: float, seed: int, *, clustered: bool = False) -> DataSet:
    """Metadata and losses; `planted` is added to the error rate of the weak part."""
    chance = np.random.default_rng([seed, rows])
    clusters = np.arange(rows) // _OF_CLUSTER if clustered else None
    shared = chance.normal(size=(2, rows // _OF_CLUSTER + 1))[:, clusters] if clustered else np.zeros((2, rows))
    words = np.maximum(1, np.exp(2.5 + 0.6 * (chance.normal(size=rows) + shared[0])).round())
    labels, sites = chance.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1]), chance.choice(8, rows)
    named = {"label": labels, "site": sites, "flag": chance.random(rows) < 0.2}
    dimensions = [
        ranges("words", "words", "words", words),
        ranges("number", "number", "number", chance.normal(size=rows)),
    ]
    dimensions += [categories(name, name, name, list(map(str, values)), min_rows=30) for name, values in named.items()]
    weak = (labels == 0) & (words <= np.quantile(words, 0.25)) & (planted > 0)
    logits = math.log(ERROR_RATE / (1 - ERROR_RATE)) + shared[1]
    losses = (chance.random(rows) < 1 / (1 + np.exp(-logits)) + planted * weak).astype(float)
    setting = Setting(losses, clusters, seed=seed)
    return DataSet([one for one in dimensions if isinstance(one, Dimension)], setting, weak)


def alarm_in_tables(data: DataSet) -> bool:
    """Whether the corrected test of any part is significant."""
    masks = [part.mask for d in data.dimensions for part in d.parts if not data.setting.few(part.mask)]
    return min(corrected(np.stack(masks, axis=1), data.setting)[1]) < LEVEL


def rules_by_search(data: DataSet) -> list[Rule]:
    """What the search finds."""
    return [found.rule for found in search(data.conditions, data.setting).rules]


def rules_by_halves(data: DataSet) -> list[Rule]:
    """The alternative: each half of the rows confirms what the other proposes."""
    setting = data.setting
    order = np.random.default_rng(setting.seed).permutation(len(setting.losses))
    first, second = np.array_split(order, 2)
    rules, p_values = [], []
    for finding, confirming in ((first, second), (second, first)):
        for _, rule in Tree(data.conditions, finding, setting.min_rows).grow(setting.losses[finding])[:_PROPOSED]:
            mask = rule.mask[confirming][:, None]
            rules.append(rule)
            p_values.append(float(shuffle_test(setting.losses[confirming], mask, side="worse")[0]))
    return [rule for rule, p_value in zip(rules, holm(p_values), strict=True) if p_value < LEVEL]


def is_found(rules: Sequence[Rule], planted: np.ndarray) -> bool:
    """Whether any rule is about the planted rows, more than not."""
    return any((rule.mask & planted).sum() > (rule.mask | planted).sum() / 2 for rule in rules)


def share(hits: Sequence[bool]) -> str:
    """With its Monte-Carlo error."""
    mean = float(np.mean(hits))
    return f"{mean:6.1%} ± {1.96 * math.sqrt(mean * (1 - mean) / len(hits)):.1%}"


def noise(sets: int, rows: int, *, clustered: bool = False) -> str:
    """The line on false alarms among so many rows."""
    data = [simulate(rows, 0.0, seed, clustered=clustered) for seed in range(sets)]
    tables, searched = [alarm_in_tables(one) for one in data], [bool(rules_by_search(one)) for one in data]
    name = f"{rows:5} rows{' in clusters' if clustered else ''}"
    halves = "" if clustered else f"   halves {share([bool(rules_by_halves(one)) for one in data])}"
    return f"false alarms, {name:22} tables {share(tables)}   search {share(searched)}{halves}"


def power(sets: int, rows: int) -> str:
    """The line on planted weak parts among so many rows."""
    data = [simulate(rows, PLANTED, seed) for seed in range(sets)]
    found = [[is_found(way(one), one.planted) for one in data] for way in (rules_by_search, rules_by_halves)]
    tables = [alarm_in_tables(one) for one in data]
    return (f"planted part,  {rows:5} rows             tables {share(tables)}   search {share(found[0])}"
            f"   halves {share(found[1])}")  # fmt: skip


def compare(sets: int) -> Iterator[str]:
    """The lines of the table, each as soon as it is known."""
    for rows in (300, 1000, 2000):
        yield noise(sets, rows)
    yield noise(sets, 2000, clustered=True)
    for rows in (500, 1000, 2000):
        yield power(sets, rows)


def main() -> None:
    """Print the table."""
    for line in compare(int(sys.argv[1]) if len(sys.argv) > 1 else 400):
        print(line, flush=True)


if __name__ == "__main__":
    main()
