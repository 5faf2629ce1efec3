"""What a fitted model of factors has and predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels import predictions
from fastmf.kernels.links import Link
from fastmf.models.fitted import FittedModel
from fastmf.models.losses import LinkName, sigmoid_ends
from fastmf.models.rows import FactorArrays
from fastmf.recommend import FactorScorer

__all__ = ["FittedFactors"]

# Optional, since models of old have none: what is not known adds nothing to their score.
_UNKNOWN = ("unknown_user_factors", "unknown_item_factors", "unknown_bias")


class FittedFactors(FittedModel):
    """A fitted model whose score is ``offset + user_bias + item_bias + user . item``.

    Attributes
    ----------
    user_factors_, item_factors_ : (n_users, k), (n_items, k) float32
        C-contiguous; memory-mapped in a loaded model.
    user_bias_, item_bias_ : (n_users,), (n_items,) float32
    unknown_user_factors_, unknown_item_factors_ : (k,) float32
        What an unknown user or item has in their place: zeros, or the mean row of a model
        without biases or with non-negative factors, for which zeros are not the middle.
    unknown_bias_ : (2,) float32
        The biases of an unknown user and of an unknown item, likewise.
    scale_ : float
        Units of the score in one of the rows' product in training; 0 where an old file has none.
    link_ : {"identity", "sigmoid"}
        How a score becomes a rating; see `fastmf.kernels.links`. The sigmoid runs between 0 and
        1 for ratings within, and over `rating_range_` for others.
    offset_ : float
        The score of a pair whose biases and factors are zero.

    See `FittedModel` for what every model has.
    """

    user_factors_: NDArray[np.float32]
    item_factors_: NDArray[np.float32]
    user_bias_: NDArray[np.float32]
    item_bias_: NDArray[np.float32]
    unknown_user_factors_: NDArray[np.float32]
    unknown_item_factors_: NDArray[np.float32]
    unknown_bias_: NDArray[np.float32]
    scale_: float
    link_: LinkName
    offset_: float

    def predict_index(
        self, user_index: NDArray[np.int32], item_index: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Predict ratings for dense indices; see `predict`.

        Parameters
        ----------
        user_index, item_index : (m,) int32
            Rows of the factors; -1 for the unknown.

        Returns
        -------
        (m,) float32
        """
        self._check_fitted()
        out = np.empty(len(user_index), np.float32)
        predictions.predict_pairs(user_index, item_index, *self.arrays, self.link, out)
        return out

    def squared_and_absolute_error(
        self,
        user_index: NDArray[np.int32],
        item_index: NDArray[np.int32],
        value: NDArray[np.float32],
    ) -> tuple[float, float]:
        """Return the sums of squared and of absolute errors; see `FittedModel`."""
        squared, absolute = predictions.squared_and_absolute_error(
            user_index, item_index, value, *self.arrays, self.link
        )
        return float(squared), float(absolute)

    @property
    def link(self) -> Link:
        """How a score becomes a rating, as kernels take it."""
        self._check_fitted()
        if self.link_ == "identity":
            return Link.identity(self.offset_, self.rating_range_)
        return Link.sigmoid(self.offset_, sigmoid_ends(self.rating_range_), self.rating_range_)

    @property
    def arrays(self) -> FactorArrays:
        """The parameters, in the order that kernels take them."""
        self._check_fitted()
        return FactorArrays(*(getattr(self, f"{name}_") for name in FactorArrays._fields))

    def set_arrays(self, arrays: FactorArrays) -> None:
        """Take parameters over as fitted attributes.

        Parameters
        ----------
        arrays : FactorArrays
        """
        for name, array in arrays._asdict().items():
            setattr(self, f"{name}_", array)

    def item_scorer(self) -> FactorScorer:
        """Return what scores all items for a few users; see `fastmf.recommend`."""
        arrays = self.arrays
        return FactorScorer(
            *arrays[:4],
            self.offset_,
            unknown_user=arrays.unknown_user_factors,
            unknown_user_bias=float(arrays.unknown_bias[0]),
        )

    def item_vectors(self) -> NDArray[np.float32]:
        """Return (n_items, k) the factors of the items."""
        self._check_fitted()
        return self.item_factors_

    def ratings_of(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn scores into ratings, not clipped; NaN stays NaN.

        Parameters
        ----------
        scores : float32
            Of any shape.

        Returns
        -------
        float32
        """
        self._check_fitted()
        if self.link_ == "identity":
            return scores
        bottom, top = sigmoid_ends(self.rating_range_)
        from scipy.special import expit  # noqa: PLC0415 - a tenth of a second that few need

        part: NDArray[np.float64] = expit(scores.astype(np.float64))
        return (bottom * (1 - part) + top * part).astype(np.float32)

    def _take(self, fitted: Any) -> None:
        """Take over what training came to: a `Fitted` of factors."""
        self.set_arrays(fitted.arrays)
        self.scale_ = fitted.scale
        self.link_ = "sigmoid" if fitted.link.is_sigmoid else "identity"
        self.offset_ = float(fitted.link.offset)

    def _saved_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of a model file."""
        return self.arrays._asdict()

    def _saved_record(self) -> dict[str, Any]:
        """Return what a model file records of the parameters besides arrays."""
        return {"link": self.link_, "offset": self.offset_, "scale": self.scale_}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> None:
        """Take parameters over from a model file, for the vocabularies that are there already."""
        arrays = _with_unknown(arrays)
        _check_shapes(arrays, len(self.users_), len(self.items_))
        self.set_arrays(FactorArrays(**{name: arrays[name] for name in FactorArrays._fields}))
        self.scale_ = float(record.get("scale", 0.0))
        self.link_ = record.get("link", "identity")
        if self.link_ not in get_args(LinkName):
            raise ValueError(f"link is {self.link_!r}, not {' or '.join(get_args(LinkName))}")
        self.offset_ = float(record.get("offset", self.mean_))


def _with_unknown(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return arrays with zeros for what the unknown add to a score, where a file has none."""
    k = arrays["user_factors"].shape[-1]
    sizes = dict(zip(_UNKNOWN, (k, k, 2), strict=True))
    return {name: np.zeros(size, np.float32) for name, size in sizes.items()} | dict(arrays)


def _check_shapes(arrays: Mapping[str, NDArray[Any]], n_users: int, n_items: int) -> None:
    """Refuse arrays of another size than the vocabularies: kernels do not check bounds."""
    k = arrays["user_factors"].shape[-1]
    shapes = {
        "user_factors": (n_users, k),
        "item_factors": (n_items, k),
        "user_bias": (n_users,),
        "item_bias": (n_items,),
        "unknown_user_factors": (k,),
        "unknown_item_factors": (k,),
        "unknown_bias": (2,),
    }
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.float32:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not float32 {shape}")
