"""Further training rows, made from the training rows alone, anew in every epoch.

augmenter.py      the interface to training: the further rows of an epoch
preview.py        originals and results side by side
selection.py      which rows get copies
rewriting.py      rows rewritten by an edit or by their task
methods.py        the edit behind a name; most are those of finetune.text.edits
eda.py            words inserted, swapped, deleted
identities.py     words for groups of people
edits.py          what an edit by a model is
models.py         masked words filled, sentences translated there and back
"""

from finetune.augmentation.augmenter import Augmenter
from finetune.augmentation.preview import preview

__all__ = ["Augmenter", "preview"]
