"""What the tests of models compare."""

import numpy as np

LEARNED = ("user_factors_", "item_factors_", "user_bias_", "item_bias_")


def learned(model):
    """Return all that training came to, as bytes, without the clock."""
    history = [record._replace(seconds=0.0) for record in model.history_]
    figures = (
        model.mean_,
        model.rating_range_,
        model.train_rmse_,
        model.valid_rmse_,
        model.valid_mae_,
        model.best_epoch_,
        model.epochs_run_,
        model.stopped_,
        model.n_ratings_,
        model.baseline_.mean,
        history,
    )
    arrays = [getattr(model, name) for name in LEARNED] + list(model.baseline_[1:])
    return [array.tobytes() for array in arrays], repr(figures)


def formula(model, user_ids, item_ids):
    """Predict pair by pair in float64, leaving out what is unknown; not clipped."""
    users, items = model.users_.lookup(user_ids), model.items_.lookup(item_ids)
    out = []
    for user, item in zip(users, items, strict=True):
        rating = model.mean_
        if user >= 0:
            rating += float(model.user_bias_[user])
        if item >= 0:
            rating += float(model.item_bias_[item])
        if user >= 0 and item >= 0:
            p, q = model.user_factors_[user], model.item_factors_[item]
            rating += float(p.astype(np.float64) @ q.astype(np.float64))
        out.append(rating)
    return np.array(out)


def is_one_line(error):
    return str(error.value).strip() and "\n" not in str(error.value)
