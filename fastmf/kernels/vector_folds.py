"""Sums of sixteen vectors at once, in steps that each halve what is left to add."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from fastmf.kernels.vectors import halve_pair, lanes

__all__ = ["fold"]


@intrinsic(prefer_literal=True)
def fold(typing_context: Any, left: Any, right: Any, width: Any) -> Any:
    """Return groups of `width` lanes of two vectors, folded to half of that, side by side.

    Folding pairs of sixteen vectors by 16, pairs of what comes out by 8, then by 4 and 2, leaves
    one vector with the sums of all: two shuffles and an addition for each pair, fifteen in all.

    Parameters
    ----------
    left, right : lanes
        Each of ``16 / width`` groups.
    width : literal int
        16, 8, 4 or 2.
    """
    if not isinstance(width, types.IntegerLiteral):
        return None
    signature = lanes(lanes, lanes, width)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return halve_pair(builder, args[0], args[1], width.literal_value)

    return signature, generate
