"""Pages of audits, previews and studies: sound HTML of real results, whatever stands in the data."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from conftest import write_csv
from hypothesis import given
from hypothesis import strategies as st
from test_cards import HOSTILE, check_page

from finetune import data_pipeline, studies
from finetune.artifacts import DataAudit, DataReport
from finetune.cards import write_audit_page, write_preview_page, write_study_page
from finetune.cards.audit.audit_page import verdict
from finetune.cards.blocks import Spark, Table
from finetune.cards.word_changes import LONGEST, word_changes
from finetune.errors import RunFolderError, UsageError
from finetune.models import tiny_text_encoder
from finetune.recipe import Recipe, task_names
from finetune.task import task_class

GOOD = ("great", "lovely", "superb", "warm")
BAD = ("dull", "awful", "poor", "cold")
PLAIN = "the story of a family through one long summer while music plays and people talk about money work and home"
NAMES = ("text", "label", "age", "city", "when", "leak", "mail", "empty", HOSTILE[0], HOSTILE[5])


def messy_rows(count: int = 240, seed: int = 5) -> list[dict[str, object]]:
    """Reviews with the faults of a real export: a leaking column, personal data, an age of 200, three date formats."""
    chance = random.Random(seed)
    rows = []
    for index in range(count):
        label = ("negative", "positive")[index % 3 > 0]
        words = [*chance.choices(BAD if label == "negative" else GOOD, k=3), *chance.choices(PLAIN.split(), k=12)]
        chance.shuffle(words)
        text = " ".join(words) + f" nr {index}" + (" about women" if index % 3 == 0 and index % 2 else "")
        text += f" write to ada{index}@example.org" if index % 40 == 7 else ""
        text = text.replace("home", "cafÃ©") if index % 30 == 3 else text
        day, month = chance.randint(1, 28), chance.randint(1, 12)
        when = (f"2024-{month:02}-{day:02}", f"{day:02}/{month:02}/2024", f"{month}/{day}/24")[index % 3]
        given = label if index % 25 else ("positive" if label == "negative" else "negative")
        city = ("Paris", "paris", "London", "n/a")[index % 4]
        age = 200 if index == 17 else "" if index % 11 == 0 else round(chance.gauss(40, 8))
        hostile = HOSTILE[index % 4], f"x{index % 7}" * 90
        values = (text, given, age, city, when, "NY"[given == "positive"], f"user{index}@example.com", "", *hostile)
        rows.append(dict(zip(NAMES, values, strict=True)))
    return [*rows, *rows[:12]]


@pytest.fixture(scope="module")
def messy_recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder, rows = tmp_path_factory.mktemp("messy"), messy_rows()
    tiny_text_encoder(str(folder / "model"), [str(row["text"]) for row in rows])
    write_csv(folder / "messy.csv", rows)
    return Recipe.from_dict({
        "task": "text-classification", "model": {"name": str(folder / "model"), "max_length": 16},
        "data": {"name": str(folder / "messy.csv"), "columns": {"text": "text", "label": "label"}, "leakage": "allow"},
        "cleaning": {"normalize": ["encoding"], "dates": {"when": {}}, "missing": {"age": "median"},
                     "outliers": {"age": "clip"}, "categories": ["city"], "personal": "redact"},
        "augmentation": ["aeda", {"method": "keyboard", "share": 0.5}],
    })  # fmt: skip


@pytest.fixture(scope="module")
def messy(messy_recipe: Recipe) -> tuple[DataAudit, DataReport]:
    audit, prepared = data_pipeline.inspect(messy_recipe)
    assert prepared is not None
    return audit, prepared.report


def test_the_page_of_a_real_audit_is_sound_and_says_what_was_found(messy, tmp_path):
    audit, report = messy
    path = write_audit_page(audit, report, tmp_path / "new folder" / "audit.html")
    html = path.read_text(encoding="utf-8")
    page = check_page(html)
    assert path.stat().st_size < 400_000
    assert len(audit.findings) > 8
    for finding in audit.findings:
        assert " ".join(finding["sentence"].split())[:60].split("\u202e")[0] in page.text
    wanted = [
        f"{sum(audit.rows['raw'].values()):,}",
        "tells the target by itself",
        f"{audit.target['entropy']:.2f} bits",
    ]
    wanted += [entry["row"] for entry in audit.label_errors["rows"][:50]]
    wanted += [f"{audit.tokens['longer']:.1%} of the rows are longer", "limit of 16 tokens", "bounds (IQR)", "women"]
    wanted += ["“Paris” 63", "“n/a”", "decoded wrongly", "00/00/0000", "personal data", "ambiguous"]
    for words in wanted:
        assert words in page.text, words
    for step in report.cleaning:
        assert step["step"] in page.text
    assert "prefers-color-scheme: dark" in html


def test_personal_values_are_not_on_the_page(messy, tmp_path):
    html = write_audit_page(*messy, tmp_path / "audit.html").read_text(encoding="utf-8")
    assert messy[0].personal["total"]["email"]["rows"] > 200
    assert "@example" not in html


def test_the_same_audit_gives_the_same_page(messy, tmp_path):
    first, second = (write_audit_page(*messy, tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_names_labels_and_values_cannot_break_out(messy_recipe, tmp_path):
    names = dict(zip(("text", "label"), (HOSTILE[1], HOSTILE[4].replace("\x00", "")), strict=True))
    rows = [
        {names["text"]: f"{HOSTILE[i % 3]} row {i} {HOSTILE[5]}", names["label"]: ("<b>no", '"yes\u202e')[i % 2],
         "long": "word " * 20_000 if i == 3 else HOSTILE[2]}
        for i in range(60)
    ]  # fmt: skip
    data = {"name": str(write_csv(tmp_path / "x.csv", rows)), "columns": names, "leakage": "allow"}
    recipe = Recipe.from_dict(
        messy_recipe.model_dump(mode="json", exclude_unset=True) | {"data": data, "cleaning": {}, "augmentation": []}
    )
    audit, prepared = data_pipeline.inspect(recipe)
    assert prepared is not None
    audit.findings[0]["sentence"] += HOSTILE[0]
    html = write_audit_page(audit, prepared.report, tmp_path / "audit.html").read_text(encoding="utf-8")
    page = check_page(html)
    assert HOSTILE[0] in page.text
    assert "{{7*7}}" in page.text
    assert "\u202e" not in html
    assert len(html) < 400_000


def test_an_audit_that_measured_nothing_says_so(tmp_path):
    audit = DataAudit(name="/home/lovelace/secret place/x.csv", tokens={"measured": False, "reason": "No model."})
    page = check_page(write_audit_page(audit, None, tmp_path / "audit.html").read_text(encoding="utf-8"))
    assert "Nothing was found that speaks against" in page.text
    assert "…/x.csv" in page.text
    assert "tokens No model." in page.text
    for part in ("label errors", "languages", "duplicates: near", "leakage: same group"):
        assert f"{part} The audit does not say." in page.text


def test_data_that_a_run_would_refuse_has_a_page_too(messy_recipe, tmp_path):
    values = messy_recipe.model_dump(mode="json", exclude_unset=True)
    values["data"] |= {"columns": {"text": "text", "label": "absent"}}
    audit, prepared = data_pipeline.inspect(Recipe.from_dict(values))
    assert prepared is None
    page = check_page(write_audit_page(audit, None, tmp_path / "audit.html").read_text(encoding="utf-8"))
    assert "A run would refuse this data" in page.text
    assert "could not be prepared" in page.text
    assert "What was changed and dropped" not in page.text


def test_a_number_as_target(tmp_path, messy_recipe):
    rows = [{"text": f"a film number {i}", "label": i / 7 - 3} for i in range(80)]
    values = messy_recipe.model_dump(mode="json", exclude_unset=True) | {
        "cleaning": {},
        "augmentation": [],
        "options": {"problem_type": "regression"},
    }
    values["data"] = {"name": str(write_csv(tmp_path / "x.csv", rows))}
    audit, prepared = data_pipeline.inspect(Recipe.from_dict(values))
    assert prepared is not None
    page = check_page(write_audit_page(audit, prepared.report, tmp_path / "audit.html").read_text(encoding="utf-8"))
    assert "The target is a number" in page.text


def test_every_kind_of_task_has_a_page(messy_recipe, tmp_path):
    kinds = set()
    for task in task_names():
        for variant, example in task_class(task).examples().items():
            rows = [row for _ in range(3) for row in example.rows]
            data = tmp_path / f"{task}-{variant}.jsonl"
            data.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
            values = {"task": task, "options": example.options, "data": {"name": str(data), "leakage": "allow"}}
            audit, prepared = data_pipeline.inspect(
                Recipe.from_dict(values | {"model": {"name": messy_recipe.model.name}})
            )
            report = prepared.report if prepared else None
            check_page(write_audit_page(audit, report, tmp_path / "audit.html").read_text("utf-8"))
            kinds.add(audit.target.get("kind"))
    assert kinds >= {"single_label", "multi_label", "regression", "tags", "answers", "ranking", "choice"}


IMAGES = {
    "measured": True, "width": {"min": 8, "max": 64, "quantiles": {"p50": 32.0}},
    "height": {"min": None, "max": None, "quantiles": {"p50": None}}, "sizes": [{"width": 8, "height": 9, "count": 3}],
    "modes": {"RGB": 3, HOSTILE[0]: 1}, "formats": {"PNG": 4}, "unreadable": {"count": 1, "rows": ["train:7"]},
    "sampled": {"rows": 4, "of": 1000},
}  # fmt: skip
AUDIO = {
    "measured": True,
    "seconds": {"min": 0.5, "max": 9.0, "mean": 2.0, "total": 4000.0, "quantiles": {"p50": 1.5},
                "histogram": {"edges": [0.5, 4.0, 9.0], "counts": [5, 1], "below": 0, "above": 0}},
    "rates": {"16000": 6}, "channels": {"1": 6}, "silence": {"mean": 0.25, "silent": 1, "rows": ["train:1"]},
    "clipping": {"mean": 0.0, "clipped": 0, "rows": []}, "unreadable": {"count": 0, "rows": []}, "sampled": None,
}  # fmt: skip


def column(name: str, **parts: object) -> dict[str, object]:
    """An entry as the audit's structure has it, with nothing measured but `parts`."""
    nothing = dict.fromkeys(("numbers", "times", "stored", "texts", "categories", "images", "audio"))
    facts = {"type": "string", "kind": "other", "roles": [], "canonical": None, "missing": {}, "placeholders": {}}
    return {"name": name, **facts, "distinct": {"count": 2, "exact": False}, "constant": False, "personal": False,
            **nothing, **parts}  # fmt: skip


def test_images_and_recordings(tmp_path):
    unread = {"measured": False, "reason": "No decoder."}
    columns = [column("photo", images=IMAGES), column("voice", audio=AUDIO), column("noise", audio=unread)]
    page = check_page(write_audit_page(DataAudit(columns=columns), None, tmp_path / "x.html").read_text("utf-8"))
    for words in ("RGB (3)", "8 × 9", "train:7", "On 4 of 1,000 rows", "1 h 6 min", "16000 (6)"):
        assert words in page.text
    assert "noise: audio No decoder." in page.text
    assert "at least 2" in page.text


def test_numbers_of_a_column_of_personal_data_are_not_shown(tmp_path):
    bounds = {"low": 1.0, "high": 9.0, "count": 0, "rows": []}
    numbers = {"count": 2, "min": 7946000123, "max": 7946000456, "mean": 5.0, "std": 1.0, "quantiles": {"p50": 5.0},
               "histogram": None, "outliers": {"iqr": bounds, "mad": None}, "infinite": 0, "sampled": None}  # fmt: skip
    for personal in (True, False):
        audit = DataAudit(columns=[column("phone", kind="number", personal=personal, numbers=numbers)])
        html = write_audit_page(audit, None, tmp_path / "x.html").read_text("utf-8")
        assert ("7,946,000,123" in html) != personal


def test_long_tables_are_cut_and_say_so(messy, tmp_path):
    audit = DataAudit.from_dict(messy[0].to_dict())
    suspects = [dict(audit.label_errors["rows"][0], row=f"train:{i}") for i in range(100)]
    audit.label_errors.update(rows=suspects, count=1234)
    audit.columns.extend(dict(audit.columns[2], name=f"column {i}") for i in range(500))
    html = write_audit_page(audit, None, tmp_path / "audit.html").read_text("utf-8")
    page = check_page(html)
    assert "Shown: the first 50 of 1,234." in page.text
    assert f"Shown: the first 200 of {len(audit.columns):,}." in page.text
    assert "Drawn: the first 12 of" in page.text
    assert len(html) < 1_000_000


@pytest.mark.parametrize(
    ("severities", "words"),
    [(("problem",), "1 problem makes"), (("problem", "problem", "warning"), "2 problems make"),
     (("warning",), "1 warning is worth"),
     (("note", "note"), "2 notes below"), ((), "speaks against learning from this data.")],
)  # fmt: skip
def test_the_verdict_counts_what_was_found(severities, words):
    findings = [{"severity": s, "kind": "x", "column": None, "sentence": "x", "rows": []} for s in severities]
    assert words in verdict(DataAudit(findings=findings, rows={"raw": {}, "prepared": {"train": 1}}))


def test_a_page_that_cannot_be_written_is_told(messy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError):
        write_audit_page(*messy, tmp_path / "file" / "audit.html")


# -- what pages are made of


@given(st.text(max_size=60), st.text(max_size=60))
def test_pieces_join_to_the_texts(before, after):
    left, right = word_changes(before, after)
    assert "".join(text for _, text in left) == before
    assert "".join(text for _, text in right) == after
    kept = ["".join(text for what, text in pieces if what == "same") for pieces in (left, right)]
    assert kept[0] == kept[1]


def test_changed_words_are_told_and_long_texts_are_cut():
    assert word_changes("not good", "so good")[0] == (("gone", "not"), ("same", " good"))
    pieces, _ = word_changes("a " * LONGEST, "b")
    assert pieces[-1] == ("same", f" … ({2 * LONGEST:,} characters)")


def test_tables_know_what_they_leave_out():
    assert Table("x", ("a",), [["1"]] * 3, limit=3).left_out == ""
    assert Table("x", ("a",), [["1"]] * 3, limit=2).left_out == "Shown: the first 2 of 3."
    assert Table("x", ("a",), [["1"]] * 3, total=1000).left_out == "Shown: the first 3 of 1,000."
    assert Spark.of([0, 1, 1000], "x").heights == (0.0, 4.0, 100.0)
    assert Spark.of([0, 0], "x") is None


# -- previews and studies


def test_the_page_of_a_preview_marks_what_changed(messy_recipe, tmp_path):
    entries = data_pipeline.preview_augmentation(messy_recipe, 5)
    entries[0] |= {"original": HOSTILE[1], "result": f"{HOSTILE[1]} mail ada@example.org", "label": [HOSTILE[0], "x"]}
    html = write_preview_page(entries, messy_recipe, tmp_path / "preview.html").read_text("utf-8")
    page = check_page(html)
    assert len(entries) == 10
    for entry in entries:
        assert entry["row"] in page.text
    assert sum(tag == "ins" for tag, _ in page.tags) >= sum(entry["changed"] for entry in entries) > 5
    assert "ada@example.org" not in html
    assert "<email>" in page.text
    assert "strength 0.1" in page.text


def small_recipe(messy_recipe: Recipe, tmp_path: Path, **sections: object) -> Recipe:
    training = {"max_steps": 2, "train_batch_size": 8, "bf16": False, "report_to": ["none"]}
    sections["model"] = {"name": messy_recipe.model.name, "max_length": 32}
    values = messy_recipe.model_dump(mode="json", exclude_unset=True) | {
        "name": "tiny",
        "cleaning": {},
        "augmentation": ["aeda"],
        **sections,
    }
    return Recipe.from_dict(values | {"training": training, "inspection": {"in_runs": False},
                                      "output": {"folder": str(tmp_path)}})  # fmt: skip


def test_the_page_of_an_ablation_says_what_it_showed(messy_recipe, tmp_path):
    found = studies.ablate(small_recipe(messy_recipe, tmp_path, evaluation={"resamples": 100}), seeds=2)
    page = check_page(write_study_page(found, tmp_path / "study.html").read_text("utf-8"))
    assert found["verdict"] in page.text
    assert " ".join(found["sentence"].split()) in page.text
    for entry in found["differences"].values():
        assert f"{entry['first']:.3f}" in page.text
        for value in entry["each"]:
            assert f"{value:+.3f}".replace("-", "\N{MINUS SIGN}") in page.text or abs(value) < 5e-4
    for source in ("arXiv:1901.11196", "arXiv:2010.01764"):
        assert source in page.text


def test_the_page_of_folds_says_mean_and_spread(messy_recipe, tmp_path):
    evaluation = {"folds": 2, "resamples": 100}
    found = studies.cross_validate(small_recipe(messy_recipe, tmp_path, augmentation=[], evaluation=evaluation))
    page = check_page(write_study_page(found, tmp_path / "study.html").read_text("utf-8"))
    model = found["systems"]["model"]["scores"][found["headline"]]
    for value in (model["mean"], model["std"], *model["each"]):
        assert f"{value:.3f}" in page.text
    for name, times in found["beaten"].items():
        assert f"{found['systems'][name]['title']} in {times} of 2" in page.text


def test_a_study_of_another_kind_is_refused(tmp_path):
    with pytest.raises(UsageError, match="neither an ablation"):
        write_study_page({"scores": {}}, tmp_path / "study.html")
