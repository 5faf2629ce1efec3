"""AutoRec forward and back against a dense, masked network, by central differences."""

import numpy as np
import pytest

from fastmf.blas import one_blas_thread
from fastmf.data.row_layout import ValueScale
from fastmf.models.autoencoder.batches import RowBatches
from fastmf.models.autoencoder.network import AutoRecNetwork
from fastmf.models.autoencoder.output import Output
from fastmf.models.autoencoder.parameters import AutoRecParameters
from fastmf.models.autoencoder.ratings import InputForm
from fastmf.models.autoencoder.steps import AutoRecSteps
from fastmf.nn.optimizers import SGD, Adam, RProp
from fastmf.parallel import Team
from tests.kernels.rated_rows import random_rows, values_of
from tests.models import autorec_twin as twin
from tests.reference.autoencoder import weight_panels
from tests.reference.autoencoder.column_products import table as by_column

N_COLUMNS = 7
COUNTS = [3, 7, 0, 5, 1, 4]
NETWORKS = [
    {"hidden": (5,)},
    {"hidden": (5,), "tied": True},
    {"hidden": (6, 3), "activation": "tanh"},
    {"hidden": (6, 3), "activation": "relu", "batch_norm": True},
    {"hidden": (5,), "activation": "tanh", "batch_norm": True},
    {"hidden": (4, 3, 4), "activation": "selu", "tied": True},
    {"hidden": (3,), "activation": "linear", "input_dropout": 0.4, "presence": 0.0},
    {"hidden": (5,), "output": "sigmoid"},
]
SCALE, RATING_RANGE = ValueScale(3.2, 1.1), (1.0, 5.0)


class Case:
    """A network, and one batch of all rows with ratings."""

    def __init__(self, options, threads=1):
        self.parameters = AutoRecParameters(**{"dropout": 0.0, "input_dropout": 0.0, **options})
        self.rated = random_rows(COUNTS, N_COLUMNS, 3)
        self.form = InputForm(self.parameters.presence, 3.0, self.parameters.prior_count)
        generator = np.random.default_rng(1)
        self.network = AutoRecNetwork(self.parameters, N_COLUMNS, self.form, generator)
        self.network.output_bias[:] = np.linspace(-0.5, 0.5, N_COLUMNS)
        keep = 1 - self.parameters.input_dropout
        self.team = Team(threads)
        self.centres = self.form.centres(self.rated)
        batches = RowBatches(self.rated, N_COLUMNS, 100, self.form, self.centres, keep=keep)
        self.batch = next(iter(batches.epoch(0, self.team)))
        self.given = (twin.parameters_of(self.network),)
        self.shape = len(self.parameters.layers), self.parameters.activation
        self.output = Output.of(self.parameters.output, SCALE, RATING_RANGE)
        self.options = {"batch_norm": self.parameters.batch_norm, "form": self.output.form}

    def steps(self, regularization=0.0, rule=None, **options):
        rule = rule or SGD()
        return AutoRecSteps(self.network, rule, self.output, regularization, self.team, **options)

    def inputs(self):
        """Return the inputs of all ratings, and the dense table of them."""
        counts = np.diff(self.rated.starts)
        inputs = self.form.inputs(values_of(self.rated) - np.repeat(self.centres, counts), counts)
        rated = self.rated.starts, self.rated.other_index, inputs
        return inputs, weight_panels.dense(*rated, N_COLUMNS)[0]

    def loss(self):
        return twin.loss(self.batch, *self.given, *self.shape, **self.options)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_a_batch_has_all_rows_with_ratings_once(options):
    case = Case(options)
    assert sorted(case.batch.rows) == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_the_loss_is_that_of_the_dense_masked_network(options):
    case = Case(options)
    squared_error = case.steps().forward(case.batch)
    assert squared_error / len(case.batch.rows) == pytest.approx(case.loss(), rel=1e-4)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
@pytest.mark.parametrize("regularization", [0.0, 0.3])
def test_gradients_are_those_of_central_differences(options, regularization):
    case = Case(options)
    expected = twin.gradients(case.batch, *case.given, *case.shape, **case.options)
    (before,) = case.given
    # With this optimizer and rate a step is the gradient.
    case.steps(regularization).take(case.batch, 1.0)
    after = twin.parameters_of(case.network)
    for name, gradient in expected.items():
        if name.endswith("weights"):
            gradient = gradient + regularization * before[name]  # noqa: PLW2901
        found = before[name] - after[name]
        np.testing.assert_allclose(found, gradient, rtol=2e-3, atol=2e-5, err_msg=name)


def test_batches_and_codes_see_the_same_inputs():
    case = Case({"hidden": (5,)})
    inputs, table = case.inputs()
    batch = case.batch
    found, mask = by_column(batch.column_starts, batch.column_rows, batch.inputs, len(batch.rows))
    np.testing.assert_array_equal(found, table[batch.rows])
    assert mask.sum() == len(inputs)


def test_dropped_ratings_are_still_to_be_predicted():
    case = Case({"hidden": (3,), "input_dropout": 0.4})
    assert (case.batch.inputs == 0).any()
    assert (case.batch.values != 0).all()


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_codes_are_those_of_the_network_without_dropout(options):
    options = {**options, "batch_norm": False}
    case = Case(options)
    inputs, table = case.inputs()
    expected = twin.codes(table, case.given[0], *case.shape)
    for first, last in ((0, 6), (2, 5), (2, 3)):
        part = slice(case.rated.starts[first], case.rated.starts[last])
        found = case.network.encode(case.rated, inputs[part], first, last)
        np.testing.assert_allclose(found, expected[first:last], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(case.network.empty_code(), expected[2], rtol=1e-4, atol=1e-5)


def test_codes_are_normalized_by_running_statistics():
    case = Case({"hidden": (6,), "activation": "linear", "batch_norm": True})
    steps = case.steps()
    for _ in range(300):
        steps.take(case.batch, 1e-9)
    inputs, table = case.inputs()
    sums = table @ case.given[0]["input.weights"]
    rows = case.batch.rows
    centred = sums - sums[rows].mean(axis=0)
    expected = centred / sums[rows].std(axis=0, ddof=1)
    found = case.network.encode(case.rated, inputs, 0, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rule", [SGD(momentum=0.5), Adam(), RProp()], ids=str)
@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_the_same_bits_for_any_number_of_threads(options, rule):
    results = []
    for threads in (1, 3):
        case = Case({**options, "dropout": 0.3}, threads)
        steps = case.steps(rule=rule)
        with one_blas_thread(), case.team:
            errors = [steps.take(case.batch, 0.01) for _ in range(5)]
        results.append((errors, twin.parameters_of(case.network)))
    assert results[0][0] == results[1][0]
    for name, value in results[0][1].items():
        np.testing.assert_array_equal(value, results[1][1][name], name)


def test_training_reduces_the_loss():
    case = Case({"hidden": (8,)})
    steps = case.steps(rule=SGD(momentum=0.9))
    errors = [steps.take(case.batch, 0.05) for _ in range(200)]
    assert errors[-1] < 0.05 * errors[0]


@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_refeeding_trains_on_the_outputs_of_all_columns(output):
    case = Case({"hidden": (5,), "output": output})
    steps = case.steps()
    steps.forward(case.batch)
    found = steps.refed(case.batch)
    hidden = twin.codes(case.inputs()[1][case.batch.rows], case.given[0], *case.shape)
    expected = twin.outputs(hidden, case.given[0], case.batch.centres, case.output.form)
    values, mask = by_column(found.column_starts, found.column_rows, found.values, len(found.rows))
    assert mask.all()
    np.testing.assert_allclose(values, expected, rtol=1e-4)
    assert found.weight * found.values.size == pytest.approx(case.batch.values.size)
    factor = case.form.factors(np.array([N_COLUMNS]))
    np.testing.assert_allclose(
        found.inputs, factor * (found.values + np.float32(case.form.presence)), rtol=1e-6
    )


@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_refed_steps_are_those_of_the_dense_losses(output):
    """Several of them: what is fed again must not lie where the batch's own gradients are."""
    case, other = (Case({"hidden": (40,), "output": output}) for _ in range(2))
    refed, plain = case.steps(refeeding=True), other.steps()
    for _ in range(4):
        refed.take(case.batch, 0.01)
        asker = Case({"hidden": (40,), "output": output})
        asker.network.assign(other.network.arrays())
        asker.network.output.assign(other.network.output.rows())
        asker.network.output_bias[:] = other.network.output_bias
        asked = asker.steps()
        asked.forward(other.batch)
        dense = asked.refed(other.batch)
        plain.take(other.batch, 0.01)
        plain.take(dense, 0.01)
    assert (refed.steps, plain.steps) == (8, 8)
    expected = twin.parameters_of(other.network)
    for name, value in twin.parameters_of(case.network).items():
        np.testing.assert_array_equal(value, expected[name], name)


def test_the_weight_of_a_batch_scales_its_gradients():
    moved = []
    for weight in (1.0, 0.25):
        case = Case({"hidden": (5,)})
        before = twin.parameters_of(case.network)
        case.steps().take(case.batch._replace(weight=weight), 0.01)
        after = twin.parameters_of(case.network)
        moved.append({name: after[name] - value for name, value in before.items()})
    for name, change in moved[0].items():
        np.testing.assert_allclose(moved[1][name], 0.25 * change, rtol=1e-2, atol=1e-6)


def test_arrays_bring_a_network_back():
    case = Case({"hidden": (6, 3), "activation": "relu", "batch_norm": True})
    case.steps().take(case.batch, 0.1)
    generator = np.random.default_rng(9)
    other = AutoRecNetwork(case.parameters, N_COLUMNS, InputForm(0.0, 0.0), generator)
    other.assign(case.network.arrays())
    assert other.form == case.form
    inputs, _ = case.inputs()
    codes = [network.encode(case.rated, inputs, 0, 6) for network in (case.network, other)]
    np.testing.assert_array_equal(*codes)
    wrong = case.network.arrays() | {"input.bias": np.zeros(2, np.float32)}
    wrong["hidden.1.weights"] = np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match=r"hidden\.1\.weights"):
        other.assign(wrong)
