"""From the settings of an optimizer to its steps of embedding rows."""

from __future__ import annotations

from fastmf.nn.adam_rows import AdamSteps
from fastmf.nn.optimizers import SGD, AdaGrad, Adam, Optimizer, RProp
from fastmf.nn.other_rows import AdaGradSteps, MomentumSteps, RPropSteps
from fastmf.nn.row_steps import RowSteps

__all__ = ["row_steps"]


def row_steps(optimizer: Optimizer) -> RowSteps:
    """Return how an optimizer moves rows of embeddings.

    Parameters
    ----------
    optimizer : Optimizer

    Returns
    -------
    RowSteps

    Raises
    ------
    ParameterError
        If it is set to what cannot be made good for missed steps.
    """
    match optimizer:
        case Adam():
            return AdamSteps(optimizer)
        case SGD():
            return MomentumSteps(optimizer)
        case AdaGrad():
            return AdaGradSteps(optimizer)
        case RProp():
            return RPropSteps(optimizer)
