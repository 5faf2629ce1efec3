"""A fitted model of factors as a model file, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from fastmf import model_file
from fastmf.models.baseline import BiasBaseline
from fastmf.models.losses import LinkName
from fastmf.models.rows import FactorArrays
from fastmf.models.training_source import (
    checked_files,
    checked_options,
    checked_path,
    checked_updates,
)
from fastmf.training import EpochRecord

if TYPE_CHECKING:
    from fastmf.models.base import FactorModel

__all__ = ["restore", "save"]

# Optional, since models of old have none: what is not known adds nothing to their score.
_UNKNOWN = ("unknown_user_factors", "unknown_item_factors", "unknown_bias")


def save(model: FactorModel, folder: str | os.PathLike[str]) -> None:
    """Write a fitted model to a folder; see docs/FORMAT.md.

    Parameters
    ----------
    model : FactorModel
    folder : path
        Made, or replaced where it holds a model. Never left half-written.

    Raises
    ------
    ModelFileError
        If it cannot be written.
    """
    arrays = model.arrays._asdict()
    arrays["baseline_user_bias"] = model.baseline_.user_bias
    arrays["baseline_item_bias"] = model.baseline_.item_bias
    arrays["user_counts"] = model.baseline_.user_counts
    arrays["item_counts"] = model.baseline_.item_counts
    model_file.save_model(
        folder,
        kind=model.kind,
        hyperparameters=model.get_params(),
        arrays=arrays,
        users=model.users_,
        items=model.items_,
        record=_record(model),
    )


def _record(model: FactorModel) -> dict[str, Any]:
    return {
        "link": model.link_,
        "offset": model.offset_,
        "mean": model.mean_,
        "spread": model.spread_,
        "scale": model.scale_,
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


def restore(model: FactorModel, file: model_file.ModelFile) -> None:
    """Give a model what a file holds.

    Parameters
    ----------
    model : FactorModel
        Of the file's kind; modified in place.
    file : ModelFile

    Raises
    ------
    LookupError, TypeError, ValueError
        If something is missing or of another kind.
    """
    record = file.record
    arrays = _with_counts(_with_unknown(file.arrays), len(file.users), len(file.items))
    _check_shapes(arrays, len(file.users), len(file.items))
    model.users_, model.items_ = file.users, file.items
    model.set_arrays(FactorArrays(**{name: arrays[name] for name in FactorArrays._fields}))
    model.baseline_ = BiasBaseline(
        float(record["baseline_mean"]),
        arrays["baseline_user_bias"],
        arrays["baseline_item_bias"],
        arrays["user_counts"],
        arrays["item_counts"],
    )
    model.mean_ = float(record["mean"])
    model.spread_ = float(record.get("spread", 0.0))
    model.scale_ = float(record.get("scale", 0.0))
    model.updates_ = checked_updates(record.get("updates", []))
    model.link_ = record.get("link", "identity")
    if model.link_ not in get_args(LinkName):
        raise ValueError(f"link is {model.link_!r}, not {' or '.join(get_args(LinkName))}")
    model.offset_ = float(record.get("offset", model.mean_))
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


def _with_unknown(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return arrays with zeros for what the unknown add to a score, where a file has none."""
    k = arrays["user_factors"].shape[-1]
    sizes = dict(zip(_UNKNOWN, (k, k, 2), strict=True))
    return {name: np.zeros(size, np.float32) for name, size in sizes.items()} | dict(arrays)


def _with_counts(
    arrays: dict[str, NDArray[Any]], n_users: int, n_items: int
) -> dict[str, NDArray[Any]]:
    """Return arrays with zeros for the numbers of ratings, where a file of old has none."""
    sizes = {"user_counts": n_users, "item_counts": n_items}
    return {name: np.zeros(size, np.int64) for name, size in sizes.items()} | arrays


def _check_shapes(arrays: Mapping[str, NDArray[Any]], n_users: int, n_items: int) -> None:
    """Refuse arrays of another size than the vocabularies: kernels do not check bounds."""
    k = arrays["user_factors"].shape[-1]
    shapes = {
        "user_factors": (n_users, k),
        "item_factors": (n_items, k),
        "user_bias": (n_users,),
        "item_bias": (n_items,),
        "unknown_user_factors": (k,),
        "unknown_item_factors": (k,),
        "unknown_bias": (2,),
        "baseline_user_bias": (n_users,),
        "baseline_item_bias": (n_items,),
    }
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.float32:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not float32 {shape}")
    for name, size in (("user_counts", n_users), ("item_counts", n_items)):
        array = arrays[name]
        if array.shape != (size,) or array.dtype != np.int64:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not int64 ({size},)")
