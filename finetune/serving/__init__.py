"""A trained model for people to try, and for programs to call."""

from finetune.serving.answering import Answer, Answerer
from finetune.serving.app import DemoSettings, build
from finetune.serving.launching import RunningDemo, launch, start
from finetune.serving.spaces import space_demo

__all__ = ["Answer", "Answerer", "DemoSettings", "RunningDemo", "build", "launch", "space_demo", "start"]
