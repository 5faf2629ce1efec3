"""Pictures and HTML: what ratings, or a model, look like, on a page that needs no network.

The report of a model, `fastmf.report.model_report`, loads the models' room and is imported apart.
"""

from __future__ import annotations

from fastmf.report.described import Described
from fastmf.report.drawing import check_matplotlib
from fastmf.report.html_file import check_html_target, write_html
from fastmf.report.ratings_report import ratings_report

__all__ = [
    "Described",
    "check_html_target",
    "check_matplotlib",
    "ratings_report",
    "write_html",
]
