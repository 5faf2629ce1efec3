import numpy as np
import pytest

from fastmf.data import Ratings, random_split, read_ratings
from fastmf.errors import ParameterError
from tests.data.tables import make_frame


def in_memory(n_rows=1000):
    frame = make_frame(n_rows)
    return Ratings.from_arrays(*(frame[name] for name in frame.columns))


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.5, 0.777, 0.999])
def test_a_split_has_the_exact_size_and_every_row_once(fraction):
    ratings = in_memory()
    train, held_out = random_split(ratings, fraction)
    assert len(held_out) == round(fraction * 1000)
    both = np.concatenate([train.time, held_out.time])
    assert sorted(both) == sorted(ratings.time)
    assert not (train.selected_rows & held_out.selected_rows).any()


def test_the_seed_decides_the_split():
    ratings = in_memory()
    held_out = [random_split(ratings, 0.2, seed)[1].selected_rows for seed in (0, 0, 1)]
    np.testing.assert_array_equal(held_out[0], held_out[1])
    assert (held_out[0] != held_out[2]).any()
    by_generator = random_split(ratings, 0.2, np.random.default_rng(0))[1].selected_rows
    np.testing.assert_array_equal(held_out[0], by_generator)


def test_memory_and_store_split_alike(tmp_path):
    frame = make_frame(999)
    frame.to_parquet(tmp_path / "r.parquet")
    stored = random_split(read_ratings(tmp_path / "r.parquet"), 0.3, 7)
    memory = random_split(in_memory(999), 0.3, 7)
    for one, other in zip(stored, memory, strict=True):
        np.testing.assert_array_equal(one.selected_rows, other.selected_rows)
        np.testing.assert_array_equal(one.value, other.value)


def test_a_selection_splits_within_itself():
    train, held_out = random_split(in_memory(), 0.25)
    inner_train, inner = random_split(train, 0.2, 3)
    assert (len(inner_train), len(inner)) == (600, 150)
    assert not (inner.selected_rows & held_out.selected_rows).any()
    np.testing.assert_array_equal(
        inner.selected_rows | inner_train.selected_rows, train.selected_rows
    )


@pytest.mark.parametrize("fraction", [0, 1, 1.5, -0.1, float("nan")])
def test_a_fraction_outside_0_and_1_is_refused(fraction):
    with pytest.raises(ParameterError, match=f"is {fraction:g}, but it must lie between 0 and 1"):
        random_split(in_memory(), fraction)


@pytest.mark.parametrize(("fraction", "side"), [(0.01, "nothing"), (0.99, "everything")])
def test_a_split_with_an_empty_side_is_refused(fraction, side):
    with pytest.raises(ParameterError, match=f"of 20 ratings holds out {side}"):
        random_split(in_memory(20), fraction)


def test_a_negative_seed_is_refused():
    with pytest.raises(ParameterError, match="random_state is -1"):
        random_split(in_memory(), 0.1, -1)
