"""The demo as a Space: what its `app.py` serves, also on GPUs that are lent for seconds, and when the model is gone."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from finetune.errors import FinetuneError, UsageError
from finetune.serving.answering import Answerer
from finetune.serving.app import DemoSettings, build
from finetune.serving.launching import page_settings
from finetune.sources import fetch_published

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)

REPOSITORY = "FINETUNE_MODEL"
"""Environment variable that names the model."""
_PRIVATE = (
    "If the model is private, this Space needs a token that may read it: a secret named `HF_TOKEN` under "
    "**Settings → Variables and secrets**."
)


def space_demo(repository: str | None = None) -> gr.Blocks:
    """The page of a published model; it keeps nothing that people write, and its `launch` knows how it looks.

    The model is loaded before this returns, as shared GPUs want it. A model that cannot be loaded makes a page that
    says why, so that visitors do not meet a broken Space.

    Args:
        repository: The model's Hub id, or the folder of a published model or of a run. Default: what the environment
            variable FINETUNE_MODEL names.
    """
    named = repository or os.environ.get(REPOSITORY, "")
    try:
        page = build(load_answerer(named), DemoSettings())
    except FinetuneError as error:
        log.exception("The model %r cannot be shown.", named)
        page = explain_absence(f"{error.cause}\n\n{error.remedy}\n\n{_PRIVATE}")
    except Exception:
        log.exception("The model %r cannot be shown.", named)
        page = explain_absence("Its owner finds the reason in the log of this Space.")
    page.launch = partial(page.launch, **page_settings())  # so that app.py stays small
    return page


def load_answerer(named: str) -> Answerer:
    """What answers for a published model or a run, on a shared GPU where there is one.

    Raises:
        FinetuneError: The model is not named, not there, or cannot be loaded.
    """
    import finetune  # all of it: only the pipeline knows how inputs are read

    if not named:
        raise UsageError("There is no model to show.", f"Name one in the environment variable {REPOSITORY}.")
    folder = Path(named) if Path(named).exists() else fetch_published(named)
    answerer = Answerer(finetune.load(folder), published=folder)
    borrow_gpu(answerer)
    return answerer


def borrow_gpu(answerer: Answerer) -> None:
    """Let the model run inside of calls that get a GPU (ZeroGPU); nothing changes where GPUs are not lent."""
    try:
        import spaces
    except ImportError:
        return
    answerer.run_within(spaces.GPU)


def explain_absence(reason: str) -> gr.Blocks:
    """A page in the demo's place.

    Args:
        reason: Markdown.
    """
    import gradio as gr

    with gr.Blocks(title="This demo cannot start", analytics_enabled=False) as page:
        gr.Markdown(f"# This demo cannot start\n\n{reason}")
    return page
