"""Where records end, against the parser of the standard library."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.text.records import count_leading_zeros, last_record_end, record_ends
from tests.reference.text import records as reference

FIELD = st.text(st.sampled_from('ab",\n '), max_size=6)
RECORDS = st.lists(st.lists(FIELD, min_size=2, max_size=4), min_size=1, max_size=5)


BYTES = tuple(np.uint8(ord(letter)) for letter in ',"\n')
ANY_TEXT = st.text(st.sampled_from('ab",\n\r'), max_size=18)
LONGEST = st.sampled_from([0, 3, 2**40])


def end_of(text, longest=2**40, *, strict=True):
    data = np.frombuffer(text.encode(), np.uint8)
    end, stopped = last_record_end(data, *BYTES, np.int64(longest), strict)
    return int(end), bool(stopped)


@settings(deadline=None, max_examples=200)
@given(RECORDS, st.integers(0, 40))
def test_a_cut_anywhere_leaves_whole_records(records, cut):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(records)
    text = written.getvalue()
    assert end_of(text) == (len(text), False)
    end, _ = end_of(text[: max(0, len(text) - cut)])
    head = list(csv.reader(io.StringIO(text[:end], newline="")))
    tail = list(csv.reader(io.StringIO(text[end:], newline="")))
    assert head + tail == records


@settings(deadline=None, max_examples=400)
@given(ANY_TEXT, LONGEST, st.booleans())
def test_any_text_ends_where_an_expression_for_records_does(text, longest, strict):
    wanted = reference.last_record_end(text.encode(), longest, strict=strict)
    assert end_of(text, longest, strict=strict) == wanted


@settings(deadline=None, max_examples=400)
@given(ANY_TEXT, LONGEST)
def test_the_ends_of_all_records_are_those_an_expression_finds(text, longest):
    data = np.frombuffer(text.encode(), np.uint8)
    ends, starts = np.zeros((2, text.count("\n") + 1), np.int64)
    count, n_open = record_ends(data, *BYTES, np.int64(longest), ends, starts)
    found = ends[:count].tolist(), starts[:n_open].tolist()
    assert found == reference.record_ends(text.encode(), longest, final=True)


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("0057-,:./x| \n"), max_size=12))
def test_leading_zeros_are_what_an_expression_finds(text):
    data = np.frombuffer(text.encode(), np.uint8)
    assert count_leading_zeros(data) == reference.count_leading_zeros(text.encode())


def test_a_quote_inside_an_unquoted_field_is_a_letter():
    assert end_of('1,5" disk,3\n2,b,4\n') == (18, False)


def test_an_open_quote_ends_nothing():
    assert end_of('1,2,3\n4,"5,6\n7,8,9\n') == (6, False)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("007,1,2\n", 1),
        ("7,007,0.5\n08,1,3\n", 2),
        ('"07";|01\t02\x1f03 04', 5),
        ("-0,1,-05", 2),
        ("0,10,200,0.5,3.05,x0,a00b,0\n", 0),
        ("1,2,2005-09-06", 0),
        ("1,2,2005-09-06 05:06", 2),
        ("-01", 1),
        ("0", 0),
        ("", 0),
        ("1,05", 1),
    ],
)
def test_leading_zeros_are_counted(text, count):
    assert count_leading_zeros(np.frombuffer(text.encode(), np.uint8)) == count
