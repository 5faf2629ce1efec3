"""Batch normalization over the rows of the whole batch, not of a shard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.networks.normalization import (
    column_moments,
    gradient_means,
    moment_terms,
    normalize,
    normalize_gradient,
    normalize_sums,
)
from fastmf.nn.parameters import Parameter
from fastmf.nn.tape import Tape

__all__ = ["BatchNorm"]

Array = NDArray[Any]


class BatchNorm:
    """Give each column mean 0 and variance 1, then a scale and a shift that are learned.

    Ioffe and Szegedy (2015). The variance in use is the biased one of the batch; the running one is
    the unbiased, as in PyTorch. A batch of one row has no variance: it is normalized by the
    running statistics and leaves them as they are.

    Shards are synchronised: between a shard's sums and what is made of them, `combine_forward`
    and `combine_backward` add the sums of all shards in order.

    Parameters
    ----------
    n : int
        Columns.
    momentum : float, optional
        Part of a batch's statistics in the running ones.
    epsilon : float, optional
        Added to the variance.
    name : str, optional
        Of the parameters ``name.scale``, ``name.shift`` and the statistics ``name.mean``,
        ``name.variance``, all (n,).
    """

    def __init__(
        self, n: int, *, momentum: float = 0.1, epsilon: float = 1e-5, name: str = "batch_norm"
    ) -> None:
        self.n_outputs, self.momentum, self.epsilon = n, momentum, epsilon
        self.scale = Parameter(f"{name}.scale", np.ones(n, np.float32), decays=False)
        self.shift = Parameter(f"{name}.shift", np.zeros(n, np.float32), decays=False)
        self.mean = Parameter(f"{name}.mean", np.zeros(n, np.float32), decays=False)
        self.variance = Parameter(f"{name}.variance", np.ones(n, np.float32), decays=False)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Scale and shift."""
        return self.scale, self.shift

    @property
    def statistics(self) -> tuple[Parameter, ...]:
        """Running mean and variance: no gradient changes them, but they belong to the model."""
        return self.mean, self.variance

    def sum_forward(self, x: Array, tape: Tape) -> None:
        """Sum the columns of a shard, and their squares.

        Parameters
        ----------
        x : ndarray
            (m, n).
        tape : Tape
        """
        column_moments(x, *tape.buffer(self, "moments", (2, x.shape[1]), np.float64))

    def combine_forward(self, tapes: Sequence[Tape]) -> None:
        """Make mean and variance of the batch of all shards' sums, and update the running ones.

        Parameters
        ----------
        tapes : sequence of Tape
            All shards of the batch, in order.
        """
        shape = 2, self.n_outputs
        moments = np.stack([tape.buffer(self, "moments", shape, np.float64) for tape in tapes])
        mean, inverse = np.empty_like(self.scale.value), np.empty_like(self.scale.value)
        moment_terms(
            *(moments, len(tapes), 0, tapes[0].n_batch, self.momentum, self.epsilon),
            *(self.mean.value, self.variance.value, mean, inverse),
        )
        for tape in tapes:
            tape.keep(self, "terms", (mean, inverse))

    def forward(self, x: Array, tape: Tape) -> Array:
        """Return the normalized shard; see `Layer.forward`."""
        if tape.training:
            terms = tape.kept(self, "terms")
            tape.keep(self, "x", (x,))
        else:
            terms = self._running_terms()
        out = tape.buffer(self, "y", x.shape)
        normalize(x, *terms, self.scale.value, self.shift.value, out)
        return out

    def sum_backward(self, dy: Array, tape: Tape) -> None:
        """Assign a shard's gradients of scale and shift, which are the sums needed.

        Parameters
        ----------
        dy : ndarray
            (m, n).
        tape : Tape
        """
        (x,), terms = tape.kept(self, "x"), tape.kept(self, "terms")
        normalize_sums(dy, x, *terms, *map(tape.gradient, self.parameters))

    def combine_backward(self, tapes: Sequence[Tape]) -> None:
        """Add the sums of all shards.

        Parameters
        ----------
        tapes : sequence of Tape
        """
        means = []
        for parameter in (self.shift, self.scale):
            parts = np.stack([tape.gradient(parameter) for tape in tapes])
            means.append(np.empty_like(parts[0]))
            gradient_means(parts, len(tapes), 0, tapes[0].n_batch, means[-1])
        for tape in tapes:
            tape.keep(self, "means", tuple(means))

    def backward(self, dy: Array, tape: Tape) -> Array:
        """Return the gradient by the input; see `Layer.backward`."""
        (x,), terms, means = (tape.kept(self, name) for name in ("x", "terms", "means"))
        normalize_gradient(dy, x, *terms, self.scale.value, *means)
        return dy

    def _running_terms(self) -> tuple[Array, Array]:
        """Return running mean and inverse standard deviation as kernels take them."""
        dtype, variance = self.scale.value.dtype, self.variance.value
        inverse = 1 / np.sqrt(variance.astype(np.float64) + self.epsilon)
        return self.mean.value.astype(dtype), inverse.astype(dtype)
