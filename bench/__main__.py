"""``python -m bench CASE``: one case a question."""

from __future__ import annotations

import click

from bench.accuracy import accuracy
from bench.als import als
from bench.autorec import autorec
from bench.factors import factors
from bench.fold_in import fold_in
from bench.fuzz import fuzz
from bench.ingest import ingest
from bench.memory import memory
from bench.mlp import mlp
from bench.process import BenchError
from bench.scaling import scaling
from bench.seeds import seeds
from bench.sgd import sgd
from bench.startup import startup
from bench.torch_curves import torch_curves


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


CASES = (
    *(sgd, als, mlp, autorec, torch_curves),
    *(accuracy, seeds, factors, fold_in),
    *(scaling, startup, memory, ingest, fuzz),
)
for case in CASES:
    main.add_command(case)


if __name__ == "__main__":
    main(prog_name="python -m bench")
