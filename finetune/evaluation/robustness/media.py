"""Pictures that are blurred, noisy or lit otherwise, and sounds with a noise behind them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = np.ndarray
"""(height, width) or (height, width, channels) float64, 0 to 1."""
Paint = Callable[[Pixels, np.random.Generator, float], Pixels]


def blur(pixels: Pixels, generator: np.random.Generator, strength: float) -> Pixels:
    """Out of focus: a Gaussian with a standard deviation of `strength` tenths of the shorter side."""
    from scipy.ndimage import gaussian_filter

    size = strength * min(pixels.shape[:2]) / 10
    return np.asarray(gaussian_filter(pixels, (size, size, *([0] * (pixels.ndim - 2))), mode="nearest"))


def noise(pixels: Pixels, generator: np.random.Generator, strength: float) -> Pixels:
    """Grain: independent Gaussian noise with a standard deviation of `strength` of the range."""
    return pixels + generator.normal(0, strength, pixels.shape)


def brightness(pixels: Pixels, generator: np.random.Generator, strength: float) -> Pixels:
    """Another light: all values shifted by `strength` of the range, up or down."""
    return pixels + strength * float(generator.choice((-1, 1)))


PAINTS: dict[str, Paint] = {"blur": blur, "noise": noise, "brightness": brightness}


def damage_image(value: Any, name: str, generator: np.random.Generator, strength: float) -> Any:
    """A picture with a perturbation, in the form in which it came; None where it looks as it did.

    Args:
        value: A PIL image, an array (height, width) or (height, width, channels), integers or floats of 0 to 1 (or to
            255), or an encoded file as `{"bytes": …}` or `{"path": …}`. Transparency stays.
        name: One of `PAINTS`.
        generator: The only source of chance.
        strength: Above 0, at most 1; what it means each perturbation says.

    Raises:
        DataError: It is no picture.
    """
    if isinstance(value, np.ndarray):
        return _damage_array(value, name, generator, strength)
    image = _open(value)
    bands = image.getbands()
    colours = len(bands) - ("A" in bands)
    pixels = np.asarray(image)
    seen = pixels[..., :colours] if pixels.ndim == 3 else pixels
    made = _damage_array(seen, name, generator, strength)
    if made is None:
        return None
    import PIL.Image

    whole = made if pixels.ndim == 2 else np.concatenate([made, pixels[..., colours:]], axis=-1)
    return PIL.Image.fromarray(whole)


def _damage_array(values: np.ndarray, name: str, generator: np.random.Generator, strength: float) -> np.ndarray | None:
    if values.ndim not in (2, 3) or not values.size:
        raise DataError(f"A picture of shape {values.shape}.", "Give (height, width) or (height, width, channels).")
    top = _top(values)
    painted = np.clip(PAINTS[name](values.astype(np.float64) / top, generator, strength), 0, 1) * top
    made = (np.rint(painted) if np.issubdtype(values.dtype, np.integer) else painted).astype(values.dtype)
    return None if np.array_equal(made, values) else made


def _top(values: np.ndarray) -> float:
    """The largest value that pixels of this type can have."""
    if np.issubdtype(values.dtype, np.integer):
        return float(np.iinfo(values.dtype).max)
    return 255.0 if values.max() > 1 else 1.0


def _open(value: Any) -> Image:
    """A decoded picture whose bands hold 8 bits each."""
    import PIL.Image

    if isinstance(value, Mapping) and (value.get("bytes") or value.get("path")):
        value = PIL.Image.open(io.BytesIO(value["bytes"]) if value.get("bytes") else value["path"])
    if not isinstance(value, PIL.Image.Image):
        raise DataError(f"A picture as {type(value).__name__}.", "Known: a PIL image, an array, an encoded file.")
    if value.mode in ("L", "LA", "RGB", "RGBA") or value.mode.startswith("I;16"):
        return value
    return value.convert("RGBA" if "transparency" in value.info else "RGB")


def damage_sound(value: Any, generator: np.random.Generator, snr: float) -> Any:
    """A recording with pink noise behind it, whose power (mean square) is `snr` dB below the recording's.

    Pink, 1/f: rooms, streets and machines are louder in their low tones than white noise is. Samples are not clipped.

    Args:
        value: `{"array", "sampling_rate"}`, or the array alone: (samples,) or (channels, samples) floats.
        generator: The only source of chance.
        snr: Signal-to-noise ratio in dB.

    Returns:
        The same form; None where the recording is silent, so that there is no ratio.

    Raises:
        DataError: It is no recording.
    """
    samples = np.asarray(value["array"] if isinstance(value, Mapping) and "array" in value else value)
    if samples.ndim not in (1, 2) or not samples.size or not np.issubdtype(samples.dtype, np.floating):
        raise DataError(
            f"A recording of shape {samples.shape} and type {samples.dtype}.",
            "Give floats (samples,) or (channels, samples), alone or as `array` beside `sampling_rate`.",
        )
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    if power == 0:
        return None
    made = pink_noise(samples.shape[-1], generator)
    made *= math.sqrt(power / 10 ** (snr / 10) / float(np.mean(np.square(made))))
    mixed = (samples + made).astype(samples.dtype)
    return {**value, "array": mixed} if isinstance(value, Mapping) else mixed


def pink_noise(size: int, generator: np.random.Generator) -> np.ndarray:
    """(size,) float64 noise whose power falls with the frequency; of one sample, that of a coin."""
    spectrum = np.fft.rfft(generator.normal(size=size))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0 if size > 1 else generator.choice((-1, 1))
    return np.fft.irfft(spectrum, size)
