"""Pictures and sounds that a person gives: the components that take them, and what a task gets of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import MissingExtraError, UsageError
from finetune.views import Field

if TYPE_CHECKING:
    from gradio.components import Component
    from PIL.Image import Image

LARGEST_FILE = 20_000_000
"""Bytes of an upload."""
LARGEST_IMAGE = 40_000_000
"""Pixels; a small file may hold far more than fits into memory."""
LONGEST_AUDIO = 300.0
"""Seconds of a recording."""


def media_component(field: Field, *, webcam: bool = False) -> Component:
    """The component of a field of kind `image` or `audio`; its value is the path of a file, for `read_media`.

    Args:
        field: What is asked for.
        webcam: Whether pictures may be taken with a camera; the browser asks for it, so only where it is of use.
    """
    import gradio as gr

    label = field.label if field.required else f"{field.label} (optional)"
    if field.kind == "audio":
        return gr.Audio(label=label, type="filepath", sources=["upload", "microphone"])
    sources = ["upload", "clipboard", *(["webcam"] if webcam else [])]
    image = gr.Image(label=label, type="filepath", sources=sources, placeholder=field.hint or None)
    # Gradio's own would open the picture, and answer a broken one with an error that says nothing.
    image.preprocess = _path_of(image.preprocess)
    return image


def _path_of(otherwise: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def preprocess(payload: Any) -> Any:
        return payload.path if payload is not None and payload.path else otherwise(payload)

    return preprocess


def read_media(field: Field, value: Any) -> Any:
    """What a task takes of a component's value: a picture, or a sound; None where there is none.

    Raises:
        UsageError: The file is broken, of another kind, or too large.
        MissingExtraError: Sounds need a package that is not installed.
    """
    if value is None or value == "":
        return None
    return read_audio(value) if field.kind == "audio" else read_image(value)


def read_image(path: str | Path) -> Image:
    """A picture as RGB, upright also where a camera only noted how it was held.

    Args:
        path: A file of any format that Pillow reads, of at most 20 MB and 40 million pixels.

    Raises:
        UsageError: It is broken, no picture, or too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    _check_size(path, "picture")
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > LARGEST_IMAGE:
                raise UsageError(
                    f"The picture has {width:,} × {height:,} pixels; at most {LARGEST_IMAGE:,} in all are read.",
                    "Make it smaller.",
                )
            return ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise UsageError(
            "This file is not a picture that can be read.", "Give a PNG, JPEG, WebP or GIF file."
        ) from None
    except (OSError, SyntaxError, ValueError):  # Pillow's, for pictures that break off or are damaged inside
        raise UsageError("This picture is damaged.", "Save it again, or give another one.") from None


def read_audio(path: str | Path) -> dict[str, Any]:
    """A recording: `array`, float32 samples in −1 to 1 of one channel (the mean of several), and `sampling_rate` in Hz.

    Args:
        path: A file of any format that libsndfile reads, of at most 20 MB and five minutes.

    Raises:
        UsageError: It is broken, empty, no recording, or too long.
        MissingExtraError: The package `soundfile` is not installed.
    """
    try:
        import soundfile
    except ImportError:
        raise MissingExtraError.of("soundfile", "audio", "Reading a recording") from None
    _check_size(path, "recording")
    try:
        with soundfile.SoundFile(str(path)) as sound:
            _check_length(sound.frames / sound.samplerate)
            samples, rate = sound.read(dtype="float32", always_2d=True), sound.samplerate
    except soundfile.SoundFileError:
        raise UsageError(
            "This file is not a recording that can be read.", "Give a WAV, FLAC, OGG or MP3 file."
        ) from None
    if not len(samples):
        raise UsageError("The recording is empty.", "Record or upload another one.")
    return {"array": samples.mean(axis=1), "sampling_rate": int(rate)}


def _check_length(seconds: float) -> None:
    if seconds > LONGEST_AUDIO:
        raise UsageError(
            f"The recording lasts {seconds:,.0f} seconds; at most {LONGEST_AUDIO:,.0f} are read.", "Cut it shorter."
        )


def _check_size(path: str | Path, what: str) -> None:
    try:
        size = Path(path).stat().st_size
    except OSError:
        raise UsageError(f"The {what} is not there any more.", "Upload it again.") from None
    if size > LARGEST_FILE:
        raise UsageError(
            f"The {what} has {size / 1e6:,.1f} MB; at most {LARGEST_FILE / 1e6:,.0f} MB are read.", "Make it smaller."
        )
