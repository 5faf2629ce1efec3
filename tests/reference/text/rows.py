"""Slow twins of fastmf.kernels.text.rows: Python's own formatting."""

import datetime
from decimal import ROUND_HALF_UP, Decimal

_EPOCH = datetime.date(1970, 1, 1)


def rating_text(rating: float) -> str:
    if rating == int(rating):
        return str(int(rating))
    return str(Decimal(float(rating)).quantize(Decimal("1e-7"), ROUND_HALF_UP))


def date_text(days: int) -> str:
    return (_EPOCH + datetime.timedelta(days=days)).isoformat()


def write_delimited_rows(users, items, ratings, days, separator: str, time: int) -> str:
    times = {0: lambda day: [], 1: lambda day: [str(day * 86_400)], 2: lambda day: [date_text(day)]}
    return "".join(
        separator.join([str(user), str(item), rating_text(rating), *times[time](int(day))]) + "\n"
        for user, item, rating, day in zip(users, items, ratings, days, strict=True)
    )


def write_movie_rows(users, items, ratings, days, movie: int) -> str:
    text = ""
    for user, item, rating, day in zip(users, items, ratings, days, strict=True):
        text += "" if item == movie else f"{item}:\n"
        movie = item
        text += f"{user},{rating_text(rating)},{date_text(int(day))}\n"
    return text
