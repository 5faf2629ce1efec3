"""Slow, obvious twins of fastmf.kernels.predictions, in float64."""

import numpy as np


def predict_pairs(
    user_index, item_index, user_factors, item_factors, user_bias, item_bias, mean, low, high
):
    predictions = []
    for user, item in zip(user_index, item_index, strict=True):
        prediction = float(mean)
        if user >= 0:
            prediction += float(user_bias[user])
        if item >= 0:
            prediction += float(item_bias[item])
        if user >= 0 and item >= 0:
            prediction += float(user_factors[user].astype(float) @ item_factors[item].astype(float))
        predictions.append(np.clip(prediction, low, high))
    return np.array(predictions)


def squared_and_absolute_error(user_index, item_index, value, *model):
    errors = value.astype(float) - predict_pairs(user_index, item_index, *model)
    return (errors**2).sum(), np.abs(errors).sum()
