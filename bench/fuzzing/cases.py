"""What a case is: files, how they were made, and what must come of reading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

DAY = 86_400
DIRT = b"\x00\xff\"\n\r,;|:\t -19.eN'\xc3\xa9\x1f\\"


class Row(NamedTuple):
    """One rating; ids as text."""

    user: str
    item: str
    rating: float
    time: int


@dataclass(frozen=True)
class Case:
    """Files to read, and what must come of it.

    Attributes
    ----------
    files : dict of str to bytes
        By their names in a folder.
    target : str
        What to read: a file, or ``.`` for the folder.
    what : str
        What was done to it, for people.
    expected : list of Row or None
        All there is to find; None where nobody knows.
    n_bad : int
        Rows among them that must be refused, or left out and counted.
    survivors : list of Row or None
        What must be found at least, once rows that cannot be used are left out.
    whole : list of Row or None
        What must be found if anything is: a file cut short is not read as a shorter one.
    items : bool
        Whether it is a table of items rather than ratings.
    pairs : {"", "list", "table"}
        Whether it has pairs of users and items rather than ratings: under the line of each movie,
        or in two columns.
    interactions : bool
        Whether they are read as interactions of value 1.
    """

    files: dict[str, bytes]
    target: str
    what: str
    expected: list[Row] | None = None
    n_bad: int = 0
    survivors: list[Row] | None = None
    whole: list[Row] | None = None
    items: bool = False
    pairs: str = ""
    interactions: bool = False


def make_rows(rng: np.random.Generator, *, text_ids: bool) -> list[Row]:
    """Draw ratings of distinct pairs."""
    n_rows = int(rng.integers(3, 40))
    cells = rng.choice(12 * 12, n_rows, replace=False)
    texts = text_ids and rng.random() < 0.4
    user, item = ("u{}", "Ünder, {}") if texts else ("{}", "{}")
    return [
        Row(
            user.format(cell // 12 + 1),
            item.format(cell % 12 + 1),
            float(rng.integers(1, 11)) / 2,
            int(rng.integers(11_000, 18_000)) * DAY,
        )
        for cell in cells
    ]


def damaged(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Flip, overwrite, cut, delete, insert or duplicate bytes at random places."""
    done = []
    for _ in range(int(rng.integers(1, 4))):
        size = len(data)
        if size == 0:
            break
        at, n = int(rng.integers(size)), int(rng.integers(1, 1 + min(size, 24)))
        if rng.random() < 0.3:
            at = max(0, size - 1 - int(rng.integers(min(size, 64))))  # footers end files
        stretch = data[at : at + n]
        drawn = rng.random()
        dirt = bytes(rng.choice(np.frombuffer(DIRT, np.uint8), n))
        if drawn < 0.25:
            flipped = data[at] ^ (1 << int(rng.integers(8)))
            data, name = data[:at] + bytes((flipped,)) + data[at + 1 :], "bit flipped"
        elif drawn < 0.4:
            data, name = data[:at] + dirt + data[at + n :], "overwritten"
        elif drawn < 0.55:
            data, name = data[:at], "cut"
        elif drawn < 0.7:
            data, name = data[:at] + data[at + n :], "deleted"
        elif drawn < 0.85:
            data, name = data[:at] + dirt + data[at:], "inserted"
        else:
            data, name = data[:at] + stretch + data[at:], "duplicated"
        done.append(f"{name} at {at}")
    return data, ", ".join(done)


def cut_short(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Cut the end off, as a download that broke."""
    at = int(rng.integers(1, len(data)))
    return data[:at], f"cut at {at} of {len(data)}"
