"""A multi-layer perceptron over embeddings and over what is known of items and users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.blas import one_blas_thread
from fastmf.data import Ratings, read_ratings
from fastmf.data.item_features import FeatureEncoder
from fastmf.data.metadata import Metadata, read_metadata
from fastmf.data.widened import widened
from fastmf.errors import ParameterError
from fastmf.models.limits import check_number
from fastmf.models.mlp import RatingNetworkModel
from fastmf.models.networks.census import RatingCensus
from fastmf.models.networks.features import FeatureLayer
from fastmf.models.networks.hidden_parameters import DeepRatingParameters
from fastmf.models.networks.parameters import check_part
from fastmf.training import RunSettings

__all__ = ["Hybrid", "HybridParameters"]

Side = Literal["user", "item"]

_MOST_UNITS = 1 << 12


@dataclass(frozen=True)
class HybridParameters(DeepRatingParameters):
    """Hyperparameters of `Hybrid`; see `DeepRatingParameters`.

    Attributes
    ----------
    item_features, user_features : tuple of str
        Columns to use of the tables of items and users, each with ``:number``, ``:category`` or
        ``:categories`` behind it where its values do not tell; none uses all that are of use.
    level_factors : int
        Length of the embedding of a category.
    cold_rate : float
        Part of the ratings from which the network learns as if the item were new to it, by what
        the table says alone; and as many for users, where there is a table of users.
    """

    item_features: tuple[str, ...] = field(
        default=(), metadata={"help": "Columns of --items. Default all that are of use."}
    )
    user_features: tuple[str, ...] = field(
        default=(), metadata={"help": "Columns of --users. Default all that are of use."}
    )
    level_factors: int = field(
        default=8, metadata={"help": "Length of the embedding of a category."}
    )
    cold_rate: float = field(
        default=0.1,
        metadata={"help": "Part of the ratings learned from as if item or user were new."},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("item_features", "user_features"):
            given: Any = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Sequence):
                raise ParameterError(f"{name} is {given!r}, but it must be a tuple of names")
            if not all(isinstance(one, str) and one.strip() for one in given):
                raise ParameterError(f"{name} is {given!r}, but its elements must be names")
        limits: dict[str, Any] = {"least": 1, "most": _MOST_UNITS}
        check_number("level_factors", self.level_factors, whole=True, **limits)
        check_part("cold_rate", self.cold_rate)


class Hybrid(RatingNetworkModel):
    """An `MLP` that also sees metadata: numbers, categories and lists of categories.

    Numbers are spread evenly over -1 to 1 by their quantiles, with an input of their own for
    those that are not known; a category is an embedding that is learned, several categories are
    the mean of theirs. What nothing is known of, an item the table lacks for instance, has the
    middle of numbers and no categories. Metadata is learned from users and items with training
    ratings; categories that none of them has are as good as unknown.

    Items and users that a table names and that have no ratings are part of the model: predictions
    and recommendations for them are by what the table says. That the network can do without an
    embedding it learns from a part of the ratings (`cold_rate`), in which the item's or the
    user's is left out.

    Without a table, use `MLP`.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, hidden, activation,
    input_dropout, batch_norm, biased_dot, dense_regularization, loss, output, item_features,
    user_features, level_factors, cold_rate
        See `fastmf.models.networks.parameters` and `HybridParameters`.

    Attributes
    ----------
    encoders_ : dict of str to FeatureEncoder
        What was learned of the columns, by "item" and "user".
    notes_ : tuple of str
        Columns left out, rows the tables lack, rows of the tables without ratings.
    users_, items_ : Vocabulary
        Those of the ratings, and behind them those that only the tables name.
    user_factors_, item_factors_ : (n_users, factors), (n_items, factors) float32
        Embeddings.

    See `RatingModel` for further attributes and the methods.

    Examples
    --------
    >>> import fastmf
    >>> model = fastmf.Hybrid(item_features=("genres", "year"))
    >>> model.fit(fastmf.read_ratings("ratings.csv"), valid=0.1, items="movies.csv")
    """

    kind: ClassVar[str] = "hybrid"
    takes_metadata: ClassVar[bool] = True
    hyperparameters: ClassVar[type] = HybridParameters
    encoders_: dict[str, FeatureEncoder]
    notes_: tuple[str, ...]

    def fit(
        self,
        train: Any,
        valid: Any = None,
        *,
        items: Any = None,
        users: Any = None,
        run: RunSettings | None = None,
    ) -> Self:
        """Learn from ratings and metadata.

        Parameters
        ----------
        train, valid
            As for `RatingModel.fit`.
        items, users : path, data frame, mapping of names to values, or Metadata, optional
            Tables with a column of ids; see `fastmf.data.metadata.read_metadata`.
        run : RunSettings, optional
            Threads, progress, early stop.

        Returns
        -------
        self

        Raises
        ------
        ParameterError, DataError, DivergenceError
            As for `RatingModel.fit`; ParameterError also if no table is given, or columns are
            named of one that is not; DataError also if a table cannot be used.
        """
        given: dict[Side, Any] = {"user": users, "item": items}
        tables: dict[Side, Metadata] = {
            side: read_metadata(source, side)
            for side, source in given.items()
            if source is not None
        }
        if not tables:
            raise ParameterError(
                "Hybrid uses what is known of items or users: give items or users (or use MLP)"
            )
        for side in ("item", "user"):
            if side not in tables and getattr(self, f"{side}_features"):
                raise ParameterError(f"{side}_features names columns of a table: give {side}s")
        self._tables = tables
        self._found: dict[str, FeatureEncoder] = {}
        self._told: list[str] = []
        more = {f"{side}s": table.ids for side, table in tables.items()}
        super().fit(widened(read_ratings(train), **more), valid, run=run)
        self.encoders_, self.notes_ = self._found, tuple(self._told)
        return self

    def _made_up(self) -> Self:
        # With tables as well: a network without features is trained by other kernels.
        made = super()._made_up()
        cells = {"id": range(4), "number": (1, 2, 3, 4), "category": ("a", "b", "a", "b")}
        made._tables = {side: read_metadata(cells, side) for side in self._tables}
        made._found, made._told = {}, []
        return made

    def _shrunk(self, parameters: Any) -> Any:
        return replace(super()._shrunk(parameters), item_features=(), user_features=())

    def _features(
        self, parameters: Any, train: Ratings, census: RatingCensus, run: RunSettings
    ) -> list[FeatureLayer]:
        layers = [
            self._layer(side, table, parameters, train, census)
            for side, table in self._tables.items()
        ]
        if run.progress is not None:
            for note in self._told:
                run.progress.note(f"note: {note}")
        return layers

    def _layer(
        self, side: Side, table: Metadata, parameters: Any, train: Ratings, census: RatingCensus
    ) -> FeatureLayer:
        vocabulary = train.users if side == "user" else train.items
        counts = census.user_counts if side == "user" else census.item_counts
        names = getattr(parameters, f"{side}_features")
        encoder = FeatureEncoder.learn(table, vocabulary, counts, names, side)
        features, notes = encoder.encode(table, vocabulary)
        self._found[side] = encoder
        self._told += [*encoder.notes, *notes]
        places = vocabulary.lookup(table.ids)
        n_new = int(np.count_nonzero(counts[np.unique(places[places >= 0])] == 0))
        if n_new:
            self._told.append(
                f"{table.name}: {n_new:,} {side}s in it have no training ratings; predictions for "
                "them are by what it says of them"
            )
        seed = np.random.default_rng([int(parameters.random_state), len(side), ord(side[0])])
        return FeatureLayer(
            features,
            side,
            int(parameters.level_factors),
            generator=seed,
            cold_rate=float(parameters.cold_rate),
        )

    def item_vectors(self) -> NDArray[np.float32]:
        """Return (n_items, units) what items add to the first layer, metadata included.

        Without a table of items, their embeddings. See `FittedModel.item_vectors`.
        """
        self._check_fitted()
        rows = self.network_.rows
        if not rows.item_features.shape[1]:
            return super().item_vectors()
        columns = np.hstack([rows.item_factors, rows.item_features])[:-1]
        with one_blas_thread():
            found: NDArray[np.float32] = (
                columns @ self.network_.layers[0].weights[-columns.shape[1] :]
            )
        return found

    def _saved_record(self) -> dict[str, Any]:
        encoders = {side: encoder.record() for side, encoder in self.encoders_.items()}
        return {**super()._saved_record(), "encoders": encoders, "notes": list(self.notes_)}

    def _restore(self, arrays: Any, record: Any) -> None:
        super()._restore(arrays, record)
        self.encoders_ = {
            str(side): FeatureEncoder.from_record(encoder)
            for side, encoder in dict(record["encoders"]).items()
        }
        self.notes_ = tuple(str(note) for note in record["notes"])
