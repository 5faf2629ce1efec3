"""Dense layers and dropouts one after another, forward and back, without the GIL in between.

A step of training calls a few dozen functions for each shard. From Python, threads wait for each
other's lock after every one of them; from here, they do not. Products are those of BLAS, which
Numba calls for `np.dot` through SciPy.

A chain is a table `steps`, (n_steps, 6) int64, of rows ``kind, n_inputs, n_outputs, weights, bias,
rectified``: `kind` is `DENSE` or `DROP`; `weights` and `bias` say where the parameters begin in a
flat array, -1 for no bias. Dropouts draw by `keys` (n_steps,) uint64, `thresholds` (n_steps,)
uint32, `scales` (n_steps,) floats and `first_row` int64, see `drop`; they are arguments of their
own, because a tuple takes longer to hand over than a small layer to compute. The outputs of all
steps follow each other in one flat array of scratch memory. Arrays are of float32 in use and of
float64 in tests.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.activations import add_bias, add_bias_relu, column_sums, relu_gradient
from fastmf.kernels.networks.dropout import drop

__all__ = ["DENSE", "DROP", "chain_backward", "chain_forward"]

DENSE, DROP = 0, 1


@kernel(error_model="numpy")
def chain_forward(steps, keys, thresholds, scales, first_row, parameters, x, scratch):
    """Run a shard forward.

    Parameters
    ----------
    steps, keys, thresholds, scales, first_row
        The chain; see above.
    parameters : (n_parameters,) floats
    x : (m, n_inputs) floats
    scratch : flat floats, modified in place
        The (m, n_outputs) outputs of all steps, one after another.

    Notes
    -----
    Free of races as long as no other thread has the same `scratch`.
    """
    m = x.shape[0]
    used = 0
    for step in range(len(steps)):
        kind, n_inputs, n_outputs, weights, bias, rectified = steps[step]
        out = scratch[used : used + m * n_outputs].reshape((m, n_outputs))
        used += m * n_outputs
        if kind == DROP:
            drop(x, keys[step], first_row, thresholds[step], scales[step], out)
        else:
            size = n_inputs * n_outputs
            np.dot(x, parameters[weights : weights + size].reshape((n_inputs, n_outputs)), out)
            if bias >= 0 and rectified:
                add_bias_relu(out, parameters[bias : bias + n_outputs])
            elif bias >= 0:
                add_bias(out, parameters[bias : bias + n_outputs])
        x = out


@kernel(error_model="numpy")
def chain_backward(
    steps,
    keys,
    thresholds,
    scales,
    first_row,
    parameters,
    gradients,
    x,
    scratch,
    dy,
    room,
    dx,
):
    """Run a shard back, and assign the gradients of parameters.

    Parameters
    ----------
    steps, keys, thresholds, scales, first_row
        The chain; see above.
    parameters : (n_parameters,) floats
    gradients : (n_parameters,) floats, modified in place
        Laid out as `parameters`.
    x : (m, n_inputs) floats
        The input of the chain.
    scratch : flat floats
        As `chain_forward` left it.
    dy : (m, n_outputs) floats, modified in place
        Gradient by the chain's output.
    room : (2 * m * n_widest,) floats, modified in place
        Space for the gradients between steps.
    dx : (m, n_inputs) or (m, 0) floats, modified in place
        Gradient by `x`; without columns it is not made.

    Notes
    -----
    Free of races as long as no other thread has the same arrays that are modified.
    """
    m = x.shape[0]
    end = 0
    for step in range(len(steps)):
        end += m * steps[step, 2]
    half = len(room) // 2
    for step in range(len(steps) - 1, -1, -1):
        kind, n_inputs, n_outputs, weights, bias, rectified = steps[step]
        y = scratch[end - m * n_outputs : end].reshape((m, n_outputs))
        end -= m * n_outputs
        if step > 0:
            begin = half * (step % 2)
            before = scratch[end - m * n_inputs : end].reshape((m, n_inputs))
            by_input = room[begin : begin + m * n_inputs].reshape((m, n_inputs))
        else:
            before, by_input = x, dx
        if kind == DROP:
            drop(dy, keys[step], first_row, thresholds[step], scales[step], by_input)
        else:
            if bias >= 0 and rectified:
                relu_gradient(dy, y, gradients[bias : bias + n_outputs])
            elif bias >= 0:
                column_sums(dy, gradients[bias : bias + n_outputs])
            size = n_inputs * n_outputs
            slopes = gradients[weights : weights + size].reshape((n_inputs, n_outputs))
            np.dot(before.T, dy, slopes)
            matrix = parameters[weights : weights + size].reshape((n_inputs, n_outputs))
            if by_input.shape[1] == n_inputs:
                _times_transposed(dy, matrix, by_input)
        dy = by_input


@kernel(error_model="numpy")
def _times_transposed(dy, matrix, out):
    """Set ``out = dy @ matrix.T``."""
    if dy.shape[1] == 1:  # BLAS takes seven times as long for an outer product
        for row in range(dy.shape[0]):
            for column in range(out.shape[1]):
                out[row, column] = dy[row, 0] * matrix[column, 0]
    else:
        np.dot(dy, matrix.T, out)
