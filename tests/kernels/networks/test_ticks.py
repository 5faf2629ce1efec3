"""Ticks of the processor's clock, by purpose."""

import platform
import time

import numpy as np
import pytest

from fastmf.kernels.networks import ticks as kernels
from tests.reference.networks import ticks as reference


def test_nobody_asked():
    kernels.tick(np.zeros(0, np.int64), kernels.WAITING)  # reads no clock, writes nowhere
    reference.tick([], kernels.WAITING, 5)


# Elsewhere reading the clock may end the process; nothing but the profile of a bench ever does.
@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"},
    reason="not every system lets programs read the clock of another processor",
)
def test_time_is_counted_to_purposes():
    found, twin = np.zeros(kernels.N_PURPOSES + 1, np.int64), [0] * (kernels.N_PURPOSES + 1)
    purposes = [kernels.WAITING, kernels.PRODUCTS, kernels.ELEMENTS, kernels.PRODUCTS]
    for purpose, pause in zip(purposes, (0, 0.002, 0.03, 0.002), strict=True):
        time.sleep(pause)
        kernels.tick(found, purpose)
        reference.tick(twin, purpose, int(found[-1]))
    assert found.tolist() == twin
    assert found[kernels.ELEMENTS] > found[kernels.PRODUCTS] > 0 == found[kernels.WAITING]
