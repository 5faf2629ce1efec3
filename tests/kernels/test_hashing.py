"""Scrambling 64 bits, against its twin and published numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastmf.kernels.hashing import GOLDEN, mix
from tests.reference import hashing


@given(st.integers(0, 2**64 - 1))
def test_mix_equals_its_twin(word):
    assert int(mix(np.uint64(word))) == hashing.mix(word)


def test_a_mixed_counter_gives_the_published_numbers_of_splitmix64():
    # The first two of seed 1234567, as every implementation of the generator is tested with.
    assert int(GOLDEN) == hashing.GOLDEN
    found = [int(mix(np.uint64((1234567 + n * hashing.GOLDEN) % hashing.WORD))) for n in (1, 2)]
    assert found == [6457827717110365317, 3203168211198807973]
