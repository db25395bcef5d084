"""The files of a published model: weights, configuration, tokenizer, and what says which task it was made for."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

from finetune.artifacts import RunFolder, TrainedModel
from finetune.artifacts.trained_model import DESCRIPTION, MERGED
from finetune.errors import PublishError

log = logging.getLogger(__name__)
ADAPTER = "adapter"
"""Folder of the adapter where the whole model is at the top."""
_ADAPTER_CONFIG = "adapter_config.json"
_ALLOWED = re.compile(
    r"""(?:[^/.][^/]*/){0,2}(?:                       # sentence-transformers has a folder for each of its modules
    [\w-]+(?:-\d+-of-\d+)?\.safetensors(?:\.index\.json)?
    | (?:adapter_|generation_|preprocessor_|processor_|image_processor_|video_preprocessor_)?config\.json
    | modules\.json | config_sentence_transformers\.json | sentence_\w+_config\.json
    | tokenizer\.json | tokenizer_config\.json | special_tokens_map\.json | added_tokens\.json
    | vocab\.(?:txt|json) | merges\.txt | [\w.-]+\.model | bpe\.codes | vocabulary\.txt
    | chat_template\.(?:jinja|json) | [\w-]+\.jinja
    )""",
    re.VERBOSE | re.ASCII,
)
"""What libraries of the field load a model from. Weights are safetensors only: a pickle can run code."""


def base_of(run: RunFolder) -> dict[str, Any]:
    """What the run's model was fine-tuned from: `ModelSource` as plain values."""
    return dict(_description(run)["base"])


def check_weights(run: RunFolder, wanted: str) -> None:
    """Refuse weights that nobody could load.

    Args:
        run: A run with a trained model.
        wanted: `adapter`, `merged` or `both`.

    Raises:
        PublishError: There is no adapter, or its base model is not on the Hub.
    """
    description = _description(run)
    if wanted == "merged":
        return
    if not description["adapter"]:
        raise PublishError(
            f"All weights of {run.path} were trained: there is no adapter to publish.", "Publish the weights `merged`."
        )
    if description["base"]["revision"] is None:
        raise PublishError(
            f"The adapter was trained on {public_name(description['base']['name'])}, which is not on the Hub: nobody "
            "could load it.",
            "Publish the whole model: weights `merged`.",
        )


def copy_adapter(run: RunFolder, folder: Path) -> None:
    """The adapter with its head and tokenizer; it names its base by Hub id and commit."""
    _copy_allowed(run.model, folder)
    base = base_of(run)
    _change_json(folder / _ADAPTER_CONFIG, base_model_name_or_path=base["name"], revision=base["revision"])
    _describe(run, folder, adapter=True)


def copy_whole(run: RunFolder, folder: Path) -> None:
    """The whole model, the adapter added in where there is one. The sum is kept in the run, where a recipe that
    starts from it finds it, too.

    Raises:
        PublishError: It needs Python code that is not on the Hub.
    """
    source = run.model
    if _description(run)["adapter"]:
        source = run.path / MERGED
        if not source.exists():
            TrainedModel.load(run.path).save_merged(source)
    _copy_allowed(source, folder)
    _refuse_own_code(folder)
    _describe(run, folder, adapter=False)


def public_name(name: str) -> str:
    """What a model may be called elsewhere: a Hub id or a package's file as it is, of a local path the last part."""
    return name if name.startswith("pypi:") or not Path(name).is_absolute() else Path(name).name


def _description(run: RunFolder) -> dict[str, Any]:
    return dict(run.read_json(f"{run.model.name}/{DESCRIPTION}"))


def _describe(run: RunFolder, folder: Path, *, adapter: bool) -> None:
    """Write what the loaded model is: as in the run, but for the place of the base model, which was a local one."""
    description = _description(run)
    base = description["base"]
    name = base["name"] if base["revision"] is not None else public_name(base["name"])
    described = {**description, "adapter": adapter, "base": {**base, "path": name, "name": name}}
    text = json.dumps(described, indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _copy_allowed(source: Path, folder: Path) -> None:
    """Copy the files of a model, and name those that stay behind."""
    left = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name = path.relative_to(source).as_posix()
        if _ALLOWED.fullmatch(name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)  # not its rights: weights are saved for their owner alone
        elif name != DESCRIPTION:
            left.append(name)
    if left:
        log.warning("Not part of a model, so not published: %s.", ", ".join(left))


def _change_json(path: Path, **changes: Any) -> None:
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _refuse_own_code(folder: Path) -> None:
    """Code of a Hub repository is named with that repository (`org/name--module.Class`); no other is there for all."""
    path = folder / "config.json"
    classes = json.loads(path.read_text(encoding="utf-8")).get("auto_map", {}) if path.exists() else {}
    if any("--" not in str(name) for name in classes.values()):
        raise PublishError(
            "The base model brings Python code in a local folder, without which the published model does not load.",
            "Publish that model first, and fine-tune it from the Hub.",
        )
