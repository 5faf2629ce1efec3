"""``python -m bench CASE``: one case a question."""

from __future__ import annotations

import click

from bench.accuracy import accuracy
from bench.als import als
from bench.factors import factors
from bench.fold_in import fold_in
from bench.fuzz import fuzz
from bench.ingest import ingest
from bench.memory import memory
from bench.process import BenchError
from bench.scaling import scaling
from bench.sgd import sgd
from bench.startup import startup


class Cases(click.Group):
    """Commands whose failures are one line on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the case."""
        try:
            return super().invoke(ctx)
        except BenchError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Cases)
def main() -> None:
    """Benchmarks of fastmf; each writes JSON and a Markdown table. See docs/BENCHMARKS.md."""


for case in (sgd, als, accuracy, factors, fold_in, scaling, startup, memory, ingest, fuzz):
    main.add_command(case)


if __name__ == "__main__":
    main(prog_name="python -m bench")
