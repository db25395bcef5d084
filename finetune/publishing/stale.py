"""What a new publication has to take away: files of an earlier one that loaders would find beside the new."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from finetune.publishing.refusals import RepoType

# An old `model.safetensors` beside a new adapter is loaded instead of it, and old shards of a table are read as rows.
# Whatever no loader goes by (`.gitattributes`, LICENSE, pictures, other formats) may be somebody else's and stays.
_LOADED: dict[RepoType, tuple[str, ...]] = {
    "model": (
        "*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json", "*.pt", "*.pth",
        "*config.json", "config_*.json", "tokenizer.json", "tokenizer.model", "*/tokenizer.json", "*/tokenizer.model",
        "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "spiece.model", "*.bpe.model",
        "chat_template.*", "modules.json",
        # Of our own: statements on a model that is gone.
        "finetune.json", "recipe.yaml", "evaluation.json", "bias.json", "examples.json", "features/*", "adapter/*",
        ".eval_results/*",
    ),
    "dataset": ("*.parquet",),
    "space": (),
}  # fmt: skip


def stale_files(repo_type: RepoType, there: Iterable[str], coming: Iterable[str]) -> list[str]:
    """The paths in a repository that a publication of the paths `coming` has to delete."""
    kept = set(coming)
    return sorted(
        path for path in there if path not in kept and any(fnmatchcase(path, each) for each in _LOADED[repo_type])
    )
