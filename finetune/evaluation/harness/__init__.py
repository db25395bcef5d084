"""Scores of other harnesses: run here, or read from their files, into a run's `evaluation.json`.

scores.py           one metric of one task, with its interval
result_files.py     a file of results -> scores, whichever harness wrote it
lm_eval_results.py  … of lm-evaluation-harness
lighteval_results.py  … of lighteval
running.py          lm-evaluation-harness on a model that is in memory (the extra `harness`)
"""

from finetune.evaluation.harness.result_files import convert, read_results
from finetune.evaluation.harness.running import Wishes, run_lm_eval
from finetune.evaluation.harness.scores import BenchmarkScore, joined

__all__ = ["BenchmarkScore", "Wishes", "convert", "joined", "read_results", "run_lm_eval"]
