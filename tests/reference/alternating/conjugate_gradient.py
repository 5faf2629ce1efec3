"""Slow twin of kernels.alternating.conjugate_gradient: with the matrix formed, in float64."""


def improve(matrix, right, start, steps, diagonal):
    """Return `start` after steps of conjugate gradients, preconditioned by a diagonal."""
    x, residual = start, right - matrix @ start
    inverse = 1 / diagonal
    direction = inverse * residual
    for _ in range(steps):
        size = residual @ (inverse * residual)
        if size == 0:
            break
        length = size / (direction @ matrix @ direction)
        x, residual = x + length * direction, residual - length * (matrix @ direction)
        after = residual @ (inverse * residual)
        direction = inverse * residual + after / size * direction
    return x


def value(matrix, right, constant, x):
    return x @ matrix @ x - 2 * right @ x + constant
