"""The search for weak parts by rules, and what chance alone would have let it find.

The losses are shuffled over the rows and the whole search is done again, some hundred times: a rule counts as found
where it is clearer than the clearest rule of all but 5% of those searches (Westfall and Young 1993, the maximum
statistic). That is exact however many rules the tree could have come to. The usual alternative, to find rules on one
half of the rows and to test them on the other, misses more of the weak parts that there are, as each half has half of
the rows: `benchmarks/slice_false_alarms.py` compares the two. Its one advantage, a score that the search did not
choose, is made up for by intervals that hold for every rule at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from finetune.evaluation.slices.dimensions import Condition
from finetune.evaluation.slices.rules import CONDITION_COSTS, Rule, Tree
from finetune.evaluation.slices.scores import Setting
from finetune.evaluation.slices.shuffling import Shuffle

_SEARCHES = 199
"""With shuffled losses; with many rows fewer, but 99 at least."""
_FITTED = 2_000_000
"""Rows in all that these searches go over."""
MOST_ROWS = 20_000
"""Rows that are searched; drawn by chance where there are more."""
_MOST_RULES = 5


@dataclass(frozen=True)
class FoundRule:
    """A rule that chance does not explain.

    Attributes:
        rule: The rule.
        p_value: The share of searches among shuffled losses whose clearest rule was at least as clear.
        width: Standard errors that its intervals need on either side, so that those of all rules that the search could
            have come to hold together.
    """

    rule: Rule
    p_value: float
    width: float


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        rules: Those that chance does not explain, the clearest first.
        rows: How many were searched.
        searches: How many searches among shuffled losses it took; a hopeless one ends early.
        p_value: Of the clearest rule of all, found or not; 1 where there was none.
    """

    rules: tuple[FoundRule, ...] = ()
    rows: int = 0
    searches: int = 0
    p_value: float = 1.0


def can_search(setting: Setting) -> bool:
    """Whether there are rows for a rule and for several times as many others."""
    return bool((~np.isnan(setting.losses)).sum() >= 4 * setting.min_rows)


def search(conditions: Sequence[Condition], setting: Setting) -> Found:
    """Rules for weak parts. Where no condition says anything of the losses, there is one with at most 5% chance.

    Args:
        conditions: Masks of all rows.
        setting: Losses, clusters, level, least rows of a rule, seed.
    """
    if not conditions or not can_search(setting):
        return Found()
    generator = np.random.default_rng(setting.seed)
    rows = np.flatnonzero(~np.isnan(setting.losses))
    rows = np.sort(generator.choice(rows, MOST_ROWS, replace=False)) if len(rows) > MOST_ROWS else rows
    tree = Tree(conditions, rows, setting.min_rows)
    proposed = tree.grow(setting.losses[rows])
    if not proposed:
        return Found(rows=len(rows))
    return _judged(proposed, tree, _by_chance(tree, setting, generator), setting)


def _judged(
    proposed: Sequence[tuple[float, Rule]], tree: Tree, chance: Iterator[float], setting: Setting
) -> Found:  # fmt: skip
    """Stops as soon as even the clearest rule cannot be significant any more: p is then k/l after k in l searches as
    clear (Besag and Clifford 1991), and the decision is that of all searches."""
    wanted = int(np.clip(_FITTED // len(tree.rows), 99, _SEARCHES))
    level, clearest = round(1 - setting.confidence, 12), proposed[0][0]
    draws: list[float] = []
    beyond = 0
    while len(draws) < wanted:
        draws.append(next(chance))
        beyond += draws[-1] >= clearest - 1e-9
        if beyond + 1 >= level * (wanted + 1):
            return Found(rows=len(tree.rows), searches=len(draws), p_value=beyond / len(draws))
    null = np.array(draws)
    limit = float(np.quantile(null, setting.confidence, method="higher"))
    rules = [
        FoundRule(
            rule, (1 + int((null >= clear - 1e-9).sum())) / (wanted + 1), limit + CONDITION_COSTS * len(rule.terms)
        )
        for clear, rule in proposed
    ]
    found = tuple(one for one in rules if one.p_value < level)
    return Found(found[:_MOST_RULES], len(tree.rows), wanted, rules[0].p_value)


def _by_chance(tree: Tree, setting: Setting, chance: np.random.Generator) -> Iterator[float]:
    """How clear the clearest rule is in one search after another among shuffled losses."""
    clusters = None if setting.clusters is None else setting.clusters[tree.rows]
    shuffle = Shuffle(setting.losses[tree.rows], clusters)
    while True:
        yield tree.clearest(shuffle.draw(chance))
