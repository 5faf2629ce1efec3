"""What training a network over pairs leaves: rows, layers and how outputs become predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.blas import one_blas_thread
from fastmf.models.networks.census import RatingCensus
from fastmf.models.networks.fitting import known_rows, shrunk_biases
from fastmf.models.networks.objectives import Objective
from fastmf.models.networks.pair_networks import PairNetwork
from fastmf.models.networks.pair_predictor import (
    DotTerms,
    PairPredictor,
    PredictionLayer,
    prediction_layers,
)
from fastmf.nn.activations import ACTIVATIONS

__all__ = ["PairRows", "PairState"]

Floats = NDArray[np.float32]
Index = NDArray[np.int32]


class PairRows(NamedTuple):
    """What a network knows of users and items; the last row of each is that of the unknown."""

    user_factors: Floats  # (n_users + 1, k)
    item_factors: Floats  # (n_items + 1, k)
    user_bias: Floats  # (n_users + 1,) zeros where there are none
    item_bias: Floats  # (n_items + 1,)
    user_features: Floats  # (n_users + 1, f) metadata; no columns where there is none
    item_features: Floats  # (n_items + 1, g)


@dataclass(frozen=True)
class PairState:
    """Parameters of a trained network, as it predicts.

    Attributes
    ----------
    rows : PairRows
    layers : tuple of PredictionLayer
        The first takes user factors, user features, item factors, item features.
    objective : Objective
    rating_range : tuple of float
        What predictions are clipped to.
    biased_dot : bool
        Whether the biased dot product of the factors is added to the output.
    """

    rows: PairRows
    layers: tuple[PredictionLayer, ...]
    objective: Objective
    rating_range: tuple[float, float]
    biased_dot: bool

    @classmethod
    def of(
        cls, network: PairNetwork, census: RatingCensus, rating_range: tuple[float, float]
    ) -> PairState:
        """Return the state of a network as it is.

        Parameters
        ----------
        network : PairNetwork
            All rows of its tables up to date.
        census : RatingCensus
        rating_range : tuple of float

        Returns
        -------
        PairState
        """
        counts = census.user_counts, census.item_counts
        cold = {layer.side for layer in network.features if layer.cold_rate}
        rows = [
            known_rows(lookup.table, of_side, zeros=side in cold)
            for side, lookup, of_side in zip(("user", "item"), network.lookups, counts, strict=True)
        ]
        k, biased = network.factors, network.biased_dot
        factors = rows[0][:, -k:], rows[1][:, :k]
        biases = tuple(np.zeros(len(row), np.float32) for row in rows)
        if biased:
            outer = rows[0][:, 0], rows[1][:, -1]
            biases = tuple(shrunk_biases(*of_side) for of_side in zip(outer, counts, strict=True))
        features = [np.zeros((len(row), 0), np.float32) for row in rows]
        for layer in network.features:
            side = 0 if layer.side == "user" else 1
            features[side] = layer.all_rows()
        first, *rest = prediction_layers(network.trunk)
        ends = np.cumsum([0, k, k, *(part.shape[1] for part in features)])
        places = [np.arange(ends[n], ends[n + 1]) for n in (0, 2, 1, 3)]
        first = first._replace(weights=first.weights[np.concatenate(places)])
        arrays = (*factors, *biases, *features)
        return cls(
            PairRows(*(np.ascontiguousarray(array) for array in arrays)),
            (first, *rest),
            network.objective,
            rating_range,
            biased,
        )

    @cached_property
    def predictor(self) -> PairPredictor:
        """What computes outputs."""
        rows = self.rows
        shares = np.array(self.objective.dot_shares, np.float32)
        return PairPredictor(
            np.hstack([rows.user_factors, rows.user_features]),
            np.hstack([rows.item_factors, rows.item_features]),
            self.layers,
            DotTerms(*rows[:4], shares) if self.biased_dot else None,
        )

    def predict(self, user_index: Index, item_index: Index) -> Floats:
        """Return clipped predictions for pairs; -1 for the unknown.

        Parameters
        ----------
        user_index, item_index : (m,) int32

        Returns
        -------
        (m,) float32
        """
        predicted = self.objective.predictions(self.predictor.outputs(user_index, item_index))
        clipped: Floats = np.clip(predicted, *self.rating_range).astype(np.float32, copy=False)
        return clipped

    def squared_and_absolute_error(
        self, user_index: Index, item_index: Index, value: Floats
    ) -> tuple[float, float]:
        """Return the sums of squared and of absolute errors.

        Parameters
        ----------
        user_index, item_index : (m,) int32
        value : (m,) float32
            Ratings; predictions are compared with what the objective makes of them.

        Returns
        -------
        (float, float)
        """
        error = self.predict(user_index, item_index).astype(np.float64)
        error -= self.objective.targets(value)
        return float(error @ error), float(np.abs(error).sum())

    def score_all_items(self, user_index: Index, scores: Floats) -> None:
        """Write the score of every item for each user; see `fastmf.recommend.ItemScorer`.

        Parameters
        ----------
        user_index : (m,) int32
            -1 for an unknown one.
        scores : (m, n_items) float32
        """
        with one_blas_thread():
            for row, user in enumerate(user_index):
                scores[row] = self.objective.scores(self.predictor.all_items(int(user)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the parameters by name, for a model file."""
        found: dict[str, NDArray[Any]] = {}
        for name, rows in self.rows._asdict().items():
            if name.endswith("bias") and not self.biased_dot:
                continue
            found[name], found[f"unknown_{name}"] = rows[:-1], rows[-1:]
        for number, layer in enumerate(self.layers, 1):
            found[f"layer_{number}_weights"] = layer.weights
            found[f"layer_{number}_bias"] = layer.bias
        return {name: array for name, array in found.items() if array.size}

    def record(self) -> dict[str, Any]:
        """Return what else a model file must tell."""
        return {
            "objective": self.objective.record(),
            "activations": [layer.activation for layer in self.layers],
            "biased_dot": self.biased_dot,
        }

    @classmethod
    def restore(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        record: Mapping[str, Any],
        objective: Objective,
        rating_range: tuple[float, float],
        n_rows: tuple[int, int],
    ) -> PairState:
        """Return the state that a model file holds.

        Parameters
        ----------
        arrays, record : mapping
            What `arrays` and `record` returned.
        objective : Objective
        rating_range : tuple of float
        n_rows : tuple of int
            Users and items.

        Returns
        -------
        PairState

        Raises
        ------
        LookupError, TypeError, ValueError
            If something is missing or does not fit.
        """
        rows = PairRows(
            *(
                _joined(arrays, name, n)
                for name, n in zip(PairRows._fields, n_rows * 3, strict=True)
            )
        )
        if rows.user_factors.shape[1] != rows.item_factors.shape[1]:
            raise ValueError("user_factors and item_factors are of different lengths")
        n_inputs = sum(part.shape[1] for part in rows if part.ndim == 2)
        layers = _layers(arrays, record["activations"], n_inputs)
        if layers[-1].weights.shape[1] != objective.n_outputs:
            raise ValueError("the last layer has another number of outputs than its objective")
        return cls(rows, layers, objective, rating_range, bool(record["biased_dot"]))


def _joined(arrays: Mapping[str, NDArray[Any]], name: str, n: int) -> Floats:
    """Return rows and that of the unknown, checked; nothing where a file has none."""
    shape = (0,) if name.endswith("bias") else (0, 0)
    if name not in arrays:
        return np.zeros((n + 1, *shape[1:]), np.float32)
    known, unknown = arrays[name], arrays[f"unknown_{name}"]
    if known.dtype != np.float32 or unknown.dtype != np.float32 or known.ndim != len(shape):
        raise ValueError(f"{name} is {known.dtype} {known.shape}")
    joined: Floats = np.concatenate([known, unknown])
    if len(joined) != n + 1:
        raise ValueError(f"{name} has {len(joined) - 1} rows, not {n}")
    return joined


def _layers(
    arrays: Mapping[str, NDArray[Any]], activations: Any, n_inputs: int
) -> tuple[PredictionLayer, ...]:
    """Return the layers of a model file, checked."""
    layers = []
    for number, activation in enumerate(activations, 1):
        weights, bias = arrays[f"layer_{number}_weights"], arrays[f"layer_{number}_bias"]
        shapes = (n_inputs, bias.size), (bias.size,)
        floats = {weights.dtype, bias.dtype} == {np.dtype(np.float32)}
        if (weights.shape, bias.shape) != shapes or not floats:
            found = f"{weights.dtype} {weights.shape} and {bias.dtype} {bias.shape}"
            raise ValueError(f"layer {number} is {found}, not {shapes}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"layer {number} has the activation {activation!r}")
        layers.append(PredictionLayer(weights, bias, activation))
        n_inputs = bias.size
    if not layers:
        raise ValueError("there are no layers")
    return tuple(layers)
