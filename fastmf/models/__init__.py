"""The models, by name. A model is one module here and one line in `MODELS`."""

from __future__ import annotations

import os
from importlib import import_module
from typing import cast

from fastmf import model_file
from fastmf.errors import ModelFileError, ParameterError
from fastmf.models.base import RatingModel

__all__ = ["MODELS", "RatingModel", "load_model", "model_class"]

MODELS = {
    "mf": "fastmf.models.biased_mf:BiasedMF",
    "als": "fastmf.models.als:ALS",
    "implicit-als": "fastmf.models.implicit_als:ImplicitALS",
    "autorec": "fastmf.models.autorec:AutoRec",
    "dot": "fastmf.models.dot:Dot",
    "bias-dot": "fastmf.models.dot:BiasDot",
    "scaled-dot": "fastmf.models.dot:ScaledDot",
    "bce-dot": "fastmf.models.dot:BCEDot",
    "mlp": "fastmf.models.mlp:MLP",
    "residual": "fastmf.models.mlp:Residual",
    "hybrid": "fastmf.models.hybrid:Hybrid",
    "classify": "fastmf.models.classify:Classify",
    "interaction": "fastmf.models.interaction:Interaction",
    "multitask": "fastmf.models.interaction:Multitask",
}


def model_class(kind: str) -> type[RatingModel]:
    """Return the class of a model by its name on the command line.

    Parameters
    ----------
    kind : str

    Returns
    -------
    type

    Raises
    ------
    ParameterError
        If there is no such model.
    """
    if kind not in MODELS:
        raise ParameterError(f"there is no model {kind!r}; there are: {', '.join(MODELS)}")
    module, name = MODELS[kind].split(":")
    return cast(type[RatingModel], getattr(import_module(module), name))


def load_model(folder: str | os.PathLike[str]) -> RatingModel:
    """Open a saved model of any kind; its arrays are memory-mapped, nothing is executed.

    Parameters
    ----------
    folder : path

    Returns
    -------
    RatingModel

    Raises
    ------
    ModelFileError
        If the folder holds no model, or a damaged or newer one.
    """
    file = model_file.load_model_file(folder)
    if file.kind not in MODELS:
        raise ModelFileError(
            f"{os.fspath(folder)} holds a model of kind {file.kind!r}, which this fastmf does not "
            f"know (it knows {', '.join(MODELS)}); a newer fastmf may"
        )
    return model_class(file.kind).from_file(file)
