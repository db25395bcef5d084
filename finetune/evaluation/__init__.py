"""Scores that a careful reviewer would believe: intervals, baselines, paired tests, goals, a diagnosis of the fit.

scoring.py      the model and the baselines on the test rows
baselines.py    what a model has to beat
comparing.py    two runs on the same rows
goals.py        what the recipe calls success
diagnosis.py    underfitting, overfitting, healthy: with the figures behind the word
"""

from finetune.evaluation.comparing import compare, compare_repeated
from finetune.evaluation.goals import check_settings, judge
from finetune.evaluation.scoring import evaluate

__all__ = ["check_settings", "compare", "compare_repeated", "evaluate", "judge"]
