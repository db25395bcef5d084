"""The card of a data set: what is measured holds when measured again, what a person says stays, nothing leaks out."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import DatasetCard
from test_task_contract import FIRST, example, tiny_recipe

from finetune import data, pipeline
from finetune.artifacts import PreparedData
from finetune.artifacts.data_audit import DataAudit
from finetune.cards.data_sets.answers import (
    QUESTIONS,
    blank_answers,
    licence_problem,
    read_answers,
    schema_errors,
    validator,
)
from finetune.cards.data_sets.croissant import validate
from finetune.cards.data_sets.data_card import Problem, card_folder_name, check_data_card, find_card, write_data_card
from finetune.cards.data_sets.data_page import prose
from finetune.cards.data_sets.stats import differences, measure, put_together
from finetune.errors import RunFolderError, UsageError
from finetune.recipe import Recipe, task_names

HOSTILE = "a|b `x` <img src=x onerror=alert(1)> # head"
PERSONAL = ("ada.lovelace@example.org", "+49 151 23456789", "4111 1111 1111 1111")
WORDS = {"good": ("great", "lovely", "superb", "warm"), "bad": ("dull", "awful", "poor", "cold")}
Answers = dict[str, Any]


def rows(count: int = 120) -> list[dict[str, str]]:
    """Reviews with duplicates, gaps, personal data, words for groups of people, and a column with a hostile name."""
    found = []
    for i in range(count):
        label = ("good", "bad")[i % 2]
        words = WORDS[label]
        text = f"the woman said that this {words[i % 4]} film number {i % 110} was {words[(i // 4) % 4]} to her"
        if i % 20 == 5:
            text += f" write to {PERSONAL[i % 3]}"
        found.append({"text": text, "label": label, "stars": "" if i % 10 == 3 else str(1 + i % 5 + i / 7),
                      HOSTILE: f"<script>{i % 3}</script> | `"})  # fmt: skip
    return found


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Recipe:
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows()[0]))
        writer.writeheader()
        writer.writerows(rows())
    return Recipe.from_dict({
        "task": "text-classification", "name": "reviews", "model": {"name": str(tiny_model), "max_length": 12},
        "data": {"name": str(path), "columns": {"text": "text", "label": "label"}, "leakage": "allow"},
        "cleaning": {"normalize": ["whitespace"], "duplicates": "drop"},
    })  # fmt: skip


@pytest.fixture(scope="module")
def measured(recipe: Recipe) -> dict[str, Any]:
    """What the pipeline hands to the card, from a real look at real rows."""
    audit, prepared = data.inspect(recipe, pipeline.validate(recipe), *pipeline.tokenizer_of(recipe))
    assert isinstance(prepared, PreparedData)
    report = prepared.report
    return {"recipe": recipe, "audit": audit, "report": report, "cleaning": report.cleaning, "data_hash": "d" * 64,
            "reason": None}  # fmt: skip


def answer_all(folder: Path, **changes: Any) -> None:
    """Give every answer that the page asks for."""
    path = folder / "answers.yaml"
    answers: Answers = yaml.safe_load(path.read_text(encoding="utf-8"))
    answers["card"] |= {"pretty_name": "Reviews", "license": "mit", "language": ["en"], "size_categories": ["n<1K"]}
    for key in QUESTIONS:
        answers[key] = "unknown" if key != "licence" else {"text": "It is under `mit`, says its author."}
    path.write_text(yaml.safe_dump(answers | changes, allow_unicode=True), encoding="utf-8")


@pytest.fixture
def card(tmp_path: Path, measured: dict[str, Any]) -> Path:
    """A card that holds."""
    folder = tmp_path / "reviews"
    write_data_card(folder, **measured)
    answer_all(folder)
    write_data_card(folder, **measured)
    return folder


def kinds(problems: list[Problem]) -> set[str]:
    return {problem.kind for problem in problems}


def test_a_card_of_measured_data_holds(card: Path, measured: dict[str, Any]) -> None:
    assert check_data_card(card, **measured) == []
    stats = json.loads((card / "stats.json").read_text(encoding="utf-8"))
    entry = stats["measurements"]["reviews"]
    assert stats["measured"]
    assert entry["rows"]["raw"] == {"train": 120}
    stars = next(column for column in entry["columns"] if column["name"] == "stars")
    assert stars["missing"]["train"]["count"] == 12
    assert schema_errors("stats", stats) == []


def test_measuring_again_gives_the_same_files(card: Path, measured: dict[str, Any]) -> None:
    before = {path.name: path.read_bytes() for path in card.iterdir()}
    recipe = measured["recipe"]
    audit, prepared = data.inspect(recipe, pipeline.validate(recipe), *pipeline.tokenizer_of(recipe))
    assert prepared is not None
    again = measured | {"audit": audit, "report": prepared.report, "cleaning": prepared.report.cleaning}
    assert check_data_card(card, **again) == []
    write_data_card(card, **again)
    assert {path.name: path.read_bytes() for path in card.iterdir()} == before
    assert len(before) == 5


def test_the_page_is_one_that_the_hub_reads(card: Path) -> None:
    page = DatasetCard.load(card / "README.md")
    assert page.data.license == "mit"
    text = (card / "README.md").read_text(encoding="utf-8")
    parts = re.split(r"^#{2,6} .+\n+", text, flags=re.MULTILINE)[1:]
    assert [p for p in parts if p.strip() and not re.match(r"\*(declared|measured|unknown)\*", p)] == []
    assert "*measured*" in text
    assert "*declared*" in text
    assert "*unknown*" in text
    assert validate(json.loads((card / "croissant.json").read_text(encoding="utf-8"))) == []


# -- what a person says


def test_a_new_card_asks_and_is_found_blank(tmp_path: Path, measured: dict[str, Any]) -> None:
    folder = tmp_path / "new"
    assert write_data_card(folder, **measured) == folder / "README.md"
    problems = check_data_card(folder, **measured)
    assert kinds(problems) == {"blank answer", "no licence"}
    blank = " ".join(problem.sentence for problem in problems)
    assert all(re.search(rf"\b{key}\b", blank) for key in QUESTIONS)
    text = (folder / "answers.yaml").read_text(encoding="utf-8")
    assert all(f"# {question}\n" in text for question in QUESTIONS.values())
    assert read_answers(folder / "answers.yaml")["card"]["dataset"] == "reviews.csv"


def test_answers_are_never_overwritten(card: Path, measured: dict[str, Any]) -> None:
    path = card / "answers.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n# a remark of mine\n", encoding="utf-8")
    before = path.read_bytes()
    write_data_card(card, **measured)
    write_data_card(card, **measured | {"audit": None, "report": None, "reason": "needs the Hub"})
    assert path.read_bytes() == before


def test_unknown_is_an_answer_and_blank_is_none(card: Path, measured: dict[str, Any]) -> None:
    for given in (None, "", {"text": ""}, {"text": "  "}):
        answer_all(card, motivation=given)
        write_data_card(card, **measured)
        problems = check_data_card(card, **measured)
        assert kinds(problems) == {"blank answer"}
        assert "motivation" in problems[0].sentence
    answer_all(card, motivation={"text": "unknown"})
    write_data_card(card, **measured)
    assert check_data_card(card, **measured) == []


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"license": None}, "It is under `mit`."),
        ({"license": "unknown"}, "unknown"),
        ({"license": "unknown"}, "Nobody says."),
        ({"license": "other"}, "It is under `mit`."),
    ],
)
def test_a_licence_is_given_and_explained(head: Answers, said: str) -> None:
    assert licence_problem({"card": head, "licence": {"text": said}})


def test_an_unknown_licence_that_is_explained_is_right() -> None:
    answers = {"card": {"license": "unknown"}, "licence": {"text": "Its page says `unknown`."}}
    assert licence_problem(answers) is None


def test_an_answer_of_another_form_is_refused(card: Path, measured: dict[str, Any]) -> None:
    answer_all(card, motivation=["a", "list"])
    with pytest.raises(UsageError, match="motivation"):
        write_data_card(card, **measured)
    assert kinds(check_data_card(card, **measured)) == {"invalid"}
    (card / "answers.yaml").write_text("version: 1\ncard: {dataset: a\n", encoding="utf-8")
    assert "not valid YAML" in check_data_card(card, **measured)[0].sentence


def test_blank_places_in_columns_are_named() -> None:
    column = {"type": "text", "meaning": None}
    answers = {"columns_and_splits": {"configurations": {"default": {"columns": {"text": column}}}}}
    assert "columns_and_splits.configurations.default.columns.text.meaning" in blank_answers(answers)


# -- what changes behind a card's back


def tamper_stats(folder: Path) -> None:
    path = folder / "stats.json"
    stats = json.loads(path.read_text(encoding="utf-8"))
    stats["measurements"]["reviews"]["rows"]["raw"]["train"] = 121
    path.write_text(json.dumps(stats), encoding="utf-8")


def tamper_lock(folder: Path) -> None:
    path = folder / "card.lock"
    lock = json.loads(path.read_text(encoding="utf-8"))
    lock["measurements"]["reviews"]["recipe"] = "0" * 64
    path.write_text(json.dumps(lock), encoding="utf-8")


def replace_in(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("tamper", "kind", "named"),
    [
        (tamper_stats, "numbers differ", r"measurements\.reviews\.rows\.raw\.train is 121, recomputed it is 120"),
        (replace_in("stats.json", '"measured": true', '"measured": "yes"'), "invalid", "stats.json is not of its form"),
        (replace_in("stats.json", "{", "["), "invalid", "stats.json cannot be read"),
        (tamper_lock, "moved hash", "the recipe reviews reads or cleans"),
        (replace_in("card.lock", "measurements", "other"), "invalid", "card.lock is not of its form"),
        (replace_in("README.md", "*unknown*", "*declared*"), "stale", "README.md is not what"),
        (replace_in("croissant.json", "sc:Text", "sc:Float"), "stale", "croissant.json is not what"),
        (replace_in("answers.yaml", "name: Reviews", "name: Views"), "moved hash", "answers.yaml has changed"),
        (lambda folder: (folder / "croissant.json").unlink(), "invalid", "croissant.json"),
    ],
)  # fmt: skip
def test_a_changed_file_is_named(
    tamper: Callable[[Path], None], kind: str, named: str, card: Path, measured: dict[str, Any]
) -> None:
    tamper(card)
    found = [problem.sentence for problem in check_data_card(card, **measured) if problem.kind == kind]
    assert any(re.search(named, sentence) for sentence in found), found
    if kind != "invalid":
        write_data_card(card, **measured)
        assert check_data_card(card, **measured) == []


def test_other_data_and_another_recipe_are_noticed(card: Path, measured: dict[str, Any]) -> None:
    problems = check_data_card(card, **measured | {"data_hash": "e" * 64})
    assert [(p.kind, "e" * 64 in p.sentence) for p in problems] == [("moved hash", True)]
    recipe = measured["recipe"]
    for section, changes in {"cleaning": {"duplicates": "keep"}, "data": {"leakage": "drop"}}.items():
        other = recipe.model_copy(update={section: getattr(recipe, section).model_copy(update=changes)})
        assert kinds(check_data_card(card, **measured | {"recipe": other})) == {"moved hash"}
    faster = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": 7})})
    assert check_data_card(card, **measured | {"recipe": faster}) == []


def test_a_number_that_moves_is_named_with_its_place(card: Path, measured: dict[str, Any]) -> None:
    audit: DataAudit = measured["audit"]
    columns = [dict(c, missing={"train": {"count": 7, "share": 7 / 120}}) if c["name"] == "stars" else c
               for c in audit.columns]  # fmt: skip
    problems = check_data_card(card, **measured | {"audit": replace(audit, columns=columns)})
    places = [p.sentence for p in problems if p.kind == "numbers differ"]
    assert any("columns[stars].missing.train.count is 12, recomputed it is 7" in place for place in places)


def test_the_last_digit_may_differ_and_no_more() -> None:
    assert list(differences({"a": 0.123456}, {"a": 0.123457})) == []
    assert list(differences({"a": 0.123456}, {"a": 0.123466})) == [("a", "0.123456", "0.123466")]
    assert list(differences({"a": [1]}, {"a": [1, 2]})) == [("a[1]", "nothing", "2")]
    assert list(differences({"a": 1}, {"a": True})) == [("a", "1", "True")]


# -- several recipes, and data that is not to be had


def test_recipes_share_a_card(card: Path, measured: dict[str, Any]) -> None:
    other = measured["recipe"].model_copy(update={"name": "another"})
    away = {"recipe": other, "audit": None, "report": None, "data_hash": None, "reason": "needs the Hub"}
    assert kinds(check_data_card(card, **away)) == {"stale"}
    write_data_card(card, **away)
    stats = json.loads((card / "stats.json").read_text(encoding="utf-8"))
    assert stats["measurements"]["another"] == {"measured": False, "reason": "needs the Hub"}
    assert stats["measured"]
    assert "needs the Hub" in (card / "README.md").read_text(encoding="utf-8")
    assert check_data_card(card, **away) == []
    assert check_data_card(card, **measured) == []


def test_what_was_measured_stays_where_the_data_is_away(card: Path, measured: dict[str, Any]) -> None:
    before = (card / "stats.json").read_bytes()
    away = measured | {"audit": None, "report": None, "cleaning": (), "data_hash": None, "reason": "no connection"}
    write_data_card(card, **away)
    assert (card / "stats.json").read_bytes() == before
    assert check_data_card(card, **away) == []
    tamper_stats(card)  # by its hash it is told without the data too
    assert "moved hash" in kinds(check_data_card(card, **away))


def test_a_card_without_measurements_says_why(tmp_path: Path, measured: dict[str, Any]) -> None:
    away = measured | {"audit": None, "report": None, "data_hash": None, "reason": "offline at /home/ada/x.csv"}
    write_data_card(tmp_path, **away)
    stats = json.loads((tmp_path / "stats.json").read_text(encoding="utf-8"))
    assert not stats["measured"]
    assert stats["reason"] == "offline at ~/x.csv"
    assert "stale" in kinds(check_data_card(tmp_path, **measured))  # it can be measured now


def test_cards_are_found_by_their_data(card: Path, measured: dict[str, Any]) -> None:
    assert find_card(card.parent, measured["recipe"].data.name) == card
    assert find_card(card.parent, "org/reviews") is None
    (card / "answers.yaml").write_text("card: [", encoding="utf-8")
    assert find_card(card.parent, measured["recipe"].data.name) == card  # its check says what is wrong
    assert find_card(card.parent, "org/other") is None
    assert card_folder_name("org/name@main") == "org--name"
    assert card_folder_name("pypi:Some.Thing==1/a/my data.csv") == "some.thing--my-data"
    assert card_folder_name("sqlite:///shop.db") == "shop"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, measured: dict[str, Any]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_data_card(tmp_path / "file" / "card", **measured)


@pytest.mark.parametrize("task", task_names())
def test_the_data_of_every_task_fits_a_card(task: str, tmp_path: Path) -> None:
    recipe = tiny_recipe(task, example(task, FIRST[task]), tmp_path)
    audit, prepared = data.inspect(recipe, pipeline.validate(recipe), None, None, "no tokenizer here")
    assert prepared is not None
    found = {"recipe": recipe, "audit": audit, "report": prepared.report, "data_hash": "d", "reason": None}
    write_data_card(tmp_path / "card", **found)
    assert kinds(check_data_card(tmp_path / "card", **found)) == {"blank answer", "no licence"}
    described = json.loads((tmp_path / "card" / "croissant.json").read_text(encoding="utf-8"))
    fields = {field["name"]: field for field in described["recordSet"][0]["field"]}
    assert fields.keys() == {column["name"] for column in audit.columns}
    for column in audit.columns:
        assert fields[column["name"]].get("isArray", False) == (column["kind"] == "list"), column["type"]


# -- what does not get out


def test_no_personal_value_and_no_path_is_in_any_file(card: Path, measured: dict[str, Any]) -> None:
    counted = json.loads((card / "stats.json").read_text(encoding="utf-8"))["measurements"]["reviews"]["personal"]
    assert {"email", "phone", "credit_card"} <= counted["total"].keys()
    folder = str(Path(measured["recipe"].data.name).parent)
    for path in card.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not [value for value in (*PERSONAL, folder) if value in text], path.name


def test_hostile_names_do_not_break_the_page(card: Path, measured: dict[str, Any]) -> None:
    text = (card / "README.md").read_text(encoding="utf-8")
    assert "<img" not in text
    assert "<script>" not in text
    lines = [line for line in text.splitlines() if "onerror" in line]
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| `stars`")]
    assert lines
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")} <= {*bars}


def test_hostile_answers_stay_in_their_place(card: Path, measured: dict[str, Any]) -> None:
    wild = "# Big\n\nMedium\n---\n<script>alert(1)</script> `a <b>` and\n\n```\n# code <i>\n```\n~~~\nopen"
    answer_all(card, motivation={"text": wild, "source": "<b>"})
    write_data_card(card, **measured)
    text = (card / "README.md").read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "`a <b>`" in text
    assert "# code <i>" in text
    assert not re.search(r"^# Big", text, flags=re.MULTILINE)
    assert text.count("\n---\n") == 1
    assert check_data_card(card, **measured) == []
    assert prose("~~~\nopen").endswith("~~~")


def test_the_data_may_use_our_words(measured: dict[str, Any]) -> None:
    """A label or a column may be called what the audit calls its lists of rows."""
    audit: DataAudit = measured["audit"]
    counts = {"train": {"rows": 3, "examples": 4, "histogram": 5}}
    entry = measure(measured["recipe"], replace(audit, target=audit.target | {"counts": counts}), None)
    assert entry["target"]["counts"] == counts
    assert schema_errors("stats", put_together({"reviews": entry})) == []
    assert "rows" not in entry["personal"]
    assert "head" not in entry


def test_schemas_are_of_their_draft() -> None:
    for name in ("answers", "stats"):
        assert validator(name).META_SCHEMA["$id"] == "https://json-schema.org/draft/2020-12/schema"
