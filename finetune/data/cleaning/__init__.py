"""Mends what a recipe asks to mend, and writes down what it did.

cleaner.py  all steps on all splits, in order; single rows for prediction
plan.py     the steps that a section asks for
steps.py    steps on batches: those that change values, those that leave rows out
changes.py  what becomes of single values
cells.py    what counts as missing; a function of values on a column
columns.py  whether the named columns are there and can be read
fitted.py   what is learned from the training rows
writing.py  how values are written: decimal marks, what fill-in values have to look like
learned.py  all that was learned, as plain values
log.py      what a step did
cache.py    cleaned rows on disk
"""

from finetune.data.cleaning.cleaner import Cleaner
from finetune.data.cleaning.log import StepLog

__all__ = ["Cleaner", "StepLog"]
