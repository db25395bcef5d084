"""A look at the data: everything that can be told of the raw columns and of the prepared rows.

engine.py, parts.py           all parts in order; those that look at whole rows
sampling.py, measuring.py     rows in batches, some of them, and how many these are
roles.py, kinds.py            what a column is for, and what it holds
columns.py, entries.py        a column in the pass over all rows, summarized by its kind in:
                              numbers.py, times.py, texts.py, categories.py, media.py
stored.py, personal.py        numbers and dates that are texts; personal data, counted
values.py                     values as numbers, and as a page may show them
rows.py, scanning.py          whole rows, and the pass over them
duplicates.py, leakage.py     rows that repeat others, of their split and of another
labels.py, mislabels.py       the balance of the target, and labels that are probably wrong
giveaways.py, terms.py        what tells the target by itself; words for groups of people
lengths.py                    tokens and languages
findings.py                   what to say first, from column_findings.py and row_findings.py, worded by wording.py
"""

from finetune.data.auditing.engine import audit
from finetune.data.auditing.mislabels import find_label_errors

__all__ = ["audit", "find_label_errors"]
