"""Choosing, counting and numbering rows against the slow twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.tables import row_choice as kernels
from tests.reference.tables import row_choice as reference

N_USERS, N_ITEMS = 7, 5
ROWS = st.lists(
    st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1), st.booleans()), max_size=60
)


def read_only(values, dtype):
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def columns_of(rows):
    users, items, chosen = zip(*rows, strict=True) if rows else ((), (), ())
    return read_only(users, np.int32), read_only(items, np.int32), read_only(chosen, np.uint8)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.booleans(), min_size=1, max_size=200), st.data())
def test_a_choice_lands_on_the_selected_rows(selected, data):
    n_rows = len(selected)
    if data.draw(st.booleans()):
        selected = [True] * n_rows
    start = 8 * data.draw(st.integers(0, (n_rows - 1) // 8))
    stop = min(n_rows, start + 8 * data.draw(st.integers(0, 25)))
    chosen = [data.draw(st.integers(0, 1)) for _ in range(sum(selected[start:stop]))]
    bitmap = read_only(np.packbits(selected, bitorder="little"), np.uint8)
    before = np.random.default_rng(0).integers(0, 256, len(bitmap)).astype(np.uint8)
    after = before.copy()
    kernels.place_choice(
        bitmap, np.int64(start), np.int64(stop), read_only(chosen, np.uint8), after
    )
    bits = np.unpackbits(after, bitorder="little")
    expected = reference.place_choice(selected, start, stop, chosen)
    assert (start + np.flatnonzero(bits[start:stop])).tolist() == expected
    outside = np.ones(len(before), bool)
    outside[start // 8 : (stop + 7) // 8] = False
    np.testing.assert_array_equal(after[outside], before[outside])


@settings(deadline=None, max_examples=60)
@given(ROWS, st.sets(st.integers(0, N_USERS - 1)), st.sets(st.integers(0, N_ITEMS - 1)))
def test_known_users_and_items(rows, known_users, known_items):
    users, items, chosen = columns_of(rows)
    user_known = read_only([u in known_users for u in range(N_USERS)], np.uint8)
    item_known = read_only([i in known_items for i in range(N_ITEMS)], np.uint8)
    out = chosen.copy()
    kernels.choose_known(users, items, user_known, item_known, out)
    known = reference.choose_known(users.tolist(), items.tolist(), known_users, known_items)
    assert out.tolist() == [a & b for a, b in zip(chosen.tolist(), known, strict=True)]


@settings(deadline=None, max_examples=60)
@given(ROWS, st.sets(st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1))))
def test_listed_pairs(rows, pairs):
    users, items, chosen = columns_of(rows)
    listed = sorted(pairs)
    offsets = np.searchsorted([user for user, _ in listed], np.arange(N_USERS + 1))
    out = np.full(len(chosen), 9, np.uint8)
    kernels.choose_pairs(
        users,
        items,
        read_only(offsets, np.int64),
        read_only([item for _, item in listed], np.int32),
        out,
    )
    assert out.tolist() == reference.choose_pairs(users.tolist(), items.tolist(), pairs)


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_chosen_rows_are_counted_and_added(rows):
    users, items, chosen = columns_of(rows)
    of_user, of_item = np.full(N_USERS, 3, np.int64), np.full(N_ITEMS, 4, np.int64)
    kernels.count_chosen(users, items, chosen, of_user, of_item)
    taken = chosen.tolist()
    assert (of_user - 3).tolist() == reference.count_chosen(users.tolist(), taken, N_USERS)
    assert (of_item - 4).tolist() == reference.count_chosen(items.tolist(), taken, N_ITEMS)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(0, 60))
def test_numbers_follow_the_first_appearance_over_several_calls(rows, cut):
    users, _, _ = columns_of(rows)
    numbers = np.full(N_USERS, -1, np.int32)
    n_numbered = kernels.number_by_appearance(users[:cut], numbers, np.int64(0))
    n_numbered = kernels.number_by_appearance(users[cut:], numbers, np.int64(n_numbered))
    expected = reference.number_by_appearance(users.tolist())
    assert n_numbered == len(expected)
    assert numbers.tolist() == [expected.get(user, -1) for user in range(N_USERS)]
    out = np.empty(len(users), np.int32)
    kernels.renumber(users, read_only(numbers, np.int32), out)
    assert out.tolist() == reference.renumber(users.tolist(), expected)
