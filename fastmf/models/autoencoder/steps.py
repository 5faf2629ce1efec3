"""Steps of AutoRec's training: a batch forward and back, and the weights that it has touched."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.autoencoder.column_products import add_columns, column_errors, column_products
from fastmf.kernels.autoencoder.panel_steps import (
    ADAM,
    MOMENTUM,
    RPROP,
    StepRules,
    bias_corrections,
    start_steps,
    step_biases,
    step_columns,
)
from fastmf.models.autoencoder.batches import RatedBatch
from fastmf.models.autoencoder.network import AutoRecNetwork
from fastmf.models.autoencoder.output import Output
from fastmf.models.autoencoder.refeeding import DenseCells, dense_batch
from fastmf.models.autoencoder.units import hidden_units
from fastmf.models.autoencoder.weights import WeightPanels
from fastmf.models.rows import aligned_zeros
from fastmf.nn.optimizers import SGD, Adam, DenseSteps, RProp
from fastmf.nn.parameters import FlatParameters
from fastmf.parallel import Team

__all__ = ["PRODUCT_PARTS", "AutoRecSteps"]

Array = NDArray[Any]

PRODUCT_PARTS = 8
"""Parts of the hidden units that products are cut into at most, each a task. A task goes through
all ratings, so that rows are found in the cache where another column has looked them up."""

_NOTHING = np.empty(0, np.float32)


def _with_moments(weights: WeightPanels, *, two: bool) -> tuple[Array, Array, Array]:
    """Return weights, and zeros for what an optimizer remembers of them, in two arrays or one."""
    first = aligned_zeros(weights.values.size)
    return weights.values, first, aligned_zeros(len(first)) if two else _NOTHING


class AutoRecSteps:
    """Takes steps with batches of rows.

    The loss is the squared error summed over the ratings of a row, averaged over the rows of the
    batch, plus `regularization` times half the squares of the weights that the batch touches.

    Parameters
    ----------
    network : AutoRecNetwork
        Modified in place; its dense parameters become views of one flat array.
    optimizer : Adam, SGD or RProp
    output : Output
        What scores stand for.
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
        optimizer: Adam | SGD | RProp,
        output: Output,
        regularization: float,
        team: Team,
        *,
        refeeding: bool = False,
        random_state: int = 0,
    ) -> None:
        self.network, self._optimizer, self._team = network, optimizer, team
        self._output, self._regularization = output, regularization
        self._refeeding = refeeding
        self.flat = FlatParameters(network.trunk.parameters)
        self._dense = DenseSteps(optimizer, self.flat.value, self.flat.decays)
        two = not isinstance(optimizer, SGD)
        self._input_weights = _with_moments(network.input, two=two)
        self._output_weights = self._input_weights
        if not network.is_tied:
            self._output_weights = _with_moments(network.output, two=two)
        n = network.n_columns
        self._bias_moments = np.zeros(n, np.float32), np.zeros(n, np.float32)
        self._clocks = np.zeros(n, np.int32)
        self._corrections = np.empty(0, np.float32), np.empty(0, np.float32)
        self._rates = np.zeros(n, np.float32), np.zeros(n, np.float32)
        self.units = hidden_units(network, self.flat, team, random_state)
        # Of the ratings, and of all cells: what is fed again is made while the former are in use.
        self._products = {"ratings": _NOTHING, "cells": _NOTHING}
        self.steps = 0

    def penalty(self) -> float:
        """Return what regularization adds to the loss."""
        squares = 0.0
        for values in self.values[: 1 if self.network.is_tied else 2]:
            squares += float(np.dot(values, values))
        squares += float(np.dot(self.flat.value * self._dense.decays, self.flat.value))
        return self._regularization / 2 * squares

    @property
    def values(self) -> list[Array]:
        """All that is trained."""
        return [values for values, _ in self._trained()]

    @property
    def moments(self) -> list[Array]:
        """What the optimizer remembers first of each of `values`."""
        return [moments for _, moments in self._trained()]

    def _trained(self) -> list[tuple[Array, Array]]:
        panels = [self._input_weights[:2]]
        if not self.network.is_tied:
            panels.append(self._output_weights[:2])
        bias = self.network.output_bias, self._bias_moments[0]
        return [*panels, bias, (self.flat.value, self._dense.state[0])]

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
        squared_error = self.forward(batch)
        dense = self.refed(batch) if self._refeeding else None
        self._step(batch, learning_rate)
        if dense is not None:
            self.forward(dense)
            self._step(dense, learning_rate)
        return squared_error

    def forward(self, batch: RatedBatch) -> float:
        """Take a batch forward, and keep its hidden units and the gradients of its outputs.

        Parameters
        ----------
        batch : RatedBatch

        Returns
        -------
        float
            Sum of the squared errors.
        """
        weights, units = self.network.input, self.units
        units.begin(batch.parts, self.steps)
        rated = batch.column_starts, batch.column_rows, batch.inputs
        table = weights.values, len(batch.rows), units.sums

        def sum_up(panel: int) -> None:
            add_columns(panel, panel + 1, *rated, *table)
            units.forward_panel(panel)

        self._team.work(sum_up, range(weights.n_panels))
        units.forward()
        self._outputs = self._multiply("ratings", *rated[:2], len(batch.rows))
        return self._compare(batch)

    def refed(self, batch: RatedBatch) -> RatedBatch:
        """Return the outputs of the last batch for all columns, as ratings of its rows.

        Parameters
        ----------
        batch : RatedBatch
            That `forward` was last given.

        Returns
        -------
        RatedBatch
        """
        network, n_batch = self.network, len(batch.rows)
        cells = DenseCells.of(n_batch, network.n_columns)
        scores = self._multiply("cells", *cells, n_batch).sum(axis=0)
        centres = batch.centres[cells.column_rows]
        scores += np.repeat(network.output_bias, n_batch) + centres
        outputs = self._output.values(scores) - centres
        return dense_batch(batch, cells, outputs, network.form)

    def _multiply(self, name: str, column_starts: Array, column_rows: Array, n_batch: int) -> Array:
        """Return (n_parts, n) parts of the products of codes and output weights."""
        weights = self.network.output
        n_parts, n = min(PRODUCT_PARTS, weights.n_panels), len(column_rows)
        bounds = [weights.n_panels * part // n_parts for part in range(n_parts + 1)]
        if self._products[name].size < n_parts * n:
            self._products[name] = np.empty(n_parts * n, np.float32)
        products = self._products[name][: n_parts * n].reshape(n_parts, n)
        table = weights.values, self.units.codes, n_batch

        def multiply(part: int) -> None:
            panels = bounds[part], bounds[part + 1]
            column_products(*panels, column_starts, column_rows, *table, products[part])

        self._team.work(multiply, range(n_parts))
        return products

    def _compare(self, batch: RatedBatch) -> float:
        """Turn products into gradients; return the sum of squared errors."""
        scale = np.float32(2 * batch.weight / len(batch.rows))
        errors = np.zeros(len(batch.column_parts))

        def compare(number: int) -> None:
            part = batch.column_parts[number]
            rated = part.start, part.stop, batch.column_starts, batch.column_rows, batch.centres
            given = batch.values, self.network.output_bias, self._output.form, scale
            errors[number] = column_errors(*rated, *given, self._outputs)

        self._team.work(compare, range(len(errors)))
        return float(errors.sum())

    def _step(self, batch: RatedBatch, learning_rate: float) -> None:
        """Take a step with what `forward` kept of the batch."""
        rules = self._rules(learning_rate)
        if len(self._corrections[0]) < self.steps + 2:
            self._corrections = bias_corrections(rules, 2 * self.steps + 128)
        self._team.work(lambda part: self._step_biases(batch, part, rules), batch.column_parts)
        network, units = self.network, self.units
        weights = network.output
        gradients = batch.column_starts, batch.column_rows, self._outputs[0]
        table = weights.values, len(batch.rows), units.code_gradients

        # What a panel's next step needs is in the cache from the one before.
        def back(panel: int) -> None:
            add_columns(panel, panel + 1, *gradients, *table)
            if not network.is_tied:
                self._step_output(batch, panel, rules)
            units.backward_panel(panel)
            if units.by_panel and not network.is_tied:
                self._step_input(batch, panel, rules)

        self._team.work(back, range(weights.n_panels))
        units.backward()
        if network.is_tied or not units.by_panel:
            rest = self._step_tied if network.is_tied else self._step_input
            panels = range(network.input.n_panels)
            self._team.work(lambda panel: rest(batch, panel, rules), panels)
        self._step_dense(learning_rate)
        self.steps += 1

    def _step_dense(self, learning_rate: float) -> None:
        gradient = self.units.gradient()
        if self._regularization:
            gradient += np.float32(self._regularization) * self.flat.decays * self.flat.value
        self._dense.step(gradient, learning_rate)

    def _step_biases(self, batch: RatedBatch, part: slice, rules: StepRules) -> None:
        """Begin the step of some columns, and step their output bias."""
        columns = part.start, part.stop, batch.column_starts
        start_steps(*columns, rules, *self._corrections, self._clocks, *self._rates)
        stepped = self.network.output_bias, *self._bias_moments
        step_biases(*columns, self._outputs[0], rules, *self._rates, *stepped)

    def _step_output(self, batch: RatedBatch, panel: int, rules: StepRules) -> None:
        gradient = self._outputs[0], self.units.codes, _NOTHING, _NOTHING
        self._step_panel(batch, panel, rules, gradient, self._output_weights)

    def _step_input(self, batch: RatedBatch, panel: int, rules: StepRules) -> None:
        gradient = batch.inputs, self.units.sum_gradients, _NOTHING, _NOTHING
        self._step_panel(batch, panel, rules, gradient, self._input_weights)

    def _step_tied(self, batch: RatedBatch, panel: int, rules: StepRules) -> None:
        units = self.units
        gradient = batch.inputs, units.sum_gradients, self._outputs[0], units.codes
        self._step_panel(batch, panel, rules, gradient, self._input_weights)

    def _step_panel(
        self,
        batch: RatedBatch,
        panel: int,
        rules: StepRules,
        gradient: tuple[Array, ...],
        weights: tuple[Array, ...],
    ) -> None:
        columns = 0, self.network.n_columns, batch.column_starts, batch.column_rows
        sizes = len(batch.rows), panel, panel + 1
        step_columns(*columns, *gradient, *sizes, rules, *self._rates, *weights)

    def _rules(self, learning_rate: float) -> StepRules:
        limits = 0.0, 0.0
        match self._optimizer:
            case Adam() as one:
                method, numbers = ADAM, (one.beta1, one.beta2, one.epsilon)
            case SGD() as one:
                method, numbers = MOMENTUM, (one.momentum, 0.0, 0.0)
            case RProp() as one:
                method, numbers = RPROP, (one.growth, one.shrinkage, 0.0)
                limits = one.smallest_step, one.largest_step
        penalties = self._regularization, one.weight_decay
        floats = map(np.float32, (learning_rate, *numbers, *penalties, *limits))
        return StepRules(np.int64(method), *floats)
