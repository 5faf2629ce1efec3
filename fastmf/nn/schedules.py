"""Learning rates that change from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from fastmf.data.choices import check_choice
from fastmf.errors import ParameterError

__all__ = ["SCHEDULES", "LearningRate"]

_SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda part: 1.0,
    "linear": lambda part: 1 - part,
    "cosine": lambda part: (1 + math.cos(math.pi * part)) / 2,
    "step": lambda part: 0.1 ** int(3 * part),
}

SCHEDULES = tuple(_SHAPES)
"""Names of schedules."""


@dataclass(frozen=True)
class LearningRate:
    """A learning rate by step.

    Attributes
    ----------
    start : float
        The rate of a constant schedule, and what the others begin with.
    schedule : {"constant", "linear", "cosine", "step"}
        ``1``; ``1 - part``; ``(1 + cos(pi * part)) / 2``; or 0.1 to the power of the thirds of
        training that have gone by; times `start`, where `part` is the steps taken over all steps.
    warm_up : float
        Part of all steps, from 0 to below 1, in which the rate first rises linearly from near 0.

    Raises
    ------
    ParameterError
        If one is outside its limits.
    """

    start: float
    schedule: str = "constant"
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.start < math.inf:
            raise ParameterError(f"learning_rate is {self.start}, but it must be above 0")
        check_choice("schedule", self.schedule, SCHEDULES)
        if not 0 <= self.warm_up < 1:
            raise ParameterError(f"warm_up is {self.warm_up}, but it must be from 0 to below 1")

    def at(self, step: int, n_steps: int) -> float:
        """Return the rate of a step.

        Parameters
        ----------
        step : int
            Counted from 0.
        n_steps : int
            Steps of the whole training.

        Returns
        -------
        float
        """
        part = step / n_steps
        if part < self.warm_up:
            return self.start * (step + 1) / (math.ceil(self.warm_up * n_steps) + 1)
        return self.start * _SHAPES[self.schedule](part)
