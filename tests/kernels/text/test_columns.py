"""Lines of delimited text against a parser of regular expressions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.text import columns as kernels
from tests.reference.text import columns as reference

KINDS = {
    "skipped": kernels.SKIPPED,
    "integer": kernels.INTEGER,
    "number": kernels.NUMBER,
    "date": kernels.DATE,
    "text": kernels.TEXT,
}
STYLES = {"::": kernels.DOUBLED, " ": kernels.RUNS}
SEPARATORS = (",", "\t", ";", "|", "::", " ")


def read_only(array):
    array.flags.writeable = False
    return array


def parse(text, separator, line_end, kinds, *, start=0, stop=None, most_aside=1000, room=1000):
    """Parse a text with the kernel; return rows as the twin does, spans, and where it ended."""
    # The rating is the one number; texts come first among the slots.
    order = sorted(
        (place for place, kind in enumerate(kinds) if kind in ("integer", "date", "text")),
        key=lambda place: kinds[place] != "text",
    )
    slots = np.zeros(len(kinds), np.int64)
    slots[order] = np.arange(len(order))
    integers = np.zeros((len(order), room + 1), np.int64)
    numbers = np.zeros((1, room), np.float32)
    letters = np.zeros((kinds.count("text"), len(text) + 8), np.uint8)
    aside = np.zeros((most_aside, 2), np.int64)
    n_rows, n_aside, at = kernels.parse_columns(
        read_only(np.frombuffer(text, np.uint8)[...]),
        np.int64(start),
        np.int64(len(text) if stop is None else stop),
        np.uint8(ord(separator[0])),
        STYLES.get(separator, kernels.SINGLE),
        np.uint8(ord(line_end)),
        read_only(np.array([KINDS[kind] for kind in kinds], np.uint8)),
        read_only(slots),
        integers,
        numbers,
        letters,
        aside,
    )
    columns = []
    for place, kind in enumerate(kinds):
        slot = slots[place]
        if kind == "number":
            columns.append(numbers[0, :n_rows].tolist())
        elif kind == "text":
            ends = integers[slot]
            data = letters[slot].tobytes()
            columns.append([data[ends[row] : ends[row + 1]] for row in range(n_rows)])
        elif kind != "skipped":
            columns.append(integers[slot, :n_rows].tolist())
    return list(zip(*columns, strict=True)), [tuple(span) for span in aside[:n_aside]], at


FIELD = (
    st.integers(-20, 3000).map(str)
    | st.decimals(-9, 99, places=2).map(str)
    | st.sampled_from(["2005-09-06", "1999-12-31T23:59:58", "NA", "null", "None", "", "007", "5e3"])
    | st.text(st.sampled_from('ab9é" .-:'), max_size=20)
)
LINES = st.lists(st.lists(FIELD, min_size=1, max_size=5), max_size=8)
LAYOUT = st.lists(st.sampled_from(["integer", "text", "date", "skipped"]), min_size=2, max_size=4)


@settings(deadline=None, max_examples=600)
@given(
    LINES,
    LAYOUT,
    st.sampled_from(SEPARATORS),
    st.sampled_from(["\n", "\r\n", "\n\n", "\r"]),
    st.booleans(),
)
def test_lines_are_parsed_or_set_aside(lines, kinds, separator, end, closed):
    kinds = [*kinds[:1], "number", *kinds[1:]]
    text = "".join(separator.join(fields) + end for fields in lines).encode()
    if not closed:
        text = text.removesuffix(end.encode())
    line_end = b"\r" if end == "\r" else b"\n"
    rows, aside, at = parse(text, separator, line_end, kinds)
    assert (rows, aside) == reference.parse_columns(text, separator, line_end, kinds)
    assert at == len(text)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.integers(-(10**17), 10**17),
            st.text(st.characters(codec="utf-8", exclude_characters='",\x7f', min_codepoint=33)),
            st.floats(-100, 100, width=16),
            st.integers(0, 2**40),
        ),
        max_size=20,
    ),
    st.sampled_from(SEPARATORS[:4]),
)
def test_what_is_written_plainly_is_read(rows, separator):
    rows = [
        (user, f"i{item}".replace(separator, "/"), float(rating), time)
        for user, item, rating, time in rows
    ]
    text = "".join(
        separator.join((str(user), item, f"{rating:.9f}", str(time))) + "\n"
        for user, item, rating, time in rows
    )
    kinds = ["integer", "text", "number", "integer"]
    read, aside, _ = parse(text.encode(), separator, b"\n", kinds)
    assert not aside
    expected = [
        (user, item.encode(), np.float32(round(rating, 9)), time)
        for user, item, rating, time in rows
    ]
    assert read == expected


@pytest.mark.parametrize("byte", sorted(set(range(32)) - {ord("\n")}))
@pytest.mark.parametrize("kind", ["text", "skipped", "integer", "number"])
def test_no_control_byte_is_part_of_a_field(byte, kind):
    line = b"1,2,3,12%c34\n" % byte
    kinds = ["integer", "number", "integer", kind]
    rows, aside, _ = parse(b"7,8,9,5\n" + line, ",", b"\n", kinds)
    assert len(rows) == 1
    assert aside == [(8, 8 + len(line))]


def test_parsing_ends_where_there_is_no_room_for_another_line():
    text = b"1,2,3\n4,5,6\nbad\n7,8,9\nworse\n"
    kinds = ["integer", "integer", "number"]
    assert parse(text, ",", b"\n", kinds)[1:] == ([(12, 16), (22, 28)], 28)
    assert parse(text, ",", b"\n", kinds, most_aside=1) == (
        [(1, 2, 3), (4, 5, 6), (7, 8, 9)],
        [(12, 16)],
        22,
    )
    assert parse(text, ",", b"\n", kinds, most_aside=0)[2] == 12
    assert parse(text, ",", b"\n", kinds, room=1) == ([(1, 2, 3)], [], 6)


def test_only_what_is_between_start_and_stop_is_parsed():
    text = b"1,2,3\n4,5,6\n7,8,9\n"
    kinds = ["integer", "integer", "number"]
    assert parse(text, ",", b"\n", kinds, start=6, stop=12) == ([(4, 5, 6)], [], 12)
    # A number that goes on behind the end is not looked at.
    assert parse(text[:17] + b"99\n", ",", b"\n", kinds, start=12, stop=17)[0] == [(7, 8, 9)]
