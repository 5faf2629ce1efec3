"""What is read is never written over."""

import pytest

PAIRS = "user,item\n1003,1\n"


@pytest.fixture
def untouched(workplace):
    """Check that files are what they were."""

    def files():
        return {
            file: file.read_bytes()
            for file in workplace.rglob("*")
            if file.is_file() and "cache" not in file.parts
        }

    return files


def refused(run, *arguments):
    error = run(*arguments, status=1).stderr
    assert error.startswith("fastmf: error: ")
    assert error.count("\n") == 1
    return error


def test_a_source_is_not_written_over(run, ratings, model, workplace, untouched):
    (workplace / "pairs.csv").write_text(PAIRS)
    (workplace / "link.csv").symlink_to("ratings.csv")
    run("convert", ratings, "a.store", "-q")
    before = untouched()
    for arguments in (
        ("predict", model, "pairs.csv", "--out", "pairs.csv"),
        ("convert", ratings, "ratings.csv"),
        ("convert", ratings, "link.csv"),
        ("convert", "a.store", "a.store"),
        ("split", ratings, "--out-train", "ratings.csv", "--out-valid", "v.csv"),
        ("split", ratings, "--out-train", "t.csv", "--out-valid", "ratings.csv"),
        ("recommend", model, "--all-users", "--out", "ratings.csv"),
        ("recommend", model, "--all-users", "--seen", "ratings.csv", "--out", "ratings.csv"),
    ):
        assert "this is what is read" in refused(run, *arguments), arguments
        assert untouched() == before


def test_nothing_is_written_into_what_is_read_as_a_whole(run, ratings, model, workplace, untouched):
    run("convert", ratings, "a.store", "-q")
    (workplace / "parts" / "deep").mkdir(parents=True)
    (workplace / "parts" / "a.csv").write_bytes(ratings.read_bytes())
    before = untouched()
    out = ("--out-train", "t.csv", "--out-valid")
    assert "lies in a ratings store" in refused(run, "split", ratings, *out, "a.store/b.csv")
    assert "lies in a saved model" in refused(run, "convert", ratings, model / "b.csv")
    assert "lies in parts" in refused(run, "convert", "parts", "parts/deep/b.csv")
    assert untouched() == before


@pytest.mark.parametrize("name", ["x.csv.gz", "x.txt", "x.xlsx"])
def test_convert_refuses_endings_it_does_not_know(run, ratings, workplace, name):
    assert "ending" in refused(run, "convert", ratings, name)
    assert not (workplace / name).exists()


@pytest.mark.parametrize("name", ["plain", "x.store"])
def test_convert_makes_stores_of_names_without_ending(run, ratings, workplace, name):
    run("convert", ratings, name)
    assert (workplace / name / "store.json").is_file()
