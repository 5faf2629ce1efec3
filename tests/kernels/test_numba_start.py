import subprocess
import sys

import pytest

PROGRAM = """
import sys
from numba.np import linalg
asked = linalg.ensure_blas
from fastmf.kernels.numba_start import start_numba
start_numba()
import numba.np.arraymath
assert numba.np.arraymath._HAVE_BLAS and linalg.ensure_blas is asked
assert "scipy.linalg" not in sys.modules
"""
PRODUCT = """
import numba, numpy as np
product = numba.njit(lambda a, b: np.dot(a, b))(np.eye(2) * 3, np.ones((2, 2)))
assert (product == 3).all()
assert "scipy.linalg" in sys.modules
"""


@pytest.mark.parametrize("program", [PROGRAM, PROGRAM + PRODUCT])
def test_scipy_is_imported_only_for_code_that_multiplies_matrices(program):
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
