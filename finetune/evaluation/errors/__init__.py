"""What is known of the wrong answers, from the predictions alone: row ids, label names and numbers, never texts.

judged.py        which answers are wrong, and how sure the model was of each
label_errors.py  references that are probably wrong themselves
confusions.py    what is taken for what, and whether one direction prevails
words.py         words that stand in wrong rows more often than in right ones
agreement.py     rows that only the model, only a baseline, or nobody gets right
bands.py         how often answers are wrong by how sure the model is; right answers that were close
shares.py        shares with intervals, also where rows depend on each other
examination.py   all of it
"""

from finetune.evaluation.errors.examination import examine

__all__ = ["examine"]
