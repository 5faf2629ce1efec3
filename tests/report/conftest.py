"""Ratings described for a report, and a reader of HTML that finds what must not be there."""

from html.parser import HTMLParser

import numpy as np
import pytest

from fastmf.data import Ratings
from fastmf.data.item_groups import known_items
from fastmf.data.items import Items
from fastmf.data.summary import summarize_ratings
from fastmf.report import Described

VOID = {"meta", "br", "hr", "img", "link", "input"}
# Attributes whose value a browser may load, and elements that load or run something.
LOADING = {"src", "srcset", "action", "data", "poster", "background", "formaction", "ping"}
FORBIDDEN = {"script", "link", "img", "image", "iframe", "object", "embed", "base", "form"}


class Page(HTMLParser):
    """What a page holds; raises where it is not well-formed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.words, self.tables = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] in {"td", "th", "span"} and self.tables:
            self.tables[-1][-1][-1] += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self):
        return " ".join(self.words)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def check_page(text):
    """Return a page after checking what holds for every report."""
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not FORBIDDEN & {tag for tag, _ in page.elements}
    assert page.all("html")[0]["lang"] == "en"
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert name not in LOADING
            assert not name.startswith("on")
            if name == "href":
                assert value.startswith("#")
                assert value[1:] in ids
    assert "url(http" not in text
    assert "@import" not in text
    assert len(page.all("svg")) >= 1
    for picture in page.all("svg"):
        assert picture["role"] == "img"
        assert len(picture["aria-label"]) > 20
        assert "width" not in picture
    assert len(page.all("summary")) == len(page.all("details")) >= 1
    assert len(page.all("figure")) <= len(page.all("table")) * 2
    for _, attributes in page.elements:  # every colour of a picture is one of the page's
        assert "#0" not in attributes.get("style", "")
    assert len(text.encode()) < 1_000_000
    return page


def describe(ratings, items=None):
    """Return ratings, and what is known of their items, ready for a report."""
    summary = summarize_ratings(ratings)
    if items is None:
        return Described(summary, ratings.users, ratings.items)
    titles = {i: t for i, t in zip(items.ids, items.titles, strict=True) if t is not None}
    known = known_items(items, ratings.items, summary.item_counts)
    return Described(summary, ratings.users, ratings.items, titles, known)


def planted(n_users=60, n_items=40, days=3000, seed=0):
    """Ratings of one to five stars with times."""
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((n_users, n_items)) < rng.random(n_items))
    time = 10**9 + rng.integers(0, days * 86400, len(users))
    return Ratings.from_arrays(users, items, rng.integers(1, 6, len(users)), time)


def planted_items(n_items=40):
    """A table of items: one without a title, one without a year, one without genres."""
    places = range(n_items)
    return Items(
        [str(place) for place in places],
        [None if place == 1 else f"Title {place}" for place in places],
        [None if place == 2 else 1950 + place for place in places],
        [() if place == 3 else ("Drama", "War")[: 1 + place % 2] for place in places],
        [None] * n_items,
        [None] * n_items,
    )


@pytest.fixture(scope="session")
def described():
    pytest.importorskip("matplotlib")
    return describe(planted(), planted_items())
