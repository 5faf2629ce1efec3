"""Slow, obvious twins of fastmf.kernels.predictions, in float64."""

import numpy as np

from tests.reference.links import rating_of


def predict_pairs(
    user_index,
    item_index,
    user_factors,
    item_factors,
    user_bias,
    item_bias,
    unknown_user,
    unknown_item,
    unknown_bias,
    link,
):
    predictions = []
    for user, item in zip(user_index, item_index, strict=True):
        p, b = (user_factors[user], user_bias[user]) if user >= 0 else (unknown_user, None)
        q, c = (item_factors[item], item_bias[item]) if item >= 0 else (unknown_item, None)
        b = unknown_bias[0] if b is None else b
        c = unknown_bias[1] if c is None else c
        score = float(link.offset) + float(b) + float(c) + float(p.astype(float) @ q.astype(float))
        predictions.append(rating_of(score, link))
    return np.array(predictions)


def squared_and_absolute_error(user_index, item_index, value, *model):
    errors = value.astype(float) - predict_pairs(user_index, item_index, *model)
    return (errors**2).sum(), np.abs(errors).sum()
