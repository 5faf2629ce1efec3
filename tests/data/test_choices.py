"""What is one of a few values, and what is not."""

import numpy as np
import pytest

from fastmf.data.choices import check_choice
from fastmf.errors import ParameterError


@pytest.mark.parametrize(
    ("value", "choices"),
    [("a", "ab"), (True, (True, False)), (np.False_, (True, False)), (np.str_("b"), "ab")],
)
def test_choices_pass(value, choices):
    check_choice("kind", value, choices)


@pytest.mark.parametrize("value", ["c", "", 1, 1.0, None, True, np.int64(1), [1]])
def test_anything_but_a_choice_is_named_with_the_choices(value):
    with pytest.raises(ParameterError) as raised:
        check_choice("kind", value, ("a", "b"))
    assert str(raised.value) == f"kind is {value!r}, but it must be one of a, b"
    if value is not True:
        with pytest.raises(ParameterError, match="one of True, False"):
            check_choice("kind", value, (True, False))
