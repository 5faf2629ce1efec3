"""Options derived from a dataclass, so that a new model needs no change of the command line."""

import ast
import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import click
import pytest
from click.testing import CliRunner

from fastmf.cli import train_command as module
from fastmf.cli.hyperparameters import hyperparameter_options
from fastmf.cli.train_command import TrainCommand
from fastmf.models import MODELS, model_class
from fastmf.models.losses import LOSSES


def helped(default, text="What it does."):
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Parameters:
    layers: int = helped(3)
    learning_rate: float | None = helped(None, "Rate. Default by size.")
    loss: Literal["squared", "absolute"] = helped("squared")
    bias: bool = helped(True)
    non_negative: bool = helped(False)
    random_state: int = helped(0, "Seed.")
    hidden: tuple[int, ...] = helped((100, 50), "Units.")
    names: tuple[str, ...] = helped((), "Names.")


class Model:
    hyperparameters = Parameters


@pytest.fixture
def parse(monkeypatch):
    """Parse arguments for the model above."""
    monkeypatch.setattr(module, "_model_class", lambda kind, ctx: Model)

    @click.command(cls=TrainCommand)
    @click.argument("ratings")
    @click.option("--model", "kind", default="mf")
    def train(ratings, kind, **given):
        click.echo(repr(given))

    def invoke(*arguments, status=0):
        result = CliRunner().invoke(train, ["r.csv", *arguments])
        assert result.exit_code == status, result.output
        return ast.literal_eval(result.stdout) if status == 0 else result.stderr

    invoke.help = lambda: CliRunner().invoke(train, ["--help"]).stdout
    return invoke


def test_defaults_are_those_of_the_dataclass(parse):
    assert parse() == {
        "layers": 3,
        "learning_rate": None,
        "loss": "squared",
        "bias": True,
        "non_negative": False,
        "random_state": 0,
        "hidden": (100, 50),
        "names": (),
    }


def test_values_have_the_types_of_the_fields(parse):
    given = parse(
        *("--layers", "5", "--learning-rate", "0.5", "--loss", "absolute"),
        *("--no-bias", "--non-negative", "--seed", "7"),
        *("--hidden", "64, 32,16", "--names", "a:b,c d"),
    )
    assert given == {
        "layers": 5,
        "learning_rate": 0.5,
        "loss": "absolute",
        "bias": False,
        "non_negative": True,
        "random_state": 7,
        "hidden": (64, 32, 16),
        "names": ("a:b", "c d"),
    }
    assert parse("--hidden", "")["hidden"] == ()
    assert parse("--hidden=7")["hidden"] == (7,)
    assert parse("--non-negative", "--no-non-negative")["non_negative"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        ("--layers", "2.5"),
        ("--loss", "cubic"),
        ("--random-state", "1"),
        ("--x", "1"),
        ("--hidden", "64,x"),
        ("--hidden", "6.5"),
    ],
)
def test_anything_else_is_wrong_usage(parse, arguments):
    parse(*arguments, status=2)


def test_help_shows_texts_and_defaults(parse):
    text = " ".join(parse.help().split())
    assert "--layers INTEGER What it does. [default: 3]" in text
    assert "--learning-rate FLOAT Rate. Default by size. --loss" in text
    assert "--bias / --no-bias" in text
    assert "--non-negative / --no-non-negative What it does. --seed" in text
    assert "--hidden INTEGER,... Units. [default: 100, 50]" in text
    assert "--names TEXT,... Names. --" in text


def test_every_hyperparameter_of_every_model_has_an_option():
    for kind in MODELS:
        hyperparameters = model_class(kind).hyperparameters
        command = click.Command("train", params=hyperparameter_options(hyperparameters))
        values = command.make_context("train", []).params
        hidden = {
            field.name
            for field in dataclasses.fields(hyperparameters)
            if not field.metadata.get("cli", True)
        }
        assert hidden <= {"warm_start"}
        expected = dataclasses.asdict(hyperparameters())
        assert values == {name: value for name, value in expected.items() if name not in hidden}


def test_the_losses_of_matrix_factorization_can_be_asked_for():
    options = hyperparameter_options(model_class("mf").hyperparameters)
    command = click.Command("train", params=options)
    for loss in LOSSES:
        asked = ["--loss", loss, "--no-biases", "--regularization", "0.1"]
        values = command.make_context("train", asked).params
        assert (values["loss"], values["biases"], values["non_negative"]) == (loss, False, False)
        assert values["regularization"] == 0.1
    with pytest.raises(click.BadParameter, match="squared"):
        command.make_context("train", ["--loss", "cubic"])


def test_a_type_that_no_option_can_hold_is_a_fault_of_the_model():
    @dataclass(frozen=True)
    class Unfit:
        layers: dict[str, int] = helped(None)  # noqa: RUF009 - it makes a field

    with pytest.raises(TypeError, match="layers"):
        hyperparameter_options(Unfit)
