"""What a choice of solver comes to."""

import pytest

from fastmf.models.als import ALSParameters
from fastmf.models.alternating.row_solver import RowSolver


@pytest.mark.parametrize(
    ("factors", "solver", "name"),
    [(32, "auto", "cholesky"), (33, "auto", "cg"), (300, "auto", "cg"), (300, "block", "block")],
)
def test_auto_is_exact_for_few_factors(factors, solver, name):
    chosen = RowSolver.of(ALSParameters(factors, solver=solver, cg_steps=5, block_size=30))
    assert chosen == (name, 5, 30)
    assert chosen.improves == (name != "cholesky")
