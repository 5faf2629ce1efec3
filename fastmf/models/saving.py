"""A fitted model as a model file, and back."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastmf import model_file
from fastmf.models.baseline import BiasBaseline
from fastmf.models.training_source import (
    checked_files,
    checked_options,
    checked_path,
    checked_updates,
)
from fastmf.training import EpochRecord

if TYPE_CHECKING:
    from fastmf.models.base import RatingModel

__all__ = ["restore", "save"]


def save(model: RatingModel, folder: str | os.PathLike[str]) -> None:
    """Write a fitted model to a folder; see docs/FORMAT.md.

    Parameters
    ----------
    model : RatingModel
    folder : path
        Made, or replaced where it holds a model. Never left half-written.

    Raises
    ------
    ModelFileError
        If it cannot be written.
    """
    arrays = model._saved_arrays()
    arrays["baseline_user_bias"] = model.baseline_.user_bias
    arrays["baseline_item_bias"] = model.baseline_.item_bias
    arrays["user_counts"] = model.baseline_.user_counts
    arrays["item_counts"] = model.baseline_.item_counts
    model_file.save_model(
        folder,
        kind=model.kind,
        hyperparameters=asdict(model.fitted_parameters_),
        arrays=arrays,
        users=model.users_,
        items=model.items_,
        record=_record(model),
    )


def _record(model: RatingModel) -> dict[str, Any]:
    return {
        **model._saved_record(),
        "mean": model.mean_,
        "spread": model.spread_,
        "updates": model.updates_,
        "rating_range": list(model.rating_range_),
        "baseline_mean": model.baseline_.mean,
        "history": [record._asdict() for record in model.history_],
        "best_epoch": model.best_epoch_,
        "stopped": model.stopped_,
        "train_rmse": model.train_rmse_,
        "n_ratings": model.n_ratings_,
        "source": model.source_,
        "source_files": model.source_files_,
        "source_options": model.source_options_,
        "seconds": model.seconds_,
        "schedule": model.schedule_,
    }


def restore(model: RatingModel, file: model_file.ModelFile) -> None:
    """Give a model what a file holds.

    Parameters
    ----------
    model : RatingModel
        Of the file's kind; modified in place.
    file : ModelFile

    Raises
    ------
    LookupError, TypeError, ValueError
        If something is missing or of another kind.
    """
    record = file.record
    arrays = _with_counts(file.arrays, len(file.users), len(file.items))
    _check_baseline(arrays, len(file.users), len(file.items))
    model.users_, model.items_ = file.users, file.items
    model.baseline_ = BiasBaseline(
        float(record["baseline_mean"]),
        arrays["baseline_user_bias"],
        arrays["baseline_item_bias"],
        arrays["user_counts"],
        arrays["item_counts"],
    )
    model.mean_ = float(record["mean"])
    model.spread_ = float(record.get("spread", 0.0))
    model.updates_ = checked_updates(record.get("updates", []))
    low, high = record["rating_range"]
    model.rating_range_ = (float(low), float(high))
    model.history_ = [EpochRecord(**epoch) for epoch in record["history"]]
    model.best_epoch_ = int(record["best_epoch"])
    model.epochs_run_ = len(model.history_)
    model.stopped_ = record["stopped"]
    model.train_rmse_ = float(record["train_rmse"])
    model.valid_rmse_ = model.history_[model.best_epoch_ - 1].valid_rmse
    model.valid_mae_ = model.history_[model.best_epoch_ - 1].valid_mae
    model.n_ratings_ = int(record["n_ratings"])
    model.source_ = checked_path(record["source"])
    # Models of old have neither of these.
    model.source_files_ = checked_files(record.get("source_files"))
    model.source_options_ = checked_options(record.get("source_options", {}))
    model.seconds_ = dict(record["seconds"])
    model.schedule_ = dict(record["schedule"])
    model._restore(arrays, record)
    model.fitted_parameters_ = model.hyperparameters(**copy.deepcopy(model.get_params()))


def _with_counts(
    arrays: Mapping[str, NDArray[Any]], n_users: int, n_items: int
) -> dict[str, NDArray[Any]]:
    """Return arrays with zeros for the numbers of ratings, where a file of old has none."""
    sizes = {"user_counts": n_users, "item_counts": n_items}
    return {name: np.zeros(size, np.int64) for name, size in sizes.items()} | dict(arrays)


def _check_baseline(arrays: Mapping[str, NDArray[Any]], n_users: int, n_items: int) -> None:
    """Refuse a baseline of another size than the vocabularies: kernels do not check bounds."""
    kinds = {
        "baseline_user_bias": (np.float32, n_users),
        "baseline_item_bias": (np.float32, n_items),
        "user_counts": (np.int64, n_users),
        "item_counts": (np.int64, n_items),
    }
    for name, (dtype, size) in kinds.items():
        array = arrays[name]
        if array.shape != (size,) or array.dtype != dtype:
            expected = np.dtype(dtype).name
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {expected} ({size},)")
