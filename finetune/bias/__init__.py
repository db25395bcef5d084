"""Whether the model serves groups of people equally well, as far as the data can show it."""

from finetune.bias.groups import audit_groups

__all__ = ["audit_groups"]
