"""Stand-ins for what the sentence-similarity recipes name; RoBERTa is that of text classification."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loopback_hub import dataset_repository

from stand_ins.text_classification import FILLERS, POSITIONS, SUBJECTS, VERBS, save_model

Rows = list[dict[str, Any]]

PLACES = ("in the park", "at home", "on the beach", "by the lake", "near the station", "under a tree")
NOT = "nobody"


def scene(chance: random.Random) -> tuple[str, str, str]:
    """Who does what where."""
    return chance.choice(SUBJECTS), chance.choice(VERBS), chance.choice(PLACES)


def scored(seed: int, rows: int) -> Rows:
    """Pairs whose score is the share of who, what and where that they have in common."""
    chance = random.Random(seed)
    made = []
    for _ in range(rows):
        left, right = scene(chance), scene(chance)
        right = tuple(chance.choice((mine, its)) for mine, its in zip(left, right, strict=True))
        same = sum(mine == its for mine, its in zip(left, right, strict=True))
        made.append({"sentence1": f"{' '.join(left)} .", "sentence2": f"{' '.join(right)} .", "score": same / 3})
    return made


def triplets(seed: int, rows: int) -> Rows:
    """A premise, a hypothesis that leaves something out, and one that denies it; many hypotheses stand in several."""
    chance = random.Random(seed)
    made = []
    for _ in range(rows):
        subject, verb, place = scene(chance)
        filler = " ".join(chance.choice(FILLERS) for _ in range(2))
        short = chance.choice((f"{subject} {verb} .", f"somebody {verb} {place} .", f"{subject} is {place} ."))
        made.append({"anchor": f"{subject} {verb} {filler} {place} .", "positive": short,
                     "negative": f"{NOT} {verb} {place} ."})  # fmt: skip
    return made


def stsb(folder: Path) -> Path:
    """sentence-transformers/stsb: the scores run from 0 to 1, those of the test rows are public."""
    from datasets import Features, Value

    features = Features({"sentence1": Value("string"), "sentence2": Value("string"), "score": Value("float64")})
    splits = {"train": scored(1, 100), "validation": scored(2, 40), "test": scored(3, 40)}
    return dataset_repository(folder, {"default": splits}, features)


def all_nli(folder: Path) -> Path:
    """sentence-transformers/all-nli: the configurations pair and triplet, with a split called dev."""
    from datasets import Features, Value

    splits = {"train": triplets(1, 120), "dev": triplets(2, 40), "test": triplets(3, 40)}
    pairs = {name: [{key: row[key] for key in ("anchor", "positive")} for row in rows] for name, rows in splits.items()}
    features = {
        "pair": Features({name: Value("string") for name in ("anchor", "positive")}),
        "triplet": Features({name: Value("string") for name in ("anchor", "positive", "negative")}),
    }
    return dataset_repository(folder, {"pair": pairs, "triplet": splits}, features)


def mpnet(folder: Path) -> Path:
    """microsoft/mpnet-base, two layers, with its masked-language-modelling head and without a pooler.

    It is 256 wide: the recipe names that many dimensions.
    """
    from transformers import MPNetConfig, MPNetForMaskedLM, MPNetTokenizerFast

    special = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
    sentences = [*FILLERS, *SUBJECTS, *VERBS, *PLACES, NOT, "somebody is ."]
    words = sorted({word for sentence in sentences for word in sentence.split()})
    vocabulary = {word: place for place, word in enumerate([*special, *words])}
    tokenizer = MPNetTokenizerFast(vocab=vocabulary, model_max_length=POSITIONS)
    config = MPNetConfig(
        vocab_size=len(vocabulary), hidden_size=256, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=POSITIONS + 2, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    return save_model(folder, MPNetForMaskedLM, config, tokenizer)


MODELS: dict[str, Callable[[Path], Path]] = {"microsoft/mpnet-base": mpnet}
DATASETS: dict[str, Callable[[Path], Path]] = {
    "sentence-transformers/stsb": stsb,
    "sentence-transformers/all-nli": all_nli,
}
