"""What a run made, put on the Hub: staged, scanned, sent, verified, tagged."""

from finetune.publishing.accounts import Account, check_access, find_account, full_name
from finetune.publishing.data_sets import stage_data
from finetune.publishing.receipts import Entry, Receipt
from finetune.publishing.repositories import Destination, Target
from finetune.publishing.retries import Patience
from finetune.publishing.secrets import Finding, find_secrets, refuse_secrets
from finetune.publishing.spaces import stage_space
from finetune.publishing.staging import stage_model
from finetune.publishing.uploads import Upload, send

__all__ = [
    "Account",
    "Destination",
    "Entry",
    "Finding",
    "Patience",
    "Receipt",
    "Target",
    "Upload",
    "check_access",
    "find_account",
    "find_secrets",
    "full_name",
    "refuse_secrets",
    "send",
    "stage_data",
    "stage_model",
    "stage_space",
]
