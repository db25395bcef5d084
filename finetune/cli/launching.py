"""Several processes through Accelerate, started by `finetune run` itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from finetune.errors import UsageError

EVERYWHERE_THE_SAME = frozenset({2, 3, 4, 10})
"""Exit codes of what all processes find out alike: usage, sources, data, goals."""
EXIT_CODE_FILE = "FINETUNE_EXIT_CODE_FILE"
"""Environment variable: where rank 0 leaves its exit code, which `accelerate launch` would turn into 1."""


def launch(arguments: Sequence[str], processes: int | None, config: str | None) -> int:
    """Run `finetune ARGUMENTS` under `accelerate launch` and return the exit code of rank 0.

    Args:
        arguments: Of the command that every process runs.
        processes: How many; None leaves that to the configuration file.
        config: A file of `accelerate config`, or None.

    Raises:
        UsageError: The configuration file does not exist, or the number makes no sense.
    """
    import tempfile

    if config is not None and not Path(config).exists():
        raise UsageError(f"There is no Accelerate configuration at {config}.", "Write one with: accelerate config")
    if processes is not None and processes < 1:
        raise UsageError(f"--num-processes is {processes}.", "Give at least 1.")
    with tempfile.TemporaryDirectory() as folder:
        code_file = Path(folder) / "code"
        environment = os.environ | {EXIT_CODE_FILE: str(code_file)} | _cpu_environment(processes)
        done = subprocess.run([*_command(processes, config), *arguments], env=environment, check=False)  # noqa: S603
        return int(code_file.read_text()) if code_file.exists() else min(done.returncode, 1)


def leave_exit_code(code: int) -> None:
    """Tell the launching process how rank 0 ended; nothing where nobody asked."""
    path = os.environ.get(EXIT_CODE_FILE)
    if path and os.environ.get("RANK", "0") == "0":
        Path(path).write_text(str(code))


def exit_status(code: int) -> int:
    """What a process started by `launch` exits with.

    Every process comes to the same end for these codes, so there is nobody to stop, and the launcher's own traceback
    about a failed child would only bury our message. The true code is in the file.
    """
    return 0 if EXIT_CODE_FILE in os.environ and code in EVERYWHERE_THE_SAME else code


def _command(processes: int | None, config: str | None) -> list[str]:
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    if config is not None:
        command += ["--config_file", config]
    if processes is not None:
        # `--multi_gpu` is Accelerate's word for "several processes"; with ACCELERATE_USE_CPU they run under gloo.
        command += ["--num_processes", str(processes), "--num_machines", "1", "--dynamo_backend", "no"]
        command += ["--mixed_precision", "no", "--main_process_port", "0"]
        command += ["--multi_gpu"] if processes > 1 else []
    return [*command, "-m", "finetune"]


def _cpu_environment(processes: int | None) -> dict[str, str]:
    import torch

    if torch.accelerator.is_available():
        return {}
    threads = max(1, (os.cpu_count() or 1) // (processes or 1))
    return {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}
