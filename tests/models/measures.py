"""What the tests of models compare."""

import numpy as np

LEARNED = (
    "user_factors_",
    "item_factors_",
    "user_bias_",
    "item_bias_",
    "unknown_user_factors_",
    "unknown_item_factors_",
    "unknown_bias_",
)


def learned_arrays(model):
    """Return the arrays of a model of factors, or whatever arrays another one has."""
    if hasattr(model, "user_bias_"):
        return [getattr(model, name) for name in LEARNED]
    return [array for _, array in sorted(model._saved_arrays().items())]


def learned(model):
    """Return all that training came to, as bytes, without the clock."""
    history = [record._replace(seconds=0.0) for record in model.history_]
    figures = (
        model.mean_,
        model._saved_record(),
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
    arrays = learned_arrays(model) + list(model.baseline_[1:])
    return [array.tobytes() for array in arrays], repr(figures)


def formula(model, user_ids, item_ids):
    """Predict pair by pair in float64, the unknown by what stands for them; not clipped."""
    users, items = model.users_.lookup(user_ids), model.items_.lookup(item_ids)
    if hasattr(model, "network_"):
        return network_formula(model.network_, users, items)
    scores = []
    for user, item in zip(users, items, strict=True):
        p, b = model.unknown_user_factors_, model.unknown_bias_[0]
        q, c = model.unknown_item_factors_, model.unknown_bias_[1]
        if user >= 0:
            p, b = model.user_factors_[user], model.user_bias_[user]
        if item >= 0:
            q, c = model.item_factors_[item], model.item_bias_[item]
        dot = float(p.astype(np.float64) @ q.astype(np.float64))
        scores.append(model.offset_ + float(b) + float(c) + dot)
    scores = np.array(scores)
    if model.link_ == "identity":
        return scores
    low, high = model.rating_range_
    if low >= 0 and high <= 1:
        low, high = 0, 1
    return low + (high - low) / (1 + np.exp(-scores))


def network_formula(state, users, items):
    """Predict by a network over pairs in float64, layer by layer."""
    rows = [part.astype(np.float64) for part in state.rows]
    user_factors, item_factors, user_bias, item_bias, user_features, item_features = rows
    of_user, of_item = (user_factors[users], user_features[users]), (item_factors[items],)
    x = np.hstack([*of_user, *of_item, item_features[items]])
    for layer in state.layers:
        x = x @ layer.weights.astype(np.float64) + layer.bias
        x = ACTIVATIONS[layer.activation](x)
    if state.biased_dot:
        products = np.einsum("ij,ij->i", user_factors[users], item_factors[items])
        score = products + user_bias[users] + item_bias[items]
        x += np.outer(score, state.objective.dot_shares)
    return state.objective.predictions(x)


ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.where(x > 0, x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
}


def is_one_line(error):
    return str(error.value).strip() and "\n" not in str(error.value)
