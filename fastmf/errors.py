"""Every error that fastmf raises on purpose.

A message is one line that names the value, the limit or the place, and the remedy. The command
line prints exactly that line and exits with status 1, so a message must make sense on its own.
"""

from __future__ import annotations

__all__ = [
    "DataError",
    "DivergenceError",
    "FastMFError",
    "MissingDependencyError",
    "ModelFileError",
    "NotFittedError",
    "ParameterError",
]


class FastMFError(Exception):
    """The parent of every error that fastmf raises on purpose."""


class DataError(FastMFError):
    """Ratings, pairs or titles that cannot be read, or that hold something unusable."""


class ModelFileError(FastMFError):
    """A saved model that is missing, truncated, altered or written by a newer fastmf."""


class ParameterError(FastMFError, ValueError):
    """A hyperparameter or an option outside its limits."""


class DivergenceError(FastMFError):
    """Training whose loss grew past any use, or left the finite numbers."""


class NotFittedError(FastMFError, AttributeError):
    """A model asked for predictions before it was fitted."""


class MissingDependencyError(FastMFError, ImportError):
    """An optional package that the call needs is not installed."""
