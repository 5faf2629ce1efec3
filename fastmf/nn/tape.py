"""What one shard of a batch needs in a pass forward and back: rows, memory, gradients, sums."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastmf.nn.parameters import Parameter

__all__ = ["FlatTape", "Tape", "Workspace", "shard_rows_of", "shards"]

Array = NDArray[Any]

# Rows of a shard at most: products are as fast as they get, and activations of a few hundred units
# stay in the second-level cache.
_MOST_ROWS = 1024

# Shards that a batch is cut into where it is small, for as many threads.
_FEWEST_SHARDS = 8

# Rows below which a shard is not worth a thread.
_LEAST_ROWS = 512


def shard_rows_of(n_rows: int) -> int:
    """Return how many rows a shard of a batch has at most.

    Parameters
    ----------
    n_rows : int
        Of the batch.

    Returns
    -------
    int
    """
    return min(_MOST_ROWS, max(_LEAST_ROWS, -(-n_rows // _FEWEST_SHARDS)))


def shards(n_rows: int, shard_rows: int | None = None) -> list[slice]:
    """Cut the rows of a batch into shards of nearly equal length.

    Parameters
    ----------
    n_rows : int
        At least 1.
    shard_rows : int, optional
        Rows of a shard at most; default what suits the batch.

    Returns
    -------
    list of slice
        Depends on the arguments only, so that sums over shards have the same bits for any number
        of threads.
    """
    count = -(-n_rows // (shard_rows or shard_rows_of(n_rows)))
    bounds = [n_rows * number // count for number in range(count + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]


class Workspace:
    """Arrays kept from pass to pass by who asks for them and under what name.

    Attributes
    ----------
    kept : dict
        What layers need of the way forward on the way back; see `Tape.keep`.
    """

    def __init__(self) -> None:
        self._arrays: dict[tuple[int, str], Array] = {}
        self.kept: dict[tuple[int, str], tuple[Array, ...]] = {}

    def array(self, owner: object, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return an uninitialized C-contiguous array; see `Tape.buffer`.

        Parameters
        ----------
        owner : object
        name : str
        shape : tuple of int
        dtype : dtype

        Returns
        -------
        ndarray
        """
        key = id(owner), name
        kept = self._arrays.get(key)
        if kept is not None and kept.shape == shape and kept.dtype == dtype:
            return kept
        size = math.prod(shape)
        if kept is None or kept.base is None or kept.base.size < size or kept.dtype != dtype:
            # A base of its own, so that a shorter shard takes the front of it.
            base: Array = np.empty(size, dtype)
        else:
            base = kept.base
        self._arrays[key] = array = base[:size].reshape(shape)
        return array


class FlatTape(NamedTuple):
    """Parameters in one flat array, and a shard's gradients laid out in the same way.

    Attributes
    ----------
    parameters, gradients : ndarray
        (n,).
    starts : dict of int to int
        Where a parameter begins, by its `id`.
    """

    parameters: Array
    gradients: Array
    starts: dict[int, int]


class Tape:
    """One shard's way through a network.

    Parameters
    ----------
    rows : slice
        The shard's rows of the batch.
    n_batch : int
        Rows of the whole batch: losses are means over those.
    flat : FlatTape, optional
        Where gradients go; default arrays of their own for each parameter.
    workspace : Workspace, optional
        Default one of its own.
    step : int, optional
        Steps taken before, which random numbers depend on.
    seed : int, optional
        What else random numbers depend on.
    training : bool, optional
        False predicts: no dropout, running statistics.
    dtype : dtype, optional
        Of activations; float32 by default.

    Attributes
    ----------
    loss : float
        Sum of the loss over the rows, divided by `n_batch`; what a head adds to.
    squared_error : float
        Sum of squared errors in the unit of the ratings, for the curve of training.
    n_ratings : int
        Ratings that `squared_error` is of.
    """

    def __init__(
        self,
        rows: slice,
        n_batch: int,
        *,
        flat: FlatTape | None = None,
        workspace: Workspace | None = None,
        step: int = 0,
        seed: int = 0,
        training: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.rows, self.n_batch = rows, n_batch
        self.step, self.seed, self.training = step, seed, training
        self.dtype = np.dtype(dtype)
        self.workspace = workspace or Workspace()
        self.flat = flat
        self._gradients: dict[int, Array] = {}
        self.loss, self.squared_error, self.n_ratings = 0.0, 0.0, 0

    @property
    def n_rows(self) -> int:
        """Rows of the shard."""
        return int(self.rows.stop - self.rows.start)

    def buffer(
        self, owner: object, name: str, shape: tuple[int, ...], dtype: DTypeLike | None = None
    ) -> Array:
        """Return scratch memory that lives until the pass is over.

        Parameters
        ----------
        owner : object
            Who asks, usually a layer.
        name : str
            What for; the same name returns the same array for the rest of the pass.
        shape : tuple of int
        dtype : dtype, optional
            That of the tape by default.

        Returns
        -------
        ndarray
            C-contiguous, with whatever an earlier pass left in it.
        """
        return self.workspace.array(owner, name, shape, self.dtype if dtype is None else dtype)

    def keep(self, owner: object, name: str, arrays: tuple[Array, ...]) -> None:
        """Remember arrays for the way back.

        Parameters
        ----------
        owner : object
        name : str
        arrays : tuple of ndarray
        """
        self.workspace.kept[id(owner), name] = arrays

    def kept(self, owner: object, name: str) -> tuple[Array, ...]:
        """Return what `keep` was given on the way forward.

        Parameters
        ----------
        owner : object
        name : str

        Returns
        -------
        tuple of ndarray
        """
        return self.workspace.kept[id(owner), name]

    def gradient(self, parameter: Parameter) -> Array:
        """Return where this shard's gradient of a parameter goes.

        It is assigned to, never added to: a parameter belongs to one layer, and a layer has its
        gradient once in a pass. Every parameter must be assigned in every pass.

        Parameters
        ----------
        parameter : Parameter

        Returns
        -------
        ndarray
            In the shape of the parameter.
        """
        if self.flat is not None:
            start, value = self.flat.starts[id(parameter)], parameter.value
            return self.flat.gradients[start : start + value.size].reshape(value.shape)
        found = self._gradients.get(id(parameter))
        if found is None:
            found = self._gradients[id(parameter)] = np.zeros_like(parameter.value)
        return found

    def record(self, loss: float, squared_error: float, n_ratings: int) -> None:
        """Add to the sums over the shard.

        Parameters
        ----------
        loss : float
            Sum over rows, divided by `n_batch`.
        squared_error : float
            Sum over ratings, in the unit of the ratings.
        n_ratings : int
        """
        self.loss += float(loss)
        self.squared_error += float(squared_error)
        self.n_ratings += n_ratings
