"""Stand-ins for what the question-answering recipes name; their models are those of text classification."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loopback_hub import dataset_repository

Rows = list[dict[str, Any]]

PEOPLE = ("Ada King", "Alan Hill", "Emmy Stone", "Grace Wood", "Kurt Field", "Lise Brook")
FACTS = {  # what is asked -> what is told, and what may stand there
    "Where did {} live": ("{} lived in {}", ("Paris", "Oslo", "Rome", "Kyoto", "Lima")),
    "What did {} study": ("{} studied {}", ("logic", "music", "botany", "law", "the stars")),
    "When was {} born": ("{} was born in {}", ("1815", "1882", "1906", "1912", "1878")),
}
UNTOLD = ("What did {} eat", "Whom did {} marry")
FILLER = "On that day it was still there and again one of the others came"
WRITTEN = 3
"""How many people have answered each question of a development set."""


def paragraph(chance: random.Random, person: str, *, long: bool) -> tuple[str, dict[str, tuple[str, int]]]:
    """A context on a person, and for each question the answer and its place; `long` makes it exceed 384 tokens."""
    told = {asked: (sentence, chance.choice(known)) for asked, (sentence, known) in FACTS.items()}
    parts = [f"{FILLER}." for _ in range(20 if long else 1)]
    for sentence, known in told.values():
        parts.insert(chance.randrange(len(parts) + 1), f"{sentence.format(person, known)}.")
    context = " ".join(parts)
    places = {
        asked: (known, context.index(sentence.format(person, known)) + len(sentence.format(person, "")))
        for asked, (sentence, known) in told.items()
    }
    return context, places


def questions(seed: int, rows: int, *, answers: int = 1, unanswerable: bool = False, title: bool = True) -> Rows:
    """Questions on paragraphs, three each; every ninth paragraph is long, and the last question may have no answer."""
    chance = random.Random(seed)
    made: Rows = []
    while len(made) < rows:
        person = chance.choice(PEOPLE)
        context, places = paragraph(chance, person, long=len(made) % 27 == 0)
        for number, (asked, (text, start)) in enumerate(places.items()):
            silent = unanswerable and number == 2
            asked_for = chance.choice(UNTOLD) if silent else asked
            repeated = 0 if silent else answers
            made.append({
                "id": f"{seed}-{len(made):04}", **({"title": person.replace(" ", "_")} if title else {}),
                "context": context, "question": f"{asked_for.format(person)}?",
                "answers": {"text": [text] * repeated, "answer_start": [start] * repeated},
            })  # fmt: skip
    return made[:rows]


def features(*, title: bool = True) -> Any:
    """The columns as they are on the Hub."""
    from datasets import Features, List, Value

    string = Value("string")
    return Features({
        "id": string, **({"title": string} if title else {}), "context": string, "question": string,
        "answers": {"text": List(string), "answer_start": List(Value("int32"))},
    })  # fmt: skip


def squad(folder: Path) -> Path:
    """rajpurkar/squad: no public test split, several people's answers in the development set."""
    splits = {"train": questions(1, 81), "validation": questions(2, 36, answers=WRITTEN)}
    return dataset_repository(folder, {"plain_text": splits}, features())


def squad_v2(folder: Path) -> Path:
    """rajpurkar/squad_v2: likewise, and empty lists where a question has no answer."""
    splits = {
        "train": questions(1, 81, unanswerable=True),
        "validation": questions(2, 36, answers=WRITTEN, unanswerable=True),
    }
    return dataset_repository(folder, {"squad_v2": splits}, features())


def xquad(folder: Path) -> Path:
    """google/xquad: a configuration per language, of which Arabic comes first, each with one split and no titles."""
    arabic = [{
        "id": f"ar-{number}", "context": "عاشت آدا في باريس.", "question": "أين عاشت آدا؟",
        "answers": {"text": ["باريس"], "answer_start": [12]},
    } for number in range(4)]  # fmt: skip
    configs = {
        "xquad.ar": {"validation": arabic},
        "xquad.en": {"validation": questions(3, 90, title=False)},
    }
    return dataset_repository(folder, configs, features(title=False))


DATASETS: dict[str, Callable[[Path], Path]] = {
    "rajpurkar/squad": squad,
    "rajpurkar/squad_v2": squad_v2,
    "google/xquad": xquad,
}
