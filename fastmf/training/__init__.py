"""The one training loop, its settings and its progress."""

from fastmf.training.loop import EpochRecord, Learner, Outcome, train
from fastmf.training.progress import Progress, SilentProgress, TqdmProgress
from fastmf.training.settings import RunSettings

__all__ = [
    "EpochRecord",
    "Learner",
    "Outcome",
    "Progress",
    "RunSettings",
    "SilentProgress",
    "TqdmProgress",
    "train",
]
