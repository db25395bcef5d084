"""What the run was made of: its data, its training, its machine; as pairs of a name and a ready text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from finetune.cards.mistakes import input_columns
from finetune.cards.record import Record
from finetune.cards.wording import (
    count,
    decimals_for,
    duration,
    is_number,
    memory,
    metric_title,
    number,
    public,
    share,
    shorten,
)

Pairs = list[tuple[str, str]]
SPLITS = ("train", "validation", "test")
_LISTED_ROWS = 10
_TARGETS = {
    "tags": "a tag for every word",
    "answers": "a span of the context, or none",
    "ranking": "the right texts, first among others",
    "similarity": "how alike two texts are",
    "likelihood": "the text itself",
    "choice": "one of the choices",
}
"""What the model answers with, where the name of the kind does not say it."""
_OF_A_WHOLE = ("single_label", "multi_label", "tags", "answers", "choice")
"""Kinds whose counts are parts of one whole; elsewhere they count different things."""


def _kept(pairs: Iterable[tuple[str, Any]]) -> Pairs:
    return [(name, str(value)) for name, value in pairs if value not in (None, "", "–")]


def data_facts(record: Record) -> Pairs:
    """Where the data came from, to the byte."""
    source = record.data.get("source", {})
    columns = record.data.get("columns", {})
    return _kept(
        [
            ("Data set", record.data_name),
            ("Configuration", source.get("config")),
            ("Revision (commit)", source.get("revision")),
            ("Package archive", source.get("archive")),
            ("SHA-256 of the archive", source.get("sha256")),
            ("Query", public(shorten(source.get("query") or "", 500))),
            ("Columns", ", ".join(f"{ours} ← {_place(theirs)}" for ours, theirs in columns.items())),
            ("Target", target_words(record)),
            ("Fingerprint", ", ".join(f"{shorten(s, 80)}: {f}" for s, f in source.get("fingerprint", {}).items())),
        ]
    )


def findings(record: Record) -> list[tuple[str, str]]:
    """What is wrong with the data, worst first: severity, and the sentence that says it."""
    told = [entry for entry in record.audit.get("findings", ()) if entry["severity"] != "note"]
    return [(entry["severity"], public(shorten(entry["sentence"], 500))) for entry in told]


def cleaned(record: Record) -> list[tuple[str, str, str, str, str]]:
    """What the cleaning did: step, split, column, rows, values changed; steps that did nothing are left out."""
    return [
        (entry["step"].replace("_", " "), entry["split"], shorten(entry["column"] or "", 80),
         f"{entry['before']:,} → {entry['after']:,}" if entry["before"] != entry["after"] else f"{entry['after']:,}",
         count(entry["changed"]))
        for entry in record.data.get("cleaning", ())
        if entry["changed"] or entry["before"] != entry["after"]
    ]  # fmt: skip


def _place(columns: str | Sequence[str]) -> str:
    return shorten(columns if isinstance(columns, str) else " + ".join(columns), 80)


def kind_words(kind: str) -> str:
    """A kind of target in words."""
    return _TARGETS.get(kind, kind.replace("_", "-"))


def target_words(record: Record) -> str:
    """What the model answers with."""
    target = record.evaluation.target
    labels = target.get("names") or ()
    kind = kind_words(record.evaluation.kind)
    bins = target.get("bins")
    cut = f", cut from a number at {', '.join(f'{b:g}' for b in bins)}" if bins else ""
    return f"{kind}, {len(labels)} labels{cut}" if labels else kind


def split_rows(record: Record) -> list[tuple[str, str, str]]:
    """Split, rows, share of all."""
    splits = record.data.get("splits", {})
    total = sum(splits.values())
    return [(name, count(splits[name]), share(splits[name] / max(1, total))) for name in _ordered(splits)]


def _ordered(splits: Iterable[str]) -> list[str]:
    found = list(splits)
    return [name for name in SPLITS if name in found] + [name for name in found if name not in SPLITS]


def balance(record: Record) -> dict[str, Any] | None:
    """Label counts by split (classification) or summary statistics (regression); None where not kept."""
    counts = record.data.get("label_counts", {})
    splits = [name for name in _ordered(counts) if counts[name]]
    if not splits:
        return None
    if record.evaluation.kind in ("regression", "similarity"):
        keys = ("mean", "std", "min", "max")
        digits = decimals_for([counts[s].get(k) for s in splits for k in keys])
        numbers = [(s, [number(counts[s].get(k), digits) for k in keys]) for s in splits]
        columns = ["Mean", "Standard deviation", "Least", "Most"]
        return {"kind": "numbers", "columns": columns, "rows": numbers, "shares": False}
    # Tags mark entities, which are what is counted.
    known = (
        () if record.evaluation.target.get("scheme", "none") != "none" else record.evaluation.target.get("names", ())
    )
    labels = dict.fromkeys([*known, *(label for s in splits for label in counts[s])])
    sizes = record.data.get("splits", {})
    # Elsewhere a row holds any number of what is counted: words, entities.
    whole = sizes if record.evaluation.kind in ("single_label", "multi_label") else {}
    rows = [
        (label, [_portion(counts[s].get(label, 0), whole.get(s) or sum(counts[s].values())) for s in splits])
        for label in labels
    ]
    return {"kind": "labels", "columns": splits, "rows": rows, "shares": record.evaluation.kind in _OF_A_WHOLE}


def _portion(value: float, total: float) -> dict[str, str]:
    part = value / total if total else 0.0
    return {"count": count(value), "share": share(part), "width": f"{min(1.0, part):.3f}"}


def losses(record: Record) -> list[tuple[str, str, str]]:
    """Everything that was dropped: where, how many, which."""
    malformed = record.data.get("malformed") or {"count": 0, "lines": []}
    rows = []
    if malformed["count"]:
        rows.append(("malformed lines of the file", count(malformed["count"]), _listed(malformed["lines"])))
    for split, reasons in (record.data.get("dropped") or {}).items():
        for reason, entry in reasons.items():
            rows.append((f"rows of {split}: {shorten(reason, 200)}", count(entry["count"]), _listed(entry["rows"])))
    return rows


def _listed(items: Sequence[Any]) -> str:
    more = f", … and {count(len(items) - _LISTED_ROWS)} more listed" if len(items) > _LISTED_ROWS else ""
    return ", ".join(str(item) for item in items[:_LISTED_ROWS]) + more


def lengths_rows(record: Record) -> list[list[str]]:
    """Per split: mean, percentiles, longest and truncated rows."""
    splits = record.lengths.get("splits", {})
    rows = []
    for name in _ordered(splits):
        entry, points = splits[name], splits[name]["percentiles"]
        cut = f"{count(entry['truncated'])} ({share(entry['truncated_share'])})"
        rows.append([name, number(entry["mean"], 1), *(count(points.get(p)) for p in ("50", "95", "99", "100")), cut])
    return rows


def training_facts(record: Record) -> Pairs:
    """How the model was trained."""
    training, recipe = record.training, record.recipe
    batch, seconds = training.get("batch", {}), training.get("seconds", {})
    return _kept(
        [
            ("Pretrained model", record.base_name),
            ("Its revision (commit)", record.base_commit),
            ("Its archive's SHA-256", record.model.get("base", {}).get("sha256")),
            ("Method", method_words(record)),
            ("Parameters", parameters_words(training)),
            ("Augmentation", _augmentation_words(training)),
            ("Epochs", _epochs(training)),
            ("Rows per step", _batch_words(batch)),
            ("Learning rate", f"{recipe.learning_rate:g}, {recipe.training.lr_scheduler_type}"),
            ("Checkpoint kept", _checkpoint_words(training, record.evaluation.kind)),
            ("Precision", None if not training else "bfloat16" if training.get("bf16") else "float32"),
            (
                "Longest input",
                f"{count(record.model['max_length'])} tokens" if record.model.get("max_length") else None,
            ),
            ("Training time", duration(seconds.get("training"))),
            ("Speed", f"{count(training['rows_per_second'])} rows/s" if training.get("rows_per_second") else None),
            ("Peak memory", memory_words(training)),
            ("Seed", recipe.training.seed),
        ]
    )


def _augmentation_words(training: dict[str, Any]) -> str:
    """What was added to every epoch, and how much of it came out as it was."""
    return "; ".join(
        f"{part['method'].replace('_', ' ')}: {part['rows']:,} further rows per epoch"
        + (f", {part['unchanged']:,} of the first epoch's unchanged" if part["unchanged"] else "")
        + (f" ({public(shorten(part['note'], 200))})" if part["note"] else "")
        for part in training.get("augmentation", ())
    )


def method_words(record: Record) -> str:
    """What was trained, in words."""
    adapter = record.recipe.adapter
    if not record.is_adapter:
        return "full fine-tuning (all weights)"
    variant = "DoRA" if adapter.use_dora else "rank-stabilised LoRA" if adapter.use_rslora else "LoRA"
    layers = f", layers {', '.join(map(str, adapter.layers))}" if adapter.layers else ""
    return f"{variant}: rank {adapter.r}, alpha {adapter.lora_alpha:g}, dropout {adapter.lora_dropout:g}{layers}"


def parameters_words(training: dict[str, Any]) -> str | None:
    """How many weights were trained."""
    found = training.get("parameters")
    if not found:
        return None
    part = share(found["trainable"] / max(1, found["total"]))
    return f"{count(found['trainable'])} trained of {count(found['total'])} ({part})"


def _epochs(training: dict[str, Any]) -> str | None:
    if not is_number(training.get("epochs")):
        return None
    steps, planned = training.get("steps"), training.get("planned_steps")
    early = f", stopped early of {count(planned)}" if planned and steps and steps < planned else ""
    return f"{number(training['epochs'], 2).rstrip('0').rstrip('.')} ({count(steps)} steps{early})"


def _batch_words(batch: dict[str, Any]) -> str | None:
    if not batch:
        return None
    shape = f"{batch['processes']} × {batch['micro']} × {batch['accumulation']}"
    return f"{batch['size']} (processes × rows at a time × accumulation: {shape})"


def _checkpoint_words(training: dict[str, Any], kind: str) -> str | None:
    if not training.get("best_step"):
        return None
    by = training.get("best_by", "loss")
    chosen = "loss" if by == "loss" else metric_title(by, kind)
    return f"step {count(training['best_step'])}, best by validation {chosen}"


def memory_words(training: dict[str, Any]) -> str | None:
    """Peak memory of the main process."""
    peaks = training.get("peak_memory_mib") or {}
    return ", ".join(f"{memory(value)} ({name})" for name, value in peaks.items()) or None


def machine_facts(record: Record) -> Pairs:
    """Hardware, time and versions."""
    environment = record.environment
    hardware = environment.get("hardware") or record.training.get("hardware") or {}
    return _kept(
        [
            ("When", str(environment.get("time", "")).replace("T", " ").replace("+00:00", " UTC")),
            (
                "Processor",
                f"{hardware['processor']}, {hardware.get('cores')} cores" if hardware.get("processor") else None,
            ),
            ("GPUs", ", ".join(hardware.get("gpus", ()))),
            ("System", hardware.get("platform")),
            ("Processes", environment.get("processes")),
            ("Commit of the working tree", environment.get("git_commit")),
            ("Python", environment.get("python")),
            *environment.get("versions", {}).items(),
        ]
    )


def usage(record: Record) -> dict[str, str]:
    """Lines that use the model: on the command line and in Python."""
    run = shlex.quote(record.name)
    names = input_columns(record.evaluation.predictions)
    columns = [c for c in record.evaluation.load_task().input_columns() if c.name in names]
    if [column.kind for column in columns] == ["text"] or any(column.kind == "tokens" for column in columns):
        return {"shell": f'finetune predict {run} "text"', "python": _python(record.name, '"text"'), "columns": ""}
    given = {c.name: ["first", "second"] if c.kind == "texts" else c.name.replace("_", " ") for c in columns}
    as_json = json.dumps(given, ensure_ascii=False)
    return {
        "shell": f"finetune predict {run} --file rows.jsonl\nfinetune predict {run} {shlex.quote(as_json)}",
        "python": _python(record.name, as_json),
        "columns": ", ".join(given),
    }


def _python(name: str, example: str) -> str:
    quoted = json.dumps(name, ensure_ascii=False)
    return f"from finetune import load\n\nmodel = load({quoted})\nprint(model.predict([{example}]))"
