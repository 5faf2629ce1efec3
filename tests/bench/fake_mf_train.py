# ruff: noqa: T201
"""Stands in for LIBMF's mf-train: the same options, the same table, the same way of flushing.

It holds the training file open for 0.15 s, sets up for 0.1 s, and iterates for 0.02 s each. The
validation RMSE after the last iteration is 0.80 with -l2 0.05 and 0.82 otherwise; -l2 0.02 fails.
"""

import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    *options, train, model = arguments
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert given["-f"] == "0"
    n_users = n_items = 0
    with Path(train).open() as lines:
        for line in lines:
            user, item, _ = line.split()
            n_users, n_items = max(n_users, int(user) + 1), max(n_items, int(item) + 1)
        time.sleep(0.15)
    time.sleep(0.1)
    if given["-l2"] == "0.02":
        print("regularization coefficient should be a number")
        return 1
    has_valid = "-p" in given
    print("iter      tr_rmse" + ("      va_rmse" if has_valid else "") + "          obj")
    iterations = int(given["-t"])
    for iteration in range(iterations):
        time.sleep(0.02)
        last = 0.80 if given["-l2"] == "0.05" else 0.82
        score = f"       {last + 0.01 * (iterations - 1 - iteration):.4f}" if has_valid else ""
        print(f"{iteration:4d}       1.0597{score}   2.8041e+02", flush=True)
    factors = int(given["-k"])
    with Path(model).open("w") as file:
        file.write(f"f 0\nm {n_users}\nn {n_items}\nk {factors}\nb 3\n")
        for letter, count in (("p", n_users), ("q", n_items)):
            for row in range(count):
                # user x item is 2 everywhere, but for user 0, which is marked as not trained
                known = "F" if letter == "p" and row == 0 else "T"
                value = {"F": 0, "T": 1}[known]
                first = 2 * value if letter == "p" else value
                file.write(f"{letter}{row} {known} {first} " + "0 " * (factors - 1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
