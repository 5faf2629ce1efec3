"""Networks over a user's and an item's embedding: dot products, dense stacks, and both summed.

Lookup 0 is of users, lookup 1 of items. Where there are biases, they stand at the outer ends of the
gathered rows: ``[user bias, user factors, item factors, item bias]``, so that the factors of both
are one range of columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.models.networks.features import FeatureLayer
from fastmf.models.networks.objectives import Objective, RatingObjective
from fastmf.nn import EmbeddingNetwork, Parameter, Sequential, Tape
from fastmf.nn.embedding_network import Lookup
from fastmf.nn.network import PairHead

__all__ = ["DotNetwork", "PairNetwork", "ScaledDotNetwork"]

Array = NDArray[Any]


class PairNetwork(EmbeddingNetwork):
    """A trunk over both embeddings and what is known of user and item; no trunk outputs no score.

    Parameters
    ----------
    lookups : sequence of Lookup
        Of users, then of items.
    factors : int
        Length of an embedding without its bias.
    objective : Objective
    trunk : Sequential
        Takes the factors of the user, of the item, and the columns of `features`.
    features : sequence of FeatureLayer, optional
        Of users, of items, or of both.
    biased_dot : bool, optional
        Whether the biased dot product of the embeddings is added to the trunk's output.
    more : sequence of Parameter, optional
        As for `EmbeddingNetwork`.
    """

    def __init__(
        self,
        lookups: Sequence[Lookup],
        factors: int,
        objective: Objective,
        trunk: Sequential,
        *,
        features: Sequence[FeatureLayer] = (),
        biased_dot: bool = False,
        more: Sequence[Parameter] = (),
    ) -> None:
        own = [one for layer in features for one in layer.parameters]
        super().__init__(lookups, trunk, objective.loss, more=(*more, *own))
        self.factors, self.objective = factors, objective
        self.features, self.biased_dot = tuple(features), biased_dot
        self._shares = np.array(objective.dot_shares, lookups[0].table.dtype)

    def pair_head(self) -> PairHead | None:
        """See `fastmf.nn.network.Network.pair_head`."""
        objective = self.objective
        if self.features or not isinstance(objective, RatingObjective) or not objective.is_plain:
            return None
        scale = objective.mean, objective.spread
        return PairHead(self.trunk.layers, self.factors, self.biased_dot, *scale)

    @property
    def _inner(self) -> slice:
        """The columns of the factors."""
        return slice(int(self.biased_dot), self.n_columns - int(self.biased_dot))

    def trunk_input(self, rows: Array, batch: Any, tape: Tape) -> Array:
        """Return the factors, and the features behind them."""
        self._forget(rows, tape)
        inner = rows[:, self._inner]
        if not self.features:
            return inner
        widths = [2 * self.factors, *(layer.width for layer in self.features)]
        joined = tape.buffer(self, "input", (len(rows), sum(widths)))
        joined[:, : widths[0]] = inner
        start = widths[0]
        for layer in self.features:
            layer.forward(batch, joined[:, start : start + layer.width], tape)
            start += layer.width
        return joined

    def _forget(self, rows: Array, tape: Tape) -> None:
        """Set to zero the rows, or their gradients, of users and items that are taken for new."""
        for layer in self.features:
            layer.forget(rows[:, self.columns[layer.side == "item"]], tape)

    def take_input_gradient(self, dx: Array, gradients: Array, tape: Tape) -> None:
        """Put the gradient to the factors and to the embeddings of features."""
        start = 2 * self.factors
        if self.biased_dot:
            gradients[:, self._inner] += dx[:, :start]
        else:
            gradients[...] = dx[:, :start]
        self._forget(gradients, tape)
        for layer in self.features:
            layer.backward(dx[:, start : start + layer.width], tape)
            start += layer.width

    def head(self, output: Array, rows: Array, gradients: Array, batch: Any, tape: Tape) -> Array:
        """See `EmbeddingNetwork.head`."""
        slope = tape.buffer(self, "slope", output.shape)
        if self.biased_dot:
            output = output + self._biased_dot(rows) * self._shares
        self.objective.lose(output, batch.value[tape.rows], slope, tape)
        if self.biased_dot:
            by_dot = np.einsum("ij,j->i", slope, self._shares)[:, np.newaxis]
            self._derive_biased_dot(rows, by_dot, gradients)
        return slope

    def prediction(self, output: Array, rows: Array, batch: Any, tape: Tape) -> Array:
        """See `EmbeddingNetwork.prediction`."""
        if self.biased_dot:
            output = output + self._biased_dot(rows) * self._shares
        return self.objective.predictions(output)

    def _biased_dot(self, rows: Array) -> Array:
        """Return ``user bias + item bias + user . item``, (m, 1)."""
        user, item = self._halves(rows)
        score: Array = np.einsum("ij,ij->i", user, item)
        score += rows[:, 0]
        score += rows[:, -1]
        return score[:, np.newaxis]

    def _derive_biased_dot(self, rows: Array, slope: Array, gradients: Array) -> None:
        """Assign the gradient of the rows by the biased dot product."""
        for part, other in zip(self._halves(gradients), reversed(self._halves(rows)), strict=True):
            np.multiply(other, slope, out=part)
        gradients[:, 0] = gradients[:, -1] = slope[:, 0]

    def _halves(self, rows: Array) -> tuple[Array, Array]:
        k, first = self.factors, int(self.biased_dot)
        return rows[:, first : first + k], rows[:, first + k : first + 2 * k]


class DotNetwork(PairNetwork):
    """A dot product of the embeddings, with biases or without; the trunk may drop elements out."""

    def head(self, output: Array, rows: Array, gradients: Array, batch: Any, tape: Tape) -> Array:
        """See `EmbeddingNetwork.head`; `output` is the rows, or what dropout left of them."""
        slope = tape.buffer(self, "slope", (len(rows), 1))
        self.objective.lose(self._scores(output), batch.value[tape.rows], slope, tape)
        # Nothing behind writes elsewhere: the gradient by the trunk's output may be that by rows.
        by_output = gradients
        if self.trunk.layers:
            by_output = tape.buffer(self, "by_output", output.shape)
        self._derive(output, slope, by_output, tape)
        return by_output

    def trunk_input(self, rows: Array, batch: Any, tape: Tape) -> Array:
        """Return the rows, biases included."""
        return rows

    def take_input_gradient(self, dx: Array, gradients: Array, tape: Tape) -> None:
        """See `EmbeddingNetwork.take_input_gradient`."""
        if self.trunk.layers:
            gradients[...] = dx

    def prediction(self, output: Array, rows: Array, batch: Any, tape: Tape) -> Array:
        """See `EmbeddingNetwork.prediction`."""
        return self.objective.predictions(self._scores(output))

    def _scores(self, rows: Array) -> Array:
        if self.biased_dot:
            return self._biased_dot(rows)
        user, item = self._halves(rows)
        score: Array = np.einsum("ij,ij->i", user, item)
        return score[:, np.newaxis]

    def _derive(self, rows: Array, slope: Array, gradients: Array, tape: Tape) -> None:
        if self.biased_dot:
            self._derive_biased_dot(rows, slope, gradients)
            return
        for part, other in zip(self._halves(gradients), reversed(self._halves(rows)), strict=True):
            np.multiply(other, slope, out=part)


class ScaledDotNetwork(DotNetwork):
    """``(user + user bias) . (item + item bias) + bias``: biases are added to every factor.

    Parameters
    ----------
    lookups, factors, objective, trunk
        As for `PairNetwork`.
    """

    def __init__(
        self, lookups: Sequence[Lookup], factors: int, objective: Objective, trunk: Sequential
    ) -> None:
        users, items = (lookup.table.values for lookup in lookups)
        # The product of the biases alone, so that scores start around zero.
        start = -factors * float(users[0, 0]) * float(items[0, -1])
        self.bias = Parameter("bias", np.full(1, start, np.float32), decays=False)
        super().__init__(lookups, factors, objective, trunk, biased_dot=True, more=(self.bias,))

    def _scores(self, rows: Array) -> Array:
        user, item = self._shifted(rows)
        score: Array = np.einsum("ij,ij->i", user, item)
        score += self.bias.value
        return score[:, np.newaxis]

    def _shifted(self, rows: Array) -> tuple[Array, Array]:
        user, item = self._halves(rows)
        return user + rows[:, :1], item + rows[:, -1:]

    def _derive(self, rows: Array, slope: Array, gradients: Array, tape: Tape) -> None:
        user, item = self._shifted(rows)
        by_user, by_item = self._halves(gradients)
        np.multiply(item, slope, out=by_user)
        np.multiply(user, slope, out=by_item)
        gradients[:, 0] = by_user.sum(axis=1)
        gradients[:, -1] = by_item.sum(axis=1)
        tape.gradient(self.bias)[0] = slope.sum()
