"""Synonyms: the built-in list, the rules of endings, and WordNet's files."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import pytest

from finetune.errors import IntegrityError, NotFoundError
from finetune.lexicons import synonyms as module
from finetune.lexicons.synonyms import is_function_word, load_builtin, load_synonyms, with_ed, with_ing, with_s
from finetune.lexicons.wordnet import FILES, WordNet, find_wordnet
from finetune.text.edits.negation import is_negation

NUMBERS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
SYNSETS = (
    ("noun", {"film": (1, 38), "movie": (1, 40), "moving_picture": (1, 1), "picture": (3, 2), "pic": (1, 0)}),
    ("noun", {"film": (2, 16)}),
    ("noun", {"photograph": (1, 9), "picture": (1, 30)}),
    ("verb", {"buy": (1, 50), "purchase": (1, 20)}),
    ("noun", {"purchase": (1, 4)}),
    ("adj", {"awake(p)": (1, 3), "wakeful": (1, 1), "unsleeping": (1, 2)}),
    ("noun", {"bank": (1, 5), "slope": (1, 5)}),
    ("noun", {"bank": (2, 4), "lender": (1, 4)}),
    ("noun", {"bank": (3, 3), "pile": (1, 3)}),
    ("noun", {"Paris": (1, 1), "city_of_light": (1, 0)}),
    ("adv", {"fast": (1, 9), "tight": (1, 0)}),
)
"""Kind; words of a synset, each with its rank among the word's meanings and how often it was tagged."""


def write_wordnet(folder: Path) -> Path:
    """A database of those synsets in the documented format; offsets are bytes of the data file."""
    folder.mkdir(parents=True, exist_ok=True)
    data = dict.fromkeys(NUMBERS, b"  1 A licence stands first.  \n")
    keys = []
    for kind, words in SYNSETS:
        offset = len(data[kind])
        listed = " ".join(f"{word} 0" for word in words)
        data[kind] += f"{offset:08d} 04 {kind[0]} {len(words):02x} {listed} 000 | a gloss  \n".encode()
        for word, (rank, count) in words.items():
            lemma = word.lower().split("(")[0]
            keys.append(f"{lemma}%{NUMBERS[kind]}:04:{rank:02d}:: {offset:08d} {rank} {count}\n")
    for kind, lines in data.items():
        (folder / f"data.{kind}").write_bytes(lines)
    (folder / "index.sense").write_text("".join(sorted(keys)), encoding="ascii")
    return folder


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> WordNet:
    return WordNet(write_wordnet(tmp_path_factory.mktemp("wordnet") / "dict").parent)


# -- the built-in list


def test_every_word_of_the_list_stands_once_and_can_be_found() -> None:
    groups = [(kind, group) for kind in NUMBERS for group in module._file()[kind]]
    counts = Counter(word for _, group in groups for word in group)
    assert len(counts) >= 150
    assert [word for word, count in counts.items() if count > 1] == []
    lexicon = load_builtin()
    for kind, group in groups:
        for word in group:
            assert set(lexicon.of(word)) == set(group) - {word}
            assert word.isalpha()
            assert word.islower()
            assert not is_negation(word)
            assert kind != "verb" or (with_ed(word) and with_ing(word)), word


def test_words_of_grammar_and_unknown_ones_have_no_synonyms() -> None:
    lexicon = load_builtin()
    assert all(not lexicon.of(word) for word in ("the", "will", "like", "two", "saw", "xylograph", "", "a"))
    assert is_function_word("between")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("movies", ("films",)), ("stories", ("tales",)), ("loved", ("adored",)), ("loving", ("adoring",)),
        ("terrified", ("petrified",)), ("hated", ("detested", "loathed", "despised")), ("vanishes", ("disappears",)),
        ("remained", ("stayed",)), ("enemies", ("foes",)), ("actor", ("performer",)), ("bigs", ()), ("actored", ()),
    ],
)  # fmt: skip
def test_endings_are_taken_off_and_put_on(word: str, expected: tuple[str, ...]) -> None:
    assert load_builtin().of(word) == expected


def test_an_ending_is_right_or_missing() -> None:
    assert [with_s(w) for w in ("box", "story", "day", "man", "knife", "hero", "crisis")] == [
        "boxes", "stories", "days", None, None, None, None,
    ]  # fmt: skip
    assert [with_ed(w) for w in ("stop", "play", "try", "love", "refer", "happen", "see", "go", "show")] == [
        None, "played", "tried", "loved", None, "happened", None, None, None,
    ]  # fmt: skip
    assert [with_ing(w) for w in ("stop", "play", "try", "love", "see", "die")] == [
        None, "playing", "trying", "loving", None, None,
    ]  # fmt: skip


# -- WordNet


def test_senses_come_most_frequent_first(wordnet: WordNet) -> None:
    assert [(s.kind, s.rank, s.uses) for s in wordnet.senses("film")] == [("noun", 1, 38), ("noun", 2, 16)]
    assert [s.kind for s in wordnet.senses("purchase")] == ["verb", "noun"]
    assert wordnet.lemmas(wordnet.senses("film")[0]) == ["film", "movie", "moving_picture", "picture", "pic"]
    lemmas = {word.lower().split("(")[0] for _, words in SYNSETS for word in words}
    assert all(wordnet.senses(lemma) for lemma in lemmas)
    assert all(not wordnet.senses(word) for word in ("fil", "films", "aaa", "zzz", "", "film%1", "%", "état"))


def test_only_plain_words_for_the_usual_meaning_are_synonyms(wordnet: WordNet) -> None:
    # `picture` is first a photograph, `moving_picture` is two words, and `pic` was never met.
    assert wordnet.synonyms("film") == ("noun", ("movie",))
    assert wordnet.synonyms("buy") == ("verb", ("purchase",))
    assert wordnet.synonyms("bank") is None  # no meaning makes up half
    assert wordnet.synonyms("wakeful") == ("adj", ("unsleeping",))  # `awake` stands only behind its noun
    assert wordnet.synonyms("paris") is None
    assert wordnet.synonyms("nothing") is None


def test_a_stated_folder_is_used_and_said(wordnet: WordNet) -> None:
    lexicon = load_synonyms(str(wordnet.folder.parent))
    assert str(wordnet.folder) in lexicon.note
    assert lexicon.of("movies") == ("films",)
    assert lexicon.of("purchased") == ()  # bought
    assert lexicon.of("purchases") == ("buys",)


def test_wordnet_is_found_by_its_variables(wordnet: WordNet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WNHOME", str(wordnet.folder.parent))
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    assert find_wordnet() == wordnet.folder
    assert str(wordnet.folder) in load_synonyms().note


def test_without_wordnet_the_own_list_is_used_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_wordnet", lambda: None)
    assert "built-in list" in load_synonyms().note
    assert load_synonyms().of("film") == ("movie",)


def test_a_copy_in_another_process_maps_the_files_itself(wordnet: WordNet) -> None:
    assert wordnet.synonyms("film")
    assert pickle.loads(pickle.dumps(wordnet)).synonyms("film") == wordnet.synonyms("film")


def test_a_folder_that_is_no_wordnet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not a folder"):
        load_synonyms(str(tmp_path / "nowhere"))
    (tmp_path / "data.noun").touch()
    with pytest.raises(NotFoundError, match=r"lacks index\.sense, data\.verb, data\.adj, data\.adv; a WordNet holds"):
        load_synonyms(str(tmp_path))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    broken = write_wordnet(tmp_path / "broken")
    (broken / "data.noun").write_text("another release\n" * 50, encoding="ascii")
    with pytest.raises(IntegrityError, match=r"data\.noun has no synset at byte"):
        WordNet(broken).synonyms("film")
    (broken / "index.sense").write_text("film%1 x\n", encoding="ascii")
    with pytest.raises(IntegrityError, match=r"index\.sense holds"):
        WordNet(broken).synonyms("film")
    for name in FILES:
        (broken / name).write_bytes(b"")
    with pytest.raises(IntegrityError, match="is empty"):
        WordNet(broken).synonyms("film")
