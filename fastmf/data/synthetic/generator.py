"""Draw the ratings and stream them to a file."""

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
from fastmf.data.synthetic.layouts import Order, check_layout, opened, own_order
from fastmf.data.synthetic.parquet import Rows, ratings_schema, write_groups
from fastmf.data.synthetic.profile import Shape, item_targets, resolve_shape, user_counts
from fastmf.data.synthetic.truth import LAST_DAY, Plant, Truth, plant
from fastmf.errors import ParameterError
from fastmf.kernels.tables import synthetic as kernels
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
        Rows of that hold-out: the first of a shuffled table, which are a random sample like any
        others; else rows at equal distances.
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
    order: Order = "shuffled"
    by_item: NDArray[np.uint32] | None = None  # positions in the order of their items


def generate(
    path: str | os.PathLike[str],
    n_ratings: int = 1_000_000,
    *,
    n_users: int | None = None,
    n_items: int | None = None,
    what: Plant | None = None,
    seed: int = 0,
    layout: str = "parquet",
    order: Order | None = None,
    rows_per_group: int = 1 << 20,
    num_threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Summary:
    """Write Netflix-shaped ratings with a planted model to a Parquet file, or in a raw layout.

    Columns: ``user_id`` int32, ``item_id`` int32, ``rating`` int8 (float32 if real-valued),
    ``date`` date32. No user rates an item twice. Shuffled rows come in a pseudo-random order over
    the whole table, so any stretch of them is a random sample. The file is written beside `path`
    and renamed once complete. The same arguments give the same file for any number of threads, and
    the same ratings in any layout and order.

    Parameters
    ----------
    path : str or path-like
        File to write, an existing one is replaced; or folder to make.
    n_ratings : int
        Rows, 10 to 100,480,507.
    n_users, n_items : int, optional
        See `resolve_shape`.
    what : Plant, optional
        The planted model and its noise.
    seed : int
        At least 0.
    layout : str
        One of `fastmf.data.synthetic.LAYOUTS`.
    order : {"shuffled", "user", "item"}, optional
        Order of the rows; by default that of the published files of the layout.
    rows_per_group : int
        Rows of a Parquet row group, the unit of memory and of work.
    num_threads : int, optional
        Default all processors.
    progress : callable, optional
        Called with the number of rows written since the last call, from a thread of its own.

    Returns
    -------
    Summary
        Also stored as JSON in a Parquet file's metadata under `METADATA_KEY`.

    Raises
    ------
    ParameterError
        If the table cannot exist or an argument is outside its limits.
    DataError
        If the file cannot be written.
    """
    what = what or Plant()
    order = order or own_order(layout)
    check_layout(layout, order, real_valued=what.real_valued)
    shape = resolve_shape(n_ratings, n_users, n_items)
    if rows_per_group < 1:
        raise ParameterError(f"rows_per_group is {rows_per_group}, but must be at least 1")
    with (
        Team(num_threads) as team,
        # Before the work: a bad path shows now.
        opened(Path(path), layout, real_valued=what.real_valued) as writer,
    ):
        table = _in_order(draw_table(what, shape, seed, team), order)
        hold_out = min(n_ratings, max(n_ratings // 100, HOLD_OUT_ROWS))
        drawn = _draw_groups(table, rows_per_group, hold_out, team)
        total, squares, errors = write_groups(writer.write, drawn, progress)
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
        writer.describe(METADATA_KEY, json.dumps(asdict(summary)).encode())
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


def _in_order(table: Table, order: Order) -> Table:
    """Decide the order of the rows; by item takes 4 bytes a rating more."""
    by_item = None
    if order == "item":
        counts = np.zeros(table.shape.n_items, np.int64)
        items = table.cells.items
        for start in range(0, items.size, HOLD_OUT_ROWS):  # bincount makes an int64 copy
            part = items[start : start + HOLD_OUT_ROWS]
            counts += np.bincount(part, minlength=table.shape.n_items)
        by_item = np.empty(items.size, np.uint32)
        kernels.positions_by_item(items, np.cumsum(counts) - counts, by_item)
    return table._replace(order=order, by_item=by_item)


def _draw_groups(
    table: Table, rows_per_group: int, hold_out: int, team: Team
) -> Iterator[list[Rows]]:
    """Yield the row groups in order, a few at a time."""
    n_ratings = table.shape.n_ratings

    def draw(start: int) -> Rows:
        stop = min(start + rows_per_group, n_ratings)
        return _draw_rows(table, start, stop, _held_out(table, start, stop, hold_out))

    starts = range(0, n_ratings, rows_per_group)
    at_once = min(team.num_threads, MOST_GROUPS_AT_ONCE)
    for first in range(0, len(starts), at_once):
        yield list(team.map(draw, starts[first : first + at_once]))


def _held_out(table: Table, start: int, stop: int, hold_out: int) -> NDArray[np.int64]:
    """Return which rows of [start, stop), counted from `start`, count for the floor."""
    if table.order == "shuffled":
        return np.arange(min(max(hold_out - start, 0), stop - start))
    # As many as wanted of the whole table, at distances that differ by at most one.
    numbers = np.arange(start, stop, dtype=np.int64) * hold_out
    return np.flatnonzero(numbers % table.shape.n_ratings < hold_out)


def _positions(table: Table, start: int, stop: int) -> NDArray[np.int64]:
    """Return where the cells of rows [start, stop) stand."""
    if table.order == "user":
        return np.arange(start, stop, dtype=np.int64)
    if table.by_item is not None:
        return table.by_item[start:stop].astype(np.int64)
    n_ratings = table.shape.n_ratings
    side = np.uint64(math.isqrt(n_ratings - 1) + 1)
    positions = np.empty(stop - start, dtype=np.int64)
    kernels.shuffled_positions(start, n_ratings, side, table.keys.rounds, positions)
    return positions


def _draw_rows(table: Table, start: int, stop: int, held: NDArray[np.int64]) -> Rows:
    """Make rows [start, stop) of the table; those `held` count for the floor."""
    what, keys, cells, truth = table.what, table.keys, table.cells, table.truth
    m = stop - start
    positions = _positions(table, start, stop)
    users, items, days = (np.empty(m, dtype=np.int32) for _ in range(3))
    means, ratings = (np.empty(m, dtype=np.float32) for _ in range(2))
    expected = np.empty(held.size)
    whole = not what.real_valued

    kernels.gather_cells(positions, cells.users, cells.items, users, items)
    kernels.planted_means(
        users, items, truth.mean, truth.user_bias, truth.item_bias,
        truth.user_factors, truth.item_factors, means,
    )  # fmt: skip
    kernels.draw_ratings(positions, means, keys.noise, what.noise_std, whole, ratings)
    kernels.draw_days(
        positions, users, items, truth.user_days, truth.item_days, LAST_DAY, keys.days, days
    )
    kernels.conditional_means(means[held], what.noise_std, whole, expected)
    columns = [
        pa.array(truth.user_ids[users]),
        pa.array(truth.item_ids[items]),
        pa.array(ratings.astype(np.int8) if whole else ratings),
        pa.array(days).view(pa.date32()),
    ]
    exact = ratings.astype(np.float64)
    sums = np.array([exact.sum(), (exact**2).sum(), ((exact[held] - expected) ** 2).sum()])
    return Rows(pa.record_batch(columns, schema=ratings_schema(what.real_valued)), sums)
