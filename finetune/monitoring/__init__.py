"""What later comparison with live data needs.

reference.py   distributions and embeddings of the data that a model was trained on and scored with
"""

from finetune.monitoring.reference import EMBEDDINGS, REFERENCE, embed, write_reference

__all__ = ["EMBEDDINGS", "REFERENCE", "embed", "write_reference"]
