"""The edit behind each method of a recipe's `augmentation` section."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from finetune.augmentation.eda import DeleteWords, Eda, InsertWords, SwapWords
from finetune.augmentation.identities import IdentitySwap
from finetune.augmentation.models import BackTranslation, MaskedModel, find_model
from finetune.lexicons.synonyms import load_synonyms
from finetune.recipe import Transform
from finetune.text.edits.contractions import Contractions
from finetune.text.edits.edit import Edit
from finetune.text.edits.punctuation import Aeda, Punctuation
from finetune.text.edits.spelling import Case, Keyboard, Ocr
from finetune.text.edits.synonyms import ReplaceWords

EDITS: Mapping[str, type[Edit]] = {
    "aeda": Aeda, "eda": Eda, "synonyms": ReplaceWords, "random_insertion": InsertWords, "random_swap": SwapWords,
    "random_deletion": DeleteWords, "keyboard": Keyboard, "ocr": Ocr, "case": Case, "punctuation": Punctuation,
    "contractions": Contractions, "identity_swap": IdentitySwap, "back_translation": BackTranslation,
    "masked_model": MaskedModel,
}  # fmt: skip
"""Method -> its class; other methods act on whole rows."""
_WITH_SYNONYMS: Mapping[str, Callable[..., Edit]] = {
    "eda": Eda, "synonyms": ReplaceWords, "random_insertion": InsertWords,
}  # fmt: skip


def build_edit(transform: Transform) -> Edit:
    """The edit that a transform asks for, ready to be called; models are looked up now and loaded when first needed.

    Raises:
        NotFoundError: `lexicon` is not a WordNet.
        SourceError: A model is not to be had.
        KeyError: The method is not one on texts.
    """
    method, strength = transform.method, transform.strength
    if method in _WITH_SYNONYMS:
        return _WITH_SYNONYMS[method](strength, synonyms=load_synonyms(transform.lexicon))
    if method == "masked_model":
        return MaskedModel(strength, source=find_model(transform.models[0]))
    if method == "back_translation":
        there, back = (find_model(name) for name in transform.models)
        return BackTranslation(strength, there=there, back=back)
    return EDITS[method](strength)
