"""From a recipe's data section to canonical rows in three splits.

reading.py      any source -> raw splits
files.py        CSV, TSV and JSON files, with the line numbers of what cannot be read
columns.py      which column means what
splitting.py    the splits that the data lacks
inputs.py       rows to answer, without targets
preparation.py  all of it, in order
"""

from finetune.data.columns import map_columns
from finetune.data.inputs import read_inputs
from finetune.data.preparation import prepare
from finetune.data.reading import RawData, read

__all__ = ["RawData", "map_columns", "prepare", "read", "read_inputs"]
