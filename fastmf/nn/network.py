"""What the learner knows of a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from fastmf.nn.layers import Layer
from fastmf.nn.optimizers import Optimizer
from fastmf.nn.parameters import Parameter
from fastmf.nn.tape import Tape
from fastmf.parallel import Team

__all__ = ["Batches", "Group", "Network", "PairHead", "RowGradients"]

Array = NDArray[Any]


class RowGradients(NamedTuple):
    """The gradients of a table's rows, one for each row of the batch.

    Attributes
    ----------
    array : ndarray of float32
        (n_batch, n_columns), C-contiguous; the table's are as many columns as it is wide.
    column : int
        The first of them.
    """

    array: Array
    column: int = 0


class PairHead(NamedTuple):
    """A network over a user's and an item's embedding whose loss is the squared error.

    A rating's target is ``(rating - mean) / spread``.

    Attributes
    ----------
    layers : tuple of Layer
        All of its layers; the first takes the factors of the user, then those of the item.
    factors : int
        Length of an embedding without its bias.
    biased_dot : bool
        Whether the biased dot product is added to the output of the layers; rows of users then
        have their bias in front, those of items behind.
    mean, spread : float
    """

    layers: tuple[Layer, ...]
    factors: int
    biased_dot: bool
    mean: float
    spread: float


class Batches(Protocol):
    """What the learner knows of the ratings it trains on."""

    @property
    def n_batches(self) -> int:
        """Batches of an epoch, which schedules of the learning rate count on."""

    def epoch(self, number: int, team: Team) -> Iterator[Any]:
        """Return the batches of an epoch, counted from 0.

        Parameters
        ----------
        number : int
        team : Team
            May gather batches ahead.
        """


class Group(Protocol):
    """The embedding tables of a network with their optimizer; see `fastmf.nn.embeddings`."""

    def begin(self, indices: Sequence[Array], team: Team) -> None:
        """Bring the rows of a batch up to date.

        Parameters
        ----------
        indices : sequence of ndarray
            (n_batch,) int32 rows of each table.
        team : Team
        """

    def squared_norm(self, gradients: Sequence[RowGradients], team: Team) -> float:
        """Return the sum of the squares of the gradients of all rows of the batch.

        Parameters
        ----------
        gradients : sequence of RowGradients
            Of each table.
        team : Team
        """

    def step(
        self,
        gradients: Sequence[RowGradients],
        learning_rate: float,
        team: Team,
        scale: float = 1.0,
    ) -> None:
        """Take a step.

        Parameters
        ----------
        gradients : sequence of RowGradients
        learning_rate : float
        team : Team
        scale : float, optional
            What the gradients are multiplied by, for clipping.
        """

    def finish(self, team: Team) -> None:
        """Bring all rows up to date.

        Parameters
        ----------
        team : Team
        """

    def keep(self) -> None:
        """Remember the rows as they are now; called after `finish`."""

    def restore(self) -> None:
        """Return to the rows last kept."""


class Network(Protocol):
    """What the learner drives, one for each family of models."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All dense parameters."""

    @property
    def statistics(self) -> tuple[Parameter, ...]:
        """Arrays that belong to the model, but that no gradient changes."""

    @property
    def is_local(self) -> bool:
        """Whether shards need nothing of each other; those of a thread then share memory."""

    def embedding_group(self, optimizer: Optimizer) -> Group | None:
        """Return the embedding tables with an optimizer; None where there are none.

        Parameters
        ----------
        optimizer : Optimizer
        """

    def n_rows(self, batch: Any) -> int:
        """Return the number of rows of a batch, which shards are cut from.

        Parameters
        ----------
        batch : object
            What the batches yield.
        """

    def indices(self, batch: Any) -> list[Array]:
        """Return the rows of each table that a batch needs.

        Parameters
        ----------
        batch : object
        """

    def run(self, batch: Any, tapes: Sequence[Tape], team: Team) -> float:
        """Take a batch forward and back.

        Assigns the gradient of every parameter in every tape, records sums in the tapes, and keeps
        the gradients of embedding rows for `row_gradients`.

        Parameters
        ----------
        batch : object
        tapes : sequence of Tape
            One for each shard, in order.
        team : Team

        Returns
        -------
        float
            What the gradients in the tapes are still to be multiplied by; 1 for most losses.
        """

    def row_gradients(self) -> list[RowGradients]:
        """Return the gradients of the last batch by the rows of each table."""

    def pair_head(self) -> PairHead | None:
        """Return what compiled steps need to know of the network; None where they cannot run it.

        See `fastmf.nn.pair_steps`. Tables are then of users and of items.
        """

    def loss_of(self, mean: float) -> float:
        """Return the loss of a batch, of the sum of what its tapes recorded.

        Parameters
        ----------
        mean : float
        """
