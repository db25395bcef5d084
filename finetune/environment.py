"""What a run ran on: versions, hardware, the state of the working tree. No secrets, no user names."""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

PACKAGES = (
    "finetune-recipes", "torch", "transformers", "datasets", "peft", "accelerate", "evaluate", "huggingface_hub",
    "safetensors", "scikit-learn", "numpy", "pandas", "pyarrow", "gradio", "trackio", "wandb", "mlflow",
)  # fmt: skip


def describe_environment(*, hardware: bool = True) -> dict[str, Any]:
    """Versions, git commit, time and (where torch may be imported) hardware."""
    found: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "git_commit": _git_commit(),
    }
    if hardware:
        from finetune.hardware import describe

        found["hardware"] = describe()
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the folder that the command runs in, with `+` where files differ from it; None outside a repository."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=5)  # noqa: S603, S607
    return done.stdout.strip()


def executable() -> list[str]:
    """How to start this program again, in the same environment."""
    return [sys.executable, "-m", "finetune"]
