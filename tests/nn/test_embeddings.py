"""Embedding tables: gathering, steps of batches, and what makes them equal to dense training."""

import numpy as np
import pytest

from fastmf.errors import ParameterError
from fastmf.nn import adam_rows, row_steps
from fastmf.nn.embeddings import EmbeddingGroup, EmbeddingTable
from fastmf.nn.network import RowGradients
from fastmf.nn.optimizers import SGD, AdaGrad, Adam, RProp
from fastmf.parallel import Team
from tests.reference.networks import lazy_adam

SIZES = {"users": (300, 21, 0), "items": (40, 16, 21)}  # rows, width, column


def initial(generator):
    return {
        name: generator.normal(0, 0.1, (n, width)).astype(np.float32)
        for name, (n, width, _) in SIZES.items()
    }


def batches(generator, count, size):
    """Yield rows of both tables, and gradients of wide ranges."""
    scale = 10.0 ** generator.uniform(-8, 1, 37)
    for _ in range(count):
        index = [(generator.random(size) ** 3 * n).astype(np.int32) for n, _, _ in SIZES.values()]
        yield index, (generator.standard_normal((size, 37)) * scale).astype(np.float32)


def trained(optimizer, values, steps, *, threads=1, l2=0.0, scale=1.0, finish=True):
    tables = [EmbeddingTable(name, rows, l2=l2) for name, rows in values.items()]
    group = EmbeddingGroup(tables, optimizer)
    gathered = []
    with Team(threads) as team:
        for number, (index, gradients) in enumerate(steps):
            group.begin(index, team)
            out = np.zeros((len(index[0]), 37), np.float32)
            for table, own, (_, _, column) in zip(tables, index, SIZES.values(), strict=True):
                table.gather(own, out, column)
            gathered.append(out)
            own = [RowGradients(gradients, column) for _, _, column in SIZES.values()]
            group.step(own, 1e-2 / (1 + number / 10), team, scale)
        if finish:
            group.finish(team)
    assert group.n_steps == len(gathered)
    return tables, gathered


def dense(optimizer, values, steps, *, l2=0.0, scale=1.0):
    twins = {
        name: lazy_adam.Dense(optimizer, rows, np.ones(rows.shape[1]))
        for name, rows in values.items()
    }
    gathered = []
    for number, (index, gradients) in enumerate(steps):
        out = np.zeros((len(index[0]), 37))
        for own, (name, (_, width, column)) in zip(index, SIZES.items(), strict=True):
            twin, columns = twins[name], slice(column, column + width)
            out[:, columns] = twin.value[own]
            total = np.zeros_like(twin.value)
            pull = 2 * l2 / len(own) * twin.value[own]
            np.add.at(total, own, gradients[:, columns].astype(np.float64) + pull)
            twin.step(scale * total, 1e-2 / (1 + number / 10))
        gathered.append(out)
    return twins, gathered


@pytest.mark.parametrize("size", [7, 3000])
@pytest.mark.parametrize("more", [{}, {"l2": 0.3, "scale": 0.5}])
def test_tables_are_those_of_dense_training(size, more):
    generator = np.random.default_rng(size)
    values, steps = initial(generator), list(batches(generator, 60, size))
    optimizer = Adam(weight_decay=0.02)
    tables, gathered = trained(optimizer, values, steps, **more)
    twins, expected = dense(optimizer, values, steps, **more)
    # Gradients of thousands of entries are summed in single precision, and Adam divides by them.
    tolerance = 1e-6 if size == 7 else 2e-5
    np.testing.assert_allclose(gathered, expected, atol=tolerance)
    for table in tables:
        np.testing.assert_allclose(table.values, twins[table.name].value, atol=tolerance)


def test_steps_are_forgotten_in_time(monkeypatch):
    for module in (row_steps, adam_rows):
        monkeypatch.setattr(module, "MOST_STEPS", 16)
    generator = np.random.default_rng(2)
    values, steps = initial(generator), list(batches(generator, 100, 5))
    tables, _ = trained(Adam(), values, steps)
    twins, _ = dense(Adam(), values, steps)
    for table in tables:
        np.testing.assert_allclose(table.values, twins[table.name].value, atol=1e-6)


def test_thousands_of_missed_steps():
    generator = np.random.default_rng(3)
    values = initial(generator)
    steps = []
    for number, (index, gradients) in enumerate(batches(generator, 3000, 2)):
        # The same few rows ever since the first steps.
        late = [np.zeros_like(own) for own in index]
        steps.append((index if number < 6 else late, gradients))
    tables, _ = trained(Adam(), values, steps)
    twins, _ = dense(Adam(), values, steps)
    for table in tables:
        # Rows that move in every step have as many roundings.
        np.testing.assert_allclose(table.values, twins[table.name].value, atol=1e-5)
        np.testing.assert_allclose(table.values[1:], twins[table.name].value[1:], atol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [Adam(weight_decay=0.1), SGD(0.9), AdaGrad(), RProp()],
    ids=lambda o: type(o).__name__,
)
def test_bits_do_not_depend_on_threads(optimizer):
    generator = np.random.default_rng(4)
    values, steps = initial(generator), list(batches(generator, 20, 5000))
    one, _ = trained(optimizer, values, steps, threads=1)
    three, _ = trained(optimizer, values, steps, threads=3)
    for left, right in zip(one, three, strict=True):
        np.testing.assert_array_equal(left.values, right.values)


def test_norm_is_that_of_the_dense_gradient():
    generator = np.random.default_rng(5)
    values, (batch,) = initial(generator), list(batches(generator, 1, 5000))
    index, gradients = batch
    tables = [EmbeddingTable(name, rows, l2=0.3) for name, rows in values.items()]
    group = EmbeddingGroup(tables, Adam())
    own = [RowGradients(gradients, column) for _, _, column in SIZES.values()]
    with Team(2) as team:
        group.begin(index, team)
        found = group.squared_norm(own, team)
    expected = 0.0
    for rows, part in zip(index, own, strict=True):
        table = tables[0] if part.column == 0 else tables[1]
        total = np.zeros(table.values.shape)
        columns = gradients[:, part.column : part.column + table.width].astype(np.float64)
        np.add.at(total, rows, columns + 0.6 / 5000 * table.values[rows])
        expected += (total**2).sum()
    assert found == pytest.approx(expected, rel=1e-5)


def test_penalty_is_the_mean_over_the_batch():
    table = EmbeddingTable("t", np.arange(6.0).reshape(3, 2), l2=[1.0, 0.5])
    index = np.array([0, 2, 2, 1], np.int32)
    expected = np.mean([(table.values[row] ** 2 * [1, 0.5]).sum() for row in index])
    assert table.penalty(index) == pytest.approx(expected)
    assert EmbeddingTable("t", np.ones((3, 2))).penalty(index) == 0


def test_rows_kept_are_restored():
    generator = np.random.default_rng(6)
    table = EmbeddingTable("t", generator.random((30, 5), np.float32))
    group = EmbeddingGroup([table], Adam())
    before = table.values.copy()
    group.keep()
    with Team(1) as team:
        index = np.arange(10, dtype=np.int32)
        group.begin([index], team)
        group.step([RowGradients(np.ones((10, 5), np.float32))], 0.1, team)
        group.finish(team)
    assert (table.values[:10] != before[:10]).all()
    group.restore()
    np.testing.assert_array_equal(table.values, before)


def test_tables_of_double_precision_can_be_gathered():
    values = np.random.default_rng(7).random((5, 3))
    out = np.zeros((2, 4))
    EmbeddingTable("t", values).gather(np.array([4, 0], np.int32), out, 1)
    np.testing.assert_array_equal(out[:, 1:], values[[4, 0]])


@pytest.mark.parametrize("row", [-1, 30])
def test_what_is_no_row_is_refused(row):
    table = EmbeddingTable("t", np.zeros((30, 5), np.float32))
    index = np.array([3, row], np.int32)
    with pytest.raises(IndexError, match=str(row)):
        table.gather(index, np.zeros((2, 5), np.float32))
    with Team(1) as team, pytest.raises(IndexError, match=str(row)):
        EmbeddingGroup([table], Adam()).begin([index], team)


@pytest.mark.parametrize("settings", [Adam(epsilon=0.0), Adam(beta2=0.0)])
def test_what_cannot_be_made_good_is_refused(settings):
    with pytest.raises(ParameterError, match="more than 0"):
        EmbeddingGroup([EmbeddingTable("t", np.zeros((3, 5), np.float32))], settings)
