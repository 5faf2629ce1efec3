"""`fastmf predict`: predicted ratings for a file of pairs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from fastmf.cli.console import Console
from fastmf.cli.options import NamedPath, id_column_options, model_argument, quiet_option
from fastmf.cli.targets import check_apart
from fastmf.cli.text_table import counted
from fastmf.errors import DataError

if TYPE_CHECKING:
    from fastmf import Vocabulary
    from fastmf.data.table_files import TableWriter
    from fastmf.models import RatingModel

    Deviations = Callable[[Any, Any], Any]

__all__ = ["predict"]


@click.command(
    short_help="Predict ratings for a file of user and item pairs.",
    epilog="""\b
Examples:
  fastmf predict ratings.model pairs.csv --out predictions.csv
  fastmf predict ratings.model test.parquet --out predictions.parquet --std
""",
)
@model_argument
@click.argument("pairs", metavar="PAIRS", type=NamedPath())
@click.option(
    "--out",
    required=True,
    type=NamedPath(),
    metavar="FILE",
    help="File to write; its ending (.csv, .tsv, .parquet) tells the format.",
)
@click.option(
    "--std",
    "with_std",
    is_flag=True,
    help="Also write how far ratings are expected from predictions, as a column std; it takes the "
    "training ratings.",
)
@click.option(
    "--seen",
    type=NamedPath(),
    metavar="RATINGS",
    help="The training ratings, for --std. [default: where they were]",
)
@id_column_options
@quiet_option
def predict(
    *,
    model: Path,
    pairs: Path,
    out: Path,
    with_std: bool,
    seen: Path | None,
    user_column: str | None,
    item_column: str | None,
    quiet: bool,
) -> None:
    """Predict the rating of each user for the item beside them in PAIRS.

    PAIRS is a Parquet, Arrow or delimited text file with columns of users and items; it may have
    others. The file that is written has the same rows in the same order: user, item, prediction,
    and known, which is false where the model knows the user or the item not and the prediction
    falls back to what it knows. With --std, also a standard deviation of each: greater for users
    and items of few ratings.
    """
    from fastmf import load_model
    from fastmf.data.readers import find_parts
    from fastmf.data.table_files import check_table_target

    check_table_target(out)
    if seen is not None and not with_std:
        raise click.UsageError("--seen is for --std.")
    check_apart(out, pairs, seen, model)
    if not pairs.exists():
        find_parts(pairs)  # raises, and says what has a name like it
    console = Console(quiet)
    fitted = load_model(model)
    deviations = _deviations(fitted, seen, console) if with_std else None
    prediction = _Prediction(fitted, pairs, (user_column, item_column), out, deviations)
    with console.work(f"predicting {pairs.name}", "pairs") as progress:
        counts = prediction.write(progress)
    if counts.unknown:
        console.note(
            f"note: {counts.unknown:,} of {counts.rows:,} pairs hold a user ({counts.users:,}) or "
            f"an item ({counts.items:,}) that the model does not know; their predictions fall back "
            "to what it knows (known is false)"
        )
    console.note(f"{counted(counts.rows, 'prediction')} written to {out}")


def _deviations(model: RatingModel, seen: Path | None, console: Console) -> Deviations:
    from fastmf.cli.reading import load_ratings
    from fastmf.cli.seen import all_training_ratings
    from fastmf.models.abilities import ability

    std_index = ability(model, "std_index")
    if seen is not None:
        trained_on = load_ratings(seen, {}, console)
    else:
        trained_on = all_training_ratings(model, {}, console, None, "--std", "--seen")
    return partial(std_index, seen=trained_on)


class _Counts(NamedTuple):
    """Pairs, those of them the model does not know, and by which side."""

    rows: int = 0
    unknown: int = 0
    users: int = 0
    items: int = 0


class _TextIdsError(Exception):
    """Ids of a text file that were to be written as integers and are not."""


class _Prediction:
    """Predicts the pairs of one file into another.

    Parameters
    ----------
    model : RatingModel
        A fitted model.
    pairs : pathlib.Path
        What to predict.
    columns : tuple of str or None
        Names of the user and the item column.
    out : pathlib.Path
        File to write.
    deviations : callable or None
        Gives the standard deviations of pairs by dense indices, where they are wanted.
    """

    def __init__(
        self,
        model: RatingModel,
        pairs: Path,
        columns: tuple[str | None, str | None],
        out: Path,
        deviations: Deviations | None = None,
    ) -> None:
        self._deviations = deviations
        self._model = model
        self._pairs = pairs
        self._columns = columns
        self._out = out

    def write(self, progress: Callable[[int], None]) -> _Counts:
        """Write all predictions; text ids become integers where all of them can."""
        try:
            return self._write(progress, text_ids=False)
        except _TextIdsError:
            return self._write(progress, text_ids=True)

    def _write(self, progress: Callable[[int], None], *, text_ids: bool) -> _Counts:
        from fastmf.data.pair_files import read_pairs
        from fastmf.data.table_files import table_writer

        counts = _Counts()
        with table_writer(self._out) as writer:
            for users, items in read_pairs(self._pairs, *self._columns):
                found = self._write_chunk(writer, users, items, text_ids)
                counts = _Counts(*(a + b for a, b in zip(counts, found, strict=True)))
                progress(len(users))
            if counts.rows == 0:
                raise DataError(f"{self._pairs}: no pairs in it")
        return counts

    def _write_chunk(self, writer: TableWriter, users: Any, items: Any, text_ids: bool) -> _Counts:
        model = self._model
        user_index, item_index = model.users_.lookup(users), model.items_.lookup(items)
        known = (user_index >= 0) & (item_index >= 0)
        if not text_ids:
            users = _in_kind_of(model.users_, users)
            items = _in_kind_of(model.items_, items)
        columns = {
            "user": users,
            "item": items,
            "prediction": model.predict_index(user_index, item_index),
        }
        if self._deviations is not None:
            columns["std"] = self._deviations(user_index, item_index)
        writer.write({**columns, "known": known})
        unknown = (~known, user_index < 0, item_index < 0)
        return _Counts(len(known), *(int(rows.sum()) for rows in unknown))


def _in_kind_of(vocabulary: Vocabulary, ids: Any) -> Any:
    """Return ids as integers where those of the model are."""
    from fastmf.data.pair_files import as_integers

    if vocabulary.kind != "int":
        return ids
    integers = as_integers(ids)
    if integers is None:
        raise _TextIdsError
    return integers
