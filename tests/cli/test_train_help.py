"""The help of `fastmf train` tells how patience counts for the model it is about."""

import pytest
from click.testing import CliRunner

from fastmf.cli.train import train
from fastmf.models import MODELS


def shown(kind):
    return " ".join(CliRunner().invoke(train, ["--model", kind, "--help"]).stdout.split())


@pytest.mark.parametrize("kind", ["mf", "als", "implicit-als"])
def test_help_tells_how_patience_counts_for_the_model(kind):
    text = shown(kind)
    assert "--epochs" in text
    assert ("--patience INTEGER" in text) == (kind != "implicit-als")
    assert ("counted in the second half" in text) == (kind == "mf")


def test_one_model_s_help_leaves_no_trace_in_another_s():
    before = shown("mf")
    shown("implicit-als")
    shown("als")
    assert shown("mf") == before


def test_what_continues_from_a_fitted_model_is_no_option():
    assert "warm" not in shown("als")


def test_help_names_every_model_with_a_few_words():
    text = CliRunner().invoke(train, ["--help"]).stdout
    models = text.partition("Models; --model NAME --help shows the options of one:\n")[2]
    for kind in MODELS:
        assert any(len(line.split()) > 3 for line in models.splitlines() if f"  {kind} " in line)


def test_help_tells_where_paths_of_a_configuration_start():
    assert "Paths in it start from the current folder" in shown("mf")
