"""The page of a table of ratings: what is on it, and what must never be."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import Ratings
from fastmf.report import Described, ratings_report
from fastmf.report.ratings_report import PICTURES
from tests.report.conftest import check_page, describe, planted, planted_items

pytest.importorskip("matplotlib")


def report(of, name="ratings.csv", source="data/ratings.csv", notes=()):
    return ratings_report(of, name, source, notes)


def table_below(page, header):
    """Return the rows of the table that begins with these names of columns."""
    found = [table for table in page.tables if table[0][: len(header)] == list(header)]
    assert len(found) == 1, [table[0] for table in page.tables]
    return found[0][1:]


def test_every_picture_is_on_the_page_with_its_numbers(described):
    page = check_page(report(described, notes=("2 rows dropped",)))
    summary = described.summary
    assert len(page.all("section")) == len(PICTURES)
    assert len(page.all("svg")) == 8
    assert "2 rows dropped" in page.text
    assert f"{summary.n_ratings:,}" in page.text
    rows = table_below(page, ("rating", "ratings"))
    assert [(float(row[0]), int(row[1].replace(",", ""))) for row in rows] == [
        (bar.low, bar.n_ratings) for bar in summary.histogram
    ]
    rows = table_below(page, ("month", "ratings"))
    assert [int(row[1].replace(",", "")) for row in rows] == summary.timeline.n_ratings.tolist()
    rows = table_below(page, ("year", "items"))
    assert [row[0] for row in rows] == [str(year) for year in range(1950, 1990) if year != 1952]
    rows = table_below(page, ("ratings of one user", "users"))
    assert sum(int(row[1]) for row in rows) == summary.n_users
    assert "The year of 1 item is not known" in page.text


def test_the_crosstab_is_a_table_of_ratings(described):
    page = check_page(report(described))
    cells = next(table for table in page.tables if len(table) == 16 and len(table[1]) == 16)
    crosstab = described.summary.crosstab
    items = [str(item) for item in described.items.take(crosstab.items)]
    assert cells[0][1:] == [described.titles.get(item, item) for item in items]
    assert [row[0] for row in cells[1:]] == [str(u) for u in described.users.take(crosstab.users)]
    shown = [[np.nan if cell == "·" else float(cell) for cell in row[1:]] for row in cells[1:]]
    np.testing.assert_array_equal(shown, crosstab.cells)


def test_the_same_ratings_give_the_same_bytes(described):
    assert report(described) == report(describe(planted(), planted_items()))


def test_whatever_the_reader_s_own_settings_of_matplotlib_are(described):
    import matplotlib as mpl

    plain = report(described)
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert report(described) == plain
        assert mpl.rcParams["font.size"] == 30


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></svg></style><script>x</script>",
    "$\\frac{1}{2}$ _x^y",
    "a & b < c > d ' \"",
    "&lt;script&gt;",
]


def test_nothing_in_the_data_becomes_markup():
    n = len(HOSTILE)
    users, items = np.divmod(np.arange(n * n), n)
    ratings = Ratings.from_arrays(
        np.array(HOSTILE)[users], np.array([f"i{item}" for item in items]), users % 5
    )
    known = planted_items(n)
    items = type(known)(
        [f"i{place}" for place in range(n)], HOSTILE, known.years,
        [(text,) for text in HOSTILE], known.types, known.episodes,
    )  # fmt: skip
    text = report(describe(ratings, items), name=HOSTILE[0], source=HOSTILE[1], notes=HOSTILE)
    page = check_page(text)
    assert "<script" not in text
    assert "<img" not in text
    for hostile in HOSTILE:  # but it is shown as it is
        assert hostile in page.text
    assert page.all("meta")[1]["content"].startswith("default-src 'none'")


def test_no_times_no_items():
    ratings = Ratings.from_arrays([1, 1, 2], [1, 2, 1], [3, 4, 5])
    page = check_page(report(describe(ratings)))
    assert len(page.all("section")) == 3


def test_items_without_years_or_genres():
    known = planted_items()
    items = type(known)(
        known.ids, known.titles, [None] * 40, [()] * 40, known.types, known.episodes
    )
    page = check_page(report(describe(planted(), items)))
    assert len(page.all("section")) == 4
    assert "Title 7" in page.text


@pytest.mark.parametrize(
    ("users", "items", "values", "time"),
    [
        ([1], [1], [3], [10**9]),
        ([1] * 50, range(50), [1, 2] * 25, None),
        (range(50), range(50), [4] * 50, [10**9] * 50),
        ([1, 2, 3], [1, 2, 3], [-3e38, 0, 3e38], [-(2**62), 0, 2**62]),
        (range(30), [1, 2] * 15, np.linspace(0, 1e-30, 30), np.arange(30) * 10**10),
        ([2**62, -5], ["a", "b"], [1e-38, -1e38], [0, 253402300800]),
        (["x" * 5000, "日本語"], ["\t", "\u202e"], [1, 2], None),
    ],
    ids=["one rating", "one user", "all equal", "huge", "tiny", "far apart", "odd names"],
)
def test_tables_that_are_hard_to_draw(users, items, values, time, recwarn):
    ratings = Ratings.from_arrays(list(users), list(items), values, time)
    check_page(report(describe(ratings)))
    assert not recwarn.list


@settings(deadline=None, max_examples=8)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 50), st.text(max_size=8)),
        st.tuples(st.floats(-(2.0**99), 2.0**99, width=32), st.integers(-(10**12), 10**12)),
        min_size=1,
        max_size=40,
    )
)
def test_any_small_table_can_be_drawn(table):
    users, items = zip(*table, strict=True)
    items = [f"i{item}" for item in items]
    values, time = zip(*table.values(), strict=True)
    ratings = Ratings.from_arrays(users, items, values, time, duplicates="last")
    check_page(report(describe(ratings)))


def test_a_picture_that_names_an_item_reads_no_mathematics():
    # Genres are the only names from the data within a picture.
    known = planted_items()
    items = type(known)(
        known.ids, known.titles, known.years, [("$x^2$",)] * 40, known.types, known.episodes
    )
    text = report(describe(planted(), items))
    assert re.search(r"<text[^>]*>\$x\^2\$</text>", text)


def test_a_small_page_for_many_values_months_and_years():
    rng = np.random.default_rng(0)
    cells = np.unique(rng.integers(0, 4000 * 3000, 300_000))
    time = rng.integers(0, 30 * 365 * 86400, len(cells))
    ratings = Ratings.from_arrays(cells // 3000, cells % 3000, rng.normal(size=len(cells)), time)
    text = report(describe(ratings, planted_items(3000)))
    assert len(text) < 350_000
    check_page(text)


def test_described_needs_no_items(described):
    bare = Described(described.summary, described.users, described.items)
    assert len(check_page(report(bare)).all("section")) == 4
