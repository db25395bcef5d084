"""What the verbs on data show in a terminal: findings first, no value of a person, one screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_audit_page import column, messy_rows, write_csv
from test_cards import HOSTILE

from finetune import data_pipeline
from finetune.artifacts import DataAudit, DataReport
from finetune.cli.audit_summary import show_ablation, show_audit, show_cross_validation
from finetune.models import tiny_text_encoder
from finetune.recipe import Recipe


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataAudit, DataReport]:
    folder: Path = tmp_path_factory.mktemp("messy")
    rows = messy_rows()
    tiny_text_encoder(str(folder / "model"), [str(row["text"]) for row in rows])
    data = {"name": str(write_csv(folder / "messy.csv", rows)), "columns": {"text": "text", "label": "label"}}
    recipe = Recipe.from_dict({
        "task": "text-classification", "model": {"name": str(folder / "model")}, "data": data | {"leakage": "allow"},
        "cleaning": {"normalize": ["encoding"], "duplicates": "drop", "missing": {"age": "median"}},
    })  # fmt: skip
    audit, prepared = data_pipeline.inspect(recipe)
    assert prepared is not None
    return audit, prepared.report


def shown(capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """What was written to standard output: as one line, and line by line."""
    text = capsys.readouterr().out
    return " ".join(text.split()), text.splitlines()


def test_findings_come_first_and_figures_follow(messy, capsys):
    audit, report = messy
    show_audit(audit, report)
    text, lines = shown(capsys)
    assert lines[0].startswith("✗ problem")
    assert " ".join(audit.problems[0]["sentence"].split())[:80] in text
    for finding in [f for f in audit.findings if f["severity"] == "warning"][:8]:
        assert " ".join(finding["sentence"].split())[:50] in text
    for words in (
        f"{sum(audit.rows['raw'].values())} rows, {len(audit.columns)} columns",
        f"train {audit.rows['prepared']['train']}",
        f"{audit.label_errors['count']} suspected",
        f"email in {audit.personal['total']['email']['rows']} rows",
        f"entropy {audit.target['entropy']:.2f} bits",
    ):
        assert words in text
    dropped = next(entry for entry in report.cleaning if entry["step"] == "duplicates")
    assert dropped["before"] > dropped["after"]
    assert f"duplicates whole rows {dropped['before']} {dropped['after']}" in text


def test_a_summary_fits_a_screen_and_holds_no_personal_value(messy, capsys):
    show_audit(*messy)
    text, lines = shown(capsys)
    assert len(lines) <= 65
    assert max(map(len, lines)) <= 100
    assert "@example" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_what_was_not_measured_says_why(capsys):
    show_audit(DataAudit(tokens={"measured": False, "reason": "No model."}), None)
    text, _ = shown(capsys)
    assert "Nothing was found that speaks against" in text
    assert "tokens not measured: No model." in text
    assert "leakage not measured" in text
    assert "Cleaning" not in text


def test_many_findings_and_columns_are_counted(capsys):
    found = [{"severity": s, "kind": "x", "column": None, "sentence": f"{s} {i} {HOSTILE[4]} [red]", "rows": []}
             for s in ("problem", "warning", "note") for i in range(30)]  # fmt: skip
    show_audit(DataAudit(findings=found, columns=[column(f"[bold]{HOSTILE[5]}{i}") for i in range(40)]), None)
    text, _ = shown(capsys)
    for words in ("and 20 more problems", "and 22 more warnings", "and 27 more notes", "and 25 more columns"):
        assert words in text
    assert "[red]" in text
    assert "[bold]" in text
    assert not {"\x1b", "\x07", "\x00", "\u202e"} & set(text)


def test_an_ablation_shows_its_sentence_and_every_seed(capsys):
    entry = {"first": 0.7, "second": 0.712, "value": 0.012, "low": None, "high": None, "each": [0.02, 0.004]}
    show_ablation({"sentence": "augmentation [x] was not shown to help.", "confidence": 0.95, "rows": 1500, "seeds": 2,
                   "headline": "f1", "differences": {"f1": entry}, "folder": "runs/[a]"})  # fmt: skip
    text, lines = shown(capsys)
    assert lines[0] == "augmentation [x] was not shown to help."
    assert "Macro F1 0.700 0.712 +0.012 [–, –] +0.020 +0.004" in text
    assert "1,500 test rows" in text
    assert lines[-1] == "folder: runs/[a]"


def test_folds_show_mean_spread_and_who_was_beaten(capsys):
    scores = {"f1": {"mean": 0.8, "std": 0.05, "each": [0.75, 0.85]}}
    other = {"f1": {"mean": 0.5, "std": None, "each": [0.5, None]}}
    systems = {"model": {"title": "Fine-tuned", "scores": scores}, "majority": {"title": "[Majority]", "scores": other}}
    show_cross_validation({"folds": 2, "rows": 90, "headline": "f1", "systems": systems, "beaten": {"majority": 1}})
    text, _ = shown(capsys)
    said = "The mean macro F1 of 2 folds is 0.800, standard deviation 0.050. It is better than [Majority] in 1 of 2."
    assert text.startswith(said)
    assert "Macro F1 0.800 ± 0.050 0.500" in text
    assert "in each fold: 0.750 0.850" in text
