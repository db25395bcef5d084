"""How the fit went, in a word and the figures that it rests on."""

from __future__ import annotations

from typing import Any

RISE = 0.02
"""Share by which the validation loss has to rise above its minimum to be called a rise."""
GAP = 0.05
"""Difference between training and validation score that is worth a word."""


def diagnose(
    training: dict[str, Any], headline: str, baselines: list[float], value: float, better: str
) -> dict[str, Any]:
    """Name what the curves show.

    - *overfitting at epoch N*: the validation loss has its minimum before the end and rises by more than 2% after it,
      while the training loss goes on falling.
    - *underfitting*: the model is no better than its best baseline on the headline score, or training and validation
      loss still fall by more than 5% at the last of several validations.
    - *healthy* otherwise.

    Args:
        training: What the fit measured (`training.json`).
        headline: Name of the headline score.
        baselines: The baselines' headline scores.
        value: The model's.
        better: `higher` or `lower`, whichever is better.

    Returns:
        `verdict`, `sentence`, `figures`.
    """
    points = [p for p in training.get("validations", []) if p.get("validation_loss") is not None]
    if not points:
        return {"verdict": "not measured", "sentence": "There was no validation to judge the fit by.", "figures": {}}
    best = min(points, key=lambda p: p["validation_loss"])
    last = points[-1]
    figures = {
        "best_epoch": best["epoch"],
        "best_validation_loss": best["validation_loss"],
        "last_epoch": last["epoch"],
        "last_validation_loss": last["validation_loss"],
        "first_train_loss": points[0]["train_loss"],
        "last_train_loss": last["train_loss"],
        "train_score": last.get(f"train_{headline}"),
        "validation_score": last.get(f"validation_{headline}"),
    }
    rise = last["validation_loss"] / max(best["validation_loss"], 1e-12) - 1
    if rise > RISE and last["train_loss"] < best["train_loss"]:
        return _overfitting(figures, training, rise)
    if baselines and (max(baselines) >= value if better == "higher" else min(baselines) <= value):
        sentence = f"No better than its best baseline on {headline}: it has not learned what the data can teach."
        return {"verdict": "underfitting", "sentence": sentence, "figures": figures}
    if len(points) > 1 and best is last:
        before = points[-2]
        fall = 1 - last["validation_loss"] / max(before["validation_loss"], 1e-12)
        if fall > GAP and last["train_loss"] < before["train_loss"]:
            sentence = (
                f"The validation loss still fell by {fall:.0%} at the end (to {last['validation_loss']:.4f}): "
                "more epochs or a higher learning rate would probably help."
            )
            return {"verdict": "underfitting", "sentence": sentence, "figures": figures}
    return {"verdict": "healthy", "sentence": _healthy(figures, headline), "figures": figures}


def _overfitting(figures: dict[str, Any], training: dict[str, Any], rise: float) -> dict[str, Any]:
    kept = "the checkpoint with the lowest validation loss was kept"
    if training.get("best_by", "loss") != "loss":
        kept = f"the checkpoint with the best validation {training['best_by']} was kept"
    sentence = (
        f"Overfitting from epoch {round(figures['best_epoch'], 1):g}: the validation loss rose by {rise:.0%} from "
        f"{figures['best_validation_loss']:.4f} to {figures['last_validation_loss']:.4f} while the training loss "
        f"fell to {figures['last_train_loss']:.4f}; {kept}."
    )
    return {
        "verdict": f"overfitting at epoch {round(figures['best_epoch'], 1):g}",
        "sentence": sentence,
        "figures": figures,
    }


def _healthy(figures: dict[str, Any], headline: str) -> str:
    sentence = (
        f"The validation loss fell to {figures['best_validation_loss']:.4f} "
        f"(epoch {round(figures['best_epoch'], 1):g}) and did not rise after it."
    )
    train, validation = figures["train_score"], figures["validation_score"]
    if train is not None and validation is not None and abs(train - validation) > GAP:
        sentence += f" {headline} is {train:.3f} on training rows and {validation:.3f} on validation rows."
    return sentence
