"""The demo of a fine-tuned model.

As a Space it shows the model that it was published with. On your own machine: `python app.py org/name`, or the folder
of a run; it answers at 127.0.0.1 only.
"""

from __future__ import annotations

import contextlib
import os
import sys

with contextlib.suppress(ImportError):  # only there where GPUs are lent
    import spaces  # noqa: F401 - it has to come before torch to lend one

from finetune.serving import space_demo

MODEL = ""
"""Hub id of the model; the environment's FINETUNE_MODEL goes before it."""

# Here, not below: lent GPUs want the model loaded when the module is. Where it is not to be had, the page says why.
demo = space_demo(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FINETUNE_MODEL") or MODEL)

if __name__ == "__main__":
    demo.launch()
