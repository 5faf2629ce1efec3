"""Numbers for people."""

import pytest

from fastmf.report.numbers import counted, percent, short


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 5, "0%"), (5, 5, "100%"), (1, 3, "33.3%"), (1, 200, "0.5%"), (1, 30000, "0.0033%"),
        (99999, 100000, "100%"), (1, 100, "1.0%"),
    ],
)  # fmt: skip
def test_shares(part, whole, text):
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (7, "7"), (0.5, "0.5"), (3000, "3,000"), (40_000, "40,000"), (400_000, "400k"),
     (1.5e6, "1.5M"), (2e9, "2G"), (-250_000, "-250k")],
)  # fmt: skip
def test_numbers_on_an_axis(number, text):
    assert short(number) == text


def test_one_axis_has_one_unit():
    assert [short(n, 150_000) for n in (0, 50_000, 150_000)] == ["0", "50k", "150k"]
    assert [short(n, 90_000) for n in (0, 50_000)] == ["0", "50,000"]


def test_things_are_counted():
    assert (counted(1, "item"), counted(2000, "item")) == ("1 item", "2,000 items")
