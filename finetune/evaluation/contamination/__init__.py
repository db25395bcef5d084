"""Whether the test rows were learned from: by the fine-tuning, or by the pretrained model before it.

training_rows.py  test rows among the training rows, and what they do to the score (overlap.py, effect.py)
exposure.py       whether a pretrained language model has seen the test rows: both looks, and what they cannot show
ordering.py       … by the order of the rows
membership.py     … by how likely it finds them beside texts that it cannot have seen (token_scores.py,
                  discrimination.py, blind.py)
language_models.py  the model that is asked
verdicts.py       the words for what was found
"""

from finetune.evaluation.contamination.exposure import examine_exposure, not_exposed
from finetune.evaluation.contamination.language_models import LanguageModel, load_language_model
from finetune.evaluation.contamination.training_rows import examine_training_rows, has_text, look_for_rows

__all__ = [
    "LanguageModel", "examine_exposure", "examine_training_rows", "has_text", "load_language_model", "look_for_rows",
    "not_exposed",
]  # fmt: skip
