"""Steps of Adam with a network over two embeddings, many in one call, by several threads.

A step of a small network takes a millisecond; going back to Python within it, for every layer and
every shard, would take as long again. Here all threads call `take_steps` once for many batches, and
share the work of each step in phases (`fastmf.kernels.networks.phases`):

1. touched rows are brought up to date and multiplied by the weights of the first layer; other
   weights are laid out for products;
2. shards go through the other layers and back, with a phase for each batch norm on either way;
3. gradients are summed by row and go back through the first layer, and rows take their step;
4. gradients of parameters are summed over the parts, and parameters take theirs.

What a task computes depends on the batch alone, and parts are added in order: the bits are the same
for any number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.dense_steps import step_of_range
from fastmf.kernels.networks.pair_norms import combine_norms, n_turns
from fastmf.kernels.networks.pair_rows import halves_of_rows, step_of_rows
from fastmf.kernels.networks.pair_shards import Shard, run_chain
from fastmf.kernels.networks.pair_turns import run_turn
from fastmf.kernels.networks.phases import end_task, open_next, take_task, wait_for
from fastmf.kernels.networks.step_history import remember_step
from fastmf.kernels.networks.ticks import ELEMENTS, PARAMETERS, PRODUCTS, ROW_STEPS, WAITING, tick
from fastmf.kernels.products import Block, pack

__all__ = [
    "OF_ITEMS",
    "OF_SHARDS",
    "OF_USERS",
    "Batches",
    "Memory",
    "n_parts",
    "take_steps",
]

OF_USERS, OF_ITEMS, OF_SHARDS = range(3)
"""Whose parts the gradients of a range of parameters are the sum of."""


class Batches(NamedTuple):
    """Batches, one after another.

    Attributes
    ----------
    bounds : (n_batches + 1,) int64
        Batch b is the entries ``[bounds[b], bounds[b + 1])``.
    targets : (n,) float32
    losses : (n_batches, n_parts) float64
        Receives the sum of squared errors of each shard.
    now : int
        Steps that the history remembers before these.
    part_rows : int
        Rows of a shard, and of a task of touched rows, at most.
    """

    bounds: Any
    targets: Any
    losses: Any
    now: int
    part_rows: int


class Memory(NamedTuple):
    """Memory of threads and shards.

    Attributes
    ----------
    rooms : (n_threads, n) or (1, n) float32
        One for each thread; or one for the whole batch, where there are norms.
    scratch : (n_threads, n) float32
    slopes, masks, errors
        See `fastmf.kernels.networks.pair_shards.Shard`.
    capacity : int
        Rows of a batch that there is room for.
    ticks : (n_threads, N_PURPOSES + 1) or (n_threads, 0) int64
        See `fastmf.kernels.networks.ticks.tick`.
    """

    rooms: Any
    scratch: Any
    slopes: Any
    masks: Any
    errors: Any
    capacity: int
    ticks: Any


@kernel
def n_parts(n, part_rows):
    """Return the number of parts, nearly equal, that rows are cut into.

    Parameters
    ----------
    n : int64
    part_rows : int64
        Rows of a part at most.

    Returns
    -------
    int64
        At least 1.
    """
    return max(np.int64(1), (n + part_rows - 1) // part_rows)


@kernel
def take_steps(
    board, batches, users, items, history, remembered, layers, norms, dense, memory, thread
):
    """Take a step with each batch, together with all threads that call this with the same board.

    Parameters
    ----------
    board : (n_batches * (n_turns + 3), LINE) int64, modified in place
        Zeros for the first thread that calls; see `fastmf.kernels.networks.phases`.
    batches : Batches
    users, items : Side
        See `fastmf.kernels.networks.pair_rows`; their rows are moved.
    history : AdamHistory
    remembered : Remembered
    layers : Layers
        See `fastmf.kernels.networks.pair_shards`; its parameters are moved.
    norms : Norms
        Running statistics are modified.
    dense : DenseState
    memory : Memory
    thread : int64
        Another one for each thread.

    Notes
    -----
    Modifies all that is handed over but what is read-only. Free of races as long as nobody else
    has any of it.
    """
    phase, ticks = np.int64(0), memory.ticks[thread]
    tick(ticks, WAITING)
    for batch in range(len(batches.bounds) - 1):
        n_batch = batches.bounds[batch + 1] - batches.bounds[batch]
        n_shards = n_parts(n_batch, batches.part_rows)
        now = batches.now + batch
        _halve(board, phase, batches, batch, users, items, now, history, layers, memory, thread)
        phase += 1
        for turn in range(n_turns(layers)):
            while True:
                task = take_task(board, phase)
                if task >= n_shards:
                    break
                shard = _shard_of(batches, batch, task, n_shards, memory, thread)
                _run_shard(
                    *(layers, turn, users.shown, items.shown, batches.targets, batches.losses),
                    shard,
                )
                if end_task(board, phase, n_shards):
                    combine_norms(layers, turn, norms, n_shards, n_batch)
                    open_next(board, phase)
                tick(ticks, ELEMENTS)
            wait_for(board, phase)
            tick(ticks, WAITING)
            phase += 1
        _step_rows(
            *(board, phase, batches, batch, users, items, now + 1, history, remembered),
            *(layers, memory, thread),
        )
        _step_parameters(
            *(board, phase + 1, batches, batch, users, items, history, layers, dense, ticks)
        )
        phase += 2


@njit
def _shard_of(batches, batch, task, n_shards, memory, thread):
    """Return a shard of a batch with its memory."""
    base = batches.bounds[batch]
    n_batch = batches.bounds[batch + 1] - base
    first, last = n_batch * task // n_shards, n_batch * (task + 1) // n_shards
    room = memory.rooms[thread if len(memory.rooms) > 1 else 0]
    return Shard(
        *(task, batch, base, first, last, n_batch, memory.capacity, room, memory.scratch[thread]),
        *(memory.slopes, memory.masks, memory.errors, memory.ticks[thread]),
    )


@njit
def _run_shard(layers, turn, users, items, targets, losses, shard):
    """Take a shard through a turn, or through the whole chain and back."""
    if len(layers.norms) > 0:
        run_turn(layers, turn, users, items, targets, losses, shard)
    else:
        run_chain(layers, users, items, targets, losses, shard)


@njit
def _parts_of_rows(side, batches, batch):
    """Return the number of tasks that a table's touched rows are cut into."""
    return n_parts(side.n_touched[batch], batches.part_rows)


@njit
def _halve(board, phase, batches, batch, users, items, now, history, layers, memory, thread):
    """Bring rows up to date and multiply them by the first layer's weights; pack weights."""
    base, ticks = batches.bounds[batch], memory.ticks[thread]
    of_users = _parts_of_rows(users, batches, batch)
    of_rows = of_users + _parts_of_rows(items, batches, batch)
    n_tasks = of_rows + len(layers.packs)
    while True:
        task = take_task(board, phase)
        if task >= n_tasks:
            break
        if task >= of_rows:
            at, stride, turned, k, n, to = layers.packs[task - of_rows]
            weights = Block(layers.parameters, at, stride, turned != 0)
            pack(weights, k, n, layers.packed, to)
            tick(ticks, PRODUCTS)
        else:
            side, part, parts = users, task, of_users
            if task >= of_users:
                side, part, parts = items, task - of_users, of_rows - of_users
            n = side.n_touched[batch]
            first, last = n * part // parts, n * (part + 1) // parts
            halves_of_rows(
                *(side, batch, base, first, last, now, history, layers, memory.scratch[thread]),
                ticks,
            )
        if end_task(board, phase, n_tasks):
            open_next(board, phase)
    wait_for(board, phase)
    tick(ticks, WAITING)


@njit
def _step_rows(
    board, phase, batches, batch, users, items, now, history, remembered, layers, memory, thread
):
    """Sum gradients by row, go back through the first layer, and move the rows."""
    base = batches.bounds[batch]
    of_users = _parts_of_rows(users, batches, batch)
    n_tasks = of_users + _parts_of_rows(items, batches, batch) + 1
    whole = _shard_of(batches, batch, np.int64(0), np.int64(1), memory, thread)
    while True:
        task = take_task(board, phase)
        if task >= n_tasks:
            break
        if task == n_tasks - 1:
            remember_step(remembered, batch, now, history.window)
            tick(whole.ticks, ROW_STEPS)
        else:
            side, other, part, parts = users, items.shown, task, of_users
            if task >= of_users:
                side, other = items, users.shown
                part, parts = task - of_users, n_tasks - 1 - of_users
            n = side.n_touched[batch]
            first, last = n * part // parts, n * (part + 1) // parts
            step_of_rows(
                *(side, other, batch, base, first, last, now, history, layers, whole, part)
            )
        if end_task(board, phase, n_tasks):
            open_next(board, phase)
    wait_for(board, phase)
    tick(whole.ticks, WAITING)


@njit
def _step_parameters(board, phase, batches, batch, users, items, history, layers, dense, ticks):
    """Sum the gradients of parameters over their parts, and take their step."""
    n_batch = batches.bounds[batch + 1] - batches.bounds[batch]
    counts = (
        _parts_of_rows(users, batches, batch),
        _parts_of_rows(items, batches, batch),
        n_parts(n_batch, batches.part_rows),
    )
    now, n_tasks = batches.now + batch + 1, len(dense.ranges)
    rate, inverse_root, lost = history.steps[now, 0], history.steps[now, 1], history.steps[now, 2]
    while True:
        task = take_task(board, phase)
        if task >= n_tasks:
            break
        first, last, whose = dense.ranges[task]
        parts = layers.gradients[: counts[whose]]
        step_of_range(
            *(dense, first, last, parts, layers.parameters, history.betas[0], history.betas[2]),
            *(rate, inverse_root, lost, history.epsilon),
        )
        tick(ticks, PARAMETERS)
        if end_task(board, phase, n_tasks):
            open_next(board, phase)
    wait_for(board, phase)
    tick(ticks, WAITING)
