"""Steps of AutoRec's training: a batch forward and back, and the weights that it has touched."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.dense_steps import sum_shards
from fastmf.kernels.panel_steps import (
    StepRules,
    bias_corrections,
    start_steps,
    step_biases,
    step_columns,
)
from fastmf.kernels.weight_panels import (
    PANEL,
    fill_panels,
    panels_of,
    sampled_errors,
    sampled_products,
    sum_weights,
)
from fastmf.models.autorec_batches import RatedBatch
from fastmf.models.autorec_network import AutoRecNetwork
from fastmf.models.autorec_refeeding import DenseCells, dense_batch
from fastmf.models.autorec_trunk import TrunkPass
from fastmf.models.autorec_weights import WeightPanels
from fastmf.models.rows import aligned_zeros
from fastmf.nn.optimizers import SGD, Adam, DenseSteps
from fastmf.nn.parameters import FlatParameters
from fastmf.nn.tape import FlatTape, Tape, Workspace
from fastmf.parallel import Team

__all__ = ["AutoRecSteps"]

Array = NDArray[Any]

# Parts of the hidden units that products are cut into, each for half of the rows a task.
_PRODUCT_PARTS = 4

_NOTHING = np.empty(0, np.float32)


class _Moments:
    """What an optimizer remembers of weights in panels."""

    def __init__(self, weights: WeightPanels, *, is_adam: bool) -> None:
        self.first = aligned_zeros(weights.values.size)
        self.second = aligned_zeros(weights.values.size) if is_adam else _NOTHING


class AutoRecSteps:
    """Takes steps with batches of rows.

    The loss is the squared error summed over the ratings of a row, averaged over the rows of the
    batch, plus `regularization` times half the squares of the weights that the batch touches.

    Parameters
    ----------
    network : AutoRecNetwork
        Modified in place; its dense parameters become views of one flat array.
    optimizer : Adam or SGD
    regularization : float
    team : Team
    refeeding : bool, optional
        Whether a second step follows each, with the outputs of the first as ratings.
    random_state : int, optional
        What dropout depends on.
    """

    def __init__(
        self,
        network: AutoRecNetwork,
        optimizer: Adam | SGD,
        regularization: float,
        team: Team,
        *,
        refeeding: bool = False,
        random_state: int = 0,
    ) -> None:
        self.network, self._optimizer, self._team = network, optimizer, team
        self._regularization, self._random_state = regularization, random_state
        self._refeeding = refeeding
        self.flat = FlatParameters(network.trunk.parameters)
        self._dense = DenseSteps(optimizer, self.flat.value, self.flat.decays)
        is_adam = isinstance(optimizer, Adam)
        self._input_moments = _Moments(network.input, is_adam=is_adam)
        self._output_moments = self._input_moments
        if not network.is_tied:
            self._output_moments = _Moments(network.output, is_adam=is_adam)
        n = network.n_columns
        self._bias_moments = np.zeros(n, np.float32), np.zeros(n, np.float32)
        self._clocks = np.zeros(n, np.int32)
        self._corrections = np.empty(0, np.float32), np.empty(0, np.float32)
        self._rates, self._epsilons = np.zeros(n, np.float32), np.zeros(n, np.float32)
        self._arrays: dict[str, Array] = {}
        self._workspaces: list[Workspace] = []
        self.steps = 0

    def take(self, batch: RatedBatch, learning_rate: float) -> float:
        """Take a step.

        Parameters
        ----------
        batch : RatedBatch
        learning_rate : float

        Returns
        -------
        float
            Sum of the squared errors before it, with dropout, of standardised ratings.
        """
        squared_error = self.propagate(batch)
        dense = self.refed(batch) if self._refeeding else None
        self._step(batch, learning_rate)
        if dense is not None:
            self.propagate(dense)
            self._step(dense, learning_rate)
        return squared_error

    def refed(self, batch: RatedBatch) -> RatedBatch:
        """Return the outputs of the last batch for all columns, as ratings of its rows.

        Parameters
        ----------
        batch : RatedBatch
            That `propagate` was last given.

        Returns
        -------
        RatedBatch
        """
        network, n_batch = self.network, len(batch.rows)
        outputs = np.empty(n_batch * network.n_columns, np.float32)
        cells = DenseCells.of(n_batch, network.n_columns)
        table = network.output.values, network.n_columns, self._codes, n_batch

        def multiply(part: slice) -> None:
            given = part.start, part.stop, 0, network.output.n_panels
            sampled_products(*given, cells.starts, cells.columns, *table, outputs)

        self._team.work(multiply, cells.parts)
        outputs.reshape(n_batch, -1)[...] += network.output_bias
        return dense_batch(batch.rows, cells, outputs, network.form)

    def _step(self, batch: RatedBatch, learning_rate: float) -> None:
        """Take a step with the gradients of the last batch."""
        rules = self._rules(learning_rate)
        if len(self._corrections[0]) < self.steps + 2:
            self._corrections = bias_corrections(rules, 2 * self.steps + 128)
        self._step_dense(len(batch.parts), learning_rate)
        self._team.work(lambda part: self._step_part(batch, part, rules), batch.column_parts)
        self.steps += 1

    def propagate(self, batch: RatedBatch) -> float:
        """Take a batch forward and back, and keep what the gradients are made of.

        Parameters
        ----------
        batch : RatedBatch

        Returns
        -------
        float
            Sum of the squared errors.
        """
        network, n_batch, n = self.network, len(batch.rows), len(batch.columns)
        self._codes = self._array("codes", panels_of(network.n_codes) * n_batch * PANEL)
        self._sums = self._array("sums", network.input.n_panels * n_batch * PANEL)
        self._products = self._array("products", _PRODUCT_PARTS * n).reshape(_PRODUCT_PARTS, n)
        self._by_column = self._array("by_column", n)
        tapes = self._tapes(batch)
        trunk = TrunkPass(network.trunk.layers, tapes, self._team)
        x = self._sum(batch, network.input, batch.inputs)
        trunk.forward(x, lambda y, tape: self._fill(y, tape, self._codes))
        self._multiply(batch)
        squared_error = self._compare(batch)
        dy = self._sum(batch, network.output, self._products[0])
        trunk.backward(dy, lambda dx, tape: self._fill(dx, tape, self._sums))
        return squared_error

    def _tapes(self, batch: RatedBatch) -> list[Tape]:
        """Return a tape for each part of the rows, which share one array of gradients."""
        n_parts = len(batch.parts)
        self._dense_gradients = self._array("gradients", n_parts * len(self.flat))
        gradients = self._dense_gradients.reshape(n_parts, len(self.flat))
        self._workspaces += [Workspace() for _ in range(n_parts - len(self._workspaces))]
        return [
            Tape(
                part,
                len(batch.rows),
                flat=FlatTape(self.flat.value, gradients[number], self.flat.starts),
                workspace=self._workspaces[number],
                step=self.steps,
                seed=self._random_state,
            )
            for number, part in enumerate(batch.parts)
        ]

    def _sum(self, batch: RatedBatch, weights: WeightPanels, coefficients: Array) -> Array:
        """Return (n_batch, units) sums of weights over the ratings of each row, panel by panel."""
        n_batch, units = len(batch.rows), weights.units
        out = self._array(f"rows of {units}", n_batch * units)
        # Views of the very types that the kernel has: any other costs a slow call each time.
        rated = (frozen(array) for array in (batch.starts, batch.columns, coefficients))
        fixed = *rated, frozen(weights.values), weights.n_columns, units

        def add(first: int) -> None:
            sum_weights(0, n_batch, first, min(first + 2, weights.n_panels), *fixed, out)

        self._team.work(add, range(0, weights.n_panels, 2))
        return out.reshape(n_batch, units)

    def _fill(self, rows: Array, tape: Tape, panels: Array) -> None:
        """Put the rows of a shard into panels."""
        units = rows.shape[1]
        part = tape.rows.start, tape.rows.stop
        fill_panels(*part, rows.reshape(-1), units, tape.n_batch, panels)

    def _multiply(self, batch: RatedBatch) -> None:
        """Set parts of the products of codes and output weights where there are ratings."""
        n_batch, weights = len(batch.rows), self.network.output
        table = weights.values, weights.n_columns, self._codes, n_batch
        bounds = [weights.n_panels * n // _PRODUCT_PARTS for n in range(_PRODUCT_PARTS + 1)]

        def multiply(task: tuple[int, int, int]) -> None:
            part, first, last = task
            panels = bounds[part], bounds[part + 1]
            to = self._products[part]
            sampled_products(first, last, *panels, batch.starts, batch.columns, *table, to)

        halves = [(0, n_batch // 2), (n_batch // 2, n_batch)]
        tasks = [(part, *half) for part in range(_PRODUCT_PARTS) for half in halves]
        self._team.work(multiply, tasks)

    def _compare(self, batch: RatedBatch) -> float:
        """Turn products into gradients; return the sum of squared errors."""
        scale = np.float32(2 / len(batch.rows))
        bias = self.network.output_bias
        errors = np.zeros(len(batch.parts))

        def compare(number: int) -> None:
            part = batch.parts[number]
            rated = part.start, part.stop, batch.starts, batch.columns, batch.values
            to = batch.places, self._products, self._by_column
            errors[number] = sampled_errors(*rated, bias, scale, *to)

        self._team.work(compare, range(len(batch.parts)))
        return float(errors.sum())

    def _step_dense(self, n_parts: int, learning_rate: float) -> None:
        gradients = self._dense_gradients.reshape(n_parts, len(self.flat))
        total = self._array("total", len(self.flat))
        sum_shards(0, len(total), gradients, np.float32(1), total)
        if self._regularization:
            total += np.float32(self._regularization) * self.flat.decays * self.flat.value
        self._dense.step(total, learning_rate)

    def _step_part(self, batch: RatedBatch, part: slice, rules: StepRules) -> None:
        """Step the weights of some columns."""
        network, n_batch = self.network, len(batch.rows)
        columns = part.start, part.stop, batch.column_starts
        rates = self._rates, self._epsilons
        start_steps(*columns, rules, *self._corrections, self._clocks, *rates)
        by_input, by_output = batch.column_inputs, self._by_column
        uses = [
            (by_input, self._sums, _NOTHING, _NOTHING, network.input, self._input_moments),
            (by_output, self._codes, _NOTHING, _NOTHING, network.output, self._output_moments),
        ]
        if network.is_tied:
            uses = [(*uses[0][:2], *uses[1][:2], network.input, self._input_moments)]
        for *gradient, weights, moments in uses:
            arrays = weights.values, moments.first, moments.second
            sizes = n_batch, weights.n_panels
            step_columns(*columns, batch.column_rows, *gradient, *sizes, rules, *rates, *arrays)
        step_biases(*columns, by_output, rules, *rates, network.output_bias, *self._bias_moments)

    def _rules(self, learning_rate: float) -> StepRules:
        match self._optimizer:
            case Adam() as one:
                moments = one.beta1, one.beta2, one.epsilon
            case SGD() as one:
                moments = one.momentum, 0.0, 0.0
        numbers = learning_rate, *moments, self._regularization, one.weight_decay
        return StepRules(np.bool_(isinstance(one, Adam)), *map(np.float32, numbers))

    def _array(self, name: str, n: int) -> Array:
        """Return the front of a float32 array that is kept from step to step."""
        kept = self._arrays.get(name)
        if kept is None or len(kept) < n:
            # Zeros: nobody assigns the padding between parameters.
            kept = self._arrays[name] = aligned_zeros(n)
        return kept[:n]
