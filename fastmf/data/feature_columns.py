"""One column of metadata as a network takes it: numbers by their quantiles, texts by their levels.

What is not known, of a row that a table lacks or of a cell that is empty, is the middle for
numbers and adds nothing for texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from fastmf.data.metadata import Cell, number_text

__all__ = ["KINDS", "FeatureColumn", "FeatureKind", "kind_of", "reads_as_number"]

FeatureKind = Literal["number", "category", "categories"]
KINDS: tuple[str, ...] = get_args(FeatureKind)

# Steps of the quantile transform at most; finer ones change nothing that a network could learn.
_QUANTILES = 256

# Beyond it differences overflow; numbers past it count as it.
_LARGEST = 1e300


@dataclass(frozen=True)
class FeatureColumn:
    """What was learned of a column from the rows that have ratings.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "categories"}
        A number; one of several texts; any of several texts.
    quantiles : tuple of float
        Of a number: values at even steps of its distribution.
    levels : tuple of str
        Of texts: each that some rows have and some have not, most frequent first.
    separator : str
        Between the texts of a cell; empty where cells are lists.
    gaps : bool
        Of a number: whether some are not known, which is then a feature of its own.
    """

    name: str
    kind: FeatureKind
    quantiles: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    separator: str = ""
    gaps: bool = False

    @classmethod
    def learn(cls, name: str, kind: str, cells: Sequence[Cell]) -> Self:
        """Learn a column.

        Parameters
        ----------
        name : str
        kind : {"number", "category", "categories"}
        cells : sequence
            Of the rows that have ratings; for numbers all as `reads_as_number` wants them.

        Returns
        -------
        FeatureColumn
        """
        if kind == "number":
            numbers = [_number(cell) for cell in cells]
            known = [number for number in numbers if number is not None]
            # At the values themselves where there are few: none lies between two of them.
            steps = np.linspace(0, 1, min(len(known), _QUANTILES))
            quantiles = np.quantile(known, steps) if known else np.empty(0)
            return cls(name, "number", tuple(quantiles.tolist()), gaps=len(known) < len(cells))
        separator = _separator(cells) if kind == "categories" else ""
        parted = [_parts(cell, separator) for cell in cells]
        counts: dict[str, int] = {}
        for part in (part for parts in parted for part in parts):
            counts[part] = counts.get(part, 0) + 1
        # What every row has tells none apart.
        told_apart = [level for level, count in counts.items() if count < len(cells)]
        levels = tuple(sorted(told_apart, key=lambda level: (-counts[level], level)))
        fitting: FeatureKind = "categories" if kind == "categories" else "category"
        return cls(name, fitting, levels=levels, separator=separator)

    @property
    def is_constant(self) -> bool:
        """Whether it tells rows apart in no way."""
        if self.kind == "number":
            return not self.quantiles or (len(set(self.quantiles)) < 2 and not self.gaps)
        return not self.levels

    def numbers(self, cells: Sequence[Cell]) -> npt.NDArray[np.float32]:
        """Return numbers between -1 and 1, evenly spread over the rows learned from.

        The transform is the mean of the distribution function from the left and from the right,
        so that a value shared by many lies in their middle.

        Parameters
        ----------
        cells : sequence
            (n,) cells of a column of numbers, all as `reads_as_number` wants them.

        Returns
        -------
        (n, 1) or (n, 2) float32
            Numbers, 0 where unknown; and with `gaps`, 1 where unknown and 0 elsewhere.
        """
        found = [_number(cell) for cell in cells]
        unknown = np.array([number is None for number in found], np.bool_)
        values = np.array([0.0 if number is None else number for number in found])
        marks = np.asarray(self.quantiles)
        steps = np.linspace(0, 1, len(marks))
        from_left = np.interp(values, marks, steps)
        from_right = 1 - np.interp(-values, -marks[::-1], steps)
        spread = np.where(unknown, 0.0, from_left + from_right - 1)
        columns = (spread, unknown) if self.gaps else (spread,)
        return np.column_stack(columns).astype(np.float32)

    def places(self, cells: Iterable[Cell]) -> tuple[list[tuple[int, ...]], int]:
        """Return the levels of cells by their place among the levels.

        Parameters
        ----------
        cells : iterable
            Cells of a column of texts.

        Returns
        -------
        list of tuple of int
            One entry a cell; levels that were not learned are left out.
        int
            Cells that had such levels.
        """
        place_of = {level: place for place, level in enumerate(self.levels)}
        found, unseen = [], 0
        for cell in cells:
            parts = _parts(cell, self.separator)
            known = tuple(dict.fromkeys(place_of[part] for part in parts if part in place_of))
            unseen += not all(part in place_of for part in parts)
            found.append(known)
        return found, unseen

    def record(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Return the column of a record.

        Parameters
        ----------
        record : dict

        Returns
        -------
        FeatureColumn

        Raises
        ------
        TypeError, ValueError
            If something in it is missing or of another kind.
        """
        column = cls(**record)
        texts = (column.name, column.separator, *column.levels)
        if column.kind not in KINDS or not all(isinstance(text, str) for text in texts):
            raise ValueError("a column of features is neither numbers nor texts")
        quantiles = tuple(float(value) for value in column.quantiles)
        if not np.isfinite(quantiles).all() or list(quantiles) != sorted(quantiles):
            raise ValueError(f"the quantiles of {column.name} do not rise")
        levels = tuple(column.levels)
        return cls(column.name, column.kind, quantiles, levels, column.separator, bool(column.gaps))


def kind_of(cells: Sequence[Cell]) -> FeatureKind:
    """Tell what a column holds.

    Parameters
    ----------
    cells : sequence

    Returns
    -------
    {"number", "category", "categories"}
        Numbers where all that is known reads as one; several texts a cell where cells are
        lists, or texts that fall into less than half as many once parted at bars or commas.
    """
    known = [cell for cell in cells if cell is not None]
    if any(isinstance(cell, tuple) for cell in known):
        return "categories"
    if known and all(reads_as_number(cell) for cell in known):
        return "number"
    separator = _separator(known)
    if not separator:
        return "category"
    parts = {part for cell in known for part in _parts(cell, separator)}
    return "categories" if len(parts) < len(set(known)) / 2 or separator == "|" else "category"


def _separator(cells: Iterable[Cell]) -> str:
    texts = [cell for cell in cells if isinstance(cell, str)]
    return next((mark for mark in "|," if any(mark in text for text in texts)), "")


def _parts(cell: Cell, separator: str) -> tuple[str, ...]:
    if cell is None:
        return ()
    if isinstance(cell, tuple):
        return cell
    text = cell if isinstance(cell, str) else number_text(cell)
    parts = text.split(separator) if separator else [text]
    return tuple(part.strip() for part in parts if part.strip())


def reads_as_number(cell: Cell) -> bool:
    """Tell whether a cell is a number, text that reads as one, or unknown.

    Parameters
    ----------
    cell : Cell

    Returns
    -------
    bool
    """
    if cell is None:
        return True
    if isinstance(cell, tuple):
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: Cell) -> float | None:
    """Return a cell as a number that can be subtracted from any other; None where unknown."""
    if cell is None:
        return None
    number = float(cell)  # type: ignore[arg-type]
    return min(max(number, -_LARGEST), _LARGEST) if math.isfinite(number) else None
