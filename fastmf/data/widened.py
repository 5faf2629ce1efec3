"""Ratings whose vocabularies hold more ids than those that were rated: a view."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable

import pyarrow as pa

from fastmf.data.ratings import Ratings
from fastmf.data.vocabulary import Vocabulary

__all__ = ["widened"]

# Of at most 18 digits, which always fit 64 bits.
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")


def widened(ratings: Ratings, *, users: Iterable[str] = (), items: Iterable[str] = ()) -> Ratings:
    """Give ratings vocabularies with further ids behind those there are.

    Parameters
    ----------
    ratings : Ratings
    users, items : iterable of str, optional
        Raw ids as text. Those that are there already add nothing; nor does text that is no
        integer where ids are integers.

    Returns
    -------
    Ratings
        The same rows with the same dense indices; shares the columns.
    """
    view = copy.copy(ratings)
    view.users, view.items = _longer(ratings.users, users), _longer(ratings.items, items)
    return view


def _longer(vocabulary: Vocabulary, ids: Iterable[str]) -> Vocabulary:
    wanted = list(dict.fromkeys(ids))
    if vocabulary.kind == "int":
        wanted = [raw for raw in wanted if _INTEGER.fullmatch(raw)]
    places = vocabulary.lookup(pa.array(wanted, pa.string()))
    new = [raw for raw, place in zip(wanted, places.tolist(), strict=True) if place < 0]
    if not new:
        return vocabulary
    column = pa.array([int(raw) for raw in new] if vocabulary.kind == "int" else new)
    return Vocabulary.from_ids(pa.concat_arrays([vocabulary.ids, column.cast(vocabulary.ids.type)]))
