"""Networks on bad ratings and bad tables: one line, or what is documented instead."""

import numpy as np
import pytest

import fastmf

SMALL = "--factors", "3", "--epochs", "1", "--out", "m.model"
HYBRID = "--model", "hybrid", "--hidden", "4", *SMALL

# The items of the table of ratings.
ITEMS = range(1, 61)


@pytest.fixture
def table(workplace):
    """Write a table of items: a header, and a line of each item."""

    def write(header, line, items=ITEMS):
        text = "".join(f"{line(item)}\n" for item in items)
        (workplace / "items.csv").write_text(f"{header}\n{text}")
        return "items.csv"

    return write


@pytest.fixture
def rated(workplace):
    """Write ratings of these values, by twenty users in turn."""

    def write(values, name="rated.csv"):
        rows = "".join(f"{n % 20},{n // 20},{value}\n" for n, value in enumerate(values))
        (workplace / name).write_text("user,item,rating\n" + rows)
        return name

    return write


def kind(item):
    return f"{item},{'abc'[item % 3]}"


def test_items_missing_in_the_table_are_told(run, ratings, table):
    path = table("item_id,kind", kind, range(1, 30))
    told = run("train", ratings, *HYBRID, "--items", path).stderr
    assert "items with ratings are not in it; nothing is known of them" in told


def test_items_without_ratings_are_told_and_recommended(run, run_json, ratings, table, workplace):
    path = table("item_id,kind", kind, range(1, 70))
    told = run("train", ratings, *HYBRID, "--items", path).stderr
    assert "9 items in it have no training ratings; predictions for them are by what" in told
    found = run_json("recommend", "m.model", "--user", "1000", "-n", "100")
    recommended = {row["item"] for row in found["users"][0]["items"]}
    assert set(range(61, 70)) <= recommended
    (workplace / "pairs.csv").write_text("user,item\n1000,65\n1000,99\n")
    run("predict", "m.model", "pairs.csv", "--out", "predictions.csv")
    _, *lines = (workplace / "predictions.csv").read_text().splitlines()
    assert [line.rpartition(",")[2] for line in lines] == ["true", "false"]


def test_unseen_categories_are_as_good_as_unknown(run, ratings, table):
    # Items 61 to 69 have no ratings, and kinds that no other item has.
    path = table("item_id,kind", lambda n: kind(n) if n <= 60 else f"{n},z", range(1, 70))
    told = run("train", ratings, *HYBRID, "--items", path).stderr
    assert "9 rows have texts in column kind that no row with training ratings has" in told


def test_constant_and_empty_columns_are_left_out(run, ratings, table):
    path = table("item_id,kind,same,empty", lambda n: f"{kind(n)},x,")
    told = run("train", ratings, *HYBRID, "--items", path).stderr
    for name in ("same", "empty"):
        assert f"column {name} is left out: it is the same everywhere, or empty" in told


def test_numbers_that_are_not_finite_are_unknown(run, ratings, table):
    texts = "NaN", "inf", "-inf", "", "7", "8", "9"
    path = table("item_id,score", lambda n: f"{n},{texts[n % 7]}")
    run("train", ratings, *HYBRID, "--items", path)
    run("evaluate", "m.model", ratings)


@pytest.mark.parametrize(
    ("header", "line", "options", "complaint"),
    [
        ("item_id,same,empty", lambda n: f"{n},x,", [], "no column left that tells items apart"),
        ("item_id,score", lambda n: f"{n},NaN", [], "no column left that tells items apart"),
        ("title,genre", lambda n: f"t{n},g", [], "no column of item ids"),
        ("item_id,kind", lambda n: f"x{n},a", [], "none of the"),
        ("item_id,kind", kind, ["--item-features", "colour"], "there is no column 'colour'"),
        ("item_id,kind", kind, ["--item-features", "kind:number"], "take it as kind:category"),
        ("item_id,kind", kind, ["--item-features", "kind:word"], "'word' is not one of number"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_useless_tables_are_one_line(
    run, ratings, table, workplace, header, line, options, complaint
):
    path = table(header, line)
    found = run("train", ratings, *HYBRID, "--items", path, *options, status=1)
    (error,) = [one for one in found.stderr.splitlines() if "error" in one]
    assert complaint in error
    assert not (workplace / "m.model").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no column of item ids"),
        (b"item_id,kind\n", "no items in it"),
        (bytes(range(256)) * 20, "not a table"),
        (b'item_id,kind\n1,"open\n2,a\n3,b\n', "a quote is opened here and not closed"),
        (None, "cannot be read"),
    ],
)
def test_tables_that_are_none_are_one_line(run, ratings, workplace, content, complaint):
    if content is not None:
        (workplace / "items.csv").write_bytes(content)
    found = run("train", ratings, *HYBRID, "--items", "items.csv", status=1)
    (error,) = [one for one in found.stderr.splitlines() if "error" in one]
    assert complaint in error


@pytest.mark.parametrize(("n_levels", "counted"), [(101, "101"), (150, "150"), (400, "more than")])
def test_too_many_levels_for_classes(run, rated, n_levels, counted):
    path = rated([n / 7 for n in range(n_levels)])
    found = run("train", path, "--model", "classify", *SMALL, status=1)
    assert f"at most 100 distinct ratings, but there are {counted}" in found.stderr
    assert "use model mlp" in found.stderr


@pytest.mark.parametrize(
    "values", [[-3, 9], [0.0, 0.25, 1.0], [3], [1, 1e6]], ids=["outside", "parts", "same", "wide"]
)
def test_cross_entropy_takes_any_range(run, run_json, rated, values):
    """Targets are ratings scaled by their range, or as they are from 0 to 1."""
    path = rated([values[n * n % len(values)] for n in range(200)])
    found = run_json("train", path, "--model", "bce-dot", *SMALL)
    low, high = min(values), max(values)
    # No better than chance after an epoch, and no worse than the scale.
    assert 0 <= found["train_rmse"] <= (high - low) * 0.6
    model = fastmf.load_model("m.model")
    predicted = model.predict(model.users_.ids, model.items_.take([0] * len(model.users_)))
    assert ((predicted >= low) & (predicted <= high)).all()


def test_validation_ratings_outside_the_range(run_json, rated):
    train = rated([n % 5 + 1 for n in range(300)])
    valid = rated([n % 40 - 20 for n in range(100)], "valid.csv")
    for model in ("bce-dot", "classify", "interaction"):
        found = run_json("train", train, "--model", model, "--valid", valid, *SMALL)
        assert np.isfinite(found["history"][0]["valid_rmse"])


def test_likes_of_equal_ratings(run, rated):
    path = rated([3] * 200)
    for model in ("interaction", "multitask"):
        found = run("train", path, "--model", model, *SMALL, status=1)
        assert "all ratings are 3, so there are no likes to tell from others" in found.stderr


def test_likes_are_reported_beside_what_always_a_like_has(run, rated):
    path = rated([(n * n) % 5 + 1 for n in range(300)])
    valid = rated([5, 5, 5, 1] * 20, "valid.csv")
    shown = run("train", path, "--model", "interaction", "--valid", valid, *SMALL).stdout
    assert "  training RMSE of the probabilities of likes 0." in shown
    assert "(always a like: 0.7500), precision" in shown
    shown = run("train", path, "--model", "implicit-als", *SMALL).stdout
    assert "  root of the training loss " in shown


def test_no_likes_by_a_threshold_out_of_range(run, rated):
    path = rated([n % 5 + 1 for n in range(200)])
    options = "--model", "interaction", "--like-above", "7", *SMALL
    found = run("train", path, *options, status=1)
    assert "none of the training ratings are above 7" in found.stderr
    assert "give like_above between 1 and 5" in found.stderr


@pytest.mark.parametrize("model", ["mlp", "residual", "bias-dot"])
def test_a_batch_larger_than_the_data(run_json, rated, model):
    path = rated([n % 5 + 1 for n in range(90)])
    found = run_json("train", path, "--model", model, "--batch-size", "1000000", *SMALL)
    assert found["hyperparameters"]["batch_size"] == 1000000
    assert fastmf.load_model("m.model").schedule_["batch_size"] == 90


def test_a_rectified_output_of_negative_ratings(run, rated):
    path = rated([n % 5 - 3 for n in range(200)])
    found = run("train", path, "--model", "mlp", "--output", "relu", *SMALL, status=1)
    assert "the lowest is -3; use output linear" in found.stderr
