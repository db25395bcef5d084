"""The report and the model card, from small made-up runs of every kind."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from huggingface_hub import ModelCard

from finetune.artifacts import BiasAudit, Evaluation, RunFolder
from finetune.cards import write_card, write_report
from finetune.cards.markdown import escape
from finetune.cards.plots import draw
from finetune.cards.wording import clean, duration, number, p_value, public, signed
from finetune.errors import RunFolderError
from finetune.labels import Target
from finetune.metrics import direction, load_metric
from finetune.recipe import Recipe
from finetune.statistics.comparison import mcnemar_exact, paired_difference
from finetune.statistics.intervals import bootstrap
from finetune.task import load_task

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}} {% raw %}",
    "a|b\n---\n# c `d` [e](javascript:alert(1))",
    "bell \x07 null \x00 escape \x1b[31m",
    "\u202eevil \u05e9\u05dc\u05d5\u05dd",
    "word " * 20_000,
)
KINDS = ("single_label", "multi_label", "regression", "pair")
BASE = {"path": "/home/lovelace/models/tiny", "revision": None, "name": "pypi:tiny==1.0/tiny/model", "sha256": "a" * 64}
VOID = {"meta", "img", "br", "hr", "link", "input", "source", "wbr"}


class Page(HTMLParser):
    """What a browser would find: tags with attributes, visible text, ids, whether tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.words, self.open, self.broken = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.broken.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def references_of(kind: str, names: tuple[str, ...], rows: int) -> list:
    if kind == "regression":
        return [float(i % 7) - 2.5 for i in range(rows)]
    if kind == "multi_label":
        return [[j for j in range(len(names)) if (i + j) % 3 == 0] for i in range(rows)]
    return [i % len(names) for i in range(rows)]


def evaluation_of(kind: str = "single_label", names=("no", "yes"), rows: int = 24, baseline: bool = True) -> Evaluation:
    """An evaluation as the pipeline makes it, from random model outputs."""
    pair, kind = kind == "pair", "single_label" if kind == "pair" else kind
    rng = np.random.default_rng(3)
    target = Target(kind, () if kind == "regression" else names)
    task = load_task("text-classification", {}).with_state(target.to_dict())
    references = references_of(kind, names, rows)
    width = 1 if kind == "regression" else len(names)
    outputs = {"model": rng.normal(size=(rows, width)) + _helpful(kind, references, width)}
    if baseline:
        outputs["majority"] = np.tile(rng.normal(size=(1, width)), (rows, 1)) + 0.01 * rng.normal(size=(rows, width))
    answers = {
        name: task.from_logits(values if kind != "regression" else values[:, 0]) for name, values in outputs.items()
    }
    statistics = {name: _statistic(task, task.arrays(given, references)) for name, given in answers.items()}
    systems = {name: _system(name, measured, rows) for name, measured in statistics.items()}
    arrays = {name: task.arrays(given, references) for name, given in answers.items()}
    table = {"row": [f"test:{i}" for i in range(rows)], "text": [f"text number {i}" for i in range(rows)]}
    if pair:
        table["text_pair"] = [f"partner {i}" for i in range(rows)]
    table["reference"] = [task.describe_target(value) for value in references]
    table["prediction"] = [answer["prediction"] for answer in answers["model"]]
    for name in () if kind == "regression" else names:
        table[f"score:{name}"] = [answer["scores"][name] for answer in answers["model"]]
    return Evaluation(
        task=task.name, options={}, target=task.state(), kind=kind, rows=rows, confidence=0.95, resamples=100,
        headline=next(iter(systems["model"]["scores"])), systems=systems,
        comparisons=_comparisons(statistics, arrays, rows, kind) if baseline else [],
        details=task.details(arrays["model"], []), predictions=table,
        diagnosis={"verdict": "healthy", "sentence": "The loss fell to 0.4000.", "figures": {"best_epoch": 2.0}},
    )  # fmt: skip


def _helpful(kind, references, width):
    """What makes the model better than chance, and wrong on every fifth row."""
    push = np.zeros((len(references), width))
    for i, reference in enumerate(references):
        if kind == "regression":
            push[i] = reference
        elif i % 5:
            push[i, reference] = 3.0
    return push


def _statistic(task, arrays):
    def measured(rows):
        found = {}
        for name in task.metrics:
            metric = load_metric(name)
            given = arrays["scores"] if metric.needs_scores else arrays["predictions"]
            found |= metric.measure(given[rows], arrays["references"][rows], **task.metric_settings())
        return found

    return measured


def _system(name, measured, rows):
    intervals = bootstrap(measured, rows, resamples=100)
    scores = {key: value.to_dict() | {"direction": direction(key)} for key, value in intervals.items()}
    title = "Fine-tuned model" if name == "model" else "Majority class"
    return {"title": title, "detail": "some detail", "seconds": 0.2, "scores": scores}


def _comparisons(statistics, arrays, rows, kind):
    found = []
    differences = paired_difference(statistics["model"], statistics["majority"], rows, resamples=100)
    for score, difference in differences.items():
        values = difference.to_dict()
        entry = {"against": "majority", "score": score, "direction": direction(score)}
        entry["difference"] = values.pop("value")
        if score == "accuracy" and kind == "single_label":
            right, other = (a["predictions"] == a["references"] for a in arrays.values())
            test = mcnemar_exact(right, other)
            entry["mcnemar"] = {"only_model_right": test.b, "only_other_right": test.c, "p_value": test.p_value}
            entry["minimum_detectable_effect"] = 0.123
        found.append(entry | values)
    return found


def training_of(evaluation: Evaluation) -> dict:
    headline = evaluation.headline
    points = [
        {"step": 5 * e, "epoch": float(e), "validation_loss": 0.8 - 0.2 * e, "train_loss": 0.7 - 0.2 * e,
         f"train_{headline}": 0.5 + 0.1 * e, f"validation_{headline}": 0.4 + 0.1 * e}
        for e in (1, 2)
    ]  # fmt: skip
    return {
        "history": [{"step": i, "epoch": i / 5, "loss": 1 / (i + 1)} for i in range(11)], "validations": points,
        "best_by": "loss", "best_step": 10, "steps": 10, "planned_steps": 10, "epochs": 2.0, "rows": 7424,
        "batch": {"size": 32, "processes": 1, "micro": 32, "accumulation": 1},
        "seconds": {"training": 69.94, "preparation": 1.0}, "rows_per_second": 212.3,
        "peak_memory_mib": {"host": 2041.9}, "parameters": {"trainable": 443138, "total": 23157124}, "bf16": True,
    }  # fmt: skip


def data_of(evaluation: Evaluation, **source) -> dict:
    names = evaluation.target["names"]
    counts = dict.fromkeys(names, 12) if names else {"mean": 0.5, "std": 1.25, "min": -2.5, "max": 3.5}
    return {
        "source": {"name": "/home/lovelace/secret place/reviews.csv", "config": None} | source,
        "columns": {"text": "text", "label": "stars"},
        "splits": {"train": 7424, "validation": 100, "test": evaluation.rows},
        "dropped": {"train": {"missing target": {"count": 1234, "rows": list(range(30))}}},
        "malformed": {"count": 2, "lines": [17, 99]}, "target": evaluation.target,
        "label_counts": dict.fromkeys(("train", "validation", "test"), counts),
        "notes": ["Held out 24 rows as test (seed 42)."],
    }  # fmt: skip


ENVIRONMENT = {
    "time": "2026-01-02T03:04:05+00:00", "python": "3.11.7", "versions": {"torch": "2.13.0"},
    "hardware": {"processor": "CPU", "cores": 2},
}  # fmt: skip
LENGTHS = {
    "max_length": 96,
    "splits": {"train": {
        "mean": 27.05, "percentiles": {"5": 4, "25": 9, "50": 26, "75": 34, "95": 47, "99": 55, "100": 179},
        "truncated": 3, "truncated_share": 0.004, "truncated_rows": [1],
        "histogram": {"counts": [3, 5, 1], "edges": [4.0, 60.0, 120.0, 179.0]}}},
}  # fmt: skip


def run_of(tmp_path, evaluation: Evaluation, *, base=None, recipe=None, data=None, bare: bool = False) -> RunFolder:
    """A finished run's folder; `bare` has no more than its scores."""
    run = RunFolder(tmp_path / "my run")
    run.path.mkdir()
    values = {
        "task": "text-classification", "name": "tiny", "description": "A test of <b>cards</b>.",
        "model": {"name": "pypi:tiny==1.0/tiny/model"}, "data": {"name": "/home/lovelace/secret place/reviews.csv"},
        "output": {"folder": "/home/lovelace/runs"},
    } | (recipe or {})  # fmt: skip
    run.write_text("recipe.yaml", Recipe.from_dict(values).to_yaml())
    evaluation.save(run)
    if not bare:
        BiasAudit("f1", verdicts={"groups": "not measured"}, caveats=["Nothing was compared."]).save(run)
        run.write_json("training.json", training_of(evaluation))
        run.write_json("data/report.json", data or data_of(evaluation))
        run.write_json("data/lengths.json", LENGTHS)
        run.write_json("environment.json", ENVIRONMENT)
        run.write_json("model/finetune.json", {"adapter": True, "base": base or BASE, "max_length": 96})
    return run


def check_page(html: str) -> Page:
    """What must hold of every report."""
    page = Page(html)
    assert not page.broken
    assert not page.open
    names = [tag for tag, _ in page.tags]
    assert not {"script", "img", "iframe", "link", "object", "form", "base"} & set(names)
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import|xmlns|xlink", html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for tag, attributes in page.tags if "href" in attributes}
    assert targets <= set(ids)
    levels = [int(tag[1]) for tag in names if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert names.count("caption") == names.count("table")
    assert all("scope" in a for tag, a in page.tags if tag == "th")
    assert all(a.get("aria-label") for tag, a in page.tags if a.get("role") == "img")
    assert not re.search(r"\b(nan|None|inf)\b", page.text)
    for private in ("/home", "lovelace", "secret place", "/tmp"):
        assert private not in html
    return page


def shown(value: float) -> str:
    return number(value, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_report_of_every_kind_is_sound_and_holds_the_scores(tmp_path, kind):
    evaluation = evaluation_of(kind)
    path = write_report(run_of(tmp_path, evaluation))
    html = path.read_text(encoding="utf-8")
    page = check_page(html)
    assert path.name == "report.html"
    assert path.stat().st_size < 300_000
    for system in evaluation.systems.values():
        for entry in system["scores"].values():
            assert shown(entry["value"]) in page.text or f"{entry['value']:,.2f}" in page.text
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    for words in ("1,234", "443,138", "1 min 10 s", "2.0 GiB", "17, 99", "179", "healthy", "not measured"):
        assert words in page.text
    assert ("text_pair" in page.text) == (kind == "pair")
    assert sum(a.get("class") == "plot" for _, a in page.tags) == (5 if kind == "regression" else 3)


@pytest.mark.parametrize("kind", KINDS)
def test_card_of_every_kind_is_read_by_the_hub_client(tmp_path, kind):
    evaluation = evaluation_of(kind)
    path = write_card(run_of(tmp_path, evaluation))
    card = ModelCard.load(path)
    wanted = [entry["value"] for entry in evaluation.systems["model"]["scores"].values()]
    assert [result.metric_value for result in card.data.eval_results] == wanted
    assert card.data.library_name == "peft"
    assert card.data.pipeline_tag == "text-classification"
    assert card.data.get("base_model") is None
    assert card.data.get("datasets") is None
    assert "Not stated." in card.text
    assert "/home" not in path.read_text()
    assert "secret place" not in path.read_text()
    assert all(re.fullmatch(r"(?:[\w-]+/)?[\w.-]+", result.dataset_type) for result in card.data.eval_results)
    for result in card.data.eval_results[:2]:
        assert f"{shown(result.metric_value)} [" in card.text
    assert not re.search(r"\bnan\b|\bNone\b", card.text)


def test_hub_ids_and_what_the_recipe_says_stand_in_the_metadata(tmp_path):
    evaluation = evaluation_of()
    data = data_of(evaluation, name="org/reviews@main", revision="d" * 40, config="en")
    base = BASE | {"name": "org/tiny", "path": "org/tiny", "revision": "c" * 40}
    said = {"license": "mit", "language": ["en"], "intended_use": "Sort reviews.", "limitations": "English only."}
    card = ModelCard.load(write_card(run_of(tmp_path, evaluation, base=base, data=data, recipe={"card": said})))
    assert (card.data.base_model, card.data.base_model_relation) == ("org/tiny", "adapter")
    assert (card.data.datasets, card.data.license, card.data.language) == (["org/reviews"], "mit", ["en"])
    result = card.data.eval_results[0]
    assert (result.dataset_type, result.dataset_config, result.dataset_revision) == ("org/reviews", "en", "d" * 40)
    assert "Sort reviews." in card.text
    assert "English only." in card.text
    assert "c" * 40 in card.text


def test_hostile_text_stays_text_in_the_report(tmp_path):
    evaluation = evaluation_of(names=HOSTILE[:6], rows=30)
    evaluation.predictions["text"] = [HOSTILE[i % len(HOSTILE)] for i in range(30)]
    evaluation.diagnosis["sentence"] = HOSTILE[0]
    run = run_of(tmp_path, evaluation, recipe={"description": "\n".join(HOSTILE[:4])})
    BiasAudit("f1", {HOSTILE[0]: {"scores": {HOSTILE[1]: {"rows": 3, "value": None, "low": None, "high": None}}}},
              {f"groups.{HOSTILE[0]}": "not measured"}, [HOSTILE[1]]).save(run)  # fmt: skip
    html = write_report(run).read_text(encoding="utf-8")
    page = check_page(html)
    assert "<script>alert(1)</script>" in page.text
    assert "{{7*7}}" in page.text
    assert "bell ␇ null ␀" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    assert "(100,000 characters)" in page.text
    assert len(html) < 300_000


def test_hostile_text_cannot_break_out_of_the_card(tmp_path):
    evaluation = evaluation_of(names=HOSTILE[:6], rows=30)
    evaluation.systems["majority"]["title"] = HOSTILE[3]
    description = "---\n" + "\n".join(HOSTILE[:4])
    run = run_of(tmp_path, evaluation, recipe={"description": description, "card": {"license": "mit\n---\nevil: 1"}})
    card = ModelCard.load(write_card(run))
    assert "evil" not in card.data.to_dict()
    assert "<script" not in card.text
    assert "<img" not in card.text
    assert "\n# c" not in card.text
    assert "[e](" not in card.text.replace("\\[", "")
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in card.text.splitlines() if line.startswith("| Macro")}
    assert widths == {4}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_nothing_but_scores(tmp_path, kind):
    evaluation = evaluation_of(kind, rows=3, baseline=False)
    evaluation.diagnosis = {}
    for entry in evaluation.systems["model"]["scores"].values():
        entry |= {"value": None, "low": None, "high": None, "undefined": 100}
    evaluation.details = {}
    run = run_of(tmp_path, evaluation, bare=True)
    page = check_page(write_report(run).read_text(encoding="utf-8"))
    assert "sets no goals" in page.text
    assert "No baseline was scored" in page.text
    card = ModelCard.load(write_card(run))
    assert card.data.eval_results is None


def test_not_a_number_among_the_predictions_is_no_answer(tmp_path):
    evaluation = evaluation_of("regression")
    evaluation.predictions["prediction"][3] = math.nan
    evaluation.predictions["prediction"][4] = math.inf
    check_page(write_report(run_of(tmp_path, evaluation)).read_text(encoding="utf-8"))


def test_a_perfect_model_and_a_fit_without_validations(tmp_path):
    evaluation = evaluation_of()
    evaluation.predictions["prediction"] = list(evaluation.predictions["reference"])
    run = run_of(tmp_path, evaluation)
    run.write_json("training.json", training_of(evaluation) | {"validations": [], "history": []})
    page = check_page(write_report(run).read_text(encoding="utf-8"))
    assert "answers every test row right" in page.text
    assert "Nothing was logged" in page.text


def test_many_labels_show_the_most_confused_pairs(tmp_path):
    evaluation = evaluation_of(names=tuple(f"label {i}" for i in range(60)), rows=120)
    html = write_report(run_of(tmp_path, evaluation)).read_text(encoding="utf-8")
    page = check_page(html)
    assert "most often confused" in page.text
    assert "Confusion matrix" not in page.text
    assert len(html) < 300_000


def test_the_most_confident_mistake_comes_first(tmp_path):
    evaluation = evaluation_of()
    table = evaluation.predictions
    table["reference"], table["prediction"] = ["no"] * 24, ["no"] * 22 + ["yes", "yes"]
    table["score:yes"], table["score:no"] = [0.1] * 22 + [0.6, 0.9876], [0.9] * 22 + [0.4, 0.0124]
    text = check_page(write_report(run_of(tmp_path, evaluation)).read_text(encoding="utf-8")).text
    assert text.index("text number 23") < text.index("text number 22")
    assert "98.8%" in text
    assert "text number 21" not in text


def test_goals_groups_and_verdicts_are_told_as_they_are(tmp_path):
    evaluation = evaluation_of()
    evaluation.goals = [
        {"name": "accuracy", "goal": ">= 0.99", "value": 0.75, "holds": False, "margin": -0.24},
        {"name": "f1.low", "goal": "<= 0.9", "value": 0.5, "holds": True, "margin": 0.4},
        {"name": "beats_baselines", "goal": "true", "value": True, "holds": True, "margin": 0.0001},
    ]
    run = run_of(tmp_path, evaluation)
    scores = {"x": {"rows": 40, "value": 0.8, "low": 0.7, "high": 0.9},
              "y": {"rows": 3, "value": None, "low": None, "high": None}}  # fmt: skip
    contrast = {"a": "x", "b": "z", "difference": -0.2, "low": -0.3, "high": -0.1, "p_value": 0.01,
                "p_value_holm": 0.02, "verdict": "evidence of a gap"}  # fmt: skip
    BiasAudit("f1", {"site": {"scores": scores, "contrasts": [contrast]}},
              {"groups.site": "evidence of a gap"}, ["Mind the rows."]).save(run)  # fmt: skip
    text = check_page(write_report(run).read_text(encoding="utf-8")).text
    for words in ("✗ missed", "✓ holds", "at least 0.99", "1 of 3 goals is missed: accuracy", "+0.0001", "−0.240",
                  "evidence of a gap", "−0.200", "[−0.300, −0.100]", "0.020", "Mind the rows."):  # fmt: skip
        assert words in text
    card = write_card(run).read_text(encoding="utf-8")
    for words in ("missed", "evidence of a gap", "site = x", "Mind the rows."):
        assert words in card


def test_the_same_run_gives_the_same_files(tmp_path):
    run = run_of(tmp_path, evaluation_of())
    first = write_report(run).read_bytes(), write_card(run).read_bytes()
    assert (write_report(run).read_bytes(), write_card(run).read_bytes()) == first


def test_a_run_that_was_not_evaluated_is_refused(tmp_path):
    run = RunFolder(tmp_path)
    run.write_text("recipe.yaml", Recipe.from_dict({"task": "text-classification", "model": {"name": "m"},
                                                    "data": {"name": "d"}}).to_yaml())  # fmt: skip
    with pytest.raises(RunFolderError, match=re.escape("evaluation.json")):
        write_report(run)


def test_plots_keep_text_as_text_and_take_the_colours_of_the_page():
    svg = str(draw("x", 'a "quoted" <label>', lambda axes: axes.set_xlabel("cost in $ and $")))
    assert svg.startswith('<svg class="plot" role="img" aria-label="a &#34;quoted&#34; &lt;label&gt;"')
    assert "cost in $ and $" in svg
    assert "var(--ink)" in svg
    assert not re.search(r"#0102|font-family|DejaVu|http", svg)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/home/lovelace/data/x.csv", "…/x.csv"),
        ("/home/lovelace", "…/~"),
        ("read /home/lovelace/d/x.csv now", "read …/x.csv now"),
        ("/data/my files/x.csv", "…/x.csv"),
        ("C:\\Users\\lovelace\\x.csv", "…/x.csv"),
        ("folder: /tmp/runs", "folder: …/runs"),
        ("postgresql://lovelace:secret@host/db", "postgresql://***@host/db"),
        ("hf_abcdefghijklmnopqrst", "***"),
        ("pypi:tiny==1.0/tiny/model", "pypi:tiny==1.0/tiny/model"),
        ("org/name@main", "org/name@main"),
        ("data/x.csv", "data/x.csv"),
        ("https://example.com/a/b", "https://example.com/a/b"),
    ],
)
def test_places_of_this_machine_are_hidden(text, wanted):
    assert public(text) == wanted


def test_numbers_are_told_as_one_would_say_them():
    assert [duration(s) for s in (0.0034, 7.71, 69.94, 4000, None)] == ["3 ms", "7.7 s", "1 min 10 s", "1 h 6 min", "–"]
    assert [number(v) for v in (-0.5, 1234.5, math.nan, None)] == ["−0.500", "1,234.500", "–", "–"]
    assert [signed(v) for v in (0.07, -0.00004, 0.0)] == ["+0.070", "−0.00004", "+0.000"]
    assert [p_value(*v) for v in ((0.002, 2 / 1001), (1e-9,), (0.04,))] == ["0.002", "< 0.001", "0.040"]
    assert p_value(2 / 1001, 2 / 1001) == "≤ 0.002"


def test_text_is_made_harmless_and_otherwise_left_alone():
    assert clean("a\x00b\u202ec \ud800 שלום 👩‍👩‍👧\n") == "a␀b�c � שלום 👩‍👩‍👧\n"
    assert escape("snake_case and _this_") == "snake_case and \\_this\\_"
    assert escape("1. a\n- b") == "1\\. a - b"
    assert escape(SimpleNamespace) is SimpleNamespace
