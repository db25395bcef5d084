"""The zero-shot baseline: what an NLI or an instruction model says of the labels' names, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback_hub.tiny import wordpiece_vocabulary

import finetune
from finetune.errors import RecipeError
from finetune.evaluation.zero_shot import fit_zero_shot
from finetune.recipe import Recipe, ZeroShotSection
from finetune.task import TargetHints, Task, load_task

TEXTS = ["a lovely film", "a dull and tired play", "the meal was warm"]
LABELS = ("negative", "positive")
SAID = [*TEXTS, "This text is about negative positive .", "sad happy", "yes no",
        "Which of these labels fits the text best : , ? Answer with the label alone . Does fit"]  # fmt: skip


def tokenizer() -> Any:
    from transformers import BertTokenizerFast

    return BertTokenizerFast(vocab=wordpiece_vocabulary(SAID), model_max_length=64)


def save(folder: Path, model: Any) -> str:
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


def sizes() -> dict[str, int]:
    return {"vocab_size": len(tokenizer()), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 64, "max_position_embeddings": 64}  # fmt: skip


@pytest.fixture(scope="module")
def entailing(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random model whose labels are those of natural language inference, in an unusual order."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(1)
    names = {0: "CONTRADICTION", 1: "ENTAILMENT", 2: "NEUTRAL"}
    config = BertConfig(**sizes(), id2label=names, label2id={name: i for i, name in names.items()})
    return save(tmp_path_factory.mktemp("nli"), BertForSequenceClassification(config))


@pytest.fixture(scope="module")
def instructed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random causal language model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(2)
    config = LlamaConfig(**sizes(), num_key_value_heads=2, pad_token_id=0)
    return save(tmp_path_factory.mktemp("lm"), LlamaForCausalLM(config))


def task(values: list[Any] | None = None) -> Task:
    return load_task("text-classification").learn(values or [0, 1], TargetHints(LABELS))


def rows() -> list[dict[str, Any]]:
    return [{"text": text} for text in TEXTS]


def test_an_nli_model_gives_the_softmax_of_entailment_over_labels(entailing: str) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    predict, detail = fit_zero_shot(task(), ZeroShotSection(model=entailing, labels={"negative": "sad"}))
    model = AutoModelForSequenceClassification.from_pretrained(entailing).eval()
    for text, answer in zip(TEXTS, predict(rows()), strict=True):
        given = tokenizer()([text] * 2, [f"This text is about {word}." for word in ("sad", "positive")],
                            return_tensors="pt", padding=True)  # fmt: skip
        with torch.no_grad():
            expected = model(**given).logits[:, 1].softmax(dim=0).tolist()
        assert [answer["scores"][label] for label in LABELS] == pytest.approx(expected, abs=1e-5)
    assert "entailment" in detail


def test_several_labels_are_judged_one_by_one(entailing: str) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    predict, _ = fit_zero_shot(task([[0], [0, 1]]), ZeroShotSection(model=entailing, hypothesis="{} ."))
    model = AutoModelForSequenceClassification.from_pretrained(entailing).eval()
    for text, answer in zip(TEXTS, predict(rows()), strict=True):
        for label in LABELS:
            with torch.no_grad():
                logits = model(**tokenizer()(text, f"{label} .", return_tensors="pt")).logits[0]
            assert answer["scores"][label] == pytest.approx(float(logits[[0, 1]].softmax(dim=0)[1]), abs=1e-5)


def test_a_language_model_gives_the_calibrated_log_probability_of_the_label(instructed: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    predict, detail = fit_zero_shot(task(), ZeroShotSection(model=instructed))
    model = AutoModelForCausalLM.from_pretrained(instructed).eval()

    def means(text: str) -> np.ndarray:
        found = []
        for label in LABELS:
            asked = "Which of these labels fits the text best: negative, positive? Answer with the label alone."
            start = tokenizer()(f"{text}\n\n{asked}\n")["input_ids"]
            words = tokenizer()(f" {label}", add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logs = model(torch.tensor([start + words])).logits[0].log_softmax(dim=-1)
            found.append(np.mean([float(logs[len(start) + i - 1, word]) for i, word in enumerate(words)]))
        return np.array(found)

    for text, answer in zip(TEXTS, predict(rows()), strict=True):
        shares = np.exp(means(text) - means("N/A"))
        expected = shares / shares.sum()
        assert [answer["scores"][label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-4)
    assert "likelihood" in detail


def test_a_language_model_says_yes_or_no_to_several_labels(instructed: str) -> None:
    predict, _ = fit_zero_shot(task([[0], [0, 1]]), ZeroShotSection(model=instructed))
    answers = predict(rows())
    assert all(0 < answer["scores"][label] < 1 for answer in answers for label in LABELS)
    assert len({round(answer["scores"]["positive"], 6) for answer in answers}) == len(answers)


def test_a_run_scores_it_beside_the_other_baselines(make_recipe: Callable[..., Recipe], entailing: str) -> None:
    evaluation = finetune.run(make_recipe(evaluation__zero_shot={"model": entailing}))
    assert list(evaluation.systems) == ["model", "majority", "tfidf-logreg", "zero-shot"]
    assert {c["against"] for c in evaluation.comparisons} == {"majority", "tfidf-logreg", "zero-shot"}
    assert "Zero-shot" in (Path(str(evaluation.folder)) / "report.html").read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evaluation__baselines": ["zero-shot"]}, "no model for it"),
        ({"evaluation__baselines": ["majority"], "evaluation__zero_shot": {"model": "x"}}, "no baseline uses"),
        ({"evaluation__zero_shot": {"model": "x"}, "data__columns": {"text": "text", "label": "stars"},
          "options__problem_type": "regression"}, "has none of"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_training(
    make_recipe: Callable[..., Recipe], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        finetune.run(make_recipe(**changes))


@pytest.mark.parametrize("hypothesis", ["no place", "{} and {}", "{name}", "{"])
def test_the_hypothesis_needs_one_place_for_the_label(hypothesis: str) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        ZeroShotSection(model="x", hypothesis=hypothesis)


def test_a_model_of_neither_kind_and_an_unknown_label_are_refused(tiny_model: Path, entailing: str) -> None:
    with pytest.raises(RecipeError, match="neither entailment nor the next word"):
        fit_zero_shot(task(), ZeroShotSection(model=str(tiny_model)))
    with pytest.raises(RecipeError, match="'joyful'"):
        fit_zero_shot(task(), ZeroShotSection(model=entailing, labels={"joyful": "glad"}))
