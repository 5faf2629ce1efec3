# ruff: noqa: T201
"""Stands in for the fastmf command: prints the report that the contract names, in no time.

An epoch takes factors padded to 16, in milliseconds, over the number of threads; the validation
RMSE falls by 0.05 an epoch from 1.0. Each call is written to the file that FAKE_FASTMF_LOG names.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def options(words: list[str]) -> dict[str, str]:
    """Return the options by name; a flag, behind which no value stands, is the empty text."""
    given: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word
            given[name] = ""
        else:
            given[name] = word
    return given


def main(arguments: list[str]) -> None:
    if arguments == ["--version"]:
        print("fastmf, version 9.9")
        return
    command, data, *rest = arguments
    assert command == "train"
    assert Path(data).is_file()
    assert rest[-2:] == ["--json", "--quiet"]
    given = options(rest[:-2])
    factors, threads = int(given["--factors"]), int(given["--threads"])
    epochs = int(given.get("--epochs", 6))
    store = Path(os.environ["FASTMF_CACHE_DIR"]) / Path(data).name
    compiled = Path(os.environ["NUMBA_CACHE_DIR"]) / "code"
    is_first, must_compile = not store.exists(), not compiled.exists()
    if is_first:
        time.sleep(0.1)
    for path in (store, compiled):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with Path(os.environ["FAKE_FASTMF_LOG"]).open("a") as log:
        log.write(json.dumps({"given": given, "is_first": is_first}) + "\n")
    out = Path(given["--out"])
    out.mkdir(parents=True)
    rows = np.full((2, factors), epochs, dtype=np.float32)
    if os.environ.get("FAKE_FASTMF_RACE"):
        rows += threads
    save_file({"user_factors": rows, "item_factors": rows}, out / "arrays.safetensors")
    one = -(-factors // 16) * 16 / 1000 / threads
    has_valid = "--valid" in given
    history = [
        {
            "epoch": epoch,
            "seconds": round(one * epoch, 6),
            "train_rmse": 0.9,
            "valid_rmse": round(1 - 0.05 * epoch, 6) if has_valid else None,
        }
        for epoch in range(1, epochs + 1)
    ]
    seconds = {
        "read": 0.25 if is_first else 0.0,
        "prepare": 0.125,
        "compile": 5.0 if must_compile else 0.0,
        "train": one * epochs,
        "total": one * epochs + 0.5,
    }
    report = {
        "model": "mf",
        "factors": factors,
        "epochs_run": epochs,
        "valid_rmse": history[-1]["valid_rmse"],
        "seconds": seconds,
        "peak_rss_bytes": 1,
        "model_path": str(out),
        "history": history,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1:])
