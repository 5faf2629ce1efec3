"""The networks that the deep models are measured with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """A model and the layers that it is measured with."""

    hidden: tuple[int, ...]
    dropout: float
    batch_norm: bool
    biased_dot: bool

    @property
    def multiplications(self) -> int:
        """Of a rating with 50 factors in matrix products: forward, and twice that back."""
        sizes = (100, *self.hidden, 1)
        return 3 * sum(left * right for left, right in itertools.pairwise(sizes))


NETWORKS = {
    "mlp": Network((100, 50), 0.0, batch_norm=False, biased_dot=False),
    "residual": Network((512, 128), 0.2, batch_norm=True, biased_dot=True),
}
FACTORS = 50


def layer_options(model: str) -> tuple[str, ...]:
    """Return the options of ``fastmf train`` that make a model's layers, trained by plain Adam."""
    network = NETWORKS[model]
    layers = "--hidden", ",".join(map(str, network.hidden)), "--dropout", str(network.dropout)
    parts: tuple[str, ...] = ("--batch-norm",) if network.batch_norm else ()
    parts += ("--biased-dot" if network.biased_dot else "--no-biased-dot",)
    plain = "--learning-rate", "0.001", "--weight-decay", "0", "--regularization", "0"
    return ("--model", model, *plain, *layers, *parts)
