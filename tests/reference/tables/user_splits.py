"""Slow twins of fastmf.kernels.tables.user_splits, in Python integers."""

from collections import Counter, defaultdict

from tests.reference.hashing import GOLDEN, mix


def sample_of_users(users: list[int], wanted: dict[int, int], key: int) -> list[int]:
    """Choose the wanted number of each user's rows: Knuth's algorithm S within each user."""
    counts, seen, taken = Counter(users), Counter(), Counter()
    chosen = []
    for user in users:
        place = seen[user]
        seen[user] += 1
        stream = mix(key + (user + 1) * GOLDEN)
        uniform = (mix(stream + (place + 1) * GOLDEN) >> 11) / 2.0**53
        take = uniform * (counts[user] - place) < wanted[user] - taken[user]
        taken[user] += take
        chosen.append(int(take))
    return chosen


def choose_last(users: list[int], wanted: dict[int, int]) -> list[int]:
    """Choose the last rows of each user."""
    left = Counter(users)
    chosen = []
    for user in users:
        chosen.append(int(left[user] <= wanted[user]))
        left[user] -= 1
    return chosen


def rows_of_users(users: list[int]) -> dict[int, list[int]]:
    """Return the places of each user."""
    places = defaultdict(list)
    for place, user in enumerate(users):
        places[user].append(place)
    return places


def keep_latest(times: list[int], rows: list[int], wanted: int) -> set[int]:
    """Return the rows with the greatest (time, row)."""
    ranked = sorted(zip(times, rows, strict=True))
    return {row for _, row in ranked[len(ranked) - wanted :]}


def set_bits(rows: list[int], bits: list[int]) -> list[int]:
    """Set bits."""
    return [int(bit or row in rows) for row, bit in enumerate(bits)]
