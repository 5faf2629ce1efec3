"""What AutoRec's scores stand for: the ratings themselves, or a sigmoid over their range.

A score is ``product of codes and output weights + output bias + centre of the row``, in units of
the standardised ratings. Through a sigmoid it becomes ``base + height * sigmoid(offset + unit *
score)``, which is 0 at the score 0 and has the slope 1 there: both kinds start alike, and the same
rates suit them.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.data.row_layout import ValueScale
from fastmf.kernels.autoencoder.column_products import OutputForm
from fastmf.kernels.links import Link
from fastmf.models.losses import sigmoid_ends
from fastmf.models.networks.objectives import logit, sigmoid

__all__ = ["Output"]


class Output(NamedTuple):
    """How scores become ratings, standardised and not.

    Attributes
    ----------
    form : OutputForm
        For standardised ratings.
    link : Link
        For ratings.
    unit : float
        What a score is multiplied by for the link.
    """

    form: OutputForm
    link: Link
    unit: float

    @classmethod
    def of(cls, name: str, scale: ValueScale, rating_range: tuple[float, float]) -> Self:
        """Return the output of a name.

        Parameters
        ----------
        name : {"linear", "sigmoid"}
        scale : ValueScale
            Mean and spread of the ratings.
        rating_range : tuple of float
            Lowest and highest rating.

        Returns
        -------
        Output
        """
        bottom, top = sigmoid_ends(rating_range)
        if name == "linear" or not top > bottom:
            form = OutputForm(np.bool_(False), *map(np.float32, (0, 1, 0, 1)))
            return cls(form, Link.identity(scale.mean, rating_range), scale.scale)
        offset = logit((scale.mean - bottom) / (top - bottom))
        part = float(sigmoid(np.array(offset)))
        height = (top - bottom) / scale.scale
        unit = 1 / (height * part * (1 - part))
        numbers = offset, unit, (bottom - scale.mean) / scale.scale, height
        form = OutputForm(np.bool_(True), *map(np.float32, numbers))
        return cls(form, Link.sigmoid(offset, (bottom, top), rating_range), unit)

    def values(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the standardised ratings that scores stand for.

        Parameters
        ----------
        scores : ndarray of float32

        Returns
        -------
        ndarray of float32
        """
        form = self.form
        if not form.is_sigmoid:
            return scores
        return form.base + form.height * sigmoid(form.offset + form.unit * scores)
