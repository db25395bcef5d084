"""Further training rows, made from the training rows alone, anew in every epoch.

augmenter.py      the interface to training: the further rows of an epoch
preview.py        originals and results side by side
selection.py      which rows get copies
rewriting.py      rows rewritten by an edit or by their task
edits.py          what an edit is; methods.py finds the one behind a name
eda.py            words replaced, inserted, swapped, deleted
punctuation.py    AEDA; marks dropped and added
spelling.py       slips of the finger, confused shapes, capitals
contractions.py   don't and do not
identities.py     words for groups of people
models.py         masked words filled, sentences translated there and back
words.py          places of words; negation.py: those that stay
"""

from finetune.augmentation.augmenter import Augmenter
from finetune.augmentation.preview import preview

__all__ = ["Augmenter", "preview"]
