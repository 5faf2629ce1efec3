"""A model with its hyperparameters from a TOML file."""

import json

import pytest

from fastmf.cli.config_file import option_value

DEEP = """
model = "mlp"
factors = 4
hidden = [8, 4]
batch-size = 64
epochs = 2
batch_norm = true
seed = 3
valid = 0.2
"""


@pytest.fixture
def config(workplace):
    def write(text):
        (workplace / "deep.toml").write_text(text)
        return "deep.toml"

    return write


def test_a_configuration_is_as_good_as_its_options(run_json, config, ratings):
    found = run_json("train", ratings, "--config", config(DEEP))
    options = "--model mlp --factors 4 --hidden 8,4 --batch-size 64 --epochs 2 --batch-norm"
    given = run_json("train", ratings, *options.split(), "--seed", "3", "--valid", "0.2")
    assert found["model"] == given["model"] == "mlp"
    assert found["hyperparameters"] == given["hyperparameters"]
    assert found["hyperparameters"]["hidden"] == [8, 4]
    assert found["valid_rmse"] == given["valid_rmse"]


def test_the_command_line_counts_before_the_file(run_json, config, ratings):
    path = config(DEEP)
    found = run_json("train", ratings, f"--config={path}", "--hidden", "5", "--epochs=1")
    assert found["hyperparameters"]["hidden"] == [5]
    assert found["epochs_run"] == 1
    found = run_json("train", ratings, "--config", config("epochs = 1\n"), "--model", "als")
    assert (found["model"], found["epochs_run"]) == ("als", 1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("model = ", "is not TOML"),
        ("model = 3\n", "write a name such as"),
        ('model = "knn"\n', "no model 'knn'"),
        ('model = "mlp"\nhiden = [3]\n', "has 'hiden', which this model has no option for; did"),
        ("zzz = 1\n", "there are"),
        ("[mlp]\nhidden = [3]\n", "has 'mlp', which this model has no option for"),
        ("[factors]\nhidden = 3\n", "write options without tables"),
        ('model = "mlp"\nhidden = ["x"]\n', "'x' is not a valid integer"),
        ('config = "other.toml"\n', "has 'config', which this model has no option for"),
    ],
)
def test_what_is_no_configuration_is_wrong_usage(run, config, ratings, text, complaint):
    result = run("train", ratings, "--config", config(text), status=2)
    assert complaint in " ".join(result.stderr.split())


def test_a_missing_file_is_wrong_usage(run, ratings):
    assert "cannot be read" in run("train", ratings, "--config", "no.toml", status=2).stderr


@pytest.fixture
def tables(workplace):
    (workplace / "items.csv").write_text(
        "item_id,kind\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(400))
    )
    (workplace / "users.csv").write_text(
        "user_id,age\n" + "".join(f"{u},{u % 7}\n" for u in range(900, 4000))
    )
    return "items.csv", "users.csv"


def test_a_hybrid_takes_tables(run, ratings, tables, workplace):
    items, users = tables
    small = ["--factors", "3", "--hidden", "4", "--epochs", "1", "--out", "h.model"]
    run(*("train", ratings, "--model", "hybrid", "--items", items, "--users", users, *small))
    saved = json.loads((workplace / "h.model" / "model.json").read_text())
    assert saved["kind"] == "hybrid"
    assert set(saved["record"]["encoders"]) == {"item", "user"}
    complaint = run(*("train", ratings, "--model", "hybrid", *small), status=2).stderr
    assert "give --items TABLE" in " ".join(complaint.split())
    complaint = run("train", ratings, "--items", items, status=2).stderr
    assert "--items is for --model hybrid, not mf" in " ".join(complaint.split())
    wrong = *small, "--items", items, "--item-features", "colour"
    complaint = run("train", ratings, "--model", "hybrid", *wrong, status=1).stderr
    assert "there is no column 'colour'" in complaint


@pytest.mark.parametrize(
    "kind",
    [
        *("dot", "bias-dot", "scaled-dot", "bce-dot", "mlp", "residual"),
        *("classify", "interaction", "multitask"),
    ],
)
def test_every_network_goes_from_training_to_recommending(run, run_json, ratings, kind, workplace):
    found = run_json("train", ratings, "--model", kind, "--epochs", "2", "--valid", "0.2")
    assert found["model"] == kind
    assert len(found["history"]) == 2
    path = found["model_path"]
    assert run_json("inspect", path)["model"] == kind
    run("recommend", path, "--user", "1000", "-n", "3")
    (workplace / "pairs.csv").write_text("user,item\n1000,9\n-1,9\n")
    run("predict", path, "pairs.csv", "--out", "predictions.csv")
    assert len((workplace / "predictions.csv").read_text().splitlines()) == 3
    status = 1 if kind == "interaction" else 0
    run("evaluate", path, ratings, status=status)


def test_options_are_found_before_they_are_parsed():
    assert option_value(["r.csv"], "--model") is None
    assert option_value(["r.csv", "--model", "knn"], "--model") == "knn"
    assert option_value(["--model=knn", "r.csv"], "--model") == "knn"
    assert option_value(["--model", "a", "--model", "b"], "--model") == "b"
    assert option_value(["--", "--model", "knn"], "--model") is None
    assert option_value(["--model"], "--model") is None
