"""Slow, obvious twin of fastmf.kernels.product_blocks; it returns what the kernel assigns."""

import numpy as np


def multiply_block(left, panel, out, adds):
    product = left.astype(np.float64) @ panel
    return out + product if adds else product
