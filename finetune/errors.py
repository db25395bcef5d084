"""Every error a user can meet, one class per cause.

    FinetuneError                   exit 1    anything below; also what we did not foresee
    ├── UsageError                  exit 2    the command line
    │   └── RecipeError             exit 2    the recipe: unknown key, wrong type, out of range, broken YAML
    ├── SourceError                 exit 3    where models and data live
    │   ├── NotFoundError                     no such id, file, split or path inside a package
    │   ├── GatedError                        it exists, but its owner has to let you in
    │   ├── CredentialsError                  the token is wrong or may not read this
    │   ├── RevisionError                     the repository exists, this revision does not
    │   ├── OfflineError                      no connection, and not in the cache
    │   └── IntegrityError                    the downloaded bytes are not the expected ones
    ├── DataError                   exit 4    what is inside the data
    │   ├── ColumnError                       a column is missing or ambiguous
    │   ├── EmptyDataError                    no usable rows
    │   ├── LabelError                        targets that cannot be learned from
    │   └── EncodingError                     bytes that are not text in the stated encoding
    ├── TrainingError               exit 5    the fit
    │   ├── DivergenceError                   loss or gradient is not finite, or exploded
    │   └── MemoryLimitError                  out of memory even at the smallest micro-batch
    ├── RunFolderError              exit 6    where results are written: exists, unwritable, full, not a run
    ├── MissingExtraError           exit 7    an optional dependency is not installed
    ├── PublishError                exit 8    the Hub: the run itself is finished and kept
    │   ├── AccessError                       the token may not do what publishing needs
    │   ├── PlanError                         the account's plan or quota does not allow it
    │   ├── SecretFoundError                  something that looks like a secret would go up
    │   ├── UnmetGoalsError                   a goal of the recipe does not hold
    │   └── VerificationError                 what is on the Hub is not what was sent
    └── GoalsNotMetError            exit 10   the run finished and the recipe's goals do not hold

Each message has one line of cause (what was received, what is accepted) and one of remedy (what to do next).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FinetuneError(Exception):
    """Base of all errors that a user can act on.

    Args:
        cause: One line: what was received and what is accepted.
        remedy: One line: what to do next; empty where there is nothing to add.
    """

    exit_code = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}\n{self.remedy}" if self.remedy else self.cause

    def __reduce__(self) -> tuple[type[FinetuneError], tuple[str, str]]:
        return type(self), (self.cause, self.remedy)


class UsageError(FinetuneError):
    """The command line or an argument of the Python API does not make sense."""

    exit_code = 2


class RecipeError(UsageError):
    """The recipe cannot be read or does not fit the schema."""


class SourceError(FinetuneError):
    """A model or a data set could not be brought here."""

    exit_code = 3


class NotFoundError(SourceError):
    """No such Hub id, file, split or path inside a package."""


class GatedError(SourceError):
    """The repository exists, but its owner has to grant access first."""


class CredentialsError(SourceError):
    """The access token is invalid or may not read the repository."""


class RevisionError(SourceError):
    """The repository exists, the requested branch, tag or commit does not."""


class OfflineError(SourceError):
    """There is no connection and the cache does not hold what is needed."""


class IntegrityError(SourceError):
    """What was downloaded is not what the recipe's hash or the index's hash names."""


class DataError(FinetuneError):
    """The data was read, but cannot be used as it is."""

    exit_code = 4


class ColumnError(DataError):
    """A column that the task needs is missing, ambiguous or of the wrong kind."""


class EmptyDataError(DataError):
    """A split holds no usable rows."""


class LabelError(DataError):
    """The targets cannot be learned from: one class, out of range, not a number."""


class EncodingError(DataError):
    """A text file is not in the encoding that it was read with."""


class TrainingError(FinetuneError):
    """The fit stopped."""

    exit_code = 5


class DivergenceError(TrainingError):
    """The loss or the gradient stopped being finite, or exploded."""


class MemoryLimitError(TrainingError):
    """Out of memory at the smallest micro-batch."""


class RunFolderError(FinetuneError):
    """A run folder exists already, cannot be written, is full, or is not a run."""

    exit_code = 6


class MissingExtraError(FinetuneError):
    """An optional dependency is needed and not installed."""

    exit_code = 7

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> MissingExtraError:
        """The error for `package`, which the extra `extra` of this distribution brings."""
        return cls(
            f"{purpose} needs the package {package!r}, which is not installed.",
            f'Install it with: pip install "finetune-recipes[{extra}]"',
        )


class PublishError(FinetuneError):
    """Something could not be put on the Hub. Nothing of the run is lost by it."""

    exit_code = 8


class AccessError(PublishError):
    """No token, a token that may only read, no rights in that organization, or a visibility other than asked for."""


class PlanError(PublishError):
    """The account's plan, storage or request quota does not allow it."""


class SecretFoundError(PublishError):
    """A file that would be published holds what looks like a secret."""


class UnmetGoalsError(PublishError):
    """A goal of the recipe does not hold; `--force` publishes all the same, and the card says so."""


class VerificationError(PublishError):
    """A file on the Hub is not, byte for byte, the one that was sent, or the repository is not as it was asked for."""


class GoalsNotMetError(FinetuneError):
    """The run finished, and at least one goal of the recipe does not hold."""

    exit_code = 10


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None when nothing is close.

    Close is a difflib ratio of 0.55 or more; of 0.5 for names of at most three letters, where one letter is much.
    """
    options = list(known)
    lowered = {option.lower(): option for option in options}
    matches = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5 if len(name) <= 3 else 0.55)
    return lowered[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str], limit: int = 12) -> str:
    """A sentence that names the nearest known name and lists what is known (at most `limit` names)."""
    options = sorted(known)
    shown = ", ".join(options[:limit]) + (f", … ({len(options)} in all)" if len(options) > limit else "")
    match = nearest(name, options)
    return (f"Did you mean {match!r}? " if match else "") + (f"Known: {shown}." if shown else "")
