"""Checks of hyperparameters."""

import math

import numpy as np
import pytest

from fastmf.errors import ParameterError
from fastmf.kernels.sgd import row_length
from fastmf.models import limits
from fastmf.models.limits import check_number, memory_left


@pytest.mark.parametrize("value", [1, 5, np.int32(7), np.uint8(1)])
def test_whole_numbers_pass(value):
    check_number("epochs", value, whole=True, least=1)


@pytest.mark.parametrize("value", [0.5, 3, np.float32(0.1), np.int64(2)])
def test_numbers_pass(value):
    check_number("rate", value, above=0)


@pytest.mark.parametrize(
    ("value", "limits_", "message"),
    [
        (1.5, {"whole": True}, "rate is 1.5, but it must be a whole number"),
        (True, {"whole": True}, "rate is True, but it must be a whole number"),
        ("3", {}, "rate is '3', but it must be a number"),
        (None, {}, "rate is None, but it must be a number"),
        (True, {}, "rate is True, but it must be a number"),
        ([1.0], {}, "rate is [1.0], but it must be a number"),
        (math.nan, {}, "rate is nan, but it must be finite"),
        (-math.inf, {}, "rate is -inf, but it must be finite"),
        (0, {"least": 1}, "rate is 0, but it must be at least 1"),
        (0.0, {"above": 0}, "rate is 0.0, but it must be above 0"),
        (10**400, {}, "rate is 1"),
        (2**30, {"most": 1 << 24}, f"rate is {2**30}, but it must be at most 16,777,216"),
        (2.0, {"most": 0.5}, "rate is 2.0, but it must be at most 0.5"),
    ],
)
def test_anything_else_is_named(value, limits_, message):
    with pytest.raises(ParameterError) as raised:
        check_number("rate", value, **limits_)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("keep_best", [False, True])
@pytest.mark.parametrize("of_the_run", [False, True])
def test_memory_is_the_limit_and_the_advice_fits(monkeypatch, keep_best, of_the_run):
    monkeypatch.setattr(limits, "available_memory", lambda: (2 if of_the_run else 1) << 30)
    settings = {"keep_best": keep_best, "max_memory": 1 << 30 if of_the_run else None}
    n_rows = 500_000
    with pytest.raises(ParameterError, match=r"factors is 5000, which takes .* GiB") as raised:
        memory_left("factors", 5000, n_rows, **settings)
    fitting = int(str(raised.value).split("use ")[1].split()[0])
    needed = (3 if keep_best else 2) * n_rows * row_length(fitting) * 4
    left = memory_left("factors", fitting, n_rows, **settings)
    assert 0 <= left <= (1 << 30) - needed
    with pytest.raises(ParameterError):
        memory_left("factors", fitting + 1, n_rows, **settings)


@pytest.mark.parametrize(("max_memory", "shown"), [(10 << 20, "10 MiB"), (2 << 30, "2.00 GiB")])
def test_a_max_memory_that_is_too_little_is_named_with_the_least_that_works(
    monkeypatch, max_memory, shown
):
    monkeypatch.setattr(limits, "available_memory", lambda: 1 << 50)
    n_rows = 300 if max_memory < 1 << 30 else 30_000_000
    with pytest.raises(ParameterError, match=f"max_memory is {shown}") as raised:
        memory_left("factors", 50, n_rows, keep_best=False, max_memory=max_memory)
    number, unit = str(raised.value).split("give max_memory ")[1].split()[:2]
    least = math.ceil(float(number) * {"MiB": 2**20, "GiB": 2**30}[unit])
    assert memory_left("factors", 50, n_rows, keep_best=False, max_memory=least) >= 0
    with pytest.raises(ParameterError):
        memory_left("factors", 50, n_rows, keep_best=False, max_memory=round(least * 0.99))
    assert "too many users" not in str(raised.value)


def test_what_is_left_shrinks_by_what_factors_take(monkeypatch):
    monkeypatch.setattr(limits, "available_memory", lambda: 1 << 30)
    left = [
        memory_left("factors", factors, 10_000, keep_best=False, max_memory=None)
        for factors in (14, 30)
    ]
    assert left[0] - left[1] == 2 * 10_000 * 16 * 4


def test_too_many_rows_for_any_number_of_factors(monkeypatch):
    monkeypatch.setattr(limits, "available_memory", lambda: 1 << 30)
    with pytest.raises(ParameterError, match="too many users and items"):
        memory_left("factors", 1, 10**9, keep_best=False, max_memory=None)


def test_where_memory_is_not_known_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "available_memory", lambda: None)
    assert memory_left("factors", 10**9, 10**9, keep_best=True, max_memory=None) is None
