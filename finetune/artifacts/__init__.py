"""What stages hand on (data, a trained model, an evaluation, a bias audit), and the run folder that keeps them."""

from finetune.artifacts.data_audit import DataAudit
from finetune.artifacts.evaluation import BiasAudit, Evaluation
from finetune.artifacts.prepared_data import DataReport, PreparedData
from finetune.artifacts.run_folder import RunFolder
from finetune.artifacts.trained_model import TrainedModel

__all__ = ["BiasAudit", "DataAudit", "DataReport", "Evaluation", "PreparedData", "RunFolder", "TrainedModel"]
