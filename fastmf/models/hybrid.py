"""A multi-layer perceptron over embeddings and over what is known of items and users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import numpy as np

from fastmf.data import Ratings
from fastmf.data.item_features import FeatureEncoder
from fastmf.data.metadata import Metadata, read_metadata
from fastmf.errors import ParameterError
from fastmf.models.limits import check_number
from fastmf.models.mlp import RatingNetworkModel
from fastmf.models.network_census import RatingCensus
from fastmf.models.network_features import FeatureLayer
from fastmf.models.network_parameters import DeepRatingParameters
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


class Hybrid(RatingNetworkModel):
    """An `MLP` that also sees metadata: numbers, categories and lists of categories.

    Numbers are spread evenly over -1 to 1 by their quantiles, with an input of their own for
    those that are not known; a category is an embedding that is learned, several categories are
    the mean of theirs. What nothing is known of, an item the table lacks for instance, has the
    middle of numbers and no categories. Metadata is learned from users and items with training
    ratings; categories that none of them has are as good as unknown.

    Without a table the model is an `MLP`.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, hidden, activation,
    input_dropout, batch_norm, loss, output, item_features, user_features, level_factors
        See `fastmf.models.network_parameters` and `HybridParameters`.

    Attributes
    ----------
    encoders_ : dict of str to FeatureEncoder
        What was learned of the columns, by "item" and "user".
    notes_ : tuple of str
        Columns left out, rows the tables lack.
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
            As for `RatingModel.fit`; DataError also if a table cannot be used.
        """
        given: dict[Side, Any] = {"user": users, "item": items}
        self._tables = {
            side: read_metadata(source, side)
            for side, source in given.items()
            if source is not None
        }
        self._found: dict[str, FeatureEncoder] = {}
        self._told: list[str] = []
        super().fit(train, valid, run=run)
        self.encoders_, self.notes_ = self._found, tuple(self._told)
        return self

    def _features(
        self, parameters: Any, train: Ratings, census: RatingCensus, run: RunSettings
    ) -> list[FeatureLayer]:
        tables: dict[Side, Metadata] = getattr(self, "_tables", {})
        layers = [
            self._layer(side, table, parameters, train, census) for side, table in tables.items()
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
        seed = np.random.default_rng([int(parameters.random_state), len(side), ord(side[0])])
        return FeatureLayer(features, side, int(parameters.level_factors), generator=seed)

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
