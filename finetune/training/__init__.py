"""The fit: encode, attach an adapter, train through Accelerate, keep the best.

encoding.py   rows -> features, and how long they are
batching.py   the batch that one optimizer step sees, on any number of devices
adapters.py   LoRA and the head
trainer.py    transformers' Trainer with one loss for all tasks
callbacks.py  progress, schedule, guards
fitting.py    all of it, in order
planning.py   what a run would cost, without training
"""

from finetune.training.fitting import fit, model_source
from finetune.training.planning import plan

__all__ = ["fit", "model_source", "plan"]
