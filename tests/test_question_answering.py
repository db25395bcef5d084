"""Question answering: labels and windows, the choice of an answer, places in the user's own text, and what is told."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

import finetune
from finetune.errors import DataError, LabelError, RecipeError, SourceError, UsageError
from finetune.labels import RowError
from finetune.models import model_inputs, tiny_text_encoder
from finetune.recipe import Recipe
from finetune.sources import ModelSource
from finetune.task import Row, TargetHints, load_task
from finetune.tasks.question_answering import NONE

WORDS = [f"w{number:03}" for number in range(200)]
LENGTH = 64
QUESTION = "w000 w001 w002"
HINTS = TargetHints()

# Everything that has a place of its own: signs of several characters or none, both directions, all kinds of blanks.
SIGNS = (
    "paris", "a", "B", "x" * 30, " ", "  ", "\r\n", "\n", "\t", "\u00a0", "\u3000", "é", "e\u0301", "c\u0327\u0301",
    "ß", "İ", "😀", "👩\u200d🚀", "👍🏽", "🇩🇪", "שלום", "مرحبا", "ﷺ", "\u200b", "\u200f", "\u202e", "\ufeff", "\x00",
    "\x07", "ﬁ", "Ⅻ", "½", "日本語", "한국", "각", "ก็", "नि", "。", ".", "!", "[CLS]", "[SEP]", "▁", "\ud800",
)  # fmt: skip


def make(*, unanswerable: bool = False, **options: Any) -> Any:
    return load_task("question-answering", options).with_state({"unanswerable": unanswerable})


def row(context: str, answer: str | None = None, question: str = QUESTION) -> Row:
    """A canonical row whose answer is the first of its text in the context."""
    found = {"text": [answer], "answer_start": [context.index(answer)]} if answer else {"text": [], "answer_start": []}
    return {"question": question, "context": context, "answers": {**found, "located": "stated"}}


@cache
def tokenizer(kind: str = "words", **settings: Any) -> Any:
    """A tokenizer of one of the three families that models come with, or of whole words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    texts = [text(random.Random(seed)).encode("utf-8", "replace").decode() for seed in range(200)]
    ends = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    if kind == "words":
        vocabulary = {word: index for index, word in enumerate([*special, *WORDS])}
        made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    elif kind == "word pieces":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        made.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    elif kind == "bytes":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        made.train_from_iterator(
            texts, trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
        )
        ends = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2), trim_offsets=True, add_prefix_space=False)
    else:
        made = Tokenizer(models.Unigram())
        made.normalizer, made.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="[UNK]")
        made.train_from_iterator(texts, trainer)
    made.post_processor = ends
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=LENGTH, **names, **settings)


@cache
def random_model(vocabulary: int) -> Any:
    """A model whose answers are arbitrary, and differ: its head is drawn large."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    torch.manual_seed(0)
    config = BertConfig(vocab_size=vocabulary, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=32, max_position_embeddings=LENGTH)  # fmt: skip
    model = BertForQuestionAnswering(config)
    with torch.no_grad():
        model.qa_outputs.weight.mul_(30)
    return model.eval()


def text(chance: random.Random, most: int = 60) -> str:
    """Up to `most` signs of all kinds, some with a blank behind them."""
    return "".join(chance.choice(SIGNS) + chance.choice(("", " ")) for _ in range(chance.randrange(most)))


# -- answers as the data gives them


def test_rows_whose_answers_cannot_be_used_are_refused() -> None:
    with pytest.raises(RowError, match="neither texts nor"):
        make().parse_target(7)
    with pytest.raises(RowError, match="missing answer: it does not stand in the context"):
        make().check_row({"context": "In Oslo.", "answers": make().parse_target("Lima")})


def test_checked_answers_stand_where_they_say_and_stay_there() -> None:
    checked = {
        "context": "In Oslo.",
        "answers": make().parse_target({"text": ["Oslo", "Rome"], "answer_start": [4, 0]}),
    }
    make().check_row(checked)
    assert checked["answers"] == {"text": ["Oslo", "Rome"], "answer_start": [3, -1], "located": "moved"}
    assert make().parse_target(checked["answers"]) == checked["answers"]


def test_whether_there_are_questions_without_an_answer_is_learned() -> None:
    found, none = {"text": ["a"], "answer_start": [0]}, {"text": [], "answer_start": []}
    assert not make().learn([found, None], HINTS).unanswerable
    assert make().learn([found, none, None], HINTS).unanswerable
    for values in ([none], [None, ""], []):
        with pytest.raises(LabelError, match="No row has an answer"):
            make().learn(values, HINTS)


def recipe_for(folder: Path, rows: list[Row], **sections: Any) -> Recipe:
    """A recipe for rows in a file, and a tiny model that knows their words."""
    words = [f"{one['question']} {one['context']}" for one in rows]
    tiny_text_encoder(str(folder / "base"), words)
    Dataset.from_list([dict(one) for one in rows]).to_parquet(folder / "rows.parquet")
    training = {"learning_rate": 1e-2, "num_train_epochs": 15, "train_batch_size": 16, "bf16": False,
                "report_to": ["none"]}  # fmt: skip
    return Recipe.from_dict({
        "task": "question-answering", "name": "asked", "model": {"name": str(folder / "base")},
        "data": {"name": str(folder / "rows.parquet")}, "training": training, "evaluation": {"resamples": 100},
        "output": {"folder": str(folder), "run": "run"}, **sections,
    })  # fmt: skip


def test_the_account_of_the_data_tells_what_became_of_misplaced_answers(tmp_path: Path) -> None:
    def asked(number: int, texts: list[str], starts: list[int]) -> Row:
        context = f"w{number:03} lives in Oslo not in Rome or Rome"
        return {"question": f"who is {number}", "context": context, "answers": {"text": texts, "answer_start": starts}}

    # Of the stated places, 14 is right for Oslo, 3 is wrong for both; Rome stands at two.
    kinds = [(["Oslo"], [14]), (["Oslo"], [3]), (["Rome"], [3]), (["Lima"], [14]), ([], [])]
    rows = [asked(number, *kinds[number % 5]) for number in range(100)]
    report = finetune.prepare(recipe_for(tmp_path, rows)).report
    totals: dict[str, int] = {}
    for counts in report.label_counts.values():
        for name, count in counts.items():
            totals[name] = totals.get(name, 0) + int(count)
    assert totals == {"answerable": 20, "answerable, place corrected": 20, "unanswerable": 20}
    (dropped,) = report.dropped.values()
    assert sorted(entry["count"] for entry in dropped.values()) == [20, 20]
    assert all(reason.startswith("missing answer") for reason in dropped)


def test_questions_on_one_context_stay_together(tmp_path: Path) -> None:
    rows = [row(f"w{number // 5:03} lives in Oslo", "Oslo", f"q{number}") for number in range(150)]
    splits = finetune.prepare(recipe_for(tmp_path, rows)).splits
    contexts = [set(split["context"]) for split in splits.values()]
    assert all(len(split) for split in splits.values())
    assert sum(map(len, contexts)) == len(set().union(*contexts)) == 30


# -- windows and labels


def test_labels_point_at_the_answer_wherever_it_stands() -> None:
    """Answers of 1 to 6 words all over a context of 190, read in windows of 64."""
    task, words = make(stride=12), WORDS[5:195]
    context = " ".join(words)
    rows = [
        row(context, " ".join(words[first : first + size]))
        for size in (1, 2, 6)
        for first in range(len(words) - size + 1)
    ]
    features = task.encode(rows, tokenizer(), LENGTH)
    found = dict.fromkeys(range(len(rows)), 0)
    for feature in features:
        (start, end, size), window = feature["labels"], feature["about"]["window"]
        row_number = feature["about"]["row"]
        wanted = rows[row_number]["answers"]["text"][0]
        first, last = window.offsets[window.inside][[0, -1]]
        whole = wanted in context[first[0] : last[1]]
        assert (start, end) != (0, 0) if whole else (start, end) == (0, 0)
        assert size == len(feature["input_ids"])
        if whole:
            assert context[window.offsets[start, 0] : window.offsets[end, 1]] == wanted
            found[row_number] += 1
    assert min(found.values()) >= 1, "every answer is whole in some window"
    assert max(found.values()) >= 2, "answers where windows overlap are in both"


@pytest.mark.parametrize("kind", ["word pieces", "bytes"])
def test_labels_leave_out_what_touches_the_answer(kind: str) -> None:
    rows = [row("B.paris!B", "paris"), row("(paris", "paris"), row("a [paris]", "paris"), row("。日本語。", "日本語")]
    for feature, one in zip(make().encode(rows, tokenizer(kind), LENGTH), rows, strict=True):
        first, last, _ = feature["labels"]
        places = feature["about"]["window"].offsets
        assert one["context"][places[first, 0] : places[last, 1]] == one["answers"]["text"][0]


def test_an_answer_that_no_window_holds_whole_is_refused() -> None:
    words = WORDS[5:195]
    rows = [row(" ".join(words), " ".join(words[first : first + 20])) for first in range(170)]
    with pytest.raises(RecipeError, match=r"20 tokens, and no window holds it whole") as refused:
        make(stride=12).encode(rows, tokenizer(), LENGTH)
    assert "options.stride to at least 20" in refused.value.remedy
    make(stride=20).encode(rows, tokenizer(), LENGTH)


def test_rows_without_an_answer_are_labelled_so() -> None:
    labels = [feature["labels"] for feature in make(stride=12).encode([row(" ".join(WORDS))], tokenizer(), LENGTH)]
    assert len(labels) > 3
    assert {tuple(ends) for *ends, _ in labels} == {(0, 0)}


@pytest.mark.parametrize("stride", [0, 7, 40])
def test_windows_show_every_word_of_the_context_and_the_whole_question(stride: int) -> None:
    rows = [row(" ".join(WORDS[:size])) for size in (1, 57, 58, 59, 150)]
    task, asked = make(stride=stride), tokenizer()(QUESTION, add_special_tokens=False)["input_ids"]
    room = LENGTH - 3 - len(asked)
    features = task.encode(rows, tokenizer(), LENGTH)
    for index, one in enumerate(rows):
        windows = [feature for feature in features if feature["about"]["row"] == index]
        seen = [set(np.flatnonzero(_covered(window, one["context"]))) for window in windows]
        assert set().union(*seen) == {place for place, sign in enumerate(one["context"]) if sign != " "}
        for before, window in pairwise(windows):
            shared = set(_tokens(before)) & set(_tokens(window))
            assert len(shared) == stride
        for window in windows:
            assert window["input_ids"][1 : 1 + len(asked)] == asked
            assert len(window["input_ids"]) <= LENGTH
            assert window["length"] == 3 + len(asked) + len(one["context"].split())
            assert not window["truncated"]
        size = len(one["context"].split())
        assert len(windows) == (1 if size <= room else 1 + -(-(size - room) // (room - stride)))


def _tokens(feature: dict[str, Any]) -> list[tuple[int, int]]:
    window = feature["about"]["window"]
    return [tuple(place) for place in window.offsets[window.inside].tolist()]


def _covered(feature: dict[str, Any], context: str) -> np.ndarray:
    covered = np.zeros(len(context), dtype=bool)
    for start, end in _tokens(feature):
        covered[start:end] = True
    return covered


def test_a_stride_that_leaves_windows_no_room_is_refused_where_windows_are_needed() -> None:
    room = LENGTH - 3 - 3
    long, fitting = row(" ".join(WORDS)), row(" ".join(WORDS[:room]))
    with pytest.raises(RecipeError, match=rf"options\.stride is {room} tokens.*no more than {room} beside") as refused:
        make(stride=room).encode([long], tokenizer(), LENGTH)
    assert f"at most {room // 2}" in refused.value.remedy
    assert len(make(stride=room).encode([fitting], tokenizer(), LENGTH)) == 1
    assert len(make(stride=room - 1).encode([long], tokenizer(), LENGTH)) == 1 + len(WORDS) - room
    assert len(make(stride=room).encode([long], tokenizer(), None)) == 1, "a model without a limit needs no windows"


def test_a_question_is_never_cut() -> None:
    asked = " ".join(WORDS[: LENGTH - 3])
    with pytest.raises(
        DataError, match=rf"question of row test:7 takes {LENGTH} of {LENGTH} tokens.*no room"
    ) as refused:
        make(stride=0).encode([{**row("w000", question=asked), "row": "test:7"}], tokenizer(), LENGTH)
    assert "max_length" in refused.value.remedy
    barely = row("w000 w001", question=" ".join(WORDS[: LENGTH - 4]))
    assert len(make(stride=0).encode([barely], tokenizer(), LENGTH)) == 2


def test_an_answer_of_which_the_tokenizer_leaves_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="leaves nothing of the answer"):
        make().encode([row("a \u202e b", "\u202e")], tokenizer("word pieces"), LENGTH)


def test_contexts_that_lost_their_answer_are_not_learned() -> None:
    changed = {**row("w001 w002", "w002"), "context": "w001 w003"}
    with pytest.raises(DataError, match="does not stand in the context"):
        make().encode([changed], tokenizer(), LENGTH)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_loss_of_a_window_does_not_depend_on_its_batch(side: str) -> None:
    """Padding has no part in it, on whichever side the tokenizer would put it."""
    import torch

    task, processor = make(stride=12), tokenizer(padding_side=side)
    model = random_model(len(processor))
    rows = [row(" ".join(WORDS[:size]), WORDS[size // 2]) for size in (3, 10, 40, 120)]
    features = task.encode(rows, processor, LENGTH)
    collate = task.collator(processor)

    def loss(chosen: list[int]) -> float:
        batch = collate(model_inputs(features, chosen))
        labels = batch.pop("labels")
        with torch.no_grad():
            return float(task.loss(model(**batch), labels, 1))

    assert len({len(feature["input_ids"]) for feature in features}) > 2
    every = list(range(len(features)))
    assert loss(every) == pytest.approx(sum(loss([index]) for index in every), rel=1e-5)


def test_training_features_are_those_of_encode_without_places() -> None:
    rows = [row(" ".join(WORDS), WORDS[150])]
    whole, lean = (
        getattr(make(stride=12), name)(rows, tokenizer(), LENGTH) for name in ("encode", "training_features")
    )
    assert [feature["about"] for feature in lean] == [{"row": 0}] * len(whole)
    for one, other in zip(whole, lean, strict=True):
        assert {**one, "about": None} == {**other, "about": None}


# -- the choice of an answer


def random_outputs(features: list[dict[str, Any]], seed: int) -> list[dict[str, np.ndarray]]:
    """What a model might say, with some padding behind each window that says the most of all."""
    generator = np.random.default_rng(seed)
    outputs = []
    for feature in features:
        sides = {side: generator.normal(size=len(feature["input_ids"]) + 5) * 3 for side in ("start", "end")}
        outputs.append({side: np.append(values[:-5], np.full(5, 99.0)) for side, values in sides.items()})
    return outputs


def candidates(
    outputs: list[dict[str, np.ndarray]], features: list[dict[str, Any]], longest: int
) -> Iterator[tuple[float, int, int]]:
    """Of all windows of one row, every span of words with its odds against no answer."""
    for kept, feature in zip(outputs, features, strict=True):
        window = feature["about"]["window"]
        inside, places = np.flatnonzero(window.inside), window.offsets
        null = kept["start"][0] + kept["end"][0]
        for first in inside:
            for last in inside[(inside >= first) & (inside < first + longest)]:
                yield kept["start"][first] + kept["end"][last] - null, int(places[first, 0]), int(places[last, 1])


@pytest.mark.parametrize("longest", [1, 4, 30, 500])
@pytest.mark.parametrize("threshold", [None, -3.0, 0.0, 3.0])
def test_the_best_span_of_all_windows_is_given(longest: int, threshold: float | None) -> None:
    rows = [row(" ".join(WORDS[:size])) for size in (1, 30, 150, 150, 150)]
    silent = {} if threshold is None else {"unanswerable": True, "null_threshold": threshold}
    task = make(stride=12, max_answer_length=longest, **silent)
    features = task.encode(rows, tokenizer(), LENGTH)
    outputs = random_outputs(features, seed=longest)
    for index, answer in enumerate(task.decode(outputs, features, rows)):
        mine = [place for place, feature in enumerate(features) if feature["about"]["row"] == index]
        odds, start, end = max(candidates([outputs[i] for i in mine], [features[i] for i in mine], longest))
        wanted = (start, end) if threshold is None or -odds <= threshold else (0, 0)
        assert (answer["start"], answer["end"]) == wanted
        assert answer["prediction"] == rows[index]["context"][slice(*wanted)]
        assert 0 <= answer["score"] <= 1


def test_the_score_is_the_probability_of_the_span_in_its_window() -> None:
    rows = [row("w005 w006 w007")]
    features = make().encode(rows, tokenizer(), LENGTH)
    (kept,) = random_outputs(features, seed=1)
    size = len(features[0]["input_ids"])
    start, end = (np.exp(kept[side][:size]) / np.exp(kept[side][:size]).sum() for side in ("start", "end"))
    (answer,) = make().decode([kept], features, rows)
    places = features[0]["about"]["window"].offsets.tolist()
    first = next(i for i in range(size) if places[i][0] == answer["start"] and places[i][1])
    last = next(i for i in range(size) if places[i][1] == answer["end"])
    assert answer["score"] == pytest.approx(start[first] * end[last])
    (silent,) = make(unanswerable=True, null_threshold=-1e9).decode([kept], features, rows)
    assert (silent["prediction"], silent["start"], silent["end"]) == ("", 0, 0)
    assert silent["score"] == pytest.approx(start[0] * end[0])


def test_a_higher_threshold_gives_more_answers() -> None:
    rows = [row(" ".join(WORDS[number : number + 20])) for number in range(100)]
    model = random_model(len(tokenizer()))

    def given_by(unanswerable: bool, threshold: float) -> int:
        task = make(unanswerable=unanswerable, null_threshold=threshold)
        return sum(bool(answer["prediction"]) for answer in task.predict(rows, model, tokenizer(), 32, LENGTH))

    counts = [given_by(True, threshold) for threshold in (-1e9, -20.0, 0.0, 20.0, 1e9)]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 100)
    assert len(set(counts)) > 2
    assert given_by(False, -1e9) == 100, "where every question has an answer, every one gets one"


# -- places in the user's own text


@pytest.mark.parametrize("kind", ["word pieces", "bytes", "pieces"])
def test_answers_are_slices_of_any_text(kind: str) -> None:
    rows = [
        {"question": chance.choice(("what", "😀?", "שלום")), "context": text(chance)}
        for chance in map(random.Random, range(1000))
    ]
    model = random_model(len(tokenizer(kind)))
    answers = make(stride=16).predict(rows, model, tokenizer(kind), 64, LENGTH)
    for one, answer in zip(rows, answers, strict=True):
        context, start, end = one["context"], answer["start"], answer["end"]
        assert 0 <= start <= end <= len(context)
        assert answer["prediction"] == context[start:end] == context[start:end].strip()
        assert not unicodedata.category(context[end : end + 1] or " ").startswith("M"), "accents stay with their letter"
    assert sum(bool(answer["prediction"]) for answer in answers) > 900
    assert len({answer["prediction"] for answer in answers}) > 500


@pytest.mark.parametrize("kind", ["word pieces", "bytes", "pieces"])
def test_labels_hold_the_answer_in_any_text(kind: str) -> None:
    """Their tokens begin no later and end no earlier than what the tokenizer keeps of the answer."""
    checked = 0
    for chance in map(random.Random, range(300)):
        context = text(chance)
        start = chance.randrange(len(context) + 1)
        answer = context[start : start + chance.randrange(1, 12)].strip()
        if not answer:
            continue
        one = row(context, answer)
        start = context.index(answer)
        try:
            features = make(stride=40).encode([one], tokenizer(kind), LENGTH)
        except DataError:
            assert kind != "bytes", "bytes are never lost"
            continue
        kept = np.zeros(len(context), dtype=bool)
        for feature in features:
            kept |= _covered(feature, context)
        wanted = {place for place in np.flatnonzero(kept) if start <= place < start + len(answer)}
        for feature in features:
            first, last, _ = feature["labels"]
            if first:
                places = feature["about"]["window"].offsets[first : last + 1]
                assert wanted <= set(range(places[:, 0].min(), places[:, 1].max()))
                checked += 1
    assert checked > 150


@pytest.mark.parametrize("context", ["", "  \n", "\u202e"])
def test_a_context_without_a_word_has_no_answer(context: str) -> None:
    processor = tokenizer("word pieces")
    (answer,) = make().predict(
        [{"question": "who", "context": context}], random_model(len(processor)), processor, 1, 64
    )
    assert (answer["prediction"], answer["start"], answer["end"]) == ("", 0, 0)
    assert answer["score"] > 0, "that of [CLS]"


def test_accents_stay_with_their_letters() -> None:
    """A tokenizer that drops accents counts them to no token."""
    rows = [row("un cafe\u0301 noir", "cafe\u0301")]
    features = make().encode(rows, tokenizer("word pieces"), LENGTH)
    first, last, size = features[0]["labels"]
    sides = {"start": np.eye(size)[first] * 50, "end": np.eye(size)[last] * 50}
    (answer,) = make().decode([sides], features, rows)
    assert answer["prediction"] == "cafe\u0301"


# -- inputs


def test_inputs_are_pairs_or_dictionaries() -> None:
    wanted = {"question": "who", "context": "me"}
    assert make().rows_from([("who", "me"), ["who", "me"], {**wanted, "id": 3}]) == [wanted] * 3
    for wrong in (
        "who",
        {"question": "who"},
        ("who", None),
        ("a", "b", "c"),
        7,
        {"question": "who", "context": ["me"]},
    ):
        with pytest.raises(UsageError, match="Cannot answer"):
            make().rows_from([wrong])


def test_a_tokenizer_without_places_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel, ByT5Tokenizer

    processor = ByT5Tokenizer()
    BertModel(BertConfig(vocab_size=len(processor), hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                         intermediate_size=8)).save_pretrained(tmp_path)  # fmt: skip
    processor.save_pretrained(tmp_path)
    with pytest.raises(SourceError, match="cannot say where"):
        make().load(ModelSource(name="bytes", path=str(tmp_path), revision=None))


# -- baselines and tables


def lives(number: int) -> Row:
    context = f"It rained. Person{number} lived in Oslo. The dog ate fish."
    return row(context, "Oslo", f"where did person{number} live in those days?")


def test_the_sentence_most_like_the_question_is_found() -> None:
    rows = [lives(number) for number in range(20)]
    predict, detail = make().own_baselines()["tfidf-sentence"][1](rows, rows)
    assert [answer["prediction"] for answer in predict(rows)] == [f"Person{i} lived in Oslo." for i in range(20)]
    assert "20 contexts" in detail
    predict, _ = make().own_baselines()["first-sentence"][1](rows, rows)
    assert {answer["prediction"] for answer in predict(rows)} == {"It rained."}


def test_where_there_may_be_no_answer_the_baseline_can_say_so() -> None:
    rows = [
        one for n in range(20) for one in (lives(n), {**row(lives(n)["context"]), "question": "why blue whales sing"})
    ]
    task = make(unanswerable=True)
    predict, detail = task.own_baselines()["tfidf-sentence"][1](rows, rows)
    given = [answer["prediction"] for answer in predict(rows)]
    assert given[1::2] == [""] * 20
    assert all("Oslo" in answer for answer in given[::2])
    assert "none below a cosine" in detail
    assert task.baselines == ("tfidf-sentence", "no-answer")
    assert {a["prediction"] for a in task.own_baselines()["no-answer"][1](rows, rows)[0](rows)} == {""}
    assert make().baselines == ("tfidf-sentence", "first-sentence")
    assert "no-answer" not in make().own_baselines()


def test_tables_group_questions() -> None:
    task = make(unanswerable=True)
    rows = [
        row("in Oslo", "Oslo", "Where is it?"),
        row("in Oslo", None, "where was it"),
        row("in Oslo", "Oslo", "In whose?"),
    ]
    answers = [{"prediction": said} for said in ("in Oslo", "Oslo", "Oslo")]
    by_answer, by_word = task.details(task.arrays(answers, task.references(rows)), rows)["tables"]
    assert by_answer["rows"] == [
        ["with an answer", 2, 0.5, pytest.approx((2 / 3 + 1) / 2)],
        ["without an answer", 1, 0, 0],
    ]
    assert [line[:3] for line in by_word["rows"]] == [["where", 2, 0.0], ["who", 1, 1.0]]


def test_tables_of_other_languages_group_by_length() -> None:
    rows = [row("до Осло", "Осло", "Где?"), row("до Осло и далее", "до Осло и далее", "Куда?")]
    answers = [{"prediction": "Осло"}] * 2
    (table,) = make().details(make().arrays(answers, make().references(rows)), rows)["tables"]
    assert [line[:3] for line in table["rows"]] == [["1 to 10", 1, 1.0], ["11 to 25", 1, 0.0]]


def test_mistakes() -> None:
    task, one = make(unanswerable=True), row("in Oslo", "Oslo")
    reference = task.describe_target(one["answers"])
    assert task.mistake(one, {"prediction": "the oslo!", "score": 0.9}, reference) is None
    near = task.mistake(one, {"prediction": "in Oslo", "score": 0.9}, reference)
    none = task.mistake(one, {"prediction": "", "score": 0.9}, reference)
    assert (near.given, near.wanted, none.given) == ("in Oslo", "Oslo", NONE)
    assert none.size > near.size > task.mistake(one, {"prediction": "in Oslo", "score": 0.1}, reference).size
    assert near.note == "F1 0.67, in: …in Oslo…"
    assert task.mistake(one, {"prediction": "Oslo", "score": 1.0}, row("in Oslo")["answers"]).wanted == NONE


# -- all together


def test_it_learns_to_answer_and_to_be_silent(tmp_path: Path) -> None:
    """The real pipeline, windows included, on questions of which a third cannot be answered."""
    chance = random.Random(0)
    rows = []
    for person in range(80):
        words = [chance.choice(("and", "then", "it", "went", "on")) for _ in range(60)]
        place, food = chance.choice(("paris", "oslo", "rome")), chance.choice(("rice", "soup", "cake"))
        words.insert(chance.randrange(60), f"they live in {place} and eat {food} daily")
        context = f"name{person} {' '.join(words)}"
        rows += [row(context, place, "where are they living"), row(context, food, "what are they eating"),
                 row(context, None, "when are they coming")]  # fmt: skip
    recipe = recipe_for(tmp_path, rows, options={"stride": 16}, adapter={"r": 8})
    data = finetune.prepare(recipe)
    model = finetune.fit(recipe, data)
    assert model.training["features"] > 1.5 * len(data.train), "contexts are read in windows"
    evaluation = finetune.evaluate(model)
    assert set(evaluation.systems) == {"model", "tfidf-sentence", "no-answer"}
    by_answer = {line[0]: line[1:] for line in evaluation.details["tables"][0]["rows"]}
    assert by_answer["without an answer"][2] > 0.9
    assert by_answer["with an answer"][2] > 0.7
    best = max(system["scores"]["answer_f1"]["value"] for name, system in evaluation.systems.items() if name != "model")
    assert evaluation.scores["answer_f1"] > best
    for asked, answer in zip(evaluation.predictions["context"], evaluation.answers(), strict=True):
        assert asked[answer["start"] : answer["end"]] == answer["prediction"]
