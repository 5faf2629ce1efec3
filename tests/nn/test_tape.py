"""Memory of a pass, and the cut into shards."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmf.nn.parameters import FlatParameters, Parameter
from fastmf.nn.shard_memory import ShardMemory, ThreadWorkspace
from fastmf.nn.tape import Tape, Workspace, shards
from fastmf.parallel import Team


@given(n_rows=st.integers(1, 5000), most=st.integers(1, 600))
def test_shards_hold_all_rows_in_order_and_nearly_equal_numbers(n_rows, most):
    cut = shards(n_rows, most)
    assert cut[0].start == 0
    assert cut[-1].stop == n_rows
    assert all(one.stop == other.start for one, other in pairwise(cut))
    lengths = [one.stop - one.start for one in cut]
    assert max(lengths) <= most
    assert max(lengths) - min(lengths) <= 1


def test_memory_is_kept_by_owner_and_name():
    workspace, owner, other = Workspace(), object(), object()
    first = workspace.array(owner, "y", (4, 3), np.float32)
    assert workspace.array(owner, "y", (4, 3), np.float32) is first
    assert not np.shares_memory(first, workspace.array(owner, "x", (4, 3), np.float32))
    assert not np.shares_memory(first, workspace.array(other, "y", (4, 3), np.float32))


def test_shorter_shards_take_the_front_and_longer_ones_more():
    workspace, owner = Workspace(), object()
    first = workspace.array(owner, "y", (4, 3), np.float32)
    shorter = workspace.array(owner, "y", (2, 3), np.float32)
    assert shorter.shape == (2, 3)
    assert shorter.flags.c_contiguous
    assert np.shares_memory(first, shorter)
    again = workspace.array(owner, "y", (4, 3), np.float32)
    assert np.shares_memory(first, again)
    assert workspace.array(owner, "y", (5, 3), np.float32).shape == (5, 3)
    assert workspace.array(owner, "y", (2, 3), np.float64).dtype == np.float64
    assert workspace.array(owner, "none", (0, 3), np.float32).shape == (0, 3)


def test_a_thread_workspace_is_another_in_each_thread():
    workspace, owner = ThreadWorkspace(), object()
    arrays = [workspace.array(owner, "y", (3,), np.float32)]
    thread = threading.Thread(
        target=lambda: arrays.append(workspace.array(owner, "y", (3,), np.float32))
    )
    thread.start()
    thread.join()
    assert not np.shares_memory(*arrays)
    assert workspace.array(owner, "y", (3,), np.float32) is arrays[0]


def parameters():
    return [
        Parameter("w", np.arange(6, dtype=np.float32).reshape(2, 3), decays=True),
        Parameter("b", np.full(17, 9, np.float32), decays=False),
    ]


def test_parameters_become_views_of_one_array():
    one, other = made = parameters()
    flat = FlatParameters(made)
    assert len(flat) == 16 + 32
    np.testing.assert_array_equal(one.value, np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(other.value, np.full(17, 9))
    flat.value += 1
    assert one.value[1, 2] == 6
    assert other.value[16] == 10
    other.assign(np.zeros(17))
    assert flat.value[16:].sum() == 15, "the padding alone"
    np.testing.assert_array_equal(flat.decays, np.arange(48) < 6)


def test_no_parameters_at_all():
    flat = FlatParameters([])
    memory = ShardMemory(flat, shared=True, seed=0)
    assert len(memory.tapes(10, 0)) == 1
    with Team(1) as team:
        assert memory.total(1.0, team).shape == (0,)


@pytest.mark.parametrize("shared", [False, True])
def test_gradients_of_all_shards_are_added_up(shared):
    made = parameters()
    memory = ShardMemory(FlatParameters(made), shared=shared, seed=3)
    for n_batch in (2000, 10, 1500):  # memory of more shards is kept for fewer
        tapes = memory.tapes(n_batch, 7)
        assert tapes[-1].rows.stop == n_batch
        assert {(tape.n_batch, tape.step, tape.seed) for tape in tapes} == {(n_batch, 7, 3)}
        for number, tape in enumerate(tapes):
            tape.gradient(made[0])[...] = number + 1
            tape.gradient(made[1])[...] = 10
        n = len(tapes)
        with Team(2) as team:
            total = memory.total(0.5, team)
        np.testing.assert_array_equal(total[:6], np.full(6, n * (n + 1) / 4))
        np.testing.assert_array_equal(total[16:33], np.full(17, 5 * n))
        assert not total[6:16].any()


def test_sums_of_a_tape():
    tape = Tape(slice(3, 5), 10)
    tape.record(0.5, 2.0, 2)
    tape.record(0.25, 1.0, 1)
    assert (tape.loss, tape.squared_error, tape.n_ratings, tape.n_rows) == (0.75, 3.0, 3, 2)
