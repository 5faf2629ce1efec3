"""Pictures: drawn by matplotlib, and turned into SVG that lives in a page and takes its colours."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastmf.errors import MissingDependencyError
from fastmf.report.page import Figure
from fastmf.report.theme import INK, LINE, SOFT, VARIABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HALF", "WHOLE", "check_matplotlib", "figure_of", "mark"]

# Width and height in inches of a picture as wide as the page, and of one half as wide.
WHOLE = (9.0, 2.8)
HALF = (4.5, 2.8)

# Typed differently in each version of matplotlib.
_SETTINGS: Any = {
    "svg.hashsalt": "fastmf",  # the same names, and so the same bytes, every time
    "svg.fonttype": "none",  # text stays text: it can be found, read out and takes the page's font
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a title is a dollar sign
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.formatter.use_locale": False,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.color": LINE,
    "ytick.labelcolor": SOFT,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "xtick.minor.size": 0,
    "timezone": "UTC",
}
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_MARK = "mark:"
_MEASURES = frozenset(("d", "x", "y", "transform", "width", "height"))


def check_matplotlib() -> None:
    """Ask for what pictures are drawn with, before any work is done for them.

    Raises
    ------
    MissingDependencyError
        When matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401, PLC0415 - an extra, and half a second
    except ImportError as error:
        raise MissingDependencyError(
            f'pictures need matplotlib ({error}): pip install "fastmf[plot]"'
        ) from error


def mark(artist: Any, text: str) -> None:
    """Name a bar or a point: what shows when the pointer rests on it.

    Parameters
    ----------
    artist : matplotlib.artist.Artist
    text : str
        Such as ``"4 stars: 1,234 ratings"``.
    """
    artist.set_gid(_MARK + text)


def figure_of(
    title: str, draw: Callable[[Axes], None], size: tuple[float, float], text: str
) -> Figure:
    """Draw a picture.

    Parameters
    ----------
    title : str
        What the picture is; unlike that of any other on the page.
    draw : callable
        Draws into the axes that it is given.
    size : (float, float)
        Width and height, inches: `WHOLE` or `HALF`.
    text : str
        What it shows, in a sentence, for those who do not see it.

    Returns
    -------
    Figure
        An ``<svg>`` element for a page, the same bytes every time.

    Raises
    ------
    MissingDependencyError
        When matplotlib is not installed.
    """
    check_matplotlib()
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib import figure as figures  # noqa: PLC0415 - not pyplot, which keeps them

    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the reader's own settings are
        mpl.rcParams.update(_SETTINGS)
        figure = figures.Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        written = io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    return Figure(title, _for_a_page(written.getvalue(), title, text, size == WHOLE))


def _for_a_page(svg: bytes, title: str, text: str, wide: bool) -> str:
    root = ET.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            # A style sheet within would be the whole page's.
            if not child.tag.startswith(_SVG) or child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    named = _names(root, title)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        _clean(element, named)
    for element in list(root.iter("defs")):
        if len(element) == 0:
            _drop(root, element)
    box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"viewBox": box, "role": "img", "aria-label": f"{title}. {text}"})
    if wide:
        root.set("class", "wide")
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _names(root: ET.Element, title: str) -> dict[str, str]:
    """Return new names for the ids that something refers to; a page may hold an id once only."""
    prefix = re.sub(r"[^a-z]+", "-", title.lower()).strip("-")
    written = ET.tostring(root, encoding="unicode")
    used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([^)"]+)', written))
    return {old: f"{prefix}-{number}" for number, old in enumerate(used)}


def _clean(element: ET.Element, named: dict[str, str]) -> None:
    """Give an element the page's colours and font, names of its own, and no needless digits."""
    attributes = element.attrib
    own = attributes.pop("id", "")
    if own in named:
        attributes["id"] = named[own]
    elif own.startswith(_MARK):
        hint = ET.Element("title")
        hint.text = own.removeprefix(_MARK)
        for child in element:
            child.set("class", "mark")
        element.insert(0, hint)
    if _LINK in attributes:
        attributes["href"] = "#" + named[attributes.pop(_LINK)[1:]]
    for name, value in list(attributes.items()):
        if name in _MEASURES:
            attributes[name] = " ".join(re.sub(r"-?\d+\.\d+", _shortened, value).split())
        elif name == "style":
            attributes[name] = _styled(value)
        elif "url(#" in value:
            attributes[name] = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{named[m[1]]})", value)
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    # matplotlib breaks lines between elements.
    element.text = element.text if element.text and element.text.strip() else None
    element.tail = None


def _styled(style: str) -> str:
    """Return a style with the colours and the font of the page."""
    style = re.sub(r"font: ([\d.]+px)[^;]*", r"font-size: \1", style)
    style = re.sub(r"font-family: [^;]*; ?", "", style)
    for colour, variable in VARIABLES.items():
        style = style.replace(colour, variable)
    return style.replace(": ", ":").replace("; ", ";")


def _shortened(number: re.Match[str]) -> str:
    """Write a coordinate with two digits: a hundredth of a point is not seen."""
    return f"{round(float(number[0]), 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _drop(root: ET.Element, element: ET.Element) -> None:
    for parent in root.iter():
        if element in list(parent):
            parent.remove(element)
