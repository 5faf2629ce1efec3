"""The page of a fitted model."""

import pytest

from fastmf import BiasedMF
from fastmf.report.model_report import model_report
from tests.report.conftest import check_page, planted

pytest.importorskip("matplotlib")


def test_errors_by_epoch_and_biases():
    model = BiasedMF(factors=3, epochs=4).fit(planted(), 0.2)
    text = model_report(model, "<b>", "here/<b>")
    page = check_page(text)
    assert len(page.all("svg")) == 3
    assert text == model_report(model, "<b>", "here/<b>")
    rows = page.tables[0][1:]
    assert [row[1] for row in rows] == [f"{record.train_rmse:.4f}" for record in model.history_]
    assert [row[2] for row in rows] == [f"{record.valid_rmse:.4f}" for record in model.history_]
    n_users = sum(int(row[1].replace(",", "")) for row in page.tables[1][1:])
    assert n_users == len(model.users_)


def test_without_validation_and_without_biases():
    model = BiasedMF(factors=3, epochs=2, biases=False).fit(planted())
    page = check_page(model_report(model, "m", "m"))
    assert len(page.all("svg")) == 1
    assert page.tables[0][1][2] == "-"
