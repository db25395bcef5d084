"""How small a difference these rows could have shown: what keeps "no difference" apart from "too few rows"."""

from __future__ import annotations

import math
from statistics import NormalDist

from finetune.errors import UsageError

POWER = 0.80
"""How often a difference of the smallest detectable size would be shown: four times in five."""


def detectable_difference(
    standard_error: float, *, significance: float = 0.05, power: float = POWER, units: int | None = None
) -> float:
    """Smallest difference that a comparison with this standard error shows with the given power.

    (t_{1-α/2} + t_{power}) · SE, with the quantiles of Student's distribution with n - 1 degrees of freedom for n rows
    or clusters, normal ones without `units` (Bloom 1995, "Minimum detectable effects"). The standard error is that of
    the difference which was found; one of another size may have a somewhat other one.

    Args:
        standard_error: Of the paired difference, in the score's unit.
        significance: Two-sided level α, in (0, 1); α/m where m comparisons are corrected together.
        power: Wanted power, in (0.5, 1).
        units: Rows or clusters.

    Returns:
        In the score's unit; NaN where the standard error is unknown or 0, or there is one unit.

    Raises:
        UsageError: A share is out of range.

    Example:
        >>> round(detectable_difference(0.01), 4)
        0.028
    """
    _check(1, 0.0, significance, power)
    if not standard_error > 0 or units == 1:
        return math.nan
    return (_quantile(1 - significance / 2, units) + _quantile(power, units)) * standard_error


def minimum_detectable_effect(
    n: int, disagreement: float, *, significance: float = 0.05, power: float = POWER
) -> float:
    """Smallest difference in accuracy that a paired comparison on n independent rows shows with the given power.

    Connor (1987): n = (z_α √ψ + z_β √(ψ - δ²))² / δ² rows are needed for a difference δ between systems that disagree
    in correctness on a share ψ of rows, two-sided; solved for δ:

        δ = √ψ (z_α √n + z_β √(n - z_α² + z_β²)) / (n + z_β²)

    Args:
        n: Rows, at least 1.
        disagreement: ψ = (b + c)/n, share of rows that exactly one of the systems has right, in [0, 1].
        significance: Two-sided level α, in (0, 1).
        power: Wanted power 1 - β, in (0.5, 1).

    Returns:
        δ in [0, ψ], a share of rows; NaN where no difference is detectable, because δ would exceed ψ.

    Raises:
        UsageError: An argument is out of range.

    Example:
        >>> round(minimum_detectable_effect(1000, 0.2), 4)
        0.0396
    """
    _check(n, disagreement, significance, power)
    z_a, z_b = _quantile(1 - significance / 2), _quantile(power)
    inner = n - z_a**2 + z_b**2
    if inner < 0:
        return math.nan
    effect = math.sqrt(disagreement) * (z_a * math.sqrt(n) + z_b * math.sqrt(inner)) / (n + z_b**2)
    return effect if effect <= disagreement * (1 + 1e-9) else math.nan


def least_disagreement(n: int, *, significance: float = 0.05, power: float = POWER) -> float:
    """Share of rows on which two systems have to disagree before any difference in accuracy can be shown.

    Where all disagreements favour one system, ψ = δ in Connor's formula (see `minimum_detectable_effect`), which then
    is a quadratic equation for √(1 - δ).

    Args:
        n: Rows, at least 1.
        significance: Two-sided level α, in (0, 1).
        power: Wanted power, in (0.5, 1).

    Returns:
        ψ in (0, 1]; NaN where not even opposite answers to all rows could be told apart.

    Raises:
        UsageError: An argument is out of range.

    Example:
        >>> round(least_disagreement(1000), 4)
        0.0078
    """
    _check(n, 0.0, significance, power)
    z_a, z_b = _quantile(1 - significance / 2), _quantile(power)
    if n < z_a**2:
        return math.nan
    inner = (z_a * z_b) ** 2 - (n + z_b**2) * (z_a**2 - n)
    return 1 - ((math.sqrt(inner) - z_a * z_b) / (n + z_b**2)) ** 2


def _quantile(level: float, units: int | None = None) -> float:
    if units is None:
        return NormalDist().inv_cdf(level)
    from scipy.special import stdtrit

    return float(stdtrit(units - 1, level))


def _check(n: int, disagreement: float, significance: float, power: float) -> None:
    if n < 1 or not 0 <= disagreement <= 1 or not 0 < significance < 1 or not 0.5 < power < 1:
        received = f"n={n}, disagreement={disagreement}, significance={significance}, power={power}"
        raise UsageError(f"Out of range: {received}.", "Accepted: n ≥ 1, shares in [0, 1], power in (0.5, 1).")
