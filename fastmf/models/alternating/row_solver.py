"""How alternating least squares solves a row."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Self

__all__ = ["CHOLESKY", "RowSolver", "Solver"]

Solver = Literal["auto", "cholesky", "cg", "block"]

# Up to here exact solutions are as fast; their time grows with the square of the factors.
_MOST_SOLVED_FACTORS = 32


class RowSolver(NamedTuple):
    """A way to solve a row's least squares problem, or to come nearer to its solution.

    Attributes
    ----------
    name : {"cholesky", "cg", "block"}
    cg_steps : int
        Steps of conjugate gradients.
    block_size : int
        Unknowns of a block of coordinate descent.
    """

    name: Literal["cholesky", "cg", "block"]
    cg_steps: int = 3
    block_size: int = 64

    @classmethod
    def of(cls, parameters: Any) -> Self:
        """Return what a choice of solver comes to.

        Parameters
        ----------
        parameters : ALSParameters or ImplicitALSParameters

        Returns
        -------
        RowSolver
        """
        name = parameters.solver
        if name == "auto":
            name = "cg" if parameters.factors > _MOST_SOLVED_FACTORS else "cholesky"
        return cls(name, parameters.cg_steps, parameters.block_size)

    @property
    def improves(self) -> bool:
        """Whether it starts from the rows as they are, and is best along principal axes."""
        return self.name != "cholesky"


CHOLESKY = RowSolver("cholesky")
"""Exact solutions."""
