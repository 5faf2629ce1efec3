"""Draw the ratings and stream them to a Parquet file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fastmf.data.synthetic.cells import Cells, draw_cells
from fastmf.data.synthetic.parquet import (
    Rows,
    ratings_schema,
    ratings_writer,
    write_groups,
    written_beside,
)
from fastmf.data.synthetic.profile import Shape, item_targets, resolve_shape, user_counts
from fastmf.data.synthetic.truth import LAST_DAY, Plant, Truth, plant
from fastmf.errors import ParameterError
from fastmf.kernels import synthetic as kernels
from fastmf.parallel import Team

__all__ = ["METADATA_KEY", "Summary", "Table", "draw_table", "generate"]

METADATA_KEY = b"fastmf.synthetic"
"""Key of the Parquet file's metadata that holds the `Summary` as JSON."""

HOLD_OUT_ROWS = 1_000_000
# A group takes 50 MB while it is drawn, and one thread writes what three can draw.
MOST_GROUPS_AT_ONCE = 4


@dataclass(frozen=True)
class Summary:
    """What was generated.

    Attributes
    ----------
    ratings, users, items : int
        Rows, distinct users, distinct items.
    rank, seed : int
    noise : float
        Standard deviation of the planted noise, before rounding and clipping.
    real_valued : bool
    floor_rmse : float
        Noise floor: the RMSE, on a hold-out, of the best predictor that knows the planted model.
    floor_rows : int
        Rows of that hold-out: the first of the file, which are a random sample like any others.
    global_mean, std : float
        Of all ratings.
    """

    ratings: int
    users: int
    items: int
    rank: int
    seed: int
    noise: float
    real_valued: bool
    floor_rmse: float
    floor_rows: int
    global_mean: float
    std: float


class Keys(NamedTuple):
    """Keys of the random streams, drawn from the seed."""

    items: np.uint64
    noise: np.uint64
    days: np.uint64
    rounds: NDArray[np.uint64]


class Table(NamedTuple):
    """All that decides a table; its rows follow, any stretch of them at a time."""

    what: Plant
    shape: Shape
    keys: Keys
    cells: Cells
    truth: Truth


def generate(
    path: str | os.PathLike[str],
    n_ratings: int = 1_000_000,
    *,
    n_users: int | None = None,
    n_items: int | None = None,
    what: Plant | None = None,
    seed: int = 0,
    rows_per_group: int = 1 << 20,
    num_threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Summary:
    """Write Netflix-shaped ratings with a planted model to a Parquet file.

    Columns: ``user_id`` int32, ``item_id`` int32, ``rating`` int8 (float32 if real-valued),
    ``date`` date32. No user rates an item twice. Rows come in a pseudo-random order over the whole
    table, so any stretch of them is a random sample. The file is written beside `path` and
    renamed once complete. The same arguments give the same file for any number of threads.

    Parameters
    ----------
    path : str or path-like
        Parquet file to write; an existing one is replaced.
    n_ratings : int
        Rows, 10 to 100,480,507.
    n_users, n_items : int, optional
        See `resolve_shape`.
    what : Plant, optional
        The planted model and its noise.
    seed : int
        At least 0.
    rows_per_group : int
        Rows of a Parquet row group, the unit of memory and of work.
    num_threads : int, optional
        Default all processors.
    progress : callable, optional
        Called with the number of rows written since the last call, from a thread of its own.

    Returns
    -------
    Summary
        Also stored as JSON in the file's metadata under `METADATA_KEY`.

    Raises
    ------
    ParameterError
        If the table cannot exist or an argument is outside its limits.
    DataError
        If the file cannot be written.
    """
    what = what or Plant()
    shape = resolve_shape(n_ratings, n_users, n_items)
    if rows_per_group < 1:
        raise ParameterError(f"rows_per_group is {rows_per_group}, but must be at least 1")
    with (
        written_beside(Path(path)) as beside,
        Team(num_threads) as team,
        ratings_writer(beside, what.real_valued) as writer,  # before the work: a bad path shows now
    ):
        table = draw_table(what, shape, seed, team)
        hold_out = min(n_ratings, max(n_ratings // 100, HOLD_OUT_ROWS))
        drawn = _draw_groups(table, rows_per_group, hold_out, team)
        total, squares, errors = write_groups(writer, drawn, progress)
        mean = total / n_ratings
        summary = Summary(
            ratings=n_ratings,
            users=shape.n_users,
            items=shape.n_items,
            rank=what.rank,
            seed=seed,
            noise=what.noise_std,
            real_valued=what.real_valued,
            floor_rmse=math.sqrt(errors / hold_out),
            floor_rows=hold_out,
            global_mean=mean,
            std=math.sqrt(max(squares / n_ratings - mean**2, 0.0)),
        )
        writer.add_key_value_metadata({METADATA_KEY: json.dumps(asdict(summary)).encode()})
    return summary


def draw_table(what: Plant, shape: Shape, seed: int, team: Team) -> Table:
    """Decide all that `generate` writes: who rated what, and the planted model.

    Parameters
    ----------
    what : Plant
    shape : Shape
    seed : int
    team : Team

    Returns
    -------
    Table
        About 6 bytes a rating, and the planted model.

    Raises
    ------
    ParameterError
        If the seed is negative.
    """
    if seed < 0:
        raise ParameterError(f"seed is {seed}, but must be at least 0")
    cells_seed, truth_seed, keys_seed = np.random.SeedSequence(seed).spawn(3)
    bits = keys_seed.generate_state(3 + kernels.FEISTEL_ROUNDS, np.uint64).astype(np.uint64)
    keys = Keys(bits[0], bits[1], bits[2], bits[3:])
    rng = np.random.default_rng(cells_seed)
    per_user, per_item = user_counts(shape, rng), item_targets(shape, rng)
    truth = plant(what, shape, per_user, per_item, np.random.default_rng(truth_seed))
    return Table(what, shape, keys, draw_cells(per_user, per_item, keys.items, rng, team), truth)


def _draw_groups(
    table: Table, rows_per_group: int, hold_out: int, team: Team
) -> Iterator[list[Rows]]:
    """Yield the row groups in order, a few at a time."""

    def draw(start: int) -> Rows:
        stop = min(start + rows_per_group, table.shape.n_ratings)
        return _draw_rows(table, start, stop, min(max(hold_out - start, 0), stop - start))

    starts = range(0, table.shape.n_ratings, rows_per_group)
    at_once = min(team.num_threads, MOST_GROUPS_AT_ONCE)
    for first in range(0, len(starts), at_once):
        yield list(team.map(draw, starts[first : first + at_once]))


def _draw_rows(table: Table, start: int, stop: int, held: int) -> Rows:
    """Make rows [start, stop) of the table, the first `held` of which count for the floor."""
    what, shape, keys, cells, truth = table
    m, n = stop - start, shape.n_ratings
    positions = np.empty(m, dtype=np.int64)
    users, items, days = (np.empty(m, dtype=np.int32) for _ in range(3))
    means, ratings = (np.empty(m, dtype=np.float32) for _ in range(2))
    expected = np.empty(held)
    whole = not what.real_valued

    side = np.uint64(math.isqrt(n - 1) + 1)
    kernels.shuffled_positions(start, n, side, keys.rounds, positions)
    kernels.gather_cells(positions, cells.users, cells.items, users, items)
    kernels.planted_means(
        users, items, truth.mean, truth.user_bias, truth.item_bias,
        truth.user_factors, truth.item_factors, means,
    )  # fmt: skip
    kernels.draw_ratings(positions, means, keys.noise, what.noise_std, whole, ratings)
    kernels.draw_days(
        positions, users, items, truth.user_days, truth.item_days, LAST_DAY, keys.days, days
    )
    kernels.conditional_means(means[:held], what.noise_std, whole, expected)
    columns = [
        pa.array(truth.user_ids[users]),
        pa.array(truth.item_ids[items]),
        pa.array(ratings.astype(np.int8) if whole else ratings),
        pa.array(days).view(pa.date32()),
    ]
    exact = ratings.astype(np.float64)
    sums = np.array([exact.sum(), (exact**2).sum(), ((exact[:held] - expected) ** 2).sum()])
    return Rows(pa.record_batch(columns, schema=ratings_schema(what.real_valued)), sums)
