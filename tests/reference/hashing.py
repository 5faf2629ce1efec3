"""Slow twin of fastmf.kernels.hashing, in Python integers."""

GOLDEN = 0x9E3779B97F4A7C15
WORD = 2**64


def mix(word: int) -> int:
    """Return the finalizer of SplitMix64."""
    word %= WORD
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % WORD
    return word ^ (word >> 31)
