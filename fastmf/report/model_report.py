"""The report of a fitted model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fastmf.data.arrays import Array
from fastmf.models import RatingModel
from fastmf.models.fitted_factors import FittedFactors
from fastmf.report.axes import count_axis
from fastmf.report.drawing import HALF, WHOLE, figure_of, mark
from fastmf.report.numbers import counted, percent
from fastmf.report.page import Fact, Figure, Section, Table, page
from fastmf.report.theme import ACCENT, SECOND

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MODEL_PICTURES", "model_report"]

_BARS = 40


def model_report(model: RatingModel, name: str, source: str) -> str:
    """Describe a fitted model on a page.

    Parameters
    ----------
    model : RatingModel
        Fitted.
    name, source : str
        What the model is called, and where it was read from.

    Returns
    -------
    str
        HTML: self-contained, the same bytes every time.

    Raises
    ------
    MissingDependencyError
        When matplotlib is not installed.
    """
    drawn = (picture(model) for picture in MODEL_PICTURES)
    sections = [section for section in drawn if section is not None]
    return page(f"Model {name}", source, _facts(model), sections)


def _facts(model: RatingModel) -> list[Fact]:
    low, high = model.rating_range_
    valid = model.valid_rmse_
    return [
        Fact("Kind", model.kind, _size(model)),
        Fact("Users", f"{len(model.users_):,}"),
        Fact("Items", f"{len(model.items_):,}"),
        Fact("Trained on", f"{model.n_ratings_:,}", f"ratings of {low:g} to {high:g}"),
        Fact("Training RMSE", f"{model.train_rmse_:.4f}", f"mean rating {model.mean_:.4f}"),
        Fact(
            "Validation RMSE",
            "none" if valid is None else f"{valid:.4f}",
            f"epoch {model.best_epoch_} of {model.epochs_run_}",
        ),
    ]


def _size(model: RatingModel) -> str:
    factors = model.get_params().get("factors")
    return "" if factors is None else f"{factors} factors"


def learning_curve(model: RatingModel) -> Section | None:
    """Draw the errors after each epoch; nothing without epochs."""
    history = model.history_
    if not history:
        return None
    epochs = [record.epoch for record in history]
    valid = [record.valid_rmse for record in history]
    curves = [("training", [record.train_rmse for record in history], ACCENT)]
    if any(rmse is not None for rmse in valid):
        measured = [np.nan if rmse is None else rmse for rmse in valid]
        curves.append(("validation", measured, SECOND))

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an extra

        last = [errors[-1] for _, errors, _ in curves]
        for label, errors, colour in curves:
            axes.plot(epochs, errors, color=colour, linewidth=1.6, marker="o", markersize=3)
            axes.annotate(
                f"{label} {errors[-1]:.4f}", (epochs[-1], errors[-1]), (8, 0), color=colour,
                textcoords="offset points", annotation_clip=False,
                va="bottom" if errors[-1] == max(last) else "top",  # away from the other
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel("RMSE")

    lead = f"{counted(model.epochs_run_, 'epoch')}; the model is that of epoch {model.best_epoch_}."
    rows = [
        (str(epoch), *("-" if rmse is None else f"{rmse:.4f}" for rmse in (train, test)))
        for epoch, train, test in zip(epochs, curves[0][1], valid, strict=True)
    ]
    table = Table("The numbers", ("epoch", "training RMSE", "validation RMSE"), rows, ())
    return Section(
        "Error by epoch", lead, [figure_of("Error by epoch", draw, WHOLE, lead)], [table]
    )


def biases(model: RatingModel) -> Section | None:
    """Draw how the biases are distributed; nothing where the model has none."""
    if not isinstance(model, FittedFactors):
        return None
    sides = ("user", model.user_bias_), ("item", model.item_bias_)
    drawn = [(one, np.asarray(values, np.float64)) for one, values in sides if np.any(values)]
    if not drawn:
        return None
    figures, tables = zip(*(_bias_figure(one, values) for one, values in drawn), strict=True)
    lead = " ".join(
        f"Half of the {one} biases lie between {np.quantile(values, 0.25):+.3f} and "
        f"{np.quantile(values, 0.75):+.3f}."
        for one, values in drawn
    )
    return Section("Biases", lead, figures, tables)


def _bias_figure(one: str, values: Array) -> tuple[Figure, Table]:
    counts, edges = np.histogram(values, _BARS)
    title = f"Biases of the {one}s"
    text = f"{counted(len(values), one)}, mean {values.mean():+.3f}."
    names = [f"{low:+.3f} to {high:+.3f}" for low, high in pairwise(edges)]
    rows = [
        (name, f"{count:,}", percent(count, len(values)))
        for name, count in zip(names, counts.tolist(), strict=True)
    ]
    draw = _draw_biases(one, counts, edges, names)
    header = ("bias", f"{one}s", "share")
    return figure_of(title, draw, HALF, text), Table(f"The numbers of the {one}s", header, rows)


def _draw_biases(one: str, counts: Array, edges: Array, names: list[str]) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        bars = axes.bar(edges[:-1], counts, 0.94 * np.diff(edges), align="edge", color=ACCENT)
        for patch, name, count in zip(bars, names, counts.tolist(), strict=True):
            mark(patch, f"{name}: {counted(count, one)}")
        axes.axvline(0, color=SECOND, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set_xlabel("bias")
        count_axis(axes, f"{one}s")

    return draw


# In the order of the page. A picture returns None where there is nothing to draw it from.
MODEL_PICTURES: tuple[Callable[[RatingModel], Section | None], ...] = (learning_curve, biases)
