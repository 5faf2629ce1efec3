"""Small networks over pairs, as compiled steps take them and as their twins do."""

import numpy as np

from fastmf.kernels.networks.dropout import drop
from fastmf.nn import dense_stack
from fastmf.nn.activations import Activate
from fastmf.nn.dropout import Dropout, dropout_keys
from fastmf.nn.embeddings import EmbeddingGroup, EmbeddingTable
from fastmf.nn.network import PairHead
from fastmf.nn.normalization import BatchNorm
from fastmf.nn.optimizers import Adam, DenseSteps
from fastmf.nn.pair_layers import PairLayers
from fastmf.nn.pair_steps import PairSteps
from fastmf.nn.parameters import FlatParameters
from tests.reference.networks.pair_steps import Network

N_USERS, N_ITEMS, FACTORS, SEED = 40, 12, 19, 5
MEAN, SPREAD = 3.5, 1.25


class Case:
    """A network, and batches for it."""

    def __init__(
        self, sizes, *, hidden=(18, 7), biased=False, l2=0.0, pull=0.0, decay=0.0, **stack
    ):
        rng = np.random.default_rng(0)
        self.trunk = dense_stack(2 * FACTORS, hidden, generator=rng, **stack)
        for parameter in self.trunk.parameters:  # no zeros and ones, which hide mistakes
            parameter.value += 0.1 * rng.standard_normal(parameter.value.shape).astype(np.float32)
        width = FACTORS + biased
        users, items = (
            0.5 * rng.standard_normal((n, width)).astype(np.float32) for n in (N_USERS, N_ITEMS)
        )
        decays = np.arange(width) > 0  # of both kinds
        self.tables = [
            EmbeddingTable(name, rows, l2=l2, decays=decays)
            for name, rows in (("users", users), ("items", items))
        ]
        parameters = self.trunk.parameters
        self.twin = Network(
            [kind_of(layer) for layer in _parts(self.trunk.layers)],
            [one.value for one in parameters],
            *(users, items, FACTORS, biased, l2),
        )
        self.pull, self.decay = pull, decay
        self.decays = [decays, decays, *(float(one.decays) for one in parameters)]
        self.flat = FlatParameters(parameters)
        self.group = EmbeddingGroup(self.tables, Adam(weight_decay=decay))
        head = PairHead(self.trunk.layers, FACTORS, biased, MEAN, SPREAD)
        layers = PairLayers.of(head.layers, 2 * FACTORS, self.flat.starts)
        assert layers is not None
        dense = DenseSteps(Adam(weight_decay=decay), self.flat.value, self.flat.decays)
        more = {"weight_regularization": pull, "seed": SEED}
        self.steps = PairSteps(head, layers, self.group, dense, self.flat, **more)
        self.batches = [
            (
                rng.integers(0, N_USERS, size).astype(np.int32),
                (N_ITEMS * rng.random(size) ** 3).astype(np.int32),
                rng.uniform(1, 5, size).astype(np.float32),
            )
            for size in sizes
        ]

    def take(self, batches, rates, team):
        """Take compiled steps; return the mean squared error of all their ratings."""
        found = self.steps.take(
            [batch[:2] for batch in batches], [batch[2] for batch in batches], rates, team
        )
        assert found.squared_error == found.loss * SPREAD**2
        assert found.n_rows == found.n_ratings == sum(len(batch[2]) for batch in batches)
        return found.loss / found.n_rows

    def values(self):
        """Return all that training moves."""
        return [*(table.values for table in self.tables), *(p.value for p in self.trunk.parameters)]

    def twin_gradients(self, batch, step):
        """Return loss and gradients of a batch by the twin; penalties included."""
        users, items, values = batch
        kept = [
            masked(layer, step, (len(values), width))
            for layer, width in dropouts(self.trunk.layers)
        ]
        targets = (values.astype(np.float64) - MEAN) / SPREAD
        loss, gradients = self.twin.loss_and_gradients(users, items, targets, kept)
        for number, decays in enumerate(self.decays):
            if number > 1:
                gradients[number] = (
                    gradients[number] + 2 * self.pull * decays * self.twin.values[number]
                )
        return loss, gradients

    def take_twin(self, batches, rates):
        """Take the same steps by the twin."""
        total = 0.0
        for step, (batch, rate) in enumerate(zip(batches, rates, strict=True)):
            loss, gradients = self.twin_gradients(batch, step)
            self.twin.step(gradients, rate, self.decays, self.decay)
            total += loss * len(batch[2])
        return total / sum(len(batch[2]) for batch in batches)


def _parts(layers):
    """Yield layers, dense ones apart from their rectifier."""
    for layer in layers:
        yield layer
        if getattr(layer, "bias", None) is not None and layer.activation.name == "relu":
            yield layer.activation


def kind_of(layer):
    if isinstance(layer, BatchNorm):
        return "norm"
    if isinstance(layer, Dropout):
        return "drop"
    if isinstance(layer, Activate) or not hasattr(layer, "weights"):
        return "relu"
    return "plain" if layer.bias is None else "dense"


def dropouts(layers):
    """Yield the dropouts with the columns that they see."""
    width = 0
    for layer in layers:
        width = getattr(layer, "n_outputs", width)
        if isinstance(layer, Dropout):
            yield layer, width


def masked(layer, step, shape):
    """Return what a dropout multiplies the elements of a batch by, in a step."""
    kept = np.ones(shape, np.float32)
    (key,) = dropout_keys(SEED, np.array([step]), layer.number)
    threshold, scale = np.uint32(layer.rate * 2**32), np.float32(1 / (1 - layer.rate))
    drop(kept, key, 0, threshold, scale, kept)
    return kept
