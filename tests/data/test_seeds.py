"""Keys drawn from seeds."""

import numpy as np
import pytest

from fastmf.data.seeds import draw_keys
from fastmf.errors import ParameterError


def test_keys_follow_from_the_seed_and_advance_a_generator():
    assert draw_keys(3, 4) == draw_keys(np.int64(3), 4) == draw_keys(np.random.default_rng(3), 4)
    assert draw_keys(3, 4)[:2] == draw_keys(3, 2)
    assert len({*draw_keys(3, 4), *draw_keys(4, 4)}) == 8
    generator = np.random.default_rng(3)
    assert draw_keys(generator, 2) + draw_keys(generator, 2) == draw_keys(3, 4)


@pytest.mark.parametrize("seed", [-1, 1.0, "1", None, True])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ParameterError, match="random_state is"):
        draw_keys(seed)
