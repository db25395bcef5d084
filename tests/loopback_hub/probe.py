"""Client code for a fresh process: ``python probe.py <name> '<json arguments>'`` prints JSON results.

The client libraries read their addresses and caches from the environment when they are imported, so
what they do against a hub is only seen in a process started with ``LoopbackHub.environment``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any


def run_probe(name: str, environment: Mapping[str, str], *, script: str = "probe", **arguments: Any) -> dict[str, Any]:
    """Run the probe ``name`` of a ``script`` beside this one in a process of its own; returns what it reports."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(f"{script}.py")), name, json.dumps(arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"probe {name} failed:\n{done.stderr}")
    results: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return results


def outcome(call: Callable[[], Any]) -> dict[str, Any]:
    """What ``call`` returned, or the class, message and cause of what it raised."""
    try:
        return {"value": call()}
    except Exception as error:
        cause = error.__cause__
        status = getattr(getattr(cause or error, "response", None), "status_code", None)
        return {
            "error": _name(type(error)),
            "bases": [_name(base) for base in type(error).__mro__[1:-1]],
            "message": str(error),
            "cause": _name(type(cause)) if cause else None,
            "status": status,
        }


def errors(
    model: str, dataset: str, revision: str | None = None, token: str | None = None, config: str | None = None
) -> dict[str, Any]:
    """How each library reports that it cannot have a model and a dataset."""
    from datasets import load_dataset
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    kwargs: dict[str, Any] = {"revision": revision, "token": token if token else False}
    return {
        "config": outcome(lambda: str(AutoConfig.from_pretrained(model, **kwargs))),
        "tokenizer": outcome(lambda: type(AutoTokenizer.from_pretrained(model, **kwargs)).__name__),
        "model": outcome(lambda: type(AutoModel.from_pretrained(model, **kwargs)).__name__),
        "dataset": outcome(lambda: len(load_dataset(dataset, config, split="train", **kwargs))),
        "info": outcome(lambda: HfApi().model_info(model, **kwargs).sha),
        "auth_check": outcome(lambda: HfApi().auth_check(model, token=kwargs["token"])),
        "download": outcome(lambda: hf_hub_download(model, "config.json", **kwargs)),
        "snapshot": outcome(lambda: snapshot_download(model, **kwargs)),
        "whoami": outcome(lambda: HfApi().whoami(token=token)["name"] if token else None),
    }


def load(
    model: str, dataset: str, configs: list[str], revision: str | None = None, adapter: str | None = None
) -> dict[str, Any]:
    """Load a model, its tokenizer, an adapter and a dataset by id."""
    import torch
    from datasets import load_dataset
    from huggingface_hub import HfApi
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    def forward(at: str | None) -> dict[str, Any]:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=at)
        network = AutoModelForSequenceClassification.from_pretrained(model, revision=at)
        with torch.no_grad():
            logits = network(**tokenizer("a good film", return_tensors="pt")).logits
        return {"logits": logits[0].tolist(), "commit": HfApi().resolve_revision(model, revision=at).resolved}

    def adapted() -> float:
        from peft import AutoPeftModel

        network = AutoPeftModel.from_pretrained(adapter)
        base = AutoModel.from_pretrained(network.peft_config["default"].base_model_name_or_path)
        batch = AutoTokenizer.from_pretrained(network.peft_config["default"].base_model_name_or_path)(
            "a good film", return_tensors="pt"
        )
        with torch.no_grad():
            moved = network(**batch).last_hidden_state - base(**batch).last_hidden_state
        return float(moved.abs().max())

    def rows(config: str | None) -> dict[str, Any]:
        splits = load_dataset(dataset, config)
        first = next(iter(splits.values()))
        return {
            "splits": {name: len(split) for name, split in splits.items()},
            "first": first[0],
            "features": {name: type(feature).__name__ for name, feature in first.features.items()},
        }

    results = {"main": outcome(lambda: forward(None))}
    if revision:
        results["revision"] = outcome(lambda: forward(revision))
    if adapter:
        results["adapter"] = outcome(adapted)
    return results | {config: outcome(partial(rows, config)) for config in configs}


def api(model: str, dataset: str, token: str) -> dict[str, Any]:
    """What huggingface_hub itself reads: refs, trees, path information, snapshots, ranges."""
    from huggingface_hub import HfApi, HfFileSystem, snapshot_download

    hub = HfApi(token=token)
    tree = list(hub.list_repo_tree(dataset, repo_type="dataset", recursive=True, expand=True))
    weights = hub.get_paths_info(model, ["model.safetensors", "missing"])
    folder = Path(snapshot_download(model, token=token))
    with HfFileSystem(token=token).open(f"{model}/model.safetensors", "rb", block_size=16) as file:
        file.seek(4)
        part = file.read(8)
    refs = hub.list_repo_refs(model, include_pull_requests=True)
    return {
        "whoami": hub.whoami()["auth"]["accessToken"]["role"],
        "branches": [ref.name for ref in refs.branches],
        "tags": [ref.name for ref in refs.tags],
        "commits": [commit.title for commit in hub.list_repo_commits(model)],
        "tree": sorted(entry.path for entry in tree),
        "weights": [[entry.path, entry.lfs.sha256 if entry.lfs else None] for entry in weights],
        "snapshot": sorted(path.name for path in folder.iterdir()),
        "range": part == (folder / "model.safetensors").read_bytes()[4:12],
        "card": hub.dataset_info(dataset).card_data.to_dict().get("license"),
        "sibling_sizes": all(file.size is not None for file in hub.model_info(model, files_metadata=True).siblings),
        "branch": hub.model_info(model, revision="feature/one").sha,
        "missing_file": outcome(lambda: hub.hf_hub_download(model, "missing.json")),
        "missing_folder": outcome(lambda: list(hub.list_repo_tree(model, "nowhere"))),
        "write": outcome(lambda: hub.auth_check(model, write=True)),
    }


def evaluate_metric(metric: str) -> dict[str, Any]:
    """Ask for a metric script that the hub does not have."""
    import evaluate

    return outcome(lambda: evaluate.load(metric).name)


def _name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


PROBES: dict[str, Callable[..., dict[str, Any]]] = {
    "api": api,
    "errors": errors,
    "evaluate": evaluate_metric,
    "load": load,
}


def several(calls: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Run several probes in one process: key to name and arguments."""
    return {key: PROBES[name](**arguments) for key, (name, arguments) in calls.items()}


PROBES["several"] = several

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](**json.loads(sys.argv[2]))))
