"""The data set of every recipe has a card, and the card tells of what the recipes read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

from finetune.cards.data_sets.answers import FRONT_MATTER, QUESTIONS, configurations_of, read_answers, text_of
from finetune.cards.data_sets.croissant import validate
from finetune.cards.data_sets.data_card import check_data_card, find_card
from finetune.data.splitting import choose_splits
from finetune.recipe import Recipe
from finetune.sources import parse_location

ROOT = Path(__file__).parents[1]
CARDS = sorted((ROOT / "data_cards").glob("*/answers.yaml"))
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
HEADINGS = (
    "Dataset Details", "Uses", "Dataset Structure", "Dataset Creation", "Bias, Risks, and Limitations", "Measurements",
    "Maintenance",
)  # fmt: skip
TOLD = ("description", "origin", "columns_and_splits", "licence", "known_problems", "our_use", "not_measured")
"""Questions to which every card of ours has an answer."""
DEFAULT = "default"
"""What the answers say where a data set has one configuration without a name of its own."""
SIZES = {"n<1K": (0, 1e3), "1K<n<10K": (1e3, 1e4), "10K<n<100K": (1e4, 1e5), "100K<n<1M": (1e5, 1e6),
         "1M<n<10M": (1e6, 1e7), "10M<n<100M": (1e7, 1e8)}  # fmt: skip


def shown(path: Path) -> str:
    """A path as the cards and the messages give it."""
    return path.relative_to(ROOT).as_posix()


def quoted(text: str) -> set[str]:
    """Everything between backticks."""
    return set(re.findall(r"`([^`]+)`", text))


@dataclass(frozen=True)
class Split:
    """A split that a card names."""

    configuration: str
    name: str
    rows: int
    labels: str


@dataclass(frozen=True)
class Card:
    """A data card, by its answers."""

    path: Path
    answers: dict[str, Any]

    @property
    def front(self) -> dict[str, Any]:
        return self.answers["card"]

    @property
    def splits(self) -> list[Split]:
        """The published ones."""
        return [
            Split(config, name, entry["rows"], entry["labels"])
            for config, found in configurations_of(self.answers).items()
            for name, entry in found["splits"].items()
            if entry.get("published", True)
        ]

    @property
    def told(self) -> set[str]:
        """Configurations and columns."""
        found = configurations_of(self.answers)
        return {*found, *(column for entry in found.values() for column in entry["columns"])}

    def configuration(self, recipe: Recipe) -> str:
        """The recipe's configuration, as the card names it."""
        only = {split.configuration for split in self.splits}
        return recipe.data.config or (only.pop() if len(only) == 1 else DEFAULT)


@cache
def read_card(path: Path) -> Card:
    return Card(path, read_answers(path))


@cache
def read_recipe(path: Path) -> Recipe:
    return Recipe.from_yaml(path)


def data_of(recipe: Recipe) -> str:
    """The data set as a card names it: without a revision."""
    location = parse_location(recipe.data.name)
    return location.name if location.kind == "hub" else recipe.data.name


def users(card: Card) -> list[Path]:
    """The recipes that take the card's data."""
    return [path for path in RECIPES if data_of(read_recipe(path)) == card.front["dataset"]]


def card_of(path: Path) -> Card:
    """The card of a recipe's data."""
    data = data_of(read_recipe(path))
    found = next((card for card in map(read_card, CARDS) if card.front.get("dataset") == data), None)
    assert found, f"{shown(path)} reads {data}, which has no card: run `finetune card data {shown(path)}`"
    return found


def splits_read(recipe: Recipe, card: Card) -> set[str]:
    """The data's own splits that a recipe reads, slices removed."""
    if recipe.data.splits is not None:
        parts = [part for expression in recipe.data.splits.values() for part in expression.split("+")]
        return {part.split("[")[0].strip() for part in parts}
    if parse_location(recipe.data.name).kind != "hub":
        return set()
    there = [split.name for split in card.splits if split.configuration == card.configuration(recipe)]
    assert there, f"{shown(card.path)}: add the splits of `{card.configuration(recipe)}`"
    return set(choose_splits(dict.fromkeys(there), None)[1].values())


def columns_read(recipe: Recipe) -> set[str]:
    """The data's own columns that a recipe reads; a field inside of one with its path."""
    places = recipe.data.columns.values()
    return {part for place in places for part in ([place] if isinstance(place, str) else place)}


def unmentioned(recipe: Recipe, card: Card) -> list[str]:
    """What a recipe reads and the card's answer on columns and splits does not have."""
    told = card.told
    rows = {(split.configuration, split.name) for split in card.splits}
    config = card.configuration(recipe)
    wanted = [f"the configuration `{name}`" for name in {recipe.data.config} - {None} - told]
    wanted += [f"the column `{name}`" for name in sorted(columns_read(recipe) - told)]
    return wanted + [f"the split `{name}` of `{config}`" for name in sorted(splits_read(recipe, card))
                     if (config, name) not in rows]  # fmt: skip


def stated_counts(path: Path) -> list[str]:
    """The row counts in a recipe's heading, such as those of `(3,668 / 408 / 1,725 pairs …)`."""
    heading = re.split(r"^[^#]", path.read_text(encoding="utf-8"), maxsplit=1, flags=re.MULTILINE)[0]
    return [count for listed in re.findall(r"\(([\d,]+(?: / [\d,]+)*) [a-z]", heading) for count in listed.split(" / ")]


# -- one card for each data set


def test_every_data_set_has_one_card_and_no_card_is_left_over() -> None:
    needed = {data_of(read_recipe(path)) for path in RECIPES}
    named = [str(read_card(path).front.get("dataset")) for path in CARDS]
    assert needed <= set(named), f"add a card with `dataset:` for {sorted(needed - set(named))}"
    assert set(named) <= needed, f"no recipe reads {sorted(set(named) - needed)}: remove or correct the card"
    assert len(set(named)) == len(named), f"two cards for one data set: {sorted(named)}"


def test_folders_hold_a_card_each() -> None:
    folders = {folder for folder in (ROOT / "data_cards").iterdir() if folder.is_dir()}
    assert folders == {path.parent for path in CARDS}, "add answers to, or remove, the folder without them"


@pytest.mark.parametrize("path", CARDS, ids=[path.parent.name for path in CARDS])
class TestCard:
    def test_folder_is_named_for_the_data(self, path: Path) -> None:
        data = str(read_card(path).front["dataset"])
        if parse_location(data).kind == "hub":
            assert path.parent.name == data.replace("/", "--"), f"rename the folder to {data.replace('/', '--')}"

    def test_front_matter_is_complete(self, path: Path) -> None:
        card = DatasetCard.load(path.with_name("README.md"))
        front = card.data.to_dict()
        missing = [key for key in FRONT_MATTER if not front.get(key)]
        assert not missing, f"{shown(path)}: add {missing} to the front matter"
        assert front == read_card(path).front
        assert isinstance(front["license"], str), f"{shown(path)}: one licence as the Hub states it, other or unknown"

    def test_page_has_the_headings_and_marks_every_part(self, path: Path) -> None:
        page = path.with_name("README.md").read_text(encoding="utf-8")
        assert tuple(re.findall(r"^## (.+)$", page, flags=re.MULTILINE)) == HEADINGS
        parts = re.split(r"^#{2,6} .+\n+", page, flags=re.MULTILINE)[1:]
        assert [p for p in parts if p.strip() and not re.match(r"\*(declared|measured|unknown)\*", p)] == []

    def test_answers_are_there_and_not_short(self, path: Path) -> None:
        answers = read_card(path).answers
        assert {"version", "card", *QUESTIONS} == answers.keys()
        short = [key for key in TOLD if key != "columns_and_splits" and len(text_of(answers[key]).split()) < 10]
        assert not short, f"{shown(path)}: write the answers {short}"
        assert configurations_of(answers), f"{shown(path)}: name the columns and splits"

    def test_licence_answer_explains_the_licence(self, path: Path) -> None:
        card = read_card(path)
        licence = card.front["license"]
        assert licence in quoted(text_of(card.answers["licence"])), (
            f"{shown(path)}: say in the answer `licence` where `{licence}` is from"
        )

    def test_croissant_is_valid(self, path: Path) -> None:
        described = json.loads(path.with_name("croissant.json").read_text(encoding="utf-8"))
        assert validate(described) == []
        names = {field["name"] for records in described["recordSet"] for field in records["field"]}
        assert read_card(path).told - configurations_of(read_card(path).answers).keys() <= names

    def test_sizes_are_those_of_the_splits(self, path: Path) -> None:
        card = read_card(path)
        totals: dict[str, int] = {}
        for split in card.splits:
            totals[split.configuration] = totals.get(split.configuration, 0) + split.rows
        stated = card.front["size_categories"]
        assert isinstance(stated, list)
        for category in stated:
            low, high = SIZES[category]
            assert any(low <= n <= high for n in totals.values()), f"{shown(path)}: nothing has {category} rows"
        for config, n in totals.items():
            fits = any(SIZES[category][0] <= n <= SIZES[category][1] for category in stated)
            assert fits, f"{shown(path)}: `{config}` has {n} rows; add its size category"

    def test_recipes_are_named_by_path(self, path: Path) -> None:
        card = read_card(path)
        named = set(re.findall(r"recipes/[\w./-]+\.yaml", text_of(card.answers["our_use"])))
        use = {shown(recipe) for recipe in users(card)}
        assert use <= named, f"{shown(path)}: say in `our_use` how {sorted(use - named)} use it"
        assert named <= use, f"{shown(path)}: {sorted(named - use)} do not read this data"

    def test_measurements_are_those_of_the_recipes(self, path: Path) -> None:
        stats = json.loads(path.with_name("stats.json").read_text(encoding="utf-8"))
        names = {read_recipe(recipe).name for recipe in users(read_card(path))}
        assert stats["measurements"].keys() == names, f"{shown(path)}: write the card again with `finetune card data`"

    def test_paths_exist(self, path: Path) -> None:
        named = re.findall(r"\b(?:recipes|data_cards|tests)/[\w./-]+\.\w+", path.read_text(encoding="utf-8"))
        assert [name for name in named if not (ROOT / name).is_file()] == []


# -- what the recipes read


@pytest.mark.parametrize("path", RECIPES, ids=[shown(path) for path in RECIPES])
class TestRecipe:
    def test_what_it_reads_stands_in_the_card(self, path: Path) -> None:
        card = card_of(path)
        missing = unmentioned(read_recipe(path), card)
        assert not missing, f"{shown(card.path)}: add to `columns_and_splits` {', '.join(missing)}"

    def test_its_card_holds_as_far_as_can_be_told_without_the_data(self, path: Path) -> None:
        recipe = read_recipe(path)
        folder = find_card(ROOT / "data_cards", recipe.data.name)
        assert folder is not None
        reason = "the data is not read here"
        problems = check_data_card(folder, recipe=recipe, audit=None, report=None, data_hash=None, reason=reason)
        assert [f"{problem.kind}: {problem.sentence}" for problem in problems] == []

    def test_it_reads_no_hidden_labels(self, path: Path) -> None:
        recipe, card = read_recipe(path), card_of(path)
        read = [split for split in card.splits if split.configuration == card.configuration(recipe)
                and split.name in splits_read(recipe, card)]  # fmt: skip
        hidden = [split.name for split in read if "hidden" in split.labels]
        if recipe.data.splits is not None:  # by their names alone, a split without labels is left out
            assert not hidden, f"{shown(path)} reads {hidden}, whose labels the card calls hidden"
        assert len(hidden) < max(1, len(read)), f"{shown(path)}: no split has labels"

    def test_its_row_counts_are_the_cards(self, path: Path) -> None:
        card = card_of(path)
        counts = {f"{split.rows:,}" for split in card.splits}
        missing = [count for count in stated_counts(path) if count not in counts]
        assert not missing, f"{shown(path)} has {missing} rows in its heading, {shown(card.path)} has not"


def test_row_counts_are_found_in_most_headings() -> None:
    assert sum(bool(stated_counts(path)) for path in RECIPES) > len(RECIPES) / 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    {
        "data.columns.text_pair=title": "the column `title`",
        "data.columns.text=[sentence1, body.lead]": "the column `body.lead`",
        "data.splits.test=unseen[:5%]+validation": "the split `unseen` of `mrpc`",
        "data.config=qqp": "the configuration `qqp`",
    }.items(),
)
def test_what_a_card_lacks_is_named(change: str, complaint: str) -> None:
    path = ROOT / "recipes/text-classification/mrpc.yaml"
    splits = ["data.splits.train=train", "data.splits.validation=validation"]
    assert unmentioned(Recipe.from_yaml(path, splits), card_of(path)) == []
    assert complaint in unmentioned(Recipe.from_yaml(path, [*splits, change]), card_of(path))
