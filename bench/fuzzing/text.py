"""Text to read: delimited, and the blocks of the Netflix Prize."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.fuzzing.cases import Case, Row, damaged, make_rows

# What one byte of a line is overwritten with: nothing that ends a field, a line or a quote.
BLOTS = b"0123456789-+.eExZ\x00\x01\x7f\x80\xc3\xff"
KINDS, SHARES = (
    ("same", "twice", "short", "open", "blot", "damage"),
    (0.1, 0.05, 0.05, 0.1, 0.2, 0.5),
)
RATING_LINE = "{user},{rating},{date}"


@dataclass(frozen=True)
class TextStyle:
    """How a text layout is written."""

    separator: str
    header: str | None
    has_time: bool
    text_ids: bool  # whether ids may be text
    quotes: bool = False
    unrated: bool = False  # whether -1 stands for "not rated"
    interactions: bool = False  # without ratings

    def line(self, row: Row) -> str:
        """Return a row as its line."""
        rating = [] if self.interactions else [f"{row.rating:g}"]
        fields = [row.user, row.item, *rating] + [str(row.time)] * self.has_time
        return self.separator.join(
            f'"{text}"' if self.quotes and self.separator in text else text for text in fields
        )


CSV = TextStyle(",", "userId,movieId,rating,timestamp", True, True, quotes=True)
STYLES = {
    "csv": CSV,
    "tsv": TextStyle("\t", None, True, True),
    "colons": TextStyle("::", None, True, True),
    "bars": TextStyle("|", "user|item|rating", False, True),
    "libmf": TextStyle(" ", None, False, False),
    "anime": TextStyle(",", "user_id,anime_id,rating", False, False, unrated=True),
    "interactions": TextStyle(",", "user,item", False, True, quotes=True, interactions=True),
    "recbole": TextStyle(
        "\t", "user_id:token\titem_id:token\trating:float\ttimestamp:float", True, True
    ),
}


def text_case(style: TextStyle, name: str, rng: np.random.Generator) -> Case:
    """Make a delimited file: changed in a way that keeps its meaning, or blotted, or damaged."""
    rows = make_rows(rng, text_ids=style.text_ids)
    if style.interactions:
        rows = [row._replace(rating=1.0) for row in rows]
    header = [] if style.header is None else [style.header]
    lines = [style.line(row) for row in rows]
    if style.unrated:
        lines += [style.line(row._replace(item="99", rating=-1)) for row in rows[::3]]
    kind = str(rng.choice(KINDS, p=SHARES))
    case = Case({}, name, kind, rows, interactions=style.interactions)
    if kind == "twice":
        again = rows[int(rng.integers(len(rows)))]._replace(
            rating=1.0 if style.interactions else 4.5
        )
        lines.append(style.line(again))
        case = replace(case, expected=[*rows, again])
    elif kind == "short":
        n_bad = int(rng.integers(1, 8))
        short = "1" if style.interactions else "1" + style.separator + "2"
        for _ in range(n_bad):
            lines.insert(int(rng.integers(2, len(lines) + 1)), short)
        case = replace(case, n_bad=n_bad)
    elif kind == "open":
        # Whatever the quote encloses, no other row goes.
        lines.insert(int(rng.integers(2, len(lines) + 1)), "1" + style.separator + '"2')
        case = replace(case, expected=None, survivors=rows)
    if kind == "blot":
        return blotted(case, header, lines, rng)
    data = "\n".join((*header, *lines)).encode() + b"\n"
    if kind == "same":
        data = ended_otherwise(data, rng)
    elif kind == "damage":
        data, what = damaged(data, rng)
        case = replace(case, expected=None, what=what)
    return replace(case, files={name: data})


def ended_otherwise(data: bytes, rng: np.random.Generator) -> bytes:
    """Change how lines end and how the file begins, which changes nothing."""
    if rng.random() < 0.5:
        data = data.replace(b"\n", b"\r\n")
    data = data.rstrip(b"\r\n") if rng.random() < 0.5 else data + b"\n\n"
    return b"\xef\xbb\xbf" + data if rng.random() < 0.5 else data


def blotted(case: Case, header: list[str], lines: list[str], rng: np.random.Generator) -> Case:
    """Overwrite one byte of a line: all other rows must survive."""
    # Not of the first rows: what they hold decides how the others are read.
    number = int(rng.integers(2, len(lines)))
    encoded = [bytearray(line.encode()) for line in lines]
    free = [place for place, byte in enumerate(encoded[number]) if byte != ord('"')]
    at = int(rng.choice(free))
    encoded[number][at] = int(rng.choice(np.frombuffer(BLOTS, np.uint8)))
    data = b"\n".join((*(line.encode() for line in header), *encoded)) + b"\n"
    rows = case.expected or []
    return replace(
        case,
        files={case.target: data},
        what=f"byte {at} of line {len(header) + number + 1} overwritten",
        expected=None,
        survivors=[row for place, row in enumerate(rows) if place != number],
    )


def netflix_lines(rows: list[Row], line: str) -> tuple[list[str], list[int]]:
    """Return lines of rows in the order of their movies, and which line each row is.

    Parameters
    ----------
    rows : list of Row
        Movie by movie.
    line : str
        A row, with ``{user}``, ``{rating}`` and ``{date}``.
    """
    lines: list[str] = []
    of_row: list[int] = []
    for number, row in enumerate(rows):
        if number == 0 or row.item != rows[number - 1].item:
            lines.append(f"{row.item}:")
        of_row.append(len(lines))
        date = np.datetime64(row.time, "s").astype("datetime64[D]")
        lines.append(line.format(user=row.user, rating=f"{row.rating:g}", date=date))
    return lines, of_row


def _movie_rows(rng: np.random.Generator) -> list[Row]:
    drawn = make_rows(rng, text_ids=False)
    return sorted((row._replace(rating=float(np.ceil(row.rating))) for row in drawn), key=_movie)


def movie_files_case(rng: np.random.Generator) -> Case:
    """Make a folder of files of a movie each, one of them damaged, or with lines left out."""
    rows = _movie_rows(rng)
    files: dict[str, bytes] = {}
    for movie in dict.fromkeys(row.item for row in rows):
        mine = [row for row in rows if row.item == movie]
        lines, _ = netflix_lines(mine, RATING_LINE)
        files[f"training_set/mv_{movie:0>7}.txt"] = "\n".join(lines).encode() + b"\n"
    name = str(rng.choice(sorted(files)))
    kind = rng.random()
    if kind < 0.3:
        if rng.random() < 0.5:
            files[name] = files[name].replace(b"\n", b"\r\n")
        files[name] = files[name].rstrip(b"\r\n") if rng.random() < 0.5 else files[name]
        files["training_set/movie_titles.csv"] = b"1,1999,A title, with a comma\n"
        return Case(files, "training_set", "line ends", rows)
    if kind < 0.5:
        n_bad = int(rng.integers(1, 4))
        files[name] += b"1,2\n" * n_bad
        return Case(files, "training_set", f"{n_bad} bad lines in {name}", rows, n_bad)
    files[name], what = damaged(files[name], rng)
    return Case(files, "training_set", f"{name}: {what}")


def netflix_case(name: str, rng: np.random.Generator) -> Case:
    """Make a file of blocks, each a movie and its ratings."""
    rows = _movie_rows(rng)
    lines, of_row = netflix_lines(rows, RATING_LINE)
    kind = rng.random()
    if kind < 0.2:
        number = int(rng.integers(len(rows)))
        line = bytearray(lines[of_row[number]].encode())
        at = int(rng.integers(len(line)))
        line[at] = int(rng.choice(np.frombuffer(BLOTS, np.uint8)))
        encoded = [text.encode() for text in lines]
        encoded[of_row[number]] = bytes(line)
        return Case(
            {name: b"\n".join(encoded) + b"\n"},
            name,
            f"byte {at} of line {of_row[number] + 1} overwritten",
            survivors=rows[:number] + rows[number + 1 :],
        )
    data = "\n".join(lines).encode() + b"\n"
    if kind < 0.4:
        data = data.replace(b"\n", b"\r\n") if rng.random() < 0.5 else data
        data = data.rstrip(b"\r\n") if rng.random() < 0.5 else data
        return Case({name: data}, name, "line ends", rows)
    data, what = damaged(data, rng)
    return Case({name: data}, name, what)


def _movie(row: Row) -> int:
    return int(row.item)
