"""What watches a fit: when to validate, whether it still learns, and the bar that shows both."""

from __future__ import annotations

import math
import statistics
from typing import Any

from tqdm.auto import tqdm
from transformers import TrainerCallback

from finetune.errors import DivergenceError


class Schedule(TrainerCallback):
    """Validate and save at fixed points of every epoch, and at the end.

    Args:
        steps_per_epoch: Optimizer steps in an epoch.
        per_epoch: Validations in an epoch.
    """

    def __init__(self, steps_per_epoch: int, per_epoch: int) -> None:
        times = min(per_epoch, steps_per_epoch)
        self.points = {math.ceil((i + 1) * steps_per_epoch / times) for i in range(times)}
        self.steps_per_epoch = steps_per_epoch

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Ask for a validation and a checkpoint where one is due."""
        within = (state.global_step - 1) % self.steps_per_epoch + 1
        if within in self.points or state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = control.should_log = True
        return control


class Guard(TrainerCallback):
    """Stop a fit that cannot come to anything, and say what to change.

    The gradient has exploded when its norm is over `factor` times the median of the norms so far (five at least) and
    the loss is above its first value.
    """

    def __init__(self, factor: float = 1000.0) -> None:
        self.factor = factor
        self.norms: list[float] = []
        self.first_loss: float | None = None

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Look at the newest loss and gradient norm."""
        logs = logs or {}
        loss, norm = logs.get("loss"), logs.get("grad_norm")
        if loss is None:
            return
        if self.first_loss is None and not math.isfinite(loss):  # no learning rate is to blame for that
            raise DivergenceError(
                f"The loss is {loss} at step {state.global_step}, before anything was learned.",
                "Look for damaged weights in the model and, in a regression, for targets so large that their square "
                "overflows (scale them); with 16-bit weights set model.dtype: float32 or training.bf16: false.",
            )
        rate = f"{logs.get('learning_rate', args.learning_rate):.1e}"
        if not math.isfinite(loss) or (norm is not None and not math.isfinite(norm)):
            what = f"loss {loss}" if not math.isfinite(loss) else f"gradient norm {norm}"
            raise DivergenceError(
                f"Training diverged at step {state.global_step}: {what} (learning rate {rate}).",
                f"Lower training.learning_rate (try {args.learning_rate / 10:.0e}), raise training.warmup_ratio, "
                "or set training.bf16: false.",
            )
        self.first_loss = loss if self.first_loss is None else self.first_loss
        if norm is not None:
            if len(self.norms) >= 5 and loss > self.first_loss and norm > self.factor * statistics.median(self.norms):
                raise DivergenceError(
                    f"The gradient exploded at step {state.global_step}: norm {norm:.3g} against a median of "
                    f"{statistics.median(self.norms):.3g}, loss {loss:.3g} against {self.first_loss:.3g} at first.",
                    f"Lower training.learning_rate (try {args.learning_rate / 10:.0e}) or training.max_grad_norm.",
                )
            self.norms.append(norm)


class Progress(TrainerCallback):
    """One bar: steps, time left, loss, learning rate; a line for every validation.

    Args:
        headline: The validation score to show beside the loss.
    """

    def __init__(self, headline: str) -> None:
        self.headline = headline
        self.bar: Any = None
        self.shown: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the bar."""
        if state.is_world_process_zero:
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="Training", unit="step",
                            dynamic_ncols=True, mininterval=1.0)  # fmt: skip

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move on."""
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Show the newest loss and learning rate."""
        if self.bar is not None and logs and "loss" in logs:
            self.shown = {"loss": f"{logs['loss']:.3f}", "lr": f"{logs['learning_rate']:.1e}"}
            self.bar.set_postfix(self.shown, refresh=False)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        """One line per validation."""
        metrics = metrics or {}
        if self.bar is None or "eval_validation_loss" not in metrics:
            return
        score = metrics.get(f"eval_validation_{self.headline}", float("nan"))
        self.bar.write(
            f"epoch {state.epoch:.2f}  step {state.global_step}  validation loss "
            f"{metrics['eval_validation_loss']:.4f}  {self.headline} {score:.4f}"
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Close the bar, also when training broke off."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
