"""What a model that never saw the training rows answers, from the names of the labels alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from finetune import processes
from finetune.errors import RecipeError, SourceError
from finetune.models import Collator, Features, forward_in_batches, load_pretrained
from finetune.recipe import ZeroShotSection
from finetune.sources import ModelSource, resolve_model
from finetune.task import Baseline, Prediction, Row, Task

NAME = "zero-shot"
KINDS = ("single_label", "multi_label")
_BATCH = 32
_QUESTION = "{text}\n\nWhich of these labels fits the text best: {labels}? Answer with the label alone."
_YES_OR_NO = '{text}\n\nDoes the label "{label}" fit the text? Answer yes or no.'
_NOTHING = "N/A"
"""A text without content."""
Score = Callable[[Sequence[str], Sequence[str]], np.ndarray]
"""Texts (n) and wordings of the labels (L) -> (n, L) logits."""


def fit_zero_shot(task: Task, settings: ZeroShotSection) -> tuple[Baseline, str]:
    """A baseline that reads the labels' names: by entailment (Yin et al. 2019, "Benchmarking Zero-shot Text
    Classification") with a model for natural language inference, or by the likelihood of each label as the answer of an
    instruction-tuned language model.

    Args:
        task: One with labels that have names.
        settings: The model, and how labels are put into words.

    Returns:
        The baseline, and a word on what it is.

    Raises:
        RecipeError: Wordings of labels that do not exist, or a model of neither kind.
        SourceError: The model is not to be had.
    """
    names = [str(name) for name in task.state().get("names", ())]
    unknown = sorted(set(settings.labels) - set(names))
    if unknown:
        raise RecipeError(
            f"evaluation.zero_shot.labels names {unknown[0]!r}, which is no label of the data.",
            f"Labels: {', '.join(names)}.",
        )
    with processes.main_first():
        source = replace(resolve_model(settings.model, settings.revision), dtype=settings.dtype)
    score, how = _scorer(source, task.kind == "multi_label", settings)
    worded = [settings.labels.get(name, name.replace("_", " ")) for name in names]

    def predict(rows: Sequence[Row]) -> list[Prediction]:
        return task.from_logits(score([task.text_of(row) for row in rows], worded))

    return predict, f"{source.name}, {how}"


def _scorer(source: ModelSource, several: bool, settings: ZeroShotSection) -> tuple[Score, str]:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(source.path, revision=source.revision)
    kind = (config.architectures or ["?"])[0]
    labels = {str(name).lower(): i for name, i in (config.label2id or {}).items()}
    entailed = next((i for name, i in labels.items() if name.startswith("entail")), None)
    if kind.endswith("ForSequenceClassification") and entailed is not None:
        against = next((i for name, i in labels.items() if name.startswith("contra")), None)
        ends = (entailed, against if against is not None else int(entailed == 0))
        return _entailment(source, ends, several, settings), "entailment"
    if kind.endswith("ForCausalLM"):
        return _likelihood(source, several, settings), "likelihood of the label as an answer"
    raise RecipeError(
        f"evaluation.zero_shot.model {source.name} is a {kind} that tells neither entailment nor the next word.",
        "Name a model for natural language inference (its labels say 'entailment'), or an instruction-tuned language "
        "model.",
    )


def _entailment(source: ModelSource, ends: tuple[int, int], several: bool, settings: ZeroShotSection) -> Score:
    """How surely the text entails "This text is about LABEL." """
    model, tokenizer = _load("AutoModelForSequenceClassification", source)
    limit = _limit(model, tokenizer, settings)

    def score(texts: Sequence[str], labels: Sequence[str]) -> np.ndarray:
        claims = [settings.hypothesis.format(label) for label in labels]
        pairs = [(text, claim) for text in texts for claim in claims]
        encoded = tokenizer([t for t, _ in pairs], [c for _, c in pairs], truncation="only_first", max_length=limit)
        features = [{key: encoded[key][i] for key in encoded} for i in range(len(pairs))]
        logits = _run(model, features, tokenizer, lambda outputs, _: {"logits": outputs["logits"]})
        table = np.stack([kept["logits"] for kept in logits]).reshape(len(texts), len(labels), -1)
        yes, no = table[:, :, ends[0]], table[:, :, ends[1]]
        return yes - no if several else yes

    return score


def _likelihood(source: ModelSource, several: bool, settings: ZeroShotSection) -> Score:
    """Mean log-probability of the label's tokens as the answer; for several labels, of yes against no.

    Less the same for a text that says nothing: else the label that the model likes best would win whatever the text
    (Zhao et al. 2021, "Calibrate Before Use").
    """
    model, tokenizer = _load("AutoModelForCausalLM", source)
    limit = _limit(model, tokenizer, settings)

    def asked(text: str, labels: Sequence[str]) -> list[tuple[str, str]]:
        if not several:
            return [(_QUESTION.format(text=text, labels=", ".join(labels)), label) for label in labels]
        return [(_YES_OR_NO.format(text=text, label=label), word) for label in labels for word in ("yes", "no")]

    def raw(texts: Sequence[str], labels: Sequence[str]) -> np.ndarray:
        features = [_continued(*pair, tokenizer, limit) for text in texts for pair in asked(text, labels)]
        found = np.array([float(kept["mean"]) for kept in _run(model, features, tokenizer, _mean_log_probability)])
        if several:
            yes, no = found.reshape(len(texts), len(labels), 2).transpose(2, 0, 1)
            surer: np.ndarray = yes - no
            return surer
        return found.reshape(len(texts), len(labels))

    def score(texts: Sequence[str], labels: Sequence[str]) -> np.ndarray:
        calibrated: np.ndarray = raw(texts, labels) - raw([_NOTHING], labels)
        return calibrated

    return score


def _continued(question: str, answer: str, tokenizer: Any, limit: int | None) -> dict[str, Any]:
    """A question in the model's own form, and the answer whose tokens alone are scored."""
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        start = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        words = tokenizer(answer, add_special_tokens=False)["input_ids"]
    else:
        start = tokenizer(f"{question}\n")["input_ids"]
        words = tokenizer(f" {answer}", add_special_tokens=False)["input_ids"]
    if limit is not None:
        start = start[-(limit - len(words)) :]  # the question stands at the end
    return {"input_ids": start + words, "attention_mask": [1] * (len(start) + len(words)),
            "labels": [-100] * len(start) + words}  # fmt: skip


def _mean_log_probability(outputs: Any, labels: Any) -> dict[str, Any]:
    from torch.nn import functional

    logits, wanted = outputs["logits"][:, :-1].float(), labels[:, 1:]
    items = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100, reduction="none")
    return {"mean": -items.view(wanted.shape).sum(dim=1) / (wanted != -100).sum(dim=1)}


def _load(auto_class: str, source: ModelSource) -> tuple[Any, Any]:
    model, tokenizer = load_pretrained(auto_class, source, {})
    if model.new_modules:
        raise SourceError(
            f"{source.name} lacks the weights of its {model.new_modules[0]}: its answers would be random.",
            "Name a model that was trained for this.",
        )
    return model.eval(), tokenizer


def _limit(model: Any, tokenizer: Any, settings: ZeroShotSection) -> int | None:
    from finetune.models import longest_input

    return settings.max_length or longest_input(model, tokenizer)


def _run(model: Any, features: Features, tokenizer: Any, keep: Any) -> list[dict[str, np.ndarray]]:
    import torch
    from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding

    if torch.accelerator.is_available() and not processes.count() > 1:
        model.to(str(torch.accelerator.current_accelerator()))
    kind = DataCollatorForTokenClassification if "labels" in features[0] else DataCollatorWithPadding
    collate: Collator = kind(tokenizer)
    tokenizer.padding_side = "right"
    return forward_in_batches(features, model, collate, _BATCH, keep=keep).outputs
