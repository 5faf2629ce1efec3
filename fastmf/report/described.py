"""What pictures of ratings are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastmf.data.item_groups import KnownItems
from fastmf.data.summary import RatingsSummary
from fastmf.data.vocabulary import Vocabulary

__all__ = ["Described"]


@dataclass(frozen=True)
class Described:
    """Ratings, summarized, and what is known of their items.

    Attributes
    ----------
    summary : RatingsSummary
    users, items : Vocabulary
        Raw ids of the ratings.
    titles : mapping of str to str, optional
        Titles by the text of the raw item id.
    known : KnownItems, optional
        Years and genres of the items.
    """

    summary: RatingsSummary
    users: Vocabulary
    items: Vocabulary
    titles: Mapping[str, str] = field(default_factory=dict)
    known: KnownItems | None = None
