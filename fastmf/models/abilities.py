"""What only some models can do, asked for in a way that says which ones can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmf.errors import ParameterError

if TYPE_CHECKING:
    from fastmf.models.base import RatingModel

__all__ = ["ability"]

_PURPOSES = {
    "explain": "explain predictions",
    "fold_in_users": "take in a person by their ratings alone",
    "partial_fit": "be updated with new ratings; train it again on all of them",
    "std_index": "tell standard deviations of predictions",
}


def ability(model: RatingModel, method: str) -> Any:
    """Return a method that not every model has.

    Parameters
    ----------
    model : RatingModel
    method : {"explain", "fold_in_users", "partial_fit", "std_index"}

    Returns
    -------
    callable
        The model's own.

    Raises
    ------
    ParameterError
        If the model has none; the message names the models that have.
    """
    if hasattr(model, method):
        return getattr(model, method)
    from fastmf.models import MODELS, model_class  # noqa: PLC0415 - it imports all models

    able = ", ".join(kind for kind in MODELS if hasattr(model_class(kind), method))
    raise ParameterError(
        f"a model of kind {model.kind} cannot {_PURPOSES[method]} (models that can: {able})"
    )
