"""Token classification: tags in all their forms, words and their pieces, windows, answers in the user's own text."""

from __future__ import annotations

import csv
import doctest
import json
import random
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from closeness import assert_close
from datasets import Dataset
from stand_ins.text_classification import roberta
from stand_ins.token_classification import ENTITIES, bert_cased, entity_tags, iob2, sentences

import finetune
from finetune.errors import LabelError, UsageError
from finetune.labels import RowError
from finetune.metrics import load_metric
from finetune.models import model_inputs
from finetune.recipe import Recipe
from finetune.sources import ModelSource
from finetune.task import TargetHints, load_task
from finetune.text import windows
from finetune.text.tags import entity_spans
from finetune.text.words import split_words

SPAN = {"start": 0, "end": 8, "label": "PER"}
LENGTH = 64
HINTS = TargetHints()
NAMES = entity_tags(ENTITIES)
WORDS = [f"w{number:02}" for number in range(100)]
SIGNS = (
    "paris", "Ada", "B", "x" * 30, " ", "  ", "\r\n", "\n", "\t", "\u00a0", "\u3000", "é", "e\u0301", "c\u0327\u0301",
    "ß", "İ", "😀", "👩\u200d🚀", "👍🏽", "🇩🇪", "שלום", "مرحبا", "ﷺ", "\u200b", "\u200f", "\u202e", "\ufeff", "\x00",
    "\x07", "ﬁ", "½", "日本語", "か\u3099", "한국", "각", "สวัสดี", "नि", "。", ".", "'", "[CLS]", "[SEP]", "▁", "Ġ",
    "\ud800",
)  # fmt: skip


def make(names: Any = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), scheme: str = "IOB2", *, spans: bool = False,
         **options: Any) -> Any:  # fmt: skip
    return load_task("token-classification", options).with_state(
        {"names": names, "scheme": scheme, "spans": spans, "separator": None}
    )


def text(chance: random.Random, most: int = 60) -> str:
    """Up to `most` signs of all kinds, some with a blank behind them."""
    return "".join(chance.choice(SIGNS) + chance.choice(("", " ")) for _ in range(chance.randrange(most)))


@cache
def tokenizer(kind: str) -> Any:
    """A tokenizer of one of the families that models come with; bytes with a pattern of their own or GPT-2's."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    texts = [text(random.Random(seed)).encode("utf-8", "replace").decode() for seed in range(200)] + WORDS
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if kind == "word pieces":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=False)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special)
    elif kind == "pieces":
        made = Tokenizer(models.Unigram())
        made.normalizer, made.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=500, special_tokens=special, unk_token="[UNK]")
    else:
        made = Tokenizer(models.BPE())
        bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind == "bytes")
        pattern = pre_tokenizers.Split(Regex(r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"), "isolated")
        made.pre_tokenizer = bytes_of if kind == "bytes" else pre_tokenizers.Sequence([pattern, bytes_of])
        trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=LENGTH, **names)


@cache
def random_model(vocabulary: int, labels: int = 5) -> Any:
    """A model whose answers are arbitrary, and differ: its head is drawn large."""
    from transformers import BertConfig, BertForTokenClassification

    torch.manual_seed(0)
    config = BertConfig(vocab_size=vocabulary, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=32, max_position_embeddings=LENGTH, num_labels=labels)  # fmt: skip
    model = BertForTokenClassification(config)
    with torch.no_grad():
        model.classifier.weight.mul_(30)
    return model.eval()


class Tagger(torch.nn.Module):
    """Answers of a token by itself alone, so that a window changes none."""

    def __init__(self, vocabulary: int, labels: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(vocabulary, labels)

    def forward(self, input_ids: torch.Tensor, **_: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.table(input_ids)}


def answer(task: Any, rows: Any, model: Any, processor: Any, length: int | None = LENGTH) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = task.predict(rows, model, processor, 16, length)
    return found


# -- what is learned


@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        ([["B-PER", "I-PER", "O"]], "IOB2"),
        ([["S-PER", "O"]], "BIOES"),
        ([["NOUN", "VERB"]], "none"),
        ([[SPAN]], "IOB2"),
    ],
)
def test_what_is_learned_comes_back_from_its_state(values: Any, scheme: str) -> None:
    task = load_task("token-classification").learn(values, HINTS)
    assert task.tags.scheme == scheme
    assert task.metrics == (("token_accuracy",) if scheme == "none" else ("seqeval", "token_accuracy"))
    again = load_task("token-classification").with_state(json.loads(json.dumps(task.state())))
    assert again.tags == task.tags
    assert [again.parse_target(value) for value in values] == [task.parse_target(value) for value in values]


def test_hints_of_the_recipe_are_heeded() -> None:
    task = load_task("token-classification").learn(["O|B-PER"], TargetHints(names=("B-PER", "O"), separator="|"))
    assert task.parse_target("O| B-PER |O") == [1, 0, 1]
    assert task.describe_target([1, 0, 1]) == ["O", "B-PER", "O"]
    assert load_task("token-classification").with_state(task.state()).parse_target("B-PER|O") == [0, 1]


def test_a_task_that_has_learned_nothing_says_so() -> None:
    with pytest.raises(UsageError, match="does not know its tags"):
        load_task("token-classification").parse_target(["O"])


# -- rows


def test_spans_become_tags_of_words() -> None:
    task = make(spans=True)
    row = {"tokens": "Ada King met", "tags": task.parse_target([SPAN])}
    task.check_row(row)
    assert row == {"tokens": ["Ada", "King", "met"], "tags": [1, 2, 0], "text": "Ada King met"}
    assert task.parse_target(task.describe_target(row["tags"])) == row["tags"]


def checked(row: dict[str, Any], **settings: Any) -> dict[str, Any]:
    task = make(**settings)
    row["tags"] = task.parse_target(row["tags"])
    task.check_row(row)
    return row


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["Ada", "met"], ["Ada", "met"]), ([1, "met"], ["1", "met"]), ("Ada met", ["Ada", "met"]),
        ("Ada, met!", ["Ada,", "met!"]), ('["Ada", "met"]', ["Ada", "met"]), ("[Ada met", ["[Ada", "met"]),
    ],
)  # fmt: skip
def test_a_tag_per_word_of_a_list_or_a_text(tokens: Any, expected: list[str]) -> None:
    assert checked({"tokens": tokens, "tags": "B-PER O"})["tokens"] == expected


@pytest.mark.parametrize(
    ("row", "spans", "reason"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, False, "2 words but 1 tags"),
        ({"tokens": ["a"], "tags": []}, False, "1 words but 0 tags"),
        ({"tokens": "a b c", "tags": ["O"]}, False, "3 words but 1 tags"),
        ({"tokens": "a", "tags": []}, False, "1 words but 0 tags"),
        ({"tokens": [], "tags": []}, False, "empty tokens"),
        ({"tokens": ["a", None], "tags": ["O", "O"]}, False, "missing word"),
        ({"tokens": 3, "tags": ["O"]}, False, "words as int"),
        ({"tokens": ["de", "el"], "tags": ["O", "O"], "text": "del"}, False, "word 2 does not stand"),
        ({"tokens": ["a", "b"], "tags": [SPAN]}, True, "a list of words beside spans"),
        ({"tokens": "Ada King", "tags": ["O", "O"]}, True, "a tag per word in one row"),
        ({"tokens": "Ada", "tags": [SPAN]}, True, "0 to 8 in a text of 3"),
        ({"tokens": "Ada King met", "tags": [SPAN, {**SPAN, "start": 4}]}, True, "overlapping"),
        ({"tokens": "Ada King", "tags": [{**SPAN, "label": "ORG"}]}, True, "unknown tag 'B-ORG'"),
    ],
)
def test_words_and_tags_that_do_not_agree_are_refused(row: dict[str, Any], spans: bool, reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        checked(row, spans=spans)


def test_a_text_of_its_own_is_kept_where_the_words_stand_in_it() -> None:
    row = {"tokens": ["do", "n't", "."], "tags": ["O"] * 3, "text": "don't ."}
    assert checked(dict(row))["text"] == "don't ."
    assert checked({**row, "text": None})["text"] == "do n't ."
    assert "text" not in checked({"tokens": ["a"], "tags": ["O"]})


# -- word pieces


@pytest.mark.parametrize("kind", ["word pieces", "pieces", "bytes", "bytes by pattern"])
def test_labels_stand_on_the_first_or_on_all_pieces(kind: str) -> None:
    processor = tokenizer(kind)
    words = ["paris", "x" * 12, "B", "Ada"]
    tags = [1, 2, 0, 3]
    pieces = [processor(f" {word}", add_special_tokens=False)["input_ids"] for word in words]
    assert max(map(len, pieces)) > 1
    row = {"tokens": words, "tags": tags}
    for option in ("first", "all"):
        (feature,) = make(label_pieces=option).encode([row], processor, None)
        assert feature["input_ids"][1:-1] == [piece for word in pieces for piece in word]
        rest = {"first": lambda tag, count: [-100] * (count - 1), "all": lambda tag, count: [tag] * (count - 1)}[option]
        of_words = [label for tag, word in zip(tags, pieces, strict=True) for label in [tag, *rest(tag, len(word))]]
        assert feature["labels"] == [-100, *of_words, -100]
        assert (feature["length"], feature["truncated"]) == (len(feature["input_ids"]), False)
    assert "labels" not in make().encode([{"tokens": words}], processor, None)[0]


@pytest.mark.parametrize("kind", ["bytes", "bytes by pattern"])
def test_words_are_read_as_they_stand_in_a_text(kind: str) -> None:
    """Byte-level tokenizers know another "paris" at the beginning than behind a blank."""
    processor = tokenizer(kind)
    (feature,) = make().encode([{"tokens": ["paris", "Ada", "B"]}], processor, None)
    assert feature["input_ids"] == processor(" paris Ada B")["input_ids"]
    assert feature["input_ids"] != processor([["paris", "Ada", "B"]], is_split_into_words=True)["input_ids"][0]


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A byte-level model fitted by the pipeline for a few steps, and the folder of its run."""
    folder = tmp_path_factory.mktemp("bytes")
    roberta(folder / "base")
    rows = [{"tokens": [word for word, _, _ in phrase], "tags": [NAMES[i] for i in iob2(phrase, ENTITIES)]}
            for phrase in sentences(0, 30)]  # fmt: skip
    recipe = recipe_for(folder, write(folder / "rows.parquet", rows), training={"max_steps": 3})
    data = finetune.prepare(recipe)
    return finetune.fit(recipe, data), folder / "run"


def test_a_byte_level_model_comes_back_from_disk_reading_the_same(byte_level: Any) -> None:
    model, folder = byte_level
    again = finetune.load(folder)
    rows = list(model.data.test)
    for processor in (model.processor, again.processor):
        features = model.task.encode(rows, processor, model.max_length)
        for feature in features[:5]:
            words = rows[feature["about"]["row"]]["tokens"]
            assert feature["input_ids"] == processor(" " + " ".join(words))["input_ids"]
    assert again.predict_rows(rows) == model.predict_rows(rows)


@pytest.mark.parametrize("kind", ["word pieces", "pieces", "bytes"])
def test_a_tokenizer_that_pads_and_cuts_on_the_left_gives_the_same_answers(kind: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    random_model(len(tokenizer(kind))).save_pretrained(tmp_path)
    tokenizer(kind).save_pretrained(tmp_path)
    left = AutoTokenizer.from_pretrained(tmp_path, padding_side="left", truncation_side="left")
    left.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).padding_side == "left"
    task = make(stride=5)
    model, processor = task.load(ModelSource(str(tmp_path), None, "left"))
    chance = random.Random(1)
    rows = [{"tokens": [chance.choice(WORDS) for _ in range(size)]} for size in (1, 7, 90, 30)]
    expected = answer(task, rows, random_model(len(tokenizer(kind))), tokenizer(kind))
    assert_close(answer(task, rows, model, processor), expected)
    assert_close([answer(task, [row], model, processor)[0] for row in rows], expected)


# -- windows


def test_examples_of_windows() -> None:
    found = doctest.testmod(windows)
    assert found.attempted >= 2
    assert found.failed == 0


@pytest.mark.parametrize("stride", [0, 3, 31, 500])
@pytest.mark.parametrize("kind", ["word pieces", "bytes"])
def test_every_word_is_answered_from_one_window_by_its_first_piece(kind: str, stride: int) -> None:
    """Also words of which nothing is left, and words that are longer than a window."""
    processor, chance = tokenizer(kind), random.Random(stride)
    rows = [{"tokens": [chance.choice([*WORDS, "x" * 9, "\x07", "paris", "QZ" * 45]) for _ in range(size)]}
            for size in (1, 2, 40, 150, 400)]  # fmt: skip
    features = make(stride=stride).encode(rows, processor, LENGTH)
    assert max(len(feature["input_ids"]) for feature in features) <= LENGTH
    for index, row in enumerate(rows):
        own = [feature for feature in features if feature["about"]["row"] == index]
        answered = [(word, feature["input_ids"][token])
                    for feature in own for word, token in feature["about"]["first"].items()]  # fmt: skip
        pieces = {place: processor(f" {word}", add_special_tokens=False)["input_ids"]
                  for place, word in enumerate(row["tokens"])}  # fmt: skip
        assert sorted(answered) == [(place, found[0]) for place, found in pieces.items() if found]
        assert {feature["length"] for feature in own} == {2 + sum(map(len, pieces.values()))}
        room, total = LENGTH - 2, sum(map(len, pieces.values()))
        step = room - min(stride, room // 2)
        assert len(own) == (1 if total <= room else 1 + -(-(total - room) // step))


@pytest.mark.parametrize("stride", [0, 3, 31, 500])
@pytest.mark.parametrize("kind", ["word pieces", "pieces", "bytes"])
def test_windows_answer_as_no_windows_where_they_can_be_compared(kind: str, stride: int) -> None:
    processor = tokenizer(kind)
    model, chance = Tagger(len(processor), 5), random.Random(stride)
    rows = [{"tokens": [word for word in text(chance, 300).split(" ") if word]} for _ in range(30)]
    task = make(stride=stride)
    assert len(task.encode(rows, processor, LENGTH)) > 2 * len(rows)
    assert_close(answer(task, rows, model, processor), answer(task, rows, model, processor, None))


@pytest.mark.parametrize("stride", [0, 1, 20, 31])
@pytest.mark.parametrize("last", [0, 1, 19, 20, 31, 300])
def test_words_are_answered_where_most_is_seen_around_them(last: int, stride: int) -> None:
    """Also where the last word begins in a window and goes on in the next."""
    words = [*(WORDS[i % 100] for i in range(200)), "QZ" * last]
    processor = tokenizer("bytes")
    features = make(stride=stride).encode([{"tokens": words}], processor, LENGTH)
    room = LENGTH - 2
    total = features[0]["length"] - 2
    begins = np.cumsum([0, *(len(processor(f" {word}", add_special_tokens=False)["input_ids"]) for word in words)])
    windows = [(place * (room - stride), min(total, place * (room - stride) + room)) for place in range(len(features))]
    for place, feature in enumerate(features):
        for word in feature["about"]["first"]:
            seen = [
                min(begins[word] - start if start else np.inf, end - 1 - begins[word] if end < total else np.inf)
                for start, end in windows if start <= begins[word] < end
            ]  # fmt: skip
            start, end = windows[place]
            mine = min(begins[word] - start if start else np.inf, end - 1 - begins[word] if end < total else np.inf)
            assert mine == max(seen)


def test_every_window_in_which_a_word_begins_learns_its_tag() -> None:
    words = ["x" * 12] * 30
    processor = tokenizer("word pieces")
    size = len(processor("x" * 12, add_special_tokens=False)["input_ids"])
    features = make(stride=20).encode([{"tokens": words, "tags": [1 + i % 2 for i in range(30)]}], processor, LENGTH)
    for place, feature in enumerate(features):
        start = place * (LENGTH - 2 - 20)
        for token, label in enumerate(feature["labels"][1:-1]):
            at = start + token
            assert label == (1 + at // size % 2 if at % size == 0 else -100)


def test_a_window_inside_one_long_word_teaches_nothing_and_breaks_nothing() -> None:
    task, processor = make(stride=0), tokenizer("bytes")
    features = task.encode([{"tokens": ["QZ" * 200, "Ada"], "tags": [1, 3]}], processor, LENGTH)
    empty = [feature for feature in features if set(feature["labels"]) == {-100}]
    assert empty
    batch = task.collator(processor)(model_inputs(empty[:1]))
    labels = batch.pop("labels")
    outputs = random_model(len(processor))(**batch)
    for items in (None, 0, torch.tensor(0)):
        assert task.loss(outputs, labels, items).item() == 0.0
    (found,) = answer(task, [{"tokens": ["QZ" * 200, "Ada"]}], random_model(len(processor)), processor)
    assert len(found["tags"]) == 2


def test_no_room_for_any_token_is_refused() -> None:
    with pytest.raises(UsageError, match="max_length 2 leaves no token"):
        make().encode([{"tokens": ["paris"] * 5}], tokenizer("word pieces"), 2)
    assert len(make().encode([{"tokens": ["paris", "B"]}], tokenizer("word pieces"), 3)) >= 2


# -- words that the tokenizer does not see


@pytest.mark.parametrize("unseen", ["\x07", "\u200b", "\ufeff", "", " ", "\u202e\x00"])
def test_a_word_of_which_nothing_is_left_is_outside_and_moves_no_other(unseen: str) -> None:
    processor = tokenizer("word pieces")
    model, task = random_model(len(processor)), make()
    seen = ["paris", "Ada", "B", "w07", "x"]
    (plain,) = answer(task, [{"tokens": seen}], model, processor)
    for place in range(len(seen) + 1):
        words = [*seen[:place], unseen, *seen[place:]]
        (found,) = answer(task, [{"tokens": words}], model, processor)
        assert found["tags"] == [*plain["tags"][:place], "O", *plain["tags"][place:]]
    assert answer(task, [{"tokens": [unseen]}], model, processor)[0] == {"prediction": [], "tags": ["O"]}
    assert answer(task, [{"tokens": []}], model, processor) == [{"prediction": [], "tags": []}]
    mixed = answer(task, [{"tokens": []}, {"tokens": seen}, {"tokens": [unseen]}], model, processor)
    assert_close(mixed[1], plain)


# -- answers in the user's own text


def assert_in_text(task: Any, given: str, found: dict[str, Any]) -> int:
    """Spans are in order, inside the text, and what they say stands there; tags are one per word."""
    words = split_words(given)
    assert len(found["tags"]) == len(words)
    assert set(found["tags"]) <= set(task.tags.names)
    spans = found["prediction"]
    ends = [0, *(place for span in spans for place in (span["start"], span["end"])), len(given)]
    assert ends == sorted(ends)
    for span in spans:
        assert span["start"] < span["end"]
        assert span["text"] == given[span["start"] : span["end"]] == span["text"].strip(" \t\r\n\u00a0\u3000")
        assert 0 < span["score"] <= 1
        assert span["start"] in {start for start, _ in words}
        assert span["end"] in {end for _, end in words}
    return len(spans)


@pytest.mark.parametrize("kind", ["word pieces", "pieces", "bytes"])
@pytest.mark.parametrize("scheme", ["IOB2", "none"])
def test_answers_are_places_in_any_text(kind: str, scheme: str) -> None:
    task = make(scheme=scheme, stride=16)
    texts = [text(random.Random(seed)) for seed in range(1000 if scheme == "IOB2" else 200)]
    found = answer(task, task.rows_from(texts), random_model(len(tokenizer(kind))), tokenizer(kind))
    counts = [assert_in_text(task, given, one) for given, one in zip(texts, found, strict=True)]
    assert sum(map(bool, counts)) > 0.9 * len(texts)
    if scheme == "none":
        assert counts == [len(split_words(given)) for given in texts]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cased model of word pieces, run by the pipeline on a JSON Lines file of lists, and the folder of its run."""
    folder = tmp_path_factory.mktemp("tags")
    bert_cased(folder / "base")
    path = write(folder / "rows.jsonl", named_rows(0, 160))
    recipe = recipe_for(folder, path, training={"num_train_epochs": 8, "learning_rate": 1e-2})
    return finetune.run(recipe), folder / "run"


def test_a_trained_model_from_disk_answers_any_text(trained: Any) -> None:
    _, folder = trained
    model = finetune.load(folder)
    texts = [text(random.Random(seed)) for seed in range(1000)]
    for given, found in zip(texts, model.predict(texts), strict=True):
        assert_in_text(model.task, given, found)


def test_a_trained_model_finds_names_in_texts_and_lists(trained: Any) -> None:
    model = finetune.load(trained[1])
    given = "Ada King  met the German match in Oslo."
    as_text, as_dict, as_list, as_both = model.predict(
        [
            given,
            {"text": given},
            given.replace(".", " .").split(),
            {"tokens": ["Ada", "King"], "text": "«Ada King»"[1:-1]},
        ]
    )
    first = as_text["prediction"][0]
    assert (first["text"], first["label"]) == ("Ada King", "PER")
    assert as_dict == as_text
    assert as_list["tags"] == as_text["tags"]
    joined = " ".join(given.replace(".", " .").split())
    assert all(joined[span["start"] : span["end"]] == span["text"] for span in as_list["prediction"])
    assert as_both["prediction"][0]["text"] == "Ada King"


@pytest.mark.parametrize(
    "wrong", [3, None, {}, {"text": None}, ["a", 3], {"tokens": 5}, {"tokens": ["a", None]}, ("a", ["b"]),
              {"tokens": ["b"], "text": "a"}],
)  # fmt: skip
def test_inputs_of_another_form_are_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="Cannot tag") as refused:
        make().rows_from(["fine", wrong])
    assert "list of words" in refused.value.remedy


def test_inputs_become_words() -> None:
    rows = make().rows_from(["Hi, Ada!", ["Hi,", "Ada"], ("Ada",), {"text": "Hi"}, {"tokens": '["Hi", "Ada"]'}, "", []])
    assert [row["tokens"] for row in rows] == [["Hi", ",", "Ada", "!"], ["Hi,", "Ada"], ["Ada"], ["Hi"], ["Hi", "Ada"],
                                               [], []]  # fmt: skip
    assert [row["text"] for row in rows] == ["Hi, Ada!", "Hi, Ada", "Ada", "Hi", "Hi Ada", "", ""]


# -- the pipeline, from files of every kind


def named_rows(seed: int, count: int) -> list[dict[str, Any]]:
    return [{"tokens": [word for word, _, _ in phrase], "tags": [NAMES[i] for i in iob2(phrase, ENTITIES)]}
            for phrase in sentences(seed, count)]  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    else:
        Dataset.from_list(rows).to_parquet(path)
    return path


def recipe_for(folder: Path, rows: Path, **sections: Any) -> Recipe:
    training = {"learning_rate": 1e-2, "num_train_epochs": 2, "train_batch_size": 16, "bf16": False,
                "report_to": ["none"], "logging_steps": 1}  # fmt: skip
    return Recipe.from_dict({
        "task": "token-classification", "name": "tags", "model": {"name": str(folder / "base")},
        "adapter": {"method": "none"}, "evaluation": {"resamples": 100},
        "output": {"folder": str(folder), "run": "run"}, **sections,
        "data": {"name": str(rows), **sections.get("data", {})}, "training": training | sections.get("training", {}),
    })  # fmt: skip


def test_files_of_every_kind_hold_the_same_rows(tmp_path: Path) -> None:
    rows = named_rows(0, 40)
    texts = [{"tokens": " ".join(row["tokens"]), "tags": " ".join(row["tags"])} for row in rows]
    quoted = [{"tokens": json.dumps(row["tokens"]), "tags": str(row["tags"])} for row in rows]
    barred = [{"words": row["tokens"], "ner_tags": "|".join(row["tags"])} for row in texts_of(rows)]
    ids = [{"tokens": row["tokens"], "tags": [NAMES.index(tag) for tag in row["tags"]]} for row in rows]
    names = {"labels": {"names": NAMES}}
    forms: list[tuple[Path, dict[str, Any]]] = [
        (write(tmp_path / "a.parquet", rows), names), (write(tmp_path / "b.jsonl", rows), names),
        (write(tmp_path / "c.csv", texts), names), (write(tmp_path / "d.csv", quoted), names),
        (write(tmp_path / "e.jsonl", barred), {"labels": {"names": NAMES, "separator": "|"}}),
        (write(tmp_path / "f.parquet", ids), names),
        (write(tmp_path / "g.csv", [row | {"tags": str(row["tags"])} for row in ids]), names),
    ]  # fmt: skip
    prepared = [finetune.prepare(recipe_for(tmp_path, path, data=settings)) for path, settings in forms]
    for one in prepared:
        assert one.splits["test"].to_list() == prepared[0].splits["test"].to_list()
        assert one.report.label_counts == prepared[0].report.label_counts
        assert one.task.tags.scheme == "IOB2"
        assert set(one.report.label_counts["train"]) <= set(ENTITIES)


def texts_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"tokens": " ".join(row["tokens"]), "tags": row["tags"]} for row in rows]


def test_spans_in_a_csv_file_are_learned_and_found(tmp_path: Path) -> None:
    bert_cased(tmp_path / "base")
    rows = []
    for phrase in sentences(0, 160):
        row: dict[str, Any] = {"text": "", "spans": []}
        for word, _, kind in phrase:
            start = len(row["text"]) + (word != "." and bool(row["text"]))
            if kind and row["spans"] and row["spans"][-1]["label"] == kind and row["spans"][-1]["end"] == start - 1:
                row["spans"][-1]["end"] = start + len(word)
            elif kind:
                row["spans"].append({"start": start, "end": start + len(word), "label": kind})
            row["text"] = row["text"].ljust(start) + word
        rows.append({"text": row["text"], "spans": json.dumps(row["spans"])})
    evaluation = finetune.run(recipe_for(tmp_path, write(tmp_path / "rows.csv", rows),
                                         training={"num_train_epochs": 8}))  # fmt: skip
    assert evaluation.scores["entity_f1"] > 0.6
    report = finetune.RunFolder.open(tmp_path / "run").read_json("data/report.json")
    assert report["columns"] == {"tokens": "text", "tags": "spans"}
    texts, answers = evaluation.predictions["text"], evaluation.predictions["prediction"]
    for given, spans in zip(texts, answers, strict=True):
        assert all(given[span["start"] : span["end"]] == span["text"] for span in spans)
        assert "in" not in [span["text"] for span in spans]


def test_rows_that_do_not_fit_stop_the_run_and_are_named(tmp_path: Path) -> None:
    rows = named_rows(0, 40)
    for place in (3, 17):
        rows[place] = {"tokens": ["a", "b"], "tags": ["O"]}
    with pytest.raises(LabelError, match=r"2 rows of train .*2 words but 1 tags .*rows 3, 17") as refused:
        finetune.prepare(recipe_for(tmp_path, write(tmp_path / "rows.jsonl", rows)))
    assert "data.columns" in refused.value.remedy


def test_unknown_tags_stop_the_run_with_the_nearest_name(tmp_path: Path) -> None:
    rows = named_rows(0, 40)
    rows[5]["tags"] = ["B-PRE", *rows[5]["tags"][1:]]
    settings = {"labels": {"names": NAMES}}
    with pytest.raises(LabelError, match=r"unknown tag 'B-PRE' \(rows 5\)") as refused:
        finetune.prepare(recipe_for(tmp_path, write(tmp_path / "rows.jsonl", rows), data=settings))
    assert "B-PER" in refused.value.remedy


def test_empty_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = named_rows(0, 40)
    rows[2] = {"tokens": [], "tags": []}
    rows[5] = {"tokens": None, "tags": ["O"]}
    rows[7] = {"tokens": ["a"], "tags": None}
    rows[9] = {"tokens": ["a", None], "tags": ["O", "O"]}
    report = finetune.prepare(recipe_for(tmp_path, write(tmp_path / "rows.jsonl", rows))).report
    found = {reason: entry["rows"] for reason, entry in report.dropped["train"].items()}
    assert found == {"empty tokens": [2], "missing tokens": [5], "missing target": [7],
                     "missing word in a list of words": [9]}  # fmt: skip
    assert sum(report.splits.values()) == 36


def test_one_tag_only_teaches_nothing(tmp_path: Path) -> None:
    rows = [{"tokens": [f"a{i}", "b"], "tags": ["O", "O"]} for i in range(40)]
    with pytest.raises(LabelError, match="have the tag 'O'"):
        finetune.prepare(recipe_for(tmp_path, write(tmp_path / "rows.jsonl", rows)))


# -- baselines


def table(*rows: str) -> list[dict[str, Any]]:
    """Rows written as "word/tag word/tag"; tags are those of `make()`."""
    pairs = [[pair.split("/") for pair in row.split()] for row in rows]
    return [
        {"tokens": [word for word, _ in row], "tags": make().parse_target([tag for _, tag in row])} for row in pairs
    ]


def test_unknown_words_get_the_tag_that_serves_the_validation_rows() -> None:
    task = make()
    train = table("the/O the/O the/O Ada/B-PER", "a/O a/O Emmy/B-PER in/O in/O")
    _, fit = task.own_baselines()["most-frequent-tag"]
    for validation, chosen in ((table("the/O Grace/B-PER"), "B-PER"), (table("an/O the/O Ada/B-PER one/O"), "O")):
        predict, said = fit(train, validation)
        assert repr(chosen) in said
        (found,) = predict([{"tokens": ["the", "Ada", "Zoe"]}])
        assert found["tags"] == ["O", "B-PER", chosen]
        assert [span["text"] for span in found["prediction"]] == ["Ada", "Zoe"][: 1 + (chosen != "O")]


def test_word_features_tag_names_that_they_have_not_seen(trained: Any) -> None:
    evaluation, _ = trained
    assert list(evaluation.systems) == ["model", "most-frequent-tag", "word-features"]
    train = table(*(f"the/O {name}/B-PER met/O x{name.lower()}/O in/O {name}burg/B-LOC"
                    for name in ("Ada", "Emmy", "Grace", "Kurt", "Lise", "Alan") * 5))  # fmt: skip
    predict, _ = make().own_baselines()["word-features"][1](train, train)
    (found,) = predict([{"tokens": ["the", "Otto", "met", "xotto", "in", "Ottoburg"]}])
    assert [(span["text"], span["label"]) for span in found["prediction"]] == [("Otto", "PER"), ("Ottoburg", "LOC")]


# -- scores, tables, mistakes


def test_tables_of_entities_and_of_words() -> None:
    given = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "O"]]
    wanted = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "O"]]
    entities, words = make(), make(("LOC", "O", "PER"), "none")
    arrays = entities.arrays([{"tags": tags} for tags in given], [entities.parse_target(tags) for tags in wanted])
    (of_places, of_people) = entities.details(arrays, [])["per_label"]
    assert of_places == {"label": "LOC", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert of_people == {"label": "PER", "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    strip = [[tag[2:] or "O" for tag in tags] for tags in given], [[tag[2:] or "O" for tag in tags] for tags in wanted]
    arrays = words.arrays([{"tags": tags} for tags in strip[0]], [words.parse_target(tags) for tags in strip[1]])
    matrix = words.details(arrays, [])["confusion_matrix"]
    assert matrix == {"labels": ["LOC", "O", "PER"], "counts": [[0, 0, 1], [1, 2, 0], [0, 0, 2]]}
    scores = load_metric("token_accuracy").measure(arrays["predictions"], arrays["references"])
    assert scores == {"token_accuracy": pytest.approx(4 / 6)}


def said(task: Any, words: list[str], tags: list[str], score: float = 1.0) -> dict[str, Any]:
    spans = entity_spans(task.tags.entities(tags), words, scores=np.full(len(tags), score))
    return {"prediction": spans, "tags": tags}


def test_mistakes_tell_what_was_invented_and_what_was_missed() -> None:
    task, words = make(), ["Paris", "met", "Paris", "Hill"]
    right = ["B-LOC", "O", "B-PER", "I-PER"]

    def mistake(*tags: str, reference: list[str] = right) -> Any:
        return task.mistake({"tokens": words}, said(task, words, list(tags), 0.75), reference)

    assert mistake(*right) is None
    assert mistake("I-LOC", "O", "I-PER", "I-PER") is None, "other tags, the same entities"
    found = mistake("B-LOC", "B-LOC", "B-PER", "O")
    assert (found.given, found.wanted) == ("met → LOC; Paris → PER", "Paris Hill → PER")
    assert found.size == 0.75
    assert found.note.endswith("0.75")
    twice = mistake("B-LOC", "O", "B-LOC", "O", reference=["B-LOC", "O", "O", "O"])
    assert (twice.given, twice.wanted) == ("Paris → LOC", "(none)"), "the second Paris, not the first"
    missed = mistake("O", "O", "O", "O")
    assert (missed.given, missed.wanted, missed.size) == ("(none)", "Paris → LOC; Paris Hill → PER", 0.0)
    parts = make(("NOUN", "VERB"), "none")
    found = parts.mistake({"tokens": ["a", "b"]}, said(parts, ["a", "b"], ["NOUN", "NOUN"]), ["NOUN", "VERB"])
    assert (found.given, found.wanted) == ("b → NOUN", "b → VERB")


def test_the_report_shows_scores_by_type_and_mistakes_as_text(trained: Any) -> None:
    evaluation, folder = trained
    page = finetune.RunFolder.open(folder).path.joinpath("report.html").read_text(encoding="utf-8")
    for name in ("PER", "ORG", "LOC"):
        assert f"<td>{name}</td>" in page or f">{name}<" in page
    task = evaluation.load_task()
    rows = [{"tokens": words} for words in evaluation.predictions["tokens"]]
    triples = zip(rows, evaluation.answers(), evaluation.predictions["reference"], strict=True)
    wrong = [found for triple in triples if (found := task.mistake(*triple)) is not None]
    assert wrong, "a model of this size that errs nowhere leaves nothing to show"
    worst = max(wrong, key=lambda found: found.size)
    assert worst.given.split("; ")[0] in page
    assert "{&#39;start&#39;" not in page
    assert "text" not in evaluation.predictions, "the words joined would only repeat the words"


def test_the_command_line_prints_spans(trained: Any) -> None:
    _, folder = trained
    command = [
        sys.executable,
        "-m",
        "finetune",
        "predict",
        str(folder),
        "Ada King met the German match in Oslo .",
        "\n",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["prediction"][0]["text"] == first["input"][: first["prediction"][0]["end"]] == "Ada King"
    assert len(first["tags"]) == len(first["input"].split())
    assert second["prediction"] == second["tags"] == []
