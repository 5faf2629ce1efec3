"""The command ``python -m data_tools.anime``."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_tools.anime import main


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def written(out):
    return pq.read_table(out / "ratings.parquet").to_pydict()


def test_release_of_2016(tmp_path):
    (tmp_path / "rating.csv").write_text(
        "user_id,anime_id,rating\n1,20,-1\n1,24,8\n2,20,10\n3,24,-1\n"
    )
    (tmp_path / "anime.csv").write_text(
        "anime_id,name,genre,type,episodes,rating,members\n"
        '20,"Sun &amp; Moon","Action, Comedy",TV,220,7.8,68\n24,Film,,Movie,Unknown,,9\n'
    )
    result = run(tmp_path, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "2 of 4 rows say 'watched, not rated' (-1): left out" in result.stderr
    assert written(tmp_path / "out") == {"user": [1, 2], "item": [24, 20], "rating": [8.0, 10.0]}
    assert pq.read_table(tmp_path / "out" / "items.parquet").to_pylist() == [
        {
            "id": 20,
            "title": "Sun & Moon",
            "genres": ["Action", "Comedy"],
            "type": "TV",
            "episodes": 220,
        },
        {"id": 24, "title": "Film", "genres": [], "type": "Movie", "episodes": None},
    ]


@pytest.mark.parametrize(
    ("unrated", "users", "ratings"),
    [("drop", [1, 2], [9, 7]), ("interactions", [1, 1, 2], [1, 1, 1]), ("rating", None, None)],
)
def test_release_of_2020(tmp_path, unrated, users, ratings):
    rows = [(1, 67, 9, 2, 1), (1, 68, 0, 1, 3), (2, 67, 7, 2, 12), (2, 69, 0, 6, 0)]
    names = ["user_id", "anime_id", "rating", "watching_status", "watched_episodes"]
    frame = pd.DataFrame(rows, columns=names)
    frame.to_csv(tmp_path / "animelist.csv", index=False)
    result = run(tmp_path, tmp_path / "out", "--unrated", unrated)
    assert result.exit_code == 0, result.output
    table = written(tmp_path / "out")
    assert table["user"] == (users or frame["user_id"].tolist())
    assert table["rating"] == (ratings or frame["rating"].tolist())


def test_published_ratings(real_data, tmp_path):
    raw = real_data / "anime"
    result = run(raw, tmp_path, "--ratings", raw / "rating_tail.csv", "--quiet")
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(raw / "rating_tail.csv").query("rating != -1")
    frame = frame.drop_duplicates(["user_id", "anime_id"], keep="last").reset_index(drop=True)
    frame.columns = ["user", "item", "rating"]
    frame = frame.astype({"rating": "float32"})
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "ratings.parquet"), frame)
    assert pq.read_metadata(tmp_path / "items.parquet").num_rows == 12_294


def test_published_subset(real_data, tmp_path):
    raw = real_data / "anime-5k"
    result = run(raw, tmp_path)
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(raw / "anime_ratings.dat", sep="\t")
    frame.columns = ["user", "item", "rating"]
    frame = frame.astype({"rating": "float32"})
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "ratings.parquet"), frame)
    items = pq.read_table(tmp_path / "items.parquet")
    assert items.column_names == ["id", "title", "genres", "year", "type", "episodes"]
    assert set(frame["item"]) <= set(items["id"].to_pylist())
