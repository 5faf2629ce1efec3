"""Choosing rows of every user against the slow twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.tables import user_splits as kernels
from tests.reference.tables import user_splits as reference

N_USERS = 5
USERS = st.lists(st.integers(0, N_USERS - 1), max_size=60)


def read_only(values, dtype):
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def counted(users):
    return np.bincount(np.array(users, np.int64), minlength=N_USERS).astype(np.int64)


@st.composite
def users_and_wanted(draw):
    users = draw(USERS)
    return users, [draw(st.integers(0, int(count))) for count in counted(users)]


@settings(deadline=None, max_examples=100)
@given(users_and_wanted(), st.integers(0, 2**64 - 1), st.integers(0, 60))
def test_a_sample_of_each_user_is_the_one_of_the_slow_twin(case, key, cut):
    users, wanted = case
    index, chosen = read_only(users, np.int32), np.full(len(users), 9, np.uint8)
    seen, left = np.zeros(N_USERS, np.int64), np.array(wanted, np.int64)
    for part in (slice(None, cut), slice(cut, None)):
        counts = read_only(counted(users), np.int64)
        kernels.sample_of_users(index[part], counts, np.uint64(key), seen, left, chosen[part])
    assert chosen.tolist() == reference.sample_of_users(users, dict(enumerate(wanted)), key)
    assert counted(index[chosen == 1]).tolist() == wanted
    assert seen.tolist() == counted(users).tolist()
    assert not left.any()


def test_every_row_of_a_user_is_drawn_equally_often():
    index = read_only([0, 1] * 6, np.int32)
    counts = read_only([6, 6], np.int64)
    draws = np.zeros(12, int)
    for key in range(3000):
        chosen = np.empty(12, np.uint8)
        state = np.zeros(2, np.int64), np.array([2, 3])
        kernels.sample_of_users(index, counts, np.uint64(key * 7919), *state, chosen)
        draws += chosen
    # Binomial(3000, 1/3) and binomial(3000, 1/2): standard deviations of 26 and 27.
    assert np.abs(draws[::2] - 1000).max() < 5 * 26
    assert np.abs(draws[1::2] - 1500).max() < 5 * 27


def test_users_are_drawn_independently():
    # Were the same places drawn of both users, they would agree always instead of in 1 of 4 cases.
    index, counts = read_only([0, 1] * 4, np.int32), read_only([4, 4], np.int64)
    agree = 0
    for key in range(2000):
        chosen = np.empty(8, np.uint8)
        state = np.zeros(2, np.int64), np.ones(2, np.int64)
        kernels.sample_of_users(index, counts, np.uint64(key), *state, chosen)
        agree += (chosen[::2] == chosen[1::2]).all()
    assert abs(agree - 500) < 5 * 20


@settings(deadline=None, max_examples=60)
@given(users_and_wanted(), st.integers(0, 60))
def test_the_last_rows_of_each_user(case, cut):
    users, wanted = case
    index, chosen = read_only(users, np.int32), np.full(len(users), 9, np.uint8)
    n_before = read_only(counted(users) - np.array(wanted), np.int64)
    seen = np.zeros(N_USERS, np.int64)
    for part in (slice(None, cut), slice(cut, None)):
        kernels.choose_last(index[part], n_before, seen, chosen[part])
    assert chosen.tolist() == reference.choose_last(users, dict(enumerate(wanted)))


@settings(deadline=None, max_examples=150)
@given(users_and_wanted(), st.data())
def test_the_latest_rows_of_a_range_of_users(case, data):
    users, wanted = case
    times = [data.draw(st.sampled_from([-5, 0, 3, 2**62])) for _ in users]
    # The rows stand among others that are not selected.
    selected = np.zeros(2 * len(users) + 3, bool)
    rows = sorted(
        data.draw(st.sets(st.integers(0, len(selected) - 1), min_size=len(users),
                          max_size=len(users)))
    )  # fmt: skip
    selected[rows] = True
    first = data.draw(st.integers(0, N_USERS))
    last = data.draw(st.integers(first, N_USERS))
    counts = counted(users)[first:last]
    offsets = read_only(np.concatenate([[0], np.cumsum(counts)]), np.int64)
    cursors = offsets[:-1].copy()
    kept_times, kept_rows = (np.full(offsets[-1], -9, np.int64) for _ in range(2))
    kernels.collect_times(
        read_only(np.packbits(selected, bitorder="little"), np.uint8),
        np.int64(0),
        np.int64(len(selected)),
        read_only(users, np.int32),
        read_only(times, np.int64),
        np.int64(first),
        cursors,
        kept_times,
        kept_rows,
    )
    of_user = reference.rows_of_users(users)
    grouped = [place for user in range(first, last) for place in of_user[user]]
    assert kept_times.tolist() == [times[place] for place in grouped]
    assert kept_rows.tolist() == [rows[place] for place in grouped]
    n_kept = kernels.keep_latest(
        offsets, read_only(wanted[first:last], np.int64), kept_times, kept_rows
    )
    expected = set()
    for user in range(first, last):
        places = of_user[user]
        expected |= reference.keep_latest(
            [times[place] for place in places], [rows[place] for place in places], wanted[user]
        )
    assert n_kept == len(expected)
    assert set(kept_rows[:n_kept].tolist()) == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_bits_are_set_and_no_others(bits, data):
    rows = data.draw(st.lists(st.integers(0, len(bits) - 1)))
    bitmap = np.packbits(bits, bitorder="little")
    kernels.set_bits(read_only(rows, np.int64), bitmap)
    found = np.unpackbits(bitmap, count=len(bits), bitorder="little")
    assert found.tolist() == reference.set_bits(rows, bits)
