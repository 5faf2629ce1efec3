"""Whether training is right: our loss curves beside those of PyTorch, step by step.

Both begin with the same weights and see the same batches; dropout, whose random numbers differ, is
off. In float32 both round, each in its own order, and the differences grow from step to step. How
much of that is rounding tells a third run: PyTorch in float64.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import click
import numpy as np

from bench.command import common_options
from bench.harness import Progress, Record, Table
from bench.process import BenchError
from fastmf import Ratings, RunSettings
from fastmf.models import model_class

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": "adam", "learning_rate": 0.003},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.003, "weight_decay": 0.1},
    "sgd": {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    "adagrad": {"optimizer": "adagrad", "learning_rate": 0.03},
}
# Nothing but the loss, and steps of one size, where a case does not say otherwise.
PLAIN = {"regularization": 0.0, "weight_decay": 0.0, "schedule": "constant"}
# Both round at each step, and steps feed back: some multiples of float32's 6e-8 are due.
TOLERANCE = 2e-5


@dataclass(frozen=True)
class Case:
    """A model and its settings."""

    model: str
    settings: dict[str, Any] = field(default_factory=dict)
    title: str = ""

    @property
    def name(self) -> str:
        """Name in the tables."""
        return f"{self.model}{', ' if self.title else ''}{self.title}"


# A hidden unit that rounding puts on the other side of ReLU's kink changes a gradient by all of it,
# and Adam any by a whole step: with a smooth activation the curves stay together for certain.
DEEP: dict[str, Any] = {
    "hidden": (32, 16),
    "dropout": 0.0,
    "batch_norm": False,
    "biased_dot": False,
    "activation": "tanh",
}
CASES = (
    Case("dot"),
    Case("bias-dot", {"output": "linear"}),
    Case("bias-dot", {"output": "sigmoid"}, "sigmoid"),
    Case("bias-dot", {"output": "linear", "loss": "mae"}, "MAE"),
    Case("bias-dot", {"output": "linear", "regularization": 0.05}, "L2"),
    Case("scaled-dot", {"dropout": 0.0}),
    Case("bce-dot"),
    Case("mlp", DEEP),
    Case("mlp", {**DEEP, "activation": "relu"}, "ReLU"),
    Case("mlp", {**DEEP, "batch_norm": True}, "batch norm"),
    Case("mlp", {**DEEP, "output": "sigmoid"}, "sigmoid"),
    Case("mlp", {**DEEP, "output": "relu"}, "ReLU output"),
    Case("mlp", {**DEEP, "loss": "rmse"}, "RMSE"),
    Case("mlp", {**DEEP, "regularization": 0.01, "dense_regularization": 0.01}, "L2"),
    Case("mlp", {**DEEP, "clip_norm": 0.1}, "clipped"),
    Case("residual", {**DEEP, "biased_dot": True}, "no batch norm"),
    Case("residual", {**DEEP, "biased_dot": True, "batch_norm": True}),
    Case(
        "residual",
        {**DEEP, "biased_dot": True, "batch_norm": True, "activation": "relu"},
        "batch norm, ReLU",
    ),
    Case("hybrid", {**DEEP, "cold_rate": 0.0}),
    Case("classify", DEEP),
    Case("interaction", DEEP),
    Case("multitask", DEEP),
)


class Curve(NamedTuple):
    """The batches of a training, in order, and the losses before their steps."""

    batches: list[Any]
    losses: list[float]


@click.command("torch_curves")
@click.option("--steps", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=2), default=256, show_default=True)
@click.option("--users", type=click.IntRange(min=2), default=2000, show_default=True)
@click.option("--items", type=click.IntRange(min=2), default=300, show_default=True)
@click.option("--factors", type=click.IntRange(min=1), default=16, show_default=True)
@click.option(
    "--model",
    "models",
    type=click.Choice(sorted({case.model for case in CASES})),
    multiple=True,
    help="Only these; repeat it. [default: all]",
)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@common_options
def torch_curves(
    *,
    steps: int,
    batch_size: int,
    users: int,
    items: int,
    factors: int,
    models: tuple[str, ...],
    threads: int,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Loss curves from the same weights and batches, beside PyTorch's, for all models.

    Ends with status 1 where a curve differs by more than rounding.
    """
    if importlib.util.find_spec("torch") is None:
        raise BenchError("PyTorch is not installed (pip install torch)")
    progress = Progress(quiet=quiet)
    ratings = made_ratings(users, items, steps * batch_size)
    sizes = {"factors": factors, "batch_size": batch_size, "epochs": 1, **PLAIN}
    record = Record(
        "torch_curves",
        settings={"steps": steps, "users": users, "items": items, **sizes, "threads": threads},
        packages=("torch",),
    )
    figures: dict[str, dict[str, dict[str, Any]]] = {}
    for case in CASES:
        if models and case.model not in models:
            continue
        for name, optimizer in OPTIMIZERS.items():
            settings = {**sizes, **case.settings, **optimizer}
            figures.setdefault(case.name, {})[name] = compare(
                case.model, settings, ratings, threads
            )
        worst = max(found["difference"] for found in figures[case.name].values())
        progress.say(f"{case.name}: {worst:.1e}")
    record.figures = figures
    record.tables.append(as_table(figures, steps))
    record.notes += [
        "Each cell: largest relative difference of a loss to PyTorch's in float64: ours / "
        "PyTorch's own in float32.",
        f"A difference above {TOLERANCE:g}, and above ten times PyTorch's own, ends the command "
        "with status 1.",
    ]
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())
    wrong = [
        f"{case} by {name}"
        for case, by_optimizer in figures.items()
        for name, found in by_optimizer.items()
        if found["difference"] > max(TOLERANCE, 10 * found["rounding"])
    ]
    if wrong:
        raise BenchError(f"not PyTorch's curve: {'; '.join(wrong)}")


def made_ratings(n_users: int, n_items: int, n_ratings: int) -> Ratings:
    """Return ratings of 1 to 5 with a few popular users and items, no pair twice.

    Raises
    ------
    BenchError
        There are not so many pairs.
    """
    if n_ratings > n_users * n_items // 2:
        raise BenchError(f"{n_ratings:,} ratings do not fit {n_users:,} users x {n_items:,} items")
    generator = np.random.default_rng(0)
    cells = np.empty(0, np.int64)
    while len(cells) < n_ratings:  # squares of uniform numbers crowd at zero
        rows, columns = generator.random((2, 2 * n_ratings)) ** 2
        drawn = (rows * n_users).astype(np.int64) * n_items + (columns * n_items).astype(np.int64)
        cells = np.unique(np.append(cells, drawn))
    cells = generator.permutation(cells)[:n_ratings]
    values = generator.integers(1, 6, n_ratings)
    return Ratings.from_arrays(cells // n_items, cells % n_items, values)


def made_items(ratings: Ratings) -> dict[str, list[Any]]:
    """Return a table of items: a number, a category and genres, some of them unknown."""
    generator = np.random.default_rng(1)
    ids = ratings.items.take(np.arange(ratings.n_items)).tolist()
    genres = ["action", "comedy", "drama", "horror"]
    return {
        "item_id": ids,
        "year": [float(year) for year in generator.integers(1980, 2020, len(ids))],
        "kind": [["film", "series", None][kind] for kind in generator.integers(0, 3, len(ids))],
        "genres": [tuple(generator.permutation(genres)[: 1 + one % 3].tolist()) for one in ids],
    }


def compare(model: str, settings: dict[str, Any], ratings: Ratings, threads: int) -> dict[str, Any]:
    """Train one model here and in PyTorch, in float32 and float64.

    Returns
    -------
    dict
        ``losses`` of ours; ``difference`` of ours and ``rounding`` of PyTorch's to those of
        PyTorch in float64, the largest relative ones.
    """
    from bench.peers.pytorch_twins import Twin  # noqa: PLC0415 - PyTorch may be missing

    twins: list[Twin] = []

    def begin(network: Any, plan: Any) -> None:
        same = {
            "regularization": settings.get("regularization", 0.0),
            "activation": settings.get("activation", "relu"),
        }
        twins[:] = [Twin(model, network, plan, **same, double=double) for double in (False, True)]

    with recording(begin, settings["batch_size"]) as ours:
        features = {"items": made_items(ratings)} if model == "hybrid" else {}
        run = RunSettings(num_threads=threads)
        fitted: Any = model_class(model)(**settings)
        fitted.fit(ratings, run=run, **features)
    single, double = (twin.losses(ours.batches) for twin in twins)
    return {
        "losses": ours.losses,
        "difference": largest_difference(ours.losses, double),
        "rounding": largest_difference(single, double),
    }


@contextlib.contextmanager
def recording(begin: Callable[[Any, Any], None], batch_size: int) -> Iterator[Curve]:
    """Have models train with a learner that records; small trainings to compile kernels do not.

    Parameters
    ----------
    begin : callable
        Called with the network and the plan before the first step.
    batch_size : int
        Of the training to record.
    """
    # Loads compilers, which other cases are to be spared.
    from fastmf.models.networks import fitting  # noqa: PLC0415
    from fastmf.nn import NetworkLearner  # noqa: PLC0415

    curve = Curve([], [])

    class Learner(NetworkLearner):
        def __init__(self, network: Any, batches: Any, plan: Any, *rest: Any, **more: Any) -> None:
            super().__init__(network, batches, plan, *rest, **more)
            self._recorded = batches.batch_size == batch_size
            self._begin = functools.partial(begin, network, plan)

        def _together(self, batches: Any) -> Any:
            return ([batch] for batch in batches)  # the loss of each is wanted

        def _take_steps(self, batches: Any) -> Any:
            if self._recorded and not curve.losses:
                self._begin()
            taken = super()._take_steps(batches)
            if self._recorded:
                curve.batches.extend(batches)
                curve.losses.append(taken.loss / taken.n_rows)
            return taken

    with mock.patch.object(fitting, "NetworkLearner", Learner):
        yield curve


def largest_difference(found: list[float], right: list[float]) -> float:
    """Return the largest relative difference of two curves."""
    differences = np.abs(np.subtract(found, right)) / np.abs(right)
    return float(differences.max())


def as_table(figures: dict[str, dict[str, dict[str, Any]]], steps: int) -> Table:
    """Return the table of differences."""
    rows = []
    for case, by_optimizer in figures.items():
        cells = [
            f"{found['difference']:.1e} / {found['rounding']:.1e}"
            for found in by_optimizer.values()
        ]
        losses = by_optimizer["adam"]["losses"]
        rows.append((case, *cells, f"{losses[0]:.4f} to {losses[-1]:.4f}"))
    columns = ("model", *OPTIMIZERS, "loss by adam")
    return Table(f"Difference to PyTorch over {steps} steps", columns, rows)
