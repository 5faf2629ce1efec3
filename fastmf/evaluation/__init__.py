"""How good a model is, beside baselines on the same ratings."""

from fastmf.evaluation.errors_on import Evaluation, evaluate
from fastmf.evaluation.ranking import RankingEvaluation, evaluate_ranking

__all__ = ["Evaluation", "RankingEvaluation", "evaluate", "evaluate_ranking"]
