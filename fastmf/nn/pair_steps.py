"""Steps of a network over two embeddings that compiled code takes from end to end.

`fastmf.kernels.networks.pair_steps` can do what is most in use: dense layers, rectified or linear,
with dropouts or batch norms, squared error, and Adam. Other networks are run layer by layer
(`fastmf.nn.network`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.networks.dense_steps import DenseState
from fastmf.kernels.networks.pair_norms import n_turns
from fastmf.kernels.networks.pair_rows import Shown, Side, Trained
from fastmf.kernels.networks.pair_shards import Layers
from fastmf.kernels.networks.pair_steps import (
    OF_ITEMS,
    OF_SHARDS,
    OF_USERS,
    Batches,
    take_steps,
)
from fastmf.kernels.networks.phases import LINE
from fastmf.nn.adam_rows import AdamSteps
from fastmf.nn.dropout import dropout_keys
from fastmf.nn.embeddings import EmbeddingGroup
from fastmf.nn.network import Group, Network, PairHead
from fastmf.nn.optimizers import DenseSteps
from fastmf.nn.pair_layers import PairLayers
from fastmf.nn.pair_memory import PairMemory, constants_of
from fastmf.nn.parameters import FlatParameters
from fastmf.nn.row_steps import MOST_STEPS
from fastmf.nn.sorted_batch import SortedBatches
from fastmf.parallel import Team

__all__ = ["PairSteps", "StepLosses"]

Array = NDArray[Any]

# Parameters that a task moves at most.
_RANGE = 1 << 14


class StepLosses(NamedTuple):
    """What batches had lost before their steps.

    Attributes
    ----------
    loss : float
        Sum over all rows of the batches.
    n_rows : int
    squared_error : float
        Sum over all ratings, in the unit of the ratings.
    n_ratings : int
    """

    loss: float
    n_rows: int
    squared_error: float
    n_ratings: int


class PairSteps:
    """A network over two embeddings in training.

    Parameters
    ----------
    head : PairHead
    layers : PairLayers
        Those behind the embeddings.
    group : EmbeddingGroup
        Of users and items, trained by Adam.
    dense : DenseSteps
        Adam of the parameters.
    flat : FlatParameters
    weight_regularization : float
        As of `fastmf.nn.learner.TrainingPlan`.
    seed : int
        What dropout depends on.
    """

    def __init__(
        self,
        head: PairHead,
        layers: PairLayers,
        group: EmbeddingGroup,
        dense: DenseSteps,
        flat: FlatParameters,
        *,
        weight_regularization: float,
        seed: int,
    ) -> None:
        assert isinstance(group.steps, AdamSteps)
        self._head, self._layers, self._group, self._flat = head, layers, group, flat
        self._rows, self._dense, self._seed = group.steps, dense, seed
        self._sorted = [SortedBatches(table.n) for table in group.tables]
        value = flat.value
        self._dense_state = DenseState(
            total=np.zeros_like(value),
            means=dense.state[0],
            squares=dense.state[1],
            decays=dense.decays,
            ranges=frozen(self._ranges()),
            pull=np.float32(2 * weight_regularization),
        )
        self._room = PairMemory(0, 1, 0, layers, [])

    @classmethod
    def of(
        cls,
        network: Network,
        group: Group | None,
        dense: DenseSteps,
        flat: FlatParameters,
        *,
        weight_regularization: float,
        seed: int,
    ) -> PairSteps | None:
        """Return the steps of a network; None where compiled code cannot take them.

        Parameters
        ----------
        network : Network
        group : Group or None
        dense, flat, weight_regularization, seed
            As of the constructor.

        Returns
        -------
        PairSteps or None
        """
        head = network.pair_head()
        if head is None or not isinstance(group, EmbeddingGroup) or len(group.tables) != 2:
            return None
        layers = PairLayers.of(head.layers, 2 * head.factors, flat.starts)
        own = sum(len(layer.parameters) for layer in head.layers)
        widths = {table.width for table in group.tables}
        if (
            layers is None
            or not isinstance(group.steps, AdamSteps)
            or flat.value.dtype != np.float32
            or own != len(network.parameters)
            or widths != {head.factors + int(head.biased_dot)}
        ):
            return None
        pull = weight_regularization
        return cls(head, layers, group, dense, flat, weight_regularization=pull, seed=seed)

    def steps_at_once(self, batch_size: int) -> int:
        """Return how many batches of a size `take` is to be given: some 0.3 s of work.

        Parameters
        ----------
        batch_size : int

        Returns
        -------
        int
            At least 1.
        """
        products = batch_size * max(len(self._flat), 1 << 12)
        return int(min(max(1, (1 << 33) // products), MOST_STEPS))

    def take(
        self,
        indices: Sequence[Sequence[Array]],
        values: Sequence[Array],
        rates: Sequence[float],
        team: Team,
    ) -> StepLosses:
        """Take a step with each batch.

        Parameters
        ----------
        indices : sequence of sequence of ndarray of int32
            Rows of users and of items, of each batch.
        values : sequence of ndarray of float32
            Ratings of each batch.
        rates : sequence of float
            Learning rates.
        team : Team

        Returns
        -------
        StepLosses

        Raises
        ------
        IndexError
            If an entry is no row of its table.
        """
        if self._rows.now + len(rates) > MOST_STEPS:
            self._group.finish(team)
        sizes = np.array([len(value) for value in values], np.int64)
        bounds = frozen(np.concatenate([[0], np.cumsum(sizes)]))
        for side, batches in enumerate(self._sorted):
            batches.sort(np.concatenate([pair[side] for pair in indices]), bounds, team)
        targets = np.concatenate(values).astype(np.float32, copy=False)
        targets = (targets - np.float32(self._head.mean)) / np.float32(self._head.spread)
        room = self._room_for(int(sizes.max()), team.num_threads)
        first, step = self._rows.now, self._dense.n_steps
        remembered = self._rows.announce(rates)
        self._dense.n_steps += len(rates)
        chunk = Batches(
            bounds=bounds,
            targets=frozen(targets, np.float32),
            losses=np.zeros((len(sizes), room.n_parts)),
            now=first,
            part_rows=room.part_rows,
        )
        layers, norms = self._layers, self._layers.norm_state()
        arrays = self._arrays_of_layers(room, np.arange(step, step + len(rates)))
        arguments = (
            np.zeros((len(sizes) * (n_turns.py_func(arrays) + 3), LINE), np.int64),
            chunk,
            *(self._side(number, room) for number in range(2)),
            self._rows.history(),
            remembered,
            arrays,
            norms,
            self._dense_state,
            room.memory,
        )
        team.work(lambda thread: take_steps(*arguments, thread), range(team.num_threads))
        layers.take_statistics(norms)
        squares, n_rows = float(chunk.losses.sum()), int(sizes.sum())
        return StepLosses(squares, n_rows, squares * self._head.spread**2, n_rows)

    def _arrays_of_layers(self, room: PairMemory, steps: Array) -> Layers:
        """Return the layers with the dropouts of some steps."""
        layers, value = self._layers, self._flat.value
        keys = np.zeros((len(steps), layers.n_keys), np.uint64)
        for place, number in layers.drops.items():
            keys[:, place] = dropout_keys(self._seed, steps, number)
        return Layers(
            width=layers.width,
            stride=layers.stride,
            bias=layers.bias,
            rectified=layers.rectified,
            chain=layers.chain,
            keys=keys,
            thresholds=layers.thresholds,
            scales=layers.scales,
            norms=layers.norms,
            packs=layers.packs,
            packed=room.packed,
            parameters=value,
            gradients=room.gradients,
            terms=room.terms,
            moments=room.moments,
            widest=layers.widest,
        )

    def _side(self, number: int, room: PairMemory) -> Side:
        head, table, state = self._head, self._group.tables[number], self._group.states[number]
        entries, touched, starts, places, n_touched = self._sorted[number].arrays
        inputs, halves, gradients = room.of_sides[number]
        weights, pulls, nothing = constants_of(table)
        means, squares = state.kept
        lines, plain_lines, mixed = self._rows.lines_of(state)
        k, is_user = head.factors, number == 0
        shown = Shown(
            places=places,
            inputs=inputs,
            halves=halves,
            stride=table.stride,
            column=int(head.biased_dot and is_user),
            width=k,
            bias=(0 if is_user else k) if head.biased_dot else -1,
        )
        trained = Trained(
            rows=state.rows,
            means=means,
            squares=squares,
            stamps=state.stamps,
            fades=state.fades,
            losses=self._rows.losses_of(state),
            lines=lines,
            plain_lines=plain_lines,
            mixed=mixed,
        )
        return Side(
            shown=shown,
            trained=trained,
            entries=entries,
            touched=touched,
            starts=starts,
            n_touched=n_touched,
            gradients=gradients,
            same_gradients=frozen(gradients),
            weights=weights,
            pulls=pulls,
            nothing=nothing,
            numbers=room.numbers,
            weights_at=self._layers.weights_at + number * k * self._layers.width,
            packed_at=self._layers.packed_at[number],
        )

    def _ranges(self) -> Array:
        """Cut the parameters into ranges whose gradients are of the same parts."""
        start, half = self._layers.weights_at, self._head.factors * self._layers.width
        ends = [(start, OF_SHARDS), (start + half, OF_USERS), (start + 2 * half, OF_ITEMS)]
        ranges, first = [], 0
        for end, whose in (*ends, (len(self._flat), OF_SHARDS)):
            cuts = range(first, end, _RANGE)
            ranges += [(cut, min(cut + _RANGE, end), whose) for cut in cuts]
            first = end
        return np.array(ranges, np.int64)

    def _room_for(self, n_batch: int, n_threads: int) -> PairMemory:
        room = self._room
        if room.n_batch < n_batch or room.n_threads < n_threads:
            n_batch, n_threads = max(room.n_batch, n_batch), max(room.n_threads, n_threads)
            tables = self._group.tables
            self._room = PairMemory(n_batch, n_threads, len(self._flat), self._layers, tables)
        return self._room
