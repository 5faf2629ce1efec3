"""AutoRec: the contract, its own limits, folding in, and real ratings."""

import math

import numpy as np
import pytest
from click.testing import CliRunner

import fastmf
from fastmf import Ratings, RunSettings, read_ratings
from fastmf.cli import fastmf as fastmf_command
from fastmf.errors import DataError, DivergenceError, ModelFileError, ParameterError
from fastmf.models import load_model
from fastmf.models.autoencoder import factors
from fastmf.models.autorec import AutoRec
from tests.models.contract import ModelContract
from tests.models.measures import is_one_line
from tests.models.tables import planted


class TestAutoRec(ModelContract):
    model_class = AutoRec
    small = {"hidden": (5,), "epochs": 3}  # noqa: RUF012 - the contract's three lines
    learns_to = 0.9


class TestUserBased(TestAutoRec):
    variant = {"base": "user"}  # noqa: RUF012


class TestDeep(TestAutoRec):
    small = {"epochs": 3}  # noqa: RUF012
    variant = {"hidden": (12, 6), "activation": "tanh", "batch_norm": True, "dropout": 0.2}  # noqa: RUF012
    learns_to = 0.95


class TestTied(TestAutoRec):
    variant = {"tied": True, "input_dropout": 0.1, "presence": 0.0, "centred_rows": False}  # noqa: RUF012


class TestDescent(TestAutoRec):
    variant = {"optimizer": "sgd", "learning_rate": 0.01}  # noqa: RUF012


class TestResilient(TestAutoRec):
    small = {"hidden": (5,), "epochs": 12}  # noqa: RUF012
    variant = {"optimizer": "rprop"}  # noqa: RUF012


class TestLimitedMemory(TestAutoRec):
    small = {"hidden": (5,), "epochs": 12}  # noqa: RUF012
    variant = {  # noqa: RUF012
        **{"optimizer": "lbfgs", "dropout": 0.0, "input_dropout": 0.0},
        "activation": "tanh",  # whose codes are far enough apart to be put in one order
    }


class TestSigmoidOutput(TestAutoRec):
    variant = {"output": "sigmoid"}  # noqa: RUF012


WHOLE = ("epochs", "random_state")
NUMBERS = ("learning_rate", "regularization", "weight_decay", "presence")
PARTS = ("dropout", "input_dropout", "momentum", "warm_up")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("hidden", value) for value in ((), (0,), (5, -1), (2.5,), "5", None, ("5",))),
        *(("hidden", value) for value in ((True,), (10**9,))),
        *((name, value) for name in WHOLE for value in (1.5, True, "x", None, math.nan, -1)),
        ("epochs", 0),
        *(("batch_size", value) for value in (0, 1.5, True, "x", 10**9)),
        *((name, value) for name in NUMBERS for value in (-0.1, math.nan, math.inf, "x", True)),
        ("learning_rate", 0),
        *((name, value) for name in PARTS for value in (-0.1, 1.0, math.nan, "x", True)),
        *(("base", value) for value in ("users", None, 1)),
        *(("activation", value) for value in ("softmax", None)),
        *(("optimizer", value) for value in ("newton", None)),
        *(("output", value) for value in ("relu", None)),
        *(("schedule", value) for value in ("never", None)),
        *((name, 1) for name in ("batch_norm", "tied", "normalized_input", "centred_rows")),
    ],
)
def test_values_outside_the_limits_are_refused_with_name_and_value(name, value):
    model = AutoRec(**{name: value})
    with pytest.raises(ParameterError, match=f"^{name} is ") as raised:
        model.fit(planted(100, 10, 20))
    assert is_one_line(raised)
    assert not hasattr(model, "user_factors_")


def test_tied_weights_need_equal_ends():
    with pytest.raises(ParameterError, match="tied") as raised:
        AutoRec((8, 4), tied=True).fit(planted(100, 10, 20))
    assert is_one_line(raised)


@pytest.mark.parametrize("base", ["item", "user"])
@pytest.mark.parametrize(
    "table",
    [
        Ratings.from_arrays([1, 2, 2], [1, 1, 2], [3.0, 3.0, 3.0]),
        Ratings.from_arrays([1, 2, 2], [1, 1, 2], [1e30, -1e30, 0.0]),
    ],
    ids=["all equal", "huge"],
)
def test_the_smallest_tables_give_finite_models(table, base):
    model = AutoRec((4,), base=base, epochs=3).fit(table, table)
    users, items = table.users.take(table.user_index), table.items.take(table.item_index)
    assert np.isfinite(model.predict(users, items)).all()
    assert np.isfinite(model.predict([99], [99])).all()
    assert np.isfinite(model.recommend(users, n=1).scores).all()


@pytest.mark.parametrize("base", ["item", "user"])
def test_users_and_items_without_training_ratings_predict_like_the_unknown(base):
    table = planted(1500, 60, 40)
    bits = np.packbits((table.user_index != 5) & (table.item_index != 7), bitorder="little")
    model = AutoRec((6,), base=base, epochs=3).fit(table.select(bits))
    users, items = table.users.take([5, 3]), table.items.take([7, 4])
    for user in (users[1], -99):
        found = model.predict([user, user], [items[0], -77])
        assert found[0] == pytest.approx(found[1], rel=1e-5)
    for item in (items[1], -77):
        found = model.predict([users[0], -99], [item, item])
        assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_items_of_few_ratings_are_near_the_unknown_where_they_are_outputs(monkeypatch):
    table = planted(1500, 60, 40)
    model = AutoRec((6,), base="user", epochs=3).fit(table)
    monkeypatch.setattr(factors, "_PRIOR_RATINGS", 0.0)
    as_trained = AutoRec((6,), base="user", epochs=3).fit(table)
    counts = np.bincount(table.item_index, minlength=table.n_items)
    unknown = as_trained.unknown_item_factors_
    np.testing.assert_array_equal(model.unknown_item_factors_, unknown)
    share = (counts / (counts + 3.0))[:, np.newaxis]
    expected = unknown + share * (as_trained.item_factors_ - unknown)
    np.testing.assert_allclose(model.item_factors_, expected, rtol=1e-4, atol=1e-6)
    assert (model.user_factors_ == as_trained.user_factors_).all()


def test_a_diverging_rate_is_told_and_leaves_the_model_as_it_was():
    table = planted(1500, 60, 40)
    model = AutoRec((8,), activation="relu", optimizer="sgd", learning_rate=10.0)
    with pytest.raises(DivergenceError, match=r"learning rate \(it is 10;") as raised:
        model.fit(table)
    assert is_one_line(raised)
    assert not hasattr(model, "user_factors_")


def test_only_the_given_ratings_can_diverge_not_those_that_kernels_are_compiled_with():
    table = planted(1500, 60, 40)
    for optimizer in ("sgd", "adam"):
        model = AutoRec((500,), activation="relu", optimizer=optimizer, learning_rate=1e-7)
        model.set_params(epochs=1, presence=0.0).fit(table)
        assert np.isfinite(model.item_factors_).all()


CELLS = [(user, item, 1 + (7 * user + 3 * item) % 5) for user in range(9) for item in range(6)]


@pytest.fixture
def train(tmp_path):
    """Write ratings, train AutoRec on them by command line, and return how that ended."""

    def run(cells, *options):
        file = tmp_path / "ratings.csv"
        lines = [",".join(map(str, cell)) for cell in cells]
        file.write_text("\n".join(["user,item,rating", *lines]))
        words = "train", file, "--model", "autorec", "--epochs", 2, "--out", tmp_path / "model"
        return CliRunner().invoke(fastmf_command, [str(word) for word in (*words, *options)])

    return run


@pytest.mark.parametrize("base", ["item", "user"])
@pytest.mark.parametrize(
    ("cells", "options", "line"),
    [
        (CELLS, ("--hidden", "0"), "hidden is 0, but it must be at least 1"),
        (CELLS, ("--hidden", "5,0"), "hidden is 0, but it must be at least 1"),
        ([cell for cell in CELLS if cell[1] == 3], (), "one item (3): nothing to factorize"),
        ([cell for cell in CELLS if cell[0] == 3], (), "one user (3): nothing to factorize"),
        (
            CELLS,
            ("--activation", "linear", "--optimizer", "sgd", "--learning-rate", "10"),
            "training diverged in epoch",
        ),
    ],
)
def test_what_cannot_be_trained_is_one_line(train, tmp_path, base, cells, options, line):
    ended = train(cells, "--base", base, *options)
    assert ended.exit_code == 1
    complaints = [one for one in ended.stderr.splitlines() if one.startswith("fastmf: error: ")]
    assert len(complaints) == 1
    assert line in complaints[0]
    assert "Traceback" not in ended.output
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("base", ["item", "user"])
def test_a_catalogue_of_two_and_strangers_to_validate_on(train, tmp_path, base):
    strangers = tmp_path / "valid.csv"
    strangers.write_text("user,item,rating\n99,77,3\n1,77,5\n99,1,2\n1,1,4\n")
    few = [cell for cell in CELLS if cell[1] < 2]
    ended = train(few, "--base", base, "--hidden", 3, "--valid", strangers)
    assert ended.exit_code == 0, ended.output
    model = load_model(tmp_path / "model")
    assert np.isfinite(model.valid_rmse_)
    assert np.isfinite(model.predict([99, 1, 99], [77, 77, 1])).all()


def test_more_than_memory_holds_is_refused_beforehand():
    run = RunSettings(max_memory=400 << 20)
    for settings in ({"hidden": (60_000,)}, {"hidden": (9000, 9000)}, {"refeeding": True}):
        table = planted(3000, 600, 40) if "hidden" in settings else planted(3000, 9000, 900)
        with pytest.raises(ParameterError, match="hidden is") as raised:
            AutoRec(**settings).fit(table, run=run)
        assert is_one_line(raised)
        assert "max_memory is 400 MiB, and 320 MiB go to the process itself" in str(raised.value)
        assert "give max_memory" in str(raised.value)


def test_batches_can_be_as_small_as_a_row():
    table = planted(200, 20, 15)
    for size in (1, 4, 10**6):
        model = AutoRec((4,), batch_size=size, epochs=2).fit(table)
        assert np.isfinite(model.item_factors_).all()
        assert model.schedule_["batch_size"] == min(size, table.n_items)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_folded_in_users_are_those_of_training(batch_norm, tmp_path):
    table = planted(1500, 60, 40)
    model = AutoRec((6, 4), base="user", epochs=4, batch_norm=batch_norm).fit(table)
    model.save(tmp_path / "model")
    for one in (model, load_model(tmp_path / "model")):
        folded = one.fold_in_users(table)
        assert folded.notes_ == ()
        np.testing.assert_allclose(folded.user_factors_, model.user_factors_, atol=1e-5)
        np.testing.assert_allclose(folded.user_bias_, model.user_bias_, atol=1e-6)
        users, items = table.users.take([3, 4]), table.items.take([5, 6])
        expected = model.predict(users, items)
        np.testing.assert_allclose(folded.predict(users, items), expected, rtol=1e-5)


def test_a_person_gets_items_from_a_handful_of_ratings():
    table = planted(1500, 60, 40)
    model = AutoRec((6,), base="user", epochs=4).fit(table)
    items = table.items.take([1, 2, 3])
    found = model.recommend_for((items, [5.0, 1.0, 4.0]), n=5)
    assert not set(found.item_ids[0]) & set(items)
    assert np.isfinite(found.scores).all()
    again = model.recommend_for({int(i): r for i, r in zip(items, (5.0, 1.0, 4.0), strict=True)}, 5)
    np.testing.assert_array_equal(found.scores, again.scores)
    none = model.fold_in_users(([-501, -600], [1.0, 2.0]))
    assert "count as unknown" in none.notes_[1]
    np.testing.assert_allclose(none.user_factors_[0], model.unknown_user_factors_, atol=1e-6)
    with pytest.raises(DataError, match="another scale") as raised:
        model.fold_in_users((items, [500.0, 100.0, 400.0]))
    assert is_one_line(raised)


@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_folded_in_items_are_those_of_training(output):
    table = planted(1500, 60, 40)
    model = AutoRec((6,), epochs=4, output=output).fit(table)
    folded = model.fold_in_items(table)
    np.testing.assert_allclose(folded.item_factors_, model.item_factors_, atol=1e-5)
    np.testing.assert_allclose(folded.item_bias_, model.item_bias_, atol=1e-6)


@pytest.mark.parametrize("base", ["item", "user"])
def test_the_other_side_cannot_be_encoded(base):
    table = planted(200, 20, 15)
    model = AutoRec((4,), base=base, epochs=1).fit(table)
    fold_in = model.fold_in_users if base == "item" else model.fold_in_items
    with pytest.raises(ParameterError, match=f"encodes {base}s") as raised:
        fold_in(table)
    assert is_one_line(raised)


def test_a_damaged_network_is_told():
    table = planted(200, 20, 15)
    model = AutoRec((4,), epochs=1).fit(table)
    model.network_arrays_ = {**model.network_arrays_, "input.bias": np.zeros(9, np.float32)}
    with pytest.raises(ModelFileError, match=r"input\.bias") as raised:
        model.fold_in_items(table)
    assert is_one_line(raised)


@pytest.mark.slow
def test_rmse_on_movielens_100k(real_data):
    folder = real_data / "ml-100k"
    train, valid = (read_ratings(folder / f"u1.{part}") for part in ("base", "test"))
    model = AutoRec().fit(train, valid)
    assert model.valid_rmse_ < 0.94
    assert fastmf.evaluate(model, valid).rmse == pytest.approx(model.valid_rmse_, rel=1e-5)


def test_the_side_it_cannot_take_in_is_named_with_the_option_that_can():
    model = AutoRec((3,), epochs=1).fit(planted(300, 20, 20))
    with pytest.raises(ParameterError, match=r"train with base 'user' \(--base user\)") as raised:
        model.fold_in_users(([1], [1], [3.0]))
    assert is_one_line(raised)


@pytest.mark.parametrize("hidden", [6, np.array([6]), [6]])
def test_one_number_is_one_layer(hidden):
    table = planted(400, 30, 20)
    found, expected = (AutoRec(given, epochs=1).fit(table) for given in (hidden, (6,)))
    np.testing.assert_array_equal(found.item_factors_, expected.item_factors_)
