import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest

from fastmf.data.stored_columns import as_seconds
from fastmf.data.values import BadRowError, TimeReader, read_values
from fastmf.errors import DataError


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 5, 3], pa.int8()),
        pa.array([1, 5, 3], pa.uint64()),
        pa.array([1, 5, 3], pa.float16()),
        pa.array([1, 5, 3], pa.float64()),
        pa.array([decimal.Decimal(n) for n in ("1.0", "5.0", "3.0")]),
        pa.array([1, 5, 3]).dictionary_encode(),
    ],
)
def test_ratings_of_any_number_type_become_integers_or_float32(column):
    values = read_values(column)
    assert values.dtype.kind in "iu" or values.dtype == np.float32
    assert values.tolist() == [1, 5, 3]


@pytest.mark.parametrize(
    ("column", "row", "complaint"),
    [
        (pa.array([1.0, None]), 1, "the rating is missing"),
        (pa.array([1.0, 2.0, float("nan")]), 2, "the rating is nan, not a finite number"),
        (pa.array([float("-inf")]), 0, "the rating is -inf, not a finite number"),
        (pa.array([1.0, 1e300]), 1, r"the rating is 1e\+300, too large for single precision"),
    ],
)
def test_ratings_that_are_not_finite_name_their_row(column, row, complaint):
    with pytest.raises(BadRowError, match=complaint) as caught:
        read_values(column)
    assert caught.value.row == row


@pytest.mark.parametrize("column", [pa.array(["5"]), pa.array([True]), pa.array([b"5"])])
def test_ratings_that_are_not_numbers_are_refused(column):
    with pytest.raises(DataError, match=f"the rating column holds {column.type}, not numbers"):
        read_values(column)


DAY = datetime.date(2005, 9, 6)
SECONDS = 1_125_964_800


@pytest.mark.parametrize(
    "column",
    [
        pa.array([SECONDS]),
        pa.array([SECONDS], pa.int32()),
        pa.array([SECONDS * 10**3 + 999]),
        pa.array([SECONDS * 10**6 + 999_999]),
        pa.array([SECONDS * 10**9]),
        pa.array([SECONDS + 0.75]),
        pa.array([DAY], pa.date64()),
        pa.array([datetime.datetime(2005, 9, 6)], pa.timestamp("ns")),
        pa.array([datetime.datetime(2005, 9, 6)], pa.timestamp("ms", "UTC")),
        pa.array(["2005-09-06"]),
        pa.array(["2005-09-06 00:00:00"]),
    ],
)
def test_times_of_any_type_become_seconds(column):
    times = TimeReader().read(column)
    assert times.dtype == np.int64
    assert times.tolist() == [SECONDS]


@pytest.mark.parametrize(
    ("day", "kind"),
    [(0, np.uint16), (13_032, np.uint16), (49_710, np.uint16), (49_711, np.int64), (-1, np.int64)],
)
def test_dates_stay_days_as_far_as_a_store_has_them(day, kind):
    times = TimeReader().read(pa.array([5, day], pa.int32()).view(pa.date32()))
    assert times.dtype == kind
    assert as_seconds(times).tolist() == [5 * 86_400, day * 86_400]


def test_times_before_1970_round_down():
    assert TimeReader().read(pa.array([-1], pa.timestamp("ms"))).tolist() == [-1]


def test_the_unit_of_the_first_times_holds_for_all():
    times = TimeReader(required=True)
    assert times.read(pa.array([SECONDS * 1000])).tolist() == [SECONDS]
    assert times.read(pa.array([5000])).tolist() == [5]
    with pytest.raises(BadRowError, match="in another unit"):
        times.read(pa.array([SECONDS * 10**6]))


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        (pa.array([1, None]), "a time is missing"),
        (pa.array(["yesterday"]), "text that is not a timestamp"),
        (pa.array([True]), "holds bool, not times"),
        (pa.array([float("nan")]), "numbers that are not times"),
    ],
)
def test_times_that_cannot_be_read_are_left_out_or_refused(column, complaint):
    lenient = TimeReader()
    assert lenient.read(column) is None
    assert complaint in lenient.complaint
    assert lenient.read(pa.array([SECONDS])) is None
    with pytest.raises((DataError, BadRowError), match=complaint):
        TimeReader(required=True).read(column)


@pytest.mark.parametrize(
    ("rating", "size"), [(1e-50, "small"), (-1e-46, "small"), (4e38, "large"), (-1e300, "large")]
)
def test_ratings_beyond_single_precision_say_so(rating, size):
    with pytest.raises(BadRowError, match=f"{rating}, too {size} for single".replace("+", r"\+")):
        read_values(pa.array([0.0, rating]))
    assert read_values(pa.array([0.0, -0.0, 1e-37])).tolist() == [0.0, 0.0, np.float32(1e-37)]
