"""Slow, obvious twin of fastmf.kernels.batch_rows, in Python's integers."""


def offsets_of_rows(batches, number, *, coded, stride):
    """Return where the rows of batch `number` begin: the user's, then four items'."""
    user, *words = batches.reshape(-1, 5)[number].tolist()
    items = [word % 2**24 if coded else word for word in words]
    return tuple(row * stride for row in (user % 2**30, *items))
