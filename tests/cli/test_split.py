"""`fastmf split`: every way to hold ratings out, its files, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import fastmf
from fastmf import read_ratings

OUT = ("--out-train", "t.parquet", "--out-valid", "v.csv")


def rows_of(path):
    table = pd.read_parquet(path) if str(path).endswith("parquet") else pd.read_csv(path)
    return {tuple(row) for row in table[["user", "item", "rating", "timestamp"]].to_numpy()}


def rows_in(ratings):
    columns = (
        ratings.users.take(ratings.user_index),
        ratings.items.take(ratings.item_index),
        ratings.value,
        ratings.time,
    )
    return set(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("options", "split"),
    [
        ((), lambda r: fastmf.random_split(r, 0.1)),
        (("--valid", "0.2", "--seed", "4"), lambda r: fastmf.random_split(r, 0.2, 4)),
        (("--by", "random"), lambda r: fastmf.random_split(r, 0.1)),
        (("--by", "user", "--valid", "0.3"), lambda r: fastmf.user_split(r, 0.3)),
        (("--by", "last"), lambda r: fastmf.last_split(r, fraction=0.1)),
        (("--by", "last", "--valid", "2"), lambda r: fastmf.last_split(r, 2)),
        (("--by", "leave-n-out"), fastmf.leave_n_out),
        (("--by", "leave-n-out", "--valid", "3", "--seed", "9"),
         lambda r: fastmf.leave_n_out(r, 3, 9)),
        (("--by", "time", "--valid", "0.25"), lambda r: fastmf.time_split(r, 0.25)),
        (("--by", "time", "--valid", "2001-09-09T02:04"),
         lambda r: fastmf.time_split(r, since="2001-09-09T02:04")),
        (("--known-only", "--valid", "0.9"),
         lambda r: fastmf.random_split(r, 0.9, keep_known=True)),
    ],
    ids=str,
)  # fmt: skip
def test_the_files_hold_the_parts_of_the_python_split(run, ratings, options, split):
    whole = read_ratings(ratings)
    train, held_out = split(whole)
    result = run("split", ratings, *options, *OUT)
    assert rows_of("t.parquet") == rows_in(train)
    assert rows_of("v.csv") == rows_in(held_out)
    assert f"{len(held_out):,} ratings written to v.csv" in result.stderr
    for note in held_out.notes:
        assert f"note: {note}" in result.stderr


@pytest.mark.parametrize("by", [(), ("--by", "pairs")])
@pytest.mark.parametrize("kind", ["probe", "table"])
def test_pairs_of_a_file_are_held_out(run, ratings, workplace, kind, by):
    table = pd.read_csv(ratings)
    chosen = table.iloc[::11]
    if kind == "probe":
        lines = [
            f"{item}:\n" + "".join(f"{user}\n" for user in group.userId)
            for item, group in chosen.groupby("movieId")
        ]
        (workplace / "pairs.txt").write_text("".join(lines) + "4242:\n7\n")
    else:
        chosen[["movieId", "userId"]].to_csv("pairs.txt", index=False)
    result = run("split", ratings, *by, "--valid", "pairs.txt", *OUT)
    assert rows_of("v.csv") == {tuple(row) for row in chosen.to_numpy()}
    assert len(rows_of("t.parquet")) == len(table) - len(chosen)
    said = f"the pairs of pairs.txt: 1 pair has no rating, {len(chosen)} held out"
    assert (said in result.stderr) == (kind == "probe")


@pytest.mark.parametrize("option", [("--folds", "4"), ("--by", "folds")])
def test_folds_have_every_rating_once(run, ratings, workplace, option):
    whole = rows_in(read_ratings(ratings))
    result = run("split", ratings, *option, "--seed", 2, "--out-dir", "folds")
    n = 4 if "4" in option else 5
    assert f"{n} folds of {len(whole):,} ratings written to folds" in result.stderr
    expected = fastmf.k_folds(read_ratings(ratings), n, 2)
    seen = set()
    for fold, (_, held_out) in enumerate(expected, 1):
        valid = rows_of(f"folds/fold-{fold}-valid.parquet")
        assert valid == rows_in(held_out)
        assert rows_of(f"folds/fold-{fold}-train.parquet") == whole - valid
        assert not valid & seen
        seen |= valid
    assert seen == whole
    assert len(list((workplace / "folds").iterdir())) == 2 * n


def test_what_is_left_of_cleaning_is_split(run, ratings):
    result = run("split", ratings, "--min-rating", 3, "--min-user-ratings", 12, *OUT)
    cleaned = fastmf.clean_ratings(read_ratings(ratings), min_rating=3, min_user_ratings=12)
    assert rows_of("t.parquet") | rows_of("v.csv") == rows_in(cleaned)
    for note in cleaned.notes:
        assert result.stderr.count(f"note: {note}") == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--valid", "1.5", *OUT), "--valid is 1.5, but holding out at random takes a fraction"),
        (("--valid", "5", *OUT), "--valid is 5, but holding out at random takes a fraction"),
        (("--by", "user", "--valid", "x", *OUT), "holding out by user takes a fraction"),
        (("--by", "last", "--valid", "2.5", *OUT), "or a whole number from 1: so many ratings of"),
        (("--by", "leave-n-out", "--valid", "0.1", *OUT), "by leave-n-out takes a whole number"),
        (("--by", "time", "--valid", "3", *OUT), "or a date like 2005-06-01"),
        (("--by", "time", "--valid", "June", *OUT), "'June' is no date; write it like"),
        (("--by", "time", "--valid", "2050-01-01", *OUT), "since 2050-01-01 (the first rating is"),
        (("--by", "pairs", *OUT), "--by pairs takes the file of pairs: add --valid FILE"),
        (("--valid", "nowhere.txt", *OUT), "nowhere.txt: "),
        (("--by", "leave-n-out", "--valid", "999", *OUT), "no user has more than"),
        (("--seed", "-1", *OUT), "--seed is -1"),
        (OUT[:2], "name the files to write: --out-train FILE --out-valid FILE"),
        ((), "name the files to write"),
        (("--folds", "3"), "name the folder of the folds: --out-dir DIR"),
        (("--folds", "3", *OUT), "folds go to --out-dir, and take no --valid, --out-train or"),
        (("--folds", "3", "--by", "user", *OUT), "--folds and --out-dir are for --by folds"),
        (("--out-dir", "d", *OUT), "--folds and --out-dir are for --by folds"),
        (("--folds", "3", "--out-dir", "taken"), "taken: exists already; name a new folder"),
        (("--folds", "3", "--out-dir", "no/d"), "no/d: no folder"),
        (("--folds", "99999", "--out-dir", "d"), "choose fewer folds"),
        (("--out-train", "t.csv", "--out-valid", "t.csv"), "are both t.csv; name two files"),
        (("--out-train", "ratings.csv", "--out-valid", "t.csv"), "this is what is read"),
        (("--valid", "p.csv", "--out-train", "p.csv", "--out-valid", "t.csv"), "is what is read"),
        (("--min-rating", "9", *OUT), "no ratings of at least 9"),
        (("--top-items", "0", *OUT), "top_items is 0"),
    ],
    ids=str,
)
def test_what_cannot_be_split_is_one_line_and_nothing_is_written(
    run, ratings, workplace, options, complaint
):
    (workplace / "taken").mkdir()
    (workplace / "taken" / "letter").touch()
    (workplace / "p.csv").write_text("user,item\n1,2\n")
    before = sorted(workplace.rglob("*"))
    result = run("split", ratings, *options, "--quiet", status=1)
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(workplace.rglob("*")) == before


def test_without_times_there_is_no_split_by_time(run, workplace):
    (workplace / "r.csv").write_text("user,item,rating\n1,2,3\n1,3,4\n2,2,5\n")
    assert "no times to split by" in run("split", "r.csv", "--by", "time", *OUT, status=1).stderr
    result = run("split", "r.csv", "--by", "last", "--valid", 1, *OUT)
    assert "note: no times: the last ratings of a user are those" in result.stderr


def test_an_interrupted_fold_leaves_no_folder(run, ratings, workplace, monkeypatch):
    from fastmf.cli import rating_table

    calls = []
    write = rating_table.write_ratings

    def third_interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(*arguments)

    monkeypatch.setattr(rating_table, "write_ratings", third_interrupted)
    run("split", ratings, "--folds", 3, "--out-dir", "folds", status=1)
    assert [file.name for file in workplace.iterdir()] == ["ratings.csv"]


def test_a_file_of_many_ranges_is_written_in_pieces(run, workplace, monkeypatch):
    from fastmf.cli import rating_table

    monkeypatch.setattr(rating_table, "_ROWS", 64)
    rows = np.arange(1000)
    table = pd.DataFrame(
        {"user": rows % 40, "item": rows // 40, "rating": rows % 5 + 1.0, "timestamp": rows}
    )
    table.to_csv("many.csv", index=False)
    run("split", "many.csv", "--by", "time", "--valid", "0.5", *OUT)
    pd.testing.assert_frame_equal(pd.read_parquet("t.parquet"), table.iloc[:500], check_dtype=False)
