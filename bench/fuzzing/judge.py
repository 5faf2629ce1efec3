"""What reading a case comes to, and whether it may."""

from __future__ import annotations

import traceback
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.fuzzing.cases import Case, Row
from fastmf.data import Ratings, read_ratings
from fastmf.data.items import Items, read_items
from fastmf.data.pair_files import read_pairs
from fastmf.data.readers.netflix_lists import read_pair_list
from fastmf.data.readers.part import BadRows, Unrated
from fastmf.errors import FastMFError

LONGEST_MESSAGE = 600


class Verdict(NamedTuple):
    """What came of a case.

    Attributes
    ----------
    outcome : str
        ``read``, ``skipped`` (read once bad rows are left out) or ``refused`` (by one line); or
        what must not be: ``wrong``, ``raised``, ``died`` or ``hung``.
    why : str
        In words, where it must not be.
    """

    outcome: str
    why: str = ""

    @property
    def failed(self) -> bool:
        """Whether it must not be."""
        return self.outcome in ("wrong", "raised", "died", "hung")


class WrongError(Exception):
    """An answer that is not right."""


def judge(case: Case, folder: Path) -> Verdict:
    """Read a case from an empty folder in every way, and judge what comes of it.

    Parameters
    ----------
    case : Case
        What to write and read.
    folder : pathlib.Path
        Where to.

    Returns
    -------
    Verdict
    """
    for name, data in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    try:
        if case.items:
            return _judge_items(case, folder / case.target)
        if case.pairs:
            return _judge_pairs(case, folder / case.target)
        return _judge_ratings(case, folder / case.target)
    except WrongError as wrong:
        return Verdict("wrong", str(wrong))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return Verdict("raised", f"{type(error).__name__} in {where}: {error}")


def _judge_ratings(case: Case, path: Path) -> Verdict:
    unrated: Unrated = "interactions" if case.interactions else "drop"
    strict = _read(path, "error", unrated)
    lenient = _read(path, "skip", unrated)
    if strict is not None:
        if lenient is None:
            raise WrongError("read, but refused when bad rows are to be left out")
        if len(strict) != len(lenient):
            raise WrongError(f"{len(strict)} rows, but {len(lenient)} where bad ones are left out")
        _check_sound(strict)
    if lenient is not None:
        _check_sound(lenient)
    if case.expected is not None:
        _check_expected(case, strict, lenient)
    if case.whole is not None and lenient is not None and _pairs(lenient) != _wanted(case.whole):
        raise WrongError(f"cut short, and read as {len(lenient)} rows")
    if case.survivors is not None and lenient is not None:
        found = _pairs(lenient)
        lost = [row for row in case.survivors if (row.user, row.item) not in found]
        # The line that was overwritten may have become another rating of the same pair.
        if len(lost) > 0:
            raise WrongError(f"lost {len(lost)} sound rows, such as {tuple(lost[0])}")
    if strict is not None:
        return Verdict("read")
    return Verdict("refused" if lenient is None else "skipped")


def _read(path: Path, on_bad_rows: BadRows, unrated: Unrated) -> Ratings | None:
    options: dict[str, Any] = {"on_bad_rows": on_bad_rows, "unrated": unrated}
    try:
        return read_ratings(path, cache=False, trainable=False, **options)
    except FastMFError as error:
        _check_message(error)
        return None


def _check_message(error: FastMFError) -> None:
    text = str(error)
    if not text or "\n" in text or "\r" in text:
        raise WrongError(f"a message that is not one line: {text!r}")
    if len(text) > LONGEST_MESSAGE:
        raise WrongError(f"a message of {len(text)} characters: {text[:200]!r}")


def _check_sound(ratings: Ratings) -> None:
    """Look at everything: what is damaged may show only when it is used."""
    columns = ratings.user_index, ratings.item_index, ratings.value
    if {len(column) for column in columns} != {len(ratings)} or len(ratings) == 0:
        raise WrongError(
            f"columns of {[len(column) for column in columns]} rows for {len(ratings)}"
        )
    for index, vocabulary in ((columns[0], ratings.users), (columns[1], ratings.items)):
        if index.min() < 0 or index.max() >= len(vocabulary):
            raise WrongError(f"an index outside [0, {len(vocabulary)})")
        vocabulary.take(np.arange(len(vocabulary)))
    low, high = ratings.rating_range
    if not np.isfinite(columns[2]).all() or columns[2].min() < low or columns[2].max() > high:
        raise WrongError(f"ratings outside their range [{low}, {high}]")
    if len(set(zip(columns[0].tolist(), columns[1].tolist(), strict=True))) != len(ratings):
        raise WrongError("a pair occurs twice")


def _pairs(ratings: Ratings) -> dict[tuple[str, str], float]:
    users = map(str, ratings.users.take(ratings.user_index))
    items = map(str, ratings.items.take(ratings.item_index))
    return dict(zip(zip(users, items, strict=True), ratings.value.tolist(), strict=True))


def _wanted(rows: list[Row]) -> dict[tuple[str, str], float]:
    return {(row.user, row.item): row.rating for row in rows}


def _check_expected(case: Case, strict: Ratings | None, lenient: Ratings | None) -> None:
    if case.n_bad and strict is not None:
        raise WrongError(f"{case.n_bad} rows that cannot be used, and no complaint")
    ratings = lenient if case.n_bad else strict
    if ratings is None:
        raise WrongError("refused, though nothing is wrong with it")
    wanted = _wanted(case.expected or [])
    if _pairs(ratings) != wanted:
        raise WrongError(f"{len(ratings)} rows, not the {len(wanted)} that are in it, or others")
    if ratings.time is not None:
        times = {(row.user, row.item): row.time for row in case.expected or []}
        if dict(zip(_pairs(ratings), ratings.time.tolist(), strict=True)) != times:
            raise WrongError("other times than those in it")
    rows = "1 row" if case.n_bad == 1 else f"{case.n_bad} rows"
    if case.n_bad and not any(f": {rows} left out" in note for note in ratings.notes):
        raise WrongError(f"left out {case.n_bad} rows without saying so: {ratings.notes}")


def _judge_items(case: Case, path: Path) -> Verdict:
    try:
        items = read_items(path)
    except FastMFError as error:
        _check_message(error)
        if case.expected is not None:
            raise WrongError(f"refused, though nothing is wrong with it: {error}") from error
        return Verdict("refused")
    _check_items(items, case.expected)
    return Verdict("read")


def _check_items(items: Items, expected: list[Row] | None) -> None:
    if items.to_arrow().num_rows != len(items) or len(set(items.ids)) != len(items):
        raise WrongError("an item occurs twice")
    if expected is not None and items.ids != [row.item for row in expected]:
        raise WrongError(f"{len(items)} items, not the {len(expected)} that are in it")


def _judge_pairs(case: Case, path: Path) -> Verdict:
    try:
        if case.pairs == "list":
            users, items = (column.tolist() for column in read_pair_list(path))
        else:
            pieces = list(read_pairs(path, None, None))
            users, items = (
                [raw for piece in pieces for raw in column(piece).to_pylist()]
                for column in (attrgetter("users"), attrgetter("items"))
            )
    except FastMFError as error:
        _check_message(error)
        if case.expected is not None:
            raise WrongError(f"refused, though nothing is wrong with it: {error}") from error
        return Verdict("refused")
    found = list(zip(map(str, users), map(str, items), strict=True))
    if None in users or None in items:
        raise WrongError("an id that is missing")
    if case.expected is not None and found != [(row.user, row.item) for row in case.expected]:
        raise WrongError(f"{len(found)} pairs, not the {len(case.expected)} that are in it")
    return Verdict("read")
