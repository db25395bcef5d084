"""`finetune --help` and `finetune validate` against `import torch`: commands that need no model must not wait for one.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.yaml"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "finetune --help": ["-m", "finetune", "--help"],
    "finetune validate": ["-m", "finetune", "validate", str(RECIPE)],
    "import torch (baseline)": ["-c", "import torch"],
}


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    for arguments in COMMANDS.values():
        seconds(arguments)  # the first start reads files that later ones find in memory
    # In turns, so that a busy moment of the machine falls on all alike.
    rounds = [[seconds(arguments) for arguments in COMMANDS.values()] for _ in range(7)]
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    for name, value in zip(COMMANDS, medians, strict=True):
        print(f"{name:26} {value:6.3f} s   {value / medians[-1]:5.2f} × baseline")


if __name__ == "__main__":
    main()
