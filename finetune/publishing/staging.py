"""The folder of a model repository: exactly the files that go up, chosen by a list of what may."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from finetune.artifacts import Publication, RunFolder
from finetune.artifacts.run_folder import RECIPE
from finetune.errors import UsageError
from finetune.publishing.examples import EXAMPLES, choose_examples
from finetune.publishing.folders import filling, write_texts
from finetune.publishing.local_paths import drop_origins, refuse_local_paths
from finetune.publishing.weights import ADAPTER, base_of, check_weights, copy_adapter, copy_whole
from finetune.recipe import Recipe


def stage_model(run: RunFolder, publication: Publication, texts: Mapping[str, str], folder: Path) -> Path:
    """Write what is published of a run's model; whole or not at all.

    That is: weights as safetensors, configuration, tokenizer, `finetune.json`, `texts`, and `examples.json` where the
    publication asks for examples. Nothing else of the run: no optimizer, checkpoints, logs, data or predictions, and
    no path of this machine.

    Args:
        run: A run that has been evaluated.
        publication: What is published, in what form.
        texts: Relative path -> text of the card and the other small files; `recipe.yaml` has to be among them, since
            a loaded model reads its inputs as that says.
        folder: A new or empty folder.

    Returns:
        The folder.

    Raises:
        PublishError: The weights could not be loaded elsewhere, or a file names a folder of this machine.
        UsageError: The folder is not empty, or there is no recipe among the texts.
    """
    if RECIPE not in texts:
        raise UsageError(f"There is no {RECIPE} to publish with the model.", f"Give its text in texts[{RECIPE!r}].")
    check_weights(run, publication.weights)
    recipe = Recipe.from_yaml(run.path / RECIPE)
    with filling(folder) as partial:
        _copy_weights(run, publication, partial)
        drop_origins(partial)
        write_texts(texts, partial)
        if publication.examples:
            examples = choose_examples(run, recipe)
            write_texts({EXAMPLES: json.dumps(examples, indent=2, ensure_ascii=False) + "\n"}, partial)
        refuse_local_paths(partial, _places(run, recipe))
    return folder


def _copy_weights(run: RunFolder, publication: Publication, folder: Path) -> None:
    if publication.whole:
        copy_whole(run, folder)
    if publication.weights != "merged":
        copy_adapter(run, folder / ADAPTER if publication.whole else folder)


def _places(run: RunFolder, recipe: Recipe) -> list[str]:
    """Folders of this machine that the run knows of."""
    base = base_of(run)
    named = (run.path.resolve(), recipe.output.folder, recipe.data.name, recipe.model.name, base["path"], base["name"])
    return [str(place) for place in named]
