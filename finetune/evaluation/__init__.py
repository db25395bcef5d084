"""Scores that a careful reviewer would believe: intervals, baselines, paired tests, goals, a diagnosis of the fit.

scoring.py      the model and the baselines on the test rows
baselines.py    what a model has to beat (columns.py, zero_shot.py: those on tables, and from the labels' names)
measured.py     a system's scores with their intervals; contrasts.py: two systems on the same rows
comparing.py    runs on the same rows
goals.py        what the recipe calls success (goal_numbers.py: beyond the scores)
diagnosis.py    underfitting, overfitting, healthy: with the figures behind the word

Beyond the scores, from the table of predictions alone (scored.py reads it, examining.py is the order):

calibration.py  whether probabilities mean what they say; abstention.py, operating_points.py: what to use them for
slices/         parts of the test rows, and a search for weak ones; row_losses.py: how wrong each row is
errors/         likely wrong labels, confusions, words that go with errors, what nobody gets right
contamination/  test rows among the training rows; what a language model had read before

And by asking the model again (probing.py):

deciding.py     the temperature and the thresholds that the recipe wants (thresholds.py), chosen on validation rows
robustness/     damaged inputs
checks.py       stated behaviour
harness/        other harnesses' benchmarks
"""

from finetune.evaluation.comparing import compare, compare_repeated
from finetune.evaluation.goals import check_settings, judge
from finetune.evaluation.scoring import evaluate

__all__ = ["check_settings", "compare", "compare_repeated", "evaluate", "judge"]
