"""What damaged inputs do to the score.

perturbations.py  what is done to a row, by name
media.py          pictures and sounds
fitting.py        what fits a task
answering.py      the damaged rows and the model's answers to them
measuring.py      the drop of the score, and how many answers changed
"""

from finetune.evaluation.robustness.answering import Damage, answer
from finetune.evaluation.robustness.fitting import check_perturbations, fitting_perturbations
from finetune.evaluation.robustness.measuring import measure, table_of_damage

__all__ = ["Damage", "answer", "check_perturbations", "fitting_perturbations", "measure", "table_of_damage"]
