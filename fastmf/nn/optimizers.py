"""Optimizers: what they are set to, and their steps of dense parameters.

The classes here are settings alone and never change, so that one serves dense parameters
(`DenseSteps`) and embedding tables alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.data.choices import check_choice
from fastmf.kernels.networks.dense_steps import (
    adagrad_step,
    adam_step,
    add_share,
    momentum_step,
    rprop_step,
)

__all__ = ["SGD", "AdaGrad", "Adam", "DenseSteps", "Optimizer", "RProp", "optimizer_named"]

Array = NDArray[Any]


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, with momentum where wanted (PyTorch's form).

    ``velocity = momentum * velocity + gradient``; ``value -= rate * velocity``, or by Nesterov
    ``value -= rate * (gradient + momentum * velocity)``.
    """

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0  # decoupled: value -= rate * weight_decay * value


@dataclass(frozen=True)
class AdaGrad:
    """Duchi, Hazan and Singer (2011).

    ``sum += gradient^2``; ``value -= rate * gradient / (sqrt(sum) + epsilon)``.
    """

    initial_sum: float = 0.0
    epsilon: float = 1e-10
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba (2015); with weight decay, AdamW of Loshchilov and Hutter (2019).

    ``value -= rate * weight_decay * value``; then
    ``m = beta1 * m + (1 - beta1) * gradient``; ``v = beta2 * v + (1 - beta2) * gradient^2``;
    ``value -= rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)`` in step t = 1, 2...
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0


@dataclass(frozen=True)
class RProp:
    """Riedmiller and Braun (1993), without going back (PyTorch's form), for whole-data batches.

    A step size for each element, which starts at the learning rate, grows by `growth` while the
    sign of the gradient stays, and shrinks by `shrinkage` when it turns, which skips the step.
    """

    growth: float = 1.2
    shrinkage: float = 0.5
    smallest_step: float = 1e-6
    largest_step: float = 50.0
    weight_decay: float = 0.0


Optimizer = SGD | AdaGrad | Adam | RProp


def optimizer_named(name: str, *, weight_decay: float = 0.0, momentum: float = 0.9) -> Optimizer:
    """Return the optimizer of a name, with its usual settings.

    Parameters
    ----------
    name : {"adam", "adamw", "adagrad", "sgd", "rprop"}
    weight_decay : float, optional
        Decoupled; with `adam` and 0 there is none, and `adamw` is the same optimizer.
    momentum : float, optional
        Of `sgd`.

    Returns
    -------
    Optimizer

    Raises
    ------
    ParameterError
        If there is none.
    """
    settings: dict[str, Optimizer] = {
        "adam": Adam(weight_decay=weight_decay),
        "adamw": Adam(weight_decay=weight_decay),
        "adagrad": AdaGrad(weight_decay=weight_decay),
        "sgd": SGD(momentum=momentum, weight_decay=weight_decay),
        "rprop": RProp(weight_decay=weight_decay),
    }
    check_choice("optimizer", name, settings)
    return settings[name]


class DenseSteps:
    """The state of an optimizer for a flat array of parameters.

    Parameters
    ----------
    optimizer : Optimizer
    value : ndarray of float32
        (n,) modified in place by `step`.
    decays : ndarray of bool
        (n,) where weight decay applies.

    Attributes
    ----------
    state : ndarray of float32
        (2, n) what the optimizer keeps: of Adam, the moments.
    decays : ndarray of float32
        (n,) 1 where weight decay applies, else 0.
    n_steps : int
        Steps taken.
    """

    def __init__(self, optimizer: Optimizer, value: Array, decays: Array) -> None:
        self.optimizer = optimizer
        self._value, self.decays = value, frozen(decays, np.float32)
        self.state = np.zeros((2, len(value)), np.float32)
        if isinstance(optimizer, AdaGrad):
            self.state[0] = optimizer.initial_sum
        self.n_steps = 0

    def step(self, gradient: Array, learning_rate: float) -> None:
        """Take the next step.

        Parameters
        ----------
        gradient : ndarray of float32
            (n,).
        learning_rate : float
        """
        self.n_steps += 1
        value, optimizer = self._value, self.optimizer
        if optimizer.weight_decay:
            share = np.float32(-learning_rate * optimizer.weight_decay)
            add_share(value, share, self.decays, value)
        match optimizer:
            case Adam():
                self._adam(optimizer, gradient, learning_rate)
            case SGD():
                numbers = np.float32(optimizer.momentum), np.float32(learning_rate)
                momentum_step(value, gradient, self.state[0], optimizer.nesterov, *numbers)
            case AdaGrad():
                numbers = np.float32(learning_rate), np.float32(optimizer.epsilon)
                adagrad_step(value, gradient, self.state[0], *numbers)
            case RProp():
                if self.n_steps == 1:
                    self.state[1] = learning_rate
                limits = optimizer.smallest_step, optimizer.largest_step
                factors = optimizer.growth, optimizer.shrinkage
                rprop_step(value, gradient, *self.state, *map(np.float32, (*factors, *limits)))

    def _adam(self, optimizer: Adam, gradient: Array, learning_rate: float) -> None:
        beta1, beta2 = optimizer.beta1, optimizer.beta2
        rate = learning_rate / (1 - beta1**self.n_steps)
        root = 1 / math.sqrt(1 - beta2**self.n_steps)
        numbers = map(np.float32, (beta1, beta2, rate, root, optimizer.epsilon))
        adam_step(self._value, gradient, *self.state, *numbers)
