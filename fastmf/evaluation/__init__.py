"""How good a model is, beside baselines on the same ratings."""

from fastmf.evaluation.errors_on import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
