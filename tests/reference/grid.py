"""Slow, obvious twins of fastmf.kernels.grid: lists and dictionaries instead of passes."""

from collections import Counter, defaultdict

import numpy as np


def distinct_ratings(rating_bits):
    """Return the distinct ratings in order of appearance, or None when there are over 255."""
    distinct = list(dict.fromkeys(rating_bits.tolist()))
    return distinct if len(distinct) <= 255 else None


def count_blocks(user_index, item_index, user_block, item_block, side):
    counts = np.zeros((side, side), np.int64)
    for user, item in zip(user_index, item_index, strict=True):
        counts[user_block[user], item_block[item]] += 1
    return counts.reshape(-1)


def blocks_of_rows(user_index, item_index, user_block, item_block, side):
    """Return the rows of each block, in the order of the table."""
    rows = [[] for _ in range(side * side)]
    for row, (user, item) in enumerate(zip(user_index, item_index, strict=True)):
        rows[int(user_block[user]) * side + int(item_block[item])].append(row)
    return rows


def count_batches(users):
    return sum(-(-count // 4) for count in Counter(users).values())


def batches_of_block(users, entries):
    """Return ``(user, entries)`` batches: sixteen users take turns with four entries each."""
    by_user = defaultdict(list)
    for user, entry in zip(users, entries, strict=True):
        by_user[user].append(entry)
    everyone = sorted(by_user)
    batches = []
    for first in range(0, len(everyone), 16):
        group = everyone[first : first + 16]
        longest = max(len(by_user[user]) for user in group)
        for done in range(0, longest, 4):
            turn = [(user, by_user[user][done : done + 4]) for user in group]
            batches += [(user, entries) for user, entries in turn if entries]
    return batches


def unpack(batches, values=()):
    """Return the batches as ``(user, item words, values or None)``, empty slots included."""
    unpacked = []
    for number, (head, *words) in enumerate(batches.reshape(-1, 5).tolist()):
        user, count = head & 0x3FFFFFFF, (head >> 30) + 1
        slots = values[number * 4 : number * 4 + 4] if len(values) else None
        unpacked.append((user, count, words, slots))
    return unpacked
