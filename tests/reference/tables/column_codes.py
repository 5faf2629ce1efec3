"""Slow and obvious versions of `fastmf.kernels.tables.column_codes`."""

import numpy as np


def code_values(values, levels, n_levels):
    """Return codes and levels, or None for the rows from the 257th level on."""
    known = [np.float32(level).tobytes() for level in levels[:n_levels]]
    codes = []
    for value in values:
        if value.tobytes() not in known:
            if len(known) == 256:
                break
            known.append(value.tobytes())
        codes.append(known.index(value.tobytes()))
    return codes, [np.frombuffer(level, np.float32)[0] for level in known]


def code_bytes(data, code_of_byte):
    """Return the codes of all bytes before the first that has none."""
    codes = [int(code_of_byte[byte]) for byte in data]
    return codes[: codes.index(-1)] if -1 in codes else codes


def look_up_levels(codes, levels):
    return np.array([levels[code] for code in codes], np.float32)


def narrow_days(seconds):
    """Return the days, or None where some times are not the midnight of one of 65,536 days."""
    days = [divmod(int(second), 86_400) for second in seconds]
    if all(rest == 0 and 0 <= day < 2**16 for day, rest in days):
        return [day for day, _ in days]
    return None
