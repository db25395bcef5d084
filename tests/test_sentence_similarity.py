"""Embeddings: scores against sentence-transformers' evaluators; what is trained, searched, saved and refused."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closeness import assert_close
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import (
    EmbeddingSimilarityEvaluator,
    InformationRetrievalEvaluator,
)
from tiny_runs import WORDS, some_texts, tiny_recipe, word_encoder

import finetune
from finetune.errors import LabelError, RecipeError, UsageError
from finetune.labels import RowError
from finetune.metrics import load_metric
from finetune.models import core, model_inputs, tiny_text_encoder
from finetune.recipe import Recipe
from finetune.sources import ModelSource, resolve_model
from finetune.task import TargetHints, load_task
from finetune.tasks.sentence_similarity import SentenceSimilarity

EXAMPLES = SentenceSimilarity.examples()
TASK = "sentence-similarity"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return word_encoder(tmp_path_factory.mktemp("encoder"))


def learned(values: Sequence[Any], **options: Any) -> SentenceSimilarity:
    task = load_task(TASK, options)
    assert isinstance(task, SentenceSimilarity)
    return task.learn(values, TargetHints())


def make_recipe(folder: Path, rows: list[dict[str, Any]], options: dict[str, Any], **sections: Any) -> Recipe:
    texts = [value for row in rows for value in row.values() if isinstance(value, str)]
    return tiny_recipe(TASK, folder, rows, options, words=texts, **sections)


# -- scores


def scores_of(task: Any, answers: list[dict[str, Any]], references: list[Any]) -> dict[str, float]:
    arrays, found = task.arrays(answers, references), {}
    for name in task.metrics:
        found |= load_metric(name).measure(arrays["predictions"], arrays["references"])
    return found


@pytest.fixture(scope="module")
def searched(source: ModelSource) -> tuple[SentenceSimilarity, list[dict[str, Any]], Any, Any]:
    """200 random pairs of which many queries have several right texts, wrong texts beside them, and a random model."""
    chance = random.Random(0)
    texts = some_texts(320, 1)
    queries, answers = texts[:120], texts[120:]
    rows = [{"text": chance.choice(queries), "target": chance.choice(answers), "negative": [chance.choice(answers)]}
            for _ in range(200)]  # fmt: skip
    task = learned([row["target"] for row in rows], matryoshka_dims=[16, 4]).facing(rows)
    return task, rows, *task.load(source)


def library_scores(rows: list[dict[str, Any]], model: Any, dimensions: int | None = None) -> dict[str, float]:
    corpus = {text: text for row in rows for text in (row["target"], *row["negative"])}
    relevant: dict[str, set[str]] = {}
    for row in rows:
        relevant.setdefault(row["text"], set()).add(row["target"])
    # The library scores each query once, we each row: a query that stands in several rows counts as often here.
    places = {f"{place}": row["text"] for place, row in enumerate(rows)}
    evaluator = InformationRetrievalEvaluator(
        places, corpus, {place: relevant[text] for place, text in places.items()}, mrr_at_k=[10], ndcg_at_k=[10],
        accuracy_at_k=[1], precision_recall_at_k=[1, 5, 10], map_at_k=[10], truncate_dim=dimensions, write_csv=False,
    )  # fmt: skip
    return {name.removeprefix("cosine_"): float(value) for name, value in evaluator(model).items()}


def test_search_scores_are_sentence_transformers_own(searched: Any) -> None:
    task, rows, model, processor = searched
    ours = scores_of(task, task.predict(rows, model, processor, 32, None), task.references(rows))
    theirs = library_scores(rows, model)
    assert set(ours) == {"mrr@10", "ndcg@10", "recall@1", "recall@5", "recall@10"}
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], abs=1e-9), name
    assert 0 < ours["mrr@10"] < 1


def test_the_table_of_dimensions_is_what_truncated_embeddings_score(searched: Any) -> None:
    task, rows, model, processor = searched
    arrays = task.arrays(task.predict(rows, model, processor, 32, None), task.references(rows))
    (table,) = task.details(arrays, rows)["tables"]
    assert [row[0] for row in table["rows"]] == ["all", "16", "4"]
    for (name, *values), dimensions in zip(table["rows"], (None, 16, 4), strict=True):
        theirs = library_scores(rows, model, dimensions)
        for score, value in zip(table["columns"][1:], values, strict=True):
            assert value == pytest.approx(theirs[score], abs=1e-9), (name, score)
    assert len({tuple(row[1:]) for row in table["rows"]}) == 3


def test_a_query_with_several_right_texts_counts_them_all(searched: Any) -> None:
    task, rows, *_ = searched
    repeated = next(row for row in rows if len(task.references([row])[0]) > 2)
    wanted = {row["target"] for row in rows if row["text"] == repeated["text"]}
    assert set(task.references([repeated])[0]) == wanted
    found = [{"prediction": [*wanted, *some_texts(5, 9)]}]
    assert scores_of(task, found, task.references([repeated]))["recall@10"] == 1
    assert scores_of(task, found, task.references([repeated]))["recall@1"] == pytest.approx(1 / len(wanted))


def test_correlations_are_sentence_transformers_own(source: ModelSource) -> None:
    left, right = some_texts(200, 2), some_texts(200, 3)
    chance = random.Random(4)
    rows = [{"text": a, "text_pair": b, "target": chance.randint(0, 10) / 2} for a, b in zip(left, right, strict=True)]
    task = learned([row["target"] for row in rows])
    model, processor = task.load(source)
    ours = scores_of(task, task.predict(rows, model, processor, 32, None), task.references(rows))
    evaluator = EmbeddingSimilarityEvaluator(
        left, right, [row["target"] for row in rows], main_similarity="cosine", write_csv=False
    )
    theirs = evaluator(model)
    assert ours["spearman"] == pytest.approx(theirs["spearman_cosine"], abs=1e-5)
    assert ours["pearson"] == pytest.approx(theirs["pearson_cosine"], abs=1e-5)


# -- what is trained


LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "pairs": ("pairs", {}),
    "triplets": ("triplets", {"scale": 5.0}),
    "matryoshka": ("triplets", {"matryoshka_dims": [8]}),
    "cosent": ("scored", {}),
    "cosent-matryoshka": ("scored", {"matryoshka_dims": [16, 8]}),
    "cosine": ("scored", {"loss": "cosine"}),
}


def batch_of(variant: str, options: dict[str, Any], source: ModelSource) -> tuple[Any, Any, Any]:
    """A task, a model and a function that gives the same batch of eight rows again."""
    recipe = make_recipe(Path(source.path).parent, EXAMPLES[variant].rows, options, model={"name": source.path})
    data = finetune.prepare(recipe)
    task = data.task.facing(list(data.train))
    model, processor = task.load(source)
    features = task.training_features(list(data.train)[:8], processor, 16)
    collate = task.training_collator(processor)
    return task, model.eval(), lambda: collate(model_inputs(features))


def gradients(task: Any, model: Any, batch: Any, rows_at_once: int | None) -> tuple[float, dict[str, np.ndarray]]:
    model.zero_grad(set_to_none=True)
    loss = task.training_loss(model, batch, rows_at_once)
    loss.backward()
    found = {name: p.grad.numpy().copy() for name, p in model.named_parameters() if p.grad is not None}
    return float(loss.detach()), found


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    folder = tmp_path_factory.mktemp("worded") / "model"
    EXAMPLES["pairs"].save_model(str(folder))
    return resolve_model(str(folder))


@pytest.mark.parametrize("kind", LOSSES)
def test_a_micro_batch_changes_the_memory_and_not_the_gradient(kind: str, worded: ModelSource) -> None:
    task, model, batch = batch_of(*LOSSES[kind], worded)
    sizes: list[int] = []
    core(model).embeddings.word_embeddings.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    whole, wanted = gradients(task, model, batch(), None)
    assert max(sizes) >= 8
    sizes.clear()
    parts, found = gradients(task, model, batch(), 3)
    assert max(sizes) == 3
    assert parts == pytest.approx(whole, rel=1e-5)
    assert found.keys() == wanted.keys() == {name for name, _ in model.named_parameters()}
    for name, gradient in wanted.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-3, atol=1e-6, err_msg=name)
    assert max(np.abs(gradient).max() for gradient in wanted.values()) > 1e-3


def test_the_loss_is_that_of_the_whole_embedding_and_of_its_first_dimensions(worded: ModelSource) -> None:
    """Cross entropy of scaled cosines (van den Oord et al. 2018), once for every number of dimensions."""
    from scipy.special import logsumexp

    task, model, batch = batch_of("pairs", {"matryoshka_dims": [8, 4], "scale": 10.0}, worded)
    recipe = make_recipe(Path(worded.path).parent, EXAMPLES["pairs"].rows, {}, model={"name": worded.path})
    rows = list(finetune.prepare(recipe).train)[:8]
    left, right = (model.encode([row[key] for row in rows]).astype(float) for key in ("text", "target"))
    wanted = 0.0
    for size in (32, 8, 4):
        a, b = (side[:, :size] / np.linalg.norm(side[:, :size], axis=1, keepdims=True) for side in (left, right))
        logits = 10.0 * a @ b.T
        wanted += float(np.mean(logsumexp(logits, axis=1) - np.diag(logits)))
    assert float(task.training_loss(model, batch(), None).detach()) == pytest.approx(wanted, rel=1e-5)


def test_the_validation_loss_takes_no_right_text_for_a_wrong_one(worded: ModelSource) -> None:
    """Rows with the same right text never meet: batches are those that training could have."""
    told = [(row["anchor"], row["positive"]) for row in EXAMPLES["pairs"].rows[:5]]
    pairs = [*told, ("where is the sheep", told[0][1]), ("where is the goat", told[0][1]), ("the fish", told[3][1])]
    rows = [{"text": query, "target": answer} for query, answer in pairs]
    task = learned([row["target"] for row in rows]).facing(rows)
    model, processor = task.load(worded)
    collate = task.collator(processor)

    def loss(*places: int) -> float:
        features = task.encode([rows[place] for place in places], processor, None)
        batch = collate(model_inputs(features))
        return float(task.training_loss(model.eval(), batch, None).detach()) * len(places)

    found = task.answer(rows, model, processor, 4, None)
    wanted = loss(0, 1, 2, 3) + loss(4) + loss(5, 7) + loss(6)
    assert (found.loss, found.items) == (pytest.approx(wanted, rel=1e-5), 8)


def test_rows_whose_texts_would_be_wrong_answers_to_each_other_are_kept_apart() -> None:
    told = [("a", "x"), ("a", "y"), ("b", "y"), ("x", "z"), ("c", "w"), ("d", "x")]
    rows = [{"text": query, "target": answer} for query, answer in told]
    keys = learned([row["target"] for row in rows]).keep_apart(rows)
    assert keys is not None
    right = {(query, answer) for query, answer in told}
    apart = {(i, j) for i in range(len(told)) for j in range(i) if keys[i] & keys[j]}
    for i, (query, answer) in enumerate(told):
        for j, (other, its_answer) in enumerate(told[:i]):
            clash = query in (other, its_answer) or answer == other or {(query, its_answer), (other, answer)} & right
            assert not clash or (i, j) in apart, (told[i], told[j])
    assert not any(4 in pair for pair in apart), "nothing is shared with this row"
    assert learned([0.0, 1.0]).keep_apart(rows) is None


def test_more_dimensions_than_the_model_has_are_refused(source: ModelSource) -> None:
    with pytest.raises(UsageError, match=r"matryoshka_dims has 64.*32 dimensions"):
        learned(["a", "b"], matryoshka_dims=[64, 8]).load(source)
    with pytest.raises(RecipeError, match="matryoshka_dims"):
        load_task(TASK, {"matryoshka_dims": [0]})
    learned(["a", "b"], matryoshka_dims=[32]).load(source)


def test_mined_negatives_are_wrong_and_from_the_same_split(tmp_path: Path) -> None:
    rows = [{"anchor": f"{text} {i % 3}", "positive": other}
            for i, (text, other) in enumerate(zip(some_texts(40, 5) * 2, some_texts(80, 6), strict=True))]  # fmt: skip
    recipe = make_recipe(tmp_path, rows, {"hard_negatives": 4})
    data = finetune.prepare(recipe)
    _, processor = data.task.load(resolve_model(str(tmp_path / "base")))
    for split in (data.train, data.validation):
        kept = list(split)
        task = data.task.facing(kept)
        features = task.training_features(kept, processor, None)
        right: dict[str, set[str]] = {}
        for row in kept:
            right.setdefault(row["text"], set()).add(row["target"])
        texts = {row["target"] for row in kept}
        for row, feature in zip(kept, features, strict=True):
            given = [processor.decode(column["input_ids"], skip_special_tokens=True) for column in feature["columns"]]
            assert given[:2] == [row["text"], row["target"]]
            mined = given[2:]
            assert len(set(mined)) == len(mined) == 4
            assert set(mined) <= texts - right[row["text"]]


def test_rows_with_fewer_wrong_answers_get_as_many_as_the_others(worded: ModelSource) -> None:
    rows = [{"text": "where is the cat", "target": "cat lives", "negative": ["bird", "fish"]},
            {"text": "where is the dog", "target": "dog lives", "negative": []},
            {"text": "where is the bird", "target": "bird", "negative": ["fish"]},
            {"text": "where is the cat", "target": "sheep", "negative": []}]  # fmt: skip
    task = learned([row["target"] for row in rows], hard_negatives=1).facing(rows)
    _, processor = task.load(worded)
    features = task.training_features(rows, processor, None)
    assert [len(feature["columns"]) - 2 for feature in features] == [3, 3, 3, 3]
    batch = task.training_collator(processor)(model_inputs(features))
    assert sum(key.endswith("_input_ids") for key in batch) == 5
    few = learned([row["target"] for row in rows], hard_negatives=2).facing(rows)
    uneven = few.training_features(rows, processor, None)
    assert len({len(feature["columns"]) for feature in uneven}) > 1, "there are only five texts"
    with pytest.raises(LabelError, match="too few other texts"):
        few.training_collator(processor)(model_inputs(uneven))


# -- what is saved


@pytest.mark.parametrize("method", ["lora", "none"])
def test_the_saved_folder_is_a_sentence_transformer(method: str, tmp_path: Path) -> None:
    options = {"query_prompt": "where ", "document_prompt": "lives ", "pooling": "max", "matryoshka_dims": [8]}
    recipe = make_recipe(tmp_path, EXAMPLES["pairs"].rows, options, adapter={"method": method, "r": 4},
                         model={"name": str(tmp_path / "base"), "max_length": 12})  # fmt: skip
    model = finetune.fit(recipe, finetune.prepare(recipe))
    rows = list(model.data.test)
    ours = model.predict([row["text"] for row in rows])
    library = SentenceTransformer(str(tmp_path / "run" / "model"))
    assert library.max_seq_length == 12
    theirs = library.encode_query([row["text"] for row in rows])
    assert_close([answer["prediction"] for answer in ours], theirs.tolist())
    searched = replace(model, task=model.task.facing(rows)).predict_rows(rows)
    corpus = list(dict.fromkeys(row["target"] for row in rows))
    for size, name in ((None, "prediction"), (8, "at 8")):
        near = library.similarity(library.encode_query([row["text"] for row in rows], truncate_dim=size),
                                  library.encode_document(corpus, truncate_dim=size))  # fmt: skip
        first = [corpus[int(i)] for i in near.argmax(axis=1)]
        assert [answer[name][0] for answer in searched] == first
    untouched = SentenceTransformer(str(tmp_path / "base")).encode([row["text"] for row in rows])
    assert np.abs(untouched - theirs).max() > 1e-2
    assert not (tmp_path / "run" / "model" / "README.md").exists()


def test_a_run_continues_from_a_checkpoint_to_the_same_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from safetensors.numpy import load_file

    training = {"max_steps": 9, "eval_per_epoch": 1, "save_total_limit": 5, "logging_steps": 1}
    recipe = make_recipe(tmp_path, EXAMPLES["pairs"].rows, {"matryoshka_dims": [8]}, training=training)
    finetune.run(recipe)
    run = tmp_path / "run"
    whole = load_file(run / "model" / "adapter_model.safetensors")
    steps = sorted(int(path.name.split("-")[1]) for path in (run / "checkpoints").iterdir())
    assert len(steps) > 1
    assert steps[-1] == 9
    shutil.rmtree(run / "checkpoints" / "checkpoint-9")
    shutil.rmtree(run / "model")
    for file in ("training.json", "evaluation.json"):
        (run / file).unlink()
    with caplog.at_level("INFO", "finetune"):
        finetune.run(recipe, resume=run)
    assert f"Continuing from checkpoint-{steps[-2]}." in caplog.text
    again = load_file(run / "model" / "adapter_model.safetensors")
    assert again.keys() == whole.keys()
    for name, tensor in whole.items():
        np.testing.assert_array_equal(again[name], tensor, err_msg=name)


# -- texts, prompts, pooling, lengths


def test_a_text_is_embedded_and_a_pair_compared(source: ModelSource) -> None:
    task = learned([0.0, 5.0])
    model, processor = task.load(source)
    rows = task.rows_from(["w1 w2", ("w1 w2", "w3"), {"text": "w3"}, {"text": "w1 w2", "text_pair": "w3"}])
    text, pair, other, same = task.predict(rows, model, processor, 2, None)
    vectors = model.encode(["w1 w2", "w3"]).astype(float)
    assert_close([text["prediction"], other["prediction"]], vectors.tolist())
    cosine = vectors[0] @ vectors[1] / np.linalg.norm(vectors[0]) / np.linalg.norm(vectors[1])
    assert pair["prediction"] == same["prediction"] == pytest.approx(cosine, abs=1e-6)
    assert task.predict([], model, processor, 2, None) == []


@pytest.mark.parametrize("wrong", [5, None, ["a", "b", "c"], ("a", 1), {"query": "a"}, {"text": "a", "text_pair": 2}])
def test_another_input_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="Cannot embed"):
        load_task(TASK).rows_from(["fine", wrong])


def test_prompts_stand_before_the_texts(source: ModelSource) -> None:
    options = {"query_prompt": "w5 w6 ", "document_prompt": "w7 "}
    row = {"text": "w1", "target": "w2", "negative": ["w3"]}
    for values, bare, wanted in (
        (["w2", "w4"], row, ["w5 w6 w1", "w7 w2", "w7 w3"]),
        ([0.0, 1.0], {"text": "w1", "text_pair": "w2", "target": 1.0}, ["w5 w6 w1", "w5 w6 w2"]),
    ):
        task = learned(values, **options)
        model, processor = task.load(source)
        (feature,) = task.encode([bare], processor, None)
        assert [column["input_ids"] for column in feature["columns"]] == processor(wanted)["input_ids"]
        (answer,) = task.predict([{"text": "w1"}], model, processor, 2, None)
        assert_close(answer["prediction"], model.encode("w5 w6 w1").tolist())
    task = learned(["w2", "w4"], **options)
    (pair,) = task.predict([{"text": "w1", "text_pair": "w2"}], model, processor, 2, None)
    sides = model.encode(["w5 w6 w1", "w7 w2"]).astype(float)
    assert pair["prediction"] == pytest.approx(sides[0] @ sides[1] / np.prod(np.linalg.norm(sides, axis=1)), abs=1e-6)


POOLED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda tokens: tokens.mean(axis=0),
    "cls": lambda tokens: tokens[0],
    "max": lambda tokens: tokens.max(axis=0),
    "lasttoken": lambda tokens: tokens[-1],
}


@pytest.mark.parametrize("pooling", POOLED)
def test_token_vectors_are_pooled_as_the_options_say(pooling: str, source: ModelSource) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    task = learned([0.0, 1.0], pooling=pooling)
    model, processor = task.load(source)
    texts = ["w1 w2 w3", "w4"]
    found = task.predict([{"text": text} for text in texts], model, processor, 2, None)
    encoder, tokenizer = AutoModel.from_pretrained(source.path).eval(), AutoTokenizer.from_pretrained(source.path)
    for text, answer in zip(texts, found, strict=True):
        with torch.no_grad():
            tokens = encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
        np.testing.assert_allclose(answer["prediction"], POOLED[pooling](tokens), atol=1e-5)


def test_long_texts_are_cut_and_counted(tmp_path: Path) -> None:
    rows = [dict(row) for row in EXAMPLES["pairs"].rows]
    for row in rows[::4]:
        row["positive"] = f"{row['positive']} " + "lives " * 30
    recipe = make_recipe(tmp_path, rows, {}, model={"name": str(tmp_path / "base"), "max_length": 16})
    model = finetune.fit(recipe, finetune.prepare(recipe))
    lengths = finetune.RunFolder.open(tmp_path / "run").read_json("data/lengths.json")
    assert lengths["max_length"] == 16
    assert sum(split["truncated"] for split in lengths["splits"].values()) == 12
    features = model.task.encode(list(model.data.train), model.processor, 16)
    cut = [feature for feature in features if feature["truncated"]]
    assert len(cut) == lengths["splits"]["train"]["truncated"]
    assert all(max(len(column["input_ids"]) for column in feature["columns"]) == 16 for feature in cut)
    assert all(feature["length"] > 30 for feature in cut)
    assert model.model.max_seq_length == 16


# -- what is refused


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (["a", "b"], {"loss": "cosent"}, "targets are texts.*'cosent' learns from scores"),
        (["a", "b"], {"loss": "cosine"}, "targets are texts"),
        ([0.0, 1.0], {"loss": "multiple-negatives"}, "targets are scores.*learns from texts"),
        ([0.0, 1.0], {"hard_negatives": 2}, "hard_negatives"),
        ([None, "", float("nan")], {}, "No row has a target"),
    ],
)
def test_options_that_do_not_fit_the_targets_are_refused(values: list[Any], options: Any, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        learned(values, **options)


def test_scores_may_be_written_as_texts_and_miss_in_some_rows() -> None:
    task = learned(["0.5", None, "4", 2, float("nan")])
    assert task.state() == {"form": "scores", "low": 0.5, "high": 4.0}
    assert task.parse_target("4") == 4.0
    for missing in (None, "", float("nan")):
        with pytest.raises(RowError, match=r"^missing"):
            task.parse_target(missing)


def test_rows_that_contradict_the_target_are_refused() -> None:
    with pytest.raises(RowError, match="without a second text"):
        learned([0.0, 1.0]).check_row({"text": "a", "target": 1.0})
    with pytest.raises(RowError, match="two texts and a third"):
        learned(["a", "b"]).check_row({"text": "a", "text_pair": "b", "target": "c"})
    with pytest.raises(RowError, match="2 texts as one target"):
        learned(["a", "b"]).check_row({"text": "a", "target": ["b", "c"]})
    row = {"text": "a", "target": ["b"], "negative": "c"}
    learned(["a", "b"]).check_row(row)
    assert row == {"text": "a", "target": "b", "negative": ["c"]}


def test_more_hard_negatives_than_texts_are_refused() -> None:
    with pytest.raises(LabelError, match="hard_negatives is 3; the training rows have 3 texts"):
        learned(["a", "b", "c"], hard_negatives=3).check_training_rows(["a", "b", "c", "a"])
    with pytest.raises(LabelError, match="same target"):
        learned(["a", "a"]).check_training_rows(["a", "a"])


def test_a_checkpoint_without_the_encoders_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tiny_text_encoder(str(tmp_path), WORDS)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "layer.1" not in name}
    assert len(kept) < len(weights)
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(finetune.FinetuneError, match=r"lacks weights of the encoder.*layer\.1"):
        learned(["a", "b"]).load(resolve_model(str(tmp_path)))
