"""One row of the published comparisons, trained: by fastmf, and by PyTorch as Keras does it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers import ModulePeer
from bench.seed_data import SeedData, write_features
from bench.seed_results import KeptScores, Scores, digest_of
from bench.seed_rows import LIKE_METRICS, NOTHING_ELSE, STRUCTURE, Row

LIKE_ABOVE = 5.0
TORCH = ModulePeer(
    "PyTorch", "torch", "torch", "bench.peers.pytorch_keras", ({},), 1_000_000_000, 1024
)


@dataclass(frozen=True)
class Limits:
    """What ends a training.

    Attributes
    ----------
    epochs : int
        At most; where fastmf trains by its own defaults, theirs count.
    patience : int
        Epochs without a better validation error.
    threads : int
    """

    epochs: int
    patience: int
    threads: int


def same_settings(row: Row, data: SeedData, epochs: int) -> dict[str, Any]:
    """Return fastmf's hyperparameters for a row that is trained as its system trained it.

    Parameters
    ----------
    row : Row
    data : SeedData
    epochs : int
    """
    known = _parameter_names(row)
    settings = {name: value for name, value in NOTHING_ELSE.items() if name in known}
    if "biased_dot" in known:
        settings["biased_dot"] = row.model == "residual"
    settings["initial"] = "uniform"  # as Keras starts embeddings
    settings |= {name: value for name, value in row.settings.items() if name != "l2"}
    if "l2" in row.settings:
        # That of whole tables in every step, as fastmf has it: of the rows of the batch.
        n_rows = data.split.n_users + data.split.n_items
        settings["regularization"] = row.settings["l2"] * n_rows
    return {**settings, "schedule": "constant", "epochs": epochs}


def own_settings(row: Row) -> dict[str, Any]:
    """Return fastmf's hyperparameters for a row's network, all that is not its size by default.

    Parameters
    ----------
    row : Row
    """
    return {name: row.settings[name] for name in STRUCTURE if name in row.settings}


def _parameter_names(row: Row) -> set[str]:
    from fastmf.models import model_class  # noqa: PLC0415 - loads compilers

    return set(model_class(row.model).parameter_names())


def train_ours(
    row: Row,
    settings: Mapping[str, Any],
    data: SeedData,
    seed: int,
    limits: Limits,
    kept: KeptScores,
    *,
    again: bool = False,
) -> Scores:
    """Train fastmf's model and return its scores on the validation rows.

    Parameters
    ----------
    row : Row
    settings : mapping
        Hyperparameters.
    data : SeedData
    seed : int
    limits : Limits
    kept : KeptScores
    again : bool, optional
        Whether to train even if there are scores, of another state of the source perhaps.
    """
    from fastmf import __version__  # noqa: PLC0415 - loads compilers
    from fastmf.models import model_class  # noqa: PLC0415

    kind: Any = model_class(row.model)
    model = kind(**settings, random_state=seed)
    job = {
        "fastmf": __version__,
        "model": row.model,
        "parameters": model.get_params(),
        "split": data.split.folder.name,
        "limits": [limits.patience, limits.threads],
    }
    return kept.of(job, lambda: _fitted_scores(model, row, data, limits), again=again)


def _fitted_scores(model: Any, row: Row, data: SeedData, limits: Limits) -> Scores:
    from fastmf import RunSettings, read_ratings  # noqa: PLC0415 - loads compilers

    run = RunSettings(num_threads=limits.threads, patience=limits.patience)
    tables = {"items": data.items} if row.model == "hybrid" else {}
    train, valid = read_ratings(data.split.train), read_ratings(data.split.valid)
    model.fit(train, valid, run=run, **tables)
    scores = {"seconds": model.seconds_["train"] / model.epochs_run_}
    if model.valid_rmse_ is not None:
        scores |= {"rmse": model.valid_rmse_, "mae": model.valid_mae_}
        scores["mse"] = scores["rmse"] ** 2
    likes = getattr(model, "likes_", None)
    if likes is not None:
        scores |= {name: getattr(likes, name) for name in LIKE_METRICS}
    return {**scores, "best_epoch": model.best_epoch_}


def train_torch(
    row: Row, data: SeedData, cache: Path, seed: int, limits: Limits, kept: KeptScores
) -> Scores:
    """Train PyTorch as Keras does by default, with the row's settings; see `train_ours`.

    Parameters
    ----------
    row, data, seed, limits, kept
        As for `train_ours`.
    cache : Path
        Keeps what is known of items, for `hybrid`.
    """
    settings = dict(row.settings)
    settings["link"] = settings.pop("output", "linear")
    settings["like_weight"] = settings.pop("interaction_weight", 1.0)
    if row.model == "scaled-dot":
        settings["input_dropout"] = settings.pop("dropout")
    features = None
    if row.model == "hybrid":
        features = str(cache / f"{row.data.replace(' ', '-')}-{seed}-features.npz")
        write_features(data, Path(features))
    job = {
        "l2": 0.0,
        "like_above": LIKE_ABOVE,
        "features": features,
        **settings,
        "model": row.model,
        "epochs": limits.epochs,
        "patience": limits.patience,
    }
    factors = job.pop("factors")

    def train() -> Scores:
        report, _ = TORCH.report(
            data.split, factors=factors, threads=limits.threads, seed=seed, settings=job
        )
        scores = {**report, "seconds": report["epoch_seconds"]}
        if "rmse" in scores:
            scores["mse"] = scores["rmse"] ** 2
        return scores

    peers = Path(__file__).parent / "peers"
    sources = [peers / f"{name}.py" for name in ("pytorch", "pytorch_keras", "pytorch_networks")]
    whole = {
        "torch": importlib.metadata.version("torch"),
        "source": digest_of(*sources),
        "split": data.split.folder.name,
        "factors": factors,
        "seed": seed,
        "threads": limits.threads,
        **job,
    }
    return kept.of(whole, train, again=False)
