"""Hyperparameters of a model, by the habits of scikit-learn."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

from fastmf.errors import ParameterError

__all__ = ["Estimator"]


class Estimator:
    """An object that stores its hyperparameters as they were given, and can tell and change them.

    Attributes
    ----------
    hyperparameters : type
        Frozen dataclass that checks them when made; the constructor takes the same names.
    """

    hyperparameters: ClassVar[type]

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the hyperparameters, in order."""
        return [field.name for field in dataclasses.fields(cls.hyperparameters)]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the hyperparameters as they were given.

        Parameters
        ----------
        deep : bool, optional
            Without effect; scikit-learn passes it.

        Returns
        -------
        dict of str to object
        """
        return {name: getattr(self, name) for name in self.parameter_names()}

    def set_params(self, **parameters: Any) -> Self:
        """Change hyperparameters; a fitted model keeps what it learned until it is fitted again.

        Parameters
        ----------
        **parameters : object
            New values by name; checked by `fit`.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            If there is no hyperparameter of that name.
        """
        for name, value in parameters.items():
            if name not in self.parameter_names():
                known = ", ".join(self.parameter_names())
                raise ParameterError(f"{type(self).__name__} has no {name}; it has {known}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({shown})"
