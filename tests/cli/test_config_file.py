"""A model with its hyperparameters from a TOML file."""

import json

import pytest

from fastmf import read_ratings
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
        ('model = ""\n', "no model ''"),
        (
            'model = "mlp"\nhiden = [3]\n',
            "'hiden', which mlp has no option for; did you mean hidden?",
        ),
        ("zzz = 1\n", "there are"),
        ("hidden = [3]\n", "has 'hidden', which is an option of autorec, mlp,"),
        ("[mlp]\nhidden = [3]\n", "has 'mlp', which mf has no option for"),
        ("[factors]\nhidden = 3\n", "says that factors is a table, but --factors takes INTEGER"),
        ('model = "mlp"\nhidden = ["x"]\n', "'x' is not a valid integer"),
        ('config = "other.toml"\n', "has 'config', which mf has no option for"),
        ("help = true\n", "has 'help', which mf has no option for"),
        ('kind = "mlp"\n', "has 'kind', which mf has no option for"),
        ("factors = 12.9\n", "deep.toml says factors = 12.9: '12.9' is not a valid integer"),
        ("factors = inf\n", "'inf' is not a valid integer"),
        ('factors = ""\n', "'' is not a valid integer"),
        ("seed = 1.5\n", "'1.5' is not a valid integer"),
        ("epochs = true\n", "says that epochs is true, but --epochs takes INTEGER"),
        ("factors = [1, 2]\n", "says that factors is a list, but --factors takes INTEGER"),
        ("factors = 2020-01-01\n", "is a date without quotes (2020-01-01), but --factors takes"),
        ("factors = 99999999999999999999\n", "factors is a number of more than 64 bits"),
        (f"factors = {'9' * 5000}\n", "a number too long"),
        (f"factors = 0x{'f' * 5000}\n", "factors is a number of more than 64 bits"),
        (f"factors = {'[' * 5000}{']' * 5000}\n", "lists too deep"),
        ("sample = [0.5]\n", "says that sample is a list, but --sample takes N|0.1"),
        ("items = false\n", "says that items is false, but --items takes TABLE"),
        ('model = "mlp"\nhidden = [1.5, 2.7]\n', "says hidden = 1.5, 2.7: '1.5' is not a valid"),
        ('model = "mlp"\nhidden = [[1, 2], [3]]\n', "hidden holds a list, but --hidden takes"),
        ('model = "mlp"\nhidden = [inf]\n', "'inf' is not a valid integer"),
        ('model = "mlp"\nhidden = [true]\n', "says that hidden holds true, but --hidden takes"),
        (
            'model = "mlp"\nbatch_norm = 2\n',
            "batch_norm is 2, but --batch-norm takes true or false",
        ),
        ('model = "mlp"\nbatch_norm = "yes"\n', "is 'yes', but --batch-norm takes true or false"),
        ("seed = 1\nrandom_state = 2\n", "the same twice, as 'seed' and as 'random_state'"),
        ("learning-rate = 1\nlearning_rate = 2\n", "as 'learning-rate' and as 'learning_rate'"),
        ("no_biases = true\nbiases = true\n", "as 'no_biases' and as 'biases'"),
    ],
)
def test_what_is_no_configuration_is_wrong_usage(run, config, ratings, text, complaint):
    result = run("train", ratings, "--config", config(text), status=2)
    assert complaint in " ".join(result.stderr.split())


def test_an_unknown_key_is_told_what_there_is_to_set(run, config, ratings):
    shown = " ".join(
        run("train", ratings, "--config", config("zzz = 1\n"), status=2).stderr.split()
    )
    names = shown.partition("there are ")[2].split(", ")
    assert {"model", "factors", "seed", "valid", "no-cache", "quiet", "json"} <= set(names)
    assert not {"kind", "as_json", "random-state", "random_state", "help", "h", "q"} & set(names)
    assert not [name for name in names if name.startswith("_") or "config" in name]


def test_values_are_what_one_would_type(run_json, config, ratings):
    text = 'sample = 0.5\nout = 5\nmax-memory = 2e9\nfactors = "3"\nepochs = 1\nseed = 0x10\n'
    found = run_json("train", ratings, "--config", config(text))
    assert found["model_path"] == "5"
    assert found["n_ratings"] == round(0.5 * len(read_ratings(ratings)))
    assert (found["factors"], found["hyperparameters"]["random_state"]) == (3, 16)


@pytest.mark.parametrize(("key", "kept"), [("no-cache = true", 0), ("no-cache = false", 1)])
def test_a_flag_that_says_no_is_set_as_it_says(run, config, ratings, key, kept, cache_folder):
    run("train", ratings, "--config", config(f"{key}\nfactors = 2\nepochs = 1\n"))
    assert len(list(cache_folder.rglob("ratings.arrow"))) == kept


def test_the_command_line_takes_back_what_the_file_switched_on(run_json, config, ratings):
    path = config("non_negative = true\nbiases = false\nepochs = 1\n")
    kept = run_json("train", ratings, "--config", path)["hyperparameters"]
    assert (kept["non_negative"], kept["biases"]) == (True, False)
    options = "--no-non-negative", "--biases"
    found = run_json("train", ratings, "--config", path, *options)["hyperparameters"]
    assert (found["non_negative"], found["biases"]) == (False, True)


def test_an_empty_name_is_no_model(run, ratings):
    assert "no model ''" in run("train", ratings, "--model", "", status=2).stderr


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
    for side, table in (("item", ("--users", users)), ("user", ("--items", items))):
        wrong = *small, *table, f"--{side}-features", "kind"
        complaint = run("train", ratings, "--model", "hybrid", *wrong, status=2).stderr
        assert f"--{side}-features names columns of a table: give --{side}s" in complaint
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
    run("evaluate", path, ratings)


def test_options_are_found_before_they_are_parsed():
    assert option_value(["r.csv"], "--model") is None
    assert option_value(["r.csv", "--model", "knn"], "--model") == "knn"
    assert option_value(["--model=knn", "r.csv"], "--model") == "knn"
    assert option_value(["--model", "a", "--model", "b"], "--model") == "b"
    assert option_value(["--", "--model", "knn"], "--model") is None
    assert option_value(["--model"], "--model") is None
