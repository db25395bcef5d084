"""Cross-encoders: scores against sentence-transformers' evaluator, the lists that are ranked, and what is saved."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closeness import assert_close
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator
from tiny_runs import WORDS, some_texts, tiny_recipe, word_encoder

import finetune
from finetune.errors import EmptyDataError, LabelError, UsageError
from finetune.labels import RowError
from finetune.metrics import load_metric
from finetune.models import core, model_inputs, tiny_text_encoder
from finetune.recipe import Recipe
from finetune.retrieval.lexical import BM25
from finetune.sources import ModelSource, resolve_model
from finetune.task import load_task
from finetune.tasks.text_ranking import TextRanking

EXAMPLES = TextRanking.examples()
TASK = "text-ranking"
LOSSES = ("lambda", "list-net", "rank-net", "binary-cross-entropy")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return word_encoder(tmp_path_factory.mktemp("encoder"))


def make_recipe(folder: Path, rows: list[dict[str, Any]], options: dict[str, Any], **sections: Any) -> Recipe:
    return tiny_recipe(TASK, folder, rows, options, **sections)


def load_telling(task: Any, source: ModelSource) -> tuple[Any, Any]:
    """The model with larger weights: as it is drawn, all pairs score alike to some digits."""
    import torch

    model, processor = task.load(source)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8.0)
    return model, processor


def lists(count: int, seed: int) -> list[dict[str, Any]]:
    """Queries with two to fifteen documents, one to three of them relevant."""
    chance = random.Random(seed)
    texts = some_texts(count + 20, seed, shortest=2)
    rows = []
    for query in texts[:count]:
        documents = chance.sample(texts, chance.randint(4, 15))
        right = chance.sample(range(len(documents)), chance.randint(1, 3))
        rows.append({"query": query, "documents": documents,
                     "relevance": [float(i in right) for i in range(len(documents))]})  # fmt: skip
    return rows


# -- scores


def test_scores_are_sentence_transformers_own(source: ModelSource) -> None:
    rows, task = lists(200, 0), load_task(TASK)
    model, processor = load_telling(task, source)
    answers = task.predict(rows, model, processor, 64, None)
    arrays = task.arrays(answers, task.references(rows))
    ours: dict[str, float] = {}
    for name in ("mrr", "ndcg"):
        ours |= load_metric(name).measure(arrays["predictions"], arrays["references"])
    samples = [{"query": row["query"],
                "positive": [text for text, grade in zip(row["documents"], row["relevance"], strict=True) if grade],
                "negative": [text for text, grade in zip(row["documents"], row["relevance"], strict=True) if not grade]}
               for row in rows]  # fmt: skip
    theirs = CrossEncoderRerankingEvaluator(samples, at_k=10, write_csv=False)(model)
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], abs=1e-9), name
        assert 0.2 < value < 0.9


def test_the_order_is_that_of_the_scores_even_where_their_sigmoids_are_all_one(source: ModelSource) -> None:
    import torch

    rows, task = lists(20, 1), load_task(TASK)
    model, processor = load_telling(task, source)
    before = task.predict(rows, model, processor, 64, None)
    with torch.no_grad():
        core(model).classifier.bias += 100.0
    after = task.predict(rows, model, processor, 64, None)
    assert {score for answer in after for score in answer["relevance"]} == {1.0}
    assert [answer["order"] for answer in after] == [answer["order"] for answer in before]
    for row, answer in zip(rows, before, strict=True):
        assert answer["prediction"] == [row["documents"][i] for i in answer["order"]]
        assert answer["relevance"] == sorted(answer["relevance"], reverse=True)


# -- the lists


def checked(**row: Any) -> dict[str, Any]:
    task = load_task(TASK)
    row["relevance"] = task.parse_target(row["relevance"])
    task.check_row(row)
    return row


def graded(row: dict[str, Any]) -> dict[str, float]:
    return dict(zip(row["documents"], row["relevance"], strict=True))


def test_every_form_of_data_becomes_a_graded_list() -> None:
    assert graded(checked(query="q", relevance="a", negative=["b", "c"])) == {"a": 1, "b": 0, "c": 0}
    assert graded(checked(query="q", relevance="a", negative="b")) == {"a": 1, "b": 0}
    assert graded(checked(query="q", relevance=["a", "b"], negative=None)) == {"a": 1, "b": 1}
    assert graded(checked(query="q", relevance="a", negative=["b", None, float("nan"), " "])) == {"a": 1, "b": 0}
    assert graded(checked(query="q", relevance="a", documents=["b", "a"])) == {"a": 1, "b": 0}
    assert graded(checked(query="q", relevance=[0, 2], documents=["a", "b"])) == {"a": 0, "b": 2}
    assert graded(checked(query="q", relevance=[1], documents=["a"], negative=["b"])) == {"a": 1, "b": 0}


def test_the_place_in_the_data_says_nothing() -> None:
    """Equal scores fall to the earlier document: if the right one were always first, a model of no use would win."""
    rows = [checked(query=text, relevance="right", negative=["b", "c", "d"]) for text in some_texts(400, 2, shortest=2)]
    places = np.bincount([row["relevance"].index(1) for row in rows], minlength=4)
    assert (places > 60).all(), places
    assert rows[5] == checked(query=rows[5]["query"], relevance="right", negative=["b", "c", "d"])


def test_rows_that_cannot_be_ranked_are_dropped_or_refused(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="2 documents but 3 grades"):
        checked(query="q", relevance=[1, 0, 0], documents=["a", "b"])
    with pytest.raises(RowError, match="grades without documents"):
        checked(query="q", relevance=[1, 0, 0])
    with pytest.raises(RowError, match="is not a number"):
        checked(query="q", relevance=[1, "high"], documents=["a", "b"])
    rows = [{"query": row["query"], "documents": row["documents"], "relevance": row["relevance"]}
            for row in lists(30, 3)]  # fmt: skip
    rows[4]["relevance"] = [0.0] * len(rows[4]["documents"])
    rows[7]["relevance"] = rows[7]["documents"] = []
    data = finetune.prepare(make_recipe(tmp_path, rows, {}))
    assert sum(data.report.splits.values()) == 28
    dropped = data.report.dropped["train"]
    assert {reason: entry["rows"] for reason, entry in dropped.items()} == {
        "missing relevant document": [4], "missing target": [7],
    }  # fmt: skip
    with pytest.raises(EmptyDataError, match="missing relevant document"):
        finetune.prepare(make_recipe(tmp_path, [{**row, "relevance": [0.0] * len(row["documents"])}
                                                for row in rows if row["documents"]], {}))  # fmt: skip
    rows[0]["relevance"] = rows[0]["relevance"][1:]
    with pytest.raises(LabelError, match=r"documents but \d+ grades.*row.* 0"):
        finetune.prepare(make_recipe(tmp_path, rows, {}))


@pytest.fixture(scope="module")
def answered() -> list[dict[str, Any]]:
    """Queries, each with one right text; every third query stands in two rows with another one in each."""
    texts = some_texts(240, 4, shortest=2)
    queries = [texts[i - 1 if i % 3 == 1 else i] for i in range(120)]
    return [{"question": query, "answer": f"{query} {text}"} for query, text in zip(queries, texts[120:], strict=True)]


def test_candidates_are_those_of_bm25_with_the_right_one_among_them(
    answered: list[dict[str, Any]], tmp_path: Path
) -> None:
    data = finetune.prepare(make_recipe(tmp_path, answered, {"candidates": 6, "negatives": 3}))
    right = {text: {row["answer"] for row in answered if row["question"] == text}
             for text in {row["question"] for row in answered}}  # fmt: skip
    assert max(map(len, right.values())) == 2
    places = []
    for name, split in data.splits.items():
        rows = list(split)
        corpus = list(dict.fromkeys(text for row in rows for text, grade in graded(row).items() if grade))
        order = BM25(corpus).rank([row["query"] for row in rows], len(corpus))
        for row, ranked in zip(rows, order, strict=True):
            (own,) = [text for text, grade in graded(row).items() if grade]
            assert own in right[row["query"]]
            others = [corpus[i] for i in ranked if corpus[i] not in right[row["query"]]]
            assert set(row["documents"]) - {own} == set(others[: 3 if name == "train" else 5])
            places.append(row["documents"].index(own))
    assert len(set(places)) == 6, "the right one stands anywhere"


def test_lists_that_have_wrong_documents_are_left_alone() -> None:
    task = load_task(TASK)
    whole = [checked(query=f"q{i}", relevance=f"a{i}", negative=[f"b{i}"]) for i in range(4)]
    assert task.enrich(whole, training=True) is None
    bare = checked(query="q1", relevance="c")
    made = task.enrich([*whole, bare], training=True)
    assert made is not None
    assert made[:-1] == whole
    assert graded(made[-1])["c"] == 1
    assert "a1" not in made[-1]["documents"], "the same query's other right document is no wrong one"
    assert {text for text, grade in graded(made[-1]).items() if not grade} <= {"a0", "a2", "a3", "b0", "b1", "b2", "b3"}


def test_training_needs_a_document_that_is_better_than_another() -> None:
    with pytest.raises(LabelError, match="better than another"):
        load_task(TASK).check_training_rows([[1.0, 1.0], [2.0]])
    load_task(TASK).check_training_rows([[1.0, 1.0], [2.0, 1.0]])


# -- what is trained


def gradients(task: Any, model: Any, batch: Any, rows_at_once: int | None) -> tuple[float, dict[str, np.ndarray]]:
    model.zero_grad(set_to_none=True)
    loss = task.training_loss(model, batch, rows_at_once)
    loss.backward()
    found = {name: p.grad.numpy().copy() for name, p in model.named_parameters() if p.grad is not None}
    return float(loss.detach()), found


@pytest.mark.parametrize("loss", LOSSES)
def test_a_micro_batch_changes_the_memory_and_not_the_gradient(loss: str, source: ModelSource) -> None:
    task = load_task(TASK, {"loss": loss})
    model, processor = load_telling(task, source)
    model.eval()
    features = task.encode(lists(6, 5), processor, None)
    longest = max(len(feature["documents"]) for feature in features)
    sizes: list[int] = []
    core(model).bert.embeddings.word_embeddings.register_forward_pre_hook(
        lambda module, given: sizes.append(len(given[0]))
    )
    collate = task.training_collator(processor)
    whole, wanted = gradients(task, model, collate(model_inputs(features)), None)
    assert max(sizes) == sum(len(feature["documents"]) for feature in features)
    assert max(sizes) > 2 * longest
    sizes.clear()
    parts, found = gradients(task, model, collate(model_inputs(features)), 2)
    assert max(sizes) == 2 * longest
    assert parts == pytest.approx(whole, rel=1e-4)
    assert found.keys() == wanted.keys() == {name for name, _ in model.named_parameters()}
    for name, gradient in wanted.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-3, atol=1e-6, err_msg=name)
    assert max(np.abs(gradient).max() for gradient in wanted.values()) > 1e-3


def test_a_document_alone_is_right_or_wrong(source: ModelSource) -> None:
    """Cross entropy of the sigmoid, every grade above 0 alike."""
    task, rows = load_task(TASK, {"loss": "binary-cross-entropy"}), lists(5, 6)
    rows[0]["relevance"] = [3 * grade for grade in rows[0]["relevance"]]
    model, processor = load_telling(task, source)
    pairs = [(row["query"], text) for row in rows for text in row["documents"]]
    given = model.predict(pairs).astype(float)
    right = np.array([grade > 0 for row in rows for grade in row["relevance"]])
    wanted = -np.log(np.where(right, given, 1 - given)).mean()
    batch = task.collator(processor)(model_inputs(task.encode(rows, processor, None)))
    assert float(task.training_loss(model.eval(), batch, None).detach()) == pytest.approx(wanted, rel=1e-4)


def test_long_pairs_are_cut_in_training_too(source: ModelSource) -> None:
    """The loss reads texts: the model itself has to know where they end."""
    from dataclasses import replace

    rows = lists(3, 7)
    rows[0]["documents"][0] = " ".join(WORDS * 5)
    task = load_task(TASK)
    model, processor = task.load(replace(source, max_length=20))
    features = task.encode(rows, processor, 20)
    assert [feature["truncated"] for feature in features] == [True, False, False]
    assert features[0]["length"] > 200
    widths: list[int] = []
    core(model).bert.embeddings.word_embeddings.register_forward_pre_hook(
        lambda module, given: widths.append(given[0].shape[1])
    )
    task.training_loss(model, task.collator(processor)(model_inputs(features)), None)
    assert max(widths) == 20
    whole, _ = task.load(source)
    assert whole.max_seq_length == 64, "what the positions allow"


# -- what is saved


@pytest.mark.parametrize("method", ["lora", "none"])
def test_the_saved_folder_is_a_cross_encoder(method: str, answered: list[dict[str, Any]], tmp_path: Path) -> None:
    options = {"candidates": 5, "negatives": 2, "loss": "binary-cross-entropy"}
    recipe = make_recipe(tmp_path, answered, options, adapter={"method": method, "r": 4},
                         model={"name": str(tmp_path / "base"), "max_length": 18})  # fmt: skip
    model = finetune.fit(recipe, finetune.prepare(recipe))
    rows = list(model.data.test)
    library = CrossEncoder(str(tmp_path / "run" / "model"))
    assert library.max_seq_length == 18
    for row, answer in zip(rows, model.predict([(row["query"], row["documents"]) for row in rows]), strict=True):
        ranked = library.rank(row["query"], row["documents"])
        assert [entry["corpus_id"] for entry in ranked] == answer["order"]
        assert_close([float(entry["score"]) for entry in ranked], answer["relevance"])
    assert not (tmp_path / "run" / "model" / "README.md").exists()


def test_a_head_for_other_labels_is_replaced(tmp_path: Path) -> None:
    from transformers import AutoConfig, BertForSequenceClassification

    tiny_text_encoder(str(tmp_path), WORDS)
    config = AutoConfig.from_pretrained(tmp_path)
    config.num_labels = 3
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    model, _ = load_task(TASK).load(resolve_model(str(tmp_path)))
    assert model.num_labels == 1
    assert core(model).new_modules == ["classifier"]


@pytest.mark.parametrize(
    "wrong", ["a text", 5, ("q",), ("q", "a document"), ("q", []), ("q", [1]), {"documents": ["a"]}, {"query": "q"}]
)
def test_another_input_is_refused(wrong: Any) -> None:
    task = load_task(TASK)
    assert task.rows_from([("q", ["a", "b"])]) == task.rows_from([{"query": "q", "documents": ("a", "b")}])
    with pytest.raises(UsageError, match="Cannot rank"):
        task.rows_from([("q", ["a"]), wrong])
