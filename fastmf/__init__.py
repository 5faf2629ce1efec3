"""Fast, reproducible recommenders from ratings on a multicore CPU.

Public names are imported on first use: ``import fastmf`` alone loads no compiled library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastmf._version import __version__
from fastmf.errors import (
    DataError,
    DivergenceError,
    FastMFError,
    MissingDependencyError,
    ModelFileError,
    NotFittedError,
    ParameterError,
)

if TYPE_CHECKING:
    from fastmf.data import (
        Ratings,
        Vocabulary,
        clean_ratings,
        k_folds,
        last_split,
        leave_n_out,
        pairs_split,
        random_split,
        read_ratings,
        time_split,
        user_split,
    )
    from fastmf.evaluation import evaluate, evaluate_ranking
    from fastmf.models import load_model
    from fastmf.models.als import ALS
    from fastmf.models.autorec import AutoRec
    from fastmf.models.biased_mf import BiasedMF
    from fastmf.models.classify import Classify
    from fastmf.models.dot import BCEDot, BiasDot, Dot, ScaledDot
    from fastmf.models.hybrid import Hybrid
    from fastmf.models.implicit_als import ImplicitALS
    from fastmf.models.interaction import Interaction, Multitask
    from fastmf.models.mlp import MLP, Residual
    from fastmf.training import RunSettings, TqdmProgress

__all__ = [
    "ALS",
    "MLP",
    "AutoRec",
    "BCEDot",
    "BiasDot",
    "BiasedMF",
    "Classify",
    "DataError",
    "DivergenceError",
    "Dot",
    "FastMFError",
    "Hybrid",
    "ImplicitALS",
    "Interaction",
    "MissingDependencyError",
    "ModelFileError",
    "Multitask",
    "NotFittedError",
    "ParameterError",
    "Ratings",
    "Residual",
    "RunSettings",
    "ScaledDot",
    "TqdmProgress",
    "Vocabulary",
    "__version__",
    "clean_ratings",
    "evaluate",
    "evaluate_ranking",
    "k_folds",
    "last_split",
    "leave_n_out",
    "load_model",
    "pairs_split",
    "random_split",
    "read_ratings",
    "time_split",
    "user_split",
]

_HOMES = {
    "ALS": "fastmf.models.als",
    "AutoRec": "fastmf.models.autorec",
    "BCEDot": "fastmf.models.dot",
    "BiasDot": "fastmf.models.dot",
    "BiasedMF": "fastmf.models.biased_mf",
    "Classify": "fastmf.models.classify",
    "Dot": "fastmf.models.dot",
    "Hybrid": "fastmf.models.hybrid",
    "ImplicitALS": "fastmf.models.implicit_als",
    "Interaction": "fastmf.models.interaction",
    "MLP": "fastmf.models.mlp",
    "Multitask": "fastmf.models.interaction",
    "Ratings": "fastmf.data",
    "Residual": "fastmf.models.mlp",
    "RunSettings": "fastmf.training",
    "ScaledDot": "fastmf.models.dot",
    "TqdmProgress": "fastmf.training",
    "Vocabulary": "fastmf.data",
    "clean_ratings": "fastmf.data",
    "evaluate": "fastmf.evaluation",
    "evaluate_ranking": "fastmf.evaluation",
    "k_folds": "fastmf.data",
    "last_split": "fastmf.data",
    "leave_n_out": "fastmf.data",
    "load_model": "fastmf.models",
    "pairs_split": "fastmf.data",
    "random_split": "fastmf.data",
    "read_ratings": "fastmf.data",
    "time_split": "fastmf.data",
    "user_split": "fastmf.data",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fastmf' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
