"""From a recipe's data section to canonical rows in three splits, looked at, cleaned and free of leaks.

preparation.py  all of it, in order
reading.py      any source -> raw splits (files/: CSV, TSV, JSON, with what cannot be read)
columns.py      which column means what
cleaning/       what the recipe wants mended
canonical.py    raw rows -> the task's rows
features.py     columns of a table, and the text that a template makes of them (templates.py)
values.py       numbers and spellings in every way of writing them (dates.py: dates)
partition.py    training, validation and test rows (splitting.py: how they are chosen)
leakage.py      inputs that stand in two splits
inspection.py   a look at the data (auditing/: what it looks for)
inputs.py       rows to answer, without targets
storage.py      many rows, in files
"""

from finetune.data.columns import map_columns
from finetune.data.inputs import input_reader, read_inputs
from finetune.data.inspection import audit_prepared, inspect
from finetune.data.preparation import prepare
from finetune.data.reading import RawData, read

__all__ = ["RawData", "audit_prepared", "input_reader", "inspect", "map_columns", "prepare", "read", "read_inputs"]
