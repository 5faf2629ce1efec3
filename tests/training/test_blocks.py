"""Blocks are trained in their order, whichever thread takes which."""

import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.parallel import Team
from fastmf.training.blocks import block_order, run_blocks

CHECKED = settings(deadline=None, max_examples=100)


@CHECKED
@given(st.integers(1, 12), st.integers(0, 2**32), st.integers(0, 100))
def test_an_order_holds_every_block_once_by_diagonals(side, seed, epoch):
    order = block_order(side, seed, epoch)
    assert sorted(order) == [(row, column) for row in range(side) for column in range(side)]
    for start in range(0, len(order), side):
        rows, columns = zip(*order[start : start + side], strict=True)
        assert len(set(rows)) == len(set(columns)) == side
    assert order == block_order(side, seed, epoch)


def test_orders_differ_between_epochs_and_seeds():
    orders = {tuple(block_order(8, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def assert_order_kept(order, events):
    """Check that blocks of a row or a column ran one after the other, in the order given."""
    started, finished = {}, {}
    for time_of_event, (kind, block) in enumerate(events):
        times = started if kind == "start" else finished
        assert block not in times, "a block is trained once"
        times[block] = time_of_event
    assert set(finished) == set(order)
    for place, block in enumerate(order):
        for later in order[place + 1 :]:
            if block[0] == later[0] or block[1] == later[1]:
                assert finished[block] < started[later], (block, later)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("shuffled", [False, True])
def test_blocks_of_a_row_or_column_wait_for_each_other(threads, shuffled):
    rng = np.random.default_rng(threads)
    order = block_order(5, 0, 0)
    if shuffled:
        order = [order[place] for place in rng.permutation(len(order))]
    naps = {block: rng.uniform(0, 0.004) for block in order}
    events, lock = [], threading.Lock()

    def train_block(row, column):
        with lock:
            events.append(("start", (row, column)))
        time.sleep(naps[row, column])
        with lock:
            events.append(("finish", (row, column)))
        return row * 10.0 + column

    with Team(threads) as team:
        figures = run_blocks(order, train_block, team)
    assert figures == [row * 10.0 + column for row, column in order]
    assert_order_kept(order, events)


def test_threads_work_at_the_same_time():
    both = threading.Barrier(2, timeout=10)

    def train_block(row, column):
        both.wait()
        return 0.0

    with Team(2) as team:
        run_blocks([(0, 0), (1, 1)], train_block, team)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 6), st.integers(0, 1000), st.integers(2, 6))
def test_results_do_not_depend_on_the_number_of_threads(side, seed, threads):
    # Steps that do not commute: any other order of two blocks of a row or column would show.
    def run(team):
        users, items = np.ones(side), np.full(side, 0.5)

        def train_block(row, column):
            error = np.sin(users[row] * 3 + items[column] * 5 + row - column)
            time.sleep(0)
            users[row], items[column] = users[row] + error * items[column], items[column] - error
            return error

        figures = [
            run_blocks(block_order(side, seed, epoch), train_block, team) for epoch in (0, 1)
        ]
        return users.tolist(), items.tolist(), figures

    with Team(1) as alone, Team(threads) as team:
        assert run(alone) == run(team)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("error", [ValueError("in a block"), KeyboardInterrupt()])
def test_an_error_in_a_block_surfaces_and_ends_the_others(threads, error):
    order = block_order(6, 0, 0)
    trained = []

    def train_block(row, column):
        trained.append((row, column))
        if (row, column) == order[3]:
            raise error
        time.sleep(0.001)
        return 0.0

    with Team(threads) as team, pytest.raises(type(error)) as raised:
        run_blocks(order, train_block, team)
    assert raised.value is error
    # Threads that were at work finish their block; none starts another.
    assert len(trained) <= 4 + 2 * threads
    assert not [t for t in threading.enumerate() if t.name.startswith("fastmf")]


@pytest.mark.parametrize("error", [ValueError("in a block"), KeyboardInterrupt()])
def test_an_error_in_another_thread_than_the_first_frees_those_that_wait(error):
    both = threading.Barrier(2, timeout=10)

    def train_block(row, column):
        both.wait()
        if threading.current_thread().name.endswith("_1"):
            raise error
        return 0.0

    # The first thread then waits for a block that the second will never finish.
    with Team(2) as team, pytest.raises(type(error)):
        run_blocks([(0, 0), (1, 1), (0, 1), (1, 0)], train_block, team)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
def test_ctrl_c_in_the_waiting_thread_ends_the_others():
    order = block_order(8, 0, 0)
    trained = []

    def train_block(row, column):
        trained.append((row, column))
        if len(trained) == 5:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.01)
        return 0.0

    with Team(3) as team, pytest.raises(KeyboardInterrupt):
        run_blocks(order, train_block, team)
    assert len(trained) < len(order) // 2
