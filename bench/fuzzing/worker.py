"""A process that judges cases until it is told to end, or dies of one of them.

It reads one JSON object a line (``reader``, ``seed``, ``case``, ``files`` by their names in base64
in place of the case's own, or null) and answers each with a verdict.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.fuzzing.judge import judge
from bench.fuzzing.makers import make_case

# What a file promises must not take the machine with it.
MEMORY_LIMIT = 8 << 30


def answer(request: dict[str, Any]) -> dict[str, str]:
    """Judge the case of one request."""
    case = make_case(request["reader"], request["seed"], request["case"])
    if request["files"] is not None:
        files = {name: base64.b64decode(data) for name, data in request["files"].items()}
        case = replace(case, files=files)
    with tempfile.TemporaryDirectory() as folder:
        return judge(case, Path(folder))._asdict()


def main() -> None:
    """Answer requests from standard input."""
    with contextlib.suppress(ImportError):  # not on Windows
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
