"""What losses call their kernel, and how products of rows become ratings."""

import numpy as np
import pytest

from fastmf import Ratings
from fastmf.data.layout import build_grid
from fastmf.errors import DataError
from fastmf.models.autorec import AutoRec
from fastmf.models.dot import BCEDot, BiasDot
from fastmf.models.losses import LOSSES, ScoreUnits, check_rating_range, sigmoid_ends
from fastmf.models.mlp import MLP
from fastmf.parallel import Team
from tests.models.measures import is_one_line


def grid_of(values):
    users, items = np.divmod(np.arange(len(values)), 7)
    ratings = Ratings.from_arrays(users, items, values)
    with Team(1) as team:
        return build_grid(ratings, team), ratings.rating_range


STARS = np.tile([1, 2, 4, 5, 5, 5, 3.5], 20)
CLICKS = np.tile([0, 0, 0, 1], 40)


def units(values, loss, *, biases=True, non_negative=False):
    grid, limits = grid_of(values)
    made = ScoreUnits.of(LOSSES[loss], grid, limits, biases=biases, non_negative=non_negative)
    return made, grid


def start_of(made):
    """Return the rating predicted where training starts, in float64."""
    score = float(made.link.offset) + made.scale * (made.product + made.item_constant)
    if not made.link.is_sigmoid:
        return score
    bottom, top = float(made.link.bottom), float(made.link.top)
    return bottom + (top - bottom) / (1 + np.exp(-score))


@pytest.mark.parametrize("values", [STARS, STARS - 3, CLICKS, STARS * 1e4])
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_training_starts_from_the_mean(values, loss, biases):
    made, grid = units(values, loss, biases=biases)
    assert start_of(made) == pytest.approx(grid.mean, rel=1e-2, abs=5e-3)
    fitted = made.offset + made.scale * made.product
    link = made.link._replace(offset=np.float32(0))
    assert float(made.link.offset) + made.scale * (made.product + made.item_constant) == (
        pytest.approx(fitted, rel=1e-5, abs=1e-5)
    ), "the fitted model predicts the same"
    assert link.low == values.min()
    if not biases:
        assert made.offset == 0
    else:
        assert made.product == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_products_of_non_negative_factors_start_above_zero_and_the_mean_below(loss):
    made, grid = units(STARS, loss, non_negative=True)
    assert made.product > 1
    assert start_of(made) == pytest.approx(grid.mean, rel=1e-2)
    free, _ = units(STARS, loss)
    assert made.offset + made.scale * made.product == pytest.approx(free.offset, rel=1e-6)


@pytest.mark.parametrize("values", [STARS, STARS / 10, STARS * 100 - 7])
def test_near_the_mean_a_sigmoid_moves_as_many_spreads_as_the_product(values):
    made, grid = units(values, "logistic")
    width = 1e-4
    ends = [start_of(made._replace(product=x)) for x in (-width, width)]
    assert (ends[1] - ends[0]) / (2 * width) == pytest.approx(grid.scale, rel=2e-2)
    offset, scale, span, bottom = made.sigmoid_terms.astype(np.float64)
    assert (offset, scale) == pytest.approx((made.offset, made.scale))
    chance = 1 / (1 + np.exp(-offset))
    in_spreads = bottom + span * chance
    assert grid.mean + grid.scale * in_spreads == pytest.approx(start_of(made), rel=1e-5)


@pytest.mark.parametrize("share", [0.001, 0.0, 1.0])
def test_rare_clicks_have_a_bounded_scale_and_a_finite_score(share):
    values = np.zeros(2000)
    values[: int(share * 2000)] = 1
    made, _ = units(values, "logistic")
    assert np.isfinite(made.offset)
    assert 0 < made.scale <= 16
    assert np.isfinite(made.sigmoid_terms).all()


def test_equal_ratings_are_predicted_whatever_the_score():
    made, _ = units(np.full(20, 3.7), "sigmoid")
    assert made.link.bottom == made.link.top == np.float32(3.7)
    assert made.sigmoid_terms.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        ((0, 1), (0, 1)),
        ((0.2, 0.8), (0, 1)),
        ((1, 1), (0, 1)),
        ((1, 5), (1, 5)),
        ((-1, 1), (-1, 1)),
        ((3, 3), (3, 3)),
    ],
)
def test_a_sigmoid_spans_0_to_1_or_the_rating_range(limits, ends):
    assert sigmoid_ends(limits) == ends


@pytest.mark.parametrize(
    ("values", "settings"),
    [
        *(((0, 4e-30), "sigmoid"), ((0, 0.004), "sigmoid"), ((0.999, 1), "sigmoid")),
        *(((-3e38, 3e38), "linear"), ((-3e38, 3e38), "sigmoid")),
    ],
)
@pytest.mark.parametrize("make", [AutoRec, BiasDot, BCEDot, MLP])
def test_ratings_too_near_or_too_far_apart_are_refused_by_their_range(make, values, settings):
    given = {"epochs": 1} if make is BCEDot else {"epochs": 1, "output": settings}
    users, items = np.divmod(np.arange(40), 8)
    with pytest.raises(DataError, match=r"^ratings lie between .* first") as raised:
        make(**given).fit((users, items, np.where(np.arange(40) % 3, *values)))
    assert is_one_line(raised)


@pytest.mark.parametrize(
    ("rating_range", "output"),
    [
        *(((0, 0), "sigmoid"), ((0, 0.01), "sigmoid"), ((0, 4e-30), "linear")),
        *(((5, 5.001), "sigmoid"), ((-1.5e38, 1.5e38), "linear")),
    ],
)
def test_other_ranges_are_not(rating_range, output):
    check_rating_range(rating_range, output)
