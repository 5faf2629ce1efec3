"""Reading ratings for a command: with progress, and with what reading had to say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.cli.console import Console
    from fastmf.data import Cleaning

__all__ = ["load_ratings"]


def load_ratings(
    source: Path,
    reading: Mapping[str, Any],
    console: Console,
    *,
    threads: int | None = None,
    trainable: bool = False,
    show_notes: bool = True,
) -> Ratings:
    """Read ratings and show progress and notes.

    Parameters
    ----------
    source : pathlib.Path
        File, folder or store.
    reading : mapping
        Columns, duplicates and cache, as `fastmf.read_ratings` takes them; and under
        ``cleaning``, where the command has its options, what to take away.
    console : Console
        Where progress and notes go.
    threads : int, optional
        Default every processor.
    trainable : bool, optional
        Whether to refuse ratings of one user or one item only.
    show_notes : bool, optional
        Whether what reading had to say is shown.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        When the source cannot be read, or cleaning leaves nothing of it.
    """
    from fastmf import read_ratings

    cleaning = reading.get("cleaning")
    reading = {name: value for name, value in reading.items() if name != "cleaning"}
    with console.work(f"reading {source.name}", "ratings", _known_rows(source)) as progress:
        ratings = read_ratings(
            source, **reading, progress=progress, num_threads=threads, trainable=trainable
        )
    if cleaning is not None and cleaning.wanted:
        ratings = _cleaned(ratings, cleaning, console, threads)
    if show_notes:
        console.notes(ratings.notes)
    return ratings


def _cleaned(
    ratings: Ratings, cleaning: Cleaning, console: Console, threads: int | None
) -> Ratings:
    from fastmf.data.cleaning import apply_cleaning

    with console.work("cleaning", "ratings") as progress:
        return apply_cleaning(ratings, cleaning, num_threads=threads, progress=progress)


def _known_rows(source: Path) -> int:
    """Return the rows of a Parquet file; 0 where only reading will tell."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if source.suffix.lower() not in (".parquet", ".pq"):
        return 0
    try:
        return int(pq.read_metadata(source).num_rows)
    except (OSError, pa.ArrowException):
        return 0  # whoever reads the file says what is wrong with it
