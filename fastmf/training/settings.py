"""How a training run is carried out, apart from what is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
        of the epochs, or from the first where a model has no rate that falls (als); None, or 0,
        never stops early.
    max_memory : int, optional
        Bytes of memory to keep to. Where the blocks of ratings do not fit beside the factors,
        they are kept in a file and streamed; default what the system says is available.
    stop : callable, optional
        Asked after every epoch; training ends cleanly once it returns True.

    Raises
    ------
    ParameterError
        If a setting is of another kind, or below its least value.
    """

    num_threads: int | None = None
    progress: Progress | None = None
    patience: int | None = 5
    max_memory: int | None = None
    stop: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        for name, unit in (("patience", "epochs"), ("max_memory", "bytes")):
            value: Any = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
                raise ParameterError(
                    f"{name} is {value!r}, but it must be a whole number of {unit}, or None"
                )
        if self.patience == 0:
            object.__setattr__(self, "patience", None)
        calls = ("start", "advance", "finish", "note")
        if self.progress is not None and not all(hasattr(self.progress, name) for name in calls):
            raise ParameterError(
                f"progress is {self.progress!r}, but it must have {', '.join(calls)}, as "
                "fastmf.training.TqdmProgress has"
            )
        if self.stop is not None and not callable(self.stop):
            raise ParameterError(f"stop is {self.stop!r}, but it must be a function")

    @classmethod
    def of(cls, run: RunSettings | None) -> RunSettings:
        """Return the settings of a call.

        Parameters
        ----------
        run : RunSettings or None
            As it was given.

        Returns
        -------
        RunSettings
            The defaults for None.

        Raises
        ------
        ParameterError
            If it is something else.
        """
        if run is not None and not isinstance(run, RunSettings):
            raise ParameterError(f"run is {run!r}, but it must be fastmf.RunSettings(...)")
        return run or cls()
