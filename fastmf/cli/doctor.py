"""`fastmf doctor`: what fastmf finds on this machine, what is wrong with it, and the mend."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.console import print_json
from fastmf.cli.options import json_option
from fastmf.cli.text_table import bytes_text, table

if TYPE_CHECKING:
    from fastmf.cli.diagnosis import Diagnosis

__all__ = ["doctor"]


@click.command(
    short_help="Look for what keeps fastmf from working well here.",
    epilog="""\b
Examples:
  fastmf doctor
  fastmf doctor --json > report.json
""",
)
@json_option
@click.pass_context
def doctor(ctx: click.Context, /, *, as_json: bool) -> None:
    """Look for what could keep fastmf from working, or from working fast.

    Shows versions, processor, threads, BLAS, the caches of compiled code and of ratings, disk and
    memory; then what is wrong with them and how to mend it. Ends with status 1 where something is
    broken.
    """
    from fastmf.cli.diagnosis import diagnose

    diagnosis = diagnose()
    if as_json:
        problems = [asdict(problem) for problem in diagnosis.problems]
        print_json({**diagnosis.sections, "problems": problems, "broken": diagnosis.is_broken})
    else:
        click.echo("\n".join(_lines(diagnosis)))
    if diagnosis.is_broken:
        ctx.exit(1)


def _lines(diagnosis: Diagnosis) -> list[str]:
    lines = []
    for title, findings in diagnosis.sections.items():
        rows = [(_words(name), _shown(name, value)) for name, value in findings.items()]
        lines += ["BLAS" if title == "blas" else _words(title).capitalize(), table(rows), ""]
    if not diagnosis.problems:
        return [*lines, "Nothing is wrong."]
    lines.append("Problems")
    for problem in diagnosis.problems:
        kind = "broken" if problem.broken else "warning"
        lines += [f"  {kind}: {problem.what}", f"    mend: {problem.mend}"]
    return lines


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "unknown" if name.startswith("memory") else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "bytes" or name.startswith(("disk", "memory")):
        return bytes_text(value)
    return str(value)
