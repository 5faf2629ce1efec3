"""Slow, obvious twin of kernels.networks.lazy_momentum: every step for all elements, in float64."""

import numpy as np


class Dense:
    """Gradient descent with momentum and decoupled weight decay."""

    def __init__(self, settings, value, decays):
        self.settings, self.decays = settings, decays
        self.value = value.astype(np.float64)
        self.velocity = np.zeros_like(self.value)

    def step(self, gradient, rate):
        set_ = self.settings
        self.value -= rate * set_.weight_decay * self.decays * self.value
        self.velocity = set_.momentum * self.velocity + gradient
        ahead = gradient + set_.momentum * self.velocity
        self.value -= rate * (ahead if set_.nesterov else self.velocity)
