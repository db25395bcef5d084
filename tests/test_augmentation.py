"""Further training rows: what each edit may do to a text, and which rows come out of it."""

from __future__ import annotations

import importlib.util
import pickle
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.augmentation import Augmenter, preview
from finetune.augmentation.eda import DeleteWords, Eda, InsertWords, SwapWords
from finetune.augmentation.edits import ModelEdit
from finetune.augmentation.identities import IdentitySwap
from finetune.augmentation.methods import EDITS, build_edit
from finetune.augmentation.models import BackTranslation, MaskedModel
from finetune.errors import NotFoundError, RecipeError, SourceError
from finetune.recipe import Transform
from finetune.sources import resolve_model
from finetune.task import TargetHints, Task, load_task, task_class
from finetune.text.edits.contractions import Contractions
from finetune.text.edits.edit import Edit
from finetune.text.edits.negation import NEGATIONS
from finetune.text.edits.punctuation import MARKS, Punctuation
from finetune.text.edits.spelling import CONFUSED, NEIGHBOURS, Keyboard, Ocr
from finetune.text.edits.synonyms import ReplaceWords
from finetune.text.edits.words import find_words

TEXT_EDITS = {method: edit for method, edit in EDITS.items() if not issubclass(edit, ModelEdit)}
PIECES = (
    "the", "a", "an", "film", "movies", "beautiful", "Boring", "BAD", "happy", "woman", "he", "was", "and", "but",
    "don't", "do", "not", "never", "no", "cannot", "without", "hardly", "isn’t", "nothing", "I'm", "they", "will",
    "like", "hot", "now", "know", "good,", "end.", "Why?", "😀", "👩‍❤️‍👩", "1️⃣", "cafe\u0301", "שָׁלוֹם", "نمی‌خواهم", "नमस्ते",
    "我喜欢这部电影", "ß", "ıI",
    "http://t.co/aB1", "@user", "#not", "1,000.50", "état", "n'est", "nicht", "well-known", "()", "…", "_",
)  # fmt: skip
GAPS = (" ", " ", " ", "  ", "\n", "\n\n", "\t", " \r\n", "\u00a0")
texts = st.one_of(
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(GAPS)), max_size=25).map(
        lambda parts: "".join(piece + gap for piece, gap in parts)
    ),
    st.text(max_size=60),
)
seeds = st.integers(0, 10_000)
strengths = st.floats(0.01, 1.0)
NEGATIVE = re.compile(
    r"(?<![\w#@'’-])(not|no|never|cannot|without|hardly|nothing|nicht)(?![\w'’-])|n['’]t\b|\bn'est\b", re.I
)


def edited(method: str, text: str, strength: float, seed: int, *, whole: bool = True) -> str:
    return TEXT_EDITS[method](strength)(text, random.Random(seed), whole=whole)


def words_of(text: str) -> list[str]:
    return [word.text for word in find_words(text)]


def negations(text: str) -> int:
    return len(NEGATIVE.findall(text))


# -- what all edits keep


@pytest.mark.parametrize("method", TEXT_EDITS)
@settings(max_examples=60, deadline=None)
@given(text=texts, seed=seeds, strength=strengths, whole=st.booleans())
def test_every_edit_takes_every_text_and_gives_the_same_for_a_seed(
    method: str, text: str, seed: int, strength: float, whole: bool
) -> None:
    once, again = (edited(method, text, strength, seed, whole=whole) for _ in range(2))
    assert once == again
    assert bool(once.strip()) == bool(text.strip())
    # A combining mark that was behind a letter is behind one still.
    assert all(find_words(once[match.start() - 1 :]) for match in re.finditer("(?<=\\w)\u0301", once))


@pytest.mark.parametrize("method", TEXT_EDITS)
@settings(max_examples=60, deadline=None)
@given(text=texts, seed=seeds, strength=strengths)
def test_negations_survive_every_edit(method: str, text: str, seed: int, strength: float) -> None:
    assert negations(edited(method, text, strength, seed)) == negations(text)


@pytest.mark.parametrize("method", TEXT_EDITS)
@settings(max_examples=60, deadline=None)
@given(text=texts, seed=seeds, strength=strengths)
def test_line_breaks_addresses_and_names_stay(method: str, text: str, seed: int, strength: float) -> None:
    new = edited(method, text, strength, seed)
    assert re.findall(r"[\n\r]", new) == re.findall(r"[\n\r]", text)
    fixed = [word.text for word in find_words(text) if word.fixed]
    assert [word.text for word in find_words(new) if word.fixed] == fixed


@pytest.mark.parametrize("method", ["synonyms", "random_swap", "keyboard", "ocr", "case", "identity_swap"])
@settings(max_examples=60, deadline=None)
@given(text=texts, seed=seeds, strength=strengths)
def test_what_stands_between_words_stays(method: str, text: str, seed: int, strength: float) -> None:
    assert re.findall(r"\s+", edited(method, text, strength, seed)) == re.findall(r"\s+", text)


@pytest.mark.parametrize("method", TEXT_EDITS)
@pytest.mark.parametrize("text", ["", " \n", "?!", "😀", "@user", "not", "http://t.co/a"])
def test_a_text_with_nothing_to_change_stays(method: str, text: str) -> None:
    expected = {("punctuation", "not"): {"not."}, ("case", "not"): {"Not", "NOT"}}.get((method, text), {text})
    assert edited(method, text, 1.0, 0) in expected


# -- how much an edit changes


@settings(max_examples=100, deadline=None)
@given(text=texts, seed=seeds, strength=strengths)
def test_no_more_words_change_than_the_strength_says(text: str, seed: int, strength: float) -> None:
    words = words_of(text)
    most = min(len(words), max(1, int(strength * len(words))))
    replaced = words_of(edited("synonyms", text, strength, seed))
    assert len(replaced) == len(words)
    assert sum(old != new for old, new in zip(words, replaced, strict=True)) <= most
    swapped = words_of(edited("random_swap", text, strength, seed))
    assert Counter(swapped) == Counter(words)
    assert sum(old != new for old, new in zip(words, swapped, strict=True)) <= 2 * most
    inserted = words_of(edited("random_insertion", text, strength, seed))
    assert len(inserted) - len(words) <= most
    assert not Counter(words) - Counter(inserted)


SPACED = st.lists(st.sampled_from([p for p in PIECES if len(words_of(p)) == 1]), max_size=20).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(text=SPACED, seed=seeds, strength=strengths)
def test_deletion_takes_words_up_to_the_strength_and_leaves_one(text: str, seed: int, strength: float) -> None:
    words, kept = words_of(text), words_of(edited("random_deletion", text, strength, seed))
    assert not Counter(kept) - Counter(words)
    assert len(words) - len(kept) <= min(max(1, int(strength * len(words))), max(0, len(words) - 1))


@settings(max_examples=100, deadline=None)
@given(text=texts, seed=seeds, strength=strengths)
def test_slips_are_neighbours_and_no_more_than_the_strength_says(text: str, seed: int, strength: float) -> None:
    new = edited("keyboard", text, strength, seed)
    slips = [(old, slip) for old, slip in zip(text, new, strict=True) if old != slip]
    characters = sum(not character.isspace() for character in text)
    assert len(slips) <= max(1, int(strength * characters))
    assert all(slip.lower() in NEIGHBOURS[old.lower()] and slip.isupper() == old.isupper() for old, slip in slips)


def test_keys_have_the_neighbours_that_they_have_on_a_keyboard() -> None:
    assert sorted(NEIGHBOURS["g"]) == sorted("ftyhvb")
    assert sorted(NEIGHBOURS["q"]) == sorted("wa")
    assert all(a in NEIGHBOURS[b] for a in NEIGHBOURS for b in NEIGHBOURS[a])


def test_no_digit_is_read_as_another() -> None:
    assert not any(old.isdigit() and new.isdigit() for old, new in CONFUSED.items())
    text = "room 1058 costs 2.60 in modern burn"
    new = Ocr(1.0)(text, random.Random(0))
    assert new != text
    assert all(old == seen or not seen.isdigit() for old, seen in zip("1058", new.split()[1], strict=True))


@settings(max_examples=100, deadline=None)
@given(text=texts, seed=seeds, strength=strengths)
def test_case_changes_capitals_only(text: str, seed: int, strength: float) -> None:
    new = edited("case", text, strength, seed)
    assert new.lower() == text.lower()
    changed = sum(a != b for a, b in zip(words_of(text), words_of(new), strict=True))
    assert changed <= max(1, int(strength * len(words_of(text))))


@settings(max_examples=100, deadline=None)
@given(text=texts, seed=seeds)
def test_aeda_adds_marks_and_keeps_words_and_order(text: str, seed: int) -> None:
    new = edited("aeda", text, 0.1, seed)
    words, more = text.split(), new.split()
    added = len(more) - len(words)
    assert (1 if len(words) >= 3 else 0) <= added <= len(words) // 3
    rest = iter(more)
    assert all(word in rest for word in words)  # the old words, in their order
    assert sum((Counter(more) - Counter(words)).values()) == added
    assert set(Counter(more) - Counter(words)) <= set(MARKS)


# -- single edits


NEGATED = "It is not a very good film, and the actors never seem happy without any help. I enjoyed nothing big."


@pytest.mark.parametrize("edit", [ReplaceWords, InsertWords, SwapWords, DeleteWords, Eda])
def test_words_behind_a_negation_keep_their_places(edit: type[Edit]) -> None:
    made = {edit(strength)(NEGATED, random.Random(seed)) for seed in range(200) for strength in (0.12, 1.0)}
    assert len(made) >= 4  # as many sets of its three words that have synonyms
    for new in made:
        assert all(kept in new for kept in ("not a very good", "never seem happy without any help", "nothing big"))
        assert new.index("not a") < new.index("never seem") < new.index("nothing big")


def test_a_negation_that_a_slip_would_make_is_not_made() -> None:
    made = {Keyboard(0.34)("hot", random.Random(seed)) for seed in range(300)}
    assert {"got", "hoy"} <= made
    assert not made & NEGATIONS


def test_synonyms_keep_capitals_endings_and_the_article() -> None:
    made = {ReplaceWords(1.0)("Movies: he loved an odd idea.", random.Random(seed)) for seed in range(60)}
    assert made == {
        "Films: he adored an odd notion."
    }  # "odd" is strange, weird or peculiar, but none of them after "an"
    assert ReplaceWords(1.0)("A HUGE MISTAKE", random.Random(0)) == "A GIGANTIC ERROR"


def test_names_are_no_words_to_replace() -> None:
    assert ReplaceWords(1.0)("we met Joy and Car today", random.Random(0)) == "we met Joy and Car today"
    assert ReplaceWords(1.0)("we met joy", random.Random(0)) != "we met joy"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't know", "I do not know"), ("I do not know", "I don't know"), ("I can’t say", "I cannot say"),
        ("CANNOT be", "CAN'T be"), ("they're late", "they are late"), ("They are late", "They're late"),
        ("I'VE seen it", "I HAVE seen it"), ("I have a dog", "I have a dog"), ("who they are.", "who they are."),
        ("Don't you know", "Don't you know"), ("it's Ada's", "it's Ada's"), ("I'd go", "I'd go"),
        ("WE WON'T", "WE WILL NOT"),
        ("he is not here, isn’t he", "he isn’t here, isn’t he"),
    ],
)  # fmt: skip
def test_contractions_both_ways_where_there_is_one_reading(text: str, expected: str) -> None:
    assert Contractions(1.0)(text, random.Random(0)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained.", "It rained"), ("It rained", "It rained."), ("It rained!\n", "It rained\n"),
        ("No, it works", "No, it works."), ("It cost 1,000 in all.", "It cost 1,000 in all"),
        ("see http://t.co/a", "see http://t.co/a"), ("we sang and left?", "we sang, and left"), ("so :)", "so :)"),
    ],
)  # fmt: skip
def test_final_marks_and_commas(text: str, expected: str) -> None:
    assert Punctuation(1.0)(text, random.Random(0)) == expected


def test_a_part_of_a_text_gets_no_full_stop_and_few_changes() -> None:
    assert Punctuation(1.0)("born in", random.Random(0), whole=False) == "born in"
    changed = sum(
        SwapWords(0.1)("we walked home", random.Random(s), whole=False) != "we walked home" for s in range(400)
    )
    assert 80 < changed < 160  # three words at a tenth: three parts in ten


def test_identities_are_swapped() -> None:
    made = {IdentitySwap()("The woman lost her keys.", random.Random(seed)) for seed in range(20)}
    assert any(new != "The woman lost her keys." for new in made)


# -- rows


WORDS = {"glad": ("beautiful", "superb", "funny"), "sad": ("awful", "boring", "gloomy"), "calm": ("calm", "quick")}


def review_rows(counts: dict[str, int]) -> list[dict[str, Any]]:
    rng = random.Random(0)
    rows = []
    for label, count in counts.items():
        for _ in range(count):
            said = f"It is not a dream but a {rng.choice(WORDS[label])} movie, and the actors don't shout"
            text = f"{said} {rng.random():.3f}"
            rows.append({"text": text, "label": label, "row": f"train:{len(rows)}", "group:site": "north"})
    return rows


def learned(name: str, rows: list[dict[str, Any]], **options: Any) -> tuple[Task, list[dict[str, Any]]]:
    target = task_class(name).target_column().name
    task = load_task(name, options).learn([row[target] for row in rows], TargetHints())
    return task, [row | {target: task.parse_target(row[target])} for row in rows]


@pytest.fixture(scope="module")
def reviews() -> tuple[Task, list[dict[str, Any]]]:
    return learned("text-classification", review_rows({"glad": 12, "sad": 6, "calm": 2}))


def augmenter(reviews: tuple[Task, list[dict[str, Any]]], *given: Any, seed: int = 0) -> Augmenter:
    return Augmenter([Transform.model_validate(value) for value in given], *reviews, seed=seed)


@settings(max_examples=25, deadline=None)
@given(
    methods=st.lists(st.sampled_from([*TEXT_EDITS, "oversample"]), min_size=1, max_size=3, unique=True),
    copies=st.integers(1, 3), share=st.floats(0.05, 1), seed=seeds, epoch=st.integers(0, 50),
)  # fmt: skip
def test_rows_keep_everything_but_their_text_and_know_their_parent(
    reviews: tuple[Task, list[dict[str, Any]]], methods: list[str], copies: int, share: float, seed: int, epoch: int
) -> None:
    task, rows = reviews
    transforms = [Transform(method=method, copies=copies, share=share) for method in methods]
    made = Augmenter(transforms, task, rows, seed=seed)
    further, parents = made.rows(epoch), made.parents(epoch)
    assert len(further) == len(parents) == len(made)
    assert len({row["row"] for row in further}) == len(further)
    for row, index in zip(further, parents, strict=True):
        parent = rows[index]
        assert row["parent_id"] == parent["row"]
        assert row["row"].startswith(f"{parent['row']}+")
        assert {key: row[key] for key in parent if key not in ("text", "row")} == {
            key: parent[key] for key in parent if key not in ("text", "row")
        }
    again = Augmenter(transforms, task, rows, seed=seed)
    assert [again.row(epoch, index) for index in reversed(range(len(again)))] == further[::-1]


def test_another_epoch_or_seed_makes_other_rows(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    made = augmenter(reviews, {"method": "aeda", "share": 0.5})
    assert made.rows(0) == made.rows(0)
    assert made.rows(0) != made.rows(1)
    assert set(made.parents(0)) != set(made.parents(1))
    assert made.rows(0) != augmenter(reviews, {"method": "aeda", "share": 0.5}, seed=1).rows(0)


def test_another_process_makes_the_same_rows(reviews: tuple[Task, list[dict[str, Any]]], tmp_path: Path) -> None:
    made = augmenter(reviews, "eda", "keyboard", {"method": "oversample"})
    (tmp_path / "augmenter").write_bytes(pickle.dumps(made))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).rows(3))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "augmenter")], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "7", "PATH": "", "PYTHONIOENCODING": "utf-8"}, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.stdout.strip() == str(made.rows(3))


def test_a_data_set_gives_the_same_rows_as_a_list(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    from datasets import Dataset

    task, rows = reviews
    given = ["aeda", {"method": "oversample"}, {"method": "case", "labels": ["sad"]}]
    listed, stored = (augmenter((task, kind), *given) for kind in (rows, Dataset.from_list(rows)))
    assert listed.rows(2) == stored.rows(2)


def test_a_share_of_the_rows_with_some_labels_gets_copies(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    task, rows = reviews
    made = augmenter(reviews, {"method": "aeda", "labels": ["sad", "calm"], "share": 0.5, "copies": 3})
    assert len(made) == 4 * 3
    chosen = Counter(int(index) for index in made.parents(0))
    assert set(chosen.values()) == {3}
    assert {task.describe_target(rows[index]["label"]) for index in chosen} <= {"sad", "calm"}
    assert {row["row"].split("+")[1] for row in made.rows(0)} == {"aeda.0", "aeda.1", "aeda.2"}


def test_a_method_named_twice_goes_on_counting(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    made = augmenter(reviews, {"method": "case", "copies": 2}, {"method": "case", "strength": 0.5})
    names = [row["row"] for row in made.rows(0)]
    assert len(set(names)) == 60
    assert {name.split("+")[1] for name in names[40:]} == {"case.2"}
    assert [part["rows"] for part in made.plan()] == [40, 20]


def test_oversampling_balances_the_labels(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    task, rows = reviews
    made = augmenter(reviews, "oversample")
    further = made.rows(0)
    counts = Counter(task.describe_target(row["label"]) for row in [*rows, *further])
    assert counts == {"glad": 12, "sad": 12, "calm": 12}
    repeats = Counter(row["parent_id"] for row in further)
    assert sorted(repeats.values()) == [1] * 6 + [5, 5]  # evenly
    texts = {row["row"]: row["text"] for row in rows}
    assert all(row["text"] == texts[row["parent_id"]] for row in further)
    assert made.unchanged == {}


def test_oversampling_stops_at_the_stated_copies_and_share(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    assert len(augmenter(reviews, {"method": "oversample", "copies": 2})) == 6 + 4
    assert len(augmenter(reviews, {"method": "oversample", "share": 0.5})) == 3 + 5
    assert len(augmenter(reviews, {"method": "oversample", "labels": ["calm"]})) == 10


def test_rows_that_nothing_changed_are_counted() -> None:
    short = learned(
        "text-classification", [{"text": t, "label": t, "row": f"train:{t}"} for t in ("hi", "so", "a b c")]
    )
    made = augmenter(short, "aeda")
    further = made.rows(0)
    assert [row["text"] for row in further[:2]] == ["hi", "so"]
    assert (made.made["aeda"], made.unchanged["aeda"]) == (3, 2)


def test_nothing_is_added_without_transforms_or_rows(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    for made in (augmenter(reviews), augmenter((reviews[0], []), "aeda")):
        assert (len(made), made.rows(0), made.parents(0).tolist(), made.lazy) == (0, [], [], True)


def test_a_label_that_no_row_has_is_refused(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    with pytest.raises(RecipeError, match=r"(?s)aeda\.labels names 'sat'.*Did you mean 'sad'"):
        augmenter(reviews, {"method": "aeda", "labels": ["sat"]})


def test_a_lexicon_that_is_none_is_refused(reviews: tuple[Task, list[dict[str, Any]]], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="WordNet"):
        augmenter(reviews, {"method": "synonyms", "lexicon": str(tmp_path)})


# -- other tasks


def test_numbers_take_conservative_edits_only() -> None:
    rows = [{"text": f"a film of {n} hours", "label": n / 7, "row": f"train:{n}"} for n in range(30)]
    scored = learned("text-classification", rows, problem_type="regression")
    assert len(augmenter(scored, "aeda").rows(0)) == 30
    with pytest.raises(RecipeError) as refused:
        augmenter(scored, "synonyms")
    assert "synonyms does not fit text-classification" in refused.value.cause
    assert set(re.findall(r"\w+", refused.value.remedy)) >= {"aeda", "case", "keyboard", "contractions"}
    assert "eda," not in refused.value.remedy.replace("aeda,", "")


def test_a_task_without_texts_to_edit_names_no_method() -> None:
    task = load_task("fill-mask")
    with pytest.raises(RecipeError, match="aeda does not fit fill-mask"):
        Augmenter([Transform(method="aeda")], task, [{"text": "a b c", "row": "train:0"}], seed=0)


def test_entities_keep_their_words_and_tags() -> None:
    sentence = (["Ada", "Byron", "was", "born", "in", "London", "and", "often", "enjoyed", "a", "large", "garden"],
                ["B-PER", "I-PER", "O", "O", "O", "B-LOC", "O", "O", "O", "O", "O", "O"])  # fmt: skip
    other = (["Grace", "worked", "in", "Paris"], ["B-PER", "O", "O", "B-LOC"])
    rows = [{"tokens": words, "tags": tags, "row": f"train:{i}"} for i, (words, tags) in enumerate((sentence, other))]
    tagged = learned("token-classification", rows)
    task = tagged[0]
    for method in ("aeda", "eda", "keyboard"):
        for epoch in range(10):
            row = augmenter(tagged, method).rows(epoch)[0]
            assert len(row["tokens"]) == len(row["tags"])
            tags = task.describe_target(row["tags"])
            named = [(word, tag) for word, tag in zip(row["tokens"], tags, strict=True) if tag != "O"]
            assert named == [("Ada", "B-PER"), ("Byron", "I-PER"), ("London", "B-LOC")]
    swapped = augmenter(tagged, "entity_swap")
    made = swapped.rows(0)
    assert all(row["tokens"] != old["tokens"] for row, old in zip(made, tagged[1], strict=True))
    with pytest.raises(RecipeError, match="entity_swap does not fit text-classification"):
        augmenter(learned("text-classification", review_rows({"glad": 2, "sad": 2})), "entity_swap")


def test_words_with_tags_of_their_own_take_edits_inside_of_words_only() -> None:
    rows = [
        {"tokens": ["we", "liked", "films"], "tags": ["PRON", "VERB", "NOUN"], "row": f"train:{i}"} for i in range(3)
    ]
    tagged = learned("token-classification", rows)
    assert all(len(row["tokens"]) == 3 for row in augmenter(tagged, {"method": "keyboard", "strength": 0.5}).rows(0))
    for method in ("aeda", "punctuation", "random_deletion"):
        with pytest.raises(RecipeError, match=f"{method} does not fit token-classification"):
            augmenter(tagged, method)


def test_answers_are_found_again_in_edited_contexts() -> None:
    context = "The tower stands in Paris. It was built in 1889, and many visitors often climb it."
    answers = {"text": ["Paris", "1889"], "answer_start": [context.index("Paris"), context.index("1889")]}
    rows = [{"question": "Where is it?", "context": context, "answers": answers, "row": f"train:{i}"} for i in range(2)]
    asked = learned("question-answering", rows)
    for method in ("aeda", "eda", "ocr", "punctuation"):
        for row in augmenter(asked, {"method": method, "copies": 5, "strength": 0.3}).rows(0):
            for text, start in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True):
                assert row["context"][start : start + len(text)] == text
    assert any(row["context"] != context for row in augmenter(asked, "eda").rows(1))


# -- models


FILLED = ["the film was great and the film was long", "the meal was never warm\n\nthe play was  dull, and long!"]


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masked")
    task_class("fill-mask").examples()["short"].save_model(str(folder))
    return folder


def test_a_masked_model_fills_words_in(masked: Path) -> None:
    edit = build_edit(Transform(method="masked_model", strength=0.4, models=(str(masked),)))
    assert isinstance(edit, MaskedModel)
    assert str(masked) in edit.note
    drawn = [edit.batch(FILLED, [random.Random(f"{seed}:{i}") for i in range(2)]) for seed in range(15)]
    assert drawn == [edit.batch(FILLED, [random.Random(f"{seed}:{i}") for i in range(2)]) for seed in range(15)]
    assert len({tuple(new) for new in drawn}) > 5
    for new in drawn:
        for old, text in zip(FILLED, new, strict=True):
            assert re.findall(r"\W+", text) == re.findall(r"\W+", old)  # blanks, line breaks, marks
            changed = [a != b for a, b in zip(words_of(old), words_of(text), strict=True)]
            assert sum(changed) <= 0.4 * len(changed)
        assert "was never warm" in new[1]
        assert [edit(old, random.Random(f"x:{i}")) for i, old in enumerate(FILLED)] == edit.batch(
            FILLED, [random.Random(f"x:{i}") for i in range(2)]
        )  # the others in a batch make no difference


def test_rows_by_a_model_are_made_together(masked: Path) -> None:
    rows = [{"text": text, "label": str(i % 2), "row": f"train:{i}"} for i, text in enumerate(FILLED * 3)]
    task, parsed = learned("text-classification", rows)
    made = augmenter((task, parsed), "aeda", {"method": "masked_model", "strength": 0.3, "models": [str(masked)]})
    assert not made.lazy
    assert len(made.notes) == 1
    further = made.rows(0)
    assert [made.row(0, index) for index in range(len(made))] == further
    assert all("masked_model.0" in row["row"] and row["label"] in (0, 1) for row in further[6:])
    assert any(row["text"] != rows[int(p)]["text"] for row, p in zip(further[6:], made.parents(0)[6:], strict=True))


def test_a_model_without_the_right_head_is_refused(tiny_model: Path, masked: Path) -> None:
    rows = learned("text-classification", review_rows({"glad": 2, "sad": 2}))
    with pytest.raises(SourceError, match="masked-language-model head"):
        augmenter(rows, {"method": "masked_model", "models": [str(tiny_model)]}).rows(0)
    with pytest.raises(SourceError, match="cannot be loaded"):
        augmenter(rows, {"method": "back_translation", "models": [str(masked), str(masked)]}).rows(0)
    with pytest.raises(NotFoundError):
        augmenter(rows, {"method": "masked_model", "models": ["./nowhere"]})


LEXICON = {
    "the": "la",
    "film": "filmo",
    "was": "estis",
    "great": "bonega",
    "not": "ne",
    "dull": "teda",
    "play": "teatro",
}
HOME = {"filmo": "movie", "bonega": "superb", "teda": "boring"}


@pytest.fixture(scope="module")
def translators(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two tiny models that were trained to translate word by word; the way back knows other words."""
    there = tmp_path_factory.mktemp("there")
    back = tmp_path_factory.mktemp("back")
    subjects, qualities = ("film", "play"), ("great", "dull", "not great", "not dull")
    sentences = [f"the {subject} was {quality}" for subject in subjects for quality in qualities]
    abroad = [" ".join(LEXICON[word] for word in sentence.split()) for sentence in sentences]
    same = {foreign: word for word, foreign in LEXICON.items()}
    home = [" ".join(HOME.get(word, same[word]) for word in sentence.split()) for sentence in abroad]
    train_translator(there, sentences, abroad)
    train_translator(back, abroad, home)
    return there, back


def train_translator(folder: Path, sources: list[str], targets: list[str]) -> None:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words = sorted({word for text in [*sources, *targets] for word in text.split()})
    vocabulary = {word: i for i, word in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=32, **names)
    torch.manual_seed(0)
    model = BartForConditionalGeneration(
        BartConfig(
            vocab_size=len(vocabulary), d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=32, dropout=0.0,
            pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None,
        )
    )  # fmt: skip
    inputs = fast(sources, padding=True, return_tensors="pt")
    labels = fast(targets, padding=True, return_tensors="pt")["input_ids"]
    labels[labels == 1] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        loss = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels).loss
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    fast.save_pretrained(folder)
    model.save_pretrained(folder)


def test_texts_are_translated_there_and_back(translators: tuple[Path, Path]) -> None:
    there, back = (resolve_model(str(folder)) for folder in translators)
    edit = BackTranslation(there=there, back=back)
    text = "the film was great\n\n  the play was not dull \n"
    made = [edit(text, random.Random(seed)) for seed in range(12)]
    assert made == [edit(text, random.Random(seed)) for seed in range(12)]
    assert "the movie was superb" in {new.split("\n")[0] for new in made}
    assert len(set(made)) > 1  # another beam, another text
    for new in made:
        first, empty, last, nothing = new.split("\n")
        assert (empty, nothing) == ("", "")
        assert last.startswith("  ")
        assert last.endswith(" ")
        assert ("not" in first.split(), "not" in last.split()) == (False, True)


def test_a_line_that_is_too_long_or_empty_is_not_translated(translators: tuple[Path, Path]) -> None:
    there, back = (resolve_model(str(folder)) for folder in translators)
    edit = BackTranslation(there=there, back=back)
    long = " ".join(["the film was great"] * 20)
    for text in (long, "", " \n "):
        assert edit(text, random.Random(0)) == text


# -- preview


def test_a_preview_shows_originals_and_results(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    task, rows = reviews
    given = [Transform(method="aeda"), Transform(method="oversample", labels=("calm",))]
    shown = preview(given, task, rows, 4, seed=0)
    assert [entry["method"] for entry in shown] == ["aeda"] * 4 + ["oversample"] * 4
    texts = {row["row"]: row["text"] for row in rows}
    further = {row["row"]: row["text"] for row in Augmenter(given, task, rows, seed=0).rows(0)}
    for entry in shown:
        assert entry["original"] == texts[entry["parent_id"]]
        assert entry["result"] == further[entry["row"]]
        assert entry["changed"] == (entry["original"] != entry["result"]) == (entry["method"] == "aeda")
        assert entry["label"] in WORDS
    assert preview(given, task, rows, 4, seed=0) == shown


def test_parents_are_spread_by_the_seed_alone(reviews: tuple[Task, list[dict[str, Any]]]) -> None:
    made = augmenter(reviews, {"method": "case", "share": 0.25})
    counts = np.bincount(np.concatenate([made.parents(epoch) for epoch in range(200)]), minlength=20)
    assert counts.sum() == 200 * 5
    assert counts.min() > 20  # each of twenty rows about fifty times


def test_the_cost_of_a_row_can_be_measured() -> None:
    path = Path(__file__).parents[1] / "benchmarks" / "augmentation_cost.py"
    spec = importlib.util.spec_from_file_location("augmentation_cost", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.measure(20)
    assert set(found) == {"tokenize", *TEXT_EDITS}
    assert min(found.values()) > 0
