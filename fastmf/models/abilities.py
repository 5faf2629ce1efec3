"""What only some models can do, asked for in a way that says which ones can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmf.errors import ParameterError

if TYPE_CHECKING:
    from fastmf.models.base import RatingModel

__all__ = ["PURPOSES", "MissingAbilityError", "ability", "missing_ability"]

PURPOSES = {
    "explain": "explain predictions",
    "fold_in_items": "take in an item by its ratings alone",
    "fold_in_users": "take in a person by their ratings alone",
    "partial_fit": "be updated with new ratings; train it again on all of them",
    "recommend_for": "recommend to a person by their ratings alone",
    "std_index": "tell standard deviations of predictions",
}
"""What the methods are for that not every model has."""


class MissingAbilityError(ParameterError, AttributeError):
    """A method asked for that a model does not have; an AttributeError for `hasattr`."""


def ability(model: RatingModel, method: str) -> Any:
    """Return a method that not every model has.

    Parameters
    ----------
    model : RatingModel
    method : str
        One of `PURPOSES`.

    Returns
    -------
    callable
        The model's own.

    Raises
    ------
    MissingAbilityError
        If the model has none; the message names the models that have.
    """
    if not hasattr(type(model), method):
        raise missing_ability(model, method)
    return getattr(model, method)


def missing_ability(model: RatingModel, method: str) -> MissingAbilityError:
    """Return an error that names the models that have a method.

    Parameters
    ----------
    model : RatingModel
        That has none.
    method : str
        One of `PURPOSES`.

    Returns
    -------
    MissingAbilityError
    """
    from fastmf.models import MODELS, model_class  # noqa: PLC0415 - it imports all models

    able = ", ".join(kind for kind in MODELS if hasattr(model_class(kind), method))
    return MissingAbilityError(
        f"a model of kind {model.kind} cannot {PURPOSES[method]} (models that can: {able})"
    )
