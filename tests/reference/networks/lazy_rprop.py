"""Slow, obvious twin of kernels.networks.lazy_rprop: every step for all elements, in float64."""

import numpy as np


class Dense:
    """RProp without going back, with decoupled weight decay."""

    def __init__(self, settings, value, decays):
        self.settings, self.decays = settings, decays
        self.value = value.astype(np.float64)
        self.previous = np.zeros_like(self.value)
        self.size = None

    def step(self, gradient, rate):
        set_ = self.settings
        if self.size is None:
            self.size = np.full_like(self.value, rate)
        self.value -= rate * set_.weight_decay * self.decays * self.value
        agreement = np.sign(gradient) * np.sign(self.previous)
        grown = np.minimum(self.size * set_.growth, set_.largest_step)
        shrunk = np.maximum(self.size * set_.shrinkage, set_.smallest_step)
        self.size = np.where(agreement > 0, grown, np.where(agreement < 0, shrunk, self.size))
        self.previous = np.where(agreement < 0, 0.0, gradient)
        self.value -= self.size * np.sign(self.previous)
