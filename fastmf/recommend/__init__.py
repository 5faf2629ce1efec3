"""Exact top-N recommendations and similar items; knows a model by a protocol only."""

from fastmf.recommend.scoring import FactorScorer, ItemScorer, TopN
from fastmf.recommend.top_n import (
    Recommendations,
    RecommendingModel,
    recommend,
    recommend_top_n,
    similar_items,
)

__all__ = [
    "FactorScorer",
    "ItemScorer",
    "Recommendations",
    "RecommendingModel",
    "TopN",
    "recommend",
    "recommend_top_n",
    "similar_items",
]
