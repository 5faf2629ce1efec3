"""Slow, obvious twin of fastmf.kernels.networks.pair_norms: running statistics of a norm."""


def running_statistics(x, momentum, mean, variance):
    """Return running mean and variance after a batch whose rows are `x`."""
    if len(x) == 1:
        return mean, variance
    batch = x.mean(axis=0), x.var(axis=0, ddof=1)
    return mean + momentum * (batch[0] - mean), variance + momentum * (batch[1] - variance)
