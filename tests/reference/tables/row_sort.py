"""Slow, obvious twins of fastmf.kernels.tables.row_sort: dictionaries instead of passes."""

from collections import Counter, defaultdict


def counts(rows, n):
    counted = Counter(int(row) for row in rows)
    return [counted[row] for row in range(n)]


def sort(rows, columns, values):
    """Return the (column, value) pairs of every row that has some, in the order of the table."""
    sorted_rows = defaultdict(list)
    for row, column, value in zip(rows, columns, values, strict=True):
        sorted_rows[int(row)].append((int(column), float(value)))
    return dict(sorted_rows)
