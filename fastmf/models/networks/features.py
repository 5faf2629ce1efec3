"""Metadata as input of a network: numbers as they are, texts as the mean of learned embeddings."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastmf.data.item_features import Features
from fastmf.kernels.networks.level_means import add_level_gradients, level_means
from fastmf.nn import Parameter, Tape
from fastmf.nn.dropout import Dropout

__all__ = ["FeatureLayer"]

Array = NDArray[Any]


class FeatureLayer:
    """The features of a batch's users or items.

    A column of texts is the mean of the embeddings of its levels: the embedding itself where there
    is one, zeros where nothing is known.

    Parameters
    ----------
    features : Features
        (n + 1) rows; the last is that of index -1.
    side : {"user", "item"}
        Whose they are. The embeddings of levels are the parameter ``user.levels`` or
        ``item.levels``, (n_levels, width).
    width : int
        Length of a level's embedding.
    generator : numpy.random.Generator
        Draws the embeddings.
    cold_rate : float, optional
        Part of a batch's ratings whose user or item is taken for a new one, with zeros in place
        of its own embedding, so that the network learns to do with features alone; Volkovs, Yu and
        Poutanen (2017), "DropoutNet: Addressing cold start in recommender systems".
    """

    def __init__(
        self,
        features: Features,
        side: Literal["user", "item"],
        width: int,
        *,
        generator: np.random.Generator,
        cold_rate: float = 0.0,
    ) -> None:
        self.features, self.side, self._of_level = features, side, width
        # A number far from those of the dropouts in a stack.
        self._cold = Dropout(cold_rate, number=1000 + (side == "item"))
        shape = (max(features.n_levels, 1), width)
        start = generator.standard_normal(shape, dtype=np.float32) * np.float32(0.05)
        self.levels = Parameter(f"{side}.levels", start, decays=True)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The embeddings of levels, where there are any."""
        return (self.levels,) if self.features.n_texts else ()

    @property
    def n_numbers(self) -> int:
        """Columns of numbers."""
        return int(self.features.numbers.shape[1])

    @property
    def width(self) -> int:
        """Columns of the network's input."""
        return self.n_numbers + self.features.n_texts * self._of_level

    @property
    def cold_rate(self) -> float:
        """Part of the ratings whose user or item is taken for a new one in training."""
        return self._cold.rate

    def forget(self, rows: Array, tape: Tape) -> None:
        """Set the rows of those to zero that a shard takes for new; also on the way back.

        Parameters
        ----------
        rows : (m, width) ndarray
            Embeddings of this side, with their biases, or the gradient by them. Modified in place.
        tape : Tape
        """
        if self.cold_rate and tape.training:
            ones = tape.buffer(self, "ones", (len(rows), 1))
            ones[...] = 1
            # What is left of ones is scaled up; here rows are whole or not there.
            rows *= self._cold.forward(ones, tape) > 0

    def forward(self, batch: Any, out: Array, tape: Tape) -> None:
        """Write the features of a shard.

        Parameters
        ----------
        batch : object
        out : (m, width) ndarray
            Assigned.
        tape : Tape
        """
        index = (batch.user_index if self.side == "user" else batch.item_index)[tape.rows]
        if tape.training:
            tape.keep(self, "index", (index,))
        self.write(index, out)

    def write(self, index: Array, out: Array) -> None:
        """Write the features of rows.

        Parameters
        ----------
        index : (m,) int32
            -1 for the unknown.
        out : (m, width) ndarray
            Assigned.
        """
        n = self.n_numbers
        out[:, :n] = self.features.numbers[index]
        if self.features.n_texts:
            starts, levels = self.features.starts, self.features.levels
            means = level_means if out.dtype == np.float32 else level_means.py_func
            means(index, starts, levels, self.features.n_texts, self.levels.value, out[:, n:])

    def all_rows(self) -> Array:
        """Return the features of all rows, that of the unknown behind them: (n + 1, width)."""
        n = len(self.features.numbers)
        out = np.empty((n, self.width), np.float32)
        self.write(np.arange(n, dtype=np.int32), out)
        return out

    def backward(self, dy: Array, tape: Tape) -> None:
        """Assign the gradient of the embeddings of levels.

        Parameters
        ----------
        dy : (m, width) ndarray
            Gradient by the output.
        tape : Tape
        """
        if not self.features.n_texts:
            return
        (index,) = tape.kept(self, "index")
        gradient = tape.gradient(self.levels)
        gradient[...] = 0
        starts, levels = self.features.starts, self.features.levels
        part = dy[:, self.n_numbers :]
        add = add_level_gradients if dy.dtype == np.float32 else add_level_gradients.py_func
        add(index, starts, levels, self.features.n_texts, part, gradient)
