"""What this machine can do."""

from __future__ import annotations

import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import torch


def uses_cpu() -> bool:
    """Whether the run computes on the CPU, because there is nothing else or because it was asked to."""
    asked = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes")
    return asked or not bool(torch.accelerator.is_available())


def fast_bf16() -> bool:
    """Whether bfloat16 is faster than float32 here: GPUs that have it, CPUs with AVX512-BF16 or AMX."""
    if not uses_cpu():
        return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def peak_memory() -> dict[str, float]:
    """Peak memory of this process so far, in MiB: `host` (resident) and, with a GPU, `device` (allocated)."""
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024  # Linux counts KiB, macOS bytes
    memory = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
    if torch.cuda.is_available() and not uses_cpu():
        memory["device"] = torch.cuda.max_memory_allocated() / 2**20
    return memory


def describe() -> dict[str, Any]:
    """The hardware, for the record."""
    found: dict[str, Any] = {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "bf16": fast_bf16(),
    }
    if torch.cuda.is_available():
        found["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="ignore").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
