"""Slow, obvious twins of fastmf.kernels.relevant_items."""


def keep_seen(relevant, seen):
    """Return what one row has seen of what is not relevant to it."""
    return [item for item in seen if item not in relevant]


def hits(relevant, top):
    """Return whether each recommended item of one row is relevant."""
    return [item in relevant for item in top]
