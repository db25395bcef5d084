"""What a training used of energy, estimated: nobody measured it.

energy = hours x processors x power, carbon = energy x carbon intensity of the electricity: the method of Lacoste et al.
(2019), "Quantifying the Carbon Emissions of Machine Learning". The power is the nominal one, so that the result is what
the training used at most; of CPUs, which are rarely known by name, it is a range per core.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finetune.cards.wording import count, is_number

GPU_WATTS: tuple[tuple[str, int], ...] = (
    ("B200", 1000), ("H200 NVL", 600), ("H200", 700), ("H100 80GB HBM3", 700), ("H100 NVL", 400), ("H100 PCIe", 350),
    ("A100-SXM4-[48]0GB", 400), ("A100 80GB PCIe", 300), ("A100-PCIE-40GB", 250), ("A40", 300), ("A30", 165),
    ("A10", 150), ("L40S", 350), ("L40", 300), ("L4", 72), ("T4", 70), (r"V100-SXM2-\d\dGB", 300),
    (r"V100-PCIE-\d\dGB", 250), ("P100-PCIE-16GB", 250), ("RTX 6000 Ada Generation", 300), ("RTX A6000", 300),
    ("RTX A5000", 230), ("GeForce RTX 5090", 575), ("GeForce RTX 4090", 450), ("GeForce RTX 4080", 320),
    ("GeForce RTX 3090", 350), ("GeForce RTX 3080", 320),
)  # fmt: skip
"""Name as the driver gives it, without the maker -> the most that it draws, in W, from NVIDIA's data sheets."""
CORE_WATTS = (2.0, 12.0)
"""W per core: 360 W over the 192 threads of a large server processor (AMD EPYC 9654, data sheet), and what Green
Algorithms takes for a core of an unknown processor (Lannelongue et al. 2021)."""


@dataclass(frozen=True)
class Energy:
    """An estimate.

    Attributes:
        hours: Of training.
        low: kWh at least; None where only an upper end is known.
        high: kWh at most.
        processors: What drew it, in words.
        power: How its power is known, in words.
    """

    hours: float
    low: float | None
    high: float
    processors: str
    power: str

    def carbon(self, intensity: float) -> tuple[float | None, float]:
        """Grams of CO2e, least (where known) and most, with electricity of so many g CO2e per kWh."""
        return (None if self.low is None else self.low * intensity, self.high * intensity)


def estimate(training: Mapping[str, Any], environment: Mapping[str, Any]) -> Energy | None:
    """What the training used; None where its time or its hardware is not known well enough.

    Args:
        training: `training.json` of a run.
        environment: Its `environment.json`.
    """
    hardware = training.get("hardware") or environment.get("hardware") or {}
    seconds = (training.get("seconds") or {}).get("training")
    processes = (training.get("batch") or {}).get("processes") or 1
    if not is_number(seconds):
        return None
    if "device" in (training.get("peak_memory_mib") or {}) or hardware.get("gpus"):
        return _of_gpus(hardware.get("gpus") or (), processes, seconds / 3600)
    # What computes on other machines without a CUDA device may be an accelerator that has no entry.
    known = str(hardware.get("platform", "")).startswith("Linux") and hardware.get("processor")
    return _of_cores(hardware, processes, seconds / 3600) if known else None


def gpu_watts(name: str) -> int | None:
    """The nominal power of a GPU in W; None for one that is not in the table, parts of one included.

    >>> gpu_watts("NVIDIA A100-SXM4-80GB"), gpu_watts("NVIDIA A100-SXM4-80GB MIG 1g.10gb")
    (400, None)
    """
    bare = re.sub(r"^(NVIDIA |Tesla )+", "", name.strip())
    return next((watts for pattern, watts in GPU_WATTS if re.fullmatch(pattern, bare)), None)


def _of_gpus(names: Any, processes: int, hours: float) -> Energy | None:
    """Nominal power of the GPU of each process, and of one core that feeds it."""
    # Each process has a GPU of its own; those of other machines are taken to be like those of the first.
    used = [names[i % len(names)] for i in range(processes)] if names else []
    watts = [gpu_watts(name) for name in used]
    if not watts or None in watts:
        return None
    total = sum(value or 0 for value in watts) + CORE_WATTS[1] * processes
    kinds = ", ".join(f"{used.count(name)} × {name}" for name in dict.fromkeys(used))
    power = (
        f"nominal power from the maker's data sheet ({', '.join(count(gpu_watts(n)) for n in dict.fromkeys(used))} W), "
        f"as if it were drawn all the time, and {CORE_WATTS[1]:g} W for a processor core beside each"
    )
    return Energy(hours, None, total * hours / 1000, kinds, power)


def _of_cores(hardware: Mapping[str, Any], processes: int, hours: float) -> Energy | None:
    cores, threads = hardware.get("cores"), hardware.get("threads")
    if not cores:
        return None
    busy = min(cores, threads * processes) if threads else cores
    low, high = (watts * busy * hours / 1000 for watts in CORE_WATTS)
    power = (
        f"assumed to be {CORE_WATTS[0]:g} to {CORE_WATTS[1]:g} W per core: from a large server processor's data sheet, "
        "to what Green Algorithms takes for an unknown one (Lannelongue et al. 2021)"
    )
    return Energy(hours, low, high, f"{busy} of {cores} cores of {hardware['processor']}", power)


def watt_hours(kilowatt_hours: float) -> str:
    """An amount of energy in the unit that one would say it in.

    >>> watt_hours(0.00061), watt_hours(2.5)
    ('0.61 Wh', '2.5 kWh')
    """
    return f"{kilowatt_hours:.3g} kWh" if kilowatt_hours >= 1 else f"{1000 * kilowatt_hours:.2g} Wh"


def grams(value: float) -> str:
    """An amount of CO2e.

    >>> grams(0.244), grams(1500)
    ('0.24 g', '1.5 kg')
    """
    return f"{value / 1000:.2g} kg" if value >= 1000 else f"{value:.2g} g"
