"""From the sums of AutoRec's input layer to codes, and from gradients of codes back to the sums'.

One hidden layer is a matter of single elements: each panel goes its way on its own, in place, right
after it was summed up. Networks with more layers, or with a norm, take the rows out of the panels,
through their layers, and the codes into panels again.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.autoencoder.panel_units import ACTIVATION_CODES, activate_panels, derive_panels
from fastmf.kernels.autoencoder.weight_panels import PANEL, copy_panels, fill_panels, panels_of
from fastmf.kernels.networks.dense_steps import sum_shards
from fastmf.models.autoencoder.network import AutoRecNetwork, InputBias
from fastmf.models.autoencoder.trunk import TrunkPass
from fastmf.models.rows import aligned_zeros
from fastmf.nn.dropout import Dropout
from fastmf.nn.parameters import FlatParameters
from fastmf.nn.tape import FlatTape, Tape, Workspace
from fastmf.parallel import Team

__all__ = ["HiddenUnits", "PanelUnits", "RowUnits", "hidden_units"]

Array = NDArray[Any]


class HiddenUnits(Protocol):
    """The hidden units of a batch, and their gradients.

    Attributes
    ----------
    sums, codes, sum_gradients, code_gradients : (panels * n_batch * 32,) float32
        Panels over the rows of the batch; sums and codes, and their gradients, may be the same
        array. Kept until `begin` is called again.
    by_panel : bool
        Whether `forward_panel` and `backward_panel` do all there is to do.
    """

    by_panel: bool
    sums: Array
    codes: Array
    sum_gradients: Array
    code_gradients: Array

    def begin(self, parts: list[slice], step: int) -> None:
        """Make room for a batch, cut into parts of its rows."""

    def forward_panel(self, panel: int) -> None:
        """Take the sums of a panel forward."""

    def forward(self) -> None:
        """Take all sums forward."""

    def backward_panel(self, panel: int) -> None:
        """Take the code gradients of a panel back."""

    def backward(self) -> None:
        """Take all code gradients back."""

    def gradient(self) -> Array:
        """Return the gradient of the dense parameters, as they lie in their flat array."""


def hidden_units(
    network: AutoRecNetwork, flat: FlatParameters, team: Team, random_state: int
) -> HiddenUnits:
    """Return what suits a network.

    Parameters
    ----------
    network : AutoRecNetwork
    flat : FlatParameters
        Of its trunk.
    team : Team
    random_state : int
        What dropout depends on.
    """
    first, *rest = network.trunk.layers
    dropouts = [layer for layer in rest if isinstance(layer, Dropout)]
    if isinstance(first, InputBias) and len(dropouts) == len(rest):
        return PanelUnits(first, dropouts[0] if dropouts else None, flat, random_state)
    return RowUnits(network, flat, team, random_state)


class _Arrays:
    """Float32 arrays that are kept from batch to batch."""

    def __init__(self) -> None:
        self._kept: dict[str, Array] = {}

    def front(self, name: str, n: int) -> Array:
        """Return the front of an array."""
        kept = self._kept.get(name)
        if kept is None or len(kept) < n:
            # Zeros: nobody assigns the padding between parameters.
            kept = self._kept[name] = aligned_zeros(n)
        return kept[:n]


class PanelUnits:
    """One layer of bias, activation and dropout, panel by panel; see `HiddenUnits`.

    Parameters
    ----------
    layer : InputBias
    dropout : Dropout or None
    flat : FlatParameters
    random_state : int
    """

    by_panel = True

    def __init__(
        self, layer: InputBias, dropout: Dropout | None, flat: FlatParameters, random_state: int
    ) -> None:
        self._bias, self._dropout, self._random_state = layer.bias, dropout, random_state
        self._activation = ACTIVATION_CODES[layer.activation.name]
        self._gradient = np.zeros(len(flat), np.float32)
        self._arrays = _Arrays()

    def begin(self, parts: list[slice], step: int) -> None:
        """See `HiddenUnits.begin`."""
        n_batch, units = parts[-1].stop, len(self._bias.value)
        n = panels_of(units) * n_batch * PANEL
        self.sums = self.codes = self._arrays.front("codes", n)
        self.sum_gradients = self.code_gradients = self._arrays.front("gradients", n)
        key, threshold, scale = np.uint64(0), np.uint32(0), np.float32(1)
        if self._dropout is not None:
            tape = Tape(slice(0, n_batch), n_batch, step=step, seed=self._random_state)
            rate = self._dropout.rate
            key, threshold = self._dropout.key(tape), np.uint32(rate * 2**32)
            scale = np.float32(1 / (1 - rate))
        self._fixed = n_batch, key, threshold, scale

    def forward_panel(self, panel: int) -> None:
        """See `HiddenUnits.forward_panel`."""
        layer = self._activation, self._bias.value
        activate_panels(panel, panel + 1, *layer, *self._fixed, self.codes)

    def forward(self) -> None:
        """Do nothing."""

    def backward_panel(self, panel: int) -> None:
        """See `HiddenUnits.backward_panel`."""
        made = self._activation, self.codes, *self._fixed
        gradient = self._gradient[: len(self._bias.value)]
        derive_panels(panel, panel + 1, *made, self.code_gradients, gradient)

    def backward(self) -> None:
        """Do nothing."""

    def gradient(self) -> Array:
        """See `HiddenUnits.gradient`."""
        return self._gradient


class RowUnits:
    """Any layers, by rows; see `HiddenUnits`.

    Parameters
    ----------
    network : AutoRecNetwork
    flat : FlatParameters
    team : Team
    random_state : int
    """

    by_panel = False

    def __init__(
        self, network: AutoRecNetwork, flat: FlatParameters, team: Team, random_state: int
    ) -> None:
        self._network, self._flat, self._team = network, flat, team
        self._random_state = random_state
        self._workspaces: list[Workspace] = []
        self._arrays = _Arrays()

    def begin(self, parts: list[slice], step: int) -> None:
        """See `HiddenUnits.begin`."""
        n_batch, network = parts[-1].stop, self._network
        self._parts = parts
        n_sums, n_codes = (
            panels_of(units) * n_batch * PANEL for units in (network.units, network.n_codes)
        )
        self.sums = self.sum_gradients = self._arrays.front("sums", n_sums)
        self.codes = self._arrays.front("codes", n_codes)
        self.code_gradients = self._arrays.front("gradients", n_codes)
        self._dense_gradients = self._arrays.front("dense", len(parts) * len(self._flat))
        tapes = self._tapes(n_batch, step)
        self._pass = TrunkPass(network.trunk.layers, tapes, self._team)

    def forward_panel(self, panel: int) -> None:
        """Do nothing."""

    def forward(self) -> None:
        """See `HiddenUnits.forward`."""
        x = self._rows("x", self.sums, self._network.units)
        self._pass.forward(x, lambda y, tape: self._fill(y, tape, self.codes))

    def backward_panel(self, panel: int) -> None:
        """Do nothing."""

    def backward(self) -> None:
        """See `HiddenUnits.backward`."""
        dy = self._rows("dy", self.code_gradients, self._network.n_codes)
        self._pass.backward(dy, lambda dx, tape: self._fill(dx, tape, self.sum_gradients))

    def gradient(self) -> Array:
        """See `HiddenUnits.gradient`."""
        total = self._arrays.front("total", len(self._flat))
        shards = self._dense_gradients.reshape(len(self._parts), len(self._flat))
        sum_shards(0, len(total), shards, np.float32(1), total)
        return total

    def _tapes(self, n_batch: int, step: int) -> list[Tape]:
        """Return a tape for each part of the rows, which share one array of gradients."""
        n_parts, flat = len(self._parts), self._flat
        gradients = self._dense_gradients.reshape(n_parts, len(flat))
        self._workspaces += [Workspace() for _ in range(n_parts - len(self._workspaces))]
        return [
            Tape(
                part,
                n_batch,
                flat=FlatTape(flat.value, gradients[number], flat.starts),
                workspace=self._workspaces[number],
                step=step,
                seed=self._random_state,
            )
            for number, part in enumerate(self._parts)
        ]

    def _rows(self, name: str, panels: Array, units: int) -> Array:
        """Return (n_batch, units) the rows that lie in panels."""
        n_batch = self._parts[-1].stop
        # Layers keep their input for the way back: one array each.
        rows = self._arrays.front(name, n_batch * units)

        def copy(part: slice) -> None:
            to = rows[part.start * units : part.stop * units]
            copy_panels(part.start, part.stop, panels, units, n_batch, to)

        self._team.work(copy, self._parts)
        return rows.reshape(n_batch, units)

    def _fill(self, rows: Array, tape: Tape, panels: Array) -> None:
        """Put the rows of a shard into panels."""
        part = tape.rows.start, tape.rows.stop
        fill_panels(*part, rows.reshape(-1), rows.shape[1], tape.n_batch, panels)
