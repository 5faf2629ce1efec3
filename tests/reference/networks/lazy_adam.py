"""Slow, obvious twin of kernels.networks.lazy_adam: every step for all elements, in float64."""

import numpy as np


class Dense:
    """Adam with decoupled weight decay."""

    def __init__(self, settings, value, decays):
        self.settings, self.decays = settings, decays
        self.value = value.astype(np.float64)
        self.mean, self.square = np.zeros_like(self.value), np.zeros_like(self.value)
        self.taken = 0

    def step(self, gradient, rate):
        set_ = self.settings
        self.taken += 1
        self.value -= rate * set_.weight_decay * self.decays * self.value
        self.mean = set_.beta1 * self.mean + (1 - set_.beta1) * gradient
        self.square = set_.beta2 * self.square + (1 - set_.beta2) * gradient**2
        unbiased = self.mean / (1 - set_.beta1**self.taken)
        root = np.sqrt(self.square / (1 - set_.beta2**self.taken))
        self.value -= rate * unbiased / (root + set_.epsilon)
