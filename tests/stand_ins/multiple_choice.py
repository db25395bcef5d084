"""Stand-ins for what the multiple-choice recipes name."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loopback_hub import dataset_repository
from loopback_hub.tiny import wordpiece_vocabulary

from stand_ins.text_classification import FILLERS, HIDDEN, POSITIONS, SUBJECTS, VERBS, save_model

ENDINGS = 4
PLAUSIBLE = ("carefully", "slowly", "quietly")
IMPLAUSIBLE = ("backwards", "forever", "underwater", "twice")


def scenes(seed: int, rows: int, hide: bool = False) -> list[dict[str, Any]]:
    """SWAG's rows: the right ending has a plausible adverb, the others have not."""
    chance = random.Random(seed)
    made = []
    for index in range(rows):
        subject, right = chance.choice(SUBJECTS), chance.randrange(ENDINGS)
        first = f"{subject} {chance.choice(VERBS)} {' '.join(chance.choice(FILLERS) for _ in range(3))} ."
        words = [chance.choice(PLAUSIBLE if place == right else IMPLAUSIBLE) for place in range(ENDINGS)]
        endings = {f"ending{place}": f"{chance.choice(VERBS)} {word} ." for place, word in enumerate(words)}
        made.append({
            "video-id": f"anetv_{seed}{index}", "fold-ind": str(index), "startphrase": f"{first} {subject}",
            "sent1": first, "sent2": subject, "gold-source": "gold", **endings, "label": HIDDEN if hide else right,
        })  # fmt: skip
    return made


def swag(folder: Path) -> Path:
    """allenai/swag, configuration regular."""
    from datasets import ClassLabel, Features, Value

    names = ("video-id", "fold-ind", "startphrase", "sent1", "sent2", "gold-source",
             *(f"ending{place}" for place in range(ENDINGS)))  # fmt: skip
    label = ClassLabel(names=[str(place) for place in range(ENDINGS)])
    splits = {"train": scenes(1, 80), "validation": scenes(2, 40), "test": scenes(3, 20, hide=True)}
    features = Features({**{name: Value("string") for name in names}, "label": label})
    return dataset_repository(folder, {"regular": splits}, features)


def bert(folder: Path) -> Path:
    """google-bert/bert-base-uncased, two layers of width 32, with both of its pretraining heads."""
    from transformers import BertConfig, BertForPreTraining, BertTokenizerFast

    vocabulary = wordpiece_vocabulary([" ".join((*FILLERS, *SUBJECTS, *VERBS, *PLAUSIBLE, *IMPLAUSIBLE, "."))])
    tokenizer = BertTokenizerFast(vocab=vocabulary, model_max_length=POSITIONS)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=POSITIONS, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return save_model(folder, BertForPreTraining, config, tokenizer)


MODELS: dict[str, Callable[[Path], Path]] = {"google-bert/bert-base-uncased": bert}
DATASETS: dict[str, Callable[[Path], Path]] = {"allenai/swag": swag}
