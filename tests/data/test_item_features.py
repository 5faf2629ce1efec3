"""Features from metadata: quantiles, levels, and what is not known."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastmf import Vocabulary
from fastmf.data.feature_columns import FeatureColumn, kind_of
from fastmf.data.item_features import FeatureEncoder
from fastmf.data.metadata import read_metadata
from fastmf.errors import DataError


def encoded(columns, ids, counts=None, **options):
    vocabulary = Vocabulary.from_ids(ids)
    counts = np.ones(len(ids), np.int64) if counts is None else np.array(counts)
    table = read_metadata(columns)
    encoder = FeatureEncoder.learn(table, vocabulary, counts, **options)
    return encoder, *encoder.encode(table, vocabulary)


def bags(features):
    """Levels by row, and in it by column of texts."""
    parts = [
        features.levels[start:stop].tolist()
        for start, stop in zip(features.starts[:-1], features.starts[1:], strict=True)
    ]
    n = features.n_texts
    return [parts[row * n : row * n + n] for row in range(len(features.numbers))]


def test_numbers_texts_and_lists_of_texts():
    encoder, features, notes = encoded(
        {
            "item": [1, 2, 3, 4],
            "year": [1990, 2000, 2010, 2000],
            "kind": ["TV", "Film", "TV", None],
            "genres": ["A|B", "B", None, "C|A|A"],
        },
        [4, 3, 2, 1],
    )
    assert notes == encoder.notes == ()
    assert [column.kind for column in encoder.columns] == ["number", "category", "categories"]
    np.testing.assert_allclose(features.numbers[:, 0], [0, 1, 0, -1, 0], atol=1e-7)
    assert (features.n_texts, features.n_levels) == (encoder.n_texts, encoder.n_levels) == (2, 5)
    # TV is level 0, Film 1; A, B and C follow.
    assert bags(features) == [[[], [4, 2]], [[0], []], [[1], [3]], [[0], [2, 3]], [[], []]]
    assert features.starts.dtype == np.int64
    assert (features.levels.dtype, features.numbers.dtype) == (np.int32, np.float32)


def test_the_transform_is_that_of_scikit_learn():
    from sklearn.preprocessing import QuantileTransformer

    values = np.random.default_rng(0).exponential(size=500).round(1)
    column = FeatureColumn.learn("x", "number", values.tolist())
    asked = np.linspace(-1, 12, 200)
    ours = column.numbers(asked.tolist())[:, 0]
    theirs = QuantileTransformer(n_quantiles=256, subsample=None).fit(values[:, None])
    np.testing.assert_allclose(ours, 2 * theirs.transform(asked[:, None])[:, 0] - 1, atol=2e-6)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=50))
@example([1.7e308, -1.7e308] * 20)
@pytest.mark.filterwarnings("error")
def test_numbers_keep_their_order_within_minus_one_and_one(values):
    column = FeatureColumn.learn("x", "number", values)
    found = column.numbers(sorted(values))[:, 0]
    assert np.all(np.diff(found) >= -1e-6)
    assert -1 <= found.min() <= found.max() <= 1


def test_unknown_numbers_are_the_middle_and_marked():
    _, features, _ = encoded(
        {"item": [1, 2, 3, 4], "year": [1990, "nan", float("inf"), 2000]}, [1, 2, 3, 4, 5]
    )
    expected = [[-1, 0], [0, 1], [0, 1], [1, 0], [0, 1], [0, 1]]
    np.testing.assert_allclose(features.numbers, expected)


def test_only_rows_with_ratings_teach():
    encoder, features, notes = encoded(
        {"item": [1, 2, 3], "year": [1, 2, 900], "kind": ["a", "b", "c"]},
        [1, 2, 3],
        counts=[5, 1, 0],
    )
    assert encoder.columns[1].levels == ("a", "b")
    np.testing.assert_allclose(features.numbers[:, 0], [-1, 1, 1, 0])
    assert bags(features)[2] == [[]]
    assert len(notes) == 1
    assert "1 rows have texts in column kind" in notes[0]


def test_what_tells_nothing_is_left_out_and_said():
    table = {
        "item": range(60),
        "title": [f"title {i}" for i in range(60)],
        "same": ["x"] * 60,
        "empty": [None] * 60,
        "five": [5] * 60,
        "rare": [1.0, 2.0] + [None] * 58,
        "tmdbId": range(60),
        "good": np.arange(60) % 7,
    }
    encoder, _, _ = encoded(table, range(60))
    assert [column.name for column in encoder.columns] == ["good"]
    said = " ".join(encoder.notes)
    assert all(f"column {name} is left out" in said for name in ("title", "same", "empty", "five"))
    chosen, _, _ = encoded(table, range(60), names=["title", "rare", "tmdbId"])
    assert [column.name for column in chosen.columns] == ["title", "rare", "tmdbId"]


def test_rows_that_the_table_lacks_are_counted():
    encoder, features, _ = encoded({"item": [1, 2], "a": [1, 2]}, [1, 2, 3, 4], [1, 1, 1, 0])
    assert encoder.notes == (
        "the table of items: 1 of 3 items with ratings are not in it; nothing is known of them",
    )
    assert features.numbers[2:].tolist() == [[0], [0], [0]]


def test_columns_by_name_and_kind():
    table = {"item": [1, 2, 3], "Genre": ["A,B", "B", "C"], "age_group": [1, 25, 1]}
    encoder, features, _ = encoded(
        table, [1, 2, 3], names=["genres:categories", "agegroup:category"]
    )
    assert [(column.name, column.kind) for column in encoder.columns] == [
        ("Genre", "categories"),
        ("age_group", "category"),
    ]
    assert encoder.columns[1].levels == ("1", "25")
    assert bags(features)[:3] == [[[1, 0], [3]], [[0], [4]], [[2], [3]]]


def test_categories_that_are_numbers_are_told_apart():
    codes = [1_000_000, 1_000_001, 2**53, 2**53 + 1, 0.1234567, 0.1234568, "A"]
    column = FeatureColumn.learn(
        "code", "category", read_metadata({"id": range(7), "c": codes}).columns["c"]
    )
    assert set(column.levels) == {
        *("1000000", "1000001", "9007199254740992", "9007199254740993"),
        *("0.1234567", "0.1234568", "A"),
    }
    # A data frame turns whole numbers into others where one is missing.
    assert column.places([1e6, 1_000_000, "1000000", None])[0] == [
        column.places([1e6])[0][0]
    ] * 3 + [()]


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["nothing"], r"no column 'nothing'; there are: kind, year"),
        (
            ["kind:number"],
            "the table of items: column kind is to be numbers, but holds 'a' in the row of id 1;",
        ),
        (["kind:colour"], "'colour' is not one of number, category, categories"),
        (["year"], "no column left that tells items apart; year is left out"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(names, match):
    table = {"item": [1, 2], "kind": ["a", "b"], "year": [7, 7]}
    with pytest.raises(DataError, match=match) as raised:
        encoded(table, [1, 2], names=names)
    assert "\n" not in str(raised.value)


def test_a_table_of_other_ids_is_refused():
    with pytest.raises(DataError, match=r"none of the 2 items .* first id is 'x', .* '1'"):
        encoded({"item": ["x", "y"], "a": [1, 2]}, [1, 2])


def test_more_texts_than_a_model_file_holds_are_refused(monkeypatch):
    table = {"item": [1, 2, 3], "short": ["a", "b", "a"], "long": ["é" * 99, "ü" * 99, "x"]}
    encoded(table, [1, 2, 3])
    monkeypatch.setattr("fastmf.data.item_features._MOST_BYTES", 1 << 10)
    with pytest.raises(DataError, match="items: the texts of column long take 0 MiB"):
        encoded(table, [1, 2, 3])


def test_a_text_among_the_numbers_of_another_table_is_named():
    table = read_metadata({"item": [1, 2], "year": [1, 3]})
    encoder = FeatureEncoder.learn(table, Vocabulary.from_ids([1, 2]), np.ones(2, np.int64))
    other = read_metadata({"item": [5, 7], "year": [1, "unknownish"]})
    with pytest.raises(DataError, match=r"items: column year .* 'unknownish' in the row of id 7;"):
        encoder.encode(other, Vocabulary.from_ids([7]))


def test_another_table_is_encoded_as_learned():
    vocabulary = Vocabulary.from_ids([1, 2])
    table = read_metadata({"item": [1, 2], "kind": ["a", "b"], "year": [1, 3]})
    encoder = FeatureEncoder.learn(table, vocabulary, np.ones(2, np.int64))
    other = read_metadata({"item": ["new"], "kind": ["b"], "colour": [3]})
    features, notes = encoder.encode(other, Vocabulary.from_ids(["new"]))
    assert bags(features) == [[[1]], [[]]]
    assert features.numbers.tolist() == [[0], [0]]
    assert notes == ("the table of items: it has no column year; taken as unknown",)


def test_an_encoder_survives_json():
    table = {"item": [1, 2, 3], "g": ["A|B", "B", None], "n": [1.5, None, 2], "k": list("aba")}
    encoder, _, _ = encoded(table, [1, 2, 3])
    again = FeatureEncoder.from_record(json.loads(json.dumps(encoder.record())))
    assert again.columns == encoder.columns


@pytest.mark.parametrize(
    "damage",
    [{"kind": "colour"}, {"quantiles": [2, 1]}, {"levels": [3]}, {"what": 1}, {"quantiles": ["x"]}],
)
def test_a_damaged_record_is_refused(damage):
    record = FeatureColumn.learn("x", "number", [1.0, 2.0]).record() | damage
    with pytest.raises((TypeError, ValueError)):
        FeatureEncoder.from_record([record])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", None], "number"),
        ([1.0, 2.0], "number"),
        (["a", "1"], "category"),
        ([("a",), None], "categories"),
        (["a|b", "c"], "categories"),
        (["a, b", "b, a", "a", "b", "a, b, c", "c, a", "c, b", "b, c", "a, c"], "categories"),
        (["Smith, J", "Brown, K", "Jones"], "category"),
        ([None], "category"),
    ],
)
def test_kinds_are_told_from_values(cells, kind):
    assert kind_of(cells) == kind
