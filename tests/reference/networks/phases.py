"""Slow, obvious twins of fastmf.kernels.networks.phases, for a single thread."""

TAKEN, DONE, OPEN = range(3)


def take_task(board, phase):
    board[phase][TAKEN] += 1
    return board[phase][TAKEN] - 1


def end_task(board, phase, n_tasks):
    board[phase][DONE] += 1
    return board[phase][DONE] == n_tasks


def open_next(board, phase):
    board[phase][OPEN] = 1


def wait_for(board, phase):
    assert board[phase][OPEN], "nobody would ever open it"
