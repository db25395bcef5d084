"""Stand-ins for what the token-classification recipes name."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from loopback_hub import dataset_repository
from loopback_hub.tiny import SPECIAL_TOKENS

from stand_ins.text_classification import POSITIONS, save_model

Rows = list[dict[str, Any]]
Phrase = list[tuple[str, str, str]]
"""Words with their part of speech and their entity's type."""

GIVEN = ("Ada", "Alan", "Emmy", "Grace", "Kurt", "Zoé")
FAMILY = ("King", "Hill", "Stone", "Wood", "Field", "Brook")
PLACES = ("Paris", "Oslo", "Rome", "Kyoto", "Lima", "Köln")
COMPANIES = ("Acme", "Globex", "Initech", "Umbra")
KINDS = ("Inc", "Ltd", "Group")
PEOPLES = ("German", "British", "Dutch")
VERBS = ("met", "saw", "left", "joined", "praised")
NOUNS = ("match", "talk", "book", "deal")
ENTITIES = ("PER", "ORG", "LOC", "MISC")
PENN = (
    '"', "''", "#", "$", "(", ")", ",", ".", ":", "``", "CC", "CD", "DT", "EX", "FW", "IN", "JJ", "JJR", "JJS", "LS",
    "MD", "NN", "NNP", "NNPS", "NNS", "NN|SYM", "PDT", "POS", "PRP", "PRP$", "RB", "RBR", "RBS", "RP", "SYM", "TO",
    "UH", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "WDT", "WP", "WP$", "WRB",
)  # fmt: skip
TO_PENN = {
    "PROPN": "NNP", "VERB": "VBD", "DET": "DT", "NOUN": "NN", "ADP": "IN", "ADJ": "JJ", "PUNCT": ".", "AUX": "VBD",
    "PART": "RB",
}  # fmt: skip
CHUNKS = ("ADJP", "ADVP", "CONJP", "INTJ", "LST", "NP", "PP", "PRT", "SBAR", "UCP", "VP")


def sentence(chance: random.Random) -> Phrase:
    """Somebody does something with somebody or something somewhere."""
    person: Phrase = [(chance.choice(GIVEN), "PROPN", "PER"), (chance.choice(FAMILY), "PROPN", "PER")]
    company: Phrase = [(chance.choice(COMPANIES), "PROPN", "ORG"), (chance.choice(KINDS), "PROPN", "ORG")]
    thing: Phrase = [("the", "DET", ""), (chance.choice(PEOPLES), "ADJ", "MISC"), (chance.choice(NOUNS), "NOUN", "")]
    does: Phrase = [(chance.choice(VERBS), "VERB", "")]
    if chance.random() < 0.2:
        does = [("did", "AUX", ""), ("n't", "PART", ""), *does]
    where: Phrase = [("in", "ADP", ""), (chance.choice(PLACES), "PROPN", "LOC")]
    subject = chance.choice((person, company))
    return [*subject, *does, *chance.choice((company, thing)), *where, (".", "PUNCT", "")]


def sentences(seed: int, count: int) -> list[Phrase]:
    """Sentences; every sixteenth is several that were run together, of some two hundred words."""
    chance = random.Random(seed)
    return [[word for _ in range(20 if i % 16 == 15 else 1) for word in sentence(chance)] for i in range(count)]


def entity_tags(types: Iterable[str]) -> list[str]:
    """The tags of IOB2, outside first, in the order of the types."""
    return ["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")]


def iob2(phrase: Phrase, types: Sequence[str]) -> list[int]:
    """The ids of the words' tags."""
    names, tags = entity_tags(types), []
    for (_, _, before), (_, _, kind) in zip([("", "", ""), *phrase], phrase, strict=False):
        tags.append(names.index(f"{'I' if kind == before else 'B'}-{kind}" if kind in types else "O"))
    return tags


def wikiann(folder: Path) -> Path:
    """unimelb-nlp/wikiann: a configuration per language, of which Achinese comes first; three types."""
    from datasets import ClassLabel, Features, List, Value

    def rows(seed: int, count: int, language: str) -> Rows:
        made = []
        for phrase in sentences(seed, count):
            tokens, tags = [word for word, _, _ in phrase], iob2(phrase, ENTITIES[:3])
            starts = [i for i, tag in enumerate(tags) if tag % 2]
            spans = [f"{ENTITIES[tags[i] // 2]}: {tokens[i]}" for i in starts]
            made.append({"tokens": tokens, "ner_tags": tags, "langs": [language] * len(tokens), "spans": spans})
        return made

    strings = List(Value("string"))
    features = Features({"tokens": strings, "ner_tags": List(ClassLabel(names=entity_tags(ENTITIES[:3]))),
                         "langs": strings, "spans": strings})  # fmt: skip
    configs = {
        language: {"validation": rows(2, count // 4, language), "test": rows(3, count // 2, language),
                   "train": rows(1, count, language)}
        for language, count in {"ace": 8, "en": 96}.items()
    }  # fmt: skip
    return dataset_repository(folder, configs, features)


def conll2003(folder: Path) -> Path:
    """lhoestq/conll2003: four types; parts of speech and chunks beside them."""
    from datasets import ClassLabel, Features, List, Value

    chunks = entity_tags(CHUNKS)

    def rows(seed: int, count: int) -> Rows:
        return [{
            "id": str(number), "tokens": [word for word, _, _ in phrase],
            "pos_tags": [PENN.index(TO_PENN[part]) for _, part, _ in phrase],
            "chunk_tags": [chunks.index("B-VP" if part == "VERB" else "O") for _, part, _ in phrase],
            "ner_tags": iob2(phrase, ENTITIES),
        } for number, phrase in enumerate(sentences(seed, count))]  # fmt: skip

    features = Features({
        "id": Value("string"), "tokens": List(Value("string")), "pos_tags": List(ClassLabel(names=list(PENN))),
        "chunk_tags": List(ClassLabel(names=chunks)), "ner_tags": List(ClassLabel(names=entity_tags(ENTITIES))),
    })  # fmt: skip
    splits = {"train": rows(1, 96), "validation": rows(2, 32), "test": rows(3, 48)}
    return dataset_repository(folder, {"default": splits}, features)


def universal_dependencies(folder: Path) -> Path:
    """universal-dependencies/universal_dependencies: a configuration per treebank, a split `dev`, tags as texts."""
    from datasets import Features, List, Value

    string = Value("string")
    strings, numbers = List(string), List(Value("uint16"))
    node = dict.fromkeys(("id", "form", "lemma", "upos", "xpos", "feats", "deprel", "deps", "misc"), string)
    features = Features({
        "sent_id": string, "text": string, "comments": strings, "tokens": strings, "lemmas": strings, "upos": strings,
        "xpos": strings, "feats": strings, "head": numbers, "deprel": strings, "deps": strings, "misc": strings,
        "mwt": List(dict.fromkeys(("id", "form", "feats", "misc"), string)),
        "empty_nodes": List({**node, "head": Value("uint16")}),
    })  # fmt: skip

    def rows(seed: int, count: int) -> Rows:
        made = []
        for number, phrase in enumerate(sentences(seed, count)):
            words, parts = [word for word, _, _ in phrase], [part for _, part, _ in phrase]
            joined = [{"id": f"{i}-{i + 1}", "form": "didn't", "feats": None, "misc": None}
                      for i, word in enumerate(words) if word == "n't"]  # fmt: skip
            empty = [None] * len(words)
            made.append({
                "sent_id": f"s{seed}-{number}", "comments": [], "tokens": words, "lemmas": words, "upos": parts,
                "text": " ".join(words).replace("did n't", "didn't").replace(" .", "."),
                "xpos": [TO_PENN[part] for part in parts], "feats": empty, "head": [0] * len(words),
                "deprel": ["dep"] * len(words), "deps": empty, "misc": empty, "mwt": joined, "empty_nodes": [],
            })  # fmt: skip
        return made

    configs = {
        name: {"train": rows(1, count), "dev": rows(2, count // 4), "test": rows(3, count // 2)}
        for name, count in {"af_afribooms": 8, "en_ewt": 96}.items()
    }
    return dataset_repository(folder, configs, features)


def cased_vocabulary() -> dict[str, int]:
    """Some words, and the letters of all alone and as continuations: the other words are several pieces."""
    words = (*GIVEN[:3], *PLACES[:3], *VERBS, *NOUNS, "the", "in", "did", ".", "'")
    letters = sorted({letter for word in (*GIVEN, *FAMILY, *PLACES, *COMPANIES, *KINDS, *PEOPLES, *words, "nt")
                      for letter in word})  # fmt: skip
    pieces = [*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters), *words]
    return {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}


def bert_cased(folder: Path) -> Path:
    """A cased BERT of two layers of width 32, with both of its pretraining heads."""
    from transformers import BertConfig, BertForPreTraining, BertTokenizerFast

    vocabulary = cased_vocabulary()
    tokenizer = BertTokenizerFast(vocab=vocabulary, do_lower_case=False, model_max_length=POSITIONS)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=POSITIONS, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return save_model(folder, BertForPreTraining, config, tokenizer)


MODELS: dict[str, Callable[[Path], Path]] = {
    "google-bert/bert-base-cased": bert_cased,
    "google-bert/bert-base-multilingual-cased": bert_cased,
}
DATASETS: dict[str, Callable[[Path], Path]] = {
    "lhoestq/conll2003": conll2003,
    "unimelb-nlp/wikiann": wikiann,
    "universal-dependencies/universal_dependencies": universal_dependencies,
}
