"""Constructors of networks, made of their hyperparameters."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, ClassVar

from fastmf.models.estimator import Estimator

__all__ = ["NetworkEstimator"]


class NetworkEstimator(Estimator):
    """An estimator whose constructor takes the fields of its dataclass of hyperparameters.

    The first may be given by position, as in other models.
    """

    hyperparameters: ClassVar[type]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "hyperparameters" not in vars(cls):
            return
        fields = dataclasses.fields(cls.hyperparameters)
        kinds: list[Any] = [inspect.Parameter.KEYWORD_ONLY] * len(fields)
        kinds[0] = inspect.Parameter.POSITIONAL_OR_KEYWORD
        cls.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(one.name, kind, default=one.default, annotation=one.type)
                for one, kind in zip(fields, kinds, strict=True)
            ]
        )

    def __init__(self, *values: Any, **named: Any) -> None:
        try:
            given = inspect.signature(type(self)).bind(*values, **named)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        given.apply_defaults()
        for name, value in given.arguments.items():
            setattr(self, name, value)
