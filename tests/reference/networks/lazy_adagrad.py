"""Slow, obvious twin of kernels.networks.lazy_adagrad: every step for all elements, in float64."""

import numpy as np


class Dense:
    """AdaGrad with decoupled weight decay."""

    def __init__(self, settings, value, decays):
        self.settings, self.decays = settings, decays
        self.value = value.astype(np.float64)
        self.square = np.full_like(self.value, settings.initial_sum)

    def step(self, gradient, rate):
        self.value -= rate * self.settings.weight_decay * self.decays * self.value
        self.square += gradient**2
        self.value -= rate * gradient / (np.sqrt(self.square) + self.settings.epsilon)
