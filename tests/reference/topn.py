"""Slow, obvious twins of fastmf.kernels.topn."""

import numpy as np


def score_rows(rows, row_bias, item_factors, item_bias):
    return rows.astype(float) @ item_factors.astype(float).T + item_bias + row_bias[:, np.newaxis]


def top_n(scores, seen, n):
    """Return indices and scores of the best n of one row: -1 and NaN where none is left."""
    order = np.lexsort((np.arange(len(scores)), -scores))
    order = [i for i in order if i not in seen and scores[i] > -np.inf][:n]
    missing = n - len(order)
    return order + [-1] * missing, [scores[i] for i in order] + [np.nan] * missing


def seen_items(user_index, item_index, wanted_user, model_item):
    """Return the model's indices of what one user has rated, in the order of the table."""
    return [
        model_item[item]
        for user, item in zip(user_index, item_index, strict=True)
        if user == wanted_user and model_item[item] >= 0
    ]
