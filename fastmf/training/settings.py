"""How a training run is carried out, apart from what is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastmf.errors import ParameterError
from fastmf.training.progress import Progress

__all__ = ["RunSettings"]


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run. None of them changes what is learned in an epoch.

    Attributes
    ----------
    num_threads : int, optional
        Threads; default all processors this process may use. The factors are the same bits for
        any number.
    progress : Progress, optional
        Where progress is shown; default nowhere.
    patience : int, optional
        Epochs without a better validation RMSE before training stops, counted in the second half
        of the epochs, or from the first where a model has no rate that falls (als); None never
        stops early.
    max_memory : int, optional
        Bytes of memory to keep to. Where the blocks of ratings do not fit beside the factors,
        they are kept in a file and streamed; default what the system says is available.
    stop : callable, optional
        Asked after every epoch; training ends cleanly once it returns True.

    Raises
    ------
    ParameterError
        If `patience` is below 1.
    """

    num_threads: int | None = None
    progress: Progress | None = None
    patience: int | None = 5
    max_memory: int | None = None
    stop: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        if self.patience is not None and self.patience < 1:
            raise ParameterError(
                f"patience is {self.patience}, but at least 1 epoch is needed; "
                "leave it out (None) to run all epochs"
            )
