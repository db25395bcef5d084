"""Text files of rows: CSV, TSV, JSON and JSON Lines, with the line numbers of what cannot be read.

decoding.py      bytes of any encoding and compression -> a stream of UTF-8
signatures.py    files that are not what their names say
dialect.py       delimiter and header; column_names.py the names in it; quoting.py quotes and line numbers
delimited.py     CSV and TSV -> rows
json_files.py    JSON and JSON Lines -> rows; json_types.py the types of their columns
conversion.py    rows in memory, or in a cache on disk
malformed.py     the account of lines that cannot be parsed
"""

from finetune.data.files.delimited import read_delimited
from finetune.data.files.json_files import read_json
from finetune.data.files.malformed import Malformed

__all__ = ["Malformed", "read_delimited", "read_json"]
