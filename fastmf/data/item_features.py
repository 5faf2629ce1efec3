"""Features of items or users from a table of metadata: which columns, learned and looked up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from fastmf.data.feature_columns import KINDS, FeatureColumn, kind_of, reads_as_number
from fastmf.data.metadata import Cell, Metadata
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import DataError

__all__ = ["FeatureEncoder", "Features"]

# A column of texts that nearly every row has of its own, such as titles, tells nothing of others.
_FEW_LEVELS = 20
_MOSTLY_UNKNOWN = 0.9

# Bytes of levels in a model file, whose JSON may have 64 MiB; each has a line of its own there,
# with so many spaces.
_MOST_BYTES = 60 << 20
_INDENT = 12


class Features(NamedTuple):
    """What a network takes of n rows; a further row is of one of which nothing is known.

    Row ``i`` has, of its text column ``b`` of `n_texts`, the levels
    ``levels[starts[i * n_texts + b] : starts[i * n_texts + b + 1]]``.
    """

    numbers: npt.NDArray[np.float32]  # (n + 1, n_numbers)
    starts: npt.NDArray[np.int64]  # ((n + 1) * n_texts + 1,)
    levels: npt.NDArray[np.int32]  # places among the levels of all columns
    n_texts: int
    n_levels: int


@dataclass(frozen=True)
class FeatureEncoder:
    """Turns metadata into features as it learned to from the rows that have ratings.

    Attributes
    ----------
    columns : tuple of FeatureColumn
        Numbers and texts in the order of the table.
    notes : tuple of str
        What learning had to say: columns left out, rows without metadata.
    """

    columns: tuple[FeatureColumn, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def learn(
        cls,
        metadata: Metadata,
        vocabulary: Vocabulary,
        counts: npt.NDArray[np.int64],
        names: Sequence[str] = (),
        role: str = "item",
    ) -> Self:
        """Choose and learn columns.

        Parameters
        ----------
        metadata : Metadata
        vocabulary : Vocabulary
            Of the ratings.
        counts : (n,) int64
            Training ratings of each of the vocabulary; those without teach nothing.
        names : sequence of str, optional
            Columns to use, each with ``:number``, ``:category`` or ``:categories`` behind it
            where it is not to be told from the values. Default all but ids, constants, texts
            that nearly every row has of its own, and what is hardly ever known.
        role : {"item", "user"}, optional
            For messages.

        Returns
        -------
        FeatureEncoder

        Raises
        ------
        DataError
            If a column is not there or cannot be what it is to be, if the table names none of
            the ratings' rows, or if no column is left.
        """
        rows = _rows(metadata, vocabulary)
        known = [row for row, count in zip(rows, counts, strict=True) if count and row is not None]
        n_rated = int(np.count_nonzero(counts))
        if not known:
            raise DataError(
                f"{metadata.name}: none of the {n_rated:,} {role}s that have ratings is in it; its "
                f"first id is {metadata.ids[0]!r}, that of the ratings "
                f"{str(vocabulary.take([0])[0])!r}"
            )
        notes = []
        if len(known) < n_rated:
            notes.append(
                f"{metadata.name}: {n_rated - len(known):,} of {n_rated:,} {role}s with ratings "
                "are not in it; nothing is known of them"
            )
        columns = []
        for name, asked in _wanted(metadata, names):
            cells = [metadata.columns[name][row] for row in known]
            kind = asked or kind_of(cells)
            if kind == "number":
                _check_numbers(metadata, name, known)
            column = FeatureColumn.learn(name, kind, cells)
            reason = _reason_against(column, cells, chosen=bool(names))
            if reason:
                notes.append(f"{metadata.name}: column {name} is left out: {reason}")
            else:
                columns.append(column)
        _check_size(metadata, columns)
        if not columns:
            raise DataError(
                f"{metadata.name}: no column left that tells {role}s apart; "
                + "; ".join(note.rpartition(": column ")[2] for note in notes[-3:])
            )
        return cls(tuple(columns), tuple(notes))

    @property
    def n_numbers(self) -> int:
        """Columns of `Features.numbers`."""
        return sum(1 + column.gaps for column in self.columns if column.kind == "number")

    @property
    def n_texts(self) -> int:
        """Columns of texts."""
        return sum(column.kind != "number" for column in self.columns)

    @property
    def n_levels(self) -> int:
        """Levels of all columns of texts."""
        return sum(len(column.levels) for column in self.columns)

    def encode(
        self, metadata: Metadata, vocabulary: Vocabulary
    ) -> tuple[Features, tuple[str, ...]]:
        """Look up the features of a vocabulary.

        Parameters
        ----------
        metadata : Metadata
        vocabulary : Vocabulary
            (n,) raw ids; those that the table lacks have no features.

        Returns
        -------
        Features
            Of n + 1 rows.
        tuple of str
            What there is to say: columns that are missing, texts that were not learned.
        """
        rows = [*_rows(metadata, vocabulary), None]
        notes: list[str] = []
        numbers, texts, first = [np.empty((len(rows), 0), np.float32)], [], 0
        for column in self.columns:
            cells = metadata.columns.get(column.name)
            if cells is None:
                notes.append(f"{metadata.name}: it has no column {column.name}; taken as unknown")
            found = [None if row is None or cells is None else cells[row] for row in rows]
            if column.kind == "number":
                if cells is not None:
                    _check_numbers(metadata, column.name, rows)
                numbers.append(column.numbers(found))
                continue
            places, unseen = column.places(found)
            texts.append([[first + place for place in of_row] for of_row in places])
            first += len(column.levels)
            if unseen:
                notes.append(
                    f"{metadata.name}: {unseen:,} rows have texts in column {column.name} that no "
                    "row with training ratings has; these texts are taken as unknown"
                )
        bags = [bag for of_row in zip(*texts, strict=True) for bag in of_row]
        sizes = np.array([0, *(len(bag) for bag in bags)], np.int64)
        levels = np.array([level for bag in bags for level in bag], np.int32)
        features = Features(
            np.ascontiguousarray(np.hstack(numbers)),
            np.cumsum(sizes),
            levels,
            self.n_texts,
            self.n_levels,
        )
        return features, tuple(notes)

    def record(self) -> list[dict[str, Any]]:
        """Return the columns as JSON can hold them."""
        return [column.record() for column in self.columns]

    @classmethod
    def from_record(cls, record: list[dict[str, Any]]) -> Self:
        """Return the encoder of a record.

        Parameters
        ----------
        record : list of dict

        Returns
        -------
        FeatureEncoder

        Raises
        ------
        TypeError, ValueError
            If something in it is missing or of another kind.
        """
        return cls(tuple(FeatureColumn.from_record(dict(column)) for column in record))


def _rows(metadata: Metadata, vocabulary: Vocabulary) -> list[int | None]:
    """Return the row of the table for each of a vocabulary, None where it has none."""
    rows: list[int | None] = [None] * len(vocabulary)
    # Ids such as 7 and 7.0 may name one row twice: the last counts.
    for row, index in enumerate(vocabulary.lookup(metadata.ids).tolist()):
        if index >= 0:
            rows[index] = row
    return rows


def _check_numbers(metadata: Metadata, name: str, rows: Sequence[int | None]) -> None:
    """Refuse text that is no number in a column that is to be numbers."""
    cells = metadata.columns[name]
    for row in rows:
        if row is not None and not reads_as_number(cells[row]):
            raise DataError(
                f"{metadata.name}: column {name} is to be numbers, but holds {cells[row]!r} in the "
                f"row of id {metadata.ids[row]}; take it as {name}:category"
            )


def _check_size(metadata: Metadata, columns: Sequence[FeatureColumn]) -> None:
    """Refuse more texts than a model file can hold, before anything is trained."""
    sizes = {
        column.name: len(json.dumps(column.levels)) + _INDENT * len(column.levels)
        for column in columns
    }
    if sum(sizes.values()) > _MOST_BYTES:
        name = max(sizes, key=lambda name: sizes[name])
        raise DataError(
            f"{metadata.name}: the texts of column {name} take {sizes[name] / 2**20:.0f} MiB in a "
            f"model file, which holds {_MOST_BYTES >> 20} of all columns; shorten them, or leave "
            "the column out"
        )


def _wanted(metadata: Metadata, names: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return columns and what they are to be, None where their values tell."""
    if not names:
        return [(name, None) for name in metadata.columns if not name.lower().endswith("id")]
    plain = {_plain(name): name for name in metadata.columns}
    wanted: list[tuple[str, str | None]] = []
    for asked in names:
        name, _, kind = asked.strip().rpartition(":")
        if not name:
            name, kind = kind, ""
        if kind and kind not in KINDS:
            raise DataError(
                f"column {asked!r}: {kind!r} is not one of {', '.join(KINDS)}; write {name}:number"
            )
        found = name if name in metadata.columns else plain.get(_plain(name))
        if found is None:
            shown = ", ".join(metadata.columns) or "none but the ids"
            raise DataError(f"{metadata.name}: there is no column {name!r}; there are: {shown}")
        if found not in (already for already, _ in wanted):
            wanted.append((found, kind or None))
    return wanted


def _plain(name: str) -> str:
    """Return a name without what often differs: case, spaces, a plural's end."""
    return name.lower().replace("_", "").replace(" ", "").removesuffix("s")


def _reason_against(column: FeatureColumn, cells: list[Cell], *, chosen: bool) -> str | None:
    if column.is_constant:
        return "it is the same everywhere, or empty"
    if chosen:
        return None
    if column.kind == "category" and len(column.levels) > max(_FEW_LEVELS, len(cells) / 2):
        return "nearly every row has a text of its own; name it to use it all the same"
    if sum(cell is None for cell in cells) > _MOSTLY_UNKNOWN * len(cells):
        return "it is hardly ever known; name it to use it all the same"
    return None
