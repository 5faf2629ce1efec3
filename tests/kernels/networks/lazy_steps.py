"""Rows moved a few at a time beside a dense twin of the optimizer that moves all in every step."""

import numpy as np

from fastmf.nn.row_optimizers import row_steps
from tests.kernels.row_sums import STRIDE, padded, sums_of

N_ROWS, WIDTH = 24, 19


def largest_differences(settings, twin, *, n_steps, rate, sizes, seed=0):
    """Return the largest difference from the twin in each step; relative to values above 1.

    Rows are seldom touched but for a few, by gradients of the `sizes` given as powers of ten.
    """
    generator = np.random.default_rng(seed)
    value = generator.normal(0, 0.05, (N_ROWS, WIDTH)).astype(np.float32)
    decays = generator.random(WIDTH) < 0.5
    dense = twin(settings, value, decays)
    steps = row_steps(settings)
    state = steps.state(padded(value), STRIDE, decays)
    scale = 10.0 ** generator.uniform(*sizes, (N_ROWS, WIDTH))
    odds = np.exp(-np.arange(N_ROWS) / 3)
    differences = []
    for number in range(n_steps):
        index = generator.choice(N_ROWS, 5, p=odds / odds.sum())
        gradients = (generator.standard_normal((5, WIDTH)) * scale[index]).astype(np.float32)
        sums, n_touched = sums_of(index, gradients, N_ROWS)
        steps.bring_up_to_date(state, 0, n_touched, sums.touched)
        shown = state.rows.reshape(N_ROWS, STRIDE)[index, :WIDTH]
        expected = dense.value[index]
        differences.append((np.abs(shown - expected) / np.maximum(1, np.abs(expected))).max())
        steps.begin_step(rate(number))
        steps.remember_step()
        steps.step(state, 0, n_touched, sums)
        total = np.zeros((N_ROWS, WIDTH))
        np.add.at(total, index, gradients)
        dense.step(total, rate(number))
    return np.array(differences)


def smallest_kept(settings, *, pull, n_steps=4000, rate=0.01):
    """Return the smallest number but 0 that rows and state had while they were only to shrink.

    All rows have a gradient in each step: at first one of size 1, then that of a penalty, `pull`
    times the row.
    """
    generator = np.random.default_rng(0)
    value = generator.normal(0, 0.05, (N_ROWS, WIDTH)).astype(np.float32)
    steps = row_steps(settings)
    state = steps.state(padded(value), STRIDE, np.ones(WIDTH, np.bool_))
    smallest = []
    for number in range(n_steps):
        if steps.is_full:
            steps.forget_steps()
        size = 1.0 if number < 10 else 0.0
        gradients = size * generator.standard_normal((N_ROWS, WIDTH)).astype(np.float32)
        sums, n_touched = sums_of(np.arange(N_ROWS), gradients, N_ROWS, pulls=pull)
        steps.bring_up_to_date(state, 0, n_touched, sums.touched)
        steps.begin_step(rate)
        steps.remember_step()
        steps.step(state, 0, n_touched, sums)
        kept = np.abs(np.concatenate([state.rows, *state.kept]))
        smallest.append(kept[kept > 0].min(initial=1))
    return min(smallest)
