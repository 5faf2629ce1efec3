"""Netflix-shaped ratings with a planted model, whose smallest possible error is known."""

from fastmf.data.synthetic.generator import METADATA_KEY, Summary, generate
from fastmf.data.synthetic.layouts import LAYOUTS, layout_by_name
from fastmf.data.synthetic.profile import FULL_ITEMS, FULL_RATINGS, FULL_USERS
from fastmf.data.synthetic.titles import item_titles
from fastmf.data.synthetic.truth import Plant

__all__ = [
    "FULL_ITEMS",
    "FULL_RATINGS",
    "FULL_USERS",
    "LAYOUTS",
    "METADATA_KEY",
    "Plant",
    "Summary",
    "generate",
    "item_titles",
    "layout_by_name",
]
