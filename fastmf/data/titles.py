"""Titles of items, read from the files they usually come in."""

from __future__ import annotations

from pathlib import Path

from fastmf.data.items import read_items

__all__ = ["Titles", "read_titles"]


class Titles:
    """Titles by raw item id.

    Parameters
    ----------
    titles : dict of str to str
        Titles by the text of the raw id.
    """

    def __init__(self, titles: dict[str, str]) -> None:
        self._titles = titles

    def __len__(self) -> int:
        return len(self._titles)

    def __contains__(self, item_id: object) -> bool:
        return str(item_id) in self._titles

    def of(self, item_id: object) -> str:
        """Return the title of an item; its id where it has none.

        Parameters
        ----------
        item_id : int or str
            Raw id.

        Returns
        -------
        str
        """
        return self._titles.get(str(item_id), str(item_id))


def read_titles(path: str | Path) -> Titles:
    """Read the titles of items from any file of items, see `fastmf.data.items.read_items`.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    Titles

    Raises
    ------
    DataError
        When the file cannot be read or holds no ids and titles.
    """
    items = read_items(path)
    pairs = zip(items.ids, items.titles, strict=True)
    return Titles({item: title for item, title in pairs if title is not None})
