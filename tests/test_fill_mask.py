"""Masked language modelling: what is masked, what is scored, and what a run is good for afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from loopback_hub.tiny import wordpiece_vocabulary
from stand_ins.text_classification import distilbert

import finetune
from finetune.errors import DataError, LabelError, RecipeError, SourceError, UsageError
from finetune.models import model_inputs, tiny_text_encoder
from finetune.recipe import Recipe
from finetune.sources import resolve_model
from finetune.task import load_task, task_class
from finetune.tasks.fill_mask import BLANK, CANDIDATES

TEXTS = ["the film was great and the film was long", "the meal was warm", "the play was dull and long"]
LONG = " then ".join(TEXTS * 12)
LIMIT = 64
TRAINING = {"learning_rate": 5e-3, "train_batch_size": 8, "bf16": False, "report_to": ["none"]}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT with a masked-language-model head, and a tokenizer of whole words."""
    folder = tmp_path_factory.mktemp("mlm")
    task_class("fill-mask").examples()["short"].save_model(str(folder))
    return folder


@pytest.fixture(scope="module")
def loaded(base: Path) -> tuple[Any, Any]:
    return load_task("fill-mask").load(resolve_model(str(base)))


@pytest.fixture(scope="module")
def pieces() -> Any:
    """A tokenizer that takes most words apart."""
    from transformers import BertTokenizerFast

    words = " ".join(sorted({letter for text in TEXTS for letter in text if letter != " "}))
    return BertTokenizerFast(vocab=wordpiece_vocabulary([f"the was and {words}"]))


def rows(*texts: str, data: bool = True) -> list[dict[str, Any]]:
    return [{"text": text} | ({"row": f"test:{i}"} if data else {}) for i, text in enumerate(texts)]


def content(feature: dict[str, Any]) -> list[int]:
    """A block's tokens without those that the tokenizer puts around it."""
    return feature["input_ids"][slice(*feature["about"]["content"])]


def recipe(folder: Path, base: Path, texts: list[str], **sections: Any) -> Recipe:
    Dataset.from_dict({"text": texts}).to_parquet(folder / "texts.parquet")
    values = {
        "task": "fill-mask", "name": "mlm", "model": {"name": str(base)}, "adapter": {"r": 4},
        "data": {"name": str(folder / "texts.parquet")}, "training": TRAINING | {"max_steps": 4},
        "evaluation": {"resamples": 100}, "output": {"folder": str(folder), "run": "mlm"},
    }  # fmt: skip
    return Recipe.from_dict(values | sections)


def many_texts() -> list[str]:
    return [row["text"] for row in task_class("fill-mask").examples()["short"].rows]


# -- scoring


def test_one_token_at_a_time_is_the_exact_pseudo_perplexity(loaded: tuple[Any, Any]) -> None:
    import torch

    model, tokenizer = loaded
    task = load_task("fill-mask", {"passes": None})
    for text, answer in zip(TEXTS, task.predict(rows(*TEXTS), model, tokenizer, 4, LIMIT), strict=True):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        inner = range(1, ids.shape[1] - 1)  # between [CLS] and [SEP]
        nats = 0.0
        for place in inner:
            hidden = ids.clone()
            hidden[0, place] = tokenizer.mask_token_id
            with torch.no_grad():
                logits = model(input_ids=hidden)["logits"][0, place]
            nats -= float(logits.log_softmax(-1)[ids[0, place]])
        assert answer["scores"]["tokens"] == len(inner)
        assert answer["scores"]["nll"] == pytest.approx(nats, rel=1e-5)
        assert answer["prediction"] == pytest.approx(np.exp(nats / len(inner)), rel=1e-5)


@pytest.mark.parametrize("passes", [2, 3, 8, None])
@pytest.mark.parametrize("max_length", [16, LIMIT])
def test_every_token_is_asked_for_exactly_once(loaded: tuple[Any, Any], passes: int | None, max_length: int) -> None:
    _, tokenizer = loaded
    task = load_task("fill-mask", {"passes": passes})
    given = [*TEXTS, LONG, "the [SEP] film was unheard-of [MASK]"]
    features = task.encode(rows(*given), tokenizer, max_length)
    unscored = set(tokenizer.all_special_ids)
    asked: dict[int, list[int]] = {index: [] for index in range(len(given))}
    for feature in features:
        batch = task.collator(tokenizer)(model_inputs([feature]))
        chosen = batch["labels"][0] >= 0
        assert (batch["input_ids"][0][chosen] == tokenizer.mask_token_id).all()
        assert batch["input_ids"][0][~chosen].tolist() == np.array(feature["input_ids"])[~chosen.numpy()].tolist()
        asked[feature["about"]["row"]] += batch["labels"][0][chosen].tolist()
        assert len(feature["hidden"]) >= 1
    for index, text in enumerate(given):
        ids = [token for token in tokenizer(text, verbose=False)["input_ids"] if token not in unscored]
        assert sorted(asked[index]) == sorted(ids)
    per_row = [sum(f["about"]["row"] == index for f in features) for index in range(3)]
    if passes and max_length == LIMIT:
        lengths = [len(text.split()) for text in TEXTS]
        assert per_row == [min(passes, length) for length in lengths]


@pytest.mark.parametrize("max_length", [16, 17, LIMIT, None])
def test_long_texts_are_divided_and_lose_nothing(loaded: tuple[Any, Any], max_length: int | None) -> None:
    _, tokenizer = loaded
    task = load_task("fill-mask")
    ids = tokenizer(LONG, verbose=False)["input_ids"]
    blocks = task.training_features(rows(LONG), tokenizer, max_length)
    assert [token for block in blocks for token in content(block)] == ids[1:-1]
    for block in blocks:
        assert [block["input_ids"][0], block["input_ids"][-1]] == [ids[0], ids[-1]]
        assert len(block["input_ids"]) <= (max_length or len(ids))
        assert block["length"] == len(ids)
        assert not block["truncated"]
    assert len(blocks) == (1 if max_length is None else -(-(len(ids) - 2) // (max_length - 2)))
    sizes = {len(block["input_ids"]) for block in blocks}
    assert max(sizes) - min(sizes) <= 1


def test_a_batch_of_unlike_texts_scores_them_as_each_alone(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    task = load_task("fill-mask")
    together = task.predict(rows(*TEXTS, LONG), model, tokenizer, 64, LIMIT)
    alone = [task.predict([row], model, tokenizer, 1, LIMIT)[0] for row in rows(*TEXTS, LONG)]
    for one, other in zip(together, alone, strict=True):
        assert one["prediction"] == pytest.approx(other["prediction"], rel=1e-5)


def test_a_text_without_a_known_token_has_no_score_and_is_counted(loaded: tuple[Any, Any]) -> None:
    from finetune.metrics import load_metric

    model, tokenizer = loaded
    task = load_task("fill-mask")
    answers = task.predict(rows(TEXTS[0], "qqq xxx", "[MASK]"), model, tokenizer, 4, LIMIT)
    assert [answer["prediction"] is None for answer in answers] == [False, True, True]
    arrays = task.arrays(answers, task.references(rows(TEXTS[0], "qqq xxx", "[MASK]")))
    assert np.isfinite(arrays["predictions"]).all()
    score = load_metric("pseudo_perplexity").measure(arrays["predictions"])["pseudo_perplexity"]
    assert score == pytest.approx(answers[0]["prediction"])
    (table,) = task.details(arrays, [])["tables"]
    assert [row[1] for row in table["rows"]] == [1, 2]
    assert task.mistake({}, answers[1], "qqq xxx") is None


# -- training


def test_noise_spares_special_and_unknown_tokens(loaded: tuple[Any, Any]) -> None:
    import torch

    _, tokenizer = loaded
    task = load_task("fill-mask", {"mlm_probability": 0.5})
    features = task.training_features(rows(*TEXTS, "the [SEP] film was unheard-of [MASK]"), tokenizer, LIMIT)
    collate = task.training_collator(tokenizer)
    special = torch.tensor(tokenizer.all_special_ids)
    torch.manual_seed(0)
    asked = total = 0
    for _ in range(100):
        batch = collate(model_inputs(features))
        chosen = batch["labels"] >= 0
        assert not torch.isin(batch["labels"][chosen], special).any()
        asked += int(chosen.sum())
        total += sum(mark == 0 for feature in features for mark in feature["special_tokens_mask"])
    # Five standard deviations of a binomial share.
    assert asked / total == pytest.approx(0.5, abs=5 * (0.25 / total) ** 0.5)


def test_words_are_masked_whole(pieces: Any) -> None:
    import torch

    task = load_task("fill-mask", {"whole_word_mask": True, "mlm_probability": 0.4})
    (feature,) = task.training_features(rows(TEXTS[0]), pieces, None)
    words = pieces(TEXTS[0]).word_ids()
    groups = [[place for place, word in enumerate(words) if word == wanted] for wanted in sorted({*words} - {None})]
    assert max(map(len, groups)) > 1
    collate = task.training_collator(pieces)
    (other,) = task.training_features(rows("the film, the meal"), pieces, None)
    torch.manual_seed(0)
    seen = set()
    for _ in range(50):
        batch = collate(model_inputs([feature, other]))
        chosen = batch["labels"][0] >= 0
        for group in groups:
            assert len({bool(chosen[place]) for place in group}) == 1
        assert (batch["input_ids"][0][chosen] == pieces.mask_token_id).all()
        seen.add(tuple(chosen.tolist()))
    assert len(seen) > 1, "the same noise each time"


def test_a_batch_in_which_chance_masked_nothing_costs_nothing(loaded: tuple[Any, Any]) -> None:
    import torch

    model, tokenizer = loaded
    task = load_task("fill-mask")
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    labels = torch.full_like(batch["input_ids"], -100)
    assert int(task.count_items(labels)) == 0
    for count in (None, 0, torch.tensor(0), 5):
        loss = task.loss(model(**batch), labels, count)
        assert loss.item() == 0
        loss.backward()
    assert all(torch.isfinite(p.grad).all() and not p.grad.any() for p in model.parameters() if p.grad is not None)
    model.zero_grad()


def test_a_run_makes_its_texts_less_surprising_and_saves_how_much(base: Path, tmp_path: Path) -> None:
    training = {
        "learning_rate": 5e-3,
        "num_train_epochs": 8,
        "train_batch_size": 8,
        "bf16": False,
        "report_to": ["none"],
    }
    evaluation = finetune.run(recipe(tmp_path, base, many_texts(), training=training))
    scores = {name: system["scores"]["pseudo_perplexity"]["value"] for name, system in evaluation.systems.items()}
    assert scores["model"] < scores["untouched"]
    task = evaluation.load_task()
    model, tokenizer = task.load(resolve_model(str(base)))
    tested = [{"row": r, "text": t} for r, t in zip(evaluation.predictions["row"], evaluation.predictions["reference"],
                                                    strict=True)]  # fmt: skip
    answers = task.predict(tested, model, tokenizer, 64, LIMIT)
    nats, tokens = task.arrays(answers, tested)["predictions"].sum(axis=0)
    assert scores["untouched"] == pytest.approx(np.exp(nats / tokens), rel=1e-5)


def test_a_row_that_cannot_be_scored_does_not_stop_a_run(base: Path, tmp_path: Path) -> None:
    texts = many_texts()
    places = {"train": "train[:20]", "validation": "train[20:23]", "test": "train[23:]"}
    data = {"name": str(tmp_path / "texts.parquet"), "splits": places}
    evaluation = finetune.run(recipe(tmp_path, base, [*texts, "qqq", "the [MASK] was great"], data=data))
    assert evaluation.rows == len(texts) + 2 - 23
    assert [value is None for value in evaluation.predictions["prediction"]] == [False, True, False]
    assert np.isfinite(evaluation.scores["pseudo_perplexity"])


# -- completing texts


def test_blanks_are_filled_by_the_likeliest_token(loaded: tuple[Any, Any]) -> None:
    import torch

    model, tokenizer = loaded
    task = load_task("fill-mask")
    text = "the [MASK] was great and the film was [MASK]"
    (answer,) = task.predict(task.rows_from([text]), model, tokenizer, 4, LIMIT)
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        shares = model(input_ids=ids)["logits"][0].softmax(-1)
    blanks = torch.nonzero(ids[0] == tokenizer.mask_token_id)[:, 0]
    ids[0, blanks] = shares[blanks].argmax(-1)
    assert answer["prediction"] == tokenizer.decode(ids[0, 1:-1])
    best = shares[blanks[0]].topk(CANDIDATES)
    assert list(answer["scores"]) == [tokenizer.decode([token]) for token in best.indices.tolist()]
    assert list(answer["scores"].values()) == pytest.approx(best.values.tolist(), rel=1e-5)


def test_a_blank_far_into_a_long_text_is_filled_there(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    task = load_task("fill-mask")
    words = LONG.split()
    words[-3] = tokenizer.mask_token
    (answer,) = task.predict(task.rows_from([" ".join(words)]), model, tokenizer, 4, LIMIT)
    filled = answer["prediction"].split()
    assert len(filled) == len(words)
    assert [place for place, (a, b) in enumerate(zip(filled, words, strict=True)) if a != b] == [len(words) - 3]
    assert filled[-3] == next(iter(answer["scores"]))


def test_a_users_mask_is_filled_and_a_data_sets_is_scored(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    task = load_task("fill-mask")
    text = "the [MASK] was great"
    both = [*rows(text), *rows(text, TEXTS[0], data=False)]
    scored, filled, plain = task.predict(both, model, tokenizer, 4, LIMIT)
    assert scored["scores"]["tokens"] == len(text.split()) - 1
    assert isinstance(filled["prediction"], str)
    assert isinstance(plain["prediction"], float)
    features = task.encode(rows(text), tokenizer, LIMIT)
    labels = task.collator(tokenizer)(model_inputs(features))["labels"]
    assert not (labels == BLANK).any()


@pytest.mark.parametrize("given", [7, None, ["a", "b"], {"review": "a"}])
def test_inputs_that_are_no_text_are_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="Give a text"):
        load_task("fill-mask").rows_from([given])


# -- what is refused


def test_a_checkpoint_without_the_head_is_refused(tmp_path: Path) -> None:
    tiny_text_encoder(str(tmp_path), TEXTS)
    with pytest.raises(SourceError, match="no masked-language-model head") as refused:
        load_task("fill-mask").load(resolve_model(str(tmp_path)))
    assert "cls" in refused.value.cause
    assert "fill-mask" in refused.value.remedy


def test_a_tokenizer_without_a_mask_is_refused(base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    AutoModelForMaskedLM.from_pretrained(base).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.mask_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(SourceError, match="no mask token"):
        load_task("fill-mask").load(resolve_model(str(tmp_path)))


def test_texts_of_which_the_tokenizer_knows_nothing_are_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tokenizer knows"):
        finetune.run(recipe(tmp_path, base, [f"qqq{i}" for i in range(20)]))


def test_one_text_over_and_over_is_refused(base: Path, tmp_path: Path) -> None:
    places = {"train": "train[:20]", "validation": "train[20:21]", "test": "train[21:]"}
    data = {"name": str(tmp_path / "texts.parquet"), "splits": places}
    with pytest.raises(LabelError, match="same text"):
        finetune.prepare(recipe(tmp_path, base, [*TEXTS[:1] * 20, *TEXTS[1:]], data=data))


def test_a_length_that_leaves_no_room_for_text_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="max_length is 2"):
        finetune.run(recipe(tmp_path, base, many_texts(), model={"name": str(base), "max_length": 2}))


# -- what it is for


@pytest.mark.parametrize("method", ["lora", "none"])
@pytest.mark.parametrize("then", ["lora", "none"])
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_a_classifier_starts_from_the_run(base: Path, tmp_path: Path, method: str, kind: str, then: str) -> None:
    adapters = {"lora": {"r": 4}, "none": {"method": "none"}}
    start = base if kind == "bert" else distilbert(tmp_path / "distilbert")
    texts = many_texts()
    finetune.run(recipe(tmp_path, start, texts, adapter=adapters[method]))
    labels = ["good" if "great" in text else "bad" for text in texts]
    Dataset.from_dict({"text": texts, "label": labels}).to_parquet(tmp_path / "labelled.parquet")
    values = recipe(tmp_path, tmp_path / "mlm", texts).model_dump()
    values |= {"task": "text-classification", "name": "next", "adapter": adapters[then],
               "data": {"name": str(tmp_path / "labelled.parquet")},
               "output": {"folder": str(tmp_path), "run": "next"}}  # fmt: skip
    evaluation = finetune.run(Recipe.from_dict(values))
    again = finetune.load(tmp_path / "next")
    assert again.predict(evaluation.predictions["text"]) == evaluation.answers()
    assert again.base.name == str(tmp_path / "mlm")
