"""Fast, reproducible matrix factorization for ratings on a multicore CPU.

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
    from fastmf.evaluation import evaluate
    from fastmf.models import load_model
    from fastmf.models.als import ALS
    from fastmf.models.biased_mf import BiasedMF
    from fastmf.models.implicit_als import ImplicitALS
    from fastmf.training import RunSettings, TqdmProgress

__all__ = [
    "ALS",
    "BiasedMF",
    "DataError",
    "DivergenceError",
    "FastMFError",
    "ImplicitALS",
    "MissingDependencyError",
    "ModelFileError",
    "NotFittedError",
    "ParameterError",
    "Ratings",
    "RunSettings",
    "TqdmProgress",
    "Vocabulary",
    "__version__",
    "clean_ratings",
    "evaluate",
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
    "BiasedMF": "fastmf.models.biased_mf",
    "ImplicitALS": "fastmf.models.implicit_als",
    "Ratings": "fastmf.data",
    "RunSettings": "fastmf.training",
    "TqdmProgress": "fastmf.training",
    "Vocabulary": "fastmf.data",
    "clean_ratings": "fastmf.data",
    "evaluate": "fastmf.evaluation",
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
