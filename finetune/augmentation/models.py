"""Texts rewritten by models that the recipe names: masked words filled, sentences translated there and back."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from finetune.augmentation.edits import ModelEdit
from finetune.errors import SourceError
from finetune.lexicons.synonyms import is_function_word
from finetune.models import load_pretrained, longest_input
from finetune.sources import ModelSource, resolve_model
from finetune.task import load_task
from finetune.text.edits.negation import is_negation, unless_negated
from finetune.text.edits.synonyms import free_words
from finetune.text.edits.words import Word, find_words, how_many, like_case, some, splice

TOGETHER = 32
"""Texts that a model sees at a time."""
CANDIDATES = 20
"""Likeliest fillings of a mask that one is drawn from."""
BEAMS = 5
"""Translations that one is drawn from."""
_SPACES = re.compile(r"^(\s*)(.*?)(\s*)$", re.DOTALL)


def named(source: ModelSource) -> str:
    """A model's name with its commit, for the record."""
    return source.name + (f" at {source.revision}" if source.revision else "")


@dataclass(frozen=True)
class MaskedModel(ModelEdit):
    """Words replaced by what a masked language model finds likely in their place.

    Drawn by probability from the likeliest whole words; no negation comes or goes, words of grammar stay. The model
    does not know the label: it may find "bad" as likely as "good", so look at a preview.

    Attributes:
        source: The model, with its masked-language-model head.
    """

    source: ModelSource = field(kw_only=True)

    @property
    def note(self) -> str:
        return f"Words are filled in by {named(self.source)}."

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        model, tokenizer = load_task("fill-mask").load(self.source)  # refuses a head that would be drawn at random
        return model.eval().to(_device()), tokenizer

    def batch(self, texts: Sequence[str], generators: Sequence[random.Random]) -> list[str]:
        plans = [self._masked(text, rng) for text, rng in zip(texts, generators, strict=True)]
        asked = [i for i, places in enumerate(plans) if places]
        edited = list(texts)
        for start in range(0, len(asked), TOGETHER):
            part = asked[start : start + TOGETHER]
            filled = self._likely([self._with_masks(texts[i], plans[i]) for i in part])
            for i, options in zip(part, filled, strict=True):
                edited[i] = self._filled(texts[i], plans[i], options, generators[i])
        return edited

    def _masked(self, text: str, rng: random.Random) -> list[Word]:
        """The words to be replaced, in their order."""
        words = find_words(text)
        mask = self._loaded[1].mask_token
        if mask in text:  # its own masks could not be told from ours
            return []
        able = [i for i in free_words(text, words) if not is_function_word(words[i].text.lower())]
        return [words[i] for i in sorted(some(able, how_many(self.strength, len(words), rng, whole=True), rng))]

    def _with_masks(self, text: str, places: Sequence[Word]) -> str:
        return splice(text, ((word.start, word.end, self._loaded[1].mask_token) for word in places))

    def _likely(self, texts: Sequence[str]) -> list[list[list[tuple[str, float]]]]:
        """Per text and mask (those that the model sees of a long text) whole words with their probabilities."""
        import torch

        model, tokenizer = self._loaded
        limit = longest_input(model, tokenizer)
        inputs = tokenizer(list(texts), padding=True, truncation=limit is not None, max_length=limit,
                           return_tensors="pt").to(model.device)  # fmt: skip
        with torch.inference_mode():
            logits = model(**inputs).logits
        found: list[list[list[tuple[str, float]]]] = []
        for row, ids in enumerate(inputs["input_ids"]):
            at = (ids == tokenizer.mask_token_id).nonzero().flatten()
            best = logits[row, at].float().softmax(-1).topk(min(CANDIDATES, logits.shape[-1]))
            found.append([
                [(word, p) for i, p in zip(tokens, values, strict=True) if (word := self._word(i))]
                for tokens, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
            ])  # fmt: skip
        return found

    @cached_property
    def _words(self) -> dict[int, str]:
        return {}

    def _word(self, token: int) -> str:
        """The whole word that a token is; empty where it is a part of one, a mark, a sign or a negation."""
        if token not in self._words:
            tokenizer = self._loaded[1]
            word = "" if token in tokenizer.all_special_ids else tokenizer.decode([token]).strip()
            # A token that continues a word is written otherwise at the start of one.
            alone = tokenizer(f" {word}", add_special_tokens=False)["input_ids"] == [token]
            self._words[token] = word if alone and word.isalpha() and not is_negation(word) else ""
        return self._words[token]

    @staticmethod
    def _filled(
        text: str, places: Sequence[Word], options: Sequence[Sequence[tuple[str, float]]], rng: random.Random
    ) -> str:
        changes = []
        for word, likely in zip(places, options, strict=False):  # masks behind the model's limit have no options
            others = [(new, p) for new, p in likely if new.lower() != word.text.lower()]
            if others:
                new = rng.choices([o for o, _ in others], [p for _, p in others])[0]
                changes.append((word.start, word.end, (like_case(new, word.text) or new) if new.islower() else new))
        return splice(text, changes)


@dataclass(frozen=True)
class BackTranslation(ModelEdit):
    """Texts translated into another language and back, line by line (Sennrich, Haddow and Birch 2016, ACL).

    On the way there one of the best beams is drawn, on the way back the best is taken; so copies differ, and nothing
    depends on what else is in the batch. A line stays as it is where it is longer than a model takes, where a
    translation does not come to an end, and where a negation comes or goes. The strength is not looked at.

    Attributes:
        there: Sequence-to-sequence model of one direction, such as a Marian model.
        back: One of the opposite direction.
    """

    there: ModelSource = field(kw_only=True)
    back: ModelSource = field(kw_only=True)

    @property
    def note(self) -> str:
        return f"Texts are translated by {named(self.there)} and back by {named(self.back)}."

    @cached_property
    def _translators(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        return _translator(self.there), _translator(self.back)

    def batch(self, texts: Sequence[str], generators: Sequence[random.Random]) -> list[str]:
        lines = [text.splitlines(keepends=True) for text in texts]
        flat = [(i, _SPACES.match(line)) for i, found in enumerate(lines) for line in found]
        bodies = [match.group(2) if match else "" for _, match in flat]
        abroad = _translate(self._translators[0], bodies, BEAMS)
        drawn = [generators[i].choice(options) if options else "" for (i, _), options in zip(flat, abroad, strict=True)]
        home = _translate(self._translators[1], drawn, 1)
        edited = [""] * len(texts)
        for (i, match), body, found in zip(flat, bodies, home, strict=True):
            edited[i] += (
                f"{match.group(1)}{unless_negated(body, found[0]) if found else body}{match.group(3)}"
                if match
                else body
            )
        return edited


def _translator(source: ModelSource) -> tuple[Any, Any]:
    model, tokenizer = load_pretrained("AutoModelForSeq2SeqLM", source, {})
    if model.new_modules:
        listed = ", ".join(model.new_modules)
        raise SourceError(
            f"{source.name} is no translation model: {listed} would be random.",
            "Choose a sequence-to-sequence model of one direction: the Hub lists them under translation.",
        )
    return model.eval().to(_device()), tokenizer


def _translate(translator: tuple[Any, Any], texts: Sequence[str], beams: int) -> list[list[str]]:
    """Up to `beams` different translations of each text, best first; none of an empty, too long or endless one."""
    model, tokenizer = translator
    limit = longest_input(model, tokenizer) or 512
    lengths = [len(ids) for ids in tokenizer(list(texts), verbose=False)["input_ids"]] if texts else []
    able = [i for i, text in enumerate(texts) if text.strip() and lengths[i] <= limit]
    able.sort(key=lambda i: lengths[i])  # little padding
    found: list[list[str]] = [[] for _ in texts]
    for start in range(0, len(able), TOGETHER):
        part = able[start : start + TOGETHER]
        room = min(limit - 1, 2 * lengths[part[-1]] + 10)
        outputs = _generate(model, tokenizer([texts[i] for i in part], padding=True, return_tensors="pt"), beams, room)
        for place, i in enumerate(part):
            ended = [ids for ids in outputs[place * beams : (place + 1) * beams] if _ends(ids, model)]
            spoken = (tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in ended)
            found[i] = [text for text in dict.fromkeys(spoken) if text]
    return found


def _generate(model: Any, inputs: Any, beams: int, room: int) -> np.ndarray:
    """(texts * beams, tokens) what the model says, without sampling."""
    import torch

    with torch.inference_mode():
        ids = model.generate(
            input_ids=inputs["input_ids"].to(model.device), attention_mask=inputs["attention_mask"].to(model.device),
            num_beams=beams, num_return_sequences=beams, do_sample=False, max_new_tokens=room, max_length=None,
        )  # fmt: skip
    tokens: np.ndarray = ids.cpu().numpy()
    return tokens


def _ends(ids: np.ndarray, model: Any) -> bool:
    """Whether a translation came to its end before there was no room left."""
    stop = model.generation_config.eos_token_id
    return bool(np.isin(ids[1:], stop).any())


def _device() -> Any:
    import torch

    from finetune.hardware import uses_cpu

    return torch.device("cpu") if uses_cpu() else torch.accelerator.current_accelerator()


def find_model(name: str) -> ModelSource:
    """A model that a recipe names for rewriting: pinned to a commit, code of its own never run.

    Raises:
        SourceError: There is no such model.
    """
    return resolve_model(name)
