"""Slow, obvious twin of fastmf.kernels.networks.ticks, told what the clock says."""


def tick(ticks, purpose, now):
    if ticks:
        if ticks[-1] > 0:
            ticks[purpose] += now - ticks[-1]
        ticks[-1] = now
