import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import Vocabulary
from fastmf.data.id_tables import as_ids
from fastmf.data.vocabulary import VocabularyBuilder
from fastmf.errors import DataError
from tests.reference.tables import integer_ids as reference

IDS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9)) | st.lists(st.text(max_size=9))


def encode(builder, column):
    indices = np.empty(len(column), np.int32)
    builder.encode(column, indices)
    return indices


@settings(deadline=None)
@given(IDS, st.integers(0, 50))
def test_chunks_are_encoded_in_order_of_first_appearance(values, cut):
    builder = VocabularyBuilder("user")
    kind = pa.large_string() if values and isinstance(values[0], str) else pa.int64()
    chunks = [pa.array(values[:cut], kind), pa.array(["", *values][1:], kind).slice(cut)]
    indices = np.concatenate([encode(builder, chunk) for chunk in chunks])
    expected, ids = reference.encode(values)
    np.testing.assert_array_equal(indices, expected)
    assert builder.finish().ids.to_pylist() == ids


@pytest.mark.parametrize("text", [False, True])
def test_a_growing_vocabulary_keeps_every_id(text):
    numbers = np.random.default_rng(0).permutation(30_000) * 7 - 100
    builder = VocabularyBuilder("item")
    ids = [f"{'x' * (number % 50)}{number}" for number in numbers] if text else numbers
    column = as_ids(pa.array(ids))
    indices = encode(builder, column)
    np.testing.assert_array_equal(indices, np.arange(30_000))
    np.testing.assert_array_equal(encode(builder, column.slice(29_000)), indices[29_000:])
    vocabulary = builder.finish()
    assert vocabulary.ids.equals(column)
    np.testing.assert_array_equal(vocabulary.lookup(column.take(indices[::-1])), indices[::-1])


@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.uint32(), pa.int16(), pa.uint8()])
def test_integers_of_any_width_are_ids(kind):
    builder = VocabularyBuilder("item")
    numbers = np.random.default_rng(0).integers(0, 100, 70_000)
    expected, ids = reference.encode(numbers.tolist())
    np.testing.assert_array_equal(encode(builder, pa.array(numbers).cast(kind)), expected)
    vocabulary = builder.finish()
    assert vocabulary.ids.type == pa.int64()
    assert vocabulary.ids.to_pylist() == ids


@pytest.mark.parametrize("stranger", [-1, 2**25, 2**62, -(2**63)])
def test_ids_that_stop_being_small_keep_their_indices(stranger):
    builder = VocabularyBuilder("user")
    numbers = np.random.default_rng(0).permutation(3000) * 11_000
    ids = np.concatenate([numbers, [stranger], numbers[::-1] + 1])
    np.testing.assert_array_equal(encode(builder, pa.array(ids)), np.arange(6001))
    np.testing.assert_array_equal(encode(builder, pa.array(ids[::-1])), np.arange(6001)[::-1])
    assert builder.finish().ids.to_pylist() == ids.tolist()


def test_one_string_longer_than_the_buffer_fits_after_growing():
    builder = VocabularyBuilder("item")
    ids = ["a", "b" * 100_000, "", "c" * 300_000, "a"]
    indices = encode(builder, pa.array(ids, pa.large_string()))
    assert indices.tolist() == [0, 1, 2, 3, 0]
    assert builder.finish().ids.to_pylist() == ids[:4]


def test_integers_and_text_do_not_mix():
    builder = VocabularyBuilder("user")
    encode(builder, pa.array([1, 2]))
    with pytest.raises(DataError, match="user ids are text here and integers in the data"):
        encode(builder, pa.array(["a"], pa.large_string()))


@pytest.mark.parametrize(
    ("ids", "wanted", "expected"),
    [
        ([5, -3, 2**62], [2**62, 5, 6], [2, 0, -1]),
        ([5, -3, 12], ["5", "-3", "007", "5.0", "x", "", None, "12"], [0, 1, -1, 0, -1, -1, -1, 2]),
        ([5, 7], ["9223372036854775808", "7"], [-1, 1]),
        ([5, 7], np.array([7.0, np.nan, 5.5, np.inf, 5.0]), [1, -1, -1, -1, 0]),
        ([5, 7], pa.array([7, None]), [1, -1]),
        ([5, 7], [7, "5", "x"], [1, 0, -1]),
        ([5, 7], pa.chunked_array([[7], [5, 9]]), [1, 0, -1]),
        (["5", "07", "ü"], [5, 7], [0, -1]),
        (["5", "07", "ü"], ["ü", "07", None, "u"], [2, 1, -1, -1]),
        (["5", "07", "ü"], np.array(["5", "ü"], dtype=object), [0, 2]),
        (["a"], pa.array(["a", "b", "a"]).dictionary_encode(), [0, -1, 0]),
        (["a"], [], []),
    ],
)
def test_lookup_finds_ids_of_either_kind(ids, wanted, expected):
    found = Vocabulary.from_ids(ids).lookup(wanted)
    assert found.dtype == np.int32
    assert found.tolist() == expected


def test_take_returns_raw_ids():
    numbers = Vocabulary.from_ids([30, 10, 20])
    assert numbers.take([2, 0]).tolist() == [20, 30]
    assert numbers.take([]).dtype == np.int64
    assert Vocabulary.from_ids(["x", "y"]).take(np.array([1, 1, 0])).tolist() == ["y", "y", "x"]
    for outside in (-1, 3):
        with pytest.raises(IndexError, match=r"\[0, 3\)"):
            numbers.take([outside])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1, 2, 1], "the id 1 in place 3 occurs twice"),
        (["a", "b", "b"], "the id 'b' in place 3 occurs twice"),
        ([1, None], "the id in place 2 is missing"),
        ([1.5], "ids must be integers or text"),
        ([True], "ids must be integers or text"),
    ],
)
def test_from_ids_refuses_what_is_no_vocabulary(ids, message):
    with pytest.raises(DataError, match=message):
        Vocabulary.from_ids(ids)


def test_vocabularies_compare_by_their_ids():
    assert Vocabulary.from_ids([1, 2]) == Vocabulary.from_ids(np.array([1, 2], np.int8))
    assert Vocabulary.from_ids([1, 2]) != Vocabulary.from_ids([2, 1])
    assert Vocabulary.from_ids([1]) != Vocabulary.from_ids(["1"])


def test_indices_of_another_vocabulary():
    known, other = Vocabulary.from_ids([5, 7, 9]), Vocabulary.from_ids(["9", "x", "5"])
    assert known.index_of(other).tolist() == [2, -1, 0]
    assert known.index_of(known).tolist() == [0, 1, 2]
    assert known.index_of(other).dtype == known.index_of(known).dtype == np.int32
