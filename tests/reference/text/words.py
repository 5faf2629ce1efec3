"""Slow twins of fastmf.kernels.text.words: Python's integers."""


def eight_bytes(text: bytes, at: int) -> int:
    """Read eight bytes as one number, the first as its lowest byte."""
    return int.from_bytes(text[at : at + 8], "little")


def trailing_zeros(word: int) -> int:
    """Count the zero bits below the lowest one that is set; 64 for zero."""
    return 64 if word == 0 else (word & -word).bit_length() - 1
