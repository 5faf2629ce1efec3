"""The command line: one module a command, and the only room that prints.

Modules of this room import click at their top and everything else when a command runs, so that
``fastmf --help`` answers at once.
"""

from __future__ import annotations

from fastmf.cli.group import fastmf, main

__all__ = ["fastmf", "main"]
