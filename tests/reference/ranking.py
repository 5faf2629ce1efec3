"""Slow, obvious twins of fastmf.metrics.ranking: one user's list, from the definitions."""

import math


def precision(hits, n_relevant):
    return sum(hits) / len(hits)


def recall(hits, n_relevant):
    return sum(hits) / n_relevant


def ndcg(hits, n_relevant):
    found = sum(1 / math.log2(place + 1) for place, hit in enumerate(hits, 1) if hit)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(len(hits), n_relevant) + 1))
    return found / best


def average_precision(hits, n_relevant):
    total = sum(sum(hits[:place]) / place for place, hit in enumerate(hits, 1) if hit)
    return total / min(len(hits), n_relevant)


def reciprocal_rank(hits, n_relevant):
    return next((1 / place for place, hit in enumerate(hits, 1) if hit), 0.0)


def hit_rate(hits, n_relevant):
    return float(any(hits))
