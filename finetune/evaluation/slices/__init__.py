"""Parts of the test rows: where the model is weaker, and which weak parts nobody had named.

dimensions.py  ways to part rows, and conditions for rules
columns.py     by columns that travel with the rows
texts.py       by length, language and characters of the input
labels.py      by the right answer and the given one
measures.py    what a part is scored by
shuffling.py   tests that stay exact for small parts
scores.py      scores and differences, corrected for looking at many
rules.py       rules, and the tree that proposes them
search.py      weak parts by rules, and what chance alone would find
findings.py    what was found, as plain values
examination.py all of it, as plain values

Everything is read from the table of predictions; the model is not asked.
"""

from finetune.evaluation.slices.examination import examine, worst

__all__ = ["examine", "worst"]
