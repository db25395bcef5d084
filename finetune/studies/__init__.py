"""Several runs of one recipe, for what a single run cannot tell.

ablation.py           the same recipe with and without a part of it, from several seeds
cross_validation.py   a run for each fold
running.py            runs in the folder of a study, each continued where it stopped
"""

from finetune.studies.ablation import ablate
from finetune.studies.cross_validation import cross_validate

__all__ = ["ablate", "cross_validate"]
