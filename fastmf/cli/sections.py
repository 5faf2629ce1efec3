"""Help pages whose options stand under headings."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["SectionOption", "SectionedCommand"]

_PLAIN = "Options"  # the heading of those without a section


class SectionOption(click.Option):
    """An option that stands under a heading of its own on the help page of a `SectionedCommand`.

    Parameters
    ----------
    *arguments, **attributes
        As of `click.Option`.
    section : str
        The heading.
    """

    def __init__(self, *arguments: Any, section: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help page groups its options by their sections; plain ones come first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        sections: dict[str, list[tuple[str, str]]] = {_PLAIN: []}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None and isinstance(option, click.Option):
                sections.setdefault(getattr(option, "section", _PLAIN), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)
