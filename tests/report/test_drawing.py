"""Pictures as SVG for a page."""

import sys

import pytest

from fastmf.errors import MissingDependencyError
from fastmf.report import check_matplotlib
from fastmf.report.drawing import HALF, figure_of, mark
from fastmf.report.theme import ACCENT, STYLE, VARIABLES


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "fastmf\[plot\]"'):
        check_matplotlib()
    with pytest.raises(MissingDependencyError):
        figure_of("Title", lambda axes: None, HALF, "text")


def test_bars_say_what_they_are_and_take_the_page_s_colours():
    pytest.importorskip("matplotlib")

    def draw(axes):
        for bar in axes.bar([0, 1], [1, 2], color=ACCENT):
            mark(bar, "<b> & 'so'")

    figure = figure_of("A title", draw, HALF, 'What "it" <shows>.')
    assert figure.title == "A title"
    assert figure.markup.startswith("<svg ")
    assert figure.markup.count("<title>&lt;b&gt; &amp; 'so'</title>") == 2
    assert "A title. What &quot;it&quot; &lt;shows&gt;." in figure.markup
    assert "fill:var(--accent)" in figure.markup
    assert not [colour for colour in VARIABLES if colour in figure.markup]
    for part in ("xmlns", "http", "<style", "<metadata", "<?xml", "DejaVu"):
        assert part not in figure.markup


def test_every_colour_has_a_value_for_light_and_for_dark():
    light, dark = STYLE.split("prefers-color-scheme: dark")
    for variable in VARIABLES.values():
        name = variable.removeprefix("var(").removesuffix(")") + ":"
        assert name in light
        assert name in dark


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_its_card(scheme):
    part = STYLE.split("prefers-color-scheme: dark")[scheme].split("}")[0]
    values = dict(
        pair.strip().removeprefix("--").split(": ") for pair in part.split(";") if "--" in pair
    )
    card = luminance(values["card"])
    for name in ("ink", "soft", "accent", "second"):
        low, high = sorted((card, luminance(values[name])))
        assert (high + 0.05) / (low + 0.05) > 4.5, name
